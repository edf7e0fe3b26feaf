"""Makes a document findable."""

from __future__ import annotations

import time

from packages import observability as obs
from packages.index import NAME, terms
from packages.store import Store
from services.workers.runtime import serve


@obs.instrument(name="indexer.handle", fields=["document_id"])
def handle(store: Store, document_id: str) -> None:
    """Replace what the index holds of a document."""
    began = time.perf_counter()
    attempt = obs.current().attempt or 1
    obs.emit("narralytica.index.sync.started", {"attempt": attempt, "index": NAME})
    entries = [(segment.position, terms(segment.text)) for segment in store.segments(document_id)]
    store.put_entries(document_id, entries)
    obs.emit(
        "narralytica.index.sync.completed",
        {
            "attempt": attempt,
            "index": NAME,
            "segments_count": len(entries),
            "latency_ms": round((time.perf_counter() - began) * 1000, 3),
        },
    )


if __name__ == "__main__":
    serve("indexer", handle)
