"""HTTP requests as they are written, byte for byte, and responses with every header as it came.

An HTTP library mends what it sends (it refuses a header value with a line break, merges repeated headers); what must be
tested here is what a server does with what is not mended.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from obs_lint.smoke.records import RESPONSE, Record
from obs_lint.smoke.scenario import Http
from obs_lint.smoke.templates import TemplateError, Values, at_path

MAX_BODY: Final = 16 << 20
"""Bytes of a response's body that are kept; the rest is read and counted."""
_MAX_HEAD: Final = 1 << 20


class RequestError(Exception):
    """A request that got no response; the message says why."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, filled in."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """One response as it came over the wire."""

    status: int
    headers: tuple[tuple[str, str], ...]
    """In order, repetitions kept, names as they were spelled; values as ISO-8859-1."""
    body: bytes
    started: int
    """Nanoseconds since the epoch at which the request was sent."""
    ended: int
    chunks: int = 0
    """Parts of a chunked body; 0 for others."""
    size: int = 0
    """Bytes of the whole body, kept or not."""
    cut: str = ""
    """Why the body is not whole: the connection ended in the middle of it."""

    def values(self, name: str) -> list[str]:
        """All values of a header."""
        wanted = name.lower()
        return [value for given, value in self.headers if given.lower() == wanted]

    def json(self) -> Any:
        """The body as JSON. Raises TemplateError where it is none."""
        import json

        try:
            return json.loads(self.body)
        except ValueError:
            raise TemplateError(f"the body is no JSON ({len(self.body)} bytes)") from None


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request that was sent, and what came of it."""

    step: str
    n: int
    """Which repetition of the step, from 1."""
    request: Request
    response: Response | None
    error: str = ""
    """Why there is no response."""
    values: Values | None = None

    def ids(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The correlation fields that the response names. `headers`: field → header."""
        found = {}
        for name, header in headers.items():
            values = self.response.values(header) if self.response is not None else []
            if values:
                found[name] = values[0]
        return found

    def record(self, headers: Mapping[str, str], *, line: int) -> Record:
        """The exchange as a record for the checks. `headers`: correlation field → header; the first is the root's."""
        sent = {given.lower(): value for given, value in reversed(self.request.headers)}
        root = next(iter(headers.values()), "X-Request-Id")
        response = self.response
        payload: dict[str, Any] = {
            "method": self.request.method,
            "url": self.request.url,
            "status": response.status if response is not None else 0,
            "headers": [list(pair) for pair in response.headers] if response is not None else [],
            "sent_request_id": sent.get(root.lower()),
            "sent_headers": [list(pair) for pair in self.request.headers],
            "step": self.step,
            "n": self.n,
        }
        if self.error:
            payload["error"] = self.error
        return Record(
            RESPONSE,
            name=f"{self.request.method} {self.request.url}",
            time=response.started if response is not None else 0,
            ids=self.ids(headers),
            payload=payload,
            body=payload,
            source="driver",
            line=line,
            end=response.ended if response is not None else 0,
        )


def prepare(http: Http, values: Values) -> Request:
    """Fill in a request. `values.sent` knows its headers from then on. Raises TemplateError."""
    headers = []
    for name, text in http.headers:
        headers.append((name, values.text(text)))
    values.sent = headers
    body: bytes | None = None
    if http.as_json:
        import json

        body = json.dumps(values.fill(http.body), ensure_ascii=False).encode("utf-8", "surrogatepass")
        if not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", "application/json"))
    elif http.body is not None:
        body = values.text(http.body).encode()
    return Request(values.text(http.method).upper(), values.text(http.url), tuple(headers), body)


def send(request: Request, timeout: float = 10.0) -> Response:
    """Send a request on a connection of its own and read the whole response.

    `timeout` is in seconds, for all of it. Raises RequestError.
    """
    parts = _split(request.url)
    deadline = time.monotonic() + timeout
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        connection: socket.socket = socket.create_connection((host, port), max(timeout, 0.001))
    except OSError as error:
        raise RequestError(f"{host}:{port}: {_why(error)}") from None
    try:
        if parts.scheme == "https":
            import ssl

            connection = ssl.create_default_context().wrap_socket(connection, server_hostname=host)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        started = time.time_ns()
        refused: OSError | None = None
        try:
            connection.sendall(_bytes_of(request, parts))
        except OSError as error:
            # A server may answer and close before it has read all (an oversized header): the answer counts.
            refused = error
        try:
            return _Reader(connection, deadline).response(request.method, started)
        except RequestError:
            if refused is not None:
                raise RequestError(f"{host}:{port}: {_why(refused)}") from None
            raise
    except OSError as error:
        raise RequestError(f"{host}:{port}: {_why(error)}") from None
    finally:
        connection.close()


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise RequestError(f"`{url[:80]}` is no URL: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise RequestError(f"`{url[:80]}` is no URL that can be asked; it begins with `http://HOST`")
    return parts


def _bytes_of(request: Request, parts: SplitResult) -> bytes:
    target = parts.path or "/"
    if parts.query:
        target += f"?{parts.query}"
    given = {name.lower() for name, _ in request.headers}
    lines = [f"{request.method} {target} HTTP/1.1".encode()]
    if "host" not in given:
        lines.append(b"Host: " + parts.netloc.rpartition("@")[2].encode())
    for name, value in request.headers:
        lines.append(name.encode() + b": " + value.encode("utf-8", "surrogateescape"))
    if "connection" not in given:
        lines.append(b"Connection: close")
    if "user-agent" not in given:
        lines.append(b"User-Agent: obs-lint-smoke")
    body = request.body
    if body is not None or request.method in ("POST", "PUT", "PATCH"):
        if "content-length" not in given and "transfer-encoding" not in given:
            lines.append(b"Content-Length: %d" % len(body or b""))
    return b"\r\n".join(lines) + b"\r\n\r\n" + (body or b"")


class _Reader:
    """Reads one response from a socket by a deadline."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self.connection = connection
        self.deadline = deadline
        self.buffer = bytearray()

    def more(self) -> bool:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise RequestError("no whole response in time")
        self.connection.settimeout(left)
        try:
            data = self.connection.recv(65536)
        except TimeoutError:
            raise RequestError("no whole response in time") from None
        self.buffer += data
        return bool(data)

    def line(self) -> bytes:
        while (end := self.buffer.find(b"\n")) < 0:
            if len(self.buffer) > _MAX_HEAD:
                raise RequestError("a line of the response is longer than 1 MiB")
            if not self.more():
                raise EOFError
        line = bytes(self.buffer[:end])
        del self.buffer[: end + 1]
        return line.removesuffix(b"\r")

    def response(self, method: str, started: int) -> Response:
        try:
            while True:
                status, headers = self.head()
                if status >= 200 or status == 101:
                    break
        except EOFError:
            what = "in the middle of the headers" if self.buffer else "without an answer"
            raise RequestError(f"the server closed the connection {what}") from None
        kept, size, chunks, cut = b"", 0, 0, ""
        if method != "HEAD" and status not in (204, 304, 101):
            kept, size, chunks, cut = self.body(headers)
        return Response(status, headers, kept, started, time.time_ns(), chunks, size, cut)

    def head(self) -> tuple[int, tuple[tuple[str, str], ...]]:
        first = self.line().split(None, 2)
        if len(first) < 2 or not first[0].startswith(b"HTTP/") or not first[1].isdigit():
            raise RequestError("what came back is no HTTP")
        headers: list[tuple[str, str]] = []
        total = 0
        while line := self.line():
            total += len(line)
            if total > _MAX_HEAD:
                raise RequestError("the headers of the response are longer than 1 MiB")
            name, colon, value = line.partition(b":")
            # A line without a colon is what is left of a value that was broken in two: it is shown, not mended.
            pair = (
                (name.decode("latin-1"), value.strip(b" \t").decode("latin-1"))
                if colon
                else ("", line.decode("latin-1"))
            )
            headers.append(pair)
        return int(first[1]), tuple(headers)

    def body(self, headers: tuple[tuple[str, str], ...]) -> tuple[bytes, int, int, str]:
        """(what is kept, bytes in all, chunks, why it was cut)."""
        known = {name.lower(): value for name, value in headers}
        kept = bytearray()
        size = chunks = 0

        def keep(data: bytes | bytearray) -> None:
            nonlocal size
            size += len(data)
            kept.extend(data[: max(0, MAX_BODY - len(kept))])

        if "chunked" in known.get("transfer-encoding", "").lower():
            try:
                while True:
                    length = int(self.line().split(b";")[0].strip() or b"0", 16)
                    if length == 0:
                        while self.line():
                            pass
                        return bytes(kept), size, chunks, ""
                    keep(self.exactly(length))
                    chunks += 1
                    self.line()
            except (EOFError, OSError):
                return bytes(kept), size, chunks, "the connection ended in the middle of a stream"
            except ValueError:
                return bytes(kept), size, chunks, "a chunk of the stream has no length"
        length_text = known.get("content-length", "")
        if length_text.isdecimal():
            try:
                keep(self.exactly(int(length_text)))
            except (EOFError, OSError):
                keep(self.buffer)
                return bytes(kept), size, 0, f"the connection ended after {size} of {length_text} bytes"
            return bytes(kept), size, 0, ""
        try:
            while True:
                keep(self.buffer)
                self.buffer.clear()
                if not self.more():
                    return bytes(kept), size, 0, ""
        except OSError:
            return bytes(kept), size, 0, "the connection was reset"

    def exactly(self, length: int) -> bytes:
        while len(self.buffer) < length:
            if not self.more():
                raise EOFError
        data = bytes(self.buffer[:length])
        del self.buffer[:length]
        return data


def saved(what: str, exchange: Exchange) -> Any:
    """What a step saves: `body.job_id`, `header.Location`, `sent.X-Request-Id`, `status`. Raises TemplateError."""
    head, _, rest = what.partition(".")
    response = exchange.response
    if head == "sent":
        for name, value in exchange.request.headers:
            if name.lower() == rest.lower():
                return value
        raise TemplateError(f"the request had no header {rest}")
    if response is None:
        raise TemplateError("there was no response")
    if head == "status":
        return response.status
    if head == "header":
        values = response.values(rest)
        if not values:
            raise TemplateError(f"the response has no header {rest}")
        return values[0]
    body = response.json()
    return at_path(body, rest) if rest else body


def _why(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return (error.strerror or str(error)).lower()
