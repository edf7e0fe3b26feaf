"""What third-party libraries log by the standard library's logging, as lines of the surface."""

from __future__ import annotations

import logging
import threading

from obs_surface import notices
from obs_surface.loggers import DEBUG, ERROR, INFO, WARN, _threshold, _write

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""Attributes of any LogRecord; all others come from `extra=`."""


class SurfaceHandler(logging.Handler):
    """Gives records to the sinks, with the context of the thread or task that logged. Raises nothing."""

    def createLock(self) -> None:  # noqa: N802 - the standard library's name
        """Make none: the sinks have their own, and a lock around a slow one would hold up every logger."""
        self.lock = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record as one line."""
        if record.levelno < _threshold():
            return
        if threading.current_thread().name.startswith("obs-sink-"):
            # A sink's client that logs its own trouble would feed the queue that it cannot empty.
            notices.say_once(f"{record.name}, in a sink's thread: {_message(record)}", key=f"sink thread:{record.name}")
            return
        try:
            fields = {name: value for name, value in vars(record).items() if name not in _STANDARD}
            error = record.exc_info[1] if record.exc_info else None
            if record.exc_text and error is None:  # from another process, by a QueueHandler
                fields["exc_text"] = record.exc_text
            if record.stack_info:
                fields["stack"] = record.stack_info
            _write(
                _level(record.levelno),
                record.name,
                _message(record),
                fields,
                error,
                at=int(record.created * 1e6) * 1000,
            )
        except Exception as problem:  # noqa: BLE001 - a line of prose is no reason for a request to fail
            notices.say_once(f"a log line is lost: {type(problem).__name__} inside obs_surface", key="log lost")


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - a wrong format string: better the bare message than none
        return str(record.msg)


def _level(number: int) -> int:
    if number < INFO:
        return DEBUG
    if number < WARN:
        return INFO
    return WARN if number < ERROR else ERROR
