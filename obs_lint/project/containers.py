"""What is in a container: items by key, elements of an iteration, what a `with` or an `await` gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from obs_lint.facts.model import Expr
from obs_lint.project.annotations import arguments, canonical
from obs_lint.project.scopes import FileView
from obs_lint.project.thing import (
    NOTHING,
    UNKNOWN,
    UNTOLD,
    UNTOLD_KINDS,
    Thing,
    Things,
    as_kind,
    identity,
    is_untold,
    iterable,
    pack,
    union,
)

if TYPE_CHECKING:
    from obs_lint.project.resolve import Resolver

_MAPPINGS = frozenset(
    {"dict", "Dict", "Mapping", "MutableMapping", "defaultdict", "DefaultDict", "OrderedDict", "WeakValueDictionary"}
)
_ITERATORS = frozenset({"Iterator", "Iterable", "Generator", "AsyncIterator", "AsyncIterable", "AsyncGenerator"})
_MANAGERS = _ITERATORS | {
    "ContextManager",
    "AbstractContextManager",
    "AsyncContextManager",
    "AbstractAsyncContextManager",
}
_AWAITABLES = frozenset({"Awaitable", "Coroutine", "Future", "Task"})
_HOLDERS = frozenset({"ContextVar", "Queue", "SimpleQueue", "Future", "Task", "ReferenceType", "ref"})
_LOWER_GENERICS = frozenset({"list", "dict", "tuple", "set", "frozenset", "type", "deque", "defaultdict"})


def is_generic(name: str) -> bool:
    """True where brackets after the external `name` make a type, as far as the spelling tells."""
    last = name.rpartition(".")[2]
    return last in _LOWER_GENERICS or (last[:1].isupper() and not last.isupper())


def is_callable(thing: Thing) -> bool:
    """True for an object of which no more is known than that it can be called."""
    return thing.kind == "instance" and thing.name in ("typing.Callable", "collections.abc.Callable")


class Containers:
    """Looks into containers with a Resolver."""

    def __init__(self, resolver: Resolver) -> None:
        """`resolver` evaluates what is in them."""
        self._resolver = resolver

    def _arguments(self, thing: Thing) -> list[Things]:
        """Return what each of the brackets of a generic allows."""
        path, scope, _ = thing.at
        view = self._resolver.view(path)
        if view is None:
            return []
        return [
            self._resolver.annotations.instances(view, scope, part)
            for part in arguments(thing.at)
            if part[0] != "other"
        ]

    def _guarded(self, question: str, thing: Thing, compute: Callable[..., Things], *arguments: Any) -> Things:
        """Ask what is in a display: it may contain itself."""
        path, scope, expr = thing.at
        view = self._resolver.view(path)
        if view is None:
            return UNTOLD
        keys = tuple([identity(key) for key in arguments[1]]) if len(arguments) > 1 else ()
        key = (question, path, scope, expr[0], expr[-1], thing.open, thing.member, keys)
        return self._resolver.guarded(key, compute, *arguments, home=view, scope=scope)

    # -- iteration

    def elements(self, things: Things) -> Things:
        """Return what iterating gives."""
        return union([self._elements(thing) for thing in things])

    def _elements(self, thing: Thing) -> Things:
        kind = thing.kind
        resolver = self._resolver
        if kind == "display":
            return self._guarded("elements", thing, self._displayed, thing)
        if kind == "elements":
            found: Things = thing.at
            return found
        if kind == "items":
            return union(thing.at)
        if kind == "class" and resolver.classes.enum_kind(thing.path, thing.index):
            members = resolver.classes.members(thing.path, thing.index)
            return UNTOLD if members is None else members
        if kind == "instance":
            if thing.path:
                return resolver.guarded(("iterate", thing.path, thing.index), self._iterated, Thing(*thing[:5]))
            if thing.at is not None:
                parts = self._arguments(thing)
                last = canonical(thing.name).rpartition(".")[2]
                if parts:
                    return union(parts) if last in ("tuple", "Tuple") else parts[0]
        if kind == "const" and thing.at[2][1] is None:
            return NOTHING
        return UNTOLD

    def _iterated(self, thing: Thing) -> Things:
        classes = self._resolver.classes
        method = classes.method(thing, "__next__") or classes.method(thing, "__anext__")
        if method is not None:
            return self._resolver.functions.returned(method, None, 0, None)
        method = classes.method(thing, "__iter__") or classes.method(thing, "__aiter__")
        if method is not None:
            return self.elements(self._resolver.functions.returned(method, None, 0, None))
        return UNTOLD

    def _displayed(self, thing: Thing) -> Things:
        path, scope, expr = thing.at
        resolver = self._resolver
        view = resolver.view(path)
        if view is None:
            return UNTOLD
        groups: list[Things] = [UNTOLD] if thing.open else []
        tag = expr[0]
        if tag == "seq":
            for item in expr[2]:
                if item[0] == "star":
                    groups.append(self.elements(resolver.evaluate(view, scope, item[1])))
                else:
                    groups.append(resolver.evaluate(view, scope, item))
        elif tag == "dict":
            for key, value in expr[1]:
                if key is None:
                    groups.append(self.elements(resolver.evaluate(view, scope, value)))
                else:
                    groups.append(resolver.evaluate(view, scope, key))
        elif tag == "comp":
            groups.append(resolver.evaluate(view, expr[2], expr[3][0]))
        else:
            return UNTOLD
        return union(groups)

    def values(self, thing: Thing) -> Things:
        """Return all values of a mapping."""
        if thing.kind == "display":
            return self._guarded("values", thing, self._displayed_values, thing)
        if thing.kind == "instance" and not thing.path and thing.at is not None:
            parts = self._arguments(thing)
            if len(parts) > 1:
                return parts[1]
        return UNTOLD

    def _displayed_values(self, thing: Thing) -> Things:
        path, scope, expr = thing.at
        view = self._resolver.view(path)
        if view is None or expr[0] not in ("dict", "comp"):
            return UNTOLD
        groups: list[Things] = []
        if thing.open:
            groups += self._stored(thing, view)
            groups.append(UNTOLD)
        if expr[0] == "comp":
            return union([*groups, self._resolver.evaluate(view, expr[2], expr[3][-1])])
        for key, value in expr[1]:
            found = self._resolver.evaluate(view, scope, value)
            groups.append(found if key is not None else union([self.values(t) for t in found]))
        return union(groups)

    def _stored(self, thing: Thing, view: FileView) -> list[Things]:
        """Return what the file stores into the items of a variable."""
        rows = view.items_of(thing.member) if thing.member else ()
        return [self._resolver.evaluate(view, row.scope, row.value) for row in rows if row.value is not None]

    # -- items

    def item(self, thing: Thing, keys: Things) -> Things:
        """Return what `thing[key]` is, for every key that it may be."""
        kind = thing.kind
        resolver = self._resolver
        if kind == "display":
            return self._guarded("item", thing, self._shown, thing, keys)
        if kind == "names":
            groups: list[Things] = []
            for key in keys:
                name = key.at[2][1] if key.kind == "const" else None
                groups.append(resolver.attribute(thing.at, name) if isinstance(name, str) else UNTOLD)
            return union(groups)
        if kind == "items":
            parts: tuple[Things, ...] = thing.at
            groups = []
            for key in keys:
                place = key.at[2][1] if key.kind == "const" else None
                if isinstance(place, int) and -len(parts) <= place < len(parts):
                    groups.append(parts[place])
                else:
                    groups += parts
            return union(groups)
        if kind == "elements":
            found: Things = thing.at
            return found
        if kind == "external" and thing.name == "sys.modules":
            groups = []
            for key in keys:
                if key.kind == "names" and key.at.kind == "module":
                    groups.append((key.at,))
                elif key.kind == "const" and isinstance(key.at[2][1], str):
                    groups.append(resolver.members.module(key.at[2][1], thing.path))
                else:
                    groups.append(UNTOLD)
            return union(groups)
        if kind == "class" and resolver.classes.enum_kind(thing.path, thing.index):
            members = {member.member: member for member in resolver.classes.members(thing.path, thing.index) or ()}
            named = [members.get(key.at[2][1]) if key.kind == "const" else None for key in keys]
            if all(named):
                return tuple([member for member in named if member is not None])
            return (as_kind(thing, "instance"),)
        if kind == "instance":
            if thing.path:
                method = resolver.classes.method(thing, "__getitem__")
                if method is not None:
                    return resolver.functions.given(method, keys)
                return UNTOLD
            if thing.at is not None:
                return self._generic_item(thing, keys)
        return UNTOLD

    def _generic_item(self, thing: Thing, keys: Things) -> Things:
        parts = self._arguments(thing)
        last = canonical(thing.name).rpartition(".")[2]
        if last in _MAPPINGS:
            return parts[1] if len(parts) > 1 else UNTOLD
        if last in ("tuple", "Tuple"):
            places = [key.at[2][1] for key in keys if key.kind == "const"]
            if len(places) == len(keys) and all(isinstance(p, int) and 0 <= p < len(parts) for p in places):
                return union(parts[place] for place in places)
            return union(parts) or UNTOLD
        return parts[0] if parts else UNTOLD

    def _shown(self, thing: Thing, keys: Things) -> Things:
        path, scope, expr = thing.at
        resolver = self._resolver
        view = resolver.view(path)
        if view is None:
            return UNTOLD
        if expr[0] in ("dict", "comp"):
            if expr[0] == "comp" and expr[1] != "dict":
                return self._displayed(thing)
            if expr[0] == "comp" or any(key.kind in UNTOLD_KINDS for key in keys):
                return self.values(thing)
            return union([self._keyed(thing, view, scope, expr, key) for key in keys])
        if expr[0] != "seq":
            return UNTOLD
        items: tuple[Expr, ...] = expr[2]
        groups: list[Things] = []
        starred = any(item[0] == "star" for item in items)
        for key in keys:
            place = key.at[2][1] if key.kind == "const" else None
            if isinstance(place, int) and not starred and -len(items) <= place < len(items):
                groups.append(resolver.evaluate(view, scope, items[place]))
                if thing.open:
                    groups.append(UNTOLD)
            else:
                groups.append(self._displayed(thing))
        return union(groups)

    def _keyed(self, thing: Thing, view: FileView, scope: int, expr: Expr, key: Thing) -> Things:
        wanted = identity(key)
        resolver = self._resolver
        groups: list[Things] = []
        if thing.open:
            for row in view.items_of(thing.member) if thing.member else ():
                if row.value is not None:
                    stored = resolver.evaluate(view, row.scope, row.target[2])
                    if is_untold(stored) or any(identity(t) == wanted for t in stored):
                        groups.append(resolver.evaluate(view, row.scope, row.value))
        certain = False
        for written, value in reversed(expr[1]):
            if written is None:
                inner = resolver.evaluate(view, scope, value)
                groups += [self.item(t, (key,)) for t in inner]
                continue
            names = resolver.evaluate(view, scope, written)
            if any(identity(t) == wanted for t in names):
                groups.append(resolver.evaluate(view, scope, value))
                certain = len(names) == 1
                if certain:
                    break
            elif is_untold(names):
                groups.append(resolver.evaluate(view, scope, value))
        if thing.open and not certain:
            groups.append(UNTOLD)
        return union(groups)

    # -- with and await

    def entered(self, thing: Thing) -> Things:
        """Return what `with thing as x` binds."""
        if thing.kind == "elements":
            found: Things = thing.at
            return found
        if thing.kind != "instance":
            return (thing,)
        if thing.path:
            classes = self._resolver.classes
            method = classes.method(thing, "__enter__") or classes.method(thing, "__aenter__")
            if method is not None:
                result = self._resolver.functions.returned(method, None, 0, None)
                known = tuple([t for t in result if t.kind not in UNTOLD_KINDS])
                return known or (thing,)
            return (thing,)
        if thing.at is not None and canonical(thing.name).rpartition(".")[2] in _MANAGERS:
            parts = self._arguments(thing)
            if parts:
                return parts[0]
        return (thing,)

    def awaited(self, thing: Thing) -> Things:
        """Return what `await thing` gives; what a coroutine function returns counts as awaited already."""
        if thing.kind == "instance" and not thing.path and thing.at is not None:
            if canonical(thing.name).rpartition(".")[2] in _AWAITABLES:
                parts = self._arguments(thing)
                if parts:
                    return parts[-1]
        return (thing,)

    def yielded(self, thing: Thing) -> Things:
        """Return what a dependency gives: the element, where the function is a generator."""
        if thing.kind == "instance" and not thing.path and thing.at is not None:
            if canonical(thing.name).rpartition(".")[2] in _ITERATORS:
                parts = self._arguments(thing)
                if parts:
                    return parts[0]
        return self.awaited(thing)

    def called(self, thing: Thing) -> Things | None:
        """Return what calling a `Callable[…, T]` gives, None for other objects."""
        if thing.at is None or not is_callable(thing):
            return None
        path, scope, _ = thing.at
        view = self._resolver.view(path)
        parts = arguments(thing.at)
        if view is None or len(parts) < 2:
            return UNTOLD
        return union([self.awaited(t) for t in self._resolver.annotations.instances(view, scope, parts[-1])])

    # -- methods of containers

    def method(self, thing: Thing, name: str, arguments: list[Things]) -> Things | None:
        """Return what calling a method of a container gives, None where the method is not one of those known here."""
        kind = thing.kind
        if kind == "const" and thing.at[2][1] is None:
            return NOTHING
        if kind not in ("display", "names", "items", "elements", "instance") or thing.path:
            return None
        generic = thing.at is not None
        last = canonical(thing.name).rpartition(".")[2] if kind == "instance" else ""
        mapping = kind == "names" or last in _MAPPINGS or (kind == "display" and thing.at[2][0] in ("dict", "comp"))
        if name in ("get", "pop", "setdefault") and mapping and generic:
            keys = arguments[0] if arguments else UNTOLD
            found = self.item(thing, keys)
            if all(self._has(thing, key) for key in keys):
                return found
            if len(arguments) > 1:
                return union((found, arguments[1]))
            return union((found, (_none(thing),))) if name == "get" else found
        if name in ("get", "result", "get_nowait", "__call__") and last in _HOLDERS and generic:
            parts = self._arguments(thing)
            return parts[0] if parts else None
        if kind == "names" or not generic:
            return None
        if name == "copy":
            return (thing,)
        if name == "values" and mapping:
            return (iterable(self.values(thing)),)
        if name == "keys" and mapping:
            return (thing,)
        if name == "items" and mapping:
            if kind == "display" and thing.at[2][0] == "dict" and not thing.open:
                return self._pairs(thing)
            pair = pack((self._elements(thing), self.values(thing)))
            return (iterable((pair,)),)
        if name == "pop":
            return self._elements(thing)
        return None

    def _has(self, thing: Thing, key: Thing) -> bool:
        """True where the mapping certainly has the key."""
        if thing.kind == "names":
            return not is_untold(self.item(thing, (key,)))
        if thing.kind != "display" or thing.at[2][0] != "dict" or key.kind in UNTOLD_KINDS:
            return False
        path, scope, expr = thing.at
        view = self._resolver.view(path)
        wanted = identity(key)
        for written, _ in expr[1]:
            if view is not None and written is not None:
                names = self._resolver.evaluate(view, scope, written)
                if len(names) == 1 and identity(names[0]) == wanted:
                    return True
        return False

    def _pairs(self, thing: Thing) -> Things:
        path, scope, expr = thing.at
        resolver = self._resolver
        view = resolver.view(path)
        pairs: list[Thing] = []
        for key, value in expr[1]:
            if view is None or key is None or len(pairs) >= 64:
                pairs.append(UNKNOWN)
                break
            parts = (resolver.evaluate(view, scope, key), resolver.evaluate(view, scope, value))
            pairs.append(pack(parts))
        return (iterable(tuple(pairs)),)


def _none(mapping: Thing) -> Thing:
    """Return what `mapping.get(key)` is without the key."""
    path, scope, expr = mapping.at if mapping.at.__class__ is tuple else ("", 0, ("", (1, 1, 1, 1)))
    return Thing("const", at=(path, scope, ("const", None, expr[-1])))
