"""What known callables of other packages do with their arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from obs_lint.facts.model import Expr
from obs_lint.project.annotations import canonical
from obs_lint.project.scopes import FileView
from obs_lint.project.thing import (
    UNTOLD,
    Partial,
    Thing,
    Things,
    is_untold,
    iterable,
    opened,
    pack,
    plainly,
    union,
)
from obs_lint.project.typevars import class_of

if TYPE_CHECKING:
    from obs_lint.project.resolve import Resolver

_MAX_NAME = 400


class Externals:
    """Evaluates calls of external callables with a Resolver.

    Each handler gets the callable, the file, the scope and the call; None from it means a call like any other.
    """

    def __init__(self, resolver: Resolver) -> None:
        """`resolver` evaluates arguments."""
        self._resolver = resolver

    def called(self, thing: Thing, view: FileView, scope: int, call: Expr | None) -> Things:
        """Return what calling the external `thing` gives."""
        if call is not None:
            name = canonical(thing.name)
            handler = _HANDLERS.get(name)
            if handler is None:
                last = name.rpartition(".")[2]
                handler = _BY_LAST.get(last)
                if handler is None and name.startswith("traitlets."):
                    handler = _TRAITS.get(last)
            if handler is not None:
                found = handler(self, thing, view, scope, call)
                if found is not None:
                    return found
        return outcome(thing, thing.name)

    def applied(self, thing: Thing, view: FileView, scope: int, call: Expr | None) -> Things:
        """Return what calling the result of an external callable, or a method of such a result, gives."""
        if call is not None and thing.name in (_APPLIED_MEMBERS if thing.kind == "member" else _DECORATOR_FACTORIES):
            found = self._first(thing, view, scope, call)
            if found is not None:
                return found
        return outcome(thing, thing.name if thing.kind == "member" else f"{thing.name}()")

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

    def _first(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        return self._evaluated(view, scope, self._argument(call, 0))

    def _partial(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        found = self._evaluated(view, scope, self._argument(call, 0))
        if found is None:
            return None
        return tuple([t._replace(partial=Partial((view.path, scope, call), t.partial)) for t in found])

    def _texts(self, things: Things) -> list[str] | None:
        """Return the strings that the constants are; None where one can be something else."""
        texts = [t.at[2][1] for t in things if t.kind == "const" and isinstance(t.at[2][1], str)]
        return texts if len(texts) == len(things) else None

    def _super(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        if call[2]:
            found = self._resolver.evaluate(view, scope, call[2][0])
            return tuple([plainly(t, "parent") for t in found if t.kind == "class"]) or UNTOLD
        index = view.enclosing_class(scope)
        if index < 0:
            return UNTOLD
        row = view.classes[index]
        return (Thing("parent", f"{view.module}.{row.qualname}", view.path, index),)

    def _type(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        if len(call[2]) != 1 or call[3]:
            return UNTOLD
        return union(class_of(t) for t in self._resolver.evaluate(view, scope, call[2][0]))

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
                groups.append(resolver.members.module(text, view.path))
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
                if (
                    package[0] == "name"
                    and package[1] == "__name__"
                    and not view.path.rpartition("/")[2].startswith("__init__")
                ):
                    return UNTOLD
                groups.append(resolver.members.relative_module(view.path, level, rest))
            elif thing.kind == "const" and isinstance(thing.at[2][1], str):
                base = thing.at[2][1].split(".")
                kept = base[: len(base) - level + 1]
                groups.append(
                    resolver.members.module(".".join([*kept, rest] if rest else kept), view.path) if kept else UNTOLD
                )
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
        whole = (
            from_list is not None
            and not (from_list[0] == "seq" and not from_list[2])
            and from_list[:2] != ("const", None)
        )
        return union(resolver.members.module(t if whole else t.partition(".")[0], view.path, within=t) for t in texts)

    def _named_object(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        names = self._evaluated(view, scope, self._argument(call, 0))
        texts = None if names is None else self._texts(names)
        if texts is None:
            return None
        return union(self._resolver.members.lookup(text.replace(":", "."), view.path) for text in texts)

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
            given = self._resolver.calls.call(found, view, scope, None)
            groups.append(union(resolver.containers.yielded(t) for t in given))
        return union(groups)

    def _lazy(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        target = self._argument(call, 0)
        if target is None:
            return None
        return union(
            self._resolver.calls.call(t, view, scope, None) for t in self._resolver.evaluate(view, scope, target)
        )

    def _provider(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        if not thing.name.startswith("dependency_injector."):
            return None
        return self._first(thing, view, scope, call)

    def _field(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        resolver = self._resolver
        groups: list[Things] = [outcome(thing, thing.name)]
        for name, value, _ in call[3]:
            if name in ("default_factory", "factory"):
                made = union(
                    self._resolver.calls.call(t, view, scope, None) for t in resolver.evaluate(view, scope, value)
                )
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
        return None if inner is None else (iterable(inner),)

    def _classes(self, view: FileView, scope: int, target: Expr) -> Things:
        found = self._resolver.evaluate(view, scope, target)
        texts = self._texts(found)
        return found if texts is None else union(self._resolver.members.lookup(text, view.path) for text in texts)

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
        return (iterable(self._resolver.containers.elements(found)),)

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
        pair = pack((UNTOLD, self._resolver.containers.elements(found)))
        return (iterable((pair,)),)

    def _zip(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        if any(argument[0] == "star" for argument in call[2]):
            return None
        elements = self._resolver.containers.elements
        parts = tuple([elements(self._resolver.evaluate(view, scope, argument)) for argument in call[2]])
        return (iterable((pack(parts),)),)

    def _dict(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        if call[2]:
            return self._first(thing, view, scope, call) if not call[3] else None
        pairs = tuple([(None if name is None else ("const", name, pos), value) for name, value, pos in call[3]])
        return (Thing("display", at=(view.path, scope, ("dict", pairs, call[-1]))),)

    def _namespace(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        return (Thing("display", at=(view.path, scope, call)),)

    def _entered(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        found = self._evaluated(view, scope, self._argument(call, 0))
        return None if found is None else (iterable(found),)

    def _text(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things | None:
        target = self._argument(call, 0)
        if target is None:
            return None
        return self._resolver.constants.formatted(view, scope, target, call[-1])


def outcome(thing: Thing, name: str) -> Things:
    """Return the result of the callable `name`."""
    if len(name) > _MAX_NAME:
        return UNTOLD
    return (Thing("result", name, trail=thing.trail, via=thing.via),)


Handler = Callable[[Externals, Thing, FileView, int, Expr], Things | None]

_FIRST = Externals._first
_ELEMENTS = Externals._elements
_HANDLERS: dict[str, Handler] = {
    "builtins.super": Externals._super,
    "builtins.type": Externals._type,
    "builtins.getattr": Externals._getattr,
    "builtins.globals": Externals._globals,
    "builtins.locals": Externals._globals,
    "builtins.vars": Externals._vars,
    "builtins.__import__": Externals._dunder_import,
    "importlib.__import__": Externals._dunder_import,
    "importlib.import_module": Externals._import_module,
    "importlib.reload": _FIRST,
    "pkgutil.resolve_name": Externals._named_object,
    "django.utils.module_loading.import_string": Externals._named_object,
    "werkzeug.utils.import_string": Externals._named_object,
    "pydoc.locate": Externals._named_object,
    "builtins.property": Externals._lazy,
    "functools.cached_property": Externals._lazy,
    "builtins.staticmethod": _FIRST,
    "builtins.classmethod": _FIRST,
    "builtins.next": Externals._next,
    "builtins.anext": Externals._next,
    "builtins.iter": _FIRST,
    "builtins.list": _ELEMENTS,
    "builtins.tuple": _ELEMENTS,
    "builtins.set": _ELEMENTS,
    "builtins.frozenset": _ELEMENTS,
    "builtins.sorted": _ELEMENTS,
    "builtins.reversed": _ELEMENTS,
    "itertools.cycle": _ELEMENTS,
    "builtins.enumerate": Externals._enumerate,
    "builtins.zip": Externals._zip,
    "builtins.dict": Externals._dict,
    "builtins.str": Externals._text,
    "types.MappingProxyType": _FIRST,
    "types.SimpleNamespace": Externals._namespace,
    "functools.partial": Externals._partial,
    "functools.partialmethod": Externals._partial,
    "functools.update_wrapper": _FIRST,
    "functools.lru_cache": _FIRST,
    "functools.cache": _FIRST,
    "functools.singledispatch": _FIRST,
    "functools.singledispatchmethod": _FIRST,
    "contextlib.contextmanager": _FIRST,
    "contextlib.asynccontextmanager": _FIRST,
    "contextlib.nullcontext": Externals._entered,
    "contextlib.closing": Externals._entered,
    "contextlib.aclosing": Externals._entered,
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
    "operator.attrgetter": Externals._attribute_getter,
    "operator.itemgetter": Externals._item_getter,
    "operator.methodcaller": Externals._method_caller,
    "typing.cast": Externals._cast,
    "typing.assert_type": Externals._assert_type,
    "typing.TypeVar": Externals._type_variable,
    "typing.NewType": Externals._new_type,
    "typing.runtime_checkable": _FIRST,
    "typing.final": _FIRST,
    "dataclasses.field": Externals._field,
    "attr.ib": Externals._field,
    "attrs.field": Externals._field,
    "attr.field": Externals._field,
    "pydantic.Field": Externals._field,
    "pydantic.fields.Field": Externals._field,
    "pydantic.PrivateAttr": Externals._field,
    "sqlmodel.Field": Externals._field,
    "django.utils.functional.SimpleLazyObject": Externals._lazy,
    "werkzeug.local.LocalProxy": Externals._lazy,
    "lazy_object_proxy.Proxy": Externals._lazy,
}
_BY_LAST: dict[str, Handler] = {
    "Depends": Externals._depends,
    "Security": Externals._depends,
    "Singleton": Externals._provider,
    "ThreadSafeSingleton": Externals._provider,
    "Factory": Externals._provider,
    "Callable": Externals._provider,
    "Resource": Externals._provider,
}
_TRAITS: dict[str, Handler] = {
    "Instance": Externals._instance_trait,
    "ForwardDeclaredInstance": Externals._instance_trait,
    "Type": Externals._type_trait,
    "List": Externals._list_trait,
    "Set": Externals._list_trait,
    "Tuple": Externals._list_trait,
}
_DECORATOR_FACTORIES = frozenset({"functools.wraps", "functools.lru_cache", "functools.cache"})
_APPLIED_MEMBERS = frozenset(
    {"contextlib.ExitStack().enter_context", "contextlib.AsyncExitStack().enter_async_context"}
)
