"""What 002 asks of one flow: why it failed, by which path, what was undone, what was decided, what still runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from obs_lint.smoke.flows import Flow, Node, error_of, status_of, words_of
from obs_lint.smoke.records import EVENT, RESPONSE, SPAN, Record

_CHOSEN = ("decision", "choice", "chosen", "selected", "action")
_CONSIDERED = ("alternatives", "options", "considered", "candidates")
_REASON = ("reasoning", "reason", "rationale", "why")
_STEP = ("stage", "step", "step_name", "job_type", "operation", "name")


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the path: a run, a stage, a span."""

    name: str
    status: str
    """ok | failed | cancelled | running, or empty."""
    start: int
    """Nanoseconds since the epoch, as `end`; 0 where unknown."""
    end: int
    attempt: int = 0
    """0 where nothing tells."""
    service: str = ""
    error: str = ""
    node: Node | None = None


@dataclass(frozen=True, slots=True)
class Compensation:
    """One thing that was undone, or that should have been."""

    of: str
    """The step, as far as it is known."""
    status: str
    """ok | failed | running | missing"""
    start: int = 0
    end: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """One choice of an agent, and what came of it."""

    record: Record
    chosen: str
    alternatives: tuple[str, ...]
    reason: str
    confidence: float | None
    failures_after: int
    """Records that failed later in the flow."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers for one flow."""

    flow: Flow
    status: str
    """ok | failed | cancelled | running, or empty where nothing tells."""
    failure: Record | None
    """The first record that failed; also of a flow whose next attempt was better."""
    failed_step: Step | None
    inputs: Mapping[str, Any]
    """What the failed step was given, as far as its first record tells."""
    path: tuple[Step, ...]
    """The steps in the order in which they began."""
    compensations: tuple[Compensation, ...]
    decisions: tuple[Decision, ...]
    running: tuple[Step, ...]
    """What has begun and not ended."""
    duration: int
    """Nanoseconds."""


def answers(flow: Flow) -> Answers:
    """Return what the records of a flow say."""
    roots = flow.tree()
    path = tuple(sorted(_steps(flow, roots), key=lambda step: (step.start or 1 << 63, step.end)))
    timeline = flow.timeline()
    failed = sorted(
        (record for record in timeline if status_of(record) == "failed"),
        # A span is there from its start on, and failed at its end; a response that tells of an error comes after it.
        key=lambda record: (record.end or record.time or 1 << 63, record.kind == RESPONSE),
    )
    failure = failed[0] if failed else None
    holding = [step for step in path if failure is not None and _has(step, failure)]
    failed_step = max(holding, key=_depth, default=None)
    return Answers(
        flow=flow,
        status=_status(flow, roots),
        failure=failure,
        failed_step=failed_step,
        inputs=_inputs(failed_step),
        path=path,
        compensations=tuple(_compensations(flow, path)),
        decisions=tuple(_decisions(timeline)),
        running=tuple(step for step in path if step.status == "running"),
        duration=flow.duration,
    )


def _has(step: Step, record: Record) -> bool:
    return step.node is not None and any(one is record for node in step.node.walk() for one in node.records)


def _depth(step: Step) -> int:
    depth, node = 0, step.node
    while node is not None:
        depth, node = depth + 1, node.parent
    return depth


def _status(flow: Flow, roots: Iterable[Node]) -> str:
    """How the flow ended: what the outermost thing that says so says last."""
    level = list(roots)
    while level:
        stated = [(node.end, node.status) for node in level if _own_status(node)]
        if stated:
            return max(stated)[1]
        level = [child for node in level for child in node.children]
    return ""


def _own_status(node: Node) -> bool:
    """Whether events or spans speak of the thing itself; that a request was answered is not how its job ended."""
    return any(status_of(record) for record in node.records if record.kind in (EVENT, SPAN)) and bool(
        node.status and node.level != "request_id"
    )


def _steps(flow: Flow, roots: Iterable[Node]) -> Iterator[Step]:
    """Runs and spans, where there are any; else whatever has a status."""
    nodes = [node for root in roots for node in root.walk()]
    unique = [name for name in flow.shape.chain if name not in flow.shape.many]
    deepest = unique[-1] if unique else ""
    chosen = [node for node in nodes if node.level in ("span", deepest)]
    if not chosen:
        chosen = [node for node in nodes if node.status]
    for node in chosen:
        if node.level == "span" and node.parent is None and any(child.level == "span" for child in node.children):
            # The whole is no step of itself.
            continue
        if node.level == "span" and any(_is_compensation(record) or _is_decision(record) for record in node.records):
            continue
        errors = [error_of(record) for record in node.own_records if status_of(record) == "failed"]
        attempt = node.detail("attempt")
        yield Step(
            name=name_of(node),
            status=node.status,
            start=node.start,
            end=node.end,
            attempt=attempt if isinstance(attempt, int) else 0,
            service=node.service,
            error=next((error for error in errors if error), ""),
            node=node,
        )


def name_of(node: Node) -> str:
    """What a person calls a node: its job type, its stage, the span's name, the id where it has no name."""
    for record in node.records:
        if record.kind == SPAN and record.name:
            return record.name
    detail = node.detail(*_STEP)
    if isinstance(detail, str) and detail:
        return detail
    if node.level in ("request_id", "span", "trace_id") or not node.level:
        for record in node.records:
            if record.kind == RESPONSE:
                path = str(record.payload.get("url", "")).partition("://")[2].partition("/")[2].partition("?")[0]
                return f"{record.payload.get('method', '')} /{path}".strip()
        named = next((record.name for record in node.records if record.name), "")
        if node.level == "span" and named:
            words = words_of(named)
            return words[0] if len(words) > 1 else named
    return node.value if node.level.endswith("_name") else ""


def _inputs(step: Step | None) -> Mapping[str, Any]:
    if step is None or step.node is None or not step.node.records:
        return {}
    first = step.node.own_records[0]
    given = _value(first, ("input", "inputs", "arguments"))
    if isinstance(given, Mapping):
        return given
    payload = first.payload
    return {name: payload[name] for name in payload} if first.kind == EVENT else {}


def _value(record: Record, names: Iterable[str]) -> Any:
    payload = record.payload
    inner = payload.get("data")
    for name in names:
        if payload.get(name) is not None:
            return payload[name]
        if isinstance(inner, Mapping) and inner.get(name) is not None:
            return inner[name]
    return None


def _tags(record: Record) -> tuple[str, ...]:
    tags = record.body.get("tags") if isinstance(record.body, Mapping) else None
    return tuple(str(tag).lower() for tag in tags) if isinstance(tags, list) else ()


def _is_compensation(record: Record) -> bool:
    return "compensat" in record.name.lower() or "compensation" in _tags(record)


def _is_decision(record: Record) -> bool:
    return record.kind == EVENT and ("decision" in words_of(record.name)[-1:] or "ai-decision" in _tags(record))


def _compensations(flow: Flow, path: Iterable[Step]) -> Iterator[Compensation]:
    parts: dict[str, list[Record]] = {}
    declared = {one.compensation.get("by", ""): one.compensation.get("of", "") for one in flow.shape.lifecycles}
    for record in flow.timeline():
        if _is_compensation(record) or (record.name and record.name in declared):
            key = _value(record, ("original_span_id", "compensates", "stage", "step", "step_id", "step_name"))
            key = key or record.ids.get("parent_span_id") or record.ids.get("span_id") or declared.get(record.name, "")
            parts.setdefault(str(key), []).append(record)
    if not parts:
        return
    by_span = {step.node.value: step.name for step in path if step.node is not None and step.node.level == "span"}
    undone = set()
    for key, records in parts.items():
        states = [status_of(record) for record in records]
        status = next((state for state in reversed(states) if state not in ("", "running")), "running")
        named = _value(records[0], ("stage", "step", "step_name"))
        of = by_span.get(key) or (str(named) if named else key)
        undone |= {key, of}
        errors = [error_of(record) for record in records if status_of(record) == "failed"]
        times = [record.time for record in records if record.time]
        ends = [record.end or record.time for record in records]
        start = min(times, default=0)
        yield Compensation(of, status, start, max(ends, default=0), next((e for e in errors if e), ""))
    first = min((record.time for records in parts.values() for record in records if record.time), default=0)
    for step in path:
        ended_before = step.status == "ok" and step.end and first and step.end <= first
        is_root = step.node is not None and step.node.parent is None
        if (
            ended_before
            and not is_root
            and step.name not in undone
            and (step.node is None or step.node.value not in undone)
        ):
            yield Compensation(step.name, "missing")


def _decisions(timeline: list[Record]) -> Iterator[Decision]:
    for number, record in enumerate(timeline):
        if not _is_decision(record):
            continue
        alternatives = _value(record, _CONSIDERED)
        confidence = _value(record, ("confidence",))
        yield Decision(
            record,
            _plain(_value(record, _CHOSEN)),
            tuple(_plain(one) for one in alternatives) if isinstance(alternatives, list) else (),
            _plain(_value(record, _REASON)),
            float(confidence) if isinstance(confidence, (int, float)) and not isinstance(confidence, bool) else None,
            sum(1 for later in timeline[number + 1 :] if status_of(later) == "failed"),
        )


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping):
        named = next((value[key] for key in ("name", "choice", "id", "action") if key in value), None)
        if named is not None:
            return str(named)
    if isinstance(value, (Mapping, list)):
        import json

        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
