"""`obs-lint config`: the resolved configuration, and where each value comes from."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from obs_lint.catalogue import Catalogue
    from obs_lint.config.explain import Row
    from obs_lint.config.model import Config


def add_arguments(parser: ArgumentParser) -> None:
    """Add what `obs-lint config` takes."""
    parser.add_argument("keys", nargs="*", metavar="KEY", help="show these keys only: select, instrument, paths.tests")
    parser.add_argument("--output-format", choices=("text", "json"), default="text", help="default: text")
    parser.add_argument(
        "--config", metavar="FILE", help="use this file; the project's root is the working directory then"
    )
    parser.add_argument("--isolated", action="store_true", help="read no configuration file")


def run(args: Namespace) -> int:
    """Print the configuration and return the exit code. Raises ConfigError and CatalogueError."""
    import os

    from obs_lint.catalogue import load_catalogue
    from obs_lint.config import load
    from obs_lint.reporters.terminal import write

    config = load(os.getcwd(), config_file=args.config, isolated=args.isolated)
    catalogue = load_catalogue(config)
    config = _with_resolved_options(config, catalogue)
    chosen = _chosen(config, args.keys)
    write(sys.stdout, _json(config, chosen) if args.output_format == "json" else _text(config, chosen))
    return 0


def _with_resolved_options(config: Config, catalogue: Catalogue) -> Config:
    """Put the lists that a rule runs with in the place of what extends and shortens them."""
    from dataclasses import replace

    rules = {}
    for name, settings in config.rules.items():
        rule = catalogue.rules.get(name) or catalogue.by_slug[name]
        options = {option: rule.options.get(option, value) for option, value in settings.options.items()}
        rules[name] = replace(settings, options=options)
    scopes = tuple(
        replace(scope, config=_with_resolved_options(scope.config, catalogue.for_config(scope.config)))
        for scope in config.scopes
    )
    return replace(config, rules=rules, scopes=scopes)


def _chosen(config: Config, keys: Sequence[str]) -> tuple[Row, ...]:
    from obs_lint.config import ConfigError
    from obs_lint.config.explain import rows

    every = rows(config)
    if not keys:
        return every
    chosen = []
    for key in keys:
        found = [row for row in every if _is_below(row.key, key)]
        if not found:
            from obs_lint.config.suggest import nearest

            tables = [row.key.partition(".")[0] for row in every]
            guess = nearest(key, (*tables, *(row.key for row in every)))
            raise ConfigError(f'there is no key "{key}"', hint=f'did you mean "{guess}"?' if guess else "")
        chosen += found
    return tuple(chosen)


def _is_below(key: str, wanted: str) -> bool:
    return key == wanted or key.startswith(f"{wanted}.")


def _json(config: Config, chosen: Iterable[Row]) -> str:
    import json

    from obs_lint.config.explain import scope_rows

    names = {row.key for row in chosen}
    document = {
        "version": 1,
        "root": config.root.as_posix(),
        "file": config.file.as_posix() if config.file is not None else None,
        "values": [_entry(row) for row in chosen],
        "scopes": [
            {
                "paths": list(scope.paths),
                "values": [_entry(row) for row in scope_rows(config, scope.config) if _top(row.key, names)],
            }
            for scope in config.scopes
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _entry(row: Row) -> dict[str, object]:
    entry = {"key": row.key, "value": row.value, "from": row.source}
    return {**entry, "unset": row.unset} if row.value is None else entry


def _top(key: str, names: Iterable[str]) -> bool:
    """True for a key that was asked for, or one of its kind (an entry that only the scope has)."""
    return any(key == name or key.rpartition(".")[0] in (name, name.rpartition(".")[0] or None) for name in names)


def _text(config: Config, chosen: Sequence[Row]) -> str:
    from obs_lint.config.explain import scope_rows

    lines = [
        f"root  {config.root.as_posix()}",
        f"file  {config.file.as_posix() if config.file is not None else 'none'}",
        "",
    ]
    lines += _lines(chosen)
    names = {row.key for row in chosen}
    for scope in config.scopes:
        differing = [row for row in scope_rows(config, scope.config) if _top(row.key, names)]
        if differing:
            lines += ["", f"in {', '.join(scope.paths)}", ""]
            lines += _lines(differing)
    return "\n".join(lines) + "\n"


def _lines(chosen: Sequence[Row]) -> list[str]:
    """`key = value  # source`, as TOML where there is a value; long lists one item a line."""
    from obs_lint.config.edit import value_text

    out: list[str] = []
    for row in chosen:
        if row.value is None:
            out.append(f"{row.key}: {row.unset or 'not set'}  # {row.source}")
            continue
        text = f"{row.key} = {value_text(row.value)}"
        if len(text) > 90 and isinstance(row.value, list):
            out.append(f"{row.key} = [  # {row.source}")
            out += [f"    {value_text(item)}," for item in row.value]
            out.append("]")
        else:
            out.append(f"{text}  # {row.source}")
    return out
