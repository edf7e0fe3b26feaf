"""The canonical correlation fields of a project, their headers, and the spellings that are taken for them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from obs_lint.config.model import Config
from obs_lint.project import Project
from obs_lint.registry.model import ChainLink, CorrelationField

DEFAULT_FIELDS: tuple[CorrelationField, ...] = (
    CorrelationField("request_id", "uuid", "X-Request-Id"),
    CorrelationField("correlation_id", "uuid", "X-Correlation-Id"),
    CorrelationField("job_id", "uuid"),
    CorrelationField("job_run_id", "uuid"),
    CorrelationField("trace_id", "otel-trace-id"),
    CorrelationField("span_id", "otel-span-id"),
)
"""What counts where no registry declares correlation fields."""

_SHORT: Mapping[str, tuple[str, ...]] = {
    "request": ("req",),
    "correlation": ("corr",),
}
"""Words of field names and how people shorten them."""
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


@dataclass(frozen=True)
class Canonical:
    """The correlation fields under one configuration."""

    fields: tuple[CorrelationField, ...]
    chain: tuple[ChainLink, ...]
    declared: bool
    """False where no registry declares any, and the fields are the usual ones."""

    @cached_property
    def names(self) -> frozenset[str]:
        """Names of the fields."""
        return frozenset(field.name for field in self.fields)

    @cached_property
    def headers(self) -> Mapping[str, str]:
        """Header in lower case → name of the field."""
        return {field.header.lower(): field.name for field in self.fields if field.header}

    @cached_property
    def aliases(self) -> Mapping[str, str]:
        """Declared alias → name of the field."""
        return {
            alias: field.name
            for field in self.fields
            for alias in field.aliases
            if alias not in self.names and alias.lower() not in self.headers
        }

    @cached_property
    def spellings(self) -> Mapping[str, str]:
        """Spelling that follows from a field's name (`reqId`, `corr_id`, `jobrunid`) → name of the field."""
        found: dict[str, str] = {}
        for field in self.fields:
            for spelling in spellings(field.name):
                if spelling not in self.names and spelling not in self.aliases:
                    found.setdefault(spelling, field.name)
        return found

    @cached_property
    def header_spellings(self) -> Mapping[str, str]:
        """Header that is meant for a field's (`x-req-id`, `x-correlationid`), in lower case → name of the field."""
        found: dict[str, str] = {}
        for field in self.fields:
            for header in header_spellings(field) if field.header else ():
                if header not in self.headers:
                    found.setdefault(header, field.name)
        return found

    def of_header(self, text: str) -> str:
        """Return the field that a header carries, as HTTP or as WSGI calls it (`HTTP_X_REQUEST_ID`); "" for others."""
        name = text.lower()
        if name.startswith("http_"):
            name = name[5:].replace("_", "-")
        return self.headers.get(name, "")

    def named(self, text: str) -> str:
        """Return the field that a name or a declared alias is; "" for any other."""
        return text if text in self.names else self.aliases.get(text, "")

    def field(self, name: str) -> CorrelationField:
        """Return the field of that name. Raises KeyError."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)

    def link(self, name: str) -> ChainLink | None:
        """Return where a field stands in the declared chain, None where it is not part of one."""
        return next((link for link in self.chain if link.field == name), None)


def canonical(project: Project, config: Config) -> Canonical:
    """Return the correlation fields under a configuration: its registries', or the usual ones."""
    return project.once(("canonical fields", id(config)), lambda: _canonical(project, config))


def _canonical(project: Project, config: Config) -> Canonical:
    fields: dict[str, CorrelationField] = {}
    chain: list[ChainLink] = []
    if config.registry:
        from obs_lint.events.registries import registries

        found = registries(project, config)
        for registry in found.sources:
            chain += registry.chain
            for field in registry.correlation:
                fields.setdefault(field.name, field)
    return Canonical(tuple(fields.values()) or DEFAULT_FIELDS, tuple(chain), bool(fields))


def words(name: str) -> tuple[str, ...]:
    """Return the words of a name, in lower case: `jobRunId`, `job_run_id` and `Job-Run-Id` have the same ones."""
    return tuple(word.lower() for word in _WORD.findall(name))


def spellings(name: str) -> Iterator[str]:
    """Yield how a field is written by those who do not know its name; the name itself is not among them."""
    parts = words(name)
    if len(parts) < 2 or parts[-1] != "id":
        return
    choices = [(part, *_SHORT.get(part, ())) for part in parts]
    seen = {name}
    for chosen in product(*choices):
        rest = "".join(part.capitalize() for part in chosen[1:])
        upper = "".join(part.capitalize() for part in chosen[1:-1]) + "ID"
        for spelling in (
            "_".join(chosen),
            chosen[0] + rest,
            chosen[0] + upper,
            "".join(chosen),
        ):
            if spelling not in seen:
                seen.add(spelling)
                yield spelling


def header_spellings(field: CorrelationField) -> Iterator[str]:
    """Yield headers, in lower case, by which somebody may mean a field's own: `x-req-id`, `request-id`."""
    choices = [(part, *_SHORT.get(part, ())) for part in words(field.name)]
    if len(choices) < 2:
        return
    for chosen in product(*choices):
        for start in ("x-", ""):
            yield start + "-".join(chosen)
            yield start + "".join(chosen)
            yield start + "".join(chosen[:-1]) + "-" + chosen[-1]
