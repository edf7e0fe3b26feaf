"""Which file a module's name means, and which files import a module."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from obs_lint.discovery import Discovery, ProjectFile
from obs_lint.facts.model import LexicalImport
from obs_lint.modules import ModuleIndex


class Modules:
    """The modules of a project, by name, by place and by who imports them."""

    def __init__(self, discovery: Discovery, imports: Callable[[str], tuple[LexicalImport, ...]]) -> None:
        """`imports` returns the lexical imports of a file."""
        self.imports = imports
        self.files: Mapping[str, ProjectFile] = {file.path: file for file in discovery.files}
        self._discovery = discovery
        self._index: ModuleIndex | None = None
        self._found: dict[tuple[str, str], tuple[str, ...]] = {}
        self._folders: frozenset[str] | None = None
        self._by_name: dict[str, list[tuple[str, LexicalImport]]] | None = None
        self._by_place: dict[str, list[tuple[str, LexicalImport]]] = {}
        self._importers: dict[str, tuple[str, ...]] = {}

    # -- from a name to files

    @property
    def index(self) -> ModuleIndex:
        """The index of module names; made when first used."""
        if self._index is None:
            self._index = ModuleIndex(self._discovery)
        return self._index

    def find(self, name: str, importer: str) -> tuple[str, ...]:
        """Return the files that `import name` in `importer` may mean; () for external modules and bare folders."""
        key = (name, importer.rpartition("/")[0])
        found = self._found.get(key)
        if found is None:
            file = self.files.get(importer)
            if file is None:
                rows = self.index.named(name)
            else:
                rows = self.index.find(name, file)
            found = self._found[key] = tuple([row.path for row in rows])
        return found

    def is_package_prefix(self, name: str, importer: str) -> bool:
        """True where modules that `importer` can import have names below `name`."""
        file = self.files.get(importer)
        return file is not None and self.index.is_package_prefix(name, file)

    def relative(self, path: str, level: int, module: str) -> tuple[tuple[str, ...], str]:
        """Return the files that `from` plus `level` dots plus `module` means in the file at `path`, and their folder.

        Nothing and an empty folder where the dots lead out of the project or to its root, which is no package.
        """
        folder = path
        for _ in range(level):
            folder, slash, _ = folder.rpartition("/")
            if not slash:
                return (), ""
        file = self.files.get(path)
        rows = () if file is None else self.index.find_relative(module, level, file)
        return tuple([row.path for row in rows]), f"{folder}/{module.replace('.', '/')}" if module else folder

    def at(self, folder: str, name: str) -> tuple[tuple[str, ...], str]:
        """Return the module `name` in a folder that is no package, or its folder where that is all there is."""
        place = f"{folder}/{name}" if folder else name
        for path in (f"{place}/__init__.py", f"{place}.py", f"{place}/__init__.pyi", f"{place}.pyi"):
            if path in self.files:
                return (path,), ""
        return (), place if place in self.folders else ""

    def submodule(self, path: str, name: str) -> tuple[tuple[str, ...], str]:
        """Return the file of a submodule, and its folder where that is all there is. `path` is the package's."""
        file = self.files.get(path)
        if file is None or not file.is_package:
            return (), ""
        found = self.index.submodule(file, name)
        if found is not None:
            return (found.path,), ""
        folder = path.rpartition("/")[0]
        place = f"{folder}/{name}" if folder else name
        return (), place if place in self.folders else ""

    @property
    def folders(self) -> frozenset[str]:
        """Every folder that has a file of the project below it."""
        if self._folders is None:
            folders: set[str] = set()
            for path in self.files:
                folder = path.rpartition("/")[0]
                while folder and folder not in folders:
                    folders.add(folder)
                    folder = folder.rpartition("/")[0]
            self._folders = frozenset(folders)
        return self._folders

    def name_of(self, path: str) -> str:
        """Return the module's first name."""
        file = self.files.get(path)
        return file.names[0] if file is not None and file.names else path

    # -- from a file to those that import it

    def importers(self, path: str) -> tuple[str, ...]:
        """Return the files that import the module, or something from it; sorted."""
        known = self._importers.get(path)
        if known is None:
            known = self._importers[path] = tuple(sorted({importer for importer, _ in self._imports_of(path)}))
        return known

    def _imports_of(self, path: str) -> list[tuple[str, LexicalImport]]:
        """Return (importer, import) for every import that may bind the module or something from it."""
        file = self.files.get(path)
        if file is None:
            return []
        if self._by_name is None:
            self._by_name = self._build()
        place = path.rpartition(".")[0].removesuffix("/__init__")
        result: list[tuple[str, LexicalImport]] = []
        for name, folder in _spellings(file, place):
            for importer, found in self._by_name.get(name, ()):
                if importer != path and (folder is None or importer.rpartition("/")[0] == folder):
                    if path in self.find(name, importer):
                        result.append((importer, found))
            parent, _, last = name.rpartition(".")
            for importer, found in self._by_name.get(parent, ()) if parent else ():
                if importer != path and (folder is None or importer.rpartition("/")[0] == folder):
                    if _takes(found, last) and path in self.find(name, importer):
                        result.append((importer, found))
        folder, _, last = place.rpartition("/")
        if self.at(folder, last)[0] == (path,):
            result += [row for row in self._by_place.get(place, ()) if row[0] != path]
            result += [row for row in self._by_place.get(folder, ()) if row[0] != path and _takes(row[1], last)]
        return result

    def _build(self) -> dict[str, list[tuple[str, LexicalImport]]]:
        by_name: dict[str, list[tuple[str, LexicalImport]]] = {}
        by_place = self._by_place
        imports = self.imports
        for path in self.files:
            for found in imports(path):
                module = found.module
                row = (path, found)
                if found.level:
                    folder = path
                    for _ in range(found.level):
                        folder = folder.rpartition("/")[0]
                    if module:
                        folder = f"{folder}/{module.replace('.', '/')}"
                    by_place.setdefault(folder, []).append(row)
                    continue
                if module in by_name:
                    by_name[module].append(row)
                else:
                    by_name[module] = [row]
                if found.names is None and "." in module and found.bound and "." not in found.bound:
                    if module.startswith(found.bound + "."):
                        while "." in module:
                            module = module.rpartition(".")[0]
                            by_name.setdefault(module, []).append(row)
        return by_name

    def holders(self, path: str, name: str, limit: int) -> list[str] | None:
        """Return the files in which the module's `name` may be bound, over re-exports; None for more than `limit`.

        Files that only import the module as a whole count too.
        """
        found: dict[str, None] = {}
        todo = [(path, name)]
        asked = {(path, name)}
        while todo:
            current, wanted = todo.pop()
            for importer, statement in self._imports_of(current):
                if statement.names is None:
                    found[importer] = None
                    continue
                for written, bound in statement.names:
                    if written in (wanted, "*") or not self._is_name_of(current, statement, written):
                        found[importer] = None
                        step = (importer, wanted if written == "*" else bound)
                        if step not in asked and written in (wanted, "*"):
                            asked.add(step)
                            todo.append(step)
                if len(found) > limit:
                    return None
        return list(found)

    def _is_name_of(self, path: str, statement: LexicalImport, written: str) -> bool:
        """True where a `from` import takes a name out of the module at `path`, not the module itself."""
        place = path.rpartition(".")[0].removesuffix("/__init__")
        return place.rpartition("/")[2] != written or statement.module.rpartition(".")[2] == written


def _takes(statement: LexicalImport, name: str) -> bool:
    return statement.names is not None and any(written == name for written, _ in statement.names)


def _spellings(file: ProjectFile, place: str) -> list[tuple[str, str | None]]:
    """Return the names by which a module can be imported, with the folder of the only scripts that may, if any."""
    spellings: list[tuple[str, str | None]] = [(name, None) for name in file.names]
    folder = place
    name = ""
    while folder:
        folder, _, segment = folder.rpartition("/")
        name = f"{segment}.{name}" if name else segment
        if name not in file.names:
            spellings.append((name, folder))
    return spellings
