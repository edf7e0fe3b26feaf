"""The configuration in our own pyproject.toml bites: telemetry in obs_lint would be found, a check stays lean."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("module", ["logging", "opentelemetry.trace", "structlog", "sentry_sdk"])
def test_telemetry_in_our_own_code_is_found(module: str) -> None:
    switches = ["--no-cache", "--output-format", "concise", "--stdin-filename", "obs_lint/engine.py"]
    done = subprocess.run(
        [sys.executable, "-m", "obs_lint", "check", *switches, "-"],
        cwd=ROOT,
        input=f"import {module}\n",
        capture_output=True,
        encoding="utf-8",
        check=False,
        env={**os.environ, "PYTHONUTF8": "1"},
    )
    assert done.stdout.startswith("obs_lint/engine.py:1:8: OBS102 "), done.stdout + done.stderr
    assert done.returncode == 1


def test_every_module_has_a_storey() -> None:
    [contract] = [row for row in PYPROJECT["tool"]["importlinter"]["contracts"] if row["type"] == "layers"]
    assert contract["exhaustive"] is True
    assert "exhaustive_ignores" not in contract
    assert "ignore_imports" not in contract


def test_a_check_imports_nothing_that_is_not_in_the_standard_library() -> None:
    code = (
        "import sys; from obs_lint.cli import main; main(['check', '--no-cache', '--isolated', 'obs_lint/rule.py']); "
        "print([name for name in ('yaml', 'jsonschema', 'libcst', 'flake8', 'importlinter') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr
