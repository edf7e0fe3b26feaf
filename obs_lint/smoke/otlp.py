"""OTLP, as JSON or as protobuf messages → records: spans, log records and events, with hex and base64 ids."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from obs_lint.smoke.objects import SEVERITIES, loads
from obs_lint.smoke.records import EVENT, LOG, NOTHING, SPAN, Link, Record, broken

if TYPE_CHECKING:
    from obs_lint.smoke.objects import ObjectReader

STATUSES: Final = ("unset", "ok", "error")
KINDS: Final = ("", "internal", "server", "client", "producer", "consumer")
_SEVERITY: Final = ("", *("debug",) * 8, *("info",) * 4, *("warn",) * 4, *("error",) * 8)
"""By severity number: 1-4 trace, 5-8 debug, 9-12 info, 13-16 warn, 17-20 error, 21-24 fatal."""
_HAS_REMOTE: Final = 0x100
_IS_REMOTE: Final = 0x200
_NOT_PAYLOAD: Final = frozenset(
    ("service.name", "service.version", "deployment.environment.name", "host.name", "schema_version")
)
_DEEP: Final = 64
_TOO_DEEP: Final = "[nested deeper than 64 levels]"
_NO_PARENT: Final = frozenset(("", "0000000000000000"))


class Lazy(Mapping[str, Any]):
    """A mapping that is made when it is first looked at; most attributes of most spans never are."""

    __slots__ = ("_found", "_make", "_of")

    def __init__(self, make: Callable[[Any], dict[str, Any]], of: Any) -> None:
        self._make = make
        self._of = of
        self._found: dict[str, Any] | None = None

    def made(self) -> dict[str, Any]:
        """Return the mapping as a dict."""
        found = self._found
        if found is None:
            found = self._found = self._make(self._of)
            self._of = None
        return found

    def __getitem__(self, key: str) -> Any:
        return self.made()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.made())

    def __len__(self) -> int:
        return len(self.made())

    def __contains__(self, key: object) -> bool:
        return key in self.made()

    def __repr__(self) -> str:
        return repr(self.made())


# -- ids


def hex_id(value: Any, size: int) -> str:
    """Return an id as lower-case hex: `size` bytes, given as hex (OTLP/JSON) or base64 (protobuf's own JSON).

    What is neither comes back as it is written, for the check that judges ids; nothing is the empty text.
    """
    if not isinstance(value, str):
        return "" if value is None else str(value)
    length = len(value)
    if length == size * 2:
        return value.lower()
    if length and (length * 3 // 4 - value.count("=")) == size:
        try:
            decoded = base64.b64decode(
                value + "=" * (-length % 4), altchars=b"-_" if re.search("[-_]", value) else None
            )
        except (binascii.Error, ValueError):
            return value
        if len(decoded) == size:
            return decoded.hex()
    return value


# -- JSON


def records_of_json(document: Mapping[str, Any], objects: ObjectReader, source: str, line: int) -> list[Record]:
    """Return the records of a parsed document: an export request, a line of the file exporter, a stored trace.

    Spans under resourceSpans or batches, in scopeSpans or instrumentationLibrarySpans; log records alike; metrics are
    left out. What has another shape is a `broken` record that names the place.
    """
    if "resource_spans" in document or "resource_logs" in document:
        document = _camel(document)
    found: list[Record] = []
    for signal, scopes, old, items, make in (
        ("resourceSpans", "scopeSpans", "instrumentationLibrarySpans", "spans", _json_span),
        ("resourceLogs", "scopeLogs", "instrumentationLibraryLogs", "logRecords", _json_log),
    ):
        if signal not in document:
            continue
        try:
            for number, batch in enumerate(_list(document, signal, signal)):
                place = f"{signal}[{number}]"
                resource = _json_attributes(_table(batch, "resource", place).get("attributes"))
                service = _text(resource.get("service.name"))
                for key in (scopes, old):
                    for index, group in enumerate(_list(batch, key, place)):
                        where = f"{place}.{key}[{index}]"
                        if group.__class__ is not dict:
                            raise _ShapeError(f"{where} is no object")
                        scope = _table(group, "scope" if "scope" in group else "instrumentationLibrary", where)
                        of = _Batch(scope, resource, service, source, line)
                        known = _list(group, items if items in group or items == "spans" else "logs", where)
                        for item in known:
                            if item.__class__ is not dict:
                                found.append(broken(f"OTLP: {where}.{items}: an item is no object", source, line))
                                continue
                            found.append(make(item, of, objects))
        except _ShapeError as shape:
            found.append(broken(f"OTLP: {shape}", source, line, _bytes(document)[:65536]))
    return found


class _Batch(NamedTuple):
    """What the spans or log records of one scope have in common."""

    scope: Mapping[str, Any]
    resource: dict[str, Any]
    service: str
    source: str
    line: int


class _ShapeError(Exception):
    """A document that is not shaped like OTLP, and where."""


def _list(table: Any, key: str, place: str) -> list[Any]:
    if table.__class__ is not dict:
        raise _ShapeError(f"{place} is no object")
    value = table.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise _ShapeError(f"{place}: {key} is no list")
    return value


def _table(table: Any, key: str, place: str) -> dict[str, Any]:
    if table.__class__ is not dict:
        raise _ShapeError(f"{place} is no object")
    value = table.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _ShapeError(f"{place}: {key} is no object")
    return value


def _camel(value: Any) -> Any:
    """Keys as OTLP/JSON has them, from protobuf JSON that kept the names of the fields."""
    if isinstance(value, dict):
        return {re.sub(r"_([a-z])", lambda match: match[1].upper(), key): _camel(item) for key, item in value.items()}
    return [_camel(item) for item in value] if isinstance(value, list) else value


def _json_span(span: dict[str, Any], of: _Batch, objects: ObjectReader) -> Record:
    attributes = span.get("attributes")
    ids = _json_ids(attributes, objects)
    ids["trace_id"] = hex_id(span.get("traceId"), 16)
    ids["span_id"] = hex_id(span.get("spanId"), 8)
    parent = hex_id(span.get("parentSpanId"), 8)
    if parent not in _NO_PARENT:
        ids["parent_span_id"] = parent
    status = span.get("status")
    flags = _whole(span.get("flags"))
    return Record(
        SPAN,
        _text(span.get("name")),
        _whole(span.get("startTimeUnixNano")),
        ids,
        Lazy(_json_attributes, attributes),
        Lazy(_json_span_body, (span, of.scope)),
        of.source,
        of.line,
        of.service,
        raw=_bytes(span),
        resource=of.resource,
        status=_enumerated(status.get("code") if isinstance(status, dict) else None, STATUSES, "STATUS_CODE_", "unset"),
        end=_whole(span.get("endTimeUnixNano")),
        span_kind=_enumerated(span.get("kind"), KINDS, "SPAN_KIND_", ""),
        links=_json_links(span.get("links")),
        remote_parent=bool(flags & _IS_REMOTE) if flags & _HAS_REMOTE else None,
    )


def _json_links(links: Any) -> tuple[Link, ...]:
    if links.__class__ is not list:
        return ()
    return tuple(
        Link(hex_id(link.get("traceId"), 16), hex_id(link.get("spanId"), 8)) for link in links if isinstance(link, dict)
    )


def _json_log(log: dict[str, Any], of: _Batch, objects: ObjectReader) -> Record:
    number = log.get("severityNumber")
    if isinstance(number, str):
        named = re.fullmatch(r"SEVERITY_NUMBER_([A-Z]+?)[234]?", number)
        severity = SEVERITIES.get(named[1].lower(), "") if named else ""
    else:
        severity = _SEVERITY[number] if isinstance(number, int) and 0 <= number < len(_SEVERITY) else ""
    return _log(
        _text(log.get("eventName")),
        json_value(log.get("body")),
        _json_attributes(log.get("attributes")),
        _whole(log.get("timeUnixNano")) or _whole(log.get("observedTimeUnixNano")),
        severity or SEVERITIES.get(_text(log.get("severityText")).lower(), ""),
        hex_id(log.get("traceId"), 16),
        hex_id(log.get("spanId"), 8),
        _text(of.scope.get("name")),
        of.resource,
        of.service,
        objects,
        of.source,
        of.line,
        _bytes(log),
    )


def _json_ids(attributes: Any, objects: ObjectReader) -> dict[str, str]:
    ids: dict[str, str] = {}
    if attributes.__class__ is list:
        for pair in attributes:
            if pair.__class__ is dict:
                key = pair.get("key")
                name = objects.canonical_of(key) if key.__class__ is str else None
                if name is not None:
                    value = json_value(pair.get("value"))
                    if value.__class__ is str or value.__class__ is int:
                        ids[name] = str(value)
    return ids


def json_value(value: Any, depth: int = 0) -> Any:
    """Return an AnyValue of OTLP/JSON as a plain value; what is none comes back as it is."""
    if value.__class__ is not dict or len(value) != 1:
        return None if value == {} else value
    ((kind, held),) = value.items()
    if kind in ("stringValue", "boolValue"):
        return held
    if kind == "intValue":
        return _whole(held, held)
    if kind == "doubleValue":
        if held.__class__ is str:
            try:
                return float(held)
            except ValueError:
                return held
        return held
    if depth > _DEEP:
        return _TOO_DEEP
    if kind == "arrayValue":
        values = held.get("values") if isinstance(held, dict) else None
        return [json_value(item, depth + 1) for item in values] if isinstance(values, list) else []
    if kind == "kvlistValue":
        return _json_attributes(held.get("values") if isinstance(held, dict) else None, depth + 1)
    return held


def _json_attributes(pairs: Any, depth: int = 0) -> dict[str, Any]:
    if pairs.__class__ is not list:
        return dict(pairs) if isinstance(pairs, dict) else {}
    return {
        pair["key"]: json_value(pair.get("value"), depth)
        for pair in pairs
        if pair.__class__ is dict and pair.get("key").__class__ is str
    }


def _json_span_body(of: tuple[dict[str, Any], Any]) -> dict[str, Any]:
    span, scope = of
    status, events, links = (_json_part(span, key) for key in ("status", "events", "links"))
    return {
        "name": _text(span.get("name")),
        "attributes": _json_attributes(span.get("attributes")),
        "status": {"code": _table_of(status).get("code", 0), "message": _text(_table_of(status).get("message"))},
        "events": [
            {
                "name": _text(event.get("name")),
                "time": _whole(event.get("timeUnixNano")),
                "attributes": _json_attributes(event.get("attributes")),
            }
            for event in events or ()
            if isinstance(event, dict)
        ],
        "links": [
            {
                "trace_id": hex_id(link.get("traceId"), 16),
                "span_id": hex_id(link.get("spanId"), 8),
                "attributes": _json_attributes(link.get("attributes")),
            }
            for link in links or ()
            if isinstance(link, dict)
        ],
        "trace_state": _text(span.get("traceState")),
        "scope": {
            "name": _text(_table_of(scope).get("name")),
            "version": _text(_table_of(scope).get("version")),
            "attributes": _json_attributes(_table_of(scope).get("attributes")),
        },
    }


def _json_part(span: dict[str, Any], key: str) -> Any:
    value = span.get(key)
    return value if isinstance(value, dict if key == "status" else list) else None


def _table_of(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _enumerated(value: Any, names: Sequence[str], prefix: str, otherwise: str) -> str:
    """An enumeration of protobuf JSON: a number or a name."""
    if isinstance(value, str):
        name = value.removeprefix(prefix).lower()
        return name if name in names and name else otherwise
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else otherwise


def _whole(value: Any, otherwise: Any = 0) -> Any:
    """A 64-bit number of protobuf JSON: text or a number."""
    if value.__class__ is int:
        return value
    if value.__class__ is str and len(value) < 24:
        try:
            return int(value)
        except ValueError:
            return otherwise
    return int(value) if isinstance(value, float) and abs(value) < 2e19 else otherwise


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _dumps() -> Callable[[Any], bytes]:
    try:
        import orjson
    except ImportError:
        return lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return orjson.dumps


_bytes: Final = _dumps()


# -- what both have in common


def _log(
    event_name: str,
    body: Any,
    attributes: dict[str, Any],
    time: int,
    severity: str,
    trace_id: str,
    span_id: str,
    scope: str,
    resource: Mapping[str, Any],
    service: str,
    objects: ObjectReader,
    source: str,
    line: int,
    raw: bytes,
) -> Record:
    """An event where EventName is set or the body is an envelope; a log line otherwise.

    The attribute `event.name` is not EventName: such a line is a log, with that as its name.
    """
    ids = objects.ids(attributes)
    if trace_id.strip("0"):
        ids["trace_id"] = trace_id
    if span_id.strip("0"):
        ids["span_id"] = span_id
    envelope = body
    if body.__class__ is str and body[:1] == "{" and '"event_name"' in body:
        try:
            envelope = loads(body)
        except ValueError:
            envelope = None
    if envelope.__class__ is dict and "event_name" in envelope and ("payload" in envelope or "correlation" in envelope):
        record = objects.record(envelope, source, line, raw)
        return record._replace(
            ids={**ids, **record.ids},
            time=record.time or time,
            service=record.service or service,
            severity=record.severity or severity,
            resource=resource or record.resource,
        )
    whole: dict[str, Any] = {"event_name": event_name, "attributes": attributes, "body": body, "scope": scope}
    if event_name:
        payload: Mapping[str, Any] = body if body.__class__ is dict else _payload(attributes, objects)
        for name, value in objects.at_ids(payload).items():
            ids.setdefault(name, value)
        version = _text(attributes.get("schema_version"))
        return Record(
            EVENT, event_name, time, ids, payload, whole, source, line,
            service or _text(attributes.get("service.name")), severity, raw, version, resource=resource, form="otlp",
        )  # fmt: skip
    fields = {**body, **attributes} if body.__class__ is dict else attributes
    if body.__class__ is not dict and body is not None and "message" not in fields:
        fields = {**fields, "message": body}
    name = attributes.get("event.name") or scope
    return Record(
        LOG, name if isinstance(name, str) else "", time, ids, fields, whole, source, line, service, severity, raw,
        resource=resource,
    )  # fmt: skip


def record_of_log(
    *,
    event_name: str,
    body: Any,
    attributes: dict[str, Any],
    time: int,
    severity_number: int,
    severity_text: str,
    trace_id: str,
    span_id: str,
    scope: str,
    resource: dict[str, Any],
    objects: ObjectReader,
    source: str,
    line: int,
    raw: bytes,
) -> Record:
    """Return the record of a log record whose values are plain already, as in the SDK of the same process."""
    number = severity_number if 0 <= severity_number < len(_SEVERITY) else 0
    severity = _SEVERITY[number] or SEVERITIES.get(severity_text.lower(), "")
    service = _text(resource.get("service.name"))
    ids = (trace_id, span_id)
    return _log(
        event_name, body, attributes, time, severity, *ids, scope, resource, service, objects, source, line, raw
    )


def _payload(attributes: Mapping[str, Any], objects: ObjectReader) -> Mapping[str, Any]:
    """The payload among an event's attributes: without ids, and without what describes the service.

    A payload field with the name of an id is `payload.<name>`, as obs_surface writes it.
    """
    found = {
        key: value
        for key, value in attributes.items()
        if key not in _NOT_PAYLOAD and not objects.is_correlation(key) and not key.startswith("payload.")
    }
    for key, value in attributes.items():
        if key.startswith("payload."):
            found[key[8:]] = value
    return found or NOTHING


# -- protobuf messages


def records_of_traces(request: Any, objects: ObjectReader, source: str, line: int = 0) -> list[Record]:
    """Return the spans of an ExportTraceServiceRequest (or TracesData); `line` is the ordinal before the first."""
    found: list[Record] = []
    add = found.append
    named = objects.canonical_of
    for batch in request.resource_spans:
        resource = _attributes(batch.resource.attributes)
        service = _text(resource.get("service.name"))
        for group in batch.scope_spans:
            scope = group.scope
            for span in group.spans:
                line += 1
                ids = {"trace_id": span.trace_id.hex(), "span_id": span.span_id.hex()}
                parent = span.parent_span_id
                if parent and parent != b"\0\0\0\0\0\0\0\0":
                    ids["parent_span_id"] = parent.hex()
                attributes = span.attributes
                for pair in attributes:
                    name = named(pair.key)
                    if name is not None and name not in ids:
                        value = _value(pair.value)
                        if value.__class__ is str or value.__class__ is int:
                            ids[name] = str(value)
                flags = span.flags
                kind = span.kind
                status = span.status.code
                links = span.links
                add(
                    tuple.__new__(
                        Record,
                        (
                            SPAN,
                            span.name,
                            span.start_time_unix_nano,
                            ids,
                            Lazy(_attributes, attributes),
                            Lazy(_span_body, (span, scope)),
                            source,
                            line,
                            service,
                            "",
                            span.SerializeToString(),
                            "",
                            "",
                            "",
                            resource,
                            STATUSES[status] if 0 <= status < 3 else "unset",
                            span.end_time_unix_nano,
                            KINDS[kind] if 0 <= kind < 6 else "",
                            tuple([Link(link.trace_id.hex(), link.span_id.hex()) for link in links]) if links else (),
                            (flags & _IS_REMOTE) != 0 if flags & _HAS_REMOTE else None,
                            "",
                        ),
                    )
                )
    return found


def records_of_logs(request: Any, objects: ObjectReader, source: str, line: int = 0) -> list[Record]:
    """Return the log records and events of an ExportLogsServiceRequest (or LogsData)."""
    found: list[Record] = []
    for batch in request.resource_logs:
        resource = _attributes(batch.resource.attributes)
        service = _text(resource.get("service.name"))
        for group in batch.scope_logs:
            scope = group.scope.name
            for log in group.log_records:
                line += 1
                number = log.severity_number
                found.append(
                    _log(
                        # Releases of opentelemetry-proto before 1.30 do not know the field.
                        getattr(log, "event_name", ""),
                        _value(log.body),
                        _attributes(log.attributes),
                        log.time_unix_nano or log.observed_time_unix_nano,
                        (_SEVERITY[number] if 0 <= number < len(_SEVERITY) else "")
                        or SEVERITIES.get(log.severity_text.lower(), ""),
                        log.trace_id.hex(),
                        log.span_id.hex(),
                        scope,
                        resource,
                        service,
                        objects,
                        source,
                        line,
                        log.SerializeToString(),
                    )
                )
    return found


def _attributes(pairs: Any, depth: int = 0) -> dict[str, Any]:
    return {pair.key: _value(pair.value, depth) for pair in pairs}


def _value(value: Any, depth: int = 0) -> Any:
    """An AnyValue message as a plain value."""
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return value.string_value
    if kind is None:
        return None
    if depth > _DEEP:
        return _TOO_DEEP
    if kind == "array_value":
        return [_value(item, depth + 1) for item in value.array_value.values]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values, depth + 1)
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode("ascii")
    return getattr(value, kind)


def _span_body(of: tuple[Any, Any]) -> dict[str, Any]:
    span, scope = of
    return {
        "name": span.name,
        "attributes": _attributes(span.attributes),
        "status": {"code": span.status.code, "message": span.status.message},
        "events": [
            {"name": event.name, "time": event.time_unix_nano, "attributes": _attributes(event.attributes)}
            for event in span.events
        ],
        "links": [
            {
                "trace_id": link.trace_id.hex(),
                "span_id": link.span_id.hex(),
                "attributes": _attributes(link.attributes),
            }
            for link in span.links
        ],
        "trace_state": span.trace_state,
        "scope": {"name": scope.name, "version": scope.version, "attributes": _attributes(scope.attributes)},
    }
