import logging
from logging import getLogger

log = getLogger(__name__)
HANDLERS = [logging.StreamHandler()]
LEVEL = logging.DEBUG
name = getLogger(__name__).name


def make():
    import structlog

    return structlog


class Log(logging.Logger):
    kind = logging
