"""The one way out for events: envelope, validation, redaction, sinks, in one call that never fails its caller."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from time import time_ns
from typing import Any

from obs_surface import configuration, envelope, notices
from obs_surface import otel as _otel
from obs_surface.configuration import Surface
from obs_surface.context import EMPTY, ObsContext, _current
from obs_surface.encoding import dumps_plain, has_nonfinite, plain
from obs_surface.envelope import EventPlan, Fragment, completed, has_all, severity_of
from obs_surface.errors import ConfigurationError, ContractViolation, Problem
from obs_surface.ids import uuid7
from obs_surface.reserved import CONTRACT_VIOLATION

_NO_RECORD: Mapping[str, Any] = {}
_CUT = "[truncated]"
_MOST_PROBLEMS = 50
_remember = object.__setattr__


def emit(
    event_name: str,
    payload: Mapping[str, Any] | None = None,
    ctx: ObsContext | None = None,
    *,
    severity: str | None = None,
) -> None:
    """Emit an event: build its envelope, validate, redact, write it to the sinks (004 Issue 6.3).

    payload: what the registry declares for the event, plain values of JSON. ctx: default the current context.
    severity: debug, info, warn or error; default that of the event, else info.

    Strict, it raises ContractViolation for an event that breaks its contract, and writes nothing. Otherwise it raises
    nothing: it writes the event, made valid JSON whatever was in the payload, then `obs.contract_violation` with the
    event's name and the JSON pointers of what is wrong, no values, and counts it.
    """
    surface = configuration.active
    if surface is None:
        surface = configuration.unconfigured()
    try:
        line = _quick(surface, event_name, payload, ctx, severity)
    except Exception:  # noqa: BLE001 - whatever is odd about the event is found out by the careful way
        line = None
    if line is None:
        _carefully(surface, event_name, payload, ctx, severity)
        return
    surface.emitted.add()
    try:
        surface.put(line, surface.loads(line) if surface.wants_record else _NO_RECORD)
    except Exception as error:  # noqa: BLE001 - a sink is code of any kind, and no reason for a request to fail
        surface.sink_failed(error)


def emit_to(
    surface: Surface,
    event_name: str,
    payload: Mapping[str, Any],
    ctx: ObsContext,
    span: tuple[str, str] | None = None,
) -> None:
    """Emit an event of obs_surface itself to one surface, without checks. Raises nothing.

    span: trace and span id that stand in place of the context's own.
    """
    try:
        line = _prepare(surface, event_name, payload, ctx, None, span, checks=False)[1]
    except Exception as error:  # noqa: BLE001 - as in emit
        _lost(surface, error)
        return
    surface.emitted.add()
    surface.write(line)


def line_of(surface: Surface, event_name: str, payload: Mapping[str, Any], severity: str | None = None) -> bytes:
    """Return the line of an event outside any context, not validated, made valid JSON whatever is in the payload."""
    return _prepare(surface, event_name, payload, EMPTY, severity, None, checks=False)[1]


def _quick(
    surface: Surface, event_name: str, payload: Any, ctx: ObsContext | None, severity: str | None
) -> bytes | None:
    """Return the line of an event that is as it should be; None, or any exception, for one that needs a second look."""
    plan = surface.plans[event_name]
    if ctx is None:
        ctx = _current.get()
        fragment: Fragment | None = ctx._cache
        if fragment is None or fragment[0] is not surface:
            fragment = _fragment(surface, ctx)
        if surface.otel:
            fragment = _with_span(surface, ctx, fragment)
    else:
        fragment = ctx._cache
        if fragment is None or fragment[0] is not surface:
            fragment = _fragment(surface, ctx)
        if surface.otel and ctx.span_id is None:
            fragment = _with_span(surface, ctx, fragment)
    if payload.__class__ is not dict:
        return None
    if plan.at and fragment[4]:
        payload = completed(payload, plan, fragment[4])
    if surface.validates:
        if plan.problems or fragment[3] or not plan.required <= fragment[2]:
            return None
        check = plan.check
        if check is not None and not check[0](payload):
            return None
        if plan.required_at and not has_all(payload, plan.required_at):
            return None
    redact = plan.redact
    body: bytes = surface.dumps(payload if redact is None else redact(payload))
    if b"null" in body and has_nonfinite(payload):
        return None
    now = time_ns()
    whole = now // 1_000_000_000
    second = envelope._second
    line = b"%b%b%06d%b%b%b" % (
        plan.head if not surface.event_ids else plan.head + uuid7().encode() + b'","occurred_at":"',
        second[1] if second[0] == whole else envelope.seconds(whole),
        now // 1000 % 1_000_000,
        fragment[1],
        body,
        plan.tails[severity],
    )
    return line if len(line) <= surface.limit else None


def _fragment(surface: Surface, ctx: ObsContext) -> Fragment:
    fragment = surface.plans.fragment(ctx, surface)
    _remember(ctx, "_cache", fragment)
    return fragment


def _with_span(surface: Surface, ctx: ObsContext, fragment: Fragment) -> Fragment:
    span = _otel.current_ids()
    return fragment if span is None else surface.plans.fragment(ctx, surface, span)


# -- the careful way: slow, and ready for anything


def _carefully(surface: Surface, event_name: Any, payload: Any, ctx: Any, severity: Any) -> None:
    """Emit what may be anything, in every argument."""
    try:
        given = isinstance(ctx, ObsContext)
        within: ObsContext = ctx if given else _current.get()
        span = _otel.current_ids() if surface.otel and (not given or within.span_id is None) else None
        plan, line, problems = _prepare(surface, event_name, payload, within, severity, span, checks=surface.validates)
    except ConfigurationError:  # strict, and a schema that is none
        if surface.strict:
            raise
        return
    except Exception as error:  # noqa: BLE001 - as in emit
        _lost(surface, error)
        return
    if problems:
        surface.violations.add()
        if surface.strict:
            raise ContractViolation(plan.name, problems)
    surface.emitted.add()
    surface.write(line)
    if problems:
        told = [{"pointer": problem.pointer[:500], "keyword": problem.keyword} for problem in problems[:_MOST_PROBLEMS]]
        emit_to(surface, CONTRACT_VIOLATION, {"event": plan.name, "problems": told}, within, span)


def _lost(surface: Surface, error: Exception) -> None:
    surface.errors.add()
    if sys.is_finalizing():  # nothing can be imported any more: of a violation, its report is what is lost
        return
    # Not its text: it may hold a value of the payload.
    notices.say_once(
        f"an event is lost: {type(error).__name__} inside obs_surface; more are counted (stats())", key="lost"
    )


def _prepare(
    surface: Surface,
    event_name: Any,
    payload: Any,
    ctx: ObsContext,
    severity: Any,
    span: tuple[str, str] | None,
    *,
    checks: bool,
) -> tuple[EventPlan, bytes, list[Problem]]:
    """Return the plan, the line, and all that is wrong, of any event whatever."""
    plans = surface.plans
    plan = plans[event_name] if isinstance(event_name, str) else plans.__missing__(event_name)
    fragment = plans.fragment(ctx, surface, span)
    tree, problems = _tree(payload, plan.declared)
    tree = completed(tree, plan, fragment.ids)
    if checks:
        problems += plan.problems
        problems += fragment.problems
        problems += [Problem(f"/correlation/{name}", "required") for name in sorted(plan.required - fragment.present)]
        problems += [
            Problem("/payload/" + "/".join(path), "required") for path in plan.required_at if not has_all(tree, (path,))
        ]
        if plan.check is not None:
            problems += plan.check.problems(tree, ("payload",))
    word = severity
    if not isinstance(word, str | None) or word not in plan.tails:
        word = severity_of(severity)
        if word is None or severity != word:
            problems.append(Problem("/severity", "enum"))
    if plan.redact is not None:
        tree = plan.redact(tree)
    data = dumps_plain(tree)
    start = plan.head + (uuid7().encode() + b'","occurred_at":"' if surface.event_ids else b"")
    start += envelope.timestamp()[:-1].encode() + fragment.data
    tail = plan.tails[word]
    room = surface.limit - len(start) - len(tail)
    if len(data) > room:
        surface.truncated.add()
        tree, cut = _shortened(tree, room, plan.declared)
        problems += cut
        data = dumps_plain(tree)
    return plan, start + data + tail, list(dict.fromkeys(problems))


def _tree(payload: Any, declared: frozenset[str] | None) -> tuple[dict[str, Any], list[Problem]]:
    """Return any payload as a plain object, and what had to be changed."""
    if payload is None:
        return {}, []
    if not isinstance(payload, Mapping):
        return {}, [Problem("/payload", "type")]
    tree, problems = plain(payload, ("payload",), None if declared is None else declared | {"payload"})
    if not isinstance(tree, dict):  # its own items() failed
        return {}, problems
    return tree, problems


def _shortened(
    tree: dict[str, Any], room: int, declared: frozenset[str] | None
) -> tuple[dict[str, Any], list[Problem]]:
    """Return the payload with as many of its small members as there is room for, the others cut."""
    sizes = {key: len(dumps_plain(key)) + 2 + len(dumps_plain(value)) for key, value in tree.items()}
    problems: dict[Problem, None] = {}
    left = room - 2
    kept: dict[str, Any] = {}
    for key in sorted(tree, key=sizes.__getitem__):
        if sizes[key] <= left:
            kept[key] = tree[key]
            left -= sizes[key]
            continue
        shown = key if declared is None or key in declared else "*"
        problems[Problem("/payload/" + shown.replace("~", "~0").replace("/", "~1")[:200], "maxBytes")] = None
        short = len(dumps_plain(key)) + 3 + len(_CUT) + 1
        # What is cut must not take the room of the next that fits; its name stays where the name itself is short.
        if short <= left and short <= 256:
            kept[key] = _CUT
            left -= short
    return {key: kept[key] for key in tree if key in kept}, list(problems)[:_MOST_PROBLEMS]


__all__ = ["emit", "emit_to", "line_of"]
