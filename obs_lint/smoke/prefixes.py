"""What container runtimes, process managers and log daemons write before a line, and how much of it to take off."""

from __future__ import annotations

import re
from typing import Final, NamedTuple


class Prefix(NamedTuple):
    """What stands before a line."""

    length: int
    """Bytes before the line itself."""
    service: str = ""
    """The container, pod or unit that the prefix names."""
    time: str = ""
    """The prefix's own timestamp, as written."""
    partial: bool = False
    """The runtime cut a long line here: the next one of the same stream goes on with it (CRI `P`)."""
    stream: str = ""
    """stdout or stderr, where the prefix says so."""
    certain: bool = True
    """False where ordinary prose may begin like this: taken off only before JSON."""


_ANSI: Final = re.compile(rb"\x1b\[[0-9;]*[A-Za-z]")
_TIME: Final = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)"

_CRI: Final = re.compile(rb"(" + _TIME + rb") (stdout|stderr) ([PF])(?::[^ ]*)? ")
_TIMESTAMP: Final = re.compile(rb"(" + _TIME + rb")[ \t]")
_KUBERNETES: Final = re.compile(rb"\[(?:pod/)?([\w.-]+)/([\w.-]+)\] ")
_COMPOSE: Final = re.compile(rb"([A-Za-z0-9][\w.-]*?)(?:[-_](\d{1,4}))?[ \t]*\|[ \t]?")
_FOREMAN: Final = re.compile(rb"\d\d:\d\d:\d\d ([A-Za-z0-9][\w-]*)(?:\.\d+)?[ \t]*\|[ \t]?")
_JOURNAL: Final = re.compile(
    rb"(" + _TIME + rb"|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,6})?) [\w.-]+ ([^\s\[:]+)(?:\[\d+\])?: "
)
_SYSLOG: Final = re.compile(rb"<\d{1,3}>1 (\S+) \S+ (\S+) \S+ \S+ (?:-|(?:\[[^\]]*\])+) ?(?:\xef\xbb\xbf)?")
_STERN: Final = re.compile(rb"[a-z0-9][a-z0-9.-]* ([a-z0-9][a-z0-9-]*) (?=\{)")


def prefix_of(line: bytes) -> Prefix | None:
    """Return what stands before a line that does not begin with JSON, None where nothing known does.

    Prefixes nest (`docker compose logs --timestamps`, `kubectl logs --prefix --timestamps`): all are taken off.
    """
    start, service, time, certain = 0, "", "", True
    if line.startswith(b"\x1b"):
        start = _past_escapes(line, 0)
    if (match := _SYSLOG.match(line, start)) is not None:
        return Prefix(match.end(), _text(match[2]), _text(match[1]))
    found = False
    if (match := _KUBERNETES.match(line, start)) is not None:
        service, start, found = _text(match[2]), match.end(), True
    elif (match := _FOREMAN.match(line, start)) is not None:
        service, start, found = _text(match[1]), match.end(), True
    elif (match := _JOURNAL.match(line, start)) is not None:
        time = _text(match[1])
        return Prefix(match.end(), _text(match[2]), time if time[:1].isdigit() else "")
    elif (match := _CRI.match(line, start)) is None and (match := _COMPOSE.match(line, start)) is not None:
        service, start, found = _text(match[1]), match.end(), True
        certain = match[2] is not None
    elif match is None and (match := _STERN.match(line, start)) is not None:
        return Prefix(match.end(), _text(match[1]), certain=False)
    start = _past_escapes(line, start)
    if (match := _CRI.match(line, start)) is not None:
        return Prefix(match.end(), service, _text(match[1]), match[3] == b"P", _text(match[2]))
    if (match := _TIMESTAMP.match(line, start)) is not None:
        time, start = _text(match[1]), match.end()
        certain = certain and found
        found = True
    start = _past_escapes(line, start)
    return Prefix(start, service, time, certain=certain) if found or start else None


def _past_escapes(line: bytes, start: int) -> int:
    while (match := _ANSI.match(line, start)) is not None:
        start = match.end()
    return start


def _text(found: bytes) -> str:
    return found.decode("utf-8", "replace")


def without_colours(line: bytes) -> bytes:
    """Return a line without terminal colours."""
    return _ANSI.sub(b"", line) if b"\x1b" in line else line
