"""Middleware that wraps a whole ASGI or WSGI application: every request has a context, every response its one id."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from contextvars import copy_context
from types import TracebackType
from typing import Any, Literal, NamedTuple

from obs_surface import configuration
from obs_surface import otel as _otel
from obs_surface.context import ObsContext, attach, detach
from obs_surface.ids import WELL_FORMED, is_request_id, uuid7

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]
Environ = dict[str, Any]
WsgiApp = Callable[..., Iterable[bytes]]

REQUEST_ID = "X-Request-Id"
CORRELATION_ID = "X-Correlation-Id"
STATE_KEY = "obs_context"
"""Where the context lies on `request.state` (004 Issue 6.4); in WSGI it is `environ["obs_surface.context"]`."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TRACEPARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_NO_TRACE = b"0" * 32
_NO_SPAN = b"0" * 16


class TraceParent(NamedTuple):
    """What a W3C `traceparent` header says of the caller."""

    trace_id: str
    """32 lower-case hex digits, not all zero."""
    span_id: str
    """16 lower-case hex digits, not all zero."""
    sampled: bool


def parse_traceparent(value: bytes) -> TraceParent | None:
    """Read a `traceparent` header strictly (W3C Trace Context, section 3.2); None for anything that is not one.

    A version above 00 may say more behind another dash; version ff, upper case and zero ids are invalid.
    """
    match = _TRACEPARENT.fullmatch(value)
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    if version == b"ff" or trace_id == _NO_TRACE or span_id == _NO_SPAN or (version == b"00" and more is not None):
        return None
    return TraceParent(trace_id.decode("ascii"), span_id.decode("ascii"), bool(int(flags, 16) & 1))


class _Rules(NamedTuple):
    """What the registry says of the two ids; the same for all requests until `configure` is called again."""

    surface: Any
    request_fits: Callable[[str], bool]
    correlation_fits: Callable[[str], bool]


def _rules(surface: Any) -> _Rules:
    lock = configuration.current_lock()
    fields = {} if lock is None else lock.correlation_fields
    fits = [
        WELL_FORMED.get((fields.get(name) or {}).get("type", ""), is_request_id)
        for name in ("request_id", "correlation_id")
    ]
    return _Rules(surface, fits[0], fits[1])


def _checked_header(name: str) -> str:
    if _TOKEN.fullmatch(name) is None:
        raise ValueError(f"RequestContextMiddleware: {name!r} is no name of an HTTP header")
    return name


class _Settings:
    __slots__ = ("_current", "correlation_header", "header", "reject")

    def __init__(self, header: str, correlation_header: str | None, on_invalid: str) -> None:
        if on_invalid not in ("replace", "reject"):
            raise ValueError(f'on_invalid={on_invalid!r}: "replace" or "reject"')
        self.header = _checked_header(header)
        self.correlation_header = None if correlation_header is None else _checked_header(correlation_header)
        if correlation_header is not None and header.lower() == correlation_header.lower():
            raise ValueError(f"{header!r} can't carry both the request id and the correlation id")
        self.reject = on_invalid == "reject"
        self._current: _Rules | None = None

    def rules(self) -> _Rules:
        surface = configuration.current_surface()
        rules = self._current
        if rules is None or rules.surface is not surface:
            rules = self._current = _rules(surface)
        return rules


def _well_formed(values: list[bytes], fits: Callable[[str], bool]) -> str | None:
    """Return the one well-formed id among the header's values; two headers are malformed, whatever they say."""
    if len(values) != 1:
        return None
    text = values[0].decode("latin-1")
    return text if fits(text) else None


class RequestContextMiddleware:
    """ASGI middleware round the whole application (surface.md; 004 Issue 6.4; 001, correlation propagation).

    `app = RequestContextMiddleware(app)`, as the outermost layer: Starlette's `add_middleware` would put it inside the
    error middleware, and an unhandled 500 would go out without the header.

    A well-formed inbound X-Request-Id (a UUID, where the registry says so) is taken over, anything else, two headers
    included, is replaced by a new UUIDv7 and never reflected. Every response has exactly one such header and one
    X-Correlation-Id: that of the client, else the request id. `traceparent` gives trace_id and parent_span_id. Where
    the application raises before its response has started, the middleware answers 500 and lets the exception go on to
    the server. The context is on `request.state.obs_context` too.

    header: name of the request id's header. correlation_header: None leaves that header alone.
    on_invalid: "reject" answers 400 to a malformed id instead of replacing it.

    Raises ValueError for names that no header can have.
    """

    def __init__(
        self,
        app: Any,
        *,
        header: str = REQUEST_ID,
        correlation_header: str | None = CORRELATION_ID,
        on_invalid: Literal["replace", "reject"] = "replace",
    ) -> None:
        self.app: AsgiApp = app
        self._settings = _Settings(header, correlation_header, on_invalid)
        self._header = header.lower().encode("ascii")
        self._correlation = (correlation_header or "").lower().encode("ascii")
        self._own = frozenset({self._header, self._correlation} - {b""})
        self._read = self._own | {b"traceparent"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection; whatever is neither HTTP nor a websocket (lifespan) is passed on as it is."""
        kind = scope["type"]
        if kind != "http" and kind != "websocket":
            await self.app(scope, receive, send)
            return
        ids: list[bytes] = []
        correlations: list[bytes] = []
        parents: list[bytes] = []
        read, header, correlation_header = self._read, self._header, self._correlation
        for name, value in scope["headers"]:
            if name in read:
                (ids if name == header else correlations if name == correlation_header else parents).append(value)
        rules = self._settings.rules()
        request_id = _well_formed(ids, rules.request_fits) if ids else None
        refused = self._settings.reject and bool(ids) and request_id is None
        if request_id is None:
            request_id = uuid7()
        correlation_id = _well_formed(correlations, rules.correlation_fits) if correlations else None
        refused = refused or (self._settings.reject and bool(correlations) and correlation_id is None)
        if correlation_id is None:
            correlation_id = request_id
        parent = parse_traceparent(parents[0]) if len(parents) == 1 else None
        if parent is None:
            ctx = ObsContext(request_id=request_id, correlation_id=correlation_id)
        else:
            ctx = ObsContext(
                request_id=request_id,
                correlation_id=correlation_id,
                trace_id=parent.trace_id,
                parent_span_id=parent.span_id,
            )
        state = scope.get("state")
        if state is None:
            scope["state"] = {STATE_KEY: ctx}
        else:
            state[STATE_KEY] = ctx

        started = False
        own = self._own
        added = [(header, request_id.encode("ascii"))]
        if correlation_header:
            added.append((correlation_header, correlation_id.encode("ascii")))

        async def send_with_ids(message: Message) -> None:
            nonlocal started
            if message["type"] in _STARTS:
                started = True
                headers = [pair for pair in message.get("headers") or () if pair[0].lower() not in own]
                headers += added
                message = {**message, "headers": headers}
            await send(message)

        if refused:
            if kind == "http":
                await _answer(send_with_ids, 400, "malformed request id", request_id)
            else:
                await send({"type": "websocket.close", "code": 1008, "reason": "malformed request id"})
            return
        token = attach(ctx)
        remote = None
        if parent is not None and _otel.tracer is not None:
            remote = _otel.attach_remote(parent.trace_id, parent.span_id, sampled=parent.sampled)
        try:
            await self.app(scope, receive, send_with_ids)
            if not started and kind == "http":
                # The server would answer for an application that did not, without the header.
                await _answer(send_with_ids, 500, "internal server error", request_id)
        except Exception:
            if not started and kind == "http":
                try:
                    await _answer(send_with_ids, 500, "internal server error", request_id)
                except Exception:  # noqa: BLE001 - the client has gone; the application's error is the one to tell
                    pass
            raise
        finally:
            _otel.detach_remote(remote)
            detach(token)


_STARTS = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})


async def _answer(send: Send, status: int, error: str, request_id: str) -> None:
    body = _body(error, request_id)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode("ascii"))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _body(error: str, request_id: str) -> bytes:
    # Well-formed ids hold nothing that JSON would have to escape.
    return f'{{"error": "{error}", "request_id": "{request_id}"}}'.encode("ascii")


class WsgiRequestContextMiddleware:
    """The same for WSGI: `app.wsgi_app = WsgiRequestContextMiddleware(app.wsgi_app)` (Flask, Django, Pyramid).

    Application and response body run in a context of their own, so that nothing stays behind on the server's thread.
    An exception before the response has started is answered with 500 and goes on to the server behind the body.
    Arguments and errors as those of `RequestContextMiddleware`; the context is `environ["obs_surface.context"]` too.
    """

    def __init__(
        self,
        app: Any,
        *,
        header: str = REQUEST_ID,
        correlation_header: str | None = CORRELATION_ID,
        on_invalid: Literal["replace", "reject"] = "replace",
    ) -> None:
        self.app: WsgiApp = app
        self._settings = _Settings(header, correlation_header, on_invalid)
        self._key = _environ_key(header)
        self._correlation_key = None if correlation_header is None else _environ_key(correlation_header)
        self._own = frozenset({header.lower(), (correlation_header or header).lower()})

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Handle one request (PEP 3333)."""
        rules, settings = self._settings.rules(), self._settings
        refused = False
        request_id = correlation_id = None
        given = environ.get(self._key)
        if given is not None:
            # Two headers arrive joined by a comma, which no well-formed id holds.
            request_id = given if rules.request_fits(given) else None
            refused = settings.reject and request_id is None
        if request_id is None:
            request_id = uuid7()
        given = None if self._correlation_key is None else environ.get(self._correlation_key)
        if given is not None:
            correlation_id = given if rules.correlation_fits(given) else None
            refused = refused or (settings.reject and correlation_id is None)
        if correlation_id is None:
            correlation_id = request_id
        parent = None
        if "HTTP_TRACEPARENT" in environ:
            parent = parse_traceparent(environ["HTTP_TRACEPARENT"].encode("latin-1"))
        ctx = ObsContext(
            request_id=request_id,
            correlation_id=correlation_id,
            trace_id=None if parent is None else parent.trace_id,
            parent_span_id=None if parent is None else parent.span_id,
        )
        environ["obs_surface.context"] = ctx
        own = self._own
        added = [(settings.header, request_id)]
        if settings.correlation_header is not None:
            added.append((settings.correlation_header, correlation_id))
        started = False

        def start_with_ids(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            nonlocal started
            started = True
            kept = [pair for pair in headers if pair[0].lower() not in own]
            kept += added
            return start_response(status, kept) if exc_info is None else start_response(status, kept, exc_info)

        if refused:
            body = _body("malformed request id", request_id)
            start_with_ids("400 Bad Request", _json_headers(body))
            return [body]
        around = copy_context()
        around.run(attach, ctx)
        if parent is not None and _otel.tracer is not None:
            around.run(_otel.attach_remote, parent.trace_id, parent.span_id, sampled=parent.sampled)
        try:
            result = around.run(self.app, environ, start_with_ids)
        except Exception as error:
            if started:
                raise
            return _Broken(error, start_with_ids, _body("internal server error", request_id))
        wrapper = environ.get("wsgi.file_wrapper")
        if isinstance(result, (list, tuple)) or (isinstance(wrapper, type) and isinstance(result, wrapper)):
            return result
        return _InContext(around.run, result, lambda: started, start_with_ids, request_id)


def _environ_key(header: str) -> str:
    return "HTTP_" + header.upper().replace("-", "_")


def _json_headers(body: bytes) -> list[tuple[str, str]]:
    return [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]


class _Broken:
    """The 500 of an application that raised, and its exception behind it."""

    def __init__(self, error: Exception, start_response: Callable[..., Any], body: bytes) -> None:
        self._error = error
        self._steps = iter((body,))
        start_response("500 Internal Server Error", _json_headers(body), _info(error))

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        for step in self._steps:
            return step
        raise self._error


def _info(error: BaseException) -> tuple[type[BaseException], BaseException, TracebackType | None]:
    return (type(error), error, error.__traceback__)


class _InContext:
    """A body whose every step runs in the request's context, whichever thread takes it."""

    def __init__(
        self,
        run: Callable[..., Any],
        body: Iterable[bytes],
        has_started: Callable[[], bool],
        start_response: Callable[..., Any],
        request_id: str,
    ) -> None:
        self._run = run
        self._body = body
        self._steps: Iterator[bytes] | None = None
        self._has_started = has_started
        self._start_response = start_response
        self._request_id = request_id
        self._broken: Exception | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._broken is not None:
            raise self._broken
        try:
            if self._steps is None:
                self._steps = self._run(iter, self._body)
            step: bytes = self._run(next, self._steps)
        except StopIteration:
            raise
        except Exception as error:
            if self._has_started():
                raise
            # A generator runs, and may raise, only now.
            self._broken = error
            body = _body("internal server error", self._request_id)
            self._start_response("500 Internal Server Error", _json_headers(body), _info(error))
            return body
        return step

    def close(self) -> None:
        close = getattr(self._body, "close", None)
        if close is not None:
            self._run(close)
