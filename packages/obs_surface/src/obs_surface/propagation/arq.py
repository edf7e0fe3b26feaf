"""arq: the context travels beside a job's arguments, so that neither the functions nor their calls change."""

from __future__ import annotations

import pickle
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, TypeVar

from arq.connections import ArqRedis
from arq.worker import Worker

from obs_surface.propagation.carrier import KEY, Attempt, outgoing, received

Serializer = Callable[[dict[str, Any]], bytes]
Deserializer = Callable[[bytes], dict[str, Any]]
Hook = Callable[[dict[Any, Any]], Awaitable[None]]
W = TypeVar("W")

_arrived: ContextVar[object] = ContextVar("obs_surface_arq_carrier", default=None)
"""What the job brought that this task of the worker has just read."""


def serializer(inner: Serializer | None = None) -> Serializer:
    """Return a `job_serializer` that puts the current context beside function and arguments; `inner`: pickle.

    Workers that know nothing of it ignore it.
    """
    dumps = inner or pickle.dumps

    def serialize(job: dict[str, Any]) -> bytes:
        # "f" and "a" are in what describes a job and in its result; "r" only in a result.
        carrier = outgoing() if "r" not in job else None
        return dumps({**job, KEY: carrier} if carrier else job)

    return serialize


def instrument_pool(pool: ArqRedis) -> ArqRedis:
    """Make a pool (`create_pool(…)`) enqueue the current context with each job; return it."""
    pool.job_serializer = _marked(serializer(pool.job_serializer), pool.job_serializer)
    return pool


def instrument_worker(settings: W) -> W:
    """Make a worker run each job in the context that it was enqueued in: a decorator of `WorkerSettings`, or a Worker.

    Each attempt has the request_id and job_id of the sender (arq's job id, where it had none), arq's `job_try`, and a
    job_run_id of its own; the context is `ctx["obs_context"]` too. What the worker's functions enqueue carries it on.
    """
    target: Any = settings
    target.job_deserializer = _remembering(getattr(target, "job_deserializer", None))
    target.on_job_start = _starting(getattr(target, "on_job_start", None))
    if isinstance(target, Worker):
        if target._pool is not None:
            instrument_pool(target._pool)
    else:
        target.on_startup = _sending(getattr(target, "on_startup", None))
        target.on_job_start = staticmethod(target.on_job_start)
        target.on_startup = staticmethod(target.on_startup)
        target.job_deserializer = staticmethod(target.job_deserializer)
    return settings


def _marked(made: Serializer, before: Any) -> Serializer:
    """Keep one layer where a pool is instrumented again."""
    if getattr(before, KEY, False):
        return before  # type: ignore[no-any-return]
    setattr(made, KEY, True)
    return made


def _remembering(inner: Deserializer | None) -> Deserializer:
    loads = inner or pickle.loads

    def deserialize(raw: bytes) -> dict[str, Any]:
        job = loads(raw)
        # The worker reads a job in the task that will run it; the hook takes it from there.
        _arrived.set(job.pop(KEY, None))
        return job

    return deserialize


def _starting(inner: Hook | None) -> Hook:
    async def on_job_start(ctx: dict[Any, Any]) -> None:
        carrier = _arrived.get()
        _arrived.set(None)
        # Never left: this task, and its context, are the job's alone.
        ctx[KEY] = Attempt(
            received(carrier), job_id=ctx.get("job_id"), attempt=int(ctx.get("job_try") or 1)
        ).__enter__()
        if inner is not None:
            await inner(ctx)

    return on_job_start


def _sending(inner: Hook | None) -> Hook:
    async def on_startup(ctx: dict[Any, Any]) -> None:
        pool = ctx.get("redis")
        if isinstance(pool, ArqRedis):
            instrument_pool(pool)
        if inner is not None:
            await inner(ctx)

    return on_startup
