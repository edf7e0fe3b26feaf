from ..core.logger import logging  # error: OBS103@27

logger = logging.getLogger(__name__)
