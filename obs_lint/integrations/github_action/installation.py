"""Installs obs-lint into an environment of its own; run by path before anything is installed, so it imports nothing.

The environment lies under RUNNER_TEMP: the job's own Python, which may be managed by others (PEP 668), stays as it is.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

_VERSION = re.compile(r"v?[0-9][0-9A-Za-z.!+_-]{0,60}")
_SOURCES = ("pyproject.toml", "obs_lint", "rules")
_MODULE = "obs_lint.integrations.github_action"


class InstallationError(Exception):
    """obs-lint can't be installed; the message is for people."""


def requirement_of(version: str, checkout: Path) -> str:
    """Return what pip is to install: the checkout, or a version from the package index. Raises InstallationError."""
    version = version.strip()
    if not version:
        return str(checkout)
    if not _VERSION.fullmatch(version):
        raise InstallationError(
            f"version: {version!a} is no version of obs-lint; it is a number such as 1.4.0, or nothing for that of "
            "this action"
        )
    return f"obs-lint=={version.removeprefix('v')}"


def python_of(environment: Path, *, windows: bool = os.name == "nt") -> Path:
    """Return the interpreter of a virtual environment."""
    return environment / "Scripts" / "python.exe" if windows else environment / "bin" / "python"


def environment_of(requirement: str, checkout: Path, temporary: Path) -> Path:
    """Return the folder of the environment: one for each interpreter and each content of the checkout."""
    key = hashlib.sha256(f"{sys.executable}\0{sys.version}\0".encode("utf-8", "surrogateescape"))
    if requirement != str(checkout):
        key.update(requirement.encode())
    else:
        for name in _SOURCES:
            top = checkout / name
            for file in [top] if top.is_file() else sorted(top.rglob("*")):
                if file.is_file() and "__pycache__" not in file.parts:
                    content = file.read_bytes()
                    key.update(f"{file.relative_to(checkout).as_posix()}\0{len(content)}\0".encode())
                    key.update(content)
    return temporary / f"obs-lint-{key.hexdigest()[:16]}"


def install(requirement: str, environment: Path) -> Path:
    """Make the environment where it is not there yet, and return its interpreter. Raises InstallationError."""
    python = python_of(environment)
    done = environment / "installed"
    if done.is_file():
        return python
    try:
        venv.create(environment, with_pip=True, clear=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise InstallationError(f"a virtual environment can't be made with {sys.executable}: {error}") from None
    pip = [str(python), "-I", "-m", "pip", "install", "--quiet", "--no-input", "--no-color"]
    pip.append("--disable-pip-version-check")
    code = subprocess.run([*pip, "--", requirement], stdout=sys.stderr, check=False).returncode
    if code:
        raise InstallationError(f"pip could not install {requirement} (exit code {code}); its output is above")
    there = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({_MODULE!r}) is None)"
    if subprocess.run([str(python), "-I", "-c", there], stderr=subprocess.DEVNULL, check=False).returncode:
        raise InstallationError(f"{requirement} is older than this action: leave `version` away, or take a later one")
    done.touch()
    return python


def main() -> int:
    """Install what OBS_LINT_INPUT_VERSION asks for, and write the output `python`. Returns the exit code: 0 or 2."""
    checkout = Path(__file__).resolve().parents[3]
    # pip writes to the log what a package index says: it must not be taken for commands.
    token = os.urandom(16).hex()
    sys.stderr.write(f"::stop-commands::{token}\n")
    sys.stderr.flush()
    problem = ""
    outputs = {}
    try:
        requirement = requirement_of(os.environ.get("OBS_LINT_INPUT_VERSION", ""), checkout)
        temporary = Path(os.environ.get("RUNNER_TEMP") or tempfile.gettempdir())
        outputs["python"] = install(requirement, environment_of(requirement, checkout, temporary)).as_posix()
    except InstallationError as error:
        problem = str(error)
        outputs["exit-code"] = "2"
    # On a line of its own: pip may end in an escape sequence without a line end.
    sys.stderr.write(f"\n::{token}::\n")
    if problem:
        sys.stderr.write(f"::error title=obs-lint::{problem.replace('%', '%25')}\n")
    if file := os.environ.get("GITHUB_OUTPUT"):
        with open(file, "a", encoding="utf-8", newline="\n") as stream:
            stream.writelines(f"{name}={value}\n" for name, value in outputs.items())
    return 2 if problem else 0


if __name__ == "__main__":
    sys.exit(main())
