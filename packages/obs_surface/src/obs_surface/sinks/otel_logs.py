"""Events and log lines as OpenTelemetry log records (extra `obs-surface[otel]`)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from opentelemetry._logs import Logger, LoggerProvider
    from opentelemetry.context import Context

_SEVERITIES = {"debug": 5, "info": 9, "warn": 13, "warning": 13, "error": 17, "critical": 21, "fatal": 21}
"""Numbers of the OpenTelemetry log data model: DEBUG, INFO, WARN, ERROR, FATAL."""

_ACTOR_ATTRIBUTES = {
    "service_name": "service.name",
    "service_version": "service.version",
    "env": "deployment.environment.name",
    "host": "host.name",
}

_LOG_ATTRIBUTES = {
    "error.type": "exception.type",
    "error.message": "exception.message",
    "error.stack": "exception.stacktrace",
    "service": "service.name",
    "environment": "deployment.environment.name",
}
"""Names of 001's log lines → those of the semantic conventions."""

_NOT_ATTRIBUTES = frozenset({"timestamp", "level", "message", "logger", "trace_id", "span_id"})


class OtelLogsSink:
    """Hands every record to an OpenTelemetry LoggerProvider, behind a queue of :class:`FanOut`.

    An event sets the top-level field EventName (not the attribute `event.name`), timestamp, severity number and text,
    trace and span id of its correlation, and the other ids as attributes under their own names. Its payload becomes
    attributes, nested ones as maps; a payload field that has the name of an id and another value is
    `payload.<name>`. With `payload="body"` the payload is the body instead.

    A free-text line has its message as the body, its fields as attributes, its error as `exception.type`,
    `exception.message` and `exception.stacktrace`, and no EventName. What the provider's resource already says of
    service and host is not repeated.
    """

    durable = False
    wants_record = True

    def __init__(
        self,
        logger_provider: LoggerProvider | None = None,
        *,
        name: str = "otel",
        payload: Literal["attributes", "body"] = "attributes",
    ) -> None:
        """Take the global provider where none is given. Raises ImportError where opentelemetry-api is missing."""
        try:
            from opentelemetry import _logs
        except ImportError as problem:
            raise ImportError("OtelLogsSink needs OpenTelemetry: pip install 'obs-surface[otel]'") from problem
        if payload not in ("attributes", "body"):
            raise ValueError(f'OtelLogsSink: payload is "attributes" or "body", not {payload!r}')
        self.name = name
        self._payload_is_body = payload == "body"
        self._provider = logger_provider or _logs.get_logger_provider()
        self._loggers: dict[str, Logger] = {}
        resource = getattr(self._provider, "resource", None)
        self._known: Mapping[str, Any] = getattr(resource, "attributes", None) or {}

    def write(self, line: bytes, record: Mapping[str, Any]) -> None:
        """Emit one log record. Raises what the provider's processors raise."""
        if "event_name" in record:
            self._emit_event(record)
        else:
            self._emit_log(record)

    def flush(self, timeout: float) -> bool:
        """Force the provider to flush, where it can."""
        force = getattr(self._provider, "force_flush", None)
        return True if force is None else force(int(timeout * 1000)) is not False

    def close(self, timeout: float) -> None:
        """Flush; the provider belongs to the application, which shuts it down."""
        self.flush(timeout)

    def _emit_event(self, record: Mapping[str, Any]) -> None:
        correlation: Mapping[str, Any] = record.get("correlation") or {}
        payload: Mapping[str, Any] = record.get("payload") or {}
        attributes = {key: value for key, value in correlation.items() if key not in ("trace_id", "span_id")}
        body = None
        if self._payload_is_body:
            body = dict(payload)
        else:
            for key, value in payload.items():
                attributes[key if attributes.get(key, value) == value else f"payload.{key}"] = value
        actor: Mapping[str, Any] = record.get("actor") or {}
        self._add_actor(attributes, {name: actor.get(key) for key, name in _ACTOR_ATTRIBUTES.items()})
        if record.get("schema_version") is not None:
            attributes.setdefault("schema_version", record["schema_version"])
        self._emit(
            scope="obs_surface",
            event_name=record["event_name"],
            timestamp=record.get("occurred_at"),
            severity=record.get("severity") or "info",
            ids=correlation,
            body=body,
            attributes=attributes,
        )

    def _emit_log(self, record: Mapping[str, Any]) -> None:
        attributes: dict[str, Any] = {}
        resource: dict[str, Any] = {}
        for key, value in record.items():
            name = _LOG_ATTRIBUTES.get(key, key)
            if key in ("service", "environment"):
                resource[name] = value
            elif key not in _NOT_ATTRIBUTES:
                attributes[name] = value
        self._add_actor(attributes, resource)
        self._emit(
            scope=str(record.get("logger") or "obs_surface"),
            event_name=None,
            timestamp=record.get("timestamp"),
            severity=record.get("level") or "info",
            ids=record,
            body=record.get("message"),
            attributes=attributes,
        )

    def _add_actor(self, attributes: dict[str, Any], actor: Mapping[str, Any]) -> None:
        for name, value in actor.items():
            if value is not None and self._known.get(name) != value:
                attributes.setdefault(name, value)

    def _emit(
        self,
        *,
        scope: str,
        event_name: str | None,
        timestamp: Any,
        severity: str,
        ids: Mapping[str, Any],
        body: Any,
        attributes: dict[str, Any],
    ) -> None:
        from opentelemetry._logs import SeverityNumber

        logger = self._loggers.get(scope)
        if logger is None:
            logger = self._loggers[scope] = self._provider.get_logger(scope)
        number = _SEVERITIES.get(severity.lower(), 0)
        logger.emit(
            event_name=event_name,
            timestamp=_nanoseconds(timestamp),
            observed_timestamp=time.time_ns(),
            severity_number=SeverityNumber(number),
            severity_text=severity.upper(),
            context=_span_context(ids.get("trace_id"), ids.get("span_id")),
            body=body,
            attributes=attributes,
        )


def _nanoseconds(text: Any) -> int | None:
    """RFC 3339 → nanoseconds since the epoch; None where it is no time."""
    try:
        moment = datetime.fromisoformat(text)
        # Not timestamp(): a float has no room for microseconds of this century times 10⁹.
        return (int(moment.replace(microsecond=0).timestamp()) * 1_000_000 + moment.microsecond) * 1000
    except (TypeError, ValueError):
        return None


def _span_context(trace_id: Any, span_id: Any) -> Context:
    """A context that holds these hex ids and nothing of the sink's thread; sampled, as nothing says otherwise."""
    from opentelemetry.context import Context
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

    empty = Context()
    try:
        trace = int(trace_id, 16)
        span = int(span_id, 16) if span_id else 0
    except (TypeError, ValueError):
        return set_span_in_context(NonRecordingSpan(SpanContext(0, 0, is_remote=False)), empty)
    context = SpanContext(trace, span, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    return set_span_in_context(NonRecordingSpan(context), empty)
