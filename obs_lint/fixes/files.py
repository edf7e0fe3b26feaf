"""Reads and writes the files that are fixed: whole or not at all, and never over what somebody else wrote meanwhile."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from typing import TYPE_CHECKING

from obs_lint.report import Failure

if TYPE_CHECKING:
    from obs_lint.fixes.apply import Change


def target_of(root: str, path: str) -> str | None:
    """Return the file, absolute and with links followed, that a path of the project means; None outside the root."""
    target = os.path.realpath(os.path.join(root, path))
    base = os.path.normcase(os.path.realpath(root))
    inside = os.path.normcase(target).startswith(base if base.endswith(os.sep) else base + os.sep)
    return target if inside else None


def write_changes(root: str, changes: Iterable[Change]) -> tuple[Failure, ...]:
    """Write each changed file, and return a Failure for each that was not written.

    A file keeps its mode; a link stays a link. Where a file no longer holds what was linted, or can't be written, it is
    left as it is.
    """
    failures: list[Failure] = []
    for change in changes:
        target = target_of(root, change.path)
        if target is None:
            failures.append(_failure(change.path, "it lies outside the project's root"))
            continue
        try:
            why = _write(target, change.before, change.after)
        except OSError as error:
            why = f"it can't be written: {error.strerror or error}"
        if why:
            failures.append(_failure(change.path, why))
    return tuple(failures)


def _failure(path: str, why: str) -> Failure:
    return Failure("fix", path, f"not fixed: {why}")


def _write(target: str, before: bytes, after: bytes) -> str:
    """Replace a file's content; returns why not, "" where it was done. Raises OSError."""
    import tempfile

    known = os.stat(target)
    if not known.st_mode & 0o222 or not os.access(target, os.W_OK):
        return "it is read-only"
    folder, name = os.path.split(target)
    handle, temporary = tempfile.mkstemp(prefix=f".{name}.", suffix=".tmp", dir=folder)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(after)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, stat.S_IMODE(known.st_mode))
        _keep_owner(temporary, known)
        with open(target, "rb") as stream:
            if stream.read() != before:
                return "it was changed while it was linted; run again"
        os.replace(temporary, target)
        temporary = ""
    finally:
        if temporary:
            os.unlink(temporary)
    return ""


def _keep_owner(temporary: str, known: os.stat_result) -> None:
    """Give the new file the old one's owner and group, where the system lets us."""
    if not hasattr(os, "chown"):
        return
    made = os.stat(temporary)
    if (made.st_uid, made.st_gid) != (known.st_uid, known.st_gid):
        try:
            os.chown(temporary, known.st_uid, known.st_gid)
            os.chmod(temporary, stat.S_IMODE(known.st_mode))
        except OSError:
            pass
