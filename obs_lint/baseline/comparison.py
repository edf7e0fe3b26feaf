"""Which Diagnostics are new, which were known, and which known ones are gone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from obs_lint.baseline.document import Entry
from obs_lint.diagnostic import Diagnostic
from obs_lint.fingerprints import lasting


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two states of the code side by side."""

    new: tuple[Diagnostic, ...]
    known: tuple[tuple[Diagnostic, Entry], ...]
    gone: tuple[Entry, ...]
    """Entries that no Diagnostic answers to: mended, or not looked for in this run."""


def compare(diagnostics: Sequence[Diagnostic], entries: Iterable[Entry], exists: Callable[[str], bool]) -> Comparison:
    """Match Diagnostics with entries by their fingerprints; what is left, by all of it but the path.

    `exists` says whether a path is still there: only entries of files that are gone, renamed perhaps, are matched
    without it, and with no more than one Diagnostic each.
    """
    left = {entry.fingerprint: entry for entry in entries}
    answers: dict[int, Entry] = {}
    for number, diagnostic in enumerate(diagnostics):
        entry = left.pop(diagnostic.fingerprint, None)
        if entry is not None:
            answers[number] = entry
    moved: dict[str, list[Entry]] = defaultdict(list)
    if left and len(answers) < len(diagnostics):
        there: dict[str, bool] = {}
        for entry in sorted(left.values()):
            if entry.path not in there:
                there[entry.path] = exists(entry.path)
            if not there[entry.path]:
                moved[lasting(entry.fingerprint)].append(entry)
    for number, diagnostic in enumerate(diagnostics) if moved else ():
        candidates = moved.get(lasting(diagnostic.fingerprint), []) if number not in answers else []
        candidates = [entry for entry in candidates if entry.code == diagnostic.code]
        if candidates:
            name = diagnostic.path.rpartition("/")[2]
            entry = next((entry for entry in candidates if entry.path.rpartition("/")[2] == name), candidates[0])
            moved[lasting(diagnostic.fingerprint)].remove(entry)
            del left[entry.fingerprint]
            answers[number] = entry
    return Comparison(
        tuple(d for number, d in enumerate(diagnostics) if number not in answers),
        tuple((d, answers[number]) for number, d in enumerate(diagnostics) if number in answers),
        tuple(sorted(left.values())),
    )


def entries_of(diagnostics: Iterable[Diagnostic], reason: str = "") -> tuple[Entry, ...]:
    """Return the entries that a baseline of these Diagnostics has."""
    return tuple(sorted(Entry(d.fingerprint, d.code, d.path, reason) for d in diagnostics))
