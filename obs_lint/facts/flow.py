"""The control flow of one function: what is evaluated in turn, and every way out.

A Graph is made of a Block (`obs_lint.facts.model`). Each simple statement, each test and each iterable is a Node. An
exception leaves a node that calls, awaits, yields, raises or asserts; of other operations none is expected. The block
of a `finally` stands in the graph once for each way through it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

from obs_lint.facts.model import Block, Expr, Pos, Statement

State = TypeVar("State", bound=Hashable)

FALL = "fall"
"""The way out at the end of the block."""
RETURN = "return"
RAISE = "raise"
"""By an exception, raised here or in what is called."""
CANCEL = "cancel"
"""By what is thrown in at an `await` (CancelledError) or a `yield` (GeneratorExit): no subclass of Exception."""
WAYS_OUT = (FALL, RETURN, RAISE, CANCEL)

_NOWHERE: Pos = (0, 0, 0, 0)
_BASE = frozenset({"BaseException"})
_BROAD = frozenset({"BaseException", "Exception"})
_CANCELLATIONS = frozenset({"CancelledError", "GeneratorExit", "KeyboardInterrupt", "SystemExit", "BaseException"})
_MAX_NODES = 20_000
"""More than this, and the graph is given up: `Graph.complete` is False."""


class Node:
    """One step."""

    __slots__ = ("cancels", "expressions", "kind", "next", "pos", "raises")

    def __init__(self, kind: str, expressions: tuple[Expr, ...], pos: Pos) -> None:
        self.kind = kind
        """Tag of the statement; `test`, `guard`, `handler`, `enter`; a way out for an exit; `join` for nothing."""
        self.expressions = expressions
        """What it evaluates, in order."""
        self.pos = pos
        """Of its statement (of the header of a compound one); zeros for an exit."""
        self.next: list[int] = []
        self.raises: list[int] = []
        """Where an exception leads: handlers, the block of a `finally`, an exit."""
        self.cancels: list[int] = []
        """Where a cancellation leads, for a node that awaits or yields."""


class Graph(NamedTuple):
    """Nodes by index, the first one is where it begins."""

    nodes: Sequence[Node]
    start: int
    exits: dict[str, int]
    """Way out → index of its node."""
    complete: bool
    """False where the function is too large; nothing should then be concluded."""


class _Frame:
    """Something around the statement that a jump passes."""

    __slots__ = ("after", "again", "copies", "final", "handlers", "kind")

    def __init__(
        self,
        kind: str,
        *,
        after: int = -1,
        again: int = -1,
        handlers: tuple[tuple[int, bool, bool, bool], ...] = (),
        final: Block = (),
    ) -> None:
        self.kind = kind
        """loop | handlers | finally | suppress"""
        self.after = after
        self.again = again
        self.handlers = handlers
        """(entry, catches every Exception, may catch cancellations, catches everything)"""
        self.final = final
        self.copies: dict[str, int] = {}


class _TooLargeError(Exception):
    """The graph has more nodes than anyone wants to look at."""


def graph(block: Block, *, suppresses: Callable[[Expr], bool] | None = None) -> Graph:
    """Return the control flow of a block.

    `suppresses` says of the context expression of a `with` whether it swallows exceptions (`contextlib.suppress`).
    """
    builder = _Builder(suppresses or (lambda _: False))
    try:
        start = builder.block(block, builder.exits[FALL], ())
    except _TooLargeError:
        return Graph(builder.nodes, builder.exits[FALL], builder.exits, complete=False)
    return Graph(builder.nodes, start, builder.exits, complete=True)


class _Builder:
    """Builds backwards: each part is given where it leads to, and returns where it begins."""

    def __init__(self, suppresses: Callable[[Expr], bool]) -> None:
        self.nodes: list[Node] = []
        self.exits = {way: self.node(way, (), _NOWHERE) for way in WAYS_OUT}
        self.suppresses = suppresses

    def node(self, kind: str, expressions: tuple[Expr, ...], pos: Pos, *following: int) -> int:
        if len(self.nodes) >= _MAX_NODES:
            raise _TooLargeError
        node = Node(kind, expressions, pos)
        node.next += following
        self.nodes.append(node)
        return len(self.nodes) - 1

    def step(
        self, kind: str, expressions: Iterable[Expr | None], pos: Pos, frames: tuple[_Frame, ...], *following: int
    ) -> int:
        """Add a node that may raise, as far as its expressions do."""
        given = tuple(expr for expr in expressions if expr is not None)
        index = self.node(kind, given, pos, *following)
        calls, waits = _acts(given)
        if calls or waits or kind in ("raise", "assert"):
            self.nodes[index].raises = self.thrown(RAISE, frames)
        if waits:
            self.nodes[index].cancels = self.thrown(CANCEL, frames)
        return index

    def block(self, block: Block, after: int, frames: tuple[_Frame, ...]) -> int:
        for statement in reversed(block):
            after = self.statement(statement, after, frames)
        return after

    def statement(self, statement: Statement, after: int, frames: tuple[_Frame, ...]) -> int:
        kind, pos = statement[0], statement[-1]
        if kind in ("expr", "assign"):
            return self.step(kind, statement[1:2], pos, frames, after)
        if kind == "return":
            return self.step(kind, statement[1:2], pos, frames, self.left(RETURN, frames))
        if kind == "raise":
            return self.raised(statement, frames)
        if kind == "assert":
            return self.step(kind, statement[1:3], pos, frames, after)
        if kind in ("break", "continue"):
            return self.node(kind, (), pos, self.left(kind, frames))
        if kind == "if":
            follow = self.block(statement[2], after, frames)
            for test, body, place in reversed(statement[1]):
                known = _truth(test)
                ways = [] if known is False else [self.block(body, after, frames)]
                ways += [] if known is True else [follow]
                follow = self.step("test", (test,), place, frames, *ways)
            return follow
        if kind in ("while", "for"):
            return self.loop(statement, after, frames)
        if kind == "with":
            return self.entered(statement, after, frames)
        if kind == "try":
            return self.tried(statement, after, frames)
        if kind == "match":
            return self.matched(statement, after, frames)
        if kind == "class":
            return self.block(statement[2], after, frames)
        return self.node(kind, (), pos, after)

    def raised(self, statement: Statement, frames: tuple[_Frame, ...]) -> int:
        """`raise`: of what is known to be no Exception, the handlers of Exception do not count."""
        index = self.step("raise", statement[1:3], statement[-1], frames)
        name = _last_name(statement[1])
        if name in _CANCELLATIONS and name not in _BASE:
            self.nodes[index].raises = self.thrown(CANCEL, frames)
        return index

    def loop(self, statement: Statement, after: int, frames: tuple[_Frame, ...]) -> int:
        kind, value, body, orelse = statement[:4]
        head = self.node("join", (), statement[-1])
        finished = self.block(orelse, after, frames)
        frame = _Frame("loop", after=after, again=head)
        inside = self.block(body, head, (*frames, frame))
        if kind == "while":
            known = _truth(value)
            ways = ([] if known is False else [inside]) + ([] if known is True else [finished])
            test = self.step("test", (value,), statement[-1], frames, *ways)
            self.nodes[head].next.append(test)
            return head
        self.nodes[head].next += [inside, finished]
        if statement[4]:
            self.nodes[head].raises = self.thrown(RAISE, frames)
            self.nodes[head].cancels = self.thrown(CANCEL, frames)
        return self.step("for", (value,), statement[-1], frames, head)

    def entered(self, statement: Statement, after: int, frames: tuple[_Frame, ...]) -> int:
        contexts = statement[1]
        inner = frames
        if any(self.suppresses(context) for context in contexts):
            inner = (*frames, _Frame("suppress", after=after))
        body = self.block(statement[2], after, inner)
        index = self.step("enter", contexts, statement[-1], frames, body)
        if statement[3]:
            self.nodes[index].cancels = self.thrown(CANCEL, frames)
        return index

    def tried(self, statement: Statement, after: int, frames: tuple[_Frame, ...]) -> int:
        _, body, handlers, orelse, final, _, pos = statement
        outer = frames
        if final:
            frame = _Frame("finally", final=final)
            after = self.block(final, after, frames)
            outer = (*frames, frame)
        entries = []
        for caught, _, inside, place in handlers:
            entry = self.node("handler", () if caught is None else (caught,), place, self.block(inside, after, outer))
            entries.append((entry, *_catches(caught)))
        follow = self.block(orelse, after, outer)
        inner = (*outer, _Frame("handlers", handlers=tuple(entries))) if entries else outer
        return self.node("join", (), pos, self.block(body, follow, inner))

    def matched(self, statement: Statement, after: int, frames: tuple[_Frame, ...]) -> int:
        follow = after
        for matches_all, guard, body, place in reversed(statement[2]):
            inside = self.block(body, after, frames)
            if guard is not None:
                inside = self.step("guard", (guard,), place, frames, inside, follow)
            follow = inside if matches_all else self.node("join", (), place, inside, follow)
        return self.step("match", (statement[1],), statement[-1], frames, follow)

    def thrown(self, way: str, frames: tuple[_Frame, ...]) -> list[int]:
        """Where an exception leads that is thrown within `frames`."""
        found: list[int] = []
        for depth in range(len(frames) - 1, -1, -1):
            frame = frames[depth]
            if frame.kind == "suppress" and way == RAISE:
                found.append(frame.after)
            elif frame.kind == "finally":
                found.append(self.through(frame, way, frames[:depth]))
                return found
            elif frame.kind == "handlers":
                for entry, broad, cancellations, everything in frame.handlers:
                    if way == RAISE or cancellations:
                        found.append(entry)
                    if everything or (broad and way == RAISE):
                        return found
        found.append(self.exits[way])
        return found

    def through(self, frame: _Frame, way: str, outer: tuple[_Frame, ...]) -> int:
        """Return the copy of a `finally` block that is passed on the way out."""
        if way not in frame.copies:
            join = frame.copies[way] = self.node("join", (), _NOWHERE)
            if way in (RAISE, CANCEL):
                end = self.node("join", (), _NOWHERE, *self.thrown(way, outer))
            else:
                end = self.left(way, outer)
            self.nodes[join].next.append(self.block(frame.final, end, outer))
        return frame.copies[way]

    def left(self, way: str, frames: tuple[_Frame, ...]) -> int:
        """Where a return, break or continue leads."""
        for depth in range(len(frames) - 1, -1, -1):
            frame = frames[depth]
            if frame.kind == "finally":
                return self.through(frame, way, frames[:depth])
            if frame.kind == "loop" and way != RETURN:
                return frame.after if way == "break" else frame.again
        return self.exits[RETURN]


def _catches(caught: Expr | None) -> tuple[bool, bool, bool]:
    """(every Exception, maybe cancellations, everything) of the type that an `except` names."""
    if caught is None:
        return True, True, True
    types = caught[2] if caught[0] == "seq" else (caught,)
    names = {_last_name(part) for part in types}
    everything = not names.isdisjoint(_BASE)
    return not names.isdisjoint(_BROAD), everything or not names.isdisjoint(_CANCELLATIONS), everything


def _last_name(expr: Expr | None) -> str:
    if expr is None:
        return ""
    if expr[0] == "call":
        expr = expr[1]
    return str(expr[1]) if expr[0] == "name" else str(expr[2]) if expr[0] == "attr" else ""


def _truth(test: Expr) -> bool | None:
    """True or False for a constant, None for what depends."""
    if test[0] == "const":
        return bool(test[1])
    if test[0] == "unary" and test[1] == "not":
        inner = _truth(test[2])
        return None if inner is None else not inner
    return None


def _acts(expressions: tuple[Expr, ...]) -> tuple[bool, bool]:
    """Whether anything is called, and whether anything is awaited or yielded."""
    calls = waits = False
    stack: list[Any] = list(expressions)
    while stack:
        part = stack.pop()
        if not isinstance(part, tuple) or not part:
            continue
        if part[0] == "lambda":
            continue
        if part[0] == "call":
            calls = True
        elif part[0] in ("await", "yield"):
            waits = True
        stack.extend(part)
    return calls, waits


class Arrival(NamedTuple):
    """A way out, the state in which it is reached, and the steps that lead there."""

    way: str
    state: Any
    steps: tuple[Node, ...]
    """From the start to the last node before the exit, without joins."""


def arrivals(
    flow: Graph,
    initial: State,
    transfer: Callable[[Node, State], Iterable[State]],
    *,
    throws: Callable[[Node], bool] = lambda _: True,
) -> tuple[Arrival, ...]:
    """Return each (way out, state) that can be reached, with a shortest path to it.

    `transfer` gives the states after a node that ended normally; a node that throws leaves the state as it was.
    `throws` may deny that a node throws: an emitter that never does.
    """
    began = (flow.start, initial)
    parents: dict[tuple[int, State], tuple[int, State] | None] = {began: None}
    queue = deque([began])
    ways = {index: way for way, index in flow.exits.items()}
    found: list[Arrival] = []
    while queue:
        here = queue.popleft()
        index, state = here
        if index in ways:
            found.append(Arrival(ways[index], state, _steps(flow, parents, here)))
            continue
        node = flow.nodes[index]
        following = [(target, after) for after in transfer(node, state) for target in node.next]
        if throws(node):
            following += [(target, state) for target in (*node.raises, *node.cancels)]
        for pair in following:
            if pair not in parents:
                parents[pair] = here
                queue.append(pair)
    return tuple(found)


def _steps(flow: Graph, parents: dict[Any, Any], here: Any) -> tuple[Node, ...]:
    steps: list[Node] = []
    while here is not None:
        node = flow.nodes[here[0]]
        if node.kind != "join" and node.pos != _NOWHERE:
            steps.append(node)
        here = parents[here]
    return tuple(reversed(steps))
