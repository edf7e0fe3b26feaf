"""`obs-lint export`: what ruff, flake8 and import-linter can hold of the same rules, as their configuration."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    """Add what `obs-lint export` takes."""
    parser.add_argument(
        "tool",
        choices=("ruff", "flake8", "import-linter"),
        metavar="TOOL",
        help="ruff (a ruff.toml), flake8 (for .flake8, with flake8-tidy-imports), import-linter (for pyproject.toml)",
    )
    parser.add_argument("--output-file", "-o", metavar="FILE", help="write there (default: standard output)")
    parser.add_argument("--pyproject", action="store_true", help="ruff: as tables of a pyproject.toml")
    parser.add_argument("--config", metavar="FILE", help="use this file; the root is the working directory")


def run(args: Namespace) -> int:
    """Write the configuration and return the exit code. Raises ConfigError and CatalogueError."""
    import os

    from obs_lint.cli import fail
    from obs_lint.config import load
    from obs_lint.integrations.equivalents import WRITERS, ban_of, ruff
    from obs_lint.reporters.terminal import write

    if args.pyproject and args.tool != "ruff":
        return fail(f"--pyproject is for ruff; what is written for {args.tool} has one form")
    ban = ban_of(load(os.getcwd(), config_file=args.config))
    text = ruff(ban, pyproject=True) if args.pyproject else WRITERS[args.tool](ban)
    if not args.output_file:
        write(sys.stdout, text)
        return 0
    try:
        with open(args.output_file, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    except OSError as error:
        return fail(f"{args.output_file} can't be written: {error.strerror or error}")
    return 0
