"""What a registry promises: its schemas are schemas, its envelope is closed, its examples prove its payloads."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from obs_lint.checks import registry_problem
from obs_lint.config.model import RegistrySource
from obs_lint.events.registries import Registries
from obs_lint.facts.cache import Cache
from obs_lint.registry.contracts import duplicates_of, problems_of
from obs_lint.registry.index import read
from obs_lint.registry.model import Event, Example, Place, Problem, Registry
from obs_lint.registry.reader import Reader

Reading = Callable[..., Registry]


@pytest.fixture
def reading(tmp_path: Path) -> Reading:
    def registry_of(text: str, files: Mapping[str, str] | None = None, path: str = "r.yaml", **source: Any) -> Registry:
        for name, content in {path: f"format: obs-registry/1\n{text}", **(files or {})}.items():
            target = tmp_path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, encoding="utf-8")
        return read(RegistrySource(path, **source), Reader(str(tmp_path)))

    return registry_of


def said(problems: tuple[Problem, ...], code: str) -> list[str]:
    return [f"{p.place.path}:{p.place.line}: {p.message}" for p in problems if p.code == code]


# -- OBS702


OPEN = """
type: object
=> e.yaml:1: the envelope
---
{}
=> r.yaml:2: the envelope
---
additionalProperties: true
=> e.yaml:1: the envelope
---
# not of any name
additionalProperties: {type: string}
=> e.yaml:2: the envelope
---
$comment: x
properties: {a: {type: string}}
type: object
=> e.yaml:2: the envelope
---
additionalProperties: false
properties:
  actor: {type: object}
  payload: {type: object}
=> e.yaml:3: `actor` of the envelope
---
additionalProperties: false
properties:
  actor:
    type: object
    additionalProperties: {}
=> e.yaml:5: `actor` of the envelope
---
additionalProperties: false
properties:
  actor: {}
=> e.yaml:3: `actor` of the envelope
---
additionalProperties: false
properties:
  actor:
    type: object
    additionalProperties: false
    properties:
      host: {type: object}
=> e.yaml:7: `actor.host` of the envelope
---
additionalProperties: false
properties:
  tags:
    type: array
    items: {type: object}
=> e.yaml:5: `tags.[]` of the envelope
---
additionalProperties: false
properties: {actor: {$ref: '#/$defs/actor'}}
$defs:
  actor: {type: object}
=> e.yaml:4: `actor` of the envelope
---
additionalProperties: false
properties:
  actor:
    anyOf:
      - type: 'null'
      - {type: object, properties: {a: {}}}
=> e.yaml:3: `actor` of the envelope
=> e.yaml:6: `actor.a` of the envelope
---
unevaluatedProperties: false
allOf: [{additionalProperties: true}]
=> e.yaml:1: the envelope
"""
CLOSED = """
additionalProperties: false
---
unevaluatedProperties: false
allOf: [{properties: {a: {type: string}}}]
---
allOf: [{additionalProperties: false, properties: {a: {type: string}}}]
---
$ref: '#/$defs/e'
$defs: {e: {additionalProperties: false}}
---
additionalProperties: false
patternProperties: {'^x-': {type: string}}
---
additionalProperties: false
properties: {payload: {}, a: {type: [string, 'null']}, b: {enum: [x, 1]}, c: {const: 1}}
---
anyOf: [{additionalProperties: false, properties: {a: {type: string}}}, {unevaluatedProperties: false}]
---
additionalProperties: false
properties: {a: {anyOf: [{type: 'null'}, {type: object, additionalProperties: false}]}}
---
additionalProperties: false
properties: {a: {items: {type: string}, type: array}}
---
type: string
"""


@pytest.mark.parametrize("case", OPEN.split("---\n"))
def test_open_envelopes(reading: Reading, case: str) -> None:
    schema, *expected = case.strip("\n").split("\n=> ")
    registry = reading("schemas: {envelope: e.yaml}\n", {"e.yaml": schema})
    assert said(problems_of(registry), "OBS702") == [f"{what} admits unknown fields" for what in expected]


@pytest.mark.parametrize("schema", CLOSED.split("---\n"))
def test_closed_envelopes(reading: Reading, schema: str) -> None:
    registry = reading("schemas: {envelope: e.yaml}\n", {"e.yaml": schema})
    assert problems_of(registry) == ()


def test_the_correlation_is_judged_where_it_is_written_and_once(reading: Reading) -> None:
    files = {
        "e.yaml": "additionalProperties: false\nproperties: {correlation: {$ref: c.yaml}}\n",
        "c.yaml": "type: object\nproperties:\n  payload: {type: object}\n",
    }
    registry = reading("schemas: {envelope: e.yaml, correlation: c.yaml}\n", files)
    assert said(problems_of(registry), "OBS702") == [
        "c.yaml:2: the correlation admits unknown fields",
        "c.yaml:3: `correlation.payload` of the envelope admits unknown fields",
    ]


def test_an_envelope_that_contains_itself(reading: Reading) -> None:
    schema = "additionalProperties: false\nproperties: {parent: {$ref: '#'}}\n"
    assert problems_of(reading("schemas: {envelope: e.yaml}\n", {"e.yaml": schema})) == ()


def test_an_envelope_that_is_no_schema_is_not_judged_further(reading: Reading) -> None:
    found = problems_of(reading("schemas: {envelope: e.yaml}\n", {"e.yaml": "type: objekt\n"}))
    assert [problem.code for problem in found] == ["OBS701"]
    assert said(found, "OBS701")[0].startswith("e.yaml:1: `type` should be the name of a type")


def test_examples_in_the_schemas(reading: Reading) -> None:
    schema = "additionalProperties: false\nproperties: {a: {type: string}}\nexamples:\n  - {a: x}\n  - {a: 1}\n"
    found = problems_of(reading("schemas: {envelope: e.yaml}\n", {"e.yaml": schema}))
    assert said(found, "OBS704") == ["e.yaml:5: example 2 of the envelope does not fit: `a` should be a string, is 1"]


# -- OBS704


def event_of(reading: Reading, payload: str, rest: str) -> list[str]:
    found = problems_of(reading(f"events:\n  a.b:\n    payload: {payload}\n    {rest}\n"))
    assert {problem.target for problem in found} <= {"a.b"}
    return [message.partition(": ")[2] for message in said(found, "OBS704")]


REFUSED = [
    ("{required: [x, y]}", "{y: 1}", "it lacks `x`"),
    ("{required: [x, y]}", "{}", "it lacks `x` and `y` (and 1 more)"),
    ("{properties: {x: {type: integer}}}", "{x: one}", '`x` should be an integer, is "one"'),
    ("{properties: {x: {enum: [a, b]}}}", "{x: c}", '`x` should be "a" or "b", is "c"'),
    ("{properties: {x: {items: {maximum: 3}}}}", "{x: [1, 5]}", "`x.1` should be at most 3, is 5"),
    ("{properties: {x: {pattern: ^a}}}", "{x: b}", '`x` should match `^a`, is "b"'),
    ("{additionalProperties: false, patternProperties: {^x: {}}}", "{x1: 1, y: 1}", "it should not have `y`"),
    ("{additionalProperties: false}", "{a: 1, b: 1}", "it should not have `a` and `b`"),
    ("{unevaluatedProperties: false}", "{a: 1}", "Unevaluated properties are not allowed ('a' was unexpected)"),
    ("{properties: {x: {not: {type: string}}}}", "{x: a}", "`x`: 'a' should not be valid under {'type': 'string'}"),
    ("{properties: {x: {oneOf: [{type: integer}, {minimum: 0}]}}}", "{x: 1}", "`x`: 1 is valid under each of"),
    ("{type: object}", "[]", "it should be an object, is []"),
]


@pytest.mark.parametrize(("payload", "example", "reason"), REFUSED, ids=[reason for _, _, reason in REFUSED])
def test_examples_that_do_not_fit(reading: Reading, payload: str, example: str, reason: str) -> None:
    (message,) = event_of(reading, payload, f"examples: [{example}]\n    counterexamples: [{{payload: {example}}}]")
    assert message.startswith(f"example 1 of `a.b` does not fit: {reason}")


def test_where_an_example_is_at_fault(reading: Reading) -> None:
    text = """\
events:
  a.b:
    payload: {properties: {x: {type: object, properties: {y: {type: integer}}}}, additionalProperties: false}
    examples:
      - x:
          y: one
      - x: {}
        z: 1
    counterexamples: [{payload: 1}]
"""
    found = problems_of(reading(text.replace("payload: 1", "payload: {z: 1}")))
    assert [(problem.place.line, problem.place.column) for problem in found] == [(7, 11), (9, 9)]


def test_formats_are_notes(reading: Reading) -> None:
    payload = "{properties: {x: {type: string, format: date-time}}}"
    assert event_of(reading, payload, "examples: [{x: never}]\n    counterexamples: [{payload: {x: 1}}]") == []


def test_a_schema_that_refuses_nothing_is_found_out(reading: Reading) -> None:
    payload = "{type: object, requird: [x]}"
    assert event_of(
        reading, payload, "examples: [{x: 1}]\n    counterexamples: [{payload: {}, because: x is a must}]"
    ) == ["counterexample 1 of `a.b` fits the payload's schema, although x is a must"]


def test_what_is_missing(reading: Reading) -> None:
    assert event_of(reading, "{type: object}", "summary: x") == ["`a.b` has no counterexample", "`a.b` has no example"]
    assert event_of(reading, "{type: object, examples: [{}]}", "counterexamples: [{payload: 1}]") == []
    assert problems_of(reading("events: {a.b: , c.d: {examples: [{}]}}\n")) == ()


def test_a_payload_that_could_not_be_read_is_not_judged(reading: Reading) -> None:
    registry = reading("events: {a.b: {payload: {$ref: missing.json}}}\n")
    assert [problem.code for problem in registry.problems] == ["OBS701"]
    assert problems_of(registry) == ()


def test_a_payload_that_is_no_schema_is_not_judged_further(reading: Reading) -> None:
    found = problems_of(
        reading("events: {a.b: {payload: {properties: {x: {pattern: '(a+)+$'}}}, examples: [{x: b}]}}\n")
    )
    assert [problem.code for problem in found] == ["OBS701"]


@pytest.mark.parametrize("source", ["python:shop.events:Ev", "schemas:contracts", "yaml:events/*.yaml", "weaver:model"])
def test_sources_without_examples_need_none(source: str) -> None:
    event = Event("a.b", Place("a.py"), payload={"type": "object"})
    assert problems_of(Registry(source, Place("a.py"), (event,))) == ()


def test_locks_leave_examples_out_and_a_mirror_is_not_asked() -> None:
    event = Event("a.b", Place("a.lock.json"), payload={"type": "object"})
    for source in ("lock:a.lock.json", "package:acme_events"):
        assert problems_of(Registry(source, Place("a.lock.json"), (event,))) == ()
    shown = replace(event, name="a.c", examples=(Example({}, Place("a.yaml")),))
    found = problems_of(Registry("package:acme_events", Place("a.yaml"), (event, shown)))
    assert [problem.target for problem in found] == ["a.b", "a.b", "a.c"]
    assert problems_of(Registry("contracts/a.yaml", Place("a.yaml"), (event,), mirror=True)) == ()


def test_members_of_two_classes_are_two_events() -> None:
    def member(owner: str, name: str) -> Event:
        return Event(name, Place("shop/names.py", len(owner)), symbol=f"shop.names.{owner}.{name}")

    sources = [
        Registry("python:shop.names:Block", Place("shop/names.py"), (member("Block", "started"),)),
        Registry("python:shop.names:Command", Place("shop/names.py"), (member("Command", "started"),)),
    ]
    assert duplicates_of(sources) == ()
    values = [
        replace(source, events=tuple(replace(event, name="shop.started") for event in source.events))
        for source in sources
    ]
    assert [problem.code for problem in duplicates_of(values)] == ["OBS705"]


def test_a_schema_is_compiled_once(reading: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    class Counting:
        def __init__(self, schema: Any, **_: Any) -> None:
            made.append(schema)

        def iter_errors(self, _: Any) -> Any:
            return iter(())

    monkeypatch.setattr(jsonschema, "Draft202012Validator", Counting)
    text = """\
events:
  a.b: &event
    payload: {type: object}
    examples: [{}, {}, {}]
    counterexamples: [{payload: 1}, {payload: 2}]
  c.d: *event
"""
    problems_of(reading(text))
    assert made == [{"type": "object"}]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # which is how jsonschema announces that it will fetch
def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Any] = []

    def refuse(*arguments: Any, **_: Any) -> None:
        tried.append(arguments)
        raise OSError("no network here")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    payload = {"properties": {"x": {"$ref": "http://127.0.0.1:9/x.json"}}}
    event = Event(
        "a.b", Place("r.lock.json", 7), payload=payload, examples=(Example({"x": 1}, Place("r.lock.json", 9)),)
    )
    found = problems_of(Registry("lock:r.lock.json", Place("r.lock.json"), (event,)))
    assert said(found, "OBS701") == ["r.lock.json:7: `http://127.0.0.1:9/x.json` points to nothing in the schema"]
    assert tried == []


def test_a_schema_without_end_is_no_traceback() -> None:
    event = Event("a.b", Place("r.lock.json"), payload={"$ref": "#"}, examples=(Example(1, Place("r.lock.json")),))
    found = problems_of(Registry("lock:r.lock.json", Place("r.lock.json"), (event,)))
    assert said(found, "OBS701") == ["r.lock.json:1: the schema is applied to one value again and again, without end"]


# -- OBS701


def test_names_may_be_declared_elsewhere(reading: Reading) -> None:
    text = """\
correlation:
  fields: {job_id: }
  chain: [{field: job_id, root: true, introduced_by: a.created}]
lifecycles: {job: {key: job_id, start: a.created, terminal: [a.done]}}
events: {a.old: {deprecated: {replaced-by: a.new}, examples: [{}]}}
"""
    registry = reading(text)
    assert len(problems_of(registry)) == 4
    assert problems_of(registry, ["a.created", "a.done", "a.new"]) == ()


def test_schemas_that_were_not_written_for_a_registry_may_be_of_older_drafts() -> None:
    payload = {"properties": {"a": {"items": [{"type": "string"}], "exclusiveMinimum": True, "required": True}}}
    for source, count in (("schemas:contracts", 0), ("lock:r.lock.json", 3)):
        event = Event("a.b", Place("a.json"), payload=payload)
        assert len(said(problems_of(Registry(source, Place("a.json"), (event,))), "OBS701")) == count
    event = Event("a.b", Place("a.json"), payload={"type": "strin"})
    assert said(problems_of(Registry("schemas:x", Place("a.json"), (event,))), "OBS701") == [
        "a.json:1: `type` should be the name of a type, is `strin`; did you mean `string`?"
    ]


# -- OBS705


def test_duplicates(reading: Reading) -> None:
    first = reading("events: {a.b: , a.c: }\n")
    second = reading("events:\n  a.c:\n  a.d:\n", path="s.yaml")
    found = duplicates_of([first, second])
    assert said(found, "OBS705") == ["s.yaml:3: `a.c` is declared a second time; first in `r.yaml:2`"]
    assert "mirror = true" in found[0].help
    assert duplicates_of([first, first]) == ()


def test_mirrors_may_repeat(reading: Reading) -> None:
    own = reading("events: {a.b: }\n")
    copy = reading("events: {a.b: }\n", path="s.yaml", mirror=True)
    assert duplicates_of([own, copy]) == ()
    assert duplicates_of([copy, own]) == ()


# -- kept results


def test_what_was_judged_is_kept_until_a_file_changes(
    reading: Reading, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(str(tmp_path / "cache"))
    text = "events: {a.b: {payload: {$ref: s.yaml}, examples: [1], counterexamples: [{payload: x}]}}\n"

    def judged(schema: str) -> list[str]:
        registry = reading(text, {"s.yaml": schema})
        return said(tuple(registry_problem._problems(cache, Registries([registry]))), "OBS704")

    first = judged("type: object\n")
    assert first == ["r.yaml:2: example 1 of `a.b` does not fit: it should be an object, is 1"]
    monkeypatch.setattr(jsonschema, "Draft202012Validator", None)
    assert judged("type: object\n") == first
    with pytest.raises(TypeError):
        judged("type: array\n")
