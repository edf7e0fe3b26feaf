"""SQLite files that several processes open at the same time."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

_PATIENCE = 10.0
"""Seconds to wait for others."""


def connected(path: Path) -> sqlite3.Connection:
    """Open a file, made where it is missing; raise sqlite3.OperationalError where others hold it for too long.

    Who changes a file to write-ahead logging must have it alone, and SQLite does not wait for that by itself: of several
    processes that begin at once, one would fail.
    """
    database = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            database.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                database.close()
                raise
            time.sleep(0.01)
        else:
            return database
