from . import telemetry as t
from .app import api, app
from .telemetry import traced


@traced()  # error: OBS303@2
@app.get("/")
async def listed():
    return []


@t.instrument  # error: OBS303
@api.router.get("/{key}")
async def shown(key):
    return key


def routes(router: "APIRouter"):
    @traced  # error: OBS303@6
    @app.delete("/")
    async def removed():
        return None

    @app.put("/")
    @traced
    async def changed():
        return None


@(
    traced  # error: OBS303
)
@app.post("/")
async def placed():
    return []


@t.instrument  # obs: ignore[OBS303] measured by the middleware
@app.patch("/")
async def patched():
    return []
