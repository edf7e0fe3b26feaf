"""A file that takes the lines which a store did not, shared by processes, until somebody sends them."""

from __future__ import annotations

import os
from collections.abc import Sequence

try:
    from fcntl import LOCK_EX, flock
except ImportError:  # Windows refuses to rename a file that somebody has open: that is lock enough
    flock = None  # type: ignore[assignment]


class Spool:
    """Lines in a file. Each is appended whole, under a lock that :meth:`take` respects; each is taken once."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Raises OSError where the file cannot be opened for appending."""
        self.path = os.path.abspath(os.fspath(path))
        os.close(_open(self.path))

    def append(self, lines: Sequence[bytes]) -> None:
        """Append lines that end with their newlines, all or none. Raises OSError."""
        if not lines:
            return
        descriptor = self._open_locked()
        try:
            before = os.fstat(descriptor).st_size
            left = memoryview(b"".join(lines))
            try:
                while left:
                    left = left[os.write(descriptor, left) :]
            except OSError:  # a full disk: half a line must not join the next
                os.ftruncate(descriptor, before)
                raise
        finally:
            os.close(descriptor)  # and with it the lock

    def take(self) -> list[bytes]:
        """Take all lines out, oldest first. Whoever takes them gives back, by :meth:`give_back`, what is not sent."""
        from glob import escape, glob

        mine = f"{self.path}.{os.getpid()}.taken"
        taken = [path for path in sorted(glob(f"{escape(self.path)}.*.taken")) if path == mine or _is_orphan(path)]
        lines: list[bytes] = []
        for path in taken:
            lines += _read(path)
        descriptor = self._open_locked()
        try:
            lines += _read(self.path)
            # The whole is on disk under the new name before the old goes: a crash may double lines, not lose them.
            with open(f"{mine}.part", "wb") as file:
                file.writelines(lines)
            os.replace(f"{mine}.part", mine)
            os.truncate(self.path, 0)
        finally:
            os.close(descriptor)
        for path in taken:
            if path != mine:
                os.unlink(path)
        return lines

    def give_back(self, lines: Sequence[bytes]) -> None:
        """Put what was not sent into the file again, and end the taking. Raises OSError."""
        self.append(lines)
        try:
            os.unlink(f"{self.path}.{os.getpid()}.taken")
        except FileNotFoundError:
            pass

    def _open_locked(self) -> int:
        descriptor = _open(self.path)
        if flock is not None:
            try:
                flock(descriptor, LOCK_EX)
            except OSError:
                os.close(descriptor)
                raise
        return descriptor


def _open(path: str) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.open(path, flags | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0), 0o600)


def _read(path: str) -> list[bytes]:
    with open(path, "rb") as file:
        return [line if line.endswith(b"\n") else line + b"\n" for line in file if line.strip()]


def _is_orphan(path: str) -> bool:
    """True where the process that took the lines is no more."""
    number = path.removesuffix(".taken").rpartition(".")[2]
    if not number.isdigit() or os.name == "nt":  # no signal 0 on Windows: os.kill would end the process
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
