"""A registry as its author would write it: values back to the keys of an obs-registry.yaml, and to its text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from obs_lint.registry.model import (
    ChainLink,
    CorrelationField,
    Deprecation,
    Event,
    Lifecycle,
    Naming,
    Place,
    Registry,
)
from obs_lint.registry.structure import FORMAT

_WIDTH = 118


def document(registry: Registry) -> dict[str, Any]:
    """Return the registry as the mapping that an obs-registry.yaml holds; `schemas`, which are files, are left out."""
    return {
        "format": FORMAT,
        **{key: value for key, value in settings(registry).items() if key != "schemas"},
        "events": {event.name: declaration(event) for event in registry.events},
    }


def settings(registry: Registry) -> dict[str, Any]:
    """Return what a registry declares beside its events, {} where that is nothing; `schemas` with all that they say."""
    naming = registry.naming
    return _stated(
        {
            "namespace": registry.namespace,
            "naming": naming
            and (naming.text if naming.text != naming.pattern.pattern else {"pattern": naming.pattern.pattern}),
            "schemas": _plain(registry.schemas),
            "correlation": _stated(
                {
                    "fields": {field.name: _correlation_field(field) for field in registry.correlation},
                    "chain": [_link(link) for link in registry.chain],
                }
            ),
            "classifications": {name: {"payload": rule} for name, rule in registry.classifications.items()},
            "sensitive-names": list(registry.sensitive_names),
            "lifecycles": {lifecycle.name: _lifecycle(lifecycle) for lifecycle in registry.lifecycles},
        }
    )


def registry_of(source: str, place: Place, said: Mapping[str, Any], places: Mapping[str, Place]) -> Registry:
    """Return a registry without events from what `settings` returns, which is to be valid (`structure.INDEX`).

    `places`: JSON pointer → where that is written. Raises ValueError for a naming that means nothing.
    """
    from obs_lint.registry.index import chain_links, correlation_fields, lifecycle

    return Registry(
        source=source,
        place=place,
        namespace=said.get("namespace", ""),
        naming=_naming(said.get("naming"), said.get("namespace", "")),
        correlation=tuple(correlation_fields(said)),
        chain=tuple(chain_links(said)),
        lifecycles=tuple(
            lifecycle(name, of, places.get(f"/lifecycles/{name}", place))
            for name, of in said.get("lifecycles", {}).items()
        ),
        classifications={name: of["payload"] for name, of in said.get("classifications", {}).items()},
        sensitive_names=tuple(said.get("sensitive-names", ())),
        schemas=said.get("schemas", {}),
        places=places,
    )


def _naming(said: Any, namespace: str) -> Naming | None:
    import re

    from obs_lint.registry import regexes
    from obs_lint.registry.index import template

    if not said:
        return None
    if isinstance(said, Mapping):
        text = said["pattern"]
        pattern, problem = text, regexes.problem_of(text)
    else:
        text = said
        pattern, problem = template(text, namespace)
    if problem or pattern is None:
        raise ValueError(f"the naming {problem}")
    return Naming(text, re.compile(pattern))


def declaration(event: Event) -> dict[str, Any]:
    """Return what stands below an event's name."""
    return {
        "version": event.version,
        **_stated(
            {
                "summary": event.summary,
                "owner": event.owner,
                "stability": event.stability,
                "severity": event.severity,
                "correlation": _stated({"required": list(event.required), "optional": list(event.optional)}),
                "producers": list(event.producers),
                "smoke": event.smoke,
            }
        ),
        **({} if event.deprecated is None else {"deprecated": _deprecation(event.deprecated)}),
        **({} if event.payload is None else {"payload": _plain(event.payload)}),
        **_stated(
            {
                "examples": [_plain(example.payload) for example in event.examples],
                "counterexamples": [
                    {"payload": _plain(example.payload), **_stated({"because": example.because})}
                    for example in event.counterexamples
                ],
            }
        ),
    }


def _correlation_field(field: CorrelationField) -> dict[str, Any]:
    return {
        "type": field.type,
        **_stated({"header": field.header, "aliases": list(field.aliases), "at": field.at}),
    }


def _link(link: ChainLink) -> dict[str, Any]:
    return {
        "field": link.field,
        **_stated(
            {
                "parent": link.parent,
                "root": link.root,
                "introduced_by": link.introduced_by,
                "new_per": link.new_per,
                "many": link.many,
            }
        ),
    }


def _lifecycle(lifecycle: Lifecycle) -> dict[str, Any]:
    return {
        "key": lifecycle.key,
        "start": lifecycle.start,
        "terminal": list(lifecycle.terminal),
        "exactly-one-terminal": lifecycle.exactly_one_terminal,
        **_stated(
            {
                "deadline": lifecycle.deadline,
                "retry": _plain(lifecycle.retry),
                "states": _stated(
                    {
                        "field": lifecycle.states_field,
                        "transitions": {state: list(then) for state, then in lifecycle.transitions.items()},
                    }
                ),
                "compensation": _plain(lifecycle.compensation),
            }
        ),
    }


def _deprecation(deprecation: Deprecation) -> dict[str, Any]:
    return _stated(
        {
            "since": deprecation.since,
            "replaced-by": deprecation.replaced_by,
            "remove-after": deprecation.remove_after,
        }
    )


def _stated(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value}


def _plain(value: Any) -> Any:
    """Turn any mapping and sequence into the dicts and lists that are written."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def yaml_text(value: Mapping[str, Any], heading: Iterable[str] = ()) -> str:
    """Return a mapping as YAML that readers of 1.1 and of 1.2 understand alike; `heading` becomes its comments."""
    import yaml

    plain = _plain(value)
    try:
        text = _dumped(plain, getattr(yaml, "CSafeDumper", yaml.SafeDumper))
    except UnicodeEncodeError:
        text = _dumped(plain, yaml.SafeDumper)  # libyaml can't take a lone surrogate; this one escapes it
    return "".join(f"# {line}\n" for line in heading) + text


def _dumped(value: Any, base: Any) -> str:
    import re

    import yaml

    class Dumper(base):  # type: ignore[misc]
        def ignore_aliases(self, data: Any) -> bool:
            return True

    def represent_text(dumper: Any, data: str) -> Any:
        return dumper.represent_scalar("tag:yaml.org,2002:str", data, style="|" if "\n" in data.strip() else None)

    Dumper.add_representer(str, represent_text)
    # Words that YAML 1.2 takes for numbers and PyYAML, of 1.1, does not: as text they need their quotes.
    number = r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|0o[0-7]+|0x[0-9a-fA-F]+)$"
    Dumper.add_implicit_resolver("tag:obs-lint,2025:number", re.compile(number), list("-+.0123456789"))
    text: str = yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)
    return text
