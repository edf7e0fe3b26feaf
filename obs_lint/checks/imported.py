"""Import statements as a check reads them: absolute names, and who imports the surface."""

from __future__ import annotations

from typing import Any

from obs_lint.checks.run import RuleRun
from obs_lint.discovery import ProjectFile
from obs_lint.facts.model import Anchor, LexicalImport
from obs_lint.patterns import names_match
from obs_lint.project import Project


def absolute(file: ProjectFile, module: str, level: int) -> str:
    """Return the absolute name of what an import statement of the file names; "" for one that leads above the root."""
    if not level:
        return module
    package = file.names[0].split(".") if file.names else []
    drop = level - (1 if file.is_package else 0)
    if drop > len(package):
        return ""
    base = package[: len(package) - drop]
    return ".".join([*base, module] if module else base)


def is_stub(file: ProjectFile) -> bool:
    """True for a `.pyi` file: it declares, and runs nothing."""
    return file.path.endswith(".pyi")


def may_say(project: Project, path: str, pattern: bytes | tuple[Anchor, ...]) -> bool:
    """True where the bytes pattern, or that of one of the anchors, is found in the file, or where only its cells
    could tell.
    """
    if path.endswith(".ipynb"):
        return True
    return project.mentions(path, pattern) if isinstance(pattern, bytes) else project.says(path, pattern)


class SurfaceImport:
    """One import statement that takes something from the surface."""

    __slots__ = ("file", "statement", "taken")

    def __init__(self, file: ProjectFile, statement: LexicalImport, taken: tuple[tuple[str, str, bool], ...]) -> None:
        self.file = file
        self.statement = statement
        self.taken = taken
        """(dotted name, name bound here, whether it is or may be a module) of what is the surface's."""


def imports_of_surface(run: RuleRun[Any]) -> list[SurfaceImport]:
    """Return the statements of the rule's files that import the surface or something from it.

    Of files that are neither the surface's own nor the wiring's; by import tables alone.
    """
    patterns = run.config.surface or ()
    if not patterns:
        return []
    project = run.project
    mine = {file.path: file for file in run.files}
    own = {path for path, file in project.files.items() if run.is_surface(file)}
    segments = {pattern.rpartition(".")[2] for pattern in patterns}
    if any("*" in segment or "?" in segment for segment in segments):
        segments = {name.rpartition(".")[2] for path in own for name in project.files[path].names}
    found: list[SurfaceImport] = []
    for path, statement in project.imports_mentioning(frozenset(segments)):
        file = mine.get(path)
        if file is None or path in own or run.is_wiring(file) or is_stub(file):
            continue
        taken = tuple(_taken(project, file, statement, own, patterns))
        if taken:
            found.append(SurfaceImport(file, statement, taken))
    found.sort(key=lambda item: (item.file.path, item.statement.pos))
    return found


def _taken(
    project: Project, file: ProjectFile, statement: LexicalImport, own: set[str], patterns: tuple[str, ...]
) -> list[tuple[str, str, bool]]:
    module = absolute(file, statement.module, statement.level)
    if not module:
        return []

    def belongs(name: str) -> bool:
        return any(names_match(pattern, (name,)) for pattern in patterns) or not own.isdisjoint(
            project.find_module(name, file.path)
        )

    if statement.names is None:
        if not belongs(module):
            return []
        spelled = module if statement.bound == module.partition(".")[0] else statement.bound
        return [(module, spelled, True)]
    whole = belongs(module)
    outside = not project.find_module(module, file.path)
    taken = []
    for name, bound in statement.names:
        full = module if name == "*" else f"{module}.{name}"
        is_module = name != "*" and bool(project.find_module(full, file.path))
        if whole or (is_module and belongs(full)) or (name != "*" and any(names_match(p, (full,)) for p in patterns)):
            taken.append((full, bound, is_module or (outside and name != "*" and name.islower())))
    return taken
