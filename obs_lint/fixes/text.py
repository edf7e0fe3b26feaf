"""A source with the bytes it is written in: edits change what they cover, every other line keeps its bytes."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from obs_lint.diagnostic import Edit, Position
from obs_lint.source import SourceError, decode

_LINE_END = re.compile(r"\r\n|\r|\n")
_BOM = b"\xef\xbb\xbf"


class UneditableError(Exception):
    """A file that can't be edited, or an edit that does not fit it; the message is for people."""


class Replacement(NamedTuple):
    """One edit, placed: replace `characters[start:end]` by `text`."""

    start: int
    """0-based, in code points of the file without its byte order mark."""
    end: int
    text: str
    """With the file's own line ends."""


@dataclass(frozen=True, slots=True)
class EditableText:
    """One file's text as it is on the disk, line ends included."""

    path: str
    characters: str
    starts: tuple[int, ...]
    """Where each line starts, as 0-based offset; a file that ends in a line end has an empty last line."""
    encoding: str
    """As the file declares it."""
    codec: str
    bom: bytes

    @classmethod
    def read(cls, path: str, data: bytes) -> EditableText:
        """Decode a file. Raises UneditableError for one that could not be written back byte for byte."""
        try:
            source = decode(path, data)
        except SourceError as error:
            raise UneditableError(f"it can't be read: {error.message}") from None
        if source.cells or path.endswith(".ipynb"):
            raise UneditableError("fixes are not applied to notebooks")
        bom = _BOM if data.startswith(_BOM) else b""
        characters = data[len(bom) :].decode(source.codec)
        starts = (0, *(found.end() for found in _LINE_END.finditer(characters)))
        text = cls(path, characters, starts, source.encoding, source.codec, bom)
        try:
            same = bom + b"".join(line.encode(source.codec) for line in text.lines()) == data
        except UnicodeEncodeError:
            same = False
        if not same:
            raise UneditableError(f"{source.encoding} does not write it back byte for byte")
        return text

    def lines(self) -> Iterable[str]:
        """Yield the lines with their ends."""
        for number, start in enumerate(self.starts):
            end = self.starts[number + 1] if number + 1 < len(self.starts) else len(self.characters)
            yield self.characters[start:end]

    def place(self, edit: Edit) -> Replacement:
        r"""Find what an edit covers. `\n` in its text becomes the line end of the line that it begins in.

        A text that begins behind an unterminated last line ends that line first. Raises UneditableError where the file
        has no such place, and for a text that its encoding can't express.
        """
        start, end = self._offset(edit.span.start), self._offset(edit.span.end)
        if end < start:
            raise UneditableError(f"an edit that ends before it starts, at {_shown(edit.span.start)}")
        text = edit.text
        if text and edit.span.start.line > len(self.starts) and self.characters:
            text = "\n" + text
        if "\n" in text:
            text = text.replace("\n", self._line_end(start))
        try:
            text.encode(self.codec)
        except UnicodeEncodeError as error:
            missing = text[error.start : error.end]
            raise UneditableError(f"{self.encoding} has no {missing!a}") from None
        return Replacement(start, end, text)

    def is_line_start(self, offset: int) -> bool:
        """True where a line starts at the offset."""
        return self.starts[bisect_right(self.starts, offset) - 1] == offset

    def changed(self, changes: Iterable[Replacement]) -> bytes:
        """Return the file's bytes with the changes, which are sorted and do not overlap. Raises UneditableError."""
        parts: list[str] = []
        done = 0
        for change in changes:
            parts += [self.characters[done : change.start], change.text]
            done = change.end
        parts.append(self.characters[done:])
        text = "".join(parts)
        data = self.bom + text.encode(self.codec)
        try:
            again = decode(self.path, data)
        except SourceError as error:
            raise UneditableError(error.message) from None
        if again.encoding != self.encoding or again.text.decode() != _LINE_END.sub("\n", text):
            raise UneditableError(f"it would no longer be read as {self.encoding}")
        return data

    def _offset(self, position: Position) -> int:
        line, column = position
        if line == len(self.starts) + 1 and column == 1:
            return len(self.characters)
        if not 1 <= line <= len(self.starts):
            raise UneditableError(f"it has no line {line}")
        start = self.starts[line - 1]
        end = self.starts[line] if line < len(self.starts) else len(self.characters)
        length = len(self.characters[start:end].rstrip("\r\n"))
        if not 1 <= column <= length + 1:
            raise UneditableError(f"line {line} has no column {column}")
        return start + column - 1

    def _line_end(self, offset: int) -> str:
        found = _LINE_END.search(self.characters, offset)
        if found is None:
            number = bisect_right(self.starts, offset) - 1
            while number > 0 and found is None:
                found = _LINE_END.search(self.characters, self.starts[number - 1])
                number -= 1
        return found[0] if found is not None else "\n"


def _shown(position: Position) -> str:
    return f"{position.line}:{position.column}"
