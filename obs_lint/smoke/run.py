"""One smoke run from beginning to end: start, drive, capture, stop, judge; and stop again whatever happened."""

from __future__ import annotations

import re
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import Any
from uuid import uuid4

from obs_lint.registry.model import Registry
from obs_lint.smoke.captures.capture import CaptureEnd
from obs_lint.smoke.captures.intake import Intake
from obs_lint.smoke.captures.stdout import StdoutCapture
from obs_lint.smoke.checker import Checker, Result
from obs_lint.smoke.drive import Exchange, RequestError, prepare, saved, send
from obs_lint.smoke.expectations import Expectations, of_response, short
from obs_lint.smoke.fields import Fields
from obs_lint.smoke.flows import Id, Index, OpenInstances, Shape
from obs_lint.smoke.options import Ended, Expectation, Options
from obs_lint.smoke.outcome import Outcome, StepOutcome, Unmet, unexpected
from obs_lint.smoke.plan import Plan
from obs_lint.smoke.processes import Process, ProcessEnd, ProcessError
from obs_lint.smoke.records import Record
from obs_lint.smoke.scenario import Scenario, Step
from obs_lint.smoke.system import System
from obs_lint.smoke.templates import Ports, TemplateError, Values


def run(
    scenario: Scenario,
    registries: Sequence[Registry] = (),
    *,
    env: Mapping[str, str] | None = None,
    on_step: Callable[[StepOutcome], None] | None = None,
    on_process: Callable[[str, str], None] | None = None,
    services: Mapping[str, tuple[str, ...]] | None = None,
) -> Outcome:
    """Run a scenario. `env` is put on top of what the scenario gives every process.

    `services`: producer → the names of its services, where the scenario does not say. `on_step` and `on_process`
    (process, what it does) hear of the progress, from whichever thread.

    Raises:
        ScenarioError: a process or a capture can't be started as it is written; whatever was started is stopped.
        KeyboardInterrupt: also on SIGTERM; whatever was started is stopped.
    """
    with _terminated_like_interrupted():
        return _Run(scenario, registries, env or {}, on_step, on_process, services or {}).outcome()


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
        services: Mapping[str, tuple[str, ...]],
    ) -> None:
        self.scenario = scenario
        self.declared_services = services
        self.on_step = on_step or (lambda _: None)
        self.id = uuid4().hex[:12]
        self.scratch = tempfile.mkdtemp(prefix="obs-smoke-")
        self.values = Values(
            ports=Ports(),
            canaries=scenario.canaries,
            run=self.id,
            folder=str(scenario.folder),
            scratch=self.scratch,
        )
        self.shape = Shape.of(registries)
        self.headers = dict(self.shape.headers)
        fields = {one.name: _spec(one) for registry in reversed(registries) for one in registry.correlation}
        self.fields = Fields.of_registry(fields)
        self.intake = Intake()
        self.system = System(scenario, self.values, self.intake, self.fields, env, on_process or (lambda *_: None))
        self.index = Index(self.shape)
        self.open = OpenInstances(self.shape)
        self.started = time.time_ns()
        self.checker = Checker(Plan.of(registries), self._options())
        self.expectations = Expectations(self.index, self.values)
        self.changed = threading.Condition()
        self.responses = 0
        self.services: dict[str, set[str]] = {}
        self.outcomes: list[StepOutcome] = []
        self.consumer = threading.Thread(target=self._consume, name="smoke:records", daemon=True)
        self.consumer_error: BaseException | None = None

    def _options(self) -> Options:
        scenario = self.scenario
        sources, sentinels, plain = [], [], []
        for capture in scenario.captures:
            name = f"{capture.kind}:{capture.target}"
            if capture.kind == "stderr":
                plain.append(name)
            else:
                sources.append(name)
            spec = self.system.specs.get(capture.target) if capture.kind == "stdout" else None
            if capture.sentinel or (capture.sentinel is None and spec is not None and spec.sentinel):
                sentinels.append(name)
        options = dict(scenario.checks.options)
        options["services"] = {**self.declared_services, **options.get("services", {})}
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
        system = self.system
        self.consumer.start()
        ends: list[CaptureEnd] = []
        stopped: list[ProcessEnd] = []
        try:
            try:
                # What a capture reads from must be there before it.
                system.start_processes([spec for spec in self.scenario.processes if spec.redis])
                if not system.not_ready:
                    system.start_captures()
                    system.start_processes([spec for spec in self.scenario.processes if not spec.redis])
                if system.not_ready:
                    self._skip_all()
                else:
                    for step in self.scenario.steps:
                        self.outcomes.append(self._step(step))
                    self._settle()
                stopped, ends = self._stop()
            finally:
                system.close()
                self.intake.close()
                self.consumer.join(30.0)
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
            not_ready=system.not_ready,
            last_lines=system.last_lines,
        )

    # -- steps

    def _skip_all(self) -> None:
        names = ", ".join(f"`{name}`" for name in self.system.not_ready)
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
            unmet.append(Unmet("response", f"{request.method} {short(request.url)} got no response: {error_text}"))
        else:
            unmet += of_response(exchange, step.expect, values)
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
                process = self.system.group.processes.get(process_name)
                if process is None or not process.running:
                    outcome.unmet.append(Unmet("process", f"process `{process_name}` does not run"))
                elif how == "TERM":
                    spec = self.system.specs[process_name]
                    process.stop(spec.stop_within, spec.stop_signal, planned=True)
                else:
                    process.signal(how)
                    if how == "KILL":
                        process.exited.wait(5.0)
            elif step.start:
                spec = self.system.specs[step.start]
                running = self.system.group.processes.get(step.start)
                if running is not None and running.running:
                    outcome.unmet.append(Unmet("process", f"process `{step.start}` runs already"))
                elif why := self.system.start(spec):
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
            env=self.system.environment(step.env, sentinel=False),
            cwd=self.system.folder(step.cwd),
            on_line=line,
            guard=self.system.group.guard,
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
                missing = self.expectations.missing(outcome)
                left = deadline - time.monotonic()
                if not missing or left <= 0 or self.consumer_error is not None:
                    break
                self.changed.wait(left)
        outcome.unmet += missing

    # -- the end

    def _settle(self) -> None:
        """Give what has begun the time to end, as long as the processes that could end it run."""
        deadline = time.monotonic() + self.scenario.settle
        with self.changed:
            while self.open.open and (left := deadline - time.monotonic()) > 0 and self.consumer_error is None:
                if self.system.group.unexpected():
                    break
                self.changed.wait(left)
        for spec in self.scenario.processes:
            # What is to end by itself is not told to.
            process = self.system.group.processes.get(spec.name)
            if spec.exit_codes is not None and process is not None:
                process.exited.wait(max(0.0, deadline - time.monotonic()))

    def _stop(self) -> tuple[list[ProcessEnd], list[CaptureEnd]]:
        """End the system, and take the last records."""
        stopped, ends = self.system.stop()
        self.intake.close()
        self.consumer.join(60.0)
        dropped = dict(self.intake.dropped)
        ends = [replace(end, dropped=end.dropped + dropped.pop(end.name, 0)) for end in ends]
        if dropped and ends:
            lost = sum(dropped.values())
            note = f"{lost} records found no room in the harness's queue"
            ends[0] = replace(ends[0], dropped=ends[0].dropped + lost, notes=(*ends[0].notes, note))
        return stopped, ends

    def _judge(self, stopped: Sequence[ProcessEnd], ends: Sequence[CaptureEnd]) -> Result:
        from obs_lint.smoke.judging import judged

        with self.changed:
            self.expectations.too_many(self.outcomes)
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
            not_ready=self.system.not_ready,
            died=[end for end in stopped if unexpected(end, self.scenario)],
            lines=self.system.last_lines,
            headers=self.headers,
        )


def _spec(one: Any) -> dict[str, Any]:
    return {"header": one.header or None, "aliases": list(one.aliases), "at": one.at or None}


def _test_of(step: Step, n: int) -> str:
    return step.name if step.repeat == 1 else f"{step.name} [{n}]"
