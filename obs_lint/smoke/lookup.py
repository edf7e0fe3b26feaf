"""One flow out of captured output of any size: read again until no record brings another id of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from obs_lint.smoke.flows import Flow, Id, Index, Shape
from obs_lint.smoke.records import Record

MAX_RECORDS = 200_000
"""Records of one flow that are kept; a larger one is told as it is up to there."""
_PASSES = 8
_KNOWN = 20_000


def flow_of(read: Callable[[], Iterable[Record]], value: str, shape: Shape) -> tuple[Flow | None, list[str]]:
    """Find the flow that an id belongs to: a trace, a request, a job, a run, or the beginning or end of one.

    `read` is called once a pass and gives all records anew, so that the memory is that of the flow. Returns the flow
    and nothing, or None and the ids that look like the one asked for.
    """
    values, seen = _meant(read, value, shape)
    if not values:
        from difflib import get_close_matches

        return None, get_close_matches(value, seen, 3, 0.6)
    index = Index(shape)
    seeds: tuple[Id, ...] = tuple(sorted(values))
    known = set(values)
    for _ in range(_PASSES):
        index = Index(shape)
        before = len(known)
        for record in read():
            pairs = [pair for pair in record.ids.items() if pair[0] in shape.joining]
            if any(pair in known for pair in pairs):
                known.update(pairs)
                if len(index.records) < MAX_RECORDS:
                    index.add(record)
        if len(known) == before:
            break
    return index.flow(seeds), []


def _meant(read: Callable[[], Iterable[Record]], value: str, shape: Shape) -> tuple[set[Id], list[str]]:
    """The ids that a value means, and, where it means none, ids that there are."""
    exact: set[Id] = set()
    part: set[Id] = set()
    seen: dict[str, None] = {}
    wanted = value.lower()
    for record in read():
        for name, text in record.ids.items():
            if name not in shape.joining:
                continue
            if text == value:
                exact.add((name, text))
            elif (
                len(value) >= 4
                and len(part) < 100
                and (text.lower().startswith(wanted) or text.lower().endswith(wanted))
            ):
                part.add((name, text))
            if len(seen) < _KNOWN:
                seen[text] = None
    if exact:
        return exact, []
    # The beginning of several ids means none of them.
    if len({text for _, text in part}) == 1:
        return part, []
    return set(), [*(text for _, text in sorted(part)), *seen]
