"""Reports work that is fanned out without the events that account for it: spawn, completion, aggregate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import NamedTuple

from obs_lint.checks import Check
from obs_lint.checks.expressions import renamed
from obs_lint.checks.handlers import inner_blocks
from obs_lint.checks.lifecycles import UNTOLD, Leaving, leaving
from obs_lint.checks.run import Anchor, RuleRun
from obs_lint.config.model import Config
from obs_lint.diagnostic import Diagnostic
from obs_lint.discovery import ProjectFile
from obs_lint.events.emitters import last_name, spelled
from obs_lint.facts.model import Block, Expr, FileFacts, Pos, Statement
from obs_lint.facts.nested import children, nested
from obs_lint.facts.roots import of_block
from obs_lint.patterns import names_match

_SPAWN, _COMPLETION, _AGGREGATE = "spawn", "completion", "aggregate"
_ARTICLES = {_SPAWN: "a spawn", _COMPLETION: "a completion", _AGGREGATE: "an aggregate"}


@dataclass(frozen=True, slots=True)
class Options:
    """What `unaccounted-fan-out` may be told."""

    spawning: tuple[str, ...] = ()
    """Dotted names of what starts one piece of work beside others; a fan-out in a loop, or where it is collected."""
    mapping: tuple[str, ...] = ()
    """Dotted names of what starts many and returns their results."""
    collecting: tuple[str, ...] = ()
    """Dotted names of what waits for many that were started before."""
    receivers: tuple[str, ...] = ()
    """Calls that count as they are spelled where nothing tells the object: `*executor.submit`."""
    spawn_events: tuple[str, ...] = ()
    """Globs of the names of events that say that one was started."""
    completion_events: tuple[str, ...] = ()
    """Globs of the names of events that say that one has ended, well or not."""
    aggregate_events: tuple[str, ...] = ()
    """Globs of the names of events that say how all of them ended; after the fan-out and in no loop."""


def anchors(options: Options, config: Config) -> tuple[Anchor, ...]:
    """Files that say the last name of a function that fans out."""
    if not config.orchestration:
        return ()
    names = {name.rpartition(".")[2] for name in (*options.spawning, *options.mapping, *options.collecting)}
    return (Anchor(any_of=tuple(sorted(name.encode() for name in names))),)


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic a function that fans out, at its first call that does."""
    judge = _Judge(run)
    for file in run.anchored:
        if file.path.endswith(".pyi") or not any(names_match(each, file.names) for each in run.config.orchestration):
            continue
        facts = run.project.facts(file.path)
        for index in range(len(facts.functions)) if facts is not None else ():
            assert facts is not None
            yield from judge.judged(file, facts, index)


class _Call(NamedTuple):
    """A call in a function."""

    expr: Expr
    looped: bool
    """In a loop or a comprehension."""
    awaited: bool
    """`await` stands before it: nothing else runs meanwhile."""
    raced: bool
    """Given to a `wait` for the first of several: a choice, no work that is shared out."""


class _FanOut(NamedTuple):
    """What a function does to run things beside each other."""

    first: Expr
    """The call to report at."""
    spawns: tuple[Expr, ...]
    """Calls that start work; with `collects` those that start and collect too."""
    collects: bool


class _Judge:
    def __init__(self, run: RuleRun[Options]) -> None:
        self._run = run
        self._project = run.project
        self._leaving: Leaving = leaving(run.project, run.config)
        options = run.options
        self._kinds = ((_SPAWN, options.spawning), (_AGGREGATE, options.mapping), (_COMPLETION, options.collecting))
        self._lasts = frozenset(
            name.rpartition(".")[2] for name in (*options.spawning, *options.mapping, *options.collecting)
        )
        self._renamed: tuple[FileFacts, frozenset[str]] | None = None

    def judged(self, file: ProjectFile, facts: FileFacts, index: int) -> Iterator[Diagnostic]:
        function = facts.functions[index]
        if function.is_stub or not function.block:
            return
        calls = list(_calls(function.block, False))
        lasts = self._named(facts)
        if not any(last_name(call.expr[1]) in lasts for call in calls):
            return
        found = self._fan_out(file.path, facts, index, calls, lasts)
        if found is None:
            return
        missing = self._missing(file.path, facts, index, calls, found)
        if missing:
            yield self._run.report(
                file,
                found.first[1][-1],
                target=spelled(found.first[1]),
                scope=function.scope,
                call=f"{spelled(found.first[1])}(…)",
                function=function.name,
                missing=_listed(missing),
            )

    def _named(self, facts: FileFacts) -> frozenset[str]:
        """What fans out may be called in a file: the last segments, and what the file renames them to."""
        if self._renamed is None or self._renamed[0] is not facts:
            self._renamed = (facts, self._lasts | renamed(facts, self._lasts.__contains__))
        return self._renamed[1]

    # -- is it one

    def _kind(self, path: str, scope: int, call: Expr, lasts: frozenset[str]) -> tuple[str, str]:
        """(what a call does, the last segment of what it calls), ("", "") for what has nothing to do with it."""
        func = call[1]
        if last_name(func) not in lasts:
            return "", ""
        names = [
            origin.name.replace("()", "") for origin in self._project.resolve(path, scope, func) if not origin.path
        ]
        for kind, patterns in self._kinds:
            for pattern in patterns:
                if names_match(pattern, names, below=False):
                    return kind, pattern.rpartition(".")[2]
        if not names and func[0] == "attr":
            written = spelled(func).lower()
            if any(fnmatchcase(written, pattern) for pattern in self._run.options.receivers):
                return _AGGREGATE if last_name(func) in _MAPPING else _SPAWN, last_name(func)
        return "", ""

    def _fan_out(
        self, path: str, facts: FileFacts, index: int, calls: list[_Call], lasts: frozenset[str]
    ) -> _FanOut | None:
        scope = facts.functions[index].scope
        kinds = [(call, *self._kind(path, scope, call.expr, lasts)) for call in calls if not call.raced]
        one_by_one = _waited_for(facts, scope, calls)
        spawning = [
            call
            for call, kind, _ in kinds
            if kind == _SPAWN and not call.awaited and not (call.looped and call.expr[-1] in one_by_one)
        ]
        mapping = [call.expr for call, kind, last in kinds if kind == _AGGREGATE and _is_many(call.expr, last)]
        collecting = [call for call, kind, _ in kinds if kind == _COMPLETION and not _is_race(call.expr)]
        looped = [call.expr for call in spawning if call.looped]
        if not looped and not mapping:
            together = [call.expr for call in spawning if collecting or last_name(call.expr[1]) in _GROUPED]
            grouped = [call.expr for call in spawning if call.expr[1][0] == "attr" and self._is_group(call.expr)]
            looped = next((some for some in (together, grouped) if len(some) > 1), [])
        spawns = sorted((*looped, *mapping), key=lambda expr: expr[-1])
        if not spawns:
            return None
        collects = bool(mapping or collecting) or any(self._is_group(expr) for expr in spawns)
        return _FanOut(spawns[0], tuple(spawns), collects)

    def _is_group(self, call: Expr) -> bool:
        """True for what belongs to a group that is waited for as a whole: a TaskGroup, a nursery, an executor."""
        return last_name(call[1]) in _GROUPED or "group" in spelled(call[1]).lower() or spelled(call[1])[:3] == "tg."

    # -- is it accounted for

    def _missing(self, path: str, facts: FileFacts, index: int, calls: list[_Call], found: _FanOut) -> tuple[str, ...]:
        function = facts.functions[index]
        arguments = self._arguments(facts, function.scope, calls, found)
        if not self._is_work(path, function.scope, arguments):
            return ()
        children_known, inner = self._of_work(path, function.scope, arguments)
        looped: set[str] = set()
        plain: set[str] = set()
        before: set[str] = set()
        spawning = {spawn[-1] for spawn in found.spawns}
        handed = {part[-1] for spawn in found.spawns for part in _arguments(spawn)}
        for call in calls:
            pos = call.expr[-1]
            if pos in spawning or pos in handed:
                continue
            events = self._events(path, function.scope, call.expr)
            (looped if call.looped else plain if pos[:2] > found.first[-1][:2] else before).update(events)
        for call in calls:
            inner |= self._handed(path, function.scope, call.expr)
        options = self._run.options
        missing = []
        if not _any(inner | looped | plain | before, options.spawn_events):
            missing.append(_SPAWN)
        if children_known and not _any(inner | looped, options.completion_events):
            missing.append(_COMPLETION)
        if (
            found.collects
            and not _any(plain, options.aggregate_events)
            and not _any(self._around(path, facts, index), options.aggregate_events)
        ):
            missing.append(_AGGREGATE)
        return tuple(missing)

    def _around(self, path: str, facts: FileFacts, index: int) -> set[str]:
        """The events of its decorators and of its callers."""
        found = set(self._leaving.of_decorators(path, facts, index))
        for caller in self._leaving.callers(path, facts, index, told=False, emitting=True):
            found |= self._leaving.direct(*caller)
        return found

    def _events(self, path: str, scope: int, call: Expr) -> frozenset[str]:
        emission = self._leaving.in_file(path).get(call[-1])
        if emission is not None:
            return self._leaving.events(emission)
        return self._leaving.of_callable(path, scope, call[1], 3)

    def _handed(self, path: str, scope: int, call: Expr) -> set[str]:
        """The events of a callback: `task.add_done_callback(finished)`, also with a lambda or a partial."""
        if last_name(call[1]) != "add_done_callback":
            return set()
        return set(self._of_work(path, scope, call[2])[1])

    def _arguments(self, facts: FileFacts, scope: int, calls: list[_Call], found: _FanOut) -> list[Expr]:
        """Return what is fanned out: the arguments, and what the names among them hold."""
        arguments: list[Expr] = []
        names: set[str] = set()
        for spawn in found.spawns:
            arguments += spawn[2]
            arguments += [value for _, value, _ in spawn[3]]
        pending = [part for argument in arguments for part in nested(argument) if part[0] == "name"]
        rows = facts.scopes[scope].bindings
        while pending:
            name = pending.pop()[1]
            if name in names:
                continue
            names.add(name)
            more = [
                row.value
                for row in rows.get(name, ())
                if row.kind == "assign" and row.value is not None and not _is_outcome(row.value)
            ]
            more += [
                argument
                for call in calls
                if call.expr[1][0] == "attr" and call.expr[1][1][:2] == ("name", name)
                for argument in call.expr[2]
            ]
            arguments += more
            pending += [part for argument in more for part in nested(argument) if part[0] == "name"]
        return arguments

    def _is_work(self, path: str, scope: int, arguments: list[Expr]) -> bool:
        """False where nothing but what the function is given is run or waited for, or where things are closed."""
        calls = [part for argument in arguments for part in nested(argument) if part[0] == "call"]
        names = {last_name(call[1]) for call in calls} - _BUILDING
        if names:
            return not names <= _CLOSING
        for argument in arguments:
            inner = {id(part[1]) for part in nested(argument) if part[0] == "attr"}
            for part in nested(argument):
                if part[0] == "lambda":
                    return True
                if part[0] in ("name", "attr") and id(part) not in inner and last_name(part) not in _BUILDING:
                    origins = self._project.resolve(path, scope, part)
                    if any(origin.kind in ("function", "class", "external", "member") for origin in origins):
                        return True
        return False

    def _of_work(self, path: str, scope: int, arguments: Iterable[Expr]) -> tuple[bool, set[str]]:
        known = False
        events: set[str] = set()
        for argument in arguments:
            for part in nested(argument):
                if part[0] in ("call", "name", "attr"):
                    func = part[1] if part[0] == "call" else part
                    bodies = set(self._leaving.bodies(path, scope, func))
                    for where, index in bodies:
                        known = True
                        events |= self._leaving.through(where, index) | self._decorated(where, index)
                    if not bodies and part[0] == "call" and func[0] == "attr":
                        events |= self._leaving.by_name(last_name(func))
                if part[0] in ("call", "lambda"):
                    for pos, emission in self._leaving.in_file(path).items():
                        if _within(pos, part[-1]):
                            events |= self._leaving.events(emission)
        return known, events

    def _decorated(self, path: str, index: int) -> frozenset[str]:
        from obs_lint.entry_points.instruments import instruments

        facts = self._project.facts(path)
        if facts is None:
            return frozenset()
        found = self._leaving.of_decorators(path, facts, index)
        config = self._run.config
        if config.instrument.decorators and instruments(self._project, config).of_function(path, index) is not None:
            return found | {UNTOLD}
        return found


_GROUPED = frozenset({"start_soon", "submit", "apply_async"})
_CLOSING = frozenset({"aclose", "cancel", "close", "disconnect", "shutdown", "stop", "terminate", "wait_closed"})
_BUILDING = frozenset(
    {"dict", "enumerate", "filter", "items", "keys", "list", "len", "range", "set", "sorted", "tuple", "values", "zip"}
    | {"create_task", "ensure_future", "get", "get_event_loop", "get_running_loop", "pop", "shield"}
)
"""Calls that are no work themselves: they hold what others do."""
_MAPPING = frozenset({"map", "imap", "imap_unordered", "starmap", "map_async", "starmap_async"})


def _is_many(call: Expr, last: str) -> bool:
    """False for a gather of one."""
    return last != "gather" or len(call[2]) > 1 or any(argument[0] == "star" for argument in call[2])


def _any(events: Iterable[str], patterns: tuple[str, ...]) -> bool:
    return any(event == UNTOLD or any(fnmatchcase(event.lower(), pattern) for pattern in patterns) for event in events)


def _listed(missing: tuple[str, ...]) -> str:
    named = [_ARTICLES[each] for each in missing]
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"


def _within(inner: Pos, outer: Pos) -> bool:
    return outer[:2] <= inner[:2] and inner[2:] <= outer[2:]


def _arguments(call: Expr) -> Iterator[Expr]:
    for argument in (*call[2], *(value for _, value, _ in call[3])):
        yield from (part for part in nested(argument) if part[0] == "call")


def _calls(block: Block, looped: bool) -> Iterator[_Call]:
    """Yield the calls of a block, those in lambdas and in functions defined there left out."""
    for statement in block:
        for expr, inside in _expressions(statement, looped):
            yield from _within_expression(expr, inside)
        for inner in inner_blocks(statement):
            yield from _calls(inner, looped or statement[0] in ("for", "while"))


def _within_expression(expr: Expr, looped: bool, awaited: bool = False, raced: bool = False) -> Iterator[_Call]:
    if expr[0] == "call":
        yield _Call(expr, looped, awaited, raced)
        raced = raced or _is_race(expr)
    inside = looped or expr[0] == "comp"
    for child in children(expr):
        yield from _within_expression(child, inside, expr[0] == "await", raced)


def _is_outcome(value: Expr) -> bool:
    """True for `done` and `pending` of a `wait`: work that was started before."""
    if value[0] != "sub":
        return False
    call = value[1][1] if value[1][0] == "await" else value[1]
    return bool(call[0] == "call" and last_name(call[1]) == "wait")


def _is_race(call: Expr) -> bool:
    return any(name == "return_when" and last_name(value) == "FIRST_COMPLETED" for name, value, _ in call[3])


def _waited_for(facts: FileFacts, scope: int, calls: list[_Call]) -> frozenset[Pos]:
    """Return the places of calls whose result gets a name that is awaited: one at a time."""
    awaited = {
        part[1]
        for site in facts.functions[facts.scopes[scope].owner : facts.scopes[scope].owner + 1]
        for root in of_block(site.block)
        for waiting in nested(root)
        if waiting[0] == "await"
        for part in nested(waiting[1])
        if part[0] == "name"
    }
    places = {call.expr[-1] for call in calls}
    return frozenset(
        row.value[-1]
        for name, rows in facts.scopes[scope].bindings.items()
        if name in awaited
        for row in rows
        if row.kind == "assign" and row.value is not None and row.value[-1] in places
    )


def _expressions(statement: Statement, looped: bool) -> Iterator[tuple[Expr, bool]]:
    kind = statement[0]
    if kind in ("expr", "assign", "return", "raise", "assert"):
        parts = statement[1:3] if kind in ("raise", "assert") else statement[1:2]
        yield from ((part, looped) for part in parts if part is not None)
    elif kind == "if":
        yield from ((test, looped) for test, _, _ in statement[1])
    elif kind in ("while", "for", "match"):
        yield statement[1], looped or kind == "while"
    elif kind == "with":
        yield from ((context, looped) for context in statement[1])


CHECK = Check("unaccounted-fan-out", Options, run, anchors)
