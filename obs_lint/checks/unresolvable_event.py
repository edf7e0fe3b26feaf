"""Reports emissions of which it can't be told which event leaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from obs_lint.checks import Check
from obs_lint.checks.emitted import anchors, emitted, lines_of, possible, shown
from obs_lint.checks.expressions import children
from obs_lint.checks.run import RuleRun
from obs_lint.diagnostic import Diagnostic
from obs_lint.events.emitters import spelled
from obs_lint.events.model import Emission
from obs_lint.events.registries import Registries, registries
from obs_lint.facts.model import Binding, Expr, FileFacts


@dataclass(frozen=True, slots=True)
class Options:
    """`unresolvable-event` needs nothing to be told."""


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic an emission, in the call's first line: at the part that can't be told, or else at the callee."""
    kinds = _kinds(registries(run.project, run.config))
    for file, emission in emitted(run):
        if emission.complete:
            continue
        facts = run.project.facts(file.path)
        unknown = _unknown(emission)
        if unknown is not None and _is_told_by_type(run, kinds, emission, unknown):
            continue
        known = [shown(alternative) for alternative in possible(emission)]
        pos = emission.call[1][-1] if emission.call[0] == "call" else emission.pos
        if unknown is not None and unknown[-1][0] == pos[0] and _inside(unknown, emission.call):
            pos = unknown[-1]
        yield run.report(
            file,
            pos,
            target=_callee(emission),
            scope=emission.scope,
            lines=lines_of(emission.statement),
            trail=emission.trail,
            reason="no event is given" if facts is None or unknown is None else _reason(facts, emission, unknown),
            beside=f", beside `{known[0]}`" + (f" and {len(known) - 1} more" if known[1:] else "") if known else "",
            emitter=_callee(emission),
        )


def _kinds(declared: Registries) -> frozenset[str]:
    """Classes that are registered events, and enums that have such members."""
    symbols = [event.symbol for event in declared.events if event.symbol]
    return frozenset(symbols) | {symbol.rpartition(".")[0] for symbol in symbols}


def _is_told_by_type(run: RuleRun[Options], kinds: frozenset[str], emission: Emission, unknown: Expr) -> bool:
    """True where a declared type says that it is a certain registered event, or a member of a registered enum."""
    origins = run.project.resolve(emission.path, emission.scope, unknown)
    return bool(kinds and origins) and all(
        origin.kind == "instance" and not kinds.isdisjoint(run.project.names(origin)) for origin in origins
    )


def _unknown(emission: Emission) -> Expr | None:
    """The part that can't be told, None where the call says nothing of an event."""
    call = emission.call
    if (
        emission.event is None
        and call[0] == "call"
        and (emission.unknown is None or emission.unknown[-1] == call[1][-1])
    ):
        return _splat(call)
    return emission.unknown or emission.event


def _splat(call: Expr) -> Expr | None:
    """The first argument that is taken apart."""
    if call[0] != "call":
        return None
    positional = next((part for part in call[2] if part[0] == "star"), None)
    return positional or next((("star", value, pos) for name, value, pos in call[3] if name is None), None)


def _callee(emission: Emission) -> str:
    called = emission.call[1] if emission.call[0] == "call" else emission.call
    return spelled(called) or "the emitter"


def _inside(part: Expr, whole: Expr) -> bool:
    return bool(whole[-1][:2] <= part[-1][:2] and part[-1][2:] <= whole[-1][2:])


def _reason(facts: FileFacts, emission: Emission, unknown: Expr) -> str:
    """Say why an expression can't be told, in terms of its innermost part of which that is so."""
    part = _untold(unknown)
    tag, name = part[0], _called(part)
    if tag == "call":
        if part[1][0] == "attr" and part[1][1][0] == "const":
            return _PUT_TOGETHER
        return f"what `{name}` returns is known only at run time" if name else "the result of a call"
    if tag == "star":
        return f"what `{name}` holds is known only at run time" if name else "the arguments are taken apart"
    if tag == "sub":
        return f"it is looked up in `{name}`" if name else "it is looked up at run time"
    if tag == "attr":
        return f"`{name}` is set at run time"
    if tag == "name":
        return f"`{name}` {_binding_words(facts, emission, name)}"
    return _PUT_TOGETHER if tag in ("const", "fstr", "binop") else "it is computed at run time"


_PUT_TOGETHER = "the name is put together from parts that are known only at run time"


def _called(expr: Expr) -> str:
    """A chain of names as it is written, `()` after what is called at its end; of a lookup or a splat, what is taken
    apart.
    """
    if expr[0] in ("sub", "star"):
        return _called(expr[1])
    name = spelled(expr)
    return f"{name}()" if name and expr[0] == "call" else name


def _untold(expr: Expr) -> Expr:
    """The first part of a text that is no constant, without conversions round it; of anything else the expression."""
    while True:
        if expr[0] == "call" and expr[2] and spelled(expr[1]).rpartition(".")[2] in _CONVERSIONS:
            expr = expr[2][-1]
            continue
        parts = [part for part in children(expr) if part[0] != "const"] if expr[0] in _COMPOSED else []
        if not parts:
            return expr
        expr = parts[0]


_COMPOSED = frozenset({"fstr", "fmt", "binop", "await", "walrus"})
_CONVERSIONS = frozenset({"cast", "str"})


def _binding_words(facts: FileFacts, emission: Emission, name: str) -> str:
    bindings, function = _bindings(facts, emission.scope, name)
    known = {alternative.name for alternative in emission.alternatives}
    for binding in reversed(bindings):
        if binding.kind == "param":
            return f"is a parameter of `{function}`" if function else "is a parameter"
        if binding.kind == "except":
            return "is an exception that was caught"
        value = None if binding.value is None else _untold(binding.value)
        source = "" if value is None or value[0] == "const" else _called(value)
        if not source or source == name or source.removesuffix("()").rpartition(".")[2] in known:
            continue
        if binding.kind == "for":
            return f"runs over `{source}`"
        if binding.kind in ("assign", "walrus", "with"):
            return f"comes from `{source}`"
    return "is known only at run time"


def _bindings(facts: FileFacts, scope: int, name: str) -> tuple[tuple[Binding, ...], str]:
    """The bindings of a name as seen from a scope, and the function in which it is bound."""
    inner = True
    while scope >= 0:
        current = facts.scopes[scope]
        found = current.bindings.get(name)
        if found and (inner or current.kind != "class"):
            owner = facts.functions[current.owner] if current.kind in ("function", "lambda") else None
            return found, "" if owner is None or owner.name == "<lambda>" else owner.name
        inner = False
        scope = current.parent
    return (), ""


CHECK = Check("unresolvable-event", Options, run, anchors)
