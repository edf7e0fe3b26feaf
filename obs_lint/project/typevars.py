"""Type variables: what they stand for in a call, from its arguments, or in an object, from its class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from obs_lint.facts.model import Expr, Function
from obs_lint.project.annotations import SELF, arguments
from obs_lint.project.scopes import FileView
from obs_lint.project.thing import UNTOLD, Thing, Things, as_kind, plainly, union

if TYPE_CHECKING:
    from obs_lint.project.resolve import Resolver

Written = dict[str, tuple[FileView, int, Expr]]
"""Arguments by parameter: the caller's file, the scope, the expression."""


class TypeVariables:
    """Solves type variables with a Resolver."""

    def __init__(self, resolver: Resolver) -> None:
        """`resolver` evaluates arguments and bases."""
        self._resolver = resolver

    def solved(self, things: Things, function: Thing, home: FileView, row: Function, written: Written) -> Things:
        """Replace type variables in what a function returns by what they stand for in a call."""
        if not any(thing.kind == "typevar" for thing in things):
            return things
        groups: list[Things] = []
        for thing in things:
            if thing.kind == "typevar":
                groups.append(self._solve(thing, function, home, row, written))
            else:
                groups.append((thing,))
        return union(groups)

    def _solve(self, variable: Thing, function: Thing, home: FileView, row: Function, written: Written) -> Things:
        resolver = self._resolver
        receiver = function.receiver
        if variable.name == SELF:
            if receiver is not None:
                return (plainly(receiver, "instance"),)
            return resolver.owner(home, row.scope)
        for place, parameter in enumerate(row.parameters):
            if parameter.annotation is None or parameter.annotation[0] == "const":
                continue
            parent = home.scopes[row.scope].parent
            for promised in resolver.annotations.instances(home, parent, parameter.annotation):
                if promised.kind != "typevar" or promised.name != variable.name:
                    continue
                given: Things = ()
                if parameter.name in written:
                    given = resolver.evaluate(*written[parameter.name])
                elif place == 0 and receiver is not None and row.owner >= 0:
                    given = (plainly(receiver, receiver.kind),)
                if given:
                    if promised.index == 1:
                        given = union([resolver.annotations.instance_of(t) for t in given])
                    if variable.index == 1:
                        return union([class_of(t) for t in given])
                    return tuple([t._replace(open=promised.index != 1 and t.open) for t in given])
        if receiver is not None and receiver.path and row.owner >= 0:
            found = self.class_argument(receiver, home, row.owner, variable.name)
            if found is not None:
                return found
        return self.bound(variable)

    def bound(self, variable: Thing) -> Things:
        """Return the objects that the type variable's bound allows."""
        if variable.at is None:
            return UNTOLD
        path, scope, expr = variable.at
        view = self._resolver.view(path)
        if view is None:
            return UNTOLD
        found = self._resolver.annotations.instances(view, scope, expr)
        if any(thing.kind == "typevar" for thing in found):
            return UNTOLD
        return union([class_of(t) for t in found]) if variable.index == 1 else found

    def class_argument(self, receiver: Thing, home: FileView, owner: int, name: str) -> Things | None:
        """Return what a type variable of the class stands for in an object of it or of a subclass."""
        resolver = self._resolver
        place = self._place(home, owner, name)
        if place is None:
            return None
        if (receiver.path, receiver.index) == (home.path, owner):
            return self._bracketed(receiver.at, place) if receiver.at is not None and not receiver.member else None
        for ancestor in resolver.classes.ancestors(receiver.path, receiver.index):
            view = resolver.view(ancestor[0]) if isinstance(ancestor, tuple) else None
            if view is None or not isinstance(ancestor, tuple):
                continue
            row = view.classes[ancestor[1]]
            scope = view.scopes[row.scope].parent
            for base in row.bases:
                if base[0] != "sub":
                    continue
                for thing in resolver.evaluate(view, scope, base[1]):
                    if thing.kind == "class" and (thing.path, thing.index) == (home.path, owner):
                        return self._bracketed((view.path, scope, base), place)
        return None

    def _bracketed(self, at: tuple[str, int, Expr], place: int) -> Things | None:
        view = self._resolver.view(at[0])
        if view is None or at[2][0] != "sub":
            return None
        parts = arguments(at)
        return self._resolver.annotations.instances(view, at[1], parts[place]) if place < len(parts) else None

    def _place(self, home: FileView, owner: int, name: str) -> int | None:
        row = home.classes[owner]
        parent = home.scopes[home.scopes[row.scope].parent]
        if parent.kind == "type":
            names = [f"{home.module}.{parent.qualname}.{parameter}" for parameter in parent.bindings]
            return names.index(name) if name in names else None
        for base in row.bases:
            if base[0] != "sub":
                continue
            parts = base[2][2] if base[2][0] == "seq" else (base[2],)
            for place, part in enumerate(parts):
                if part[0] == "name":
                    found = self._resolver.evaluate(home, row.parent, part)
                    if any(t.kind == "typevar" and t.name == name for t in found):
                        return place
        return None


def class_of(thing: Thing) -> Things:
    """Return the class of an object."""
    if thing.kind == "instance":
        if thing.path:
            return (as_kind(thing, "class"),)
        return (Thing("external", thing.name, trail=thing.trail, via=thing.via),)
    if thing.kind == "typevar":
        return (Thing("typevar", thing.name, index=1, at=thing.at),)
    return UNTOLD
