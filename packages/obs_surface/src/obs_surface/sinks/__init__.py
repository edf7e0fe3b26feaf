"""Where finished lines go: one small interface, and the sinks that are shipped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from obs_surface.sinks.at_exit import ExitFlush
    from obs_surface.sinks.durable import DurableSink, DurableSinkError, Entry
    from obs_surface.sinks.fan_out import FanOut
    from obs_surface.sinks.json_lines import JsonLinesSink
    from obs_surface.sinks.memory import MemorySink
    from obs_surface.sinks.otel_logs import OtelLogsSink

__all__ = [
    "DurableSink",
    "DurableSinkError",
    "Entry",
    "ExitFlush",
    "FanOut",
    "JsonLinesSink",
    "MemorySink",
    "OtelLogsSink",
    "Sink",
]

_HOMES = {
    "DurableSink": "durable",
    "DurableSinkError": "durable",
    "Entry": "durable",
    "ExitFlush": "at_exit",
    "FanOut": "fan_out",
    "JsonLinesSink": "json_lines",
    "MemorySink": "memory",
    "OtelLogsSink": "otel_logs",
}


@runtime_checkable
class Sink(Protocol):
    """What takes lines. Implementations may be slow, raise or block: :class:`FanOut` keeps that from the caller."""

    @property
    def name(self) -> str:
        """A short name, unique among the sinks in use: it is what drops are counted under."""

    @property
    def durable(self) -> bool:
        """True where `write` returns only when the line is stored, so that the caller waits for it."""

    @property
    def wants_record(self) -> bool:
        """False where `write` looks at the line only."""

    def write(self, line: bytes, record: Mapping[str, Any]) -> None:
        """Take one line: UTF-8 JSON that ends with its only newline, and the object that it was made from.

        The object belongs to all sinks and must not be changed. May raise anything.
        """

    def flush(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for what was written before; False where some of it is still on its way."""

    def close(self, timeout: float) -> None:
        """Flush for up to `timeout` seconds and give resources back. Closing twice is no error."""


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = found
    return found
