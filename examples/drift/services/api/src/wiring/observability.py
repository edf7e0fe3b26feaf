"""Where the API decides to what its events go."""

from opentelemetry._logs import set_logger_provider
from opentelemetry.sdk._logs import LoggerProvider

from packages import observability as obs
from packages.observability.sinks.otel import OtelSink


def configure() -> None:
    """Connect the surface; called once, at start-up."""
    set_logger_provider(LoggerProvider())
    obs.add_sink(OtelSink("api"))
