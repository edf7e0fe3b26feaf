"""The one way in which rules, selectors and options are refused."""

from __future__ import annotations


class CatalogueError(Exception):
    """A rule file, a selector or an option that can't be used; the message says where and what to do."""

    def __init__(self, path: str, line: int | None, message: str) -> None:
        """`path` as the user would write it, empty where no file is to blame; `line` 1-based."""
        super().__init__(message)
        self.path = path
        self.line = line
        self.message = message

    def __str__(self) -> str:
        """`path:line: message`."""
        if not self.path:
            return self.message
        return f"{self.path}:{self.line}: {self.message}" if self.line else f"{self.path}: {self.message}"
