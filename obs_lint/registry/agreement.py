"""What the parts of one registry say of each other must be true: names that are used are declared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from obs_lint.registry.model import Event, Lifecycle, Problem, Registry
from obs_lint.registry.schema_words import Path, pointer, subschemas
from obs_lint.registry.yaml_lines import place_of

RESERVED = "obs"
"""The namespace of the surface's own events."""


def problems_of(registry: Registry) -> Iterator[Problem]:
    """Yield what a registry says that contradicts itself, each as OBS701 where it is written."""
    fields = {field.name for field in registry.correlation}
    yield from _chain(registry, fields)
    for lifecycle in registry.lifecycles:
        yield from _lifecycle(registry, lifecycle, fields)
    namespace = registry.namespace if registry.naming is None or "{namespace}" not in registry.naming.text else ""
    for event in registry.events:
        yield from _event(registry, event, fields)
        if event.name.partition(".")[0] == RESERVED != registry.namespace:
            message = f"`{event.name}`: names that start with `{RESERVED}.` are those of the surface itself"
            yield Problem("OBS701", message, event.place, target=event.name)
        elif namespace and event.name != namespace and not event.name.startswith(namespace + "."):
            message = f"`{event.name}` does not start with the registry's namespace `{namespace}`"
            yield Problem("OBS701", message, event.place, target=event.name)


def undeclared(registry: Registry, elsewhere: Iterable[str] = ()) -> Iterator[Problem]:
    """Yield, as OBS701, the events that chain, lifecycles and deprecations name and nobody declares.

    `elsewhere` are the names that other sources of the same configuration declare.
    """
    names = {event.name for event in registry.events} | set(elsewhere)

    def tell(path: Path, name: str, target: str) -> Problem:
        place = place_of(registry.places, pointer(path), registry.place)
        return Problem("OBS701", f"`{name}` is no declared event{_near(name, names)}", place, target=target)

    for index, link in enumerate(registry.chain):
        if link.introduced_by and link.introduced_by not in names:
            path: Path = ("correlation", "chain", index, "introduced_by")
            yield tell(path, link.introduced_by, f"chain.{link.field}")
    for lifecycle in registry.lifecycles:
        used: list[tuple[Path, str]] = [(("start",), lifecycle.start)]
        used += [(("terminal", index), name) for index, name in enumerate(lifecycle.terminal)]
        used += [(("retry", "after", index), name) for index, name in enumerate(lifecycle.retry.get("after", ()))]
        used += [(("compensation", key), name) for key, name in lifecycle.compensation.items()]
        for path, name in used:
            if name not in names:
                yield tell(("lifecycles", lifecycle.name, *path), name, f"lifecycles.{lifecycle.name}")
    for event in registry.events:
        name = event.deprecated.replaced_by if event.deprecated is not None else ""
        if name and name not in names:
            place = place_of(event.places, "/deprecated/replaced-by", event.place)
            message = f"`{name}` is no declared event{_near(name, names)}"
            yield Problem("OBS701", message, place, target=event.name)


def _chain(registry: Registry, fields: set[str]) -> Iterator[Problem]:
    links = {link.field: link for link in reversed(registry.chain)}
    roots = [link for link in registry.chain if link.root]
    seen: set[str] = set()
    for index, link in enumerate(registry.chain):
        at: Path = ("correlation", "chain", index)

        def tell(key: str, message: str, at: Path = at, target: str = link.field) -> Problem:
            place = place_of(registry.places, pointer((*at, key)), registry.place)
            return Problem("OBS701", message, place, target=f"chain.{target}")

        if link.field not in fields:
            yield tell("field", f"`{link.field}` is no declared correlation field{_near(link.field, fields)}")
        if link.field in seen:
            yield tell("field", f"`{link.field}` stands in the chain twice")
        seen.add(link.field)
        if link.parent and link.parent not in links:
            yield tell("parent", f"the parent `{link.parent}` is no link of the chain{_near(link.parent, links)}")
        if link.root and link.parent:
            yield tell("parent", f"`{link.field}` is the root of the chain and can't have a parent")
        if not link.root and not link.parent:
            yield tell("field", f"`{link.field}` has no `parent` and is not the root; how is it reached?")
        if link.root and link is not roots[0]:
            yield tell("root", f"`{link.field}` is a second root of the chain, beside `{roots[0].field}`")
        parent = link.parent
        passed = {link.field}
        while parent in links and parent not in passed:
            passed.add(parent)
            parent = links[parent].parent
        if parent == link.field:
            yield tell("parent", f"`{link.field}` is its own ancestor in the chain")


def _lifecycle(registry: Registry, lifecycle: Lifecycle, fields: set[str]) -> Iterator[Problem]:
    def tell(path: Path, message: str) -> Problem:
        place = place_of(registry.places, pointer(("lifecycles", lifecycle.name, *path)), lifecycle.place)
        return Problem("OBS701", message, place, target=f"lifecycles.{lifecycle.name}")

    for index, name in enumerate(lifecycle.terminal):
        if name == lifecycle.start:
            yield tell(("terminal", index), f"`{name}` both starts and ends the lifecycle `{lifecycle.name}`")
    for index, name in enumerate(lifecycle.retry.get("after", ())):
        if name not in lifecycle.terminal:
            yield tell(
                ("retry", "after", index), f"`{name}` does not end the lifecycle, so nothing is retried after it"
            )
    keys: list[tuple[Path, str]] = [(("key",), lifecycle.key), (("retry", "key"), lifecycle.retry.get("key", ""))]
    for path, name in keys:
        if name and fields and name not in fields and not name.startswith("payload."):
            yield tell(path, f"`{name}` is no declared correlation field{_near(name, fields)}")


def _event(registry: Registry, event: Event, fields: set[str]) -> Iterator[Problem]:
    def tell(path: Path, message: str) -> Problem:
        return Problem("OBS701", message, place_of(event.places, pointer(path), event.place), target=event.name)

    for key, used in (("required", event.required), ("optional", event.optional)):
        for index, name in enumerate(used):
            if fields and name not in fields:
                message = f"`{name}` is no declared correlation field{_near(name, fields)}"
                yield tell(("correlation", key, index), message)
            elif key == "optional" and name in event.required:
                yield tell(("correlation", key, index), f"`{name}` is both required and optional")
    if event.deprecated is not None and event.deprecated.replaced_by == event.name:
        yield tell(("deprecated", "replaced-by"), f"`{event.name}` can't replace itself")
    if event.payload is not None and registry.classifications:
        for path, schema in _annotated(event.payload):
            privacy = schema.get("privacy")
            if isinstance(privacy, str) and privacy not in registry.classifications:
                near = _near(privacy, registry.classifications)
                message = f"`{privacy}` is no declared classification{near}"
                yield tell(("payload", *path, "x-obs", "privacy"), message)


def _annotated(schema: Any) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield (path of the subschema, its `x-obs`)."""
    waiting: list[tuple[Path, Any]] = [((), schema)]
    while waiting:
        path, one = waiting.pop()
        if isinstance(one, Mapping):
            notes = one.get("x-obs")
            if isinstance(notes, Mapping):
                yield path, notes
            waiting += [((*path, *more), inner) for more, inner in subschemas(one)]


def _near(word: str, known: Iterable[str]) -> str:
    from obs_lint.config.suggest import nearest

    found = nearest(word, known)
    return f"; did you mean `{found}`?" if found else ""
