"""Emissions as values: which event leaves where, with what in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from obs_lint.config.model import EmitterConfig, LoggerConfig
from obs_lint.diagnostic import TrailStep
from obs_lint.facts.model import Expr, Pos


class Alternative(NamedTuple):
    """One event that an emission may be."""

    name: str
    """The event's name as a string; for a class or an enum member whose value does not matter, its last segment."""
    symbol: str = ""
    """Dotted canonical name of the class or enum member, "" for plain text."""
    path: str = ""
    """Where it is written."""
    pos: Pos = (1, 1, 1, 1)


class Field(NamedTuple):
    """One field of a payload."""

    name: str
    value: Expr | None
    """Evaluated in `scope` of `path`; None where only the name is known."""
    path: str
    scope: int
    pos: Pos
    """Of the name: the key of a dict, the keyword of a call."""
    certain: bool = True
    """False where it may be missing: set in a branch, or taken out again somewhere."""
    converted: bool = False
    """True where a constructor may make something else of the value (pydantic)."""


@dataclass(frozen=True, slots=True)
class Payload:
    """What an emission carries."""

    fields: tuple[Field, ...]
    """Those that can be told. What can have several values comes once for each, one after the other."""
    complete: bool
    """True where these are all; False where it may have others (an unknown `**`, a variable that is passed around)."""
    pos: Pos
    """Of the payload's expression, of the call where it has none."""
    certain: bool = True
    """False where some of the fields may be missing (set in a branch)."""
    path: str = ""
    """The file that `pos` lies in; "" for that of the emission."""


@dataclass(frozen=True, slots=True)
class Emission:
    """One place where an event leaves."""

    path: str
    scope: int
    call: Expr
    """The call, ("call", …); where a callable is handed over, the expression that names it."""
    statement: Pos
    via: EmitterConfig | LoggerConfig
    """The declaration that makes it an emission; that of the innermost emitter for a call of a wrapper."""
    pos: Pos
    """Where to report on the event: its expression, else the callee."""
    event: Expr | None
    """The expression that says which event it is, None where the callee says it (`event = "method"`, `emits`)."""
    alternatives: tuple[Alternative, ...]
    complete: bool
    """False where it may be an event that can't be told."""
    unknown: Expr | None = None
    """The part that could not be told."""
    payload: Payload | None = None
    """None where the emitter takes none, or where nothing is known of it."""
    severity: str = ""
    """As written (`error`, `WARNING`), "" where nothing is said or it can't be told."""
    severity_pos: Pos | None = None
    context: Expr | None = None
    """What is given as context."""
    trail: tuple[TrailStep, ...] = ()
    """The wrappers between this call and the emitter, nearest first."""
    wrapper: str = ""
    """Dotted name of the outermost wrapper that is called here; "" where the emitter itself is."""
    is_prose: bool = False
    """True for a message to a logger that is no event: it fits no registry's naming."""
