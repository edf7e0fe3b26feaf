"""Which file holds the configuration, what it says, and which folder is the root."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from obs_lint.config.errors import ConfigError

FILE_NAME = "obs-lint.toml"
PYPROJECT = "pyproject.toml"
_MOST_VALUES = 100_000
"""YAML's aliases can make a short text an endless value."""
_ROOT_MARKS = (".git", PYPROJECT, "setup.py", "setup.cfg")


def read(path: str, shown: str) -> str:
    """Return the text of a configuration file, without its byte-order mark. Raises ConfigError."""
    try:
        with open(path, "rb") as stream:
            data = stream.read()
    except OSError as error:
        raise ConfigError(f"can't be read: {error.strerror or error}", file=shown) from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError("is not UTF-8", file=shown, line=line, hint="save it as UTF-8") from None


def parsed(text: str, shown: str, *, yaml: bool = False) -> dict[str, Any]:
    """Parse TOML, or YAML. Raises ConfigError with the line of the mistake."""
    if yaml:
        return _parsed_yaml(text, shown)
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message, line = _toml_message(str(error), text)
        raise ConfigError(f"not valid TOML: {message}", file=shown, line=line) from None
    except RecursionError:
        raise ConfigError("not valid TOML: nested too deeply", file=shown) from None
    except ValueError:
        raise ConfigError("not valid TOML: a number has too many digits", file=shown) from None


def _toml_message(message: str, text: str) -> tuple[str, int | None]:
    """Take the line out of tomllib's "Invalid value (at line 3, column 5)"."""
    what, _, place = message.rpartition(" (at ")
    if not what:
        return message, None
    place = place.rstrip(")")
    if place == "end of document":
        return f"{what} at the end of the file", len(text.rstrip().splitlines()) or 1
    words = place.replace(",", "").split()
    if len(words) == 4 and words[1].isdecimal():
        return f"{what} (column {words[3]})", int(words[1])
    return message, None


def _parsed_yaml(text: str, shown: str) -> dict[str, Any]:
    try:
        import yaml
    except ImportError:
        raise ConfigError("PyYAML is needed to read it", file=shown, hint="pip install pyyaml, or write TOML") from None
    try:
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise ConfigError(f"not valid YAML: {error.problem or error}", file=shown, line=line) from None
    except RecursionError:
        raise ConfigError("not valid YAML: nested too deeply", file=shown) from None
    except (yaml.YAMLError, ValueError, TypeError) as error:
        first = str(error).strip().splitlines() or ["unreadable"]
        raise ConfigError(f"not valid YAML: {first[0]}", file=shown) from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError("expected a mapping at the top", file=shown)
    pending: list[Any] = [data]
    for count, value in enumerate(pending):
        if count > _MOST_VALUES:
            raise ConfigError("not usable: its aliases stand for too many values", file=shown)
        if isinstance(value, dict):
            pending += value.values()
        elif isinstance(value, list):
            pending += value
    return data


class Found(NamedTuple):
    """A configuration file."""

    path: str
    """Absolute."""
    text: str
    data: dict[str, Any]
    """What the text says, all of it."""


def opened(path: str, cwd: str) -> Found:
    """Read and parse a file, by its ending as YAML or TOML. Raises ConfigError."""
    name = shown(path, cwd)
    text = read(path, name)
    return Found(path, text, parsed(text, name, yaml=path.endswith((".yaml", ".yml"))))


def nearest(cwd: str) -> Found | None:
    """Return the nearest configuration from `cwd` upwards, None where there is none.

    In one folder obs-lint.toml goes before pyproject.toml, which counts only with a `[tool.obs-lint]`. Raises
    ConfigError where a file that may be it can't be read or parsed.
    """
    folder = cwd
    while True:
        path = os.path.join(folder, FILE_NAME)
        if os.path.isfile(path):
            return opened(path, cwd)
        path = os.path.join(folder, PYPROJECT)
        if _mentions_us(path, cwd):
            found = opened(path, cwd)
            if own_table(found, shown(path, cwd)) is not None:
                return found
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent


def _mentions_us(path: str, cwd: str) -> bool:
    """True where the word obs-lint, or a misspelling of it, occurs in a pyproject.toml: others need not be parsed."""
    try:
        with open(path, "rb") as stream:
            data = stream.read()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False
    except OSError as error:
        if os.path.isdir(path):
            return False
        raise ConfigError(f"can't be read: {error.strerror or error}", file=shown(path, cwd)) from None
    return b"obs-lint" in data or b"obs_lint" in data or b"obslint" in data


def own_table(found: Found, shown_as: str) -> object | None:
    """Return `[tool.obs-lint]`, None where there is none. Raises ConfigError where its name is misspelt."""
    tool = found.data.get("tool")
    if not isinstance(tool, dict):
        return None
    if "obs-lint" in tool:
        table: object = tool["obs-lint"]
        return table
    for name in ("obs_lint", "obslint"):
        if name in tool:
            from obs_lint.config.lines import toml_lines

            line = toml_lines(found.text).get(("tool", name))
            raise ConfigError(
                f"unknown table [tool.{name}]", file=shown_as, line=line, hint="did you mean [tool.obs-lint]?"
            )
    return None


def project_root(cwd: str) -> str:
    """Return the nearest folder from `cwd` upwards that looks like a project's root, `cwd` where none does."""
    folder = cwd
    while True:
        if any(os.path.exists(os.path.join(folder, mark)) for mark in _ROOT_MARKS):
            return folder
        parent = os.path.dirname(folder)
        if parent == folder:
            return cwd
        folder = parent


def shown(path: str, base: str) -> str:
    """Write an absolute path for people, with `/`: relative to `base` where it is below it or in a folder above it."""
    try:
        relative = os.path.relpath(path, base)
    except ValueError:
        return posix(path)
    steps = relative.split(os.sep)
    above = set(steps[:-1]) <= {os.pardir}
    return posix(relative if above or steps[0] != os.pardir else path)


def posix(path: str) -> str:
    """Write a path with `/`."""
    return path.replace("\\", "/") if os.sep == "\\" else path


def under(path: str, root: str) -> str:
    """Write an absolute path relative to `root` where it is below it, absolute where not; with `/`."""
    path = os.path.normpath(path)
    base = root if root.endswith(os.sep) else root + os.sep
    return "." if path == root else posix(path.removeprefix(base))
