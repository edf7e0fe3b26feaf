"""Jobs keep request_id and job_id over retries and processes; each attempt has a job_run_id of its own."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import obs_surface as obs
from obs_surface.ids import is_uuid
from obs_surface.propagation.carrier import Attempt, outgoing, received

REQUEST = "0192f0c1-7a3e-7c4d-9b1e-2f6d8a5c3e10"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
CTX = obs.ObsContext.new(
    request_id=REQUEST,
    correlation_id="c-1",
    job_id="j-1",
    job_run_id="r-api",
    layer_name="l",
    attempt=7,
    project_id="p",
    trace_id=TRACE,
    span_id=SPAN,
)
Found = tuple[Any, ...]


def ids() -> Found:
    """What a job sees of the context that it was enqueued in."""
    ctx = obs.current()
    return (
        ctx.request_id,
        ctx.correlation_id,
        ctx.job_id,
        ctx.fields.get("project_id"),
        ctx.trace_id,
        ctx.parent_span_id,
    )


EXPECTED: Found = (REQUEST, "c-1", "j-1", "p", TRACE, SPAN)


def told(sink: obs.MemorySink) -> list[str]:
    return [event["event_name"].removeprefix("shop.") for event in sink.events()]


def check_attempts(seen: list[tuple[Found, str | None, int | None]], attempts: int) -> None:
    assert [each[0] for each in seen] == [EXPECTED] * attempts
    assert [each[2] for each in seen] == list(range(1, attempts + 1))
    runs = [each[1] for each in seen]
    assert len(set(runs)) == attempts
    assert all(run is not None and is_uuid(run) for run in runs)


# -- the carrier


def test_a_message_carries_the_flow_and_not_the_senders_run() -> None:
    with obs.context(CTX):
        carrier = json.loads(json.dumps(outgoing()))
    assert {"job_run_id", "attempt", "layer_name"}.isdisjoint(carrier)
    ctx = received(carrier)
    assert (ctx.request_id, ctx.job_id, ctx.parent_span_id, ctx.span_id) == (REQUEST, "j-1", SPAN, None)


@pytest.mark.parametrize("carrier", [None, "x", 5, [], {"request_id": "a b"}, {b"\xff": b"\xff"}])
def test_a_broken_carrier_is_none(carrier: object) -> None:
    assert received(carrier) == obs.ObsContext()


def test_an_attempt_ends_with_its_block() -> None:
    with Attempt(obs.ObsContext(), job_id="j", attempt=0) as ctx:
        assert obs.current() == ctx
        assert (ctx.job_id, ctx.attempt) == ("j", 1)
    assert obs.current() == obs.ObsContext()
    with obs.context(ctx):
        assert obs.job_run(job_type="t")._resolve(ctx, _Usual, {})[0].job_run_id != ctx.job_run_id


class _Usual:
    attempt = "attempt"


# -- Celery


class Shop:
    """A Celery application with a worker, and what its tasks see."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.seen: list[tuple[Found, str | None, int | None]] = []
        self.failures = 0

        @app.task(shared=False, bind=True, max_retries=5, name="shop.flaky")
        def flaky(task: Any) -> str:
            ctx = obs.current()
            self.seen.append((ids(), ctx.job_run_id, ctx.attempt))
            if len(self.seen) <= self.failures:
                raise task.retry(exc=OSError("busy"), countdown=0)
            return "done"

        @app.task(shared=False, name="shop.first")
        def first() -> None:
            flaky.delay()

        @app.task(shared=False, name="shop.alone")
        def alone() -> list[Any]:
            ctx = obs.current()
            return [ctx.request_id, ctx.job_id, ctx.attempt]

        @app.task(shared=False, name="shop.broken")
        def broken() -> None:
            raise ValueError("broken")

        self.flaky, self.first, self.alone, self.broken = flaky, first, alone, broken

    def wait(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not done():
            assert time.monotonic() < deadline, self.seen
            time.sleep(0.01)


@pytest.fixture(scope="module")
def running_shop() -> Iterator[Shop]:
    celery = pytest.importorskip("celery")
    from celery.contrib.testing.worker import start_worker

    app = celery.Celery("shop", broker="memory://", backend="cache+memory://", set_as_current=False)
    app.conf.update(worker_hijack_root_logger=False, broker_transport_options={"polling_interval": 0.01})
    shop = Shop(app)
    # One worker for all tests: it takes Celery seconds to stop.
    root = logging.getLogger()
    level = root.level
    with start_worker(app, perform_ping_check=False, pool="solo", loglevel="CRITICAL"):
        yield shop
    app.close()
    root.setLevel(level)  # the worker set it for the whole process


@pytest.fixture
def shop(running_shop: Shop) -> Iterator[Shop]:
    from obs_surface.propagation import celery as propagation

    running_shop.seen.clear()
    running_shop.failures = 0
    propagation.connect()
    propagation.connect()
    yield running_shop
    propagation.disconnect()
    assert not propagation._open


def test_celery_keeps_the_ids_over_retries(unregistered: obs.MemorySink, shop: Shop) -> None:
    shop.failures = 2
    with obs.context(CTX):
        shop.first.delay()
    shop.wait(lambda: len(shop.seen) == 3)
    check_attempts(shop.seen, 3)
    assert obs.current() == obs.ObsContext()


def test_celery_without_a_context_takes_its_own_id(unregistered: obs.MemorySink, shop: Shop) -> None:
    result = shop.alone.delay()
    assert result.get(timeout=20) == [None, result.id, 1]


def test_celery_tasks_as_job_runs(observed: obs.MemorySink, shop: Shop) -> None:
    from obs_surface.propagation import celery as propagation

    propagation.connect(job_runs=True)
    shop.failures = 1
    with obs.context(request_id=REQUEST, job_id="j-1"):
        shop.flaky.delay()
        with pytest.raises(ValueError, match="broken"):
            shop.broken.delay().get(timeout=20)
    shop.wait(lambda: len(observed.events()) == 6)
    runs: dict[str, list[tuple[str, Any]]] = {}
    for event in observed.events():
        assert (event["correlation"]["request_id"], event["correlation"]["job_id"]) == (REQUEST, "j-1")
        run = runs.setdefault(event["correlation"]["job_run_id"], [])
        run.append((event["event_name"].rpartition(".")[2], event["payload"].get("error_type")))
    assert sorted(runs.values(), key=str) == [
        [("started", None), ("completed", None)],
        [("started", None), ("failed", "OSError")],
        [("started", None), ("failed", "ValueError")],
    ]


def test_celery_eager_tasks_run_in_the_context_of_their_caller(unregistered: obs.MemorySink, shop: Shop) -> None:
    shop.failures = 1
    with obs.context(CTX):
        assert shop.flaky.apply().get() == "done"
        assert obs.current() == CTX
    assert [each[0][:4] for each in shop.seen] == [EXPECTED[:4]] * 2
    assert [each[2] for each in shop.seen] == [1, 2]
    assert len({each[1] for each in shop.seen}) == 2


# -- RQ


def rq_job(path: str, failures: int) -> None:
    """What the worker performs: writes down what it sees, and fails at first."""
    ctx = obs.current()
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps([ids(), ctx.job_run_id, ctx.attempt]) + "\n")
    if len(Path(path).read_text(encoding="utf-8").splitlines()) <= failures:
        raise OSError("busy")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="RQ needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_rq_keeps_the_ids_over_retries(unregistered: obs.MemorySink, redis_server: str, tmp_path: Path) -> None:
    pytest.importorskip("rq")
    import redis
    from rq import Queue, Retry, SimpleWorker

    from obs_surface.propagation.rq import ContextJob

    with redis.Redis.from_url(redis_server) as connection:
        queue = Queue("rq-test", connection=connection, job_class=ContextJob)
        seen = tmp_path / "seen.jsonl"
        with obs.context(CTX):
            queue.enqueue(rq_job, str(seen), 2, retry=Retry(max=3))
        alone = tmp_path / "alone.jsonl"
        job = queue.enqueue(rq_job, str(alone), 0)
        worker = SimpleWorker([queue], connection=connection, job_class=ContextJob)
        worker.work(burst=True, logging_level="CRITICAL")
        check_attempts([(tuple(a), b, c) for a, b, c in map(json.loads, seen.read_text().splitlines())], 3)
        assert json.loads(alone.read_text())[0][2] == job.id
    assert obs.current() == obs.ObsContext()


# -- arq


@pytest.mark.filterwarnings("ignore:Call to deprecated close:DeprecationWarning")  # arq's own, of its Redis client
def test_arq_keeps_the_ids_over_retries(unregistered: obs.MemorySink, redis_server: str) -> None:
    pytest.importorskip("arq")
    from arq import Retry, create_pool
    from arq.connections import RedisSettings
    from arq.worker import create_worker, func

    from obs_surface.propagation.arq import instrument_pool, instrument_worker

    seen: list[Any] = []
    alone: list[Any] = []
    started: list[Any] = []

    async def flaky(ctx: dict[Any, Any], number: int) -> None:
        assert ctx["obs_context"] == obs.current()
        seen.append((ids(), obs.current().job_run_id, obs.current().attempt))
        if ctx["job_try"] <= number:
            raise Retry(defer=0)

    async def first(ctx: dict[Any, Any]) -> None:
        await ctx["redis"].enqueue_job("flaky", 2)

    async def by_itself(ctx: dict[Any, Any]) -> None:
        alone.append((obs.current().request_id, obs.current().job_id))

    async def noted(ctx: dict[Any, Any]) -> None:
        started.append(ctx["job_id"])

    async def main() -> None:
        pool = await create_pool(RedisSettings.from_dsn(redis_server))
        plain = await create_pool(RedisSettings.from_dsn(redis_server))

        @instrument_worker
        class Settings:
            functions = (func(flaky, name="flaky"), func(first, name="first"), func(by_itself, name="by_itself"))
            on_job_start = staticmethod(noted)
            redis_settings = RedisSettings.from_dsn(redis_server)
            burst = True
            poll_delay = 0.01
            handle_signals = False

        instrument_pool(instrument_pool(pool))
        with obs.context(CTX):
            await pool.enqueue_job("first")
        job = await plain.enqueue_job("by_itself")
        worker = create_worker(Settings)  # type: ignore[arg-type]
        deadline = time.monotonic() + 20
        while len(seen) < 3 or not alone:
            assert time.monotonic() < deadline, (seen, alone)
            await worker.async_run()
        assert job is not None
        assert alone == [(None, job.job_id)]
        await worker.close()
        await pool.aclose()
        await plain.aclose()

    asyncio.run(main())
    check_attempts(seen, 3)
    assert len(started) == 5


# -- Redis streams


@pytest.mark.parametrize("decode", [True, False])
def test_redis_streams_carry_the_ids_as_fields(unregistered: obs.MemorySink, redis_server: str, decode: bool) -> None:
    redis = pytest.importorskip("redis")
    from obs_surface.propagation.redis_streams import context_of, entry_attempt, with_context

    with redis.Redis.from_url(redis_server, decode_responses=decode) as client:
        stream = f"jobs-{decode}"
        client.xgroup_create(stream, "workers", id="0", mkstream=True)
        with obs.context(CTX):
            client.xadd(stream, with_context({"path": "/x", "job_type": "mine"}))
        seen = []
        for attempt in (1, 2):
            if attempt == 1:
                [[_, [(entry, fields)]]] = client.xreadgroup("workers", "a", {stream: ">"})
            else:
                [(entry, fields)] = client.xclaim(stream, "workers", "b", 0, [entry])
            deliveries = client.xpending_range(stream, "workers", entry, entry, 1)[0]["times_delivered"]
            with entry_attempt(fields, deliveries=deliveries):
                seen.append((ids(), obs.current().job_run_id, obs.current().attempt))
        check_attempts(seen, 2)
        assert (fields["path"] if decode else fields[b"path"].decode()) == "/x"
        assert context_of(fields).job_type == "mine"
