"""What stands around a cursor in a source that need not parse: the string it is in, and the brackets that are open."""

from __future__ import annotations

import re
from typing import NamedTuple

from obs_lint.facts.syntax import parse
from obs_lint.source import SourceError, decode

_TOKEN = re.compile(
    r"(?P<comment>#[^\r\n]*)"
    r"|(?P<triple>(?P<p3>[rRbBuUfFtT]{0,2})(?P<q3>\"\"\"|'''))"
    r"|(?P<single>(?P<p1>[rRbBuUfFtT]{0,2})(?P<q1>\"|'))"
    r"|(?P<word>\w+)"
    r"|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<line>\r\n|\r|\n)"
)
_BLOCK = re.compile(r"(?:async[ \t]|def|class|import|from|with|for|while|return|try|raise|@)\b|@")
_CLOSING = {"(": ")", "[": "]", "{": "}"}


class StringHere(NamedTuple):
    """A string that a cursor is in."""

    start: int
    """Offset of its first character, behind the quote."""
    end: int
    """Offset of the closing quote, or of the end of the line where there is none."""
    quote: str
    prefix: str
    closed: bool


class Around(NamedTuple):
    """What stands around a cursor."""

    string: StringHere | None
    in_comment: bool
    brackets: tuple[int, ...]
    """Offsets of the brackets that are open, outermost first."""


def around(text: str, cursor: int) -> Around:
    """Look at a text up to an offset, and at the rest of a string that the offset is in."""
    brackets: list[int] = []
    at = 0
    while True:
        found = _TOKEN.search(text, at)
        if found is None or found.start() >= cursor:
            return Around(None, False, tuple(brackets))
        at = found.end()
        if found["comment"] is not None:
            if at >= cursor:
                return Around(None, True, tuple(brackets))
        elif found["triple"] is not None or found["single"] is not None:
            quote = found["q3"] or found["q1"]
            end, closed = _end_of_string(text, at, quote)
            if at <= cursor <= end:
                prefix = (found["p3"] or found["p1"] or "").lower()
                return Around(StringHere(at, end, quote, prefix, closed), False, tuple(brackets))
            at = end + (len(quote) if closed else 0)
        elif found["open"] is not None:
            brackets.append(found.start())
        elif found["close"] is not None:
            if brackets and _CLOSING[text[brackets[-1]]] == found["close"]:
                brackets.pop()
        elif found["line"] is not None and brackets and _BLOCK.match(text, at):
            brackets.clear()  # A statement at the left margin: what was open above was never closed.


def string_at(text: str, cursor: int) -> StringHere | None:
    """Return the string, quotes included, that a cursor touches."""
    for place in (cursor, cursor + 1, cursor - 1):
        if 0 <= place <= len(text) and (found := around(text, place).string) is not None:
            return found
    return None


def _end_of_string(text: str, at: int, quote: str) -> tuple[int, bool]:
    while at < len(text):
        if text[at] == "\\":
            at += 2
        elif text.startswith(quote, at):
            return at, True
        elif len(quote) == 1 and text[at] in "\r\n":
            return at, False
        else:
            at += 1
    return len(text), False


def mended(text: str, cursor: int, here: Around) -> list[str]:
    """Return texts that parse and are this one up to the cursor; the likeliest first, at most two.

    What is being typed is completed: a string and brackets are closed, a key gets a value, a dot a name.
    """
    head, tail = text[:cursor], text[cursor:]
    end_of_line = re.search(r"[\r\n]", tail)
    below = tail[end_of_line.start() :] if end_of_line else ""
    close = here.string.quote if here.string is not None else ""
    if here.string is not None and here.string.closed:
        behind = text[here.string.end + len(here.string.quote) :]
        head = text[: here.string.end]
    elif here.string is not None:
        behind = text[here.string.end :]
        head = text[: here.string.end]
        below = behind
    else:
        behind = tail
        before = head.rstrip(" \t")
        if before.endswith((".", "(", ",")):
            close = "_"
    brackets = "".join(_CLOSING[text[offset]] for offset in reversed(here.brackets))
    candidates = [text]
    for value in ("", ": None", "=None"):
        candidates += [
            f"{head}{close}{value}{behind}",
            f"{head}{close}{value},{behind}",
            f"{head}{close}{value}{brackets}{below}",
        ]
    candidates += [f"{text[:cursor]}{close}{value}{brackets}\n" for value in ("", ": None")]
    good: list[str] = []
    for candidate in dict.fromkeys(candidates):
        if _parses(candidate):
            good.append(candidate)
            if len(good) == 2:
                break
    return good


def _parses(text: str) -> bool:
    try:
        parse(decode("buffer.py", text.encode("utf-8", "surrogatepass")))
    except SourceError:
        return False
    return True
