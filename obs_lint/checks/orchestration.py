"""Which files orchestrate: those that `orchestration` in the configuration names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from obs_lint.checks.imported import is_stub, may_say
from obs_lint.checks.run import RuleRun
from obs_lint.discovery import ProjectFile
from obs_lint.patterns import names_match


def orchestrated(run: RuleRun[Any], pattern: bytes) -> Iterator[ProjectFile]:
    """Yield those of a rule's files that orchestrate and hold what the bytes pattern (re.MULTILINE) looks for."""
    found = [file for file in run.files if is_orchestration(run, file) and may_say(run.project, file.path, pattern)]
    run.project.prefetch([file.path for file in found])
    yield from found


def is_orchestration(run: RuleRun[Any], file: ProjectFile) -> bool:
    """True for a file that orchestrates; a stub does nothing."""
    return not is_stub(file) and any(names_match(pattern, file.names) for pattern in run.config.orchestration)
