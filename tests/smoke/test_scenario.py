"""Scenario files: everything that is wrong is said at its place, and the JSON Schema says the same.

bad_scenarios.txt holds scenarios and what is said of them, all of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from obs_lint.registry.yaml_lines import parse_yaml
from obs_lint.smoke import scenario_file
from obs_lint.smoke.scenario import ExpectedEvent, ExpectedHeader, Ready, Scenario, ScenarioError

SCHEMA = json.loads((Path(scenario_file.__file__).parents[1] / "schemas/smoke.schema.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker())

DESIGN = """\
format: obs-smoke/1
processes:
  api: {command: [python, -m, services.api], env: {OBS_VALIDATE_STRICT: "true"},
        ready: {http: "http://127.0.0.1:8000/health/ready"}}
  enrich: {command: python -m services.workers.enrich, ready: {log: worker.ready}, after: api, stop: {within: 1m}}
  cache: {redis: {}}
capture: [{stdout: api}, {stdout: enrich}, {file: logs/*.jsonl}, {otlp-http: 4318}, {redis-stream: "trace:*"}]
canaries: {email: "canary-7f3a@example.invalid", card: "4000-0000-0000-0002"}
steps:
  - {name: search, http: {method: POST, url: "http://127.0.0.1:8000/search", json: {q: "{canary.email}"},
                          headers: {X-Request-Id: "{uuid}"}},
     expect: {status: 200, header: {X-Request-Id: "{sent}", X-Old: null}, events: [narralytica.search.executed]}}
  - {name: job, http: {url: "http://127.0.0.1:{port.api}/jobs", json: {}}, save: {job_id: body.job_id},
     expect: {flow: [request_id, job_id, job_run_id, layer_name], lifecycle: job_run, within: 10s}}
  - {name: many, repeat: 20, concurrency: 10, http: {url: "http://127.0.0.1:{port.api}/jobs/{job_id}"}}
  - {name: hand-over, kill: enrich}
  - {name: again, start: enrich, expect: {events: {name: a.b, count: 2, payload: {attempt: 2}, anywhere: true}}}
coverage: {fail-under: 90}
checks: {ignore: {OBS805: "events of a library"}}
"""


def blocks() -> Iterator[tuple[str, str, list[str]]]:
    text = (Path(__file__).parent / "bad_scenarios.txt").read_text(encoding="utf-8")
    for block in re.split(r"(?m)^=== ", text)[1:]:
        title, _, rest = block.partition("\n")
        scenario, _, said = rest.rpartition("=>\n")
        yield title, scenario, said.splitlines()


BLOCKS = list(blocks())


def read(text: str) -> Scenario:
    return scenario_file.parse(text.encode(), Path("/project/smoke.yaml"), "smoke.yaml")


def fits(value: Any) -> bool:
    return bool(VALIDATOR.is_valid(value))


@pytest.mark.parametrize(("title", "text", "said"), BLOCKS, ids=[block[0] for block in BLOCKS])
def test_what_is_wrong_is_said_at_its_place(title: str, text: str, said: list[str]) -> None:
    with pytest.raises(ScenarioError) as caught:
        read(text)
    assert [f"{line}:{column} {message}" for line, column, message in caught.value.problems] == said
    assert str(caught.value).startswith("smoke.yaml:")
    if "only]" not in title and "nothing is captured" not in title:
        assert not fits(parse_yaml(text, "x")[0][0].value), "the JSON Schema lets it pass"


def test_the_scenario_of_the_design() -> None:
    made = read(DESIGN)
    api, enrich, cache = made.processes
    assert (api.command, dict(api.env)) == (("python", "-m", "services.api"), {"OBS_VALIDATE_STRICT": "true"})
    assert api.ready == Ready(http="http://127.0.0.1:8000/health/ready") and api.sentinel
    assert (enrich.command[0], enrich.after, enrich.stop_within) == ("python", ("api",), 60.0)
    assert cache.redis and not cache.sentinel
    assert [(one.kind, one.target) for one in made.captures] == [
        ("stdout", "api"), ("stdout", "enrich"), ("file", "logs/*.jsonl"), ("otlp-http", "4318"),
        ("redis-stream", "trace:*"),
    ]  # fmt: skip
    search, job, many, hand_over, again = made.steps
    assert search.http is not None and search.http.as_json and search.http.headers == (("X-Request-Id", "{uuid}"),)
    assert search.expect.headers == (ExpectedHeader("X-Request-Id", "{sent}"), ExpectedHeader("X-Old", present=False))
    assert search.expect.status == ("200",) and search.expect.events[0].name == "narralytica.search.executed"
    assert job.http is not None and job.http.method == "POST" and job.expect.within == 10.0
    assert job.expect.flow[-1] == "layer_name" and job.expect.lifecycle == ("job_run",)
    assert (many.repeat, many.concurrency, hand_over.signal, again.start) == (20, 10, ("enrich", "KILL"), "enrich")
    event = again.expect.events[0]
    assert event == ExpectedEvent("a.b", 2, {"attempt": 2}, True, event.place)
    assert made.coverage.fail_under == 90.0 and made.checks.ignore == {"OBS805": "events of a library"}
    assert made.places["steps.job"].line == 13 and made.folder == Path("/project")
    assert fits(parse_yaml(DESIGN, "x")[0][0].value)


def test_json_is_a_scenario_too() -> None:
    value = parse_yaml(DESIGN, "x")[0][0].value
    made = scenario_file.parse(json.dumps(value).encode(), Path("/project/smoke.json"), "smoke.json")
    assert [step.name for step in made.steps] == ["search", "job", "many", "hand-over", "again"]


def test_headers_in_every_form() -> None:
    def headers(text: str) -> tuple[tuple[str, str], ...]:
        step = read(
            f'format: obs-smoke/1\ncapture: [{{file: x}}]\nsteps: [{{http: {{url: "http://h", {text}}}}}]\n'
        ).steps[0]
        assert step.http is not None
        return step.http.headers

    assert headers("headers: {A: [x, y], B: 7}") == (("A", "x"), ("A", "y"), ("B", "7"))
    assert headers('headers: [[A, x], [b, "y\\r\\nC: 1"], [A, z]]') == (("A", "x"), ("b", "y\r\nC: 1"), ("A", "z"))
    assert headers("form: {a: b c}") == (("Content-Type", "application/x-www-form-urlencoded"),)


def test_without_captures_the_output_of_every_process_of_ones_own_is_read() -> None:
    made = read("format: obs-smoke/1\nprocesses: {a: {command: [x]}, r: {redis: {}}, b: {command: [y]}}\n")
    assert [(one.kind, one.target) for one in made.captures] == [("stdout", "a"), ("stdout", "b")]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "can't be read: No such file"),
        (lambda path: path.mkdir(), "is a folder"),
        (lambda path: path.write_bytes(b"\xff\xfea"), "UTF-16"),
        (lambda path: path.write_bytes(b"a: \xe9"), "is not UTF-8 text"),
        (lambda path: path.write_bytes(b""), "the file is empty"),
        (lambda path: path.write_bytes(b"format: obs-smoke/1\n---\na: 1\n"), "second document"),
    ],
)
def test_files_that_are_no_scenario(tmp_path: Path, make: Any, said: str) -> None:
    make(tmp_path / "smoke.yaml")
    with pytest.raises(ScenarioError, match=said):
        scenario_file.load(tmp_path / "smoke.yaml")


_WORDS = st.sampled_from(
    sorted({key for part in SCHEMA["$defs"].values() for key in part.get("properties", {})} | set(SCHEMA["properties"]))
)
_SCALARS = (
    st.none() | st.booleans() | st.integers(-3, 700) | st.sampled_from(["", "a", "{uuid}", "{x", "http://h", "10s"])
)
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=4), max_leaves=12
)


@given(st.dictionaries(st.sampled_from(sorted(SCHEMA["properties"])), _VALUES, max_size=5))
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_is_written_it_is_a_scenario_or_an_error(value: dict[str, Any]) -> None:
    value["format"] = "obs-smoke/1"
    try:
        scenario_file.parse(json.dumps(value).encode(), Path("/p/smoke.json"), "smoke.json")
    except ScenarioError as error:
        assert error.problems
    else:
        assert fits(value), "the JSON Schema refuses what the parser takes"
