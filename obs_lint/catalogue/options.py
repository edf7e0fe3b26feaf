"""Options of a check: a mapping from YAML and TOML → the check's own frozen dataclass, checked by its annotations."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

from obs_lint.catalogue.schema import Place, named, suggestion
from obs_lint.config.lists import NotInListError, resolve_list

OptionsT = TypeVar("OptionsT")


class OptionError(ValueError):
    """An option that does not exist or has a value of the wrong type."""

    def __init__(self, place: Place, message: str) -> None:
        """`place` is the option's key and what is below it."""
        super().__init__(message)
        self.place = place
        self.message = message


def _key(name: str) -> str:
    return name.replace("_", "-")


def keys(cls: type[Any]) -> tuple[str, ...]:
    """Return the option names of a check's dataclass, as rules write them."""
    return tuple(_key(field.name) for field in fields(cls))


def default(cls: type[Any], key: str) -> Any:
    """Return the default of an option. Raises KeyError where there is no such option, or it has none."""
    for field in fields(cls):
        if _key(field.name) == key:
            if field.default_factory is not MISSING:
                return field.default_factory()
            if field.default is not MISSING:
                return field.default
    raise KeyError(key)


def build(cls: type[OptionsT], given: Mapping[str, Any]) -> OptionsT:
    """Make the options from what is given; the dataclass's defaults stand for the rest. Raises OptionError."""
    if not is_dataclass(cls):
        raise TypeError(f"{cls.__name__} is no dataclass")
    hints = get_type_hints(cls)
    names = {_key(field.name): field.name for field in fields(cls)}
    values: dict[str, Any] = {}
    for key, value in given.items():
        if key not in names:
            raise OptionError((key,), f"no such option{suggestion(key, list(names))}")
        values[names[key]] = _convert(value, hints[names[key]], (key,))
    for field in fields(cls):
        required = field.default is MISSING and field.default_factory is MISSING
        if required and field.name not in values:
            raise OptionError((_key(field.name),), "is required")
    return cls(**values)


def overlay(cls: type[Any], base: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Lay `given` over `base`: a value replaces, `{extend = …}` adds, `{remove = […]}` takes away.

    Raises OptionError.
    """
    made = dict(base)
    defaults = {_key(field.name): field for field in fields(cls)}
    for key, value in given.items():
        if key not in defaults:
            raise OptionError((key,), f"no such option{suggestion(key, list(defaults))}")
        if not (isinstance(value, dict) and value and value.keys() <= {"extend", "remove"}):
            made[key] = value
            continue
        field = defaults[key]
        has_default = field.default is not MISSING or field.default_factory is not MISSING
        start = made[key] if key in made else default(cls, key) if has_default else ()
        made[key] = _amend(start, value, (key,))
    return made


def _amend(start: Any, given: Mapping[str, Any], place: Place) -> Any:
    """Apply `{extend: …, remove: …}` to a list or a mapping."""
    try:
        if isinstance(start, Mapping):
            extend = given.get("extend", {})
            if not isinstance(extend, Mapping):
                raise OptionError((*place, "extend"), f"must be a mapping, not {named(extend)}")
            present = {**start, **extend}
            kept = resolve_list(present, {"remove": given.get("remove", [])})
            return {key: present[key] for key in kept}
        if isinstance(start, (list, tuple, frozenset)):
            return resolve_list(sorted(start) if isinstance(start, frozenset) else start, given)
    except NotInListError as error:
        hint = suggestion(error.item, list(error.known)) if isinstance(error.item, str) else ""
        raise OptionError((*place, "remove"), f"{error}{hint}") from None
    except OptionError:
        raise
    except ValueError as error:
        raise OptionError(place, str(error)) from None
    raise OptionError(place, "is no list; give its value without extend or remove")


def _convert(value: Any, hint: Any, place: Place) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        errors: list[OptionError] = []
        for choice in arguments:
            if choice is not type(None):
                try:
                    return _convert(value, choice, place)
                except OptionError as error:
                    errors.append(error)
        if len(errors) == 1:
            raise errors[0]
        raise OptionError(place, f"must be {spell(hint)}, not {named(value)}")
    if origin is Literal:
        if value not in arguments or isinstance(value, bool) != any(value is choice for choice in (True, False)):
            hint_text = suggestion(value, [str(choice) for choice in arguments]) if isinstance(value, str) else ""
            hint_text = "" if hint_text.startswith("; known") else hint_text
            raise OptionError(place, f"must be {spell(hint)}, not {named(value)}{hint_text}")
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint in (str, int, float, bool):
        if type(value) is not hint:
            quote = "; put it in quotes" if hint is str and not isinstance(value, (list, dict)) else ""
            raise OptionError(place, f"must be {spell(hint)}, not {named(value)}{quote}")
        return value
    if origin in (tuple, frozenset):
        if isinstance(value, str) or not isinstance(value, (list, tuple, frozenset)):
            raise OptionError(place, f"must be {spell(hint)}, not {named(value)}")
        return origin(_convert(item, arguments[0], (*place, i)) for i, item in enumerate(value))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise OptionError(place, f"must be {spell(hint)}, not {named(value)}")
        for key in value:
            if not isinstance(key, str):
                raise OptionError(place, f"key {named(key)} must be text; put it in quotes")
        return {key: _convert(item, arguments[1], (*place, key)) for key, item in value.items()}
    raise TypeError(f"options can't have the type {hint!r}")


_PLAIN: Mapping[Any, str] = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
_MANY: Mapping[Any, str] = {str: "texts", int: "whole numbers", float: "numbers", bool: "true or false"}


def spell(hint: Any) -> str:
    """Say a type in words: `a list of texts`."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in _PLAIN:
        return _PLAIN[hint]
    if origin is Literal:
        return " or ".join(f"`{choice}`" for choice in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(spell(choice) for choice in arguments if choice is not type(None))
    if origin in (tuple, frozenset):
        return f"a list of {_MANY.get(arguments[0]) or spell(arguments[0])}"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"a mapping of names to {_MANY.get(arguments[1]) or spell(arguments[1])}"
    return "anything"


class Option(NamedTuple):
    """One option, for people."""

    name: str
    type: str
    """In words."""
    default: Any
    """None where it is required."""
    about: str
    """The docstring under the field; empty where there is none."""
    schema: Mapping[str, Any]
    """JSON Schema of its value."""


def describe(cls: type[Any]) -> tuple[Option, ...]:
    """Return the options of a check as documented in its source."""
    hints = get_type_hints(cls)
    about = dict(_docstrings(cls))
    made = []
    for field in fields(cls):
        required = field.default is MISSING and field.default_factory is MISSING
        made.append(
            Option(
                name=_key(field.name),
                type=spell(hints[field.name]),
                default=None if required else plain(default(cls, _key(field.name))),
                about=about.get(field.name, ""),
                schema=json_schema(hints[field.name]),
            )
        )
    return tuple(made)


def plain(value: Any) -> Any:
    """Return a value as JSON and YAML have it: lists for tuples, sorted lists for sets."""
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return value


def _docstrings(cls: type[Any]) -> Iterator[tuple[str, str]]:
    """Yield (field, docstring under it), from the source."""
    import ast
    import inspect
    import textwrap
    from itertools import pairwise

    for base in reversed(cls.__mro__[:-1]):
        try:
            source = textwrap.dedent(inspect.getsource(base))
        except (OSError, TypeError):
            continue
        body = getattr(ast.parse(source).body[0], "body", [])
        for statement, below in pairwise(body):
            if (
                isinstance(statement, ast.AnnAssign)
                and isinstance(statement.target, ast.Name)
                and isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
                and isinstance(below.value.value, str)
            ):
                yield statement.target.id, " ".join(below.value.value.split())


def json_schema(hint: Any) -> dict[str, Any]:
    """Return the JSON Schema of values of a type."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in _PLAIN:
        return {"type": {str: "string", int: "integer", float: "number", bool: "boolean"}[hint]}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in (Union, types.UnionType):
        return {"anyOf": [json_schema(choice) for choice in arguments if choice is not type(None)]}
    if origin in (tuple, frozenset):
        return {"type": "array", "items": json_schema(arguments[0])}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": json_schema(arguments[1])}
    return {}
