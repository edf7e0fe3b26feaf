"""POST /search."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from packages import index
from packages import observability as obs
from services.api.opened import OpenedStore

router = APIRouter()


class Query(BaseModel):
    """What somebody looks for."""

    q: str = Field(min_length=1, max_length=500)
    mode: index.Mode = "hybrid"
    speaker: str | None = Field(default=None, max_length=64)
    limit: int = Field(default=10, ge=1, le=100)


@router.post("/search")
@obs.instrument
def search(query: Query, store: OpenedStore) -> dict[str, Any]:
    """Answer with the segments that fit; what was asked for stays here (004 Issue 6.4: no raw text)."""
    began = time.perf_counter()
    hits = index.search(store, query.q, query.mode, query.speaker, query.limit)
    obs.emit(
        "narralytica.search.executed",
        {
            "mode": query.mode,
            "filters": {"speaker": query.speaker},  # pseudonymous in the registry: it leaves as a hash
            "results_count": len(hits),
            "latency_ms": round((time.perf_counter() - began) * 1000, 3),
            "index": index.NAME,
        },
    )
    return {"results": [{"score": round(hit.score, 4), **hit.segment._asdict()} for hit in hits]}
