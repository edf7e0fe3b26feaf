import unittest

import pytest
from shop.obs import emit

EVENT = "shop.order.plced"


def test_like_a_registered_event():
    emit("shop.order.placed")
    emit("shop.order.done")  # error: OBS201
    emit(EVENT)  # error: OBS201


def test_made_up():
    emit("a.b")
    emit("shop.order.dummy")
    emit("shop.unknown_event")


@pytest.mark.parametrize("name", ["shop.x", "shop.y"])
def test_what_is_refused(name):
    with pytest.raises(ValueError):
        emit("shop.order.refused")
    with pytest.raises(ValueError) as caught, open("x"):
        if caught:
            emit("shop.order.refused")
    with pytest.raises(ValueError): emit("shop.order.refused")
    pytest.raises(ValueError, emit, "shop.order.refused")
    emit("shop.order.accepted")  # error: OBS201


class Refused(unittest.TestCase):
    def test_it(self):
        with self.assertRaisesRegex(ValueError, "refused"):
            emit(
                "shop.order.refused"
            )
        self.assertRaises(ValueError, lambda: emit("shop.order.refused"))
        emit("shop.order.accepted")  # error: OBS201
