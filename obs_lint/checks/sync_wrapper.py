"""Whether a decorator only sees a coroutine being made: its wrapper is a plain function that never awaits it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from obs_lint.checks.instrumented import Instrumented, definition
from obs_lint.facts.model import Block, Expr, FileFacts, Function, Pos
from obs_lint.facts.nested import nested
from obs_lint.facts.roots import of_block
from obs_lint.project import Project

_COROUTINES = re.compile(r"coroutine|awaitable|async|future|await", re.IGNORECASE)
_GENERATORS = re.compile(r"async_?gen|aiter|anext|async_?iter", re.IGNORECASE)
_MANAGER = "contextlib.contextmanager"
_BASE = "contextlib.ContextDecorator"


class SyncWrapper(NamedTuple):
    """A wrapper that returns as soon as the coroutine, or the async generator, exists."""

    place: tuple[str, Pos]
    """Path and position of the wrapper's name, or of the context manager that serves as decorator."""
    made: str
    wanted: str


def sync_wrapper(project: Project, one: Instrumented, function: Function) -> SyncWrapper | None:
    """Return the plain wrapper that a decorator of the project puts round an async function; None where it awaits it,
    or where that can't be told.
    """
    if not function.is_async or not one.is_direct:
        return None
    place = _manager(project, one) or _wrapper(project, one, function)
    if place is None:
        return None
    if function.is_generator:
        return SyncWrapper(place, "the async generator", "a wrapper that is an async generator")
    return SyncWrapper(place, "the coroutine", "an `async def` wrapper")


def _manager(project: Project, one: Instrumented) -> tuple[str, Pos] | None:
    """The sync context manager that is used as a decorator: it closes before the coroutine runs."""
    found = definition(project, one)
    if found is not None and one.decorator[0] == "call":
        path, _, row = found
        for decorator in row.decorators:
            if any(origin.name == _MANAGER for origin in project.resolve(path, row.parent, decorator)):
                return path, row.name_pos
    for origin in one.origins:
        facts = project.facts(origin.path) if origin.path and origin.kind in ("class", "instance") else None
        if facts is None:
            continue
        ancestors = project.ancestors(origin.path, origin.index)
        if _BASE in ancestors and not any(_defines_call(project, each) for each in ancestors):
            return origin.path, facts.classes[origin.index].name_pos
    return None


def _defines_call(project: Project, ancestor: tuple[str, int] | str) -> bool:
    if isinstance(ancestor, str):
        return False
    facts = project.facts(ancestor[0])
    return facts is None or "__call__" in facts.scopes[facts.classes[ancestor[1]].scope].bindings


def _wrapper(project: Project, one: Instrumented, function: Function) -> tuple[str, Pos] | None:
    found = definition(project, one)
    if found is None:
        return None
    path, facts, row = found
    inside = _inside(facts, row.scope)
    inner = [other for other in facts.functions if other.parent in inside]
    known = _GENERATORS if function.is_generator else _COROUTINES
    if any(use.scope in inside and known.search(_ends(use.expr)) for use in facts.uses if not use.annotation):
        return None
    if any(other.is_async and other.is_generator == function.is_generator for other in inner):
        return None
    returned = {part[1] for r in _returns(facts, inside) for part in nested(r) if part[0] == "name"}
    handed = {p.name for other in (row, *inner) for p in other.parameters}
    for wrapper in inner:
        if wrapper.is_async or wrapper.is_generator or wrapper.name not in returned:
            continue
        own = {p.name for p in wrapper.parameters}
        if _is_left_early(facts, wrapper, handed - own):
            return path, wrapper.name_pos
    return None


def _ends(expr: Expr) -> str:
    return f"{expr[1]}" if expr[0] == "name" else f"{expr[2]}.{_ends(expr[1])}" if expr[0] == "attr" else ""


def _returns(facts: FileFacts, inside: frozenset[int]) -> Iterator[Expr]:
    for function in facts.functions:
        if function.scope in inside:
            yield from (row.value for row in function.returns)


def _inside(facts: FileFacts, scope: int) -> frozenset[int]:
    found = {scope}
    for number, row in enumerate(facts.scopes):
        if number > scope and row.parent in found:
            found.add(number)
    return frozenset(found)


def _is_left_early(facts: FileFacts, wrapper: Function, handed: set[str]) -> bool:
    """True where something is opened or timed round the call of the function, and its result is only returned."""
    for statement, around, follows in _statements(wrapper.block, False):
        if statement[0] not in ("return", "assign") or statement[1] is None:
            continue
        value = statement[1]
        if value[0] != "call" or value[1][0] != "name" or value[1][1] not in handed or not _passes_on(value):
            continue
        if statement[0] == "return":
            return around
        rows = [
            name
            for name, bindings in facts.scopes[wrapper.scope].bindings.items()
            if any(binding.value is value for binding in bindings)
        ]
        return (around or follows) and bool(rows) and not _is_used(wrapper.block, rows[0])
    return False


def _passes_on(call: Expr) -> bool:
    return any(argument[0] == "star" for argument in call[2]) or any(name is None for name, _, _ in call[3])


def _is_used(block: Block, name: str) -> bool:
    """True where something is done with a variable but returning it."""
    for root in of_block(block):
        for part in nested(root):
            if part[0] in ("call", "attr", "await", "sub") and any(
                child[:2] == ("name", name) for child in (*_arguments(part), part[1]) if isinstance(child, tuple)
            ):
                return True
    return False


def _arguments(part: Expr) -> tuple[Expr, ...]:
    return (*part[2], *(value for _, value, _ in part[3])) if part[0] == "call" else ()


def _statements(block: Block, around: bool) -> Iterator[tuple[Expr, bool, bool]]:
    """Yield (statement, whether something is open round it, whether others follow it but a return)."""
    for number, statement in enumerate(block):
        kind = statement[0]
        if kind in ("return", "assign"):
            yield statement, around, any(other[0] not in ("return", "def", "other") for other in block[number + 1 :])
        elif kind == "with":
            yield from _statements(statement[2], True)
        elif kind == "try":
            yield from _statements(statement[1], True)
            yield from _statements(statement[3], True)
        elif kind == "if":
            for _, body, _ in statement[1]:
                yield from _statements(body, around)
            yield from _statements(statement[2], around)
        elif kind in ("for", "while"):
            yield from _statements(statement[2], True)
