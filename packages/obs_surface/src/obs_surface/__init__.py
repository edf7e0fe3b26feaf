"""One observability surface: events with a contract, the context that ties them together, and where they go."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

# These modules are light, and bear the names of what they hold: bound here, the function wins over the module.
from obs_surface.actor import Actor
from obs_surface.configuration import configure, flush, shutdown, stats
from obs_surface.context import ObsContext, attach, context, current, detach, run_in_context
from obs_surface.emit import emit
from obs_surface.errors import ConfigurationError, ContractViolation, LockError
from obs_surface.version import __version__

if TYPE_CHECKING:
    from obs_surface.instrument import instrument, instrument_class
    from obs_surface.jobs import (
        LifecycleError,
        end_job_run_failure,
        end_job_run_success,
        job_run,
        layer,
        lifecycle,
        start_flow,
        start_job_run,
    )
    from obs_surface.loggers import get_logger
    from obs_surface.middleware import RequestContextMiddleware, WsgiRequestContextMiddleware
    from obs_surface.sinks import FanOut, JsonLinesSink, MemorySink

__all__ = [
    "Actor",
    "ConfigurationError",
    "ContractViolation",
    "FanOut",
    "JsonLinesSink",
    "LifecycleError",
    "LockError",
    "MemorySink",
    "ObsContext",
    "RequestContextMiddleware",
    "WsgiRequestContextMiddleware",
    "__version__",
    "attach",
    "configure",
    "context",
    "current",
    "detach",
    "emit",
    "end_job_run_failure",
    "end_job_run_success",
    "flush",
    "get_logger",
    "instrument",
    "instrument_class",
    "job_run",
    "layer",
    "lifecycle",
    "run_in_context",
    "shutdown",
    "start_flow",
    "start_job_run",
    "stats",
]

_HOMES = {
    "FanOut": "sinks.fan_out",
    "JsonLinesSink": "sinks.json_lines",
    "LifecycleError": "jobs",
    "MemorySink": "sinks.memory",
    "RequestContextMiddleware": "middleware",
    "WsgiRequestContextMiddleware": "middleware",
    "end_job_run_failure": "jobs",
    "end_job_run_success": "jobs",
    "get_logger": "loggers",
    "instrument": "instrument",
    "instrument_class": "instrument",
    "job_run": "jobs",
    "layer": "jobs",
    "lifecycle": "jobs",
    "start_flow": "jobs",
    "start_job_run": "jobs",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """The package: importing `obs_surface.instrument`, the module, must not hide `instrument`, the decorator."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (isinstance(value, ModuleType) and name in __all__):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
