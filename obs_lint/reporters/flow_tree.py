"""A flow in a terminal: a tree with a waterfall beside it, and the answers to 002's questions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from obs_lint.reporters.terminal import Palette
from obs_lint.reporters.text import display_width, one_line, pad, shorten, visible

if TYPE_CHECKING:
    from obs_lint.reporters.context import Context
    from obs_lint.smoke.flows import Flow, Node
    from obs_lint.smoke.records import Record
    from obs_lint.smoke.why import Answers, Step

_TIMELINE = 60
"""Lines of a timeline that are shown."""
_BAR = 30
"""Columns of the widest waterfall."""
_NARROW = 72
"""Columns below which there is no waterfall."""


def tree(flow: Flow, context: Context, *, events: bool = False) -> list[str]:
    """Lines of a flow's tree: each level with attempt, service, duration, how it ended, errors below it.

    `events`: with every record of a level below it.
    """
    roots = flow.tree()
    if not roots:
        return ["no record carries an id of this flow"]
    starts = [root.start for root in roots if root.start]
    begin = min(starts, default=0)
    end = max((root.end for root in roots), default=0)
    rows: list[tuple[str, Node | None, str]] = []
    for root in roots:
        rows += _rows(root, "", "", context, events)
    width = max(context.width, 40)
    bar = min(_BAR, width // 4) if width >= _NARROW else 0
    label_width = min(
        max(display_width(label) for label, _, _ in rows), width - (bar + 2 if bar else 0) - _DETAIL_WIDTH
    )
    return [_line(row, label_width, bar, begin, end, context) for row in rows]


_DETAIL_WIDTH = 21
"""Two blanks, 8 columns of duration, a blank, 10 of how it ended."""


def _rows(node: Node, first: str, rest: str, context: Context, events: bool) -> Iterator[tuple[str, Node | None, str]]:
    """(label, node or None, what to say in place of durations) of a node and what is below it."""
    yield first + _label(node, context), node, ""
    bend, tee, pipe = ("└─ ", "├─ ", "│  ") if context.unicode else ("`- ", "|- ", "|  ")
    notes = list(_notes(node, context))
    if events:
        notes += [
            f"· {record.name or record.kind}" if context.unicode else f". {record.name}" for record in node.records
        ]
    parts: list[Node | str] = [*notes, *node.children]
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if isinstance(part, str):
            yield rest + part, None, ""
        else:
            yield from _rows(part, rest + (bend if last else tee), rest + ("   " if last else pipe), context, events)


def _label(node: Node, context: Context) -> str:
    from obs_lint.smoke.why import name_of

    kind = {"span": "span", "": "records"}.get(node.level, node.level.removesuffix("_id").removesuffix("_name"))
    name = name_of(node)
    ident = node.value
    if len(ident) > 12 and not node.level.endswith("_name"):
        ident = context.symbols.ellipsis + ident[-8:]
    attempt = node.detail("attempt") if node.level != "request_id" else None
    parts = [kind, "" if name == node.value else ident, name]
    if isinstance(attempt, int) and attempt > 0 and node.level.endswith("run_id"):
        parts.append(f"attempt {attempt}")
    if node.service and (node.parent is None or node.parent.service != node.service):
        parts.append(f"({node.service})")
    return one_line(" ".join(part for part in parts if part))


def _notes(node: Node, context: Context) -> Iterator[str]:
    from obs_lint.smoke.flows import error_of, status_of

    cross = "✗" if context.unicode else "x"
    if node.lost:
        yield f"{cross} the chain is broken here: {node.lost}"
    seen = set()
    for record in node.records:
        if status_of(record) == "failed":
            error = error_of(record)
            said = one_line(error) or (record.name if not node.status else "")
            if said and said not in seen:
                seen.add(said)
                yield f"{cross} {said}"


def _line(row: tuple[str, Node | None, str], label_width: int, bar: int, begin: int, end: int, context: Context) -> str:
    label, node, _ = row
    palette, symbols = context.palette, context.symbols
    cut = shorten(label, label_width if node is not None else context.width, symbols.ellipsis)
    if node is None:
        error = any(mark in cut for mark in ("✗", "x "))
        return f"{palette.error if error else palette.dim}{cut}{palette.reset}"
    lasted = duration(node.end - node.start) if node.start and node.end > node.start else ""
    status = node.status
    color = _color(status, palette)
    line = f"{pad(cut, label_width)}  {lasted:>8} {color}{status:<10}{palette.reset}"
    if bar and node.start and end > begin:
        line += "  " + _bar(node, begin, end, bar, context)
    return line.rstrip()


def _color(status: str, palette: Palette) -> str:
    return {"ok": palette.good, "failed": palette.error, "running": palette.warning, "cancelled": palette.warning}.get(
        status, ""
    )


def _bar(node: Node, begin: int, end: int, width: int, context: Context) -> str:
    scale = width / (end - begin)
    start = min(int((node.start - begin) * scale), width - 1)
    length = max(1, min(round((node.end - node.start) * scale), width - start))
    full = "█" if context.unicode else "#"
    color = _color(node.status, context.palette) or context.palette.frame
    return f"{' ' * start}{color}{full * length}{context.palette.reset}"


def duration(nanoseconds: int) -> str:
    """`812 µs` as `0.8 ms`, `41 ms`, `1.24 s`, `3 min 20 s`."""
    ms = nanoseconds / 1e6
    if ms < 10:
        return f"{ms:.1f} ms"
    if ms < 1000:
        return f"{ms:.0f} ms"
    if ms < 100_000:
        return f"{ms / 1000:.2f} s"
    minutes, seconds = divmod(round(ms / 1000), 60)
    if minutes < 600:
        return f"{minutes} min {seconds} s"
    return f"{minutes // 60} h {minutes % 60} min"


def explained(found: Answers, context: Context) -> list[str]:
    """Lines that answer 002's questions about one flow."""
    palette = context.palette
    flow = found.flow
    ids = [f"{name} {', '.join(values[:3])}" for name, values in flow.ids.items() if name in flow.shape.joining]
    out = [_cut(f"{palette.strong}Flow{palette.reset}  {one_line('; '.join(ids))}", context)]
    status = found.status or "unknown"
    services = sorted({visible(record.service) for record in flow.records if record.service})
    line = f"{_color(found.status, palette)}{status}{palette.reset} in {duration(found.duration)}"
    out.append(f"      {line}, {len(flow.records)} records from {', '.join(services) or 'unknown services'}")
    out += ["", _title("Execution path", context), *_path(found, context)]
    out += ["", *tree(flow, context)]
    out += ["", _title("Why it failed" if found.status == "failed" else "Failures", context)]
    out += _failure(found, context)
    out += ["", _title("Compensations", context)]
    for one in found.compensations:
        lasted = f" in {duration(one.end - one.start)}" if one.end > one.start else ""
        after = f", begun {_offset(one.start, flow)}" if one.start else ""
        words = {"ok": "undone", "failed": "could not be undone", "running": "being undone", "missing": "not undone"}
        color = _color("failed" if one.status == "missing" else one.status, palette)
        said = f"  {visible(one.of)}: {color}{words.get(one.status, one.status)}{palette.reset}{lasted}{after}"
        out.append(_cut(said + (f": {one_line(one.error)}" if one.error else ""), context))
    if not found.compensations:
        out.append("  none")
    out += ["", _title("Decisions", context)]
    for choice in found.decisions:
        sure = (
            f" ({choice.confidence:.0%} sure)" if choice.confidence is not None and 0 <= choice.confidence <= 1 else ""
        )
        others = f" of {', '.join(choice.alternatives)}" if choice.alternatives else ""
        when = _offset(choice.record.time, flow)
        out.append(
            _cut(f"  {when} {choice.record.name}: {one_line(choice.chosen) or '?'}{sure}{one_line(others)}", context)
        )
        if choice.reason:
            out.append(_cut(f"      because {one_line(choice.reason)}", context))
        if choice.failures_after:
            out.append(f"      {choice.failures_after} failures came after it")
    if not found.decisions:
        out.append("  none")
    out += ["", _title("Still running", context)]
    last = max((record.end or record.time for record in flow.records), default=0)
    out += [
        f"  {_step_name(step)}, begun {duration(last - step.start)} before the last record" for step in found.running
    ]
    if not found.running:
        out.append("  nothing")
    out += ["", _title("Timeline", context), *_timeline(flow, context)]
    return [line.rstrip() for line in out]


def _title(text: str, context: Context) -> str:
    return f"{context.palette.strong}{text}{context.palette.reset}"


def _path(found: Answers, context: Context) -> list[str]:
    marks = {"ok": "✓", "failed": "✗", "running": "…", "cancelled": "⊘"} if context.unicode else {"failed": "x"}
    arrow = " → " if context.unicode else " -> "
    palette = context.palette
    parts = []
    for step in found.path:
        mark = marks.get(step.status, "" if context.unicode else step.status)
        parts.append(f"{_step_name(step)} {_color(step.status, palette)}{mark}{palette.reset}".strip())
    if not parts:
        return ["  no step is told of"]
    lines, current = [], "  "
    for number, part in enumerate(parts):
        joined = part if number == 0 else arrow + part
        if len(current) + len(joined) > context.width + 12 and current.strip():
            lines.append(current)
            current = "   " + joined
        else:
            current += joined
    return [*lines, current]


def _step_name(step: Step) -> str:
    node = step.node
    name = step.name or (f"{node.level.removesuffix('_id')} {node.value[-8:]}" if node is not None else "?")
    return one_line(f"{name} ({step.attempt})" if step.attempt > 1 else name)


def _failure(found: Answers, context: Context) -> list[str]:
    from obs_lint.smoke.flows import error_of, place_of

    failure = found.failure
    if failure is None:
        return ["  nothing failed"]
    palette = context.palette
    error = one_line(error_of(failure))
    out = [_cut(f"  {palette.error}{error or failure.name or 'an error'}{palette.reset}", context)]
    out.append(
        _cut(f"  `{visible(failure.name)}` {_offset(failure.time, found.flow)}, {visible(place_of(failure))}", context)
    )
    if found.failed_step is not None:
        step = found.failed_step
        where = f"  in {_step_name(step)}" + (f" of {visible(step.service)}" if step.service else "")
        out.append(_cut(where, context))
    if found.inputs:
        text = json.dumps(dict(found.inputs), ensure_ascii=False, default=str)
        out.append(_cut(f"  it was given {one_line(text)}", context))
    if found.status == "ok":
        out.append("  a later attempt was better: the flow ended well")
    return out


def _timeline(flow: Flow, context: Context) -> list[str]:
    from obs_lint.smoke.flows import status_of

    records = flow.timeline()
    out = []
    names = max((display_width(visible(record.service)) for record in records), default=0)
    for record in records[:_TIMELINE]:
        color = _color("failed", context.palette) if status_of(record) == "failed" else ""
        said = one_line(record.name or _prose(record))
        line = f"  {_offset(record.time, flow):>10}  {pad(visible(record.service), min(names, 20))}  {said}"
        out.append(
            f"{color}{shorten(line, context.width, context.symbols.ellipsis)}{context.palette.reset if color else ''}"
        )
    if len(records) > _TIMELINE:
        out.append(f"  and {len(records) - _TIMELINE} more")
    return out


def _prose(record: Record) -> str:
    message = record.payload.get("message")
    return message if isinstance(message, str) else record.kind


def _offset(time: int, flow: Flow) -> str:
    times = [record.time for record in flow.records if record.time]
    return f"+{duration(time - min(times))}" if time and times else "?"


def _cut(line: str, context: Context) -> str:
    """Shorten a line that has escape sequences at most at its words: only where it is plain can its width be told."""
    if context.color:
        return line
    return shorten(line, context.width, context.symbols.ellipsis)


def lines_of(parts: Sequence[str]) -> str:
    """The lines as one text."""
    return "\n".join(parts) + "\n"
