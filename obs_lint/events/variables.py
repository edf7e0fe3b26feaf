"""One variable of a function, followed through its statements: what it holds wherever it is used.

The statements are run over Shapes: branches are joined, loops repeated until nothing changes, a handler begins in any
state of its `try`. Whatever may give the object to others makes it shared, and what is not understood makes it untold.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from obs_lint.events.model import Field
from obs_lint.events.shapes import EMPTY, UNTOLD, Shape, join
from obs_lint.events.variable_events import Evaluator, Event, FileRows, Local, Now, bodies, collect
from obs_lint.facts.model import Binding, Block, Expr, FileFacts, Pos, Statement

_MAX_EVENTS = 3_000
_MAX_ROUNDS = 8
_MAX_STEPS = 40_000
"""Statements that are run for one variable, each as often as its loops are repeated."""


class Flow(NamedTuple):
    """What is known of a variable."""

    at: dict[Pos, Shape]
    """By the place of each use in its own function."""
    settled: Shape | None
    """What it holds all the time, for the functions inside; None where it changes."""
    changes: bool
    """True where it is changed in place or given away."""


UNKNOWN_FLOW = Flow({}, None, True)


def follow(rows: FileRows, local: Local, evaluator: Evaluator) -> Flow:
    """Follow a variable of a function or a module."""
    view = rows.view
    found = view.find(local.owner, local.name)
    if found is None or found[0] != local.owner:
        return UNKNOWN_FLOW
    block = _block(view.facts, local.owner)
    events = collect(rows, local, evaluator, found[1], block)
    if events is None or len(events) > _MAX_EVENTS:
        return UNKNOWN_FLOW
    run = _Run(local, evaluator, events)
    first: Shape | None = None
    if found[1][0].kind == "param":
        first = evaluator.parameter(local.path, found[1][0])
    run.changed = first
    try:
        run.block(block, first)
    except _TooLongError:
        return UNKNOWN_FLOW
    binding = [b for b in found[1] if b.kind != "declare"]
    changes = any(event.kind not in ("use", "bind") for event in events)
    settled = run.changed if len(binding) == 1 and binding[0].kind in ("assign", "param") and not changes else None
    return Flow(run.at, settled, changes)


def _block(facts: FileFacts, owner: int) -> Block:
    if not owner:
        return facts.body
    scope = facts.scopes[owner]
    return facts.functions[scope.owner].block if scope.kind == "function" else ()


def _end(block: Block) -> tuple[int, int]:
    """Return where the last statement of a block ends, with all that stands in it."""
    last = block[-1]
    ends = [(last[-1][2], last[-1][3])]
    for part in bodies(last):
        if part:
            ends.append(_end(part))
    return max(ends)


class _TooLongError(Exception):
    """Loops in loops in loops."""


class _Loop:
    """Where `break` and `continue` lead."""

    __slots__ = ("breaks", "continues")

    def __init__(self) -> None:
        self.breaks: Shape | None = None
        self.continues: Shape | None = None


class _Run:
    """Runs a block over Shapes. None is the state of what is not reached, or where the variable is not yet bound."""

    def __init__(self, local: Local, evaluator: Evaluator, events: Sequence[Event]) -> None:
        self._local = local
        self._evaluator = evaluator
        self._events = events
        self._starts = [event.start for event in events]
        self._watched: list[list[Shape | None]] = []
        self._loop = _Loop()
        self._steps = 0
        self._finals = 0
        """How many blocks of `finally` that change the variable come after a return."""
        self.at: dict[Pos, Shape] = {}
        self.changed: Shape | None = None
        """What it holds after its bindings."""
        self._changes = any(event.kind in ("store", "call", "attribute", "share") for event in events)

    # -- statements

    def block(self, block: Block, state: Shape | None) -> Shape | None:
        """Run statements, from the state before them to the one after."""
        for statement in block:
            state = self.statement(statement, state)
        return state

    def statement(self, statement: Statement, state: Shape | None) -> Shape | None:
        kind, pos = statement[0], statement[-1]
        if kind == "if":
            return self.branches(statement, state)
        if kind in ("for", "while"):
            return self.loop(statement, state)
        if kind == "try":
            return self.tried(statement, state)
        if kind == "with":
            state = self.step(pos, state)
            self._watched.append([state])
            after = self.block(statement[2], state)
            return join((after, *self._watched.pop()))
        if kind == "match":
            state = self.step(pos, state)
            ways: list[Shape | None] = []
            for matches_all, _, body, place in statement[2]:
                state = self.step(place, state)
                ways.append(self.block(body, state))
                if matches_all:
                    return join(ways)
            return join((*ways, state))
        if kind == "return" and self._finals and state is not None:
            self.step(pos, UNTOLD)
            return None
        state = self.step(pos, state)
        if kind in ("return", "raise"):
            return None
        if kind == "break":
            self._loop.breaks = join((self._loop.breaks, state))
            return None
        if kind == "continue":
            self._loop.continues = join((self._loop.continues, state))
            return None
        return state

    def branches(self, statement: Statement, state: Shape | None) -> Shape | None:
        ways: list[Shape | None] = []
        for _, body, place in statement[1]:
            state = self.step(place, state)
            ways.append(self.block(body, state))
        ways.append(self.block(statement[2], state))
        return join(ways)

    def loop(self, statement: Statement, state: Shape | None) -> Shape | None:
        kind, body, orelse, pos = statement[0], statement[2], statement[3], statement[-1]
        outer, self._loop = self._loop, _Loop()
        loop = self._loop
        entry = self.step(pos, state, "for" if kind == "for" else "")
        for _ in range(_MAX_ROUNDS):
            inside = self.step(pos, entry, "not for") if kind == "for" else entry
            loop.continues = None
            back = join((self.block(body, inside), loop.continues))
            if kind == "while":
                back = self.step(pos, back)
            following = join((entry, back))
            if following == entry:
                break
            entry = following
        else:
            entry = UNTOLD
            self.block(body, entry)
        self._loop = outer
        return join((self.block(orelse, entry), loop.breaks))

    def tried(self, statement: Statement, state: Shape | None) -> Shape | None:
        _, body, handlers, orelse, final, _, pos = statement
        state = self.step(pos, state)
        if not final:
            return self.handled(body, handlers, orelse, state)
        outer, self._loop = self._loop, _Loop()
        changing = self._is_changed_in(final)
        self._finals += changing
        self._watched.append([state])
        after = self.handled(body, handlers, orelse, state)
        anywhere = join(self._watched.pop())
        self._finals -= changing
        inner, self._loop = self._loop, outer
        if inner.breaks is not None:
            outer.breaks = join((outer.breaks, self.block(final, inner.breaks)))
        if inner.continues is not None:
            outer.continues = join((outer.continues, self.block(final, inner.continues)))
        self.block(final, anywhere)
        return self.block(final, after) if after is not None else None

    def handled(self, body: Block, handlers: Iterable[Statement], orelse: Block, state: Shape | None) -> Shape | None:
        self._watched.append([state])
        after = self.block(body, state)
        anywhere = join(self._watched.pop())
        ways = [self.block(orelse, after)]
        for _, _, inside, place in handlers:
            ways.append(self.block(inside, self.step(place, anywhere)))
        return join(ways)

    def _is_changed_in(self, block: Block) -> bool:
        begin = bisect_left(self._starts, block[0][-1][:2])
        end = bisect_left(self._starts, _end(block))
        return any(event.kind != "use" for event in self._events[begin:end])

    # -- one statement

    def step(self, pos: Pos, state: Shape | None, only: str = "") -> Shape | None:
        """Run what happens in one statement, or in the header of a compound one.

        `only`: `for` leaves the targets of a loop out, `not for` takes nothing else.
        """
        self._steps += 1
        if self._steps > _MAX_STEPS:
            raise _TooLongError
        self.watch(state)
        first = bisect_left(self._starts, (pos[0], pos[1]))
        last = bisect_left(self._starts, (pos[2], pos[3]))
        if first == last:
            return state
        events = sorted(self._events[first:last], key=lambda event: event.order)
        rebinds = len(events) > 1 and self._rebinds(events)
        for event in events:
            if only:
                target = event.kind == "bind" and event.row[0].kind == "for"  # type: ignore[attr-defined]
                if target == (only == "for"):
                    continue
            state = self.happen(event, state)
            if rebinds and event.kind != "use" and state is not None:
                state = UNTOLD
            if event.kind != "use":
                self.watch(state)
        return state

    def _rebinds(self, events: Iterable[Event]) -> bool:
        """True where a walrus gives the variable another object in the middle of something done to the first."""
        kinds = [event.row[0].kind if event.kind == "bind" else "" for event in events]  # type: ignore[attr-defined]
        return "walrus" in kinds and any(
            event.kind in ("call", "store", "attribute") or kind == "augment"
            for event, kind in zip(events, kinds, strict=True)
        )

    def watch(self, state: Shape | None) -> None:
        for seen in self._watched:
            seen[0] = join((seen[0], state))

    def happen(self, event: Event, state: Shape | None) -> Shape | None:
        kind = event.kind
        if kind == "bind":
            after = self.bound(event, state)
            self.changed = join((self.changed, after))
            return after if event.certain else join((state, after))
        if state is None:
            return None
        if kind == "use":
            pos: Pos = event.row[0]  # type: ignore[assignment]
            self.at[pos] = join((self.at.get(pos), state)) or state
            return state
        if kind == "share":
            if event.row and state.of is not None:
                return state
            return state.shared()
        after = self.called(event, state) if kind == "call" else self.stored(event, state)
        if state.held:
            after = after.shared()
        return after if event.certain else join((state, after))

    def bound(self, event: Event, state: Shape | None) -> Shape | None:
        binding: Binding = event.row[0]  # type: ignore[assignment]
        value = binding.value
        if binding.kind == "delete":
            return None
        if value is None or binding.kind not in ("assign", "walrus", "augment"):
            return UNTOLD
        path, scope = self._local.path, event.scope
        now = None if state is None else Now(self._local, state)
        if binding.kind == "augment":
            if value[1] != "|" or state is None:
                return UNTOLD
            after = state.updated(self._evaluator.shape(path, scope, value[3], now))
            return after.shared() if state.held else after
        shape = self._evaluator.shape(path, scope, value, now)
        if self._evaluator.is_fresh(path, scope, value):
            return shape
        if not self._changes and self._evaluator.is_constant(path, scope, value):
            return shape
        return shape.shared()

    def stored(self, event: Event, state: Shape) -> Shape:
        row = event.row[0]
        target, kind = row.target, row.kind  # type: ignore[attr-defined]
        value: Expr | None = row.value if kind == "assign" else None  # type: ignore[attr-defined]
        path, scope = self._local.path, event.scope
        if event.kind == "attribute":
            if state.of is None or target[2] not in state.entries:
                return state
            if kind == "delete":
                return state.shared()
            known = state.entries[target[2]].values[0]
            return state.with_field(
                Field(target[2], value, path, scope, target[-1], converted=known.converted), certain=True
            )
        names, complete = self._evaluator.names(path, scope, target[2])
        if kind == "delete":
            if len(names) == 1 and complete:
                return state.without(names[0])
            return state.without(None)
        return _set(state, names, complete, value, path, scope, target[2][-1])

    def called(self, event: Event, state: Shape) -> Shape:
        call: Expr = event.row[0]  # type: ignore[assignment]
        path, scope = self._local.path, event.scope
        method = call[1][2]
        now = Now(self._local, state)
        if state.of is not None or any(argument[0] == "star" for argument in call[2]):
            return state.shared()
        arguments, keywords = call[2], call[3]
        if method == "update" and len(arguments) <= 1:
            for argument in arguments:
                state = state.updated(self._evaluator.shape(path, scope, argument, now))
            for name, value, pos in keywords:
                if name is None:
                    state = state.updated(self._evaluator.shape(path, scope, value, now))
                else:
                    state = state.with_field(Field(name, value, path, scope, pos))
            return state
        if keywords or not arguments:
            if method == "clear" and not keywords:
                return EMPTY
            return state.without(None) if method == "popitem" and not keywords else state.shared()
        names, complete = self._evaluator.names(path, scope, arguments[0])
        if method in ("pop", "__delitem__"):
            return state.without(names[0] if len(names) == 1 and complete else None)
        if method == "__setitem__" and len(arguments) == 2:
            return _set(state, names, complete, arguments[1], path, scope, arguments[0][-1])
        if method == "setdefault":
            value = arguments[1] if len(arguments) > 1 else ("const", None, call[-1])
            if len(names) != 1 or not complete:
                return _set(state, names, complete, value, path, scope, arguments[0][-1])
            return state.with_default(Field(names[0], value, path, scope, arguments[0][-1]))
        return state.shared()


def _set(
    state: Shape, names: tuple[str, ...], complete: bool, value: Expr | None, path: str, scope: int, pos: Pos
) -> Shape:
    """Return the shape after `state[key] = value`, for a key that is one of `names`, or another where not complete."""
    if not complete:
        state = state.overwritten()
    for name in names:
        state = state.with_field(Field(name, value, path, scope, pos), certain=len(names) == 1 and complete)
    return state
