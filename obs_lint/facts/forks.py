"""Work that this process and forks of it draw from one queue, where the system can fork.

A fork knows all that its parent knows, so that nothing but numbers and answers go between them.
"""

from __future__ import annotations

import marshal
import os
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

MOST_ITEMS = 250
"""Numbers are drawn as single bytes."""


class Answer(NamedTuple):
    """What a fork did."""

    done: dict[int, Any]
    """By number: what the work returned, as plain values."""
    closing: Any
    """What it had to say in the end."""


def can_fork() -> bool:
    """True where processes can be forked."""
    return hasattr(os, "fork")


def shared(
    count: int,
    helpers: int,
    first: Callable[[], None],
    work: Callable[[int], Any],
    plain: Callable[[Any], Any],
    closing: Callable[[], Any],
) -> tuple[dict[int, Any], list[Answer]]:
    """Do `work` for every number below `count`, here and in `helpers` forks; `first` is done here alone, before that.

    Returns what was done here, and what forks answer: `plain` makes plain values of what they did, and `closing`
    returns such. What a fork took and did not answer, since it died, is done here.
    """
    read_end, write_end = os.pipe()
    os.write(write_end, bytes(range(count)))
    os.close(write_end)
    forks: list[tuple[int, int]] = []
    try:
        for _ in range(helpers):
            try:
                forks.append(_fork(read_end, work, plain, closing, [pipe for pipe, _ in forks]))
            except OSError:
                break
        first()
        mine = {number: work(number) for number in _drawn(read_end)}
    finally:
        os.close(read_end)
        received = [_receive(*fork) for fork in forks]
    answers = [answer for answer in received if answer is not None]
    known = mine.keys() | {number for answer in answers for number in answer.done}
    mine.update({number: work(number) for number in range(count) if number not in known})
    return mine, answers


def _drawn(queue: int) -> Iterator[int]:
    while number := os.read(queue, 1):
        yield number[0]


def _fork(
    queue: int,
    work: Callable[[int], Any],
    plain: Callable[[Any], Any],
    closing: Callable[[], Any],
    others: list[int],
) -> tuple[int, int]:
    """Return the pipe that the fork answers on, and its number."""
    up_read, up_write = os.pipe()
    process = os.fork()
    if process:
        os.close(up_write)
        return up_read, process
    code = 1
    try:
        for pipe in (up_read, *others):
            os.close(pipe)
        done = {number: plain(work(number)) for number in _drawn(queue)}
        data = marshal.dumps((done, closing()))
        with os.fdopen(up_write, "wb") as stream:
            stream.write(len(data).to_bytes(8, "little"))
            stream.write(data)
        code = 0
    except BaseException:  # noqa: BLE001 - a fork must never run on into its parent's code
        pass
    finally:
        os._exit(code)


def _receive(pipe: int, process: int) -> Answer | None:
    """Return the answer of a fork, None where it died."""
    with os.fdopen(pipe, "rb") as stream:
        data = stream.read()
    try:
        os.waitpid(process, 0)
    except OSError:
        pass
    if len(data) < 8 or len(data) != 8 + int.from_bytes(data[:8], "little"):
        return None
    done, closing = marshal.loads(memoryview(data)[8:])
    return Answer(done, closing)
