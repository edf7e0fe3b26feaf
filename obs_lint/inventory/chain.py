"""The correlation chain as the code has it: route → enqueued job → task → events, and where an id is left behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from obs_lint.checks.correlation_fields import canonical
from obs_lint.config.model import Config, EmitterConfig
from obs_lint.correlation import hops
from obs_lint.correlation.model import DEFAULT_FIELDS, Hop
from obs_lint.correlation.written import Place as Written
from obs_lint.entry_points import EntryPoint, entry_points
from obs_lint.events.emissions import emissions
from obs_lint.events.handed import CARRYING, is_callable_argument, may_call
from obs_lint.events.model import Emission
from obs_lint.events.registries import Registries, registries
from obs_lint.facts.model import Block, CallSite, Expr, FileFacts, Pos
from obs_lint.inventory.chain_values import Evaluator, Frame, Known, Thing, Work, blocks, within
from obs_lint.inventory.parts import Parts
from obs_lint.project import Project
from obs_lint.queues import Consumer, queues
from obs_lint.registry.model import Lifecycle

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
    untold: str = ""
    """Of a job whose topic can't be told, or not wholly: what says it, as it is written."""
    again: bool = False
    """True for a task whose steps are drawn elsewhere below the same entry point."""
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


Definition = tuple[str, int]
"""A function: (path, index into that file's functions)."""


class _Field(NamedTuple):
    name: str
    introduced_by: str


class _Target(NamedTuple):
    """A function that a call runs, or hands on to be run."""

    work: Work
    call: Expr
    """What gives it its arguments."""
    handed: bool = False


class _Shape(NamedTuple):
    """What stands where in a function."""

    entered: Mapping[Pos, Pos]
    """What a `with` enters → the last statement in it."""
    loops: tuple[tuple[Pos, Pos], ...]
    """(first, last statement) of each outermost loop."""


class _Entry(NamedTuple):
    """One entry point and what was found from there."""

    point: EntryPoint
    step: Step
    enqueued: frozenset[Definition]
    """Tasks that are drawn below it."""

    @property
    def function(self) -> Definition:
        return self.point.path, self.point.function


def chain(project: Project, config: Config, *, every: bool = False) -> Chain:
    """Follow every entry point to its hops and events; `every` keeps entry points without any.

    Where the configuration has scopes, each file is read by the one that holds for it.
    """
    walker = _Walker(project, Parts(config))
    points = [point for point in _points(project, walker.parts) if not project.files[point.path].roles & _LEFT_ALONE]
    walker.points = {(point.path, point.function): point for point in points}
    order = {"route": 0, "target": 1, "configured": 1, "task": 2}
    made = [walker.entry(point) for point in _distinct(points)]
    made.sort(key=lambda e: (order[e.step.kind], e.step.place.path, e.step.place.line, e.step.label))
    entries = [
        entry.step
        for number, entry in enumerate(made)
        if (every or entry.step.steps) and not (entry.point.kind == "task" and _is_drawn(number, made))
    ]
    return Chain(
        tuple(entries),
        silent=sum(1 for entry in made if not entry.step.steps and not every),
        fields=tuple(field.name for field in walker.fields),
        cut=walker.left <= 0,
    )


def _points(project: Project, parts: Parts) -> list[EntryPoint]:
    return [point for part in parts.all for point in entry_points(project, part).all() if parts.of(point.path) is part]


def _is_drawn(number: int, made: list[_Entry]) -> bool:
    """True for a task that stands below another entry point; of those that enqueue each other, the first one stays."""
    one = made[number]
    return any(
        other.function != one.function
        and one.function in other.enqueued
        and not (other.function in one.enqueued and number < at)
        for at, other in enumerate(made)
    )


def _distinct(points: Iterable[EntryPoint]) -> list[EntryPoint]:
    """Each function once for each name; a target that is a route as well is the route."""
    found: dict[tuple[str, int, str], EntryPoint] = {}
    registered = {(point.path, point.function) for point in points if point.kind in ("route", "task")}
    for point in points:
        if point.kind in ("route", "task") or (point.path, point.function) not in registered:
            found.setdefault((point.path, point.function, point.name), point)
    return list(found.values())


def _fields(declared: Iterable[Registries]) -> tuple[_Field, ...]:
    """The chain's fields, root first; without a registry that says so: request_id, job_id."""
    sources = list({registry.source: registry for each in declared for registry in each.sources}.values())
    links = [link for registry in sources for link in registry.chain]
    if links:
        ordered = sorted(links, key=lambda link: not link.root)
        return tuple(dict.fromkeys(_Field(link.field, link.introduced_by) for link in ordered))
    known = [field.name for registry in sources for field in registry.correlation]
    names = known or [field.name for field in DEFAULT_FIELDS]
    return tuple(_Field(name, "") for name in ("request_id", "job_id", "job_run_id") if name in names or not known)


class _Walker:
    """Follows calls from function to function."""

    def __init__(self, project: Project, parts: Parts) -> None:
        self.project = project
        self.parts = parts
        self.fields = _fields(registries(project, part) for part in parts.all)
        self.points: dict[Definition, EntryPoint] = {}
        self.left = _MAX_STEPS
        self._values = Evaluator(project)
        self._enqueued: set[Definition] = set()
        self._drawn: set[tuple[Definition, tuple[str, ...]]] = set()
        self._holding: dict[tuple[int, str], frozenset[str]] = {}
        self._calls: dict[str, dict[int, list[CallSite]]] = {}
        self._shapes: dict[Definition, _Shape] = {}
        self._emissions: dict[str, dict[tuple[int, ...], Emission]] = {}
        self._hops: dict[str, dict[tuple[int, ...], Hop]] = {}
        self._reaches: dict[Definition, bool] = {}
        self._visits: Counter[Definition] = Counter()

    def entry(self, point: EntryPoint) -> _Entry:
        """Return the chain of one entry point."""
        self._enqueued, self._drawn = set(), set()
        root = self.fields[0].name if self.fields else "request_id"
        ids = frozenset({root}) if point.kind == "route" else frozenset[str]()
        place = self.place(point.path, point.function)
        here = (point.path, point.function)
        taking = [each for each in self.consumers() if (each.path, each.function) == here]
        if taking and point.kind == "task":
            steps = tuple(self.taken(taking[0], set(ids), frozenset({here})))
        else:
            steps = tuple(self.within(Frame(*here), set(ids), (), frozenset()))
        step = Step(point.kind, point.name, place, self.ordered(ids), steps=steps)
        return _Entry(point, step, frozenset(self._enqueued))

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
        self,
        frame: Frame,
        ids: set[str],
        via: tuple[str, ...],
        open_: frozenset[Definition],
        stages: frozenset[Definition] = frozenset(),
        goal: Definition | None = None,
    ) -> Iterator[Step]:
        """Yield the steps that a run of a function takes, those of what it calls included; `ids` grows as they go.

        `open_` are the functions on the way here, `stages` the tasks. With a goal, the run takes messages and hands
        them to that function: what stands outside the loop in which it does belongs to none of them.
        """
        here = (frame.path, frame.function)
        if here in open_ or len(open_) > _MAX_DEPTH or self.left <= 0:
            return
        self._visits[here] += 1
        dead = self._values.dead(frame)
        open_ |= {here}
        entered: list[tuple[Pos, Emission, Lifecycle, set[str]]] = []
        first, last = self._taking_loop(frame, goal, dead)
        for call in self.calls(*here):
            pos = call.expr[-1]
            while entered and entered[-1][0][2:] < pos[:2]:
                yield self.left_behind(*entered.pop()[1:], ids, via)
            if call.statement in dead or not first <= pos[:2] <= last:
                continue
            emission = self.emissions_of(frame.path).get(pos)
            if emission is not None:
                end = self.shape(*here).entered.get(pos)
                lifecycle = self.lifecycle(emission)
                if end is None or lifecycle is None:
                    yield self.event(emission, ids, via)
                else:
                    before = set(ids)
                    yield self.begun(emission, lifecycle, ids, via)
                    entered.append((end, emission, lifecycle, ids - before))
                continue
            hop = self.hops_of(frame.path).get(pos)
            if hop is not None:
                yield self.hop(hop, frame, ids, via, open_, stages)
                continue
            yield from self.followed(frame, call, ids, via, open_, stages, goal)
        while entered:
            yield self.left_behind(*entered.pop()[1:], ids, via)

    def followed(
        self,
        frame: Frame,
        call: CallSite,
        ids: set[str],
        via: tuple[str, ...],
        open_: frozenset[Definition],
        stages: frozenset[Definition],
        goal: Definition | None,
    ) -> Iterator[Step]:
        """Yield the steps of what a call runs; of what it hands on, where what it calls does not run that itself."""
        targets = self.targets(frame, call)
        visits = self._visits.copy() if any(target.handed for target in targets) else self._visits
        for target in targets:
            definition = (target.work.path, target.work.function)
            if target.handed and self._visits[definition] > visits[definition]:
                continue
            inner = self.entered(frame, call, target)
            leads = goal is not None and (definition == goal or self.leads(inner, goal, open_))
            if not leads and not self.reaches(definition) and not self._is_given_work(inner):
                continue
            name = self.place(*definition).symbol.rpartition(".")[2]
            on = via if leads else (*via, name)
            yield from self.within(inner, ids, on, open_, stages, goal if leads and definition != goal else None)

    def entered(self, frame: Frame, call: CallSite, target: _Target) -> Frame:
        """Return the run of a function that a call begins."""
        return self._values.entered(Written(frame.path, call.scope, call.expr), target.work, frame, target.call)

    def _is_given_work(self, frame: Frame) -> bool:
        """True where a function that takes a step is among what a run is given."""
        given = [each for some in frame.given.values() for each in some]
        if frame.me is not None:
            given += [each for some in frame.me.attributes.values() for each in some]
        return any(isinstance(each, Work) and self.reaches((each.path, each.function)) for each in given)

    # -- events

    def event(self, emission: Emission, ids: set[str], via: tuple[str, ...]) -> Step:
        declared = registries(self.project, self.parts.of(emission.path))
        names = []
        for alternative in emission.alternatives:
            event = declared.of(alternative)
            names.append(event.name if event is not None else alternative.name)
        return self._left(emission, names, ids, via)

    def _left(self, emission: Emission, names: list[str], ids: set[str], via: tuple[str, ...]) -> Step:
        self.left -= 1
        ids |= {field.name for field in self.fields if field.introduced_by and field.introduced_by in names}
        if not emission.complete:
            names = [*names, "…"]
        place = self.at(emission.path, emission.scope, emission.call[-1])
        return Step("event", " | ".join(names), place, self.ordered(ids), via=via)

    def lifecycle(self, emission: Emission) -> Lifecycle | None:
        """Return the lifecycle whose events something emits that a `with` enters, None for all else."""
        name = emission.via.lifecycle if isinstance(emission.via, EmitterConfig) else None
        declared = registries(self.project, self.parts.of(emission.path)) if name else None
        return next((each for each in declared.lifecycles if each.name == name), None) if declared is not None else None

    def begun(self, emission: Emission, lifecycle: Lifecycle, ids: set[str], via: tuple[str, ...]) -> Step:
        return self._left(emission, [lifecycle.start], ids, via)

    def left_behind(
        self, emission: Emission, lifecycle: Lifecycle, introduced: set[str], ids: set[str], via: tuple[str, ...]
    ) -> Step:
        """The end of a `with`; ids that came with it are no longer known behind it."""
        step = self._left(emission, list(lifecycle.terminal), ids, via)
        ids -= introduced
        return step

    # -- hops

    def hop(
        self,
        hop: Hop,
        frame: Frame,
        ids: set[str],
        via: tuple[str, ...],
        open_: frozenset[Definition],
        stages: frozenset[Definition],
    ) -> Step:
        self.left -= 1
        carried = set(ids) if hop.by == "propagation" else set(hop.carries)
        judged = hop.kind == "job" or hop.internal
        known = {field.name for field in self.fields}
        lost = (ids & known) - carried if judged and hop.complete else set()
        label, untold = hop.target or hop.library, ""
        steps: list[Step] = []
        if hop.publication is not None:
            topics, told = self.topics(hop, frame)
            label = " | ".join(topics) if topics and told else hop.target or hop.library
            untold = "" if told else label
            for consumer in self.consumers_of(hop, topics):
                steps.append(self.task((consumer.path, consumer.function), consumer, carried, stages))
        elif hop.function is not None:
            if hop.function in open_ and hop.function not in stages:
                stages |= {hop.function}
            steps.append(self.task(hop.function, None, carried, stages))
        return Step(
            hop.kind,
            label,
            self.at(hop.path, hop.scope, hop.call[-1]),
            self.ordered(carried if judged else ids),
            self.ordered(lost),
            hop.by,
            hop.complete,
            via,
            untold,
            steps=tuple(steps),
        )

    def task(
        self, function: Definition, consumer: Consumer | None, carried: set[str], stages: frozenset[Definition]
    ) -> Step:
        """Return what a job leads to; once for each set of ids that it comes with."""
        self._enqueued.add(function)
        point = self.points.get(function)
        place = self.place(*function)
        name = (consumer.name if consumer is not None else "") or (point.name if point is not None else place.symbol)
        ids = self.ordered(carried)
        key = (function, ids)
        if function in stages or key in self._drawn:
            return Step("task", name, place, ids, again=True)
        self._drawn.add(key)
        stages |= {function}
        if consumer is not None:
            steps = tuple(self.taken(consumer, set(carried), stages))
        else:
            steps = tuple(self.within(Frame(*function), set(carried), (), frozenset(), stages))
        return Step("task", name, place, ids, steps=steps)

    def taken(self, consumer: Consumer, ids: set[str], stages: frozenset[Definition]) -> Iterator[Step]:
        """Yield the steps of one message: of what registers its function where that runs it, else of the function."""
        goal = (consumer.path, consumer.function)
        path, scope = consumer.place
        facts = self.project.facts(path)
        if facts is not None and consumer.handler is not None:
            call = CallSite(consumer.call, scope, consumer.call[-1])
            for origin in self.project.resolve(path, scope, consumer.call[1]):
                if origin.kind == "function" and origin.path:
                    place = Written(path, scope, call.expr)
                    frame = self._values.entered(place, Work(origin.path, origin.index), None)
                    if self.leads(frame, goal, frozenset()):
                        yield from self.within(frame, ids, (), frozenset(), stages, goal)
                        return
        yield from self.within(Frame(*goal), ids, (), frozenset(), stages)

    def topics(self, hop: Hop, frame: Frame) -> tuple[tuple[str, ...], bool]:
        """Return the topics that something published may be of in one run, and whether these are all."""
        topic = hop.publication.topic if hop.publication is not None else None
        if topic is None:
            return hop.topics, hop.told
        found = self._values.of(Written(hop.path, hop.scope, topic), frame)
        texts = [str(each.value) for each in found if isinstance(each, Known) and each.value is not None]
        if texts and all(isinstance(each, Known) for each in found):
            return tuple(dict.fromkeys(texts)), True
        return (hop.topics, True) if hop.told else (tuple(dict.fromkeys((*hop.topics, *texts))), False)

    def consumers(self) -> list[Consumer]:
        """Everything that takes from a queue."""
        found = (each for part in self.parts.all for each in queues(self.project, part).consumers())
        return list(dict.fromkeys(found))

    def consumers_of(self, hop: Hop, topics: tuple[str, ...]) -> list[Consumer]:
        found: dict[Definition, Consumer] = {}
        queue = hop.publication.queue if hop.publication is not None else None
        for topic in topics if queue is None or queue.topic != "none" else (None,):
            for part in self.parts.all:
                for each in queues(self.project, part).taking(queue, topic) if queue is not None else ():
                    found.setdefault((each.path, each.function), each)
        return list(found.values())

    def at(self, path: str, scope: int, pos: Pos) -> Place:
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

    def shape(self, path: str, function: int) -> _Shape:
        if (path, function) not in self._shapes:
            facts = self.project.facts(path)
            block: Block = () if facts is None else facts.functions[function].block
            entered: dict[Pos, Pos] = {}
            for statement in within(block):
                if statement[0] == "with" and statement[2]:
                    entered |= {expr[-1]: _last(statement[2]) for expr in statement[1]}
            self._shapes[path, function] = _Shape(entered, tuple(_loops(block)))
        return self._shapes[path, function]

    def targets(self, frame: Frame, call: CallSite) -> list[_Target]:
        """First-party functions that a call may run, and those that it hands on; nested ones are in sight already."""
        path, scope, func = frame.path, call.scope, call.expr[1]
        facts = self.project.facts(path)
        found = [_Target(Work(*each), call.expr) for each in self._called(path, call)]
        if func[0] == "attr" and found:
            owners = [each for each in self._values.of(Written(path, scope, func[1]), frame) if isinstance(each, Thing)]
            if len(owners) == 1:
                found = [_Target(Work(t.work.path, t.work.function, owners[0]), t.call) for t in found]
        elif not found and not frame.is_plain and func[0] in ("name", "attr"):
            values = self._values.of(Written(path, scope, func), frame)
            found = [_Target(each, call.expr) for each in values if isinstance(each, Work)]
        for expr, given in _handed(call) if not self._constructs(path, call) else ():
            works = [Work(*each) for each in self._named(path, scope, expr)]
            if not works and not frame.is_plain:
                values = self._values.of(Written(path, scope, expr), frame)
                works = [each for each in values if isinstance(each, Work)]
            found += [_Target(work, given, True) for work in works]
        return [t for t in found if facts is None or not _is_nested(facts, path, t.work, frame.function)]

    def _constructs(self, path: str, call: CallSite) -> bool:
        """True where an object of a first-party class is made: what it is given runs when its methods do."""
        return any(o.kind == "class" and o.path for o in self.project.resolve(path, call.scope, call.expr[1]))

    def _called(self, path: str, call: CallSite) -> list[Definition]:
        return self._named(path, call.scope, call.expr[1])

    def _named(self, path: str, scope: int, expr: Expr) -> list[Definition]:
        """The first-party functions that an expression is known to name."""
        if expr[0] == "lambda":
            return [(path, expr[1])]
        return [
            (origin.path, origin.index)
            for origin in self.project.resolve(path, scope, expr)
            if origin.kind == "function" and origin.path
        ]

    def reaches(self, target: Definition) -> bool:
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
                handed = [each for expr, _ in _handed(call) for each in self._named(path, call.scope, expr)]
                for inner in (*self._called(path, call), *handed):
                    if self._reaches.get(inner):
                        self._reaches[target] = True
                        return True
                    if inner not in seen and inner not in self._reaches:
                        seen.add(inner)
                        todo.append(inner)
        self._reaches.update(dict.fromkeys(seen, False))
        return False

    # -- on the way to what gets a message

    def leads(self, frame: Frame, goal: Definition, open_: frozenset[Definition]) -> bool:
        """True where a run comes to a function; hops are not crossed."""
        here = (frame.path, frame.function)
        if here == goal:
            return True
        if here in open_ or len(open_) > _MAX_DEPTH:
            return False
        key = ("leads", goal)
        if key not in frame.memory:
            frame.memory[key] = False
            dead = self._values.dead(frame)
            frame.memory[key] = any(
                self._call_leads(frame, call, goal, open_ | {here})
                for call in self.calls(*here)
                if call.statement not in dead
            )
        found: bool = frame.memory[key]
        return found

    def _call_leads(self, frame: Frame, call: CallSite, goal: Definition, open_: frozenset[Definition]) -> bool:
        for target in self.targets(frame, call):
            definition = (target.work.path, target.work.function)
            if definition == goal:
                return True
            inner = self.entered(frame, call, target)
            if not inner.is_plain and self.leads(inner, goal, open_):
                return True
        return False

    def _taking_loop(
        self, frame: Frame, goal: Definition | None, dead: frozenset[Pos]
    ) -> tuple[tuple[int, int], tuple[int, int]]:
        """First and last place of the loop in which a run comes to its goal; all of it without such a loop."""
        here = (frame.path, frame.function)
        if goal is not None:
            for first, last in self.shape(*here).loops:
                for call in self.calls(*here):
                    if first[:2] <= call.expr[-1][:2] <= last[2:] and call.statement not in dead:
                        if self._call_leads(frame, call, goal, frozenset({here})):
                            return first[:2], last[2:]
        return (0, 0), (1 << 60, 0)

    # -- emissions and hops

    def emissions_of(self, path: str) -> dict[tuple[int, ...], Emission]:
        if path not in self._emissions:
            found = emissions(self.project, self.parts.of(path))
            rows = found.in_file(path) if path in self._files(path, "events") else ()
            self._emissions[path] = {emission.call[-1]: emission for emission in rows}
        return self._emissions[path]

    def hops_of(self, path: str) -> dict[tuple[int, ...], Hop]:
        if path not in self._hops:
            part = self.parts.of(path)
            rows: Iterable[Hop] = ()
            if path in self._files(path, "hops"):
                rows = hops(self.project, part, canonical(self.project, part)).in_file(path)
            self._hops[path] = {hop.call[-1]: hop for hop in rows}
        return self._hops[path]

    def _files(self, path: str, what: str) -> frozenset[str]:
        """The files that may hold events, or hops, under the configuration of one of them."""
        part = self.parts.of(path)
        key = (id(part), what)
        if key not in self._holding:
            every = list(self.project.files.values())
            if what == "events":
                self._holding[key] = frozenset(emissions(self.project, part).files(every))
            else:
                found = hops(self.project, part, canonical(self.project, part))
                self._holding[key] = frozenset(found.files(every))
        return self._holding[key]


def _handed(call: CallSite) -> Iterator[tuple[Expr, Expr]]:
    """Yield the callables among the arguments of a call, each as (what names it, a call of it with what is given on).

    `submit(f, 1)`, `Thread(target=f, args=(1,))`, `to_thread(partial(f, 1))`
    """
    if not may_call(call):
        return
    positional, keywords, pos = call.expr[2], call.expr[3], call.expr[-1]
    named = tuple(row for row in keywords if row[0] not in CARRYING)
    listed: tuple[Expr, ...] = ()
    for name, value, _ in keywords:
        if name == "args" and value[0] == "seq":
            listed = value[2]
        elif name == "kwargs" and value[0] == "dict":
            named += tuple((k[1], v, v[-1]) for k, v in value[1] if k is not None and k[0] == "const")
    rows = [(value, positional[at + 1 :]) for at, value in enumerate(positional)]
    rows += [(value, ()) for name, value, _ in keywords if name is not None]
    for value, following in rows:
        if not is_callable_argument(value):
            continue
        more: tuple[Expr, ...] = ()
        also = tuple(row for row in named if row[1] is not value)
        if value[0] == "call":
            if not value[2]:
                continue
            more, also, value = value[2][1:], (*value[3], *also), value[2][0]
        yield value, ("call", value, (*more, *following, *listed), also, pos)


def _is_nested(facts: FileFacts, path: str, work: Work, outer: int) -> bool:
    """True for a function that is defined in another: its calls count among those of that."""
    if work.path != path or work.function == outer:
        return False
    return outer in _owners(facts, facts.functions[work.function].parent)


def _last(block: Block) -> Pos:
    """Return the place of the last statement of a block, in whatever it stands."""
    places: list[Pos] = [statement[-1] for statement in within(block)]
    return max(places, key=lambda pos: pos[2:])


def _loops(block: Block) -> Iterator[tuple[Pos, Pos]]:
    for statement in block:
        if statement[0] in ("while", "for") and statement[2]:
            yield statement[-1], _last(statement[2])
        else:
            for inner in blocks(statement):
                yield from _loops(inner)


def _owners(facts: FileFacts, scope: int) -> Iterator[int]:
    """The functions around a scope, innermost first."""
    while scope >= 0:
        row = facts.scopes[scope]
        if row.kind in ("function", "lambda"):
            yield row.owner
        elif row.kind == "class":
            return
        scope = row.parent
