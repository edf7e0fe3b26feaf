"""Whatever is emitted, each line is one valid JSON line, and an envelope as 004 has it."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import obs_surface as obs
from obs_surface import configuration, encoding, validate
from surface_contract import LOCK, SEARCH, envelope_of

TEXT = st.text(st.characters() | st.characters(categories=["Cs"]))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | TEXT
    | st.binary()
    | st.uuids()
    | st.decimals()
    | st.complex_numbers()
    | st.datetimes()
    | st.dates()
    | st.timedeltas()
    | st.just(object())
    | st.just(float)
    | st.just(10**400)
)
KEYS = TEXT | st.integers() | st.none() | st.booleans() | st.floats() | st.binary() | st.tuples(st.integers())
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.tuples(inner, inner)
        | st.frozensets(st.integers() | TEXT | st.binary(), max_size=3)
    ),
    max_leaves=15,
)
KNOWN = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("mode", "results_count", "latency_ms", "query", "filters", "collection", "layer_name"), VALUES
    ),
)
PAYLOADS = st.dictionaries(KEYS, VALUES, max_size=5) | KNOWN | VALUES
IDS = TEXT | st.uuids() | st.uuids().map(str) | st.integers() | st.none() | st.just(object())
NAMES = ("request_id", "job_id", "job_run_id", "trace_id", "span_id", "layer_name", "correlation_id", "project_id")


@pytest.fixture(params=["fast", "standard"])
def sink(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[obs.MemorySink]:
    if request.param == "standard":
        monkeypatch.setitem(sys.modules, "orjson", None)
        monkeypatch.setattr(validate, "backend", lambda: "jsonschema")
    encoding.codec.cache_clear()
    sink = obs.MemorySink()
    obs.configure("api", "1", "test", registry=LOCK, sinks=[sink])
    yield sink
    configuration.reset()
    monkeypatch.undo()
    encoding.codec.cache_clear()


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    payload=PAYLOADS,
    ids=st.dictionaries(st.sampled_from(NAMES), IDS, max_size=4),
    severity=st.none() | TEXT | st.integers(),
)
def test_every_line_is_an_envelope(sink: obs.MemorySink, payload: Any, ids: dict[str, Any], severity: Any) -> None:
    sink.clear()
    before = obs.stats()
    ctx = obs.ObsContext.new(**ids)
    for name in (SEARCH, "narralytica.layer.started", "obs.operation.started"):
        obs.emit(name, payload, ctx, severity=severity)
    found = [envelope_of(line) for line in sink.lines]
    after = obs.stats()
    assert [each["event_name"] for each in found if each["event_name"] != "obs.contract_violation"] == [
        SEARCH,
        "narralytica.layer.started",
        "obs.operation.started",
    ]
    assert after["emitted"] - before["emitted"] == len(found)
    assert after["violations"] - before["violations"] == len(found) - 3
    assert after["errors"] == 0 and after["sink_errors"] == 0
    for each in found:
        assert each["payload"].get("query") in (None, "[redacted]")


@settings(max_examples=200, deadline=None)
@given(value=VALUES)
def test_a_plain_tree_is_written_as_it_is(value: Any) -> None:
    tree, _ = encoding.plain(value)
    again = encoding.loads_plain(encoding.dumps_plain(tree))
    assert again == tree
    assert encoding.plain(tree) == (tree, [])  # once is enough


@settings(max_examples=200, deadline=None)
@given(at=st.integers(0, 4_102_444_800 * 10**9))
def test_times_are_those_of_the_clock(at: int) -> None:
    from obs_surface.envelope import timestamp

    written = dt.datetime.fromisoformat(timestamp(at))
    assert written == dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=at // 1000)
    assert validate.is_date_time(timestamp(at))
