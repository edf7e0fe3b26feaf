"""The pytest plugin: the fixture `obs_capture`. Every pytest run loads it, so it imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from obs_lint.integrations.pytest_capture import ObsCapture

REGISTRY_INI = "obs_registry"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the ini option that names registries for the fixture."""
    parser.addini(
        REGISTRY_INI,
        "event registries or lock files for obs_capture, relative to the root (default: as obs-lint is configured)",
        type="linelist",
        default=[],
    )


@pytest.fixture
def obs_capture(request: pytest.FixtureRequest) -> Iterator[ObsCapture]:
    """Everything emitted in this process while the test runs: obs_surface, logging, structlog, OpenTelemetry.

    Begins empty with each test. See `obs_lint.integrations.pytest_capture.ObsCapture` for what can be asserted.
    """
    from obs_lint.integrations.pytest_capture import ObsCapture, registries_of

    config = request.config
    capture = ObsCapture(request.node.nodeid, registries_of(str(config.rootpath), tuple(config.getini(REGISTRY_INI))))
    capture.start()
    try:
        yield capture
    finally:
        capture.stop()
