from shop.names import Ev
from shop.obs import emit, fire

emit("shop.order")
emit("billing.paid")
emit(Ev.SEEN)
emit("shop.Order.placed")  # error: OBS203
emit("billing.refunded")  # error: OBS203
emit("neither's")
emit("obs.operation.started")


class Lost:
    pass


fire(Lost())
