"""Automatic instrumentation: libraries that wrap the handlers of a whole framework when they are switched on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from obs_lint.config.model import Config
from obs_lint.facts.model import Anchor, Expr, FileFacts
from obs_lint.patterns import path_matches
from obs_lint.project import Project

_EVERY = frozenset("fastapi starlette flask django aiohttp tornado litestar celery rq arq dramatiq taskiq huey".split())
_OPENTELEMETRY: Mapping[str, tuple[str, ...]] = {
    "FastAPIInstrumentor": ("fastapi",),
    "StarletteInstrumentor": ("starlette", "fastapi"),
    "FlaskInstrumentor": ("flask",),
    "DjangoInstrumentor": ("django",),
    "AioHttpServerInstrumentor": ("aiohttp",),
    "TornadoInstrumentor": ("tornado",),
    "CeleryInstrumentor": ("celery",),
    "TaskiqInstrumentor": ("taskiq",),
}
_MIDDLEWARES = frozenset({"OpenTelemetryMiddleware", "OpenTelemetryPlugin", "OpenTelemetryConfig"})
_ASGI = ("fastapi", "starlette", "litestar")
_SENTRY: Mapping[str, tuple[str, ...]] = {
    "FastApiIntegration": ("fastapi",),
    "StarletteIntegration": ("starlette", "fastapi"),
    "FlaskIntegration": ("flask",),
    "QuartIntegration": ("flask",),
    "DjangoIntegration": ("django",),
    "AioHttpIntegration": ("aiohttp",),
    "TornadoIntegration": ("tornado",),
    "LitestarIntegration": ("litestar",),
    "CeleryIntegration": ("celery",),
    "RqIntegration": ("rq",),
    "ArqIntegration": ("arq",),
    "DramatiqIntegration": ("dramatiq",),
    "HueyIntegration": ("huey",),
}
_SENTRY_BY_ITSELF = "aiohttp arq celery django fastapi flask huey litestar rq starlette tornado".split()
"""Integrations that `sentry_sdk.init` switches on wherever their framework is installed."""
_TRACING_KEYS = ("traces_sample_rate", "traces_sampler", "enable_tracing")
_LOGFIRE: Mapping[str, tuple[str, ...]] = {
    "instrument_fastapi": ("fastapi",),
    "instrument_starlette": ("starlette", "fastapi"),
    "instrument_flask": ("flask",),
    "instrument_django": ("django",),
    "instrument_celery": ("celery",),
    "instrument_aiohttp_server": ("aiohttp",),
    "instrument_asgi": _ASGI,
}

AUTOMATIC_ANCHORS: tuple[Anchor, ...] = (
    Anchor(modules=("opentelemetry",), any_of=(b"Instrumentor", b"OpenTelemetry")),
    Anchor(modules=("sentry_sdk",), any_of=(b"Integration", b"init(")),
    Anchor(modules=("logfire",), any_of=(b"instrument_",)),
    Anchor(modules=("ddtrace",), any_of=(b"patch", b"auto")),
    Anchor(modules=("litestar",), any_of=(b"OpenTelemetry",)),
)
"""Files that may switch it on."""


class Automatic:
    """Which frameworks are instrumented by themselves, for each service of a configuration."""

    def __init__(self, project: Project, config: Config) -> None:
        """The files that may switch it on are read at once."""
        self._services = config.services
        self._found: dict[str, set[str]] = {}
        integrations: dict[str, set[str]] = {}
        starting: set[str] = set()
        for path in sorted(project.matching(AUTOMATIC_ANCHORS)):
            facts = None if "tests" in project.files[path].roles else project.facts(path)
            if facts is None:
                continue
            service = self._service(path)
            self._found.setdefault(service, set()).update(_switched_on(project, path, facts))
            sentry = set(_sentry(project, path, facts))
            if "init" in sentry:
                starting.add(service)
            integrations.setdefault(service, set()).update(sentry)
        for service, frameworks in integrations.items():
            if service in starting or "" in starting or not service:
                self._found.setdefault(service, set()).update(frameworks if starting else ())

    def covers(self, path: str, framework: str) -> bool:
        """True where the handlers of that framework are instrumented in the service that the file belongs to.

        Files that belong to no service are shared: what they switch on is on everywhere.
        """
        return any(framework in self._found.get(service, ()) for service in {self._service(path), ""})

    def _service(self, path: str) -> str:
        return next((s for s, globs in self._services.items() if any(path_matches(g, path) for g in globs)), "")


def _switched_on(project: Project, path: str, facts: FileFacts) -> Iterator[str]:
    for row in facts.imports:
        if row.module is None and any(name.name == "ddtrace.auto" for name in row.names):
            yield from _EVERY
    for site in facts.calls:
        for origin in project.resolve(path, site.scope, site.expr[1]):
            root, last = origin.name.partition(".")[0], origin.name.rpartition(".")[2]
            if origin.kind == "member" and last.startswith("instrument"):
                yield from _OPENTELEMETRY.get(origin.name.partition("().")[0].rpartition(".")[2], ())
            elif origin.kind != "external":
                continue
            elif last.startswith("instrument") and root == "opentelemetry":
                yield from _OPENTELEMETRY.get(origin.name.split(".")[-2], ())
            elif last in _MIDDLEWARES:
                yield from _ASGI
            elif root == "logfire":
                yield from _LOGFIRE.get(last, ())
            elif root == "ddtrace" and last == "patch_all":
                yield from _EVERY
            elif root == "ddtrace" and last == "patch":
                yield from (name for name, value, _ in site.expr[3] if name and value[:2] == ("const", True))
    for use in facts.uses:
        if not use.called and not use.annotation and use.expr[0] in ("name", "attr"):
            last = use.expr[1] if use.expr[0] == "name" else use.expr[2]
            if last in _MIDDLEWARES and any(
                origin.kind == "external" for origin in project.resolve(path, use.scope, use.expr)
            ):
                yield from _ASGI


def _sentry(project: Project, path: str, facts: FileFacts) -> Iterator[str]:
    """Yield the frameworks that Sentry's integrations in a file are for, and `init` where it is started."""
    for site in facts.calls:
        for origin in project.resolve(path, site.scope, site.expr[1]):
            if origin.kind == "external" and origin.name.startswith("sentry_sdk."):
                last = origin.name.rpartition(".")[2]
                if last == "init":
                    yield last
                    yield from _SENTRY_BY_ITSELF if _traces_by_itself(site.expr) else ()
                yield from _SENTRY.get(last, ())


def _traces_by_itself(call: Expr) -> bool:
    """True where `sentry_sdk.init` is told to trace and does not leave its own integrations out."""
    given = {name: value for name, value, _ in call[3] if name is not None}
    if given.get("auto_enabling_integrations", ("",))[:2] == ("const", False):
        return False
    return any(name in given and not _is_off(given[name]) for name in _TRACING_KEYS)


def _is_off(value: Expr) -> bool:
    return value[0] == "const" and not value[1]
