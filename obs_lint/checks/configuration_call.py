"""Reports telemetry that is set up outside the surface: handlers, formatters, exporters, providers, SDKs."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from obs_lint.checks import Check
from obs_lint.checks.expressions import renamed
from obs_lint.checks.imported import is_stub, may_say
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
    """What `configuration-call` may be told: dotted patterns, `*` within a segment, `**` for any number of them."""

    functions: tuple[str, ...] = ()
    """Functions and classes whose call configures telemetry."""
    methods: tuple[str, ...] = ()
    """Methods that do, as `module.Class.method`; the object may come from any call into that module."""
    classes: tuple[str, ...] = ()
    """Classes that nobody may derive from outside the surface."""
    harmless: tuple[str, ...] = ()
    """Classes that may be handed to such a method all the same."""
    program_folders: tuple[str, ...] = ()
    """Names of folders, at any depth, whose files are programs of their own if they have a `__main__` guard."""


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
    """Files that import a library which can be configured, and say so."""
    called: dict[str, set[str]] = {}
    for name in (*options.functions, *options.methods):
        called.setdefault(name.partition(".")[0], set()).add(name.rpartition(".")[2])
    bases: dict[str, set[str]] = {}
    for name in options.classes:
        bases.setdefault(name.partition(".")[0], set()).add(_word(name))
    found: dict[Anchor, None] = {}
    for root, words in called.items():
        pieces = tuple(sorted({max(word.split("*"), key=len).encode() for word in words}))
        names = "|".join(sorted(map(_word, words)))
        pattern = rf"(?<!def )(?<!\w)(?:{names})(?:[ \t]*\(|[ \t]+as\b|[ \t]*$)"
        found[Anchor(pattern=pattern.encode(), modules=(root,), any_of=pieces)] = None
    for root, classes in bases.items():
        names = "|".join(sorted(classes))
        derived = rf"class[ \t]+\w+[ \t]*\([^)]*(?<!\w)(?:{names})(?!\w)"
        found[Anchor(pattern=derived.encode(), modules=(root,), any_of=(b"class ",))] = None
        renamed_import = rf"(?<!\w)(?:{names})[ \t]+as\b"
        found[Anchor(pattern=renamed_import.encode(), modules=(root,), any_of=(b" as ",))] = None
    methods = tuple(sorted({name.rpartition(".")[2].encode() + b"(" for name in options.methods}))
    if methods:  # of a logger that was inherited or handed in
        found[Anchor(any_of=methods)] = None
    laundered = sorted({name.rpartition(".")[2] for name in options.functions if name.endswith("Config")})
    if laundered:  # `log.basicConfig(` in a file that got `log` from another one
        pattern = rf"(?<!def )(?<!\w)(?:{'|'.join(map(re.escape, laundered))})\("
        found[Anchor((b"Config(",), pattern.encode())] = None
    return tuple(found)


def _word(name: str) -> str:
    return re.escape(name.rpartition(".")[2]).replace(r"\*", r"\w*")


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic a statement or class."""
    project = run.project
    derived: set[str] = set()
    reported: set[tuple[str, Pos]] = set()

    def reports(file: ProjectFile, found: Iterable[Configured]) -> Iterator[Diagnostic]:
        silent = run.is_surface(file) or run.is_wiring(file) or is_stub(file)
        for one in found:
            if one.how == "derived":
                derived.add(one.shown)
            if not silent and (file.path, one.pos) not in reported:
                reported.add((file.path, one.pos))
                doing = "configures telemetry" if one.how == "called" else f"is derived from `{one.name}`"
                yield run.report(
                    file, one.pos, target=one.name, scope=one.scope, name=one.name, shown=one.shown, doing=doing
                )

    for file in run.anchored:
        facts = project.facts(file.path)
        if facts is not None and not (facts.main_guard and _among_programs(run.options, file)):
            yield from reports(file, configured(project, run.options, run.config, file, facts))
    mine = {file.path: file for file in run.files}
    asked: set[str] = set()
    while fresh := frozenset(derived - asked):  # classes that derive from those, in files that say nothing of logging
        asked |= fresh
        names = "|".join(sorted(map(re.escape, fresh)))
        pattern = rf"^[ \t]*class[ \t]+\w+[ \t]*\([^)]*(?<!\w)(?:{names})(?!\w)|\b(?:{names})[ \t]+as\b".encode()
        for path in sorted({path for path, _ in project.imports_naming(fresh)} & mine.keys()):
            if may_say(project, path, pattern) and (facts := project.facts(path)) is not None:
                file = mine[path]
                yield from reports(file, _derived(project, run.options, run.config, file, facts, fresh))


def _among_programs(options: Options, file: ProjectFile) -> bool:
    return any(folder.strip("_") in options.program_folders for folder in file.path.split("/")[:-1])


def configured(
    project: Project,
    options: Options,
    config: Config,
    file: ProjectFile,
    facts: FileFacts,
) -> Iterator[Configured]:
    """Yield every place of a file that configures telemetry, one a statement."""
    last = re.compile(
        "|".join(sorted({_word(name) for name in (*options.functions, *options.methods)})) or "(?!)"
    ).fullmatch
    others = renamed(facts, last)
    statements: set[Pos] = set()
    for call in facts.calls:
        func = call.expr[1]
        name = func[2] if func[0] == "attr" else func[1] if func[0] == "name" else ""
        if call.statement in statements or not (last(name) or name in others):
            continue
        target = _target(project, options, config, file.path, call, func)
        if target:
            statements.add(call.statement)
            yield Configured(func[-1], call.scope, target, spelled(func), "called")
    yield from _derived(project, options, config, file, facts, ())


def _derived(
    project: Project, options: Options, config: Config, file: ProjectFile, facts: FileFacts, known: Collection[str]
) -> Iterator[Configured]:
    """Yield the classes of a file that derive from a listed one, over any number of classes between.

    `known`: names of classes in other files that do.
    """
    listed = re.compile("|".join((*sorted(map(_word, options.classes)), *map(re.escape, known))) or "(?!)").fullmatch
    names = set(renamed(facts, listed))
    todo = list(enumerate(facts.classes))
    more = True
    while more:
        more = False
        for number, cls in tuple(todo):
            spellings = [base[1] if base[0] == "name" else base[2] if base[0] == "attr" else "" for base in cls.bases]
            if not any(listed(name) or name in names for name in spellings):
                continue
            todo.remove((number, cls))
            for base in cls.bases:
                target = _base(project, options, file.path, cls.parent, base, {(file.path, number)})
                if target and not _listed(target, config):
                    names.add(cls.name)
                    more = True
                    yield Configured(cls.name_pos, cls.parent, target, cls.name, "derived")
                    break


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


CHECK = Check("configuration-call", Options, run, anchors, parts="whole")
