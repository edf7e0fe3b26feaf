"""The Python code of a notebook: its code cells one below the other, without what IPython adds to the language."""

from __future__ import annotations

import json
import re
from typing import Any

from obs_lint.source import SourceError, SourceFile
from obs_lint.source.tokens import TokenError, tokens

_PYTHON = re.compile(r"i?py(?:thon|py|spark)?[\d.]*|.*python.*|.*pyspark.*", re.IGNORECASE)
_SHELL = rb"[ \t]*(?:pip3?|conda|mamba|cd|ls|ll|cat|cp|mv|rm|mkdir|rmdir|man|more|less)[ \t]+"
_ESCAPES = re.compile(rb"(?m)^[ \t]*[%!?,;/]|=[ \t]*[%!]|\?[ \t]*(?:#|$)|^" + _SHELL)
_AUTOMATIC = re.compile(_SHELL + rb"(?!(?:if|in|is|and|or|not|for|else)\b)(?:[A-Za-z_~]|\.\.)")
_COMMAND = re.compile(rb"[ \t]*(?:!|%|\?|,(?=\w)|;(?=\w)|/(?=\w))")
_HELP = re.compile(rb"[ \t]*(?:[\w.\x80-\xff*%]+(?:\([^()]*\))?|[\w.\x80-\xff]+\[[^\]]*\])\?{1,2}[ \t]*(?:#.*)?$")
_TARGET = rb"[\w.\x80-\xff\[\]'\"]+"
_ASSIGNED = re.compile(rb"([ \t]*%s(?:[ \t]*,[ \t]*\*?%s)*,?[ \t]*=[ \t]*)(?:![^=]|%%[A-Za-z_])" % (_TARGET, _TARGET))
_CELL_MAGIC = re.compile(rb"\s*%%(\w*)")
_RUNS_PYTHON = frozenset(
    {
        *("time", "timeit", "capture", "prun", "debug", "mprun", "memit", "lprun", "scalene", "snakeviz", "ipytest"),
        *("python", "python3", "pypy", "px", "autopx", "spark", "pyspark", "local"),
    }
)
_LINE_CODE = re.compile(rb"([ \t]*)(%(?:time|timeit|prun|memit|debug)\b(?:[ \t]+-\w+(?:[ \t]+\d+)?)*[ \t]+)(\S.*)$")


def read_notebook(path: str, data: bytes) -> SourceFile:
    """Return the code cells of a notebook of any version of the format; none where it is not written in Python.

    Raises SourceError for what is no notebook.
    """
    notebook = _load(path, data)
    metadata = notebook.get("metadata")
    language = _language(metadata if isinstance(metadata, dict) else {})
    cells = notebook.get("cells")
    if cells is None and isinstance(notebook.get("worksheets"), list):
        cells = [c for sheet in notebook["worksheets"] if isinstance(sheet, dict) for c in sheet.get("cells") or ()]
    if not isinstance(cells, list):
        raise SourceError(path, "this is no notebook: it has no list of cells")
    parts: list[bytes] = []
    table: list[tuple[int, int]] = []
    line = 1
    for number, cell in enumerate(cells, 1):
        code = _code(path, cell, number, language)
        if code is None:
            continue
        nul = code.find(b"\0")
        if nul >= 0:
            before = code[:nul]
            raise SourceError(path, "a NUL byte", before.count(b"\n") + 1, nul - before.rfind(b"\n"), number)
        code = _without_magics(code)
        table.append((line, number))
        parts.append(code)
        line += code.count(b"\n") + 2
    text = b"\n\n".join(parts) + (b"\n" if parts else b"")
    return SourceFile(path, text, text.isascii(), "\n", "utf-8", tuple(table))


def _load(path: str, data: bytes) -> dict[str, Any]:
    try:
        notebook = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise SourceError(path, f"byte 0x{data[error.start]:02x} is not valid UTF-8", line, column) from None
    except json.JSONDecodeError as error:
        raise SourceError(path, f"this is no notebook: {error.msg}", error.lineno, error.colno) from None
    except RecursionError:
        raise SourceError(path, "nested too deeply") from None
    except ValueError as error:
        raise SourceError(path, f"this is no notebook: {error}") from None
    if not isinstance(notebook, dict):
        raise SourceError(path, "this is no notebook: it must be a JSON object")
    return notebook


def _language(metadata: dict[str, Any]) -> str:
    """Return the notebook's language; python where it does not say."""
    for table, key in (("language_info", "name"), ("kernelspec", "language"), ("kernelspec", "name")):
        entry = metadata.get(table)
        if isinstance(entry, dict) and isinstance(entry.get(key), str) and entry[key]:
            return str(entry[key])
    return "python"


def _code(path: str, cell: Any, number: int, language: str) -> bytes | None:
    """Return the source of a Python cell, None for any other."""
    if not isinstance(cell, dict):
        raise SourceError(path, f"this is no notebook: cell {number} must be an object", cell=number)
    if cell.get("cell_type") != "code":
        return None
    if not _PYTHON.fullmatch(str(cell.get("language") or language)):
        return None
    source = cell.get("source", cell.get("input", ""))
    if isinstance(source, list):
        source = "".join([part for part in source if isinstance(part, str)])
    if not isinstance(source, str):
        raise SourceError(path, f"this is no notebook: the source of cell {number} must be text", cell=number)
    text = source.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    return text.encode("utf-8", "replace").rstrip(b"\n")


def _without_magics(code: bytes) -> bytes:
    """Put `...` where commands stand, and keep every line and column of the rest."""
    if not _ESCAPES.search(code):
        return code
    if magic := _CELL_MAGIC.match(code):
        if magic[1].decode("ascii", "replace") not in _RUNS_PYTHON:
            return b"\n" * code.count(b"\n")
        first = code.find(b"\n", magic.start(1))
        if first < 0:
            return b"\n" * code.count(b"\n")
        return b"\n" * code.count(b"\n", 0, first) + _without_magics(code[first:])
    lines: list[bytes] = []
    position = 0
    while position < len(code):
        end = code.find(b"\n", position)
        end = len(code) if end < 0 else end
        replaced = _command(code[position:end])
        if replaced is None:
            end = _end_of_statement(code, position, end)
            lines.append(code[position:end])
        else:
            continued = 0
            while code[position:end].endswith(b"\\") and end < len(code):
                continued += 1
                after = code.find(b"\n", end + 1)
                end = len(code) if after < 0 else after
            lines.append(replaced + b"\n" * continued)
        position = end + 1
    return b"\n".join(lines) + (b"\n" if code.endswith(b"\n") else b"")


def _command(line: bytes) -> bytes | None:
    """Return what stands for a line in IPython's own syntax, None for plain Python."""
    if match := _LINE_CODE.match(line):
        statement = match[3]
        if _compiles(statement):
            return match[1] + b"0;" + b" " * (len(match[2]) - 2) + statement
    if _COMMAND.match(line) or _HELP.match(line) or _AUTOMATIC.match(line):
        indent = line[: len(line) - len(line.lstrip(b" \t"))]
        return indent + b"..."
    if match := _ASSIGNED.match(line):
        return match[1] + b"..."
    return None


def _compiles(statement: bytes) -> bool:
    try:
        compile(b"0;" + statement, "<cell>", "exec", 0x400, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _end_of_statement(code: bytes, position: int, end: int) -> int:
    """Return the offset of the newline that ends the logical line; that of the physical line where it is no Python."""
    try:
        for token in tokens(code, position):
            if token.kind == "newline" and token.start >= end:
                return token.start
    except TokenError:
        return end
    return len(code)
