"""What the tests passed on a path say of later ones: `if enabled:` a second time, `if not done:` behind a flag."""

from __future__ import annotations

from typing import Any, NamedTuple

from obs_lint.facts.flow import Node
from obs_lint.facts.model import Expr, FileFacts, Pos
from obs_lint.facts.nested import nested

_PLAIN = frozenset({"name", "attr", "const", "compare", "unary", "sub", "bool"})
_OPPOSITE = {"is not": "is", "!=": "==", "not in": "in"}
_MAX_TESTS = 6


class Assumption(NamedTuple):
    """A test, without its place, and how it came out. (No Expr: it is kept as the value of a constant.)"""

    test: Any
    truth: bool


Assumed = frozenset[Assumption]


class Assumptions:
    """The tests of one function."""

    def __init__(self, facts: FileFacts, scope: int) -> None:
        """`scope` is the function's."""
        self._counts: dict[Any, int] = {}
        self._names: dict[Any, frozenset[str]] = {}
        self._tracked: frozenset[Any] = frozenset()
        self._bound: list[tuple[Pos, str, Expr | None]] = [
            (binding.pos, name, binding.value if binding.kind == "assign" else None)
            for name, bindings in facts.scopes[scope].bindings.items()
            for binding in bindings
            if binding.kind != "param"
        ]
        self._looped = {
            name for name, rows in facts.scopes[scope].bindings.items() if any(row.kind == "for" for row in rows)
        }
        self._constant = {name for _, name, value in self._bound if value is not None and value[0] == "const"}
        self._assigned = {row.target[2] for row in facts.attributes if row.scope == scope}
        self._changed: dict[Pos, list[tuple[str, Expr | None]]] = {}

    def of(self, test: Expr) -> tuple[tuple[Assumption, ...], tuple[Assumption, ...]]:
        """Return what is known where a test is true, and where it is false."""
        true, false = self._parts(test, True), self._parts(test, False)
        for key in {each.test for each in (*true, *false)}:
            self._counts[key] = self._counts.get(key, 0) + 1
        return true, false

    def _parts(self, test: Expr, truth: bool) -> tuple[Assumption, ...]:
        if test[0] == "unary" and test[1] == "not":
            return self._parts(test[2], not truth)
        if test[0] == "bool" and (test[1] == "and") == truth:
            parts = [part for value in test[2] for part in self._parts(value, truth)]
            return (*parts, *self._whole(test, truth))
        return self._whole(test, truth)

    def _whole(self, test: Expr, truth: bool) -> tuple[Assumption, ...]:
        if any(part[0] not in _PLAIN for part in nested(test)) or test[0] == "const":
            return ()
        if any(part[0] == "attr" and part[2] in self._assigned for part in nested(test)):
            return ()
        if test[0] == "compare" and len(test[2]) == 1 and test[2][0] in _OPPOSITE:
            test, truth = ("compare", test[1], (_OPPOSITE[test[2][0]],), test[3], test[-1]), not truth
        names = frozenset(part[1] for part in nested(test) if part[0] == "name")
        if names & self._looped:
            return ()
        key = unplaced(test)
        self._names[key] = names
        return (Assumption(key, truth),)

    def settle(self) -> None:
        """Choose the tests to be remembered: those made several times, and those of what is set to a constant."""
        wanted = [
            key for key, count in self._counts.items() if count > 1 or not self._names[key].isdisjoint(self._constant)
        ]
        self._tracked = frozenset(wanted if len(wanted) <= _MAX_TESTS else ())

    def after(self, mark: Assumption, assumed: Assumed) -> Assumed | None:
        """Return what is assumed behind a mark; None where it contradicts what was."""
        if mark.test not in self._tracked:
            return assumed
        if Assumption(mark.test, not mark.truth) in assumed:
            return None
        return assumed | {mark}

    def forgotten(self, node: Node, assumed: Assumed) -> Assumed:
        """Return what is still assumed behind a node that may set names, or set them to a constant."""
        if not self._tracked:
            return assumed
        for name, value in self._set_in(node.pos) if node.kind != "join" else ():
            assumed = frozenset(each for each in assumed if name not in self._names[each.test])
            if value is not None and value[0] == "const":
                for key in self._tracked:
                    truth = _truth(key, name, value[1])
                    if truth is not None:
                        assumed |= {Assumption(key, truth)}
        return assumed

    def _set_in(self, pos: Pos) -> list[tuple[str, Expr | None]]:
        found = self._changed.get(pos)
        if found is None:
            found = [
                (name, value) for where, name, value in self._bound if pos[:2] <= where[:2] and where[2:] <= pos[2:]
            ]
            self._changed[pos] = found
        return found


def _truth(key: Any, name: str, value: object) -> bool | None:
    """Return how a test comes out where `name` has been set to `value`, None where it is about something else."""
    if key[:2] == ("name", name):
        return bool(value)
    if key[0] == "compare" and key[1][:2] == ("name", name) and len(key[2]) == 1 and key[3][0][0] == "const":
        other = key[3][0][1]
        if key[2][0] == "is" and (other is None or isinstance(other, bool)):
            return value is other
        if key[2][0] == "==":
            return bool(value == other)
    return None


def unplaced(expr: Any) -> Any:
    """Return an expression without its positions."""
    if not isinstance(expr, tuple):
        return expr
    if len(expr) == 4 and all(part.__class__ is int for part in expr):
        return None
    return tuple([unplaced(part) for part in expr])
