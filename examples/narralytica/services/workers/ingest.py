"""Reads what was handed in: `Name: what was said`, a line a turn."""

from __future__ import annotations

from packages import observability as obs
from packages.pipeline import UnreadableError
from packages.store import Segment, Store
from services.workers.runtime import serve


@obs.instrument(name="ingest.handle", fields=["document_id"])
def handle(store: Store, document_id: str) -> None:
    """Cut the media into turns; raise UnreadableError where nobody speaks."""
    turns = [line for line in store.media(document_id).splitlines() if ":" in line]
    if not turns:
        raise UnreadableError("no turn of speech in the document")
    store.put_segments(document_id, [Segment(document_id, at, 0, "", turn) for at, turn in enumerate(turns)])


if __name__ == "__main__":
    serve("ingest", handle)
