"""Whether an entry of the baseline still holds is known only when every rule has run.

So this kind of check finds nothing by itself: `obs_lint.baseline.application` compares a finished Report.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from obs_lint.checks import Check
from obs_lint.checks.run import RuleRun
from obs_lint.diagnostic import Diagnostic


@dataclass(frozen=True, slots=True)
class Options:
    """There is nothing to be told."""


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """Yield nothing: see the module's docstring."""
    yield from ()


CHECK = Check("baseline-use", Options, run)
