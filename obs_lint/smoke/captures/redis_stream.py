"""What is added to Redis streams while the system runs: every key that matches a pattern, from now on."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from typing import Any, Final

from obs_lint.smoke.captures.capture import CaptureEnd, CaptureError, Delivery, Put
from obs_lint.smoke.fields import Fields
from obs_lint.smoke.objects import ObjectReader
from obs_lint.smoke.reading import LineReader
from obs_lint.smoke.records import TEXT, Record

DEFAULT_URL: Final = "redis://127.0.0.1:6379/0"
_BLOCK: Final = 50
"""Milliseconds for which a read waits for entries."""
_LOOK: Final = 0.25
"""Seconds between two looks for keys that are new."""
_COUNT: Final = 500
_WHOLE: Final = (b"event", b"data", b"envelope", b"payload", b"body", b"message", b"json", b"value")
"""Fields that hold a whole event as JSON."""


class RedisStreamCapture:
    """Streams of one key pattern (`trace:*`), as source `redis:KEY`; needs the client library `redis`.

    Streams that exist at `start` are read from their end, those that appear later from their beginning. An entry is the
    event that one of its fields holds as JSON, with ids of the fields beside it; or else its fields are the object.
    What a stream lost to MAXLEN before it was read is counted as dropped (Redis 7 and later can tell).
    """

    def __init__(self, pattern: str, *, url: str = DEFAULT_URL, fields: Fields | ObjectReader | None = None) -> None:
        self.name = f"redis-stream:{pattern}"
        self._pattern = pattern
        self._url = url
        self._objects = fields if isinstance(fields, ObjectReader) else ObjectReader(fields)
        self._delivery = Delivery(self.name)
        self._positions: dict[bytes, bytes] = {}
        self._added: dict[bytes, int] = {}
        self._ordinals: dict[bytes, int] = {}
        self._client: Any = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._lost = ""

    def start(self, put: Put) -> None:
        """Connect, and note where the streams end. Raises CaptureError where that fails."""
        try:
            import redis
        except ImportError:
            raise CaptureError(f"{self.name}: it needs the client library: `pip install redis`") from None
        try:
            self._client = redis.Redis.from_url(self._url, socket_timeout=5.0, socket_connect_timeout=5.0)
            self._look(first=True)
        except (redis.RedisError, OSError, ValueError) as error:
            raise CaptureError(f"{self.name}: no Redis at {_without_password(self._url)}: {error}") from error
        self._delivery.open(put)
        self._stopping.clear()
        self._thread = threading.Thread(target=self._follow, name=f"capture:{self.name}", daemon=True)
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> CaptureEnd:
        """Read every stream to its present end."""
        thread, self._thread = self._thread, None
        if thread is None:
            return self._delivery.end()
        self._stopping.set()
        thread.join(timeout)
        if thread.is_alive():
            self._delivery.note(f"the streams could not be read to their ends within {timeout:g} s")
        elif not self._lost:
            self._drain(timeout)
        if self._lost:
            self._delivery.drop(0, self._lost)
        if not self._positions:
            self._delivery.note(f"no stream matched `{self._pattern}`")
        try:
            self._client.close()
        except Exception:  # noqa: BLE001 the server may be gone; nothing is left to be done with it
            pass
        end = self._delivery.end()
        self._delivery.close()
        return end

    def _drain(self, timeout: float) -> None:
        import redis

        deadline = time.monotonic() + timeout
        try:
            self._look(first=False)
            while self._read(None):
                if time.monotonic() > deadline:
                    self._delivery.note(f"the streams could not be read to their ends within {timeout:g} s")
                    break
            self._count_trimmed()
        except (redis.RedisError, OSError) as error:
            self._lost = f"Redis was lost at the end: {error}"

    def _follow(self) -> None:
        import redis

        looked = time.monotonic()
        while not self._stopping.is_set():
            try:
                if time.monotonic() - looked >= _LOOK or not self._positions:
                    self._look(first=False)
                    looked = time.monotonic()
                if not self._positions:
                    self._stopping.wait(_BLOCK / 1000)
                else:
                    self._read(_BLOCK)
                self._lost = ""
            except (redis.RedisError, OSError) as error:
                # A server that is restarted comes back; one that does not is told at the end.
                self._lost = f"Redis was lost and did not come back: {error}"
                self._delivery.note("the connection to Redis broke while the system ran")
                self._stopping.wait(_LOOK)

    def _look(self, *, first: bool) -> None:
        for key in self._client.scan_iter(match=self._pattern, count=1000, _type="STREAM"):
            if key in self._positions:
                continue
            added, last = self._about(key)
            self._positions[key] = last if first else b"0-0"
            self._added[key] = added if first else 0
            self._ordinals[key] = 0

    def _about(self, key: bytes) -> tuple[int, bytes]:
        """How many entries were ever added (-1: the server can't tell), and the last one's id."""
        about: Mapping[str, Any] = self._client.xinfo_stream(key)
        return int(about.get("entries-added", -1)), about.get("last-generated-id", b"0-0")

    def _read(self, block: int | None) -> int:
        read = 0
        if not self._positions:
            return read
        for key, entries in self._client.xread(dict(self._positions), count=_COUNT, block=block) or ():
            source = "redis:" + key.decode("utf-8", "replace")
            for identity, entry in entries:
                read += 1
                self._positions[key] = identity
                if entry is None:  # deleted between the look and the read
                    self._delivery.drop(1, f"{source} had entries that were deleted before they were read")
                    continue
                self._ordinals[key] += 1
                self._delivery((self._record(source, self._ordinals[key], identity, entry),))
        return read

    def _record(self, source: str, ordinal: int, identity: bytes, entry: Mapping[bytes, bytes]) -> Record:
        for name in _WHOLE if len(entry) > 1 else entry:
            value = entry.get(name, b"")
            if value.lstrip()[:1] == b"{":
                lines = LineReader(source, self._objects)
                found = (*lines.take(value.replace(b"\n", b" ")), *lines.end())
                if len(found) == 1 and found[0].kind != TEXT:
                    beside = {_text(key): _text(held) for key, held in entry.items()}
                    record = self._objects.with_ids(found[0]._replace(line=ordinal), self._objects.ids(beside))
                    return self._timed(record, identity)
        body: dict[str, Any] = {}
        for name, value in entry.items():
            text = _text(value)
            body[_text(name)] = text
            if text[:1] in ("{", "["):
                try:
                    body[_text(name)] = json.loads(text)
                except (ValueError, RecursionError):
                    continue
        raw = b" ".join(part for pair in entry.items() for part in pair)
        return self._timed(self._objects.record(body, source, ordinal, raw), identity)

    def _timed(self, record: Record, identity: bytes) -> Record:
        """A record without a time of its own happened when its entry was added."""
        if record.time or record.time_text:
            return record
        milliseconds = identity.partition(b"-")[0]
        return record._replace(time=int(milliseconds) * 1_000_000 if milliseconds.isdigit() else 0)

    def _count_trimmed(self) -> None:
        for key, before in self._added.items():
            if before < 0 or not self._client.exists(key):
                continue
            added, _ = self._about(key)
            missed = added - before - self._ordinals[key]
            if added >= 0 and missed > 0:
                shown = key.decode("utf-8", "replace")
                self._delivery.drop(missed, f"{missed} entries of {shown} were trimmed before they were read")


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _without_password(url: str) -> str:
    head, at, host = url.rpartition("@")
    return f"{head.partition('://')[0]}://…@{host}" if at else url
