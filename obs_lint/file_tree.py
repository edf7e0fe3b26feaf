"""Lists the Python files below a folder, folder by folder, leaving out what is excluded or ignored."""

from __future__ import annotations

import marshal
import os
import re
import stat
import sys
from collections.abc import Iterable
from typing import NamedTuple

from obs_lint.ignore_files import IgnoreStack

SUFFIXES = (".py", ".pyi", ".ipynb")
"""Of the files that are linted without being asked for by name."""

_PACKAGE = frozenset({"__init__.py", "__init__.pyi"})
_DISTRIBUTION = frozenset({"pyproject.toml", "setup.cfg"})
_NOTED = _DISTRIBUTION | {"pyvenv.cfg", ".gitignore", ".git"}

_SHARED_LEVEL = 1000
"""From this many folders on, half of a level's folders are listed by a second process: listing is all system calls."""

_WINDOWS = os.name == "nt"


class Folder(NamedTuple):
    """One folder that has Python files, or the metadata of a distribution, directly in it."""

    path: str
    """Relative to the project's root, with `/`; empty for the root."""
    absolute: str
    is_package: bool
    """It has an `__init__.py`, whether that is excluded or not."""
    is_distribution: bool
    """It has a pyproject.toml, a setup.cfg or a setup.py."""
    files: list[tuple[str, int, int]]
    """Name, size in bytes, modification time in nanoseconds."""


class Tree(NamedTuple):
    """What a walk found. Parents come before their children."""

    folders: list[Folder]
    visited: list[str]
    """Every folder listed, with or without Python, by its path and a `/`; empty for the root."""
    unreadable: list[str]
    """Paths of the folders that could not be listed; `.` for the root."""


class Excludes:
    """The exclude patterns, with ruff's meaning.

    A pattern without `/` is matched against the name of each file and folder, every pattern against the path from the
    root; `*` and `?` match `/` too; `{a,b}` is either. So `gen` is any `gen`, `./gen` or `gen/` the root's. What is
    below an excluded folder isn't visited.
    """

    __slots__ = ("name_match", "names", "path_match")

    def __init__(self, patterns: Iterable[str], root: str) -> None:
        """`root` (absolute) makes absolute patterns relative; those that lie elsewhere match nothing."""
        base = root.replace(os.sep, "/").rstrip("/") + "/"
        names: set[str] = set()
        name_patterns: list[str] = []
        path_patterns: list[str] = []
        for pattern in patterns:
            pattern = pattern.replace("\\", "/") if _WINDOWS else pattern
            path = os.path.normpath(pattern.removeprefix(base)).replace(os.sep, "/")
            if path == ".":
                continue
            by_name = "/" not in pattern
            if by_name and not any(char in pattern for char in "*?[{"):
                names.add(pattern)
                continue
            expression = _exclude_expression(path)
            try:
                re.compile(expression)
            except re.error:
                expression = re.escape(path)
            path_patterns.append(expression)
            if by_name:
                name_patterns.append(expression)
        self.names = frozenset(names)
        self.name_match = re.compile("|".join(name_patterns), re.DOTALL).fullmatch if name_patterns else None
        self.path_match = re.compile("|".join(path_patterns), re.DOTALL).fullmatch if path_patterns else None

    def covers(self, path: str) -> bool:
        """True where `path`, relative to the root, or any folder above it is excluded."""
        while path:
            folder, _, name = path.rpartition("/")
            if self._is_excluded(name, path):
                return True
            path = folder
        return False

    def _is_excluded(self, name: str, path: str) -> bool:
        return (
            name in self.names
            or (self.name_match is not None and self.name_match(name) is not None)
            or (self.path_match is not None and self.path_match(path) is not None)
        )


def walk(absolute: str, path: str, excludes: Excludes, ignores: IgnoreStack | None, *, skip_environments: bool) -> Tree:
    """List the tree below the folder `absolute`, known as `path` to the project.

    The folder itself is never excluded. Links to folders are not followed, links to files are; broken ones and what is
    no regular file are left out. `ignores`: what holds above the folder, None to ignore nothing. With
    `skip_environments`, virtual environments below it are left out.
    """
    prefix = path + "/" if path else ""
    walker = _Walker(excludes, skip_environments, prefix)
    walker.walk([(absolute, prefix, ignores)], share=_may_fork())
    return Tree(walker.folders, walker.visited, walker.unreadable)


_Pending = tuple[str, str, "IgnoreStack | None"]


class _Walker:
    """Goes down level by level, so that a deep tree needs no recursion and a wide one can be shared."""

    __slots__ = ("excludes", "folders", "skip_environments", "start", "unreadable", "visited")

    def __init__(self, excludes: Excludes, skip_environments: bool, start: str) -> None:
        self.excludes = excludes
        self.skip_environments = skip_environments
        self.start = start
        self.folders: list[Folder] = []
        self.visited: list[str] = []
        self.unreadable: list[str] = []

    def walk(self, level: list[_Pending], *, share: bool = False) -> None:
        scandir, suffixes, noteworthy, excluded = os.scandir, SUFFIXES, _NOTED, self.excludes.names
        visited = self.visited
        while level:
            if share and len(level) >= _SHARED_LEVEL:
                self.walk_shared(level)
                return
            below: list[_Pending] = []
            for pending in level:
                absolute, prefix, _ = pending
                files: list[tuple[str, int, int]] = []
                folders: list[str] = []
                noted: list[str] = []
                try:
                    with scandir(absolute) as entries:
                        for entry in entries:
                            name = entry.name
                            if name.endswith(suffixes):
                                try:
                                    found = entry.stat()
                                except OSError:
                                    continue
                                kind = found.st_mode & 0o170000
                                if kind == 0o100000:
                                    files.append((name, found.st_size, found.st_mtime_ns))
                                elif kind == 0o040000 and name not in excluded and _is_real_folder(entry):
                                    folders.append(name)
                            elif entry.is_dir(follow_symlinks=False):
                                if name not in excluded and (not _WINDOWS or _is_real_folder(entry)):
                                    folders.append(name)
                                if name == ".git":
                                    noted.append(name)
                            elif name in noteworthy:
                                noted.append(name)
                except OSError as error:
                    # A folder that is gone since its parent was listed is no failure.
                    if not isinstance(error, FileNotFoundError) or prefix == self.start:
                        self.unreadable.append(prefix[:-1] or ".")
                    continue
                visited.append(prefix)
                if files or noted or folders:
                    self.add(pending, files, folders, noted, below)
            level = below

    def walk_shared(self, level: list[_Pending]) -> None:
        mine, theirs = level[::2], level[1::2]
        try:
            reader, writer = os.pipe()
            child = os.fork()
        except OSError:
            self.walk(level)
            return
        if child == 0:
            try:
                os.close(reader)
                half = _Walker(self.excludes, self.skip_environments, self.start)
                half.walk(theirs)
                with open(writer, "wb") as pipe:
                    pipe.write(marshal.dumps(([tuple(f) for f in half.folders], half.visited, half.unreadable)))
            finally:
                os._exit(0)
        os.close(writer)
        with open(reader, "rb") as pipe:
            self.walk(mine)
            data = pipe.read()
        os.waitpid(child, 0)
        try:
            folders, visited, unreadable = marshal.loads(data)
        except (EOFError, ValueError, TypeError):
            # The child was killed before it had written everything.
            self.walk(theirs)
            return
        self.folders.extend(map(Folder._make, folders))
        self.visited.extend(visited)
        self.unreadable.extend(unreadable)

    def add(
        self,
        pending: _Pending,
        files: list[tuple[str, int, int]],
        folders: list[str],
        noted: list[str],
        below: list[_Pending],
    ) -> None:
        """Take in what a folder has, but for what is excluded or ignored; its own folders go to `below`."""
        absolute, prefix, ignores = pending
        is_distribution = False
        if noted:
            if self.skip_environments and "pyvenv.cfg" in noted and prefix != self.start:
                return
            is_distribution = not _DISTRIBUTION.isdisjoint(noted)
            if ignores is not None:
                ignores = ignores.entering(absolute, repository=".git" in noted, ignore_file=".gitignore" in noted)
        if files:
            names = [file[0] for file in files]
            is_package = not _PACKAGE.isdisjoint(names)
            is_distribution = is_distribution or (not is_package and "setup.py" in names)
            left_out = self.excluded(prefix, names)
            if ignores is not None and ignores.active:
                left_out |= ignores.ignored(absolute, names, folders=False)
            if left_out:
                files = [file for file in files if file[0] not in left_out]
            if files or is_distribution:
                self.folders.append(Folder(prefix[:-1], absolute, is_package, is_distribution, files))
        elif is_distribution:
            self.folders.append(Folder(prefix[:-1], absolute, False, True, files))
        if folders:
            left_out = self.excluded(prefix, folders)
            if ignores is not None and ignores.active:
                left_out |= ignores.ignored(absolute, folders, folders=True)
            start = absolute if absolute.endswith(os.sep) else absolute + os.sep
            for name in folders:
                if name not in left_out:
                    below.append((start + name, f"{prefix}{name}/", ignores))

    def excluded(self, prefix: str, names: list[str]) -> set[str]:
        excludes = self.excludes
        found = excludes.names.intersection(names) if excludes.names else frozenset()
        if excludes.name_match is None and excludes.path_match is None:
            return set(found)
        return {
            name
            for name in names
            if name in found
            or (excludes.name_match is not None and excludes.name_match(name))
            or (excludes.path_match is not None and excludes.path_match(prefix + name))
        }


def _is_real_folder(entry: os.DirEntry[str]) -> bool:
    """False for a link to a folder, and for the junctions of Windows, which `is_dir` takes for folders."""
    try:
        if not entry.is_dir(follow_symlinks=False):
            return False
        tag = getattr(entry.stat(follow_symlinks=False), "st_reparse_tag", 0)
    except OSError:
        return False
    return tag == 0 or tag != getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", 0)


def _may_fork() -> bool:
    """True where a fork is safe and of use: Linux, one thread, more than one core."""
    if sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2:
        return False
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False


def _exclude_expression(pattern: str) -> str:
    out: list[str] = []
    depth = at = 0
    while at < len(pattern):
        char = pattern[at]
        if pattern.startswith("**/", at) and (at == 0 or pattern[at - 1] == "/"):
            out.append("(?:.*/)?")
            at += 3
            continue
        if char == "*":
            out.append(".*")
        elif char == "?":
            out.append(".")
        elif char == "[" and (close := pattern.find("]", at + 2)) > 0:
            body = pattern[at + 1 : close]
            negated = body[0] in "!^"
            out.append(f"[{'^' if negated else ''}{_set_members(body[negated:])}]")
            at = close
        elif char == "{" and "}" in pattern[at:]:
            depth += 1
            out.append("(?:")
        elif char == "}" and depth:
            depth -= 1
            out.append(")")
        elif char == "," and depth:
            out.append("|")
        else:
            out.append(re.escape(char))
        at += 1
    return "".join(out) + ")" * depth


def _set_members(body: str) -> str:
    return re.sub(r"[\\\[\]^&|~]", r"\\\g<0>", body)
