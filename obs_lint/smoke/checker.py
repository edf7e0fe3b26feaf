"""One pass over the records of a run: every check sees each record once, and answers at the end."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from obs_lint.diagnostic import Diagnostic, Position, Severity, Span, TrailStep
from obs_lint.smoke.causes import arranged
from obs_lint.smoke.checks.check import Check, End
from obs_lint.smoke.checks.compensation import CompensationCheck
from obs_lint.smoke.checks.correlation import CorrelationCheck
from obs_lint.smoke.checks.decisions import DecisionCheck
from obs_lint.smoke.checks.envelope import EnvelopeCheck
from obs_lint.smoke.checks.evidence import EvidenceCheck
from obs_lint.smoke.checks.http import HttpCheck
from obs_lint.smoke.checks.lifecycle import LifecycleCheck
from obs_lint.smoke.checks.logs import LogCheck
from obs_lint.smoke.checks.privacy import PrivacyCheck
from obs_lint.smoke.checks.retry import RetryCheck
from obs_lint.smoke.checks.trace import TraceCheck
from obs_lint.smoke.findings import Answer, Finding, Verdict
from obs_lint.smoke.ledger import Ledger
from obs_lint.smoke.options import Ended, Expectation, Options
from obs_lint.smoke.plan import Plan
from obs_lint.smoke.records import BROKEN, EVENT, KINDS, LOG, RESPONSE, SPAN, TEXT, Record
from obs_lint.smoke.validators import engine

_SWEEP = 8192
"""Records between two looks at what is finished."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a run has shown."""

    findings: tuple[Finding, ...]
    """Root causes first, each with its consequences below it; the same records give the same order."""
    verdicts: Mapping[str, Verdict]
    """Code → verdict, for every code OBS801-OBS891."""
    counts: Mapping[str, int]
    """Records by kind, and `records` in all."""
    evictions: Mapping[str, int] = field(default_factory=dict)
    """Window → entries that were forgotten before the end, beyond what the window holds; empty where nothing was."""
    events: Mapping[str, int] = field(default_factory=dict)
    """Registered events that were seen → how often."""
    notes: tuple[str, ...] = ()
    """What a reader should know, one sentence each."""
    unlisted: Mapping[str, int] = field(default_factory=dict)
    """Code → findings beyond those that are kept; they fail the run too."""

    def everything(self) -> tuple[Finding, ...]:
        """Every finding, consequences included, each cause before what follows from it."""
        return tuple(each for root in self.findings for each in _all(root))

    @property
    def answer(self) -> Answer:
        """FAIL where anything failed, else INCONCLUSIVE where anything is or nothing passed, else PASS."""
        answers = {verdict.answer for verdict in self.verdicts.values()}
        for answer in (Answer.FAIL, Answer.INCONCLUSIVE, Answer.PASS):
            if answer in answers:
                return answer
        return Answer.INCONCLUSIVE

    def without(self, known: Collection[str]) -> Result:
        """Return the result without the findings of these fingerprints; a code of which nothing else is left passes.

        What is inconclusive stays: that something was known does not tell what there was to see.
        """
        findings = tuple(each for root in self.findings for each in _left(root, known))
        left = [finding for root in findings for finding in _all(root)]
        certain = {finding.code for finding in left if not finding.inconclusive} | self.unlisted.keys()
        verdicts = dict(self.verdicts)
        for code in {finding.code for finding in self.everything()} - certain:
            verdict = verdicts[code]
            if verdict.answer is not Answer.FAIL:
                continue
            if verdict.reason or any(finding.code == code for finding in left):
                reason = verdict.reason or "the evidence is incomplete, or it is still in flight"
                verdicts[code] = replace(verdict, answer=Answer.INCONCLUSIVE, reason=reason)
            else:
                verdicts[code] = replace(verdict, answer=Answer.PASS, reason="the baseline knows all that was found")
        return replace(self, findings=findings, verdicts=verdicts)

    def diagnostics(self, severities: Mapping[str, Severity] | None = None) -> tuple[Diagnostic, ...]:
        """The findings as Diagnostics, in the order of `everything`; inconclusive ones are at most warnings.

        `severities`: code → severity, where the configuration says so; default: as the rules have it.
        """
        return tuple(_diagnostics(self.findings, severities or {}))

    def exit_code(self, fail_on: Severity = Severity.ERROR, severities: Mapping[str, Severity] | None = None) -> int:
        """0 clean, 1 failed at or above `fail_on`, 3 inconclusive."""
        rules = _rules()
        for finding in self.everything():
            severity = (severities or {}).get(finding.code, Severity(rules[finding.code]["severity"]))
            if not finding.inconclusive and severity.at_least(fail_on):
                return 1
        for code in self.unlisted:
            if (severities or {}).get(code, Severity(rules[code]["severity"])).at_least(fail_on):
                return 1
        answers = {verdict.answer for verdict in self.verdicts.values()}
        conclusive = Answer.INCONCLUSIVE not in answers and answers & {Answer.PASS, Answer.FAIL}
        return 0 if conclusive else 3


class Checker:
    """All checks over one run: `take` each record in the order of its arrival, then `finish`, once.

    Records of several sources should come in the order of their times, as far as that can be had: windows are counted
    in records. Not for several threads at once.
    """

    def __init__(self, plan: Plan, options: Options | None = None) -> None:
        """`plan`: what the registries say, `Plan.of(registries)`. Raises ValueError for a canary that is too short."""
        self.plan = plan
        self.options = options or Options()
        self._ledger = ledger = Ledger(self.options.ignore)
        arguments = (plan, self.options, ledger)
        self._evidence = EvidenceCheck(*arguments)
        self._envelope = EnvelopeCheck(*arguments)
        self._http = HttpCheck(*arguments)
        self._correlation = CorrelationCheck(*arguments)
        self._lifecycle = LifecycleCheck(*arguments)
        self._retry = RetryCheck(*arguments, self._lifecycle, self._correlation)
        self._compensation = CompensationCheck(*arguments)
        self._trace = TraceCheck(*arguments)
        self._privacy = PrivacyCheck(*arguments)
        self._logs = LogCheck(*arguments)
        self._decisions = DecisionCheck(*arguments)
        # Retries excuse second parents, so they are judged first.
        self._checks: tuple[Check, ...] = (
            self._evidence, self._envelope, self._http, self._retry, self._correlation, self._lifecycle,
            self._compensation, self._trace, self._privacy, self._logs, self._decisions,
        )  # fmt: skip
        self._counts = dict.fromkeys(KINDS, 0)
        self._taken = 0
        self._sweep = self._next_sweep = min(_SWEEP, max(self.options.grace, 64))
        self._latest = 0
        self._expectations: list[Expectation] = []
        self._events = plan.events
        self._sources = self._evidence.sources
        self._finished = False

    def take(self, record: Record) -> None:
        """Look at one record."""
        kind = record.kind
        self._counts[kind] += 1
        self._sources[record.source] += 1
        if record.time > self._latest:
            self._latest = record.time
        if kind == EVENT:
            known = self._events.get(record.name)
            self._evidence.event(record, known)
            self._envelope.event(record, known)
            self._correlation.event(record, known)
            if known is not None and known.roles:
                self._lifecycle.event(record, known)
                self._retry.event(record, known)
                self._compensation.event(record, known)
                self._trace.event(record, known)
            self._privacy.event(record, known)
            self._decisions.event(record, known)
        elif kind == LOG:
            self._correlation.log(record)
            self._privacy.log(record)
            self._logs.log(record)
        elif kind == SPAN:
            self._correlation.span(record)
            self._trace.span(record)
            self._privacy.span(record)
        elif kind == TEXT:
            self._privacy.text(record)
            self._logs.text(record)
        elif kind == RESPONSE:
            self._http.response(record)
        elif kind == BROKEN:
            self._evidence.broken(record)
            self._privacy.broken(record)
        self._taken += 1
        if self._taken >= self._next_sweep:
            self._next_sweep += self._sweep
            self._lifecycle.sweep(self._taken)
            self._retry.sweep(self._taken)
            self._trace.sweep(self._taken)

    def take_many(self, records: Iterable[Record]) -> None:
        """Look at records, in their order."""
        take = self.take
        for record in records:
            take(record)

    def declare(self, test: str, ids: Iterable[str]) -> None:
        """Say that these ids are of the requests of a test (OBS836); a step counts as one.

        Ids of requests only: a job's id may well occur in two of them, where one asks what became of it.
        """
        for value in ids:
            if value:
                self._correlation.owners[value] = test

    def expect(self, expectation: Expectation) -> None:
        """Say what a step must have led to; judged by `finish`."""
        self._expectations.append(expectation)

    def finish(self, ended: Ended | None = None) -> Result:
        """Judge what is still open, and answer. Raises RuntimeError the second time."""
        if self._finished:
            raise RuntimeError("the checker has finished")
        self._finished = True
        ended = ended or Ended()
        lossy = self._evidence.lossy(ended)
        flows = self._correlation.flows(self._expectations) if self._expectations else ()
        end = End(ended, ended.at or self._latest, lossy, flows)
        for check in self._checks:
            check.finish(end)
        ledger = self._ledger
        evictions = {name: number for check in self._checks for name, number in check.evictions().items() if number}
        hops = [hop.label for hop in self.plan.chain if hop.parent]
        return Result(
            findings=arranged(ledger.findings(), hops),
            verdicts=ledger.verdicts(),
            counts={"records": self._taken, **self._counts},
            evictions=evictions,
            events=dict(sorted(self._evidence.events.items())),
            notes=tuple(self._notes(evictions)),
            unlisted=dict(sorted(ledger.overflow.items())),
        )

    def _notes(self, evictions: Mapping[str, int]) -> Iterator[str]:
        if engine() == "jsonschema" and any(event.schema is not None for event in self.plan.events.values()):
            yield "payloads were validated with jsonschema: jsonschema-rs, of `obs-lint[smoke]`, is faster"
        for name, number in evictions.items():
            yield f"{number} {name} had to be forgotten before the end"
        for code, number in sorted(self._ledger.overflow.items()):
            yield f"{code}: {number} more findings are not shown"


def _all(finding: Finding) -> Iterator[Finding]:
    yield finding
    for consequence in finding.consequences:
        yield from _all(consequence)


def _left(finding: Finding, known: Collection[str]) -> Iterator[Finding]:
    """The finding without known consequences; where it is known itself, what is left of those."""
    consequences = tuple(each for one in finding.consequences for each in _left(one, known))
    if not finding.inconclusive and finding.fingerprint in known:
        yield from consequences
    else:
        yield replace(finding, consequences=consequences)


def _rules() -> Mapping[str, Mapping[str, str]]:
    from obs_lint.catalogue.shipped import documents

    return {
        rule["code"]: {"slug": rule["slug"], "severity": rule.get("severity", "error"), "help": rule.get("help", "")}
        for _, rule in documents()
        if rule["check"] == "smoke"
    }


def _diagnostics(findings: Iterable[Finding], severities: Mapping[str, Severity]) -> Iterator[Diagnostic]:
    rules = _rules()
    for root in findings:
        yield from _diagnostic(root, None, rules, severities)


def _diagnostic(
    finding: Finding,
    cause: Finding | None,
    rules: Mapping[str, Mapping[str, str]],
    severities: Mapping[str, Severity],
) -> Iterator[Diagnostic]:
    rule = rules[finding.code]
    severity = severities.get(finding.code, Severity(rule["severity"]))
    message = finding.message
    if finding.inconclusive:
        severity = max(severity, Severity.WARNING, key=lambda one: one.rank)
        message = f"inconclusive: {message}"
    if finding.count > 1:
        message = f"{message} ({finding.count} times)"
    start = Position(max(finding.line, 1), 1)
    trail = [TrailStep(seen.source, Position(max(seen.line, 1), 1), seen.message) for seen in finding.trail]
    if cause is not None:
        trail.append(
            TrailStep(
                cause.source or "-", Position(max(cause.line, 1), 1), f"follows from {cause.code}: {cause.message}"
            )
        )
    yield Diagnostic(
        code=finding.code,
        slug=rule["slug"],
        severity=severity,
        message=message,
        path=finding.source or finding.producer or "-",
        span=Span(start, start),
        target=finding.target,
        help=rule["help"].strip(),
        trail=tuple(trail),
        fingerprint=finding.fingerprint,
    )
    for consequence in finding.consequences:
        yield from _diagnostic(consequence, finding, rules, severities)
