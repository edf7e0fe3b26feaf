from shop import obs
from shop.defaults import BASE, Placed, base


def place(order):
    obs.emit("shop.order.placed", BASE)  # error: OBS205@35
    obs.emit("shop.order.placed", {**BASE, "kind": "web"})
    obs.emit("shop.order.placed", base(order))  # error: OBS205@35
    obs.emit("shop.order.placed", payload=dict(base(order)))  # error: OBS205@43
    payload = local(order)
    obs.emit("shop.order.placed", payload)
    obs.emit("shop.order.placed", payload)


def local(order):
    return {
        "order_id": order.id,
        "items": order.items,  # error: OBS205@9
    }


def annotated(payload: Placed):
    obs.emit("shop.order.placed", payload)  # error: OBS205@35


def alternatives(order, flag):
    payload = {"order_id": order.id, "kind": "post" if flag else "web"}  # error: OBS205@38
    obs.emit("shop.order.placed", payload)
    kind = "post" if flag else "web"
    obs.emit("shop.order.placed", {"kind": kind})
    both = "post" if flag else "mail"
    obs.emit("shop.order.placed", {"kind": both})  # error: OBS205@36
    kinds = {"a": "post", "b": "mail"}
    obs.emit("shop.order.placed", {"kind": kinds[flag]})  # error: OBS205@36
    obs.emit("shop.order.placed", {"kind": None})  # error: OBS205@36
    obs.emit("shop.order.placed", {"buyer": {"id": order.buyer, "name": ""}})  # error: OBS205@36
    obs.emit("shop.order.placed", {"buyer": {"id": order.buyer, **order.more}})
    obs.emit("shop.order.placed", {"buyer": [order.buyer]})  # error: OBS205@36


def suppressed(order):
    payload = {"order": order.id}  # obs: ignore[OBS205] until the schema has it
    obs.emit("shop.order.placed", payload)
