"""What a run has shown: what became of each step, of each process and of each check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from obs_lint.smoke.captures.capture import CaptureEnd
from obs_lint.smoke.checker import Result
from obs_lint.smoke.drive import Exchange
from obs_lint.smoke.flows import Id, Index
from obs_lint.smoke.processes import ProcessEnd
from obs_lint.smoke.scenario import Scenario, Step


@dataclass(frozen=True, slots=True)
class Unmet:
    """One thing that a step expected and that did not come."""

    kind: str
    """status | header | body | response | event | no-event | flow | lifecycle | exit | process | value"""
    message: str
    event: str = ""
    header: str = ""


@dataclass(slots=True)
class StepOutcome:
    """What became of one step."""

    step: Step
    exchanges: list[Exchange] = field(default_factory=list)
    unmet: list[Unmet] = field(default_factory=list)
    seconds: float = 0.0
    skipped: str = ""
    """Why it was not done; empty where it was."""
    seeds: list[tuple[Id, ...]] = field(default_factory=list)
    """The ids of its flow, one entry an exchange."""
    first_record: int = 0
    """How many records there were when it began."""

    @property
    def ok(self) -> bool:
        """Done, and everything that it expected came."""
        return not self.unmet and not self.skipped


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that a run has shown."""

    scenario: Scenario
    result: Result
    steps: tuple[StepOutcome, ...]
    ends: tuple[ProcessEnd, ...]
    captures: tuple[CaptureEnd, ...]
    index: Index
    seconds: float
    run: str
    not_ready: Mapping[str, str] = field(default_factory=dict)
    """Process → why it could not be used; then nothing was asked of the system."""
    last_lines: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of the processes that ended unasked or were never ready."""

    @property
    def died(self) -> tuple[ProcessEnd, ...]:
        """The processes that ended unasked, or not as the scenario says."""
        return tuple(end for end in self.ends if unexpected(end, self.scenario))


def unexpected(end: ProcessEnd, scenario: Scenario) -> bool:
    """Whether a process ended in a way that nobody asked for."""
    spec = next((one for one in scenario.processes if one.name == end.name), None)
    if spec is None:
        return False
    if end.planned:
        return False
    if end.forced:
        return True
    if spec.exit_codes is not None:
        return end.code not in spec.exit_codes
    # Whoever is told to stop may say so by any code; a signal that the run did not send is somebody else's.
    return not end.asked or (end.code < 0 and end.how != f"was ended by SIG{spec.stop_signal}")
