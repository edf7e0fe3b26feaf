"""Writes registries in OpenTelemetry Weaver's format, version 2: events as signals, every attribute defined once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from obs_lint.registry.authored import declaration, settings, yaml_text
from obs_lint.registry.model import Event, Place, Registry
from obs_lint.registry.schema_words import at_pointer
from obs_lint.registry.sources.weaver import (
    ANNOTATION,
    BASE_TYPES,
    CORRELATION_SCHEMAS,
    FILE_FORMAT,
    Loss,
    described,
    schema_of_type,
)

_HEADING = ("Written by `obs-lint registry export weaver`: change the registry that it was written from.",)
_MOST_EXAMPLES = 3
_INT64 = 2**63
_WORD = re.compile(r"[^A-Za-z0-9_]+")
_ENDING = re.compile(r"\.(ya?ml|lock\.json|json)$")
_SCHEMA_URL = re.compile(r"https?://[^/?#\s]+(/[^/?#\s]+)+/?")
_HOST = re.compile(r"[^a-z0-9.-]+")


def export(registries: Sequence[Registry], schema_url: str = "", description: str = "") -> Mapping[str, str]:
    """Return the files of one Weaver registry: path with `/` → text.

    `schema_url` is `https://host/path/<version>`; "" makes one of the first namespace, under `.invalid`. What Weaver
    has no word for stands under `annotations.obs`, in the words of obs-registry.yaml.
    """
    exported = _exported(registries)
    attributes = _Attributes(registry for registry, _ in exported)
    for registry, events in exported:
        for event in events:
            attributes.use(event, registry)
    files = {
        "manifest.yaml": yaml_text(_manifest(registries, schema_url, description), _HEADING),
        "attributes.yaml": _text({"attributes": attributes.definitions()}),
    }
    for stem, (registry, events) in zip(_stems(registry for registry, _ in exported), exported, strict=True):
        group = _group(registry, stem)
        content = {
            "attribute_groups": [group] if group else [],
            "events": [_event(event, attributes) for event in events],
        }
        if any(content.values()):
            files[f"events/{stem}.yaml"] = _text(content)
    return files


def schema_url_problem(url: str) -> str:
    """Say why a text can't be a registry's `schema_url`; "" where it can."""
    if _SCHEMA_URL.fullmatch(url):
        return ""
    return f"`{url}` is no schema URL: write https://host/path/version, such as https://acme.example/schemas/1.0.0"


def losses(registries: Sequence[Registry]) -> tuple[Loss, ...]:
    """Return what of these registries Weaver can't be told, not even under `annotations.obs`."""
    exported = _exported(registries)
    kept = {id(event) for _, events in exported for event in events}
    found = [
        Loss(f"event `{event.name}` is declared twice; Weaver gets the first declaration", event.place)
        for registry in registries
        if not registry.mirror
        for event in registry.events
        if id(event) not in kept
    ]
    found += [
        Loss(f"`{registry.source}` may declare more events than could be found", registry.place)
        for registry in registries
        if not registry.complete
    ]
    attributes = _Attributes(registry for registry, _ in exported)
    for registry, events in exported:
        for event in events:
            attributes.use(event, registry)
    return (*found, *attributes.losses())


def _exported(registries: Sequence[Registry]) -> list[tuple[Registry, list[Event]]]:
    """Pair the registries with those of their events that are written: of one name the first that is no copy."""
    first: dict[str, Event] = {}
    for registry in sorted(registries, key=lambda registry: registry.mirror):
        for event in registry.events:
            first.setdefault(event.name, event)
    return [
        (registry, [event for event in registry.events if first[event.name] is event])
        for registry in registries
        if not registry.mirror or any(first[event.name] is event for event in registry.events)
    ]


def _text(content: Mapping[str, Any]) -> str:
    return yaml_text({"file_format": FILE_FORMAT, **{key: value for key, value in content.items() if value}}, _HEADING)


def _manifest(registries: Sequence[Registry], schema_url: str, description: str) -> dict[str, Any]:
    namespace = next((registry.namespace for registry in registries if registry.namespace), "")
    host = _HOST.sub("-", namespace.lower()).strip("-.") or "registry"
    sources = ", ".join(registry.source for registry in registries)
    return {
        "description": description or f"Events of {sources}, exported by obs-lint.",
        "schema_url": schema_url or f"https://{host}.invalid/schemas/1.0.0",
        "stability": "development",
    }


def _stems(registries: Iterable[Registry]) -> Iterable[str]:
    """Yield a file name without its ending for each, all different on any file system."""
    used: set[str] = set()
    for registry in registries:
        stem = registry.namespace or _ENDING.sub("", registry.source.rpartition(":")[2])
        stem = _WORD.sub("_", stem).strip("_").lower() or "registry"
        number, name = 1, stem
        while name in used:
            number += 1
            name = f"{stem}_{number}"
        used.add(name)
        yield name


class _Use(NamedTuple):
    """A field of one event's payload, or a correlation field, as an attribute."""

    type: Any
    """Weaver's: a word, or {"members": …}."""
    rest: Any
    """The field's schema without its description."""
    description: str
    place: Place
    examples: tuple[Any, ...]


class _Attributes:
    """Every attribute of the export with all its uses."""

    def __init__(self, registries: Iterable[Registry]) -> None:
        self._uses: dict[str, list[_Use]] = {}
        for registry in registries:
            for field in registry.correlation:
                schema = CORRELATION_SCHEMAS.get(field.type, {"type": "string"})
                place = registry.places.get(f"/correlation/fields/{field.name}", registry.place)
                self._add(field.name, schema, {}, place, ())

    def use(self, event: Event, registry: Registry) -> None:
        """Enter the attributes of one event."""
        for name, schema in _properties(event).items():
            place = event.places.get(f"/payload/properties/{name}", event.place)
            examples = tuple(
                example.payload[name]
                for example in event.examples
                if isinstance(example.payload, Mapping) and name in example.payload
            )
            self._add(name, schema, event.payload, place, examples)
        for name in (*event.required, *event.optional):
            if name not in self._uses:
                self._add(name, {"type": "string"}, {}, event.place, ())

    def _add(self, name: str, schema: Any, root: Any, place: Place, examples: tuple[Any, ...]) -> None:
        rest, description = _parted(schema)
        self._uses.setdefault(name, []).append(_Use(_type(schema, root), rest, description, place, examples))

    def _type(self, name: str) -> Any:
        """Return the one type that holds all uses."""
        types = [use.type for use in self._uses[name]]
        if all(_same(type_, types[0]) for type_ in types[1:]):
            return types[0]
        bases = {_base(type_) for type_ in types}
        if len(bases) == 1:
            return bases.pop()
        return "double" if bases == {"int", "double"} else "any"

    def definitions(self) -> list[dict[str, Any]]:
        """Return Weaver's definitions, sorted by key."""
        return [self._definition(name) for name in sorted(self._uses)]

    def _definition(self, name: str) -> dict[str, Any]:
        type_ = self._type(name)
        first = self._uses[name][0]
        brief, note = _split(first.description)
        out: dict[str, Any] = {"key": name, "type": type_, "brief": brief}
        if note:
            out["note"] = note
        out["stability"] = "development"
        notes: dict[str, Any] = {}
        if not _same(first.rest, schema_of_type(type_)):
            notes["schema"] = first.rest
        examples = _examples(type_, self._uses[name])
        if examples:
            out["examples"] = examples
            notes["examples"] = "events"
        if notes:
            out["annotations"] = {ANNOTATION: notes}
        return out

    def reference(self, name: str, schema: Any, *, required: bool) -> dict[str, Any]:
        """Return an event's reference to an attribute, with what is different in that event."""
        first = self._uses[name][0]
        rest, description = _parted(schema)
        out: dict[str, Any] = {"ref": name, "requirement_level": "required" if required else "recommended"}
        if description != first.description:
            (out["brief"], note), (_, known_note) = _split(description), _split(first.description)
            if note or known_note:
                out["note"] = note
        if not _same(rest, first.rest):
            out["annotations"] = {ANNOTATION: {"schema": rest}}
        return out

    def losses(self) -> list[Loss]:
        """Return where one name means several types."""
        found = []
        for name, uses in self._uses.items():
            first = uses[0]
            other = next((use for use in uses if _base(use.type) != _base(first.type)), None)
            if other is not None:
                what = (
                    f"`{name}` is {_base(first.type)} in one event and {_base(other.type)} in another; Weaver has one "
                    f"type for a key and gets {self._type(name)}, each event's own schema stands in its annotations"
                )
                found.append(Loss(what, other.place))
        return found


def _properties(event: Event) -> Mapping[str, Any]:
    properties = event.payload.get("properties") if isinstance(event.payload, Mapping) else None
    return properties if isinstance(properties, Mapping) else {}


def _event(event: Event, attributes: _Attributes) -> dict[str, Any]:
    properties = _properties(event)
    payload = event.payload or {}
    listed = payload.get("required")
    required = [name for name in listed if isinstance(name, str)] if isinstance(listed, list | tuple) else []
    references = [attributes.reference(name, schema, required=name in required) for name, schema in properties.items()]
    for level, names in (("required", event.required), ("recommended", event.optional)):
        references += [
            {"ref": name, "requirement_level": level, "annotations": {ANNOTATION: {"in": "correlation"}}}
            for name in names
            if name not in properties
        ]
    brief, note = _split(event.summary)
    out: dict[str, Any] = {"name": event.name, "brief": brief}
    if note:
        out["note"] = note
    out["stability"] = "stable" if event.stability == "stable" else "development"
    deprecated = _deprecated(event)
    if deprecated:
        out["deprecated"] = deprecated
    if references:
        out["attributes"] = references
    out["annotations"] = {ANNOTATION: _annotation(event, properties, required)}
    return out


def _annotation(event: Event, properties: Mapping[str, Any], required: list[str]) -> dict[str, Any]:
    """Return what Weaver has no word for."""
    out = declaration(event)
    out.pop("summary", None)
    payload = out.pop("payload", None)
    if event.stability in ("stable", "experimental"):
        out.pop("stability", None)
    else:
        out["stability"] = event.stability or None
    if payload is not None:
        rest = dict(payload)
        if properties:
            del rest["properties"]
        if "required" in rest and rest["required"] == [name for name in properties if name in required] != []:
            del rest["required"]
        if rest != {"type": "object"} or not properties:
            out["payload"] = rest
    return out


def _deprecated(event: Event) -> dict[str, Any] | None:
    if not event.is_deprecated:
        return None
    deprecation = event.deprecated
    said = (
        []
        if deprecation is None
        else [
            f"Since {deprecation.since}." if deprecation.since else "",
            f"To be removed after {deprecation.remove_after}." if deprecation.remove_after else "",
        ]
    )
    note = " ".join(part for part in said if part)
    if deprecation is not None and deprecation.replaced_by:
        return {"reason": "renamed", "renamed_to": deprecation.replaced_by, **({"note": note} if note else {})}
    return {"reason": "obsoleted", "note": note or "Deprecated."}


def _group(registry: Registry, stem: str) -> dict[str, Any] | None:
    """Return the attribute group of a registry's correlation fields, which carries what else it declares."""
    declared = settings(registry)
    if not declared:
        return None
    return {
        "id": f"{registry.namespace or stem}.correlation",
        "visibility": "public",
        "brief": "Correlation fields of these events; the annotation says what else their registry declares.",
        "stability": "development",
        **({"attributes": [{"ref": field.name} for field in registry.correlation]} if registry.correlation else {}),
        "annotations": {ANNOTATION: declared},
    }


def _split(text: str) -> tuple[str, str]:
    """Return the first paragraph, and the others."""
    text = text.strip()
    brief, _, note = text.partition("\n\n")
    return (brief, note) if described(brief, note) == text else (text, "")


def _parted(schema: Any) -> tuple[Any, str]:
    """Return a schema without its description, and that without the blank space around it."""
    if isinstance(schema, Mapping) and isinstance(schema.get("description"), str) and schema["description"].strip():
        rest = {key: value for key, value in schema.items() if key != "description"}
        return rest, schema["description"].strip()
    return schema, ""


def _same(one: Any, other: Any) -> bool:
    """True for equal JSON: 1 is neither true nor 1.0."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and bool(one == other)


def _type(schema: Any, root: Any) -> Any:
    """Return the type of attribute that holds what a schema admits; "any" where none does."""
    seen = 0
    while isinstance(schema, Mapping) and isinstance(schema.get("$ref"), str) and seen < 20:
        schema = at_pointer(root, schema["$ref"])
        seen += 1
    if not isinstance(schema, Mapping):
        return "any"
    values = schema.get("enum")
    if isinstance(values, list) and values:
        return _members(values)
    if "const" in schema:
        return _base({"members": [{"value": schema["const"]}]})
    types = schema.get("type")
    names = [types] if isinstance(types, str) else list(types) if isinstance(types, list) else []
    names = [name for name in names if name != "null"]
    if sorted(map(str, names)) == ["integer", "number"]:
        names = ["number"]
    if len(names) != 1:
        return "any"
    if names[0] == "array":
        item = _base(_type(schema.get("items"), root))
        return f"{item}[]" if item in BASE_TYPES.values() else "any"
    return BASE_TYPES.get(str(names[0]), "any")


def _members(values: list[Any]) -> Any:
    """Return an enum type, "any" for values that Weaver has no enum of."""
    base = _base({"members": [{"value": value} for value in values]})
    if base not in ("string", "int", "boolean"):
        return base
    used: set[str] = set()
    members = []
    for value in values:
        word = _WORD.sub("_", str(value)).strip("_").lower() or "empty"
        number, name = 1, word
        while name in used:
            number += 1
            name = f"{word}_{number}"
        used.add(name)
        members.append({"id": name, "value": value, "stability": "development"})
    return {"members": members}


def _base(type_: Any) -> str:
    """Return the plain type that a type is of; "any" for an enum of different ones."""
    if isinstance(type_, str):
        return type_
    found = {_base_of_value(member["value"]) for member in type_["members"]}
    return found.pop() if len(found) == 1 else "double" if found == {"int", "double"} else "any"


def _base_of_value(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "int" if -_INT64 <= value < _INT64 else "any"
    if isinstance(value, float):
        return "double"
    return "string" if isinstance(value, str) else "any"


def _examples(type_: Any, uses: list[_Use]) -> list[Any]:
    """Return a few values from the events' examples that are of the attribute's type; an enum needs none."""
    if not isinstance(type_, str) or type_ == "any":
        return []
    found: list[Any] = []
    for use in uses:
        for value in use.examples:
            if _is_of(value, type_) and value not in found:
                found.append(value)
    return found[:_MOST_EXAMPLES]


def _is_of(value: Any, type_: str) -> bool:
    if type_.endswith("[]"):
        return isinstance(value, list) and bool(value) and all(_is_of(item, type_[:-2]) for item in value)
    return _base_of_value(value) == type_
