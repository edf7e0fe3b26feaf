"""When something happened, from the ways in which systems write it, as nanoseconds since the epoch."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

_SECONDS: Final[dict[str, int]] = {}
"""Text up to the second → its nanoseconds: lines of one second share it. Emptied when it is full."""
_KEPT: Final = 4096
_RFC3339: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,12}))? ?([Zz]|UTC|[+-]\d\d:?\d\d)?", re.ASCII
)
_ZEROS: Final = "000000000"


def nanoseconds(value: Any) -> int:
    """Return nanoseconds since the epoch; 0 where it can't be read.

    Text: RFC 3339, a space for the T, a comma before the fraction (asctime), no zone (taken as UTC), digits alone.
    Numbers: seconds, ms, µs or ns, told by their size (dates between 1973 and 5138).
    """
    if value.__class__ is str:
        if len(value) > 19 and value[-1] == "Z" and value[10] == "T":
            base = _SECONDS.get(value[:19])
            if base is not None:
                fraction = value[20:-1]
                if value[19] == "." and fraction.isdigit() and fraction.isascii():
                    return base + int((fraction + _ZEROS)[:9])
                if len(value) == 20:
                    return base
        return _text(value)
    if value.__class__ is int:
        return _number(value)
    if value.__class__ is float:
        return _number(value) if abs(value) < 1e20 else 0  # NaN is not
    return 0


def _number(value: float) -> int:
    if value <= 0:
        return 0
    for factor, under in ((1_000_000_000, 1e11), (1_000_000, 1e14), (1_000, 1e17), (1, 1e20)):
        if value < under:
            if factor == 1 or isinstance(value, int):
                return int(value * factor)
            return round(value * 1_000_000) * (factor // 1000) // 1000  # floats have µs at today's seconds, no more
    return 0


def _text(text: str) -> int:
    match = _RFC3339.fullmatch(text)
    if match is None:
        if text.isascii() and 8 < len(text) < 24:
            if text.isdigit():
                return _number(int(text))
            try:
                return _number(float(text))
            except ValueError:
                return 0
        return 0
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    leap = second == "60"
    try:
        moment = datetime(
            int(year), int(month), int(day), int(hour), int(minute), 59 if leap else int(second), tzinfo=_zone(zone)
        )
        base = int((moment - _EPOCH).total_seconds()) + leap
    except (ValueError, OverflowError):
        return 0
    if zone == "Z" and text[10] == "T" and not leap:
        if len(_SECONDS) >= _KEPT:
            _SECONDS.clear()
        _SECONDS[text[:19]] = base * 1_000_000_000
    return base * 1_000_000_000 + int((fraction + _ZEROS)[:9]) if fraction else base * 1_000_000_000


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _zone(zone: str | None) -> timezone:
    if zone is None or zone[0] not in "+-":
        return UTC
    delta = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    return timezone(-delta if zone[0] == "-" else delta)
