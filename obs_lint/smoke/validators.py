"""JSON Schema for the checks: whether a value fits, quickly, and only where it does not, in which ways."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple


class SchemaProblem(NamedTuple):
    """One way in which a value breaks its schema. Says nothing of the value itself."""

    pointer: str
    """JSON pointer to what is wrong, missing or too much; empty for the value as a whole."""
    keyword: str
    """`required`, `type`, `minimum`, …"""
    said: str
    """What is wrong, without the value: `is missing`, `is no integer`."""


def engine() -> str:
    """Return which validator is used: `jsonschema-rs` where it is installed, else `jsonschema`."""
    from importlib.util import find_spec

    return "jsonschema-rs" if find_spec("jsonschema_rs") else "jsonschema"


class Validator:
    """One compiled schema. `format` is a note, and nothing is fetched."""

    __slots__ = ("_errors", "fits")

    def __init__(self, schema: Mapping[str, Any], use: str = "") -> None:
        """`use`: `jsonschema-rs` or `jsonschema`; default: what is installed. Raises whatever that raises."""
        if (use or engine()) == "jsonschema-rs":
            import jsonschema_rs

            fast = jsonschema_rs.validator_for(dict(schema), validate_formats=False, offline=True)
            self.fits = fast.is_valid
            """True where a value fits."""
            self._errors: Callable[[Any], Iterator[SchemaProblem]] = lambda value: _of_fast(fast.iter_errors(value))
        else:
            plain = _plain(schema)
            self.fits = plain.is_valid
            self._errors = lambda value: _of_plain(plain.iter_errors(value))

    def problems(self, value: Any) -> list[SchemaProblem]:
        """Every way in which a value does not fit, by pointer."""
        return sorted(set(self._errors(value)))


def _plain(schema: Mapping[str, Any]) -> Any:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import validator_for

    cls: Any = validator_for(schema, default=Draft202012Validator)
    cls.check_schema(schema)
    return cls(schema)


def compiled(schema: Mapping[str, Any]) -> Validator | None:
    """Compile a schema; None for one that can't be used, which OBS701 reports."""
    try:
        return Validator(schema)
    except Exception:  # noqa: BLE001  both libraries raise errors of their own, of many kinds, for a broken schema
        return None


def _of_fast(errors: Iterable[Any]) -> Iterator[SchemaProblem]:
    for error in errors:
        yield from _problems(list(error.instance_path), error.kind.name, error.kind.value)


def _of_plain(errors: Iterable[Any]) -> Iterator[SchemaProblem]:
    for error in errors:
        keyword, value = str(error.validator or "false"), error.validator_value
        path, instance = list(error.absolute_path), error.instance
        if keyword == "required":
            # One error for each that is missing; each of them is found here, and equal ones are one.
            value = [name for name in value if name not in instance]
        elif keyword in ("additionalProperties", "unevaluatedProperties"):
            known = error.schema.get("properties", {})
            patterns = error.schema.get("patternProperties", {})
            named = re.findall(r"'([^']*)'", error.message) if keyword.startswith("un") else instance
            value = [name for name in named if name not in known and not any(re.search(p, name) for p in patterns)]
        elif keyword == "dependentRequired":
            keyword = "required"
            value = [name for key, names in value.items() if key in instance for name in names if name not in instance]
        yield from _problems(path, keyword, value)


def _problems(path: list[Any], keyword: str, value: Any) -> Iterator[SchemaProblem]:
    front = "".join(f"/{_token(part)}" for part in path)
    if keyword == "required":
        for name in value if isinstance(value, list) else [value]:
            yield SchemaProblem(f"{front}/{_token(name)}", keyword, "is missing")
    elif keyword in ("additionalProperties", "unevaluatedProperties"):
        for name in value if isinstance(value, list) else []:
            yield SchemaProblem(f"{front}/{_token(name)}", keyword, "is not declared")
    else:
        yield SchemaProblem(front, keyword, _said(keyword, value))


_SAID: Mapping[str, str] = {
    "minimum": "is less than {}",
    "maximum": "is more than {}",
    "exclusiveMinimum": "is not more than {}",
    "exclusiveMaximum": "is not less than {}",
    "multipleOf": "is no multiple of {}",
    "minLength": "has fewer than {} characters",
    "maxLength": "has more than {} characters",
    "minItems": "has fewer than {} items",
    "maxItems": "has more than {} items",
    "minProperties": "has fewer than {} fields",
    "maxProperties": "has more than {} fields",
    "pattern": "does not match {}",
    "const": "is not {}",
    "format": "is no {}",
}


def _said(keyword: str, value: Any) -> str:
    if keyword == "type":
        types = value if isinstance(value, list) else [value]
        return "is not of type " + " or ".join(map(str, types))
    if keyword == "enum" and isinstance(value, list):
        shown = ", ".join(map(str, value[:8])) + (", …" if len(value) > 8 else "")
        return f"is none of {shown}"
    if keyword in _SAID and isinstance(value, (str, int, float)):
        return _SAID[keyword].format(value)
    if keyword in ("anyOf", "oneOf"):
        return "fits none of the alternatives, or several of oneOf"
    if keyword in ("false", "falseSchema"):
        return "may not be there"
    return f"breaks `{keyword}`"


def _token(part: Any) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")
