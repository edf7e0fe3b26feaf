from packages.observability.sinks.otel import write
