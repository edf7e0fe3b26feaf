"""Reports entry points that nothing instruments: no decorator, no span round the body, no automatic instrumentation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from obs_lint.checks import Check
from obs_lint.checks.added_decorator import decorator_fix
from obs_lint.checks.run import Anchor, RuleRun
from obs_lint.config.model import Config
from obs_lint.diagnostic import Diagnostic, Position, TrailStep
from obs_lint.facts.model import Expr, FileFacts, Function

if TYPE_CHECKING:
    from obs_lint.entry_points import EntryPoint
    from obs_lint.entry_points.automatic import Automatic
    from obs_lint.entry_points.instruments import Instruments
    from obs_lint.project import Project

_DECLARING = frozenset(
    {
        "builtins.property",
        "functools.cached_property",
        "typing.overload",
        "typing_extensions.overload",
        "abc.abstractmethod",
        "abc.abstractproperty",
        "abc.abstractclassmethod",
        "abc.abstractstaticmethod",
        "contextlib.contextmanager",
        "contextlib.asynccontextmanager",
        "pytest.fixture",
        "pytest_asyncio.fixture",
    }
)
"""Decorators of what is no operation: values, declarations, and set-up that is left in the middle."""
_ACCESSORS = frozenset({"setter", "getter", "deleter"})
_EVENTS = frozenset({"on_event", "on_startup", "on_shutdown", "before_serving", "after_serving"})
_LIFESPAN = frozenset({"lifespan", "on_startup", "on_shutdown", "startup", "shutdown"})
_PROTOCOLS = frozenset({"typing.Protocol", "typing_extensions.Protocol"})


@dataclass(frozen=True, slots=True)
class Options:
    """What `missing-instrument` may be told."""

    functions: Literal["async", "all"] = "async"
    """Which functions a target means that ends in a wildcard or names a module or a class. One whose last segment is
    written out always means what it names."""


def anchors(options: Options, config: Config) -> tuple[Anchor, ...]:
    """Files in which entry points are registered; none where nothing says which functions are meant."""
    instrument = config.instrument
    if not instrument.decorators or not (instrument.routes or instrument.entry_points or instrument.targets):
        return ()
    from obs_lint.entry_points import anchors as registering
    from obs_lint.entry_points.automatic import AUTOMATIC_ANCHORS

    return (*registering(config), *(AUTOMATIC_ANCHORS if instrument.routes else ()))


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic a function, at its name."""
    from obs_lint.entry_points import entry_points
    from obs_lint.entry_points.automatic import Automatic
    from obs_lint.entry_points.instruments import instruments

    instrument = run.config.instrument
    known = entry_points(run.project, run.config)
    wanted: list[EntryPoint] = list(known.registered()) if instrument.routes else []
    wanted += known.configured()
    if run.options.functions == "all":
        wanted += known.every_target()
    automatic = Automatic(run.project, run.config) if instrument.routes else None
    found = instruments(run.project, run.config)
    files = {file.path: file for file in run.files}
    reported: set[tuple[str, int]] = set()
    for point in wanted:
        place = (point.path, point.function)
        file = files.get(point.path)
        if file is None or place in reported or point.path.endswith(".pyi") or run.is_surface(file):
            continue
        facts = run.project.facts(point.path)
        if facts is None or _is_exempt(run.project, facts, point) or _is_instrumented(point, found, automatic):
            continue
        reported.add(place)
        registered = [p for p in known.by_function(*place) if p.kind in ("route", "task")]
        yield _diagnostic(run, facts.functions[point.function], registered[0] if registered else point, point)


def _is_instrumented(point: EntryPoint, found: Instruments, automatic: Automatic | None) -> bool:
    if found.of_function(point.path, point.function) is not None:
        return True
    path, _ = point.registered
    if point.handler is not None and found.application(path, point.scope, point.handler) is not None:
        return True
    return automatic is not None and bool(point.framework) and automatic.covers(point.path, point.framework)


# -- what is left alone


def _is_exempt(project: Project, facts: FileFacts, point: EntryPoint) -> bool:
    function = facts.functions[point.function]
    if function.name == "<lambda>" or _is_declaration(project, facts, point.path, function):
        return True
    if point.kind in ("route", "task"):
        return function.is_stub and function.owner >= 0 and point.registrar not in function.decorators
    if point.kind == "target" and _is_private(function.qualname, point.by):
        return True
    return function.is_stub or _is_type_only(facts, function) or _is_lifespan(facts, function)


def _is_private(qualname: str, pattern: str) -> bool:
    """True for a private or dunder name that the pattern does not write out."""
    written = pattern.split(".")
    return any(segment.startswith("_") and segment not in written for segment in qualname.split("."))


def _is_declaration(project: Project, facts: FileFacts, path: str, function: Function) -> bool:
    """True for properties, overloads, abstract methods, fixtures, set-up, and all that a Protocol declares."""
    for decorator in function.decorators:
        callee: Expr = decorator[1] if decorator[0] == "call" else decorator
        if callee[0] == "attr" and callee[2] in _ACCESSORS | _EVENTS:
            return True
        if any(origin.name in _DECLARING for origin in project.resolve(path, function.parent, callee)):
            return True
    if function.owner < 0:
        return False
    owner = facts.classes[function.owner]
    return any(
        origin.name in _PROTOCOLS
        for base in owner.bases
        for origin in project.resolve(path, owner.parent, base[1] if base[0] == "sub" else base)
    )


def _is_type_only(facts: FileFacts, function: Function) -> bool:
    rows = facts.scopes[function.parent].bindings.get(function.name, ())
    return any(row.kind == "def" and facts.functions[row.index] is function and row.type_only for row in rows)


def _is_lifespan(facts: FileFacts, function: Function) -> bool:
    """True for what an application runs when it starts and stops."""
    if function.name in _LIFESPAN or function.name.endswith("_lifespan"):
        return True
    for call in facts.calls:
        for name, value, _ in call.expr[3]:
            if name in _LIFESPAN and any(part[:2] == ("name", function.name) for part in _items(value)):
                return True
    return False


def _items(value: Expr) -> Iterable[Expr]:
    return value[2] if value[0] == "seq" else (value,)


# -- what is said


def _diagnostic(run: RuleRun[Options], function: Function, shown: EntryPoint, point: EntryPoint) -> Diagnostic:
    decorator = run.config.instrument.decorators[0]
    module, _, name = decorator.rpartition(".")
    trail: tuple[TrailStep, ...] = ()
    path, pos = shown.registered
    if path != point.path:
        cell, before = run.project.cell_of(path, pos[0])
        trail = (TrailStep(path, Position(pos[0] - before, pos[1]), f"{_what(shown)} is registered here", cell),)
    first = run.project.cell_of(point.path, function.pos[0])[1]
    line = function.pos[0] - first
    return run.report(
        run.project.files[point.path],
        function.name_pos,
        target=decorator,
        within=function.qualname,
        trail=trail,
        fix=decorator_fix(run.project, run.config, point.path, point.function),
        function=function.qualname,
        decorator=name,
        origin=module,
        what=_what(shown),
        where=f"directly above line {line}" + (", below its other decorators" if function.decorators else ""),
    )


def _what(point: EntryPoint) -> str:
    if point.kind == "route":
        return f"the {point.framework} route `{point.name}`"
    if point.kind == "task":
        return f"the {point.framework} task `{point.name}`"
    if point.kind == "target":
        return f"a target by `{point.by}`"
    return f"an entry point by `{point.by.rpartition('.')[2]}`"


CHECK = Check("missing-instrument", Options, run, anchors)
