"""The lexical tier of one file: its import statements and which anchors it matches, without a parser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from obs_lint.facts.imports import RawImport, find_imports
from obs_lint.facts.model import FACTS_VERSION, REACH, Anchor

RUNTIME, UNKNOWN = "runtime", "unknown"


class Profile(NamedTuple):
    """What a scan looks for. Part of the key of its cache."""

    roots: tuple[str, ...]
    """First segments of the banned modules."""
    every_import: bool
    """False: only imports of `roots` are recorded."""
    judge_use: bool
    """Whether to tell imports that are used at run time from those that may serve annotations only."""
    anchors: tuple[Anchor, ...]
    version: int = FACTS_VERSION


class Scan(NamedTuple):
    """What the lexical tier knows of a file; plain values, to be stored and sent."""

    imports: tuple[RawImport, ...]
    banned: tuple[tuple[int, str, str], ...]
    """Index into `imports`, `runtime` or `unknown` use, and the qualname of the enclosing function or class."""
    anchors: int
    """Bit i: the profile's anchor i matches."""
    cells: tuple[tuple[int, int], ...]
    """Of a notebook: (first line in the joined code, cell number)."""
    problem: tuple[str, int, int, int] | None
    """Why the file could not be read as Python: message, line, column, cell or 0."""
    leaks: tuple[str, ...] = ()
    """Names that may be bound, by assignment and without a call, to what a banned import bound. May hold too many."""
    unmarked: bool = False
    """True where there surely is no suppression; told only of files in which something is found."""


class _Cluster(NamedTuple):
    """Words that are looked for at once: by what they have in common, and then by what is around that."""

    stem: bytes
    exact: re.Pattern[bytes] | None
    """None where there is but one word, the stem."""


class _Row(NamedTuple):
    """An anchor as the scanner uses it."""

    bit: int
    needs: int
    """Mask of the words that must all be there."""
    some: bool
    """True where one of the words of `near` must be there, too."""
    near: tuple[_Cluster, ...]
    """Where the pattern is looked for."""
    pattern: bytes | None
    at_line: bool


class Scanner:
    """Scans file after file by one profile."""

    __slots__ = (
        "_by_module",
        "_importing",
        "_judge",
        "_masks",
        "_parents",
        "_roots",
        "_roots_bytes",
        "_rows",
        "_words",
        "profile",
    )

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._roots = frozenset(profile.roots)
        self._roots_bytes = None if profile.every_import else frozenset(r.encode() for r in profile.roots)
        self._words = tuple(dict.fromkeys(word for anchor in profile.anchors for word in anchor.words))
        index = {word: 1 << i for i, word in enumerate(self._words)}
        self._by_module: dict[str, int] = {}
        """Module that some anchor names → mask of those anchors."""
        rows: list[_Row] = []
        importing: list[_Row] = []
        for number, anchor in enumerate(profile.anchors):
            needs = sum(index[word] for word in dict.fromkeys(anchor.words))
            near = _clusters(anchor.any_of or anchor.words[-1:])
            row = _Row(1 << number, needs, bool(anchor.any_of), near, anchor.pattern, anchor.at_line)
            (importing if anchor.modules else rows).append(row)
            for module in anchor.modules:
                self._by_module[module] = self._by_module.get(module, 0) | row.bit
        self._rows = tuple(rows)
        self._importing = tuple(importing)
        self._masks: dict[str, int] = {}
        self._parents = frozenset(module.rpartition(".")[0] for module in self._by_module) - {""}

    def scan(self, path: str, raw: bytes) -> Scan:
        """Scan the bytes of one file."""
        if not raw:
            return _EMPTY
        data, cells, problem = _text(path, raw)
        if problem is not None:
            return Scan((), (), 0, (), problem) if self._interesting(raw) else _EMPTY
        present = 0
        bit = 1
        for word in self._words:
            if word in data:
                present |= bit
            bit <<= 1
        roots = self._roots_bytes
        imports: list[RawImport]
        if roots is None:
            imports = find_imports(data)
        elif any(root in data for root in roots) or not data.isascii():
            imports = find_imports(data, roots)
        else:
            imports = []
        known = self._roots
        banned: list[tuple[int, str, str]] = []
        for number, statement in enumerate(imports):
            module = statement[0]
            dot = module.find(".")
            if (module if dot < 0 else module[:dot]) in known:
                use = self._use(data, statement) if self.profile.judge_use else RUNTIME
                banned.append((number, use, _enclosing(data, statement) if statement[6] else ""))
        anchors = 0
        for row in self._rows:
            if not row[1] & ~present and _matches(row, data):
                anchors |= row[0]
        if imports and self._importing:
            imported = self._imported(imports)
            if imported:
                for row in self._importing:
                    if row[0] & imported and not row[1] & ~present and _matches(row, data):
                        anchors |= row[0]
        if (banned or anchors) and (not data.isascii() or b"\0" in data):
            problem = _undecodable(path, raw)
            if problem is not None:
                return Scan((), (), 0, (), problem)
        leaks = _leaks(data, [imports[number] for number, _, _ in banned]) if banned and roots is None else ()
        unmarked = bool(banned or anchors) and _MARK.search(data) is None
        return Scan(tuple(imports), tuple(banned), anchors, cells, None, leaks, unmarked)

    def _imported(self, imports: list[RawImport]) -> int:
        """Return the mask of the anchors that name what is imported, or something that it lies in."""
        masks, parents = self._masks, self._parents
        found = 0
        for statement in imports:
            module = statement[0]
            mask = masks.get(module)
            if mask is None:
                mask = masks[module] = self._mask(module)
            found |= mask
            if module in parents:
                names = statement[1]
                if names is not None and names[:1] != b"\0":
                    for part in names.split(b","):
                        pieces = part.split()
                        if pieces:
                            name = f"{module}.{pieces[0].decode('utf-8', 'replace')}"
                            found |= self._by_module.get(name, 0)
        return found

    def _mask(self, module: str) -> int:
        if module[:1] == ".":
            return 0
        mask = 0
        while module:
            mask |= self._by_module.get(module, 0)
            module = module.rpartition(".")[0]
        return mask

    def _interesting(self, raw: bytes) -> bool:
        words = (
            *(root.encode() for root in self._roots),
            *self._words,
            *(w for a in self.profile.anchors for w in a.any_of),
        )
        return any(word in raw for word in words)

    def _use(self, data: bytes, statement: RawImport) -> str:
        """Tell whether a name that the statement binds is called: then it is needed at run time."""
        for name in _bound(statement):
            if name == b"*" or _called(name, data):
                return RUNTIME
        return UNKNOWN


@cache
def _compiled(pattern: bytes) -> re.Pattern[bytes]:
    """Compile a pattern when the first file needs it: most never do, and a long alternation costs a millisecond."""
    return re.compile(pattern, re.MULTILINE)


def _matches(row: _Row, data: bytes) -> bool:
    """True where the row's words, all but those of `needs`, and its pattern are found."""
    some, near, source, at_line = row[2:]
    if source is None:
        if some:
            for stem, exact in near:  # noqa: SIM110 - a generator takes longer than most of what it yields
                if (stem in data) if exact is None else exact.search(data):
                    return True
            return False
        return True
    if not near:
        return _compiled(source).search(data) is not None
    for stem, exact in near:
        at = _next(stem, exact, data, 0)
        if at < 0:
            continue
        pattern = _compiled(source)
        look = pattern.match if at_line else pattern.search
        while at >= 0:
            end = data.find(b"\n", at)
            if end < 0:
                end = len(data)
            if look(data, data.rfind(b"\n", 0, at) + 1, end + REACH) is not None:
                return True
            at = _next(stem, exact, data, end)
    return False


def matches(anchor: Anchor, data: bytes) -> Iterator[int]:
    """Yield where an anchor's pattern is found, whether or not its words are there and its modules are imported.

    Without a pattern: where `any_of`, or the last of `words`, stand.
    """
    pattern = None if anchor.pattern is None else _compiled(anchor.pattern)
    near = _clusters(anchor.any_of or anchor.words[-1:])
    if not near:
        if pattern is not None:
            yield from (match.start() for match in pattern.finditer(data))
        return
    for stem, exact in near:
        at = _next(stem, exact, data, 0)
        while at >= 0:
            end = data.find(b"\n", at)
            if end < 0:
                end = len(data)
            if pattern is None:
                yield at
            else:
                look = pattern.match if anchor.at_line else pattern.search
                match = look(data, data.rfind(b"\n", 0, at) + 1, end + REACH)
                if match is not None:
                    yield match.start()
            at = _next(stem, exact, data, end)


def _next(stem: bytes, exact: re.Pattern[bytes] | None, data: bytes, start: int) -> int:
    if exact is None:
        return data.find(stem, start)
    match = exact.search(data, start)
    return -1 if match is None else match.start()


_STEM = 5
"""Bytes that words must have in common to be looked for at once."""


@cache
def _clusters(words: tuple[bytes, ...]) -> tuple[_Cluster, ...]:
    """Gather words: each pass over a file that is saved is worth a look around what two words have in common."""
    found: list[_Cluster] = []
    rest = list(words)
    while rest:
        first = rest[0]
        if len(words) < 3 or b"\n" in first:
            found.append(_Cluster(rest.pop(0), None))
            continue
        pieces = (first, *[first[i : i + _STEM] for i in range(len(first) - _STEM + 1)])
        stem = max(pieces, key=lambda piece: sum([piece in word for word in rest]))
        alike = [word for word in rest if stem in word and b"\n" not in word]
        rest = [word for word in rest if word not in alike]
        if len(alike) == 1:
            found.append(_Cluster(first, None))
            continue
        while True:
            more = {word[word.index(stem) + len(stem) :][:1] for word in alike}
            if len(more) > 1 or b"" in more:
                break
            stem += more.pop()
        around = [(word[: (at := word.index(stem) + len(stem))], word[at:]) for word in alike]
        ways = b"|".join(b"(?<=%b)%b" % (re.escape(before), re.escape(after)) for before, after in around)
        found.append(_Cluster(stem, re.compile(re.escape(stem) + b"(?:%b)" % ways)))
    return tuple(found)


_MARK = re.compile(rb"#[ \t]*(?:[nN][oO][qQ][aA]|obs:)")
"""How a suppression begins."""

_EMPTY = Scan((), (), 0, (), None)


def _bound(statement: RawImport) -> list[bytes]:
    """Names that a statement binds; `*` for a star."""
    module, names, *_ = statement
    if names is None:
        return [module.partition(".")[0].encode()]
    if names[:1] == b"\0":
        return [names[1:]]
    return [pieces[-1] for part in names.split(b",") if (pieces := part.split())]


_UNCALLED = re.compile(rb"(?:\.\w+)*[ \t)\],}]*(?:$|[#;,:]|if\b|or\b|and\b|else\b)", re.MULTILINE)
"""What follows a name, with the attributes read from it, where no call follows and the expression may end."""


def _uncalled(name: bytes, data: bytes) -> Iterator[int]:
    """Yield where the name stands without being called."""
    at = data.find(name)
    while at >= 0:
        end = at + len(name)
        if not data[at - 1 : at].isalnum() and data[at - 1 : at] != b"_" and _UNCALLED.match(data, end):
            yield at
        at = data.find(name, end)


_TARGET_LIST = re.compile(rb"[ \t(\[]*\*?\w+[ \t)\]]*(?:[,=][ \t(\[]*\*?[\w.]+[ \t)\]]*)*,?[ \t)\]]*")
_SIMPLE_TARGET = re.compile(rb"(?<![\w.])(\w+)(?![\w.])")


def _targets(text: bytes) -> list[bytes]:
    """Names that a statement assigns to, from its text up to the value or the beginning of it."""
    found: list[bytes] = []
    for at in {text.find(b"="), text.rfind(b"=")}:
        left = text[:at].partition(b":")[0] if b":" in text[:at] else text[:at]
        if _TARGET_LIST.fullmatch(left):
            found += _SIMPLE_TARGET.findall(left)
    return found


_MANY_NAMES = 64
"""A file that hands a banned name on under more names than this is generated; the first ones are enough to find it."""


def _leaks(data: bytes, statements: list[RawImport]) -> tuple[str, ...]:
    """Names that may be assigned what the statements bound, or what such a name was assigned."""
    todo = sorted({name for statement in statements for name in _bound(statement) if name != b"*"})
    known = set(todo)
    found: dict[bytes, None] = {}
    while todo and len(found) < _MANY_NAMES:
        name = todo.pop()
        for start in _uncalled(name, data):
            line = data.rfind(b"\n", 0, start) + 1
            if b"=" not in data[line:start]:
                before = data[max(0, start - 80) : start].rstrip(b" \t\n\\([{")
                if before[-1:] != b"=":
                    continue
                start = data.rfind(b"=", 0, start) + 1
                line = data.rfind(b"\n", 0, start) + 1
            for part in _targets(data[line:start]):
                found[part] = None
                if part not in known:
                    known.add(part)
                    todo.append(part)
    return tuple(name.decode("utf-8", "replace") for name in found)


_CALL = re.compile(rb"(?:\.\w+)*\(")
_BEFORE_CALL = re.compile(rb"[ \t]*(?:\w+[ \t]*=[ \t]*)?")


def _called(name: bytes, data: bytes) -> bool:
    """True where a line begins with `name.attr(` or `x = name.attr(`: no quote, no comment before it."""
    at = data.find(name)
    while at >= 0:
        end = at + len(name)
        if _CALL.match(data, end) and _BEFORE_CALL.fullmatch(data, data.rfind(b"\n", 0, at) + 1, at):
            return True
        at = data.find(name, end)
    return False


def _text(path: str, raw: bytes) -> tuple[bytes, tuple[tuple[int, int], ...], tuple[str, int, int, int] | None]:
    """Return the source as UTF-8 with LF; the bytes themselves wherever they are that already."""
    if not path.endswith(".ipynb"):
        second = raw.find(b"\n", raw.find(b"\n") + 1)
        head = raw[: second if second >= 0 else None]
        if b"coding" not in head and b"\r" not in raw and raw[:3] != b"\xef\xbb\xbf":
            return raw, (), None
    from obs_lint.source import SourceError, decode

    try:
        source = decode(path, raw)
    except SourceError as error:
        return b"", (), (error.message, error.line, error.column, error.cell or 0)
    return source.text, source.cells, None


def _undecodable(path: str, raw: bytes) -> tuple[str, int, int, int] | None:
    from obs_lint.source import SourceError, decode

    try:
        decode(path, raw)
    except SourceError as error:
        return (error.message, error.line, error.column, error.cell or 0)
    return None


_DEFINITION = re.compile(rb"[ \t]*(?:async[ \t]+def|def|class)[ \t]+(\w+)")


def _enclosing(data: bytes, statement: RawImport) -> str:
    """Find the functions and classes that an indented statement stands in, by indentation."""
    lines = data.split(b"\n", statement[4])[: statement[4]]
    current = lines[-1]
    depth = len(current) - len(current.lstrip(b" \t"))
    names: list[str] = []
    for line in reversed(lines[:-1]):
        text = line.lstrip(b" \t")
        indent = len(line) - len(text)
        if text and indent < depth and text[:1] not in b"#)]}":
            depth = indent
            match = _DEFINITION.match(line)
            if match:
                names.append(match[1].decode("utf-8", "replace"))
            if depth == 0:
                break
    return ".".join(reversed(names))


def read(absolute: str) -> bytes:
    """Read a file whole. Raises OSError."""
    import os

    descriptor = os.open(absolute, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        size = os.fstat(descriptor).st_size
        data = os.read(descriptor, size + 1)
        if len(data) <= size and len(data) < _ONE_READ:
            return data
        parts = [data]
        while part := os.read(descriptor, 1 << 20):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


_ONE_READ = 1 << 30
