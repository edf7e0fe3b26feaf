"""The full format: every finding with its source, its trail and what to do; every rule's reason once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from obs_lint.diagnostic import Diagnostic, Position, Severity, Span, TrailStep
from obs_lint.report import Failure, Report
from obs_lint.reporters.context import PROSE_WIDTH, Context, place
from obs_lint.reporters.excerpt import excerpt
from obs_lint.reporters.summary import advice, closing_lines, failure_place, inactive_block
from obs_lint.reporters.text import display_width, one_line, pad, plural, shorten, visible, wrap

_TRAIL_HEAD, _TRAIL_TAIL = 5, 3
"""Steps of a long trail that are shown at either end."""


def render(report: Report, context: Context) -> str:
    """Return the findings in order, then the failures, why the rules exist, what is inactive, and the summary."""
    out: list[str] = []
    helped: set[tuple[str, str]] = set()
    for diagnostic in report.diagnostics:
        fresh = (diagnostic.code, diagnostic.help) not in helped
        helped.add((diagnostic.code, diagnostic.help))
        out += _finding(diagnostic, context, with_help=fresh and bool(diagnostic.help.strip()))
        out.append("")
    advised: set[str] = set()
    for failure in report.failures:
        out += _failure(failure, context, with_advice=failure.code not in advised)
        out.append("")
        advised.add(failure.code)
    if not context.quiet:
        for block in (_reasons(report, context), inactive_block(report, context)):
            if block:
                out += [*block, ""]
        out += closing_lines(report, context)
    elif out:
        out.pop()
    return "".join(f"{line}\n" for line in out)


def _finding(diagnostic: Diagnostic, context: Context, *, with_help: bool) -> list[str]:
    palette = context.palette
    start = diagnostic.span.start
    notes: list[list[str]] = []
    if diagnostic.trail:
        notes.append(_trail(diagnostic.trail, context))
    if with_help:
        notes.append(_note("help", diagnostic.help, context))
    if diagnostic.fix:
        option = "--fix" if diagnostic.fix.applicability == "safe" else "--fix --unsafe-fixes"
        notes.append(_note("fix", f"{diagnostic.fix.title} ({diagnostic.fix.applicability}: `{option}`)", context))
    return [
        _header(diagnostic.severity, diagnostic.code, diagnostic.slug, diagnostic.message, context),
        *_body(
            place(diagnostic.path, start.line, start.column, diagnostic.cell),
            context.lines(diagnostic.path, diagnostic.cell),
            diagnostic.span,
            palette.severity(diagnostic.severity),
            notes,
            context,
        ),
    ]


def _failure(failure: Failure, context: Context, *, with_advice: bool) -> list[str]:
    notes = [_note("help", advice(failure), context)] if with_advice and advice(failure) else []
    slug = {"OBS900": "unparsable-file"}.get(failure.code, "")
    start = Position(failure.line, failure.column)
    shows_source = failure.path and failure.code == "OBS900"
    return [
        _header(Severity.ERROR, failure.code, slug, failure.message, context),
        *_body(
            failure_place(failure),
            context.lines(failure.path, failure.cell) if shows_source else None,
            Span(start, start),
            context.palette.error,
            notes,
            context,
        ),
    ]


def _header(severity: Severity, code: str, slug: str, message: str, context: Context) -> str:
    palette = context.palette
    mark = palette.severity(severity)
    name = f" {palette.strong}{visible(slug)}{palette.reset}" if slug else ""
    return f"{mark}{severity.value}[{visible(code)}]{palette.reset}{name}: {one_line(message)}"


def _body(
    where: str,
    lines: Sequence[str] | None,
    span: Span,
    mark: str,
    notes: list[list[str]],
    context: Context,
) -> list[str]:
    palette = context.palette
    gutter, source = 0, list[str]()
    if lines is not None:
        gutter, source = excerpt(lines, span, width=context.width, mark=mark, palette=palette, symbols=context.symbols)
    indent = " " * max(gutter, 1)
    out = [f"{indent}{palette.frame}-->{palette.reset} {where}"] if where else []
    out += source
    if notes:
        if source:
            out.append(f"{indent} {palette.frame}|{palette.reset}")
        for note in notes:
            out.append(f"{indent} {palette.frame}={palette.reset} {note[0]}")
            out += [f"{indent}   {line}" for line in note[1:]]
    return out


def _note(label: str, text: str, context: Context) -> list[str]:
    palette = context.palette
    lines = wrap(visible(" ".join(text.split())), min(context.width, PROSE_WIDTH) - 6 - len(label))
    rest = [" " * (len(label) + 2) + line for line in lines[1:]]
    return [f"{palette.info}{label}{palette.reset}: {lines[0] if lines else ''}", *rest]


def _trail(trail: tuple[TrailStep, ...], context: Context) -> list[str]:
    """Number the steps, with the source line of each where it fits beside them."""
    palette, symbols = context.palette, context.symbols
    steps = list(enumerate(trail, 1))
    hidden = len(steps) - _TRAIL_HEAD - _TRAIL_TAIL
    rows = []
    for number, step in steps if hidden < 2 else steps[:_TRAIL_HEAD] + steps[-_TRAIL_TAIL:]:
        cell, position = (step.cell, step.position) if step.cell else context.in_cell(step.path, step.position)
        where = place(step.path, position.line, position.column, cell)
        rows.append((number, where, one_line(step.message), _line(step, context)))
    where_width = max(display_width(row[1]) for row in rows)
    message_width = max(display_width(row[2]) for row in rows)
    room = context.width - 18 - where_width - message_width
    out = []
    for number, where, message, source in rows:
        if hidden >= 2 and number == len(steps) - _TRAIL_TAIL + 1:
            out.append(f"       {symbols.ellipsis} {plural(hidden, 'more step')} {symbols.ellipsis}")
        beside = (
            f"  {palette.dim}{shorten(source, room, symbols.ellipsis)}{palette.reset}" if source and room > 15 else ""
        )
        label = f"{palette.info}trail{palette.reset}: " if not out else "       "
        line = f"{label}{number}. {pad(where, where_width)}  {pad(message, message_width)}{beside}"
        out.append(line.rstrip())
    return out


def _line(step: TrailStep, context: Context) -> str:
    lines = context.lines(step.path, step.cell)
    number = step.position.line
    return visible(lines[number - 1].strip()) if lines and 1 <= number <= len(lines) else ""


def _reasons(report: Report, context: Context) -> list[str]:
    """Why each rule that found something exists, where to read on, and how to let one finding stand."""
    palette = context.palette
    width = min(context.width, PROSE_WIDTH)
    out: list[str] = []
    found = Counter(diagnostic.code for diagnostic in report.diagnostics)
    slugs = {diagnostic.code: diagnostic.slug for diagnostic in report.diagnostics}
    for code, number in sorted(found.items()):
        why, url = report.rules.get(code, ("", ""))
        out.append(f"{palette.strong}{code} {visible(slugs[code])}{palette.reset} ({plural(number, 'finding')})")
        out += wrap(visible(" ".join(why.strip().split("\n\n")[0].split())), width, "  ", "  ")
        more = f"`obs-lint rule {code}`" + (f" or {url}" if url else "")
        out += [f"  {palette.dim}More: {more}{palette.reset}", ""]
    example = next((d.code for d in report.diagnostics if d.path.endswith((".py", ".pyi", ".ipynb"))), None)
    if example:
        out.append(f"To let one finding stand, say why on its line:  # obs: ignore[{example}] reason")
    elif out:
        out.pop()
    return out
