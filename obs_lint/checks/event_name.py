"""Reports names of events that are not made as their registry says: where declared, or where emitted without that."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from obs_lint.checks import Check
from obs_lint.checks.emitted import anchors, emitted, lines_of, names_itself, possible, trail
from obs_lint.checks.run import RuleRun
from obs_lint.diagnostic import Diagnostic
from obs_lint.events.registries import Registries, registries
from obs_lint.registry.model import Naming, Place


@dataclass(frozen=True, slots=True)
class Options:
    """`event-name` needs nothing to be told: the registries say how names are made."""


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic a declared event, at its declaration, and one for each unregistered name of an emission."""
    declared = registries(run.project, run.config)
    if not declared.namings:
        return
    yield from _declared(run, declared)
    for file, emission in emitted(run):
        for alternative in possible(emission):
            name = alternative.name
            if names_itself(alternative) or declared.is_reserved(name) or declared.of(alternative) is not None:
                continue
            naming = declared.naming_of(name)
            if naming is not None and not naming.fits(name):
                yield run.report(
                    file,
                    emission.pos,
                    target=name,
                    scope=emission.scope,
                    lines=lines_of(emission.statement),
                    trail=trail(run, emission, alternative),
                    event=name,
                    naming=_written(naming, declared),
                    fault=_fault(name, naming),
                )


def _declared(run: RuleRun[Options], declared: Registries) -> Iterator[Diagnostic]:
    """Names in the registries themselves; those of scopes that share a source are told once."""
    told: set[Place] = run.project.once(("event-name", "told"), set)
    for registry in declared.sources:
        naming = registry.naming
        if naming is None or registry.mirror:
            continue
        for event in registry.events:
            place = event.place
            if naming.fits(event.name) or declared.is_reserved(event.name) or place in told or not place.path:
                continue
            file = run.project.files.get(place.path)
            if (file is not None and file.roles.intersection(run.rule.leaves_alone)) or _is_outside(place):
                continue
            told.add(place)
            yield run.report_at(
                place,
                target=event.name,
                within=event.name,
                event=event.name,
                naming=_written(naming, declared),
                fault=_fault(event.name, naming),
            )


def _written(naming: Naming, declared: Registries) -> str:
    """How names are made, as people write it down: `shop.<area>.<action>`."""
    namespace = next((registry.namespace for registry in declared.sources if registry.naming is naming), "")
    return _PLACEHOLDER.sub(lambda m: namespace if m[1] == "namespace" and namespace else f"<{m[1]}>", naming.text)


_PLACEHOLDER = re.compile(r"\{([a-z_]\w*)\}")


def _is_outside(place: Place) -> bool:
    """True for what an installed package or a shipped preset declares: its names are not this project's to mend."""
    return place.path.startswith(("/", "..")) or place.path[1:2] == ":"


def _fault(name: str, naming: Naming) -> str:
    """Say where a name leaves the pattern, as far as that is plain: "" where it is not."""
    if not name:
        return " (it is empty)"
    if name != name.strip():
        return " (it has white space around it)"
    if naming.fits(name.lower()):
        return f" (it has capitals: `{name.lower()}` would fit)"
    plain = name.lower().replace("-", "_")
    if naming.fits(plain):
        return f" (`{plain}` would fit)"
    segments = name.split(".")
    for segment in segments:
        if segment.startswith("_") and naming.fits(".".join(part.lstrip("_") for part in segments)):
            return f" (the segment `{segment}` begins with an underscore)"
    return ""


CHECK = Check("event-name", Options, run, anchors)
