"""A small reader of JSON Schema: the keywords that obs-lint's own file formats use, with messages for people.

Importing a whole implementation would take longer than a run. Supported: type, enum, pattern, minLength, required,
properties, additionalProperties, minProperties, items, minItems, and oneOf over `required`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from obs_lint.config.suggest import nearest

Place = tuple[str | int, ...]
"""Keys and indices down to a value."""


class Violation(NamedTuple):
    """One way in which a value breaks its schema."""

    place: Place
    """Of the value; of the key itself where a key is the problem."""
    message: str


_TYPES: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "string": ("text", lambda v: isinstance(v, str)),
    "boolean": ("true or false", lambda v: isinstance(v, bool)),
    "array": ("a list", lambda v: isinstance(v, list)),
    "object": ("a mapping", lambda v: isinstance(v, dict)),
}


def show(place: Place) -> str:
    """Write a place as people do: `examples[1].bad`."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def suggestion(word: str, known: list[str]) -> str:
    """Return `; did you mean …?` for the nearest of `known`, else what there is to choose from."""
    near = nearest(word, known)
    if near is not None:
        return f"; did you mean `{near}`?"
    return f"; known: {', '.join(known)}" if known else ""


def named(value: Any) -> str:
    """Say in a few words what a value is."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    for text, is_type in _TYPES.values():
        if not isinstance(value, str) and is_type(value):
            return text
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "…"


def violations(value: Any, schema: Mapping[str, Any], place: Place = ()) -> Iterator[Violation]:
    """Yield what is wrong with `value`, outermost first; nothing where it fits `schema`."""
    expected = schema.get("description", "")
    where = f"`{show(place)}`" if place else "the file"
    kind = schema.get("type")
    if kind is not None:
        text, is_type = _TYPES[kind]
        if not is_type(value):
            hint = "; put it in quotes" if kind == "string" and not isinstance(value, (str, list, dict)) else ""
            about = f" ({expected})" if expected else ""
            yield Violation(place, f"{where} must be {text}{about}, not {named(value)}{hint}")
            return
    if "enum" in schema and value not in schema["enum"]:
        choices = [str(choice) for choice in schema["enum"]]
        hint = suggestion(value, choices) if isinstance(value, str) else ""
        hint = "" if hint.startswith("; known") else hint
        yield Violation(place, f"{where} must be one of {', '.join(choices)}, not {named(value)}{hint}")
        return
    if isinstance(value, str):
        if len(value) < schema.get("minLength", 0):
            yield Violation(place, f"{where} is empty; expected: {expected}")
        elif "pattern" in schema and not re.search(schema["pattern"], value):
            yield Violation(place, f"{where} is {named(value)}; expected: {expected}")
    elif isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            yield Violation(place, f"{where} is empty; expected: {expected}")
        if "items" in schema:
            for index, item in enumerate(value):
                yield from violations(item, schema["items"], (*place, index))
    elif isinstance(value, dict):
        yield from _mapping(value, schema, place, where)


def _mapping(value: dict[Any, Any], schema: Mapping[str, Any], place: Place, where: str) -> Iterator[Violation]:
    properties: Mapping[str, Any] = schema.get("properties", {})
    others = schema.get("additionalProperties", True)
    if len(value) < schema.get("minProperties", 0):
        yield Violation(place, f"{where} is empty; expected: {schema.get('description', '')}")
    for key, item in value.items():
        if not isinstance(key, str):
            yield Violation((*place, str(key)), f"key {named(key)} in {where} must be text; put it in quotes")
        elif key in properties:
            yield from violations(item, properties[key], (*place, key))
        elif others is False:
            yield Violation((*place, key), f"unknown key `{key}` in {where}{suggestion(key, list(properties))}")
        elif others is not True:
            yield from violations(item, others, (*place, key))
    for key in schema.get("required", ()):
        if key not in value:
            about = properties.get(key, {}).get("description", "")
            yield Violation(place, f"{where} lacks the key `{key}`" + (f": {about}" if about else ""))
    if "oneOf" in schema:
        names = [choice["required"][0] for choice in schema["oneOf"]]
        found = [name for name in names if name in value]
        if len(found) != 1:
            said = f"has {' and '.join(found)}" if found else "has none"
            yield Violation(place, f"{where} must have exactly one of {', '.join(names)}; it {said}")
