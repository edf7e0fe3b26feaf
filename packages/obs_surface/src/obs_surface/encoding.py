"""Values to JSON: fast where they are plain; whatever they are, JSON that tells no more than it may."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from obs_surface.errors import Problem

MAX_DEPTH = 64
"""Objects and arrays inside each other."""
MAX_NODES = 100_000
"""Values of one payload; what comes after them is cut off."""
_MAX_BITS = 1024
_CUT = "[truncated]"

_write = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class Codec(NamedTuple):
    """What writes and reads the lines of events that are as they should be."""

    dumps: Callable[[Any], bytes]
    """A plain value as JSON in UTF-8. Raises TypeError, ValueError or RecursionError for what is not plain."""
    loads: Callable[[bytes], Any]


@lru_cache(maxsize=1)
def codec() -> Codec:
    """Return orjson where it is installed, else the standard library's json. The import takes 10 ms: not at start."""
    try:
        import orjson
    except ImportError:
        return Codec(_dumps_checked, loads_plain)
    write, option = orjson.dumps, orjson.OPT_PASSTHROUGH_DATACLASS

    def dumps(value: Any) -> bytes:
        # An object is not written by its fields: nobody classified them, and redaction did not look at them.
        return write(value, None, option)

    return Codec(dumps, orjson.loads)


def _dumps_checked(value: Any) -> bytes:
    """As orjson does, refuse the keys that the standard library would turn into text by itself."""
    if not _has_text_keys(value):
        raise TypeError("a key is no string")
    return _write(value).encode()


def _has_text_keys(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _has_text_keys(each) for key, each in value.items())
    if isinstance(value, (list, tuple)):
        return all(_has_text_keys(each) for each in value)
    return True


def dumps_plain(tree: Any) -> bytes:
    """Return what `plain` returned as JSON in UTF-8. Raises as `Codec.dumps` for anything else."""
    return _write(tree).encode()


def loads_plain(data: bytes) -> Any:
    """Parse what `dumps_plain` wrote: integers of any size stay what they are."""
    return json.loads(data)


def pointer_to(path: tuple[str | int, ...], declared: frozenset[str] | None = None) -> str:
    """Return a JSON pointer (RFC 6901). With `declared`, keys that are not among it are `*`: they may be data."""
    parts = []
    for part in path:
        if isinstance(part, int):
            parts.append(f"/{part}")
        elif declared is not None and part not in declared:
            parts.append("/*")
        else:
            parts.append("/" + part.replace("~", "~0").replace("/", "~1"))
    return "".join(parts)


def has_nonfinite(value: Any) -> bool:
    """True where a NaN or an infinity is in a plain value: orjson writes those as null."""
    if isinstance(value, float):
        return value - value != 0
    if isinstance(value, dict):
        return any(has_nonfinite(each) for each in value.values())
    if isinstance(value, (list, tuple)):
        return any(has_nonfinite(each) for each in value)
    return False


def plain(
    value: Any, path: tuple[str | int, ...] = (), declared: frozenset[str] | None = None
) -> tuple[Any, list[Problem]]:
    """Return a value as a new tree of dict, list, str, int, float, bool and None, and what could not stay as it was.

    UUIDs, dates, times, Decimals, paths and enums become what JSON has for them. Any other object becomes the name of
    its type in angle brackets: its repr may hold anything. What contains itself, is deeper than MAX_DEPTH or larger
    than MAX_NODES is cut. Raises nothing, whatever the objects do.
    """
    return _Plain(declared).of(value, path)


class _Plain:
    def __init__(self, declared: frozenset[str] | None) -> None:
        self._declared = declared
        self._above: set[int] = set()
        self._left = MAX_NODES
        self._problems: list[Problem] = []

    def of(self, value: Any, path: tuple[str | int, ...]) -> tuple[Any, list[Problem]]:
        return self._any(value, path), self._problems

    def _problem(self, path: tuple[str | int, ...], keyword: str) -> None:
        problem = Problem(pointer_to(path, self._declared), keyword)
        if len(self._problems) < 100 and problem not in self._problems:
            self._problems.append(problem)

    def _any(self, value: Any, path: tuple[str | int, ...]) -> Any:
        self._left -= 1
        if value is None or value is True or value is False:
            return value
        kind = type(value)
        if kind is str:
            return self._text(value, path)
        if kind is int:
            return self._integer(value, path)
        if kind is float:
            return self._number(value, path)
        try:
            return self._other(value, path)
        except RecursionError:
            self._problem(path, "maxDepth")
            return _CUT
        except Exception:  # noqa: BLE001 - an object's own code ran: whatever it raises, the event goes out
            self._problem(path, "serialisable")
            return f"<{kind.__name__}>"

    def _text(self, value: str, path: tuple[str | int, ...]) -> str:
        try:
            value.encode()
        except UnicodeEncodeError:
            self._problem(path, "serialisable")
            return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return value

    def _integer(self, value: int, path: tuple[str | int, ...]) -> Any:
        if value.bit_length() > _MAX_BITS:  # Python itself refuses to write those of more than 4300 digits
            self._problem(path, "serialisable")
            return "<int>"
        return value

    def _number(self, value: float, path: tuple[str | int, ...]) -> float | None:
        if value - value != 0:
            self._problem(path, "finite")
            return None
        return value

    def _other(self, value: Any, path: tuple[str | int, ...]) -> Any:
        if isinstance(value, (Mapping, list, tuple, set, frozenset)):
            return self._container(value, path)
        known, converted = _converted(value)
        if known:
            return self._any(converted, path)
        self._problem(path, "serialisable")
        return f"<{type(value).__name__}>"

    def _container(self, value: Any, path: tuple[str | int, ...]) -> Any:
        if id(value) in self._above:
            self._problem(path, "circular")
            return "[circular]"
        if len(path) > MAX_DEPTH:
            self._problem(path[:8], "maxDepth")
            return _CUT
        self._above.add(id(value))
        try:
            if isinstance(value, Mapping):
                return self._object(value, path)
            items = sorted(value, key=_order) if isinstance(value, (set, frozenset)) else value
            found = []
            for at, each in enumerate(items):
                if self._left <= 0:
                    self._problem(path, "maxItems")
                    break
                found.append(self._any(each, (*path, at)))
            return found
        finally:
            self._above.discard(id(value))

    def _object(self, value: Mapping[Any, Any], path: tuple[str | int, ...]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, each in value.items():
            if self._left <= 0:
                self._problem(path, "maxProperties")
                break
            if type(key) is str:
                name = self._text(key, (*path, key))
            else:
                self._problem((*path, "*"), "propertyName")
                name = self._key(key, path)
            found[name] = self._any(each, (*path, name))
        return found

    def _key(self, key: Any, path: tuple[str | int, ...]) -> str:
        if isinstance(key, str):
            return self._text(str.__str__(key), path)
        known, converted = _converted(key) if not isinstance(key, (int, float, type(None))) else (True, key)
        if (known and converted is None) or isinstance(converted, (bool, int, float)):
            if isinstance(converted, int) and converted.bit_length() > _MAX_BITS:
                return "<int>"
            return json.dumps(converted)
        return self._text(converted, path) if known and isinstance(converted, str) else f"<{type(key).__name__}>"


def _order(value: Any) -> tuple[str, str]:
    """The order in which a set is written: the same in every process."""
    return type(value).__name__, value if isinstance(value, str) else repr(value) if isinstance(
        value, (int, float)
    ) else ""


def _converted(value: Any) -> tuple[bool, Any]:
    """Return (True, what JSON has for it) for the types whose text is their whole value."""
    import datetime as dt
    import decimal
    import enum
    import pathlib
    import uuid

    if isinstance(value, enum.Enum):
        return True, value.value
    if isinstance(value, bool):
        return True, bool(value)
    if isinstance(value, str):
        return True, str.__str__(value)
    if isinstance(value, int):
        return True, int.__int__(value)
    if isinstance(value, float):
        return True, float.__float__(value)
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        return True, value.isoformat()
    if isinstance(value, (uuid.UUID, decimal.Decimal, pathlib.PurePath)):
        return True, str(value)
    return False, None
