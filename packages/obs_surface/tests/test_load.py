"""Many requests at once over sinks that are slow, dead and blocked: nobody waits, and every event is accounted for."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import obs_surface as obs
from obs_surface import configuration
from obs_surface.sinks import DurableSink, Entry

posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and signals")
EVENTS_A_REQUEST = 3


class Store(DurableSink):
    """Fails now and then, before it has stored anything of the batch."""

    def __init__(self, every: int) -> None:
        super().__init__(name="store", deadline=20.0, first_delay=0.0005, longest_delay=0.005)
        self.every = every
        self.calls = self.failures = 0
        self.stored: list[bytes] = []

    def send(self, batch: Sequence[Entry]) -> None:
        self.calls += 1
        if self.every and self.calls % self.every == 0:
            self.failures += 1
            raise ConnectionError("now and then")
        self.stored.extend(entry.line for entry in batch)


class BestEffort:
    durable = False
    wants_record = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.took = 0
        self.never = threading.Event()

    def write(self, line: bytes, record: Mapping[str, Any]) -> None:
        if self.name == "slow":
            time.sleep(0.01)
        elif self.name == "dead":
            raise ConnectionError("dead")
        elif self.name == "blocked":
            self.never.wait()
        self.took += 1

    def flush(self, timeout: float) -> bool:
        return True

    def close(self, timeout: float) -> None:
        pass


class Figures(NamedTuple):
    """What came out of a run."""

    seconds: float
    slowest_request: float
    """Seconds."""
    failed: int
    emitted: list[tuple[str, int]]
    """(request id, number) of each event."""
    baseline: list[bytes]
    store: Store
    sinks: list[BestEffort]
    stats: dict[str, dict[str, int]]
    """By sink, after closing."""


def run(requests: int, path: Path, *, troubled: bool = True, durable: bool = True) -> Figures:
    """Serve so many requests at the same time, each of which emits EVENTS_A_REQUEST events; then shut down."""
    store = Store(every=7 if troubled else 0)
    sinks = [BestEffort(name) for name in ("slow", "dead", "blocked", "fine")] if troubled else [BestEffort("fine")]
    obs.configure(
        "api",
        "1",
        "test",
        sinks=[obs.JsonLinesSink(path, name="baseline"), *sinks, *([store] if durable else [])],
        sigterm=False,
    )
    emitted: list[tuple[str, int]] = []
    failed = 0
    slowest = 0.0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        request_id = obs.current().request_id
        assert request_id is not None
        for number in range(EVENTS_A_REQUEST):
            obs.emit("load.request.handled", {"number": number})
            emitted.append((request_id, number))
            await asyncio.sleep(0)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    served = obs.RequestContextMiddleware(app)

    async def request(number: int) -> None:
        nonlocal failed, slowest
        sent: list[Any] = []
        headers = [(b"x-request-id", b"request-%d" % number)]
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/",
            "raw_path": b"/",
            "query_string": b"",
            "headers": headers,
        }

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        started = time.perf_counter()
        try:
            await served(scope, receive, send)
        except Exception:  # noqa: BLE001 - what is asked is whether any request fails, whatever the reason
            failed += 1
            return
        slowest = max(slowest, time.perf_counter() - started)
        start = sent[0]
        echoed = [value for name, value in start["headers"] if name.lower() == b"x-request-id"]
        failed += start["status"] != 200 or echoed != [headers[0][1]] or sent[-1].get("body") != b"ok"

    async def everybody() -> None:
        await asyncio.gather(*(request(number) for number in range(requests)))

    started = time.perf_counter()
    asyncio.run(everybody())
    seconds = time.perf_counter() - started
    obs.shutdown(0.5 if troubled else 5.0)
    stats = obs.stats()["sinks"]
    configuration.reset()
    for sink in sinks:
        sink.never.set()
    return Figures(seconds, slowest, failed, emitted, path.read_bytes().splitlines(), store, sinks, stats)


def _keys(lines: list[bytes]) -> Counter[tuple[str, int]]:
    records = [json.loads(line) for line in lines]
    return Counter(
        (record["correlation"]["request_id"], record["payload"]["number"])
        for record in records
        if record["event_name"] == "load.request.handled"
    )


def test_a_thousand_requests_over_slow_dead_and_blocked_sinks(tmp_path: Path) -> None:
    figures = run(1000, tmp_path / "lines.jsonl")
    expected = Counter(figures.emitted)
    assert figures.failed == 0
    assert len(expected) == 1000 * EVENTS_A_REQUEST
    assert set(expected.values()) == {1}
    # The slow sink alone would take 30 seconds, the blocked one for ever.
    assert figures.seconds < 20
    assert figures.store.failures > 10
    assert _keys(figures.store.stored) == expected
    assert _keys(figures.baseline) == expected
    for sink in figures.sinks:
        stats = figures.stats[sink.name]
        assert stats["delivered"] + stats["dropped"] == 1000 * EVENTS_A_REQUEST, (sink.name, stats)
        assert stats["queued"] == 0
    by_name = {sink.name: figures.stats[sink.name] for sink in figures.sinks}
    assert by_name["dead"]["delivered"] == by_name["blocked"]["delivered"] == 0
    assert by_name["fine"]["dropped"] == 0
    assert 0 < by_name["slow"]["delivered"] < 1000 * EVENTS_A_REQUEST
    told = [json.loads(line) for line in figures.baseline]
    reported = {
        record["payload"]["sink"]: record["payload"]["dropped_total"]
        for record in told
        if record["event_name"] == "obs.sink.dropped"
    }
    assert reported == {name: by_name[name]["dropped"] for name in ("slow", "dead", "blocked")}


SERVER = """
import json, os, sys, threading, time
import obs_surface as obs
from obs_surface.sinks import DurableSink
folder, mode = sys.argv[1:]

def appended(name):
    return os.open(os.path.join(folder, name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

class Store(DurableSink):
    def __init__(self):
        super().__init__(name="store", first_delay=0.001, deadline=20)
        self.calls = 0
        self.out = appended("store")
    def send(self, batch):
        self.calls += 1
        if self.calls % 5 == 0: raise ConnectionError("now and then")
        os.write(self.out, b"".join(entry.line for entry in batch))

class Slow:
    name, durable, wants_record = "slow", False, False
    def __init__(self): self.out = appended("slow")
    def write(self, line, record):
        time.sleep(0.002)
        os.write(self.out, line)
    def flush(self, timeout): return True
    def close(self, timeout): pass

obs.configure("api", "1", "test", sinks=[obs.JsonLinesSink(os.path.join(folder, "baseline")), Slow(), Store()])
acknowledged = appended("acknowledged")

def work(thread, count):
    number = 0
    while number < count:
        with obs.context(request_id=f"{thread}-{number}"):
            obs.emit("load.request.handled", {"number": number})
        os.write(acknowledged, b"%d-%d\\n" % (thread, number))
        number += 1

count = 20 if mode == "counted" else 10**9
threads = [threading.Thread(target=work, args=(each, count), daemon=True) for each in range(16)]
for thread in threads: thread.start()
if mode == "counted":
    for thread in threads: thread.join()
else:
    while os.stat(os.path.join(folder, "acknowledged")).st_size < 1000: time.sleep(0.005)
os.write(1, b"ready\\n")
while True: time.sleep(3600)
"""


def _terminated(folder: Path, mode: str) -> dict[str, Counter[str]]:
    """Start the server, end it by SIGTERM when it is ready, and return the request ids in each of its files."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(folder), mode], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n", process.communicate()[1].decode()
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGTERM, errors.decode()
    found = {}
    for name in ("baseline", "slow", "store"):
        records = [json.loads(line) for line in (folder / name).read_bytes().splitlines()]
        found[name] = Counter(r["correlation"]["request_id"] for r in records if r["event_name"] != "obs.sink.dropped")
    found["acknowledged"] = Counter((folder / "acknowledged").read_text().split())
    return found


@posix
def test_sigterm_flushes(tmp_path: Path) -> None:
    found = _terminated(tmp_path, "counted")
    assert found["baseline"] == found["slow"] == found["store"] == found["acknowledged"]
    assert found["slow"].total() == 320


@posix
def test_sigterm_in_the_middle_of_it_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    found = _terminated(tmp_path, "endless")
    assert found["acknowledged"].total() > 100
    for name in ("baseline", "store"):
        missing = found["acknowledged"] - found[name]
        assert not missing, (name, missing)
        assert max(found[name].values()) == 1


CROWD = """
import multiprocessing, os, sys, threading
import obs_surface as obs
obs.configure("api", "1", "test", sinks=[obs.JsonLinesSink(sys.argv[1]) if len(sys.argv) > 1 else obs.JsonLinesSink()])
SIZES = (0, 30, 3700, 3900, 4000, 9000, 70_000, 200_000)

def one(who, thread):
    for number in range(8):
        with obs.context(request_id=f"{who}-{thread}-{number}"):
            size = SIZES[(number + thread) % 8]
            obs.emit("load.line.written", {"size": size, "text": "é" * (size // 2)})

def crowd(who):
    threads = [threading.Thread(target=one, args=(who, thread)) for thread in range(16)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()

children = []
for child in range(2):
    pid = os.fork()
    if pid == 0:
        crowd(f"fork{child}")
        os._exit(0 if obs.stats()["emitted"] == 128 else 1)
    children.append(pid)
worker = multiprocessing.get_context("fork").Process(target=crowd, args=("worker",))
worker.start()
crowd("parent")
worker.join()
assert worker.exitcode == 0 and [os.waitpid(child, 0)[1] for child in children] == [0, 0]
"""


@posix
@pytest.mark.parametrize("target", ["pipe", "file"])
def test_sixty_four_threads_of_four_processes_write_whole_lines(tmp_path: Path, target: str) -> None:
    path = tmp_path / "lines.jsonl"
    arguments = [str(path)] if target == "file" else []
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CROWD, *arguments], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    data = path.read_bytes() if target == "file" else done.stdout
    seen: Counter[str] = Counter()
    for line in data.splitlines():
        record = json.loads(line)
        assert len(record["payload"]["text"]) == record["payload"]["size"] // 2
        seen[record["correlation"]["request_id"]] += 1
    assert len(seen) == 4 * 16 * 8
    assert set(seen.values()) == {1}
