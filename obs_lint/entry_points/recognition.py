"""Which framework an object, a class, a decorator or a call belongs to: by its origin."""

from __future__ import annotations

from collections.abc import Mapping

from obs_lint.entry_points.lookup import Lookup
from obs_lint.entry_points.vocabulary import CONTROLLERS, Handling, Registration, handling, owner
from obs_lint.facts.model import Expr
from obs_lint.project import Origin

_BELOW = {
    "django": (".urls.", ".conf.urls.", "rest_framework."),
    "aiohttp": (".web.", ".web_"),
    "tornado": (".web.", ".routing."),
}


class Recognition:
    """Recognises what frameworks make, in one project."""

    def __init__(self, lookup: Lookup) -> None:
        """Answers about classes are kept."""
        self._lookup = lookup
        self._project = lookup.project
        self._frameworks: dict[tuple[str, int], str] = {}
        self._handlings: dict[tuple[str, int], Handling | None] = {}

    def framework_of(self, path: str, scope: int, expr: Expr) -> str:
        """Return the framework whose router, application, queue or broker an expression is; "" for anything else."""
        for origin in self._lookup.resolve(path, scope, expr):
            found = ""
            if origin.kind == "result" or (origin.kind == "instance" and not origin.path):
                found = owner(origin.name)
            elif origin.kind == "instance":
                found = self.class_framework(origin.path, origin.index)
            if found:
                return found
        return ""

    def class_framework(self, path: str, index: int) -> str:
        """Return the framework whose router, application, queue or broker the objects of a class are."""
        key = (path, index)
        if key not in self._frameworks:
            self._frameworks[key] = next((f for name in self._externals(path, index) if (f := owner(name))), "")
        return self._frameworks[key]

    def handling(self, path: str, index: int) -> Handling | None:
        """Return which methods of a class its framework calls; None for a class of no framework."""
        key = (path, index)
        if key not in self._handlings:
            found: Handling | None = None
            for name in self._externals(path, index):
                other = handling(name)
                if found is None:
                    found = other
                elif other is not None and other.kind == found.kind:
                    found = found._replace(methods={**found.methods, **other.methods})
            self._handlings[key] = found
        return self._handlings[key]

    def is_of_framework(self, path: str, index: int) -> bool:
        """True for a class that handles, that makes routers or queues, or that is a controller."""
        return (
            self.handling(path, index) is not None
            or bool(self.class_framework(path, index))
            or any(ends(name) in CONTROLLERS for name in self._externals(path, index))
        )

    def _externals(self, path: str, index: int) -> list[str]:
        return [ancestor for ancestor in self._project.ancestors(path, index) if isinstance(ancestor, str)]

    def method(self, origin: Origin) -> tuple[str, str]:
        """Return (framework, name, dotted from there) of what is read from a router, an application or a queue."""
        if origin.kind == "member":
            made, _, name = origin.name.partition("().")
            return owner(made), name
        if origin.kind == "function" and origin.path:
            facts = self._project.facts(origin.path)
            row = None if facts is None else facts.functions[origin.index]
            if row is not None and row.owner >= 0:
                return self.class_framework(origin.path, row.owner), row.name
        return "", ""

    def registration(
        self,
        path: str,
        scope: int,
        callee: Expr,
        members: Mapping[tuple[str, str], Registration],
        functions: Mapping[tuple[str, str], Registration],
    ) -> Registration | None:
        """Return what calling `callee`, or decorating with it, registers, of methods of objects and of functions."""
        for origin in self._lookup.resolve(path, scope, callee):
            if origin.kind in ("external", "class"):
                for name in (origin.name,) if not origin.path else self._externals(origin.path, origin.index):
                    found = functions.get(ends(name))
                    if found is not None and is_meant(name, found.framework):
                        return found
            elif members and origin.kind in ("member", "function"):
                found = members.get(self.method(origin))
                if found is not None:
                    return found
        return None


def ends(dotted: str) -> tuple[str, str]:
    """Return (root package, last name)."""
    return dotted.partition(".")[0], dotted.rpartition(".")[2]


def is_meant(dotted: str, framework: str) -> bool:
    """True where a name lies in the part of its package that registers."""
    return any(part in dotted for part in _BELOW.get(framework, ("",)))
