"""Which states a field can be in where it is set: what the tests around it, and those that leave before it, say."""

from __future__ import annotations

from obs_lint.checks.handlers import inner_blocks
from obs_lint.checks.tests_on_paths import unplaced
from obs_lint.facts.model import Block, Expr, FileFacts, Pos
from obs_lint.facts.nested import nested
from obs_lint.facts.roots import of_block
from obs_lint.project import Project
from obs_lint.project.values import Value

_LEAVING = frozenset({"return", "raise", "continue", "break"})


class Guards:
    """Reads tests of a field: `if job.status == "pending":`, `if job.status != "pending": return`."""

    def __init__(self, project: Project) -> None:
        """Values are told by the project."""
        self._project = project

    def before(
        self, path: str, facts: FileFacts, function: int, receiver: Expr, field: str, pos: Pos
    ) -> tuple[Value, ...]:
        """Return the values that the field of an object can have where it is set at `pos`; () where nothing tells."""
        row = facts.functions[function]
        found = self._in_block(path, row.scope, row.block, (unplaced(receiver), field), pos, ())
        return () if found is None else found

    def _in_block(
        self, path: str, scope: int, block: Block, target: tuple[object, str], pos: Pos, known: tuple[Value, ...]
    ) -> tuple[Value, ...] | None:
        """Return what is known at `pos`, None where it does not lie in the block."""
        for statement in block:
            if statement[0] == "if":
                for test, body, _ in statement[1]:
                    true, false = self._of_test(path, scope, test, target)
                    inner = self._in_block(path, scope, body, target, pos, true or known)
                    if inner is not None:
                        return inner
                    if body and body[-1][0] in _LEAVING and len(statement[1]) == 1 and not statement[2]:
                        known = false or known
                inner = self._in_block(path, scope, statement[2], target, pos, known)
                if inner is not None:
                    return inner
                if not (statement[1][-1][1] and statement[1][-1][1][-1][0] in _LEAVING):
                    known = ()
                continue
            if statement[-1][:2] <= pos[:2] and pos[2:] <= statement[-1][2:] and statement[0] in ("expr", "assign"):
                return known
            for inside in inner_blocks(statement):
                inner = self._in_block(path, scope, inside, target, pos, known if statement[0] == "with" else ())
                if inner is not None:
                    return inner
            if statement[0] != "other" and self._may_change(statement, target):
                known = ()
        return None

    def _may_change(self, statement: tuple[object, ...], target: tuple[object, str]) -> bool:
        """Every statement that calls or assigns may set the field to something else."""
        if statement[0] not in ("expr", "assign"):
            return True
        roots = list(of_block((statement,)))
        return statement[0] == "assign" or any(part[0] == "call" for root in roots for part in nested(root))

    def _of_test(
        self, path: str, scope: int, test: Expr, target: tuple[object, str]
    ) -> tuple[tuple[Value, ...], tuple[Value, ...]]:
        """Return the values where a test is true, and where it is false; () where it says nothing."""
        if test[0] == "bool" and test[1] == "and":
            for part in test[2]:
                true, _ = self._of_test(path, scope, part, target)
                if true:
                    return true, ()
            return (), ()
        if test[0] == "bool" and test[1] == "or":
            for part in test[2]:
                _, false = self._of_test(path, scope, part, target)
                if false:
                    return (), false
            return (), ()
        if test[0] == "unary" and test[1] == "not":
            true, false = self._of_test(path, scope, test[2], target)
            return false, true
        if test[0] != "compare" or len(test[2]) != 1:
            return (), ()
        left, op, right = test[1], test[2][0], test[3][0]
        if op in ("==", "!=", "is", "is not") and not _is_field(left, target):
            left, right = right, left
        if not _is_field(left, target):
            return (), ()
        values = self._values(path, scope, right, many=op in ("in", "not in"))
        if op in ("==", "is", "in"):
            return values, ()
        return ((), values) if op in ("!=", "is not", "not in") else ((), ())

    def _values(self, path: str, scope: int, expr: Expr, *, many: bool) -> tuple[Value, ...]:
        parts = expr[2] if many and expr[0] == "seq" else () if many else (expr,)
        found: list[Value] = []
        for part in parts:
            values = self._project.values(path, scope, part)
            if not values.complete:
                return ()
            found += values.known
        return tuple(found)


def _is_field(expr: Expr, target: tuple[object, str]) -> bool:
    receiver, field = target
    if expr[0] == "attr":
        return bool(expr[2] == field and unplaced(expr[1]) == receiver)
    return bool(expr[0] == "sub" and expr[2][:2] == ("const", field) and unplaced(expr[1]) == receiver)
