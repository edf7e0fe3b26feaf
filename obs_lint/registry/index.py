"""The registry that a team writes: a YAML index and the files of events that it includes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from obs_lint.config.model import RegistrySource
from obs_lint.registry import agreement, regexes, structure
from obs_lint.registry.model import (
    ChainLink,
    CorrelationField,
    Deprecation,
    Event,
    Example,
    Lifecycle,
    Naming,
    Place,
    Problem,
    Registry,
    RegistryError,
)
from obs_lint.registry.reader import Reader
from obs_lint.registry.schema_words import Path
from obs_lint.registry.schemas import SchemaFiles, refusal
from obs_lint.registry.yaml_lines import Document, Places, decoded, marks_at, parse_json, parse_yaml

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_SEGMENT = "[a-z][a-z0-9_]*"
_MAX_FILES = 10_000
_REFERRING = ("$ref", "$id", "$dynamicRef", "$schema:", '$schema"', "$schema'")
"""Without one of these in a file its schemas are taken as they stand; the comment for editors has none."""


class _File(NamedTuple):
    """One document of one file."""

    key: str
    """What schemas find it by: its absolute path, with a number for further documents."""
    document: Document


def read(source: RegistrySource, reader: Reader) -> Registry:
    """Read an index, or a single file that holds everything. Raises RegistryError with all that makes it unusable."""
    return _Reading(source, reader).run()


class _Reading:
    """Reads one source."""

    def __init__(self, source: RegistrySource, reader: Reader) -> None:
        self.source = source
        self.reader = reader
        self.path = reader.absolute(source.source)
        self.folder = os.path.dirname(self.path)
        self.schemas = SchemaFiles(reader, self.folder)
        self.problems: dict[Problem, None] = {}
        self.inputs: dict[str, None] = {}
        self.refers = False

    def tell(self, problems: Iterable[Problem]) -> None:
        self.problems.update(dict.fromkeys(problems))

    def run(self) -> Registry:
        own = self.documents(self.path, None)
        index = self.index_of(own)
        files = [*own, *self.included(index)]
        for file in files:
            value = file.document.value
            if file is index:
                self.tell(structure.problems_of(file.document, structure.INDEX))
            elif file in own and isinstance(value, dict) and "format" in value:
                self.tell([file.document.problem(("format",), "is a second index in one file; the first is above")])
            else:
                self.tell(structure.problems_of(file.document, structure.EVENT_FILE))
        naming = self.naming(index.document)
        self.stop()

        value, document = index.document.value, index.document
        for file in files:
            self.schemas.add(file.key, file.document)
        schemas, parts = self.index_schemas(index)
        events = tuple(event for file in files for event in self.events(file))
        registry = Registry(
            source=self.source.source,
            place=document.place()._replace(end_line=0, end_column=0),
            events=events,
            namespace=value.get("namespace", ""),
            naming=naming,
            correlation=tuple(correlation_fields(value)),
            chain=tuple(chain_links(value)),
            lifecycles=tuple(_lifecycles(document)),
            classifications={name: rule["payload"] for name, rule in value.get("classifications", {}).items()},
            sensitive_names=tuple(value.get("sensitive-names", ())),
            schemas=schemas,
            places=Places([((), document.path, _without(document.marks, "events")), *parts]),
            mirror=self.source.mirror,
        )
        self.tell(agreement.problems_of(registry))
        inputs = tuple({**self.inputs, **self.schemas.inputs})
        problems = sorted(self.problems, key=lambda problem: (problem.place, problem.message))
        return replace(registry, problems=tuple(problems), inputs=inputs)

    def stop(self) -> None:
        """Raise what makes the source unusable, if anything does."""
        fatal = [problem for problem in self.problems if problem.fatal]
        if fatal:
            raise RegistryError(tuple(sorted(fatal, key=lambda problem: (problem.place, problem.message))))

    # -- files

    def documents(self, path: str, asked_at: Place | None) -> list[_File]:
        """Return what is in one file; () where that was told as a problem."""
        self.inputs[path] = None
        shown = self.reader.shown(path)
        try:
            data = self.reader.read(path, asked_at or Place(""), confined_to=self.folder if asked_at else None)
        except RegistryError as error:
            self.tell(error.problems)
            return []
        text = decoded(data, shown)
        if isinstance(text, Problem):
            self.tell([text])
            return []
        documents, problems = (parse_json if path.lower().endswith(".json") else parse_yaml)(text, shown)
        self.tell(problems)
        if not documents and not problems:
            wanted = (
                "an event file holds `events:`" if asked_at else f"a registry begins with `format: {structure.FORMAT}`"
            )
            self.tell([Problem("registry", f"is empty; {wanted}", Place(shown), fatal=True)])
        self.refers = self.refers or any(word in text for word in _REFERRING)
        return [_File(f"{path}#{n}" if n else path, document) for n, document in enumerate(documents)]

    def index_of(self, files: list[_File]) -> _File:
        """Return the document that is the index; the others hold events."""
        self.stop()
        found = [file for file in files if isinstance(file.document.value, dict) and "format" in file.document.value]
        return found[0] if found else files[0]

    def included(self, index: _File) -> Iterator[_File]:
        """Yield the documents of the included files, each file once, by pattern, then by name."""
        document = index.document
        patterns = document.value.get("include") if isinstance(document.value, dict) else None
        seen = {self.path}
        for number, pattern in enumerate(patterns if isinstance(patterns, list) else ()):
            if not isinstance(pattern, str) or not pattern:
                continue
            at: Path = ("include", number)
            place = document.place(at)
            refused = refusal(pattern)
            if refused:
                self.tell([document.problem(at, f"{structure.shown(pattern)} {refused}")])
                continue
            paths = list(self.matching(pattern))
            if not paths:
                self.tell([document.problem(at, f"{structure.shown(pattern)} matches no file")])
            if len(paths) > _MAX_FILES:
                self.tell(
                    [document.problem(at, f"`{pattern}` matches {len(paths)} files; {_MAX_FILES} are read at most")]
                )
                continue
            for path in paths:
                if path not in seen:
                    seen.add(path)
                    yield from self.documents(path, place)

    def matching(self, pattern: str) -> Iterator[str]:
        """Yield the absolute paths of files that a glob, relative to the index, matches, sorted."""
        parts = [part for part in pattern.split("/") if part not in ("", ".")]
        if not any(_is_glob(part) for part in parts):
            yield os.path.normpath(os.path.join(self.folder, *parts))
            return
        found: dict[str, None] = {}
        self.walk(self.folder, parts, found, 0)
        yield from sorted(found)

    def walk(self, folder: str, parts: list[str], found: dict[str, None], depth: int) -> None:
        part, *rest = parts
        if part == ".." or not _is_glob(part):
            inner = os.path.normpath(os.path.join(folder, part))
            if rest:
                self.walk(inner, rest, found, depth)
            elif os.path.isfile(inner):
                found[inner] = None
            return
        if not self.reader.within(folder, self.folder) or depth > 32:
            return
        self.inputs[folder] = None
        names = [name for name in self.reader.listed(folder) if not name.startswith(".") or part.startswith(".")]
        if part == "**":
            if rest:
                self.walk(folder, rest, found, depth)
            for name in names:
                inner = os.path.join(folder, name)
                if os.path.isdir(inner) and not os.path.islink(inner):
                    self.walk(inner, parts, found, depth + 1)
                elif not rest and os.path.isfile(inner):
                    found[inner] = None
            return
        for name in names:
            if fnmatchcase(name, part):
                inner = os.path.join(folder, name)
                if rest:
                    if os.path.isdir(inner):
                        self.walk(inner, rest, found, depth)
                elif os.path.isfile(inner):
                    found[inner] = None

    # -- the index

    def naming(self, document: Document) -> Naming | None:
        """Return how names are made; None where nothing is said or it was told as a problem."""
        value = document.value if isinstance(document.value, dict) else {}
        said = value.get("naming")
        if isinstance(said, dict):
            pattern = said.get("pattern")
            if not isinstance(pattern, str):
                return None
            problem = regexes.problem_of(pattern)
            if problem:
                self.tell([document.problem(("naming", "pattern"), f"the naming pattern {problem}")])
                return None
            return Naming(pattern, re.compile(pattern))
        if not isinstance(said, str) or not said:
            return None
        namespace = value.get("namespace")
        made, problem = template(said, namespace if isinstance(namespace, str) else "")
        if made is None:
            self.tell([document.problem(("naming",), f"the naming template {problem}")])
            return None
        return Naming(said, re.compile(made))

    def index_schemas(self, index: _File) -> tuple[Mapping[str, Any], list[tuple[Path, str, Any]]]:
        """Return the envelope's and the correlation's schema, and where what is in them is written."""
        schemas: dict[str, Any] = {}
        parts: list[tuple[Path, str, Any]] = []
        for name, written in index.document.value.get("schemas", {}).items():
            at: Path = ("schemas", name)
            place = index.document.place(at)
            refused = refusal(written)
            if refused:
                self.tell([Problem("OBS701", f"{structure.shown(written)} {refused}", place, target=f"schemas.{name}")])
                continue
            file = os.path.normpath(os.path.join(self.folder, written))
            compiled = self.schemas.of_file(file, place, target=f"schemas.{name}")
            self.tell(compiled.problems)
            if compiled.schema is not None:
                schemas[name] = compiled.schema
                parts += [((*at, *front), path, marks) for front, path, marks in compiled.places.parts]
        return schemas, parts

    # -- events

    def events(self, file: _File) -> Iterator[Event]:
        declared = file.document.value.get("events") or {}
        marks = marks_at(file.document.marks, ("events",))[4] or {}
        for name, said in declared.items():
            yield self.event(file, name, said or {}, marks[name])

    def event(self, file: _File, name: str, said: Mapping[str, Any], marks: Any) -> Event:
        path = file.document.path
        schema: Mapping[str, Any] | None = None
        parts: list[tuple[Path, str, Any]] = [((), path, marks)]
        payload = said.get("payload")
        if payload is not None:
            schema = payload
            if self.refers:
                compiled = self.schemas.compiled(file.key, ("events", name, "payload"), target=name)
                self.tell(compiled.problems)
                schema = compiled.schema
                if schema is not payload:
                    parts += [(("payload", *front), where, inner) for front, where, inner in compiled.places.parts]
        correlation = said.get("correlation") or {}
        deprecated = said.get("deprecated")
        inside = marks[4] or {}
        return Event(
            name=name,
            place=Place(path, *marks[:4]),
            source=self.source.source,
            version=int(said.get("version", 1)),
            summary=said.get("summary", ""),
            owner=said.get("owner", ""),
            stability=said.get("stability", ""),
            severity=said.get("severity", ""),
            required=tuple(correlation.get("required", ())),
            optional=tuple(correlation.get("optional", ())),
            producers=tuple(said.get("producers", ())),
            smoke=said.get("smoke", ""),
            deprecated=None
            if deprecated is None
            else Deprecation(
                deprecated.get("since", ""), deprecated.get("replaced-by", ""), deprecated.get("remove-after", "")
            ),
            payload=schema,
            examples=tuple(
                Example(one, Place(path, *inside["examples"][4][index][:4]))
                for index, one in enumerate(said.get("examples", ()))
            ),
            counterexamples=tuple(
                Example(one["payload"], Place(path, *inside["counterexamples"][4][index][:4]), one.get("because", ""))
                for index, one in enumerate(said.get("counterexamples", ()))
            ),
            places=Places(parts),
        )


def template(text: str, namespace: str) -> tuple[str | None, str]:
    """Return the regular expression that a naming template means, or None and what is wrong with it.

    `{namespace}` is the namespace itself, any other `{placeholder}` one segment, `[…]` is optional.
    """
    out: list[str] = []
    depth = index = 0
    while index < len(text):
        char = text[index]
        if char == "{":
            found = _PLACEHOLDER.match(text, index)
            if found is None:
                return None, f"has a `{{` at character {index + 1} that nothing closes"
            name = found[1]
            if not _IDENTIFIER.match(name):
                return None, f"has the placeholder {structure.shown(name)}; a placeholder is a word"
            if name == "namespace" and not namespace:
                return None, "has `{namespace}`, but no `namespace` is given"
            out.append(re.escape(namespace) if name == "namespace" else _SEGMENT)
            index = found.end()
            continue
        if char == "}":
            return None, f"has a `}}` at character {index + 1} that nothing opens"
        if char == "[":
            depth += 1
            out.append("(?:")
        elif char == "]":
            depth -= 1
            if depth < 0:
                return None, f"has a `]` at character {index + 1} that nothing opens"
            out.append(")?")
        else:
            out.append(re.escape(char))
        index += 1
    if depth:
        return None, "has a `[` that nothing closes"
    return "".join(out), ""


def _is_glob(part: str) -> bool:
    return any(char in part for char in "*?[")


def _without(marks: Any, key: str) -> Any:
    inside = {name: inner for name, inner in (marks[4] or {}).items() if name != key}
    return (*marks[:4], inside)


def correlation_fields(value: Mapping[str, Any]) -> Iterator[CorrelationField]:
    """Yield the correlation fields that an index declares."""
    for name, said in ((value.get("correlation") or {}).get("fields") or {}).items():
        said = said or {}
        yield CorrelationField(
            name, said.get("type", "string"), said.get("header", ""), tuple(said.get("aliases", ())), said.get("at", "")
        )


def chain_links(value: Mapping[str, Any]) -> Iterator[ChainLink]:
    """Yield the links of the correlation chain that an index declares."""
    for said in (value.get("correlation") or {}).get("chain", ()):
        yield ChainLink(
            said["field"],
            said.get("parent", ""),
            said.get("root", False),
            said.get("introduced_by", ""),
            said.get("new_per", ""),
            said.get("many", False),
        )


def _lifecycles(document: Document) -> Iterator[Lifecycle]:
    for name, said in document.value.get("lifecycles", {}).items():
        yield lifecycle(name, said, document.place(("lifecycles", name)))


def lifecycle(name: str, said: Mapping[str, Any], place: Place) -> Lifecycle:
    """Return the lifecycle that the words below its name declare."""
    states = said.get("states") or {}
    return Lifecycle(
        name=name,
        key=said["key"],
        start=said["start"],
        terminal=tuple(said["terminal"]),
        exactly_one_terminal=said.get("exactly-one-terminal", True),
        deadline=said.get("deadline", ""),
        retry=said.get("retry") or {},
        states_field=states.get("field", ""),
        transitions={state: tuple(then) for state, then in (states.get("transitions") or {}).items()},
        compensation=said.get("compensation") or {},
        place=place,
    )
