"""What is said of a payload without a schema validator is true: a payload that fits is never called wrong."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from obs_lint.registry.payload_shape import UNKNOWN, Shape, shape


def shape_of(text: str) -> Shape:
    return shape(yaml.safe_load(text))


def test_nothing_declared() -> None:
    assert shape(None) is None


@pytest.mark.parametrize(
    ("schema", "required", "fields", "closed"),
    [
        ("{}", "", "", False),
        ("{required: [b, a], properties: {c: {}}}", "a b", "c b a", False),
        ("{properties: {a: {}}, additionalProperties: false}", "", "a", True),
        ("{properties: {a: {}}, additionalProperties: {type: string}}", "", "a", False),
        ("{properties: {a: {}}, additionalProperties: false, patternProperties: {^x: {}}}", "", "a", False),
        ("{allOf: [{required: [a], properties: {a: {}}}, {required: [b]}]}", "a b", "a b", False),
        ("{allOf: [{properties: {a: {}}, additionalProperties: false}]}", "", "a", True),
        ("{anyOf: [{required: [a, b]}, {required: [b, c]}]}", "b", "a b c", False),
        ("{oneOf: [{required: [a, b]}, {required: [b, c]}, false]}", "b", "a b c", False),
        ("{anyOf: [{additionalProperties: false}, {properties: {a: {}}}]}", "", "a", False),
        ("{anyOf: [{additionalProperties: false}, {properties: {a: {}}, additionalProperties: false}]}", "", "a", True),
        ("{if: {required: [a]}, then: {required: [b]}, else: {required: [b, c]}}", "b", "a b c", False),
        ("{if: {required: [a]}, then: {required: [b]}}", "", "a b", False),
        (
            "{$ref: '#/$defs/x', required: [b], $defs: {x: {required: [a], additionalProperties: false}}}",
            "a b",
            "a b",
            True,
        ),
        ("{properties: {a: {}}, unevaluatedProperties: false, allOf: [{properties: {b: {}}}]}", "", "a b", True),
        ("{unevaluatedProperties: false, allOf: [{additionalProperties: true}]}", "", "", False),
        ("{unevaluatedProperties: false, anyOf: [{properties: {a: {}}}, {properties: {b: {}}}]}", "", "a b", True),
        ("{dependentSchemas: {a: {required: [b], properties: {c: {}}}}}", "", "a c b", False),
        ("{not: {required: [a]}}", "", "", False),
        ("{$ref: '#/$defs/none'}", "", "", False),
        ("{$ref: '#'}", "", "", False),
        ("{allOf: [{$ref: '#/$defs/a'}], $defs: {a: {$anchor: here}, b: {$ref: '#here'}}}", "", "", False),
    ],
)
def test_shapes(schema: str, required: str, fields: str, closed: bool) -> None:
    found = shape_of(schema)
    assert found.required == tuple(required.split())
    assert list(found.fields) == fields.split()
    assert found.closed is closed
    assert found.refuses("zzz") is (closed or "patternProperties" in schema)


def test_names_that_are_refused() -> None:
    found = shape_of(
        "{properties: {a: {}, b: false}, additionalProperties: false, patternProperties: {^x-: {type: integer}}}"
    )
    assert [found.refuses(name) for name in ("a", "b", "x-1", "y")] == [False, True, False, True]
    pattern = found.field("x-1")
    assert pattern is not None
    assert pattern.problem_of("1") == 'should be an integer, is "1"'
    assert found.field("zzz") is not None, "what is refused is known"
    assert shape_of("{propertyNames: {pattern: ^a}}").refuses("b")
    assert shape_of("{}").field("a") is None
    other = shape_of("{additionalProperties: {type: string}}").field("a")
    assert other is not None
    assert other.types == ("string",)


def test_what_is_noted_of_a_field() -> None:
    found = shape_of("""
        properties:
          a: {type: string, x-obs: {privacy: personal, semconv: user.id}}
          b: {type: [number, 'null'], x-obs: {unit: ms, deprecated: {replaced-by: c}}}
          c: {$ref: '#/$defs/c', deprecated: true}
          d: {anyOf: [{type: string, x-obs: {privacy: secret}}, {type: 'null'}]}
          e: {anyOf: [{deprecated: true}, {deprecated: true}]}
          f: {anyOf: [{deprecated: true}, {}]}
          g: {x-obs: nothing}
        $defs: {c: {enum: [x, y], x-obs: {privacy: none}}}
    """)
    fields = found.fields
    assert [fields[name].privacy for name in "abcdefg"] == ["personal", "", "none", "secret", "", "", ""]
    assert [fields[name].deprecated for name in "abcdefg"] == [False, True, True, False, True, False, False]
    assert (fields["a"].semconv, fields["b"].unit, fields["b"].replaced_by) == ("user.id", "ms", "c")
    assert [fields[name].types for name in "abcd"] == [("string",), ("number", "null"), (), ("string", "null")]
    assert fields["c"].enum == ("x", "y")
    assert fields["a"].enum is None


def test_objects_within() -> None:
    found = shape_of("""
        properties:
          a: {type: object, required: [b], properties: {b: {$ref: '#/$defs/b'}}}
          c: {type: string}
        $defs: {b: {type: integer}}
    """)
    inner = found.fields["a"].inner
    assert inner is not None
    assert inner.required == ("b",)
    assert inner.fields["b"].types == ("integer",)
    assert found.fields["c"].inner is None


PROBLEMS = [
    ("{type: integer}", "2", ""),
    ("{type: integer}", "2.0", ""),
    ("{type: integer}", "2.5", "should be an integer, is 2.5"),
    ("{type: integer}", "true", "should be an integer, is true"),
    ("{type: boolean}", "1", "should be a boolean, is 1"),
    ("{type: number}", "1", ""),
    ("{type: [string, 'null']}", "1", "should be a string or null, is 1"),
    ("{type: 'null'}", "null", ""),
    ("{type: string}", "null", "should be a string, is null"),
    ("{type: array, items: {type: string}}", "[a, 1]", "has an item 1 that should be a string, is 1"),
    ("{prefixItems: [{type: string}], items: {minimum: 1}}", "[0, 0]", "has an item 0 that should be a string, is 0"),
    ("{prefixItems: [{type: string}], items: {minimum: 1}}", "[a, 0]", "has an item 1 that should be at least 1, is 0"),
    ("{minItems: 2}", "[1]", "should have at least 2 items, has 1"),
    ("{maxItems: 1}", "[1, 2]", "should have at most 1 item, has 2"),
    ("{uniqueItems: true}", "[1, 1.0]", "should have no item twice, has 1.0"),
    ("{uniqueItems: true}", "[1, true]", ""),
    ("{enum: [a, b, 1]}", "c", 'should be "a", "b" or 1, is "c"'),
    ("{enum: [1]}", "1.0", ""),
    ("{enum: [1]}", "true", "should be 1, is true"),
    ("{const: {a: [1]}}", "{a: [1.0]}", ""),
    ("{const: x}", "y", 'should be "x", is "y"'),
    ("{minimum: 1}", "0", "should be at least 1, is 0"),
    ("{maximum: 1}", "2", "should be at most 1, is 2"),
    ("{exclusiveMinimum: 1}", "1", "should be more than 1, is 1"),
    ("{exclusiveMaximum: 1}", "1", "should be less than 1, is 1"),
    ("{multipleOf: 0.1}", "0.3", ""),
    ("{multipleOf: 2}", "3", "should be a multiple of 2, is 3"),
    ("{minLength: 2}", "é", "should have at least 2 characters, has 1"),
    ("{maxLength: 1}", "𝄞é", "should have at most 1 character, has 2"),
    ("{pattern: ^a}", "ba", 'should match `^a`, is "ba"'),
    ("{pattern: '('}", "ba", ""),
    ("{pattern: '(a+)+$'}", "b", ""),
    ("{minimum: 1}", "text", ""),
    ("{required: [a, b]}", "{}", "lacks `a` and `b`"),
    ("{properties: {a: {type: integer}}}", "{a: x}", 'has `a`, which should be an integer, is "x"'),
    ("{properties: {a: {}}, additionalProperties: false}", "{b: 1}", "should not have `b`"),
    ("{minProperties: 1}", "{}", "should have at least 1 field, has 0"),
    ("{maxProperties: 0}", "{a: 1}", "should have at most 0 fields, has 1"),
    ("{anyOf: [{type: string}, {type: integer}]}", "1.5", "should be a string or an integer, is 1.5"),
    ("{anyOf: [{type: string, maxLength: 1}, {type: integer}]}", "ab", "should have at most 1 character, has 2"),
    ("{oneOf: [{const: a}, {const: b}]}", "c", 'should be "a" or "b", is "c"'),
    ("{anyOf: [{minimum: 5}, {maximum: 2, multipleOf: 7}]}", "3", "fits none of its 2 alternatives, is 3"),
    ("{allOf: [{type: string}, {minLength: 3}]}", "ab", "should have at least 3 characters, has 2"),
    ("{not: {type: string}}", "ab", ""),
    ("false", "1", "should not be there"),
    ("{const: " + "x" * 100 + "}", "y", 'should be "' + "x" * 38 + '…, is "y"'),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "value", "problem"), PROBLEMS)
def test_problems(schema: str, value: str, problem: str) -> None:
    found = shape({"properties": {"x": yaml.safe_load(schema)}})
    assert found.fields["x"].problem_of(yaml.safe_load(value)) == problem


@pytest.mark.parametrize(
    ("schema", "value", "problem"),
    [
        ("{type: array, items: {type: integer}}", (1, 2), ""),
        ("{type: array, items: {type: integer}}", [1, UNKNOWN], ""),
        ("{type: string}", UNKNOWN, ""),
        ("{enum: [[1, 2]]}", [1, UNKNOWN], ""),
        ("{maxItems: 1}", [UNKNOWN, UNKNOWN], "should have at most 1 item, has 2"),
        ("{properties: {a: {type: integer}}}", {"a": UNKNOWN}, ""),
        ("{type: string}", b"x", "should be a string, is a Python bytes"),
        ("{type: string}", {1, 2}, "should be a string, is a Python set"),
        ("{type: string}", [UNKNOWN, "a"], 'should be a string, is ["…", "a"]'),
        ("{minimum: 1}", float("nan"), ""),
        ("{type: integer}", float("inf"), "should be an integer, is Infinity"),
        ("{multipleOf: 3}", 1e308, None),
        ("{required: [a]}", {1: 2}, ""),
    ],
)
def test_python_values(schema: str, value: object, problem: str | None) -> None:
    found = shape({"properties": {"x": yaml.safe_load(schema)}}).fields["x"].problem_of(value)
    assert problem is None or found == problem


def test_depth_has_an_end() -> None:
    schema: Any = {"type": "string"}
    for _ in range(500):
        schema = {"allOf": [schema]}
    assert shape({"properties": {"x": schema}}).fields["x"].problem_of(1) == ""
    value: Any = "x"
    for _ in range(500):
        value = [value]
    assert shape({"properties": {"x": {"items": {"$ref": "#/properties/x"}}}}).fields["x"].problem_of(value) == ""


NAMES = st.sampled_from(["a", "b", "c", "xa"])
VALUES = st.recursive(
    st.sampled_from([None, True, False, 0, 1, 2, 3.0, 0.5, -1, "", "a", "ab", "xyz"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=4,
)
ASSERTIONS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(
            ["string", "integer", "number", "object", "array", "null", ["string", "null"], ["object", "integer"]]
        ),
        "enum": st.lists(VALUES, min_size=1, max_size=3),
        "const": VALUES,
        "minimum": st.sampled_from([0, 1, 1.5]),
        "exclusiveMaximum": st.sampled_from([1, 2]),
        "multipleOf": st.sampled_from([1, 2, 0.5]),
        "minLength": st.sampled_from([1, 2]),
        "maxItems": st.sampled_from([0, 1]),
        "pattern": st.sampled_from(["^a", "b$", "("]),
        "required": st.lists(NAMES, max_size=1),
        "minProperties": st.sampled_from([1, 2]),
        "uniqueItems": st.just(True),
        "$ref": st.sampled_from(["#/$defs/one", "#/$defs/two"]),
    },
)


def composed(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, min_size=1, max_size=2)
    return st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(NAMES, inner, max_size=3),
            "patternProperties": st.dictionaries(st.sampled_from(["^x", "a$"]), inner, max_size=1),
            "additionalProperties": inner | st.just(False),
            "unevaluatedProperties": inner | st.just(False),
            "propertyNames": st.sampled_from([{"maxLength": 1}, {"enum": ["a", "b"]}]),
            "allOf": several,
            "anyOf": several,
            "oneOf": several,
            "not": inner,
            "if": inner,
            "then": inner,
            "else": inner,
            "dependentSchemas": st.dictionaries(NAMES, inner, max_size=1),
            "items": inner,
            "prefixItems": several,
            "required": st.lists(NAMES, max_size=1),
            "$ref": st.sampled_from(["#/$defs/one", "#/$defs/two"]),
        },
    )


LEAF = ASSERTIONS | st.booleans()
SCHEMAS = st.recursive(LEAF, composed, max_leaves=6)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(schema=composed(SCHEMAS), one=LEAF, two=composed(LEAF), payload=st.dictionaries(NAMES, VALUES, max_size=3))
def test_a_payload_that_fits_is_never_called_wrong(schema: Any, one: Any, two: Any, payload: Any) -> None:
    whole = {**schema, "$defs": {"one": without_references(one), "two": without_references(two)}}
    if '"("' in repr(whole).replace("'", '"') or not jsonschema.Draft202012Validator(whole).is_valid(payload):
        return
    found = shape(whole)
    assert set(found.required) <= payload.keys()
    for name, value in payload.items():
        assert not found.refuses(name), name
        assert not (found.closed and name not in found.fields), name
        known = found.field(name)
        if known is not None:
            assert known.problem_of(value) == ""
            assert known.enum is None or value in known.enum


def without_references(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: without_references(value) for key, value in schema.items() if key != "$ref"}
    return [without_references(item) for item in schema] if isinstance(schema, list) else schema
