"""What names are, in functions that are handed an application too: `setup_routes(app)`."""

from __future__ import annotations

from obs_lint.facts.model import Expr, FileFacts
from obs_lint.project import Origin, Project
from obs_lint.project.application import Application

_MAX_APPLICATIONS = 8
"""Calls of one function that are told apart."""
_UNTOLD = frozenset({"parameter", "variable"})


class Lookup:
    """Resolves expressions of a project, and where a parameter decides, for each call that was noted."""

    def __init__(self, project: Project) -> None:
        """Calls are noted as they are found."""
        self.project = project
        self._applications: dict[tuple[str, int], list[Application]] = {}
        self._known: dict[tuple[str, int, int], tuple[Expr, tuple[Origin, ...]]] = {}

    def resolve(self, path: str, scope: int, expr: Expr) -> tuple[Origin, ...]:
        """Return everything that an expression may be."""
        found = self.project.resolve(path, scope, expr)
        if not self._applications or any(origin.kind not in _UNTOLD for origin in found):
            return found
        key = (path, scope, id(expr))
        known = self._known.get(key)
        if known is None:
            more = [
                origin
                for application in self._around(path, scope)
                for origin in self.project.resolve_within(path, scope, expr, application)
                if origin.kind not in _UNTOLD
            ]
            known = self._known[key] = (expr, tuple(dict.fromkeys(more)) or found)
        return known[1]

    def _around(self, path: str, scope: int) -> list[Application]:
        """The noted calls of the functions that a scope lies in, the innermost first."""
        facts = self.project.facts(path)
        found: list[Application] = []
        while facts is not None and scope >= 0:
            row = facts.scopes[scope]
            if row.kind == "function":
                found += self._applications.get((path, row.owner), ())
            scope = row.parent
        return found

    def note(self, path: str, scope: int, call: Expr, callee: Origin) -> tuple[str, int] | None:
        """Note a call of a first-party function; returns the function where that tells something new of it."""
        target = callee
        if callee.kind == "class":
            made = [o for o in self.project.resolve_attribute(callee, "__init__") if o.kind == "function"]
            if not made:
                return None
            target = made[0]
        facts = self.project.facts(target.path) if target.kind == "function" and target.path else None
        if facts is None:
            return None
        key = (target.path, target.index)
        noted = self._applications.setdefault(key, [])
        if len(noted) >= _MAX_APPLICATIONS:
            return None
        application = self._application(path, scope, call, facts, target, bound=target is not callee)
        if any(application.given == other.given for other in noted):
            return None
        noted.append(application)
        self._known.clear()
        return key

    def _application(
        self, path: str, scope: int, call: Expr, facts: FileFacts, target: Origin, *, bound: bool
    ) -> Application:
        parameters = facts.functions[target.index].parameters
        if parameters and (bound or target.receiver):
            parameters = parameters[1:]
        around = next(iter(self._around(path, scope)), None)
        written: dict[str, Expr] = {}
        for parameter, argument in zip([p for p in parameters if "positional" in p.kind], call[2], strict=False):
            if argument[0] == "star":
                break
            written[parameter.name] = argument
        names = {p.name for p in parameters}
        written |= {name: value for name, value, _ in call[3] if name in names}
        given = {name: self.project.evaluate(path, scope, value, around) for name, value in written.items()}
        return Application(target.path, target.index, given)
