"""The forms that a single string of the configuration may have: a dotted pattern, a path glob, a rule selector …"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

Problem = tuple[str, str]
"""What is wrong with a string, and what to write instead."""


class Form(NamedTuple):
    """What a string must look like."""

    name: str
    """One word for it."""
    doc: str
    problem: Callable[[str], Problem | None]
    pattern: str = r"\S"
    """A regular expression that every good string matches; for the JSON Schema."""
    is_path: bool = False
    """True for paths of files: in an extended file they are relative to that file's folder."""


def _text(value: str) -> Problem | None:
    return None if value.strip() else ("must not be empty", "")


def _path(value: str) -> Problem | None:
    if not value.strip():
        return ("must not be empty", "")
    if "\0" in value:
        return ("is no path", "")
    return None


def _blank(value: str) -> bool:
    return any(char.isspace() for char in value) or "\0" in value


def _name(value: str) -> Problem | None:
    """Plain dotted name, no wildcards."""
    problem = _dotted(value)
    if problem is None and ("*" in value or "?" in value):
        return ("must be one dotted name, without wildcards", "")
    return problem


def _dotted(value: str) -> Problem | None:
    if not value.strip():
        return ("must not be empty", "")
    if "/" in value or "\\" in value or value.endswith((".py", ".pyi")):
        module = value.replace("\\", "/").removesuffix(".pyi").removesuffix(".py").strip("/").removesuffix("/**")
        guess = ".".join(part for part in module.split("/") if part not in ("", "src", "__init__"))
        return ("is a path, not a dotted name", f'did you mean "{guess}"?' if guess and not _blank(guess) else "")
    if _blank(value):
        return ("must not contain blanks", "")
    if any(char in value for char in "\"'()[]{},;:=<>|&!@#"):
        return ("is no dotted pattern", "segments are names, `*` (one segment) or `**` (any number), joined by dots")
    segments = value.split(".")
    if "" in segments:
        return ("has an empty segment", "dots only between names")
    for segment in segments:
        if "**" in segment and segment != "**":
            return ("has `**` beside other characters", "`**` must be a segment of its own")
    return None


def _glob(value: str) -> Problem | None:
    if not value.strip() or "\0" in value:
        return ("must not be empty", "")
    if value[0] == "!":
        return ("can't be negated", "list what is meant, or take it out with { remove = […] }")
    if "\\" in value:
        return ("has a backslash", f'write "{value.replace(chr(92), "/")}"')
    if len(value) > 1 and value[1] == ":" and value[0].isalpha():
        return ("is an absolute path", "globs are relative to the project's root")
    if "//" in value:
        return ("has an empty segment", "single slashes only")
    segments = value.split("/")
    if ".." in segments:
        return ("leaves the project", "globs are relative to the project's root")
    if not any(segment not in ("", ".") for segment in segments):
        return ("names nothing", "`**` is everything")
    if len(segments) == 1 and ".**" in value and not value.startswith("*"):
        return ("is a dotted pattern, not a path glob", f'did you mean "{value.replace(".", "/")}"?')
    return _glob_brackets(value)


def _glob_brackets(value: str) -> Problem | None:
    from obs_lint.patterns import braces, bracket

    index = 0
    while index < len(value):
        if value[index] == "[":
            close = bracket(value, index)
            if close < 0:
                return ("has a `[` that is never closed", "a bracket itself is `[[]`")
            body = value[index + 1 : close]
            for at in range(len(body) - 2):
                if body[at + 1] == "-" and body[at] > body[at + 2] and not (at == 0 and body[0] in "!^"):
                    return (f"has the range `{body[at : at + 3]}`, which is empty", "")
            index = close
        index += 1
    if "{" in value and braces(value) is None:
        return ("has more than 256 alternatives in braces", "")
    return None


def _dotted_or_glob(value: str) -> Problem | None:
    from obs_lint.patterns import is_path_glob

    return _glob(value) if is_path_glob(value) else _dotted(value)


def _selector(value: str) -> Problem | None:
    if "," in value:
        return ("is several in one string", "one string for each")
    if not value.strip():
        return ("must not be empty", "")
    if value.isascii():
        if value[0].isupper() and value.isupper() and value.isalnum():
            return None
        if value[0].islower() and value.islower() and value.replace("-", "").isalnum():
            return None
        if value.isalnum() and value[-1].isdigit():
            return ("is no rule selector", f'did you mean "{value.upper()}"?')
    hint = "a code (OBS102), a prefix of codes (OBS1), a slug (direct-telemetry-import) or ALL"
    return ("is no rule selector", hint)


_REGISTRY_KINDS = ("python", "schemas", "yaml", "lock", "package", "weaver")


def _registry(value: str) -> Problem | None:
    if not value.strip() or "\0" in value:
        return ("must not be empty", "")
    kind, colon, rest = value.partition(":")
    if not colon or len(kind) == 1 or "/" in kind or "." in kind:
        return None
    if kind not in _REGISTRY_KINDS:
        from obs_lint.config.suggest import nearest

        guess = nearest(kind, _REGISTRY_KINDS)
        known = ", ".join(f"{k}:" for k in _REGISTRY_KINDS)
        return (
            f'has the unknown kind "{kind}:"',
            f'did you mean "{guess}:{rest}"?' if guess else f"a path, or one of {known}",
        )
    if not rest.strip():
        return (f"names nothing after {kind}:", "")
    if kind == "python":
        module, colon, name = rest.partition(":")
        if _dotted(module) or (colon and name != "*" and _name(name)):
            return ("is no python source", "write python:module:EnumOrClass, or python:module for all in a module")
    return None


def registry_name(value: str) -> Problem | None:
    """Problem of `name` of a python: source."""
    kind, _, rest = value.partition(":")
    if value in ("value", "member", "class") or (kind in ("attribute", "method", "keyword") and rest.isidentifier()):
        return None
    if kind == "decorator" and not _name(rest):
        return None
    return (
        "says not where an event's name is",
        "one of value, member, class, attribute:NAME, method:NAME, keyword:NAME, decorator:NAME",
    )


def _version(value: str) -> Problem | None:
    if value.startswith("py3") and value[3:].isdecimal() and value.isascii():
        return None
    return ("is no Python version", 'write it as "py311", "py314"')


def _keyword(value: str) -> Problem | None:
    if value.isidentifier():
        return None
    return ("is no keyword", "the name of a parameter")


def _keyword_or_rest(value: str) -> Problem | None:
    if value == "**" or value.isidentifier():
        return None
    return ("is no keyword", 'the name of a parameter, or "**" for all other keywords')


TEXT = Form("text", "a string", _text)
PATH = Form("path", "a path, with `/`", _path, is_path=True)
NAME = Form("name", "a dotted name", _name, r"^[^\s/\\]+$")
DOTTED = Form("dotted", "a dotted pattern: `*` is one segment, `**` any number", _dotted, r"^[^\s/\\]+$")
GLOB = Form("glob", "a path glob, relative to the project's root, with `/`", _glob, r"^[^!\\]")
DOTTED_OR_GLOB = Form("dotted-or-glob", "a dotted pattern or a path glob", _dotted_or_glob, r"^[^!\\]")
SELECTOR = Form(
    "selector", "a rule's code or slug, a prefix of codes, or ALL", _selector, r"^([A-Z][A-Z0-9]*|[a-z][a-z0-9-]*)$"
)
REGISTRY = Form(
    "registry", "a path, or kind:rest with python, schemas, yaml, lock, package or weaver", _registry, is_path=True
)
VERSION = Form("version", "a Python version such as py314", _version, r"^py3[0-9]+$")
KEYWORD = Form("keyword", "a parameter's name", _keyword, r"^\S+$")
KEYWORD_OR_REST = Form(
    "keyword-or-rest", "a parameter's name, or `**` for all other keywords", _keyword_or_rest, r"^\S+$"
)
EXTENDS = Form("extends", "a shipped preset, a path, or package:name", _path)
