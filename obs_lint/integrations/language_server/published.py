"""Diagnostics as the protocol has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lsprotocol import types

from obs_lint.diagnostic import Diagnostic, Position, Severity, Span
from obs_lint.integrations.language_server.linted import Explanation, FileResult
from obs_lint.integrations.language_server.text import Text
from obs_lint.report import Failure

SOURCE = "obs-lint"

_SEVERITIES = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.INFO: types.DiagnosticSeverity.Information,
}
_TAGS = {
    "deprecated-event": types.DiagnosticTag.Deprecated,
    "unused-suppression": types.DiagnosticTag.Unnecessary,
    "stale-pattern": types.DiagnosticTag.Unnecessary,
}
"""By slug."""

Locate = Callable[[str], tuple[str, Text]]
"""From a path as a Diagnostic has it to the file's URI and text."""


def of_file(result: FileResult, explanations: Mapping[str, Explanation], locate: Locate) -> list[types.Diagnostic]:
    """Return what is to be shown in one file, failures first."""
    shown = [of_failure(failure, result.text) for failure in result.failures]
    return shown + [of_diagnostic(d, result.text, explanations, locate) for d in result.diagnostics]


def of_diagnostic(
    found: Diagnostic, text: Text, explanations: Mapping[str, Explanation], locate: Locate
) -> types.Diagnostic:
    """Return one Diagnostic for a client."""
    known = explanations.get(found.code)
    tag = _TAGS.get(found.slug)
    related = []
    for step in found.trail:
        uri, there = locate(step.path)
        place = there.position(step.position)
        related.append(types.DiagnosticRelatedInformation(types.Location(uri, types.Range(place, place)), step.message))
    return types.Diagnostic(
        range=text.range(found.span),
        message=found.message,
        severity=_SEVERITIES[found.severity],
        code=found.code,
        code_description=types.CodeDescription(known.url) if known is not None else None,
        source=SOURCE,
        tags=[tag] if tag is not None else None,
        related_information=related or None,
        data={"fingerprint": found.fingerprint} if found.fingerprint else None,
    )


def of_failure(failure: Failure, text: Text) -> types.Diagnostic:
    """Return what kept a file, or the project, from being linted; it covers the rest of its line."""
    line = max(failure.line, 1)
    start = Position(line, max(failure.column, 1))
    end = Position(line, max(len(text.line(line)), start.column) + 1)
    return types.Diagnostic(
        range=text.range(Span(start, end)),
        message=failure.message,
        severity=types.DiagnosticSeverity.Error,
        code=failure.code,
        source=SOURCE,
    )
