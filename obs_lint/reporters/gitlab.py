"""The gitlab format: a code quality report, one file a job.

Source: docs.gitlab.com "Code Quality", "Code Quality report format".
"""

from __future__ import annotations

from typing import Any

from obs_lint.diagnostic import Diagnostic, Severity
from obs_lint.digests import blake2b
from obs_lint.report import Failure, Report
from obs_lint.reporters.context import Context, place
from obs_lint.reporters.json_document import dumps
from obs_lint.reporters.text import visible

_SEVERITIES = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.INFO: "info"}


def render(report: Report, context: Context) -> str:
    """Return an array with one object a Diagnostic, and one a failure, which is a blocker."""
    entries = [_of_failure(failure, context) for failure in report.failures]
    entries += [_of_diagnostic(diagnostic, context) for diagnostic in report.diagnostics]
    seen: dict[str, int] = {}
    for entry in entries:
        mark = entry["fingerprint"]
        seen[mark] = number = seen.get(mark, 0) + 1
        if number > 1:  # GitLab shows one of those that share a fingerprint
            entry["fingerprint"] = f"{mark}-{number}"
    return "[" + ",\n ".join(dumps(entry) for entry in entries) + "]\n"


def _of_diagnostic(diagnostic: Diagnostic, context: Context) -> dict[str, Any]:
    start, end = diagnostic.span
    message = diagnostic.message
    first = max(start.line, 1)
    lines = {"begin": first, "end": max(first, end.line)}
    if diagnostic.cell is not None:
        message = f"{place(diagnostic.path, start.line, start.column, diagnostic.cell)}: {message}"
        lines = {"begin": 1, "end": 1}
    return {
        "description": f"{diagnostic.code}: {_text(message)}",
        "check_name": f"{diagnostic.code} {diagnostic.slug}",
        "fingerprint": diagnostic.fingerprint,
        "severity": _SEVERITIES[diagnostic.severity],
        "location": {"path": context.prefix + diagnostic.path, "lines": lines},
    }


def _of_failure(failure: Failure, context: Context) -> dict[str, Any]:
    line = max(failure.line, 1) if failure.cell is None else 1
    text = f"{failure.code}\0{failure.path}\0{failure.message}"
    return {
        "description": f"{failure.code}: {_text(failure.message)}",
        "check_name": failure.code,
        "fingerprint": blake2b(text.encode("utf-8", "surrogatepass"), digest_size=10).hexdigest(),
        "severity": "blocker",
        "location": {"path": context.prefix + (failure.path or "."), "lines": {"begin": line, "end": line}},
    }


def _text(text: str) -> str:
    return " ".join(visible(line) for line in text.strip().splitlines())
