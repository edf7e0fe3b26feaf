"""The example that the README starts with: what is found in it, to the line, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
DRIFT = ROOT / "examples" / "drift"

FOUND = [
    ("services/api/src/routes/documents.py", 14, "OBS106"),
    ("services/api/src/routes/search.py", 9, "OBS103"),
    ("services/api/src/telemetry/__init__.py", 4, "OBS102"),
    ("services/api/src/telemetry/__init__.py", 6, "OBS101"),
    ("services/api/src/telemetry/__init__.py", 6, "OBS102"),
    ("services/api/src/telemetry/__init__.py", 9, "OBS107"),
    ("services/api/src/telemetry/__init__.py", 20, "OBS107"),
    ("services/workers/extract/src/layers.py", 6, "OBS109"),
    ("services/workers/extract/src/layers.py", 19, "OBS108"),
    ("services/workers/extract/src/main.py", 10, "OBS103"),
    ("services/workers/extract/src/notifications.py", 8, "OBS105"),
    ("services/workers/index/src/backfill.py", 13, "OBS102"),
    ("services/workers/index/src/backfill.py", 15, "OBS110"),
    ("services/workers/index/src/main.py", 11, "OBS104"),
]


def _check(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "obs_lint", "check", "--no-cache", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100", "NO_COLOR": "1", "PYTHONUTF8": "1"}
    return subprocess.run(command, cwd=DRIFT, capture_output=True, encoding="utf-8", check=False, env=environment)


def test_the_example_has_these_findings() -> None:
    done = _check("--output-format", "json")
    report = json.loads(done.stdout)
    assert [(d["path"], d["start"]["line"], d["code"]) for d in report["diagnostics"]] == FOUND
    assert report["errors"] == []
    needs = {rule["needs"] for rule in report["inactive"]}
    assert needs == {"correlation.internal-hosts", "instrument.decorators", "orchestration", "registry"}
    assert done.returncode == 1


def test_every_surface_rule_is_shown() -> None:
    assert {code for _, _, code in FOUND} == {f"OBS1{number:02}" for number in range(1, 11)}


def test_what_came_through_other_files_shows_its_way() -> None:
    report = json.loads(_check("--select", "OBS103", "--output-format", "json").stdout)
    ways = {d["path"]: [(step["path"], step["line"]) for step in d["trail"]] for d in report["diagnostics"]}
    assert ("services/api/src/telemetry/__init__.py", 6) in ways["services/api/src/routes/search.py"]
    assert ("packages/observability/logger.py", 5) in ways["services/workers/extract/src/main.py"]


def test_its_readme_names_what_is_found() -> None:
    text = (DRIFT / "README.md").read_text(encoding="utf-8")
    for path, _, code in FOUND:
        assert path in text
        assert f"| {code} |" in text


def test_no_comment_gives_a_hint_or_suppresses() -> None:
    assert [path for path in DRIFT.rglob("*.py") if "#" in path.read_text(encoding="utf-8")] == []


def test_the_readme_shows_what_is_printed() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    [shown] = [block for block in readme.split("```") if "error[OBS103]" in block]
    printed = _check().stdout
    pieces = [piece.strip("\n") for piece in shown.split("[…]")]
    assert len(pieces) == 3
    assert [piece for piece in pieces if piece not in printed] == []
