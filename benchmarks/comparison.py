"""The one question that obs-lint and its neighbours are both asked: who imports one of these modules?"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

BANNED = ("logging", "opentelemetry", "structlog", "loguru", "prometheus_client", "sentry_sdk")
"""What ruff's TID251 and obs-lint's OBS102 ban here."""

OBS_LINT_TOML = f"""\
surface = []
logging = "facade"
type-checking-imports = "forbid"
blanket-noqa = "ignore"
exclude = []
respect-gitignore = false

[paths]
tests = []
scripts = []
migrations = []
generated = []
examples = []

[rules.OBS102]
modules = {list(BANNED)!r}
"""
"""No surface, no roles, no allowances: what is left is the plain ban that ruff knows."""

RUFF_ARGUMENTS = (
    "check",
    "--isolated",
    "--no-respect-gitignore",
    "--select",
    "TID251",
    "--target-version",
    "py314",
    "--config",
    "exclude = []",
    "--config",
    "lint.flake8-tidy-imports.banned-api = {" + ", ".join(f'{name} = {{ msg = "banned" }}' for name in BANNED) + "}",
)
"""`--no-cache --ignore-noqa` come on top where neither cache nor comments are wanted."""


def console_script(name: str) -> str:
    """Return the absolute path of a tool: beside this interpreter, else on PATH. Raises SystemExit with advice."""
    suffix = ".exe" if os.name == "nt" else ""
    beside = Path(sysconfig.get_path("scripts")) / f"{name}{suffix}"
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise SystemExit(f"{name} is not installed: run this with an interpreter that has obs-lint[test]")
    return found


def environment() -> dict[str, str]:
    """Return the environment of a user: no switches that keep Python from using compiled bytecode."""
    dropped = {"PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "PYTHONPATH", "PYTHONDEVMODE", "PYTHONMALLOC", "CI"}
    return {name: value for name, value in os.environ.items() if name not in dropped}


def compile_package(obs_lint: str) -> Path:
    """Compile obs-lint's bytecode as an installer does, and return the folder of the package.

    A source tree that was never imported with writing allowed has none, and every start would then pay for compiling.
    """
    interpreter = sys.executable
    head = Path(obs_lint).read_bytes()[:512]
    if head.startswith(b"#!"):
        first = head.splitlines()[0][2:].decode().strip()
        if Path(first).exists():
            interpreter = first
    where = subprocess.run(
        [interpreter, "-c", "import obs_lint, os; print(os.path.dirname(obs_lint.__file__))"],
        capture_output=True,
        text=True,
        check=True,
        env=environment(),
        cwd=Path(obs_lint).parent,
    ).stdout.strip()
    subprocess.run([interpreter, "-m", "compileall", "-q", where], check=True, env=environment())
    return Path(where)


def write_config(folder: Path) -> Path:
    """Write the configuration of the comparison into `folder` and return its path."""
    path = folder / "obs-lint.toml"
    path.write_text(OBS_LINT_TOML, encoding="utf-8")
    return path
