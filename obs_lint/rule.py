"""A Rule is data: what is looked for, why, and with which options a check looks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from obs_lint.diagnostic import Severity


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule as its YAML file and the configuration together say it."""

    code: str
    slug: str
    summary: str
    why: str
    source: str
    """Which of the requirement documents asks for it."""
    severity: Severity
    default: bool
    """Whether it is selected when nothing selects it."""
    check: str
    """The kind of check, a key of `obs_lint.checks.CHECKS`."""
    message: str
    """A `str.format` template; its fields are what the check passes to `RuleRun.report`."""
    help: str = ""
    needs: tuple[str, ...] = ()
    """Keys of the configuration without which the rule is inactive."""
    leaves_alone: tuple[str, ...] = ()
    """Path roles (tests, scripts, …) that the rule does not look at."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """`with` of the YAML, overlaid by `[tool.obs-lint.rules.CODE]`; not yet validated."""
    fix: str = "none"
    whole_project: bool = False
    """True where only a run over the whole project can tell."""
    origin: str = ""
    """The YAML file, for messages."""

    @property
    def url(self) -> str:
        """Where the rule is documented."""
        return f"https://obs-lint.readthedocs.io/rules/{self.slug}/"
