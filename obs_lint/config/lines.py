"""The line on which each key and list item of a TOML or YAML text stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

Path = tuple[str | int, ...]
"""Keys and list indices from the top of the file."""


def dotted_key(path: Path) -> str:
    """Write a path as TOML does: `paths.tests`, `per-file-ignores."a/**"`, `emitters[0].function`."""
    out = ""
    for part in path:
        if isinstance(part, int):
            out += f"[{part}]"
        else:
            plain = bool(part) and all(c.isascii() and (c.isalnum() or c in "-_") for c in part)
            out += ("." if out else "") + (part if plain else _in_quotes(part))
    return out


def _in_quotes(part: str) -> str:
    text = part.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(f"\\u{ord(c):04X}" if c < " " or c in "\x7f\x85\u2028\u2029" else c for c in text) + '"'


def split_key(key: str) -> Path:
    """Undo `dotted_key`."""
    path: list[str | int] = []
    index = 0
    while index < len(key):
        char = key[index]
        if char == ".":
            index += 1
        elif char == "[" and (close := key.find("]", index)) > 0 and key[index + 1 : close].isdecimal():
            path.append(int(key[index + 1 : close]))
            index = close + 1
        elif char == '"':
            index, text = _quoted(key, index)
            path.append(text)
        else:
            end = index
            while end < len(key) and key[end] not in ".[":
                end += 1
            end = max(end, index + 1)
            path.append(key[index:end])
            index = end
    return tuple(path)


def _quoted(key: str, index: int) -> tuple[int, str]:
    out = ""
    index += 1
    while index < len(key) and key[index] != '"':
        if key[index] == "\\":
            index += 1
            if key[index : index + 1] == "u":
                out += chr(int(key[index + 1 : index + 5], 16))
                index += 5
                continue
        out += key[index : index + 1]
        index += 1
    return index + 1, out


def toml_lines(text: str) -> dict[Path, int]:
    """Return path → 1-based line for a text that is valid TOML; a table's line is its first header's."""
    scan = _Scan(text)
    scan.run()
    return scan.lines


class Layout(NamedTuple):
    """How a TOML text is laid out in lines, which count from 1."""

    headers: dict[int, tuple[str, ...]]
    """Line of a header → the names in it."""
    continued: set[int]
    """Lines that start inside a value: a list or string over several lines."""


def toml_layout(text: str) -> Layout:
    """Return the layout of a text that is valid TOML."""
    scan = _Scan(text)
    scan.run()
    return Layout(scan.headers, scan.continued)


def yaml_lines(text: str) -> dict[Path, int]:
    """Return path → 1-based line for a text that is valid YAML."""
    import yaml

    lines: dict[Path, int] = {}
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    pending: list[tuple[Path, Any]] = [((), root)] if root is not None else []
    seen: set[int] = set()
    while pending:
        path, node = pending.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                at = (*path, str(key.value))
                lines[at] = key.start_mark.line + 1
                pending.append((at, value))
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                lines[(*path, index)] = value.start_mark.line + 1
                pending.append(((*path, index), value))
    return lines


def nearest_line(lines: Mapping[Path, int], path: Path) -> int | None:
    """Line of the path, else of the first thing in it, else of the nearest enclosing key that has one."""
    while path:
        if path in lines:
            return lines[path]
        below = [line for other, line in lines.items() if other[: len(path)] == path]
        if below:
            return min(below)
        path = path[:-1]
    return None


class _Scan:
    """One pass over valid TOML that looks at nothing but structure."""

    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n")
        self.index = 0
        self.lines: dict[Path, int] = {}
        self.counts: dict[Path, int] = {}
        """Path of an array of tables → number of its tables so far."""
        self.continued: set[int] = set()
        self.headers: dict[int, tuple[str, ...]] = {}
        self.line_of = 1
        self.counted = 0

    def line(self) -> int:
        self.line_of += self.text.count("\n", self.counted, self.index)
        self.counted = self.index
        return self.line_of

    def run(self) -> None:
        table: Path = ()
        while True:
            self.skip_blank()
            if self.index >= len(self.text):
                return
            if self.text.startswith("[[", self.index):
                line = self.line()
                self.index += 2
                self.headers[line] = names = self.key()
                name = self.resolved(names)
                self.index += 2
                number = self.counts.get(name, 0)
                self.counts[name] = number + 1
                table = (*name, number)
                self.lines.setdefault(name, line)
                self.lines.setdefault(table, line)
            elif self.text[self.index] == "[":
                line = self.line()
                self.index += 1
                self.headers[line] = names = self.key()
                table = self.resolved(names)
                self.index += 1
                self.lines[table] = min(self.lines.get(table, line), line)
            else:
                self.pair(table)

    def resolved(self, name: Path) -> Path:
        """Put the index of the last table behind every array of tables on the way."""
        path: Path = ()
        for position, part in enumerate(name):
            path = (*path, part)
            if path in self.counts and position < len(name) - 1:
                path = (*path, self.counts[path] - 1)
        return path

    def skip_blank(self) -> None:
        while self.index < len(self.text):
            char = self.text[self.index]
            if char == "#":
                end = self.text.find("\n", self.index)
                self.index = end if end >= 0 else len(self.text)
            elif char in " \t\n\r":
                self.index += 1
            else:
                return

    def skip_space(self) -> None:
        while self.index < len(self.text) and self.text[self.index] in " \t":
            self.index += 1

    def key(self) -> tuple[str, ...]:
        parts: list[str] = []
        while True:
            self.skip_space()
            if self.text[self.index] in "\"'":
                parts.append(self.string())
            else:
                start = self.index
                while self.index < len(self.text) and self.text[self.index] not in " \t.=]\n":
                    self.index += 1
                parts.append(self.text[start : self.index])
            self.skip_space()
            if self.text[self.index] != ".":
                return tuple(parts)
            self.index += 1

    def pair(self, table: Path) -> None:
        line = self.line()
        path = table
        for part in self.key():
            path = (*path, part)
            self.lines.setdefault(path, line)
        self.index += 1
        first = self.line()
        self.value(path)
        self.continued.update(range(first + 1, self.line() + 1))

    def value(self, path: Path) -> None:
        self.skip_space()
        char = self.text[self.index]
        if char in "\"'":
            self.string()
        elif char == "[":
            self.index += 1
            number = 0
            while True:
                self.skip_blank()
                if self.text[self.index] == "]":
                    break
                if self.text[self.index] == ",":
                    self.index += 1
                    continue
                self.lines[(*path, number)] = self.line()
                self.value((*path, number))
                number += 1
            self.index += 1
        elif char == "{":
            self.index += 1
            while True:
                self.skip_blank()
                if self.text[self.index] == "}":
                    break
                if self.text[self.index] == ",":
                    self.index += 1
                    continue
                self.pair(path)
            self.index += 1
        else:
            while self.index < len(self.text) and self.text[self.index] not in ",]}\n#":
                self.index += 1

    def string(self) -> str:
        text = self.text
        quote = text[self.index]
        if text.startswith(quote * 3, self.index):
            start = self.index + 3
            end = start
            while not text.startswith(quote * 3, end):
                end += 2 if quote == '"' and text[end] == "\\" else 1
            while text.startswith(quote, end + 3):
                end += 1
            self.index = end + 3
            return text[start:end]
        end = self.index + 1
        while text[end] != quote:
            end += 2 if quote == '"' and text[end] == "\\" else 1
        raw = text[self.index + 1 : end]
        self.index = end + 1
        if "\\" in raw:
            import contextlib
            import json

            with contextlib.suppress(ValueError):
                raw = str(json.loads(f'"{raw}"'))
        return raw
