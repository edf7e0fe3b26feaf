"""One table of raw values → the same values checked and made immutable, by the table of keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from obs_lint.config import forms
from obs_lint.config.keys import (
    CONFIG,
    SCOPE,
    Choice,
    Entries,
    Flag,
    Items,
    Key,
    Kind,
    Position,
    Table,
    Text,
)
from obs_lint.config.lines import Path
from obs_lint.config.lists import ListEdit, is_edit, shown


class InvalidError(Exception):
    """A value that can't be used, with the path to it; the loader adds file and line."""

    def __init__(self, path: Path, message: str, hint: str = "", *, about_key: bool = False) -> None:
        super().__init__(message)
        self.path = path
        self.message = message
        self.hint = hint
        self.about_key = about_key
        """True where the message is a sentence about the table; else it is one about the value at `path`."""


def checked(table: Table, given: object, path: Path = ()) -> dict[str, Any]:
    """Check a table against its keys.

    Lists become tuples or `ListEdit`, tables dicts, words of an enumeration its members; nothing is resolved yet.
    Raises InvalidError at the first value that is wrong.
    """
    if isinstance(given, str) and table.short:
        short = next(key for key in table.keys if key.name == table.short)
        return {table.short: _value(short.kind, given, path)}
    if not isinstance(given, Mapping):
        if table.short:
            raise InvalidError(path, f"expected a string or a table with {table.short}")
        if isinstance(given, (list, tuple)):
            tables = any(isinstance(item, Mapping) for item in given)
            raise InvalidError(path, "expected a table", "single brackets in its header" if path and tables else "")
        hint = "to switch it off, name it in ignore" if table.rest and given in ("off", False) else ""
        raise InvalidError(path, "expected a table", hint)
    known = {key.name: key for key in table.keys}
    out: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for name, value in given.items():
        if not isinstance(name, str):
            raise InvalidError(path, f"the key {shown(name)} is no string", "put it in quotes")
        key = known.get(name)
        if key is not None:
            out[name] = _value(key.kind, value, (*path, name))
        elif table.rest:
            rest[name] = _option(value, (*path, name), 0)
        else:
            raise _unknown(table, name, path)
    for name in table.required:
        if name not in out:
            raise InvalidError(path, f"{name} is missing", _doc(known[name]), about_key=True)
    if table.one_of and sum(name in out for name in table.one_of) != 1:
        both = " and ".join(table.one_of) if len([n for n in table.one_of if n in out]) > 1 else ""
        words = " or ".join(table.one_of)
        raise InvalidError(path, f"{both} exclude each other" if both else f"{words} is missing", "", about_key=True)
    if rest:
        out[table.rest] = rest
    if table.cls is not None:
        check = _CROSS_CHECKS.get(table.cls.__name__)
        if check is not None:
            check(out, path)
    return out


def _value(kind: Kind, value: object, path: Path) -> Any:
    if isinstance(kind, Text):
        return _string(kind, value, path)
    if isinstance(kind, Items):
        return _items(kind, value, path)
    if isinstance(kind, Flag):
        if not isinstance(value, bool):
            raise InvalidError(path, "expected true or false")
        return value
    if isinstance(kind, Choice):
        return _choice(kind, value, path)
    if isinstance(kind, Position):
        return _position(kind, value, path)
    if isinstance(kind, Entries):
        return _entries(kind, value, path)
    return checked(kind, value, path)


def _string(kind: Text, value: object, path: Path) -> str:
    if not isinstance(value, str):
        raise InvalidError(path, "expected a string")
    problem = kind.form.problem(value)
    if problem is not None:
        raise InvalidError(path, *problem)
    return value


def _choice(kind: Choice, value: object, path: Path) -> str:
    if isinstance(value, str) and value in kind.words:
        return kind.of(value) if kind.of is not None else value
    hint = ""
    if isinstance(value, str):
        from obs_lint.config.suggest import nearest

        guess = nearest(value, kind.words)
        hint = f'did you mean "{guess}"?' if guess else ""
    raise InvalidError(path, f"expected {either(kind.words)}", hint)


def _position(kind: Position, value: object, path: Path) -> int | str:
    if type(value) is int and 0 <= value < 1000:
        return value
    if isinstance(value, str):
        if value in kind.words:
            return value
        if kind.form is not None:
            problem = kind.form.problem(value)
            if problem is None:
                return value
            raise InvalidError(path, *problem)
    words = [f'"{word}"' for word in kind.words]
    if kind.form is not None:
        words.append(kind.form.doc)
    hint = kind.hint if isinstance(value, str) else ""
    raise InvalidError(path, f"expected a position from 0{''.join(f', {w}' for w in words[:-1])} or {words[-1]}", hint)


def _items(kind: Items, value: object, path: Path) -> tuple[Any, ...] | ListEdit:
    if isinstance(value, (list, tuple)):
        return _each(kind, value, path)
    if isinstance(value, Mapping):
        if (
            isinstance(kind.item, Table)
            and not kind.item.short
            and any(name in {key.name for key in kind.item.keys} for name in value)
        ):
            raise InvalidError(path, "expected a list of tables", "double brackets in its header: [[…]]")
        for name, part in value.items():
            if name not in ("extend", "remove"):
                raise InvalidError(
                    (*path, str(name)),
                    f"unknown key {shown(name)}; expected a list, {{ extend = […] }} or {{ remove = […] }}",
                    about_key=True,
                )
            if not isinstance(part, (list, tuple)):
                raise InvalidError((*path, name), "expected a list")
        if value:
            return ListEdit(*(_each(kind, value.get(name, ()), (*path, name)) for name in ("extend", "remove")))
    hint = ""
    if isinstance(value, str) and (isinstance(kind.item, Text) or (isinstance(kind.item, Table) and kind.item.short)):
        hint = f"write [{shown(value)}]"
    raise InvalidError(path, "expected a list", hint)


def _each(kind: Items, values: Iterable[object], path: Path) -> tuple[Any, ...]:
    out: list[Any] = []
    for index, value in enumerate(values):
        out.append(_value(kind.item, value, (*path, index)))
    if isinstance(kind.item, Table) and kind.item.cls is not None:
        identity = IDENTITY.get(kind.item.cls.__name__)
        if identity is not None:
            contradictions(kind.item, out, identity, path)
    return tuple(out)


def _entries(kind: Entries, value: object, path: Path) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidError(path, "expected a table")
    out: dict[str, Any] = {}
    for name, part in value.items():
        if not isinstance(name, str):
            raise InvalidError(path, f"the key {shown(name)} is no string", "put it in quotes")
        problem = kind.key.problem(name)
        if problem is not None:
            raise InvalidError((*path, name), f"the key {shown(name)} {problem[0]}", problem[1], about_key=True)
        out[name] = _value(kind.value, part, (*path, name))
    return out


def _option(value: object, path: Path, depth: int) -> Any:
    """An option of a rule: any plain value; the catalogue knows what it should be."""
    if depth > 20:
        raise InvalidError(path, "is nested too deeply")
    if isinstance(value, Mapping):
        for name in value:
            if not isinstance(name, str):
                raise InvalidError(path, f"the key {shown(name)} is no string", "put it in quotes")
        if ("extend" in value or "remove" in value) and not is_edit(value):
            raise InvalidError(path, "expected a list, { extend = […] } or { remove = […] }")
        return {name: _option(part, (*path, name), depth + 1) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_option(part, (*path, index), depth + 1) for index, part in enumerate(value)]
    if isinstance(value, (str, bool, int, float)):
        return value
    raise InvalidError(path, "expected a string, a number, true, false, a list or a table")


def either(words: Iterable[str]) -> str:
    """`"a", "b" or "c"`."""
    quoted = [f'"{word}"' for word in words]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + " or " + quoted[-1]


def _doc(key: Key) -> str:
    doc = key.doc.rstrip(".")
    return doc if doc[1].isupper() else doc[0].lower() + doc[1:]


def _unknown(table: Table, name: str, path: Path) -> InvalidError:
    from obs_lint.config.suggest import nearest

    if table is SCOPE:
        for key in CONFIG.keys:
            if key.name == name and key.run_wide:
                return InvalidError(
                    (*path, name), f'"{name}" holds for the whole run, not for some paths', about_key=True
                )
    guess = nearest(name, (key.name for key in table.keys))
    hint = f'did you mean "{guess}"?' if guess else ""
    if not hint or (guess or "").lower() != name.lower().replace("_", "-"):
        hint = _elsewhere(table, name) or hint
    if not hint and len(table.keys) < 12:
        hint = "known keys: " + ", ".join(key.name for key in table.keys)
    if name == "tool" and table is CONFIG:
        hint = "in this file the keys stand without tool.obs-lint"
    return InvalidError((*path, name), f"unknown key {shown(name)}", hint, about_key=True)


def _elsewhere(table: Table, name: str) -> str:
    """Where a key of exactly that name belongs, if it is not `table`."""
    for key in CONFIG.keys:
        kind = key.kind.item if isinstance(key.kind, Items) else key.kind
        if not isinstance(kind, Table) or kind is table or kind is SCOPE:
            continue
        if any(inner.name == name for inner in kind.keys):
            return f"it belongs under {key.name}"
    if table is not CONFIG and any(key.name == name for key in CONFIG.keys):
        return "it belongs at the top level"
    return ""


def contradictions(table: Table, entries: list[Any], identity: tuple[str, ...], path: Path) -> None:
    """Raise InvalidError where two entries of a list speak about the same thing."""
    seen: dict[tuple[Any, ...], int] = {}
    for index, entry in enumerate(entries):
        same = tuple(entry.get(name) for name in identity)
        if any(isinstance(part, ListEdit) for part in same):
            continue
        first = seen.setdefault(same, index)
        if first == index:
            continue
        name = identity[0]
        subject = same[0] if isinstance(same[0], str) else ", ".join(same[0] or ())
        if entries[first] == entry:
            raise InvalidError(
                (*path, index), f"{name} {shown(subject)} is listed twice", "take one out", about_key=True
            )
        ways = [k.name for k in table.keys if entries[first].get(k.name) != entry.get(k.name)]
        raise InvalidError(
            (*path, index),
            f"{name} {shown(subject)} is listed twice, with different {' and '.join(ways)}",
            "one entry for each",
            about_key=True,
        )


def _check_emitter(out: dict[str, Any], path: Path) -> None:
    event = out.get("event")
    if isinstance(event, str) and "event-name" in out:
        raise InvalidError(
            (*path, "event-name"),
            f'event = "{event}" and event-name contradict each other: the event is the {event}, not a keyword',
            "take one out",
            about_key=True,
        )
    if out.get("emits") and "lifecycle" in out:
        raise InvalidError(
            (*path, "lifecycle"),
            "emits and lifecycle exclude each other",
            "the lifecycle names its events",
            about_key=True,
        )
    if type(event) is int and event == out.get("payload") and type(out["payload"]) is int:
        raise InvalidError(
            (*path, "payload"), f"event and payload are both position {event}", "two positions", about_key=True
        )
    keywords: dict[str, str] = {}
    for name in ("event-name", "payload", "context", "severity"):
        value = out.get(name)
        if isinstance(value, str):
            other = keywords.setdefault(value, name)
            if other != name:
                raise InvalidError(
                    (*path, name), f'{other} and {name} are both the keyword "{value}"', "two keywords", about_key=True
                )
    if "event" not in out and ("event-name" in out or out.get("emits") or "lifecycle" in out):
        out["event"] = None


def _check_entry_point(out: dict[str, Any], path: Path) -> None:
    if "methods" in out and "base" not in out:
        raise InvalidError((*path, "methods"), "methods needs base", "the class that has them", about_key=True)


def _check_registry(out: dict[str, Any], path: Path) -> None:
    kind = out["source"].partition(":")[0]
    if "call" in out and kind != "python":
        raise InvalidError((*path, "call"), "call is for python: sources only", about_key=True)
    if "name" in out and kind not in ("python", "schemas", "yaml"):
        raise InvalidError((*path, "name"), "name is for python:, schemas: and yaml: sources only", about_key=True)
    if "name" in out and kind == "python":
        problem = forms.registry_name(out["name"])
        if problem is not None:
            raise InvalidError((*path, "name"), *problem)


def _check_logger(out: dict[str, Any], path: Path) -> None:
    if out["factory"] == ():
        raise InvalidError((*path, "factory"), "must name at least one function")


def _check_queue(out: dict[str, Any], path: Path) -> None:
    topic = out.get("topic", 0)
    if topic == out.get("payload") and type(topic) is type(out["payload"]):
        raise InvalidError(
            (*path, "payload"), f"topic and payload are both {_argument(topic)}", "two arguments", about_key=True
        )
    if "payload" in out and out.get("carries") == "context":
        raise InvalidError(
            (*path, "payload"),
            'payload and carries = "context" exclude each other: the ids go along by themselves',
            "take one out",
            about_key=True,
        )


def _check_consumer(out: dict[str, Any], path: Path) -> None:
    topic, handler = out.get("topic", 0), out.get("handler", 1)
    if topic == handler and type(topic) is type(handler):
        raise InvalidError(
            (*path, "handler" if "handler" in out else "topic"),
            f"topic and handler are both {_argument(topic)}",
            "two arguments",
            about_key=True,
        )


def _argument(given: int | str) -> str:
    return f"position {given}" if isinstance(given, int) else f'the keyword "{given}"'


def _check_scope(out: dict[str, Any], path: Path) -> None:
    if not out["paths"] or isinstance(out["paths"], ListEdit):
        raise InvalidError((*path, "paths"), "must name the paths that the scope is for")


_CROSS_CHECKS = {
    "EmitterConfig": _check_emitter,
    "EntryPoint": _check_entry_point,
    "RegistrySource": _check_registry,
    "LoggerConfig": _check_logger,
    "QueueConfig": _check_queue,
    "ConsumerConfig": _check_consumer,
    "Scope": _check_scope,
}
IDENTITY: Mapping[str, tuple[str, ...]] = {
    "EmitterConfig": ("function", "receiver"),
    "LoggerConfig": ("factory",),
    "QueueConfig": ("publish",),
    "ConsumerConfig": ("function",),
    "RegistrySource": ("source",),
    "Scope": ("paths",),
    "EntryPoint": ("decorator", "base"),
}
"""What makes two entries of a list speak about the same thing."""
