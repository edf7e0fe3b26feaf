"""Whatever the input: a clear message, the right exit code, no traceback, and never "clean" by mistake."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from obs_lint import engine
from obs_lint.config import load
from obs_lint.facts import pool

CLEAN, FOUND, ERROR = 0, 1, 2
CONFIG = '[tool.obs-lint]\nsurface = ["shop.obs"]\n'


def lint(root: Path, *arguments: str) -> tuple[int, str]:
    """Run `obs-lint check` as a user would; the exit code and all that it said."""
    done = subprocess.run(
        [sys.executable, "-m", "obs_lint", "check", "--output-format", "concise", *arguments],
        cwd=root,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=120,
        check=False,
    )
    said = done.stdout + done.stderr
    assert "Traceback" not in said, said
    return done.returncode, said


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one violation."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "pyproject.toml").write_text(CONFIG)
    (tmp_path / "shop/__init__.py").write_text("")
    (tmp_path / "shop/obs.py").write_text("def emit(name): ...\n")
    (tmp_path / "shop/orders.py").write_text("import logging\n\nlogging.getLogger().info('x')\n")
    return tmp_path


def nested(root: Path) -> None:
    (root / "shop/deep.py").write_text("import structlog\nx = " + "(" * 10_000 + ")" * 10_000 + "\n")


def broken(root: Path) -> None:
    (root / "shop/broken.py").write_text("def f(:\n    importlib.import_module(x)\nimport importlib\n")


def nul(root: Path) -> None:
    (root / "shop/nul.py").write_bytes(b"import logging\n\0\n")


def wrong_encoding(root: Path) -> None:
    (root / "shop/latin.py").write_bytes(b"import logging\nname = '\xe9'\n")


def unknown_codec(root: Path) -> None:
    (root / "shop/codec.py").write_bytes(b"# coding: klingon\nimport logging\n")


def broken_notebook(root: Path) -> None:
    (root / "shop/book.ipynb").write_text('{"cells": [import logging')


def unknown_key(root: Path) -> None:
    (root / "pyproject.toml").write_text('[tool.obs-lint]\nsurfaces = ["shop.obs"]\n')


def no_toml(root: Path) -> None:
    (root / "pyproject.toml").write_text("[tool.obs-lint\n")


def unknown_code(root: Path) -> None:
    (root / "pyproject.toml").write_text(CONFIG + 'select = ["OBS999"]\n')


def unknown_surface(root: Path) -> None:
    (root / "pyproject.toml").write_text('[tool.obs-lint]\nsurface = ["shop.observability"]\n')


def rule_file(text: str) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        (root / "pyproject.toml").write_text(CONFIG + 'rule-paths = ["rules"]\n')
        (root / "rules").mkdir()
        (root / "rules/one.yaml").write_text(text)
        (root / "rules/two.yaml").write_text(text.replace("slug: one", "slug: two"))

    make.__name__ = "rule_file"
    return make


RULE = (
    "code: ACME001\nslug: one\nsummary: S.\nwhy: W.\nseverity: error\ndefault: on\ncheck: banned-import\n"
    'with: {modules: [acme]}\nmessage: "acme"\nexamples:\n'
    "  - bad: |\n      import acme  # error: ACME001\n  - good: |\n      x = 1\n"
)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (nested, "nest"),
        (broken, "broken.py:1:"),
        (nul, "nul.py:2:1"),
        (wrong_encoding, "latin.py:2:9"),
        (unknown_codec, "klingon"),
        (broken_notebook, "book.ipynb"),
        (unknown_key, 'unknown key "surfaces" (did you mean "surface"?)'),
        (no_toml, "pyproject.toml:1"),
        (unknown_code, "OBS999"),
        (unknown_surface, "shop.observability"),
        (rule_file(RULE), "ACME001 is used twice"),
        (rule_file("code: ACME001\n"), "rules/one.yaml"),
        (rule_file("code: [\n"), "rules/one.yaml"),
    ],
)
def test_it_says_what_is_wrong_and_exits_2(project: Path, spoil: Callable[[Path], None], says: str) -> None:
    spoil(project)
    for _ in range(2):  # the second run must not remember the failure away
        code, said = lint(project)
        assert code == ERROR
        assert says in said


def test_a_missing_path(project: Path) -> None:
    code, said = lint(project, "nowhere")
    assert code == ERROR
    assert "nowhere" in said
    assert "no such file" in said


def test_an_unreadable_file(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(absolute: str) -> bytes:
        if absolute.endswith("obs.py"):
            raise PermissionError(13, "Permission denied")
        return Path(absolute).read_bytes()

    monkeypatch.setattr(pool, "read", read)
    report = engine.run(load(str(project)), cwd=str(project), jobs=1)
    assert report.exit_code == ERROR
    assert [(f.code, f.path) for f in report.failures] == [("OBS900", "shop/obs.py")]
    assert [d.path for d in report.diagnostics] == ["shop/orders.py"]


def test_a_file_of_50_megabytes(project: Path) -> None:
    (project / "shop/big.py").write_bytes(b"x = 1\n" * 8_500_000 + b"import structlog\nstructlog.get_logger()\n")
    code, said = lint(project, "--no-cache", "--select", "OBS102")
    assert code == FOUND
    assert "shop/big.py:8500001:8: OBS102" in said


def test_a_symlink_loop(project: Path) -> None:
    try:
        (project / "shop/again").symlink_to(project, target_is_directory=True)
        (project / "shop/self.py").symlink_to("self.py")
    except OSError:
        pytest.skip("no symbolic links here")
    code, said = lint(project)
    assert code == FOUND
    assert said.count("OBS102") == 1


def test_everything_imports_everything(project: Path) -> None:
    names = [f"m{i}" for i in range(30)]
    for name in names:
        lines = [f"from shop.{other} import *" for other in names if other != name]
        (project / f"shop/{name}.py").write_text("\n".join(lines) + f"\nfrom shop.{names[0]} import thing\nthing()\n")
    code, said = lint(project)
    assert code == FOUND
    assert said.count("shop/orders.py:1:8: OBS102") == 1


def test_a_cache_that_cannot_be_written_only_warns(project: Path) -> None:
    (project / ".obs-lint-cache").write_text("in the way")
    code, said = lint(project)
    assert code == FOUND
    assert "warning: cache" in said


@pytest.mark.parametrize("damage", ["half", "noise", "empty"])
def test_a_damaged_cache_is_discarded(project: Path, damage: str) -> None:
    lint(project)
    _, first = lint(project)
    files = [path for path in (project / ".obs-lint-cache").iterdir() if path.suffix == "" and "-" in path.name]
    assert files
    for path in files:
        data = path.read_bytes()
        path.write_bytes({"half": data[: len(data) // 2], "noise": data[:-9] + os.urandom(9), "empty": b""}[damage])
    assert lint(project) == (FOUND, first)


def test_runs_side_by_side_share_a_cache(project: Path) -> None:
    for i in range(60):
        (project / f"shop/n{i}.py").write_text("import logging\nlogging.info('x')\n")
    command = [sys.executable, "-m", "obs_lint", "check", "--output-format", "json"]
    running = [subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE) for _ in range(4)]
    outputs = {process.communicate(timeout=120)[0] for process in running}
    assert len(outputs) == 1
    assert {process.returncode for process in running} == {FOUND}


def test_a_change_is_seen_by_the_next_run(project: Path) -> None:
    assert lint(project)[0] == FOUND
    (project / "shop/orders.py").write_text("x = 1\n")
    assert lint(project)[0] == CLEAN
    (project / "shop/late.py").write_text("import logging\nlogging.info('x')\n")
    assert lint(project)[0] == FOUND


def test_stdin_stands_for_a_file_that_is_not_there_yet(project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "obs_lint", "check", "--stdin-filename", "shop/new.py", "--output-format", "concise"],
        cwd=project,
        input=b"import logging\nlogging.info('x')\n",
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == FOUND
    assert b"shop/new.py:1:8: OBS102" in done.stdout
