"""The harness against real processes: without a fault all checks pass; with one, exactly its codes are reported.

faults.yaml is the table. Every run starts an API and its workers, drives them and stops them again.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from obs_lint.config.model import RegistrySource
from obs_lint.registry.model import Deprecation, Registry
from obs_lint.registry.reader import Reader
from obs_lint.registry.sources import read
from obs_lint.smoke.findings import Answer, Finding
from obs_lint.smoke.ledger import CODES
from obs_lint.smoke.outcome import Outcome
from obs_lint.smoke.run import run
from obs_lint.smoke.scenario import CaptureSpec, ProcessSpec, Scenario
from obs_lint.smoke.scenario_file import load

pytest.importorskip("obs_surface")
pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
EXAMPLE = REPOSITORY / "examples" / "narralytica"
SHOP = HERE / "system"
TABLE: dict[str, dict[str, dict[str, Any]]] = yaml.safe_load((HERE / "faults.yaml").read_text(encoding="utf-8"))
STEPS = (
    "a search with an id of its own",
    "a malformed id",
    "a path that is not there",
    "many at a time",
    "a document",
    "a failure that is cured by a second attempt",
)
"""What the faults need of the example's scenario."""
WITHIN = 2.5
"""Seconds that a step waits for what a fault keeps away."""


def registry(folder: Path, source: str) -> Registry:
    return read(RegistrySource(source), Reader(str(folder)))


def scenario_of(row: dict[str, Any]) -> Scenario:
    scenario = load(EXAMPLE / "smoke.yaml")
    chosen = [step for step in scenario.steps if step.name in STEPS]
    assert len(chosen) == len(STEPS)
    captures = {
        "file": CaptureSpec("file", "nothing/*.jsonl"),
        "otlp-http": CaptureSpec("otlp-http", "auto"),
    }
    return replace(
        scenario,
        steps=tuple(replace(step, expect=replace(step.expect, within=WITHIN)) for step in chosen),
        env={**scenario.env, "NARRALYTICA_DATA": "{scratch}", **row.get("env", {})},
        settle=0.5,
        captures=(*scenario.captures, *(captures[name] for name in row.get("captures", ()))),
        coverage=replace(scenario.coverage, fail_under=row.get("bar")),
        checks=replace(scenario.checks, options={"profiles": tuple(row.get("profiles", ()))}),
    )


def deprecating(registry: Registry, name: str) -> Registry:
    events = tuple(
        replace(event, deprecated=Deprecation(since="2.0")) if event.name == name else event
        for event in registry.events
    )
    return replace(registry, events=events)


def everything(findings: Iterable[Finding]) -> list[Finding]:
    found = []
    for finding in findings:
        found += [finding, *everything(finding.consequences)]
    return found


def reported(outcome: Outcome) -> set[str]:
    """The codes, those with `~` of which every finding is inconclusive."""
    found = everything(outcome.result.findings)
    certain = {finding.code for finding in found if not finding.inconclusive}
    return certain | {f"~{finding.code}" for finding in found if finding.code not in certain}


def judge(outcome: Outcome, row: dict[str, Any]) -> None:
    shown = "\n".join(f"{'~' * one.inconclusive}{one.code} {one.message}" for one in outcome.result.everything())
    shown += "".join(f"\n{name}: {line}" for name, lines in outcome.last_lines.items() for line in lines)
    assert reported(outcome) == set(row["codes"]), shown
    roots = [f"{'~' * one.inconclusive}{one.code}" for one in outcome.result.findings]
    assert roots[:1] == row["codes"][:1], shown
    assert row.get("says", "") in (outcome.result.findings[0].message if roots else ""), shown
    assert outcome.result.exit_code() == row.get("exit", 1)
    for code in row["codes"]:
        wanted = Answer.INCONCLUSIVE if code.startswith("~") else Answer.FAIL
        assert outcome.result.verdicts[code.lstrip("~")].answer is wanted
    if not row["codes"]:
        assert outcome.result.answer is Answer.PASS and all(step.ok for step in outcome.steps)


@pytest.mark.parametrize("name", TABLE["narralytica"])
def test_a_fault_in_narralytica(name: str) -> None:
    row = TABLE["narralytica"][name]
    declared = registry(EXAMPLE, "lock:contracts/obs-registry.lock.json")
    if "deprecated" in row:
        declared = deprecating(declared, row["deprecated"])
    env = {"OBS_FAULT": row.get("fault", name), "PYTHONPATH": str(HERE / "injected")}
    judge(run(scenario_of(row), (declared,), env=env), row)


@pytest.mark.parametrize("name", TABLE["shop"])
def test_a_fault_in_the_shop(name: str) -> None:
    outcome = run(load(SHOP / "smoke.yaml"), (registry(SHOP, "registry.yaml"),), env={"FAULT": name})
    judge(outcome, TABLE["shop"][name])


def test_the_shop_without_a_fault() -> None:
    outcome = run(load(SHOP / "smoke.yaml"), (registry(SHOP, "registry.yaml"),))
    judge(outcome, {"codes": [], "exit": 0})


def test_every_code_has_a_fault() -> None:
    tried = {code.lstrip("~") for rows in TABLE.values() for row in rows.values() for code in row["codes"]}
    assert tried == {*CODES, "OBS807"}


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="no Redis")
def test_narralytica_over_redis_streams() -> None:
    pytest.importorskip("redis")
    scenario = scenario_of({"env": {"REDIS_URL": "{redis.url}"}})
    queue = ProcessSpec("queue", (), sentinel=False, redis=True)
    scenario = replace(scenario, processes=(queue, *scenario.processes))
    outcome = run(scenario, (registry(EXAMPLE, "lock:contracts/obs-registry.lock.json"),))
    judge(outcome, {"codes": [], "exit": 0})
    assert [end.name for end in outcome.ends][-1] == "queue", "what all others use is stopped last"


def test_one_command_proves_the_example(tmp_path: Path) -> None:
    """004 Issue 6.6: a smoke run over API and workers; every check passes, every `smoke: always` event is seen."""
    env = {name: value for name, value in os.environ.items() if name not in ("REDIS_URL", "OBS_FAULT", "FAULT")}
    command = [sys.executable, "-m", "obs_lint", "smoke", "run", "smoke.yaml", "--format", "json", "--no-cache"]
    done = subprocess.run(
        [*command, "--env", f"NARRALYTICA_DATA={tmp_path}"],
        cwd=EXAMPLE,
        env=env,
        capture_output=True,
        check=False,
        timeout=120,
    )
    document = json.loads(done.stdout)
    assert [one["message"] for one in document["diagnostics"]] == []
    assert done.returncode == 0, done.stderr.decode()
