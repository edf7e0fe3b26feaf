"""Every key of a Config, its resolved value and where it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, NamedTuple

from obs_lint.config.keys import CONFIG, Entries, Items, Key, Kind, Table
from obs_lint.config.lines import Path, dotted_key
from obs_lint.config.model import Config


class Row(NamedTuple):
    """One key."""

    key: str
    """Dotted, as TOML writes it."""
    value: Any
    """As JSON can have it; None where nothing is said and something else decides."""
    source: str
    """`default`, a file, a preset, a package, an option; several joined by ` + `."""
    unset: str
    """What holds where the value is None."""
    doc: str


def rows(config: Config) -> tuple[Row, ...]:
    """Return every key in the order of the table of keys; scopes are not among them."""
    return tuple(_rows(CONFIG, config, (), config.provenance))


def scope_rows(config: Config, scope: Config) -> tuple[Row, ...]:
    """Return the keys whose value or source in a scope differs from that of the whole configuration."""
    whole = {(row.key, str(row.value), row.source) for row in rows(config)}
    return tuple(row for row in rows(scope) if (row.key, str(row.value), row.source) not in whole)


def _rows(table: Table, owner: Any, path: Path, provenance: Mapping[str, str]) -> Iterator[Row]:
    for key in table.keys:
        if key.name == "scopes":
            continue
        here = (*path, key.name)
        value = owner[key.name] if isinstance(owner, Mapping) else getattr(owner, key.field)
        if isinstance(key.kind, Table):
            yield from _rows(key.kind, value, here, provenance)
        elif isinstance(key.kind, Entries):
            if not value:
                yield Row(dotted_key(here), {}, "default", key.unset, key.doc)
            for name, part in value.items():
                yield from _entry(key, key.kind.value, part, (*here, name), provenance)
        else:
            yield Row(dotted_key(here), _plain(key.kind, value), _source(here, provenance), key.unset, key.doc)


def _entry(key: Key, kind: Kind, value: Any, path: Path, provenance: Mapping[str, str]) -> Iterator[Row]:
    if not isinstance(kind, Table):
        yield Row(dotted_key(path), _plain(kind, value), _source(path, provenance), key.unset, key.doc)
        return
    for inner in kind.keys:
        part = getattr(value, inner.field)
        if part is not None:
            place = (*path, inner.name)
            yield Row(dotted_key(place), _plain(inner.kind, part), _source(place, provenance), inner.unset, inner.doc)
    if kind.rest:
        for name, option in getattr(value, kind.rest).items():
            place = (*path, name)
            yield Row(dotted_key(place), option, _source(place, provenance), "", "An option of the rule.")


def _source(path: Path, provenance: Mapping[str, str]) -> str:
    for length in range(len(path), 0, -1):
        source = provenance.get(dotted_key(path[:length]))
        if source is not None:
            return source
    return "default"


def _plain(kind: Kind, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(kind, Items):
        return [_plain(kind.item, item) for item in value]
    if isinstance(kind, Table):
        out = {}
        for key in kind.keys:
            part = getattr(value, key.field)
            if part is not None:
                out[key.name] = _plain(key.kind, part)
        return out
    return str(value) if isinstance(value, Enum) else value
