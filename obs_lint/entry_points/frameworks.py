"""Routes and tasks: what web frameworks and queues call, found in every file that registers something with one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from obs_lint.entry_points.assembly import Row, assembled
from obs_lint.entry_points.handlers import Handler, handlers
from obs_lint.entry_points.lookup import Lookup
from obs_lint.entry_points.model import EntryPoint
from obs_lint.entry_points.mounts import Mounts, argument, handler_key, keyword
from obs_lint.entry_points.recognition import Recognition
from obs_lint.entry_points.routing import Place, Routing, joined, plain
from obs_lint.entry_points.search import FileSearch
from obs_lint.entry_points.vocabulary import (
    ADDING,
    ANY,
    BY_METHODS,
    CALLS,
    DECORATING,
    DECORATORS,
    PATH_KEYWORDS,
    ROUTE,
    TASK,
    Registration,
)
from obs_lint.facts.model import Expr, FileFacts
from obs_lint.facts.nested import nested
from obs_lint.facts.roots import of_block
from obs_lint.project import Project

_WORKER_LISTS = ("functions", "cron_jobs")
_ARQ = Registration("arq", TASK)
_TORNADO = Registration("tornado", ROUTE, ANY, 0, 1)


def registered(project: Project) -> Iterator[EntryPoint]:
    """Yield every route and task, tests apart."""
    reading = _Reading(project)
    reading.run()
    yield from assembled(project, reading.recognition, reading.rows, reading.files)


class _Reading:
    def __init__(self, project: Project) -> None:
        self.rows: list[Row] = []
        self._project = project
        self._lookup = Lookup(project)
        self.recognition = Recognition(self._lookup)
        self.routing = Routing(self._lookup)
        self._mounts = Mounts(self._lookup, self.recognition, self.routing)
        self._search = FileSearch(self._lookup, self.recognition, self.routing)
        self.files = self._search.files

    def run(self) -> None:
        self._search.run()
        self.files = self._search.files
        for path, facts in self.files.items():
            self._mounts.read(path, facts)
        for path, facts in self.files.items():
            self._read_decorators(path, facts)
            self._read_calls(path, facts)
            self._read_workers(path, facts)
            self._read_tuples(path, facts)

    # -- decorators

    def _read_decorators(self, path: str, facts: FileFacts) -> None:
        for index, function in enumerate(facts.functions):
            for decorator in function.decorators:
                self._read_decorator(path, facts, Handler("function", path, index), decorator, function.parent)
        for index, row in enumerate(facts.classes):
            for decorator in row.decorators:
                self._read_decorator(path, facts, Handler("class", path, index), decorator, row.parent)

    def _read_decorator(self, path: str, facts: FileFacts, handler: Handler, decorator: Expr, scope: int) -> None:
        callee = decorator[1] if decorator[0] == "call" else decorator
        if callee[0] not in ("name", "attr"):
            return
        registration = self.recognition.registration(path, scope, callee, DECORATING, DECORATORS)
        if registration is not None:
            call = decorator if decorator[0] == "call" else ("call", decorator, (), (), decorator[-1])
            self._add(facts, Place(path, scope, call), registration, (handler,), None, decorator)

    # -- calls

    def _read_calls(self, path: str, facts: FileFacts) -> None:
        for site in facts.calls:
            call, scope = site.expr, site.scope
            callee = call[1]
            place = Place(path, scope, call)
            if callee[0] == "call":
                self._read_application(facts, place)
            elif callee[0] in ("name", "attr") and not self._read_registration(facts, place):
                self._read_task(facts, place)
                self._read_worker(facts, place)

    def _read_registration(self, facts: FileFacts, place: Place) -> bool:
        """`app.add_api_route("/x", show)`, `Route("/x", show)`, `path("x/", show)`, `queue.enqueue(work)`"""
        path, scope, call = place
        registration = self.recognition.registration(path, scope, call[1], ADDING, CALLS)
        if registration is None:
            return False
        given = argument(path, scope, call, registration.handler, registration.keywords)
        if given is not None:
            self._add(facts, place, registration, handlers(self._lookup, *given), given.expr, call)
        return True

    def _read_application(self, facts: FileFacts, place: Place) -> None:
        """`app.get("/x")(show)`, `app.task(name="x")(work)`"""
        path, scope, call = place
        if not call[2] or call[1][1][0] not in ("name", "attr"):
            return
        registration = self.recognition.registration(path, scope, call[1][1], DECORATING, DECORATORS)
        if registration is not None:
            found = handlers(self._lookup, path, scope, call[2][0])
            self._add(facts, Place(path, scope, call[1]), registration, found, call[2][0], call)

    def _read_task(self, facts: FileFacts, place: Place) -> None:
        """`app.task(work)`"""
        path, scope, call = place
        if not call[2] or call[2][0][0] not in ("name", "attr", "call", "lambda"):
            return
        registration = self.recognition.registration(path, scope, call[1], DECORATING, DECORATORS)
        if registration is not None and registration.kind == TASK:
            found = [h for h in handlers(self._lookup, path, scope, call[2][0]) if h.kind == "function"]
            self._add(facts, place, registration, found, call[2][0], call)

    # -- lists

    def _read_worker(self, facts: FileFacts, place: Place) -> None:
        """`arq.Worker(functions=[…])`"""
        path, scope, call = place
        if any(name in _WORKER_LISTS for name, _, _ in call[3]):
            for origin in self._lookup.resolve(path, scope, call[1]):
                if origin.kind == "external" and origin.name.startswith("arq.") and origin.name.endswith("orker"):
                    for name in _WORKER_LISTS:
                        self._add_items(facts, keyword(path, scope, call, (name,)))

    def _read_workers(self, path: str, facts: FileFacts) -> None:
        """`class WorkerSettings: functions = […]`"""
        if any((row.module or row.names[0].name).partition(".")[0] == "arq" for row in facts.imports if not row.level):
            for row in facts.classes:
                for name in _WORKER_LISTS:
                    for binding in facts.scopes[row.scope].bindings.get(name, ()):
                        if binding.value is not None:
                            self._add_items(facts, Place(path, row.scope, binding.value))

    def _add_items(self, facts: FileFacts, listed: Place | None) -> None:
        for item in () if listed is None else self._mounts.items(listed):
            path, scope, expr = item
            if expr[0] != "call" or self.recognition.registration(path, scope, expr[1], {}, CALLS) is None:
                self._add(facts, item, _ARQ, handlers(self._lookup, *item), item.expr, item.expr)

    def _read_tuples(self, path: str, facts: FileFacts) -> None:
        """Tornado's `(r"/shop", ShopHandler)`."""
        if not self._may_list_handlers(path, facts):
            return
        blocks = [(0, facts.body), *((function.scope, function.block) for function in facts.functions)]
        blocks += [(row.scope, ()) for row in facts.classes]
        for scope, block in blocks:
            for root in of_block(block):
                for expr in nested(root):
                    if expr[0] == "seq" and expr[1] == "tuple" and len(expr[2]) in (2, 3, 4):
                        self._read_tuple(Place(path, scope, expr))

    def _may_list_handlers(self, path: str, facts: FileFacts) -> bool:
        return any(self._is_tornado(path, index) for index in range(len(facts.classes))) or any(
            self._is_tornado(*key) for key in self._imported_classes(path, facts)
        )

    def _imported_classes(self, path: str, facts: FileFacts) -> Iterator[tuple[str, int]]:
        for number, statement in enumerate(facts.imports):
            for item in range(len(statement.names)):
                for origin in self._project.resolve_import(path, number, item):
                    if origin.kind == "class" and origin.path:
                        yield origin.path, origin.index
                    elif origin.kind == "module" and origin.path in self.files:
                        yield from ((origin.path, index) for index in range(len(self.files[origin.path].classes)))

    def _is_tornado(self, path: str, index: int) -> bool:
        found = self.recognition.handling(path, index)
        return found is not None and found.framework == "tornado"

    def _read_tuple(self, place: Place) -> None:
        path, scope, expr = place
        route, target = expr[2][:2]
        if target[0] not in ("name", "attr") or route[0] not in ("const", "fstr", "binop", "name", "attr", "call"):
            return
        text = ""
        for handler in handlers(self._lookup, path, scope, target):
            if handler.kind == "class" and self._is_tornado(handler.path, handler.index):
                text = text or plain(self.routing.text(Place(path, scope, route)))
                self.rows.append(Row(handler, _TORNADO, (), text, place, expr, target))

    # -- rows

    def _add(
        self,
        facts: FileFacts,
        place: Place,
        registration: Registration,
        found: Iterable[Handler],
        given: Expr | None,
        registrar: Expr,
    ) -> None:
        """Keep a registration; `place` is its call, or what stands for one."""
        path, scope, call = place
        for handler in found:
            verbs: tuple[str, ...] = ()
            text = ""
            if registration.kind == ROUTE:
                verbs = self._verbs(place, registration)
                text = self._route(facts, place, registration, handler)
            elif call[0] == "call":
                text = self.routing.text(keyword(path, scope, call, registration.named))
            self.rows.append(Row(handler, registration, verbs, text, place, registrar, given))

    def _verbs(self, place: Place, registration: Registration) -> tuple[str, ...]:
        verb = registration.verb
        if registration.verb_at >= 0:
            given = argument(*place, registration.verb_at, (verb, "method"))
            default = "GET" if verb == "http_method_names" else ANY
        elif verb == "http_method":
            given, default = keyword(*place, ("http_method",)), ANY
        elif verb == BY_METHODS:
            given = keyword(*place, ("methods",))
            default = "GET" if given is None else ANY
        else:
            return (verb,)
        return tuple(ANY if text == "*" else text.upper() for text in self.routing.texts(given)) or (default,)

    def _route(self, facts: FileFacts, place: Place, registration: Registration, handler: Handler) -> str:
        """Return the whole path of a route, "" where a registration has none."""
        path, scope, call = place
        if registration.path < 0:
            return ""
        text = self.routing.text(argument(path, scope, call, registration.path, PATH_KEYWORDS))
        callee = call[1]
        framework = registration.framework
        if framework == "litestar":
            return self._litestar_route(path, facts, handler, text)
        if framework == "tornado":
            return plain(text)
        if callee[0] == "attr" and framework != "django":
            base = callee[1]
            if base[0] == "attr" and base[2] == "router" and framework == "aiohttp":
                base = base[1]
            key = self.routing.find(Place(path, scope, base))
            above = self.routing.prefix(key) if key else self._mounts.above(path, facts, call)
            return joined(above, text)
        if framework == "django":
            if callee[0] == "attr" and callee[2] == "register":
                return joined(self.routing.prefix(self.routing.find(Place(path, scope, callee[1]))), plain(text))
            above = self.routing.prefix(self._mounts.list_key(path, facts, call))
            return joined(above, self._mounts.above(path, facts, call), plain(text))
        return joined(self._mounts.above(path, facts, call), text)

    def _litestar_route(self, path: str, facts: FileFacts, handler: Handler, text: str) -> str:
        keys = [handler_key(handler)]
        own = ""
        row = facts.functions[handler.index] if handler.kind == "function" else None
        if row is not None and row.owner >= 0:
            keys.append(handler_key(Handler("class", path, row.owner)))
            for binding in facts.scopes[facts.classes[row.owner].scope].bindings.get("path", ()):
                own = "" if binding.value is None else self.routing.text(Place(path, row.parent, binding.value))
        return joined(next((found for key in keys if (found := self.routing.prefix(key))), ""), own, text)
