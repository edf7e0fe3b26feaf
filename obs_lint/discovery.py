"""Which files belong to a project, and under which module names each of them answers."""

from __future__ import annotations

import marshal
import os
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple

from obs_lint.config.model import DEFAULT_EXCLUDE, Config
from obs_lint.file_tree import Excludes, Folder, Tree, walk
from obs_lint.ignore_files import stack_above
from obs_lint.path_roles import PathRoles
from obs_lint.source_roots import Places, configured_roots, infer_roots, is_outside, longest_first


class ProjectFile(NamedTuple):
    """One file of the project. A NamedTuple because there are tens of thousands of them."""

    path: str
    """Relative to the project's root, with `/`."""
    absolute: str
    names: tuple[str, ...]
    """Every dotted name that the module answers to, the root path first; a package without `.__init__`."""
    symbol: str
    """The root path, dotted, without `src` segments: what output shows."""
    is_package: bool
    """True for `__init__.py` and `__init__.pyi`."""
    roles: frozenset[str]
    source_root: str
    """Relative path of the importing root that it belongs to; empty for the project's root."""
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Discovery:
    """The files of a project."""

    files: tuple[ProjectFile, ...]
    """Sorted by path."""
    source_roots: tuple[str, ...]
    """Relative to the root, with `/`, longest first; always ends with the root itself, the empty string."""
    missing: tuple[str, ...] = ()
    """PATHS given that do not exist."""
    unreadable: tuple[str, ...] = ()
    """Folders that could not be listed, relative to the root; `.` for the root itself."""
    reach: Mapping[str, str] = field(default_factory=dict)
    """Source roots whose modules only the files below a certain folder can import (an application's own folder, test
    fixtures), and that folder."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What lies on the disk, before any file is given its names: enough to tell whether anything has changed."""

    config: Config
    folders: tuple[Folder, ...]
    missing: tuple[str, ...]
    unreadable: tuple[str, ...]

    def signature(self) -> str:
        """A digest of every file's path, size and time, and of what is missing or unreadable."""
        from obs_lint.digests import blake2b

        found = (sorted((folder[0], folder[2], folder[3], sorted(folder[4])) for folder in self.folders), self.missing)
        # Version 2 has no references, so that equal values are equal bytes.
        return blake2b(marshal.dumps((found, self.unreadable), 2), digest_size=16).hexdigest()

    def newest(self) -> int:
        """The latest modification time of a file in nanoseconds, 0 without files."""
        return max([file[2] for folder in self.folders for file in folder[4]], default=0)

    def discovery(self) -> Discovery:
        """Give every file its names and roles."""
        config, folders = self.config, self.folders
        roles = PathRoles(config.roles)
        if config.source_roots is None:
            roots, reach = infer_roots(folders, roles.of_folder)
        else:
            roots, reach = configured_roots(config.source_roots, folders), {}
        if outside := _outside_roots(folders):
            roots = longest_first({*roots, *outside})
        files = _project_files(folders, Places(roots), roles)
        files.sort(key=itemgetter(0))
        return Discovery(tuple(files), roots, self.missing, self.unreadable, reach)


def discover(config: Config, paths: Sequence[str] = (), cwd: str = "") -> Discovery:
    """Find every file of the project, and the files of PATHS that are excluded, ignored or outside the root.

    `paths`, absolute or relative to `cwd` (by default the working directory), add files and never take any away:
    `select` tells which files they mean. A file outside the root has a path that begins with `../`, or an absolute one
    where it is on another drive.
    """
    return survey(config, paths, cwd).discovery()


def survey(config: Config, paths: Sequence[str] = (), cwd: str = "") -> Survey:
    """Do what `discover` does, but for the names and roles; `Survey.discovery` adds those."""
    root = os.fspath(config.root)
    excludes = _excludes(config, root)
    skip_environments = config.exclude != ()
    ignores = stack_above(root) if config.respect_gitignore else None
    trees = [walk(root, "", excludes, ignores, skip_environments=skip_environments)]
    named: list[Folder] = []
    missing: list[str] = []
    if paths:
        normcase = os.path.normcase
        visited = {normcase(path) for path in trees[0].visited}
        for given in paths:
            path, absolute = locate(given, cwd or os.getcwd(), root)
            found = _stat(given, absolute)
            if found is None:
                missing.append(given)
            elif config.force_exclude and excludes.covers(path):
                continue
            elif not stat.S_ISDIR(found.st_mode):
                named.append(_folder_of(path, absolute, found.st_size, found.st_mtime_ns))
            elif normcase(f"{path}/" if path else "") not in visited:
                above = stack_above(absolute) if config.respect_gitignore else None
                tree = walk(absolute, path, excludes, above, skip_environments=skip_environments)
                visited.update(map(normcase, tree.visited))
                trees.append(tree)
    folders = _merged(root, trees, named) if len(trees) > 1 or named else trees[0].folders
    unreadable = sorted({path for tree in trees for path in tree.unreadable})
    return Survey(config, tuple(folders), tuple(missing), tuple(unreadable))


def select(
    discovery: Discovery, config: Config, paths: Sequence[str], cwd: str
) -> tuple[frozenset[str] | None, tuple[str, ...]]:
    """Return the paths of the files that PATHS mean (None: every file of `discovery`), and the PATHS that don't exist.

    PATHS are files and folders, absolute or relative to `cwd`. A file that is named is selected whatever its suffix,
    and even where it is excluded, unless force-exclude is set. Give `discover` the same PATHS: only then are such files
    among those of `discovery`.
    """
    root = os.fspath(config.root)
    excludes = _excludes(config, root) if config.force_exclude else None
    normcase = os.path.normcase
    selected: set[str] = set()
    folders: list[str] = []
    missing: list[str] = []
    whole = not paths
    for given in paths:
        path, absolute = locate(given, cwd, root)
        found = _stat(given, absolute)
        if found is None:
            missing.append(given)
        elif excludes is not None and excludes.covers(path):
            continue
        elif not stat.S_ISDIR(found.st_mode):
            selected.add(path)
        elif not path:
            whole = True
        else:
            folders.append(normcase(absolute.rstrip(os.sep) + os.sep))
    if whole:
        return None, tuple(missing)
    if folders:
        below = tuple(folders)
        selected.update(file.path for file in discovery.files if normcase(file.absolute).startswith(below))
    if selected and normcase("A") != "A":
        # Names that differ in case only are one file here; the project's spelling counts.
        spelling = {normcase(file.path): file.path for file in discovery.files}
        selected = {spelling.get(normcase(path), path) for path in selected}
    return frozenset(selected), tuple(missing)


def describe(discovery: Discovery, config: Config, path: str, cwd: str) -> ProjectFile:
    """Return the ProjectFile of a path that need not exist, such as `--stdin-filename`, as though it were there."""
    root = os.fspath(config.root)
    relative, absolute = locate(path, cwd, root)
    for file in discovery.files:
        if file.path == relative:
            return file
    folder = _folder_of(relative, absolute, 0, 0)
    roots = {*discovery.source_roots, *_outside_roots([folder])}
    return _project_files([folder], Places(roots), PathRoles(config.roles))[0]


def lies_in(path: str, places: Sequence[str]) -> bool:
    """True where a path is one of the places, or lies below one; all are relative to the root, which is ""."""
    return any(not place or path == place or path.startswith(place + "/") for place in places)


def left_out(config: Config) -> Callable[[str], bool]:
    """Return what says of a path, relative to the root with `/`, whether the configuration excludes it."""
    return _excludes(config, str(config.root)).covers


def locate(given: str, cwd: str, root: str) -> tuple[str, str]:
    """Return (path relative to `root` with `/`, absolute path) of what the user wrote; empty for the root itself.

    Where the root is reached by two ways, one of them through a link, both lead to the same relative path.
    """
    path = os.path
    absolute = path.normpath(path.join(cwd, given))
    relative = _below(absolute, root)
    if relative is None:
        real = _below(path.realpath(absolute), path.realpath(root))
        if real is not None:
            return real.replace(os.sep, "/"), path.join(root, real) if real else root
        try:
            relative = path.relpath(absolute, root)
        except ValueError:
            relative = absolute
    return relative.replace(os.sep, "/"), absolute


def _below(absolute: str, root: str) -> str | None:
    """The rest of `absolute` below `root`, None where it lies elsewhere."""
    start = root if root.endswith(os.sep) else root + os.sep
    normcase = os.path.normcase
    if normcase(absolute + os.sep) == normcase(start) or normcase(absolute) == normcase(start):
        return ""
    return absolute[len(start) :] if normcase(absolute).startswith(normcase(start)) else None


def _stat(given: str, absolute: str) -> os.stat_result | None:
    try:
        return os.stat(absolute) if given else None
    except (OSError, ValueError):
        return None


def _excludes(config: Config, root: str) -> Excludes:
    if config.exclude is not None:
        patterns: Iterable[str] = config.exclude
    else:
        cache = config.cache_dir.replace(os.sep, "/")
        patterns = (*DEFAULT_EXCLUDE, cache if "/" in cache else f"./{cache}")
    return Excludes((*patterns, *config.extend_exclude), root)


def _folder_of(path: str, absolute: str, size: int, mtime_ns: int) -> Folder:
    """A Folder with nothing but the one file in it."""
    folder, _, name = path.rpartition("/")
    return Folder(folder, os.path.dirname(absolute), False, False, [(name, size, mtime_ns)])


def _merged(root: str, trees: Sequence[Tree], named: Sequence[Folder]) -> list[Folder]:
    """All folders, each file once: by the path from inside the root where it has two."""
    normcase = os.path.normcase
    folders = list(trees[0].folders)
    seen = {normcase(f"{folder.path}/{file[0]}") for folder in folders for file in folder.files}
    for folder in (*(folder for tree in trees[1:] for folder in tree.folders), *named):
        if is_outside(folder.path) and _below(folder.absolute, root) is not None:
            continue
        files = [file for file in folder.files if normcase(f"{folder.path}/{file[0]}") not in seen]
        seen.update(normcase(f"{folder.path}/{file[0]}") for file in files)
        if files:
            folders.append(folder._replace(files=files))
    return folders


def _outside_roots(folders: Iterable[Folder]) -> list[str]:
    """The folder in which the outermost package stands, for each of `folders` outside of the project's root."""
    found: dict[str, None] = {}
    for folder in folders:
        if not is_outside(folder.path):
            continue
        path, absolute = folder.path, folder.absolute
        while any(os.path.exists(os.path.join(absolute, name)) for name in ("__init__.py", "__init__.pyi")):
            parent = path.rpartition("/")[0]
            if not is_outside(parent) or parent.endswith(".."):
                break
            path, absolute = parent, os.path.dirname(absolute)
        found[path] = None
    return list(found)


def _project_files(folders: Iterable[Folder], places: Places, roles: PathRoles) -> list[ProjectFile]:
    files: list[ProjectFile] = []
    new = tuple.__new__
    differs = roles.names_that_differ()
    for path, absolute, _, _, entries in folders:
        if not entries:
            continue
        prefixes, symbol_prefix, source_root = places.of(path)
        folder_roles = roles.of_folder(path)
        head = f"{path}/" if path else ""
        absolute_head = absolute if absolute.endswith(os.sep) else absolute + os.sep
        first, second, third = (*prefixes, "", "")[:3]
        count = len(prefixes)
        for name, size, mtime_ns in entries:
            stem = name[:-3] if name.endswith(".py") else name.rpartition(".")[0] or name
            is_package = False
            if stem == "__init__" and not name.endswith(".ipynb"):
                is_package = True
                names = tuple([prefix[:-1] for prefix in prefixes if prefix]) or (stem,)
                symbol = symbol_prefix[:-1] or names[0]
            else:
                if "." in stem:
                    stem = stem.replace(".", "_")
                symbol = symbol_prefix + stem
                if count == 1:
                    names = (first + stem,)
                elif count == 2:
                    names = (first + stem, second + stem)
                elif count == 3:
                    names = (first + stem, second + stem, third + stem)
                else:
                    names = tuple([prefix + stem for prefix in prefixes])
            file_roles = roles.of_file(folder_roles, path, name) if differs(name) else folder_roles
            place = (head + name, absolute_head + name, names, symbol, is_package, file_roles, source_root)
            files.append(new(ProjectFile, (*place, size, mtime_ns)))
    return files
