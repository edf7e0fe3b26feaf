"""What obs_surface raises: at start-up for what is configured wrongly, from `emit` only when it is strict."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Problem(NamedTuple):
    """One way in which an event breaks its contract. It holds no value of the event."""

    pointer: str
    """JSON pointer (RFC 6901) into the envelope, "" for the event as a whole. Keys that no schema declares are `*`."""
    keyword: str
    """The keyword of JSON Schema that failed, or a word for what has none: unregistered, serialisable, maxBytes."""


class ObsSurfaceError(Exception):
    """Base of what obs_surface raises by itself."""


class ConfigurationError(ObsSurfaceError):
    """`configure` was told something that can't work; the message says what to change."""


class LockError(ConfigurationError):
    """The registry's lock can't be used; the message says which file, why, and what to do."""


class ContractViolation(ObsSurfaceError):  # noqa: N818 - the name that the design gives it
    """A strict `emit` was given an event that breaks its contract (004 Issue 6.3). Nothing was written."""

    def __init__(self, event_name: str, problems: Iterable[Problem]) -> None:
        self.event_name = event_name
        self.problems = tuple(problems)
        """(pointer, keyword) each; never values."""
        told = "; ".join(_told(problem) for problem in self.problems)
        super().__init__(f"{event_name}: {told}")

    def __reduce__(self) -> tuple[type[ContractViolation], tuple[str, tuple[Problem, ...]]]:
        return type(self), (self.event_name, self.problems)


_SAID = {
    "unregistered": "the registry has no event of this name",
    "serialisable": "can't be written as JSON",
    "finite": "NaN and infinity are no JSON",
    "maxBytes": "the line would be too long",
    "propertyName": "a key is no string",
    "circular": "contains itself",
    "maxDepth": "is nested too deeply",
}


def _told(problem: Problem) -> str:
    where = problem.pointer or "the event"
    return f"{where}: {_SAID.get(problem.keyword, problem.keyword)}"
