"""What reading costs on one core: an OTLP receiver's spans a second, and JSON lines to records, beside orjson alone.

    python benchmarks/smoke_receiver.py [--spans 200000] [--lines 200000]

CPU time of the receiving process alone: the client that posts prebuilt batches is a process of its own. Bars: 50,000
spans a second; 10 µs a line.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

BATCH = 512
BAR_SPANS = 50_000
BAR_LINE = 10.0


def batch_of_spans(size: int = BATCH) -> Any:
    """An export request like that of a web service: seven attributes a span, one with a correlation id."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest()
    batch = request.resource_spans.add()
    for key in ("service.name", "service.version", "telemetry.sdk.name", "host.name"):
        pair = batch.resource.attributes.add()
        pair.key, pair.value.string_value = key, "value-of-it"
    group = batch.scope_spans.add()
    group.scope.name = "opentelemetry.instrumentation.asgi"
    for number in range(size):
        span = group.spans.add()
        span.trace_id, span.span_id = (number // 8 + 1).to_bytes(16, "big"), (number + 1).to_bytes(8, "big")
        if number % 8:
            span.parent_span_id = (number - number % 8 + 1).to_bytes(8, "big")
        span.name, span.kind, span.flags = "GET /v1/search", 2, 0x101
        span.start_time_unix_nano = 1763630073140000000 + number
        span.end_time_unix_nano = span.start_time_unix_nano + 1_000_000
        for key in ("http.request.method", "http.route", "url.path", "server.address", "network.protocol.version"):
            pair = span.attributes.add()
            pair.key, pair.value.string_value = key, "a value of usual length"
        pair = span.attributes.add()
        pair.key, pair.value.string_value = "request_id", "0192f0bf-f1d6-7f2e-a4c8-5d3b9e0a7714"
        pair = span.attributes.add()
        pair.key, pair.value.int_value = "http.response.status_code", 200
    return request


def as_json(request: Any) -> bytes:
    """The same as OTLP/JSON with hex ids."""
    from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]

    document = MessageToDict(request)
    for batch in document["resourceSpans"]:
        for group, known in zip(batch["scopeSpans"], request.resource_spans[0].scope_spans, strict=True):
            for span, message in zip(group["spans"], known.spans, strict=True):
                span["traceId"], span["spanId"] = message.trace_id.hex(), message.span_id.hex()
                if message.parent_span_id:
                    span["parentSpanId"] = message.parent_span_id.hex()
    return json.dumps(document).encode()


def post(port: int, body: bytes, headers: dict[str, str], count: int) -> None:
    """Send the same batch again and again over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for _ in range(count):
        connection.request("POST", "/v1/traces", body, headers)
        response = connection.getresponse()
        if response.status != 200:
            raise SystemExit(f"{response.status}: {response.read()!r}")
        response.read()
    connection.close()


def received(body: bytes, headers: dict[str, str], spans: int) -> tuple[float, float]:
    """Spans a second of CPU time, and of wall time, from the socket to `put`."""
    from obs_lint.smoke.receiver import Receiver

    taken = 0

    def put(record: Any) -> None:
        nonlocal taken
        taken += 1

    batches = max(1, spans // BATCH)
    with Receiver(put) as receiver:
        post(receiver.port, body, headers, 2)
        taken = 0
        cpu, wall = time.process_time(), time.perf_counter()
        client = multiprocessing.get_context("spawn").Process(target=post, args=(receiver.port, body, headers, batches))
        client.start()
        client.join()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    if taken != batches * BATCH:
        raise SystemExit(f"{taken} spans of {batches * BATCH} were received")
    return taken / cpu, taken / wall


def lines_of_events(count: int) -> Iterator[bytes]:
    """JSON lines of about 600 bytes."""
    for number in range(count):
        seconds = number // 1000
        identity = f"0192f0bf-f1d6-7f2e-a4c8-{number:012x}"
        event = {
            "event_name": f"narralytica.area{number % 200}.completed",
            "occurred_at": f"2025-11-20T09:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{number % 1000:03d}512Z",
            "correlation": {
                "request_id": identity,
                "job_id": identity,
                "job_run_id": identity,
                "trace_id": f"{number + 1:032x}",
                "span_id": "00f067aa0ba902b7",
            },
            "actor": {"service_name": "enrich", "service_version": "2.3.1", "env": "prod"},
            "payload": {
                "layer_name": "topics",
                "layer_version": "4",
                "status": "completed",
                "attempt": 1,
                "latency_ms": 3,
            },
            "severity": "info",
            "schema_version": "1",
        }
        yield json.dumps(event).encode()


def microseconds(read: Callable[[], int], count: int) -> float:
    """CPU time a line."""
    begun = time.process_time()
    if read() != count:
        raise SystemExit("not every line was read")
    return (time.process_time() - begun) / count * 1e6


def main() -> int:
    """Measure and print; 1 where a bar is missed."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--spans", type=int, default=200_000)
    arguments.add_argument("--lines", type=int, default=200_000)
    options = arguments.parse_args()
    missed = False

    request = batch_of_spans()
    binary = request.SerializeToString()
    protobuf = {"Content-Type": "application/x-protobuf"}
    for name, body, headers in (
        ("protobuf", binary, protobuf),
        ("protobuf, gzip", gzip.compress(binary), {**protobuf, "Content-Encoding": "gzip"}),
        ("JSON", as_json(request), {"Content-Type": "application/json"}),
    ):
        by_cpu, by_wall = received(body, headers, options.spans)
        missed |= by_cpu < BAR_SPANS
        print(f"receiver, {name:16} {by_cpu:9,.0f} spans a second of CPU, {by_wall:9,.0f} of wall (bar {BAR_SPANS:,})")

    import io

    import orjson

    from obs_lint.smoke.reading import read_stream

    text = b"\n".join(lines_of_events(options.lines))
    alone = microseconds(lambda: sum(1 for line in text.split(b"\n") if orjson.loads(line)), options.lines)
    whole = microseconds(lambda: sum(1 for _ in read_stream(io.BytesIO(text), "s")), options.lines)
    missed |= whole > BAR_LINE
    print(f"reading, JSON lines       {whole:5.2f} µs a line, {whole / alone:.2f} × orjson alone (bar {BAR_LINE:g} µs)")
    return int(missed)


if __name__ == "__main__":
    raise SystemExit(main())
