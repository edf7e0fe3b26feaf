"""OBS841-843: a retry keeps request and job, has a run of its own, counts up by one, follows what may be retried."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from itertools import pairwise
from typing import Final, NamedTuple

from obs_lint.smoke.checks.check import Check, End
from obs_lint.smoke.checks.correlation import CorrelationCheck
from obs_lint.smoke.checks.lifecycle import LifecycleCheck
from obs_lint.smoke.findings import Seen
from obs_lint.smoke.ledger import Ledger, Occurrence
from obs_lint.smoke.options import Options
from obs_lint.smoke.plan import EventPlan, LifecyclePlan, Plan, within
from obs_lint.smoke.records import Record
from obs_lint.smoke.windows import Window

Line = tuple[int, str, str, str]
"""Lifecycle, value of the retry's key, service, kind of job: attempts of one line count up. A job passes through
several services, and each begins at its first attempt (004 Issue 6.5)."""

_MAX_ATTEMPTS: Final = 64
"""Attempts of one line that are kept."""


class _Attempt(NamedTuple):
    number: int
    """0 where the event does not tell."""
    run: str
    root: str
    """The request, empty where the event does not tell."""
    time: int
    source: str
    line: int
    service: str
    name: str
    continued: bool = False
    """True where attempts before it were judged and forgotten."""

    def occurrence(self, plan: LifecyclePlan, key: str, root: str) -> Occurrence:
        ids = {plan.retry_key: key, plan.key: self.run}
        if self.root:
            ids[root] = self.root
        made = Occurrence(Record("event", self.name, self.time, ids, source=self.source, line=self.line))
        made.service = self.service
        return made


class _Tried:
    """The attempts of one line, where there are several."""

    __slots__ = ("attempts", "outcomes", "touched")

    def __init__(self, first: _Attempt) -> None:
        self.attempts = [first]
        self.outcomes: dict[str, str] = {}
        """Run → the terminal event that it ended with."""
        self.touched = 0


class RetryCheck(Check):
    """Attempts at the same thing."""

    codes = ("OBS841", "OBS842", "OBS843")

    def __init__(
        self,
        plan: Plan,
        options: Options,
        ledger: Ledger,
        lifecycles: LifecycleCheck,
        correlation: CorrelationCheck,
    ) -> None:
        super().__init__(plan, options, ledger)
        self._lifecycles = lifecycles
        self._correlation = correlation
        self._root = plan.root
        self._single: Window[Line, _Attempt] = Window(max(options.window // 2, 1))
        self._several: dict[Line, _Tried] = {}
        self._runs: dict[tuple[int, str], _Tried] = {}
        """Lifecycle and run → its line, for lines with several attempts."""
        self._ordinal = 0
        self._retried = 0
        self._forgotten = 0

    def event(self, record: Record, known: EventPlan | None) -> None:
        """Runs after the lifecycles, which know by then how earlier attempts ended."""
        if known is None:
            return
        for plan, role in known.roles:
            if not plan.retry_key:
                continue
            if role == "start":
                self._start(plan, record)
            elif role == "terminal" and self._runs:
                run = record.ids.get(plan.key, "")
                tried = self._runs.get((plan.index, run))
                if tried is not None:
                    tried.outcomes[run] = record.name

    def _start(self, plan: LifecyclePlan, record: Record) -> None:
        self._ordinal += 1
        ids = record.ids
        key, run = ids.get(plan.retry_key), ids.get(plan.key)
        if key is None or run is None:
            return
        payload = record.payload
        kind = payload.get("job_type") or payload.get(f"{plan.name}_type") or ""
        line = (plan.index, key, record.service, kind if kind.__class__ is str else "")
        number = within(payload, plan.retry_attempt) if plan.retry_attempt else 0
        root = ids.get(self._root, "") if self._root != plan.retry_key else ""
        attempt = _Attempt(
            number if number.__class__ is int else 0, run, root, record.time, record.source, record.line,
            record.service, record.name,
        )  # fmt: skip
        tried = self._several.get(line)
        if tried is None:
            before = self._single.get(line)
            if before is None:
                self._single[line] = attempt
                if attempt.number > 1:
                    tried = self._several[line] = _Tried(attempt)
                    tried.touched = self._ordinal
                return
            if before.time == attempt.time and before.run == run and before.source != record.source:
                return  # the same event from a second capture
            tried = self._several[line] = _Tried(before)
        elif any(a.time == attempt.time and a.run == run and a.source != record.source for a in tried.attempts):
            return
        tried.touched = self._ordinal
        last = tried.attempts[-1]
        for one in (last, attempt):
            instance = self._lifecycles.instances.get((plan.index, "", one.run))
            tried.outcomes.setdefault(one.run, "" if instance is None else instance.end_name)
            self._runs[plan.index, one.run] = tried
        if plan.retry_key == plan.key:
            # The instance holds one end at a time: what the attempt before ended with is judged now.
            instance = self._lifecycles.instances.get((plan.index, "", run))
            if instance is not None and instance.end_name and instance.end_name not in plan.retry_after:
                self._report_after(plan, key, attempt, last, instance.end_name)
        if len(tried.attempts) < _MAX_ATTEMPTS:
            tried.attempts.append(attempt)

    def sweep(self, ordinal: int) -> None:
        """See `Check.sweep`."""
        if len(self._several) < min(4096, self.options.in_flight):
            return
        # Starts are a part of all records only: their own number keeps a line longer than the grace asks for.
        limit = self._ordinal - max(self.options.grace // 8, 1)
        for line, tried in list(self._several.items()):
            if tried.touched < limit:
                self._close(line, tried, None)
        excess = len(self._several) - self.options.in_flight
        for line, tried in list(self._several.items())[: max(excess, 0)]:
            self._forgotten += 1
            self._close(line, tried, None)

    def _close(self, line: Line, tried: _Tried, end: End | None) -> None:
        """Judge the attempts of a line; before the end of the run, forget all but the last."""
        plan = self.plan.lifecycles[line[0]]
        attempts = tried.attempts
        # Arrival keeps the order of a source; times put several sources in order.
        ordered = sorted(attempts, key=lambda attempt: attempt.time) if all(a.time for a in attempts) else attempts
        self._retried += max(len(ordered) - 1, 1)
        if ordered[0].number > 1 and not ordered[0].continued:
            self._without_first(plan, line, ordered[0], lossy=end is not None and end.lossy)
        for before, after in pairwise(ordered):
            self._judge(plan, line, before, after, tried.outcomes)
        if end is None:
            del self._several[line]
            for run in tried.outcomes:
                self._runs.pop((plan.index, run), None)
            self._single[line] = ordered[-1]._replace(continued=True)

    def finish(self, end: End) -> None:
        """See `Check.finish`."""
        for line, tried in self._several.items():
            self._close(line, tried, end)
        looked = self.ledger.looked
        declared = any(one.retry_key for one in self.plan.lifecycles)
        for code in self.codes:
            looked[code] += self._retried
            self.ledger.absent(code, "no retry was seen" if declared else "no lifecycle declares retries")
        if self._forgotten:
            for code in self.codes:
                self.ledger.undecided(code, f"{self._forgotten} retries had to be forgotten")

    def _judge(
        self, plan: LifecyclePlan, line: Line, before: _Attempt, after: _Attempt, outcomes: Mapping[str, str]
    ) -> None:
        key = line[1]
        seen = after.occurrence(plan, key, self._root)
        trail = (Seen(before.source, before.line, "the attempt before it"),)
        about = f"{plan.retry_key} {key}"
        if plan.retry_key != plan.key:
            if before.run == after.run:
                what = f"reuses {plan.key} {after.run}"
                self.ledger.report("OBS842", seen, field=plan.key, trail=trail, what=what, about=about)
                return
            outcome = outcomes.get(before.run, "")
            if outcome and outcome not in plan.retry_after:
                self._report_after(plan, key, after, before, outcome)
                return
        if before.root and after.root and before.root != after.root:
            self._correlation.excused.add((plan.retry_key, key))
            what = f"{self._root} {before.root} became {after.root}"
            self.ledger.report("OBS841", seen, field=self._root, trail=trail, what=what, about=about)
        if before.number and after.number and after.number != before.number + 1:
            what = f"attempt is {after.number} after {before.number}"
            self.ledger.report("OBS842", seen, field="attempt", trail=trail, what=what, about=about)

    def _report_after(self, plan: LifecyclePlan, key: str, after: _Attempt, before: _Attempt, outcome: str) -> None:
        self.ledger.report(
            "OBS843", after.occurrence(plan, key, self._root), field=plan.key, outcome=outcome,
            trail=(Seen(before.source, before.line, "the attempt before it"),), about=f"{plan.retry_key} {key}",
        )  # fmt: skip

    def _without_first(self, plan: LifecyclePlan, line: Line, first: _Attempt, *, lossy: bool) -> None:
        """An attempt beyond the first, of a job that had none: another job's, or one that was not captured."""
        index, key, service, kind = line
        seen = first.occurrence(plan, key, self._root)
        about = f"{plan.retry_key} {key}"
        if first.root:
            others: dict[str, list[_Attempt]] = defaultdict(list)
            for other, attempt in self._single.items():
                if (
                    other[0] == index
                    and other[2:] == (service, kind)
                    and other[1] != key
                    and attempt.root == first.root
                ):
                    others[other[1]].append(attempt)
            for other_key, attempts in others.items():
                if any(attempt.number == first.number - 1 for attempt in attempts):
                    trail = tuple(Seen(one.source, one.line, "the attempt before it") for one in attempts)
                    what = f"{plan.retry_key} {other_key} became {key}"
                    self.ledger.report("OBS841", seen, field=plan.retry_key, trail=trail, what=what, about=about)
                    return
        what = f"attempt is {first.number}, and no attempt before it was seen"
        doubtful = lossy or not self.options.started or self._single.evicted > 0
        self.ledger.report("OBS842", seen, field="attempt", inconclusive=doubtful, what=what, about=about)

    def evictions(self) -> dict[str, int]:
        """See `Check.evictions`."""
        return {"attempts": self._single.evicted + self._forgotten}
