"""Redis streams: the ids are fields of the entry, by their own names, beside those of the message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from obs_surface.context import ObsContext
from obs_surface.propagation.carrier import Attempt, outgoing, received


def with_context(fields: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return the fields of an entry with the current context.

    `client.xadd(stream, with_context({"path": path}))`. A field that the message has itself stays as it is.
    """
    own = {name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in fields}
    return {**fields, **{name: value for name, value in outgoing().items() if name not in own}}


def context_of(fields: Mapping[Any, Any]) -> ObsContext:
    """Return the context of an entry as it was read, with names and values as bytes or as text."""
    return received(fields)


def entry_attempt(fields: Mapping[Any, Any], *, deliveries: int = 1, job_id: str | None = None) -> Attempt:
    """Return the context manager of one attempt at an entry.

    deliveries: how often the entry has been delivered, this time included: `times_delivered` of XPENDING.
    job_id: where the entry has none.
    """
    return Attempt(context_of(fields), job_id=job_id, attempt=deliveries)
