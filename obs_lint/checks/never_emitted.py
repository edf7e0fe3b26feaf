"""Reports events that are declared and emitted nowhere, at their declaration."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from obs_lint.checks import Check
from obs_lint.checks.imported import is_stub
from obs_lint.checks.run import Anchor, RuleRun
from obs_lint.config.model import Config
from obs_lint.diagnostic import Diagnostic
from obs_lint.events.emissions import emission_anchors, emissions
from obs_lint.events.registries import registries
from obs_lint.events.uses import emitted, in_templates, mentioned
from obs_lint.patterns import path_matches
from obs_lint.registry.model import Event, Registry


@dataclass(frozen=True, slots=True)
class Options:
    """What `never-emitted` may be told."""

    templates: tuple[str, ...] = ()
    """Globs of files that are no Python and may name events: templates, workflow definitions."""


def anchors(_: Options, config: Config) -> tuple[Anchor, ...]:
    """Files in which an event may leave."""
    return emission_anchors(config)


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic an event."""
    declared = registries(run.project, run.config)
    services = {
        name
        for name, globs in run.config.services.items()
        if any(path_matches(glob, path) for path in run.project.files for glob in globs)
    }
    events = [event for event in declared.events if _is_expected(event, declared.registry_of(event), services)]
    if not events or declared.broken:
        return
    files = [
        file
        for file in run.project.files.values()
        if not file.roles.intersection(run.rule.leaves_alone) and not is_stub(file)
    ]
    used = emitted(emissions(run.project, run.config), declared, files)
    left = [event for event in events if id(event) not in used]
    if left:
        used = mentioned(run.project, left, files)
        left = [event for event in left if id(event) not in used]
    if left:
        used = in_templates(run.project, str(run.config.root), run.options.templates, left)
        left = [event for event in left if id(event) not in used]
    for event in left:
        file = run.project.files.get(event.place.path)
        if file is not None and file.roles.intersection(run.rule.leaves_alone):
            continue
        yield run.report_at(event.place, target=event.symbol or event.name, event=_shown(event))


def _shown(event: Event) -> str:
    """The event's name; where code declares it by another name (a class for the code `Z042`), with that."""
    last = event.symbol.rpartition(".")[2]
    return f"`{event.name}` (`{last}`)" if last and last != event.name else f"`{event.name}`"


def _is_expected(event: Event, registry: Registry, services: set[str]) -> bool:
    """True where this project should emit the event: it declares it itself, or one of its services is a producer.

    `services` are those that have files here.
    """
    if event.is_deprecated or registry.mirror:
        return False
    if event.producers:
        return not services.isdisjoint(event.producers)
    shared = registry.source.startswith(("lock:", "package:", "weaver:"))
    return not shared and not os.path.isabs(event.place.path)


CHECK = Check("never-emitted", Options, run, anchors)
