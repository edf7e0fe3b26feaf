"""Jobs as values: what is enqueued where, for which function, with which ids."""

from __future__ import annotations

from pathlib import Path

import pytest

from obs_lint.config.model import Config
from obs_lint.correlation import Canonical, Hop, hops
from tests.support import files_of, project_of

EVERY = ("correlation_id", "job_id", "job_run_id", "request_id", "trace_id")


def jobs(text: str, path: str = "shop/orders.py") -> list[Hop]:
    """Return the jobs that a file enqueues."""
    project = project_of(files_of(text))
    found = hops(project, Config(root=Path(".")), Canonical())
    assert path in found.files(project.files.values(), ("job",))
    return list(found.in_file(path, ("job",)))


def test_the_task_function_is_found() -> None:
    text = """--- shop/tasks.py
from celery import shared_task

def other():
    pass

@shared_task
def price(order_id):
    pass
--- shop/orders.py
from celery import current_app
from shop.tasks import price

def place(order_id, request_id):
    price.delay(order_id)
    price.apply_async((order_id,), {"request_id": request_id}, headers={"X-Correlation-Id": 1})
    current_app.send_task("shop.tasks.price", args=[order_id])
    current_app.send_task("shop.tasks.missing", args=[order_id])
"""
    found = [(hop.library, hop.target, hop.function, hop.carries, hop.by) for hop in jobs(text)]
    task = ("shop/tasks.py", 1)
    assert found == [
        ("celery", "shop.tasks.price", task, (), ""),
        ("celery", "shop.tasks.price", task, ("correlation_id", "request_id"), "argument"),
        ("celery", "shop.tasks.price", task, (), ""),
        ("celery", "shop.tasks.missing", None, (), ""),
    ]


def test_an_arq_job_by_the_name_of_its_function() -> None:
    text = """--- shop/worker/functions.py
async def mail(ctx, message):
    pass
--- shop/other.py
class Mail:
    async def mail(self):
        pass
--- tests/test_mail.py
async def mail():
    pass
--- shop/queue.py
from arq.connections import ArqRedis
pool: ArqRedis | None = None
--- shop/orders.py
from shop import queue

async def place(message: str):
    await queue.pool.enqueue_job("mail", message)
    await queue.pool.enqueue_job("mail", message, _job_id="x")
    await queue.pool.enqueue_job(message)
"""
    found = [(hop.target, hop.function, hop.carries, hop.complete) for hop in jobs(text)]
    function = ("shop/worker/functions.py", 0)
    assert found == [("mail", function, (), True), ("mail", function, (), True), ("<message>", None, (), True)]


@pytest.mark.parametrize(
    "argument, carries, complete",
    [
        ("3", (), True),
        ("order_id", (), True),
        ("order", (), False),
        ("order.id", (), True),
        ("order.request_id", ("request_id",), True),
        ("order['requestId']", ("request_id",), True),
        ("order.get('request_id')", ("request_id",), True),
        ("str(request_id)", ("request_id",), True),
        ("f'x-{request_id}'", ("request_id",), True),
        ("request_id_var.get()", ("request_id",), True),
        ("ctx.correlation", EVERY, True),
        ("[order_id, request_id]", ("request_id",), True),
        ("{'a': {'job_id': 1}}", ("job_id",), True),
        ("{'a': order}", (), False),
        ("json.dumps({'a': order_id})", (), True),
        ("json.dumps({'a': order_id}).encode('utf-8')", (), True),
        ("json.dumps(order).encode('utf-8')", (), False),
        ("order.model_dump()", (), False),
        ("make(order_id)", (), False),
        ("len(order)", (), True),
        ("[row.id for row in order]", (), True),
        ("[row for row in order]", (), False),
        ("*order", (), False),
        ("**order", (), False),
    ],
)
def test_arguments(argument: str, carries: tuple[str, ...], complete: bool) -> None:
    text = f"""--- shop/orders.py
import json
from celery import shared_task

@shared_task
def price(*args, **kwargs):
    pass

def place(order, order_id, request_id, ctx, request_id_var, make):
    price.delay({argument})
"""
    (hop,) = jobs(text)
    assert (hop.carries, hop.complete) == (carries, complete)


@pytest.mark.parametrize(
    "wiring, library",
    [
        (
            "from opentelemetry.instrumentation.celery import CeleryInstrumentor\nCeleryInstrumentor().instrument()",
            "celery",
        ),
        (
            "from opentelemetry.instrumentation.kafka import KafkaInstrumentor\nKafkaInstrumentor().instrument()",
            "kafka",
        ),
        ("from opentelemetry.instrumentation.pika import PikaInstrumentor\nPikaInstrumentor().instrument()", "pika"),
        (
            (
                "from opentelemetry.instrumentation.boto3sqs import Boto3SQSInstrumentor\n"
                "Boto3SQSInstrumentor().instrument()"
            ),
            "sqs",
        ),
        ("from asgi_correlation_id.extensions.celery import load_correlation_ids as load\nload()", "celery"),
        (
            (
                "import celery.signals\n"
                "celery.signals.before_task_publish.connect(lambda headers: headers.update(request_id=1))"
            ),
            "",
        ),
    ],
)
def test_what_carries_ids_for_a_library(wiring: str, library: str) -> None:
    text = f"""--- shop/wiring.py
{wiring}
--- shop/orders.py
import boto3
import pika
from celery import shared_task
from kafka import KafkaProducer

@shared_task
def price():
    pass

price.delay()
KafkaProducer().send("orders", b"")
pika.BlockingConnection().channel().basic_publish("", "orders", b"")
boto3.client("sqs").send_message(QueueUrl="orders", MessageBody="x")
"""
    covered = {hop.library for hop in jobs(text) if hop.by == "propagation"}
    assert covered == ({library} if library else covered)


def test_signatures_are_judged_where_they_are_sent() -> None:
    text = """--- shop/orders.py
from celery import chain, shared_task

@shared_task
def price():
    pass

def place(request_id):
    price.s().delay()
    chain(price.s(), price.si()).apply_async(headers={"request_id": request_id})
    return price.s()
"""
    found = [(hop.carries, hop.complete) for hop in jobs(text)]
    sent = (("request_id",), True)
    assert found == [((), True), sent, sent, ((), False)]


def test_what_is_called_alike_is_no_job() -> None:
    text = """--- shop/orders.py
import celery
import redis

class Timer:
    def delay(self, seconds):
        pass

def place(timer: Timer, unknown, pool):
    timer.delay(3)
    unknown.delay(3)
    unknown.publish("a", "b")
    pool.apply_async(place)
    redis.Redis().get("x")
    redis.Redis().lpush("recent", "x")
"""
    assert jobs(text) == []


def test_recursion_ends() -> None:
    text = """--- shop/orders.py
from celery import shared_task

@shared_task
def price(*args):
    pass

def first():
    return second()

def second():
    return first()

def place(x):
    a = b = {}
    a = {"b": b, "a": a}
    b = {"a": a}
    price.delay(a, b)
    price.delay(first())
    x = x or place(x)
    price.delay(x)
"""
    assert [hop.carries for hop in jobs(text)] == [(), (), ()]


def test_a_task_of_huey_is_enqueued_by_calling_it() -> None:
    text = """--- shop/tasks.py
from huey.contrib.djhuey import db_task, task

@task()
def pack(order_id):
    pass

@db_task(retries=3)
def ship(order_id):
    pass

def plain(order_id):
    pass
--- shop/orders.py
from shop.tasks import pack as packed, plain, ship

def place(order_id):
    packed(order_id)
    ship(order_id)
    plain(order_id)
"""
    assert [(hop.library, hop.target) for hop in jobs(text)] == [
        ("huey", "shop.tasks.pack"),
        ("huey", "shop.tasks.ship"),
    ]


def test_tasks_are_found_over_re_exports() -> None:
    text = """--- shop/application.py
from celery import Celery

app = Celery("shop")
--- shop/mails.py
from .application import app

@app.task
def mail():
    pass
--- shop/tasks.py
from .mails import mail
--- shop/orders.py
import shop.tasks as work

work.mail.delay()
"""
    assert [hop.function for hop in jobs(text)] == [("shop/mails.py", 0)]
