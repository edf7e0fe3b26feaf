"""urllib.request: an opener's handler that gives ids to the named hosts."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterable

from obs_surface.propagation.headers import CARRIED, outgoing
from obs_surface.propagation.hosts import Hosts


class ContextHandler(urllib.request.BaseHandler):
    """A handler for `urllib.request.build_opener(ContextHandler(hosts))`.

    The headers are those of one hop only: a redirect passes here again and gets them where its host may have them.
    """

    handler_order = 100

    def __init__(self, hosts: Iterable[str]) -> None:
        """Raise ValueError or TypeError for patterns that `Hosts` does not take."""
        self._hosts = Hosts(hosts)

    def http_request(self, request: urllib.request.Request) -> urllib.request.Request:
        """Add the ids to a request to a named host."""
        if self._hosts.allow_url(request.full_url):
            for name, value in outgoing().items():
                # urllib keeps names in this spelling, and compares them by it.
                if not request.has_header(name.capitalize()):
                    request.add_unredirected_header(name, value)
        elif request.unverifiable:
            # A redirect repeats what the caller has set; it was not meant for this host.
            for name in CARRIED:
                request.remove_header(name.capitalize())
        return request

    https_request = http_request
