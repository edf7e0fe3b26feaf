"""What goes through the standard library's logging in this process, as the application's own handler renders it."""

from __future__ import annotations

import logging
import threading
import traceback
from datetime import UTC, datetime
from typing import Any, Final

from obs_lint.smoke.captures.capture import CaptureEnd, Delivery, Put
from obs_lint.smoke.fields import Fields
from obs_lint.smoke.objects import ObjectReader, loads
from obs_lint.smoke.records import TEXT, Record

_ORDINARY: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class LoggingCapture:
    """The root logger and every logger that does not propagate to it, after filters and formatters ran.

    Where the application has a handler with a formatter of its own, the text that this renders is read like a line
    of its output. Where it has none (a test that configures nothing), the fields of the log record are the line.
    """

    def __init__(self, *, fields: Fields | ObjectReader | None = None) -> None:
        self.name = "logging"
        self._objects = fields if isinstance(fields, ObjectReader) else ObjectReader(fields)
        self._delivery = Delivery(self.name)
        self._attached: list[tuple[logging.Logger, logging.Handler]] = []
        self._lock = threading.Lock()
        self._ordinal = 0

    def start(self, put: Put) -> None:
        """Attach to the loggers that there are."""
        self._delivery.open(put)
        known = [logger for logger in logging.Logger.manager.loggerDict.values() if isinstance(logger, logging.Logger)]
        for logger in (logging.getLogger(), *(logger for logger in known if not logger.propagate)):
            handler = _Handler(self, logger)
            logger.addHandler(handler)
            self._attached.append((logger, handler))

    def stop(self, timeout: float = 5.0) -> CaptureEnd:
        """Detach."""
        for logger, handler in self._attached:
            logger.removeHandler(handler)
        self._attached.clear()
        end = self._delivery.end()
        self._delivery.close()
        return end

    def take(self, record: logging.LogRecord, renderer: logging.Handler | None) -> None:
        """Deliver one log record, rendered by a handler of the application if there is one."""
        with self._lock:
            self._ordinal += 1
            ordinal = self._ordinal
        if renderer is None:
            found = self._objects.record(
                _object(record), self.name, ordinal, record.getMessage().encode("utf-8", "replace")
            )
        else:
            rendered = renderer.format(record)
            found = self._rendered(rendered, record, ordinal)
        self._delivery((found,))

    def _rendered(self, rendered: str, record: logging.LogRecord, ordinal: int) -> Record:
        raw = rendered.encode("utf-8", "replace")
        bare = rendered.strip()
        if bare[:1] == "{":
            try:
                body = loads(bare)
            except ValueError:
                body = None
            if isinstance(body, dict):
                found = self._objects.record(body, self.name, ordinal, raw)
                return found if found.time or found.time_text else found._replace(time=_time(record))
        return Record(
            TEXT,
            record.name,
            _time(record),
            self._objects.ids({key: value for key, value in vars(record).items() if key not in _ORDINARY}),
            {"message": rendered},
            rendered,
            self.name,
            ordinal,
            severity=_severity(record),
            raw=raw,
        )


class _Handler(logging.Handler):
    """Hands log records to the capture, last of a logger's handlers."""

    def __init__(self, capture: LoggingCapture, logger: logging.Logger) -> None:
        super().__init__(logging.NOTSET)
        self._capture = capture
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        try:
            renderers = [
                handler for handler in self._logger.handlers if handler.formatter and _is_of_application(handler)
            ]
            for handler in renderers:
                if record.levelno >= handler.level and handler.filter(record):
                    self._capture.take(record, handler)
                    return
            if not renderers:
                self._capture.take(record, None)
        except Exception:  # noqa: BLE001 logging must not break what is tested; handleError is logging's own way
            self.handleError(record)


def _is_of_application(handler: logging.Handler) -> bool:
    """True where it is no handler of pytest or of OpenTelemetry, whose formats nobody reads as lines."""
    return not isinstance(handler, _Handler) and not type(handler).__module__.startswith(("_pytest.", "opentelemetry."))


def _object(record: logging.LogRecord) -> dict[str, Any]:
    body: dict[str, Any] = {
        "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": record.getMessage(),
    }
    body.update((key, value) for key, value in vars(record).items() if key not in _ORDINARY)
    if record.exc_info and record.exc_info[0] is not None:
        body["exception"] = "".join(traceback.format_exception(*record.exc_info))
    if isinstance(record.msg, dict):
        body["message"] = record.msg
    return body


def _time(record: logging.LogRecord) -> int:
    return int(record.created * 1_000_000) * 1_000


def _severity(record: logging.LogRecord) -> str:
    level = record.levelno
    return "error" if level >= 40 else "warn" if level >= 30 else "info" if level >= 20 else "debug"
