"""A configured surface whose events a test can look at, and a real Redis."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import obs_surface as obs
from obs_surface import configuration

LOCK = Path(__file__).parent / "data" / "jobs.lock.json"


@pytest.fixture
def observed() -> Iterator[obs.MemorySink]:
    """What is emitted during the test, checked strictly against a registry with job runs, layers and steps."""
    sink = obs.MemorySink()
    obs.configure("worker", "1.0", "test", sinks=[sink], registry=LOCK, strict=True)
    yield sink
    configuration.reset()


@pytest.fixture
def unregistered() -> Iterator[obs.MemorySink]:
    """What is emitted during the test, without a registry."""
    sink = obs.MemorySink()
    obs.configure("worker", "1.0", "test", sinks=[sink])
    yield sink
    configuration.reset()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis of this run's own, on a free port."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("redis")
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
    with (folder / "log.txt").open("wb") as log:
        server = subprocess.Popen([program, *options], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 20
        while not _answers(port):
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"redis-server did not start: {(folder / 'log.txt').read_text()}")
            time.sleep(0.02)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(10)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
