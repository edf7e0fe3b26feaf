"""The driver sends what is written, byte for byte, and shows every header of what comes back."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from obs_lint.smoke.drive import Exchange, Request, RequestError, prepare, saved, send
from obs_lint.smoke.scenario import Http
from obs_lint.smoke.templates import Ports, TemplateError, Values


@dataclass
class Server:
    """Answers each connection with fixed bytes, after it has read a head and a body of the length it was told."""

    url: str
    answer: list[bytes] = field(default_factory=lambda: [b"HTTP/1.1 204 No Content\r\n\r\n"])
    seen: list[bytes] = field(default_factory=list)
    hold: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def server() -> Iterator[Server]:
    listening = socket.create_server(("127.0.0.1", 0))
    made = Server(f"http://127.0.0.1:{listening.getsockname()[1]}")
    made.hold.set()

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                data = b""
                while b"\r\n\r\n" not in data and (more := connection.recv(65536)):
                    data += more
                head, _, body = data.partition(b"\r\n\r\n")
                for line in head.split(b"\r\n"):
                    if line.lower().startswith(b"content-length:"):
                        while len(body) < int(line.split(b":")[1]) and (more := connection.recv(65536)):
                            body += more
                            data += more
                made.seen.append(data)
                made.hold.wait(5)
                try:
                    for part in made.answer:
                        connection.sendall(part)
                except OSError:
                    pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield made
    made.hold.set()
    listening.shutdown(socket.SHUT_RDWR) if hasattr(socket, "SHUT_RDWR") else None
    listening.close()
    thread.join(5)


@pytest.fixture
def values() -> Values:
    return Values(ports=Ports(), canaries={"email": "canary-7f3a@example.invalid"}, run="r1", environment={"HOST": "h"})


def test_bytes_of_a_request(server: Server, values: Values) -> None:
    http = Http(
        "POST",
        server.url + "/search?q=1",
        headers=(
            ("X-Request-Id", "a\r\nX-Evil: 1"),
            ("X-Request-Id", "é\x01"),
            ("x-lower", ""),
            ("X-Long", "{text.9000}"),
        ),
        body={"q": "{canary.email}", "n": "{n}", "é": ["{{x}}"]},
        as_json=True,
    )
    request = prepare(http, values.of_step("s", 3))
    assert send(request).status == 204
    head, _, body = server.seen[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /search?q=1 HTTP/1.1"
    assert lines[1] == b"Host: " + server.url.removeprefix("http://").encode()
    assert lines[2:7] == [
        b"X-Request-Id: a",
        b"X-Evil: 1",
        b"X-Request-Id: \xc3\xa9\x01",
        b"x-lower: ",
        b"X-Long: " + b"x" * 9000,
    ]
    assert b"Content-Type: application/json" in lines and b"Connection: close" in lines
    assert body == '{"q": "canary-7f3a@example.invalid", "n": 3, "é": ["{x}"]}'.encode()
    assert b"Content-Length: %d" % len(body) in lines


ANSWERS: list[tuple[str, list[bytes], int, list[tuple[str, str]], bytes, int, str]] = [
    (
        "duplicates keep order and spelling",
        [b"HTTP/1.1 200 OK\r\nX-Request-Id: a\r\nx-request-id:b  \r\nContent-Length: 2\r\n\r\nhi"],
        200,
        [("X-Request-Id", "a"), ("x-request-id", "b"), ("Content-Length", "2")],
        b"hi",
        0,
        "",
    ),
    (
        "a header broken in two shows its rest",
        [b"HTTP/1.1 200 OK\nA: 1\nevil\nContent-Length: 0\n\n"],
        200,
        [("A", "1"), ("", "evil"), ("Content-Length", "0")],
        b"",
        0,
        "",
    ),
    (
        "a stream, in pieces that cut its lengths",
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r", b"\nabc\r\n2;x=y\r\nde", b"\r\n0\r\nT: 1\r\n\r\n"],  # noqa: E501
        200,
        [("Transfer-Encoding", "chunked")],
        b"abcde",
        2,
        "",
    ),
    (
        "a stream that breaks off",
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n5\r\nd"],
        200,
        [("Transfer-Encoding", "chunked")],
        b"abc",
        1,
        "the connection ended in the middle of a stream",
    ),
    (
        "a body that is shorter than it says",
        [b"HTTP/1.1 500 X\r\nContent-Length: 9\r\n\r\nabc"],
        500,
        [("Content-Length", "9")],
        b"abc",
        0,
        "the connection ended after 3 of 9 bytes",
    ),
    ("until the end of the connection", [b"HTTP/1.0 200 OK\r\n\r\nab", b"c"], 200, [], b"abc", 0, ""),
    (
        "after a 100",
        [b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 C\r\nContent-Length: 0\r\n\r\n"],
        201,
        [("Content-Length", "0")],
        b"",
        0,
        "",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "status", "headers", "body", "chunks", "cut"), [row[1:] for row in ANSWERS], ids=[r[0] for r in ANSWERS]
)
def test_responses(
    server: Server, answer: list[bytes], status: int, headers: list[tuple[str, str]], body: bytes, chunks: int, cut: str
) -> None:
    server.answer = answer
    response = send(Request("GET", server.url + "/"))
    assert (response.status, list(response.headers), response.body) == (status, headers, body)
    assert (response.chunks, response.cut) == (chunks, cut)
    assert response.started <= response.ended


def test_a_head_has_no_body(server: Server) -> None:
    server.answer = [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"]
    assert send(Request("HEAD", server.url)).body == b""


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ([], "the server closed the connection without an answer"),
        ([b"HTTP/1.1 200 OK\r\nA:"], "the server closed the connection in the middle of the headers"),
        ([b"SSH-2.0-OpenSSH\r\n"], "what came back is no HTTP"),
        ([b"HTTP/1.1 200 OK\r\nA: " + b"x" * (2 << 20)], "longer than 1 MiB"),
    ],
)
def test_what_is_no_response(server: Server, answer: list[bytes], said: str) -> None:
    server.answer = answer
    with pytest.raises(RequestError, match=said):
        send(Request("GET", server.url))


def test_a_response_that_does_not_come_ends_at_the_deadline(server: Server) -> None:
    server.hold.clear()
    with pytest.raises(RequestError, match="no whole response in time"):
        send(Request("GET", server.url), timeout=0.2)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://x/", "is no URL that can be asked"),
        ("http://", "is no URL that can be asked"),
        ("http://127.0.0.1:99999/", "is no URL"),
        ("http://127.0.0.1:1/", "127.0.0.1:1: connection refused"),
    ],
)
def test_what_can_not_be_asked(url: str, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        send(Request("GET", url))


def test_what_a_step_saves(server: Server, values: Values) -> None:
    server.answer = [b'HTTP/1.1 202 OK\r\nLocation: /jobs/7\r\nContent-Length: 28\r\n\r\n{"job": {"id": 7}, "l": [1]}']
    request = Request("GET", server.url, (("X-Request-Id", "r"),))
    exchange = Exchange("s", 1, request, send(request))
    assert saved("body.job.id", exchange) == 7
    assert saved("body.l.0", exchange) == 1
    assert saved("header.location", exchange) == "/jobs/7"
    assert saved("sent.x-request-id", exchange) == "r"
    assert saved("status", exchange) == 202
    for what, said in (
        ("body.job.no", "there is nothing at `job.no`"),
        ("header.No", "the response has no header No"),
        ("sent.No", "the request had no header No"),
    ):
        with pytest.raises(TemplateError, match=said):
            saved(what, exchange)


def test_the_record_for_the_checks(server: Server) -> None:
    server.answer = [b"HTTP/1.1 200 OK\r\nX-Request-Id: a\r\nX-Request-Id: b\r\nContent-Length: 0\r\n\r\n"]
    request = Request("GET", server.url, (("x-request-ID", "sent"), ("X-Request-Id", "second")))
    record = Exchange("s", 2, request, send(request)).record({"request_id": "X-Request-Id"}, line=7)
    assert (record.kind, record.source, record.line, record.ids) == ("response", "driver", 7, {"request_id": "a"})
    assert record.payload["headers"] == [["X-Request-Id", "a"], ["X-Request-Id", "b"], ["Content-Length", "0"]]
    assert (record.payload["sent_request_id"], record.payload["status"], record.payload["step"]) == ("sent", 200, "s")
    none = Exchange("s", 1, request, None, "refused").record({}, line=1)
    assert (none.payload["status"], none.payload["error"], none.ids) == (0, "refused", {})


def fill(values: Values, text: str) -> Callable[[], object]:
    return lambda: values.fill(text)


def test_templates(values: Values, tmp_path: Path) -> None:
    one = values.of_step("job", 2)
    one.sent = [("X-Request-Id", "abc")]
    one.saved["job"] = {"id": 7, "tags": ["a"]}
    assert one.fill("{job.id}") == 7 and one.fill("job-{job.id}") == "job-7" and one.fill("{job.tags.0}!") == "a!"
    assert one.fill("{{uuid}} {n} {step} {run} {env.HOST}") == "{uuid} 2 job r1 h"
    assert one.fill('{"q": {"a": 1}}') == '{"q": {"a": 1}}'
    assert one.fill("{sent}", header="x-request-id") == one.fill("{sent.X-Request-Id}") == "abc"
    assert one.fill("{uuid}") != one.fill("{uuid}") and one.fill("{uuid.a}") == values.fill("{uuid.a}")
    assert one.fill("{port.api}") == values.fill("{port.api}") != one.fill("{free_port}")
    assert len(one.fill("{text.5000}")) == 5000
    assert one.fill({"{n}": ["{n}", 1, None]}) == {"2": [2, 1, None]}
    for text, said in (
        ("{sent.X-No}", "did not send the header X-No"),
        ("{env.NO}", "no variable NO"),
        ("{redis.url}", "of the kind `redis: {}`"),
        ("{other}", "did not get that far"),
        ("{job.no}", "there is nothing at `no`"),
    ):
        with pytest.raises(TemplateError, match=said):
            one.fill(text)
