"""Reports modules that are named like telemetry and do telemetry, outside the surface."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from obs_lint.checks import Check
from obs_lint.checks.banned import Banned, BannedModules
from obs_lint.checks.configuration_call import Options as ConfigurationOptions
from obs_lint.checks.configuration_call import configured
from obs_lint.checks.evidence import ENDPOINT, Bodies, declares_only, endpoint
from obs_lint.checks.expressions import nested
from obs_lint.checks.imported import is_stub, may_say
from obs_lint.checks.run import RuleRun
from obs_lint.diagnostic import Diagnostic, Position, TrailStep
from obs_lint.discovery import ProjectFile
from obs_lint.events.emitters import Emitters, spelled
from obs_lint.facts.model import Anchor, FileFacts, Function, Pos
from obs_lint.patterns import is_path_glob, names_match, path_matches


@dataclass(frozen=True, slots=True)
class Options(BannedModules):
    """What `telemetry-module` may be told."""

    segments: tuple[str, ...] = ()
    """Names of modules and packages, whole segments, that speak of telemetry; leading underscores do not count."""
    banned_modules: tuple[str, ...] = ()
    """Dotted patterns or path globs of modules that are reported for their name alone."""
    clients: tuple[str, ...] = ()
    """Clients of product analytics: importing one is evidence, as a telemetry library is."""
    analytics_segments: tuple[str, ...] = ()
    """Those of `segments` that are product features most of the time: there only `clients` and what is sent count."""
    only_for: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Library → the segments for which importing it is evidence: loggers and error reports are used by any module."""
    silent: tuple[str, ...] = ()
    """Dotted names whose import is no evidence: constants and conventions."""
    emitters: tuple[str, ...] = ()
    """Names of functions that are emitters, `*` for any letters: defining one is evidence."""
    instruments: tuple[str, ...] = ()
    """Names of functions that are metric or span helpers: defining one is evidence."""
    functions: tuple[str, ...] = ()
    """Functions that configure telemetry."""
    methods: tuple[str, ...] = ()
    """Methods that do."""
    classes: tuple[str, ...] = ()
    """Classes that telemetry is made of: deriving one is evidence."""
    harmless: tuple[str, ...] = ()
    """Classes whose use is none."""


_CLIENT, _DEFINITION, _LIBRARY, _CONFIGURATION, _ENDPOINT = range(5)
"""Kinds of evidence, the plainest first."""


class _Sign(NamedTuple):
    """One piece of evidence."""

    kind: int
    pos: Pos
    what: str


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic a module, at what shows most plainly that it does telemetry."""
    options = run.options
    segments = frozenset(options.segments)
    libraries: Banned | None = None
    tell_tale = _tell_tale(options)
    suspects: list[tuple[ProjectFile, frozenset[str], list[_Sign]]] = []
    for file in run.files:
        forbidden = _forbidden(options, file) if options.banned_modules else ""
        named = frozenset(s.strip("_") for s in file.symbol.split(".")) & segments
        if not (named or forbidden) or run.is_surface(file) or run.is_wiring(file) or is_stub(file):
            continue
        if forbidden:
            yield _report(run, file, (1, 1, 1, 1), forbidden, "is banned by its name", ())
            continue
        if libraries is None:
            own = run.project.discovery.files
            libraries = Banned.of(run.config, (*options.modules, *options.clients), options.library_modules, own)
        imported = _imported(run, libraries, file, named)
        if imported or may_say(run.project, file.path, tell_tale):
            suspects.append((file, named, imported))
    run.project.prefetch([file.path for file, _, _ in suspects])
    for file, named, imported in suspects:
        assert libraries is not None
        signs = sorted(_signs(run, libraries, file, imported))
        if signs:
            steps = tuple(_step(run, file, sign.pos, sign.what) for sign in signs[1:5])
            yield _report(run, file, signs[0].pos, min(named), signs[0].what, steps)


def _forbidden(options: Options, file: ProjectFile) -> str:
    for pattern in options.banned_modules:
        if (
            path_matches(pattern, file.path)
            if is_path_glob(pattern)
            else names_match(pattern, (*file.names, file.symbol))
        ):
            return pattern
    return ""


def _imported(run: RuleRun[Options], libraries: Banned, file: ProjectFile, named: frozenset[str]) -> list[_Sign]:
    """Telemetry libraries that the module imports, each once."""
    project, options = run.project, run.options
    imported: list[_Sign] = []
    for statement in project.imports(file.path):
        if statement.level or statement.module.partition(".")[0] not in libraries.roots:
            continue
        name = statement.module
        full = (name,) if statement.names is None else tuple(f"{name}.{n}" for n, _ in statement.names)
        for each in full:
            module = libraries.module_of(each)
            if module and _speaks(options, module, named) and not any(names_match(s, (each,)) for s in options.silent):
                kind = _CLIENT if module in options.clients else _LIBRARY
                sign = _Sign(kind, statement.pos, f"imports `{module}`")
                if all(earlier.what != sign.what for earlier in imported):
                    imported.append(sign)
                break
    return imported


def _signs(run: RuleRun[Options], libraries: Banned, file: ProjectFile, imported: list[_Sign]) -> Iterator[_Sign]:
    """What the module does."""
    project, options = run.project, run.options
    facts = project.facts(file.path)
    if facts is None:
        yield from imported
        return
    allowed = run.config.type_checking_imports == "allow"
    yield from (sign for sign in imported if not (allowed and _type_only(facts, sign.pos)))
    configuration = ConfigurationOptions(options.functions, options.methods, options.classes, options.harmless)
    for found in configured(project, configuration, run.config, file, facts):
        what = f"calls `{found.name}`" if found.how == "called" else f"derives `{found.shown}` from `{found.name}`"
        yield _Sign(_CONFIGURATION, found.pos, what)
    endpoints = list(_endpoints(facts))
    yield from endpoints
    yield from _definitions(run, libraries, file, facts, sending=bool(endpoints))


def _speaks(options: Options, module: str, named: frozenset[str]) -> bool:
    """True where importing the library is evidence in a module of such a name: a logger in `metrics` is none."""
    if module in options.clients:
        return True
    if module in options.only_for:
        return not named.isdisjoint(options.only_for[module])
    return not named <= frozenset(options.analytics_segments)


def _tell_tale(options: Options) -> tuple[Anchor, ...]:
    """What a module without a telemetry library must hold to do telemetry: words of what `_signs` looks for."""
    last = {name.rpartition(".")[2] for name in (*options.functions, *options.methods, *options.classes)}
    words = {max(word.split("*"), key=len) for word in last}
    endings = sorted(word for word in words if not any(word != other and word.endswith(other) for other in words))
    called = rf"(?:{'|'.join(map(re.escape, endings))})[ \t]*[(,)]"
    defined = "|".join(sorted(_body(name) for name in (*options.emitters, *options.instruments)))
    return (
        Anchor(pattern=rf"def(?<!\wdef)[ \t]+_*(?:{defined})\b".encode()),
        Anchor(pattern=ENDPOINT.encode()),
        Anchor(pattern=called.encode(), any_of=tuple(word.encode() for word in endings if word)),
    )


def _body(name: str) -> str:
    return re.escape(name).replace(r"\*", r"\w*")


def _type_only(facts: FileFacts, pos: Pos) -> bool:
    return any(i.type_only and i.pos[0] <= pos[0] <= i.pos[2] for i in facts.imports)


def _definitions(
    run: RuleRun[Options], libraries: Banned, file: ProjectFile, facts: FileFacts, *, sending: bool
) -> Iterator[_Sign]:
    """Emitters, metric and span helpers that the module defines; `sending`: it knows a telemetry service's address."""
    options = run.options
    emitter = _matcher(options.emitters)
    instrument = _matcher(options.instruments)
    names = sorted({*libraries.modules, *run.options.clients})
    bodies = Bodies(run.project, run.config, Emitters(run.project, run.config), file.path, facts, names)
    for index, function in enumerate(facts.functions):
        is_emitter = emitter.fullmatch(function.name)
        if not is_emitter and not instrument.fullmatch(function.name):
            continue
        if declares_only(facts, index, run.project, file.path) or _handles_records(facts, function):
            continue
        found = [e for e in bodies.of_function(index) if e.kind != "emitter"]
        if found or (is_emitter and sending):
            kind = "emitter" if is_emitter else "helper"
            doing = f", which {found[0].what}" if found else ""
            yield _Sign(_DEFINITION, function.name_pos, f"defines the {kind} `{function.name}`{doing}")


def _handles_records(facts: FileFacts, function: Function) -> bool:
    """True for `emit` of a logging handler or a sink."""
    bases = facts.classes[function.owner].bases if function.owner >= 0 else ()
    return function.name == "emit" and any(spelled(base).endswith(("Handler", "Sink", "Exporter")) for base in bases)


def _matcher(names: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("_*(?:" + ("|".join(map(_body, names)) or "(?!)") + ")")


def _endpoints(facts: FileFacts) -> Iterator[_Sign]:
    """Addresses of telemetry services that the module holds as constants or hands to a call."""
    values = [
        b.value for scope in facts.scopes for found in scope.bindings.values() for b in found if b.value is not None
    ]
    values.extend(call.expr for call in facts.calls)
    seen: set[str] = set()
    for value in values:
        for expr in nested(value):
            if expr[0] == "const" and isinstance(expr[1], str) and expr[1] not in seen and endpoint(expr[1]):
                seen.add(expr[1])
                yield _Sign(_ENDPOINT, expr[-1], f"knows the address `{expr[1][:60]}`")


def _step(run: RuleRun[Options], file: ProjectFile, pos: Pos, what: str) -> TrailStep:
    _, before = run.project.cell_of(file.path, pos[0])
    return TrailStep(file.path, Position(pos[0] - before, pos[1]), what)


def _report(
    run: RuleRun[Options], file: ProjectFile, pos: Pos, named: str, what: str, trail: tuple[TrailStep, ...]
) -> Diagnostic:
    return run.report(file, pos, target=file.symbol, trail=trail, module=file.symbol, named=named, evidence=what)


CHECK = Check("telemetry-module", Options, run, parts="files")
