"""What a call gives, by the kind of what is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from obs_lint.facts.model import Expr
from obs_lint.project.externals import Externals, outcome
from obs_lint.project.scopes import FileView
from obs_lint.project.thing import UNTOLD, Thing, Things, as_kind, identity, union

if TYPE_CHECKING:
    from obs_lint.project.resolve import Resolver


class Calls:
    """Evaluates calls with a Resolver."""

    def __init__(self, resolver: Resolver) -> None:
        """`resolver` evaluates arguments."""
        self._resolver = resolver
        self._externals = Externals(resolver)

    def call(self, thing: Thing, view: FileView, scope: int, call: Expr | None) -> Things:
        """Return what calling `thing` gives; without the call's expression, its arguments are not looked at."""
        kind = thing.kind
        if kind == "external":
            return self._externals.called(thing, view, scope, call)
        if kind == "function":
            functions = self._resolver.functions
            return functions.unwrapped(thing, view, scope, call) or functions.returned(thing, view, scope, call)
        if kind == "class":
            return self._construct(thing, view, scope, call)
        if kind in ("result", "member"):
            return self._externals.applied(thing, view, scope, call)
        if kind == "instance":
            if not thing.path:
                promised = self._resolver.containers.called(thing)
                return outcome(thing, f"{thing.name}()") if promised is None else promised
            method = self._resolver.classes.method(thing, "__call__")
            return UNTOLD if method is None else self._resolver.functions.returned(method, view, scope, call)
        if kind == "getter":
            return self._get(thing, view, scope, call)
        if kind == "alias" and thing.at is not None:
            return self._resolver.annotations.instance_of(thing)
        return UNTOLD

    def _construct(self, thing: Thing, view: FileView, scope: int, call: Expr | None) -> Things:
        classes = self._resolver.classes
        if call is not None and call[2] and classes.enum_kind(thing.path, thing.index):
            wanted = self._resolver.evaluate(view, scope, call[2][0])
            members = classes.members(thing.path, thing.index) or ()
            if wanted and all(value.kind == "const" for value in wanted):
                keys = {identity(value) for value in wanted}
                found = [m for m in members if any(identity(v) in keys for v in classes.member_values(m))]
                if found:
                    return tuple(found)
        return (as_kind(thing, "instance"),)

    def _get(self, thing: Thing, view: FileView, scope: int, call: Expr | None) -> Things:
        if call is None or not call[2]:
            return UNTOLD
        target = self._resolver.evaluate(view, scope, call[2][0])
        kind, written = thing.name, thing.at
        if kind == "item":
            return union(self._resolver.containers.item(t, written) for t in target)
        for segment in written:
            target = union(self._resolver.attribute(t, segment) for t in target)
        if kind == "method":
            return union(self.call(t, view, scope, None) for t in target)
        return target
