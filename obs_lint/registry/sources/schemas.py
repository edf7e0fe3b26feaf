"""JSON Schemas as events: each file below a folder is one, its schema the payload (`schemas:folder/`)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from obs_lint.config.model import RegistrySource
from obs_lint.registry.model import Deprecation, Event, Example, Place, Problem, Registry, RegistryError
from obs_lint.registry.reader import Reader
from obs_lint.registry.schema_words import MANY, NAMED, ONE, Path, at_path, tokens
from obs_lint.registry.schemas import SchemaFiles
from obs_lint.registry.sources.documents import SUFFIXES, documents, files_below, unusable
from obs_lint.registry.yaml_lines import Document, Places

_NAMES = ("$id", "title", "path")
_SAYING = frozenset((*ONE, *MANY, *NAMED, "$ref", "$dynamicRef", "type", "enum", "const", "required")) - {
    "$defs",
    "definitions",
}
"""Keywords by which a schema says something of a value."""
_ANY_WORD = _SAYING | {"$id", "$schema", "$defs", "definitions", "title"}
_VERSION = re.compile(r"[vV]?([0-9]{1,9})(?:[._-][0-9]+)*\Z")
_VERSION_SEGMENT = re.compile(r"[vV]([0-9]{1,9})\Z")
_ENDINGS = (".schema", ".payload")


class _File(NamedTuple):
    path: str
    """Absolute."""
    document: Document

    @property
    def schema(self) -> Mapping[str, Any]:
        return self.document.value  # type: ignore[no-any-return]

    def text(self, key: str) -> str:
        value = self.schema.get(key)
        return value if isinstance(value, str) else ""


def read(source: RegistrySource, reader: Reader) -> Registry:
    """Read the schemas below a folder, or in one file. Raises RegistryError.

    Problems of single files are in the result, with the events of all others: fatal for a file that can't be read or
    is no schema, OBS701 for a `$ref` that leads nowhere or out of the project.
    """
    folder = source.source.removeprefix("schemas:").strip()
    rule = source.name or ""
    if rule and rule not in _NAMES and not rule.startswith("/"):
        raise unusable(
            f"`name = {rule!r}` is nothing that names a schema",
            'it is "$id", "title", "path" or a JSON pointer such as "/properties/event/const"',
        )
    files, problems = _read_all(folder, reader)
    by_id = {identity: file for file in reversed(files) if (identity := _identity(file))}
    top = reader.absolute(folder)
    top = top if os.path.isdir(top) else os.path.dirname(top)
    bundles = SchemaFiles(reader, top)
    for file in files:
        value = _rewritten(file.schema, _References(file, by_id))
        bundles.add(file.path, file.document._replace(value=value))
    events: list[Event] = []
    by_path: set[str] = set()
    for file in files:
        if os.path.basename(file.path).startswith("_") or not _SAYING & file.schema.keys():
            continue
        named = _name(file, rule, top)
        if isinstance(named, Problem):
            problems.append(named)
            continue
        compiled = bundles.compiled(file.path, (), target=named.text)
        problems += compiled.problems
        events.append(_event(file, named, compiled.schema, source.source))
        if not named.at:
            by_path.add(named.text)
    events = _newest(events, by_path)
    if not events and not problems:
        raise unusable(f"the folder `{reader.shown(folder)}` has no JSON Schema that describes an event")
    if not events and any(problem.fatal for problem in problems):
        raise RegistryError(tuple(problems))
    return Registry(
        source=source.source,
        place=Place(events[0].place.path if events else problems[0].place.path),
        events=tuple(events),
        mirror=source.mirror,
        problems=tuple(problems),
        inputs=reader.inputs,
    )


def _read_all(folder: str, reader: Reader) -> tuple[list[_File], list[Problem]]:
    if not folder:
        raise unusable("`schemas:` names no folder")
    files: list[_File] = []
    problems: list[Problem] = []
    single = reader.absolute(folder)
    paths = [single] if os.path.isfile(single) else list(files_below(folder, reader))
    for path in paths:
        if not path.lower().endswith(SUFFIXES):
            continue
        try:
            found = documents(path, reader)
        except RegistryError as error:
            problems += error.problems
            continue
        problem = _no_schema(found, reader.shown(path))
        if problem is not None:
            problems.append(problem)
        else:
            files.append(_File(path, found[0]))
    return files, problems


def _no_schema(found: tuple[Document, ...], shown: str) -> Problem | None:
    """Say why a file is no JSON Schema; None where it is one."""
    help_ = "Move it out of the folder, or give it another suffix."
    if len(found) != 1:
        what = "is empty" if not found else f"has {len(found)} YAML documents"
        place = found[1].place() if found else Place(shown)
        return Problem("registry", f"`{shown}` {what}; one JSON Schema is expected", place, help_, fatal=True)
    value = found[0].value
    if isinstance(value, dict) and (not value or _ANY_WORD & value.keys()):
        return None
    what = "has no keyword of JSON Schema" if isinstance(value, dict) else "does not hold a mapping"
    return Problem("registry", f"`{shown}` is no JSON Schema: it {what}", found[0].place(), help_, fatal=True)


# Names and versions


class _Name(NamedTuple):
    text: str
    at: Path
    """Where the file says it; () where the path does."""
    version: int
    """0 where the name does not say it."""


def _identity(file: _File) -> str:
    """Return `$id` without an empty fragment; `id` in draft 4."""
    own = file.text("$id")
    if not own and "draft-04" in file.text("$schema"):
        own = file.text("id")
    return own.removesuffix("#")


def _name(file: _File, rule: str, top: str) -> _Name | Problem:
    if rule.startswith("/"):
        return _pointed_name(file, rule)
    identity = _identity(file)
    if identity and rule in ("", "$id"):
        last = re.split(r"[/.]", identity)[-1]
        matched = _VERSION_SEGMENT.match(last)
        return _Name(identity, ("$id" if "$id" in file.schema else "id",), int(matched[1]) if matched else 0)
    if file.text("title") and rule in ("", "title"):
        return _Name(file.text("title").strip(), ("title",), 0)
    if rule in ("$id", "title"):
        message = f"`{file.document.path}` has no `{rule}`, which is configured to name its event"
        return file.document.problem((), message)
    return _name_of_path(os.path.relpath(file.path, top))


def _pointed_name(file: _File, rule: str) -> _Name | Problem:
    at = tokens(rule) or ()
    try:
        value = at_path(file.schema, at)
    except LookupError:
        value = None
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, str) and value:
        return _Name(value, at, 0)
    message = f"`{file.document.path}` has no text at `{rule}`, which is configured to name its event"
    return file.document.problem(at, message)


def _name_of_path(path: str) -> _Name:
    """Return `user.created` for `user/created.json`, with the version where a segment says it."""
    stem = path.replace(os.sep, "/")
    for suffix in SUFFIXES:
        if stem.lower().endswith(suffix):
            stem = stem[: -len(suffix)]
            break
    shorter = True
    while shorter:
        shorter = False
        for ending in _ENDINGS:
            if stem.endswith(ending) and stem.rpartition("/")[2] != ending:
                stem, shorter = stem.removesuffix(ending), True
    segments = stem.replace("/", ".").split(".")
    matched = _VERSION_SEGMENT.match(segments[-1])
    if matched and len(segments) > 1:
        return _Name(".".join(segments[:-1]), (), int(matched[1]))
    return _Name(".".join(segments), (), 0)


def _version(file: _File, named: _Name) -> int:
    """Return the major version that the file says in a key, else in its name, else 1."""
    said = file.schema.get("version")
    if isinstance(said, int) and not isinstance(said, bool) and said > 0:
        return said
    matched = _VERSION.match(said.strip()) if isinstance(said, str) else None
    if matched:
        return max(int(matched[1]), 1)
    return named.version or 1


def _newest(events: list[Event], by_path: set[str]) -> list[Event]:
    """Keep the newest of the versions that lie under one path; what has one version twice stays as it is."""
    newest: dict[str, int] = {}
    for event in events:
        newest[event.name] = max(newest.get(event.name, 0), event.version)
    return [event for event in events if event.name not in by_path or event.version == newest[event.name]]


# Events


def _event(file: _File, named: _Name, payload: Mapping[str, Any] | None, source: str) -> Event:
    document = file.document
    title, description = file.text("title").strip(), file.text("description").strip()
    summary = title if title and title != named.text else " ".join(description.partition("\n\n")[0].split())
    examples = file.schema.get("examples")
    return Event(
        name=named.text,
        place=document.place(named.at),
        source=source,
        version=_version(file, named),
        summary=summary,
        deprecated=Deprecation() if file.schema.get("deprecated") is True else None,
        payload=payload,
        examples=tuple(
            Example(example, document.place(("examples", index)))
            for index, example in enumerate(examples if isinstance(examples, list) else ())
        ),
        places=Places([(("payload",), document.path, document.marks)]),
    )


# Schemas


class _References:
    """Turns `$ref`s by `$id` into `$ref`s by path."""

    def __init__(self, file: _File, by_id: Mapping[str, _File]) -> None:
        self._base = _identity(file)
        self._folder = os.path.dirname(file.path)
        self._file = file
        self._by_id = by_id

    def __call__(self, reference: str) -> str:
        address, hash_, fragment = reference.partition("#")
        if not address or not self._by_id:
            return reference
        from urllib.parse import quote, urljoin

        for candidate in (urljoin(self._base, address) if self._base else address, address):
            file = self._by_id.get(candidate)
            if file is self._file:
                return "#" + fragment
            if file is not None:
                try:
                    path = os.path.relpath(file.path, self._folder)
                except ValueError:  # another drive
                    return reference
                return quote(path.replace(os.sep, "/")) + hash_ + fragment
        return reference


def _rewritten(schema: Any, reference: _References) -> Any:
    """Return a schema in the words of draft 2020-12, with its references by path."""
    if not isinstance(schema, Mapping):
        return schema
    made: dict[str, Any] = {}
    for word, value in schema.items():
        if word == "$ref" and isinstance(value, str):
            made[word] = reference(value)
        elif word == "items" and isinstance(value, list):
            made["prefixItems"] = [_rewritten(item, reference) for item in value]
            if "additionalItems" in schema:
                made["items"] = _rewritten(schema["additionalItems"], reference)
        elif word == "additionalItems" and isinstance(schema.get("items"), list):
            continue
        elif word == "dependencies" and isinstance(value, Mapping):
            _add_dependencies(value, made, reference)
        elif word in ("exclusiveMinimum", "exclusiveMaximum") and isinstance(value, bool):
            bound = word.removeprefix("exclusive").lower()
            if value and bound in schema:
                made[word] = schema[bound]
        elif word in ("minimum", "maximum") and schema.get("exclusive" + word.capitalize()) is True:
            continue
        elif word in ONE:
            made[word] = _rewritten(value, reference)
        elif word in MANY and isinstance(value, list):
            made[word] = [_rewritten(item, reference) for item in value]
        elif word in NAMED and isinstance(value, Mapping):
            made[word] = {name: _rewritten(item, reference) for name, item in value.items()}
        else:
            made[word] = value
    return made


def _add_dependencies(value: Mapping[str, Any], made: dict[str, Any], reference: _References) -> None:
    """Draft 7's one word became two."""
    for name, needed in value.items():
        if isinstance(needed, list):
            made.setdefault("dependentRequired", {})[name] = needed
        else:
            made.setdefault("dependentSchemas", {})[name] = _rewritten(needed, reference)
