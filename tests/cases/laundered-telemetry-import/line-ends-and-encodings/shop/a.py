import logging

f = (logging.getLogger)
