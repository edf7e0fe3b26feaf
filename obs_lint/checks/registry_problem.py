"""Reports what is wrong with the registries themselves: with their schemas, their examples, their names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from obs_lint.checks import Check
from obs_lint.checks.run import RuleRun
from obs_lint.diagnostic import Diagnostic
from obs_lint.digests import blake2b
from obs_lint.events.registries import Registries, registries
from obs_lint.facts.cache import Cache, key_of
from obs_lint.project import Project
from obs_lint.registry.model import Place, Problem, Registry
from obs_lint.registry.sources import kind_of


@dataclass(frozen=True, slots=True)
class Options:
    """What `registry-problem` may be told."""

    finds: Literal["OBS701", "OBS702", "OBS704", "OBS705"] = "OBS701"
    """Which problems the rule is about."""


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic a problem, where it is written; what makes a source unusable ends the run elsewhere."""
    finds = run.options.finds
    told: set[Problem] = run.project.once(("registry-problem", run.rule.code), set)
    declared = registries(run.project, run.config)
    for problem in problems_of(run.project, declared):
        if problem.code == finds and not problem.fatal and problem not in told:
            told.add(problem)
            yield run.report_at(
                problem.place, target=problem.target, problem=problem.message, help=problem.help or run.rule.help
            )


def problems_of(project: Project, declared: Registries) -> tuple[Problem, ...]:
    """Return everything that is wrong with the sources of a configuration, found once a run."""
    return project.once(("registry-problems", id(declared)), lambda: tuple(_problems(project.cache, declared)))


def _problems(cache: Cache, declared: Registries) -> Iterator[Problem]:
    from obs_lint.registry.agreement import undeclared
    from obs_lint.registry.contracts import duplicates_of

    yield from declared.problems
    for registry in declared.sources:
        if declared.is_complete:
            yield from undeclared(registry, declared.names)
        yield from _judged(cache, registry)
    yield from duplicates_of(declared.sources)


def _judged(cache: Cache, registry: Registry) -> tuple[Problem, ...]:
    """Judge one source, unless its files are those of a run before. A lock was judged when it was built."""
    if kind_of(registry.source) == "lock":
        return ()
    digest = _digest(registry) if cache.enabled else ""
    name = f"contracts-{digest[:16]}"
    if digest:
        stored = cache.load(name)
        if isinstance(stored, tuple) and len(stored) == 2 and stored[0] == digest:
            return tuple(_restored(stored[1]))
    from obs_lint.registry.contracts import judged

    found = judged(registry)
    if digest:
        cache.save(name, (digest, [(p.code, p.message, tuple(p.place), p.help, p.target, p.fatal) for p in found]))
        cache.keep_newest("contracts-", 12)
    return found


def _restored(plain: Iterable[tuple[Any, ...]]) -> Iterator[Problem]:
    for code, message, place, advice, target, fatal in plain:
        yield Problem(code, message, Place(*place), advice, target, fatal)


def _digest(registry: Registry) -> str:
    """A name for the content of all files that a source was read from; "" where that can't be told, as of code."""
    import os

    found: list[str] = []
    for path in registry.inputs if kind_of(registry.source) != "python" else ():
        try:
            with open(path, "rb") as stream:
                found.append(blake2b(stream.read(), digest_size=16).hexdigest())
        except OSError:
            if not os.path.isdir(path):
                return ""
    return key_of(registry.source, registry.mirror, registry.place, registry.inputs, found) if found else ""


CHECK = Check("registry-problem", Options, run)
