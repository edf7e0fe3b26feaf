"""The system of a scenario: its processes and what is captured of them, started in their order and stopped again."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from obs_lint.smoke.captures.capture import Capture, CaptureEnd, CaptureError
from obs_lint.smoke.captures.intake import Intake
from obs_lint.smoke.captures.stdout import StdoutCapture
from obs_lint.smoke.fields import Fields
from obs_lint.smoke.outcome import unexpected
from obs_lint.smoke.processes import Group, ProcessEnd, ProcessError
from obs_lint.smoke.processes import environment as process_environment
from obs_lint.smoke.scenario import CaptureSpec, ProcessSpec, Ready, Scenario, ScenarioError
from obs_lint.smoke.templates import TemplateError, Values

SENTINEL = "OBS_SMOKE_RUN"
"""The variable that tells obs_surface to emit `obs.smoke.sentinel` for this run when it shuts down."""


class System:
    """Processes and captures of one run."""

    def __init__(
        self,
        scenario: Scenario,
        values: Values,
        intake: Intake,
        fields: Fields,
        env: Mapping[str, str],
        on_process: Callable[[str, str], None],
    ) -> None:
        """`env` is put on top of what the scenario gives every process; captures put their records into `intake`."""
        self.scenario = scenario
        self.values = values
        self.intake = intake
        self.fields = fields
        self.extra_env = env
        self.on_process = on_process
        self.group = Group()
        self.captures: list[Capture] = []
        self.outputs: dict[tuple[str, str], StdoutCapture] = {}
        self.specs = {spec.name: spec for spec in scenario.processes}
        self.not_ready: dict[str, str] = {}
        """Process → why it could not be used."""
        self.last_lines: dict[str, tuple[str, ...]] = {}
        """Of the processes that ended unasked or were never ready."""
        self.otlp = ""
        """Where the system sends OTLP to, empty where nothing listens."""

    def _error(self, place: tuple[int, int], message: str) -> ScenarioError:
        return ScenarioError(self.scenario.shown, ((place[0], place[1], message),))

    # -- captures

    def start_captures(self) -> None:
        """Start all captures. Raises ScenarioError for one that can't be started."""
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
            port = self.values.ports.named("redis")
            self.values.redis = (f"redis://127.0.0.1:{port}/0", port)

    # -- processes

    def start_processes(self, specs: Sequence[ProcessSpec]) -> None:
        """Start processes at the same time, each as soon as those are ready that it waits for.

        Raises ScenarioError. Of those that are not ready `not_ready` says why.
        """
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
                if why := self.start(spec):
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

    def start(self, spec: ProcessSpec) -> str:
        """Start a process and wait until it is ready; why it is not, empty where it is. Raises ScenarioError."""
        try:
            ready = self._ready(spec)
            process = self.group.start(
                spec.name,
                self._command(spec),
                env=self.environment(spec.env, sentinel=spec.sentinel),
                cwd=self.folder(spec.cwd),
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
        options = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", self.values.scratch)
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

    def environment(self, env: Mapping[str, str | None], *, sentinel: bool) -> dict[str, str]:
        """The environment of a process that the scenario gives `env`. Raises TemplateError."""
        own: dict[str, str | None] = {SENTINEL: self.values.run if sentinel else None}
        if self.otlp:
            own["OTEL_EXPORTER_OTLP_ENDPOINT"] = self.otlp
            own["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf"
        given = {
            name: None if value is None else self.values.text(value)
            for layer in (self.scenario.env, env)
            for name, value in layer.items()
        }
        return process_environment(own, given, self.extra_env)

    def folder(self, cwd: str) -> Path:
        """The folder that a process starts in. Raises ProcessError and TemplateError."""
        folder = self.scenario.folder / self.values.text(cwd) if cwd else self.scenario.folder
        if not folder.is_dir():
            raise ProcessError(f"there is no folder {folder}; `cwd` is relative to the scenario's file")
        return folder

    def _line(self, name: str, which: str, line: bytes) -> None:
        capture = self.outputs.get((which, name))
        if capture is not None:
            capture.take(line)

    # -- the end

    def stop(self) -> tuple[list[ProcessEnd], list[CaptureEnd]]:
        """Stop processes, then captures, then what those read from; how each ended, processes by their times."""
        for end in self.group.unexpected():
            self.last_lines[end.name] = end.last_lines
        for name in self.not_ready:
            process = self.group.processes.get(name)
            if process is not None:
                self.last_lines[name] = process.last_lines
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
        for end in stopped:
            if unexpected(end, self.scenario):
                self.last_lines[end.name] = end.last_lines
        return stopped, ends

    def close(self) -> None:
        """End what is left, whatever happened."""
        self.group.kill()
        for capture in self.captures:
            try:
                capture.stop(0.1)
            except Exception:  # noqa: BLE001 the others are to be closed too; what matters was said when it failed
                continue


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
