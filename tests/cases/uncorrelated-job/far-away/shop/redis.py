from contextlib import contextmanager

import redis


def connect():
    return redis.Redis.from_url("redis://localhost")


class Streams:
    def __init__(self):
        self.redis = connect()

    def add(self, name: str, fields: dict):
        self.redis.xadd(name, fields)

    def tick(self, count: int):
        self.redis.xadd("ticks", {"count": count})  # error: OBS402


@contextmanager
def connected():
    client = redis.Redis()
    try:
        yield client
    finally:
        client.close()


def tick(count: int):
    with connected() as client:
        client.xadd("ticks", {"count": count})  # error: OBS402
