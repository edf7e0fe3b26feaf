"""The queue between the API and the workers: every message carries the ids of the context that it was sent in."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from packages.settings import Settings


class QueueUnavailableError(Exception):
    """The queue can't be reached now."""


@dataclass(frozen=True, slots=True)
class Message:
    """What a worker takes."""

    id: str
    topic: str
    body: Mapping[str, str]
    carrier: Mapping[str, str]
    """The ids of who published it: `ObsContext.from_carrier` makes a context of them."""
    attempt: int
    """From 1."""
    taken_over: bool = False
    """True where a worker had it before and neither finished nor gave it back in time."""


class Queue(AbstractContextManager["Queue"], Protocol):
    """Either of the two; every method raises QueueUnavailableError."""

    kind: str

    def publish(self, topic: str, body: Mapping[str, str]) -> None:
        """Send a message, with the ids of the current context."""

    def take(self, topic: str, wait: float) -> Message | None:
        """Return the next message, None where there is none for `wait` seconds."""

    def ack(self, message: Message) -> None:
        """Say that it is done."""

    def retry(self, message: Message) -> None:
        """Give it back: whoever takes it next makes the next attempt."""

    def bury(self, message: Message) -> None:
        """Put it where nobody takes it, for a person to look at."""

    def ping(self) -> None:
        """Reach the queue, or raise."""


def open_queue(settings: Settings) -> Queue:
    """Open Redis where the settings name one, else the embedded queue."""
    if settings.redis_url:
        from packages.queue.redis_streams import RedisQueue

        return RedisQueue(settings.redis_url, settings.lease)
    from packages.queue.sqlite import SqliteQueue

    return SqliteQueue(settings.data / "queue.db", settings.lease)
