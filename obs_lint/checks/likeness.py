"""Finds the name that was most likely meant: of names in one namespace all look alike, so what differs must too."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W_a-zA-Z0-9]+")
_MANY = 64
"""Up to so many names are all compared."""
_WHOLE = 0.75
_DIFFERENCE = 0.7


class Names:
    """Names to choose from."""

    def __init__(self, names: Iterable[str]) -> None:
        """Names are compared without regard to case and to what separates their words."""
        self._names = sorted(names)
        self._words = [_words(name) for name in self._names]
        self._index: dict[str, list[int]] = {}
        for number, words in enumerate(self._words):
            text = "".join(words)
            for key in {*words, f"{text[:3]}…", f"…{text[-3:]}"}:
                self._index.setdefault(key, []).append(number)
        self._known: dict[str, str] = {}

    def nearest(self, name: str) -> str:
        """Return the name that `name` is most likely a slip for, "" where none is alike."""
        if name not in self._known:
            self._known[name] = self._search(name)
        return self._known[name]

    def _search(self, name: str) -> str:
        from difflib import SequenceMatcher

        written = _words(name)
        matcher = SequenceMatcher(None, b="_".join(written))
        best = ("", 0.0)
        for number in self._candidates(written):
            known = self._words[number]
            matcher.set_seq1("_".join(known))
            if matcher.real_quick_ratio() < _WHOLE or matcher.quick_ratio() < max(_WHOLE, best[1]):
                continue
            ratio = matcher.ratio()
            if ratio >= _WHOLE and ratio > best[1] and _difference(written, known) >= _DIFFERENCE:
                best = (self._names[number], ratio)
        return best[0]

    def _candidates(self, written: list[str]) -> Iterable[int]:
        """Those that share the most words with what is written; where none does, those that begin or end as it does."""
        if len(self._names) <= _MANY:
            return range(len(self._names))
        shared = Counter(number for word in set(written) for number in self._index.get(word, ()))
        if not shared:
            text = "".join(written)
            return sorted({*self._index.get(f"{text[:3]}…", ()), *self._index.get(f"…{text[-3:]}", ())})
        most = max(shared.values())
        return sorted(number for number, count in shared.items() if count >= min(most, len(written) - 1))


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]


def _difference(one: list[str], other: list[str]) -> float:
    """How alike are the words that are left when those are taken away that both begin and end with; 1 is equal."""
    from difflib import SequenceMatcher

    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    end = 0
    while end < min(len(one), len(other)) - start and one[-1 - end] == other[-1 - end]:
        end += 1
    left, right = one[start : len(one) - end], other[start : len(other) - end]
    if not left or not right:
        return 1.0
    return SequenceMatcher(None, "_".join(left), "_".join(right)).ratio()
