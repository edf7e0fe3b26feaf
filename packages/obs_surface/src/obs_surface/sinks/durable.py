"""Stores whose lines must not be lost: awaited, sent in batches, retried, and spooled when the time is over."""

from __future__ import annotations

import os
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from obs_surface.sinks import forking

if TYPE_CHECKING:
    from obs_surface.sinks.spool import Spool


class Entry(NamedTuple):
    """What a store gets of one event or log line."""

    line: bytes
    """UTF-8 JSON that ends with its only newline."""
    record: Mapping[str, Any]
    """The object that the line was made from; not to be changed."""


class DurableSinkError(Exception):
    """A line could not be stored before its deadline, and there was no spool that took it."""

    def __init__(self, sink: str, seconds: float, problem: str) -> None:
        super().__init__(f"sink {sink}: not stored within {seconds:g} s: {problem}")
        self.sink = sink
        self.problem = problem


class DurableSink(ABC):
    """Base of stores (a Redis stream, a table): a subclass says how one batch is sent, the rest is here.

    `write` returns when the line is stored. Lines that several threads write at the same time are sent as one batch, by
    one thread of the sink's own. A batch whose `send` raises is sent again, as a whole, with exponential backoff and
    jitter, until `deadline` seconds after the line was written. Delivery is therefore **at least once**: a store should
    be transactional or tell duplicates.

    When the deadline is over (also where `send` itself does not return), the line goes to the file `spool`, if there is
    one, from where :meth:`replay` sends it. Without a spool, or where the spool cannot be written, `on_failure` says
    what happens: "count" (default: an application must not fail because its telemetry does) or "raise"
    (DurableSinkError, for audit trails). Either way it is counted in `lost` and said once on standard error.

    `write` blocks the thread that emits, an event loop too; keep `deadline` below what a request may take.
    """

    durable = True
    wants_record = True

    def __init__(
        self,
        *,
        name: str,
        deadline: float = 5.0,
        first_delay: float = 0.02,
        longest_delay: float = 1.0,
        batch_size: int = 500,
        spool: str | os.PathLike[str] | None = None,
        on_failure: Literal["count", "raise"] = "count",
    ) -> None:
        """Times in seconds. Raises ValueError for times or sizes that are not positive, OSError for the spool."""
        if deadline <= 0 or first_delay <= 0 or longest_delay < first_delay or batch_size < 1:
            raise ValueError(
                f"sink {name}: deadline, delays and batch_size must be positive, the longest delay longest"
            )
        if on_failure not in ("count", "raise"):
            raise ValueError(f'sink {name}: on_failure is "count" or "raise", not {on_failure!r}')
        self.name = name
        self.deadline = deadline
        self._first_delay = first_delay
        self._longest_delay = longest_delay
        self._batch_size = batch_size
        self._on_failure = on_failure
        self._spool: Spool | None = None
        if spool is not None:
            from obs_surface.sinks.spool import Spool

            self._spool = Spool(spool)
        self._told = False
        self._thread: threading.Thread | None = None
        self._closed = False
        self._renew()
        forking.renew_in_child(self)

    @abstractmethod
    def send(self, batch: Sequence[Entry]) -> None:
        """Store all entries, in this order, and return; raise where that is not known to have worked.

        Called by one thread at a time, never by the one that emits. Should not block for longer than `deadline`.
        """

    def opened_in_child(self) -> None:  # noqa: B027 - most stores connect lazily
        """Drop connections that a forked child must not share with its parent."""

    def write(self, line: bytes, record: Mapping[str, Any]) -> None:
        """Return when the line is stored or spooled. Raises DurableSinkError with `on_failure="raise"`."""
        waiting = _Waiting(Entry(line, record), time.monotonic() + self.deadline)
        with self._lock:
            self._open += 1
            closed = self._closed
            threaded = not closed and (self._thread is not None or self._start())
            if threaded:
                self._queue.put(waiting)
        try:
            if closed:
                problem: str | None = "the sink is closed"
            else:
                if not threaded:
                    self._send_batch([waiting])
                problem = self._result(waiting)
            if problem is not None:
                self._give_up(line, problem)
        finally:
            with self._lock:
                self._open -= 1

    def flush(self, timeout: float) -> bool:
        """Wait until no other thread waits for its line any more."""
        end = time.monotonic() + timeout
        while self._open:
            if time.monotonic() >= end:
                return False
            time.sleep(0.002)
        return True

    def close(self, timeout: float) -> None:
        """Wait for lines on their way and end the thread. What is written later is spooled, or lost and counted."""
        whole = self.flush(timeout)
        with self._lock:
            if self._closed:
                return
            self._closed = True
            thread, self._thread = self._thread, None
            self._queue.put(None)
        if thread is not None and whole:
            thread.join(max(timeout, 0.0))

    def replay(self, timeout: float = 30.0) -> int:
        """Send what is in the spool, oldest first; return how many lines were stored.

        What cannot be sent within `timeout` seconds goes back into the spool, as does what a process that died had
        taken. Several processes may call it: each line is taken by one of them. Raises OSError for an unreadable spool.
        """
        if self._spool is None:
            return 0
        with self._replaying:
            lines = self._spool.take()
            stored = 0
            try:
                stored = self._resend(lines, time.monotonic() + timeout)
            finally:
                self._spool.give_back(lines[stored:])
        return stored

    def after_fork_in_child(self) -> None:
        """What waits is the parent's, and its thread is not here."""
        self._renew()
        self.opened_in_child()

    def _renew(self) -> None:
        self._lock = threading.RLock()
        self._replaying = threading.Lock()
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._thread = None
        self._open = 0
        self._closed = False
        self.written = 0
        """Lines that the store took while their writers waited."""
        self.spooled = 0
        """Lines that went to the spool instead."""
        self.lost = 0
        """Lines that neither took."""
        self.retries = 0
        """Batches that were sent again."""

    def _start(self) -> bool:
        thread = threading.Thread(target=self._run, args=(self._queue,), name=f"obs-sink-{self.name}", daemon=True)
        self._thread = thread
        try:
            thread.start()
        except RuntimeError:  # no more threads, or the interpreter is ending: the writer sends for itself
            self._thread = None
            return False
        return True

    def _result(self, waiting: _Waiting) -> str | None:
        """Wait for the store's answer: None, or what went wrong."""
        if waiting.answered.acquire(timeout=max(waiting.end - time.monotonic(), 0)):
            return waiting.problem
        with self._lock:
            # Between here and there one of both has the say: an answer that comes later is none.
            if waiting.answered.acquire(blocking=False):
                return waiting.problem
            waiting.abandoned = True
        return "the store has not answered"

    def _run(self, queue: SimpleQueue[_Waiting | None]) -> None:
        while True:
            first = queue.get()
            if first is None:
                return
            batch = [first]
            ends = False
            while len(batch) < self._batch_size:
                try:
                    more = queue.get_nowait()
                except Empty:
                    break
                if more is None:
                    ends = True
                    break
                batch.append(more)
            self._send_batch(batch)
            if ends:
                return

    def _send_batch(self, batch: list[_Waiting]) -> None:
        delay = self._first_delay
        while True:
            batch = [waiting for waiting in batch if not waiting.abandoned]
            if not batch:
                return
            try:
                self.send([waiting.entry for waiting in batch])
            except BaseException as raised:  # noqa: BLE001 - whatever a driver raises is a reason to try again
                problem = f"{type(raised).__name__}: {raised}"
            else:
                self._answer(batch, None)
                return
            pause = delay * jitter()
            after = time.monotonic() + pause
            late = [waiting for waiting in batch if waiting.end <= after]
            self._answer(late, problem)
            batch = [waiting for waiting in batch if waiting.end > after]
            if batch:
                time.sleep(pause)
                delay = min(delay * 2, self._longest_delay)
                self.retries += 1

    def _answer(self, batch: list[_Waiting], problem: str | None) -> None:
        with self._lock:
            for waiting in batch:
                if not waiting.abandoned:
                    waiting.problem = problem
                    self.written += problem is None
                    waiting.answered.release()

    def _give_up(self, line: bytes, problem: str) -> None:
        if self._spool is not None:
            try:
                with self._lock:
                    self._spool.append([line])
                    self.spooled += 1
                    return
            except OSError as raised:
                problem = f"{problem}; the spool: {raised}"
        with self._lock:
            self.lost += 1
            told, self._told = self._told, True
        if not told and sys.stderr is not None:
            print(f"obs_surface: sink {self.name}: a line is lost: {problem}; more are counted", file=sys.stderr)
        if self._on_failure == "raise":
            raise DurableSinkError(self.name, self.deadline, problem)

    def _resend(self, lines: list[bytes], end: float) -> int:
        stored = 0
        delay = self._first_delay
        while stored < len(lines):
            batch = lines[stored : stored + self._batch_size]
            try:
                self.send([Entry(line, _parsed(line)) for line in batch])
            except Exception:  # noqa: BLE001 - as in _send_batch
                if time.monotonic() + delay >= end:
                    break
                time.sleep(delay * jitter())
                delay = min(delay * 2, self._longest_delay)
            else:
                stored += len(batch)
                delay = self._first_delay
        return stored


def jitter() -> float:
    """Return a factor from 0.5 to 1: processes that fail together shall not try again together."""
    return 0.5 + int.from_bytes(os.urandom(2), "little") / 131070  # `random` costs more to import than all of this


def _parsed(line: bytes) -> Mapping[str, Any]:
    import json

    try:
        found = json.loads(line)
    except ValueError:  # a line that a crash cut in two: the store gets what there is of it
        return {}
    return found if isinstance(found, dict) else {}


class _Waiting:
    """A line whose writer waits."""

    __slots__ = ("abandoned", "answered", "end", "entry", "problem")

    def __init__(self, entry: Entry, end: float) -> None:
        self.entry = entry
        self.end = end
        self.problem: str | None = None
        self.abandoned = False
        self.answered = threading.Lock()
        self.answered.acquire()
