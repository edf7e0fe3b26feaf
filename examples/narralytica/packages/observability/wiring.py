"""Configures the surface, once a process."""

from __future__ import annotations

import logging
from pathlib import Path

import obs_surface
from obs_surface.loggers import logging_handler

VERSION = "1.0.0"
LOCK = Path(__file__).parents[2] / "contracts" / "obs-registry.lock.json"


def start(service_name: str, env: str) -> None:
    """Say who speaks; from here on events and what libraries log are lines of JSON on stdout."""
    obs_surface.configure(service_name=service_name, service_version=VERSION, env=env, registry=LOCK)
    logging.basicConfig(handlers=[logging_handler()], level=logging.WARNING)
