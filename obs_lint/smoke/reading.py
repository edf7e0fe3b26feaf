"""Bytes as a system wrote them → records, line by line and with bounded memory; nothing is lost silently."""

from __future__ import annotations

import codecs
import io
import lzma
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, BinaryIO, Final

from obs_lint.smoke.fields import Fields
from obs_lint.smoke.objects import ObjectReader, loads
from obs_lint.smoke.prefixes import Prefix, prefix_of, without_colours
from obs_lint.smoke.records import LOG, TEXT, Record, broken
from obs_lint.smoke.timestamps import nanoseconds

MAX_LINE: Final = 16 * 1024 * 1024
"""Bytes of the longest line, document or joined line that is parsed; longer ones are `broken` records."""
KEPT_OF_BROKEN: Final = 64 * 1024
"""Bytes of a line over the limit that its record keeps."""
_BLOCK: Final = 1 << 18

_BRACKETS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|([\[{])|([\]}])|(")')
_EMPTY: Final[tuple[Record, ...]] = ()
_READ_ERRORS: Final = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError)


class ReadError(Exception):
    """A file that can't be read at all; the message says which and what to do."""


class LineReader:
    """Turns the lines of one source into records: give each line to `take`, call `end` after the last.

    Holds what spans lines: pieces of lines that a container runtime cut, documents over several lines, the line number.
    Not for several threads at once.
    """

    __slots__ = (
        "_cut", "_document", "_document_depth", "_document_size", "_in_array", "_objects", "_reader", "line",
        "max_line", "source",
    )  # fmt: skip

    def __init__(self, source: str, fields: Fields | ObjectReader | None = None, *, max_line: int = MAX_LINE) -> None:
        self.source = source
        self.max_line = max_line
        self.line = 0
        self._objects = fields if isinstance(fields, ObjectReader) else ObjectReader(fields)
        self._reader: Callable[[Any, str, int, bytes], Sequence[Record]] = self._objects.records
        self._cut: dict[str, bytearray] = {}
        self._document: list[tuple[int, bytes]] = []
        self._document_depth = 0
        self._document_size = 0
        self._in_array = False

    def take(self, line: bytes) -> Sequence[Record]:
        """Return the records of one line (without its line end, or with it)."""
        self.line = number = self.line + 1
        if line[:2] == b'{"' and not self._document and not self._in_array:
            try:
                body = loads(line)
            except ValueError:
                return self._slow(line)
            if body.__class__ is dict and "log" not in body and "MESSAGE" not in body:
                return self._reader(body, self.source, number, line[:-1] if line[-1] == 13 else line)
        return self._slow(line)

    def end(self) -> Sequence[Record]:
        """Return the records of what was begun and not finished: the source has ended."""
        found: list[Record] = []
        if self._document:
            found += self._give_up("the document is cut off at the end of the source")
        for stream, piece in sorted(self._cut.items()):
            found.append(
                broken(
                    f"a long line on {stream or 'the stream'} is cut off at the end",
                    self.source,
                    self.line,
                    bytes(piece),
                )
            )
        self._cut.clear()
        self._in_array = False
        return found

    def too_long(self, beginning: bytes, size: int) -> Sequence[Record]:
        """Return the record of a line over the limit, of which only the beginning was kept."""
        self.line += 1
        found: list[Record] = []
        if self._document:
            found += self._give_up("the document is interrupted by a line over the limit")
        reason = f"line of {size} bytes, over the limit of {self.max_line}; the record keeps {len(beginning)}"
        found.append(broken(reason, self.source, self.line, beginning))
        return found

    # -- lines that are not one plain object

    def _slow(self, line: bytes) -> Sequence[Record]:
        line = line.rstrip(b"\r\n")
        if line[:1] == b"\xef":
            line = line.removeprefix(codecs.BOM_UTF8)
        if self._document:
            return self._within_document(line)
        bare = line.strip()
        if bare[:1] == b"\0":  # the hole that truncating a file under its writer leaves
            bare = bare.lstrip(b"\0").strip()
            if not bare:
                return self._broken("only NUL bytes", line)
        if not bare or bare == b"\x1e":
            return _EMPTY
        if bare[:1] == b"\x1e":  # RFC 7464, JSON text sequences
            bare = bare[1:].strip()
        if self._in_array:
            if bare in (b"]", b"],"):
                self._in_array = False
                return _EMPTY
            bare = bare.removesuffix(b",")
            if bare.endswith(b"]") and bare.count(b"[") < bare.count(b"]"):
                bare, self._in_array = bare[:-1].rstrip(), False
            if not bare:
                return _EMPTY
        if bare[:1] in (b"{", b"["):
            return self._json(bare, line, None)
        return self._prefixed(bare, line)

    def _json(self, bare: bytes, raw: bytes, prefix: Prefix | None) -> Sequence[Record]:
        """The records of a line that begins like JSON."""
        if bare == b"[" and prefix is None:
            self._in_array = True
            return _EMPTY
        try:
            body = loads(bare)
        except ValueError as error:
            return self._not_json(bare, raw, str(error), prefix)
        return self._parsed(body, raw, prefix)

    def _parsed(self, body: Any, raw: bytes, prefix: Prefix | None) -> Sequence[Record]:
        if body.__class__ is dict:
            log = body.get("log")
            if log.__class__ is str and ("stream" in body or "kubernetes" in body):
                return self._wrapped(log, raw, body, prefix)
            message = body.get("MESSAGE")
            if message is not None and ("__REALTIME_TIMESTAMP" in body or "_PID" in body or "PRIORITY" in body):
                return self._journal(message, raw, body, prefix)
        elif body.__class__ is list and (prefix is not None or not all(item.__class__ is dict for item in body)):
            return (self._text(raw, raw, prefix),)
        return self._completed(self._reader(body, self.source, self.line, raw), prefix)

    def _completed(self, found: Sequence[Record], prefix: Prefix | None) -> Sequence[Record]:
        """The records with what only the prefix knew."""
        if prefix is None or not (prefix.service or prefix.time):
            return found
        completed = []
        for record in found:
            if prefix.service and not record.service:
                record = record._replace(service=prefix.service)
            if prefix.time and not record.time and not record.time_text:
                record = record._replace(time=nanoseconds(prefix.time))
            completed.append(record)
        return completed

    def _not_json(self, bare: bytes, raw: bytes, error: str, prefix: Prefix | None) -> Sequence[Record]:
        """What begins like JSON and is none: the first line of a document, a broken object, or prose."""
        depth, whole = _depth(bare)
        looks_json = bare[:1] == b"[" or bare[1:].lstrip()[:1] in (b'"', b"")
        if depth > 0 and whole and prefix is None and looks_json and bare[-1:] in b"{[,":
            self._document = [(self.line, raw)]
            self._document_depth = depth
            self._document_size = len(raw)
            return _EMPTY
        if bare[:1] == b"[" and prefix is None:
            return self._prefixed(bare, raw)  # [pod/api/api] {…}
        if bare[:1] == b"[" or not looks_json:
            return (self._text(bare, raw, prefix),)
        return self._broken(_why(bare, error, depth), raw)

    def _broken(self, reason: str, raw: bytes) -> tuple[Record]:
        return (broken(reason, self.source, self.line, raw),)

    def _text(self, bare: bytes, raw: bytes, prefix: Prefix | None) -> Record:
        if b"\0" in bare and bare.count(b"\0") * 8 > len(bare):
            return broken("binary data, not a line of text", self.source, self.line, raw[:KEPT_OF_BROKEN])
        message = without_colours(bare).decode("utf-8", "replace")
        service, time = (prefix.service, prefix.time) if prefix is not None else ("", "")
        return Record(
            TEXT, "", nanoseconds(time), payload={"message": message}, body=message, source=self.source, line=self.line,
            service=service, raw=raw,
        )  # fmt: skip

    # -- documents over several lines

    def _within_document(self, line: bytes) -> Sequence[Record]:
        if line[:2] == b'{"' and line.rstrip()[-1:] == b"}":
            # A whole object where a document should go on: what was begun was cut off, and another line came.
            try:
                loads(line)
            except ValueError:
                pass
            else:
                found = list(self._give_up("cut off: another object begins before the end of this one"))
                self.line -= 1
                return [*found, *self.take(line)]
        change, whole = _depth(line)
        self._document.append((self.line, line))
        self._document_size += len(line) + 1
        self._document_depth += change
        if not whole:
            return self._give_up("not JSON: text that does not end on its line")
        if self._document_size > self.max_line:
            return self._give_up(f"a document over the limit of {self.max_line} bytes")
        if self._document_depth > 0:
            return _EMPTY
        lines, self._document = self._document, []
        text = b"\n".join(part for _, part in lines).strip()
        if self._in_array:
            text = text.removesuffix(b",")
            if self._document_depth < 0:
                text, self._in_array = text.removesuffix(b"]").rstrip(), False
        try:
            body = loads(text)
        except ValueError as error:
            self._document = lines
            return self._give_up(_why(text, str(error), 0))
        last, self.line = self.line, lines[0][0]
        try:
            return self._parsed(body, text, None)
        finally:
            self.line = last

    def _give_up(self, reason: str) -> list[Record]:
        """One broken record for the lines of a document that can't be one."""
        lines, self._document = self._document, []
        self._document_depth = 0
        self._in_array = False
        raw = b"\n".join(part for _, part in lines)
        span = f" (lines {lines[0][0]} to {lines[-1][0]})" if len(lines) > 1 else ""
        return [broken(reason + span, self.source, lines[0][0], raw[:KEPT_OF_BROKEN])]

    # -- lines within lines

    def _prefixed(self, bare: bytes, raw: bytes) -> Sequence[Record]:
        prefix = prefix_of(bare)
        if prefix is None:
            return self._within_prose(bare, raw, None)
        rest = bare[prefix.length :]
        if prefix.stream:
            return self._cri(rest, raw, prefix)
        begins = rest[:1]
        if begins == b"{":
            return self._json(rest, raw, prefix)
        return self._within_prose(rest if prefix.certain else bare, raw, prefix if prefix.certain else None)

    def _within_prose(self, bare: bytes, raw: bytes, prefix: Prefix | None) -> Sequence[Record]:
        """Prose; or an envelope behind words that a logger's format put there."""
        start = bare.find(b'{"')
        if 0 < start < 512 and bare.endswith(b"}") and b'"event_name"' in bare:
            try:
                body = loads(bare[start:])
            except ValueError:
                return (self._text(bare, raw, prefix),)
            found = self._reader(body, self.source, self.line, raw)
            if found and found[0].kind != LOG:
                return self._completed(found, prefix)
        return (self._text(bare, raw, prefix),)

    def _cri(self, rest: bytes, raw: bytes, prefix: Prefix) -> Sequence[Record]:
        """A line of the Kubernetes container runtime interface: `P` pieces go before the `F` that ends them."""
        kept = self._cut.get(prefix.stream)
        if prefix.partial:
            return self._keep(prefix.stream, kept, rest)
        if kept is not None:
            del self._cut[prefix.stream]
            kept += rest
            rest = raw = bytes(kept)
        return self._inner(rest, raw, prefix)

    def _keep(self, stream: str, kept: bytearray | None, piece: bytes) -> Sequence[Record]:
        if kept is None:
            kept = self._cut[stream] = bytearray()
        kept += piece
        if len(kept) > self.max_line:
            del self._cut[stream]
            return self._broken(f"joined line over the limit of {self.max_line} bytes", bytes(kept[:KEPT_OF_BROKEN]))
        return _EMPTY

    def _inner(self, rest: bytes, raw: bytes, prefix: Prefix | None) -> Sequence[Record]:
        bare = rest.strip()
        if not bare:
            return _EMPTY
        if bare[:1] == b"{":
            return self._json(bare, raw, prefix or Prefix(0))
        return self._within_prose(bare, raw, prefix)

    def _wrapped(self, log: str, raw: bytes, body: dict[str, Any], prefix: Prefix | None) -> Sequence[Record]:
        """Docker's json-file driver and fluent-bit: the line is in `log`; one without a line end is cut."""
        stream = str(body.get("stream", ""))
        time = body.get("time", "")
        service = prefix.service if prefix is not None else ""
        kubernetes = body.get("kubernetes")
        if isinstance(kubernetes, dict):
            service = str(kubernetes.get("container_name", service))
        inner = Prefix(0, service, time if isinstance(time, str) else "", stream=stream)
        piece = log.encode("utf-8", "replace")
        kept = self._cut.get(stream)
        if stream and "kubernetes" not in body and not log.endswith("\n") and len(piece) >= 16 * 1024:
            return self._keep(stream, kept, piece)
        if kept is not None:
            del self._cut[stream]
            kept += piece
            piece = raw = bytes(kept)
        return self._inner(piece, raw, inner)

    def _journal(self, message: Any, raw: bytes, body: dict[str, Any], prefix: Prefix | None) -> Sequence[Record]:
        """`journalctl --output=json`: MESSAGE is the line; a list of numbers where it is not UTF-8."""
        if isinstance(message, list):
            try:
                message = bytes(message).decode("utf-8", "replace")
            except (TypeError, ValueError):
                return self._broken("MESSAGE is a list, but not of bytes", raw)
        if isinstance(message, str) and message.lstrip()[:1] == "{":
            service = str(body.get("SYSLOG_IDENTIFIER", body.get("_SYSTEMD_UNIT", "")))
            return self._json(message.strip().encode("utf-8", "replace"), raw, Prefix(0, service))
        return self._completed(self._reader(body, self.source, self.line, raw), prefix)


def _depth(line: bytes) -> tuple[int, bool]:
    """Return how many brackets a line leaves open, and whether all its strings end."""
    depth = 0
    for match in _BRACKETS.finditer(line):
        if match[1]:
            depth += 1
        elif match[2]:
            depth -= 1
        elif match[3]:
            return depth, False
    return depth, True


def _why(text: bytes, error: str, depth: int) -> str:
    """Why something that begins like an object is none, in words that lead to the place."""
    if (hole := text.find(b"\0")) >= 0:
        return f"NUL byte at byte {hole + 1}, not JSON"
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as wrong:
        return f"not UTF-8 at byte {wrong.start + 1}"
    if (constant := re.search(rb"[:\[,]\s*(-?Infinity|NaN)\b", text)) is not None:
        return f"{constant[1].decode()} is not JSON (at byte {constant.start(1) + 1})"
    if depth > 0 or not _depth(text)[1]:
        return "cut off: the object does not end"
    if (joined := re.search(rb"\}\s*\{", text)) is not None and _is_json(text[: joined.start() + 1]):
        return f"two objects on one line (at byte {joined.end()}): their writers interleave"
    return f"not JSON: {error[:200]}"


def _is_json(text: bytes) -> bool:
    try:
        loads(text)
    except ValueError:
        return False
    return True


# -- blocks, whole streams and files


class BlockReader:
    """Turns blocks of bytes of one source into records: whole lines at once, the last piece when it is complete.

    Memory is bounded by the reader's `max_line`: of a longer line only the beginning is kept.
    """

    __slots__ = ("_carried", "_carry", "lines")

    def __init__(self, lines: LineReader) -> None:
        self.lines = lines
        self._carry: list[bytes] = []
        self._carried = 0

    @property
    def pending(self) -> int:
        """Bytes of a line that has not ended yet."""
        return self._carried

    def feed(self, block: bytes) -> list[Record]:
        """Return the records of the lines that a block completes."""
        found: list[Record] = []
        lines = block.split(b"\n")
        last = lines.pop()
        if not lines:
            self._keep(last)
            return found
        if self._carried:
            self._keep(lines[0])
            found += self._whole_line()
            del lines[0]
        take, limit = self.lines.take, self.lines.max_line
        for line in lines:
            found += take(line) if len(line) <= limit else self.lines.too_long(line[:KEPT_OF_BROKEN], len(line))
        if last:
            self._keep(last)
        return found

    def finish(self) -> list[Record]:
        """Return the records of what is left: the source has ended, or begins anew."""
        found = list(self._whole_line()) if self._carried else []
        found += self.lines.end()
        return found

    def _keep(self, piece: bytes) -> None:
        if self._carried <= self.lines.max_line:
            self._carry.append(piece)
            if len(self._carry) > 64:
                self._carry = [b"".join(self._carry)]
        self._carried += len(piece)

    def _whole_line(self) -> Sequence[Record]:
        line, size = b"".join(self._carry), self._carried
        self._carry.clear()
        self._carried = 0
        return (
            self.lines.take(line) if size <= self.lines.max_line else self.lines.too_long(line[:KEPT_OF_BROKEN], size)
        )


def read_stream(
    stream: BinaryIO, source: str, fields: Fields | ObjectReader | None = None, *, max_line: int = MAX_LINE
) -> Iterator[Record]:
    """Read a stream to its end: plain, gzip, bzip2, xz or zstd; UTF-8 with or without a mark, or UTF-16.

    Never raises on content: what can't be read is a `broken` record. Memory is bounded by `max_line`.
    """
    reader = BlockReader(LineReader(source, fields, max_line=max_line))
    try:
        for block in _blocks(stream):
            yield from reader.feed(block)
    except _READ_ERRORS as error:
        yield from reader.finish()
        yield broken(f"the source can't be read further: {error}", source, reader.lines.line)
        return
    yield from reader.finish()


def read_file(
    path: str | os.PathLike[str],
    fields: Fields | ObjectReader | None = None,
    *,
    source: str | None = None,
    max_line: int = MAX_LINE,
) -> Iterator[Record]:
    """Read a file as `read_stream` does; `source` is the path as given, with `/`, unless it is given.

    Raises ReadError where the file can't be opened; it is opened at once, not at the first record.
    """
    try:
        stream = open(path, "rb")  # noqa: SIM115 closed by the generator
    except OSError as error:
        raise ReadError(f"{os.fspath(path)}: {error.strerror or error}") from error
    return _closing(stream, source or os.fspath(path).replace(os.sep, "/"), fields, max_line)


def _closing(stream: BinaryIO, source: str, fields: Fields | ObjectReader | None, max_line: int) -> Iterator[Record]:
    with stream:
        yield from read_stream(stream, source, fields, max_line=max_line)


def read_lines(
    lines: Iterable[bytes], source: str, fields: Fields | ObjectReader | None = None, *, max_line: int = MAX_LINE
) -> Iterator[Record]:
    """Read lines that are already apart, such as those of a test."""
    reader = LineReader(source, fields, max_line=max_line)
    for line in lines:
        yield from reader.take(line)
    yield from reader.end()


def _blocks(stream: BinaryIO) -> Iterator[bytes]:
    """The blocks of a stream as UTF-8 without a mark, uncompressed."""
    read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
    first = read(_BLOCK)
    while 0 < len(first) < 8:
        more = read(_BLOCK)
        if not more:
            break
        first += more
    opened = _uncompressed(first, stream)
    if opened is not None:
        # `read` would lose what comes before the place where a stream is broken.
        read = getattr(opened, "read1", opened.read)
        first = read(_BLOCK)
    if first[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) or first[:2] in (b"{\0", b"\0{"):
        little = first[:2] == codecs.BOM_UTF16_LE or first[:2] == b"{\0"
        decoder = codecs.getincrementaldecoder("utf-16-le" if little else "utf-16-be")("replace")
        block = first
        while block:
            text = decoder.decode(block)
            yield (text[1:] if block is first and text[:1] == "\ufeff" else text).encode("utf-8", "replace")
            block = read(_BLOCK)
        rest = decoder.decode(b"", final=True)
        if rest:
            yield rest.encode("utf-8", "replace")
        return
    block = first.removeprefix(codecs.BOM_UTF8)
    while block:
        yield block
        block = read(_BLOCK)


def _uncompressed(first: bytes, rest: BinaryIO) -> Any:
    """A stream that uncompresses, by the first bytes; None for what is not compressed. Raises ValueError, OSError."""
    stream: Any = _Joined(first, rest)
    if first[:2] == b"\x1f\x8b":
        import gzip

        return gzip.GzipFile(fileobj=stream)
    if first[:3] == b"BZh":
        import bz2

        return bz2.BZ2File(stream)
    if first[:6] == b"\xfd7zXZ\0":
        return lzma.LZMAFile(stream)
    if first[:4] == b"\x28\xb5\x2f\xfd":
        return _zstd(stream)
    return None


def _zstd(stream: Any) -> Any:
    import importlib

    for module in ("compression.zstd", "backports.zstd", "pyzstd"):
        try:
            return importlib.import_module(module).ZstdFile(stream)
        except ImportError:
            continue
    try:
        return importlib.import_module("zstandard").ZstdDecompressor().stream_reader(stream, read_across_frames=True)
    except ImportError:
        raise ValueError("it is compressed with zstd: `pip install zstandard`, or uncompress it first") from None


class _Joined(io.RawIOBase):
    """The first bytes of a stream, read already, and the rest of it."""

    def __init__(self, first: bytes, rest: BinaryIO) -> None:
        self._first = first
        self._rest = rest

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self._first:
            first = self._first if size < 0 else self._first[:size]
            self._first = self._first[len(first) :]
            return first + self._rest.read() if size < 0 else first
        return self._rest.read(size)

    def readinto(self, buffer: Any) -> int:
        block = self.read(len(buffer))
        buffer[: len(block)] = block
        return len(block)
