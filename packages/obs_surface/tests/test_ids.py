"""Ids: UUIDv7 in order and unique over threads and forks, and what an id from outside may look like."""

from __future__ import annotations

import os
import threading
import time
import uuid

import pytest

from obs_surface import ids


def test_a_uuid7_is_one_and_tells_its_time() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid.UUID(ids.uuid7())
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert before <= made.int >> 80 <= time.time_ns() // 1_000_000
    assert ids.is_uuid(str(made)) and ids.is_request_id(str(made))


def test_they_sort_in_the_order_in_which_they_were_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [ids.uuid7() for _ in range(20_000)]
    assert made == sorted(set(made))
    monkeypatch.setattr(ids, "time_ns", lambda: 0)  # the clock goes back
    assert ids.uuid7() > made[-1]


def test_threads_get_different_ones() -> None:
    made: list[str] = []
    threads = [threading.Thread(target=lambda: made.extend([ids.uuid7() for _ in range(3000)])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 24_000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_forked_children_get_different_ones() -> None:
    ids.uuid7()
    read, write = os.pipe()
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            os.write(write, "".join(f"{ids.uuid7()}\n" for _ in range(50)).encode())
            os._exit(0)
        children.append(child)
    os.close(write)
    with os.fdopen(read) as lines:
        made = [*lines.read().split(), *(ids.uuid7() for _ in range(50))]
    for child in children:
        os.waitpid(child, 0)
    # Beside the milliseconds all of it is drawn anew: no child continues with its parent's random bytes.
    assert len({each[14:] for each in made}) == len(made) == 250


@pytest.mark.parametrize("text", ["a", "A-1.b_c:d@e/f+g=h", "x" * 128, "0192f0c1-7a3e-7c4d-9b1e-2f6d8a5c3e10"])
def test_request_ids(text: str) -> None:
    assert ids.is_request_id(text)


@pytest.mark.parametrize(
    "text", ["", "x" * 129, "a b", "a\n", "\na", "a\r\nb", "é", "a\x00", "a,b", "{a}", "<a>", '"', "a;b", "٣"]
)
def test_what_is_no_request_id(text: str) -> None:
    assert not ids.is_request_id(text)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("uuid", "0192F0C1-7a3e-7c4d-9b1e-2f6d8a5c3e10", "0192f0c17a3e7c4d9b1e2f6d8a5c3e10"),
        ("uuid", "00000000-0000-0000-0000-000000000000", "{0192f0c1-7a3e-7c4d-9b1e-2f6d8a5c3e10}"),
        ("otel-trace-id", "4bf92f3577b34da6a3ce929d0e0e4736", "4BF92F3577B34DA6A3CE929D0E0E4736"),
        ("otel-trace-id", "0" * 31 + "1", "0" * 32),
        ("otel-span-id", "00f067aa0ba902b7", "0" * 16),
        ("integer", "-42", "042"),
        ("integer", "0", "1" * 19),
    ],
)
def test_types_of_the_registry(kind: str, good: str, bad: str) -> None:
    fits = ids.WELL_FORMED[kind]
    assert fits(good) and not fits(bad) and not fits(good + "\n") and not fits("")
