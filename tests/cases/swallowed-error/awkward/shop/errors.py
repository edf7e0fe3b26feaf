"""A class that is called like the builtin."""


class Expected(ValueError):
    """What is expected."""


class Exception(Expected):  # noqa: A001
    """Not the builtin."""
