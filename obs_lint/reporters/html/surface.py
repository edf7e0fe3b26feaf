"""The surface as a picture: which packages import what past it, as SVG and as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

from obs_lint.diagnostic import Diagnostic
from obs_lint.report import Report
from obs_lint.reporters.html.markup import query, text
from obs_lint.reporters.html.packages import grouped, module_of
from obs_lint.reporters.supplement import Supplement
from obs_lint.reporters.text import plural, visible

PAST = ("OBS102", "OBS103", "OBS104")
"""Rules whose findings are imports past the surface: direct, handed on, dynamic."""
_PACKAGES = 12
_LIBRARIES = 10
_REST = "others"
_THICK = 8
"""Imports from which on a way is as thick as any."""


class Way(NamedTuple):
    """What one package imports of one library, past the surface."""

    package: str
    library: str
    new: int
    known: int


@dataclass(frozen=True, slots=True)
class Picture:
    """What the picture shows."""

    ways: tuple[Way, ...]
    surface: tuple[str, ...]
    through: int | None
    reaches: Mapping[str, int]
    unjudged: tuple[str, ...]
    """Codes of PAST that did not run: what they would find is missing."""


def picture(report: Report, supplement: Supplement) -> Picture | None:
    """Return the picture of a Report; None where nothing in it is about a surface."""
    past = [(diagnostic, False) for diagnostic in report.diagnostics if diagnostic.code in PAST]
    past += [(diagnostic, True) for diagnostic in report.known if diagnostic.code in PAST]
    if not past and not supplement.surface:
        return None
    weights = Counter(module_of(diagnostic.path) for diagnostic, _ in past)
    packages = grouped(weights, _PACKAGES)
    libraries = _libraries(diagnostic for diagnostic, _ in past)
    tally: dict[tuple[str, str], list[int]] = {}
    for diagnostic, known in past:
        key = (packages[module_of(diagnostic.path)] or _REST, libraries[_library(diagnostic)])
        tally.setdefault(key, [0, 0])[known] += 1
    ways = tuple(Way(*key, *counts) for key, counts in sorted(tally.items()))
    unjudged = tuple(code for code in PAST if report.judged and code not in report.judged)
    return Picture(ways, supplement.surface, supplement.through, supplement.reaches, unjudged)


def _library(diagnostic: Diagnostic) -> str:
    return (diagnostic.target or "?").partition(".")[0]


def _libraries(past: Iterable[Diagnostic]) -> dict[str, str]:
    """Library → what it is shown as; the rarest share one name where there are many."""
    tally = Counter(_library(diagnostic) for diagnostic in past)
    ordered = sorted(tally, key=lambda name: (-tally[name], name))
    kept = ordered if len(ordered) <= _LIBRARIES else ordered[: _LIBRARIES - 1]
    return {name: name if name in kept else _REST for name in ordered}


def drawn(shown: Picture, width: int) -> str:
    """Return the picture as one SVG, `width` units wide: the way through the surface above, those past it below."""
    compact = width < 500
    column = 118 if compact else 250
    left, right = column, width - (column if not compact else 96)
    fits = 16 if compact else 30
    size = 11 if compact else 13
    row = 44
    packages = _ordered(shown.ways, 0)
    libraries = _ordered(shown.ways, 1)
    gate = 60 if shown.surface else 0
    top = gate + 52 if shown.surface else 16
    height = top + row * max(len(packages), len(libraries)) + 6 if shown.ways else gate + 8
    at_left = _spread(packages, top, height, row)
    at_right = _spread(libraries, top, height, row)
    middle = (left + right) / 2
    out = []
    out.append(
        f'<svg class="map {"small" if compact else "wide"}" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(description(shown))}" font-size="{size}">'
    )
    if shown.surface:
        out += _gate(shown, left, right, width, gate, compact, fits)
        if shown.ways:
            out.append(f'<path class="wall" d="M{middle} {gate + 8}V{height - 4}"/>')
    heaviest = max(_THICK, *(way.new + way.known for way in shown.ways)) if shown.ways else _THICK
    for way in sorted(shown.ways, key=lambda way: -(way.new + way.known)):
        count = way.new + way.known
        thick = 1.5 + 8.5 * (count / heaviest) ** 0.5
        y1, y2 = at_left[way.package], at_right[way.library]
        bend = (right - left) * 0.45
        kind = "past" if way.new else "past known"
        out.append(
            f'<path class="{kind}" stroke-width="{thick:.1f}" '
            f'd="M{left + 9} {y1}C{left + 9 + bend:.0f} {y1} {right - 9 - bend:.0f} {y2} {right - 9} {y2}">'
            f"<title>{text(way.package)} → {text(way.library)}: {plural(count, 'import')}</title></path>"
        )
    for name, y in at_left.items():
        count = sum(way.new + way.known for way in shown.ways if way.package == name)
        out.append(_node(name, count, left, y, "end", fits))
    for name, y in at_right.items():
        count = sum(way.new + way.known for way in shown.ways if way.library == name)
        out.append(_node(name, count, right, y, "start", 13 if compact else fits))
    out.append("</svg>")
    return "".join(out)


def _ordered(ways: Sequence[Way], field: int) -> list[str]:
    tally: Counter[str] = Counter()
    for way in ways:
        tally[way.package if field == 0 else way.library] += way.new + way.known
    return sorted(tally, key=lambda name: (name == _REST, -tally[name], name))


def _spread(names: Sequence[str], top: int, height: int, row: int) -> dict[str, float]:
    """Middle of each name's row, all of them centred."""
    start = top + (height - 6 - top - row * len(names)) / 2
    return {name: start + row * index + row / 2 for index, name in enumerate(names)}


def _node(name: str, count: int, x: float, y: float, anchor: str, fits: int) -> str:
    away = -8 if anchor == "end" else 8
    shown = escape(_short(name, fits, end=anchor == "start"))
    return (
        f'<g><rect class="bar" x="{x - 2}" y="{y - 13}" width="4" height="26" rx="2"/>'
        f'<text x="{x + away}" y="{y - 1}" text-anchor="{anchor}" class="name">{shown}'
        f"<title>{text(name)}</title></text>"
        f'<text x="{x + away}" y="{y + 13}" text-anchor="{anchor}" class="count">{plural(count, "import")}</text></g>'
    )


def _gate(shown: Picture, left: int, right: int, width: int, gate: int, compact: bool, fits: int) -> list[str]:
    """The surface in the upper row: who goes through it on its left, the libraries behind it on its right."""
    middle = (left + right) / 2
    half = (right - left) / 2 - (10 if compact else 70)
    y = gate / 2 + 4
    name = shown.surface[0] + (f" +{len(shown.surface) - 1}" if len(shown.surface) > 1 else "")
    room = int(half * 2 / (6.9 if compact else 8.2))
    out = [f'<rect class="gate" x="{middle - half:.0f}" y="{y - 22}" width="{half * 2:.0f}" height="44" rx="10"/>']
    out.append(
        f'<text class="name gatename" x="{middle}" y="{y - 2}" text-anchor="middle">{escape(_short(name, room))}</text>'
    )
    out.append(f'<text class="count" x="{middle}" y="{y + 13}" text-anchor="middle">the surface</text>')
    if shown.through is not None:
        out.append(f'<path class="through" d="M{left + 2} {y}H{middle - half - 2:.0f}"/>')
        out.append(f'<text class="name" x="{left - 8}" y="{y - 1}" text-anchor="end">{shown.through}</text>')
        words = "module" if shown.through == 1 else "modules"
        out.append(f'<text class="count" x="{left - 8}" y="{y + 13}" text-anchor="end">{words} through it</text>')
    if shown.reaches:
        libraries = sorted(shown.reaches, key=lambda name: (-shown.reaches[name], name))
        shown_names = ", ".join(libraries)
        out.append(f'<path class="through" d="M{middle + half + 2:.0f} {y}H{right - 2}"/>')
        room = 13 if compact else fits
        out.append(
            f'<text class="name" x="{right + 8}" y="{y - 1}">{escape(_short(shown_names, room, end=True))}'
            f"<title>{text(shown_names)}</title></text>"
        )
        out.append(f'<text class="count" x="{right + 8}" y="{y + 13}">behind it</text>')
    return out


def _short(name: str, fits: int, *, end: bool = False) -> str:
    """Cut a dotted name at its start, since its end says most; at its `end` where it is a list."""
    name = visible(name)
    if len(name) <= fits:
        return name
    return name[: fits - 1] + "…" if end else "…" + name[len(name) - fits + 1 :]


def description(shown: Picture) -> str:
    """Say in a sentence or two what the picture shows."""
    parts = []
    if shown.surface:
        verb = "imports" if shown.through == 1 else "import"
        through = "" if shown.through is None else f"; {plural(shown.through, 'module')} {verb} it"
        parts.append(f"The surface is {', '.join(visible(name) for name in shown.surface)}{through}.")
    else:
        parts.append("There is no surface.")
    imports = sum(way.new + way.known for way in shown.ways)
    if shown.ways:
        packages = len({way.package for way in shown.ways})
        libraries = len({way.library for way in shown.ways})
        parts.append(
            f"{plural(imports, 'import')} of {plural(libraries, 'telemetry library', 'telemetry libraries')} "
            f"from {plural(packages, 'package')} {'goes' if imports == 1 else 'go'} past it."
        )
    else:
        parts.append("No import past it was found.")
    return " ".join(parts)


def table(shown: Picture) -> str:
    """Return the same as a table."""
    if not shown.ways:
        return ""
    known = any(way.known for way in shown.ways)
    head = "<th scope=col>Package<th scope=col>imports<th scope=col class=num>times"
    head += "<th scope=col class=num>of them known" if known else ""
    rows = []
    for way in sorted(shown.ways, key=lambda way: (-(way.new + way.known), way.package, way.library)):
        more = f"<td class=num>{way.known}" if known else ""
        name = f"<code>{text(way.package)}</code>"
        if way.package != _REST:
            name = f'<span data-go="{query(module=way.package)}">{name}</span>'
        rows.append(f"<tr><td>{name}<td><code>{text(way.library)}</code><td class=num>{way.new + way.known}{more}")
    return f"<table><caption>Imports past the surface</caption><thead><tr>{head}<tbody>{''.join(rows)}</table>"
