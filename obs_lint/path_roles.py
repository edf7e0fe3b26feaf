"""Which roles (tests, scripts, …) a path has; as much as possible is decided once a folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from obs_lint.patterns import glob

NO_ROLES: frozenset[str] = frozenset()


class PathRoles:
    """Every role's globs, sorted by how much of a path they look at."""

    __slots__ = ("_folders", "_known", "_name_globs", "_names", "_path_globs", "_segments", "_shared")

    def __init__(self, roles: Mapping[str, Iterable[str]]) -> None:
        """`roles`: path globs, relative to the project's root, of each role."""
        segments: dict[str, set[str]] = {}
        folders: dict[str, set[str]] = {}
        names: dict[str, set[str]] = {}
        name_globs: dict[str, list[str]] = {}
        path_globs: dict[str, list[str]] = {}
        for role, patterns in roles.items():
            for written in patterns:
                pattern = written.removeprefix("./").rstrip("/")
                anywhere = pattern.startswith("**/")
                rest = pattern[3:] if anywhere else pattern
                stem = rest.removesuffix("/**")
                if not _is_literal(stem) or (anywhere and "/" in stem):
                    globs = name_globs if anywhere and "/" not in rest and rest != "**" else path_globs
                    globs.setdefault(role, []).append(rest if globs is name_globs else pattern)
                elif anywhere:
                    segments.setdefault(stem, set()).add(role)
                    if stem == rest:
                        names.setdefault(stem, set()).add(role)
                elif stem != rest:
                    folders.setdefault(stem, set()).add(role)
                else:
                    path_globs.setdefault(role, []).append(pattern)
        self._segments = {key: frozenset(found) for key, found in segments.items()}
        self._folders = {key: frozenset(found) for key, found in folders.items()}
        self._names = {key: frozenset(found) for key, found in names.items()}
        self._name_globs = _Globs(name_globs)
        self._path_globs = _Globs(path_globs)
        self._known: dict[str, frozenset[str]] = {"": NO_ROLES}
        self._shared: dict[frozenset[str], frozenset[str]] = {}

    def of_folder(self, path: str) -> frozenset[str]:
        """Roles that everything below the folder has, whatever its name."""
        known, segments, folders = self._known, self._segments, self._folders
        heads, tails = self._name_globs.heads, self._name_globs.tails
        todo: list[tuple[str, str]] = []
        while path not in known:
            parent, _, name = path.rpartition("/")
            todo.append((path, name))
            path = parent
        roles = known[path]
        for path, name in reversed(todo):
            if name in segments or path in folders or name.startswith(heads) or name.endswith(tails):
                own = segments.get(name, NO_ROLES) | folders.get(path, NO_ROLES) | self._name_globs.roles(name)
                roles = self._shared.setdefault(roles | own, roles | own)
            known[path] = roles
        return roles

    def names_that_differ(self) -> Callable[[str], object]:
        """Return a fast test: false for a file's name that gives it no other roles than its folder's."""
        if self._path_globs.any is not None:
            return bool
        names, heads, tails = self._names, self._name_globs.heads, self._name_globs.tails
        return lambda name: name in names or name.startswith(heads) or name.endswith(tails)

    def of_file(self, folder_roles: frozenset[str], folder: str, name: str) -> frozenset[str]:
        """Roles of the file `name` in `folder`, of which `of_folder` said `folder_roles`."""
        found = folder_roles | self._names.get(name, NO_ROLES) | self._name_globs.roles(name)
        if self._path_globs.any is not None:
            path = f"{folder}/{name}" if folder else name
            if self._path_globs.any(path):
                found = found | self._path_globs.roles(path)
        return found if found is folder_roles else self._shared.setdefault(found, found)


class _Globs:
    """Globs of several roles, behind tests that cost little and tell whether any of them can match."""

    __slots__ = ("_by_role", "any", "heads", "tails")

    def __init__(self, globs: Mapping[str, list[str]]) -> None:
        patterns = [pattern for found in globs.values() for pattern in found]
        starts = {pattern: re.split(r"[*?\[]", pattern, maxsplit=1)[0] for pattern in patterns}
        self.heads = tuple({start for start in starts.values() if start})
        """What the names begin with that match a glob; those globs that begin with a wildcard aside."""
        self.tails = tuple({re.split(r"[*?\]]", pattern)[-1] for pattern, start in starts.items() if not start})
        """What the names end with that match one of the others."""
        self._by_role = tuple(
            (role, re.compile("|".join(glob(pattern).pattern for pattern in found), re.DOTALL))
            for role, found in globs.items()
        )
        every = "|".join(glob(pattern).pattern for pattern in patterns)
        self.any = re.compile(every, re.DOTALL).fullmatch if patterns else None

    def roles(self, text: str) -> frozenset[str]:
        return frozenset(role for role, pattern in self._by_role if pattern.fullmatch(text))


def _is_literal(pattern: str) -> bool:
    return bool(pattern) and not any(char in pattern for char in "*?[")
