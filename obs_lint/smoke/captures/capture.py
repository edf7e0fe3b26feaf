"""What every capture is: started with a `put`, and at the end it says what it delivered and what it lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from obs_lint.smoke.records import BROKEN, Record

Put = Callable[[Record], None]
"""Takes one record. Called from threads of the captures, several at once: it must be safe for that."""


@dataclass(frozen=True, slots=True)
class CaptureEnd:
    """What one capture did between start and stop; the evidence checks (OBS801-OBS803) judge it."""

    name: str
    """The capture's declared name: `stdout:api`, `file:logs/*.jsonl`, `otlp-http:4318`, `redis-stream:trace:*`."""
    delivered: int
    """Records given to `put`, broken ones included."""
    dropped: int
    """Records or messages known to be lost: a queue ran over, a stream was trimmed before it was read."""
    unparsable: int
    """Of those delivered, how many are `broken`."""
    notes: tuple[str, ...] = ()
    """What a reader of the report should know, one sentence each: "no file matched", "2 files were truncated"."""


class Capture(Protocol):
    """One source of records."""

    @property
    def name(self) -> str:
        """The declared name, as in `CaptureEnd`."""

    def start(self, put: Put) -> None:
        """Begin to deliver records to `put`.

        Raises:
            CaptureError: it cannot be begun (port taken, no server), with what to do.
        """

    def stop(self, timeout: float = 5.0) -> CaptureEnd:
        """Deliver what is still under way, at most `timeout` seconds long, and end. Safe to call twice."""


class CaptureError(Exception):
    """A capture that cannot be started; the message says which, why, and what to do."""


class Delivery:
    """Hands records on and counts them; what a capture reports at its end. Safe for threads."""

    __slots__ = ("_closed", "_lock", "_put", "delivered", "dropped", "name", "notes", "unparsable")

    def __init__(self, name: str) -> None:
        self.name = name
        self.delivered = 0
        self.dropped = 0
        self.unparsable = 0
        self.notes: dict[str, None] = {}
        self._lock = threading.Lock()
        self._put: Put | None = None
        self._closed = False

    def open(self, put: Put) -> None:
        """Deliver to `put` from now on."""
        self._put = put
        self._closed = False

    def close(self) -> None:
        """Deliver no more: what still comes is counted as dropped."""
        self._closed = True

    def __call__(self, records: Iterable[Record]) -> None:
        """Deliver records, in their order."""
        put = self._put
        if put is None or self._closed:
            self.drop(sum(1 for _ in records))
            return
        delivered = unparsable = 0
        for record in records:
            put(record)
            delivered += 1
            if record.kind == BROKEN:
                unparsable += 1
        with self._lock:
            self.delivered += delivered
            self.unparsable += unparsable

    def drop(self, count: int, note: str = "") -> None:
        """Count what is lost."""
        with self._lock:
            self.dropped += count
            if note:
                self.notes.setdefault(note)

    def note(self, note: str) -> None:
        """Add a sentence to the report, once."""
        with self._lock:
            self.notes.setdefault(note)

    def end(self) -> CaptureEnd:
        """Return what was counted."""
        with self._lock:
            return CaptureEnd(self.name, self.delivered, self.dropped, self.unparsable, tuple(self.notes))
