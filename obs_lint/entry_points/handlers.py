"""From the expression that registers a handler to the functions and classes that it leads to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from obs_lint.entry_points.lookup import Lookup
from obs_lint.facts.model import Expr, Pos
from obs_lint.project import Origin, Project

_MAX_EXPRESSIONS = 200
"""So many expressions are looked into for one handler."""
_DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)+")
_AS_VIEW = ("as_view", "as_asgi", "as_func", "as_endpoint")


class Handler(NamedTuple):
    """A function, or a class whose methods handle."""

    kind: str
    """`function` or `class`."""
    path: str
    index: int  # type: ignore[assignment]  # hides tuple.index, which no row is asked for


def handlers(lookup: Lookup, path: str, scope: int, expr: Expr) -> tuple[Handler, ...]:
    """Return what `expr`, registered as a handler, leads to: through decorators applied by hand, partials, `as_view()`,
    conditional expressions, variables, and dotted names in a string.
    """
    if expr[0] == "const":
        named = lookup.project.lookup(expr[1], path) if isinstance(expr[1], str) and _DOTTED.fullmatch(expr[1]) else ()
        return tuple(dict.fromkeys(handler for origin in named for handler in of_origin(lookup.project, origin)))
    return tuple(dict.fromkeys(_handlers(lookup, path, scope, expr, set())))


def _handlers(lookup: Lookup, path: str, scope: int, expr: Expr, seen: set[tuple[str, Pos]]) -> Iterator[Handler]:
    key = (path, expr[-1])
    tag = expr[0]
    if key in seen or len(seen) > _MAX_EXPRESSIONS:
        return
    seen.add(key)
    if tag == "lambda":
        yield Handler("function", path, expr[1])
    elif tag == "call":
        yield from _of_call(lookup, path, scope, expr, seen)
    elif tag == "if":
        for part in expr[2:4]:
            yield from _handlers(lookup, path, scope, part, seen)
    elif tag == "bool":
        for part in expr[2]:
            yield from _handlers(lookup, path, scope, part, seen)
    elif tag in ("star", "await"):
        yield from _handlers(lookup, path, scope, expr[1], seen)
    elif tag in ("name", "attr", "sub", "walrus"):
        origins = lookup.resolve(path, scope, expr)
        found = [handler for origin in origins for handler in of_origin(lookup.project, origin)]
        if found:
            yield from found
            return
        for place in definitions(lookup.project, path, scope, expr, origins):
            yield from _handlers(lookup, *place, seen)


def _of_call(lookup: Lookup, path: str, scope: int, call: Expr, seen: set[tuple[str, Pos]]) -> Iterator[Handler]:
    func = call[1]
    if func[0] == "attr" and func[2] in _AS_VIEW:
        for origin in lookup.resolve(path, scope, func[1]):
            if origin.kind == "class":
                yield Handler("class", origin.path, origin.index)
        return
    for argument in (*call[2], *(value for _, value, _ in call[3])):
        if argument[0] in ("name", "attr", "call", "lambda"):
            found = [h for h in _handlers(lookup, path, scope, argument, seen) if _is_wrapped(h, argument)]
            if found:
                yield from found
                return
    for origin in lookup.resolve(path, scope, call):
        yield from of_origin(lookup.project, origin)


def _is_wrapped(handler: Handler, argument: Expr) -> bool:
    """True for what a call may decorate: a function, or a class made a view in place."""
    return handler.kind == "function" or argument[0] == "call"


def of_origin(project: Project, origin: Origin) -> Iterator[Handler]:
    """Yield the function or class that an origin is; of an object, what calling it runs."""
    if origin.kind == "function" and origin.path:
        yield Handler("function", origin.path, origin.index)
    elif origin.kind == "class" and origin.path:
        yield Handler("class", origin.path, origin.index)
    elif origin.kind == "instance" and origin.path:
        called = [o for o in project.resolve_attribute(origin, "__call__") if o.kind == "function" and o.path]
        if called:
            yield from (Handler("function", o.path, o.index) for o in called)
        else:
            yield Handler("class", origin.path, origin.index)


def definitions(
    project: Project, path: str, scope: int, expr: Expr, origins: tuple[Origin, ...]
) -> Iterator[tuple[str, int, Expr]]:
    """Yield (path, scope, value) of the assignments that a name, or a variable that it was imported from, got its value
    by.
    """
    if expr[0] == "name":
        bound = project.bound(path, scope, expr[1])
        if bound is not None:
            for binding in bound[1]:
                if binding.kind in ("assign", "walrus") and binding.value is not None:
                    yield path, binding.scope if binding.scope >= 0 else bound[0], binding.value
    for name in dict.fromkeys(name for origin in origins for name in origin.via):
        yield from assigned(project, name)


def assigned(project: Project, dotted: str) -> Iterator[tuple[str, int, Expr]]:
    """Yield (path, scope, value) of the assignments to a variable of a module or of a class body."""
    module, _, name = dotted.rpartition(".")
    qualname = ""
    while module:
        for path in project.find_module(module, ""):
            facts = project.facts(path)
            if facts is None:
                continue
            scopes = [row.scope for row in facts.classes if row.qualname == qualname] if qualname else [0]
            for scope in scopes:
                for binding in facts.scopes[scope].bindings.get(name, ()):
                    if binding.kind in ("assign", "walrus") and binding.value is not None:
                        yield path, binding.scope if binding.scope >= 0 else scope, binding.value
            return
        module, _, last = module.rpartition(".")
        qualname = f"{last}.{qualname}" if qualname else last
