"""httpx: ids to the named hosts, by event hooks or transports, for synchronous and asynchronous clients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import httpx

from obs_surface.propagation.headers import add_to, remove_from
from obs_surface.propagation.hosts import Hosts

Client = TypeVar("Client", httpx.Client, httpx.AsyncClient)
_SENT = "obs_surface.sent"
"""Key in `request.extensions`, which the requests of redirects inherit: this is not the first hop."""


def _prepare(hosts: Hosts, request: httpx.Request) -> None:
    url = request.url
    if hosts.allow(url.host, url.port or (443 if url.scheme == "https" else 80)):
        add_to(request.headers)
    elif _SENT in request.extensions:
        # A redirect takes all headers along; what somebody set for the first host was not meant for this one.
        remove_from(request.headers)
    request.extensions[_SENT] = True


class RequestHook:
    """A `request` event hook of `httpx.Client`: `Client(event_hooks={"request": [RequestHook(hosts)]})`."""

    def __init__(self, hosts: Iterable[str]) -> None:
        """Raise ValueError or TypeError for patterns that `Hosts` does not take."""
        self._hosts = Hosts(hosts)

    def __call__(self, request: httpx.Request) -> None:
        """Add the ids to a request to a named host; called for every hop of a redirect."""
        _prepare(self._hosts, request)


class AsyncRequestHook:
    """A `request` event hook of `httpx.AsyncClient`."""

    def __init__(self, hosts: Iterable[str]) -> None:
        """Raise ValueError or TypeError for patterns that `Hosts` does not take."""
        self._hosts = Hosts(hosts)

    async def __call__(self, request: httpx.Request) -> None:
        """Add the ids to a request to a named host; called for every hop of a redirect."""
        _prepare(self._hosts, request)


def instrument_client(client: Client, hosts: Iterable[str]) -> Client:
    """Make a client, synchronous or asynchronous, give ids to the named hosts; return it.

    hosts: exact names or `*.svc.local` (see `Hosts`, also for the errors raised). Done again, the new hosts count.
    """
    any_client: Any = client
    hook: Any = AsyncRequestHook(hosts) if isinstance(any_client, httpx.AsyncClient) else RequestHook(hosts)
    hooks = client.event_hooks
    others: list[Any] = [
        each for each in hooks.get("request", []) if not isinstance(each, (RequestHook, AsyncRequestHook))
    ]
    client.event_hooks = {**hooks, "request": [*others, hook]}
    return client


class ContextTransport(httpx.BaseTransport):
    """A transport that gives ids to the named hosts: `httpx.Client(transport=ContextTransport(hosts))`."""

    def __init__(self, hosts: Iterable[str], transport: httpx.BaseTransport | None = None) -> None:
        """`transport` does the sending, default `httpx.HTTPTransport()`."""
        self._hosts = Hosts(hosts)
        self._transport = transport or httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request, with ids where its host may have them."""
        _prepare(self._hosts, request)
        return self._transport.handle_request(request)

    def close(self) -> None:
        """Close the transport below."""
        self._transport.close()


class AsyncContextTransport(httpx.AsyncBaseTransport):
    """The same for `httpx.AsyncClient`."""

    def __init__(self, hosts: Iterable[str], transport: httpx.AsyncBaseTransport | None = None) -> None:
        """`transport` does the sending, default `httpx.AsyncHTTPTransport()`."""
        self._hosts = Hosts(hosts)
        self._transport = transport or httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request, with ids where its host may have them."""
        _prepare(self._hosts, request)
        return await self._transport.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the transport below."""
        await self._transport.aclose()
