from a import *  # error: OBS103

logging.info("x")
