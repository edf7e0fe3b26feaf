"""The concise format: one line a finding, `path:line:col: CODE message`, for editors, grep and people in a hurry."""

from __future__ import annotations

from collections.abc import Iterator

from obs_lint.report import Failure, Report
from obs_lint.reporters.context import Context, place
from obs_lint.reporters.summary import closing_lines, failure_place, inactive_line
from obs_lint.reporters.text import one_line, visible


def render(report: Report, context: Context) -> str:
    """Return one line a diagnostic, one a failure, and the summary.

    In a notebook: `path:cell N:line:col: CODE message`. A failure that belongs to no file: `obs-lint: CODE message`.
    """
    out = list(finding_lines(report, context))
    if not context.quiet:
        out += [line for line in [inactive_line(report, context), *closing_lines(report, context)] if line]
    return "".join(f"{line}\n" for line in out)


def finding_lines(report: Report, context: Context) -> Iterator[str]:
    """Yield the lines of diagnostics and failures alone."""
    palette = context.palette
    reset = palette.reset
    for diagnostic in report.diagnostics:
        start = diagnostic.span.start
        where = place(diagnostic.path, start.line, start.column, diagnostic.cell)
        mark = palette.severity(diagnostic.severity) if reset else ""
        yield f"{where}: {mark}{diagnostic.code}{reset} {one_line(diagnostic.message)}"
    for failure in report.failures:
        yield failure_line(failure, context)


def failure_line(failure: Failure, context: Context) -> str:
    """`path:line:col: OBS900 message`."""
    palette = context.palette
    where = failure_place(failure) or "obs-lint"
    return f"{where}: {palette.error}{visible(failure.code)}{palette.reset} {one_line(failure.message)}"
