"""Text in GitHub Flavored Markdown that arrives as it is, in tables too.

A table is split into cells before anything else is read: at every `|` that has no backslash before it, inside backticks
as well. So what holds a `|`, a backslash or a backtick is written with entities, which mean themselves everywhere.
Source: github.github.com/gfm, sections 2.3 (entities), 4.10 (tables), 6.3 (code spans).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from obs_lint.reporters.text import visible

_ACTIVE = re.compile(r"[\\`*_\[\]<>|&~$]|\A[-#+=]|\A\d(?=\d*[.)])")
"""Characters that begin some markup, within a line or at its start."""
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_AWKWARD = re.compile(r"[`|\\]")
_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")
_LONGEST = 4096
"""Characters of one text."""


def plain(text: str) -> str:
    """Return a text on one line that no character of is markup."""
    return _ACTIVE.sub(_entity, visible(_cut(text)))


def code(text: str) -> str:
    """Return a text on one line as code."""
    text = visible(_cut(text))
    if not text.strip():
        return f"<code>{text}</code>" if text else ""
    if _AWKWARD.search(text) or text[0] == " " or text[-1] == " ":
        return f"<code>{_PUNCTUATION.sub(_entity, text)}</code>"
    return f"`{text}`"


def prose(text: str) -> str:
    """Return a text on one line in which what stands in backticks is code, and nothing else is markup."""
    text = visible(" ".join(_cut(text).split()))
    out: list[str] = []
    end = 0
    for span in _SPAN.finditer(text):
        out += [_ACTIVE.sub(_entity, text[end : span.start()]), code(span[2].strip(" ") or span[2])]
        end = span.end()
    out.append(_ACTIVE.sub(_entity, text[end:]))
    return "".join(out)


def link(shown: str, url: str) -> str:
    """Return a link with a text that is Markdown already; the text alone where there is no URL."""
    if not url:
        return shown
    address = re.sub(r"[\x00-\x20<>()|\\`\[\]\"'\x7f]", lambda found: f"%{ord(found[0]):02X}", url)
    return f"[{shown}]({address})"


def row(cells: Iterable[str]) -> str:
    """Return a row of a table; the cells are Markdown already."""
    return f"| {' | '.join(cells)} |"


def block(lines: Iterable[str], language: str = "") -> list[str]:
    """Return lines as a block of code, with a fence that none of them can close; tabs stay."""
    shown = ["\t".join(visible(part) for part in line.split("\t")) for line in lines]
    longest = max((len(run) for line in shown for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", *shown, fence]


def _entity(found: re.Match[str]) -> str:
    return f"&#{ord(found[0])};"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
