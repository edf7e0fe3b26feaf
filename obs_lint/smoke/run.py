"""One smoke run from beginning to end: start, drive, capture, stop, judge; and stop again whatever happened."""

from __future__ import annotations

import os
import re
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any
from uuid import uuid4

from obs_lint.registry.model import Registry
from obs_lint.smoke.captures.capture import Capture, CaptureEnd, CaptureError
from obs_lint.smoke.captures.intake import Intake
from obs_lint.smoke.captures.stdout import StdoutCapture
from obs_lint.smoke.checker import Checker, Result
from obs_lint.smoke.drive import Exchange, RequestError, prepare, saved, send
from obs_lint.smoke.fields import Fields
from obs_lint.smoke.flows import Flow, Id, Index, OpenInstances, Shape
from obs_lint.smoke.options import Ended, Expectation, Options
from obs_lint.smoke.plan import Plan
from obs_lint.smoke.processes import Group, Process, ProcessEnd, ProcessError, environment
from obs_lint.smoke.records import EVENT, Record
from obs_lint.smoke.scenario import (
    CaptureSpec,
    Expect,
    ExpectedEvent,
    ProcessSpec,
    Ready,
    Scenario,
    ScenarioError,
    Step,
)
from obs_lint.smoke.templates import Ports, TemplateError, Values, at_path

SENTINEL = "OBS_SMOKE_RUN"
"""The variable that tells obs_surface to emit `obs.smoke.sentinel` for this run when it shuts down."""


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


def run(
    scenario: Scenario,
    registries: Sequence[Registry] = (),
    *,
    env: Mapping[str, str] | None = None,
    on_step: Callable[[StepOutcome], None] | None = None,
    on_process: Callable[[str, str], None] | None = None,
) -> Outcome:
    """Run a scenario. `env` is put on top of what the scenario gives every process.

    `on_step` and `on_process` (process, what it does) hear of the progress, from whichever thread.

    Raises:
        ScenarioError: a process or a capture can't be started as it is written; whatever was started is stopped.
        KeyboardInterrupt: also on SIGTERM; whatever was started is stopped.
    """
    with _terminated_like_interrupted():
        return _Run(scenario, registries, env or {}, on_step, on_process).outcome()


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Let SIGTERM unwind the stack, so that `finally` clauses run: a CI job that is cancelled leaves no processes."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before if before is not None else signal.SIG_DFL)


class _Run:
    def __init__(
        self,
        scenario: Scenario,
        registries: Sequence[Registry],
        env: Mapping[str, str],
        on_step: Callable[[StepOutcome], None] | None,
        on_process: Callable[[str, str], None] | None,
    ) -> None:
        self.scenario = scenario
        self.extra_env = env
        self.on_step = on_step or (lambda _: None)
        self.on_process = on_process or (lambda *_: None)
        self.id = uuid4().hex[:12]
        self.ports = Ports()
        self.scratch = tempfile.mkdtemp(prefix="obs-smoke-")
        self.values = Values(
            ports=self.ports,
            canaries=scenario.canaries,
            run=self.id,
            folder=str(scenario.folder),
            scratch=self.scratch,
        )
        self.shape = Shape.of(registries)
        self.headers = dict(self.shape.headers)
        fields = {one.name: _spec(one) for registry in reversed(registries) for one in registry.correlation}
        self.fields = Fields.of_registry(fields)
        self.index = Index(self.shape)
        self.open = OpenInstances(self.shape)
        self.started = time.time_ns()
        self.checker = Checker(Plan.of(registries), self._options())
        self.intake = Intake()
        self.changed = threading.Condition()
        self.responses = 0
        self.outputs: dict[tuple[str, str], StdoutCapture] = {}
        self.captures: list[Capture] = []
        self.group = Group()
        self.specs = {spec.name: spec for spec in scenario.processes}
        self.not_ready: dict[str, str] = {}
        self.lines: dict[str, tuple[str, ...]] = {}
        self.services: dict[str, set[str]] = {}
        self.outcomes: list[StepOutcome] = []
        self.otlp = ""
        self.consumer = threading.Thread(target=self._consume, name="smoke:records", daemon=True)
        self.consumer_error: BaseException | None = None

    def _options(self) -> Options:
        scenario = self.scenario
        specs = {spec.name: spec for spec in scenario.processes}
        sources, sentinels, plain = [], [], []
        for capture in scenario.captures:
            name = f"{capture.kind}:{capture.target}"
            if capture.kind == "stderr":
                plain.append(name)
            else:
                sources.append(name)
            spec = specs.get(capture.target) if capture.kind == "stdout" else None
            if capture.sentinel or (capture.sentinel is None and spec is not None and spec.sentinel):
                sentinels.append(name)
        options = dict(scenario.checks.options)
        options["plain_sources"] = (*options.get("plain_sources", ()), *plain)
        return Options(
            canaries=scenario.canaries,
            sources=tuple(sources),
            sentinels=tuple(sentinels),
            started=self.started,
            fail_under=scenario.coverage.fail_under,
            unreached=scenario.coverage.ignore,
            ignore=tuple(scenario.checks.ignore),
            **options,
        )

    # -- records

    def _consume(self) -> None:
        """Take records one after the other: the checks and the index are not made for several threads."""
        try:
            while batch := self.intake.batch():
                with self.changed:
                    for record in batch:
                        self._take(record)
                    self.changed.notify_all()
        except BaseException as error:  # noqa: BLE001 it is raised again where the run is waited for
            self.consumer_error = error
            self.intake.close()
            with self.changed:
                self.changed.notify_all()

    def _take(self, record: Record) -> None:
        self.checker.take(record)
        self.index.add(record)
        self.open.take(record)
        if record.service:
            self.services.setdefault(record.service, set()).add(record.source)

    # -- the whole

    def outcome(self) -> Outcome:
        clock = time.monotonic()
        self.consumer.start()
        ends: list[CaptureEnd] = []
        stopped: list[ProcessEnd] = []
        try:
            try:
                # What a capture reads from must be there before it.
                self._start_processes([spec for spec in self.scenario.processes if spec.redis])
                if not self.not_ready:
                    self._start_captures()
                    self._start_processes([spec for spec in self.scenario.processes if not spec.redis])
                if self.not_ready:
                    self._skip_all()
                else:
                    for step in self.scenario.steps:
                        self.outcomes.append(self._step(step))
                    self._settle()
                stopped, ends = self._stop()
            finally:
                self.group.kill()
                self._close()
            if self.consumer_error is not None:
                raise self.consumer_error
            result = self._judge(stopped, ends)
        finally:
            shutil.rmtree(self.scratch, ignore_errors=True)
        return Outcome(
            scenario=self.scenario,
            result=result,
            steps=tuple(self.outcomes),
            ends=tuple(stopped),
            captures=tuple(ends),
            index=self.index,
            seconds=time.monotonic() - clock,
            run=self.id,
            not_ready=self.not_ready,
            last_lines=self.lines,
        )

    def _close(self) -> None:
        for capture in self.captures:
            try:
                capture.stop(0.1)
            except Exception:  # noqa: BLE001 the others are to be closed too; what matters was said when it failed
                continue
        self.intake.close()
        self.consumer.join(30.0)

    def _error(self, place: tuple[int, int], message: str) -> ScenarioError:
        return ScenarioError(self.scenario.shown, ((place[0], place[1], message),))

    # -- captures

    def _start_captures(self) -> None:
        for spec in self.scenario.captures:
            try:
                capture = self._capture(spec)
                capture.start(self.intake.put)
            except (CaptureError, TemplateError) as error:
                raise self._error(spec.place, str(error)) from None
            self.captures.append(capture)
            port = getattr(capture, "port", 0)
            if spec.kind == "otlp-http" and port:
                self.otlp = f"http://127.0.0.1:{port}"

    def _capture(self, spec: CaptureSpec) -> Capture:
        if spec.kind in ("stdout", "stderr"):
            made = StdoutCapture(spec.target, stream=spec.kind, fields=self.fields)
            self.outputs[spec.kind, spec.target] = made
            return made
        target = self.values.text(spec.target)
        if spec.kind == "file":
            from obs_lint.smoke.captures.file import FileCapture

            return FileCapture(target, root=self.scenario.folder, fields=self.fields)
        if spec.kind == "otlp-http":
            from obs_lint.smoke.captures.otlp_http import OtlpHttpCapture

            return OtlpHttpCapture(0 if target == "auto" else int(target), fields=self.fields)
        from obs_lint.smoke.captures.redis_stream import RedisStreamCapture

        return RedisStreamCapture(target, url=self._redis_url(spec), fields=self.fields)

    def _redis_url(self, spec: CaptureSpec) -> str:
        if spec.url:
            return self.values.text(spec.url)
        self._know_redis()
        if self.values.redis is not None:
            return self.values.redis[0]
        url = os.environ.get("REDIS_URL", "")
        if not url:
            raise CaptureError(
                f"redis-stream:{spec.target}: no server is known; add a process `redis: {{redis: {{}}}}`, "
                "give the capture a `url`, or set REDIS_URL"
            )
        return url

    def _know_redis(self) -> None:
        if self.values.redis is None and any(spec.redis for spec in self.scenario.processes):
            port = self.ports.named("redis")
            self.values.redis = (f"redis://127.0.0.1:{port}/0", port)

    # -- processes

    def _start_processes(self, specs: Sequence[ProcessSpec]) -> None:
        """Start processes at the same time, each as soon as those are ready that it waits for."""
        self._know_redis()
        done = {spec.name: threading.Event() for spec in specs}
        errors: list[ScenarioError] = []

        def one(spec: ProcessSpec) -> None:
            try:
                for other in spec.after:
                    if other in done:
                        done[other].wait()
                    if other in self.not_ready or errors:
                        self.not_ready.setdefault(spec.name, f"was not started: it waits for `{other}`")
                        return
                if why := self._start(spec):
                    self.not_ready[spec.name] = why
            except ScenarioError as error:
                errors.append(error)
            finally:
                done[spec.name].set()

        threads = [threading.Thread(target=one, args=(spec,), name=f"start:{spec.name}", daemon=True) for spec in specs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise ScenarioError(self.scenario.shown, tuple(problem for error in errors for problem in error.problems))

    def _start(self, spec: ProcessSpec) -> str:
        """Start a process and wait until it is ready; why it is not, empty where it is."""
        try:
            ready = self._ready(spec)
            process = self.group.start(
                spec.name,
                self._command(spec),
                env=self._environment(spec.env, sentinel=spec.sentinel),
                cwd=self._folder(spec.cwd),
                on_line=lambda which, line: self._line(spec.name, which, line),
                awaited=ready.log,
            )
        except (ProcessError, TemplateError) as error:
            raise self._error(spec.place, str(error)) from None
        self.on_process(spec.name, "started")
        why = process.wait_until_ready(ready)
        self.on_process(spec.name, why or "ready")
        return why

    def _command(self, spec: ProcessSpec) -> list[str]:
        if not spec.redis:
            return [self.values.text(word) for word in spec.command]
        assert self.values.redis is not None
        options = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", self.scratch)
        return ["redis-server", "--port", str(self.values.redis[1]), *options]

    def _ready(self, spec: ProcessSpec) -> Ready:
        if spec.redis and self.values.redis is not None:
            return Ready(tcp=f"127.0.0.1:{self.values.redis[1]}")
        ready = spec.ready
        return replace(
            ready,
            http=self.values.text(ready.http),
            log=self.values.text(ready.log),
            tcp=self.values.text(ready.tcp),
        )

    def _environment(self, env: Mapping[str, str | None], *, sentinel: bool) -> dict[str, str]:
        own: dict[str, str | None] = {SENTINEL: self.id if sentinel else None}
        if self.otlp:
            own["OTEL_EXPORTER_OTLP_ENDPOINT"] = self.otlp
            own["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf"
        given = {
            name: None if value is None else self.values.text(value)
            for layer in (self.scenario.env, env)
            for name, value in layer.items()
        }
        return environment(own, given, self.extra_env)

    def _folder(self, cwd: str) -> Path:
        folder = self.scenario.folder / self.values.text(cwd) if cwd else self.scenario.folder
        if not folder.is_dir():
            raise ProcessError(f"there is no folder {folder}; `cwd` is relative to the scenario's file")
        return folder

    def _line(self, name: str, which: str, line: bytes) -> None:
        capture = self.outputs.get((which, name))
        if capture is not None:
            capture.take(line)

    # -- steps

    def _skip_all(self) -> None:
        names = ", ".join(f"`{name}`" for name in self.not_ready)
        for step in self.scenario.steps:
            outcome = StepOutcome(step, skipped=f"{names} not ready")
            self.outcomes.append(outcome)
            self.on_step(outcome)

    def _step(self, step: Step) -> StepOutcome:
        clock = time.monotonic()
        with self.changed:
            outcome = StepOutcome(step, first_record=len(self.index.records))
        if step.parallel:
            with ThreadPoolExecutor(len(step.parallel)) as pool:
                inner = list(pool.map(self._step, step.parallel))
            self.outcomes.extend(inner)
        elif step.http is not None:
            self._exchange_all(step, outcome)
        else:
            for n in range(1, step.repeat + 1):
                self._act(step, n, outcome)
        self._await(outcome)
        outcome.seconds = time.monotonic() - clock
        self.on_step(outcome)
        return outcome

    def _exchange_all(self, step: Step, outcome: StepOutcome) -> None:
        numbers = range(1, step.repeat + 1)
        if step.concurrency > 1 and step.repeat > 1:
            with ThreadPoolExecutor(min(step.concurrency, step.repeat)) as pool:
                found = list(pool.map(lambda n: self._exchange(step, n), numbers))
        else:
            found = [self._exchange(step, n) for n in numbers]
        for exchange, unmet in found:
            outcome.unmet += unmet
            if exchange is not None:
                outcome.exchanges.append(exchange)
                outcome.seeds.append(self._seeds(step, exchange))

    def _exchange(self, step: Step, n: int) -> tuple[Exchange | None, list[Unmet]]:
        assert step.http is not None
        values = self.values.of_step(step.name, n)
        try:
            request = prepare(step.http, values)
        except TemplateError as error:
            return None, [Unmet("value", str(error))]
        response, error_text = None, ""
        sent = [value for name, value in request.headers if name.lower() in {h.lower() for h in self.headers.values()}]
        with self.changed:
            self.checker.declare(_test_of(step, n), sent)
        try:
            response = send(request, step.http.timeout)
        except RequestError as error:
            error_text = str(error)
        exchange = Exchange(step.name, n, request, response, error_text, values)
        with self.changed:
            self.responses += 1
            number = self.responses
        self.intake.put(exchange.record(self.headers, line=number))
        unmet = []
        if response is None:
            unmet.append(Unmet("response", f"{request.method} {_short(request.url)} got no response: {error_text}"))
        else:
            unmet += _unmet_by(exchange, step.expect, values)
        for name, what in step.save.items():
            try:
                self.values.saved[name] = saved(what, exchange)
            except TemplateError as error:
                if response is not None:
                    unmet.append(Unmet("value", f"`{name}` can't be saved: {error}"))
        return exchange, unmet

    def _seeds(self, step: Step, exchange: Exchange) -> tuple[Id, ...]:
        """The ids of a step's flow: what was sent, what came back, what it saved under a correlation field's name."""
        seeds: dict[Id, None] = {}
        by_header = {header.lower(): name for name, header in self.headers.items()}
        for name, value in exchange.ids(self.headers).items():
            seeds[name, value] = None
        if not seeds:
            for given, value in exchange.request.headers:
                if given.lower() in by_header:
                    seeds[by_header[given.lower()], value] = None
        for name in step.save:
            kept = self.values.saved.get(name)
            if name in self.shape.joining and isinstance(kept, str):
                seeds[name, kept] = None
        return tuple(seeds)

    def _act(self, step: Step, n: int, outcome: StepOutcome) -> None:
        values = self.values.of_step(step.name, n)
        process_name, how = step.signal
        try:
            if step.command:
                self._command_step(step, values, outcome)
            elif process_name:
                process = self.group.processes.get(process_name)
                if process is None or not process.running:
                    outcome.unmet.append(Unmet("process", f"process `{process_name}` does not run"))
                elif how == "TERM":
                    process.stop(
                        self.specs[process_name].stop_within, self.specs[process_name].stop_signal, planned=True
                    )
                else:
                    process.signal(how)
                    if how == "KILL":
                        process.exited.wait(5.0)
            elif step.start:
                spec = self.specs[step.start]
                running = self.group.processes.get(step.start)
                if running is not None and running.running:
                    outcome.unmet.append(Unmet("process", f"process `{step.start}` runs already"))
                elif why := self._start(spec):
                    outcome.unmet.append(Unmet("process", f"process `{step.start}` {why}"))
        except (TemplateError, ProcessError) as error:
            outcome.unmet.append(Unmet("process", str(error)))

    def _command_step(self, step: Step, values: Values, outcome: StepOutcome) -> None:
        name = re.sub(r"\s+", "-", step.name)
        capture = StdoutCapture(name, fields=self.fields)
        capture.start(self.intake.put)

        def line(which: str, text: bytes) -> None:
            if which == "stdout":
                capture.take(text)

        process = Process(
            name,
            [values.text(word) for word in step.command],
            env=self._environment(step.env, sentinel=False),
            cwd=self._folder(step.cwd),
            on_line=line,
            guard=self.group.guard,
        )
        try:
            ended = process.exited.wait(step.expect.within)
        finally:
            end = process.stop(1.0)
            capture.stop(1.0)
        if not ended:
            outcome.unmet.append(Unmet("exit", f"{step.command[0]} was not done within {step.expect.within:g} s"))
        elif end.code not in step.expect.exit_codes:
            tail = f": {end.last_lines[-1]}" if end.last_lines else ""
            outcome.unmet.append(Unmet("exit", f"{step.command[0]} {end.how}{tail}"))

    # -- what a step waits for

    def _await(self, outcome: StepOutcome) -> None:
        """Wait until everything has come that the step expects of the captures, at most `within` seconds."""
        step, expect = outcome.step, outcome.step.expect
        ended = time.time_ns()
        for number, seeds in enumerate(outcome.seeds):
            if expect.flow or expect.lifecycle:
                by = ended + int(expect.within * 1e9)
                ids = dict(seeds)
                with self.changed:
                    self.checker.expect(Expectation(_test_of(step, number + 1), ids, expect.flow, expect.lifecycle, by))
        if not (expect.events or expect.flow or expect.lifecycle):
            return
        deadline = time.monotonic() + expect.within
        with self.changed:
            while True:
                missing = self._missing(outcome)
                left = deadline - time.monotonic()
                if not missing or left <= 0 or self.consumer_error is not None:
                    break
                self.changed.wait(left)
        outcome.unmet += missing

    def _missing(self, outcome: StepOutcome) -> list[Unmet]:
        """What has not come yet. Only with the condition held."""
        step, expect = outcome.step, outcome.step.expect
        missing: list[Unmet] = []
        within = f"within {expect.within:g} s"
        flows = self._flows(outcome)
        recent = self._recent(outcome)
        for flow in flows:
            for event in expect.events:
                records = recent if event.anywhere or flow is None else flow.records
                missing += self._missing_event(event, records, within, step)
            if flow is None:
                continue
            if expect.flow and (broken := flow.broken_hop(expect.flow)) is not None:
                missing.append(Unmet("flow", f"{broken.message} ({within})"))
            for name in expect.lifecycle:
                missing += self._missing_lifecycle(name, flow, within)
        return missing

    def _recent(self, outcome: StepOutcome) -> Sequence[Record]:
        """What can belong to a step without ids: all there is where it only waits, else what came since it began."""
        step = outcome.step
        acts = step.http is not None or step.parallel or step.command or step.signal[0] or step.start
        return self.index.records[outcome.first_record :] if acts else self.index.records

    def _flows(self, outcome: StepOutcome) -> list[Flow | None]:
        if outcome.step.http is None:
            return [None]
        return [self.index.flow(seeds, down=True) for seeds in outcome.seeds]

    def _missing_event(
        self, event: ExpectedEvent, records: Iterable[Record], within: str, step: Step
    ) -> Iterator[Unmet]:
        try:
            payload = self.values.of_step(step.name, 1).fill(dict(event.payload))
        except TemplateError as error:
            yield Unmet("value", str(error), event.name)
            return
        named = [record for record in records if record.kind == EVENT and record.name == event.name]
        found = [record for record in named if _holds(record.payload, payload)]
        wanted = 1 if event.count is None else event.count
        if len(found) < wanted:
            what = f"`{event.name}`" + (f" with {_said(payload)}" if payload else "")
            times = "was not seen" if not found else f"was seen {len(found)} times, not {wanted},"
            near = ""
            if named and not found:
                near = f"; {len(named)} came with another payload"
            elif not named:
                near = _near(event.name, self.index.records)
            yield Unmet("event", f"{what} {times} {within}{near}", event.name)

    def _missing_lifecycle(self, name: str, flow: Flow, within: str) -> Iterator[Unmet]:
        lifecycle = self.shape.lifecycle(name)
        if lifecycle is None:
            known = ", ".join(one.name for one in self.shape.lifecycles) or "none"
            yield Unmet("value", f"the registry has no lifecycle `{name}`; it has {known}")
            return
        instances = flow.instances(lifecycle)
        if not instances:
            yield Unmet("lifecycle", f"no {name} began {within}", lifecycle.start)
        for instance in instances:
            if instance.open:
                yield Unmet("lifecycle", f"{name} {instance.value} has not ended {within}", lifecycle.start)

    def _too_many(self) -> None:
        """What must not have come, told when nothing more can come."""
        for outcome in self.outcomes:
            expect = outcome.step.expect
            if outcome.skipped or not (expect.no_events or any(event.count for event in expect.events)):
                continue
            recent = self._recent(outcome)
            for flow in self._flows(outcome):
                records = recent if flow is None else flow.records
                names = {record.name for record in records if record.kind == EVENT}
                for name in expect.no_events:
                    if name in names:
                        outcome.unmet.append(Unmet("no-event", f"`{name}` was seen, and must not be", name))
                for event in expect.events:
                    if event.count is None:
                        continue
                    within = recent if event.anywhere else records
                    try:
                        payload = self.values.of_step(outcome.step.name, 1).fill(dict(event.payload))
                    except TemplateError:
                        continue
                    found = [
                        r for r in within if r.kind == EVENT and r.name == event.name and _holds(r.payload, payload)
                    ]
                    if len(found) > event.count:
                        said = f"`{event.name}` was seen {len(found)} times, not {event.count}"
                        outcome.unmet.append(Unmet("event", said, event.name))

    # -- the end

    def _settle(self) -> None:
        """Give what has begun the time to end, as long as the processes that could end it run."""
        deadline = time.monotonic() + self.scenario.settle
        with self.changed:
            while self.open.open and (left := deadline - time.monotonic()) > 0 and self.consumer_error is None:
                if self.group.unexpected():
                    break
                self.changed.wait(left)
        for spec in self.scenario.processes:
            # What is to end by itself is not told to.
            process = self.group.processes.get(spec.name)
            if spec.exit_codes is not None and process is not None:
                process.exited.wait(max(0.0, deadline - time.monotonic()))

    def _stop(self) -> tuple[list[ProcessEnd], list[CaptureEnd]]:
        for end in self.group.unexpected():
            self.lines[end.name] = end.last_lines
        for name in self.not_ready:
            process = self.group.processes.get(name)
            if process is not None:
                self.lines[name] = process.last_lines
        order: list[list[tuple[str, float, str]]] = []
        for names in _levels(self.scenario.processes):
            order.append([(name, self.specs[name].stop_within, self.specs[name].stop_signal) for name in names])
        for together in order:
            threads = [
                threading.Thread(target=self.group.processes[name].stop, args=(within, how), name=f"stop:{name}")
                for name, within, how in together
                if name in self.group.processes
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        ends = [capture.stop(5.0) for capture in self.captures]
        redis = [[(spec.name, spec.stop_within, spec.stop_signal) for spec in self.scenario.processes if spec.redis]]
        stopped = sorted(self.group.stop(redis), key=lambda end: end.time)
        self.intake.close()
        self.consumer.join(60.0)
        dropped = dict(self.intake.dropped)
        ends = [replace(end, dropped=end.dropped + dropped.pop(end.name, 0)) for end in ends]
        if dropped and ends:
            lost = sum(dropped.values())
            note = f"{lost} records found no room in the harness's queue"
            ends[0] = replace(ends[0], dropped=ends[0].dropped + lost, notes=(*ends[0].notes, note))
        for end in stopped:
            if unexpected(end, self.scenario):
                self.lines[end.name] = end.last_lines
        return stopped, ends

    def _judge(self, stopped: Sequence[ProcessEnd], ends: Sequence[CaptureEnd]) -> Result:
        from obs_lint.smoke.judging import judged

        with self.changed:
            self._too_many()
        exited: dict[str, int] = {}
        for end in stopped:
            exited[end.name] = end.time
            exited[f"stdout:{end.name}"] = end.time
            for service, sources in self.services.items():
                if sources == {f"stdout:{end.name}"}:
                    exited[service] = end.time
        result = self.checker.finish(Ended(at=time.time_ns(), complete=True, exited=exited, captures=tuple(ends)))
        return judged(
            result,
            self.scenario,
            self.outcomes,
            not_ready=self.not_ready,
            died=[end for end in stopped if unexpected(end, self.scenario)],
            lines=self.lines,
            headers=self.headers,
        )


def _spec(one: Any) -> dict[str, Any]:
    return {"header": one.header or None, "aliases": list(one.aliases), "at": one.at or None}


def _test_of(step: Step, n: int) -> str:
    return step.name if step.repeat == 1 else f"{step.name} [{n}]"


def _levels(specs: Sequence[ProcessSpec]) -> list[list[str]]:
    """Names in the order of stopping: who waits for others goes before them; Redis, which all may use, is left out."""
    after = {spec.name: spec.after for spec in specs if not spec.redis}
    depth: dict[str, int] = {}

    def measure(name: str) -> int:
        if name not in depth:
            depth[name] = 1 + max((measure(other) for other in after.get(name, ()) if other in after), default=-1)
        return depth[name]

    for name in after:
        measure(name)
    return [[name for name in after if depth[name] == level] for level in sorted(set(depth.values()), reverse=True)]


def _unmet_by(exchange: Exchange, expect: Expect, values: Values) -> list[Unmet]:
    """What a response is not, of what its step expects."""
    response = exchange.response
    assert response is not None
    where = f"{exchange.request.method} {_short(exchange.request.url)}"
    unmet = []
    if expect.status and not any(_is_status(response.status, wanted) for wanted in expect.status):
        wanted = " or ".join(expect.status)
        unmet.append(Unmet("status", f"{where} answered {response.status}, not {wanted}"))
    for header in expect.headers:
        found = response.values(header.name)
        try:
            wanted_value = None if header.value is None else values.text(header.value, header=header.name)
        except TemplateError as error:
            unmet.append(Unmet("value", str(error), header=header.name))
            continue
        if problem := _header_problem(header.name, found, wanted_value, header.matches, header.present):
            unmet.append(Unmet("header", f"{where}: {problem}", header=header.name))
    if expect.body_text:
        try:
            text = values.text(expect.body_text)
            if text.encode() not in response.body:
                unmet.append(Unmet("body", f"{where}: the body ({response.size} bytes) does not hold `{_short(text)}`"))
        except TemplateError as error:
            unmet.append(Unmet("value", str(error)))
    for path, wanted_part in expect.body.items():
        try:
            found_part = at_path(response.json(), path)
            pattern = wanted_part.get("matches") if isinstance(wanted_part, dict) else None
            if pattern is not None and set(wanted_part) == {"matches"}:
                if not re.fullmatch(pattern, str(found_part)):
                    unmet.append(Unmet("body", f"{where}: `{path}` of the body does not match `{pattern}`"))
            elif found_part != values.fill(wanted_part):
                said = _said({path: found_part})
                unmet.append(Unmet("body", f"{where}: the body has {said}, not {_said({path: wanted_part})}"))
        except TemplateError as error:
            unmet.append(Unmet("body", f"{where}: {error}"))
    if response.cut:
        unmet.append(Unmet("body", f"{where}: {response.cut}"))
    return unmet


def _header_problem(name: str, found: list[str], wanted: str | None, matches: str, present: bool) -> str:
    if not present:
        return f"the response has {name}, and must not" if found else ""
    if len(found) != 1:
        return f"the response has {len(found) or 'no'} {name}" + (", not one" if found else "")
    if wanted is not None and found[0].encode("latin-1") != wanted.encode("utf-8", "surrogateescape"):
        return f"{name} is `{_short(found[0])}`, not `{_short(wanted)}`"
    if matches and not re.fullmatch(matches, found[0]):
        return f"{name} is `{_short(found[0])}`, which does not match `{matches}`"
    return ""


def _is_status(status: int, wanted: str) -> bool:
    return wanted == str(status) or (wanted[1:] == "xx" and wanted[0] == str(status)[0])


def _holds(payload: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    for path, value in wanted.items():
        try:
            if at_path(payload, path) != value:
                return False
        except TemplateError:
            return False
    return True


def _near(name: str, records: Iterable[Record]) -> str:
    from difflib import get_close_matches

    known = {record.name for record in records if record.kind == EVENT}
    if name in known:
        return "; it was seen outside this step's flow"
    near = get_close_matches(name, sorted(known), 1, 0.75)
    return f"; `{near[0]}` was" if near else ""


def _said(values: Mapping[str, Any]) -> str:
    import json

    return ", ".join(
        f"{path} {_short(json.dumps(value, ensure_ascii=False, default=str))}" for path, value in values.items()
    )


def _short(text: str) -> str:
    text = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text[:200])
    return text if len(text) <= 80 else text[:79] + "…"
