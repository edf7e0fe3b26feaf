"""What obs_surface, the runtime of this project, is known to do with the context: nobody has to configure it."""

from __future__ import annotations

from obs_lint.patterns import names_match
from obs_lint.project import Project

PACKAGE = "obs_surface"
_PROPAGATION = f"{PACKAGE}.propagation"
PROPAGATING: tuple[str, ...] = (
    f"{_PROPAGATION}.headers.outgoing",
    f"{_PROPAGATION}.headers.add_to",
    f"{_PROPAGATION}.carrier.outgoing",
    f"{_PROPAGATION}.httpx.RequestHook",
    f"{_PROPAGATION}.httpx.AsyncRequestHook",
    f"{_PROPAGATION}.httpx.ContextTransport",
    f"{_PROPAGATION}.httpx.AsyncContextTransport",
    f"{_PROPAGATION}.httpx.instrument_client",
    f"{_PROPAGATION}.requests.ContextSession",
    f"{_PROPAGATION}.requests.instrument_session",
    f"{_PROPAGATION}.aiohttp.ContextMiddleware",
    f"{_PROPAGATION}.aiohttp.trace_config",
    f"{_PROPAGATION}.aiohttp.instrument_client",
    f"{_PROPAGATION}.urllib.ContextHandler",
    f"{_PROPAGATION}.arq.instrument_pool",
    f"{_PROPAGATION}.arq.serializer",
    f"{_PROPAGATION}.rq.ContextJob",
    f"{_PROPAGATION}.rq.meta",
    f"{_PROPAGATION}.redis_streams.with_context",
)
"""What carries ids along: as `correlation.propagating` would name it."""
LIBRARIES = {f"{_PROPAGATION}.celery.connect": ("celery",)}
"""What makes every call of a library carry them."""
WORKERS = {f"{_PROPAGATION}.celery.connect": ("celery",), f"{_PROPAGATION}.arq.instrument_worker": ("arq",)}
"""What gives the workers of a library the context of the message that they have in hand."""
PRESERVING: tuple[str, ...] = (f"{PACKAGE}.run_in_context", f"{PACKAGE}.context.run_in_context")
"""What keeps the context in threads: as `correlation.preserving` would name it."""
SPANNING: tuple[str, ...] = (
    f"{PACKAGE}.layer",
    f"{PACKAGE}.job_run",
    f"{PACKAGE}.jobs.layer",
    f"{PACKAGE}.jobs.job_run",
)
"""What tells the beginning and the end of what is done in a `with` of it."""


def is_used(project: Project) -> bool:
    """True where something in the project imports it."""
    return project.once("uses the runtime", lambda: any(True for _ in project.imports_of(frozenset({PACKAGE}))))


def is_one_of(name: str, known: tuple[str, ...]) -> bool:
    """True for a dotted name, of an origin, that is among those that are known."""
    return name.startswith(PACKAGE) and any(names_match(each, (name.replace("()", ""),), below=False) for each in known)
