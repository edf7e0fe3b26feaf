"""Everything that this process puts out, for tests: obs_surface, logging, structlog and OpenTelemetry's SDK."""

from __future__ import annotations

import sys

from obs_lint.smoke.captures.capture import Capture
from obs_lint.smoke.captures.otel_sdk import OtelCapture
from obs_lint.smoke.captures.stdlib_logging import LoggingCapture
from obs_lint.smoke.captures.structlog_events import StructlogCapture
from obs_lint.smoke.captures.surface import SurfaceCapture
from obs_lint.smoke.fields import Fields
from obs_lint.smoke.objects import ObjectReader


def in_process(fields: Fields | ObjectReader | None = None) -> list[Capture]:
    """Return a capture for each of the libraries that this process has imported; logging is always one.

    What goes through two of them (structlog into logging) is seen once. Start them in this order, stop them in reverse.
    """
    reader = fields if isinstance(fields, ObjectReader) else ObjectReader(fields)
    captures: list[Capture] = []
    if "obs_surface" in sys.modules:
        captures.append(SurfaceCapture(fields=reader))
    captures.append(LoggingCapture(fields=reader))
    if "structlog" in sys.modules:
        captures.append(StructlogCapture(fields=reader))
    if "opentelemetry.trace" in sys.modules:
        captures.append(OtelCapture(fields=reader))
    return captures
