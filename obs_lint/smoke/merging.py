"""Records of several files in the order of their times, with as few files open as overlap."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from heapq import heapify, heappop, heappush, heappushpop

from obs_lint.smoke.records import Record

_PEEKED = 64
"""Records of a file in which its first time is looked for."""


def first_time(records: Iterator[Record]) -> int:
    """Return the time of the first record that has one, in nanoseconds since the epoch; 0 where it is not soon told."""
    return next((record.time for record, _ in zip(records, range(_PEEKED), strict=False) if record.time), 0)


def in_order(files: Sequence[tuple[int, Callable[[], Iterator[Record]]]]) -> Iterator[Record]:
    """Yield the records of files, each given as (the time it begins at, what opens it), merged by time.

    Within a file its own order stays: a record without a time goes with the one before it. One record of each open file
    is held, and a file is opened when the others have come to its beginning.
    """
    waiting = [(begins, number, opened) for number, (begins, opened) in enumerate(files)]
    heapify(waiting)
    heads: list[tuple[int, int, Record, Iterator[Record]]] = []
    while heads or waiting:
        if not heads:
            _open(waiting, heads)
            continue
        head = heappop(heads)
        while waiting and waiting[0][0] <= head[0]:
            _open(waiting, heads)
            head = heappushpop(heads, head)
        time, number, record, rest = head
        limit = min((heads[0][0] if heads else 1 << 80), (waiting[0][0] if waiting else 1 << 80))
        yield record
        for record in rest:
            if record.time:
                time = record.time
                if time > limit:
                    heappush(heads, (time, number, record, rest))
                    break
            yield record


def _open(
    waiting: list[tuple[int, int, Callable[[], Iterator[Record]]]],
    heads: list[tuple[int, int, Record, Iterator[Record]]],
) -> None:
    """Open the file that begins first of those that wait."""
    begins, number, opened = heappop(waiting)
    records = opened()
    record = next(records, None)
    if record is not None:
        heappush(heads, (record.time or begins, number, record, records))
