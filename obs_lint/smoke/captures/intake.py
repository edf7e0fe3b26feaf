"""Where several captures meet one checker: a bounded queue that counts what it could not take."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Final

from obs_lint.smoke.records import Record

CAPACITY: Final = 100_000
"""Records that wait at most."""
PATIENCE: Final = 5.0
"""Seconds for which a capture waits for room before its record is dropped."""


class Intake:
    """`put` is safe for threads; one thread iterates until `close` was called and all is taken.

    A full queue holds its writers back, so that a slow checker slows the readers of pipes and not the count; what
    finds no room within `patience` seconds is dropped and counted by source.
    """

    def __init__(self, capacity: int = CAPACITY, patience: float = PATIENCE) -> None:
        self._capacity = capacity
        self._patience = patience
        self._waiting: deque[Record] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self.dropped: dict[str, int] = {}
        """Source → records that found no room, or came after `close`."""

    def put(self, record: Record) -> None:
        """Add a record at the end."""
        with self._changed:
            if len(self._waiting) >= self._capacity and not self._closed:
                deadline = time.monotonic() + self._patience
                while len(self._waiting) >= self._capacity and not self._closed:
                    left = deadline - time.monotonic()
                    if left <= 0:
                        break
                    self._changed.wait(left)
            if self._closed or len(self._waiting) >= self._capacity:
                self.dropped[record.source] = self.dropped.get(record.source, 0) + 1
                return
            if not self._waiting:
                self._changed.notify_all()
            self._waiting.append(record)

    def close(self) -> None:
        """Take no more; who iterates gets what waits, then the end."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Record]:
        """Yield records in the order in which they came, until the intake is closed and empty."""
        while batch := self.batch():
            yield from batch

    def batch(self, timeout: float | None = None) -> list[Record]:
        """Return all records that wait; none where it is closed and empty, or nothing came within `timeout` seconds."""
        with self._changed:
            if not self._waiting and not self._closed:
                self._changed.wait_for(lambda: bool(self._waiting) or self._closed, timeout)
            batch = list(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
            return batch
