"""A Registry as plain tuples and back, for the cache: nothing in it but what marshal can hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

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
)


def plain(registry: Registry) -> tuple[Any, ...]:
    """Return everything that a registry holds, as values that marshal can write."""
    paths: dict[str, int] = {}
    naming = registry.naming
    fields = (
        registry.source,
        tuple(registry.place),
        registry.namespace,
        None if naming is None else (naming.text, naming.pattern.pattern, naming.pattern.flags),
        tuple((f.name, f.type, f.header, f.aliases, f.at) for f in registry.correlation),
        tuple((c.field, c.parent, c.root, c.introduced_by, c.new_per, c.many) for c in registry.chain),
        tuple(_lifecycle(lifecycle) for lifecycle in registry.lifecycles),
        dict(registry.classifications),
        registry.sensitive_names,
        _value(registry.schemas),
        _places(registry.places, paths),
        registry.mirror,
        registry.complete,
        tuple((p.code, p.message, tuple(p.place), p.help, p.target, p.fatal) for p in registry.problems),
        registry.inputs,
        registry.exempt,
    )
    events = tuple(_event(event, paths) for event in registry.events)
    return (tuple(paths), fields, events)


def registry_of(plain: tuple[Any, ...]) -> Registry:
    """Return the registry that `plain` was made of."""
    paths, fields, events = plain
    source, place, namespace, naming, correlation, chain, lifecycles, *rest = fields
    classifications, sensitive_names, schemas, places, mirror, complete, problems, inputs, exempt = rest
    return Registry(
        source=source,
        place=Place(*place),
        events=tuple([_event_of(event, paths) for event in events]),
        namespace=namespace,
        naming=None if naming is None else Naming(naming[0], re.compile(naming[1], naming[2])),
        correlation=tuple([CorrelationField(*field) for field in correlation]),
        chain=tuple([ChainLink(*link) for link in chain]),
        lifecycles=tuple([_lifecycle_of(lifecycle) for lifecycle in lifecycles]),
        classifications=classifications,
        sensitive_names=sensitive_names,
        schemas=schemas,
        places=_Places(places, paths),
        mirror=mirror,
        complete=complete,
        problems=tuple([Problem(code, message, Place(*at), *rest) for code, message, at, *rest in problems]),
        inputs=inputs,
        exempt=exempt,
    )


def _event(event: Event, paths: dict[str, int]) -> tuple[Any, ...]:
    deprecated = event.deprecated
    return (
        event.name,
        tuple(event.place),
        event.source,
        event.symbol,
        event.version,
        event.summary,
        event.owner,
        event.stability,
        event.severity,
        event.required,
        event.optional,
        event.producers,
        event.smoke,
        None if deprecated is None else (deprecated.since, deprecated.replaced_by, deprecated.remove_after),
        _value(event.payload),
        _examples(event.examples),
        _examples(event.counterexamples),
        _places(event.places, paths),
        event.aliases,
    )


def _event_of(raw: tuple[Any, ...], paths: Sequence[str]) -> Event:
    place, deprecated, payload, examples, counterexamples, places, aliases = raw[1], *raw[13:]
    fields = (
        raw[0],
        Place(*place),
        *raw[2:13],
        deprecated and Deprecation(*deprecated),
        payload,
        examples and _examples_of(examples),
        counterexamples and _examples_of(counterexamples),
        _Places(places, paths),
        aliases,
    )
    return Event(*fields)


def _examples(examples: Sequence[Example]) -> tuple[tuple[Any, ...], ...]:
    return tuple((_value(example.payload), tuple(example.place), example.because) for example in examples)


def _examples_of(raw: tuple[tuple[Any, ...], ...]) -> tuple[Example, ...]:
    return tuple([Example(payload, Place(*at), because) for payload, at, because in raw])


def _lifecycle(one: Lifecycle) -> tuple[Any, ...]:
    return (
        one.name,
        one.key,
        one.start,
        one.terminal,
        one.exactly_one_terminal,
        one.deadline,
        _value(one.retry),
        one.states_field,
        dict(one.transitions),
        dict(one.compensation),
        tuple(one.place),
    )


def _lifecycle_of(raw: tuple[Any, ...]) -> Lifecycle:
    fields = (*raw[:10], Place(*raw[10]))
    return Lifecycle(*fields)


def _places(places: Mapping[str, Place], paths: dict[str, int]) -> tuple[Any, ...]:
    """Pointers, and for each the index of its path and its four numbers; both flat: there are tens of thousands."""
    numbers: list[int] = []
    for path, line, column, end_line, end_column in places.values():
        numbers += (paths.setdefault(path, len(paths)), line, column, end_line, end_column)
    return (tuple(places), tuple(numbers))


class _Places(Mapping[str, Place]):
    """Places that are made when somebody asks: most runs need few of tens of thousands."""

    __slots__ = ("_made", "_raw")

    def __init__(self, raw: tuple[Any, ...], paths: Sequence[str]) -> None:
        self._raw = (raw, paths)
        self._made: dict[str, Place] | None = None

    def _all(self) -> dict[str, Place]:
        if self._made is None:
            (pointers, numbers), paths = self._raw
            step = iter(numbers)
            self._made = {
                pointer: Place(paths[path], *rest)
                for pointer, path, *rest in zip(pointers, step, step, step, step, step, strict=True)
            }
        return self._made

    def __getitem__(self, pointer: str) -> Place:
        return self._all()[pointer]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._raw[0][0])

    def __repr__(self) -> str:
        return repr(self._all())


def _value(value: Any) -> Any:
    """A JSON value in the types that marshal knows; what is no JSON value becomes its text."""
    if value is None or value is True or value is False:
        return value
    kind = value.__class__
    if kind is str or kind is int or kind is float:
        return value
    if isinstance(value, Mapping):
        return {_value(key): _value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_value(item) for item in value]
    for base in (str, int, float):
        if isinstance(value, base):
            return base(value)
    return str(value)
