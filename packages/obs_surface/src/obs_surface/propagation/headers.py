"""The headers that carry the context over HTTP: set where a request goes to a named host, gone where it leaves them."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from obs_surface import otel as _otel
from obs_surface.context import current

TRACEPARENT = "traceparent"


def outgoing() -> dict[str, str]:
    """Return the headers of the current context; `traceparent` is that of the current span where there is one."""
    headers = dict(current().to_headers())
    traceparent = _otel.current_traceparent()
    if traceparent is not None:
        headers[TRACEPARENT] = traceparent
    return headers


def add_to(headers: MutableMapping[str, Any]) -> None:
    """Add the ids to the headers of a request; what the caller has set stays.

    `headers` must compare names without regard to case, as those of the HTTP clients do.
    """
    for name, value in outgoing().items():
        if name not in headers:
            headers[name] = value


def remove_from(headers: MutableMapping[str, Any]) -> None:
    """Remove every header that carries an id."""
    for name in CARRIED:
        if name in headers:
            del headers[name]


CARRIED = (
    "X-Request-Id",
    "X-Correlation-Id",
    "X-Parent-Correlation-Id",
    "X-Job-Id",
    "X-Job-Run-Id",
    TRACEPARENT,
    "tracestate",
)
"""Headers that carry ids (surface.md; W3C Trace Context)."""
