"""What a registry promises must hold: schemas are schemas, the envelope is closed, examples prove the payloads.

Nothing is fetched, whatever a schema says, and `format` is a note.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from obs_lint.registry import agreement, metaschema, payload_shape
from obs_lint.registry.model import Event, Example, Place, Problem, Registry
from obs_lint.registry.schema_words import IN_PLACE, Path, at_path, pointer, subschemas, tokens
from obs_lint.registry.sources import kind_of
from obs_lint.registry.yaml_lines import place_of

_WITH_EXAMPLES = frozenset({"", "lock", "package"})
"""Kinds of source that can have examples."""
_MAX_DEPTH = 40


def problems_of(registry: Registry, elsewhere: Iterable[str] = ()) -> tuple[Problem, ...]:
    """Return the findings of OBS701, OBS702 and OBS704 in one source, sorted by place.

    `elsewhere` are the names of events that other sources of the same configuration declare: chain and lifecycles may
    use them.
    """
    return _sorted((*agreement.undeclared(registry, elsewhere), *judged(registry)))


def judged(registry: Registry) -> tuple[Problem, ...]:
    """Return those findings that depend on the source alone, sorted by place: what can be kept while it is the same."""
    return _sorted(_Judge(registry).problems())


def _sorted(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    found = {(problem.code, problem.place, problem.message): problem for problem in problems}
    return tuple(sorted(found.values(), key=lambda problem: (problem.place, problem.code, problem.message)))


def duplicates_of(registries: Iterable[Registry]) -> tuple[Problem, ...]:
    """Return the findings of OBS705: each declaration of a name that an earlier one has, in the order of sources.

    A source that is a mirror may repeat others, and be repeated.
    """
    first: dict[str, Event] = {}
    found: list[Problem] = []
    for registry in registries:
        if registry.mirror:
            continue
        for event in registry.events:
            known = first.setdefault(event.name, event)
            if known is event or (known.place == event.place and known.place.path) or _by_member(known, event):
                continue
            where = f"`{known.place.path}:{known.place.line}`" if known.place.path else f"`{known.source}`"
            message = f"`{event.name}` is declared a second time; first in {where}"
            advice = (
                "" if known.source == event.source else f"If `{event.source}` is a copy, say `mirror = true` of it."
            )
            found.append(Problem("OBS705", message, event.place, advice, event.name))
    return tuple(found)


def _by_member(one: Event, other: Event) -> bool:
    """True for members of two classes that are no text but themselves: `Block.started` is not `Command.started`."""
    return one.symbol != other.symbol and all(
        event.symbol.rpartition(".")[2] == event.name and event.place.path for event in (one, other)
    )


class _InapplicableError(Exception):
    """A schema that is one, but that no value can be held against."""


class _Judge:
    """Judges one registry."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.validators: dict[int, Any] = {}
        self.older = kind_of(registry.source) not in _WITH_EXAMPLES

    def problems(self) -> Iterator[Problem]:
        registry = self.registry
        openings: list[tuple[int, Problem]] = []
        for name, schema in registry.schemas.items():
            front = pointer(("schemas", name))
            broken = list(self.broken(schema, front, registry.places, registry.place, f"schemas.{name}"))
            yield from broken
            if not broken:
                openings += self.openings(name, schema, front)
                yield from self.applied(
                    self.own_examples(name, schema, front), registry.places, front, registry.place, f"schemas.{name}"
                )
        by_place: dict[Place, Problem] = {}
        for _, problem in sorted(openings, key=lambda found: found[0]):
            by_place.setdefault(problem.place, problem)
        yield from by_place.values()
        kind = kind_of(registry.source)
        shown = any(event.examples or event.counterexamples for event in registry.events)
        exemplary = not registry.mirror and (kind == "" or (kind in _WITH_EXAMPLES and shown))
        for event in registry.events:
            if event.payload is None:
                continue
            broken = list(self.broken(event.payload, "/payload", event.places, event.place, event.name))
            yield from broken
            if exemplary and not broken:
                proofs = self.examples(event, event.payload)
                yield from self.applied(proofs, event.places, "/payload", event.place, event.name)

    # -- OBS701

    def applied(
        self, found: Iterator[Problem], places: Mapping[str, Place], front: str, otherwise: Place, target: str
    ) -> Iterator[Problem]:
        """Yield what examples show; that a schema can't be applied at all, where they show that."""
        try:
            yield from list(found)
        except _InapplicableError as error:
            yield Problem("OBS701", str(error), place_of(places, front, otherwise), target=target)

    def broken(
        self, schema: Any, front: str, places: Mapping[str, Place], otherwise: Place, target: str
    ) -> Iterator[Problem]:
        for path, message in metaschema.problems_of(schema, older=self.older):
            yield Problem("OBS701", message, place_of(places, front + pointer(path), otherwise), target=target)

    # -- OBS702

    def openings(self, name: str, schema: Mapping[str, Any], front: str) -> Iterator[tuple[int, Problem]]:
        """Yield (depth, finding) of objects that admit unknown fields; the payload may."""
        for path, words in _open_objects(schema):
            place = self.place_of_object(schema, front, path)
            what = f"`{'.'.join(words)}` of the {name}" if words else f"the {name}"
            advice = (
                "Set `additionalProperties: false`; `unevaluatedProperties: false` where several schemas make it up."
            )
            target = ".".join(("schemas", name, *words))
            yield len(words), Problem("OBS702", f"{what} admits unknown fields", place, advice, target)

    def place_of_object(self, schema: Any, front: str, path: Path) -> Place:
        """The place of what leaves an object open, else of the object's own key, else of the schema's first word."""
        places, at = self.registry.places, front + pointer(path)
        for word in ("additionalProperties", "unevaluatedProperties"):
            if f"{at}/{word}" in places:
                return places[f"{at}/{word}"]
        if at in places and path:
            return places[at]
        for word in ("properties", "type", *(at_path(schema, path) or ())):
            if f"{at}/{word}" in places:
                return places[f"{at}/{word}"]
        return place_of(places, at, self.registry.place)

    # -- OBS704

    def own_examples(self, name: str, schema: Mapping[str, Any], front: str) -> Iterator[Problem]:
        """Yield the examples in a schema itself that it refuses."""
        for index, payload in enumerate(_listed(schema.get("examples"))):
            at = f"{front}/examples/{index}"
            place = place_of(self.registry.places, at, self.registry.place)
            what = f"example {index + 1} of the {name}"
            yield from self.refused(schema, payload, what, at, self.registry.places, place, f"schemas.{name}")

    def examples(self, event: Event, schema: Mapping[str, Any]) -> Iterator[Problem]:
        own = _listed(schema.get("examples"))
        if not event.examples and not own:
            yield _lacking(event, "no example", "Add `examples:` with at least one payload that is as it should be.")
        for index, example in enumerate(event.examples):
            at = f"/examples/{index}"
            yield from self.example(event, schema, example, f"example {index + 1}", at)
        for index, payload in enumerate(own):
            at = f"/payload/examples/{index}"
            place = place_of(event.places, at, event.place)
            yield from self.example(event, schema, Example(payload, place), f"example {index + 1} in the schema", at)
        if not event.counterexamples:
            advice = "Add `counterexamples:` with a payload that must be refused, and say `because` of what."
            yield _lacking(event, "no counterexample", advice)
        for index, example in enumerate(event.counterexamples):
            if self.errors(schema, example.payload):
                continue
            because = f", although {example.because}" if example.because else ""
            message = f"counterexample {index + 1} of `{event.name}` fits the payload's schema{because}"
            yield Problem("OBS704", message, example.place, target=event.name)

    def example(
        self, event: Event, schema: Mapping[str, Any], example: Example, what: str, at: str
    ) -> Iterator[Problem]:
        what = f"{what} of `{event.name}`"
        yield from self.refused(schema, example.payload, what, at, event.places, example.place, event.name)

    def refused(
        self,
        schema: Mapping[str, Any],
        payload: Any,
        what: str,
        at: str,
        places: Mapping[str, Place],
        place: Place,
        target: str,
    ) -> Iterator[Problem]:
        """Yield one finding for a payload that should fit and does not: at the field, with the reason."""
        errors = self.errors(schema, payload)
        if not errors:
            return
        first = min(errors, key=lambda error: (len(error.absolute_path), list(map(str, error.absolute_path))))
        path: Path = tuple(first.absolute_path)
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        reason, extra = _reason(first, path)
        found = places.get(at + pointer((*path, *extra)), place)
        yield Problem("OBS704", f"{what} does not fit: {reason}{more}", found, target=target)

    def errors(self, schema: Mapping[str, Any], payload: Any) -> list[Any]:
        """Return why a payload does not fit. Raises _InapplicableError for a schema that can't be applied."""
        from referencing.exceptions import Unresolvable

        try:
            return list(self.validator(schema).iter_errors(payload))
        except Unresolvable as error:
            raise _InapplicableError(f"`{error.ref}` points to nothing in the schema") from None
        except RecursionError:
            raise _InapplicableError("the schema is applied to one value again and again, without end") from None

    def validator(self, schema: Mapping[str, Any]) -> Any:
        """Return the validator of a schema, made once."""
        known = self.validators.get(id(schema))
        if known is None:
            from jsonschema import Draft202012Validator
            from referencing import Registry as Resources

            # The default would fetch what it does not know.
            known = Draft202012Validator(schema, registry=Resources())
            self.validators[id(schema)] = known
        return known


def _lacking(event: Event, what: str, advice: str) -> Problem:
    return Problem("OBS704", f"`{event.name}` has {what}", event.place, advice, event.name)


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _reason(error: Any, path: Path) -> tuple[str, Path]:
    """Say why a value is refused, in plain words where they are found; and which field of it is at fault."""
    name = ".".join(str(part) for part in path)
    whose = f"`{name}`" if name else "it"
    if error.validator == "additionalProperties" and error.validator_value is False:
        extra = list(_undeclared(error.schema, error.instance))
        if extra:
            fields = " and ".join(f"`{field}`" for field in extra[:3]) + (" and others" if len(extra) > 3 else "")
            return f"{whose} should not have {fields}", (extra[0],)
    said = payload_shape.problem_of(error.validator, error.validator_value, error.instance)
    if said:
        return f"{whose} {said}", ()
    message: str = error.message if len(error.message) <= 200 else error.message[:199] + "…"
    return f"{whose}: {message}" if name else message, ()


def _undeclared(schema: Any, instance: Any) -> Iterator[str]:
    known = {word: schema[word] for word in ("properties", "patternProperties") if word in schema}
    for name in instance:
        if payload_shape.shape({**known, "additionalProperties": False}).refuses(name):
            yield name


# -- open objects


def _open_objects(root: Mapping[str, Any]) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Yield (path of the schema, names of the fields that lead to it) of objects that admit unknown fields."""
    waiting: list[tuple[Path, tuple[str, ...]]] = [((), ())]
    seen: set[Path] = set()
    while waiting:
        path, words = waiting.pop()
        path = _landing(root, path)
        if path in seen or len(words) > _MAX_DEPTH:
            continue
        seen.add(path)
        schema = at_path(root, path)
        if payload_shape.may_be_object(schema, root) and not payload_shape.is_closed(schema, root):
            yield path, words
        for name, inner in _fields(root, path):
            if words or name != "payload":
                waiting.append((inner, (*words, name)))


_STRUCTURE = ("type", "properties", "additionalProperties", "unevaluatedProperties", *IN_PLACE)


def _landing(root: Any, path: Path) -> Path:
    """Where a path leads when a schema that is nothing but a reference stands for what it refers to."""
    passed: set[Path] = set()
    while path not in passed:
        passed.add(path)
        schema = at_path(root, path)
        if not isinstance(schema, Mapping) or not isinstance(schema.get("$ref"), str):
            break
        if any(word in schema for word in _STRUCTURE):
            break
        target = tokens(schema["$ref"].partition("#")[2])
        if target is None:
            break
        path = target
    return path


def _fields(root: Any, path: Path) -> Iterator[tuple[str, Path]]:
    """Yield (field or `[]` for items, path of its schema) of what a schema, and those that hold beside it, declare."""
    waiting, seen = [path], set()
    while waiting:
        at = waiting.pop()
        if at in seen:
            continue
        seen.add(at)
        schema = at_path(root, at)
        if not isinstance(schema, Mapping):
            continue
        for more, _ in subschemas(schema):
            if more[0] == "properties":
                yield str(more[1]), (*at, *more)
            elif more[0] in ("items", "prefixItems"):
                yield "[]", (*at, *more)
            elif more[0] in IN_PLACE and more[0] not in ("not", "if"):
                waiting.append((*at, *more))
        if isinstance(schema.get("$ref"), str):
            target = tokens(schema["$ref"].partition("#")[2])
            if target is not None:
                waiting.append(target)
