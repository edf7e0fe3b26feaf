"""How declared events are listed: one a line in columns, or as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from obs_lint.registry.model import Event, Registry
from obs_lint.reporters.context import Context
from obs_lint.reporters.text import display_width, pad, plural, visible

_HEADINGS = ("event", "version", "severity", "producers", "owner", "where")


def render(events: Sequence[tuple[Event, Registry]], context: Context, *, as_json: bool = False) -> str:
    """Return events, each with its registry, sorted by name; ends in a newline."""
    rows = sorted(events, key=lambda row: (row[0].name, row[1].mirror, row[1].source))
    return _json(rows) if as_json else "".join(f"{line}\n" for line in _lines(rows, context))


def _lines(rows: Sequence[tuple[Event, Registry]], context: Context) -> Iterable[str]:
    palette = context.palette
    table = [_cells(event) for event, _ in rows]
    widths = [max(map(display_width, column)) for column in zip(_HEADINGS, *table, strict=True)]
    if table:
        yield f"{palette.dim}{_line(_HEADINGS, widths)}{palette.reset}"
    for cells, (event, registry) in zip(table, rows, strict=True):
        shade = palette.dim if registry.mirror or event.is_deprecated else ""
        yield f"{shade}{_line(cells, widths)}{palette.reset if shade else ''}"
    if table:
        yield ""
    sources = {registry.source for _, registry in rows}
    names = {event.name for event, _ in rows}
    yield f"{plural(len(names), 'event')} in {plural(len(sources), 'source')}" if rows else "No events."


def _cells(event: Event) -> tuple[str, ...]:
    place = event.place
    deprecated = " (deprecated)" if event.is_deprecated else ""
    return (
        visible(event.name) + deprecated,
        str(event.version),
        visible(event.severity) or "-",
        visible(", ".join(event.producers)) or "any",
        visible(event.owner) or "-",
        f"{visible(place.path)}:{place.line}" if place.path else visible(event.source),
    )


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(pad(cell, width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _json(rows: Sequence[tuple[Event, Registry]]) -> str:
    from json import dumps

    return dumps({"version": 1, "events": [_entry(event, registry) for event, registry in rows]}, indent=2) + "\n"


def _entry(event: Event, registry: Registry) -> dict[str, Any]:
    deprecated = event.deprecated
    return {
        "name": event.name,
        "version": event.version,
        "summary": event.summary,
        "severity": event.severity or None,
        "owner": event.owner or None,
        "stability": event.stability or None,
        "producers": list(event.producers),
        "smoke": event.smoke or None,
        "correlation": {"required": list(event.required), "optional": list(event.optional)},
        "deprecated": {
            "since": deprecated.since,
            "replaced-by": deprecated.replaced_by,
            "remove-after": deprecated.remove_after,
        }
        if deprecated is not None
        else None,
        "source": registry.source,
        "mirror": registry.mirror,
        "symbol": event.symbol or None,
        "path": event.place.path,
        "line": event.place.line,
        "column": event.place.column,
    }
