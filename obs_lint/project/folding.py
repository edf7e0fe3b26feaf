"""Folds operations on constants, as Python would; refuses what is not certain or would grow large."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

Constant = str | int | float | bool | None

_MAX_LENGTH = 4_000
_LARGE_NUMBER = re.compile(r"[0-9]{4,}")
_STRING_METHODS = frozenset(
    "capitalize casefold lower upper title swapcase strip lstrip rstrip replace removeprefix removesuffix zfill".split()
)


class UnfoldableError(Exception):
    """The operation fails, or its result can't be told."""


def binary(operator: str, left: Constant, right: Constant) -> Constant:
    """Fold `left operator right`. Raises UnfoldableError."""
    if operator == "+":
        if isinstance(left, str) and isinstance(right, str):
            return _bounded(left + right)
        if _is_number(left) and _is_number(right):
            return left + right  # type: ignore[operator]
    elif operator == "%" and isinstance(left, str):
        return percent(left, (right,))
    elif operator == "*":
        if isinstance(left, int) and isinstance(right, str):
            left, right = right, left
        if isinstance(left, str) and isinstance(right, int) and len(left) * right <= _MAX_LENGTH:
            return left * right
    elif operator in ("-", "*") and _is_number(left) and _is_number(right) and abs(left) < 1e9 and abs(right) < 1e9:  # type: ignore[arg-type]
        return left - right if operator == "-" else left * right  # type: ignore[operator]
    raise UnfoldableError


def percent(template: str, values: Sequence[Constant] | Mapping[str, Constant]) -> str:
    """Fold `template % values`. Raises UnfoldableError."""
    if _LARGE_NUMBER.search(template):
        raise UnfoldableError
    try:
        return _bounded(template % (tuple(values) if isinstance(values, Sequence) else dict(values)))
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        raise UnfoldableError from error


def formatted(value: Constant, conversion: str, spec: str) -> str:
    """Fold one field of an f-string. Raises UnfoldableError."""
    if _LARGE_NUMBER.search(spec):
        raise UnfoldableError
    try:
        if conversion == "r":
            return _bounded(format(repr(value), spec))
        if conversion == "a":
            return _bounded(format(ascii(value), spec))
        if conversion == "s":
            return _bounded(format(str(value), spec))
        return _bounded(format(value, spec))
    except (TypeError, ValueError, OverflowError) as error:
        raise UnfoldableError from error


def method(value: str, name: str, arguments: Sequence[Constant], keywords: Mapping[str, Constant]) -> Constant:
    """Fold `value.name(…)` for a string. Raises UnfoldableError."""
    if (
        any(isinstance(argument, str) and len(argument) > _MAX_LENGTH for argument in arguments)
        or len(value) > _MAX_LENGTH
    ):
        raise UnfoldableError
    try:
        if name == "format":
            if _LARGE_NUMBER.search(value):
                raise UnfoldableError
            return _bounded(value.format(*arguments, **keywords))
        if name in _STRING_METHODS and not keywords:
            if name == "zfill" and not (isinstance(arguments[0], int) and arguments[0] <= _MAX_LENGTH):
                raise UnfoldableError
            result = getattr(value, name)(*arguments)
            return _bounded(result) if isinstance(result, str) else None
    except (TypeError, ValueError, IndexError, KeyError, AttributeError, OverflowError) as error:
        raise UnfoldableError from error
    raise UnfoldableError


def join(separator: str, parts: Sequence[Constant]) -> str:
    """Fold `separator.join(parts)`. Raises UnfoldableError."""
    if not all(isinstance(part, str) for part in parts):
        raise UnfoldableError
    return _bounded(separator.join(parts))  # type: ignore[arg-type]


def _is_number(value: Constant) -> bool:
    return isinstance(value, int | float)


def _bounded(text: str) -> str:
    if len(text) > _MAX_LENGTH:
        raise UnfoldableError
    return text
