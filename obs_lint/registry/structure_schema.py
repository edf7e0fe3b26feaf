"""The JSON Schemas of a registry's files, made from the table of their keys."""

from __future__ import annotations

from typing import Any

from obs_lint.registry.structure import (
    EVENT_FILE,
    INDEX,
    MAX_NAME,
    Anything,
    Flag,
    Items,
    Named,
    Schema,
    Spec,
    Table,
    Text,
    TextOr,
    Whole,
)

_BASE = "https://obs-lint.readthedocs.io/schemas/"


def index_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of an index, which may hold events too."""
    return _document("registry.schema.json", "obs-lint event registry", _INDEX_SAYS, INDEX)


def events_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a file of events that an index includes."""
    return _document("registry-events.schema.json", "obs-lint events", _EVENTS_SAYS, EVENT_FILE)


def schema_text(schema: dict[str, Any]) -> str:
    """Return a schema as it is committed to obs_lint/schemas/."""
    import json

    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


_INDEX_SAYS = (
    "The source of truth for events: names, payloads, correlation, lifecycles, privacy. To complete it in an editor, "
    f"begin the file with `# yaml-language-server: $schema={_BASE}registry.schema.json`."
)
_EVENTS_SAYS = (
    "Events that an index includes. To complete it in an editor, begin the file with "
    f"`# yaml-language-server: $schema={_BASE}registry-events.schema.json`."
)


def _document(name: str, title: str, says: str, table: Table) -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": _BASE + name,
        "title": title,
        "description": says,
        **_spec(table),
        "$defs": {"payload": _PAYLOAD},
    }


_PAYLOAD = {
    "type": "object",
    "$ref": "https://json-schema.org/draft/2020-12/schema",
    "properties": {
        "properties": {
            "additionalProperties": {
                "properties": {
                    "x-obs": {
                        "description": "What the registry says of a field beside its schema.",
                        "type": "object",
                        "properties": {
                            "privacy": {
                                "description": "One of the registry's classifications.",
                                "type": "string",
                                "minLength": 1,
                            },
                            "unit": {
                                "description": "The unit of a number: `ms`, `By`, `1`.",
                                "type": "string",
                                "minLength": 1,
                            },
                            "semconv": {
                                "description": "The OpenTelemetry attribute that it is: `error.type`.",
                                "type": "string",
                                "minLength": 1,
                            },
                            "deprecated": {
                                "description": "Said of a field that should no longer be sent.",
                                "type": ["object", "boolean"],
                                "properties": {
                                    "since": {"type": "string"},
                                    "replaced-by": {
                                        "description": "The field that stands for it.",
                                        "type": "string",
                                    },
                                    "remove-after": {"type": "string"},
                                },
                            },
                        },
                    }
                }
            }
        }
    },
}
"""What is said of `x-obs` is meant for editors; it is judged at any depth."""


def _spec(spec: Spec) -> dict[str, Any]:
    if isinstance(spec, Table):
        return {
            "type": ["object", "null"] if spec.may_be_null else "object",
            "additionalProperties": False,
            **({"required": list(spec.required)} if spec.required else {}),
            "properties": {name: {"description": key.says, **_spec(key.spec)} for name, key in spec.keys.items()},
        }
    if isinstance(spec, Named):
        return {
            "type": "object",
            "propertyNames": {"pattern": spec.pattern, "maxLength": MAX_NAME},
            "additionalProperties": _spec(spec.of),
        }
    if isinstance(spec, Items):
        return {"type": "array", "items": _spec(spec.of), **({"minItems": spec.least} if spec.least else {})}
    if isinstance(spec, Text):
        return _text(spec)
    if isinstance(spec, TextOr):
        return {"anyOf": [_text(spec.text), _spec(spec.table)]}
    if isinstance(spec, Schema):
        return {"$ref": "#/$defs/payload"}
    return dict(_PLAIN[type(spec)])


_PLAIN: dict[type, dict[str, Any]] = {
    Flag: {"type": "boolean"},
    Whole: {"type": "integer", "minimum": 1},
    Anything: {},
}


def _text(spec: Text) -> dict[str, Any]:
    if len(spec.choices) == 1:
        return {"const": spec.choices[0]}
    if spec.choices:
        return {"enum": list(spec.choices)}
    if spec.pattern:
        return {"type": "string", "pattern": spec.pattern, "maxLength": MAX_NAME}
    return {"type": "string"} if spec.may_be_empty else {"type": "string", "minLength": 1}
