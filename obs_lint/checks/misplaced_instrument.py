"""Reports instrument decorators that stand where they do not run: above what keeps the function as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from obs_lint.checks import Check
from obs_lint.checks.instrumented import Instrumented, anchors, definition, instrumented
from obs_lint.checks.run import RuleRun
from obs_lint.checks.sync_wrapper import SyncWrapper, sync_wrapper
from obs_lint.diagnostic import Applicability, Diagnostic, Edit, Fix, Position, Span, TrailStep
from obs_lint.discovery import ProjectFile
from obs_lint.entry_points.lookup import Lookup
from obs_lint.entry_points.recognition import Recognition
from obs_lint.entry_points.vocabulary import DECORATING, DECORATORS, ROUTE, Registration
from obs_lint.events.emitters import spelled
from obs_lint.facts.model import Expr, FileFacts, Function
from obs_lint.facts.nested import nested
from obs_lint.patterns import names_match
from obs_lint.project import Origin, Project

_BY_NAME = frozenset({"rq", "django"})
"""Frameworks that find a function by the name under which its module or class has it: what runs is the outermost
wrapper. (Of Django, what is decorated at all: `api_view` and `action` of its REST framework.)"""
_HANDLERS = {
    "flask": """before_request after_request teardown_request before_app_request after_app_request teardown_app_request
        teardown_appcontext errorhandler app_errorhandler context_processor app_context_processor template_filter
        template_global template_test url_value_preprocessor url_defaults before_serving after_serving while_serving
        before_websocket after_websocket cli.command cli.group""",
    "fastapi": "middleware exception_handler on_event",
    "starlette": "middleware exception_handler on_event",
}
_HANDLING: Mapping[tuple[str, str], Registration] = {
    (framework, name): Registration(framework, ROUTE)
    for framework, names in _HANDLERS.items()
    for name in names.split()
}
"""(framework, method of its applications and routers) that takes a function and hands it back as it was."""
_METHODS = {**DECORATING, **_HANDLING}
_PROPERTIES = frozenset({"builtins.property", "functools.cached_property", "abc.abstractproperty"})
_DESCRIPTORS = frozenset({"builtins.staticmethod", "builtins.classmethod", *_PROPERTIES})
_ACCESSORS = frozenset({"setter", "getter", "deleter"})
_UNWRAPPING = frozenset({"staticmethod", "classmethod", "__func__", "fget", "wrapt", "__get__"})
"""Names in a decorator's definition that say that it knows of static methods and the like."""
_STORING = re.compile(
    r"append|add|insert|setdefault|update|extend|push|connect|subscribe|attach|on|listen|register\w*|add_\w+|_?register\w*"
)


@dataclass(frozen=True, slots=True)
class Options:
    """What `misplaced-instrument` may be told."""

    registering: tuple[str, ...] = ()
    """Dotted names or patterns of decorators that keep the function that they are given, beside those of web frameworks
    and queues: what stands above them does not run. `()` is left out: `typer.Typer.command` is the method of an
    object."""
    outermost: tuple[str, ...] = ()
    """Dotted names or patterns of decorators above which the instrument decorator belongs, whatever they are: above
    them it is never found, below them it is."""
    descriptor_aware: tuple[str, ...] = ()
    """Packages whose decorators may stand above `staticmethod`, `classmethod` and properties."""


class _Misplaced(NamedTuple):
    reason: str
    advice: str
    target: str
    other: int = -1
    """Position, among the function's decorators, of the one below which it belongs; -1 where it need not move."""
    found: SyncWrapper | None = None


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic a decorator, at the decorator."""
    judge = _Judge(run)
    for file, one in instrumented(run.project, run.config).of(run.files):
        facts = run.project.facts(file.path)
        if facts is None or one.of_class:
            continue
        misplaced = judge.misplaced(facts, one)
        if misplaced is not None:
            yield _report(run, file, facts, one, misplaced)


class _Judge:
    """Decides about decorators, and remembers what others do with a function."""

    def __init__(self, run: RuleRun[Options]) -> None:
        self._run = run
        self._project = run.project
        self._options = run.options
        lookup = Lookup(run.project)
        self._recognition = Recognition(lookup)
        self._keeping: dict[tuple[str, int, bool], bool] = {}

    def misplaced(self, facts: FileFacts, one: Instrumented) -> _Misplaced | None:
        function = facts.functions[one.function]
        others = instrumented(self._project, self._run.config).in_file(one.path)
        lower = [o.decorator for o in others if o.function == one.function and o.decorator in one.below]
        found: _Misplaced | None = None
        last = len(function.decorators) - 1
        for distance, decorator in enumerate(one.below):
            if self._is_listed(one, decorator, self._options.outermost):
                continue
            reason = self._reason(one, function, decorator)
            if reason and not any(one.below.index(other) < distance for other in lower):
                name = spelled(decorator)
                found = _Misplaced(
                    f"stands above `@{name}`, {reason}",
                    f"Put `@{spelled(one.decorator)}` directly below `@{name}`",
                    name,
                    last - distance,
                )
                break
        if found is not None:
            return found
        for decorator in one.above:
            if self._is_listed(one, decorator, self._options.outermost):
                name = spelled(decorator)
                return _Misplaced(
                    f"stands below `@{name}`, above which it belongs",
                    f"Put `@{spelled(one.decorator)}` above `@{name}`",
                    name,
                )
        wrapper = sync_wrapper(self._project, one, function)
        if wrapper is not None:
            return _Misplaced(
                f"measures only how long it takes to make {wrapper.made}, not what it does",
                f"Let the decorator define {wrapper.wanted} for such functions",
                spelled(one.decorator),
                found=wrapper,
            )
        return None

    def _reason(self, one: Instrumented, function: Function, decorator: Expr) -> str:
        """Return why a decorator must not stand below; "" where it may."""
        callee = decorator[1] if decorator[0] == "call" else decorator
        if callee[0] == "attr" and callee[2] in _ACCESSORS and callee[1][:2] == ("name", function.name):
            return "" if self._is_aware(one) else "which makes a property: nothing is left to call"
        for origin in self._project.resolve(one.path, one.scope, callee):
            if origin.name in _DESCRIPTORS and not origin.path:
                if self._is_aware(one):
                    return ""
                if origin.name in _PROPERTIES:
                    return "which makes a property: nothing is left to call"
                return "which is then hidden from the class: the call on an object fails"
        if self._keeps(one, decorator, callee):
            return "which keeps the function as it is: calls from there do not run it"
        return ""

    def _is_aware(self, one: Instrumented) -> bool:
        """True for a decorator that may be given a static method or a property."""
        for origin in one.origins:
            if not origin.path and origin.name.partition(".")[0] in self._options.descriptor_aware:
                return True
        found = definition(self._project, one)
        if found is None:
            return any(origin.path for origin in one.origins)
        _, facts, row = found
        if any(_mentions_unwrapping(decorator) for decorator in row.decorators):
            return True
        return any(
            _mentions_unwrapping(use.expr)
            for use in facts.uses
            if facts.scopes[use.scope].qualname.partition(".")[0] == row.qualname.partition(".")[0]
        )

    # -- what keeps a function

    def _is_listed(self, one: Instrumented, decorator: Expr, patterns: tuple[str, ...]) -> bool:
        if not patterns:
            return False
        callee = decorator[1] if decorator[0] == "call" else decorator
        names = self._dotted(one, callee)
        return any(names_match(pattern, names) for pattern in patterns)

    def _dotted(self, one: Instrumented, callee: Expr) -> tuple[str, ...]:
        found: list[str] = []
        for origin in self._project.resolve(one.path, one.scope, callee):
            found += [name.replace("()", "") for name in (origin.name, *self._project.names(origin), *origin.via)]
        return tuple(dict.fromkeys(found))

    def _keeps(self, one: Instrumented, decorator: Expr, callee: Expr) -> bool:
        known = self._recognition.registration(one.path, one.scope, callee, _METHODS, DECORATORS)
        if known is not None:
            return known.framework not in _BY_NAME
        if self._is_listed(one, decorator, self._options.registering):
            return True
        if callee[0] == "attr" and self._is_method_of_decorated(one, callee):
            return True
        for origin in self._project.resolve(one.path, one.scope, callee):
            if self._hands_back(origin, called=decorator[0] == "call"):
                return True
        return False

    def _is_method_of_decorated(self, one: Instrumented, callee: Expr, depth: int = 0) -> bool:
        """True for `shown.register` and `main.command`: of a function that its own decorator made something of."""
        wanted = _OF_DECORATED.get(callee[2])
        if wanted is None or depth > _MAX_DEPTH:
            return False
        for origin in self._project.resolve(one.path, one.scope, callee[1]):
            facts = self._project.facts(origin.path) if origin.kind == "function" and origin.path else None
            if facts is None:
                continue
            row = facts.functions[origin.index]
            for decorator in row.decorators:
                func = decorator[1] if decorator[0] == "call" else decorator
                place = one._replace(path=origin.path, scope=row.parent)
                if not wanted.isdisjoint(self._dotted(place, func)):
                    return True
                if func[0] == "attr" and func[2] == "group" and callee[2] != "register":
                    if self._is_method_of_decorated(place, func, depth + 1):
                        return True
        return False

    def _hands_back(self, origin: Origin, *, called: bool) -> bool:
        """True for a decorator of the project that stores the function that it is given, and returns it unchanged."""
        if not origin.path or origin.kind not in ("function", "class", "instance"):
            return False
        facts = self._project.facts(origin.path)
        if facts is None:
            return False
        index = origin.index
        if origin.kind != "function":
            scope = facts.classes[origin.index].scope
            rows = [b for b in facts.scopes[scope].bindings.get("__call__", ()) if b.kind == "def"]
            if not rows or called != (origin.kind == "class"):
                return False
            index, called = rows[0].index, False
        key = (origin.path, index, called)
        if key not in self._keeping:
            self._keeping[key] = any(_stores(facts, row) for row in _decorating(facts, index, called))
        return self._keeping[key]


_MAX_DEPTH = 5
_CLICK = frozenset({"click.group", "rich_click.group", "asyncclick.group", "click.decorators.group", "quart.cli.group"})
_DISPATCH = frozenset({"functools.singledispatch", "functools.singledispatchmethod", "singledispatch.singledispatch"})
_OF_DECORATED: Mapping[str, frozenset[str]] = {
    "register": _DISPATCH,
    "command": _CLICK,
    "group": _CLICK,
    "result_callback": _CLICK,
}
"""Method → decorators whose functions have it."""


def _mentions_unwrapping(expr: Expr) -> bool:
    return any((part[1] if part[0] == "name" else part[2]) in _UNWRAPPING for part in nested(expr) if part[0] in _CHAIN)


_CHAIN = ("name", "attr")


def _decorating(facts: FileFacts, index: int, called: bool) -> Iterator[Function]:
    """Yield the functions that are given what is decorated: itself, or where it is called those that it returns."""
    function = facts.functions[index]
    if not called:
        yield function
        return
    names = {row.value[1] for row in function.returns if row.value[0] == "name"}
    for other in facts.functions:
        if other.parent == function.scope and other.name in names:
            yield other


def _stores(facts: FileFacts, function: Function) -> bool:
    parameters = function.parameters[1 if _is_bound(facts, function) else 0 :]
    if not parameters or not function.returns or parameters[0].kind not in ("positional-only", "positional"):
        return False
    name = parameters[0].name
    if any(row.value[:2] != ("name", name) for row in function.returns):
        return False
    if len([b for b in facts.scopes[function.scope].bindings.get(name, ()) if b.kind != "declare"]) > 1:
        return False
    for row in (*facts.subscripts, *facts.attributes):
        if row.scope == function.scope and row.kind == "assign" and row.value is not None:
            if _holds(row.value, name) and not spelled(row.target).startswith(f"{name}."):
                return True
    for call in facts.calls:
        if call.scope == function.scope and any(_holds(argument, name) for argument in call.expr[2]):
            callee = call.expr[1]
            if callee[0] in _CHAIN and _STORING.fullmatch(callee[1] if callee[0] == "name" else callee[2]):
                return True
    return False


def _is_bound(facts: FileFacts, function: Function) -> bool:
    if function.owner < 0:
        return False
    return not any(decorator[:2] == ("name", "staticmethod") for decorator in function.decorators)


def _holds(expr: Expr, name: str) -> bool:
    """True where an expression is the parameter, or a display or a new object that has it."""
    if expr[0] == "name":
        return bool(expr[1] == name)
    if expr[0] == "seq":
        return any(_holds(part, name) for part in expr[2])
    if expr[0] == "dict":
        return any(_holds(value, name) for _, value in expr[1])
    if expr[0] == "call" and expr[1][0] in _CHAIN:
        callee = str(expr[1][1] if expr[1][0] == "name" else expr[1][2])
        if callee[:1].isupper():
            return any(_holds(part, name) for part in (*expr[2], *(value for _, value, _ in expr[3])))
    return False


# -- what is said


def _report(
    run: RuleRun[Options], file: ProjectFile, facts: FileFacts, one: Instrumented, misplaced: _Misplaced
) -> Diagnostic:
    function = facts.functions[one.function]
    trail: tuple[TrailStep, ...] = ()
    if misplaced.found is not None:
        path, pos = misplaced.found.place
        cell, first = run.project.cell_of(path, pos[0])
        trail = (TrailStep(path, Position(pos[0] - first, pos[1]), "this wrapper is a plain function", cell),)
    return run.report(
        file,
        one.decorator[-1],
        target=misplaced.target,
        within=function.qualname,
        trail=trail,
        fix=_fix(run.project, one, function, misplaced.other),
        decorator=spelled(one.decorator) or "the decorator",
        function=function.qualname,
        reason=misplaced.reason,
        advice=misplaced.advice,
    )


def _fix(project: Project, one: Instrumented, function: Function, target: int) -> Fix | None:
    """Let the decorators change places, so that the instrument decorator stands where `target` stood."""
    if target < 0 or project.cell_of(one.path, 1)[0] is not None:
        return None
    start = len(one.above)
    rows = function.decorators[start : target + 1]
    texts = [_written(project, one.path, decorator) for decorator in rows]
    if any(text is None for text in texts):
        return None
    moved = [*texts[1:], texts[0]]
    edits = tuple(
        Edit(one.path, Span(Position(*row[-1][:2]), Position(*row[-1][2:])), text or "")
        for row, text in zip(rows, moved, strict=True)
    )
    return Fix(f"Move `@{spelled(one.decorator)}` below `@{spelled(rows[-1])}`", Applicability.UNSAFE, edits)


def _written(project: Project, path: str, decorator: Expr) -> str | None:
    """Return a decorator as it is written, where it stands on one line by itself; None where that can't be told."""
    line = decorator[-1][0]
    if line != decorator[-1][2]:
        return None
    for quote in ('"', "'"):
        text = _rendered(decorator, quote)
        if text is None:
            return None
        start = rf"\A(?:[^\n]*\n){{{line - 1}}}[ \t]*@"
        if project.mentions(path, f"{start}{re.escape(text)}[ \t]*\r?(?:\n|\\Z)".encode()):
            return text
    return None


def _rendered(expr: Expr, quote: str) -> str | None:
    """Return an expression as people write it, with one kind of quotes; None for what there are many ways to write."""
    tag = expr[0]
    if tag == "name":
        return str(expr[1])
    if tag == "attr":
        inner = _rendered(expr[1], quote)
        return None if inner is None else f"{inner}.{expr[2]}"
    if tag == "const":
        if not isinstance(expr[1], str):
            return repr(expr[1])
        plain = expr[1].isprintable() and not any(mark in expr[1] for mark in "\\'\"")
        return f"{quote}{expr[1]}{quote}" if plain else None
    if tag == "seq" and expr[1] in ("list", "set"):
        parts = [_rendered(part, quote) for part in expr[2]]
        opened, closed = "[]" if expr[1] == "list" else "{}"
        return None if None in parts or not parts else f"{opened}{', '.join(map(str, parts))}{closed}"
    if tag == "call":
        func = _rendered(expr[1], quote)
        given = [_rendered(part, quote) for part in expr[2]]
        for name, value, _ in expr[3]:
            text = _rendered(value, quote)
            given.append(None if text is None or name is None else f"{name}={text}")
        return None if func is None or None in given else f"{func}({', '.join(map(str, given))})"
    return None


CHECK = Check("misplaced-instrument", Options, run, anchors)
