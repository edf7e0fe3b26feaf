"""Reports what orchestration code logs or emits at a level that says something else than what happened."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from obs_lint.checks import Check
from obs_lint.checks.handlers import (
    BROAD,
    Body,
    Handler,
    bodies,
    catches,
    evaluated,
    handlers,
    only_imports,
    only_tidies,
    own_statements,
    spread,
    spread_block,
    statements,
)
from obs_lint.checks.log_levels import Level, is_below, level, severity_of
from obs_lint.checks.orchestration import orchestrated
from obs_lint.checks.run import RuleRun
from obs_lint.checks.telling import LOG_METHODS, Telling, is_log_method, is_logger, words
from obs_lint.diagnostic import Diagnostic
from obs_lint.discovery import ProjectFile
from obs_lint.events.emitters import declared, last_name, spelled
from obs_lint.facts.model import Block, Expr, FileFacts, Pos, Statement
from obs_lint.facts.nested import children

if TYPE_CHECKING:
    from obs_lint.events.model import Emission


@dataclass(frozen=True, slots=True)
class Options:
    """What `level` may be told: the policy, and what belongs to which of its rows.

    A row without levels is not looked at.
    """

    milestone_levels: tuple[Level, ...] = ("info",)
    """At which a lifecycle's events are emitted."""
    failure_levels: tuple[Level, ...] = ("warning", "error", "critical")
    """At which failures are: events that end a lifecycle badly, and the handlers of every Exception."""
    degraded_levels: tuple[Level, ...] = ("warning",)
    """At which what goes on in a degraded way is."""
    milestones: tuple[str, ...] = ()
    """Patterns (`*`, `?`) of events that are milestones beside those of the registry's lifecycles."""
    degraded: tuple[str, ...] = ()
    """Patterns of events, and of names of functions, that go on in a degraded way."""
    failure_words: tuple[str, ...] = ()
    """A milestone with one of these words in its last segment is a failure."""
    cleanup_functions: tuple[str, ...] = ()
    """Last names of functions that tidy up: where nothing else is tried, any level will do."""
    import_functions: tuple[str, ...] = ()
    """Last names of functions that look for a module: where nothing else is tried, any level will do."""
    telling_words: tuple[str, ...] = ()
    """A function with one of these words in its name tells of a failure in a way of its own."""


_MILESTONE = "a lifecycle's milestone"
_FAILURE = "a failure"
_DEGRADED = "a degraded path"


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic an event, a handler, a function."""
    judge = _Judge(run)
    for file in orchestrated(run, judge.pattern()):
        facts = run.project.facts(file.path)
        if facts is None or run.is_surface(file):
            continue
        seen: set[Pos] = set()
        for diagnostic in judge.of_file(file, facts):
            place = (*diagnostic.span.start, *diagnostic.span.end)
            if place not in seen:
                seen.add(place)
                yield diagnostic


class _Judge:
    """Holds each of them against the policy."""

    def __init__(self, run: RuleRun[Options]) -> None:
        self._run = run
        self._telling = Telling(run.project, run.config, run.options.telling_words, run.options.failure_words)
        self._emitters = frozenset(emitter.function.rpartition(".")[2] for emitter in declared(run.config))
        self._cleanup = frozenset(run.options.cleanup_functions)
        self._imports = frozenset(run.options.import_functions)
        self._failing = frozenset(run.options.failure_words)
        self._milestones: frozenset[str] | None = None

    def pattern(self) -> bytes:
        """What a file says that logs or emits at a level."""
        names = "".join(f"|{re.escape(name)}" for name in sorted(self._emitters) if name.isidentifier())
        return rf"(?<!\w)a?(?:debug|info|msg|log|trace|warn|warning|error|exception|critical|fatal{names})\(".encode()

    def of_file(self, file: ProjectFile, facts: FileFacts) -> Iterator[Diagnostic]:
        """Events first, then functions, then handlers."""
        emitted = self._emitted(file, facts)
        for emission in emitted:
            yield from self._of_event(file, emission)
        for body in bodies(facts):
            if body.function >= 0 and self._is_degraded(facts.functions[body.function].name):
                yield from self._of_degraded(file, facts, body, emitted)
        for handler in handlers(facts):
            if not handler.is_suppress and catches(self._run.project, file.path, facts, handler, BROAD):
                yield from self._of_handler(file, facts, handler)

    # -- events

    def _emitted(self, file: ProjectFile, facts: FileFacts) -> tuple[Emission, ...]:
        config = self._run.config
        named = any(last_name(call.expr[1]) in self._emitters for call in facts.calls)
        if not (named or config.registry or config.loggers):
            return ()
        from obs_lint.events.emissions import emissions

        return emissions(self._run.project, config).in_file(file.path)

    def _of_event(self, file: ProjectFile, emission: Emission) -> Iterator[Diagnostic]:
        options = self._run.options
        severity = severity_of(emission.severity)
        if not severity or not emission.complete:
            return
        rows = {self._row(alternative.name) for alternative in emission.alternatives}
        if len(rows) != 1:
            return
        row = rows.pop()
        allowed = {
            _MILESTONE: options.milestone_levels,
            _FAILURE: options.failure_levels,
            _DEGRADED: options.degraded_levels,
        }.get(row, ())
        if not allowed or severity in map(severity_of, allowed) or self._is_declared(emission):
            return
        name = emission.alternatives[0].name
        pos = emission.severity_pos or emission.call[1][-1]
        yield self._report(file, pos, emission.statement, emission.scope, name, severity, row, allowed)

    def _row(self, name: str) -> str:
        """Which row of the policy an event belongs to, "" for none."""
        if self._is_degraded(name):
            return _DEGRADED
        if name not in self._known_milestones() and not _fits(name, self._run.options.milestones):
            return ""
        last = words(name.rpartition(".")[2])
        return _MILESTONE if last.isdisjoint(self._failing) else _FAILURE

    def _known_milestones(self) -> frozenset[str]:
        if self._milestones is None:
            from obs_lint.events.registries import registries

            known = registries(self._run.project, self._run.config).lifecycles if self._run.config.registry else ()
            self._milestones = frozenset(name for each in known for name in (each.start, *each.terminal))
        return self._milestones

    def _is_degraded(self, name: str) -> bool:
        return _fits(name, self._run.options.degraded)

    def _is_declared(self, emission: Emission) -> bool:
        """True where the registry itself says the level: that is the law then, and another rule's matter."""
        if not self._run.config.registry:
            return False
        from obs_lint.events.registries import registries

        known = registries(self._run.project, self._run.config)
        events = [known.of(alternative) for alternative in emission.alternatives]
        return any(event is not None and event.severity for event in events)

    # -- log calls

    def _logged(self, path: str, facts: FileFacts, scope: int, block: Iterable[Statement]) -> list[tuple[Pos, Expr]]:
        return [
            (statement[-1], part)
            for statement in block
            for expr in evaluated(statement)
            for part in spread(facts, expr)
            if part[0] == "call" and is_log_method(part[1]) and is_logger(self._run.project, path, scope, part[1][1])
        ]

    def _of_degraded(
        self, file: ProjectFile, facts: FileFacts, body: Body, emitted: tuple[Emission, ...]
    ) -> Iterator[Diagnostic]:
        allowed = self._run.options.degraded_levels
        logged = self._logged(file.path, facts, body.scope, statements(body.block))
        levels = [level(call) for _, call in logged]
        levels += [severity_of(e.severity) for e in emitted if e.scope == body.scope]
        if not logged or not _are_below(levels, allowed):
            return
        statement, call = logged[0]
        name = facts.functions[body.function].name
        yield self._report(file, call[1][-1], statement, body.scope, f"{name}()", levels[0], _DEGRADED, allowed)

    def _of_handler(self, file: ProjectFile, facts: FileFacts, handler: Handler) -> Iterator[Diagnostic]:
        allowed = self._run.options.failure_levels
        if any(s[0] == "raise" for s in statements(handler.body)):
            return
        if only_tidies(handler, self._cleanup) or only_imports(facts, handler, self._imports):
            return
        if any(self._is_loud(file.path, facts, handler.scope, block, allowed) for block in handler.within):
            return
        logged = self._logged(file.path, facts, handler.scope, own_statements(handler.body))
        if not logged or not _are_below([level(call) for _, call in logged], allowed):
            return
        if _tries_again(facts, handler) or self._is_told_otherwise(handler, [call for _, call in logged]):
            return
        statement, call = max(logged, key=lambda row: level(row[1]) == "info")
        shown = spelled(call[1])
        yield self._report(file, call[1][-1], statement, handler.scope, shown, level(call), _FAILURE, allowed)

    def _is_loud(self, path: str, facts: FileFacts, scope: int, block: Block, allowed: tuple[Level, ...]) -> bool:
        """True for the block of a handler that raises, or logs loud enough: what fails within it is secondary."""
        if any(s[0] == "raise" for s in own_statements(block)):
            return True
        logged = self._logged(path, facts, scope, own_statements(block))
        return bool(logged) and not _are_below([level(call) for _, call in logged], allowed)

    def _is_told_otherwise(self, handler: Handler, logged: list[Expr]) -> bool:
        """True where the handler tells of the failure by other means than those log calls, or hands it on."""
        within = {call[-1] for call in logged}
        for statement in statements(handler.body):
            for expr in evaluated(statement):
                stack = [expr]
                while stack:
                    part = stack.pop()
                    if part[0] == "call" and part[-1] in within:
                        continue
                    if handler.name and part[:2] == ("name", handler.name):
                        return True
                    if part[0] == "call" and self._tells(part):
                        return True
                    stack += children(part)
                if statement[0] in ("return", "assign") and self._telling.shows_failure(expr):
                    return True
        return False

    def _tells(self, call: Expr) -> bool:
        return not is_log_method(call[1]) and self._telling.is_telling_name(call[1])

    # -- what is reported

    def _report(
        self,
        file: ProjectFile,
        pos: Pos,
        statement: Pos,
        scope: int,
        shown: str,
        severity: str,
        row: str,
        allowed: tuple[Level, ...],
    ) -> Diagnostic:
        return self._run.report(
            file,
            pos,
            target=f"{shown}@{severity}",
            scope=scope,
            lines=(statement[0], statement[2]),
            what=shown,
            level=severity,
            row=row,
            expected=_either(allowed),
        )


def _tries_again(facts: FileFacts, handler: Handler) -> bool:
    """True for a handler that calls what was tried once more: it may log how that went."""
    tried, again = (
        {last_name(part[1]) for part in spread_block(facts, block) if part[0] == "call"}
        for block in (handler.tried, handler.body)
    )
    return bool((tried & again) - LOG_METHODS - _COMMON)


_COMMON = frozenset({"str", "len", "repr", "type", "getattr", "int", "dict", "list", "get", "format"})


def _fits(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _are_below(levels: list[str], allowed: tuple[Level, ...]) -> bool:
    """True where every level is known and lower than all that are allowed."""
    return bool(allowed) and all(is_below(each, other) for each in levels for other in allowed)


def _either(levels: tuple[Level, ...]) -> str:
    return levels[0] if len(levels) == 1 else f"{', '.join(levels[:-1])} or {levels[-1]}"


CHECK = Check("level", Options, run)
