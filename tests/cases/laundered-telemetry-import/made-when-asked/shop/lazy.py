def __getattr__(name):
    import logging

    if name == "logging":
        return logging
    raise AttributeError(name)
