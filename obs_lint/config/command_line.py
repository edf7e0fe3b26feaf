"""Options of the command line laid over the configuration, with ruff's meaning."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from obs_lint.config import find
from obs_lint.config.errors import ConfigError
from obs_lint.config.keys import CONFIG, Entries, Items, Key, Table, Text
from obs_lint.config.layers import Layer, Merged
from obs_lint.config.lists import ListEdit, shown
from obs_lint.config.validate import InvalidError, checked

_ADDING = ("ignore", "extend-select", "extend-exclude")
"""Options that add to the file's list, as in ruff; the others replace it."""
_KEYS = {key.name: key for key in CONFIG.keys}
_SELECTION = ("select", "extend-select", "ignore")


def with_overrides(merged: Merged, overrides: Mapping[str, object], cwd: str, root: str) -> Merged:
    """Lay options over `merged`, which is changed and returned. Raises ConfigError that names the option."""
    given: dict[str, Any] = {}
    for name, value in overrides.items():
        if value is None:
            continue
        name = name.replace("_", "-")
        given[name] = _read(name, value, cwd, root)
    _select(merged, given)
    for name, value in given.items():
        if name in _SELECTION:
            continue
        if name in _ADDING and isinstance(value, tuple):
            there = merged.values.get(name, ())
            value = (*there, *(item for item in value if item not in there))
        if not isinstance(value, ListEdit) and not isinstance(_KEYS[name].kind, Table):
            merged.values.pop(name, None)
            for key in [k for k in merged.provenance if k.startswith(f"{name}.")]:
                del merged.provenance[key]
            merged.provenance[name] = f"--{name}"
        try:
            merged.add(Layer(f"--{name}", {name: value}))
        except InvalidError as error:
            raise _refused(name, given[name], error) from None
    return merged


def _read(name: str, value: object, cwd: str, root: str) -> Any:
    key = _KEYS.get(name)
    if key is None or name in ("scopes", "extends"):
        raise ConfigError(f'"{name}" is no key of the configuration', file=f"--{name}")
    try:
        value = _split(key, value)
        if os.sep == "\\":
            value = _slashes(key, value)
        if name in ("exclude", "extend-exclude") and isinstance(value, list):
            value = [_inside(item, root) for item in value]
        checked_value = checked(CONFIG, {name: value})[name]
    except InvalidError as error:
        raise _refused(name, value, error) from None
    return _from_cwd(key, checked_value, cwd, root)


def _inside(item: object, root: str) -> object:
    """Turn an absolute path below the root, as ruff takes it too, into a glob that starts at the root: `/build`."""
    if not isinstance(item, str) or not os.path.isabs(item):
        return item
    path = find.under(item, root)
    return path if path.startswith("/") else f"/{path}"


def _refused(name: str, value: object, error: InvalidError) -> ConfigError:
    part = _at(value, error.path[1:])
    words = f"{shown(part)} {error.message}"
    if error.about_key:
        words = error.message
    elif error.message.startswith("expected"):
        words = f"{shown(part)}: {error.message}"
    return ConfigError(words, file=f"--{name}", key=name, hint=error.hint)


def _split(key: Key, value: object) -> Any:
    """Make lists and tables of what a command line gives: `A,B` and `glob:A`."""
    if isinstance(key.kind, Items):
        if isinstance(value, str):
            value = [value]
        if isinstance(value, Iterable) and not isinstance(value, Mapping):
            out: list[object] = []
            for item in value:
                if isinstance(item, str):
                    out += [part.strip() for part in item.split(",") if part.strip()]
                else:
                    out.append(item)
            return out
    if isinstance(key.kind, Entries) and not isinstance(value, Mapping):
        table: dict[str, list[str]] = {}
        items: Iterable[object] = [value] if isinstance(value, str) or not isinstance(value, Iterable) else value
        for item in items:
            if not isinstance(item, str):
                raise InvalidError((key.name,), "expected PATTERN:CODE")
            for part in item.split(","):
                pattern, colon, code = part.strip().rpartition(":")
                if not colon or not pattern or not code:
                    raise ConfigError(
                        f"{shown(part)}: expected PATTERN:CODE",
                        file=f"--{key.name}",
                        key=key.name,
                        hint='"tests/**:OBS102"',
                    )
                table.setdefault(pattern.strip(), []).append(code.strip())
        return table
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value


def _slashes(key: Key, value: Any) -> Any:
    """Turn Windows' backslashes in paths and globs of the command line into `/`."""
    if key.name in ("exclude", "extend-exclude", "source-roots", "rule-paths") and isinstance(value, list):
        return [item.replace("\\", "/") if isinstance(item, str) else item for item in value]
    if key.name == "per-file-ignores" and isinstance(value, Mapping):
        return {str(pattern).replace("\\", "/"): codes for pattern, codes in value.items()}
    return value


def _from_cwd(key: Key, value: Any, cwd: str, root: str) -> Any:
    """Options are relative to the working directory, configuration to the root."""
    below = "" if cwd == root else find.under(cwd, root) + "/"
    if isinstance(key.kind, Text) and key.kind.form.is_path and below:
        return find.under(os.path.join(cwd, value), root)
    if key.name in ("exclude", "extend-exclude") and isinstance(value, tuple):
        return tuple(_moved(glob, below).lstrip("/") for glob in value)
    if key.name == "per-file-ignores":
        return {_moved(glob, below): codes for glob, codes in value.items()}
    return value


def _moved(glob: str, below: str) -> str:
    """Put the working directory before a glob that starts in it."""
    bare = glob.removeprefix("./")
    if not below or "/" not in bare.rstrip("/") or bare.startswith(("**/", "/")):
        return glob
    return below + bare


def _select(merged: Merged, given: Mapping[str, Any]) -> None:
    """Combine the selection as ruff does: a later `select` starts anew, the others change what is there."""
    values = merged.values
    if "select" in given:
        for name in _SELECTION:
            values.pop(name, None)
            merged.provenance.pop(name, None)
        values["select"] = given["select"]
        merged.provenance["select"] = "--select"
    given = {name: value.extend if isinstance(value, ListEdit) else value for name, value in given.items()}
    for name, against in (("extend-select", ("ignore",)), ("ignore", ("select", "extend-select"))):
        if name not in given:
            continue
        for other in against:
            if isinstance(values.get(other), tuple) and other not in given:
                values[other] = tuple(item for item in values[other] if not _covered(item, given[name]))
        there = values.get(name, ())
        values[name] = (*there, *(item for item in given[name] if item not in there))
        known = merged.provenance.get(name)
        merged.provenance[name] = f"{known} + --{name}" if known else f"--{name}"


def _covered(selector: str, by: Iterable[str]) -> bool:
    """True where one of `by` says everything that `selector` says: itself, a prefix of its code, ALL."""
    return any(selector == wide or wide == "ALL" or (wide[:1].isupper() and selector.startswith(wide)) for wide in by)


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return value
    return value
