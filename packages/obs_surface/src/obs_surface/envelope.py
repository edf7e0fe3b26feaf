"""Envelopes, prepared: what is the same for all events of a name, or for all in a context, is JSON already."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from time import gmtime, time_ns
from typing import TYPE_CHECKING, Any, NamedTuple

from obs_surface.context import ObsContext
from obs_surface.encoding import dumps_plain, plain
from obs_surface.errors import ConfigurationError, Problem
from obs_surface.ids import WELL_FORMED, is_request_id
from obs_surface.reserved import RESERVED

if TYPE_CHECKING:
    from obs_surface.actor import Actor
    from obs_surface.lock import Lock
    from obs_surface.redact import Redaction
    from obs_surface.validate import Check

SEVERITIES = ("debug", "info", "warn", "error")
_SPELLED = {
    "warning": "warn",
    "critical": "error",
    "fatal": "error",
    "exception": "error",
    "err": "error",
    "trace": "debug",
}

_UNDECLARED = (
    ("request_id", "string"),
    ("correlation_id", "string"),
    ("parent_correlation_id", "string"),
    ("job_id", "string"),
    ("job_run_id", "string"),
    ("trace_id", "otel-trace-id"),
    ("span_id", "otel-span-id"),
    ("parent_trace_id", "otel-trace-id"),
    ("parent_span_id", "otel-span-id"),
)
"""The ids of an envelope where no registry says which."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,199}").fullmatch
_NO_PART_OF_A_NAME = re.compile(r"[^A-Za-z0-9_.:/-]+")
_MANY = 2000
"""Plans of unregistered names that are kept: names made of data must not fill the memory."""


class Fragment(NamedTuple):
    """What a context adds to an envelope."""

    surface: object
    """The configuration that it was made for; kept on the context, it is of no use for another."""
    data: bytes
    """`Z","correlation":{…},"actor":{…},"payload":`."""
    present: frozenset[str]
    """The ids that are in it or that the context has for the payload."""
    problems: tuple[Problem, ...]
    ids: Mapping[str, str]
    """The ids that the payload takes over, by name of the field."""


class EventPlan:
    """What is known of an event before it happens."""

    __slots__ = (
        "at", "check", "declared", "default", "head", "name", "problems", "redact", "required", "required_at", "tails",
    )  # fmt: skip

    def __init__(self, name: str) -> None:
        self.name = name
        self.head = b""
        """Up to the seconds of occurred_at."""
        self.tails: dict[str | None, bytes] = {}
        """Severity → the end of the line, its newline included; None → that of the event."""
        self.default = "info"
        self.required: frozenset[str] = frozenset()
        self.at: tuple[tuple[str, tuple[str, ...]], ...] = ()
        """(id, its path in the payload)."""
        self.required_at: tuple[tuple[str, ...], ...] = ()
        """Paths in the payload that must be there because they hold ids."""
        self.check: Check | None = None
        self.redact: Callable[[dict[str, Any]], dict[str, Any]] | None = None
        self.declared: frozenset[str] | None = None
        """Names of properties that may stand in pointers; None: any."""
        self.problems: tuple[Problem, ...] = ()
        """What is wrong whatever the payload is."""


class Envelopes(dict[str, EventPlan]):
    """Event name → its plan, made when the event first happens; and the fragments of contexts."""

    __slots__ = (
        "_actor", "_at", "_ends", "_fields", "_redaction", "_schema", "_severity", "_shapes", "_strict", "_validates",
        "_version", "event_ids", "lock",
    )  # fmt: skip

    def __init__(self, lock: Lock | None, actor: Actor, redaction: Redaction, *, validates: bool, strict: bool) -> None:
        super().__init__()
        self.lock = lock
        self._actor = actor
        self._redaction = redaction
        self._validates = validates
        self._strict = strict
        fields: Mapping[str, Mapping[str, Any]] = {} if lock is None else lock.correlation_fields
        given = [(name, str(field.get("type", "string"))) for name, field in fields.items() if not field.get("at")]
        self._fields = [
            # An id in one of these forms has nothing in it that JSON escapes.
            (name, fits, kind == "integer", fits is is_text)
            for name, kind in (given if lock is not None and fields else _UNDECLARED)
            for fits in (WELL_FORMED.get(kind, is_request_id if name in _IDS else is_text),)
        ]
        self._ends: dict[Actor, str] = {}
        self._at = tuple(
            (name, tuple(str(field["at"]).removeprefix("payload.").split(".")))
            for name, field in fields.items()
            if str(field.get("at", "")).startswith("payload.")
        )
        schema = None if lock is None else lock.schemas.get("envelope")
        properties = schema.get("properties", {}) if isinstance(schema, dict) else {}
        closed = isinstance(schema, dict) and schema.get("additionalProperties") is False
        self._severity = not closed or "severity" in properties
        self._version = not closed or "schema_version" in properties
        self.event_ids = "event_id" in properties
        self._schema: Check | None = None
        self._shapes: dict[Any, tuple[Problem, ...]] = {}
        if validates and isinstance(schema, dict):
            self._schema = self._compiled(schema, "the envelope")

    # -- events

    def __missing__(self, name: Any) -> EventPlan:
        if not isinstance(name, str) or (_NAME(name) is None and not self._is_registered(name)):
            shown = written_name(name)
            plan = self._plan(shown, None)
            if self._validates:
                plan.problems = (Problem("/event_name", "pattern"), *plan.problems)
            return plan
        plan = self._plan(name, RESERVED.get(name) or (None if self.lock is None else self.lock.events.get(name)))
        if len(self) < _MANY or self._is_registered(name):
            self[name] = plan
        return plan

    def _is_registered(self, name: str) -> bool:
        return name in RESERVED or (self.lock is not None and name in self.lock.events)

    def _plan(self, name: str, event: Mapping[str, Any] | None) -> EventPlan:
        plan = EventPlan(name)
        said = event or {}
        schema = said.get("payload")
        plan.default = str(said.get("severity") or "info")
        version = str(said.get("version", 1))
        start = b'{"event_name":' + dumps_plain(name)
        plan.head = start + (b',"event_id":"' if self.event_ids else b',"occurred_at":"')
        for severity in SEVERITIES:
            plan.tails[severity] = self._tail(severity, version)
        if plan.default not in SEVERITIES:
            plan.default = severity_of(plan.default) or "info"
        plan.tails[None] = plan.tails[plan.default]
        if name not in RESERVED:
            closed = isinstance(schema, dict) and schema.get("additionalProperties") is False
            properties = schema.get("properties", {}) if isinstance(schema, dict) else {}
            plan.at = tuple((field, path) for field, path in self._at if not closed or path[0] in properties)
        plan.redact = self._redaction.plan(schema)
        if self._validates:
            self._add_checks(plan, event, schema)
        return plan

    def _add_checks(self, plan: EventPlan, event: Mapping[str, Any] | None, schema: Any) -> None:
        if event is None:
            if self.lock is not None:
                plan.problems = (Problem("", "unregistered"),)
        else:
            required = frozenset(event.get("correlation", {}).get("required", ()))
            at = dict(self._at)
            plan.required = required - at.keys()
            plan.required_at = tuple(at[name] for name in sorted(required & at.keys()))
        if schema is not None:
            from obs_surface.validate import declared_names

            plan.declared = declared_names(schema)
            plan.check = self._compiled(schema, plan.name)
        if self._schema is not None and event is not None:
            sample = self._sample(plan.name, {}, self._actor.as_dict())
            found = self._schema.problems(sample, ())
            plan.problems += tuple(problem for problem in found if problem.pointer.startswith("/event_name"))

    def _compiled(self, schema: Any, of: str) -> Check | None:
        from obs_surface.validate import compiled

        try:
            return compiled(schema)
        except (ValueError, TypeError, RecursionError) as error:
            told = f"the schema of {of} is no valid JSON Schema: {error}"
            if self._strict:
                raise ConfigurationError(f"{told}; correct it in the registry and build the lock anew") from None
            from obs_surface.notices import say_once

            say_once(f"{told}; its events are not validated", key=f"schema:{of}")
            return None

    def _tail(self, severity: str, version: str) -> bytes:
        parts = [b',"severity":"%b"' % severity.encode()] if self._severity else []
        if self._version:
            parts.append(b',"schema_version":' + dumps_plain(version))
        return b"".join([*parts, b"}\n"])

    # -- contexts

    def fragment(self, ctx: ObsContext, surface: object, span: tuple[str, str] | None = None) -> Fragment:
        """Return what a context adds. `span`: trace and span id that stand in place of the context's own.

        An id that is not what the registry says is left out and told of: with it, the whole envelope would be
        invalid, and it may hold anything.
        """
        values = ctx._values
        further = ctx._fields
        if span is not None:
            values = {**values, "trace_id": span[0], "span_id": span[1]}
        parts: list[str] = []
        correlation: dict[str, Any] = {}
        problems: list[Problem] = []
        for name, fits, is_number, escapes in self._fields:
            value = values.get(name)
            if value is None:
                value = further.get(name) if further else None
                if value is None:
                    continue
            text = value if type(value) is str else str(value)
            if not fits(text):
                problems.append(Problem(f"/correlation/{name}", "format"))
            elif is_number:
                correlation[name] = int(text)
                parts.append(f'"{name}":{text}')
            else:
                correlation[name] = text
                parts.append(f'"{name}":{dumps_plain(text).decode()}' if escapes else f'"{name}":"{text}"')
        ids = {}
        for name, _ in self._at:
            value = values.get(name, further.get(name))
            if value is not None:
                if is_text(str(value)):
                    ids[name] = str(value)
                else:
                    problems.append(Problem(f"/payload/{name}", "format"))
        actor = ctx._actor or self._actor
        present = frozenset((*correlation, *ids))
        if self._schema is not None:
            problems.extend(self._shape_problems(correlation, actor))
        data = f'Z","correlation":{{{",".join(parts)}{self._end(actor)}'.encode()
        return Fragment(surface, data, present, tuple(problems), ids)

    def _end(self, actor: Actor) -> str:
        """What comes after the ids, for an actor."""
        end = self._ends.get(actor)
        if end is None:
            end = f'}},"actor":{dumps_plain(plain(actor.as_dict())[0]).decode()},"payload":'
            if len(self._ends) < _MANY:
                self._ends[actor] = end
        return end

    def _shape_problems(self, correlation: dict[str, Any], actor: Actor) -> tuple[Problem, ...]:
        """What the envelope's schema says of these ids and this actor; found out once for each set of ids."""
        key = (frozenset(correlation), actor)
        found = self._shapes.get(key)
        if found is None:
            assert self._schema is not None
            sample = self._sample("obs.smoke.sentinel", correlation, actor.as_dict())
            told = self._schema.problems(sample, ())
            found = tuple(problem for problem in told if not problem.pointer.startswith("/event_name"))
            if len(self._shapes) < _MANY:
                self._shapes[key] = found
        return found

    def _sample(self, name: str, correlation: Mapping[str, Any], actor: Mapping[str, str]) -> dict[str, Any]:
        sample: dict[str, Any] = {
            "event_name": name,
            "occurred_at": "2025-11-20T09:14:33.140512Z",
            "correlation": correlation,
            "actor": actor,
            "payload": {},
        }
        if self.event_ids:
            sample["event_id"] = "0192f0c1-7a3e-7c4d-9b1e-2f6d8a5c3e10"
        if self._severity:
            sample["severity"] = "info"
        if self._version:
            sample["schema_version"] = "1"
        return sample


_IDS = frozenset(("request_id", "correlation_id", "parent_correlation_id", "job_id", "job_run_id"))


def is_text(text: str) -> bool:
    """True for 1 to 256 printable characters: the name of a layer, an id that the registry calls a string."""
    return 0 < len(text) <= 256 and text.isprintable()


def written_name(name: object) -> str:
    """Return a name that an envelope can have, for one that it can't: what is odd in it becomes `_`."""
    if not isinstance(name, str):
        return f"{type(name).__name__}"[:200]
    shown = _NO_PART_OF_A_NAME.sub("_", name)[:200].lstrip(".:/-")
    return shown or "_"


def severity_of(severity: object) -> str | None:
    """Return one of the four words for what people call them (`WARNING`, `critical`), None for anything else."""
    if not isinstance(severity, str):
        return None
    word = severity.lower()
    word = _SPELLED.get(word, word)
    return word if word in SEVERITIES else None


def completed(payload: dict[str, Any], plan: EventPlan, ids: Mapping[str, str]) -> dict[str, Any]:
    """Return the payload with the ids that belong into it: itself where it has them, else a copy."""
    for name, path in plan.at:
        value = ids.get(name)
        if value is None:
            continue
        if len(path) == 1:
            if path[0] not in payload:
                payload = {**payload, path[0]: value}
        else:
            payload = _placed(payload, path, value)
    return payload


def _placed(payload: dict[str, Any], path: tuple[str, ...], value: str) -> dict[str, Any]:
    if len(path) == 1:
        return payload if path[0] in payload else {**payload, path[0]: value}
    below = payload.get(path[0], {})
    if type(below) is not dict:
        return payload
    placed = _placed(below, path[1:], value)
    return payload if placed is below else {**payload, path[0]: placed}


def has_all(payload: Mapping[str, Any], paths: tuple[tuple[str, ...], ...]) -> bool:
    """True where every path leads to a value."""
    for path in paths:
        node: Any = payload
        for part in path:
            node = node.get(part) if isinstance(node, dict) else None
        if node is None:
            return False
    return True


_second: tuple[int, bytes] = (-1, b"")


def seconds(whole: int) -> bytes:
    """Return a second since the epoch as `2025-11-20T09:14:33.`; the last one is remembered."""
    global _second  # noqa: PLW0603 - one tuple, replaced as a whole: safe over threads
    now = gmtime(whole)
    text = b"%04d-%02d-%02dT%02d:%02d:%02d." % now[:6]
    _second = (whole, text)
    return text


def timestamp(at: int | None = None) -> str:
    """Return a time in UTC as envelopes have it, with microseconds. `at`: nanoseconds since the epoch, default now."""
    whole, rest = divmod(time_ns() if at is None else at, 1_000_000_000)
    second = _second
    return f"{(second[1] if second[0] == whole else seconds(whole)).decode()}{rest // 1000:06d}Z"
