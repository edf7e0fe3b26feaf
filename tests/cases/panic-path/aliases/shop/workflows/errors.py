class Exception(ValueError):
    """Not the builtin."""


def exit(code):
    return code
