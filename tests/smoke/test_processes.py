"""Processes: started in groups of their own, ready by line, port or URL, and gone afterwards whatever happened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from obs_lint.smoke.processes import Group, Process, ProcessError, environment
from obs_lint.smoke.scenario import Ready
from obs_lint.smoke.templates import Ports

posix = pytest.mark.skipif(sys.platform == "win32", reason="groups and signals are POSIX")


def until(condition: Callable[[], bool], within: float = 5.0) -> bool:
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        threading.Event().wait(0.01)
    return True


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        # A zombie that nobody has waited for is no orphan.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def group() -> Iterator[Group]:
    made = Group()
    yield made
    made.kill()


@pytest.fixture
def lines() -> list[tuple[str, bytes]]:
    return []


def run(group: Group, lines: list[tuple[str, bytes]], code: str, *, awaited: str = "", name: str = "it") -> Process:
    return group.start(
        name,
        [sys.executable, "-c", textwrap.dedent(code)],
        env=environment(),
        cwd=os.getcwd(),
        on_line=lambda which, line: lines.append((which, line)),
        awaited=awaited,
    )


def test_both_streams_are_read_to_their_end_and_long_lines_come_whole(
    group: Group, lines: list[tuple[str, bytes]]
) -> None:
    process = run(
        group,
        lines,
        """
        import sys
        print("a" * 300_000)
        print("err", file=sys.stderr)
        sys.stdout.write("no end of line")
        """,
    )
    assert process.exited.wait(10)
    assert sorted(lines) == [("stderr", b"err"), ("stdout", b"a" * 300_000), ("stdout", b"no end of line")]
    assert process.end is not None and process.end.code == 0 and not process.end.asked


def test_ready_by_a_line_that_scrolled_by_before_anybody_waited(group: Group, lines: list[tuple[str, bytes]]) -> None:
    process = run(
        group,
        lines,
        """
        import sys, time
        print("worker.ready", file=sys.stderr)
        for n in range(100): print(n)
        sys.stdin = None
        import signal; signal.pause()
        """,
        awaited="worker.ready",
    )
    assert until(lambda: len(lines) == 101)
    assert process.wait_until_ready(Ready(log="worker.ready", within=5)) == ""


def test_ready_by_port_and_by_url(group: Group, lines: list[tuple[str, bytes]]) -> None:
    port = Ports().fresh()
    process = run(
        group,
        lines,
        f"""
        from http.server import BaseHTTPRequestHandler, HTTPServer
        class H(BaseHTTPRequestHandler):
            asked = 0
            def do_GET(self):
                H.asked += 1
                self.send_response(503 if H.asked < 3 else 204)
                self.end_headers()
            def log_message(self, *a): pass
        HTTPServer(("127.0.0.1", {port}), H).serve_forever()
        """,
    )
    assert process.wait_until_ready(Ready(tcp=f"127.0.0.1:{port}", within=10)) == ""
    assert process.wait_until_ready(Ready(http=f"http://127.0.0.1:{port}/ready", within=10)) == ""
    process.stop(5)
    assert "ended by SIGTERM" in process.wait_until_ready(Ready(http=f"http://127.0.0.1:{port}/ready", within=5))


@pytest.mark.parametrize(
    ("ready", "said"),
    [
        (Ready(log="up", within=0.3), "was not ready within 0.3 s (no line with `up`)"),
        (Ready(tcp="127.0.0.1:1", within=0.3), "was not ready within 0.3 s (127.0.0.1:1: connection refused)"),
        (Ready(http="http://127.0.0.1:1/", within=0.3), "127.0.0.1:1: connection refused)"),
    ],
)
def test_what_never_gets_ready_is_said_by_the_deadline(
    group: Group, lines: list[tuple[str, bytes]], ready: Ready, said: str
) -> None:
    process = run(group, lines, "import signal; signal.pause()", awaited=ready.log)
    started = time.monotonic()
    assert said in process.wait_until_ready(ready)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("ready", [Ready(log="up"), Ready(tcp="127.0.0.1:1"), Ready(http="http://127.0.0.1:1/")])
def test_what_dies_early_is_told_at_once_with_its_last_lines(
    group: Group, lines: list[tuple[str, bytes]], ready: Ready
) -> None:
    process = run(group, lines, "import sys; sys.exit('no database')", awaited=ready.log)
    started = time.monotonic()
    assert process.wait_until_ready(ready) == "exited with code 1 before it was ready"
    assert time.monotonic() - started < 5
    assert process.last_lines == ("no database",)
    assert [end.name for end in group.unexpected()] == ["it"]


@posix
def test_stopping_reads_what_is_written_at_the_end(group: Group, lines: list[tuple[str, bytes]]) -> None:
    process = run(
        group,
        lines,
        """
        import signal, sys
        def stop(*_):
            print("flushed")
            sys.exit(0)
        signal.signal(signal.SIGTERM, stop)
        print("up")
        signal.pause()
        """,
        awaited="up",
    )
    assert process.wait_until_ready(Ready(log="up")) == ""
    ends = group.stop([[("it", 5.0, "TERM")]])
    assert [(end.name, end.code, end.asked, end.forced) for end in ends] == [("it", 0, True, False)]
    assert lines[-1] == ("stdout", b"flushed")
    assert group.unexpected() == []


@posix
def test_what_ignores_sigterm_is_killed_with_all_its_children(group: Group, lines: list[tuple[str, bytes]]) -> None:
    process = run(
        group,
        lines,
        """
        import signal, subprocess, sys
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c",
            "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pause()"])
        print("child", child.pid)
        signal.pause()
        """,
        awaited="child",
    )
    assert process.wait_until_ready(Ready(log="child")) == ""
    child = int(lines[0][1].split()[1])
    assert alive(child)
    end = process.stop(0.3)
    assert end.forced and end.how == "was ended by SIGKILL"
    assert until(lambda: not alive(child))


@posix
def test_a_child_that_outlives_its_parent_does_not_outlive_the_run(
    group: Group, lines: list[tuple[str, bytes]]
) -> None:
    process = run(
        group,
        lines,
        """
        import subprocess, sys
        print("child", subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"]).pid)
        """,
        awaited="child",
    )
    assert process.wait_until_ready(Ready(log="child", within=5)) in ("", "exited with code 0 before it was ready")
    child = int(lines[0][1].split()[1])
    group.kill()
    assert until(lambda: not alive(child))


HARNESS = """
import os, signal, sys, threading
from obs_lint.smoke.processes import Group, environment
from obs_lint.smoke.scenario import Ready
group = Group()
code = "import os, signal; print('pid', os.getpid(), flush=True); signal.pause()"
it = group.start("it", [sys.executable, "-c", code],
    env=environment(), cwd=".", on_line=lambda _, line: print(line.decode(), flush=True), awaited="pid")
it.wait_until_ready(Ready(log="pid"))
threading.Event().wait()
"""


@posix
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGABRT])
def test_a_harness_that_crashes_leaves_no_orphans(how: signal.Signals) -> None:
    harness = subprocess.Popen([sys.executable, "-c", HARNESS], stdout=subprocess.PIPE)
    assert harness.stdout is not None
    pid = int(harness.stdout.readline().split()[1])
    assert alive(pid)
    harness.send_signal(how)
    harness.wait()
    harness.stdout.close()
    assert until(lambda: not alive(pid))


def test_a_program_that_is_not_there_is_an_error_that_says_what_to_do(
    group: Group, lines: list[tuple[str, bytes]]
) -> None:
    def start(*command: str) -> None:
        group.start("db", command, env=environment({"PATH": ""}), cwd=".", on_line=lambda *_: None)

    with pytest.raises(ProcessError, match="process `db` can't be started: there is no program `postgrez` on PATH"):
        start("postgrez")
    with pytest.raises(ProcessError, match="install Redis, or set `REDIS_URL`"):
        start("redis-server")
    with pytest.raises(ProcessError, match=r"process `db` can't be started: ./nothing: .*[Nn]o such file"):
        start("./nothing")


def test_the_environment_in_layers() -> None:
    made = environment({"A": "1", "B": "1", "PYTHONUNBUFFERED": None}, {"B": None, "C": "2"})
    assert (made["A"], made.get("B"), made["C"]) == ("1", None, "2")
    assert "PYTHONUNBUFFERED" not in made and made["PATH"] == os.environ["PATH"]


@posix
def test_an_ended_process_that_is_started_again_keeps_both_ends(group: Group, lines: list[tuple[str, bytes]]) -> None:
    first = run(group, lines, "import signal; signal.pause()")
    first.signal("KILL")
    assert first.exited.wait(5)
    run(group, lines, "import signal; signal.pause()")
    ends = group.stop([[("it", 5.0, "TERM")]])
    assert [(end.how, end.planned) for end in ends] == [
        ("was ended by SIGKILL", True),
        ("was ended by SIGTERM", False),
    ]
