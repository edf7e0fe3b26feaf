import structlog  # noqa
# error-above: OBS102
import logging  # noqa: OBS102
