from ...core.logger import logger
from app.core.logger import logging as log  # error: OBS103@29
from src.app.core import logger as tools

tools.logging.info("x")  # error: OBS103@1
log.info(logger)
