"""The files that make a source: those below a folder, and the YAML or JSON documents in one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

from obs_lint.registry.model import Place, Problem, RegistryError
from obs_lint.registry.reader import Reader
from obs_lint.registry.yaml_lines import Document, decoded, parse_json, parse_yaml

SUFFIXES = (".json", ".yaml", ".yml")
MOST_FILES = 20_000
"""A folder with more is refused."""


def files_below(folder: str, reader: Reader) -> Iterator[str]:
    """Yield the absolute paths of the files below a folder, sorted folder by folder; hidden ones are left out.

    Raises RegistryError, without a place, where there is no such folder, where one can't be listed, and for more
    files than MOST_FILES.
    """
    top = reader.absolute(folder)
    if not os.path.isdir(top):
        what = "is a file; a folder is wanted" if os.path.exists(top) else "does not exist"
        raise unusable(f"the folder `{reader.shown(top)}` {what}")
    count = 0
    seen: set[str] = set()
    pending = [top]
    while pending:
        here = pending.pop()
        real = os.path.realpath(here)
        if real in seen:
            continue
        seen.add(real)
        names = reader.listed(here)
        if not names:
            _check_listable(here, reader)
        folders = []
        for name in names:
            if name.startswith("."):
                continue
            path = os.path.join(here, name)
            if os.path.isdir(path):
                folders.append(path)
                continue
            count += 1
            if count > MOST_FILES:
                raise unusable(f"the folder `{reader.shown(top)}` has more than {MOST_FILES} files")
            yield path
        pending += reversed(folders)


def _check_listable(folder: str, reader: Reader) -> None:
    try:
        os.listdir(folder)
    except OSError as error:
        raise unusable(f"the folder `{reader.shown(folder)}` can't be listed: {error.strerror or error}") from None


def documents(
    path: str, reader: Reader, asked_at: Place | None = None, *, confined_to: str | None = None
) -> tuple[Document, ...]:
    """Return the documents of a YAML or JSON file that are not empty; arguments as of `Reader.read`.

    Raises RegistryError, each mistake at its line.
    """
    shown = reader.shown(path)
    text = decoded(reader.read(path, asked_at, confined_to=confined_to), shown)
    if isinstance(text, Problem):
        raise RegistryError((_named(text),))
    found, problems = (parse_json if path.lower().endswith(".json") else parse_yaml)(text, shown)
    if problems:
        raise RegistryError(tuple(_named(problem) for problem in problems))
    return tuple(found)


def _named(problem: Problem) -> Problem:
    return replace(problem, message=f"`{problem.place.path}` {problem.message}")


def unusable(message: str, help: str = "") -> RegistryError:  # noqa: A002 - named as the field
    """Return an error at the place where the configuration names the source."""
    return RegistryError((Problem("registry", message, Place(""), help, fatal=True),))
