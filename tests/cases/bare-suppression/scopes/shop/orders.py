import logging  # noqa: OBS102
# error-above: OBS902@17
import structlog  # noqa
# error-above: OBS902
import loguru  # obs: ignore[OBS102] with a reason
import os  # noqa: E402
