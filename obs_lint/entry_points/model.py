"""An entry point is a function that something outside the code calls: a route, a task, what the configuration says."""

from __future__ import annotations

from typing import NamedTuple

from obs_lint.facts.model import Expr, Pos


class EntryPoint(NamedTuple):
    """One function and one way in which it is reached. A function can have several."""

    path: str
    """The file that defines the function."""
    function: int
    """Index into that file's functions."""
    kind: str
    """`route`, `task`, `target` (of `instrument.targets`) or `configured` (by `instrument.entry-points`)."""
    framework: str
    """`fastapi`, `celery`, …; "" for targets and configured ones."""
    name: str
    """`POST /tasks` for a route (`…/tasks` where a prefix can't be told), the name that a queue knows a task by, else
    the dotted name."""
    registered: tuple[str, Pos]
    """Where: of the decorator, the call or the list's item; of the class for a method that its base makes a handler; of
    the function's name for a target."""
    registrar: Expr | None
    """The decorator, or the call that registers; None for methods of handler classes and for targets."""
    scope: int = 0
    """The scope of `registered`'s file that `registrar` and `handler` are evaluated in."""
    handler: Expr | None = None
    """In a registration by call, what leads to the function: `instrument(show)`, `views.Show.as_view()`."""
    by: str = ""
    """Of targets and configured ones: the pattern, the decorator or the base that the configuration names."""
