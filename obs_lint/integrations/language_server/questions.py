"""Questions about events: which one a place in the code means, where it is declared and where it is emitted.

A view of the project is kept for as long as nothing changes; what the cache held is kept in memory beside it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from obs_lint.config import config_for
from obs_lint.config.model import Config, EmitterConfig
from obs_lint.diagnostic import Position
from obs_lint.discovery import Discovery, describe, discover, locate
from obs_lint.events.emissions import emission_anchors, emissions
from obs_lint.events.event_values import events_of, things_of
from obs_lint.events.given import Place as Evaluated
from obs_lint.events.model import Alternative, Emission
from obs_lint.events.registries import Registries, registries
from obs_lint.facts.cache import Cache
from obs_lint.facts.model import Expr, FileFacts, Pos
from obs_lint.facts.pool import Pool
from obs_lint.facts.scan import Profile
from obs_lint.facts.store import FactsStore
from obs_lint.integrations.language_server.documents import Document
from obs_lint.project import Project
from obs_lint.registry.model import Event

_SUFFIXES = (".py", ".pyi")


class Spot(NamedTuple):
    """The events that a place in the code means, and the extent of what says so."""

    events: tuple[Event, ...]
    pos: Pos


class _Memory(Cache):
    """A cache that keeps what it was given in memory, and writes nothing: another thread writes the folder."""

    def __init__(self, folder: str | None) -> None:
        super().__init__(folder)
        self._held: dict[str, Any] = {}

    def load(self, name: str) -> Any:
        if name not in self._held:
            self._held[name] = super().load(name)
        return self._held[name]

    def save(self, name: str, value: Any) -> None:
        self._held[name] = value

    def keep_newest(self, prefix: str, count: int) -> None:
        return


@dataclass(frozen=True, slots=True)
class View:
    """A project with certain contents for the files that are open."""

    project: Project
    config: Config
    """That of the whole project; a file's scope may say otherwise."""

    def config_of(self, path: str) -> Config:
        """Return what holds for a file."""
        return config_for(self.config, path)

    def registries_of(self, path: str) -> Registries:
        """Return what is declared for a file."""
        return registries(self.project, self.config_of(path))

    def emissions_in(self, path: str) -> tuple[Emission, ...]:
        """Return the emissions of a file; () where it can't be parsed."""
        if self.project.facts(path) is None:
            return ()
        return emissions(self.project, self.config_of(path)).in_file(path)

    def spot(self, path: str, place: Position, literal: tuple[str, Pos] | None) -> Spot | None:
        """Return which events a place means: as what is emitted there, as a name that is one, or as a `literal` there.

        None for any other place.
        """
        declared = self.registries_of(path)
        facts = self.project.facts(path)
        for emission in self.emissions_in(path) if facts is not None else ():
            pos = _event_pos(emission)
            if covers(pos, place):
                found = _events(declared, emission.alternatives)
                if found:
                    return Spot(found, pos)
        if literal is not None:
            text, pos = literal
            event = declared.find(text)
            return None if event is None else Spot((event,), pos)
        chain = None if facts is None else _chain_at(facts, place)
        if chain is None:
            return None
        expr, scope = chain
        things = things_of(self.project, Evaluated(path, scope, expr))
        found = _events(declared, events_of(self.project, things, path, expr).alternatives)
        return Spot(found, expr[-1]) if found else None

    def declared_at(self, path: str, line: int) -> tuple[Event, ...]:
        """Return the events that are declared on a line of a file: of a registry's YAML, or of code."""
        found: dict[int, Event] = {}
        for part in (self.config, *(scope.config for scope in self.config.scopes)):
            for event in registries(self.project, part).events:
                if event.place.path == path and event.place.line == line:
                    found[id(event)] = event
        return tuple(found.values())

    def emitted(self, events: Iterable[Event]) -> Iterator[tuple[str, Pos]]:
        """Yield every place that emits one of the events, as (path, extent of what names it)."""
        wanted = {(event.name, event.place) for event in events}
        configs = {id(c): c for c in (self.config, *(scope.config for scope in self.config.scopes))}
        for config in configs.values():
            declared = registries(self.project, config)
            for emission in emissions(self.project, config).all(self.project.files.values()):
                if self.config_of(emission.path) is not config:
                    continue
                for event in _events(declared, emission.alternatives):
                    if (event.name, event.place) in wanted:
                        yield emission.path, _event_pos(emission)
                        break


class Questions:
    """Answers questions about one project; all of it belongs to one thread, but `config` and `forget`."""

    def __init__(self, root: str, encoding: str) -> None:
        """`config` is set when the project was linted; before, nothing is known."""
        self.root = root
        self.encoding = encoding
        self.config: Config | None = None
        self._generation = 0
        self._built = -1
        self._discovery: Discovery | None = None
        self._memory: _Memory | None = None
        self._view: View | None = None
        self._key: object = None

    def forget(self) -> None:
        """Files may have changed on the disk."""
        self._generation += 1

    def relative(self, path: str) -> str:
        """Return an absolute path as the engine writes it."""
        return locate(path, self.root, self.root)[0]

    def view(self, documents: Iterable[Document], instead: Mapping[str, bytes] | None = None) -> View | None:
        """Return the project with what is open, and what stands `instead` of that: path → bytes.

        None where there is no usable configuration.
        """
        config = self.config
        if config is None:
            return None
        generation = self._generation
        if generation != self._built or self._discovery is None or self._memory is None:
            self._discovery = discover(config)
            self._memory = _Memory(os.path.join(str(config.root), config.cache_dir))
            self._view = None
            self._built = generation
            # What is scanned without an overlay is kept: all that a view with one has to scan is the overlay.
            self._open(config, self._discovery, self._memory, {})
        contents = {
            self.relative(document.path): document.data for document in documents if document.path.endswith(_SUFFIXES)
        }
        contents |= instead or {}
        key = (id(config), generation, tuple(sorted(contents.items())))
        if self._view is None or key != self._key:
            self._view = self._open(config, self._discovery, self._memory, contents)
            self._key = key
        return self._view

    def _open(self, config: Config, discovery: Discovery, memory: _Memory, contents: Mapping[str, bytes]) -> View:
        known = {file.path for file in discovery.files}
        new = [describe(discovery, config, path, self.root) for path in sorted(contents) if path not in known]
        if new:
            files = tuple(sorted((*discovery.files, *new), key=lambda file: file.path))
            discovery = Discovery(
                files, discovery.source_roots, discovery.missing, discovery.unreadable, discovery.reach
            )
        store = FactsStore(discovery.files, Pool(1), memory, contents)
        anchors = [a for part in (config, *(s.config for s in config.scopes)) for a in emission_anchors(part)]
        store.scan(Profile((), True, False, tuple(dict.fromkeys(anchors))))
        return View(Project(discovery, store, memory), config)


def covers(pos: Pos, place: Position) -> bool:
    """True where a place lies in an extent, or right behind it."""
    return pos[:2] <= place <= pos[2:]


def _event_pos(emission: Emission) -> Pos:
    """The extent of what says which event it is: the expression, or the callee's last name."""
    if emission.event is not None:
        pos: Pos = emission.event[-1]
        return pos
    callee = emission.call[1] if emission.call[0] == "call" else emission.call
    return _last_name(callee)


def _last_name(callee: Expr) -> Pos:
    pos: Pos = callee[-1]
    if callee[0] != "attr":
        return pos
    return (pos[2], pos[3] - len(callee[2]), pos[2], pos[3])


def _events(declared: Registries, alternatives: Iterable[Alternative]) -> tuple[Event, ...]:
    found: dict[int, Event] = {}
    for alternative in alternatives:
        event = declared.of(alternative)
        if event is not None:
            found[id(event)] = event
    return tuple(found.values())


def _chain_at(facts: FileFacts, place: Position) -> tuple[Expr, int] | None:
    """The name, with its attributes up to the one at a place, and its scope."""
    for use in facts.uses:
        if covers(use.expr[-1], place):
            expr = use.expr
            while expr[0] == "attr" and covers(expr[1][-1], place):
                expr = expr[1]
            return expr, use.scope
    for number, scope in enumerate(facts.scopes):
        for name, bindings in scope.bindings.items():
            if any(binding.kind == "assign" and covers(binding.pos, place) for binding in bindings):
                pos = next(binding.pos for binding in bindings if covers(binding.pos, place))
                return ("name", name, pos), number
    return None


def emission_at(found: Iterable[Emission], at: Callable[[Emission], Pos | None], place: Position) -> Emission | None:
    """Return the emission of which a part covers a place; the innermost."""
    best: Emission | None = None
    for emission in found:
        pos = at(emission)
        if pos is not None and covers(pos, place) and (best is None or pos[:2] >= (at(best) or pos)[:2]):
            best = emission
    return best


def takes_keywords(emission: Emission) -> bool:
    """True where the payload is given as keywords of the call."""
    return getattr(emission.via, "payload", None) == "**"


def severity_keyword(emission: Emission) -> str:
    """The keyword by which the severity is given, "" where there is none."""
    via = emission.via
    return (via.severity or "") if isinstance(via, EmitterConfig) else ""
