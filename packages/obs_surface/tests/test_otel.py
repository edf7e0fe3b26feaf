"""With `configure(otel=True)`: spans round operations, runs and layers, and their ids in the envelopes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

import obs_surface as obs
from obs_surface import configuration
from obs_surface import otel as tracing
from obs_surface.propagation import carrier, headers

trace = pytest.importorskip("opentelemetry.trace")
pytest.importorskip("opentelemetry.sdk")

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


class Traced:
    """What is emitted, and the spans that have ended."""

    def __init__(self, sink: obs.MemorySink, exporter: Any) -> None:
        self.sink = sink
        self.exporter = exporter

    def spans(self) -> dict[str, Any]:
        return {span.name: span for span in self.exporter.get_finished_spans()}

    def ids(self, name: str) -> tuple[str, str]:
        at = self.spans()[name].context
        return format(at.trace_id, "032x"), format(at.span_id, "016x")

    def events(self) -> list[tuple[str, str | None, str | None]]:
        return [
            (e["event_name"].rpartition(".")[2], e["correlation"].get("trace_id"), e["correlation"].get("span_id"))
            for e in self.sink.events()
        ]


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> Iterator[Traced]:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    sink = obs.MemorySink()
    lock = Path(__file__).parent / "data" / "jobs.lock.json"
    obs.configure("worker", "1.0", "test", sinks=[sink], registry=lock, strict=True, otel=True)
    # The provider of the process can be set once only.
    monkeypatch.setattr(tracing, "tracer", provider.get_tracer("test"))
    yield Traced(sink, exporter)
    configuration.reset()
    assert not trace.get_current_span().get_span_context().is_valid, "a span was left current"


def test_an_operation_is_a_span_and_its_events_lie_in_it(traced: Traced) -> None:
    @obs.instrument(name="inner", span="INNER")
    def inner() -> None: ...

    @obs.instrument(name="hidden", span=False)
    def hidden() -> None:
        inner()

    @obs.instrument(name="outer")
    def outer() -> None:
        hidden()

    outer()
    assert set(traced.spans()) == {"outer", "INNER"}
    assert traced.spans()["INNER"].parent.span_id == traced.spans()["outer"].context.span_id
    outside, within = traced.ids("outer"), traced.ids("INNER")
    assert [event[1:] for event in traced.events()] == [outside, outside, within, within, outside, outside]


@pytest.mark.parametrize("error", [ValueError("bad"), asyncio.CancelledError(), KeyboardInterrupt()])
@pytest.mark.parametrize("how", ["instrument", "async", "job_run"])
def test_a_failure_is_a_span_with_an_error(traced: Traced, error: BaseException, how: str) -> None:
    @obs.instrument(name="work")
    def plain() -> None:
        raise error

    @obs.instrument(name="work")
    async def waiting() -> None:
        raise error

    with pytest.raises(type(error)):
        if how == "instrument":
            plain()
        elif how == "async":
            waiting().send(None)
        else:
            with obs.job_run("j", job_type="t"):
                raise error
    (span,) = traced.spans().values()
    assert span.status.status_code is trace.StatusCode.ERROR
    assert span.attributes["error.type"] == type(error).__name__
    assert [event.name for event in span.events] == ["exception"]
    assert {event[2] for event in traced.events()} == {traced.ids(span.name)[1]}


def test_runs_and_layers_are_spans_with_their_ids(traced: Traced) -> None:
    with obs.context(request_id="0192f0c1-7a3e-7c4d-9b1e-2f6d8a5c3e10"):
        with obs.job_run("j", job_type="enrich", attempt=2) as run, obs.layer("diarize", version="1"):
            pass
        with obs.job_run("j", job_type="declined") as declined:
            declined.fail(error_type="Declined")
    spans = traced.spans()
    assert spans["layer diarize"].parent.span_id == spans["job_run enrich"].context.span_id
    attributes = spans["job_run enrich"].attributes
    assert (attributes["job_id"], attributes["job_run_id"], attributes["attempt"]) == ("j", run.job_run_id, 2)
    assert spans["job_run enrich"].status.status_code is trace.StatusCode.UNSET
    assert spans["job_run declined"].status.status_code is trace.StatusCode.ERROR
    job, layer = traced.ids("job_run enrich"), traced.ids("layer diarize")
    assert [event[1:] for event in traced.events()[:4]] == [job, layer, layer, job]


def test_a_run_that_is_started_and_ended_by_functions_is_a_span(traced: Traced) -> None:
    ctx = obs.start_job_run(job_id="j", job_type="t")
    assert not trace.get_current_span().get_span_context().is_valid
    obs.end_job_run_failure(ctx, ValueError("x"))
    (span,) = traced.spans().values()
    assert span.status.status_code is trace.StatusCode.ERROR
    assert {event[1:] for event in traced.events()} == {traced.ids(span.name)}


def test_a_generators_span_is_not_its_consumers(traced: Traced) -> None:
    seen: list[Any] = []

    @obs.instrument(name="numbers")
    def numbers() -> Iterator[int]:
        with tracing.tracer.start_as_current_span("within"):
            for number in range(3):
                seen.append(tracing.current_ids())
                yield number
        seen.append(tracing.current_ids())

    for _ in numbers():
        assert tracing.current_ids() is None
    assert seen == [traced.ids("within")] * 3 + [traced.ids("numbers")]
    assert {event[1:] for event in traced.events()} == {traced.ids("numbers")}


def test_a_generator_passes_everything_on_with_a_span(traced: Traced) -> None:
    @obs.instrument(name="numbers")
    def numbers() -> Any:
        try:
            assert (yield 1) == "sent"
            yield 2
        except KeyError:
            yield 3
        return "result"

    def around() -> Any:
        assert (yield from numbers()) == "result"

    generator = around()
    assert (next(generator), generator.send("sent"), generator.throw(KeyError("x"))) == (1, 2, 3)
    with pytest.raises(StopIteration):
        next(generator)
    closed = numbers()
    next(closed)
    closed.close()
    assert len(traced.exporter.get_finished_spans()) == 2
    assert {span.status.status_code for span in traced.exporter.get_finished_spans()} == {trace.StatusCode.UNSET}


def test_an_asynchronous_generators_span_is_not_its_consumers(traced: Traced) -> None:
    seen: list[Any] = []

    @obs.instrument(name="numbers")
    async def numbers() -> AsyncIterator[int]:
        for number in range(2):
            await asyncio.sleep(0)
            seen.append(tracing.current_ids())
            yield number

    async def main() -> None:
        async for _ in numbers():
            assert tracing.current_ids() is None
        async with contextlib.aclosing(numbers()) as left:
            await anext(left)

    asyncio.run(main())
    first = traced.exporter.get_finished_spans()[0].context
    assert seen[:2] == [(format(first.trace_id, "032x"), format(first.span_id, "016x"))] * 2
    assert len(traced.exporter.get_finished_spans()) == 2


def test_a_request_continues_the_callers_trace_and_hands_it_on(traced: Traced) -> None:
    handed: list[Any] = []

    @obs.instrument(name="handler")
    async def app(scope: Any, receive: Any, send: Any) -> None:
        handed.append((headers.outgoing()["traceparent"], carrier.outgoing()))
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: Any) -> None: ...

    scope = {"type": "http", "headers": [(b"traceparent", f"00-{TRACE}-{SPAN}-01".encode())]}
    asyncio.run(obs.RequestContextMiddleware(app)(scope, send, send))  # type: ignore[arg-type]
    span = traced.spans()["handler"]
    assert (format(span.context.trace_id, "032x"), format(span.parent.span_id, "016x")) == (TRACE, SPAN)
    own = format(span.context.span_id, "016x")
    ((header, message),) = handed
    assert header == f"00-{TRACE}-{own}-01"
    assert (message["trace_id"], message["span_id"]) == (TRACE, own)
    with carrier.Attempt(carrier.received(message)), obs.job_run("j", job_type="t"):
        pass
    assert format(traced.spans()["job_run t"].parent.span_id, "016x") == own


def test_off_there_are_no_spans(traced: Traced) -> None:
    tracing.disable()
    with obs.job_run("j", job_type="t"):
        obs.instrument(len)([])
    assert traced.spans() == {}
    assert {event[1:] for event in traced.events()} == {(None, None)}


def test_without_the_library_it_is_a_configuration_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry", None)
    with pytest.raises(obs.ConfigurationError, match=r"pip install 'obs-surface\[otel\]'"):
        tracing.enable()
