"""The sarif format: SARIF 2.1.0, as GitHub's code scanning and other viewers read it.

GitHub takes at most 25,000 results: what is beyond them is left out, mildest first, and a notification says how
many. Suppressed and baselined Diagnostics are not in it. `primaryLocationLineHash` is GitHub's own algorithm and is
left to GitHub; the fingerprint stands under `partialFingerprints`.
Source: OASIS SARIF 2.1.0; docs.github.com "SARIF support for code scanning".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from obs_lint import __version__
from obs_lint.diagnostic import Diagnostic, Edit, Position, Severity, Span
from obs_lint.report import Failure, Report
from obs_lint.reporters.context import Context, place
from obs_lint.reporters.json_document import dumps
from obs_lint.reporters.text import one_line, visible
from obs_lint.reporters.uri import uri_of

MOST = 25_000
"""Results that GitHub takes of one run."""
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_HOME = "https://obs-lint.readthedocs.io/"


def render(report: Report, context: Context) -> str:
    """Return the Report as one SARIF log with one run."""
    codes = sorted({diagnostic.code for diagnostic in report.diagnostics})
    index = {code: number for number, code in enumerate(codes)}
    kept = _kept(report.diagnostics)
    notifications = [_notification(failure, context) for failure in report.failures]
    if left_out := len(report.diagnostics) - len(kept):
        text = f"{left_out} results more than the {MOST} that GitHub takes are left out; `obs-lint check` lists all"
        notifications.append({"level": "warning", "message": {"text": text}})
    invocation: dict[str, Any] = {"executionSuccessful": not report.failures}
    if notifications:
        invocation["toolExecutionNotifications"] = notifications
    head = {
        "driver": {
            "name": "obs-lint",
            "fullName": f"obs-lint {__version__}",
            "semanticVersion": __version__,
            "informationUri": _HOME,
            "rules": [_rule(code, report) for code in codes],
        }
    }
    results = ",\n   ".join(dumps(_result(diagnostic, index, context)) for diagnostic in kept)
    return (
        '{"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0",\n'
        f' "runs": [\n  {{"tool": {dumps(head)},\n'
        f'   "invocations": [{dumps(invocation)}],\n'
        '   "columnKind": "unicodeCodePoints", "automationDetails": {"id": "obs-lint/"},\n'
        f'   "results": [{results}]}}]}}\n'
    )


def _kept(diagnostics: Sequence[Diagnostic]) -> Sequence[Diagnostic]:
    """The worst of them where there are too many, in the order that they have."""
    if len(diagnostics) <= MOST:
        return diagnostics
    numbers = sorted(range(len(diagnostics)), key=lambda number: (diagnostics[number].severity.rank, number))[:MOST]
    return [diagnostics[number] for number in sorted(numbers)]


def _rule(code: str, report: Report) -> dict[str, Any]:
    first = next(diagnostic for diagnostic in report.diagnostics if diagnostic.code == code)
    why, url = report.rules.get(code, ("", ""))
    summary = report.summaries.get(code, "") or _sentence(why) or first.slug
    help_text = first.help.strip() or summary
    rule: dict[str, Any] = {
        "id": code,
        "name": "".join(word.capitalize() for word in first.slug.split("-")),
        "shortDescription": {"text": _ended(one_line(summary))},
        "fullDescription": {"text": _ended(" ".join(why.split()) or summary)},
        "help": {"text": _ended(help_text), "markdown": f"{why.strip()}\n\n{help_text}\n" if why else help_text},
        "defaultConfiguration": {"level": _LEVELS[first.severity]},
        "properties": {"tags": ["observability"]},
    }
    if url:
        rule["helpUri"] = url
    return rule


def _sentence(text: str) -> str:
    return " ".join(text.split()).partition(". ")[0]


def _ended(text: str) -> str:
    """A text that ends as a sentence does, which viewers expect."""
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _result(diagnostic: Diagnostic, index: dict[str, int], context: Context) -> dict[str, Any]:
    message = diagnostic.message
    if diagnostic.cell is not None:
        start = diagnostic.span.start
        message = f"{place(diagnostic.path, start.line, start.column, diagnostic.cell)}: {message}"
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "ruleIndex": index[diagnostic.code],
        "level": _LEVELS[diagnostic.severity],
        "message": {"text": _ended(_text(message))},
        "locations": [_location(diagnostic.path, diagnostic.span, diagnostic.cell, context, diagnostic.symbol)],
        "partialFingerprints": {"obsLint/v1": diagnostic.fingerprint},
    }
    if diagnostic.trail:
        related = []
        for number, step in enumerate(diagnostic.trail, 1):
            cell, position = (step.cell, step.position) if step.cell else context.in_cell(step.path, step.position)
            location = _location(step.path, Span(position, position), cell, context)
            related.append({"id": number, **location, "message": {"text": _ended(_text(step.message))}})
        result["relatedLocations"] = related
    if diagnostic.fix is not None and diagnostic.fix.edits and diagnostic.cell is None:
        result["fixes"] = [_fix(diagnostic.fix.title, diagnostic.fix.edits, context)]
    return result


def _text(text: str) -> str:
    return "\n".join(visible(line) for line in text.strip().splitlines())


def _location(path: str, span: Span, cell: int | None, context: Context, symbol: str = "") -> dict[str, Any]:
    # Lines of a cell are no lines of the notebook's file: the message says where, the region is the file's beginning.
    region = _region(span) if cell is None else {"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 1}
    physical = {"artifactLocation": {"uri": uri_of(context.prefix + path)}, "region": region}
    location: dict[str, Any] = {"physicalLocation": physical}
    if symbol:
        location["logicalLocations"] = [{"fullyQualifiedName": symbol}]
    return location


def _region(span: Span) -> dict[str, int]:
    start, end = span.start, max(span.start, span.end)
    return {"startLine": start.line, "startColumn": start.column, "endLine": end.line, "endColumn": end.column}


def _fix(title: str, edits: Sequence[Edit], context: Context) -> dict[str, Any]:
    changes: dict[str, list[dict[str, Any]]] = {}
    for edit in edits:
        replacement: dict[str, Any] = {"deletedRegion": _region(edit.span)}
        if edit.text:
            replacement["insertedContent"] = {"text": edit.text}
        changes.setdefault(edit.path, []).append(replacement)
    return {
        "description": {"text": _ended(_text(title))},
        "artifactChanges": [
            {"artifactLocation": {"uri": uri_of(context.prefix + path)}, "replacements": replacements}
            for path, replacements in changes.items()
        ],
    }


def _notification(failure: Failure, context: Context) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "level": "error",
        "descriptor": {"id": failure.code},
        "message": {"text": _ended(_text(failure.message))},
    }
    if failure.path:
        at = Position(max(failure.line, 1), max(failure.column, 1))
        entry["locations"] = [_location(failure.path, Span(at, at), failure.cell, context)]
    return entry
