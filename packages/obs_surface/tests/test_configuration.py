"""Configuration: arguments, environment, what is refused with what to do, and the ends of processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

import obs_surface as obs
from obs_surface import configuration, validate
from surface_contract import FOUND, LOCK, REQUEST, SEARCH


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in os.environ:
        if name.startswith("OBS_"):
            monkeypatch.delenv(name)
    yield
    configuration.reset()


def python(code: str, *flags: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OBS_")}
    return subprocess.run(
        [sys.executable, *flags, "-c", code],
        env={**inherited, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def events(run: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.stdout.splitlines()]


def test_the_environment_says_what_arguments_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "SERVICE_NAME": "api",
        "SERVICE_VERSION": "2",
        "ENV": "ci",
        "HOST": "h",
        "VALIDATE_STRICT": "true",
    }.items():
        monkeypatch.setenv(f"OBS_{name}", value)
    monkeypatch.setenv("OBS_REGISTRY", str(LOCK))
    surface = obs.configure(service_version="3", sinks=[obs.MemorySink()])
    assert surface.actor == ("api", "3", "ci", "h")
    assert surface.strict
    assert surface.lock is not None and surface.lock.path == str(LOCK)
    assert configuration.current_surface() is surface and configuration.current_lock() is surface.lock


@pytest.mark.parametrize(
    ("options", "env", "told"),
    [
        ({"service_name": None}, {}, "service_name is missing.*OBS_SERVICE_NAME"),
        ({"service_version": "  "}, {}, "service_version is missing"),
        ({"env": 3}, {}, "env=3: a text"),
        ({"env": "a\nb"}, {}, "printable"),
        ({}, {"OBS_VALIDATE_STRICT": "perhaps"}, "OBS_VALIDATE_STRICT='perhaps': true or false"),
        ({"strict": True, "validate": False}, {}, "strict means that every event is validated"),
        ({"sinks": []}, {}, "events must go somewhere"),
        ({"sinks": [object()]}, {}, "object is no sink, it lacks name, durable"),
        ({"sinks": 3}, {}, "int is no sink"),
        ({"sinks": [obs.MemorySink(), obs.MemorySink()]}, {}, "two sinks are called 'memory'"),
        ({"registry": "missing.json"}, {}, "missing.json` is not there.*obs-lint registry build"),
        ({"max_line_bytes": 10}, {}, "max_line_bytes=10: an integer of at least 8192"),
    ],
)
def test_what_can_not_work_is_refused_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], env: dict[str, str], told: str
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(obs.ConfigurationError, match=told):
        obs.configure(**{"service_name": "api", "service_version": "1", "env": "test", **options})
    assert configuration.current_surface() is None


def test_strict_without_a_validator_is_a_configuration_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validate, "backend", lambda: "")
    with pytest.raises(obs.ConfigurationError, match=r"pip install 'obs-surface\[fast\]'"):
        obs.configure("api", "1", "test", strict=True)
    sink = obs.MemorySink()
    obs.configure("api", "1", "test", registry=LOCK, sinks=[sink])
    obs.emit(SEARCH, {"mode": "semantic"}, obs.ObsContext(request_id=REQUEST))
    assert [record["event_name"] for record in sink.records] == [SEARCH]  # best effort: nothing to check with
    obs.emit(SEARCH, FOUND)
    assert sink.records[-1]["payload"]["problems"] == [{"pointer": "/correlation/request_id", "keyword": "required"}]


def test_a_later_call_replaces_an_earlier_one() -> None:
    first, second = obs.MemorySink(), obs.MemorySink()
    obs.configure("api", "1", "test", sinks=[first])
    ctx = obs.ObsContext(request_id="r")
    obs.emit("a.b", {}, ctx)
    obs.configure("other", "1", "test", sinks=[second])
    obs.emit("a.b", {}, ctx)  # the context remembers nothing of the first
    assert [record["actor"]["service_name"] for record in (*first.records, *second.records)] == ["api", "other"]


def test_several_sinks_get_every_line() -> None:
    first, second = obs.MemorySink(), obs.MemorySink(name="second")
    obs.configure("api", "1", "test", sinks=[first, second])
    obs.emit("a.b", {"x": 1})
    assert first.lines == second.lines and len(first.lines) == 1
    assert obs.stats()["sinks"].keys() == {"memory", "second"}


def test_a_tap_sees_everything_until_it_is_closed() -> None:
    main, tap = obs.MemorySink(), obs.MemorySink()
    surface = obs.configure("api", "1", "test", sinks=[main])
    undo = surface.tap(tap)
    obs.emit("a.b", {})
    undo()
    obs.emit("a.b", {})
    assert (len(main.lines), len(tap.lines)) == (2, 1)


def test_a_tap_of_the_process_sees_every_configuration() -> None:
    tap, main = obs.MemorySink(), obs.MemorySink()
    undo = configuration.tap(tap)
    obs.configure("first", "1", "test", sinks=[obs.MemorySink()])
    obs.emit("a.b", {})
    obs.configure("second", "1", "test", sinks=[main])
    obs.emit("a.b", {})
    undo()
    obs.emit("a.b", {})
    assert [record["actor"]["service_name"] for record in tap.records] == ["first", "second"]
    assert len(main.lines) == 2


def test_a_tap_that_raises_takes_no_line_from_the_sink() -> None:
    class Raising(obs.MemorySink):
        def write(self, line: bytes, record: Mapping[str, Any]) -> None:
            raise OSError("broken")

    main = obs.MemorySink()
    undo = obs.configure("api", "1", "test", sinks=[main]).tap(Raising())
    obs.emit("a.b", {})
    undo()
    assert len(main.lines) == 1 and obs.stats()["sink_errors"] == 1


def test_stats_flush_and_shutdown_without_a_configuration() -> None:
    assert obs.stats() == {} and obs.flush() is True
    obs.shutdown()


# -- processes of their own


def test_without_configure_events_go_to_standard_output_and_it_is_said_once() -> None:
    run = python("import obs_surface as obs\nfor _ in range(3): obs.emit('a.b', {'x': 1})", OBS_ENV="ci")
    assert [event["actor"]["service_name"] for event in events(run)] == ["unknown"] * 3
    assert events(run)[0]["actor"]["env"] == "ci"
    assert run.stderr.count("emit before configure()") == 1 and run.returncode == 0


def test_a_registry_that_is_broken_does_not_stop_who_never_configured() -> None:
    run = python("import obs_surface as obs; obs.emit('a.b')", OBS_REGISTRY="nowhere.json")
    assert len(events(run)) == 1 and "nowhere.json" in run.stderr and "Traceback" not in run.stderr


def test_importing_it_is_light() -> None:
    code = """
import sys
import typing, re, json, threading
before = set(sys.modules)
import obs_surface
heavy = {"orjson", "jsonschema", "jsonschema_rs", "opentelemetry", "asyncio", "inspect", "dataclasses", "logging"}
print(sorted(heavy & (set(sys.modules) - before)), obs_surface.__version__)
missing = [name for name in obs_surface.__all__ if not hasattr(obs_surface, name)]
print(missing)
import obs_surface.instrument, obs_surface.context, obs_surface.emit
print(all(map(callable, (obs_surface.instrument, obs_surface.context, obs_surface.emit))))
try: obs_surface.nothing
except AttributeError as error: print(error)
"""
    run = python(code)
    assert run.stdout.splitlines() == [
        f"[] {obs.__version__}",
        "[]",
        "True",
        "module 'obs_surface' has no attribute 'nothing'",
    ], run.stderr


def test_it_works_with_the_standard_library_alone() -> None:
    code = """
import os, sys
for name in ("orjson", "jsonschema", "jsonschema_rs", "opentelemetry", "attr", "yaml"): sys.modules[name] = None
import importlib.util as util
find = util.find_spec
util.find_spec = lambda name, *rest: None if sys.modules.get(name, 0) is None else find(name, *rest)
import obs_surface as obs
obs.configure("api", "1", "test", registry=os.environ["LOCK"])
with obs.context(request_id=os.environ["REQUEST"]): obs.emit("narralytica.search.executed", {"mode": "x", "query": "é"})
try: obs.configure("api", "1", "test", strict=True)
except obs.ConfigurationError as error: print(error, file=sys.stderr)
"""
    run = python(code, LOCK=str(LOCK), REQUEST=REQUEST)
    (event,) = events(run)
    assert event["payload"] == {"mode": "x", "query": "[redacted]"}
    assert "strict validation needs a validator" in run.stderr


def test_events_at_the_very_end_of_the_interpreter_break_nothing() -> None:
    code = """
import atexit
atexit.register(lambda: obs.emit("at.exit"))
import obs_surface as obs
obs.configure("api", "1", "test")
class Late:
    def __init__(self): self.emit = obs.emit
    def __del__(self): self.emit("at.end", {"x": object()})
late = Late()
late.again = late  # collected when modules are torn down
obs.emit("at.start")
"""
    run = python(code)
    assert run.returncode == 0 and run.stderr == ""
    assert [event["event_name"] for event in events(run)][:2] == ["at.start", "at.exit"]


def test_a_smoke_run_gets_its_sentinel_last() -> None:
    run = python(
        "import obs_surface as obs; obs.configure('api', '1', 'test'); obs.emit('a.b'); obs.emit('a.b', {1: 1})",
        OBS_SMOKE_RUN="run-1",
    )
    last = events(run)[-1]
    assert last["event_name"] == "obs.smoke.sentinel"
    assert last["payload"] == {"run": "run-1", "emitted": 3, "violations": 1, "dropped": 0}


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM to handle")
def test_a_smoke_run_gets_its_sentinel_on_sigterm() -> None:
    code = """
import os, signal, obs_surface as obs
obs.configure("api", "1", "test")
obs.emit("a.b")
os.kill(os.getpid(), signal.SIGTERM)
obs.emit("never.seen")
"""
    run = python(code, OBS_SMOKE_RUN="run-1")
    assert [event["event_name"] for event in events(run)] == ["a.b", "obs.smoke.sentinel"]
    assert run.returncode == -15


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_emits_and_counts_for_itself() -> None:
    code = """
import os, threading, obs_surface as obs
from obs_surface import configuration
obs.configure("api", "1", "test")
obs.emit("before.fork")
held = threading.Event()
def hold():
    with configuration._changing: held.set(); threading.Event().wait(30)
threading.Thread(target=hold, daemon=True).start()
held.wait()
child = os.fork()
if child == 0:
    obs.emit("in.child")
    obs.configure("child", "1", "test")
    obs.emit("in.child", {"emitted": obs.stats()["emitted"]})
    os._exit(0)
status = os.waitpid(child, 0)[1]
obs.emit("after.fork", {"status": status, "emitted": obs.stats()["emitted"]})
os._exit(0)
"""
    run = python(code)
    assert [event["event_name"] for event in events(run)] == ["before.fork", "in.child", "in.child", "after.fork"], (
        run.stderr
    )
    assert events(run)[2]["payload"] == {"emitted": 0}
    assert events(run)[3]["payload"] == {"status": 0, "emitted": 1}
