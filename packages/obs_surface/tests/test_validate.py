"""Validation: both validators find the same, and tell places and keywords, never values."""

from __future__ import annotations

from typing import Any

import pytest

from obs_surface import validate
from obs_surface.errors import Problem

SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id"],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "at": {"type": "string", "format": "date-time"},
        "mode": {"enum": ["a", "b"]},
        "count": {"type": "integer", "minimum": 1},
        "name": {"type": "string", "maxLength": 3, "pattern": "^(?!x)[a-z]+$"},
        "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        "a/b~c": {"const": 1},
        "never": False,
        "one": {"oneOf": [{"type": "string"}, {"minLength": 1}]},
        "map": {"type": "object", "additionalProperties": {"type": "integer"}},
    },
}
ID = "0192f0c1-7a3e-7c4d-9b1e-2f6d8a5c3e10"
BACKENDS = {"jsonschema_rs": validate._by_rust, "jsonschema": validate._by_python}


@pytest.fixture(params=sorted(BACKENDS))
def check(request: pytest.FixtureRequest) -> validate.Check:
    return BACKENDS[request.param](SCHEMA, validate.declared_names(SCHEMA))


@pytest.mark.parametrize(
    ("value", "problems"),
    [
        ({"id": ID}, []),
        ({}, [("/id", "required")]),
        ([], [("", "type")]),
        ({"id": "zz"}, [("/id", "format")]),
        ({"id": ID, "at": "2025-11-20T09:14:33.140512Z"}, []),
        ({"id": ID, "at": "2025-11-20T09:14:33+01:00"}, []),
        ({"id": ID, "at": "2025-13-20T09:14:33Z"}, [("/at", "format")]),
        ({"id": ID, "at": "2025-11-20 09:14:33"}, [("/at", "format")]),
        ({"id": ID, "at": "2025-11-20T09:14:33+00:00Z"}, [("/at", "format")]),
        ({"id": ID, "mode": "secret"}, [("/mode", "enum")]),
        ({"id": ID, "count": 0}, [("/count", "minimum")]),
        ({"id": ID, "count": 1.5}, [("/count", "type")]),
        ({"id": ID, "name": "xabcd"}, [("/name", "maxLength"), ("/name", "pattern")]),
        ({"id": ID, "tags": ["a", 1, "a"]}, [("/tags", "uniqueItems"), ("/tags/1", "type")]),
        ({"id": ID, "a/b~c": 2}, [("/a~1b~0c", "const")]),
        ({"id": ID, "one": "x"}, [("/one", "oneOf")]),
        ({"id": ID, "secret@example.org": 1}, [("", "additionalProperties")]),
        ({"id": ID, "map": {"secret@example.org": "x"}}, [("/map/*", "type")]),
    ],
)
def test_problems_have_a_place_and_a_keyword(
    check: validate.Check, value: Any, problems: list[tuple[str, str]]
) -> None:
    assert check.problems(value, ()) == sorted(problems)
    assert check.is_valid(value) is (not problems)
    assert check.problems(value, ("payload",)) == sorted(Problem(f"/payload{place}", word) for place, word in problems)


def test_a_property_that_must_not_be_there(check: validate.Check) -> None:
    (problem,) = check.problems({"id": ID, "never": 1}, ())
    assert problem.keyword == "false"
    assert problem.pointer in ("/never", "")  # jsonschema names the object that has it


def test_there_are_not_endless_problems(check: validate.Check) -> None:
    assert len(check.problems({"id": ID, "tags": list(range(1000))}, ())) <= validate.MAX_PROBLEMS


@pytest.mark.parametrize("make", BACKENDS.values(), ids=BACKENDS)
@pytest.mark.parametrize("schema", [{"type": "nonsense"}, {"pattern": "("}, {"minimum": "1"}, {"required": "id"}])
def test_what_is_no_schema_is_a_value_error(make: Any, schema: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        make({"properties": {"x": schema}}, frozenset())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-02-29T00:00:00Z", True),
        ("2025-02-29T00:00:00Z", False),
        ("2025-01-01T24:00:00Z", False),
        ("2025-01-01T00:60:00Z", False),
        ("2016-12-31T23:59:60Z", True),
        ("2025-01-01T00:00:00+24:00", False),
        ("2025-01-01T00:00:00-12:60", False),
        ("2025-01-01t00:00:00.123456789z", True),
        ("2025-01-01T00:00:00", False),
        ("2025-00-01T00:00:00Z", False),
        ("", False),
    ],
)
def test_date_times(text: str, expected: bool) -> None:
    assert validate.is_date_time(text) is expected
