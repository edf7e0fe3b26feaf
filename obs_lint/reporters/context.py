"""What a reporter is given beside the Report: where it is shown, and the sources to show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from obs_lint.diagnostic import Position
from obs_lint.reporters.terminal import ANSI, ASCII, PLAIN, UNICODE, Palette, Symbols
from obs_lint.reporters.text import visible

if TYPE_CHECKING:
    from obs_lint.reporters.supplement import Supplement

Sources = Callable[[str], "Sequence[str] | None"]
"""Path → the file's decoded lines (a notebook's: its code cells joined), None where it can't be read."""
Cells = Callable[[str], "Sequence[tuple[int, int]]"]
"""Path → (1-based first line in the joined code, cell number) of a notebook's code cells; () for other files."""

PROSE_WIDTH = 100
"""Columns beyond which prose is hard to read, however wide the terminal."""


def no_sources(_path: str) -> None:
    """Stand in for sources: nothing can be read."""


def no_cells(_path: str) -> tuple[tuple[int, int], ...]:
    """Stand in for cells: no file is a notebook."""
    return ()


@dataclass(frozen=True, slots=True)
class Context:
    """How and with what a Report is rendered."""

    color: bool = False
    unicode: bool = True
    """False where the output's encoding has ASCII only."""
    width: int = 100
    """Columns of the terminal."""
    quiet: bool = False
    """Findings and failures alone: no summary, no explanations."""
    prefix: str = ""
    """Path of the project's root within the repository, `backend/`, for formats that a forge reads."""
    sources: Sources = no_sources
    cells: Cells = no_cells
    source_url: str = ""
    """Where a forge shows the files of this commit, `https://github.com/acme/shop/blob/3f2a…/`, "" where none does."""
    supplement: Supplement | None = None
    """What a page shows beside the Report."""

    @property
    def palette(self) -> Palette:
        """Escape sequences, all empty without colour."""
        return ANSI if self.color else PLAIN

    @property
    def symbols(self) -> Symbols:
        """Characters beyond ASCII, or what stands in for them."""
        return UNICODE if self.unicode else ASCII

    def lines(self, path: str, cell: int | None) -> Sequence[str] | None:
        """Return the lines that positions in `path` (in that cell of it) count from; None where they are not known."""
        lines = self.sources(path)
        if lines is None or cell is None:
            return lines
        starts = self.cells(path)
        for index, (first, number) in enumerate(starts):
            if number == cell:
                end = starts[index + 1][0] - 1 if index + 1 < len(starts) else len(lines)
                return lines[first - 1 : end]
        return None

    def in_cell(self, path: str, position: Position) -> tuple[int | None, Position]:
        """Turn a position in a notebook's joined code into (cell, position in it); (None, position) for other files."""
        for first, number in reversed(self.cells(path)):
            if first <= position.line:
                return number, Position(position.line - first + 1, position.column)
        return None, position


def place(path: str, line: int, column: int, cell: int | None) -> str:
    """`path:line:column`, or `path:cell N:line:column`, on one line whatever the path consists of."""
    if cell is None:
        return f"{visible(path)}:{line}:{column}"
    return f"{visible(path)}:cell {cell}:{line}:{column}"
