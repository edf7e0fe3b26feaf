"""Find the configuration, read it, lay its layers over each other: from a working directory to a Config."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any

from obs_lint.config import extends, find
from obs_lint.config.errors import ConfigError
from obs_lint.config.keys import CONFIG, SCOPED
from obs_lint.config.layers import Layer, Merged, config_from, with_scopes
from obs_lint.config.lines import Path, dotted_key, nearest_line, split_key, toml_layout, toml_lines, yaml_lines
from obs_lint.config.lists import ListEdit, shown
from obs_lint.config.model import Config, Scope
from obs_lint.config.validate import InvalidError, checked


def load(
    cwd: str,
    *,
    config_file: str | None = None,
    isolated: bool = False,
    overrides: Mapping[str, object] = {},
) -> Config:
    """Return the configuration that holds in `cwd`.

    `config_file` is used in place of the nearest file, and `cwd` is the root then; with `isolated` no file is read.
    `overrides` come from the command line: the name of a key (`select`, `fail-on`, `extend_exclude`) → its value; None
    counts as not given, a string for a list is split at commas. Their provenance is `--select` and so on; `select` and
    its siblings combine with the file's as in ruff. Raises ConfigError.
    """
    cwd = os.path.abspath(cwd)
    found = _chosen(cwd, config_file, isolated)
    if found is None:
        return _Reader(cwd, find.project_root(cwd)).config([], None, overrides)
    root = cwd if config_file is not None else os.path.dirname(found.path)
    reader = _Reader(cwd, root)
    name = find.shown(found.path, cwd) if config_file is not None else os.path.basename(found.path)
    return reader.config(reader.layers_of(found, name, ()), found.path, overrides)


def from_table(table: Mapping[str, Any], root: str, *, name: str = find.FILE_NAME) -> Config:
    """Return the configuration that a table of raw values makes in `root`; for tests of rules and for integrations.

    Raises ConfigError, without line numbers.
    """
    root = os.path.abspath(root)
    reader = _Reader(root, root)
    return reader.config(reader.layers_from(table, Source(os.path.join(root, name), name, ())), None, {})


def config_for(config: Config, path: str) -> Config:
    """Return what holds for a file, `path` from the root with `/`: the last scope that covers it, or `config`."""
    if not config.scopes:
        return config
    from obs_lint.patterns import path_matches

    for scope in reversed(config.scopes):
        if any(path_matches(pattern, path) for pattern in scope.paths):
            return scope.config
    return config


def where(config: Config, key: str, item: object = None) -> tuple[str, int | None]:
    """Return the file, as shown, and the line of a key or of one item of its list; ("", None) for defaults.

    `key` is dotted as in `Config.provenance`: `select`, `rules.OBS102.modules`, `per-file-ignores."a/**"`. For an
    option of the command line the file is its name. The file is read for this: it is for messages.
    """
    path = split_key(key)
    names = _source_of(config, path).split(" + ")
    names.reverse()
    for wanted in (item, None) if item is not None else (None,):
        for name in names:
            if name.startswith("--"):
                if wanted is None or len(names) == 1:
                    return name, None
            elif name in config.sources:
                file, prefix = config.sources[name]
                try:
                    line = _line_of(find.read(file, name), file, (*prefix, *path), wanted)
                except ConfigError:
                    line = None
                if line is not None:
                    return find.shown(file, os.getcwd()), line
    return "", None


def locate(config: Config, key: str, item: object = None) -> int | None:
    """Return the 1-based line of a dotted key, or of one item of its list, in the file that it comes from."""
    return where(config, key, item)[1]


def error_at(config: Config, key: str, message: str, *, item: object = None, hint: str = "") -> ConfigError:
    """Return a ConfigError at a key of a configuration: for what only others can tell, such as an unknown code."""
    file, line = where(config, key, item)
    path = split_key(key)
    source = _source_of(config, path).split(" + ")[-1]
    prefix = config.sources[source][1] if source in config.sources else ()
    table = ""
    if source in config.sources:
        text = "" if file.endswith((".yaml", ".yml")) else find.read(config.sources[source][0], source)
        table = _header(_table_of((*prefix, *path), prefix, text, itself=False))
    return ConfigError(message, file=file, key=key, line=line, hint=hint, table=table)


def _source_of(config: Config, path: Path) -> str:
    """Provenance of a key, else of the nearest enclosing key, else of any key below it."""
    here = path
    while here:
        name = dotted_key(here)
        if name in config.provenance:
            return config.provenance[name]
        below = name + "."
        for key, source in config.provenance.items():
            if key.startswith(below):
                return source
        here = here[:-1]
    return "default"


def _line_of(text: str, file: str, path: Path, item: object) -> int | None:
    """Line of a key, or that of one item of its list, None where the item is not in it."""
    yaml = file.endswith((".yaml", ".yml"))
    lines = yaml_lines(text) if yaml else toml_lines(text)
    if item is not None:
        data = _at(find.parsed(text, file, yaml=yaml), path)
        groups: list[tuple[Path, Any]] = [(path, data)]
        if isinstance(data, dict):
            groups = [((*path, "extend"), data.get("extend")), ((*path, "remove"), data.get("remove"))]
        for where_, values in groups:
            if isinstance(values, list) and item in values:
                return nearest_line(lines, (*where_, values.index(item)))
        return None
    return nearest_line(lines, path)


def _at(data: Any, path: Path) -> Any:
    for part in path:
        in_list = isinstance(part, int) and isinstance(data, (list, tuple)) and part < len(data)
        if in_list or (isinstance(part, str) and isinstance(data, Mapping) and part in data):
            data = data[part]
        else:
            return None
    return data


def _header(path: Path) -> str:
    """Write the header of the table that `path` leads to, as TOML does; empty for the top of a file."""
    if not path:
        return ""
    names = dotted_key(tuple(part for part in path if not isinstance(part, int)))
    return f"[[{names}]]" if isinstance(path[-1], int) else f"[{names}]"


def _table_of(path: Path, prefix: Path, text: str, *, itself: bool) -> Path:
    """Return the path of the innermost table with a header in `text` that a key is in; `prefix` where there is none.

    With `itself` the path may be that of the table itself.
    """
    headers = set(toml_layout(text).headers.values()) if text else set()
    for length in range(len(path) - (not itself), len(prefix), -1):
        names = tuple(part for part in path[:length] if not isinstance(part, int))
        if names in headers:
            return path[:length]
    return prefix


def _chosen(cwd: str, config_file: str | None, isolated: bool) -> find.Found | None:
    if config_file is not None:
        if isolated:
            raise ConfigError("--isolated means that no file is read", file="--config", hint="leave one of them out")
        path = os.path.normpath(os.path.join(cwd, config_file))
        if not os.path.isfile(path):
            problem = "is a folder" if os.path.isdir(path) else "does not exist"
            raise ConfigError(f"{find.posix(config_file)} {problem}", file="--config", hint="name a TOML file")
        return find.opened(path, cwd)
    return None if isolated else find.nearest(cwd)


class Source:
    """One table in one file."""

    __slots__ = ("file", "name", "prefix", "text")

    def __init__(self, file: str, name: str, prefix: Path, text: str = "") -> None:
        self.file = file
        self.name = name
        self.prefix = prefix
        self.text = text


class _Reader:
    """Reads files into layers; knows the root and how to speak about files."""

    def __init__(self, cwd: str, root: str) -> None:
        self.cwd = cwd
        self.root = root

    def layers_of(self, found: find.Found, name: str, chain: tuple[str, ...]) -> list[Layer]:
        """Layers of a file: what it extends, lowest first, then itself."""
        data: Any = found.data
        prefix: Path = ()
        base = os.path.basename(found.path)
        if base != find.FILE_NAME and (base == find.PYPROJECT or "tool" in data):
            display = find.shown(found.path, self.cwd)
            table = find.own_table(found, display)
            if table is None:
                raise ConfigError(
                    "has no [tool.obs-lint]", file=display, hint="or name a file with the keys at its top"
                )
            data = table
            prefix = ("tool", "obs-lint")
        return self.layers_from(data, Source(found.path, name, prefix, found.text), chain)

    def layers_from(self, table: Any, source: Source, chain: tuple[str, ...] = ()) -> list[Layer]:
        """Layers of one table of raw values."""
        try:
            values = checked(CONFIG, table)
        except InvalidError as error:
            raise self.error(error, source, table) from None
        layers = self.extended(values, source, table, chain, ())
        folder = os.path.dirname(source.file)
        if chain and folder != self.root:
            values = _rebased(values, folder, self.root)
        return [*layers, Layer(source.name, values, source.file, source.prefix)]

    def extended(
        self, values: Mapping[str, Any], source: Source, raw: Any, chain: tuple[str, ...], at: Path
    ) -> list[Layer]:
        """Layers of everything that `extends` of a table names."""
        entries = values.get("extends", ())
        if isinstance(entries, ListEdit):
            entries = entries.extend
        layers: list[Layer] = []
        for index, entry in enumerate(entries):
            place: Path = (*at, "extends", index)
            chain_here = (*chain, source.file)
            try:
                target = extends.target(entry, os.path.dirname(source.file), self.root, values.get("environment"))
            except extends.NotFoundError as error:
                raise self.error(InvalidError(place, error.message, error.hint), source, raw) from None
            if target.file in chain_here:
                names = [find.under(f, self.root) for f in (*chain_here[chain_here.index(target.file) :], target.file)]
                problem = InvalidError(place, f"leads back to itself: {' → '.join(names)}", about_key=True)
                raise self.error(problem, source, raw)
            layers += self.layers_of(find.opened(target.file, self.cwd), target.name, chain_here)
        return layers

    def config(self, layers: list[Layer], file: str | None, overrides: Mapping[str, object]) -> Config:
        """Merge layers and the command line; make the Config and its scopes."""
        from obs_lint.config.command_line import with_overrides

        merged = Merged()
        for layer in layers:
            self.add(merged, layer)
        scopes = merged.values.get("scopes", ())
        root = FilePath(self.root)
        place = FilePath(file) if file is not None else None
        given = with_overrides(merged.copy(), overrides, self.cwd, self.root)
        config = self.made(given, layers, root, place)
        if not scopes:
            return config
        if isinstance(scopes, ListEdit):
            scopes = scopes.extend
        made = []
        for index, scope in enumerate(scopes):
            own = self.scope_layers(layers, scope, index)
            part = merged.copy()
            for layer in own:
                self.add(part, layer)
            given = with_overrides(part, overrides, self.cwd, self.root)
            made.append(Scope(scope["paths"], self.made(given, [*layers, *own], root, place)))
        return with_scopes(config, tuple(made))

    def scope_layers(self, layers: list[Layer], scope: Mapping[str, Any], index: int) -> list[Layer]:
        """Layers of one scope: what it extends, without keys that hold for the whole run, then its own keys."""
        holder = next((layer for layer in reversed(layers) if scope in _scopes_of(layer)), layers[-1])
        at: Path = ("scopes", _scopes_of(holder).index(scope)) if scope in _scopes_of(holder) else ("scopes", index)
        values = {name: value for name, value in scope.items() if name != "paths"}
        name = f"{holder.name} {dotted_key(at)}"
        source = Source(holder.file, holder.name, holder.prefix)
        own = self.extended(scope, source, None, (), at)
        scoped = {key.name for key in SCOPED}
        for layer in own:
            if "scopes" in layer.values:
                problem = InvalidError(
                    (*at, "extends"), f"extends {layer.name}, which has scopes of its own", about_key=True
                )
                raise self.error(problem, source, None)
        own = [layer._replace(values={k: v for k, v in layer.values.items() if k in scoped}) for layer in own]
        return [*own, Layer(name, values, holder.file, (*holder.prefix, *at))]

    def add(self, merged: Merged, layer: Layer) -> None:
        try:
            merged.add(layer)
        except InvalidError as error:
            raise self.error(error, Source(layer.file, layer.name, layer.prefix), None) from None

    def made(self, merged: Merged, layers: list[Layer], root: FilePath, file: FilePath | None) -> Config:
        try:
            return config_from(merged, root, file)
        except InvalidError as error:
            holder = next((layer for layer in reversed(layers) if error.path[0] in layer.values), layers[-1])
            raise self.error(error, Source(holder.file, holder.name, holder.prefix), None) from None

    def error(self, invalid: InvalidError, source: Source, raw: Any) -> ConfigError:
        """Put file, line and table to a problem; `raw` is the table that the problem's path starts from."""
        path = (*source.prefix, *invalid.path)
        yaml = source.file.endswith((".yaml", ".yml"))
        text = source.text
        if not text and os.path.isfile(source.file):
            text = find.read(source.file, source.name)
        line = nearest_line(yaml_lines(text) if yaml else toml_lines(text), path) if text else None
        if raw is None and text:
            raw = _at(find.parsed(text, source.name, yaml=yaml), source.prefix)
        message = invalid.message
        value = _at(raw, invalid.path)
        about_table = invalid.about_key and isinstance(value, Mapping) and isinstance(path[-1], int)
        table = _table_of(path, source.prefix, "" if yaml else text, itself=about_table)
        if not invalid.path:
            table = ()
        if not invalid.about_key:
            message = _about_value(path[len(table) :], message, value)
        elif inner := path[len(table) : len(path) - (not about_table)]:
            message = f"{dotted_key(inner)}: {message}"
        return ConfigError(
            message,
            file=find.shown(source.file, self.cwd),
            key=dotted_key(invalid.path),
            line=line,
            hint=invalid.hint,
            table=_header(table),
        )


def _about_value(name: Path, message: str, value: Any) -> str:
    """Write a sentence about the value of a key."""
    if not name:
        return message
    scalar = not isinstance(value, (Mapping, list, tuple))
    if message.startswith("expected"):
        key = dotted_key(name)
        return f"{key} = {shown(value)}: {message}" if scalar else f"{key}: {message}, not {shown(value)}"
    while len(name) > 1 and isinstance(name[-1], int):
        name = name[:-1]
    return f"{dotted_key(name)}: {shown(value)} {message}" if scalar else f"{dotted_key(name)} {message}"


def _scopes_of(layer: Layer) -> tuple[Any, ...]:
    given = layer.values.get("scopes", ())
    return given.extend if isinstance(given, ListEdit) else tuple(given)


def _rebased(values: Mapping[str, Any], folder: str, root: str) -> dict[str, Any]:
    """Make paths that an extended file gives relative to the root, or absolute where they are outside it."""

    def moved(path: str) -> str:
        return find.under(os.path.join(folder, path), root)

    out = dict(values)
    for name in ("baseline", "cache-dir", "environment"):
        if name in out:
            out[name] = moved(out[name])
    if "rule-paths" in out:
        out["rule-paths"] = _each(out["rule-paths"], moved)
    if "registry" in out:
        out["registry"] = _each(
            out["registry"], lambda entry: {**entry, "source": _moved_source(entry["source"], moved)}
        )
    return out


def _moved_source(source: str, moved: Any) -> str:
    kind, colon, rest = source.partition(":")
    if colon and kind in ("python", "package"):
        return source
    if colon and kind in ("schemas", "yaml", "lock", "weaver"):
        return f"{kind}:{moved(rest)}"
    return str(moved(source))


def _each(given: Any, change: Any) -> Any:
    if isinstance(given, ListEdit):
        return ListEdit(tuple(map(change, given.extend)), tuple(map(change, given.remove)))
    return tuple(map(change, given))
