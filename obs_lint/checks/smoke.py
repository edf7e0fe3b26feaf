"""What a running system emits is judged by `obs-lint smoke`, not by a run over its code.

So this kind of check finds nothing by itself: `Catalogue.selected` leaves its rules out, and the checks of
`obs_lint.smoke` read message, severity and advice from them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from obs_lint.checks import Check
from obs_lint.checks.run import RuleRun
from obs_lint.diagnostic import Diagnostic


@dataclass(frozen=True, slots=True)
class Options:
    """A rule on what is seen in a smoke run takes no options here: a scenario and the command line have them."""


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """Yield nothing: see the module's docstring."""
    yield from ()


CHECK = Check("smoke", Options, run)
