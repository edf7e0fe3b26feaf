"""Where a process listens and keeps its data: the environment, read once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """One field an environment variable; the README lists them."""

    data: Path
    """The folder of the database and of the embedded queue; made where it is missing."""
    redis_url: str | None
    """The queue is in Redis where this is given, else embedded."""
    host: str
    port: int
    env: str
    lease: float
    """Seconds after which a message that a worker has taken and not finished goes to another."""
    max_attempts: int
    debug: bool
    """Serves /debug/boom and rehearses failures that a request asks for."""

    @classmethod
    def from_environment(cls) -> Settings:
        """Read the environment; raise ValueError where a number is none."""
        get = os.environ.get
        data = Path(get("NARRALYTICA_DATA", "var"))
        data.mkdir(parents=True, exist_ok=True)
        return cls(
            data=data,
            redis_url=get("REDIS_URL") or None,
            host=get("NARRALYTICA_HOST", "127.0.0.1"),
            port=int(get("NARRALYTICA_PORT", "8000")),
            env=get("NARRALYTICA_ENV", "local"),
            lease=float(get("NARRALYTICA_LEASE_SECONDS", "30")),
            max_attempts=int(get("NARRALYTICA_MAX_ATTEMPTS", "3")),
            debug=get("NARRALYTICA_DEBUG", "") == "1",
        )
