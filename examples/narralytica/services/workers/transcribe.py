"""Says when each turn begins."""

from __future__ import annotations

from packages import observability as obs
from packages.store import Store
from services.workers.runtime import serve

_WORD_MS = 400
"""How long a word takes, on average."""


@obs.instrument(name="transcribe.handle", fields=["document_id"])
def handle(store: Store, document_id: str) -> None:
    """Give every segment its start."""
    start, timed = 0, []
    for segment in store.segments(document_id):
        timed.append(segment._replace(start_ms=start))
        start += _WORD_MS * len(segment.text.split())
    store.put_segments(document_id, timed)


if __name__ == "__main__":
    serve("transcribe", handle)
