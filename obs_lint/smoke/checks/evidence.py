"""OBS801-806: whether there is anything to judge: sources that delivered, events that were seen, nothing lost."""

from __future__ import annotations

from collections import Counter
from fnmatch import fnmatchcase

from obs_lint.smoke.checks.check import Check, End
from obs_lint.smoke.ledger import Ledger
from obs_lint.smoke.options import Ended, Options
from obs_lint.smoke.plan import EventPlan, Plan
from obs_lint.smoke.records import Record

SENTINEL = "obs.smoke.sentinel"
RESERVED = "obs."
"""Events of the runtime itself, which no registry declares."""


class EvidenceCheck(Check):
    """Counts what came, and from where."""

    codes = ("OBS801", "OBS802", "OBS803", "OBS804", "OBS805", "OBS806")

    def __init__(self, plan: Plan, options: Options, ledger: Ledger) -> None:
        super().__init__(plan, options, ledger)
        self.sources: Counter[str] = Counter()
        """Source → records, broken ones included."""
        self.events: dict[str, int] = {}
        """Registered event → how often."""
        self._sentinels: set[str] = set()
        self._named = self._broken = 0

    def event(self, record: Record, known: EventPlan | None) -> None:
        """See `Check.event`."""
        name = record.name
        if known is not None:
            self.events[name] = self.events.get(name, 0) + 1
            self._named += 1
        elif name == SENTINEL:
            self._sentinels.update((record.source, record.service))
        elif self.plan.declared and not name.startswith(RESERVED):
            self._named += 1
            if self.plan.complete:
                self.ledger.report("OBS805", record)
            else:
                self.ledger.undecided("OBS805", "a registry may declare more events than could be found")

    def broken(self, record: Record) -> None:
        """See `Check.broken`."""
        self._broken += 1
        self.ledger.report(
            "OBS803", record, event="", field="line", producer=record.source, inconclusive=True,
            what=f"has a line that can't be read: {record.reason}",
        )  # fmt: skip

    def lossy(self, ended: Ended) -> bool:
        """Judge the sources; True where evidence is lost. Comes before every other check's end."""
        ledger, looked = self.ledger, self.ledger.looked
        declared = dict.fromkeys(self.options.sources)
        delivered = {source: self._delivered(source) for source in declared}
        for capture in ended.captures:
            delivered[capture.name] = max(capture.delivered, self._delivered(capture.name))
        lost = False
        for source, number in delivered.items():
            looked["OBS801"] += 1
            if not number:
                lost = True
                ledger.report("OBS801", field="source", producer=source, inconclusive=True, source=source)
        for name in self.options.sentinels:
            looked["OBS802"] += 1
            if not any(seen == name or _fits(seen, name) for seen in self._sentinels if seen):
                lost = True
                ledger.report("OBS802", event=SENTINEL, producer=name, inconclusive=True, source=name)
        for capture in ended.captures:
            if capture.dropped:
                lost = True
                what = f"lost {capture.dropped} records on the way"
                ledger.report("OBS803", field="dropped", producer=capture.name, inconclusive=True, what=what)
        looked["OBS803"] += sum(self.sources.values())
        ledger.absent("OBS801", "no source was declared")
        ledger.absent("OBS802", "no sentinel was declared")
        ledger.absent("OBS803", "no record was captured")
        if not self.sources and not ended.captures:
            ledger.undecided("OBS803", "no record was captured")
        return lost or self._broken > 0

    def _delivered(self, source: str) -> int:
        return self.sources[source] or sum(n for name, n in self.sources.items() if _fits(name, source))

    def finish(self, end: End) -> None:
        """See `Check.finish`."""
        ledger, looked = self.ledger, self.ledger.looked
        wanted = [name for name in self.plan.always if not any(_covers(one, name) for one in self.options.unreached)]
        missing = [name for name in wanted if name not in self.events]
        anything = bool(self.sources)
        if self.options.always:
            looked["OBS804"] += len(wanted)
            for name in missing:
                ledger.report("OBS804", event=name, inconclusive=end.lossy or not anything)
        looked["OBS805"] += self._named
        if self.options.fail_under is not None and wanted:
            looked["OBS806"] += len(wanted)
            share = 100 * (len(wanted) - len(missing)) / len(wanted)
            if share < self.options.fail_under:
                ledger.report(
                    "OBS806", field="coverage", inconclusive=end.lossy or not anything, share=f"{share:.4g}",
                    bar=f"{self.options.fail_under:.4g}", seen=len(wanted) - len(missing), wanted=len(wanted),
                )  # fmt: skip
        ledger.absent("OBS804", "no event must always be seen" if self.options.always else "it is not asked for")
        ledger.absent("OBS805", "no event was seen" if self.plan.declared else "no registry declares events")
        ledger.absent("OBS806", "no bar is set" if self.options.fail_under is None else "no event must always be seen")


def _fits(seen: str, declared: str) -> bool:
    """True where a source is one that was declared: `file:logs/*.jsonl` delivers as `logs/a.jsonl`."""
    bare = declared.partition(":")[2]
    return fnmatchcase(seen, declared) or (bool(bare) and (seen == bare or fnmatchcase(seen, bare)))


def _covers(pattern: str, name: str) -> bool:
    return pattern == name or fnmatchcase(name, pattern)
