"""What an event costs: obs_surface beside structlog with orjson and stdlib logging, in one run, as ratios.

    python benchmarks/surface.py [--rounds 25] [--seconds 0.02] [--json FILE] [--check]

Everything writes to the null device. The subjects take turns, round after round; a figure is the median of the rounds,
a ratio that of the ratios within each round, so that what else the machine does falls on all of them. `--check` exits 1
where a bar of the design (surface.md) is not met. Needs orjson, jsonschema-rs and structlog.
"""

from __future__ import annotations

import argparse
import asyncio
import contextvars
import gc
import json
import logging
import os
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import obs_surface as obs
import structlog
from obs_surface import configuration

REGISTRY = Path(__file__).resolve().parent.parent / "packages/obs_surface/tests/data/narralytica.lock.json"
REQUEST_ID = "0192f0c1-7a3e-7c4d-9b1e-2f6d8a5c3e10"
PAYLOAD = {
    "mode": "hybrid",
    "results_count": 12,
    "latency_ms": 8.1,
    "backend_latency_ms": 5.5,
    "collection": "segments",
}
WITH_HASHED = {**PAYLOAD, "filters": {"language": "fr"}}
"""`filters` is classified as pseudonymous."""
BATCH = 200
PEER = "structlog + orjson"

Batch = Callable[[], None]


class Subject(NamedTuple):
    """One thing that is measured."""

    name: str
    start: Callable[[], Batch]
    """Sets it up and returns what runs BATCH operations."""


class Bar(NamedTuple):
    """What the design promises."""

    text: str
    found: float
    most: float
    unit: str


def null() -> int:
    """A descriptor to write to."""
    return os.open(os.devnull, os.O_WRONLY)


def repeated(operation: Callable[[], object]) -> Batch:
    """Run an operation BATCH times."""

    def batch() -> None:
        for _ in range(BATCH):
            operation()

    return batch


# -- peers


def structlog_orjson() -> Batch:
    """What structlog's documentation recommends for performance, with timestamp, level and context."""
    import orjson

    structlog.reset_defaults()
    structlog.configure(
        cache_logger_on_first_use=True,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        logger_factory=structlog.BytesLoggerFactory(file=os.fdopen(null(), "wb")),
    )
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=REQUEST_ID)
    # The service is bound, as an actor is: each line says the same.
    log = structlog.get_logger(service_name="api", service_version="1.4.0", env="prod", host="vm")
    return repeated(lambda: log.info("narralytica.search.executed", **PAYLOAD))


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(
            {
                "event": record.getMessage(),
                "level": record.levelname,
                "timestamp": self.formatTime(record),
                "request_id": _request_id.get(),
                "service_name": "api",
                "service_version": "1.4.0",
                "env": "prod",
                "host": "vm",
                **record.__dict__["payload"],
            }
        )


_request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="")


def _stdlib(formatter: logging.Formatter) -> logging.Logger:
    log = logging.getLogger(f"bench.{id(formatter)}")
    log.propagate = False
    log.setLevel(logging.INFO)
    handler = logging.StreamHandler(os.fdopen(null(), "w", encoding="utf-8"))
    handler.setFormatter(formatter)
    log.handlers = [handler]
    return log


def stdlib_plain() -> Batch:
    """Logging with a format string."""
    log = _stdlib(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    return repeated(lambda: log.info("narralytica.search.executed %s", PAYLOAD))


def stdlib_json() -> Batch:
    """Logging with the formatter that everybody writes."""
    log = _stdlib(_Json())
    _request_id.set(REQUEST_ID)
    return repeated(lambda: log.info("narralytica.search.executed", extra={"payload": PAYLOAD}))


# -- obs_surface


def surface(**options: Any) -> configuration.Surface:
    """Make a surface that is in force only while it is measured: `configure` replaces the one before."""
    actor = obs.Actor("api", "1.4.0", "prod", "vm")
    options = {"strict": False, "validates": True, **options}
    return configuration._made(actor, REGISTRY, [obs.JsonLinesSink(null())], **options)


def emitting(made: configuration.Surface, batch: Batch) -> Batch:
    """Put a surface in force for each batch."""
    ctx = obs.ObsContext(request_id=REQUEST_ID)

    def run() -> None:
        configuration.active = made
        token = obs.attach(ctx)
        try:
            batch()
        finally:
            obs.detach(token)

    return run


def _emit() -> None:
    obs.emit("narralytica.search.executed", PAYLOAD)


def emit_unvalidated() -> Batch:
    """Emit, redaction by the registry included."""
    return emitting(surface(validates=False), repeated(_emit))


def emit_best_effort() -> Batch:
    """Emit, validated; what is wrong would be reported."""
    return emitting(surface(), repeated(_emit))


def emit_strict() -> Batch:
    """Emit, validated; what is wrong would be raised."""
    return emitting(surface(strict=True), repeated(_emit))


def emit_hashed() -> Batch:
    """Emit with a field that the registry has hashed."""
    return emitting(surface(validates=False), repeated(lambda: obs.emit("narralytica.search.executed", WITH_HASHED)))


def emit_wrong() -> Batch:
    """Emit what breaks its contract: the event, and the report of it."""
    wrong = {**PAYLOAD, "mode": "semantic"}
    return emitting(surface(), repeated(lambda: obs.emit("narralytica.search.executed", wrong)))


def emit_new_context() -> Batch:
    """A new context for each event, as the first event of a request has."""

    def operation() -> None:
        obs.emit("narralytica.search.executed", PAYLOAD, obs.ObsContext(request_id=REQUEST_ID))

    return emitting(surface(validates=False), repeated(operation))


def new_context() -> Batch:
    """What `emit_new_context` makes each time."""
    return repeated(lambda: obs.ObsContext(request_id=REQUEST_ID))


def uuid7() -> Batch:
    """A new id."""
    from obs_surface.ids import uuid7 as make

    return repeated(make)


# -- instrument: above its two emits


def _work(job_id: str, project_id: str) -> str:
    return job_id


def instrumented() -> Batch:
    """A call of an instrumented function with two fields."""
    decorated = obs.instrument(fields=["job_id", "project_id"])(_work)
    return emitting(surface(validates=False), repeated(lambda: decorated("a", "b")))


def two_emits() -> Batch:
    """The same call, and what instrument emits, by hand."""
    fields = {"job_id": "a", "project_id": "b"}

    def operation() -> None:
        obs.emit("obs.operation.started", {"operation": "_work", "fields": fields})
        _work("a", "b")
        obs.emit("obs.operation.completed", {"operation": "_work", "duration_ms": 0.1, "fields": fields})

    return emitting(surface(validates=False), repeated(operation))


# -- middleware: a request with and without


async def _application(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"ok"})


def _requests(application: Any, headers: list[tuple[bytes, bytes]]) -> Batch:
    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        pass

    async def many() -> None:
        for _ in range(BATCH):
            await application({"type": "http", "method": "GET", "path": "/", "headers": headers}, receive, send)

    loop = asyncio.new_event_loop()

    def batch() -> None:
        loop.run_until_complete(many())

    return batch


def bare_requests() -> Batch:
    """The application alone."""
    return _requests(_application, [(b"host", b"x"), (b"accept", b"*/*")])


def requests_with_id() -> Batch:
    """The middleware, with an inbound id and a traceparent."""
    headers = [
        (b"host", b"x"),
        (b"x-request-id", REQUEST_ID.encode()),
        (b"traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ]
    return emitting(surface(validates=False), _requests(obs.RequestContextMiddleware(_application), headers))


def requests_without_id() -> Batch:
    """The middleware, which makes an id."""
    headers = [(b"host", b"x"), (b"accept", b"*/*")]
    return emitting(surface(validates=False), _requests(obs.RequestContextMiddleware(_application), headers))


SUBJECTS = [
    Subject(PEER, structlog_orjson),
    Subject("stdlib logging, format string", stdlib_plain),
    Subject("stdlib logging, JSON formatter", stdlib_json),
    Subject("emit, not validated", emit_unvalidated),
    Subject("emit, best effort", emit_best_effort),
    Subject("emit, strict", emit_strict),
    Subject("emit, a field hashed", emit_hashed),
    Subject("emit, best effort, contract broken", emit_wrong),
    Subject("emit, not validated, new context", emit_new_context),
    Subject("ObsContext(request_id=…)", new_context),
    Subject("uuid7()", uuid7),
    Subject("two emits by hand", two_emits),
    Subject("instrument", instrumented),
    Subject("ASGI application", bare_requests),
    Subject("ASGI application, middleware, id given", requests_with_id),
    Subject("ASGI application, middleware, id made", requests_without_id),
]


def measured(rounds: int, seconds: float) -> list[dict[str, float]]:
    """Return µs an operation for each subject, round by round."""
    batches = {subject.name: subject.start() for subject in SUBJECTS}
    for batch in batches.values():
        batch()
    found: list[dict[str, float]] = []
    gc.collect()
    gc.freeze()
    for _ in range(rounds):
        times = {}
        for name, batch in batches.items():
            done, start = 0, perf_counter()
            while (elapsed := perf_counter() - start) < seconds:
                batch()
                done += BATCH
            times[name] = elapsed / done * 1e6
        found.append(times)
    return found


def bars(found: list[dict[str, float]]) -> list[Bar]:
    """Return what the design promises, and what was found: medians of what each round says by itself."""

    def middle(of: Callable[[dict[str, float]], float]) -> float:
        return statistics.median(of(times) for times in found)

    def middleware(times: dict[str, float]) -> float:
        slower = max(times[f"ASGI application, middleware, id {way}"] for way in ("given", "made"))
        return slower - times["ASGI application"]

    return [
        Bar("emit, not validated", middle(lambda t: t["emit, not validated"] / t[PEER]), 1.5, f"× {PEER}"),
        Bar("emit, strict", middle(lambda t: t["emit, strict"] / t[PEER]), 2.0, f"× {PEER}"),
        Bar(
            "instrument, above its two emits",
            middle(lambda t: t["instrument"] - t["two emits by hand"]),
            3.0,
            "µs a call",
        ),
        Bar("middleware, above the application", middle(middleware), 15.0, "µs a request"),
    ]


def main() -> int:
    """Measure, print, and say whether the bars are met."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--rounds", type=int, default=25)
    options.add_argument("--seconds", type=float, default=0.02, help="a subject and round")
    options.add_argument("--json", type=Path, help="write the figures here too")
    options.add_argument("--check", action="store_true", help="exit 1 where a bar is not met")
    given = options.parse_args()
    found = measured(given.rounds, given.seconds)
    figures = {}
    for name in found[0]:
        time = statistics.median(times[name] for times in found)
        ratio = statistics.median(times[name] / times[PEER] for times in found)
        figures[name] = {"µs": time, "ratio": ratio}
        print(f"{name:42} {time:8.2f} µs {ratio:6.2f} ×")
    print()
    judged = bars(found)
    for bar in judged:
        print(
            f"{'kept' if bar.found <= bar.most else 'BROKEN':7} {bar.text:36} {bar.found:6.2f} ≤ {bar.most} {bar.unit}"
        )
    if given.json:
        given.json.write_text(
            json.dumps({"figures": figures, "bars": [bar._asdict() for bar in judged]}, indent=2) + "\n"
        )
    return int(given.check and any(bar.found > bar.most for bar in judged))


if __name__ == "__main__":
    sys.exit(main())
