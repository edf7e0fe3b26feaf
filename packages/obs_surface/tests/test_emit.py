"""Events: their envelopes, what strict and best effort do with broken ones, and that no caller ever pays for one."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import json
import math
import pathlib
import sys
import threading
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

import obs_surface as obs
from obs_surface import configuration, encoding, validate
from obs_surface.errors import Problem
from surface_contract import DOCUMENT, EVENTS, FOUND, IDS, JOB, LOCK, REQUEST, RUN, SEARCH, envelope_of


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    yield
    configuration.reset()


@pytest.fixture(params=["fast", "standard"])
def installed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """With the extra `fast`, and with json and jsonschema alone."""
    if request.param == "standard":
        monkeypatch.setitem(sys.modules, "orjson", None)
        monkeypatch.setattr(validate, "backend", lambda: "jsonschema")
    encoding.codec.cache_clear()
    yield request.param
    monkeypatch.undo()
    encoding.codec.cache_clear()


def memory(**options: Any) -> obs.MemorySink:
    sink = obs.MemorySink()
    obs.configure("api", "1.4.0", "test", **{"host": "vm-1", "registry": LOCK, "sinks": [sink], **options})
    return sink


def sent(sink: obs.MemorySink) -> list[dict[str, Any]]:
    found = [envelope_of(line) for line in sink.lines]
    assert found == sink.records  # what sinks are told is what is in the line
    return found


def problems_of(envelope: Mapping[str, Any]) -> list[tuple[str, str]]:
    assert envelope["event_name"] == "obs.contract_violation"
    return [(each["pointer"], each["keyword"]) for each in envelope["payload"]["problems"]]


# -- the envelope


@pytest.mark.usefixtures("installed")
def test_an_envelope_has_the_fields_of_the_contract() -> None:
    sink = memory(strict=True)
    with obs.context(request_id=REQUEST, trace_id="4bf92f3577b34da6a3ce929d0e0e4736", project_id="p-1"):
        before = dt.datetime.now(dt.UTC)
        obs.emit(SEARCH, FOUND)
    (found,) = sent(sink)
    at = dt.datetime.fromisoformat(found.pop("occurred_at"))
    assert before <= at <= dt.datetime.now(dt.UTC)
    assert found == {
        "event_name": SEARCH,
        "correlation": {"request_id": REQUEST, "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"},
        "actor": {"service_name": "api", "service_version": "1.4.0", "env": "test", "host": "vm-1"},
        "payload": FOUND,
        "severity": "info",
        "schema_version": "1",
    }


def test_a_time_ends_in_z_and_has_microseconds() -> None:
    sink = memory(registry=None)
    obs.emit("a.b")
    assert len(sink.records[0]["occurred_at"]) == len("2025-11-20T09:14:33.140512Z")
    assert sink.records[0]["occurred_at"].endswith("Z")


def test_the_second_that_is_remembered_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    module = sys.modules["obs_surface.emit"]
    sink = memory(registry=None)
    for at in (
        1_763_630_073_000_001_999,
        1_763_630_073_999_999_999,
        1_763_630_074_000_000_000,
        1_763_630_073_000_000_000,
    ):
        monkeypatch.setattr(module, "time_ns", lambda at=at: at)
        obs.emit("a.b", {})
    assert [record["occurred_at"] for record in sink.records] == [
        "2025-11-20T09:14:33.000001Z",
        "2025-11-20T09:14:33.999999Z",
        "2025-11-20T09:14:34.000000Z",
        "2025-11-20T09:14:33.000000Z",
    ]


def test_the_severity_is_that_of_the_call_else_that_of_the_event() -> None:
    sink = memory()
    obs.emit("narralytica.job_run.failed", EVENTS["narralytica.job_run.failed"]["examples"][0], obs.ObsContext(**IDS))
    obs.emit(SEARCH, FOUND, obs.ObsContext(request_id=REQUEST), severity="debug")
    assert [record["severity"] for record in sink.records] == ["error", "debug"]


@pytest.mark.parametrize(
    ("said", "meant"), [("WARNING", "warn"), ("Critical", "error"), ("loud", "info"), (3, "info"), ([], "info")]
)
def test_a_severity_by_another_name_is_understood_and_told(said: Any, meant: str) -> None:
    sink = memory()
    obs.emit(SEARCH, FOUND, obs.ObsContext(request_id=REQUEST), severity=said)
    first, second = sent(sink)
    assert first["severity"] == meant
    assert problems_of(second) == [("/severity", "enum")]


def test_a_context_that_is_given_counts_not_the_current_one() -> None:
    sink = memory()
    with obs.context(request_id=REQUEST):
        obs.emit("narralytica.job.started", {"job_type": "x", "attempt": 1, "status": "s"}, obs.ObsContext(job_id=JOB))
    assert sink.records[0]["correlation"] == {"job_id": JOB}


def test_ids_that_the_registry_does_not_declare_stay_out() -> None:
    sink = memory()
    obs.emit(SEARCH, FOUND, obs.ObsContext(request_id=REQUEST, correlation_id=REQUEST, parent_trace_id="a" * 32))
    assert sent(sink)[0]["correlation"] == {"request_id": REQUEST}


def test_without_a_registry_all_known_ids_are_in_it() -> None:
    sink = memory(registry=None)
    obs.emit("a.b", {}, obs.ObsContext(request_id="r-1", correlation_id="c", job_id="7", span_id="00f067aa0ba902b7"))
    assert sink.records[0]["correlation"] == {
        "request_id": "r-1",
        "correlation_id": "c",
        "job_id": "7",
        "span_id": "00f067aa0ba902b7",
    }


def test_an_id_whose_place_is_the_payload_is_put_there_unless_it_is() -> None:
    sink = memory(strict=True)
    ctx = obs.ObsContext(**IDS, layer_name="summary")
    payload = {"layer_version": "2"}
    obs.emit("narralytica.layer.started", payload, ctx)
    obs.emit("narralytica.layer.started", {"layer_version": "2", "layer_name": "own"}, ctx)
    first, second = sent(sink)
    assert first["payload"] == {"layer_version": "2", "layer_name": "summary"}
    assert second["payload"]["layer_name"] == "own"
    assert "layer_name" not in first["correlation"]
    assert payload == {"layer_version": "2"}


def test_an_actor_of_the_context_takes_the_place_of_the_service() -> None:
    sink = memory(registry=None)
    obs.emit("a.b", {}, obs.ObsContext(actor=obs.Actor("ingest", '2"\n', "prod")))
    assert envelope_of(sink.lines[0])["actor"] == {"service_name": "ingest", "service_version": '2"\n', "env": "prod"}


def test_an_envelope_with_an_event_id_gets_one() -> None:
    document = json.loads(json.dumps(DOCUMENT))
    (source,) = document["sources"].values()
    source["schemas"]["envelope"]["properties"]["event_id"] = {"type": "string", "format": "uuid"}
    sink = memory(registry=document, strict=True)
    for _ in range(2):
        obs.emit(SEARCH, FOUND, obs.ObsContext(request_id=REQUEST))
    ids = [uuid.UUID(record["event_id"]) for record in sink.records]
    assert ids[0] < ids[1]


def test_a_closed_envelope_without_severity_gets_none() -> None:
    document = json.loads(json.dumps(DOCUMENT))
    (source,) = document["sources"].values()
    del (
        source["schemas"]["envelope"]["properties"]["severity"],
        source["schemas"]["envelope"]["properties"]["schema_version"],
    )
    sink = memory(registry=document, strict=True)
    obs.emit(SEARCH, FOUND, obs.ObsContext(request_id=REQUEST))
    assert not {"severity", "schema_version"} & sink.records[0].keys()


def test_what_the_envelopes_schema_asks_for_beyond_is_told() -> None:
    document = json.loads(json.dumps(DOCUMENT))
    (source,) = document["sources"].values()
    source["schemas"]["envelope"]["required"].append("tenant")
    memory(registry=document, strict=True)
    with pytest.raises(obs.ContractViolation) as raised:
        obs.emit(SEARCH, FOUND, obs.ObsContext(request_id=REQUEST))
    assert raised.value.problems == (Problem("/tenant", "required"),)


# -- the contract of each event


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("name", "payload"), [(name, each) for name, event in EVENTS.items() for each in event["examples"]]
)
def test_examples_of_the_registry_are_emitted(name: str, payload: dict[str, Any]) -> None:
    sink = memory(strict=True)
    obs.emit(name, payload, obs.ObsContext.new(**{key: IDS[key] for key in EVENTS[name]["correlation"]["required"]}))
    (found,) = sent(sink)
    assert found["event_name"] == name


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("name", "payload"),
    [(name, each["payload"]) for name, event in EVENTS.items() for each in event["counterexamples"]],
)
def test_counterexamples_are_raised_when_strict_and_told_otherwise(name: str, payload: dict[str, Any]) -> None:
    ctx = obs.ObsContext(**IDS)
    sink = memory(strict=True)
    with pytest.raises(obs.ContractViolation) as raised:
        obs.emit(name, payload, ctx)
    assert sink.lines == []
    sink = memory(strict=False)
    obs.emit(name, payload, ctx)
    first, second = sent(sink)
    assert first["event_name"] == name
    assert second["payload"]["event"] == name
    assert problems_of(second) == list(raised.value.problems)
    assert second["correlation"] == first["correlation"]
    assert obs.stats()["violations"] == 1


def test_a_job_run_event_without_its_run_is_a_violation() -> None:
    memory(strict=True)
    with pytest.raises(obs.ContractViolation, match=r"/correlation/job_run_id: required"):
        obs.emit(
            "narralytica.job_run.started", {"job_type": "x", "attempt": 1, "status": "s"}, obs.ObsContext(job_id=JOB)
        )


def test_a_violation_tells_no_values() -> None:
    sink = memory()
    secret = "alice@example.org"
    obs.emit(SEARCH, {**FOUND, "mode": secret, "filters": {secret: object()}}, obs.ObsContext(request_id=REQUEST))
    line = sink.lines[-1]
    assert problems_of(json.loads(line)) == [("/payload/filters/*", "serialisable"), ("/payload/mode", "enum")]
    assert secret.encode() not in line


@pytest.mark.parametrize("name", ["narralytica.search.exectued", "other", "obs.unknown.event"])
def test_an_event_that_is_not_registered_is_a_violation(name: str) -> None:
    sink = memory()
    obs.emit(name, FOUND, obs.ObsContext(request_id=REQUEST))
    first, second = sink.records
    assert first["event_name"] == name
    assert problems_of(second) == [("", "unregistered")]
    configuration.reset()
    memory(strict=True)
    with pytest.raises(obs.ContractViolation, match="the registry has no event of this name"):
        obs.emit(name, FOUND)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("user alice@example.org in", "user_alice_example.org_in"),
        ("", "_"),
        (None, "NoneType"),
        ([], "list"),
        ("\ud800", "_"),
    ],
)
def test_a_name_that_is_none_is_written_as_one(name: Any, written: str) -> None:
    sink = memory(registry=None)
    obs.emit(name, {})
    first, second = sink.records
    assert first["event_name"] == written
    assert problems_of(second) == [("/event_name", "pattern")]


def test_names_made_of_data_do_not_fill_the_memory() -> None:
    memory(registry=None)
    surface = configuration.surface()
    for number in range(3000):
        obs.emit(f"a.b{number}", {})
    assert len(surface.plans) <= 2001


@pytest.mark.parametrize(
    "ids",
    [
        {"request_id": "42"},
        {"request_id": REQUEST + "\n"},
        {"request_id": "x\r\nSet-Cookie: a=b"},
        {"trace_id": "0" * 32},
        {"request_id": {"a": object()}},
    ],
)
def test_an_id_that_is_none_stays_out_of_the_envelope_and_is_told(ids: dict[str, Any]) -> None:
    sink = memory()
    (name,) = ids
    for _ in range(2):  # the second time from what the context remembers
        sink.clear()
        obs.emit(
            "narralytica.job.started",
            {"job_type": "x", "attempt": 1, "status": "s"},
            obs.ObsContext(job_id=JOB).replace(**ids),
        )
        first, second = sent(sink)
        assert name not in first["correlation"]
        assert problems_of(second) == [(f"/correlation/{name}", "format")]


def test_validation_can_be_off() -> None:
    sink = memory(validate=False)
    obs.emit("nobody.knows", {"mode": 1})
    (found,) = sent(sink)
    assert found["payload"] == {"mode": 1}


def test_a_schema_that_is_none_is_a_configuration_error_when_strict(capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(json.dumps(DOCUMENT))
    document["events"][SEARCH]["payload"] = {"type": "nonsense"}
    memory(registry=document, strict=True)
    with pytest.raises(obs.ConfigurationError, match=r"schema of narralytica\.search\.executed"):
        obs.emit(SEARCH, FOUND)
    configuration.reset()
    sink = memory(registry=document)
    obs.emit(SEARCH, FOUND, obs.ObsContext(request_id=REQUEST))
    assert len(sent(sink)) == 1
    assert "not validated" in capsys.readouterr().err


# -- payloads that are none


class Leaky:
    def __repr__(self) -> str:
        return "hunter2"

    __str__ = __repr__


class Broken(Mapping[str, Any]):
    def __getitem__(self, key: str) -> Any:
        raise RuntimeError("hunter2")

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("hunter2")

    def __len__(self) -> int:
        return 1


@dataclasses.dataclass
class Account:
    password: str = "hunter2"


class Colour(enum.Enum):
    RED = "red"


LOOP: dict[str, Any] = {}
LOOP["again"] = [LOOP]
DEEP: dict[str, Any] = {}
for _ in range(5000):
    DEEP = {"x": DEEP}


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("payload", "written", "problems"),
    [
        (None, {}, []),
        ({"a": None}, {"a": None}, []),
        (
            {"a": dt.date(2025, 1, 2), "b": decimal.Decimal("1.50"), "c": Colour.RED},
            {"a": "2025-01-02", "b": "1.50", "c": "red"},
            [],
        ),
        ({"a": uuid.UUID(JOB), "b": pathlib.PurePosixPath("/x"), "c": (1, 2)}, {"a": JOB, "b": "/x", "c": [1, 2]}, []),
        ({"a": {"y", "x"}, "b": frozenset({2, 1})}, {"a": ["x", "y"], "b": [1, 2]}, []),
        ({"a": 2**70}, {"a": 2**70}, []),
        ("text", {}, [("/payload", "type")]),
        ([1], {}, [("/payload", "type")]),
        ({"a": Leaky()}, {"a": "<Leaky>"}, [("/payload/a", "serialisable")]),
        ({"a": Account()}, {"a": "<Account>"}, [("/payload/a", "serialisable")]),
        ({"a": b"hunter2"}, {"a": "<bytes>"}, [("/payload/a", "serialisable")]),
        ({"a": Broken()}, {"a": "<Broken>"}, [("/payload/a", "serialisable")]),
        (Broken(), {}, [("/payload", "serialisable")]),
        (
            {"a": math.nan, "b": [math.inf]},
            {"a": None, "b": [None]},
            [("/payload/a", "finite"), ("/payload/b/0", "finite")],
        ),
        ({1: "a", None: "b"}, {"1": "a", "null": "b"}, [("/payload/*", "propertyName")]),
        ({Leaky(): 1}, {"<Leaky>": 1}, [("/payload/*", "propertyName")]),
        ({"a": "x\ud800y"}, {"a": "x\ufffdy"}, [("/payload/a", "serialisable")]),
        ({"\ud83d\ude00": 1}, {"😀": 1}, [("/payload/\ud83d\ude00", "serialisable")]),
        (LOOP, {"again": ["[circular]"]}, [("/payload/again/0", "circular")]),
        ({"a": 10**5000}, {"a": "<int>"}, [("/payload/a", "serialisable")]),
        ({"a": "line\nfeed\u2028"}, {"a": "line\nfeed\u2028"}, []),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_the_payload_is_the_line_is_json(payload: Any, written: Any, problems: list[tuple[str, str]]) -> None:
    sink = memory(registry=None)
    obs.emit("a.b", payload)
    lines = [envelope_of(line) for line in sink.lines]
    assert lines[0]["payload"] == written
    assert b"hunter2" not in b"".join(sink.lines)
    told = [(each["pointer"], each["keyword"]) for each in lines[1]["payload"]["problems"]] if len(lines) > 1 else []
    assert told == [
        (pointer.encode("utf-16", "surrogatepass").decode("utf-16", "replace"), word) for pointer, word in problems
    ]


@pytest.mark.usefixtures("installed")
def test_what_is_too_deep_is_cut() -> None:
    sink = memory(registry=None)
    obs.emit("a.b", DEEP)
    first, second = sent(sink)
    assert json.dumps(first["payload"]).count("{") <= encoding.MAX_DEPTH + 1
    assert problems_of(second)[0][1] == "maxDepth"


def test_what_is_not_json_is_raised_when_strict() -> None:
    memory(strict=True)
    with pytest.raises(obs.ContractViolation, match="can't be written as JSON"):
        obs.emit(SEARCH, {**FOUND, "collection": Leaky()}, obs.ObsContext(request_id=REQUEST))


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    "payload",
    [
        {**FOUND, "collection": "x" * 300_000},
        {**FOUND, "a": "é" * 200_000, "b": list(range(100_000))},
        {**FOUND, **{f"key{number}": "v" * 40 for number in range(10_000)}},
        {**FOUND, "k" * 300_000: 1},
    ],
    ids=["one field", "two fields", "many fields", "a key"],
)
def test_a_line_that_is_too_long_loses_the_largest_parts(payload: dict[str, Any]) -> None:
    sink = memory()
    obs.emit(SEARCH, payload, obs.ObsContext(request_id=REQUEST))
    first, second = sent(sink)
    assert max(len(line) for line in sink.lines) <= configuration.MAX_LINE_BYTES
    assert {key: first["payload"][key] for key in FOUND} == FOUND
    assert "maxBytes" in {keyword for _, keyword in problems_of(second)}
    assert obs.stats()["truncated"] == 1


# -- nothing reaches the caller


class Failing:
    name, durable, wants_record, inline = "failing", False, False, True

    def write(self, line: bytes, record: Mapping[str, Any]) -> None:
        raise OSError("disk full")

    def flush(self, timeout: float) -> bool:
        return True

    def close(self, timeout: float) -> None:
        raise OSError("disk full")


def test_a_sink_that_raises_is_counted_and_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    memory(sinks=[Failing()], registry=None)
    odd: dict[Any, Any] = {1: 2}
    for _ in range(3):
        obs.emit("a.b", {})
        obs.emit("a.b", odd)
    assert obs.stats()["sink_errors"] == 9
    assert capsys.readouterr().err.count("disk full") == 1


def test_a_stack_that_is_nearly_full_costs_the_event_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    memory(registry=None)
    seen = []

    def down() -> None:
        seen.append(1)
        obs.emit("a.b", {"x": [1]})
        down()

    with pytest.raises(RecursionError):
        down()
    counted = obs.stats()
    assert counted["emitted"] + counted["errors"] >= len(seen) - 60


def test_counters_hold_over_threads() -> None:
    memory(registry=None)

    def many() -> None:
        for _ in range(2000):
            obs.emit("a.b", {})

    threads = [threading.Thread(target=many) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert obs.stats()["emitted"] == 16_000
    assert obs.stats()["emitted"] == 16_000  # asking counts nothing


def test_a_payload_that_the_caller_changes_later_stays_as_it_was() -> None:
    sink = memory(registry=None)
    payload: dict[str, Any] = {"a": [1]}
    obs.emit("a.b", payload)
    payload["a"].append(2)
    assert sink.records[0]["payload"] == {"a": [1]}


def test_run_ids_are_taken_from_the_context() -> None:
    sink = memory(strict=True)
    with obs.context(**IDS):
        obs.emit("narralytica.job_run.started", {"job_type": "x", "attempt": 1, "status": "running"})
    assert sent(sink)[0]["correlation"]["job_run_id"] == RUN


def test_a_violation_can_be_pickled() -> None:
    import pickle

    violation = obs.ContractViolation("a.b", [Problem("/payload/x", "type")])
    again = pickle.loads(pickle.dumps(violation))
    assert (again.event_name, again.problems, str(again)) == ("a.b", violation.problems, str(violation))


def test_ids_of_the_current_span_are_those_of_the_event() -> None:
    trace = pytest.importorskip("opentelemetry.sdk.trace")
    tracer = trace.TracerProvider().get_tracer("test")
    sink = memory(registry=None, otel=True)
    ctx = obs.ObsContext(request_id="r", trace_id="a" * 32, span_id="b" * 16)
    odd: dict[Any, Any] = {1: 2}
    with obs.context(ctx), tracer.start_as_current_span("work") as span:
        obs.emit("a.current", {})
        obs.emit("a.current", odd)
        obs.emit("a.given", {}, ctx)  # it says which span it belongs to
        obs.emit("a.given", odd, ctx)
        obs.emit("a.current", odd, obs.ObsContext(request_id="r"))
    at = span.get_span_context()
    own = {"request_id": "r", "trace_id": f"{at.trace_id:032x}", "span_id": f"{at.span_id:016x}"}
    expected = [own, own, own, ctx.correlation(), ctx.correlation(), ctx.correlation(), own, own]
    assert [record["correlation"] for record in sink.records] == expected
