# ruff: noqa: E501 - a row of a table is one line
from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from obs_lint.registry.diff import Change, compare
from obs_lint.registry.model import (
    ChainLink,
    CorrelationField,
    Deprecation,
    Event,
    Lifecycle,
    Naming,
    Place,
    Registry,
)
from obs_lint.registry.schema_diff import differences

INDEX = Place("contracts/obs-registry.yaml")


class Row(NamedTuple):
    """What a change of one schema is said to be."""

    title: str
    before: Any
    after: Any
    found: str
    """`kind direction` of each difference, `-` for nobody, comma-separated; "" for none."""
    words: str = ""
    """What the first reason says."""


def obj(properties: Mapping[str, Any], *required: str, closed: bool | None = None) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": dict(properties)}
    if required:
        schema["required"] = list(required)
    if closed is not None:
        schema["additionalProperties"] = not closed
    return schema


STR, INT, NUM, NULL = {"type": "string"}, {"type": "integer"}, {"type": "number"}, {"type": "null"}

OBJECTS = (
    Row("nothing changed", obj({"a": STR}, "a"), obj({"a": STR}, "a"), ""),
    Row("key order", {"type": "object", "properties": {"a": STR}}, {"properties": {"a": STR}, "type": "object"}, ""),
    Row("words only", obj({"a": {**STR, "title": "A"}}), obj({"a": {**STR, "description": "B"}}), ""),
    Row("type of the payload is said", {"properties": {"a": STR}}, obj({"a": STR}), ""),
    Row("field added optional", obj({"a": STR}), obj({"a": STR, "b": INT}), "field-added -", "`b` is new and optional"),
    Row("… in a closed object", obj({}, closed=True), obj({"b": INT}, closed=True), "field-added -", "skip it"),
    Row(
        "field added required", obj({"a": STR}), obj({"a": STR, "b": INT}, "b"), "field-added-required both", "lacks it"
    ),
    Row("removed optional", obj({"a": STR, "b": INT}), obj({"a": STR}), "field-removed consumers", "no longer find it"),
    Row("removed required", obj({"b": INT}, "b"), obj({}), "field-removed consumers", "`b` is gone"),
    Row("removed, closed", obj({"b": INT}, closed=True), obj({}, closed=True), "field-removed both", "are refused"),
    Row("optional to required", obj({"a": STR}), obj({"a": STR}, "a"), "field-required both", "`a` is required now"),
    Row("required to optional", obj({"a": STR}, "a"), obj({"a": STR}), "field-optional consumers", "may not find it"),
    Row("required without being declared", obj({}, "a"), obj({"a": STR}, "a"), "type-narrowed both"),
    Row("closed", obj({"a": STR}), obj({"a": STR}, closed=True), "closed both", "other fields than the declared"),
    Row("opened", obj({"a": STR}, closed=True), obj({"a": STR}), "opened -", "stays valid"),
    Row("open is said", obj({"a": STR}), obj({"a": STR}, closed=False), ""),
    Row("open is said as {}", obj({}), {**obj({}), "additionalProperties": {}}, ""),
    Row("closed by the other keyword", obj({}, closed=True), {**obj({}), "unevaluatedProperties": False}, ""),
    Row("map narrowed", {"additionalProperties": NUM}, {"additionalProperties": INT}, "type-narrowed both", "`*`"),
    Row("map widened", {"additionalProperties": INT}, {"additionalProperties": NUM}, "type-widened consumers"),
    Row("map from anything", {}, {"additionalProperties": INT}, "closed both", "must now be"),
    Row("map to anything", {"additionalProperties": INT}, {}, "opened consumers", "can be anything now"),
    Row("map closed", {"additionalProperties": INT}, obj({}, closed=True), "closed both"),
    Row("map for closed", obj({}, closed=True), {"additionalProperties": INT}, "opened -"),
    Row(
        "field of a map gets its own schema",
        {"additionalProperties": STR},
        {"additionalProperties": STR, "properties": {"a": INT}},
        "type-changed both",
        "`a` is `integer` where it was `string`",
    ),
    Row("nested added", obj({"o": obj({})}), obj({"o": obj({"x": INT})}), "field-added -", "`o.x` is new"),
    Row("nested removed", obj({"o": obj({"x": INT})}), obj({"o": obj({})}), "field-removed consumers", "`o.x` is gone"),
    Row("nested required", obj({"o": obj({"x": INT})}), obj({"o": obj({"x": INT}, "x")}), "field-required both"),
    Row("nested closed", obj({"o": obj({})}), obj({"o": obj({}, closed=True)}), "closed both", "`o` is closed now"),
    Row("fewest fields", {"minProperties": 1}, {"minProperties": 2}, "limit-tightened both", "`minProperties`"),
    Row("most fields", {"maxProperties": 1}, {"maxProperties": 2}, "limit-loosened consumers", "`maxProperties`"),
    Row(
        "pattern properties stay",
        {"patternProperties": {"^x": INT}},
        {"patternProperties": {"^x": INT}, "properties": {"a": STR}},
        "field-added -",
    ),
    Row(
        "a field that fits a pattern is no new one",
        {"patternProperties": {"^x": INT}},
        {"patternProperties": {"^x": INT}, "properties": {"xa": STR}},
        "type-narrowed both",
    ),
    Row("pattern properties", {}, {"patternProperties": {"^x": INT}}, "schema-changed both", "can't be weighed"),
    Row(
        "schema of pattern properties",
        {"patternProperties": {"^x": INT}},
        {"patternProperties": {"^x": NUM}},
        "type-widened consumers",
    ),
    Row("if", {}, {"if": {"required": ["a"]}, "then": {"required": ["b"]}}, "schema-changed both, schema-changed both"),
    Row(
        "allOf changed",
        {"allOf": [obj({"a": STR}), obj({"b": STR})]},
        {"allOf": [obj({"a": STR}), obj({"b": INT})]},
        "schema-changed both",
        "`allOf` changed",
    ),
    Row("allOf is gone", {"allOf": [{}, {"minProperties": 1}]}, {}, "schema-changed both", "`allOf` is gone"),
    Row(
        "a field is moved out of allOf",
        {"allOf": [obj({"a": STR}), {}]},
        {"allOf": [obj({"a": STR}), {}], "properties": {"a": {"type": "string", "maxLength": 3}}},
        "type-narrowed both, limit-tightened both",
    ),
    Row("dependentRequired", {}, {"dependentRequired": {"a": ["b"]}}, "schema-changed both"),
    Row("unknown keyword", {}, {"discriminator": {"propertyName": "kind"}}, "schema-changed both", "`discriminator`"),
    Row(
        "reference for text",
        {"$defs": {"n": INT}, "properties": {"a": {"$ref": "#/$defs/n"}}},
        {"properties": {"a": INT}},
        "",
    ),
    Row(
        "what a reference means changed",
        {"$defs": {"n": INT}, "properties": {"a": {"$ref": "#/$defs/n"}}},
        {"$defs": {"n": STR}, "properties": {"a": {"$ref": "#/$defs/n"}}},
        "type-changed both",
        "`a` is `string` where it was `integer`",
    ),
    Row(
        "a definition that nothing refers to",
        {"$defs": {"n": INT}, "properties": {"a": INT}},
        {"$defs": {"n": STR}, "properties": {"a": INT}},
        "",
    ),
    Row(
        "recursion",
        {"$defs": {"t": obj({"v": INT, "t": {"$ref": "#/$defs/t"}})}, "properties": {"t": {"$ref": "#/$defs/t"}}},
        {"$defs": {"t": obj({"v": NUM, "t": {"$ref": "#/$defs/t"}})}, "properties": {"t": {"$ref": "#/$defs/t"}}},
        "type-widened consumers",
        "`t.v` can be `number`",
    ),
    Row(
        "recursion of the whole",
        {"type": "object", "properties": {"child": {"$ref": "#"}, "n": INT}},
        {"type": "object", "properties": {"child": {"$ref": "#"}, "n": INT, "m": INT}},
        "field-added -",
    ),
    Row(
        "a reference among other keywords",
        {"$defs": {"n": obj({"a": STR})}, "$ref": "#/$defs/n", "required": ["a"]},
        {"$defs": {"n": obj({"a": INT})}, "$ref": "#/$defs/n", "required": ["a"]},
        "schema-changed both",
    ),
    Row("a reference to nothing", {"$ref": "#/$defs/no"}, {"$ref": "#/$defs/no", "title": "x"}, ""),
    Row("allOf of one is that one", obj({"a": {"allOf": [INT]}}), obj({"a": INT}), ""),
    Row("required though refused", {**obj({}, "k", closed=True)}, obj({}), "field-removed consumers, opened -"),
    Row("no type at all", obj({"a": {"type": [{}, "null"]}}), obj({"a": NULL}), "type-narrowed both"),
    Row("no schema at all", obj({"a": 5}), obj({"a": 6}), "schema-changed both", "no schema"),
    Row("forbidden", obj({"a": STR}), obj({"a": False}), "forbidden both", "can have no value"),
    Row("no longer forbidden", obj({"a": False}), obj({"a": STR}), "allowed consumers"),
)

VALUES = (
    Row("type narrowed", NUM, INT, "type-narrowed both", "`v` can be `integer` only"),
    Row("type widened", INT, NUM, "type-widened consumers", "where it was `integer`"),
    Row("type changed", STR, INT, "type-changed both", "`v` is `integer` where it was `string`"),
    Row("nullable", STR, {"type": ["string", "null"]}, "type-widened consumers", "`null` or `string`"),
    Row("no longer nullable", {"type": ["string", "null"]}, STR, "type-narrowed both"),
    Row("types in another order", {"type": ["null", "string"]}, {"type": ["string", "null"]}, ""),
    Row("number covers integer", {"type": ["number", "integer"]}, NUM, ""),
    Row("type is said", {}, STR, "type-narrowed both", "where it was anything"),
    Row("type is not said", STR, {}, "type-widened consumers", "can be anything"),
    Row("swapped in part", {"type": ["string", "null"]}, {"type": ["string", "integer"]}, "type-narrowed both, type-widened consumers"),
    Row("nullable by anyOf", STR, {"anyOf": [STR, NULL]}, "type-widened consumers"),
    Row("anyOf is a list of types", {"anyOf": [STR, NULL]}, {"type": ["string", "null"]}, ""),
    Row("alternative removed", {"anyOf": [STR, INT, NULL]}, {"anyOf": [STR, INT]}, "type-narrowed both"),
    Row("alternative changed", {"anyOf": [STR, INT]}, {"anyOf": [{**STR, "maxLength": 3}, INT]}, "limit-tightened both"),
    Row("alternatives in another order", {"anyOf": [STR, INT]}, {"anyOf": [INT, STR]}, ""),
    Row("oneOf of different types", {"oneOf": [STR, NULL]}, {"oneOf": [STR, INT, NULL]}, "type-widened consumers"),
    Row(
        "alternatives of one type",
        {"anyOf": [{"const": "a"}, {"type": "string", "maxLength": 2}]},
        {"anyOf": [{"const": "a"}, {"type": "string", "maxLength": 4}]},
        "alternative-added consumers",
    ),
    Row(
        "two objects, one more",
        {"anyOf": [obj({"a": STR}, "a"), obj({"b": STR}, "b")]},
        {"anyOf": [obj({"a": STR}, "a"), obj({"b": STR}, "b"), obj({"c": STR}, "c")]},
        "alternative-added consumers",
    ),
    Row(
        "two objects, one fewer",
        {"anyOf": [obj({"a": STR}, "a"), obj({"b": STR}, "b")]},
        {"anyOf": [obj({"a": STR}, "a")]},
        "alternative-removed both",
        "lost an alternative",
    ),
    Row("overlapping oneOf", {"oneOf": [INT, NUM]}, {"oneOf": [INT, STR]}, "schema-changed both"),
    Row("not", {"not": INT}, {"not": NUM}, "schema-changed both"),
    Row("enum value added", {"enum": ["a"]}, {"enum": ["a", "b"]}, "enum-value-added consumers", '`v` can now be `"b"`'),
    Row("enum value removed", {"enum": ["a", "b"]}, {"enum": ["a"]}, "enum-value-removed both", "no longer be"),
    Row("enum in another order", {"enum": ["a", "b"]}, {"enum": ["b", "a"]}, ""),
    Row("enum swapped", {"enum": ["a"]}, {"enum": ["b"]}, "enum-value-removed both, enum-value-added consumers"),
    Row("enum added", STR, {**STR, "enum": ["a"]}, "enum-added both", "must now be one of"),
    Row("enum removed", {**STR, "enum": ["a"]}, STR, "enum-removed consumers", "no longer limited to"),
    Row("enum for its type", {"enum": [1, 2]}, {"type": "integer", "minimum": 2}, "enum-value-removed both, enum-removed consumers"),
    Row("enum says its type", {"enum": ["a"]}, {**STR, "enum": ["a"]}, ""),
    Row("a value that was never valid", {**STR, "enum": ["a", 1]}, {**STR, "enum": ["a"]}, ""),
    Row("boolean is two values", {"type": "boolean"}, {"enum": [False, True]}, ""),
    Row("const is one value", {"const": "a"}, {"enum": ["a"]}, ""),
    Row("const changed", {"const": "a"}, {"const": "b"}, "enum-value-removed both, enum-value-added consumers"),
    Row("const added", STR, {"const": "a"}, "enum-added both"),
    Row("true is not 1", {"const": 1}, {"const": True}, "enum-value-removed both, enum-value-added consumers"),
    Row("1.0 is 1", {"const": 1}, {"const": 1.0}, ""),
    Row("minimum raised", {**NUM, "minimum": 0}, {**NUM, "minimum": 1}, "limit-tightened both", "is 1 where it was 0"),
    Row("minimum lowered", {**NUM, "minimum": 1}, {**NUM, "minimum": 0}, "limit-loosened consumers"),
    Row("minimum added", NUM, {**NUM, "minimum": 0}, "limit-tightened both", "has a `minimum` now, 0"),
    Row("minimum removed", {**NUM, "minimum": 0}, NUM, "limit-loosened consumers", "no `minimum` any more"),
    Row("maximum raised", {**NUM, "maximum": 1}, {**NUM, "maximum": 2}, "limit-loosened consumers"),
    Row("maximum lowered", {**NUM, "maximum": 2}, {**NUM, "maximum": 1}, "limit-tightened both"),
    Row("limit itself is out", {**NUM, "minimum": 0}, {**NUM, "exclusiveMinimum": 0}, "limit-tightened both", "itself"),
    Row("limit itself is in", {**NUM, "exclusiveMaximum": 9}, {**NUM, "maximum": 9}, "limit-loosened consumers"),
    Row("the same for integers", {**INT, "exclusiveMinimum": 0}, {**INT, "minimum": 1}, ""),
    Row("the same for integers above", {**INT, "maximum": 4.5}, {**INT, "exclusiveMaximum": 5}, ""),
    Row("limits of what is no number", STR, {**STR, "minimum": 3}, ""),
    Row("multipleOf finer", {**NUM, "multipleOf": 0.1}, {**NUM, "multipleOf": 0.01}, "limit-loosened consumers"),
    Row("multipleOf coarser", {**INT, "multipleOf": 5}, {**INT, "multipleOf": 10}, "limit-tightened both"),
    Row("multipleOf other", {**INT, "multipleOf": 4}, {**INT, "multipleOf": 6}, "limit-changed both"),
    Row("multipleOf 1 of integers", INT, {**INT, "multipleOf": 1}, ""),
    Row("shorter", {**STR, "maxLength": 200}, {**STR, "maxLength": 100}, "limit-tightened both", "`maxLength` of `v`"),
    Row("longer", {**STR, "maxLength": 100}, {**STR, "maxLength": 200}, "limit-loosened consumers"),
    Row("least length 0 is none", STR, {**STR, "minLength": 0}, ""),
    Row("least length", STR, {**STR, "minLength": 1}, "limit-tightened both"),
    Row("pattern added", STR, {**STR, "pattern": "^a"}, "pattern-added both", "must now have the pattern"),
    Row("pattern removed", {**STR, "pattern": "^a"}, STR, "pattern-removed consumers"),
    Row("pattern changed", {**STR, "pattern": "^a"}, {**STR, "pattern": "^b"}, "pattern-changed both", "can't be weighed"),
    Row("format added", STR, {**STR, "format": "uuid"}, "format-added both"),
    Row("format removed", {**STR, "format": "uuid"}, STR, "format-removed consumers"),
    Row("format changed", {**STR, "format": "date"}, {**STR, "format": "time"}, "format-changed both"),
    Row("format widened", {**STR, "format": "uri"}, {**STR, "format": "uri-reference"}, "format-changed consumers"),
    Row("items narrowed", {"type": "array", "items": NUM}, {"type": "array", "items": INT}, "type-narrowed both", "`v[]`"),
    Row("items widened", {"type": "array", "items": INT}, {"type": "array", "items": NUM}, "type-widened consumers"),
    Row("items are said", {"type": "array"}, {"type": "array", "items": STR}, "type-narrowed both"),
    Row(
        "field of items",
        {"type": "array", "items": obj({"k": INT})},
        {"type": "array", "items": obj({"k": INT, "l": INT}, "l")},
        "field-added-required both",
        "`v[].l`",
    ),
    Row("fewest items", {"type": "array"}, {"type": "array", "minItems": 1}, "limit-tightened both"),
    Row("most items", {"type": "array", "maxItems": 5}, {"type": "array", "maxItems": 9}, "limit-loosened consumers"),
    Row("unique", {"type": "array"}, {"type": "array", "uniqueItems": True}, "limit-tightened both"),
    Row("not unique", {"type": "array", "uniqueItems": True}, {"type": "array"}, "limit-loosened consumers"),
    Row(
        "first item",
        {"type": "array", "prefixItems": [STR]},
        {"type": "array", "prefixItems": [STR, INT]},
        "type-narrowed both",
        "`v[1]`",
    ),
    Row("contains", {"type": "array"}, {"type": "array", "contains": INT}, "schema-changed both"),
    Row("unit changed", {**NUM, "x-obs": {"unit": "ms"}}, {**NUM, "x-obs": {"unit": "s"}}, "unit-changed both", "convert"),
    Row("unit said", NUM, {**NUM, "x-obs": {"unit": "s"}}, "unit-changed -"),
    Row("privacy stricter", STR, {**STR, "x-obs": {"privacy": "personal"}}, "classification-changed both", "leave it out"),
    Row("privacy to a hash", STR, {**STR, "x-obs": {"privacy": "pseudonymous"}}, "classification-changed both", "hash it"),
    Row("privacy said", STR, {**STR, "x-obs": {"privacy": "none"}}, "classification-changed -", "both mean allow"),
    Row("plain for a hash", {**STR, "x-obs": {"privacy": "pseudonymous"}}, STR, "classification-changed consumers"),
    Row("may be sent now", {**STR, "x-obs": {"privacy": "secret"}}, STR, "classification-changed -"),
    Row("privacy unknown", STR, {**STR, "x-obs": {"privacy": "odd"}}, "classification-changed both", "does not say"),
    Row("field deprecated", STR, {**STR, "deprecated": True}, "field-deprecated -"),
    Row(
        "field deprecated for another",
        STR,
        {**STR, "x-obs": {"deprecated": {"replaced-by": "w"}}},
        "field-deprecated -",
        "`w` stands for it",
    ),
    Row(
        "privacy inside alternatives",
        {"anyOf": [STR, NULL]},
        {"anyOf": [{**STR, "x-obs": {"privacy": "secret"}}, NULL]},
        "classification-changed both",
    ),
    Row(
        "privacy inside what can't be weighed",
        {"allOf": [STR, {"minLength": 1}]},
        {"allOf": [{**STR, "x-obs": {"privacy": "secret"}}, {"minLength": 1}]},
        "classification-changed both",
    ),
)  # fmt: skip

RULES = {"none": "allow", "pseudonymous": "hash", "personal": "forbid", "secret": "forbid"}


def told(before: Any, after: Any) -> tuple[str, str]:
    found = differences(before, after, classified_before=RULES, classified_after=RULES)
    return ", ".join(f"{one.kind} {one.direction or '-'}" for one in found), found[0].reason if found else ""


@pytest.mark.parametrize("row", OBJECTS, ids=lambda row: row.title)
def test_a_change_of_a_payload(row: Row) -> None:
    kinds, reason = told(row.before, row.after)
    assert kinds == row.found, reason
    assert row.words in reason


@pytest.mark.parametrize("row", VALUES, ids=lambda row: row.title)
def test_a_change_of_a_field(row: Row) -> None:
    kinds, reason = told(obj({"v": row.before}), obj({"v": row.after}))
    assert kinds == row.found, reason
    assert row.words in reason


@pytest.mark.parametrize("row", (*OBJECTS, *VALUES), ids=lambda row: row.title)
def test_nothing_differs_from_itself(row: Row) -> None:
    assert told(row.before, row.before) == ("", "")
    assert told(obj({"v": row.after}), obj({"v": row.after, "w": STR}))[0] == "field-added -"


def test_a_reason_is_one_line_and_a_pointer_leads_to_it() -> None:
    for row in (*OBJECTS, *VALUES):
        for one in differences(row.before, row.after):
            assert "\n" not in one.reason and one.reason.strip() == one.reason and not one.reason.endswith(".")
            assert re.fullmatch(r"(/[^/]*)*", one.pointer)


def test_shared_references_can_not_explode() -> None:
    def bomb(leaf: Any) -> dict[str, Any]:
        definitions = {
            f"d{n}": obj({"a": {"$ref": f"#/$defs/d{n + 1}"}, "b": {"$ref": f"#/$defs/d{n + 1}"}}) for n in range(40)
        }
        return {"$defs": {**definitions, "d40": leaf}, "properties": {"x": {"$ref": "#/$defs/d0"}}}

    assert told(bomb(INT), {**bomb(INT), "title": "x"}) == ("", "")
    kinds, _ = told(bomb(INT), bomb(STR))
    assert "type-changed both" in kinds


# -- soundness: what is called compatible is compatible

POOL: tuple[Any, ...] = (
    None, True, False, 0, 1, 2, 3, 4, 6, 10, -1, 0.5, 1.5, 2.0, "", "a", "b", "ab", "abc", "abcd", "xa",
    [], [1], [1, 1], [1, 2], ["a"], ["a", 1], [1.5], [None], [[1]],
    {}, {"k": 1}, {"k": "a"}, {"k": 1.5}, {"m": 1}, {"k": 1, "m": "a"}, {"k": "ab", "m": 2}, {"k": {"k": 1}},
)  # fmt: skip

scalars = st.sampled_from([
    {}, STR, INT, NUM, NULL, {"type": "boolean"}, {"type": ["string", "null"]}, {"type": ["integer", "string"]},
    {**STR, "maxLength": 2}, {**STR, "maxLength": 3}, {**STR, "minLength": 1}, {**STR, "pattern": "^a"},
    {**STR, "minLength": 1, "maxLength": 2}, {**STR, "enum": ["a", "b"]}, {"enum": ["a"]}, {"enum": ["a", 1, None]},
    {"const": 1}, {"const": True}, {**INT, "minimum": 1}, {**NUM, "minimum": 1}, {**NUM, "exclusiveMinimum": 0},
    {**INT, "exclusiveMinimum": 0}, {**NUM, "maximum": 3}, {**INT, "exclusiveMaximum": 4}, {**INT, "multipleOf": 2},
    {**NUM, "multipleOf": 0.5}, {**INT, "multipleOf": 4}, {**INT, "multipleOf": 6}, {"minimum": 1}, {"maxLength": 1},
    {"not": STR}, {"minimum": 0, "maxLength": 2, "enum": [1, "a", "abc"]}, True, False, {"$ref": "#/$defs/d"},
])  # fmt: skip


def wrapped(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    objects = st.fixed_dictionaries(
        {"type": st.just("object"), "properties": st.dictionaries(st.sampled_from("km"), inner, max_size=2)},
        optional={
            "required": st.lists(st.sampled_from("km"), unique=True),
            "additionalProperties": st.one_of(st.booleans(), inner),
            "patternProperties": st.sampled_from([{"^k": INT}, {"^m": STR}]),
        },
    )
    arrays = st.fixed_dictionaries(
        {"type": st.just("array")},
        optional={
            "items": inner,
            "prefixItems": st.lists(inner, min_size=1, max_size=2),
            "minItems": st.integers(0, 2),
            "maxItems": st.integers(0, 2),
            "uniqueItems": st.booleans(),
        },
    )
    either = st.builds(lambda word, options: {word: options}, st.sampled_from(["anyOf", "oneOf", "allOf"]),
                       st.lists(inner, min_size=1, max_size=3))  # fmt: skip
    return st.one_of(objects, arrays, either)


schemas = st.recursive(scalars, wrapped, max_leaves=4)


@st.composite
def edited(draw: st.DrawFn, schema: Any) -> Any:
    """A schema with one change somewhere: two schemas made apart have hardly ever a subtle difference."""
    if not isinstance(schema, dict) or not schema or draw(st.integers(0, 5)) == 0:
        return draw(scalars)
    key = draw(st.sampled_from(sorted(schema)))
    value = schema[key]
    if key == "properties" and value:
        name = draw(st.sampled_from(sorted(value)))
        if draw(st.booleans()):
            return {**schema, key: {**value, name: draw(edited(value[name]))}}
        return {**schema, key: {other: one for other, one in value.items() if other != name}}
    if key in ("properties", "required") or (key == "type" and value == "object"):
        names = st.lists(st.sampled_from("km"), unique=True)
        return draw(
            st.sampled_from(
                [
                    {**schema, "required": draw(names)},
                    {**schema, "properties": {**schema.get("properties", {}), "m": draw(scalars)}},
                    {**schema, "additionalProperties": draw(st.booleans())},
                    {**schema, "additionalProperties": draw(scalars)},
                ]
            )
        )
    if isinstance(value, list) and value and key not in ("enum", "type"):
        index = draw(st.integers(0, len(value) - 1))
        new = [] if draw(st.booleans()) and len(value) > 1 else [draw(edited(value[index]))]
        return {**schema, key: [*value[:index], *new, *value[index + 1 :]]}
    if isinstance(value, bool) and key != "const":
        return {**schema, key: not value}
    if isinstance(value, int | float) and key != "const":
        return {**schema, key: value + draw(st.sampled_from([1, 2]))}
    if isinstance(value, dict) and key in ("items", "additionalProperties", "not"):
        return {**schema, key: draw(edited(value))}
    rest = {word: one for word, one in schema.items() if word != key}
    return draw(st.sampled_from([rest, {**schema, **draw(scalars.filter(lambda one: isinstance(one, dict)))}]))


pairs = st.one_of(
    st.tuples(schemas, schemas),
    schemas.flatmap(lambda schema: st.tuples(st.just(schema), edited(schema))),
    schemas.flatmap(lambda schema: st.tuples(edited(schema), st.just(schema))),
)
definitions = st.sampled_from([STR, INT, {**STR, "maxLength": 2}, obj({"k": INT})])


def pruned(schema: Any, root: Any, value: Any) -> Any:
    """The value without fields that the schema does not declare: what readers look at."""
    if not isinstance(schema, dict):
        return value
    if "$ref" in schema:
        return pruned(root["$defs"]["d"], root, value)
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            for option in schema[word]:
                value = pruned(option, root, value) if word == "allOf" or keeps(option, root, value) else value
            return value
    if isinstance(value, list):
        firsts = schema.get("prefixItems", [])
        return [
            pruned(firsts[n] if n < len(firsts) else schema.get("items", True), root, item)
            for n, item in enumerate(value)
        ]
    if isinstance(value, dict) and "properties" in schema:
        rest = schema.get("additionalProperties", True)
        kept = {}
        for name, item in value.items():
            if name in schema["properties"]:
                kept[name] = pruned(schema["properties"][name], root, item)
            elif name in schema.get("required", ()) or isinstance(rest, dict) or fits(schema, name):
                kept[name] = pruned(rest, root, item)
        return kept
    return value


def fits(schema: Any, name: str) -> bool:
    return any(re.search(pattern, name) for pattern in schema.get("patternProperties", ()))


def keeps(option: Any, root: Any, value: Any) -> bool:
    return isinstance(value, dict | list) and pruned(option, root, value) != value and "object" in str(option)


def valid(root: Any, value: Any) -> bool:
    return Draft202012Validator(root).is_valid({"v": value})


def has_alternative_objects(schema: Any) -> bool:
    """Which fields of an object several alternatives declare is a matter of taste; elsewhere it is plain."""
    if isinstance(schema, dict):
        for word in ("anyOf", "oneOf", "allOf"):
            if word in schema and any("object" in str(one) or "$ref" in str(one) for one in schema[word]):
                return True
        return any(has_alternative_objects(one) for one in schema.values())
    return isinstance(schema, list) and any(map(has_alternative_objects, schema))


@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
@given(pair=pairs, old=definitions, new=definitions, same=st.booleans(), nested=st.booleans())
def test_compatible_is_compatible(pair: tuple[Any, Any], old: Any, new: Any, same: bool, nested: bool) -> None:
    before, after = pair
    if nested:
        before, after = obj({"k": before}), obj({"k": after})
    first = {"$defs": {"d": old}, "type": "object", "properties": {"v": before}}
    second = {"$defs": {"d": old if same else new}, "type": "object", "properties": {"v": after}}
    if has_alternative_objects(before) or has_alternative_objects(after):
        return
    hurt = {one.direction for one in differences(first, second)}
    pool = [{"k": value} for value in POOL] if nested else POOL
    if not hurt & {"both", "producers"}:
        for value in pool:
            declared = pruned(before, first, value)
            if valid(first, declared):
                assert valid(second, declared), f"right before, refused now: {declared}"
    if not hurt & {"both", "consumers"}:
        for value in pool:
            if valid(second, value):
                seen = pruned(before, first, value)
                assert valid(first, seen), f"right now, unexpected by earlier readers: {seen}"


KEYWORDS = (
    "type enum const minimum exclusiveMaximum multipleOf minLength maxLength pattern format prefixItems items minItems uniqueItems "
    "required properties patternProperties additionalProperties unevaluatedProperties anyOf oneOf allOf not if then $ref $defs "
    "dependentRequired x-obs deprecated title"
).split()  # fmt: skip
junk = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-2, 2), st.floats(), st.sampled_from(["string", "#", "#/$defs/a", "(", "a", ""])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(KEYWORDS), inner, max_size=3),
        st.dictionaries(st.sampled_from(["a", "b", "privacy", "unit", "replaced-by"]), inner, max_size=2),
    ),
    max_leaves=10,
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(junk, junk)
def test_whatever_stands_there_can_be_compared(before: Any, after: Any) -> None:
    assert differences(before, before) == ()
    for one in (*differences(before, after), *differences(obj({"v": before}), obj({"v": after}))):
        assert one.reason and one.kind


# -- events and the index


def registry(*events: Event, **fields: Any) -> Registry:
    return Registry("contracts/obs-registry.yaml", INDEX, events, **fields)


def event(name: str = "shop.order.paid", **fields: Any) -> Event:
    return Event(name, Place("contracts/events/shop.yaml", 3), **fields)


def lifecycle(**fields: Any) -> Lifecycle:
    known: dict[str, Any] = {
        "name": "job",
        "key": "job_id",
        "start": "shop.job.started",
        "terminal": ("shop.job.done",),
    }
    return Lifecycle(**{**known, **fields})


def changes(before: Registry, after: Registry) -> list[Change]:
    return list(compare([before], [after]))


class Attribute(NamedTuple):
    title: str
    before: Registry
    after: Registry
    found: str
    words: str


def one(title: str, before: Mapping[str, Any], after: Mapping[str, Any], found: str, words: str) -> Attribute:
    return Attribute(title, registry(event(**before)), registry(event(**after)), found, words)


def index(title: str, before: Mapping[str, Any], after: Mapping[str, Any], found: str, words: str) -> Attribute:
    events = (event(), event("shop.job.started"))
    return Attribute(title, registry(*events, **before), registry(*events, **after), found, words)


REQUEST, JOB = CorrelationField("request_id", "uuid", "X-Request-Id"), CorrelationField("job_id", "uuid")
FITS, MISFITS = Naming("shop", re.compile(r"shop\..+")), Naming("obs", re.compile(r"obs\..+"))

ATTRIBUTES = (
    one("severity changed", {"severity": "info"}, {"severity": "error"}, "severity-changed both", "`error` where it was `info`"),
    one("severity is said", {}, {"severity": "error"}, "severity-changed both", "not said"),
    one("severity is not said", {"severity": "info"}, {}, "severity-changed consumers", "can't rely on it"),
    one("correlation required", {}, {"required": ("job_id",)}, "correlation-added-required both", "must carry `job_id`"),
    one("correlation optional", {}, {"optional": ("job_id",)}, "correlation-added -", "may carry `job_id`"),
    one("optional to required", {"optional": ("job_id",)}, {"required": ("job_id",)}, "correlation-required both", "required now"),
    one("required to optional", {"required": ("job_id",)}, {"optional": ("job_id",)}, "correlation-optional consumers", "optional now"),
    one("correlation removed", {"required": ("job_id",)}, {}, "correlation-removed consumers", "no longer carries"),
    one("producer removed", {"producers": ("a", "b")}, {"producers": ("a",)}, "producers-narrowed producers", "`b` may no longer"),
    one("producer added", {"producers": ("a",)}, {"producers": ("a", "b")}, "producers-widened -", "`b` may send it too"),
    one("producers named", {}, {"producers": ("a",)}, "producers-narrowed producers", "only `a`"),
    one("any producer", {"producers": ("a",)}, {}, "producers-widened -", "any service"),
    one("owner", {"owner": "x"}, {"owner": "y"}, "owner-changed -", "`y` where it was `x`"),
    one("stability", {"stability": "experimental"}, {"stability": "stable"}, "stability-changed -", "`stable`"),
    one("deprecated", {}, {"deprecated": Deprecation("2", "shop.x")}, "event-deprecated -", "in favour of `shop.x`"),
    one("deprecated by stability", {"stability": "stable"}, {"stability": "deprecated"}, "event-deprecated -", "deprecated"),
    one("restored", {"deprecated": Deprecation()}, {}, "event-restored -", "no longer deprecated"),
    one("smoke", {"smoke": "never"}, {"smoke": "always"}, "smoke-changed -", "`always`"),
    one("summary", {"summary": "a"}, {"summary": "b"}, "", ""),
    one("version raised alone", {}, {"version": 2}, "version-raised -", "nothing in it breaks anybody"),
    one("version lowered", {"version": 2}, {"version": 1}, "version-lowered both", "take what is new for what is old"),
    one("payload declared", {}, {"payload": obj({"a": STR})}, "field-added -", "`a` is new"),
    one("payload no longer declared", {"payload": obj({"a": STR})}, {}, "payload-removed consumers", "rely on nothing"),
    one("payload", {"payload": obj({"a": STR})}, {"payload": obj({"a": INT})}, "type-changed both", "`a` is `integer`"),
    index("field added", {}, {"correlation": (JOB,)}, "correlation-field-added -", "`job_id` is new"),
    index("field removed", {"correlation": (JOB,)}, {}, "correlation-field-removed both", "`job_id` is gone"),
    index("field type narrowed", {"correlation": (CorrelationField("job_id"),)}, {"correlation": (JOB,)}, "correlation-field-changed both", "`uuid` where it was `string`"),
    index("field type widened", {"correlation": (JOB,)}, {"correlation": (CorrelationField("job_id"),)}, "correlation-field-changed consumers", "narrower type"),
    index("header changed", {"correlation": (REQUEST,)}, {"correlation": (CorrelationField("request_id", "uuid", "X-Id"),)}, "correlation-field-changed both", "`X-Id`"),
    index("header added", {"correlation": (JOB,)}, {"correlation": (CorrelationField("job_id", "uuid", "X-Job"),)}, "correlation-field-changed -", "nobody looked"),
    index("field moved", {"correlation": (JOB,)}, {"correlation": (CorrelationField("job_id", "uuid", at="payload.job_id"),)}, "correlation-field-changed both", "look elsewhere"),
    index("alias", {"correlation": (JOB,)}, {"correlation": (CorrelationField("job_id", "uuid", aliases=("jobId",)),)}, "correlation-field-changed -", "OBS404"),
    index("hop added", {}, {"chain": (ChainLink("job_id"),)}, "chain-changed both", "new hop"),
    index("hop removed", {"chain": (ChainLink("job_id"),)}, {}, "chain-changed consumers", "no longer part"),
    index("hop's parent", {"chain": (ChainLink("job_id", "a"),)}, {"chain": (ChainLink("job_id", "b"),)}, "chain-changed both", "`parent` of `job_id`"),
    index("hop of many", {"chain": (ChainLink("job_id"),)}, {"chain": (ChainLink("job_id", many=True),)}, "chain-changed consumers", "several"),
    index("lifecycle of a known event", {}, {"lifecycles": (lifecycle(),)}, "lifecycle-added both", "must send an end"),
    index("lifecycle of a new event", {}, {"lifecycles": (lifecycle(start="shop.x"),)}, "lifecycle-added -", "nobody sends"),
    index("lifecycle removed", {"lifecycles": (lifecycle(),)}, {}, "lifecycle-removed consumers", "is gone"),
    index("lifecycle's key", {"lifecycles": (lifecycle(),)}, {"lifecycles": (lifecycle(key="id"),)}, "lifecycle-changed both", "`key`"),
    index("end added", {"lifecycles": (lifecycle(),)}, {"lifecycles": (lifecycle(terminal=("shop.job.done", "b")),)}, "lifecycle-changed consumers", "`b` may end"),
    index("end removed", {"lifecycles": (lifecycle(),)}, {"lifecycles": (lifecycle(terminal=()),)}, "lifecycle-changed both", "no longer ends"),
    index("one end", {"lifecycles": (lifecycle(exactly_one_terminal=False),)}, {"lifecycles": (lifecycle(),)}, "lifecycle-changed both", "exactly one"),
    index("several ends", {"lifecycles": (lifecycle(),)}, {"lifecycles": (lifecycle(exactly_one_terminal=False),)}, "lifecycle-changed consumers", "several ends"),
    index("less time", {"lifecycles": (lifecycle(deadline="PT15M"),)}, {"lifecycles": (lifecycle(deadline="PT5M"),)}, "lifecycle-changed both", "less time"),
    index("more time", {"lifecycles": (lifecycle(deadline="PT15M"),)}, {"lifecycles": (lifecycle(deadline="P1D"),)}, "lifecycle-changed consumers", "give up"),
    index("the same time", {"lifecycles": (lifecycle(deadline="PT60M"),)}, {"lifecycles": (lifecycle(deadline="PT1H"),)}, "", ""),
    index("transition added", {"lifecycles": (lifecycle(),)}, {"lifecycles": (lifecycle(transitions={"a": ("b",)}),)}, "lifecycle-changed consumers", "from `a` to `b`"),
    index("transition removed", {"lifecycles": (lifecycle(transitions={"a": ("b",)}),)}, {"lifecycles": (lifecycle(),)}, "lifecycle-changed both", "no longer goes"),
    index("retry", {"lifecycles": (lifecycle(),)}, {"lifecycles": (lifecycle(retry={"key": "x"}),)}, "lifecycle-changed both", "`retry`"),
    index("naming that all fit", {"naming": None}, {"naming": FITS}, "naming-changed -", "every name still fits"),
    index("naming that none fits", {"naming": FITS}, {"naming": MISFITS}, "naming-changed producers", "`shop.job.started` and 1 more"),
    index("naming dropped", {"naming": FITS}, {}, "naming-changed -", "nothing is said"),
    index("classification stricter", {"classifications": {"p": "allow"}}, {"classifications": {"p": "forbid"}}, "classification-rule-changed both", "`forbid` where it meant `allow`"),
    index("classification looser", {"classifications": {"p": "hash"}}, {"classifications": {"p": "allow"}}, "classification-rule-changed consumers", "plain values"),
    index("sensitive names", {}, {"sensitive_names": ("pin",)}, "sensitive-names-changed -", "`pin` now counts"),
    index("envelope", {"schemas": {"envelope": obj({"a": STR})}}, {"schemas": {"envelope": obj({"a": STR}, "a")}}, "field-required both", "the envelope: `a`"),
    index("envelope gone", {"schemas": {"envelope": obj({"a": STR})}}, {}, "schema-removed consumers", "is gone"),
)  # fmt: skip


@pytest.mark.parametrize("row", ATTRIBUTES, ids=lambda row: row.title)
def test_a_change_beside_the_payload(row: Attribute) -> None:
    found = changes(row.before, row.after)
    assert ", ".join(f"{change.kind} {change.direction or '-'}" for change in found) == row.found
    assert all(change.breaking == bool(change.direction) for change in found)
    if row.words:
        assert row.words in found[0].reason
    assert not changes(row.after, row.after)


def test_an_event_that_is_new() -> None:
    [change] = changes(registry(), registry(event()))
    assert (change.kind, change.breaking, change.place.line) == ("event-added", False, 3)


def test_an_event_that_is_gone() -> None:
    [change] = changes(registry(event()), registry())
    assert (change.kind, change.fails, change.direction, change.place) == ("event-removed", True, "both", INDEX)


def test_a_rename_that_nobody_announced_is_guessed() -> None:
    before = registry(event(payload=obj({"a": STR})))
    removed = changes(before, registry(event("shop.order.settled", payload=obj({"a": STR}))))[0]
    assert removed.fails and "replaced-by: shop.order.settled" in removed.reason


def test_a_rename_goes_by_replaced_by() -> None:
    old, new = event(), event("shop.order.settled")
    marked = event(deprecated=Deprecation("2026-01", "shop.order.settled"))
    assert [change.kind for change in changes(registry(old), registry(marked, new))] == [
        "event-deprecated",
        "event-added",
    ]
    [change] = changes(registry(marked, new), registry(new))
    assert (change.kind, change.breaking, change.announced, change.fails) == ("event-renamed", True, True, False)
    [change, _] = changes(registry(marked), registry(event("shop.other")))
    assert change.fails, "what it was to give way to is not there"


def test_a_raised_version_announces_what_breaks() -> None:
    before = event(payload=obj({"a": STR, "b": STR}))
    after = event(payload=obj({"a": INT}), version=2)
    found = changes(registry(before), registry(after))
    assert [change.kind for change in found if change.breaking] == ["type-changed", "field-removed"]
    assert all(change.announced and not change.fails for change in found if change.breaking)
    assert "announcing" in next(change.reason for change in found if change.kind == "version-raised")


def test_what_is_breaking_beside_events_has_no_version_that_could_announce_it() -> None:
    [change] = changes(registry(correlation=(JOB,)), registry())
    assert change.fails


def test_a_change_is_placed_where_it_is_written() -> None:
    file = "contracts/events/shop.yaml"
    places = {"/payload": Place(file, 5), "/payload/properties/a": Place(file, 9, 7), "/severity": Place(file, 4)}
    before = event(payload=obj({"a": STR, "b": STR}), severity="info")
    after = event(payload=obj({"a": {**STR, "maxLength": 3}}), severity="error", places=places)
    assert {change.pointer: change.place.line for change in changes(registry(before), registry(after))} == {
        "/payload/properties/a/maxLength": 9,
        "/payload/properties/b": 5,
        "/severity": 4,
    }


def test_a_copy_counts_where_there_is_no_original() -> None:
    mirror = Registry("python:shop:Ev", Place("shop.py"), (event(severity="debug"),), mirror=True)
    own = registry(event(severity="info"))
    assert not compare([mirror, own], [own, mirror])
    assert [change.kind for change in compare([mirror, own], [mirror])] == ["severity-changed"]


def test_the_order_is_index_then_events_and_what_breaks_first() -> None:
    before = registry(event("b", payload=obj({})), event("a"), correlation=(JOB,))
    after = registry(event("b", payload=obj({"x": STR, "y": STR}, "y")), event("a", owner="x"))
    found = [(change.event, change.breaking) for change in changes(before, after)]
    assert found == [("", True), ("a", False), ("b", True), ("b", False)]
