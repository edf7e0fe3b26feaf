"""What there is to read about a rule, in fixed headings; `obs-lint rule` prints it, docs/rules/ are made of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from obs_lint.catalogue.binding import is_reference
from obs_lint.catalogue.options import Option, describe, plain
from obs_lint.catalogue.selection import ALWAYS
from obs_lint.rule import Rule

HEADINGS = ("What it does", "Why is this bad", "Example", "Use instead", "Options", "Suppress", "Source")

_MARKER = re.compile(r"#\s*error:\s*(?P<codes>[A-Z]+[0-9]+(?:@[0-9]+)?(?:,\s*[A-Z]+[0-9]+(?:@[0-9]+)?)*)")
_MARKER_LINE = re.compile(r"^[ \t]*#\s*error-(?:above|below):.*\n?", re.MULTILINE)


class Example(NamedTuple):
    """One example, for reading."""

    name: str
    config: Mapping[str, Any]
    """Keys of [tool.obs-lint] that it needs, without those that are as in every example."""
    files: Mapping[str, str]
    """Path → content; one file with an empty path for a snippet."""
    finds: bool
    """Whether the rule finds something in it."""


class _Fields(dict[str, str]):
    """What a check would fill in is left open."""

    def __missing__(self, key: str) -> str:
        return "…"


@dataclass(frozen=True, slots=True)
class Page:
    """A rule, its options as they are by default, and its examples."""

    rule: Rule
    options: tuple[Option, ...]
    """With the defaults that the rule's `with` sets, `{of: CODE}` as it stands there. Those that every rule must set
    are left out: they make it what it is."""
    examples: tuple[Example, ...]

    @property
    def advice(self) -> str:
        """The rule's help, with an example's surface for yours."""
        return self.rule.help.format_map(_Fields(surface="shop.obs", code="OBS102"))

    @property
    def example(self) -> Example | None:
        """The first in which it finds something."""
        return next((example for example in self.examples if example.finds), None)

    @property
    def instead(self) -> Example | None:
        """The first in which it finds nothing."""
        return next((example for example in self.examples if not example.finds), None)


def page(rule: Rule, examples: Iterable[Mapping[str, Any]]) -> Page:
    """Make the page of a rule; `examples` as in its file."""
    from obs_lint.checks import load

    options = tuple(
        option._replace(default=plain(rule.options.get(option.name, option.default)))
        for option in describe(load(rule.check).options)
        if option.default is not None
    )
    return Page(rule, options, tuple(_example(rule.code, raw) for raw in examples))


def _example(code: str, raw: Mapping[str, Any]) -> Example:
    files = raw.get("files") or {raw.get("path", ""): raw.get("bad", raw.get("good", ""))}
    config = {key: value for key, value in raw.get("config", {}).items() if not _is_usual(key, value)}
    return Example(
        name=raw.get("name", ""),
        config=config,
        files={path: readable(text) for path, text in files.items()},
        finds=any(code in found for text in files.values() for found in re.findall(r"#\s*error[^\n]*", text)),
    )


def _is_usual(key: str, value: Any) -> bool:
    return key == "select" or (key, value) in (("surface", ["shop.obs"]), ("logging", "facade"))


def readable(source: str) -> str:
    """Return an example's source without the marks of the tests: `# error: OBS102@8` becomes `# OBS102`."""
    text = _MARKER_LINE.sub("", source)
    return _MARKER.sub(lambda found: "# " + re.sub(r"@[0-9]+", "", found["codes"]), text).rstrip("\n")


def facts(rule: Rule) -> str:
    """Say in a sentence or two how the rule is set up by default."""
    parts = [
        f"Severity {rule.severity}" + ("" if rule.default else ", off by default: select it by code or slug") + "."
    ]
    if rule.needs:
        parts.append(f"Active where the configuration has {_listed(f'`{key}`' for key in rule.needs)}.")
    if rule.leaves_alone:
        parts.append(f"Leaves {_listed(rule.leaves_alone)} alone.")
    if rule.whole_project:
        parts.append("Runs only over a whole project.")
    if rule.fix != "none":
        parts.append(f"Has a fix ({rule.fix}).")
    return " ".join(parts)


def _listed(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def suppress(rule: Rule) -> tuple[str, str]:
    """Return how to suppress the rule: a sentence, and what to write, empty where it can't be suppressed."""
    if rule.check == "smoke":
        written = f'checks:\n  ignore: {{{rule.code}: "reason"}}'
        return f"In the scenario; `obs-lint smoke check --ignore {rule.code}` for captured output:", written
    if rule.code in ALWAYS:
        return "It can't be ignored, suppressed or put into a baseline: leave the file out with `exclude`.", ""
    if rule.whole_project and rule.check == "stale-pattern":
        return "Leave the rule out:", f'[tool.obs-lint]\nignore = ["{rule.code}"]'
    written = (
        f"# obs: ignore[{rule.code}] reason          on any line of the statement\n"
        f"# obs: ignore-file[{rule.code}] reason     in the first comments of the file"
    )
    return "In the source, or for some files with `per-file-ignores`:", written


def default(option: Option) -> str:
    """Say what holds where nothing is set."""
    if is_reference(option.default):
        of, name = option.default["of"], option.default.get("option", option.name)
        return f"that of {of}" if name == option.name else f"`{name}` of {of}"
    return toml(option.default)


def toml(value: Any) -> str:
    """Write a value as inline TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    if isinstance(value, Mapping):
        if not value:
            return "{}"
        return "{ " + ", ".join(f"{_toml_key(key)} = {toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    return str(value)


def _toml_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else toml(key)


def toml_lines(config: Mapping[str, Any]) -> str:
    """Write keys of [tool.obs-lint], one a line."""
    return "\n".join(f"{_toml_key(key)} = {toml(value)}" for key, value in config.items())
