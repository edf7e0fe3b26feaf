"""The queue over Redis Streams: a stream a topic, one consumer group; what a dead worker held goes to a living one."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import redis

from packages import observability as obs
from packages.queue import Message, QueueUnavailableError

_GROUP = "workers"


def _stream(topic: str) -> str:
    return f"narralytica:{topic}"


class RedisQueue:
    """A queue in Redis, for any number of machines."""

    kind = "redis"

    def __init__(self, url: str, lease: float) -> None:
        self._lease_ms = int(lease * 1000)
        self._consumer = f"{socket.gethostname()}-{os.getpid()}"
        self._redis = redis.Redis.from_url(url, decode_responses=True)
        self._known: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._redis.close()

    def publish(self, topic: str, body: Mapping[str, str]) -> None:
        """See Queue."""
        with self._reached():
            self._redis.xadd(_stream(topic), _fields(body, obs.current().to_carrier(), 1))

    def take(self, topic: str, wait: float) -> Message | None:
        """See Queue."""
        stream = _stream(topic)
        with self._reached():
            self._join(stream)
            claimed: Any = self._redis.xautoclaim(stream, _GROUP, self._consumer, self._lease_ms, count=1)
            for number, fields in claimed[1]:
                pending: Any = self._redis.xpending_range(stream, _GROUP, number, number, 1)
                return _message(topic, number, fields, pending[0]["times_delivered"] - 1)
            read: Any = self._redis.xreadgroup(
                _GROUP, self._consumer, {stream: ">"}, count=1, block=max(1, int(wait * 1000))
            )
            for _, entries in read:
                for number, fields in entries:
                    return _message(topic, number, fields, 0)
        return None

    def ack(self, message: Message) -> None:
        """See Queue."""
        self._settle(message, None, message.attempt)

    def retry(self, message: Message) -> None:
        """See Queue."""
        self._settle(message, _stream(message.topic), message.attempt + 1)

    def bury(self, message: Message) -> None:
        """See Queue."""
        self._settle(message, _stream(f"{message.topic}:buried"), message.attempt)

    def ping(self) -> None:
        """See Queue."""
        with self._reached():
            self._redis.ping()

    def _settle(self, message: Message, onto: str | None, attempt: int) -> None:
        """Take the entry off its stream, and put it onto another where there is one, in one step."""
        stream = _stream(message.topic)
        with self._reached(), self._redis.pipeline(transaction=True) as steps:
            if onto is not None:
                steps.xadd(onto, _fields(message.body, message.carrier, attempt))
            steps.xack(stream, _GROUP, message.id)
            steps.xdel(stream, message.id)
            steps.execute()

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except redis.RedisError as error:
            self._known.clear()  # a server that was started anew has no groups
            raise QueueUnavailableError("Redis") from error

    def _join(self, stream: str) -> None:
        """Make the consumer group where there is none."""
        if stream in self._known:
            return
        try:
            self._redis.xgroup_create(stream, _GROUP, id="0", mkstream=True)
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        self._known.add(stream)


def _fields(body: Mapping[str, str], carrier: Mapping[str, str], attempt: int) -> dict[Any, Any]:
    return {"body": json.dumps(dict(body)), "carrier": json.dumps(dict(carrier)), "attempt": str(attempt)}


def _message(topic: str, number: str, fields: Mapping[str, str], takeovers: int) -> Message:
    attempt = int(fields["attempt"]) + takeovers
    return Message(number, topic, json.loads(fields["body"]), json.loads(fields["carrier"]), attempt, takeovers > 0)
