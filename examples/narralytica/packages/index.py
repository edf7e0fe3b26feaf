"""What is searched, and how: by words, by the likeness of their letters, or both."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from packages.store import Segment, Store

Mode = Literal["lexical", "vector", "hybrid"]
NAME = "segments"
_LEAST = 0.2
"""Scores below this are no results."""


class Hit(NamedTuple):
    """A segment that was found."""

    score: float
    segment: Segment


def words(text: str) -> list[str]:
    """Return the words of a text, in lower case."""
    return re.findall(r"\w+", text.lower())


def terms(text: str) -> dict[str, Any]:
    """Return what the index keeps of a text: its words and a vector of its groups of three letters."""
    found = words(text)
    grams = Counter(f" {word} "[i : i + 3] for word in found for i in range(len(word)))
    length = math.sqrt(sum(n * n for n in grams.values())) or 1.0
    return {"words": sorted(set(found)), "vector": {gram: n / length for gram, n in grams.items()}}


def search(store: Store, query: str, mode: Mode, speaker: str | None, limit: int) -> list[Hit]:
    """Return the best `limit` segments, best first."""
    asked = terms(query)
    hits = [
        Hit(score, segment)
        for segment, held in store.entries()
        if speaker in (None, segment.speaker) and (score := _score(mode, asked, held)) >= _LEAST
    ]
    return sorted(hits, key=lambda hit: (-hit.score, hit.segment))[:limit]


def _score(mode: Mode, asked: Mapping[str, Any], held: Mapping[str, Any]) -> float:
    lexical = len(set(asked["words"]) & set(held["words"])) / (len(asked["words"]) or 1)
    vector = sum(weight * held["vector"].get(gram, 0.0) for gram, weight in asked["vector"].items())
    return float({"lexical": lexical, "vector": vector, "hybrid": (lexical + vector) / 2}[mode])
