"""What is published on the queues of a configuration, and which functions get it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from obs_lint.config.model import Config, ConsumerConfig, QueueConfig
from obs_lint.facts.model import Anchor, Expr, Pos
from obs_lint.project import Project
from obs_lint.queues.named import Named, argument, word

_MAX_WRAPPED = 4


class Publication(NamedTuple):
    """One call that puts a message on a queue."""

    path: str
    scope: int
    call: Expr
    statement: Pos
    queue: QueueConfig
    topic: Expr | None
    """None where the queue has none, or where the call leaves it open."""
    payload: Expr | None
    """What the configuration says may hold ids; None where it says nothing, or where the call gives nothing."""
    others: tuple[Expr, ...]
    """The arguments beside the topic."""


class Consumer(NamedTuple):
    """One registration of a function that gets the messages of a topic."""

    queue: QueueConfig
    topics: frozenset[str]
    """() where every message comes, or where it can't be told."""
    every: bool
    """True where it gets messages of any topic."""
    path: str
    """Of the function, as `function` is an index into that file's."""
    function: int
    call: Expr
    """The registration: a call, or a decorator."""
    place: tuple[str, int]
    """(path, scope) that the registration is evaluated in."""
    handler: Expr | None
    """The argument that is the function; None for decorators."""

    @property
    def name(self) -> str:
        """The topics, or "" where they can't be told."""
        return " | ".join(sorted(self.topics))


def queue_anchors(config: Config) -> tuple[Anchor, ...]:
    """Files that say what publishes or consumes; none without `queues`."""
    names: dict[str, None] = {}
    for queue in config.queues:
        for dotted in (queue.publish, *(consumer.function for consumer in queue.consume)):
            names[dotted.rpartition(".")[2]] = None
    return tuple([word(name) for name in names])


def queues(project: Project, config: Config) -> Queues:
    """Return the queues of a configuration in a project; found once a run."""
    return project.once(("queues", id(config)), lambda: Queues(project, config))


class Queues:
    """The queues that one configuration declares."""

    def __init__(self, project: Project, config: Config) -> None:
        """Nothing is looked at before it is asked for."""
        self._project = project
        self._config = config
        self._publishing = [(queue, Named(project, queue.publish)) for queue in config.queues]
        self._consumers: tuple[Consumer, ...] | None = None

    def paths(self) -> frozenset[str]:
        """Return the files in which something may be published."""
        return frozenset(path for _, named in self._publishing for path in named.files())

    def published(self, path: str) -> Iterator[Publication]:
        """Yield what a file publishes, queue by queue, in source order."""
        facts = self._project.facts(path) if self._publishing else None
        if facts is None:
            return
        for queue, named in self._publishing:
            for scope, call, statement in named.calls(path, facts):
                topic = self._argument(named, path, scope, call, queue.topic if queue.topic != "none" else None)
                payload = self._argument(named, path, scope, call, queue.payload)
                others = [*call[2], *(value for _, value, _ in call[3])]
                rest = tuple(each for each in others if each is not topic)
                yield Publication(path, scope, call, statement, queue, topic, payload, rest)

    @staticmethod
    def _argument(named: Named, path: str, scope: int, call: Expr, given: int | str | None) -> Expr | None:
        return None if given is None else argument(call, *named.parameter(path, scope, call, given))

    def topics(self, path: str, scope: int, topic: Expr) -> tuple[tuple[str, ...], bool]:
        """Return the topics that an expression may mean, and whether these are all: texts, else classes, functions."""
        values = self._project.values(path, scope, topic)
        known = tuple(dict.fromkeys(str(v.value) for v in values.known if v.value is not None))
        if known or values.complete:
            return known, values.complete
        origins = self._project.resolve(path, scope, topic)
        names = tuple([o.name for o in origins if o.kind in ("class", "function", "external")])
        return names, bool(names) and len(names) == len(origins)

    def consumers(self) -> tuple[Consumer, ...]:
        """Return every registration of a function that takes from a queue, by path and place."""
        if self._consumers is None:
            found = dict.fromkeys(each for queue in self._config.queues for each in self._consuming(queue))
            self._consumers = tuple(sorted(found, key=lambda c: (c.place[0], c.call[-1], c.path, c.function)))
        return self._consumers

    def taking(self, queue: QueueConfig, topic: str | None) -> tuple[Consumer, ...]:
        """Return what takes the messages of a topic; of all topics where it is None and the queue has none."""
        return tuple(
            [
                each
                for each in self.consumers()
                if _is_one(each.queue, queue) and (each.every or topic is None or topic in each.topics)
            ]
        )

    def _consuming(self, queue: QueueConfig) -> Iterator[Consumer]:
        for consumer in queue.consume:
            named = Named(self._project, consumer.function)
            paths = named.files()
            self._project.prefetch(paths)
            for path in paths:
                if consumer.handler == "decorated":
                    yield from self._decorated(queue, consumer, named, path)
                else:
                    yield from self._registered(queue, consumer, named, path)

    def _registered(self, queue: QueueConfig, consumer: ConsumerConfig, named: Named, path: str) -> Iterator[Consumer]:
        facts = self._project.facts(path)
        for scope, call, _ in named.calls(path, facts) if facts is not None else ():
            handler = self._argument(named, path, scope, call, consumer.handler)
            if handler is None:
                continue
            topics, every = self._of_registration(queue, consumer, named, path, scope, call)
            for where, function in dict.fromkeys(self.functions(path, scope, handler)):
                yield Consumer(queue, topics, every, where, function, call, (path, scope), handler)

    def _decorated(self, queue: QueueConfig, consumer: ConsumerConfig, named: Named, path: str) -> Iterator[Consumer]:
        facts = self._project.facts(path)
        for index, function in enumerate(facts.functions if facts is not None else ()):
            for decorator in function.decorators:
                callee = decorator[1] if decorator[0] == "call" else decorator
                if named.is_called(path, function.parent, callee):
                    call = decorator if decorator[0] == "call" else ("call", decorator, (), (), decorator[-1])
                    topics, every = self._of_registration(queue, consumer, named, path, function.parent, call)
                    yield Consumer(queue, topics, every, path, index, decorator, (path, function.parent), None)

    def _of_registration(
        self, queue: QueueConfig, consumer: ConsumerConfig, named: Named, path: str, scope: int, call: Expr
    ) -> tuple[frozenset[str], bool]:
        if queue.topic == "none":
            return frozenset(), True
        topic = self._argument(named, path, scope, call, consumer.topic)
        if topic is None:
            return frozenset(), False
        if topic[0] == "seq":
            found = [name for item in topic[2] for name in self.topics(path, scope, item)[0]]
        else:
            found = list(self.topics(path, scope, topic)[0])
        return frozenset(found), False

    def functions(self, path: str, scope: int, expr: Expr, depth: int = 0) -> Iterator[tuple[str, int]]:
        """Yield the first-party functions that an expression, given as a handler, leads to."""
        if expr[0] == "lambda":
            yield path, expr[1]
            return
        found = False
        for origin in self._project.resolve(path, scope, expr):
            targets = [origin]
            if origin.kind in ("instance", "class") and origin.path:
                targets = [o for n in ("__call__", "handle", "run") for o in self._project.resolve_attribute(origin, n)]
            for target in targets[:1]:
                if target.kind == "function" and target.path:
                    found = True
                    yield target.path, target.index
        if not found and expr[0] == "call" and depth < _MAX_WRAPPED:
            for inner in (*expr[2], *(value for _, value, _ in expr[3])):
                if inner[0] in ("name", "attr", "call", "lambda"):
                    yield from self.functions(path, scope, inner, depth + 1)


def _is_one(first: QueueConfig, second: QueueConfig) -> bool:
    """True where two entries speak about one queue: by what publishes, or by what consumes."""
    mine = {consumer.function for consumer in first.consume}
    return first.publish == second.publish or any(consumer.function in mine for consumer in second.consume)
