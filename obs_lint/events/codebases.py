"""Where a `python:` source leads: the files of a module, in the project or in what is installed beside it."""

from __future__ import annotations

import os

from obs_lint.config.model import Config
from obs_lint.config.suggest import nearest
from obs_lint.events.declarations import Codebase
from obs_lint.events.installed import Installed, MissingEnvironmentError
from obs_lint.patterns import names_match
from obs_lint.project import Project
from obs_lint.registry.model import Place, Problem, RegistryError


def unusable(message: str, advice: str = "") -> RegistryError:
    """Return the error for a source that can't be read; where it is configured is where it is reported."""
    return RegistryError((Problem("registry", message, Place(""), advice, fatal=True),))


class Codebases:
    """The project that is linted, and the installed packages that sources name."""

    def __init__(self, project: Project, config: Config) -> None:
        """Packages are looked for when a module is not the project's."""
        self._project = project
        self._config = config
        self.own = Codebase(project)

    @property
    def _installed(self) -> Installed:
        key = ("installed", str(self._config.root), self._config.environment)
        return self._project.once(key, lambda: Installed(self._config))

    @property
    def inputs(self) -> tuple[str, ...]:
        """Absolute paths of the folders in which what could not be found may be one day."""
        folders: tuple[str, ...] = ()
        if self._config.environment is not None:
            folders = (os.path.normpath(os.path.join(str(self._config.root), self._config.environment)),)
        try:
            return (*folders, *self._installed.folders)
        except MissingEnvironmentError:
            return folders

    def modules(self, module: str) -> list[tuple[Codebase, str]]:
        """Return the files of a module, or of those that a pattern matches. Raises RegistryError."""
        if "*" in module:
            files = self._project.files.values()
            paths = [file.path for file in files if names_match(module, file.names, below=False)]
            if not paths:
                raise unusable(f"no module of this project matches `{module}`")
            return [(self.own, path) for path in paths]
        own = self._project.find_module(module, "")
        if own:
            return [(self.own, path) for path in own]
        found = self.installed(module)
        if found is None:
            raise unusable(f"there is no module `{module}` in this project, and none installed", self._help(module))
        return [found]

    def installed(self, module: str) -> tuple[Codebase, str] | None:
        """Return the file of an installed module, None where there is none. Raises RegistryError."""
        try:
            found = self._installed.find(module)
        except MissingEnvironmentError:
            raise unusable(
                f"`environment` names `{self._config.environment}`, which is no folder",
                "name the virtual environment that has the package installed",
            ) from None
        if found is None:
            return None
        project, path = found
        return self._project.once(("codebase", id(project)), lambda: Codebase(project, installed=True)), path

    def _help(self, module: str) -> str:
        near = self._installed.nearest(module) or self._near(module)
        told = [f"did you mean `{near}`?"] if near else []
        if self._config.environment is None:
            told.append("installed packages are looked for in the virtual environment that `environment` names")
        elif not near:
            folders = ", ".join(folder.replace(os.sep, "/") for folder in self._installed.folders)
            told.append(f"looked in {folders}")
        return " ".join(told)

    def _near(self, module: str) -> str:
        """Return the module of the project that was probably meant, "" where none is alike."""
        names = {name for file in self._project.files.values() for name in file.names}
        last = module.rpartition(".")[2]
        same = (name for name in sorted(names) if name.rpartition(".")[2] == last)
        return nearest(module, names) or next(same, "")
