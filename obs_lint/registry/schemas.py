"""JSON Schemas as registries name them: `$ref`s to local files are followed, nothing is ever fetched.

What comes out refers to nothing outside itself: what other files say stands in its `$defs`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from obs_lint.registry.model import Place, Problem, RegistryError
from obs_lint.registry.reader import Reader
from obs_lint.registry.schema_ends import endless
from obs_lint.registry.schema_words import (
    MANY,
    NAMED,
    ONE,
    Path,
    anchor_path,
    at_path,
    pointer,
    subschemas,
    tokens,
)
from obs_lint.registry.yaml_lines import Document, Places, decoded, marks_at, parse_json, parse_yaml, place_of, recoded

MAX_DEPTH = 60
"""Levels of a schema within a schema, over all files."""

_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:|//|\\\\")
_ONE, _MANY, _NAMED = frozenset(ONE), frozenset(MANY), frozenset(NAMED)
_IDENTITY = frozenset({"$id", "$schema"})


class Compiled(NamedTuple):
    """A schema without references to other files."""

    schema: Mapping[str, Any] | None
    """None where a reference could not be followed: nothing is then known."""
    places: Places
    """JSON pointer within the schema → where it is written."""
    problems: tuple[Problem, ...]


class _Target(NamedTuple):
    """One schema in one file."""

    file: str
    """Absolute."""
    path: Path


@dataclass(slots=True)
class _Source:
    """One file that schemas come from."""

    document: Document
    folder: str
    identities: dict[Path, dict[str, Path]] = field(default_factory=dict)
    """By the path of a whole schema: `$id` as resolved → where it stands."""


class SchemaFiles:
    """Reads the files that schemas refer to, each once."""

    def __init__(self, reader: Reader, folder: str) -> None:
        """`folder` is that of the index: what is neither in it nor in the project is not read."""
        self.reader = reader
        self.folder = folder
        self._sources: dict[str, _Source | tuple[Problem, ...]] = {}
        self.inputs: dict[str, None] = {}
        """Files asked for, absolute."""

    def add(self, file: str, document: Document) -> None:
        """Let schemas be found in a document that is read already."""
        self._sources.setdefault(file, _Source(document, os.path.dirname(file)))

    def source(self, file: str, asked_at: Place, target: str = "") -> _Source:
        """Return a file's schema. Raises RegistryError with findings of OBS701, in the file or at `asked_at`."""
        known = self._sources.get(file)
        if known is None:
            known = self._sources[file] = self._read(file)
        if isinstance(known, tuple):
            raise RegistryError(tuple(p if p.place.path else replace(p, place=asked_at, target=target) for p in known))
        return known

    def _read(self, file: str) -> _Source | tuple[Problem, ...]:
        """Read a file; problems without a place are those of whoever asks."""
        self.inputs[file] = None
        shown = self.reader.shown(file)
        try:
            data = self.reader.read(file, Place(""), confined_to=self.folder)
        except RegistryError as error:
            return tuple(recoded(problem, "OBS701") for problem in error.problems)
        text = decoded(data, shown)
        if isinstance(text, Problem):
            return (recoded(text, "OBS701"),)
        documents, problems = (parse_json if file.lower().endswith(".json") else parse_yaml)(text, shown)
        if problems:
            return tuple(recoded(problem, "OBS701") for problem in problems)
        if not documents:
            return (Problem("OBS701", f"`{shown}` is empty; a schema is expected", Place("")),)
        if len(documents) > 1:
            return (Problem("OBS701", "has several YAML documents; a schema's file has one", documents[1].place()),)
        return _Source(documents[0], os.path.dirname(file))

    def compiled(self, file: str, path: Path, *, target: str = "") -> Compiled:
        """Return the schema at a path of a file that was added. `target` is what problems are said to be about."""
        source = self._sources[file]
        assert isinstance(source, _Source)
        return _Bundle(self, _Target(file, path), target).run(source)

    def of_file(self, file: str, asked_at: Place, *, target: str = "") -> Compiled:
        """Return the schema that a whole file holds."""
        try:
            source = self.source(file, asked_at, target)
        except RegistryError as error:
            return Compiled(None, Places(()), error.problems)
        return _Bundle(self, _Target(file, ()), target).run(source)


class _Bundle:
    """One schema with everything that it refers to."""

    def __init__(self, files: SchemaFiles, root: _Target, target: str) -> None:
        self.files = files
        self.root = root
        self.about = target
        self.problems: list[Problem] = []
        self.names: dict[_Target, str] = {}
        self.made: dict[str, Any] = {}
        self.crossings: list[_Target] = []
        self.parts: list[tuple[Path, str, Any]] = []
        self.taken: set[str] = set()

    def run(self, source: _Source) -> Compiled:
        document = source.document
        try:
            schema = at_path(document.value, self.root.path)
        except LookupError:
            schema = None
        here = document.place(self.root.path)
        if isinstance(schema, bool):
            schema = {} if schema else {"not": {}}
        if not isinstance(schema, Mapping):
            message = f"`{here.path}` holds no JSON Schema: a mapping is expected"
            return Compiled(None, Places(()), (Problem("OBS701", message, here, target=self.about),))
        self.parts.append(((), document.path, marks_at(document.marks, self.root.path)))
        if not _refers(schema):
            return Compiled(schema, Places(self.parts), ())
        reference = schema.get("$ref")
        if isinstance(reference, str) and not (schema.keys() - {"$ref", "$schema", "$comment"}):
            followed = self.follow(reference, self.root, (*self.root.path, "$ref"), source)
            if followed is None:
                return Compiled(None, Places(self.parts), tuple(self.problems))
            if followed[0] != self.root:
                return self.inlined(*followed)
        definitions = schema.get("$defs")
        self.taken = set(definitions) if isinstance(definitions, Mapping) else set()
        made: dict[str, Any] = self.rewritten(schema, self.root, self.root, source, 0)
        if self.made:
            made["$defs"] = {**made.get("$defs", {}), **self.made}
        places = Places(self.parts)
        if not self.problems:
            found = endless(made)
            if found is not None:
                place = place_of(places, pointer(found[0]), here)
                self.problems.append(Problem("OBS701", found[1], place, target=self.about))
        return Compiled(None if self.problems else made, places, tuple(self.problems))

    def inlined(self, target: _Target, source: _Source) -> Compiled:
        """The schema is nothing but a reference: what it refers to stands for it."""
        hops = [self.root]
        first = self.parts
        while True:
            inner = at_path(source.document.value, target.path)
            if target in hops:
                place = source.document.place((*target.path, "$ref"))
                message = "the `$ref`s lead in a circle and never to a schema"
                return Compiled(None, Places(first), (Problem("OBS701", message, place, target=self.about),))
            reference = inner.get("$ref") if isinstance(inner, Mapping) else None
            if not isinstance(reference, str) or inner.keys() - {"$ref", "$schema", "$comment"}:
                break
            hops.append(target)
            followed = self.follow(reference, target, (*target.path, "$ref"), source)
            if followed is None:
                return Compiled(None, Places(first), tuple(self.problems))
            target, source = followed
        bundle = _Bundle(self.files, target, self.about)
        compiled = bundle.run(source)
        return compiled._replace(places=Places([*first, *bundle.parts]))

    # -- references

    def tell(self, source: _Source, path: Path, message: str, advice: str = "") -> None:
        self.problems.append(source.document.problem(path, message, code="OBS701", target=self.about, help=advice))

    def follow(self, reference: str, base: _Target, path: Path, source: _Source) -> tuple[_Target, _Source] | None:
        """Return what a reference written at `path` means; None where that was told as a problem.

        `base` is the schema that a mere fragment points into.
        """
        address, _, fragment = reference.partition("#")
        own = self.identity(reference, base, source) if address else None
        if own is not None:
            return self.within(own, fragment, reference, path, source, source)
        if not address:
            found = self.within(base, fragment, reference, path, source, source, quiet=bool(base.path))
            if found is None and base.path:
                return self.within(_Target(base.file, ()), fragment, reference, path, source, source)
            return found
        if "%" in address:
            from urllib.parse import unquote

            address = unquote(address)
        refused = refusal(address)
        if refused:
            advice = "Keep the schema in the project and refer to it by its path, relative to this file."
            self.tell(source, path, f"`{_cut(reference)}` {refused}", advice)
            return None
        file = os.path.normpath(os.path.join(source.folder, address))
        try:
            other = self.files.source(file, source.document.place(path), self.about)
        except RegistryError as error:
            for problem in error.problems:
                if problem not in self.problems:
                    self.problems.append(problem)
            return None
        return self.within(_Target(file, ()), fragment, reference, path, source, other)

    def within(
        self,
        base: _Target,
        fragment: str,
        reference: str,
        path: Path,
        source: _Source,
        other: _Source,
        *,
        quiet: bool = False,
    ) -> tuple[_Target, _Source] | None:
        """Return what a fragment points to in `base` of `other`; a problem is told where `reference` is written."""
        whole = at_path(other.document.value, base.path)
        found = tokens(fragment)
        if found is None:
            found = anchor_path(whole, fragment)
        try:
            schema = at_path(whole, found) if found is not None else None
        except LookupError:
            schema = None
        if found is None or not isinstance(schema, (Mapping, bool)):
            if not quiet:
                what = "no schema" if schema is not None else "nothing"
                where = f" in `{other.document.path}`" if other is not source else ""
                self.tell(source, path, f"`{_cut(reference)}` points to {what}{where}")
            return None
        return _Target(base.file, (*base.path, *found)), other

    def identity(self, reference: str, base: _Target, source: _Source) -> _Target | None:
        """Return the schema of the same file whose `$id` a reference names; None where there is none."""
        known = source.identities.get(base.path)
        if known is None:
            known = source.identities[base.path] = _identities(at_path(source.document.value, base.path), base.path)
        if not known:
            return None
        from urllib.parse import urljoin

        address = reference.partition("#")[0]
        for candidate in (address, *(urljoin(one, address) for one in known)):
            found = known.get(candidate)
            if found is not None:
                return _Target(base.file, found)
        return None

    # -- rewriting

    def rewritten(self, schema: Any, at: _Target, base: _Target, source: _Source, depth: int) -> Any:
        """Return a schema with every reference pointing into the result."""
        if not isinstance(schema, Mapping):
            return schema
        if depth > MAX_DEPTH:
            self.tell(source, at.path, f"is nested more than {MAX_DEPTH} schemas deep")
            return {}
        made: dict[str, Any] = {}
        for word, value in schema.items():
            if word == "$ref" and isinstance(value, str):
                found = self.reference(value, at, base, source, depth)
                if found is not None:
                    made[word] = found
            elif word in _ONE:
                made[word] = self.rewritten(value, at._replace(path=(*at.path, word)), base, source, depth + 1)
            elif word in _NAMED and isinstance(value, Mapping):
                made[word] = {
                    name: self.rewritten(one, at._replace(path=(*at.path, word, name)), base, source, depth + 1)
                    for name, one in value.items()
                }
            elif word in _MANY and isinstance(value, list):
                made[word] = [
                    self.rewritten(one, at._replace(path=(*at.path, word, index)), base, source, depth + 1)
                    for index, one in enumerate(value)
                ]
            elif word == "$dynamicRef" and isinstance(value, str) and not value.startswith("#"):
                self.tell(source, (*at.path, word), f"`{_cut(value)}`: a `$dynamicRef` may not leave its file")
            elif word not in _IDENTITY:
                made[word] = value
        return made

    def reference(self, value: str, at: _Target, base: _Target, source: _Source, depth: int) -> str | None:
        """Return what is to be written for a reference; None where that was told as a problem."""
        path = (*at.path, "$ref")
        followed = self.follow(value, base, path, source)
        if followed is None:
            return None
        target, other = followed
        if any(one.file == target.file and one.path[: len(target.path)] == target.path for one in self.crossings):
            message = (
                f"`{_cut(value)}` leads back through other files to what refers to it; recursion stays in one file"
            )
            self.tell(source, path, message)
            return None
        if self.is_own(target, source):
            return "#" + _escaped(target.path[len(self.root.path) :])
        name = self.names.get(target)
        if name is None:
            name = self.names[target] = self.name_for(target)
            self.parts.append((("$defs", name), other.document.path, marks_at(other.document.marks, target.path)))
            if other is not source:
                self.crossings.append(at)
            inner = at_path(other.document.value, target.path)
            whole = base if other is source and target.path[: len(base.path)] == base.path else _whole(target)
            self.made[name] = self.rewritten(inner, target, whole, other, depth + 1)
            if other is not source:
                self.crossings.pop()
        return "#/$defs/" + _escaped((name,))[1:]

    def is_own(self, target: _Target, source: _Source) -> bool:
        """True for a schema that the result holds where it is written."""
        depth = len(self.root.path)
        if target.file != self.root.file or target.path[:depth] != self.root.path:
            return False
        root = self.files.source(self.root.file, source.document.place())
        return _is_schema_path(at_path(root.document.value, self.root.path), target.path[depth:])

    def name_for(self, target: _Target) -> str:
        """A key in `$defs` that nobody has."""
        stem = os.path.basename(target.file).partition(".")[0]
        last = str(target.path[-1]) if target.path else ""
        name = wanted = re.sub(r"[^A-Za-z0-9_.-]", "_", f"{stem}.{last}" if last else stem) or "schema"
        number = 1
        while name in self.taken:
            number += 1
            name = f"{wanted}_{number}"
        self.taken.add(name)
        return name


def _whole(target: _Target) -> _Target:
    """The schema that a fragment in `target` points into: an event's payload, else the whole file."""
    is_event = len(target.path) >= 3 and target.path[0] == "events" and target.path[2] == "payload"
    return _Target(target.file, target.path[:3] if is_event else ())


def refusal(path: str) -> str:
    """Say why a path that a file names is none that is read; "" where it may be."""
    if _REMOTE.match(path):
        return "is remote, and nothing is ever fetched"
    if path.startswith(("/", "\\")) or path[1:2] == ":":
        return "is absolute; a path is relative to the file that names it"
    if "\\" in path:
        return "has a `\\`; folders are separated by `/`"
    try:
        path.encode()
    except UnicodeEncodeError:
        return "has characters that no path can have"
    return "has characters that no path can have" if any(ord(char) < 32 for char in path) else ""


def _refers(schema: Any) -> bool:
    """True where a schema, or one in it, has a reference or an identity."""
    waiting = [schema]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            if "$ref" in one or "$id" in one or "$schema" in one or "$dynamicRef" in one:
                return True
            waiting += [inner for _, inner in subschemas(one)]
    return False


def _is_schema_path(schema: Any, path: Path) -> bool:
    """True where a path leads to a schema by way of schemas."""
    rest = list(path)
    while rest:
        word = rest.pop(0)
        if word in _ONE:
            pass
        elif word in _MANY or word in _NAMED:
            if not rest:
                return False
            rest.pop(0)
        else:
            return False
    return True


def _identities(root: Any, start: Path) -> dict[str, Path]:
    """`$id` → path; each as it is written and as resolved against those around it."""
    found: dict[str, Path] = {}
    waiting: list[tuple[Any, Path, str]] = [(root, start, "")]
    while waiting:
        schema, path, around = waiting.pop()
        if not isinstance(schema, Mapping):
            continue
        own = schema.get("$id")
        if isinstance(own, str) and own:
            from urllib.parse import urljoin

            around = urljoin(around, own)
            found.setdefault(around.partition("#")[0], path)
        waiting += [(one, (*path, *more), around) for more, one in subschemas(schema)]
    return found


def _escaped(path: Path) -> str:
    """Write a path as the fragment of a reference."""
    text = pointer(path)
    if text.isascii() and not re.search(r'[ "%<>\\^`{|}#]', text):
        return text
    from urllib.parse import quote

    return quote(text, safe="/~!$&'()*+,;=:@-._")


def _cut(text: str) -> str:
    text = "".join(c if c.isprintable() else "�" for c in text)
    return text if len(text) <= 80 else text[:79] + "…"
