"""The keys of a registry's files: which there are, and what their values may be."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from obs_lint.registry.model import Problem
from obs_lint.registry.schema_words import Path
from obs_lint.registry.yaml_lines import Document

FORMAT = "obs-registry/1"
_SEGMENT = r"[^\s.\u0000-\u001f\u007f]+( [^\s.\u0000-\u001f\u007f]+)*"
NAME = rf"^{_SEGMENT}(\.{_SEGMENT})*$"
"""Names of events and namespaces: segments with dots between, single blanks within segments at most."""
WORD = r"^[A-Za-z_][A-Za-z0-9_.-]*$"
"""Names of fields, classifications and lifecycles."""
DURATION = r"^P(?=[0-9T])([0-9.]+Y)?([0-9.]+M)?([0-9.]+W)?([0-9.]+D)?(T(?=[0-9])([0-9.]+H)?([0-9.]+M)?([0-9.]+S)?)?$"
MAX_NAME = 255
"""Characters of the longest name."""
SEVERITIES = (
    "trace",
    "debug",
    "info",
    "notice",
    "warn",
    "warning",
    "error",
    "critical",
    "alert",
    "emergency",
    "fatal",
)


@dataclass(frozen=True, slots=True)
class Text:
    """A string."""

    what: str = "text"
    pattern: str = ""
    choices: tuple[str, ...] = ()
    may_be_empty: bool = False


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number of at least 1."""


@dataclass(frozen=True, slots=True)
class Anything:
    """Any value."""


@dataclass(frozen=True, slots=True)
class Schema:
    """A JSON Schema that is a mapping; whether it is one is judged elsewhere."""


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    of: Spec
    least: int = 0


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a table."""

    spec: Spec
    says: str
    """What it is for, as editors show it."""


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping with known keys."""

    keys: Mapping[str, Key]
    required: tuple[str, ...] = ()
    may_be_null: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """A mapping from names that the author chooses."""

    of: Spec
    what: str
    """`an event's name`"""
    pattern: str


@dataclass(frozen=True, slots=True)
class TextOr:
    """A string, or a mapping with known keys."""

    text: Text
    table: Table


Spec = Text | Flag | Whole | Anything | Schema | Items | Table | Named | TextOr

_EVENT_NAME = Text("an event's name", NAME)
_FIELD = Text("a field's name", WORD)
_PATH = Text("a path")
_PLAIN = Text("text")
_PROSE = Text("text", may_be_empty=True)

EVENT = Table(
    {
        "version": Key(Whole(), "The major version: a breaking change counts it up. Default: 1."),
        "summary": Key(_PROSE, "What has happened when the event is emitted."),
        "owner": Key(_PLAIN, "The team that answers for it."),
        "stability": Key(Text(choices=("experimental", "stable", "deprecated")), "How far others may rely on it."),
        "severity": Key(Text(choices=SEVERITIES), "The severity that it is emitted with."),
        "correlation": Key(
            Table(
                {
                    "required": Key(Items(_FIELD), "Correlation fields that it must carry."),
                    "optional": Key(Items(_FIELD), "Correlation fields that it may carry."),
                }
            ),
            "Which of the registry's correlation fields it carries.",
        ),
        "producers": Key(Items(_PLAIN), "Services that emit it; any where nothing is said."),
        "smoke": Key(Text(choices=("always", "conditional", "never")), "Whether a smoke run must see it."),
        "deprecated": Key(
            Table(
                {
                    "since": Key(_PLAIN, "The version or date since which it should no longer be emitted."),
                    "replaced-by": Key(_EVENT_NAME, "The event that stands for it."),
                    "remove-after": Key(_PLAIN, "The version or date after which it goes."),
                },
                may_be_null=True,
            ),
            "Said of an event that should no longer be emitted.",
        ),
        "payload": Key(
            Schema(), "JSON Schema (draft 2020-12) of the payload, or `$ref` to a local file, relative to this one."
        ),
        "examples": Key(Items(Anything()), "Payloads that are as they should be; each must fit the schema."),
        "counterexamples": Key(
            Items(
                Table(
                    {
                        "payload": Key(Anything(), "A payload that the schema must refuse."),
                        "because": Key(_PROSE, "Why it must."),
                    },
                    required=("payload",),
                )
            ),
            "Payloads that must not fit the schema, so that one that refuses nothing is found out.",
        ),
    },
    may_be_null=True,
)
EVENTS = Key(Named(EVENT, "an event's name", NAME), "The events by name.")

_CORRELATION_FIELD = Table(
    {
        "type": Key(Text(choices=("uuid", "string", "integer", "otel-trace-id", "otel-span-id")), "Default: string."),
        "header": Key(
            Text("the name of a header", r"^[A-Za-z0-9!#$%&'*+.^_|~-]+$"), "The HTTP header that carries it."
        ),
        "aliases": Key(Items(_PLAIN), "Spellings that mean this field and should not be used."),
        "at": Key(
            Text("a path such as `payload.layer_name`", r"^[^\s.]+(\.[^\s.]+)*$"),
            "Where it stands, if not in the envelope's correlation: `payload.layer_name`.",
        ),
    },
    may_be_null=True,
)
_LINK = Table(
    {
        "field": Key(_FIELD, "The correlation field."),
        "parent": Key(_FIELD, "The field of the hop before."),
        "root": Key(Flag(), "True for the field that everything begins with."),
        "introduced_by": Key(_EVENT_NAME, "The event that carries it first."),
        "new_per": Key(_PLAIN, "What each has a value of its own for: `attempt`."),
        "many": Key(Flag(), "True where one parent has several."),
    },
    required=("field",),
)
_LIFECYCLE = Table(
    {
        "key": Key(_FIELD, "The correlation field that tells one of them from another."),
        "start": Key(_EVENT_NAME, "The event that begins it."),
        "terminal": Key(Items(_EVENT_NAME, least=1), "The events that end it."),
        "exactly-one-terminal": Key(Flag(), "False where several terminal events may end one. Default: true."),
        "deadline": Key(
            Text("an ISO 8601 duration such as `PT15M`", DURATION), "ISO 8601 duration within which it must have ended."
        ),
        "retry": Key(
            Table(
                {
                    "key": Key(_FIELD, "The correlation field that all attempts share."),
                    "attempt": Key(_FIELD, "Where the number of the attempt stands: `payload.attempt`."),
                    "after": Key(Items(_EVENT_NAME), "Terminal events after which it may begin anew."),
                }
            ),
            "How it is tried again.",
        ),
        "states": Key(
            Table(
                {
                    "field": Key(_FIELD, "The attribute that holds the state."),
                    "transitions": Key(
                        Named(Items(_PLAIN), "the name of a state", r"^[^\s]+$"), "State → the states that may follow."
                    ),
                },
                required=("field", "transitions"),
            ),
            "The state machine of the thing itself.",
        ),
        "compensation": Key(
            Table(
                {
                    "of": Key(_EVENT_NAME, "The event of what is undone."),
                    "by": Key(_EVENT_NAME, "The event that says it is undone."),
                },
                required=("of", "by"),
            ),
            "How what was done is undone.",
        ),
    },
    required=("key", "start", "terminal"),
)

INDEX = Table(
    {
        "format": Key(Text(choices=(FORMAT,)), "The format of this file."),
        "namespace": Key(Text("a namespace", NAME), "What the names of all its events start with."),
        "naming": Key(
            TextOr(
                Text("a template"),
                Table(
                    {"pattern": Key(Text("a regular expression"), "A regular expression that whole names match.")},
                    required=("pattern",),
                ),
            ),
            "How names are made: `{namespace}.{area}.{action}[.{status}]`, where each placeholder is one segment "
            "(`[a-z][a-z0-9_]*`) and `[…]` may be left out; or a regular expression.",
        ),
        "schemas": Key(
            Table(
                {
                    "envelope": Key(_PATH, "JSON Schema of what all events have in common; closed."),
                    "correlation": Key(_PATH, "JSON Schema of the correlation fields; closed."),
                }
            ),
            "Files with JSON Schemas, relative to this one.",
        ),
        "correlation": Key(
            Table(
                {
                    "fields": Key(Named(_CORRELATION_FIELD, "a field's name", WORD), "The canonical fields by name."),
                    "chain": Key(Items(_LINK), "From parent to child, who introduces each."),
                }
            ),
            "The fields that join events to flows.",
        ),
        "classifications": Key(
            Named(
                Table(
                    {
                        "payload": Key(
                            Text(choices=("allow", "hash", "forbid")), "What a payload may do with such a field."
                        )
                    },
                    required=("payload",),
                ),
                "the name of a classification",
                WORD,
            ),
            "What `x-obs: {privacy: …}` of a field may say.",
        ),
        "sensitive-names": Key(Items(_PLAIN), "Names of fields that are sensitive whatever their schema says."),
        "lifecycles": Key(
            Named(_LIFECYCLE, "the name of a lifecycle", WORD), "The state machine of each kind of thing."
        ),
        "include": Key(Items(_PATH), "Files of events, as paths or globs relative to this file."),
        "events": EVENTS,
    },
    required=("format",),
)
"""The index, which may hold events itself."""

EVENT_FILE = Table({"events": EVENTS}, required=("events",))
"""An included file."""


def problems_of(document: Document, spec: Spec) -> list[Problem]:
    """Return every way in which a document is not as `spec` says; all of them are fatal."""
    walk = _Walk(document)
    walk.check(document.value, spec, ())
    return walk.problems


@dataclass(slots=True)
class _Walk:
    document: Document
    problems: list[Problem] = field(default_factory=list)

    def tell(self, path: Path, message: str, advice: str = "") -> None:
        target = str(path[1]) if len(path) > 1 and path[0] == "events" else str(path[0]) if path else ""
        self.problems.append(self.document.problem(path, message, target=target, help=advice))

    def check(self, value: Any, spec: Spec, path: Path) -> None:
        _CHECKS[type(spec)](self, value, spec, path)

    def text(self, value: Any, spec: Text, path: Path) -> None:
        if spec.choices:
            if value not in spec.choices or not isinstance(value, str):
                self.tell(
                    path,
                    f"{_called(path)} should be {_or(spec.choices)}, is {shown(value)}{_near(value, spec.choices)}",
                )
        elif not isinstance(value, str):
            quote = f"; write {_quoted(value)}" if isinstance(value, (bool, int, float)) else ""
            self.tell(path, f"{_called(path)} should be {spec.what}, is {shown(value)}{quote}")
        elif not value and not spec.may_be_empty:
            self.tell(path, f"{_called(path)} should be {spec.what}, is empty")
        elif spec.pattern and not _matches(spec.pattern, value):
            self.tell(path, f"{_called(path)} should be {spec.what}, is {shown(value)}")

    def flag(self, value: Any, _: Flag, path: Path) -> None:
        if not isinstance(value, bool):
            self.tell(path, f"{_called(path)} should be true or false, is {_literal(value)}")

    def whole(self, value: Any, _: Whole, path: Path) -> None:
        if (
            isinstance(value, bool)
            or not isinstance(value, (int, float))
            or value < 1
            or (isinstance(value, float) and not value.is_integer())
        ):
            self.tell(path, f"{_called(path)} should be a whole number of at least 1, is {_literal(value)}")

    def anything(self, _value: Any, _spec: Anything, _path: Path) -> None:
        return

    def schema(self, value: Any, _: Schema, path: Path) -> None:
        if not isinstance(value, dict):
            self.tell(path, f"{_called(path)} should be a JSON Schema (a mapping), is {shown(value)}")

    def items(self, value: Any, spec: Items, path: Path) -> None:
        if not isinstance(value, list):
            self.tell(path, f"{_called(path)} should be a list, is {shown(value)}")
            return
        if len(value) < spec.least:
            self.tell(path, f"{_called(path)} should have at least one item")
        for index, item in enumerate(value):
            self.check(item, spec.of, (*path, index))

    def table(self, value: Any, spec: Table, path: Path) -> None:
        if value is None and spec.may_be_null:
            return
        if not isinstance(value, dict):
            self.tell(path, f"{_called(path)} should be a mapping, is {shown(value)}")
            return
        for key, item in value.items():
            known = spec.keys.get(key)
            if known is None:
                near = _near(key, spec.keys)
                advice = "" if near else f"Known keys are {_or(spec.keys, 'and')}."
                self.tell((*path, key), f"{_within(path)}has the unknown key {shown(key)}{near}", advice)
            else:
                self.check(item, known.spec, (*path, key))
        for key in spec.required:
            if key not in value:
                self.tell(path, f"{_within(path)}lacks the key `{key}`")

    def named(self, value: Any, spec: Named, path: Path) -> None:
        if not isinstance(value, dict):
            self.tell(path, f"{_called(path)} should be a mapping, is {shown(value)}")
            return
        for name, item in value.items():
            if not _matches(spec.pattern, name):
                self.tell((*path, name), f"{shown(name)} can't be {spec.what}")
            self.check(item, spec.of, (*path, name))

    def text_or(self, value: Any, spec: TextOr, path: Path) -> None:
        if isinstance(value, dict):
            self.table(value, spec.table, path)
        elif isinstance(value, str):
            self.text(value, spec.text, path)
        else:
            known = _or(spec.table.required)
            self.tell(path, f"{_called(path)} should be {spec.text.what} or a mapping with {known}, is {shown(value)}")


_CHECKS: Mapping[type, Callable[[_Walk, Any, Any, Path], None]] = {
    Text: _Walk.text,
    Flag: _Walk.flag,
    Whole: _Walk.whole,
    Anything: _Walk.anything,
    Schema: _Walk.schema,
    Items: _Walk.items,
    Table: _Walk.table,
    Named: _Walk.named,
    TextOr: _Walk.text_or,
}
_compiled: dict[str, re.Pattern[str]] = {}


def _matches(pattern: str, text: str) -> bool:
    known = _compiled.get(pattern)
    if known is None:
        known = _compiled[pattern] = re.compile(pattern)
    return len(text) <= MAX_NAME and known.fullmatch(text) is not None


def _called(path: Path) -> str:
    """How a message calls what stands at a path: `severity` of `shop.order.placed`, item 2 of `required`."""
    if not path:
        return "the document"
    last, rest = path[-1], path[:-1]
    if isinstance(last, int):
        return f"item {last + 1} of {_called(rest)}"
    above = next((part for part in reversed(rest) if isinstance(part, str)), None)
    if isinstance(above, str) and above not in ("events", "fields"):
        return f"`{_short(last)}` of `{_short(above)}`"
    return f"`{_short(last)}`"


def _within(path: Path) -> str:
    return f"{_called(path)} " if path else ""


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"


def _near(word: Any, known: Iterable[str]) -> str:
    from obs_lint.config.suggest import nearest

    found = nearest(word, known) if isinstance(word, str) else None
    return f"; did you mean `{found}`?" if found else ""


def _quoted(value: bool | float) -> str:
    return f'"{str(value).lower() if isinstance(value, bool) else value}"'


def _literal(value: Any) -> str:
    return f'the text "{_short(value)}"' if isinstance(value, str) else shown(value)


def _or(words: Iterable[str], last: str = "or") -> str:
    *first, end = [f"`{word}`" for word in words]
    return f"{', '.join(first)} {last} {end}" if first else end


def shown(value: Any) -> str:
    """A value as a message says it: text in backquotes, other scalars as JSON, `a list`, `a mapping`, `nothing`."""
    if isinstance(value, str):
        text = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in _short(value))
        return f"`{text}`" if text else "empty"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return _short(str(value))
    return "a list" if isinstance(value, list) else "a mapping"
