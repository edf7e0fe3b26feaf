"""Names of events in plain YAML or JSON, found by a pattern of keys (`yaml:glob`)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from obs_lint.config.model import RegistrySource
from obs_lint.patterns import braces, glob
from obs_lint.registry.model import Deprecation, Event, Place, Problem, Registry, RegistryError
from obs_lint.registry.reader import Reader
from obs_lint.registry.schema_words import Path
from obs_lint.registry.sources.documents import MOST_FILES, documents, unusable
from obs_lint.registry.yaml_lines import Document, Places

_MAGIC = re.compile(r"[*?\[{]")
_DEEPEST = 32
_FOREIGN = frozenset({"node_modules", "__pycache__", "site-packages"})
"""Folders that `**` does not go into."""
_SEGMENT = re.compile(
    r"(?:(?P<key>\*|\{[A-Za-z_][\w-]*\}|[^\[\]{}*.\s]+)|\{\.(?P<field>[^{}\s]+)\})?"
    r"(?P<tests>(?:\[[^\[\]]*\])*)"
)
_TEST = re.compile(r"\[([^\[\]]*)\]")
_PLACEHOLDER = re.compile(r"\{\.?([^{}\s]+)\}")
_HELP = (
    "segments between dots: a key as it is, {any-name} for a key that is part of the name, * for one that is not, "
    "[] for each item of a list, {.key} for the text below a key, [key=value] to take only what has that"
)
_GLEAN_TYPES: Mapping[str, str] = {"string": "string", "quantity": "integer", "boolean": "boolean"}
_SUMMARIES = ("summary", "description", "brief", "doc")
_SEVERITIES = ("severity", "level", "log_level")


class _Segment(NamedTuple):
    """One step into a document."""

    key: str = ""
    """A literal key, "*" for any, "" for none."""
    placeholder: str = ""
    """Name of the placeholder that takes the key, or the field's text."""
    field: str = ""
    """The key whose text is taken; the step stays where it is."""
    items: int = 0
    """How many lists are gone into."""
    tests: tuple[tuple[str, str], ...] = ()
    """(key, text) that what is reached must have."""


class _Pattern(NamedTuple):
    segments: tuple[_Segment, ...]
    template: str
    """How the name is made of the placeholders; "" for a list of names."""


class _Found(NamedTuple):
    value: Any
    at: Path
    """Where its value is."""
    named_at: Path
    """Where the last part of the name is written."""
    names: Mapping[str, str]


def read(source: RegistrySource, reader: Reader) -> Registry:
    """Read the names that a pattern (`RegistrySource.name`) finds in the files of a glob. Raises RegistryError.

    Without a pattern the names are the top-level keys, or the items of a list.
    """
    pattern = _parsed(source.name) if source.name else None
    where = source.source.removeprefix("yaml:").strip()
    problems: list[Problem] = []
    events: list[Event] = []
    for path in _files(where, reader):
        try:
            found = documents(path, reader)
        except RegistryError as error:
            problems += error.problems
            continue
        for document in found:
            events += _events(document, pattern, source.source, problems)
    if not events:
        if problems:
            raise RegistryError(tuple(problems))
        by = f"no name fits `{source.name}`" if source.name else "there are no names"
        raise unusable(f"{by} in `{where}`", "" if source.name else f"give a pattern as `name`: {_HELP}")
    return Registry(
        source=source.source,
        place=Place(events[0].place.path),
        events=tuple(events),
        mirror=source.mirror,
        problems=tuple(problems),
        inputs=reader.inputs,
    )


def _files(where: str, reader: Reader) -> list[str]:
    """Return the files of a glob, sorted. Raises RegistryError where there are none."""
    where = where.replace("\\", "/")
    if not where:
        raise unusable("`yaml:` names no file")
    absolute = reader.absolute(where)
    if os.path.isfile(absolute):
        return [absolute]
    if not _MAGIC.search(where):
        if os.path.isdir(absolute):
            raise unusable(f"`{where}` is a folder", f"name its files: yaml:{where.rstrip('/')}/**/*.yaml")
        raise unusable(f"the file `{where}` does not exist")
    found: dict[str, None] = {}
    for pattern in braces(where) or (where,):
        drive, tail = os.path.splitdrive(pattern)
        start = f"{drive}{os.sep}" if tail.startswith("/") else reader.root
        _match(start, [part for part in tail.split("/") if part], reader, found, 0)
        if len(found) > MOST_FILES:
            raise unusable(f"`{where}` matches more than {MOST_FILES} files")
    if not found:
        raise unusable(f"no file matches `{where}`")
    return sorted(found)


def _match(folder: str, parts: list[str], reader: Reader, found: dict[str, None], depth: int) -> None:
    """Add the files below a folder that match, segment by segment; of hidden ones only those named so."""
    part, *rest = parts
    if not _MAGIC.search(part):
        path = os.path.normpath(os.path.join(folder, part))
        if rest:
            _match(path, rest, reader, found, depth)
        elif os.path.isfile(path):
            found[path] = None
        return
    if depth > _DEEPEST or len(found) > MOST_FILES:
        return
    if part == "**" and rest:
        _match(folder, rest, reader, found, depth)
    fits = glob(part, anchored=True).fullmatch
    for name in reader.listed(folder):
        if name.startswith(".") and not part.startswith("."):
            continue
        path = os.path.join(folder, name)
        if part == "**":
            if os.path.isdir(path) and not os.path.islink(path):
                if name not in _FOREIGN:
                    _match(path, parts, reader, found, depth + 1)
            elif not rest and os.path.isfile(path):
                found[path] = None
        elif fits(name):
            if rest and os.path.isdir(path):
                _match(path, rest, reader, found, depth)
            elif not rest and os.path.isfile(path):
                found[path] = None


# The pattern


def _parsed(text: str) -> _Pattern:
    """Parse `events[].{.id}`, `{category}.{name}[type=event] -> {category}/{name}`. Raises RegistryError."""
    path, arrow, template = (part.strip() for part in text.partition("->"))
    segments: list[_Segment] = []
    end = 0
    while end < len(path) or not segments:
        matched = _SEGMENT.match(path, end)
        if matched is None or matched.end() == end or (matched.end() < len(path) and path[matched.end()] != "."):
            at = path[end:] or "an end"
            raise unusable(f"the pattern `{text}` is not understood at `{at}`", _HELP)
        segments.append(_segment(matched))
        end = matched.end() + 1
    if end == len(path):
        raise unusable(f"the pattern `{text}` ends in a dot", _HELP)
    placeholders = [segment.placeholder for segment in segments if segment.placeholder]
    if len(set(placeholders)) < len(placeholders):
        raise unusable(f"the pattern `{text}` has one placeholder twice", "give each a name of its own")
    if not placeholders and not segments[-1].items:
        raise unusable(f"the pattern `{text}` takes no name", _HELP)
    if arrow:
        unknown = [name for name in _PLACEHOLDER.findall(template) if name not in placeholders]
        if unknown or not _PLACEHOLDER.search(template):
            raise unusable(f"the name `{template}` is not made of the placeholders of `{path}`", _HELP)
    else:
        template = ".".join(f"{{{name}}}" for name in placeholders)
    return _Pattern(tuple(segments), template)


def _segment(matched: re.Match[str]) -> _Segment:
    key, field = matched["key"] or "", matched["field"] or ""
    items = 0
    tests = []
    for test in _TEST.findall(matched["tests"]):
        name, equals, value = (part.strip() for part in test.partition("="))
        if equals:
            tests.append((name, value.strip("\"'")))
        elif not name:
            items += 1
        else:
            raise unusable(f"`[{test}]` is neither [] nor [key=value]", _HELP)
    if field:
        return _Segment("", field, field, items, tuple(tests))
    if key.startswith("{"):
        return _Segment("*", key[1:-1], "", items, tuple(tests))
    return _Segment(key, "", "", items, tuple(tests))


def _walk(found: _Found, segments: tuple[_Segment, ...]) -> Iterator[_Found]:
    if not segments:
        yield found
        return
    segment, rest = segments[0], segments[1:]
    for step in _step(found, segment):
        for item in _items(step, segment.items):
            if all(_has(item.value, key, text) for key, text in segment.tests):
                yield from _walk(item, rest)


def _step(found: _Found, segment: _Segment) -> Iterator[_Found]:
    value = found.value
    if segment.field:
        text = value.get(segment.field) if isinstance(value, Mapping) else None
        if isinstance(text, str) and text:
            yield found._replace(named_at=(*found.at, segment.field), names={**found.names, segment.placeholder: text})
    elif not segment.key:
        yield found
    elif isinstance(value, Mapping):
        if segment.key != "*":
            if segment.key in value:
                at = (*found.at, segment.key)
                yield _Found(value[segment.key], at, at, found.names)
            return
        for key, item in value.items():
            if not found.at and key.startswith("$"):
                continue
            names = {**found.names, segment.placeholder: key} if segment.placeholder else found.names
            yield _Found(item, (*found.at, key), (*found.at, key), names)


def _items(found: _Found, levels: int) -> Iterator[_Found]:
    if not levels:
        yield found
        return
    for index, item in enumerate(found.value if isinstance(found.value, list) else ()):
        at = (*found.at, index)
        yield from _items(found._replace(value=item, at=at, named_at=at), levels - 1)


def _has(value: Any, key: str, text: str) -> bool:
    if not isinstance(value, Mapping) or key not in value:
        return False
    own = value[key]
    return (str(own).lower() if isinstance(own, bool) else str(own)) == text


# Events


def _events(document: Document, pattern: _Pattern | None, source: str, problems: list[Problem]) -> Iterator[Event]:
    if not isinstance(document.value, dict | list):
        problems.append(document.problem((), f"`{document.path}` is neither a mapping nor a list"))
        return
    if pattern is None:
        segment = _Segment(items=1) if isinstance(document.value, list) else _Segment("*", "name")
        pattern = _Pattern((segment,), "" if segment.items else "{name}")
    template = pattern.template
    names = "{" in template
    for found in _walk(_Found(document.value, (), (), {}), pattern.segments):
        if names:
            name = _PLACEHOLDER.sub(lambda matched, names=found.names: names[matched[1]], template)  # type: ignore[misc]
        elif isinstance(found.value, str):
            name = found.value
        else:
            message = "an event's name is expected here, as text"
            problems.append(document.problem(found.at, message, help="name a key of it: {.key}"))
            continue
        if not name.strip():
            problems.append(document.problem(found.named_at, "an event's name is empty"))
            continue
        yield _event(name, found, document, source)


def _event(name: str, found: _Found, document: Document, source: str) -> Event:
    value = found.value if isinstance(found.value, Mapping) else {}
    payload, at = _payload(value)
    places: Mapping[str, Place] = {}
    if payload is not None:
        marks = document.marks
        for part in (*found.at, *at):
            marks = (marks[4] or {})[part]
        front = ("payload", "properties") if at == ("extra_keys",) else ("payload",)
        places = Places([(front, document.path, marks)])
    if isinstance(found.value, str) and len(found.names) == 1 and found.value != name:
        value = {"description": found.value}
    return Event(
        name=name,
        place=document.place(found.named_at),
        source=source,
        version=_whole(value.get("version")),
        summary=_first_text(value, _SUMMARIES),
        owner=_first_text(value, ("owner",)),
        stability=_first_text(value, ("stability",)) if value.get("stability") in _STABILITIES else "",
        severity=_first_text(value, _SEVERITIES),
        deprecated=_deprecation(value.get("deprecated")),
        payload=payload,
        places=places,
    )


_STABILITIES = ("experimental", "stable", "deprecated")


def _first_text(value: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    return next((" ".join(text.split()) for key in keys if isinstance(text := value.get(key), str)), "")


def _whole(value: Any) -> int:
    if isinstance(value, str) and value.isdecimal() and len(value) < 9:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 1


def _deprecation(value: Any) -> Deprecation | None:
    if isinstance(value, Mapping):
        texts = {key.replace("_", "-"): text for key, text in value.items() if isinstance(text, str)}
        return Deprecation(*(texts.get(key, "") for key in ("since", "replaced-by", "remove-after")))
    return Deprecation() if value is True or (isinstance(value, str) and value.strip()) else None


def _payload(value: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, Path]:
    """Return the payload that an entry plainly declares, as JSON Schema, and below which key."""
    extra = value.get("extra_keys")
    if isinstance(extra, Mapping) and all(isinstance(item, Mapping) for item in extra.values()):
        return {"type": "object", "properties": {key: _glean(item) for key, item in extra.items()}}, ("extra_keys",)
    for key in ("payload", "schema"):
        schema = value.get(key)
        if not isinstance(schema, Mapping):
            continue
        if schema.get("type") == "object" or isinstance(schema.get("properties"), Mapping):
            return (schema, (key,)) if not _refers_elsewhere(schema) else (None, ())
    return None, ()


def _glean(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of one of Glean's extra keys."""
    made: dict[str, Any] = {}
    if item.get("type") in _GLEAN_TYPES:
        made["type"] = _GLEAN_TYPES[item["type"]]
    if isinstance(item.get("description"), str):
        made["description"] = " ".join(item["description"].split())
    return made


def _refers_elsewhere(value: Any) -> bool:
    """True where a `$ref` leaves the entry: into this file or another."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            if "$ref" in one:
                return True
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return False
