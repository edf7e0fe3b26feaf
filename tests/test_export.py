"""`obs-lint export`: the real ruff, flake8 and import-linter, told what is exported, find what OBS102 finds."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from obs_lint import engine
from obs_lint.config import load
from obs_lint.integrations.equivalents import ban_of, flake8, import_linter, ruff

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"

AWKWARD = {
    "obs-lint.toml": """
surface = ["shop.obs", "shop.one_file"]
wiring = ["shop.main", "deploy tools/*.py"]
logging = "facade"
extend-exclude = ["shop/left_out.py"]

[per-file-ignores]
"shop/old stock, 1/**" = ["OBS102"]
"plain.py" = ["OBS102"]
"shop/attic" = ["OBS1"]
"cellar" = ["OBS102"]

[rules.OBS102]
modules = { extend = ["acme.telemetry"] }
""",
    "deploy tools/up.py": "import logging\n",
    "deploy tools/deep/up.py": "import logging\n",
    "shop/__init__.py": "",
    "shop/main.py": "import logging.config\n",
    "shop/one_file.py": "import structlog\n",
    "shop/left_out.py": "import structlog\n",
    "shop/obs/__init__.py": "import logging\n",
    "shop/obs/[sink].py": "import opentelemetry\n",
    "shop/observed.py": "import opentelemetry.sdk.trace as t\nimport acme.telemetry, acme.a\n\nt.run(acme.telemetry)\n",
    "shop/orders.py": "def late():\n    from logging.handlers import (\n        Handler,\n    )\n    return Handler\n",
    "shop/old stock, 1/a.py": "import logging\n",
    "shop/old stock, 2/a.py": "import logging\n",
    "shop/attic/a.py": "import logging\n",
    "shop/cellar/deep/a.py": "import logging\n",
    "shop/plain.py": "import logging\n",
    "shop/tests/__init__.py": "",
    "shop/tests/test_a.py": "import logging\n",
    "shop/logging_tree.py": "import loggings, opentelemetry_demo\nfrom shop import logging\nfrom . import structlog\n",
    "tests/a.py": "import logging\n",
}


def project(tmp_path: Path, name: str) -> Path:
    root = tmp_path / "a project"
    if name == "awkward":
        for path, text in AWKWARD.items():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
    else:
        shutil.copytree(EXAMPLES / name, root, ignore=shutil.ignore_patterns("__pycache__", ".obs-lint-cache"))
    return root


PROJECTS = pytest.mark.parametrize("name", ["awkward", "drift", "narralytica", "narralytica-drift"])


def ours(root: Path) -> set[tuple[str, int]]:
    report = engine.run(
        load(str(root), overrides={"select": "OBS102"}), cwd=str(root), use_cache=False, use_baseline=False
    )
    assert not report.failures
    return {(d.path, d.span.start.line) for d in report.diagnostics}


def run(*command: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment}
    return subprocess.run(
        [sys.executable, *command], cwd=cwd, capture_output=True, encoding="utf-8", env=env, timeout=120, check=False
    )


def imports(root: Path, path: str) -> dict[int, int]:
    """Line → first line of the import statement that it is in."""
    found: dict[int, int] = {}
    for node in ast.walk(ast.parse((root / path).read_bytes())):
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= dict.fromkeys(range(node.lineno, (node.end_lineno or node.lineno) + 1), node.lineno)
    return found


@PROJECTS
def test_ruff_finds_the_same_imports(name: str, tmp_path: Path) -> None:
    root = project(tmp_path, name)
    file = root / "exported ruff.toml"
    file.write_text(ruff(ban_of(load(str(root)))), encoding="utf-8")
    done = run("-m", "ruff", "check", "--no-cache", "--config", str(file), "--output-format", "json", ".", cwd=root)
    assert done.returncode in (0, 1), done.stderr
    found = [
        (Path(row["filename"]).relative_to(root).as_posix(), row["location"]["row"]) for row in json.loads(done.stdout)
    ]
    theirs = {(path, imports(root, path)[row]) for path, row in found if row in imports(root, path)}
    assert theirs == {(path, imports(root, path)[row]) for path, row in ours(root)}
    assert {row["code"] for row in json.loads(done.stdout)} <= {"TID251"}


def test_the_tables_of_a_pyproject_say_the_same(tmp_path: Path) -> None:
    import tomllib

    ban = ban_of(load(str(project(tmp_path, "awkward"))))
    alone = tomllib.loads(ruff(ban))
    within = tomllib.loads(ruff(ban, pyproject=True))["tool"]["ruff"]
    within["lint"]["select"] = within["lint"].pop("extend-select")
    assert within == alone
    assert alone["lint"]["external"] == ["OBS"]
    assert alone["lint"]["flake8-tidy-imports"]["banned-api"]["acme.telemetry"] == {"msg": "Emit through shop.obs."}


@PROJECTS
def test_flake8_finds_the_same_imports(name: str, tmp_path: Path) -> None:
    if find_spec("flake8_tidy_imports") is None:
        problem = "flake8-tidy-imports is not installed: pip install 'obs-lint[test]'"
        pytest.fail(problem) if os.environ.get("CI") else pytest.skip(problem)
    root = project(tmp_path, name)
    (root / ".flake8").write_text(flake8(ban_of(load(str(root)))), encoding="utf-8")
    options = ["--select", "I251", "--format", "%(path)s\t%(row)d"]
    done = run("-m", "flake8", "-j", "1", *options, ".", cwd=root)
    assert done.stderr == ""
    rows = [line.rsplit("\t", 1) for line in done.stdout.splitlines()]
    found = {(Path(path).as_posix().removeprefix("./"), int(row)) for path, row in rows}
    assert found == ours(root)


def test_import_linter_finds_the_same_modules(tmp_path: Path) -> None:
    root = project(tmp_path, "awkward")
    for path in ("shop/old stock, 1", "shop/old stock, 2", "shop/obs/[sink].py", "shop/left_out.py"):
        target = root / path
        shutil.rmtree(target) if target.is_dir() else target.unlink()
    config = root / "exported.toml"
    config.write_text(import_linter(ban_of(load(str(root)))), encoding="utf-8")
    command = [
        "-c",
        "from importlinter.cli import lint_imports_command as c; c()",
        "--config",
        config.name,
        "--no-cache",
    ]
    done = run(*command, cwd=root, PYTHONPATH=str(root), COLUMNS="200")
    assert done.returncode == 1, done.stdout + done.stderr
    found = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("-   ")}
    # The rest of what OBS102 finds is in no package, or names a part of an external one.
    assert found == {"shop.observed", "shop.orders"}
    for path in ("shop/observed.py", "shop/orders.py"):
        (root / path).write_text("from shop import obs\n", encoding="utf-8")
    done = run(*command, cwd=root, PYTHONPATH=str(root))
    assert (done.returncode, "1 kept, 0 broken" in done.stdout) == (0, True), done.stdout


def test_what_cannot_be_said_is_said(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").write_text("import structlog\n", encoding="utf-8")
    (tmp_path / "obs-lint.toml").write_text(
        'surface = []\nloggers = [{factory = ["structlog.get_logger"]}]\n', encoding="utf-8"
    )
    text = ruff(ban_of(load(str(tmp_path))))
    assert "not for this: structlog.get_logger." in text
    assert '"structlog".msg = "This project has no telemetry."' in text
    assert "aws_lambda_powertools.logging" in import_linter(ban_of(load(str(tmp_path)))).split("[tool")[0]


@pytest.mark.parametrize("tool", ["ruff", "flake8", "import-linter"])
def test_the_command(tool: str, tmp_path: Path) -> None:
    root = project(tmp_path, "awkward")
    done = run("-m", "obs_lint", "export", tool, cwd=root, PYTHONPATH=str(ROOT))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("# Written by `obs-lint export`")
    written = run("-m", "obs_lint", "export", tool, "-o", "out put.txt", cwd=root, PYTHONPATH=str(ROOT))
    assert (written.returncode, (root / "out put.txt").read_text(encoding="utf-8")) == (0, done.stdout)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ruff"], "there is no configuration"),
        (["pylint"], "invalid choice: 'pylint'"),
        ([], "required: TOOL"),
        (["flake8", "--pyproject"], "--pyproject is for ruff"),
        (["ruff", "--config", "gone.toml"], "gone.toml does not exist"),
    ],
)
def test_errors(arguments: list[str], message: str, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    done = run("-m", "obs_lint", "export", *arguments, cwd=tmp_path, PYTHONPATH=str(ROOT))
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
