"""Which project a file belongs to: that of the nearest configuration, usable or not."""

from __future__ import annotations

import os

from obs_lint.config.errors import ConfigError
from obs_lint.config.find import nearest

CONFIGURATION = ("obs-lint.toml", "pyproject.toml")


class Roots:
    """Remembers, for each folder, the root of its project."""

    def __init__(self) -> None:
        """Nothing is looked at before it is asked for."""
        self._of: dict[str, str | None] = {}

    def of_folder(self, folder: str) -> str | None:
        """Return the root, absolute; None where no configuration is found from the folder upwards."""
        if folder not in self._of:
            self._of[folder] = _root(folder)
        return self._of[folder]

    def of_file(self, path: str) -> str | None:
        """Return the root for an absolute path."""
        return self.of_folder(os.path.dirname(path))

    def forget(self) -> None:
        """Look again: a configuration was written, moved or deleted."""
        self._of.clear()


def _root(folder: str) -> str | None:
    here = folder
    while not os.path.isdir(here):
        parent = os.path.dirname(here)
        if parent == here:
            return None
        here = parent
    try:
        found = nearest(here)
    except ConfigError as error:
        return os.path.dirname(located(error.file, here))
    return None if found is None else os.path.dirname(found.path)


def located(shown: str, root: str) -> str:
    """Return the absolute path of a file as a message shows it: relative to the root, or to the working directory."""
    if not shown:
        return root
    inside = os.path.normpath(os.path.join(root, shown))
    return inside if os.path.lexists(inside) else os.path.abspath(shown)
