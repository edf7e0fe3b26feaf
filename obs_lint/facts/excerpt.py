"""The facts of a part of a file: everything but the bodies of functions in which nothing of interest is said."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import replace

from obs_lint.facts.extract import extract
from obs_lint.facts.model import FileFacts, Sought
from obs_lint.facts.scan import matches
from obs_lint.source import SourceError, SourceFile

_HEADER = re.compile(
    rb"([ \t]*)(?:async[ \t]+)?def[ \t]+\w+[ \t]*"
    rb"\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)[ \t]*(?:->[^\n:]*)?:[ \t]*(?:#[^\n]*)?\n"
)
_KEYWORD = re.compile(rb"def[ \t]")
_WORTH = 200
"""Bytes of a body that is worth leaving out."""


def excerpt(source: SourceFile, sought: Sought) -> FileFacts | None:
    """Return what a file says outside the functions in which nothing of what is sought stands; those are stubs here.

    Positions and qualnames are those of the file; indexes are not. What binds names elsewhere (`global`) is kept. None
    where most of the file is to be kept, or where its parts can't be told apart.
    """
    text = _shortened(source.text, sought)
    if text is None:
        return None
    try:
        return extract(replace(source, text=text))
    except SourceError:
        return None


def _shortened(text: bytes, sought: Sought) -> bytes | None:
    """Replace bodies by `pass`, keeping the number of lines; None where that saves little."""
    places: list[int] | None = None
    if sought.anchors and (sought.all_where is None or not any(True for _ in matches(sought.all_where, text))):
        places = sorted([place for anchor in sought.anchors for place in matches(anchor, text)])
    pieces: list[bytes] = []
    kept = 0
    at = 0
    saved = 0
    while (keyword := _KEYWORD.search(text, at)) is not None:
        header = _HEADER.match(text, text.rfind(b"\n", 0, keyword.start()) + 1)
        if header is None:
            at = keyword.end()
            continue
        start = header.end()
        indent = header[1]
        at = end = _end(text, start - 1, len(indent))
        body = text[start:end]
        if len(body) < _WORTH:
            continue
        if (places is None or _any_within(places, start, end)) and _has(body.lower(), sought.words):
            continue
        if _has(body, _BINDING) or body.count(b'"""') % 2 or body.count(b"'''") % 2:
            continue
        pieces += (text[kept:start], indent, b" pass", b"\n" * body.count(b"\n"))
        kept = end
        saved += len(body)
    if saved * 4 < len(text):
        return None
    pieces.append(text[kept:])
    return b"".join(pieces)


_BINDING = (b"global", b"nonlocal")
"""What may bind names outside a function."""


def _has(text: bytes, words: tuple[bytes, ...]) -> bool:
    for word in words:  # noqa: SIM110 - a generator takes longer than most of what it yields
        if word in text:
            return True
    return False


def _any_within(places: list[int], start: int, end: int) -> bool:
    index = bisect_left(places, start)
    return index < len(places) and places[index] < end


_ENDS: dict[int, re.Pattern[bytes]] = {}


def _end(text: bytes, newline: int, width: int) -> int:
    """Return where the first line begins that is indented by no more than `width`, from the newline before the body."""
    pattern = _ENDS.get(width)
    if pattern is None:
        pattern = _ENDS[width] = re.compile(rb"\n[ \t]{0,%d}[^\s#]" % width)
    match = pattern.search(text, newline)
    return len(text) if match is None else match.start() + 1
