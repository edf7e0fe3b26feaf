"""What has to be said to people and is no event: one line on standard error, once."""

from __future__ import annotations

import sys

_said: set[str] = set()


def say_once(message: str, *, key: str = "") -> None:
    """Write `obs_surface: message` to standard error, the first time in this process. Raises nothing."""
    key = key or message
    if key in _said:
        return
    _said.add(key)
    try:
        print(f"obs_surface: {message}", file=sys.stderr, flush=True)
    except Exception:  # noqa: BLE001 - no standard error, a closed one, one that is a broken object
        pass


def forget() -> None:
    """Say everything anew: for tests."""
    _said.clear()
