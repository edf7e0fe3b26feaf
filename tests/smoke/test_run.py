"""A run from its beginning to its end: what is expected, what it waits for, what is left when it goes wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from obs_lint.config.model import RegistrySource
from obs_lint.registry.reader import Reader
from obs_lint.registry.sources import read
from obs_lint.smoke.findings import Answer
from obs_lint.smoke.outcome import Outcome
from obs_lint.smoke.run import run
from obs_lint.smoke.scenario import ScenarioError
from obs_lint.smoke.scenario_file import parse

HERE = Path(__file__).parent
SYSTEM = HERE / "system"
REGISTRY = read(RegistrySource("registry.yaml"), Reader(str(SYSTEM)))
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")

HEAD = """\
format: obs-smoke/1
env: {API_PORT: "{port.api}", WORKER_PORT: "{port.worker}"}
processes:
  api: {command: ["{python}", service.py, api], ready: {http: "http://127.0.0.1:{port.api}/health", within: 10s}}
  worker: {command: ["{python}", service.py, worker], ready: {log: worker.ready, within: 10s}}
settle: 200ms
coverage: {ignore: ["*"]}
"""


def go(text: str, head: str = HEAD, folder: Path = SYSTEM, **env: str) -> Outcome:
    scenario = parse((head + textwrap.dedent(text)).encode(), folder / "smoke.yaml", "smoke.yaml")
    return run(scenario, (REGISTRY,), env=env)


def unmet(outcome: Outcome) -> dict[str, list[str]]:
    return {one.step.name: [what.message for what in one.unmet] for one in outcome.steps if one.unmet}


def test_expectations_that_do_not_come_true_are_said_one_by_one() -> None:
    outcome = go(
        """
        steps:
          - name: page
            http: {url: "http://127.0.0.1:{port.api}/page?x=1", headers: {X-Request-Id: "{uuid}"}}
            expect:
              status: [404, 5xx]
              header: {X-Request-Id: "another", Content-Length: null, X-No: true, Server: {matches: "nginx.*"}}
              body: {path: /other, more: 1}
              body-has: nothing
              events: [shop.job.created, {name: shop.page.viewed, payload: {path: /x}}]
              no-events: [shop.page.viewed]
              within: 200ms
        """
    )
    (exchange,) = outcome.steps[0].exchanges
    where = exchange.request.url
    assert exchange.response is not None
    (server,) = exchange.response.values("Server")
    said = [message.replace(f"GET {where}", "GET") for message in unmet(outcome)["page"]]
    sent = exchange.request.headers[0][1]
    assert said == [
        "GET answered 200, not 404 or 5xx",
        f"GET: X-Request-Id is `{sent}`, not `another`",
        "GET: the response has Content-Length, and must not",
        "GET: the response has no X-No",
        f"GET: Server is `{server}`, which does not match `nginx.*`",
        "GET: the body (21 bytes) does not hold `nothing`",
        'GET: the body has path "/page?x=1", not path "/other"',
        "GET: there is nothing at `more`",
        "`shop.job.created` was not seen within 0.2 s",
        '`shop.page.viewed` with path "/x" was not seen within 0.2 s; 1 came with another payload',
        "`shop.page.viewed` was seen, and must not be",
    ]
    assert outcome.result.verdicts["OBS807"].answer is Answer.FAIL and outcome.result.exit_code() == 1


def test_values_go_from_one_step_to_the_next_and_events_may_come_from_anywhere() -> None:
    outcome = go(
        """
        steps:
          - name: create
            http: {url: "http://127.0.0.1:{port.api}/jobs", json: {attempts: 3}, headers: {X-Request-Id: "{uuid.one}"}}
            save: {job: body.job_id, code: status, own: sent.X-Request-Id}
            expect: {events: {name: shop.job_run.completed, payload: {attempt: 3}}, within: 5s}
          - name: use
            parallel:
              - {name: a,
                 http: {url: "http://127.0.0.1:{port.api}/page/{job}/{code}", headers: {X-Request-Id: "{own}"}},
                 expect: {status: 200, header: {X-Request-Id: "{uuid.one}"}}}
              - {name: b, http: {url: "http://127.0.0.1:{port.api}/page/b"}}
          - {name: late, expect: {events: {name: shop.job_run.failed, count: 2}, within: 1s}}
          - {name: anywhere, http: {url: "http://127.0.0.1:{port.api}/health"},
             expect: {events: {name: shop.page.viewed, anywhere: true}, within: 100ms}}
        """
    )
    assert list(unmet(outcome)) == ["anywhere"], unmet(outcome)
    page = next(step for step in outcome.steps if step.step.name == "a").exchanges[0].request.url
    assert page.endswith("/202") and len(page.split("/")[-2]) == 36


def test_a_value_that_is_not_there_is_said_and_the_rest_goes_on() -> None:
    outcome = go(
        """
        steps:
          - {name: create, http: {url: "http://127.0.0.1:{port.api}/page"}, save: {job: body.job_id}}
          - {name: use, http: {url: "http://127.0.0.1:{port.api}/page/{job}"}}
          - {name: fine, http: {url: "http://127.0.0.1:{port.api}/page"}, expect: {status: 200}}
          - {name: nobody, http: {url: "http://127.0.0.1:{free_port}/"}}
        """
    )
    said = unmet(outcome)
    assert said["create"] == ["`job` can't be saved: there is nothing at `job_id`"]
    assert said["use"] == ["`{job}` is not there: the step that saves it did not get that far"]
    assert "got no response" in said["nobody"][0] and "connection refused" in said["nobody"][0]
    assert "fine" not in said


def test_commands_are_steps_and_what_they_emit_counts() -> None:
    outcome = go(
        """
        steps:
          - name: emits
            run: ["{python}", -c, "import json; print(json.dumps(dict(event_name='shop.job_run.failed', payload={})))"]
            expect: {events: shop.job_run.failed, within: 5s}
          - {name: fails, run: ["{python}", -c, "import sys; sys.exit('no luck')"]}
          - {name: may fail, run: ["{python}", -c, "raise SystemExit(3)"], expect: {exit: [0, 3]}}
          - {name: lasts, run: ["{python}", -c, "import signal; signal.pause()"], expect: {within: 300ms}}
        """
    )
    said = unmet(outcome)
    assert set(said) == {"fails", "lasts"}
    assert said["fails"][0].endswith("exited with code 1: no luck")
    assert said["lasts"][0].endswith("was not done within 0.3 s")


@posix
def test_a_process_that_is_killed_and_started_again() -> None:
    outcome = go(
        """
        steps:
          - {name: kill, kill: worker}
          - {name: twice, kill: worker}
          - {name: again, start: worker}
          - {name: already, start: worker}
          - name: job
            http: {url: "http://127.0.0.1:{port.api}/jobs", json: {}}
            expect: {status: 202, events: shop.job_run.completed, within: 5s}
          - {name: stop, stop: api}
        """
    )
    assert unmet(outcome) == {
        "twice": ["process `worker` does not run"],
        "already": ["process `worker` runs already"],
    }
    assert [(end.name, end.how, end.planned) for end in outcome.ends] == [
        ("worker", "was ended by SIGKILL", True),
        ("api", "exited with code 0", True),
        ("worker", "exited with code 0", False),
    ]
    assert outcome.died == ()


@posix
@pytest.mark.parametrize("fault", ["killed-worker", "dies-worker", "silent-worker"])
def test_a_lost_process_or_sink_is_never_clean(fault: str) -> None:
    outcome = go(
        """
        steps:
          - name: job
            http: {url: "http://127.0.0.1:{port.api}/jobs", json: {}}
            expect: {events: shop.job_run.started, within: 1s}
        """,
        FAULT=fault,
    )
    assert outcome.result.exit_code() in (1, 3)
    if fault == "killed-worker":
        assert "out of memory" in outcome.last_lines["worker"]
    if fault == "dies-worker":
        assert outcome.not_ready == {"worker": "exited with code 1 before it was ready"}
        assert outcome.last_lines["worker"] == ("no database",)
        assert [step.skipped for step in outcome.steps] == ["`worker` not ready"]


def test_nothing_to_look_at_is_never_a_pass(tmp_path: Path) -> None:
    head = "format: obs-smoke/1\ncapture: [{file: logs/*.jsonl}]\n"
    assert go("", head, tmp_path).result.exit_code() == 3
    assert go("steps: [{name: wait, expect: {events: a.b, within: 50ms}}]", head, tmp_path).result.exit_code() in (1, 3)


def test_files_are_followed_and_errors_of_the_setting_up_leave_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "w.py").write_text(
        "import json, sys\nsys.stdout.write('go\\n'); sys.stdout.flush()\n"
        "open('logs.jsonl', 'w').write(json.dumps({'event_name': 'shop.page.viewed', 'payload': {'path': '/'},"
        " 'correlation': {'request_id': '00000000-0000-0000-0000-000000000001'}}) + '\\n')\n"
    )
    head = (
        "format: obs-smoke/1\nprocesses: {w: {command: ['{python}', w.py], sentinel: false, exit: 0}}\n"
        "capture: [{file: '*.jsonl'}]\ncoverage: {ignore: ['*']}\nchecks: {ignore: {OBS814: no time}}\n"
    )
    outcome = go("steps: [{name: w, expect: {events: shop.page.viewed, within: 5s}}]", head, tmp_path)
    assert unmet(outcome) == {} and outcome.result.exit_code() == 0, outcome.result.findings
    with pytest.raises(
        ScenarioError, match=r"smoke.yaml:2:\d+: process `w` can't be started: there is no program `nope`"
    ):
        go("", "format: obs-smoke/1\nprocesses: {w: {command: [nope]}}\n", tmp_path)
    with pytest.raises(ScenarioError, match="there is no folder"):
        go("", "format: obs-smoke/1\nprocesses: {w: {command: ['{python}'], cwd: gone}}\n", tmp_path)
    with pytest.raises(ScenarioError, match="the environment has no variable NOT_SET"):
        go("", "format: obs-smoke/1\nprocesses: {w: {command: ['{python}', '{env.NOT_SET}']}}\n", tmp_path)


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ScenarioError, match=f"cannot listen on 127.0.0.1:{port}"):
            go("", f"format: obs-smoke/1\ncapture: [{{otlp-http: {port}}}]\n", tmp_path)


@pytest.mark.skipif(
    not any((Path(p) / "redis-server").exists() for p in os.environ["PATH"].split(":")), reason="no Redis"
)
def test_a_redis_of_the_runs_own(tmp_path: Path) -> None:
    pytest.importorskip("redis")
    (tmp_path / "w.py").write_text(
        "import redis, sys, json, datetime\n"
        "now = datetime.datetime.now(datetime.UTC).isoformat().replace('+00:00', 'Z')\n"
        "line = {'event_name': 'shop.page.viewed', 'occurred_at': now, 'payload': {'path': '/'},"
        " 'correlation': {'request_id': '00000000-0000-0000-0000-000000000001'}}\n"
        "redis.Redis.from_url(sys.argv[1]).xadd('trace:1', {'data': json.dumps(line)})\n"
    )
    head = (
        "format: obs-smoke/1\nprocesses:\n  cache: {redis: {}}\n"
        "  w: {command: ['{python}', w.py, '{redis.url}'], sentinel: false, exit: 0}\n"
        "capture: [{redis-stream: 'trace:*'}]\ncoverage: {ignore: ['*']}\n"
    )
    outcome = go("steps: [{name: w, expect: {events: shop.page.viewed, within: 5s}}]", head, tmp_path)
    assert unmet(outcome) == {}, outcome.result.findings
    assert [end.name for end in outcome.ends] == ["w", "cache"] and outcome.died == ()


def alive(text: str) -> bool:
    found = subprocess.run(["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return text in found


def until(condition: Callable[[], Any], within: float = 10.0) -> bool:
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        threading.Event().wait(0.02)
    return True


@posix
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_the_harness_ends_nothing_runs_on(tmp_path: Path, how: signal.Signals) -> None:
    mark = f"mark-{os.getpid()}-{int(how)}"
    (tmp_path / "smoke.yaml").write_text(
        "format: obs-smoke/1\nprocesses:\n"
        f"  w: {{command: ['{{python}}', -c, \"import signal; print('up', flush=True); signal.pause()\", {mark}],"
        " ready: {log: up}, sentinel: false}\n"
        "steps: [{name: wait, expect: {events: a.b, within: 60s}}]\n"
    )
    command = [sys.executable, "-m", "obs_lint", "smoke", "run", "smoke.yaml"]
    harness = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert until(lambda: alive(mark))
    harness.send_signal(how)
    assert harness.wait(20) == (130 if how != signal.SIGKILL else -9)
    assert until(lambda: not alive(mark))
