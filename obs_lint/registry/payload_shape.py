"""What a linter asks of a payload's schema: which fields there are, which must be there, and what a literal may be.

No schema validator is involved, and what can't be told is no problem: of alternatives (anyOf, oneOf, if) counts what
holds in every one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, overload

from obs_lint.registry.schema_parts import (
    MAX_DEPTH,
    UNKNOWN,
    all_of,
    any_of,
    choices,
    own_parts,
    search,
    together,
    types_of,
    values_of,
)
from obs_lint.registry.value_problems import find_problem

__all__ = ["UNKNOWN", "FieldShape", "Shape", "is_closed", "may_be_object", "problem_of", "shape"]


@dataclass(frozen=True, slots=True)
class FieldShape:
    """One field of a payload."""

    name: str
    schema: Any
    """Its JSON Schema; where several parts speak of the field, an `allOf` or `anyOf` of what they say."""
    types: tuple[str, ...] = ()
    """JSON types that it may have, () for any."""
    enum: tuple[Any, ...] | None = None
    """The values that it may have (of `enum`, or the one of `const`), None for any."""
    privacy: str = ""
    """Classification (`x-obs: {privacy: …}`), "" where nothing is said."""
    deprecated: bool = False
    replaced_by: str = ""
    """The field that stands for a deprecated one (`x-obs: {deprecated: {replaced-by: …}}`)."""
    semconv: str = ""
    """OpenTelemetry attribute that it is (`x-obs: {semconv: …}`)."""
    unit: str = ""
    root: Any = field(default=True, repr=False)
    """The payload's whole schema, in which `$ref`s of `schema` are resolved."""

    def problem_of(self, value: object) -> str:
        """Say what is wrong with a value: `should be an integer, is "2"`; "" where nothing is, or it can't be told.

        `value` consists of None, bool, int, float, str, lists, tuples and dicts; `UNKNOWN` where a part is not known.
        """
        return find_problem(self.schema, value, self.root, 0)

    @property
    def inner(self) -> Shape | None:
        """The fields of an object, None for what is none."""
        if "object" not in self.types and not (isinstance(self.schema, Mapping) and "properties" in self.schema):
            return None
        return _shape(self.schema, self.root)


@dataclass(frozen=True, slots=True)
class Shape:
    """The fields of an object."""

    required: tuple[str, ...] = ()
    """Names of those that must be there, sorted."""
    fields: Mapping[str, FieldShape] = field(default_factory=dict)
    """Name → what is declared of it, in the order of declaration."""
    closed: bool = False
    """True where any other field is refused, whatever its name; `refuses` also knows patterns."""
    schema: Any = field(default=True, repr=False)
    root: Any = field(default=True, repr=False)

    def refuses(self, name: str) -> bool:
        """True where a field of that name may not be there: it is not declared, fits no pattern, and others are not
        allowed; or the schema forbids it.
        """
        if name in self.fields:
            return self.fields[name].schema is False
        if self.closed:
            return True
        return _refuses(self.schema, name, self.root, 0)

    def field(self, name: str) -> FieldShape | None:
        """Return what is known of a field: declared by name, by a pattern, or as `additionalProperties`; else None."""
        known = self.fields.get(name)
        if known is not None:
            return known
        said = _said_of(self.schema, name, self.root, 0)
        return None if said is True else _field(name, said, self.root)


@overload
def shape(schema: None) -> None: ...


@overload
def shape(schema: Mapping[str, Any]) -> Shape: ...


def shape(schema: Mapping[str, Any] | None) -> Shape | None:
    """Return what a payload's schema says of fields; None where there is no schema.

    `schema` refers to nothing outside itself, as `Event.payload` does.
    """
    return None if schema is None else _shape(schema, schema)


def may_be_object(schema: Any, root: Any) -> bool:
    """True where a value that fits may be an object."""
    types = types_of(schema, root, 0)
    if types:
        return "object" in types
    values = values_of(schema, root, 0)
    return schema is not False and (values is None or any(isinstance(value, Mapping) for value in values))


def is_closed(schema: Any, root: Any) -> bool:
    """True where every name that an object may have is declared, by itself or by a pattern."""
    return _closed(schema, root, 0, patterns=True)


def problem_of(keyword: str, bound: object, value: object) -> str:
    """Say in which way a value breaks one keyword of a schema: `should be at least 1, is 0`; "" for other keywords."""
    return find_problem({keyword: bound}, value, True, 0)


def _shape(schema: Any, root: Any) -> Shape:
    names: dict[str, None] = {}
    _names(schema, root, names, 0)
    fields = {name: _field(name, _said_of(schema, name, root, 0), root) for name in names}
    required = _required(schema, root, 0)
    return Shape(tuple(sorted(required)), fields, _closed(schema, root, 0), schema, root)


def _field(name: str, schema: Any, root: Any) -> FieldShape:
    notes = _notes(schema, root, 0)
    values = values_of(schema, root, 0)
    return FieldShape(
        name,
        schema,
        types_of(schema, root, 0),
        None if values is None else tuple(values),
        notes.privacy,
        notes.deprecated,
        notes.replaced_by,
        notes.semconv,
        notes.unit,
        root,
    )


def _required(schema: Any, root: Any, depth: int) -> set[str]:
    if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
        return set()
    said = schema.get("required")
    found = {name for name in said if isinstance(name, str)} if isinstance(said, list) else set()
    for part in together(schema, root):
        found |= _required(part, root, depth + 1)
    for group in choices(schema):
        parts = [_required(part, root, depth + 1) for part in group if part is not False]
        if parts:
            found |= set.intersection(*parts)
    return found


def _names(schema: Any, root: Any, found: dict[str, None], depth: int) -> None:
    """Collect the names of all fields that are spoken of."""
    if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
        return
    properties = schema.get("properties")
    if isinstance(properties, Mapping):
        found.update(dict.fromkeys(name for name in properties if isinstance(name, str)))
    for part in together(schema, root):
        _names(part, root, found, depth + 1)
    for group in choices(schema):
        for part in group:
            _names(part, root, found, depth + 1)
    said = schema.get("required")
    if isinstance(said, list):
        found.update(dict.fromkeys(name for name in said if isinstance(name, str)))


def _said_of(schema: Any, name: str, root: Any, depth: int) -> Any:
    """The schema that the field `name` of an object must meet; False: it must not be there, True: anything."""
    if schema is False:
        return False
    if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
        return True
    parts, covered = own_parts(schema, name)
    if "propertyNames" in schema and find_problem(schema["propertyNames"], name, root, 0):
        parts.append(False)
    parts += [_said_of(part, name, root, depth + 1) for part in together(schema, root)]
    for group in choices(schema):
        parts.append(any_of([_said_of(part, name, root, depth + 1) for part in group]))
    if not covered and "additionalProperties" not in schema and "unevaluatedProperties" in schema:
        if not _evaluates(schema, name, root, 0):
            parts.append(schema["unevaluatedProperties"])
    return all_of(parts)


def _evaluates(schema: Any, name: str, root: Any, depth: int) -> bool:
    """True where a subschema may speak of the field, so that `unevaluatedProperties` beside it does not."""
    if not isinstance(schema, Mapping):
        return False
    if depth > MAX_DEPTH:
        return True
    properties = schema.get("properties")
    if isinstance(properties, Mapping) and name in properties:
        return True
    patterns = schema.get("patternProperties")
    if isinstance(patterns, Mapping) and any(search(pattern, name) is not False for pattern in patterns):
        return True
    if depth and any(
        schema.get(word, False) is not False for word in ("additionalProperties", "unevaluatedProperties")
    ):
        return True
    parts = [*together(schema, root), *(part for group in choices(schema) for part in group)]
    return any(_evaluates(part, name, root, depth + 1) for part in parts)


def _closed(schema: Any, root: Any, depth: int, *, patterns: bool = False) -> bool:
    """True where a name that nobody speaks of is refused; with `patterns`, those that a pattern fits apart."""
    if schema is False:
        return True
    if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
        return False
    if schema.get("additionalProperties", True) is False and (patterns or not schema.get("patternProperties")):
        return True
    if schema.get("unevaluatedProperties", True) is False and not _opens(schema, root, 0, patterns=patterns):
        return True
    if any(_closed(part, root, depth + 1, patterns=patterns) for part in together(schema, root)):
        return True
    return any(
        all(_closed(part, root, depth + 1, patterns=patterns) or not may_be_object(part, root) for part in group)
        for group in choices(schema)
    )


def _opens(schema: Any, root: Any, depth: int, *, patterns: bool) -> bool:
    """True where a subschema may evaluate names beyond those that it lists."""
    if not isinstance(schema, Mapping):
        return False
    if depth > MAX_DEPTH or (schema.get("patternProperties") and not patterns):
        return True
    if schema.get("additionalProperties", False) is not False or (
        depth and schema.get("unevaluatedProperties", False) is not False
    ):
        return True
    parts = [*together(schema, root), *(part for group in choices(schema) for part in group)]
    return any(_opens(part, root, depth + 1, patterns=patterns) for part in parts)


def _refuses(schema: Any, name: str, root: Any, depth: int) -> bool:
    return _said_of(schema, name, root, depth) is False


class _Notes(NamedTuple):
    privacy: str = ""
    deprecated: bool = False
    replaced_by: str = ""
    semconv: str = ""
    unit: str = ""


def _notes(schema: Any, root: Any, depth: int) -> _Notes:
    """What is noted of a field: by its schema, then by those that hold beside it, then by its alternatives."""
    if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
        return _Notes()
    extra = schema.get("x-obs")
    extra = extra if isinstance(extra, Mapping) else {}
    said = extra.get("deprecated")
    replaced = said.get("replaced-by") if isinstance(said, Mapping) else None
    found = _Notes(
        _text(extra.get("privacy")),
        schema.get("deprecated") is True or bool(said),
        _text(replaced),
        _text(extra.get("semconv")),
        _text(extra.get("unit")),
    )
    for part in together(schema, root):
        found = _merged(found, _notes(part, root, depth + 1))
    for group in choices(schema):
        notes = [_notes(part, root, depth + 1) for part in group if part is not True and part is not False]
        every = bool(notes) and len(notes) == len(group) and all(note.deprecated for note in notes)
        for note in notes:
            found = _merged(found, note if every else note._replace(deprecated=False, replaced_by=""))
    return found


def _merged(first: _Notes, second: _Notes) -> _Notes:
    return _Notes(
        first.privacy or second.privacy,
        first.deprecated or second.deprecated,
        first.replaced_by or second.replaced_by,
        first.semconv or second.semconv,
        first.unit or second.unit,
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
