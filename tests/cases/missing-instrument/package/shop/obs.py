import functools


class _Instrument:
    def __init__(self, name=None):
        self.name = name

    def __call__(self, function):
        return function


instrument = _Instrument()


def instrument_all(cls):
    return cls


def traced(function):
    return functools.wraps(function)(instrument(function))
