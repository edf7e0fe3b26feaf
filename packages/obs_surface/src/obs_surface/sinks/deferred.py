"""What a signal handler left to do until the thread that it interrupted is through with its line."""

from __future__ import annotations

from collections.abc import Callable


class _Deferred:
    """One call, made at the end of the next `write`; None, as always but while a process ends."""

    call: Callable[[], None] | None = None


deferred = _Deferred()
