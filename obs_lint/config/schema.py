"""The JSON Schema of the configuration, made from the table of keys."""

from __future__ import annotations

from enum import Enum
from typing import Any

from obs_lint.config.keys import CONFIG, SCOPE, Choice, Entries, Flag, Items, Key, Kind, Position, Table, Text, default

ID = "https://obs-lint.readthedocs.io/schemas/config.schema.json"


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of obs-lint.toml, which is that of `[tool.obs-lint]` in pyproject.toml too."""
    defs: dict[str, Any] = {}
    top = _table(CONFIG, defs)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ID,
        "title": "obs-lint configuration",
        "description": (
            "obs-lint.toml, and `[tool.obs-lint]` in pyproject.toml. In place of a list there may be a table: `extend` "
            "adds to what the list would be without, `remove` takes away."
        ),
        **top,
        "$defs": dict(sorted(defs.items())),
    }


def schema_text() -> str:
    """Return `schema()` as it is committed: obs_lint/schemas/config.schema.json."""
    import json

    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _table(table: Table, defs: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {
        "type": "object",
        "properties": {key.name: _key(table, key, defs) for key in table.keys},
        "additionalProperties": bool(table.rest),
    }
    if table.required:
        out["required"] = list(table.required)
    if table.one_of:
        out["oneOf"] = [{"required": [name]} for name in table.one_of]
    return out


def _key(table: Table, key: Key, defs: dict[str, Any]) -> dict[str, Any]:
    if table is SCOPE and key in CONFIG.keys:
        return {"$ref": f"#/properties/{key.name}"}
    out = {"description": key.doc, **_kind(key.kind, defs)}
    value = _plain(default(table, key))
    if value is not None and not isinstance(key.kind, (Table, Entries)):
        out["default"] = value
    elif key.unset and key.unset != "none":
        out["description"] += f" Default: {key.unset}."
    return out


def _kind(kind: Kind, defs: dict[str, Any]) -> dict[str, Any]:
    if isinstance(kind, Text):
        return {"type": "string", "pattern": kind.form.pattern}
    if isinstance(kind, Choice):
        return {"enum": [str(word) for word in kind.words]}
    if isinstance(kind, Flag):
        return {"type": "boolean"}
    if isinstance(kind, Position):
        strings: list[dict[str, Any]] = [{"enum": list(kind.words)}] if kind.words else []
        if kind.form is not None:
            strings.append({"type": "string", "pattern": kind.form.pattern})
        return {"anyOf": [{"type": "integer", "minimum": 0}, *strings]}
    if isinstance(kind, Items):
        return {"$ref": f"#/$defs/{_list(kind, defs)}"}
    if isinstance(kind, Entries):
        return {
            "type": "object",
            "propertyNames": {"pattern": kind.key.pattern},
            "additionalProperties": _kind(kind.value, defs),
        }
    if kind.short:
        short = next(key for key in kind.keys if key.name == kind.short)
        return {"anyOf": [_kind(short.kind, defs), _table(kind, defs)]}
    return _table(kind, defs)


def _list(kind: Items, defs: dict[str, Any]) -> str:
    """Name of the definition of a list and of what may stand for it."""
    item = kind.item
    cls = item.cls if isinstance(item, Table) else None
    word = item.form.name if isinstance(item, Text) else cls.__name__ if cls is not None else "any"
    name = f"list-of-{word}"
    if name not in defs:
        defs[name] = {}
        items = {"$ref": f"#/$defs/{name}/anyOf/0"}
        edit = {
            "type": "object",
            "properties": {"extend": items, "remove": items},
            "minProperties": 1,
            "additionalProperties": False,
        }
        defs[name]["anyOf"] = [{"type": "array", "items": _kind(item, defs)}, edit]
    return name


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, (str, int, bool)) else None
