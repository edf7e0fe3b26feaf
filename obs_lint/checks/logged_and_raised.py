"""Reports an error that a handler logs and raises on, where who catches it next logs it again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from obs_lint.checks import Check
from obs_lint.checks.handlers import BROAD, Handler, catches, evaluated, handlers, inner_blocks, own_statements, spread
from obs_lint.checks.log_levels import Level, is_below, level
from obs_lint.checks.orchestration import orchestrated
from obs_lint.checks.run import Anchor, RuleRun
from obs_lint.checks.telling import is_log_method, is_logger
from obs_lint.diagnostic import Diagnostic, Position, TrailStep
from obs_lint.discovery import ProjectFile
from obs_lint.events.emitters import last_name, spelled
from obs_lint.facts.flow import RAISE, Node, arrivals, graph
from obs_lint.facts.model import Block, Expr, FileFacts, Pos, Statement


@dataclass(frozen=True, slots=True)
class Options:
    """What `logged-and-raised` may be told."""

    level: Level = "warning"
    """The lowest level that counts."""


class _Logged(NamedTuple):
    """A handler that logs."""

    handler: Handler
    statement: Pos
    call: Expr


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic a handler that logs and raises on, at the call; the trail says where it is logged again."""
    for file in orchestrated(run, rb"(?<!\w)raise(?!\w)"):
        facts = run.project.facts(file.path)
        if facts is None:
            continue
        for handler in handlers(facts):
            found = _logged(run, file.path, facts, handler)
            if found is None or not _raises_after(facts, handler, found.call):
                continue
            again = [*_around(run, file, facts, handler), *_callers(run, file, facts, handler)]
            if again:
                yield run.report(
                    file,
                    found.call[1][-1],
                    target=spelled(found.call[1]),
                    scope=handler.scope,
                    lines=(found.statement[0], found.statement[2]),
                    trail=tuple(again),
                    call=spelled(found.call[1]),
                    path=again[0].path,
                    line=again[0].position.line,
                )


def _logged(run: RuleRun[Options], path: str, facts: FileFacts, handler: Handler) -> _Logged | None:
    """Return the first call in a handler that logs at a level that counts."""
    for statement in own_statements(handler.body):
        for expr in evaluated(statement):
            for part in spread(facts, expr):
                if part[0] == "call" and is_log_method(part[1]) and not is_below(level(part), run.options.level):
                    if level(part) and is_logger(run.project, path, handler.scope, part[1][1]):
                        return _Logged(handler, statement[-1], part)
    return None


def _raises_after(facts: FileFacts, handler: Handler, call: Expr) -> bool:
    """True where one way through the handler first logs and then raises the same error on."""
    raising = {s[-1] for s in own_statements(handler.body) if _raises_on(s, handler)}
    if not raising:
        return False

    def transfer(node: Node, logged: bool) -> tuple[bool, ...]:
        return (logged or any(part is call for expr in node.expressions for part in spread(facts, expr)),)

    ways = arrivals(graph(handler.body), False, transfer, throws=lambda node: node.pos in raising)
    return any(way.way == RAISE and way.state for way in ways)


def _raises_on(statement: Statement, handler: Handler) -> bool:
    """True for a `raise` by which the same error goes on: bare, of the caught one, or of another from it."""
    if statement[0] != "raise":
        return False
    return statement[1] is None or any(
        part is not None and part[:2] == ("name", handler.name) for part in statement[1:3] if handler.name
    )


def _around(run: RuleRun[Options], file: ProjectFile, facts: FileFacts, inner: Handler) -> Iterator[TrailStep]:
    """The handlers of the same function that the error goes to."""
    for outer in handlers(facts):
        if outer.function == inner.function and outer.start != inner.start and not outer.is_suppress:
            if any(_holds(statement, inner) for statement in _exposed(outer.tried)):
                yield from _step(run, file.path, facts, outer)


def _holds(statement: Statement, handler: Handler) -> bool:
    return bool(statement[0] == "try" and statement[-1] == handler.start)


def _exposed(block: Block) -> Iterator[Statement]:
    """Yield the statements from which an error leaves a block: those under a handler of every Exception left out."""
    for statement in block:
        yield statement
        if statement[0] == "try":
            caught = [each for each, _, _, _ in statement[2]]
            broad = any(each is None or last_name(each) in BROAD for each in caught)
            for inner in inner_blocks(statement)[1 if broad else 0 :]:
                yield from _exposed(inner)
        else:
            for inner in inner_blocks(statement):
                yield from _exposed(inner)


def _callers(run: RuleRun[Options], file: ProjectFile, facts: FileFacts, inner: Handler) -> Iterator[TrailStep]:
    """The handlers around calls of the function that the error leaves."""
    if inner.function < 0:
        return
    function = facts.functions[inner.function]
    word = function.name.encode("utf-8", "replace")
    if function.name == "<lambda>" or (function.name.startswith("__") and function.name.endswith("__")):
        return
    anchor = Anchor((b"except", word), rb"(?<!def )(?<!\w)" + re.escape(word) + rb"[ \t]*\(")
    for path in sorted(run.project.matching((anchor,))):
        other = run.project.facts(path)
        if other is None or "tests" in run.project.files[path].roles:
            continue
        for outer in handlers(other):
            if outer.is_suppress or (path == file.path and outer.pos == inner.pos):
                continue
            if _calls(run, path, other, outer, file.path, inner.function, function.name):
                yield from _step(run, path, other, outer)


def _calls(
    run: RuleRun[Options], path: str, facts: FileFacts, outer: Handler, target: str, index: int, name: str
) -> bool:
    for statement in _exposed(outer.tried):
        for expr in evaluated(statement):
            for part in spread(facts, expr):
                if part[0] == "call" and last_name(part[1]) == name:
                    origins = run.project.resolve(path, outer.scope, part[1])
                    if any(o.kind == "function" and (o.path, o.index) == (target, index) for o in origins):
                        return True
    return False


def _step(run: RuleRun[Options], path: str, facts: FileFacts, outer: Handler) -> Iterator[TrailStep]:
    if not catches(run.project, path, facts, outer, BROAD):
        return
    found = _logged(run, path, facts, outer)
    if found is not None:
        line, column = found.call[1][-1][:2]
        cell, before = run.project.cell_of(path, line)
        yield TrailStep(path, Position(line - before, column), "logged again here", cell)


CHECK = Check("logged-and-raised", Options, run)
