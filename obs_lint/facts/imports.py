"""Import statements, found in the bytes of a file without parsing it.

Exact for everything that a Python of any version accepts: statements after `;` and `:`, backslash continuations,
comments inside
parentheses, `lazy` imports, identifiers that only normalise to ASCII. Text inside strings and comments is none.
"""

from __future__ import annotations

import re

from obs_lint.facts.model import LexicalImport

_STRING_OR_COMMENT = re.compile(
    rb'"""(?:[^"\\]|\\[\s\S]|"(?!""))*"""'
    rb"|'''(?:[^'\\]|\\[\s\S]|'(?!''))*'''"
    rb'|"(?:[^"\\\n]|\\[\s\S])*"'
    rb"|'(?:[^'\\\n]|\\[\s\S])*'"
    rb"|#[^\n]*"
)
_OUTSIDE = re.compile(
    rb'(?:[^"\'#]++'
    rb'|"""(?:[^"\\]++|\\[\s\S]|"(?!""))*+"""'
    rb"|'''(?:[^'\\]++|\\[\s\S]|'(?!''))*+'''"
    rb'|"(?!"")(?:[^"\\\n]++|\\[\s\S])*+"'
    rb"|'(?!'')(?:[^'\\\n]++|\\[\s\S])*+'"
    rb"|#[^\n]*+\n)*+"
)
"""Whole strings and comments, and what is between them; ends before one that is not closed."""
_PLAIN_FORM = re.compile(
    rb"(?:import ([A-Za-z_][\w.]*+)|from (\.++[\w.]*+|\w[\w.]*+) import "
    rb"(?:(\w++(?: as \w++)?+(?:, ?\w++(?: as \w++)?+)*+)|\(([\w\s,]*+)\)))(?=\n)"
)
"""A statement on a line of its own, as nearly all are written."""
_HEAD = re.compile(rb"(?:lazy[ \t]+)?(?:from(?=[ \t.\\])([ \t\\\n]*[.\w \t\\\n\x80-\xff]*?)[ \t\\\n]*)?\Z")
_AFTER_COLON = re.compile(rb"[;:][ \t\f]*((?:lazy[ \t]+)?(?:from[ \t.\\][.\w \t\\\x80-\xff]*)?)\Z")
_COMMENT = re.compile(rb"#[^\n]*")
_SPACE = re.compile(rb"[ \t\f\\\n]+")
_PLAIN_END = re.compile(rb"[;\n#]|\Z")
_SIMPLE_MODULE = re.compile(rb"\.*[\w.]+\Z|\.+\Z")
_AS = re.compile(rb"[ \t\f\\\n]+as[ \t\f\\\n]+")

# A statement as it is stored and sent: module with its dots, names (None for a plain import), line, column, first
# and last line
# of the statement, indented. `names` stays bytes until somebody asks for it.
RawImport = tuple[str, bytes | None, int, int, int, int, bool]


class _Outside:
    """Tells whether an offset lies outside strings and comments, by lexing no more than needed."""

    __slots__ = ("_data", "_known", "_until")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._known = 0  # an offset outside every string and comment
        self._until = 0  # offsets from _known up to here lie inside one

    def check(self, offset: int, line_start: int) -> bool:
        """`offset` must not be smaller than at earlier calls; `line_start` is the start of its line."""
        data, known = self._data, self._known
        if offset < self._until:
            return False
        if known < self._until:
            known = self._known = self._until
        if (
            data.find(b'"""', known, offset) < 0
            and data.find(b"'''", known, offset) < 0
            and data.find(b"\\\n", known, offset) < 0
            and line_start >= known
        ):
            if not data[line_start:offset].strip(b" \t\f"):
                self._known = line_start
                return True
            known = line_start
        skipped = _OUTSIDE.match(data, known, offset)
        if skipped is not None and skipped.end() == offset:
            self._known = offset
            return True
        search = _STRING_OR_COMMENT.search
        while (match := search(data, known)) is not None:
            start, end = match.span()
            if start >= offset:
                break
            if end - start == 2 and data[end : end + 1] == data[start : start + 1] != b"#":
                end = len(data)  # a triple quote that is never closed
            if end > offset:
                self._until = end
                self._known = start
                return False
            known = end
        self._known = known
        return True


def find_imports(data: bytes, roots: frozenset[bytes] | None = None) -> list[RawImport]:
    """Return the import statements of `data` (UTF-8, lines end in LF), in order.

    With `roots`, only absolute imports whose first segment is one of them.
    """
    found: list[RawImport] = []
    find = data.find
    rfind = data.rfind
    position = find(b"import")
    if position < 0:
        return found
    outside = _Outside(data)
    line = 1
    counted = 0
    size = len(data)
    while position >= 0:
        keyword_end = position + 6
        after = data[keyword_end : keyword_end + 1]
        if after not in _AFTER_IMPORT or data[position - 1 : position] not in _BEFORE_IMPORT:
            position = find(b"import", keyword_end)
            continue
        line_start = rfind(b"\n", 0, position) + 1
        if roots is None and data[line_start] in _PLAIN_START and data[line_start - 2 : line_start] != b"\\\n":
            plain = _PLAIN_FORM.match(data, line_start)
            if plain is not None:
                if outside.check(line_start, line_start):
                    line += data.count(b"\n", counted, line_start)
                    counted = line_start
                    end = plain.end()
                    name, module, names, listed = plain.groups()
                    if name is not None:
                        found.append((name.decode("ascii"), None, line, 8, line, line, False))
                    elif listed is None:
                        found.append((module.decode("ascii"), names, line, 6, line, line, False))
                    else:
                        last = line + listed.count(b"\n")
                        found.append((module.decode("ascii"), listed, line, 6, line, last, False))
                else:
                    end = keyword_end
                position = find(b"import", end)
                continue
        head = data[line_start:position]
        statement = line_start
        while data[statement - 2 : statement] == b"\\\n":
            statement = rfind(b"\n", 0, statement - 1) + 1
        if statement != line_start:
            head = data[statement:position]
        text = head.lstrip(b" \t\f")
        indented = len(text) != len(head)
        start = statement + len(head) - len(text)
        if text and not (match := _HEAD.match(text)):
            match = _AFTER_COLON.search(text)
            if match is None:
                position = find(b"import", keyword_end)
                continue
            start += match.start(1)
            indented = indented or text[match.start()] == 58
            text = match[1]
        from_at = text.find(b"from")
        next_from = keyword_end
        if from_at >= 0:
            raw = text[from_at + 4 :]
            module = raw.strip(b" \t\f\\\n")
            if not _SIMPLE_MODULE.match(module):
                module = _SPACE.sub(b"", module)
                if not module:
                    position = find(b"import", keyword_end)
                    continue
            if roots is not None and module.split(b".", 1)[0] not in roots and module.isascii():
                position = find(b"import", keyword_end)
                continue
            if not outside.check(start, rfind(b"\n", 0, start) + 1):
                position = find(b"import", keyword_end)
                continue
            line += data.count(b"\n", counted, start)
            counted = start
            names, end = _names(data, keyword_end, size)
            module_at = start + from_at + 4 + (len(raw) - len(raw.lstrip(b" \t\f\\\n")))
            module_line = line + data.count(b"\n", start, module_at)
            column = _column(data, module_at)
            found.append(
                (_text(module), names, module_line, column, line, line + data.count(b"\n", start, end), indented)
            )
            next_from = max(end, keyword_end)
        elif after != b"(" and after != b"*":
            end = keyword_end
            while True:
                stop = _PLAIN_END.search(data, end)
                end = stop.start() if stop else size
                if data[end : end + 1] == b"\n" and data[end - 1 : end] == b"\\":
                    end += 1
                    continue
                break
            body = data[keyword_end:end]
            if roots is not None and body.isascii() and not any(root in body for root in roots):
                position = find(b"import", end)
                continue
            if not outside.check(start, rfind(b"\n", 0, start) + 1):
                position = find(b"import", keyword_end)
                continue
            line += data.count(b"\n", counted, start)
            counted = start
            last = line + data.count(b"\n", start, end)
            at = keyword_end
            for part in body.split(b","):
                stripped = part.strip(b" \t\f\\\n")
                if stripped:
                    offset = at + len(part) - len(part.lstrip(b" \t\f\\\n"))
                    pieces = _AS.split(stripped, maxsplit=1)
                    name = pieces[0]
                    if not _SIMPLE_MODULE.match(name):
                        name = _SPACE.sub(b"", name)
                    if roots is None or name.split(b".", 1)[0] in roots or not name.isascii():
                        found.append(
                            (
                                _text(name),
                                None if len(pieces) == 1 else b"\0" + pieces[1],
                                line + data.count(b"\n", start, offset),
                                _column(data, offset),
                                line,
                                last,
                                indented,
                            )
                        )
                at += len(part) + 1
            next_from = end
        position = find(b"import", next_from)
    return found


_PLAIN_START = frozenset(b"if")
_AFTER_IMPORT = frozenset((b" ", b"\t", b"\\", b"(", b"*", b"\f"))
_BEFORE_IMPORT = frozenset((b"", b" ", b"\t", b"\n", b"\f", b".", b";", b":"))


def _names(data: bytes, at: int, size: int) -> tuple[bytes, int]:
    """Return what follows `import` in a `from` import, comments removed, and the offset of its end."""
    while at < size and data[at] in b" \t\f\\":
        at += 2 if data[at : at + 2] == b"\\\n" else 1
    if data[at : at + 1] != b"(":
        end = at
        while True:
            stop = _PLAIN_END.search(data, end)
            end = stop.start() if stop else size
            if data[end : end + 1] == b"\n" and data[end - 1 : end] == b"\\":
                end += 1
                continue
            return data[at:end].strip(b" \t\f\\"), end
    close = data.find(b")", at)
    comment = data.find(b"#", at, close)
    if comment < 0:
        return (data[at + 1 : close], close + 1) if close >= 0 else (data[at + 1 : data.find(b"\n", at)], at + 1)
    parts: list[bytes] = []
    start = at + 1
    while True:
        close = data.find(b")", start)
        if close < 0:
            return b"".join(parts), size
        comment = data.find(b"#", start, close)
        if comment < 0:
            parts.append(data[start:close])
            return b"".join(parts), close + 1
        parts.append(data[start:comment])
        start = data.find(b"\n", comment)
        if start < 0:
            return b"".join(parts), size


def _column(data: bytes, offset: int) -> int:
    before = data[data.rfind(b"\n", 0, offset) + 1 : offset]
    return (len(before) if before.isascii() else len(before.decode("utf-8", "replace"))) + 1


def _text(name: bytes) -> str:
    if name.isascii():
        return name.decode("ascii")
    from unicodedata import normalize

    return normalize("NFKC", name.decode("utf-8", "replace"))


def to_import(raw: RawImport) -> LexicalImport:
    """Turn a stored statement into a LexicalImport."""
    dotted, names, line, column, first, last, indented = raw
    module = dotted.lstrip(".")
    level = len(dotted) - len(module)
    pos = (line, column, line, column + len(dotted))
    if names is None or names[:1] == b"\0":
        bound = dotted.partition(".")[0] if names is None else _text(names[1:])
        return LexicalImport(module, 0, None, bound, pos, (first, last), indented)
    pairs: list[tuple[str, str]] = []
    for part in names.split(b","):
        stripped = part.strip(b" \t\f\\\n")
        if stripped:
            pieces = _AS.split(stripped, maxsplit=1)
            name = _text(pieces[0])
            pairs.append((name, _text(pieces[-1]) if len(pieces) > 1 else name))
    return LexicalImport(module, level, tuple(pairs), "", pos, (first, last), indented)
