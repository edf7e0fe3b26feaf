"""Emissions: every place where an event leaves, with every event that it may be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from obs_lint.config.model import Config, EmitterConfig
from obs_lint.diagnostic import Position, TrailStep
from obs_lint.discovery import ProjectFile
from obs_lint.events.emitters import Emitters, declared, definition_anchor, is_distinctive, spelled
from obs_lint.events.event_argument import event_place, roles, taken
from obs_lint.events.event_values import EventValues, events_of, merged, things_of
from obs_lint.events.forwards import Forward, forwards
from obs_lint.events.given import Argument, Place
from obs_lint.events.handed import CARRYING
from obs_lint.events.loggers import LogCall, Loggers, fitting, log_anchors
from obs_lint.events.method_names import MethodNames
from obs_lint.events.model import Alternative, Emission, Payload
from obs_lint.events.payloads import Payloads
from obs_lint.events.registries import registries
from obs_lint.events.search import Search, Site
from obs_lint.events.sought import word_anchor
from obs_lint.events.wrappers import Frame, Reached, Wrapper, event_slots
from obs_lint.facts.model import Anchor, Expr, Pos
from obs_lint.project import Project


def emitter_anchors(config: Config) -> tuple[Anchor, ...]:
    """Files that say an emitter's last name."""
    found: dict[Anchor, None] = {}
    for emitter in declared(config):
        name = emitter.function.rpartition(".")[2]
        literal = max(name.replace("?", "*").split("*"), key=len)
        if literal == name:
            found[word_anchor(name)] = None
            if is_distinctive(name):
                found[definition_anchor(name)] = None
        elif literal:
            found[Anchor((literal.encode(),))] = None
    return tuple(found)


def emission_anchors(config: Config) -> tuple[Anchor, ...]:
    """Files that may hold emissions: those that say an emitter's last name, or log what may be an event's name.

    Callers of wrappers are not among them, and where a name is a pattern nor are all of its methods:
    `Emissions.files` knows those.
    """
    return (*emitter_anchors(config), *log_anchors(config))


def emissions(project: Project, config: Config) -> Emissions:
    """Return the emissions of a project under one configuration; found once a run."""
    return project.once(("emissions", id(config)), lambda: Emissions(project, config))


def lifecycle_helpers(project: Project, config: Config) -> Iterator[EmitterConfig]:
    """Yield the surface's functions that are called like a registered lifecycle: `job_run(…)` emits its events."""
    if not config.registry:
        return
    named = {emitter.function for emitter in config.emitters}
    for lifecycle in registries(project, config).lifecycles:
        for surface in config.surface or ():
            function = f"{surface}.{lifecycle.name}"
            if function not in named and any(o.kind in ("function", "class") for o in project.lookup(function)):
                yield EmitterConfig(function, event=None, lifecycle=lifecycle.name)


class Emissions:
    """The emissions of a project."""

    def __init__(self, project: Project, config: Config) -> None:
        """Nothing is looked at before it is asked for."""
        self._project = project
        self._config = config
        self._emitters = Emitters(project, config, tuple(lifecycle_helpers(project, config)))
        self._search = Search(project, self._emitters, emitter_anchors(config))
        self._loggers = Loggers(project, config)
        self._logging: frozenset[str] | None = None
        self._fits: Callable[[str], bool] | None = None
        self._payloads = Payloads(project, config)
        self._methods = MethodNames(project, config, self._emitters)
        self._found: dict[str, tuple[Emission, ...]] = {}
        self._log: dict[str, tuple[Emission, ...]] = {}

    @property
    def wrappers(self) -> tuple[Wrapper, ...]:
        """Functions that hand one of their parameters on to an emitter as the event, by path and place."""
        return tuple(sorted(self._search.wrappers(), key=lambda wrapper: (wrapper.path, wrapper.call[-1])))

    def in_file(self, path: str, *, prose: bool = False) -> tuple[Emission, ...]:
        """Return the emissions of a file in source order; with `prose`, messages to loggers that are no events too."""
        found = self._found.get(path)
        if found is None:
            found = self._found[path] = tuple(self._read(path))
        if not self._config.loggers or not (prose or path in self._logged()):
            return found
        logged = self._log.get(path)
        if logged is None:
            logged = self._log[path] = tuple(self._read_log(path))
        both = [*found, *[emission for emission in logged if prose or not emission.is_prose]]
        return tuple(sorted(both, key=lambda emission: emission.call[-1]))

    def forwards(self, path: str) -> tuple[Forward, ...]:
        """Return what the functions of a file hand on to declared emitters, unchanged; asks for no other file."""
        return tuple(forwards(self._project, self._search, path))

    def files(self, candidates: Iterable[ProjectFile]) -> tuple[str, ...]:
        """Return the paths of those candidates that may hold emissions, callers of wrappers too."""
        known = self._search.paths() | self._logged()
        return tuple([file.path for file in candidates if file.path in known])

    def all(self, files: Iterable[ProjectFile]) -> Iterator[Emission]:
        """Yield the emissions of all these files."""
        for path in self.files(files):
            yield from self.in_file(path)

    # -- one file

    def _read(self, path: str) -> Iterator[Emission]:
        if path.endswith(".pyi"):
            return
        file = self._project.files.get(path)
        own = file is not None and self._project.is_surface(file, self._config)
        seen: set[tuple[Pos, str, frozenset[tuple[str, str]]]] = set()
        for site in self._search.sites(path):
            emission = self._of_site(site)
            if emission is None or (own and not emission.complete) or (emission.complete and not emission.alternatives):
                continue
            key = (
                emission.call[-1],
                getattr(emission.via, "function", ""),
                frozenset((a.name, a.symbol) for a in emission.alternatives),
            )
            if key not in seen:
                seen.add(key)
                yield emission

    def _of_site(self, site: Site) -> Emission | None:
        reached = self._search.frames.reached(site.handle, site.given)
        if not reached:
            return None
        forwarded = self._search.forwarded(site)
        trail: tuple[TrailStep, ...] = ()
        values = merged([self._values(site, each) for each in reached])
        target = site.handle.target
        if isinstance(target, Wrapper) and not target.plain and not values.complete and not forwarded.plain:
            return None
        if forwarded.slots:
            if forwarded.plain or self._is_in_emitter(site, forwarded.function):
                return None
            calls = self._calls(site, forwarded.function)
            unknown = [call for call, found in calls if not found.complete]
            if calls and not unknown:
                return None
            message = "it is called with a name that can't be told here"
            trail = tuple(self._step(call.path, call.call[-1], message) for call in unknown[:3])
        elif isinstance(target, Wrapper):
            trail = tuple(self._trail(target))
        first = reached[0]
        found = roles(first.given, first.match.emitter, first.match.signature)
        event = self._event(site)
        return Emission(
            path=site.path,
            scope=site.scope,
            call=site.callee if site.is_handed else site.call,
            statement=site.statement,
            via=first.match.emitter,
            pos=site.callee[-1] if event is None else event[-1],
            event=event,
            alternatives=values.alternatives,
            complete=values.complete,
            unknown=values.unknown,
            payload=self._payload(site, first, found.payload),
            severity=self._severity(found.severity, first),
            severity_pos=found.severity.pos if found.severity is not None and first.frame is None else None,
            context=self._context(found.context, first),
            trail=trail,
            wrapper=target.name if isinstance(target, Wrapper) else "",
        )

    def _calls(self, site: Site, function: int) -> list[tuple[Site, EventValues]]:
        """The calls of the function that a site makes a wrapper, with the events that they make of it."""
        found = []
        for wrapper in self._search.wrappers_at(site.path, function):
            if wrapper.call is not site.call:
                continue
            for call in self._search.calls_of(wrapper):
                for reached in self._search.frames.reached(call.handle, call.given):
                    found.append((call, self._values(call, reached)))
        return found

    def _is_in_emitter(self, site: Site, function: int) -> bool:
        return self._search.is_emitter(site.path, function)

    def _event(self, site: Site) -> Expr | None:
        """The expression in this file that says which event it is."""
        for argument in event_slots(site.handle, site.given, self._search.holding):
            if argument.place.path == site.path:
                return argument.place.expr
        return None

    def _values(self, site: Site, reached: Reached) -> EventValues:
        emitter = reached.match.emitter
        if emitter.emits or emitter.lifecycle:
            names = (*emitter.emits, *self._of_lifecycle(emitter.lifecycle))
            own = tuple([Alternative(name, "", site.path, site.callee[-1]) for name in dict.fromkeys(names)])
            return EventValues(own, True)
        if emitter.event == "method":
            name = self._methods.event_of(reached.match)
            found = () if name is None else (Alternative(name, "", site.path, site.callee[-1]),)
            return EventValues(found, True)
        things = self._search.frames.event(reached)
        event = self._event(site) or site.callee
        if things is None:
            return EventValues((), False, event)
        return events_of(self._project, things, site.path, event)

    def _of_lifecycle(self, name: str | None) -> Iterator[str]:
        """The events with which a thing of that lifecycle begins and ends."""
        if name:
            for lifecycle in registries(self._project, self._config).lifecycles:
                if lifecycle.name == name:
                    yield lifecycle.start
                    yield from lifecycle.terminal

    # -- loggers

    def _logged(self) -> frozenset[str]:
        """The files in which a logger may be told an event."""
        if self._logging is None:
            anchors = log_anchors(self._config)
            self._logging = self._project.matching(anchors) if anchors else frozenset()
        return self._logging

    def _read_log(self, path: str) -> Iterator[Emission]:
        if self._fits is None:
            self._fits = fitting(self._project, self._config)
        for call in self._loggers.calls(path):
            yield self._of_log(call, self._fits)

    def _of_log(self, call: LogCall, fits: Callable[[str], bool]) -> Emission:
        config = call.logger.config
        path, site, event = call.path, call.site, call.event
        values = EventValues((), False, event)
        if event is not None:
            things = things_of(self._project, Place(path, site.scope, event))
            values = events_of(self._project, things, path, event)
        prose = config.events == "none"
        if config.events == "matching-naming":
            names = tuple([a for a in values.alternatives if fits(a.name)])
            prose = not names
            if names:
                values = EventValues(names, True)
        return Emission(
            path=path,
            scope=site.scope,
            call=site.expr,
            statement=site.statement,
            via=config,
            pos=site.expr[1][-1] if event is None else event[-1],
            event=event,
            alternatives=values.alternatives,
            complete=values.complete,
            unknown=values.unknown,
            payload=self._log_payload(call),
            severity=call.severity,
            severity_pos=None,
            is_prose=prose,
        )

    def _log_payload(self, call: LogCall) -> Payload | None:
        config = call.logger.config
        if not config.payload:
            return None
        if config.payload != "**":
            given = next((v for n, v, _ in call.site.expr[3] if n == config.payload), None)
            if given is None:
                return self._payloads.of_nothing(call.site.expr[1][-1])
            return self._payloads.of(call.path, call.site.scope, given, call=call.site.expr)
        names = Loggers.taken(config)
        parts = [self._payloads.of_keywords(*place, names) for place in call.logger.bound]
        own = self._payloads.of_keywords(call.path, call.site.scope, call.site.expr, names)
        kept = [replace(p, fields=tuple([f for f in p.fields if f.name not in call.logger.dropped])) for p in parts]
        found = _joined([*kept, own])
        return found if call.logger.in_sight else replace(found, complete=False)

    # -- what else an emission says

    def _payload(self, site: Site, reached: Reached, given: Argument | None) -> Payload | None:
        emitter, frame = reached.match.emitter, reached.frame
        if emitter.payload == "**":
            call = Place(site.path, site.scope, site.call) if frame is None else _body(frame.wrapper)
            names = taken(reached.match) | (CARRYING if site.is_handed else frozenset())
            partials = site.handle.partials if frame is None else frame.wrapper.handle.partials
            before = [self._payloads.of_keywords(*partial, names) for partial in reversed(partials)]
            return _joined([*before, self._keywords(site, call, names, frame)])
        if emitter.payload is None:
            if emitter.event != "class":
                return None
            events = reached.given.candidates(*event_place(emitter, reached.match.signature))
            given = events[0] if events else None
        if given is None:
            return None if emitter.payload is None else self._payloads.of_nothing(site.callee[-1])
        given, frame = self._search.frames.outermost(given, frame)
        if given.key is not None:
            return Payload((), False, given.pos)
        return self._payloads.of(*given.place, call=site.call if frame is None else frame.wrapper.call)

    def _keywords(self, site: Site, call: Place, names: frozenset[str], frame: Frame | None) -> Payload:
        """What the keywords of a call carry; with `**kwargs` of a wrapper, what its own call carries too."""
        path, scope, expr = call
        kept, rest = [], False
        for keyword in expr[3]:
            if keyword[0] is None and frame is not None:
                if self._search.frames.is_rest(frame, Place(path, scope, keyword[1])):
                    rest = True
                    continue
            kept.append(keyword)
        if not rest or frame is None:
            return self._payloads.of_keywords(path, scope, expr, names)
        own = self._payloads.of_keywords(path, scope, (*expr[:3], tuple(kept), expr[-1]), names)
        outer = Place(site.path, site.scope, site.call) if frame.outer is None else _body(frame.outer.wrapper)
        given = self._keywords(site, outer, names | frame.wrapper.signature.keywords, frame.outer)
        return _joined([own, given])

    def _context(self, argument: Argument | None, reached: Reached) -> Expr | None:
        if argument is None:
            return None
        given, _ = self._search.frames.outermost(argument, reached.frame)
        expr = given.place.expr
        return None if expr[:2] == ("const", None) else expr

    def _severity(self, argument: Argument | None, reached: Reached) -> str:
        if argument is None:
            return ""
        things = self._search.frames.things(argument, reached.frame) or ()
        found = events_of(self._project, things, argument.place.path, argument.place.expr)
        return found.alternatives[0].name if found.complete and len(found.alternatives) == 1 else ""

    def _trail(self, wrapper: Wrapper) -> Iterator[TrailStep]:
        current: object = wrapper
        while isinstance(current, Wrapper):
            message = f"`{current.name.rpartition('.')[2]}` hands `{current.event}` to `{spelled(current.callee)}` here"
            yield self._step(current.path, current.call[-1], message)
            current = current.handle.target

    def _step(self, path: str, pos: Pos, message: str) -> TrailStep:
        cell, before = self._project.cell_of(path, pos[0])
        return TrailStep(path, Position(pos[0] - before, pos[1]), message, cell)


def _body(wrapper: Wrapper) -> Place:
    return Place(wrapper.path, wrapper.scope, wrapper.call)


def _joined(parts: Sequence[Payload]) -> Payload:
    """Return what several payloads carry together, the last of which holds where they differ."""
    if len(parts) == 1:
        return parts[0]
    fields = {field.name: field for part in parts for field in part.fields}
    certain = all(part.certain for part in parts)
    return Payload(tuple(fields.values()), all(part.complete for part in parts), parts[-1].pos, certain)
