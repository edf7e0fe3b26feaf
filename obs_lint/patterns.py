"""The two kinds of pattern in the configuration: dotted names and path globs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

MAX_BRACES = 256
"""How many patterns one glob with braces may stand for."""


@lru_cache(maxsize=4096)
def dotted(pattern: str, *, below: bool = True) -> re.Pattern[str]:
    """Compile a dotted pattern, for `fullmatch`: `*` is one segment or a part of one, `**` any number of segments.

    With `below`, `shop.obs` also covers `shop.obs.x`; never `shop.obs_helpers`. Matching time is at most proportional
    to the lengths of pattern and name multiplied, whatever they are.
    """
    segments = _without_runs(pattern.split("."))
    if segments == ["**"]:
        return re.compile(r"(?s:.*)")
    if segments[-1] == "**":
        del segments[-1]
        below = True
    *groups, last = _groups(segments)
    text = _joined(groups, last, r"\.", "[^.]")
    return re.compile(text + (r"(?:\..*)?" if below else ""), re.DOTALL)


def names_match(pattern: str, names: Iterable[str], *, below: bool = True) -> bool:
    """True where the dotted pattern covers any of the names."""
    if "*" not in pattern and "?" not in pattern:
        if not below:
            return any(name == pattern for name in names)
        start = pattern + "."
        return any(name == pattern or name.startswith(start) for name in names)
    compiled = dotted(pattern, below=below)
    return any(compiled.fullmatch(name) for name in names)


@lru_cache(maxsize=4096)
def glob(pattern: str, *, anchored: bool = False) -> re.Pattern[str]:
    """Compile a path glob, for `fullmatch` with a path relative to the root with `/`; the rules are gitignore's.

    `*` and `?` stay within a segment, `**` as a segment is any number of them, `[a-z]` and `[!a-z]` are one character,
    a backslash makes the next character an ordinary one. Without a slash before its end a pattern holds at any depth
    (`conftest.py`, `*_pb2.py`, `build`), with one it starts at the root (`scripts/**`, `/build`); with `anchored` all
    do. What covers a folder covers all below it, `build/` nothing else. Not gitignore's: `{a,b}` are alternatives, as
    in ruff. Matching time is at most proportional to the lengths of pattern and path multiplied.
    """
    return re.compile("|".join(_glob_text(each, anchored) for each in braces(pattern) or (pattern,)), re.DOTALL)


def path_matches(pattern: str, path: str) -> bool:
    """True where the glob covers `path`, which is relative to the root with `/`."""
    return _matcher(pattern)(path)


@lru_cache(maxsize=256)
def path_matcher(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    """Return the test whether any of the globs covers a path: one call a path, for many paths."""
    prefixes: list[str] = []
    rest: list[Callable[[str], bool]] = []
    for pattern in patterns:
        prefix = _plain_prefix(pattern)
        if prefix:
            prefixes.append(prefix)
        else:
            rest.append(_matcher(pattern))
    starts = tuple(prefixes)
    tests = tuple(rest)
    if not tests:
        return lambda path: path.startswith(starts)
    if len(tests) == 1 and not starts:
        return tests[0]

    def test(path: str) -> bool:
        if path.startswith(starts):
            return True
        for each in tests:  # noqa: SIM110  a generator costs twice as much, once a file
            if each(path):
                return True
        return False

    return test


def is_path_glob(pattern: str) -> bool:
    """Tell a path glob from a dotted pattern: it has a `/` or ends like a Python file."""
    return "/" in pattern or pattern.endswith((".py", ".pyi", ".ipynb"))


def bracket(pattern: str, start: int) -> int:
    """Return where the `[` at `start` of a glob is closed, -1 where it never is; a `]` that comes first is a member."""
    index = start + 1
    if pattern[index : index + 1] in ("!", "^"):
        index += 1
    if pattern[index : index + 1] == "]":
        index += 1
    close = pattern.find("]", index)
    slash = pattern.find("/", start)
    return -1 if 0 <= slash < close else close


def braces(pattern: str) -> tuple[str, ...] | None:
    """Return the patterns without braces that a glob stands for, None where they are more than MAX_BRACES.

    Braces without a comma are characters (`{{cookiecutter.name}}`), as is a brace without its partner.
    """
    if "{" not in pattern:
        return (pattern,)
    done: list[str] = []
    pending = [(pattern, 0)]
    while pending:
        text, start = pending.pop()
        found = _first_braces(text, start)
        if found is None:
            done.append(text)
        else:
            begin, end, parts = found
            pending += [(text[:begin] + part + text[end + 1 :], begin) for part in reversed(parts)]
        if len(done) + len(pending) > MAX_BRACES:
            return None
    return tuple(done)


def _first_braces(text: str, start: int) -> tuple[int, int, list[str]] | None:
    """The first `{…}` with a comma at or after `start`: its extent and the parts between its own commas."""
    opened: list[tuple[int, list[int]]] = []
    complete: tuple[int, int, list[str]] | None = None
    index = start
    while index < len(text):
        char = text[index]
        if char == "\\":
            index += 1
        elif char == "{":
            opened.append((index, []))
        elif char == "," and opened:
            opened[-1][1].append(index)
        elif char == "}" and opened:
            begin, commas = opened.pop()
            if commas and (complete is None or begin < complete[0]):
                edges = [begin, *commas, index]
                parts = [text[edges[at] + 1 : edges[at + 1]] for at in range(len(edges) - 1)]
                complete = (begin, index, parts)
            if not opened and complete is not None:
                return complete
        index += 1
    return complete


def _without_runs(segments: list[str]) -> list[str]:
    """Put one `**` for several in a row."""
    return [s for index, s in enumerate(segments) if s != "**" or index == 0 or segments[index - 1] != "**"]


def _groups(segments: list[str]) -> list[list[str]]:
    """Split at `**`."""
    groups: list[list[str]] = [[]]
    for segment in segments:
        if segment == "**":
            groups.append([])
        else:
            groups[-1].append(segment)
    return groups


def _joined(groups: list[list[str]], last: list[str], separator: str, inner: str) -> str:
    """Regular expression of segments with `**` between the groups.

    A group between two `**` is taken where it fits first and never tried elsewhere (an atomic group): what follows can
    skip segments, so an earlier end is never worse.
    """
    text = ""
    skip = f"(?:{inner}+{separator})*?"
    for index, group in enumerate(groups):
        body = "".join(_segment(segment, inner) + separator for segment in group)
        text += body if index == 0 else f"(?>{skip}{body})"
    tail = separator.join(_segment(segment, inner) for segment in last)
    return text + (skip if groups else "") + tail


def _segment(segment: str, inner: str) -> str:
    """Regular expression of one segment; `inner` is one of its characters. A piece after a star stays where it fits."""
    if segment and not segment.strip("*"):
        return f"{inner}+"
    pieces = [""]
    index = 0
    while index < len(segment):
        char = segment[index]
        if char == "*":
            if pieces[-1] or len(pieces) == 1:
                pieces.append("")
        elif char == "?":
            pieces[-1] += inner
        elif inner == "[^/]" and char == "[" and (close := bracket(segment, index)) > 0:
            pieces[-1] += _class(segment[index + 1 : close])
            index = close
        elif inner == "[^/]" and char == "\\" and index + 1 < len(segment):
            index += 1
            pieces[-1] += re.escape(segment[index])
        else:
            pieces[-1] += re.escape(char)
        index += 1
    if len(pieces) == 1:
        return pieces[0]
    first, *between, last = pieces
    return first + "".join(f"(?>{inner}*?{piece})" for piece in between if piece) + f"{inner}*{last}"


def _class(body: str) -> str:
    """Regular expression of what stands in brackets; a range the wrong way round has no members."""
    negated = body[0] in "!^"
    body = body[1:] if negated else body
    members = ""
    index = 0
    while index < len(body):
        char = body[index]
        if body[index + 1 : index + 2] == "-" and index + 2 < len(body):
            if char <= body[index + 2]:
                members += f"{re.escape(char)}-{re.escape(body[index + 2])}"
            index += 3
        else:
            members += re.escape(char)
            index += 1
    if negated:
        return f"[^/{members}]"
    return f"(?:(?!/)[{members}])" if members else "(?!)"


def _glob_segments(pattern: str, anchored: bool = False) -> list[str]:
    """Segments from the root on: what may stand at any depth starts with `**`."""
    anchored = anchored or pattern.startswith("./")
    pattern = pattern.removeprefix("./")
    segments = [segment for segment in pattern.split("/") if segment != ""]
    if segments and not anchored and "/" not in pattern.rstrip("/"):
        segments.insert(0, "**")
    if segments and pattern.endswith("/"):
        segments.append("**")
    return _without_runs(segments)


def _glob_text(pattern: str, anchored: bool) -> str:
    segments = _glob_segments(pattern, anchored)
    if segments in ([], ["**"]):
        return ".*" if segments else "(?!)"
    inside = segments[-1] == "**"
    if inside:
        del segments[-1]
    *groups, last = _groups(segments)
    return _joined(groups, last, "/", "[^/]") + ("/.+" if inside else "(?:/.*)?")


@lru_cache(maxsize=4096)
def _matcher(pattern: str) -> Callable[[str], bool]:
    """The test for one glob; the usual shapes need no regular expression, which costs more to compile than to use."""
    if not any(char in pattern for char in "?[\\{"):
        segments = _glob_segments(pattern)
        if segments == ["**"]:
            return bool
        anywhere = segments[:1] == ["**"]
        inside = segments[-1:] == ["**"]
        middle = segments[anywhere : len(segments) - inside]
        if middle and "*" not in "".join(middle):
            return _literal("/".join(middle), anywhere, inside)
        if anywhere and not inside and len(middle) == 1 and middle[0].count("*") == 1 and len(middle[0]) > 1:
            return _affixes(*middle[0].split("*"))
    fullmatch = glob(pattern).fullmatch
    return lambda path: fullmatch(path) is not None


def _literal(text: str, anywhere: bool, inside: bool) -> Callable[[str], bool]:
    below = f"{text}/"
    within = f"/{text}/"
    end = f"/{text}"
    if anywhere and inside:
        return lambda path: path.startswith(below) or within in path
    if anywhere:
        return lambda path: (
            text in path and (path.endswith(end) or path == text or path.startswith(below) or within in path)
        )
    if inside:
        return lambda path: path.startswith(below)
    return lambda path: path == text or path.startswith(below)


def _affixes(start: str, end: str) -> Callable[[str], bool]:
    rare = end if len(end) > len(start) else start
    length = len(start) + len(end)

    def test(path: str) -> bool:
        if rare not in path:
            return False
        for segment in path.split("/"):
            if segment.startswith(start) and segment.endswith(end) and len(segment) >= length:
                return True
        return False

    return test


def _plain_prefix(pattern: str) -> str:
    """`a/b/` for the pattern `a/b/**`; empty for any other."""
    text = pattern.removesuffix("/**")
    if text == pattern or not text or text[0] in "./" or any(char in text for char in "*?[\\{") or "//" in text:
        return ""
    return f"{text}/"
