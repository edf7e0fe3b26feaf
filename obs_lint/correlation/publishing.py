"""Messages: what is published on the project's own queues, of which topic, for which functions, and what goes along."""

from __future__ import annotations

from obs_lint.config.model import Config
from obs_lint.correlation.addresses import Addresses, shown
from obs_lint.correlation.carried import NOTHING, UNTOLD, Carried, Carrying
from obs_lint.correlation.code import Code
from obs_lint.correlation.model import Canonical, Hop
from obs_lint.correlation.written import Place, Sources, is_splat
from obs_lint.project import Project
from obs_lint.queues import Publication, queues


class Publishing:
    """What a project publishes on the queues that its configuration declares."""

    def __init__(
        self,
        project: Project,
        config: Config,
        sources: Sources,
        carrying: Carrying,
        code: Code,
        canonical: Canonical,
    ) -> None:
        """`config.queues` says what publishes."""
        self._queues = queues(project, config)
        self._sources = sources
        self._carrying = carrying
        self._code = code
        self._canonical = canonical
        self._addresses = Addresses(sources)

    def in_file(self, path: str) -> tuple[Hop, ...]:
        """Return what a file publishes."""
        return tuple([self._hop(published) for published in self._queues.published(path)])

    def _hop(self, published: Publication) -> Hop:
        path, scope, topic = published.path, published.scope, published.topic
        topics: tuple[str, ...] = ()
        told = published.queue.topic == "none"
        target = ""
        if topic is not None:
            topics, told = self._queues.topics(path, scope, topic)
            unknown = "" if told else shown(self._addresses.of(Place(path, scope, topic)))
            target = " | ".join(dict.fromkeys((*topics, *([unknown] if unknown else ()))))
        functions = [
            (each.path, each.function)
            for name in topics or ((None,) if published.queue.topic == "none" else ())
            for each in self._queues.taking(published.queue, name)
        ]
        found, by = self._carried(published)
        return Hop(
            path,
            scope,
            published.call,
            published.statement,
            "job",
            ".".join(published.queue.publish.split(".")[-2:]),
            target,
            functions[0] if functions else None,
            tuple(sorted(found.fields)),
            by if found.fields else "",
            found.complete,
            publication=published,
            topics=topics,
            told=told,
        )

    def _carried(self, published: Publication) -> tuple[Carried, str]:
        path, scope, call = published.path, published.scope, published.call
        everything = Carried(frozenset(self._canonical.names))
        if published.queue.carries == "context":
            return everything, "propagation"
        found = NOTHING
        if published.queue.payload is not None:
            if published.payload is not None:
                found = self._carrying.payload(Place(path, scope, published.payload))
        else:
            given = [value for value in call[2] if value is not published.topic]
            keywords = tuple(row for row in call[3] if row[1] is not published.topic)
            found = self._carrying.arguments(path, scope, ("call", call[1], tuple(given), keywords, call[-1]))
        if is_splat(call):
            found |= UNTOLD
        if not found.fields:
            receiver = Place(path, scope, call[1][1]) if call[1][0] == "attr" else None
            passed = () if receiver is None else self._sources.ends(receiver)
            if (
                self._code.is_propagating(Place(path, scope, call))
                or self._code.is_within_propagating(path, scope)
                or any(self._code.is_propagating(each) for end in passed for each in end.passed)
            ):
                return everything, "propagation"
        return found, "payload" if published.queue.payload is not None else "argument"
