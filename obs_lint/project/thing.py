"""A Thing is one alternative while the resolver is at work; an Origin is what it says in the end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from obs_lint.facts.model import Expr, Pos

_MAX_NESTED = 3
"""Containers in containers that are looked into."""
MAX_ALTERNATIVES = 64
"""More alternatives than this are cut off, and count as unknown."""


class Step(NamedTuple):
    """A binding passed on the way, in a linked list: chains share their ends, so that a long chain stays cheap."""

    path: str
    pos: Pos
    name: str
    """What is bound: a name, `self.x`, or a function that returns it."""
    source: str
    """What it is bound to, as written; empty where it is a whole expression."""
    kind: str
    """import | star | assign | return | lazy"""
    rest: Step | None
    last: Step | None
    """The end of the list; None where this is it."""
    elsewhere: Step | None
    """The first one behind this that is in another file."""


def step(path: str, pos: Pos, name: str, source: str, kind: str, rest: Step | None) -> Step:
    """Put a step before others."""
    if rest is None:
        return Step(path, pos, name, source, kind, None, None, None)
    return Step(path, pos, name, source, kind, rest, rest.last or rest, rest.elsewhere if rest.path == path else rest)


class Via(NamedTuple):
    """A dotted name passed on the way, in a linked list."""

    name: str
    rest: Via | None


class Partial(NamedTuple):
    """A call of functools.partial passed on the way, in a linked list: the outermost first."""

    at: tuple[str, int, Expr]
    """(path, scope, the call)"""
    rest: Partial | None


class Thing(NamedTuple):
    """One alternative. Kinds beside those of Origin:

    namespace: a package without a file; `path` is the importer that asked
    const: a value; `at` says where it is written     display: a dict, list, tuple, … ; `at` as well
    items: a tuple, `at` holds the alternatives of each item     elements: an iterable, `at` holds what is in it;
    `index` of both is how deep they are nested
    names: what `vars(x)` gives, `at` is the Thing x     alias: a type written as an expression
    typevar: a type variable, `at` its bound     parent: what `super()` gives     getter: `operator.attrgetter(…)`
    unknown: something that can't be told; `at` says where
    """

    kind: str
    name: str = ""
    path: str = ""
    index: int = -1  # type: ignore[assignment]  # tuple.index is not wanted here
    at: Any = None
    """Where it is written, as (path, scope, Expr): const, display, alias, typevar, unknown, enum members, generics."""
    open: bool = False
    """True for an instance or class that may be of a subclass as well."""
    member: str = ""
    """Name of the enum member that it is."""
    receiver: Thing | None = None
    """Of a function that was read from an object: the object."""
    partial: Partial | None = None
    """The calls of functools.partial that it went through."""
    trail: Step | None = None
    via: Via | None = None


Things = tuple[Thing, ...]

UNKNOWN = Thing("unknown")
NOTHING: Things = ()
UNTOLD: Things = (UNKNOWN,)

UNTOLD_KINDS = frozenset({"unknown", "variable", "parameter"})
"""Kinds that may be anything."""


def passed(thing: Thing, path: str, pos: Pos, name: str, source: str, kind: str, dotted: str) -> Thing:
    """Return the thing with a step before its trail and, if not empty, `dotted` before its names."""
    return Thing(
        *thing[:9],
        step(path, pos, name, source, kind, thing.trail),
        Via(dotted, thing.via) if dotted else thing.via,
    )


def bound_to(thing: Thing, receiver: Thing) -> Thing:
    """Return a function as read from an object."""
    return Thing(*thing[:7], receiver, *thing[8:])


def as_kind(thing: Thing, kind: str) -> Thing:
    """Return the object of a class, or the class of an object, reached in the same way."""
    return Thing(kind, *thing[1:6], trail=thing.trail, via=thing.via)


def plainly(thing: Thing, kind: str) -> Thing:
    """Return the object or class as it is by itself, however it was reached."""
    return Thing(kind, *thing[1:7])


def opened(thing: Thing) -> Thing:
    """Return the class or instance as one that may be of a subclass."""
    return Thing(*thing[:5], True, *thing[6:])


def iterable(elements: Things) -> Thing:
    """Return an iterable of these."""
    depth = _depth(elements) + 1
    return Thing("elements", index=depth, at=elements) if depth <= _MAX_NESTED else UNKNOWN


def pack(parts: tuple[Things, ...]) -> Thing:
    """Return a tuple, given what each of its items may be."""
    depth = max([_depth(part) for part in parts], default=0) + 1
    return Thing("items", index=depth, at=parts) if depth <= _MAX_NESTED else UNKNOWN


def _depth(things: Things) -> int:
    return max([thing.index for thing in things if thing.kind in ("elements", "items")], default=0)


def after(things: Iterable[Thing], earlier: Thing) -> Things:
    """Return what was reached through `earlier`: its trail and names come first."""
    if earlier.trail is None and earlier.via is None:
        return tuple(things)
    return tuple([Thing(*t[:9], _joined(earlier.trail, t.trail), _names(earlier.via, t.via)) for t in things])


def _joined(first: Step | None, rest: Step | None) -> Step | None:
    steps: list[Step] = []
    while first is not None and len(steps) < MAX_ALTERNATIVES:
        steps.append(first)
        first = first.rest
    for each in reversed(steps):
        rest = step(*each[:5], rest)
    return rest


def _names(first: Via | None, rest: Via | None) -> Via | None:
    names: list[str] = []
    while first is not None and len(names) < MAX_ALTERNATIVES:
        names.append(first.name)
        first = first.rest
    for name in reversed(names):
        rest = Via(name, rest)
    return rest


def identity(thing: Thing) -> tuple[Any, ...]:
    """Return what tells it from other alternatives."""
    kind = thing.kind
    if kind == "const":
        value = thing.at[2][1]
        return (kind, value.__class__, value)
    at = thing.at
    inner: Any = id(at)
    if at is None:
        inner = None
    elif kind == "elements":
        inner = tuple([identity(part) for part in at])
    elif kind == "items":
        inner = tuple([tuple([identity(thing) for thing in part]) for part in at])
    elif kind == "names":
        inner = identity(at)
    elif kind != "getter":
        inner = id(at[2])
    bound = None if thing.partial is None else id(thing.partial.at[2])
    return (kind, thing.name, thing.path, thing.index, thing.member, inner, bound)


def union(groups: Iterable[Things]) -> Things:
    """Return all alternatives, each once."""
    result: Things = ()
    seen: set[Any] | None = None
    for group in groups:
        if not group:
            continue
        if not result:
            result = group
            continue
        if seen is None:
            seen = {identity(thing) for thing in result}
        fresh = []
        for thing in group:
            key = identity(thing)
            if key not in seen:
                seen.add(key)
                fresh.append(thing)
        result += tuple(fresh)
        if len(result) > MAX_ALTERNATIVES:
            return (*result[:MAX_ALTERNATIVES], UNKNOWN)
    return result


def is_untold(things: Things) -> bool:
    """True where one of the alternatives may be anything."""
    return any(thing.kind in UNTOLD_KINDS for thing in things)
