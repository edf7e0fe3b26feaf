from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from obs_surface.sinks.durable import DurableSinkError
from obs_surface.sinks.fan_out import FanOut
from obs_surface.sinks.memory import MemorySink

posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


class Best:
    """A best-effort sink that does what it is told."""

    durable = False
    wants_record = False

    def __init__(self, name: str, does: Callable[[bytes], None] = lambda line: None) -> None:
        self.name = name
        self.does = does
        self.got: list[bytes] = []
        self.closed = 0

    def write(self, line: bytes, record: Mapping[str, Any]) -> None:
        self.does(line)
        self.got.append(line)

    def flush(self, timeout: float) -> bool:
        return True

    def close(self, timeout: float) -> None:
        self.closed += 1


class Certain(Best):
    durable = True


def _line(number: int) -> bytes:
    return b'{"n":%d}\n' % number


def _wait(gate: threading.Event) -> None:
    gate.wait()


def _raise(line: bytes) -> None:
    raise RuntimeError("dead")


def _write(fan: FanOut, count: int, start: int = 0) -> list[bytes]:
    lines = [_line(number) for number in range(start, start + count)]
    for line in lines:
        fan.write(line, {})
    return lines


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not come true"
        time.sleep(0.001)


def test_every_sink_has_every_line_in_order() -> None:
    memory, first, second, certain = MemorySink(), Best("first"), Best("second"), Certain("certain")
    fan = FanOut([memory, first, second, certain])
    lines = _write(fan, 500)
    assert memory.lines == lines
    assert certain.got == lines
    assert fan.flush(10)
    assert first.got == second.got == lines
    assert fan.stats()["first"] == {"delivered": 500, "queued": 0, "dropped": 0}
    fan.close(10)
    assert (first.closed, certain.closed) == (1, 1)


def test_a_blocking_sink_costs_the_caller_nothing_and_every_line_is_counted() -> None:
    gate = threading.Event()
    memory, blocked, fine = MemorySink(), Best("blocked", lambda line: _wait(gate)), Best("fine")
    fan = FanOut([memory, blocked, fine], capacity=100)
    started = time.monotonic()
    _write(fan, 1000)
    assert time.monotonic() - started < 2
    wait_for(lambda: len(fine.got) + fan.stats()["fine"]["dropped"] == 1000)
    stats = fan.stats()["blocked"]
    assert stats == {"delivered": 0, "queued": 100, "dropped": 900, "dropped_full": 900}
    assert not fan.flush(0.02)
    fan.close(0.02)
    assert fan.stats()["blocked"]["dropped"] == 1000
    gate.set()  # what it writes now was counted as dropped: it stays so
    wait_for(lambda: not any(thread.name == "obs-sink-blocked" for thread in threading.enumerate()))
    assert fan.stats()["blocked"] == {
        "delivered": 0,
        "queued": 0,
        "dropped": 1000,
        "dropped_full": 900,
        "dropped_closed": 100,
    }


def test_the_queue_is_bounded_by_bytes_and_takes_one_line_of_any_size() -> None:
    gate = threading.Event()
    blocked = Best("blocked", lambda line: _wait(gate))
    fan = FanOut([blocked], capacity=1000, capacity_bytes=1000)
    big = b"x" * 5000 + b"\n"
    fan.write(big, {})
    fan.write(b"y\n", {})
    assert fan.stats()["blocked"]["dropped_full"] == 1
    gate.set()
    assert fan.flush(10)
    assert blocked.got == [big]
    fan.close(10)


def test_a_dead_sink_is_tried_ever_more_seldom_and_everything_is_counted() -> None:
    tried: list[float] = []

    def dies(line: bytes) -> None:
        tried.append(time.monotonic())
        raise RuntimeError("dead")

    memory, dead = MemorySink(), Best("dead", dies)
    fan = FanOut([memory, dead], capacity=50)
    _write(fan, 200)
    wait_for(lambda: len(tried) >= 4)
    fan.close(10)
    stats = fan.stats()["dead"]
    assert stats["dropped"] == 200
    assert stats["delivered"] == stats["queued"] == 0
    assert stats["dropped_full"] + stats["dropped_failed"] == 200
    assert len(memory.lines) == 201  # and the report
    assert tried[3] - tried[0] >= 0.5 * (0.005 + 0.01 + 0.02)


def test_a_sink_that_recovers_goes_on() -> None:
    down = [True]

    def does(line: bytes) -> None:
        if down[0]:
            raise RuntimeError("down")

    sink = Best("moody", does)
    fan = FanOut([sink])
    _write(fan, 1)
    wait_for(lambda: fan.stats()["moody"]["dropped"] == 1)
    down[0] = False
    lines = _write(fan, 5)
    assert fan.flush(10)
    assert sink.got == lines
    fan.close(1)


def test_drops_are_reported_by_an_event_once_a_period_and_at_the_end() -> None:
    memory, dead = MemorySink(), Best("dead", _raise)
    fan = FanOut([memory, dead], report_every=0.05)
    _write(fan, 3)
    wait_for(lambda: sum(event["payload"]["dropped"] for event in memory.events("obs.sink.dropped")) == 3)
    _write(fan, 4)
    fan.close(10)
    reports = memory.events("obs.sink.dropped")
    assert sum(event["payload"]["dropped"] for event in reports) == 7
    assert reports[-1]["payload"]["dropped_total"] == 7
    assert reports[-1]["payload"]["sink"] == "dead"
    assert reports[-1]["payload"]["reasons"].keys() == {"failed"}
    assert reports[-1]["severity"] == "warn"
    assert json.loads(memory.lines[-1]) == reports[-1]
    assert reports[-1]["occurred_at"].endswith("Z")


def test_without_a_baseline_drops_are_reported_on_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    fan = FanOut([Best("dead", _raise)])
    _write(fan, 2)
    fan.close(10)
    assert json.loads(capfd.readouterr().err)["payload"]["dropped"] == 2


def test_an_inline_sink_that_raises_is_counted() -> None:
    class Broken(MemorySink):
        def write(self, line: bytes, record: Mapping[str, Any]) -> None:
            raise OSError("broken")

    memory = MemorySink()
    fan = FanOut([Broken(name="broken"), memory])
    _write(fan, 2)
    assert fan.stats()["broken"] == {"delivered": 0, "queued": 0, "dropped": 2, "dropped_failed": 2}
    fan.close(1)
    assert [event["payload"]["sink"] for event in memory.events()] == ["broken"]


def test_a_durable_sink_that_raises_is_heard_after_all_others_had_the_line() -> None:
    memory, best, dead, certain = MemorySink(), Best("best"), Certain("dead", _raise), Certain("certain")
    fan = FanOut([dead, memory, best, certain])
    with pytest.raises(RuntimeError, match="dead"):
        fan.write(_line(1), {})
    assert fan.flush(10)
    assert memory.lines == best.got == certain.got == [_line(1)]
    assert fan.stats()["dead"]["dropped_failed"] == 1
    fan.close(1)


def test_a_durable_error_is_counted_once() -> None:
    class Store(Certain):
        lost = 0

        def write(self, line: bytes, record: Mapping[str, Any]) -> None:
            self.lost += 1
            raise DurableSinkError("store", 1.0, "away")

    fan = FanOut([Store("store")])
    with pytest.raises(DurableSinkError):
        fan.write(_line(1), {})
    assert fan.stats()["store"]["dropped"] == 1


def test_what_is_written_after_closing_is_counted() -> None:
    best = Best("best")
    fan = FanOut([best])
    fan.close(1)
    _write(fan, 3)
    assert fan.stats()["best"] == {"delivered": 0, "queued": 0, "dropped": 3, "dropped_closed": 3}
    assert best.closed == 1
    fan.close(1)


def test_a_signal_handler_that_writes_does_not_deadlock() -> None:
    fan = FanOut([best := Best("best")])
    lane = fan._lanes[0]
    with lane.lock:  # as if the handler ran while this thread was in `put`
        fan.write(_line(1), {})
    assert fan.flush(10)
    assert best.got == [_line(1)]
    fan.close(1)


@pytest.mark.parametrize("arguments", [{"capacity": 0}, {"capacity_bytes": 0}])
def test_a_queue_without_room_is_an_error(arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        FanOut([], **arguments)  # type: ignore[arg-type]


def test_two_sinks_of_one_name_are_an_error() -> None:
    with pytest.raises(ValueError, match="memory"):
        FanOut([MemorySink(), MemorySink()])


def test_sixteen_threads_lose_and_double_nothing() -> None:
    best = Best("best")
    fan = FanOut([best], capacity=100)
    threads = [threading.Thread(target=_write, args=(fan, 300, 1000 * number)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    fan.close(10)
    stats = fan.stats()["best"]
    assert stats["delivered"] == len(best.got) == len(set(best.got))
    assert stats["delivered"] + stats["dropped"] == 16 * 300


@posix
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_delivers_its_own_lines_and_not_its_parents() -> None:
    gate = threading.Event()
    reading, writing = os.pipe()
    parent = os.getpid()

    def does(line: bytes) -> None:
        if os.getpid() == parent:
            gate.wait()
        os.write(writing, line)

    fan = FanOut([Best("best", does)])
    _write(fan, 10)  # all of it queued, the first one in a write
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _write(fan, 5, 100)
            fan.close(10)
            code = 0 if fan.stats()["best"] == {"delivered": 5, "queued": 0, "dropped": 0} else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    gate.set()
    fan.close(10)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        got = file.readlines()
    assert sorted(got) == sorted([_line(number) for number in (*range(10), *range(100, 105))])
