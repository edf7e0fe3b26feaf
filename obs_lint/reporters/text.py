"""Text that can be shown: control characters made visible, widths in terminal columns, lines that fit."""

from __future__ import annotations

from collections.abc import Iterable

_SHORT = {0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r"}
_DECEIVING = ((0x200E, 0x200F), (0x2028, 0x202E), (0x2060, 0x2069), (0xD800, 0xDFFF), (0xE0000, 0xE007F))
"""Direction marks and overrides, line separators, invisible operators, lone surrogates, tag characters."""


class _Visible(dict[int, str]):
    """A table for `str.translate` that fills itself."""

    def __missing__(self, code: int) -> str:
        shown = chr(code)
        if code < 0x20 or 0x7F <= code < 0xA0:
            shown = _SHORT.get(code, f"\\x{code:02x}")
        elif code in (0x061C, 0x200B, 0xFEFF) or any(low <= code <= high for low, high in _DECEIVING):
            shown = f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
        self[code] = shown
        return shown


_VISIBLE = _Visible()


def visible(text: str) -> str:
    r"""Write what would move the cursor, break the line or deceive as in a Python literal: `\x1b`, `\n`, `\udcff`."""
    return text if text.isprintable() else text.translate(_VISIBLE)


def one_line(text: str) -> str:
    """`visible` text on one line: runs of blanks with a newline in them become one space."""
    if "\n" in text:
        text = " ".join(text.split())
    return visible(text)


def character_width(character: str) -> int:
    """Columns that a terminal gives to one character: 0 for combining marks, 2 for wide ones."""
    if character < "\u0300":
        return 1
    from unicodedata import category, east_asian_width

    if category(character) in {"Mn", "Me", "Cf"} or "\u1160" <= character <= "\u11ff":
        return 0
    return 2 if east_asian_width(character) in "WF" else 1


def display_width(text: str) -> int:
    """Columns that a terminal gives to a text without control characters."""
    return len(text) if text.isascii() else sum(map(character_width, text))


def shorten(text: str, width: int, ellipsis: str) -> str:
    """Cut a text to `width` columns, with the ellipsis as its end where something was cut."""
    if len(text) * 2 <= width or display_width(text) <= width:
        return text
    room = width - len(ellipsis)
    kept: list[str] = []
    for character in text:
        room -= character_width(character)
        if room < 0:
            break
        kept.append(character)
    return "".join(kept).rstrip() + ellipsis


def pad(text: str, width: int) -> str:
    """Fill a text with spaces to `width` columns."""
    return text + " " * (width - display_width(text))


def wrap(text: str, width: int, first: str = "", rest: str = "") -> list[str]:
    """Break prose at blanks into lines of at most `width` columns; longer words, and code in backticks, stay whole."""
    lines: list[str] = []
    line, empty = first, True
    for word in _words(text):
        if not empty and display_width(line) + 1 + display_width(word) > width:
            lines.append(line)
            line, empty = rest, True
        line += word if empty else f" {word}"
        empty = False
    if not empty:
        lines.append(line)
    return lines


def _words(text: str) -> list[str]:
    """Split at blanks outside backticks; a backtick without its partner is a character like any other."""
    words: list[str] = []
    parts = text.split()
    while parts:
        word = parts.pop(0)
        if word.count("`") % 2:
            close = next((index for index, part in enumerate(parts) if part.count("`") % 2), None)
            if close is not None:
                word = " ".join([word, *parts[: close + 1]])
                del parts[: close + 1]
        words.append(word)
    return words


def plural(count: int, noun: str, plural_noun: str = "") -> str:
    """`1 file`, `2 files`, `2 entries`."""
    return f"{count} {noun}" if count == 1 else f"{count} {plural_noun or noun + 's'}"


def code_ranges(codes: Iterable[str], dash: str) -> str:
    """Join codes, with runs of three or more as a range: `OBS301-OBS304, OBS401`."""
    runs: list[list[str]] = []
    for code in sorted(set(codes)):
        last = runs[-1][-1] if runs else ""
        if last and _next_code(last) == code:
            runs[-1].append(code)
        else:
            runs.append([code])
    parts = [f"{run[0]}{dash}{run[-1]}" if len(run) > 2 else ", ".join(run) for run in runs]
    return ", ".join(parts)


def _next_code(code: str) -> str:
    stem = code.rstrip("0123456789")
    digits = code[len(stem) :]
    return f"{stem}{int(digits) + 1:0{len(digits)}}" if digits else ""
