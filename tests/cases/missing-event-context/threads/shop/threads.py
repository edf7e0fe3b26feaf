def defer(function):
    return function
