"""`obs-lint inventory`: every event, emitter and emission, as a table or JSON; over repositories with --merge."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from obs_lint.inventory.model import Inventory


def add_arguments(parser: ArgumentParser) -> None:
    """Add what `obs-lint inventory` takes."""
    parser.add_argument(
        "--merge",
        nargs="+",
        metavar="FILE",
        help="join inventories that were written with --format json, in place of looking at this project",
    )
    parser.add_argument("--format", choices=("table", "json"), default="table", help="default: table")
    parser.add_argument("--output-file", "-o", metavar="FILE", help="write there (default: standard output)")
    parser.add_argument("--name", metavar="NAME", help="what to call this repository (default: the root folder's name)")
    parser.add_argument("--all", action="store_true", help="every place; the table shows three of an event otherwise")
    parser.add_argument("--tests", action="store_true", help="count what tests and examples emit, too")
    parser.add_argument("--config", metavar="FILE", help="use this file; the root is the working directory")
    parser.add_argument("--no-cache", action="store_true", help="remember nothing and use nothing that was remembered")
    parser.add_argument("--jobs", "-j", type=int, metavar="N", help="processes (default: all cores)")
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="default: auto")


def run(args: Namespace) -> int:
    """Write the inventory; 2 where something could not be read. Raises ConfigError."""
    from dataclasses import replace

    from obs_lint.cli import fail
    from obs_lint.inventory.document import InventoryError

    try:
        found = _merged(args.merge) if args.merge else _of_project(args)
    except InventoryError as error:
        return fail(str(error))
    if args.name:
        found = replace(found, repository=args.name)
    from obs_lint.reporters.terminal import ANSI, PLAIN, resolve_color, resolve_width, write

    if args.format == "json":
        import json

        from obs_lint.inventory.document import document

        text = json.dumps(document(found), indent=2, ensure_ascii=False) + "\n"
    else:
        from obs_lint.inventory.table import table

        colored = not args.output_file and resolve_color(args.color, sys.stdout)
        text = table(found, ANSI if colored else PLAIN, width=resolve_width(sys.stdout), whole=args.all)
    if args.output_file:
        try:
            with open(args.output_file, "w", encoding="utf-8", newline="\n") as stream:
                stream.write(text)
        except OSError as error:
            return fail(f"{args.output_file} can't be written: {error.strerror or error}")
    else:
        write(sys.stdout, text)
    for problem in found.problems:
        write(sys.stderr, f"obs-lint: error: {problem}\n")
    return 2 if found.problems else 0


def _of_project(args: Namespace) -> Inventory:
    import os

    from obs_lint.config import ConfigError, load
    from obs_lint.config.model import wanting
    from obs_lint.entry_points import anchors as entry_anchors
    from obs_lint.events.emissions import emission_anchors
    from obs_lint.inventory.build import inventory
    from obs_lint.opened import opened

    config = load(os.getcwd(), config_file=args.config)
    if wanting(config):
        raise ConfigError(
            "there is no configuration, and nothing says what the surface and the emitters are",
            hint="`obs-lint init` writes one",
        )
    parts = (config, *(scope.config for scope in config.scopes))
    anchors = tuple(anchor for part in parts for anchor in (*emission_anchors(part), *entry_anchors(part)))
    with opened(config, anchors=anchors, use_cache=not args.no_cache, jobs=args.jobs) as (project, store):
        return inventory(project, store, config, tests=args.tests)


def _merged(paths: list[str]) -> Inventory:
    import json

    from obs_lint.inventory.document import InventoryError, inventory_of, merged

    found = []
    for path in paths:
        try:
            with open(path, encoding="utf-8") as stream:
                found.append(inventory_of(json.load(stream), path))
        except (OSError, UnicodeDecodeError) as error:
            raise InventoryError(f"{path} can't be read: {getattr(error, 'strerror', None) or error}") from None
        except ValueError as error:
            raise InventoryError(f"{path} is no JSON: {error}") from None
    return merged(found)
