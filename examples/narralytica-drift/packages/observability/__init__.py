"""The surface, as it was meant."""

from contextvars import ContextVar

from obs_surface import context, current, emit, get_logger, instrument, job_run

__all__ = ["context", "current", "emit", "get_logger", "instrument", "job_run", "tenant"]

tenant: ContextVar[str] = ContextVar("tenant", default="")
"""Whose data it is."""
