"""An OTLP/HTTP receiver on loopback: traces, logs and metrics, protobuf and JSON, from any exporter."""

from __future__ import annotations

import json
import re
import socket
import socketserver
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self

from obs_lint.smoke.fields import Fields
from obs_lint.smoke.objects import ObjectReader, loads
from obs_lint.smoke.records import BROKEN, Record

DEFAULT_PORT: Final = 4318
MAX_BODY: Final = 16 * 1024 * 1024
"""Bytes of a request's body as it is sent."""
MAX_UNCOMPRESSED: Final = 64 * 1024 * 1024
"""Bytes of a request's body after gzip or deflate."""
MAX_CONNECTIONS: Final = 128
IDLE: Final = 30.0
"""Seconds after which a silent connection is closed."""

_PROTOBUF: Final = "application/x-protobuf"
_JSON: Final = "application/json"
_SIGNALS: Final = {"/v1/traces": "traces", "/v1/logs": "logs", "/v1/metrics": "metrics"}
_REJECTED: Final = {"traces": "rejectedSpans", "logs": "rejectedLogRecords", "metrics": "rejectedDataPoints"}
_HEX: Final = re.compile(rb"[0-9a-fA-F]{1,8}")
_DIGITS: Final = re.compile(r"[0-9]{1,15}")
_INVALID_ARGUMENT: Final = 3
_UNIMPLEMENTED: Final = 12


class ReceiverError(Exception):
    """A receiver that can't listen; the message says why and what to do."""


class _RefusedError(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, message: str, *, close: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.close = close


class Counts:
    """What a receiver has taken and refused so far."""

    __slots__ = ("cut", "log_records", "metric_requests", "refused", "rejected", "requests", "spans")

    def __init__(self) -> None:
        self.requests = 0
        self.spans = 0
        self.log_records = 0
        self.metric_requests = 0
        """Requests to /v1/metrics: accepted and counted, not looked into."""
        self.rejected = 0
        """Spans and log records that were not shaped like OTLP; each batch of them is one `broken` record."""
        self.refused = 0
        """Requests answered with an error, except to paths that are none of OTLP's."""
        self.cut = 0
        """Requests whose body ended early, or that were under way when the receiver stopped."""


class Receiver:
    """Listens on loopback and gives what it receives to `put` as records, before it answers.

    An exporter that got its 200 knows that its spans were taken. `put` is called from several threads. Use it as a
    context manager, or `start` and `stop`. `port` 0 takes a free one.
    """

    def __init__(
        self,
        put: Callable[[Record], None],
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        fields: Fields | ObjectReader | None = None,
        source: str = "otlp",
        max_body: int = MAX_BODY,
        max_uncompressed: int = MAX_UNCOMPRESSED,
        idle: float = IDLE,
    ) -> None:
        self._put = put
        self._wanted = port
        self._host = host
        self.objects = fields if isinstance(fields, ObjectReader) else ObjectReader(fields)
        self.source = source
        self.max_body = max_body
        self.max_uncompressed = max_uncompressed
        self.idle = idle
        self.counts = Counts()
        self.refusals: dict[str, int] = {}
        """Why requests were refused → how often."""
        self._lock = threading.Lock()
        self._ordinal = 0
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self._bound = 0

    @property
    def port(self) -> int:
        """The port that it listens on; 0 before `start`."""
        return self._bound

    @property
    def endpoint(self) -> str:
        """What exporters take as OTEL_EXPORTER_OTLP_ENDPOINT."""
        return f"http://{self._host}:{self.port}"

    def start(self) -> Receiver:
        """Listen, and answer from threads. Raises ReceiverError where the port is taken."""
        if self._server is not None:
            return self
        try:
            self._server = _Server((self._host, self._wanted), self)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ReceiverError(
                f"cannot listen on {self._host}:{self._wanted}: {reason}; choose another port, or 0 for a free one"
            ) from error
        self._bound = int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name=f"otlp-receiver:{self._bound}", daemon=True
        )
        self._thread.start()
        return self

    def stop(self, timeout: float = 5.0) -> Counts:
        """Take no more connections, let requests under way finish for at most `timeout` seconds, and close all."""
        server, thread = self._server, self._thread
        self._server = self._thread = None
        if server is not None and thread is not None:
            server.shutdown()
            thread.join()
            cut = server.finish(timeout)
            server.server_close()
            with self._lock:
                self.counts.cut += cut
        return self.counts

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- one request

    def take(self, signal: str, body: bytes, *, is_json: bool) -> tuple[int, str]:
        """Give the records of one request's body to `put`; return how many were rejected, and why."""
        if is_json:
            records = self._of_json(signal, body)
        elif signal == "metrics":
            _parsed_protobuf(signal, body)
            records = ()
        else:
            request = _parsed_protobuf(signal, body)
            from obs_lint.smoke.otlp import records_of_logs, records_of_traces

            read = records_of_traces if signal == "traces" else records_of_logs
            # The ordinals of a batch follow one another, whichever thread takes it.
            records = read(request, self.objects, self.source, self._ordinals(_size(request, signal)))
        broken = 0
        reason = ""
        put = self._put
        for record in records:
            put(record)
            if record.kind == BROKEN:
                broken += 1
                reason = reason or record.reason
        with self._lock:
            counts = self.counts
            counts.requests += 1
            counts.rejected += broken
            if signal == "traces":
                counts.spans += len(records) - broken
            elif signal == "logs":
                counts.log_records += len(records) - broken
            else:
                counts.metric_requests += 1
        return broken, reason

    def _of_json(self, signal: str, body: bytes) -> Sequence[Record]:
        try:
            document = loads(body)
        except (ValueError, RecursionError) as error:
            raise _RefusedError(400, f"the body is not JSON: {error}") from None
        if not isinstance(document, dict):
            raise _RefusedError(400, "the body is no JSON object; an export request is one")
        if signal == "metrics":
            return ()
        key, others = ("resourceSpans", "resource_spans") if signal == "traces" else ("resourceLogs", "resource_logs")
        if document and key not in document and others not in document:
            raise _RefusedError(400, f"the body has no {key}; is it meant for another path?")
        from obs_lint.smoke.otlp import records_of_json

        found = records_of_json(document, self.objects, self.source, 0)
        first = self._ordinals(len(found))
        return [record._replace(line=first + number) for number, record in enumerate(found, 1)]

    def _ordinals(self, count: int) -> int:
        with self._lock:
            before = self._ordinal
            self._ordinal += count
        return before

    def refused(self, reason: str, *, cut: bool = False) -> None:
        """Count a request that was refused, or that ended early."""
        with self._lock:
            if cut:
                self.counts.cut += 1
            else:
                self.counts.refused += 1
            if reason in self.refusals or len(self.refusals) < 50:
                self.refusals[reason] = self.refusals.get(reason, 0) + 1


def _size(request: Any, signal: str) -> int:
    if signal == "traces":
        return sum(len(group.spans) for batch in request.resource_spans for group in batch.scope_spans)
    return sum(len(group.log_records) for batch in request.resource_logs for group in batch.scope_logs)


def _parsed_protobuf(signal: str, body: bytes) -> Any:
    """The export request of a body. Raises _RefusedError."""
    try:
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
        from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
        from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
        from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
    except ImportError:
        raise _RefusedError(
            415,
            "protobuf needs opentelemetry-proto beside obs-lint (`pip install obs-lint[smoke]`); "
            "or export JSON (OTEL_EXPORTER_OTLP_PROTOCOL=http/json)",
        ) from None
    messages: dict[str, Any] = {
        "traces": trace_service_pb2.ExportTraceServiceRequest,
        "logs": logs_service_pb2.ExportLogsServiceRequest,
        "metrics": metrics_service_pb2.ExportMetricsServiceRequest,
    }
    request = messages[signal]()
    try:
        request.ParseFromString(body)
    except (DecodeError, RecursionError) as error:
        raise _RefusedError(400, f"the body is not the protobuf message of {signal}: {error}") from None
    return request


# -- HTTP


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    # On Windows the option lets two processes listen on one port.
    allow_reuse_address = not hasattr(socket, "SO_EXCLUSIVEADDRUSE")
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], receiver: Receiver) -> None:
        self.receiver = receiver
        self._connections: dict[Any, bool] = {}
        self._changed = threading.Condition()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # HTTPServer.server_bind looks up the host's name, which can take seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def verify_request(self, request: Any, client_address: Any) -> bool:
        with self._changed:
            if len(self._connections) >= MAX_CONNECTIONS:
                full = True
            else:
                full = False
                self._connections[request] = False
        if full:
            self.receiver.refused(f"more than {MAX_CONNECTIONS} connections at once")
            try:
                request.settimeout(1.0)
                request.sendall(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n")
            except OSError:
                pass
        return not full

    def shutdown_request(self, request: Any) -> None:
        with self._changed:
            self._connections.pop(request, None)
            self._changed.notify_all()
        super().shutdown_request(request)

    def busy(self, request: Any, *, is_busy: bool) -> None:
        """Note whether a connection is within a request."""
        with self._changed:
            if request in self._connections:
                self._connections[request] = is_busy
                self._changed.notify_all()

    def finish(self, timeout: float) -> int:
        """Wait for requests under way, close every connection; return how many requests that cut off."""
        deadline = time.monotonic() + timeout
        with self._changed:
            for request, is_busy in self._connections.items():
                if not is_busy:
                    _shut(request)
            while any(self._connections.values()) and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)
            cut = sum(self._connections.values())
            for request in self._connections:
                _shut(request)
            ended = time.monotonic() + 1.0
            while self._connections and (left := ended - time.monotonic()) > 0:
                self._changed.wait(left)
        return cut

    def handle_error(self, request: Any, client_address: Any) -> None:
        import sys

        error = sys.exc_info()[1]
        self.receiver.refused(f"a connection broke: {type(error).__name__}", cut=True)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Of what is no HTTP at all: in answers to HTTP/0.9 http.server leaves out the status line.
    default_request_version = "HTTP/1.0"
    server_version = "obs-lint"
    sys_version = ""
    # Answers are smaller than a packet: without this each waits for the client's delayed acknowledgement.
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def setup(self) -> None:
        self.request.settimeout(self.server.receiver.idle)
        super().setup()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 the name is http.server's
        """Say nothing: what is refused is counted."""

    def parse_request(self) -> bool:
        self.server.busy(self.request, is_busy=True)
        return super().parse_request()

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        finally:
            self.server.busy(self.request, is_busy=False)

    def do_POST(self) -> None:
        """Take one export request."""
        receiver = self.server.receiver
        content = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        is_json = content == _JSON
        try:
            signal = self._signal()
            if content not in (_JSON, _PROTOBUF, "application/protobuf"):
                raise _RefusedError(415, f"content type `{content}`: OTLP/HTTP is {_PROTOBUF} or {_JSON}", close=True)
            body = self._uncompressed(self._body())
            rejected, reason = receiver.take(signal, body, is_json=is_json)
        except _RefusedError as refused:
            if refused.status != 404:
                receiver.refused(refused.message)
            self._answer_error(refused, is_json=is_json)
            return
        except (ConnectionError, TimeoutError, EOFError):
            receiver.refused("the body ended early", cut=True)
            self.close_connection = True
            return
        if is_json:
            partial = {_REJECTED[signal]: str(rejected), "errorMessage": reason} if rejected else None
            answer = json.dumps({"partialSuccess": partial} if partial else {}).encode()
        else:
            answer = b""
        self._answer(200, answer, _JSON if is_json else _PROTOBUF)

    def do_GET(self) -> None:
        """Refuse everything but POST."""
        try:
            self._signal()
            refused = _RefusedError(405, f"{self.command} {self.path}: OTLP is sent with POST", close=True)
        except _RefusedError as not_found:
            refused = not_found
        self._answer_error(refused, is_json=True)

    do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = do_GET  # noqa: N815 the names are http.server's

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what http.server itself refuses (bad request line, headers too large) in OTLP's form."""
        self.server.receiver.refused(f"HTTP: {message or code}")
        self._answer_error(_RefusedError(int(code), message or "bad request", close=True), is_json=True)

    def _signal(self) -> str:
        path = self.path.partition("?")[0]
        signal = _SIGNALS.get(path.rstrip("/"))
        if signal is None:
            raise _RefusedError(404, f"no such path; OTLP/HTTP has {', '.join(_SIGNALS)}", close=True)
        return signal

    # -- the body

    def _body(self) -> bytes:
        limit = self.server.receiver.max_body
        encodings = [
            name.strip().lower() for name in self.headers.get("Transfer-Encoding", "").split(",") if name.strip()
        ]
        lengths = set(self.headers.get_all("Content-Length", ()))
        if encodings:
            if encodings != ["chunked"] or lengths:
                # A length beside chunks, or chunks within something: whoever sends that wants two readers to disagree.
                raise _RefusedError(
                    400, "Transfer-Encoding must be `chunked` alone, without Content-Length", close=True
                )
            return self._chunks(limit)
        if not lengths:
            raise _RefusedError(411, "neither Content-Length nor chunks", close=True)
        length = lengths.pop()
        if lengths or not _DIGITS.fullmatch(length):
            raise _RefusedError(400, "Content-Length is no number", close=True)
        if int(length) > limit:
            raise _RefusedError(413, f"the body has {int(length)} bytes, more than {limit}", close=True)
        return self._exactly(int(length))

    def _exactly(self, length: int) -> bytes:
        body = self.rfile.read(length)
        if len(body) != length:
            raise EOFError
        return body

    def _chunks(self, limit: int) -> bytes:
        parts: list[bytes] = []
        total = 0
        while True:
            line = self.rfile.readline(1025)
            if not line:
                raise EOFError
            size_text = line.partition(b";")[0].strip()
            if not line.endswith(b"\n") or not _HEX.fullmatch(size_text):
                raise _RefusedError(400, "a chunk's size is no hexadecimal number", close=True)
            size = int(size_text, 16)
            if size == 0:
                break
            total += size
            if total > limit:
                raise _RefusedError(413, f"the body has more than {limit} bytes", close=True)
            parts.append(self._exactly(size))
            if self.rfile.readline(3).strip():
                raise _RefusedError(400, "a chunk is longer than its size", close=True)
        for _ in range(100):
            line = self.rfile.readline(65537)
            if not line.strip():
                return b"".join(parts)
        raise _RefusedError(400, "too many trailers", close=True)

    def _names(self, header: str) -> list[str]:
        return [name.strip().lower() for name in self.headers.get(header, "").split(",") if name.strip()]

    def _uncompressed(self, body: bytes) -> bytes:
        names = [name for name in self._names("Content-Encoding") if name != "identity"]
        if len(names) > 1:
            raise _RefusedError(415, "more than one content encoding")
        if not names:
            return body
        if names[0] not in ("gzip", "x-gzip", "deflate"):
            raise _RefusedError(415, f"content encoding `{names[0]}`: it takes gzip and deflate")
        limit = self.server.receiver.max_uncompressed
        try:
            return _inflated(body, limit, is_gzip="gzip" in names[0])
        except zlib.error as error:
            raise _RefusedError(400, f"the body is not {names[0]}: {error}") from None

    # -- the answer

    def _answer_error(self, refused: _RefusedError, *, is_json: bool) -> None:
        if refused.close:
            self.close_connection = True
        code = _UNIMPLEMENTED if refused.status in (404, 405) else _INVALID_ARGUMENT
        if is_json:
            answer = json.dumps({"code": code, "message": refused.message}).encode()
        else:
            # google.rpc.Status: code = 1 (varint), message = 2 (text).
            text = refused.message.encode()[:4096]
            answer = b"\x08" + bytes((code,)) + b"\x12" + _varint(len(text)) + text
        self._answer(refused.status, answer, _JSON if is_json else _PROTOBUF)

    def _answer(self, status: int, body: bytes, content: str) -> None:
        self.send_response_only(status)
        self.send_header("Content-Type", content)
        self.send_header("Content-Length", str(len(body)))
        if status == 405:
            self.send_header("Allow", "POST")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if getattr(self, "command", "") != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()


def _inflated(body: bytes, limit: int, *, is_gzip: bool) -> bytes:
    """A body uncompressed, in memory of at most `limit` bytes; several gzip members are one. Raises zlib.error."""
    parts: list[bytes] = []
    total = 0
    while body:
        # 31: gzip alone. `deflate` is zlib by RFC 9110; some clients send the bare stream.
        bits = (
            31
            if is_gzip
            else 15
            if len(body) > 1 and body[0] & 15 == 8 and (body[0] * 256 + body[1]) % 31 == 0
            else -15
        )
        inflater = zlib.decompressobj(bits)
        part = inflater.decompress(body, limit - total + 1)
        total += len(part)
        if total > limit:
            raise _RefusedError(413, f"the body has more than {limit} bytes when it is uncompressed")
        if not inflater.eof:
            raise zlib.error("it ends early")
        parts.append(part)
        body = inflater.unused_data
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)
