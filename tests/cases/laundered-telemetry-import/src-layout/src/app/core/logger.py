import logging
import logging.handlers

logger = logging.getLogger("app")
