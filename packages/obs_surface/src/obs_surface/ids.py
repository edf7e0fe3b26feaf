"""Ids: UUIDv7 made here, and the question whether an id from outside is well-formed."""

from __future__ import annotations

import os
import re
import threading
from time import time_ns

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:@/+=-]{1,128}").fullmatch
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}").fullmatch
_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}").fullmatch
_SPAN_ID = re.compile(r"(?!0{16})[0-9a-f]{16}").fullmatch
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})").fullmatch

_POOL = 4096
"""Random bytes asked of the system at once: one call of `os.urandom` costs more than the rest of an id."""


def is_request_id(text: str) -> bool:
    """True for 1 to 128 characters of `A-Z a-z 0-9 . _ : @ / + = -`: what may be taken from a header and sent back."""
    return _REQUEST_ID(text) is not None


def is_uuid(text: str) -> bool:
    """True for a UUID of any version in its form with hyphens, upper or lower case."""
    return _UUID(text) is not None


def is_trace_id(text: str) -> bool:
    """True for 32 lower-case hex digits that are not all zero (W3C Trace Context)."""
    return _TRACE_ID(text) is not None


def is_span_id(text: str) -> bool:
    """True for 16 lower-case hex digits that are not all zero (W3C Trace Context)."""
    return _SPAN_ID(text) is not None


def is_integer(text: str) -> bool:
    """True for a decimal integer of at most 18 digits, without leading zeros."""
    return _INTEGER(text) is not None


WELL_FORMED = {"uuid": is_uuid, "otel-trace-id": is_trace_id, "otel-span-id": is_span_id, "integer": is_integer}
"""The registry's type of a correlation field → its test; `is_request_id` for any other."""


class _Source:
    """Where ids of this process come from: the last one, and random bytes kept ready."""

    __slots__ = ("_at", "_last", "_lock", "_pool")

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Start anew: a forked child must not continue with its parent's random bytes and lock."""
        self._lock = threading.RLock()  # a generator collected meanwhile may emit, and ask for an id, from its end
        self._last = 0
        self._pool = b""
        self._at = 0

    def next(self) -> int:
        """Return the next id: 48 bits of milliseconds, then 74 random bits that only grow within a millisecond."""
        with self._lock:
            at = self._at
            if at + 10 > len(self._pool):
                self._pool = os.urandom(_POOL)
                at = 0
            self._at = at + 10
            drawn = int.from_bytes(self._pool[at : at + 10], "big")
            # RFC 9562, 6.2, method 2: a random start in each millisecond, then random steps.
            value = (time_ns() // 1_000_000) << 74 | (drawn & (1 << 73) - 1)
            if value <= self._last:
                value = self._last + 1 + (drawn & 0xFFFFFFFF)
            self._last = value
            return value


_source = _Source()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_source.renew)


def uuid7() -> str:
    """Return a new UUIDv7 (RFC 9562): ids of one process sort in the order in which they were made.

    Safe over threads and after a fork.
    """
    value = _source.next()
    # One `%` is twice as fast as an f-string of five parts.
    return "%08x-%04x-%04x-%04x-%012x" % (  # noqa: UP031
        value >> 90 & 0xFFFFFFFF,
        value >> 74 & 0xFFFF,
        value >> 62 & 0xFFF | 0x7000,
        value >> 48 & 0x3FFF | 0x8000,
        value & 0xFFFFFFFFFFFF,
    )
