"""What the system knows: documents, their segments and layers, the index, and how the jobs are."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from packages.database import connected

_TABLES = """
CREATE TABLE IF NOT EXISTS documents (id TEXT PRIMARY KEY, title TEXT, media TEXT);
CREATE TABLE IF NOT EXISTS segments (
    document_id TEXT, position INTEGER, start_ms INTEGER, speaker TEXT, text TEXT, PRIMARY KEY (document_id, position));
CREATE TABLE IF NOT EXISTS layers (document_id TEXT, name TEXT, body TEXT, PRIMARY KEY (document_id, name));
CREATE TABLE IF NOT EXISTS entries (
    document_id TEXT, position INTEGER, terms TEXT, PRIMARY KEY (document_id, position));
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, document_id TEXT, job_type TEXT, status TEXT, stage TEXT, created REAL);
"""


class UnknownIdError(LookupError):
    """Nothing has that id."""


class Segment(NamedTuple):
    """A stretch of speech."""

    document_id: str
    position: int
    start_ms: int
    speaker: str
    """A number, never a name; "" before somebody told the voices apart."""
    text: str


class Job(NamedTuple):
    """A job, and where it is."""

    id: str
    document_id: str
    job_type: str
    """The worker that it begins with."""
    status: str
    """queued | running | completed | failed"""
    stage: str
    """The worker that has it or had it last."""
    created: float
    """Seconds since the epoch."""

    @property
    def latency_ms(self) -> float:
        """How long ago it was created."""
        return round(max(0.0, time.time() - self.created) * 1000, 3)


class Store:
    """A SQLite file; each method is one transaction, and safe to call from any thread."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._db = connected(path)
        self._db.executescript(_TABLES)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def ping(self) -> None:
        """Reach the file, or raise."""
        self._rows("SELECT 1 FROM jobs LIMIT 1")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            yield self._db

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._db.execute(query, values).fetchall()

    # -- documents

    def add_document(self, document_id: str, title: str, media: str) -> None:
        """Keep what somebody handed in."""
        with self._transaction() as db:
            db.execute("INSERT INTO documents VALUES (?, ?, ?)", (document_id, title, media))

    def media(self, document_id: str) -> str:
        """Return what was handed in; raise UnknownIdError."""
        for row in self._rows("SELECT media FROM documents WHERE id = ?", document_id):
            return str(row[0])
        raise UnknownIdError("no such document")

    def put_segments(self, document_id: str, segments: Iterable[Segment]) -> None:
        """Replace the segments of a document."""
        with self._transaction() as db:
            db.execute("DELETE FROM segments WHERE document_id = ?", (document_id,))
            db.executemany("INSERT INTO segments VALUES (?, ?, ?, ?, ?)", segments)

    def segments(self, document_id: str) -> list[Segment]:
        """Return the segments of a document, in order."""
        rows = self._rows("SELECT * FROM segments WHERE document_id = ? ORDER BY position", document_id)
        return [Segment(*row) for row in rows]

    def put_layer(self, document_id: str, name: str, body: Any) -> None:
        """Replace a layer of a document."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO layers VALUES (?, ?, ?)", (document_id, name, json.dumps(body)))

    # -- the index

    def put_entries(self, document_id: str, entries: Iterable[tuple[int, Any]]) -> None:
        """Replace what the index holds of a document: (position, terms)."""
        rows = [(document_id, position, json.dumps(terms)) for position, terms in entries]
        with self._transaction() as db:
            db.execute("DELETE FROM entries WHERE document_id = ?", (document_id,))
            db.executemany("INSERT INTO entries VALUES (?, ?, ?)", rows)

    def entries(self) -> list[tuple[Segment, Any]]:
        """Return the whole index: (segment, terms)."""
        rows = self._rows("SELECT s.*, e.terms FROM entries e JOIN segments s USING (document_id, position)")
        return [(Segment(*row[:5]), json.loads(row[5])) for row in rows]

    # -- jobs

    def add_job(self, job: Job) -> None:
        """Keep a new job."""
        with self._transaction() as db:
            db.execute("INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?)", job)

    def job(self, job_id: str) -> Job:
        """Return a job; raise UnknownIdError."""
        for row in self._rows("SELECT * FROM jobs WHERE id = ?", job_id):
            return Job(*row)
        raise UnknownIdError("no such job")

    def move_job(self, job_id: str, stage: str, before: str, after: str) -> bool:
        """Say who has a job, and its new status; False where it was not `before`, so that each change is told once."""
        with self._transaction() as db:
            db.execute("UPDATE jobs SET stage = ? WHERE id = ?", (stage, job_id))
            changed = db.execute("UPDATE jobs SET status = ? WHERE id = ? AND status = ?", (after, job_id, before))
            return changed.rowcount == 1
