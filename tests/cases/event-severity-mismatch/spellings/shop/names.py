from enum import StrEnum


class Ev(StrEnum):
    FAILED = "shop.failed"
