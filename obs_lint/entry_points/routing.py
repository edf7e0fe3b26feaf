"""Paths of routes: what a router is mounted under, what it is given itself, and the route's own part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from obs_lint.entry_points.lookup import Lookup
from obs_lint.entry_points.vocabulary import PREFIXES
from obs_lint.facts.model import Expr, Pos

UNTOLD = "…"
"""A part of a path that can't be told."""
_MAX_DEPTH = 16


class Place(NamedTuple):
    """An expression and where it is evaluated."""

    path: str
    scope: int
    expr: Expr


class Mount(NamedTuple):
    """One way in which a router is reached."""

    parent: str
    """Key of the router above, "" where nothing is known of it."""
    prefix: str | None
    """None where the router's own prefix is all there is; else what comes before it."""
    replaces: bool = False
    """True where `prefix` stands for the router's own (Flask)."""


class Routing:
    """The routers of a project by their keys: dotted names of variables, or `path:scope:name` of local ones."""

    def __init__(self, lookup: Lookup) -> None:
        """Routers and mounts are added as they are found."""
        self._lookup = lookup
        self._project = lookup.project
        self._own: dict[str, str] = {}
        self._made: dict[tuple[str, Pos], str] = {}
        self._mounts: dict[str, list[Mount]] = {}

    def add(self, key: str, prefix: str, made: Place | None = None) -> None:
        """Say that a router exists, with which prefix of its own, and which call makes it."""
        self._own.setdefault(key, prefix)
        if made is not None:
            self._made[made.path, made.expr[-1]] = key

    def own_prefix(self, made: Place) -> str:
        """Return the prefix that the call that makes a router gives it."""
        path, scope, call = made
        if call[0] != "call":
            return ""
        given = [value for name, value, _ in call[3] if name in PREFIXES]
        if not given and call[2][:1] and call[1][-2:-1] == ("Router",):
            given = [call[2][0]]
        return self.text(Place(path, scope, given[0])) if given else ""

    def mount(self, key: str, mount: Mount) -> None:
        """Say where a router is mounted."""
        self._mounts.setdefault(key, []).append(mount)

    def key_of(self, path: str, scope: int, name: str) -> str:
        """Return the key of the variable that is bound in a scope."""
        row = self._scope(path, scope)
        if row[0] not in ("module", "class"):
            return f"{path}:{scope}:{name}"
        return ".".join(part for part in (self._project.modules.name_of(path), row[1], name) if part)

    def _scope(self, path: str, scope: int) -> tuple[str, str]:
        facts = self._project.facts(path)
        return ("module", "") if facts is None else (facts.scopes[scope].kind, facts.scopes[scope].qualname)

    def find(self, place: Place) -> str:
        """Return the key of the router that an expression is, "" where it is none that is known."""
        path, scope, expr = place
        if expr[0] == "call":
            return self._made.get((path, expr[-1]), "")
        if expr[0] == "name":
            bound = self._project.bound(path, scope, expr[1])
            if bound is not None:
                key = self.key_of(path, bound[0], expr[1])
                if key in self._own:
                    return key
        for origin in self._lookup.resolve(path, scope, expr):
            for name in origin.via:
                if name in self._own:
                    return name
        return ""

    def prefix(self, key: str) -> str:
        """Return all that comes before the paths of a router's own routes."""
        return self._prefix(key, frozenset())

    def _prefix(self, key: str, seen: frozenset[str]) -> str:
        own = self._own.get(key, "")
        mounts = self._mounts.get(key)
        if not mounts or key in seen or len(seen) > _MAX_DEPTH:
            return own
        mount = mounts[0]
        above = self._prefix(mount.parent, seen | {key}) if mount.parent else ""
        if mount.prefix is None:
            return joined(above, own)
        return joined(above, mount.prefix) if mount.replaces else joined(above, mount.prefix, own)

    # -- strings

    def text(self, place: Place | None) -> str:
        """Return a path, of several the first, as far as it can be told; `…` stands for what can't."""
        if place is None:
            return ""
        path, scope, expr = place
        if expr[0] == "seq" and expr[2]:
            return self.text(Place(path, scope, expr[2][0]))
        known = [v.value for v in self._project.values(path, scope, expr).known if isinstance(v.value, str)]
        if known:
            return known[0]
        return "".join(self._parts(path, scope, expr))

    def _parts(self, path: str, scope: int, expr: Expr) -> Iterator[str]:
        if expr[0] == "fstr":
            for part in expr[1]:
                yield self.text(Place(path, scope, part[1] if part[0] == "fmt" else part))
        elif expr[0] == "binop" and expr[1] == "+":
            yield self.text(Place(path, scope, expr[2]))
            yield self.text(Place(path, scope, expr[3]))
        else:
            yield UNTOLD

    def texts(self, place: Place | None) -> tuple[str, ...]:
        """Return the strings of a list, tuple or set; one string alone; () where it can't be told."""
        if place is None:
            return ()
        path, scope, expr = place
        if expr[0] == "seq":
            return tuple(text for item in expr[2] for text in self.texts(Place(path, scope, item)))
        known = [v.value for v in self._project.values(path, scope, expr).known if isinstance(v.value, str)]
        if known:
            return tuple(known)
        return (expr[2],) if expr[0] == "attr" and expr[2].isupper() else ()


def joined(*parts: str) -> str:
    """Put parts of a path together, with one slash between two."""
    result = ""
    for part in parts:
        if not part:
            continue
        if not result or result.endswith(UNTOLD) or part.startswith(UNTOLD):
            result = f"{result}{part}"
        else:
            result = f"{result.rstrip('/')}/{part.lstrip('/')}"
    return result


def shown(path: str) -> str:
    """Return a path as messages have it: from the root on, an empty one as `/`."""
    return path if path.startswith(("/", UNTOLD)) else f"/{path}"


def plain(pattern: str) -> str:
    """Return a regular expression of Django or tornado as a path: named groups as `<name>`, no ends, no escapes."""
    pattern = pattern.removeprefix("^").removesuffix("$").removesuffix("\\Z")
    text = ""
    index = 0
    while index < len(pattern):
        if pattern.startswith("(?P<", index) and (close := pattern.find(">", index)) > 0:
            text += pattern[index + 3 : close + 1]
            index = _closed(pattern, index)
        elif pattern[index] == "\\" and pattern[index + 1 : index + 2] in ("/", ".", "-", "_"):
            text += pattern[index + 1]
            index += 2
        else:
            text += pattern[index]
            index += 1
    return text


def _closed(pattern: str, start: int) -> int:
    """Return where the group that begins at `start` ends."""
    depth = 0
    index = start
    while index < len(pattern):
        char = pattern[index]
        if char == "\\":
            index += 1
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            if not depth:
                return index + 1
        index += 1
    return len(pattern)
