"""Which configuration holds for which file: the last scope that covers it, or the one above all scopes."""

from __future__ import annotations

from obs_lint.config.model import Config
from obs_lint.patterns import path_matches


class Parts:
    """A configuration and its scopes."""

    def __init__(self, config: Config) -> None:
        """Answers are kept."""
        self._config = config
        self.all = tuple({id(part): part for part in (config, *(scope.config for scope in config.scopes))}.values())
        """Each configuration once, the one above all scopes first."""
        self._known: dict[str, Config] = {}

    def of(self, path: str) -> Config:
        """Return the configuration that holds for a file."""
        if not self._config.scopes:
            return self._config
        if path not in self._known:
            self._known[path] = self._config
            for scope in reversed(self._config.scopes):
                if any(path_matches(glob, path) for glob in scope.paths):
                    self._known[path] = scope.config
                    break
        return self._known[path]
