"""OBS851-854: what was begun ends, once, in a legal order; and whatever ended had begun."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from obs_lint.smoke.checks.check import SECOND, Check, End
from obs_lint.smoke.findings import Seen
from obs_lint.smoke.ledger import Ledger, Occurrence
from obs_lint.smoke.options import Options
from obs_lint.smoke.plan import EventPlan, LifecyclePlan, Plan, within
from obs_lint.smoke.records import Record
from obs_lint.smoke.windows import Window

Key = tuple[int, str, str]
"""Lifecycle, the value of its scope (empty without one), the value of its key."""

_PERMUTED: Final = 24
"""Events of one instance whose possible orders are tried; more are taken in the order of their times."""


class Instance:
    """One run of one thing."""

    __slots__ = (
        "begun", "end_name", "end_place", "end_time", "ends", "first", "plan", "start_place", "start_time", "states",
        "touched",
    )  # fmt: skip

    def __init__(self, plan: LifecyclePlan, record: Record, ordinal: int) -> None:
        self.plan = plan
        self.first: Occurrence | None = Occurrence(record)
        """Dropped once it has both ends: nothing is left to be said of it then."""
        self.begun = 0
        self.ends = 0
        self.start_time = self.end_time = 0
        self.start_place: tuple[str, int, str] = ("", 0, "")
        """Source, line, service."""
        self.end_place: tuple[str, int, str] = ("", 0, "")
        self.end_name = ""
        self.states: list[tuple[int, int, str, str]] | None = None
        """(time, ordinal, source and service, state), where the lifecycle declares states."""
        self.touched = ordinal


class LifecycleCheck(Check):
    """State machines: one instance a key, forgotten when it is finished and nothing came for a while."""

    codes = ("OBS851", "OBS852", "OBS853", "OBS854")

    def __init__(self, plan: Plan, options: Options, ledger: Ledger) -> None:
        super().__init__(plan, options, ledger)
        self.instances: dict[Key, Instance] = {}
        self.closed: Window[int, bool] = Window(options.window)
        """Hashes of the keys of finished instances that were forgotten."""
        self.ordinal = 0
        self._skew = int(options.skew * SECOND)
        self._evicted = 0
        self._begun = self._ended = self._stated = 0
        self._by_key = {one.key: one for one in plan.lifecycles}

    # -- records

    def event(self, record: Record, known: EventPlan | None) -> None:
        """See `Check.event`."""
        if known is None or not known.roles:
            return
        ids = record.ids
        self.ordinal += 1
        for plan, role in known.roles:
            value = ids.get(plan.key)
            if value is None:
                continue
            scope = ids.get(plan.scope, "") if plan.scope else ""
            if plan.scope and not scope:
                continue  # OBS835 says that it joins nothing
            if role == "start":
                self._start((plan.index, scope, value), plan, record)
            elif role == "terminal":
                self._terminal((plan.index, scope, value), plan, record)
            elif role == "member" and plan.states_field:
                self._state((plan.index, scope, value), plan, record)

    def _instance(self, key: Key, plan: LifecyclePlan, record: Record) -> Instance | None:
        """The instance of a key, made where there is none; None where it was finished and forgotten."""
        instance = self.instances.get(key)
        if instance is None:
            if (self.closed.young or self.closed.old) and hash(key) in self.closed:
                return None
            instance = self.instances[key] = Instance(plan, record, self.ordinal)
        else:
            instance.touched = self.ordinal
        return instance

    def _start(self, key: Key, plan: LifecyclePlan, record: Record) -> None:
        instance = self._instance(key, plan, record)
        if instance is None:
            self._again(plan, record, None)
            return
        place = (record.source, record.line, record.service)
        if instance.begun:
            if instance.start_time == record.time and record.time and instance.start_place[0] != record.source:
                return  # the same event from a second capture
            if plan.retry_key and (plan.retry_key != plan.key or instance.ends >= instance.begun):
                # An attempt under the same key: OBS842 and OBS843 judge whether it may be. It begins anew.
                instance.begun += 1
                instance.start_time, instance.start_place = record.time, place
                instance.first = Occurrence(record)
                return
            self._again(plan, record, instance)
            return
        self._begun += 1
        instance.begun = 1
        instance.start_time, instance.start_place = record.time, place
        if instance.ends:
            self._ordered(instance, record)
            self._settle(instance)
        else:
            instance.first = Occurrence(record)
        if plan.states_field:
            self._note_state(instance, plan, record)

    def _again(self, plan: LifecyclePlan, record: Record, instance: Instance | None) -> None:
        """A second start under one key of what is never tried again."""
        if plan.retry_key:
            return
        what = "begins again after it has ended" if instance is None or instance.ends else "begins twice"
        trail = () if instance is None else (Seen(*instance.start_place[:2], "it began here"),)
        self.ledger.report(
            "OBS854", record, field=plan.key, lifecycle=plan.name, key=_named(plan, record), what=what, trail=trail
        )

    def _terminal(self, key: Key, plan: LifecyclePlan, record: Record) -> None:
        instance = self._instance(key, plan, record)
        if instance is None:
            if plan.single and plan.retry_key != plan.key:
                self._twice(plan, record, None)
            return
        self._ended += 1
        if instance.ends:
            same = instance.end_name == record.name and instance.end_time == record.time
            if same and record.time and instance.end_place[0] != record.source:
                return  # the same event from a second capture
            if plan.single and not (plan.retry_key and instance.ends < instance.begun):
                self._twice(plan, record, instance)
                return
        instance.ends += 1
        instance.end_name = record.name
        instance.end_time = record.time
        instance.end_place = (record.source, record.line, record.service)
        if plan.states_field:
            self._note_state(instance, plan, record)
        if instance.begun:
            if instance.ends == 1 and record.time and instance.start_time:
                self._ordered(instance, record)
            self._settle(instance)

    def _twice(self, plan: LifecyclePlan, record: Record, instance: Instance | None) -> None:
        first = "" if instance is None else f"`{instance.end_name}` and "
        trail = () if instance is None else (Seen(*instance.end_place[:2], "it ended here first"),)
        self.ledger.report(
            "OBS853", record, field=plan.key, lifecycle=plan.name, key=_named(plan, record), first=first, trail=trail
        )

    def _settle(self, instance: Instance) -> None:
        if instance.states is None and instance.ends >= instance.begun:
            instance.first = None

    def _ordered(self, instance: Instance, record: Record) -> None:
        """Both ends are there, `record` is the one that came last: did the terminal come before the start?"""
        start, end = instance.start_time, instance.end_time
        same = instance.start_place[::2] == instance.end_place[::2]
        if same:
            # Within a source its order counts, unless the times say that lines were only written late.
            wrong = record.name == instance.plan.start and (not start or not end or end <= start)
        else:
            wrong = bool(start and end) and end + self._skew < start
        if wrong:
            self.ledger.report(
                "OBS854", record, event=instance.end_name, field=instance.plan.key, lifecycle=instance.plan.name,
                key=_named(instance.plan, record), what=f"`{instance.end_name}` comes before `{instance.plan.start}`",
            )  # fmt: skip

    # -- states

    def _state(self, key: Key, plan: LifecyclePlan, record: Record) -> None:
        instance = self._instance(key, plan, record)
        if instance is not None:
            self._note_state(instance, plan, record)

    def _note_state(self, instance: Instance, plan: LifecyclePlan, record: Record) -> None:
        state = within(record.payload, plan.states_field)
        if not isinstance(state, str):
            return
        self._stated += 1
        if instance.states is None:
            instance.states = []
        if instance.first is None:
            instance.first = Occurrence(record)
        entry = (record.time, self.ordinal, f"{record.source}\0{record.service}", state)
        for time, _, origin, other in instance.states:
            if time == entry[0] and time and other == state and origin != entry[2]:
                return  # from a second capture
        if len(instance.states) < 256:
            instance.states.append(entry)

    def _transitions(self, instance: Instance) -> None:
        plan, states = instance.plan, instance.states
        if not states or instance.first is None:
            return
        for *_, state in states:
            if state not in plan.states:
                self._illegal(instance, f"`{state}` is no state of it", state)
                return
        if _legal(states, plan, self._skew):
            return
        states = sorted(states)
        before = states[0][3]
        for *_, state in states[1:]:
            if state != before and state not in plan.transitions.get(before, ()):
                self._illegal(instance, f"goes from `{before}` to `{state}`", f"{before} → {state}")
                return
            before = state
        self._illegal(instance, "its states are in no legal order", "states")

    def _illegal(self, instance: Instance, what: str, field: str) -> None:
        seen = instance.first
        assert seen is not None
        plan = instance.plan
        key = f"{plan.key} {seen.ids.get(plan.key, '')}"
        self.ledger.report("OBS854", seen, field=field, lifecycle=plan.name, key=key, what=what)

    # -- forgetting

    def sweep(self, ordinal: int) -> None:
        """See `Check.sweep`."""
        if len(self.instances) < min(4096, self.options.in_flight):
            return
        limit = self.ordinal - self.options.grace
        for key, instance in list(self.instances.items()):
            if instance.touched < limit and instance.begun and instance.ends >= instance.begun:
                self._close(key, instance)
        excess = len(self.instances) - self.options.in_flight
        if excess > 0:
            # The oldest by arrival go first; what they still needed can't be told any more.
            for key, instance in list(self.instances.items())[: excess + self.options.in_flight // 10]:
                if not (instance.begun and instance.ends):
                    self._evicted += 1
                self._close(key, instance)

    def _close(self, key: Key, instance: Instance) -> None:
        self._transitions(instance)
        del self.instances[key]
        self.closed[hash(key)] = True

    # -- the end

    def ended(self, plan: LifecyclePlan, value: str) -> bool:
        """True where the instance of an unscoped lifecycle has ended, and it is known."""
        key = (plan.index, "", value)
        instance = self.instances.get(key)
        return bool(instance is not None and instance.ends) or hash(key) in self.closed

    def finish(self, end: End) -> None:
        """See `Check.finish`."""
        doubtful = end.lossy or self._evicted > 0
        for key, instance in self.instances.items():
            self._transitions(instance)
            if instance.begun > instance.ends:
                self._unended(key, instance, end)
            elif instance.ends and not instance.begun and instance.first is not None:
                plan, seen = instance.plan, instance.first
                self.ledger.report(
                    "OBS852", seen, event=instance.end_name, field=plan.key, inconclusive=doubtful,
                    lifecycle=plan.name, key=f"{plan.key} {key[2]}", start=plan.start,
                )  # fmt: skip
        for expectation, flow in end.flows:
            for name in expectation.lifecycles:
                self._expected(expectation.step, name, dict(expectation.ids), flow, end)
        looked, absent = self.ledger.looked, self.ledger.absent
        looked["OBS851"] += self._begun
        looked["OBS852"] += self._ended
        looked["OBS853"] += self._ended
        looked["OBS854"] += self._begun + self._ended + self._stated
        none = "no event of a lifecycle was seen" if self.plan.lifecycles else "no registry declares a lifecycle"
        for code in self.codes:
            absent(code, none)
        if self._evicted:
            reason = f"{self._evicted} unfinished lifecycles had to be forgotten"
            self.ledger.undecided("OBS851", reason)
            self.ledger.undecided("OBS852", reason)

    def _expected(self, step: str, name: str, ids: dict[str, str], flow: dict[str, frozenset[str]], end: End) -> None:
        plan = next((one for one in self.plan.lifecycles if one.name == name), None)
        if plan is None:
            return
        field = plan.scope or plan.key
        for value in flow.get(field, ()):
            if any(k[0] == plan.index and (k[1] if plan.scope else k[2]) == value for k in self.instances):
                return
            if not plan.scope and hash((plan.index, "", value)) in self.closed:
                return
        seen = Occurrence(Record("event", step, ids=ids))
        self.ledger.report(
            "OBS851", seen, event=plan.start, field=plan.key, producer="scenario", lifecycle=plan.name,
            inconclusive=end.lossy, key=f"step `{step}`", what="was to begin and never did",
        )  # fmt: skip

    def _unended(self, key: Key, instance: Instance, end: End) -> None:
        plan, seen = instance.plan, instance.first
        if seen is None:
            return
        source, _, service = instance.start_place
        over = end.over(source, service)
        limit = min((expectation.by or end.now for expectation, flow in end.flows if flow.has(seen.ids)), default=0)
        if plan.deadline and instance.start_time:
            due = instance.start_time + plan.deadline
            limit = min(limit, due) if limit else due
        above = self._by_key.get(plan.parent) if plan.parent else None
        parent = seen.ids.get(plan.parent, "") if plan.parent else ""
        if over:
            what = "began, and its process exited without ending it"
        elif above is not None and parent and self.ended(above, parent):
            what, over = f"began and did not end, though its {above.name} has", True
        elif limit and end.now >= limit:
            what, over = f"did not end {_length(max(limit - instance.start_time, 0))} after it began", True
        else:
            what = "has not ended yet"
        # An exit is certain of what was read to the end; lost lines make everything else uncertain.
        certain = over and (not end.lossy or end.over(source, service))
        self.ledger.report(
            "OBS851", seen, field=plan.key, lifecycle=plan.name, inconclusive=not certain,
            key=f"{plan.key} {key[2]}", what=what,
        )  # fmt: skip

    def evictions(self) -> dict[str, int]:
        """See `Check.evictions`."""
        return {"unfinished lifecycles": self._evicted}


def _named(plan: LifecyclePlan, record: Record) -> str:
    return f"{plan.key} {record.ids.get(plan.key, '')}"


def _length(nanoseconds: int) -> str:
    seconds = nanoseconds / SECOND
    return f"{seconds:g} s" if seconds < 120 else f"{seconds / 60:g} min"


def _legal(states: list[tuple[int, int, str, str]], plan: LifecyclePlan, skew: int) -> bool:
    """True where some order of the states is legal: that of each source is kept, that of times where they differ by
    more than clocks do.
    """
    if len(states) > _PERMUTED:
        ordered = [state for *_, state in sorted(states)]
        return all(a == b or b in plan.transitions.get(a, ()) for a, b in pairwise(ordered))
    states = sorted(states)
    full = (1 << len(states)) - 1
    before = [
        sum(
            1 << j
            for j, other in enumerate(states)
            if j != i
            and (
                (other[2] == one[2] and (other[0], other[1]) < (one[0], one[1]))
                or (other[2] != one[2] and other[0] and one[0] and other[0] + skew < one[0])
            )
        )
        for i, one in enumerate(states)
    ]
    seen: set[tuple[int, str]] = set()
    stack = [(0, "")]
    while stack:
        done, last = stack.pop()
        if done == full:
            return True
        if (done, last) in seen or len(seen) > 20_000:
            continue
        seen.add((done, last))
        for i, one in enumerate(states):
            if not done >> i & 1 and before[i] & ~done == 0:
                state = one[3]
                if not last or state == last or state in plan.transitions.get(last, ()):
                    stack.append((done | 1 << i, state))
    return False
