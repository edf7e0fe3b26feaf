"""Search and jobs."""

import time
import uuid

import httpx
from fastapi import FastAPI, Request
from redis import Redis

from packages import observability as obs
from services.api.telemetry import trace  # drift: OBS103

app = FastAPI(title="narralytica")  # drift: OBS405
redis = Redis()


@app.post("/search")
@obs.instrument
def search(query: dict[str, str]) -> dict[str, object]:
    """Ask the index, which is another service."""
    began = time.perf_counter()
    with trace.get_tracer(__name__).start_as_current_span("search"):
        answer = httpx.post("http://index.narralytica.internal/find", json=query)  # drift: OBS401
    hits = answer.json()
    obs.emit(
        "narralytica.search.exectued",  # drift: OBS201
        {"mode": "lexical", "results_count": len(hits), "latency_ms": time.perf_counter() - began},
    )
    obs.emit(
        "narralytica.search.executed",
        {"mode": "fuzzy", "query": query["q"], "results_count": len(hits)},  # drift: OBS204 OBS205 OBS208
    )
    return {"results": hits}


@app.post("/jobs")
def create(document_id: str, request: Request) -> dict[str, str]:  # drift: OBS301
    """Put a document up for enrichment."""
    job_id = str(uuid.uuid4())
    obs.emit("narralytica.job.created", {"job_type": "enrich", "status": "queued"}, severity="error")  # drift: OBS206
    redis.xadd("enrich", {"document_id": document_id})  # drift: OBS402
    return {"job_id": job_id, "reqId": request.headers["X-Request-Id"]}  # drift: OBS404
