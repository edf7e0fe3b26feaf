"""The order of the workers, and the error that no second attempt cures."""

from __future__ import annotations

STAGES = ("ingest", "transcribe", "diarize", "enrich", "indexer")


class UnreadableError(Exception):
    """A document that no further attempt can read: the job fails at once."""


def stage_after(stage: str) -> str | None:
    """Return who goes on after `stage`; None after the last."""
    following = STAGES.index(stage) + 1
    return STAGES[following] if following < len(STAGES) else None
