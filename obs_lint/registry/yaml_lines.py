"""YAML and JSON texts as plain values that know where each key and item is written.

YAML is read with the core schema of its version 1.2, as editors do: only `true` and `false` are booleans, and
dates are text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from obs_lint.registry.model import Place, Problem
from obs_lint.registry.schema_words import Path, pointer

MAX_DEPTH = 100
"""Levels of nesting."""
MAX_COPIED = 100_000
"""Nodes that the aliases of one file may stand for, all together."""

Marks = tuple[int, int, int, int, "dict[str | int, Any] | None"]
"""(line, column, end line, end column, what is inside) of a key or an item; 1-based, the end 0 where it is not known.

What is inside maps keys and indices to Marks; None for a scalar.
"""


class Document(NamedTuple):
    """One document of a file."""

    path: str
    """As a Place has it."""
    value: Any
    marks: Marks

    def place(self, path: Path = ()) -> Place:
        """Return where the key or item at a path is written, or what encloses it."""
        return Place(self.path, *marks_at(self.marks, path)[:4])

    def problem(self, path: Path, message: str, *, code: str = "registry", target: str = "", help: str = "") -> Problem:  # noqa: A002 - named as the field
        """Make a Problem at a path; it is fatal unless it has a rule's code."""
        return Problem(code, message, self.place(path), help, target, fatal=code == "registry")


def marks_at(marks: Marks, path: Path) -> Marks:
    """Return the marks at a path, or of what encloses it."""
    for part in path:
        inside = marks[4]
        if inside is None:
            return marks
        found = inside.get(part)
        if found is None and isinstance(part, str) and part.isdecimal() and len(part) < 9:
            found = inside.get(int(part))
        if found is None:
            return marks
        marks = found
    return marks


class Places(Mapping[str, Place]):
    """JSON pointer → Place, made of marks when first asked."""

    __slots__ = ("_made", "parts")

    def __init__(self, parts: Iterable[tuple[Path, str, Marks]]) -> None:
        """`parts`: path in front, file, marks of what stands there; what an earlier part knows holds."""
        self.parts = tuple(parts)
        """As given."""
        self._made: dict[str, Place] | None = None

    def _all(self) -> dict[str, Place]:
        if self._made is None:
            made: dict[str, Place] = {}
            for front, path, marks in self.parts:
                _flatten(pointer(front), path, marks[4], made)
            self._made = made
        return self._made

    def __getitem__(self, key: str) -> Place:
        return self._all()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


def _flatten(front: str, path: str, inside: dict[str | int, Any] | None, made: dict[str, Place]) -> None:
    for key, marks in (inside or {}).items():
        at = f"{front}{pointer((key,))}"
        if at not in made:
            made[at] = Place(path, *marks[:4])
        if marks[4]:
            _flatten(at, path, marks[4], made)


def place_of(places: Mapping[str, Place], at: str, otherwise: Place) -> Place:
    """Return the place of a JSON pointer, or of the nearest that encloses it."""
    while at:
        found = places.get(at)
        if found is not None:
            return found
        at = at.rpartition("/")[0]
    return otherwise


def decoded(data: bytes, path: str) -> str | Problem:
    """Return the text of a file, or what is wrong with it."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return Problem("registry", "is UTF-16 text; save it as UTF-8", Place(path), fatal=True)
        before = data[: error.start]
        start = max(before.rfind(b"\n"), before.rfind(b"\r")) + 1
        line = before.count(b"\n") + before.count(b"\r") - before.count(b"\r\n") + 1
        column = len(before[start:].decode("utf-8", "replace").lstrip("\ufeff")) + 1
        message = f"is not UTF-8 text: it has the byte 0x{data[error.start]:02x}; save it as UTF-8"
        return Problem("registry", message, Place(path, line, column), fatal=True)


def parse_yaml(text: str, path: str) -> tuple[list[Document], list[Problem]]:
    """Return the documents of a YAML text that are not empty, and everything that is wrong with it, as fatal."""
    import yaml

    builder = _Builder(path)
    try:
        builder.run(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problem = error.problem or error.context or "it can't be parsed"
        if "'\\t'" in problem or (mark and _at(text, line, column) == "\t"):
            builder.tell(line, column, "is not YAML: a tab stands where only spaces can; indent with spaces")
        else:
            builder.tell(line, column, f"is not YAML: {problem}")
    except yaml.YAMLError:
        found = _UNPRINTABLE.search(text)
        before = text[: found.start()] if found else ""
        line = len(before.splitlines()) or 1 if not before.endswith(("\n", "\r")) else len(before.splitlines()) + 1
        column = len(before) - max(before.rfind("\n"), before.rfind("\r"))
        what = f"the control character U+{ord(found[0]):04X}; remove it" if found else "what can't be read"
        builder.tell(line, column, f"is not YAML: it has {what}")
    except _TooMuchError:
        pass
    if "\\" in text and not builder.problems and _has_surrogates([document.value for document in builder.documents]):
        builder.tell(1, 1, "has an escaped half of a surrogate pair, which is no character")
    return ([] if builder.stopped else builder.documents), builder.problems


def parse_json(text: str, path: str) -> tuple[list[Document], list[Problem]]:
    """Return the one document of a JSON text, and everything that is wrong with it, as fatal."""
    import json

    repeated: list[str] = []

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(found)
        if len(made) < len(found):
            seen: set[str] = set()
            repeated.extend(key for key, _ in found if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        return made

    def constant(word: str) -> Any:
        raise ValueError(f"`{word}` is no number in JSON")

    try:
        value = json.loads(text, object_pairs_hook=pairs, parse_constant=constant)
    except json.JSONDecodeError as error:
        place = Place(path, error.lineno, error.colno)
        return [], [Problem("registry", f"is not JSON: {error.msg}", place, fatal=True)]
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        return [], [Problem("registry", f"is not JSON: {why}", Place(path), fatal=True)]
    documents, problems = parse_yaml(_HALVES.sub(r"\\u003f", text), path)
    marks = documents[0].marks if len(documents) == 1 else (1, 1, 0, 0, None)
    told = [problem for problem in problems if "is not YAML" not in problem.message]
    if repeated and not told:
        told = [Problem("registry", f"has the key `{repeated[0]}` twice", Place(path), fatal=True)]
    if "\\" in text and not told and _has_surrogates(value):
        told = [
            Problem(
                "registry", "has an escaped half of a surrogate pair, which is no character", Place(path), fatal=True
            )
        ]
    return [Document(path, value, marks)], told


def _has_surrogates(value: Any) -> bool:
    import json

    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def recoded(problem: Problem, code: str) -> Problem:
    """Return a fatal Problem as a finding of a rule: of a file whose loss leaves the rest usable."""
    return replace(problem, code=code, fatal=False)


_HALVES = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_UNPRINTABLE = re.compile("[^\x09\x0a\x0d\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _at(text: str, line: int, column: int) -> str:
    lines = text.splitlines()
    return lines[line - 1][column - 1 : column] if line <= len(lines) else ""


class _TooMuchError(Exception):
    """Reading on makes no sense; the reason is told."""


_CONSTANTS: Mapping[str, Any] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_NUMERIC = frozenset("0123456789+-.")
_INTEGER = re.compile(r"[-+]?[0-9]+\Z")
_BASED = re.compile(r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_NO_NUMBER = re.compile(r"[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z")
_TAGGED: Mapping[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "bool": (bool,), "null": (type(None),)}
_STANDARD = "tag:yaml.org,2002:"


class _Builder:
    """Makes values of a parser's events; C parser where PyYAML has one."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.documents: list[Document] = []
        self.problems: list[Problem] = []
        self.stopped = False
        self.get: Callable[[], Any]
        self.anchors: dict[str, tuple[Any, dict[str | int, Any] | None, int] | None] = {}
        """None for one that is still open."""
        self.nodes = 0
        self.copied = 0

    def tell(self, line: int, column: int, message: str, *, stop: bool = True) -> None:
        self.problems.append(Problem("registry", message, Place(self.path, line, column), fatal=True))
        self.stopped = self.stopped or stop

    def about(self, event: Any, message: str) -> None:
        """Tell a problem of one node, and go on."""
        start, end = event.start_mark, event.end_mark
        end_place = (end.line + 1, end.column + 1) if end.line == start.line and end.column > start.column else (0, 0)
        place = Place(self.path, start.line + 1, start.column + 1, *end_place)
        self.problems.append(Problem("registry", message, place, fatal=True))

    def give_up(self, event: Any, message: str) -> None:
        self.about(event, message)
        self.stopped = True
        raise _TooMuchError

    def run(self, text: str) -> None:
        import yaml

        loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        get = self.get = loader(text).get_event
        while (event := get()) is not None:
            if isinstance(event, yaml.StreamEndEvent):
                return
            if not isinstance(event, yaml.DocumentStartEvent):
                continue
            self.anchors.clear()
            first = get()
            value, inside = self.node(first, 0)
            if value is not None:
                mark = first.start_mark
                self.documents.append(Document(self.path, value, (mark.line + 1, mark.column + 1, 0, 0, inside)))

    def node(self, event: Any, depth: int) -> tuple[Any, dict[str | int, Any] | None]:
        """Return the value that begins with an event, and the marks of what is in it."""
        import yaml

        kind = type(event)
        if kind is yaml.AliasEvent:
            return self.alias(event)
        before = self.nodes
        anchor = event.anchor
        value: Any
        inside: dict[str | int, Any] | None
        if kind is yaml.ScalarEvent:
            self.nodes += 1
            value, inside = self.scalar(event), None
        else:
            if depth >= MAX_DEPTH:
                self.give_up(event, f"is nested more than {MAX_DEPTH} levels deep")
            if anchor:
                self.anchors[anchor] = None
            mapping = kind is yaml.MappingStartEvent
            tag = event.tag
            if tag and tag != "!" and tag != _STANDARD + ("map" if mapping else "seq"):
                self.about(event, f"has the tag `{_tag(tag)}`, which means nothing here; remove it")
            value, inside = self.mapping(event, depth) if mapping else self.sequence(depth)
        if anchor:
            self.anchors[anchor] = (value, inside, self.nodes - before)
        return value, inside

    def alias(self, event: Any) -> tuple[Any, dict[str | int, Any] | None]:
        found = self.anchors.get(event.anchor)
        if found is None:
            if event.anchor in self.anchors:
                self.about(event, f"has the alias `*{event.anchor}` inside what it stands for")
            else:
                self.about(
                    event, f"has the alias `*{event.anchor}`, but nothing above has the anchor `&{event.anchor}`"
                )
            return None, None
        value, inside, size = found
        self.nodes += size
        self.copied += size
        if self.copied > MAX_COPIED:
            self.give_up(event, f"has aliases that stand for more than {MAX_COPIED} nodes; write the values out")
        return value, inside

    def sequence(self, depth: int) -> tuple[list[Any], dict[str | int, Any]]:
        import yaml

        get, scalar_event, end_event = self.get, yaml.ScalarEvent, yaml.SequenceEndEvent
        made: list[Any] = []
        inside: dict[str | int, Any] = {}
        self.nodes += 1
        while True:
            event = get()
            kind = type(event)
            if kind is end_event:
                return made, inside
            start = event.start_mark
            if kind is scalar_event:
                end = event.end_mark
                mark = (start.line + 1, start.column + 1, end.line + 1, end.column + 1, None)
                if event.anchor:
                    made.append(self.node(event, depth + 1)[0])
                else:
                    self.nodes += 1
                    made.append(self.scalar(event))
                inside[len(made) - 1] = mark
            else:
                value, marks = self.node(event, depth + 1)
                inside[len(made)] = (start.line + 1, start.column + 1, 0, 0, marks)
                made.append(value)

    def mapping(self, opening: Any, depth: int) -> tuple[dict[str, Any], dict[str | int, Any]]:
        import yaml

        get, scalar_event, end_event = self.get, yaml.ScalarEvent, yaml.MappingEndEvent
        made: dict[str, Any] = {}
        inside: dict[str | int, Any] = {}
        merged: list[tuple[Any, Any, Any]] = []
        self.nodes += 1
        while True:
            key = get()
            kind = type(key)
            if kind is end_event:
                break
            if kind is not scalar_event:
                value, _ = self.node(key, depth + 1)
                if kind is yaml.AliasEvent and isinstance(value, str):
                    text = value
                else:
                    self.about(key, "has a list, mapping or alias as a key; keys are text")
                    self.node(get(), depth + 1)
                    continue
            else:
                text = key.value
                if key.anchor:
                    self.anchors[key.anchor] = (text, None, 1)
            event = get()
            if type(event) is scalar_event and not event.anchor:
                self.nodes += 1
                value, marks = self.scalar(event), None
            else:
                value, marks = self.node(event, depth + 1)
            if text == "<<" and kind is scalar_event and not key.style:
                merged.append((key, value, marks))
                continue
            start, end = key.start_mark, key.end_mark
            if text in made:
                first = inside[text][0]
                self.about(key, f"has the key `{_cut(text)}` twice, first on line {first}")
                continue
            made[text] = value
            inside[text] = (start.line + 1, start.column + 1, end.line + 1, end.column + 1, marks)
        for key, value, marks in merged:
            self.merge(key, value, marks, made, inside)
        return made, inside

    def merge(self, key: Any, value: Any, marks: Any, made: dict[str, Any], inside: dict[str | int, Any]) -> None:
        """Add the entries of the mappings that `<<` names; those that are there already stay."""
        parts = [(value, marks)]
        if isinstance(value, list):
            parts = [(one, marks[index][4]) for index, one in enumerate(value)]
        for one, where in parts:
            if not isinstance(one, dict):
                self.about(key, "merges (`<<`) what is no mapping")
                return
            for name, item in one.items():
                if name not in made:
                    made[name] = item
                    inside[name] = where[name]

    def scalar(self, event: Any) -> Any:
        """Return the value of a scalar, by the core schema."""
        text: str = event.value
        if event.tag:
            return self.tagged(event)
        if event.style:
            return text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if text[0] in _NUMERIC:
            return self.number(event)
        return text

    def number(self, event: Any) -> Any:
        """Return the number that a plain scalar is, or its text where it is none."""
        text: str = event.value
        if _INTEGER.match(text):
            if len(text) > 400:
                self.about(event, f"has a number of {len(text)} digits")
                return 0
            return int(text)
        if _FLOAT.match(text):
            value = float(text)
            if value in (float("inf"), float("-inf")):
                self.about(event, f"has the number `{_cut(text)}`, which is too large")
            return value
        if _BASED.match(text) and len(text) < 400:
            return int(text, 0)
        if _NO_NUMBER.match(text):
            self.about(event, f"has `{text}`, which is no number in JSON")
            return 0.0
        return text

    def tagged(self, event: Any) -> Any:
        """Return the value of a scalar with a tag."""
        text, tag = event.value, event.tag
        if tag in ("!", _STANDARD + "str"):
            return text
        wanted = _TAGGED.get(tag.removeprefix(_STANDARD))
        if wanted is not None and tag.startswith(_STANDARD):
            value = _CONSTANTS[text] if text in _CONSTANTS else self.number(event) if text[0] in _NUMERIC else text
            if isinstance(value, wanted):
                return float(text) if tag.endswith(":float") else value
            self.about(event, f"has `{_cut(text)}`, which is no value of the tag `{_tag(tag)}`")
            return None
        self.about(event, f"has the tag `{_tag(tag)}`, which means nothing here; remove it")
        return None


def _tag(tag: str) -> str:
    return _cut(f"!!{tag.removeprefix(_STANDARD)}" if tag.startswith(_STANDARD) else tag)


def _cut(text: str) -> str:
    text = text.replace("\n", " ")
    return text if len(text) <= 60 else text[:59] + "…"
