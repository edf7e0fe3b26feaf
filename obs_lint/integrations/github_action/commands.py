"""What a step says to the runner: annotations, outputs, and text that must not be taken for commands."""

from __future__ import annotations

from collections.abc import Mapping
from secrets import token_hex

from obs_lint.reporters.github import escape_data, escape_property


def annotation(level: str, message: str) -> str:
    """Return a workflow command; `level` is error, warning or notice."""
    return f"::{level} title={escape_property('obs-lint')}::{escape_data(message)}\n"


def guarded(text: str) -> str:
    """Return a text between two lines that keep the runner from looking for commands in it.

    The token is random: nothing that a repository holds can end the guard.
    """
    if not text.strip():
        return ""
    token = token_hex(16)
    end = "" if text.endswith("\n") else "\n"
    return f"::stop-commands::{token}\n{text}{end}::{token}::\n"


def outputs_text(values: Mapping[str, str]) -> str:
    """Return what goes into GITHUB_OUTPUT; a random delimiter lets a value hold any line."""
    delimiter = f"end_{token_hex(16)}"
    return "".join(f"{name}<<{delimiter}\n{value}\n{delimiter}\n" for name, value in values.items())


def append(file: str, text: str) -> None:
    """Append to a file of the runner, in UTF-8 with LF; "" for none. Raises OSError."""
    if file:
        with open(file, "a", encoding="utf-8", errors="surrogateescape", newline="\n") as stream:
            stream.write(text)
