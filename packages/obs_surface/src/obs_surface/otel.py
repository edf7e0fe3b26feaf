"""OpenTelemetry where it is wanted: spans for operations, job runs and layers, and the ids of the current span."""

from __future__ import annotations

from collections.abc import Awaitable, Generator, Mapping
from typing import TYPE_CHECKING, Any

from obs_surface.failure import short_message

if TYPE_CHECKING:
    from obs_surface.context import ObsContext

tracer: Any = None
"""The tracer, or None while OpenTelemetry is off: what hot paths look at. Set by `enable`, never by others."""
_trace: Any = None
_context: Any = None


def enable() -> None:
    """Make spans from now on, with the tracer provider that the application sets up, whenever it does.

    Called by `configure(otel=True)`. Raises ConfigurationError where opentelemetry-api is not installed.
    """
    global tracer, _trace, _context  # noqa: PLW0603 - one switch a process, read on hot paths
    try:
        from opentelemetry import context, trace
    except ImportError as error:
        from obs_surface.errors import ConfigurationError

        raise ConfigurationError(
            "otel=True needs opentelemetry-api, which is not installed: pip install 'obs-surface[otel]'"
        ) from error
    from obs_surface import __version__

    _trace, _context = trace, context
    tracer = trace.get_tracer("obs_surface", __version__)


def disable() -> None:
    """Make no spans from now on; those that are open still end."""
    global tracer  # noqa: PLW0603 - as in enable
    tracer = None


def current_ids() -> tuple[str, str] | None:
    """Return trace id (32) and span id (16 lower-case hex digits) of the current span, None without one."""
    if tracer is None:
        return None
    at = _trace.get_current_span().get_span_context()
    return (format(at.trace_id, "032x"), format(at.span_id, "016x")) if at.is_valid else None


def current_traceparent() -> str | None:
    """Return the W3C `traceparent` of the current span, None without one."""
    if tracer is None:
        return None
    at = _trace.get_current_span().get_span_context()
    return f"00-{at.trace_id:032x}-{at.span_id:016x}-{at.trace_flags:02x}" if at.is_valid else None


def attach_remote(trace_id: str | None, span_id: str | None, *, sampled: bool = True) -> Any:
    """Make the span of another process the parent of what starts here; return what `detach_remote` takes.

    None, and nothing done, without ids, with OpenTelemetry off, or where a span is current already: whoever started
    it (OpenTelemetry's own instrumentation) has read the headers.
    """
    if tracer is None or not trace_id or not span_id or _trace.get_current_span().get_span_context().is_valid:
        return None
    at = _trace.SpanContext(
        int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=_trace.TraceFlags(1 if sampled else 0)
    )
    return _context.attach(_trace.set_span_in_context(_trace.NonRecordingSpan(at)))


def detach_remote(token: Any) -> None:
    """Undo `attach_remote`."""
    if token is not None:
        _context.detach(token)


def start(name: str, attributes: Mapping[str, Any] | None = None, *, attach: bool = True) -> Scope:
    """Start a span; `attach` makes it the current one until `Scope.end`.

    `attributes`: str, bool, int and float are kept, the rest is left out.
    """
    given = {key: value for key, value in (attributes or {}).items() if isinstance(value, (str, bool, int, float))}
    span = tracer.start_span(name, attributes=given)
    scope = Scope(span)
    if attach:
        scope.attach()
    return scope


class Scope:
    """A span of this library's own, and whether it is the current one."""

    __slots__ = ("_at", "_span", "_token")

    def __init__(self, span: Any) -> None:
        self._span = span
        self._at = _trace.set_span_in_context(span)
        self._token: Any = None

    def attach(self) -> None:
        """Make the span, or what its code had made current since, the current one."""
        self._token = _context.attach(self._at)

    def detach(self) -> None:
        """Make current again what was before, and remember what this code leaves."""
        token, self._token = self._token, None
        if token is not None:
            self._at = _context.get_current()
            _context.detach(token)

    def pinned(self, ctx: ObsContext) -> ObsContext:
        """Return the context with the ids of this span, for events that are emitted outside it."""
        at = self._span.get_span_context()
        if not at.is_valid:
            return ctx
        parent = getattr(self._span, "parent", None)
        return ctx.replace(
            trace_id=format(at.trace_id, "032x"),
            span_id=format(at.span_id, "016x"),
            parent_span_id=None if parent is None else format(parent.span_id, "016x"),
        )

    def end(self, error: BaseException | str | None) -> None:
        """End the span, with status error and the exception, or only the error's type, where there is one (OBS864)."""
        token, self._token = self._token, None
        if token is not None and _trace.get_current_span() is self._span:
            # Elsewhere it is somebody else's context, which the token does not fit: a run left in another task.
            _context.detach(token)
        if error is not None:
            kind, message = (error, "") if isinstance(error, str) else (type(error).__name__, short_message(error))
            if not isinstance(error, str):
                self._span.record_exception(error)
            self._span.set_attribute("error.type", kind)
            self._span.set_status(_trace.Status(_trace.StatusCode.ERROR, f"{kind}: {message}" if message else kind))
        self._span.end()

    def steps(self, inner: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        """Run a generator with the span current in its own steps only: `yield from scope.steps(generator)`."""
        resume, given = inner.send, None
        while True:
            self.attach()
            try:
                value = resume(given)
            except StopIteration as stop:
                return stop.value
            finally:
                self.detach()
            try:
                given = yield value
                resume = inner.send
            except GeneratorExit:
                self.attach()
                try:
                    inner.close()
                finally:
                    self.detach()
                raise
            except BaseException as thrown:  # noqa: BLE001 - it goes to the generator, whatever it is
                resume, given = inner.throw, thrown

    async def step(self, awaitable: Awaitable[Any]) -> Any:
        """Await one step of an asynchronous generator with the span current."""
        self.attach()
        try:
            return await awaitable
        finally:
            self.detach()
