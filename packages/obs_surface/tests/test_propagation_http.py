"""Ids go to the named hosts, over real sockets, and never anywhere else: not by a redirect either."""

from __future__ import annotations

import asyncio
import http.server
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import obs_surface as obs
from obs_surface.propagation.hosts import Hosts

REQUEST = "0192f0c1-7a3e-7c4d-9b1e-2f6d8a5c3e10"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
CTX = obs.ObsContext(request_id=REQUEST, correlation_id="c-1", job_id="j-1", trace_id=TRACE, span_id=SPAN)
IDS = {"x-request-id": REQUEST, "x-correlation-id": "c-1", "traceparent": f"00-{TRACE}-{SPAN}-01"}


class Seen(http.server.BaseHTTPRequestHandler):
    """Answers 200, or a redirect to the address behind `/to/`; remembers host and headers of each request."""

    protocol_version = "HTTP/1.1"
    requests: list[tuple[str, dict[str, str]]]

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.requests.append((headers["host"].partition(":")[0], headers))
        self.send_response(302 if self.path.startswith("/to/") else 200)
        if self.path.startswith("/to/"):
            self.send_header("Location", self.path.removeprefix("/to/"))
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, *args: Any) -> None: ...


@pytest.fixture
def server() -> Iterator[tuple[int, list[tuple[str, dict[str, str]]]]]:
    """Port of a server that is reached as localhost and as 127.0.0.1, and what it has seen."""
    handler = type("Handler", (Seen,), {"requests": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        running.daemon_threads = True
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running.server_address[1], handler.requests
        running.shutdown()
        thread.join()


Get = Callable[[str, list[str], dict[str, str]], None]


def by_httpx(url: str, hosts: list[str], headers: dict[str, str]) -> None:
    httpx = pytest.importorskip("httpx")
    from obs_surface.propagation.httpx import instrument_client

    with instrument_client(
        instrument_client(httpx.Client(follow_redirects=True, trust_env=False), ["x.y.z"]), hosts
    ) as client:
        client.get(url, headers=headers)


def by_async_httpx(url: str, hosts: list[str], headers: dict[str, str]) -> None:
    httpx = pytest.importorskip("httpx")
    from obs_surface.propagation.httpx import instrument_client

    async def main() -> None:
        async with instrument_client(httpx.AsyncClient(follow_redirects=True, trust_env=False), hosts) as client:
            await client.get(url, headers=headers)

    asyncio.run(main())


def by_httpx_transport(url: str, hosts: list[str], headers: dict[str, str]) -> None:
    httpx = pytest.importorskip("httpx")
    from obs_surface.propagation.httpx import ContextTransport

    with httpx.Client(transport=ContextTransport(hosts), follow_redirects=True) as client:
        client.get(url, headers=headers)


def by_async_httpx_transport(url: str, hosts: list[str], headers: dict[str, str]) -> None:
    httpx = pytest.importorskip("httpx")
    from obs_surface.propagation.httpx import AsyncContextTransport

    async def main() -> None:
        async with httpx.AsyncClient(transport=AsyncContextTransport(hosts), follow_redirects=True) as client:
            await client.get(url, headers=headers)

    asyncio.run(main())


def by_requests(url: str, hosts: list[str], headers: dict[str, str]) -> None:
    requests = pytest.importorskip("requests")
    from obs_surface.propagation.requests import instrument_session

    with instrument_session(instrument_session(requests.Session(), ["x.y.z"]), hosts) as session:
        session.trust_env = False
        session.get(url, headers=headers)


def by_requests_class(url: str, hosts: list[str], headers: dict[str, str]) -> None:
    pytest.importorskip("requests")
    from obs_surface.propagation.requests import ContextSession

    with ContextSession(hosts=hosts) as session:
        session.trust_env = False
        session.get(url, headers=headers)


def by_aiohttp(url: str, hosts: list[str], headers: dict[str, str]) -> None:
    aiohttp = pytest.importorskip("aiohttp")
    from obs_surface.propagation.aiohttp import ContextMiddleware

    async def main() -> None:
        session = aiohttp.ClientSession(middlewares=[ContextMiddleware(hosts)])
        async with session, session.get(url, headers=headers):
            pass

    asyncio.run(main())


def by_aiohttp_trace(url: str, hosts: list[str], headers: dict[str, str]) -> None:
    aiohttp = pytest.importorskip("aiohttp")
    from obs_surface.propagation.aiohttp import instrument_client

    async def main() -> None:
        session = instrument_client(aiohttp.ClientSession(), hosts)
        async with session, session.get(url, headers=headers):
            pass

    asyncio.run(main())


def by_urllib(url: str, hosts: list[str], headers: dict[str, str]) -> None:
    from obs_surface.propagation.urllib import ContextHandler

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), ContextHandler(hosts))
    with opener.open(urllib.request.Request(url, headers=headers), timeout=20):
        pass


CLIENTS = [
    by_httpx,
    by_async_httpx,
    by_httpx_transport,
    by_async_httpx_transport,
    by_requests,
    by_requests_class,
    by_aiohttp,
    by_aiohttp_trace,
    by_urllib,
]


def ids(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name in IDS or name.startswith("x-job")}


@pytest.mark.parametrize("get", CLIENTS)
def test_a_named_host_gets_the_ids(server: Any, get: Get) -> None:
    port, seen = server
    with obs.context(CTX):
        get(f"http://localhost:{port}/", ["localhost"], {})
    ((_, headers),) = seen
    assert IDS.items() <= ids(headers).items()


@pytest.mark.parametrize("get", CLIENTS)
def test_another_host_gets_none(server: Any, get: Get) -> None:
    port, seen = server
    with obs.context(CTX):
        get(f"http://127.0.0.1:{port}/", ["localhost", "*.svc.local", f"localhost:{port}"], {})
    ((_, headers),) = seen
    assert ids(headers) == {}


@pytest.mark.parametrize("get", CLIENTS)
@pytest.mark.parametrize("explicit", [{}, {"X-Request-Id": "mine"}], ids=["", "set by hand"])
def test_a_redirect_elsewhere_takes_them_away(server: Any, get: Get, explicit: dict[str, str]) -> None:
    port, seen = server
    with obs.context(CTX):
        get(f"http://localhost:{port}/to/http://127.0.0.1:{port}/to/http://localhost:{port}/", ["localhost"], explicit)
    assert [host for host, _ in seen] == ["localhost", "127.0.0.1", "localhost"]
    assert ids(seen[0][1])["x-correlation-id"] == "c-1"
    if get is by_aiohttp and explicit:
        seen[1][1].pop("x-request-id")  # a middleware of aiohttp is not told that a request is a redirect's
    assert ids(seen[1][1]) == {}
    assert ids(seen[2][1])["x-correlation-id"] == "c-1"


@pytest.mark.parametrize("get", CLIENTS)
def test_what_the_caller_sets_stays(server: Any, get: Get) -> None:
    port, seen = server
    with obs.context(CTX):
        get(f"http://localhost:{port}/", ["localhost"], {"x-request-id": "mine"})
        get(f"http://127.0.0.1:{port}/", ["localhost"], {"x-request-id": "mine"})
    assert [headers["x-request-id"] for _, headers in seen] == ["mine", "mine"]


@pytest.mark.parametrize("get", CLIENTS)
def test_without_a_context_nothing_is_sent(server: Any, get: Get) -> None:
    port, seen = server
    get(f"http://localhost:{port}/", ["localhost"], {})
    assert ids(seen[0][1]) == {}


# -- hosts

ALLOWED = [
    (["api.internal"], "http://api.internal/x", True),
    (["api.internal"], "http://API.Internal./x", True),
    (["API.internal."], "https://api.internal/x", True),
    (["api.internal"], "http://api.internal.evil.com/x", False),
    (["api.internal"], "http://evil.com/?api.internal", False),
    (["api.internal"], "http://api.internal@evil.com/", False),
    (["api.internal"], "http://user:pass@api.internal/", True),
    (["*.svc.local"], "http://a.svc.local/", True),
    (["*.svc.local"], "http://a.b.svc.local:8080/", True),
    (["*.svc.local"], "http://svc.local/", False),
    (["*.svc.local"], "http://evilsvc.local/", False),
    (["*.svc.local"], "http://.svc.local/", False),
    (["a:8080"], "http://a:8080/", True),
    (["a:8080"], "http://a/", False),
    (["a:80"], "http://a/", True),
    (["a:443"], "https://a/", True),
    (["::1"], "http://[::1]:80/", True),
    (["[::1]"], "http://[::1]/", True),
    (["a"], "nonsense", False),
    (["a"], "http://a:notaport/", False),
]


@pytest.mark.parametrize(("patterns", "url", "allowed"), ALLOWED)
def test_hosts(patterns: list[str], url: str, allowed: bool) -> None:
    assert Hosts(patterns).allow_url(url) is allowed


@pytest.mark.parametrize("patterns", [[], ["*"], ["*.com"], ["**.svc.local"], ["a.*"], ["http://a/"], [""], ["a b"]])
def test_patterns_that_are_too_wide_or_none(patterns: list[str]) -> None:
    with pytest.raises(ValueError, match="hosts"):
        Hosts(patterns)


@pytest.mark.parametrize("patterns", ["api.internal", [b"a"]])
def test_patterns_that_are_no_texts(patterns: Any) -> None:
    with pytest.raises(TypeError, match="hosts"):
        Hosts(patterns)
