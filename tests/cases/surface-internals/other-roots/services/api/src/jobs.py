from packages.observability import _envelope  # error: OBS109
from packages.observability.sinks.otel import write  # error: OBS109
from packages.observability import emit
