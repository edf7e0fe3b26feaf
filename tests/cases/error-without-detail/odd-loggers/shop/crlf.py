import logging

log = logging.getLogger(__name__)


def place(order):
    try:
        order.place()
    except Exception as error:
        log.error("échoué: %s", error,)  # error: OBS502
