"""The context as metadata of a queued message, and the context of one attempt at what the message asks for."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any

from obs_surface import otel as _otel
from obs_surface.context import EMPTY, ObsContext, attach, current, detach
from obs_surface.jobs import announce_attempt, withdraw_attempt

KEY = "obs_context"
"""Under which name the carrier lies in the metadata of a message (a header of celery, `job.meta` of rq)."""
_OF_THE_SENDER = ("job_run_id", "attempt", "layer_name", "parent_span_id")


def outgoing() -> dict[str, str]:
    """Return the current context for a message: its run, attempt and layer are the sender's and stay behind."""
    ctx = current()
    at = _otel.current_ids()
    if at is not None:
        ctx = ctx.replace(trace_id=at[0], span_id=at[1])
    elif ctx.span_id is None:
        # No span of our own: the caller's remains the nearest that is known.
        ctx = ctx.replace(span_id=ctx.parent_span_id)
    carrier = ctx.to_carrier()
    for name in _OF_THE_SENDER:
        carrier.pop(name, None)
    return carrier


def received(carrier: object) -> ObsContext:
    """Return the context that a message brings, an empty one where it brings none; what is malformed is left out."""
    if not isinstance(carrier, Mapping):
        return EMPTY
    ctx = ObsContext.from_carrier(carrier)
    # The sender's span is the parent of what happens here.
    return ctx.replace(span_id=None, parent_span_id=ctx.span_id, job_run_id=None, attempt=None, layer_name=None)


class Attempt:
    """One attempt at a message, as a context manager: its context is current, and its job_run_id is announced.

    `with Attempt(ctx, job_id=…, attempt=2) as ctx:`. request_id and job_id are those of `ctx` over all attempts; each
    has a job_run_id of its own, which the next `job_run` takes over.
    """

    __slots__ = ("_announced", "_ctx", "_remote", "_token", "attempt", "context")

    def __init__(self, ctx: ObsContext, *, job_id: str | None = None, attempt: int = 1) -> None:
        """`job_id`: where `ctx` has none. `attempt`: from 1."""
        self._ctx = ctx if ctx.job_id is not None or job_id is None else ctx.with_job(job_id)
        self.attempt = max(1, attempt)
        self.context = self._ctx
        self._token: Any = None
        self._announced: Any = None
        self._remote: Any = None

    def __enter__(self) -> ObsContext:
        self.context, self._announced = announce_attempt(self._ctx, self.attempt)
        self._token = attach(self.context)
        self._remote = _otel.attach_remote(self.context.trace_id, self.context.parent_span_id)
        return self.context

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        _otel.detach_remote(self._remote)
        detach(self._token)
        withdraw_attempt(self._announced)
