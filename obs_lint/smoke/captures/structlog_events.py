"""What goes through structlog in this process, after its processors ran."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, MutableSequence
from typing import Any

from obs_lint.smoke.captures.capture import CaptureEnd, CaptureError, Delivery, Put
from obs_lint.smoke.fields import Fields
from obs_lint.smoke.objects import ObjectReader
from obs_lint.smoke.reading import LineReader


class StructlogCapture:
    """The outcome of the last processor: a rendered line, or the event's dict where nothing renders it.

    Loggers that hand on to the standard library are left to `LoggingCapture`, which sees what becomes of them there,
    unless `stdlib` is True. The list of processors is changed in place, so that loggers made before are seen too.
    """

    def __init__(self, *, fields: Fields | ObjectReader | None = None, stdlib: bool = False) -> None:
        self.name = "structlog"
        self._objects = fields if isinstance(fields, ObjectReader) else ObjectReader(fields)
        self._delivery = Delivery(self.name)
        self._stdlib = stdlib
        self._lines = LineReader(self.name, self._objects)
        self._lock = threading.Lock()
        self._processors: Any = None
        self._watch: Any = None
        self._last: Any = None

    def start(self, put: Put) -> None:
        """Put the capture around the last processor. Raises CaptureError where structlog is not installed."""
        try:
            import structlog
        except ImportError:
            raise CaptureError("structlog: it is not installed, so nothing can go through it") from None
        self._delivery.open(put)
        processors = structlog.get_config()["processors"]
        if not isinstance(processors, MutableSequence):
            processors = list(processors)
            structlog.configure(processors=processors)
        last = processors[-1] if processors else None

        def watch(logger: Any, method: str, event: Any) -> Any:
            outcome = event if last is None else last(logger, method, event)
            if self._stdlib or not isinstance(logger, logging.Logger):
                self._take(outcome)
            return outcome

        if last is None:
            processors.append(watch)
        else:
            processors[-1] = watch
        self._processors, self._watch, self._last = processors, watch, last

    def stop(self, timeout: float = 5.0) -> CaptureEnd:
        """Put the last processor back."""
        processors, self._processors = self._processors, None
        if processors is not None:
            if self._watch in processors:
                place = processors.index(self._watch)
                if self._last is None:
                    del processors[place]
                else:
                    processors[place] = self._last
            else:
                self._delivery.note("structlog was configured anew while it was watched: what came later was not seen")
        with self._lock:
            self._delivery(self._lines.end())
        end = self._delivery.end()
        self._delivery.close()
        return end

    def _take(self, outcome: Any) -> None:
        if isinstance(outcome, tuple):  # arguments for the wrapped logger
            args, kwargs = outcome if len(outcome) == 2 else (outcome, {})
            outcome = args[0] if args else kwargs
        with self._lock:
            if isinstance(outcome, (str, bytes)):
                line = outcome.encode("utf-8", "replace") if isinstance(outcome, str) else outcome
                self._delivery(self._lines.take(line.rstrip(b"\n").replace(b"\n", b"\\n")))
            elif isinstance(outcome, Mapping):
                self._lines.line += 1
                raw = repr(outcome).encode("utf-8", "replace")
                self._delivery((self._objects.record(dict(outcome), self.name, self._lines.line, raw),))
