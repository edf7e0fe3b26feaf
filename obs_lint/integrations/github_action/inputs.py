"""The inputs of the action, as the environment hands them over: never through a shell."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

PREFIX = "OBS_LINT_INPUT_"
"""Composite actions get no INPUT_* variables: action.yml maps each input to one of these."""

_OURS = {
    "--config": "set the input `config`",
    "--diff": "safe fixes stand in the job summary",
    "--fail-on": "set the input `fail-on`",
    "--help": "`obs-lint check --help` is for a terminal",
    "--new-since": "set the input `new-since`",
    "--output-file": "set the inputs `sarif` and `html`, or use the output `summary-file`",
    "--output-format": "set the inputs `annotations`, `sarif` and `html`",
    "--report": "set the inputs `sarif` and `html`",
    "--statistics": "the counts stand in the job summary",
    "--stdin-filename": "an action has nothing on stdin",
    "--watch": "an action ends",
}
"""Flags of `obs-lint check` that `args` may not hold, and what to do instead."""
_SHORT = {"-h": "--help", "-w": "--watch"}


class InputError(Exception):
    """An input that can't be used; the message names it and says what to do."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the workflow asks for."""

    paths: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    config: str = ""
    new_since: str = ""
    only_new: bool | None = None
    """None: as the event suggests."""
    fail_on: str = ""
    annotations: bool = True
    sarif: str | bool = False
    """False, True, or the path to write to."""
    html: str | bool = False
    summary: bool = True
    working_directory: str = "."


def read(environment: Mapping[str, str]) -> Inputs:
    """Return the inputs. Raises InputError."""

    def given(name: str) -> str:
        return environment.get(PREFIX + name.upper().replace("-", "_"), "").strip()

    only_new = given("only-new").lower()
    fail_on = given("fail-on").lower()
    if fail_on not in ("", "error", "warning", "info"):
        raise InputError(f"fail-on: {_shown(fail_on)} is none of error, warning, info")
    return Inputs(
        paths=words("paths", given("paths")),
        args=_arguments(given("args")),
        config=given("config"),
        new_since=given("new-since"),
        only_new=None if only_new in ("", "auto") else _truth("only-new", only_new, "true, false, auto"),
        fail_on=fail_on,
        annotations=_truth("annotations", given("annotations") or "true"),
        sarif=_file("sarif", given("sarif")),
        html=_file("html", given("html")),
        summary=_truth("summary", given("summary") or "true"),
        working_directory=given("working-directory") or ".",
    )


def words(name: str, text: str) -> tuple[str, ...]:
    r"""Split at blanks and line ends; quotes group, a backslash stands for itself (`src\app`), nothing is expanded.

    Raises InputError for a quote that is not closed.
    """
    lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    lexer.escape = ""
    try:
        return tuple(lexer)
    except ValueError:
        raise InputError(f"{name}: a quote is not closed in {_shown(text)}") from None


def _arguments(text: str) -> tuple[str, ...]:
    found = words("args", text)
    for word in found:
        name = word.partition("=")[0]
        if word == "--":
            raise InputError("args: `--` is not needed: what is to be looked at stands in the input `paths`")
        name = _SHORT.get(name, name)
        # argparse takes `--output-fo` for `--output-format`.
        meant = next((flag for flag in _OURS if len(name) > 4 and flag.startswith(name)), "")
        if meant:
            raise InputError(f"args: `{meant}` is not for this action: {_OURS[meant]}")
    return found


def _truth(name: str, value: str, choices: str = "true, false") -> bool:
    if value.lower() not in ("true", "false"):
        raise InputError(f"{name}: {_shown(value)} is none of {choices}")
    return value.lower() == "true"


def _file(name: str, value: str) -> str | bool:
    if "\n" in value:
        raise InputError(f"{name}: {_shown(value)} is none of true, false, or one path")
    return value.lower() == "true" if value.lower() in ("", "true", "false") else value


def _shown(text: str) -> str:
    shown = ascii(text)
    return shown if len(shown) <= 200 else f"{shown[:200]}…"
