"""Keeps answers, and finds them where questions depend on each other.

Such questions are asked again until the answers stay the same (the least fixed point), a few times at most. What nests
too deeply or takes too many steps is cut short: the answer is `unknown`, and not kept beyond the question from outside.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from obs_lint.project.scopes import FileView
from obs_lint.project.thing import NOTHING, UNKNOWN, UNTOLD, Things, identity, union

_MAX_DEPTH = 50
_MAX_STEPS = 2_000
_CUT_SHORT = 1
_MAX_PASSES = 4

Key = tuple[Any, ...]


class Context:
    """One call, while what its function returns is evaluated with what the parameters are there."""

    __slots__ = ("depth", "memo", "outer", "path", "scope", "serial", "values", "whole")

    def __init__(
        self,
        path: str,
        scope: int,
        values: dict[str, Things],
        whole: bool,
        outer: Context | None,
        serial: int,
        depth: int,
    ) -> None:
        """`values`: what is known of the parameters; `whole`: parameters not given have their defaults.

        `outer` is the call of the function that the called one is defined in; `depth` counts calls within calls.
        """
        self.serial = serial
        self.depth = depth
        self.path = path
        self.scope = scope
        self.values = values
        self.whole = whole
        self.outer = outer
        self.memo: dict[Any, Things] = {}


class _Partial(NamedTuple):
    """An answer that depends on questions that are still open."""

    things: Things
    cuts: int
    """These questions, as bits by their number in the stack; the lowest bit where it was cut short."""
    memo: dict[Key, Things]
    """Where to keep it."""


class Answers:
    """The questions that are open, and the answers that are known."""

    def __init__(self) -> None:
        """Nothing is known."""
        self.context: Context | None = None
        """The call in which things are evaluated."""
        self.exact = False
        """True while values are asked for: attributes of `self` are then also what subclasses say. Kept apart."""
        self.depth = 0
        self.steps = 0
        """How many more expressions the question may evaluate."""
        self.memo: dict[Key, Things] = {}
        self._memos: tuple[dict[Key, Things], dict[Key, Things]] = (self.memo, {})
        self._active: dict[Key, int] = {}
        self._partial: dict[Key, _Partial] = {}
        self._guesses: dict[Key, Things] = {}
        self._changed = False
        self._cuts = 0

    def cut_short(self) -> Things:
        """Answer with unknown for want of depth; nothing that depends on it is kept beyond the question."""
        self._cuts |= _CUT_SHORT
        return UNTOLD

    def give_up(self) -> None:
        """Keep what is known so far as the answer to all that was asked on the way: nobody pays for it twice."""
        for key, row in self._partial.items():
            row.memo[key] = union((row.things, UNTOLD))

    def guarded(
        self, key: Key, compute: Callable[..., Things], *arguments: Any, home: FileView | None = None, scope: int = 0
    ) -> Things:
        """Return the answer kept under `key`, or compute and keep it.

        With `home` and `scope`, the answer depends on what is in that scope, and is kept for a call's context only if
        it lies in the function that is called there.
        """
        context = self.context
        memo = self.memo
        if context is not None:
            found = self.context_of(home, scope) if home is not None and scope else None
            if found is not None:
                memo = found.memo
                key = (*key, found.serial)
        known = memo.get(key)
        if known is not None:
            return known
        at = self._active.get(key)
        if at is not None:
            self._cuts |= 1 << at
            return self._guesses.get(key, NOTHING)
        partial = self._partial.get(key)
        if partial is not None:
            self._cuts |= partial.cuts
            return partial.things
        if self.depth >= _MAX_DEPTH or self.steps <= 0:
            return self.cut_short()
        outer, changed = self._cuts, self._changed
        if memo is self.memo:
            self.context = None
        self.depth += 1
        try:
            things, open_ = self._settle(key, memo, compute, arguments)
        finally:
            self.depth -= 1
            self.context = context
            self._active.pop(key, None)
        self._cuts = outer | open_
        self._changed = changed or (self._changed and open_ > _CUT_SHORT)
        return things

    def _settle(
        self, key: Key, memo: dict[Key, Things], compute: Callable[..., Things], arguments: tuple[Any, ...]
    ) -> tuple[Things, int]:
        """Compute an answer; again, where it depends on itself, until it stays the same.

        Questions in a cycle get the guess at each other's answers that the last pass left. The question that was asked
        first decides when to stop, and then all of them are answered. Returns the answer and the bits of the open
        questions that it depends on.
        """
        active = self._active
        at = active[key] = len(active) + 1
        own = 1 << at
        mark = len(self._partial)
        passes = 0
        first: dict[Key, Things] = {}
        while True:
            self._cuts, self._changed = 0, False
            things = compute(*arguments)
            open_ = self._cuts & (own - 1)
            if not self._cuts & own:
                break
            if self._grew(key, things):
                self._changed = True
            if open_ > _CUT_SHORT:
                self._pass_on(mark, own, open_)
                break
            if not self._changed:
                self._close(mark, None, bool(open_))
                break
            passes += 1
            if passes == _MAX_PASSES:
                things = _unending(things, first[key])
                self._close(mark, first, bool(open_))
                break
            if passes == 1:
                first[key] = things
            while len(self._partial) > mark:
                other, row = self._partial.popitem()
                if passes == 1:
                    first[other] = row.things
        if not open_ or at == 1:
            memo[key] = things
        else:
            self._partial[key] = _Partial(things, open_, memo)
        return things, open_

    def _grew(self, key: Key, things: Things) -> bool:
        """Add to the guess at an answer; True where that is more than it was."""
        guess = self._guesses.get(key, NOTHING)
        seen = {identity(thing) for thing in guess}
        fresh = tuple([thing for thing in things if identity(thing) not in seen])
        if fresh:
            self._guesses[key] = union((guess, fresh))
        return bool(fresh)

    def _pass_on(self, mark: int, own: int, open_: int) -> None:
        """Let what depended on a question depend on the questions that this one depends on."""
        partial = self._partial
        rows = list(partial.items())[mark:] if mark else list(partial.items())
        for key, row in rows:
            if row.cuts & own:
                partial[key] = _Partial(row.things, (row.cuts & ~own) | open_, row.memo)

    def _close(self, mark: int, first: dict[Key, Things] | None, cut: bool) -> None:
        """Keep all answers of a cycle; those that were cut short only until the question from outside is answered.

        With `first`, the answers of the first pass, the later ones went on growing.
        """
        partial = self._partial
        kept = []
        while len(partial) > mark:
            key, row = partial.popitem()
            things = row.things if first is None else _unending(row.things, first.get(key, NOTHING))
            if cut or row.cuts & _CUT_SHORT:
                kept.append((key, _Partial(things, _CUT_SHORT, row.memo)))
            else:
                row.memo[key] = things
        partial.update(reversed(kept))

    def context_of(self, home: FileView, scope: int) -> Context | None:
        """Return the call in whose function the scope lies, None where none is being evaluated."""
        context = self.context
        while context is not None:
            if context.path == home.path and home.is_within(scope, context.scope):
                return context
            context = context.outer
        return None

    def begin(self, exact: bool) -> None:
        """Start a question from outside."""
        self.steps = _MAX_STEPS
        self.depth = 0
        self._cuts = 0
        self.context = None
        self.exact = exact
        self.memo = self._memos[exact]
        if self._active:
            self._active.clear()
        if self._partial:
            self._partial.clear()
        if self._guesses:
            self._guesses.clear()

    def is_spent(self) -> bool:
        """True where the question may go no deeper or no further."""
        return self.depth >= _MAX_DEPTH or self.steps <= 0

    def tracked(self, compute: Callable[..., Things], *arguments: Any) -> tuple[Things, bool]:
        """Compute, and say whether the answer is final: does not depend on open questions."""
        outer, self._cuts = self._cuts, 0
        things = compute(*arguments)
        cuts = self._cuts
        self._cuts = outer | cuts
        return things, not cuts

    def alone(self, compute: Callable[..., Things], *arguments: Any) -> Things:
        """Compute as a question of its own, within another: what is open there does not count."""
        saved = (self._active, self._partial, self._guesses, self._cuts, self._changed)
        context, exact, memo = self.context, self.exact, self.memo
        self._active, self._partial, self._guesses, self._cuts, self._changed = {}, {}, {}, 0, False
        self.context, self.exact, self.memo = None, False, self._memos[0]
        try:
            return compute(*arguments)
        finally:
            self._active, self._partial, self._guesses, self._cuts, self._changed = saved
            self.context, self.exact, self.memo = context, exact, memo


def _unending(things: Things, first: Things) -> Things:
    """Return an answer that goes on growing, without the values that only later passes brought up."""
    seen = {identity(thing) for thing in first}
    return (*[thing for thing in things if thing.kind != "const" or identity(thing) in seen], UNKNOWN)
