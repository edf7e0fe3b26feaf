"""Job runs, layers and other lifecycles: exactly one terminal event, whatever ends them, and the ids within."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import obs_surface as obs
from obs_surface import jobs

REQUEST = "01a1fcfc-3d28-749c-a49c-2f941047042c"
Events = list[tuple[str, dict[str, Any]]]


def told(sink: obs.MemorySink) -> list[str]:
    return [event["event_name"].removeprefix("shop.") for event in sink.events()]


def last(sink: obs.MemorySink) -> dict[str, Any]:
    return dict(sink.events()[-1]["payload"])


# -- job runs


def test_a_run_starts_completes_and_sets_the_context(observed: obs.MemorySink) -> None:
    with obs.context(request_id=REQUEST):
        with obs.job_run("j-1", job_type="enrich", attempt=2) as run:
            inside = obs.current()
            assert (inside.request_id, inside.job_id, inside.attempt) == (REQUEST, "j-1", 2)
            assert inside.job_run_id == run.job_run_id
            assert not run.ended
        assert run.ended
        assert obs.current().job_id is None
    started, completed = observed.events()
    assert told(observed) == ["job_run.started", "job_run.completed"]
    assert started["payload"] == {"job_type": "enrich", "attempt": 2, "status": "running"}
    latency = completed["payload"]["latency_ms"]
    assert latency >= 0
    assert completed["payload"] == {"job_type": "enrich", "attempt": 2, "status": "completed", "latency_ms": latency}
    ids = {"request_id": REQUEST, "job_id": "j-1", "job_run_id": run.job_run_id}
    assert started["correlation"] == completed["correlation"] == ids


def test_each_attempt_is_a_run_of_its_own(observed: obs.MemorySink) -> None:
    with obs.context(request_id=REQUEST):
        for attempt in (1, 2):
            with contextlib.suppress(OSError), obs.job_run("j-1", job_type="enrich", attempt=attempt):
                raise OSError("again")
    runs = {event["correlation"]["job_run_id"] for event in observed.events()}
    assert len(runs) == 2
    assert {event["correlation"]["request_id"] for event in observed.events()} == {REQUEST}
    assert [event["payload"]["attempt"] for event in observed.events()] == [1, 1, 2, 2]


ENDINGS: list[tuple[str, BaseException, str]] = [
    ("exception", ValueError("x" * 300), "failed"),
    ("without text", ValueError(), "failed"),
    ("cancellation", asyncio.CancelledError(), "cancelled"),
    ("exit", SystemExit(1), "failed"),
    ("interrupt", KeyboardInterrupt(), "failed"),
    ("generator", GeneratorExit(), "failed"),
    ("group", ExceptionGroup("two", [ValueError("a"), OSError("b")]), "failed"),
]


@pytest.mark.parametrize(("error", "terminal"), [each[1:] for each in ENDINGS], ids=[each[0] for each in ENDINGS])
@pytest.mark.parametrize("how", ["with", "async with", "decorator", "async decorator"])
def test_whatever_ends_a_run_there_is_one_terminal(
    observed: obs.MemorySink, error: BaseException, terminal: str, how: str
) -> None:
    def plain() -> None:
        with obs.job_run("j", job_type="t"):
            raise error

    async def waiting() -> None:
        async with obs.job_run("j", job_type="t"):
            raise error

    @obs.job_run("j", job_type="t")
    def decorated() -> None:
        raise error

    @obs.job_run("j", job_type="t")
    async def async_decorated() -> None:
        raise error

    def stepped(coroutine: Any) -> None:
        coroutine.send(None)

    calls: dict[str, Callable[[], None]] = {
        "with": plain,
        "async with": lambda: stepped(waiting()),
        "decorator": decorated,
        "async decorator": lambda: stepped(async_decorated()),
    }
    with pytest.raises(type(error)) as caught:
        calls[how]()
    assert caught.value is error
    assert not hasattr(error, "__notes__")
    assert told(observed) == ["job_run.started", f"job_run.{terminal}"]
    payload = last(observed)
    assert payload["error_type"] == type(error).__name__
    assert payload["status"] == terminal
    assert 0 < len(payload["error_message"]) <= 200
    assert obs.current().job_id is None


def test_a_run_in_an_abandoned_generator_fails(observed: obs.MemorySink) -> None:
    def work() -> Iterator[int]:
        with obs.job_run("j", job_type="t"):
            yield 1

    generator = work()
    next(generator)
    del generator
    gc.collect()
    assert told(observed) == ["job_run.started", "job_run.failed"]
    assert last(observed)["error_type"] == "GeneratorExit"


def test_a_run_that_is_left_in_another_context_ends_too(observed: obs.MemorySink) -> None:
    run = obs.job_run("j", job_type="t")
    contextvars.copy_context().run(run.__enter__)
    with obs.context(job_id="mine"):
        run.__exit__(None, None, None)
        assert obs.current().job_id == "mine"
    assert told(observed) == ["job_run.started", "job_run.completed"]
    assert {event["correlation"]["job_id"] for event in observed.events()} == {"j"}


@pytest.mark.parametrize("end", ["complete", "fail", "cancel"])
def test_an_end_by_hand_is_the_only_one(observed: obs.MemorySink, end: str) -> None:
    with obs.job_run("j", job_type="t") as run:
        if end == "complete":
            run.complete()
        elif end == "fail":
            run.fail(error_type="Declined", error_message="no credit")
        else:
            run.cancel()
        with pytest.raises(jobs.LifecycleError, match="has ended already"):
            run.complete()
    assert told(observed) == [
        "job_run.started",
        f"job_run.{ {'complete': 'completed', 'fail': 'failed', 'cancel': 'cancelled'}[end] }",
    ]
    if end == "fail":
        assert last(observed)["error_type"] == "Declined"


def test_an_error_after_the_end_adds_nothing(observed: obs.MemorySink) -> None:
    with pytest.raises(ValueError, match="late"), obs.job_run("j", job_type="t") as run:
        run.complete()
        raise ValueError("late")
    assert told(observed) == ["job_run.started", "job_run.completed"]


def test_of_many_threads_one_ends_the_run(observed: obs.MemorySink) -> None:
    refused: list[jobs.LifecycleError] = []
    with obs.job_run("j", job_type="t") as run:
        gate = threading.Barrier(8)

        def end() -> None:
            gate.wait()
            try:
                run.complete()
            except jobs.LifecycleError as error:
                refused.append(error)

        threads = [threading.Thread(target=end) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(refused) == 7
    assert told(observed) == ["job_run.started", "job_run.completed"]


def test_one_object_is_one_run(observed: obs.MemorySink) -> None:
    run = obs.job_run("j", job_type="t")
    with pytest.raises(jobs.LifecycleError, match="has not begun"):
        run.complete()
    with run, pytest.raises(jobs.LifecycleError, match="is running and can't begin again"):
        run.__enter__()
    with pytest.raises(jobs.LifecycleError, match=r"has ended and can't begin again.*job_run\("):
        run.__enter__()
    assert told(observed) == ["job_run.started", "job_run.completed"]


def test_runs_nest(observed: obs.MemorySink) -> None:
    with obs.job_run("outer", job_type="t", attempt=3) as outer:
        with obs.job_run("inner", job_type="t") as inner:
            assert inner.attempt == 1, "an attempt belongs to its job"
            assert inner.job_run_id != outer.job_run_id
        with obs.job_run(job_type="t") as again:
            assert (again.job_id, again.attempt) == ("outer", 3)
            assert again.job_run_id != outer.job_run_id
        assert obs.current().job_run_id == outer.job_run_id
    words = [name.partition(".")[2] for name in told(observed)]
    assert words == ["started", "started", "completed", "started", "completed", "completed"]


def test_a_decorated_function_gives_its_ids(observed: obs.MemorySink) -> None:
    @obs.job_run(job_type="ingest")
    def ingest(path: str, job_id: str, attempt: int = 1) -> str | None:
        return obs.current().job_run_id

    first, second = ingest("a", "j-1"), ingest("a", job_id="j-1", attempt=2)
    assert first != second
    assert [event["payload"]["attempt"] for event in observed.events()] == [1, 1, 2, 2]
    assert {event["correlation"]["job_id"] for event in observed.events()} == {"j-1"}
    assert ingest.__name__ == "ingest"


def test_generators_are_not_decorated() -> None:
    with pytest.raises(TypeError, match=r"is a generator.*with job_run"):

        @obs.job_run("j")
        def work() -> Iterator[int]:
            yield 1


def test_the_first_attempt_is_one() -> None:
    with pytest.raises(ValueError, match="the first attempt is 1"):
        obs.job_run("j", attempt=0)


def test_a_start_that_breaks_its_contract_enters_nothing(observed: obs.MemorySink) -> None:
    with pytest.raises(obs.ContractViolation), obs.job_run("j"):
        raise AssertionError("job_type is required, so this must not run")
    assert obs.current().job_id is None
    assert told(observed) == []


def test_an_end_that_breaks_its_contract_does_not_hide_the_error(observed: obs.MemorySink) -> None:
    with pytest.raises(ValueError, match="mine") as caught, obs.job_run("j", job_type="t") as run:
        run.set(latency_ms="soon")
        raise ValueError("mine")
    assert "could not be emitted" in caught.value.__notes__[0]


def test_without_a_registry_names_and_fields_are_the_usual_ones(unregistered: obs.MemorySink) -> None:
    with obs.job_run("j", job_type="t", project="p"):
        pass
    assert told(unregistered) == ["job_run.started", "job_run.completed"]
    assert unregistered.events()[0]["payload"]["project"] == "p"


# -- layers


def test_a_layer_belongs_to_its_run(observed: obs.MemorySink) -> None:
    with obs.job_run("j", job_type="enrich", attempt=2) as run:
        with obs.layer("diarize", version=3, model_id="m-1", model_provider="acme") as layer:
            assert obs.current().layer_name == "diarize"
            layer.set(tokens_in=12)
        assert obs.current().layer_name is None
    started, completed = (event for event in observed.events() if ".layer." in event["event_name"])
    common = {"layer_name": "diarize", "layer_version": "3", "model_id": "m-1", "model_provider": "acme", "attempt": 2}
    assert started["payload"] == {**common, "status": "running"}
    latency = completed["payload"]["latency_ms"]
    assert completed["payload"] == {**common, "status": "completed", "tokens_in": 12, "latency_ms": latency}
    assert started["correlation"] == {"job_id": "j", "job_run_id": run.job_run_id}


def test_a_layer_fails_with_its_run(observed: obs.MemorySink) -> None:
    @obs.layer("diarize", version="3")
    async def diarize() -> None:
        raise TimeoutError

    async def main() -> None:
        async with obs.job_run("j", job_type="enrich"):
            await diarize()

    with pytest.raises(TimeoutError):
        asyncio.run(main())
    assert told(observed) == ["job_run.started", "layer.started", "layer.failed", "job_run.failed"]
    assert observed.events()[2]["payload"]["error_message"] == "TimeoutError"


def test_a_layer_needs_a_name() -> None:
    with pytest.raises(ValueError, match="needs a name"):
        obs.layer("")


# -- other lifecycles


class Retry(Exception):  # noqa: N818 - Celery's name
    """As Celery's: a request for another attempt, and what it is for."""

    def __init__(self, exc: BaseException) -> None:
        super().__init__("again")
        self.exc = exc


Retry.__module__ = "celery.exceptions"


def test_any_lifecycle_of_the_registry(observed: obs.MemorySink) -> None:
    with obs.lifecycle("step", REQUEST):
        pass
    with pytest.raises(Retry), obs.lifecycle("step", REQUEST):
        raise Retry(OSError("busy"))
    assert told(observed) == ["step.executing", "step.completed", "step.executing", "step.retry_scheduled"]
    assert observed.events()[0]["payload"] == {"step_uuid": REQUEST, "state": "Running"}
    assert observed.events()[0]["correlation"] == {"step_uuid": REQUEST}
    assert observed.events()[1]["payload"]["state"] == "Completed"
    assert observed.events()[1]["payload"]["duration_ms"] >= 0
    assert (last(observed)["error.type"], last(observed)["error.message"]) == ("OSError", "busy")


ROLES = [
    (["job.lifecycle.complete", "job.lifecycle.fail", "job.lifecycle.cancel"], [0, 1, 2]),
    (["saga:compensated", "saga:compensation_failed"], [0, 1]),
    (["task.ended"], [0, 0]),
    (["job.module.complete", "job.module.error", "job.module.panic"], [0, 1]),
    (["x.failed", "x.succeeded"], [1, 0]),
]


@pytest.mark.parametrize(("names", "roles"), ROLES, ids=[each[0][0] for each in ROLES])
def test_terminal_events_are_told_by_their_last_word(names: list[str], roles: list[int]) -> None:
    found = jobs._by_role(names)
    wanted = dict(zip(("completed", "failed", "cancelled"), (names[index] for index in roles), strict=False))
    assert found == wanted


# -- start and end as functions


def test_start_and_end_as_methods_of_the_context(observed: obs.MemorySink) -> None:
    ctx = obs.ObsContext.new(request_id=REQUEST).start_job_run(None, "j-1", 2, job_type="index")
    assert obs.current().job_id is None
    with obs.context(ctx):
        assert obs.current().job_id == "j-1"
    ctx.end_job_run_success()
    with pytest.raises(jobs.LifecycleError, match="has ended already"):
        ctx.end_job_run_success()
    with pytest.raises(jobs.LifecycleError, match="has ended already"):
        ctx.end_job_run_failure(ValueError("x"))
    assert told(observed) == ["job_run.started", "job_run.completed"]
    assert last(observed)["attempt"] == 2
    assert last(observed)["latency_ms"] >= 0


@pytest.mark.parametrize(
    ("error", "given", "event", "kind"),
    [
        (ValueError("x"), {}, "failed", "ValueError"),
        (None, {"error_type": "Declined", "error_message": "y" * 300}, "failed", "Declined"),
        (asyncio.CancelledError(), {}, "cancelled", "CancelledError"),
    ],
)
def test_a_failure_by_function(
    observed: obs.MemorySink, error: BaseException | None, given: dict[str, Any], event: str, kind: str
) -> None:
    ctx = obs.start_job_run(job_id="j", job_type="t")
    obs.end_job_run_failure(ctx, error, **given)
    assert told(observed)[-1] == f"job_run.{event}"
    assert last(observed)["error_type"] == kind


def test_a_run_of_another_process_is_ended_with_its_latency(observed: obs.MemorySink) -> None:
    ctx = obs.ObsContext(job_id="j", job_run_id=REQUEST, attempt=2, job_type="t")
    obs.end_job_run_success(ctx, latency_ms=12.5)
    assert last(observed) == {"job_type": "t", "status": "completed", "attempt": 2, "latency_ms": 12.5}


def test_a_context_without_a_run_can_not_end() -> None:
    with pytest.raises(jobs.LifecycleError, match="no job_run_id"):
        obs.end_job_run_success(obs.ObsContext())


# -- attempts that a queue announces, and flows


def test_the_next_run_takes_over_the_announced_id_once(observed: obs.MemorySink) -> None:
    ctx, token = jobs.announce_attempt(obs.ObsContext(job_id="j"), 2)
    with obs.context(ctx):
        with obs.job_run(job_type="t") as first:
            assert (first.job_run_id, first.attempt) == (ctx.job_run_id, 2)
        with obs.job_run(job_type="t") as second:
            assert second.job_run_id != ctx.job_run_id
        with obs.job_run(job_type="t") as third:
            assert third.job_run_id not in (ctx.job_run_id, second.job_run_id)
    jobs.withdraw_attempt(token)


def test_a_flow_that_is_started_knows_its_parent() -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    parent = obs.ObsContext(request_id=REQUEST, correlation_id="c-1", trace_id=trace, job_id="j", job_run_id="r")
    child = jobs.start_flow(parent, project_id="p")
    assert child.parent_correlation_id == "c-1"
    assert child.parent_trace_id == trace
    assert child.correlation_id not in (None, "c-1")
    assert child.trace_id not in (None, trace)
    assert len(child.trace_id or "") == 32
    assert (child.request_id, child.job_id, child.job_run_id) == (REQUEST, None, None)
    assert child.fields["project_id"] == "p"
    assert jobs.start_flow(obs.ObsContext(request_id=REQUEST)).parent_correlation_id == REQUEST
    assert jobs.start_flow(obs.ObsContext()).trace_id is None
