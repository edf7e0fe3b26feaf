"""Reports emissions at another severity than the registry gives the event."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from obs_lint.checks import Check
from obs_lint.checks.emitted import anchors, declaration, declared_here, emitted, lines_of, shown, trail
from obs_lint.checks.run import RuleRun
from obs_lint.diagnostic import Diagnostic
from obs_lint.events.registries import registries
from obs_lint.registry.model import Event

_LEVELS = {
    "trace": "trace",
    "debug": "debug",
    "info": "info",
    "information": "info",
    "informational": "info",
    "notice": "notice",
    "warn": "warn",
    "warning": "warn",
    "err": "error",
    "error": "error",
    "exception": "error",
    "crit": "critical",
    "critical": "critical",
    "fatal": "critical",
}
"""Spelling of a severity, in lower case → the severity; `exception()` of a logger logs at error."""


@dataclass(frozen=True, slots=True)
class Options:
    """`event-severity` needs nothing to be told: the registry has the severities."""


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic for each event of an emission whose severity is another, at what says the severity."""
    declared = registries(run.project, run.config)
    for file, emission in emitted(run):
        actual = level(emission.severity)
        if not actual:
            continue
        for alternative in emission.alternatives:
            event = declaration(declared, alternative, _severity)
            if event is None or _severity(event) in ("", actual):
                continue
            name = shown(alternative)
            place = event.places.get("/severity", event.place)
            yield run.report(
                file,
                emission.severity_pos or emission.pos,
                target=name,
                scope=emission.scope,
                lines=lines_of(emission.statement),
                trail=(*trail(run, emission, alternative), declared_here(place, event.name)),
                event=name,
                actual=emission.severity.rpartition(".")[2].lower(),
                expected=event.severity,
            )


def _severity(event: Event) -> str:
    return level(event.severity)


def level(severity: str) -> str:
    """Return the severity that a spelling (`logging.WARNING`, `warn`) means, "" for one that is not known."""
    return _LEVELS.get(severity.strip().rpartition(".")[2].lower(), "")


CHECK = Check("event-severity", Options, run, anchors)
