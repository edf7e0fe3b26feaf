"""Takes what a baseline knows out of a Report, and adds OBS903 for entries that nothing answers to any more."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from obs_lint.baseline.comparison import Comparison, compare
from obs_lint.baseline.document import BaselineError, Entry, read, write
from obs_lint.catalogue import Catalogue
from obs_lint.config.model import Config
from obs_lint.diagnostic import Diagnostic, Position, Severity, Span
from obs_lint.fingerprints import fingerprinted
from obs_lint.report import Failure, Report

DEFAULT_NAME = ".obs-lint-baseline.json"
CODE = "OBS903"


def apply_baseline(report: Report, file: str, catalogue: Catalogue, covers: Callable[[str], bool]) -> Report:
    """Return the Report without what the baseline in `file` knows; the Report itself where there is no such file.

    `file` is relative to the project's root, or absolute; `covers` says of a path whether this run looked at it. A
    baseline that can't be read makes the run fail (exit code 2): nothing is taken for known then.
    """
    root = os.fspath(catalogue.config.root)
    shown = file.replace(os.sep, "/")
    try:
        entries = read(os.path.join(root, file))
    except BaselineError as error:
        failure = Failure("baseline", shown, f"this baseline can't be used: {error}", error.line)
        return replace(report, failures=(*report.failures, failure))
    if entries is None:
        return report
    compared = compare(report.diagnostics, entries, lambda path: os.path.lexists(os.path.join(root, path)))
    stale = _reported(stale_entries(compared, report.judged, covers), shown, catalogue)
    left = sorted((*compared.new, *stale), key=lambda d: d.sort_key)
    codes = {d.code for d in (*left, *report.diagnostics)}
    rules = {code: entry for code, entry in report.rules.items() if code in codes}
    if stale:
        rule = catalogue.rules[CODE]
        rules[CODE] = (rule.why, rule.url)
    summary = report.summary._replace(baselined=len(compared.known))
    known = tuple(diagnostic for diagnostic, _ in compared.known)
    return replace(report, diagnostics=tuple(left), known=known, rules=dict(sorted(rules.items())), summary=summary)


def stale_entries(compared: Comparison, judged: Iterable[str], covers: Callable[[str], bool]) -> tuple[Entry, ...]:
    """Return the entries that this run would have answered to, were they still true.

    Those of rules that did not run, and of files that were not looked at, may be true as they are.
    """
    ran = frozenset(judged)
    return tuple(entry for entry in compared.gone if entry.code in ran and covers(entry.path))


def prune(report: Report, config: Config) -> Report:
    """Take the entries that OBS903 reports out of the baseline's file, and those Diagnostics out of the Report."""
    stale = {d.target for d in report.diagnostics if d.code == CODE}
    if not stale:
        return report
    file = os.path.join(os.fspath(config.root), config.baseline)
    try:
        write(file, [entry for entry in read(file) or () if entry.fingerprint not in stale])
    except BaselineError as error:
        failure = Failure("baseline", config.baseline.replace(os.sep, "/"), f"this baseline can't be pruned: {error}")
        return replace(report, failures=(*report.failures, failure))
    left = tuple(d for d in report.diagnostics if d.code != CODE)
    rules = {code: entry for code, entry in report.rules.items() if code != CODE}
    summary = report.summary._replace(fixed=report.summary.fixed + len(report.diagnostics) - len(left))
    return replace(report, diagnostics=left, rules=rules, summary=summary)


def _reported(entries: Sequence[Entry], file: str, catalogue: Catalogue) -> list[Diagnostic]:
    rule = catalogue.rules[CODE]
    if not entries or rule.code not in {chosen.code for chosen in catalogue.selected()}:
        return []
    severity = rule.severity
    if os.environ.get("CI", "").lower() not in ("", "0", "false") and severity is catalogue.unset[CODE].severity:
        severity = Severity.ERROR
    found = [
        Diagnostic(
            code=rule.code,
            slug=rule.slug,
            severity=severity,
            message=rule.message.format(code=entry.code, path=entry.path),
            path=file,
            span=Span(Position(entry.line or 1, 1), Position(entry.line or 1, len(entry.fingerprint) + 3)),
            target=entry.fingerprint,
            help=rule.help,
        )
        for entry in entries
    ]
    return [d for d in fingerprinted(found) if not catalogue.per_file_ignored(rule, d.path)]
