"""Evidence that a function sends telemetry: it logs, prints, posts, or calls a telemetry library or the surface."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from obs_lint.checks.banned import root_name
from obs_lint.checks.expressions import children, renamed
from obs_lint.checks.imported import absolute
from obs_lint.config.model import Config
from obs_lint.events.emitters import Emitters, spelled
from obs_lint.facts.model import CallSite, Expr, FileFacts, Pos
from obs_lint.patterns import names_match
from obs_lint.project import Project

LOG_METHODS = frozenset(
    (
        "debug",
        "info",
        "warning",
        "warn",
        "error",
        "exception",
        "critical",
        "fatal",
        "log",
        "msg",
        "success",
        "notice",
        "trace",
    )
)
POST_METHODS = frozenset(("post", "put", "request", "send_request"))
_LOGGER = re.compile(r"_*(?:\w+_)?(?:log|logger|logging)_*", re.IGNORECASE)
_CLIENT = re.compile(r"_*\w*(?:client|session|http|requests)\w*", re.IGNORECASE)
_PRINTS = frozenset(
    ("builtins.print", "pprint.pprint", "pprint.pp", "sys.stdout.write", "sys.stderr.write", "rich.print")
)
_POSTS = frozenset(
    f"{module}.{name}" for module in ("requests", "httpx", "requests.api") for name in ("post", "put", "request")
) | {"urllib.request.urlopen", "urllib3.request", "aiohttp.request"}
_OUTSIDE = frozenset(("logging", "pprint", "sys", "rich", "requests", "httpx", "urllib", "urllib3", "aiohttp"))
_TELLING = LOG_METHODS | POST_METHODS | {name.rpartition(".")[2] for name in (*_PRINTS, *_POSTS)}
_HTTP_OBJECTS = (
    "requests.Session",
    "requests.session",
    "httpx.Client",
    "httpx.AsyncClient",
    "aiohttp.ClientSession",
    "urllib3.PoolManager",
)
ENDPOINT = (
    r"https?://[^\s/\"']*(?:posthog|segment\.(?:io|com)|amplitude|mixpanel|snowplow|rudderstack|heapanalytics|sentry\.io|"
    r"datadoghq|newrelic|honeycomb\.io|telemetry|analytics|logfire|logtail|loggly|papertrail|splunk|scarf\.sh)"
)
"""A regular expression for the address of a telemetry or product-analytics service."""
_ENDPOINT = re.compile(ENDPOINT, re.IGNORECASE)


class Evidence(NamedTuple):
    """One thing that speaks for telemetry."""

    pos: Pos
    what: str
    """`logs`, `prints`, `posts`, `calls telemetry` and so on, with the name."""
    kind: str
    """log | print | post | telemetry | emitter"""
    aside: bool = False
    """A log call below or above `info`, whose text is its own: it tells of something else than the event."""


class Bodies:
    """Looks into the functions of one file."""

    def __init__(
        self,
        project: Project,
        config: Config,
        emitters: Emitters,
        path: str,
        facts: FileFacts,
        libraries: Sequence[str],
    ) -> None:
        """`libraries`: dotted names of telemetry libraries; calling one, or an object of one, is evidence."""
        self._project = project
        self._config = config
        self._emitters = emitters
        self._path = path
        self._facts = facts
        self._roots = frozenset(library.partition(".")[0] for library in libraries) - {"logging"}
        self._libraries = tuple(libraries)

    @cached_property
    def _calls(self) -> Mapping[int, Sequence[CallSite]]:
        """Calls by the functions that they stand in, at any depth: index of function → calls."""
        owners: list[tuple[int, ...]] = []
        for scope in self._facts.scopes:
            above = owners[scope.parent] if scope.parent >= 0 else ()
            own = (scope.owner,) if scope.kind in ("function", "lambda") and scope.owner >= 0 else ()
            owners.append(above + own)
        found: dict[int, list[CallSite]] = {}
        for call in self._facts.calls:
            for function in owners[call.scope]:
                found.setdefault(function, []).append(call)
        return found

    @cached_property
    def _names(self) -> frozenset[str]:
        """Names that the file takes from a telemetry or HTTP library or the surface, or gives to what it took."""
        roots = self._roots | _OUTSIDE
        file = self._project.files[self._path]
        patterns = self._config.surface or ()
        taken: set[str] = set()
        for statement in self._facts.imports:
            for alias in statement.names:
                bound = alias.asname or (alias.name if statement.module is not None else alias.name.partition(".")[0])
                name = alias.name if statement.module is None else absolute(file, statement.module, statement.level)
                if (not statement.level and name.partition(".")[0] in roots) or self._of_surface(
                    name, alias.name, patterns
                ):
                    taken.add(bound)
        return frozenset(taken) | renamed(self._facts, taken.__contains__)

    def _of_surface(self, module: str, name: str, patterns: tuple[str, ...]) -> bool:
        if any(names_match(pattern, (module, f"{module}.{name}")) for pattern in patterns):
            return True
        return bool(patterns) and self._is_own(module, name)

    def _is_own(self, module: str, name: str) -> bool:
        find, files = self._project.find_module, self._project.files
        paths = (*find(module, self._path), *find(f"{module}.{name}", self._path))
        return any(self._project.is_surface(files[path], self._config) for path in paths)

    def of_function(self, function: int) -> Iterator[Evidence]:
        """Yield what in the body of a function sends something, in source order."""
        for call in self._calls.get(function, ()):
            found = self.of_call(call)
            if found is not None:
                yield found

    def forwards(self, function: int, pos: Pos) -> bool:
        """True where the call at `pos` hands a parameter of the function on as it is, maybe within a text or a dict."""
        names = {parameter.name for parameter in self._facts.functions[function].parameters} - {"self", "cls"}
        for call in self._calls.get(function, ()):
            if call.expr[-1] == pos:
                values = (*call.expr[2], *(value for _, value, _ in call.expr[3]))
                return any(name in names for value in values for name in _bare_names(value))
        return False

    def of_call(self, call: CallSite) -> Evidence | None:
        """Return what a call does, None where it sends nothing."""
        func: Expr = call.expr[1]
        pos: Pos = call.expr[-1]
        method = func[2] if func[0] == "attr" else func[1] if func[0] == "name" else ""
        if not method or not (
            method in _TELLING or method in self._emitters.last_names or root_name(func) in self._names
        ):
            return None
        origins = self._project.resolve(self._path, call.scope, func)
        for origin in origins:
            if origin.kind == "external":
                if origin.name in _PRINTS:
                    return Evidence(pos, f"prints with `{origin.name.removeprefix('builtins.')}`", "print")
                if origin.name in _POSTS or (method in POST_METHODS and origin.name.startswith(_HTTP_OBJECTS)):
                    return Evidence(pos, f"posts with `{origin.name}`", "post")
                if origin.name.partition(".")[0] == "logging" and method in LOG_METHODS:
                    return _logs(call.expr, func, method, pos)
                if self._is_library(origin.name):
                    return Evidence(pos, f"calls `{origin.name}`", "telemetry")
        emitter = self._emitters.of_call(self._path, call.scope, func) if method in self._emitters.last_names else None
        if emitter is not None:
            return Evidence(pos, f"calls the emitter `{emitter.function}`", "emitter")
        return self._of_method(call, func, method, pos) if func[0] == "attr" else None

    def _of_method(self, call: CallSite, func: Expr, method: str, pos: Pos) -> Evidence | None:
        receivers = self._project.resolve(self._path, call.scope, func[1])
        owner = spelled(func[1]).rpartition(".")[2]
        for origin in receivers:
            if origin.kind in ("result", "instance", "external"):
                if origin.name.partition(".")[0] == "logging":
                    return _logs(call.expr, func, method, pos) if method in LOG_METHODS else None
                if self._is_library(origin.name):
                    return Evidence(pos, f"calls `{spelled(func)}` of `{origin.name.partition('.')[0]}`", "telemetry")
                if origin.name.startswith(_HTTP_OBJECTS) and method in POST_METHODS:
                    return Evidence(pos, f"posts with `{spelled(func)}`", "post")
        if method in LOG_METHODS and _LOGGER.fullmatch(owner):
            return _logs(call.expr, func, method, pos)
        if method in POST_METHODS and _CLIENT.fullmatch(owner):
            return Evidence(pos, f"posts with `{spelled(func)}`", "post")
        return None

    def _is_library(self, name: str) -> bool:
        if name.partition(".")[0] not in self._roots:
            return False
        return any(name == library or name.startswith(library + ".") for library in self._libraries)


def _logs(call: Expr, func: Expr, method: str, pos: Pos) -> Evidence:
    own_text = bool(call[2]) and call[2][0][0] in ("const", "fstr", "binop")
    aside = own_text and method not in ("info", "log", "msg", "notice")
    return Evidence(pos, f"logs with `{spelled(func)}`", "log", aside)


def _bare_names(expr: Expr) -> Iterator[str]:
    """Names in an expression that are not just the owner of an attribute or an item."""
    stack = [expr]
    while stack:
        current = stack.pop()
        if current[0] == "name":
            yield current[1]
        elif current[0] in ("attr", "sub"):
            continue
        else:
            stack.extend(children(current)[1:] if current[0] == "call" else children(current))


def endpoint(text: str) -> bool:
    """True for text that holds the address of a telemetry or product-analytics service."""
    return _ENDPOINT.search(text) is not None


def declares_only(facts: FileFacts, function: int, project: Project, path: str) -> bool:
    """True for a declaration: a stub, an abstract or overloaded method, a method of a Protocol."""
    found = facts.functions[function]
    if found.is_stub:
        return True
    for decorator in found.decorators:
        name = spelled(decorator).rpartition(".")[2]
        if name in ("abstractmethod", "overload", "abstractproperty"):
            return True
    if found.owner >= 0:
        owner = facts.classes[found.owner]
        for base in owner.bases:
            if any(
                names_match("typing.Protocol", (o.name,)) or o.name == "typing_extensions.Protocol"
                for o in project.resolve(path, owner.parent, base)
            ):
                return True
    return False
