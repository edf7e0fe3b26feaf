"""Is a payload what its event's schema says? By jsonschema-rs where it is installed, else by jsonschema."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from obs_surface.encoding import pointer_to
from obs_surface.errors import Problem
from obs_surface.ids import is_uuid

MAX_PROBLEMS = 50
"""So many are told of one event."""
DIALECT = "https://json-schema.org/draft/2020-12/schema"

_KEYWORDS = frozenset(
    "additionalProperties allOf anyOf const contains dependentRequired dependentSchemas else enum exclusiveMaximum "
    "exclusiveMinimum format if items maxContains maxItems maxLength maxProperties maximum minContains minItems "
    "minLength minProperties minimum multipleOf not oneOf pattern prefixItems propertyNames required then type "
    "unevaluatedItems unevaluatedProperties uniqueItems".split()
)
_DATE_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]+)?(?:[Zz]|[+-]([0-9]{2}):([0-9]{2}))"
).fullmatch


class Check(NamedTuple):
    """A compiled schema."""

    is_valid: Callable[[Any], bool]
    """May raise for what is no plain JSON value."""
    problems: Callable[[Any, tuple[str, ...]], list[Problem]]
    """(a plain value, the path of it in the envelope) → what is wrong."""


@lru_cache(maxsize=1)
def backend() -> str:
    """Return the validator that is installed: jsonschema_rs, jsonschema, or "" for none."""
    from importlib.util import find_spec

    return next((name for name in ("jsonschema_rs", "jsonschema") if find_spec(name) is not None), "")


def compiled(schema: Any) -> Check | None:
    """Return the check of a schema, None without a validator. Raises ValueError for what is no valid schema."""
    found = backend()
    if not found:
        return None
    declared = declared_names(schema)
    return (_by_rust if found == "jsonschema_rs" else _by_python)(schema, declared)


def _by_rust(schema: Any, declared: frozenset[str]) -> Check:
    import jsonschema_rs

    # A pattern that backtracks without end fails instead of holding the caller up.
    validator = (
        jsonschema_rs.validator_for(schema, validate_formats=True)
        if isinstance(schema, dict) and "$schema" in schema
        else jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    )

    def problems(value: Any, path: tuple[str, ...]) -> list[Problem]:
        return _told(
            (
                (_place(error.instance_path, keyword, [error.kind.value] if keyword == "required" else ()), keyword)
                for error in validator.iter_errors(value)
                for keyword in (_keyword(error.schema_path),)
            ),
            path,
            declared,
        )

    return Check(validator.is_valid, problems)


def _by_python(schema: Any, declared: frozenset[str]) -> Check:
    import jsonschema

    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise ValueError(f"{pointer_to(tuple(error.absolute_path))}: {error.message}") from None
    validator = kind(schema, format_checker=_formats())

    def problems(value: Any, path: tuple[str, ...]) -> list[Problem]:
        return _told(
            (
                (_place(error.absolute_path, keyword, [name]), keyword)
                for error in validator.iter_errors(value)
                for keyword in (str(error.validator or "false"),)
                # One error for each that is missing; which of them it is about, it does not say.
                for name in (_missing(error) if keyword == "required" else ("",))
            ),
            path,
            declared,
        )

    return Check(validator.is_valid, problems)


@lru_cache(maxsize=1)
def _formats() -> Any:
    """The formats that jsonschema knows, and two that need further packages there or read only part of the text."""
    import jsonschema

    checker = jsonschema.FormatChecker(jsonschema.Draft202012Validator.FORMAT_CHECKER.checkers.keys())
    checker.checks("uuid")(lambda value: not isinstance(value, str) or is_uuid(value))
    checker.checks("date-time")(lambda value: not isinstance(value, str) or is_date_time(value))
    return checker


def is_date_time(text: str) -> bool:
    """True for a time as RFC 3339 writes it, with its offset."""
    found = _DATE_TIME(text)
    if found is None:
        return False
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    if hour > 23 or minute > 59 or second > 60 or int(found[7] or 0) > 23 or int(found[8] or 0) > 59:
        return False
    from datetime import date

    try:
        date(year or 4, month, day)  # Python has no year 0, which was a leap year
    except ValueError:
        return False
    return True


def _missing(error: Any) -> list[str]:
    return [name for name in error.validator_value if name not in error.instance]


def _place(path: Iterable[str | int], keyword: str, missing: Iterable[str]) -> tuple[str | int, ...]:
    """The place of an error: of a field that is missing, where it should be."""
    return (*path, *missing) if keyword == "required" else tuple(path)


def _keyword(schema_path: Iterable[str | int]) -> str:
    for part in reversed(list(schema_path)):
        if part in _KEYWORDS:
            return str(part)
    return "false"


def _told(
    errors: Iterable[tuple[Iterable[str | int], str]], path: tuple[str, ...], declared: frozenset[str]
) -> list[Problem]:
    found: dict[Problem, None] = {}
    start = pointer_to(path)
    for where, keyword in errors:
        found[Problem(start + pointer_to(tuple(where), declared), keyword)] = None
        if len(found) >= MAX_PROBLEMS:
            break
    return sorted(found)


def declared_names(schema: Any) -> frozenset[str]:
    """Return the names of all properties that a schema declares or requires, at any depth."""
    found: set[str] = set()
    todo = [schema]
    while todo:
        node = todo.pop()
        if isinstance(node, dict):
            properties = node.get("properties")
            if isinstance(properties, dict):
                found.update(properties)
            required = node.get("required")
            if isinstance(required, list):
                found.update(name for name in required if isinstance(name, str))
            todo.extend(node.values())
        elif isinstance(node, list):
            todo.extend(node)
    return frozenset(found)
