"""Walking the expressions of a file's facts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from obs_lint.facts.model import Expr, FileFacts
from obs_lint.facts.nested import children, nested

__all__ = ["arguments", "children", "expressions", "leading_text", "nested", "renamed"]


def expressions(facts: FileFacts) -> Iterator[tuple[Expr, int]]:
    """Yield every call and every subscript that the facts hold, once, with the scope that it is evaluated in."""
    seen: set[tuple[int, int, int, int]] = set()
    for root, scope in _roots(facts):
        if root[0] == "call":
            yield root, scope
            stack = children(root)
        else:
            stack = [root]
        while stack:
            expr = stack.pop()
            if expr[0] == "call":
                continue  # a call of its own
            if expr[0] == "sub" and expr[-1] not in seen:
                seen.add(expr[-1])
                yield expr, scope
            stack += children(expr)


def _roots(facts: FileFacts) -> Iterator[tuple[Expr, int]]:
    for call in facts.calls:
        yield call.expr, call.scope
    for number, scope in enumerate(facts.scopes):
        for bindings in scope.bindings.values():
            for binding in bindings:
                if binding.value is not None and binding.value[0] != "call":
                    yield binding.value, number
    for attribute in facts.attributes:
        if attribute.value is not None and attribute.value[0] != "call":
            yield attribute.value, attribute.scope
    for function in facts.functions:
        for result in function.returns:
            if result.value[0] != "call":
                yield result.value, function.scope
        for parameter in function.parameters:
            if parameter.default is not None and parameter.default[0] != "call":
                yield parameter.default, function.parent


def renamed(facts: FileFacts, matches: Callable[[str], object]) -> frozenset[str]:
    """Return the names that a file gives, by import or assignment, to what has a last segment that `matches`."""
    found = {
        alias.asname
        for statement in facts.imports
        for alias in statement.names
        if alias.asname and matches(alias.name.rpartition(".")[2])
    }
    assigned = [
        (name, frozenset(part[1 if part[0] == "name" else 2] for part in nested(binding.value) if part[0] in _CHAIN))
        for scope in facts.scopes
        for name, bindings in scope.bindings.items()
        for binding in bindings
        if binding.value is not None and binding.kind in ("assign", "walrus")
    ]
    more = True
    while more:
        more = False
        for name, parts in assigned:
            if name not in found and any(part in found or matches(part) for part in parts):
                found.add(name)
                more = True
    return frozenset(found)


_CHAIN = ("name", "attr")


def arguments(call: Expr) -> tuple[Expr, ...]:
    """Return what a call is given: its positional arguments, or where it has none its first keyword's value."""
    if call[2]:
        return tuple(call[2])
    return tuple(value for name, value, _ in call[3][:1] if name is not None)


def leading_text(expr: Expr) -> str:
    """Return the literal text that an f-string or a concatenation starts with."""
    while True:
        if expr[0] == "const":
            return expr[1] if isinstance(expr[1], str) else ""
        if expr[0] == "fstr" and expr[1]:
            expr = expr[1][0]
        elif expr[0] == "binop" and expr[1] in ("+", "%"):
            expr = expr[2]
        else:
            return ""
