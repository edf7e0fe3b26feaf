"""Checked tables laid over each other, lowest first, and what comes out as a Config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any, NamedTuple

from obs_lint.config.keys import CONFIG, SCOPE, UNSET_BASES, Choice, Entries, Items, Key, Kind, Table, default
from obs_lint.config.lines import Path, dotted_key
from obs_lint.config.lists import ListEdit, NotInListError, apply, compose, edit_of, is_edit
from obs_lint.config.model import DEFAULT_ROLES, Config, Scope
from obs_lint.config.validate import IDENTITY, InvalidError, contradictions


class Layer(NamedTuple):
    """One place that configuration comes from."""

    name: str
    """As `Config.provenance` shows it."""
    values: Mapping[str, Any]
    """Checked."""
    file: str = ""
    """Absolute path; empty for the command line."""
    prefix: Path = ()
    """The keys that lead to the layer's table in its file."""


class Merged:
    """Layers merged so far."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.provenance: dict[str, str] = {}
        self.layers: dict[str, Layer] = {}

    def copy(self) -> Merged:
        """Return an independent copy; values are never changed in place."""
        other = Merged()
        other.values = dict(self.values)
        other.provenance = dict(self.provenance)
        other.layers = dict(self.layers)
        return other

    def add(self, layer: Layer) -> None:
        """Lay `layer` over what is there. Raises InvalidError where an edit of a list can't be done."""
        self.layers[layer.name] = layer
        for key in CONFIG.keys:
            if key.name in layer.values:
                self.values[key.name] = self._merge(
                    CONFIG, key, self.values.get(key.name), layer.values[key.name], (key.name,), layer.name
                )

    def _merge(self, table: Table, key: Key, lower: Any, given: Any, path: Path, source: str) -> Any:
        kind = key.kind
        if isinstance(kind, Items):
            if isinstance(given, ListEdit):
                if lower is None:
                    lower = default(table, key)
                    lower = UNSET_BASES.get(key.name) if lower is None else lower
                given = self._edit(lower, given, path)
                known = self.provenance.get(dotted_key(path), "default")
                source = known if known.endswith(source) else f"{known} + {source}"
                if isinstance(given, tuple) and isinstance(kind.item, Table) and kind.item.cls is not None:
                    identity = IDENTITY.get(kind.item.cls.__name__)
                    if identity is not None:
                        contradictions(kind.item, list(given), identity, path)
            self.provenance[dotted_key(path)] = source
            return given
        if isinstance(kind, Table):
            return self._merge_table(kind, lower or {}, given, path, source)
        if isinstance(kind, Entries):
            out = dict(lower or {})
            inner = Key(key.name, kind.value, key.doc)
            for name, value in given.items():
                below = out.get(name)
                if below is None and isinstance(kind.value, Items):
                    below = ()
                out[name] = self._merge(table, inner, below, value, (*path, name), source)
            return out
        self.provenance[dotted_key(path)] = source
        return given

    def _merge_table(
        self, table: Table, lower: Mapping[str, Any], given: Mapping[str, Any], path: Path, source: str
    ) -> Any:
        out = dict(lower)
        for key in table.keys:
            if key.name in given:
                out[key.name] = self._merge(table, key, lower.get(key.name), given[key.name], (*path, key.name), source)
        if table.rest and table.rest in given:
            options = dict(out.get(table.rest, {}))
            for name, value in given[table.rest].items():
                options[name] = _merge_option(options.get(name), value, (*path, name))
                self.provenance[dotted_key((*path, name))] = source
            out[table.rest] = options
        return out

    def _edit(self, lower: Any, edit: ListEdit, path: Path) -> Any:
        if lower is None:
            return edit
        if isinstance(lower, ListEdit):
            return compose(lower, edit)
        try:
            return apply(tuple(lower), edit)
        except NotInListError as error:
            raise _not_in_list(error, edit, path) from None


def _not_in_list(error: NotInListError, edit: ListEdit, path: Path) -> InvalidError:
    hint = ""
    if isinstance(error.item, str):
        from obs_lint.config.suggest import nearest

        strings = [item for item in error.known if isinstance(item, str)]
        guess = nearest(error.item, strings)
        if guess:
            hint = f'did you mean "{guess}"?'
        else:
            hint = f"it has {', '.join(strings)}" if 0 < len(strings) <= 8 else "" if strings else "it is empty"
    return InvalidError(
        (*path, "remove", edit.remove.index(error.item)), "is not in the list, so it can't be removed", hint
    )


def _merge_option(lower: Any, given: Any, path: Path) -> Any:
    """Lay one option of a rule over another; edits of lists that are not known here stay edits."""
    if not is_edit(given) or lower is None:
        return given
    edit = edit_of(given)
    if is_edit(lower):
        both = compose(edit_of(lower), edit)
        return {name: list(part) for name, part in (("extend", both.extend), ("remove", both.remove)) if part}
    if not isinstance(lower, list):
        return given
    try:
        return list(apply(tuple(lower), edit))
    except NotInListError as error:
        raise _not_in_list(error, edit, path) from None


def config_from(merged: Merged, root: FilePath, file: FilePath | None) -> Config:
    """Make a Config of everything but scopes. Raises InvalidError where a list can't be resolved."""
    values = dict(merged.values)
    values.pop("scopes", None)
    _resolve_unset(values)
    fields = _fields(CONFIG, values)
    if "roles" in fields:
        fields["roles"] = {**DEFAULT_ROLES, **fields["roles"]}
    sources = {name: (layer.file, layer.prefix) for name, layer in merged.layers.items() if layer.file}
    return Config(root=root, file=file, provenance=merged.provenance, sources=sources, **fields)


def with_scopes(config: Config, scopes: tuple[Scope, ...]) -> Config:
    """Return `config` with these scopes."""
    return replace(config, scopes=scopes) if scopes else config


def _resolve_unset(values: dict[str, Any]) -> None:
    """Turn edits of lists whose default is decided later into keys that say the same."""
    for name in ("surface", "source-roots"):
        edit = values.get(name)
        if isinstance(edit, ListEdit):
            if edit.remove:
                raise InvalidError((name, "remove"), "there is no list to remove from", "give the list", about_key=True)
            values[name] = edit.extend
    edit = values.get("select")
    if isinstance(edit, ListEdit):
        del values["select"]
        for key, more in (("extend-select", edit.extend), ("ignore", edit.remove)):
            there = values.get(key, ())
            values[key] = (*there, *(item for item in more if item not in there))


def _fields(table: Table, values: Mapping[str, Any]) -> dict[str, Any]:
    fields = {key.field: _built(key.kind, values[key.name]) for key in table.keys if key.name in values}
    if table.rest and table.rest in values:
        fields[table.rest] = values[table.rest]
    return fields


def _built(kind: Kind, value: Any) -> Any:
    if isinstance(kind, Items):
        if isinstance(kind.item, Table) and kind.item is not SCOPE:
            return tuple(_built(kind.item, item) for item in value)
        return value
    if isinstance(kind, Entries):
        return {name: _built(kind.value, part) for name, part in value.items()}
    if isinstance(kind, Choice):
        return value
    if isinstance(kind, Table):
        fields = _fields(kind, value)
        return fields if kind.cls is None else kind.cls(**fields)
    return value
