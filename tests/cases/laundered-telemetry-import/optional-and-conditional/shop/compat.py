import sys

if sys.version_info >= (3, 11):
    from opentelemetry import trace
else:
    trace = None

try:
    import structlog as log
except ImportError:
    import logging as log
