"""What is wrong with a value, held against a schema without a validator; what can't be told is no problem."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from obs_lint.registry.schema_parts import (
    MAX_DEPTH,
    UNKNOWN,
    all_of,
    equal,
    is_type,
    own_parts,
    search,
    together,
    types_of,
    values_of,
)

_MAX_SHOWN = 40
"""Characters of a value in a message."""


def find_problem(schema: Any, value: Any, root: Any, depth: int = 0) -> str:
    """Say what is wrong with a value, "" where nothing is or it can't be told: `should be an integer, is "2"`.

    `root` is what `$ref`s of `schema` point into, `depth` how deep in it the schema stands.
    """
    if value is UNKNOWN or schema is True or depth > MAX_DEPTH:
        return ""
    if schema is False:
        return "should not be there"
    if not isinstance(schema, Mapping):
        return ""
    said = schema.get("type")
    if said is not None:
        types = (said,) if isinstance(said, str) else tuple(said) if isinstance(said, list) else ()
        if types and not any(is_type(value, name) for name in types):
            return f"should be {_listed(_ARTICLES.get(name, str(name)) for name in types)}, is {_shown(value)}"
    if "const" in schema and not equal(schema["const"], value):
        return f"should be {_shown(schema['const'])}, is {_shown(value)}"
    values = schema.get("enum")
    if isinstance(values, list) and not any(equal(one, value) for one in values):
        return f"should be {_one_of(values)}, is {_shown(value)}"
    problem = _detail(schema, value, root, depth)
    if problem:
        return problem
    for part in together(schema, root):
        problem = find_problem(part, value, root, depth + 1)
        if problem:
            return problem
    for group in (schema.get("anyOf"), schema.get("oneOf")):
        if not isinstance(group, list) or not group:
            continue
        problems = [find_problem(part, value, root, depth + 1) for part in group]
        if all(problems):
            return _nearest_of(group, problems, value, root)
    return ""


def _nearest_of(group: list[Any], problems: list[str], value: Any, root: Any) -> str:
    """What to say where no alternative fits: the reason of the only one of the value's type, else all types."""
    same = [
        problem
        for part, problem in zip(group, problems, strict=True)
        if (types := types_of(part, root, 0)) and any(is_type(value, name) for name in types)
    ]
    if len(same) == 1:
        return same[0]
    every = [types_of(part, root, 0) for part in group]
    if not same and all(every):
        names = dict.fromkeys(name for types in every for name in types)
        return f"should be {_listed(_ARTICLES.get(name, name) for name in names)}, is {_shown(value)}"
    values = [values_of(part, root, 0) for part in group]
    if all(one is not None for one in values):
        return f"should be {_one_of([item for one in values for item in one or ()])}, is {_shown(value)}"
    return f"fits none of its {len(group)} alternatives, is {_shown(value)}"


def _detail(schema: Mapping[str, Any], value: Any, root: Any, depth: int) -> str:
    if isinstance(value, bool) or value is None:
        return ""
    if isinstance(value, (int, float)):
        return _number_problem(schema, value)
    if isinstance(value, str):
        return _text_problem(schema, value)
    if isinstance(value, (list, tuple)):
        return _list_problem(schema, value, root, depth)
    if isinstance(value, Mapping):
        return _object_problem(schema, value, root, depth)
    return ""


def _number_problem(schema: Mapping[str, Any], value: float) -> str:
    for word, fails, phrase in _BOUNDS:
        bound = schema.get(word)
        if isinstance(bound, (int, float)) and not isinstance(bound, bool) and fails(value, bound):
            return f"should be {phrase} {_shown(bound)}, is {_shown(value)}"
    step = schema.get("multipleOf")
    if isinstance(step, (int, float)) and not isinstance(step, bool) and step > 0 and not _is_multiple(value, step):
        return f"should be a multiple of {_shown(step)}, is {_shown(value)}"
    return ""


def _is_multiple(value: float, step: float) -> bool:
    if isinstance(value, int) and isinstance(step, int):
        return value % step == 0
    from fractions import Fraction

    try:
        return Fraction(repr(value)) % Fraction(repr(step)) == 0
    except (ValueError, OverflowError):
        return True


def _text_problem(schema: Mapping[str, Any], value: str) -> str:
    least, most = _count(schema, "minLength"), _count(schema, "maxLength")
    if least is not None and len(value) < least:
        return f"should have at least {_amount(least, 'character')}, has {len(value)}"
    if most is not None and len(value) > most:
        return f"should have at most {_amount(most, 'character')}, has {len(value)}"
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and search(pattern, value) is False:
        return f"should match `{pattern}`, is {_shown(value)}"
    return ""


def _list_problem(schema: Mapping[str, Any], value: list[Any] | tuple[Any, ...], root: Any, depth: int) -> str:
    least, most = _count(schema, "minItems"), _count(schema, "maxItems")
    if least is not None and len(value) < least:
        return f"should have at least {_amount(least, 'item')}, has {len(value)}"
    if most is not None and len(value) > most:
        return f"should have at most {_amount(most, 'item')}, has {len(value)}"
    first = schema.get("prefixItems")
    first = first if isinstance(first, list) else []
    items = schema.get("items", True)
    for index, item in enumerate(value):
        problem = find_problem(first[index] if index < len(first) else items, item, root, depth + 1)
        if problem:
            return f"has an item {index} that {problem}"
    if schema.get("uniqueItems") is True:
        known = [item for item in value if item is not UNKNOWN]
        for index, item in enumerate(known):
            if any(equal(item, other) for other in known[:index]):
                return f"should have no item twice, has {_shown(item)}"
    return ""


def _object_problem(schema: Mapping[str, Any], value: Mapping[Any, Any], root: Any, depth: int) -> str:
    if any(not isinstance(name, str) for name in value):
        return ""
    required = schema.get("required")
    if isinstance(required, list):
        lacking = [name for name in required if isinstance(name, str) and name not in value]
        if lacking:
            return f"lacks {_listed((f'`{name}`' for name in lacking), 'and')}"
    for word, sign in (("minProperties", 1), ("maxProperties", -1)):
        bound = _count(schema, word)
        if bound is not None and sign * len(value) < sign * bound:
            return f"should have at {'least' if sign > 0 else 'most'} {_amount(bound, 'field')}, has {len(value)}"
    if not any(word in schema for word in ("properties", "patternProperties", "additionalProperties", "propertyNames")):
        return ""
    for name, item in value.items():
        parts, _ = own_parts(schema, name)
        if "propertyNames" in schema and find_problem(schema["propertyNames"], name, root, depth + 1):
            parts.append(False)
        said = all_of(parts)
        if said is False:
            return f"should not have `{name}`"
        problem = find_problem(said, item, root, depth + 1)
        if problem:
            return f"has `{name}`, which {problem}"
    return ""


_BOUNDS: tuple[tuple[str, Callable[[float, float], bool], str], ...] = (
    ("minimum", lambda value, bound: value < bound, "at least"),
    ("maximum", lambda value, bound: value > bound, "at most"),
    ("exclusiveMinimum", lambda value, bound: value <= bound, "more than"),
    ("exclusiveMaximum", lambda value, bound: value >= bound, "less than"),
)
_ARTICLES = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "a boolean",
    "array": "a list",
    "object": "an object",
    "null": "null",
}


def _count(schema: Mapping[str, Any], word: str) -> int | None:
    value = schema.get(word)
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _amount(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _one_of(values: list[Any]) -> str:
    shown = [_shown(value) for value in values[:12]]
    return _listed([*shown, f"{len(values) - 12} more"] if len(values) > 12 else shown)


def _listed(words: Iterable[str], last: str = "or") -> str:
    *first, end = list(words) or ["nothing"]
    return f"{', '.join(first)} {last} {end}" if first else end


def _shown(value: Any) -> str:
    """A value as JSON, cut where it is long; a word for what JSON has not."""
    import json

    if isinstance(value, (bytes, set, frozenset, complex)) or not _plain(value, 0):
        return f"a Python {type(value).__name__}"
    text = json.dumps(value, ensure_ascii=False, default=lambda _: "…")
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"


def _plain(value: Any, depth: int) -> bool:
    if depth > MAX_DEPTH:
        return False
    if isinstance(value, (list, tuple)):
        return all(_plain(item, depth + 1) for item in value)
    if isinstance(value, Mapping):
        return all(isinstance(name, str) and _plain(item, depth + 1) for name, item in value.items())
    return value is UNKNOWN or value is None or isinstance(value, (bool, int, float, str))
