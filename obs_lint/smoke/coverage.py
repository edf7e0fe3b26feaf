"""Which registered events a run has seen, and which share of those that every run must see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from obs_lint.registry.model import Registry


@dataclass(frozen=True, slots=True)
class Row:
    """One registered event."""

    name: str
    smoke: str
    """always | conditional | never; `conditional` where nothing is said."""
    seen: int
    unreached: bool = False
    """The scenario says that it does not reach it."""


@dataclass(frozen=True, slots=True)
class Table:
    """All registered events, in the order of their names."""

    rows: tuple[Row, ...]
    unregistered: tuple[tuple[str, int], ...] = ()
    """Events that were seen and are registered nowhere, with their numbers; without those of the runtime itself."""

    @property
    def wanted(self) -> tuple[Row, ...]:
        """The events that the run must see."""
        return tuple(row for row in self.rows if row.smoke == "always" and not row.unreached)

    @property
    def missing(self) -> tuple[Row, ...]:
        """Those of them that it has not seen."""
        return tuple(row for row in self.wanted if not row.seen)

    @property
    def share(self) -> float | None:
        """Percent of the wanted events that were seen; None where none is wanted."""
        wanted = len(self.wanted)
        return 100 * (wanted - len(self.missing)) / wanted if wanted else None


def coverage(registries: Iterable[Registry], seen: Mapping[str, int], unreached: Iterable[str] = ()) -> Table:
    """Join what is registered with what was seen (event → how often). `unreached`: names, or `prefix.*`."""
    patterns = tuple(unreached)
    rows: dict[str, Row] = {}
    for registry in registries:
        for event in registry.events:
            if event.name not in rows:
                left_out = any(fnmatchcase(event.name, pattern) for pattern in patterns)
                rows[event.name] = Row(event.name, event.smoke or "conditional", seen.get(event.name, 0), left_out)
    others = sorted((name, count) for name, count in seen.items() if name not in rows and not name.startswith("obs."))
    return Table(tuple(rows[name] for name in sorted(rows)), tuple(others))
