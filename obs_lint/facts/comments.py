"""Comments of a source, found by lexing: text inside a string is no comment, whatever Python version wrote it.

The standard tokenizer refuses broken files and grammar newer than the running Python, and is slow. This one knows
strings (all prefixes, triple quotes, continued lines), f-strings and t-strings nested as PEP 701 has it, and comments;
all else it skips. An unterminated string ends at its line, an unterminated triple-quoted one at the end of the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple


class Comment(NamedTuple):
    """One comment, from its `#` to the end of the line."""

    line: int
    """1-based."""
    column: int
    """1-based, in code points."""
    offset: int
    """Byte offset of the `#`."""
    text: str


_STRING = (
    rb'"""(?:[^"\\]++|\\(?s:.)|"(?!""))*+(?:"""|\\?+\Z)'
    rb"|'''(?:[^'\\]++|\\(?s:.)|'(?!''))*+(?:'''|\\?+\Z)"
    rb'|"(?:[^"\\\r\n]++|\\(?:\r\n|(?s:.)))*+"?'
    rb"|'(?:[^'\\\r\n]++|\\(?:\r\n|(?s:.)))*+'?"
)
# An f-string that lexes like a plain string: no quote, backslash or comment within its braces.
_SIMPLE = (
    rb'"(?!"")(?:[^"\\\r\n{}]++|\\[^{}N\r\n]|\{\{|\}\}|\{[^{}"\'#\\\r\n]*+\})*+"'
    rb"|'(?!'')(?:[^'\\\r\n{}]++|\\[^{}N\r\n]|\{\{|\}\}|\{[^{}\"'#\\\r\n]*+\})*+'"
)
_UNPREFIXED = rb"(?<![fFtT])(?<![fFtT][rR])"
_CODE = re.compile(rb"(?:[^#\"']++|" + _UNPREFIXED + rb"(?:" + _STRING + rb")|" + _SIMPLE + rb")*+")
_FIELD = re.compile(rb"(?:[^#\"'()\[\]{}:]++|" + _UNPREFIXED + rb"(?:" + _STRING + rb"))*+")
_PLAIN = re.compile(_STRING)
_PREFIX = re.compile(rb"(?<![\w\x80-\xff])(?:[fFtT][rR]?|[rR][fFtT])\Z")
_COMMENT = re.compile(rb"#[^\r\n]*+")
_BODY = {
    # raw or not, quote → what is neither a brace, the closing quote nor, in one-line strings, the end of the line
    (raw, quote): re.compile(
        rb"(?:[^%s\\{}%s]++|%s\\(?=[{}])|\\(?:\r\n|[^{}])%s)*+"
        % (
            quote[:1],
            b"" if len(quote) == 3 else rb"\r\n",
            b"" if raw else rb"\\N\{[^}%s]*+\}|" % (quote[:1] if len(quote) == 1 else b""),
            rb"|%s(?!%s)" % (quote[:1], quote[1:]) if len(quote) == 3 else b"",
        )
    )
    for raw in (False, True)
    for quote in (b'"', b"'", b'"""', b"'''")
}
_HEAD = re.compile(
    rb"(?:\xef\xbb\xbf)?[ \t\f\r\n\\]*+(?:(?:[rR]?[uU]?(?:" + _STRING + rb"))[ \t]*+;?[ \t\f\r\n]*+)?"
    rb"(?:[ \t\f\r\n]++|#[^\r\n]*+)*+"
)


def comments(text: bytes, stop: int | None = None) -> Iterator[Comment]:
    """Yield the comments of a source in UTF-8, in order; none that starts at byte offset `stop` or behind."""
    line, counted = 1, 0
    carriage = b"\r" in text
    for start, end in _spans(text, len(text) if stop is None else stop):
        line += text.count(b"\n", counted, start)
        if carriage:
            line += text.count(b"\r", counted, start) - text.count(b"\r\n", counted, start)
        counted = start
        begin = text.rfind(b"\n", 0, start) + 1
        if carriage:
            begin = max(begin, text.rfind(b"\r", 0, start) + 1)
        if begin == 0 and text.startswith(b"\xef\xbb\xbf"):
            begin = 3
        column = len(text[begin:start].decode("utf-8", "replace")) + 1
        yield Comment(line, column, start, text[start:end].decode("utf-8", "replace"))


def head_end(text: bytes) -> int:
    """Return the byte offset at which a file's first block of comments is over.

    That is the first statement; a docstring counts as one only where comments stand before it.
    """
    found = _HEAD.match(text)
    return found.end() if found else 0


class _Open(NamedTuple):
    """An f-string or t-string, or a replacement field in one, that the lexer is inside of."""

    kind: str
    """text, spec (of a field, read like text) or field"""
    quote: bytes
    raw: bool


def _spans(text: bytes, stop: int) -> Iterator[tuple[int, int]]:
    """Yield the byte offsets of each comment."""
    position = 0
    stack: list[_Open] = []
    depths: list[int] = []
    while position < stop:
        top = stack[-1] if stack else None
        if top is not None and top.kind != "field":
            position = _text(text, position, stack, depths)
            continue
        found = (_CODE if top is None else _FIELD).match(text, position)
        position = found.end() if found else position
        if position >= stop:
            return
        char = text[position : position + 1]
        if char == b"#":
            comment = _COMMENT.match(text, position)
            end = comment.end() if comment else position + 1
            yield position, end
            position = end
        elif char in (b'"', b"'"):
            position = _string(text, position, stack)
        else:
            _bracket(char, stack, depths)
            position += 1


def _string(text: bytes, position: int, stack: list[_Open]) -> int:
    """Enter the f-string whose quote stands at `position`, or pass over a plain string; return where to go on."""
    prefix = _PREFIX.search(text[max(0, position - 3) : position])
    if prefix is None:
        plain = _PLAIN.match(text, position)
        return plain.end() if plain else position + 1
    quote = text[position : position + 1]
    if text.startswith(quote * 3, position):
        quote *= 3
    stack.append(_Open("text", quote, b"r" in prefix.group().lower()))
    return position + len(quote)


def _text(text: bytes, position: int, stack: list[_Open], depths: list[int]) -> int:
    """Go over the literal text or the format spec of an f-string, up to what ends or nests; return where to go on."""
    top = stack[-1]
    body = _BODY[top.raw, top.quote].match(text, position)
    position = body.end() if body else position
    char = text[position : position + 1]
    if char == b"{":
        if top.kind == "text" and text.startswith(b"{{", position):
            return position + 2
        stack.append(_Open("field", top.quote, top.raw))
        depths.append(0)
        return position + 1
    if char == b"}":
        if top.kind == "spec":
            _leave_field(stack, depths)
        return position + 1
    if top.kind == "spec":  # the string ends within a field: it is broken
        _leave_field(stack, depths)
    stack.pop()
    return position + len(top.quote) if text.startswith(top.quote, position) else position + 1


def _leave_field(stack: list[_Open], depths: list[int]) -> None:
    """Drop a format spec, if in one, and its field."""
    if stack[-1].kind == "spec":
        stack.pop()
    stack.pop()
    depths.pop()


def _bracket(char: bytes, stack: list[_Open], depths: list[int]) -> None:
    """Keep count within a replacement field of what opens and closes."""
    if char in b"([{":
        depths[-1] += 1
    elif char == b":":
        if depths[-1] == 0:
            stack.append(_Open("spec", stack[-1].quote, stack[-1].raw))
    elif depths[-1] > 0:
        depths[-1] -= 1
    elif char == b"}":
        _leave_field(stack, depths)
