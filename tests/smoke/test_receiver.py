from __future__ import annotations

import gzip
import http.client
import json
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from obs_lint.smoke.receiver import Receiver, ReceiverError
from obs_lint.smoke.records import Record

JSON = "application/json"
PROTOBUF = "application/x-protobuf"
SPANS = {"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "a", "traceId": "a" * 32, "spanId": "b" * 16}] * 2}]}]}
LOGS = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "m"}}]}]}]}


@pytest.fixture
def records() -> list[Record]:
    return []


@pytest.fixture
def receiver(records: list[Record]) -> Iterator[Receiver]:
    with Receiver(records.append, max_body=20_000, max_uncompressed=100_000, idle=5.0) as started:
        yield started


def protobuf_spans(count: int = 3) -> bytes:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest()
    group = request.resource_spans.add().scope_spans.add()
    for number in range(count):
        span = group.spans.add()
        span.name, span.trace_id, span.span_id = f"s{number}", b"\x01" * 16, number.to_bytes(8, "big")
    found: bytes = request.SerializeToString()
    return found


def post(
    receiver: Receiver, body: bytes, content: str = JSON, path: str = "/v1/traces", **headers: str
) -> tuple[int, bytes, str]:
    connection = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=10)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("POST", path, body, {"Content-Type": content, **named})
        response = connection.getresponse()
        return response.status, response.read(), response.headers["Content-Type"]
    finally:
        connection.close()


def test_json_traces(receiver: Receiver, records: list[Record]) -> None:
    assert post(receiver, json.dumps(SPANS).encode()) == (200, b"{}", JSON)
    assert [(record.kind, record.name, record.line, record.source) for record in records] == [
        ("span", "a", 1, "otlp"),
        ("span", "a", 2, "otlp"),
    ]


def test_protobuf_traces_are_there_when_the_answer_is(receiver: Receiver, records: list[Record]) -> None:
    status, body, content = post(receiver, protobuf_spans(), PROTOBUF)
    assert (status, content) == (200, PROTOBUF)
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    assert ExportTraceServiceResponse.FromString(body) == ExportTraceServiceResponse()
    assert [record.name for record in records] == ["s0", "s1", "s2"]


def test_logs_and_metrics(receiver: Receiver, records: list[Record]) -> None:
    assert post(receiver, json.dumps(LOGS).encode(), path="/v1/logs")[0] == 200
    assert post(receiver, b"{}", path="/v1/metrics")[0] == 200
    assert post(receiver, b"", PROTOBUF, path="/v1/metrics")[0] == 200
    assert [record.kind for record in records] == ["log"]
    assert (receiver.counts.log_records, receiver.counts.metric_requests, receiver.counts.requests) == (1, 2, 3)


@pytest.mark.parametrize("compress", ["gzip", "two members", "deflate", "bare deflate"])
def test_compression(receiver: Receiver, records: list[Record], compress: str) -> None:
    body = protobuf_spans()
    bare = zlib.compressobj(wbits=-15)
    packed = {
        "gzip": gzip.compress(body),
        "two members": gzip.compress(body[:10]) + gzip.compress(body[10:]),
        "deflate": zlib.compress(body),
        "bare deflate": bare.compress(body) + bare.flush(),
    }[compress]
    encoding = "deflate" if "deflate" in compress else "gzip"
    assert post(receiver, packed, PROTOBUF, Content_Encoding=encoding)[0] == 200
    assert len(records) == 3


def exchange(receiver: Receiver, data: bytes, *, answers: int = 1) -> bytes:
    """Send bytes as they are; return all that comes back until that many answers came or the connection is closed."""
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=10) as connection:
        connection.sendall(data)
        found = b""
        while found.count(b"HTTP/1.1 ") < answers or not found.endswith((b"}", b"\r\n\r\n")):
            try:
                block = connection.recv(65536)
            except ConnectionError:
                break
            if not block:
                break
            found += block
        return found


def test_chunks_and_keep_alive(receiver: Receiver, records: list[Record]) -> None:
    body = json.dumps(SPANS).encode()
    head = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    chunked = (
        b"".join(b"%x;ext=1\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:])) + b"0\r\nT: 1\r\n\r\n"
    )
    request = head + b"Transfer-Encoding: chunked\r\n\r\n" + chunked
    plain = head + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    found = exchange(receiver, request + plain + request, answers=3)
    assert found.count(b"HTTP/1.1 200 OK") == 3
    assert len(records) == 6


def test_expect_100_continue(receiver: Receiver, records: list[Record]) -> None:
    body = json.dumps(SPANS).encode()
    head = HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n"
    found = exchange(receiver, head % len(body) + body, answers=2)
    assert found.startswith(b"HTTP/1.1 100 Continue") and b"200 OK" in found


HEAD = b"POST /v1/traces HTTP/1.1\r\nContent-Type: application/json\r\n"
RAW = [
    ("no length", HEAD + b"\r\n", 411, "neither Content-Length nor chunks"),
    ("wrong length", HEAD + b"Content-Length: x\r\n\r\n", 400, "Content-Length is no number"),
    ("negative length", HEAD + b"Content-Length: -5\r\n\r\n", 400, "Content-Length is no number"),
    ("two lengths", HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400, "Content-Length is no number"),
    (
        "length and chunks",
        HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        400,
        "Transfer-Encoding",
    ),
    ("other transfer encoding", HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 400, "Transfer-Encoding"),
    ("chunk size", HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "hexadecimal"),
    ("negative chunk", HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", 400, "hexadecimal"),
    ("chunk too long", HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}xxx", 400, "longer than its size"),
    ("endless chunk size", HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1" * 2000, 400, "hexadecimal"),
    ("chunks over the limit", HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffff\r\n", 413, "more than 20000"),
    ("over the limit", HEAD + b"Content-Length: 20001\r\n\r\n", 413, "20001 bytes, more than 20000"),
    ("not HTTP", b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400, ""),
    ("too many headers", HEAD + b"X: 1\r\n" * 200 + b"\r\n", 431, ""),
    ("header too long", HEAD + b"X: " + b"x" * 70_000 + b"\r\n\r\n", 431, ""),
    ("unknown method", b"BREW /v1/traces HTTP/1.1\r\n\r\n", 501, ""),
    ("GET", b"GET /v1/traces HTTP/1.1\r\n\r\n", 405, "OTLP is sent with POST"),
    ("another path", b"POST /v2/traces HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 404, "no such path"),
    ("GET of another path", b"GET / HTTP/1.1\r\n\r\n", 404, "no such path"),
]


@pytest.mark.parametrize(("data", "status", "message"), [pytest.param(*row[1:], id=row[0]) for row in RAW])
def test_hostile_requests(receiver: Receiver, records: list[Record], data: bytes, status: int, message: str) -> None:
    found = exchange(receiver, data)
    assert b"HTTP/1.1 %d " % status in found, found
    assert message.encode() in found
    assert records == []
    assert post(receiver, json.dumps(SPANS).encode())[0] == 200  # it goes on


@pytest.mark.parametrize(
    ("body", "content", "encoding", "status", "message"),
    [
        (b"{", JSON, "", 400, "not JSON"),
        (b"[]", JSON, "", 400, "no JSON object"),
        (b'{"resourceLogs": []}', JSON, "", 400, "has no resourceSpans"),
        (b"\xff\xff\xff", PROTOBUF, "", 400, "not the protobuf message of traces"),
        (b"\x0a\x82\x01" * 3000, PROTOBUF, "", 400, "not the protobuf message of traces"),
        (b"{}", "text/plain", "", 415, "text/plain"),
        (b"{}", JSON, "br", 415, "it takes gzip and deflate"),
        (b"{}", JSON, "gzip, gzip", 415, "more than one"),
        (b"{}", JSON, "gzip", 400, "not gzip"),
        (gzip.compress(b"{}" * 999)[:-9], JSON, "gzip", 400, "ends early"),
        (gzip.compress(b" " * 10_000_000), JSON, "gzip", 413, "more than 100000 bytes when it is uncompressed"),
        (gzip.compress(b" " * 99_999) * 40, JSON, "gzip", 413, "more than 100000 bytes when it is uncompressed"),
    ],
)
def test_bodies_that_are_refused(
    receiver: Receiver, records: list[Record], body: bytes, content: str, encoding: str, status: int, message: str
) -> None:
    found, answer, answered = post(receiver, body, content, Content_Encoding=encoding)
    assert (found, answered) == (status, content if content == PROTOBUF else answered)
    assert message.encode() in answer
    if answered == JSON:
        assert json.loads(answer)["code"] == 3
    else:
        assert answer[:3] == b"\x08\x03\x12"
    assert (records, receiver.counts.refused) == ([], 1)


def test_what_is_not_shaped_like_otlp_is_rejected_and_kept(receiver: Receiver, records: list[Record]) -> None:
    status, answer, _ = post(receiver, b'{"resourceSpans": [1]}')
    assert (status, json.loads(answer)) == (
        200,
        {"partialSuccess": {"rejectedSpans": "1", "errorMessage": "OTLP: resourceSpans[0] is no object"}},
    )
    assert records[0].kind == "broken"


def test_a_body_that_ends_early_is_counted(receiver: Receiver, records: list[Record]) -> None:
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=10) as connection:
        connection.sendall(HEAD + b"Content-Length: 100\r\n\r\n{")
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1000):
            pass
    assert (records, receiver.counts.cut) == ([], 1)


def test_a_silent_connection_is_closed(records: list[Record]) -> None:
    receiver = Receiver(records.append, idle=0.05)
    with receiver, socket.create_connection(("127.0.0.1", receiver.start().port), timeout=10) as connection:
        assert connection.recv(10) == b""


def test_many_clients_at_once(receiver: Receiver, records: list[Record]) -> None:
    body = json.dumps(SPANS).encode()
    threads = [threading.Thread(target=lambda: [post(receiver, body) for _ in range(5)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(record.line for record in records) == list(range(1, 81))
    assert receiver.counts.spans == 80


def test_it_stops_while_connections_are_open(records: list[Record]) -> None:
    receiver = Receiver(records.append).start()
    port = receiver.port
    kept = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    kept.request("POST", "/v1/traces", json.dumps(SPANS), {"Content-Type": JSON})
    kept.getresponse().read()
    half = socket.create_connection(("127.0.0.1", port), timeout=10)
    half.sendall(HEAD + b"Content-Length: 100\r\n\r\n{")
    begun = time.monotonic()
    server, port_of_half = receiver._server, half.getsockname()[1]
    assert server is not None
    _until(
        lambda: [
            one for one, busy in list(server._connections.items()) if busy and one.getpeername()[1] == port_of_half
        ]
    )
    counts = receiver.stop(0.1)
    assert time.monotonic() - begun < 5
    assert counts.cut >= 1 and counts.spans == 2
    assert receiver.stop() is counts
    half.close()
    kept.close()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1)


def test_a_request_under_way_is_finished_before_it_stops(records: list[Record]) -> None:
    entered, release = threading.Event(), threading.Event()

    def slow(record: Record) -> None:
        entered.set()
        release.wait(10)
        records.append(record)

    receiver = Receiver(slow).start()
    answers: list[Any] = []
    client = threading.Thread(target=lambda: answers.append(post(receiver, json.dumps(SPANS).encode())[0]))
    client.start()
    assert entered.wait(10)
    threading.Timer(0.05, release.set).start()
    counts = receiver.stop(10)
    client.join(10)
    assert (answers, len(records), counts.cut) == ([200], 2, 0)


def test_a_port_that_is_taken(receiver: Receiver) -> None:
    with pytest.raises(ReceiverError, match=f"cannot listen on 127.0.0.1:{receiver.port}: .*0 for a free one"):
        Receiver(lambda record: None, port=receiver.port).start()
    with pytest.raises(ReceiverError):
        Receiver(lambda record: None, port=99999).start()


def test_put_that_raises_is_answered_with_an_error(records: list[Record]) -> None:
    def fail(record: Record) -> None:
        raise RuntimeError("full")

    with Receiver(fail) as receiver, pytest.raises((http.client.HTTPException, ConnectionError)):
        post(receiver, json.dumps(SPANS).encode())
    assert receiver.counts.cut == 1


def _until(condition: Any, timeout: float = 10.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.005)
