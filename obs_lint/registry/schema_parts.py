"""What the parts of a schema come to: those that hold beside it, and those of which one holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from obs_lint.registry.schema_words import at_pointer

UNKNOWN: Any = type("Unknown", (), {"__repr__": lambda _: "…"})()
"""Stands in a value for a part of it that can't be told: nothing is wrong with that."""

MAX_DEPTH = 40
"""Schemas within schemas that are followed; what is deeper says nothing."""


def target(schema: Mapping[str, Any], root: Any) -> Any:
    """What `$ref` refers to; True, which says nothing, where there is none or it can't be found."""
    reference = schema.get("$ref")
    if not isinstance(reference, str):
        return True
    found = at_pointer(root, reference)
    return True if found is None else found


def together(schema: Mapping[str, Any], root: Any) -> Iterator[Any]:
    """Schemas that hold beside the schema itself."""
    if "$ref" in schema:
        yield target(schema, root)
    every = schema.get("allOf")
    if isinstance(every, list):
        yield from every


def choices(schema: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Groups of schemas of each of which at least one holds."""
    for word in ("anyOf", "oneOf"):
        group = schema.get(word)
        if isinstance(group, list) and group:
            yield tuple(group)
    if "if" in schema and ("then" in schema or "else" in schema):
        yield ({"allOf": [schema["if"], schema.get("then", True)]}, schema.get("else", True))
    dependent = schema.get("dependentSchemas")
    if isinstance(dependent, Mapping):
        for name, then in dependent.items():
            yield ({"allOf": [{"required": [name]}, then]}, True)


def own_parts(schema: Mapping[str, Any], name: str) -> tuple[list[Any], bool]:
    """Return what a schema itself says of the field `name` of an object, without what holds beside it.

    And whether it speaks of the field by name or by a pattern, so that `unevaluatedProperties` does not.
    """
    parts: list[Any] = []
    covered = False
    properties = schema.get("properties")
    if isinstance(properties, Mapping) and name in properties:
        covered = True
        parts.append(properties[name])
    patterns = schema.get("patternProperties")
    if isinstance(patterns, Mapping):
        for pattern, said in patterns.items():
            fits = search(pattern, name)
            covered = covered or fits is not False
            if fits:
                parts.append(said)
    if not covered and "additionalProperties" in schema:
        parts.append(schema["additionalProperties"])
    return parts, covered


def all_of(parts: Iterable[Any]) -> Any:
    """Return the schema that says what all parts say."""
    said = [part for part in parts if part is not True and part != {}]
    if any(part is False for part in said):
        return False
    if not said:
        return True
    return said[0] if len(said) == 1 else {"allOf": said}


def any_of(parts: Iterable[Any]) -> Any:
    """Return the schema that says what one of the parts says."""
    said = [part for part in parts if part is not False]
    if not said:
        return False
    if all(part == said[0] for part in said[1:]):
        return said[0]
    return {"anyOf": said}


def types_of(schema: Any, root: Any, depth: int = 0) -> tuple[str, ...]:
    """Return the JSON types that a value may have, () for any."""
    if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
        return ()
    said = schema.get("type")
    sets: list[tuple[str, ...]] = []
    if isinstance(said, str):
        sets.append((said,))
    elif isinstance(said, list):
        sets.append(tuple(name for name in said if isinstance(name, str)))
    sets += [types_of(part, root, depth + 1) for part in together(schema, root)]
    for group in choices(schema):
        parts = [types_of(part, root, depth + 1) for part in group if part is not False]
        sets.append(tuple(dict.fromkeys(name for part in parts for name in part)) if all(parts) else ())
    sets = [one for one in sets if one]
    if not sets:
        return ()
    return tuple(name for name in sets[0] if all(name in one or _covers(one, name) for one in sets[1:])) or sets[0]


def _covers(types: tuple[str, ...], name: str) -> bool:
    return name == "integer" and "number" in types


def values_of(schema: Any, root: Any, depth: int = 0) -> list[Any] | None:
    """The values that are possible, None where they can't be listed."""
    if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
        return None
    sets: list[list[Any]] = []
    if "const" in schema:
        sets.append([schema["const"]])
    if isinstance(schema.get("enum"), list):
        sets.append(schema["enum"])
    sets += [values for part in together(schema, root) if (values := values_of(part, root, depth + 1)) is not None]
    for group in choices(schema):
        parts = [values_of(part, root, depth + 1) for part in group if part is not False]
        if parts and all(values is not None for values in parts):
            sets.append([value for values in parts for value in values or ()])
    if not sets:
        return None
    return [value for value in sets[0] if all(any(equal(value, other) for other in one) for one in sets[1:])]


def is_type(value: Any, name: str) -> bool:
    """True where a value has a JSON type; 1.0 is an integer, True is none."""
    if name == "null":
        return value is None
    if name == "boolean":
        return isinstance(value, bool)
    if name == "string":
        return isinstance(value, str)
    if name == "array":
        return isinstance(value, (list, tuple))
    if name == "object":
        return isinstance(value, Mapping)
    if isinstance(value, bool):
        return False
    if name == "integer":
        return isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if name == "number":
        return isinstance(value, (int, float))
    return True


def equal(one: Any, other: Any) -> bool:
    """JSON equality: 1 is 1.0, true is not 1. What is not known may be equal."""
    if one is UNKNOWN or other is UNKNOWN:
        return True
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(equal(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(equal(item, other[name]) for name, item in one.items())
    return bool(one == other)


def search(pattern: Any, text: str) -> bool | None:
    """Whether a pattern is found in a text; None where it is no pattern, or one that could take for ever."""
    from obs_lint.registry.regexes import compiled

    found = compiled(pattern) if isinstance(pattern, str) else None
    return None if found is None else found.search(text) is not None
