"""What every check is: codes, a method for each kind of record that it looks at, and an end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from obs_lint.smoke.ledger import Ledger
from obs_lint.smoke.options import Ended, Expectation, Options
from obs_lint.smoke.plan import EventPlan, Plan
from obs_lint.smoke.records import Record

SECOND = 1_000_000_000
"""Nanoseconds."""


class Flow(dict[str, frozenset[str]]):
    """Correlation field → the values of it that belong to one flow; "" stands for names within their parents."""

    def has(self, ids: Mapping[str, str]) -> bool:
        """True where any of these ids belongs to the flow."""
        return any(value in self.get(name, ()) for name, value in ids.items() if value)


@dataclass(frozen=True, slots=True)
class End:
    """How a run ended, as the checks ask for it."""

    ended: Ended
    now: int
    """Nanoseconds since the epoch: when it ended, or the latest time of any record."""
    lossy: bool
    """True where evidence is known to be lost: what was not seen may have been there."""
    flows: tuple[tuple[Expectation, Flow], ...] = ()
    """What steps expect, and every id that belongs to the flow of each."""

    def over(self, record_source: str, service: str) -> bool:
        """True where nothing can follow from where a record came from."""
        ended = self.ended
        return ended.complete or record_source in ended.exited or (bool(service) and service in ended.exited)


class Check:
    """One kind of check. A subclass defines the methods for the records that it looks at; no other is called."""

    codes: tuple[str, ...] = ()

    def __init__(self, plan: Plan, options: Options, ledger: Ledger) -> None:
        self.plan = plan
        self.options = options
        self.ledger = ledger

    def event(self, record: Record, known: EventPlan | None) -> None:
        """Look at an envelope; `known` is the event's plan, None where it is not registered."""
        raise NotImplementedError

    def log(self, record: Record) -> None:
        """Look at a log line that is an object."""
        raise NotImplementedError

    def text(self, record: Record) -> None:
        """Look at a line that is not JSON."""
        raise NotImplementedError

    def span(self, record: Record) -> None:
        """Look at a span."""
        raise NotImplementedError

    def response(self, record: Record) -> None:
        """Look at an HTTP response."""
        raise NotImplementedError

    def broken(self, record: Record) -> None:
        """Look at what could not be read."""
        raise NotImplementedError

    def sweep(self, ordinal: int) -> None:
        """Forget what is finished; called every few thousand records with the number of records so far."""

    def finish(self, end: End) -> None:
        """Judge what is still open."""

    def evictions(self) -> dict[str, int]:
        """Window → entries that were forgotten before they were judged."""
        return {}
