"""The grouped format: findings under the name of their file, in columns."""

from __future__ import annotations

from itertools import groupby

from obs_lint.diagnostic import Diagnostic
from obs_lint.report import Report
from obs_lint.reporters.concise import failure_line
from obs_lint.reporters.context import Context
from obs_lint.reporters.summary import closing_lines, inactive_line
from obs_lint.reporters.text import one_line, plural, visible


def render(report: Report, context: Context) -> str:
    """Return a block a file: place, severity, code, `[*]` where a fix is safe, message; then failures, summary."""
    palette = context.palette
    out: list[str] = []
    where_width = max((len(_where(diagnostic)) for diagnostic in report.diagnostics), default=0)
    severity_width = max((len(diagnostic.severity) for diagnostic in report.diagnostics), default=0)
    code_width = max((len(diagnostic.code) for diagnostic in report.diagnostics), default=0)
    for path, group in groupby(report.diagnostics, key=lambda diagnostic: diagnostic.path):
        found = list(group)
        out.append(f"{palette.strong}{visible(path)}{palette.reset}: {plural(len(found), 'finding')}")
        for diagnostic in found:
            severity = diagnostic.severity
            safe = diagnostic.fix is not None and diagnostic.fix.applicability == "safe"
            out.append(
                f"  {_where(diagnostic):>{where_width}}"
                f"  {palette.severity(severity)}{severity.value:{severity_width}}{palette.reset}"
                f"  {diagnostic.code:{code_width}}"
                f"  {f'{palette.info}[*]{palette.reset} ' if safe else ''}{one_line(diagnostic.message)}"
            )
        out.append("")
    if report.failures:
        out.append(f"{palette.error}Could not be done{palette.reset}:")
        out += [f"  {failure_line(failure, context)}" for failure in report.failures]
        out.append("")
    if not context.quiet:
        out += [line for line in [inactive_line(report, context), *closing_lines(report, context)] if line]
    return "".join(f"{line}\n" for line in out)


def _where(diagnostic: Diagnostic) -> str:
    start = diagnostic.span.start
    cell = f"cell {diagnostic.cell}:" if diagnostic.cell is not None else ""
    return f"{cell}{start.line}:{start.column}"
