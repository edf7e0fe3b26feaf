"""Emissions: every place where an event leaves, and every event that it may be.

Each case is a project. A comment says what leaves at the line of the event's expression:

    obs.emit(name)  # emits: shop.order.placed | shop.order.failed      all that it may be, several
    obs.emit(name)  # emits: shop.order.placed | ?                      others can't be told
    notify("a")     # emits: a via notify                               through a wrapper
    log.info("x")   # prose: x

What is compared is all of a project: a line without a comment emits nothing.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from obs_lint.config.model import Config, EmitterConfig, RegistrySource
from obs_lint.events.emissions import Emissions, emissions
from obs_lint.events.model import Emission
from obs_lint.events.registries import Registries
from obs_lint.project import Project
from obs_lint.registry.model import Event, Lifecycle, Place, Registry
from tests.support import files_of, project_of

SURFACE = '''"""The surface."""


def emit(event_name, payload=None, ctx=None, severity="info"):
    """Send an event."""


class Bus:
    def dispatch(self, kind, payload=None):
        """Send an event."""


class Tracker:
    def track(self, subject, kind, *, level="info", context=None):
        """Send an event."""


def get_logger(name=None):
    import structlog

    return structlog.get_logger(name)
'''

EMITTERS = (
    EmitterConfig(
        "shop.obs.emit", event=0, event_name="event_name", payload="payload", context="ctx", severity="severity"
    ),
    EmitterConfig("shop.obs.Bus.dispatch", event=0),
    EmitterConfig("shop.obs.Tracker.track", event=1, severity="level", context="context"),
)

MARK = re.compile(r"#\s*(emits|prose):\s*(.*?)\s*$")


def case(text: str, **config: Any) -> Any:
    """One project: `text` is a file, or several that `--- path` begins."""
    files = files_of(text) if text.lstrip().startswith("--- ") else {"shop/orders.py": text}
    files = {"shop/__init__.py": "", "shop/obs.py": SURFACE} | files
    return files, {"surface": ("shop.obs",), "emitters": EMITTERS} | config


def found_in(project: Project, config: Config) -> dict[tuple[str, int], list[str]]:
    found: dict[tuple[str, int], list[str]] = {}
    rows = emissions(project, config)
    likely = rows.files(project.files.values())
    for path in project.files:
        for emission in rows.in_file(path, prose=True):
            assert emission.is_prose or path in likely
            found.setdefault((path, emission.pos[0]), []).append(shown(emission))
    return {place: sorted(rows) for place, rows in found.items()}


def shown(emission: Emission) -> str:
    names = " | ".join([*(a.name for a in emission.alternatives), *([] if emission.complete else ["?"])])
    via = f" via {emission.wrapper.rpartition('.')[2]}" if emission.wrapper else ""
    return f"{'prose' if emission.is_prose else 'emits'}: {names}{via}"


def expected_in(files: dict[str, str]) -> dict[tuple[str, int], list[str]]:
    found: dict[tuple[str, int], list[str]] = {}
    for path, text in files.items():
        for number, line in enumerate(text.splitlines(), 1):
            mark = MARK.search(line)
            if mark:
                rows = [part.strip().removeprefix(f"{mark[1]}: ") for part in mark[2].split(";")]
                found[path, number] = sorted(f"{mark[1]}: {row}" for row in rows)
    return found


def project_and_config(files: dict[str, str], fields: dict[str, Any]) -> tuple[Project, Config]:
    project = project_of(files)
    return project, Config(root=Path("nowhere"), **fields)


CASES = {
    "literals, keywords, aliases": case("""
from shop import obs
from shop.obs import emit as send, emit


def place(order):
    obs.emit("shop.order.placed", {})  # emits: shop.order.placed
    send("shop.order.sent")  # emits: shop.order.sent
    emit(payload={}, event_name="shop.order.kept")  # emits: shop.order.kept
    tell = obs.emit
    tell("shop.order.told")  # emits: shop.order.told
    print("shop.order.printed")
    (emit)("shop.order.called")  # emits: shop.order.called
    getattr(obs, "emit")("shop.order.got")  # emits: shop.order.got
"""),
    "constants, class attributes, enums, formats": case("""
import enum
from shop import obs

PLACED = "shop.order.placed"


class Names:
    PAID = "shop.order.paid"
    NESTED = PAID + ".again"


class Kind(enum.StrEnum):
    OPEN = "shop.order.open"
    SHUT = "shop.order.shut"


class Auto(enum.Enum):
    one = enum.auto()


class Service:
    EVENT = "shop.service.ran"

    def run(self, area):
        obs.emit(PLACED)  # emits: shop.order.placed
        obs.emit(Names.PAID)  # emits: shop.order.paid
        obs.emit(Names.NESTED)  # emits: shop.order.paid.again
        obs.emit(Kind.OPEN)  # emits: shop.order.open
        obs.emit(Kind.SHUT.value)  # emits: shop.order.shut
        obs.emit(Auto.one)  # emits: one
        obs.emit(Auto.one.name)  # emits: one
        obs.emit(self.EVENT)  # emits: shop.service.ran
        obs.emit("shop." + "joined")  # emits: shop.joined
        obs.emit(f"{PLACED}.twice")  # emits: shop.order.placed.twice
        obs.emit("shop.{}".format("formatted"))  # emits: shop.formatted
        obs.emit("shop.%s" % "percent")  # emits: shop.percent
        obs.emit(lookup())  # emits: ?
        obs.emit(f"shop.{lookup()}")  # emits: ?
"""),
    "alternatives": case("""
from shop import obs

NAMES = {"a": "shop.a", "b": "shop.b"}


def run(failed, kind, steps):
    obs.emit("shop.failed" if failed else "shop.done")  # emits: shop.failed | shop.done
    name = "shop.one"
    if failed:
        name = "shop.two"
    obs.emit(name)  # emits: shop.one | shop.two
    for each in ("shop.x", "shop.y"):
        obs.emit(each)  # emits: shop.x | shop.y
    obs.emit(NAMES[kind])  # emits: shop.a | shop.b
    obs.emit(NAMES["a"])  # emits: shop.a
    obs.emit(NAMES.get(kind, "shop.other"))  # emits: shop.a | shop.b | shop.other
    obs.emit("shop.known" if failed else steps.name)  # emits: shop.known | ?
    for key, value in NAMES.items():
        obs.emit(value)  # emits: shop.a | shop.b
    [obs.emit(n) for n in ["shop.l", "shop.m"]]  # emits: shop.l | shop.m
    if failed:
        only = "shop.p"
        obs.emit(only)  # emits: shop.p
    else:
        only = "shop.q"
        obs.emit(only)  # emits: shop.q
    match kind:
        case "x":
            last = "shop.mx"
        case _:
            last = "shop.my"
    obs.emit(last)  # emits: shop.mx | shop.my
"""),
    "methods on injected and inherited objects": case("""
--- shop/base.py
from shop.obs import Bus, Tracker


class Base:
    bus: Bus

    def __init__(self, tracker: Tracker):
        self.tracker = tracker

    @property
    def other(self) -> Bus:
        return self.bus
--- shop/orders.py
from shop.base import Base


class Orders(Base):
    def run(self):
        self.bus.dispatch("shop.a")  # emits: shop.a
        self.other.dispatch(kind="shop.b")  # emits: shop.b
        self.tracker.track("order", "shop.c")  # emits: shop.c
        self.tracker.track("order", kind="shop.d")  # emits: shop.d
        self.tracker.track(kind="shop.e", subject="x")  # emits: shop.e
        self.tracker.other("shop.f")
--- shop/overrides.py
from shop.obs import Bus


class Louder(Bus):
    def dispatch(self, kind, payload=None):
        super().dispatch(kind, payload)


def run(bus: Louder):
    bus.dispatch("shop.loud")  # emits: shop.loud
    Bus.dispatch(bus, "shop.unbound")  # emits: shop.unbound
"""),
    "receivers where types do not tell": case(
        """
class Handler:
    def run(self, event_logger):
        self.event_logger.emit("shop.a")  # emits: shop.a
        event_logger.emit("shop.b")  # emits: shop.b
        self.app.event_logger.emit(schema_id="shop.c")  # emits: shop.c
        self.app["event_logger"].emit("shop.e")  # emits: shop.e
        self.app.get("event_logger").emit("shop.f")  # emits: shop.f
        self.logger.emit("shop.d")
""",
        emitters=(EmitterConfig("acme.EventLogger.emit", receiver="*.event_logger", event_name="schema_id"),),
    ),
    "a distinctive method of an object that nobody tells": case(
        '''
--- shop/tracking.py
class Tracker:
    def track_command(self, event):
        """Send."""

    def send(self, event):
        """Send."""
--- shop/orders.py
def run(ctx):
    tracker = ctx.obj["tracker"]
    tracker.track_command("shop.a")  # emits: shop.a
    ctx.obj["tracker"].track_command("shop.b")  # emits: shop.b
    tracker.send("shop.c")
''',
        emitters=(EmitterConfig("shop.tracking.Tracker.track_command"), EmitterConfig("shop.tracking.Tracker.send")),
    ),
    "a method name that two classes have tells nothing": case(
        '''
--- shop/tracking.py
class Tracker:
    def track_command(self, event):
        """Send."""
--- shop/other.py
class Other:
    def track_command(self, event):
        return event
--- shop/orders.py
def run(ctx):
    ctx.tracker.track_command("shop.a")
''',
        emitters=(EmitterConfig("shop.tracking.Tracker.track_command"),),
    ),
    "wrappers over hops, files and renames": case("""
--- shop/tell.py
from shop import obs


def notify(name, data=None):
    obs.emit(name, data)


def later(what):
    notify(what)
--- shop/__init__.py
from shop.tell import later as soon
--- shop/orders.py
import shop
from shop import soon, tell
from shop.tell import notify as say


def run():
    say("shop.a")  # emits: shop.a via notify
    tell.notify(name="shop.b")  # emits: shop.b via notify
    tell.later("shop.c")  # emits: shop.c via later
    soon("shop.d")  # emits: shop.d via later
    shop.soon(what="shop.e")  # emits: shop.e via later
    say(lookup())  # emits: ? via notify
"""),
    "a wrapper's parameter is no value": case("""
from shop import obs


def tell(name="shop.default", other=None):
    obs.emit(name)


def run():
    tell()  # emits: shop.default via tell
    tell("shop.given")  # emits: shop.given via tell
    tell(name="shop.named")  # emits: shop.named via tell
"""),
    "wrappers that make the name": case("""
from shop import obs


def tell(area, action="done"):
    obs.emit(f"shop.{area}.{action}")


def run():
    tell("order")  # emits: shop.order.done via tell
    tell("cart", "emptied")  # emits: shop.cart.emptied via tell
    for area in ("x", "y"):
        tell(area)  # emits: shop.x.done | shop.y.done via tell
"""),
    "wrappers that make the name, not everywhere": case("""
from shop import obs


def tell(area):
    obs.emit(f"shop.{area}")  # emits: ?


def run(request):
    tell("order")  # emits: shop.order via tell
    tell(request.area)
"""),
    "methods as wrappers": case("""
--- shop/base.py
from shop.obs import Bus


class Base:
    bus: Bus

    def publish(self, kind, payload=None):
        self.bus.dispatch(kind, payload)

    @classmethod
    def shout(cls, kind):
        Bus().dispatch(kind)

    @staticmethod
    def whisper(kind):
        Bus().dispatch(kind)
--- shop/orders.py
from shop.base import Base


class Orders(Base):
    def run(self):
        self.publish("shop.a")  # emits: shop.a via publish
        self.shout("shop.b")  # emits: shop.b via shout
        Base.whisper("shop.c")  # emits: shop.c via whisper
        Base.publish(self, "shop.d")  # emits: shop.d via publish
        super().publish("shop.e")  # emits: shop.e via publish


def run(orders: Orders):
    orders.publish(kind="shop.f")  # emits: shop.f via publish
"""),
    "wrappers behind an interface": case("""
from abc import ABC, abstractmethod
from shop.obs import Bus


class Port(ABC):
    @abstractmethod
    def publish(self, kind): ...


class Adapter(Port):
    def __init__(self, bus: Bus):
        self.bus = bus

    def publish(self, kind):
        self.bus.dispatch(kind)


def run(port: Port):
    port.publish("shop.a")  # emits: shop.a via publish
"""),
    "nested functions and lambdas as wrappers": case("""
from shop import obs


def run():
    def tell(name):
        obs.emit(name)

    tell("shop.a")  # emits: shop.a via tell
    say = lambda name: obs.emit(name)
    say("shop.b")  # emits: shop.b via <lambda>


def make():
    def told(name):
        obs.emit(name)

    return told


def use():
    made = make()
    made("shop.c")  # emits: shop.c via told
"""),
    "splats forwarded": case("""
from shop import obs


def tell(*args, **kwargs):
    obs.emit(*args, **kwargs)


def only(**fields):
    obs.emit(**fields)


def first(*args):
    obs.emit(args[0])


def item(**fields):
    obs.emit(fields["name"])


def run(rest):
    tell("shop.a", {})  # emits: shop.a via tell
    tell(event_name="shop.b")  # emits: shop.b via tell
    only(event_name="shop.c")  # emits: shop.c via only
    first("shop.d")  # emits: shop.d via first
    item(name="shop.e")  # emits: shop.e via item
    obs.emit(*["shop.f", {}])  # emits: shop.f
    obs.emit(**{"event_name": "shop.g"})  # emits: shop.g
    obs.emit(*rest.parts)  # emits: ?
"""),
    "constructors as wrappers": case("""
from shop import obs


class Step:
    def __init__(self, name):
        obs.emit(name)


class SubStep(Step):
    pass


class Own(Step):
    def __init__(self):
        super().__init__("shop.c")  # emits: shop.c via __init__


def run():
    Step("shop.a")  # emits: shop.a via __init__
    SubStep("shop.b")  # emits: shop.b via __init__
"""),
    "classes, callable instances, functions handed on": case(
        '''
--- shop/things.py
class Signal:
    def __init__(self, name, data=None):
        self.name = name


class Send:
    def __call__(self, name):
        """Send."""


send = Send()
--- shop/orders.py
from shop.things import Signal, Send, send


def run():
    Signal("shop.a")  # emits: shop.a
    Signal(name="shop.b")  # emits: shop.b
    send("shop.c")  # emits: shop.c
    Send()("shop.d")  # emits: shop.d
''',
        emitters=(EmitterConfig("shop.things.Signal"), EmitterConfig("shop.things.send")),
    ),
    "partials": case("""
--- shop/told.py
import functools
from functools import partial
from shop import obs

placed = partial(obs.emit, "shop.order.placed")
loud = functools.partial(obs.emit, severity="error")
twice = partial(loud, "shop.loud")
--- shop/orders.py
import functools
from shop import obs
from shop.told import placed, loud, twice


def run(pool):
    placed({})  # emits: shop.order.placed
    loud("shop.b")  # emits: shop.b
    twice()  # emits: shop.loud
    pool.submit(functools.partial(obs.emit, "shop.c"))  # emits: shop.c
    pool.submit(placed)  # emits: shop.order.placed
"""),
    "callables handed over": case("""
import asyncio
import threading
from shop import obs
from shop.obs import Bus


def run(pool, bus: Bus, background):
    pool.submit(obs.emit, "shop.a")  # emits: shop.a
    pool.submit(bus.dispatch, "shop.b", {})  # emits: shop.b
    threading.Thread(target=obs.emit, args=("shop.c", {})).start()  # emits: shop.c
    threading.Thread(target=obs.emit, kwargs={"event_name": "shop.d"}).start()  # emits: shop.d
    asyncio.get_event_loop().run_in_executor(None, obs.emit, "shop.e")  # emits: shop.e
    background.add_task(bus.dispatch, kind="shop.f")  # emits: shop.f
    assert callable(obs.emit)
    assert isinstance(obs.emit, object)
    register(obs.emit)
"""),
    "callables as parameters": case("""
--- shop/items.py
def publish_items(publisher, items):
    for item in items:
        publisher("shop.item", item)  # emits: shop.item


class Worker:
    def __init__(self, record):
        self._record = record

    def run(self):
        self._record("shop.worker")  # emits: shop.worker


def defer(function, *args):
    pool().submit(function, *args)


def name_it(function, name):
    function(name)
--- shop/orders.py
from shop import obs
from shop.items import Worker, defer, name_it, publish_items
from shop.obs import Bus


def run(bus: Bus, other):
    publish_items(bus.dispatch, [])
    Worker(record=obs.emit).run()
    defer(obs.emit, "shop.deferred")  # emits: shop.deferred via defer
    defer(other, "no event")
    name_it(bus.dispatch, "shop.named")  # emits: shop.named via name_it
    name_it(print, "no event")
"""),
    "the argument's class is the event": case(
        '''
--- shop/types.py
class Event:
    def __init__(self, count=0):
        self.count = count


class Placed(Event):
    pass


class Failed(Event):
    pass
--- shop/orders.py
from shop import types
from shop.fire import fire, fire_if
from shop.types import Event, Failed, Placed


def run(bad, event: Event):
    fire(Placed(count=1))  # emits: Placed
    fire(e=types.Failed())  # emits: Failed
    kept = Placed()
    fire(kept)  # emits: Placed
    event_class = Placed if bad else Failed
    fire(event_class(count=2))  # emits: Placed | Failed
    if bad:
        chosen = Failed
    else:
        chosen = Placed
    fire(chosen(1))  # emits: Failed | Placed
    fire(Placed)  # emits: Placed
    fire_if(bad, lambda: Failed())  # emits: Failed
    fire_if(bad, Placed)  # emits: Placed
    fire_if(bad, make)  # emits: Failed
    fire(getattr(types, bad)())  # emits: ?


def make():
    return Failed()


def again(event: Event):
    fire(event)


def use():
    again(Placed())  # emits: Placed via again
--- shop/fire.py
def fire(e, level=None):
    """Send."""


def fire_if(condition, lazy, level=None):
    if condition:
        fire(lazy())
''',
        emitters=(EmitterConfig("shop.fire.fire", event="class"), EmitterConfig("shop.fire.fire_if", event=1)),
    ),
    "the method's name is the event": case(
        '''
--- shop/log.py
class EventLog:
    def log_order_placed(self, order):
        """Send."""

    def log_order_failed(self, order):
        """Send."""

    def flush(self):
        """Write."""
--- shop/orders.py
from shop.log import EventLog


def tell(record):
    record(order=1)  # emits: order_placed | order_failed


def run(log: EventLog, pool):
    log.log_order_placed(order=1)  # emits: order_placed
    log.flush()
    tell(log.log_order_placed)
    tell(log.log_order_failed)
    pool.submit(log.log_order_failed, 1)  # emits: order_failed
''',
        emitters=(EmitterConfig("shop.log.EventLog.log_*", event="method"),),
    ),
    "helpers that emit by themselves": case(
        '''
--- shop/helpers.py
def job_run(job):
    """Send what belongs to a run."""
--- shop/orders.py
from shop.helpers import job_run


def run():
    with job_run(1):  # emits: shop.run.started | shop.run.ended
        pass
''',
        emitters=(EmitterConfig("shop.helpers.job_run", emits=("shop.run.started", "shop.run.ended")),),
    ),
    "without declared emitters the surface's emit": case(
        """
from shop import obs


def run(name):
    obs.emit("shop.a", {"n": 1})  # emits: shop.a
    emit("shop.b")


def emit(name):
    obs.get_logger().info(name)
""",
        emitters=(),
    ),
    "an emitter's own body, a stub, a test's wrapper": case("""
--- shop/obs.py
def emit(event_name, payload=None):
    send(event_name)


def emit_all(names):
    for name in names:
        emit(name)


def started():
    emit("shop.started")  # emits: shop.started
--- shop/orders.pyi
from shop.obs import emit

emit("shop.typed")
--- shop/tests/test_orders.py
from shop.obs import emit


def send(name):
    emit(name)


def test_it():
    send("shop.tested")  # emits: shop.tested via send
    emit("shop.direct")  # emits: shop.direct
"""),
    "an attribute that the constructor is given": case("""
--- shop/steps.py
from shop import obs


class Step:
    def __init__(self, name, other):
        self.name = name
        self.other = other

    def run(self):
        obs.emit(self.name)


class Changing:
    def __init__(self, name):
        self.name = name

    def run(self):
        self.name = compute()
        obs.emit(self.name)  # emits: ?
--- shop/orders.py
from shop.steps import Changing, Step


class Mine(Step):
    def __init__(self):
        super().__init__("shop.mine", 1)  # emits: shop.mine via __init__


def run():
    Step("shop.a", 2).run()  # emits: shop.a via __init__
    Step(other=1, name="shop.b")  # emits: shop.b via __init__
    Changing("shop.c")
"""),
    "an attribute that the constructor is given, not always known": case("""
from shop import obs


class Step:
    def __init__(self, name):
        self.name = name

    def run(self):
        obs.emit(self.name)  # emits: ?


def run(config):
    Step("shop.a")  # emits: shop.a via __init__
    Step(config.name)
"""),
    "more ways to call": case("""
import functools
from shop import obs
from shop.obs import Bus

SENDERS = {"a": obs.emit}


def sender():
    return obs.emit


class Holder:
    send = staticmethod(obs.emit)
    lost = functools.partialmethod(obs.emit, "x")

    def __init__(self, bus: Bus):
        self.tell = bus.dispatch

    @property
    def teller(self):
        return self.tell

    def run(self, flag):
        self.tell("shop.a")  # emits: shop.a
        self.teller("shop.b")  # emits: shop.b
        self.send("shop.c")  # emits: shop.c
        Holder.send("shop.d")  # emits: shop.d
        SENDERS["a"]("shop.e")  # emits: shop.e
        sender()("shop.f")  # emits: shop.f
        found = sender()
        found("shop.g")  # emits: shop.g
        for each in (obs.emit, self.tell):
            each("shop.h")  # emits: shop.h
        (obs.emit if flag else self.tell)("shop.i")  # emits: shop.i


def default(notify=obs.emit):
    notify("shop.j")  # emits: shop.j


async def awaited(bus: Bus):
    await bus.dispatch("shop.k")  # emits: shop.k


def opened():
    with Bus() as bus:
        bus.dispatch("shop.l")  # emits: shop.l


def elsewhere(holder: Holder):
    holder.teller("shop.m")  # emits: shop.m
"""),
    "more ways to write a name": case("""
import enum
from types import SimpleNamespace
from typing import Final, NewType
from shop import obs

KEPT: Final = "shop.kept"
NAMES = SimpleNamespace(placed="shop.placed")
OPTIONS = {"event_name": "shop.option"}
ARGS = ("shop.args", {})
Name = NewType("Name", str)


class Text(str):
    pass


class Kind(enum.Enum):
    A = "shop.a"
    B = "shop.b"


class Base:
    EVENT: str

    def run(self):
        obs.emit(self.EVENT)  # emits: shop.one | shop.two


class One(Base):
    EVENT = "shop.one"


class Two(Base):
    EVENT = "shop.two"


def run(found):
    obs.emit(KEPT)  # emits: shop.kept
    obs.emit(NAMES.placed)  # emits: shop.placed
    obs.emit(Name("shop.new"))  # emits: shop.new
    obs.emit(Text("shop.text"))  # emits: shop.text
    obs.emit(**OPTIONS)  # emits: shop.option
    obs.emit(*ARGS)  # emits: shop.args
    obs.emit(name := "shop.walrus")  # emits: shop.walrus
    obs.emit(name)  # emits: shop.walrus
    obs.emit(found or "shop.default")  # emits: shop.default | ?
    for kind in Kind:
        obs.emit(kind.value)  # emits: shop.a | shop.b
    obs.emit("SHOP.LOWER".lower())  # emits: shop.lower
    obs.emit(".".join(["shop", "joined"]))  # emits: shop.joined
    obs.emit(None or "shop.none")  # emits: shop.none
    closed = "shop.closed"

    def inner():
        obs.emit(closed)  # emits: shop.closed

    return inner
"""),
    "wrappers handed over and queued": case("""
from shop import obs


def notify(name, data=None):
    obs.emit(name, data)


class Job:
    def _tell(self, name):
        obs.emit(name)

    def run(self, pool):
        pool.submit(self._tell, "shop.a")  # emits: shop.a via _tell
        pool.submit(notify, "shop.b")  # emits: shop.b via notify
        notify.delay("shop.c")  # emits: shop.c via notify
        notify.apply_async(args=("shop.d",))  # emits: shop.d via notify
        notify.apply_async(("shop.e", 1), countdown=3)  # emits: shop.e via notify
        notify.apply_async(kwargs={"name": "shop.f"})  # emits: shop.f via notify
"""),
    "a context manager emits twice": case("""
from contextlib import contextmanager
from shop import obs


@contextmanager
def step(name):
    obs.emit(name)
    yield
    obs.emit(name + ".done")


def run():
    with step("shop.a"):  # emits: shop.a via step; emits: shop.a.done via step
        pass
"""),
    "over stars, private methods, two implementations": case("""
--- shop/tell.py
from shop import obs


def notify(name):
    obs.emit(name)
--- shop/inner/__init__.py
from shop.tell import *
--- shop/base.py
from abc import ABC, abstractmethod
from shop.obs import Bus


class Base:
    bus: Bus

    def _publish(self, kind):
        self.bus.dispatch(kind)

    def __hidden(self, kind):
        self.bus.dispatch(kind)

    def run(self):
        self.__hidden("shop.hidden")  # emits: shop.hidden via __hidden


class Port(ABC):
    @abstractmethod
    def send_it(self, kind): ...


class First(Port):
    bus: Bus

    def send_it(self, kind):
        self.bus.dispatch(kind)


class Second(Port):
    bus: Bus

    def send_it(self, kind):
        self.bus.dispatch("shop." + kind)
--- shop/middle.py
from shop.base import Base as Above


class Middle(Above):
    pass
--- shop/orders.py
from shop.base import Port
from shop.inner import *
from shop.middle import Middle


class Orders(Middle):
    def run(self, port: Port):
        notify("shop.starred")  # emits: shop.starred via notify
        self._publish("shop.private")  # emits: shop.private via _publish
        port.send_it("x")  # emits: x via send_it; emits: shop.x via send_it
"""),
    "what tests do is their own affair": case("""
--- shop/items.py
from shop import obs


def each(publisher):
    publisher("shop.item")


def make(area):
    obs.emit(f"shop.{area}")
--- shop/work.py
from shop.items import make


def run():
    make("work")  # emits: shop.work via make
--- shop/tests/helpers.py
from shop import obs
from shop.items import each, make


def help_out(name):
    obs.emit(name)


def run(found):
    each(obs.emit)
    make(found.area)
    make("test")  # emits: shop.test via make
--- shop/tests/test_items.py
from shop import obs
from shop.tests.helpers import help_out


def test_it():
    help_out("shop.unseen")
    obs.emit("shop.seen")  # emits: shop.seen
"""),
    "recursion ends": case("""
from shop import obs


def one(name):
    two(name)
    obs.emit(name)


def two(name):
    one(name)


def run():
    two("shop.a")  # emits: shop.a via two
"""),
}


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    files, fields = CASES[name]
    project, config = project_and_config(files, fields)
    assert found_in(project, config) == expected_in(files)


@pytest.mark.parametrize("name", CASES)
def test_the_order_of_questions_does_not_matter(name: str) -> None:
    files, fields = CASES[name]
    project, config = project_and_config(files, fields)
    together = {path: emissions(project, config).in_file(path) for path in sorted(files, reverse=True)}
    for path in files:
        project, config = project_and_config(files, fields)
        found = emissions(project, config)
        found.forwards(path)
        assert [shown(e) for e in found.in_file(path)] == [shown(e) for e in together[path]]


def emissions_of(text: str, path: str = "shop/orders.py", **config: Any) -> list[Emission]:
    project, found = project_and_config(*case(text, **config))
    return list(emissions(project, found).in_file(path))


def only(text: str, **config: Any) -> Emission:
    [emission] = emissions_of(text, **config)
    return emission


def fields(emission: Emission) -> tuple[list[str], bool]:
    assert emission.payload is not None
    return [field.name for field in emission.payload.fields], emission.payload.complete


KEYWORDS = (EmitterConfig("shop.obs.emit", payload="**", context="ctx", severity="severity"),)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("obs.emit('a', {'x': 1, 'y': 2})", (["x", "y"], True)),
        ("obs.emit('a', payload={'x': 1})", (["x"], True)),
        ("obs.emit('a')", ([], True)),
        ("obs.emit('a', fetched())", ([], False)),
        ("obs.emit('a', *fetched())", ([], False)),
        ("obs.emit('a', **fetched())", ([], False)),
        ("functools.partial(obs.emit, 'a')({'x': 1})", (["x"], True)),
        ("pool.submit(obs.emit, 'a', {'x': 1})", (["x"], True)),
        ("Thread(target=obs.emit, args=('a', {'x': 1}))", (["x"], True)),
        ("Thread(target=obs.emit, args=('a',), kwargs={'payload': {'x': 1}})", (["x"], True)),
    ],
)
def test_the_payload_is_found(body: str, expected: tuple[list[str], bool]) -> None:
    assert fields(only(f"import functools\nfrom shop import obs\n\n\ndef run(pool):\n    {body}\n")) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("obs.emit('a', x=1, y=2, severity='error', ctx=1)", (["x", "y"], True)),
        ("obs.emit(event_name='a', x=1)", (["x"], True)),
        ("obs.emit('a', **{'x': 1})", (["x"], True)),
        ("obs.emit('a', **fetched())", ([], False)),
        ("functools.partial(obs.emit, 'a', x=1)(y=2)", (["x", "y"], True)),
        ("pool.submit(obs.emit, 'a', x=1)", (["x"], True)),
    ],
)
def test_keywords_are_the_payload(body: str, expected: tuple[list[str], bool]) -> None:
    text = f"import functools\nfrom shop import obs\n\n\ndef run(pool):\n    {body}\n"
    assert fields(only(text, emitters=KEYWORDS)) == expected


WRAPPED = """
--- shop/tell.py
from shop import obs


def whole(name, payload=None):
    obs.emit(name, payload)


def made(name, order):
    obs.emit(name, {"order": order}, ctx=order, severity="error")


def passed(name, ctx=None, severity="info"):
    obs.emit(name, {}, ctx=ctx, severity=severity)
--- shop/orders.py
from shop.tell import made, passed, whole


def run(ctx):
    CALL
"""


@pytest.mark.parametrize(
    ("call", "payload", "severity", "has_context"),
    [
        ("whole('a', {'x': 1})", (["x"], True), "", False),
        ("whole('a')", ([], True), "", False),
        ("made('a', 1)", (["order"], True), "error", True),
        ("passed('a')", ([], True), "info", False),
        ("passed('a', ctx, 'warning')", ([], True), "warning", True),
    ],
)
def test_what_a_wrapper_passes_on(call: str, payload: Any, severity: str, has_context: bool) -> None:
    emission = only(WRAPPED.replace("CALL", call))
    assert fields(emission) == payload
    assert emission.severity == severity
    assert (emission.context is not None) == has_context


def test_keywords_through_a_wrapper() -> None:
    text = """
--- shop/tell.py
from shop import obs


def tell(name, area, **fields):
    obs.emit(name, area=area, **fields)
--- shop/orders.py
from shop.tell import tell


def run():
    tell("a", area="x", count=1, severity="error")
"""
    assert fields(only(text, emitters=KEYWORDS)) == (["area", "count"], True)


def test_a_constructor_is_the_payload_where_the_class_is_the_event() -> None:
    text = """
--- shop/types.py
from dataclasses import dataclass


@dataclass
class Placed:
    count: int
    area: str
--- shop/orders.py
from shop.fire import fire
from shop.types import Placed


def run():
    fire(Placed(count=1, area="x"))
--- shop/fire.py
def fire(event):
    "Send."
"""
    emission = only(text, emitters=(EmitterConfig("shop.fire.fire", event="class"),))
    assert fields(emission) == (["count", "area"], True)
    assert emission.alternatives[0].symbol == "shop.types.Placed"


def test_the_trail_leads_through_the_wrappers() -> None:
    text = """
--- shop/tell.py
from shop import obs


def inner(what):
    obs.emit(what)


def outer(name):
    inner(name)
--- shop/orders.py
from shop.tell import outer


def run():
    outer("a")
"""
    emission = only(text)
    assert [(step.path, step.position.line, step.message) for step in emission.trail] == [
        ("shop/tell.py", 9, "`outer` hands `name` to `inner` here"),
        ("shop/tell.py", 5, "`inner` hands `what` to `obs.emit` here"),
    ]
    assert emission.wrapper == "shop.tell.outer"
    assert isinstance(emission.via, EmitterConfig)
    assert emission.via.function == "shop.obs.emit"


def test_an_unknown_name_made_in_a_wrapper_leads_to_its_calls() -> None:
    text = """
from shop import obs


def tell(area):
    obs.emit(f"shop.{area}")


def run(request):
    tell(request.area)
"""
    emission = only(text)
    assert not emission.complete
    assert [step.position.line for step in emission.trail] == [10]


def test_where_an_alternative_is_written() -> None:
    text = """
--- shop/names.py
import enum


class Kind(enum.Enum):
    PLACED = "shop.placed"


FAILED = "shop.failed"
--- shop/orders.py
from shop import obs
from shop.names import FAILED, Kind


def run():
    obs.emit("shop.literal")
    obs.emit(FAILED)
    obs.emit(Kind.PLACED)
"""
    literal, constant, member = emissions_of(text)
    assert literal.alternatives[0][2:] == ("shop/orders.py", (6, 14, 6, 28))
    assert constant.alternatives[0][2:] == ("shop/names.py", (8, 10, 8, 23))
    assert member.alternatives[0] == ("shop.placed", "shop.names.Kind.PLACED", "shop/orders.py", (8, 14, 8, 25))


def test_a_call_without_an_event_cannot_be_told() -> None:
    emission = only("from shop import obs\n\nobs.emit(payload={})\n")
    assert (emission.alternatives, emission.complete, emission.event) == ((), False, None)


def test_the_method_says_which_event() -> None:
    text = """
--- shop/log.py
class Log:
    def log_placed(self, order):
        "Send."
--- shop/orders.py
from shop.log import Log


def run(log: Log):
    log.log_placed(order=1)
"""
    emission = only(text, emitters=(EmitterConfig("shop.log.Log.log_*", event="method", payload="**"),))
    assert emission.event is None
    assert emission.pos == (5, 5, 5, 19)
    assert fields(emission) == (["order"], True)


def registered(project: Project, config: Config, source: Registry) -> Emissions:
    """The emissions of a project with this registry."""
    project.once(("registries", config.registry, config.environment), lambda: Registries([source]))
    return emissions(project, config)


def test_lifecycle_helpers_of_the_surface() -> None:
    text = """
--- shop/obs.py
def emit(event_name, payload=None):
    "Send."


def job_run(job_id):
    "Send what belongs to a run."
--- shop/orders.py
from shop.obs import job_run


def run():
    with job_run(1):
        pass
"""
    project, config = project_and_config(*case(text, emitters=(), registry=(RegistrySource("test"),)))
    lifecycle = Lifecycle("job_run", "job_run_id", "run.started", ("run.completed", "run.failed"))
    found = registered(project, config, Registry("test", Place("registry.yaml"), lifecycles=(lifecycle,)))
    assert "shop/orders.py" in found.files(project.files.values())
    [emission] = found.in_file("shop/orders.py")
    assert [a.name for a in emission.alternatives] == ["run.started", "run.completed", "run.failed"]


@pytest.mark.parametrize(
    ("function", "method", "expected"),
    [
        ("shop.log.Log.log_*", "log_order_placed", "shop.order.placed"),
        ("shop.log.Log.log_*", "log_order_lost", "order_lost"),
        ("shop.log.Log.*_event", "order_placed_event", "shop.order.placed"),
        ("shop.log.Log", "record_order_placed", "shop.order.placed"),
        ("shop.log.Log", "record_cart_emptied", "cart-emptied"),
        ("shop.log.Log", "record_order_lost", "order_lost"),
        ("shop.log.Log", "flush", None),
        ("shop.log.Log.order_placed", "order_placed", "shop.order.placed"),
        ("shop.log.Log.send_order_placed", "send_order_placed", "shop.order.placed"),
    ],
)
def test_from_the_method_to_the_registered_name(function: str, method: str, expected: str | None) -> None:
    methods = sorted({"record_order_placed", "flush", method})
    defined = "".join(f"    def {name}(self):\n        'Send.'\n" for name in methods)
    text = (
        f"--- shop/log.py\nclass Log:\n{defined}"
        f"--- shop/orders.py\nfrom shop.log import Log\n\n\ndef run(log: Log):\n    log.{method}()\n"
    )
    project, config = project_and_config(*case(text, emitters=(EmitterConfig(function, event="method"),)))
    events = tuple(Event(name, Place("registry.yaml")) for name in ("shop.order.placed", "cart-emptied"))
    found = registered(project, config, Registry("test", Place("registry.yaml"), events))
    names = [a.name for e in found.in_file("shop/orders.py") for a in e.alternatives]
    assert names == ([] if expected is None else [expected])


def test_wrappers_are_listed() -> None:
    project, config = project_and_config(*CASES["wrappers over hops, files and renames"])
    found = emissions(project, config).wrappers
    assert [(w.name, w.event, w.plain) for w in found] == [
        ("shop.tell.notify", "name", True),
        ("shop.tell.later", "what", True),
    ]


def test_one_file_asks_for_no_other_to_see_what_it_forwards() -> None:
    project, config = project_and_config(*CASES["wrappers over hops, files and renames"])
    [forward] = emissions(project, config).forwards("shop/tell.py")[:1]
    assert (forward.definition.name, forward.parameter, forward.what) == ("notify", "name", "event")
    assert "shop/orders.py" not in project.source.asked  # type: ignore[attr-defined]  # Sources of tests.support


def test_what_does_not_parse_emits_nothing() -> None:
    project, config = project_and_config(*case("from shop import obs\nobs.emit('a'\n"))
    assert emissions(project, config).in_file("shop/orders.py") == ()
