"""HTTP calls as values: where they go, what they carry, and what carries it."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from obs_lint.config.model import Config, CorrelationConfig
from obs_lint.correlation import Canonical, Hop, anchors, hops
from obs_lint.correlation.addresses import is_internal
from obs_lint.registry.model import CorrelationField
from tests.support import files_of, project_of


def calls(
    text: str, *internal: str, propagating: tuple[str, ...] = (), canonical: Canonical | None = None
) -> list[Hop]:
    """Return the HTTP calls of `shop/calls.py`."""
    files = files_of(text) if text.lstrip().startswith("---") else {"shop/calls.py": dedent(text)}
    config = Config(root=Path("."), correlation=CorrelationConfig(internal_hosts=internal, propagating=propagating))
    project = project_of(files)
    found = hops(project, config, canonical or Canonical())
    assert "shop/calls.py" in found.files(project.files.values(), ("http",))
    return list(found.in_file("shop/calls.py", ("http",)))


@pytest.mark.parametrize(
    "url, shown",
    [
        ('"http://api/jobs"', "http://api/jobs"),
        ('f"http://api/jobs/{number}"', "http://api/jobs/<number>"),
        ('BASE + "/jobs"', "http://base/jobs"),
        ('BASE + f"/jobs/{number}/x"', "http://base/jobs/<number>/x"),
        ('"{}/jobs/{}".format(BASE, number)', "http://base/jobs/<number>"),
        ('"%s/jobs" % BASE', "http://base/jobs"),
        ('urljoin(BASE, "jobs")', "http://base/jobs"),
        ('urljoin(BASE, "http://other/jobs")', "http://other/jobs"),
        ('os.environ["API"] + "/jobs"', "<os.environ>/jobs"),
        ("number", "<number>"),
        ("3", ""),
    ],
)
def test_targets(url: str, shown: str) -> None:
    text = f"""
        import os
        from urllib.parse import urljoin

        import requests

        BASE = "http://base"

        def read(number):
            requests.get({url})
        """
    assert [hop.target for hop in calls(text)] == [shown]


@pytest.mark.parametrize(
    "address, hosts, expected",
    [
        (("http://api.svc.local/x",), ("*.svc.local",), True),
        (("http://api.svc.local:80/x",), ("api.svc.local",), True),
        (("http://api.svc.local:80/x",), ("api.svc.local:81",), False),
        (("http://api.svc.local:80/x",), ("http://api.svc.local:80/",), True),
        (("ws://API.svc.local",), ("api.SVC.local",), True),
        (("http://svc.local",), ("*.svc.local",), False),
        (("http://api.svc.local.example.com",), ("*.svc.local",), False),
        (("https://example.com/http://api.svc.local",), ("*.svc.local",), False),
        ((("settings.API_URL",), "/x"), ("API_URL",), True),
        ((("settings.API_URL",), "/x"), ("settings.API_URL",), True),
        ((("shop.settings.API_URL",), "/x"), ("settings.API_URL",), True),
        ((("settings.API_URL",), "/x"), ("URL",), False),
        ((("settings.API_URL",), "/x"), ("*_URL",), True),
        ((frozenset({"API_URL"}), "http://api/x"), ("API_URL",), True),
        ((frozenset({"API_URL"}), "http://api/x"), ("api",), True),
        (("http://", ("host",), ":80/x"), ("host",), True),
        (("http://", ("name",), ".svc.local/x"), ("*.svc.local",), True),
        (("http://example.com/", ("host",)), ("host",), False),
        (("/x/", ("host",)), ("host",), False),
        ((), ("*",), False),
        (("",), ("*",), False),
    ],
)
def test_internal_hosts(address: tuple[str], hosts: tuple[str, ...], expected: bool) -> None:
    assert is_internal(address, hosts) is expected


def test_what_is_carried_and_by_what() -> None:
    text = """
        import httpx
        from opentelemetry.propagate import inject

        client = httpx.Client(headers={"X-Request-Id": "a", "traceparent": "b"})
        bare = httpx.Client()

        def read(headers, trace):
            client.get("http://x")
            bare.get("http://x")
            bare.get("http://x", headers={"X-Correlation-Id": "a"})
            bare.get("http://x", headers=headers)
            inject(trace)
            own = {}
            inject(own)
            bare.get("http://x", headers=own)
        """
    found = [(hop.carries, hop.by, hop.complete) for hop in calls(text)]
    every = ("correlation_id", "job_id", "job_run_id", "request_id", "trace_id")
    assert found == [
        (("request_id", "trace_id"), "propagation", True),
        ((), "", True),
        (("correlation_id",), "header", True),
        ((), "", False),
        (every, "header", True),
    ]


def test_a_registry_decides_which_headers_count() -> None:
    canonical = Canonical([CorrelationField("flow_id", header="X-Flow", aliases=("flow",))])
    text = """
        import requests

        def read():
            requests.get("http://x", headers={"x-flow": "1"})
            requests.get("http://x", headers={"flow_id": "1"})
            requests.get("http://x", headers={"X-Request-Id": "1"})
        """
    assert [hop.carries for hop in calls(text, canonical=canonical)] == [("flow_id",), ("flow_id",), ()]


@pytest.mark.parametrize(
    "name, fields",
    [
        ("request_id", ("request_id",)),
        ("requestId", ("request_id",)),
        ("REQUEST_ID", ("request_id",)),
        ("x_request_id", ("request_id",)),
        ("get_request_id", ("request_id",)),
        ("request_id_var", ("request_id",)),
        ("req_id", ("request_id",)),
        ("request", ()),
        ("request_idle", ()),
        ("request_id_count", ()),
        ("id", ()),
        ("", ()),
    ],
)
def test_names_of_fields(name: str, fields: tuple[str, ...]) -> None:
    assert Canonical().of_name(name) == fields


def test_headers_that_are_sentences_name_nothing() -> None:
    assert Canonical().of_header("missing request id") == ()
    assert Canonical().of_header("x-request-ID") == ("request_id",)


def test_code_that_is_named_as_propagating_is_left_alone() -> None:
    text = """
        import requests

        class Client:
            def get(self):
                return requests.get("http://x")

        def get():
            return requests.get("http://x")
        """
    assert [hop.by for hop in calls(text, propagating=("shop.calls.Client",))] == ["propagation", ""]


LIBRARIES = ("httpx", "requests", "urllib", "urllib3")
EVERY = {
    "from ddtrace import patch_all": LIBRARIES,
    "import ddtrace.auto": LIBRARIES,
    "from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor": ("urllib3", "requests"),
}
"""What makes several libraries carry ids: requests is built on urllib3."""


@pytest.mark.parametrize(
    "wiring, library",
    [
        ("from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor as I\nI().instrument()", "httpx"),
        (
            (
                "from opentelemetry.instrumentation.requests import RequestsInstrumentor\n"
                "RequestsInstrumentor().instrument()"
            ),
            "requests",
        ),
        (
            "from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor\nURLLib3Instrumentor().instrument()",
            "urllib3",
        ),
        (
            "from opentelemetry.instrumentation.urllib import URLLibInstrumentor\nURLLibInstrumentor().instrument()",
            "urllib",
        ),
        ("import logfire\nlogfire.instrument_httpx()", "httpx"),
        ("from ddtrace import patch_all\npatch_all()", "requests"),
        ("import ddtrace.auto", "httpx"),
        ("from ddtrace import patch\npatch(httpx=True)", "httpx"),
    ],
)
def test_instrumentors(wiring: str, library: str) -> None:
    text = f"""--- shop/wiring.py
{wiring}
--- shop/calls.py
import urllib.request

import httpx
import requests
import urllib3

httpx.get("http://x")
requests.get("http://x")
urllib3.request("GET", "http://x")
urllib.request.urlopen("http://x")
"""
    assert library in {hop.library for hop in calls(text) if hop.by == "propagation"}
    left = {hop.library for hop in calls(text) if hop.by == ""}
    assert left == set(LIBRARIES) - set(EVERY.get(wiring.partition("\n")[0], (library,)))


def test_wiring_in_tests_counts_for_nothing() -> None:
    text = """--- tests/conftest.py
import logfire
logfire.instrument_httpx()
--- shop/calls.py
import httpx

httpx.get("http://x")
"""
    assert [hop.by for hop in calls(text)] == [""]


def test_anchors_are_imports() -> None:
    for anchor in anchors(Config(root=Path("."))):
        assert anchor.modules and not (anchor.words or anchor.pattern or anchor.any_of)


def test_a_client_that_may_be_given_is_not_judged() -> None:
    text = """
        import httpx

        class Api:
            def __init__(self, client: httpx.Client | None = None):
                if client is None:
                    client = httpx.Client()
                self.client = client

            def read(self):
                self.client.get("http://x")
        """
    assert [(hop.carries, hop.complete) for hop in calls(text)] == [((), False)]
