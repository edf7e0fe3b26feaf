"""A project's own queues: their configuration, what is published on them, and the chain over them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from obs_lint.cli import main
from obs_lint.config import load
from obs_lint.config.errors import ConfigError
from obs_lint.config.model import Config, ConsumerConfig, QueueConfig
from obs_lint.correlation import Canonical, Hop, hops
from obs_lint.entry_points import entry_points
from tests.support import files_of, project_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[[queues]]\npublish = "a.b"', QueueConfig("a.b")),
        (
            '[[queues]]\npublish = "a.Q.send"\ntopic = "key"\npayload = 1\nconsume = ["a.serve"]',
            QueueConfig("a.Q.send", "key", 1, consume=(ConsumerConfig("a.serve"),)),
        ),
        (
            '[[queues]]\npublish="a.b"\ntopic="none"\ncarries="context"\nconsume=[{function="a.on",topic="name",handler="decorated"}]',
            QueueConfig("a.b", "none", None, "context", (ConsumerConfig("a.on", "name", "decorated"),)),
        ),
    ],
)
def test_good_configuration(tmp_path: Path, text: str, expected: QueueConfig) -> None:
    (tmp_path / "obs-lint.toml").write_text(text, encoding="utf-8")
    assert load(str(tmp_path)).queues == (expected,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[queues]]\ntopic = 0", "obs-lint.toml:1: [[queues]] publish is missing (the function or method that puts"),
        ('[[queues]]\npublish = "a.b"\ntopics = 1', 'unknown key "topics" (did you mean "topic"?)'),
        ('[[queues]]\npublish = "a.b"\ntopic = -1', "topic = -1: expected a position from 0"),
        ('[[queues]]\npublish = "a.b"\ncarries = "ids"', 'carries = "ids": expected "arguments" or "context"'),
        ('[[queues]]\npublish = "a.b"\npayload = 0', "topic and payload are both position 0 (two arguments)"),
        ('[[queues]]\npublish = "a.b"\npayload = 1\ncarries = "context"', "exclude each other"),
        (
            '[[queues]]\npublish = "a.b"\nconsume = [{function = "a.c", topic = 1}]',
            "topic and handler are both position 1",
        ),
        ('[[queues]]\npublish = "a.b"\n[[queues]]\npublish = "a.b"', 'publish "a.b" is listed twice'),
        ('[[queues]]\npublish = "a.b"\nconsume = [{handler = 1}]', "function is missing"),
    ],
)
def test_bad_configuration(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "obs-lint.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(str(tmp_path))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "queue", ['publish = "shop.bus.send"', 'publish = "shop.queue.send"\nconsume = ["shop.works.serve"]']
)
def test_names_that_match_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], queue: str
) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "queue.py").write_text("def send(topic, body): ...\n", encoding="utf-8")
    (tmp_path / "obs-lint.toml").write_text(f"[[queues]]\n{queue}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["check", "--no-cache"]) == 2
    assert "which this project does not define" in capsys.readouterr().err


# -- what is published


BUS = """--- shop/bus.py
from abc import abstractmethod
from enum import StrEnum
from typing import Protocol

class Topic(StrEnum):
    PRICE = "price"
    PACK = "pack"

class Bus(Protocol):
    @abstractmethod
    def send(self, topic, body, delay=0): ...

class Memory(Bus):
    def send(self, topic, body, delay=0):
        return topic, body

def on(topic):
    return lambda function: function

def run(topic, handler):
    return topic, handler
--- shop/works.py
from functools import partial
from shop.bus import Topic, on, run

@on(Topic.PRICE)
def price(body): ...

@on(["pack", "wrap"])
def pack(body): ...

class Mail:
    def __call__(self, body): ...

def late(body, zone): ...

run("mail", Mail())
run("late", partial(late, zone="utc"))
run("here", lambda body: body)
"""
QUEUE = QueueConfig(
    "shop.bus.Bus.send",
    payload="body",
    consume=(ConsumerConfig("shop.bus.on", handler="decorated"), ConsumerConfig("shop.bus.run")),
)


def published(text: str, queue: QueueConfig = QUEUE) -> list[Hop]:
    project = project_of(files_of(BUS + "--- shop/orders.py\n" + text))
    found = hops(project, Config(root=Path("."), queues=(queue,)), Canonical())
    assert "shop/orders.py" in found.files(project.files.values(), ("job",))
    return list(found.in_file("shop/orders.py", ("job",)))


def test_what_is_published_for_whom() -> None:
    found = published("""from shop.bus import Bus, Memory, Topic
def place(bus: Bus, request_id, kind, flag):
    bus.send("price", {"request_id": request_id})
    bus.send(Topic.PACK, body={})
    Memory().send("late" if flag else "mail", {"order": 1}, 3)
    bus.send(kind, {})
    bus.send(topic="nobody", body={})
    bus.sent("price", {})
""")
    assert [(hop.library, hop.target, hop.topics, hop.told, hop.carries, hop.by) for hop in found] == [
        ("Bus.send", "price", ("price",), True, ("request_id",), "payload"),
        ("Bus.send", "pack", ("pack",), True, (), ""),
        ("Bus.send", "late | mail", ("late", "mail"), True, (), ""),
        ("Bus.send", "<kind>", (), False, (), ""),
        ("Bus.send", "nobody", ("nobody",), True, (), ""),
    ]
    assert [hop.function for hop in found] == [
        ("shop/works.py", 0),
        ("shop/works.py", 1),
        ("shop/works.py", 3),
        None,
        None,
    ]


def test_ids_that_go_along_by_themselves() -> None:
    (hop,) = published(
        "from shop.bus import Bus\ndef place(bus: Bus):\n    bus.send('price', {})\n",
        QueueConfig("shop.bus.Bus.send", carries="context"),
    )
    assert hop.by == "propagation"
    assert "request_id" in hop.carries


def test_what_takes_is_a_task() -> None:
    project = project_of(files_of(BUS))
    found = entry_points(project, Config(root=Path("."), queues=(QUEUE,))).all()
    assert [(p.kind, p.framework, p.name, p.path, p.function) for p in found] == [
        ("task", "queue", "price", "shop/works.py", 0),
        ("task", "queue", "pack | wrap", "shop/works.py", 1),
        ("task", "queue", "mail", "shop/works.py", 2),
        ("task", "queue", "late", "shop/works.py", 3),
        ("task", "queue", "here", "shop/works.py", 4),
    ]
    assert entry_points(project, Config(root=Path("."))).all() == ()


# -- the chain


SHOP = """
--- obs-lint.toml
surface = ["shop.obs"]
registry = ["contracts/obs-registry.yaml"]
[[emitters]]
function = "shop.obs.emit"
event = 0
[[emitters]]
function = "shop.obs.step"
lifecycle = "step"
[[queues]]
publish = "shop.queue.publish"
consume = ["shop.runtime.serve", {function = "shop.queue.handles", handler = "decorated"}]
carries = "context"
--- contracts/obs-registry.yaml
format: obs-registry/1
namespace: shop
correlation:
  fields: {request_id: {type: uuid}, step_id: {type: uuid}}
  chain:
    - {field: request_id, root: true}
    - {field: step_id, parent: request_id, introduced_by: shop.step.started}
events:
  shop.step.started: {summary: A step began.}
  shop.step.completed: {summary: A step was done.}
  shop.step.failed: {summary: A step failed.}
  shop.order.priced: {summary: An order was priced.}
  shop.order.packed: {summary: An order was packed.}
  shop.worker.ready: {summary: A worker waits.}
lifecycles:
  step: {key: step_id, start: shop.step.started, terminal: [shop.step.completed, shop.step.failed]}
--- shop/__init__.py
--- shop/obs.py
from contextlib import contextmanager

def emit(event_name, payload=None, *, ctx=None):
    pass

@contextmanager
def step(name):
    yield

def keep(function):
    return function
--- shop/queue.py
def publish(topic, body):
    pass

def take(topic):
    pass

def handles(topic):
    return lambda function: function
--- shop/runtime.py
from shop import obs
from shop.queue import publish, take

FOLLOWING = {"price": "pack", "pack": "mail"}

class Worker:
    def __init__(self, topic, handle, *, times=1):
        self.topic = topic
        self._handle = handle
        self.times = times

    def run(self):
        obs.emit("shop.worker.ready")
        while True:
            self._one(take(self.topic))

    def _one(self, message):
        with obs.step(self.topic):
            self._handle(message)
        following = FOLLOWING.get(self.topic)
        if following is not None:
            publish(following, message)
        else:
            obs.emit("shop.order.packed")

def serve(topic, handle):
    worker = Worker(topic, handle)
    worker.run()
--- shop/works.py
import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from shop import obs
from shop.queue import handles, publish
from shop.runtime import serve

def told(order, name="x"):
    obs.emit("shop.order.priced")

def price(order):
    with ThreadPoolExecutor() as pool:
        pool.submit(obs.keep(told), order)

def pack(order):
    threading.Thread(target=told, args=(order,)).start()

@handles("mail")
def mail(order):
    publish("mail", order)
    publish(order.kind, order)

serve("price", price)
serve("pack", pack)
--- shop/api.py
import asyncio
from functools import partial
from fastapi import FastAPI
from shop.queue import publish
from shop.works import told

app = FastAPI()

def enqueue(kind):
    publish(kind, {})

@app.post("/orders")
def place():
    enqueue("price")

@app.post("/handed")
async def handed():
    await asyncio.to_thread(partial(told, name="y"), 1)
"""


def tree(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str, text: str = SHOP
) -> str:
    for path, content in files_of(text).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8")
    monkeypatch.chdir(folder)
    assert main(["chain", "--no-cache", "--color", "never", *words]) == 0
    return capsys.readouterr().out


def test_from_the_route_over_every_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = tree(tmp_path, monkeypatch, capsys)
    assert (
        found
        == """\
POST /orders  shop/api.py:13  place
└─ enqueues price  shop/api.py:10  via enqueue  carries request_id (propagation)
   └─ task price  shop/works.py:13
      ├─ shop.step.started  shop/runtime.py:18
      ├─ shop.order.priced  shop/works.py:11  via told
      ├─ shop.step.completed | shop.step.failed  shop/runtime.py:18
      └─ enqueues pack  shop/runtime.py:22  carries request_id (propagation)
         └─ task pack  shop/works.py:17
            ├─ shop.step.started  shop/runtime.py:18
            ├─ shop.order.priced  shop/works.py:11  via told
            ├─ shop.step.completed | shop.step.failed  shop/runtime.py:18
            └─ enqueues mail  shop/runtime.py:22  carries request_id (propagation)
               └─ task mail  shop/works.py:21
                  ├─ enqueues mail  shop/works.py:22  carries request_id (propagation)
                  │  └─ task mail  shop/works.py:21  (drawn above)
                  └─ enqueues <order.kind>  shop/works.py:23  to whom can't be told  carries request_id (propagation)

POST /handed  shop/api.py:17  handed
└─ shop.order.priced  shop/works.py:11  via told

Chain: request_id → step_id
2 entry points, 0 hops with a loss.
"""
    )


def test_json_says_what_is_cut_and_what_cannot_be_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = json.loads(tree(tmp_path, monkeypatch, capsys, "--format", "json"))
    steps = []
    todo = list(found["entries"])
    while todo:
        step = todo.pop(0)
        steps.append(step)
        todo += step["steps"]
    assert [step["label"] for step in steps if step.get("again")] == ["mail"]
    assert [step["untold"] for step in steps if step.get("untold")] == ["<order.kind>"]
    assert {tuple(step["ids"]) for step in steps if step["label"] == "shop.order.priced"} == {
        ("request_id",),
        ("request_id", "step_id"),
    }


def test_mermaid_draws_each_task_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = tree(tmp_path, monkeypatch, capsys, "--format", "mermaid")
    assert found.count('["mail"]') == 1
    assert found.count('[/"pack"/]') == 1


def test_ids_that_are_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    found = tree(tmp_path, monkeypatch, capsys, text=SHOP.replace('carries = "context"', ""))
    assert "enqueues price  shop/api.py:10  via enqueue  request_id lost here" in found
    assert "1 hop with a loss" in found


def test_files_of_scopes_are_read_as_these_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = SHOP.replace(
        '[[emitters]]\nfunction = "shop.obs.emit"\nevent = 0\n',
        '[[emitters]]\nfunction = "shop.obs.other"\nevent = 0\n',
    ).replace(
        "--- contracts/obs-registry.yaml",
        '[[scopes]]\npaths = ["shop/works.py"]\nemitters = [{function = "shop.obs.emit", event = 0}]\n'
        "--- contracts/obs-registry.yaml",
        1,
    )
    found = tree(tmp_path, monkeypatch, capsys, text=text)
    assert "shop.order.priced  shop/works.py:11  via told" in found
    assert "shop.order.packed" not in found


REUSED = SHOP.replace('    enqueue("price")', '    enqueue("price")\n    enqueue("pack")')


def test_what_is_drawn_once_for_an_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = tree(tmp_path, monkeypatch, capsys, text=REUSED)
    assert found.count("task pack  shop/works.py:17  (drawn above)") == 1
    assert found.count("task pack  shop/works.py:17\n") == 1


def test_the_reference_system_from_the_first_worker_to_the_last(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(Path(__file__).parent.parent / "examples" / "narralytica")
    assert main(["chain", "--no-cache", "--format", "json", "POST /ingest", "POST /jobs"]) == 0
    entries = {entry["label"]: entry for entry in json.loads(capsys.readouterr().out)["entries"]}

    def stages(step: dict[str, Any]) -> list[str]:
        """The tasks below a step, and the layers' start where they are in one."""
        found = [step["label"]] if step["kind"] == "task" and "again" not in step else []
        found += ["layer"] if step["label"] == "narralytica.layer.started" else []
        return [*found, *(name for inner in step["steps"] for name in stages(inner))]

    assert stages(entries["POST /ingest"]) == ["ingest", "transcribe", "diarize", "enrich", "layer", "indexer"]
    assert stages(entries["POST /jobs"]) == ["enrich", "layer", "indexer"]
    hop = next(step for step in entries["POST /ingest"]["steps"] if step["kind"] == "job")
    while True:
        assert (hop["ids"], hop["lost"], hop["by"]) == (["request_id", "job_id"], [], "propagation")
        following = [step for step in hop["steps"][0]["steps"] if step["kind"] == "job"]
        if not following:
            break
        (hop,) = following
    assert hop["label"] == "indexer"


@pytest.mark.parametrize(
    ("target", "is_good"),
    [
        ("shop.*.place", True),
        ("shop.**.place", True),
        ("shop.orders.Orders.place", True),
        ("shop.orders", True),
        ("shop.orders.**", True),
        ("shop.*.Orders.*", True),
        ("shop.*.plcae", False),
        ("shop.order.*", False),
        ("shop.orders.Order.place", False),
        ("shop.tests.test_orders.check", False),
    ],
)
def test_targets_that_match_no_function(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], target: str, is_good: bool
) -> None:
    (tmp_path / "shop" / "tests").mkdir(parents=True)
    (tmp_path / "shop" / "__init__.py").touch()
    (tmp_path / "shop" / "obs.py").write_text("def instrument(f): return f\n", encoding="utf-8")
    orders = "from shop.obs import instrument\nclass Orders:\n    @instrument\n    async def place(self): ...\n"
    (tmp_path / "shop" / "orders.py").write_text(orders, encoding="utf-8")
    (tmp_path / "shop" / "tests" / "test_orders.py").write_text("def check(): ...\n", encoding="utf-8")
    (tmp_path / "obs-lint.toml").write_text(
        f'surface = ["shop.obs"]\n[instrument]\ndecorators = ["shop.obs.instrument"]\ntargets = ["{target}"]\n',
        encoding="utf-8",
    )
    monkeypatch.chdir(tmp_path)
    assert main(["check", "--no-cache"]) == (0 if is_good else 2)
    assert ("matches no function of this project" in capsys.readouterr().err) is not is_good
