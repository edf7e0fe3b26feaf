"""Reports import statements of banned modules, wherever they stand. Needs no parser."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from obs_lint.checks import Check
from obs_lint.checks.banned import Banned
from obs_lint.checks.run import RuleRun
from obs_lint.diagnostic import Diagnostic, Fix
from obs_lint.facts.model import FileFacts, LexicalImport


@dataclass(frozen=True, slots=True)
class Options:
    """What `direct-telemetry-import` may be told."""

    modules: tuple[str, ...] = ()
    """Dotted names that are banned, with all below them; `logging` only where `logging = "facade"`."""
    library_modules: tuple[str, ...] = ()
    """Banned instead of `modules` where `kind = "library"`: SDKs and exporters."""
    allow: tuple[str, ...] = ()
    """Dotted names below banned ones that may be imported."""
    replacements: Mapping[str, str] = field(default_factory=dict)
    """Banned name → the name of the surface to use instead."""


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic a statement and banned module, at the module's name."""
    options, project = run.options, run.project
    banned = Banned.of(run.config, options.modules, options.library_modules, project.files.values())
    if not banned.modules:
        return
    mine = {file.path: file for file in run.files}
    for path, statements in project.banned_imports():
        file = mine.get(path)
        if file is None or run.is_surface(file) or run.is_wiring(file):
            continue
        facts: FileFacts | None = None
        seen: set[tuple[tuple[int, int], str]] = set()
        for statement, use, within in statements:
            target = _target(statement, banned, options.allow)
            if not target or (statement.lines, target) in seen:
                continue
            if use != "runtime" and run.config.type_checking_imports == "allow":
                facts = facts or project.facts(path)
                if facts is not None and _annotation_only(facts, statement):
                    continue
            seen.add((statement.lines, target))
            replacement = next((new for old, new in options.replacements.items() if _below(target, old)), "")
            advice = f"Use `{replacement}` instead." if replacement else ""
            fix = _fix(run, path, statement) if options.replacements else None
            yield run.report(
                file, statement.pos, target=target, within=within, lines=statement.lines, fix=fix, help=advice
            )


def _fix(run: RuleRun[Options], path: str, statement: LexicalImport) -> Fix | None:
    from obs_lint.checks.replaced_import import replacement_fix

    return replacement_fix(run.project, path, statement, run.options.replacements)


def _below(name: str, module: str) -> bool:
    return name == module or name.startswith(module + ".")


def _target(statement: LexicalImport, banned: Banned, allow: tuple[str, ...]) -> str:
    """The banned module that the statement imports, "" where it imports none or only what is allowed."""
    if statement.level:
        return ""
    name = statement.module
    if statement.names is None:
        return "" if any(_below(name, allowed) for allowed in allow) else banned.module_of(name)
    for imported, _ in statement.names:
        full = name if imported == "*" else f"{name}.{imported}"
        if (target := banned.module_of(full)) and not any(_below(full, allowed) for allowed in allow):
            return target
    return ""


def _annotation_only(facts: FileFacts, statement: LexicalImport) -> bool:
    """True where the statement is under TYPE_CHECKING, or all that it binds is used, in annotations alone."""
    for imported in facts.imports:
        if not imported.pos[0] <= statement.line <= imported.pos[2]:
            continue
        if imported.type_only:
            return True
        bound = {alias.asname or alias.name.partition(".")[0] for alias in imported.names}
        uses = [use for use in facts.uses if _root(use.expr) in bound]
        return bool(uses) and all(use.annotation for use in uses)
    return False


def _root(expr: tuple[object, ...]) -> object:
    while expr[0] == "attr":
        expr = expr[1]  # type: ignore[assignment]  # ("attr", value, …)
    return expr[1]


CHECK = Check("banned-import", Options, run)
