"""Who emits: the service, its version, where it runs."""

from __future__ import annotations

from typing import NamedTuple


class Actor(NamedTuple):
    """The `actor` of an envelope (004 Issue 6.1)."""

    service_name: str
    service_version: str
    env: str
    host: str | None = None
    """Left out of the envelope where it is None."""

    def as_dict(self) -> dict[str, str]:
        """Return the fields that are set, under their names in the envelope."""
        return {name: value for name, value in zip(self._fields, self, strict=True) if value}


UNKNOWN = Actor("unknown", "unknown", "unknown")
"""The actor of a process that called no `configure`."""
