"""Shapes: what is known of the keys of a dict, or of the fields of an object, while a payload is followed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from obs_lint.events.model import Field
from obs_lint.facts.model import Pos

_MAX_ALTERNATIVES = 16
"""More values of one field than this are cut off; one that can't be told stands for the rest."""
MAX_FIELDS = 500
"""Fields of one payload; where there are more, the rest is not looked at."""


class Entry(NamedTuple):
    """One field."""

    certain: bool
    """True where it is there on every path."""
    values: tuple[Field, ...]
    """What it can be, in the order in which it is written."""


class Shape(NamedTuple):
    """What a mapping, or an object that stands for one, holds."""

    entries: Mapping[str, Entry]
    complete: bool
    """True where there is nothing else in it."""
    of: tuple[str, int] | None = None
    """File and index of the class that it is an object of; None for a mapping."""
    held: bool = False
    """True where others hold it too, and may change it at any time."""

    @property
    def told(self) -> bool:
        """False where nothing is known of it."""
        return self.complete or bool(self.entries)

    def with_field(self, field: Field, *, certain: bool = True) -> Shape:
        """Return the shape after `x[name] = value`; `certain` is False where that may not happen."""
        entries = dict(self.entries)
        known = entries.get(field.name)
        if certain or known is None:
            if len(entries) >= MAX_FIELDS:
                return Shape(entries, False, self.of, self.held)
            entries[field.name] = Entry(certain, (field,))
        else:
            entries[field.name] = Entry(known.certain, _alternatives((*known.values, field)))
        return Shape(entries, self.complete, self.of, self.held)

    def with_default(self, field: Field) -> Shape:
        """Return the shape after `x.setdefault(name, value)`."""
        known = self.entries.get(field.name)
        if known is None:
            if self.complete:
                return self.with_field(field)
            field = field._replace(value=None)
            return self.with_field(field)
        if known.certain:
            return self
        values = _alternatives((*known.values, field))
        return Shape({**self.entries, field.name: Entry(True, values)}, self.complete, self.of, self.held)

    def without(self, name: str | None) -> Shape:
        """Return the shape after `del x[name]`; None where the name can't be told."""
        if name is not None:
            return Shape(
                {key: entry for key, entry in self.entries.items() if key != name}, self.complete, self.of, self.held
            )
        entries = {key: Entry(False, entry.values) for key, entry in self.entries.items()}
        return Shape(entries, self.complete, self.of, self.held)

    def updated(self, other: Shape) -> Shape:
        """Return the shape after `x.update(other)`."""
        shape = self if other.complete else self.overwritten()
        for entry in other.entries.values():
            for index, field in enumerate(entry.values):
                shape = shape.with_field(field, certain=entry.certain and not index)
        return Shape(shape.entries, shape.complete and other.complete, self.of, self.held)

    def overwritten(self) -> Shape:
        """Return the shape after fields that can't be told have been set."""
        entries = {key: Entry(entry.certain, _unvalued(entry.values)) for key, entry in self.entries.items()}
        return Shape(entries, False, self.of, self.held)

    def shared(self) -> Shape:
        """Return what is known once others hold the same object and may change it.

        A class says which fields its objects have; of a dict any may come or go.
        """
        is_object = self.of is not None
        entries = {
            name: Entry(is_object and entry.certain, _unvalued(entry.values)) for name, entry in self.entries.items()
        }
        return Shape(entries, is_object and self.complete, self.of, held=True)

    def uncertain(self) -> Shape:
        """Return the shape with fields that may all be missing."""
        return self.without(None)

    def open(self) -> Shape:
        """Return the shape as one that may hold more."""
        return Shape(self.entries, False, self.of, self.held)

    def renamed(self, name: Callable[[str], str]) -> Shape:
        """Return the shape with other names; what is renamed to "" is left out."""
        entries = {}
        for old, entry in self.entries.items():
            new = name(old)
            if new:
                entries[new] = Entry(entry.certain, tuple([field._replace(name=new) for field in entry.values]))
        return Shape(entries, self.complete, self.of, self.held)

    def as_mapping(self) -> Shape:
        """Return the shape as that of a dict."""
        return Shape(self.entries, self.complete)

    def fields(self) -> tuple[Field, ...]:
        """Return the fields one after the other, each alternative by itself."""
        return tuple(
            [
                field if entry.certain == field.certain else field._replace(certain=entry.certain)
                for entry in self.entries.values()
                for field in entry.values
            ]
        )


UNTOLD = Shape({}, False)
"""Nothing is known."""
EMPTY = Shape({}, True)


def join(shapes: Iterable[Shape | None]) -> Shape | None:
    """Return what holds of each of the shapes; None, for what never gets there, does not count."""
    result: Shape | None = None
    for shape in shapes:
        if shape is None or shape is result:
            continue
        result = shape if result is None else _joined(result, shape)
    return result


def _joined(left: Shape, right: Shape) -> Shape:
    if left == right:
        return left
    entries: dict[str, Entry] = {}
    for name, entry in left.entries.items():
        other = right.entries.get(name)
        if other is None:
            entries[name] = Entry(False, entry.values)
        else:
            values = entry.values if other.values == entry.values else _alternatives((*entry.values, *other.values))
            entries[name] = Entry(entry.certain and other.certain, values)
    for name, entry in right.entries.items():
        if name not in entries:
            entries[name] = Entry(False, entry.values)
    of = left.of if left.of == right.of else None
    return Shape(entries, left.complete and right.complete, of, left.held or right.held)


def _alternatives(values: Iterable[Field]) -> tuple[Field, ...]:
    kept: dict[tuple[str, Pos, bool], Field] = {}
    for field in values:
        kept.setdefault((field.path, field.pos, field.value is None), field)
    result = tuple(kept.values())
    if len(result) > _MAX_ALTERNATIVES:
        last = result[_MAX_ALTERNATIVES - 1]._replace(value=None)
        return (*result[: _MAX_ALTERNATIVES - 1], last)
    return result


def _unvalued(values: Iterable[Field]) -> tuple[Field, ...]:
    return _alternatives([field if field.value is None else field._replace(value=None) for field in values])
