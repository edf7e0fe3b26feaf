"""Functions that tell, and functions that do not."""

import logging

log = logging.getLogger(__name__)


def settle(order):
    first(order)


def first(order):
    log.warning("%s", order)


def shout():
    raise RuntimeError


def silent():
    keep("silent")


def keep(text):
    return [text]
