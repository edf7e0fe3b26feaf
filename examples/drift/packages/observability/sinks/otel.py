"""Envelopes as OpenTelemetry log records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry._logs import LogRecord, get_logger


class OtelSink:
    """Hand envelopes to OpenTelemetry."""

    def __init__(self, service: str) -> None:
        self._logger = get_logger(service)

    def write(self, envelope: Mapping[str, Any]) -> None:
        """Take one envelope."""
        self._logger.emit(LogRecord(body=envelope["payload"], attributes=envelope["correlation"]))
