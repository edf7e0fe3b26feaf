"""An inventory as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Site(NamedTuple):
    """One place in code."""

    path: str
    """From the project's root, with `/`."""
    line: int
    column: int
    symbol: str
    """The enclosing function, dotted."""
    service: str = ""
    """Which of the configured services the file belongs to, "" for none."""
    through: str = ""
    """Dotted name of the emitter, or of the wrapper, that is called."""
    certain: bool = True
    """False where the event is one of several that may leave here."""
    repository: str = ""
    """Set when inventories of several repositories are merged."""


class Declaration(NamedTuple):
    """Where an event is declared."""

    source: str
    """As configured: a path, `python:shop.names:Events`."""
    path: str
    line: int
    column: int
    repository: str = ""


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event, declared or not."""

    name: str
    declared: tuple[Declaration, ...]
    """() for an event that is emitted and registered nowhere."""
    emitted: tuple[Site, ...]
    severity: str = ""
    stability: str = ""
    owner: str = ""
    producers: tuple[str, ...] = ()
    deprecated: bool = False
    summary: str = ""

    @property
    def services(self) -> tuple[str, ...]:
        """Services that emit it, sorted."""
        return tuple(sorted({site.service for site in self.emitted if site.service}))


@dataclass(frozen=True, slots=True)
class EmitterRow:
    """Something through which events leave."""

    function: str
    kind: str
    """declared (in the configuration) | wrapper (found: it hands its parameter on)"""
    emissions: int
    path: str = ""
    """Where it is defined, as far as that is in the project."""
    line: int = 0
    repository: str = ""


@dataclass(frozen=True, slots=True)
class Unresolvable:
    """An emission that may be of an event that can't be told."""

    site: Site
    expression: str
    """What could not be told, as it is written."""


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One way in which the code is entered from outside."""

    kind: str
    """route | task | target | configured"""
    name: str
    """`POST /tasks`, the task's name, else the function's."""
    framework: str
    path: str
    line: int
    symbol: str
    """The function, dotted."""
    service: str = ""
    repository: str = ""


@dataclass(frozen=True, slots=True)
class Inventory:
    """Everything, sorted."""

    repository: str
    events: tuple[EventRow, ...]
    emitters: tuple[EmitterRow, ...]
    unresolvable: tuple[Unresolvable, ...]
    entry_points: tuple[EntryRow, ...]
    files: int
    problems: tuple[str, ...] = ()
    """`path:line: message` of what could not be read: registries, files."""
