"""A scenario: which processes a smoke run starts, what it sends them, where it listens, and what must be seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

FORMAT = "obs-smoke/1"

READY_WITHIN = 20.0
"""Seconds that a process has to become ready, where the scenario says nothing."""
STEP_WITHIN = 10.0
"""Seconds in which what a step expects of the captures must be seen."""
STOP_WITHIN = 5.0
"""Seconds between SIGTERM and SIGKILL."""
REQUEST_WITHIN = 10.0
"""Seconds that a response may take."""
PROFILES = ("operations-baseline",)
"""What plain log lines may be held to."""


class ScenarioError(Exception):
    """A scenario that can't be run as it is written: every reason, each with its line and column."""

    def __init__(self, path: str, problems: tuple[tuple[int, int, str], ...]) -> None:
        """`problems`: (line, column, message), 1-based."""
        super().__init__("\n".join(f"{path}:{line}:{column}: {message}" for line, column, message in problems))
        self.path = path
        self.problems = problems


class Place(NamedTuple):
    """Where something of the scenario is written; 1-based."""

    line: int = 1
    column: int = 1


START: Final = Place()
"""The beginning of the file: of what is written nowhere."""


@dataclass(frozen=True, slots=True)
class Ready:
    """How to tell that a process can be used; one of the three is set, or none: it is ready once it runs."""

    http: str = ""
    """A URL that answers with 2xx."""
    log: str = ""
    """Text that occurs in a line of its output (stdout or stderr)."""
    tcp: str = ""
    """`host:port` that accepts connections."""
    within: float = READY_WITHIN
    """Seconds."""


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One process of the system under test."""

    name: str
    command: tuple[str, ...]
    """Program and arguments; may hold templates. `python` is the interpreter that obs-lint runs on, unless PATH is
    asked for with `/usr/bin/env python`."""
    cwd: str = ""
    """Relative to the scenario's folder."""
    env: Mapping[str, str | None] = field(default_factory=dict)
    """On top of the harness's own environment; None takes a variable away."""
    ready: Ready = field(default_factory=Ready)
    after: tuple[str, ...] = ()
    """Processes that must be ready before it is started."""
    stop_within: float = STOP_WITHIN
    """Seconds."""
    stop_signal: str = "TERM"
    """TERM | INT | QUIT | HUP."""
    sentinel: bool = True
    """Whether it emits `obs.smoke.sentinel` at its end; false says that nothing will, and that no check is to wait."""
    exit_codes: tuple[int, ...] | None = None
    """Exit codes that are an orderly end; None: any after it was told to stop, 0 before."""
    redis: bool = False
    """The kind `redis: {}`: a redis-server on a free port, in memory only, known to the others as `{redis.url}`."""
    place: Place = START


CaptureKind = Literal["stdout", "stderr", "file", "otlp-http", "redis-stream"]


@dataclass(frozen=True, slots=True)
class CaptureSpec:
    """One declared source of records."""

    kind: CaptureKind
    target: str
    """The process, the glob, the port (`auto` for a free one, `{port.otlp}` in the rest), the stream's key pattern."""
    url: str = ""
    """Of redis-stream: where the server is; default: the scenario's own Redis, else `REDIS_URL`."""
    sentinel: bool | None = None
    """Whether sentinels must arrive here; None: as the processes say, for the kinds that carry a process's events."""
    place: Place = START


@dataclass(frozen=True, slots=True)
class Http:
    """One request, as it is written: templates are not yet filled in."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    """In the order in which they are sent, repetitions kept; values go out byte for byte."""
    body: Any = None
    """Text, or what is to be sent as JSON (see `as_json`); None: no body."""
    as_json: bool = False
    timeout: float = REQUEST_WITHIN


@dataclass(frozen=True, slots=True)
class ExpectedHeader:
    """What one response header must be."""

    name: str
    value: str | None = None
    """The exact value (a template); None where only `present` or `matches` is asked."""
    matches: str = ""
    """A regular expression for the whole value."""
    present: bool = True
    """False: the header must not be there. True: it must be there exactly once."""


@dataclass(frozen=True, slots=True)
class ExpectedEvent:
    """An event that a step must lead to."""

    name: str
    count: int | None = None
    """Exactly so many; None: at least one."""
    payload: Mapping[str, Any] = field(default_factory=dict)
    """Dotted path in the payload → value."""
    anywhere: bool = False
    """True: it need not carry an id of the step's flow."""
    place: Place = START


@dataclass(frozen=True, slots=True)
class Expect:
    """What a step must lead to."""

    status: tuple[str, ...] = ()
    """`200`, `4xx`; one of them."""
    headers: tuple[ExpectedHeader, ...] = ()
    body: Mapping[str, Any] = field(default_factory=dict)
    """Dotted path in the JSON body → value; a mapping value with `matches` is a regular expression."""
    body_text: str = ""
    """Text that the body must hold."""
    events: tuple[ExpectedEvent, ...] = ()
    no_events: tuple[str, ...] = ()
    """Names that must not occur in the step's flow, once all else that the step waits for is there."""
    flow: tuple[str, ...] = ()
    """Correlation fields from the root on: each adjacent pair must be linked by a record of the step's flow."""
    lifecycle: tuple[str, ...] = ()
    """Lifecycles of which at least one instance belongs to the flow, all of them ended."""
    within: float = STEP_WITHIN
    """Seconds."""
    exit_codes: tuple[int, ...] = (0,)
    """Of a command."""
    place: Place = START


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that the run does, and what must follow from it.

    One of `http`, `parallel`, `command`, `signal`, `start` is set, or none: it only waits for what it expects.
    """

    name: str
    http: Http | None = None
    parallel: tuple[Step, ...] = ()
    """Steps that run at the same time."""
    command: tuple[str, ...] = ()
    """A program that is run to its end."""
    env: Mapping[str, str | None] = field(default_factory=dict)
    cwd: str = ""
    signal: tuple[str, str] = ("", "")
    """(process, TERM | KILL | …): `stop: worker`, `kill: worker`."""
    start: str = ""
    """A process that was stopped and is started again."""
    repeat: int = 1
    """How often; `{n}` counts from 1."""
    concurrency: int = 1
    """How many of the repetitions at a time."""
    save: Mapping[str, str] = field(default_factory=dict)
    """Name → `body.job_id`, `header.Location`, `status`, `sent.X-Request-Id`."""
    expect: Expect = field(default_factory=Expect)
    place: Place = START


@dataclass(frozen=True, slots=True)
class Checks:
    """How the checks are to judge, where that differs from the configuration."""

    ignore: Mapping[str, str] = field(default_factory=dict)
    """Code → the reason for not reporting it."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of `obs_lint.smoke.options.Options`, by their names."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which share of the registry's `smoke: always` events must be seen."""

    fail_under: float | None = None
    """Percent; None: nothing fails under it."""
    ignore: tuple[str, ...] = ()
    """Names (or `prefix.*`) that this scenario does not reach."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario file."""

    path: Path
    """The file, absolute."""
    shown: str
    """The file as messages show it."""
    registry: tuple[str, ...] = ()
    """Registries or lock files, relative to the file; empty: those that obs-lint's configuration names."""
    processes: tuple[ProcessSpec, ...] = ()
    captures: tuple[CaptureSpec, ...] = ()
    canaries: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    coverage: Coverage = field(default_factory=Coverage)
    checks: Checks = field(default_factory=Checks)
    env: Mapping[str, str | None] = field(default_factory=dict)
    """For all processes."""
    settle: float = 2.0
    """Seconds that open lifecycles are given at the end, before the processes are told to stop."""
    places: Mapping[str, Place] = field(default_factory=dict)
    """`processes.api`, `steps.search`, `coverage`, … → where it is written."""

    @property
    def folder(self) -> Path:
        """The folder that relative paths of the scenario start from."""
        return self.path.parent
