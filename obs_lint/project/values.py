"""The value lattice: literal → constant → enum member → concatenation of knowns → alternatives → unknown."""

from __future__ import annotations

from dataclasses import dataclass, field

from obs_lint.facts.model import Expr, Pos


@dataclass(frozen=True, slots=True)
class Value:
    """One value that an expression can have."""

    value: str | int | float | bool | None
    path: str = field(default="", compare=False)
    """The file in which it is written."""
    pos: Pos = field(default=(1, 1, 1, 1), compare=False)
    member: str = ""
    """Dotted name of the enum member that it is, empty otherwise."""


@dataclass(frozen=True, slots=True)
class Values:
    """Every value that is known, and whether there may be others."""

    known: tuple[Value, ...] = ()
    complete: bool = False
    """False where some alternative can't be told: unknown, maybe beside known ones."""
    unknown: Expr | None = None
    """The first part that could not be told."""
