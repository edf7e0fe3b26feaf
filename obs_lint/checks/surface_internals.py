"""Reports imports of what the surface keeps to itself: its private modules and names, its sinks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from obs_lint.checks import Check
from obs_lint.checks.banned import annotations_only
from obs_lint.checks.imported import imports_of_surface
from obs_lint.checks.run import RuleRun
from obs_lint.diagnostic import Diagnostic
from obs_lint.discovery import ProjectFile
from obs_lint.facts.model import LexicalImport
from obs_lint.patterns import names_match


@dataclass(frozen=True, slots=True)
class Options:
    """What `surface-internals` may be told."""

    internal: tuple[str, ...] = ()
    """Patterns of single segments below the surface: a module or name that fits one is internal."""
    allow: tuple[str, ...] = ()
    """Dotted patterns of modules and names below the surface that anybody may import."""


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic an import statement."""
    for found in imports_of_surface(run):
        for name, _, _ in found.taken:
            internal = next(
                filter(None, (_internal(run, full) for full in (name, *_other_names(run, found.file, name)))), ""
            )
            if internal and not _free(run, found.file, found.statement):
                yield run.report(
                    found.file,
                    found.statement.pos,
                    target=name,
                    lines=found.statement.lines,
                    name=name,
                    internal=internal,
                )
                break


def _internal(run: RuleRun[Options], name: str) -> str:
    """The internal segment of a dotted name below the surface; "" where there is none."""
    segments = name.split(".")
    for pattern in run.config.surface or ():
        for depth in range(len(segments), 0, -1):
            if names_match(pattern, (".".join(segments[:depth]),), below=False):
                if any(names_match(allowed, (name,)) for allowed in run.options.allow):
                    return ""
                for segment in segments[depth:]:
                    if any(fnmatchcase(segment, internal) for internal in run.options.internal) and not _dunder(
                        segment
                    ):
                        return segment
                break
    return ""


def _dunder(segment: str) -> bool:
    return segment.startswith("__") and segment.endswith("__")


def _other_names(run: RuleRun[Options], file: ProjectFile, name: str) -> Iterator[str]:
    """The names by which the project's root knows what is imported."""
    prefix, _, last = name.rpartition(".")
    for module, rest in ((name, ""), (prefix, f".{last}")):
        for path in run.project.find_module(module, file.path) if module else ():
            target = run.project.files[path]
            yield from (other + rest for other in dict.fromkeys((target.symbol, *target.names)) if other != module)


def _free(run: RuleRun[Options], file: ProjectFile, statement: LexicalImport) -> bool:
    """True where only types are taken and the configuration allows that."""
    if run.config.type_checking_imports != "allow":
        return False
    facts = run.project.facts(file.path)
    for imported in facts.imports if facts is not None else ():
        if imported.pos[0] <= statement.line <= imported.pos[2]:
            bound = [alias.asname or alias.name.partition(".")[0] for alias in imported.names]
            return imported.type_only or (facts is not None and all(annotations_only(facts, name) for name in bound))
    return False


CHECK = Check("surface-internals", Options, run)
