from typing import TypedDict

BASE = {"kind": "mail"}


class Placed(TypedDict):
    order_id: str
    color: str


def base(order):
    return {"order_id": order.id, "kind": "web", "colour": order.colour}
