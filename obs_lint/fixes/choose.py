"""Which fixes can be applied at once: those whose edits keep clear of each other; the others wait for the next pass."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import NamedTuple

from obs_lint.diagnostic import Diagnostic, Fix
from obs_lint.fixes.text import EditableText, Replacement, UneditableError


class Proposal(NamedTuple):
    """A Diagnostic that has a fix, and the fix."""

    diagnostic: Diagnostic
    fix: Fix


class Refusal(NamedTuple):
    """A fix that can't be applied, and why."""

    proposal: Proposal
    path: str
    why: str


class Choice(NamedTuple):
    """What one pass does."""

    taken: tuple[Proposal, ...]
    changes: Mapping[str, tuple[Replacement, ...]]
    """Path → what is changed there, sorted."""
    refused: tuple[Refusal, ...]


def choose(proposals: Iterable[Proposal], texts: Mapping[str, EditableText]) -> Choice:
    """Take each fix, in the order given, whose edits neither overlap nor touch those of the fixes taken before.

    Whole lines may stand next to each other. An edit that another fix has too, such as the import that both need, is
    made once. All edits of a fix are made, or none. A fix that changes nothing is not taken.
    """
    chosen: dict[str, list[Replacement]] = {path: [] for path in texts}
    taken: list[Proposal] = []
    refused: list[Refusal] = []
    for proposal in proposals:
        try:
            own = _placed(proposal.fix, texts)
        except _MisfitError as misfit:
            refused.append(Refusal(proposal, misfit.path, misfit.why))
            continue
        if not own:
            continue
        new: list[tuple[str, Replacement]] = []
        for path, change in own:
            there = chosen[path]
            if change in there:
                continue
            if not _is_clear(change, there, texts[path]):
                break
            new.append((path, change))
        else:
            taken.append(proposal)
            for path, change in new:
                there = chosen[path]
                at = bisect_left(there, change[:2], key=lambda known: known[:2])
                while at < len(there) and there[at][:2] == change[:2]:
                    at += 1
                there.insert(at, change)
    return Choice(tuple(taken), {path: tuple(changes) for path, changes in chosen.items() if changes}, tuple(refused))


class _MisfitError(Exception):
    def __init__(self, path: str, why: str) -> None:
        super().__init__(why)
        self.path = path
        self.why = why


def _placed(fix: Fix, texts: Mapping[str, EditableText]) -> list[tuple[str, Replacement]]:
    """Return the fix's edits that change something, those of one file in order."""
    own: list[tuple[str, Replacement]] = []
    for edit in fix.edits:
        text = texts[edit.path]
        try:
            change = text.place(edit)
        except UneditableError as error:
            raise _MisfitError(edit.path, str(error)) from None
        if text.characters[change.start : change.end] != change.text and (edit.path, change) not in own:
            own.append((edit.path, change))
    own.sort(key=lambda placed: (placed[0], placed[1].start, placed[1].end))
    for (path, one), (other, next_one) in pairwise(own):
        if path == other and next_one.start < one.end:
            raise _MisfitError(path, "its edits overlap")
    return own


def _is_clear(change: Replacement, there: list[Replacement], text: EditableText) -> bool:
    return all(_apart(min(change, other), max(change, other), text) for other in there)


def _apart(first: Replacement, second: Replacement, text: EditableText) -> bool:
    """True where the first ends before the second starts; where they touch, with whole lines on both sides."""
    if first.end != second.start:
        return first.end < second.start
    first_ends = not first.text or first.text[-1] in "\r\n"
    second_ends = second.start < second.end or second.text[-1] in "\r\n"
    return first_ends and second_ends and text.is_line_start(first.end)
