"""Reports work that is handed to a thread or a process, and emits or reads the context there, without the context."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import NamedTuple

from obs_lint import runtime
from obs_lint.checks import Check
from obs_lint.checks.boundary import enclosing_functions
from obs_lint.checks.canonical import Canonical, canonical
from obs_lint.checks.emitted import lines_of, step
from obs_lint.checks.imported import is_stub
from obs_lint.checks.run import Anchor, RuleRun
from obs_lint.config.model import Config
from obs_lint.diagnostic import Diagnostic, TrailStep
from obs_lint.discovery import ProjectFile
from obs_lint.events.emissions import emissions
from obs_lint.events.emitters import last_name, spelled
from obs_lint.facts.model import Block, CallSite, Expr, FileFacts, Pos
from obs_lint.facts.nested import nested
from obs_lint.patterns import names_match
from obs_lint.project import Origin

_MAX_HOPS = 3
_MAX_SERVICE_HOPS = 1
_CONTEXTUAL = Anchor(
    any_of=(
        b"ContextVar",
        b"contextvars",
        b"contextualize",
        b"asgi_correlation_id",
        b"starlette_context",
        b"obs_surface",
    ),
    pattern=rb"(?<!\w)(?:ContextVar[\[(]|bind_contextvars|bound_contextvars|merge_contextvars|contextualize\()"
    rb"|\bimport (?:asgi_correlation_id|obs_surface)|from (?:asgi_correlation_id|starlette_context|obs_surface)",
)
"""Files in which a context of the project's own is made or bound."""
_EXECUTORS = ("concurrent.futures.**.ThreadPoolExecutor", "concurrent.futures.**.ProcessPoolExecutor")
_POOLS = ("multiprocessing.**.Pool", "multiprocessing.**.ThreadPool")
_POOL_METHODS = frozenset("apply apply_async map map_async imap imap_unordered starmap starmap_async".split())
_THREADS = ("threading.Thread", "threading.Timer")
_PROCESSES = ("multiprocessing.**.Process",)
_BINDING = frozenset("bind_contextvars bound_contextvars contextualize copy_context attach".split())
_STOPPING = re.compile(r"\w*(?:stop|run|clos|shut|quit|alive|is_set|exit|active|done|cancel|true)\w*", re.IGNORECASE)


_VARIABLE = re.compile(r"_*(.+?)(?:_?(?:ctx|context|var|cv|local))*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Options:
    """What `dropped-context` may be told."""

    context_parameters: tuple[str, ...] = ("ctx", "context", "obs_ctx", "correlation")
    """Names of parameters by which a function is given the context, beside the correlation fields' own names."""
    starting: tuple[str, ...] = ("__init__", "start", "main")
    """Names, with `*`, of functions that run before any request comes in: what they start belongs to none."""
    instrumentation: tuple[str, ...] = ()
    """Modules that make threads carry the context; where the project imports one of them nothing is reported."""


class _Handed(NamedTuple):
    """A callable that is handed over."""

    call: CallSite
    work: Expr
    to: str
    """`thread`, `thread pool`, `process`, `process pool` or `executor`."""
    by: str
    """What it is handed to, as it is called in messages."""
    method: Origin | None = None
    """The `run` of a thread's or process's class, where that is the work and `work` the class."""


class _Evidence(NamedTuple):
    """Why work needs the context."""

    path: str
    pos: Pos
    what: str


def anchors(options: Options, config: Config) -> tuple[Anchor, ...]:
    """Files that start threads or processes, or hand work to an executor."""
    started = rb"(?<!def )(?<!class )\b(?:Thread|Timer|Process|start_new_thread|run_in_executor)\("
    return (
        Anchor(any_of=(b"Thread(", b"Timer(", b"Process(", b"start_new_thread(", b"run_in_executor("), pattern=started),
        Anchor(any_of=(b".submit(", b".map("), modules=("concurrent.futures", "concurrent")),
        Anchor(any_of=(b"xecutor.submit(", b"xecutor.map(", b"pool.submit(")),
        Anchor(any_of=tuple(sorted(f".{name}(".encode() for name in _POOL_METHODS)), modules=("multiprocessing",)),
    )


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic a hand-over, at the callable."""
    if not run.anchored or not _has_context(run):
        return
    work = _Work(run, canonical(run.project, run.config))
    for file in run.anchored:
        if run.is_surface(file) or is_stub(file):
            continue
        facts = run.project.facts(file.path)
        if facts is None:
            continue
        seen: set[Pos] = set()
        for handed in _handed(run, file.path, facts):
            found = work.needs_context(file.path, handed)
            if found is None or handed.work[-1] in seen:
                continue
            seen.add(handed.work[-1])
            yield _report(run, file, handed, found)


def _report(run: RuleRun[Options], file: ProjectFile, handed: _Handed, found: _Evidence) -> Diagnostic:
    work = handed.work
    if work[0] == "call" and last_name(work[1]) == "partial" and work[2]:
        work = work[2][0]
    name = spelled(work) or "the function"
    if handed.method is not None:
        name += ".run"
    is_process = handed.to.startswith("process")
    trail: tuple[TrailStep, ...] = (step(run, found.path, found.pos, f"{found.what} here"),)
    return run.report(
        file,
        handed.work[-1],
        target=f"{handed.by}:{name}",
        scope=handed.call.scope,
        lines=lines_of(handed.call.statement),
        trail=trail,
        name=name,
        by=handed.by,
        what=found.what,
        help="Give it the correlation ids as arguments: a context can't be handed to a process." if is_process else "",
    )


def _has_context(run: RuleRun[Options]) -> bool:
    """True where the project has a context that could be lost, and nothing that makes every thread carry it."""
    project = run.project
    roots = frozenset(name.partition(".")[0] for name in run.options.instrumentation)
    for _, statement in project.imports_of(roots) if roots else ():
        names = [statement.module, *(f"{statement.module}.{name}" for name, _ in statement.names or ())]
        if any(names_match(pattern, names) for pattern in run.options.instrumentation):
            return False
    return any(not {"tests", "examples"} & project.files[path].roles for path in project.matching((_CONTEXTUAL,)))


def _handed(run: RuleRun[Options], path: str, facts: FileFacts) -> Iterator[_Handed]:
    for call in facts.calls:
        func, given = call.expr[1], call.expr[2]
        name = last_name(func)
        if name in ("submit", "map", *_POOL_METHODS) and func[0] == "attr" and given:
            to = _pool(run, path, call.scope, func[1], name)
            if to:
                yield _Handed(call, given[0], to, f"a {to}")
        elif name == "run_in_executor" and func[0] == "attr" and len(given) > 1:
            origins = run.project.resolve(path, call.scope, func)
            if not any(origin.kind == "function" for origin in origins) and not _is_preserving(
                run, run.project.resolve(path, call.scope, given[0])
            ):
                yield _Handed(call, given[1], "executor", "an executor")
        elif func[0] in ("name", "attr"):
            yield from _started(run, path, call)


def _started(run: RuleRun[Options], path: str, call: CallSite) -> Iterator[_Handed]:
    """`Thread(target=…)`, `Timer(1, …)`, `Process(target=…)`, `start_new_thread(…)`"""
    func, given, keywords = call.expr[1], call.expr[2], call.expr[3]
    by_name = {name: value for name, value, _ in keywords}
    has_target = "target" in by_name or "function" in by_name or len(given) > 1
    if not has_target and not last_name(func).lstrip("_")[:1].isupper():
        return
    for origin in run.project.resolve(path, call.scope, func):
        name = origin.name
        if origin.kind == "class" and origin.path:
            name = next((n for n in _externals(run, origin) if _matches((*_THREADS, *_PROCESSES), n)), "")
            if not name or _is_preserving(run, (origin,)) or _defines(run, origin, ("start",)):
                continue
            if _defines(run, origin, ("run",)):
                to = "process" if _matches(_PROCESSES, name) else "thread"
                for method in run.project.resolve_attribute(origin, "run"):
                    if method.kind == "function" and method.path:
                        yield _Handed(call, func, to, f"a {to}", method)
                continue
            if _defines(run, origin, ("__init__",)):
                continue
        elif origin.kind not in ("external", "class"):
            continue
        work: Expr | None = None
        if name == "threading.Timer":
            work = by_name.get("function", given[1] if len(given) > 1 else None)
        elif name == "threading.Thread" or _matches(_PROCESSES, name):
            work = by_name.get("target", given[1] if len(given) > 1 else None)
        elif name in ("_thread.start_new_thread", "thread.start_new_thread"):
            work = given[0] if given else None
        if work is not None:
            to = "process" if _matches(_PROCESSES, name) else "thread"
            yield _Handed(call, work, to, "a timer's thread" if name == "threading.Timer" else f"a {to}")
            return


def _pool(run: RuleRun[Options], path: str, scope: int, receiver: Expr, method: str) -> str:
    """What an object runs work in: `thread pool`, `process pool`, or "" where it is no executor."""
    for origin in run.project.resolve(path, scope, receiver):
        names: tuple[str, ...] = (origin.name,)
        if origin.kind == "instance" and origin.path:
            if _is_preserving(run, (origin,)) or _defines(run, origin, (method,)):
                continue
            names = _externals(run, origin)
        elif origin.kind not in ("instance", "result") or _is_preserving(run, (origin,)):
            continue
        for name in names:
            plain = name.replace("()", "")
            if method in ("submit", "map") and _matches(_EXECUTORS, plain):
                return "process pool" if plain.endswith("ProcessPoolExecutor") else "thread pool"
            if method in _POOL_METHODS and _matches(_POOLS, plain):
                return "thread pool" if plain.endswith("ThreadPool") or ".dummy." in plain else "process pool"
    return ""


def _matches(patterns: tuple[str, ...], name: str) -> bool:
    return any(names_match(pattern, (name,), below=False) for pattern in patterns)


def _externals(run: RuleRun[Options], origin: Origin) -> tuple[str, ...]:
    return tuple(a for a in run.project.ancestors(origin.path, origin.index) if isinstance(a, str))


def _defines(run: RuleRun[Options], origin: Origin, methods: tuple[str, ...]) -> bool:
    """True for a class, or an object of one, that does one of the methods its own way."""
    for ancestor in run.project.ancestors(origin.path, origin.index):
        if not isinstance(ancestor, str):
            facts = run.project.facts(ancestor[0])
            if facts is None:
                return True
            bindings = facts.scopes[facts.classes[ancestor[1]].scope].bindings
            if any(method in bindings for method in methods):
                return True
    return False


def _is_preserving(run: RuleRun[Options], origins: tuple[Origin, ...]) -> bool:
    patterns = run.config.correlation.preserving
    return any(
        runtime.is_one_of(origin.name, runtime.PRESERVING)
        or any(names_match(pattern, run.project.names(origin)) for pattern in patterns)
        for origin in origins
    )


class _Work:
    """What a function does with the context, itself and by what it calls."""

    def __init__(self, run: RuleRun[Options], known: Canonical) -> None:
        self._run = run
        self._project = run.project
        self._emissions = emissions(run.project, run.config)
        self._known = known
        self._given = known.names | frozenset(run.options.context_parameters)
        self._found: dict[tuple[str, int], _Evidence | None] = {}

    def needs_context(self, path: str, handed: _Handed) -> _Evidence | None:
        """Return where handed-over work emits or reads the context; None where it does not, or is given it."""
        facts = self._project.facts(path)
        if facts is None or self._is_start(facts, handed.call.scope):
            return None
        if self._carries(path, handed.call, handed.work):
            return None
        method = handed.method
        if method is not None:
            if self._class_binds(method):
                return None
            found = [(method.path, method.index)]
        else:
            found = list(self._functions(path, handed.call.scope, handed.work))
        for where, index in found:
            if (where, index) in self._around(path, facts, handed.call.scope):
                continue
            if self._is_service(where, index):
                continue
            evidence = self._evidence(where, index, 0)
            if evidence is not None:
                return evidence
        return None

    def _class_binds(self, method: Origin) -> bool:
        """True for a thread's class one of whose methods takes the context along."""
        facts = self._project.facts(method.path)
        if facts is None:
            return True
        owner = facts.functions[method.index].owner
        return any(
            self._binds(method.path, index)
            or any(parameter.name.lstrip("_") in self._given for parameter in function.parameters)
            for index, function in enumerate(facts.functions)
            if owner >= 0 and function.owner == owner
        )

    def _is_start(self, facts: FileFacts, scope: int) -> bool:
        """True for code that runs before any request comes in: of a module, a class body, a start-up function."""
        functions = [facts.functions[index].name for index in enclosing_functions(facts, scope)]
        return not functions or any(
            fnmatchcase(name, pattern) for name in functions for pattern in self._run.options.starting
        )

    @staticmethod
    def _around(path: str, facts: FileFacts, scope: int) -> frozenset[tuple[str, int]]:
        return frozenset((path, index) for index in enclosing_functions(facts, scope))

    def _carries(self, path: str, call: CallSite, work: Expr) -> bool:
        """True where the callable is wrapped in something that keeps the context, or the ids are handed along."""
        for part in nested(work):
            if part[0] == "call":
                origins = self._project.resolve(path, call.scope, part[1])
                if _is_preserving(self._run, origins) or last_name(part[1]) in _BINDING:
                    return True
                if any(o.kind == "function" and o.path and self._binds(o.path, o.index, True) for o in origins):
                    return True
        given = [*call.expr[2], *(value for _, value, _ in call.expr[3])]
        for argument in given:
            for part in nested(argument):
                if part is not work and part[0] in ("name", "attr"):
                    if (part[1] if part[0] == "name" else part[2]).lstrip("_") in self._given:
                        return True
                if part[0] == "call" and last_name(part[1]) in _BINDING:
                    return True
        return _is_preserving(self._run, self._project.resolve(path, call.scope, work))

    def _functions(self, path: str, scope: int, work: Expr) -> Iterator[tuple[str, int]]:
        """The first-party functions that a callable is: itself, what a partial holds, what an object's call runs."""
        if work[0] == "lambda":
            yield path, work[1]
            return
        if work[0] == "call" and last_name(work[1]) == "partial" and work[2]:
            yield from self._functions(path, scope, work[2][0])
            return
        for origin in self._project.resolve(path, scope, work):
            if origin.kind == "function" and origin.path:
                yield origin.path, origin.index
            elif origin.kind == "instance" and origin.path:
                for method in self._project.resolve_attribute(origin, "__call__"):
                    if method.kind == "function" and method.path:
                        yield method.path, method.index

    def _is_service(self, path: str, index: int, hops: int = 0) -> bool:
        """True for work that goes on for as long as the program does, itself or in what it calls: it belongs to no
        request.
        """
        facts = self._project.facts(path)
        if facts is None:
            return False
        function = facts.functions[index]
        if _goes_on(function.block):
            return True
        return hops < _MAX_SERVICE_HOPS and any(
            origin.kind == "function" and origin.path and self._is_service(origin.path, origin.index, hops + 1)
            for call in facts.calls
            if _lies_in(facts, call.scope, function.scope)
            for origin in self._project.resolve(path, call.scope, call.expr[1])
        )

    def _binds(self, path: str, index: int, wrapped: bool = False) -> bool:
        """True for a function that sets its context up by itself, or one made by such."""
        facts = self._project.facts(path)
        if facts is None:
            return False
        function = facts.functions[index]
        scopes = {function.scope}
        if wrapped or facts.scopes[function.parent].kind == "function":
            scopes |= {facts.functions[other].scope for other in enclosing_functions(facts, function.parent)}
        for call in facts.calls:
            if not any(_lies_in(facts, call.scope, scope) for scope in scopes):
                continue
            name = last_name(call.expr[1])
            if name in _BINDING:
                return True
            if name == "set" and call.expr[1][0] == "attr" and self._is_variable(path, call.scope, call.expr[1][1]):
                return True
            if any(key in self._given for key, _, _ in call.expr[3]) and self._is_surface_call(path, call):
                return True
        return False

    def _is_surface_call(self, path: str, call: CallSite) -> bool:
        for origin in self._project.resolve(path, call.scope, call.expr[1]):
            names = self._project.names(origin)
            if any(names_match(pattern, names) for pattern in self._run.config.surface or ()):
                return True
        return False

    def _is_variable(self, path: str, scope: int, expr: Expr) -> bool:
        """True for a context variable."""
        return any(
            origin.kind in ("instance", "result") and origin.name.replace("()", "").endswith("contextvars.ContextVar")
            for origin in self._project.resolve(path, scope, expr)
        )

    def _is_correlation(self, path: str, scope: int, expr: Expr) -> bool:
        """True for a context variable of a correlation field, or of the surface."""
        match = _VARIABLE.fullmatch(last_name(expr).lower())
        named = match is not None and match[1] in self._known.names
        origins = self._project.resolve(path, scope, expr)
        own = any(names_match(pattern, origin.via) for pattern in self._run.config.surface or () for origin in origins)
        return (named or own) and self._is_variable(path, scope, expr)

    def _evidence(self, path: str, index: int, hops: int) -> _Evidence | None:
        key = (path, index)
        if key not in self._found:
            self._found[key] = None
            self._found[key] = self._look(path, index, hops)
        return self._found[key]

    def _look(self, path: str, index: int, hops: int) -> _Evidence | None:
        facts = self._project.facts(path)
        file = self._project.files.get(path)
        if facts is None or file is None:
            return None
        function = facts.functions[index]
        if self._run.is_surface(file):
            return None
        given = {parameter.name.lstrip("_") for parameter in function.parameters}
        if not given.isdisjoint(self._given) or self._binds(path, index):
            return None
        for emission in self._emissions.in_file(path, prose=bool(self._run.config.loggers)):
            if emission.context is None and _lies_in(facts, emission.scope, function.scope):
                name = spelled(emission.call[1] if emission.call[0] == "call" else emission.call)
                return _Evidence(path, emission.call[-1], f"`{name}` is called")
        calls = [call for call in facts.calls if _lies_in(facts, call.scope, function.scope)]
        for call in calls:
            func = call.expr[1]
            if func[0] == "attr" and func[2] == "get" and self._is_correlation(path, call.scope, func[1]):
                return _Evidence(path, call.expr[-1], f"`{spelled(func[1])}` is read")
        for call in calls if hops < _MAX_HOPS else ():
            for origin in self._project.resolve(path, call.scope, call.expr[1]):
                if origin.kind == "function" and origin.path:
                    found = self._evidence(origin.path, origin.index, hops + 1)
                    if found is not None:
                        return found
        return None


def _goes_on(block: Block) -> bool:
    """True for statements among which there is a loop without an end of its own: `while True`, `while not stopped`."""
    for statement in block:
        kind = statement[0]
        if kind == "while" and _is_endless(statement[1]):
            return True
        inner: tuple[Block, ...] = ()
        if kind in ("with", "for", "while"):
            inner = (statement[2],)
        elif kind == "try":
            inner = (statement[1], statement[4])
        elif kind == "if":
            inner = (*(body for _, body, _ in statement[1]), statement[2])
        if any(_goes_on(each) for each in inner):
            return True
    return False


def _is_endless(test: Expr) -> bool:
    if test[0] == "const":
        return bool(test[1])
    return any(
        _STOPPING.fullmatch(str(part[1] if part[0] == "name" else part[2]))
        for part in nested(test)
        if part[0] in ("name", "attr")
    )


def _lies_in(facts: FileFacts, scope: int, outer: int) -> bool:
    while scope > outer:
        scope = facts.scopes[scope].parent
    return scope == outer


CHECK = Check("dropped-context", Options, run, anchors, parts="whole")
