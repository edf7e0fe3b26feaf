"""The embedded queue: a table in a file, taken from by compare-and-set."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from packages import observability as obs
from packages.database import connected
from packages.queue import Message, QueueUnavailableError

_TABLE = """
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY, topic TEXT, body TEXT, carrier TEXT, attempt INTEGER, taken_until REAL, buried INTEGER);
"""
_NOW = "((julianday('now') - 2440587.5) * 86400.0)"
"""The file's clock, so that all workers have the same."""
_NEXT = f"""
SELECT id, body, carrier, attempt, taken_until FROM messages
WHERE topic = ? AND NOT buried AND (taken_until IS NULL OR taken_until < {_NOW}) ORDER BY id LIMIT 1
"""
_TAKE = f"UPDATE messages SET taken_until = {_NOW} + ?, attempt = ? WHERE id = ? AND taken_until IS ?"
_POLL = 0.02
"""Seconds between two looks."""


class SqliteQueue:
    """A queue in a file, for one machine."""

    kind = "sqlite"

    def __init__(self, path: Path, lease: float) -> None:
        self._lease = lease
        self._lock = threading.Lock()
        self._db = connected(path)
        self._db.executescript(_TABLE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def publish(self, topic: str, body: Mapping[str, str]) -> None:
        """See Queue."""
        carrier = obs.current().to_carrier()
        self._execute(
            "INSERT INTO messages (topic, body, carrier, attempt, buried) VALUES (?, ?, ?, 1, 0)",
            topic, json.dumps(dict(body)), json.dumps(carrier),
        )  # fmt: skip

    def take(self, topic: str, wait: float) -> Message | None:
        """See Queue."""
        deadline = time.monotonic() + wait
        while True:
            row = self._execute(_NEXT, topic).fetchone()
            if row is not None:
                number, body, carrier, attempt, before = row
                attempt += before is not None
                if self._execute(_TAKE, self._lease, attempt, number, before).rowcount == 1:
                    return Message(
                        str(number), topic, json.loads(body), json.loads(carrier), attempt, before is not None
                    )
            elif time.monotonic() >= deadline:
                return None
            else:
                time.sleep(_POLL)

    def ack(self, message: Message) -> None:
        """See Queue."""
        self._execute("DELETE FROM messages WHERE id = ? AND attempt = ?", message.id, message.attempt)

    def retry(self, message: Message) -> None:
        """See Queue."""
        self._execute(
            "UPDATE messages SET attempt = attempt + 1, taken_until = NULL WHERE id = ? AND attempt = ?",
            message.id, message.attempt,
        )  # fmt: skip

    def bury(self, message: Message) -> None:
        """See Queue."""
        self._execute("UPDATE messages SET buried = 1 WHERE id = ? AND attempt = ?", message.id, message.attempt)

    def ping(self) -> None:
        """See Queue."""
        self._execute("SELECT 1 FROM messages LIMIT 1")

    def _execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        try:
            with self._lock:
                return self._db.execute(statement, values)
        except sqlite3.Error as error:
            raise QueueUnavailableError("the embedded queue") from error
