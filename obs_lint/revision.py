"""The files of a project as a git revision has them, laid out in a temporary folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

_LINK = "120000"
_FILES = ("100644", "100755", _LINK)
_OF_A_HOOK = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
"""What git sets for a hook, relative to the repository's top: from a folder below it would lead astray."""
_MAX_BYTES = 16 * 1024 * 1024
"""Larger files are passed over: no registry's file may be that large."""
_BATCH = 200
"""Files that are asked for at once, which bounds the memory that they take."""


class RevisionError(Exception):
    """A revision that can't be read; the message says why and what to do."""


class _Entry(NamedTuple):
    mode: str
    blob: str
    path: str
    """From the project's root, with `/`."""


def tree_of(root: str, revision: str) -> str:
    """Return the hash of what a revision holds below `root`; the same content has the same. Raises RevisionError."""
    commit = _commit(root, revision)
    prefix = os.fsdecode(_git(root, ["rev-parse", "--show-prefix"]).rstrip(b"\n"))
    try:
        return _git(root, ["rev-parse", "--verify", f"{commit}:{prefix}"]).decode().strip()
    except RevisionError:
        return ""


def changed_since(root: str, revision: str) -> dict[str, str]:
    """Return what differs below `root` between a revision and the working tree: path → its blob then, "" for none.

    Paths are from the root, with `/`; files that git does not know yet are among them. Raises RevisionError as
    `laid_out` does.
    """
    commit = _commit(root, revision)
    known: dict[str, str] = {}
    changes = _git(root, ["diff", "--raw", "-z", "--no-renames", "--no-abbrev", "--relative", commit, "--", "."])
    fields = iter(changes.split(b"\0"))
    for head in fields:
        if not head:
            continue
        mode, _, blob, _, _ = head.decode().removeprefix(":").split()
        known[os.fsdecode(next(fields))] = blob if mode in _FILES and mode != _LINK else ""
    for name in _git(root, ["ls-files", "-z", "--others", "--exclude-standard", "--", "."]).split(b"\0"):
        if name:
            known.setdefault(os.fsdecode(name), "")
    return known


def contents_before(root: str, changed: Mapping[str, str]) -> dict[str, bytes | None]:
    """Return what `changed_since` names as it was: path → content, None for what there was none of.

    Raises RevisionError for what a partial clone does not have.
    """
    entries = [_Entry("100644", blob, path) for path, blob in changed.items() if blob]
    before: dict[str, bytes | None] = dict.fromkeys(changed)
    for start in range(0, len(entries), _BATCH):
        batch = entries[start : start + _BATCH]
        for entry, content in zip(batch, _contents(root, batch), strict=True):
            before[entry.path] = content
    return before


@contextmanager
def laid_out(root: str, revision: str, wanted: Callable[[str], bool]) -> Iterator[str]:
    """Yield a folder that holds the files below `root` as they are at a revision; it is removed at the end.

    `wanted` is asked for each path, from the root with `/`. Raises RevisionError where there is no git, no repository
    or no such revision. Nothing of the working tree or the index is touched.
    """
    from shutil import rmtree
    from tempfile import mkdtemp

    commit = _commit(root, revision)
    entries = [entry for entry in _listed(root, commit) if wanted(entry.path)]
    folder = os.path.realpath(mkdtemp(prefix="obs-lint-"))
    try:
        _write(root, folder, entries)
        yield folder
    finally:
        rmtree(folder, ignore_errors=True)


def _git(root: str, words: Sequence[str], given: bytes | None = None) -> bytes:
    """Run git in a folder and return what it writes. Raises RevisionError."""
    import subprocess

    command = ["git", "-c", "core.quotepath=off", *words]
    known = {name: value for name, value in os.environ.items() if name not in _OF_A_HOOK}
    try:
        done = subprocess.run(command, cwd=root, env=known, input=given, capture_output=True, check=False)
    except FileNotFoundError:
        raise RevisionError("git is not installed, or not on PATH: an earlier state is read with it") from None
    except OSError as error:
        raise RevisionError(f"git can't be run: {error.strerror or error}") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise RevisionError(said[0].removeprefix("fatal: ") if said else f"git ended with exit code {done.returncode}")
    return done.stdout


def _commit(root: str, revision: str) -> str:
    try:
        _git(root, ["rev-parse", "--git-dir"])
    except RevisionError as error:
        if "not a git repository" in str(error):
            where = root.replace(os.sep, "/")
            raise RevisionError(f"{where} is in no git repository, so that it has no earlier state") from None
        raise
    try:
        if revision.startswith("-"):
            raise RevisionError("")
        return _git(root, ["rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"]).decode().strip()
    except RevisionError:
        shallow = b"true" in _git(root, ["rev-parse", "--is-shallow-repository"])
        more = " (this clone is shallow: `git fetch --unshallow`, or a greater fetch-depth in CI)" if shallow else ""
        raise RevisionError(f"there is no revision `{revision}` in this repository{more}") from None


def _listed(root: str, commit: str) -> Iterator[_Entry]:
    """Yield the files below the root; none where the revision does not have that folder."""
    prefix = os.fsdecode(_git(root, ["rev-parse", "--show-prefix"]).rstrip(b"\n"))
    command = ["ls-tree", "-r", "-l", "-z", "--full-tree", commit]
    for line in _git(root, [*command, "--", prefix] if prefix else command).split(b"\0"):
        head, tab, name = line.partition(b"\t")
        path = os.fsdecode(name)
        if not tab or not path.startswith(prefix):
            continue
        mode, _, blob, size = head.decode().split()
        relative = path.removeprefix(prefix)
        if mode in _FILES and not _leaves(relative) and (size == "-" or int(size) <= _MAX_BYTES):
            yield _Entry(mode, blob, relative)


def _leaves(path: str) -> bool:
    """True for a path that would be written outside the folder: git refuses those, a crafted tree may have them."""
    parts = path.split("/")
    odd = os.sep != "/" and any(os.sep in part or ":" in part for part in parts)
    return odd or os.path.isabs(path) or any(part in ("", ".", "..") for part in parts)


def _write(root: str, folder: str, entries: Sequence[_Entry]) -> None:
    links: list[tuple[str, bytes]] = []
    for start in range(0, len(entries), _BATCH):
        batch = entries[start : start + _BATCH]
        for entry, content in zip(batch, _contents(root, batch), strict=True):
            target = os.path.join(folder, *entry.path.split("/"))
            if entry.mode == _LINK:
                links.append((target, content))
                continue
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "wb") as stream:
                stream.write(content)
    for target, content in links:  # last, so that nothing is written through one
        os.makedirs(os.path.dirname(target), exist_ok=True)
        try:
            os.symlink(os.fsdecode(content), target)
        except OSError:
            with open(target, "wb") as stream:
                stream.write(content)


def _contents(root: str, entries: Sequence[_Entry]) -> Iterator[bytes]:
    """Yield what each entry's file holds. Raises RevisionError for one that a partial clone does not have."""
    data = _git(root, ["cat-file", "--batch"], "".join(f"{entry.blob}\n" for entry in entries).encode())
    start = 0
    for entry in entries:
        end = data.index(b"\n", start)
        head = data[start:end].split()
        if len(head) != 3:
            raise RevisionError(f"`{entry.path}` is not in this clone: fetch the whole repository, not a part of it")
        start, length = end + 1, int(head[2])
        yield data[start : start + length]
        start += length + 1
