"""What the html page shows beside a Report: who owns what, who goes through the surface, the event catalogue."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

from obs_lint.baseline.owners import code_owners
from obs_lint.config.errors import ConfigError
from obs_lint.config.model import Config, wanting
from obs_lint.inventory.model import Inventory, Site
from obs_lint.project import Project
from obs_lint.report import Report
from obs_lint.reporters.supplement import Event, Place, Supplement

_LIBRARIES = ("OBS102", "OBS103", "OBS104")
"""Rules whose targets are telemetry libraries."""
_TELEMETRY = frozenset(
    "logging structlog loguru opentelemetry prometheus_client statsd datadog ddtrace sentry_sdk logfire posthog".split()
)


def supplement(
    report: Report,
    config: Config,
    *,
    seen: Mapping[str, int] | None = None,
    use_cache: bool = True,
    jobs: int | None = None,
) -> Supplement:
    """Return the Supplement of a project's Report.

    `seen` says how often a smoke run has seen each event; None where there was no run. The project is opened once more
    for the surface and the catalogue; where that fails, the page says why.
    """
    owners = code_owners(str(config.root))
    made = Supplement(title=config.root.name, owners=owners.of if owners.lines else None)
    settled = config
    if report.inference is not None and report.inference.surface:
        settled = replace(config, surface=(report.inference.surface, *report.inference.related))
    catalogued = not wanting(config) and (config.registry or config.emitters or config.surface or config.loggers)
    if not settled.surface and not catalogued:
        return made
    made = replace(made, surface=tuple(settled.surface or ()))
    from obs_lint.entry_points import anchors as entry_anchors
    from obs_lint.events.emissions import emission_anchors
    from obs_lint.inventory.build import inventory
    from obs_lint.opened import opened

    parts = (config, *(scope.config for scope in config.scopes))
    anchors = tuple(anchor for part in parts for anchor in (*emission_anchors(part), *entry_anchors(part)))
    try:
        with opened(settled, anchors=anchors if catalogued else (), use_cache=use_cache, jobs=jobs) as (project, store):
            through, reaches = _around(project, settled, _libraries(report))
            made = replace(made, through=through, reaches=reaches)
            if catalogued:
                made = with_events(made, inventory(project, store, config), seen)
    except ConfigError as error:
        made = replace(made, problems=(str(error),))
    return made


def with_events(made: Supplement, found: Inventory, seen: Mapping[str, int] | None = None) -> Supplement:
    """Return a Supplement with the events of an inventory, joined with what a run has seen of them."""
    rows = {
        row.name: Event(
            row.name,
            tuple(Place(place.path, place.line) for place in row.declared),
            tuple(_place(site) for site in row.emitted),
            None if seen is None else seen.get(row.name, 0),
            row.summary,
            row.severity,
            row.owner,
            row.deprecated,
        )
        for row in found.events
    }
    for name, number in (seen or {}).items():
        if name not in rows and not name.startswith("obs."):
            rows[name] = Event(name, seen=number)
    return replace(
        made,
        events=tuple(event for _, event in sorted(rows.items())),
        unresolvable=tuple(_place(row.site) for row in found.unresolvable),
        problems=(*made.problems, *found.problems),
    )


def _place(site: Site) -> Place:
    return Place(site.path, site.line, site.symbol, site.service, site.certain)


def _libraries(report: Report) -> frozenset[str]:
    found = {d.target.partition(".")[0] for d in (*report.diagnostics, *report.known) if d.code in _LIBRARIES}
    return _TELEMETRY | (found - {""})


def _around(project: Project, config: Config, libraries: frozenset[str]) -> tuple[int, dict[str, int]]:
    """Return the number of modules that import the surface, and library → surface modules that import it."""
    inside = {file.path for part in _parts(config) for file in project.files.values() if project.is_surface(file, part)}
    users = {user for path in inside for user in project.importers(path)} - inside
    outside = [name for part in _parts(config) for name in part.surface or () if "*" not in name]
    if not inside and outside:
        roots = frozenset(name.partition(".")[0] for name in outside)
        for path, statement in project.imports_of(roots):
            names = [statement.module, *(f"{statement.module}.{name}" for name, _ in statement.names or ())]
            if any(_below(name, surface) for name in names for surface in outside):
                users.add(path)
    users = {path for path in users if not project.files[path].roles & {"tests", "examples"}}
    pairs = {
        (path, statement.module.partition(".")[0])
        for path, statement in project.imports_of(libraries)
        if path in inside
    }
    return len(users), dict(sorted(Counter(library for _, library in pairs).items()))


def _parts(config: Config) -> Iterable[Config]:
    return (config, *(scope.config for scope in config.scopes))


def _below(name: str, module: str) -> bool:
    return name == module or name.startswith(module + ".")
