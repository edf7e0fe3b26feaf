"""Free-text logging with the context and the sinks of events: prose has a place that is no event."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from obs_surface import configuration, notices
from obs_surface import otel as _otel
from obs_surface.context import _current
from obs_surface.encoding import dumps_plain, has_nonfinite, plain
from obs_surface.envelope import timestamp

if TYPE_CHECKING:
    import logging

    from obs_surface.configuration import Surface

    _ExcInfo = (
        bool
        | BaseException
        | tuple[type[BaseException], BaseException, TracebackType | None]
        | tuple[None, None, None]
        | None
    )

DEBUG, INFO, WARN, ERROR, _OFF = 10, 20, 30, 40, 100
"""Numbers of levels, those of the standard library."""
_LEVELS = {DEBUG: "debug", INFO: "info", WARN: "warn", ERROR: "error"}
_NUMBERS = {
    "debug": DEBUG,
    "info": INFO,
    "warn": WARN,
    "warning": WARN,
    "error": ERROR,
    "critical": 50,
    "fatal": 50,
    "off": _OFF,
}
_LONGEST_STACK = 32 * 1024
"""Characters of `error.stack`; of a longer one, the end is kept: it is where the error happened."""
_LONGEST_MESSAGE = 16 * 1024
"""Characters that are kept of a message in a line that is too long as a whole."""
_CUT = "[truncated]"
_OURS = frozenset(
    (
        "timestamp",
        "level",
        "message",
        "logger",
        "service",
        "environment",
        "event_name",  # a line that has it is taken for an event
    )
)


class Logger:
    """Writes lines of prose; made by :func:`get_logger`. Safe over threads; raises nothing, whatever it is given.

    A line has `timestamp` (UTC), `level` (debug, info, warn, error), `message`, `logger`, `service`, `environment`, the
    ids of the current context under their names, its further fields, then the fields given here (001, structured
    logging). A field that has the name of one of these becomes `field.<name>`, unless it says the same. Fields whose
    names the registry calls sensitive are redacted; messages are not, so put data into fields.
    """

    __slots__ = ("_bound", "name")

    def __init__(self, name: str, bound: Mapping[str, Any] | None = None) -> None:
        self.name = name
        self._bound = dict(bound or {})

    def bind(self, /, **fields: Any) -> Logger:
        """Return a logger that adds these fields to each of its lines."""
        return Logger(self.name, {**self._bound, **fields})

    def is_enabled(self, level: str) -> bool:
        """True where lines of this level are written: OBS_LOG_LEVEL, default info."""
        return _NUMBERS.get(level.lower(), _OFF) >= _threshold()

    def debug(self, message: object, /, *args: object, **fields: Any) -> None:
        """Log what helps to find an error. `args` are put into the message by `%`, as in the standard library."""
        if _threshold() <= DEBUG:
            self._log(DEBUG, message, args, fields)

    def info(self, message: object, /, *args: object, **fields: Any) -> None:
        """Log what happened."""
        if _threshold() <= INFO:
            self._log(INFO, message, args, fields)

    def warning(self, message: object, /, *args: object, **fields: Any) -> None:
        """Log what is odd and was dealt with."""
        if _threshold() <= WARN:
            self._log(WARN, message, args, fields)

    def error(self, message: object, /, *args: object, exc_info: _ExcInfo = None, **fields: Any) -> None:
        """Log what went wrong; `exc_info` is an exception, or True for the one that is being handled."""
        if _threshold() <= ERROR:
            self._log(ERROR, message, args, fields, exc_info)

    def exception(self, message: object, /, *args: object, exc_info: _ExcInfo = True, **fields: Any) -> None:
        """Log what went wrong, with the exception that is being handled."""
        if _threshold() <= ERROR:
            self._log(ERROR, message, args, fields, exc_info)

    def critical(self, message: object, /, *args: object, exc_info: _ExcInfo = None, **fields: Any) -> None:
        """Log that the process cannot go on; the level in the line is `error`, as 001 knows no higher one."""
        if _threshold() <= _NUMBERS["critical"]:
            self._log(ERROR, message, args, fields, exc_info)

    def __repr__(self) -> str:
        return f"<Logger {self.name}>"

    def _log(
        self,
        level: int,
        message: object,
        args: tuple[object, ...],
        fields: dict[str, Any],
        exc_info: _ExcInfo = None,
    ) -> None:
        # Before anything else runs that could handle an exception of its own.
        error = fields.pop("exc_info", None) if exc_info is None else exc_info
        if error is True:
            error = sys.exc_info()[1]
        elif isinstance(error, tuple):
            error = error[1]
        try:
            text = _text(message, args)
            given = {**self._bound, **fields} if self._bound else fields
            _write(level, self.name, text, given, error if isinstance(error, BaseException) else None)
        except Exception as problem:  # noqa: BLE001 - a line of prose is no reason for a request to fail
            notices.say_once(f"a log line is lost: {type(problem).__name__} inside obs_surface", key="log lost")


def get_logger(name: str) -> Logger:
    """Return the logger of a name, usually `__name__`."""
    return Logger(name)


def logging_handler() -> logging.Handler:
    """Return a handler that gives what libraries log by the standard library's `logging` the same lines and sinks.

    `logging.getLogger().addHandler(obs_surface.loggers.logging_handler())` once, where the process is configured. The
    fields of `extra=` become fields; OBS_LOG_LEVEL holds here too, below the levels of the loggers themselves.
    """
    from obs_surface.logging_handler import SurfaceHandler

    return SurfaceHandler()


_level_of: tuple[object, int] = (object(), INFO)


def _threshold() -> int:
    """The lowest level that is written; the environment is read once a configuration."""
    global _level_of  # noqa: PLW0603 - one tuple, replaced as a whole: safe over threads
    active = configuration.active
    of, level = _level_of
    if of is active and active is not None:
        return level
    word = os.environ.get("OBS_LOG_LEVEL", "").strip().lower() or "info"
    level = _NUMBERS.get(word, -1)
    if level < 0:
        level = INFO
        notices.say_once(f"OBS_LOG_LEVEL={word!r}: debug, info, warn, error, critical or off; info is taken")
    _level_of = (active, level)
    return level


def _write(
    level: int,
    logger: str,
    message: str,
    fields: Mapping[str, Any],
    error: BaseException | None,
    *,
    at: int | None = None,
) -> None:
    """Write a line. `at`: nanoseconds since the epoch, default now."""
    surface = configuration.active or configuration.unconfigured()
    ctx = _current.get()
    actor = ctx.actor or surface.actor
    record: dict[str, Any] = {
        "timestamp": timestamp(at),
        "level": _LEVELS[level],
        "message": message,
        "logger": logger,
        "service": actor.service_name,
        "environment": actor.env,
        **ctx.correlation(),
    }
    if surface.otel:
        span = _otel.current_ids()
        if span is not None:
            record["trace_id"], record["span_id"] = span
    if error is not None:
        _add_error(record, error)
    if ctx.fields or fields:
        _add_fields(record, {**ctx.fields, **fields}, surface)
    surface.write(_line(record, surface))


def _add_fields(record: dict[str, Any], fields: dict[str, Any], surface: Surface) -> None:
    redact = surface.redact_fields
    if redact is not None:
        try:
            fields = redact(fields)
        except Exception:  # noqa: BLE001 - keys that are no strings, somewhere inside: made plain, they can be looked at
            fields = redact(plain(fields)[0])
    for name, value in fields.items():
        if name in record or name in _OURS:
            if name not in _OURS and record[name] == str(value):
                continue
            name = f"field.{name}"
        record[name] = value


def _add_error(record: dict[str, Any], error: BaseException) -> None:
    kind = type(error)
    module = kind.__module__
    record["error.type"] = kind.__qualname__ if module in ("builtins", "__main__") else f"{module}.{kind.__qualname__}"
    try:
        record["error.message"] = str(error)
    except Exception:  # noqa: BLE001 - somebody's broken __str__
        record["error.message"] = "<no message>"
    import traceback

    try:
        stack = "".join(traceback.format_exception(error))
    except Exception:  # noqa: BLE001 - as above, of a cause or a note
        stack = "".join(traceback.format_tb(error.__traceback__))
    record["error.stack"] = stack if len(stack) <= _LONGEST_STACK else _CUT + stack[-_LONGEST_STACK:]


def _text(message: object, args: tuple[object, ...]) -> str:
    try:
        text = message if isinstance(message, str) else str(message)
    except Exception:  # noqa: BLE001 - somebody's broken __str__
        return f"<{type(message).__name__}>"
    if not args:
        return text
    try:
        # A single mapping is what `%(name)s` takes, as in the standard library.
        return text % (args[0] if len(args) == 1 and isinstance(args[0], Mapping) and args[0] else args)
    except Exception:  # noqa: BLE001 - a wrong format string: better the bare message than none
        return text


def _line(record: dict[str, Any], surface: Surface) -> bytes:
    try:
        data = surface.dumps(record)
        if b"null" in data and has_nonfinite(record):
            data = dumps_plain(plain(record)[0])
    except Exception:  # noqa: BLE001 - what is not plain is made plain
        data = dumps_plain(plain(record)[0])
    if len(data) >= surface.limit:
        surface.truncated.add()
        data = _shortened(plain(record)[0], surface.limit - 1)
    return data + b"\n"


def _shortened(record: dict[str, Any], room: int) -> bytes:
    """Return the line with its message cut and, largest first, its fields, until there is room for it."""
    for name, longest in (("message", _LONGEST_MESSAGE), ("error.message", 1000), ("error.stack", _LONGEST_STACK)):
        if len(record.get(name, "")) > longest:
            record[name] = record[name][: longest - len(_CUT)] + _CUT
    left = len(dumps_plain(record))
    sizes = {name: len(dumps_plain(value)) for name, value in record.items() if name not in _OURS}
    cut = len(_CUT) + 2
    for name in sorted(sizes, key=sizes.__getitem__, reverse=True):
        if left <= room or sizes[name] <= cut:
            break
        left -= sizes[name] - cut
        record[name] = _CUT
    if left > room:  # a line full of tiny fields, or of names that are data
        record = {name: value for name, value in record.items() if name in _OURS}
        left = len(dumps_plain(record))
    for name in ("message", "logger"):
        if left > room:
            record[name] = _CUT
            left = len(dumps_plain(record))
    return dumps_plain(record)


__all__ = ["Logger", "get_logger", "logging_handler"]
