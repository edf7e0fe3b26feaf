"""The hooks of .pre-commit-hooks.yaml, installed and run by the real pre-commit from a clone of this repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from tests.wheelhouse import fill

ROOT = Path(__file__).parent.parent
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
NEEDED = ("pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml", "obs_lint", "rules")


def test_the_hooks_are_declared_as_documented() -> None:
    first, second = HOOKS
    assert (first["id"], first["types_or"], first["require_serial"]) == ("obs-lint", ["python", "pyi"], True)
    assert (second["id"], second["pass_filenames"]) == ("obs-lint-project", False)
    page = (ROOT / "docs" / "pre-commit.md").read_text(encoding="utf-8")
    assert all(f"id: {hook['id']}\n" in page for hook in HOOKS)


class Machine:
    """A clone of this repository, a project that uses it, and no network."""

    def __init__(self, folder: Path) -> None:
        self.tool, self.project = folder / "obs lint", folder / "a project"
        wheels = folder / "wheels"
        wheels.mkdir()
        fill(wheels, "hatchling", "jsonschema", "pyyaml")
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PYTHON"))}
        self.env |= {
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": wheels.as_uri(),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PRE_COMMIT_HOME": str(folder / "store"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            "HOME": str(folder),
        }
        self.tool.mkdir()
        leave = shutil.ignore_patterns("__pycache__", "*.pyc")
        for name in NEEDED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, self.tool / name, ignore=leave)
            else:
                shutil.copy(source, self.tool / name)
        shutil.copytree(ROOT / "examples" / "drift", self.project, ignore=shutil.ignore_patterns(".obs-lint-cache"))
        for place in (self.tool, self.project):
            self.run("git", "init", "-q", cwd=place)
            self.commit(place)

    def commit(self, place: Path) -> None:
        self.run("git", "add", "-A", cwd=place)
        self.run("git", "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "a", cwd=place)

    def run(self, *command: str, cwd: Path | None = None, code: int = 0) -> str:
        done = subprocess.run(
            command,
            cwd=cwd or self.project,
            env=self.env,
            capture_output=True,
            encoding="utf-8",
            timeout=300,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def pre_commit(self, *arguments: str, code: int = 0) -> str:
        return self.run(sys.executable, "-m", "pre_commit", *arguments, "--color", "never", code=code)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    for tool in ("pre_commit", "hatchling"):
        if find_spec(tool) is None:
            problem = f"{tool} is not installed: pip install 'obs-lint[test]'"
            pytest.fail(problem) if os.environ.get("CI") else pytest.skip(problem)
    return Machine(tmp_path_factory.mktemp("pre-commit"))


def test_both_hooks_find_what_check_finds(machine: Machine) -> None:
    out = machine.pre_commit("try-repo", str(machine.tool), "--all-files", "--verbose", code=1)
    of_files, of_project = out.split("- hook id: obs-lint-project")
    for part in (of_files, of_project):
        assert "- exit code: 1" in part
        assert "services/api/src/telemetry/__init__.py:4:8" in part
        assert "OBS102" in part
        assert "Found 14 " in part or "14 errors" in part or part.count("OBS1") >= 14


def test_a_commit(machine: Machine) -> None:
    """What is committed is checked, with the rest of the project in sight; what is excluded stays out."""
    revision = machine.run("git", "rev-parse", "HEAD", cwd=machine.tool).strip()
    repo = {"repo": machine.tool.as_uri(), "rev": revision, "hooks": [{"id": "obs-lint"}]}
    config = machine.project / ".pre-commit-config.yaml"
    config.write_text(yaml.safe_dump({"repos": [repo]}), encoding="utf-8")
    (machine.project / "obs-lint.toml").write_text(
        'surface = ["packages.observability"]\nwiring = ["services.*.wiring.observability"]\n'
        'extend-exclude = ["left out"]\n',
        encoding="utf-8",
    )
    for path, text in {
        "services/api/src/routes/new, [1] %.py": "from packages.observability import emit\n",
        "left out/a.py": "import logging\n",
    }.items():
        (machine.project / path).parent.mkdir(exist_ok=True)
        (machine.project / path).write_text(text, encoding="utf-8")
    machine.run("git", "add", "-A")
    assert "Passed" in machine.pre_commit("run")
    machine.commit(machine.project)
    (machine.project / "services/api/src/routes/new, [1] %.py").write_text(
        "from services.api.telemetry import trace\n", encoding="utf-8"
    )
    machine.run("git", "add", "-A")
    out = machine.pre_commit("run", code=1)
    assert "OBS103" in out
    assert "new, [1] %.py:1:" in out
    assert "documents.py" not in out
