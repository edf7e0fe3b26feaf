"""OBS855: what a failure must undo is undone, and nothing is undone that was not done (002 Problem 2)."""

from __future__ import annotations

from typing import Final

from obs_lint.smoke.checks.check import SECOND, Check, End
from obs_lint.smoke.ledger import Ledger, Occurrence
from obs_lint.smoke.options import Options
from obs_lint.smoke.plan import EventPlan, LifecyclePlan, Plan
from obs_lint.smoke.records import Record
from obs_lint.smoke.windows import Window

_NAMES: Final = frozenset(
    "step step_id step_name step_uuid stage stage_id stage_name action action_id activity name layer_name module "
    "original_span_id original_id original compensates compensated_span_id compensates_span_id".split()
)
"""Payload fields by which an event names what it did, or what it undoes."""
_MAX_DONE: Final = 1_000


class _Scope:
    """What was done, undone and failed within one flow."""

    __slots__ = ("done", "failed", "undone")

    def __init__(self) -> None:
        self.done: list[tuple[frozenset[str], Occurrence]] = []
        self.undone: list[tuple[frozenset[str], Occurrence]] = []
        self.failed: Occurrence | None = None


class CompensationCheck(Check):
    """Compensations of lifecycles that declare them.

    Where `of` is an event within the lifecycle, a failed terminal of the same key must be followed by its compensation.
    Where `of` is itself a terminal of the lifecycle, such as a stage that completed, the failure is that of what is
    above it in the chain.
    """

    codes = ("OBS855",)

    def __init__(self, plan: Plan, options: Options, ledger: Ledger) -> None:
        super().__init__(plan, options, ledger)
        self._plans = [one for one in plan.lifecycles if one.undone]
        self._scopes: Window[tuple[int, str], _Scope] = Window(options.in_flight)
        self._failures: dict[str, list[tuple[LifecyclePlan, str]]] = {}
        self._fields: dict[int, str] = {}
        """Lifecycle → the correlation field whose value is the scope."""
        for one in self._plans:
            above = one.parent if one.undone in one.terminal and one.parent else ""
            self._fields[one.index] = above or one.key
            for other in plan.lifecycles:
                if other.key == (above or one.key):
                    for name in other.failed:
                        self._failures.setdefault(name, []).append((one, other.key))

    def event(self, record: Record, known: EventPlan | None) -> None:
        """See `Check.event`."""
        if known is None or not self._plans:
            return
        ids = record.ids
        for plan, role in known.roles:
            if role not in ("undone", "undone_by"):
                continue
            scope = ids.get(self._fields[plan.index])
            if scope is None:
                continue
            found = self._scope(plan.index, scope)
            entry = (_names(record, plan), Occurrence(record))
            entries = found.done if role == "undone" else found.undone
            if len(entries) < _MAX_DONE and not any(
                one.time == record.time and one.source != record.source and names == entry[0] for names, one in entries
            ):
                entries.append(entry)
        for plan, key in self._failures.get(record.name, ()):
            scope = ids.get(key)
            if scope is not None:
                found = self._scope(plan.index, scope)
                found.failed = found.failed or Occurrence(record)

    def _scope(self, index: int, value: str) -> _Scope:
        found = self._scopes.get((index, value))
        if found is None:
            found = self._scopes[index, value] = _Scope()
        return found

    def finish(self, end: End) -> None:
        """See `Check.finish`."""
        looked = 0
        for (index, value), scope in self._scopes.items():
            plan = self.plan.lifecycles[index]
            looked += bool(scope.undone) or bool(scope.failed and scope.done)
            self._judge(plan, value, scope, end)
        self.ledger.looked["OBS855"] += looked
        reason = "no failure that had to be undone was seen" if self._plans else "no lifecycle declares a compensation"
        self.ledger.absent("OBS855", reason)
        if self._scopes.evicted:
            self.ledger.undecided("OBS855", f"{self._scopes.evicted} flows with compensations had to be forgotten")

    def _judge(self, plan: LifecyclePlan, value: str, scope: _Scope, end: End) -> None:
        open_ = list(scope.done)
        field = self._fields[plan.index]
        strangers: list[Occurrence] = []
        for names, seen in scope.undone:
            match = next((one for one in open_ if one[0] & names), None)
            if match is None and not names and open_:
                match = open_[-1]  # it names nothing: the last that was done is undone first
            if match is not None:
                open_.remove(match)
            else:
                strangers.append(seen)
        for seen in strangers:
            self.ledger.report(
                "OBS855", seen, field=field, inconclusive=end.lossy, flow=f"{field} {value}",
                what=f"undoes what no `{plan.undone}` of the flow did",
            )  # fmt: skip
        failed = scope.failed
        if failed is None:
            return
        waited = end.now - failed.time > self.options.skew * SECOND
        certain = (waited or end.over(failed.source, failed.service)) and not end.lossy
        for _, seen in open_:
            if failed.time and seen.time and seen.time > failed.time:
                continue  # done after the failure, by what comes next
            self.ledger.report(
                "OBS855", seen, field=field, inconclusive=not certain, flow=f"{field} {value}", trail=(failed.seen,),
                what=f"was not undone by `{plan.undone_by}` after `{failed.name}`",
            )  # fmt: skip

    def evictions(self) -> dict[str, int]:
        """See `Check.evictions`."""
        return {"flows with compensations": self._scopes.evicted}


def _names(record: Record, plan: LifecyclePlan) -> frozenset[str]:
    """By what an event names what it did, or undoes: its span, its key, the step in its payload."""
    found = {value for name, value in record.payload.items() if name in _NAMES and isinstance(value, str)}
    if record.name == plan.undone:
        found.update(value for name in ("span_id", plan.key) if (value := record.ids.get(name)))
    specific = {value for name, value in record.payload.items() if name.startswith(("original", "compensat"))
                and isinstance(value, str) and name in _NAMES}  # fmt: skip
    if record.name == plan.undone_by and specific:
        return frozenset(specific)
    return frozenset(found)
