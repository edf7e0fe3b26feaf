"""The join of three: declared in the registry × emitted in the code × observed in a smoke run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from obs_lint.inventory.model import EventRow, Inventory

STATES: Mapping[str, str] = {
    "proven": "declared, emitted in the code, and seen",
    "not exercised": "declared and emitted in the code; the run has not reached it",
    "emitted unseen by the linter": "declared and seen; no emission of it was found in the code",
    "dead": "declared; nothing emits it and nothing was seen",
    "unregistered": "emitted in the code and seen; no registry declares it",
    "unregistered, not exercised": "emitted in the code; no registry declares it, and it was not seen",
    "foreign": "seen; neither declared nor emitted in this code",
}
"""State of an event → what it means."""


@dataclass(frozen=True, slots=True)
class Joined:
    """One event in the three."""

    name: str
    state: str
    """A key of STATES."""
    emissions: int
    """Places in the code."""
    seen: int
    row: EventRow | None = None
    """The inventory's row; None for an event that only the run knows."""


def joined(inventory: Inventory, seen: Mapping[str, int]) -> tuple[Joined, ...]:
    """Join an inventory with the events that a run has seen (name → how often), by state and name.

    Events of the runtime itself (`obs.…`) count where the code emits them only.
    """
    found = []
    names = set()
    for row in inventory.events:
        names.add(row.name)
        number = seen.get(row.name, 0)
        found.append(Joined(row.name, _state(row, number), len(row.emitted), number, row))
    for name, number in seen.items():
        if name not in names and not name.startswith("obs."):
            found.append(Joined(name, "foreign", 0, number))
    order = {state: place for place, state in enumerate(STATES)}
    return tuple(sorted(found, key=lambda one: (order[one.state], one.name)))


def _state(row: EventRow, seen: int) -> str:
    if row.declared:
        if row.emitted:
            return "proven" if seen else "not exercised"
        return "emitted unseen by the linter" if seen else "dead"
    return "unregistered" if seen else "unregistered, not exercised"


def table(rows: tuple[Joined, ...], *, width: int = 100) -> list[str]:
    """Lines of the join, by state; the proven ones as one line of names' count."""
    out: list[str] = []
    for state, meaning in STATES.items():
        part = [row for row in rows if row.state == state]
        if not part:
            continue
        out.append(f"{state} ({len(part)}): {meaning}")
        widest = min(max(len(row.name) for row in part), max(24, width - 30))
        for row in part:
            sites = f"{row.emissions} in code" if row.emissions else "none in code"
            out.append(f"  {row.name:<{widest}}  {sites:>12}  seen {row.seen} times".rstrip())
    return out
