"""Entry points: routes, queue tasks, and what the configuration names, found by where their registrars come from.

Each case is a project. A comment on the line of a function's name says what reaches it:

    def show():  # entry: fastapi route GET /orders
    def show():  # entry: fastapi route GET /orders || fastapi route GET /old
    def work():  # entry: configured acme.job                                  by the configuration

What is compared is all of a project: a function without a comment is no entry point.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from obs_lint import engine
from obs_lint.config import from_table
from obs_lint.config.model import Config, InstrumentConfig
from obs_lint.config.model import EntryPoint as Named
from obs_lint.entry_points import EntryPoint, entry_points
from obs_lint.entry_points.instruments import instruments
from tests.support import files_of, project_of

MARK = re.compile(r"#\s*entry:\s*(.*?)\s*$")


def described(point: EntryPoint) -> str:
    if point.kind in ("route", "task"):
        return f"{point.framework} {point.kind} {point.name}"
    return f"{point.kind} {point.by}"


def found_in(text: str, **instrument: Any) -> tuple[dict[tuple[str, int], list[str]], dict[tuple[str, int], list[str]]]:
    """(expected, found): what reaches the function at (path, line)."""
    files = files_of(text)
    expected = {
        (path, number): sorted(mark[1].split(" || "))
        for path, content in files.items()
        for number, line in enumerate(content.splitlines(), 1)
        if (mark := MARK.search(line))
    }
    project = project_of(files)
    renamed = [row for path in files for s in project.imports(path) for row in s.names or () if row[0] != row[1]]
    project.source.renaming_imports = lambda: renamed  # type: ignore[method-assign]
    config = Config(root=Path("/nowhere"), instrument=InstrumentConfig(**instrument))
    found: dict[tuple[str, int], list[str]] = {}
    for point in entry_points(project, config).all():
        facts = project.facts(point.path)
        assert facts is not None
        line = facts.functions[point.function].name_pos[0]
        found.setdefault((point.path, line), []).append(described(point))
    return expected, {place: sorted(names) for place, names in found.items()}


CASES = {
    "fastapi": """
--- shop/main.py
from fastapi import FastAPI

from shop.orders import router
from shop.api import api

app = FastAPI()
app.include_router(router, prefix="/v1")
app.include_router(api)


@app.get("/health")
async def health():  # entry: fastapi route GET /health
    return {}


@app.on_event("startup")
async def start():
    pass


@app.middleware("http")
async def watch(request, call_next):
    return await call_next(request)


@app.exception_handler(ValueError)
async def failed(request, error):
    return None
--- shop/orders.py
from fastapi import APIRouter, Depends

PREFIX = "/orders"
router = APIRouter(prefix=PREFIX)


async def current_user():
    return None


@router.get("")
def listed(user=Depends(current_user)):  # entry: fastapi route GET /v1/orders
    return []


@router.post("/{order_id}/lines")
async def add_line(order_id):  # entry: fastapi route POST /v1/orders/{order_id}/lines
    return order_id


@router.api_route("/any", methods=["GET", "PUT"])
async def both():  # entry: fastapi route GET, PUT /v1/orders/any
    return None


@router.websocket("/live")
async def live(socket):  # entry: fastapi route WEBSOCKET /v1/orders/live
    await socket.accept()


@router.get("/a")
@router.get("/b")
async def twice():  # entry: fastapi route GET /v1/orders/a || fastapi route GET /v1/orders/b
    return None
--- shop/api.py
from fastapi import APIRouter as Router
from fastapi.routing import APIRoute
import fastapi

from shop import handlers
from shop.settings import settings

api = Router(prefix=settings.PREFIX)
api.add_api_route("/refunds", handlers.refund, methods=["POST"])
api.add_api_route("/wrapped", handlers.logged(handlers.wrapped))
api.add_websocket_route("/socket", handlers.socket)
inner = fastapi.APIRouter(routes=[APIRoute("/listed", handlers.routed)])
show = api.get("/shown")(handlers.shown)


class Orders:
    router = Router(prefix="/class")

    @router.delete("/{id}")
    def remove(self, id):  # entry: fastapi route DELETE /class/{id}
        return id

    def __init__(self):
        self.own = Router(prefix="/own")
        self.own.add_api_route("/x", self.added)

    def added(self):  # entry: fastapi route GET /own/x
        return None
--- shop/settings.py
import os


class Settings:
    def __init__(self):
        self.PREFIX = os.environ["PREFIX"]


settings = Settings()
--- shop/handlers.py
def refund():  # entry: fastapi route POST …/refunds
    return None


def logged(function):
    return function


async def wrapped():  # entry: fastapi route GET …/wrapped
    return None


async def socket(websocket):  # entry: fastapi route WEBSOCKET …/socket
    return None


def routed():  # entry: fastapi route GET /listed
    return None


def shown():  # entry: fastapi route GET …/shown
    return None


def helper():
    return None
--- shop/plain.py
class Router:
    def get(self, path):
        return lambda function: function


router = Router()


@router.get("/orders")
def no_route():
    return None
""",
    "an application imported from a module without a word of the framework": """
--- shop/app.py
import fastapi


class App(fastapi.FastAPI):
    pass


def create():
    application = App()
    return application


app = create()
--- shop/facade.py
from shop.app import app as service
--- shop/routes.py
from shop.facade import service
import shop.app as other


@service.put("/orders")
def put_order():  # entry: fastapi route PUT /orders
    return None


@other.app.head("/orders")
def head_order():  # entry: fastapi route HEAD /orders
    return None


def register(app):
    @app.get("/untold")
    def untold():
        return None
--- shop/typed.py
from fastapi import FastAPI


def register(application: FastAPI):
    @application.get("/typed")
    async def typed():  # entry: fastapi route GET /typed
        return None
--- tests/test_app.py
from shop.app import app


@app.get("/test")
def in_a_test():
    return None
""",
    "an application handed to functions": """
--- shop/main.py
from aiohttp import web

from shop.handlers import Handlers
from shop.routes import Setup, setup


def main():
    app = web.Application()
    handlers = Handlers()
    setup(app, handlers=handlers)
    Setup(app)


def other(app):
    app.router.add_get("/never", lambda request: None)
--- shop/routes.py
from shop.more import more
from shop import handlers as functions


def setup(application, handlers):
    router = application.router
    router.add_get("/", handlers.index)
    add_route = application.router.add_route
    add_route("*", "/any", functions.every)
    more(application)


class Setup:
    def __init__(self, app):
        app.router.add_put("/put", functions.put)
--- shop/more.py
from shop.handlers import last


def more(target, prefix="/last"):
    target.router.add_delete(prefix, last)
--- shop/handlers.py
class Handlers:
    async def index(self, request):  # entry: aiohttp route GET /
        return None


async def every(request):  # entry: aiohttp route ANY /any
    return None


async def put(request):  # entry: aiohttp route PUT /put
    return None


async def last(request):  # entry: aiohttp route DELETE /last
    return None
--- flaskr/__init__.py
from flask import Flask

from flaskr.views import init


def create_app():
    app = Flask(__name__)
    init(app)
    return app
--- flaskr/views.py
def init(app):
    @app.route("/nested")
    def nested():  # entry: flask route GET /nested
        return None
""",
    "starlette": """
--- shop/main.py
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.routing import Mount, Route, WebSocketRoute


async def home(request):  # entry: starlette route GET /
    return None


def order(request):  # entry: starlette route GET, POST /orders/{id}
    return None


async def live(socket):  # entry: starlette route WEBSOCKET /live
    return None


class Refunds(HTTPEndpoint):
    async def get(self, request):  # entry: starlette route GET /orders/refunds
        return None

    def total(self):
        return None


class Chat(WebSocketEndpoint):
    async def on_receive(self, websocket, data):  # entry: starlette route WEBSOCKET shop.main.Chat
        return None


def added(request):  # entry: starlette route GET /added
    return None


routes = [
    Route("/", home),
    Mount("/orders", routes=[Route("/{id}", endpoint=order, methods=["GET", "POST"]), Route("/refunds", Refunds)]),
    WebSocketRoute("/live", live),
]
app = Starlette(routes=routes)
app.add_route("/added", added)
""",
    "flask": """
--- shop/__init__.py
from flask import Flask

from shop.orders import orders
from shop.views import Refunds, Report


def create_app():
    app = Flask(__name__)
    app.register_blueprint(orders, url_prefix="/v1/orders")
    app.add_url_rule("/refunds", view_func=Refunds.as_view("refunds"))
    app.add_url_rule("/report", "report", Report.as_view("report"))
    app.add_url_rule("/plain", None, plain, methods=["POST"])

    @app.route("/health")
    def health():  # entry: flask route GET /health
        return "ok"

    @app.errorhandler(404)
    def missing(error):
        return None

    @app.before_request
    def before():
        return None

    return app


def plain():  # entry: flask route POST /plain
    return None
--- shop/orders.py
from flask import Blueprint

orders = Blueprint("orders", __name__, url_prefix="/old")


@orders.route("/", methods=("GET", "POST"))
def listed():  # entry: flask route GET, POST /v1/orders/
    return None


@orders.delete("/<int:id>")
async def remove(id):  # entry: flask route DELETE /v1/orders/<int:id>
    return None
--- shop/views.py
from flask.views import MethodView, View


class Base(MethodView):
    def get(self):  # entry: flask route GET /refunds
        return None


class Refunds(Base):
    decorators = []

    def post(self):  # entry: flask route POST /refunds
        return None

    def _hidden(self):
        return None


class Report(View):
    def dispatch_request(self):  # entry: flask route ANY /report
        return None
--- shop/rest.py
from flask_restful import Resource


class Order(Resource):
    def get(self, id):  # entry: flask route GET shop.rest.Order
        return None
""",
    "django": """
--- project/urls.py
from django.conf.urls import url
from django.contrib.auth.decorators import login_required
from django.urls import include, path, re_path
from rest_framework.routers import DefaultRouter

from shop import views
from shop.api import LineViewSet, OrderViewSet, OrderView

router = DefaultRouter()
router.register("orders", OrderViewSet)
router.register(r"lines", viewset=LineViewSet)
extra = [path("more/", views.more)]

urlpatterns = [
    path("", views.home),
    path("shop/", include("shop.urls")),
    re_path(r"^old/(?P<year>[0-9]{4})/$", views.archive),
    url(r"^legacy/$", view=views.legacy),
    path("api/", include([path("other/", views.other), *router.urls])),
    path("api/view/", OrderView.as_view()),
    path("extra/", include(extra)),
    path("nested/", include([path("deep/", login_required(views.deep))])),
]
--- shop/urls.py
from django.urls import path

from . import views

app_name = "shop"
urlpatterns = [
    path("orders/", views.OrderList.as_view()),
    path("orders/<int:pk>/", login_required(views.OrderDetail.as_view())),
]
urlpatterns += [path("posted/", views.posted)]
--- shop/views.py
from django.views import View
from django.views.decorators.http import require_http_methods, require_POST
from django.views.generic import ListView


def home(request):  # entry: django route ANY /
    return None


def archive(request, year):  # entry: django route ANY /old/<year>/
    return None


def other(request):  # entry: django route ANY /api/other/
    return None


async def legacy(request):  # entry: django route ANY /legacy/
    return None


@require_http_methods(["GET", "HEAD"])
def more(request):  # entry: django route GET, HEAD /extra/more/
    return None


def deep(request):  # entry: django route ANY /nested/deep/
    return None


@require_POST
def posted(request):  # entry: django route POST /shop/posted/
    return None


def helper(request):
    return None


class OrderList(ListView):
    model = None

    def get_queryset(self):
        return None


class OrderDetail(View):
    def get(self, request, pk):  # entry: django route GET /shop/orders/<int:pk>/
        return None

    async def delete(self, request, pk):  # entry: django route DELETE /shop/orders/<int:pk>/
        return None

    def get_object(self):
        return None
--- shop/api.py
from rest_framework import viewsets
from rest_framework.decorators import action, api_view
from rest_framework.views import APIView


class OrderViewSet(viewsets.ModelViewSet):
    def list(self, request):  # entry: django route GET /api/orders
        return None

    def partial_update(self, request, pk):  # entry: django route PATCH /api/orders/<pk>
        return None

    @action(detail=True, methods=["post"])
    def refund(self, request, pk):  # entry: django route POST /api/orders/<pk>/refund
        return None

    def get_serializer_class(self):
        return None


class LineViewSet(viewsets.ViewSet):
    def create(self, request):  # entry: django route POST /api/lines
        return None


class OrderView(APIView):
    def put(self, request):  # entry: django route PUT /api/view/
        return None


@api_view(["GET"])
def status(request):  # entry: django route GET shop.api.status
    return None
""",
    "aiohttp": """
--- shop/main.py
from aiohttp import ClientSession, web

routes = web.RouteTableDef()


@routes.get("/orders")
async def listed(request):  # entry: aiohttp route GET /orders
    return web.Response()


@routes.route("PUT", "/orders")
async def put(request):  # entry: aiohttp route PUT /orders
    return web.Response()


@routes.view("/view")
class Orders(web.View):
    async def get(self):  # entry: aiohttp route GET /view
        return web.Response()

    async def post(self):  # entry: aiohttp route POST /view
        return web.Response()


async def home(request):  # entry: aiohttp route GET /
    return web.Response()


async def save(request):  # entry: aiohttp route POST /save
    async with ClientSession() as session:
        await session.get("/not/a/route")
    return web.Response()


async def drop(request):  # entry: aiohttp route DELETE /sub/drop
    return web.Response()


class Handlers:
    async def show(self, request):  # entry: aiohttp route GET /shown
        return web.Response()


handlers = Handlers()
app = web.Application()
app.add_routes([web.get("/", home), web.post("/save", save)])
app.add_routes(routes)
app.router.add_get("/shown", handlers.show)
sub = web.Application()
sub.router.add_route("DELETE", "/drop", drop)
app.add_subapp("/sub", sub)
""",
    "tornado": """
--- shop/main.py
from tornado import web
from tornado.routing import Rule
from tornado.web import Application, url
from tornado.websocket import WebSocketHandler

from shop.base import Base


class Orders(Base):
    async def get(self):  # entry: tornado route GET /orders
        self.write("")

    @web.authenticated
    def post(self):  # entry: tornado route POST /orders
        self.write("")

    def helper(self):
        return None


class Named(Base):
    def put(self, name):  # entry: tornado route PUT /named/<name>
        return None


class Live(Base, WebSocketHandler):
    def open(self):  # entry: tornado route WEBSOCKET /live
        return None

    def on_message(self, message):  # entry: tornado route WEBSOCKET /live
        return None


class Unlisted(web.RequestHandler):
    def delete(self):  # entry: tornado route DELETE shop.main.Unlisted
        return None


default_handlers = [(r"/orders", Orders), (r"/live$", Live)]
app = Application([*default_handlers, url(r"/named/(?P<name>[a-z]+)", Named, name="named")])
--- shop/base.py
import tornado.web


class Base(tornado.web.RequestHandler):
    def options(self):  # entry: tornado route OPTIONS shop.base.Base
        return None

    def prepare(self):
        return None
--- shop/more.py
from shop.base import Base


class Refunds(Base):
    def get(self):  # entry: tornado route GET shop.more.Refunds
        return None
""",
    "litestar": """
--- shop/main.py
from litestar import Controller, Litestar, Router, get, post, route
from litestar.handlers import delete, websocket


@get("/health")
async def health() -> str:  # entry: litestar route GET /health
    return ""


@post(path=["/a", "/b"], sync_to_thread=False)
def create() -> None:  # entry: litestar route POST /v1/a
    return None


@route("/both", http_method=["GET", "PUT"])
async def both() -> None:  # entry: litestar route GET, PUT /v1/both
    return None


@websocket("/live")
async def live(socket) -> None:  # entry: litestar route WEBSOCKET /live
    return None


class Orders(Controller):
    path = "/orders"

    @get()
    async def listed(self) -> list:  # entry: litestar route GET /v1/orders
        return []

    @delete("/{order_id:int}")
    async def remove(self, order_id: int) -> None:  # entry: litestar route DELETE /v1/orders/{order_id:int}
        return None

    def helper(self):
        return None


v1 = Router(path="/v1", route_handlers=[Orders, create, both])
app = Litestar(route_handlers=[health, v1, live])
""",
    "celery": """
--- shop/__init__.py
--- shop/celery.py
from celery import Celery
from celery.schedules import crontab

app = Celery("shop")


@app.on_after_configure.connect
def schedule(sender, **kwargs):
    sender.add_periodic_task(10.0, crontab())
--- shop/tasks.py
from celery import Task, shared_task
from celery import shared_task as shared

from .celery import app


@app.task
def plain():  # entry: celery task shop.tasks.plain
    return None


@app.task(bind=True, name="shop.named")
def named(self):  # entry: celery task shop.named
    return None


@shared_task
def first():  # entry: celery task shop.tasks.first
    return None


@shared(ignore_result=True)
def second():  # entry: celery task shop.tasks.second
    return None


class Third(Task):
    name = "shop.third"

    def run(self):  # entry: celery task shop.tasks.Third
        return None

    def on_failure(self, *args):
        return None


def fourth():  # entry: celery task shop.tasks.fourth
    return None


fourth_task = app.task(fourth)
fifth_task = app.task(name="shop.fifth")(lambda: None)  # entry: celery task shop.fifth


def no_task():
    plain.delay()
""",
    "rq": """
--- shop/jobs.py
import functools

import django_rq
from redis import Redis
from rq import Queue
from rq.decorators import job

queue = Queue(connection=Redis())


@job("low", connection=Redis())
def low():  # entry: rq task shop.jobs.low
    return None


class Job(job):
    pass


work = functools.partial(Job, connection=Redis())


@django_rq.job
def bare():  # entry: rq task shop.jobs.bare
    return None
--- shop/work.py
def count(text):  # entry: rq task shop.work.count
    return len(text)


def later():  # entry: rq task shop.work.later
    return None


def by_name():  # entry: rq task shop.work.by_name
    return None


def other():
    return None
--- shop/api.py
from datetime import timedelta

from shop.jobs import queue, work
from shop.work import count, later, other


@work("low")
def partial():  # entry: rq task shop.api.partial
    return None


def request():
    queue.enqueue("shop.work.by_name")
    queue.enqueue(count, "x")
    queue.enqueue(count, "y")
    queue.enqueue_in(timedelta(1), later)
    other()
""",
    "arq": """
--- shop/functions.py
async def send(ctx):  # entry: arq task send
    return None


async def renamed(ctx):  # entry: arq task shop-renamed
    return None


async def nightly(ctx):  # entry: arq task nightly
    return None


async def third(ctx):  # entry: arq task third
    return None


async def startup(ctx):
    return None


async def by_hand(ctx):  # entry: arq task by_hand
    return None
--- shop/settings.py
from arq import cron, func
from arq.connections import RedisSettings
from arq.worker import Worker

from shop.functions import by_hand, nightly, renamed, send, startup, third

MORE = [third]


class WorkerSettings:
    functions = [send, func(renamed, name="shop-renamed"), *MORE]
    cron_jobs = [cron(nightly, hour=1)]
    on_startup = startup
    redis_settings = RedisSettings()


def run():
    Worker(functions=[by_hand])
--- shop/other.py
from shop.functions import startup


class NoWorker:
    functions = [startup]
""",
    "dramatiq": """
--- shop/actors.py
import dramatiq
from dramatiq import GenericActor, actor


@dramatiq.actor
def plain():  # entry: dramatiq task plain
    return None


@actor(actor_name="shop.named", max_retries=3)
async def named():  # entry: dramatiq task shop.named
    return None


class Work(GenericActor):
    def perform(self):  # entry: dramatiq task shop.actors.Work
        return None


def made():  # entry: dramatiq task made
    return None


made_actor = dramatiq.actor(made)
""",
    "taskiq": """
--- shop/broker.py
from taskiq_redis import ListQueueBroker

broker = ListQueueBroker("redis://")
--- shop/tasks.py
from shop.broker import broker


@broker.task
async def plain():  # entry: taskiq task shop.tasks:plain
    return None


@broker.task(task_name="shop.named", retry_on_error=True)
async def named():  # entry: taskiq task shop.named
    return None


@broker.on_event("startup")
async def start(state):
    return None
--- shop/shared.py
from taskiq import async_shared_broker
from shop.broker import broker


@async_shared_broker.task
def shared():  # entry: taskiq task shop.shared:shared
    return None


def late():  # entry: taskiq task shop.late
    return None


broker.register_task(late, task_name="shop.late")
""",
    "huey": """
--- shop/tasks.py
from huey import RedisHuey, crontab
from huey.contrib.djhuey import db_task

huey = RedisHuey("shop")


@huey.task()
def plain():  # entry: huey task plain
    return None


@huey.periodic_task(crontab(minute="0"), name="hourly")
def periodic():  # entry: huey task hourly
    return None


@db_task(retries=2)
def stored():  # entry: huey task stored
    return None
""",
}


@pytest.mark.parametrize("name", CASES)
def test_registered(name: str) -> None:
    expected, found = found_in(CASES[name])
    assert found == expected


CONFIGURED: dict[str, tuple[dict[str, Any], str]] = {
    "a wildcard means public orchestration": (
        {"targets": ("shop.services.**",)},
        """
--- shop/services/orders.py
async def place():  # entry: target shop.services.**
    def nested():
        return None

    return nested


def total():
    return 0


class Orders:
    async def cancel(self):  # entry: target shop.services.**
        return lambda: None

    def size(self):
        return 0

    class Inner:
        async def deep(self):  # entry: target shop.services.**
            return None
--- shop/services/__init__.py
async def here():  # entry: target shop.services.**
    return None
--- shop/services_old.py
async def elsewhere():
    return None
""",
    ),
    "one segment is one segment": (
        {"targets": ("shop.*.place", "shop.orders.Or*.*", "shop.refunds.*")},
        """
--- shop/orders.py
def place():  # entry: target shop.*.place
    return None


class Orders:
    async def place(self):  # entry: target shop.orders.Or*.*
        return None

    def cancel(self):
        return None


class Lines:
    async def place(self):
        return None
--- shop/refunds.py
async def refund():  # entry: target shop.refunds.*
    return None


class Refunds:
    async def refund(self):
        return None
--- shop/deep/orders.py
def place():
    return None
""",
    ),
    "a module or a class written out means the orchestration below it": (
        {"targets": ("shop.orders", "shop.refunds.Refunds", "shop.refunds.total")},
        """
--- src/shop/__init__.py
--- src/shop/orders.py
async def place():  # entry: target shop.orders
    return None


def total():
    return None
--- src/shop/refunds.py
def total():  # entry: target shop.refunds.total
    return None


class Refunds:
    async def refund(self):  # entry: target shop.refunds.Refunds
        return None

    def total(self):
        return None


class RefundsOld:
    async def refund(self):
        return None
""",
    ),
    "any number of segments in the middle": (
        {"targets": ("services.**.use_cases.*UseCase.execute",)},
        """
--- services/billing/core/use_cases.py
class RefundUseCase:
    def execute(self):  # entry: target services.**.use_cases.*UseCase.execute
        return None

    def prepare(self):
        return None
--- services/use_cases.py
class OrderUseCase:
    def execute(self):  # entry: target services.**.use_cases.*UseCase.execute
        return None


def execute():
    return None
""",
    ),
    "by decorator, under every name": (
        {"entry_points": (Named(decorator="acme.web.endpoint"), Named(decorator="shop.registry.job"))},
        """
--- shop/registry.py
from acme.web import endpoint as handles


def job(name):
    return lambda function: function
--- shop/facade.py
from shop.registry import handles as on, job as work
--- shop/orders.py
import acme.web
from acme import web
from shop import registry
from shop.facade import on, work


@acme.web.endpoint
def first():  # entry: configured acme.web.endpoint
    return None


@web.endpoint("/x")
def second():  # entry: configured acme.web.endpoint
    return None


@on("/x")
async def third():  # entry: configured acme.web.endpoint
    return None


@work("x")
def fourth():  # entry: configured shop.registry.job
    return None


class Orders:
    @registry.job("x")
    def fifth(self):  # entry: configured shop.registry.job
        return None


def endpoint(function):
    return function


@endpoint
def lookalike():
    return None
""",
    ),
    "by base and methods, over files": (
        {
            "entry_points": (
                Named(base="acme.Consumer", methods=("handle", "on_*")),
                Named(base="shop.base.Handler"),
                Named(base="shop.base.Handler", methods=("_run",)),
            )
        },
        """
--- shop/base.py
import acme


class Consumer(acme.Consumer):
    def handle(self):  # entry: configured acme.Consumer
        return None


class Handler:
    def start(self):
        return None
--- shop/again.py
from shop.base import Consumer as Base, Handler
--- shop/orders.py
from shop.again import Base
from shop import again


class Orders(Base):
    async def on_message(self):  # entry: configured acme.Consumer
        return None

    def helper(self):
        return None


class Refunds(again.Handler):
    def work(self):  # entry: configured shop.base.Handler
        return None

    def _run(self):  # entry: configured shop.base.Handler
        return None

    def _hidden(self):
        return None


class Consumer:
    def handle(self):
        return None
""",
    ),
}


@pytest.mark.parametrize("name", CONFIGURED)
def test_configured(name: str) -> None:
    instrument, text = CONFIGURED[name]
    expected, found = found_in(text, **instrument)
    assert found == expected


def test_every_target_means_sync_functions_too() -> None:
    project = project_of({"shop/orders.py": "def place():\n    pass\n\n\nasync def cancel():\n    pass\n"})
    config = Config(root=Path("/nowhere"), instrument=InstrumentConfig(targets=("shop.**",)))
    points = entry_points(project, config)
    assert [point.name for point in points.configured()] == ["shop.orders.cancel"]
    assert [point.name for point in points.every_target()] == ["shop.orders.place", "shop.orders.cancel"]


def test_what_an_entry_point_says() -> None:
    files = {
        "shop/work.py": "async def send(ctx):\n    pass\n",
        "shop/settings.py": "from arq import func\nfrom shop.work import send\n\n\nclass WorkerSettings:\n"
        "    functions = [func(send)]\n",
    }
    project = project_of(files)
    points = entry_points(project, Config(root=Path("/nowhere")))
    (point,) = points.all()
    assert (point.path, point.kind, point.framework, point.name) == ("shop/work.py", "task", "arq", "send")
    assert point.registered == ("shop/settings.py", (6, 18, 6, 28))
    assert point.handler is not None and point.handler[:2] == ("name", "send")
    assert points.of_file("shop/work.py") == points.by_function("shop/work.py", point.function) == (point,)
    assert points.of_file("shop/settings.py") == points.by_function("shop/work.py", 7) == ()


def test_files_without_frameworks_are_not_parsed() -> None:
    project = project_of({"shop/orders.py": "import json\n\n\ndef place():\n    pass\n"})
    assert entry_points(project, Config(root=Path("/nowhere"))).all() == ()
    assert project.source.asked == []  # type: ignore[attr-defined]


def test_targets_are_found_without_looking_for_routes() -> None:
    files = {
        "shop/main.py": "from fastapi import FastAPI\n\napp = FastAPI()\n",
        "shop/orders.py": "async def place():\n    pass\n",
    }
    project = project_of(files)
    config = Config(root=Path("/nowhere"), instrument=InstrumentConfig(targets=("shop.orders.*",)))
    assert [point.name for point in entry_points(project, config).configured()] == ["shop.orders.place"]
    assert project.source.asked == ["shop/orders.py"]  # type: ignore[attr-defined]


def test_names_that_are_built_from_themselves_end() -> None:
    again = "\n".join(
        f"show = wrap(show, show{number}, show)\nlisted = listed + [show] + listed" for number in range(40)
    )
    text = f"""from acme import wrap
from arq import Worker, func
from fastapi import APIRouter, FastAPI

app, other = FastAPI(), APIRouter()
app.include_router(other)
other.include_router(other, prefix="/x")
show = wrap(listed)
listed = []
{again}
app.add_api_route("/x", show)
Worker(functions=listed)


class WorkerSettings:
    functions = functions = listed


@other.get("/")
@show
def shown():
    return None


def setup(app):
    setup(app)


setup(app)
"""
    project = project_of({"shop/main.py": text})
    config = Config(root=Path("/nowhere"), instrument=InstrumentConfig(decorators=("acme.instrument",)))
    points = entry_points(project, config)
    assert {point.name for point in points.all()} == {"GET /"}
    (point,) = points.all()
    assert instruments(project, config).of_function(point.path, point.function) is None


def test_what_a_finding_says(tmp_path: Path) -> None:
    files = {
        "shop/__init__.py": "",
        "shop/obs.py": "def instrument(function):\n    return function\n",
        "shop/work.py": "from acme import retried\n\n\n@retried\nasync def send(ctx):\n    pass\n",
        "shop/settings.py": "import arq\nfrom shop.work import send\n\n\nclass Worker:\n    functions = [send]\n",
    }
    for path, text in files.items():
        target = tmp_path / path
        target.parent.mkdir(exist_ok=True)
        target.write_text(text)
    table = {
        "surface": ["shop.obs"],
        "select": ["OBS301"],
        "instrument": {"decorators": ["shop.obs.instrument"], "routes": True},
    }
    (found,) = engine.run(from_table(table, str(tmp_path)), cwd=str(tmp_path), use_cache=False, jobs=1).diagnostics
    assert found.message == "`send` has no `@instrument`: it is the arq task `send`"
    assert found.help == "Put `@instrument` of `shop.obs` directly above line 5, below its other decorators."
    assert (found.path, found.span.start, found.symbol) == ("shop/work.py", (5, 11), "shop.work.send")
    (step,) = found.trail
    assert (step.path, step.position, step.message) == (
        "shop/settings.py",
        (6, 18),
        "the arq task `send` is registered here",
    )
