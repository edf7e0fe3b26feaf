"""What web frameworks and queues call their routers, decorators, registrations and handler classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from obs_lint.facts.model import Anchor

VERBS = ("get", "post", "put", "patch", "delete", "head", "options", "trace")
"""Methods of HTTP, as decorators and handler methods are named after them."""

BY_METHODS = ""
"""In place of a verb: the `methods` argument says it, GET where it is absent."""
ANY = "ANY"
"""In place of a verb: every method of HTTP, or one that can't be told."""
WEBSOCKET = "WEBSOCKET"
ROUTE, TASK = "route", "task"


class Registration(NamedTuple):
    """What a decorator or a call registers."""

    framework: str
    kind: str
    """`route` or `task`."""
    verb: str = ANY
    path: int = -1
    """Position of the route's path, -1 where it has none."""
    handler: int = 0
    """Position of the handler in a call."""
    keywords: tuple[str, ...] = ()
    """Keywords of the handler."""
    named: tuple[str, ...] = ()
    """Keywords of the name that a queue knows a task by."""
    verb_at: int = -1
    """Position of the verb, where an argument says it: `add_route("GET", "/x", show)`."""


_VERB_NAMES = {name: name.upper() for name in VERBS}
_STARLETTE = {"route": BY_METHODS, "websocket_route": WEBSOCKET}
_ROUTING: Mapping[str, Mapping[str, str]] = {
    "fastapi": {**_VERB_NAMES, **_STARLETTE, "api_route": BY_METHODS, "websocket": WEBSOCKET},
    "starlette": _STARLETTE,
    "flask": {
        "route": BY_METHODS,
        "websocket": WEBSOCKET,
        **{name: name.upper() for name in ("get", "post", "put", "patch", "delete")},
    },
    "aiohttp": {**_VERB_NAMES, "view": ANY},
}
_TASK_NAMED = ("name", "task_name", "actor_name")


def _members() -> dict[tuple[str, str], Registration]:
    found = {
        (framework, method): Registration(framework, ROUTE, verb, 0)
        for framework, methods in _ROUTING.items()
        for method, verb in methods.items()
    }
    found["aiohttp", "route"] = Registration("aiohttp", ROUTE, ANY, 1, verb_at=0)
    for framework, methods in {
        "celery": ("task",),
        "taskiq": ("task",),
        "huey": ("task", "periodic_task", "context_task"),
        "dramatiq": ("actor",),
    }.items():
        found |= {(framework, m): Registration(framework, TASK, named=_TASK_NAMED) for m in methods}
    return found


DECORATING: Mapping[tuple[str, str], Registration] = _members()
"""(framework, method of its applications, routers or brokers) → what it registers as a decorator."""


def _adding() -> dict[tuple[str, str], Registration]:
    endpoint, route = ("endpoint",), ("route", "endpoint")
    rows = [
        ("fastapi", "add_api_route", BY_METHODS, 1, endpoint),
        ("fastapi", "add_route", BY_METHODS, 1, route),
        ("fastapi", "add_api_websocket_route", WEBSOCKET, 1, endpoint),
        ("fastapi", "add_websocket_route", WEBSOCKET, 1, route),
        ("starlette", "add_route", BY_METHODS, 1, route),
        ("starlette", "add_websocket_route", WEBSOCKET, 1, route),
        ("flask", "add_url_rule", BY_METHODS, 2, ("view_func",)),
        ("flask", "add_resource", ANY, 0, ("resource",)),
        ("aiohttp", "router.add_view", ANY, 1, ("handler",)),
        ("django", "register", ANY, 1, ("viewset",)),
        *[("aiohttp", f"router.add_{name}", verb, 1, ("handler",)) for name, verb in _VERB_NAMES.items()],
    ]
    found = {
        (framework, method): Registration(framework, ROUTE, verb, 0, handler, keywords)
        for framework, method, verb, handler, keywords in rows
    }
    found["flask", "add_resource"] = found["flask", "add_resource"]._replace(path=1)
    found["aiohttp", "router.add_route"] = Registration("aiohttp", ROUTE, ANY, 1, 2, ("handler",), verb_at=0)
    for name, place in {"enqueue": 0, "enqueue_call": 0, "enqueue_at": 1, "enqueue_in": 1}.items():
        found["rq", name] = Registration("rq", TASK, handler=place, keywords=("func", "f"))
    found["taskiq", "register_task"] = Registration("taskiq", TASK, keywords=("func",), named=("task_name",))
    found["celery", "register_task"] = Registration("celery", TASK, keywords=("task",))
    return found


ADDING: Mapping[tuple[str, str], Registration] = _adding()
"""(framework, method of its objects, dotted from there) → what a call of it registers."""

DECORATORS: Mapping[tuple[str, str], Registration] = {
    **{("litestar", name): Registration("litestar", ROUTE, verb, 0) for name, verb in _VERB_NAMES.items()},
    ("litestar", "route"): Registration("litestar", ROUTE, "http_method", 0),
    ("litestar", "websocket"): Registration("litestar", ROUTE, WEBSOCKET, 0),
    ("litestar", "websocket_listener"): Registration("litestar", ROUTE, WEBSOCKET, 0),
    ("litestar", "websocket_stream"): Registration("litestar", ROUTE, WEBSOCKET, 0),
    ("rest_framework", "api_view"): Registration("django", ROUTE, "http_method_names", verb_at=0),
    ("rest_framework", "action"): Registration("django", ROUTE, BY_METHODS),
    ("celery", "shared_task"): Registration("celery", TASK, named=_TASK_NAMED),
    ("celery", "task"): Registration("celery", TASK, named=_TASK_NAMED),
    ("celery", "periodic_task"): Registration("celery", TASK, named=_TASK_NAMED),
    ("dramatiq", "actor"): Registration("dramatiq", TASK, named=_TASK_NAMED),
    ("rq", "job"): Registration("rq", TASK),
    ("django_rq", "job"): Registration("rq", TASK),
    ("taskiq", "task"): Registration("taskiq", TASK, named=_TASK_NAMED),
    **{
        ("huey", name): Registration("huey", TASK, named=_TASK_NAMED)
        for name in ("task", "periodic_task", "db_task", "db_periodic_task", "on_commit_task")
    },
}
"""(root package, function) → what it registers as a decorator."""

CALLS: Mapping[tuple[str, str], Registration] = {
    ("starlette", "Route"): Registration("starlette", ROUTE, BY_METHODS, 0, 1, ("endpoint",)),
    ("starlette", "WebSocketRoute"): Registration("starlette", ROUTE, WEBSOCKET, 0, 1, ("endpoint",)),
    ("fastapi", "APIRoute"): Registration("fastapi", ROUTE, BY_METHODS, 0, 1, ("endpoint",)),
    ("fastapi", "APIWebSocketRoute"): Registration("fastapi", ROUTE, WEBSOCKET, 0, 1, ("endpoint",)),
    ("fastapi", "Route"): Registration("fastapi", ROUTE, BY_METHODS, 0, 1, ("endpoint",)),
    ("django", "path"): Registration("django", ROUTE, ANY, 0, 1, ("view",)),
    ("django", "re_path"): Registration("django", ROUTE, ANY, 0, 1, ("view",)),
    ("django", "url"): Registration("django", ROUTE, ANY, 0, 1, ("view",)),
    **{
        ("aiohttp", name): Registration("aiohttp", ROUTE, verb, 0, 1, ("handler",))
        for name, verb in _VERB_NAMES.items()
    },
    ("aiohttp", "view"): Registration("aiohttp", ROUTE, ANY, 0, 1, ("handler",)),
    ("aiohttp", "route"): Registration("aiohttp", ROUTE, ANY, 1, 2, ("handler",), verb_at=0),
    ("tornado", "url"): Registration("tornado", ROUTE, ANY, 0, 1, ("handler",)),
    ("tornado", "URLSpec"): Registration("tornado", ROUTE, ANY, 0, 1, ("handler",)),
    ("tornado", "Rule"): Registration("tornado", ROUTE, ANY, 0, 1, ("target",)),
    ("django_rq", "enqueue"): Registration("rq", TASK, keywords=("func",)),
    ("arq", "func"): Registration("arq", TASK, keywords=("coroutine",), named=("name",)),
    ("arq", "cron"): Registration("arq", TASK, keywords=("coroutine",), named=("name",)),
}
"""(root package, function or class) → what a call of it registers."""

_OWNERS: Mapping[tuple[str, str], str] = {
    ("fastapi", "FastAPI"): "fastapi",
    ("fastapi", "APIRouter"): "fastapi",
    ("starlette", "Starlette"): "starlette",
    ("starlette", "Router"): "starlette",
    ("flask", "Flask"): "flask",
    ("flask", "Blueprint"): "flask",
    ("quart", "Quart"): "flask",
    ("quart", "Blueprint"): "flask",
    ("flask_restful", "Api"): "flask",
    ("flask_restx", "Api"): "flask",
    ("flask_restx", "Namespace"): "flask",
    ("flask_smorest", "Blueprint"): "flask",
    ("aiohttp", "Application"): "aiohttp",
    ("aiohttp", "RouteTableDef"): "aiohttp",
    ("litestar", "Router"): "litestar",
    ("litestar", "Litestar"): "litestar",
    ("celery", "Celery"): "celery",
    ("rq", "Queue"): "rq",
}
OWNERS = frozenset(last for _, last in _OWNERS)
"""Last names of applications, routers and queues."""


def owner(dotted: str) -> str:
    """Return the framework whose application, router or broker the class `dotted` is; "" for any other class."""
    root, _, rest = dotted.partition(".")
    last = rest.rpartition(".")[2]
    if root == "huey" and last.endswith("Huey"):
        return "huey"
    if root == "dramatiq" and last.endswith("Broker"):
        return "dramatiq"
    if (root == "taskiq" or root.startswith("taskiq_")) and last.endswith("Broker"):
        return "taskiq"
    if root == "rest_framework" and last.endswith("Router"):
        return "django"
    return _OWNERS.get((root, last), "")


class Handling(NamedTuple):
    """Which methods of a class are called from outside."""

    framework: str
    kind: str
    methods: Mapping[str, str]
    """Name → verb; for tasks, name → ""."""


_HTTP = _VERB_NAMES
_SOCKET = {"open": WEBSOCKET, "on_message": WEBSOCKET, "on_close": WEBSOCKET}
_ENDPOINT_SOCKET = {"on_connect": WEBSOCKET, "on_receive": WEBSOCKET, "on_disconnect": WEBSOCKET}
_ACTIONS = {
    "list": "GET",
    "create": "POST",
    "retrieve": "GET",
    "update": "PUT",
    "partial_update": "PATCH",
    "destroy": "DELETE",
}
VIEW = Handling("django", ROUTE, _HTTP)
_VIEW_SET = Handling("django", ROUTE, {**_ACTIONS, **_HTTP})


def handling(dotted: str) -> Handling | None:
    """Return what the framework's class `dotted` makes of the methods of its subclasses; None for any other class."""
    parts = dotted.split(".")
    root, last = parts[0], parts[-1]
    if root == "django":
        return VIEW if "views" in parts and last.endswith("View") else None
    if root == "rest_framework":
        if "viewsets" in parts and "ViewSet" in last:
            return _VIEW_SET
        return VIEW if ("views" in parts or "generics" in parts) and last.endswith("View") else None
    if root == "tornado":
        if last == "WebSocketHandler":
            return Handling("tornado", ROUTE, {**_HTTP, **_SOCKET})
        return Handling("tornado", ROUTE, _HTTP) if "web" in parts and last.endswith("Handler") else None
    if root in ("starlette", "fastapi"):
        if last == "HTTPEndpoint":
            return Handling("starlette", ROUTE, _HTTP)
        return Handling("starlette", ROUTE, _ENDPOINT_SOCKET) if last == "WebSocketEndpoint" else None
    if root == "aiohttp":
        return Handling("aiohttp", ROUTE, _HTTP) if last == "View" and "web" in parts[1] else None
    if root in ("flask", "quart") and last in ("MethodView", "View"):
        return Handling("flask", ROUTE, _HTTP if last == "MethodView" else {"dispatch_request": ANY})
    if root in ("flask_restful", "flask_restx", "flask_restplus") and last == "Resource":
        return Handling("flask", ROUTE, _HTTP)
    if root == "celery" and last == "Task":
        return Handling("celery", TASK, {"run": ""})
    if root == "dramatiq" and last == "GenericActor":
        return Handling("dramatiq", TASK, {"perform": ""})
    return None


CONTROLLERS = frozenset({("litestar", "Controller")})
"""Classes whose methods are routes by their decorators, below the class's own `path`."""

MOUNTING: Mapping[tuple[str, str], tuple[int, tuple[str, ...], tuple[str, ...]]] = {
    ("fastapi", "include_router"): (0, ("router",), ("prefix",)),
    ("fastapi", "mount"): (1, ("app",), ("path",)),
    ("starlette", "mount"): (1, ("app",), ("path",)),
    ("flask", "register_blueprint"): (0, ("blueprint",), ("url_prefix",)),
    ("aiohttp", "add_subapp"): (1, ("subapp",), ("prefix",)),
}
"""(framework, method) → position and keywords of the object that is mounted, keywords of the prefix.

Where the mounted object is the second argument, the prefix is the first."""

PREFIXES = ("prefix", "url_prefix", "path")
"""Keywords by which a router is given its own prefix."""

PATH_KEYWORDS = ("path", "route", "rule", "regex", "prefix", "pattern", "matcher")
"""Keywords by which a registration is given its path."""

DETAILS = frozenset({"retrieve", "update", "partial_update", "destroy"})
"""Actions of a view set on one object."""

ANCHORS: tuple[Anchor, ...] = (
    Anchor(modules=("fastapi",), any_of=(b"FastAPI", b"APIRoute", b"APIWebSocketRoute")),
    Anchor(modules=("starlette",), any_of=(b"Starlette", b"Route", b"Mount", b"Endpoint")),
    Anchor(
        modules=("flask", "quart", "flask_restful", "flask_restx", "flask_restplus", "flask_smorest"),
        any_of=(b"Flask", b"Quart", b"Blueprint", b"View", b"Resource"),
    ),
    Anchor(modules=("django.urls", "django.conf.urls"), any_of=(b"path(", b"url(")),
    Anchor(modules=("django.views", "django.contrib"), any_of=(b"View)", b"View,")),
    Anchor(modules=("rest_framework",), any_of=(b"View", b"Router", b"api_view", b"action")),
    Anchor(modules=("aiohttp",), any_of=(b"web.", b"web import", b"import web")),
    Anchor(modules=("tornado",), any_of=(b"Handler", b"Application")),
    Anchor(modules=("litestar",)),
    Anchor(modules=("celery",), any_of=(b"task", b"Task", b"Celery")),
    Anchor(modules=("rq", "django_rq"), any_of=(b"job", b"enqueue", b"Queue")),
    Anchor(modules=("arq",)),
    Anchor(modules=("dramatiq",)),
    Anchor(modules=("huey",)),
    Anchor(modules=("taskiq", "taskiq_redis", "taskiq_aio_pika", "taskiq_nats", "taskiq_aio_kafka", "taskiq_sqs")),
)
"""Files that make a router, an application or a queue, or register with one that they can name by its package.

Others that register (`from shop.app import app`) are reached from these."""
