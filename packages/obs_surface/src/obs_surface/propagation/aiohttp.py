"""aiohttp: ids to the named hosts, by a client middleware (aiohttp 3.12 and later) or a TraceConfig (any version)."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import aiohttp
from yarl import URL

from obs_surface.propagation.headers import add_to, remove_from
from obs_surface.propagation.hosts import Hosts


def _allows(hosts: Hosts, url: URL) -> bool:
    return hosts.allow(url.host, url.port)


class ContextMiddleware:
    """A client middleware: `aiohttp.ClientSession(middlewares=[ContextMiddleware(hosts)])`.

    What the caller sets by hand is aiohttp's to repeat at a redirect; `trace_config` takes that away too.
    """

    def __init__(self, hosts: Iterable[str]) -> None:
        """Raise ValueError or TypeError for patterns that `Hosts` does not take."""
        self._hosts = Hosts(hosts)

    async def __call__(self, request: aiohttp.ClientRequest, handler: Any) -> aiohttp.ClientResponse:
        """Add the ids to a request to a named host; aiohttp builds the request of every hop anew."""
        if _allows(self._hosts, request.url):
            add_to(request.headers)
        response: aiohttp.ClientResponse = await handler(request)
        return response


def trace_config(hosts: Iterable[str]) -> aiohttp.TraceConfig:
    """Return a TraceConfig for `aiohttp.ClientSession(trace_configs=[…])` that gives ids to the named hosts.

    A redirect to a host that is not named loses them, whoever had set them. Errors as `Hosts`.
    """
    allowed = Hosts(hosts)

    async def on_request_start(
        session: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceRequestStartParams
    ) -> None:
        if _allows(allowed, params.url):
            add_to(params.headers)

    async def on_request_redirect(
        session: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceRequestRedirectParams
    ) -> None:
        # The same headers go with every hop.
        target = params.response.headers.get("Location") or params.response.headers.get("URI")
        if target is None:
            return
        try:
            url = params.url.join(URL(target))
        except ValueError:
            remove_from(params.headers)
            return
        if _allows(allowed, url):
            add_to(params.headers)
        else:
            remove_from(params.headers)

    config = aiohttp.TraceConfig()
    config.on_request_start.append(on_request_start)
    config.on_request_redirect.append(on_request_redirect)
    return config


def instrument_client(session: aiohttp.ClientSession, hosts: Iterable[str]) -> aiohttp.ClientSession:
    """Make an existing session give ids to the named hosts; return it. Errors as `Hosts`."""
    config = trace_config(hosts)
    config.freeze()
    session.trace_configs.append(config)
    return session
