"""A few lines of source with what is meant underlined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from obs_lint.diagnostic import Position, Span
from obs_lint.reporters.terminal import Palette, Symbols
from obs_lint.reporters.text import character_width, visible

TAB = 4
"""Columns from one tab stop to the next."""
_HEAD, _TAIL = 3, 1
"""Lines shown at the start and the end of a span of many lines."""
_LONG = 2000
"""Characters beyond which only the neighbourhood of the span is looked at."""


class _Row(NamedTuple):
    """One line of source, laid out."""

    text: str
    columns: Sequence[int]
    """Terminal column, from 0, at which each character starts; one more for the end of the line."""


def excerpt(
    lines: Sequence[str], span: Span, *, width: int, mark: str, palette: Palette, symbols: Symbols
) -> tuple[int, list[str]]:
    """Return the gutter's width and the excerpt: the span's lines, one line of context around, underlines.

    `width` is in terminal columns, `mark` the escape sequence of underlines. () where the span starts beyond the file.
    """
    first = span.start.line
    if not 1 <= first <= len(lines):
        return 0, []
    last = min(max(span.end.line, first), len(lines))
    if last > first and (span.end.line == last and span.end.column <= 1):
        last -= 1
        end = Position(last, _characters(lines[last - 1]) + 1)
    elif last < span.end.line:
        end = Position(last, _characters(lines[last - 1]) + 1)
    else:
        end = span.end
    several = last > first
    shown = _shown(lines, first, last)
    gutter = len(str(shown[-1]))
    room = max(20, width - gutter - 3 - 2 * several)

    anchor = lines[first - 1]
    skip = max(0, span.start.column - 1 - _LONG // 4) if len(anchor) > _LONG else 0
    rows = {number: _lay_out(lines[number - 1], skip) for number in shown if number > 0}
    start_column = _column(rows[first], span.start.column - skip)
    end_column = _column(rows[last], end.column - skip)
    left = _scroll(start_column, end_column if last == first else start_column + 1, room)

    out = [_frame(" " * gutter, palette)]
    for number in shown:
        if number == 0:
            out.append(f"{palette.frame}{symbols.ellipsis.ljust(gutter + 1)}| |{palette.reset}")
            continue
        cut = skip > 0 and bool(lines[number - 1].strip())
        text = _window(rows[number], left, room, cut, symbols)
        rail = ""
        if several:
            opens = first < number or (number == first and not anchor[: span.start.column - 1].strip() and left == 0)
            inside = first <= number <= last and opens
            rail = f"{mark}{'/' if number == first else '|'}{palette.reset} " if inside else "  "
        line = f"{_frame(str(number).rjust(gutter), palette)} {rail}{text}"
        out.append(line.rstrip())
        if not several and number == first:
            carets = "^" * max(1, min(end_column, left + room) - start_column)
            out.append(f"{_frame(' ' * gutter, palette)} {' ' * (start_column - left)}{mark}{carets}{palette.reset}")
        elif several and number == first and not opens:
            reach = "_" * (start_column - left + 1)
            out.append(f"{_frame(' ' * gutter, palette)} {mark} {reach}^{palette.reset}")
        elif several and number == last:
            reach = "_" * max(1, min(end_column - left, room))
            out.append(f"{_frame(' ' * gutter, palette)} {mark}|{reach}^{palette.reset}")
    return gutter, out


def _shown(lines: Sequence[str], first: int, last: int) -> list[int]:
    """Numbers of the lines to show, 0 for a gap; blank lines are no context."""
    shown = list(range(first, last + 1))
    if len(shown) > _HEAD + _TAIL + 1:
        shown[_HEAD:-_TAIL] = [0]
    if first > 1 and lines[first - 2].strip():
        shown.insert(0, first - 1)
    if last < len(lines) and lines[last].strip():
        shown.append(last + 1)
    return shown


def _characters(line: str) -> int:
    return len(line.rstrip("\r\n"))


def _lay_out(line: str, skip: int) -> _Row:
    line = line.rstrip("\r\n")
    if skip or len(line) > _LONG:
        line = line[skip : skip + _LONG]
    if line.isascii() and line.isprintable():
        return _Row(line, range(len(line) + 1))
    parts: list[str] = []
    columns: list[int] = []
    column = 0
    for character in line:
        columns.append(column)
        if character == "\t":
            shown = " " * (TAB - column % TAB)
        elif character.isprintable():
            parts.append(character)
            column += character_width(character)
            continue
        else:
            shown = visible(character)
        parts.append(shown)
        column += character_width(character) if shown == character else len(shown)
    columns.append(column)
    return _Row("".join(parts), columns)


def _column(row: _Row, character: int) -> int:
    """Terminal column of a 1-based character; the line's end for one beyond it."""
    return row.columns[min(max(character - 1, 0), len(row.columns) - 1)]


def _scroll(start: int, end: int, room: int) -> int:
    """How many columns to leave out at the left so that the span is seen."""
    if end <= room:
        return 0
    length = min(end - start, room // 2)
    return max(0, start - (room - length) // 2)


def _window(row: _Row, left: int, room: int, cut: bool, symbols: Symbols) -> str:
    """The part of a row from column `left` on, `room` columns wide, with an ellipsis at a cut end."""
    total = row.columns[-1]
    if left == 0 and total <= room and not cut:
        return row.text
    if total <= left or not total:
        return symbols.ellipsis
    before, after = left > 0 or cut, total > left + room
    low = left + (len(symbols.ellipsis) if before else 0)
    high = left + room - (len(symbols.ellipsis) if after else 0)
    parts = []
    column = 0
    for character in row.text:
        step = character_width(character)
        if column + step > high:
            break
        if column >= low:
            parts.append(character)
        elif column + step > low:
            parts.append(" ")
        column += step
    return (symbols.ellipsis if before else "") + "".join(parts) + (symbols.ellipsis if after else "")


def _frame(number: str, palette: Palette) -> str:
    return f"{palette.frame}{number} |{palette.reset}"
