import functools
import os
from urllib.parse import urljoin

import httpx
import requests as http

BASE = os.getenv("BILLING_URL", "http://localhost")
PATHS = ("http://api.svc.local/a", "http://api.svc.local/b")
HOSTS = {"billing": BASE}
fetch = http.get


def each(headers=None, extra=()):
    for path in PATHS:
        http.get(path)  # error: OBS401
    for path in PATHS:
        http.get(path, headers=headers or {})
    url = BASE
    url += "/bills"
    http.get(url)  # error: OBS401
    url = url.rstrip("/") + "/x"
    http.get(url)  # error: OBS401
    fetch(BASE)  # error: OBS401
    if (where := urljoin(BASE, "bills")) is not None:
        http.get(where)  # error: OBS401
    [http.get(HOSTS["billing"] + p) for p in "ab"]
    (lambda: http.get(BASE))()  # error: OBS401
    http.get(BASE if headers else "https://example.com")  # error: OBS401
    headers = {"Accept": "*/*", **dict(extra)}
    http.get(BASE, headers=headers)


def loops(url, headers):
    while url:
        url = url + url
        headers = {**headers}
        http.get(url, headers=headers)
    url = self_made = url
    return self_made


def given(headers: dict[str, str] | None = None):
    headers = {"Accept": "*/*"}
    if headers:
        headers["X-Request-Id"] = "…"
    http.get(BASE, headers=headers)


def default(url=BASE, headers=None):
    http.get(url)  # error: OBS401
    http.get(url, headers=None)  # error: OBS401
    http.get(url, headers=headers)
    functools.partial(http.get, url)()


async def nested():
    async with httpx.AsyncClient() as one, httpx.AsyncClient(headers={"x-request-id": "…"}) as other:
        async def inner():
            await one.get(BASE)  # error: OBS401
            await other.get(BASE)

        match await inner():
            case None:
                await one.post(BASE)  # error: OBS401
            case found:
                await other.post(BASE, json=found)


class Slots:
    client: httpx.Client = httpx.Client()

    @staticmethod
    def read(client: httpx.Client = httpx.Client()):
        return client.get(BASE)

    @classmethod
    def read_all(cls):
        return cls.client.get(BASE)  # error: OBS401
