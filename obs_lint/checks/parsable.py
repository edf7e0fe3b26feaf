"""A file that can't be parsed hides whatever is in it.

Any check that asks for the facts of a broken file thereby makes the failure that is reported as OBS900. So this one
does no more than ask, and only where every file is to be asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from obs_lint.checks import Check
from obs_lint.checks.run import Anchor, RuleRun
from obs_lint.config.model import Config
from obs_lint.diagnostic import Diagnostic


@dataclass(frozen=True, slots=True)
class Options:
    """What `unparsable-file` may be told."""

    all_files: bool = False
    """True: every file must parse, as with `--check-syntax`; False: those that a selected rule must understand."""


def anchors(options: Options, config: Config) -> tuple[Anchor, ...]:
    """Every file, or none."""
    return (Anchor(()),) if options.all_files else ()


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """Ask for the facts of every anchored file; yields nothing."""
    for file in run.anchored:
        run.project.facts(file.path)
    yield from ()


CHECK = Check("parsable", Options, run, anchors)
