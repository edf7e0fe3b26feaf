"""Installed packages as Projects of their own: their files are read as text, nothing of them is ever imported."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from obs_lint.config.model import Config
from obs_lint.discovery import Discovery, ProjectFile
from obs_lint.facts.cache import Cache
from obs_lint.facts.pool import Pool
from obs_lint.facts.scan import Profile
from obs_lint.facts.store import FactsStore
from obs_lint.project import Project

_SUFFIXES = (".py", ".pyi")


class MissingEnvironmentError(Exception):
    """`environment` names no folder."""


class Installed:
    """The packages that a project's environment has installed."""

    def __init__(self, config: Config) -> None:
        """Without `environment` those count that are installed beside obs-lint."""
        self._config = config
        self._folders: tuple[str, ...] | None = None
        self._projects: dict[tuple[str, str], Project] = {}

    @property
    def folders(self) -> tuple[str, ...]:
        """Absolute folders that packages are looked for in. Raises MissingEnvironmentError."""
        if self._folders is None:
            environment = self._config.environment
            if environment is None:
                import sys

                found = [os.path.abspath(path) for path in sys.path if path and os.path.isdir(path)]
            else:
                from obs_lint.config.extends import site_packages

                folder = os.path.normpath(os.path.join(str(self._config.root), environment))
                if not os.path.isdir(folder):
                    raise MissingEnvironmentError
                found = site_packages(folder)
            self._folders = tuple(dict.fromkeys(map(os.path.normpath, found)))
        return self._folders

    def find(self, module: str) -> tuple[Project, str] | None:
        """Return the Project of the package that has a module, and the module's path in it; None where nothing has.

        Raises MissingEnvironmentError.
        """
        parts = module.split(".")
        for folder in self.folders:
            place = os.path.join(folder, *parts)
            for path in (os.path.join(place, "__init__.py"), f"{place}.py", f"{place}.pyi"):
                if os.path.isfile(path):
                    project = self._project(folder, parts)
                    return project, os.path.relpath(path, folder).replace(os.sep, "/")
        return None

    def nearest(self, module: str) -> str:
        """Return the installed module whose dotted name is most like that of one that is not there, "" without one."""
        from obs_lint.config.suggest import nearest

        for folder in self.folders:
            place, names = folder, []
            for part in module.split("."):
                there = _modules_in(place)
                name = part if part in there else nearest(part, there)
                if name is None:
                    break
                names.append(name)
                place = os.path.join(place, name)
            else:
                return ".".join(names)
        return ""

    def _project(self, folder: str, parts: list[str]) -> Project:
        """Make the Project of the innermost namespace's package that the module lies in."""
        top = folder
        for part in parts:
            top = os.path.join(top, part)
            if not os.path.isdir(top) or os.path.isfile(os.path.join(top, "__init__.py")):
                break
        key = (folder, top)
        known = self._projects.get(key)
        if known is None:
            files = tuple(sorted(_files(folder, top)))
            known = self._projects[key] = Project(Discovery(files, ("",)), _store(files))
        return known


def _modules_in(folder: str) -> frozenset[str]:
    """Return the names of the modules and packages in a folder."""
    try:
        with os.scandir(folder) as entries:
            names = [e.name if e.is_dir() else e.name.rpartition(".")[0] for e in entries if _may_be_module(e)]
    except OSError:
        return frozenset()
    return frozenset(name for name in names if name.isidentifier() and name != "__pycache__")


def _may_be_module(entry: os.DirEntry[str]) -> bool:
    return entry.name.endswith(_SUFFIXES) or entry.is_dir()


def _files(folder: str, top: str) -> Iterable[ProjectFile]:
    """Yield the modules of a package, or the one module without a package."""
    if not os.path.isdir(top):
        for suffix in _SUFFIXES:
            if os.path.isfile(top + suffix):
                yield _file(folder, top + suffix)
        return
    for place, folders, names in os.walk(top):
        folders[:] = sorted(name for name in folders if name.isidentifier() and name != "__pycache__")
        for name in names:
            if name.endswith(_SUFFIXES):
                yield _file(folder, os.path.join(place, name))


def _file(folder: str, absolute: str) -> ProjectFile:
    path = os.path.relpath(absolute, folder).replace(os.sep, "/")
    stem = path.rpartition(".")[0]
    is_package = stem.endswith("__init__")
    name = stem.removesuffix("/__init__").replace("/", ".")
    try:
        status = os.stat(absolute)
        size, changed = status.st_size, status.st_mtime_ns
    except OSError:
        size, changed = 0, 0
    return ProjectFile(path, absolute, (name,), name, is_package, frozenset(), "", size, changed)


def _store(files: Sequence[ProjectFile]) -> FactsStore:
    """Scan the imports of a package's files; nothing is kept beyond the run, which is remembered as a whole."""
    store = FactsStore(files, Pool(1), Cache(None))
    store.scan(Profile((), True, False, ()))
    return store
