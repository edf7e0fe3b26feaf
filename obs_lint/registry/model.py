"""A registry as values: what one source declares of events, and where it says so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Place(NamedTuple):
    """Where something is written."""

    path: str
    """From the project's root with `/`; absolute where it lies outside (an installed package, a shipped preset)."""
    line: int = 1
    """1-based, as all of these."""
    column: int = 1
    end_line: int = 0
    """0: not known; the end is then that of the first word."""
    end_column: int = 0


_NOWHERE = Place("")


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong with a registry."""

    code: str
    """OBS701, OBS702, OBS704 or OBS705; `registry` where the source can't be used as it is."""
    message: str
    place: Place
    help: str = ""
    target: str = ""
    """What it is about: the event's name, the schema's; part of the fingerprint."""
    fatal: bool = False
    """True where names or fields of the source can't be trusted: the run ends with exit code 2."""


class RegistryError(Exception):
    """A registry that can't be used: every reason, each at its place."""

    def __init__(self, problems: tuple[Problem, ...], inputs: tuple[str, ...] = ()) -> None:
        """`inputs`: files and folders that were looked at, where no Reader knows them; absolute."""
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = problems
        self.inputs = inputs


@dataclass(frozen=True, slots=True)
class Deprecation:
    """Since when something is deprecated, and what stands for it."""

    since: str = ""
    replaced_by: str = ""
    remove_after: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """A payload that must validate, or, as a counterexample, must not."""

    payload: Any
    place: Place
    because: str = ""
    """Of a counterexample: why it must fail."""


@dataclass(frozen=True, slots=True)
class Event:
    """One declared event."""

    name: str
    place: Place
    """Of the key, the member or the class that declares it."""
    source: str = ""
    """The configured source that it comes from, as written there."""
    symbol: str = ""
    """Dotted canonical name of the class, enum member or constant that declares it in code, "" for data."""
    version: int = 1
    summary: str = ""
    owner: str = ""
    stability: str = ""
    """experimental | stable | deprecated; "" where nothing is said."""
    severity: str = ""
    """debug | info | warn | error | …; "" where nothing is said."""
    required: tuple[str, ...] = ()
    """Correlation fields that it must carry."""
    optional: tuple[str, ...] = ()
    producers: tuple[str, ...] = ()
    """Names of services; () for any."""
    smoke: str = ""
    """always | conditional | never; "" where nothing is said."""
    deprecated: Deprecation | None = None
    payload: Mapping[str, Any] | None = None
    """JSON Schema 2020-12 without references to other files; None where nothing is declared."""
    examples: tuple[Example, ...] = ()
    counterexamples: tuple[Example, ...] = ()
    places: Mapping[str, Place] = field(default_factory=dict)
    """JSON pointer within the declaration (`/payload/properties/attempt`, `/severity`) → where it is written."""
    aliases: tuple[str, ...] = ()
    """Other dotted names of it: an enum's alias, a subclass that inherits the name, a re-export of a package."""

    @property
    def is_deprecated(self) -> bool:
        """True where it should no longer be emitted."""
        return self.deprecated is not None or self.stability == "deprecated"


@dataclass(frozen=True, slots=True)
class Naming:
    """How names of one source are made."""

    text: str
    """As written: a template with placeholders, or a regular expression."""
    pattern: re.Pattern[str]

    def fits(self, name: str) -> bool:
        """True where the whole name is made so."""
        return self.pattern.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class CorrelationField:
    """One canonical correlation field."""

    name: str
    type: str = "string"
    """uuid | string | integer | otel-trace-id | otel-span-id"""
    header: str = ""
    aliases: tuple[str, ...] = ()
    """Spellings that mean this field and should not be used."""
    at: str = ""
    """Where it stands if not in the envelope's correlation: `payload.layer_name`."""


@dataclass(frozen=True, slots=True)
class ChainLink:
    """One hop of the correlation chain."""

    field: str
    parent: str = ""
    root: bool = False
    introduced_by: str = ""
    new_per: str = ""
    many: bool = False


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """The state machine of a kind of thing."""

    name: str
    key: str
    start: str
    terminal: tuple[str, ...]
    exactly_one_terminal: bool = True
    deadline: str = ""
    """An ISO 8601 duration."""
    retry: Mapping[str, Any] = field(default_factory=dict)
    states_field: str = ""
    transitions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    compensation: Mapping[str, str] = field(default_factory=dict)
    place: Place = _NOWHERE


@dataclass(frozen=True, slots=True)
class Registry:
    """What one configured source declares."""

    source: str
    """As configured: `contracts/obs-registry.yaml`, `python:shop.obs:Ev`."""
    place: Place
    """Its file, or where the configuration names it."""
    events: tuple[Event, ...] = ()
    """In the order of their declaration."""
    namespace: str = ""
    naming: Naming | None = None
    correlation: tuple[CorrelationField, ...] = ()
    chain: tuple[ChainLink, ...] = ()
    lifecycles: tuple[Lifecycle, ...] = ()
    classifications: Mapping[str, str] = field(default_factory=dict)
    """Classification → what a payload may do with such a field: allow | hash | forbid."""
    sensitive_names: tuple[str, ...] = ()
    schemas: Mapping[str, Any] = field(default_factory=dict)
    """`envelope`, `correlation` → JSON Schema, without references to other files."""
    places: Mapping[str, Place] = field(default_factory=dict)
    """JSON pointer within the index (`/schemas/envelope`, `/naming`) → where it is written."""
    mirror: bool = False
    """A copy: it may repeat events of other sources."""
    complete: bool = True
    """False where it may declare more events than could be found (a source in code that is computed)."""
    problems: tuple[Problem, ...] = ()
    """What is wrong with it but leaves it usable, without what needs a schema validator (registry.contracts)."""
    inputs: tuple[str, ...] = ()
    """Every file that it was read from, absolute."""
    exempt: tuple[str, ...] = ()
    """Dotted names of classes that belong to it without being events of their own: bases that events derive from,
    stand-ins in tests. That one is emitted tells nothing."""
