"""Whether a value stands in place of one that the registry does not let out, and so is no breach of its type."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from obs_lint.registry.schema_parts import all_of, choices, own_parts, together

_FORBIDDEN: Final = "[redacted]"
_HASHED: Final = re.compile(r"hash:[0-9a-f]{64}")
"""What obs_surface puts there: of a value that is forbidden, and of each leaf of one that is to be hashed."""
_USUAL: Final[Mapping[str, str]] = {"none": "allow", "pseudonymous": "hash", "personal": "forbid", "secret": "forbid"}
"""The classes where a registry declares none."""
_OF_KEYS: Final = frozenset(
    ("required", "additionalProperties", "unevaluatedProperties", "false", "falseSchema", "propertyNames")
)
"""Keywords about which fields there are: no value in them excuses anything."""
_OF_WHOLES: Final = frozenset(
    ("anyOf", "oneOf", "not", "const", "enum", "uniqueItems", "contains", "minContains", "maxContains", "if")
)
"""Keywords of objects and arrays that can't be judged where a part of them is not what it was."""
_MAX_DEPTH: Final = 40


class Names(Protocol):
    """Names of fields that are sensitive whatever a schema says."""

    def cover(self, name: str) -> bool:
        """True where the name is one of them."""


class Redacted:
    """What a payload's schema, the registry's classes and its sensitive names demand of each place in the payload."""

    def __init__(self, schema: Any, classifications: Mapping[str, str], sensitive: Names | None = None) -> None:
        self._root = schema
        self._rules = classifications or _USUAL
        self._sensitive = sensitive

    def excuses(self, payload: Any, pointer: str, keyword: str) -> bool:
        """True where a schema's error at a place is due to a value that had to be redacted or hashed, and was."""
        if keyword in _OF_KEYS:
            return False
        parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
        value = payload
        schema, rule = self._root, ""
        for part in parts:
            if isinstance(value, Mapping) and part in value:
                value, named = value[part], part
            elif isinstance(value, Sequence) and part.isdecimal() and int(part) < len(value):
                value, named = value[int(part)], ""
            else:
                return False
            schema, rule = self._below(schema, named, rule)
        if _is_marker(value, rule):
            return True
        return keyword in _OF_WHOLES and any(_is_marker(*one) for one in self._leaves(value, schema, rule, 0))

    def _leaves(self, value: Any, schema: Any, rule: str, depth: int) -> Iterator[tuple[Any, str]]:
        if depth > _MAX_DEPTH:
            return
        if isinstance(value, Mapping):
            for name, item in value.items():
                yield from self._leaves(item, *self._below(schema, str(name), rule), depth + 1)
        elif isinstance(value, (list, tuple)):
            for item in value:
                yield from self._leaves(item, *self._below(schema, "", rule), depth + 1)
        else:
            yield value, rule

    def _below(self, schema: Any, name: str, rule: str) -> tuple[Any, str]:
        """The schema of a field, or of an array's items where `name` is empty, and what is demanded of its value."""
        said = all_of(list(_said(schema, name, self._root, 0)))
        if rule:
            return said, rule  # what is hashed or forbidden is so with all that it holds
        labels = set(_labels(said, self._root, 0))
        rules = {self._rules.get(label, "forbid") for label in labels}
        for strict in ("forbid", "hash"):
            if strict in rules:
                return said, strict
        if not labels and name and self._sensitive is not None and self._sensitive.cover(name):
            return said, "forbid"
        return said, ""


def _is_marker(value: Any, rule: str) -> bool:
    if not isinstance(value, str):
        return False
    return (rule == "forbid" and value == _FORBIDDEN) or (rule == "hash" and _HASHED.fullmatch(value) is not None)


def _said(schema: Any, name: str, root: Any, depth: int) -> Iterator[Any]:
    """All that is said of a field or of items, of whichever alternative."""
    if not isinstance(schema, Mapping) or depth > _MAX_DEPTH:
        return
    if name:
        yield from own_parts(schema, name)[0]
        yield schema.get("unevaluatedProperties", True)
    else:
        yield from (schema.get(word, True) for word in ("items", "contains", "unevaluatedItems"))
        first = schema.get("prefixItems")
        yield from first if isinstance(first, list) else ()
    for part in _beside(schema, root):
        yield from _said(part, name, root, depth + 1)


def _labels(schema: Any, root: Any, depth: int) -> Iterator[str]:
    if not isinstance(schema, Mapping) or depth > _MAX_DEPTH:
        return
    said = schema.get("x-obs")
    if isinstance(said, Mapping) and said.get("privacy") is not None:
        yield str(said["privacy"])
    for part in _beside(schema, root):
        yield from _labels(part, root, depth + 1)


def _beside(schema: Mapping[str, Any], root: Any) -> Iterable[Any]:
    yield from together(schema, root)
    for group in choices(schema):
        yield from group
