"""What must not leave: payloads are rewritten as the registry's privacy classes and sensitive names say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

FORBIDDEN = "[redacted]"
"""Stands in place of what may not leave; null stays null."""
_ALLOW, _HASH, _FORBID = 1, 2, 3
_RULES = {"allow": _ALLOW, "hash": _HASH, "forbid": _FORBID}
_USUAL = {"none": "allow", "pseudonymous": "hash", "personal": "forbid", "secret": "forbid"}
"""Where a registry declares no classes (registry.md)."""
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_HASHED = re.compile(r"hash:[0-9a-f]{64}").fullmatch
_SCALARS = frozenset((str, int, float, bool, type(None)))
_MANY = 4096
"""Keys remembered a place: those of payloads that use data as keys must not fill the memory."""


def hasher(key: bytes) -> Callable[[Any], str]:
    """Return the function that pseudonymises: HMAC-SHA-256 under the deployment's key, as `hash:` and 64 hex digits.

    The same value gives the same text in every process that has the same key. A str counts by its characters, anything
    else by its JSON. What is already such a text stays.
    """
    import hashlib
    import json

    from obs_surface.encoding import plain

    # RFC 2104 from two prepared halves: hmac.digest, which prepares them each time, takes two to three times as long.
    block = (key if len(key) <= 64 else hashlib.sha256(key).digest()).ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))
    canonical = json.JSONEncoder(sort_keys=True, allow_nan=False, separators=(",", ":")).encode

    def hashed(value: Any) -> str:
        if isinstance(value, str):
            if _HASHED(value):
                return value
            data = value.encode("utf-8", "surrogatepass")
        else:
            try:
                data = canonical(value).encode()
            except (TypeError, ValueError, RecursionError):
                data = canonical(plain(value)[0]).encode()
        first, second = inner.copy(), outer.copy()
        first.update(data)
        second.update(first.digest())
        return "hash:" + second.hexdigest()

    return hashed


class SensitiveNames:
    """The registry's `sensitive-names`, compared by their words: `apiKey` is `api_key`; `*_key` covers words before."""

    __slots__ = ("_ends", "_whole")

    def __init__(self, names: Iterable[str]) -> None:
        self._whole: set[tuple[str, ...]] = set()
        self._ends: set[tuple[str, ...]] = set()
        for name in names:
            words = _words(name)
            if words:
                (self._ends if name.startswith("*") else self._whole).add(words)

    def __bool__(self) -> bool:
        return bool(self._whole or self._ends)

    def cover(self, name: str) -> bool:
        """True where the name is one of them."""
        words = _words(name)
        return words in self._whole or any(words[start:] in self._ends for start in range(len(words)))


def _words(name: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _WORD.findall(name))


class Redaction:
    """Makes plans: one a schema, and one for what has none (fields of log lines)."""

    def __init__(
        self, classifications: Mapping[str, str], sensitive_names: Iterable[str], hashed: Callable[[Any], str]
    ) -> None:
        self._rules = {name: _RULES.get(rule, _FORBID) for name, rule in (classifications or _USUAL).items()}
        self._names = SensitiveNames(sensitive_names)
        self._hashed = hashed

    def plan(self, schema: Any) -> Callable[[dict[str, Any]], dict[str, Any]] | None:
        """Return what rewrites payloads of a schema, None where there is nothing to look for.

        It returns its argument where nothing had to be changed, else a copy; the argument is never changed. What the
        schema classifies decides, where it says nothing the sensitive names do. Of several classes (`allOf`, `$ref`…)
        the strictest counts, and one that the registry does not declare forbids.
        """
        if not self._names and not _classifies(schema):
            return None
        return _Place(self, schema if isinstance(schema, dict) else {}, (schema,)).object

    def fields(self) -> Callable[[dict[str, Any]], dict[str, Any]] | None:
        """Return the plan for fields that no schema describes."""
        return self.plan({})

    def rule_of(self, parts: Iterable[Mapping[str, Any]]) -> int:
        """Return the strictest rule that parts of a schema give their value, 0 where none says anything."""
        found = 0
        for part in parts:
            said = part.get("x-obs")
            label = said.get("privacy") if isinstance(said, Mapping) else None
            if label is not None:
                found = max(found, self._rules.get(str(label), _FORBID))
        return found

    def rule_of_name(self, name: str) -> int:
        """Return the rule of a field that no schema classifies."""
        return _FORBID if self._names and self._names.cover(name) else 0

    def replaced(self, rule: int, value: Any) -> Any:
        """Return what stands in place of a value: of an object or array to be hashed, one with every leaf hashed."""
        if value is None:
            return None
        if rule == _FORBID:
            return FORBIDDEN
        try:
            return self._pseudonym(value)
        except RecursionError:
            return self._hashed(value)

    def _pseudonym(self, value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, dict):
            return {key: self._pseudonym(each) for key, each in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._pseudonym(each) for each in value]
        return self._hashed(value)


class _Place(dict[str, tuple[int, "_Place"]]):
    """One place in payloads, as key → (rule: 0 none, else hash or forbid; the place below). Keys are found out once."""

    __slots__ = ("_below", "_nodes", "_redaction", "_root")

    def __init__(self, redaction: Redaction, root: Mapping[str, Any], nodes: Iterable[Any]) -> None:
        super().__init__()
        self._redaction = redaction
        self._root = root
        self._nodes = tuple(_parts(root, nodes))
        self._below: tuple[int, _Place] | None = None

    def __missing__(self, key: Any) -> tuple[int, _Place]:
        if not isinstance(key, str):
            raise TypeError("a key is no string")  # the careful way makes it one first
        nodes: list[Any] = []
        known = False
        for node in self._nodes:
            properties = node.get("properties")
            if isinstance(properties, dict) and key in properties:
                nodes.append(properties[key])
                known = True
            for pattern, below in (node.get("patternProperties") or {}).items():
                try:
                    if re.search(pattern, key):
                        nodes.append(below)
                        known = True
                except re.error:
                    nodes.append(below)
            if not known:
                nodes.extend(
                    node[word]
                    for word in ("additionalProperties", "unevaluatedProperties")
                    if isinstance(node.get(word), dict)
                )
        place = _Place(self._redaction, self._root, nodes)
        rule = self._redaction.rule_of(place._nodes) or self._redaction.rule_of_name(key)
        found = (0 if rule == _ALLOW else rule, place)
        if len(self) < _MANY:
            self[key] = found
        return found

    def object(self, value: dict[str, Any]) -> dict[str, Any]:
        """Return the object as it may leave: itself, or a copy."""
        changed = None
        for key, each in value.items():
            rule, below = self[key]
            if rule:
                new = self._redaction.replaced(rule, each)
            elif each.__class__ in _SCALARS:
                continue
            else:
                new = below.any(each)
            if new is not each:
                if changed is None:
                    changed = dict(value)
                changed[key] = new
        return value if changed is None else changed

    def any(self, value: Any) -> Any:
        """Return any value as it may leave."""
        if isinstance(value, dict):
            return self.object(value)
        if isinstance(value, (list, tuple)):
            return self._array(value)
        return value

    def _array(self, value: list[Any] | tuple[Any, ...]) -> Any:
        if self._below is None:
            self._below = self._items()
        rule, below = self._below
        changed: list[Any] | None = None
        for at, each in enumerate(value):
            if rule:
                new = self._redaction.replaced(rule, each)
            elif each.__class__ in _SCALARS:
                continue
            else:
                new = below.any(each)
            if new is not each:
                if changed is None:
                    changed = list(value)
                changed[at] = new
        return value if changed is None else changed

    def _items(self) -> tuple[int, _Place]:
        nodes: list[Any] = []
        for node in self._nodes:
            nodes.extend(
                node[word] for word in ("items", "contains", "unevaluatedItems") if isinstance(node.get(word), dict)
            )
            nodes.extend(node.get("prefixItems") or ())
        place = _Place(self._redaction, self._root, nodes)
        rule = self._redaction.rule_of(place._nodes)
        return (0 if rule == _ALLOW else rule), place


_APPLIED = ("allOf", "anyOf", "oneOf")
_BRANCHES = ("if", "then", "else", "not")


def _parts(root: Mapping[str, Any], nodes: Iterable[Any]) -> list[Mapping[str, Any]]:
    """Return all schemas that speak of one value: what `$ref`, `allOf` and the like lead to."""
    found: list[Mapping[str, Any]] = []
    seen: set[int] = set()
    todo = list(nodes)
    while todo:
        node = todo.pop()
        if not isinstance(node, dict) or id(node) in seen:
            continue
        seen.add(id(node))
        found.append(node)
        target = node.get("$ref")
        if isinstance(target, str):
            todo.append(_at(root, target))
        for word in _APPLIED:
            todo.extend(node.get(word) or ())
        todo.extend(node.get(word) for word in _BRANCHES)
        todo.extend((node.get("dependentSchemas") or {}).values())
    return found


def _at(root: Mapping[str, Any], reference: str) -> Any:
    """Return what a reference within the schema points to, None for any other: a lock has none."""
    if not reference.startswith("#"):
        return None
    node: Any = root
    for part in reference[1:].split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")
        if isinstance(node, list) and part.isdecimal() and int(part) < len(node):
            node = node[int(part)]
        elif isinstance(node, dict):
            node = node.get(part)
        else:
            return None
    return node


def _classifies(schema: Any) -> bool:
    """True where any part of a schema has a class."""
    todo = [schema]
    while todo:
        node = todo.pop()
        if isinstance(node, dict):
            said = node.get("x-obs")
            if isinstance(said, Mapping) and said.get("privacy") is not None:
                return True
            todo.extend(node.values())
        elif isinstance(node, list):
            todo.extend(node)
    return False
