"""Reports functions that hand one of their parameters on to an emitter as the event: emitters that nobody declared."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from obs_lint.checks import Check
from obs_lint.checks.imported import imports_of_surface, is_stub, may_say
from obs_lint.checks.run import Anchor, RuleRun
from obs_lint.config.model import Config, EmitterConfig
from obs_lint.diagnostic import Diagnostic, Position, TrailStep
from obs_lint.discovery import ProjectFile
from obs_lint.events.emitters import declared, spelled

if TYPE_CHECKING:
    from obs_lint.events.forwards import Forward


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
    emitters = declared(run.config)
    if not emitters:
        return
    from obs_lint.events.emissions import emissions

    found = emissions(run.project, run.config)
    for file in _files(run, emitters):
        if run.is_surface(file) or is_stub(file):
            continue
        reported: set[int] = set()
        for forward in found.forwards(file.path):
            if forward.what in run.options.forwarded and forward.function not in reported:
                reported.add(forward.function)
                yield _report(run, file, forward)


def _report(run: RuleRun[Options], file: ProjectFile, forward: Forward) -> Diagnostic:
    function = forward.definition
    line, column, _, _ = forward.call[-1]
    cell, before = run.project.cell_of(file.path, line)
    message = f"handed to `{spelled(forward.callee)}` here"
    return run.report(
        file,
        function.name_pos,
        target=forward.emitter.function,
        scope=function.parent,
        trail=(TrailStep(file.path, Position(line - before, column), message, cell),),
        name=function.name,
        parameter=forward.parameter,
        what="the event" if forward.what == "event" else "the payload",
        emitter=forward.emitter.function,
    )


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


CHECK = Check("undeclared-emitter", Options, run, anchors)
