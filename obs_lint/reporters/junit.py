"""The junit format: a test suite a file, a failed test case a Diagnostic, an error a failure.

Source: the JUnit XML that Jenkins' xUnit plugin reads (junit-10.xsd), which other CI systems read too.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from obs_lint.diagnostic import Diagnostic
from obs_lint.report import Failure, Report
from obs_lint.reporters.context import Context, place
from obs_lint.reporters.text import visible


def render(report: Report, context: Context) -> str:
    """Return `testsuites`; a run that found nothing has one test case that passed, and never an empty file."""
    suites: list[str] = []
    if report.failures:
        suites.append(_suite("obs-lint", [_of_failure(failure, context) for failure in report.failures], errors=True))
    for path, found in groupby(report.diagnostics, key=lambda diagnostic: diagnostic.path):
        suites.append(_suite(context.prefix + path, [_of_diagnostic(d, context) for d in found]))
    if not suites:
        suites.append(_suite("obs-lint", ['<testcase name="check" classname="obs-lint" time="0" />'], passed=True))
    tests = len(report.diagnostics) + len(report.failures) or 1
    head = f'tests="{tests}" failures="{len(report.diagnostics)}" errors="{len(report.failures)}" time="0"'
    lines = ['<?xml version="1.0" encoding="utf-8"?>', f'<testsuites name="obs-lint" {head}>', *suites, "</testsuites>"]
    return "\n".join(lines) + "\n"


def _suite(name: str, cases: Iterable[str], *, errors: bool = False, passed: bool = False) -> str:
    cases = list(cases)
    count = len(cases)
    failed, broken = (0, count) if errors else ((0, 0) if passed else (count, 0))
    head = f'name="{_escaped(name)}" tests="{count}" failures="{failed}" errors="{broken}" skipped="0" time="0"'
    return "\n".join([f" <testsuite {head}>", *(f"  {case}" for case in cases), " </testsuite>"])


def _of_diagnostic(diagnostic: Diagnostic, context: Context) -> str:
    start = diagnostic.span.start
    path = context.prefix + diagnostic.path
    where = place(path, start.line, start.column, diagnostic.cell)
    text = f"{where}: {diagnostic.code} {diagnostic.message}"
    for step in diagnostic.trail:
        cell, position = (step.cell, step.position) if step.cell else context.in_cell(step.path, step.position)
        text += f"\n  {place(context.prefix + step.path, position.line, position.column, cell)}: {step.message}"
    if diagnostic.help:
        text += f"\n{diagnostic.help.strip()}"
    name = f"{diagnostic.code} {diagnostic.slug} {start.line}:{start.column}"
    if diagnostic.cell is not None:
        name = f"{diagnostic.code} {diagnostic.slug} cell {diagnostic.cell}:{start.line}:{start.column}"
    failure = (
        f'<failure message="{_escaped(diagnostic.message)}" type="{diagnostic.severity.value}">{_text(text)}</failure>'
    )
    return f'<testcase name="{_escaped(name)}" classname="{_escaped(path)}" time="0">{failure}</testcase>'


def _of_failure(failure: Failure, context: Context) -> str:
    path = context.prefix + failure.path
    where = place(path, failure.line, failure.column, failure.cell) if failure.path else ""
    text = f"{where}: {failure.message}" if where else failure.message
    error = f'<error message="{_escaped(failure.message)}" type="{_escaped(failure.code)}">{_text(text)}</error>'
    name = f"{failure.code} {where}".strip()
    return f'<testcase name="{_escaped(name)}" classname="{_escaped(path or "obs-lint")}" time="0">{error}</testcase>'


def _escaped(text: str) -> str:
    shown = visible(text)
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def _text(text: str) -> str:
    return "\n".join(_escaped(line) for line in text.splitlines())
