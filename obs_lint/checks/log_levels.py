"""At which level a call of a logger logs, and which level is lower."""

from __future__ import annotations

from typing import Literal

from obs_lint.events.emitters import last_name
from obs_lint.events.loggers import METHODS
from obs_lint.facts.model import Expr

Level = Literal["debug", "info", "warning", "error", "critical"]
"""A level as options spell it."""

_RANKS = {"trace": 0, "debug": 1, "info": 2, "notice": 3, "warn": 4, "error": 5, "critical": 6}
_NUMBERS = {10: "debug", 20: "info", 30: "warn", 40: "error", 50: "critical"}


def severity_of(spelling: str) -> str:
    """Return the level that a spelling means, `warn` for `WARNING` and `logging.WARNING`; "" for none that is known."""
    from obs_lint.checks.event_severity import level as severity

    return severity(spelling)


def level(call: Expr) -> str:
    """Return the level of a call of a logger's method, as `severity_of` names it; "" where that can't be told."""
    method = call[1][2]
    if method not in METHODS and method != "log":
        method = method[1:]
    if method != "log":
        return severity_of(METHODS[method])
    if not call[2]:
        return ""
    given = call[2][0]
    if given[0] != "const":
        return severity_of(last_name(given))
    return severity_of(given[1]) if isinstance(given[1], str) else _NUMBERS.get(given[1], "")


def is_below(severity: str, other: str) -> bool:
    """True where the first level is known and lower than the second, in any spelling."""
    rank = _RANKS.get(severity_of(severity))
    return rank is not None and rank < _RANKS[severity_of(other)]
