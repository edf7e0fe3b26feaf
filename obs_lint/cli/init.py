"""`obs-lint init`: detect the surface and write the configuration."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    """Add what `obs-lint init` takes."""
    parser.add_argument("--surface", metavar="MODULE", help="the surface, instead of what is detected")
    parser.add_argument(
        "--logging", choices=("facade", "central"), help="the logging mode, instead of what is detected"
    )
    parser.add_argument("--yes", "-y", action="store_true", help="write without asking (as where there is no terminal)")
    parser.add_argument("--dry-run", action="store_true", help="print what would be written, write nothing")
    parser.add_argument("--force", action="store_true", help="replace the configuration that is there")


def run(args: Namespace) -> int:
    """Run the command and return its exit code. Raises ConfigError and CatalogueError."""
    import os
    from dataclasses import replace

    from obs_lint import engine
    from obs_lint.cli import fail
    from obs_lint.config import load
    from obs_lint.config.edit import table_text
    from obs_lint.first_configuration import propose, write

    cwd = os.getcwd()
    config = load(cwd, isolated=True)
    if not args.force and (there := load(cwd)).file is not None:
        return fail(
            f"{os.path.relpath(there.file)} already configures obs-lint; "
            "`--force` replaces it, `obs-lint config` shows it"
        )
    report = engine.run(config)
    inference = report.inference
    assert inference is not None
    surface = args.surface
    if surface is None and inference.surface is None and _asks(args) and inference.candidates:
        surface = _ask_surface([name for name, _ in inference.candidates])
    proposal = propose(str(config.root), inference, surface=surface, logging=args.logging)
    name = os.path.relpath(proposal.path, cwd).replace(os.sep, "/")
    prefix = ("tool", "obs-lint") if proposal.path.endswith("pyproject.toml") else ()
    shown = table_text(proposal.table, prefix)
    if args.dry_run:
        print(shown, end="")
        return 0
    if _asks(args) and not _confirm(f"{shown}\nWrite this to {name}?"):
        print("Nothing was written.")
        return 0
    write(proposal)
    print(f"{'Added to' if proposal.existed else 'Wrote'} {name}:\n")
    print(shown)
    after = engine.run(replace(load(cwd)))
    found = len(after.diagnostics)
    if found:
        noun = "finding" if found == 1 else "findings"
        print(f"`obs-lint check` now reports {found} {noun}; `obs-lint rule CODE` explains each rule.")
    else:
        print("`obs-lint check` finds nothing today; add it to CI and it stays that way.")
    return 0


def _asks(args: Namespace) -> bool:
    return not args.yes and not args.dry_run and sys.stdin.isatty() and sys.stdout.isatty()


def _confirm(question: str) -> bool:
    try:
        return input(f"{question} [Y/n] ").strip().lower() in ("", "y", "yes")
    except EOFError:
        return False


def _ask_surface(candidates: list[str]) -> str | None:
    print("Which module is the surface, through which all telemetry should leave?")
    for number, name in enumerate(candidates, 1):
        print(f"  {number}. {name}")
    try:
        answer = input("Number, dotted name, or nothing for none: ").strip()
    except EOFError:
        return None
    if answer.isdigit() and 0 < int(answer) <= len(candidates):
        return candidates[int(answer) - 1]
    return answer or None
