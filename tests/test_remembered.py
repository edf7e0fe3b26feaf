"""A run over unchanged files is answered from memory, unless what it would say is better looked for again."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from obs_lint import engine
from obs_lint.checks import banned_import
from obs_lint.config import load
from obs_lint.report import Report


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text('[tool.obs-lint]\nsurface = []\nlogging = "facade"\nselect = ["OBS102"]\n')
    (tmp_path / "shop.py").write_text("import logging\n")
    (tmp_path / ".obs-lint-cache").mkdir()
    for path in (*tmp_path.iterdir(), tmp_path):  # not so new that its time can't be trusted
        os.utime(path, (1_700_000_000, 1_700_000_000))
    return tmp_path


def run(project: Path) -> Report:
    return engine.run(load(str(project)), cwd=str(project))


def test_an_unchanged_project_is_not_linted_again(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run(project)
    monkeypatch.setattr(banned_import, "CHECK", replace(banned_import.CHECK, run=lambda _: iter(())))
    assert run(project).diagnostics == first.diagnostics
    assert len(first.diagnostics) == 1
    assert "OBS102" in first.judged
    assert run(project).judged == first.judged


def test_a_crash_is_not_remembered(project: Path) -> None:
    def crash(_: object) -> None:
        raise ValueError("broken")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(banned_import, "CHECK", replace(banned_import.CHECK, run=crash))
        assert [failure.code for failure in run(project).failures] == ["internal"]
    assert run(project).failures == ()
    assert len(run(project).diagnostics) == 1


def test_a_damaged_memory_is_no_answer(project: Path) -> None:
    expected = run(project).diagnostics
    for path in (project / ".obs-lint-cache").rglob("run-*"):
        path.write_bytes(path.read_bytes()[:-7])
    assert run(project).diagnostics == expected
