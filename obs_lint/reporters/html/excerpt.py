"""The source of a finding as HTML: its lines, one around them where there is room, what is meant marked."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from obs_lint.diagnostic import Position, Span
from obs_lint.reporters.text import visible

_TAB = 4
_HEAD, _TAIL = 3, 1
"""Lines shown at the start and the end of a span of many lines."""
_BEFORE = 60
"""Characters kept before the span in a line that is cut."""


def excerpt(lines: Sequence[str], span: Span, *, around: bool, longest: int) -> str:
    """Return the lines of a span as blocks; "" where it starts beyond the file.

    `around`: with a line of context before and after. `longest`: characters of a line that are kept.
    """
    first, last = span.start.line, max(span.end.line, span.start.line)
    if not 1 <= first <= len(lines):
        return ""
    if last > len(lines) or (last > first and span.end.column <= 1):  # it ends before its end's line begins
        last = min(last - (last <= len(lines)), len(lines))
        span = Span(span.start, Position(last, len(lines[last - 1]) + 1))
    shown = list(range(first, last + 1))
    head = _HEAD if around else 1
    if len(shown) > head + _TAIL + 1 or (not around and len(shown) > 1):
        shown[head : -_TAIL if around else None] = [0]
    if around and first > 1 and lines[first - 2].strip():
        shown.insert(0, first - 1)
    if around and last < len(lines) and lines[last].strip():
        shown.append(last + 1)
    return "".join(_line(lines, number, span, longest) for number in shown)


def _line(lines: Sequence[str], number: int, span: Span, longest: int) -> str:
    if number == 0:
        return "<span><i>⋮</i></span>"
    line = lines[number - 1].rstrip("\r\n")
    low = high = 0
    if span.start.line <= number <= max(span.end.line, span.start.line):
        low = span.start.column - 1 if number == span.start.line else len(line) - len(line.lstrip())
        high = span.end.column - 1 if number == span.end.line else len(line)
        low = min(max(low, 0), len(line))
        high = max(high, low + 1)
    skip = max(0, low - _BEFORE) if len(line) > longest and low > longest - _BEFORE else 0
    end = skip + longest
    out = "…" if skip else ""
    if high:
        meant = _shown(line[low : min(high, end)])
        out += f"{_shown(line[skip:low])}<mark>{meant or ' '}</mark>{_shown(line[high:end])}"
    else:
        out += _shown(line[skip:end])
    return f"<span><i>{number}</i>{out}{'…' if len(line) > end else ''}</span>"


def _shown(part: str) -> str:
    return escape(visible(part.expandtabs(_TAB)), quote=False)
