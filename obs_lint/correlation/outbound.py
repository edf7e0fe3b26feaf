"""HTTP calls: who makes them, where they go, and with which headers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from obs_lint.correlation.addresses import Address, Addresses, is_internal, shown
from obs_lint.correlation.carried import NOTHING, UNTOLD, Carried, Carrying
from obs_lint.correlation.code import Code
from obs_lint.correlation.model import Canonical, Hop
from obs_lint.correlation.propagation import Propagation
from obs_lint.correlation.written import Place, Sources, Written, argument, class_of, is_splat, last_name, spelled
from obs_lint.facts.model import Anchor, Attribute, CallSite, Expr, FileFacts
from obs_lint.project import Origin, Project

ANCHORS: tuple[Anchor, ...] = (
    Anchor(modules=("requests", "httpx", "aiohttp", "urllib3", "urllib.request", "urllib")),
    Anchor(modules=("obs_surface.propagation",)),
)
"""Files that import one of the libraries."""
CALLED = rb"\.(?:get|post|put|patch|delete|head|options|request|stream|send|ws_connect|urlopen|open)\("
"""What a file must hold that calls a client which another file makes."""

MAKERS = frozenset(
    "Client AsyncClient Session session ClientSession PoolManager ProxyManager HTTPConnectionPool HTTPSConnectionPool "
    "connection_from_url proxy_from_url build_opener OpenerDirector "
    "instrument_client instrument_session ContextSession".split()
)
"""Last names of what makes a client."""
DECORATORS: frozenset[str] = frozenset()
_VERBS = ("get", "post", "put", "patch", "delete", "head", "options")


class Form(NamedTuple):
    """How a function or method is given what it sends."""

    url: int = 0
    """Position of the URL; -1 where a request object comes first."""
    headers: int = -1
    """Position of the headers, -1 where they come as a keyword only."""
    method: int = -1


_VERB_FORMS = dict.fromkeys(_VERBS, Form())
_SESSION = {**_VERB_FORMS, "request": Form(1, 5, 0)}
FUNCTIONS: Mapping[str, Mapping[str, Form]] = {
    "requests": {**_VERB_FORMS, "request": Form(1, method=0)},
    "httpx": {**_VERB_FORMS, "request": Form(1, method=0), "stream": Form(1, method=0)},
    "aiohttp": {"request": Form(1, method=0)},
    "urllib3": {"request": Form(1, method=0)},
    "urllib": {"urlopen": Form(0), "urlretrieve": Form(0)},
}
"""Library → its functions."""
METHODS: Mapping[str, Mapping[str, Form]] = {
    "requests": {**_SESSION, "send": Form(-1)},
    "httpx": {**_VERB_FORMS, "request": Form(1, method=0), "stream": Form(1, method=0), "send": Form(-1)},
    "aiohttp": {**_VERB_FORMS, "request": Form(1, method=0), "ws_connect": Form()},
    "urllib3": {
        "request": Form(1, 4, 0),
        "urlopen": Form(1, 3, 0),
        "request_encode_url": Form(1, 3, 0),
        "request_encode_body": Form(1, 3, 0),
    },
    "urllib": {"open": Form(0)},
}
"""Library → the methods of its clients."""
_CLIENTS: Mapping[str, re.Pattern[str]] = {
    "requests": re.compile(
        r"(?:requests|requests\.sessions|requests_toolbelt\..*)\.(?:\w*Session|session)"
        r"|obs_surface\.propagation\.requests\.(?:ContextSession|instrument_session)"
    ),
    "httpx": re.compile(r"httpx(?:\._client)?\.(?:Async)?Client|obs_surface\.propagation\.httpx\.instrument_client"),
    "aiohttp": re.compile(r"aiohttp(?:\.client)?\.ClientSession|obs_surface\.propagation\.aiohttp\.instrument_client"),
    "urllib3": re.compile(
        r"urllib3(?:\.\w+)?\.(?:PoolManager|ProxyManager|HTTPS?ConnectionPool|connection_from_url|proxy_from_url)"
    ),
    "urllib": re.compile(r"urllib\.request\.(?:build_opener|OpenerDirector)"),
}
_ROOTS: Mapping[str, tuple[str, ...]] = {
    "requests": ("requests", "requests.api"),
    "httpx": ("httpx", "httpx._api"),
    "aiohttp": ("aiohttp", "aiohttp.client"),
    "urllib3": ("urllib3",),
    "urllib": ("urllib.request",),
}
_INSTRUMENTING = ("instrument_client", "instrument_session", "instrument_httpx", "instrument_requests")
_WITH_HOST = ("HTTPConnectionPool", "HTTPSConnectionPool", "connection_from_url", "connection_from_host")
_HOOKS = ("event_hooks", "transport", "auth", "trace_configs", "middlewares", "hooks", "mounts", "app", "proxies")
_PLAIN = frozenset(
    "HTTPTransport AsyncHTTPTransport HTTPAdapter BasicAuth HTTPBasicAuth DigestAuth HTTPDigestAuth NetRCAuth "
    "Retry Limits RetryTransport MockTransport ASGITransport WSGITransport TraceConfig TCPConnector".split()
)


class Outbound:
    """The HTTP calls of a project."""

    def __init__(
        self,
        project: Project,
        sources: Sources,
        carrying: Carrying,
        code: Code,
        canonical: Canonical,
        internal: tuple[str, ...],
        propagation: Propagation,
    ) -> None:
        """`internal`: `correlation.internal-hosts`; `propagation` knows which libraries carry ids anyway."""
        self._project = project
        self._sources = sources
        self._carrying = carrying
        self._code = code
        self._canonical = canonical
        self._internal = internal
        self._propagation = propagation
        self._addresses = Addresses(sources)

    def in_file(self, path: str, facts: FileFacts) -> Iterator[Hop]:
        """Yield the HTTP calls of a file."""
        for site in facts.calls:
            hop = self._of_call(path, site)
            if hop is not None:
                yield hop

    # -- which call

    def _of_call(self, path: str, site: CallSite) -> Hop | None:
        func = site.expr[1]
        name = last_name(func)
        if func[0] not in ("name", "attr") or not _known(name, func):
            return None
        for origin in self._project.resolve(path, site.scope, func):
            library = _library_of_function(origin, name)
            if library:
                return self._hop(path, site, library, FUNCTIONS[library][origin.name.rpartition(".")[2]], None)
        if func[0] != "attr":
            return None
        library = self._client(path, site.scope, func[1])
        form = METHODS[library].get(name) if library else None
        if form is None:
            return None
        return self._hop(path, site, library, form, Place(path, site.scope, func[1]))

    def _client(self, path: str, scope: int, receiver: Expr) -> str:
        """Return the library whose client an expression is, "" for anything else."""
        for origin in self._sources.objects(path, scope, receiver):
            names: Iterable[str] = ()
            if origin.kind in ("result", "external") or (origin.kind == "instance" and not origin.path):
                names = (origin.name,)
            elif origin.kind == "member" and origin.name.startswith("urllib3.") and "connection_from_" in origin.name:
                return "urllib3"
            elif origin.kind == "instance":
                names = [each for each in self._project.ancestors(origin.path, origin.index) if isinstance(each, str)]
            for name in names:
                for library, pattern in _CLIENTS.items():
                    if pattern.fullmatch(name):
                        return library
        return ""

    # -- what it sends

    def _hop(self, path: str, site: CallSite, library: str, form: Form, client: Place | None) -> Hop:
        call = site.expr
        clients = self._sources.ends(client) if client is not None else ()
        url, found = self._sent(Place(path, site.scope, call), form, library)
        addresses = [] if url is None else list(self._addresses.of(url))
        bases = [address for end in clients for address in self._base(end, library)]
        targets = self._addresses.joined(bases, addresses)
        internal = any(is_internal(address, self._internal) for address in targets)
        by = "header"
        if not found.fields:
            configured = self._configured(client, clients)
            if configured.fields or not configured.complete:
                by = "propagation"
            found |= configured
        if not found.fields and (
            library in self._propagation.libraries or self._code.is_within_propagating(path, site.scope)
        ):
            found, by = Carried(frozenset(self._canonical.names)), "propagation"
        return Hop(
            path,
            site.scope,
            call,
            site.statement,
            "http",
            library,
            shown(targets),
            None,
            tuple(sorted(found.fields)),
            by if found.fields else "",
            found.complete,
            internal,
        )

    def _sent(self, place: Place, form: Form, library: str) -> tuple[Place | None, Carried]:
        """Return the URL of a call, and what its headers carry."""
        path, scope, call = place
        if form.url < 0 or library == "urllib":
            given = argument(call, 0, "request", "url", "fullurl")
            if given is None:
                return None, UNTOLD
            request = self._request(Place(path, scope, given))
            if request is not None:
                return request
            if form.url < 0:
                return None, UNTOLD
        url = argument(call, form.url, "url", "str_or_url")
        headers = argument(call, form.headers, "headers")
        found = NOTHING if headers is None else self._carrying.headers(Place(path, scope, headers))
        if headers is None and is_splat(call):
            found = self._splat(place)
        return (None if url is None else Place(path, scope, url)), found

    def _splat(self, place: Place) -> Carried:
        """What the headers carry that are among `**kwargs`."""
        path, scope, call = place
        found = UNTOLD if any(each[0] == "star" for each in call[2]) else NOTHING
        for name, value, _ in call[3]:
            if name is None:
                for end in self._sources.ends(Place(path, scope, value)):
                    found |= self._headers_among(end)
        return found

    def _headers_among(self, end: Written) -> Carried:
        place = end.place
        if place.expr[0] != "dict" and not (place.expr[0] == "call" and place.expr[1][:2] == ("name", "dict")):
            return UNTOLD
        found = NOTHING
        rows = place.expr[1] if place.expr[0] == "dict" else ()
        for key, value in rows:
            if key is None:
                return UNTOLD
            if key[0] == "const" and key[1] == "headers":
                found |= self._carrying.headers(Place(place.path, place.scope, value))
        for name, value, _ in place.expr[3] if place.expr[0] == "call" else ():
            if name == "headers":
                found |= self._carrying.headers(Place(place.path, place.scope, value))
        for own, touch in self._sources.touched(end.passed):
            if not isinstance(touch, CallSite) and touch.value is not None and touch.target[0] == "sub":
                if spelled(touch.target[1]) == spelled(own.expr):
                    found |= self._carrying.headers(Place(own.path, touch.scope, touch.value))
        return found

    def _request(self, given: Place) -> tuple[Place | None, Carried] | None:
        """Return URL and headers of a request object, None where it is none that is in sight."""
        for end in self._sources.ends(given):
            place = end.place
            if place.expr[0] != "call":
                continue
            name = last_name(place.expr)
            func = place.expr[1]
            if name == "prepare" and func[0] == "attr":
                inner = self._request(Place(place.path, place.scope, func[1]))
                return None if inner is None else (inner[0], inner[1] | self._added(end))
            if name == "prepare_request" and place.expr[2]:
                inner = self._request(Place(place.path, place.scope, place.expr[2][0]))
                return None if inner is None else (inner[0], inner[1] | self._added(end))
            if name not in ("Request", "build_request"):
                continue
            is_urllib = any(o.name.startswith("urllib.") for o in self._project.resolve(place.path, place.scope, func))
            url = argument(place.expr, 0 if is_urllib else 1, "url", "fullurl")
            headers = argument(place.expr, 2, "headers")
            found = self._added(end)
            if headers is not None:
                found |= self._carrying.headers(Place(place.path, place.scope, headers))
            elif is_splat(place.expr):
                found |= self._splat(place)
            return (None if url is None else Place(place.path, place.scope, url)), found
        return None

    def _added(self, end: Written) -> Carried:
        """What is added to the headers of a request object after it was made."""
        found = NOTHING
        for own, touch in self._sources.touched(end.passed):
            text = spelled(own.expr)
            if isinstance(touch, CallSite):
                func = touch.expr[1]
                if func[0] == "attr" and func[2] in ("add_header", "add_unredirected_header") and touch.expr[2]:
                    if spelled(func[1]) == text:
                        found |= self._carrying.header_key(Place(own.path, touch.scope, touch.expr[2][0]))
                else:
                    found |= self._touch(own, touch, text)
            elif touch.target[0] == "sub" and spelled(touch.target[1]) == f"{text}.headers":
                found |= self._carrying.header_key(Place(own.path, touch.scope, touch.target[2]))
        return found

    # -- the client

    def _base(self, end: Written, library: str) -> Iterator[Address]:
        for place in self._constructors(end.place):
            call = place.expr
            if library == "urllib3" and last_name(call) not in _WITH_HOST:
                continue
            value = argument(call, 0 if library in ("aiohttp", "urllib3") else -1, "base_url", "host")
            if value is not None:
                yield from self._addresses.of(Place(place.path, place.scope, value))

    def _constructors(self, place: Place) -> Iterator[Place]:
        """Yield the call that makes a client; of a first-party class also that of the library's constructor in it."""
        if place.expr[0] == "call":
            yield place
            origins = self._project.resolve(place.path, place.scope, place.expr[1])
        else:
            origins = self._project.resolve(*place)
        for origin in origins:
            if origin.kind not in ("class", "instance") or not origin.path:
                continue
            for ancestor in self._project.ancestors(origin.path, origin.index):
                facts = None if isinstance(ancestor, str) else self._project.facts(ancestor[0])
                if facts is None:
                    continue
                for site in facts.calls:
                    func = site.expr[1]
                    if func[0] == "attr" and func[2] == "__init__" and class_of(facts, site.scope) == ancestor[1]:
                        yield Place(str(ancestor[0]), site.scope, site.expr)

    def _configured(self, client: Place | None, clients: tuple[Written, ...]) -> Carried:
        """What a client puts into every request: default headers, hooks, transports, authentication."""
        if client is None:
            return NOTHING
        found = self._own_class(client)
        for end in clients:
            if any(self._code.is_propagating(each) for each in end.passed):
                return Carried(frozenset(self._canonical.names))
            if end.place.expr[:2] == ("const", None):
                continue
            made = list(self._constructors(end.place))
            for place in made:
                found |= self._constructed(place)
            if not made:
                found |= UNTOLD
            for own, touch in self._sources.touched(end.passed):
                found |= self._touch(own, touch, spelled(own.expr))
        return found

    def _own_class(self, client: Place) -> Carried:
        for origin in self._project.resolve(*client):
            if self._code.is_named(origin):
                return Carried(frozenset(self._canonical.names))
            if origin.kind == "instance" and origin.path and self._code.class_carries(origin.path, origin.index):
                return Carried(frozenset(self._canonical.names))
        return NOTHING

    def _constructed(self, place: Place) -> Carried:
        path, scope, call = place
        found = NOTHING
        for name, value, _ in call[3]:
            inner = Place(path, scope, value)
            if name == "headers":
                found |= self._carrying.headers(inner)
            elif name in _HOOKS:
                found |= self._hooked(inner)
            elif name is None:
                found |= UNTOLD
        if last_name(call) == "build_opener":
            for value in call[2]:
                found |= self._hooked(Place(path, scope, value))
        return found

    def _hooked(self, place: Place, depth: int = 0) -> Carried:
        """What hooks, a transport, an adapter or an authentication object carry."""
        if depth > 4:
            return UNTOLD
        path, scope, expr = place
        if expr[0] in ("dict", "seq"):
            values = [v for _, v in expr[1]] if expr[0] == "dict" else list(expr[2])
            found = NOTHING
            for value in values:
                found |= self._hooked(Place(path, scope, value), depth + 1)
            return found
        origins = self._project.resolve(path, scope, expr)
        if any(self._origin_carries(origin) for origin in origins):
            return Carried(frozenset(self._canonical.names))
        if any(
            origin.kind in ("function", "class") or (origin.kind == "instance" and origin.path) for origin in origins
        ):
            inner = expr[2] if expr[0] == "call" else ()
            found = NOTHING
            for value in (*inner, *(v for _, v, _ in expr[3] if expr[0] == "call")) if expr[0] == "call" else ():
                found |= self._hooked(Place(path, scope, value), depth + 1)
            return NOTHING if not found.fields else found
        found = NOTHING
        for end in self._sources.ends(place):
            inner_expr = end.place.expr
            if inner_expr[0] == "const" or inner_expr[0] in ("fstr", "seq", "dict"):
                if inner_expr is not expr and inner_expr[0] in ("seq", "dict"):
                    found |= self._hooked(end.place, depth + 1)
                continue
            if self._code.is_propagating(end.place):
                return Carried(frozenset(self._canonical.names))
            for own, touch in self._sources.touched(end.passed):
                found |= self._hook_touch(own, touch)
            if inner_expr[0] == "call":
                if last_name(inner_expr) in _PLAIN or last_name(inner_expr)[:1].islower():
                    for value in (*inner_expr[2], *(v for _, v, _ in inner_expr[3])):
                        if value[0] in ("call", "name") and last_name(value)[:1].isupper():
                            found |= self._hooked(Place(end.place.path, end.place.scope, value), depth + 1)
                    continue
                found |= UNTOLD
            else:
                found |= UNTOLD
        return found

    def _hook_touch(self, own: Place, touch: CallSite | Attribute) -> Carried:
        """`trace_config.on_request_start.append(add_ids)`."""
        if isinstance(touch, CallSite) and touch.expr[1][0] == "attr" and touch.expr[1][2] == "append":
            for value in touch.expr[2]:
                for origin in self._project.resolve(own.path, touch.scope, value):
                    if self._origin_carries(origin):
                        return Carried(frozenset(self._canonical.names))
        return NOTHING

    def _origin_carries(self, origin: Origin) -> bool:
        if self._code.is_named(origin):
            return True
        if origin.kind == "function" and origin.path:
            return self._code.carries(origin.path, origin.index)
        if origin.kind in ("class", "instance") and origin.path:
            return self._code.class_carries(origin.path, origin.index)
        name = origin.name.lower()
        return origin.kind in ("external", "result", "instance") and "opentelemetry" in name

    def _touch(self, own: Place, touch: CallSite | Attribute, text: str) -> Carried:
        """What is done to a client, or to a request, under one of its names."""
        if isinstance(touch, CallSite):
            func, scope = touch.expr[1], touch.scope
            whole = spelled(func)
            if whole in (f"{text}.headers.update", f"{text}._default_headers.update", f"{text}.headers.extend"):
                found = NOTHING
                for value in touch.expr[2]:
                    found |= self._carrying.headers(Place(own.path, scope, value))
                for name, _, _ in touch.expr[3]:
                    if name is not None:
                        found |= Carried(frozenset(self._canonical.of_header(name)))
                return found
            if whole in (f"{text}.headers.setdefault", f"{text}.headers.__setitem__", f"{text}.headers.add"):
                return self._carrying.header_key(Place(own.path, scope, touch.expr[2][0])) if touch.expr[2] else NOTHING
            if whole == f"{text}.mount" and len(touch.expr[2]) == 2:
                return self._hooked(Place(own.path, scope, touch.expr[2][1]))
            if whole.startswith((f"{text}.event_hooks", f"{text}.hooks")):
                found = NOTHING
                for value in touch.expr[2]:
                    found |= self._hooked(Place(own.path, scope, value))
                return found
            given = [*touch.expr[2], *(value for _, value, _ in touch.expr[3])]
            if any(spelled(value) in (text, f"{text}.headers") and value[0] in ("name", "attr") for value in given):
                if last_name(func) in _INSTRUMENTING:
                    return Carried(frozenset(self._canonical.names))
                return self._carrying.handed(Place(own.path, scope, touch.expr))
            return NOTHING
        target, value, scope = touch.target, touch.value, touch.scope
        if target[0] == "sub":
            whole = spelled(target[1])
            if whole == f"{text}.headers":
                return self._carrying.header_key(Place(own.path, scope, target[2]))
            if whole in (f"{text}.event_hooks", f"{text}.hooks") and value is not None:
                return self._hooked(Place(own.path, scope, value))
            return NOTHING
        if value is None:
            return NOTHING
        whole = spelled(target)
        if whole == f"{text}.headers":
            return self._carrying.headers(Place(own.path, scope, value))
        if whole in (f"{text}.auth", f"{text}.event_hooks", f"{text}.hooks", f"{text}.transport"):
            return self._hooked(Place(own.path, scope, value))
        return NOTHING


def _known(name: str, func: Expr) -> bool:
    return name in _NAMES if func[0] == "attr" else True


_NAMES = frozenset(name for table in (*FUNCTIONS.values(), *METHODS.values()) for name in table)


def _library_of_function(origin: Origin, name: str) -> str:
    if origin.kind != "external":
        return ""
    home, _, last = origin.name.rpartition(".")
    for library, roots in _ROOTS.items():
        if home in roots and last in FUNCTIONS[library]:
            return library
    return ""
