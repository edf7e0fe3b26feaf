"""The facts of a part of a file: everything but the bodies of functions in which nothing of interest is said."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from obs_lint.facts.extract import extract
from obs_lint.facts.model import FileFacts
from obs_lint.source import SourceError, SourceFile

_HEADER = re.compile(
    rb"^([ \t]*)(?:async[ \t]+)?def[ \t]+\w+[ \t]*"
    rb"\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)[ \t]*(?:->[^\n:]*)?:[ \t]*(?:#[^\n]*)?\n",
    re.MULTILINE,
)
_WORTH = 200
"""Bytes of a body that is worth leaving out."""


def excerpt(source: SourceFile, words: tuple[bytes, ...]) -> FileFacts | None:
    """Return what a file says outside the functions that have none of the words in them; those are stubs here.

    Words are given in lower case and stand for any.

    Positions and qualnames are those of the file; indexes are not. What binds names elsewhere (`global`) is kept. None
    where most of the file is to be kept, or where its parts can't be told apart.
    """
    text = _shortened(source.text, (*words, b"global", b"nonlocal"))
    if text is None:
        return None
    try:
        return extract(replace(source, text=text))
    except SourceError:
        return None


def _shortened(text: bytes, words: tuple[bytes, ...]) -> bytes | None:
    """Replace bodies by `pass`, keeping the number of lines; None where that saves little."""
    lowered = text.lower()
    places = sorted([place for word in words for place in _places(lowered, word)])
    pieces: list[bytes] = []
    kept = 0
    at = 0
    saved = 0
    following = 0
    while (header := _HEADER.search(text, at)) is not None:
        start = header.end()
        indent = header[1]
        end = _end(text, start - 1, len(indent))
        while following < len(places) and places[following] < start:
            following += 1
        at = end
        if following < len(places) and places[following] < end:
            continue
        body = text[start:end]
        if len(body) < _WORTH or body.count(b'"""') % 2 or body.count(b"'''") % 2:
            continue
        pieces += (text[kept:start], indent, b" pass", b"\n" * body.count(b"\n"))
        kept = end
        saved += len(body)
    if saved * 4 < len(text):
        return None
    pieces.append(text[kept:])
    return b"".join(pieces)


def _places(text: bytes, word: bytes) -> Iterator[int]:
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + len(word))


_ENDS: dict[int, re.Pattern[bytes]] = {}


def _end(text: bytes, newline: int, width: int) -> int:
    """Return where the first line begins that is indented by no more than `width`, from the newline before the body."""
    pattern = _ENDS.get(width)
    if pattern is None:
        pattern = _ENDS[width] = re.compile(rb"\n[ \t]{0,%d}[^\s#]" % width)
    match = pattern.search(text, newline)
    return len(text) if match is None else match.start() + 1
