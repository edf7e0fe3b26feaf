import logging

type Names = list[str]


def first[T](items: list[T]) -> T:
    try:
        return items[0]
    except IndexError, KeyError:
        raise
