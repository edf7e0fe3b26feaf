"""The GitHub Action under the tools that others check and run it with: act, actionlint, zizmor, shellcheck, schemas."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.pull_requests import SHOP, Repository, pull_request
from tests.wheelhouse import fill

ROOT = Path(__file__).parent.parent
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
SETUP_PYTHON = next(step["uses"] for step in ACTION["runs"]["steps"] if "uses" in step)


def tool(name: str) -> str:
    """Return the path of a program of the `test` extra; the test is skipped without it, and fails where `CI` is set."""
    found = shutil.which(name, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if found:
        return found
    problem = f"{name} is not installed: pip install -e '.[test]'"
    if os.environ.get("CI"):
        pytest.fail(problem)
    pytest.skip(problem)


def run(name: str, *words: str, **given: Any) -> str:
    """Run a tool that must find nothing, and return what it writes."""
    done = subprocess.run([tool(name), *words], capture_output=True, text=True, encoding="utf-8", check=False, **given)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


# -- what it looks like


def test_the_action_is_what_the_schema_says() -> None:
    run("check-jsonschema", "--builtin-schema", "vendor.github-actions", str(ROOT / "action.yml"))


def test_the_workflows_are_what_the_schema_says() -> None:
    run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *map(str, WORKFLOWS))


def test_actionlint_finds_nothing() -> None:
    run("actionlint", *map(str, WORKFLOWS), cwd=ROOT)


def test_zizmor_finds_nothing() -> None:
    run("zizmor", "--offline", "--strict-collection", str(ROOT / "action.yml"), *map(str, WORKFLOWS))


@pytest.mark.parametrize(
    "step", [step for step in ACTION["runs"]["steps"] if "run" in step], ids=lambda step: step["name"]
)
def test_shellcheck_finds_nothing(step: Mapping[str, Any], tmp_path: Path) -> None:
    script = tmp_path / "step.sh"
    script.write_text(f"#!/usr/bin/env bash\nset -eo pipefail\n{step['run']}", encoding="utf-8", newline="\n")
    run("shellcheck", "--severity=style", str(script))


def test_no_input_reaches_a_shell() -> None:
    for step in ACTION["runs"]["steps"]:
        if "run" in step:
            assert step["shell"] == "bash"
            assert "${{" not in step["run"], step["name"]
        else:
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"])


def test_every_input_and_output_is_wired_and_documented() -> None:
    page = (ROOT / "docs" / "github-action.md").read_text(encoding="utf-8")
    wired = re.findall(r"\$\{\{ inputs\.([\w-]+) \}\}", json.dumps(ACTION["runs"]))
    assert sorted(wired) == sorted(ACTION["inputs"])
    assert set(ACTION["outputs"]) >= set(
        "violations new-violations fixed exit-code sarif-file summary-file html-file".split()
    )
    for name in [*ACTION["inputs"], *ACTION["outputs"]]:
        assert f"| `{name}` |" in page, name
        entry = ACTION["inputs"].get(name) or ACTION["outputs"][name]
        assert entry["description"]


def test_the_workflow_in_the_documentation_is_sound(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "github-action.md").read_text(encoding="utf-8")
    found = [text for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if re.match("name:", text)]
    assert found
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    for number, text in enumerate(found):
        (folder / f"{number}.yml").write_text(text.replace("@<SHA>", f"@{'0' * 40}"), encoding="utf-8")
    files = [str(file) for file in folder.iterdir()]
    run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *files)
    run("actionlint", *files, cwd=tmp_path)
    run("zizmor", "--offline", "--strict-collection", "--quiet", *files)


# -- what it does

WORKFLOW = """\
on: pull_request
jobs:
  lint:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
"""
USE = """\
      - id: {id}
        continue-on-error: true
        uses: acme/obs-lint@v1
        with:
{inputs}
      - env:
          SHOWN: ${{{{ toJSON(steps.{id}) }}}}
        shell: bash
        run: printf '%s' "$SHOWN" >"$RESULTS/{id}.json"
"""
EVIL = {
    "any": "$(touch pwned) `touch pwned` ; touch pwned & ${{ github.token }} ##[error]fake"
    " '; touch pwned; ' \"; touch pwned; \""
    "\ntouch pwned\n::error::fake\n::set-output name=exit-code::0\n::stop-commands::x",
    "dash": "--output-file=pwned",
}
"""What a title of a pull request may hold, handed to an input."""


@dataclass(frozen=True)
class Acted:
    """What one run of act came to."""

    results: Mapping[str, Mapping[str, Any]]
    """By step: conclusion, outcome, outputs."""
    lines: Sequence[Mapping[str, Any]]
    """act's log."""
    workspace: Path

    def commands(self, step: str) -> list[tuple[str, str]]:
        """Level and message of what one use of the action annotated, as act understood it."""
        return [
            (line["command"], line.get("arg", ""))
            for line in self.lines
            if line.get("command") in ("error", "warning", "notice") and line.get("stepID", [""])[0] == step
        ]


@pytest.fixture(scope="session")
def acted(tmp_path_factory: pytest.TempPathFactory) -> Acted:
    """One job that uses the action in every way; it is installed once, from its own checkout."""
    if sys.platform != "linux":
        pytest.skip("act's host mode is tried on Linux")
    act = tool("act")
    top = tmp_path_factory.mktemp("act")
    wheels, results, action, stub = (top / name for name in ("wheels", "results", "action", "stub"))
    for folder in (wheels, results, action, stub, top / "repository", top / "home"):
        folder.mkdir()
    fill(wheels, "hatchling", "jsonschema", "pyyaml")
    for name in ("action.yml", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, action)
    for name in ("obs_lint", "rules"):
        shutil.copytree(ROOT / name, action / name, ignore=shutil.ignore_patterns("__pycache__"))
    (stub / "action.yml").write_text("name: stub\nruns: {using: composite, steps: [{shell: bash, run: exit 1}]}\n")

    repository = Repository(top / "repository")
    repository.git("init", "-q")
    base = repository.commit(SHOP)
    repository.git("checkout", "-q", "-b", "topic")
    head = repository.commit({"shop/new, 100%.py": "import logging\n"})
    repository.git("checkout", "-q", "main")
    repository.git("merge", "-q", "--no-ff", "-m", "merge", "topic")
    uses = {"plain": {"sarif": "true", "html": "true"}, "fine": {"paths": "shop/old.py"}, "old": {"version": "0.0.0"}}
    uses |= {f"evil-{name}": {name: "${{ github.event.evil.any }}"} for name in ACTION["inputs"]}
    uses |= {f"evil-{name}-dash": {name: "${{ github.event.evil.dash }}"} for name in ("paths", "new-since", "config")}
    text = WORKFLOW
    for name, given in uses.items():
        text += USE.format(
            id=name, inputs="\n".join(f"          {key}: {json.dumps(value)}" for key, value in given.items())
        )
    workflow = top / "workflow.yml"
    workflow.write_text(text)
    event = top / "event.json"
    event.write_text(json.dumps({**pull_request(head=head, base=base), "evil": EVIL}))
    environment = {"PATH": os.environ["PATH"], "HOME": str(top / "home"), "XDG_CACHE_HOME": str(top / "cache")}
    done = subprocess.run(
        [
            *(act, "pull_request", "-P", "ubuntu-latest=-self-hosted", "-W", str(workflow), "-e", str(event), "--json"),
            *("--no-cache-server", "--local-repository", f"acme/obs-lint@v1={action}"),
            *("--local-repository", f"{SETUP_PYTHON}={stub}"),
            *("--env", "PIP_NO_INDEX=1", "--env", f"PIP_FIND_LINKS={wheels}", "--env", f"RESULTS={results}"),
        ],
        cwd=repository.path,
        env=environment,
        capture_output=True,
        timeout=300,
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.decode().splitlines() if line.startswith("{")]
    found = {file.stem: json.loads(file.read_text()) for file in results.iterdir()}
    assert found.keys() == uses.keys(), done.stdout.decode()[-4000:] + done.stderr.decode()[-2000:]
    return Acted(found, lines, top)


def test_act_runs_the_action(acted: Acted) -> None:
    plain = acted.results["plain"]
    outputs = plain["outputs"]
    assert plain["outcome"] == "failure"
    assert (outputs["violations"], outputs["new-violations"], outputs["exit-code"]) == ("2", "1", "1")
    assert (outputs["fixed"], outputs["sarif-upload"]) == ("0", "true")
    ((level, message),) = acted.commands("plain")
    assert level == "error"
    assert message.startswith("`logging` imported outside the observability surface")
    (line,) = [
        line for line in acted.lines if line.get("command") == "error" and line.get("stepID", [""])[0] == "plain"
    ]
    assert line["kvPairs"]["file"] == "shop/new, 100%.py"
    assert line["kvPairs"]["line"] == "1"
    (page,) = {
        line["content"] for line in acted.lines if line.get("command") == "summary" and line["stepID"][0] == "plain"
    }
    assert page.startswith("## obs-lint: 1 new finding (1 error)\n\nCompared with ")


def test_act_sees_success(acted: Acted) -> None:
    fine = acted.results["fine"]
    assert (fine["outcome"], fine["outputs"]["exit-code"], fine["outputs"]["violations"]) == ("success", "0", "1")
    assert acted.commands("fine") == []


def test_a_version_that_is_not_to_be_had_ends_in_2(acted: Acted) -> None:
    old = acted.results["old"]
    assert (old["outcome"], old["outputs"]["exit-code"]) == ("failure", "2")
    ((level, message),) = acted.commands("old")
    assert (level, message) == ("error", "pip could not install obs-lint==0.0.0 (exit code 1); its output is above")


def test_the_environment_is_made_once(acted: Acted) -> None:
    steps = [
        line["executionTime"] / 1e9
        for line in acted.lines
        if line.get("stepID", [""])[-1] == "install" and "executionTime" in line
    ]
    assert len(steps) == len(acted.results)
    assert steps[0] > 3 * sorted(steps)[len(steps) // 2]


def test_hostile_inputs_do_nothing(acted: Acted) -> None:
    hostile = {name: result for name, result in acted.results.items() if name.startswith("evil-")}
    assert len(hostile) == len(ACTION["inputs"]) + 3
    for name, result in hostile.items():
        assert result["outcome"] == "failure", name
        assert result["outputs"]["exit-code"] == "2", name
        assert "fake" not in [message.strip() for _, message in acted.commands(name)], name
    assert not [line for line in acted.lines if line.get("command") == "add-mask"]
    made = [path for path in acted.workspace.rglob("*pwned*") if path.name == "pwned"]
    assert made == []
