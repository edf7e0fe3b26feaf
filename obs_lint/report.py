"""A Report is everything one run has to say; its exit code follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from obs_lint.diagnostic import Diagnostic, Severity


class ExitCode(IntEnum):
    """What a script can rely on. Where several apply: 2, then 1, then 3."""

    CLEAN = 0
    FOUND = 1
    ERROR = 2
    INCONCLUSIVE = 3


class Failure(NamedTuple):
    """Something that kept a part of the run from being done; it always ends in exit code 2."""

    code: str
    """`OBS900` for a file that could not be read or parsed, `internal` for a check that crashed, `config`, `path`,
    `registry` for an event registry that can't be used, `baseline` for a baseline."""
    path: str
    message: str
    line: int = 1
    column: int = 1
    cell: int | None = None


class Inactive(NamedTuple):
    """A selected rule that could not run, and the configuration key that switches it on."""

    code: str
    needs: str
    finds: str
    """What it would find: the rule's summary."""


class Summary(NamedTuple):
    """Counts of one run."""

    files: int = 0
    suppressed: int = 0
    baselined: int = 0
    fixed: int = 0
    """Diagnostics that `--fix` removed; they are not among those of the Report."""
    gone: int | None = None
    """Diagnostics that were there at the revision of `--new-since` and are no longer; None without one."""


@dataclass(frozen=True, slots=True)
class Inference:
    """What was concluded in a run without configuration."""

    surface: str | None
    """Dotted name of the module that looks like the surface, None where none is clear."""
    reasons: tuple[str, ...] = ()
    candidates: tuple[tuple[str, int], ...] = ()
    """Module and the number of modules that import it, best first."""
    logging: str = "central"
    configured_in: tuple[str, ...] = ()
    """`path:line` of every place that configures logging or tracing."""
    related: tuple[str, ...] = ()
    """Telemetry modules that belong to the surface: it imports them, or they it."""
    free: tuple[tuple[str, int], ...] = ()
    """Telemetry libraries that are in general use, with the number of modules that import them: left free, as init
    writes down."""


class CheckAnswer(NamedTuple):
    """What one check of a running system answers."""

    answer: str
    """pass | fail | not applicable | inconclusive."""
    reason: str = ""
    """Why it is not applicable or inconclusive."""
    looked_at: int = 0
    """Records, flows or spans that the answer rests on."""


@dataclass(frozen=True, slots=True)
class SmokeAnswers:
    """What a smoke run answers beside its findings: no finding is no pass, where there was nothing to look at."""

    answer: str
    """Of the whole: pass | fail | inconclusive."""
    checks: Mapping[str, CheckAnswer]
    """Code → answer, of every check."""
    records: Mapping[str, int]
    """Kind of record (event, log, span, …) → how many were looked at."""
    events: Mapping[str, int] = field(default_factory=dict)
    """Event → how often it was seen."""
    forgotten: Mapping[str, int] = field(default_factory=dict)
    """Window → entries that were forgotten before they were judged."""
    exit_code: int = 0
    """0 clean, 1 failed, 3 inconclusive."""


@dataclass(frozen=True, slots=True)
class Report:
    """The result of one run, ready for a reporter."""

    diagnostics: tuple[Diagnostic, ...]
    """Sorted by `Diagnostic.sort_key`."""
    failures: tuple[Failure, ...] = ()
    inactive: tuple[Inactive, ...] = ()
    warnings: tuple[str, ...] = ()
    """For stderr: things that changed nothing in the result, such as a cache that can't be written."""
    summary: Summary = field(default_factory=Summary)
    inference: Inference | None = None
    """Set only where no configuration was found."""
    rules: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Code → (why, url) of every rule that has a diagnostic, new or known."""
    summaries: Mapping[str, str] = field(default_factory=dict)
    """Code → what the rule is about in one sentence, of every rule that has a diagnostic."""
    fail_on: Severity = Severity.ERROR
    inputs: tuple[str, ...] = ()
    """Files and folders outside the sources that the result depends on, absolute: those of the registries."""
    known: tuple[Diagnostic, ...] = ()
    """Diagnostics that the baseline lists, or that were there at the revision of `--new-since`; they are not among
    `diagnostics`."""
    judged: tuple[str, ...] = ()
    """Codes of the rules that ran."""
    smoke: SmokeAnswers | None = None
    """Set only for the report of a smoke run; its exit code is the run's."""

    @property
    def exit_code(self) -> ExitCode:
        """2 where anything failed, 1 where a diagnostic is at or above `fail_on`, else 0."""
        if self.failures:
            return ExitCode.ERROR
        if any(d.severity.at_least(self.fail_on) for d in self.diagnostics):
            return ExitCode.FOUND
        return ExitCode.CLEAN
