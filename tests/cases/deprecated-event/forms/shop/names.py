from enum import StrEnum


class Ev(StrEnum):
    OLD = "shop.old"
    NEW = "shop.new"
