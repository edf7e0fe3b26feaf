import logging  # noqa: OBS102
import structlog  # noqa
# error-above: OBS902
import os  # noqa
