"""Keeps what was written, for tests."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

_EVENT_NAME = "event_name"


class MemorySink:
    """A sink that keeps lines and records in the order in which they came; the oldest leave where `limit` is reached.

    Safe over threads. A forked child has its own copy from the fork on.
    """

    durable = False
    wants_record = True
    inline = True

    def __init__(self, *, name: str = "memory", limit: int | None = None) -> None:
        self.name = name
        self._kept: deque[tuple[bytes, Mapping[str, Any]]] = deque(maxlen=limit)

    def write(self, line: bytes, record: Mapping[str, Any]) -> None:
        """Keep both."""
        self._kept.append((line, record))

    @property
    def written(self) -> int:
        """How many lines are kept."""
        return len(self._kept)

    @property
    def lines(self) -> list[bytes]:
        """The lines, each with its newline."""
        return [line for line, _ in self._snapshot()]

    @property
    def records(self) -> list[Mapping[str, Any]]:
        """The objects that the lines were made from: events and free-text logs."""
        return [record for _, record in self._snapshot()]

    def events(self, event_name: str | None = None) -> list[Mapping[str, Any]]:
        """Return the envelopes, all or those of one name."""
        return [
            record
            for record in self.records
            if _EVENT_NAME in record and (event_name is None or record[_EVENT_NAME] == event_name)
        ]

    def logs(self) -> list[Mapping[str, Any]]:
        """Return the free-text lines."""
        return [record for record in self.records if _EVENT_NAME not in record]

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()

    def flush(self, timeout: float) -> bool:
        """Return True: nothing is ever on its way."""
        return True

    def close(self, timeout: float) -> None:
        """Keep everything: tests look after the end."""

    def _snapshot(self) -> list[tuple[bytes, Mapping[str, Any]]]:
        while True:
            try:
                return list(self._kept)
            except RuntimeError:  # another thread wrote in the meantime
                continue
