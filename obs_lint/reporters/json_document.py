r"""The json format: one object, versioned, the same bytes for the same input.

Its shape is `schemas/report.schema.json`. Each diagnostic and each error stands on a line of its own. The text is
ASCII, so that no stream's encoding can spoil it. Lone surrogates stand for the bytes of a file name that is not UTF-8,
and many JSON parsers refuse them: they are written as the six characters of their escape: caf<0xE9>.py is
`caf\udce9.py`.
"""

from __future__ import annotations

from json.encoder import JSONEncoder
from typing import Any

from obs_lint import __version__
from obs_lint.diagnostic import Diagnostic, Position
from obs_lint.report import Failure, Report, SmokeAnswers
from obs_lint.reporters.context import Context

SCHEMA_VERSION = 1
"""Raised when a key changes its meaning or goes away; new keys do not raise it."""

_encode = JSONEncoder(ensure_ascii=True).encode


def render(report: Report, context: Context) -> str:
    """Return the whole Report as one JSON object."""
    summary = {
        "files": report.summary.files,
        "diagnostics": len(report.diagnostics),
        "suppressed": report.summary.suppressed,
        "baselined": report.summary.baselined,
        **({} if report.summary.gone is None else {"gone": report.summary.gone}),
    }
    inactive = [{"code": rule.code, "needs": rule.needs} for rule in report.inactive]
    diagnostics = [dumps(diagnostic_object(diagnostic, report, context)) for diagnostic in report.diagnostics]
    errors = [dumps(failure_object(failure)) for failure in report.failures]
    smoke = "" if report.smoke is None else f',\n "smoke": {dumps(smoke_object(report.smoke))}'
    tool = {"name": "obs-lint", "version": __version__}
    return (
        f'{{"version": {SCHEMA_VERSION}, "tool": {dumps(tool)},\n'
        f' "diagnostics": {_array(diagnostics)},\n'
        f' "errors": {_array(errors)},\n'
        f' "inactive": {_array([dumps(entry) for entry in inactive])},\n'
        f' "summary": {dumps(summary)}{smoke}}}\n'
    )


def dumps(value: Any) -> str:
    """Return JSON on one line, in ASCII, that every parser accepts."""
    text = _encode(value)
    return _without_lone_surrogates(text) if "\\ud" in text else text


def diagnostic_object(diagnostic: Diagnostic, report: Report, context: Context) -> dict[str, Any]:
    """One entry of `diagnostics`."""
    cell, fix, span = diagnostic.cell, diagnostic.fix, diagnostic.span
    rule = report.rules.get(diagnostic.code)
    return {
        "code": diagnostic.code,
        "slug": diagnostic.slug,
        "severity": diagnostic.severity.value,
        "message": diagnostic.message,
        "path": diagnostic.path,
        "start": _position(span.start, cell),
        "end": _position(span.end, cell),
        "symbol": diagnostic.symbol,
        "trail": [_step(step, context) for step in diagnostic.trail],
        "fix": {"applicability": fix.applicability.value, "title": fix.title} if fix else None,
        "fingerprint": diagnostic.fingerprint,
        "url": rule[1] if rule else None,
    }


def smoke_object(answers: SmokeAnswers) -> dict[str, Any]:
    """The value of `smoke`."""
    return {
        "answer": answers.answer,
        "exit_code": answers.exit_code,
        "checks": {
            code: {"answer": one.answer, "looked_at": one.looked_at, **({"reason": one.reason} if one.reason else {})}
            for code, one in sorted(answers.checks.items())
        },
        "records": dict(answers.records),
        "events": dict(sorted(answers.events.items())),
        "forgotten": dict(sorted(answers.forgotten.items())),
    }


def failure_object(failure: Failure) -> dict[str, Any]:
    """One entry of `errors`."""
    return {
        "code": failure.code,
        "path": failure.path,
        "message": failure.message,
        "start": _position(Position(failure.line, failure.column), failure.cell),
    }


def _step(step: Any, context: Context) -> dict[str, Any]:
    cell, position = (step.cell, step.position) if step.cell else context.in_cell(step.path, step.position)
    return {"path": step.path, **_position(position, cell), "message": step.message}


def _position(position: Position, cell: int | None) -> dict[str, int]:
    if cell is None:
        return {"line": position.line, "column": position.column}
    return {"line": position.line, "column": position.column, "cell": cell}


def _array(entries: list[str]) -> str:
    return "[\n  " + ",\n  ".join(entries) + "]" if entries else "[]"


def _without_lone_surrogates(text: str) -> str:
    import re

    escape = re.compile(r"\\u(d[89ab]..\\ud[c-f]..|d[89a-f]..)|\\[^u]|\\u[^d]")
    return escape.sub(lambda found: f"\\\\u{found[1]}" if found[1] and len(found[1]) == 4 else found[0], text)
