"""How changes of a registry are written down: as text, as JSON, as Markdown for a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from obs_lint.registry.diff import Change
from obs_lint.registry.model import Place
from obs_lint.reporters.context import PROSE_WIDTH, Context
from obs_lint.reporters.text import pad, visible, wrap

FORMATS = ("text", "json", "markdown")
_WORDS = {"": "nobody", "both": "producers, consumers"}


def render(changes: Sequence[Change], revision: str, context: Context, *, format: str = "text") -> str:  # noqa: A002
    """Return what changed since a revision, ending in a newline."""
    if format == "json":
        return _json(changes, revision)
    if format == "markdown":
        return "".join(f"{line}\n" for line in _markdown(changes, revision))
    return "".join(f"{line}\n" for line in _text(changes, revision, context))


def verdict(change: Change) -> str:
    """`breaking`, `announced` (breaking, under a raised version or after a deprecation) or `compatible`."""
    if not change.breaking:
        return "compatible"
    return "announced" if change.announced else "breaking"


def summary(changes: Iterable[Change]) -> str:
    """`2 breaking, 1 announced, 4 compatible changes`."""
    counts = dict.fromkeys(("breaking", "announced", "compatible"), 0)
    for change in changes:
        counts[verdict(change)] += 1
    total = sum(counts.values())
    if not total:
        return "nothing changed"
    parts = [f"{count} {word}" for word, count in counts.items() if count]
    return f"{', '.join(parts)} {'change' if total == 1 else 'changes'}"


def _where(place: Place) -> str:
    return f"{visible(place.path)}:{place.line}" if place.path else ""


def _groups(changes: Sequence[Change]) -> Iterator[tuple[str, list[Change]]]:
    for event, group in groupby(changes, key=lambda change: change.event):
        yield event, list(group)


# -- text


def _text(changes: Sequence[Change], revision: str, context: Context) -> Iterator[str]:
    palette = context.palette
    colors = {"breaking": palette.error, "announced": palette.warning, "compatible": palette.good}
    width = min(context.width, PROSE_WIDTH)
    words = max((len(verdict(change)) for change in changes), default=0)
    kinds = max((len(change.kind) for change in changes), default=0)
    for event, group in _groups(changes):
        yield f"{palette.strong}{visible(event) if event else 'beside events'}{palette.reset}"
        for change in group:
            word = verdict(change)
            head = (
                f"  {colors[word]}{pad(word, words)}{palette.reset}  {pad(change.kind, kinds)}  {_where(change.place)}"
            )
            yield head.rstrip()
            indent = " " * (words + 4)
            yield from wrap(visible(change.reason), width, indent, indent)
        yield ""
    total = summary(changes)
    failing = any(change.fails for change in changes)
    mark = palette.error if failing else palette.good
    yield f"Since {visible(revision)}: {mark}{total}{palette.reset}."
    if failing:
        advice = "Make it compatible, or raise the event's `version`: then it is announced and fails nothing."
        yield from wrap(advice, width)


# -- JSON


def _json(changes: Sequence[Change], revision: str) -> str:
    from json import dumps

    counts = {
        word: sum(verdict(change) == word for change in changes) for word in ("breaking", "announced", "compatible")
    }
    document = {
        "version": 1,
        "since": revision,
        "changes": [
            {
                "event": change.event or None,
                "kind": change.kind,
                "pointer": change.pointer,
                "verdict": verdict(change),
                "breaking": change.breaking,
                "direction": change.direction or None,
                "reason": change.reason,
                "path": change.place.path,
                "line": change.place.line,
                "column": change.place.column,
            }
            for change in changes
        ],
        "summary": counts,
    }
    return dumps(document, indent=2) + "\n"


# -- Markdown


def _markdown(changes: Sequence[Change], revision: str) -> Iterator[str]:
    yield f"### Event registry since `{_code(revision)}`: {summary(changes)}"
    if not changes:
        return
    yield ""
    yield "| | event | change | hurts | where |"
    yield "|---|---|---|---|---|"
    for change in changes:
        word = verdict(change)
        mark = {"breaking": "**breaking**", "announced": "announced", "compatible": "compatible"}[word]
        name = f"`{_code(change.event)}`" if change.event else "*beside events*"
        where = f"`{_code(_where(change.place))}`" if change.place.path else ""
        hurts = _WORDS.get(change.direction, change.direction)
        yield f"| {mark} | {name} | {_cell(change.reason)} | {hurts} | {where} |"


def _cell(text: str) -> str:
    """A text in a cell of a table: GitHub splits at `|` even inside backticks."""
    return visible(text).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _code(text: str) -> str:
    return visible(text).replace("`", "'").replace("|", "\\|")
