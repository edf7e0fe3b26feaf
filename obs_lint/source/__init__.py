"""A SourceFile is the text of one file as Python reads it: decoded, with one kind of line end."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

_COOKIE = re.compile(rb"[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_NO_CODE = re.compile(rb"[ \t\f]*(?:#.*)?$")
_BOM = b"\xef\xbb\xbf"
_WIDE_BOMS = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)


class SourceError(Exception):
    """A file that is no Python source, or that Python could not read either."""

    def __init__(self, path: str, message: str, line: int = 1, column: int = 1, cell: int | None = None) -> None:
        """`line` and `column` are 1-based, the column in code points; with `cell`, the line is the cell's own."""
        super().__init__(path, message, line, column, cell)
        self.path = path
        self.message = message
        self.line = line
        self.column = column
        self.cell = cell

    def __str__(self) -> str:
        """Return `path:line:column: message`."""
        cell = "" if self.cell is None else f"cell {self.cell}:"
        return f"{self.path}:{cell}{self.line}:{self.column}: {self.message}"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file, decoded."""

    path: str
    """Relative to the project's root, with `/`."""
    text: bytes
    """UTF-8 without a byte order mark; lines end in `\\n`. Of a notebook: its code cells, one below the other."""
    ascii: bool
    """True where a byte is a code point."""
    newline: str = "\n"
    """How the file's first line ends: `\\n`, `\\r\\n` or `\\r`."""
    encoding: str = "utf-8"
    """What the file is written in; `utf-8-sig` with a byte order mark."""
    cells: tuple[tuple[int, int], ...] = ()
    """(1-based first line in `text`, cell number counted from 1 over all cells) of each code cell of a notebook."""

    @property
    def codec(self) -> str:
        """The name by which Python's codecs know the encoding; a byte order mark is not the codec's business."""
        return _normal(self.encoding)

    def cell_of(self, line: int) -> tuple[int | None, int]:
        """Return (cell, lines before the cell) of a 1-based line of `text`; (None, 0) where there are no cells."""
        index = bisect_right(self.cells, (line, 1 << 62)) - 1
        if index < 0:
            return (None, 0)
        first, cell = self.cells[index]
        return (cell, first - 1)

    def column(self, line: int, byte_column: int) -> int:
        """Turn a 0-based byte offset in a 1-based line into a 1-based column in code points."""
        if self.ascii:
            return byte_column + 1
        start = 0
        for _ in range(line - 1):
            start = self.text.find(b"\n", start) + 1
            if not start:
                return byte_column + 1
        return len(self.text[start : start + byte_column].decode("utf-8", "replace")) + 1

    def error(self, message: str, line: int, column: int) -> SourceError:
        """Return the SourceError for a place in `text`: in a notebook, in the cell's own lines."""
        cell, before = self.cell_of(line)
        return SourceError(self.path, message, max(line - before, 1), max(column, 1), cell)


def decode(path: str, data: bytes) -> SourceFile:
    """Decode a file as Python would (PEP 263), or a notebook's code cells.

    Raises SourceError for bytes that the encoding does not allow, an unknown encoding, NUL bytes, and a notebook that
    is not one.
    """
    if path.endswith(".ipynb"):
        from obs_lint.source.notebook import read_notebook

        return read_notebook(path, data)
    encoding = "utf-8"
    if data.startswith(_BOM):
        data = data[3:]
        encoding = "utf-8-sig"
    first = data.find(b"\n")
    second = data.find(b"\n", first + 1) if first >= 0 else -1
    head = len(data) if second < 0 else second
    if b"\r" in data or data.find(b"coding", 0, head) >= 0:
        cookie = _cookie(data)
        if cookie is not None:
            name, line, column = cookie
            if encoding == "utf-8-sig":
                if _normal(name) != "utf-8":
                    raise SourceError(
                        path, f"declared as {name}, but starts with a UTF-8 byte order mark", line, column
                    )
            elif _normal(name) != "utf-8":
                return _recode(path, data, name, line, column)
    ascii_only = data.isascii()
    if not ascii_only:
        _check_utf8(path, data)
    return _source(path, data, ascii_only, encoding)


def _source(path: str, data: bytes, ascii_only: bool, encoding: str) -> SourceFile:
    newline = "\n"
    if b"\r" in data:
        newline = _first_newline(data)
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    nul = data.find(b"\0")
    if nul >= 0:
        message = "a NUL byte: this is a binary file, or text in another encoding (save it as UTF-8)"
        raise SourceError(path, message, *_place(data, nul))
    return SourceFile(path, data, ascii_only, newline, encoding)


def _first_newline(data: bytes) -> str:
    carriage = data.find(b"\r")
    feed = data.find(b"\n")
    if 0 <= feed < carriage:
        return "\n"
    return "\r\n" if feed == carriage + 1 else "\r"


def _cookie(data: bytes) -> tuple[str, int, int] | None:
    """Return the encoding that one of the first two lines declares, and where: (name, line, column)."""
    start = 0
    for number in (1, 2):
        ends = [end for end in (data.find(b"\n", start), data.find(b"\r", start)) if end >= 0]
        end = min(ends, default=len(data))
        line = data[start:end]
        if match := _COOKIE.match(line):
            return (match[1].decode("ascii", "replace"), number, match.start(1) + 1)
        if not _NO_CODE.match(line):
            return None
        start = end + (2 if data.startswith(b"\r\n", end) else 1)
    return None


def _normal(name: str) -> str:
    """Fold the spellings that Python's tokenizer takes for UTF-8 and Latin-1, such as `utf-8-unix`."""
    lowered = name[:12].lower().replace("_", "-")
    for known, prefixes in (
        ("utf-8", ("utf-8", "utf8", "u8")),
        ("iso-8859-1", ("latin-1", "iso-8859-1", "iso-latin-1")),
    ):
        if any(lowered == prefix or lowered.startswith(prefix + "-") for prefix in prefixes):
            return known
    return name


def _recode(path: str, data: bytes, name: str, line: int, column: int) -> SourceFile:
    try:
        text = data.decode(_normal(name))
    except LookupError:
        raise SourceError(path, f"unknown encoding: {name}", line, column) from None
    except UnicodeDecodeError as error:
        message = f"byte 0x{data[error.start]:02x} is not valid {name}: {error.reason}"
        raise SourceError(path, message, *_place(data, error.start)) from None
    except Exception as error:  # noqa: BLE001 - a codec is anybody's code
        raise SourceError(path, f"cannot be decoded as {name}: {error}", line, column) from None
    again = _cookie(text[:4096].encode("utf-8", "replace"))
    if again is None or again[0] != name:
        raise SourceError(path, f"{name} can not be the encoding of a file that declares it in ASCII", line, column)
    try:
        recoded = text.encode("utf-8")
    except UnicodeEncodeError as error:
        before = text[: error.start].encode("utf-8", "replace")
        raise SourceError(path, "a lone surrogate is not valid in source code", *_place(before, len(before))) from None
    return _source(path, recoded, recoded.isascii(), name)


def _check_utf8(path: str, data: bytes) -> None:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        for bom, name in _WIDE_BOMS:
            if data.startswith(bom):
                raise SourceError(path, f"this is {name}, which Python can not read: save it as UTF-8") from None
        message = (
            f"byte 0x{data[error.start]:02x} is not valid UTF-8: save it as UTF-8, or declare its encoding (PEP 263)"
        )
        raise SourceError(path, message, *_place(data, error.start)) from None


def _place(data: bytes, offset: int) -> tuple[int, int]:
    """Return the 1-based line and column of a byte offset."""
    before = data[:offset].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    start = before.rfind(b"\n") + 1
    return (before.count(b"\n") + 1, len(before[start:].decode("utf-8", "replace")) + 1)
