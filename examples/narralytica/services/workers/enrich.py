"""Adds the layers, each in a thread of its own."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from packages import observability as obs
from packages.store import Store
from services.workers.layers import LAYERS, apply
from services.workers.runtime import serve


@obs.instrument(name="enrich.handle", fields=["document_id"])
def handle(store: Store, document_id: str) -> None:
    """Compute every layer of a document and keep it; raise the error of the first that failed, when all are through."""
    began = time.perf_counter()
    text = " ".join(segment.text for segment in store.segments(document_id))
    with ThreadPoolExecutor(len(LAYERS)) as pool:
        # A thread starts with an empty context: what it emits would belong to no job.
        computed = [pool.submit(obs.run_in_context(apply), layer, text) for layer in LAYERS]
    obs.emit(
        "narralytica.enrichment.joined",
        {
            "attempt": obs.current().attempt or 1,
            "layers_count": len(computed),
            "failed_count": sum(each.exception() is not None for each in computed),
            "latency_ms": round((time.perf_counter() - began) * 1000, 3),
        },
    )
    for layer, each in zip(LAYERS, computed, strict=True):
        store.put_layer(document_id, layer.name, each.result())


if __name__ == "__main__":
    serve("enrich", handle)
