"""What a handler calls decides, over two hops."""

from shop.reporting import keep, settle, shout, silent
from shop.unknown import something


def place(order):
    try:
        order.place()
    except Exception:
        settle(order)
    try:
        order.place()
    except Exception:  # error: OBS501
        silent()
    try:
        order.place()
    except Exception:
        shout()
    try:
        order.place()
    except Exception:  # error: OBS501
        keep("x")
    try:
        order.place()
    except Exception:
        something(1).done()
