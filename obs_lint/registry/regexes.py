"""Regular expressions that somebody else wrote: they must compile, and must not be able to take for ever."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

MAX_LENGTH = 2000
"""Characters of the longest pattern that is accepted."""

_MANY = 16
"""A repetition of more turns than this counts as unbounded."""
_OTHER = 128
"""The bit that stands for all characters beyond ASCII."""
_EVERY = (1 << 129) - 1


@lru_cache(1024)
def problem_of(pattern: str) -> str:
    """Say why a pattern can't be used; "" where it can."""
    if len(pattern) > MAX_LENGTH:
        return f"has {len(pattern)} characters; a pattern may have {MAX_LENGTH}"
    try:
        parsed = _parse(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        why = getattr(error, "msg", None) or str(error) or type(error).__name__
        at = getattr(error, "pos", None)
        return f"is no regular expression: {why}" + (f" at character {at + 1}" if isinstance(at, int) else "")
    if _explodes(parsed, None):
        return (
            "repeats what is itself repeated or optional, with nothing to tell the turns apart: "
            "a text that does not fit could take for ever to refuse"
        )
    return ""


@lru_cache(1024)
def compiled(pattern: str) -> re.Pattern[str] | None:
    """Return a pattern ready for use, None for one with a problem."""
    if problem_of(pattern):
        return None
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return re.compile(pattern)


def _parse(pattern: str) -> Any:
    import warnings
    from importlib import import_module

    parser: Any = import_module("re._parser")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        re.compile(pattern)
        return parser.parse(pattern)


def _explodes(items: Iterable[Any], fixed: list[int] | None) -> bool:
    """True where turns of a repetition can be told apart in several ways, so that their number grows exponentially.

    Inside a repetition (`fixed` are the characters that each of its turns must have) a part of varying length needs
    one of
    these that it can't itself match.
    """
    sequence = list(items)
    here = None if fixed is None else [*fixed, *_fixed(sequence)]
    for operator, argument in sequence:
        name = str(operator)
        if name in ("MAX_REPEAT", "MIN_REPEAT"):
            least, most, body = argument
            if here is not None and least != most and not _separated(body, here):
                return True
            turns = list(_fixed(body)) if most > _MANY else None
            if _explodes(body, turns) or (here is not None and turns is None and _explodes(body, here)):
                return True
        elif name == "SUBPATTERN":
            if _explodes(argument[-1], here):
                return True
        elif name == "BRANCH":
            branches = [list(branch) for branch in argument[1]]
            if here is not None and _alike(branches, here):
                return True
            if any(_explodes(branch, here) for branch in branches):
                return True
        elif name in ("ASSERT", "ASSERT_NOT"):
            if _explodes(argument[1], None):
                return True
        elif name == "ATOMIC_GROUP":
            if _explodes(argument, None):
                return True
        elif name == "POSSESSIVE_REPEAT":
            if _explodes(argument[2], None):
                return True
    return False


def _separated(body: Iterable[Any], fixed: list[int]) -> bool:
    mask = _mask(body)
    return any(not mask & one for one in fixed)


def _alike(branches: list[list[Any]], fixed: list[int]) -> bool:
    """True where two branches can match one text, or one is empty and the others can't be told from what follows."""
    for index, one in enumerate(branches):
        if not one:
            if not all(_separated(other, fixed) for other in branches if other):
                return True
            continue
        for other in branches[:index]:
            first, second = _widths(one), _widths(other)
            if first is not None and second is not None and len(first) == len(second):
                if all(a & b for a, b in zip(first, second, strict=True)):
                    return True
    return False


def _fixed(items: Iterable[Any]) -> Iterator[int]:
    """Yield the character sets of which one character each must be there."""
    for operator, argument in items:
        name = str(operator)
        if name in ("LITERAL", "NOT_LITERAL", "IN", "ANY"):
            yield _mask([(operator, argument)])
        elif name == "SUBPATTERN":
            yield from _fixed(argument[-1])
        elif name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT") and argument[0] >= 1:
            yield from _fixed(argument[2])
        elif name == "ATOMIC_GROUP":
            yield from _fixed(argument)


def _widths(items: Iterable[Any]) -> list[int] | None:
    """The character set of each position, None where the length varies."""
    found: list[int] = []
    for operator, argument in items:
        name = str(operator)
        if name in ("LITERAL", "NOT_LITERAL", "IN", "ANY"):
            found.append(_mask([(operator, argument)]))
        elif name == "SUBPATTERN":
            inner = _widths(argument[-1])
            if inner is None:
                return None
            found += inner
        elif name in ("MAX_REPEAT", "MIN_REPEAT") and argument[0] == argument[1] <= _MANY:
            inner = _widths(argument[2])
            if inner is None:
                return None
            found += inner * argument[0]
        elif name != "AT":
            return None
    return found


def _mask(items: Iterable[Any]) -> int:
    """The characters that may occur in what the items match, one bit each."""
    mask = 0
    for operator, argument in items:
        name = str(operator)
        if name == "LITERAL":
            mask |= _bit(argument)
        elif name == "NOT_LITERAL":
            mask |= _EVERY & ~_bit(argument) | 1 << _OTHER
        elif name == "IN":
            mask |= _class(argument)
        elif name == "BRANCH":
            for branch in argument[1]:
                mask |= _mask(branch)
        elif name == "SUBPATTERN":
            mask |= _mask(argument[-1])
        elif name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            mask |= _mask(argument[2])
        elif name == "ATOMIC_GROUP":
            mask |= _mask(argument)
        elif name not in ("AT", "ASSERT", "ASSERT_NOT"):
            return _EVERY
    return mask


def _class(items: Iterable[Any]) -> int:
    mask, negated = 0, False
    for operator, argument in items:
        name = str(operator)
        if name == "NEGATE":
            negated = True
        elif name == "LITERAL":
            mask |= _bit(argument)
        elif name == "RANGE":
            low, high = argument
            for code in range(low, min(high, 127) + 1):
                mask |= 1 << code
            if high > 127:
                mask |= 1 << _OTHER
        elif name == "CATEGORY":
            mask |= _category(str(argument))
        else:
            return _EVERY
    return (_EVERY & ~mask) | 1 << _OTHER if negated else mask


@lru_cache(16)
def _category(name: str) -> int:
    letter = {"DIGIT": "d", "SPACE": "s", "WORD": "w"}.get(name.rpartition("_")[2])
    if letter is None:
        return _EVERY
    matches = re.compile("\\" + (letter.upper() if "NOT" in name else letter)).match
    mask = 1 << _OTHER
    for code in range(128):
        if matches(chr(code)):
            mask |= 1 << code
    return mask


def _bit(code: int) -> int:
    return 1 << min(code, _OTHER)
