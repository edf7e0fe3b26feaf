"""What a run knows beside its records: canaries, its window, what was declared, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from obs_lint.smoke.captures.capture import CaptureEnd

BASELINE = "operations-baseline"
"""The profile of plain log lines that 001 asks for."""
LOG_FIELDS = ("timestamp", "level", "message", "service", "environment")
"""001 Structured logging: what every line must have, whatever it is about."""


@dataclass(frozen=True, slots=True)
class Options:
    """How the checks are to judge. `Options()` judges captured output of which nothing else is known."""

    canaries: Mapping[str, str] = field(default_factory=dict)
    """Name → value, planted in requests: must appear nowhere (OBS871)."""
    sources: tuple[str, ...] = ()
    """Sources of records that were declared and must deliver something (OBS801)."""
    sentinels: tuple[str, ...] = ()
    """Sources or services whose `obs.smoke.sentinel` must arrive (OBS802)."""
    started: int = 0
    """Nanoseconds since the epoch at which the run began; 0 unknown. With `Ended.at` the window of OBS814."""
    skew: float = 5.0
    """Seconds by which the clocks of two hosts may differ."""
    max_bytes: int = 65_536
    """A longer event is too large (OBS815). CloudEvents: intermediaries must forward 64 KiB."""
    always: bool = True
    """Whether every `smoke: always` event must be seen (OBS804); False for one test of many."""
    fail_under: float | None = None
    """Percent of the `smoke: always` events that must be seen (OBS806)."""
    unreached: tuple[str, ...] = ()
    """Events, or `prefix.*`, that the run does not reach: neither OBS804 nor OBS806 asks for them."""
    services: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Producer as the registry names it → service names (or `prefix-*`) that it has at run time (OBS818)."""
    profiles: tuple[str, ...] = ()
    """`operations-baseline`: hold plain log lines to 001 (OBS881-883)."""
    log_fields: tuple[str, ...] = LOG_FIELDS
    """What a plain log line must have, under a profile."""
    plain_sources: tuple[str, ...] = ()
    """Sources that are no JSON streams: OBS882 leaves them alone. `prefix*` patterns."""
    test: str = ""
    """The test that is running; ids that other tests declared are foreign to it (OBS836)."""
    test_ids: Mapping[str, str] = field(default_factory=dict)
    """Id value → the test whose request it is."""
    trace_roots: frozenset[str] = frozenset()
    """Span ids that the harness sent as parents (hex): they need not be captured (OBS861)."""
    ignore: tuple[str, ...] = ()
    """Codes that are not reported, and whose verdict is "not applicable"."""
    grace: int = 50_000
    """Records that a finished flow is kept for, in case something of it arrives late."""
    window: int = 100_000
    """Entries of each window: links of the chain, event ids, finished flows. Beyond it the older half is evicted, and
    counted."""
    in_flight: int = 100_000
    """Unfinished lifecycles, and spans of traces, that are kept at the same time."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended."""

    at: int = 0
    """Nanoseconds since the epoch; 0: the latest time of any record."""
    complete: bool = False
    """True where nothing can follow: every process has exited and its output was read to the end. What was begun and
    has not ended then fails, whatever its deadline."""
    exited: Mapping[str, int] = field(default_factory=dict)
    """Service or source whose process has exited → when, in nanoseconds since the epoch (0: unknown)."""
    captures: tuple[CaptureEnd, ...] = ()
    """What each capture says of itself (OBS801, OBS803)."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a step must lead to, of what the checks can tell: `Checker.expect`."""

    step: str
    ids: Mapping[str, str]
    """Any ids of its flow, usually the request_id that was sent or came back."""
    flow: tuple[str, ...] = ()
    """Correlation fields from the root on: each adjacent pair must be linked (OBS833)."""
    lifecycles: tuple[str, ...] = ()
    """Lifecycles that must have begun and ended in the flow (OBS851)."""
    by: int = 0
    """Nanoseconds since the epoch at which it must have come true; 0: the end of the run."""
