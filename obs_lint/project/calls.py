"""What a call gives: objects of classes, what functions return, and what known callables of other packages do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from obs_lint.facts.model import Expr, Function
from obs_lint.project.annotations import SELF, arguments, canonical
from obs_lint.project.scopes import FileView
from obs_lint.project.thing import (
    CYCLIC,
    NOTHING,
    UNTOLD,
    Thing,
    Things,
    after,
    identity,
    is_untold,
    opened,
    passed,
    union,
)

if TYPE_CHECKING:
    from obs_lint.project.resolve import Resolver

_MAX_CONTEXTS = 3
_MAX_NAME = 400
_OPEN_ENDED = frozenset({"unknown", "parameter", "typevar", "variable"})
_WRAPS = frozenset({"functools.wraps", "wrapt.decorator"})


class Context:
    """One call, while what its function returns is evaluated again with what the parameters are there."""

    __slots__ = ("depth", "memo", "outer", "path", "scope", "values", "written")

    def __init__(
        self,
        path: str,
        scope: int,
        written: dict[str, tuple[FileView, int, Expr]],
        values: dict[str, Things],
        outer: Context | None,
    ) -> None:
        """`written` are arguments as expressions of the caller, `values` those that are known."""
        self.path = path
        self.scope = scope
        self.written = written
        self.values = values
        self.outer = outer
        self.depth: int = 1 if outer is None else outer.depth + 1
        self.memo: dict[Any, Things] = {}


class Calls:
    """Evaluates calls with a Resolver."""

    def __init__(self, resolver: Resolver) -> None:
        """`resolver` evaluates arguments and returned expressions."""
        self._resolver = resolver

    def call(self, thing: Thing, view: FileView, scope: int, call: Expr | None) -> Things:
        """Return what calling `thing` gives; `call` is the call's expression, None where there are no arguments to look at."""
        kind = thing.kind
        if kind == "external":
            return self._external(thing, view, scope, call)
        if kind == "function":
            return self._unwrapped(thing, view, scope, call) or self.returned(thing, view, scope, call)
        if kind == "class":
            return self._construct(thing, view, scope, call)
        if kind in ("result", "member"):
            return self._result(thing, view, scope, call)
        if kind == "instance":
            if not thing.path:
                return _outcome(thing, f"{thing.name}()")
            method = self._resolver.classes.method(thing, "__call__")
            if method is not None:
                return self.returned(method, view, scope, call)
            return UNTOLD
        if kind == "getter":
            return self._get(thing, view, scope, call)
        if kind == "alias" and thing.at is not None:
            return self._resolver.annotations.instance_of(thing)
        if kind == "cycle":
            return CYCLIC
        return UNTOLD

    # -- first-party

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
        instance = Thing("instance", *thing[1:6], "", None, thing.trail, thing.via)
        return (instance,)

    def returned(self, function: Thing, view: FileView | None, scope: int, call: Expr | None) -> Things:
        """Return what a call of a first-party function gives. Without a call, only its receiver is known."""
        resolver = self._resolver
        home = resolver.view(function.path)
        if home is None:
            return UNTOLD
        row = home.functions[function.index]
        key = ("returns", function.path, function.index)
        things = resolver.guarded(key, self._returns, home, function.index, home=home, scope=row.scope)
        if any(thing.kind in _OPEN_ENDED for thing in things):
            values: dict[str, Things] = {}
            written: dict[str, tuple[FileView, int, Expr]] = {}
            self._arrange(function, home, row, view, scope, call, written, values)
            if written or values:
                things = self._in_context(home, function.index, written, values)
            things = self._solved(things, function, home, row, written, values)
        if not things:
            return things
        source = [passed(t, home.path, row.name_pos, row.qualname, "", "return", "") for t in things]
        return after(source, Thing("function", trail=function.trail, via=function.via))

    def given(self, function: Thing, values: Things) -> Things:
        """Return what a call with these values as its first argument gives."""
        resolver = self._resolver
        home = resolver.view(function.path)
        if home is None:
            return UNTOLD
        row = home.functions[function.index]
        arranged: dict[str, Things] = {}
        written: dict[str, tuple[FileView, int, Expr]] = {}
        skipped = self._arrange(function, home, row, None, 0, None, written, arranged)
        if len(row.parameters) > skipped:
            arranged[row.parameters[skipped].name] = values
        things = self._in_context(home, function.index, written, arranged)
        return self._solved(things, function, home, row, written, arranged)

    def looked_up(self, function: Thing, name: str) -> Things:
        """Return what `__getattr__`, or what is called like it, returns for a name."""
        resolver = self._resolver
        home = resolver.view(function.path)
        if home is None:
            return UNTOLD
        row = home.functions[function.index]
        arranged: dict[str, Things] = {}
        written: dict[str, tuple[FileView, int, Expr]] = {}
        skipped = self._arrange(function, home, row, None, 0, None, written, arranged)
        if len(row.parameters) > skipped:
            constant = ("const", name, row.name_pos)
            arranged[row.parameters[skipped].name] = (Thing("const", at=(home.path, 0, constant)),)
        things = self._in_context(home, function.index, written, arranged, name)
        kept = [t for t in things if not (t.kind == "const" and t.at[2][1] is None)]
        return tuple([passed(t, home.path, row.name_pos, name, "", "lazy", "") for t in kept])

    def _returns(self, home: FileView, index: int) -> Things:
        row = home.functions[index]
        if row.annotation is not None:
            parent = home.scopes[row.scope].parent
            things = self._resolver.annotations.instances(home, parent, row.annotation)
            if not all(thing.kind in ("unknown", "cycle") for thing in things):
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
        return union(self._resolver.evaluate_within(home, row.scope, found.value) for found in returns)

    def _in_context(
        self,
        home: FileView,
        index: int,
        written: dict[str, tuple[FileView, int, Expr]],
        values: dict[str, Things],
        name: str | None = None,
    ) -> Things:
        resolver = self._resolver
        outer = resolver.context
        if outer is not None and outer.depth >= _MAX_CONTEXTS:
            return UNTOLD
        row = home.functions[index]
        resolver.context = Context(home.path, row.scope, written, values, outer)
        try:
            if name is not None or row.annotation is None:
                return self._inferred(home, row, name)
            return self._returns(home, index)
        finally:
            resolver.context = outer

    def _arrange(
        self,
        function: Thing,
        home: FileView,
        row: Function,
        view: FileView | None,
        scope: int,
        call: Expr | None,
        written: dict[str, tuple[FileView, int, Expr]],
        values: dict[str, Things],
    ) -> int:
        """Say which parameter gets what; returns how many parameters the receiver takes."""
        skipped = 0
        receiver = function.receiver
        if row.owner >= 0 and row.parameters and receiver is not None:
            first = self._resolver.classes.first_parameter(row, home.path, function.index)
            if first == "class":
                skipped = 1
                values[row.parameters[0].name] = (Thing("class", *receiver[1:6]),)
            elif first and receiver.kind != "class":
                skipped = 1
                values[row.parameters[0].name] = (Thing("instance", *receiver[1:7]),)
        if call is None or view is None:
            return skipped
        positional = [p for p in row.parameters if p.kind in ("positional", "positional-only")][skipped:]
        for parameter, argument in zip(positional, call[2], strict=False):
            if argument[0] == "star":
                break
            written[parameter.name] = (view, scope, argument)
        names = {p.name for p in row.parameters if p.kind in ("positional", "keyword-only")}
        for keyword, argument, _ in call[3]:
            if keyword in names:
                written[keyword] = (view, scope, argument)
        return skipped

    def argument(self, context: Context, name: str) -> Things | None:
        """Return what the parameter is in the context, None where the call doesn't say."""
        known = context.values.get(name)
        if known is None and name in context.written:
            resolver = self._resolver
            inner, resolver.context = resolver.context, context.outer
            context.values[name] = UNTOLD
            try:
                known = resolver.evaluate(*context.written[name])
            finally:
                resolver.context = inner
            context.values[name] = known
        return known

    # -- type variables

    def _solved(
        self,
        things: Things,
        function: Thing,
        home: FileView,
        row: Function,
        written: dict[str, tuple[FileView, int, Expr]],
        values: dict[str, Things],
    ) -> Things:
        if not any(thing.kind == "typevar" for thing in things):
            return things
        groups: list[Things] = []
        for thing in things:
            if thing.kind == "typevar":
                groups.append(self._solve(thing, function, home, row, written, values))
            else:
                groups.append((thing,))
        return union(groups)

    def _solve(
        self,
        variable: Thing,
        function: Thing,
        home: FileView,
        row: Function,
        written: dict[str, tuple[FileView, int, Expr]],
        values: dict[str, Things],
    ) -> Things:
        resolver = self._resolver
        receiver = function.receiver
        if variable.name == SELF:
            if receiver is not None:
                return (Thing("instance", *receiver[1:7]),)
            return resolver.owner(home, row.scope)
        context = Context(home.path, row.scope, written, values, resolver.context)
        for parameter in row.parameters:
            if parameter.annotation is None or parameter.annotation[0] == "const":
                continue
            parent = home.scopes[row.scope].parent
            for promised in resolver.annotations.instances(home, parent, parameter.annotation):
                if promised.kind != "typevar" or promised.name != variable.name:
                    continue
                given = self.argument(context, parameter.name)
                if given:
                    if promised.index == 1:
                        given = union(resolver.annotations.instance_of(t) for t in given)
                    if variable.index == 1:
                        return union(_class_of(t) for t in given)
                    return tuple([Thing(*t[:5], promised.index != 1 and t.open, *t[6:]) for t in given])
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
        return union(_class_of(t) for t in found) if variable.index == 1 else found

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

    # -- decorators applied by hand

    def _unwrapped(self, function: Thing, view: FileView, scope: int, call: Expr | None) -> Things | None:
        """Return what a decorator was applied to, where `call` applies one: it returns a function made with functools.wraps."""
        resolver = self._resolver
        home = resolver.view(function.path)
        if home is None or call is None:
            return None
        row = home.functions[function.index]
        for returned in row.returns:
            if returned.value[0] != "name":
                continue
            found = home.find(row.scope, returned.value[1])
            if found is None or found[0] != row.scope or found[1][-1].kind != "def":
                continue
            for decorator in home.functions[found[1][-1].index].decorators:
                if decorator[0] != "call" or not decorator[2]:
                    continue
                if any(t.name in _WRAPS for t in resolver.evaluate(home, row.scope, decorator[1])):
                    values: dict[str, Things] = {}
                    written: dict[str, tuple[FileView, int, Expr]] = {}
                    self._arrange(function, home, row, view, scope, call, written, values)
                    outer = resolver.context
                    resolver.context = Context(home.path, row.scope, written, values, outer)
                    try:
                        wrapped = resolver.evaluate(home, row.scope, decorator[2][0])
                    finally:
                        resolver.context = outer
                    if wrapped and not is_untold(wrapped):
                        return wrapped
        return None

    # -- external

    def _external(self, thing: Thing, view: FileView, scope: int, call: Expr | None) -> Things:
        name = canonical(thing.name)
        if call is not None:
            handler = HANDLERS.get(name)
            if handler is None:
                last = name.rpartition(".")[2]
                handler = _BY_LAST.get(last)
                if handler is None and name.startswith("traitlets."):
                    handler = _TRAITS.get(last)
            if handler is not None:
                found = handler(self, thing, view, scope, call)
                if found is not None:
                    return after(found, thing) if thing.trail is not None else found
        return _outcome(thing, thing.name)

    def _result(self, thing: Thing, view: FileView, scope: int, call: Expr | None) -> Things:
        """Call what an external callable returned, or a method of it."""
        if thing.kind == "member":
            if call is not None and thing.name in _APPLIED_MEMBERS:
                return self._first(thing, view, scope, call) or UNTOLD
            return _outcome(thing, thing.name)
        if call is not None and thing.name in _DECORATOR_FACTORIES:
            found = self._first(thing, view, scope, call)
            if found is not None:
                return found
        return _outcome(thing, f"{thing.name}()")

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

    def _argument(self, call: Expr, place: int, keyword: str = "") -> Expr | None:
        arguments: Sequence[Expr] = call[2]
        if place < len(arguments) and not any(a[0] == "star" for a in arguments[: place + 1]):
            return arguments[place]
        for name, value, _ in call[3]:
            if name == keyword:
                found: Expr = value
                return found
        return None

    def _evaluated(self, view: FileView, scope: int, expr: Expr | None) -> Things | None:
        return None if expr is None else self._resolver.evaluate(view, scope, expr)

    def _first(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:  # noqa: ARG002 - a handler
        return self._evaluated(view, scope, self._argument(call, 0))

    def _texts(self, things: Things) -> list[str] | None:
        """Return the strings that the constants are; None where one can be something else."""
        texts = [t.at[2][1] for t in things if t.kind == "const" and isinstance(t.at[2][1], str)]
        return texts if len(texts) == len(things) and texts else None

    def _super(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        if call[2]:
            found = self._resolver.evaluate(view, scope, call[2][0])
            return tuple([Thing("parent", *t[1:7]) for t in found if t.kind == "class"]) or UNTOLD
        index = view.enclosing_class(scope)
        if index < 0:
            return UNTOLD
        row = view.classes[index]
        return (Thing("parent", f"{view.module}.{row.qualname}", view.path, index),)

    def _type(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        if len(call[2]) != 1 or call[3]:
            return UNTOLD
        return union(_class_of(t) for t in self._resolver.evaluate(view, scope, call[2][0]))

    def _getattr(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        if len(call[2]) < 2:
            return UNTOLD
        resolver = self._resolver
        names = self._texts(resolver.evaluate(view, scope, call[2][1]))
        found: Things = UNTOLD
        if names is not None:
            targets = resolver.evaluate(view, scope, call[2][0])
            found = union(resolver.attribute(target, name) for target in targets for name in names)
        if len(call[2]) > 2 and (not found or is_untold(found)):
            return union((found, resolver.evaluate(view, scope, call[2][2])))
        return found

    def _globals(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        module = Thing("module", view.module, view.path)
        if canonical(thing.name) == "builtins.globals" or scope == 0:
            return (Thing("names", at=module),)
        return UNTOLD

    def _vars(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        if not call[2]:
            return self._globals(thing, view, scope, call)
        return tuple([Thing("names", at=t) for t in self._resolver.evaluate(view, scope, call[2][0])])

    def _import_module(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        resolver = self._resolver
        names = self._evaluated(view, scope, self._argument(call, 0, "name"))
        texts = None if names is None else self._texts(names)
        if texts is None:
            if names is not None and any(t.kind == "names" and t.at.kind == "module" for t in names):
                return tuple([t.at for t in names if t.kind == "names"])
            return UNTOLD
        groups: list[Things] = []
        for text in texts:
            if not text.startswith("."):
                groups.append(resolver.module(text, view.path))
                continue
            level = len(text) - len(text.lstrip("."))
            package = self._argument(call, 1, "package")
            groups.append(self._relative_to(view, scope, package, level, text[level:]))
        return union(groups)

    def _relative_to(self, view: FileView, scope: int, package: Expr | None, level: int, rest: str) -> Things:
        resolver = self._resolver
        if package is None:
            return UNTOLD
        groups: list[Things] = []
        for thing in resolver.evaluate(view, scope, package):
            if thing.kind == "names" and thing.at.kind == "module":
                if package[0] == "name" and package[1] == "__name__" and not view.path.rpartition("/")[2].startswith("__init__"):
                    return UNTOLD
                groups.append(resolver.relative_module(view.path, level, rest))
            elif thing.kind == "const" and isinstance(thing.at[2][1], str):
                base = thing.at[2][1].split(".")
                kept = base[: len(base) - level + 1]
                groups.append(resolver.module(".".join([*kept, rest] if rest else kept), view.path) if kept else UNTOLD)
            else:
                groups.append(UNTOLD)
        return union(groups)

    def _dunder_import(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        resolver = self._resolver
        names = self._evaluated(view, scope, self._argument(call, 0, "name"))
        texts = None if names is None else self._texts(names)
        if texts is None:
            return UNTOLD
        level = self._argument(call, 4, "level")
        if level is not None and level[:2] != ("const", 0):
            return UNTOLD
        from_list = self._argument(call, 3, "fromlist")
        whole = from_list is not None and not (from_list[0] == "seq" and not from_list[2]) and from_list[:2] != ("const", None)
        return union(resolver.module(t if whole else t.partition(".")[0], view.path, within=t) for t in texts)

    def _named_object(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        names = self._evaluated(view, scope, self._argument(call, 0))
        texts = None if names is None else self._texts(names)
        if texts is None:
            return None
        return union(self._resolver.lookup(text.replace(":", "."), view.path) for text in texts)

    def _cast(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        target = self._argument(call, 0, "typ")
        if target is None:
            return None
        found = self._resolver.annotations.instances(view, scope, target)
        if not is_untold(found):
            return found
        return self._evaluated(view, scope, self._argument(call, 1, "val"))

    def _assert_type(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        target = self._argument(call, 1)
        return None if target is None else self._resolver.annotations.instances(view, scope, target)

    def _type_variable(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        written = call[2][0][1] if call[2] and call[2][0][0] == "const" else ""
        bound = next((value for name, value, _ in call[3] if name == "bound"), None)
        at = None if bound is None else (view.path, scope, bound)
        return (Thing("typevar", f"{view.module}.{written}", at=at),)

    def _new_type(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        target = self._argument(call, 1, "tp")
        return None if target is None else (Thing("alias", at=(view.path, scope, target)),)

    def _depends(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        target = self._argument(call, 0, "dependency")
        if target is None:
            return UNTOLD
        resolver = self._resolver
        groups = []
        for found in resolver.evaluate(view, scope, target):
            given = self.call(found, view, scope, None)
            groups.append(union(resolver.containers.yielded(t) for t in given))
        return union(groups)

    def _lazy(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        target = self._argument(call, 0)
        if target is None:
            return None
        return union(self.call(t, view, scope, None) for t in self._resolver.evaluate(view, scope, target))

    def _provider(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        if not thing.name.startswith("dependency_injector."):
            return None
        return self._first(thing, view, scope, call)

    def _field(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        resolver = self._resolver
        groups: list[Things] = [_outcome(thing, thing.name)]
        for name, value, _ in call[3]:
            if name in ("default_factory", "factory"):
                made = union(self.call(t, view, scope, None) for t in resolver.evaluate(view, scope, value))
                return made if not is_untold(made) else union((made, groups[0]))
            if name == "default":
                return union((resolver.evaluate(view, scope, value), UNTOLD))
        return groups[0]

    def _instance_trait(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        target = self._argument(call, 0, "klass")
        if target is None:
            return None
        return union(self._resolver.annotations.instance_of(t) for t in self._classes(view, scope, target))

    def _type_trait(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        target = self._argument(call, 0, "default_value") or self._argument(call, 1, "klass")
        if target is None:
            return None
        return tuple([opened(t) if t.kind == "class" else t for t in self._classes(view, scope, target)])

    def _list_trait(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        inner = self._evaluated(view, scope, self._argument(call, 0, "trait"))
        return None if inner is None else (Thing("elements", at=inner),)

    def _classes(self, view: FileView, scope: int, target: Expr) -> Things:
        found = self._resolver.evaluate(view, scope, target)
        texts = self._texts(found)
        return found if texts is None else union(self._resolver.lookup(text, view.path) for text in texts)

    def _attribute_getter(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        names = self._evaluated(view, scope, self._argument(call, 0))
        texts = None if names is None else self._texts(names)
        if texts is None or len(call[2]) != 1:
            return None
        return tuple([Thing("getter", "attribute", at=tuple(text.split("."))) for text in texts])

    def _item_getter(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        keys = self._evaluated(view, scope, self._argument(call, 0))
        return None if keys is None or len(call[2]) != 1 else (Thing("getter", "item", at=keys),)

    def _method_caller(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        names = self._evaluated(view, scope, self._argument(call, 0))
        texts = None if names is None else self._texts(names)
        return None if texts is None else tuple([Thing("getter", "method", at=(text,)) for text in texts])

    def _elements(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        found = self._evaluated(view, scope, self._argument(call, 0))
        if found is None:
            return None
        return (Thing("elements", at=self._resolver.containers.elements(found)),)

    def _next(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        found = self._evaluated(view, scope, self._argument(call, 0))
        if found is None:
            return None
        elements = self._resolver.containers.elements(found)
        return elements if len(call[2]) < 2 else union((elements, self._resolver.evaluate(view, scope, call[2][1])))

    def _enumerate(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        found = self._evaluated(view, scope, self._argument(call, 0))
        if found is None:
            return None
        pair = Thing("items", at=(UNTOLD, self._resolver.containers.elements(found)))
        return (Thing("elements", at=(pair,)),)

    def _zip(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        if any(argument[0] == "star" for argument in call[2]):
            return None
        elements = self._resolver.containers.elements
        parts = tuple([elements(self._resolver.evaluate(view, scope, argument)) for argument in call[2]])
        return (Thing("elements", at=(Thing("items", at=parts),)),)

    def _dict(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        if call[2]:
            return self._first(thing, view, scope, call) if not call[3] else None
        pairs = tuple([(None if name is None else ("const", name, pos), value) for name, value, pos in call[3]])
        return (Thing("display", at=(view.path, scope, ("dict", pairs, call[-1]))),)

    def _namespace(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        return (Thing("display", at=(view.path, scope, call)),)

    def _entered(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        found = self._evaluated(view, scope, self._argument(call, 0))
        return None if found is None else (Thing("elements", at=found),)

    def _text(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        target = self._argument(call, 0)
        if target is None:
            return None
        return self._resolver.constants.formatted(view, scope, target, call[-1])


def _outcome(thing: Thing, name: str) -> Things:
    if len(name) > _MAX_NAME:
        return UNTOLD
    return (Thing("result", name, trail=thing.trail, via=thing.via),)


def _class_of(thing: Thing) -> Things:
    if thing.kind == "instance":
        if thing.path:
            return (Thing("class", *thing[1:6], "", None, thing.trail, thing.via),)
        return (Thing("external", thing.name, trail=thing.trail, via=thing.via),)
    if thing.kind == "typevar":
        return (Thing("typevar", thing.name, index=1, at=thing.at),)
    if thing.kind == "cycle":
        return CYCLIC
    return UNTOLD


Handler = Callable[[Calls, Thing, FileView, int, Expr], Things | None]

_FIRST = Calls._first
_ELEMENTS = Calls._elements
HANDLERS: dict[str, Handler] = {
    "builtins.super": Calls._super,
    "builtins.type": Calls._type,
    "builtins.getattr": Calls._getattr,
    "builtins.globals": Calls._globals,
    "builtins.locals": Calls._globals,
    "builtins.vars": Calls._vars,
    "builtins.__import__": Calls._dunder_import,
    "importlib.__import__": Calls._dunder_import,
    "importlib.import_module": Calls._import_module,
    "importlib.reload": _FIRST,
    "pkgutil.resolve_name": Calls._named_object,
    "django.utils.module_loading.import_string": Calls._named_object,
    "werkzeug.utils.import_string": Calls._named_object,
    "pydoc.locate": Calls._named_object,
    "builtins.property": Calls._lazy,
    "functools.cached_property": Calls._lazy,
    "builtins.staticmethod": _FIRST,
    "builtins.classmethod": _FIRST,
    "builtins.next": Calls._next,
    "builtins.anext": Calls._next,
    "builtins.iter": _FIRST,
    "builtins.list": _ELEMENTS,
    "builtins.tuple": _ELEMENTS,
    "builtins.set": _ELEMENTS,
    "builtins.frozenset": _ELEMENTS,
    "builtins.sorted": _ELEMENTS,
    "builtins.reversed": _ELEMENTS,
    "itertools.cycle": _ELEMENTS,
    "builtins.enumerate": Calls._enumerate,
    "builtins.zip": Calls._zip,
    "builtins.dict": Calls._dict,
    "builtins.str": Calls._text,
    "types.MappingProxyType": _FIRST,
    "types.SimpleNamespace": Calls._namespace,
    "functools.partial": _FIRST,
    "functools.partialmethod": _FIRST,
    "functools.update_wrapper": _FIRST,
    "functools.lru_cache": _FIRST,
    "functools.cache": _FIRST,
    "functools.singledispatch": _FIRST,
    "functools.singledispatchmethod": _FIRST,
    "contextlib.contextmanager": _FIRST,
    "contextlib.asynccontextmanager": _FIRST,
    "contextlib.nullcontext": Calls._entered,
    "contextlib.closing": Calls._entered,
    "contextlib.aclosing": Calls._entered,
    "copy.copy": _FIRST,
    "copy.deepcopy": _FIRST,
    "weakref.proxy": _FIRST,
    "asyncio.run": _FIRST,
    "asyncio.create_task": _FIRST,
    "asyncio.ensure_future": _FIRST,
    "asyncio.shield": _FIRST,
    "asyncio.wait_for": _FIRST,
    "asgiref.sync.sync_to_async": _FIRST,
    "asgiref.sync.async_to_sync": _FIRST,
    "operator.attrgetter": Calls._attribute_getter,
    "operator.itemgetter": Calls._item_getter,
    "operator.methodcaller": Calls._method_caller,
    "typing.cast": Calls._cast,
    "typing.assert_type": Calls._assert_type,
    "typing.TypeVar": Calls._type_variable,
    "typing.NewType": Calls._new_type,
    "typing.runtime_checkable": _FIRST,
    "typing.final": _FIRST,
    "dataclasses.field": Calls._field,
    "attr.ib": Calls._field,
    "attrs.field": Calls._field,
    "attr.field": Calls._field,
    "pydantic.Field": Calls._field,
    "pydantic.fields.Field": Calls._field,
    "pydantic.PrivateAttr": Calls._field,
    "sqlmodel.Field": Calls._field,
    "django.utils.functional.SimpleLazyObject": Calls._lazy,
    "werkzeug.local.LocalProxy": Calls._lazy,
    "lazy_object_proxy.Proxy": Calls._lazy,
}
"""What known callables of other packages do with their arguments; None from a handler: no more than any other."""

_BY_LAST: dict[str, Handler] = {
    "Depends": Calls._depends,
    "Security": Calls._depends,
    "Singleton": Calls._provider,
    "ThreadSafeSingleton": Calls._provider,
    "Factory": Calls._provider,
    "Callable": Calls._provider,
    "Resource": Calls._provider,
}
_TRAITS: dict[str, Handler] = {
    "Instance": Calls._instance_trait,
    "ForwardDeclaredInstance": Calls._instance_trait,
    "Type": Calls._type_trait,
    "List": Calls._list_trait,
    "Set": Calls._list_trait,
    "Tuple": Calls._list_trait,
}
_DECORATOR_FACTORIES = frozenset({"functools.wraps", "functools.lru_cache", "functools.cache"})
_APPLIED_MEMBERS = frozenset({"contextlib.ExitStack().enter_context", "contextlib.AsyncExitStack().enter_async_context"})
