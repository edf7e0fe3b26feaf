"""The inventory of one project: registry and emissions, joined by event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from obs_lint.config.model import Config
from obs_lint.discovery import ProjectFile
from obs_lint.entry_points import entry_points
from obs_lint.events.emissions import Emissions, emissions
from obs_lint.events.model import Alternative, Emission
from obs_lint.events.registries import Registries, registries
from obs_lint.facts.store import FactsStore
from obs_lint.inventory.model import Declaration, EmitterRow, EntryRow, EventRow, Inventory, Site, Unresolvable
from obs_lint.inventory.parts import Parts
from obs_lint.patterns import path_matches
from obs_lint.project import Project
from obs_lint.registry.model import Event

_LEFT_ALONE = frozenset({"tests", "examples"})


def inventory(project: Project, store: FactsStore, config: Config, *, tests: bool = False) -> Inventory:
    """Join what `config` declares with what the project emits; emissions in tests and examples only with `tests`."""
    files = [file for file in project.files.values() if tests or not file.roles & _LEFT_ALONE]
    parts = Parts(config)
    rows: dict[str, EventRow] = {}
    emitters: dict[tuple[str, str], EmitterRow] = {}
    unresolvable: dict[tuple[str, int, int], Unresolvable] = {}
    problems: dict[str, None] = {}
    for part in parts.all:
        declared = registries(project, part)
        for problem in declared.broken:
            problems[f"{problem.place.path}:{problem.place.line}: {problem.message}"] = None
        labels = _labels(declared)
        for event in declared.events:
            _declare(rows, labels[id(event)], event, declared)
        found = emissions(project, part)
        used: Counter[str] = Counter()
        for emission in found.all([file for file in files if parts.of(file.path) is part]):
            used[emission.wrapper or _emitter(emission)] += 1
            site = _site(project, config, emission)
            for alternative in emission.alternatives:
                known = declared.of(alternative)
                _emit(rows, _label(labels, known, alternative), site)
            if not emission.complete:
                text = _written(store, emission)
                unresolvable.setdefault(site[:3], Unresolvable(site, text))
        _through(emitters, project, part, found, used)
    problems |= {f"{path}:{line}: {message}": None for path, (message, line, *_) in sorted(store.problems.items())}
    return Inventory(
        repository=config.root.name,
        events=tuple(replace(row, emitted=tuple(sorted(set(row.emitted)))) for _, row in sorted(rows.items())),
        emitters=tuple(sorted(emitters.values(), key=lambda row: (row.kind, row.function))),
        unresolvable=tuple(sorted(unresolvable.values(), key=lambda row: row.site)),
        entry_points=tuple(_entries(project, config, files)),
        files=len(project.files),
        problems=tuple(problems),
    )


def _entries(project: Project, config: Config, files: list[ProjectFile]) -> Iterator[EntryRow]:
    wanted = {file.path for file in files}
    parts = Parts(config)
    for point in [
        each for part in parts.all for each in entry_points(project, part).all() if parts.of(each.path) is part
    ]:
        facts = project.facts(point.path)
        if point.path in wanted and facts is not None:
            row = facts.functions[point.function]
            _, before = project.cell_of(point.path, row.name_pos[0])
            yield EntryRow(
                point.kind,
                point.name,
                point.framework,
                point.path,
                row.name_pos[0] - before,
                project.symbol(point.path, row.scope),
                _service(config, point.path),
            )


def _service(config: Config, path: str) -> str:
    return next(
        (name for name, globs in config.services.items() if any(path_matches(glob, path) for glob in globs)), ""
    )


def _labels(declared: Registries) -> dict[int, str]:
    """What each event is called: its name; with its class in front where two classes have a member of that name."""
    symbols: dict[str, set[str]] = {}
    for event in declared.events:
        symbols.setdefault(event.name, set()).add(event.symbol)
    return {
        id(event): event.name if len(symbols[event.name]) == 1 else ".".join(event.symbol.split(".")[-2:]) or event.name
        for event in declared.events
    }


def _label(labels: dict[int, str], known: Event | None, alternative: Alternative) -> str:
    return labels[id(known)] if known is not None else alternative.symbol or alternative.name


def _declare(rows: dict[str, EventRow], name: str, event: Event, declared: Registries) -> None:
    source = declared.registry_of(event).source
    place = Declaration(source, event.place.path, event.place.line, event.place.column)
    row = rows.get(name)
    if row is None:
        rows[name] = EventRow(
            name,
            (place,),
            (),
            event.severity,
            event.stability,
            event.owner,
            event.producers,
            event.is_deprecated,
            event.summary,
        )
    elif place not in row.declared:
        rows[name] = replace(row, declared=(*row.declared, place))


def _emit(rows: dict[str, EventRow], name: str, site: Site) -> None:
    row = rows.setdefault(name, EventRow(name, (), ()))
    rows[name] = replace(row, emitted=(*row.emitted, site))


def _site(project: Project, config: Config, emission: Emission) -> Site:
    line, column = emission.call[-1][:2]
    _, before = project.cell_of(emission.path, line)
    return Site(
        emission.path,
        line - before,
        column,
        project.symbol(emission.path, emission.scope),
        _service(config, emission.path),
        emission.wrapper or _emitter(emission),
        emission.complete and len(emission.alternatives) == 1,
    )


def _emitter(emission: Emission) -> str:
    via = emission.via
    return via.function if hasattr(via, "function") else via.factory[0]


def _written(store: FactsStore, emission: Emission) -> str:
    """What could not be told, as it stands in the source; the start of it where it is long."""
    expr = emission.unknown or emission.event
    pos = emission.pos if expr is None else expr[-1]
    lines = store.text(emission.path).decode("utf-8", "replace").split("\n")
    if pos[0] > len(lines):
        return ""
    first = lines[pos[0] - 1]
    text = first[pos[1] - 1 : pos[3] - 1] if pos[2] == pos[0] else first[pos[1] - 1 :].rstrip() + " …"
    return text if len(text) <= 80 else text[:79] + "…"


def _through(
    emitters: dict[tuple[str, str], EmitterRow],
    project: Project,
    config: Config,
    found: Emissions,
    used: Counter[str],
) -> None:
    from obs_lint.events.emitters import declared as declared_emitters

    for emitter in declared_emitters(config):
        path, line = _defined(project, emitter.function)
        emitters["declared", emitter.function] = EmitterRow(
            emitter.function, "declared", used[emitter.function], path, line
        )
    for logger in config.loggers:
        emitters["declared", logger.factory[0]] = EmitterRow(logger.factory[0], "declared", used[logger.factory[0]])
    for wrapper in found.wrappers:
        facts = project.facts(wrapper.path)
        if facts is not None and ("declared", wrapper.name) not in emitters:
            line = facts.functions[wrapper.function].name_pos[0]
            emitters["wrapper", wrapper.name] = EmitterRow(
                wrapper.name, "wrapper", used[wrapper.name], wrapper.path, line
            )


def _defined(project: Project, name: str) -> tuple[str, int]:
    for origin in project.lookup(name):
        facts = project.facts(origin.path) if origin.path and origin.index >= 0 else None
        if facts is not None and origin.kind == "function":
            return origin.path, facts.functions[origin.index].name_pos[0]
        if facts is not None and origin.kind in ("class", "instance"):
            return origin.path, facts.classes[origin.index].name_pos[0]
    return "", 0
