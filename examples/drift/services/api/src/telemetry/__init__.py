"""Spans and JSON logs for the API."""

import json
import logging

from opentelemetry import trace


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record):
        return json.dumps({"level": record.levelname, "message": record.getMessage()})


def setup(level="INFO"):
    """Log JSON to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(level)


def span(name):
    """Start a span of the API."""
    return trace.get_tracer("api").start_as_current_span(name)
