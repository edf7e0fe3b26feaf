"""Where the browser is that some tests run; see CONTRIBUTING.md for how to install it."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

VARIABLE = "OBS_LINT_CHROMIUM"


def chromium() -> str:
    """Return the path of Chromium; the test is skipped without it, and fails where `CI` is set."""
    path = os.environ.get(VARIABLE) or shutil.which("chromium") or shutil.which("chromium-browser")
    if not (path and os.path.exists(path)):
        missing(f"there is no Chromium: install Debian's package `chromium`, or set {VARIABLE} to its path")
    return path


def missing(problem: str) -> NoReturn:
    """Skip the test for want of a tool; fail it where `CI` is set."""
    if os.environ.get("CI"):
        pytest.fail(problem)
    pytest.skip(problem)
