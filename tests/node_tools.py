"""Where the tools from npm are that some tests run; see CONTRIBUTING.md for how to install them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

VARIABLE = "OBS_LINT_NODE_MODULES"


def node_tool(relative: str) -> str:
    """Return the path of a tool below `node_modules`; the test is skipped without it, and fails where `CI` is set."""
    folder = os.environ.get(VARIABLE)
    path = Path(folder or "node_modules", relative)
    if path.exists():
        return str(path)
    problem = f"{relative} is not installed: set {VARIABLE} to a node_modules with it (.ci/run does)"
    if os.environ.get("CI"):
        pytest.fail(problem)
    pytest.skip(problem)
