"""Detectors: text that has the form of an e-mail address, a card, an account, a credential, and the like."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple


class Hit(NamedTuple):
    """Something that was detected."""

    kind: str
    """`e-mail address`, `card number`, …"""
    text: str
    """What it was in; never shown."""


PREFILTER: Final = re.compile(
    r"@[\w-]+\.|eyJ|\d[\d -]{11}|\d{3}-\d\d-\d{4}|[A-Z]{2}\d\d ?[A-Z0-9]{4}|A[KS]IA[0-9A-Z]|gh[opsur]_|github_pat_"
    r"|sk[-_][A-Za-z]|xox[abprs]-|AIza|PRIVATE KEY|[Bb]earer "
)
"""Whatever any detector finds fits this as well."""

_EMAIL: Final = re.compile(
    r"(?<![\w.+-])(?!git@)([A-Za-z0-9](?:[\w.+-]{0,62}[\w+-])?)@((?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24})"
    r"(?![\w-])"
)
_CARD: Final = re.compile(r"(?<![\w.-])(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}|\d{4}([ -])\d{6}\2\d{5})(?![\w-])")
_ISSUER: Final = re.compile(r"4|5[1-5]|2[2-7]|3[47]|3[0689]|6(?:011|4|5|2)|35")
_IBAN: Final = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])")
_SSN: Final = re.compile(r"(?<![\w-])(?!000|666|9\d\d)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\w-])")
_JWT: Final = re.compile(r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*")
_KEY: Final = re.compile(
    r"\b(?:A[KS]IA[0-9A-Z]{16}|gh[opsur]_[A-Za-z0-9]{36,}|github_pat_\w{22,}|sk-(?:[a-z]+-)?[A-Za-z0-9_-]{20,}"
    r"|sk_(?:live|test)_[A-Za-z0-9]{16,}|xox[abprs]-[A-Za-z0-9-]{10,}|AIza[0-9A-Za-z_-]{35})(?![\w-])"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----|\b[Bb]earer [A-Za-z0-9._~+/-]{20,}=*"
)
_LENGTHS: Final = {
    "AD": 24, "AT": 20, "BE": 16, "BG": 22, "CH": 21, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "EE": 20, "ES": 24,
    "FI": 18, "FR": 27, "GB": 22, "GR": 27, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IS": 26, "IT": 27, "LI": 21,
    "LT": 20, "LU": 20, "LV": 21, "MC": 27, "MT": 31, "NL": 18, "NO": 15, "PL": 28, "PT": 25, "RO": 24, "RS": 22,
    "SA": 24, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "TR": 26, "AE": 23, "UA": 29, "BR": 29,
}  # fmt: skip


def detect(text: str) -> Iterator[Hit]:
    """Yield what is found in a text. Ask PREFILTER first."""
    for kind, pattern, real in _DETECTORS:
        for found in pattern.finditer(text):
            if real is None or real(found[0]):
                yield Hit(kind, found[0])


def luhn(number: str) -> bool:
    """True where the last digit of a number checks the others (ISO/IEC 7812)."""
    total = 0
    for at, digit in enumerate(reversed(number)):
        value = int(digit)
        if at % 2:
            value *= 2
            if value > 9:
                value -= 9
        total += value
    return total % 10 == 0


def _is_card(text: str) -> bool:
    digits = re.sub(r"[ -]", "", text)
    return 13 <= len(digits) <= 19 and _ISSUER.match(digits) is not None and len(set(digits)) > 1 and luhn(digits)


def _is_iban(text: str) -> bool:
    """ISO 13616: the length of its country, and a remainder of 1."""
    bare = text.replace(" ", "")
    if len(bare) != _LENGTHS.get(bare[:2], 0):
        return False
    turned = bare[4:] + bare[:4]
    return int("".join(str(int(char, 36)) for char in turned)) % 97 == 1


_DETECTORS: Final[tuple[tuple[str, re.Pattern[str], Callable[[str], bool] | None], ...]] = (
    ("e-mail address", _EMAIL, None),
    ("card number", _CARD, _is_card),
    ("bank account number", _IBAN, _is_iban),
    ("social security number", _SSN, None),
    ("JSON web token", _JWT, None),
    ("credential", _KEY, None),
)
