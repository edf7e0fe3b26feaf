"""What the examples of OBS403–406 can't show: fixes, spellings, and that each attachment covers by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from obs_lint import engine
from obs_lint.checks.canonical import Canonical, spellings
from obs_lint.config import from_table
from obs_lint.diagnostic import Applicability, Diagnostic
from obs_lint.registry.model import CorrelationField

REGISTRY = """\
format: obs-registry/1
namespace: shop
correlation:
  fields:
    request_id: {type: uuid, header: X-Request-Id, aliases: [rid]}
    correlation_id: {type: uuid, header: X-Correlation-Id}
events:
  shop.order.placed: {version: 1, summary: Placed., severity: info}
"""
SURFACE = """\
from contextvars import ContextVar

request_id = ContextVar("request_id")


def emit(event_name, payload=None, *, ctx=None):
    print(event_name, request_id.get(None))


def request_context(app):
    return app
"""


def lint(root: Path, code: str, files: dict[str, str], **config: Any) -> list[Diagnostic]:
    """Lint these files, a surface beside them, with one rule."""
    for path, text in {"shop/__init__.py": "", "shop/obs.py": SURFACE, **files}.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode())
    table = {"surface": ["shop.obs"], "logging": "central", "select": [code], **config}
    report = engine.run(from_table(table, str(root)), cwd=str(root), use_cache=False, jobs=1)
    assert not report.failures, report.failures
    return list(report.diagnostics)


def fixed(text: str, diagnostics: list[Diagnostic], applicability: Applicability) -> str:
    """Apply the edits of that applicability to a file's text."""
    lines = text.splitlines(keepends=True)
    edits = [e for d in diagnostics if d.fix and d.fix.applicability is applicability for e in d.fix.edits]
    for edit in sorted(edits, key=lambda edit: edit.span, reverse=True):
        (line, start), (last, end) = edit.span.start, edit.span.end
        assert line == last
        row = lines[line - 1]
        lines[line - 1] = row[: start - 1] + edit.text + row[end - 1 :]
    return "".join(lines)


# -- OBS404

NAMES = """\
from shop import obs


def place(order, log, request_id):
    obs.emit("shop.order.placed", {"reqId": request_id, 'rid': 1})
    log.info("placed", requestId=request_id)
    log.info("placed", requestId=1, request_id=2)
    headers = {"X-Req-Id": request_id}
    return {"req_id": request_id, "é": {"corr_id": order.correlation_id}}, headers
"""


def test_fixes_of_names(tmp_path: Path) -> None:
    found = lint(tmp_path, "OBS404", {"obs.yaml": REGISTRY, "shop/a.py": NAMES}, registry=["obs.yaml"])
    safe = fixed(NAMES, found, Applicability.SAFE)
    assert 'emit("shop.order.placed", {"request_id": request_id, \'request_id\': 1})' in safe
    assert 'log.info("placed", request_id=request_id)' in safe
    assert "requestId=1, request_id=2" in safe
    assert '{"X-Req-Id": request_id}' in safe and '{"req_id": request_id, "é"' in safe
    unsafe = fixed(NAMES, found, Applicability.UNSAFE)
    assert '{"X-Request-Id": request_id}' in unsafe
    assert '{"request_id": request_id, "é": {"correlation_id": order.correlation_id}}' in unsafe


def test_nothing_is_left_after_all_fixes(tmp_path: Path) -> None:
    text = NAMES.replace('    log.info("placed", requestId=1, request_id=2)\n', "")
    files = {"obs.yaml": REGISTRY, "shop/a.py": text}
    found = lint(tmp_path, "OBS404", files, registry=["obs.yaml"])
    for applicability in Applicability:
        text = fixed(text, found, applicability)
        found = lint(tmp_path, "OBS404", {**files, "shop/a.py": text}, registry=["obs.yaml"])
    assert found == []


def test_only_aliases(tmp_path: Path) -> None:
    files = {"obs.yaml": REGISTRY, "shop/a.py": "def place(reqId, rid):\n    return reqId, rid\n"}
    rules = {"OBS404": {"derived": False}}
    found = lint(tmp_path, "OBS404", files, registry=["obs.yaml"], rules=rules)
    assert [(d.span.start.column, d.message) for d in found] == [
        (18, "parameter `rid`: the registry calls this `request_id`")
    ]


def test_crlf_and_columns(tmp_path: Path) -> None:
    text = "def place(order, *, reqId):\r\n    é = {'ü': 1, 'rid': 2}\r\n    return é\r\n"
    found = lint(tmp_path, "OBS404", {"obs.yaml": REGISTRY, "shop/a.py": text}, registry=["obs.yaml"])
    assert [tuple(d.span.start) for d in found] == [(1, 21), (2, 18)]


@pytest.mark.parametrize("name", ["X-RequestId", "x-req-id", "X-Req-ID", "Request-Id", "X-CorrelationID", "Corr-Id"])
def test_headers(tmp_path: Path, name: str) -> None:
    text = f"def send(value):\n    return {{'headers': 1}}, value.headers.get('{name}')\n"
    found = lint(tmp_path, "OBS404", {"obs.yaml": REGISTRY, "shop/a.py": text}, registry=["obs.yaml"])
    header = "X-Request-Id" if "req" in name.lower() else "X-Correlation-Id"
    assert [d.message for d in found] == [f"header `{name}`: the registry calls this `{header}`"]


def test_spellings() -> None:
    assert set(spellings("request_id")) >= {"req_id", "reqId", "requestId", "requestID", "requestid", "reqid"}
    assert set(spellings("job_run_id")) >= {"jobRunId", "jobRunID", "jobrunid"}
    assert list(spellings("layer_name")) == [] and list(spellings("id")) == []
    assert "request_id" not in spellings("request_id")


def test_a_canonical_name_is_no_alias_of_another() -> None:
    fields = (CorrelationField("correlation_id", aliases=("trace_id", "cid")), CorrelationField("trace_id"))
    known = Canonical(fields, (), True)
    assert known.aliases == {"cid": "correlation_id"}
    assert known.named("trace_id") == "trace_id" and known.named("cid") == "correlation_id"


# -- OBS405

MIDDLEWARE = """
from contextvars import ContextVar
from starlette.middleware.base import BaseHTTPMiddleware

request_id = ContextVar("request_id")


class Ids(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        request_id.set(request.headers.get("X-Request-Id"))
        return await call_next(request)


class Wsgi:
    def __init__(self, app):
        self.app = app

    def __call__(self, environ, start_response):
        request_id.set(environ.get("HTTP_X_REQUEST_ID"))
        return self.app(environ, start_response)


class Timing(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        return await call_next(request)


async def ids(request, handler):
    request_id.set(request.headers.get("X-Request-Id"))
    return await handler(request)


async def timing(request, handler):
    return await handler(request)


def flask_ids():
    request_id.set("1")


def flask_time():
    return None


def job_ids(*args, **kwargs):
    request_id.set("1")


def job_time(*args, **kwargs):
    return None
"""
APPLICATIONS = {
    "add_middleware": (
        "from fastapi import FastAPI\napp = FastAPI()\n",
        "app.add_middleware(Ids)",
        "app.add_middleware(Timing)",
    ),
    "local": (
        "from fastapi import FastAPI\n",
        "def make():\n    app = FastAPI()\n    app.add_middleware(Ids)\n    return app",
        "def make():\n    app = FastAPI()\n    app.add_middleware(Timing)\n    return app",
    ),
    "attribute": (
        "from fastapi import FastAPI\n",
        "class Api:\n    def __init__(self):\n        self.app = FastAPI()\n        self.app.add_middleware(Ids)",
        "class Api:\n    def __init__(self):\n        self.app = FastAPI()\n        self.app.add_middleware(Timing)",
    ),
    "own class": (
        "from fastapi import FastAPI\n",
        (
            "class Api(FastAPI):\n    def __init__(self):\n        super().__init__()\n"
            "        self.add_middleware(Ids)\napp = Api()"
        ),
        (
            "class Api(FastAPI):\n    def __init__(self):\n        super().__init__()\n"
            "        self.add_middleware(Timing)\napp = Api()"
        ),
    ),
    "installer": (
        "from fastapi import FastAPI\napp = FastAPI()\n",
        "def install(api):\n    api.add_middleware(Ids)\ninstall(app)",
        "def install(api):\n    api.add_middleware(Timing)\ninstall(app)",
    ),
    "constructor": (
        "from starlette.applications import Starlette\nfrom starlette.middleware import Middleware\n",
        "app = Starlette(middleware=[Middleware(Ids)])",
        "app = Starlette(middleware=[Middleware(Timing)])",
    ),
    "list variable": (
        "from starlette.applications import Starlette\nfrom starlette.middleware import Middleware\n",
        "every = [Middleware(Timing), Middleware(Ids)]\napp = Starlette(middleware=every)",
        "every = [Middleware(Timing)]\napp = Starlette(middleware=every)",
    ),
    "wrapped": ("from fastapi import FastAPI\napp = FastAPI()\n", "app = Ids(app)", "app = Timing(app)"),
    "http decorator": (
        "from fastapi import FastAPI\napp = FastAPI()\n",
        (
            "@app.middleware('http')\nasync def f(request, call_next):\n    request_id.set('1')\n"
            "    return await call_next(request)"
        ),
        "@app.middleware('http')\nasync def f(request, call_next):\n    return await call_next(request)",
    ),
    "dependency": (
        "from fastapi import Depends, FastAPI\n",
        "app = FastAPI(dependencies=[Depends(flask_ids)])",
        "app = FastAPI(dependencies=[Depends(flask_time)])",
    ),
    "surface": (
        "from fastapi import FastAPI\nfrom shop import obs\napp = FastAPI()\n",
        "obs.request_context(app)",
        "obs.emit('shop.order.placed')",
    ),
    "flask decorator": (
        "from flask import Flask\napp = Flask(__name__)\n",
        "@app.before_request\ndef f():\n    request_id.set('1')",
        "@app.before_request\ndef f():\n    pass",
    ),
    "flask call": (
        "from flask import Flask\napp = Flask(__name__)\n",
        "app.before_request(flask_ids)",
        "app.before_request(flask_time)",
    ),
    "flask wsgi": (
        "from flask import Flask\napp = Flask(__name__)\n",
        "app.wsgi_app = Wsgi(app.wsgi_app)",
        "app.wsgi_app = Timing(app.wsgi_app)",
    ),
    "quart": (
        "from quart import Quart\napp = Quart(__name__)\n",
        "@app.before_request\nasync def f():\n    request_id.set('1')",
        "@app.before_request\nasync def f():\n    pass",
    ),
    "litestar": (
        "from litestar import Litestar\n",
        "app = Litestar(middleware=[Ids])",
        "app = Litestar(middleware=[Timing])",
    ),
    "aiohttp": (
        "from aiohttp import web\n",
        "app = web.Application(middlewares=[ids])",
        "app = web.Application(middlewares=[timing])",
    ),
    "aiohttp append": (
        "from aiohttp import web\napp = web.Application()\n",
        "app.middlewares.append(ids)",
        "app.middlewares.append(timing)",
    ),
    "tornado": (
        "import tornado.web\napp = tornado.web.Application([])\n",
        "class Base(tornado.web.RequestHandler):\n    def prepare(self):\n        request_id.set('1')",
        "class Base(tornado.web.RequestHandler):\n    def prepare(self):\n        pass",
    ),
    "celery signal": (
        "from celery import Celery\nfrom celery.signals import task_prerun\napp = Celery()\n",
        "task_prerun.connect(job_ids)",
        "task_prerun.connect(job_time)",
    ),
    "celery decorator": (
        "from celery import Celery\nfrom celery.signals import task_prerun\napp = Celery()\n",
        "@task_prerun.connect\ndef f(**kwargs):\n    request_id.set('1')",
        "@task_prerun.connect\ndef f(**kwargs):\n    pass",
    ),
    "celery task class": (
        "from celery import Celery, Task\n",
        "class Ctx(Task):\n    def __call__(self, *a):\n        request_id.set('1')\napp = Celery(task_cls=Ctx)",
        "class Ctx(Task):\n    def __call__(self, *a):\n        pass\napp = Celery(task_cls=Ctx)",
    ),
    "dramatiq": (
        "import dramatiq\nfrom dramatiq.brokers.redis import RedisBroker\nbroker = RedisBroker()\n",
        (
            "class C(dramatiq.Middleware):\n    def before_process_message(self, b, m):\n"
            "        request_id.set('1')\nbroker.add_middleware(C())"
        ),
        (
            "class C(dramatiq.Middleware):\n    def before_process_message(self, b, m):\n        pass\n"
            "broker.add_middleware(C())"
        ),
    ),
    "taskiq": (
        "from taskiq import TaskiqMiddleware\nfrom taskiq_redis import ListQueueBroker\n",
        (
            "class C(TaskiqMiddleware):\n    def pre_execute(self, m):\n        request_id.set('1')\n"
            "broker = ListQueueBroker('').with_middlewares(C())"
        ),
        (
            "class C(TaskiqMiddleware):\n    def pre_execute(self, m):\n        pass\n"
            "broker = ListQueueBroker('').with_middlewares(C())"
        ),
    ),
    "arq": (
        "import arq\n",
        "class WorkerSettings:\n    functions = []\n    on_job_start = job_ids",
        "class WorkerSettings:\n    functions = []\n    on_job_start = job_time",
    ),
    "rq": (
        "from rq import Worker\n",
        "class W(Worker):\n    def perform_job(self, job, queue):\n        request_id.set('1')\nworker = W([])",
        "class W(Worker):\n    def perform_job(self, job, queue):\n        pass\nworker = W([])",
    ),
    "django": (
        "ROOT_URLCONF = ''\n",
        "MIDDLEWARE = ['shop.middleware.Ids']",
        "MIDDLEWARE = ['shop.middleware.Timing']",
    ),
    "django added": (
        "ROOT_URLCONF = ''\nMIDDLEWARE = ['shop.middleware.Timing']\n",
        "MIDDLEWARE += ['shop.middleware.Ids']",
        "MIDDLEWARE += ['shop.middleware.Timing']",
    ),
}
IMPORTS = (
    "from shop.middleware import Ids, Timing, Wsgi, flask_ids, flask_time, ids, job_ids, job_time, request_id, timing\n"
)


SEVERAL = ("add_middleware", "constructor", "wrapped", "flask decorator")


@pytest.mark.parametrize("name, far", [*((name, False) for name in APPLICATIONS), *((name, True) for name in SEVERAL)])
def test_each_attachment_covers_its_application(tmp_path: Path, name: str, far: bool) -> None:
    head, covering, other = APPLICATIONS[name]
    more = {}
    if far:
        text = (
            "from fastapi import FastAPI\nfrom shop.middleware import Ids\nside = FastAPI()\nside.add_middleware(Ids)\n"
        )
        more = {"shop/side.py": text}
    for body, expected in ((covering, 0), (other, 1)):
        files = {"shop/middleware.py": MIDDLEWARE, "shop/app.py": IMPORTS + head + body + "\n", **more}
        found = lint(tmp_path, "OBS405", files)
        assert [d.path for d in found] == ["shop/app.py"] * expected, (body, [d.message for d in found])


def test_attached_in_another_file(tmp_path: Path) -> None:
    files = {
        "shop/middleware.py": MIDDLEWARE,
        "shop/app.py": "from fastapi import FastAPI\napp = FastAPI()\nadmin = FastAPI()\n",
        "shop/main.py": "from shop.app import app\nfrom shop.middleware import Ids\napp.add_middleware(Ids)\n",
    }
    assert [(d.path, d.span.start.line) for d in lint(tmp_path, "OBS405", files)] == [("shop/app.py", 3)]
    files["shop/main.py"] += "app.mount('/admin', admin)\n".replace("admin)", "shop.app.admin)") + "import shop.app\n"
    assert lint(tmp_path, "OBS405", files) == []


def test_gateway_of_django(tmp_path: Path) -> None:
    files = {
        "shop/middleware.py": MIDDLEWARE,
        "shop/settings.py": "INSTALLED_APPS = []\nMIDDLEWARE = []\n",
        "shop/wsgi.py": "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n",
    }
    assert [d.path for d in lint(tmp_path, "OBS405", files)] == ["shop/settings.py"]
    files["shop/wsgi.py"] += "from shop.middleware import Wsgi\napplication = Wsgi(application)\n"
    assert lint(tmp_path, "OBS405", files) == []


def test_automatic_instrumentation(tmp_path: Path) -> None:
    files = {"shop/app.py": "from fastapi import FastAPI\napp = FastAPI()\n"}
    assert len(lint(tmp_path, "OBS405", files)) == 1
    files["shop/main.py"] = "import ddtrace.auto\n"
    assert lint(tmp_path, "OBS405", files) == []


# -- OBS406

WORK = """\
import threading
from shop import obs


def price():
    obs.emit("shop.order.placed")


def place():
    threading.Thread(target=price).start()
"""


def test_instrumented_threads(tmp_path: Path) -> None:
    assert [d.span.start.line for d in lint(tmp_path, "OBS406", {"shop/a.py": WORK})] == [10]
    more = (
        "from opentelemetry.instrumentation.threading import ThreadingInstrumentor\n"
        "ThreadingInstrumentor().instrument()\n"
    )
    assert lint(tmp_path, "OBS406", {"shop/a.py": WORK, "shop/main.py": more}) == []


@pytest.mark.parametrize(
    "loop, found",
    [
        ("while True:", 0),
        ("while not stopped.is_set():", 0),
        ("while len(queue) > 3:", 1),
        ("for _ in queue:", 1),
    ],
)
def test_work_that_goes_on(tmp_path: Path, loop: str, found: int) -> None:
    text = WORK.replace("    obs.emit", f"    {loop}\n        obs.emit")
    assert len(lint(tmp_path, "OBS406", {"shop/a.py": text})) == found


def test_the_trail_leads_to_the_emission(tmp_path: Path) -> None:
    (found,) = lint(tmp_path, "OBS406", {"shop/a.py": WORK})
    assert [(step.path, step.position.line) for step in found.trail] == [("shop/a.py", 6)]
    assert found.message == "`price` is handed to a thread without the context: `obs.emit` is called there"


# -- OBS403

MINTED = "import uuid\n\n\ndef f(order):\n    order.{field} = {value}\n"


@pytest.mark.parametrize(
    "value",
    [
        "uuid.uuid4()",
        "str(uuid.uuid4())",
        "uuid.uuid4().hex",
        "uuid.uuid4().hex[:8]",
        "f'r-{uuid.uuid4()}'",
        "'r-' + str(uuid.uuid4())",
        "'r-%s' % uuid.uuid4()",
        "'r-{}'.format(uuid.uuid4())",
        "str(uuid.uuid4()).replace('-', '')",
        "order.header or str(uuid.uuid4())",
        "order.header if order.header else uuid.uuid4()",
        "order.headers.get('x', str(uuid.uuid4()))",
        "getattr(order, 'x', uuid.uuid4())",
        "(made := uuid.uuid4())",
    ],
)
def test_forms_of_fresh_ids(tmp_path: Path, value: str) -> None:
    files = {"shop/a.py": MINTED.format(field="request_id", value=value)}
    correlation = {"boundary": ["shop.edge"]}
    (found,) = lint(tmp_path, "OBS403", files, correlation=correlation)
    assert found.target == "request_id=uuid.uuid4" and found.span.start.line == 5
    assert (
        lint(
            tmp_path, "OBS403", {"shop/a.py": files["shop/a.py"].replace("request_id", "key")}, correlation=correlation
        )
        == []
    )
    assert lint(tmp_path, "OBS403", files, correlation={"boundary": ["shop.a"]}) == []


@pytest.mark.parametrize(
    "value", ["uuid.UUID(order.x)", "str(order.id)", "order.new()", "uuid.NAMESPACE_DNS", "None", "'r'"]
)
def test_other_values(tmp_path: Path, value: str) -> None:
    files = {"shop/a.py": MINTED.format(field="request_id", value=value)}
    assert lint(tmp_path, "OBS403", files, correlation={"boundary": ["shop.edge"]}) == []


@pytest.mark.parametrize(
    "evidence, found",
    [
        ("import structlog\nstructlog.contextvars.bind_contextvars(request_id='1')\n", 1),
        ("HEADER = 'X-Request-ID'\n", 1),
        ("from contextvars import ContextVar\nrid = ContextVar[str](\n    'request_id')\n", 1),
        ("def f(environ):\n    return environ['HTTP_X_REQUEST_ID']\n", 1),
        ("def f(request):\n    return request['X-Request']\n", 0),
    ],
)
def test_evidence_without_configuration(tmp_path: Path, evidence: str, found: int) -> None:
    files = {"shop/a.py": MINTED.format(field="request_id", value="uuid.uuid4()"), "shop/b.py": evidence}
    assert len(lint(tmp_path, "OBS403", {**files, "shop/obs.py": ""})) == found
