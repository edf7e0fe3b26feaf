"""A Project of which no more than a part of one file is seen: what that part does not answer, it refuses to."""

from __future__ import annotations

from typing import Any

from obs_lint.discovery import ProjectFile
from obs_lint.facts.model import Binding, FileFacts
from obs_lint.project.project import Project
from obs_lint.project.scopes import FileView


class UnseenError(Exception):
    """A question that needs the whole file, or other files."""


class Glimpse:
    """Stands for a Project where a check judges an excerpt of a file; raises UnseenError for all other questions."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._view: FileView | None = None

    def look_at(self, file: ProjectFile, facts: FileFacts) -> None:
        """Make an excerpt of a file the one that questions are about."""
        self._view = FileView(file.path, file.symbol, facts)

    def bound(self, path: str, scope: int, name: str) -> tuple[int, tuple[Binding, ...]] | None:
        """As `Project.bound`: an excerpt has all that binds a name around what it shows."""
        view = self._view
        if view is None or view.path != path:
            raise UnseenError
        return view.find(scope, name)

    def symbol(self, path: str, scope: int = -1) -> str:
        """As `Project.symbol`."""
        view = self._view
        if view is None or view.path != path:
            raise UnseenError
        module = self._project.symbol(path)
        qualname = view.scopes[scope].qualname if scope > 0 else ""
        return f"{module}.{qualname}" if qualname else module

    def cell_of(self, path: str, line: int) -> tuple[int | None, int]:
        """As `Project.cell_of`."""
        return self._project.cell_of(path, line)

    def __getattr__(self, name: str) -> Any:
        raise UnseenError(name)
