"""All examinations in their order, and what they found as text or JSON."""

from __future__ import annotations

import json
from typing import NamedTuple

from obs_lint.config.model import Config
from obs_lint.integrations.doctor import (
    continuous_integration,
    flake8_settings,
    own_files,
    pre_commit,
    ruff_settings,
)
from obs_lint.integrations.doctor.obstacle import Obstacle, Repository, UnreadableError

_EXAMINATIONS = (own_files, ruff_settings, flake8_settings, pre_commit, continuous_integration)


class Findings(NamedTuple):
    """What was found, and what could not be read."""

    obstacles: tuple[Obstacle, ...]
    """In the order of their paths and lines."""
    failures: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """2 where something could not be read, 1 where there is an obstacle, else 0."""
        return 2 if self.failures else 1 if self.obstacles else 0


def examined(config: Config) -> Findings:
    """Examine the repository around a project. Raises ConfigError and CatalogueError."""
    from obs_lint.catalogue import load_catalogue

    repository = Repository(config, tuple(load_catalogue(config).rules))
    found: list[Obstacle] = []
    failures: dict[str, None] = {}
    for examination in _EXAMINATIONS:
        try:
            found += examination.examine(repository)
        except UnreadableError as error:
            failures[str(error)] = None
    return Findings(tuple(sorted(set(found), key=lambda o: (o.path, o.line, o.name, o.what))), tuple(failures))


def text_of(findings: Findings) -> str:
    """Write each obstacle with what to do, for people."""
    if not findings.obstacles:
        return "" if findings.failures else "Nothing here would defeat obs-lint.\n"
    parts = [f"{o.path}:{o.line}: {o.name}\n  {o.what}\n  mend: {o.mend}\n" for o in findings.obstacles]
    count = len(findings.obstacles)
    return "\n".join([*parts, f"{count} thing{'' if count == 1 else 's'} to mend.\n"])


def json_of(findings: Findings) -> str:
    """Write one JSON object for scripts."""
    document = {
        "version": 1,
        "obstacles": [obstacle._asdict() for obstacle in findings.obstacles],
        "errors": [{"message": message} for message in findings.failures],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
