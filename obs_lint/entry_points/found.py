"""All entry points of a project under one configuration, each part found when somebody first asks for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from obs_lint.config.model import Config
from obs_lint.entry_points.model import EntryPoint
from obs_lint.facts.model import Anchor
from obs_lint.project import Project
from obs_lint.queues import queue_anchors, queues


def anchors(config: Config) -> tuple[Anchor, ...]:
    """Files in which routes and tasks are registered, or that say what `instrument.entry-points` names.

    A rule that asks for entry points passes these on as its own, so that the run's scan looks for them. Handlers can
    lie in other files; targets are found by the names of modules.
    """
    from obs_lint.entry_points.configured import named_anchors
    from obs_lint.entry_points.vocabulary import ANCHORS

    return (*ANCHORS, *named_anchors(config), *queue_anchors(config))


def entry_points(project: Project, config: Config) -> EntryPoints:
    """Return the entry points of a project under one configuration; found once a run."""
    return project.once(("entry points", id(config)), lambda: EntryPoints(project, config))


class EntryPoints:
    """The entry points of a project."""

    def __init__(self, project: Project, config: Config) -> None:
        """Nothing is looked at before it is asked for."""
        self._project = project
        self._config = config
        self._configured: tuple[EntryPoint, ...] | None = None
        self._by_file: dict[str, tuple[EntryPoint, ...]] | None = None

    def registered(self) -> tuple[EntryPoint, ...]:
        """Return the routes and tasks, those of the configuration's own queues among them."""
        from obs_lint.entry_points.frameworks import registered

        found = self._project.once("registered entry points", lambda: _sorted(registered(self._project)))
        return _sorted((*found, *self._queued())) if self._config.queues else found

    def _queued(self) -> Iterator[EntryPoint]:
        for each in queues(self._project, self._config).consumers():
            facts, file = self._project.facts(each.path), self._project.files.get(each.path)
            if facts is not None and file is not None:
                function = facts.functions[each.function]
                name = each.name or f"{file.symbol}.{function.qualname}"
                path, scope = each.place
                place, call = (path, each.call[-1]), each.call
                yield EntryPoint(each.path, each.function, "task", "queue", name, place, call, scope, each.handler)

    def configured(self) -> tuple[EntryPoint, ...]:
        """Return what `instrument.targets` and `instrument.entry-points` mean, without looking for routes and tasks."""
        if self._configured is None:
            from obs_lint.entry_points.configured import named, targets

            found = (*targets(self._project, self._config), *named(self._project, self._config))
            self._configured = _sorted(found)
        return self._configured

    def every_target(self) -> tuple[EntryPoint, ...]:
        """Return what the targets mean where sync functions count under wildcards too."""
        from obs_lint.entry_points.configured import targets

        return _sorted(targets(self._project, self._config, every=True))

    def all(self) -> tuple[EntryPoint, ...]:
        """Return every entry point, by path, function and place of registration."""
        return tuple([point for path in sorted(self._files()) for point in self._files()[path]])

    def of_file(self, path: str) -> tuple[EntryPoint, ...]:
        """Return those whose function the file defines, wherever they are registered."""
        return self._files().get(path, ())

    def by_function(self, path: str, index: int) -> tuple[EntryPoint, ...]:
        """Return those of one function; `index` is into the file's functions."""
        return tuple([point for point in self.of_file(path) if point.function == index])

    def _files(self) -> dict[str, tuple[EntryPoint, ...]]:
        if self._by_file is None:
            rows: dict[str, list[EntryPoint]] = {}
            for point in _sorted((*self.registered(), *self.configured())):
                rows.setdefault(point.path, []).append(point)
            self._by_file = {path: tuple(found) for path, found in rows.items()}
        return self._by_file


def _sorted(points: Iterable[EntryPoint]) -> tuple[EntryPoint, ...]:
    return tuple(sorted(dict.fromkeys(points), key=lambda p: (p.path, p.function, p.kind, p.registered, p.name)))
