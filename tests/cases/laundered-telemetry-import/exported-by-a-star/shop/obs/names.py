import structlog
from opentelemetry.trace import Span, StatusCode

__all__ = ["Span"]
__all__ += ["StatusCode"]
