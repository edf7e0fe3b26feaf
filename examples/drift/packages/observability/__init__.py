"""The one way out: every event of every service leaves through `emit`."""

from packages.observability.context import ObsContext, bind, current
from packages.observability.emit import add_sink, emit
from packages.observability.logger import get_logger

__all__ = ["ObsContext", "add_sink", "bind", "current", "emit", "get_logger"]
