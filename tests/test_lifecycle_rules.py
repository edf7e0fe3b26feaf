"""What the lifecycle rules say: the way out, the path that leads there, the transition, the events that are missing."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from obs_lint import engine
from obs_lint.checks.tests_on_paths import Assumption, Assumptions, unplaced
from obs_lint.config import from_table
from obs_lint.diagnostic import Diagnostic
from obs_lint.facts.extract import extract
from obs_lint.source import decode

REGISTRY = """
format: obs-registry/1
events: {run.started: {}, run.completed: {}, run.failed: {}}
lifecycles:
  run:
    key: run_id
    start: run.started
    terminal: [run.completed, run.failed]
    exactly-one-terminal: true
    states: {field: status, transitions: {pending: [running], running: [completed, failed]}}
"""
SURFACE = 'def emit(event_name, payload=None):\n    """Send an event."""\n'


def found(tmp_path: Path, code: str, text: str, **config: Any) -> list[Diagnostic]:
    (tmp_path / "shop").mkdir()
    for name, content in {"__init__": "", "obs": SURFACE, "runs": "from shop import obs\n" + dedent(text)}.items():
        (tmp_path / "shop" / f"{name}.py").write_text(content)
    (tmp_path / "registry.yaml").write_text(REGISTRY)
    base = {"surface": ["shop.obs"], "registry": ["registry.yaml"], "select": [code]}
    report = engine.run(from_table({**base, **config}, str(tmp_path)), cwd=str(tmp_path), use_cache=False, jobs=1)
    assert not report.failures, report.failures
    return list(report.diagnostics)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("job.work()", "is left by an exception from `job.work(…)` in line 4"),
        ("if job.empty:\n        return", "returns in line 5"),
        ("if job.empty:\n        raise ValueError", "is left by the `raise` in line 5"),
        ("if job.empty:\n        raise SystemExit", "is left by the `raise` in line 5"),
        ("if job.empty:\n        return 1\n    job.work()", "returns in line 5` (1 more)".replace("`", "")),
        ("while job.wait():\n        job.work()", "is left by an exception from `job.wait(…)` in line 4"),
    ],
)
def test_which_way_out(tmp_path: Path, body: str, said: str) -> None:
    text = f"def run(job):\n    obs.emit('run.started')\n    {body}\n    obs.emit('run.completed')\n"
    [diagnostic] = found(tmp_path, "OBS305", text)
    assert diagnostic.message == f"`run.started` has no end where `run` {said}"
    assert (diagnostic.span.start.line, diagnostic.symbol) == (3, "shop.runs.run")


@pytest.mark.parametrize(
    ("way", "text", "said"),
    [
        ("cancellation", "async def run(job):\n    {start}\n    await job.task\n    {end}\n", "is cancelled in line 4"),
        (
            "generator-exit",
            "def run(job):\n    {start}\n    yield 1\n    {end}\n",
            "is closed at the `yield` in line 4",
        ),
        (
            "restart",
            "def run(q):\n    while True:\n        {start}\n        if q.x: {end}\n",
            "emits it again in line 4",
        ),
    ],
)
def test_ways_out_are_chosen(tmp_path: Path, way: str, text: str, said: str) -> None:
    source = text.format(start="obs.emit('run.started')", end="obs.emit('run.completed')")
    [diagnostic] = found(tmp_path, "OBS305", source, rules={"OBS305": {"ways-out": [way]}})
    assert diagnostic.message == f"`run.started` has no end where `run` {said}"
    assert diagnostic.help.startswith("Emit `run.completed` or `run.failed` exactly once")


def test_the_path_to_the_way_out(tmp_path: Path) -> None:
    text = """
    def run(job):
        obs.emit("run.started")
        try:
            job.work()
        except KeyError:
            if job.quiet:
                return
        obs.emit("run.completed")
    """
    [diagnostic] = found(tmp_path, "OBS305", text)
    assert [(step.position.line, step.message) for step in diagnostic.trail] == [
        (4, "`run.started` is emitted here"),
        (7, "an exception is caught here"),
        (8, "it branches here"),
        (9, "returns without an end"),
        (6, "an exception leaves without an end"),
    ]


def test_two_ends(tmp_path: Path) -> None:
    text = "def run():\n    obs.emit('run.started')\n    obs.emit('run.failed')\n    obs.emit('run.completed')\n"
    [diagnostic] = found(tmp_path, "OBS305", text)
    assert diagnostic.message == "`run.completed` ends `run` in `run` again, after its end in line 4"
    assert [step.position.line for step in diagnostic.trail] == [3, 4, 5]


def test_calls_that_raise_nothing_are_an_option(tmp_path: Path) -> None:
    text = "def run(job):\n    obs.emit('run.started')\n    job.tick()\n    obs.emit('run.completed')\n"
    assert not found(tmp_path, "OBS305", text, rules={"OBS305": {"ignored-calls": {"extend": ["*.tick"]}}})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("run.status = 'running'", "`status` is set to `running` without an event"),
        ("run.status = 'completed' if run.ok else 'failed'", "is set to `completed` or `failed` without an event"),
        ("run.status = 'gone'", "`status` is set to `gone`, which is no state of `run`"),
        (
            "if run.status == 'pending':\n        run.status = 'failed'",
            "`status` goes from `pending` to `failed`, which `run` does not allow",
        ),
    ],
)
def test_transitions(tmp_path: Path, body: str, said: str) -> None:
    [diagnostic] = found(tmp_path, "OBS306", f"def work(run):\n    {body}\n")
    assert said in diagnostic.message
    assert [(step.path, step.position.line) for step in diagnostic.trail] == [("registry.yaml", 5)]


@pytest.mark.parametrize(
    ("before", "after", "missing"),
    [
        ("", "", "a spawn, a completion and an aggregate"),
        ("obs.emit('module.spawned')", "", "a completion and an aggregate"),
        ("", "obs.emit('modules.completed')", "a spawn and a completion"),
        ("obs.emit('module.spawned')", "obs.emit('modules.completed')", "a completion"),
    ],
)
def test_what_a_fan_out_lacks(tmp_path: Path, before: str, after: str, missing: str) -> None:
    text = f"""
    import asyncio

    async def work(item):
        return item

    async def run(items):
        {before}
        await asyncio.gather(*[work(item) for item in items])
        {after}
    """
    [diagnostic] = found(tmp_path, "OBS307", text, orchestration=["shop.runs"])
    assert diagnostic.message == f"`asyncio.gather(…)` in `run` fans out without {missing} event"


def test_what_tests_say_of_one_another() -> None:
    source = "def f(a, b):\n    done = False\n    if a and not b.c: pass\n    if b.c is not None or done: pass\n"
    facts = extract(decode("a.py", source.encode()))
    [function] = facts.functions
    first, second = (statement[1][0][0] for statement in function.block if statement[0] == "if")
    assumptions = Assumptions(facts, function.scope)
    true, _ = assumptions.of(first)
    name = ("name", "a", None)
    field = ("attr", ("name", "b", None), "c", None)
    assert true[:2] == (Assumption(name, True), Assumption(field, False))
    _, false = assumptions.of(second)
    assert false[0].truth and false[0].test[0] == "compare" and false[1] == Assumption(("name", "done", None), False)
    assumptions.settle()
    assert assumptions.after(false[1], frozenset()) == {false[1]}
    assert assumptions.after(Assumption(("name", "done", None), True), frozenset({false[1]})) is None
    assert assumptions.after(true[0], frozenset()) == frozenset(), "tested once: nothing to remember"
    assert unplaced(first) == unplaced(first) != unplaced(second)
