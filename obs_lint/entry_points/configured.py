"""Entry points that the configuration names: dotted targets, decorators, methods of base classes."""

from __future__ import annotations

from collections.abc import Iterator

from obs_lint.config.model import Config
from obs_lint.config.model import EntryPoint as Named
from obs_lint.discovery import ProjectFile
from obs_lint.entry_points.classes import descendants
from obs_lint.entry_points.model import EntryPoint
from obs_lint.facts.model import Anchor, FileFacts, Function
from obs_lint.patterns import names_match
from obs_lint.project import Origin, Project


def named_anchors(config: Config) -> tuple[Anchor, ...]:
    """Files that say the decorator or the base of an `instrument.entry-points`."""
    return tuple(dict.fromkeys(_word(named.decorator or named.base or "") for named in config.instrument.entry_points))


def _word(dotted: str) -> Anchor:
    return Anchor(words=(dotted.rpartition(".")[2].encode("utf-8", "replace"),))


# -- targets


def targets(project: Project, config: Config, *, every: bool = False) -> Iterator[EntryPoint]:
    """Yield the functions that `instrument.targets` means, tests apart.

    A pattern whose last segment is written out names functions, of any kind. One that ends in a wildcard, or that names
    a module or a class, means the public orchestration below it: its `async def` functions, all with `every`.
    Source: 000, "on public async orchestration methods".
    """
    patterns = config.instrument.targets
    if not patterns:
        return
    held = {
        f.path: f for f in project.files.values() if "tests" not in f.roles and any(may_hold(p, f) for p in patterns)
    }
    project.prefetch(held)
    for path, file in held.items():
        facts = project.facts(path)
        for index, function in enumerate(facts.functions if facts is not None else ()):
            if facts is None or not is_reachable(facts, function):
                continue
            pattern = _meaning(patterns, file, function, every)
            if pattern:
                place = (path, function.name_pos)
                name = f"{file.symbol}.{function.qualname}"
                yield EntryPoint(path, index, "target", "", name, place, None, function.parent, by=pattern)


def may_hold(pattern: str, file: ProjectFile) -> bool:
    """True where something in a module may match a target."""
    names = file.names
    if "*" not in pattern and "?" not in pattern:
        return any(f"{pattern}.".startswith(f"{name}.") or name.startswith(f"{pattern}.") for name in names)
    segments = pattern.split(".")
    last = len(segments) if "**" in segments or "*" not in segments[-1] else len(segments) - 1
    return any(names_match(".".join(segments[:length]), names, below=False) for length in range(1, last + 1))


def _meaning(patterns: tuple[str, ...], file: ProjectFile, function: Function, every: bool) -> str:
    names = tuple([f"{module}.{function.qualname}" for module in dict.fromkeys((*file.names, file.symbol))])
    for pattern in patterns:
        exact = "*" not in (last := pattern.rpartition(".")[2]) and "?" not in last
        if names_match(pattern, names, below=False):
            if exact or every or function.is_async:
                return pattern
        elif exact and names_match(pattern, names) and (every or function.is_async):
            return pattern
    return ""


def is_reachable(facts: FileFacts, function: Function) -> bool:
    """True for a named function of a module or a class: one that is no local of another."""
    scope = function.parent
    while facts.scopes[scope].kind in ("class", "type"):
        scope = facts.scopes[scope].parent
    return function.name != "<lambda>" and facts.scopes[scope].kind == "module"


# -- decorators and bases


def named(project: Project, config: Config) -> Iterator[EntryPoint]:
    """Yield the functions that `instrument.entry-points` means."""
    for each in config.instrument.entry_points:
        if each.decorator is not None:
            yield from _decorated(project, each.decorator)
        elif each.base is not None:
            yield from _inherited(project, each, each.base)


def _saying(project: Project, dotted: str) -> list[str]:
    """Files, tests apart, that say the last name of `dotted`, or a name under which it is imported somewhere."""
    names = {dotted.rpartition(".")[2]}
    renamed = list(project.renaming_imports())
    more = True
    while more:
        found = {bound for name, bound in renamed if name in names} - names
        names |= found
        more = bool(found)
    anchors = [Anchor(words=(name.encode("utf-8", "replace"),)) for name in sorted(names)]
    return [path for path in sorted(project.matching(anchors)) if "tests" not in project.files[path].roles]


def _decorated(project: Project, dotted: str) -> Iterator[EntryPoint]:
    paths = _saying(project, dotted)
    project.prefetch(paths)
    for path in paths:
        facts = project.facts(path)
        for index, function in enumerate(facts.functions if facts is not None else ()):
            for decorator in function.decorators:
                callee = decorator[1] if decorator[0] == "call" else decorator
                if is_named(project, project.resolve(path, function.parent, callee), dotted):
                    name = f"{project.files[path].symbol}.{function.qualname}"
                    place = (path, decorator[-1])
                    yield EntryPoint(path, index, "configured", "", name, place, decorator, function.parent, by=dotted)
                    break


def is_named(project: Project, origins: tuple[Origin, ...], dotted: str) -> bool:
    """True where one of the origins is what the configuration calls `dotted`, under whatever name."""
    canonical = {
        (o.kind, o.name) for o in project.lookup(dotted) if o.kind in ("function", "class", "external", "instance")
    }
    for origin in origins:
        if dotted in origin.via or (origin.kind, origin.name) in canonical:
            return True
        if origin.kind in ("external", "function", "class") and dotted in project.names(origin):
            return True
    return False


def _inherited(project: Project, each: Named, base: str) -> Iterator[EntryPoint]:
    wanted = {(o.path, o.index) for o in project.lookup(base) if o.kind == "class" and o.path}
    externals = {base} | {o.name for o in project.lookup(base) if o.kind == "external"}

    def is_base(ancestor: tuple[str, int] | str) -> bool:
        return ancestor in externals if isinstance(ancestor, str) else ancestor in wanted

    start = dict.fromkeys([*(path for path, _ in wanted), *_saying(project, base)])
    for path, index in descendants(project, start, is_base):
        facts = project.facts(path)
        if facts is None or (path, index) in wanted:
            continue
        row = facts.classes[index]
        for bindings in facts.scopes[row.scope].bindings.values():
            for binding in bindings:
                if binding.kind == "def" and _is_meant(binding.name, each.methods):
                    function = facts.functions[binding.index]
                    name = f"{project.files[path].symbol}.{function.qualname}"
                    place = (path, row.name_pos)
                    yield EntryPoint(path, binding.index, "configured", "", name, place, None, function.parent, by=base)


def _is_meant(name: str, methods: tuple[str, ...]) -> bool:
    if not methods:
        return not name.startswith("_")
    return any(names_match(pattern, (name,), below=False) for pattern in methods)
