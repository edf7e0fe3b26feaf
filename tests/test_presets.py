"""The shipped presets hold what their documents ask for; examples validate, counterexamples fail as they say."""

from __future__ import annotations

import contextlib
import json
import re
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from itertools import combinations
from pathlib import Path
from tempfile import gettempdir
from typing import Any, NamedTuple

import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError

import obs_lint
from obs_lint.cli import main
from obs_lint.config import load
from obs_lint.config.extends import presets
from obs_lint.config.model import Config, RegistrySource
from obs_lint.events.registries import Registries
from obs_lint.registry.contracts import duplicates_of, problems_of
from obs_lint.registry.model import Event, Registry
from obs_lint.registry.reader import Reader
from obs_lint.registry.sources import read
from tests.support import files_of

SHIPPED = Path(obs_lint.__file__).parent / "presets"
TEMPLATES = SHIPPED / "narralytica" / "schemas"
DOCS = Path(__file__).parent.parent / "docs" / "presets.md"

EVENTS = {
    "narralytica": {  # 004 Issues 6.2, 6.4, 6.5
        "narralytica.search.executed": "info",
        "narralytica.job.created": "info",
        "narralytica.job.status_viewed": "info",
        "narralytica.job.started": "info",
        "narralytica.job.failed": "error",
        "narralytica.job_run.started": "info",
        "narralytica.job_run.completed": "info",
        "narralytica.job_run.failed": "error",
        "narralytica.layer.started": "info",
        "narralytica.layer.completed": "info",
        "narralytica.layer.failed": "error",
        "narralytica.index.sync.started": "info",
        "narralytica.index.sync.completed": "info",
    },
    "operations-baseline": {  # 001 Structured logging
        "operations.request.completed": "info",
        "operations.request.rejected": "warn",
        "operations.request.failed": "error",
        "operations.job.enqueued": "info",
        "operations.job.completed": "info",
        "operations.job.retried": "warn",
        "operations.job.failed": "error",
    },
    "orchestrator": {  # 000 Event Model, Instrumentation Strategy
        "job.lifecycle.enqueue": "info",
        "job.lifecycle.start": "info",
        "job.lifecycle.complete": "info",
        "job.lifecycle.fail": "error",
        "job.lifecycle.cancel": "info",
        "job.module.spawn": "info",
        "job.module.complete": "info",
        "job.module.error": "error",
        "job.module.panic": "error",
    },
    "tasker": {  # 003 6.1, 6.3
        "task.initialized": "info",
        "task.steps_enqueued": "info",
        "task.evaluation_started": "info",
        "task.finalization_ready": "info",
        "task.completed": "info",
        "task.failed": "error",
        "step.enqueued": "info",
        "step.claimed": "info",
        "step.executing": "info",
        "step.completed": "info",
        "step.failed": "error",
        "step.retry_scheduled": "warn",
    },
    "trace-events": {  # 002 Decisions 1 and 4, Problems 1 to 3
        "workflow:started": "info",
        "workflow:completed": "info",
        "workflow:failed": "error",
        "stage:started": "info",
        "stage:completed": "info",
        "stage:failed": "error",
        "saga:compensating": "warn",
        "saga:compensated": "info",
        "saga:compensation_failed": "error",
        "ai:decision": "info",
    },
}

PAYLOADS = {  # 004 Issue 6.2, minimal fields; the template → (required, optional)
    "search_executed": ("mode results_count latency_ms", "filters backend_latency_ms index collection"),
    "job_created": ("job_type status", "attempt latency_ms"),
    "job_started": ("job_type status attempt", "latency_ms"),
    "job_failed": ("job_type status attempt latency_ms error_type", "error_message"),
    "job_run_started": ("job_type status attempt", "latency_ms"),
    "job_run_completed": ("job_type status attempt latency_ms", ""),
    "job_run_failed": ("job_type status attempt latency_ms error_type", "error_message"),
    "layer_started": ("layer_name layer_version", "status attempt model_provider model_id"),
    "layer_completed": (
        "layer_name layer_version status latency_ms model_provider model_id",
        "attempt tokens_in tokens_out",
    ),
    "layer_failed": (
        "layer_name layer_version status latency_ms model_provider model_id error_type error_message",
        "attempt tokens_in tokens_out",
    ),
}

FORMATS = FormatChecker(("uuid",))


@FORMATS.checks("date-time", ValueError)
def _is_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def _project(root: Path, *extended: str, more: str = "") -> Config:
    root.mkdir(parents=True, exist_ok=True)
    (root / "obs-lint.toml").write_text(f"extends = {json.dumps(extended)}\n{more}", encoding="utf-8")
    return load(str(root))


def _registries(config: Config) -> list[Registry]:
    return [read(source, Reader(str(config.root), config.environment)) for source in config.registry]


@cache
def _registry(preset: str) -> Registry:
    """Read a preset's registry as a project elsewhere does."""
    return read(RegistrySource(str(SHIPPED / preset / "obs-registry.yaml")), Reader(gettempdir()))


@cache
def _events() -> tuple[Event, ...]:
    return tuple(event for preset in EVENTS for event in _registry(preset).events)


def _name(event: Event) -> str:
    return event.name


def _errors(schema: Any, instance: Any) -> list[ValidationError]:
    return [*Draft202012Validator(schema, format_checker=FORMATS).iter_errors(instance)]


def _pointer(error: ValidationError) -> str:
    return "".join(f"/{part}" for part in error.absolute_path)


class Reason(NamedTuple):
    """What a sentence says is wrong: where, and which keyword finds it."""

    at: str
    keyword: str
    field: str
    holds: Callable[[ValidationError], bool] = lambda _: True


def _says(value: str) -> Callable[[ValidationError], bool]:
    return lambda error: error.validator_value == value


def _lists(words: str) -> Callable[[ValidationError], bool]:
    return lambda error: error.validator_value == re.split(r", | or ", words)


def _limit(number: str) -> Callable[[ValidationError], bool]:
    return lambda error: error.validator_value == int(number)


_TYPES = {"a string": "string", "an integer": "integer", "a number": "number", "a count": "0"}


def reason(because: str) -> Reason:
    """Read a counterexample's sentence: `attempt starts at 1`, `error_type is missing: …`. Raises ValueError."""
    field, _, said = because.partition(":")[0].partition(" ")
    at = f"/{field}"
    if said == "is missing":
        return Reason("", "required", field, lambda error: error.message.startswith(f"'{field}' is a required"))
    if said == "is not empty":
        return Reason(at, "minLength", field, _limit("1"))
    if said in ("is not negative", "is a count"):
        return Reason(at, "minimum", field, _limit("0"))
    if match := re.fullmatch(r"starts at (\d+)", said):
        return Reason(at, "minimum", field, _limit(match[1]))
    if match := re.fullmatch(r"is at most (\d+)", said):
        return Reason(at, "maximum", field, _limit(match[1]))
    if said in ("is a string", "is an integer", "is a number"):
        return Reason(at, "type", field, _says(_TYPES[said.removeprefix("is ")]))
    if said == "is one word in lower case":
        return Reason(at, "pattern", field)
    if match := re.fullmatch(r"is (\w+(?:, \w+)* or \w+)", said):
        return Reason(at, "enum", field, _lists(match[1]))
    if match := re.fullmatch(r"is (\w+)(?:, with a capital)?", said):
        return Reason(at, "const", field, _says(match[1]))
    raise ValueError(f"no reason that can be checked: {because!r}")


# -- the presets


def test_these_are_shipped() -> None:
    assert presets() == tuple(EVENTS)


@pytest.mark.parametrize("preset", EVENTS)
def test_a_preset_declares_the_events_of_its_document(preset: str) -> None:
    assert {event.name: event.severity for event in _registry(preset).events} == EVENTS[preset]


@pytest.mark.parametrize("preset", EVENTS)
def test_a_preset_has_no_problems(preset: str) -> None:
    registry = _registry(preset)
    assert registry.problems == ()
    assert problems_of(registry) == ()
    assert registry.complete


@pytest.mark.parametrize("path", sorted(SHIPPED.rglob("*.yaml")), ids=lambda path: str(path.relative_to(SHIPPED)))
def test_an_editor_finds_the_schema_of_a_file_and_no_fault(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    named = text.partition("\n")[0].rpartition("/")[2]
    assert named == ("registry.schema.json" if "format:" in text else "registry-events.schema.json")
    schema = json.loads((SHIPPED.parent / "schemas" / named).read_text(encoding="utf-8"))
    assert [*Draft202012Validator(schema).iter_errors(yaml.safe_load(text))] == []


@pytest.mark.parametrize("preset", EVENTS)
def test_a_preset_is_found_by_its_name_and_says_where_values_are_from(preset: str, tmp_path: Path) -> None:
    config = _project(tmp_path, preset)
    (source,) = config.registry
    assert Path(source.source) == SHIPPED / preset / "obs-registry.yaml"
    assert f"preset {preset}" in config.provenance["registry"]


@pytest.mark.parametrize("preset", EVENTS)
def test_every_name_is_made_as_the_naming_says(preset: str) -> None:
    registry = _registry(preset)
    assert registry.naming is not None
    assert [event.name for event in registry.events if not registry.naming.fits(event.name)] == []
    assert not registry.naming.fits("Something Else")
    for name in EVENTS:
        if name != preset:
            assert [event.name for event in _registry(name).events if registry.naming.fits(event.name)] == []


@pytest.mark.parametrize("event", _events(), ids=_name)
def test_an_event_is_told_completely(event: Event) -> None:
    assert event.summary.endswith(".")
    assert event.severity
    assert event.required
    assert event.smoke
    assert event.payload is not None
    assert event.payload["type"] == "object"
    assert event.payload["additionalProperties"] is True
    assert event.examples
    assert event.counterexamples


@pytest.mark.parametrize("event", _events(), ids=_name)
def test_every_field_says_its_privacy(event: Event) -> None:
    from obs_lint.registry.payload_shape import shape

    told = shape(event.payload)
    assert told is not None
    assert [name for name, field in told.fields.items() if not field.privacy] == []
    assert [name for name, field in told.fields.items() if name.endswith("_ms") and field.unit != "ms"] == []
    assert [name for name, field in told.fields.items() if "error" in name and not field.semconv] == []


@pytest.mark.parametrize("event", _events(), ids=_name)
def test_examples_validate(event: Event) -> None:
    for example in event.examples:
        assert _errors(event.payload, example.payload) == []


@pytest.mark.parametrize("event", _events(), ids=_name)
def test_an_example_shows_every_required_field_and_no_unknown_one(event: Event) -> None:
    assert event.payload is not None
    for example in event.examples:
        assert set(event.payload.get("required", ())) <= set(example.payload) <= set(event.payload["properties"])


@pytest.mark.parametrize("event", _events(), ids=_name)
def test_counterexamples_fail_for_the_reason_that_they_state(event: Event) -> None:
    for example in event.counterexamples:
        stated = reason(example.because)
        errors = _errors(event.payload, example.payload)
        assert {_pointer(error) for error in errors} == {stated.at}, example.because
        assert [error for error in errors if error.validator == stated.keyword and stated.holds(error)], example.because


@pytest.mark.parametrize("event", _events(), ids=_name)
def test_a_counterexample_that_is_mended_where_it_says_validates(event: Event) -> None:
    for example in event.counterexamples:
        field = reason(example.because).field
        mended = [{**example.payload, field: good.payload[field]} for good in event.examples if field in good.payload]
        if not mended:
            mended = [{name: value for name, value in example.payload.items() if name != field}]
        assert any(_errors(event.payload, payload) == [] for payload in mended), example.because


@pytest.mark.parametrize(
    ("because", "at", "keyword"),
    [
        ("attempt starts at 1", "/attempt", "minimum"),
        ("error.type is missing: why is not told", "", "required"),
        ("mode is lexical, vector or hybrid", "/mode", "enum"),
        ("status_to is Failed", "/status_to", "const"),
    ],
)
def test_reasons_are_read(because: str, at: str, keyword: str) -> None:
    assert reason(because)[:2] == (at, keyword)


def test_a_reason_that_says_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no reason that can be checked"):
        reason("it is plainly wrong")


@pytest.mark.parametrize(("one", "other"), [*combinations(EVENTS, 2)])
def test_two_presets_go_together(one: str, other: str, tmp_path: Path) -> None:
    config = _project(tmp_path, one, other, more='registry = {extend = ["own.yaml"]}\n')
    (tmp_path / "own.yaml").write_text(
        "format: obs-registry/1\nnamespace: shop\nevents:\n  shop.order.placed: {summary: An order was placed.}\n",
        encoding="utf-8",
    )
    both = Registries(_registries(config))
    assert both.problems == ()
    assert duplicates_of(both.sources) == ()
    names = [event.name for event in both.events]
    assert sorted(names) == sorted([*EVENTS[one], *EVENTS[other], "shop.order.placed"])
    for name in names:
        naming = both.naming_of(name)
        assert naming is None if name == "shop.order.placed" else naming is not None and naming.fits(name)
    lifecycles = [lifecycle.name for lifecycle in both.lifecycles]
    assert len(lifecycles) == len(set(lifecycles))


def test_classifications_of_one_name_mean_the_same() -> None:
    meanings: dict[str, set[str]] = {}
    for preset in EVENTS:
        for name, rule in _registry(preset).classifications.items():
            meanings.setdefault(name, set()).add(rule)
    assert {name: rules for name, rules in meanings.items() if len(rules) > 1} == {}


def test_all_presets_at_once_and_lists_of_ones_own(tmp_path: Path) -> None:
    config = _project(tmp_path, *EVENTS, more='[correlation]\nboundary = {extend = ["shop.web"]}\n')
    assert len(config.registry) == len(EVENTS)
    assert config.correlation.boundary == (
        "services.api.middleware.request_context",
        "**.middleware",
        "**.adapters",
        "shop.web",
    )
    assert "**.job_queue" in config.orchestration
    assert "**.task_finalizer" in config.orchestration
    assert "**.JobWorkflow.*" in config.instrument.targets
    assert "**.finalize_task" in config.instrument.targets


# -- what single documents ask for


def _lifecycle(preset: str, name: str) -> Any:
    return next(lifecycle for lifecycle in _registry(preset).lifecycles if lifecycle.name == name)


def test_the_chain_of_004() -> None:
    registry = _registry("narralytica")
    assert [(link.field, link.parent) for link in registry.chain] == [
        ("request_id", ""),
        ("job_id", "request_id"),
        ("job_run_id", "job_id"),
        ("layer_name", "job_run_id"),
    ]
    fields = {field.name: field for field in registry.correlation}
    assert fields["request_id"].header == "X-Request-Id"
    assert fields["layer_name"].at == "payload.layer_name"
    assert {"query", "transcript"} <= set(registry.sensitive_names)


def test_who_must_carry_what_in_004() -> None:
    for event in _registry("narralytica").events:
        area = event.name.split(".")[1]
        if area in ("job_run", "layer", "index"):
            assert {"job_id", "job_run_id"} <= set(event.required), event.name
            assert "request_id" in event.optional, event.name
            assert event.producers == (() if area == "index" else ("worker",)), event.name
        elif area == "job":
            assert "job_id" in event.required, event.name
            assert event.producers == (("api",) if event.name.endswith(".created") else ()), event.name
        else:
            assert event.required == ("request_id",), event.name
            assert event.producers == ("api",), event.name


def test_a_run_of_004_may_be_retried() -> None:
    run = _lifecycle("narralytica", "job_run")
    assert (run.key, run.exactly_one_terminal) == ("job_run_id", True)
    assert run.retry == {"key": "job_id", "attempt": "payload.attempt", "after": ["narralytica.job_run.failed"]}


def test_the_facade_of_004(tmp_path: Path) -> None:
    config = _project(tmp_path, "narralytica")
    assert config.surface == ("packages.observability",)
    emitters = {emitter.function: emitter for emitter in config.emitters}
    emit = emitters["packages.observability.emit"]
    assert (emit.event, emit.event_name, emit.payload, emit.context) == (0, "event_name", "payload", "ctx")
    assert emitters["packages.observability.start_job_run"].emits == ("narralytica.job_run.started",)
    assert config.rules["OBS101"].options["banned-modules"] == {"extend": ["services.api.telemetry"]} or config.rules[
        "OBS101"
    ].options["banned-modules"] == ["services.api.telemetry"]
    assert set(config.services) == {"api", "worker"}
    emitted = {name for emitter in config.emitters for name in emitter.emits}
    assert emitted <= set(EVENTS["narralytica"])


def test_the_states_of_000() -> None:
    job = _lifecycle("orchestrator", "job")
    assert (job.states_field, job.transitions) == (
        "status",
        {
            "Pending": ("Queued",),
            "Queued": ("Running",),
            "Running": ("Completed", "Failed", "Cancelled"),
            "Completed": (),
            "Failed": (),
            "Cancelled": (),
        },
    )
    for event in _registry("orchestrator").events:
        assert "job_id" in event.required
        if ".lifecycle." in event.name:
            assert set(event.required) == {"job_id", "project_id"}
            (payload,) = (example.payload for example in event.examples)
            assert payload["status_to"] in job.transitions[payload["status_from"]]
            assert payload["reason"]


def test_what_003_wants_on_every_line() -> None:
    for event in _registry("tasker").events:
        assert event.payload is not None
        assert "operation" in event.payload["required"]
        wanted = {"correlation_id", "task_uuid"} | ({"step_uuid"} if event.name.startswith("step.") else set())
        assert set(event.required) == wanted
        assert "parent_correlation_id" in event.optional
        if event.name.endswith((".completed", ".failed")):
            assert "duration_ms" in event.payload["required"]


def test_the_event_of_002() -> None:
    registry = _registry("trace-events")
    envelope = json.loads((SHIPPED / "trace-events" / "trace_event.schema.json").read_text(encoding="utf-8"))
    assert envelope["required"] == ["trace_id", "span_id", "event_type", "timestamp"]
    assert envelope["additionalProperties"] is False
    assert set(envelope["properties"]) == set(
        "trace_id span_id parent_span_id parent_trace_id correlation_id event_type timestamp status data tags".split()
    )
    assert {field.name for field in registry.correlation} <= set(envelope["properties"])
    assert {field.at for field in registry.correlation} == {field.name for field in registry.correlation}
    decision = next(event for event in registry.events if event.name == "ai:decision")
    assert decision.payload is not None
    assert set(decision.payload["required"]) == {"decision", "reasoning", "confidence", "alternatives"}
    assert {"ssn", "password", "creditCard"} <= set(registry.sensitive_names)
    assert _lifecycle("trace-events", "stage").compensation == {"of": "stage:completed", "by": "saga:compensated"}


def test_the_fields_of_001() -> None:
    schema = json.loads((SHIPPED / "operations-baseline" / "log_record.schema.json").read_text(encoding="utf-8"))
    assert set(schema["properties"]) == set(
        "timestamp level message service environment org_id project_id request_id correlation_id span_id trace_id"
        " user_id ip route duration_ms outcome source error.type error.message error.stack".split()
    )
    for event in _registry("operations-baseline").events:
        assert "correlation_id" in event.required
        assert event.payload is not None
        assert {"org_id", "outcome", "source"} <= set(event.payload["required"])
        if event.severity == "error":
            assert {"error.type", "error.message", "error.stack"} <= set(event.payload["required"])
    headers = {field.name: field.header for field in _registry("operations-baseline").correlation}
    assert headers["correlation_id"] == "X-Correlation-Id"


# -- the contract templates of 004, and the schemas beside the other registries


def _with_counterexamples() -> list[Path]:
    return sorted(SHIPPED.rglob("*.counterexamples.json"))


def _resolved(path: Path) -> Mapping[str, Any]:
    """Return a shipped schema without references to other files, as the reader makes it."""
    from obs_lint.registry.model import Place
    from obs_lint.registry.schemas import SchemaFiles

    files = SchemaFiles(Reader(str(path.parent)), str(path.parent))
    compiled = files.of_file(str(path), Place(path.name))
    assert compiled.problems == ()
    assert compiled.schema is not None
    return compiled.schema


@pytest.mark.parametrize("path", sorted(SHIPPED.rglob("*.schema.json")), ids=lambda path: path.name)
def test_a_schema_compiles_as_2020_12(path: Path) -> None:
    schema = json.loads(path.read_text(encoding="utf-8"))
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)
    assert schema["title"]


def test_the_templates_of_004_are_all_there() -> None:
    wanted = {"correlation", "event_envelope", *(f"{name}.payload" for name in PAYLOADS)}
    there = {path.name.removesuffix(".schema.json") for path in TEMPLATES.glob("*.schema.json")}
    assert there == wanted | {"payload_fields"}
    assert {
        path.name.removesuffix(".counterexamples.json") for path in TEMPLATES.glob("*.counterexamples.json")
    } == wanted


@pytest.mark.parametrize("path", _with_counterexamples(), ids=lambda path: path.name)
def test_a_schema_accepts_its_examples_and_refuses_its_counterexamples(path: Path) -> None:
    schema = _resolved(path.with_name(path.name.replace(".counterexamples.", ".schema.")))
    assert schema["examples"]
    for example in schema["examples"]:
        assert _errors(schema, example) == []
    refused = json.loads(path.read_text(encoding="utf-8"))
    assert refused
    for counterexample in refused:
        assert set(counterexample) == {"instance", "because", "at", "keyword"}
        errors = _errors(schema, counterexample["instance"])
        assert {_pointer(error) for error in errors} == {counterexample["at"]}, counterexample["because"]
        assert counterexample["keyword"] in {error.validator for error in errors}, counterexample["because"]
        assert counterexample["because"]


@pytest.mark.parametrize(("name", "fields"), [*PAYLOADS.items()], ids=PAYLOADS)
def test_a_payload_has_the_minimal_fields_of_004(name: str, fields: tuple[str, str]) -> None:
    schema = _resolved(TEMPLATES / f"{name}.payload.schema.json")
    required, optional = (part.split() for part in fields)
    assert schema["required"] == required
    assert set(schema["properties"]) == {*required, *optional}


def test_the_registry_refers_to_the_templates_and_repeats_nothing() -> None:
    written: dict[str, Any] = {}
    for path in sorted((SHIPPED / "narralytica" / "events").glob("*.yaml")):
        written |= yaml.safe_load(path.read_text(encoding="utf-8"))["events"]
    referred = {name: event["payload"] for name, event in written.items() if set(event["payload"]) == {"$ref"}}
    assert referred == {
        "narralytica." + re.sub(r"_(?=[a-z]+$)", ".", name): {"$ref": f"../schemas/{name}.payload.schema.json"}
        for name in PAYLOADS
    }
    for name in set(written) - set(referred):
        fields = written[name]["payload"]["properties"].values()
        assert all(set(field) == {"$ref"} for field in fields), name


def test_the_envelope_and_the_correlation_agree_with_the_registry() -> None:
    registry = _registry("narralytica")
    correlation = registry.schemas["correlation"]
    envelope = registry.schemas["envelope"]
    assert set(correlation["properties"]) == {field.name for field in registry.correlation if not field.at}
    assert correlation["additionalProperties"] is False
    assert envelope["additionalProperties"] is False
    assert envelope["properties"]["actor"]["additionalProperties"] is False
    assert set(envelope["required"]) == {"event_name", "occurred_at", "correlation", "actor", "payload"}
    assert envelope["properties"]["severity"]["enum"] == ["debug", "info", "warn", "error"]
    assert {event.severity for event in registry.events} <= set(envelope["properties"]["severity"]["enum"])


def _envelopes() -> list[dict[str, Any]]:
    texts = [path.read_text(encoding="utf-8") for path in sorted((SHIPPED / "narralytica" / "fixtures").glob("*.json"))]
    schema = json.loads((TEMPLATES / "event_envelope.schema.json").read_text(encoding="utf-8"))
    return [*map(json.loads, texts), *schema["examples"]]


@pytest.mark.parametrize("envelope", _envelopes(), ids=lambda envelope: envelope["event_name"])
def test_a_whole_event_is_valid_in_every_part(envelope: dict[str, Any]) -> None:
    registry = _registry("narralytica")
    assert _errors(registry.schemas["envelope"], envelope) == []
    event = next(event for event in registry.events if event.name == envelope["event_name"])
    assert _errors(event.payload, envelope["payload"]) == []
    assert envelope.get("severity", event.severity) == event.severity
    assert set(event.required) <= {name for name, value in envelope["correlation"].items() if value is not None}


def test_the_fixtures_have_the_names_that_004_gives_them() -> None:
    assert sorted(path.name for path in (SHIPPED / "narralytica" / "fixtures").iterdir()) == [
        "event_envelope.layer_failed.json",
        "event_envelope.search_executed.json",
    ]


@pytest.mark.parametrize("event", _registry("narralytica").events, ids=_name)
def test_every_example_makes_a_valid_envelope(event: Event) -> None:
    registry = _registry("narralytica")
    uuid = "0192f0c1-7a3e-7c4d-9b1e-2f6d8a5c3e10"
    for example in event.examples:
        envelope = {
            "event_name": event.name,
            "occurred_at": "2025-11-20T09:14:02.871Z",
            "correlation": dict.fromkeys(event.required, uuid),
            "actor": {"service_name": "api", "service_version": "1", "env": "test"},
            "payload": example.payload,
            "severity": event.severity,
            "schema_version": str(event.version),
        }
        assert _errors(registry.schemas["envelope"], envelope) == []


def test_events_of_the_surface_fit_the_envelope() -> None:
    from obs_lint.events.registries import RESERVED

    pattern = re.compile(_registry("narralytica").schemas["envelope"]["properties"]["event_name"]["pattern"])
    assert [name for name in RESERVED if not pattern.search(name)] == []


# -- the other ways to extend


OWN = """\
format: obs-registry/1
namespace: acme
naming: "{namespace}.{area}.{action}"
include: [events/*.yaml]
"""
OWN_EVENTS = """\
events:
  acme.order.placed:
    summary: An order was placed.
    payload: {$ref: ../order.schema.json}
    examples: [{order_id: o-1}]
    counterexamples: [{payload: {}, because: order_id is missing}]
"""
OWN_SCHEMA = '{"type": "object", "required": ["order_id"], "properties": {"order_id": {"type": "string"}}}'


def _rules_of_a_company(folder: Path) -> None:
    (folder / "contracts" / "events").mkdir(parents=True)
    (folder / "obs-lint.toml").write_text(
        'extends = ["orchestrator"]\nregistry = {extend = ["contracts/obs-registry.yaml"]}\n', encoding="utf-8"
    )
    (folder / "contracts" / "obs-registry.yaml").write_text(OWN, encoding="utf-8")
    (folder / "contracts" / "events" / "orders.yaml").write_text(OWN_EVENTS, encoding="utf-8")
    (folder / "contracts" / "order.schema.json").write_text(OWN_SCHEMA, encoding="utf-8")


def _is_extended(config: Config) -> None:
    own = _registries(config)
    assert [registry.problems for registry in own] == [(), ()]
    names = {event.name for registry in own for event in registry.events}
    assert names == {*EVENTS["orchestrator"], "acme.order.placed"}
    placed = next(event for registry in own for event in registry.events if event.name == "acme.order.placed")
    assert placed.payload is not None
    assert placed.payload["required"] == ["order_id"]


def test_a_path_in_the_project(tmp_path: Path) -> None:
    _rules_of_a_company(tmp_path / "company")
    _is_extended(_project(tmp_path, "company/obs-lint.toml"))


def test_a_path_outside_the_project(tmp_path: Path) -> None:
    _rules_of_a_company(tmp_path / "company")
    _is_extended(_project(tmp_path / "project", "../company/obs-lint.toml"))


def test_an_installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "elsewhere" / "acme_obs_rules"
    _rules_of_a_company(package)
    (package / "__init__.py").write_text("raise RuntimeError('must not be imported')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(package.parent))
    _is_extended(_project(tmp_path / "project", "package:acme_obs_rules"))
    assert "acme_obs_rules" not in sys.modules


def test_a_package_in_the_environment(tmp_path: Path) -> None:
    root = tmp_path / "project"
    package = root / ".venv" / "lib" / "python3.11" / "site-packages" / "acme_obs_rules"
    _rules_of_a_company(package)
    (package / "__init__.py").write_text("", encoding="utf-8")
    _is_extended(_project(root, "package:acme_obs_rules", more='environment = ".venv"\n'))


def test_a_shipped_preset_from_a_file_that_is_extended(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text('extends = ["tasker"]\n', encoding="utf-8")
    config = _project(tmp_path, "base.toml", "narralytica")
    assert {registry.events[0].name.split(".")[0] for registry in _registries(config)} == {"task", "narralytica"}


# -- the page


def test_the_page_names_every_preset_and_every_event() -> None:
    page = DOCS.read_text(encoding="utf-8")
    for preset, events in EVENTS.items():
        section = page.split(f"\n## {preset}\n", 1)[1].split("\n## ", 1)[0]
        assert [name for name in events if f"`{name}`" not in section] == []
        assert "Left out" in section
    assert [name for name in PAYLOADS if f"`{name}`" not in page] == []


# -- the linter


SYSTEM = """\
--- packages/observability/__init__.py
from .emit import emit
from .runtime import end_job_run_failure, end_job_run_success, start_job_run

__all__ = ["emit", "end_job_run_failure", "end_job_run_success", "start_job_run"]
--- packages/observability/emit.py
def emit(event_name, payload, ctx, severity="info"):
    ctx.sink.write(event_name, payload, severity)
--- packages/observability/runtime.py
def start_job_run(ctx, job_run_id, job_id, attempt):
    return ctx.with_job_run(job_run_id, job_id, attempt)


def end_job_run_success(ctx):
    ctx.end()


def end_job_run_failure(ctx, error):
    ctx.end(error)
--- services/api/src/routes/search.py
from packages import observability as obs


def search(ctx, query):
    obs.emit("narralytica.search.execute", {"mode": "lexical", "results_count": 1, "latency_ms": 3}, ctx)
    obs.emit("narralytica.search.executed", {"mode": "lexical", "results_count": 1, "latency_ms": 3}, ctx)
    obs.emit("narralytica.job_run.started", {"job_type": "ingest", "status": "running", "attempt": 1}, ctx)
--- services/workers/enrich/src/main.py
from packages import observability as obs


def run(ctx, layer):
    obs.start_job_run(ctx, "r-1", "j-1", 1)
    model = {"model_provider": "mistral", "model_id": "mistral-small"}
    known = {"layer_name": layer, "layer_version": "2", "status": "failed", "latency_ms": 3, **model}
    obs.emit("narralytica.layer.failed", {**known, "error_type": "E", "error_message": ""}, ctx, severity="info")
    obs.end_job_run_success(ctx)
"""


def test_a_system_that_extends_004_is_held_to_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, text in files_of(SYSTEM).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    _project(tmp_path, "narralytica")
    with contextlib.chdir(tmp_path):
        main(["check", "--no-cache", "--select", "OBS201,OBS206,OBS207,OBS211", "--output-format", "json"])
    report = json.loads(capsys.readouterr().out)
    assert report["errors"] == []
    assert report["inactive"] == []
    found = [(d["code"], d["path"], d["start"]["line"]) for d in report["diagnostics"] if d["code"] != "OBS207"]
    assert found == [
        ("OBS201", "services/api/src/routes/search.py", 5),
        ("OBS211", "services/api/src/routes/search.py", 7),
        ("OBS206", "services/workers/enrich/src/main.py", 8),
    ]
    missing = {d["message"].split("`")[1] for d in report["diagnostics"] if d["code"] == "OBS207"}
    assert missing == {
        "narralytica.job.created",
        "narralytica.job_run.failed",
        "narralytica.layer.started",
        "narralytica.layer.completed",
    }


@pytest.mark.parametrize("preset", EVENTS)
def test_what_a_preset_names_may_be_missing(preset: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _project(tmp_path, preset)
    (tmp_path / "shop.py").write_text("PRICE = 3\n", encoding="utf-8")
    with contextlib.chdir(tmp_path):
        code = main(["check", "--no-cache", "--output-format", "json"])
    report = json.loads(capsys.readouterr().out)
    assert (code, report["errors"]) == (0, [])
    # Events that nobody emits yet are no mistake in the configuration.
    assert {d["code"] for d in report["diagnostics"]} <= {"OBS207"}
