"""Write our own table into the text of a pyproject.toml or obs-lint.toml, and leave every other character as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from obs_lint.config.errors import ConfigError
from obs_lint.config.find import parsed
from obs_lint.config.lines import toml_layout

_WIDTH = 100
"""Lists that are longer are written one item a line."""
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def edited(
    text: str,
    table: Mapping[str, Any],
    *,
    file: str,
    pyproject: bool = True,
    comments: Mapping[str, str] | None = None,
) -> str:
    """Return `text` with `table` as its `[tool.obs-lint]`, in place of the one that is there or at the end.

    `table` holds what TOML can: strings, numbers, true and false, lists and tables of them; lists of tables become
    `[[…]]`. `comments`: dotted key → what is written above it. Without `pyproject` the file is an obs-lint.toml: its
    first comments stay, all else is replaced. Line ends are those of `text`, which is best read with `newline=""`.
    Raises ConfigError, naming `file`, where `text` is no TOML, or has our table in a form that can't be replaced
    without touching others (`[tool] obs-lint = {…}`).
    """
    newline = "\r\n" if text.count("\r\n") * 2 > text.count("\n") else "\n"
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    plain = text.removeprefix(mark).replace("\r\n", "\n")
    before = parsed(plain, file)
    prefix = ("tool", "obs-lint") if pyproject else ()
    block = table_text(table, prefix, comments or {})
    if pyproject:
        lines, at = _without_own(text.removeprefix(mark))
        result = _joined(lines[:at], block.replace("\n", newline), lines[at:], newline)
    else:
        head = _leading_comment(plain).replace("\n", newline)
        result = head + (newline if head and block else "") + block.replace("\n", newline)
    _verify(before, result, table, file, pyproject=pyproject)
    return mark + result


def table_text(
    table: Mapping[str, Any], prefix: tuple[str, ...] = (), comments: Mapping[str, str] | None = None
) -> str:
    """Write a table as TOML under a header of these names, tables and lists of tables in it under their own headers."""
    return "\n".join(_blocks(table, prefix, (), comments or {}, array=False)).lstrip("\n")


def _blocks(
    table: Mapping[str, Any],
    prefix: tuple[str, ...],
    path: tuple[str, ...],
    comments: Mapping[str, str],
    *,
    array: bool,
) -> list[str]:
    """One text a header: comment, header, pairs."""
    pairs: list[str] = []
    rest: list[str] = []
    for name, value in table.items():
        here = (*path, name)
        if _is_table(value):
            rest += _blocks(value, prefix, here, comments, array=False)
        elif isinstance(value, (list, tuple)) and value and all(_is_table(item) for item in value):
            for item in value:
                rest += _blocks(item, prefix, here, comments, array=True)
        else:
            pairs.append(_comment(comments.get(".".join(here), "")) + _pair(name, value))
    names = ".".join(key_text(name) for name in (*prefix, *path))
    out = ""
    has_own_header = bool(names) and (array or pairs or not rest)
    if has_own_header:
        note = _comment(comments.get(".".join(path), "")) if path else ""
        out = note + (f"[[{names}]]\n" if array else f"[{names}]\n")
    out += "".join(pairs)
    return [out, *rest] if out else rest


def _is_table(value: object) -> bool:
    """Written under a header; a list's edit and small tables of plain values inside a list's item stay on one line."""
    return isinstance(value, Mapping) and not (value and set(value) <= {"extend", "remove"})


def _comment(text: str) -> str:
    return "".join(f"# {line}".rstrip() + "\n" for line in text.splitlines())


def _pair(name: str, value: Any) -> str:
    line = f"{key_text(name)} = {value_text(value)}"
    if len(line) > _WIDTH and isinstance(value, (list, tuple)):
        items = "".join(f"    {value_text(item)},\n" for item in value)
        line = f"{key_text(name)} = [\n{items}]"
    return line + "\n"


def key_text(name: str) -> str:
    """Write a key as TOML, in quotes where it needs them."""
    return name if _BARE.fullmatch(name) else value_text(name)


def value_text(value: Any) -> str:
    """Write a value as TOML on one line. Raises TypeError for what TOML has no word for."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + "".join(_ESCAPES.get(c) or (c if c.isprintable() else _escape(c)) for c in value) + '"'
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(value_text, value)) + "]"
    if isinstance(value, Mapping):
        inner = ", ".join(f"{key_text(name)} = {value_text(part)}" for name, part in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    raise TypeError(f"TOML has no {type(value).__name__}")


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def _escape(char: str) -> str:
    number = ord(char)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _without_own(text: str) -> tuple[list[str], int]:
    """Lines without our tables, and where among them the first one was (their number where there was none).

    What separates our table from the next header, blank lines and comments, belongs to the next.
    """
    layout = toml_layout(text)
    kept: list[str] = []
    at: int | None = None
    own = False
    pending: list[str] = []
    for number, line in enumerate(_split(text), 1):
        header = layout.headers.get(number)
        if header is not None:
            mine = header[:2] == ("tool", "obs-lint")
            if own and not mine:
                kept += pending
            if mine and at is None:
                at = len(kept)
            own = mine
            pending = []
        if not own:
            kept.append(line)
        elif number not in layout.continued and not line.partition("#")[0].strip():
            pending.append(line)
        else:
            pending = []
    return kept, len(kept) if at is None else at


def _split(text: str) -> list[str]:
    """Lines with their ends; only a line feed ends one."""
    lines = [line + "\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _joined(before: list[str], block: str, after: list[str], newline: str) -> str:
    """Put the block between the lines, one blank line to each side."""
    head = "".join(before)
    if head and not head.endswith("\n"):
        head += newline
    if head and head.splitlines()[-1].strip():
        head += newline
    tail = "".join(after)
    if tail and tail.splitlines()[0].strip():
        block += newline
    return head + block + tail


def _leading_comment(text: str) -> str:
    lines: list[str] = []
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            break
        lines.append(line)
    while lines and not lines[-1].strip():
        lines.pop()
    return "".join(f"{line}\n" for line in lines)


def _verify(before: dict[str, Any], result: str, table: Mapping[str, Any], file: str, *, pyproject: bool) -> None:
    """Nothing but our table may have changed. Raises ConfigError where it did, or where it does not say `table`."""
    try:
        after = parsed(result.replace("\r\n", "\n"), file)
    except ConfigError:
        after = {}
    wanted = _plain(table)
    if pyproject:
        tool = dict(before.get("tool", {}))
        tool["obs-lint"] = wanted
        wanted = {**before, "tool": tool}
    if after != wanted:
        raise ConfigError(
            "the configuration is written in a way that can't be replaced without touching other tables",
            file=file,
            hint="take it out, or put it under a header of its own: [tool.obs-lint]",
        )


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, str) else value
