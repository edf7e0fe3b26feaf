"""Reports starts of a lifecycle that some way out of the function leaves without its end, and second ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from obs_lint.checks import Check
from obs_lint.checks.emitted import anchors as emitting
from obs_lint.checks.emitted import lines_of, step
from obs_lint.checks.lifecycle_paths import Ending, Found, Paths, Start
from obs_lint.checks.lifecycles import MODULE, UNTOLD, leaving
from obs_lint.checks.quiet_calls import QuietCalls
from obs_lint.checks.run import Anchor, RuleRun
from obs_lint.config.model import Config
from obs_lint.diagnostic import Diagnostic, TrailStep
from obs_lint.events.emitters import last_name, spelled
from obs_lint.events.registries import registries
from obs_lint.facts.flow import Node
from obs_lint.facts.model import CallSite, FileFacts, Pos
from obs_lint.facts.nested import nested
from obs_lint.registry.model import Lifecycle

_MAX_CALLERS = 2
_BRANCHES = frozenset({"test", "guard", "handler", "match", "for"})


@dataclass(frozen=True, slots=True)
class Options:
    """What `unbalanced-lifecycle` may be told."""

    ways_out: tuple[str, ...] = ("return", "raise", "exception", "restart")
    """Ways out of the function that count: `return` (and the end of its body), `raise`, `exception` (out of what it
    calls), `restart` (a loop that begins the next one), `cancellation` (at an `await`), `generator-exit` (at a
    `yield`)."""
    ignored_calls: tuple[str, ...] = ()
    """Calls that no exception is expected of: dotted names, or `*.method` where nothing tells the object."""


def anchors(options: Options, config: Config) -> tuple[Anchor, ...]:
    """Files in which an event may leave."""
    return emitting(options, config)


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic a start, at its emission; one a second end, at that."""
    for lifecycle in registries(run.project, run.config).lifecycles:
        yield from _Judge(run, lifecycle).diagnostics()


class _Judge:
    """Looks for one lifecycle in all functions."""

    def __init__(self, run: RuleRun[Options], lifecycle: Lifecycle) -> None:
        self._run = run
        self._project = run.project
        self._lifecycle = lifecycle
        self._terminal = frozenset(lifecycle.terminal)
        self._leaving = leaving(run.project, run.config)
        quiet = QuietCalls(run.project, run.options.ignored_calls)
        self._paths = Paths(run.project, self._leaving, lifecycle, quiet)
        self._reported = {file.path: file for file in run.files}

    def diagnostics(self) -> Iterator[Diagnostic]:
        """Functions that leave the end to their callers are followed there."""
        pending = [
            (path, index)
            for path in self._leaving.paths()
            for index in sorted(self._leaving.functions(path))
            if self._lifecycle.start in self._leaving.direct(path, index)
        ]
        done: set[tuple[str, int]] = set()
        for path, index in pending:
            facts = self._project.facts(path)
            if facts is None or (path, index) in done:
                continue
            done.add((path, index))
            found = self._paths.of(path, facts, index)
            if found.ends:
                yield from self._of_function(path, facts, index, found)
            elif found.begins and index != MODULE and not facts.functions[index].is_generator:
                self._paths.beginners.add((path, index))
                pending += self._leaving.callers(path, facts, index)
                yield from self._endless(path, facts, index, found)

    # -- who else may end it

    def _ends_around(self, path: str, facts: FileFacts, index: int, hops: int = _MAX_CALLERS) -> bool:
        """True where something that calls or wraps the function may emit the end for it."""
        if index == MODULE:
            return False
        name = facts.functions[index].name
        if self._ends(self._leaving.of_decorators(path, facts, index)):
            return True
        for where, caller in self._leaving.callers(path, facts, index, told=False):
            other = self._project.facts(where)
            if other is None or (where, caller) == (path, index):
                continue
            if self._ends(self._leaving.direct(where, caller)):
                return True
            for call in self._leaving.calls(where, other, caller):
                if (path, index) in self._leaving.bodies(where, call.scope, call.expr[1]):
                    continue
                if last_name(call.expr[1]) != name and self._ends(self._besides(where, call, (path, index))):
                    return True
            if hops > 1 and self._ends_around(where, other, caller, hops - 1):
                return True
        return False

    def _besides(self, path: str, call: CallSite, function: tuple[str, int]) -> frozenset[str]:
        """Return the events that leave in what a call calls or hands over, apart from the function that is asked about,
        and from what is handed over and begins and ends a lifecycle of its own.
        """
        if call.expr[-1] in self._leaving.in_file(path):
            return frozenset()
        found: set[str] = set()
        for expr in (call.expr[1], *call.expr[2], *(value for _, value, _ in call.expr[3])):
            if expr[0] not in ("name", "attr"):
                continue
            is_called = expr is call.expr[1]
            bodies = [] if is_called else list(self._leaving.bodies(path, call.scope, expr))
            if not bodies or not all(body == function or self._is_whole(*body) for body in bodies):
                found |= self._leaving.of_callable(path, call.scope, expr, _MAX_CALLERS + 1, called=is_called)
        return frozenset(found)

    def _is_whole(self, path: str, index: int) -> bool:
        """True for a function that emits the start as well as an end."""
        events = self._leaving.direct(path, index)
        return self._lifecycle.start in events and not events.isdisjoint(self._terminal)

    def _ends_beside(self, path: str, facts: FileFacts, index: int) -> bool:
        """True where another method of the class emits the end: `on_failure`, `__exit__`."""
        owner = -1 if index == MODULE else facts.functions[index].owner
        return owner >= 0 and any(
            self._ends(events) and self._lifecycle.start not in events
            for number, function in enumerate(facts.functions)
            if number != index and function.owner == owner
            for events in (self._leaving.direct(path, number),)
        )

    def _ends(self, events: frozenset[str]) -> bool:
        return UNTOLD in events or not events.isdisjoint(self._terminal)

    # -- what is said

    def _of_function(self, path: str, facts: FileFacts, index: int, found: Found) -> Iterator[Diagnostic]:
        if path not in self._reported:
            return
        wanted = self._run.options.ways_out
        endings = {start: [each for each in start.endings if each.way in wanted] for start in found.starts}
        if any(endings.values()):
            if self._ends_around(path, facts, index):
                endings = {}
            elif self._ends_beside(path, facts, index):
                endings = {
                    start: [each for each in some if each.way in ("return", "restart")]
                    for start, some in endings.items()
                }
        for start in found.starts:
            if endings.get(start):
                yield self._unended(path, facts, index, start, endings[start])
            if self._lifecycle.exactly_one_terminal:
                for first, second in start.seconds:
                    yield self._second(path, facts, index, start, first, second)

    def _endless(self, path: str, facts: FileFacts, index: int, found: Found) -> Iterator[Diagnostic]:
        """An entry point that starts what nothing in the project ever ends."""
        from obs_lint.entry_points import entry_points

        if path not in self._reported or self._is_ended_anywhere():
            return
        if entry_points(self._project, self._run.config).by_function(path, index):
            for start in found.starts:
                yield self._unended(path, facts, index, start, [Ending("nowhere", None, ())])

    def _is_ended_anywhere(self) -> bool:
        return any(
            self._ends(self._leaving.direct(path, index))
            for path in self._leaving.paths()
            for index in self._leaving.functions(path)
        )

    def _unended(self, path: str, facts: FileFacts, index: int, start: Start, endings: list[Ending]) -> Diagnostic:
        name = _name(facts, index)
        event = self._lifecycle.start
        first, *others = endings
        trail = [self._begun(path, start)]
        trail += [
            step(self._run, path, node.pos, _BRANCH.get(node.kind, "it branches here"))
            for node in first.steps[1:-1]
            if node.kind in _BRANCHES
        ]
        for ending in endings:
            if ending.last is not None:
                trail.append(step(self._run, path, _place(ending), _exit(ending)))
        return self._run.report(
            self._reported[path],
            start.pos,
            target=event,
            scope=0 if index == MODULE else facts.functions[index].scope,
            lines=lines_of(start.statement),
            trail=tuple(trail),
            event=event,
            what=self._what(path, name, first) + (f" ({len(others)} more)" if others else ""),
            ends=_either(self._lifecycle.terminal),
        )

    def _what(self, path: str, name: str, ending: Ending) -> str:
        ends = _either(self._lifecycle.terminal)
        if ending.way == "nowhere" or ending.last is None:
            return f"starts `{self._lifecycle.name}` in `{name}`, and {ends} is emitted nowhere"
        line = _place(ending)[0] - self._project.cell_of(path, _place(ending)[0])[1]
        return f"has no end where `{name}` {_HOW[ending.way].format(line=line, call=_thrown(ending.last))}"

    def _second(self, path: str, facts: FileFacts, index: int, start: Start, first: Pos, second: Pos) -> Diagnostic:
        events = self._leaving.events(self._leaving.in_file(path)[second])
        event = min(events)
        line = first[0] - self._project.cell_of(path, first[0])[1]
        return self._run.report(
            self._reported[path],
            second,
            target=event,
            scope=0 if index == MODULE else facts.functions[index].scope,
            trail=(
                self._begun(path, start),
                step(self._run, path, first, "it ends here"),
                step(self._run, path, second, "it ends here again"),
            ),
            event=event,
            what=f"ends `{self._lifecycle.name}` in `{_name(facts, index)}` again, after its end in line {line}",
            ends=_either(self._lifecycle.terminal),
        )

    def _begun(self, path: str, start: Start) -> TrailStep:
        return step(self._run, path, start.pos, f"`{self._lifecycle.start}` is emitted here")


_BRANCH = {"handler": "an exception is caught here", "for": "the loop is passed"}
_HOW = {
    "return": "returns in line {line}",
    "raise": "is left by the `raise` in line {line}",
    "exception": "is left by an exception from {call} in line {line}",
    "restart": "emits it again in line {line}",
    "cancellation": "is cancelled in line {line}",
    "generator-exit": "is closed at the `yield` in line {line}",
}
_EXIT = {
    "return": "returns without an end",
    "raise": "raises without an end",
    "exception": "an exception leaves without an end",
    "restart": "the next one is started without an end",
    "cancellation": "a cancellation leaves without an end",
    "generator-exit": "the generator is closed without an end",
}


def _exit(ending: Ending) -> str:
    return _EXIT[ending.way]


def _place(ending: Ending) -> Pos:
    assert ending.last is not None
    return ending.last.pos


def _thrown(node: Node) -> str:
    """Return the call that a node makes, as it is written: `transcode(…)`."""
    for expr in node.expressions:
        for part in nested(expr):
            if part[0] == "call" and spelled(part[1]):
                return f"`{spelled(part[1])}(…)`"
    return "`yield`" if any(part[0] == "yield" for e in node.expressions for part in nested(e)) else "what stands"


def _either(names: tuple[str, ...]) -> str:
    quoted = [f"`{name}`" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def _name(facts: FileFacts, index: int) -> str:
    return "the module" if index == MODULE else facts.functions[index].name


CHECK = Check("unbalanced-lifecycle", Options, run, anchors)
