"""The baseline's file: one known Diagnostic a line, sorted, made so that two branches seldom change the same lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import NamedTuple

FORMAT = "obs-baseline/1"
_FINGERPRINT = re.compile("[0-9a-f]{8,64}").fullmatch
_LINE = re.compile(r'^\s*"([0-9a-f]{8,64})"\s*:')


class Entry(NamedTuple):
    """One known Diagnostic."""

    fingerprint: str
    code: str
    path: str
    """Where it was, relative to the project's root, with `/`."""
    reason: str = ""
    """Why it was let in after the baseline was made; "" for one of the first."""
    line: int = 0
    """1-based, in the baseline's file; 0 where there is none."""


class BaselineError(Exception):
    """A baseline that can't be used; the message says why and what to do."""

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.line = line


def text_of(entries: Iterable[Entry]) -> str:
    """Return the file's text: a JSON object, fingerprint → [code, path], or [code, path, reason].

    Entries are sorted by fingerprint, so that those which two branches add or remove are rarely neighbours, and
    `format` sorts last, so that every entry ends in a comma.
    """
    lines = ["{"]
    for entry in sorted(set(entries)):
        value = [entry.code, entry.path, *([entry.reason] if entry.reason else [])]
        lines.append(f"{json.dumps(entry.fingerprint)}: {json.dumps(value)},")
    return "\n".join([*dict.fromkeys(lines), f'"format": "{FORMAT}"', "}"]) + "\n"


def parse(text: str) -> tuple[Entry, ...]:
    """Read a baseline. Raises BaselineError, with its line, for a text that is none: one with conflict marks too."""
    places: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(("<<<<<<<", "=======", ">>>>>>>")):
            raise BaselineError(
                "it holds the marks of a merge conflict: keep the entries of both sides, or write it anew with "
                "`obs-lint baseline create --force`",
                number,
            )
        if found := _LINE.match(line):
            places.setdefault(found[1], number)
    try:
        document = json.loads(text)
    except RecursionError:
        raise BaselineError("it is nested too deeply to be a baseline") from None
    except ValueError as error:
        at = error.lineno if isinstance(error, json.JSONDecodeError) else 1
        what = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise BaselineError(f"it is not JSON: {what} (`obs-lint baseline create --force` writes it anew)", at) from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        given = document.get("format") if isinstance(document, dict) else None
        raise BaselineError(f"it is no baseline: `format` is {json.dumps(given)}, not {json.dumps(FORMAT)}")
    entries: list[Entry] = []
    for fingerprint, value in document.items():
        if fingerprint == "format":
            continue
        place = places.get(fingerprint, 1)
        texts = isinstance(value, list) and len(value) in (2, 3) and all(isinstance(item, str) for item in value)
        if not texts or not _FINGERPRINT(fingerprint):
            shape = '"fingerprint": ["CODE", "path"]'
            raise BaselineError(f"the entry {json.dumps(fingerprint)} is not of the form {shape}", place)
        entries.append(Entry(fingerprint, value[0], value[1], value[2] if len(value) == 3 else "", place))
    return tuple(sorted(entries))


def read(path: str) -> tuple[Entry, ...] | None:
    """Read a baseline from a file, None where there is no such file. Raises BaselineError."""
    try:
        with open(path, encoding="utf-8-sig") as stream:
            text = stream.read()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise BaselineError("it is not UTF-8") from None
    except (OSError, ValueError) as error:
        raise BaselineError(f"it can't be read: {getattr(error, 'strerror', None) or error}") from None
    return parse(text)


def write(path: str, entries: Iterable[Entry]) -> None:
    """Write a baseline, whole or not at all. Raises BaselineError."""
    import os
    from tempfile import mkstemp

    folder = os.path.dirname(os.path.abspath(path))
    try:
        handle, name = mkstemp(prefix=".obs-lint-", dir=folder)
        try:
            with open(handle, "w", encoding="utf-8", newline="\n") as stream:
                stream.write(text_of(entries))
            os.chmod(name, 0o644)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise BaselineError(f"it can't be written: {error.strerror or error}") from None
