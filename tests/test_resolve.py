"""What names are, however they got there: `reveal(expr)  # = kind name | …` in the sources says what is expected."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from obs_lint.config.model import Config
from obs_lint.project import Origin, Project
from tests.support import files_of, project_of

CASES = {
    "scopes": """
--- m.py
import logging
x = logging.info
def shadowed(logging):
    reveal(logging.info)  # = -
    reveal(logging)  # = parameter m.shadowed.logging
def local():
    logging = object_of()
    reveal(logging)  # = -
    def inner():
        reveal(logging)  # = -
def enclosing():
    import os as logging
    def inner():
        reveal(logging.sep)  # = external os.sep
        class C:
            reveal(logging.sep)  # = external os.sep
class K:
    logging = 1
    reveal(logging)  # = variable m.K.logging
    def method(self):
        reveal(logging.info)  # = external logging.info
        return [logging.debug for _ in ()]
    made = [reveal(logging.info) for _ in (1,)]  # = external logging.info
def declared():
    global late
    import structlog as late
def reads():
    reveal(late.get_logger)  # = external structlog.get_logger
def outer():
    f = logging.info
    def change():
        nonlocal f
        f = logging.debug
    reveal(f)  # = external logging.debug | external logging.info
def comprehension():
    [logging for logging in (1, 2)]
    reveal(logging)  # = external logging
    reveal([logging for logging in (print,)][0])  # = external builtins.print
    [reveal(y) for y in (print, len)]  # = external builtins.len | external builtins.print
    (lambda logging: reveal(logging))(1)  # = parameter m.comprehension.<lambda>.logging
reveal(print)  # = external builtins.print
reveal(undefined_name)  # = -
reveal(__name__)  # = -
def own(print):
    reveal(print)  # = parameter m.own.print
def defaulted(log=logging.info, *, other=None):
    reveal(log)  # = external logging.info | parameter m.defaulted.log
    reveal(other)  # = parameter m.defaulted.other
""",
    "order of statements": """
--- m.py
import logging
def sequence():
    x = logging.info
    reveal(x)  # = external logging.info
    x = logging.debug
    reveal(x)  # = external logging.debug
def branches(flag):
    x = logging.info
    if flag:
        x = logging.debug
    else:
        x = logging.error
    reveal(x)  # = external logging.debug | external logging.error | external logging.info
def loop(items):
    x = logging.info
    for item in items:
        reveal(x)  # = external logging.debug | external logging.info
        x = logging.debug
def each():
    handler = min
    for handler in (logging.info, logging.debug):
        reveal(handler)  # = external logging.debug | external logging.info
    reveal(handler)  # = external builtins.min | external logging.debug | external logging.info
def again():
    logging_ = logging
    logging_ = logging_.getLogger
    reveal(logging_)  # = external logging.getLogger
def parameter(x):
    x = logging.info
    reveal(x)  # = external logging.info
print = logging.info
reveal(print)  # = external logging.info
len = functools_wrapped(len)
class Body:
    logging = logging
    reveal(logging)  # = external logging
def entered():
    with open("f") as f, make(f) as g:
        reveal(f)  # = result builtins.open
    f = 1
    del f
def caught():
    try:
        risky()
    except (OSError, logging.LoggerError) as error:
        reveal(error)  # = instance builtins.OSError | instance logging.LoggerError
""",
    "conditional imports": """
--- m.py
try:
    import simplejson as json
except ImportError:
    import json
reveal(json.dumps)  # = external json.dumps | external simplejson.dumps
try:
    import a
except ImportError:
    a = None
reveal(a)  # = external a
reveal(a.b)  # = external a.b
if sys.version_info > (3, 11):
    from tomllib import loads
else:
    from tomli import loads
reveal(loads)  # = external tomli.loads | external tomllib.loads
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from collections import deque
reveal(deque)  # = external collections.deque
""",
    "absolute imports": """
--- pkg/__init__.py
--- pkg/sub/__init__.py
from pkg.sub.leaf import thing
--- pkg/sub/leaf.py
def thing(): pass
import os.path as osp
--- use.py
import pkg.sub.leaf
import pkg.sub.leaf as leaf
import os.path
import opentelemetry.trace
import xml.etree.ElementTree as ET
from pkg import sub
from pkg.sub import leaf as other
reveal(pkg)  # = module pkg
reveal(pkg.sub)  # = module pkg.sub
reveal(pkg.sub.leaf.thing)  # = function pkg.sub.leaf.thing
reveal(pkg.sub.thing)  # = function pkg.sub.leaf.thing
reveal(leaf)  # = module pkg.sub.leaf
reveal(leaf.thing)  # = function pkg.sub.leaf.thing
reveal(sub.leaf)  # = module pkg.sub.leaf
reveal(other.osp.join)  # = external os.path.join
reveal(os.path.join)  # = external os.path.join
reveal(opentelemetry.trace.get_tracer)  # = external opentelemetry.trace.get_tracer
reveal(ET.parse)  # = external xml.etree.ElementTree.parse
reveal(pkg.nothing)  # = -
reveal(pkg.sub.leaf.osp)  # = external os.path
""",
    "relative imports": """
--- app/__init__.py
from . import log
from .log import emit as send
VERSION = "1"
--- app/log.py
def emit(name): pass
from logging import getLogger
--- app/api/__init__.py
from .. import log as up
from ..log import emit
from . import routes
--- app/api/routes.py
from ..log import getLogger, emit
from .. import VERSION, send
from . import up
from .... import beyond
from ... import also_beyond
from ..missing import nothing
reveal(getLogger)  # = external logging.getLogger
reveal(emit)  # = function app.log.emit
reveal(send)  # = function app.log.emit
reveal(up)  # = module app.log
reveal(up.emit)  # = function app.log.emit
reveal(VERSION)  # = variable app.VERSION
reveal(beyond)  # = -
reveal(also_beyond)  # = -
reveal(nothing)  # = -
--- top.py
from . import app
reveal(app)  # = -
--- app/logging/__init__.py
def configure(): pass
--- app/user.py
from . import logging
from .logging import configure
reveal(logging)  # = module app.logging
reveal(logging.configure)  # = function app.logging.configure
reveal(configure)  # = function app.logging.configure
""",
    "a submodule and a function of one name": """
--- obs/__init__.py
from .emit import emit
--- obs/emit.py
def emit(name): pass
def inner(): pass
--- use.py
import obs.emit
import obs.emit as e
from obs import emit
from obs.emit import inner
reveal(obs.emit)  # = function obs.emit.emit
reveal(e)  # = function obs.emit.emit
reveal(emit)  # = function obs.emit.emit
reveal(inner)  # = function obs.emit.inner
""",
    "source roots": """
--- services/api/src/jobs.py
import common
reveal(common.where)  # = external os.sep
--- services/api/src/common.py
from os import sep as where
--- services/worker/src/common.py
from sys import path as where
--- services/worker/src/run.py
import common
reveal(common.where)  # = external sys.path
--- services/worker/pyproject.toml
[project]
name = "worker"
--- services/api/pyproject.toml
[project]
name = "api"
""",
    "one class over two import paths": """
--- src/shop/__init__.py
from shop.bus import EventBus
--- src/shop/bus.py
class EventBus:
    def dispatch(self): pass
--- src/shop/use.py
import src.shop.bus
from shop import EventBus as A
from shop.bus import EventBus as B
from .bus import EventBus as C
reveal(A)  # = class src.shop.bus.EventBus
reveal(B)  # = class src.shop.bus.EventBus
reveal(C)  # = class src.shop.bus.EventBus
reveal(src.shop.bus.EventBus)  # = class src.shop.bus.EventBus
reveal(B().dispatch)  # = function src.shop.bus.EventBus.dispatch
""",
    "namespace packages": """
--- services/api/jobs.py
def run(): pass
--- use.py
import services.api.jobs
import redis
import services.unknown
from services.api import jobs
from services import api
reveal(services.api.jobs.run)  # = function services.api.jobs.run
reveal(jobs.run)  # = function services.api.jobs.run
reveal(api.jobs.run)  # = function services.api.jobs.run
reveal(redis.Redis)  # = external redis.Redis
reveal(redis)  # = external redis
--- redis/scripts/load.py
pass
--- logging/collect.py
pass
--- other.py
import logging
reveal(logging.getLogger)  # = external logging.getLogger
""",
    "stars": """
--- a.py
from b import *
from logging import getLogger as _hidden
class Own: pass
--- b.py
from c import *
import logging as L
_private = 1
--- c.py
from a import *
from a import Own as Renamed
from d import *
def deep(): pass
--- d.py
__all__ = ["exported", "also"]
__all__ += ["_listed"]
from os import path as exported, sep as not_exported, linesep as also
_listed = print
--- use.py
from a import *
reveal(L.getLogger)  # = external logging.getLogger
reveal(deep)  # = function c.deep
reveal(Own)  # = class a.Own
reveal(Renamed)  # = class a.Own
reveal(exported)  # = external os.path
reveal(not_exported)  # = -
reveal(also)  # = external os.linesep
reveal(_hidden)  # = -
reveal(_private)  # = -
reveal(print)  # = external builtins.print
--- direct.py
from d import *
reveal(_listed)  # = external builtins.print
import a
reveal(a.L)  # = external logging
reveal(a._hidden)  # = external logging.getLogger
--- outside.py
from logging import *
reveal(getLogger)  # = external logging.getLogger
reveal(print)  # = external builtins.print
def getLevelName(): pass
reveal(getLevelName)  # = function outside.getLevelName
--- through.py
from outside import *
reveal(getLogger)  # = external logging.getLogger
reveal(_private)  # = -
--- pack/__init__.py
__all__ = ["sub"]
--- pack/sub.py
def f(): pass
--- submodules.py
from pack import *
reveal(sub.f)  # = function pack.sub.f
--- base.py
DEBUG = print
--- settings.py
from base import *
DEBUG = len
reveal(DEBUG)  # = external builtins.len
--- maybe.py
try:
    from base import *
except ImportError:
    DEBUG = len
reveal(DEBUG)  # = external builtins.len | external builtins.print
""",
    "re-exports and renames": """
--- a.py
import logging as L
M = L
get = M.getLogger
from functools import partial
made = partial(get, "x")
if True:
    N = M
--- b.py
from a import M as second, get, made
third = second
--- c.py
import b
from b import third as fourth
fifth = b.third
f = g = fourth.info
h, i = fourth.info, print
(j, (k, l)) = (1, (fourth.info, 2))
--- d.py
from c import *
import a
reveal(fourth)  # = external logging
reveal(fifth.getLogger)  # = external logging.getLogger
reveal(g)  # = external logging.info
reveal(h)  # = external logging.info
reveal(i)  # = external builtins.print
reveal(k)  # = external logging.info
reveal(b.get)  # = external logging.getLogger
reveal(b.made)  # = external logging.getLogger
reveal(b.get("x"))  # = result logging.getLogger
reveal(a.N.getLogger)  # = external logging.getLogger
""",
    "import cycles": """
--- a.py
from b import x
y = x
--- b.py
from a import y
x = y
from c import z
--- c.py
from c import z
import c
w = c.w
v = v
--- use.py
from a import x, y
import c
reveal(x)  # = -
reveal(y)  # = -
reveal(c.z)  # = -
reveal(c.w)  # = -
reveal(c.v)  # = -
""",
    "cycles with something in them": """
--- a.py
try:
    from b import log
except ImportError:
    from logging import info as log
def even(n): return odd(n) if n else print
def odd(n): return even(n) if n else len
class A(B): pass
class B(A):
    def m(self): pass
node = first()
while node:
    node = node.next
x = x or print
--- b.py
from a import log
--- use.py
import a, b
reveal(a.log)  # = external logging.info
reveal(b.log)  # = external logging.info
reveal(a.even(1))  # = external builtins.len | external builtins.print
reveal(a.odd(1))  # = external builtins.len | external builtins.print
reveal(a.B().m)  # = function a.B.m
reveal(a.x)  # = external builtins.print
reveal(a.node)  # = variable a.node
""",
    "classes": """
--- m.py
import logging
from abc import ABC, abstractmethod
class Root:
    level = logging.INFO
    log = staticmethod(logging.info)
    class Inner:
        def deep(self): pass
    def a(self): pass
    def b(self):
        reveal(self.a)  # = function m.Root.a
        reveal(self.own)  # = -
    @classmethod
    def make(cls):
        reveal(cls)  # = class m.Root
        reveal(cls())  # = instance m.Root
        return cls()
    @staticmethod
    def free(self):
        reveal(self)  # = parameter m.Root.free.self
    def __new__(cls):
        reveal(cls)  # = class m.Root
class Left(Root):
    def a(self): pass
class Right(Root):
    def a(self): pass
    def c(self): pass
class Both(Left, Right):
    def d(self):
        reveal(self.c)  # = function m.Right.c
        reveal(super().a)  # = function m.Left.a
        reveal(super(Left, self).a)  # = function m.Root.a
        reveal(super().b)  # = function m.Root.b
        reveal(type(self).c)  # = function m.Right.c
        reveal(self.__class__.c)  # = function m.Right.c
        reveal(__class__)  # = class m.Both
class Handler(ABC, logging.Handler):
    def emit(self, record):
        reveal(self.setLevel)  # = member logging.Handler().setLevel
        reveal(super().emit)  # = member logging.Handler().emit
        reveal(self.emit)  # = function m.Handler.emit
reveal(Both.a)  # = function m.Left.a
reveal(Both().a)  # = function m.Left.a
reveal(Both.Inner)  # = class m.Root.Inner
reveal(Both.Inner().deep)  # = function m.Root.Inner.deep
reveal(Both.log)  # = external logging.info
reveal(Both.level)  # = external logging.INFO
reveal(Both.make())  # = instance m.Both
reveal(Root.make().a)  # = function m.Root.a
reveal(Handler.acquire)  # = external logging.Handler.acquire
reveal(Handler().acquire)  # = member logging.Handler().acquire
reveal(Both.nothing)  # = -
f = Both().c
reveal(f)  # = function m.Right.c
def local():
    class Nested(Root):
        def n(self): pass
    reveal(Nested().n)  # = function m.local.Nested.n
    reveal(Nested().a)  # = function m.Root.a
Generic_ = dict[str, Root]
class Meta(type):
    def make(cls):
        reveal(cls)  # = class m.Meta
Root.patched = print
reveal(Root.patched)  # = external builtins.print
""",
    "instances": """
--- bus.py
class EventBus:
    def dispatch(self, name): pass
    def __enter__(self):
        return self
class Child(EventBus): pass
default = EventBus()
def get_bus() -> EventBus: ...
def find_bus():
    bus = Child()
    return bus
async def later() -> "EventBus": ...
--- m.py
from __future__ import annotations
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Optional, Union, cast, ClassVar, Final
from bus import EventBus, Child, default, get_bus, find_bus, later
import bus as module
@dataclass
class Service:
    bus: EventBus
    maybe: Optional[EventBus] = None
    other: "EventBus | None" = None
    made: EventBus = field(default_factory=EventBus)
    known: ClassVar[EventBus]
    untyped = EventBus()
    def __post_init__(self):
        self.post = Child()
class Plain:
    def __init__(self, bus: EventBus, untyped, defaulted=default):
        self.bus = bus
        self.untyped = untyped
        self.defaulted = defaulted
        self.own: EventBus = untyped
        self.private, self.second = EventBus(), Child()
        reveal(self.bus.dispatch)  # = function bus.EventBus.dispatch
    def setup(self):
        self.late = get_bus()
        self.f = self.bus.dispatch
    @property
    def annotated(self) -> EventBus:
        return anything()
    @property
    def inferred(self):
        return self.bus
    @cached_property
    def cached(self):
        return Child()
    def run(self):
        reveal(self.bus)  # = instance bus.EventBus
        reveal(self.untyped)  # = parameter m.Plain.__init__.untyped
        reveal(self.defaulted)  # = instance bus.EventBus | parameter m.Plain.__init__.defaulted
        reveal(self.own)  # = instance bus.EventBus
        reveal(self.late.dispatch)  # = function bus.EventBus.dispatch
        reveal(self.f)  # = function bus.EventBus.dispatch
        reveal(self.annotated)  # = instance bus.EventBus
        reveal(self.inferred)  # = instance bus.EventBus
        reveal(self.cached)  # = instance bus.Child
        reveal(self.cached.dispatch)  # = function bus.EventBus.dispatch
        reveal(self.second)  # = instance bus.Child
        f = self.bus.dispatch
        reveal(f)  # = function bus.EventBus.dispatch
class Heir(Plain):
    def run(self):
        reveal(self.bus.dispatch)  # = function bus.EventBus.dispatch
        reveal(self.inferred.dispatch)  # = function bus.EventBus.dispatch
def function(b: EventBus, m: Optional[EventBus], u: Union[EventBus, None], s: "EventBus", t: type[EventBus],
             a: Annotated[EventBus, "doc"], *args: EventBus, **kwargs: EventBus):
    reveal(b.dispatch)  # = function bus.EventBus.dispatch
    reveal(m)  # = instance bus.EventBus
    reveal(u)  # = instance bus.EventBus
    reveal(s)  # = instance bus.EventBus
    reveal(t)  # = class bus.EventBus
    reveal(t())  # = instance bus.EventBus
    reveal(a)  # = instance bus.EventBus
    reveal(args[0])  # = instance bus.EventBus
    reveal(kwargs["x"])  # = instance bus.EventBus
    for one in args:
        reveal(one)  # = instance bus.EventBus
    for one in kwargs.values():
        reveal(one)  # = instance bus.EventBus
async def asynchronous():
    reveal(await later())  # = instance bus.EventBus
    async with make() as x:
        reveal(x)  # = -
def locals_():
    x: EventBus = anything()
    reveal(x)  # = instance bus.EventBus
    y: EventBus
    reveal(y)  # = instance bus.EventBus
    z: Final[EventBus] = Child()
    reveal(z)  # = instance bus.Child
    with EventBus() as entered:
        reveal(entered)  # = instance bus.EventBus
    with Child() as entered:
        reveal(entered)  # = instance bus.Child
reveal(default)  # = instance bus.EventBus
reveal(module.default.dispatch)  # = function bus.EventBus.dispatch
reveal(get_bus())  # = instance bus.EventBus
reveal(find_bus())  # = instance bus.Child
reveal(find_bus().dispatch)  # = function bus.EventBus.dispatch
reveal(cast(EventBus, thing()))  # = instance bus.EventBus
reveal(cast("EventBus", thing()))  # = instance bus.EventBus
reveal(cast("Optional[EventBus]", thing()).dispatch)  # = function bus.EventBus.dispatch
reveal(Service().bus)  # = instance bus.EventBus
reveal(Service().maybe)  # = instance bus.EventBus
reveal(Service().other)  # = instance bus.EventBus
reveal(Service().made.dispatch)  # = function bus.EventBus.dispatch
reveal(Service.known)  # = instance bus.EventBus
reveal(Service().untyped)  # = instance bus.EventBus
reveal(Service().post)  # = instance bus.Child
""",
    "injection": """
--- deps.py
from typing import Annotated, Iterator, Generator, AsyncIterator
from fastapi import Depends
from contextlib import contextmanager, asynccontextmanager
class Bus:
    def dispatch(self): pass
class Session: pass
def get_bus(): return Bus()
def get_session() -> Iterator[Session]:
    yield Session()
async def get_async() -> AsyncIterator[Session]:
    yield Session()
BusDep = Annotated[Bus, Depends(get_bus)]
AnyDep = Annotated[object, Depends(get_bus)]
@contextmanager
def opened() -> Generator[Bus, None, None]:
    yield Bus()
--- routes.py
from fastapi import Depends
import fastapi
from deps import *
from deps import opened
def route(a: BusDep, b: AnyDep, c=Depends(get_bus), d: Bus = Depends(), e=Depends(get_session), f=fastapi.Depends(Bus),
          g: Session = Depends(get_async), h=Depends(get_async)):
    reveal(a.dispatch)  # = function deps.Bus.dispatch
    reveal(b)  # = instance deps.Bus
    reveal(c)  # = instance deps.Bus | parameter routes.route.c
    reveal(d)  # = instance deps.Bus
    reveal(e)  # = instance deps.Session | parameter routes.route.e
    reveal(f)  # = instance deps.Bus | parameter routes.route.f
    reveal(g)  # = instance deps.Session
    reveal(h)  # = instance deps.Session | parameter routes.route.h
with opened() as bus:
    reveal(bus)  # = instance deps.Bus
--- traits.py
from traitlets import Instance, Any, Type
import traitlets
from traitlets.config import Configurable
class Log(Configurable):
    bus = Instance("deps.Bus")
    second = traitlets.Instance(klass="deps.Bus", args=())
    any = Any()
    kind = Type("deps.Bus")
    def run(self):
        reveal(self.bus)  # = instance deps.Bus
        reveal(self.second.dispatch)  # = function deps.Bus.dispatch
        reveal(self.any)  # = result traitlets.Any
        reveal(self.kind)  # = class deps.Bus
        reveal(self.config)  # = member traitlets.config.Configurable().config
--- container.py
from dependency_injector import containers, providers
from dependency_injector.wiring import Provide, inject
from deps import Bus
class Container(containers.DeclarativeContainer):
    bus = providers.Singleton(Bus)
def use(bus=Provide[Container.bus]):
    reveal(bus)  # = instance deps.Bus | parameter container.use.bus
reveal(Container.bus())  # = instance deps.Bus
--- generic.py
from typing import TypeVar, Generic, Type
from deps import Bus, Session
T = TypeVar("T")
B = TypeVar("B", bound=Bus)
def get(kind: type[T]) -> T: ...
def get2(kind: Type[B]) -> B: ...
def same(x: T) -> T: ...
def bounded(x: B):
    reveal(x)  # = instance deps.Bus
class Repo(Generic[T]):
    def one(self) -> T: ...
    def me(self: B) -> B: ...
class Sessions(Repo[Session]): pass
class Builder:
    def first(self): return self
    def second(self) -> "Builder": ...
class Special(Builder):
    def only(self): pass
from typing import Callable, Awaitable
import collections.abc as abc
class Factory:
    def __init__(self, make: abc.Callable[[], Bus]):
        self.make = make
    def run(self):
        reveal(self.make().dispatch)  # = function deps.Bus.dispatch
def provided(make: Callable[[str], Bus], later: Callable[..., Awaitable[Bus]], bare: Callable):
    reveal(make)  # = instance typing.Callable | parameter generic.provided.make
    reveal(make("x").dispatch)  # = function deps.Bus.dispatch
    reveal(later())  # = instance deps.Bus
    reveal(bare())  # = result typing.Callable()
reveal(get(Bus).dispatch)  # = function deps.Bus.dispatch
reveal(get2(Bus))  # = instance deps.Bus
reveal(same(Bus()))  # = instance deps.Bus
reveal(Sessions().one())  # = instance deps.Session
reveal(Special().first().only)  # = function generic.Special.only
def typed(r: Repo[Bus]):
    reveal(r.one().dispatch)  # = function deps.Bus.dispatch
""",
    "calls": """
--- lib.py
import logging
from functools import partial, wraps, lru_cache, partialmethod
def emit(name, payload=None): pass
def deco(f):
    @wraps(f)
    def wrapper(*args): return f(*args)
    return wrapper
def factory(level):
    def decorate(f):
        @wraps(f)
        def wrapper(*args): return f(*args)
        return wrapper
    return decorate
def plain(f):
    def inner(): return f()
    return inner
@deco
def decorated(): pass
@lru_cache(maxsize=None)
def get_logger(): return logging.getLogger(__name__)
bound = partial(emit, "x")
twice = partial(bound, 1)
lam = lambda name: emit(name)
applied = deco(emit)
applied2 = factory(1)(emit)
inner = plain(emit)
def identity(x): return x
def pick(name): return {"emit": emit, "print": print}[name]
def load(name):
    import importlib
    return importlib.import_module(name)
class Callable_:
    def __call__(self, name): return self
class Meth:
    send = partialmethod(emit, "x")
--- m.py
from lib import *
import lib
reveal(bound)  # = function lib.emit
reveal(twice)  # = function lib.emit
reveal(lam)  # = function lib.<lambda>
reveal(decorated)  # = function lib.decorated
reveal(get_logger)  # = function lib.get_logger
reveal(get_logger())  # = result logging.getLogger
reveal(get_logger().info)  # = member logging.getLogger().info
reveal(get_logger().info("x"))  # = result logging.getLogger().info
reveal(get_logger().bind(a=1).info)  # = member logging.getLogger().bind().info
reveal(applied)  # = function lib.emit
reveal(applied2)  # = function lib.emit
reveal(inner)  # = function lib.plain.inner
reveal(identity(emit))  # = function lib.emit
reveal(pick("emit"))  # = function lib.emit
reveal(pick("print"))  # = external builtins.print
reveal(load("logging").getLogger)  # = external logging.getLogger
reveal(load("lib").emit)  # = function lib.emit
reveal(Callable_()("x"))  # = instance lib.Callable_
reveal(Meth().send)  # = function lib.emit
reveal(lib.Meth.send)  # = function lib.emit
reveal((emit if x else print))  # = external builtins.print | function lib.emit
reveal(unknown or emit)  # = function lib.emit
reveal((w := emit))  # = function lib.emit
reveal(w)  # = function lib.emit
reveal((lambda: emit)())  # = function lib.emit
reveal([emit][0])  # = function lib.emit
reveal({"a": emit}["a"])  # = function lib.emit
reveal({"a": emit, "b": print}[key])  # = external builtins.print | function lib.emit
reveal({"a": emit}.get("a"))  # = function lib.emit
reveal({"a": emit}.get("b", print))  # = external builtins.print
reveal(dict(a=emit)["a"])  # = function lib.emit
for h in [emit, print]:
    reveal(h)  # = external builtins.print | function lib.emit
for i, h in enumerate((emit, emit)):
    reveal(h)  # = function lib.emit
for k, v in {"a": emit}.items():
    reveal(v)  # = function lib.emit
for a, b in [(emit, 1), (print, 2)]:
    reveal(a)  # = external builtins.print | function lib.emit
for a, b in zip([emit], [print]):
    reveal(b)  # = external builtins.print
reveal(next(iter([emit])))  # = function lib.emit
reveal([f for f in (emit,)][0])  # = function lib.emit
first, *rest = emit, print
reveal(first)  # = function lib.emit
async def awaits():
    reveal(await unknown_thing())  # = -
HANDLERS = {}
HANDLERS["e"] = emit
reveal(HANDLERS["e"])  # = function lib.emit
""",
    "dynamic": """
--- deep/__init__.py
--- deep/mod.py
def f(): pass
import logging
CONST = "f"
me = __import__("deep.mod").mod
--- pkg/__init__.py
import importlib
late = importlib.import_module(".sub", __name__)
late2 = importlib.import_module("..mod", package="deep.x")
late3 = importlib.import_module(".sub", package=__package__)
--- pkg/sub.py
def g(): pass
--- m.py
import sys, importlib, operator, builtins
import importlib as il
from importlib import import_module as load
import deep.mod as mod
import pkg
NAME = "get" + "Logger"
reveal(getattr(mod, "f"))  # = function deep.mod.f
reveal(getattr(mod, mod.CONST))  # = function deep.mod.f
reveal(getattr(mod.logging, NAME))  # = external logging.getLogger
reveal(getattr(mod, "missing", print))  # = external builtins.print
reveal(getattr(sys.modules["logging"], "getLogger"))  # = external logging.getLogger
reveal(sys.modules["deep.mod"].f)  # = function deep.mod.f
reveal(sys.modules.get("deep.mod").f)  # = function deep.mod.f
reveal(sys.modules[__name__])  # = module m
reveal(sys.modules[__name__].NAME)  # = variable m.NAME
reveal(importlib.import_module("logging"))  # = external logging
reveal(il.import_module("deep." + "mod").f)  # = function deep.mod.f
reveal(load("logging.handlers").SysLogHandler)  # = external logging.handlers.SysLogHandler
reveal(load(unknown))  # = -
reveal(__import__("logging").info)  # = external logging.info
reveal(__import__("deep.mod"))  # = module deep
reveal(__import__("deep.mod", fromlist=["f"]).f)  # = function deep.mod.f
reveal(builtins.__import__("logging"))  # = external logging
reveal(globals()["NAME"])  # = variable m.NAME
reveal(globals()["mod"].f)  # = function deep.mod.f
reveal(globals().get("mod").f)  # = function deep.mod.f
reveal(vars(mod)["f"])  # = function deep.mod.f
reveal(mod.__dict__["f"])  # = function deep.mod.f
reveal(operator.attrgetter("logging.getLogger")(mod))  # = external logging.getLogger
reveal(operator.methodcaller("f")(mod))  # = -
reveal(operator.itemgetter("a")({"a": print}))  # = external builtins.print
reveal(pkg.late.g)  # = function pkg.sub.g
reveal(pkg.late2.f)  # = function deep.mod.f
reveal(pkg.late3.g)  # = function pkg.sub.g
reveal(mod.me.f)  # = function deep.mod.f
globals()["made"] = print
reveal(made)  # = external builtins.print
--- other.py
from m import made
reveal(made)  # = external builtins.print
""",
    "PEP 562": """
--- lazy/__init__.py
import importlib
_MAP = {"g": "lazy.real"}
def __getattr__(name):
    if name == "emit":
        from .real import emit
        return emit
    if name in ("a", "b"):
        import logging
        return logging
    if name in _MAP:
        return getattr(importlib.import_module(_MAP[name]), name)
    raise AttributeError(name)
--- lazy/real.py
def emit(): pass
def g(): pass
--- moved.py
import lazy.real as _impl
def __getattr__(name):
    return getattr(_impl, name)
--- use.py
import lazy, moved
from lazy import emit, a
reveal(emit)  # = function lazy.real.emit
reveal(a.getLogger)  # = external logging.getLogger
reveal(lazy.emit)  # = function lazy.real.emit
reveal(lazy.g)  # = function lazy.real.g
reveal(moved.emit)  # = function lazy.real.emit
reveal(moved.nothing)  # = -
class Proxy:
    def __init__(self): self._inner = moved
    def __getattr__(self, name): return getattr(self._inner, name)
reveal(Proxy().g)  # = function lazy.real.g
""",
    "lookalikes": """
--- own/__init__.py
class Log:
    def info(self): pass
log = Log()
--- own/context.py
def current(): pass
--- use.py
from own import log as logging
from own.context import current
reveal(logging)  # = instance own.Log
reveal(logging.info)  # = function own.Log.info
text = "import logging"
reveal(text)  # = variable use.text
import logging_tree
reveal(logging_tree.printout)  # = external logging_tree.printout
""",
    "descriptors and enums": """
--- m.py
from enum import Enum, StrEnum, auto
import functools
class Lazy:
    def __init__(self, make): self.make = make
    def __get__(self, obj, kind) -> "Tool": ...
class reify(property): pass
class Tool:
    def run(self): pass
class Holder:
    tool = Lazy(Tool)
    @reify
    def other(self): return Tool()
    @property
    def changed(self): return Tool()
    @changed.setter
    def changed(self, value): self._changed = value
    old = property(lambda self: Tool())
class Color(Enum):
    RED = 1
    GREEN = auto()
    def paint(self): return Tool()
    @property
    def tool(self): return Tool()
class Event(StrEnum):
    STARTED = "job.started"
reveal(Holder().tool.run)  # = function m.Tool.run
reveal(Holder().other.run)  # = function m.Tool.run
reveal(Holder().changed.run)  # = function m.Tool.run
reveal(Holder().old.run)  # = function m.Tool.run
reveal(Color.RED)  # = instance m.Color[RED]
reveal(Color.RED.paint)  # = function m.Color.paint
reveal(Color.RED.tool.run)  # = function m.Tool.run
reveal(Color["RED"])  # = instance m.Color[RED]
reveal(Color(1))  # = instance m.Color[RED]
reveal(Color(x))  # = instance m.Color
for event in Event:
    reveal(event)  # = instance m.Event[STARTED]
@functools.singledispatch
def overloaded(x): pass
from typing import overload
@overload
def over(x: int) -> int: ...
@overload
def over(x: str) -> str: ...
def over(x): return Tool()
reveal(over(1))  # = instance m.Tool
""",
    "function attributes and namespaces": """
--- m.py
from types import SimpleNamespace
def emit(): pass
def other(): pass
emit.sub = other
obs = SimpleNamespace(emit=emit)
reveal(emit.sub)  # = function m.other
reveal(obs.emit)  # = function m.emit
reveal(emit.missing)  # = -
del other
--- use.py
import m
reveal(m.other)  # = -
reveal(m.obs.emit)  # = function m.emit
""",
    "newer syntax": """
--- m.py
class Box[T]:
    def get(self) -> T: ...
class Tool:
    def run(self): pass
def first[U](kind: type[U]) -> U: ...
type Alias = Tool | None
def use(box: Box[Tool], alias: Alias):
    reveal(box.get().run)  # = function m.Tool.run
    reveal(alias.run)  # = function m.Tool.run
reveal(first(Tool).run)  # = function m.Tool.run
def match_(x: Tool):
    match x:
        case y:
            reveal(y)  # = instance m.Tool
""",
}


def shown(origins: tuple[Origin, ...]) -> str:
    """Write origins the way that the sources expect them."""
    rows = sorted(f"{o.kind} {o.name}" + (f"[{o.member}]" if o.member else "") for o in origins)
    return " | ".join(dict.fromkeys(rows)) or "-"


def reveals(project: Project, name: str = "reveal") -> Iterator[tuple[str, int, int, tuple]]:
    """Yield (path, line, scope, expression) of each call of `reveal`."""
    for path in sorted(project.files):
        facts = project.facts(path)
        assert facts is not None, path
        for call in facts.calls:
            if call.expr[1][0] == "name" and call.expr[1][1] == name:
                yield path, call.expr[-1][0], call.scope, call.expr[2][0]


@pytest.mark.parametrize("case", CASES)
def test_reveals(case: str) -> None:
    files = files_of(CASES[case])
    project = project_of(files)
    expected = {}
    for path, text in files.items():
        for number, line in enumerate(text.splitlines(), 1):
            if match := re.search(r"reveal\(.*#(?: = (.*))", line):
                expected[path, number] = match[1].strip()
    found = {(path, line): shown(project.resolve(path, scope, expr)) for path, line, scope, expr in reveals(project)}
    assert found == expected


@pytest.mark.parametrize("seed", range(4))
def test_answers_do_not_depend_on_the_order_of_questions(seed: int) -> None:
    for text in CASES.values():
        files = files_of(text)
        first = {
            row[:2]: shown(project.resolve(row[0], row[2], row[3]))
            for project in [project_of(files)]
            for row in reveals(project)
        }
        project = project_of(files)
        rows = list(reveals(project))
        for path in project.files:
            facts = project.facts(path)
            assert facts is not None
            rows += [(path, -1, use.scope, use.expr) for use in facts.uses]
            rows += [(path, -1, call.scope, call.expr) for call in facts.calls]
        random.Random(seed).shuffle(rows)
        answers = {(path, line): shown(project.resolve(path, scope, expr)) for path, line, scope, expr in rows}
        assert {key: answers[key] for key in first} == first


def origins_of(project: Project, path: str, spelling: str) -> tuple[Origin, ...]:
    """Resolve the use that is spelled so."""
    facts = project.facts(path)
    assert facts is not None
    for use in facts.uses:
        expr, parts = use.expr, []
        while expr[0] == "attr":
            parts.append(expr[2])
            expr = expr[1]
        if ".".join([expr[1], *reversed(parts)]) == spelling:
            return project.resolve(path, use.scope, use.expr)
    raise AssertionError(f"{spelling} is not used in {path}")


def steps(origin: Origin) -> list[str]:
    return [f"{step.path}:{step.position.line}:{step.position.column} {step.message}" for step in origin.trail]


TRAILS = """
--- a.py
import logging as L
M = L
--- b.py
from a import M
from a import M as N
--- c.py
from b import *
get = N.getLogger
--- factory.py
import logging
def make():
    return logging
class Holder:
    def __init__(self):
        self.log = logging
lazy = make()
--- lazy.py
def __getattr__(name):
    import logging
    return logging
--- use.py
import logging as own
from c import M, get
from factory import lazy, Holder, make
import lazy as deferred
import c
own.info
M.info
get
lazy.info
Holder().log
deferred.anything
c.M.debug
mine = M
mine.error
"""


def test_the_trail_names_every_file_on_the_way() -> None:
    project = project_of(files_of(TRAILS))

    def trail(spelling: str) -> list[str]:
        (origin,) = origins_of(project, "use.py", spelling)
        return steps(origin)

    assert trail("own.info") == []
    assert trail("M.info") == [
        "c.py:1:15 `from b import *` passes `M` on here",
        "b.py:1:15 `M` is re-exported here",
        "a.py:2:1 `L` is renamed to `M` here",
        "a.py:1:8 `logging` is renamed to `L` here",
    ]
    assert trail("get") == [
        "c.py:2:1 `N.getLogger` is renamed to `get` here",
        "c.py:1:15 `from b import *` passes `N` on here",
        "b.py:2:15 `M` is renamed to `N` here",
        "a.py:2:1 `L` is renamed to `M` here",
        "a.py:1:8 `logging` is renamed to `L` here",
    ]
    assert trail("lazy.info") == [
        "factory.py:7:1 `lazy` is set here",
        "factory.py:2:5 `make` returns it here",
        "factory.py:1:8 `logging` is re-exported here",
    ]
    assert trail("deferred.anything") == [
        "lazy.py:1:5 `__getattr__` gives `anything` here",
    ]
    assert trail("c.M.debug") == trail("M.info") == trail("mine.error")


def test_names_on_the_way() -> None:
    project = project_of(
        {
            "obs/__init__.py": "from obs.core import _emit as emit, Logger\nlogger = Logger()\nlog = logger.info\n",
            "obs/core.py": "from functools import partial\nimport structlog\n"
            "def _raw(): pass\n_emit = partial(_raw, 1)\n"
            "class Base:\n    def info(self): pass\nclass Logger(Base): pass\nevents = structlog.get_logger()\n",
            "use.py": "from obs import emit, log, logger\nfrom obs.core import events\nemit\nlog\nevents.info\n",
        }
    )
    (emit,) = origins_of(project, "use.py", "emit")
    assert emit.name == "obs.core._raw"
    assert emit.via == ("use.emit", "obs.emit", "obs.core._emit")
    (log,) = origins_of(project, "use.py", "log")
    assert (log.name, log.receiver) == ("obs.core.Base.info", "obs.core.Logger")
    assert "obs.log" in log.via
    (info,) = origins_of(project, "use.py", "events.info")
    assert (info.kind, info.name) == ("member", "structlog.get_logger().info")
    assert info.via == ("use.events", "obs.core.events", "obs.core.structlog")


def test_partials_are_kept() -> None:
    project = project_of(
        {
            "a.py": "from functools import partial as p\ndef emit(name, payload): pass\nfirst = p(emit, 'x')\n"
            "second = p(first, payload=1)\nclass Bus:\n    def send(self): pass\nbound = p(Bus().send, 2)\n",
            "use.py": "from a import second, bound, emit\nsecond\nbound\nemit\n",
        }
    )
    (second,) = origins_of(project, "use.py", "second")
    assert second.name == "a.emit"
    assert [(path, call[2][0][1], [k for k, _, _ in call[3]]) for path, _, call in second.partials] == [
        ("a.py", "first", ["payload"]),
        ("a.py", "emit", []),
    ]
    (bound,) = origins_of(project, "use.py", "bound")
    assert (bound.name, bound.receiver, len(bound.partials)) == ("a.Bus.send", "a.Bus", 1)
    assert origins_of(project, "use.py", "emit")[0].partials == ()


def test_a_question_touches_no_more_files_than_it_needs() -> None:
    project = project_of(
        {
            "pkg/__init__.py": "",
            "pkg/a.py": "import logging as L\nimport pkg.b\n",
            "pkg/b.py": "from pkg.c import *\n",
            "pkg/c.py": "x = 1\n",
            "use.py": "import logging\nimport pkg.a\nfrom pkg.a import L\nfrom pkg import b\n"
            "logging.info\npkg.a\nL.info\nb\n",
        }
    )

    def asked(spelling: str) -> list[str]:
        project.source.asked.clear()  # type: ignore[attr-defined]
        origins_of(project, "use.py", spelling)
        return project.source.asked  # type: ignore[attr-defined]

    assert asked("logging.info") == ["use.py"]
    assert asked("pkg.a") == []
    assert asked("b") == []
    assert asked("L.info") == ["pkg/a.py"]


def test_lookup_and_attributes() -> None:
    project = project_of(
        {
            "src/shop/__init__.py": "",
            "src/shop/obs/__init__.py": "from shop.obs.emit import emit as publish\n",
            "src/shop/obs/emit.py": "def emit(): pass\nclass Bus:\n    def send(self): pass\nbus = Bus()\n",
            "use.py": "",
        }
    )
    assert shown(project.lookup("shop.obs.publish")) == "function src.shop.obs.emit.emit"
    assert shown(project.lookup("shop.obs.emit.Bus.send")) == "function src.shop.obs.emit.Bus.send"
    assert shown(project.lookup("shop.obs.emit.bus.send", "use.py")) == "function src.shop.obs.emit.Bus.send"
    assert shown(project.lookup("structlog.get_logger")) == "external structlog.get_logger"
    assert shown(project.lookup("shop.obs.missing")) == "-"
    (bus,) = project.lookup("shop.obs.emit.bus")
    assert shown((bus,)) == "instance src.shop.obs.emit.Bus"
    assert shown(project.resolve_attribute(bus, "send")) == "function src.shop.obs.emit.Bus.send"
    assert shown(project.resolve_attribute(Origin("external", "logging"), "info")) == "external logging.info"
    assert (
        shown(project.resolve_attribute(Origin("result", "logging.getLogger"), "info"))
        == "member logging.getLogger().info"
    )
    (module,) = project.lookup("shop.obs")
    assert shown(project.resolve_attribute(module, "publish")) == "function src.shop.obs.emit.emit"
    assert project.names(bus) == ("src.shop.obs.emit.Bus", "shop.obs.emit.Bus")
    assert project.names(Origin("external", "logging")) == ("logging",)


def test_what_an_import_statement_imports() -> None:
    project = project_of(
        {
            "a.py": "import logging.handlers\nfrom b import L as M, f\nfrom b import *\nimport b as c, os.path as p\n",
            "b.py": "import logging as L\ndef f(): pass\n",
        }
    )
    found = [shown(project.resolve_import("a.py", i, j)) for i, j in [(0, 0), (1, 0), (1, 1), (2, 0), (3, 0), (3, 1)]]
    assert found == [
        "external logging.handlers",
        "external logging",
        "function b.f",
        "-",
        "module b",
        "external os.path",
    ]


def test_annotations() -> None:
    project = project_of(
        {
            "a.py": "from typing import Annotated, Optional\nfrom fastapi import Depends\nimport logging\n"
            "class Bus: pass\ndef make(): return Bus()\n"
            "def f(a: Optional[Bus], b: 'logging.Logger | None', c: Annotated[object, Depends(make)],\n"
            "      d: type[Bus], e: int): ...\n",
        }
    )
    facts = project.facts("a.py")
    assert facts is not None
    parameters = facts.functions[1].parameters
    found = [shown(project.resolve_annotation("a.py", 0, p.annotation)) for p in parameters if p.annotation is not None]
    assert found == [
        "instance a.Bus",
        "instance logging.Logger",
        "instance a.Bus",
        "class a.Bus",
        "instance builtins.int",
    ]


def test_public_names() -> None:
    project = project_of(
        {
            "a.py": "from b import *\nimport logging as L\n_private = 1\ngone = 1\ndel gone\n",
            "b.py": "from a import *\nfrom c import *\ndef f(): pass\n",
            "c.py": "__all__ = ['listed']\nlisted = other = 1\n",
        }
    )
    assert project.public_names("a.py") == ("L", "f", "listed")
    assert project.public_names("c.py") == ("listed",)


def test_importers() -> None:
    project = project_of(
        {
            "pkg/__init__.py": "from . import sub\n",
            "pkg/sub.py": "from .other import x\n",
            "pkg/other.py": "x = 1\n",
            "pkg/deep/__init__.py": "from ..other import x\nfrom .. import sub as s\n",
            "one.py": "import pkg.other\n",
            "two.py": "from pkg import other as o, sub\n",
            "three.py": "def f():\n    from pkg.other import *\n",
            "four.py": "import pkg.other as o\n",
            "five.py": "import pkgother, pkg_other\nfrom pkg import unrelated\n",
            "six.py": "'import pkg.other'  # import pkg.other\n",
        }
    )
    assert project.importers("pkg/other.py") == (
        "four.py",
        "one.py",
        "pkg/deep/__init__.py",
        "pkg/sub.py",
        "three.py",
        "two.py",
    )
    assert project.importers("pkg/sub.py") == ("pkg/__init__.py", "pkg/deep/__init__.py", "two.py")
    assert project.importers("pkg/__init__.py") == ("five.py", "one.py", "pkg/deep/__init__.py", "two.py")
    assert project.importers("one.py") == ()


def test_surface_and_wiring() -> None:
    project = project_of(
        {
            "src/shop/obs/__init__.py": "",
            "src/shop/obs/sinks/log.py": "",
            "src/shop/obs_helpers.py": "",
            "src/shop/wiring/observability.py": "",
            "scripts/otel/setup.py": "",
        }
    )
    config = Config(root=Path("/"), surface=("shop.obs",), wiring=("shop.*.observability", "scripts/otel/*.py"))
    files = project.files
    assert [path for path in files if project.is_surface(files[path], config)] == [
        "src/shop/obs/__init__.py",
        "src/shop/obs/sinks/log.py",
    ]
    assert [path for path in files if project.is_wiring(files[path], config)] == [
        "scripts/otel/setup.py",
        "src/shop/wiring/observability.py",
    ]
    assert not any(project.is_surface(file, Config(root=Path("/"), surface=())) for file in files.values())


def test_symbols_and_cells() -> None:
    notebook = json.dumps(
        {
            "cells": [
                {"cell_type": "markdown", "source": ["text"], "metadata": {}},
                {
                    "cell_type": "code",
                    "source": ["import a\n", "x = 1\n"],
                    "metadata": {},
                    "outputs": [],
                    "execution_count": 1,
                },
                {
                    "cell_type": "code",
                    "source": ["from a import L\n"],
                    "metadata": {},
                    "outputs": [],
                    "execution_count": 1,
                },
            ],
            "metadata": {},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    )
    project = project_of(
        {
            "src/shop/a.py": "import logging as L\nclass C:\n    def m(self): return [lambda: x for x in ()]\n",
            "n.ipynb": notebook,
        }
    )
    facts = project.facts("src/shop/a.py")
    assert facts is not None
    assert project.symbol("src/shop/a.py") == "shop.a"
    assert project.symbol("src/shop/a.py", 0) == "shop.a"
    assert [project.symbol("src/shop/a.py", scope) for scope in range(1, 3)] == ["shop.a.C", "shop.a.C.m"]
    assert project.cell_of("src/shop/a.py", 3) == (None, 0)
    assert [project.cell_of("n.ipynb", line)[0] for line in (1, 2, 4)] == [2, 2, 3]


def test_what_can_not_be_parsed_is_unknown() -> None:
    project = project_of({"bad.py": "def (:\n", "use.py": "import bad\nfrom bad import x\nbad.y\nx\nbad\n"})
    assert project.facts("bad.py") is None
    assert origins_of(project, "use.py", "x") == ()
    assert origins_of(project, "use.py", "bad.y") == ()
    assert shown(origins_of(project, "use.py", "bad")) == "module bad"
    assert project.resolve("bad.py", 0, ("name", "x", (1, 1, 1, 2))) == ()


def spent(project: Project) -> float:
    """Return the seconds of processor time that all questions take."""
    rows = [(path, facts) for path in project.files if (facts := project.facts(path))]
    start = time.process_time()
    for path, facts in rows:
        for use in facts.uses:
            project.resolve(path, use.scope, use.expr)
        for call in facts.calls:
            project.resolve(path, call.scope, call.expr)
            project.values(path, call.scope, call.expr)
    return time.process_time() - start


GROWTH = {
    "renames": lambda n: {
        "m.py": "import logging as x0\n" + "".join(f"x{i + 1} = x{i}\nx{i}.info()\n" for i in range(n))
    },
    "bindings of one name": lambda n: {"m.py": "".join(f"x = f{i}()\nx.info()\n" for i in range(n))},
    "conditional bindings": lambda n: {"m.py": "".join(f"if a:\n    x = f{i}()\n    x.info()\n" for i in range(n))},
    "in a loop": lambda n: {
        "m.py": "def f():\n  while a:\n" + "".join(f"    x = g{i % 9}(x)\n    x.info()\n" for i in range(n))
    },
    "methods": lambda n: {
        "m.py": "class A(B):\n"
        + "".join(f"    def m{i}(self): self.m{i + 1}(self.x{i})\n" for i in range(n))
        + "A().m0()\n"
    },
    "inheritance": lambda n: {
        "m.py": "class C0: pass\n" + "".join(f"class C{i + 1}(C{i}): pass\nC{i}().x()\n" for i in range(n // 32))
    },
    "re-exports": lambda n: {
        "m0.py": "import logging as x\nx.info()\n",
        **{f"m{i + 1}.py": f"from m{i} import x\nx.info()\n" for i in range(n // 8)},
    },
    "stars": lambda n: {
        "m0.py": "import logging as x\nfrom m1 import *\nx.info()\n",
        **{
            f"m{i}.py": f"from m{i - 1} import *\nfrom m{(i + 1) % (n // 16)} import *\nx.info()\n"
            for i in range(1, n // 16)
        },
    },
    "chains": lambda n: {"m.py": "x" + ".a(1)" * n + "\n"},
    "mutual recursion": lambda n: {
        "m.py": "".join(
            f"def f{i}(x): return f{(i + 1) % n}(x) if x else f{(i * 7) % n}(1)\nf{i}(2)\n" for i in range(n // 8)
        )
    },
    "concatenations": lambda n: {"m.py": "x = 'a'\ny = " + " + ".join(["x"] * n) + "\nf(y)\n"},
    "alternatives": lambda n: {
        "m.py": "".join(f"x{i + 1} = x{i} + ('a' if c else 'b')\nf(x{i})\n" for i in range(n // 4))
    },
}


@pytest.mark.parametrize("shape", GROWTH)
def test_time_grows_with_the_size(shape: str) -> None:
    for _ in range(3):  # a busy machine distorts one measurement, not three
        first, second = spent(project_of(GROWTH[shape](400))), spent(project_of(GROWTH[shape](3200)))
        if second < max(first * 8 * 3, 3) and second < 5:
            return
    raise AssertionError(f"8 times the size takes {second / first:.0f} times as long, {second:.1f} s")


def test_a_long_chain_ends_where_it_should() -> None:
    count = 3000
    project = project_of(
        {"m.py": "import logging as x0\n" + "".join(f"x{i + 1} = x{i}\n" for i in range(count)) + f"x{count}.info\n"}
    )
    assert shown(origins_of(project, "m.py", f"x{count}.info")) == "external logging.info"
    files = {"m0.py": "import logging as x\n", **{f"m{i + 1}.py": f"from m{i} import x\n" for i in range(400)}}
    project = project_of({**files, "use.py": "from m400 import x\nx.info\n"})
    (origin,) = origins_of(project, "use.py", "x.info")
    assert shown((origin,)) == "external logging.info"
    assert origin.trail[0].path == "m400.py"
    assert origin.trail[-1].path == "m0.py"
