"""What a suppression did is known only when all other rules have run and their diagnostics were suppressed.

So this kind of check finds nothing by itself. The engine reads `finds` and asks `obs_lint.suppression.Judge`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from obs_lint.checks import Check
from obs_lint.checks.run import RuleRun
from obs_lint.diagnostic import Diagnostic


@dataclass(frozen=True, slots=True)
class Options:
    """What the rules about suppressions may be told."""

    finds: Literal["unused", "bare"]
    """unused: suppresses nothing; bare: lacks the code or the reason that the configuration requires."""


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """Yield nothing: see the module's docstring."""
    yield from ()


CHECK = Check("suppression-use", Options, run)
