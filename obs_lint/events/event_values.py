"""Which events an expression may be: strings, enum members, classes and objects of them, what a callable returns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from obs_lint.events.given import Place
from obs_lint.events.model import Alternative
from obs_lint.facts.model import Expr
from obs_lint.project import Project
from obs_lint.project.application import Application
from obs_lint.project.thing import UNTOLD_KINDS, Thing, Things

_MAX_ALTERNATIVES = 64
_MAX_CALLS = 3


class EventValues(NamedTuple):
    """Every event that is known, and whether there may be others."""

    alternatives: tuple[Alternative, ...]
    complete: bool
    unknown: Expr | None = None
    """The first part that could not be told, where it stands in the file that asked."""


def things_of(project: Project, place: Place, application: Application | None = None) -> Things:
    """Evaluate the expression that says which event it is; of a lambda, what it returns."""
    path, scope, expr = place
    while expr[0] == "lambda":
        facts = project.facts(path)
        if facts is None:
            break
        function = facts.functions[expr[1]]
        if len(function.returns) != 1:
            break
        scope, expr = function.scope, function.returns[0].value
    things = project.evaluate(path, scope, expr, application)
    if expr[0] == "call" and len(expr[2]) == 1 and not expr[3] and _is_text_type(project, path, scope, expr[1]):
        return things_of(project, Place(path, scope, expr[2][0]), application)
    return things


def _is_text_type(project: Project, path: str, scope: int, func: Expr) -> bool:
    """True for a NewType and for a subclass of `str`: what it makes is the text that it is given."""
    things = project.evaluate(path, scope, func)
    return bool(things) and all(
        thing.kind == "alias" or (thing.kind == "class" and _is_text(project, thing)) for thing in things
    )


def _is_text(project: Project, thing: Thing) -> bool:
    return "builtins.str" in project.ancestors(thing.path, thing.index) and not project.enum_kind(
        thing.path, thing.index
    )


def events_of(project: Project, things: Things, path: str, expr: Expr) -> EventValues:
    """Read the events out of the alternatives of an expression `expr` of the file `path`."""
    found: dict[tuple[str, str], Alternative] = {}
    complete = bool(things)
    unknown: Expr | None = None
    todo: list[tuple[Thing, int]] = [(thing, 0) for thing in reversed(things)]
    while todo:
        thing, depth = todo.pop()
        read = _read(project, thing)
        if read is not None and len(found) + len(read) <= _MAX_ALTERNATIVES:
            for each in read:
                found.setdefault((each.name, each.symbol), each)
            continue
        if thing.kind == "function" and depth < _MAX_CALLS:
            todo += [(result, depth + 1) for result in reversed(project.call((thing,)))]
            continue
        complete = False
        if unknown is None and thing.kind in UNTOLD_KINDS and thing.at and thing.at[0] == path:
            unknown = thing.at[2]
    known = tuple(found.values())
    if len(known) == 1 and known[0].symbol and expr[0] in ("name", "attr", "call"):
        known = (known[0]._replace(path=path, pos=expr[-1]),)
    return EventValues(known, complete, None if complete else unknown or expr)


def _read(project: Project, thing: Thing) -> list[Alternative] | None:
    """Return the events that one alternative is, None where that can't be told."""
    kind = thing.kind
    if kind == "const":
        path, _, expr = thing.at
        value = expr[1]
        if value is None:
            return []
        return [Alternative(value if isinstance(value, str) else str(value), "", path, expr[-1])]
    if kind in ("class", "instance") and thing.path:
        if project.enum_kind(thing.path, thing.index):
            values = None if kind == "class" else project.read(thing)
            if values is None:
                return None
            return [
                Alternative(
                    v.value if isinstance(v.value, str) else v.member.rpartition(".")[2], v.member, v.path, v.pos
                )
                for v in values
            ]
        if thing.open or _is_text(project, thing):
            return None
        return [Alternative(thing.name.rpartition(".")[2], thing.name, *_class_place(project, thing))]
    if kind in ("external", "result") or (kind == "instance" and not thing.open):
        last = thing.name.rpartition(".")[2]
        if last[:1].isupper() and not last.isupper() and "(" not in thing.name:
            return [Alternative(last, thing.name)]
    return None


def _class_place(project: Project, thing: Thing) -> tuple[str, tuple[int, int, int, int]]:
    facts = project.facts(thing.path)
    return thing.path, (1, 1, 1, 1) if facts is None else facts.classes[thing.index].name_pos


def merged(values: Iterable[EventValues]) -> EventValues:
    """Return all events of several expressions."""
    found: dict[tuple[str, str], Alternative] = {}
    complete = True
    unknown: Expr | None = None
    for each in values:
        complete = complete and each.complete
        unknown = unknown or each.unknown
        for alternative in each.alternatives:
            found.setdefault((alternative.name, alternative.symbol), alternative)
    return EventValues(tuple(found.values()), complete, None if complete else unknown)
