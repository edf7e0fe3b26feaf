"""One event, one line, to every sink."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from packages.observability._envelope import build
from packages.observability.sinks.stdout import StdoutSink


class Sink(Protocol):
    """Where envelopes go."""

    def write(self, envelope: Mapping[str, Any]) -> None:
        """Take one envelope."""


_SINKS: list[Sink] = [StdoutSink()]


def add_sink(sink: Sink) -> None:
    """Send every event from now on to `sink` too."""
    _SINKS.append(sink)


def emit(event_name: str, payload: Mapping[str, Any], *, severity: str = "info") -> None:
    """Send an event."""
    envelope = build(event_name, payload, severity)
    for sink in _SINKS:
        sink.write(envelope)
