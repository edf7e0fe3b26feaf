"""An inventory as a JSON document, and back; several of them merged into one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from obs_lint import __version__
from obs_lint.inventory.model import Declaration, EmitterRow, EntryRow, EventRow, Inventory, Site, Unresolvable

VERSION = 1


class InventoryError(Exception):
    """A document that is no inventory."""


def document(inventory: Inventory) -> dict[str, Any]:
    """Return the inventory as plain values, in a fixed order (obs_lint/schemas/inventory.schema.json)."""
    return {
        "version": VERSION,
        "tool": {"name": "obs-lint", "version": __version__},
        "repository": inventory.repository,
        "events": [_event(row) for row in inventory.events],
        "emitters": [_plain(row, ("function", "kind", "emissions", "path", "line")) for row in inventory.emitters],
        "entry-points": [_entry(row) for row in inventory.entry_points],
        "unresolvable": [{**_site(row.site), "expression": row.expression} for row in inventory.unresolvable],
        "problems": list(inventory.problems),
        "summary": {
            "files": inventory.files,
            "events": len(inventory.events),
            "registered": sum(bool(row.declared) for row in inventory.events),
            "emitted": sum(bool(row.emitted) for row in inventory.events),
            "unregistered": sum(not row.declared for row in inventory.events),
            "never-emitted": sum(not row.emitted for row in inventory.events),
            "emissions": sum(row.emissions for row in inventory.emitters),
            "unresolvable": len(inventory.unresolvable),
            "entry-points": len(inventory.entry_points),
        },
    }


def _event(row: EventRow) -> dict[str, Any]:
    made: dict[str, Any] = {"name": row.name}
    for name in ("summary", "severity", "stability", "owner"):
        if getattr(row, name):
            made[name] = getattr(row, name)
    if row.producers:
        made["producers"] = list(row.producers)
    if row.deprecated:
        made["deprecated"] = True
    made["declared"] = [_plain(place, ("source", "path", "line", "column")) for place in row.declared]
    made["emitted"] = [_site(site) for site in row.emitted]
    return made


def _site(site: Site) -> dict[str, Any]:
    made = _plain(site, ("path", "line", "column", "symbol", "through"))
    if site.service:
        made["service"] = site.service
    if not site.certain:
        made["certain"] = False
    return made


def _entry(row: EntryRow) -> dict[str, Any]:
    made = _plain(row, ("kind", "name", "path", "line", "symbol"))
    for name in ("framework", "service"):
        if getattr(row, name):
            made[name] = getattr(row, name)
    return made


def _plain(row: Any, names: Sequence[str]) -> dict[str, Any]:
    made = {name: getattr(row, name) for name in names}
    if row.repository:
        made["repository"] = row.repository
    return made


def inventory_of(raw: object, name: str) -> Inventory:
    """Return the inventory that a document says. `name` is what the document is called in messages.

    Raises InventoryError where it is none, or of another version.
    """
    if not isinstance(raw, Mapping) or not isinstance(raw.get("tool"), Mapping) or "events" not in raw:
        raise InventoryError(f"{name} is no inventory; `obs-lint inventory --format json` writes one")
    if raw.get("version") != VERSION:
        raise InventoryError(f"{name} is of version {raw.get('version')!r}; this obs-lint reads version {VERSION}")
    try:
        return Inventory(
            repository=str(raw["repository"]),
            events=tuple(_event_of(row) for row in raw["events"]),
            emitters=tuple(
                EmitterRow(
                    row["function"], row["kind"], row["emissions"], row["path"], row["line"], row.get("repository", "")
                )
                for row in raw["emitters"]
            ),
            unresolvable=tuple(Unresolvable(_site_of(row), row["expression"]) for row in raw["unresolvable"]),
            entry_points=tuple(
                EntryRow(
                    row["kind"],
                    row["name"],
                    row.get("framework", ""),
                    row["path"],
                    row["line"],
                    row["symbol"],
                    row.get("service", ""),
                    row.get("repository", ""),
                )
                for row in raw["entry-points"]
            ),
            files=raw["summary"]["files"],
            problems=tuple(raw["problems"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise InventoryError(f"{name} is no inventory: {error!r}") from None


def _event_of(row: Mapping[str, Any]) -> EventRow:
    return EventRow(
        name=row["name"],
        declared=tuple(
            Declaration(place["source"], place["path"], place["line"], place["column"], place.get("repository", ""))
            for place in row["declared"]
        ),
        emitted=tuple(_site_of(site) for site in row["emitted"]),
        severity=row.get("severity", ""),
        stability=row.get("stability", ""),
        owner=row.get("owner", ""),
        producers=tuple(row.get("producers", ())),
        deprecated=row.get("deprecated", False),
        summary=row.get("summary", ""),
    )


def _site_of(row: Mapping[str, Any]) -> Site:
    return Site(
        row["path"],
        row["line"],
        row["column"],
        row["symbol"],
        row.get("service", ""),
        row["through"],
        row.get("certain", True),
        row.get("repository", ""),
    )


def merged(inventories: Iterable[Inventory]) -> Inventory:
    """Return one inventory of several repositories: events by name, each place with its repository.

    Raises InventoryError where two are of one repository.
    """
    events: dict[str, EventRow] = {}
    emitters: list[EmitterRow] = []
    unresolvable: list[Unresolvable] = []
    entries: list[EntryRow] = []
    problems: list[str] = []
    names: list[str] = []
    files = 0
    for inventory in inventories:
        name = inventory.repository
        if name in names:
            raise InventoryError(f"two inventories are of `{name}`; write them with different `--name`s")
        names.append(name)
        files += inventory.files
        for row in inventory.events:
            moved = replace(
                row,
                declared=tuple(place._replace(repository=place.repository or name) for place in row.declared),
                emitted=tuple(site._replace(repository=site.repository or name) for site in row.emitted),
            )
            events[row.name] = _together(events[row.name], moved) if row.name in events else moved
        emitters += [replace(row, repository=row.repository or name) for row in inventory.emitters]
        unresolvable += [
            replace(row, site=row.site._replace(repository=row.site.repository or name))
            for row in inventory.unresolvable
        ]
        entries += [replace(row, repository=row.repository or name) for row in inventory.entry_points]
        problems += [f"{name}: {problem}" for problem in inventory.problems]
    return Inventory(
        repository=" + ".join(names),
        events=tuple(row for _, row in sorted(events.items())),
        emitters=tuple(emitters),
        unresolvable=tuple(unresolvable),
        entry_points=tuple(entries),
        files=files,
        problems=tuple(problems),
    )


def _together(first: EventRow, second: EventRow) -> EventRow:
    """One row of two of the same name; what both say is taken from the one that declares it."""
    base, other = (first, second) if first.declared else (second, first)
    return replace(
        base,
        declared=base.declared + other.declared,
        emitted=first.emitted + second.emitted,
        severity=base.severity or other.severity,
        stability=base.stability or other.stability,
        owner=base.owner or other.owner,
        producers=tuple(dict.fromkeys(base.producers + other.producers)),
        deprecated=base.deprecated or other.deprecated,
        summary=base.summary or other.summary,
    )
