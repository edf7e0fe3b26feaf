"""Which functions hand one of their parameters on to a declared emitter, as the event or as the payload."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from obs_lint.config.model import EmitterConfig
from obs_lint.events.emitters import Match
from obs_lint.events.event_argument import roles
from obs_lint.events.forwarding import Sources, sources
from obs_lint.events.search import Search, Site
from obs_lint.events.wrappers import event_slots
from obs_lint.facts.model import Expr, Function
from obs_lint.project import Project


class Forward(NamedTuple):
    """One parameter that a function hands on, unchanged."""

    function: int
    """Into the functions of the file."""
    definition: Function
    parameter: str
    what: str
    """`event` or `payload`."""
    emitter: EmitterConfig
    callee: Expr
    """The emitter as it is named there."""
    call: Expr


def forwards(project: Project, search: Search, path: str) -> Iterator[Forward]:
    """Yield what the functions of a file hand on to declared emitters, in source order; of a call the event first."""
    facts = project.facts(path)
    for site in search.look(path):
        target = site.handle.target
        if facts is None or not isinstance(target, Match):
            continue
        for what, found in _handed(project, site, target):
            if not found.plain or found.function < 0:
                continue
            function = facts.functions[found.function]
            if function.name == "<lambda>" or search.is_emitter(path, found.function):
                continue
            parameter = next(slot.parameter for slot in found.slots if slot.function == found.function)
            yield Forward(found.function, function, parameter, what, target.emitter, site.callee, site.call)


def _handed(project: Project, site: Site, match: Match) -> Iterator[tuple[str, Sources]]:
    for argument in event_slots(site.handle, site.given, lambda _: ()):
        yield "event", sources(project, *argument.place, argument.key)
    if match.emitter.payload == "**":
        for name, place in site.given.keywords:
            if name is None:
                yield "payload", sources(project, *place)
        return
    payload = roles(site.given, match.emitter, match.signature).payload
    if payload is not None and payload.key is None:
        yield "payload", sources(project, *payload.place)
