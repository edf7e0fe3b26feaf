"""Wrappers: functions that hand one of their parameters on to an emitter, and what a call of one makes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from obs_lint.config.model import EmitterConfig
from obs_lint.events.emitters import Match, Signature
from obs_lint.events.event_argument import event_place
from obs_lint.events.event_values import things_of
from obs_lint.events.forwarding import Slot, sources
from obs_lint.events.given import Argument, Given, Place
from obs_lint.facts.model import Expr, Pos
from obs_lint.project import Project
from obs_lint.project.application import Application
from obs_lint.project.thing import UNTOLD, Things, pack

_MAX_HOPS = 8


class Held(NamedTuple):
    """A parameter that gets an emitter to call."""

    path: str
    function: int
    """Into the functions of the file."""
    parameter: str


Target = "Match | Wrapper | Held"


class Handle(NamedTuple):
    """A callable through which events leave, as an expression names it."""

    target: Match | Wrapper | Held
    partials: tuple[tuple[str, int, Expr], ...] = ()
    skip: int = 0
    """Leading arguments that are the receiver."""


@dataclass(frozen=True, slots=True, eq=False)
class Wrapper:
    """A function through which events leave though nobody declared it."""

    name: str
    """Dotted."""
    path: str
    function: int
    """Into the functions of the file."""
    signature: Signature
    slots: tuple[Slot, ...]
    """The parameters that say which event it is, or part of it."""
    plain: bool
    """True where the parameter's value is the event; False where the event is made of it."""
    condition: str
    """The parameter that must be given an emitter for events to leave; "" where there is none."""
    handle: Handle
    """What it calls."""
    given: Given
    """What it gives to that."""
    scope: int
    call: Expr
    statement: Pos
    callee: Expr
    """The emitter as it is named there."""

    @property
    def event(self) -> str:
        """The parameter that is the event, or the first that it is made of."""
        return self.slots[0].parameter

    @property
    def emitter(self) -> EmitterConfig | None:
        """The declared emitter at the end, None where that depends on a parameter."""
        target = self.handle.target
        while isinstance(target, Wrapper):
            target = target.handle.target
        return target.emitter if isinstance(target, Match) else None

    def find(self, given: Given, slot: Slot) -> list[Argument]:
        """Return what a call of the wrapper gives for a parameter, or for an item of `*args` or `**kwargs`."""
        if isinstance(slot.key, int):
            return given.candidates(len(self.signature.positional) + slot.key)
        if slot.key is not None:
            return given.candidates(None, slot.key)
        name = slot.parameter
        return given.candidates(self.signature.position(name), name if name in self.signature.keywords else "")


class Frame(NamedTuple):
    """One call of a wrapper, while what stands in its body is evaluated."""

    wrapper: Wrapper
    given: Given
    outer: Frame | None
    """The call in whose wrapper's body this one stands."""
    depth: int = 1


class Reached(NamedTuple):
    """The call of a declared emitter that a call leads to, over any number of wrappers."""

    match: Match
    given: Given
    frame: Frame | None
    """Where `given` is evaluated; None for a call of the emitter itself."""


Holding = Callable[[Held], Iterable[Handle]]
"""The emitters that a parameter is known to get."""
Handles = Callable[[Place], Iterable[Handle]]
"""The emitters that an expression names."""


class Frames:
    """Follows calls through wrappers."""

    def __init__(self, project: Project, holding: Holding, handles: Handles) -> None:
        """What is known of parameters, and what expressions name, is asked for when it is needed."""
        self._project = project
        self._holding = holding
        self._handles = handles

    def reached(self, handle: Handle, given: Given, frame: Frame | None = None) -> list[Reached]:
        """Return the calls of declared emitters that a call of `handle` ends in."""
        target = handle.target
        depth = 0 if frame is None else frame.depth
        if depth > _MAX_HOPS:
            return []
        if isinstance(target, Match):
            return [Reached(target, given, frame)]
        if isinstance(target, Held):
            found: list[Reached] = []
            for other in self._held(target, frame):
                found += self.reached(other, with_partials(given, other), frame)
            return found
        return self.reached(target.handle, target.given, Frame(target, given, frame, depth + 1))

    def _held(self, held: Held, frame: Frame | None) -> Iterable[Handle]:
        """Return what the parameter gets in this call; without a call of its function, all that it is known to get."""
        while frame is not None and not self._is_of(frame.wrapper, held.path, held.function):
            frame = frame.outer
        if frame is None:
            return self._holding(held)
        given = frame.wrapper.find(frame.given, Slot(held.function, held.parameter))
        if not given or given[0].key is not None:
            return ()
        found: list[Handle] = []
        for handle in self._handles(given[0].place):
            if isinstance(handle.target, Held):
                found += [
                    Handle(inner.target, (*handle.partials, *inner.partials), inner.skip)
                    for inner in self._held(handle.target, frame.outer)
                ]
            else:
                found.append(handle)
        return found

    def _is_of(self, wrapper: Wrapper, path: str, function: int) -> bool:
        return wrapper.path == path and wrapper.function == function

    # -- what arguments are, over frames

    def event(self, reached: Reached) -> Things | None:
        """Evaluate the event of a call; None where the call gives none."""
        place = event_place(reached.match.emitter, reached.match.signature)
        return self._first(reached.given.candidates(*place), reached.frame)

    def _first(self, candidates: Iterable[Argument], frame: Frame | None) -> Things | None:
        """Evaluate the first of the arguments that is given."""
        for argument in candidates:
            things = self.things(argument, frame)
            if things is not None:
                return things
        return None

    def things(self, argument: Argument, frame: Frame | None) -> Things | None:
        """Evaluate an argument that stands in the body of the frame's wrapper; None where it is not given."""
        path, scope, expr = argument.place
        if frame is None or frame.wrapper.path != path:
            return self._plainly(argument)
        wrapper = frame.wrapper
        found = sources(self._project, path, scope, expr, argument.key)
        slots = [slot for slot in found.slots if self._in(slot, wrapper)]
        if slots and (found.stored or (found.plain and slots[0].key is not None)):
            return self._first(wrapper.find(frame.given, slots[0]), frame.outer)
        given: dict[str, Things] = {}
        for slot in slots:
            things = self._first(wrapper.find(frame.given, slot._replace(key=None)), frame.outer)
            if things is None:
                things = self._extra(slot, frame)
            if things is not None:
                given[slot.parameter] = things
        return self._plainly(argument, Application(path, wrapper.function, given, frame.given.is_whole))

    def _in(self, slot: Slot, wrapper: Wrapper) -> bool:
        return slot.function == wrapper.function

    def _extra(self, slot: Slot, frame: Frame) -> Things | None:
        """Return what `*args` is in a call."""
        facts = self._project.facts(frame.wrapper.path)
        if facts is None:
            return None
        parameter = next(
            (p for p in facts.functions[frame.wrapper.function].parameters if p.name == slot.parameter), None
        )
        if parameter is None or parameter.kind != "vararg":
            return None
        rest = frame.given.positional[len(frame.wrapper.signature.positional) :]
        if any(starred for _, starred in rest):
            return None
        return (pack(tuple([self.things(Argument(place), frame.outer) or UNTOLD for place, _ in rest])),)

    def _plainly(self, argument: Argument, application: Application | None = None) -> Things:
        place, key = argument.place, argument.key
        if key is not None:
            pos = place.expr[-1]
            place = Place(place.path, place.scope, ("sub", place.expr, ("const", key, pos), pos))
        return things_of(self._project, place, application)

    # -- arguments of the outermost call

    def outermost(self, argument: Argument, frame: Frame | None) -> tuple[Argument, Frame | None]:
        """Follow an argument that is a wrapper's parameter, unchanged, to the call that gives it, or to its default."""
        while frame is not None and frame.wrapper.path == argument.place.path:
            found = sources(self._project, *argument.place, argument.key)
            if not found.plain or not self._in(found.slots[0], frame.wrapper):
                break
            given = frame.wrapper.find(frame.given, found.slots[0])
            if not given:
                default = self._default(frame.wrapper, found.slots[0])
                return (argument, frame) if default is None else (default, None)
            argument, frame = given[0], frame.outer
        return argument, frame

    def _default(self, wrapper: Wrapper, slot: Slot) -> Argument | None:
        facts = self._project.facts(wrapper.path)
        if facts is None:
            return None
        function = facts.functions[wrapper.function]
        for parameter in function.parameters:
            if parameter.name == slot.parameter and parameter.default is not None:
                scope = facts.scopes[function.scope].parent
                return Argument(Place(wrapper.path, scope, parameter.default), None, parameter.default[-1])
        return None

    def is_rest(self, frame: Frame, place: Place) -> bool:
        """True for `**kwargs` of the frame's wrapper: the keywords of its call that are no parameters."""
        found = sources(self._project, *place)
        if not found.plain or place.path != frame.wrapper.path or not self._in(found.slots[0], frame.wrapper):
            return False
        facts = self._project.facts(place.path)
        parameters = () if facts is None else facts.functions[frame.wrapper.function].parameters
        return any(p.name == found.slots[0].parameter and p.kind == "kwarg" for p in parameters)


def with_partials(given: Given, handle: Handle) -> Given:
    """Return the arguments as the callable gets them: without its receiver, behind those of partials."""
    from obs_lint.events.given import given_by

    found = Given(given.positional[handle.skip :], given.keywords)
    for path, scope, call in handle.partials:
        written = given_by(path, scope, call)
        found = found.after(written.positional[1:], written.keywords)
    return found


def event_slots(handle: Handle, given: Given, holding: Holding) -> list[Argument]:
    """Return the arguments of a call of `handle` that say which event it is."""
    target = handle.target
    if isinstance(target, Match):
        return given.candidates(*event_place(target.emitter, target.signature))
    if isinstance(target, Wrapper):
        return [found for slot in target.slots for found in target.find(given, slot)]
    arguments: dict[tuple[int, object], Argument] = {}
    for other in holding(target):
        for found in event_slots(other, with_partials(given, other), holding):
            arguments[id(found.place.expr), found.key] = found
    return list(arguments.values())
