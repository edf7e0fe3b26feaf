"""Whether applying a schema to a value ends: `$ref`s must not come back to themselves, nor multiply beyond measure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from obs_lint.registry.schema_words import IN_PLACE, Path, at_path, subschemas, tokens

MAX_HOPS = 200
"""Schemas within schemas that are applied to one value, one because of the other."""
MAX_APPLIED = 10_000
"""Schemas that are applied to one value, all together."""


def endless(schema: Mapping[str, Any]) -> tuple[Path, str] | None:
    """Return the path of a `$ref` that keeps a schema from coming to an end, and why; None where there is none.

    `schema` refers to nothing outside itself.
    """
    walk = _Walk(schema)
    waiting: list[tuple[Any, Path]] = [(schema, ())]
    while waiting:
        one, at = waiting.pop()
        try:
            walk.count(one, at, at, 0)
        except _EndlessError as error:
            return error.path, error.why
        if isinstance(one, Mapping):
            waiting += [(inner, (*at, *path)) for path, inner in subschemas(one)]
    return None


class _EndlessError(Exception):
    def __init__(self, path: Path, why: str) -> None:
        super().__init__(why)
        self.path = path
        self.why = why


class _Walk:
    """Counts how many schemas are applied to a value to which one is."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self.root = root
        self.counted: dict[int, int] = {}
        self.open: set[int] = set()

    def count(self, schema: Any, at: Path, reference: Path, depth: int) -> int:
        """Return the number for the schema at a path; `reference` is the last `$ref` that was followed to it."""
        if not isinstance(schema, Mapping):
            return 1
        known = self.counted.get(id(schema))
        if known is not None:
            return known
        if id(schema) in self.open:
            why = "the `$ref` comes back to itself for one and the same value: checking one would never end"
            raise _EndlessError(reference, why)
        if depth > MAX_HOPS:
            raise _EndlessError(reference, f"more than {MAX_HOPS} schemas lead to one another for one value")
        self.open.add(id(schema))
        total = 1
        for path, inner in subschemas(schema):
            if path[0] in IN_PLACE:
                total += self.count(inner, (*at, *path), reference, depth + 1)
        said = schema.get("$ref")
        if isinstance(said, str):
            path = tokens(said.partition("#")[2]) or ()
            total += self.count(_at(self.root, path), path, (*at, "$ref"), depth + 1)
            reference = (*at, "$ref")
        if total > MAX_APPLIED:
            raise _EndlessError(reference, f"more than {MAX_APPLIED} schemas are applied to one value")
        self.open.discard(id(schema))
        self.counted[id(schema)] = total
        return total


def _at(root: Any, path: Path) -> Any:
    try:
        return at_path(root, path)
    except LookupError:
        return True
