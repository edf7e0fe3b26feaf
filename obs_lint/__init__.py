"""obs-lint keeps a codebase to a single observability surface."""

__version__ = "0.1.0"
