"""A YAML registry as values: what is declared, where it is written, and what its schemas come to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from obs_lint.config.model import RegistrySource
from obs_lint.registry.index import read, template
from obs_lint.registry.model import ChainLink, CorrelationField, Deprecation, Event, Place, Registry
from obs_lint.registry.reader import Reader
from obs_lint.registry.regexes import problem_of as regex_problem
from obs_lint.registry.yaml_lines import parse_json, parse_yaml

INDEX = """\
# yaml-language-server: $schema=https://obs-lint.readthedocs.io/schemas/registry.schema.json
format: obs-registry/1
namespace: shop
naming: "{namespace}.{area}.{action}[.{status}]"
schemas:
  envelope: schemas/event_envelope.schema.json
  correlation: schemas/correlation.schema.yaml
correlation:
  fields:
    request_id: {type: uuid, header: X-Request-Id, aliases: [reqId, req_id]}
    job_id:
    layer_name: {at: payload.layer_name}
  chain:
    - {field: request_id, root: true}
    - {field: job_id, parent: request_id, introduced_by: shop.job.created, new_per: attempt}
    - {field: layer_name, parent: job_id, many: true}
classifications:
  none: {payload: allow}
  personal: {payload: forbid}
sensitive-names: [password, ssn]
lifecycles:
  job:
    key: job_id
    start: shop.job.created
    terminal: [shop.job.done, shop.job.failed]
    exactly-one-terminal: false
    deadline: PT15M
    retry: {key: request_id, attempt: payload.attempt, after: [shop.job.failed]}
    states: {field: status, transitions: {queued: [running], running: [done, failed]}}
    compensation: {of: shop.job.done, by: shop.job.failed}
include: [events/*.yaml, events/more/**/*.yaml]
"""
EVENTS = """\
events:
  shop.job.created:
    version: 2
    summary: A job was created.
    owner: team-a
    stability: stable
    severity: info
    correlation: {required: [job_id], optional: [request_id]}
    producers: [api, worker]
    smoke: always
    payload:
      type: object
      required: [kind]
      properties:
        kind: {type: string, x-obs: {privacy: none}}
        a/b~c: {type: integer}
    examples: [{kind: a}, {kind: b}]
    counterexamples:
      - {payload: {}, because: it has a kind}
  shop.job.done:
"""
FAILED = """\
events:
  shop.job.failed:
    deprecated: {since: "2.0", replaced-by: shop.job.done, remove-after: 2027-01-01}
"""
ENVELOPE = """\
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "$id": "https://shop.example/schemas/event_envelope.schema.json",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "correlation": {"$ref": "correlation.schema.yaml"}
  }
}
"""
CORRELATION = """\
type: object
additionalProperties: false
properties:
  request_id: {type: string}
"""
FILES = {
    "contracts/obs-registry.yaml": INDEX,
    "contracts/events/job.yaml": EVENTS,
    "contracts/events/more/deep/failed.yaml": FAILED,
    "contracts/schemas/event_envelope.schema.json": ENVELOPE,
    "contracts/schemas/correlation.schema.yaml": CORRELATION,
}


@pytest.fixture
def reading(tmp_path: Path) -> Callable[..., Registry]:
    def registry_of(files: Mapping[str, str], path: str = "r.yaml", *, clean: bool = True, **source: Any) -> Registry:
        for name, text in files.items():
            target = tmp_path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8", newline="")
        registry = read(RegistrySource(path, **source), Reader(str(tmp_path)))
        assert not clean or not registry.problems, registry.problems
        return registry

    return registry_of


def place_at(path: str, text: str, word: str, line: int) -> Place:
    """The place of a word on a line of a text."""
    column = text.split("\n")[line - 1].index(word) + 1
    return Place(path, line, column, line, column + len(word))


def test_the_whole_format(reading: Callable[..., Registry]) -> None:
    registry = reading(FILES, "contracts/obs-registry.yaml")
    assert [event.name for event in registry.events] == ["shop.job.created", "shop.job.done", "shop.job.failed"]
    assert registry.namespace == "shop"
    assert registry.correlation == (
        CorrelationField("request_id", "uuid", "X-Request-Id", ("reqId", "req_id")),
        CorrelationField("job_id"),
        CorrelationField("layer_name", at="payload.layer_name"),
    )
    assert registry.chain == (
        ChainLink("request_id", root=True),
        ChainLink("job_id", "request_id", introduced_by="shop.job.created", new_per="attempt"),
        ChainLink("layer_name", "job_id", many=True),
    )
    assert registry.classifications == {"none": "allow", "personal": "forbid"}
    assert registry.sensitive_names == ("password", "ssn")
    (job,) = registry.lifecycles
    assert (job.name, job.key, job.start, job.terminal) == (
        "job",
        "job_id",
        "shop.job.created",
        ("shop.job.done", "shop.job.failed"),
    )
    assert (job.exactly_one_terminal, job.deadline, job.states_field) == (False, "PT15M", "status")
    assert job.retry == {"key": "request_id", "attempt": "payload.attempt", "after": ["shop.job.failed"]}
    assert job.transitions == {"queued": ("running",), "running": ("done", "failed")}
    assert job.compensation == {"of": "shop.job.done", "by": "shop.job.failed"}
    assert job.place == place_at("contracts/obs-registry.yaml", INDEX, "job", 22)
    assert registry.mirror is False
    assert registry.complete is True


def test_an_event(reading: Callable[..., Registry]) -> None:
    registry = reading(FILES, "contracts/obs-registry.yaml")
    created, done, failed = registry.events
    path = "contracts/events/job.yaml"
    assert created.place == place_at(path, EVENTS, "shop.job.created", 2)
    assert (created.version, created.summary, created.owner) == (2, "A job was created.", "team-a")
    assert (created.stability, created.severity, created.smoke) == ("stable", "info", "always")
    assert (created.required, created.optional, created.producers) == (("job_id",), ("request_id",), ("api", "worker"))
    assert created.deprecated is None
    assert created.payload is not None
    assert created.payload["required"] == ["kind"]
    assert [example.payload for example in created.examples] == [{"kind": "a"}, {"kind": "b"}]
    assert [(example.payload, example.because) for example in created.counterexamples] == [({}, "it has a kind")]
    assert created.examples[1].place[:3] == (path, 17, 27)
    assert created.counterexamples[0].place[:3] == (path, 19, 9)
    assert created.source == "contracts/obs-registry.yaml"
    assert (done.version, done.payload, done.severity, done.examples) == (1, None, "", ())
    assert failed.deprecated == Deprecation("2.0", "shop.job.done", "2027-01-01")
    assert failed.is_deprecated


def test_every_key_of_an_event_has_its_place(reading: Callable[..., Registry]) -> None:
    registry = reading(FILES, "contracts/obs-registry.yaml")
    created = registry.events[0]
    path = "contracts/events/job.yaml"
    expected = {
        "/version": ("version", 3),
        "/severity": ("severity", 7),
        "/correlation/required": ("required", 8),
        "/correlation/required/0": ("job_id", 8),
        "/producers/1": ("worker", 9),
        "/payload": ("payload", 11),
        "/payload/required/0": ("kind", 13),
        "/payload/properties/kind": ("kind", 15),
        "/payload/properties/kind/x-obs/privacy": ("privacy", 15),
        "/payload/properties/a~1b~0c": ("a/b~c", 16),
        "/payload/properties/a~1b~0c/type": ("type", 16),
        "/counterexamples/0/because": ("because", 19),
    }
    for pointer, (word, line) in expected.items():
        assert created.places[pointer] == place_at(path, EVENTS, word, line), pointer
    assert len(created.places) == 34


def test_every_key_of_the_index_has_its_place(reading: Callable[..., Registry]) -> None:
    registry = reading(FILES, "contracts/obs-registry.yaml")
    path = "contracts/obs-registry.yaml"
    expected = {
        "/naming": ("naming", 4),
        "/schemas/envelope": ("envelope", 6),
        "/correlation/fields/job_id": ("job_id", 11),
        "/correlation/chain/1/introduced_by": ("introduced_by", 15),
        "/lifecycles/job/retry/after/0": ("shop.job.failed", 28),
        "/include/1": ("events/more/**/*.yaml", 31),
    }
    for pointer, (word, line) in expected.items():
        assert registry.places[pointer] == place_at(path, INDEX, word, line), pointer
    within = registry.places["/schemas/envelope/properties/correlation"]
    assert within == place_at("contracts/schemas/event_envelope.schema.json", ENVELOPE, '"correlation"', 7)
    within = registry.places["/schemas/envelope/$defs/correlation/properties/request_id"]
    assert within == place_at("contracts/schemas/correlation.schema.yaml", CORRELATION, "request_id", 4)


def test_schemas_refer_to_nothing_outside(reading: Callable[..., Registry]) -> None:
    registry = reading(FILES, "contracts/obs-registry.yaml")
    assert registry.schemas["envelope"] == {
        "type": "object",
        "additionalProperties": False,
        "properties": {"correlation": {"$ref": "#/$defs/correlation"}},
        "$defs": {"correlation": registry.schemas["correlation"]},
    }


def test_inputs_are_every_file_and_folder_that_was_looked_at(reading: Callable[..., Registry], tmp_path: Path) -> None:
    registry = reading(FILES, "contracts/obs-registry.yaml")
    files = {str(tmp_path / name) for name in FILES}
    folders = {str(tmp_path / "contracts" / name) for name in ("events", "events/more", "events/more/deep")}
    assert set(registry.inputs) == files | folders


def test_one_file_of_several_documents(reading: Callable[..., Registry]) -> None:
    index = INDEX.replace("include: [events/*.yaml, events/more/**/*.yaml]\n", "")
    files = {**FILES, "contracts/one.yaml": f"{index}---\n{EVENTS}---\n# nothing\n---\n{FAILED}"}
    registry = reading(files, "contracts/one.yaml")
    assert [event.name for event in registry.events] == ["shop.job.created", "shop.job.done", "shop.job.failed"]
    lines = index.count("\n")
    assert registry.events[0].place.line == lines + 1 + 2
    assert registry.places["/naming"].line == 4


def test_one_file_of_one_document(reading: Callable[..., Registry]) -> None:
    registry = reading({"r.yaml": "format: obs-registry/1\nevents: {a.b: , c.d: {severity: warn}}\n"})
    assert [(event.name, event.severity) for event in registry.events] == [("a.b", ""), ("c.d", "warn")]
    assert registry.naming is None


def test_events_before_the_index(reading: Callable[..., Registry]) -> None:
    registry = reading({"r.yaml": "events: {a.b: }\n---\nformat: obs-registry/1\nevents: {c.d: }\n"})
    assert [event.name for event in registry.events] == ["a.b", "c.d"]


def test_json(reading: Callable[..., Registry]) -> None:
    text = '{"format": "obs-registry/1",\n "events": {"a.b": {"summary": "\\ud83d\\ude00",\n\t"severity": "info"}}}\n'
    registry = reading({"r.json": text}, "r.json")
    (event,) = registry.events
    assert (event.summary, event.severity) == ("😀", "info")
    assert event.places["/severity"][:3] == ("r.json", 3, 2)


def test_a_mirror(reading: Callable[..., Registry]) -> None:
    assert reading({"r.yaml": "format: obs-registry/1\n"}, mirror=True).mirror is True


def test_an_included_file_is_read_once(reading: Callable[..., Registry]) -> None:
    text = "format: obs-registry/1\ninclude: [a.yaml, '*.yaml', ./a.yaml, r.yaml]\nevents: {a.b: }\n"
    registry = reading({"r.yaml": text, "a.yaml": "events: {c.d: }\n", ".hidden.yaml": "x"})
    assert [event.name for event in registry.events] == ["a.b", "c.d"]


def test_a_registry_outside_the_project(reading: Callable[..., Registry], tmp_path: Path) -> None:
    files = {
        "elsewhere/r.yaml": "format: obs-registry/1\ninclude: [events/*.yaml]\n",
        "elsewhere/events/a.yaml": "events: {a.b: {payload: {$ref: ../s.json}}}\n",
        "elsewhere/s.json": '{"type": "object"}',
    }
    reading({"x": ""} | files, "elsewhere/r.yaml")
    root = tmp_path / "project"
    root.mkdir()
    registry = read(RegistrySource("../elsewhere/r.yaml"), Reader(str(root)))
    assert registry.problems == ()
    (event,) = registry.events
    assert event.payload == {"type": "object"}
    assert event.place.path == (tmp_path / "elsewhere/events/a.yaml").as_posix()


# -- payloads in other files


def payload_of(reading: Callable[..., Registry], payload: str, **files: str) -> Event:
    contents = {name.replace("__", "/") + ".json": text for name, text in files.items()}
    contents["r.yaml"] = f"format: obs-registry/1\nevents:\n  a.b:\n    payload: {payload}\n"
    registry = reading(contents)
    return registry.events[0]


def test_a_payload_that_is_a_file(reading: Callable[..., Registry]) -> None:
    text = '{"type": "object", "properties": {"x": {"$ref": "#/$defs/x"}},\n "$defs": {"x": {"type": "string"}}}'
    event = payload_of(reading, "{$ref: schemas/a.json}", schemas__a=text)
    assert event.payload == json.loads(text)
    assert event.places["/payload"][:3] == ("r.yaml", 4, 5)
    assert event.places["/payload/properties/x"][:3] == ("schemas/a.json", 1, 35)
    assert event.places["/payload/$defs/x/type"][:3] == ("schemas/a.json", 2, 18)


def test_a_part_of_a_file(reading: Callable[..., Registry]) -> None:
    text = '{"$defs": {"a/b c": {"properties": {"x": {"$ref": "#/$defs/x"}}}, "x": {"$anchor": "here", "minimum": 1}}}'
    event = payload_of(reading, '{$ref: "a.json#/$defs/a~1b%20c"}', a=text)
    assert event.payload == {
        "properties": {"x": {"$ref": "#/$defs/a.x"}},
        "$defs": {"a.x": {"$anchor": "here", "minimum": 1}},
    }
    event = payload_of(reading, "{properties: {y: {$ref: 'a.json#here', maximum: 5}}}", a=text)
    assert event.payload is not None
    assert event.payload["properties"] == {"y": {"$ref": "#/$defs/a.x", "maximum": 5}}
    assert event.places["/payload/$defs/a.x/minimum"][:3] == ("a.json", 1, 92)


def test_names_in_defs_do_not_collide(reading: Callable[..., Registry]) -> None:
    payload = "{properties: {a: {$ref: x.json}, b: {$ref: s/x.json}, c: {$ref: '#/$defs/x'}}, $defs: {x: {minimum: 1}}}"
    event = payload_of(reading, payload, x='{"minimum": 2}', s__x='{"minimum": 3}')
    assert event.payload is not None
    assert event.payload["$defs"] == {"x": {"minimum": 1}, "x_2": {"minimum": 2}, "x_3": {"minimum": 3}}
    assert [one["$ref"] for one in event.payload["properties"].values()] == ["#/$defs/x_2", "#/$defs/x_3", "#/$defs/x"]


def test_references_are_relative_to_their_own_file(reading: Callable[..., Registry]) -> None:
    event = payload_of(
        reading,
        "{properties: {a: {$ref: one/a.json}}}",
        one__a='{"properties": {"b": {"$ref": "../two/b.json#/$defs/b"}}}',
        two__b='{"$defs": {"b": {"items": {"$ref": "#/$defs/c"}}, "c": {"$ref": "c.json"}}}',
        two__c='{"minimum": 7}',
    )
    assert event.payload == {
        "properties": {"a": {"$ref": "#/$defs/a"}},
        "$defs": {
            "a": {"properties": {"b": {"$ref": "#/$defs/b.b"}}},
            "b.b": {"items": {"$ref": "#/$defs/b.c"}},
            "b.c": {"$ref": "#/$defs/c"},
            "c": {"minimum": 7},
        },
    }


def test_a_reference_within_the_payload_and_within_its_file(reading: Callable[..., Registry]) -> None:
    text = """\
format: obs-registry/1
events:
  a.b:
    payload: {properties: {x: {$ref: "#/$defs/x"}}, $defs: {x: {minimum: 1}}}
  c.d:
    payload: {properties: {y: {$ref: "#/events/a.b/payload"}, z: {$ref: "#/events/a.b/payload/$defs/x"}}}
"""
    registry = reading({"r.yaml": text})
    assert registry.events[0].payload == {
        "properties": {"x": {"$ref": "#/$defs/x"}},
        "$defs": {"x": {"minimum": 1}},
    }
    assert registry.events[1].payload == {
        "properties": {"y": {"$ref": "#/$defs/r.payload"}, "z": {"$ref": "#/$defs/r.x"}},
        "$defs": {
            "r.payload": {"properties": {"x": {"$ref": "#/$defs/r.x"}}, "$defs": {"x": {"minimum": 1}}},
            "r.x": {"minimum": 1},
        },
    }


def test_identities_stand_for_files(reading: Callable[..., Registry]) -> None:
    event = payload_of(
        reading,
        "{$ref: a.json}",
        a=json.dumps({
            "$id": "https://shop.example/schemas/a.json",
            "properties": {
                "x": {"$ref": "/schemas/b"},
                "y": {"$ref": "https://shop.example/schemas/b"},
                "z": {"$ref": "c.json"},
            },
            "$defs": {"b": {"$id": "/schemas/b", "minimum": 1}},
        }),
        c='{"minimum": 2}',
    )  # fmt: skip
    assert event.payload == {
        "properties": {"x": {"$ref": "#/$defs/b"}, "y": {"$ref": "#/$defs/b"}, "z": {"$ref": "#/$defs/c"}},
        "$defs": {"b": {"minimum": 1}, "c": {"minimum": 2}},
    }


def test_what_only_looks_like_a_reference(reading: Callable[..., Registry]) -> None:
    payload = "{properties: {$ref: {type: string}}, enum: [{$ref: x.json}], examples: [{$ref: y.json}]}"
    event = payload_of(reading, payload)
    assert event.payload == yaml.safe_load(payload)


def test_recursion_stays(reading: Callable[..., Registry]) -> None:
    tree = '{"type": "object", "properties": {"left": {"$ref": "#"}, "right": {"$ref": "tree.json"}}}'
    event = payload_of(reading, "{$ref: tree.json}", tree=tree)
    assert event.payload is not None
    assert event.payload["properties"] == {"left": {"$ref": "#"}, "right": {"$ref": "#"}}
    event = payload_of(reading, "{properties: {t: {$ref: tree.json}}}", tree=tree)
    assert event.payload is not None
    assert event.payload["$defs"]["tree"]["properties"] == {
        "left": {"$ref": "#/$defs/tree"},
        "right": {"$ref": "#/$defs/tree"},
    }


def test_two_files_that_know_each_other_without_recursion(reading: Callable[..., Registry]) -> None:
    event = payload_of(
        reading,
        "{$ref: a.json}",
        a='{"properties": {"b": {"$ref": "b.json"}}, "$defs": {"money": {"minimum": 0}}}',
        b='{"properties": {"price": {"$ref": "a.json#/$defs/money"}}}',
    )
    assert event.payload is not None
    assert event.payload["$defs"]["b"] == {"properties": {"price": {"$ref": "#/$defs/money"}}}


# -- YAML


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[true, True, no, on, ~, null, '', \"null\", ]", [True, True, "no", "on", None, None, "", "null"]),
        ("[1, +1, -1, 007, 0x1F, 0o17, 1_000, 1:30]", [1, 1, -1, 7, 31, 15, "1_000", "1:30"]),
        ("[1.0, .5, 1., 1e3, 1.5e-2, 1.2.3, 1e, ., -]", [1.0, 0.5, 1.0, 1000.0, 0.015, "1.2.3", "1e", ".", "-"]),
        ("[2024-01-01, 2024-01-01T00:00:00Z, =, 0b1]", ["2024-01-01", "2024-01-01T00:00:00Z", "=", "0b1"]),
        ("{1: a, true: b, ~: c, 1.5: d}", {"1": "a", "true": "b", "~": "c", "1.5": "d"}),
        ("{<<: {a: 1, b: 2}, b: 3}", {"a": 1, "b": 3}),
        ("{b: 3, <<: [{a: 1}, {a: 2, c: 4}]}", {"b": 3, "a": 1, "c": 4}),
        ("{a: &x {b: 1}, c: {<<: *x, d: *x}, '<<': 1}", {"a": {"b": 1}, "c": {"b": 1, "d": {"b": 1}}, "<<": 1}),
        ("{&k a: 1, b: *k}", {"a": 1, "b": "a"}),
        ("a: |\n  x\n  y\nb: >\n  x\n  y\n", {"a": "x\ny\n", "b": "x y\n"}),
        ("[!!str 1, !!int '2', !!float 3, !!bool true, !!null ~, ! 4]", ["1", 2, 3.0, True, None, "4"]),
    ],
)
@pytest.mark.parametrize("libyaml", [True, False])
def test_values(monkeypatch: pytest.MonkeyPatch, libyaml: bool, text: str, value: Any) -> None:
    if not libyaml and hasattr(yaml, "CSafeLoader"):
        monkeypatch.delattr(yaml, "CSafeLoader")
    documents, problems = parse_yaml(text, "a.yaml")
    assert problems == []
    assert [document.value for document in documents] == [value]
    assert json.dumps(documents[0].value, sort_keys=True) == json.dumps(value, sort_keys=True)  # 1 is not true


def test_places_of_merged_keys_are_where_they_are_written() -> None:
    (document,), _ = parse_yaml("a: &a\n  x: 1\nb:\n  <<: *a\n  y: 2\n", "a.yaml")
    assert document.place(("b", "x")) == Place("a.yaml", 2, 3, 2, 4)
    assert document.place(("b", "y")) == Place("a.yaml", 5, 3, 5, 4)
    assert document.place(("b", "none")) == document.place(("b",))


def test_columns_count_code_points() -> None:
    (document,), _ = parse_yaml('{"é𝄞": 1, x: [ü, y]}', "a.yaml")
    assert document.place(("x",)) == Place("a.yaml", 1, 11, 1, 12)
    assert document.place(("x", 1)) == Place("a.yaml", 1, 18, 1, 19)


def test_json_says_what_json_says() -> None:
    text = '{"a": "\\/\\ud83d\\ude00\\u00e9", "b": [1.0, 1e2, null, true], "on": "no"}'
    (document,), problems = parse_json(text, "a.json")
    assert problems == []
    assert document.value == json.loads(text)
    assert document.place(("on",))[:3] == ("a.json", 1, 60)


# -- names


@pytest.mark.parametrize(
    ("text", "fits", "not_"),
    [
        ("{namespace}.{area}.{action}", "shop.order.placed", "shop.order"),
        (
            "{namespace}.{area}[.{status}]",
            "shop.order shop.order.ok shop.a1.b_2",
            "shop shop.Order shop.order.ok.x xshop.order",
        ),
        ("{area}[.{action}[.{status}]]", "a a.b a.b.c", "a.b.c.d A a."),
        ("v1:{area}/{action}", "v1:a/b", "v1:a.b v2:a/b"),
        ("{namespace}_{action}_v{version}", "shop_x_va shop_x_vy1", "shop_x shop.x_v1 shop_x_v1"),
    ],
)
def test_templates(text: str, fits: str, not_: str) -> None:
    import re

    made, problem = template(text, "shop")
    assert made is not None, problem
    for name in fits.split():
        assert re.fullmatch(made, name), name
    for name in not_.split():
        assert not re.fullmatch(made, name), name


def test_a_namespace_is_no_pattern(reading: Callable[..., Registry]) -> None:
    registry = reading({"r.yaml": 'format: obs-registry/1\nnamespace: a.b+c\nnaming: "{namespace}.{x}"\n'})
    assert registry.naming is not None
    assert registry.naming.fits("a.b+c.x")
    assert not registry.naming.fits("a.bbc.x")
    assert registry.naming.text == "{namespace}.{x}"


def test_a_naming_pattern(reading: Callable[..., Registry]) -> None:
    registry = reading({"r.yaml": 'format: obs-registry/1\nnaming: {pattern: "[a-z]+(/[a-z]+)*"}\n'})
    assert registry.naming is not None
    assert registry.naming.fits("a/b")
    assert not registry.naming.fits("a/b/")
    assert registry.naming.text == "[a-z]+(/[a-z]+)*"


SAFE = r"""
[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*
([a-z]+\.)*[a-z]+
^(?:[a-z]+(?:_[a-z]+)*\.)+[a-z]+$
([a-z]_?)*
^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$
(?:[a-z]{1,16}\.)*
^(?:\.[a-z]+|:[0-9]+)*$
(?:[A-Z][a-z]+)+
^\d{4}-\d\d(-\d\d)?$
^(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?$
(foo|bar|baz)*
(\d{3})*
(?>a+)+b
(?:a++)+b
(?=(?:ab)+)a
"""
EXPLOSIVE = r"""
(a+)+
(\w+\s?)*$
(?:a|aa)*
(aa?)*
([a-z]+)*
(?:[a-z]+|\d+)*x
(\d{1,3})*
(-?[a-z]+)+$
(\w\w|\d\d)*
^(([a-z])+.)+[A-Z]([a-z])+$
(.*)*
(.*,)*x
(?:(?:a{1,2}){1,30})
((a*)*)*
(x+x+)+y
(?:é+ü?)+
(?=(a+)+b)
"""


@pytest.mark.parametrize("pattern", SAFE.split("\n")[1:-1])
def test_patterns_that_are_fine(pattern: str) -> None:
    assert regex_problem(pattern) == ""


@pytest.mark.parametrize("pattern", EXPLOSIVE.split("\n")[1:-1])
def test_patterns_that_could_take_for_ever(pattern: str) -> None:
    assert "for ever" in regex_problem(pattern)


@pytest.mark.parametrize("pattern", ["[", "(?P<a", "a**", "\\p{L}", "(" * 500, "(?<=a*)b", "x" * 3000, "(?i"])
def test_patterns_that_are_none(pattern: str) -> None:
    assert regex_problem(pattern)


def test_reading_imports_no_validator(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("format: obs-registry/1\nevents: {a.b: {payload: {type: object}}}\n")
    code = (
        "import sys; from obs_lint.registry.sources import read; from obs_lint.registry.reader import Reader; "
        "from obs_lint.config.model import RegistrySource; "
        f"read(RegistrySource('r.yaml'), Reader({str(tmp_path)!r})); "
        "print([name for name in ('jsonschema', 'urllib.request', 'socket') if name in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=os.path.dirname(os.path.dirname(__file__)),
    )
    assert run.stdout == "[]\n"
