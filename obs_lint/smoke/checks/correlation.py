"""OBS831-837: the chain from the request to the last layer holds, and nobody's ids are in somebody else's records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import partial
from typing import Final, NamedTuple

from obs_lint.smoke.checks.check import Check, End, Flow
from obs_lint.smoke.findings import Seen
from obs_lint.smoke.ledger import Ledger, Occurrence
from obs_lint.smoke.options import Expectation, Options
from obs_lint.smoke.plan import EventPlan, Hop, Plan
from obs_lint.smoke.records import EVENT, LOG, SPAN, Record
from obs_lint.smoke.windows import Traces, Window

_FORGOTTEN: Final = -1
"""Stands for the line of a link of which only traces are left."""
_NO_TRACES: Final[tuple[str, ...]] = ()


class _Link(NamedTuple):
    """A child's parent, and where both were seen first."""

    parent: str
    source: str
    line: int


class _Swapped(NamedTuple):
    """A child that was seen under a second parent."""

    hop: Hop
    child: str
    first: _Link
    seen: Occurrence


class _Traces:
    """The traces that one service named for one flow, by kind of record."""

    __slots__ = ("events", "first", "logs", "spans")

    def __init__(self, record: Record) -> None:
        self.events = self.logs = self.spans = _NO_TRACES
        self.first = Occurrence(record)


class CorrelationCheck(Check):
    """Required ids, the chain, foreign ids, and what log, event and span say of the trace."""

    codes = ("OBS831", "OBS832", "OBS833", "OBS834", "OBS835", "OBS836", "OBS837")

    def __init__(self, plan: Plan, options: Options, ledger: Ledger) -> None:
        super().__init__(plan, options, ledger)
        self._hops = tuple(hop for hop in plan.chain if hop.parent and not hop.scoped)
        self._names = tuple(hop for hop in plan.chain if hop.parent and hop.scoped)
        self._pairs = tuple((hop.field, hop.parent, index) for index, hop in enumerate(self._hops))
        self._fields = tuple(hop.field for hop in plan.chain if not hop.scoped)
        self._past: list[Traces | None] = [None for _ in self._hops]
        """Of links that were forgotten: the child, and child and parent."""
        self._links: tuple[Window[str, _Link], ...] = tuple(
            Window(options.window, partial(self._leave, index)) for index, _ in enumerate(self._hops)
        )
        self._deeper = tuple(_below(hop.field, plan.chain) for hop in self._hops)
        self._mentioned: tuple[set[str], ...] = tuple(set() for _ in self._hops)
        """Children whose link is that of a record which only mentions them."""
        self._orphans: tuple[Window[str, Occurrence], ...] = tuple(Window(options.window) for _ in self._hops)
        self._named: tuple[Window[str, bool], ...] = tuple(Window(options.window) for _ in self._names)
        self._seen_fields: set[str] = set()
        self.owners: dict[str, str] = {}
        """Id → the test or step whose request it is, beside those of the options; `Checker.declare` adds to it."""
        self._swapped: list[_Swapped] = []
        self.excused: set[tuple[str, str]] = set()
        """(field, child) whose second parent OBS841 has reported."""
        self._traces: Window[tuple[str, ...], _Traces] = Window(max(options.window // 4, 1), self._disagreements)
        self._spans: Window[str, tuple[str, str, str, int]] = Window(max(options.window // 2, 1))
        self._required = self._chained = self._keyed = self._layered = self._owned = self._agreed = 0

    # -- records

    def event(self, record: Record, known: EventPlan | None) -> None:
        """See `Check.event`."""
        ids = record.ids
        if known is not None:
            for name in known.required:
                self._required += 1
                if name not in ids:
                    self.ledger.report("OBS831", record, field=name)
            for code, name in known.keys:
                if code == "OBS834":
                    self._keyed += 1
                else:
                    self._layered += 1
                if name not in ids:
                    self.ledger.report(code, record, field=name)
            for name, parent in known.scoped:
                if name in ids:
                    self._layered += 1
                    if parent not in ids:
                        self.ledger.report("OBS835", record, field=parent)
        self._join(record, ids, EVENT)

    def log(self, record: Record) -> None:
        """See `Check.log`."""
        if record.ids:
            self._join(record, record.ids, LOG)

    def span(self, record: Record) -> None:
        """See `Check.span`."""
        self._join(record, record.ids, SPAN)

    def _join(self, record: Record, ids: dict[str, str], kind: str) -> None:
        if not ids:
            return
        for child_field, parent_field, index in self._pairs:
            child = ids.get(child_field)
            if child is None:
                continue
            parent = ids.get(parent_field)
            links = self._links[index]
            link = links.young.get(child) or links.get(child)
            if link is None:
                past = self._past[index]
                known = past is not None and child in past
                if parent is not None:
                    links[child] = _Link(parent, record.source, record.line)
                    if not self._belongs(record, ids, index):
                        self._mentioned[index].add(child)
                    elif known and past is not None and (child, parent) not in past and len(self._swapped) < 10_000:
                        first = _Link("another", record.source, _FORGOTTEN)
                        self._swapped.append(_Swapped(self._hops[index], child, first, Occurrence(record)))
                    self._chained += 1
                    orphans = self._orphans[index]
                    if orphans.young or orphans.old:
                        orphans.pop(child)
                elif not known:
                    orphans = self._orphans[index]
                    if child not in orphans:
                        orphans[child] = Occurrence(record)
            elif parent is not None and link.parent != parent and self._belongs(record, ids, index):
                if child in self._mentioned[index]:
                    self._mentioned[index].discard(child)
                    links[child] = _Link(parent, record.source, record.line)
                elif len(self._swapped) < 10_000:
                    self._swapped.append(_Swapped(self._hops[index], child, link, Occurrence(record)))
        for index, hop in enumerate(self._names):
            if hop.field in ids and hop.parent in ids:
                named = self._named[index]
                if ids[hop.parent] not in named:
                    named[ids[hop.parent]] = True
        if len(self._seen_fields) < len(self._fields):
            self._seen_fields.update(field for field in self._fields if field in ids)
        if self.options.test_ids or self.owners:
            self._owner(record, ids)
        trace = ids.get("trace_id")
        if trace is not None:
            self._trace(record, ids, trace, kind)

    def _belongs(self, record: Record, ids: dict[str, str], index: int) -> bool:
        """True where a record is of the child's own flow: it introduces the child, or goes deeper.

        A request that asks what became of a job carries the job's id as well, and the job is not that request's.
        """
        introducer = self._hops[index].introduced_by
        return not introducer or record.name == introducer or any(name in ids for name in self._deeper[index])

    def _leave(self, index: int, links: dict[str, _Link]) -> None:
        """Links are about to be forgotten: that they were there must not be."""
        past = self._past[index]
        if past is None:
            past = self._past[index] = Traces()
        for child, link in links.items():
            past.add(child)
            past.add((child, link.parent))
        self._mentioned[index].difference_update(links)

    # -- OBS836

    def _owner(self, record: Record, ids: dict[str, str]) -> None:
        given, declared = self.options.test_ids, self.owners
        found: dict[str, str] = {}
        for name, value in ids.items():
            owner = declared.get(value) or given.get(value)
            if owner is not None:
                found[owner] = name
        if not found:
            return
        self._owned += 1
        mine = self.options.test
        if mine:
            for owner, name in found.items():
                if owner != mine:
                    self.ledger.report("OBS836", record, field=name, owner=owner, test=mine)
        elif len(found) > 1:
            (first, _), (second, name), *_ = sorted(found.items())
            self.ledger.report("OBS836", record, field=name, owner=second, test=first)

    # -- OBS837

    def _trace(self, record: Record, ids: dict[str, str], trace: str, kind: str) -> None:
        span = ids.get("span_id")
        if span is not None:
            before = self._spans.young.get(span) or self._spans.get(span)
            if before is None:
                self._spans[span] = (trace, kind, record.source, record.line)
            elif before[1] != kind:
                self._agreed += 1
                if before[0] != trace:
                    there = Seen(before[2], before[3], f"the {before[1]} with trace_id {before[0]}")
                    self.ledger.report(
                        "OBS837", record, field="trace_id", trail=(there,), one=kind, other=before[1],
                        what=f"span {span}",
                    )  # fmt: skip
                    return
        key = (record.service, *[ids.get(name, "") for name in self._fields])
        if not any(key[1:]):
            return
        traces = self._traces.young.get(key) or self._traces.get(key)
        if traces is None:
            traces = self._traces[key] = _Traces(record)
        known = traces.events if kind == EVENT else traces.logs if kind == LOG else traces.spans
        if trace in known or len(known) >= 8:
            return
        if kind == EVENT:
            traces.events = (*known, trace)
        elif kind == LOG:
            traces.logs = (*known, trace)
        else:
            traces.spans = (*known, trace)

    def _disagreements(self, flows: dict[tuple[str, ...], _Traces]) -> None:
        for traces in flows.values():
            kinds = [
                (kind, found)
                for kind, found in (("span", traces.spans), ("event", traces.events), ("log", traces.logs))
                if found
            ]
            if len(kinds) < 2:
                continue
            self._agreed += 1
            (first, known), *others = kinds
            for kind, found in others:
                # Spans know every trace of the flow; without them, what has nothing in common disagrees.
                strange = set(found) - set(known) if first == "span" else set(found).isdisjoint(known)
                if strange:
                    self.ledger.report(
                        "OBS837", traces.first, field="trace_id", one=kind, other=first, what="the same flow"
                    )
                    break

    # -- the end

    def finish(self, end: End) -> None:
        """See `Check.finish`."""
        looked, absent = self.ledger.looked, self.ledger.absent
        self._two_parents()
        self._broken_chains(end)
        for expectation, flow in end.flows:
            if len(expectation.flow) > 1:
                self._expected(expectation, flow, end)
        self._disagreements(dict(self._traces.items()))
        looked["OBS831"] += self._required
        looked["OBS832"] += self._chained
        looked["OBS834"] += self._keyed
        looked["OBS835"] += self._layered
        looked["OBS836"] += self._owned
        looked["OBS837"] += self._agreed
        absent("OBS831", "no registered event with required ids was seen")
        absent("OBS832", "no record carries an id and its parent")
        absent("OBS833", "no registry declares a chain, or no record carries ids of it")
        absent("OBS834", "no event of a lifecycle was seen")
        absent("OBS835", "no event of a layer was seen")
        absent("OBS836", "no test declared its ids")
        absent("OBS837", "no trace_id was seen on two kinds of records of one flow")
        if forgotten := sum(window.evicted for window in self._orphans):
            self.ledger.undecided("OBS833", f"{forgotten} ids without a parent had to be forgotten")

    def _two_parents(self) -> None:
        for hop, child, first, seen in self._swapped:
            if (hop.field, child) in self.excused:
                continue
            trail = (
                (Seen(first.source, first.line, f"{hop.parent} {first.parent}"),) if first.line != _FORGOTTEN else ()
            )
            self.ledger.report(
                "OBS832", seen, field=hop.label, trail=trail, child=f"{hop.field} {child}", parent=hop.parent,
                first=first.parent, second=seen.ids.get(hop.parent, ""), inconclusive=first.line == _FORGOTTEN,
            )  # fmt: skip

    def _broken_chains(self, end: End) -> None:
        for index, hop in enumerate(self._hops):
            links, orphans = self._links[index], self._orphans[index]
            self.ledger.looked["OBS833"] += len(links) + links.evicted
            if not len(orphans):
                continue
            if hop.parent not in self._seen_fields:
                # Nothing of the parent's side was captured: whether they join can't be told.
                reason = f"no record carries {hop.parent}, so that {hop.label} can't be told"
                self.ledger.undecided("OBS833", reason)
                continue
            for child, seen in orphans.items():
                self.ledger.looked["OBS833"] += 1
                introducer = f" (`{hop.introduced_by}` introduces it)" if hop.introduced_by else ""
                self.ledger.report(
                    "OBS833", seen, field=hop.label, inconclusive=end.lossy, hop=hop.label,
                    what=f"no record carries both {hop.parent} and {hop.field} {child}{introducer}",
                )  # fmt: skip

    def flows(self, expectations: Iterable[Expectation]) -> tuple[tuple[Expectation, Flow], ...]:
        """Return each expectation with every id of its flow: up from those it is known by, then down the chain."""
        children: dict[tuple[str, str], set[str]] = defaultdict(set)
        parents: dict[tuple[str, str], str] = {}
        for hop, links in zip(self._hops, self._links, strict=True):
            for child, link in links.items():
                children[hop.field, link.parent].add(child)
                parents[hop.field, child] = link.parent
        made = []
        for expectation in expectations:
            values: dict[str, set[str]] = {name: {value} for name, value in expectation.ids.items()}
            for hop in reversed(self._hops):
                for child in values.get(hop.field, ()):
                    if (hop.field, child) in parents:
                        values.setdefault(hop.parent, set()).add(parents[hop.field, child])
            for hop in self._hops:
                for parent in values.get(hop.parent, ()):
                    values.setdefault(hop.field, set()).update(children.get((hop.field, parent), ()))
            for index, hop in enumerate(self._names):
                if any(value in self._named[index] for value in values.get(hop.parent, ())):
                    values.setdefault(hop.field, set()).add("")
            made.append((expectation, Flow({name: frozenset(found) for name, found in values.items()})))
        return tuple(made)

    def _expected(self, expectation: Expectation, flow: Flow, end: End) -> None:
        """Report the first hop that a step's flow does not have."""
        self.ledger.looked["OBS833"] += 1
        for parent, child in zip(expectation.flow, expectation.flow[1:], strict=False):
            if not flow.get(child):
                label = f"{parent} → {child}"
                known = ", ".join(f"{name} {value}" for name, value in sorted(expectation.ids.items()))
                seen = Occurrence(Record(EVENT, expectation.step, ids=dict(expectation.ids)))
                self.ledger.report(
                    "OBS833", seen, field=label, producer="scenario", hop=label, inconclusive=end.lossy,
                    what=f"step `{expectation.step}` ({known}) got no {child}",
                )  # fmt: skip
                return

    def evictions(self) -> dict[str, int]:
        """See `Check.evictions`."""
        return {
            "links of the chain": sum(window.evicted for window in self._links),
            "ids without a parent": sum(window.evicted for window in self._orphans),
        }


def _below(field: str, chain: tuple[Hop, ...]) -> tuple[str, ...]:
    """The fields of the chain below a field."""
    found = [field]
    for hop in chain:
        if hop.parent in found:
            found.append(hop.field)
    return tuple(found[1:])
