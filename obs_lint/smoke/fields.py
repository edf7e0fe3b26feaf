"""Which field of a system's output is what: names, times, ids and payloads of envelopes, logs and foreign formats."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

PARTS: Final = ("event", "time", "payload", "severity", "service", "version")
"""The parts of a record whose places can be given."""

DEFAULT_FIELDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "request_id": {"header": "X-Request-Id", "aliases": ["reqId", "req_id"]},
    "correlation_id": {"header": "X-Correlation-Id"},
    "parent_correlation_id": {},
    "job_id": {},
    "job_run_id": {},
    "layer_name": {"at": "payload.layer_name"},
}
"""The correlation fields where no registry declares any (004 Issue 6.1; 001 and 003 for the correlation ids)."""

TRACE_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "trace_id": ("otelTraceID", "otel.trace_id", "@tr", "TraceId", "TraceID"),
    "span_id": ("otelSpanID", "otel.span_id", "@sp", "SpanId", "SpanID"),
    "parent_span_id": ("@ps", "ParentId", "parentId", "parent.id"),
}
"""Always known, whatever a registry declares: the spellings of OpenTelemetry's log injection, ECS and Serilog."""


class FieldsError(ValueError):
    """A mapping of fields that can't be meant; the message names the key and what may stand there."""


@dataclass(frozen=True, slots=True)
class Fields:
    """Where a reader finds the parts of a record, and how the correlation fields may be spelled.

    Each place is a dotted path into the object (`meta.traceId`); at each step a key that itself has dots is tried
    whole first (`trace.id`). Places given here are tried before those that are known for envelopes, OpenTelemetry,
    CloudEvents, OpenLineage and the common loggers. `Fields()` knows the shipped names only.
    """

    event: tuple[str, ...] = ()
    """The event's name. An object that has text at one of these places is an event, whatever else it has."""
    time: tuple[str, ...] = ()
    """RFC 3339 text, or a number since the epoch (seconds, ms, µs or ns, told by its size)."""
    payload: tuple[str, ...] = ()
    """The event's payload; `.` is the whole object."""
    severity: tuple[str, ...] = ()
    service: tuple[str, ...] = ()
    version: tuple[str, ...] = ()
    """The event's schema version."""
    ids: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Canonical correlation field and its places, before all others: `(("request_id", ("meta.rid",)),)`."""
    canonical: frozenset[str] = frozenset((*DEFAULT_FIELDS, *TRACE_FIELDS))
    """The correlation fields by their canonical names."""
    at: tuple[tuple[str, str], ...] = (("layer_name", "payload.layer_name"),)
    """Canonical field and its place, for fields outside an envelope's `correlation`."""
    aliases: tuple[tuple[str, str], ...] = (("reqId", "request_id"), ("req_id", "request_id"))
    """Declared alias and canonical field."""
    headers: tuple[tuple[str, str], ...] = (("X-Request-Id", "request_id"), ("X-Correlation-Id", "correlation_id"))
    """Declared header and canonical field."""
    flat: bool = False
    """Whether an object with `event_type`, `timestamp`, `trace_id` and no message is an event, `data` its payload (002
    Decision 1)."""

    @classmethod
    def of_registry(cls, correlation: Mapping[str, Mapping[str, Any]] | None, places: Fields | None = None) -> Fields:
        """Return fields that know a registry's `correlation.fields`: canonical name → {header?, aliases?, at?}.

        `correlation` is as a lock has it (None or empty: the shipped names). `places` adds what `parse` read. Where ids
        stand on top of an event (`at: trace_id`), events may be as 002 has them (`flat`).
        """
        declared = correlation or DEFAULT_FIELDS
        fields = replace(
            places or cls(),
            flat=any(spec.get("at") and "." not in spec["at"] for spec in declared.values()),
            canonical=frozenset((*declared, *TRACE_FIELDS)),
            at=tuple((name, spec["at"]) for name, spec in declared.items() if spec.get("at")),
            aliases=tuple((alias, name) for name, spec in declared.items() for alias in spec.get("aliases") or ()),
            headers=tuple((spec["header"], name) for name, spec in declared.items() if spec.get("header")),
        )
        return replace(fields, canonical=fields.canonical | {name for name, _ in fields.ids})

    @classmethod
    def parse(cls, document: Mapping[str, Any] | None) -> Fields:
        """Read what a user wrote: `{"event": "type", "time": ["ts"], "ids": {"request_id": "meta.rid"}}`.

        Each value is a place or a list of places. Raises FieldsError.
        """
        places: dict[str, Any] = {}
        for key, value in (document or {}).items():
            if key in PARTS:
                places[key] = _places(key, value)
            elif key == "ids":
                if not isinstance(value, Mapping):
                    raise FieldsError("`ids` must be a table: a correlation field and its place")
                places["ids"] = tuple((str(name), _places(f"ids.{name}", found)) for name, found in value.items())
            else:
                raise FieldsError(f"unknown part `{key}`: it is one of {', '.join(PARTS)} or ids")
        return cls(**places)

    @classmethod
    def parse_options(cls, options: Iterable[str]) -> Fields:
        """Read `--field` options of the command line: `event=type`, `ids.request_id=meta.rid`; several add up.

        Raises FieldsError.
        """
        document: dict[str, Any] = {}
        for option in options:
            key, equals, place = option.partition("=")
            if not equals or not place.strip() or not key.strip():
                raise FieldsError(f"`{option}` is not PART=PLACE, as in event=type or ids.request_id=meta.rid")
            part, dot, name = key.strip().partition(".")
            target = document if not dot else document.setdefault(part, {})
            if not isinstance(target, dict) or (dot and part != "ids") or (not dot and part == "ids"):
                raise FieldsError(f"`{option}`: only ids has fields of its own, as in ids.request_id=meta.rid")
            target.setdefault(name if dot else part, []).append(place.strip())
        return cls.parse(document)


def _places(key: str, value: Any) -> tuple[str, ...]:
    places = [value] if isinstance(value, str) else value
    if not isinstance(places, (list, tuple)) or not all(isinstance(place, str) and place for place in places):
        raise FieldsError(f"`{key}` must be a place, or a list of places, as in meta.traceId")
    return tuple(places)


def spellings(fields: Fields) -> dict[str, str]:
    """Return every spelling under which a correlation field may stand in a flat object → its canonical name.

    Canonical names win over declared aliases, those over headers, those over spellings that are derived.
    """
    known = {name: name for name in sorted(fields.canonical)}
    for alias, name in fields.aliases:
        known.setdefault(alias, name)
    for name, aliases in TRACE_FIELDS.items():
        for alias in aliases:
            known.setdefault(alias, name)
    for header, name in fields.headers:
        for spelling in (header, header.lower(), header.upper(), header.lower().replace("-", "_")):
            known.setdefault(spelling, name)
    for name in sorted(fields.canonical):
        words = [word for word in re.split(r"[_\-. ]+", name) if word]
        camel = words[0] + "".join(word.capitalize() for word in words[1:]) if words else name
        pascal = camel[:1].upper() + camel[1:]
        derived = (camel, pascal, "-".join(words), ".".join(words), "".join(words), name.upper())
        for spelling in (*derived, re.sub(r"Id$", "ID", camel), re.sub(r"Id$", "ID", pascal)):
            known.setdefault(spelling, name)
    return known


def found_at(body: Any, path: str) -> Any:
    """Return what stands at a dotted place, None where nothing does. Keys that have dots themselves come first."""
    if path == ".":
        return body
    if not isinstance(body, Mapping):
        return None
    if path in body:
        return body[path]
    start = path.find(".")
    while start >= 0:
        inner = body.get(path[:start])
        if isinstance(inner, Mapping):
            found = found_at(inner, path[start + 1 :])
            if found is not None:
                return found
        start = path.find(".", start + 1)
    return None
