"""Reports output that goes to the terminal's streams from service code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from obs_lint.checks import Check
from obs_lint.checks.expressions import renamed
from obs_lint.checks.imported import absolute, is_stub
from obs_lint.checks.run import Anchor, RuleRun
from obs_lint.config.model import Config
from obs_lint.diagnostic import Diagnostic
from obs_lint.discovery import ProjectFile
from obs_lint.facts.model import CallSite, FileFacts, Pos
from obs_lint.facts.nested import nested
from obs_lint.patterns import names_match, path_matches


@dataclass(frozen=True, slots=True)
class Options:
    """What `printed-output` may be told."""

    functions: tuple[str, ...] = ()
    """Dotted names of the functions that print."""
    command_line_modules: tuple[str, ...] = ()
    """A file that imports one of these is a command-line program, which may print."""
    command_line_paths: tuple[str, ...] = ()
    """Path globs of files that are command-line programs for their place."""


_STREAMS = ("sys.stdout", "sys.stderr", "sys.__stdout__", "sys.__stderr__")


def anchors(options: Options, config: Config) -> tuple[Anchor, ...]:
    """Files with such a call on a line of code; doctests and comments are left out."""
    found: list[Anchor] = []
    for last in sorted({name.rpartition(".")[2] for name in options.functions}):
        homes = {name.rpartition(".")[0] for name in options.functions if name.rpartition(".")[2] == last}
        word = re.escape(last)
        call = rf"^(?![ \t]*(?:>>>|\.\.\.|#))[^#\n]*(?<![\w.]){word}[ \t]*\("
        handed_on = rf"import[^\n]*(?<!\w){word}[ \t]+as\b|=[ \t]*(?:\w+\.)*{word}[ \t]*$"
        if "builtins" in homes:
            found.append(Anchor(pattern=f"{call}|{handed_on}".encode(), any_of=(last.encode(),)))
        roots = tuple(sorted({home.partition(".")[0] for home in homes} - {"builtins"}))
        if roots:
            pattern = rf"(?<!\w){word}[ \t]*\(|{handed_on}".encode()
            found.append(Anchor(pattern=pattern, modules=roots, any_of=(last.encode(),)))
    return tuple(found)


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic a call."""
    functions = frozenset(run.options.functions)
    last_names = {name.rpartition(".")[2] for name in functions}
    for file in run.anchored:
        if run.is_surface(file) or run.is_wiring(file) or is_stub(file) or _is_program(run, file):
            continue
        facts = run.project.facts(file.path)
        if facts is None or (facts.main_guard and not _is_of_service(run, file)):
            continue
        own = _program(run, file.path, facts) if facts.main_guard else frozenset()
        aliased = renamed(facts, last_names.__contains__)
        for call in facts.calls:
            func = call.expr[1]
            name = func[1] if func[0] == "name" else func[2] if func[0] == "attr" else ""
            if (name not in last_names and name not in aliased) or _function(facts, call.scope, call.statement) in own:
                continue
            for origin in run.project.resolve(file.path, call.scope, func):
                if origin.kind == "external" and origin.name in functions and not _elsewhere(run, file.path, call):
                    shown = origin.name.removeprefix("builtins.")
                    yield run.report(file, func[-1], target=origin.name, scope=call.scope, name=shown)
                    break


def _is_of_service(run: RuleRun[Options], file: ProjectFile) -> bool:
    """True for a module that is more than a script, though it can be started: it belongs to a configured service, or
    has the surface at hand.
    """
    if any(path_matches(glob, file.path) for globs in run.config.services.values() for glob in globs):
        return True
    surface = run.config.surface or ()
    for statement in run.project.imports(file.path):
        module = absolute(file, statement.module, statement.level)
        names = [module, *(f"{module}.{name}" for name, _ in statement.names or ())]
        if any(names_match(pattern, names) for pattern in surface):
            return True
    return False


_GUARD = -1
"""Stands for the function of what is done under `if __name__ == "__main__"`."""
_MODULE = -2


def _program(run: RuleRun[Options], path: str, facts: FileFacts) -> frozenset[int]:
    """Return what is the program in such a module: the guard's own block, and the functions that it calls."""
    found = {_GUARD}
    for call in facts.calls:
        if _function(facts, call.scope, call.statement) == _GUARD:
            origins = run.project.resolve(path, call.scope, call.expr[1])
            found |= {origin.index for origin in origins if origin.kind == "function" and origin.path == path}
    return frozenset(found)


def _function(facts: FileFacts, scope: int, statement: Pos) -> int:
    """Return the outermost function around a call."""
    function = _MODULE
    while scope > 0:
        if facts.scopes[scope].kind == "function":
            function = facts.scopes[scope].owner
        scope = facts.scopes[scope].parent
    return _GUARD if function == _MODULE and _is_guarded(facts, statement) else function


def _is_guarded(facts: FileFacts, statement: Pos) -> bool:
    """True for a statement between the guard and what follows it in the module."""
    for number, each in enumerate(facts.body):
        if each[0] == "if" and any(part[:2] == ("name", "__name__") for part in nested(each[1][0][0])):
            after = facts.body[number + 1][-1][:2] if number + 1 < len(facts.body) else (1 << 60, 0)
            if each[-1][:2] <= statement[:2] < after:
                return True
    return False


def _is_program(run: RuleRun[Options], file: ProjectFile) -> bool:
    """True for a command-line program, told by where it stands or what it imports."""
    if any(path_matches(pattern, file.path) for pattern in run.options.command_line_paths):
        return True
    modules = run.options.command_line_modules
    return any(
        not statement.level and any(f"{statement.module}.".startswith(f"{module}.") for module in modules)
        for statement in run.project.imports(file.path)
    )


def _elsewhere(run: RuleRun[Options], path: str, call: CallSite) -> bool:
    """True for `print(…, file=f)` where `f` is none of the terminal's streams."""
    for key, value, _ in call.expr[3]:
        if key in ("file", "stream"):
            names = [origin.name for origin in run.project.resolve(path, call.scope, value)]
            return not any(name in _STREAMS for name in names) and value[:2] != ("const", None)
    return False


CHECK = Check("printed-output", Options, run, anchors, parts="files")
