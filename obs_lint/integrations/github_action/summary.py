"""The job summary: what the reporter wrote, and what the step adds to it, within what GitHub takes."""

from __future__ import annotations

from collections.abc import Iterable

from obs_lint.reporters.gfm import block, prose

LIMIT = 900 * 1024
"""Bytes; GitHub drops a summary above 1 MiB whole."""
_CUT = "\n… the rest is cut: GitHub takes no more in a summary. The log has all.\n"


def alert(kind: str, text: str) -> str:
    """Return a text in a box; `kind` is WARNING or NOTE."""
    return f"> [!{kind}]\n> {prose(text)}\n"


def not_run(why: str) -> str:
    """Return the summary of a run that has no result."""
    lines = ["## obs-lint: nothing was checked (exit code 2)", "", *block(why.strip().splitlines()[:200])]
    return "\n".join(lines) + "\n"


def within_limit(parts: Iterable[str]) -> str:
    """Join parts with blank lines, cut at the end of a line where GitHub would drop all of it."""
    text = "\n".join(part for part in parts if part)
    data = text.encode("utf-8", "backslashreplace")
    if len(data) <= LIMIT:
        return data.decode()
    cut = data[: data.rindex(b"\n", 0, LIMIT - 200)].decode()
    return f"{cut}\n{_CUT}"
