"""Places in a text: ours count lines and code points from 1, the protocol's from 0 in units of an encoding."""

from __future__ import annotations

import re
from bisect import bisect_right

from lsprotocol import types

from obs_lint.diagnostic import Position, Span

_LINE_END = re.compile(r"\r\n|\r|\n")
_BOM = "\ufeff"


class Text:
    """One text, with its line ends, and the unit in which a client counts columns."""

    def __init__(self, characters: str, encoding: str = "utf-16") -> None:
        r"""`encoding`: utf-8, utf-16 or utf-32. Lines end in `\n`, `\r\n` or `\r`, and in nothing else."""
        self.characters = characters
        self.encoding = encoding
        self.starts = (0, *(found.end() for found in _LINE_END.finditer(characters)))
        self._mark = 1 if characters.startswith(_BOM) else 0

    def line(self, number: int) -> str:
        """Return a line, counted from 1, without its end; "" where there is none."""
        if not 1 <= number <= len(self.starts):
            return ""
        end = self.starts[number] if number < len(self.starts) else len(self.characters)
        return self.characters[self.starts[number - 1] : end].rstrip("\r\n")

    def position(self, place: Position) -> types.Position:
        """Return the client's position of one of ours; the nearest that there is."""
        line, column = place
        if line > len(self.starts):
            return types.Position(len(self.starts), 0)
        text = self.line(line)
        before = text[: max(column - 1, 0) + (self._mark if line == 1 else 0)]
        return types.Position(max(line, 1) - 1, self._units(before))

    def range(self, span: Span) -> types.Range:
        """Return the client's range of one of our spans."""
        return types.Range(self.position(span.start), self.position(span.end))

    def place(self, position: types.Position) -> Position:
        """Return our place for a client's position."""
        line = position.line + 1
        column = self._points(self.line(line), position.character)
        return Position(line, max(column - (self._mark if line == 1 else 0), 0) + 1)

    def offset(self, position: types.Position) -> int:
        """Return the 0-based offset in `characters` of a client's position."""
        if position.line >= len(self.starts):
            return len(self.characters)
        return self.starts[position.line] + self._points(self.line(position.line + 1), position.character)

    def at(self, offset: int) -> types.Position:
        """Return the client's position of a 0-based offset."""
        row = bisect_right(self.starts, offset) - 1
        return types.Position(row, self._units(self.characters[self.starts[row] : offset]))

    def between(self, start: int, end: int) -> types.Range:
        """Return the client's range of two offsets."""
        return types.Range(self.at(start), self.at(end))

    def _units(self, text: str) -> int:
        if self.encoding == "utf-32" or text.isascii():
            return len(text)
        if self.encoding == "utf-8":
            return len(text.encode("utf-8", "surrogatepass"))
        return len(text) + sum(character > "\uffff" for character in text)

    def _points(self, text: str, units: int) -> int:
        if self.encoding == "utf-32" or text.isascii():
            return min(units, len(text))
        seen = 0
        for number, character in enumerate(text):
            if seen >= units:
                return number
            seen += self._units(character)
        return len(text)


def line_edits(old: Text, new: Text) -> tuple[int, int, int]:
    """Return (lines that are alike at the start, first line behind the change in `old`, by how many lines that moved).

    Lines are counted from 1: one of `old` up to the first number is where it was, one from the second on has moved by
    the third, and what lies between was changed.
    """
    a, b = _LINE_END.split(old.characters), _LINE_END.split(new.characters)
    head = 0
    while head < min(len(a), len(b)) and a[head] == b[head]:
        head += 1
    tail = 0
    while tail < min(len(a), len(b)) - head and a[-1 - tail] == b[-1 - tail]:
        tail += 1
    return head, len(a) - tail + 1, len(b) - len(a)
