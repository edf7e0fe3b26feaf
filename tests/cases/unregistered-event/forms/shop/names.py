from enum import Enum

PLACED = "shop.order.placed"
LOST = "shop.order.lost"


class Kind(Enum):
    PAID = "shop.order.paid"
    GONE = "shop.order.gone"


class Names:
    FAILED = "shop.order.failed"
    BROKEN = "shop.order.broken"
