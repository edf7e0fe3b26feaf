"""Spans and log records of OpenTelemetry's SDK in this process, as its exporters get them."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Mapping
from typing import Any

from obs_lint.smoke.captures.capture import CaptureEnd, Delivery, Put
from obs_lint.smoke.fields import Fields
from obs_lint.smoke.objects import ObjectReader
from obs_lint.smoke.otlp import Lazy, record_of_log
from obs_lint.smoke.records import SPAN, Link, Record


class OtelCapture:
    """Ended spans and emitted log records of the global providers, if those are the SDK's.

    A provider gives no processor back: the one that is added stays, and does nothing after `stop`.
    """

    def __init__(self, *, fields: Fields | ObjectReader | None = None) -> None:
        self.name = "otel"
        self._objects = fields if isinstance(fields, ObjectReader) else ObjectReader(fields)
        self._delivery = Delivery(self.name)
        self._lock = threading.Lock()
        self._ordinal = 0
        self._taps: list[_Tap] = []

    def start(self, put: Put) -> None:
        """Add processors to the global providers; what is no SDK's is noted."""
        self._delivery.open(put)
        from_api = sys.modules.get("opentelemetry.trace")
        if from_api is None:
            self._delivery.note("opentelemetry is not imported: nothing can go through it")
            return
        from opentelemetry import trace

        self._tap(trace.get_tracer_provider(), "add_span_processor", _span_processor, self._span, "tracer")
        try:
            from opentelemetry import _logs
        except ImportError:
            return
        self._tap(_logs.get_logger_provider(), "add_log_record_processor", _log_processor, self._log, "logger")

    def _tap(self, provider: Any, method: str, make: Any, take: Any, what: str) -> None:
        add = getattr(provider, method, None)
        if add is None:
            self._delivery.note(f"the {what} provider is not the SDK's: nothing of it was captured")
            return
        tap = getattr(provider, "_obs_lint_tap", None)
        if tap is None:
            tap = _Tap()
            add(make(tap))
            try:
                provider._obs_lint_tap = tap
            except AttributeError:
                pass
        tap.take = take
        self._taps.append(tap)

    def stop(self, timeout: float = 5.0) -> CaptureEnd:
        """Hand on no more."""
        for tap in self._taps:
            tap.take = None
        self._taps.clear()
        end = self._delivery.end()
        self._delivery.close()
        return end

    def _next(self) -> int:
        with self._lock:
            self._ordinal += 1
            return self._ordinal

    def _span(self, span: Any) -> None:
        context, parent = span.context, span.parent
        attributes = span.attributes or {}
        ids = self._objects.ids(attributes)
        ids["trace_id"] = f"{context.trace_id:032x}"
        ids["span_id"] = f"{context.span_id:016x}"
        if parent is not None and parent.span_id:
            ids["parent_span_id"] = f"{parent.span_id:016x}"
        resource = dict(span.resource.attributes) if span.resource is not None else {}
        body = Lazy(_span_body, span)
        record = Record(
            SPAN,
            span.name,
            span.start_time or 0,
            ids,
            attributes,
            body,
            self.name,
            self._next(),
            str(resource.get("service.name", "")),
            raw=_bytes(body.made()),
            resource=resource,
            status=span.status.status_code.name.lower(),
            end=span.end_time or 0,
            span_kind=span.kind.name.lower(),
            links=tuple(
                Link(f"{link.context.trace_id:032x}", f"{link.context.span_id:016x}") for link in span.links or ()
            ),
            remote_parent=None if parent is None else bool(parent.is_remote),
        )
        self._delivery((record,))

    def _log(self, emitted: Any) -> None:
        log = emitted.log_record
        attributes = _plain(dict(log.attributes or {}))
        # Before 1.39 the resource stood on the log record itself.
        resource = getattr(emitted, "resource", None) or getattr(log, "resource", None)
        scope = getattr(emitted, "instrumentation_scope", None)
        number = getattr(log.severity_number, "value", 0) or 0
        self._delivery(
            (
                record_of_log(
                    event_name=getattr(log, "event_name", None) or "",
                    body=_plain(log.body),
                    attributes=attributes,
                    time=log.timestamp or log.observed_timestamp or 0,
                    severity_number=number,
                    severity_text=log.severity_text or "",
                    trace_id=f"{log.trace_id:032x}" if log.trace_id else "",
                    span_id=f"{log.span_id:016x}" if log.span_id else "",
                    scope=scope.name if scope is not None else "",
                    resource=dict(resource.attributes) if resource is not None else {},
                    objects=self._objects,
                    source=self.name,
                    line=self._next(),
                    raw=_bytes({"body": _plain(log.body), "attributes": attributes}),
                ),
            )
        )


class _Tap:
    """Where a processor hands on to, while a capture runs."""

    take: Any = None


def _span_processor(tap: _Tap) -> Any:
    from opentelemetry.sdk.trace import SpanProcessor

    class Processor(SpanProcessor):
        def on_end(self, span: Any) -> None:
            if tap.take is not None:
                tap.take(span)

    return Processor()


def _log_processor(tap: _Tap) -> Any:
    from opentelemetry.sdk._logs import LogRecordProcessor

    class Processor(LogRecordProcessor):
        def on_emit(self, log_record: Any) -> None:
            if tap.take is not None:
                tap.take(log_record)

        emit = on_emit  # its name before 1.35

        def shutdown(self) -> None:
            tap.take = None

        def force_flush(self, timeout_millis: int = 30000) -> bool:
            return True

    return Processor()


def _span_body(span: Any) -> dict[str, Any]:
    scope = span.instrumentation_scope
    return {
        "name": span.name,
        "attributes": _plain(dict(span.attributes or {})),
        "status": {"code": span.status.status_code.value, "message": span.status.description or ""},
        "events": [
            {"name": event.name, "time": event.timestamp, "attributes": _plain(dict(event.attributes or {}))}
            for event in span.events
        ],
        "links": [
            {
                "trace_id": f"{link.context.trace_id:032x}",
                "span_id": f"{link.context.span_id:016x}",
                "attributes": _plain(dict(link.attributes or {})),
            }
            for link in span.links or ()
        ],
        "trace_state": span.context.trace_state.to_header() if span.context.trace_state else "",
        "scope": {
            "name": scope.name if scope is not None else "",
            "version": (scope.version or "") if scope is not None else "",
            "attributes": _plain(dict(getattr(scope, "attributes", None) or {})) if scope is not None else {},
        },
    }


def _plain(value: Any) -> Any:
    """Values of the SDK as those of JSON: tuples as lists, mappings as dicts."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _bytes(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "replace")
