"""Every response has exactly one id, and every request its own context: protocol, sockets, frameworks."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import obs_surface as obs
from obs_surface import configuration
from obs_surface.ids import is_uuid
from obs_surface.middleware import WsgiRequestContextMiddleware, parse_traceparent

GOOD = "0192f0c1-7a3e-7c4d-9b1e-2f6d8a5c3e10"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"
Headers = list[tuple[bytes, bytes]]


# -- the protocol


async def plain(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": (obs.current().request_id or "").encode()})


def ask(
    app: Any, headers: Headers = (), kind: str = "http", **scope: Any
) -> tuple[list[dict[str, Any]], BaseException | None]:  # type: ignore[assignment]
    """Send one request into an ASGI application: its messages, and what it raised."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def main() -> None:
        await app({"type": kind, "method": "GET", "path": "/", "headers": list(headers), **scope}, receive, send)

    try:
        asyncio.run(main())
    except Exception as error:  # noqa: BLE001 - the test looks at it
        return sent, error
    return sent, None


def of(messages: list[dict[str, Any]], name: str = "x-request-id") -> list[str]:
    """The values of a header in a response."""
    return [value.decode() for key, value in messages[0]["headers"] if key.lower() == name.encode()]


INBOUND: list[tuple[str, Headers, bool]] = [
    ("none", [], False),
    ("well-formed", [(b"x-request-id", GOOD.encode())], True),
    ("upper case", [(b"x-request-id", GOOD.upper().encode())], True),
    ("two", [(b"x-request-id", GOOD.encode())] * 2, False),
    ("empty", [(b"x-request-id", b"")], False),
    ("no uuid", [(b"x-request-id", b"abc")], False),
    ("CRLF", [(b"x-request-id", GOOD.encode() + b"\r\nset-cookie: a=b")], False),
    ("newline", [(b"x-request-id", GOOD.encode() + b"\n")], False),
    ("oversized", [(b"x-request-id", b"a" * 10_000)], False),
    ("not ASCII", [(b"x-request-id", "é-0192f0c1".encode())], False),
    ("latin-1", [(b"x-request-id", b"\xe9" * 36)], False),
    ("space", [(b"x-request-id", b" " + GOOD.encode())], False),
]


@pytest.mark.parametrize(("headers", "taken"), [each[1:] for each in INBOUND], ids=[each[0] for each in INBOUND])
def test_a_well_formed_id_is_taken_anything_else_replaced(
    observed: obs.MemorySink, headers: Headers, taken: bool
) -> None:
    sent, error = ask(obs.RequestContextMiddleware(plain), headers)
    assert error is None
    (found,) = of(sent)
    assert sent[1]["body"].decode() == found
    assert is_uuid(found)
    assert (found.encode() == headers[0][1]) if taken else (not headers or found.encode() not in headers[0][1])


def test_where_the_registry_asks_for_no_uuid_other_ids_are_taken(unregistered: obs.MemorySink) -> None:
    app = obs.RequestContextMiddleware(plain)
    assert of(ask(app, [(b"x-request-id", b"req_42/a=b")])[0]) == ["req_42/a=b"]
    assert of(ask(app, [(b"x-request-id", b"req 42")])[0]) != ["req 42"]


def test_configuring_again_changes_what_is_well_formed() -> None:
    app = obs.RequestContextMiddleware(plain)
    obs.configure("a", "1", "test", sinks=[obs.MemorySink()])
    assert of(ask(app, [(b"x-request-id", b"abc")])[0]) == ["abc"]
    obs.configure(
        "a", "1", "test", sinks=[obs.MemorySink()], registry=Path(__file__).parent / "data" / "jobs.lock.json"
    )
    assert of(ask(app, [(b"x-request-id", b"abc")])[0]) != ["abc"]
    configuration.reset()


def test_the_correlation_id_is_that_of_the_client_or_the_request(observed: obs.MemorySink) -> None:
    app = obs.RequestContextMiddleware(plain)
    assert of(ask(app, [(b"x-correlation-id", b"c-1")])[0], "x-correlation-id") == ["c-1"]
    for bad in ([], [(b"x-correlation-id", b"c 1")], [(b"x-correlation-id", b"a"), (b"x-correlation-id", b"b")]):
        sent, _ = ask(app, bad)
        assert of(sent, "x-correlation-id") == of(sent)
    sent, _ = ask(obs.RequestContextMiddleware(plain, correlation_header=None), [(b"x-correlation-id", b"c-1")])
    assert of(sent, "x-correlation-id") == []


def responding(*headers: tuple[bytes, bytes], fail: str = "") -> Callable[[Any, Any, Any], Awaitable[None]]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if fail == "before":
            raise ValueError("before")
        if fail == "never":
            return
        await send({"type": "http.response.start", "status": 200, "headers": iter(headers)})
        if fail == "after":
            raise ValueError("after")
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await send({"type": "http.response.body", "body": b"y"})

    return app


RESPONSES: list[tuple[str, Any, int]] = [
    ("plain", responding(), 200),
    ("sets it itself", responding((b"x-request-id", b"mine")), 200),
    ("in any case", responding((b"X-REQUEST-ID", b"mine"), (b"X-Correlation-ID", b"mine")), 200),
    ("more than once", responding((b"x-request-id", b"a"), (b"X-Request-Id", b"b")), 200),
    ("raises before", responding(fail="before"), 500),
    ("raises after", responding(fail="after"), 200),
    ("never answers", responding(fail="never"), 500),
]


@pytest.mark.parametrize(("app", "status"), [each[1:] for each in RESPONSES], ids=[each[0] for each in RESPONSES])
def test_every_response_has_exactly_one_of_each(observed: obs.MemorySink, app: Any, status: int) -> None:
    sent, error = ask(obs.RequestContextMiddleware(app), [(b"x-request-id", GOOD.encode())])
    assert sent[0]["status"] == status
    assert [message["type"] for message in sent].count("http.response.start") == 1
    assert of(sent) == of(sent, "x-correlation-id") == [GOOD]
    assert (str(error) if error else "") in ("", "before", "after")
    assert (error is not None) == (app in (RESPONSES[4][1], RESPONSES[5][1])), "the server must see the error"
    assert obs.current().request_id is None


def test_a_cancelled_request_is_not_answered(observed: obs.MemorySink) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise asyncio.CancelledError

    sent: list[Any] = []

    async def main() -> None:
        async def send(message: Any) -> None:
            sent.append(message)

        await obs.RequestContextMiddleware(app)({"type": "http", "headers": []}, None, send)  # type: ignore[arg-type]

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    assert sent == []


def test_a_malformed_id_can_be_refused(observed: obs.MemorySink) -> None:
    app = obs.RequestContextMiddleware(plain, on_invalid="reject")
    sent, _ = ask(app, [(b"x-request-id", b"<script>")])
    assert sent[0]["status"] == 400
    assert len(of(sent)) == 1
    assert b"script" not in sent[1]["body"]
    assert ask(app)[0][0]["status"] == 200
    sent, _ = ask(app, [(b"x-request-id", b"<script>")], "websocket")
    assert sent[0]["type"] == "websocket.close"


def test_the_rest_of_the_protocol_passes(observed: obs.MemorySink) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert (obs.current().request_id is None) == (scope["type"] == "lifespan")
        await send(
            {"type": "websocket.accept"} if scope["type"] == "websocket" else {"type": "lifespan.startup.complete"}
        )

    wrapped = obs.RequestContextMiddleware(app)
    sent, error = ask(wrapped, [(b"x-request-id", GOOD.encode())], "websocket")
    assert (of(sent), error) == ([GOOD], None)
    assert ask(wrapped, kind="lifespan") == ([{"type": "lifespan.startup.complete"}], None)


def test_the_context_lies_on_the_state_too(observed: obs.MemorySink) -> None:
    found: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        found.append(scope["state"])
        await plain(scope, receive, send)

    ask(obs.RequestContextMiddleware(app), [(b"traceparent", PARENT.encode())], state={"db": 1})
    (state,) = found
    assert state["db"] == 1
    assert (state["obs_context"].trace_id, state["obs_context"].parent_span_id) == (TRACE, SPAN)


@pytest.mark.parametrize("name", ["", "X Request", "X-Ré", "X:Y", "X\r\nY"])
def test_names_that_no_header_can_have_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no name of an HTTP header"):
        obs.RequestContextMiddleware(plain, header=name)


def test_one_header_can_not_carry_both() -> None:
    with pytest.raises(ValueError, match="can't carry both"):
        obs.RequestContextMiddleware(plain, header="X-Id", correlation_header="x-id")


TRACEPARENTS = [
    (PARENT, True),
    (f"00-{TRACE}-{SPAN}-00", False),
    (f"01-{TRACE}-{SPAN}-01-more", True),
    (f"cc-{TRACE}-{SPAN}-09", True),
]
NOT_TRACEPARENTS = [
    "",
    f"00-{TRACE}-{SPAN}",
    f"00-{TRACE}-{SPAN}-01-more",
    f"ff-{TRACE}-{SPAN}-01",
    f"00-{TRACE.upper()}-{SPAN}-01",
    f"00-{'0' * 32}-{SPAN}-01",
    f"00-{TRACE}-{'0' * 16}-01",
    f" {PARENT}",
    f"{PARENT}\n",
    f"00-{TRACE}-{SPAN}-0g",
    f"01-{TRACE}-{SPAN}-01.more",
]


@pytest.mark.parametrize(("text", "sampled"), TRACEPARENTS)
def test_traceparent(text: str, sampled: bool) -> None:
    assert parse_traceparent(text.encode()) == (TRACE, SPAN, sampled)


@pytest.mark.parametrize("text", NOT_TRACEPARENTS)
def test_not_a_traceparent(text: str) -> None:
    assert parse_traceparent(text.encode()) is None


def test_two_traceparents_are_none(unregistered: obs.MemorySink) -> None:
    found: list[str | None] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        found.append(obs.current().trace_id)
        await plain(scope, receive, send)

    wrapped = obs.RequestContextMiddleware(app)
    ask(wrapped, [(b"traceparent", PARENT.encode())] * 2)
    ask(wrapped, [(b"traceparent", PARENT.encode())])
    assert found == [None, TRACE]


# -- Starlette and FastAPI on a real server


@contextmanager
def served(app: Any) -> Iterator[int]:
    """Serve an application with uvicorn on a free port."""
    uvicorn = pytest.importorskip("uvicorn")
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)
        # Without websockets: their library, where it is installed, warns of its own deprecations.
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="on", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        deadline = time.monotonic() + 20
        try:
            while not server.started:
                assert thread.is_alive(), "uvicorn did not start"
                assert time.monotonic() < deadline, "uvicorn did not start in time"
                time.sleep(0.005)
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()


def raw(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer


def get(port: int, path: str, *headers: bytes, method: str = "GET") -> tuple[int, list[str], bytes]:
    """Status, values of X-Request-Id, and body."""
    lines = [f"{method} {path} HTTP/1.1".encode(), b"Host: localhost", b"Connection: close", *headers, b"", b""]
    head, _, body = raw(port, b"\r\n".join(lines)).partition(b"\r\n\r\n")
    status, *fields = head.split(b"\r\n")
    values = [each.partition(b":")[2].strip().decode() for each in fields if each.lower().startswith(b"x-request-id:")]
    return int(status.split()[1]), values, body


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    fastapi = pytest.importorskip("fastapi")
    from starlette.background import BackgroundTask
    from starlette.middleware.base import BaseHTTPMiddleware
    from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse

    app = fastapi.FastAPI()
    after: list[str | None] = []

    @app.get("/id")
    async def of_request() -> dict[str, str | None]:
        await asyncio.sleep(0.001)
        return {"id": obs.current().request_id}

    @app.get("/thread")
    def in_a_thread() -> dict[str, str | None]:
        return {"id": obs.current().request_id}

    async def state(request: Any) -> Any:
        return JSONResponse({"id": request.state.obs_context.request_id})

    @app.get("/stream")
    async def stream() -> Any:
        async def parts() -> Any:
            for _ in range(2):
                await asyncio.sleep(0.001)
                yield f"{obs.current().request_id};"

        return StreamingResponse(parts())

    @app.get("/broken-stream")
    async def broken_stream() -> Any:
        async def parts() -> Any:
            yield "x"
            raise RuntimeError("in the middle")

        return StreamingResponse(parts(), headers={"X-Request-Id": "mine"})

    @app.get("/error")
    async def error() -> None:
        raise RuntimeError("unhandled")

    async def background(request: Any) -> Any:
        return JSONResponse({}, background=BackgroundTask(lambda: after.append(obs.current().request_id)))

    @app.get("/after")
    async def what_ran_after() -> list[str | None]:
        return after

    async def passing(request: Any, call_next: Any) -> Any:
        if request.url.path == "/refused":
            return PlainTextResponse("no", status_code=403, headers={"x-request-id": "mine"})
        response = await call_next(request)
        response.headers["X-Request-ID"] = "mine"
        return response

    app.add_route("/state", state)
    app.add_route("/background", background)
    app.add_middleware(BaseHTTPMiddleware, dispatch=passing)
    app.mount("/mounted", PlainTextResponse("mounted"))
    with served(obs.RequestContextMiddleware(app)) as number:
        yield number


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/id", 200),
        ("/thread", 200),
        ("/state", 200),
        ("/stream", 200),
        ("/mounted/", 200),
        ("/refused", 403),
        ("/nothing", 404),
        ("/error", 500),
        ("/broken-stream", 200),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_over_a_socket_every_response_has_the_id(
    unregistered: obs.MemorySink, port: int, path: str, status: int, method: str
) -> None:
    found, values, body = get(port, path, b"X-Request-Id: " + GOOD.encode(), method=method)
    if method == "GET":
        assert found == status
        if path in ("/id", "/thread", "/state", "/stream"):
            assert GOOD.encode() in body
    assert values == [GOOD]


def test_over_a_socket_malformed_ids_are_not_reflected(unregistered: obs.MemorySink, port: int) -> None:
    for header in (
        b"X-Request-Id: a b",
        b"X-Request-Id: " + b"a" * 4000,
        b"X-Request-Id: \xc3\xa9",
        b"X-Request-Id: a\r\nX-Request-Id: b",
    ):
        status, values, _ = get(port, "/id", header)
        assert status == 200
        assert len(values) == 1
        assert is_uuid(values[0])


def test_a_background_task_has_the_context(unregistered: obs.MemorySink, port: int) -> None:
    assert get(port, "/background", b"X-Request-Id: " + GOOD.encode())[0] == 200
    deadline = time.monotonic() + 20
    while GOOD.encode() not in get(port, "/after")[2]:
        assert time.monotonic() < deadline


def test_concurrent_requests_do_not_share_ids(unregistered: obs.MemorySink, port: int) -> None:
    found: dict[str, tuple[list[str], bytes]] = {}

    def one(number: int, path: str) -> None:
        name = f"r-{number}"
        found[name] = get(port, path, f"X-Request-Id: {name}".encode())[1:]

    paths = ("/id", "/thread", "/stream", "/state")
    threads = [threading.Thread(target=one, args=(number, paths[number % 4])) for number in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 60
    for name, (values, body) in found.items():
        assert values == [name]
        told = body.replace(b'"', b" ").replace(b";", b" ").split()
        assert name.encode() in told
        assert not [each for each in told if each.startswith(b"r-") and each != name.encode()]


def test_one_connection_keeps_its_requests_apart(unregistered: obs.MemorySink, port: int) -> None:
    request = b"GET /id HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n"
    first, last = request % b"X-Request-Id: one", request % b"Connection: close"
    answer = raw(port, first + last)
    heads = [part for part in answer.split(b"HTTP/1.1 ") if part]
    assert len(heads) == 2
    assert b'"one"' in heads[0]
    assert b"one" not in heads[1]


# -- WSGI


def call(app: Any, **environ: Any) -> tuple[str, list[tuple[str, str]], list[bytes], BaseException | None]:
    """Send one request into a WSGI application, as PEP 3333's own example server does."""
    told: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        told.append((status, headers))

    body: list[bytes] = []
    error: BaseException | None = None
    result: Iterable[bytes] = ()
    try:
        result = app({"REQUEST_METHOD": "GET", "PATH_INFO": "/", **environ}, start_response)
        for part in result:
            body.append(part)  # noqa: PERF402 - what came before an error counts
    except Exception as caught:  # noqa: BLE001 - the test looks at it
        error = caught
    finally:
        getattr(result, "close", lambda: None)()
    return *told[-1], body, error


def of_wsgi(headers: list[tuple[str, str]], name: str = "x-request-id") -> list[str]:
    return [value for key, value in headers if key.lower() == name]


@pytest.mark.parametrize("fail", ["", "in the call", "in the body", "late"])
def test_wsgi_answers_once_and_leaves_nothing(observed: obs.MemorySink, fail: str) -> None:
    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        if fail == "in the call":
            raise ValueError(fail)

        def body() -> Iterator[bytes]:
            if fail == "in the body":
                raise ValueError(fail)
            start_response("200 OK", [("X-REQUEST-ID", "mine")])
            yield (obs.current().request_id or "").encode()
            if fail == "late":
                raise ValueError(fail)

        return body()

    status, headers, body, error = call(
        WsgiRequestContextMiddleware(app), HTTP_X_REQUEST_ID=GOOD, HTTP_TRACEPARENT=PARENT
    )
    assert of_wsgi(headers) == of_wsgi(headers, "x-correlation-id") == [GOOD]
    assert (status[:3], str(error or "")) == ("200" if fail in ("", "late") else "500", fail)
    assert GOOD.encode() in b"".join(body)
    assert obs.current().request_id is None


@pytest.mark.parametrize("given", ["a b", f"{GOOD},{GOOD}", "a" * 500, "é", GOOD + "\n"])
def test_wsgi_replaces_what_is_malformed(observed: obs.MemorySink, given: str) -> None:
    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        assert environ["obs_surface.context"] == obs.current()
        start_response("200 OK", [])
        return [b"x"]

    _, headers, _, error = call(WsgiRequestContextMiddleware(app), HTTP_X_REQUEST_ID=given)
    assert error is None
    assert is_uuid(of_wsgi(headers)[0])
    assert of_wsgi(headers) != [given]
    refused = WsgiRequestContextMiddleware(app, on_invalid="reject")
    assert call(refused, HTTP_X_REQUEST_ID=given)[0].startswith("400")


def test_flask(observed: obs.MemorySink) -> None:
    flask = pytest.importorskip("flask")
    app = flask.Flask("shop")

    @app.get("/id")
    def of_request() -> str:
        return str(obs.current().request_id)

    @app.get("/error")
    def error() -> str:
        raise RuntimeError("unhandled")

    app.wsgi_app = WsgiRequestContextMiddleware(app.wsgi_app)
    client = app.test_client()
    for path, status in (("/id", 200), ("/nothing", 404), ("/error", 500)):
        answer = client.get(path, headers={"X-Request-Id": GOOD})
        assert answer.status_code == status
        assert answer.headers.getlist("X-Request-Id") == [GOOD]
    assert client.get("/id", headers={"X-Request-Id": GOOD}).text == GOOD
