import functools

__all__ = ["instrument", "traced"]


def instrument(function=None, **options):
    def decorate(inner):
        @functools.wraps(inner)
        def wrapper(*args, **kwargs):
            return inner(*args, **kwargs)

        return wrapper

    return decorate if function is None else decorate(function)


traced = functools.partial(instrument, kind="route")
