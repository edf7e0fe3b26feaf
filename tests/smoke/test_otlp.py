from __future__ import annotations

import base64
import copy
import io
import json
from typing import Any

import pytest

from obs_lint.smoke.objects import ObjectReader
from obs_lint.smoke.otlp import hex_id, json_value, records_of_logs, records_of_traces
from obs_lint.smoke.reading import read_stream
from obs_lint.smoke.records import Link, Record

TRACE, SPAN, PARENT = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174", "eee19b7ec3c1b173"


def b64(text: str) -> str:
    return base64.b64encode(bytes.fromhex(text)).decode()


def attributes(**values: str) -> list[dict[str, Any]]:
    return [{"key": key.replace("__", "."), "value": {"stringValue": value}} for key, value in values.items()]


# The shape of an exporter's request; ids as hex in capitals, as the specification's own example has them.
SPANS: dict[str, Any] = {
    "resourceSpans": [
        {
            "resource": {"attributes": attributes(service__name="my.service")},
            "scopeSpans": [
                {
                    "scope": {"name": "my.library", "version": "1.0.0"},
                    "spans": [
                        {
                            "traceId": TRACE.upper(),
                            "spanId": SPAN.upper(),
                            "parentSpanId": PARENT.upper(),
                            "name": "GET /",
                            "startTimeUnixNano": "1544712660000000000",
                            "endTimeUnixNano": "1544712661000000000",
                            "kind": 2,
                            "flags": 0x301,
                            "attributes": [
                                *attributes(request_id="r", my__attr="v"),
                                {"key": "n", "value": {"intValue": "7"}},
                            ],
                            "status": {"code": 2, "message": "boom"},
                            "links": [{"traceId": TRACE, "spanId": PARENT}],
                            "events": [
                                {
                                    "name": "exception",
                                    "timeUnixNano": "1544712660500000000",
                                    "attributes": attributes(exception__type="ValueError"),
                                }
                            ],
                        }
                    ],
                }
            ],
        }
    ]
}


def as_tempo(document: dict[str, Any]) -> dict[str, Any]:
    """The same as Tempo stores it: batches, instrumentation libraries, base64 ids, names of enumerations."""
    batches = copy.deepcopy(document["resourceSpans"])
    for batch in batches:
        groups = batch.pop("scopeSpans")
        batch["instrumentationLibrarySpans"] = groups
        for group in groups:
            group["instrumentationLibrary"] = group.pop("scope")
            for span in group["spans"]:
                span |= {"traceId": b64(TRACE), "spanId": b64(SPAN), "parentSpanId": b64(PARENT)}
                span |= {"kind": "SPAN_KIND_SERVER", "status": {"code": "STATUS_CODE_ERROR", "message": "boom"}}
                span["links"] = [{"traceId": b64(TRACE), "spanId": b64(PARENT)}]
    return {"batches": batches}


def as_snake(value: Any) -> Any:
    """The same with the names of protobuf's fields."""
    if isinstance(value, dict):
        return {
            "".join("_" + c.lower() if c.isupper() else c for c in key): as_snake(item) for key, item in value.items()
        }
    return [as_snake(item) for item in value] if isinstance(value, list) else value


def read(document: Any) -> list[Record]:
    return list(read_stream(io.BytesIO(json.dumps(document).encode()), "s"))


@pytest.mark.parametrize(
    "document",
    [SPANS, as_tempo(SPANS), {"trace": as_tempo(SPANS)}, as_snake(SPANS)],
    ids=["hex", "Tempo", "Tempo's API", "snake case"],
)
def test_a_span(document: dict[str, Any]) -> None:
    (record,) = read(document)
    assert (record.kind, record.name, record.service) == ("span", "GET /", "my.service")
    assert record.ids == {"trace_id": TRACE, "span_id": SPAN, "parent_span_id": PARENT, "request_id": "r"}
    assert (record.time, record.end) == (1544712660000000000, 1544712661000000000)
    assert (record.status, record.span_kind, record.remote_parent) == ("error", "server", True)
    assert record.links == (Link(TRACE, PARENT),)
    assert record.payload == {"request_id": "r", "my.attr": "v", "n": 7}
    assert record.resource == {"service.name": "my.service"}
    assert record.body["events"] == [
        {"name": "exception", "time": 1544712660500000000, "attributes": {"exception.type": "ValueError"}}
    ]
    assert record.body["status"]["message"] == "boom"
    assert record.body["scope"] == {"name": "my.library", "version": "1.0.0", "attributes": {}}
    assert b"ValueError" in record.raw


def test_protobuf_and_json_say_the_same() -> None:
    (from_json,) = read(SPANS)
    (from_protobuf,) = records_of_traces(request_of_spans(), ObjectReader(), "s")
    different = {"raw", "payload", "body"}
    for name in from_json._fields:
        if name not in different:
            assert getattr(from_protobuf, name) == getattr(from_json, name), name
    assert dict(from_protobuf.payload) == dict(from_json.payload)
    assert dict(from_protobuf.body) == dict(from_json.body)
    assert b"ValueError" in from_protobuf.raw


def request_of_spans() -> Any:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest()
    batch = request.resource_spans.add()
    _set(batch.resource.attributes, {"service.name": "my.service"})
    group = batch.scope_spans.add()
    group.scope.name, group.scope.version = "my.library", "1.0.0"
    span = group.spans.add()
    span.trace_id, span.span_id, span.parent_span_id = (bytes.fromhex(text) for text in (TRACE, SPAN, PARENT))
    span.name, span.kind, span.flags = "GET /", 2, 0x301
    span.start_time_unix_nano, span.end_time_unix_nano = 1544712660000000000, 1544712661000000000
    _set(span.attributes, {"request_id": "r", "my.attr": "v", "n": 7})
    span.status.code, span.status.message = 2, "boom"
    link = span.links.add()
    link.trace_id, link.span_id = bytes.fromhex(TRACE), bytes.fromhex(PARENT)
    event = span.events.add()
    event.name, event.time_unix_nano = "exception", 1544712660500000000
    _set(event.attributes, {"exception.type": "ValueError"})
    return request


def _set(attributes: Any, values: dict[str, str | int]) -> None:
    for key, value in values.items():
        pair = attributes.add()
        pair.key = key
        if isinstance(value, str):
            pair.value.string_value = value
        else:
            pair.value.int_value = value


def test_attributes_are_not_converted_before_they_are_looked_at() -> None:
    (record,) = records_of_traces(request_of_spans(), ObjectReader(), "s")
    assert getattr(record.payload, "_found", 0) is None and getattr(record.body, "_found", 0) is None
    assert "my.attr" in record.payload and len(record.payload) == 3
    assert getattr(record.payload, "_found", 0) is not None


@pytest.mark.parametrize(
    ("written", "size", "expected"),
    [
        (TRACE, 16, TRACE),
        (TRACE.upper(), 16, TRACE),
        (b64(TRACE), 16, TRACE),
        (b64(TRACE).rstrip("="), 16, TRACE),
        (base64.urlsafe_b64encode(bytes.fromhex("ff" * 16)).decode(), 16, "ff" * 16),
        (SPAN, 8, SPAN),
        (b64(SPAN), 8, SPAN),
        ("", 8, ""),
        (None, 8, ""),
        (5, 8, "5"),
        ("not an id", 8, "not an id"),
        ("zzzz" * 8, 16, "zzzz" * 8),
        ("!" * 24, 16, "!" * 24),
        (TRACE[:-2], 16, TRACE[:-2]),
    ],
)
def test_ids(written: Any, size: int, expected: str) -> None:
    assert hex_id(written, size) == expected


@pytest.mark.parametrize("parent", [None, "", "0" * 16, b64("0" * 16)])
def test_a_root_has_no_parent(parent: str | None) -> None:
    document = copy.deepcopy(SPANS)
    document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["parentSpanId"] = parent
    (record,) = read(document)
    assert "parent_span_id" not in record.ids


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ({"stringValue": "a"}, "a"),
        ({"boolValue": True}, True),
        ({"intValue": "-5"}, -5),
        ({"intValue": 5}, 5),
        ({"intValue": "x"}, "x"),
        ({"doubleValue": "NaN?"}, "NaN?"),
        ({"doubleValue": "1.5"}, 1.5),
        ({"arrayValue": {"values": [{"intValue": "1"}]}}, [1]),
        ({"arrayValue": {}}, []),
        ({"kvlistValue": {"values": [{"key": "a", "value": {"boolValue": False}}]}}, {"a": False}),
        ({"bytesValue": "AAE="}, "AAE="),
        ({}, None),
        (None, None),
    ],
)
def test_values(value: Any, plain: Any) -> None:
    assert json_value(value) == plain


def test_values_nested_without_end_do_not_raise() -> None:
    value: Any = {"stringValue": "a"}
    for _ in range(400):
        value = {"arrayValue": {"values": [value]}}
    assert "nested deeper" in str(json_value(value))


LOG: dict[str, Any] = {
    "timeUnixNano": "1544712660300000000",
    "severityNumber": 10,
    "traceId": TRACE.upper(),
    "spanId": SPAN.upper(),
    "body": {"stringValue": "hello"},
    "attributes": attributes(request_id="r", exception__type="ValueError"),
}


def logs(**change: Any) -> dict[str, Any]:
    scope = {"scope": {"name": "lib"}, "logRecords": [{**LOG, **change}]}
    return {"resourceLogs": [{"resource": {"attributes": attributes(service__name="api")}, "scopeLogs": [scope]}]}


def test_a_log_record() -> None:
    (record,) = read(logs())
    assert (record.kind, record.name, record.time, record.service) == ("log", "lib", 1544712660300000000, "api")
    assert record.ids == {"trace_id": TRACE, "span_id": SPAN, "request_id": "r"}
    assert record.payload == {"request_id": "r", "exception.type": "ValueError", "message": "hello"}
    assert record.severity == "info"


def test_an_event_is_what_has_the_field_event_name() -> None:
    values = [{"key": "layer_name", "value": {"stringValue": "topics"}}]
    (record,) = read(logs(eventName="layer.done", body={"kvlistValue": {"values": values}}))
    assert (record.kind, record.name, record.form) == ("event", "layer.done", "otlp")
    assert record.payload == {"layer_name": "topics"}
    assert record.ids == {"trace_id": TRACE, "span_id": SPAN, "request_id": "r", "layer_name": "topics"}
    (record,) = read(logs(attributes=attributes(event__name="old")))
    assert (record.kind, record.name) == ("log", "old")


def test_the_payload_of_an_event_among_attributes() -> None:
    given = attributes(
        request_id="r",
        layer_name="topics",
        mode="fast",
        payload__request_id="other",
        service__version="1",
        schema_version="2",
        job_id="j",
    )
    (record,) = read(logs(eventName="layer.done", body=None, attributes=given))
    assert record.payload == {"layer_name": "topics", "mode": "fast", "request_id": "other"}
    assert (record.ids["request_id"], record.ids["layer_name"], record.version) == ("r", "topics", "2")


@pytest.mark.parametrize(
    ("change", "severity"),
    [
        ({"severityNumber": 1}, "debug"),
        ({"severityNumber": 13}, "warn"),
        ({"severityNumber": 24}, "error"),
        ({"severityNumber": "SEVERITY_NUMBER_WARN2"}, "warn"),
        ({"severityNumber": "SEVERITY_NUMBER_FATAL"}, "error"),
        ({"severityNumber": 0, "severityText": "Warning"}, "warn"),
        ({"severityNumber": 99}, ""),
    ],
)
def test_severities(change: dict[str, Any], severity: str) -> None:
    assert read(logs(**change))[0].severity == severity


def test_protobuf_logs() -> None:
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

    request = ExportLogsServiceRequest()
    batch = request.resource_logs.add()
    _set(batch.resource.attributes, {"service.name": "api"})
    group = batch.scope_logs.add()
    group.scope.name = "lib"
    log = group.log_records.add()
    log.time_unix_nano, log.severity_number = 1544712660300000000, 10
    log.trace_id, log.span_id = bytes.fromhex(TRACE), bytes.fromhex(SPAN)
    log.body.string_value = "hello"
    _set(log.attributes, {"request_id": "r", "exception.type": "ValueError"})
    second = group.log_records.add()
    second.CopyFrom(log)
    second.event_name = "layer.done"
    found = records_of_logs(request, ObjectReader(), "s", 10)
    assert [(record.kind, record.line) for record in found] == [("log", 11), ("event", 12)]
    (from_json,) = read(logs())
    assert found[0]._replace(raw=b"", line=0) == from_json._replace(raw=b"", line=0)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"resourceSpans": {}}, "OTLP: resourceSpans: resourceSpans is no list"),
        ({"resourceSpans": [1]}, "OTLP: resourceSpans[0] is no object"),
        ({"resourceSpans": [{"resource": 1}]}, "OTLP: resourceSpans[0]: resource is no object"),
        (
            {"resourceSpans": [{"scopeSpans": [{"spans": [1]}]}]},
            "OTLP: resourceSpans[0].scopeSpans[0].spans: an item is no object",
        ),
        (
            {"resourceLogs": [{"scopeLogs": [{"logRecords": 1}]}]},
            "OTLP: resourceLogs[0].scopeLogs[0]: logRecords is no list",
        ),
    ],
)
def test_other_shapes_are_told(document: dict[str, Any], reason: str) -> None:
    (record,) = read(document)
    assert (record.kind, record.reason) == ("broken", reason)


def test_nothing_within_a_document_makes_it_raise() -> None:
    strange: list[Any] = [None, 1, -1, 1e300, True, "x", [], {}, [[]], {"a": 1}, [None], "9" * 40]

    def places(value: Any, path: tuple[Any, ...] = ()) -> Any:
        yield path
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, item in items:
            yield from places(item, (*path, key))

    for whole in (SPANS, logs(eventName="x"), as_tempo(SPANS)):
        for path in places(whole):
            for value in strange if path else ():
                document = copy.deepcopy(whole)
                inner: Any = document
                for key in path[:-1]:
                    inner = inner[key]
                inner[path[-1]] = value
                for record in read(document):
                    dict(record.payload), record.body and dict(record.body)


def test_metrics_are_left_out() -> None:
    assert read({"resourceMetrics": [{}]}) == []
