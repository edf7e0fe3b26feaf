from enum import StrEnum

PREFIX = "open"
TRACE = PREFIX + "telemetry.trace"


class Lib(StrEnum):
    LOG = "structlog"
    JSON = "json"
