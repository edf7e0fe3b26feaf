"""The layers of the enrichment: small models that run here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from packages import observability as obs
from packages.index import words

_COMMON = frozenset("the a an and or of to in is it that this we you they are was for on with as at be".split())
_GOOD = frozenset("good great glad happy love thanks thank wonderful fine agree works".split())
_BAD = frozenset("bad sad late wrong angry hate problem sorry broken fails disagree".split())


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer, and what computes it."""

    name: str
    version: str
    model_id: str
    compute: Callable[[str], Any]
    """The text of a document → something that JSON can hold."""


def topics(text: str) -> list[str]:
    """Return the five words that are said most."""
    counted = Counter(word for word in words(text) if word not in _COMMON and len(word) > 2)
    return [word for word, _ in sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:5]]


def sentiment(text: str) -> float:
    """Return the mood, -1 to 1."""
    said = words(text)
    good, bad = (sum(word in mood for word in said) for mood in (_GOOD, _BAD))
    return round((good - bad) / ((good + bad) or 1), 3)


def summary(text: str) -> str:
    """Return how it begins, twenty words at most."""
    return " ".join(text.split()[:20])


LAYERS = (
    Layer("topics", "1", "frequency-1", topics),
    Layer("sentiment", "1", "lexicon-1", sentiment),
    Layer("summary", "2", "lead-1", summary),
)


def apply(layer: Layer, text: str) -> Any:
    """Compute a layer, and tell about it (004 Issue 6.5): never of the text, only how long it was."""
    with obs.layer(layer.name, version=layer.version, model_id=layer.model_id, model_provider="local") as told:
        computed = layer.compute(text)
        told.set(tokens_in=len(text.split()), tokens_out=len(str(computed).split()))
        return computed
