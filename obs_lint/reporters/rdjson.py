"""The rdjson format: what reviewdog reads (Reviewdog Diagnostic Format). Columns count UTF-8 bytes there.

Source: github.com/reviewdog/reviewdog, proto/rdf/reviewdog.proto.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from obs_lint.diagnostic import Diagnostic, Position, Severity, Span
from obs_lint.report import Failure, Report
from obs_lint.reporters.context import Context, place
from obs_lint.reporters.json_document import dumps
from obs_lint.reporters.text import visible

_SEVERITIES = {Severity.ERROR: "ERROR", Severity.WARNING: "WARNING", Severity.INFO: "INFO"}


def render(report: Report, context: Context) -> str:
    """Return one DiagnosticResult."""
    entries = [_of_failure(failure, context) for failure in report.failures]
    entries += [_of_diagnostic(diagnostic, report, context) for diagnostic in report.diagnostics]
    source = dumps({"name": "obs-lint", "url": "https://obs-lint.readthedocs.io/"})
    return f'{{"source": {source},\n "diagnostics": [' + ",\n  ".join(dumps(entry) for entry in entries) + "]}\n"


def _of_diagnostic(diagnostic: Diagnostic, report: Report, context: Context) -> dict[str, Any]:
    message = _text(diagnostic.message)
    path = context.prefix + diagnostic.path
    location: dict[str, Any] = {"path": path}
    lines = context.sources(diagnostic.path)
    if diagnostic.cell is None:
        location["range"] = _range(diagnostic.span, lines)
    else:
        start = diagnostic.span.start
        message = f"{place(diagnostic.path, start.line, start.column, diagnostic.cell)}: {message}"
    if diagnostic.help:
        message += f"\n{_text(diagnostic.help)}"
    code: dict[str, Any] = {"value": diagnostic.code}
    if rule := report.rules.get(diagnostic.code):
        code["url"] = rule[1]
    entry: dict[str, Any] = {
        "message": message,
        "location": location,
        "severity": _SEVERITIES[diagnostic.severity],
        "code": code,
    }
    if diagnostic.fix is not None and diagnostic.cell is None:
        suggestions = [
            {"range": _range(edit.span, lines), "text": edit.text}
            for edit in diagnostic.fix.edits
            if edit.path == diagnostic.path
        ]
        # A fix in several places or files is one change: reviewdog would offer each part by itself.
        if len(suggestions) == len(diagnostic.fix.edits) == 1:
            entry["suggestions"] = suggestions
    if diagnostic.trail:
        related = []
        for step in diagnostic.trail:
            cell, position = (step.cell, step.position) if step.cell else context.in_cell(step.path, step.position)
            at: dict[str, Any] = {"path": context.prefix + step.path}
            if cell is None:
                at["range"] = _range(Span(position, position), context.sources(step.path))
            related.append({"message": _text(step.message), "location": at})
        entry["related_locations"] = related
    return entry


def _of_failure(failure: Failure, context: Context) -> dict[str, Any]:
    location: dict[str, Any] = {"path": context.prefix + (failure.path or ".")}
    if failure.path and failure.cell is None:
        at = Position(max(failure.line, 1), max(failure.column, 1))
        location["range"] = _range(Span(at, at), context.sources(failure.path))
    return {
        "message": _text(failure.message),
        "location": location,
        "severity": "ERROR",
        "code": {"value": failure.code},
    }


def _range(span: Span, lines: Sequence[str] | None) -> dict[str, Any]:
    return {"start": _position(span.start, lines), "end": _position(max(span.start, span.end), lines)}


def _position(position: Position, lines: Sequence[str] | None) -> dict[str, int]:
    """Line and column in UTF-8 bytes; where the line can't be read, the column is left out rather than wrong."""
    if lines is None or not 1 <= position.line <= len(lines):
        return {"line": position.line} if position.column > 1 else {"line": position.line, "column": 1}
    before = lines[position.line - 1][: position.column - 1]
    return {"line": position.line, "column": len(before.encode("utf-8", "surrogatepass")) + 1}


def _text(text: str) -> str:
    return "\n".join(visible(line) for line in text.strip().splitlines())
