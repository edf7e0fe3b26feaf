"""What the checks of a smoke run answer: findings, and a verdict a code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as made_by
from enum import StrEnum
from typing import NamedTuple


class Answer(StrEnum):
    """What one check says of a run. Nothing to look at is never a pass."""

    PASS = "pass"
    FAIL = "fail"
    NOT_APPLICABLE = "not applicable"
    INCONCLUSIVE = "inconclusive"


class Seen(NamedTuple):
    """Where a record was captured."""

    source: str
    line: int
    """1-based; 0 where the source has no lines."""
    message: str = ""
    """What is to be seen there."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault, however often it occurred: its fingerprint is code, event, field and producer."""

    code: str
    message: str
    """One line; names, pointers and ids, never values of a payload."""
    event: str = ""
    """The event, span or response that it is about."""
    field: str = ""
    """A correlation field, a JSON pointer, a header, a hop `job_id → job_run_id`, or the like."""
    producer: str = ""
    """The service that emitted it, or the source where no service is known."""
    source: str = ""
    """Where it was first seen; the capture's name, `` where it is about nothing that was seen."""
    line: int = 0
    ids: Mapping[str, str] = made_by(default_factory=dict)
    """Correlation ids of the first occurrence: the flow that it belongs to."""
    count: int = 1
    """How often."""
    inconclusive: bool = False
    """True where it can't be told: the evidence is incomplete, or it is still in flight."""
    trail: tuple[Seen, ...] = ()
    """Further places that show it."""
    consequences: tuple[Finding, ...] = ()
    """What follows from it."""
    time: int = 0
    """Nanoseconds since the epoch of the first occurrence; 0 where unknown."""

    @property
    def target(self) -> str:
        """Event, field and producer, as in Diagnostic.target."""
        return " ".join(part for part in (self.event, self.field, self.producer) if part)

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits for code, event, field and producer: the same fault has the same in every run."""
        from obs_lint.digests import blake2b

        digest = blake2b(digest_size=16)
        digest.update(f"{self.code}\0{self.event}\0{self.field}\0{self.producer}".encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check code says of the run."""

    code: str
    answer: Answer
    reason: str = ""
    """Why it is not applicable or inconclusive; what can't be told beside a failure; why it passes though something was
    found. Empty otherwise."""
    looked_at: int = 0
    """How many records, flows or spans the answer rests on."""
