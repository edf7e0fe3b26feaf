"""Registries in OpenTelemetry Weaver's format: their events, and what of them obs-lint's own format can't say."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from obs_lint.config.model import RegistrySource
from obs_lint.registry.model import Deprecation, Event, Example, Place, Problem, Registry, RegistryError
from obs_lint.registry.reader import Reader
from obs_lint.registry.schema_words import pointer
from obs_lint.registry.sources.documents import documents, files_below, unusable
from obs_lint.registry.structure import EVENT, FORMAT, INDEX, problems_of
from obs_lint.registry.yaml_lines import Document, Places, marks_at

ANNOTATION = "obs"
"""The annotation that holds what Weaver has no word for, in the words of obs-registry.yaml."""
FILE_FORMAT = "definition/2"
BASE_TYPES: Mapping[str, str] = {"string": "string", "integer": "int", "number": "double", "boolean": "boolean"}
"""JSON Schema's type → Weaver's."""
CORRELATION_SCHEMAS: Mapping[str, Mapping[str, Any]] = {
    "string": {"type": "string"},
    "uuid": {"type": "string", "format": "uuid"},
    "integer": {"type": "integer"},
    "otel-trace-id": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    "otel-span-id": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
}
"""Type of a correlation field → JSON Schema."""
_MANIFESTS = ("manifest.yaml", "registry_manifest.yaml")
_NOT_DEFINITIONS = (*_MANIFESTS, "schema-next.yaml")
_OTHER_SIGNALS = ("metrics", "spans", "entities", "metric_refinements", "span_refinements", "entity_refinements")
_OTHER_GROUPS: Mapping[str, str] = {
    "span": "spans",
    "metric": "metrics",
    "metric_group": "metrics",
    "entity": "entities",
    "resource": "entities",
    "scope": "scopes",
}
_MOST_LEVELS = 10
"""Of registries that depend on one another; Weaver's own limit."""
_JSON_TYPES = {weaver: json for json, weaver in BASE_TYPES.items()}

At = tuple["str | int", ...]


class Loss(NamedTuple):
    """Something that one format says and the other can't."""

    what: str
    """A sentence: what is lost, and what stands in its place."""
    place: Place
    """Where it is written."""


def read(source: RegistrySource, reader: Reader) -> Registry:
    """Read the events of the Weaver registry in a folder (`weaver:folder/`). Raises RegistryError."""
    folder = source.source.removeprefix("weaver:").strip()
    return _Weaver(folder, reader).registry(source.source, mirror=source.mirror)


def imported(folder: str, reader: Reader) -> tuple[str, tuple[Loss, ...]]:
    """Return the Weaver registry in `folder` as the text of an obs-registry.yaml, and what that text lacks.

    `folder` is absolute or relative to the reader's root. Raises RegistryError.
    """
    from obs_lint.registry.authored import document, yaml_text

    weaver = _Weaver(folder, reader)
    registry = weaver.registry(f"weaver:{folder}")
    fatal = tuple(problem for problem in registry.problems if problem.fatal)
    if fatal:
        raise RegistryError(fatal)
    heading = (
        f"Imported from the Weaver registry {weaver.url or reader.shown(folder)} by `obs-lint registry import weaver`.",
    )
    if registry.schemas:
        what = "the schemas of envelope and correlation are left out: an obs-registry.yaml names them by path"
        weaver.losses.append(Loss(what, registry.places.get("/schemas", registry.place)))
    content = document(registry)
    wrong = problems_of(Document(registry.place.path, content, (1, 1, 0, 0, None)), INDEX)
    if wrong:
        raise RegistryError(tuple(wrong))
    return yaml_text(content, heading), tuple(sorted(weaver.losses, key=lambda loss: loss.place))


def schema_of_type(type_: Any) -> dict[str, Any]:
    """Return the JSON Schema that an attribute's type says by itself; {} for `any` and for what is no type."""
    if isinstance(type_, str):
        if type_.endswith("[]"):
            return {"type": "array", "items": schema_of_type(type_[:-2])}
        return {"type": _JSON_TYPES[type_]} if type_ in _JSON_TYPES else {}
    members = type_.get("members") if isinstance(type_, Mapping) else None
    values = [member.get("value", member.get("id")) for member in members or () if isinstance(member, Mapping)]
    for of, word in ((str, "string"), (bool, "boolean"), (int, "integer"), ((int, float), "number")):
        if values and all(isinstance(value, of) and (of is bool or not isinstance(value, bool)) for value in values):
            return {"type": word, "examples": values}
    return {"examples": values} if values else {}


def described(brief: str, note: str) -> str:
    """Return one text for Weaver's brief and note."""
    return "\n\n".join(part for part in (brief.strip(), note.strip()) if part)


class _Node(NamedTuple):
    """A mapping of a file, and where it stands."""

    document: Document
    at: At
    value: Mapping[str, Any]

    def place(self, *more: str | int) -> Place:
        return self.document.place((*self.at, *more))

    def nodes(self, *keys: str) -> Iterator[_Node]:
        """Yield the mappings of the list below keys."""
        value: Any = self.value
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        for index, item in enumerate(value if isinstance(value, list) else ()):
            if isinstance(item, Mapping):
                yield _Node(self.document, (*self.at, *keys, index), item)

    def text(self, key: str) -> str:
        value = self.value.get(key)
        return value if isinstance(value, str) else ""


class _Reference(NamedTuple):
    """An attribute of an event."""

    key: str
    node: _Node
    definition: _Node | None


class _Weaver:
    """One Weaver registry, with those in the project that it depends on."""

    def __init__(self, folder: str, reader: Reader) -> None:
        self.losses: list[Loss] = []
        self.url = ""
        self._reader = reader
        self._folder = folder
        self._problems: list[Problem] = []
        self._attributes: dict[str, _Node] = {}
        self._groups: dict[str, _Node] = {}
        self._events: list[_Node] = []
        self._importable: list[_Node] = []
        self._wanted: list[tuple[str, Place]] = []
        self._settings: list[_Node] = []
        self._others: dict[str, list[_Node]] = {}
        self._loaded: set[str] = set()
        self._load(folder, 0)

    # Loading

    def _load(self, folder: str, level: int) -> None:
        self._loaded.add(os.path.realpath(self._reader.absolute(folder)))
        found = False
        for path in files_below(folder, self._reader):
            name = os.path.basename(path)
            if not name.endswith((".yaml", ".yml")):
                continue
            try:
                files = documents(path, self._reader)
            except RegistryError as error:
                self._problems += error.problems
                continue
            found = True
            for document in files:
                if not isinstance(document.value, dict):
                    self._problems.append(document.problem((), f"`{document.path}` is not a mapping"))
                elif name in _MANIFESTS:
                    self._manifest(_Node(document, (), document.value), level)
                elif name not in _NOT_DEFINITIONS:
                    self._definitions(_Node(document, (), document.value), level)
        if not found and not self._problems:
            raise unusable(f"the folder `{self._reader.shown(folder)}` has no YAML file")

    def _manifest(self, node: _Node, level: int) -> None:
        if level == 0:
            self.url = " ".join((node.text("schema_url") or node.text("name")).split())
        for dependency in node.nodes("dependencies"):
            name = dependency.text("schema_url") or dependency.text("name")
            folder = self._dependency(dependency.text("registry_path"), node.document.path)
            if not folder or level >= _MOST_LEVELS:
                self._lose(f"the dependency `{name}` is not in the project and is not read", dependency)
            elif os.path.realpath(folder) not in self._loaded:
                self._load(folder, level + 1)

    def _dependency(self, path: str, manifest: str) -> str:
        """Return the folder of a dependency; "" where it is none inside the project."""
        if not path or "://" in path:
            return ""
        for base in (self._reader.root, os.path.dirname(self._reader.absolute(manifest))):
            folder = os.path.join(base, path)
            if os.path.isdir(folder) and self._reader.within(folder, self._folder):
                return folder
        return ""

    def _definitions(self, node: _Node, level: int) -> None:
        form = node.value.get("file_format")
        if form is None and "groups" in node.value:
            form = "definition/1"
        if form is None and str(node.value.get("version")) == "2":
            form = FILE_FORMAT
        if form == FILE_FORMAT:
            self._version_2(node, level)
        elif form == "definition/1":
            self._version_1(node, level)
        elif form == "resolved/2.0":
            self._resolved(node, level)
        else:
            what = f"has the file_format `{form}`, which" if form else "lacks a `file_format`: it"
            message = f"`{node.document.path}` {what} is none of Weaver's"
            self._problems.append(node.document.problem(("file_format",), message))

    def _version_2(self, node: _Node, level: int) -> None:
        for attribute in node.nodes("attributes"):
            self._attributes.setdefault(attribute.text("key"), attribute)
        for group in node.nodes("attribute_groups"):
            self._groups.setdefault(group.text("id"), group)
            if level == 0 and isinstance(_annotation(group.value), Mapping):
                self._settings.append(group)
        (self._importable if level else self._events).extend(node.nodes("events"))
        if level:
            return
        for refinement in node.nodes("event_refinements"):
            what = f"the refinement `{refinement.text('id')}` of event `{refinement.text('ref')}` is left out"
            self._lose(what, refinement)
        for section in _OTHER_SIGNALS:
            self._others.setdefault(section, []).extend(node.nodes(section))
        self._imports(node)

    def _imports(self, node: _Node) -> None:
        imports = node.value.get("imports")
        for kind, names in imports.items() if isinstance(imports, Mapping) else ():
            for index, name in enumerate(names if isinstance(names, list) else ()):
                if kind == "events" and isinstance(name, str):
                    self._wanted.append((name, node.place("imports", kind, index)))
                else:
                    self._lose(
                        f"the import of {kind.replace('_', ' ')} `{name}` is left out", node, "imports", kind, index
                    )

    def _version_1(self, node: _Node, level: int) -> None:
        for group in node.nodes("groups"):
            kind = group.text("type") or "span"
            self._groups.setdefault(group.text("id"), group)
            prefix = group.text("prefix")
            for attribute in group.nodes("attributes"):
                if key := attribute.text("id"):
                    self._attributes.setdefault(f"{prefix}.{key}" if prefix else key, attribute)
            if kind == "event":
                (self._importable if level else self._events).append(group)
            elif kind in _OTHER_GROUPS and not level:
                self._others.setdefault(_OTHER_GROUPS[kind], []).append(group)
        if not level:
            self._imports(node)

    def _resolved(self, node: _Node, level: int) -> None:
        """Take the form that `weaver registry package` publishes: attributes are numbers in a catalogue."""
        for number, attribute in enumerate(node.nodes("attribute_catalog")):
            self._attributes.setdefault(attribute.text("key"), attribute)
            self._attributes[f"\0{node.document.path}\0{number}"] = attribute
        (self._importable if level else self._events).extend(node.nodes("registry", "events"))
        if level == 0:
            for section in _OTHER_SIGNALS:
                self._others.setdefault(section, []).extend(node.nodes("registry", section))

    # Events

    def registry(self, source: str, *, mirror: bool = False) -> Registry:
        """Return the events with what else is declared. Raises RegistryError where there are none."""
        self._take_imports()
        self._lose_signals()
        events = [event for event in (self._event(node, source) for node in self._events) if event is not None]
        if not events:
            if self._problems:
                raise RegistryError(tuple(self._problems))
            raise unusable(f"the Weaver registry in `{self._reader.shown(self._folder)}` declares no event")
        return replace(
            self._declared(source, Place(events[0].place.path)),
            events=tuple(events),
            mirror=mirror,
            problems=tuple(self._problems),
            inputs=self._reader.inputs,
        )

    def _declared(self, source: str, place: Place) -> Registry:
        """Return what the annotations of attribute groups declare beside events, of several registries together."""
        from obs_lint.registry.authored import registry_of

        made = Registry(source, place)
        for number, node in enumerate(self._settings):
            at = (*node.at, "annotations", ANNOTATION)
            marks = marks_at(node.document.marks, at)
            said = dict(_annotation(node.value) or {})
            schemas = said.pop("schemas", None)
            document = Document(node.document.path, {"format": FORMAT, **said}, marks)
            wrong = problems_of(document, INDEX)
            if not wrong:
                if isinstance(schemas, Mapping):
                    said["schemas"] = schemas
                try:
                    part = registry_of(source, place, said, Places([((), document.path, marks)]))
                except ValueError as error:
                    wrong = [document.problem(("naming",), str(error))]
            self._problems += wrong
            if not wrong:
                made = part if number == 0 else _joined(made, part)
                if (made.namespace, made.naming) != (part.namespace, part.naming):
                    self._lose(
                        "several registries become one: what they don't agree on of namespace and naming is lost", node
                    )
        return made

    def _take_imports(self) -> None:
        from fnmatch import fnmatchcase

        for pattern, place in self._wanted:
            found = [node for node in self._importable if fnmatchcase(_event_name(node), pattern)]
            self._events += [node for node in found if node not in self._events]
            if not found:
                self.losses.append(
                    Loss(f"the import of events `{pattern}` is left out: no registry here has one", place)
                )
        self._wanted = []

    def _event(self, node: _Node, source: str) -> Event | None:
        name = _event_name(node)
        if not name:
            self._problems.append(node.document.problem(node.at, "an event has no `name`"))
            return None
        own = _own(node, self._problems)
        references = self._references(node)
        self._lose_of_event(name, node)
        stability, deprecated = self._stability(node, own)
        correlation = own.get("correlation") or {}
        fields = [one for one in references if (_annotation(one.node.value) or {}).get("in") != "correlation"]
        places = {f"/{key}": node.place("annotations", ANNOTATION, key) for key in own}
        places["/summary"] = node.place("brief")
        for reference in fields:
            places["/payload/properties" + pointer((reference.key,))] = reference.node.place()
        return Event(
            name=name,
            place=node.place("name"),
            source=source,
            version=int(own.get("version", 1)),
            summary=described(node.text("brief"), node.text("note")),
            owner=own.get("owner", ""),
            stability=stability,
            severity=own.get("severity", ""),
            required=tuple(correlation.get("required", ())),
            optional=tuple(correlation.get("optional", ())),
            producers=tuple(own.get("producers", ())),
            smoke=own.get("smoke", ""),
            deprecated=deprecated,
            payload=self._payload(fields, own.get("payload")),
            examples=tuple(_examples(own, "examples", node)),
            counterexamples=tuple(_examples(own, "counterexamples", node)),
            places=places,
        )

    def _stability(self, node: _Node, own: Mapping[str, Any]) -> tuple[str, Deprecation | None]:
        word = node.text("stability")
        stability = {"": "", "stable": "stable", "deprecated": "deprecated"}.get(word, "experimental")
        if "stability" in own:
            stability = own["stability"]
        elif word in ("alpha", "beta", "release_candidate"):
            self._lose(f"the stability `{word}` becomes experimental", node, "stability")
        said = node.value.get("deprecated")
        if not said:
            return stability, None
        known = own.get("deprecated")
        if known is None and own.get("stability") == "deprecated":
            return stability, None
        if known is not None:
            return stability, Deprecation(*(known.get(key, "") for key in ("since", "replaced-by", "remove-after")))
        replaced_by = said.get("renamed_to") if isinstance(said, Mapping) else ""
        note = said if isinstance(said, str) else said.get("note") if isinstance(said, Mapping) else ""
        if note:
            self._lose("the note on the deprecation is left out", node, "deprecated")
        return stability, Deprecation(replaced_by=replaced_by if isinstance(replaced_by, str) else "")

    def _lose_of_event(self, name: str, node: _Node) -> None:
        for key, what in (
            ("entity_associations", "the entities that event `{}` is associated with are left out"),
            ("body", "the body of event `{}` is left out; its attributes are its payload"),
            ("requirement_level", "the requirement level of event `{}` is left out"),
        ):
            if node.value.get(key):
                self._lose(what.format(name), node, key)
        annotations = node.value.get("annotations")
        others = sorted(set(annotations) - {ANNOTATION}) if isinstance(annotations, Mapping) else []
        if others:
            self._lose(f"the annotations {_listed(others)} of event `{name}` are left out", node, "annotations")

    # Attributes

    def _references(self, node: _Node, seen: frozenset[str] = frozenset()) -> list[_Reference]:
        """Return the attributes of an event or group, each once; what it says itself holds over its groups."""
        own: list[_Reference] = []
        found: dict[str, _Reference] = {}
        for parent in (node.text("extends"), *_words(node.value.get("include_groups"))):
            self._include(parent, node, seen, found)
        for item in node.nodes("attributes"):
            if "ref_group" in item.value:
                self._include(item.text("ref_group"), item, seen, found)
                continue
            if "base" in item.value:
                definition = self._attributes.get(f"\0{item.document.path}\0{item.value['base']}")
                key = definition.text("key") if definition else ""
            elif "ref" in item.value:
                key = item.text("ref")
                definition = self._attributes.get(key)
            else:
                prefix, key = node.text("prefix"), item.text("id")
                key = f"{prefix}.{key}" if prefix and key else key
                definition = item
            if not key:
                self._problems.append(item.document.problem(item.at, "an attribute has neither `ref` nor `id`"))
                continue
            if definition is None:
                self._lose(f"the attribute `{key}` is not defined here: it may hold anything", item)
            found.setdefault(key, _Reference(key, item, definition))
            own.append(_Reference(key, item, definition))
        for reference in own:
            found[reference.key] = reference
        return list(found.values())

    def _include(self, name: str, node: _Node, seen: frozenset[str], found: dict[str, _Reference]) -> None:
        if not name or name in seen:
            return
        group = self._groups.get(name)
        if group is None:
            self._lose(f"the attribute group `{name}` is not defined here: its attributes are left out", node)
            return
        for reference in self._references(group, seen | {name}):
            found.setdefault(reference.key, reference)

    def _payload(self, fields: list[_Reference], rest: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        if not fields and rest is None:
            return None
        properties: dict[str, Any] = {}
        patterns: dict[str, Any] = {}
        required: list[str] = []
        for reference in fields:
            type_ = reference.definition.value.get("type") if reference.definition else None
            must = self._is_required(reference)
            if isinstance(type_, str) and type_.startswith("template["):
                patterns[f"^{re.escape(reference.key)}\\."] = self._schema(reference, type_[9:-1])
                if must:
                    what = f"that one of `{reference.key}.*` is required is left out"
                    self._lose(what, reference.node, "requirement_level")
                continue
            properties[reference.key] = self._schema(reference, type_)
            if must:
                required.append(reference.key)
        made: dict[str, Any] = {"type": "object"} if rest is None else dict(rest)
        if required:
            made.setdefault("required", required)
        if properties:
            made["properties"] = properties
        if patterns:
            made["patternProperties"] = patterns
        return made

    def _schema(self, reference: _Reference, type_: Any) -> Any:
        """Return the JSON Schema of a field."""
        node, definition = reference.node, reference.definition or reference.node
        known = {**(_annotation(definition.value) or {}), **(_annotation(node.value) or {})}
        schema: Any = known["schema"] if "schema" in known else schema_of_type(type_)
        if not isinstance(schema, Mapping):
            return schema
        made = dict(schema)
        brief = node.text("brief") if node.value.get("brief") is not None else definition.text("brief")
        note = node.text("note") if node.value.get("note") is not None else definition.text("note")
        if text := described(brief, note):
            made.setdefault("description", text)
        examples = node.value.get("examples", definition.value.get("examples"))
        if examples is not None and known.get("examples") != "events":
            made.setdefault("examples", examples if isinstance(examples, list) else [examples])
        for said in (node, definition):
            if said.value.get("deprecated"):
                made.setdefault("deprecated", True)
                self._lose(f"why `{reference.key}` is deprecated is left out", said, "deprecated")
                break
        if isinstance(type_, Mapping) and "schema" not in known:
            what = f"the members of `{reference.key}` become examples: in Weaver other values are allowed too"
            self._lose(what, definition, "type")
        elif isinstance(type_, str) and "schema" not in known and type_ != "any" and not schema:
            self._lose(f"the type `{type_}` of `{reference.key}` has no like: it may hold anything", definition, "type")
        return made

    def _is_required(self, reference: _Reference) -> bool:
        level = reference.node.value.get("requirement_level")
        if level is None and reference.definition is not None:
            level = reference.definition.value.get("requirement_level")
        if level == "required":
            return True
        word = next(iter(level)) if isinstance(level, Mapping) and level else level
        if word in ("conditionally_required", "opt_in") or isinstance(level, Mapping):
            when = f" ({' '.join(str(level[word]).split())})" if isinstance(level, Mapping) and word in level else ""
            self._lose(f"`{reference.key}` is {word}{when}: it becomes optional", reference.node, "requirement_level")
        return False

    # What is lost

    def _lose(self, what: str, node: _Node, *at: str | int) -> None:
        loss = Loss(what, node.place(*at))
        if loss not in self.losses:
            self.losses.append(loss)

    def _lose_signals(self) -> None:
        for section, nodes in self._others.items():
            if nodes:
                what = section.replace("_", " ")
                one = what.replace("entities", "entity").removesuffix("s")
                many = f"{len(nodes)} {what} are left out, the first of them here"
                self._lose(f"1 {one} is left out" if len(nodes) == 1 else many, nodes[0])


def _joined(one: Registry, other: Registry) -> Registry:
    """Return what two registries declare beside events; namespace and naming only where they agree."""
    return replace(
        one,
        namespace=one.namespace if one.namespace == other.namespace else "",
        naming=one.naming if one.naming == other.naming else None,
        correlation=tuple({field.name: field for field in (*other.correlation, *one.correlation)}.values()),
        chain=tuple(dict.fromkeys((*one.chain, *other.chain))),
        lifecycles=tuple({of.name: of for of in (*other.lifecycles, *one.lifecycles)}.values()),
        classifications={**other.classifications, **one.classifications},
        sensitive_names=tuple(dict.fromkeys((*one.sensitive_names, *other.sensitive_names))),
        schemas={**other.schemas, **one.schemas},
        places={**other.places, **one.places},
    )


def _own(node: _Node, problems: list[Problem]) -> Mapping[str, Any]:
    """Return what `annotations.obs` of an event says, without what it says wrongly: people write in there by hand."""
    said = _annotation(node.value) or {}
    at = (*node.at, "annotations", ANNOTATION)
    kept: dict[str, Any] = {}
    for key, value in said.items():
        if key == "stability" and value is None:
            kept[key] = ""
            continue
        entry = Document(node.document.path, {key: value}, marks_at(node.document.marks, at))
        wrong = problems_of(entry, EVENT)
        problems += [replace(problem, fatal=False) for problem in wrong]
        if not wrong:
            kept[key] = value
    return kept


def _examples(own: Mapping[str, Any], key: str, node: _Node) -> Iterator[Example]:
    for index, item in enumerate(own.get(key, ())):
        place = node.place("annotations", ANNOTATION, key, index)
        if key == "examples":
            yield Example(item, place)
        else:
            yield Example(item["payload"], place, item.get("because", ""))


def _annotation(value: Mapping[str, Any]) -> Mapping[str, Any] | None:
    annotations = value.get("annotations")
    own = annotations.get(ANNOTATION) if isinstance(annotations, Mapping) else None
    return own if isinstance(own, Mapping) else None


def _event_name(node: _Node) -> str:
    return node.text("name") or node.text("id").removeprefix("event.")


def _words(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
