"""Reports assignments to the attributes of the surface's modules and classes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from obs_lint.checks import Check
from obs_lint.checks.run import RuleRun
from obs_lint.config.model import Config
from obs_lint.diagnostic import Diagnostic
from obs_lint.discovery import ProjectFile
from obs_lint.facts.model import Expr, FileFacts
from obs_lint.patterns import names_match
from obs_lint.project import Origin


@dataclass(frozen=True, slots=True)
class Options:
    """What `patched-surface` may be told."""

    setters: tuple[str, ...] = ()
    """Dotted names of functions that set an attribute: their first arguments are the object and the name."""
    patchers: tuple[str, ...] = ()
    """Dotted names of functions whose first argument is the dotted name of what they replace."""


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic an assignment."""
    if not run.config.surface:
        return
    project = run.project
    mine = {file.path: file for file in run.files}
    paths = {p for path, file in project.files.items() if run.is_surface(file) for p in project.importers(path)}
    roots = frozenset(pattern.partition(".")[0] for pattern in run.config.surface)
    paths.update(path for path, _ in project.imports_of(roots))
    for path in sorted(paths):
        file = mine.get(path)
        if (
            file is None
            or run.is_surface(file)
            or run.is_wiring(file)
            or not project.mentions(path, _pattern(run, file))
        ):
            continue
        facts = project.facts(path)
        if facts is not None:
            yield from _in_file(run, file, facts)


def _pattern(run: RuleRun[Options], file: ProjectFile) -> bytes:
    """Lines that set or delete an attribute of a name which an import binds."""
    bound: set[str] = set()
    for statement in run.project.imports(file.path):
        bound.update([statement.bound] if statement.names is None else [name for _, name in statement.names])
    names = "|".join(sorted(map(re.escape, bound - {"*"}))) or "(?!)"
    set_by_call = (
        "|".join(re.escape(n.rpartition(".")[2]) for n in (*run.options.setters, *run.options.patchers)) or "(?!)"
    )
    return (
        rf"^[ \t]*(?:{names})(?:\.\w+)+[ \t]*(?::[^=\n]+)?(?:[-+*/|&@]|//|\*\*)?=(?!=)"
        rf"|\bdel[ \t]+(?:{names})\.|\b(?:{set_by_call})[ \t]*\("
    ).encode()


def _in_file(run: RuleRun[Options], file: ProjectFile, facts: FileFacts) -> Iterator[Diagnostic]:
    for attribute in facts.attributes:
        target = attribute.target
        if target[0] == "attr" and attribute.kind != "declare" and _chain(target):
            name = _owner(run, file, attribute.scope, target[1])
            if name:
                verb = "deleted" if attribute.kind == "delete" else "assigned"
                yield _report(run, file, target, attribute.scope, f"{name}.{target[2]}", verb)
    for call in facts.calls:
        func, given = call.expr[1], call.expr[2]
        last = func[1] if func[0] == "name" else func[2] if func[0] == "attr" else ""
        if not given or not any(n.endswith("." + last) for n in (*run.options.setters, *run.options.patchers)):
            continue
        called = {o.name for o in run.project.resolve(file.path, call.scope, func)}
        if called & set(run.options.setters) and len(given) > 1:
            name = _owner(run, file, call.scope, given[0])
            for value in run.project.values(file.path, call.scope, given[1]).known if name else ():
                yield _report(run, file, call.expr, call.scope, f"{name}.{value.value}", "assigned")
        elif called & set(run.options.patchers):
            for value in run.project.values(file.path, call.scope, given[0]).known:
                if (
                    isinstance(value.value, str)
                    and "." in value.value
                    and _below(run.config, value.value.rpartition(".")[0])
                ):
                    yield _report(run, file, call.expr, call.scope, value.value, "replaced")


def _chain(expr: Expr) -> bool:
    while expr[0] == "attr":
        expr = expr[1]
    return bool(expr[0] == "name")


def _owner(run: RuleRun[Options], file: ProjectFile, scope: int, expr: Expr) -> str:
    """The dotted name of the surface's module or class that an expression is; "" for anything else."""
    for origin in run.project.resolve(file.path, scope, expr):
        if origin.kind in ("module", "class", "external") and _of_surface(run, origin):
            return origin.name
    return ""


def _of_surface(run: RuleRun[Options], origin: Origin) -> bool:
    found = run.project.files.get(origin.path)
    if found is not None:
        return run.is_surface(found)
    return origin.kind == "external" and _below(run.config, origin.name)


def _below(config: Config, name: str) -> bool:
    return any(names_match(pattern, (name,)) for pattern in config.surface or ())


def _report(run: RuleRun[Options], file: ProjectFile, expr: Expr, scope: int, name: str, verb: str) -> Diagnostic:
    return run.report(file, expr[-1], target=name, scope=scope, name=name, verb=verb)


CHECK = Check("patched-surface", Options, run)
