"""A chain as a text tree, as JSON and as a Mermaid flowchart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from obs_lint import __version__
from obs_lint.inventory.chain import Chain, Step
from obs_lint.reporters.terminal import Palette

VERSION = 1


def tree(chain: Chain, palette: Palette) -> str:
    """Return the chain as a tree, an entry point after the other, and what it comes to in one line."""
    out: list[str] = []
    for entry in chain.entries:
        out.append(
            f"{palette.strong}{entry.label}{palette.reset}  {_where(entry)}  {_dim(palette, _name(entry))}".rstrip()
        )
        out += _below(entry, palette, "")
        out.append("")
    out += _summary(chain, palette)
    return "\n".join(out) + "\n"


def _below(step: Step, palette: Palette, indent: str) -> Iterator[str]:
    for number, inner in enumerate(step.steps):
        last = number == len(step.steps) - 1
        yield f"{indent}{'└─ ' if last else '├─ '}{_line(inner, palette)}"
        yield from _below(inner, palette, indent + ("   " if last else "│  "))


def _line(step: Step, palette: Palette) -> str:
    kind = {"job": "enqueues ", "http": "calls ", "event": "", "task": "task "}.get(step.kind, "")
    words = [f"{kind}{step.label}", _where(step)]
    if step.via:
        words.append(_dim(palette, "via " + " → ".join(step.via)))
    if step.untold:
        words.append(_dim(palette, "to whom can't be told" + (", beside these" if step.steps else "")))
    if step.again:
        words.append(_dim(palette, "(drawn above)"))
    if step.lost:
        words.append(f"{palette.error}{_listed(step.lost)} lost here{palette.reset}")
    elif step.kind in ("job", "http") and step.by:
        words.append(_dim(palette, f"carries {_listed(step.ids)} ({step.by})"))
    elif step.kind in ("job", "http") and not step.certain:
        words.append(_dim(palette, "what it carries can't be told"))
    return "  ".join(words)


def _summary(chain: Chain, palette: Palette) -> Iterator[str]:
    if chain.fields:
        yield f"Chain: {' → '.join(chain.fields)}"
    losses = chain.losses
    if losses:
        entry, hop = losses[0]
        after = hop.steps[0].place if hop.steps else hop.place
        yield (
            f"{palette.error}First loss:{palette.reset} {entry.label} → {hop.label} → {after.path}:{after.line}: "
            f"{_listed(hop.lost)} lost here"
        )
    count = len({(hop.place, hop.lost) for _, hop in losses})
    parts = [_count(len(chain.entries), "entry point"), f"{_count(count, 'hop')} with a loss"]
    if chain.silent:
        parts.append(f"{chain.silent} without hops or events (--all)")
    if chain.cut:
        parts.append("cut off: there is more than can be followed")
    yield ", ".join(parts) + "."


def _name(step: Step) -> str:
    name = step.place.symbol.rpartition(".")[2]
    return "" if name == step.label.rpartition(".")[2] else name


def _where(step: Step) -> str:
    return f"{step.place.path}:{step.place.line}"


def _dim(palette: Palette, text: str) -> str:
    return f"{palette.dim}{text}{palette.reset}" if text else ""


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def document(chain: Chain) -> dict[str, Any]:
    """Return the chain as plain values."""
    return {
        "version": VERSION,
        "tool": {"name": "obs-lint", "version": __version__},
        "fields": list(chain.fields),
        "entries": [_plain(entry) for entry in chain.entries],
        "losses": [
            {
                "entry": entry.label,
                "hop": hop.label,
                "path": hop.place.path,
                "line": hop.place.line,
                "lost": list(hop.lost),
            }
            for entry, hop in chain.losses
        ],
        "silent": chain.silent,
        "cut": chain.cut,
    }


def _plain(step: Step) -> dict[str, Any]:
    made: dict[str, Any] = {
        "kind": step.kind,
        "label": step.label,
        "path": step.place.path,
        "line": step.place.line,
        "symbol": step.place.symbol,
        "ids": list(step.ids),
    }
    if step.kind in ("job", "http"):
        made |= {"lost": list(step.lost), "by": step.by, "certain": step.certain}
    if step.untold:
        made["untold"] = step.untold
    if step.again:
        made["again"] = True
    if step.via:
        made["via"] = list(step.via)
    made["steps"] = [_plain(inner) for inner in step.steps]
    return made


def mermaid(chain: Chain) -> str:
    """Return the chain as a Mermaid flowchart: hops are edges' ends, a lost id is written on a dotted edge."""
    lines = ["flowchart LR"]
    numbers: dict[tuple[str, str, str, int], str] = {}
    edges: dict[str, None] = {}

    def node(step: Step) -> str:
        key = (step.kind, step.label, step.place.path, step.place.line)
        if key not in numbers:
            name = numbers[key] = f"n{len(numbers)}"
            left, right = {"event": ("([", "])"), "job": ("[/", "/]"), "http": ("[/", "/]")}.get(step.kind, ("[", "]"))
            lines.append(f'  {name}{left}"{_escaped(step.label)}"{right}')
        return numbers[key]

    def follow(step: Step) -> None:
        for inner in step.steps:
            arrow = f"-. {_listed(inner.lost)} lost .->" if inner.lost else "-->"
            edges[f"  {node(step)} {arrow} {node(inner)}"] = None
            follow(inner)

    for entry in chain.entries:
        node(entry)
        follow(entry)
    return "\n".join([*lines, *edges]) + "\n"


def _escaped(text: str) -> str:
    return "".join(f"#{ord(char)};" if char in '"#<>&`' else char for char in text)
