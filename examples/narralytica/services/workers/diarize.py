"""Tells the voices apart, and puts numbers in place of the names."""

from __future__ import annotations

from packages import observability as obs
from packages.store import Store
from services.workers.runtime import serve


@obs.instrument(name="diarize.handle", fields=["document_id"])
def handle(store: Store, document_id: str) -> None:
    """Take the name off every turn; the first voice is speaker-1."""
    numbers: dict[str, str] = {}
    told = []
    for segment in store.segments(document_id):
        if not segment.speaker:
            name, _, said = segment.text.partition(":")
            speaker = numbers.setdefault(name.strip().lower(), f"speaker-{len(numbers) + 1}")
            segment = segment._replace(speaker=speaker, text=said.strip())
        told.append(segment)
    store.put_segments(document_id, told)


if __name__ == "__main__":
    serve("diarize", handle)
