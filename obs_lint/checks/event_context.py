"""Reports events that leave without the correlation that the registry requires of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from obs_lint.checks import Check
from obs_lint.checks.emitted import anchors, declaration, declared_here, emitted, lines_of, listed, shown, trail
from obs_lint.checks.run import RuleRun
from obs_lint.config.model import EmitterConfig
from obs_lint.diagnostic import Diagnostic
from obs_lint.events.emitters import Emitters, spelled
from obs_lint.events.model import Emission
from obs_lint.events.registries import Registries, registries
from obs_lint.facts.model import CallSite, Expr, FileFacts
from obs_lint.patterns import names_match
from obs_lint.registry.model import Event


@dataclass(frozen=True, slots=True)
class Options:
    """What `event-context` may be told."""

    ambient: tuple[str, ...] = ()
    """Dotted patterns of callables that set a context up, beside what the surface offers and `correlation.preserving`
    names: a thread that calls one of them has a context."""


_STARTERS = {
    "threading.Thread": (1, "target"),
    "threading.Timer": (1, "function"),
    "multiprocessing.Process": (1, "target"),
    "_thread.start_new_thread": (0, ""),
    "concurrent.futures.ThreadPoolExecutor.submit": (0, ""),
    "concurrent.futures.ThreadPoolExecutor.map": (0, ""),
    "concurrent.futures.ProcessPoolExecutor.submit": (0, ""),
    "concurrent.futures.ProcessPoolExecutor.map": (0, ""),
}
"""What runs a function without the caller's context → where it takes the function: position and keyword."""
_SETS_NOTHING = frozenset({"configure", "get_logger"})
"""Callables of a surface that set no context up."""


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic for each event of an emission, at the context where one is given, else at the event."""
    declared = registries(run.project, run.config)
    if not any(event.required for event in declared.events):
        return
    places = _Places(run)
    for file, emission in emitted(run):
        if run.is_surface(file) or emission.wrapper or not _takes_context(emission):
            continue
        without = places.without_context(emission) if emission.context is None else ""
        for alternative in emission.alternatives:
            event = declaration(declared, alternative, _required)
            if event is None or not event.required:
                continue
            if without:
                missing, reason, pos = _missing(declared, emission, event, frozenset()), without, emission.pos
            elif emission.context is not None:
                given = _literal_fields(run, emission)
                missing = () if given is None else _missing(declared, emission, event, given)
                reason, pos = "the context given here does not have it", emission.context[-1]
                if len(missing) > 1:
                    reason = "the context given here does not have them"
            else:
                continue
            if missing:
                yield run.report(
                    file,
                    pos,
                    target=shown(alternative),
                    scope=emission.scope,
                    lines=lines_of(emission.statement),
                    trail=(
                        *trail(run, emission, alternative),
                        declared_here(event.places.get("/correlation", event.place), event.name),
                    ),
                    event=shown(alternative),
                    missing=listed(missing),
                    reason=reason,
                    context=emission.via.context if isinstance(emission.via, EmitterConfig) else "",
                )


def _required(event: Event) -> tuple[str, ...]:
    return event.required


def _takes_context(emission: Emission) -> bool:
    """True where the emitter has a context argument, and the call shows whether it is given."""
    if not isinstance(emission.via, EmitterConfig) or not emission.via.context or emission.call[0] != "call":
        return False
    _, _, positional, keywords, _ = emission.call
    return all(part[0] != "star" for part in positional) and all(name is not None for name, _, _ in keywords)


class _Places:
    """Tells where in a project code runs without a context around it."""

    def __init__(self, run: RuleRun[Options]) -> None:
        self._run = run
        self._emitters = Emitters(run.project, run.config)
        self._started: dict[str, dict[int, str]] = {}

    def without_context(self, emission: Emission) -> str:
        """Say why no context can be around an emission, "" where one may be."""
        facts = self._run.project.facts(emission.path)
        if facts is None:
            return ""
        functions = _functions_around(facts, emission.scope)
        if not functions:
            return "" if self._set_up(facts, emission, None) else "code at module level has no request or job around it"
        function = functions[0]
        name = self._functions_started(emission.path, facts).get(function)
        if name is None or facts.functions[function].decorators or self._set_up(facts, emission, function):
            return ""
        return f"`{name}` starts in a thread or process of its own, which does not have its caller's context"

    def _set_up(self, facts: FileFacts, emission: Emission, function: int | None) -> bool:
        """True where the function (None: the module) calls what may set a context up."""
        for call in facts.calls:
            around = _functions_around(facts, call.scope)
            inside = not around if function is None else function in around
            if inside and call.expr is not emission.call and self._is_set_up(emission.path, call):
                return True
        return False

    def _is_set_up(self, path: str, call: CallSite) -> bool:
        func = call.expr[1]
        last = spelled(func).rpartition(".")[2]
        if last in _SETS_NOTHING or self._emitters.of_call(path, call.scope, func) is not None:
            return False
        if last == "run":  # of contextvars.Context
            return True
        config = self._run.config
        patterns = (*(config.surface or ()), *config.correlation.preserving, *self._run.options.ambient)
        return any(
            names_match(pattern, (*self._run.project.names(origin), *origin.via))
            for origin in self._run.project.resolve(path, call.scope, func)
            for pattern in patterns
        )

    def _functions_started(self, path: str, facts: FileFacts) -> dict[int, str]:
        """Index → name of every function of a file that the file itself hands to a thread, a process or an executor."""
        known = self._started.get(path)
        if known is None:
            known = self._started[path] = {}
            for call in facts.calls:
                target = self._target(path, call)
                if target is None:
                    continue
                if target[0] == "lambda":
                    known.setdefault(target[1], "<lambda>")
                for origin in self._run.project.resolve(path, call.scope, target):
                    is_itself = target[0] != "call" or origin.partials
                    if origin.kind == "function" and origin.path == path and is_itself:
                        known.setdefault(origin.index, origin.name.rpartition(".")[2])
        return known

    def _target(self, path: str, call: CallSite) -> Expr | None:
        """What a call hands to a thread, None where it starts none."""
        _, func, positional, keywords, _ = call.expr
        last = spelled(func).rpartition(".")[2]
        if last == "run_in_executor":
            position, keyword = 1, "func"
        elif not any(starter.endswith(f".{last}") for starter in _STARTERS):
            return None
        else:
            origins = self._run.project.resolve(path, call.scope, func)
            names = [origin.name.replace("()", "") for origin in origins if not origin.path]
            found = next((_STARTERS[name] for name in names if name in _STARTERS), None)
            if found is None:
                return None
            position, keyword = found
        given: Expr | None = next((value for name, value, _ in keywords if name is not None and name == keyword), None)
        if (
            given is None
            and position < len(positional)
            and all(part[0] != "star" for part in positional[: position + 1])
        ):
            given = positional[position]
        return given


def _functions_around(facts: FileFacts, scope: int) -> tuple[int, ...]:
    """Indices of the functions and lambdas that a scope lies in, innermost first."""
    found: list[int] = []
    while scope >= 0:
        current = facts.scopes[scope]
        if current.kind in ("function", "lambda"):
            found.append(current.owner)
        scope = current.parent
    return tuple(found)


def _missing(declared: Registries, emission: Emission, event: Event, given: frozenset[str]) -> tuple[str, ...]:
    """Required fields that are neither given as context nor, where they belong there, in the payload."""
    at = {field.name: field.at for field in declared.registry_of(event).correlation}
    payload = emission.payload
    missing: list[str] = []
    for name in event.required:
        where = at.get(name, "")
        if where.startswith("payload."):
            if (
                payload is None
                or not payload.complete
                or any(f"payload.{field.name}" == where for field in payload.fields)
            ):
                continue
        if name not in given:
            missing.append(name)
    return tuple(missing)


def _literal_fields(run: RuleRun[Options], emission: Emission) -> frozenset[str] | None:
    """Names of the fields of a context that is written as a dict or a constructor's keywords, None for any other."""
    context = emission.context
    if context is None:
        return None
    if context[0] == "dict":
        keys = [pair[0] for pair in context[1]]
        if all(key is not None and key[0] == "const" and isinstance(key[1], str) for key in keys):
            return frozenset(key[1] for key in keys)
        return None
    if context[0] == "call" and not context[2] and all(name is not None for name, _, _ in context[3]):
        origins = run.project.resolve(emission.path, emission.scope, context[1])
        if len(origins) == 1 and (origins[0].kind == "class" or origins[0].kind == "external"):
            if origins[0].name.rpartition(".")[2][:1].isupper():
                return frozenset(name for name, _, _ in context[3])
    return None


CHECK = Check("event-context", Options, run, anchors)
