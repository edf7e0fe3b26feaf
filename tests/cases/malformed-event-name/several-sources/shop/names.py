from enum import StrEnum


class Ev(StrEnum):
    SEEN = "Whatever It Is"
