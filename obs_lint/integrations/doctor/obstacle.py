"""An Obstacle is one setting that would defeat obs-lint: where it is, what it does, and how to mend it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from obs_lint.config.lines import Path, nearest_line, toml_lines, yaml_lines
from obs_lint.config.model import Config
from obs_lint.discovery import Discovery, discover


class Obstacle(NamedTuple):
    """One thing to mend."""

    name: str
    """What kind it is, for scripts: `ruff-external`."""
    path: str
    """The file that says so, relative to the project's root, with `/`."""
    line: int
    """1-based; 1 where the file as a whole is meant."""
    what: str
    """What is so, and what comes of it."""
    mend: str
    """What to do."""


class UnreadableError(Exception):
    """A neighbour's file that can't be read or parsed; `str()` says which and why."""


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed TOML or YAML file."""

    path: str
    """Relative to the project's root, with `/`."""
    data: Any
    lines: dict[Path, int]

    def line(self, *keys: str | int) -> int:
        """Return the 1-based line of a key, else of the nearest one around it."""
        return nearest_line(self.lines, keys) or 1


class Repository:
    """A project and the git repository around it, as the examinations read them."""

    def __init__(self, config: Config, codes: tuple[str, ...]) -> None:
        """`codes` are those of all rules, the team's own included."""
        self.config = config
        self.codes = codes
        self.root = os.fspath(config.root)
        self.top = _top(self.root)
        """The top of the git repository; the root where there is none."""

    @cached_property
    def discovery(self) -> Discovery:
        """The project's files."""
        return discover(self.config)

    @cached_property
    def folders(self) -> tuple[str, ...]:
        """Every folder that holds a file of the project, and all above them up to the repository's top; absolute."""
        found = {self.root, self.top}
        for file in self.discovery.files:
            folder = os.path.dirname(file.absolute)
            while folder not in found and len(folder) > len(self.top):
                found.add(folder)
                folder = os.path.dirname(folder)
        folder = self.root
        while folder not in (self.top, os.path.dirname(folder)):
            folder = os.path.dirname(folder)
            found.add(folder)
        return tuple(sorted(found))

    @cached_property
    def prefixes(self) -> tuple[str, ...]:
        """The letters that codes begin with: OBS and those of the team's own rules."""
        return tuple(dict.fromkeys(code.rstrip("0123456789") for code in self.codes))

    def shown(self, path: str) -> str:
        """Write an absolute path relative to the project's root, with `/`."""
        return os.path.relpath(path, self.root).replace(os.sep, "/")

    def text(self, path: str) -> str | None:
        """Return the text of an absolute path, None where there is no such file. Raises UnreadableError."""
        if not os.path.isfile(path):
            return None
        try:
            with open(path, encoding="utf-8-sig") as stream:
                return stream.read()
        except UnicodeDecodeError:
            raise UnreadableError(f"{self.shown(path)}: is not UTF-8") from None
        except OSError as error:
            raise UnreadableError(f"{self.shown(path)}: can't be read: {error.strerror or error}") from None

    def toml(self, path: str) -> Document | None:
        """Parse an absolute path, None where there is no such file. Raises UnreadableError."""
        import tomllib

        if (text := self.text(path)) is None:
            return None
        try:
            return Document(self.shown(path), tomllib.loads(text), toml_lines(text))
        except (ValueError, RecursionError) as error:
            raise UnreadableError(f"{self.shown(path)}: not valid TOML: {error}") from None

    def yaml(self, path: str) -> Document | None:
        """Parse an absolute path, None where there is no such file. Raises UnreadableError."""
        import yaml

        if (text := self.text(path)) is None:
            return None
        try:
            return Document(self.shown(path), yaml.load(text, Loader=yaml.BaseLoader), yaml_lines(text))
        except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
            what = " ".join(str(error).split())
            raise UnreadableError(f"{self.shown(path)}: not valid YAML: {what}") from None

    def git(self, *words: str) -> str | None:
        """Return what git says, None where it fails: no repository, no git, or a question answered by no."""
        import subprocess

        try:
            done = subprocess.run(["git", *words], cwd=self.root, capture_output=True, check=False)
        except OSError:
            return None
        return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


def mapping(value: Any) -> dict[str, Any]:
    """Return the value where it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: Any) -> list[Any]:
    """Return the value where it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def strings(value: Any) -> list[str]:
    """Return the strings of a list; a string by itself is split at commas and blanks."""
    if isinstance(value, str):
        return value.replace(",", " ").split()
    return [item for item in sequence(value) if isinstance(item, str)]


def _top(root: str) -> str:
    folder = root
    while not os.path.exists(os.path.join(folder, ".git")):
        parent = os.path.dirname(folder)
        if parent == folder:
            return root
        folder = parent
    return folder
