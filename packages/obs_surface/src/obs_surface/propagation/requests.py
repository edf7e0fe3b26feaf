"""requests: sessions that give ids to the named hosts, over redirects too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import requests

from obs_surface.propagation.headers import add_to, remove_from
from obs_surface.propagation.hosts import Hosts

S = TypeVar("S", bound=requests.Session)


class ContextSession(requests.Session):
    """A session that gives ids to the named hosts: `ContextSession(hosts=["*.svc.local"])`."""

    def __init__(self, hosts: Iterable[str]) -> None:
        """Raise ValueError or TypeError for patterns that `Hosts` does not take."""
        super().__init__()
        self._hosts = Hosts(hosts)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send one request; requests calls this for every hop of a redirect."""
        _prepare(self._hosts, request)
        return super().send(request, **kwargs)

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Take from the request of a redirect what its host may not have: credentials and ids."""
        super().rebuild_auth(prepared_request, response)  # type: ignore[no-untyped-call]
        _redirected(self._hosts, prepared_request)


def instrument_session(session: S, hosts: Iterable[str]) -> S:
    """Make an existing session, of whatever class, give ids to the named hosts; return it.

    hosts: exact names or `*.svc.local` (see `Hosts`, also for the errors raised). Done again, the new hosts count.
    """
    allowed = Hosts(hosts)
    # Of the class: a second call must not wrap the first one's.
    send, rebuild_auth = type(session).send, type(session).rebuild_auth

    def send_with_ids(request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        _prepare(allowed, request)
        return send(session, request, **kwargs)

    def rebuild_without_ids(prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        rebuild_auth(session, prepared_request, response)  # type: ignore[no-untyped-call]
        _redirected(allowed, prepared_request)

    session.send = send_with_ids  # type: ignore[method-assign]
    session.rebuild_auth = rebuild_without_ids  # type: ignore[method-assign]
    return session


instrument_client = instrument_session
"""The name that every HTTP client's module has."""


def _prepare(hosts: Hosts, request: requests.PreparedRequest) -> None:
    if hosts.allow_url(request.url or ""):
        add_to(request.headers)


def _redirected(hosts: Hosts, request: requests.PreparedRequest) -> None:
    if not hosts.allow_url(request.url or ""):
        remove_from(request.headers)
