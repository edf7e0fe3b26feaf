"""The one question that obs-lint and its neighbours are both asked: who imports one of these modules?"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
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


_FROM_SOURCE = """\
import sys
sys.path.insert(0, {root!r})
from obs_lint.cli import main
sys.exit(main())
"""


def console_script(name: str) -> str:
    """Return the absolute path of a tool: beside this interpreter, else on PATH. Raises SystemExit with advice."""
    found = _beside(name) or shutil.which(name)
    if found is None:
        raise SystemExit(f"{name} is not installed: run this with an interpreter that has obs-lint[test]")
    return found


def obs_lint_command(given: str | None) -> list[str]:
    """Return how obs-lint is run: the path given, the script beside this interpreter, else this checkout's sources."""
    script = given or _beside("obs-lint")
    root = str(Path(__file__).resolve().parent.parent)
    return [script] if script else [sys.executable, "-c", _FROM_SOURCE.format(root=root)]


def _beside(name: str) -> str | None:
    path = Path(sysconfig.get_path("scripts")) / (f"{name}.exe" if os.name == "nt" else name)
    return str(path) if path.exists() else None


def environment() -> dict[str, str]:
    """Return the environment of a user: no switches that keep Python from using compiled bytecode."""
    dropped = {"PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "PYTHONPATH", "PYTHONDEVMODE", "PYTHONMALLOC", "CI"}
    return {name: value for name, value in os.environ.items() if name not in dropped}


def compile_package(obs_lint: Sequence[str]) -> None:
    """Compile obs-lint's bytecode as an installer does.

    A source tree that was never imported with writing allowed has none, and every start would then pay for compiling.
    """
    interpreter, code = sys.executable, "import obs_lint, os; print(os.path.dirname(obs_lint.__file__))"
    if len(obs_lint) == 1:
        first = Path(obs_lint[0]).read_bytes()[:512].splitlines()[0]
        if first.startswith(b"#!") and Path(first[2:].decode().strip()).exists():
            interpreter = first[2:].decode().strip()
    else:
        code = obs_lint[-1].partition("from obs_lint")[0] + code
    found = subprocess.run([interpreter, "-c", code], capture_output=True, text=True, check=True, env=environment())
    subprocess.run([interpreter, "-m", "compileall", "-q", found.stdout.strip()], check=True, env=environment())


def write_config(folder: Path) -> Path:
    """Write the configuration of the comparison into `folder` and return its path."""
    path = folder / "obs-lint.toml"
    path.write_text(OBS_LINT_TOML, encoding="utf-8")
    return path
