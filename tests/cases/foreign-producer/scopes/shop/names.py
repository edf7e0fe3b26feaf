from enum import StrEnum


class Ev(StrEnum):
    CREATED = "shop.job.created"
