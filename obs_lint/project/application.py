"""A call of a first-party function, while expressions in the function's body are evaluated for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from obs_lint.project.thing import Things


class Application(NamedTuple):
    """What is known of the parameters of one function in one call."""

    path: str
    """File of the function."""
    function: int
    """Into that file's functions."""
    given: Mapping[str, Things]
    """Parameter → what it may be."""
    whole: bool = True
    """True where parameters that are not in `given` have their defaults."""
