"""Reports telemetry that is set up outside the surface: handlers, formatters, exporters, providers, SDK initialisation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from obs_lint.checks import Check
from obs_lint.checks.run import Anchor, RuleRun
from obs_lint.config.model import Config
from obs_lint.diagnostic import Diagnostic
from obs_lint.discovery import ProjectFile
from obs_lint.events.emitters import spelled
from obs_lint.facts.model import CallSite, Expr, FileFacts, Pos
from obs_lint.patterns import names_match
from obs_lint.project import Origin, Project


@dataclass(frozen=True, slots=True)
class Options:
    """What `configuration-call` may be told. All are dotted patterns; `*` within a segment, `**` for any number of them."""

    functions: tuple[str, ...] = ()
    """Functions and classes whose call configures telemetry."""
    methods: tuple[str, ...] = ()
    """Methods that do, as `module.Class.method`; the object may come from any call into that module."""
    classes: tuple[str, ...] = ()
    """Classes that nobody may derive from outside the surface."""
    harmless: tuple[str, ...] = ()
    """Classes that may be handed to such a method all the same."""


class Configured(NamedTuple):
    """One place that configures telemetry."""

    pos: Pos
    scope: int
    name: str
    """Dotted name of what is called or derived from."""
    shown: str
    """As written in the source."""
    how: str
    """called | derived"""


def anchors(options: Options, config: Config) -> tuple[Anchor, ...]:
    """Files that import a library which can be configured and say so, and those that hold a tell-tale method name."""
    by_root: dict[str, set[str]] = {}
    for name in options.functions:
        by_root.setdefault(name.partition(".")[0], set()).add(_word(name))
    for name in options.methods:
        by_root.setdefault(name.partition(".")[0], set()).add(_word(name))
    classes: dict[str, set[str]] = {}
    for name in options.classes:
        classes.setdefault(name.partition(".")[0], set()).add(_word(name))
    found: list[Anchor] = []
    groups: dict[frozenset[str], list[str]] = {}
    for root, words in by_root.items():
        groups.setdefault(frozenset(words), []).append(root)
    for called, roots in groups.items():
        alternatives = "|".join(sorted(called))
        pattern = (
            rf"(?<!def )(?<!\w)(?:{alternatives})[ \t]*\(|^[ \t]*(?:from[ \t]|import[ \t])[^\n]*(?<!\w)(?:{alternatives})[ \t]+as\b"
            rf"|=[ \t]*(?:\w+\.)*(?:{alternatives})[ \t]*$"
        )
        found.append(Anchor((), pattern.encode(), tuple(sorted(roots))))
    for root, words in classes.items():
        alternatives = "|".join(sorted(words))
        pattern = (
            rf"^[ \t]*class[ \t]+\w+[ \t]*\([^)]*(?<!\w)(?:{alternatives})(?!\w)"
            rf"|^[ \t]*(?:from[ \t][^\n]*)?import[ \t][^\n]*(?<!\w)(?:{alternatives})[ \t]+as\b"
        )
        found.append(Anchor((), pattern.encode(), (root,)))
    for name in options.methods:
        word = name.rpartition(".")[2]
        found.append(Anchor((word.encode(),), rf"\.{re.escape(word)}[ \t]*\(".encode()))
    # a module laundered through another one: `log.basicConfig(` without an import of logging
    if any(name.endswith("Config") for name in options.functions):
        found.append(Anchor((b"Config(",), rb"(?<!def )(?<!\w)(?:basicConfig|dictConfig|fileConfig)\("))
    return tuple(dict.fromkeys(found))


def _word(name: str) -> str:
    return re.escape(name.rpartition(".")[2]).replace(r"\*", r"\w*")


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic a statement or class."""
    derived: set[str] = set()
    seen: set[str] = set()
    for file in run.anchored:
        yield from _in_file(run, file, derived)
        seen.add(file.path)
    mine = {file.path: file for file in run.files}
    asked: set[str] = set()
    while fresh := derived - asked:  # classes that are derived from those, in files that say nothing of logging
        asked |= fresh
        base = "|".join(sorted(map(re.escape, fresh)))
        pattern = rf"^[ \t]*class[ \t]+\w+[ \t]*\([^)]*(?<!\w)(?:{base})(?!\w)|\b(?:{base})[ \t]+as\b".encode()
        for path in sorted({path for path, _ in run.project.imports_naming(frozenset(fresh))} - seen):
            if path in mine and run.project.mentions(path, pattern):
                seen.add(path)
                yield from _in_file(run, mine[path], derived)


def _in_file(run: RuleRun[Options], file: ProjectFile, derived: set[str]) -> Iterator[Diagnostic]:
    """What one file configures; names of classes that it derives go to `derived`."""
    facts = run.project.facts(file.path)
    if facts is None:
        return
    silent = run.is_surface(file) or run.is_wiring(file)
    for found in configured(run.project, run.options, run.config, file, facts):
        if found.how == "derived":
            derived.add(found.shown)
        if not silent:
            doing = "configures telemetry" if found.how == "called" else f"is derived from `{found.name}`"
            yield run.report(
                file, found.pos, target=found.name, scope=found.scope, name=found.name, shown=found.shown, doing=doing
            )


def configured(
    project: Project, options: Options, config: Config, file: ProjectFile, facts: FileFacts
) -> Iterator[Configured]:
    """Yield every place of a file that configures telemetry, one a statement."""
    last = re.compile(
        "|".join(sorted({_word(name) for name in (*options.functions, *options.methods)})) or "(?!)"
    ).fullmatch
    renamed = _renamed(facts, last)
    statements: set[Pos] = set()
    for call in facts.calls:
        func = call.expr[1]
        name = func[2] if func[0] == "attr" else func[1] if func[0] == "name" else ""
        if call.statement in statements or not (last(name) or name in renamed):
            continue
        target = _target(project, options, config, file.path, call, func)
        if target:
            statements.add(call.statement)
            yield Configured(func[-1], call.scope, target, spelled(func), "called")
    for number, cls in enumerate(facts.classes):
        for base in cls.bases:
            target = _base(project, options, file.path, cls.parent, base, {(file.path, number)})
            if target and not _listed(target, config):
                yield Configured(cls.name_pos, cls.parent, target, cls.name, "derived")
                break


def _renamed(facts: FileFacts, last: object) -> frozenset[str]:
    """Names that the file binds to one of the functions under another name."""
    matches = last if callable(last) else lambda _: None
    found = {a.asname for i in facts.imports for a in i.names if a.asname and matches(a.name.rpartition(".")[2])}
    for scope in facts.scopes:
        for name, bindings in scope.bindings.items():
            for binding in bindings:
                value = binding.value
                if value and value[0] == "attr" and matches(value[2]):
                    found.add(name)
    return frozenset(found)


def _target(project: Project, options: Options, config: Config, path: str, call: CallSite, func: Expr) -> str:
    """The dotted name of the configuration function or method that a call is, "" for others."""
    for origin in project.resolve(path, call.scope, func):
        if origin.kind == "external" and not _listed(origin.name, config):
            for pattern in options.functions:
                if names_match(pattern, (origin.name,), below=False):
                    return origin.name
    if func[0] != "attr":
        return ""
    for method in options.methods:
        if method.rpartition(".")[2] != func[2]:
            continue
        owners = project.resolve(path, call.scope, func[1])
        root = method.partition(".")[0]
        known = [origin for origin in owners if origin.kind not in ("parameter", "variable")]
        of_root = any(_comes_from(project, origin, root) for origin in known)
        if of_root or (not known and _looks_like_logger(spelled(func[1]))):
            return "" if _harmless(project, options, path, call) else method
    return ""


def _comes_from(project: Project, origin: Origin, root: str) -> bool:
    """True for an object of the outside package `root`, or of a class derived from one of its."""
    if origin.kind in ("external", "result", "instance") and not origin.path:
        return origin.name.partition(".")[0] == root
    if origin.kind == "instance" and origin.path:
        return any(base.partition(".")[0] == root for base in _outside_bases(project, origin, set()))
    return False


def _outside_bases(project: Project, origin: Origin, seen: set[tuple[str, int]]) -> Iterator[str]:
    facts = project.facts(origin.path)
    if facts is None or (origin.path, origin.index) in seen or not 0 <= origin.index < len(facts.classes):
        return
    seen.add((origin.path, origin.index))
    cls = facts.classes[origin.index]
    for base in cls.bases:
        for found in project.resolve(origin.path, cls.parent, base):
            if found.kind == "external":
                yield found.name
            elif found.kind == "class":
                yield from _outside_bases(project, found, seen)


def _looks_like_logger(receiver: str) -> bool:
    return re.search(r"(?:^|[._])(?:log|logger|root_logger)$", receiver, re.IGNORECASE) is not None


def _harmless(project: Project, options: Options, path: str, call: CallSite) -> bool:
    for argument in (*call.expr[2], *(value for _, value, _ in call.expr[3])):
        for origin in project.resolve(path, call.scope, argument):
            if any(names_match(name, (origin.name,), below=False) for name in options.harmless):
                return True
    return False


def _base(project: Project, options: Options, path: str, scope: int, base: Expr, seen: set[tuple[str, int]]) -> str:
    """The listed class that a base is or is derived from."""
    for origin in project.resolve(path, scope, base):
        if origin.kind == "external":
            if any(names_match(pattern, (origin.name,), below=False) for pattern in options.classes):
                return origin.name
        elif origin.kind == "class" and origin.path and (origin.path, origin.index) not in seen:
            seen.add((origin.path, origin.index))
            facts = project.facts(origin.path)
            if facts is not None and 0 <= origin.index < len(facts.classes):
                cls = facts.classes[origin.index]
                for above in cls.bases:
                    if found := _base(project, options, origin.path, cls.parent, above, seen):
                        return found
    return ""


def _listed(name: str, config: Config) -> bool:
    """True for what the configuration makes part of the surface."""
    return any(names_match(pattern, (name,)) for pattern in config.surface or ())


CHECK = Check("configuration-call", Options, run, anchors)
