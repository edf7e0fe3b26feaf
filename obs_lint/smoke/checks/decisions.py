"""OBS891: an AI's decision says which model chose, among what, what, and why (002 Problem 3)."""

from __future__ import annotations

from typing import Any, Final

from obs_lint.smoke.checks.check import Check, End
from obs_lint.smoke.plan import EventPlan, is_decision
from obs_lint.smoke.records import Record

_PARTS: Final = (
    ("model", ("gen_ai.request.model", "gen_ai.response.model", "model", "model_id", "model_name", "modelId")),
    ("alternatives", ("alternatives", "options", "considered", "candidates")),
    ("choice", ("decision", "choice", "chosen", "selected", "selection")),
    ("reason", ("reasoning", "reason", "rationale", "why", "explanation")),
)
"""What must be told, and under which names: those of 002 first."""


class DecisionCheck(Check):
    """Events named after an AI's decision, or tagged `ai-decision`."""

    codes = ("OBS891",)

    def event(self, record: Record, known: EventPlan | None) -> None:
        """See `Check.event`."""
        decides = known.decision if known is not None else "ecision" in record.name and is_decision(record.name)
        if not decides:
            body = record.body
            tags = body.get("tags") if body.__class__ is dict else None
            if not (tags and tags.__class__ is list and "ai-decision" in tags):
                return
        self.ledger.looked["OBS891"] += 1
        payload = record.payload
        for part, names in _PARTS:
            if not any(_told(payload.get(name)) for name in names):
                self.ledger.report("OBS891", record, field=part, part=part, names=names[0])

    def finish(self, end: End) -> None:
        """See `Check.finish`."""
        self.ledger.absent("OBS891", "no AI decision was seen")


def _told(value: Any) -> bool:
    return value is not None and value not in ("", [], {})
