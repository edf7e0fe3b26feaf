"""An Origin is what a name is, however it got here."""

from __future__ import annotations

from dataclasses import dataclass, field

from obs_lint.diagnostic import TrailStep
from obs_lint.facts.model import Expr


@dataclass(frozen=True, slots=True)
class Origin:
    """One thing that an expression may be.

    What is called is written `()` in names: `logging.getLogger()` is what that function returns.
    """

    kind: str
    """external: something outside the project, `name` is its dotted name (`logging.getLogger`, `builtins.print`)
    module: a first-party module     function, class, variable: defined in a first-party module
    instance: an object of the class `name` (first-party or external)
    result: what calling the external `name` returns; `name` is the callee (`logging.getLogger`)
    member: an attribute of an object that is not further known, of a result (`logging.getLogger().info`) or of an
    instance of an external class (`logging.Logger().info`): no name of the external module itself
    parameter: a parameter of a function, not known further

    `variable` and `parameter` also stand beside others, for "or something else that can't be told"."""
    name: str
    """Dotted and canonical: the module of the definition, by its first name, and the qualname."""
    path: str = ""
    """File of a first-party definition."""
    index: int = -1
    """Into that file's functions or classes (kinds function, class, and instance of a first-party class)."""
    trail: tuple[TrailStep, ...] = field(default=(), compare=False)
    """First-party files passed on the way, nearest first; the file that asked is not in it."""
    via: tuple[str, ...] = field(default=(), compare=False)
    """Dotted names of the first-party variables, imports and attributes passed on the way, nearest first: with
    `emit = make_emitter()` in `pkg.obs`, an imported `emit` is whatever that returns, via `pkg.obs.emit`."""
    member: str = ""
    """Name of the enum member that an instance is, if it is one."""
    receiver: str = field(default="", compare=False)
    """Of a function read from an object: the object's class, which may be a subclass of the one that defines it."""
    partials: tuple[tuple[str, int, Expr], ...] = field(default=(), compare=False)
    """The calls of functools.partial that it went through, outermost first, as (path, scope, call).

    Their arguments come before those of a call, the innermost's first."""
