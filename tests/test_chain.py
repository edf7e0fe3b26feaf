"""`obs-lint chain`: from a route over a queue to the events of the worker, and where an id is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from obs_lint.cli import main
from tests.support import files_of

SHOP = '''
--- obs-lint.toml
surface = ["shop.obs"]
registry = ["contracts/obs-registry.yaml"]
--- contracts/obs-registry.yaml
format: obs-registry/1
namespace: shop
correlation:
  fields:
    request_id: {type: uuid, header: X-Request-Id}
    job_id: {type: uuid}
  chain:
    - {field: request_id, root: true}
    - {field: job_id, parent: request_id, introduced_by: shop.job.created}
events:
  shop.job.created: {summary: A job was created.}
  shop.job.done: {summary: A job was done.}
--- shop/__init__.py
--- shop/obs.py
def emit(event_name, payload=None, *, ctx=None):
    """Send an event."""
--- shop/api.py
from arq import create_pool
from fastapi import FastAPI

from shop import obs
from shop.queue import pool

app = FastAPI()


@app.post("/orders")
async def place(order: str, request_id: str):
    return await enqueue(order, request_id)


@app.post("/refunds")
async def refund(order: str):
    await pool.enqueue_job("pack", order)


@app.get("/health")
async def health():
    return {}


async def enqueue(order: str, request_id: str):
    obs.emit("shop.job.created", {})
    await pool.enqueue_job("pack", order, request_id=request_id)
--- shop/queue.py
from arq.connections import ArqRedis

pool: ArqRedis
--- shop/worker.py
from arq.connections import RedisSettings

from shop import obs


async def pack(ctx, order, request_id=None):
    finish(order)


def finish(order):
    obs.emit("shop.job.done", {})


async def tidy(ctx):
    obs.emit("shop.job.done", {})


class WorkerSettings:
    functions = [pack, tidy]
    redis_settings = RedisSettings()
'''

TREE = """\
POST /orders  shop/api.py:11  place
├─ shop.job.created  shop/api.py:26  via enqueue
└─ enqueues pack  shop/api.py:27  via enqueue  job_id lost here
   └─ task pack  shop/worker.py:6
      └─ shop.job.done  shop/worker.py:11  via finish

POST /refunds  shop/api.py:16  refund
└─ enqueues pack  shop/api.py:17  request_id lost here
   └─ task pack  shop/worker.py:6
      └─ shop.job.done  shop/worker.py:11  via finish

tidy  shop/worker.py:14
└─ shop.job.done  shop/worker.py:15

Chain: request_id → job_id
First loss: POST /orders → pack → shop/worker.py:6: job_id lost here
3 entry points, 2 hops with a loss, 1 without hops or events (--all).
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in files_of(SHOP).items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def asked(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert main(["chain", "--no-cache", *words]) == code
    out, err = capsys.readouterr()
    return err if code else out


def test_tree(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(capsys, "--color", "never") == TREE


def test_a_hop_that_carries_the_id(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    api = shop / "shop/api.py"
    api.write_text(api.read_text().replace("request_id=request_id", "request_id=request_id, job_id=str(7)"))
    text = asked(capsys, "POST /orders")
    assert "enqueues pack  shop/api.py:27  via enqueue  carries request_id, job_id (argument)" in text
    assert "lost" not in text


def test_json(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(asked(capsys, "--format", "json"))
    assert found["fields"] == ["request_id", "job_id"] and found["silent"] == 1
    assert found["losses"] == [
        {"entry": "POST /orders", "hop": "pack", "path": "shop/api.py", "line": 27, "lost": ["job_id"]},
        {"entry": "POST /refunds", "hop": "pack", "path": "shop/api.py", "line": 17, "lost": ["request_id"]},
    ]
    [created, job] = found["entries"][0]["steps"]
    assert (created["kind"], created["label"], created["ids"]) == (
        "event",
        "shop.job.created",
        ["request_id", "job_id"],
    )
    assert (job["kind"], job["by"], job["ids"], job["via"]) == ("job", "argument", ["request_id"], ["enqueue"])
    assert job["steps"][0]["steps"][0]["symbol"] == "shop.worker.finish"


def test_mermaid(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = asked(capsys, "--format", "mermaid")
    assert text.startswith("flowchart LR\n")
    assert '["POST /orders"]' in text
    assert "-. request_id lost .->" in text
    assert text.count('"shop.job.created"') == 1


def test_one_entry(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(capsys, "GET /health") == (
        "GET /health  shop/api.py:21  health\n\nChain: request_id → job_id\n1 entry point, 0 hops with a loss.\n"
    )
    assert "no entry point holds 'GET /nothing'" in asked(capsys, "GET /nothing", code=2)


def test_functions_that_call_each_other(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    worker = shop / "shop/worker.py"
    worker.write_text(
        worker.read_text().replace("def finish(order):\n", "def finish(order):\n    again(order)\n")
        + "\n\ndef again(order):\n    finish(order)\n    return pack(None, order)\n"
    )
    assert asked(capsys, "--color", "never").count("shop.job.done") == 3


def test_a_registry_that_cant_be_used(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shop / "contracts/obs-registry.yaml").write_text("events: [\n")
    assert "contracts/obs-registry.yaml:" in asked(capsys, code=2)
