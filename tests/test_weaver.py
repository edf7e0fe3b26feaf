"""The exchange with OpenTelemetry Weaver: what is exported is in its format and comes back as it was."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from obs_lint.cli import main
from obs_lint.config.model import RegistrySource
from obs_lint.registry.authored import document, yaml_text
from obs_lint.registry.model import Deprecation, Event, Example, Place, Registry, RegistryError
from obs_lint.registry.reader import Reader
from obs_lint.registry.sources import read
from obs_lint.registry.sources.weaver import Loss, imported
from obs_lint.registry.weaver_export import export, losses, schema_url_problem
from tests.test_registry_sources import problem_line

PUBLISHED = os.environ.get("OBS_LINT_WEAVER_SCHEMAS", "")
"""A folder with Weaver's own semconv.schema.v2.json and definition-manifest.v2.json (its repository, `schemas/`)."""
PRESETS = sorted(Path(__file__).parent.parent.glob("obs_lint/presets/*/obs-registry.yaml"))

# The part of Weaver's definition format, version 2, that an export may use; nothing else may stand in it.

TEXT = {"type": "string"}
STABILITY = {"enum": ["development", "stable"]}
ANNOTATIONS = {"type": "object", "properties": {"obs": {"type": "object"}}, "additionalProperties": False}
DEPRECATED = {
    "oneOf": [
        {"properties": {"reason": {"const": reason}, "note": TEXT, **more}, "required": ["reason", *needed]}
        for reason, more, needed in (
            ("renamed", {"renamed_to": TEXT}, ["renamed_to"]),
            ("obsoleted", {}, ["note"]),
        )
    ],
    "unevaluatedProperties": False,
}
SCALAR = {"type": ["string", "integer", "number", "boolean"]}
ATTRIBUTE_TYPE = {
    "oneOf": [
        {"enum": [of + many for of in ("string", "int", "double", "boolean") for many in ("", "[]")] + ["any"]},
        {
            "type": "object",
            "required": ["members"],
            "additionalProperties": False,
            "properties": {
                "members": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["id", "value", "stability"],
                        "additionalProperties": False,
                        "properties": {"id": TEXT, "value": SCALAR, "stability": STABILITY},
                    },
                }
            },
        },
    ]
}


def _listed(required: list[str], **properties: Any) -> dict[str, Any]:
    entry = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return {"type": "array", "items": entry}


REFERENCES = _listed(
    ["ref"],
    ref=TEXT,
    requirement_level={"enum": ["required", "recommended"]},
    brief=TEXT,
    note=TEXT,
    annotations=ANNOTATIONS,
)
DEFINITIONS = {
    "type": "object",
    "required": ["file_format"],
    "additionalProperties": False,
    "properties": {
        "file_format": {"const": "definition/2"},
        "attributes": _listed(
            ["key", "type", "brief", "stability"],
            key=TEXT,
            type=ATTRIBUTE_TYPE,
            brief=TEXT,
            note=TEXT,
            stability=STABILITY,
            examples={"type": "array", "items": {"anyOf": [SCALAR, {"type": "array", "items": SCALAR}]}},
            annotations=ANNOTATIONS,
        ),
        "attribute_groups": _listed(
            ["id", "visibility", "brief", "stability"],
            id=TEXT,
            visibility={"const": "public"},
            brief=TEXT,
            stability=STABILITY,
            attributes=REFERENCES,
            annotations=ANNOTATIONS,
        ),
        "events": _listed(
            ["name", "brief", "stability"],
            name=TEXT,
            brief=TEXT,
            note=TEXT,
            stability=STABILITY,
            deprecated=DEPRECATED,
            attributes=REFERENCES,
            annotations=ANNOTATIONS,
        ),
    },
}
MANIFEST = {
    "type": "object",
    "required": ["schema_url"],
    "additionalProperties": False,
    "properties": {
        "schema_url": {"type": "string", "pattern": r"^https?://[^/]+(/[^/]+)+/[0-9]+\.[0-9]+\.[0-9]+$"},
        "description": TEXT,
        "stability": STABILITY,
    },
}

SHOP = """
format: obs-registry/1
namespace: shop
naming: "{namespace}.{area}.{action}"
correlation:
  fields:
    request_id: {type: uuid, header: X-Request-Id, aliases: [reqId]}
    order_id: {type: string}
    trace_id: {type: otel-trace-id}
    place: {type: integer, at: payload.place}
  chain:
    - {field: request_id, root: true}
    - {field: order_id, parent: request_id, introduced_by: shop.order.placed, many: true}
classifications: {none: {payload: allow}, personal: {payload: forbid}}
sensitive-names: [password]
lifecycles:
  order:
    key: order_id
    start: shop.order.placed
    terminal: [shop.order.shipped, shop.order.lost]
    deadline: PT15M
    retry: {key: order_id, attempt: payload.attempt, after: [shop.order.lost]}
    states: {field: status, transitions: {placed: [shipped, lost]}}
events:
  shop.order.placed:
    version: 2
    summary: |-
      An order was placed.

      By whomever.
    owner: team-orders
    stability: stable
    severity: info
    correlation: {required: [request_id], optional: [order_id]}
    producers: [api]
    smoke: always
    payload:
      type: object
      additionalProperties: false
      required: [order_id, kind]
      properties:
        order_id: {type: string, description: Which order.}
        kind: {enum: [web, "in store"], x-obs: {privacy: none}}
        attempt: {type: integer, minimum: 1}
        amount: {type: number}
        paid: {type: boolean, description: "Whether it was paid.\\n\\nBy any means."}
        tags: {type: array, items: {type: string}}
        tree: {type: object, properties: {a: {type: string}}}
        ref: {$ref: "#/$defs/id"}
        maybe: {type: [string, "null"]}
        anything: true
      $defs: {id: {type: integer, minimum: 0}}
      if: {required: [tags]}
      then: {required: [tree]}
    examples: [{order_id: "12", kind: web, attempt: 1, amount: 1.5, tags: [a, b]}]
    counterexamples: [{payload: {kind: 1}, because: kind is text}, {payload: 7}]
  shop.order.shipped:
    payload: {type: object, required: [order_id], properties: {order_id: {type: string}, attempt: {type: integer}}}
  shop.order.lost:
    severity: error
    stability: experimental
    deprecated: {since: "2.0", replaced-by: shop.order.missed, remove-after: "2030-01-01"}
    payload: {properties: {attempt: {type: integer, minimum: 1}}}
  shop.order.missed:
    stability: deprecated
    payload: {}
  shop.order.odd:
    deprecated: {}
    payload: {type: object, required: [b, a, gone], properties: {a: true, b: false}}
"""


def test_an_export_is_in_weavers_format_and_comes_back_as_it_was(tmp_path: Path) -> None:
    registry = registry_of(tmp_path, SHOP)
    files = export([registry])
    assert sorted(files) == ["attributes.yaml", "events/shop.yaml", "manifest.yaml"]
    check_format(files)
    assert losses([registry]) == ()
    back = read_back(tmp_path, files)
    assert back.problems == ()
    assert values_of(back) == values_of(registry)


def test_attributes_are_defined_once_with_what_they_mean(tmp_path: Path) -> None:
    files = export([registry_of(tmp_path, SHOP)])
    attributes = {entry["key"]: entry for entry in yaml.safe_load(files["attributes.yaml"])["attributes"]}
    types = {key: entry["type"] if isinstance(entry["type"], str) else "enum" for key, entry in attributes.items()}
    assert types == {
        "a": "any",
        "amount": "double",
        "anything": "any",
        "attempt": "int",
        "b": "any",
        "kind": "enum",
        "maybe": "string",
        "order_id": "string",
        "paid": "boolean",
        "place": "int",
        "ref": "int",
        "request_id": "string",
        "tags": "string[]",
        "trace_id": "string",
        "tree": "any",
    }
    assert [member["id"] for member in attributes["kind"]["type"]["members"]] == ["web", "in_store"]
    assert attributes["attempt"]["examples"] == [1]
    assert attributes["tags"]["examples"] == [["a", "b"]]
    assert (attributes["paid"]["brief"], attributes["paid"]["note"]) == ("Whether it was paid.", "By any means.")
    assert list(attributes) == sorted(attributes)
    events = {event["name"]: event for event in yaml.safe_load(files["events/shop.yaml"])["events"]}
    placed = {one["ref"]: one.get("requirement_level") for one in events["shop.order.placed"]["attributes"]}
    assert [key for key, level in placed.items() if level == "required"] == ["order_id", "kind", "request_id"]
    shipped = {one["ref"]: one for one in events["shop.order.shipped"]["attributes"]}
    assert shipped["attempt"]["annotations"]["obs"]["schema"] == {"type": "integer"}, "here it has no minimum"
    assert events["shop.order.lost"]["annotations"]["obs"]["severity"] == "error"
    assert events["shop.order.lost"]["deprecated"] == {
        "reason": "renamed",
        "renamed_to": "shop.order.missed",
        "note": "Since 2.0. To be removed after 2030-01-01.",
    }
    assert events["shop.order.missed"]["deprecated"]["reason"] == "obsoleted"


def test_the_manifest_says_what_it_is_told(tmp_path: Path) -> None:
    registry = registry_of(tmp_path, SHOP)
    manifest = yaml.safe_load(export([registry])["manifest.yaml"])
    assert manifest["schema_url"] == "https://shop.invalid/schemas/1.0.0"
    manifest = yaml.safe_load(export([registry], "https://acme.example/shop/2.1.0", "All of it.")["manifest.yaml"])
    assert (manifest["schema_url"], manifest["description"]) == ("https://acme.example/shop/2.1.0", "All of it.")


@pytest.mark.parametrize(
    ("url", "fits"),
    {
        "https://acme.example/schemas/1.0.0": True,
        "http://localhost:8080/1.0.0/": True,
        "https://acme.example": False,
        "https://acme.example/": False,
        "acme.example/schemas/1.0.0": False,
        "https://acme.example/a b/1": False,
        "": False,
    }.items(),
)
def test_a_schema_url_has_a_host_and_a_path(url: str, fits: bool) -> None:
    assert (schema_url_problem(url) == "") is fits


def test_a_schema_url_is_checked_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "obs-lint.toml").write_text('surface = []\nregistry = ["r.yaml"]\n')
    (tmp_path / "r.yaml").write_text("format: obs-registry/1\nevents: {a.b: }\n")
    monkeypatch.chdir(tmp_path)
    assert main(["registry", "export", "weaver", "out", "--schema-url", "acme"]) == 2
    assert "--schema-url: `acme` is no schema URL" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("path", PRESETS, ids=[path.parent.name for path in PRESETS])
def test_the_presets_come_back_as_they_were(path: Path, tmp_path: Path) -> None:
    registry = read(RegistrySource(path.name), Reader(str(path.parent)))
    files = export([registry])
    check_format(files)
    assert values_of(read_back(tmp_path, files)) == values_of(registry)


def test_several_registries_are_one_for_weaver(tmp_path: Path) -> None:
    def registry(source: str, *events: Event, **more: Any) -> Registry:
        return Registry(source, Place(source), events, **more)

    def payload(type_: str) -> Mapping[str, Any]:
        return {"type": "object", "properties": {"n": {"type": type_}, "m": {"type": type_}}}

    one = registry("a.yaml", Event("x", Place("a.yaml", 3), payload=payload("integer")), namespace="n")
    two = registry(
        "b/a.yaml",
        Event("x", Place("b.yaml", 5)),
        Event("y", Place("b.yaml", 6), payload=payload("number"), places={"/payload/properties/n": Place("b.yaml", 9)}),
        namespace="n",
    )
    three = registry("copy.yaml", Event("x", Place("c", 1)), Event("z", Place("c", 2)), mirror=True, complete=False)
    four = registry("again.yaml", Event("x", Place("c", 1)), mirror=True)
    files = export([three, one, two, four])
    check_format(files)
    assert sorted(files) == [
        "attributes.yaml",
        "events/copy.yaml",
        "events/n.yaml",
        "events/n_2.yaml",
        "manifest.yaml",
    ]
    back = read_back(tmp_path, files)
    assert sorted(event.name for event in back.events) == ["x", "y", "z"]
    assert {event.name: event.payload for event in back.events} == {
        "x": payload("integer"),
        "y": payload("number"),
        "z": None,
    }
    assert [(loss.what, loss.place) for loss in losses([three, one, two, four])] == [
        ("event `x` is declared twice; Weaver gets the first declaration", Place("b.yaml", 5)),
        ("`copy.yaml` may declare more events than could be found", Place("copy.yaml")),
        (clash("n"), Place("b.yaml", 9)),
        (clash("m"), Place("b.yaml", 6)),
    ]


def clash(name: str) -> str:
    return (
        f"`{name}` is int in one event and double in another; Weaver has one type for a key and gets double, each "
        "event's own schema stands in its annotations"
    )


# Any registry comes back

FIELD = st.one_of(
    st.sampled_from(
        [
            {"type": "string"},
            {"type": "integer"},
            {"type": "number"},
            {"type": "boolean"},
            {"type": "array", "items": {"type": "string"}},
            {"type": "object"},
            {},
            True,
            False,
            {"type": ["integer", "null"]},
            {"const": 1},
            {"$ref": "#/$defs/x"},
            {"$ref": "#/$defs/none"},
            {"type": "array"},
            {"description": 7},
        ]
    ),
    st.builds(
        lambda schema, more: {**schema, **more},
        st.sampled_from([{"type": "string"}, {"type": "integer"}, {"enum": [1, 2]}, {"enum": [True, "true", None]}]),
        st.fixed_dictionaries(
            {},
            optional={
                "description": st.text(max_size=20).map(lambda text: " ".join(text.split())),
                "minimum": st.integers(),
                "x-obs": st.dictionaries(
                    st.text(max_size=4), st.text(max_size=4) | st.floats(allow_nan=False, allow_infinity=False)
                ),
                "enum": st.lists(st.text(max_size=6) | st.booleans() | st.integers(), min_size=1, max_size=4),
                "examples": st.lists(st.text(max_size=4), max_size=2),
            },
        ),
    ),
)
NAME = st.from_regex(r"[a-z][a-z0-9_./-]{0,12}", fullmatch=True)
KEY = st.sampled_from(["a", "b", "c.d", "e/f", "g~h", "1", "true", "ü"])
PAYLOAD = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "type": st.just("object"),
        "properties": st.dictionaries(KEY, FIELD, max_size=4),
        "required": st.lists(KEY, unique=True, max_size=3),
        "additionalProperties": st.booleans(),
        "$defs": st.just({"x": {"type": "string"}}),
    },
)
WORDS = st.lists(st.sampled_from(["a", "b", "request_id"]), unique=True, max_size=2).map(tuple)
EVENT = st.builds(
    Event,
    name=NAME,
    place=st.just(Place("x")),
    version=st.integers(1, 9),
    summary=st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=30).map(str.strip),
    owner=st.sampled_from(["", "team", "1e3", "yes", "0o7"]),
    stability=st.sampled_from(["", "experimental", "stable", "deprecated"]),
    severity=st.sampled_from(["", "info", "error"]),
    required=WORDS,
    optional=st.just(()),
    producers=WORDS,
    smoke=st.sampled_from(["", "always"]),
    deprecated=st.none() | st.builds(Deprecation, *[st.sampled_from(["", "x.y", "2.0"])] * 3),
    payload=PAYLOAD,
    examples=st.lists(
        st.dictionaries(KEY, st.text(max_size=4) | st.integers() | st.lists(st.text(max_size=2))), max_size=2
    ).map(lambda found: tuple(Example(one, Place("x")) for one in found)),
)


@pytest.fixture(scope="module")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("any")


@settings(deadline=None, max_examples=50)
@given(events=st.lists(EVENT, unique_by=lambda event: event.name, min_size=1, max_size=4))
def test_any_registry_comes_back(events: list[Event], shared_folder: Path) -> None:
    registry = Registry("made.yaml", Place("made.yaml"), tuple(events))
    files = export([registry])
    check_format(files)
    back = read_back(shared_folder, files)
    assert back.problems == ()
    assert json.dumps(values_of(back), sort_keys=True) == json.dumps(values_of(registry), sort_keys=True)


# Importing what others wrote

FOREIGN = {
    "manifest.yaml": """
schema_url: "https://acme.example/schemas/1.2.0\\n"
dependencies:
  - schema_url: https://opentelemetry.io/schemas/1.40.0
    registry_path: https://github.com/open-telemetry/semantic-conventions@v1.40.0[model]
  - schema_url: https://acme.example/base/1.0.0
    registry_path: base
""",
    "../base/definitions.yaml": """
file_format: definition/2
attributes:
  - {key: base.id, type: int, brief: "  Whose. ", stability: stable}
events:
  - {name: base.begun, brief: It began., stability: stable, attributes: [{ref: base.id, requirement_level: required}]}
  - {name: base.ended, brief: It ended., stability: stable}
metrics:
  - {name: base.count, instrument: counter, unit: "1", brief: Nobody asks., stability: stable}
""",
    "model/attributes.yaml": """
file_format: definition/2
attributes:
  - key: acme.kind
    type:
      members:
        - {id: web, value: web, stability: stable}
        - {id: store, value: in store, stability: stable}
    brief: What kind.
    stability: stable
  - {key: acme.count, type: int, brief: How many., note: Of them., stability: alpha, examples: [1, 2]}
  - {key: acme.header, type: "template[string[]]", brief: Headers., stability: stable}
  - {key: acme.old, type: string, brief: Old., stability: stable, deprecated: {reason: obsoleted, note: Gone.}}
  - {key: acme.odd, type: "map", brief: Odd., stability: stable}
attribute_groups:
  - id: acme.common
    visibility: internal
    attributes:
      - {ref: acme.count, requirement_level: required}
      - {ref: base.id, requirement_level: opt_in}
""",
    "model/events.yaml": """
file_format: definition/2
events:
  - name: acme.done
    brief: >
      It was done.
    note: At last.
    stability: beta
    requirement_level: opt_in
    attributes:
      - ref_group: acme.common
      - {ref: acme.kind, requirement_level: {conditionally_required: if it is known}}
      - {ref: acme.count, brief: How often., requirement_level: recommended}
      - {ref: acme.header, requirement_level: required}
      - {ref: acme.old}
      - {ref: acme.odd}
      - {ref: error.type}
      - ref_group: acme.unknown
    entity_associations: [host]
    annotations: {code_generation: {exclude: true}}
  - name: acme.gone
    brief: It went.
    stability: stable
    deprecated: {reason: renamed, renamed_to: acme.done, note: For the better.}
event_refinements:
  - {id: acme.done.twice, ref: acme.done}
metrics:
  - {name: acme.m, instrument: counter, unit: "1", brief: A., stability: stable}
  - {name: acme.n, instrument: counter, unit: "1", brief: B., stability: stable}
spans:
  - {type: acme.s, kind: client, name: {note: x}, brief: C., stability: stable}
imports:
  events: [base.b*, nobody.*]
  metrics: [base.count]
""",
    "model/.hidden.yaml": "nothing: [",
    "README.md": "A registry.",
}
FOREIGN_TEXT = """\
# Imported from the Weaver registry https://acme.example/schemas/1.2.0 by `obs-lint registry import weaver`.
format: obs-registry/1
events:
  acme.done:
    version: 1
    summary: |-
      It was done.

      At last.
    stability: experimental
    payload:
      type: object
      properties:
        acme.count:
          type: integer
          description: |-
            How often.

            Of them.
          examples:
          - 1
          - 2
        base.id:
          type: integer
          description: Whose.
        acme.kind:
          type: string
          examples:
          - web
          - in store
          description: What kind.
        acme.old:
          type: string
          description: Old.
          deprecated: true
        acme.odd:
          description: Odd.
        error.type: {}
      patternProperties:
        ^acme\\.header\\.:
          type: array
          items:
            type: string
          description: Headers.
  acme.gone:
    version: 1
    summary: It went.
    stability: stable
    deprecated:
      replaced-by: acme.done
  base.begun:
    version: 1
    summary: It began.
    stability: stable
    payload:
      type: object
      required:
      - base.id
      properties:
        base.id:
          type: integer
          description: Whose.
"""
FOREIGN_LOSSES = """\
manifest.yaml:4 the dependency `https://opentelemetry.io/schemas/1.40.0` is not in the project and is not read
model/attributes.yaml:5 the members of `acme.kind` become examples: in Weaver other values are allowed too
model/attributes.yaml:13 why `acme.old` is deprecated is left out
model/attributes.yaml:14 the type `map` of `acme.odd` has no like: it may hold anything
model/attributes.yaml:20 `base.id` is opt_in: it becomes optional
model/events.yaml:8 the stability `beta` becomes experimental
model/events.yaml:9 the requirement level of event `acme.done` is left out
model/events.yaml:12 `acme.kind` is conditionally_required (if it is known): it becomes optional
model/events.yaml:14 that one of `acme.header.*` is required is left out
model/events.yaml:17 the attribute `error.type` is not defined here: it may hold anything
model/events.yaml:18 the attribute group `acme.unknown` is not defined here: its attributes are left out
model/events.yaml:19 the entities that event `acme.done` is associated with are left out
model/events.yaml:20 the annotations `code_generation` of event `acme.done` are left out
model/events.yaml:24 the note on the deprecation is left out
model/events.yaml:26 the refinement `acme.done.twice` of event `acme.done` is left out
model/events.yaml:28 2 metrics are left out, the first of them here
model/events.yaml:31 1 span is left out
model/events.yaml:33 the import of events `nobody.*` is left out: no registry here has one
model/events.yaml:34 the import of metrics `base.count` is left out
"""
FIRST_FORM = {
    "registry.yaml": """
groups:
  - id: registry.acme
    type: attribute_group
    brief: Attributes.
    attributes:
      - {id: acme.id, type: string, brief: Who., examples: x, stability: stable}
      - {id: acme.on, type: boolean, brief: On., requirement_level: required, stability: stable}
  - id: event.acme.base
    type: event
    name: acme.base
    brief: The base.
    stability: development
    attributes: [{ref: acme.id, requirement_level: required}]
  - id: event.acme.more
    type: event
    brief: More.
    extends: event.acme.base
    attributes: [{ref: acme.on}]
    body: {id: body, type: map}
  - {id: metric.acme, type: metric, metric_name: acme.m, instrument: counter, unit: "1", brief: M.}
  - id: acme.prefixed
    type: event
    name: acme.own
    prefix: acme.own
    brief: Own.
    stability: experimental
    deprecated: long gone
    attributes: [{id: n, type: "int[]", brief: Numbers.}]
""",
}
PACKAGED = {
    "resolved.yaml": """
file_format: resolved/2.0
schema_url: https://acme.example/schemas/1.0.0
attribute_catalog:
  - {key: acme.id, type: string, brief: Who., stability: stable}
  - {key: acme.id, type: string, brief: Who else., stability: stable}
registry:
  events:
    - name: acme.begun
      brief: Begun.
      stability: stable
      attributes: [{base: 1, requirement_level: required}]
  metrics:
    - {name: acme.m}
""",
}


def test_import_says_what_it_loses(tmp_path: Path) -> None:
    root = write(tmp_path / "project" / "acme", FOREIGN).parent
    text, lost = imported("acme", Reader(str(root)))
    assert text == FOREIGN_TEXT
    assert (
        "".join(loss_line(loss) + "\n" for loss in lost)
        .replace("acme/model", "model")
        .replace("acme/manifest", "manifest")
        == FOREIGN_LOSSES
    )
    (root / "obs-registry.yaml").write_text(text, encoding="utf-8")
    own = read(RegistrySource("obs-registry.yaml"), Reader(str(root)))
    weavers = read(RegistrySource("weaver:acme/"), Reader(str(root)))
    assert values_of(own) == values_of(weavers)
    assert {event.name: event.place for event in weavers.events}["acme.gone"].line == 21


def test_import_reads_the_first_form(tmp_path: Path) -> None:
    root = write(tmp_path, FIRST_FORM)
    registry = read(RegistrySource("weaver:."), Reader(str(root)))
    assert {event.name: (event.payload, event.stability, event.is_deprecated) for event in registry.events} == {
        "acme.base": (acme_id(), "experimental", False),
        "acme.more": (
            {
                "type": "object",
                "required": ["acme.id", "acme.on"],
                "properties": {
                    **acme_id()["properties"],
                    "acme.on": {"type": "boolean", "description": "On."},
                },
            },
            "",
            False,
        ),
        "acme.own": (
            {
                "type": "object",
                "properties": {
                    "acme.own.n": {"type": "array", "items": {"type": "integer"}, "description": "Numbers."}
                },
            },
            "experimental",
            True,
        ),
    }
    _, lost = imported(".", Reader(str(root)))
    assert [loss_line(loss) for loss in lost] == [
        "registry.yaml:20 the body of event `acme.more` is left out; its attributes are its payload",
        "registry.yaml:21 1 metric is left out",
        "registry.yaml:28 the note on the deprecation is left out",
    ]


def acme_id() -> dict[str, Any]:
    field = {"type": "string", "description": "Who.", "examples": ["x"]}
    return {"type": "object", "required": ["acme.id"], "properties": {"acme.id": field}}


def test_import_reads_what_weaver_packages(tmp_path: Path) -> None:
    root = write(tmp_path, PACKAGED)
    [event] = read(RegistrySource("weaver:."), Reader(str(root))).events
    assert event.payload == {
        "type": "object",
        "required": ["acme.id"],
        "properties": {"acme.id": {"type": "string", "description": "Who else."}},
    }
    _, lost = imported(".", Reader(str(root)))
    assert [loss_line(loss) for loss in lost] == ["resolved.yaml:14 1 metric is left out"]


def test_the_envelopes_schema_is_lost_on_import_only(tmp_path: Path) -> None:
    envelope = {"type": "object", "additionalProperties": False}
    event = Event("x", Place("r.yaml"))
    registry = Registry("r.yaml", Place("r.yaml"), (event,), schemas={"envelope": envelope}, namespace="n")
    back = read_back(tmp_path, export([registry]))
    assert back.schemas == {"envelope": envelope}
    text, lost = imported("weaver", Reader(str(tmp_path)))
    assert "schemas" not in yaml.safe_load(text)
    assert [loss.what for loss in lost] == [
        "the schemas of envelope and correlation are left out: an obs-registry.yaml names them by path"
    ]


def test_namespaces_that_differ_are_lost(tmp_path: Path) -> None:
    def registry(name: str) -> Registry:
        return Registry(name, Place(name), (Event(f"{name}.x", Place(name)),), namespace=name, sensitive_names=(name,))

    back = read_back(tmp_path, export([registry("a"), registry("b")]))
    assert (back.namespace, back.sensitive_names) == ("", ("a", "b"))
    _, lost = imported("weaver", Reader(str(tmp_path)))
    assert [loss_line(loss) for loss in lost] == [
        "weaver/events/b.yaml:4 several registries become one: what they don't agree on of namespace and naming is lost"
    ]


BAD = {
    "no folder": ({}, ["!! registry - the folder `nowhere` does not exist"]),
    "an empty folder": ({"README.md": "x"}, ["!! registry - the folder `weaver` has no YAML file"]),
    "no event": (
        {"a.yaml": "file_format: definition/2"},
        ["!! registry - the Weaver registry in `weaver` declares no event"],
    ),
    "broken": ({"a.yaml": "file_format: [\n"}, ["!! registry weaver/a.yaml:2:1 `weaver/a.yaml` is not YAML"]),
    "another format": (
        {"a.yaml": "x: 1\nfile_format: my/9\n", "b.yml": "services: {}", "c.yaml": "- 1"},
        [
            "!! registry weaver/a.yaml:2:1 `weaver/a.yaml` has the file_format `my/9`, which is none of Weaver's",
            "!! registry weaver/b.yml:1:1 `weaver/b.yml` lacks a `file_format`: it is none of Weaver's",
            "!! registry weaver/c.yaml:1:1 `weaver/c.yaml` is not a mapping",
        ],
    ),
    "events without what they need": (
        {"a.yaml": "file_format: definition/2\nevents:\n  - brief: x\n  - {name: a, attributes: [{brief: y}, 3]}\n"},
        [
            "!! registry weaver/a.yaml:3:5 an event has no `name`",
            "!! registry weaver/a.yaml:4:28 an attribute has neither `ref` nor `id`",
        ],
    ),
    "annotations written by hand": (
        {
            "a.yaml": "file_format: definition/2\nevents:\n  - name: a\n    annotations:\n      obs:\n"
            "        severity: loud\n        owner: 7\n        wrong: x\n        version: 3\n"
        },
        [
            "! registry weaver/a.yaml:6:9 `severity` should be `trace`",
            "! registry weaver/a.yaml:7:9 `owner` should be text, is 7",
            "! registry weaver/a.yaml:8:9 has the unknown key `wrong`",
        ],
    ),
    "a group's annotation written by hand": (
        {
            "a.yaml": "file_format: definition/2\nevents: [{name: a}]\nattribute_groups:\n  - id: g\n"
            "    annotations: {obs: {naming: '{x', sensitive-names: [p]}}\n"
            "  - id: h\n    annotations: {obs: {namespace: 1}}\n"
        },
        [
            "!! registry weaver/a.yaml:5:25 the naming has a `{` at character 1 that nothing closes",
            "!! registry weaver/a.yaml:7:25 `namespace` should be a namespace, is 1",
        ],
    ),
    "groups in a circle": (
        {
            "a.yaml": "file_format: definition/2\nattribute_groups:\n  - {id: g, attributes: [{ref_group: h}]}\n"
            "  - {id: h, attributes: [{ref_group: g}, {ref: x}]}\n"
            "events: [{name: a, attributes: [{ref_group: g}]}]\n"
        },
        [],
    ),
    "nonsense where lists and mappings are meant": (
        {
            "a.yaml": "file_format: definition/2\nattributes: {a: b}\nevents:\n  - 3\n"
            "  - {name: a, attributes: x, annotations: [], deprecated: 1, stability: 7, brief: [x], note: {}}\n"
            "imports: {events: x, metrics: [3]}\nmetrics: 7\nattribute_groups: [{id: [x]}]\n"
        },
        [],
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_told_at_its_line(case: str, tmp_path: Path) -> None:
    files, expected = BAD[case]
    write(tmp_path / "weaver", files)
    reader = Reader(str(tmp_path))
    try:
        problems = read(RegistrySource("weaver:weaver" if files else "weaver:nowhere"), reader).problems
    except RegistryError as error:
        problems = error.problems
    lines = [re.split("; write |, `debug`", problem_line(problem))[0] for problem in problems]
    assert lines == expected
    if any(problem.fatal for problem in problems):
        with pytest.raises(RegistryError):
            imported("weaver" if files else "nowhere", reader)
    else:
        assert imported("weaver", reader)[0]


def test_an_import_that_no_registry_can_hold_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"a.yaml": "file_format: definition/2\nevents: [{name: 'a  b'}]"})
    with pytest.raises(RegistryError, match="can't be an event's name"):
        imported(".", Reader(str(tmp_path)))


def test_a_registrys_yaml_means_the_same_in_every_version_of_yaml() -> None:
    words = [
        "0o17",
        "1e3",
        "yes",
        "y",
        "null",
        "~",
        "1:30",
        "2024-01-01",
        "0b1",
        "1_000",
        ".5",
        "-",
        "",
        "<<",
        " a",
        "x\n",
    ]
    text = yaml_text({"words": words, "number": 1.5, "large": 1e20}, ["A comment."])
    assert text.startswith("# A comment.\n")
    assert yaml.safe_load(text) == {"words": words, "number": 1.5, "large": 1e20}
    plain = [line.removeprefix("- ") for line in text.splitlines() if line.startswith("- ") and line[2] not in "'\"|"]
    assert plain == ["y"], "of these words only `y` is text to all of them without quotes"


# What the tests share


def registry_of(folder: Path, text: str) -> Registry:
    (folder / "obs-registry.yaml").write_text(text, encoding="utf-8")
    return read(RegistrySource("obs-registry.yaml"), Reader(str(folder)))


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")
    return folder


def read_back(folder: Path, files: Mapping[str, str]) -> Registry:
    write(folder / "weaver", files)
    return read(RegistrySource("weaver:weaver"), Reader(str(folder)))


def loss_line(loss: Loss) -> str:
    return f"{loss.place.path}:{loss.place.line} {loss.what}"


def values_of(registry: Registry) -> dict[str, Any]:
    """What a registry declares, without where it does."""
    content = document(replace(registry, schemas={}))
    content["events"] = dict(sorted(content["events"].items()))
    content["schemas"] = dict(registry.schemas)
    return content


def check_format(files: Mapping[str, str]) -> None:
    """Weaver's format, and what Weaver demands beside it when it resolves a registry."""
    defined: list[str] = []
    used: list[str] = []
    names: list[str] = []
    for path, text in files.items():
        content = yaml.safe_load(text)
        is_manifest = path == "manifest.yaml"
        jsonschema.Draft202012Validator(MANIFEST if is_manifest else DEFINITIONS).validate(content)
        if PUBLISHED:
            check_published(content, "definition-manifest.v2.json" if is_manifest else "semconv.schema.v2.json")
        defined += [attribute["key"] for attribute in content.get("attributes", ())]
        names += [event["name"] for event in content.get("events", ())]
        for signal in (*content.get("events", ()), *content.get("attribute_groups", ())):
            own = [attribute["ref"] for attribute in signal.get("attributes", ())]
            assert len(set(own)) == len(own), signal
            used += own
    assert len(set(defined)) == len(defined)
    assert len(set(names)) == len(names)
    assert set(used) == set(defined)


def check_published(content: dict[str, Any], schema: str) -> None:
    if schema.startswith("definition-manifest"):
        # Weaver reads a string here and writes one in its own registries; its published schema says {url: string}.
        content = {**content, "schema_url": {"url": content["schema_url"]}}
    jsonschema.Draft202012Validator(json.loads(Path(PUBLISHED, schema).read_text("utf-8"))).validate(content)
