"""What happened that the workflow runs: the event and its payload, as the runner's files tell it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_OF_A_PULL_REQUEST = ("pull_request", "pull_request_target")


@dataclass(frozen=True, slots=True)
class Event:
    """One event of GitHub."""

    name: str = ""
    """`push`, `pull_request`, `merge_group` …; "" outside of GitHub."""
    payload: Mapping[str, Any] = field(default_factory=dict)
    actor: str = ""

    @property
    def proposes(self) -> bool:
        """True where a change asks to be merged: it should answer for what it adds, not for what was there."""
        return self.name in (*_OF_A_PULL_REQUEST, "merge_group")

    @property
    def is_private(self) -> bool:
        """True in a private or internal repository."""
        return self.at("repository", "private") is True

    @property
    def may_only_read(self) -> str:
        """Say why the workflow's token may not write; "" where it may."""
        if self.name not in _OF_A_PULL_REQUEST[:1]:
            return ""
        head, base = self.at("pull_request", "head", "repo", "id"), self.at("pull_request", "base", "repo", "id")
        if self.at("pull_request", "head", "repo", "fork") is True and head != base:
            return "this pull request comes from a fork"
        # The repository of a head that was deleted meanwhile is null.
        if self.at("pull_request", "head") and head is None and self.at("pull_request", "base"):
            return "the repository that this pull request comes from is gone"
        return "this pull request is Dependabot's" if self.actor == "dependabot[bot]" else ""

    def at(self, *keys: str) -> Any:
        """Return a part of the payload, None where it has none."""
        value: Any = self.payload
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value

    def text(self, *keys: str) -> str:
        """Return a string of the payload, "" where it has none."""
        value = self.at(*keys)
        return value if isinstance(value, str) else ""


def event_of(environment: Mapping[str, str]) -> Event:
    """Read the event that GITHUB_EVENT_NAME and GITHUB_EVENT_PATH tell of; an unreadable payload counts as empty."""
    payload: Any = {}
    try:
        with open(environment.get("GITHUB_EVENT_PATH", ""), encoding="utf-8") as stream:
            payload = json.load(stream)
    except (OSError, ValueError):
        pass
    return Event(
        environment.get("GITHUB_EVENT_NAME", ""),
        payload if isinstance(payload, dict) else {},
        environment.get("GITHUB_ACTOR", ""),
    )
