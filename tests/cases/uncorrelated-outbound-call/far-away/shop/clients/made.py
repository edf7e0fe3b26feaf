from contextlib import asynccontextmanager, contextmanager

import httpx
import requests

from ..context import HEADERS

client = httpx.Client(base_url="http://api.svc.local")
correlated = httpx.Client(base_url="http://api.svc.local", headers=HEADERS)


def session():
    made = requests.Session()
    made.headers["User-Agent"] = "shop"
    return made


def correlated_session():
    made = requests.Session()
    made.headers.update(HEADERS)
    return made


@contextmanager
def opened():
    with httpx.Client(base_url="http://api.svc.local") as made:
        yield made


@asynccontextmanager
async def opened_later():
    async with httpx.AsyncClient(base_url="http://api.svc.local", headers=dict(HEADERS)) as made:
        yield made
