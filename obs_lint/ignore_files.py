"""What git ignores: .gitignore files, .git/info/exclude and the user's own excludes file, with git's matching rules."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import NamedTuple

_POSIX_CLASSES = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": r"\x21-\x7e",
    "lower": "a-z",
    "print": r"\x20-\x7e",
    "punct": r"!-/:-@\[-`{-~",
    "space": r" \t\n\r\f\v",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}


class _Rule(NamedTuple):
    """One line of an ignore file."""

    pattern: str
    """As git matches it: without `!`, the leading and the trailing slash."""
    negated: bool
    folders_only: bool
    by_name: bool
    """True where it is matched against the last segment alone, False where against the path from the file's folder."""
    match: re.Pattern[str]


class _IgnoreFile(NamedTuple):
    """The rules of one file, in order, and the folder that they are relative to."""

    base: str
    """Absolute."""
    skip: int
    """Characters to cut off an absolute path to make it relative to `base`."""
    rules: tuple[_Rule, ...]


class IgnoreStack:
    """The ignore files that hold in a folder, the strongest first."""

    __slots__ = ("_deep", "_files", "_local", "_name_match", "_names", "_prefixes", "_suffixes", "active")

    def __init__(self, files: tuple[_IgnoreFile, ...], *, active: bool) -> None:
        """`files`: strongest first. Use `stack_above` and `entering` to make one."""
        self._files = files
        self.active = active
        """True inside a git repository: outside of one, .gitignore files mean nothing."""
        # Nearly no name is ignored, so a cheap gate over all files together comes before the exact look, rule by rule.
        names: set[str] = set()
        suffixes: list[str] = []
        prefixes: list[str] = []
        name_patterns: list[str] = []
        local: set[str] = set()
        deep: list[tuple[int, re.Pattern[str]]] = []
        for file in files:
            deep_patterns: list[str] = []
            for rule in file.rules:
                if rule.by_name:
                    _sort_by_shape(rule, names, suffixes, prefixes, name_patterns)
                    continue
                folder, _, last = rule.pattern.rpartition("/")
                literal = _literal(folder) if last != "**" else None
                if literal is None:
                    deep_patterns.append(rule.match.pattern)
                else:
                    local.add(os.path.join(file.base, *literal.split("/")) if literal else file.base)
            if deep_patterns:
                deep.append((file.skip, re.compile("|".join(deep_patterns), re.DOTALL)))
        self._names = frozenset(names)
        self._suffixes = tuple(suffixes)
        self._prefixes = tuple(prefixes)
        self._name_match = re.compile("|".join(name_patterns), re.DOTALL).fullmatch if name_patterns else None
        self._local = frozenset(local)
        self._deep = tuple(deep)

    def ignored(self, folder: str, names: Iterable[str], *, folders: bool) -> set[str]:
        """Return those of `names` that are ignored: entries of the absolute `folder`, all of them folders or none."""
        known, suffixes, prefixes, name_match = self._names, self._suffixes, self._prefixes, self._name_match
        exact = folder in self._local
        deep = self._deep
        found: set[str] = set()
        for name in names:
            if (
                exact
                or name in known
                or name.endswith(suffixes)
                or name.startswith(prefixes)
                or (name_match is not None and name_match(name))
                or (deep and any(match.fullmatch(_relative(folder, name, skip)) for skip, match in deep))
            ) and self._verdict(folder, name, folders):
                found.add(name)
        return found

    def entering(self, folder: str, *, repository: bool, ignore_file: bool) -> IgnoreStack:
        """Return the stack for what is in `folder`, which has a .git (`repository`), a .gitignore or both."""
        if not (repository or self.active):
            return self
        files = _outside_trees(folder) if repository else self._files
        if ignore_file and (rules := _read(os.path.join(folder, ".gitignore"))):
            files = (_ignore_file(folder, rules), *files)
        return IgnoreStack(files, active=True) if repository or files is not self._files else self

    def _verdict(self, folder: str, name: str, is_folder: bool) -> bool:
        for file in self._files:
            path = _relative(folder, name, file.skip)
            for rule in reversed(file.rules):
                if (is_folder or not rule.folders_only) and rule.match.fullmatch(name if rule.by_name else path):
                    return not rule.negated
        return False


NO_IGNORES = IgnoreStack((), active=False)
"""Holds outside any git repository: nothing is ignored until a folder with a .git is entered."""


def stack_above(folder: str) -> IgnoreStack:
    """Return what holds for the absolute `folder` from the folders above it, up to the top of its git repository.

    The folder's own .git and .gitignore are not looked at: `entering` does that.
    """
    above: list[str] = []
    here = os.path.dirname(folder)
    last = folder
    while here != last:
        above.append(here)
        if os.path.exists(os.path.join(here, ".git")):
            break
        last, here = here, os.path.dirname(here)
    else:
        return NO_IGNORES
    stack = NO_IGNORES
    for index, parent in enumerate(reversed(above)):
        ignore_file = os.path.isfile(os.path.join(parent, ".gitignore"))
        stack = stack.entering(parent, repository=index == 0, ignore_file=ignore_file)
    return stack


def _relative(folder: str, name: str, skip: int) -> str:
    path = f"{folder}{os.sep}{name}"[skip:]
    return path.replace(os.sep, "/") if os.sep != "/" else path


def _ignore_file(base: str, rules: tuple[_Rule, ...]) -> _IgnoreFile:
    return _IgnoreFile(base, len(base.rstrip(os.sep)) + 1, rules)


def _outside_trees(repository: str) -> tuple[_IgnoreFile, ...]:
    """What holds in a whole repository: its info/exclude, then the user's excludes file."""
    git = os.path.join(repository, ".git")
    if os.path.isfile(git):
        # A worktree or a submodule: the file says where the repository's data is.
        text = _text(git).strip()
        git = os.path.normpath(os.path.join(repository, text.removeprefix("gitdir:").strip()))
        if common := _text(os.path.join(git, "commondir")).strip():
            git = os.path.normpath(os.path.join(git, common))
    found = (_read(os.path.join(git, "info", "exclude")), _read(_excludes_file(git)))
    return tuple(_ignore_file(repository, rules) for rules in found if rules)


def _excludes_file(git: str) -> str:
    """Path of core.excludesFile, by git's default where it isn't set."""
    home = os.path.expanduser("~")
    user = os.path.join(os.environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config"), "git")
    local = os.path.join(git, "config")
    for config in (local, os.path.join(home, ".gitconfig"), os.path.join(user, "config"), "/etc/gitconfig"):
        if value := _excludes_setting(_text(config)):
            return os.path.join(home, value[2:]) if value.startswith("~/") else value
    return os.path.join(user, "ignore")


def _excludes_setting(text: str) -> str:
    if "excludesfile" not in text.lower():
        return ""
    section = value = ""
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("["):
            section = line[1:].partition("]")[0].strip().lower()
        elif section == "core" and "=" in line:
            key, _, rest = line.partition("=")
            if key.strip().lower() == "excludesfile":
                value = rest.strip().strip('"').replace("\\\\", "\\")
    return value


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            return file.read()
    except (OSError, ValueError):
        return ""


def _read(path: str) -> tuple[_Rule, ...]:
    """Rules of an ignore file, () where there is none."""
    found = []
    for line in _text(path).removeprefix("\ufeff").split("\n"):
        if line and not line.startswith("#") and (rule := _rule(_trimmed(line.removesuffix("\r")))):
            found.append(rule)
    return tuple(found)


def _trimmed(line: str) -> str:
    """Without trailing spaces, except those that a backslash keeps."""
    end = len(line.rstrip(" "))
    if end == len(line):
        return line
    backslashes = end - len(line[:end].rstrip("\\"))
    return line[: end + backslashes % 2]


def _rule(line: str) -> _Rule | None:
    negated = line.startswith("!")
    pattern = line[1:] if negated else line
    folders_only = pattern.endswith("/")
    if folders_only:
        pattern = pattern[:-1]
    by_name = "/" not in pattern
    if pattern.startswith("/"):
        pattern = pattern[1:]
    elif pattern.startswith("**/") and "/" not in pattern[3:] and pattern != "**/":
        by_name, pattern = True, pattern[3:]
    if not pattern or (expression := _expression(pattern)) is None:
        return None
    return _Rule(pattern, negated, folders_only, by_name, re.compile(expression, re.DOTALL))


def _sort_by_shape(rule: _Rule, names: set[str], suffixes: list[str], prefixes: list[str], patterns: list[str]) -> None:
    """Put a rule on names where it is found fastest."""
    pattern = rule.pattern
    if (literal := _literal(pattern)) is not None:
        names.add(literal)
    elif pattern[0] == "*" and (literal := _literal(pattern[1:])) is not None:
        suffixes.append(literal)
    elif pattern[-1] == "*" and (literal := _literal(pattern[:-1])) is not None:
        prefixes.append(literal)
    else:
        patterns.append(rule.match.pattern)


def _literal(pattern: str) -> str | None:
    """The one string that the pattern matches, None where it may match several."""
    if "*" in pattern or "?" in pattern or "[" in pattern:
        return None
    if "\\" not in pattern:
        return pattern
    return None if re.search(r"(?<!\\)(?:\\\\)*\\$", pattern) else re.sub(r"\\(.)", r"\1", pattern, flags=re.DOTALL)


def _expression(pattern: str) -> str | None:
    """Translate a pattern as git's wildmatch reads it; None where it can match nothing."""
    out: list[str] = []
    at = 0
    end = len(pattern)
    while at < end:
        char = pattern[at]
        if char == "*":
            start = at
            while at < end and pattern[at] == "*":
                at += 1
            whole_segment = (start == 0 or pattern[start - 1] == "/") and (at == end or pattern[at] == "/")
            if at - start < 2 or not whole_segment:
                out.append("[^/]*")
            elif at == end:
                out.append(".*")
            else:
                out.append("(?:.*/)?")
                at += 1
            continue
        if char == "?":
            out.append("[^/]")
        elif char == "[":
            parsed = _bracket(pattern, at + 1)
            if parsed is None:
                return None
            body, at = parsed
            out.append(body)
        elif char == "\\":
            at += 1
            if at == end:
                return None
            out.append(re.escape(pattern[at]))
        else:
            out.append(re.escape(char))
        at += 1
    return "".join(out)


def _bracket(pattern: str, at: int) -> tuple[str, int] | None:
    """Translate the set whose text begins at `at`; also return where its `]` is. None where there is none."""
    end = len(pattern)
    negated = at < end and pattern[at] in "!^"
    if negated:
        at += 1
    items: list[str] = []
    previous = ""
    first = True
    while True:
        if at >= end:
            return None
        char = pattern[at]
        if char == "]" and not first:
            break
        first = False
        if char == "\\":
            at += 1
            if at >= end:
                return None
            previous = pattern[at]
            items.append(re.escape(previous))
        elif char == "-" and previous and at + 1 < end and pattern[at + 1] != "]":
            at += 1
            if pattern[at] == "\\":
                at += 1
                if at >= end:
                    return None
            if previous <= pattern[at]:
                items.append(f"{re.escape(previous)}-{re.escape(pattern[at])}")
            previous = ""
        elif char == "[" and pattern.startswith(":", at + 1):
            close = pattern.find("]", at + 2)
            if close < 0:
                return None
            if close - at - 3 < 0 or pattern[close - 1] != ":":
                items.append(r"\[")
                previous = "["
            else:
                members = _POSIX_CLASSES.get(pattern[at + 2 : close - 1])
                if members is None:
                    return None
                items.append(members)
                previous = ""
                at = close
        else:
            previous = char
            items.append(re.escape(char))
        at += 1
    if not items:
        return ("[^/]" if negated else "(?!)"), at
    return f"(?!/)[{'^' if negated else ''}{''.join(items)}]", at
