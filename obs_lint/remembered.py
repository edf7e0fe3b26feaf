"""The shortest way to an answer: nothing has changed since the last run, so its Report still holds."""

from __future__ import annotations

import os
import time
from typing import Any

from obs_lint.catalogue import Catalogue
from obs_lint.config.model import Config
from obs_lint.diagnostic import Applicability, Diagnostic, Edit, Fix, Position, Severity, Span, TrailStep
from obs_lint.digests import blake2b
from obs_lint.facts.cache import Cache
from obs_lint.report import Failure, Inactive, Inference, Report, Summary

_RACY_NS = 50_000_000


def key(config: Config, catalogue: Catalogue, files: str, question: Any) -> str:
    """A digest over all that a Report depends on: configuration, rules, question, and the files as
    `Survey.signature` says.
    """
    digest = blake2b(digest_size=16)
    for part in (config, sorted(catalogue.rules.items()), question, files):
        digest.update(repr(part).encode("utf-8", "surrogatepass"))
    for name in ("pyproject.toml", "setup.cfg", "requirements.txt"):
        try:
            status = os.stat(os.path.join(str(config.root), name))
            digest.update(f"{name}{status.st_size}{status.st_mtime_ns}".encode())
        except OSError:
            continue
    return digest.hexdigest()


def recall(cache: Cache, name: str, newest: int) -> Report | None:
    """Return the Report kept under a key; None without one, or where the `newest` file is too close to when it was
    made.
    """
    stored = cache.load("run-" + name[:16])
    if not isinstance(stored, tuple) or len(stored) != 4 or stored[0] != name or newest >= stored[1] - _RACY_NS:
        return None
    if any(_state(path) != known or known[1] >= stored[1] - _RACY_NS for path, *known in stored[2]):
        return None
    return _report(stored[3])


def keep(cache: Cache, name: str, report: Report, started_ns: int) -> None:
    """Keep a Report whose run began at `started_ns` (`time.time_ns()`)."""
    inputs = [(path, *_state(path)) for path in report.inputs]
    cache.save("run-" + name[:16], (name, min(started_ns, time.time_ns()), inputs, _plain(report)))
    cache.keep_newest("run-", 12)


def _state(path: str) -> list[int]:
    """Size and time of a file or folder, [-1, -1] where there is none."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return [-1, -1]
    return [status.st_size, status.st_mtime_ns]


def _span(span: Span) -> tuple[int, int, int, int]:
    return (span.start.line, span.start.column, span.end.line, span.end.column)


def _unspan(raw: tuple[int, int, int, int]) -> Span:
    return Span(Position(raw[0], raw[1]), Position(raw[2], raw[3]))


def plain_diagnostic(d: Diagnostic) -> tuple[Any, ...]:
    """Return a Diagnostic as plain values."""
    return (
        d.code, d.slug, d.severity.value, d.message, d.path, _span(d.span), d.symbol, d.target, d.help,
        tuple((t.path, t.position.line, t.position.column, t.message, t.cell) for t in d.trail),
        None if d.fix is None else (
            d.fix.title, d.fix.applicability.value, tuple((e.path, _span(e.span), e.text) for e in d.fix.edits)
        ),
        d.cell, d.lines, d.fingerprint,
    )  # fmt: skip


def read_diagnostic(raw: tuple[Any, ...]) -> Diagnostic:
    """Return what `plain_diagnostic` was given."""
    code, slug, severity, message, path, span, symbol, target, advice, trail, fix, cell, lines, fingerprint = raw
    return Diagnostic(
        code, slug, Severity(severity), message, path, _unspan(span), symbol, target, advice,
        tuple(TrailStep(p, Position(line, column), m, c) for p, line, column, m, c in trail),
        None if fix is None else Fix(
            fix[0], Applicability(fix[1]), tuple(Edit(p, _unspan(s), text) for p, s, text in fix[2])
        ),
        cell, lines, fingerprint,
    )  # fmt: skip


def _plain(report: Report) -> tuple[Any, ...]:
    diagnostics = [plain_diagnostic(d) for d in report.diagnostics]
    failures = [(f.code, f.path, f.message, f.line, f.column, f.cell) for f in report.failures]
    inactive = [(i.code, i.needs, i.finds) for i in report.inactive]
    summary = report.summary
    inference = report.inference
    return (
        diagnostics,
        failures,
        inactive,
        report.warnings,
        (summary.files, summary.suppressed, summary.baselined),
        None if inference is None else tuple(getattr(inference, name) for name in Inference.__slots__),
        dict(report.rules),
        report.fail_on.value,
        report.judged,
        dict(report.summaries),
    )


def _report(raw: tuple[Any, ...]) -> Report:
    diagnostics, failures, inactive, warnings, summary, inference, rules, fail_on, judged, summaries = raw
    return Report(
        diagnostics=tuple(map(read_diagnostic, diagnostics)),
        failures=tuple(Failure(*failure) for failure in failures),
        inactive=tuple(Inactive(*item) for item in inactive),
        warnings=tuple(warnings),
        summary=Summary(*summary),
        inference=None if inference is None else Inference(*inference),
        rules=rules,
        fail_on=Severity(fail_on),
        judged=tuple(judged),
        summaries=summaries,
    )
