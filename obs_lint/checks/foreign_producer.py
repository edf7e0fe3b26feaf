"""Reports events that leave from a service which the registry does not list among their producers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from obs_lint.checks import Check
from obs_lint.checks.emitted import anchors, declaration, declared_here, emitted, lines_of, listed, shown, trail
from obs_lint.checks.run import RuleRun
from obs_lint.diagnostic import Diagnostic
from obs_lint.events.registries import registries
from obs_lint.patterns import path_matcher
from obs_lint.registry.model import Event


@dataclass(frozen=True, slots=True)
class Options:
    """`foreign-producer` needs nothing to be told: the registry has the producers, the configuration the services."""


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic for each event of an emission that this file's services do not produce."""
    declared = registries(run.project, run.config)
    services = {name: path_matcher(tuple(globs)) for name, globs in run.config.services.items()}
    for file, emission in emitted(run):
        own = tuple(name for name, covers in services.items() if covers(file.path))
        if not own:
            continue
        for alternative in emission.alternatives:
            event = declaration(declared, alternative, _producers)
            if event is None or not event.producers or not set(event.producers).isdisjoint(own):
                continue
            name = shown(alternative)
            yield run.report(
                file,
                emission.pos,
                target=name,
                scope=emission.scope,
                lines=lines_of(emission.statement),
                trail=(
                    *trail(run, emission, alternative),
                    declared_here(event.places.get("/producers", event.place), event.name),
                ),
                event=name,
                service=" and ".join(f"`{name}`" for name in own),
                producers=listed(event.producers),
            )


def _producers(event: Event) -> tuple[str, ...]:
    return event.producers


CHECK = Check("foreign-producer", Options, run, anchors)
