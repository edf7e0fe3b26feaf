"""What one JSON Schema says, in the terms in which two of them are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any

from obs_lint.registry import regexes
from obs_lint.registry.schema_words import anchor_path, at_pointer, pointer, tokens

TYPES = frozenset({"null", "boolean", "object", "array", "string", "number", "integer"})
"""`number` stands for those that are no integers."""
NOTES = frozenset(
    "$schema $id $anchor $dynamicAnchor $comment $defs definitions $vocabulary title description examples example "
    "default deprecated readOnly writeOnly".split()
)
"""Keywords that make nothing valid or invalid."""
WEIGHED = frozenset(
    "type enum const minimum exclusiveMinimum maximum exclusiveMaximum multipleOf minLength maxLength pattern format "
    "prefixItems items minItems maxItems uniqueItems required properties patternProperties additionalProperties "
    "unevaluatedProperties minProperties maxProperties".split()
)
"""Keywords that are compared by meaning; all others must stay the same."""
IN_PLACE = ("allOf", "anyOf", "oneOf", "if", "then", "else", "dependentSchemas", "$ref", "$dynamicRef", "dependencies")
_MOST_SHOWN = 6


class IncomparableError(Exception):
    """Two schemas that can't be told apart by looking."""


class Fields:
    """What one schema says of an object's fields."""

    def __init__(self, schema: Mapping[str, Any], root: Any) -> None:
        properties, patterns = schema.get("properties"), schema.get("patternProperties")
        self.properties: Mapping[str, Any] = properties if isinstance(properties, Mapping) else {}
        self.patterns: Mapping[str, Any] = patterns if isinstance(patterns, Mapping) else {}
        required = schema.get("required")
        self._required = {name for name in required if isinstance(name, str)} if isinstance(required, list) else set()
        self.word = next((word for word in ("additionalProperties", "unevaluatedProperties") if word in schema), "")
        """The keyword that speaks of fields that are not declared."""
        rest = target(schema.get(self.word, True), root)
        self.rest: Any = True if isinstance(rest, Mapping) and not asserting(rest) else rest
        """The schema of fields that are not declared; True where they may be anything, False where they are refused."""
        self._refuses_others = rest is False and self.word == "additionalProperties"
        self.is_mixed = any(word in schema for word in IN_PLACE)
        self._mentioned: set[str] = set()
        if self.is_mixed:
            _mentioned(schema, root, self._mentioned, set())
        self.names = dict.fromkeys([*self.properties, *sorted(self._required | self._mentioned)])

    def knows(self, name: str) -> bool:
        """True where something is said of a field of that name."""
        if name in self.properties or self._fits(name):
            return True
        if self._refuses_others:
            return name in self._required
        return name in self._required or name in self._mentioned or isinstance(self.rest, Mapping)

    def declares(self, name: str) -> bool:
        """True where the field is named as one of the object's, not just spoken of in a condition."""
        return name in self.properties or name in self._required

    def demands(self, name: str) -> bool:
        """True where the field must be there."""
        return name in self._required

    def schema(self, name: str) -> Any:
        """What is said of the field by name, or as one that is not declared."""
        if name in self.properties:
            return self.properties[name]
        if self._refuses_others and not self._fits(name):
            return False
        return self.rest if isinstance(self.rest, Mapping) and not self._fits(name) else True

    def _fits(self, name: str) -> bool:
        for pattern in self.patterns:
            compiled = regexes.compiled(pattern)
            if compiled is None or compiled.search(name):
                return True
        return False


def _mentioned(schema: Any, root: Any, found: set[str], seen: set[int]) -> None:
    """Collect the fields that schemas speak of which hold for the same object."""
    if not isinstance(schema, Mapping) or id(schema) in seen:
        return
    seen.add(id(schema))
    properties, required = schema.get("properties"), schema.get("required")
    if isinstance(properties, Mapping):
        found.update(properties)
    if isinstance(required, list):
        found.update(name for name in required if isinstance(name, str))
    parts: list[Any] = [schema.get(word) for word in ("if", "then", "else")]
    for word in ("allOf", "anyOf", "oneOf"):
        parts += schema[word] if isinstance(schema.get(word), list) else []
    for word in ("dependentSchemas", "dependencies"):
        parts += schema[word].values() if isinstance(schema.get(word), Mapping) else []
    for word in ("$ref", "$dynamicRef"):
        if isinstance(schema.get(word), str):
            parts.append(at_pointer(root, schema[word]))
    for part in parts:
        _mentioned(part, root, found, seen)


def asserting(schema: Mapping[str, Any]) -> set[str]:
    """The keywords of a schema that make something valid or invalid."""
    return {word for word in schema if word not in NOTES and not word.startswith("x-")}


def target(schema: Any, root: Any) -> Any:
    """Follow a schema that does nothing but refer to another one."""
    return target_at(schema, root, "")[0]


def target_at(schema: Any, root: Any, here: str) -> tuple[Any, str]:
    """Do what `target` does for a schema at the pointer `here`, and say where what it refers to stands."""
    for _ in range(50):
        if not isinstance(schema, Mapping):
            break
        words = asserting(schema)
        if words == {"$ref"} and isinstance(schema["$ref"], str):
            found = at_pointer(root, schema["$ref"])
            if found is None:
                break
            fragment = schema["$ref"][1:]
            path = tokens(fragment)
            here = pointer((anchor_path(root, fragment) or ()) if path is None else path)
            schema = found
        elif words == {"allOf"} and isinstance(schema["allOf"], list) and len(schema["allOf"]) == 1:
            schema, here = schema["allOf"][0], f"{here}/allOf/0"
        else:
            break
    return schema, here


def notes_of(schema: Any, root: Any) -> dict[str, Any]:
    """`x-obs` and `deprecated` of a schema; where it refers to another one, what it says itself goes first."""
    notes: dict[str, Any] = {}
    for _ in range(50):
        if not isinstance(schema, Mapping):
            break
        own = schema.get("x-obs")
        if schema.get("deprecated") is True:
            notes.setdefault("deprecated", True)
        if isinstance(own, Mapping):
            notes = {**own, **notes}
        following = target(schema, root) if "$ref" in schema or "allOf" in schema else schema
        if following is schema:
            break
        schema = _one_step(schema, root)
    return notes


def _one_step(schema: Mapping[str, Any], root: Any) -> Any:
    return at_pointer(root, schema["$ref"]) if "$ref" in schema else schema["allOf"][0]


def types_of(schema: Any, root: Any, top: bool = False) -> frozenset[str]:
    """The types that a schema allows; at the top of a payload nothing said means an object."""
    schema = target(schema, root)
    if schema is False:
        return frozenset()
    said = schema.get("type") if isinstance(schema, Mapping) else None
    listing = said if isinstance(said, list) else [said]
    names = {name for name in listing if isinstance(name, str)}
    known = names & TYPES
    if not known or len(known) != len(listing):
        values = listed(schema) if isinstance(schema, Mapping) and not names else None
        if values:
            return frozenset(_type_of(value) for value in values)
        return frozenset({"object"}) if top else TYPES
    return frozenset(known | {"integer"}) if "number" in known else frozenset(known)


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "integer" if value.is_integer() else "number"
    if isinstance(value, str):
        return "string"
    return "object" if isinstance(value, Mapping) else "array"


def type_names(types: frozenset[str]) -> str:
    """Write types as people say them: "`number` or `null`", "anything"."""
    if types == TYPES:
        return "anything"
    names = sorted(types - {"integer"} if "number" in types else types)
    return " or ".join(f"`{name}`" for name in names) or "nothing"


def alternatives(schema: Mapping[str, Any], root: Any) -> list[Any] | None:
    """The schemas of which one must hold; None where that is not all there is to it."""
    words = asserting(schema)
    for word in ("anyOf", "oneOf"):
        if word in words:
            options = schema[word]
            if words != {word} or not isinstance(options, list) or not options:
                return None
            if word == "oneOf":
                seen: set[str] = set()
                for option in options:
                    types = types_of(option, root)
                    if types & seen:
                        return None
                    seen |= types
            return [target(option, root) for option in options]
    return None if words & set(IN_PLACE) or words - WEIGHED else [schema]


def listed(schema: Mapping[str, Any]) -> list[Any] | None:
    """The values that a schema lists, None where it lists none."""
    if "const" in schema:
        return [schema["const"]]
    values = schema.get("enum")
    return values if isinstance(values, list) else None


def few_values(schema: Mapping[str, Any], root: Any, top: bool) -> list[Any] | None:
    """The values of a schema whose types have few."""
    types = types_of(schema, root, top)
    if not types <= {"boolean", "null"}:
        return None
    return [True, False] * ("boolean" in types) + [None] * ("null" in types)


def validity(schema: Mapping[str, Any], root: Any) -> Callable[[Any], bool]:
    """Return a test whether a value is valid. Raises IncomparableError, as does the test, where that can't be told."""
    words = asserting(schema)
    listing = listed(schema)
    if words <= {"type", "enum", "const"} and not {"enum", "const"} <= words:
        types = types_of(schema, root)
        values = None if listing is None else {json_text(value) for value in listing}
        return lambda value: _type_of(value) in types and (values is None or json_text(value) in values)
    if "pattern" in words and regexes.compiled(str(schema["pattern"])) is None:
        raise IncomparableError("its pattern can't be used")
    from jsonschema import Draft202012Validator
    from referencing import Registry

    def test(value: Any) -> bool:
        try:
            validator = Draft202012Validator(root, registry=Registry()).evolve(schema=schema)
            return bool(validator.is_valid(value))
        except Exception as error:  # noqa: BLE001 - whatever a broken schema makes the validator raise
            raise IncomparableError(f"{type(error).__name__} in the validator") from None

    return test


def number_of(schema: Mapping[str, Any], word: str) -> Fraction | None:
    """Return the number that a keyword has, exactly as it is written; None where it has none."""
    value = schema.get(word)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return Fraction(str(value)) if isinstance(value, float) else Fraction(value)
    except ValueError:
        return None


def bound(schema: Mapping[str, Any], side: str, integers: bool) -> tuple[Fraction, int] | None:
    """The narrower of `minimum` and `exclusiveMinimum` (or of the maxima), and 1 where the limit itself is out."""
    sign = 1 if side == "inimum" else -1
    found: list[tuple[Fraction, int]] = []
    for word, exclusive in ((f"m{side}", 0), (f"exclusiveM{side}", 1)):
        value = number_of(schema, word)
        if value is not None:
            found.append((sign * value, exclusive))
    if not found:
        return None
    value, exclusive = max(found)
    if integers:
        value = Fraction(value.numerator // value.denominator + 1) if exclusive else Fraction(-(-value // 1))
        exclusive = 0
    return sign * value, exclusive


def step(schema: Mapping[str, Any], integers: bool) -> Fraction | None:
    """`multipleOf`, None where it asks for nothing."""
    size = number_of(schema, "multipleOf")
    if size is None or size <= 0 or (integers and size.numerator == 1):
        return None
    return Fraction(size.numerator) if integers else size


def word_of(value: Any) -> str:
    """Return a text as it is, "" for anything else."""
    return value if isinstance(value, str) else ""


def number_text(number: Fraction | None) -> str:
    """Write a number as JSON would."""
    if number is None:
        return "none"
    return str(number.numerator) if number.denominator == 1 else str(float(number))


def _plain_number(value: Any) -> Any:
    """JSON has one kind of number: 1.0 is 1; true is none."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {str(key): _plain_number(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_number(item) for item in value]
    return value


def json_text(value: Any) -> str:
    """A text that two values share if they are equal as JSON."""
    from json import dumps

    return dumps(_plain_number(value), sort_keys=True, default=str)


def short(value: Any) -> str:
    """A value as JSON on one line, cut where it is long."""
    from json import dumps

    text = dumps(value, ensure_ascii=False, default=str)
    return f"`{text[:57]}…`" if len(text) > 60 else f"`{text}`"


def shown_values(values: Iterable[Any]) -> str:
    """Write some values after each other, not more than a line can hold."""
    shown = [short(value) for value in values]
    rest = len(shown) - _MOST_SHOWN
    return ", ".join(shown[:_MOST_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
