"""Who asked, for which job, in which run: carried along without being passed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class ObsContext:
    """The correlation ids that hold here."""

    request_id: str | None = None
    job_id: str | None = None
    job_run_id: str | None = None
    layer_name: str | None = None


_NONE = ObsContext()
_CURRENT: ContextVar[ObsContext] = ContextVar("obs_context", default=_NONE)


def current() -> ObsContext:
    """Return the context that holds here."""
    return _CURRENT.get()


@contextmanager
def bind(**ids: str) -> Iterator[ObsContext]:
    """Add ids to the context for the length of a block."""
    token = _CURRENT.set(replace(_CURRENT.get(), **ids))
    try:
        yield _CURRENT.get()
    finally:
        _CURRENT.reset(token)
