"""`python -m services.api`."""

from __future__ import annotations

import uvicorn

from packages import observability as obs
from packages.settings import Settings
from services.api.app import create_app


def main() -> None:
    """Serve until a signal says to stop."""
    settings = Settings.from_environment()
    obs.start("api", settings.env)
    # No log of uvicorn's own: it would print paths and queries without ids.
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()
