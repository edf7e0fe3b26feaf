"""The fixture `obs_capture`, in pytest runs of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

PLUGIN = ("-p", "no:cacheprovider", "-p", "no:asyncio")
REGISTRY = Path(__file__).parent / "system" / "registry.yaml"

CONFTEST = """
import uuid, pytest, obs_surface
from obs_surface import configuration

R, J, A, B = (str(uuid.UUID(int=n)) for n in (1, 2, 3, 4))

@pytest.fixture(autouse=True)
def surface():
    obs_surface.configure(service_name="api", service_version="1", env="test", sinks=[obs_surface.MemorySink()])
    yield
    configuration.reset()

@pytest.fixture
def ids():
    return R, J, A, B

@pytest.fixture
def job():
    def run(terminal="shop.job_run.completed"):
        emit, ObsContext = obs_surface.emit, obs_surface.ObsContext
        emit("shop.job.created", {"job_type": "pack"}, ObsContext.new(request_id=R, job_id=J))
        emit("shop.job_run.started", {"attempt": 1}, ObsContext.new(job_id=J, job_run_id=A))
        if terminal:
            emit(terminal, {"attempt": 1}, ObsContext.new(job_id=J, job_run_id=A))
    return run
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini("[pytest]\nobs_registry = registry.yaml\nfilterwarnings = error\n")
    pytester.path.joinpath("registry.yaml").write_bytes(REGISTRY.read_bytes())
    pytester.makeconftest(CONFTEST)
    return pytester


def outcome(project: pytest.Pytester, source: str, *options: str, **counts: int) -> str:
    """Run a test module in a process of its own, hold the outcome against `counts`, and return what was printed."""
    project.makepyfile(source)
    result = project.runpytest_subprocess(*PLUGIN, *options)
    result.assert_outcomes(**counts)
    return result.stdout.str()


def test_assertions_that_read_like_the_requirement(project: pytest.Pytester) -> None:
    outcome(
        project,
        """
        import obs_surface

        def test_chain(obs_capture, job, ids):
            job()
            flow = obs_capture.flow(request_id=ids[0])
            flow.assert_chain("request_id", "job_id", "job_run_id").assert_lifecycle("job_run").assert_chain()
            obs_capture.assert_valid(ignore=["OBS816"])
            assert obs_capture.one("shop.job_run.started").payload["attempt"] == 1
            assert obs_capture.one("shop.job_run.started", job_run_id=ids[2], attempt=1).service == "api"
            obs_capture.none("shop.job_run.failed")
            assert [event.name for event in obs_capture.events] == [
                "shop.job.created", "shop.job_run.started", "shop.job_run.completed"]
            assert flow.ids["job_run_id"] == (ids[2],) and len(flow.events("shop.job.created")) == 1

        def test_each_test_begins_empty(obs_capture):
            assert obs_capture.records == ()

        def test_a_configuration_that_comes_later_is_seen_too(obs_capture, job):
            sink = obs_surface.MemorySink()
            obs_surface.configure(service_name="other", service_version="1", env="test", sinks=[sink])
            job()
            assert {event.service for event in obs_capture.all("shop.job.created")} == {"other"}

        def test_clear(obs_capture, job):
            job()
            obs_capture.clear()
            assert obs_capture.records == ()
        """,
        passed=4,
    )


def test_failures_print_the_flow_the_broken_hop_and_the_nearest(project: pytest.Pytester) -> None:
    said = outcome(
        project,
        """
        import obs_surface
        from obs_surface import ObsContext

        def test_chain(obs_capture, ids):
            obs_surface.emit("shop.job.created", {"job_type": "pack"}, ObsContext.new(request_id=ids[0], job_id=ids[1]))
            obs_surface.emit("shop.job_run.started", {"attempt": 1}, ObsContext.new(job_run_id=ids[2]))
            obs_capture.flow(request_id=ids[0]).assert_chain("request_id", "job_id", "job_run_id")

        def test_open(obs_capture, job, ids):
            job(terminal=None)
            obs_capture.flow(job_id=ids[1]).assert_lifecycle("job_run")

        def test_nearest(obs_capture, job):
            job()
            obs_capture.one("shop.job_run.complete")

        def test_other_value(obs_capture, job):
            job()
            obs_capture.one("shop.job_run.started", attempt=2)

        def test_unknown_id(obs_capture, job):
            job()
            obs_capture.flow(request_id="00000000-0000-0000-0000-00000000000f")

        def test_not_wanted(obs_capture, job):
            job()
            obs_capture.none("shop.job.created")

        def test_twice(obs_capture, job):
            job(); job()
            obs_capture.one("shop.job.created")

        def test_invalid(obs_capture, ids):
            obs_surface.emit("shop.job_run.started", {"attempt": 0}, ObsContext.new(job_run_id=ids[2]))
            obs_capture.assert_valid()

        def test_nothing(obs_capture):
            obs_capture.assert_valid()

        def test_no_lifecycle(obs_capture, job, ids):
            job()
            obs_capture.flow(request_id=ids[0]).assert_lifecycle("jobrun")
        """,
        failed=10,
    )
    for words in (
        "the chain is broken at job_id → job_run_id: no record of the flow carries both",
        "`shop.job_run.started` from obs_surface:2 carries job_run_id without job_id",
        "request …00000001",
        "began and has not ended (shop.job_run.completed or shop.job_run.failed)",
        "`shop.job_run.completed` was: is that what was meant?",
        "attempt is 1",
        "similar: 00000000-0000-0000-0000-000000000001",
        "`shop.job.created` was emitted once, and must not be",
        "`shop.job.created` was emitted 2 times, not once",
        "OBS812",
        "OBS831",
        "nothing was captured, so nothing can be valid",
        "no registry has the lifecycle `jobrun`; known: job_run",
    ):
        assert words in said, words
    assert "pytest_capture.py" not in said, "the traceback is that of the test"


def test_waiting_is_on_a_condition_with_a_deadline(project: pytest.Pytester) -> None:
    said = outcome(
        project,
        """
        import asyncio, threading, time
        import obs_surface

        def test_thread(obs_capture, job):
            thread = threading.Timer(0.05, job)
            thread.start()
            record = obs_capture.wait_for("shop.job_run.completed", timeout=5)
            thread.join()
            assert record.payload["attempt"] == 1

        def test_count(obs_capture, job):
            threads = [threading.Thread(target=job) for _ in range(8)]
            for thread in threads: thread.start()
            obs_capture.wait_for("shop.job_run.completed", count=8, timeout=5)
            for thread in threads: thread.join()
            assert len(obs_capture.events) == 24

        def test_async(obs_capture, job):
            async def main():
                asyncio.get_running_loop().call_later(0.05, job)
                return await obs_capture.wait_for_async("shop.job_run.completed", timeout=5)
            assert asyncio.run(main()).name == "shop.job_run.completed"

        def test_in_vain(obs_capture, job):
            job()
            started = time.monotonic()
            try:
                obs_capture.wait_for("shop.job_run.failed", timeout=0.1)
            finally:
                assert time.monotonic() - started < 2
        """,
        passed=3,
        failed=1,
    )
    assert "waited 0.1 s: `shop.job_run.failed` was not emitted; `shop.job_run." in said


def test_what_goes_other_ways_is_captured_too(project: pytest.Pytester) -> None:
    outcome(
        project,
        """
        import json, logging
        import structlog

        structlog.configure(processors=[structlog.processors.JSONRenderer()])

        def test_logging(obs_capture):
            logging.getLogger("app").warning("slow", extra={"request_id": "r-1"})
            (record,) = obs_capture.records
            assert record.kind == "log" and record.ids == {"request_id": "r-1"}

        def test_structlog(obs_capture):
            structlog.get_logger().info("shop.page.viewed", request_id="r-2")
            (record,) = obs_capture.records
            assert record.ids == {"request_id": "r-2"}

        def test_text_and_its_canary(obs_capture):
            logging.getLogger("app").error("mail to canary-7f3a@example.invalid")
            try:
                obs_capture.assert_valid(canaries={"email": "canary-7f3a@example.invalid"})
            except AssertionError as error:
                assert "OBS871" in str(error)
            else:
                raise AssertionError("not seen")
        """,
        passed=3,
    )


def test_an_id_of_another_test_is_told(project: pytest.Pytester) -> None:
    said = outcome(
        project,
        """
        import obs_surface
        from obs_surface import ObsContext

        def test_first(obs_capture, ids):
            obs_surface.emit("shop.page.viewed", {"path": "/"}, ObsContext.new(request_id=ids[0]))
            obs_capture.assert_valid()

        def test_second(obs_capture, ids):
            obs_surface.emit("shop.page.viewed", {"path": "/"}, ObsContext.new(request_id=ids[0]))
            obs_capture.assert_valid()
        """,
        passed=1,
        failed=1,
    )
    assert "OBS836" in said and "test_first" in said


def test_under_xdist(project: pytest.Pytester) -> None:
    outcome(
        project,
        """
        import pytest, obs_surface
        from obs_surface import ObsContext

        @pytest.mark.parametrize("n", range(12))
        def test_own(obs_capture, n):
            rid = f"0000000{n:x}-0000-0000-0000-000000000000"
            obs_surface.emit("shop.page.viewed", {"path": f"/{n}"}, ObsContext.new(request_id=rid))
            assert obs_capture.one("shop.page.viewed").payload["path"] == f"/{n}"
        """,
        "-n",
        "2",
        passed=12,
    )


@pytest.mark.parametrize(
    ("ini", "said"),
    [
        ("obs_registry = nowhere.yaml", "`nowhere.yaml` can't be read"),
        ("obs_registry = broken.yaml", "broken.yaml:2: `evnts`"),
    ],
)
def test_a_registry_that_can_not_be_used_is_said(pytester: pytest.Pytester, ini: str, said: str) -> None:
    pytester.makeini(f"[pytest]\n{ini}\n")
    pytester.path.joinpath("broken.yaml").write_text("format: obs-registry/1\nevnts: {}\n")
    pytester.makepyfile("def test(obs_capture): pass")
    result = pytester.runpytest_subprocess(*PLUGIN)
    result.assert_outcomes(errors=1)
    assert "the registry can't be used" in result.stdout.str()
    assert said.split(":", maxsplit=1)[0] in result.stdout.str()


def test_the_plugin_costs_a_run_that_does_not_use_it_nothing() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import obs_lint.integrations.pytest_plugin; "
        "print(sorted(m for m in set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert eval(done.stdout) == ["obs_lint", "obs_lint.integrations", "obs_lint.integrations.pytest_plugin"]
