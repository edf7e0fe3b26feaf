"""The configuration: found, read, checked and laid over its defaults, every value with where it comes from."""

from obs_lint.config.errors import ConfigError
from obs_lint.config.lists import resolve_list
from obs_lint.config.load import config_for, error_at, from_table, load, locate, where
from obs_lint.config.model import Config, Scope

__all__ = [
    "Config",
    "ConfigError",
    "Scope",
    "config_for",
    "error_at",
    "from_table",
    "load",
    "locate",
    "resolve_list",
    "where",
]
