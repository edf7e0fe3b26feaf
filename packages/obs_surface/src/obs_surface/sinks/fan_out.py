"""Many sinks behind one: what is slow, dead or blocked costs the caller nothing, and what is dropped is counted."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from queue import SimpleQueue
from typing import Any

from obs_surface.sinks import Sink, forking
from obs_surface.sinks.deferred import deferred
from obs_surface.sinks.durable import DurableSinkError, jitter

DROPPED_EVENT = "obs.sink.dropped"

Render = Callable[[str, dict[str, Any], str], "tuple[bytes, Mapping[str, Any]]"]
"""(event name, payload, severity) → line and record of an envelope."""

_LONGEST_PAUSE = 1.0
_FIRST_PAUSE = 0.005


class FanOut:
    """Gives each line to every sink.

    - A **durable** sink is awaited, last, so that the others have the line whatever it raises.
    - An **inline** sink (attribute `inline` is true: the JSON lines on standard output, a MemorySink) is written in
      the caller; what it raises is counted, not passed on.
    - Any other is **best effort**: a queue of at most `capacity` lines and `capacity_bytes` bytes and a daemon thread
      of its own, started with the first line. Where the queue is full, the newest line is dropped.

    Drops are counted a sink and a reason: `full` (no room in the queue), `failed` (the sink raised), `closed` (still
    unwritten when the time for closing was over). Once in `report_every` seconds, and on closing, each sink that
    dropped something is reported by the event `obs.sink.dropped` through the first inline sink, else on standard error.

    A forked child starts with empty queues, counters at zero and threads of its own: what was queued is delivered by
    the parent, once.
    """

    name = "fan-out"
    durable = False

    def __init__(
        self,
        sinks: Iterable[Sink],
        *,
        capacity: int = 10_000,
        capacity_bytes: int = 32 * 1024 * 1024,
        report_every: float = 30.0,
        render: Render | None = None,
    ) -> None:
        """Raises ValueError for a capacity below 1 and for two sinks of one name."""
        if capacity < 1 or capacity_bytes < 1:
            raise ValueError("FanOut: capacity and capacity_bytes must be at least 1")
        self.sinks = tuple(sinks)
        names = [sink.name for sink in self.sinks]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"FanOut: two sinks are called {twice[0]!r}; give one of them another name=")
        self.report_every = report_every
        self.render: Render = render or _plain_envelope
        """How the envelope of a report is made; the configuration puts its own in place."""
        self._inline = [_Direct(sink, self._dropped) for sink in self.sinks if _is_inline(sink)]
        self._lanes = [
            _Lane(sink, capacity, capacity_bytes, self._dropped)
            for sink in self.sinks
            if not sink.durable and not _is_inline(sink)
        ]
        self._durable = [_Direct(sink, self._dropped) for sink in self.sinks if sink.durable]
        self._counted: list[_Counted] = [*self._inline, *self._lanes, *self._durable]
        self._reporter: threading.Thread | None = None
        self._closing = threading.Event()
        forking.renew_in_child(self)

    @property
    def wants_record(self) -> bool:
        """True where one of the sinks reads more than the line."""
        return any(sink.wants_record for sink in self.sinks)

    def write(self, line: bytes, record: Mapping[str, Any]) -> None:
        """Give the line to all. Raises only what a durable sink raises, after every other sink had the line."""
        for direct in self._inline:
            direct.write(line, record)
        for lane in self._lanes:
            lane.put(line, record)
        if self._durable:
            self._await(line, record)
        if deferred.call is not None:
            deferred.call()

    def flush(self, timeout: float) -> bool:
        """Wait for everything that was written before, all sinks at the same time. False where some did not make it."""
        end = time.monotonic() + timeout
        waits = [(lane, lane.begin_flush(timeout)) for lane in self._lanes]
        whole = True
        for direct in (*self._durable, *self._inline):
            whole = direct.flush(max(end - time.monotonic(), 0)) and whole
        for lane, mark in waits:
            whole = lane.end_flush(mark, max(end - time.monotonic(), 0)) and whole
        return whole

    def settle(self, timeout: float) -> bool:
        """Flush, and report what was dropped until now."""
        whole = self.flush(timeout)
        self.report()
        return whole

    def close(self, timeout: float) -> None:
        """Flush for up to `timeout` seconds, count what is left as dropped, report, and close the sinks."""
        end = time.monotonic() + timeout
        self._closing.set()
        self.flush(timeout)
        for lane in self._lanes:
            lane.close(max(end - time.monotonic(), 0))
        for direct in self._durable:
            direct.close(max(end - time.monotonic(), 0))
        self.report()
        for direct in self._inline:
            direct.close(max(end - time.monotonic(), 0))

    def stats(self) -> dict[str, dict[str, int]]:
        """Return the counters by name of the sink: delivered, queued, spooled, dropped, and dropped by reason.

        Their sum (dropped counted once) is what was written, less what is being written at this moment.
        """
        return {counted.sink.name: counted.stats() for counted in self._counted}

    def report(self) -> bool:
        """Report what was dropped since the last report; False where nothing was. Never raises."""
        said = False
        for counted in self._counted:
            payload = counted.unreported()
            if payload is not None:
                said = True
                self._say(counted.sink.name, payload)
        return said

    def after_fork_in_child(self) -> None:
        """Queues are the parent's to deliver; its threads are not here."""
        self._reporter = None
        closed = self._closing.is_set()
        self._closing = threading.Event()
        if closed:
            self._closing.set()
        for counted in self._counted:
            counted.renew()

    def _await(self, line: bytes, record: Mapping[str, Any]) -> None:
        problem: Exception | None = None
        for direct in self._durable:
            try:
                direct.sink.write(line, record)
            except DurableSinkError as raised:  # counted by the sink, in `lost`
                problem = problem or raised
            except Exception as raised:  # noqa: BLE001 - the other durable sinks get the line first
                direct.drop("failed")
                problem = problem or raised
            if direct.has_unreported():
                self._dropped()
        if problem is not None:
            raise problem

    def _dropped(self) -> None:
        """Start the reporter with the first drop of a period: without drops there is no such thread."""
        if self._reporter is not None or self._closing.is_set():
            return
        thread = threading.Thread(target=self._report_later, name="obs-sink-report", daemon=True)
        self._reporter = thread
        try:
            thread.start()
        except RuntimeError:  # the interpreter is ending: closing reports
            self._reporter = None

    def _report_later(self) -> None:
        while not self._closing.wait(self.report_every):
            if not self.report():
                self._reporter = None
                if any(counted.has_unreported() for counted in self._counted):  # dropped between both lines
                    self._dropped()
                return

    def _say(self, name: str, payload: dict[str, Any]) -> None:
        try:
            line, record = self.render(DROPPED_EVENT, payload, "warn")
            for direct in self._inline:
                if direct.sink.name != name:
                    direct.sink.write(line, record)
                    return
            os.write(2, line)
        except Exception:  # noqa: BLE001 - a report about trouble must not make more of it
            pass


def _is_inline(sink: Sink) -> bool:
    return not sink.durable and bool(getattr(sink, "inline", False))


class _Counted:
    """A sink, and how many lines it did not take, by reason."""

    __slots__ = ("_on_drop", "_reported", "dropped", "lock", "sink")

    def __init__(self, sink: Sink, on_drop: Callable[[], None]) -> None:
        self.sink = sink
        self._on_drop = on_drop
        self.renew()

    def renew(self) -> None:
        # Reentrant: a signal handler or a finalizer may emit while its own thread is in here.
        self.lock = threading.RLock()
        self.dropped = {"full": 0, "failed": 0, "closed": 0}
        self._reported = dict(self._all_dropped())

    def _all_dropped(self) -> dict[str, int]:
        """By reason; what the sink itself says that it lost (`lost`) failed."""
        lost = int(getattr(self.sink, "lost", 0))
        return {**self.dropped, "failed": self.dropped["failed"] + lost} if lost else dict(self.dropped)

    def drop(self, reason: str, count: int = 1) -> None:
        with self.lock:
            self.dropped[reason] += count
        self._on_drop()

    def has_unreported(self) -> bool:
        return self._all_dropped() != self._reported

    def unreported(self) -> dict[str, Any] | None:
        """Return the payload of the next report, None where nothing was dropped since the last."""
        with self.lock:
            now = self._all_dropped()
            fresh = {reason: count - self._reported[reason] for reason, count in now.items()}
            if not any(fresh.values()):
                return None
            self._reported = now
        return {
            "sink": self.sink.name,
            "dropped": sum(fresh.values()),
            "reasons": {reason: count for reason, count in fresh.items() if count},
            "dropped_total": sum(now.values()),
        }

    def stats(self) -> dict[str, int]:
        with self.lock:
            dropped = self._all_dropped()
            found = {"delivered": self._delivered(), "queued": self._queued(), "dropped": sum(dropped.values())}
        spooled = getattr(self.sink, "spooled", None)
        if spooled is not None:
            found["spooled"] = int(spooled)
        return {**found, **{f"dropped_{reason}": count for reason, count in dropped.items() if count}}

    def _delivered(self) -> int:
        return int(getattr(self.sink, "written", 0))

    def _queued(self) -> int:
        return 0


class _Direct(_Counted):
    """A sink that is written in the caller. What it took it counts itself, in `written`."""

    __slots__ = ()

    def write(self, line: bytes, record: Mapping[str, Any]) -> None:
        try:
            self.sink.write(line, record)
        except Exception:  # noqa: BLE001 - whatever a sink raises, the caller goes on
            self.drop("failed")

    def flush(self, timeout: float) -> bool:
        try:
            return self.sink.flush(timeout)
        except Exception:  # noqa: BLE001 - as above
            return False

    def close(self, timeout: float) -> None:
        try:
            self.sink.close(timeout)
        except Exception:  # noqa: BLE001 - as above
            pass


class _Mark:
    """Put in a queue behind the lines: reached when all of them are through."""

    __slots__ = ("closes", "end", "reached", "whole")

    def __init__(self, end: float, *, closes: bool = False) -> None:
        self.end = end
        self.closes = closes
        self.whole = False
        self.reached = threading.Lock()
        self.reached.acquire()


_Item = tuple[bytes, Mapping[str, Any]] | _Mark


class _Lane(_Counted):
    """The queue and the thread of one best-effort sink."""

    __slots__ = (
        "_accepted",
        "_accepted_bytes",
        "_capacity",
        "_capacity_bytes",
        "_closed",
        "_finished",
        "_finished_bytes",
        "_flushes",
        "_queue",
        "_taken",
        "_thread",
        "_unpause",
    )

    def __init__(self, sink: Sink, capacity: int, capacity_bytes: int, on_drop: Callable[[], None]) -> None:
        self._capacity = capacity
        self._capacity_bytes = capacity_bytes
        self._closed = False
        super().__init__(sink, on_drop)

    def renew(self) -> None:
        super().renew()
        self._queue: SimpleQueue[_Item] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._unpause = threading.Event()
        self._flushes = 0
        self._accepted = self._accepted_bytes = 0
        self._finished = self._finished_bytes = self._taken = 0

    def put(self, line: bytes, record: Mapping[str, Any]) -> None:
        size = len(line)
        with self.lock:
            waiting = self._accepted - self._finished
            if self._closed:
                reason = "closed"
            elif waiting >= self._capacity or (
                waiting and self._accepted_bytes - self._finished_bytes + size > self._capacity_bytes
            ):
                reason = "full"
            else:
                self._accepted += 1
                self._accepted_bytes += size
                self._queue.put((line, record))
                if self._thread is None:
                    self._start()
                return
        self.drop(reason)

    def begin_flush(self, timeout: float) -> _Mark | None:
        """Put a mark behind what is queued; None where nothing was ever written."""
        with self.lock:
            if self._thread is None and (self._accepted == self._finished or not self._start()):
                return None
            mark = _Mark(time.monotonic() + timeout)
            self._flushes += 1
            self._unpause.set()
            self._queue.put(mark)
            return mark

    def end_flush(self, mark: _Mark | None, timeout: float) -> bool:
        """Wait for the mark; False where the sink did not come so far or says that it could not flush."""
        if mark is None:
            return self._drain_here(timeout)
        reached = mark.reached.acquire(timeout=timeout)
        with self.lock:
            self._flushes -= 1
            if not self._flushes:
                self._unpause.clear()
        return reached and mark.whole

    def close(self, timeout: float) -> None:
        """Count what is queued as dropped, and close the sink where its thread is free to do it."""
        end = time.monotonic() + timeout
        with self.lock:
            if self._closed:
                return
            self._closed = True
            left = self._accepted - self._finished
            self._finished, self._finished_bytes = self._accepted, self._accepted_bytes
            # The thread sees that its queue is no longer the lane's, and neither writes nor counts from there on.
            queue, self._queue = self._queue, SimpleQueue()
            thread, self._thread = self._thread, None
            self._unpause.set()
        mark = _Mark(end, closes=True)
        if left:
            self.drop("closed", left)
        elif thread is None:
            self._end(mark)
        queue.put(mark)
        if thread is not None and not left:
            mark.reached.acquire(timeout=max(end - time.monotonic(), 0))

    def _start(self) -> bool:
        thread = threading.Thread(target=self._run, args=(self._queue,), name=f"obs-sink-{self.sink.name}", daemon=True)
        self._thread = thread
        try:
            thread.start()
        except RuntimeError:  # no more threads, or the interpreter is ending: the next line, or flush, tries again
            self._thread = None
            return False
        return True

    def _run(self, queue: SimpleQueue[_Item]) -> None:
        failures = 0
        while True:
            item = queue.get()
            if isinstance(item, _Mark):
                self._end(item)
                if item.closes:
                    return
                continue
            if self._queue is not queue:
                continue
            failures = 0 if self._deliver(queue, item) else failures + 1
            if failures:  # a dead sink must not eat the processor: tried again ever more seldom, at once when flushing
                pause = min(_FIRST_PAUSE * 2 ** min(failures - 1, 10), _LONGEST_PAUSE)
                self._unpause.wait(pause * jitter())

    def _deliver(self, queue: SimpleQueue[_Item], item: tuple[bytes, Mapping[str, Any]]) -> bool:
        line, record = item
        try:
            self.sink.write(line, record)
            delivered = True
        except BaseException:  # noqa: BLE001 - a thread of ours has nobody to raise to
            delivered = False
        with self.lock:
            if self._queue is not queue:  # closed in the meantime, where the line was counted as dropped
                return delivered
            self._finished += 1
            self._finished_bytes += len(line)
            if delivered:
                self._taken += 1
                return True
        self.drop("failed")
        return False

    def _end(self, mark: _Mark) -> None:
        left = max(mark.end - time.monotonic(), 0)
        try:
            if mark.closes:
                self.sink.close(left)
                mark.whole = True
            else:
                mark.whole = bool(self.sink.flush(left))
        except BaseException:  # noqa: BLE001 - as above
            mark.whole = False
        finally:
            mark.reached.release()

    def _drain_here(self, timeout: float) -> bool:
        """Deliver in this thread: there is nothing to deliver, or no thread can be started any more."""
        end = time.monotonic() + timeout
        queue = self._queue
        while self._thread is None and self._accepted != self._finished:
            if time.monotonic() >= end:
                return False
            item = queue.get()
            if not isinstance(item, _Mark):
                self._deliver(queue, item)
        return True

    def _delivered(self) -> int:
        return self._taken

    def _queued(self) -> int:
        return self._accepted - self._finished


def _plain_envelope(event_name: str, payload: dict[str, Any], severity: str) -> tuple[bytes, Mapping[str, Any]]:
    """Return an envelope without a configuration: nobody knows the service."""
    import json
    import socket
    from datetime import UTC, datetime

    record = {
        "event_name": event_name,
        "occurred_at": datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "correlation": {},
        "actor": {
            "service_name": "unknown",
            "service_version": "unknown",
            "env": "unknown",
            "host": socket.gethostname(),
        },
        "payload": payload,
        "severity": severity,
        "schema_version": "1",
    }
    return json.dumps(record, separators=(",", ":")).encode() + b"\n", record
