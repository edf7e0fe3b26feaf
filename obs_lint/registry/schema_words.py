"""Where subschemas stand in a JSON Schema 2020-12, and what a pointer into one points to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Path = tuple[str | int, ...]
"""Keys and list indices from the top."""

ONE = (
    "additionalProperties",
    "unevaluatedProperties",
    "propertyNames",
    "items",
    "unevaluatedItems",
    "contains",
    "not",
    "if",
    "then",
    "else",
    "contentSchema",
)
"""Keywords whose value is a schema."""
MANY = ("allOf", "anyOf", "oneOf", "prefixItems")
"""Keywords whose value is a list of schemas."""
NAMED = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
"""Keywords whose value maps names to schemas."""
IN_PLACE = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas")
"""Keywords whose schemas are applied to the same value as the schema itself."""

_ONE, _MANY, _NAMED = frozenset(ONE), frozenset(MANY), frozenset(NAMED)


def subschemas(schema: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    """Yield (path from `schema`, subschema) of those that stand directly in it."""
    for word, value in schema.items():
        if word in _ONE:
            yield (word,), value
        elif word in _NAMED:
            if isinstance(value, Mapping):
                for name, one in value.items():
                    yield (word, name), one
        elif word in _MANY and isinstance(value, list):
            for index, one in enumerate(value):
                yield (word, index), one


def pointer(path: Path) -> str:
    """Write a path as a JSON pointer."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def tokens(fragment: str) -> Path | None:
    """Return the path that a URI fragment (without `#`) points to; None where it is no pointer."""
    if not fragment:
        return ()
    if not fragment.startswith("/"):
        return None
    if "%" in fragment:
        from urllib.parse import unquote

        fragment = unquote(fragment)
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in fragment[1:].split("/"))


def at_path(document: Any, path: Path) -> Any:
    """Return what stands at a path. Raises LookupError where nothing does."""
    for part in path:
        if isinstance(document, Mapping):
            document = document[part]
        elif isinstance(document, list):
            text = str(part)
            if not text.isdecimal() or (text[0] == "0" and len(text) > 1) or len(text) > 9:
                raise LookupError(part)
            document = document[int(text)]
        else:
            raise LookupError(part)
    return document


def at_pointer(root: Any, reference: str) -> Any:
    """Return the schema that a reference into `root` (`#/$defs/x`, `#name`) means; None where there is none."""
    if not reference.startswith("#"):
        return None
    path = tokens(reference[1:])
    if path is None:
        path = anchor_path(root, reference[1:])
    if path is None:
        return None
    try:
        return at_path(root, path)
    except LookupError:
        return None


def anchor_path(root: Any, name: str) -> Path | None:
    """Return where `$anchor: name` (or `$dynamicAnchor`) stands; None where it does not."""
    waiting: list[tuple[Path, Any]] = [((), root)]
    while waiting:
        path, schema = waiting.pop()
        if not isinstance(schema, Mapping):
            continue
        if schema.get("$anchor") == name or schema.get("$dynamicAnchor") == name:
            return path
        waiting += [((*path, *more), one) for more, one in subschemas(schema)]
    return None
