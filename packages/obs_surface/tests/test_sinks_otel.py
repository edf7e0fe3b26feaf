from __future__ import annotations

import threading
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk._logs")

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from obs_surface.sinks.fan_out import FanOut
from obs_surface.sinks.otel_logs import OtelLogsSink

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
EVENT: dict[str, Any] = {
    "event_name": "narralytica.job_run.failed",
    "occurred_at": "2025-11-20T09:14:33.140512Z",
    "correlation": {"request_id": "r1", "job_id": "j1", "trace_id": TRACE, "span_id": SPAN},
    "actor": {"service_name": "api", "service_version": "1.4.0", "env": "prod", "host": "h1"},
    "payload": {"attempt": 2, "job_id": "other", "nested": {"a": [1, 2]}, "error_type": "TimeoutError"},
    "severity": "error",
    "schema_version": "1",
}
LOG: dict[str, Any] = {
    "timestamp": "2025-11-20T09:14:33.140512Z",
    "level": "warn",
    "message": "slow\nquery",
    "logger": "services.api",
    "service": "api",
    "environment": "prod",
    "request_id": "r1",
    "rows": 3,
    "error.type": "ValueError",
    "error.message": "bad",
    "error.stack": "Traceback…",
}


class Otel:
    def __init__(self, **options: Any) -> None:
        self._exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
        self.provider = LoggerProvider(
            resource=Resource({"service.name": "api", "service.version": "1.4.0"}), shutdown_on_exit=False
        )
        self.provider.add_log_record_processor(SimpleLogRecordProcessor(self._exporter))
        self.sink = OtelLogsSink(self.provider, **options)

    def one(self) -> Any:
        (found,) = self._exporter.get_finished_logs()
        return found


def test_an_event_is_a_log_record_with_its_name_on_the_top_level() -> None:
    otel = Otel()
    otel.sink.write(b"", EVENT)
    found = otel.one()
    record = found.log_record
    assert record.event_name == "narralytica.job_run.failed"
    assert record.timestamp == 1763630073140512000
    assert (record.severity_number.value, record.severity_text) == (17, "ERROR")
    assert (f"{record.trace_id:032x}", f"{record.span_id:016x}") == (TRACE, SPAN)
    assert record.body is None
    attributes = dict(record.attributes)
    assert "event.name" not in attributes
    assert dict(attributes.pop("nested")) == {"a": (1, 2)}
    assert attributes == {
        "request_id": "r1",
        "job_id": "j1",
        "payload.job_id": "other",
        "attempt": 2,
        "error_type": "TimeoutError",
        "deployment.environment.name": "prod",
        "host.name": "h1",
        "schema_version": "1",
    }
    assert found.instrumentation_scope.name == "obs_surface"


def test_the_payload_can_be_the_body() -> None:
    otel = Otel(payload="body")
    otel.sink.write(b"", EVENT)
    record = otel.one().log_record
    assert record.body == EVENT["payload"]
    assert record.attributes["job_id"] == "j1"
    assert "attempt" not in record.attributes


def test_a_log_line_has_its_message_as_body_and_no_event_name() -> None:
    otel = Otel()
    otel.sink.write(b"", LOG)
    found = otel.one()
    record = found.log_record
    assert record.event_name is None
    assert record.body == "slow\nquery"
    assert (record.severity_number.value, record.severity_text) == (13, "WARN")
    assert record.trace_id == 0
    assert dict(record.attributes) == {
        "request_id": "r1",
        "rows": 3,
        "exception.type": "ValueError",
        "exception.message": "bad",
        "exception.stacktrace": "Traceback…",
        "deployment.environment.name": "prod",
    }
    assert found.instrumentation_scope.name == "services.api"


@pytest.mark.parametrize(
    "broken", [{"correlation": {"trace_id": "xyz"}}, {"occurred_at": "yesterday"}, {"severity": "loud"}]
)
def test_what_is_no_id_no_time_or_no_severity_is_left_out(broken: dict[str, Any]) -> None:
    otel = Otel()
    otel.sink.write(b"", {**EVENT, **broken})
    record = otel.one().log_record
    if "correlation" in broken:
        assert record.trace_id == 0
    if "occurred_at" in broken:
        assert record.timestamp is None
    if "severity" in broken:
        assert record.severity_number.value == 0


def test_behind_a_queue_the_ids_are_those_of_the_record() -> None:
    otel = Otel()
    fan = FanOut([otel.sink])
    fan.write(b"", EVENT)
    fan.close(10)
    assert f"{otel.one().log_record.trace_id:032x}" == TRACE
    assert threading.active_count() >= 1


def test_an_unknown_place_for_the_payload_is_an_error() -> None:
    with pytest.raises(ValueError, match="attributes"):
        OtelLogsSink(payload="elsewhere")  # type: ignore[arg-type]
