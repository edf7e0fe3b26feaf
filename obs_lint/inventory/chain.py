"""The correlation chain as the code has it: route → enqueued job → task → events, and where an id is left behind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from obs_lint.checks.correlation_fields import canonical
from obs_lint.config.model import Config
from obs_lint.correlation import Hops, hops
from obs_lint.correlation.model import DEFAULT_FIELDS, Hop
from obs_lint.entry_points import EntryPoint, entry_points
from obs_lint.events.emissions import Emissions, emissions
from obs_lint.events.model import Emission
from obs_lint.events.registries import Registries, registries
from obs_lint.facts.model import CallSite, FileFacts
from obs_lint.project import Project

_MAX_DEPTH = 12
"""Calls within calls that are followed between two steps of the chain."""
_MAX_STEPS = 5_000
"""Steps of one chain; what is beyond is cut off, and said so."""
_LEFT_ALONE = frozenset({"tests", "examples", "generated"})


class Place(NamedTuple):
    """Where a step stands."""

    path: str
    line: int
    """1-based; in a notebook within its cell."""
    symbol: str
    """The function, dotted."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the chain, and those that follow from it."""

    kind: str
    """route | task | target | configured (entry points) · job | http (hops) · event"""
    label: str
    place: Place
    ids: tuple[str, ...]
    """Correlation ids known from here on."""
    lost: tuple[str, ...] = ()
    """Ids that were known before and do not go along: of jobs and calls of internal hosts."""
    by: str = ""
    """What carries the ids: `header`, `argument`, `payload`, `propagation`; "" for nothing."""
    certain: bool = True
    """False where it may carry ids that can't be seen."""
    via: tuple[str, ...] = ()
    """The functions between the step before and this one, outermost first."""
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Chain:
    """All of it."""

    entries: tuple[Step, ...]
    """Entry points from which the project is entered; a task that is enqueued in sight stands below its job."""
    silent: int
    """Entry points left out of `entries`, because no hop and no event follows from them."""
    fields: tuple[str, ...]
    """The correlation fields, root first."""
    cut: bool = False
    """True where there was too much to follow."""

    @property
    def losses(self) -> tuple[tuple[Step, Step], ...]:
        """(entry, hop) of every hop at which an id is lost, in order."""
        found: list[tuple[Step, Step]] = []

        def look(entry: Step, step: Step) -> None:
            if step.lost:
                found.append((entry, step))
            for inner in step.steps:
                look(entry, inner)

        for entry in self.entries:
            look(entry, entry)
        return tuple(found)


class _Field(NamedTuple):
    name: str
    introduced_by: str


def chain(project: Project, config: Config, *, every: bool = False) -> Chain:
    """Follow every entry point to its hops and events; `every` keeps entry points without any."""
    declared = registries(project, config)
    walker = _Walker(
        project,
        emissions(project, config),
        declared,
        hops(project, config, canonical(project, config)),
        _fields(declared),
    )
    points = [
        point for point in entry_points(project, config).all() if not project.files[point.path].roles & _LEFT_ALONE
    ]
    walker.points = {(point.path, point.function): point for point in points}
    made = [(point, walker.entry(point)) for point in _distinct(points)]
    entries = [
        step
        for point, step in made
        if (every or step.steps) and not (point.kind == "task" and (point.path, point.function) in walker.enqueued)
    ]
    order = {"route": 0, "target": 1, "configured": 1, "task": 2}
    entries.sort(key=lambda step: (order[step.kind], step.place.path, step.place.line, step.label))
    return Chain(
        tuple(entries),
        silent=sum(1 for _, step in made if not step.steps and not every),
        fields=tuple(field.name for field in walker.fields),
        cut=walker.left <= 0,
    )


def _distinct(points: Iterable[EntryPoint]) -> list[EntryPoint]:
    """Each function once for each name; a target that is a route as well is the route."""
    found: dict[tuple[str, int, str], EntryPoint] = {}
    registered = {(point.path, point.function) for point in points if point.kind in ("route", "task")}
    for point in points:
        if point.kind in ("route", "task") or (point.path, point.function) not in registered:
            found.setdefault((point.path, point.function, point.name), point)
    return list(found.values())


def _fields(declared: Registries) -> tuple[_Field, ...]:
    """The chain's fields, root first; without a registry that says so: request_id, job_id."""
    links = [link for registry in declared.sources for link in registry.chain]
    if links:
        ordered = sorted(links, key=lambda link: not link.root)
        return tuple(_Field(link.field, link.introduced_by) for link in ordered)
    known = [field.name for registry in declared.sources for field in registry.correlation]
    names = known or [field.name for field in DEFAULT_FIELDS]
    return tuple(_Field(name, "") for name in ("request_id", "job_id", "job_run_id") if name in names or not known)


class _Walker:
    """Follows calls from function to function."""

    def __init__(
        self,
        project: Project,
        found: Emissions,
        declared: Registries,
        found_hops: Hops,
        fields: tuple[_Field, ...],
    ) -> None:
        self.project = project
        self.found = found
        self.declared = declared
        self.hops = found_hops
        self.fields = fields
        self.points: dict[tuple[str, int], EntryPoint] = {}
        self.enqueued: set[tuple[str, int]] = set()
        self.left = _MAX_STEPS
        every = list(project.files.values())
        self._emitting = frozenset(found.files(every))
        self._hopping = frozenset(found_hops.files(every))
        self._calls: dict[str, dict[int, list[CallSite]]] = {}
        self._emissions: dict[str, dict[tuple[int, ...], Emission]] = {}
        self._hops: dict[str, dict[tuple[int, ...], Hop]] = {}
        self._reaches: dict[tuple[str, int], bool] = {}

    def entry(self, point: EntryPoint) -> Step:
        """Return the chain of one entry point."""
        root = self.fields[0].name if self.fields else "request_id"
        ids = frozenset({root}) if point.kind == "route" else frozenset()
        place = self.place(point.path, point.function)
        steps = tuple(self.within(point.path, point.function, set(ids), (), frozenset()))
        return Step(point.kind, point.name, place, self.ordered(ids), steps=steps)

    def place(self, path: str, function: int) -> Place:
        facts = self.project.facts(path)
        if facts is None:
            return Place(path, 1, "")
        row = facts.functions[function]
        _, before = self.project.cell_of(path, row.name_pos[0])
        return Place(path, row.name_pos[0] - before, self.project.symbol(path, row.scope))

    def ordered(self, ids: Iterable[str]) -> tuple[str, ...]:
        names = [field.name for field in self.fields]
        return tuple(sorted(set(ids), key=lambda name: (names.index(name) if name in names else len(names), name)))

    def within(
        self, path: str, function: int, ids: set[str], via: tuple[str, ...], open_: frozenset[tuple[str, int]]
    ) -> Iterator[Step]:
        """Yield the steps that a function takes, those of what it calls included; `ids` grows as they go."""
        here = (path, function)
        if here in open_ or len(via) > _MAX_DEPTH or self.left <= 0:
            return
        for call in self.calls(path, function):
            pos = call.expr[-1]
            emission = self.emissions_of(path).get(pos)
            if emission is not None:
                yield self.event(emission, ids, via)
                continue
            hop = self.hops_of(path).get(pos)
            if hop is not None:
                yield self.hop(hop, ids, via, open_ | {here})
                continue
            for target in self.targets(path, call):
                if self.reaches(target):
                    name = self.place(*target).symbol.rpartition(".")[2]
                    yield from self.within(*target, ids, (*via, name), open_ | {here})

    def event(self, emission: Emission, ids: set[str], via: tuple[str, ...]) -> Step:
        self.left -= 1
        names = []
        for alternative in emission.alternatives:
            event = self.declared.of(alternative)
            names.append(event.name if event is not None else alternative.name)
            ids |= {field.name for field in self.fields if field.introduced_by and field.introduced_by == names[-1]}
        if not emission.complete:
            names.append("…")
        return Step(
            "event", " | ".join(names), self.at(emission.path, emission.scope, emission.call[-1]), self.ordered(ids),
            via=via,
        )  # fmt: skip

    def hop(self, hop: Hop, ids: set[str], via: tuple[str, ...], open_: frozenset[tuple[str, int]]) -> Step:
        self.left -= 1
        carried = set(ids) if hop.by == "propagation" else set(hop.carries)
        judged = hop.kind == "job" or hop.internal
        known = {field.name for field in self.fields}
        lost = (ids & known) - carried if judged and hop.complete else set()
        steps: tuple[Step, ...] = ()
        label = hop.target or hop.library
        if hop.function is not None:
            self.enqueued.add(hop.function)
            after = set(carried)
            inner = tuple(self.within(*hop.function, after, (), open_))
            point = self.points.get(hop.function)
            name = point.name if point is not None else self.place(*hop.function).symbol
            steps = (Step("task", name, self.place(*hop.function), self.ordered(carried), steps=inner),)
        return Step(
            hop.kind,
            label,
            self.at(hop.path, hop.scope, hop.call[-1]),
            self.ordered(carried if judged else ids),
            self.ordered(lost),
            hop.by,
            hop.complete,
            via,
            steps,
        )

    def at(self, path: str, scope: int, pos: tuple[int, int, int, int]) -> Place:
        _, before = self.project.cell_of(path, pos[0])
        return Place(path, pos[0] - before, self.project.symbol(path, scope))

    # -- what a function calls

    def calls(self, path: str, function: int) -> list[CallSite]:
        """Calls that a function makes, in source order; of functions defined in it too, which it mostly calls."""
        if path not in self._calls:
            facts = self.project.facts(path)
            rows: dict[int, list[CallSite]] = {}
            for call in facts.calls if facts is not None else ():
                for owner in _owners(facts, call.scope) if facts is not None else ():
                    rows.setdefault(owner, []).append(call)
            for found in rows.values():
                found.sort(key=lambda call: (call.expr[-1][2:], call.expr[-1][:2]))
            self._calls[path] = rows
        return self._calls[path].get(function, [])

    def targets(self, path: str, call: CallSite) -> list[tuple[str, int]]:
        """First-party functions that a call may run."""
        return [
            (origin.path, origin.index)
            for origin in self.project.resolve(path, call.scope, call.expr[1])
            if origin.kind == "function" and origin.path
        ]

    def reaches(self, target: tuple[str, int]) -> bool:
        """True where a function, or what it calls in turn, takes a step; asked first, for most calls lead nowhere."""
        known = self._reaches.get(target)
        if known is not None:
            return known
        seen = {target}
        todo = [target]
        while todo:
            path, function = todo.pop()
            file = self.project.files.get(path)
            if file is None or file.roles & _LEFT_ALONE:
                continue
            emitted, hops = self.emissions_of(path), self.hops_of(path)
            for call in self.calls(path, function):
                if call.expr[-1] in emitted or call.expr[-1] in hops:
                    self._reaches[target] = True
                    return True
                for inner in self.targets(path, call):
                    if self._reaches.get(inner):
                        self._reaches[target] = True
                        return True
                    if inner not in seen and inner not in self._reaches:
                        seen.add(inner)
                        todo.append(inner)
        self._reaches.update(dict.fromkeys(seen, False))
        return False

    def emissions_of(self, path: str) -> dict[tuple[int, ...], Emission]:
        if path not in self._emissions:
            rows = self.found.in_file(path) if path in self._emitting else ()
            self._emissions[path] = {emission.call[-1]: emission for emission in rows}
        return self._emissions[path]

    def hops_of(self, path: str) -> dict[tuple[int, ...], Hop]:
        if path not in self._hops:
            self._hops[path] = {hop.call[-1]: hop for hop in (self.hops.in_file(path) if path in self._hopping else ())}
        return self._hops[path]


def _owners(facts: FileFacts, scope: int) -> Iterator[int]:
    """The functions around a scope, innermost first."""
    while scope >= 0:
        row = facts.scopes[scope]
        if row.kind in ("function", "lambda"):
            yield row.owner
        elif row.kind == "class":
            return
        scope = row.parent
