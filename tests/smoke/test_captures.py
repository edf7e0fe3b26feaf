from __future__ import annotations

import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from obs_lint.smoke.captures.capture import CaptureEnd, CaptureError
from obs_lint.smoke.captures.file import FileCapture
from obs_lint.smoke.captures.in_process import in_process
from obs_lint.smoke.captures.intake import Intake
from obs_lint.smoke.captures.otlp_http import OtlpHttpCapture
from obs_lint.smoke.captures.redis_stream import RedisStreamCapture
from obs_lint.smoke.captures.stdlib_logging import LoggingCapture
from obs_lint.smoke.captures.stdout import StdoutCapture
from obs_lint.smoke.captures.structlog_events import StructlogCapture
from obs_lint.smoke.captures.surface import SurfaceCapture
from obs_lint.smoke.records import Record


def envelope(number: int = 0, **change: Any) -> str:
    return json.dumps(
        {
            "event_name": f"e{number}",
            "occurred_at": "2025-11-20T09:14:33Z",
            "correlation": {"job_id": "j"},
            "payload": {},
            **change,
        }
    )


def until(condition: Callable[[], object], timeout: float = 20.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        threading.Event().wait(0.005)


def names(records: list[Record]) -> list[str]:
    return [record.name for record in records]


@pytest.fixture
def records() -> list[Record]:
    return []


# -- processes


def process(code: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_process(records: list[Record]) -> None:
    code = f"import sys; sys.stderr.write('prose'); sys.stdout.write({envelope(1)!r} + chr(10) + {envelope(2)!r})"
    stdout, stderr = StdoutCapture("api"), StdoutCapture("api", stream="stderr")
    stdout.start(records.append)
    errors: list[Record] = []
    stderr.start(errors.append)
    with process(code) as child:
        assert child.stdout is not None and child.stderr is not None
        stdout.attach(child.stdout)
        stderr.attach(child.stderr)
        child.wait(20)
        assert stdout.stop() == CaptureEnd("stdout:api", 2, 0, 0)
        assert stderr.stop() == CaptureEnd("stderr:api", 1, 0, 0)
    assert [(record.name, record.source, record.line) for record in records] == [
        ("e1", "stdout:api", 1),
        ("e2", "stdout:api", 2),
    ]
    assert errors[0].payload["message"] == "prose"


def test_a_process_that_writes_more_than_a_pipe_holds(records: list[Record]) -> None:
    capture = StdoutCapture("api")
    capture.start(records.append)
    with process(f"import sys\nfor _ in range(20000): sys.stdout.write({envelope()!r} + chr(10))") as child:
        assert child.stdout is not None
        capture.attach(child.stdout)
        child.wait(60)
        assert capture.stop(30).delivered == 20_000
    assert records[-1].line == 20_000


def test_a_process_that_is_killed_within_a_line(records: list[Record]) -> None:
    written = threading.Event()
    text = envelope() + "\n" + envelope()[:40]
    code = f"import sys, time; sys.stdout.write({text!r}); sys.stdout.flush(); time.sleep(60)"
    capture = StdoutCapture("api", on_block=lambda block: written.set())
    capture.start(records.append)
    with process(code) as child:
        assert child.stdout is not None
        capture.attach(child.stdout)
        assert written.wait(20)
        child.kill()
        child.wait(20)
        end = capture.stop()
    assert (end.delivered, end.unparsable) == (2, 1)
    assert records[1].reason == "cut off: the object does not end"


def test_a_pipe_that_somebody_else_holds_is_told(records: list[Record]) -> None:
    capture = StdoutCapture("api")
    capture.start(records.append)
    read, write = os.pipe()
    with os.fdopen(read, "rb") as pipe, os.fdopen(write, "wb", buffering=0) as writer:
        capture.attach(pipe)
        writer.write(envelope().encode() + b"\n")
        until(lambda: records)
        end = capture.stop(0.01)
        assert end.delivered == 1 and "still open after 0.01 s" in end.notes[0]
        writer.close()
        until(lambda: not any(thread.name == "capture:stdout:api" for thread in threading.enumerate()))


def test_lines_that_are_handed_over(records: list[Record]) -> None:
    capture = StdoutCapture("api")
    capture.take(b"too early")
    capture.start(records.append)
    capture.take(envelope().encode())
    capture.take(b"{\n")
    assert capture.stop() == CaptureEnd("stdout:api", 2, 1, 1)
    capture.take(b"too late")
    assert [record.kind for record in records] == ["event", "broken"]


def test_a_pipe_before_the_start() -> None:
    with pytest.raises(CaptureError), open(os.devnull, "rb") as pipe:
        StdoutCapture("api").attach(pipe)


# -- files


def test_files(tmp_path: Path, records: list[Record]) -> None:
    old = tmp_path / "logs" / "old.jsonl"
    old.parent.mkdir()
    old.write_text(envelope(0) + "\n")
    capture = FileCapture("**/*.jsonl", root=tmp_path)
    capture.start(records.append)
    with old.open("a") as stream:
        stream.write(envelope(1) + "\n" + envelope(2)[:30])
    until(lambda: names(records) == ["e1"])
    with old.open("a") as stream:
        stream.write(envelope(2)[30:] + "\n")
    until(lambda: names(records) == ["e1", "e2"])
    (tmp_path / "logs" / "deep").mkdir()
    (tmp_path / "logs" / "deep" / "new.jsonl").write_text(envelope(3) + "\n" + envelope(4))
    end = capture.stop()
    assert names(records) == ["e1", "e2", "e3", "e4"]
    assert {record.source for record in records} == {"logs/old.jsonl", "logs/deep/new.jsonl"}
    assert (end.name, end.delivered, end.notes) == (
        "file:**/*.jsonl", 4, (f"{len(envelope()) + 1} bytes of earlier runs were left out",),
    )  # fmt: skip
    assert capture.stop() == end


def test_what_was_there_before(tmp_path: Path, records: list[Record]) -> None:
    (tmp_path / "a.jsonl").write_text(envelope(1) + "\n")
    capture = FileCapture("a.jsonl", root=tmp_path, existing=True)
    capture.start(records.append)
    assert capture.stop().delivered == 1


def test_a_file_that_is_truncated(tmp_path: Path, records: list[Record]) -> None:
    path = tmp_path / "a.jsonl"
    capture = FileCapture("*.jsonl", root=tmp_path)
    capture.start(records.append)
    path.write_text((envelope(1) + "\n") * 3)
    until(lambda: len(records) == 3)
    path.write_text(envelope(2) + "\n")
    until(lambda: len(records) == 4)
    end = capture.stop()
    assert names(records) == ["e1", "e1", "e1", "e2"]
    assert any("was truncated" in note for note in end.notes)


@pytest.mark.skipif(sys.platform == "win32", reason="a file that is open can't be renamed there")
@pytest.mark.parametrize("pattern", ["a.jsonl", "a.jsonl*"])
def test_a_file_that_is_rotated(tmp_path: Path, records: list[Record], pattern: str) -> None:
    path = tmp_path / "a.jsonl"
    path.touch()
    capture = FileCapture(pattern, root=tmp_path)
    capture.start(records.append)
    with path.open("a") as writer:
        writer.write(envelope(1) + "\n")
        writer.flush()
        until(lambda: names(records) == ["e1"])
        path.rename(tmp_path / "a.jsonl.1")
        path.write_text(envelope(3) + "\n")
        until(lambda: "e3" in names(records))
        writer.write(envelope(2) + "\n")  # the writer has not noticed yet
        writer.flush()
        until(lambda: "e2" in names(records))
    assert capture.stop().delivered == 3
    assert sorted(names(records)) == ["e1", "e2", "e3"]


def test_no_file(tmp_path: Path, records: list[Record]) -> None:
    capture = FileCapture("*.jsonl", root=tmp_path)
    capture.start(records.append)
    end = capture.stop()
    assert (end.delivered, end.notes) == (0, (f"no file matched `*.jsonl` in {tmp_path}",))


def test_a_last_line_that_is_cut_off(tmp_path: Path, records: list[Record]) -> None:
    capture = FileCapture("*.jsonl", root=tmp_path)
    capture.start(records.append)
    (tmp_path / "a.jsonl").write_text(envelope()[:30])
    assert capture.stop().unparsable == 1


# -- OTLP


def test_otlp_http(records: list[Record]) -> None:
    import http.client

    capture = OtlpHttpCapture()
    capture.start(records.append)
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "a"}]}]}]})
    for path, content in (("/v1/traces", body), ("/v1/traces", "{")):
        connection = http.client.HTTPConnection("127.0.0.1", capture.port, timeout=10)
        connection.request("POST", path, content, {"Content-Type": "application/json"})
        connection.getresponse().read()
        connection.close()
    taken = OtlpHttpCapture(capture.port)
    with pytest.raises(CaptureError, match=f"otlp-http:{capture.port}: cannot listen"):
        taken.start(records.append)
    end = capture.stop()
    assert (end.name, end.delivered, end.dropped, names(records)) == ("otlp-http:auto", 1, 1, ["a"])
    assert end.notes[0].startswith("1 requests were refused: the body is not JSON")


# -- Redis


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = shutil.which("redis-server")
    if server is None:
        pytest.skip("there is no redis-server")
    pytest.importorskip("redis")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("redis")
    options = ["--port", str(port), "--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--dir", str(folder)]
    with subprocess.Popen([server, *options], stdout=subprocess.DEVNULL) as child:
        try:
            until(lambda: _accepts(port))
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            child.terminate()


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture
def client(redis_url: str) -> Iterator[Any]:
    import redis

    with redis.Redis.from_url(redis_url) as connected:
        connected.flushall()
        yield connected


def test_redis_streams(redis_url: str, client: Any, records: list[Record]) -> None:
    client.xadd("trace:old", {"event": envelope(0)})
    client.xadd("other", {"event": envelope(0)})
    client.set("trace:text", "no stream")
    capture = RedisStreamCapture("trace:*", url=redis_url)
    capture.start(records.append)
    client.xadd("trace:old", {"event": envelope(1), "request_id": "r"})
    client.xadd("trace:new", {"event": envelope(2)})
    client.xadd(
        "trace:new",
        {"type": "job.done", "request_id": "r", "detail": '{"a": 1}'},
        id="1763630073140-0" if False else "*",
    )
    until(lambda: len(records) == 3)
    client.xadd("trace:last", {"data": json.dumps(json.loads(envelope(4)), indent=1)})
    end = capture.stop()
    assert (end.delivered, end.dropped, end.unparsable, end.notes) == (4, 0, 0, ())
    assert sorted((record.source, record.line) for record in records) == [
        ("redis:trace:last", 1), ("redis:trace:new", 1), ("redis:trace:new", 2), ("redis:trace:old", 1),
    ]  # fmt: skip
    by_name = {record.name: record for record in records}
    assert by_name["e1"].ids == {"request_id": "r", "job_id": "j"}
    plain = by_name[""]
    assert (plain.kind, plain.ids, plain.body["detail"]) == ("log", {"request_id": "r"}, {"a": 1})
    assert abs(plain.time - time.time_ns()) < 60_000_000_000
    assert "e4" in by_name


def test_what_redis_trimmed_is_counted(redis_url: str, client: Any, records: list[Record]) -> None:
    capture = RedisStreamCapture("trace:*", url=redis_url)
    capture.start(records.append)
    with client.pipeline(transaction=True) as pipeline:
        for number in range(10):
            pipeline.xadd("trace:a", {"event": envelope(number)})
        pipeline.xtrim("trace:a", maxlen=4, approximate=False)
        pipeline.execute()
    end = capture.stop()
    assert (end.delivered, end.dropped) == (4, 6)
    assert end.notes == ("6 entries of trace:a were trimmed before they were read",)


def test_no_stream(redis_url: str, client: Any, records: list[Record]) -> None:
    capture = RedisStreamCapture("trace:*", url=redis_url)
    capture.start(records.append)
    assert capture.stop().notes == ("no stream matched `trace:*`",)


def test_no_redis() -> None:
    pytest.importorskip("redis")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        capture = RedisStreamCapture("trace:*", url=f"redis://user:secret@127.0.0.1:{port}/0")
        with pytest.raises(CaptureError, match=r"no Redis at redis://…@127\.0\.0\.1") as told:
            capture.start(lambda record: None)
    assert "secret" not in str(told.value)


# -- in this process


def test_the_surface(records: list[Record]) -> None:
    capture = SurfaceCapture()
    capture.start(records.append)
    capture.sink.write(envelope(1).encode() + b"\n", {})
    assert capture.sink.flush(1.0)
    assert capture.stop() == CaptureEnd("obs_surface", 1, 0, 0)
    assert names(records) == ["e1"]


def test_the_surface_as_it_is_configured(monkeypatch: pytest.MonkeyPatch, records: list[Record]) -> None:
    taps: list[Any] = []

    class Surface:
        def tap(self, sink: Any) -> Callable[[], None]:
            taps.append(sink)
            return taps.clear

    current = Surface()
    module = types.ModuleType("obs_surface.configuration")
    module.current_surface = lambda: current  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "obs_surface.configuration", module)
    capture = SurfaceCapture()
    capture.start(records.append)
    taps[0].write(envelope(1).encode() + b"\n", {})
    assert capture.stop() == CaptureEnd("obs_surface", 1, 0, 0)
    assert (names(records), taps) == (["e1"], [])
    capture = SurfaceCapture()
    capture.start(records.append)
    current = Surface()
    assert "configured after the capture began" in capture.stop().notes[0]


def test_a_surface_that_is_configured_while_it_is_watched(records: list[Record]) -> None:
    configuration = pytest.importorskip("obs_surface.configuration")
    obs = pytest.importorskip("obs_surface")
    configuration.reset()
    capture = SurfaceCapture()
    capture.start(records.append)
    try:
        for number in range(2):
            obs.configure("api", "1", "test", sinks=[obs.MemorySink()])
            obs.emit(f"e{number}", {})
    finally:
        end = capture.stop()
        obs.emit("later", {})
        configuration.reset()
    assert (names(records), end.notes) == (["e0", "e1"], ())


def test_all_that_is_imported(records: list[Record]) -> None:
    captures = in_process()
    assert "logging" in [capture.name for capture in captures]
    for capture in captures:
        capture.start(records.append)
    logging.getLogger("a").error("seen")
    for capture in reversed(captures):
        capture.stop()
    assert [record.payload["message"] for record in records] == ["seen"]


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(
            {"level": record.levelname, "message": record.getMessage(), "request_id": "r", "time": 1763630073}
        )


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    root.setLevel(logging.DEBUG)
    yield root
    root.setLevel(level)
    root.handlers[:] = handlers


def test_logging_without_a_handler(root: logging.Logger, records: list[Record]) -> None:
    capture = LoggingCapture()
    capture.start(records.append)
    try:
        raise ValueError("x")
    except ValueError:
        logging.getLogger("a.b").exception("it %s", "failed", extra={"request_id": "r"})
    assert capture.stop().delivered == 1
    logging.getLogger("a.b").error("later")
    (record,) = records
    assert (record.kind, record.name, record.severity, record.ids) == ("log", "a.b", "error", {"request_id": "r"})
    assert record.payload["message"] == "it failed" and "ValueError: x" in record.payload["exception"]
    assert "error.type" not in record.payload


def test_logging_as_the_handler_renders_it(root: logging.Logger, records: list[Record]) -> None:
    handler = logging.Handler()
    handler.emit = lambda record: None  # type: ignore[method-assign]
    handler.setFormatter(_JsonFormatter())
    handler.setLevel(logging.INFO)
    handler.addFilter(lambda record: "secret" not in record.getMessage())
    root.addHandler(handler)
    apart = logging.getLogger("apart")
    apart.propagate = False
    try:
        capture = LoggingCapture()
        capture.start(records.append)
        logging.getLogger("a").info("seen")
        logging.getLogger("a").info("secret")
        logging.getLogger("a").debug("below the handler's level")
        apart.error("alone")
        handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
        logging.getLogger("a").warning("prose", extra={"job_id": "j"})
        assert capture.stop().delivered == 3
    finally:
        apart.propagate = True
    seen, alone, prose = records
    assert (seen.payload["message"], seen.ids, seen.time) == ("seen", {"request_id": "r"}, 1763630073000000000)
    assert alone.payload["message"] == "alone"
    assert (prose.kind, prose.payload["message"], prose.ids, prose.severity) == (
        "text", "WARNING prose", {"job_id": "j"}, "warn",
    )  # fmt: skip


@pytest.fixture
def structlog() -> Iterator[Any]:
    structlog = pytest.importorskip("structlog")
    structlog.reset_defaults()
    yield structlog
    structlog.reset_defaults()


def test_structlog_after_its_processors(
    structlog: Any, records: list[Record], capsys: pytest.CaptureFixture[str]
) -> None:
    def drop(logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
        if event.pop("noise", False):
            raise structlog.DropEvent
        return {**event, "request_id": "r", "timestamp": "2025-11-20T09:14:33Z"}

    structlog.configure(
        processors=[structlog.processors.add_log_level, drop, structlog.processors.JSONRenderer()],
        cache_logger_on_first_use=True,
    )
    logger = structlog.get_logger()
    logger.info("before")
    capture = StructlogCapture()
    capture.start(records.append)
    logger.warning("done", job_id="j")
    logger.info("hidden", noise=True)
    end = capture.stop()
    logger.info("after")
    assert (end.delivered, end.notes) == (1, ())
    (record,) = records
    assert (record.kind, record.severity, record.ids) == ("log", "warn", {"job_id": "j", "request_id": "r"})
    assert capsys.readouterr().out.count("\n") == 3


def test_structlog_without_a_renderer(structlog: Any, records: list[Record]) -> None:
    structlog.configure(processors=(), logger_factory=structlog.testing.CapturingLoggerFactory())
    capture = StructlogCapture()
    capture.start(records.append)
    structlog.get_logger().info("done", job_id="j")
    assert capture.stop().delivered == 1
    assert records[0].ids == {"job_id": "j"}


def test_structlog_into_logging_is_seen_once(structlog: Any, root: logging.Logger, records: list[Record]) -> None:
    structlog.configure(
        processors=[structlog.processors.JSONRenderer()], logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )  # fmt: skip
    handler = logging.Handler()
    handler.emit = lambda record: None  # type: ignore[method-assign]
    handler.setFormatter(logging.Formatter("%(message)s"))
    root.addHandler(handler)
    captures = [LoggingCapture(), StructlogCapture()]
    for capture in captures:
        capture.start(records.append)
    structlog.get_logger("x").error("done", job_id="j")
    assert [capture.stop().delivered for capture in captures] == [1, 0]
    assert records[0].ids == {"job_id": "j"}


def test_structlog_that_is_configured_anew_is_told(structlog: Any, records: list[Record]) -> None:
    capture = StructlogCapture()
    capture.start(records.append)
    processors = structlog.get_config()["processors"]
    processors[-1] = structlog.processors.JSONRenderer()
    assert "configured anew" in capture.stop().notes[0]


def test_the_sdk_of_opentelemetry(monkeypatch: pytest.MonkeyPatch, records: list[Record]) -> None:
    pytest.importorskip("opentelemetry.sdk")
    from opentelemetry import _logs, trace
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import SpanKind, StatusCode

    from obs_lint.smoke.captures.otel_sdk import OtelCapture

    resource = Resource({"service.name": "api"})
    spans, logs = (
        TracerProvider(resource=resource, shutdown_on_exit=False),
        LoggerProvider(resource, shutdown_on_exit=False),
    )
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: spans)
    monkeypatch.setattr(_logs, "get_logger_provider", lambda: logs)
    tracer = spans.get_tracer("lib", "1")
    for _ in range(2):  # a second capture of the same providers sees everything once
        records.clear()
        capture = OtelCapture()
        capture.start(records.append)
        with tracer.start_as_current_span("parent", kind=SpanKind.SERVER, attributes={"request_id": "r"}) as parent:
            with tracer.start_as_current_span("child") as child:
                child.set_status(StatusCode.ERROR, "boom")
                child.add_event("exception", {"exception.type": "ValueError"})
            logs.get_logger("lib").emit(
                event_name="layer.done", body={"layer_name": "topics"}, attributes={"job_id": "j"}, timestamp=5,
                severity_text="WARN",
            )  # fmt: skip
        assert capture.stop() == CaptureEnd("otel", 3, 0, 0)
    assert names(records) == ["child", "layer.done", "parent"]
    inner, event, outer = records
    context = parent.get_span_context()
    assert inner.ids["parent_span_id"] == outer.ids["span_id"] == f"{context.span_id:016x}"
    assert (inner.status, outer.status, outer.span_kind, outer.service) == ("error", "unset", "server", "api")
    assert inner.body["events"][0]["attributes"] == {"exception.type": "ValueError"} and b"ValueError" in inner.raw
    assert outer.ids["request_id"] == "r" and outer.end >= outer.time > 0 and inner.remote_parent is False
    assert (event.kind, event.payload, event.severity, event.time) == ("event", {"layer_name": "topics"}, "warn", 5)
    assert event.ids == {
        "job_id": "j", "layer_name": "topics", "trace_id": f"{context.trace_id:032x}",
        "span_id": f"{context.span_id:016x}",
    }  # fmt: skip
    with tracer.start_as_current_span("later"):
        pass
    assert len(records) == 3


# -- the queue between captures and checks


def test_the_intake_keeps_the_order_and_ends() -> None:
    intake = Intake(capacity=10)
    found: list[int] = []
    reader = threading.Thread(target=lambda: found.extend(record.line for record in intake))
    reader.start()
    for number in range(1000):
        intake.put(Record("text", line=number))
    intake.close()
    reader.join(20)
    assert found == list(range(1000))
    assert intake.dropped == {}


def test_what_finds_no_room_is_counted() -> None:
    intake = Intake(capacity=2, patience=0.01)
    for number in range(5):
        intake.put(Record("text", source="a" if number < 4 else "b", line=number))
    assert intake.dropped == {"a": 2, "b": 1}
    intake.close()
    intake.put(Record("text", source="late"))
    assert [record.line for record in intake] == [0, 1]
    assert intake.dropped["late"] == 1
    assert intake.batch(0.01) == []
