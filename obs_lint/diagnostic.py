"""A Diagnostic is one result: what was found, where, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    """How bad a Diagnostic is; `fail-on` compares them by `rank`."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 is the worst, so that sorting puts errors first."""
        return _RANK[self]

    def at_least(self, other: Severity) -> bool:
        """True where this severity is as bad as `other` or worse."""
        return self.rank <= other.rank


_RANK = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


class Applicability(StrEnum):
    """Whether a Fix may be applied unasked, as in ruff."""

    SAFE = "safe"
    UNSAFE = "unsafe"


class Position(NamedTuple):
    """A place in a file."""

    line: int
    """1-based; in a notebook, 1-based within its cell."""
    column: int
    """1-based, in Unicode code points."""


class Span(NamedTuple):
    """From `start` up to, not including, `end`."""

    start: Position
    end: Position


class Edit(NamedTuple):
    """Replace what `span` covers in `path` by `text`."""

    path: str
    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """Edits that remove a Diagnostic."""

    title: str
    applicability: Applicability
    edits: tuple[Edit, ...]


class TrailStep(NamedTuple):
    """One step on the way from a Diagnostic to where its name comes from."""

    path: str
    position: Position
    message: str
    cell: int | None = None
    """1-based index of the notebook's cell that `position` counts in; None elsewhere, or over the joined code."""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding of one rule."""

    code: str
    slug: str
    severity: Severity
    message: str
    path: str
    """Relative to the project's root, with `/`; `<stdin>` where nothing else is known."""
    span: Span
    symbol: str = ""
    """The enclosing module, class and function, dotted: root path without `src`."""
    target: str = ""
    """What the finding resolves to, e.g. `logging.getLogger`; part of the fingerprint."""
    help: str = ""
    trail: tuple[TrailStep, ...] = ()
    fix: Fix | None = None
    cell: int | None = None
    """1-based index of the notebook's cell (counting all cells), else None."""
    lines: tuple[int, int] | None = None
    """First and last line of the statement (in a notebook, of the joined code), where the check knows them."""
    fingerprint: str = ""
    """Stable over moves and reformatting; filled in by the engine."""

    @property
    def sort_key(self) -> tuple[str, int, Span, str, str, str]:
        """Path, cell, place, code: the order of every output."""
        return (self.path, self.cell or 0, self.span, self.code, self.target, self.message)
