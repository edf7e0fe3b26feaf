"""A second way out, from before the surface."""

import logging  # drift: OBS102

from opentelemetry import trace  # drift: OBS102

logging.basicConfig(level="INFO")  # drift: OBS107


def emit_event(name, **fields):  # drift: OBS101 OBS105
    """Log an event, without ids and without looking into the registry."""
    logging.info("%s %s", name, fields)


__all__ = ["emit_event", "trace"]
