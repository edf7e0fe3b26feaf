"""What a call of a first-party function returns, from its annotation, its returned expressions and the arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from obs_lint.facts.model import Expr, Function
from obs_lint.project.answers import Context
from obs_lint.project.scopes import FileView
from obs_lint.project.thing import (
    NOTHING,
    UNTOLD,
    Thing,
    Things,
    after,
    as_kind,
    identity,
    is_untold,
    passed,
    plainly,
    union,
)
from obs_lint.project.typevars import TypeVariables

if TYPE_CHECKING:
    from obs_lint.project.resolve import Resolver

_MAX_NESTED = 3
_MAX_WALK = 5_000
_OPEN_ENDED = frozenset({"unknown", "parameter", "typevar", "variable"})
_WRAPS = frozenset({"functools.wraps"})

Place = tuple[FileView, int, Expr]
"""An expression of a file and the scope that it is evaluated in."""


class Functions:
    """Evaluates calls of first-party functions with a Resolver."""

    def __init__(self, resolver: Resolver) -> None:
        """`resolver` evaluates arguments and returned expressions."""
        self._resolver = resolver
        self._serial = 0
        self._sensitive: dict[tuple[str, int], frozenset[str]] = {}
        self._wrappers: dict[tuple[str, int], Expr | None] = {}
        self._kept: list[object] = []
        self.typevars = TypeVariables(resolver)

    def next_serial(self) -> int:
        """Return a number that tells one call's context from all others."""
        self._serial += 1
        return self._serial

    # -- results

    def returned(self, function: Thing, view: FileView | None, scope: int, call: Expr | None) -> Things:
        """Return what a call gives. Without a call, only the receiver is known."""
        resolver = self._resolver
        home = resolver.view(function.path)
        if home is None:
            return UNTOLD
        index = function.index
        row = home.functions[index]
        parent = home.scopes[row.scope].parent
        things = resolver.guarded(("returns", home.path, index), self._returns, home, index, home=home, scope=parent)
        if self._may_tell_more(things, function, row, call):
            written = self._written(function, home, row, view, scope, call)
            values = self._told(function, home, row, written)
            whole = call is not None and _is_whole(call) and self._has_defaults(home, index, written)
            depth = 1 if resolver.context is None else resolver.context.depth + 1
            if (values or whole) and depth <= _MAX_NESTED:
                self._kept.append(values)
                key = ("call", home.path, index, whole, depth, _identities(values))
                arguments = (home, index, values, whole, depth, None)
                things = resolver.guarded(key, self._in_context, *arguments, home=home, scope=parent)
            if any(thing.kind == "typevar" for thing in things):
                things = self.typevars.solved(things, function, home, row, written)
        if not things or resolver.exact:
            return things
        found = [passed(t, home.path, row.name_pos, row.qualname, "", "return", "") for t in things]
        return after(found, Thing("function", trail=function.trail, via=function.via))

    def given(self, function: Thing, values: Things) -> Things:
        """Return what a call with these values as its first argument gives."""
        return self._told_first(function, values, None)

    def looked_up(self, function: Thing, name: str) -> Things:
        """Return what `__getattr__`, or what is called like it, returns for a name; () where it has none."""
        home = self._resolver.view(function.path)
        if home is None:
            return UNTOLD
        pos = home.functions[function.index].name_pos
        constant = (Thing("const", at=(home.path, 0, ("const", name, pos))),)
        things = self._told_first(function, constant, name)
        kept = [t for t in things if not (t.kind == "const" and t.at[2][1] is None)]
        return tuple([passed(t, home.path, pos, name, "", "lazy", "") for t in kept])

    def _told_first(self, function: Thing, first: Things, name: str | None) -> Things:
        resolver = self._resolver
        home = resolver.view(function.path)
        if home is None:
            return UNTOLD
        row = home.functions[function.index]
        values = self._received(function, home, row)
        if len(row.parameters) > len(values):
            values[row.parameters[len(values)].name] = first
        depth = 1 if resolver.context is None else resolver.context.depth + 1
        if depth > _MAX_NESTED:
            return UNTOLD
        self._kept.append(values)
        key = ("call", home.path, function.index, name, depth, _identities(values))
        arguments = (home, function.index, values, False, depth, name)
        parent = home.scopes[row.scope].parent
        things = resolver.guarded(key, self._in_context, *arguments, home=home, scope=parent)
        return self.typevars.solved(things, function, home, row, {})

    def _returns(self, home: FileView, index: int) -> Things:
        row = home.functions[index]
        if row.annotation is not None:
            parent = home.scopes[row.scope].parent
            things = self._resolver.annotations.instances(home, parent, row.annotation)
            if not all(thing.kind == "unknown" for thing in things):
                return things
        return self._inferred(home, row, None)

    def _inferred(self, home: FileView, row: Function, name: str | None) -> Things:
        if row.is_generator or (row.is_stub and not row.returns):
            return UNTOLD
        returns = row.returns
        if name is not None:
            returns = tuple([r for r in returns if name in r.when]) or tuple([r for r in returns if not r.when])
        if not returns:
            return NOTHING
        return union([self._resolver.evaluate(home, row.scope, found.value) for found in returns])

    def _in_context(
        self, home: FileView, index: int, values: dict[str, Things], whole: bool, depth: int, name: str | None
    ) -> Things:
        resolver = self._resolver
        row = home.functions[index]
        outer = resolver.context
        resolver.context = Context(home.path, row.scope, values, whole, outer, self.next_serial(), depth)
        try:
            return self._returns(home, index) if name is None else self._inferred(home, row, name)
        finally:
            resolver.context = outer

    # -- arguments

    def _may_tell_more(self, things: Things, function: Thing, row: Function, call: Expr | None) -> bool:
        """True where arguments or the receiver may tell more than the function alone."""
        receiver = function.receiver
        if any(thing.kind in _OPEN_ENDED for thing in things) or (receiver is not None and receiver.member):
            return True
        if call is not None and len(things) > 1 and (call[2] or call[3]):
            return True
        if not _is_of_subclass(receiver, function, row):
            return False
        return any(t.open and t.index == row.owner and t.path == function.path for t in things)

    def _received(self, function: Thing, home: FileView, row: Function) -> dict[str, Things]:
        """Return what the receiver makes of the first parameter; empty where the receiver is not passed."""
        receiver = function.receiver
        if row.owner < 0 or not row.parameters or receiver is None:
            return {}
        first = self._resolver.classes.first_parameter(row, home.path, function.index)
        name = row.parameters[0].name
        if first == "class":
            return {name: (plainly(as_kind(receiver, "class"), "class"),)}
        if first and receiver.kind != "class":
            return {name: (plainly(receiver, "instance"),)}
        return {}

    def _written(
        self, function: Thing, home: FileView, row: Function, view: FileView | None, scope: int, call: Expr | None
    ) -> dict[str, Place]:
        """Return the arguments by parameter, as they are written."""
        written: dict[str, Place] = {}
        if call is None or view is None:
            return written
        skipped = len(self._received(function, home, row))
        positional = [p for p in row.parameters if p.kind in ("positional", "positional-only")][skipped:]
        for parameter, argument in zip(positional, call[2], strict=False):
            if argument[0] == "star":
                break
            written[parameter.name] = (view, scope, argument)
        names = {p.name for p in row.parameters if p.kind in ("positional", "keyword-only")}
        for keyword, argument, _ in call[3]:
            if keyword in names:
                written[keyword] = (view, scope, argument)
        return written

    def _told(self, function: Thing, home: FileView, row: Function, written: dict[str, Place]) -> dict[str, Things]:
        """Evaluate the arguments that the result depends on; those that can't be told are left out."""
        sensitive = self._depends_on(home, function.index)
        values: dict[str, Things] = {}
        receiver = function.receiver
        if receiver is not None and (receiver.member or _is_of_subclass(receiver, function, row)):
            values = {n: v for n, v in self._received(function, home, row).items() if n in sensitive}
        for name, place in written.items():
            if name in sensitive:
                value = self._resolver.evaluate(*place)
                if not all(thing.kind in _OPEN_ENDED for thing in value):
                    values[name] = value
        return values

    def _has_defaults(self, home: FileView, index: int, written: dict[str, Place]) -> bool:
        sensitive = self._depends_on(home, index)
        return any(
            p.default is not None and p.name in sensitive and p.name not in written
            for p in home.functions[index].parameters
        )

    def _depends_on(self, home: FileView, index: int) -> frozenset[str]:
        """Return the parameters that occur in what the function returns, directly or over its local names."""
        key = (home.path, index)
        known = self._sensitive.get(key)
        if known is not None:
            return known
        row = home.functions[index]
        names: set[str] = set()
        seen: set[int] = set()
        scopes: set[tuple[int, str]] = set()
        todo: list[Any] = [(row.scope, found.value) for found in row.returns]
        steps = 0
        while todo and steps < _MAX_WALK:
            scope, expr = todo.pop()
            steps += 1
            if not isinstance(expr, tuple) or not expr or id(expr) in seen:
                continue
            tag = expr[0]
            if tag == "name" and isinstance(expr[1], str):
                found = home.find(scope, expr[1])
                if found is None or found[0] < row.scope or (found[0], expr[1]) in scopes:
                    continue
                scopes.add((found[0], expr[1]))
                for binding in found[1]:
                    if binding.kind == "param" and binding.index == index:
                        names.add(expr[1])
                    elif binding.kind == "def":
                        inner = home.functions[binding.index]
                        todo += [(inner.scope, r.value) for r in inner.returns]
                        todo += [(row.scope, decorator) for decorator in inner.decorators]
                    elif binding.value is not None:
                        todo.append((binding.scope if binding.scope >= 0 else found[0], binding.value))
                continue
            seen.add(id(expr))
            if tag == "lambda":
                inner = home.functions[expr[1]]
                todo += [(inner.scope, r.value) for r in inner.returns]
                continue
            inside = expr[2] if tag == "comp" and isinstance(expr[2], int) else scope
            todo += [(inside, part) for part in expr if part.__class__ is tuple]
        if steps >= _MAX_WALK:
            names.update(parameter.name for parameter in row.parameters)
        result = self._sensitive[key] = frozenset(names)
        return result

    # -- decorators applied by hand

    def unwrapped(self, function: Thing, view: FileView, scope: int, call: Expr | None) -> Things | None:
        """Return what a call decorates: where the function returns one made with functools.wraps, what that wraps."""
        home = self._resolver.view(function.path)
        if home is None or call is None:
            return None
        key = (home.path, function.index)
        if key not in self._wrappers:
            self._wrappers[key] = None
            self._wrappers[key] = self._wrapped(home, function.index)
        wrapped = self._wrappers[key]
        if wrapped is None:
            return None
        row = home.functions[function.index]
        resolver = self._resolver
        found = home.find(row.scope, wrapped[1]) if wrapped[0] == "name" else None
        if found is None:
            return None
        if found[0] == row.scope and found[1][0].kind == "param":
            place = self._written(function, home, row, view, scope, call).get(wrapped[1])
            things = resolver.evaluate(*place) if place is not None else UNTOLD
        else:
            things = resolver.evaluate(home, row.scope, wrapped)
        return None if is_untold(things) else things

    def _wrapped(self, home: FileView, index: int) -> Expr | None:
        row = home.functions[index]
        for returned in row.returns:
            if returned.value[0] != "name":
                continue
            found = home.find(row.scope, returned.value[1])
            if found is None or found[0] != row.scope or found[1][-1].kind != "def":
                continue
            for decorator in home.functions[found[1][-1].index].decorators:
                if decorator[0] == "call" and decorator[2]:
                    things = self._resolver.evaluate_alone(home, row.scope, decorator[1])
                    if any(thing.name in _WRAPS for thing in things):
                        wrapped: Expr = decorator[2][0]
                        return wrapped
        return None


def _identities(values: dict[str, Things]) -> tuple[Any, ...]:
    return tuple([(name, *[identity(thing) for thing in values[name]]) for name in sorted(values)])


def _is_of_subclass(receiver: Thing | None, function: Thing, row: Function) -> bool:
    if receiver is None or row.owner < 0 or receiver.kind not in ("instance", "class"):
        return False
    return (receiver.path, receiver.index) != (function.path, row.owner)


def _is_whole(call: Expr) -> bool:
    """True where nothing is splatted into the call."""
    return all(argument[0] != "star" for argument in call[2]) and all(name is not None for name, _, _ in call[3])
