"""The application: routes, what they share, and the middleware around all of it (004 Issue 6.4)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from packages import observability as obs
from packages.queue import open_queue
from packages.settings import Settings
from packages.store import Store, UnknownIdError
from services.api import debug, health, jobs, search


async def _not_found(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 404)


def create_app(settings: Settings) -> obs.RequestContextMiddleware:
    """Return the API; its store and its queue are opened when it starts."""

    @asynccontextmanager
    async def lifespan(api: FastAPI) -> AsyncIterator[None]:
        api.state.store = Store(settings.data / "narralytica.db")
        with open_queue(settings) as queue:
            api.state.queue = queue
            yield
        api.state.store.close()
        obs.shutdown()

    api = FastAPI(title="narralytica", version="1.0.0", lifespan=lifespan)
    for routes in (search, jobs, health):
        api.include_router(routes.router)
    api.add_exception_handler(UnknownIdError, _not_found)
    if settings.debug:
        api.include_router(debug.router)
    return obs.RequestContextMiddleware(api)  # around everything: an unhandled error's answer has its id too
