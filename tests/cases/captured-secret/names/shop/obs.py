def instrument(function=None, *, skip=()):
    return function
