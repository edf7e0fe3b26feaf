"""What was probably meant by a word that nobody knows."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is most like `word`; `_` and `-` and case make no difference. None where none is."""
    plain = {k.lower().replace("_", "-"): k for k in known}
    word = word.lower().replace("_", "-")[:100]
    if word in plain:
        return plain[word]
    from difflib import get_close_matches

    found = get_close_matches(word, list(plain), n=1, cutoff=0.6)
    return plain[found[0]] if found else None
