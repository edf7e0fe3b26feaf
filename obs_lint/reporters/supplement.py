"""What a page shows beside the Report: handed in from above, since reporters know of no project and no inventory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Place(NamedTuple):
    """One place in code or in a registry."""

    path: str
    """From the project's root, with `/`."""
    line: int
    """1-based."""
    symbol: str = ""
    """The enclosing function, dotted."""
    service: str = ""
    """Which of the configured services the file belongs to, "" for none."""
    certain: bool = True
    """False where the event is one of several that may leave here."""


class Event(NamedTuple):
    """One event of the catalogue, declared or not."""

    name: str
    declared: tuple[Place, ...] = ()
    """() for an event that no registry declares."""
    emitted: tuple[Place, ...] = ()
    seen: int | None = None
    """How often a smoke run has seen it; None where no run was joined."""
    summary: str = ""
    severity: str = ""
    owner: str = ""
    deprecated: bool = False


@dataclass(frozen=True, slots=True)
class Supplement:
    """Everything beside the Report. What is empty is left out of the page, or said to be unknown."""

    title: str = ""
    """What to call the project."""
    owners: Callable[[str], Sequence[str]] | None = None
    """Path → who owns it, () for nobody; None where nothing says who owns what."""
    surface: tuple[str, ...] = ()
    """Dotted names of the modules that are the surface."""
    through: int | None = None
    """Modules that import the surface; None where nobody has counted them."""
    reaches: Mapping[str, int] = field(default_factory=dict)
    """Telemetry library → number of the surface's modules that import it."""
    events: tuple[Event, ...] | None = None
    """The event catalogue, sorted by name; None where there is none to show."""
    unresolvable: tuple[Place, ...] = ()
    """Emissions of which the event can't be told."""
    problems: tuple[str, ...] = ()
    """What could not be read for the catalogue: it may lack something then."""
