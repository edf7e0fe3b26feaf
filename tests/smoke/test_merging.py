"""Records of several files come by their times, each file's in its own order, and few files are open at once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from obs_lint.smoke.merging import first_time, in_order
from obs_lint.smoke.records import EVENT, Record


def merged(*files: tuple[int, ...]) -> str:
    """`a1 b2`: files are named a, b, c, their records by their times."""

    def read(name: str, times: tuple[int, ...]) -> Iterator[Record]:
        for time in times:
            yield Record(EVENT, f"{name}{time}", time)

    opened = [partial(read, name, times) for name, times in zip("abc", files, strict=False)]
    return " ".join(one.name for one in in_order([(first_time(each()), each) for each in opened]))


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (((1, 4), (2, 3)), "a1 b2 b3 a4"),
        (((5, 6), (1, 2)), "b1 b2 a5 a6"),
        (((1, 3), (1, 3)), "a1 b1 b3 a3"),
        (((1, 0, 9), (2,)), "a1 a0 b2 a9"),
        (((0, 0), (2,)), "a0 a0 b2"),
        (((0, 5), (2,)), "b2 a0 a5"),
        (((5, 3, 6), (4,)), "b4 a5 a3 a6"),
        (((), (1,), ()), "b1"),
        ((), ""),
    ],
)
def test_by_time(files: tuple[tuple[int, ...], ...], expected: str) -> None:
    found = merged(*files)
    # Where times are equal, any order will do that keeps each file's own.
    if files[:1] == ((1, 3),):
        assert sorted(found.split()) == sorted(expected.split()) and found.index("a1") < found.index("a3")
    else:
        assert found == expected


def test_files_that_follow_each_other_are_open_one_at_a_time() -> None:
    opened: list[int] = []
    most = 0

    def read(number: int) -> Iterator[Record]:
        nonlocal most
        opened.append(number)
        most = max(most, len(opened))
        for time in range(number * 10 + 1, number * 10 + 10):
            yield Record(EVENT, str(number), time)
        opened.remove(number)

    files = [(number * 10 + 1, partial(read, number)) for number in reversed(range(500))]
    times = [record.time for record in in_order(files)]
    assert times == sorted(times) and len(times) == 4500
    assert most <= 2
