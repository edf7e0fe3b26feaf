"""Reports web applications without the request-context middleware, and workers without the job context."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from obs_lint import runtime
from obs_lint.checks import Check
from obs_lint.checks.canonical import Canonical, canonical
from obs_lint.checks.imported import absolute, is_stub
from obs_lint.checks.run import Anchor, RuleRun
from obs_lint.config.model import Config
from obs_lint.diagnostic import Diagnostic
from obs_lint.entry_points.handlers import definitions
from obs_lint.events.emitters import declared, last_name, spelled
from obs_lint.facts.model import CallSite, Expr, FileFacts, Function, Pos
from obs_lint.facts.nested import nested
from obs_lint.facts.roots import of_block
from obs_lint.patterns import names_match
from obs_lint.project import Origin

_MAX_HOPS = 2
_WEB = {
    "fastapi.**.FastAPI": "fastapi",
    "starlette.**.Starlette": "starlette",
    "flask.**.Flask": "flask",
    "quart.**.Quart": "quart",
    "litestar.**.Litestar": "litestar",
    "aiohttp.web.Application": "aiohttp",
    "aiohttp.web_app.Application": "aiohttp",
    "tornado.web.Application": "tornado",
}
_WORKERS = {
    "celery.**.Celery": "celery",
    "dramatiq.**.*Broker": "dramatiq",
    "dramatiq_*.**.*Broker": "dramatiq",
    "taskiq.**.*Broker": "taskiq",
    "taskiq_*.**.*Broker": "taskiq",
    "rq.**.Worker": "rq",
    "rq.**.SimpleWorker": "rq",
}
_ASGI = ("fastapi", "starlette", "litestar", "quart")
_FLASK = ("flask", "quart")
_SIGNALS = ("task_prerun", "before_task_publish", "request_started")
_ATTACHING = {
    "add_middleware": (*_ASGI, "dramatiq", "aiohttp"),
    "add_asgi_middleware": _ASGI,
    "middleware": ("fastapi", "starlette"),
    "instrument_app": (*_ASGI, "flask"),
    "include_router": ("fastapi",),
    "before_request": (*_FLASK, "litestar"),
    "before_app_request": _FLASK,
    "before_websocket": ("quart",),
    "url_value_preprocessor": _FLASK,
    "init_app": _FLASK,
    "with_middlewares": ("taskiq",),
    "add_middlewares": ("taskiq",),
}
"""Methods that put something before every request or job → the frameworks whose applications have them."""
_SET = {"wsgi_app": _FLASK, "asgi_app": ("quart",), "Task": ("celery",), "middleware_stack": _ASGI}
"""Attributes of applications that hold what runs before every request or job."""
_LISTS = frozenset({"middlewares", "user_middleware", "middleware"})
_LISTING = frozenset({"append", "insert", "extend"})
_GIVEN = frozenset(
    "middleware middlewares before_request plugins dependencies task_cls worker_class job_class on_app_init".split()
)
"""Keywords of constructors that do."""
_HOOKS = {
    "celery": ("task_prerun", "before_task_publish", "before_start", "Task", "__call__"),
    "dramatiq": ("before_process_message", "before_enqueue"),
    "taskiq": ("pre_execute", "pre_send"),
    "arq": ("on_job_start", "on_startup"),
    "rq": ("perform_job", "execute_job"),
    "tornado": ("prepare",),
}
"""Functions and methods by those names, and functions decorated so, run before every request or job."""
_BINDING = frozenset("bind_contextvars bound_contextvars contextualize attach".split())
_CONTEXT = re.compile("context|bind|request|correlat|trac|scope|instrument", re.IGNORECASE)
_LOGGING = frozenset(
    "get_logger getLogger debug info warning warn error exception critical log setup configure init".split()
)
"""Last names of what the surface has beside contexts: loggers, and what sets it up."""


@dataclass(frozen=True, slots=True)
class Options:
    """What `request-context` may be told."""

    middleware: tuple[str, ...] = ()
    """Dotted patterns of what makes the context: middleware, plugins, task classes, functions given the application."""
    known: tuple[str, ...] = ()
    """The same, of libraries."""
    automatic: tuple[str, ...] = ()
    """Modules and functions that instrument every application, by being imported or called."""


class _App(NamedTuple):
    """One application or worker."""

    path: str
    scope: int
    pos: Pos
    name: str
    """As it is called in messages."""
    framework: str
    call: Expr | None
    variables: frozenset[str]
    """Dotted names of the variables that it is bound to."""


def anchors(options: Options, config: Config) -> tuple[Anchor, ...]:
    """Files that build an application or a worker, or list Django's middleware."""
    found = [
        Anchor(any_of=(name.encode(),), modules=modules)
        for name, modules in (
            ("FastAPI", ("fastapi",)),
            ("Starlette", ("starlette",)),
            ("Flask", ("flask",)),
            ("Quart", ("quart",)),
            ("Litestar", ("litestar",)),
            ("Application", ("aiohttp", "tornado")),
            ("Celery", ("celery",)),
            ("Broker", ("dramatiq",)),
            ("Worker", ("rq",)),
        )
    ]
    found.append(Anchor((b"taskiq", b"Broker(")))
    found.append(Anchor(any_of=(b"WorkerSettings",), pattern=rb"^class[ \t]+\w*WorkerSettings\b"))
    found.append(Anchor(any_of=(b"MIDDLEWARE",), pattern=rb"^[ \t]*MIDDLEWARE[ \t]*(?::[^=\n]+)?=[^=]"))
    return tuple(found)


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic an application or worker, where it is built."""
    if not run.anchored:
        return
    search = _Search(run, canonical(run.project, run.config))
    apps = [app for file in run.anchored if not is_stub(file) for app in search.apps(file.path)]
    for app in search.uncovered(apps):
        is_worker = app.framework in _WORKERS.values() or app.framework == "arq"
        yield run.report(
            run.project.files[app.path],
            app.pos,
            target=app.framework,
            scope=app.scope,
            name=app.name,
            what="a job context" if is_worker else "a request-context middleware",
            whom="jobs" if is_worker else "requests",
        )


_ROOTS = frozenset("fastapi starlette flask quart litestar aiohttp tornado celery dramatiq rq taskiq arq".split())
"""Libraries of applications and workers."""


class _Search:
    """Finds applications, and what is put before their requests."""

    def __init__(self, run: RuleRun[Options], known: Canonical) -> None:
        self._run = run
        self._project = run.project
        self._patterns = (*run.options.middleware, *run.options.known)
        self._fields = known.names | known.aliases.keys()
        self._canonical = known
        self._emitting = _LOGGING | {emitter.function.rpartition(".")[2] for emitter in declared(run.config)}
        self._touching: dict[tuple[str, str, int], bool] = {}
        self._close: dict[frozenset[str], frozenset[str]] = {}

    # -- applications

    def apps(self, path: str) -> Iterator[_App]:
        """Yield the applications and workers that a file builds; Django's are its settings."""
        facts = self._project.facts(path)
        if facts is None:
            return
        for call in facts.calls:
            framework = self._framework(path, call.scope, call.expr[1])
            if framework:
                variables = self._variables(path, facts, call.expr)
                yield _App(path, call.scope, call.expr[1][-1], spelled(call.expr[1]), framework, call.expr, variables)
        for index, row in enumerate(facts.classes):
            if row.name.endswith("WorkerSettings") and "functions" in facts.scopes[row.scope].bindings:
                yield _App(path, row.parent, row.name_pos, row.name, "arq", None, frozenset({str(index)}))
        names = facts.scopes[0].bindings
        if "MIDDLEWARE" in names and ("INSTALLED_APPS" in names or "ROOT_URLCONF" in names):
            yield _App(path, 0, names["MIDDLEWARE"][0].pos, "MIDDLEWARE", "django", None, frozenset())

    def _framework(self, path: str, scope: int, func: Expr) -> str:
        if func[0] not in ("name", "attr"):
            return ""
        for origin in self._project.resolve(path, scope, func):
            names: Iterable[str] = ()
            if origin.kind == "external":
                names = (origin.name,)
            elif origin.kind == "class" and origin.path:
                names = [a for a in self._project.ancestors(origin.path, origin.index) if isinstance(a, str)]
            for name in names:
                for pattern, framework in (*_WEB.items(), *_WORKERS.items()):
                    if names_match(pattern, (name,), below=False) and not name.endswith("StubBroker"):
                        return framework
        return ""

    def _variables(self, path: str, facts: FileFacts, call: Expr) -> frozenset[str]:
        found: set[str] = set()
        for number, scope in enumerate(facts.scopes):
            for name, bindings in scope.bindings.items():
                if any(binding.value is call for binding in bindings):
                    found.add(f"{self._project.symbol(path, number)}.{name}")
        for row in facts.attributes:
            if row.value is call and row.target[0] == "attr":
                found.add(f".{row.target[2]}")
        return frozenset(found)

    # -- what covers them

    def uncovered(self, apps: list[_App]) -> Iterator[_App]:
        """Yield those applications before whose requests nothing makes a context."""
        left = [app for app in apps if not (app.call is not None and self._is_built_with(app))]
        left = self._without_django(left)
        if left:
            left = self._without_attached(left)
        if left and runtime.is_used(self._project):
            left = [app for app in left if not self._is_instrumented(app)]
        if any(app.framework in _HOOKS for app in left):
            hooked = {app.framework for app in left if app.framework in _HOOKS and self._has_hook(app.framework)}
            left = [app for app in left if app.framework not in hooked]
        yield from left

    def _is_instrumented(self, app: _App) -> bool:
        """True for a worker that obs_surface gives the context to: its class, or all of its library."""
        facts = self._project.facts(app.path)
        if app.framework == "arq" and app.call is None and facts is not None:
            row = facts.classes[int(next(iter(app.variables)))]
            if any(self._makes(app.path, row.parent, decorator) for decorator in row.decorators):
                return True
        return self._project.once(("connected", app.framework), lambda: self._is_connected(app.framework))

    def _is_connected(self, framework: str) -> bool:
        """True where the project calls what makes all workers of a library have the context."""
        names = {name for name, libraries in runtime.WORKERS.items() if framework in libraries}
        for path in sorted(
            {path for path, _ in self._project.imports_of(frozenset({runtime.PACKAGE}))} if names else ()
        ):
            facts = None if {"tests", "examples"} & self._project.files[path].roles else self._project.facts(path)
            for call in facts.calls if facts is not None else ():
                if last_name(call.expr[1]) in {name.rpartition(".")[2] for name in names}:
                    origins = self._project.resolve(path, call.scope, call.expr[1])
                    if any(origin.name in names for origin in origins):
                        return True
        return False

    def _is_built_with(self, app: _App) -> bool:
        call = app.call
        for name, value, _ in call[3] if call is not None else ():
            if name in _GIVEN and self._any_qualifies(app.path, app.scope, value):
                return True
            if name is None and self._may_hold(app, value):
                return True
        if call is None:
            return False
        for origin in self._project.resolve(app.path, app.scope, call[1]):
            if origin.kind == "class" and origin.path and self._touches("class", origin.path, origin.index, 0):
                return True
        return self._is_wrapped(app, call)

    def _may_hold(self, app: _App, expr: Expr) -> bool:
        """True for `**options` that may give middleware: unless it is one dict in sight without such a key."""
        values = [expr]
        if expr[0] == "name":
            origins = self._project.resolve(app.path, app.scope, expr)
            values = [value for _, _, value in definitions(self._project, app.path, app.scope, expr, origins)]
        return not values or any(
            value[0] != "dict" or any(key is None or key[0] != "const" or key[1] in _GIVEN for key, _ in value[1])
            for value in values
        )

    def _is_wrapped(self, app: _App, call: Expr) -> bool:
        """True for `RequestContextMiddleware(FastAPI())`."""
        facts = self._project.facts(app.path)
        for other in facts.calls if facts is not None else ():
            given = [*other.expr[2], *(value for _, value, _ in other.expr[3])]
            if any(argument is call for argument in given):
                return self._qualifies(app.path, other.scope, other.expr[1])
        return False

    def _any_qualifies(self, path: str, scope: int, expr: Expr) -> bool:
        """True where one of the things listed makes a context, or where that can't be told."""
        if expr[0] == "seq":
            return any(self._any_qualifies(path, scope, item) for item in expr[2])
        if expr[0] == "star":
            return self._any_qualifies(path, scope, expr[1])
        if expr[0] == "binop":
            return self._any_qualifies(path, scope, expr[2]) or self._any_qualifies(path, scope, expr[3])
        if expr[0] == "if":
            return self._any_qualifies(path, scope, expr[2]) or self._any_qualifies(path, scope, expr[3])
        if expr[0] == "const":
            return isinstance(expr[1], str) and self._named(expr[1], path)
        if expr[0] == "dict":
            return False
        if expr[0] == "name":
            listed = self._lists(path, scope, expr)
            if listed is not None:
                return any(self._any_qualifies(*place) for place in listed)
        if expr[0] == "call":
            for argument in (*expr[2], *(value for _, value, _ in expr[3])):
                if argument[0] in ("name", "attr", "call", "seq") and self._makes(path, scope, argument):
                    return True
            return self._makes(path, scope, expr[1])
        return self._qualifies(path, scope, expr)

    def _lists(self, path: str, scope: int, expr: Expr) -> list[tuple[str, int, Expr]] | None:
        """The lists that a name is bound to, None where it is bound to anything else."""
        found = self._project.bound(path, scope, expr[1])
        values = [] if found is None else [b.value for b in found[1] if b.kind in ("assign", "augment")]
        if found is None or not values or any(v is None or v[0] not in ("seq", "binop") for v in values):
            return None
        places = [(path, found[0], value) for value in values if value is not None and value[0] == "seq"]
        places += [(path, found[0], v[3]) for v in values if v is not None and v[0] == "binop"]
        return places

    def _without_django(self, apps: list[_App]) -> list[_App]:
        """Settings are read together: one file extends another."""
        settings = [app for app in apps if app.framework == "django"]
        if not settings:
            return apps
        others = [app for app in apps if app.framework != "django"]
        if any(self._settings_cover(app) for app in settings) or self._is_gateway_wrapped():
            return others
        return [*others, settings[0]]

    def _is_gateway_wrapped(self) -> bool:
        """True where what makes a context is wrapped round the ASGI or WSGI application of Django."""
        wrapped = Anchor(any_of=(b"get_asgi_application", b"get_wsgi_application"))
        importing = {path for path, _ in self._project.imports_mentioning(frozenset({"asgi", "wsgi", "core"}))}
        for path in sorted(self._project.matching((wrapped,), importing)):
            facts = None if {"tests", "examples"} & self._project.files[path].roles else self._project.facts(path)
            for call in facts.calls if facts is not None else ():
                if call.expr[2] and self._makes(path, call.scope, call.expr[1]):
                    return True
        return False

    def _settings_cover(self, app: _App) -> bool:
        facts = self._project.facts(app.path)
        if facts is None:
            return True
        values = [b.value for b in facts.scopes[0].bindings["MIDDLEWARE"] if b.value is not None]
        for call in facts.calls:
            if call.expr[1][0] == "attr" and call.expr[1][1][:2] == ("name", "MIDDLEWARE"):
                values += call.expr[2]
        return any(
            self._named(part[1], app.path)
            for value in values
            for part in nested(value)
            if part[0] == "const" and isinstance(part[1], str)
        ) or any(part[0] == "call" for value in values for part in nested(value))

    def _named(self, dotted: str, importer: str) -> bool:
        """True for the dotted name of something that makes a context."""
        if "." not in dotted:
            return False
        if self._is_listed((dotted,)):
            return True
        return any(self._origin_qualifies(origin) for origin in self._project.lookup(dotted, importer))

    def _without_attached(self, apps: list[_App]) -> list[_App]:
        """Leave out those that something is attached to, in any file."""
        if self._is_automatic():
            return []
        covered: set[int] = set()
        for path in self._files():
            facts = self._project.facts(path)
            if facts is None:
                continue
            for call in facts.calls:
                self._attach(path, call, apps, covered)
            for index, function in enumerate(facts.functions):
                for decorator in function.decorators:
                    callee = decorator[1] if decorator[0] == "call" else decorator
                    if callee[0] == "attr" and callee[2] in _ATTACHING:
                        if self._touches("function", path, index, 0):
                            covered |= self._targets(path, function.parent, callee[1], apps, _ATTACHING[callee[2]])
            for row in facts.attributes:
                target = row.target
                if target[0] == "attr" and target[2] in _SET:
                    if row.value is not None and self._any_qualifies(path, row.scope, row.value):
                        covered |= self._targets(path, row.scope, target[1], apps, _SET[target[2]])
        return [app for number, app in enumerate(apps) if number not in covered]

    def _attach(self, path: str, call: CallSite, apps: list[_App], covered: set[int]) -> None:
        func, keywords = call.expr[1], call.expr[3]
        given = [*call.expr[2], *(value for _, value, _ in keywords)]
        name = last_name(func)
        if func[0] == "attr" and name in ("mount", "add_subapp", "register_blueprint"):
            for argument in given:
                if argument[0] in ("name", "attr"):
                    mounted = self._named_apps(path, call.scope, argument, apps)
                    covered |= mounted if mounted != self._named_apps(path, call.scope, func[1], apps) else set()
        if name == "Depends" and given and self._is_context_dependency(path, call.scope, given[0]):
            covered |= {n for n, app in enumerate(apps) if app.framework == "fastapi"}
        if func[0] == "attr" and (name in _ATTACHING or (name in _LISTING and last_name(func[1]) in _LISTS)):
            if name == "include_router":
                given = [value for key, value, _ in keywords if key == "dependencies"]
            receiver = func[1][1] if name in _LISTING else func[1]
            frameworks = _ATTACHING.get(name, ("aiohttp", *_ASGI))
            if any(self._any_qualifies(path, call.scope, argument) for argument in given if argument[0] != "const"):
                covered |= self._targets(path, call.scope, receiver, apps, frameworks)
                return
        if name == "connect" and func[0] == "attr" and last_name(func[1]) in _SIGNALS and given:
            if self._any_qualifies(path, call.scope, given[0]):
                wanted = "flask" if last_name(func[1]) == "request_started" else "celery"
                covered |= {number for number, app in enumerate(apps) if app.framework == wanted}
        for argument in given:
            if argument[0] in ("name", "attr"):
                targets = self._named_apps(path, call.scope, argument, apps)
                if targets - covered and self._qualifies(path, call.scope, func):
                    covered |= targets
        if name == "instrument_app" and func[0] == "attr" and given:
            covered |= self._targets(path, call.scope, given[0], apps, _ATTACHING[name])
        if name == "instrument" and func[0] == "attr":
            for origin in self._project.resolve(path, call.scope, func[1]):
                if self._is_listed((origin.name.replace("()", ""),)):
                    covered |= {n for n, app in enumerate(apps) if app.framework in origin.name.lower()}

    def _is_context_dependency(self, path: str, scope: int, expr: Expr) -> bool:
        """True for a dependency that makes a context; one of the surface only where its name says so."""
        return any(
            self._origin_qualifies(origin)
            for origin in self._project.resolve(path, scope, expr)
            if not self._is_of_surface((origin,)) or _CONTEXT.search(origin.name.rpartition(".")[2])
        )

    def _targets(
        self, path: str, scope: int, receiver: Expr, apps: list[_App], frameworks: tuple[str, ...]
    ) -> set[int]:
        """The applications that a receiver is; where that can't be told, all that it could be."""
        found = self._named_apps(path, scope, receiver, apps)
        return found or {number for number, app in enumerate(apps) if app.framework in frameworks}

    def _named_apps(self, path: str, scope: int, expr: Expr, apps: list[_App]) -> set[int]:
        """The applications that an expression is by the variable that holds them; none where that can't be told."""
        names: set[str] = set()
        if expr[0] == "name":
            found = self._project.bound(path, scope, expr[1])
            if found is not None:
                names.add(f"{self._project.symbol(path, found[0])}.{expr[1]}")
        elif expr[0] == "attr":
            names.add(f".{expr[2]}")
        for origin in self._project.resolve(path, scope, expr) if expr[0] in ("name", "attr") else ():
            names.update(origin.via)
            names.update(self._symbols(origin.via))
        return {number for number, app in enumerate(apps) if not names.isdisjoint(app.variables)}

    def _symbols(self, names: Iterable[str]) -> Iterator[str]:
        """The same names by the symbols of their modules."""
        for name in names:
            module, _, last = name.rpartition(".")
            for path in self._project.find_module(module, "") if module else ():
                yield f"{self._project.symbol(path)}.{last}"

    def _files(self) -> list[str]:
        """Files in which something may be attached: those that build applications, and those that say so."""
        words = {f".{name}".encode() for name in (*_ATTACHING, *_LISTS, *_SET, *_SIGNALS)}
        words |= {f"{name}.connect".encode() for name in _SIGNALS} | {b"Depends("}
        anchor = Anchor(any_of=tuple(sorted(words)))
        more = self._project.matching((anchor,), self._near(_ROOTS))
        known = {file.path for file in self._run.anchored}
        roles = {"tests", "examples"}
        found = sorted(known | {path for path in more if not roles & self._project.files[path].roles})
        self._project.prefetch(found)
        return found

    def _near(self, roots: frozenset[str]) -> frozenset[str]:
        """Files that may have an application in hand: they import one of the libraries, the application's module (over
        one more), or are imported by it.
        """
        known = self._close.get(roots)
        if known is None:
            project = self._project
            found = {path for path, _ in project.imports_of(roots)}
            ring = {file.path for file in self._run.anchored}
            found |= ring
            for path in sorted(ring):
                for statement in project.imports(path):
                    module = absolute(project.files[path], statement.module, statement.level)
                    for name in (module, *(f"{module}.{one}" for one, _ in statement.names or ())):
                        found.update(project.find_module(name, path) if name else ())
            for _ in range(2):
                ring = {importer for path in ring for importer in project.importers(path)} - found
                found |= ring
            known = self._close[roots] = frozenset(found)
        return known

    def _has_hook(self, framework: str) -> bool:
        """True where a function that the framework runs before every request or job makes a context, or where a task
        makes one by itself.
        """
        hooks = _HOOKS[framework]
        words = tuple(sorted(hook.encode() for hook in hooks if hook not in ("Task", "__call__")))
        roles = {"tests", "examples"}
        anchor = Anchor(any_of=(*words, framework.encode()))
        for path in sorted(self._project.matching((anchor,), self._near(frozenset({framework})))):
            facts = self._project.facts(path) if not roles & self._project.files[path].roles else None
            for index, function in enumerate(facts.functions if facts is not None else ()):
                names = {function.name}
                for decorator in function.decorators:
                    names |= set(spelled(decorator).split("."))
                is_task = not names.isdisjoint({"task", "shared_task", "actor", "job"}) and function.decorators
                if not names.isdisjoint(hooks) and self._touches("function", path, index, 0):
                    return True
                if is_task and (
                    self._binds("function", path, index)
                    or any(self._is_of_surface(self._decorating(path, function, d)) for d in function.decorators)
                ):
                    return True
            for number, row in enumerate(facts.classes if facts is not None else ()):
                if framework == "arq" and any(
                    self._any_qualifies(path, row.scope, binding.value)
                    for hook in hooks
                    for binding in (facts.scopes[row.scope].bindings.get(hook, ()) if facts is not None else ())
                    if binding.value is not None
                ):
                    return True
                if framework == "celery" and self._is_task_class(path, number):
                    if self._touches("class", path, number, 0):
                        return True
        return False

    def _decorating(self, path: str, function: Function, decorator: Expr) -> tuple[Origin, ...]:
        callee = decorator[1] if decorator[0] == "call" else decorator
        return self._project.resolve(path, function.parent, callee)

    def _is_task_class(self, path: str, index: int) -> bool:
        return any(
            isinstance(a, str) and a.startswith("celery.") and a.endswith("Task")
            for a in self._project.ancestors(path, index)
        )

    def _is_automatic(self) -> bool:
        modules = frozenset(name.partition(".")[0] for name in self._run.options.automatic)
        for path, statement in self._project.imports_of(modules) if modules else ():
            if {"tests", "examples"} & self._project.files[path].roles:
                continue
            names = [statement.module, *(f"{statement.module}.{name}" for name, _ in statement.names or ())]
            if any(names_match(pattern, names) for pattern in self._run.options.automatic):
                return True
        return False

    # -- what makes a context

    def _makes(self, path: str, scope: int, expr: Expr) -> bool:
        """True for what makes a context, of an argument or of what is called."""
        if expr[0] == "seq" or expr[0] == "call":
            return self._any_qualifies(path, scope, expr)
        return any(self._origin_qualifies(origin) for origin in self._project.resolve(path, scope, expr))

    def _qualifies(self, path: str, scope: int, expr: Expr) -> bool:
        """True for what makes a context, or what can't be told."""
        if expr[0] == "lambda":
            return self._touches("function", path, expr[1], 0)
        if expr[0] not in ("name", "attr", "call", "sub"):
            return False
        origins = self._project.resolve(path, scope, expr)
        known = [origin for origin in origins if origin.kind not in ("parameter", "variable")]
        if not known:
            return not origins or any(origin.kind != "external" for origin in origins)
        return any(self._origin_qualifies(origin) for origin in known)

    def _origin_qualifies(self, origin: Origin) -> bool:
        names = (*self._project.names(origin), origin.name.replace("()", ""))
        if self._is_listed(names):
            return True
        if self._is_of_surface((origin,)):
            return origin.name.rpartition(".")[2] not in self._emitting
        if origin.kind in ("function", "class", "instance") and origin.path:
            kind = "function" if origin.kind == "function" else "class"
            return self._touches(kind, origin.path, origin.index, 0)
        return False

    def _is_listed(self, names: Iterable[str]) -> bool:
        found = tuple(names)
        return any(names_match(pattern, found) for pattern in self._patterns)

    def _touches(self, kind: str, path: str, index: int, hops: int) -> bool:
        """True for a function or class that names a correlation field, a header of one, or binds the context: itself,
        by what it derives from, or by what it calls.
        """
        key = (kind, path, index)
        if key not in self._touching:
            self._touching[key] = False
            self._touching[key] = self._look(kind, path, index, hops)
        return self._touching[key]

    def _look(self, kind: str, path: str, index: int, hops: int) -> bool:
        facts = self._project.facts(path)
        if facts is None:
            return True
        if kind == "class":
            for ancestor in self._project.ancestors(path, index):
                if isinstance(ancestor, str):
                    if self._is_listed((ancestor,)):
                        return True
                elif ancestor != (path, index) and self._touches("class", *ancestor, hops):
                    return True
        outer = facts.classes[index].scope if kind == "class" else facts.functions[index].scope
        inside = [number for number in range(outer, len(facts.scopes)) if _lies_in(facts, number, outer)]
        for number in inside:
            if not self._fields.isdisjoint(name.lstrip("_") for name in facts.scopes[number].bindings):
                return True
            row = facts.scopes[number]
            if row.kind == "function" and any(
                self._names_field(part) for root in of_block(facts.functions[row.owner].block) for part in nested(root)
            ):
                return True
        if any(
            row.target[0] == "attr" and row.target[2].lstrip("_") in self._fields and _lies_in(facts, row.scope, outer)
            for row in facts.attributes
        ):
            return True
        if any(self._names_field(row.target[2]) and _lies_in(facts, row.scope, outer) for row in facts.subscripts):
            return True
        if self._binds(kind, path, index):
            return True
        if hops >= _MAX_HOPS:
            return False
        return any(
            self._is_touching_origin(origin, hops)
            for call in facts.calls
            if _lies_in(facts, call.scope, outer)
            for origin in self._project.resolve(path, call.scope, call.expr[1])
        )

    def _is_touching_origin(self, origin: Origin, hops: int) -> bool:
        if origin.kind in ("function", "class") and origin.path:
            return self._touches(origin.kind, origin.path, origin.index, hops + 1)
        return False

    def _names_field(self, part: Expr) -> bool:
        if part[0] == "const" and isinstance(part[1], str):
            return bool(part[1].lstrip("_") in self._fields or self._canonical.of_header(part[1]))
        if part[0] == "attr":
            return part[2].lstrip("_") in self._fields
        if part[0] == "name":
            return part[1].lstrip("_") in self._fields
        return part[0] == "call" and any(name in self._fields for name, _, _ in part[3] if name)

    def _binds(self, kind: str, path: str, index: int) -> bool:
        """True for what sets the context up itself: it sets a context variable, or calls the surface's context."""
        facts = self._project.facts(path)
        if facts is None:
            return True
        outer = facts.classes[index].scope if kind == "class" else facts.functions[index].scope
        for call in facts.calls:
            if not _lies_in(facts, call.scope, outer):
                continue
            func = call.expr[1]
            name = last_name(func)
            if name in _BINDING:
                return True
            origins = self._project.resolve(path, call.scope, func)
            if name == "set" and func[0] == "attr":
                receivers = self._project.resolve(path, call.scope, func[1])
                if any(origin.name.replace("()", "").endswith("contextvars.ContextVar") for origin in receivers):
                    return True
            if self._is_listed(origin.name for origin in origins):
                return True
            if name not in self._emitting and self._is_of_surface(origins):
                return True
        return False

    def _is_of_surface(self, origins: Iterable[Origin]) -> bool:
        patterns = self._run.config.surface or ()
        return any(names_match(pattern, self._project.names(origin)) for pattern in patterns for origin in origins)


def _lies_in(facts: FileFacts, scope: int, outer: int) -> bool:
    while scope > outer:
        scope = facts.scopes[scope].parent
    return scope == outer


CHECK = Check("request-context", Options, run, anchors, parts="whole")
