"""Where routers, lists of routes and handlers are mounted, and below which path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from obs_lint.entry_points.handlers import Handler, definitions, handlers
from obs_lint.entry_points.lookup import Lookup
from obs_lint.entry_points.recognition import Recognition, ends, is_meant
from obs_lint.entry_points.routing import Mount, Place, Routing, joined, plain
from obs_lint.entry_points.vocabulary import CALLS, MOUNTING, PATH_KEYWORDS, owner
from obs_lint.facts.model import Expr, FileFacts, Pos


class _Container(NamedTuple):
    """A call with a path that other registrations stand in."""

    pos: Pos
    text: str


class Mounts:
    """Reads mounts into a Routing, file by file."""

    def __init__(self, lookup: Lookup, recognition: Recognition, routing: Routing) -> None:
        """`routing` must know the routers before their mounts are read."""
        self._lookup = lookup
        self._project = lookup.project
        self._recognition = recognition
        self._routing = routing
        self._containers: dict[str, tuple[_Container, ...]] = {}
        self._lists: dict[str, tuple[tuple[Pos, str], ...]] = {}

    def read(self, path: str, facts: FileFacts) -> None:
        """Find the mounts of a file."""
        for site in facts.calls:
            call, scope = site.expr, site.scope
            if call[1][0] not in ("name", "attr"):
                continue
            for origin in self._lookup.resolve(path, scope, call[1]):
                if origin.kind == "external":
                    self._mount_list(path, facts, scope, call, origin.name)
                elif call[1][0] == "attr" and origin.kind in ("member", "function"):
                    mounting = MOUNTING.get(self._recognition.method(origin))
                    if mounting is not None:
                        self._mount_router(path, scope, call, *mounting)

        for use in facts.uses:
            if use.expr[0] == "attr" and use.expr[2] == "urls":
                self._mount_urls(path, facts, Place(path, use.scope, use.expr))

    def _mount_urls(self, path: str, facts: FileFacts, place: Place) -> None:
        """The `urls` of a router of Django's REST framework, included or put among others."""
        key = self._routing.find(Place(path, place.scope, place.expr[1]))
        if key:
            mount = Mount(self.list_key(path, facts, place.expr), self.above(path, facts, place.expr))
            self._routing.mount(key, mount)

    def _mount_router(
        self, path: str, scope: int, call: Expr, place: int, keywords: tuple[str, ...], prefixes: tuple[str, ...]
    ) -> None:
        mounted = argument(path, scope, call, place, keywords)
        key = "" if mounted is None else self._routing.find(mounted)
        if not key:
            return
        given = keyword(path, scope, call, prefixes)
        if given is None and place == 1:
            given = argument(path, scope, call, 0, ())
        parent = self._routing.find(Place(path, scope, call[1][1]))
        prefix = None if given is None else self._routing.text(given)
        self._routing.mount(key, Mount(parent, prefix, "url_prefix" in prefixes))

    def _mount_list(self, path: str, facts: FileFacts, scope: int, call: Expr, name: str) -> None:
        """`path("shop/", include("shop.urls"))`, `Mount("/shop", app=…)`, `Router("/shop", route_handlers=[…])`."""
        last = ends(name)
        if last in CALLS and CALLS[last].framework == "django" and is_meant(name, "django"):
            view = argument(path, scope, call, 1, ("view",))
            if view is not None and view.expr[0] == "call" and _last(view.expr[1]) == "include":
                text = plain(self._routing.text(argument(path, scope, call, 0, PATH_KEYWORDS)))
                prefix = joined(self.above(path, facts, call), text)
                self._include(path, view, Mount(self.list_key(path, facts, call), prefix))
        elif last[1] == "Mount" and last[0] in ("starlette", "fastapi"):
            app = argument(path, scope, call, 1, ("app",))
            key = "" if app is None else self._routing.find(app)
            if key:
                text = self._routing.text(argument(path, scope, call, 0, PATH_KEYWORDS))
                self._routing.mount(key, Mount("", joined(self.above(path, facts, call), text)))
        elif owner(name) == "litestar":
            self._mount_handlers(path, scope, call)

    def _include(self, path: str, view: Place, mount: Mount) -> None:
        included = argument(path, view.scope, view.expr, 0, ("arg",))
        if included is None:
            return
        expr = included.expr
        if expr[0] == "seq" and expr[1] == "tuple" and expr[2]:
            expr = expr[2][0]
        for key in self._included(path, view.scope, expr):
            self._routing.add(key, "")
            self._routing.mount(key, mount)

    def _included(self, path: str, scope: int, expr: Expr) -> Iterator[str]:
        """Yield the keys of the list, the module or the router that `include` is given."""
        project = self._project
        if expr[0] == "const":
            if isinstance(expr[1], str):
                for found in project.find_module(expr[1], path):
                    yield self._routing.key_of(found, 0, "urlpatterns")
            return
        if expr[0] == "attr" and expr[2] == "urls" and self._routing.find(Place(path, scope, expr[1])):
            return
        if expr[0] == "name":
            bound = project.bound(path, scope, expr[1])
            if bound is not None and any(binding.kind == "assign" for binding in bound[1]):
                yield self._routing.key_of(path, bound[0], expr[1])
                return
        for origin in self._lookup.resolve(path, scope, expr):
            if origin.kind == "module":
                yield self._routing.key_of(origin.path, 0, "urlpatterns")
            else:
                yield from origin.via[-1:]

    def _mount_handlers(self, path: str, scope: int, call: Expr) -> None:
        """The handlers of a Litestar router or application."""
        listed = keyword(path, scope, call, ("route_handlers",))
        if listed is None:
            return
        place = Place(path, scope, call)
        parent = self._routing.find(place)
        if not parent:
            parent = f"{path}:{call[-1]}"
            self._routing.add(parent, self._routing.own_prefix(place), place)
        mount = Mount(parent, None)
        for item in self.items(listed):
            key = self._routing.find(item)
            if key:
                self._routing.mount(key, mount)
            elif item.expr[0] != "call":
                for handler in handlers(self._lookup, *item):
                    self._routing.mount(handler_key(handler), mount)

    # -- what a registration stands in

    def above(self, path: str, facts: FileFacts, call: Expr) -> str:
        """Return the paths of the calls that a registration stands in, put together."""
        if path not in self._containers:
            self._containers[path] = tuple(sorted(self._find_containers(path, facts)))
        return joined(*[c.text for c in self._containers[path] if contains(c.pos, call[-1])])

    def _find_containers(self, path: str, facts: FileFacts) -> Iterator[_Container]:
        for site in facts.calls:
            call = site.expr
            if not any(argument[0] in ("call", "seq") for argument in (*call[2], *(value for _, value, _ in call[3]))):
                continue
            for origin in self._lookup.resolve(path, site.scope, call[1]):
                if origin.kind != "external":
                    continue
                last = ends(origin.name)
                is_mount = last[1] == "Mount" and last[0] in ("starlette", "fastapi")
                is_django = last in CALLS and CALLS[last].framework == "django" and is_meant(origin.name, "django")
                if is_mount or is_django:
                    text = self._routing.text(argument(path, site.scope, call, 0, PATH_KEYWORDS))
                    yield _Container(call[-1], text if is_mount else plain(text))

    def list_key(self, path: str, facts: FileFacts, call: Expr) -> str:
        """Return the key of the list that a registration stands in: `urlpatterns`, or a variable that is included."""
        if path not in self._lists:
            self._lists[path] = tuple(
                (binding.value[-1], name)
                for name, bindings in facts.scopes[0].bindings.items()
                for binding in bindings
                if binding.value is not None
            )
        name = next((name for pos, name in self._lists[path] if contains(pos, call[-1])), "urlpatterns")
        return self._routing.key_of(path, 0, name)

    # -- lists

    def items(self, place: Place) -> Iterator[Place]:
        """Yield the items of a list, of several that are put together, or of a variable that holds one."""
        yield from self._items(place, set())

    def _items(self, place: Place, seen: set[tuple[str, Pos]]) -> Iterator[Place]:
        path, scope, expr = place
        if (path, expr[-1]) in seen:
            return
        seen.add((path, expr[-1]))
        if expr[0] == "seq":
            for item in expr[2]:
                if item[0] == "star":
                    yield from self._items(Place(path, scope, item[1]), seen)
                else:
                    yield Place(path, scope, item)
        elif expr[0] == "binop":
            yield from self._items(Place(path, scope, expr[2]), seen)
            yield from self._items(Place(path, scope, expr[3]), seen)
        elif expr[0] == "call" and expr[2] and expr[1][:2] in (("name", "list"), ("name", "tuple")):
            yield from self._items(Place(path, scope, expr[2][0]), seen)
        elif expr[0] in ("name", "attr"):
            origins = self._lookup.resolve(path, scope, expr)
            for found in definitions(self._project, path, scope, expr, origins):
                yield from self._items(Place(*found), seen)


def handler_key(handler: Handler) -> str:
    """Return the key of a handler that is mounted itself."""
    return f"{handler.kind}:{handler.path}:{handler.index}"


def argument(path: str, scope: int, call: Expr, place: int, keywords: Iterable[str]) -> Place | None:
    """Return what a call is given at a position or under one of the keywords; None where it is not given."""
    if 0 <= place < len(call[2]) and not any(a[0] == "star" for a in call[2][: place + 1]):
        return Place(path, scope, call[2][place])
    return keyword(path, scope, call, keywords)


def keyword(path: str, scope: int, call: Expr, keywords: Iterable[str]) -> Place | None:
    """Return what a call is given under one of the keywords."""
    return next((Place(path, scope, value) for name, value, _ in call[3] if name in keywords), None)


def contains(outer: Pos, inner: Pos) -> bool:
    """True where one extent lies in another."""
    return outer != inner and outer[:2] <= inner[:2] and inner[2:] <= outer[2:]


def _last(expr: Expr) -> str:
    return str(expr[1]) if expr[0] == "name" else str(expr[2]) if expr[0] == "attr" else ""
