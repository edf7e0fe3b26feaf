"""How a function leaves what it began: every way out on which a lifecycle that it started has no end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from obs_lint.checks.lifecycles import MODULE, UNTOLD, Leaving
from obs_lint.checks.quiet_calls import QuietCalls
from obs_lint.checks.tests_on_paths import Assumption, Assumptions
from obs_lint.config.model import EmitterConfig
from obs_lint.events.emitters import last_name
from obs_lint.events.model import Emission
from obs_lint.facts.flow import CANCEL, FALL, RAISE, RETURN, Graph, Node, arrivals, graph
from obs_lint.facts.model import Block, Expr, FileFacts, Pos, Statement
from obs_lint.facts.nested import nested
from obs_lint.project import Project
from obs_lint.registry.model import Lifecycle

WAYS = ("return", "raise", "exception", "restart", "cancellation", "generator-exit")
"""In the order in which they are told; `restart`: the next one is begun before this one has ended."""

_NOTHING = "nothing"
_START = "start"
_END = "end"
_MAYBE = "maybe"
"""It may be ended there, or it is handed to somebody who may: nothing more is said of it."""


class Ending(NamedTuple):
    """A way out on which what was started has not ended."""

    way: str
    """One of WAYS."""
    last: Node | None
    """Where it is left."""
    steps: tuple[Node, ...]
    """What leads there, from the start on: the start, branches, the last."""


class Start(NamedTuple):
    """A place in a function that starts a lifecycle."""

    pos: Pos
    """Of the call."""
    statement: Pos
    """Of the node that it stands in."""
    endings: tuple[Ending, ...]
    seconds: tuple[tuple[Pos, Pos], ...]
    """(statement of an end, call of a further one that follows it)"""


class Found(NamedTuple):
    """What a function does with one lifecycle."""

    starts: tuple[Start, ...]
    ends: bool
    """True where something in it ends, or may end, what a start of it began."""
    begins: bool
    """True where it can return with the lifecycle started."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a statement stands."""

    loops: tuple[int, ...] = ()
    branches: tuple[tuple[int, int], ...] = ()
    """(statement, which of its branches)"""
    calm: bool = False
    """In a handler or a `finally`, where no further exception is expected."""


@dataclass(frozen=True, slots=True, eq=False)
class _Exhausted:
    """Stands in the code where a loop has come to its end."""

    loop: int


class _Action(NamedTuple):
    """What one node does with the lifecycle."""

    kind: str
    pos: Pos
    looped: bool = False
    """In a comprehension."""


class Paths:
    """Follows one lifecycle through functions."""

    def __init__(self, project: Project, leaving: Leaving, lifecycle: Lifecycle, quiet: QuietCalls) -> None:
        """`quiet` says which calls raise nothing."""
        self.project = project
        self._leaving = leaving
        self._lifecycle = lifecycle
        self._terminal = frozenset(lifecycle.terminal)
        self.quiet = quiet
        self.beginners: set[tuple[str, int]] = set()
        """Functions that return with the lifecycle started: a call of one is a start."""

    def of(self, path: str, facts: FileFacts, index: int) -> Found:
        """Follow a function; MODULE is what the module does when it is imported."""
        return _Walk(self, path, facts, index).found()

    # -- what a part of an expression does

    def action(self, path: str, facts: FileFacts, scope: int, node: Node) -> _Action:
        """Return what a node does; where it is several things, what is known least of."""
        found: list[_Action] = []
        for expr in node.expressions:
            if expr[0] == "const":
                continue
            looped: set[int] = set()
            for part in nested(expr):
                if part[0] == "comp":
                    looped |= {id(inner) for inner in nested(part)}
                kind = self._kind(path, facts, scope, part)
                if kind != _NOTHING:
                    found.append(_Action(kind, part[-1], id(part) in looped))
        kinds = {action.kind for action in found}
        if not found:
            return _Action(_NOTHING, node.pos)
        if len(kinds) > 1:
            return _Action(_MAYBE, node.pos)
        return found[0]

    def _kind(self, path: str, facts: FileFacts, scope: int, part: Expr) -> str:
        tag = part[0]
        if tag == "lambda":
            return self._of_lambda(path, facts, part)
        emission = self._leaving.in_file(path).get(part[-1]) if tag in ("call", "name", "attr") else None
        if emission is not None and emission.call[0] == tag:
            return self._of_emission(emission)
        if tag != "call":
            return _NOTHING
        bodies = set(self._leaving.bodies(path, scope, part[1]))
        if bodies and bodies <= self.beginners:
            return _START
        events = self._leaving.of_call(path, scope, part)
        return _MAYBE if events & self._terminal or UNTOLD in events else _NOTHING

    def _of_emission(self, emission: Emission) -> str:
        events = self._leaving.events(emission)
        ends = bool(events & self._terminal)
        if emission.call[0] != "call" or (isinstance(emission.via, EmitterConfig) and emission.via.lifecycle):
            return _MAYBE if ends or UNTOLD in events else _NOTHING
        if events == {self._lifecycle.start}:
            return _START
        if events <= self._terminal:
            return _END
        return _MAYBE if ends or UNTOLD in events else _NOTHING

    def _of_lambda(self, path: str, facts: FileFacts, part: Expr) -> str:
        function = facts.functions[part[1]]
        for call in facts.calls:
            if call.scope == function.scope:
                emission = self._leaving.in_file(path).get(call.expr[-1])
                if emission is not None:
                    events = self._leaving.events(emission)
                else:
                    events = self._leaving.of_call(path, call.scope, call.expr)
                if events & self._terminal or UNTOLD in events:
                    return _MAYBE
        return _NOTHING


class _Walk:
    """One function."""

    def __init__(self, paths: Paths, path: str, facts: FileFacts, index: int) -> None:
        self._paths = paths
        self._path = path
        self._facts = facts
        self._index = index
        self._scope = 0 if index == MODULE else facts.functions[index].scope
        self._places: dict[Pos, _Place] = {}
        self._numbers = 0
        self._actions: dict[int, _Action] = {}
        self._assumptions = Assumptions(facts, self._scope)
        self._restarts: dict[Pos, Node] = {}
        self._seconds: dict[Pos, dict[tuple[Pos, Pos], None]] = {}
        self._looping: frozenset[int] = frozenset()
        """The loops in which something ends."""

    def found(self) -> Found:
        block = self._facts.body if self._index == MODULE else self._facts.functions[self._index].block
        flow = graph(self._prepared(block, _Place()), suppresses=self._suppresses)
        if not flow.complete:
            return Found((), False, False)
        self._assumptions.settle()
        acting = [(node, self._action(node)) for node in flow.nodes]
        begun = {action.pos: node for node, action in acting if action.kind == _START}
        ends = [node for node, action in acting if action.kind in (_END, _MAYBE)]
        answered = {pos for pos, node in begun.items() if any(self._answers(end, node) for end in ends)}
        self._looping = self._loops_with([node for node, action in acting if action.kind == _END])
        reached = self._reached(flow)
        begins = any(way in (FALL, RETURN) and state[0] == "open" for way, state, _ in reached)
        starts = [self._start(pos, begun[pos], reached) for pos in sorted(begun) if pos in answered]
        if answered:
            return Found(tuple(starts), True, False)
        plain = [Start(pos, begun[pos].pos, (), ()) for pos in sorted(begun)]
        return Found(tuple(plain), False, begins)

    # -- the code, with marks where paths can be told apart

    def _prepared(self, block: Block, place: _Place) -> Block:
        return tuple([self._statement(statement, place) for statement in block])

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _statement(self, statement: Statement, place: _Place) -> Statement:
        kind, pos = statement[0], statement[-1]
        self._places[pos] = place
        if kind == "if":
            return self._if(statement[1], statement[2], place, self._number(), 0, pos)
        if kind in ("while", "for"):
            number = self._number()
            inside = _Place((*place.loops, number), place.branches, place.calm)
            self._places[pos] = inside if kind == "while" else place
            body = self._prepared(statement[2], inside)
            orelse = (_mark(_Exhausted(number), pos), *self._prepared(statement[3], place))
            return (kind, statement[1], body, orelse, *statement[4:])
        if kind == "with":
            if len(statement[1]) == 1 and self._suppresses(statement[1][0]):
                caught = ("seq", "tuple", statement[1][0][2], pos)
                return ("try", self._prepared(statement[2], place), ((caught, None, (), pos),), (), (), False, pos)
            return (kind, statement[1], self._prepared(statement[2], place), *statement[3:])
        if kind == "try":
            calm = _Place(place.loops, place.branches, True)
            handlers = []
            for caught, name, body, where in statement[2]:
                self._places[where] = calm
                handlers.append((caught, name, self._prepared(body, calm), where))
            orelse, final = self._prepared(statement[3], place), self._prepared(statement[4], calm)
            return (kind, self._prepared(statement[1], place), tuple(handlers), orelse, final, *statement[5:])
        if kind == "match":
            number = self._number()
            cases = []
            for branch, (matches_all, guard, body, where) in enumerate(statement[2]):
                inside = _Place(place.loops, (*place.branches, (number, branch)), place.calm)
                self._places[where] = place
                cases.append((matches_all, guard, self._prepared(body, inside), where))
            return (kind, statement[1], tuple(cases), pos)
        if kind == "class":
            return (kind, statement[1], self._prepared(statement[2], place), pos)
        return statement

    def _if(
        self, branches: tuple[Any, ...], orelse: Block, place: _Place, number: int, count: int, pos: Pos
    ) -> Statement:
        """An `elif` becomes an `if` in the `else`, so that what is known of its test can be said before it."""
        test, body, where = branches[0]
        self._places[where] = place
        inside = _Place(place.loops, (*place.branches, (number, count)), place.calm)
        known, unknown = self._assumptions.of(test)
        taken = (*(_mark(each, where) for each in known), *self._prepared(body, inside))
        if len(branches) > 1:
            rest: Block = (self._if(branches[1:], orelse, place, number, count + 1, branches[1][2]),)
        else:
            other = _Place(place.loops, (*place.branches, (number, count + 1)), place.calm)
            rest = self._prepared(orelse, other)
        return ("if", ((test, taken, where),), (*(_mark(each, where) for each in unknown), *rest), pos)

    def _suppresses(self, context: Expr) -> bool:
        if context[0] != "call" or last_name(context[1]) != "suppress":
            return False
        origins = self._paths.project.resolve(self._path, self._scope, context[1])
        return any(origin.name == "contextlib.suppress" for origin in origins)

    # -- paths

    def _action(self, node: Node) -> _Action:
        known = self._actions.get(id(node))
        if known is None:
            known = self._actions[id(node)] = self._paths.action(self._path, self._facts, self._scope, node)
        return known

    def _place(self, pos: Pos) -> _Place:
        return self._places.get(pos, _Place())

    def _answers(self, end: Node, start: Node) -> bool:
        """False where one is in another branch of the same `if` or `match` than the other."""
        mine = dict(self._place(start.pos).branches)
        return all(mine.get(number, branch) == branch for number, branch in self._place(end.pos).branches)

    def _loops_with(self, ends: list[Node]) -> frozenset[int]:
        return frozenset(number for node in ends for number in self._place(node.pos).loops)

    def _reached(self, flow: Graph) -> list[tuple[str, tuple[Any, ...], tuple[Node, ...]]]:
        found = arrivals(flow, (("clean",), frozenset()), self._transfer, throws=self._throws)
        return [(arrival.way, arrival.state[0], arrival.steps) for arrival in found]

    def _transfer(self, node: Node, state: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        """States are (phase, assumptions); phases: clean, (open, start), (done, start, end), maybe."""
        phase, assumed = state
        mark = _marked(node)
        if isinstance(mark, Assumption):
            after = self._assumptions.after(mark, assumed)
            if after is not None:
                yield phase, after
            return
        if isinstance(mark, _Exhausted):
            yield self._exhausted(mark, phase), assumed
            return
        yield self._phase(node, phase), self._assumptions.forgotten(node, assumed)

    def _exhausted(self, mark: _Exhausted, phase: tuple[Any, ...]) -> tuple[Any, ...]:
        """A loop in which things end has ended all of those that were begun before it."""
        if phase[0] == "open" and mark.loop in self._looping and mark.loop not in self._place(phase[2]).loops:
            return ("maybe",)
        return phase

    def _phase(self, node: Node, phase: tuple[Any, ...]) -> tuple[Any, ...]:
        action = self._action(node)
        if action.kind == _START:
            if phase[0] == "open" and phase[1] == action.pos and self._is_ended_in_loop(node):
                self._restarts.setdefault(action.pos, node)
            return ("open", action.pos, node.pos)
        if action.kind == _NOTHING or phase[0] in ("clean", "maybe"):
            return phase
        if action.kind == _MAYBE or action.looped:
            return ("maybe",)
        loops = self._place(node.pos).loops
        if any(number not in self._place(phase[2]).loops for number in loops):
            return ("maybe",)
        if phase[0] == "done":
            if phase[3] != node.pos:
                self._seconds.setdefault(phase[1], {})[phase[3], action.pos] = None
            return ("maybe",)
        return ("done", phase[1], phase[2], node.pos)

    def _is_ended_in_loop(self, start: Node) -> bool:
        loops = self._place(start.pos).loops
        return bool(loops) and loops[-1] in self._looping

    def _is_fan_out(self, start: Node) -> bool:
        """True for a start in a loop that ends nothing: what is started there ends elsewhere, each for itself."""
        loops = self._place(start.pos).loops
        return bool(loops) and loops[-1] not in self._looping

    def _throws(self, node: Node) -> bool:
        if node.kind == "raise" or not node.expressions:
            return True
        if node.kind == "assert" or self._place(node.pos).calm or self._action(node).kind != _NOTHING:
            return False
        return not all(self._paths.quiet.is_quiet(self._path, self._scope, expr) for expr in node.expressions)

    # -- what is found

    def _start(self, pos: Pos, node: Node, reached: list[tuple[str, tuple[Any, ...], tuple[Node, ...]]]) -> Start:
        endings: dict[str, Ending] = {}
        for way, phase, steps in reached:
            if phase[0] != "open" or phase[1] != pos:
                continue
            named = self._way(way, steps)
            if named != "return" and self._is_fan_out(node):
                continue
            kept = self._since(steps, pos)
            if named and (named not in endings or len(endings[named].steps) > len(kept)):
                endings[named] = Ending(named, kept[-1] if kept else None, kept)
        if pos in self._restarts:
            endings["restart"] = Ending("restart", self._restarts[pos], (node,))
        seconds = tuple(self._seconds.get(pos, ()))
        return Start(pos, node.pos, tuple(sorted(endings.values(), key=lambda e: WAYS.index(e.way))), seconds)

    def _since(self, steps: tuple[Node, ...], pos: Pos) -> tuple[Node, ...]:
        """Return the steps from the last time that it was started, without marks."""
        plain = [step for step in steps if _marked(step) is None]
        first = max((i for i, step in enumerate(plain) if self._action(step).pos == pos), default=0)
        return tuple(plain[first:])

    def _way(self, way: str, steps: tuple[Node, ...]) -> str:
        last = next((step for step in reversed(steps) if _marked(step) is None), None)
        if way in (FALL, RETURN):
            return "return"
        thrower = self._thrower(steps)
        if thrower is not None and thrower.kind == "raise":
            return "raise"
        yields = last is not None and any(part[0] == "yield" for expr in last.expressions for part in nested(expr))
        if way == RAISE:
            return "" if yields and not self._is_manager() else "exception"
        if way == CANCEL:
            return "generator-exit" if yields else "cancellation"
        return ""

    def _thrower(self, steps: tuple[Node, ...]) -> Node | None:
        """The last step that is not in a handler or a `finally`, or that raises."""
        for step in reversed(steps):
            if _marked(step) is None and (step.kind == "raise" or not self._place(step.pos).calm):
                return step
        return None

    def _is_manager(self) -> bool:
        if self._index == MODULE:
            return False
        names = [last_name(d[1] if d[0] == "call" else d) for d in self._facts.functions[self._index].decorators]
        return any(name.endswith("contextmanager") or name == "fixture" for name in names)


def _mark(mark: Any, pos: Pos) -> Statement:
    return ("expr", ("const", mark, pos), pos)


def _marked(node: Node) -> Any:
    """Return the mark that a node is, None for code."""
    if node.kind == "expr" and len(node.expressions) == 1 and node.expressions[0][0] == "const":
        value = node.expressions[0][1]
        return value if isinstance(value, (Assumption, _Exhausted)) else None
    return None
