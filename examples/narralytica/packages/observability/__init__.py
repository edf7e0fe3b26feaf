"""The one way out (004 Issue 6.3): every event, every line of log and every id of every service goes through here."""

from obs_surface import (
    ContractViolation,
    ObsContext,
    RequestContextMiddleware,
    context,
    current,
    emit,
    get_logger,
    instrument,
    job_run,
    layer,
    run_in_context,
    shutdown,
)
from obs_surface.ids import uuid7

from packages.observability.wiring import start

__all__ = [
    "ContractViolation",
    "ObsContext",
    "RequestContextMiddleware",
    "context",
    "current",
    "emit",
    "get_logger",
    "instrument",
    "job_run",
    "layer",
    "run_in_context",
    "shutdown",
    "start",
    "uuid7",
]
