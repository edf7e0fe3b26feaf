from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from obs_surface.sinks.at_exit import ExitFlush
from obs_surface.sinks.memory import MemorySink

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to catch")

PREAMBLE = """
import asyncio, os, signal, sys, threading, time
from obs_surface.sinks.at_exit import ExitFlush
from obs_surface.sinks.fan_out import FanOut
from obs_surface.sinks.json_lines import JsonLinesSink

class Slow:
    name, durable, wants_record = "slow", False, False
    def __init__(self, seconds=0.005):
        self.seconds = seconds
        self.out = JsonLinesSink(sys.argv[1])
    def write(self, line, record):
        time.sleep(self.seconds)
        self.out.write(line)
    def flush(self, timeout): return True
    def close(self, timeout): pass

class Blocked(Slow):
    name = "blocked"
    def write(self, line, record): time.sleep(3600)

def lines(fan, count, who="n"):
    for number in range(count):
        fan.write(b'{"%s":%d}\\n' % (who.encode(), number), {})

def ready(): os.write(1, b"ready\\n")
def forever():
    while True: time.sleep(3600)
"""


class Process:
    def __init__(self, code: str, path: Path) -> None:
        self.path = path
        self._run = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", PREAMBLE + textwrap.dedent(code), str(path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.errors = b""

    def ready(self) -> Process:
        assert self._run.stdout is not None
        assert self._run.stdout.readline() == b"ready\n", self.end()
        return self

    def terminate(self) -> Process:
        self._run.send_signal(signal.SIGTERM)
        return self

    def end(self) -> int:
        _, self.errors = self._run.communicate(timeout=30)
        return self._run.returncode

    def lines(self) -> list[bytes]:
        return self.path.read_bytes().splitlines() if self.path.exists() else []


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out.jsonl"


@pytest.fixture(autouse=True)
def same_handler() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    assert signal.getsignal(signal.SIGTERM) == before


@posix
def test_sigterm_flushes_what_is_queued_and_the_process_still_ends_by_the_signal(path: Path) -> None:
    process = Process("fan = FanOut([Slow()]); ExitFlush(fan).install(); lines(fan, 60); ready(); forever()", path)
    assert process.ready().terminate().end() == -signal.SIGTERM
    assert process.lines() == [b'{"n":%d}' % number for number in range(60)]


@posix
def test_sigterm_does_not_wait_for_a_blocked_sink_longer_than_its_time(path: Path) -> None:
    process = Process(
        """
        fan = FanOut([Slow(0), Blocked()])
        ExitFlush(fan, timeout=0.3).install()
        lines(fan, 20)
        ready()
        forever()
        """,
        path,
    )
    process.ready()
    started = time.monotonic()
    assert process.terminate().end() == -signal.SIGTERM
    assert time.monotonic() - started < 10
    assert len(process.lines()) == 20


@posix
@pytest.mark.parametrize(
    ("handler", "code"), [("sys.exit(7)", 7), ("os._exit(9)", 9), ("done.append(args)", 3)], ids=["exit", "_exit", "on"]
)
def test_a_handler_that_was_there_before_keeps_its_say(path: Path, handler: str, code: int) -> None:
    process = Process(
        f"""
        done = []
        def before(*args): {handler}
        signal.signal(signal.SIGTERM, before)
        fan = FanOut([Slow()])
        ExitFlush(fan).install()
        lines(fan, 60)
        ready()
        while not done: time.sleep(0.01)
        assert done[0][0] == signal.SIGTERM and done[0][1] is not None
        lines(fan, 5, "late")
        sys.exit(3)
        """,
        path,
    )
    assert process.ready().terminate().end() == code, process.errors
    assert len(process.lines()) == (65 if code == 3 else 60)


@posix
def test_a_process_that_ignores_sigterm_goes_on_ignoring_it(path: Path) -> None:
    process = Process(
        """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        fan = FanOut([Slow()])
        ExitFlush(fan).install()
        lines(fan, 3)
        ready()
        os.kill(os.getpid(), signal.SIGTERM)
        """,
        path,
    )
    assert process.ready().end() == 0
    assert len(process.lines()) == 3


@posix
def test_a_signal_in_the_middle_of_a_line_ends_the_process_after_the_line(path: Path) -> None:
    code = """
        fan = FanOut([JsonLinesSink(sys.argv[1] + ".inline"), Slow(0)], capacity=10**6, capacity_bytes=10**9)
        ExitFlush(fan).install()
        line = b'{"n":"' + b"x" * 300 + b'"}' + bytes([10])
        for _ in range(500): fan.write(line, {})
        ready()
        while True: fan.write(line, {})
        """
    for _ in range(5):
        assert (process := Process(code, path).ready().terminate()).end() == -signal.SIGTERM, process.errors
    inline = Path(f"{path}.inline").read_bytes()
    assert inline.endswith(b'"}\n')
    assert {len(line) for line in inline.splitlines()} == {308}
    assert path.read_bytes() == inline  # what was queued when the signal came was flushed too


@posix
def test_a_reader_that_does_not_read_does_not_keep_the_process_from_ending(path: Path) -> None:
    process = Process(
        """
        fan = FanOut([JsonLinesSink(1)])
        ExitFlush(fan, timeout=0.3).install()
        ready()
        while True: fan.write(b"x" * 5000 + bytes([10]), {})
        """,
        path,
    )
    process.ready()
    process.terminate()
    assert process._run.wait(timeout=20) == -signal.SIGTERM  # nothing was read meanwhile
    process.end()


@posix
@pytest.mark.parametrize("order", ["loop_first", "loop_last"])
def test_the_handlers_of_an_event_loop_run(path: Path, order: str) -> None:
    process = Process(
        f"""
        fan = FanOut([Slow()])
        async def main():
            stop = asyncio.Event()
            if {order!r} == "loop_last": ExitFlush(fan).install()
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
            if {order!r} == "loop_first": ExitFlush(fan).install()
            lines(fan, 40)
            ready()
            await stop.wait()
            lines(fan, 10, "late")
        asyncio.run(main())
        sys.exit(4)
        """,
        path,
    )
    assert process.ready().terminate().end() == 4, process.errors
    assert len(process.lines()) == 50


@posix
def test_uvicorn_shuts_down_gracefully_and_everything_is_written(path: Path) -> None:
    pytest.importorskip("uvicorn")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = Process(
        f"""
        import uvicorn
        fan = FanOut([Slow()])
        async def app(scope, receive, send):
            while scope["type"] == "lifespan":
                message = await receive()
                if message["type"] == "lifespan.startup":
                    lines(fan, 20)
                    ready()
                    await send({{"type": "lifespan.startup.complete"}})
                else:
                    lines(fan, 20, "shutdown")
                    await send({{"type": "lifespan.shutdown.complete"}})
                    return
        ExitFlush(fan).install()
        uvicorn.run(app, port={port}, log_level="critical")
        """,
        path,
    )
    # uvicorn raises the signal again when it is through: the process ends by it, as it does without the flush.
    assert process.ready().terminate().end() == -signal.SIGTERM, process.errors
    assert len(process.lines()) == 40


@pytest.mark.parametrize("leave", ["pass", "sys.exit(0)", "raise RuntimeError('on purpose')"])
def test_the_end_of_the_process_flushes(path: Path, leave: str) -> None:
    process = Process(f"fan = FanOut([Slow()]); ExitFlush(fan).install(); lines(fan, 20); {leave}", path)
    assert process.end() == (1 if "raise" in leave else 0)
    assert len(process.lines()) == 20


@posix
@pytest.mark.parametrize("library", ["multiprocessing", "billiard"])
def test_children_of_multiprocessing_and_of_fork_flush_what_is_theirs(path: Path, library: str) -> None:
    pytest.importorskip(library)
    process = Process(
        f"""
        import {library} as multiprocessing
        fan = FanOut([Slow()])
        ExitFlush(fan).install()
        lines(fan, 20)
        worker = multiprocessing.get_context("fork").Process(target=lines, args=(fan, 20, "worker"))
        worker.start()
        if os.fork() == 0:
            lines(fan, 20, "child")
            sys.exit(0)
        os.wait()
        worker.join()
        """,
        path,
    )
    assert process.end() == 0, process.errors
    assert sorted(process.lines()) == sorted(
        b'{"%s":%d}' % (who, number) for who in (b"n", b"worker", b"child") for number in range(20)
    )


def test_outside_the_main_thread_and_opted_out_no_handler_is_installed() -> None:
    before = signal.getsignal(signal.SIGTERM)
    flush = ExitFlush(MemorySink())
    thread = threading.Thread(target=flush.install)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) == before
    flush.uninstall()
    flush = ExitFlush(MemorySink(), sigterm=False)
    flush.install()
    assert signal.getsignal(signal.SIGTERM) == before
    flush.uninstall()


def test_uninstall_gives_the_handler_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    flush = ExitFlush(MemorySink())
    flush.install()
    flush.install()
    assert signal.getsignal(signal.SIGTERM) == flush._on_sigterm
    flush.uninstall()
    flush.uninstall()
    assert signal.getsignal(signal.SIGTERM) == before


def test_uninstall_leaves_a_handler_that_came_later() -> None:
    before = signal.getsignal(signal.SIGTERM)
    flush = ExitFlush(MemorySink())
    flush.install()

    def later(number: int, frame: object) -> None: ...

    signal.signal(signal.SIGTERM, later)
    try:
        flush.uninstall()
        assert signal.getsignal(signal.SIGTERM) is later
    finally:
        signal.signal(signal.SIGTERM, before)
