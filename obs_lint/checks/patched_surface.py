"""Reports assignments to the attributes of the surface's modules and classes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from obs_lint.checks import Check
from obs_lint.checks.banned import root_name
from obs_lint.checks.imported import imports_of_surface, may_say
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
    bound: dict[str, set[str]] = {}
    files: dict[str, ProjectFile] = {}
    for found in imports_of_surface(run):
        for name, bound_as, is_module in found.taken:
            if is_module or _may_be_class(name):
                bound.setdefault(found.file.path, set()).add(bound_as)
                files[found.file.path] = found.file
    for path, names in bound.items():
        if may_say(run.project, path, _pattern(run, names)):
            facts = run.project.facts(path)
            if facts is not None:
                roots = frozenset(name.partition(".")[0] for name in names)
                yield from _in_file(run, files[path], facts, roots)


def _may_be_class(name: str) -> bool:
    """True for `Context`, not for `emit` or `LEVEL`."""
    last = name.rpartition(".")[2].lstrip("_")
    return last[:1].isupper() and not last.isupper()


def _pattern(run: RuleRun[Options], names: set[str]) -> bytes:
    """Lines that set or delete an attribute of one of the names, or replace what a dotted text names."""
    own = "|".join(sorted(map(re.escape, names)))
    setters = "|".join(re.escape(name.rpartition(".")[2]) for name in run.options.setters) or "(?!)"
    patchers = "|".join(re.escape(name.rpartition(".")[2]) for name in run.options.patchers) or "(?!)"
    return (
        rf"^[ \t]*(?:{own})(?:\.\w+)+[ \t]*(?::[^=\n]+)?(?:[-+*/|&@%^]|//|\*\*|<<|>>)?=(?!=)"
        rf"|\bdel[ \t]+(?:{own})\.|(?<!\w)(?:{own})(?:\.\w+)+[ \t]*,[^\n=]*=(?!=)"
        rf"|\b(?:{setters})\(\s*(?:{own})\b|\b(?:{patchers})(?:\.object)?\("
    ).encode()


def _in_file(run: RuleRun[Options], file: ProjectFile, facts: FileFacts, roots: frozenset[str]) -> Iterator[Diagnostic]:
    for attribute in facts.attributes:
        target = attribute.target
        if target[0] == "attr" and attribute.kind != "declare" and root_name(target) in roots:
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
