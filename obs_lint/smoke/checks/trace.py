"""OBS861-865: spans form trees, with valid ids, and say of a failure that it is one."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from obs_lint.smoke.checks.check import SECOND, Check, End
from obs_lint.smoke.ledger import Ledger, Occurrence
from obs_lint.smoke.options import Options
from obs_lint.smoke.plan import EventPlan, Plan
from obs_lint.smoke.records import Record

_TRACE: Final = re.compile(r"(?!0{32})[0-9a-f]{32}")
_SPAN: Final = re.compile(r"(?!0{16})[0-9a-f]{16}")
_REMOTE_KINDS: Final = frozenset({"server", "consumer"})
"""A span of these kinds has its parent in another process, as far as nobody says otherwise."""


class _Span(NamedTuple):
    parent: str
    name: str
    kind: str
    status: str
    remote: bool | None
    end: int
    source: str
    line: int
    service: str


class _Trace:
    __slots__ = ("failed", "spans", "touched")

    def __init__(self) -> None:
        self.spans: dict[str, _Span] = {}
        self.failed: list[Occurrence] = []
        """Failed terminals within the trace, whose spans must be errors."""
        self.touched = 0


class TraceCheck(Check):
    """Traces, judged as a whole once nothing more came of them for a while."""

    codes = ("OBS861", "OBS862", "OBS863", "OBS864", "OBS865")

    def __init__(self, plan: Plan, options: Options, ledger: Ledger) -> None:
        super().__init__(plan, options, ledger)
        self._traces: dict[str, _Trace] = {}
        self._kept = 0
        self._ordinal = 0
        self._evicted = 0
        self._spans = self._children = self._workers = self._terminals = 0
        self._failed = frozenset(name for one in plan.lifecycles for name in one.failed)
        self._run_fields = tuple(one.key for one in plan.lifecycles if one.retry_key) or ("job_run_id",)
        self._waiting: list[tuple[str, str, _Span, int]] = []
        self._latest = 0

    def event(self, record: Record, known: EventPlan | None) -> None:
        """See `Check.event`."""
        if record.name not in self._failed:
            return
        trace, span = record.ids.get("trace_id"), record.ids.get("span_id")
        if trace and span:
            found = self._traces.get(trace)
            if found is None:
                found = self._traces[trace] = _Trace()
            found.touched = self._ordinal
            if len(found.failed) < 100:
                found.failed.append(Occurrence(record))

    def span(self, record: Record) -> None:
        """See `Check.span`."""
        self._ordinal += 1
        self._spans += 1
        ids = record.ids
        trace, span, parent = ids.get("trace_id", ""), ids.get("span_id", ""), ids.get("parent_span_id", "")
        end = record.end
        if end > self._latest:
            self._latest = end
        if _TRACE.fullmatch(trace) is None:
            self._invalid(record, "trace_id", "is not 32 hexadecimal digits, or all zeros")
        elif _SPAN.fullmatch(span) is None:
            self._invalid(record, "span_id", "is not 16 hexadecimal digits, or all zeros")
        elif parent and _SPAN.fullmatch(parent) is None:
            self._invalid(record, "parent_span_id", "is not 16 hexadecimal digits, or all zeros")
            parent = ""
        if end and end < record.time:
            self._invalid(record, "end", "is before its start")
        worker = record.span_kind == "consumer" or (
            not parent and record.span_kind in ("internal", "", "server") and any(f in ids for f in self._run_fields)
        )
        if worker:
            self._workers += 1
            if not parent and not record.links:
                self.ledger.report("OBS865", record, field="parent_span_id")
        found = self._traces.get(trace)
        if found is None:
            found = self._traces[trace] = _Trace()
        found.touched = self._ordinal
        if span not in found.spans:
            self._kept += 1
        found.spans[span] = _Span(
            parent, record.name, record.span_kind, record.status, record.remote_parent, end, record.source,
            record.line, record.service,
        )  # fmt: skip

    def _invalid(self, record: Record, field: str, what: str) -> None:
        self.ledger.report(
            "OBS863", record, field=field, what=f"{field} {what}" if field != "end" else f"its end {what}"
        )

    # -- forgetting

    def sweep(self, ordinal: int) -> None:
        """See `Check.sweep`."""
        if self._kept + len(self._traces) < min(8192, self.options.in_flight):
            return
        limit = self._ordinal - self.options.grace
        for trace_id, trace in list(self._traces.items()):
            if trace.touched < limit:
                self._judge(trace_id, trace, waiting=True)
                self._forget(trace_id)
        for trace_id, trace in list(self._traces.items()):
            if self._kept <= self.options.in_flight and len(self._traces) <= self.options.in_flight:
                break
            # What is judged is judged on what there is; that a parent is absent can't be told any more.
            self._judge(trace_id, trace, waiting=False)
            self._evicted += len(trace.spans)
            self._forget(trace_id)

    def _forget(self, trace_id: str) -> None:
        self._kept -= len(self._traces.pop(trace_id).spans)

    # -- judging

    def _judge(self, trace_id: str, trace: _Trace, *, waiting: bool) -> None:
        spans = trace.spans
        for failed in trace.failed:
            span = spans.get(failed.ids.get("span_id", ""))
            if span is not None and span.end:
                self._terminals += 1
                if span.status != "error":
                    self.ledger.report("OBS864", failed, field="status", span=span.name, status=span.status or "unset")
        roots = self.options.trace_roots
        cycles: set[str] = set()
        for span_id, span in spans.items():
            parent = span.parent
            if not parent:
                continue
            self._children += 1
            if parent in spans:
                if span_id not in cycles and _cycle(span_id, spans, cycles):
                    self.ledger.report(
                        "OBS862", _occurrence(trace_id, span_id, span), field="parent_span_id", trace=trace_id
                    )
                continue
            if parent in roots or span.remote or (span.remote is None and span.kind in _REMOTE_KINDS):
                continue
            if waiting and len(self._waiting) < 50_000:
                self._waiting.append((trace_id, span_id, span, span.end))

    def finish(self, end: End) -> None:
        """See `Check.finish`."""
        for trace_id, trace in self._traces.items():
            self._judge(trace_id, trace, waiting=True)
        skew = self.options.skew * SECOND
        now = max(end.now, self._latest)
        for trace_id, span_id, span, ended in self._waiting:
            # A parent is exported when it ends: while the system runs, one that is absent may still be under way.
            over = end.over(span.source, span.service) or (now - ended > skew and bool(ended))
            self.ledger.report(
                "OBS861", _occurrence(trace_id, span_id, span), field="parent_span_id",
                inconclusive=end.lossy or not over, parent=span.parent, trace=trace_id,
            )  # fmt: skip
        looked, absent = self.ledger.looked, self.ledger.absent
        looked["OBS861"] += self._children
        looked["OBS862"] += self._children
        looked["OBS863"] += self._spans
        looked["OBS864"] += self._terminals
        looked["OBS865"] += self._workers
        none = "no span was seen" if not self._spans else "no span with a parent was seen"
        absent("OBS861", none)
        absent("OBS862", none)
        absent("OBS863", "no span was seen")
        absent("OBS864", "no failed terminal whose span was seen")
        absent("OBS865", "no span of a worker was seen")
        if self._evicted:
            self.ledger.undecided("OBS861", f"{self._evicted} spans had to be forgotten")

    def evictions(self) -> dict[str, int]:
        """See `Check.evictions`."""
        return {"spans": self._evicted}


def _occurrence(trace_id: str, span_id: str, span: _Span) -> Occurrence:
    ids = {"trace_id": trace_id, "span_id": span_id, "parent_span_id": span.parent}
    made = Occurrence(Record("span", span.name, 0, ids, source=span.source, line=span.line, service=span.service))
    made.time = span.end
    return made


def _cycle(start: str, spans: dict[str, _Span], known: set[str]) -> bool:
    """True where following parents leads back to the start; every span of the cycle is then known."""
    path = [start]
    seen = {start}
    at = spans[start].parent
    while at in spans:
        if at == start:
            known.update(path)
            return True
        if at in seen:
            return False
        seen.add(at)
        path.append(at)
        at = spans[at].parent
    return False
