"""Canaries: values planted in requests, found again in whatever form they left: escaped, encoded, in base64 or hex."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from json import dumps
from typing import Final
from urllib.parse import quote, quote_plus

_SHORTEST: Final = 4
"""Characters of the shortest canary that tells anything."""


class Canary:
    """One planted value, and the bytes in which it may come back."""

    __slots__ = ("exact", "folded", "name", "value")

    def __init__(self, name: str, value: str) -> None:
        """Raises ValueError for a value that occurs by chance."""
        if len(value) < _SHORTEST:
            raise ValueError(f"canary `{name}` has {len(value)} characters: at least {_SHORTEST} are needed to tell it")
        self.name = name
        self.value = value
        self.folded = tuple(dict.fromkeys(form.lower() for form in _plain_forms(value)))
        """Looked for in text in lower case."""
        folded = set(self.folded)
        self.exact = tuple(dict.fromkeys(form for form in _base64_forms(value.encode()) if form.lower() not in folded))
        """Looked for as they are: base64 knows case."""


class Canaries:
    """All canaries of a run."""

    __slots__ = ("_exact", "_folded", "every")

    def __init__(self, planted: Mapping[str, str]) -> None:
        """Name → value. Raises ValueError for a value that occurs by chance."""
        self.every = tuple(Canary(name, value) for name, value in planted.items() if value)
        self._folded = tuple(form for canary in self.every for form in canary.folded)
        self._exact = tuple(form for canary in self.every for form in canary.exact)

    def __bool__(self) -> bool:
        return bool(self.every)

    def occur(self, raw: bytes, lower: bytes) -> bool:
        """True where any of them is in some bytes; `lower`: the same in lower case."""
        for form in self._exact:
            if form in raw:
                return True
        for form in self._folded:  # noqa: SIM110  any() over a generator costs as much again
            if form in lower:
                return True
        return False

    def which(self, raw: bytes) -> Iterator[tuple[Canary, str]]:
        """Yield those that are in some bytes, and in which form: `plain` or `encoded`."""
        lower = raw.lower()
        for canary in self.every:
            if canary.folded[0] in lower:
                yield canary, "plain"
            elif any(form in lower for form in canary.folded) or any(form in raw for form in canary.exact):
                yield canary, "encoded"

    def hold(self, text: str) -> bool:
        """True where a text is, or holds, one of them as it is."""
        lower = text.lower()
        return any(canary.value.lower() in lower for canary in self.every)


def _plain_forms(value: str) -> Iterable[bytes]:
    yield value.encode()
    yield value.lower().encode()  # in lower case by itself: that of bytes knows ASCII only
    yield value.upper().encode()
    digits = re.sub(r"[ .-]", "", value)
    if digits.isdigit() and len(digits) >= 8:
        yield digits.encode()  # a card's number without its separators
        if len(digits) == 16:
            for separator in ("-", " "):
                yield separator.join(digits[at : at + 4] for at in range(0, 16, 4)).encode()
    once = dumps(value)[1:-1]
    for text in (once, dumps(value, ensure_ascii=False)[1:-1], once.replace("/", "\\/")):
        yield text.encode()
        yield dumps(text)[1:-1].encode()  # JSON within JSON
    for quoted in (quote(value, safe=""), quote(value), quote_plus(value)):
        yield quoted.encode()
        yield quoted.replace("%", "%25").encode()
    yield value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").encode()
    yield value.encode().hex().encode()
    yield repr(value)[1:-1].encode()


def _base64_forms(value: bytes) -> Iterator[bytes]:
    """What stays the same of its base64 whatever stands around it: a form for each alignment, in both alphabets."""
    for before in range(3):
        encoded = b64encode(b"\0" * before + value)
        # The first characters depend on what stands before, the last ones on what stands behind.
        start = (before * 8 + 5) // 6
        end = (before + len(value)) * 8 // 6
        form = encoded[start:end]
        if len(form) >= _SHORTEST:
            yield form
            yield form.replace(b"+", b"-").replace(b"/", b"_")
            yield form.replace(b"/", b"\\/")
