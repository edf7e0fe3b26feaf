"""The json-lines format: one object a line, diagnostics first, told apart by their `kind`."""

from __future__ import annotations

from obs_lint.report import Report
from obs_lint.reporters.context import Context
from obs_lint.reporters.json_document import diagnostic_object, dumps, failure_object


def render(report: Report, context: Context) -> str:
    """Return `{"kind": "diagnostic", …}` lines, then `{"kind": "error", …}` lines; keys as in the json format."""
    lines = [
        dumps({"kind": "diagnostic", **diagnostic_object(diagnostic, report, context)})
        for diagnostic in report.diagnostics
    ]
    lines += [dumps({"kind": "error", **failure_object(failure)}) for failure in report.failures]
    return "".join(f"{line}\n" for line in lines)
