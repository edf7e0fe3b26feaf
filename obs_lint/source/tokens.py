"""Tokens of Python source by the newest grammar, whichever Python is running (PEP 701, PEP 750)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_TOKEN = re.compile(
    rb"""(?P<space>[ \t\f\r]+|\\\r?\n)
    |(?P<comment>\#[^\n]*)
    |(?P<newline>\n)
    |(?P<string>(?P<prefix>[bBfFrRtTuU]{0,2})(?P<quote>'''|\"\"\"|'|\"))
    |(?P<name>[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*)
    |(?P<number>0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9_]+)?[jJ]?)
    |(?P<op>->|:=|[=!<>]=|\*\*=?|//=?|<<=?|>>=?|[+\-*/%@&|^]=|\.\.\.|[^\w\s\\])""",
    re.VERBOSE,
)
_PREFIXES = frozenset(b" r u b f t br rb fr rf tr rt".split(b" "))
_ENDS = {
    b"'": re.compile(rb"[^'\\\n]*(?:\\(?:.|\n)[^'\\\n]*)*'", re.DOTALL),
    b'"': re.compile(rb'[^"\\\n]*(?:\\(?:.|\n)[^"\\\n]*)*"', re.DOTALL),
    b"'''": re.compile(rb"[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*'''", re.DOTALL),
    b'"""': re.compile(rb'[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*"""', re.DOTALL),
}
_MAX_FIELDS = 100


class TokenError(Exception):
    """What stands at the byte offset `args[0]` is no token."""


class Field(NamedTuple):
    """A replacement field of an f-string."""

    start: int
    """Of the `{`."""
    expression: int
    """Offset after the `{`."""
    end_expression: int
    """Offset of what follows the expression: `=`, `!`, `:` or `}`."""
    tokens: tuple[Token, ...]
    """Of the expression."""
    debug: int
    """Offset after the `=` of `{x = }` and the blanks that follow; 0 without."""
    conversion: str
    """Empty, s, r or a."""
    spec: tuple[Piece, ...] | None
    spec_start: int
    end: int
    """Offset after the `}`."""


class Piece(NamedTuple):
    """A part of an f-string: literal text, or a field."""

    start: int
    end: int
    field: Field | None


class Token(NamedTuple):
    """One token; comments and blanks are none."""

    kind: str
    """name | number | string | fstring | op | newline

    fstring: also a t-string. newline: the end of a logical line; inside brackets there is none."""
    start: int
    """Byte offset."""
    end: int
    text: bytes
    """Of a string: the prefix and the opening quotes."""
    depth: int
    """Brackets open around it; a bracket itself counts as outside."""
    pieces: tuple[Piece, ...] = ()
    """Of an fstring."""


def tokens(text: bytes, start: int = 0, end: int | None = None) -> Iterator[Token]:
    """Yield the tokens of `text[start:end]`, which must not begin inside one. Raises TokenError."""
    yield from _Lexer(text, len(text) if end is None else end).run(start, 0)


class _Lexer:
    __slots__ = ("end", "position", "text")

    def __init__(self, text: bytes, end: int) -> None:
        self.text = text
        self.end = end
        self.position = 0

    def run(self, position: int, level: int) -> Iterator[Token]:
        """Yield tokens; in a field (level > 0) up to what ends its expression. `position` is then where it stopped."""
        text, end = self.text, self.end
        depth = 0
        while position < end:
            match = _TOKEN.match(text, position, end)
            if match is None:
                raise TokenError(position)
            kind = match.lastgroup
            start = position
            position = match.end()
            if kind == "op":
                op = match[0]
                if op in b"([{":
                    yield Token("op", start, position, op, depth)
                    depth += 1
                    continue
                if op in b")]}":
                    if depth == 0 and level:
                        if op != b"}":
                            raise TokenError(start)
                        self.position = start
                        return
                    depth = max(depth - 1, 0)
                elif level and depth == 0 and (op in (b"!", b":", b":=")):
                    self.position = start
                    return
                yield Token("op", start, position, op, depth)
            elif kind == "string" or kind == "quote":
                prefix = match["prefix"].lower()
                if prefix not in _PREFIXES:
                    raise TokenError(start)
                if b"f" in prefix or b"t" in prefix:
                    pieces, position = self.literal(position, match["quote"], b"r" in prefix, level, False)
                    yield Token("fstring", start, position, match[0], depth, pieces)
                else:
                    closing = _ENDS[match["quote"]].match(text, position, end)
                    if closing is None:
                        raise TokenError(start)
                    position = closing.end()
                    yield Token("string", start, position, match[0], depth)
            elif kind == "newline":
                if depth == 0 and not level:
                    yield Token("newline", start, position, b"\n", 0)
            elif kind == "name" or kind == "number":
                yield Token(kind, start, position, match[0], depth)
        if level:
            raise TokenError(position)

    def literal(
        self, position: int, quote: bytes, raw: bool, level: int, in_spec: bool
    ) -> tuple[tuple[Piece, ...], int]:
        """Read an f-string to after its closing quotes, or a format specification up to its `}`."""
        if level > _MAX_FIELDS:
            raise TokenError(position)
        text, end = self.text, self.end
        pieces: list[Piece] = []
        start = position
        single = len(quote) == 1
        while position < end:
            char = text[position]
            if char == 0x7B:  # {
                if not in_spec and text.startswith(b"{{", position):
                    position += 2
                    continue
                if position > start:
                    pieces.append(Piece(start, position, None))
                field = self.field(position, quote, raw, level + 1)
                pieces.append(Piece(position, field.end, field))
                start = position = field.end
            elif char == 0x7D:  # }
                if in_spec:
                    if position > start:
                        pieces.append(Piece(start, position, None))
                    return tuple(pieces), position
                if not text.startswith(b"}}", position):
                    raise TokenError(position)
                position += 2
            elif char == 0x5C:  # a backslash
                if text.startswith(b"\\N{", position) and not raw:
                    close = text.find(b"}", position, end)
                    if close < 0:
                        raise TokenError(position)
                    position = close + 1
                elif position + 1 < end and text[position + 1] in b"{}":
                    position += 1
                else:
                    position += 2
            elif text.startswith(quote, position):
                if in_spec:
                    raise TokenError(position)
                if position > start:
                    pieces.append(Piece(start, position, None))
                return tuple(pieces), position + len(quote)
            elif char == 0x0A and single:
                raise TokenError(position)
            else:
                position += 1
        raise TokenError(position)

    def field(self, start: int, quote: bytes, raw: bool, level: int) -> Field:
        text, end = self.text, self.end
        expression = start + 1
        found = tuple(self.run(expression, level))
        position = self.position
        end_expression = position
        debug = 0
        if found and found[-1].text == b"=" and found[-1].kind == "op" and found[-1].depth == 0:
            debug = position
            end_expression = found[-1].start
            found = found[:-1]
        conversion = ""
        if text.startswith(b"!", position):
            match = re.compile(rb"!([sra])[ \t\f\n]*").match(text, position, end)
            if match is None:
                raise TokenError(position)
            conversion = match[1].decode("ascii")
            position = match.end()
        spec: tuple[Piece, ...] | None = None
        spec_start = 0
        if text.startswith(b":", position):
            spec_start = position + 1
            spec, position = self.literal(spec_start, quote, raw, level, True)
        if not text.startswith(b"}", position) or not found:
            raise TokenError(position)
        return Field(start, expression, end_expression, found, debug, conversion, spec, spec_start, position + 1)
