import json
from multiprocessing.pool import ThreadPool
from typing import Any, TypedDict

import boto3
import redis
from celery import shared_task

client = redis.Redis()
pool = ThreadPool()


class Plain(TypedDict):
    order: int


class Known(TypedDict):
    order: int
    job_id: str


@shared_task
def price(order, **kwargs):
    pass


def plain(order):
    return order


class Delayed:
    def delay(self, seconds):
        return seconds

    def send(self, what):
        return what


def others(delayed: Delayed, unknown, sock):
    delayed.delay(3)
    delayed.send(3)
    unknown.delay(3)
    unknown.publish("x", "y")
    sock.send(b"x")
    pool.apply_async(plain, (3,))
    plain(3)
    price(3)
    client.hset("orders", "a", "b")
    client.lpush("seen", "a")


def given(order: Any, plain: Plain, known: Known, number: int, raw: bytes, whatever, **kwargs):
    price.delay(number)  # error: OBS402
    price.delay(plain)  # error: OBS402
    price.delay(known)
    price.delay(order)
    price.delay(whatever)
    price.delay(raw)  # error: OBS402
    price.delay(*whatever)
    price.delay(**kwargs)
    price.delay(number, **kwargs)
    price.delay(json.loads(raw))
    price.delay({**plain})  # error: OBS402
    price.delay({"inner": {"deep": [known]}})
    price.delay(dict(order=number))  # error: OBS402
    price.delay(dict(order=number, job_id=number))
    price.delay(order=number or 3)  # error: OBS402


def filled(number: int, request_id):
    payload = {"order": number}
    payload.update(request_id=request_id)
    price.delay(payload)
    other = {}
    other["job_id"] = number
    price.delay(other)
    third = {}
    third.setdefault("order", number)
    price.delay(third)  # error: OBS402
    rows = []
    rows.append({"request_id": request_id})
    price.delay(rows)
    recursive = {"order": number}
    recursive = {"before": recursive}
    price.delay(recursive)


class Publisher:
    def __init__(self, queue_url: str):
        self.queue_url = queue_url
        self.sqs = boto3.client("sqs")
        self.sns = boto3.resource("sns")

    def send(self, body: str, text: str, message: dict):
        self.sqs.send_message(QueueUrl=self.queue_url, MessageBody=text)  # error: OBS402
        self.sqs.send_message(QueueUrl=self.queue_url, MessageBody=json.dumps(message))
        self.sqs.receive_message(QueueUrl=self.queue_url)
        self.sns.publish(PhoneNumber="1", Message=text)
