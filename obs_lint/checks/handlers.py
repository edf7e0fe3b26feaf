"""Exception handlers: where they stand in a file, and what they catch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple, TypeVar, cast

from obs_lint.checks.imported import is_stub
from obs_lint.checks.run import Anchor, RuleRun
from obs_lint.diagnostic import Diagnostic
from obs_lint.discovery import ProjectFile
from obs_lint.events.emitters import last_name, spelled
from obs_lint.facts.model import Block, Expr, FileFacts, Pos, Sought, Statement
from obs_lint.facts.nested import children
from obs_lint.facts.roots import of_block
from obs_lint.project import Project
from obs_lint.project.glimpse import Glimpse, UnseenError

OptionsT = TypeVar("OptionsT")

BROAD = ("Exception", "BaseException")
_COMPOUND = frozenset({"if", "while", "for", "with", "match"})
_MAX_HOPS = 2


class Handler(NamedTuple):
    """An `except` clause, or a `contextlib.suppress` that stands for one."""

    caught: Expr | None
    """The type; None for a bare `except`."""
    name: str | None
    body: Block
    pos: Pos
    """Of its header; of the call of `suppress`."""
    start: Pos
    """Of the header of its `try`; of the `with`."""
    tried: Block
    """What it guards."""
    scope: int
    function: int
    """Index of the function that it stands in, -1 for a module or a class body."""
    within: tuple[Block, ...] = ()
    """The bodies of the handlers that it stands in, innermost first."""
    is_suppress: bool = False

    @property
    def place(self) -> Pos:
        """Where to report on it: what it catches."""
        return self.pos if self.caught is None else self.caught[-1]


def handlers(facts: FileFacts) -> Iterator[Handler]:
    """Yield the handlers of a file, function by function, with every `suppress(…)` whatever it comes from."""
    yield from _of_block(facts, facts.body, 0, -1, ())
    for index, function in enumerate(facts.functions):
        yield from _of_block(facts, function.block, function.scope, index, ())


def _of_block(
    facts: FileFacts, block: Block, scope: int, function: int, within: tuple[Block, ...]
) -> Iterator[Handler]:
    for statement in block:
        kind = statement[0]
        if kind == "try":
            for caught, name, body, pos in statement[2]:
                yield Handler(caught, name, body, pos, statement[-1], statement[1], scope, function, within)
                yield from _of_block(facts, body, scope, function, (body, *within))
            for inner in (statement[1], statement[3], statement[4]):
                yield from _of_block(facts, inner, scope, function, within)
        elif kind == "class":
            yield from _of_block(facts, statement[2], facts.classes[statement[1]].scope, -1, ())
        elif kind in _COMPOUND:
            for context in statement[1] if kind == "with" else ():
                if context[0] == "call" and last_name(context[1]) == "suppress" and context[2]:
                    types = ("seq", "tuple", context[2], (*context[2][0][-1][:2], *context[2][-1][-1][2:]))
                    tried, start = statement[2], statement[-1]
                    yield Handler(types, None, (), context[-1], start, tried, scope, function, within, True)
            for inner in inner_blocks(statement):
                yield from _of_block(facts, inner, scope, function, within)


InFile = Callable[[ProjectFile, FileFacts], Iterator[Diagnostic]]
_WORDS = (*[b"except" + after for after in (b" ", b":", b"(", b"*", b"\t", b"\f", b"\\", b"[")], b"suppress(")
"""What a handler begins with."""


def by_handlers(
    run: RuleRun[OptionsT],
    judge: Callable[[RuleRun[OptionsT]], InFile],
    anchors: tuple[Anchor, ...] = (),
    all_where: Anchor | None = None,
) -> Iterator[Diagnostic]:
    """Yield what a judge finds in the anchored files, where it looks at nothing but handlers and what is around them.

    It is made for a run, and first shown no more than the functions with handlers in which one of the anchors matches
    (any, in files where `all_where` matches). Where that is not enough it is shown the file.
    """
    sought = Sought(_WORDS, anchors, all_where)
    project = run.project
    glimpse = Glimpse(project)
    at_first = judge(replace(run, project=cast("Project", glimpse)))
    thorough: InFile | None = None
    for file in run.anchored:
        if run.is_surface(file) or is_stub(file):
            continue
        part = project.excerpt(file.path, sought)
        if part is not None:
            glimpse.look_at(file, part)
            try:
                found = list(at_first(file, part))
            except UnseenError:
                pass
            else:
                yield from found
                continue
        facts = project.facts(file.path)
        if facts is not None:
            thorough = thorough or judge(run)
            yield from thorough(file, facts)


class Body(NamedTuple):
    """The statements of a module, a class or a function."""

    block: Block
    scope: int
    function: int
    """Index of the function, -1 for a module or a class."""


def bodies(facts: FileFacts) -> Iterator[Body]:
    """Yield the module's own statements, then those of each class and each function."""
    yield Body(facts.body, 0, -1)
    yield from _classes(facts, facts.body)
    for index, function in enumerate(facts.functions):
        yield Body(function.block, function.scope, index)
        yield from _classes(facts, function.block)


def _classes(facts: FileFacts, block: Block) -> Iterator[Body]:
    for statement in statements(block):
        if statement[0] == "class":
            yield Body(statement[2], facts.classes[statement[1]].scope, -1)
            yield from _classes(facts, statement[2])


def inner_blocks(statement: Statement) -> tuple[Block, ...]:
    """Return the blocks directly within a statement, those of functions and classes defined there left out."""
    kind = statement[0]
    if kind == "if":
        return (*[body for _, body, _ in statement[1]], statement[2])
    if kind in ("while", "for"):
        return (statement[2], statement[3])
    if kind == "with":
        return (statement[2],)
    if kind == "try":
        return (statement[1], *[body for _, _, body, _ in statement[2]], statement[3], statement[4])
    if kind == "match":
        return tuple([body for _, _, body, _ in statement[2]])
    return ()


def statements(block: Block) -> Iterator[Statement]:
    """Yield the statements of a block and of those within, outermost first; not of functions and classes in it."""
    for statement in block:
        yield statement
        for inner in inner_blocks(statement):
            yield from statements(inner)


def own_statements(block: Block) -> Iterator[Statement]:
    """Yield the statements of a block and of those within, without those of handlers, functions and classes in it."""
    for statement in block:
        yield statement
        inner = (statement[1], *statement[3:5]) if statement[0] == "try" else inner_blocks(statement)
        for each in inner:
            yield from own_statements(each)


def evaluated(statement: Statement) -> tuple[Expr, ...]:
    """Return the expressions that a statement itself evaluates, those in its blocks left out."""
    kind = statement[0]
    if kind in ("expr", "assign", "return"):
        return () if statement[1] is None else (statement[1],)
    if kind in ("raise", "assert"):
        return tuple([part for part in statement[1:3] if part is not None])
    if kind == "if":
        return tuple([test for test, _, _ in statement[1]])
    if kind in ("while", "for", "match"):
        return (statement[1],)
    return tuple(statement[1]) if kind == "with" else ()


def spread(facts: FileFacts, expr: Expr, *, lambdas: bool = False) -> Iterator[Expr]:
    """Yield an expression and all that is evaluated with it, what comprehensions iterate too, but not their
    conditions; with `lambdas`, what those in it return, which is evaluated later if at all.
    """
    stack = [expr]
    while stack:
        current = stack.pop()
        yield current
        stack.extend(reversed(children(current)))
        if current[0] == "comp":
            rows = facts.scopes[current[2]].bindings.values()
            stack.extend({id(b.value): b.value for row in rows for b in row if b.value is not None}.values())
        elif current[0] == "lambda" and lambdas:
            stack.extend(result.value for result in facts.functions[current[1]].returns)


def spread_block(facts: FileFacts, block: Block) -> Iterator[Expr]:
    """Yield all expressions that a block holds, those in handlers and lambdas too."""
    for root in of_block(block):
        yield from spread(facts, root, lambdas=True)


def only_imports(facts: FileFacts, handler: Handler, functions: frozenset[str]) -> bool:
    """True where nothing is tried but an import, or a look for a module by one of the functions (last names)."""
    found = False
    for statement in handler.tried:
        kind = statement[0]
        if kind == "other":
            found = found or any(i.pos[:2] == statement[-1][:2] for i in facts.imports)
        elif kind in ("assign", "expr", "return"):
            calls = [] if statement[1] is None else [p for p in spread(facts, statement[1]) if p[0] == "call"]
            if any(last_name(call[1]) not in functions for call in calls):
                return False
            found = found or bool(calls)
        elif kind not in ("def", "class"):
            return False
    return found


def only_tidies(handler: Handler, functions: frozenset[str]) -> bool:
    """True where nothing is tried but to tidy up, by calls of the functions (last names), or to wait for a task."""
    found = False
    for statement in statements(handler.tried):
        kind = statement[0]
        if kind not in ("expr", "assign"):
            if kind not in ("if", "for", "other", "with"):
                return False
            continue
        value = statement[1]
        if value is not None and value[0] == "await":
            value = value[1]
            if value[0] in ("name", "attr"):
                found = True
                continue
        if value is not None and value[0] == "call":
            if last_name(value[1]) not in functions:
                return False
            found = True
        elif kind == "expr":
            return False
    return found


def catches(project: Project, path: str, facts: FileFacts, handler: Handler, types: Iterable[str]) -> str:
    """Return the first of `types` (dotted; builtins without a module) that a handler catches, "" for none.

    A bare `except` catches BaseException.
    """
    if handler.caught is None:
        return "BaseException"
    return _caught(project, path, facts, handler.scope, handler.caught, frozenset(types), 0)


def _caught(
    project: Project, path: str, facts: FileFacts, scope: int, expr: Expr, types: frozenset[str], depth: int
) -> str:
    if expr[0] == "seq":
        parts = expr[2]
    elif expr[0] == "star":
        parts = (expr[1],)
    elif expr[0] == "binop":
        parts = expr[2:4]
    else:
        return _named(project, path, facts, scope, expr, types, depth)
    for part in parts:
        found = _caught(project, path, facts, scope, part, types, depth)
        if found:
            return found
    return ""


def _named(
    project: Project, path: str, facts: FileFacts, scope: int, expr: Expr, types: frozenset[str], depth: int
) -> str:
    name = spelled(expr)
    if expr[0] == "name":
        found = project.bound(path, scope, name) if any(name in s.bindings for s in facts.scopes) else None
        if found is None:
            return name if name in types else ""
        owner, bindings = found
        values = [b.value for b in bindings if b.kind == "assign" and b.value is not None]
        if values and len(values) == len(bindings) and depth < _MAX_HOPS:
            for value in values:
                caught = _caught(project, path, facts, owner, value, types, depth + 1)
                if caught:
                    return caught
            return ""
    last = name.rpartition(".")[2]
    if any("." in each or each == last for each in types):
        for origin in project.resolve(path, scope, expr):
            for each in project.names(origin):
                if each.removeprefix("builtins.") in types:
                    return each.removeprefix("builtins.")
    return ""
