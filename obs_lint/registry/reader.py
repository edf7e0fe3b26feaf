"""Reads the files of registries: local ones, inside a known folder, each once, remembering which."""

from __future__ import annotations

import os
from collections.abc import Iterable

from obs_lint.registry.model import Place, Problem, RegistryError

MAX_BYTES = 16 * 1024 * 1024
"""Larger files are refused."""


class Reader:
    """Reads files on behalf of a project in `root`."""

    def __init__(self, root: str, environment: str | None = None) -> None:
        """`root` is absolute; `environment` is the virtual environment that installed packages are looked for in."""
        self.root = os.path.normpath(root)
        self.environment = environment
        self._real_root = os.path.realpath(self.root)
        self._shown_from = self.root
        self._read: dict[str, bytes] = {}
        self._asked: dict[str, bytes | None] = {}

    @property
    def inputs(self) -> tuple[str, ...]:
        """Every file and folder that was asked for so far, absolute, those that do not exist too."""
        return tuple(self._asked)

    def absolute(self, path: str) -> str:
        """Return the absolute form of a path that is relative to the root."""
        return os.path.normpath(os.path.join(self.root, path))

    def shown(self, path: str) -> str:
        """Return a path as a Place has it: from the root with `/`, absolute where it lies outside."""
        absolute = self.absolute(path)
        root = self._shown_from
        if absolute == root or absolute.startswith(root.rstrip(os.sep) + os.sep):
            return os.path.relpath(absolute, root).replace(os.sep, "/")
        return absolute.replace(os.sep, "/")

    def inside(self, folder: str) -> Reader:
        """Return a reader of what is installed in `folder`: that is its root, which references can't leave.

        What either has read both know, and places are shown as this one shows them.
        """
        reader = Reader(folder, self.environment)
        reader._shown_from, reader._read, reader._asked = self._shown_from, self._read, self._asked
        return reader

    def within(self, path: str, folder: str = "") -> bool:
        """True where a path, symbolic links followed, lies in the project's root or in `folder`."""
        real = os.path.realpath(self.absolute(path))
        bases = [self._real_root] + ([os.path.realpath(self.absolute(folder))] if folder else [])
        return any(real == base or real.startswith(base.rstrip(os.sep) + os.sep) for base in bases)

    def read(self, path: str, asked_at: Place | None = None, *, confined_to: str | None = None) -> bytes:
        """Return what a file holds. Raises RegistryError, at `asked_at` where that is given.

        With `confined_to` (a folder, "" for none beside the root) a file outside it and the root is refused: for
        references that a file makes, in contrast to what the configuration names.
        """
        absolute = self.absolute(path)
        known = self._read.get(absolute)
        if known is not None and confined_to is None:
            return known
        shown = self.shown(path)
        place = asked_at or Place(shown)
        if confined_to is not None and not self.within(absolute, confined_to):
            raise RegistryError(
                (Problem("registry", f"`{shown}` lies outside the project and is not read", place, fatal=True),)
            )
        if known is not None:
            return known
        self._asked[absolute] = None
        try:
            size = os.path.getsize(absolute)
            if size > MAX_BYTES:
                message = f"`{shown}` has {size} bytes; a registry's file may have {MAX_BYTES}"
                raise RegistryError((Problem("registry", message, place, fatal=True),))
            with open(absolute, "rb") as stream:
                data = stream.read(MAX_BYTES + 1)
        except (OSError, ValueError) as error:
            why = "is a folder" if os.path.isdir(absolute) else getattr(error, "strerror", None) or str(error)
            message = f"`{shown}` can't be read: {why}"
            raise RegistryError((Problem("registry", message, place, fatal=True),)) from None
        self._read[absolute] = data
        return data

    def listed(self, folder: str) -> tuple[str, ...]:
        """Return the names in a folder, sorted, () where it can't be listed."""
        absolute = self.absolute(folder)
        self._asked[absolute] = None
        try:
            names = tuple(sorted(os.listdir(absolute)))
        except OSError:
            return ()
        self._asked[absolute] = listing(names)
        return names

    def contents(self) -> tuple[tuple[str, bytes | None], ...]:
        """Return what was seen of each input: a file's bytes, a folder's `listing`, None for what could not be read."""
        return tuple((path, self._read.get(path, seen)) for path, seen in self._asked.items())


def listing(names: Iterable[str]) -> bytes:
    """Return the names in a folder as bytes, to be compared."""
    return "\0".join(sorted(names)).encode("utf-8", "surrogatepass")
