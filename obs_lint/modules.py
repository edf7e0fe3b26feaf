"""Finds the project's own module that an import means, as the importing file gets it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from obs_lint.discovery import Discovery, ProjectFile
from obs_lint.source_roots import Places

_NEVER_OURS = sys.stdlib_module_names | {"__main__"}

_NAMESPACE_MARKS = (b"extend_path", b"declare_namespace")


class ModuleIndex:
    """Every importable file of a project by its place; an import is a walk over the source roots.

    The order is the importer's own folder where that is a script's, the source roots that hold the importer (innermost
    first, the project's root last), then all other roots together: what these have are alternatives. A name whose first
    segment is a module of the standard library is never the project's.
    """

    __slots__ = (
        "_discovery",
        "_extending",
        "_folders",
        "_modules",
        "_named",
        "_places",
        "_searches",
        "_searches_by_path",
        "_top_level",
        "_without_src",
    )

    def __init__(self, discovery: Discovery) -> None:
        """Notebooks, and files named on the command line that have no suffix of a module, can't be imported."""
        files = discovery.files
        self._discovery = discovery
        # A source beats the stub beside it; a package is found as its `__init__`, before a module of the same name.
        self._modules = {file[0][:-4]: file for file in files if file[0].endswith(".pyi")}
        self._modules.update({file[0][:-3]: file for file in files if file[0].endswith(".py")})
        self._places = Places(discovery.source_roots)
        self._top_level = _top_level(discovery, self._places)
        self._searches: dict[str, _Search] = {}
        self._searches_by_path: dict[tuple[tuple[str, ...], tuple[str, ...]], _Search] = {}
        self._extending: dict[str, bool] = {}
        self._folders: frozenset[str] | None = None
        self._named: dict[str, tuple[ProjectFile, ...]] | None = None
        self._without_src: dict[str, list[ProjectFile]] | None = None

    def find(self, name: str, importer: ProjectFile) -> tuple[ProjectFile, ...]:
        """Return the module `name` (dotted, absolute) as `importer` gets it; several where no root comes before others.

        Empty for what isn't the project's, and for a namespace package, which has no file: `is_package_prefix` tells.
        """
        top = name.partition(".")[0]
        if top in _NEVER_OURS:
            return ()
        search = self._search_of(importer)
        if top not in self._top_level and not search.has_scripts:
            return ()
        found = search.known.get(name)
        if found is None:
            found = search.known[name] = self._find(name, search)
        return found

    def find_relative(self, module: str, level: int, importer: ProjectFile) -> tuple[ProjectFile, ...]:
        """Return what `from <level dots><module> import …` imports from; for `from . import x` the package, if any.

        `module` is dotted and may be empty. Nothing where the dots lead out of the project.
        """
        folder = importer.path.rpartition("/")[0]
        for _ in range(level - 1):
            if not folder:
                return ()
            folder = folder.rpartition("/")[0]
        if module:
            found = self._at(_join(folder, module.replace(".", "/")))
        else:
            found = self._modules.get(_join(folder, "__init__"))
        return (found,) if found is not None else ()

    def submodule(self, package: ProjectFile, name: str) -> ProjectFile | None:
        """Return the module or package `name` (one segment) directly in `package`, None where there is none."""
        if not package.is_package:
            return None
        return self._at(_join(package.path.rpartition("/")[0], name))

    def is_package_prefix(self, name: str, importer: ProjectFile) -> bool:
        """True where `name` is a package or a namespace package of the project that `importer` can import from."""
        top = name.partition(".")[0]
        if top in _NEVER_OURS:
            return False
        path = name.replace(".", "/")
        search = self._search_of(importer)
        return any(_join(root, path) in self.folders for root in (*search.roots, *self._others(top, search)))

    @property
    def folders(self) -> frozenset[str]:
        """Every folder below the project's root that has a file of the project in it or below it."""
        if self._folders is None:
            self._folders = _all_folders(self._discovery)
        return self._folders

    def named(self, name: str) -> tuple[ProjectFile, ...]:
        """Return every file that answers to the dotted `name`, whoever asks: for names in the configuration."""
        if self._named is None:
            named: dict[str, tuple[ProjectFile, ...]] = {}
            for file in self._discovery.files:
                for each in file.names:
                    named[each] = (*named[each], file) if each in named else (file,)
            self._named = named
        return self._named.get(name, ())

    def _find(self, name: str, search: _Search) -> tuple[ProjectFile, ...]:
        segments = name.split(".")
        others = self._others(segments[0], search)
        found = self._resolve(segments, search.roots)
        if found is None and (others or len(self._top_level.get(segments[0], ())) > 1):
            found = self._resolve(segments, search.roots, spread=True)
        if found is not None:
            return (found,)
        alternatives = dict.fromkeys(self._resolve(segments, (*search.roots, root), spread=True) for root in others)
        return tuple(found for found in alternatives if found is not None) or self._find_without_src(name)

    def _resolve(self, segments: Sequence[str], roots: tuple[str, ...], *, spread: bool = False) -> ProjectFile | None:
        """Find a module as Python's path finder does: in each segment the first package or module ends the search.

        Folders without `__init__` are namespace packages where no later root has a package or module of that name. With
        `spread`, so are packages of the old kind, which say so by code.
        """
        places: Sequence[str] = roots
        modules, folders = self._modules, self.folders
        found: ProjectFile | None = None
        for segment in segments:
            portions: list[str] = []
            found = None
            for parent in places:
                place = f"{parent}/{segment}" if parent else segment
                package = modules.get(f"{place}/__init__")
                if package is not None:
                    if found is None:
                        found = package
                        portions.clear()
                    portions.append(place)
                    if spread and self._extends_path(package):
                        continue
                    break
                if found is None and place in modules:
                    found = modules[place]
                    portions.clear()
                    break
                if place in folders:
                    portions.append(place)
            places = portions
        return found

    def _find_without_src(self, name: str) -> tuple[ProjectFile, ...]:
        if self._without_src is None:
            found: dict[str, list[ProjectFile]] = {}
            for file in self._modules.values():
                if file.symbol != file.names[0]:
                    found.setdefault(file.symbol, []).append(file)
            self._without_src = found
        return tuple(self._without_src.get(name, ()))

    def _at(self, path: str) -> ProjectFile | None:
        return self._modules.get(f"{path}/__init__") or self._modules.get(path)

    def _extends_path(self, package: ProjectFile) -> bool:
        """True for a namespace package of the old kind: code in its `__init__.py` spreads it over several roots."""
        known = self._extending.get(package.path)
        if known is None:
            text = b""
            if package.size:
                try:
                    with open(package.absolute, "rb") as file:
                        text = file.read(8192)
                except OSError:
                    pass
            known = self._extending[package.path] = any(mark in text for mark in _NAMESPACE_MARKS)
        return known

    def _others(self, top: str, search: _Search) -> list[str]:
        """The other roots in which `top` is, as far as files of this search see them."""
        reach = self._discovery.reach
        return [
            root
            for root in self._top_level.get(top, ())
            if root not in search.roots and (root not in reach or root in search.visible)
        ]

    def _search_of(self, importer: ProjectFile) -> _Search:
        folder = importer.path.rpartition("/")[0]
        search = self._searches.get(folder)
        if search is None:
            roots = tuple(reversed(self._places.roots_of(folder)))
            has_scripts = self._holds_scripts(folder, roots[0], importer)
            path = (folder, *roots) if has_scripts else roots
            reach = self._discovery.reach
            visible = tuple(root for root, area in reach.items() if importer.path.startswith(area + "/"))
            search = self._searches_by_path.get((path, visible))
            if search is None:
                search = self._searches_by_path[path, visible] = _Search(path, visible, has_scripts)
            self._searches[folder] = search
        return search

    def _holds_scripts(self, folder: str, root: str, importer: ProjectFile) -> bool:
        """True where files may run as scripts, and so import their neighbours by bare names.

        Not in packages. A folder below a `src` is sooner a namespace package than one of scripts, unless it has a role.
        """
        if folder == root or f"{folder}/__init__" in self._modules:
            return False
        if importer.roles:
            return True
        parent = folder
        while (parent := parent.rpartition("/")[0]) != root and parent:
            if f"{parent}/__init__" in self._modules:
                return False
        return root.rpartition("/")[2] != "src"


class _Search:
    """The roots that the files of a folder import from, in order, and what was found there."""

    __slots__ = ("has_scripts", "known", "roots", "visible")

    def __init__(self, roots: tuple[str, ...], visible: tuple[str, ...], has_scripts: bool) -> None:
        self.roots = roots
        self.visible = visible
        self.has_scripts = has_scripts
        self.known: dict[str, tuple[ProjectFile, ...]] = {}


def _top_level(discovery: Discovery, places: Places) -> dict[str, dict[str, None]]:
    """First segment → the source roots in which it is."""
    found: dict[str, dict[str, None]] = {}
    seen: set[tuple[str, str]] = set()
    for file in discovery.files:
        path, root = file[0], file[6]
        top = path[len(root) + 1 :].partition("/")[0] if root else path.partition("/")[0]
        seen.add((root, top))
    for root in discovery.source_roots:
        for outer in places.roots_of(root):
            if outer != root:
                rest = root[len(outer) + 1 :] if outer else root
                seen.add((outer, rest.partition("/")[0]))
    order = {root: index for index, root in enumerate(discovery.source_roots)}
    for root, top in sorted(seen, key=lambda pair: (order[pair[0]], pair[1])):
        found.setdefault(top.partition(".")[0], {})[root] = None
    for file in discovery.files:
        if file.symbol != file.names[0]:
            found.setdefault(file.symbol.partition(".")[0], {})
    return found


def _all_folders(discovery: Discovery) -> frozenset[str]:
    found: set[str] = set()
    for file in discovery.files:
        path = file[0].rpartition("/")[0]
        while path and path not in found:
            found.add(path)
            path = path.rpartition("/")[0]
    return frozenset(found)


def _join(root: str, path: str) -> str:
    return f"{root}/{path}" if root else path
