"""Calls that no exception is expected of: clocks, log messages, conversions, what only makes an object."""

from __future__ import annotations

from collections.abc import Iterable

from obs_lint.checks.handlers import statements
from obs_lint.checks.telling import is_log_method, looks_like_logger
from obs_lint.facts.model import Block, Expr
from obs_lint.facts.nested import nested
from obs_lint.facts.roots import of_block
from obs_lint.patterns import names_match
from obs_lint.project import Origin, Project

_MAX_HOPS = 2


class QuietCalls:
    """Judges calls, in one project."""

    def __init__(self, project: Project, ignored: Iterable[str]) -> None:
        """`ignored`: dotted patterns of functions; `*.append` is a method of an object that is not told further."""
        self._project = project
        self._functions = tuple(pattern for pattern in ignored if not pattern.startswith("*."))
        self._methods = frozenset(pattern[2:] for pattern in ignored if pattern.startswith("*."))
        self._judged: dict[tuple[str, int], bool] = {}

    def is_quiet(self, path: str, scope: int, expr: Expr, hops: int = _MAX_HOPS) -> bool:
        """True where evaluating an expression raises nothing that is to be expected."""
        for part in nested(expr):
            if part[0] in ("yield", "await"):
                return False
            if part[0] == "call" and not self._is_quiet_call(path, scope, part, hops):
                return False
        return True

    def _is_quiet_call(self, path: str, scope: int, call: Expr, hops: int) -> bool:
        origins = self._project.resolve(path, scope, call[1])
        known = [origin for origin in origins if origin.kind in ("external", "function", "class")]
        if call[1][0] == "attr" and call[1][2] in self._methods and not known:
            return True
        if known and len(known) == len(origins) and all(self._is_quiet_origin(origin, hops) for origin in known):
            return True
        return is_log_method(call[1]) and looks_like_logger(call[1][1])

    def _is_quiet_origin(self, origin: Origin, hops: int) -> bool:
        names = self._project.names(origin)
        if any(names_match(pattern, names) for pattern in self._functions):
            return True
        if origin.kind == "external":
            return False
        if origin.kind == "class":
            made = [each for each in self._project.resolve_attribute(origin, "__init__") if each.path]
            return all(self._is_quiet_function(each, hops) for each in made if each.kind == "function")
        return self._is_quiet_function(origin, hops)

    def _is_quiet_function(self, origin: Origin, hops: int) -> bool:
        key = (origin.path, origin.index)
        if key not in self._judged:
            self._judged[key] = False
            self._judged[key] = self._never_raises(origin, hops)
        return self._judged[key]

    def _never_raises(self, origin: Origin, hops: int) -> bool:
        facts = self._project.facts(origin.path)
        if facts is None or hops <= 0:
            return False
        function = facts.functions[origin.index]
        if function.is_stub or function.is_generator or function.decorators or _raises(function.block):
            return False
        return all(self.is_quiet(origin.path, function.scope, root, hops - 1) for root in of_block(function.block))


def _raises(block: Block) -> bool:
    return any(statement[0] == "raise" for statement in statements(block))
