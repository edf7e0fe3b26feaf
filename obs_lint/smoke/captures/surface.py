"""What obs_surface writes in this process, as its sinks get it: finished lines, after validation and redaction."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from obs_lint.smoke.captures.capture import CaptureEnd, Delivery, Put
from obs_lint.smoke.fields import Fields
from obs_lint.smoke.objects import ObjectReader
from obs_lint.smoke.reading import LineReader


class SurfaceSink:
    """A sink of obs_surface that hands every line to a capture. It has obs_surface's interface without importing it."""

    durable = False
    wants_record = False
    inline = True
    """The capture is to have seen a line when `emit` returns."""

    def __init__(self, capture: SurfaceCapture) -> None:
        self.name = "obs_lint"
        self._capture = capture

    def write(self, line: bytes, record: Mapping[str, Any]) -> None:
        """Take one line."""
        self._capture.take(line)

    def flush(self, timeout: float) -> bool:
        """Return True: nothing is ever on its way."""
        return True

    def close(self, timeout: float) -> None:
        """Do nothing: the capture outlives the configuration that it watches."""


class SurfaceCapture:
    """The lines of obs_surface, from `start` on, over each `configure` that follows.

    Where obs_surface is too old for that, the surface of the moment of `start` is tapped: give a later `configure` the
    capture's `sink` among its sinks; that another surface was in use at the end is noted.
    """

    def __init__(self, *, fields: Fields | ObjectReader | None = None) -> None:
        self.name = "obs_surface"
        self.sink = SurfaceSink(self)
        self._delivery = Delivery(self.name)
        self._lines = LineReader(self.name, fields)
        self._lock = threading.Lock()
        self._tapped: Any = None
        self._undo: Callable[[], None] | None = None
        self._is_everywhere = False

    def start(self, put: Put) -> None:
        """Tap the surface, if there is one, and deliver to `put` what the sink gets."""
        self._delivery.open(put)
        self._tapped = _current_surface()
        everywhere = getattr(sys.modules.get("obs_surface.configuration"), "tap", None)
        self._is_everywhere = everywhere is not None
        if everywhere is not None:
            # Also over a `configure` that the test itself calls.
            self._undo = everywhere(self.sink)
        elif self._tapped is not None:
            self._undo = self._tapped.tap(self.sink)

    def take(self, line: bytes) -> None:
        """Deliver the records of one line."""
        with self._lock:
            self._delivery(self._lines.take(line))

    def stop(self, timeout: float = 5.0) -> CaptureEnd:
        """Deliver no more."""
        undo, self._undo = self._undo, None
        if undo is not None:
            undo()
        with self._lock:
            if not self._is_everywhere and _current_surface() is not self._tapped and not self._lines.line:
                self._delivery.note("obs_surface was configured after the capture began, without its sink")
            self._delivery(self._lines.end())
        end = self._delivery.end()
        self._delivery.close()
        return end


def _current_surface() -> Any:
    """The surface as it is configured, None where obs_surface is not in use. It is never imported from here."""
    configuration = sys.modules.get("obs_surface.configuration")
    current = getattr(configuration, "current_surface", None)
    return current() if current is not None else None
