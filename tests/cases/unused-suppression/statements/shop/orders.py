# What counts are the lines of the statement; of its header, where it is compound.
try:
    import structlog  # noqa: OBS102
except ImportError:  # noqa: OBS102
    # error-above: OBS901
    structlog = None


def late():  # obs: ignore[OBS102] of the whole function?
    # error-above: OBS901
    import logging  # error: OBS102

    return logging


from logging import (  # obs: ignore[OBS102] first line
    getLogger,
)
from logging import (
    Logger,
)  # obs: ignore[OBS102] last line
from logging import \
    Formatter  # obs: ignore[OBS102] continued

import loguru; import os  # obs: ignore[OBS102] two statements on a line

text = f"""
{ "import logging  # noqa: OBS102" }
# noqa: OBS102
"""
