"""`obs-lint doctor`: what in this repository would defeat obs-lint, and how to mend it."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    """Add what `obs-lint doctor` takes."""
    parser.add_argument("--output-format", choices=("text", "json"), default="text", help="default: text")
    parser.add_argument("--config", metavar="FILE", help="use this file; the root is the working directory")


def run(args: Namespace) -> int:
    """Print what is found and return the exit code: 0 nothing, 1 something, 2 a file that can't be read.

    Raises ConfigError and CatalogueError.
    """
    import os

    from obs_lint.config import load
    from obs_lint.integrations.doctor.examination import examined, json_of, text_of
    from obs_lint.reporters.terminal import write

    findings = examined(load(os.getcwd(), config_file=args.config))
    write(sys.stdout, json_of(findings) if args.output_format == "json" else text_of(findings))
    for failure in findings.failures:
        write(sys.stderr, f"obs-lint: error: {failure}\n")
    return findings.exit_code
