"""The page for a run without configuration: what was concluded, what was found, what to do next."""

from __future__ import annotations

from collections.abc import Sequence

from obs_lint.diagnostic import Diagnostic
from obs_lint.report import Inference, Report
from obs_lint.reporters.concise import failure_line
from obs_lint.reporters.context import PROSE_WIDTH, Context, place
from obs_lint.reporters.summary import closing_lines
from obs_lint.reporters.text import display_width, one_line, pad, plural, shorten, visible, wrap

MAX_LINES = 30
MAX_COLUMNS = PROSE_WIDTH
EXAMPLES = 3
"""Examples shown of each rule."""
_LABEL = 10
"""Columns of the labels at the left."""


def render(report: Report, context: Context) -> str:
    """Return the page, at most MAX_LINES lines of MAX_COLUMNS columns. Raises ValueError without `report.inference`."""
    if report.inference is None:
        raise ValueError("only a run without configuration has a first-run page")
    width = min(context.width, MAX_COLUMNS)
    head = [
        *wrap("obs-lint found no configuration here, so it looked for the observability surface by itself.", width),
        "",
        *_surface(report.inference, context, width),
    ]
    found = ["", *_failures(report, context, width), *_closing(report, context, width)]
    following = ["", *_next(report, context, width)]
    room = MAX_LINES - len(head) - len(found) - len(following)
    middle = _places_and_rules(report, report.inference, context, width, room)
    return "".join(f"{line}\n" for line in [*head, *middle[0], *found, *middle[1], *following])


def _places_and_rules(
    report: Report, inference: Inference, context: Context, width: int, room: int
) -> tuple[list[str], list[str]]:
    """Places first go side by side, then examples lose their messages, before rules are left out."""
    groups: dict[str, list[Diagnostic]] = {}
    for diagnostic in report.diagnostics:
        groups.setdefault(diagnostic.code, []).append(diagnostic)
    ranked = sorted(groups.values(), key=lambda group: (group[0].severity.rank, -len(group), group[0].code))
    apart = _configured(inference, context, width, side_by_side=False)
    beside = _configured(inference, context, width, side_by_side=True)
    for places, write in ((apart, _in_detail), (beside, _in_detail), (beside, _in_two_lines), (beside, _in_one_line)):
        blocks = [write(group, context, width) for group in ranked]
        rules = ["", *(line for block in blocks for line in block)] if blocks else []
        spare = room - len(places) - len(rules)
        if spare >= len(blocks) - 1 and write is not _in_one_line:
            return places, [line for block in blocks for line in ["", *block]]
        if spare >= 0:
            return places, rules
    kept = blocks[: room - len(beside) - 2]
    rest = ranked[len(kept) :]
    more = f"      and {plural(sum(map(len, rest)), 'finding')} of {plural(len(rest), 'more rule')}"
    return beside, ["", *(line for block in kept for line in block), more]


def _surface(inference: Inference, context: Context, width: int) -> list[str]:
    palette = context.palette
    indent = " " * _LABEL
    if inference.surface:
        name = f"{palette.good}{visible(inference.surface)}{palette.reset}"
        if inference.related:
            name += f" with {one_line(', '.join(inference.related))}"
        reasons = "; ".join(inference.reasons)
    else:
        name = f"{palette.warning}no module stands out{palette.reset}"
        near = ", ".join(
            f"{name} (imported by {plural(importers, 'module')})" for name, importers in inference.candidates[:3]
        )
        reasons = "; ".join(inference.reasons) or (f"nearest: {near}" if near else "")
    mode = {
        "central": "central: getting and using a logger is free everywhere, configuring logging is not",
        "facade": "facade: everything goes through the surface, importing `logging` elsewhere is reported",
    }.get(inference.logging, inference.logging or "not clear")
    why = wrap(one_line(reasons), width, indent, indent)
    first, *rest = wrap(mode, width, indent, indent)
    return [
        f"{_label('Surface', context)}{name}",
        *_clipped(why, 2, width, context),
        f"{_label('Logging', context)}{first.strip()}",
        *rest,
        *_free(inference, context, width),
    ]


def _free(inference: Inference, context: Context, width: int) -> list[str]:
    if not inference.free:
        return []
    used = ", ".join(f"{name} ({plural(count, 'module')})" for name, count in inference.free)
    text = f"{used}: imported directly so often that it is left free"
    first, *rest = wrap(one_line(text), width, " " * _LABEL, " " * _LABEL)
    return _clipped([f"{_label('Free', context)}{first.strip()}", *rest], 2, width, context)


def _configured(inference: Inference, context: Context, width: int, *, side_by_side: bool) -> list[str]:
    places = inference.configured_in
    indent = " " * _LABEL
    if not places:
        return []
    shown = [_short_place(visible(where), width - _LABEL - 2, context) for where in places]
    head = f"{indent}logging is configured in {plural(len(places), 'place')}:"
    if len(shown) > 5 or side_by_side:
        return [head, *_listed(shown, indent + "  ", width, 2)]
    return [head, *(f"{indent}  {where}" for where in shown)]


def _failures(report: Report, context: Context, width: int) -> list[str]:
    shown = report.failures if len(report.failures) <= EXAMPLES else report.failures[: EXAMPLES - 1]
    plain = Context(unicode=context.unicode)
    lines = [shorten(failure_line(failure, plain), width, context.symbols.ellipsis) for failure in shown]
    if len(shown) < len(report.failures):
        lines.append(f"and {plural(len(report.failures) - len(shown), 'more failure')}")
    return [*(f"{context.palette.error}{line}{context.palette.reset}" for line in lines), ""] if lines else []


def _closing(report: Report, context: Context, width: int) -> list[str]:
    plain = closing_lines(report, Context(unicode=context.unicode))
    if all(display_width(line) <= width for line in plain):
        return closing_lines(report, context)
    return [broken for line in plain for broken in wrap(line, width, "", "  ")]


def _in_detail(group: list[Diagnostic], context: Context, width: int) -> list[str]:
    """A heading, and a line an example with its message."""
    examples = _examples(group)
    places = [_short_place(_place(diagnostic), width // 2, context) for diagnostic in examples]
    place_width = max(map(display_width, places))
    room = width - place_width - 8
    lines = [_heading(group, context)]
    for where, diagnostic in zip(places, examples, strict=True):
        message = shorten(one_line(diagnostic.message), room, context.symbols.ellipsis)
        lines.append(f"      {pad(where, place_width)}  {message}")
    return lines


def _in_two_lines(group: list[Diagnostic], context: Context, width: int) -> list[str]:
    """A heading, and the places of the examples on one line."""
    places = [_short_place(_place(diagnostic), (width - 10) // EXAMPLES, context) for diagnostic in _examples(group)]
    return [_heading(group, context), *_listed(places, "      ", width, 1)]


def _in_one_line(group: list[Diagnostic], context: Context, width: int) -> list[str]:
    """The heading with as many places behind it as fit."""
    line = _heading(group, context, pad_to=26)
    length = 6 + len(group[0].code) + 1 + max(26, len(group[0].slug))
    for diagnostic in _examples(group):
        where = _place(diagnostic)
        length += 2 + display_width(where)
        if length > width:
            break
        line += f"  {context.palette.dim}{where}{context.palette.reset}"
    return [line.rstrip()]


def _heading(group: list[Diagnostic], context: Context, pad_to: int = 0) -> str:
    palette = context.palette
    first = group[0]
    mark = palette.severity(first.severity)
    number = f"{palette.strong}{len(group):>4}{palette.reset}"
    return f"{number}  {mark}{first.code}{palette.reset} {visible(first.slug):{pad_to}}"


def _examples(group: list[Diagnostic]) -> list[Diagnostic]:
    """The first finding in each of several files before a second one in any."""
    firsts: dict[str, Diagnostic] = {}
    for diagnostic in group:
        firsts.setdefault(diagnostic.path, diagnostic)
    chosen = list(firsts.values())[:EXAMPLES]
    if len(chosen) < EXAMPLES:
        chosen += [diagnostic for diagnostic in group if diagnostic not in chosen][: EXAMPLES - len(chosen)]
    return sorted(chosen, key=lambda diagnostic: diagnostic.sort_key)


def _next(report: Report, context: Context, width: int) -> list[str]:
    palette = context.palette
    rows = [("obs-lint init", "writes this down as configuration, for you to correct")]
    if report.diagnostics:
        rows.append(("obs-lint check --output-format full", "every finding, with its source and the reasons"))
    command_width = max(len(command) for command, _ in rows)
    lines = []
    for index, (command, what) in enumerate(rows):
        label = _label("Next" if index == 0 else "", context)
        room = width - _LABEL - command_width - 2
        beside = shorten(what, room, context.symbols.ellipsis) if room >= 24 else ""
        lines.append(f"{label}{palette.strong}{command:{command_width}}{palette.reset}  {beside}".rstrip())
    return lines


def _label(text: str, context: Context) -> str:
    return f"{context.palette.info}{text}{context.palette.reset}{' ' * (_LABEL - len(text))}" if text else " " * _LABEL


def _place(diagnostic: Diagnostic) -> str:
    start = diagnostic.span.start
    return place(diagnostic.path, start.line, start.column, diagnostic.cell)


def _short_place(where: str, width: int, context: Context) -> str:
    """Cut a place at its left: the file's name and the line matter most."""
    if display_width(where) <= width:
        return where
    return context.symbols.ellipsis + shorten(where[::-1], width - len(context.symbols.ellipsis), "")[::-1]


def _listed(items: Sequence[str], indent: str, width: int, most: int) -> list[str]:
    """Items side by side, in at most `most` lines; the rest as a number."""
    lines: list[str] = []
    line, shown = indent, 0
    for item in items:
        wider = line + ("  " if line != indent else "") + item
        last = len(lines) == most - 1
        spare = 11 if last and shown + 1 < len(items) else 0
        if line != indent and display_width(wider) + spare > width:
            if last:
                break
            lines.append(line)
            line = indent + item
        else:
            line = wider
        shown += 1
    rest = len(items) - shown
    return [*lines, line + (f"  +{rest} more" if rest else "")]


def _clipped(lines: list[str], most: int, width: int, context: Context) -> list[str]:
    if len(lines) <= most:
        return lines
    ellipsis = context.symbols.ellipsis
    return [*lines[: most - 1], shorten(lines[most - 1], width - len(ellipsis), "") + ellipsis]
