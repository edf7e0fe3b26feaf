"""What a step expects, held against what came: of its response at once, of the captures as often as one asks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from obs_lint.smoke.drive import Exchange
from obs_lint.smoke.flows import Flow, Index
from obs_lint.smoke.outcome import StepOutcome, Unmet
from obs_lint.smoke.records import EVENT, Record
from obs_lint.smoke.scenario import Expect, ExpectedEvent, Step
from obs_lint.smoke.templates import TemplateError, Values, at_path


class Expectations:
    """Holds steps against an index of records. Not for several threads: who asks must keep the index from growing."""

    def __init__(self, index: Index, values: Values) -> None:
        """`values` fill in the payloads of expected events."""
        self.index = index
        self.shape = index.shape
        self.values = values

    def missing(self, outcome: StepOutcome) -> list[Unmet]:
        """What has not come yet."""
        step, expect = outcome.step, outcome.step.expect
        missing: list[Unmet] = []
        within = f"within {expect.within:g} s"
        flows = self.flows(outcome)
        recent = self.recent(outcome)
        for flow in flows:
            for event in expect.events:
                records = recent if event.anywhere or flow is None else flow.records
                missing += self._missing_event(event, records, within, step)
            if flow is None:
                continue
            if expect.flow and (broken := flow.broken_hop(expect.flow)) is not None:
                missing.append(Unmet("flow", f"{broken.message} ({within})"))
            for name in expect.lifecycle:
                missing += self._missing_lifecycle(name, flow, within)
        return missing

    def recent(self, outcome: StepOutcome) -> Sequence[Record]:
        """What can belong to a step without ids: all there is where it only waits, else what came since it began."""
        step = outcome.step
        acts = step.http is not None or step.parallel or step.command or step.signal[0] or step.start
        return self.index.records[outcome.first_record :] if acts else self.index.records

    def flows(self, outcome: StepOutcome) -> list[Flow | None]:
        """The flow of each request of a step; None for a step that sends none."""
        if outcome.step.http is None:
            return [None]
        return [self.index.flow(seeds, down=True) for seeds in outcome.seeds]

    def _missing_event(
        self, event: ExpectedEvent, records: Iterable[Record], within: str, step: Step
    ) -> Iterator[Unmet]:
        try:
            payload = self.values.of_step(step.name, 1).fill(dict(event.payload))
        except TemplateError as error:
            yield Unmet("value", str(error), event.name)
            return
        named = [record for record in records if record.kind == EVENT and record.name == event.name]
        found = [record for record in named if _holds(record.payload, payload)]
        wanted = 1 if event.count is None else event.count
        if len(found) < wanted:
            what = f"`{event.name}`" + (f" with {_said(payload)}" if payload else "")
            times = "was not seen" if not found else f"was seen {len(found)} times, not {wanted},"
            near = ""
            if named and not found:
                near = f"; {len(named)} came with another payload"
            elif not named:
                near = _near(event.name, self.index.records)
            yield Unmet("event", f"{what} {times} {within}{near}", event.name)

    def _missing_lifecycle(self, name: str, flow: Flow, within: str) -> Iterator[Unmet]:
        lifecycle = self.shape.lifecycle(name)
        if lifecycle is None:
            known = ", ".join(one.name for one in self.shape.lifecycles) or "none"
            yield Unmet("value", f"the registry has no lifecycle `{name}`; it has {known}")
            return
        instances = flow.instances(lifecycle)
        if not instances:
            yield Unmet("lifecycle", f"no {name} began {within}", lifecycle.start)
        for instance in instances:
            if instance.open:
                yield Unmet("lifecycle", f"{name} {instance.value} has not ended {within}", lifecycle.start)

    def too_many(self, outcomes: Sequence[StepOutcome]) -> None:
        """What must not have come, told when nothing more can come."""
        for outcome in outcomes:
            expect = outcome.step.expect
            if outcome.skipped or not (expect.no_events or any(event.count for event in expect.events)):
                continue
            recent = self.recent(outcome)
            for flow in self.flows(outcome):
                records = recent if flow is None else flow.records
                names = {record.name for record in records if record.kind == EVENT}
                for name in expect.no_events:
                    if name in names:
                        outcome.unmet.append(Unmet("no-event", f"`{name}` was seen, and must not be", name))
                for event in expect.events:
                    if event.count is None:
                        continue
                    within = recent if event.anywhere else records
                    try:
                        payload = self.values.of_step(outcome.step.name, 1).fill(dict(event.payload))
                    except TemplateError:
                        continue
                    found = [
                        r for r in within if r.kind == EVENT and r.name == event.name and _holds(r.payload, payload)
                    ]
                    if len(found) > event.count:
                        said = f"`{event.name}` was seen {len(found)} times, not {event.count}"
                        outcome.unmet.append(Unmet("event", said, event.name))


def of_response(exchange: Exchange, expect: Expect, values: Values) -> list[Unmet]:
    """Return what a response is not, of what its step expects."""
    response = exchange.response
    assert response is not None
    where = f"{exchange.request.method} {short(exchange.request.url)}"
    unmet = []
    if expect.status and not any(_is_status(response.status, wanted) for wanted in expect.status):
        wanted = " or ".join(expect.status)
        unmet.append(Unmet("status", f"{where} answered {response.status}, not {wanted}"))
    for header in expect.headers:
        found = response.values(header.name)
        try:
            wanted_value = None if header.value is None else values.text(header.value, header=header.name)
        except TemplateError as error:
            unmet.append(Unmet("value", str(error), header=header.name))
            continue
        if problem := _header_problem(header.name, found, wanted_value, header.matches, header.present):
            unmet.append(Unmet("header", f"{where}: {problem}", header=header.name))
    if expect.body_text:
        try:
            text = values.text(expect.body_text)
            if text.encode() not in response.body:
                unmet.append(Unmet("body", f"{where}: the body ({response.size} bytes) does not hold `{short(text)}`"))
        except TemplateError as error:
            unmet.append(Unmet("value", str(error)))
    for path, wanted_part in expect.body.items():
        try:
            found_part = at_path(response.json(), path)
            pattern = wanted_part.get("matches") if isinstance(wanted_part, dict) else None
            if pattern is not None and set(wanted_part) == {"matches"}:
                if not re.fullmatch(pattern, str(found_part)):
                    unmet.append(Unmet("body", f"{where}: `{path}` of the body does not match `{pattern}`"))
            elif found_part != values.fill(wanted_part):
                said = _said({path: found_part})
                unmet.append(Unmet("body", f"{where}: the body has {said}, not {_said({path: wanted_part})}"))
        except TemplateError as error:
            unmet.append(Unmet("body", f"{where}: {error}"))
    if response.cut:
        unmet.append(Unmet("body", f"{where}: {response.cut}"))
    return unmet


def _header_problem(name: str, found: list[str], wanted: str | None, matches: str, present: bool) -> str:
    if not present:
        return f"the response has {name}, and must not" if found else ""
    if len(found) != 1:
        return f"the response has {len(found) or 'no'} {name}" + (", not one" if found else "")
    if wanted is not None and found[0].encode("latin-1") != wanted.encode("utf-8", "surrogateescape"):
        return f"{name} is `{short(found[0])}`, not `{short(wanted)}`"
    if matches and not re.fullmatch(matches, found[0]):
        return f"{name} is `{short(found[0])}`, which does not match `{matches}`"
    return ""


def _is_status(status: int, wanted: str) -> bool:
    return wanted == str(status) or (wanted[1:] == "xx" and wanted[0] == str(status)[0])


def _holds(payload: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    for path, value in wanted.items():
        try:
            if at_path(payload, path) != value:
                return False
        except TemplateError:
            return False
    return True


def _near(name: str, records: Iterable[Record]) -> str:
    from difflib import get_close_matches

    known = {record.name for record in records if record.kind == EVENT}
    if name in known:
        return "; it was seen outside this step's flow"
    near = get_close_matches(name, sorted(known), 1, 0.75)
    return f"; `{near[0]}` was" if near else ""


def _said(values: Mapping[str, Any]) -> str:
    import json

    return ", ".join(
        f"{path} {short(json.dumps(value, ensure_ascii=False, default=str))}" for path, value in values.items()
    )


def short(text: str) -> str:
    """Return text on one line, at most 80 characters."""
    text = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text[:200])
    return text if len(text) <= 80 else text[:79] + "…"
