"""From registrations to entry points: classes become their methods, names are given, what is said twice is one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from obs_lint.entry_points.handlers import Handler
from obs_lint.entry_points.model import EntryPoint
from obs_lint.entry_points.recognition import Recognition
from obs_lint.entry_points.routing import UNTOLD, Place, joined, shown
from obs_lint.entry_points.vocabulary import ANY, DECORATORS, DETAILS, TASK, VIEW, Handling, Registration
from obs_lint.facts.model import Expr, FileFacts
from obs_lint.project import Project

_API_VIEW = DECORATORS["rest_framework", "api_view"]
_ACTION = DECORATORS["rest_framework", "action"]
_REQUIRE = "django.views.decorators.http.require_"


class Row(NamedTuple):
    """One registration of one handler."""

    handler: Handler
    registration: Registration
    verbs: tuple[str, ...]
    route: str
    """The whole path of a route, the name of a task where it is given one."""
    place: Place
    """The registering call, or what stands for one."""
    registrar: Expr
    given: Expr | None
    """The expression that is registered; None for a decorator."""


def assembled(
    project: Project, recognition: Recognition, rows: Iterable[Row], files: Mapping[str, FileFacts]
) -> Iterator[EntryPoint]:
    """Yield the entry points of all registrations, and of the handler classes in `files` that nothing registers."""
    yield from _Assembly(project, recognition, tuple(rows), files).points()


class _Assembly:
    def __init__(
        self, project: Project, recognition: Recognition, rows: tuple[Row, ...], files: Mapping[str, FileFacts]
    ) -> None:
        self._project = project
        self._recognition = recognition
        self._functions = [row for row in rows if row.handler.kind == "function"]
        self._classes: dict[tuple[str, int], list[Row]] = {}
        for row in rows:
            if row.handler.kind == "class":
                self._classes.setdefault((row.handler.path, row.handler.index), []).append(row)
        self._files = files
        self._heirs: dict[tuple[str, int], list[Row]] | None = None

    def points(self) -> Iterator[EntryPoint]:
        yield from self._of_functions()
        yield from self._of_classes()

    # -- functions

    def _of_functions(self) -> Iterator[EntryPoint]:
        verbs = {_key(row): row.verbs for row in self._functions if row.registration is _API_VIEW}
        routed = {
            _key(row)
            for row in self._functions
            if row.registration.framework == "django" and row.registration.path >= 0
        }
        tasks: set[tuple[str, int, str, str]] = set()
        for row in self._functions:
            path, index = _key(row)
            if row.registration is _API_VIEW and (path, index) in routed:
                continue
            if row.registration is _ACTION:
                yield self._point(row, path, index, self._action_name(row, path, index))
            elif row.registration.kind == TASK:
                known = (path, index, row.registration.framework, row.route)
                if known not in tasks:
                    tasks.add(known)
                    yield self._point(row, path, index, self._task_name(row, path, index))
            else:
                told = verbs.get((path, index)) or self._required(path, index) or row.verbs
                text = ", ".join(dict.fromkeys(told)) or ANY
                where = shown(row.route) if row.registration.path >= 0 else self._dotted(path, index)
                yield self._point(row, path, index, f"{text} {where}")

    def _required(self, path: str, index: int) -> tuple[str, ...]:
        """`@require_POST`, `@require_http_methods(["GET", "POST"])`"""
        facts = self._project.facts(path)
        row = None if facts is None else facts.functions[index]
        for decorator in () if row is None else row.decorators:
            callee = decorator[1] if decorator[0] == "call" else decorator
            for origin in self._project.resolve(path, row.parent if row is not None else 0, callee):
                last = origin.name.removeprefix(_REQUIRE)
                if last == origin.name:
                    continue
                if last == "http_methods" and decorator[0] == "call" and decorator[2] and decorator[2][0][0] == "seq":
                    return tuple(str(item[1]) for item in decorator[2][0][2] if item[0] == "const")
                return ("GET",) if last == "safe" else (last,)
        return ()

    def _task_name(self, row: Row, path: str, index: int) -> str:
        if row.route and UNTOLD not in row.route:
            return row.route
        facts = self._project.facts(path)
        name = "" if facts is None else facts.functions[index].name
        framework = row.registration.framework
        if framework in ("celery", "rq"):
            return self._dotted(path, index)
        return f"{self._project.files[path].symbol}:{name}" if framework == "taskiq" else name

    def _action_name(self, row: Row, path: str, index: int) -> str:
        """An action of a view set: below the path that the set is registered with."""
        facts = self._project.facts(path)
        function = None if facts is None else facts.functions[index]
        text = ", ".join(dict.fromkeys(row.verbs)) or ANY
        if function is None or function.owner < 0:
            return f"{text} {self._dotted(path, index)}"
        above = self._only_row(path, function.owner)
        if above is None:
            return f"{text} {self._dotted(path, index)}"
        keywords = {name: value for name, value, _ in row.place.expr[3]}
        written = keywords.get("url_path")
        last = str(written[1]) if written is not None and written[0] == "const" else function.name
        detail = keywords.get("detail")
        is_detail = detail is not None and detail[:2] == ("const", True)
        return f"{text} {shown(joined(above.route, '<pk>' if is_detail else '', last))}"

    # -- classes

    def _of_classes(self) -> Iterator[EntryPoint]:
        """Handler methods: of classes that are registered, with what they inherit, then of classes by their base."""
        done: set[tuple[str, int]] = set()
        for (path, index), rows in self._classes.items():
            found = self._recognition.handling(path, index)
            if found is None and rows[0].registration.framework == "django":
                found = VIEW
            if found is None:
                continue
            for ancestor in self._project.ancestors(path, index):
                if isinstance(ancestor, tuple):
                    yield from self._own_methods(*ancestor, found, done)
        for path, facts in self._files.items():
            for index in range(len(facts.classes)):
                found = self._recognition.handling(path, index)
                if found is not None:
                    yield from self._own_methods(path, index, found, done)

    def _own_methods(self, path: str, index: int, found: Handling, done: set[tuple[str, int]]) -> Iterator[EntryPoint]:
        facts = self._project.facts(path)
        if facts is None:
            return
        row = self._only_row(path, index)
        for name, bindings in facts.scopes[facts.classes[index].scope].bindings.items():
            place = (path, bindings[-1].index)
            if name in found.methods and bindings[-1].kind == "def" and place not in done:
                done.add(place)
                yield self._method(place, facts, name, found, row)

    def _only_row(self, path: str, index: int) -> Row | None:
        """Return the registration of a class, or that of the one class that inherits from it and is registered."""
        own = self._classes.get((path, index))
        if own is not None:
            return own[0]
        if self._heirs is None:
            self._heirs = {}
            for (where, number), rows in self._classes.items():
                for ancestor in self._project.ancestors(where, number)[1:]:
                    if isinstance(ancestor, tuple):
                        self._heirs.setdefault(ancestor, []).append(rows[0])
        heirs = self._heirs.get((path, index), [])
        return heirs[0] if len(heirs) == 1 else None

    def _method(
        self, place: tuple[str, int], facts: FileFacts, method: str, found: Handling, row: Row | None
    ) -> EntryPoint:
        path, index = place
        owner = self._dotted(path, index).rpartition(".")[0]
        if found.kind == TASK:
            name = owner if row is None else row.route or owner
        elif row is not None and row.registration.path >= 0:
            route = joined(row.route, "<pk>") if method in DETAILS else row.route
            name = f"{found.methods[method]} {shown(route)}"
        else:
            name = f"{found.methods[method]} {owner}"
        if row is not None:
            where = (row.place.path, row.registrar[-1])
            return EntryPoint(
                path, index, found.kind, found.framework, name, where, row.registrar, row.place.scope, row.given
            )
        function = facts.functions[index]
        where = (path, facts.classes[function.owner].name_pos)
        return EntryPoint(path, index, found.kind, found.framework, name, where, None, function.parent)

    # -- one entry point

    def _point(self, row: Row, path: str, index: int, name: str) -> EntryPoint:
        where = (row.place.path, row.registrar[-1])
        kind, framework = row.registration.kind, row.registration.framework
        return EntryPoint(path, index, kind, framework, name, where, row.registrar, row.place.scope, row.given)

    def _dotted(self, path: str, index: int) -> str:
        facts = self._project.facts(path)
        qualname = "" if facts is None else facts.functions[index].qualname
        return f"{self._project.files[path].symbol}.{qualname}"


def _key(row: Row) -> tuple[str, int]:
    return row.handler.path, row.handler.index
