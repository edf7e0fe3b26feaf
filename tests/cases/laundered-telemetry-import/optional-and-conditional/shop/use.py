from shop.compat import trace  # error: OBS103


def f():
    if trace:
        from shop.compat import log  # error: OBS103

        return log
    return trace
