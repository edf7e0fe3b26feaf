"""An inventory as text: the events with where they come from, what leaves unregistered, what can't be told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from obs_lint.inventory.model import Declaration, EventRow, Inventory, Site
from obs_lint.reporters.terminal import Palette

_SHOWN = 3
"""Places of one event that are shown; --all shows all."""
_POINTS = 12
"""Entry points that are shown; --all shows all."""


def table(inventory: Inventory, palette: Palette, *, width: int, whole: bool) -> str:
    """Return the tables, each with a heading, and one line of totals. `width` is in terminal columns."""
    registered = [row for row in inventory.events if row.declared]
    unregistered = [row for row in inventory.events if not row.declared]
    out: list[str] = []
    if registered:
        out += [
            _heading(palette, "Events", f"{len(registered)} registered"),
            *_events(registered, palette, width, whole),
        ]
    if unregistered:
        out += ["", _heading(palette, "Not registered", f"{_names(len(unregistered))} all the same")]
        out += _events(unregistered, palette, width, whole)
    if inventory.emitters:
        out += ["", _heading(palette, "Emitters", "through which they leave")]
        widest = max(len(row.function) for row in inventory.emitters)
        for emitter in inventory.emitters:
            place = f"  {_place(emitter.path, emitter.line, emitter.repository)}" if emitter.path else ""
            kind = "" if emitter.kind == "declared" else "  found, not declared"
            count = _count(emitter.emissions, "emission")
            out.append(f"  {emitter.function:<{widest}}  {count:>13}{place}{kind}".rstrip())
    if inventory.unresolvable:
        out += ["", _heading(palette, "Can't be told", f"{_count(len(inventory.unresolvable), 'emission')}")]
        shown = inventory.unresolvable if whole else inventory.unresolvable[: _SHOWN * 3]
        for row in shown:
            place = _place(row.site.path, row.site.line, row.site.repository)
            out.append(f"  {place}  {row.expression}".rstrip())
        if len(shown) < len(inventory.unresolvable):
            out.append(f"  … and {len(inventory.unresolvable) - len(shown)} more (--all)")
    if inventory.entry_points:
        points = inventory.entry_points if whole else inventory.entry_points[:_POINTS]
        out += ["", _heading(palette, "Entry points", "by which the code is entered")]
        widest = min(max(len(row.name) for row in points), max(24, width // 2))
        for point in points:
            kind = f"{point.framework} {point.kind}".strip()
            out.append(f"  {point.name:<{widest}}  {_place(point.path, point.line, point.repository)}  {kind}")
        if len(points) < len(inventory.entry_points):
            out.append(f"  … and {len(inventory.entry_points) - len(points)} more (--all)")
    silent = sum(not row.emitted for row in registered)
    emissions = sum(row.emissions for row in inventory.emitters)
    parts = [
        _count(len(registered), "registered event"),
        f"{silent} of them never emitted here",
        f"{len(unregistered)} unregistered",
        f"{_count(emissions, 'emission')} in {_count(inventory.files, 'file')}",
    ]
    if out:
        out.append("")
    return "\n".join([*out, ", ".join(parts) + "."]) + "\n"


def _heading(palette: Palette, title: str, note: str) -> str:
    return f"{palette.strong}{title}{palette.reset}  {palette.dim}{note}{palette.reset}"


def _events(rows: Sequence[EventRow], palette: Palette, width: int, whole: bool) -> Iterator[str]:
    widest = min(max(len(row.name) for row in rows), max(24, width // 2))
    for row in rows:
        facts = [word for word in (row.severity, "deprecated" if row.deprecated else "", row.owner) if word]
        note = f"  {palette.dim}{' · '.join(facts)}{palette.reset}" if facts else ""
        first = _declared(row.declared[0]) if row.declared else ""
        yield f"  {row.name:<{widest}}  {first}{note}".rstrip()
        for place in row.declared[1:]:
            yield f"  {'':<{widest}}  {_declared(place)}"
        if not row.emitted and row.declared:
            yield f"      {palette.dim}never emitted here{palette.reset}"
        shown = row.emitted if whole else row.emitted[:_SHOWN]
        for site in shown:
            yield f"      {_emitted(site)}"
        if len(shown) < len(row.emitted):
            yield f"      … and {len(row.emitted) - len(shown)} more (--all)"


def _declared(place: Declaration) -> str:
    return _place(place.path, place.line, place.repository)


def _emitted(site: Site) -> str:
    where = _place(site.path, site.line, site.repository)
    service = f" ({site.service})" if site.service else ""
    maybe = "" if site.certain else "  one of several"
    return f"← {where}  {_within(site)}{service}{maybe}".rstrip()


def _within(site: Site) -> str:
    """Return the function without its module, which the path says already."""
    stem = site.path.rpartition("/")[2].partition(".")[0]
    module = site.path.rpartition("/")[0].rpartition("/")[2] if stem == "__init__" else stem
    before, found, after = site.symbol.partition(f"{module}.")
    return (
        after if found and (not before or before.endswith(".")) else "" if site.symbol.endswith(module) else site.symbol
    )


def _place(path: str, line: int, repository: str) -> str:
    return f"{repository}:{path}:{line}" if repository else f"{path}:{line}"


def _names(number: int) -> str:
    return "1 name that leaves" if number == 1 else f"{number} names that leave"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
