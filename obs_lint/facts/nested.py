"""Walking the expressions of a file's facts."""

from __future__ import annotations

from collections.abc import Iterator

from obs_lint.facts.model import Expr


def nested(expr: Expr) -> Iterator[Expr]:
    """Yield an expression and all that stand in it, outermost first. A lambda's body is a scope of its own."""
    stack = [expr]
    while stack:
        current = stack.pop()
        yield current
        stack.extend(reversed(children(current)))


def children(expr: Expr) -> list[Expr]:
    """Return the expressions directly inside one."""
    tag = expr[0]
    if tag == "attr":
        return [expr[1]]
    if tag == "call":
        return [expr[1], *expr[2], *(value for _, value, _ in expr[3])]
    if tag in ("star", "await"):
        return [expr[1]]
    if tag == "yield":
        return [expr[1]] if expr[1] is not None else []
    if tag == "walrus":
        return [expr[2]]
    if tag == "binop":
        return [expr[2], expr[3]]
    if tag in ("bool", "seq"):
        return list(expr[2])
    if tag == "if":
        return [expr[1], expr[2], expr[3]]
    if tag == "compare":
        return [expr[1], *expr[3]]
    if tag == "unary":
        return [expr[2]]
    if tag == "dict":
        return [part for pair in expr[1] for part in pair if part is not None]
    if tag == "sub":
        return [expr[1], expr[2]]
    if tag == "fstr":
        return list(expr[1])
    if tag == "fmt":
        return [expr[1], *([expr[3]] if expr[3] is not None else [])]
    if tag == "comp":
        return list(expr[3])
    if tag == "other":
        return list(expr[1])
    return []
