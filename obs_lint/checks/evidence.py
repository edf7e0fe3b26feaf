"""Evidence that a function sends telemetry: its body logs, prints, posts, or calls a telemetry library or the surface."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from obs_lint.checks.expressions import nested
from obs_lint.config.model import Config
from obs_lint.events.emitters import Emitters, spelled
from obs_lint.facts.model import CallSite, Expr, FileFacts, Pos
from obs_lint.patterns import names_match
from obs_lint.project import Origin, Project

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
_HTTP_OBJECTS = (
    "requests.Session", "requests.session", "httpx.Client", "httpx.AsyncClient", "aiohttp.ClientSession", "urllib3.PoolManager",
)  # fmt: skip
_ENDPOINT = re.compile(
    r"https?://[^\s/]*(?:posthog|segment\.(?:io|com)|amplitude|mixpanel|snowplow|rudderstack|heapanalytics|sentry\.io|datadoghq|"
    r"newrelic|honeycomb\.io|telemetry|analytics|logfire|logtail|loggly|papertrail|splunk|scarf\.sh)"
    r"|/v1/(?:traces|metrics|logs)\b|/api/v1/otlp\b|iglu:",
    re.IGNORECASE,
)


class Evidence(NamedTuple):
    """One thing that speaks for telemetry."""

    pos: Pos
    what: str
    """`logs`, `prints`, `posts`, `calls telemetry` and so on, with the name."""
    kind: str
    """log | print | post | telemetry | surface"""


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

    def of_function(self, function: int) -> Iterator[Evidence]:
        """Yield what in the body of a function sends something, in source order."""
        for call in self._calls.get(function, ()):
            found = self.of_call(call)
            if found is not None:
                yield found

    def forwards(self, function: int, evidence: Evidence) -> bool:
        """True where the call passes something of the function's parameters on."""
        names = {parameter.name for parameter in self._facts.functions[function].parameters} - {"self", "cls"}
        for call in self._calls.get(function, ()):
            if call.expr[-1] == evidence.pos:
                values = (*call.expr[2], *(value for _, value, _ in call.expr[3]))
                return any(e[0] == "name" and e[1] in names for value in values for e in nested(value))
        return False

    def of_call(self, call: CallSite) -> Evidence | None:
        """Return what a call does, None where it sends nothing."""
        func: Expr = call.expr[1]
        pos: Pos = call.expr[-1]
        method = func[2] if func[0] == "attr" else func[1] if func[0] == "name" else ""
        if not method:
            return None
        origins = self._project.resolve(self._path, call.scope, func)
        for origin in origins:
            if origin.kind == "external":
                if origin.name in _PRINTS:
                    return Evidence(pos, f"prints with `{origin.name.removeprefix('builtins.')}`", "print")
                if origin.name in _POSTS or (method in POST_METHODS and origin.name.startswith(_HTTP_OBJECTS)):
                    return Evidence(pos, f"posts with `{origin.name}`", "post")
                if origin.name.partition(".")[0] == "logging" and method in LOG_METHODS:
                    return Evidence(pos, f"logs with `{spelled(func)}`", "log")
                if self._is_library(origin.name):
                    return Evidence(pos, f"calls `{origin.name}`", "telemetry")
        emitter = self._emitters.of_call(self._path, call.scope, func) if method in self._emitters.last_names else None
        if emitter is not None:
            return Evidence(pos, f"calls the emitter `{emitter.function}`", "surface")
        if any(o.kind in ("function", "class") and self._in_surface(o) for o in origins):
            return Evidence(pos, f"calls the surface's `{spelled(func)}`", "surface")
        return self._of_method(call, func, method, pos) if func[0] == "attr" else None

    def _of_method(self, call: CallSite, func: Expr, method: str, pos: Pos) -> Evidence | None:
        receivers = self._project.resolve(self._path, call.scope, func[1])
        owner = spelled(func[1]).rpartition(".")[2]
        for origin in receivers:
            if origin.kind in ("result", "instance", "external"):
                if origin.name.partition(".")[0] == "logging":
                    return Evidence(pos, f"logs with `{spelled(func)}`", "log") if method in LOG_METHODS else None
                if self._is_library(origin.name):
                    return Evidence(pos, f"calls `{spelled(func)}` of `{origin.name.partition('.')[0]}`", "telemetry")
                if origin.name.startswith(_HTTP_OBJECTS) and method in POST_METHODS:
                    return Evidence(pos, f"posts with `{spelled(func)}`", "post")
        if method in LOG_METHODS and _LOGGER.fullmatch(owner):
            return Evidence(pos, f"logs with `{spelled(func)}`", "log")
        if method in POST_METHODS and _CLIENT.fullmatch(owner):
            return Evidence(pos, f"posts with `{spelled(func)}`", "post")
        return None

    def _is_library(self, name: str) -> bool:
        if name.partition(".")[0] not in self._roots:
            return False
        return any(name == library or name.startswith(library + ".") for library in self._libraries)

    def _in_surface(self, origin: Origin) -> bool:
        file = self._project.files.get(origin.path)
        return file is not None and self._project.is_surface(file, self._config)


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
