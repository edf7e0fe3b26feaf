from acme.util import log as logging
from acme import logging as again
from shop.tools import HANDLERS, LEVEL, Log, log, make, name

print(logging, again, HANDLERS, LEVEL, Log, log, make, name)


def f(logging, tools):
    logging.info("a parameter")
    tools.logging.info("somebody else's")
    return "from shop.tools import logging"
