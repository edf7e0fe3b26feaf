"""What is said of a declaration in plain words: docstrings and comments, read from the text beside the facts."""

from __future__ import annotations

import re
from bisect import bisect_left

from obs_lint.facts.model import Class, FileFacts, Pos

_QUOTED = re.compile(r"[rRuU]?(\"\"\"|'''|\"|')(.*)", re.DOTALL)
_COMMENT = re.compile(r"[ \t]*[)\]},;]*[ \t]*#(.*)")
_NO_PROSE = re.compile(
    r"(?:noqa|type:|pragma|pylint|pyright|mypy|ruff|isort|fmt|nosec|region|endregion|obs:|todo|fixme|xxx)\b|[^\w]*$",
    re.IGNORECASE,
)
_LONGEST = 200


class Descriptions:
    """Reads files again, as text: only where something was declared in them."""

    def __init__(self) -> None:
        """Nothing is read before it is asked for."""
        self._lines: dict[str, list[str]] = {}

    def of_class(self, absolute: str, facts: FileFacts, row: Class) -> str:
        """Return the first paragraph of the docstring, "" without one."""
        following = _after(facts, (row.name_pos[0], row.name_pos[1]))
        if following is None or following[2] > row.pos[2]:
            return ""
        return self._string_at(absolute, following)

    def of_constant(self, absolute: str, facts: FileFacts, name: Pos, value: Pos) -> str:
        """Return the comment after the value, the string in the line below, or the comment right above the name."""
        lines = self._read(absolute)
        if not (0 < value[2] <= len(lines) and 0 < name[0] <= len(lines)):
            return ""
        beside = _COMMENT.match(lines[value[2] - 1], value[3] - 1)
        if beside is not None and (said := _prose(beside[1])):
            return said
        following = _after(facts, (name[0], name[1]))
        if following is not None and following[1] == name[1]:
            below = self._string_at(absolute, following)
            if below:
                return below
        above: list[str] = []
        line = name[0] - 2
        while line >= 0 and lines[line].strip().startswith("#") and lines[line].find("#") == name[1] - 1:
            above.insert(0, lines[line].strip().lstrip("#").strip())
            line -= 1
        return _prose(" ".join(above)) if all(map(_prose, above)) else ""

    def _string_at(self, absolute: str, statement: Pos) -> str:
        """Return the first paragraph of a statement that is a string, "" for others."""
        lines = self._read(absolute)
        if not 0 < statement[0] <= statement[2] <= len(lines):
            return ""
        text = "\n".join([lines[statement[0] - 1][statement[1] - 1 :], *lines[statement[0] : statement[2]]])
        quoted = _QUOTED.match(text)
        if quoted is None:
            return ""
        body = quoted[2].partition(quoted[1])[0]
        paragraph = re.split(r"\n[ \t]*\n", body.strip(), maxsplit=1)[0]
        return " ".join(paragraph.split())[:_LONGEST]

    def _read(self, absolute: str) -> list[str]:
        known = self._lines.get(absolute)
        if known is None:
            from obs_lint.source import SourceError, decode

            try:
                with open(absolute, "rb") as stream:
                    known = decode(absolute, stream.read()).text.decode("utf-8").split("\n")
            except (OSError, SourceError):
                known = []
            self._lines[absolute] = known
        return known


def _after(facts: FileFacts, place: tuple[int, int]) -> Pos | None:
    """Return the statement after the one that holds a place; statements of compound ones are their headers."""
    at = bisect_left(facts.statements, (*place, 1 << 30, 0))
    return facts.statements[at] if at < len(facts.statements) else None


def _prose(comment: str) -> str:
    text = comment.strip()
    return "" if _NO_PROSE.match(text) else text[:_LONGEST]
