"""Compile rules/**/*.yaml into obs_lint/rules.json; with --check, only say whether that is current."""

from __future__ import annotations

import sys

from obs_lint.catalogue.error import CatalogueError
from obs_lint.catalogue.shipped import COMPILED, compile_rules


def main(arguments: list[str]) -> int:
    """Return 0 where the file is current or was written, 1 where `--check` finds it stale, 2 for a broken rule."""
    if arguments not in ([], ["--check"]):
        print("usage: python -m obs_lint.catalogue [--check]", file=sys.stderr)
        return 2
    try:
        text = compile_rules()
    except CatalogueError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        with open(COMPILED, encoding="utf-8") as file:
            current = file.read() == text
    except FileNotFoundError:
        current = False
    if arguments and not current:
        print(f"{COMPILED} is stale: run python -m obs_lint.catalogue", file=sys.stderr)
        return 1
    if not current:
        with open(COMPILED, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
