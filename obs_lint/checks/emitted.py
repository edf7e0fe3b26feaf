"""What rules about emissions share: which they look at, how they call an event, and where its name comes from."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from obs_lint.checks.run import RuleRun
from obs_lint.config.model import Config
from obs_lint.diagnostic import Position, TrailStep
from obs_lint.discovery import ProjectFile
from obs_lint.events.emitters import declared
from obs_lint.facts.model import Anchor, FileFacts, Pos

if TYPE_CHECKING:  # most are loaded, in 15 ms, where something can be emitted only
    from obs_lint.events.model import Alternative, Emission
    from obs_lint.events.registries import Registries
    from obs_lint.registry.model import Event, Place


def may_emit(config: Config) -> bool:
    """False where a configuration has nothing through which an event could leave."""
    return bool(declared(config) or config.loggers or config.registry)


def anchors(_: object, config: Config) -> tuple[Anchor, ...]:
    """Files in which an event may leave."""
    if not may_emit(config):
        return ()
    from obs_lint.events.emissions import emission_anchors

    return emission_anchors(config)


def emitted(run: RuleRun[Any]) -> Iterator[tuple[ProjectFile, Emission]]:
    """Yield every emission in the files that a rule may report on; messages to loggers that are no events are out."""
    if not may_emit(run.config):
        return
    from obs_lint.events.emissions import emissions

    found = emissions(run.project, run.config)
    for path in found.files(run.files):
        file = run.project.files[path]
        for emission in found.in_file(path):
            yield file, emission


def emitted_in(run: RuleRun[Any], path: str) -> tuple[Emission, ...]:
    """Return the emissions of one file in source order; messages to loggers that are no events are out."""
    if not may_emit(run.config):
        return ()
    from obs_lint.events.emissions import emissions

    return emissions(run.project, run.config).in_file(path)


def shown(alternative: Alternative) -> str:
    """Return what an event is called in messages: the dotted name of a class, the value of anything else."""
    return alternative.symbol if names_itself(alternative) else alternative.name or "(empty)"


def possible(emission: Emission) -> tuple[Alternative, ...]:
    """Return the events that an emission may be, without those for which a value that is absent by default was
    formatted into the name: `f"shop.{area}"` with `area=None`.
    """
    if emission.event is None or emission.complete or emission.event[0] == "const":
        return emission.alternatives
    return tuple([a for a in emission.alternatives if a.symbol or "None" not in re.split(r"\W+", a.name)])


def declaration(declared: Registries, alternative: Alternative, says: Callable[[Event], object]) -> Event | None:
    """Return the declaration of an event; where several sources declare it, one that `says` something.

    None where nothing declares it.
    """
    event = declared.of(alternative)
    if event is None or says(event):
        return event
    other = declared.find(event.name)
    return other if other is not None and says(other) else event


def names_itself(alternative: Alternative) -> bool:
    """True where the event is a class, or a member whose value does not matter."""
    return bool(alternative.symbol) and alternative.symbol.rpartition(".")[2] == alternative.name


def lines_of(statement: Pos) -> tuple[int, int]:
    """Return the first and last line of a statement, on which a suppression counts."""
    return statement[0], statement[2]


def step(run: RuleRun[Any], path: str, pos: Pos, message: str) -> TrailStep:
    """Return one step of a trail; in a notebook it is counted within its cell."""
    cell, before = run.project.cell_of(path, pos[0])
    return TrailStep(path, Position(pos[0] - before, pos[1]), message, cell)


def trail(run: RuleRun[Any], emission: Emission, alternative: Alternative) -> tuple[TrailStep, ...]:
    """Return where the event is written, if not in the call itself, and the wrappers on its way to the emitter."""
    steps: list[TrailStep] = []
    if alternative.path and not (alternative.path == emission.path and _within(alternative.pos, emission.call[-1])):
        verb = "declared" if names_itself(alternative) else "written"
        steps.append(step(run, alternative.path, alternative.pos, f"`{shown(alternative)}` is {verb} here"))
    return (*steps, *emission.trail)


def declared_here(place: Place, name: str) -> TrailStep:
    """Return the step to the declaration of an event."""
    return TrailStep(place.path, Position(place.line, place.column), f"`{name}` is declared here")


def listed(names: tuple[str, ...]) -> str:
    """Return names as a sentence has them: `a`, `b` and `c`."""
    quoted = [f"`{name}`" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def enclosing(facts: FileFacts, statement: Pos) -> Iterator[Pos]:
    """Yield the headers of the compound statements that a statement stands in, innermost first."""
    column = statement[1]
    for other in reversed(facts.statements):
        if other[1] < column and other[:2] < statement[:2]:
            yield other
            column = other[1]
            if column == 1:
                return


def _within(inner: Pos, outer: Pos) -> bool:
    return outer[:2] <= inner[:2] and inner[2:] <= outer[2:]
