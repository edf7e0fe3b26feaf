"""The events that are built in: `obs.*` belongs to obs_surface, in every registry and without one."""

from __future__ import annotations

from typing import Any

OPERATION_STARTED = "obs.operation.started"
OPERATION_COMPLETED = "obs.operation.completed"
OPERATION_FAILED = "obs.operation.failed"
CONTRACT_VIOLATION = "obs.contract_violation"
SMOKE_SENTINEL = "obs.smoke.sentinel"
SINK_DROPPED = "obs.sink.dropped"

_NAME = {"type": "string", "minLength": 1, "maxLength": 500, "x-obs": {"privacy": "none"}}
_COUNT = {"type": "integer", "minimum": 0, "x-obs": {"privacy": "none"}}
_DURATION = {"type": "number", "minimum": 0, "x-obs": {"privacy": "none", "unit": "ms"}}
_FIELDS = {"description": "Arguments that `instrument(fields=…)` names.", "type": "object"}


def _payload(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


_ENDED = {"operation": _NAME, "duration_ms": _DURATION, "fields": _FIELDS}

RESERVED: dict[str, dict[str, Any]] = {
    OPERATION_STARTED: {
        "version": 1,
        "summary": "An instrumented function was called.",
        "severity": "debug",
        "payload": _payload(["operation"], operation=_NAME, fields=_FIELDS),
    },
    OPERATION_COMPLETED: {
        "version": 1,
        "summary": "An instrumented function returned.",
        "severity": "debug",
        "payload": _payload(["operation", "duration_ms"], **_ENDED),
    },
    OPERATION_FAILED: {
        "version": 1,
        "summary": "An instrumented function raised.",
        "severity": "error",
        "payload": _payload(
            ["operation", "duration_ms", "error_type"],
            **_ENDED,
            error_type=_NAME,
            error_message={"description": "Short: no text of users belongs here.", "type": "string", "maxLength": 200},
        ),
    },
    CONTRACT_VIOLATION: {
        "version": 1,
        "summary": "An event was emitted that breaks its contract; where, never which values.",
        "severity": "warn",
        "payload": _payload(
            ["event", "problems"],
            event=_NAME,
            problems={
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["pointer", "keyword"],
                    "properties": {
                        "pointer": {"type": "string", "maxLength": 500, "x-obs": {"privacy": "none"}},
                        "keyword": {"type": "string", "maxLength": 100, "x-obs": {"privacy": "none"}},
                    },
                },
            },
        ),
    },
    SMOKE_SENTINEL: {
        "version": 1,
        "summary": "The last event of a process under a smoke run: what came before it has arrived.",
        "severity": "info",
        "payload": _payload(["run"], run=_NAME, emitted=_COUNT, violations=_COUNT, dropped=_COUNT),
    },
    SINK_DROPPED: {
        "version": 1,
        "summary": "A sink did not take all that it was given.",
        "severity": "warn",
        "payload": _payload(
            ["sink", "dropped"],
            sink=_NAME,
            dropped=_COUNT,
            dropped_total=_COUNT,
            reasons={"type": "object", "additionalProperties": _COUNT},
        ),
    },
}
"""Name → event, laid out as in a lock."""
