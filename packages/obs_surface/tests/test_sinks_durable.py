from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from obs_surface.sinks.durable import DurableSink, DurableSinkError, Entry
from obs_surface.sinks.spool import Spool

posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


class FakeStore(DurableSink):
    """A store that fails the next `failures` times."""

    def __init__(self, failures: int = 0, **options: Any) -> None:
        super().__init__(name="store", **{"first_delay": 0.001, "longest_delay": 0.01, **options})
        self.failures = failures
        self.batches: list[list[Entry]] = []
        self.calls = 0

    def send(self, batch: Sequence[Entry]) -> None:
        self.calls += 1
        if self.failures:
            self.failures -= 1
            raise ConnectionError("away")
        self.batches.append(list(batch))

    @property
    def stored(self) -> list[bytes]:
        return [entry.line for batch in self.batches for entry in batch]


def _line(number: int) -> bytes:
    return b'{"n":%d}\n' % number


def _record(number: int) -> Mapping[str, Any]:
    return {"n": number}


@pytest.mark.parametrize("failures", [0, 1, 5])
def test_a_line_is_stored_when_write_returns_however_often_the_store_failed_before(failures: int) -> None:
    store = FakeStore(failures)
    store.write(_line(1), _record(1))
    assert store.batches == [[Entry(_line(1), _record(1))]]
    assert (store.written, store.retries, store.lost) == (1, failures, 0)
    store.close(1)


def test_lines_of_many_threads_share_batches_and_none_is_lost() -> None:
    store = FakeStore(batch_size=7)
    real = store.send
    flaky = [0]

    def send(batch: Sequence[Entry]) -> None:
        flaky[0] += 1
        if flaky[0] % 3 == 0:
            raise ConnectionError("now and then")
        time.sleep(0.001)
        real(batch)

    store.send = send  # type: ignore[method-assign]

    def write(start: int) -> None:
        for number in range(start, start + 20):
            store.write(_line(number), _record(number))

    threads = [threading.Thread(target=write, args=(1000 * each,)) for each in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(store.stored) == sorted(_line(1000 * each + number) for each in range(16) for number in range(20))
    assert 1 < max(map(len, store.batches)) <= 7
    assert store.written == 320
    store.close(1)


def test_after_the_deadline_a_line_is_lost_counted_and_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    store = FakeStore(10**9, deadline=0.03)
    for number in range(2):
        store.write(_line(number), {})
    assert store.lost == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "store" in said
    assert "away" in said
    store.close(1)


def test_on_failure_raise() -> None:
    store = FakeStore(10**9, deadline=0.03, on_failure="raise")
    with pytest.raises(DurableSinkError, match=r"store: not stored within 0\.03 s: ConnectionError: away"):
        store.write(_line(1), {})
    store.close(1)


def test_a_store_that_never_answers_is_not_waited_for_longer_than_the_deadline(tmp_path: Path) -> None:
    gate = threading.Event()
    store = FakeStore(deadline=0.05, spool=tmp_path / "spool")
    store.send = lambda batch: [gate.wait()].clear()  # type: ignore[method-assign]
    started = time.monotonic()
    store.write(_line(1), {})
    assert time.monotonic() - started < 2
    assert store.spooled == 1
    gate.set()
    store.close(5)
    assert store.written == 0


def test_what_was_spooled_is_replayed_once_in_order(tmp_path: Path) -> None:
    store = FakeStore(10**9, deadline=0.01, spool=tmp_path / "spool")
    for number in range(3):
        store.write(_line(number), _record(number))
    assert (store.spooled, store.lost) == (3, 0)
    assert store.replay(timeout=0.02) == 0
    assert (tmp_path / "spool").read_bytes() == b"".join(map(_line, range(3)))
    store.failures = 1
    assert store.replay() == 3
    assert store.stored == [_line(number) for number in range(3)]
    assert [entry.record for entry in store.batches[0]] == [_record(number) for number in range(3)]
    assert store.replay() == 0
    assert sorted(os.listdir(tmp_path)) == ["spool"]
    store.close(1)


@posix
def test_what_a_dead_process_had_taken_is_taken_again(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    (tmp_path / f"spool.{child}.taken").write_bytes(_line(1) + b'{"n":')
    (tmp_path / "spool").write_bytes(_line(2))
    spool = Spool(tmp_path / "spool")
    assert spool.take() == [_line(1), b'{"n":\n', _line(2)]
    spool.give_back([])
    assert spool.take() == []


def test_a_spool_that_cannot_be_opened_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing"):
        FakeStore(spool=tmp_path / "missing" / "spool")


@pytest.mark.parametrize(
    "options",
    [{"deadline": 0}, {"first_delay": 0}, {"longest_delay": 0.0001}, {"batch_size": 0}, {"on_failure": "ignore"}],
)
def test_options_that_make_no_sense(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="sink store"):
        FakeStore(**options)


def test_after_closing_lines_go_to_the_spool(tmp_path: Path) -> None:
    store = FakeStore(spool=tmp_path / "spool")
    store.write(_line(1), {})
    store.close(1)
    store.close(1)
    store.write(_line(2), {})
    assert store.spooled == 1
    assert json.loads((tmp_path / "spool").read_bytes()) == {"n": 2}


@posix
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_has_a_sender_of_its_own() -> None:
    store = FakeStore()
    store.write(_line(1), {})
    child = os.fork()
    if child == 0:
        code = 1
        try:
            store.batches.clear()
            store.write(_line(2), {})
            code = 0 if store.stored == [_line(2)] and store.written == 1 else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    store.close(1)
