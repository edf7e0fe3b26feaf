"""What a list of the configuration does to the list below it: replace it, extend it, take away from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple


class ListEdit(NamedTuple):
    """`{ extend = […], remove = […] }`: a change to a list that is not known yet."""

    extend: tuple[Any, ...] = ()
    remove: tuple[Any, ...] = ()


class NotInListError(ValueError):
    """`remove` names something that the list does not have."""

    def __init__(self, item: object, known: Sequence[Any]) -> None:
        super().__init__(f"{shown(item)} is not in the list, so it can't be removed")
        self.item = item
        self.known = tuple(known)


def resolve_list(default: Iterable[Any], given: object) -> tuple[Any, ...]:
    """Return the list that holds: `given` where it is a list, `default` with its `extend` and `remove`, or `default`.

    None gives the default. Order is kept; nothing is added that is there. Raises ValueError where `given` is neither a
    list nor such a table, and `NotInListError`, which is a ValueError, where something is removed that is not there.
    """
    if given is None:
        return tuple(default)
    if isinstance(given, ListEdit):
        return apply(tuple(default), given)
    if isinstance(given, (list, tuple)):
        return tuple(given)
    if isinstance(given, Mapping):
        return apply(tuple(default), edit_of(given))
    raise ValueError(f"expected a list, {{ extend = […] }} or {{ remove = […] }}, not {shown(given)}")


def edit_of(given: Mapping[Any, Any]) -> ListEdit:
    """Read `{ extend = […], remove = […] }`. Raises ValueError for anything else."""
    for key, value in given.items():
        if key not in ("extend", "remove"):
            raise ValueError(f"unknown key {shown(key)}; expected a list, {{ extend = […] }} or {{ remove = […] }}")
        if not isinstance(value, (list, tuple)):
            raise ValueError(f"{key} = {shown(value)}: expected a list")
    if not given:
        raise ValueError("expected a list, { extend = […] } or { remove = […] }, not an empty table")
    return ListEdit(tuple(given.get("extend", ())), tuple(given.get("remove", ())))


def is_edit(value: object) -> bool:
    """True for a table that has nothing but `extend` and `remove` with lists."""
    return (
        isinstance(value, Mapping)
        and bool(value)
        and all(k in ("extend", "remove") and isinstance(v, (list, tuple)) for k, v in value.items())
    )


def apply(base: tuple[Any, ...], edit: ListEdit) -> tuple[Any, ...]:
    """Take `edit.remove` out of `base`, then add what of `edit.extend` is not there. Raises NotInListError."""
    for item in edit.remove:
        if item not in base:
            raise NotInListError(item, base)
    kept = [item for item in base if item not in edit.remove]
    for item in edit.extend:
        if item not in kept:
            kept.append(item)
    return tuple(kept)


def compose(lower: ListEdit, higher: ListEdit) -> ListEdit:
    """Return the edit that does what `lower` and then `higher` do, where what `lower` adds was not there before."""
    extend = [item for item in lower.extend if item not in higher.remove]
    extend += [item for item in higher.extend if item not in extend]
    remove = [item for item in lower.remove if item not in higher.extend]
    remove += [item for item in higher.remove if item not in remove and item not in lower.extend]
    return ListEdit(tuple(extend), tuple(remove))


def shown(value: object) -> str:
    """Write a value as TOML would, short enough for a message."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        text = '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in value).replace('"', '\\"') + '"'
    elif isinstance(value, Mapping):
        return "a table"
    elif isinstance(value, (list, tuple)):
        return "a list"
    elif value is None:
        return "null"
    else:
        try:
            text = str(value)
        except ValueError:
            text = "a number with thousands of digits"
    return text if len(text) <= 80 else text[:60] + "…" + ('"' if text[0] == '"' else "")
