"""The reference system and its drifted copy: what obs-lint says of both, and 004's definition of done while it runs."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
import yaml

ROOT = Path(__file__).parent.parent
CLEAN = ROOT / "examples" / "narralytica"
DRIFT = ROOT / "examples" / "narralytica-drift"
PRESET = ROOT / "obs_lint" / "presets" / "narralytica"
STAGES = ("ingest", "transcribe", "diarize", "enrich", "indexer")
LAYERS = {"topics", "sentiment", "summary"}


# -- what obs-lint says


def _obs_lint(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "obs_lint", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "PYTHONUTF8": "1"}
    return subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False, env=environment)


def _report(folder: Path) -> Any:
    return json.loads(_obs_lint(folder, "check", "--no-cache", "--output-format", "json").stdout)


def test_nothing_is_found_and_no_rule_is_inactive() -> None:
    done = _obs_lint(CLEAN, "check", "--no-cache", "--output-format", "json")
    report = json.loads(done.stdout)
    assert [(d["path"], d["start"]["line"], d["code"]) for d in report["diagnostics"]] == []
    assert (report["errors"], report["inactive"], report["summary"]["suppressed"]) == ([], [], 0)
    assert done.returncode == 0


def test_the_lock_is_that_of_the_registry() -> None:
    assert _obs_lint(CLEAN, "registry", "check").returncode == 0


def test_no_id_is_lost_on_the_chain() -> None:
    done = _obs_lint(CLEAN, "chain")
    assert "Chain: request_id → job_id → job_run_id → layer_name" in done.stdout
    assert "0 hops with a loss" in done.stdout
    assert done.returncode == 0


def _marks(folder: Path) -> list[tuple[str, int, str]]:
    found = []
    for path in sorted([*folder.rglob("*.py"), *folder.rglob("*.yaml")]):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            _, mark, codes = line.partition("# drift: ")
            found += [(path.relative_to(folder).as_posix(), number, code) for code in codes.split() if mark]
    return found


def test_the_drift_is_found_where_it_is_marked_and_nowhere_else() -> None:
    report = _report(DRIFT)
    found = [(d["path"], d["start"]["line"], d["code"]) for d in report["diagnostics"]]
    assert sorted(found) == sorted(_marks(DRIFT))
    assert (report["errors"], report["inactive"], report["summary"]["suppressed"]) == ([], [], 0)


def test_the_drift_shows_every_family_of_rules() -> None:
    shipped = {
        code[:4]
        for path in (ROOT / "rules").rglob("*.yaml")
        for code in re.findall(r"^code: (\w+)", path.read_text("utf-8"))
    }
    assert {code[:4] for _, _, code in _marks(DRIFT)} == shipped - {"OBS8", "OBS9"}


def test_its_readme_names_what_is_found() -> None:
    told = set(re.findall(r"OBS\d{3}", (DRIFT / "README.md").read_text("utf-8")))
    assert told == {code for _, _, code in _marks(DRIFT)}


# -- the contracts (004 Issues 6.1, 6.2)


def _events(folder: Path) -> dict[str, Any]:
    events: dict[str, Any] = {}
    for path in (folder / "events").glob("*.yaml"):
        events |= yaml.safe_load(path.read_text("utf-8"))["events"]
    return events


def test_its_events_are_those_of_the_preset() -> None:
    own, shipped = _events(CLEAN / "contracts"), _events(PRESET)
    assert own.keys() >= shipped.keys()
    for name, event in shipped.items():
        for key in ("version", "severity", "correlation"):
            assert own[name][key] == event[key], (name, key)
    for schema in (PRESET / "schemas").glob("*.schema.json"):
        assert (CLEAN / "contracts" / "schemas" / schema.name).read_text("utf-8") == schema.read_text("utf-8")


class Contract:
    """The registry as its lock has it, against which whatever a process puts out is held."""

    def __init__(self) -> None:
        self.lock = json.loads((CLEAN / "contracts" / "obs-registry.lock.json").read_text("utf-8"))
        (source,) = self.lock["sources"].values()
        self.envelope = source["schemas"]["envelope"]
        self.fields = source["correlation"]["fields"]

    def problems(self, event: Mapping[str, Any]) -> list[str]:
        from jsonschema import Draft202012Validator, FormatChecker

        errors = [
            e.message for e in Draft202012Validator(self.envelope, format_checker=FormatChecker()).iter_errors(event)
        ]
        name = event["event_name"]
        if name.startswith("obs."):
            return errors
        declared = self.lock["events"].get(name)
        if declared is None:
            return [*errors, "unregistered"]
        errors += [e.message for e in Draft202012Validator(declared["payload"]).iter_errors(event["payload"])]
        required = declared.get("correlation", {}).get("required", [])
        return errors + [f"{field} is missing" for field in required if field not in event["correlation"]]


def test_the_fixtures_are_valid_and_a_run_without_its_id_is_not() -> None:
    contract = Contract()
    for path in (CLEAN / "contracts" / "fixtures").glob("*.json"):
        assert contract.problems(json.loads(path.read_text("utf-8"))) == []
    failed = json.loads((CLEAN / "contracts" / "fixtures" / "event_envelope.layer_failed.json").read_text("utf-8"))
    del failed["correlation"]["job_run_id"]
    assert contract.problems(failed) == ["job_run_id is missing"]


# -- the queues


def test_both_queues_keep_their_promises() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio", "tests"]
    done = subprocess.run(
        command, cwd=CLEAN, capture_output=True, encoding="utf-8", check=False, env=_environment(), timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


# -- the running system (004, definition of done)


def _environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "REDIS_URL" and not name.startswith("PYTEST")}
    path = os.pathsep.join([str(ROOT / "packages" / "obs_surface" / "src"), kept.get("PYTHONPATH", "")]).rstrip(
        os.pathsep
    )
    return {**kept, "PYTHONPATH": path, "PYTHONUTF8": "1", **more}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _until(condition: Callable[[], Any], what: str, seconds: float = 20.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.01)
    return found


class Answer(NamedTuple):
    """A response."""

    status: int
    request_ids: list[str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class System:
    """The API and the workers as processes, and every line that they have put out."""

    def __init__(self, environment: Mapping[str, str], port: int) -> None:
        self.environment = environment
        self.port = port
        self.lines: list[tuple[str, str]] = []
        self.processes: dict[str, subprocess.Popen[str]] = {}
        self._readers: list[threading.Thread] = []

    def start(self, service: str) -> None:
        module = "services.api" if service == "api" else f"services.workers.{service}"
        process = subprocess.Popen(
            [sys.executable, "-m", module], cwd=CLEAN, env=self.environment, encoding="utf-8",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.processes[service] = process
        reader = threading.Thread(target=self._read, args=(service, process.stdout))
        reader.start()
        self._readers.append(reader)

    def _read(self, service: str, stream: Any) -> None:
        with stream:
            for line in stream:
                self.lines.append((service, line.rstrip("\n")))

    def stop(self) -> float:
        """Tell all to stop; return the seconds that it took."""
        began = time.monotonic()
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        took = time.monotonic() - began
        for reader in self._readers:
            reader.join()
        return took

    def events(self, name: str = "", **ids: str) -> list[dict[str, Any]]:
        """Return the events so far with that name and these ids, by time."""
        found = []
        for _, line in self.lines[:]:
            event = json.loads(line)
            if "event_name" in event and name in ("", event["event_name"]):
                if ids.items() <= event["correlation"].items():
                    found.append(event)
        return sorted(found, key=lambda event: str(event["occurred_at"]))

    def wait_for(self, name: str, count: int = 1, **ids: str) -> list[dict[str, Any]]:
        """Return the events with that name and these ids, when there are `count`; every process is read by itself."""
        _until(lambda: len(self.events(name, **ids)) >= count, f"{count} {name} {ids}")
        return self.events(name, **ids)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            sent = {"Content-Type": "application/json", **{name.replace("_", "-"): v for name, v in headers.items()}}
            connection.request(method, path, None if body is None else json.dumps(body), sent)
            response = connection.getresponse()
            ids = [value for name, value in response.getheaders() if name.lower() == "x-request-id"]
            return Answer(response.status, ids, response.read().decode())
        finally:
            connection.close()

    def is_ready(self) -> bool:
        died = {name: process.poll() for name, process in self.processes.items() if process.poll() is not None}
        assert not died, (died, self.lines)
        try:
            return self.ask("GET", "/health/ready").status == 200
        except OSError:
            return False

    def ended(self, job_id: str) -> str:
        """Follow a job to its end; return the status."""
        lines = self.ask("GET", f"/jobs/{job_id}/events").body.splitlines()
        return str(json.loads(lines[-1])["status"])


@contextmanager
def running(folder: Path, **environment: str) -> Iterator[System]:
    port = _free_port()
    settings = {
        "NARRALYTICA_DATA": str(folder / "data"), "NARRALYTICA_PORT": str(port), "NARRALYTICA_DEBUG": "1",
        "OBS_VALIDATE_STRICT": "true",
    }  # fmt: skip
    system = System(_environment(**settings, **environment), port)
    try:
        for service in ("api", *STAGES):
            system.start(service)
        _until(system.is_ready, "the API is ready")
        _until(lambda: len(system.events("narralytica.worker.ready")) == len(STAGES), "the workers are ready")
        yield system
    finally:
        system.stop()


@contextmanager
def redis_server() -> Iterator[str]:
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("needs redis-server")
    port = _free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.terminate()


@pytest.fixture(scope="module", params=["sqlite", "redis"])
def system(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    for needed in ("fastapi", "uvicorn", "redis"):
        pytest.importorskip(needed)
    with ExitStack() as stack:
        url = {"REDIS_URL": stack.enter_context(redis_server())} if request.param == "redis" else {}
        yield stack.enter_context(running(tmp_path_factory.mktemp(request.param), **url))


MEDIA = "Anna: The ferry was late.\nBen: Write to canary-7f3a@example.invalid about the ferry."


def test_every_response_has_exactly_one_request_id(system: System) -> None:
    job = system.ask("POST", "/ingest", {"title": "a", "media": MEDIA}).json["job_id"]
    asked: list[tuple[int, str, str, Any]] = [
        (200, "GET", "/health/live", None),
        (200, "POST", "/search", {"q": "ferry"}),
        (422, "POST", "/search", {}),
        (404, "GET", "/nowhere", None),
        (405, "GET", "/search", None),
        (404, "GET", "/jobs/unknown", None),
        (500, "GET", "/debug/boom", None),
        (200, "GET", f"/jobs/{job}/events", None),
        (202, "POST", "/ingest", {"title": "b", "media": MEDIA}),
    ]
    for status, method, path, body in asked:
        given = str(uuid4())
        answer = system.ask(method, path, body, X_Request_Id=given)
        assert (answer.status, answer.request_ids) == (status, [given]), path
        answer = system.ask(method, path, body)
        assert answer.status == status
        assert len(answer.request_ids) == 1 and str(UUID(answer.request_ids[0])) == answer.request_ids[0]


@pytest.mark.parametrize("bad", ["no-uuid", "x" * 5000, "a b", "<script>", "0192f0c1-7b02-7d19-8c55-60b7f1d2a9e"])
def test_a_malformed_id_is_not_taken(system: System, bad: str) -> None:
    answer = system.ask("POST", "/search", {"q": "ferry"}, X_Request_Id=bad)
    assert (answer.status, len(answer.request_ids)) == (200, 1)
    assert answer.request_ids[0] != bad
    system.wait_for("narralytica.search.executed", request_id=answer.request_ids[0])


def test_requests_at_one_time_keep_their_ids_apart(system: System) -> None:
    ids = [str(uuid4()) for _ in range(40)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda given: system.ask("POST", "/search", {"q": "ferry"}, X_Request_Id=given), ids))
    assert [answer.request_ids for answer in answers] == [[given] for given in ids]
    for given in ids:
        assert len(system.wait_for("narralytica.search.executed", request_id=given)) == 1


def test_one_job_is_visible_over_all_workers_and_layers(system: System) -> None:
    given = str(uuid4())
    job = system.ask("POST", "/ingest", {"title": "c", "media": MEDIA}, X_Request_Id=given).json["job_id"]
    assert system.ended(job) == "completed"
    (end,) = system.wait_for("narralytica.job.completed", job_id=job)
    system.wait_for("narralytica.job_run.completed", len(STAGES), job_id=job)
    flow = system.events(job_id=job)
    assert {event["correlation"]["request_id"] for event in flow} == {given}
    started = [e for e in flow if e["event_name"] == "narralytica.job_run.started"]
    completed = [e for e in flow if e["event_name"] == "narralytica.job_run.completed"]
    assert [e["actor"]["service_name"] for e in started] == list(STAGES)
    assert [e["payload"]["job_type"] for e in started] == list(STAGES)
    runs = [e["correlation"]["job_run_id"] for e in started]
    assert len(set(runs)) == 5 and runs == [e["correlation"]["job_run_id"] for e in completed]
    for name in ("started", "completed"):
        layers = [e for e in flow if e["event_name"] == f"narralytica.layer.{name}"]
        assert {e["payload"]["layer_name"] for e in layers} == LAYERS
        assert {e["correlation"]["job_run_id"] for e in layers} == {runs[STAGES.index("enrich")]}
    assert end["payload"]["latency_ms"] > 0


def test_a_failed_attempt_is_made_again(system: System) -> None:
    asked = {"title": "d", "media": MEDIA, "rehearse": "transcribe:1"}
    job = system.ask("POST", "/ingest", asked).json["job_id"]
    assert system.ended(job) == "completed"
    started = system.wait_for("narralytica.job_run.started", len(STAGES) + 1, job_id=job)
    (failed,) = system.events("narralytica.job_run.failed", job_id=job)
    assert (failed["payload"]["attempt"], failed["payload"]["error_type"]) == (1, "RehearsedError")
    first, second = [event for event in started if event["payload"]["job_type"] == "transcribe"]
    assert (first["payload"]["attempt"], second["payload"]["attempt"]) == (1, 2)
    assert first["correlation"]["job_run_id"] == failed["correlation"]["job_run_id"]
    assert first["correlation"]["job_run_id"] != second["correlation"]["job_run_id"]
    assert first["correlation"]["request_id"] == second["correlation"]["request_id"]


@pytest.mark.parametrize(
    ("media", "rehearse", "attempts", "error"),
    [(MEDIA, "enrich:9", 3, "RehearsedError"), ("only wind", "", 1, "UnreadableError")],
)
def test_a_job_that_nothing_cures_fails_for_good(
    system: System, media: str, rehearse: str, attempts: int, error: str
) -> None:
    job = system.ask("POST", "/ingest", {"title": "e", "media": media, "rehearse": rehearse}).json["job_id"]
    assert system.ended(job) == "failed"
    (end,) = system.wait_for("narralytica.job.failed", job_id=job)
    assert (end["payload"]["attempt"], end["payload"]["error_type"]) == (attempts, error)
    assert len(system.events("narralytica.job_run.failed", job_id=job)) == attempts
    assert system.events("narralytica.job.completed", job_id=job) == []


def test_what_was_ingested_is_found_and_only_there(system: System) -> None:
    job = system.ask("POST", "/ingest", {"title": "f", "media": "Zoe: A heron by the weir."}).json["job_id"]
    assert system.ended(job) == "completed"
    for mode in ("lexical", "vector", "hybrid"):
        (found,) = system.ask("POST", "/search", {"q": "heron weir", "mode": mode, "limit": 1}).json["results"]
        assert (found["text"], found["speaker"]) == ("A heron by the weir.", "speaker-1")
    assert system.ask("POST", "/search", {"q": "xylophone quartz", "mode": "lexical"}).json["results"] == []


def test_every_line_is_json_every_event_valid_and_no_text_leaves(tmp_path: Path) -> None:
    contract = Contract()
    with running(tmp_path) as system:
        system.ask("POST", "/search", {"q": "mail to canary-7f3a@example.invalid"})
        system.ask("POST", "/search", {"q": "canary-7f3a@example.invalid", "mode": "psychic"})
        system.ask("GET", "/debug/boom")
        asked = [{"title": "canary-7f3a", "media": MEDIA}, {"title": "g", "media": "canary-7f3a hums"}]
        for body in asked:
            job = system.ask("POST", "/ingest", body).json["job_id"]
            system.ended(job)
        system.ask("GET", f"/jobs/{job}")
        assert system.stop() < 2.0
        codes = {name: process.returncode for name, process in system.processes.items() if name != "api"}
    if os.name == "posix":  # elsewhere there is no signal that a process could hear
        assert codes == dict.fromkeys(STAGES, 0)
    for _, line in system.lines:
        assert "canary" not in line
        json.loads(line)
    events = system.events()
    assert [(event["event_name"], found) for event in events if (found := contract.problems(event))] == []
    seen = {event["event_name"] for event in events}
    always = {name for name, event in contract.lock["events"].items() if event.get("smoke") == "always"}
    assert always <= seen
    ended = Counter(
        e["correlation"]["job_run_id"] for e in events if re.search(r"job_run\.(completed|failed)$", e["event_name"])
    )
    assert set(ended.values()) == {1}
    assert set(ended) == {
        e["correlation"]["job_run_id"] for e in events if e["event_name"] == "narralytica.job_run.started"
    }


def test_what_a_killed_worker_held_is_taken_over(tmp_path: Path) -> None:
    with running(tmp_path, NARRALYTICA_LEASE_SECONDS="0.3") as system:
        victim = system.processes.pop("enrich")
        victim.kill()
        victim.wait()
        job = system.ask("POST", "/ingest", {"title": "h", "media": MEDIA}).json["job_id"]
        # A worker that takes the message and is killed with it in its hands.
        thief = (
            "from packages.queue.sqlite import SqliteQueue; from pathlib import Path; import os\n"
            "queue = SqliteQueue(Path(os.environ['NARRALYTICA_DATA']) / 'queue.db', 0.3)\n"
            "assert queue.take('enrich', wait=10); os._exit(9)"
        )
        stolen = subprocess.run([sys.executable, "-c", thief], cwd=CLEAN, env=system.environment, check=False)
        assert stolen.returncode == 9
        system.start("enrich")
        assert system.ended(job) == "completed"
        (taken,) = system.wait_for("narralytica.worker.took_over", job_id=job)
        assert taken["payload"] == {"job_type": "enrich", "attempt": 2}
        completed = system.wait_for("narralytica.job_run.completed", len(STAGES), job_id=job)
        (run,) = [event for event in completed if event["payload"]["job_type"] == "enrich"]
        assert run["payload"]["attempt"] == 2
