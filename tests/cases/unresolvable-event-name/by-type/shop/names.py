from enum import StrEnum


class Ev(StrEnum):
    PLACED = "shop.order.placed"
    FAILED = "shop.order.failed"


class Other(StrEnum):
    LOST = "shop.order.lost"
