import shop.lazy
from shop.lazy import logging  # error: OBS103

shop.lazy.logging.info("x")  # error: OBS103
