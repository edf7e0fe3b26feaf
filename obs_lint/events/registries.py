"""All events that a configuration declares, from every source, as rules and commands ask for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from obs_lint.config import where
from obs_lint.config.model import Config, RegistrySource
from obs_lint.events.model import Alternative
from obs_lint.project import Project
from obs_lint.registry import kept
from obs_lint.registry.model import Event, Lifecycle, Naming, Place, Problem, Registry, RegistryError
from obs_lint.registry.reader import Reader
from obs_lint.registry.sources import kind_of

RESERVED: tuple[str, ...] = (
    "obs.operation.started",
    "obs.operation.completed",
    "obs.operation.failed",
    "obs.contract_violation",
    "obs.smoke.sentinel",
)
"""Events of the surface itself, registered everywhere."""


_KIND = "registries"


class Registries:
    """What every source of one configuration declares, together."""

    def __init__(self, sources: Iterable[Registry], broken: Iterable[Problem] = (), inputs: Iterable[str] = ()) -> None:
        """`broken`: why some sources could not be read at all."""
        self.sources = tuple(sources)
        self.broken = tuple(broken)
        self.inputs = tuple(inputs)
        """Every file and folder that was looked at, absolute."""
        self._by_name: dict[str, list[Event]] = {}
        self._by_symbol: dict[str, Event] = {}
        self._registry: dict[int, Registry] = {}
        for registry in self.sources:
            for event in registry.events:
                self._by_name.setdefault(event.name, []).append(event)
                self._registry[id(event)] = registry
                for symbol in (event.symbol, *event.aliases):
                    if symbol:
                        self._by_symbol.setdefault(symbol, event)

    @property
    def is_complete(self) -> bool:
        """False where a source could not be read, or may declare more than was found: an unknown name tells nothing."""
        return not self.broken and all(registry.complete for registry in self.sources)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the sources, those that can't be used first."""
        return (*self.broken, *(problem for registry in self.sources for problem in registry.problems))

    @cached_property
    def exempt(self) -> frozenset[str]:
        """Dotted names of classes that are no events of their own; an emission of one tells nothing."""
        return frozenset(symbol for registry in self.sources for symbol in registry.exempt)

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """Every declared event, source by source."""
        return tuple(event for registry in self.sources for event in registry.events)

    @cached_property
    def names(self) -> frozenset[str]:
        """Every declared name, reserved ones too."""
        return frozenset(self._by_name) | frozenset(RESERVED)

    @cached_property
    def lifecycles(self) -> tuple[Lifecycle, ...]:
        """Every declared lifecycle."""
        return tuple(lifecycle for registry in self.sources for lifecycle in registry.lifecycles)

    @cached_property
    def classifications(self) -> Mapping[str, str]:
        """Classification → allow | hash | forbid."""
        return {name: rule for registry in self.sources for name, rule in registry.classifications.items()}

    @cached_property
    def sensitive_names(self) -> frozenset[str]:
        """Names that the registries call sensitive."""
        return frozenset(name for registry in self.sources for name in registry.sensitive_names)

    @cached_property
    def correlation(self) -> Mapping[str, Registry]:
        """Canonical correlation field → the registry that declares it."""
        return {field.name: registry for registry in self.sources for field in registry.correlation}

    @cached_property
    def namings(self) -> tuple[Naming, ...]:
        """How names are made, one for each source that says so."""
        return tuple(registry.naming for registry in self.sources if registry.naming is not None)

    def find(self, name: str) -> Event | None:
        """Return the event of that name, preferring one that is no copy."""
        events = self._by_name.get(name)
        if not events:
            return None
        return next((event for event in events if not self._registry[id(event)].mirror), events[0])

    def of(self, alternative: Alternative) -> Event | None:
        """Return the event that an alternative is: by the symbol that declares it, else by name."""
        if alternative.symbol:
            found = self._by_symbol.get(alternative.symbol)
            if found is not None:
                return found
        return self.find(alternative.name) if alternative.name else None

    def is_reserved(self, name: str) -> bool:
        """True for an event of the surface itself."""
        return name in RESERVED

    def registry_of(self, event: Event) -> Registry:
        """Return the source that declares an event."""
        return self._registry[id(event)]

    def naming_of(self, name: str) -> Naming | None:
        """Return how the name should be made: as in the source that declares it, else as in the one whose namespace
        it starts with, else as in the only one; None where nothing is said.
        """
        event = self.find(name)
        if event is not None:
            return self.registry_of(event).naming
        for registry in self.sources:
            if registry.namespace and (name == registry.namespace or name.startswith(registry.namespace + ".")):
                return registry.naming
        saying = [registry for registry in self.sources if not registry.mirror]
        return saying[0].naming if len(saying) == 1 else None

    def nearest(self, name: str) -> str:
        """Return the declared name that looks most like `name`, "" where none does."""
        from difflib import get_close_matches

        near = get_close_matches(name, sorted(self._by_name), 1, 0.75)
        if near:
            return near[0]
        folded = {known.lower().replace("-", "_").replace("/", "."): known for known in sorted(self._by_name)}
        near = get_close_matches(name.lower().replace("-", "_").replace("/", "."), folded, 1, 0.75)
        return folded[near[0]] if near else ""


def registries(project: Project, config: Config) -> Registries:
    """Return what a configuration's `registry` declares; read once a run. Raises nothing: see `Registries.broken`."""
    return project.once((_KIND, config.registry, config.environment), lambda: _read_all(project, config))


def broken(project: Project) -> tuple[Problem, ...]:
    """Return why sources can't be used, of every registry that somebody asked for in this run."""
    found: dict[Problem, None] = {}
    for made in project.answers(_KIND):
        found |= dict.fromkeys(made.broken)
    return tuple(found)


def _read_all(project: Project, config: Config) -> Registries:
    found: list[Registry] = []
    broken: list[Problem] = []
    inputs: dict[str, None] = {}
    for index, source in enumerate(config.registry):
        reader = Reader(str(config.root), config.environment)
        try:
            registry = _read(source, reader, project, config)
        except RegistryError as error:
            broken += [_placed(problem, config, index, source) for problem in error.problems]
            inputs |= dict.fromkeys((*reader.inputs, *error.inputs))
            continue
        broken += [_placed(problem, config, index, source) for problem in registry.problems if problem.fatal]
        found.append(registry)
        inputs |= dict.fromkeys(registry.inputs)
    project.depends_on(*inputs)
    return Registries(found, broken, inputs)


def _read(source: RegistrySource, reader: Reader, project: Project, config: Config) -> Registry:
    if kind_of(source.source) == "python":
        from obs_lint.events.declared_in_code import read as read_code

        return read_code(source, project, config)
    return kept.read(source, reader, project.cache)


def _placed(problem: Problem, config: Config, index: int, source: RegistrySource) -> Problem:
    """Put a problem that has no place of its own to where the configuration names the source."""
    if problem.place.path:
        return problem
    file, line = where(config, f"registry[{index}]")
    if not line:
        file, line = where(config, "registry", source.source)
    return Problem(
        problem.code,
        f"source `{source.source}`: {problem.message}",
        Place(file, line or 1),
        problem.help,
        problem.target,
        problem.fatal,
    )
