"""Reports functions that hand one of their parameters on to an emitter as the event: emitters that nobody declared."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from obs_lint.checks import Check
from obs_lint.checks.expressions import renamed
from obs_lint.checks.imported import imports_of_surface, is_stub, may_say
from obs_lint.checks.run import Anchor, RuleRun
from obs_lint.config.model import Config, EmitterConfig
from obs_lint.diagnostic import Diagnostic, Position, TrailStep
from obs_lint.discovery import ProjectFile
from obs_lint.events.emitters import Emitters, declared, spelled
from obs_lint.facts.model import CallSite, Expr, FileFacts


@dataclass(frozen=True, slots=True)
class Options:
    """What `undeclared-emitter` may be told."""

    forwarded: tuple[str, ...] = ("event", "payload")
    """What counts when it is forwarded: `event`, `payload` or both."""


def anchors(options: Options, config: Config) -> tuple[Anchor, ...]:
    """Files that call a declared emitter by its last segment; those that import the default one are found on demand."""
    found: dict[Anchor, None] = {}
    for emitter in config.emitters:
        name = emitter.function.rpartition(".")[2]
        word = re.escape(name)
        called = rf"(?<!def )(?<!class )(?<!\w){word}[ \t]*\("
        if emitter.event == "class":
            called += r"\s*(?:\w+\s*=\s*)?\*{0,2}\w+\s*[,)]"
        found[
            Anchor((name.encode(),), rf"{called}|(?<!\w){word}[ \t]+as\b|=[ \t]*(?:\w+\.)*{word}[ \t]*$".encode())
        ] = None
    return tuple(found)


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic a function, at its name."""
    emitters = Emitters(run.project, run.config)
    for file in _files(run, declared(run.config)):
        if run.is_surface(file) or is_stub(file):
            continue
        facts = run.project.facts(file.path)
        if facts is not None:
            yield from _in_file(run, emitters, file, facts)


def _files(run: RuleRun[Options], emitters: Iterable[EmitterConfig]) -> Iterator[ProjectFile]:
    """The anchored files, and without declared emitters those that import the surface and say `emit`."""
    if run.config.emitters:
        yield from run.anchored
        return
    names = sorted({emitter.function.rpartition(".")[2] for emitter in emitters})
    if not names:
        return
    pattern = rf"(?<!\w)(?:{'|'.join(map(re.escape, names))})(?!\w)".encode()
    seen: set[str] = set()
    for found in imports_of_surface(run):
        path = found.file.path
        if path not in seen:
            seen.add(path)
            if may_say(run.project, path, pattern):
                yield found.file


def _in_file(run: RuleRun[Options], emitters: Emitters, file: ProjectFile, facts: FileFacts) -> Iterator[Diagnostic]:
    reported: set[int] = set()
    others = renamed(facts, emitters.last_names.__contains__)
    for call in facts.calls:
        func = call.expr[1]
        name = func[1] if func[0] == "name" else func[2] if func[0] == "attr" else ""
        if name not in emitters.last_names and name not in others:
            continue
        emitter = emitters.of_call(file.path, call.scope, func)
        if emitter is None:
            continue
        for what, argument in _passed(run, emitter, call, file.path):
            if what not in run.options.forwarded:
                continue
            owner, parameter = _parameter(facts, call.scope, argument)
            if owner < 0 or owner in reported:
                continue
            function = facts.functions[owner]
            if emitters.is_declared(file.path, function) is not None:
                continue
            reported.add(owner)
            line, column, _, _ = call.expr[-1]
            _, before = run.project.cell_of(file.path, line)
            step = TrailStep(file.path, Position(line - before, column), f"handed to `{spelled(func)}` here")
            yield run.report(
                file,
                function.name_pos,
                target=emitter.function,
                scope=function.parent,
                trail=(step,),
                name=function.name,
                parameter=parameter,
                what="the event" if what == "event" else "the payload",
                emitter=emitter.function,
            )


def _passed(run: RuleRun[Options], emitter: EmitterConfig, call: CallSite, path: str) -> Iterator[tuple[str, Expr]]:
    """(`event` or `payload`, the argument) of a call of an emitter; splats count as the event."""
    positional = call.expr[2]
    keywords = {name: value for name, value, _ in call.expr[3] if name is not None}
    names = _parameter_names(run, path, call)
    for index, part in enumerate(positional):
        if part[0] == "star" and isinstance(emitter.event, int) and index <= emitter.event:
            yield "event", part[1]
    position = 0 if emitter.event == "class" else emitter.event
    if isinstance(position, int):
        key = emitter.event_name or (names[position] if position < len(names) else "")
        if not any(part[0] == "star" for part in positional[: position + 1]) and position < len(positional):
            yield "event", positional[position]
        elif key in keywords:
            yield "event", keywords[key]
    elif emitter.event_name and emitter.event_name in keywords:
        yield "event", keywords[emitter.event_name]
    payload = emitter.payload
    if payload == "**":
        yield from (("payload", value) for name, value, _ in call.expr[3] if name is None)
        return
    if isinstance(payload, str):
        if payload in keywords:
            yield "payload", keywords[payload]
            return
        payload = names.index(payload) if payload in names else 1 if emitter.event == 0 and not names else None
    if (
        isinstance(payload, int)
        and payload < len(positional)
        and all(p[0] != "star" for p in positional[: payload + 1])
    ):
        yield "payload", positional[payload]


def _parameter_names(run: RuleRun[Options], path: str, call: CallSite) -> tuple[str, ...]:
    """Names of the emitter's own parameters where its definition is in sight, without self."""
    for origin in run.project.resolve(path, call.scope, call.expr[1]):
        facts = run.project.facts(origin.path) if origin.path and origin.kind == "function" else None
        if facts is not None:
            names = tuple(p.name for p in facts.functions[origin.index].parameters if "positional" in p.kind)
            return names[1:] if names[:1] in (("self",), ("cls",)) else names
    return ()


def _parameter(facts: FileFacts, scope: int, argument: Expr) -> tuple[int, str]:
    """The function one of whose parameters the argument is, and the parameter's name; (-1, "") where it is none."""
    if argument[0] != "name":
        return -1, ""
    name = argument[1]
    while scope >= 0:
        current = facts.scopes[scope]
        bindings = current.bindings.get(name)
        if bindings and current.kind != "class":
            only_parameter = all(binding.kind == "param" for binding in bindings)
            return (current.owner, name) if only_parameter and current.kind == "function" else (-1, "")
        scope = current.parent
    return -1, ""


CHECK = Check("undeclared-emitter", Options, run, anchors)
