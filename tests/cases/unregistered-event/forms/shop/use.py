import functools
import shop.obs as telemetry
from shop import obs as o
from shop.names import LOST, PLACED, Kind, Names
from shop.obs import emit, emit as send

tell = functools.partial(emit, severity="info")


class Orders:
    EVENT = "shop.order.placed"
    WRONG = "shop.order.wrong"

    def __init__(self):
        self.event = "shop.order.paid"
        self.other = "shop.order.other"

    def place(self):
        emit(self.EVENT)
        emit(self.WRONG)  # error: OBS201@14
        emit(self.event)
        emit(self.other)  # error: OBS201@14

    async def placed(self):
        o.emit(Kind.PAID.value)
        o.emit(Kind.GONE.value)  # error: OBS201
        telemetry.emit(Names.FAILED)
        telemetry.emit(Names.BROKEN)  # error: OBS201


def many(flag, found):
    send(PLACED)
    send(LOST)  # error: OBS201@10
    for name in ("shop.order.paid", "shop.order.unpaid"):
        send(name)  # error: OBS201
    if (walrus := "shop.order.walrus") and flag:
        emit(walrus)  # error: OBS201
    emit(
        "shop.order."  # error: OBS201@9
        "split",
        {"found": found},
    )
    emit(r"shop.order.raw")  # error: OBS201
    emit(f"shop.order.{'paid' if flag else 'repaid'}")  # error: OBS201
    emit("shop.%s.%s" % ("order", "paid"))
    emit("shop.{}".format("order.formatted"))  # error: OBS201
    emit("shop.order.placed" if flag else "shop.order.a" if found else "shop.order.b")  # error: OBS201, OBS201
    tell("shop.order.placed")
    tell("shop.order.partial")  # error: OBS201
    return [emit(each) for each in ["shop.order.failed", "shop.order.comprehended"]]  # error: OBS201


def other(emit):
    emit("shop.order.of_a_parameter")


def local():
    def emit(name):
        return name

    emit("shop.order.of_a_local_function")


def by_default(area=None, status=None):
    emit(f"shop.{area}.placed")
    emit(f"shop.{area or 'basket'}.placed")  # error: OBS201
    emit("shop.None.placed")  # error: OBS201
