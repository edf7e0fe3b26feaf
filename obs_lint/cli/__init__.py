"""The command line: arguments in, engine call, reporter out. One module a subcommand, imported when it is called."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Protocol, cast

COMMANDS: dict[str, tuple[str, str]] = {
    "check": ("obs_lint.cli.check", "lint a project"),
    "rule": ("obs_lint.cli.rule", "explain a rule, or list all of them"),
    "init": ("obs_lint.cli.init", "detect the surface and write the configuration"),
    "config": ("obs_lint.cli.config", "show the resolved configuration and where each value comes from"),
    "baseline": ("obs_lint.cli.baseline", "keep, update, prune and count the findings that are known"),
    "registry": ("obs_lint.cli.registry", "compile, check, list and compare the event registry"),
    "chain": ("obs_lint.cli.chain", "show the correlation chain, and where an id is lost"),
    "smoke": ("obs_lint.cli.smoke", "check what a running system emits: run | check | listen"),
    "inventory": ("obs_lint.cli.inventory", "list every event, emitter and emission"),
    "export": ("obs_lint.cli.export", "write equivalent configuration for ruff, flake8 or import-linter"),
    "doctor": ("obs_lint.cli.doctor", "look for what in this repository would defeat obs-lint"),
    "server": ("obs_lint.cli.server", "language server: findings, fixes and event names in an editor"),
}
"""Name → module and one-line help."""


class _Command(Protocol):
    def add_arguments(self, parser: object) -> None: ...

    def run(self, args: object) -> int: ...


def main(argv: Sequence[str] | None = None) -> int:
    """Run obs-lint and return its exit code: 0 clean, 1 found, 2 usage, configuration or input error, 3
    inconclusive.
    """
    import gc

    gc.disable()
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _dispatch(words)
    except BrokenPipeError:
        _silence()
        return 2
    except KeyboardInterrupt:
        print("obs-lint: interrupted", file=sys.stderr)
        return 130
    except RecursionError as error:
        return fail(f"the input is nested too deeply: {error}")


def _dispatch(words: list[str]) -> int:
    import argparse

    name = next((word for word in words if not word.startswith("-")), None)
    chosen = words[0] if words and words[0] in COMMANDS else None
    parser = argparse.ArgumentParser(
        prog="obs-lint",
        description="Keep a codebase to a single observability surface.",
        epilog="`obs-lint COMMAND --help` tells what a command takes. "
        "Exit codes: 0 clean, 1 found, 2 error, 3 inconclusive.",
    )
    from obs_lint import __version__

    parser.add_argument("--version", action="version", version=f"obs-lint {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands", prog="obs-lint")
    for command, (module, text) in COMMANDS.items():
        if chosen is not None and command != chosen:
            continue
        sub = commands.add_parser(command, help=text, description=text[0].upper() + text[1:] + ".")
        if command == chosen or (chosen is None and command == name):
            _load(module).add_arguments(sub)
    if not words:
        parser.print_help()
        return 2
    if chosen is None and name is not None and name not in COMMANDS:
        from difflib import get_close_matches

        near = get_close_matches(name, COMMANDS, 1)
        hint = f"did you mean `obs-lint {near[0]}`?" if near else f"to lint a path, `obs-lint check {name}`"
        return fail(f"there is no command `{name}` ({hint})")
    args = parser.parse_args(words)
    return _run(args.command, args)


def _run(command: str, args: object) -> int:
    from obs_lint.catalogue.error import CatalogueError
    from obs_lint.config.errors import ConfigError

    try:
        return _load(COMMANDS[command][0]).run(args)
    except (ConfigError, CatalogueError) as error:
        return fail(str(error))


def _load(module: str) -> _Command:
    from importlib import import_module

    return cast("_Command", import_module(module))


def fail(message: str) -> int:
    """Say what is wrong on stderr and return exit code 2."""
    stream = sys.stderr
    text = f"obs-lint: error: {message}\n"
    try:
        stream.write(text)
    except UnicodeEncodeError:
        stream.write(text.encode("ascii", "backslashreplace").decode("ascii"))
    return 2


def _silence() -> None:
    """Keep the interpreter from complaining at exit that stdout is gone."""
    import os

    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
