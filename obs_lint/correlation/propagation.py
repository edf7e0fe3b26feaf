"""What carries ids for a whole library: instrumentors, signal handlers, middlewares, overridden publishing methods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from obs_lint.correlation.code import Code
from obs_lint.correlation.written import Place, Sources, last_name
from obs_lint.facts.model import Anchor, CallSite, Expr, FileFacts
from obs_lint.patterns import names_match
from obs_lint.project import Project
from obs_lint.runtime import LIBRARIES

INSTRUMENTORS: Mapping[str, tuple[str, ...]] = {
    "HTTPXClientInstrumentor": ("httpx",),
    "RequestsInstrumentor": ("requests",),
    "AioHttpClientInstrumentor": ("aiohttp",),
    "URLLib3Instrumentor": ("urllib3", "requests"),
    "URLLibInstrumentor": ("urllib",),
    "CeleryInstrumentor": ("celery",),
    "KafkaInstrumentor": ("kafka",),
    "ConfluentKafkaInstrumentor": ("confluent_kafka",),
    "AIOKafkaInstrumentor": ("aiokafka",),
    "PikaInstrumentor": ("pika",),
    "AioPikaInstrumentor": ("aio_pika",),
    "Boto3SQSInstrumentor": ("sqs",),
    "BotocoreInstrumentor": ("sqs", "sns"),
    "RemouladeInstrumentor": ("dramatiq",),
    "TaskiqInstrumentor": ("taskiq",),
    "HueyInstrumentor": ("huey",),
}
"""Class of OpenTelemetry (or of those that follow its way) → the libraries whose calls it gives the trace context."""
_EVERY = (
    "httpx",
    "requests",
    "aiohttp",
    "urllib3",
    "urllib",
    "celery",
    "rq",
    "kafka",
    "confluent_kafka",
    "aiokafka",
    "sqs",
    "sns",
)
_CALLS: Mapping[str, tuple[str, ...]] = {
    "opentelemetry.instrumentation.auto_instrumentation.initialize": _EVERY,
    "ddtrace.patch_all": _EVERY,
    "azure.monitor.opentelemetry.configure_azure_monitor": ("requests", "urllib", "urllib3"),
    "logfire.instrument_httpx": ("httpx",),
    "logfire.instrument_requests": ("requests",),
    "logfire.instrument_aiohttp_client": ("aiohttp",),
    "logfire.instrument_celery": ("celery",),
    "asgi_correlation_id.extensions.celery.load_correlation_ids": ("celery",),
    **LIBRARIES,
    "elasticapm.instrument": ("httpx", "requests", "aiohttp", "urllib3", "urllib", "celery"),
    "newrelic.agent.initialize": ("httpx", "requests", "aiohttp", "urllib3", "urllib", "celery"),
    "aws_xray_sdk.core.patch_all": ("httpx", "requests", "aiohttp", "sqs", "sns"),
}
"""Function → the libraries that it makes carry a trace or request id."""
_LAST = frozenset({"patch", *(name.rpartition(".")[2] for name in _CALLS)})
_BASES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "celery.**.Task": ("celery", ("apply_async", "delay", "_get_exec_options")),
    "celery.Celery": ("celery", ("send_task",)),
    "celery.**.Celery": ("celery", ("send_task",)),
    "dramatiq.**.Middleware": ("dramatiq", ("before_enqueue",)),
    "dramatiq.**.Actor": ("dramatiq", ("message_with_options", "send_with_options", "send", "message")),
    "dramatiq.**.*Broker": ("dramatiq", ("enqueue",)),
    "taskiq.**.TaskiqMiddleware": ("taskiq", ("pre_send",)),
    "arq.**.ArqRedis": ("arq", ("enqueue_job",)),
    "rq.**.Job": ("rq", ("create", "save", "to_dict")),
    "rq.**.Queue": ("rq", ("enqueue", "enqueue_call", "create_job", "enqueue_job")),
    "huey.**.Huey": ("huey", ("enqueue",)),
    "huey.**.TaskWrapper": ("huey", ("s", "__call__")),
}
"""Class → its library, and the methods by which a subclass can put ids into what is enqueued."""
_MIDDLEWARES = ("taskiq.**.OpenTelemetryMiddleware", "dramatiq_opentelemetry.**")
_SAYS = (
    rb"nstrument|ddtrace\.auto|\bpatch|initialize|load_correlation_ids|configure_azure_monitor|before_task_publish|obs_surface"
    rb"|Middleware|^[ \t]*class[ \t]"
)
"""What such a file must hold."""
_SIGNAL = "celery.signals.before_task_publish"

INSTRUMENTING: tuple[Anchor, ...] = (
    Anchor(
        modules=(
            "opentelemetry.instrumentation",
            "ddtrace",
            "logfire",
            "azure.monitor",
            "elasticapm",
            "newrelic",
            "aws_xray_sdk",
            "obs_surface.propagation",
        )
    ),
)
"""Files that may make an HTTP client or a queue carry the ids of traces."""
ANCHORS: tuple[Anchor, ...] = (
    *INSTRUMENTING,
    Anchor(
        modules=("asgi_correlation_id", "dramatiq_opentelemetry", "celery", "arq", "rq", "dramatiq", "huey", "taskiq")
    ),
)
"""Files in which a library may be made to carry ids."""


class Propagation:
    """The libraries of a project whose calls carry ids by themselves."""

    def __init__(self, project: Project, sources: Sources, code: Code) -> None:
        """Looks through the files of `ANCHORS` when somebody asks."""
        self._project = project
        self._sources = sources
        self._code = code

    @cached_property
    def libraries(self) -> frozenset[str]:
        """The libraries, by package (`sqs` and `sns` for those services)."""
        return frozenset(self._search())

    def _search(self) -> Iterator[str]:
        project = self._project
        paths = sorted(p for p in project.matching(ANCHORS) if self._counts(p) and project.mentions(p, _SAYS))
        self._project.prefetch(paths)
        for path in paths:
            facts = self._project.facts(path)
            if facts is None:
                continue
            for statement in facts.imports:
                if any(alias.name == "ddtrace.auto" for alias in statement.names):
                    yield from _EVERY
            yield from self._calls(path, facts)
            yield from self._handlers(path, facts)
            for index in range(len(facts.classes)):
                yield from self._class(path, facts, index)

    def _counts(self, path: str) -> bool:
        file = self._project.files.get(path)
        return file is not None and "tests" not in file.roles and not path.endswith(".pyi")

    def _calls(self, path: str, facts: FileFacts) -> Iterator[str]:
        for site in facts.calls:
            func = site.expr[1]
            name = last_name(func)
            if func[0] == "name":
                yield from self._installed(path, site) if name == "install_opener" else ()
                yield from self._made_to_carry(path, site)
                continue
            if name == "instrument":
                for origin in self._sources.objects(path, site.scope, func[1]):
                    yield from INSTRUMENTORS.get(origin.name.rpartition(".")[2], ())
            elif name == "connect" and self._is_signal(path, site.scope, func):
                if any(self._is_carrier(Place(path, site.scope, value)) for value in site.expr[2]):
                    yield "celery"
            elif name == "install_opener":
                yield from self._installed(path, site)
            elif name in _LAST or name.endswith("Middleware"):
                yield from self._made_to_carry(path, site)

    def _installed(self, path: str, site: CallSite) -> Iterator[str]:
        """`install_opener(build_opener(ContextHandler(hosts)))`"""
        for opener in site.expr[2]:
            for end in self._sources.ends(Place(path, site.scope, opener)):
                given = end.place.expr[2] if end.place.expr[0] == "call" else ()
                if any(self._is_carrier(Place(end.place.path, end.place.scope, value)) for value in given):
                    yield "urllib"

    def _made_to_carry(self, path: str, site: CallSite) -> Iterator[str]:
        for origin in self._project.resolve(path, site.scope, site.expr[1]):
            yield from _CALLS.get(origin.name, ())
            if origin.name == "ddtrace.patch":
                yield from (keyword for keyword, _, _ in site.expr[3] if keyword is not None)
            elif any(names_match(pattern, (origin.name,), below=False) for pattern in _MIDDLEWARES):
                yield origin.name.partition(".")[0].partition("_")[0]

    def _is_signal(self, path: str, scope: int, func: Expr) -> bool:
        return func[0] == "attr" and any(
            origin.name == _SIGNAL for origin in self._project.resolve(path, scope, func[1])
        )

    def _is_carrier(self, place: Place) -> bool:
        for origin in self._project.resolve(*place):
            if self._code.is_named(origin):
                return True
            if origin.kind == "function" and origin.path and self._code.carries(origin.path, origin.index):
                return True
        return False

    def _handlers(self, path: str, facts: FileFacts) -> Iterator[str]:
        """Signal handlers that are connected by a decorator: `@before_task_publish.connect`."""
        for index, function in enumerate(facts.functions):
            for decorator in function.decorators:
                func = decorator[1] if decorator[0] == "call" else decorator
                if last_name(func) == "connect" and self._is_signal(path, function.parent, func):
                    if self._code.carries(path, index):
                        yield "celery"

    def _class(self, path: str, facts: FileFacts, index: int) -> Iterator[str]:
        bases = [base for base in self._project.ancestors(path, index) if isinstance(base, str)]
        for pattern, (library, methods) in _BASES.items():
            if not any(names_match(pattern, (base,), below=False) for base in bases):
                continue
            bindings = facts.scopes[facts.classes[index].scope].bindings
            for method in methods:
                for binding in bindings.get(method, ()):
                    if binding.kind == "def" and self._code.carries(path, binding.index):
                        yield library
