"""What both queues promise; that of Redis where a redis-server is installed."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from packages import observability as obs
from packages.queue import Queue, QueueUnavailableError
from packages.queue.redis_streams import RedisQueue
from packages.queue.sqlite import SqliteQueue

LEASE = 0.2


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("needs redis-server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        yield f"redis://127.0.0.1:{port}/0"
        server.terminate()


@pytest.fixture(params=["sqlite", "redis"])
def queue(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Queue]:
    opened: Queue
    if request.param == "sqlite":
        opened = SqliteQueue(tmp_path / "queue.db", LEASE)
    else:
        opened = RedisQueue(request.getfixturevalue("redis_url"), LEASE)
    with opened:
        _until(lambda: _answers(opened))
        yield opened


def _answers(queue: Queue) -> bool:
    try:
        queue.ping()
    except QueueUnavailableError:
        return False
    return True


def _until(condition: object) -> None:
    deadline = time.monotonic() + 10
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_message_carries_the_ids_of_who_sent_it(queue: Queue) -> None:
    ids = {"request_id": obs.uuid7(), "job_id": obs.uuid7()}
    with obs.context(**ids):
        queue.publish("carried", {"job_id": ids["job_id"]})
    message = queue.take("carried", wait=2)
    assert message is not None
    assert obs.ObsContext.from_carrier(message.carrier).correlation() == ids
    assert (message.body, message.attempt, message.taken_over) == ({"job_id": ids["job_id"]}, 1, False)


def test_what_is_done_is_gone(queue: Queue) -> None:
    queue.publish("done", {"n": "1"})
    message = queue.take("done", wait=2)
    assert message is not None
    queue.ack(message)
    assert queue.take("done", wait=2 * LEASE) is None


def test_another_attempt_is_counted(queue: Queue) -> None:
    queue.publish("again", {"n": "1"})
    for attempt in (1, 2, 3):
        message = queue.take("again", wait=2)
        assert message is not None
        assert (message.attempt, message.taken_over) == (attempt, False)
        queue.retry(message)


def test_what_is_buried_is_taken_by_nobody(queue: Queue) -> None:
    queue.publish("buried", {"n": "1"})
    message = queue.take("buried", wait=2)
    assert message is not None
    queue.bury(message)
    assert queue.take("buried", wait=2 * LEASE) is None


def test_what_a_worker_did_not_finish_is_taken_over_with_its_ids(queue: Queue) -> None:
    with obs.context(job_id="0192f0c1-7b02-7d19-8c55-60b7f1d2a9e4"):
        queue.publish("lost", {"n": "1"})
    first = queue.take("lost", wait=2)
    assert first is not None
    assert queue.take("lost", wait=0.01) is None
    _until(lambda: _taken_over(queue))


def _taken_over(queue: Queue) -> bool:
    message = queue.take("lost", wait=0.01)
    if message is None:
        return False
    assert (message.attempt, message.taken_over, message.body) == (2, True, {"n": "1"})
    assert message.carrier["job_id"] == "0192f0c1-7b02-7d19-8c55-60b7f1d2a9e4"
    return True


def test_topics_are_apart_and_in_order(queue: Queue) -> None:
    for n in "123":
        queue.publish("ordered", {"n": n})
    queue.publish("other", {"n": "4"})
    taken = [queue.take("ordered", wait=2) for _ in range(3)]
    assert [message and message.body["n"] for message in taken] == ["1", "2", "3"]


def test_a_queue_that_is_not_there_says_so(tmp_path: Path) -> None:
    with RedisQueue("redis://127.0.0.1:1/0", LEASE) as nowhere, pytest.raises(QueueUnavailableError):
        nowhere.ping()
    with SqliteQueue(tmp_path / "queue.db", LEASE) as closed:
        pass
    with pytest.raises(QueueUnavailableError):
        closed.ping()
