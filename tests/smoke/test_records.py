from __future__ import annotations

import pytest

from obs_lint.smoke.fields import Fields, found_at, spellings
from obs_lint.smoke.records import BROKEN, EVENT, Record, broken
from obs_lint.smoke.timestamps import nanoseconds

AT = 1763630073_140512000


def test_a_record_is_a_tuple_with_defaults() -> None:
    record = Record(EVENT, "a")
    assert (record.kind, record.name, record.ids, record.payload, record.raw) == (EVENT, "a", {}, {}, b"")
    assert record._replace(line=5).line == 5
    with pytest.raises(AttributeError):
        record.name = "b"  # type: ignore[misc]


def test_what_is_broken_says_why() -> None:
    record = broken("cut off", "s", 7, b"{")
    assert (record.kind, record.reason, record.source, record.line, record.raw) == (BROKEN, "cut off", "s", 7, b"{")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2025-11-20T09:14:33.140512Z", AT),
        ("2025-11-20T09:14:33.140512000Z", AT),
        ("2025-11-20T09:14:33.140512999999Z", AT + 999),
        ("2025-11-20t09:14:33.140512z", AT),
        ("2025-11-20T10:14:33.140512+01:00", AT),
        ("2025-11-20T04:14:33.140512-0500", AT),
        ("2025-11-20 09:14:33.140512 UTC", AT),
        ("2025-11-20 09:14:33,140512", AT),
        ("2025-11-20T09:14:33Z", AT // 10**9 * 10**9),
        ("2016-12-31T23:59:60Z", 1483228800 * 10**9),
        (1763630073.140512, AT),
        (1763630073140.512, AT),
        (1763630073140512, AT),
        (1763630073140512000, AT),
        (1763630073, AT // 10**9 * 10**9),
        ("1763630073140512", AT),
        ("1763630073.140512", AT),
        ("2025-11-20T09:14:33+00:00Z", 0),
        ("2025-02-30T09:14:33Z", 0),
        ("2025-11-20T09:14:33.²Z", 0),
        ("2025-11-20T09:14:33.Z", 0),
        ("yesterday", 0),
        ("", 0),
        (None, 0),
        (True, 0),
        (-5, 0),
        (float("nan"), 0),
        (float("inf"), 0),
        (10**30, 0),
        ("9" * 22, 0),
        ({}, 0),
    ],
)
def test_times(written: object, expected: int) -> None:
    assert nanoseconds(written) == expected
    assert nanoseconds(written) == expected  # what the first reading kept for the second


def test_the_second_that_is_kept_does_not_vouch_for_what_follows_it() -> None:
    assert nanoseconds("2025-11-20T09:14:33.5Z")
    assert nanoseconds("2025-11-20T09:14:33x5Z") == 0
    assert nanoseconds("2025-11-20T09:14:33.5 Z") == nanoseconds("2025-11-20T09:14:33.5Z")
    assert nanoseconds("2025-11-20T09:14:33.+5Z") == 0


def test_spellings() -> None:
    fields = Fields.of_registry(
        {
            "request_id": {"type": "uuid", "header": "X-Request-Id", "aliases": ["rid"]},
            "rid": {"type": "string"},
            "job_run_id": {"type": "uuid"},
        }
    )
    known = spellings(fields)
    for spelling in (
        "request_id",
        "X-Request-Id",
        "x-request-id",
        "x_request_id",
        "requestId",
        "request.id",
        "RequestID",
    ):
        assert known[spelling] == "request_id", spelling
    assert known["rid"] == "rid"  # a field's own name, whoever else claims it as an alias
    assert known["jobRunId"] == known["job-run-id"] == known["jobrunid"] == "job_run_id"
    assert known["traceId"] == known["trace.id"] == "trace_id"
    assert "job_id" not in known


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a.b", 1),
        ("a", {"b": 1, "c.d": {"e": 2}}),
        ("a.c.d.e", 2),
        ("x.y", 3),
        ("a.x", None),
        ("q", None),
        ("z.y", None),
    ],
)
def test_places(path: str, found: object) -> None:
    assert found_at({"a": {"b": 1, "c.d": {"e": 2}}, "x.y": 3, "z": 5}, path) == found
