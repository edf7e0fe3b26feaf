"""Reports what ends an orchestration without a typed error: assertions, exits, `raise Exception`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from obs_lint.checks import Check
from obs_lint.checks.handlers import Body, bodies, evaluated, inner_blocks, spread
from obs_lint.checks.orchestration import orchestrated
from obs_lint.checks.run import RuleRun
from obs_lint.checks.telling import words
from obs_lint.diagnostic import Diagnostic
from obs_lint.discovery import ProjectFile
from obs_lint.events.emitters import last_name, spelled
from obs_lint.facts.model import Binding, Block, Expr, FileFacts, Pos, Statement
from obs_lint.facts.nested import nested


@dataclass(frozen=True, slots=True)
class Options:
    """What `panic-path` may be told."""

    exits: tuple[str, ...] = ()
    """Dotted names of functions that end the process; builtins as `builtins.exit`."""
    raised: tuple[str, ...] = ()
    """Dotted names of exceptions that are too broad to raise, or end the process."""
    narrowing: tuple[str, ...] = ()
    """Last names of functions that tell a type checker of which type a value is: an assertion of their answer is no
    panic."""


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic an assertion, call or raise."""
    last = {name.rpartition(".")[2] for name in (*run.options.exits, *run.options.raised)}
    words = "|".join(re.escape(name) for name in sorted(last))
    pattern = rf"(?<!\w)(?:assert(?!\w)|(?:{words})(?!\w))".encode()
    for file in orchestrated(run, pattern):
        facts = run.project.facts(file.path)
        if facts is None:
            continue
        for body in bodies(facts):
            name = facts.functions[body.function].name if body.function >= 0 else ""
            if not (facts.main_guard and name in _MAIN):
                yield from _of_block(run, file, facts, body, body.block)


_MAIN = frozenset({"main", "_main", "cli"})
"""Where they stand in a file that is a program, they are its end."""


def _of_block(
    run: RuleRun[Options], file: ProjectFile, facts: FileFacts, body: Body, block: Block
) -> Iterator[Diagnostic]:
    for statement in block:
        if statement[0] == "if" and body.scope == 0 and _is_main_guard(statement):
            continue
        yield from _of_statement(run, file, facts, body, statement)
        for inner in inner_blocks(statement):
            yield from _of_block(run, file, facts, body, inner)


def _of_statement(
    run: RuleRun[Options], file: ProjectFile, facts: FileFacts, body: Body, statement: Statement
) -> Iterator[Diagnostic]:
    kind, pos = statement[0], statement[-1]
    if kind == "assert":
        plain = statement[2] is None and _is_plain(statement[1])
        if not plain and not _narrows(run, file.path, facts, body.scope, statement[1]):
            place = (pos[0], pos[1], pos[0], pos[1] + len("assert"))
            yield _report(run, file, body, place, pos, "assert", _ASSERTED)
    elif kind == "raise" and statement[1] is not None:
        raised = statement[1][1] if statement[1][0] == "call" else statement[1]
        name = _named(run, file.path, facts, body.scope, raised, run.options.raised)
        if name:
            advice = _ENDED if name in _PROCESS_ENDS else _UNTYPED
            yield _report(run, file, body, raised[-1], pos, f"raise {name}", advice)
    for expr in evaluated(statement):
        yield from _exits(run, file, facts, body, expr, pos)


def _exits(
    run: RuleRun[Options], file: ProjectFile, facts: FileFacts, body: Body, expr: Expr, statement: Pos
) -> Iterator[Diagnostic]:
    for part in spread(facts, expr):
        if part[0] == "call":
            name = _named(run, file.path, facts, body.scope, part[1], run.options.exits)
            if name:
                yield _report(run, file, body, part[1][-1], statement, f"{name}()", _ENDED)
        elif part[0] == "lambda":
            function = facts.functions[part[1]]
            for result in function.returns:
                yield from _exits(run, file, facts, Body((), function.scope, part[1]), result.value, statement)


_PROCESS_ENDS = frozenset({"SystemExit", "KeyboardInterrupt", "GeneratorExit"})
_ASSERTED = "Raise an error of a type of its own: an assertion says nothing to callers, and is gone under `python -O`."
_UNTYPED = "Raise an error of a type of its own, that callers can catch without catching everything."
_ENDED = "Raise a typed error, and let the program's entry point decide how the process ends."


def _report(
    run: RuleRun[Options], file: ProjectFile, body: Body, place: Pos, statement: Pos, found: str, advice: str
) -> Diagnostic:
    return run.report(
        file, place, target=found, scope=body.scope, lines=(statement[0], statement[2]), found=found, help=advice
    )


def _named(run: RuleRun[Options], path: str, facts: FileFacts, scope: int, expr: Expr, names: tuple[str, ...]) -> str:
    """Return what an expression is among the dotted names, without `builtins.`; "" for something else."""
    if expr[0] not in ("name", "attr"):
        return ""
    last = last_name(expr)
    plain = expr[0] == "name" and not any(last in each.bindings for each in facts.scopes)
    if plain and not any("*" in each.bindings for each in facts.scopes):
        return last if f"builtins.{last}" in names else ""
    if plain and not any(each.rpartition(".")[2] == last for each in names):
        return ""
    if expr[0] == "attr" and not any(each.rpartition(".")[2] == last for each in names):
        return ""
    for origin in run.project.resolve(path, scope, expr):
        if origin.kind == "external" and origin.name in names:
            return origin.name.removeprefix("builtins.")
    return ""


def _is_main_guard(statement: Statement) -> bool:
    test = statement[1][0][0]
    return test[0] == "compare" and any(part[:2] == ("name", "__name__") for part in nested(test))


def _is_plain(test: Expr) -> bool:
    """True for what is asserted to be there, with no word about it: `assert job`, `assert self.client`.

    Of what may be None that is how type checkers are told; a name like `is_closed` or `started` is a condition.
    """
    if test[0] == "bool":
        return all(_is_plain(part) for part in test[2])
    if test[0] not in ("name", "attr"):
        return False
    name = last_name(test)
    return not name.endswith("ed") and words(name).isdisjoint(_CONDITIONS)


_CONDITIONS = frozenset("is has can should was are ready done ok valid running alive".split())


def _narrows(run: RuleRun[Options], path: str, facts: FileFacts, scope: int, test: Expr) -> bool:
    """True for a test that tells a type checker of which type a value is, and no more."""
    tag = test[0]
    if tag == "bool":
        return all(_narrows(run, path, facts, scope, part) for part in test[2])
    if tag == "unary" and test[1] == "not":
        return _narrows(run, path, facts, scope, test[2])
    if tag == "compare":
        if len(test[2]) == 1 and test[2][0] in ("is", "is not"):
            typed = test[1][0] == "call" and last_name(test[1][1]) == "type"
            return typed or test[3][0][:2] == ("const", None) or last_name(test[3][0])[:1].isupper()
        return False
    if tag == "call":
        if last_name(test[1]) in run.options.narrowing:
            return True
        for origin in run.project.resolve(path, scope, test[1]):
            known = run.project.facts(origin.path) if origin.kind == "function" else None
            annotation = None if known is None else known.functions[origin.index].annotation
            if annotation is not None and spelled(annotation).rpartition(".")[2] in ("TypeGuard", "TypeIs"):
                return True
        return False
    if tag == "name":
        found = run.project.bound(path, scope, test[1])
        return found is not None and any(_may_be_none(binding) for binding in found[1])
    if tag == "attr":
        rows = [(row.annotation, row.value) for row in facts.attributes if row.target[2] == test[2]]
        for each in facts.classes:
            rows += [(b.annotation, b.value) for b in facts.scopes[each.scope].bindings.get(test[2], ())]
        return any(_says_none(annotation, value) for annotation, value in rows)
    return False


def _may_be_none(binding: Binding) -> bool:
    return _says_none(binding.annotation, binding.value)


def _says_none(annotation: Expr | None, value: Expr | None) -> bool:
    if value is not None and value[:2] == ("const", None):
        return True
    if annotation is None:
        return False
    for part in nested(annotation):
        if part[:2] == ("const", None) or last_name(part) == "Optional":
            return True
        if part[0] == "const" and isinstance(part[1], str) and re.search(r"\b(?:None|Optional)\b", part[1]):
            return True
    return False


CHECK = Check("panic-path", Options, run)
