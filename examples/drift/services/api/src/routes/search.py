"""Search what the workers have indexed."""

from time import perf_counter

from fastapi import APIRouter

from packages.observability import emit
from ranking.metrics import reciprocal_rank
from telemetry import trace

router = APIRouter()
tracer = trace.get_tracer(__name__)


@router.get("/search")
async def search(q: str, limit: int = 20):
    """Answer a query."""
    started = perf_counter()
    with tracer.start_as_current_span("search"):
        hits = await find(q, limit)
    emit("inkwell.search.executed", {"results": len(hits), "latency_ms": (perf_counter() - started) * 1000})
    return {"hits": hits, "quality": reciprocal_rank(hits)}


async def find(query: str, limit: int) -> list[dict]:
    """Ask the index."""
    return []
