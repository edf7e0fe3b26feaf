from shop import cycles

first = cycles.second if cycles else cycles.first
second = cycles.first


def back(function):
    return cycles.there(function)
