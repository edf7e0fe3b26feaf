"""What values expressions can have: `reveal(expr)  # = 'a' 'b' …` in the sources; `…` where there may be others."""

from __future__ import annotations

import re

import pytest

from obs_lint.project import Values
from tests.support import files_of, project_of

CASES = {
    "literals and constants": """
--- names.py
STARTED = "job.started"
PREFIX = "job."
ALIAS = STARTED
class Events:
    DONE = "job.done"
    FAILED = PREFIX + "failed"
    class Inner:
        DEEP = "deep"
class More(Events):
    EXTRA = "extra"
--- m.py
import names
from names import STARTED, Events as E, More, ALIAS
from names import *
LOCAL = 1
reveal("a")  # = 'a'
reveal(1)  # = 1
reveal(None)  # = None
reveal(True)  # = True
reveal(STARTED)  # = 'job.started'
reveal(names.STARTED)  # = 'job.started'
reveal(ALIAS)  # = 'job.started'
reveal(E.DONE)  # = 'job.done'
reveal(More.DONE)  # = 'job.done'
reveal(More.EXTRA)  # = 'extra'
reveal(E.FAILED)  # = 'job.failed'
reveal(E.Inner.DEEP)  # = 'deep'
reveal(More().DONE)  # = 'job.done'
reveal(PREFIX + "x")  # = 'job.x'
reveal(unknown)  # = …
reveal(unknown.name)  # = …
reveal(names.MISSING)  # = …
reveal(getattr(names, "STARTED"))  # = 'job.started'
reveal(globals()["LOCAL"])  # = 1
reveal(names)  # = …
reveal(E)  # = …
reveal(E.__name__)  # = 'Events'
reveal(print)  # = …
""",
    "folding": """
--- m.py
A, B = "a", "b"
def f(x):
    reveal(A + "." + B)  # = 'a.b'
    reveal("%s.%s" % (A, B))  # = 'a.b'
    reveal("%s" % A)  # = 'a'
    reveal("%(x)s!" % {"x": A})  # = 'a!'
    reveal("{}.{}".format(A, B))  # = 'a.b'
    reveal("{x}.{0}".format(A, x=B))  # = 'b.a'
    reveal(f"{A}.{B}")  # = 'a.b'
    reveal(f"{A!r}{1:03d}{B:>3}")  # = "'a'001  b"
    reveal(f"plain")  # = 'plain'
    reveal("a" "b")  # = 'ab'
    reveal(".".join([A, B]))  # = 'a.b'
    reveal(".".join((A, "c")))  # = 'a.c'
    reveal(A.upper())  # = 'A'
    reveal(" x ".strip().replace("x", "y"))  # = 'y'
    reveal(str(1) + A)  # = '1a'
    reveal("a" * 3)  # = 'aaa'
    reveal(1 + 2)  # = 3
    reveal(f"{x}.b")  # = …
    reveal(A + x)  # = …
    reveal("%s" % x)  # = …
    reveal("{}".format(x))  # = …
    reveal(".".join([A, x]))  # = …
    reveal(".".join(x))  # = …
    reveal(A.encode())  # = …
    reveal(A.upper)  # = …
    reveal("%d" % A)  # = …
    reveal("a" * 10 ** 9)  # = …
    reveal("%999999999d" % 1)  # = …
    reveal(-1)  # = …
""",
    "alternatives": """
--- m.py
from typing import Literal
import sys
def f(flag, x, mode: Literal["r", "w"], maybe: "Literal['a'] | None", *, either: Literal["p"] | Literal["q"] = "p"):
    reveal("a" if flag else "b")  # = 'a' 'b'
    reveal(f"job.{'a' if flag else 'b'}")  # = 'job.a' 'job.b'
    reveal("a" if flag else x)  # = 'a' …
    reveal(x or "default")  # = 'default' …
    reveal(mode)  # = 'r' 'w'
    reveal(maybe)  # = 'a' None
    reveal(either)  # = 'p' 'q'
    reveal(f"file.{mode}")  # = 'file.r' 'file.w'
    for name in ("a", "b"):
        reveal(name)  # = 'a' 'b'
    for name, number in [("c", 1), ("d", 2)]:
        reveal(name)  # = 'c' 'd'
    reveal([n for n in ("a", "b")][0])  # = 'a' 'b'
    if flag:
        y = "one"
    else:
        y = "two"
    reveal(y)  # = 'one' 'two'
    y = "three"
    reveal(y)  # = 'three'
    reveal({"a": "x", "b": "y"}["a"])  # = 'x'
    reveal({"a": "x", "b": "y"}[x])  # = 'x' 'y'
    reveal({"a": "x", "b": "y"}.get(x))  # = 'x' 'y' None
    reveal({"a": "x"}.get("zzz", "none"))  # = 'none'
    reveal(TABLE["k"])  # = 'v'
    reveal(TABLE[mode])  # = 'R' 'W'
    reveal(("a", "b")[1])  # = 'b'
    reveal(("a", "b")[x])  # = 'a' 'b'
TABLE = {"k": "v", "r": "R", "w": "W"}
if sys.argv:
    NAME = "x"
else:
    NAME = "y"
def g():
    reveal(NAME)  # = 'x' 'y'
def parameters(a, b="default", *args, c: str = "x", **kwargs):
    reveal(a)  # = …
    reveal(b)  # = 'default' …
    reveal(c)  # = 'x' …
    reveal(args)  # = …
    reveal(args[0])  # = …
    reveal(kwargs["x"])  # = …
""",
    "never wrong": """
--- m.py
import other
def grown():
    parts = ["a"]
    parts.append(other.x())
    reveal(".".join(parts))  # = …
def replaced():
    parts = ["a", "b"]
    parts[0] = other.x()
    reveal(".".join(parts))  # = …
def summed(items):
    name = ""
    for item in items:
        name += "x"
    reveal(name)  # = '' …
def augmented():
    name = "a"
    name += ".b"
    reveal(name)  # = 'a.b'
def looped(items):
    name = "a"
    while items:
        reveal(name)  # = 'a' …
        name = other.x()
def closed():
    name = "a"
    def change():
        nonlocal name
        name = other.x()
    change()
    reveal(name)  # = 'a' …
def handled():
    try:
        name = "a"
        name = other.x()
    except ValueError:
        pass
    reveal(name)  # = 'a' …
STATE = "start"
def change():
    global STATE
    STATE = other.x()
def read():
    reveal(STATE)  # = 'start' …
def parameter(x):
    if not x:
        x = "a"
    reveal(x)  # = 'a' …
def deleted():
    x = "a"
    del x
    x = "b"
    reveal(x)  # = 'b'
def with_(x):
    with open(x) as f:
        reveal(f)  # = …
    for f in x:
        reveal(f)  # = …
def unpacked(x):
    a, b = x
    reveal(a)  # = …
    (c, d) = ("c", other.x())
    reveal(c)  # = 'c'
    reveal(d)  # = …
    e, *f = ("e", "f")
    reveal(e)  # = 'e'
    reveal(f)  # = …
def cyclic():
    a = b
    b = a
    reveal(a)  # = …
def match(x):
    match x:
        case {"name": name}:
            reveal(name)  # = …
        case "lit" as y:
            reveal(y)  # = …
def choose(c):
    holder = A if c else other.B()
    reveal(holder.NAME)  # = 'A.name' …
class A:
    NAME = "A.name"
def mutated_table(key):
    TABLE[key] = other.x()
TABLE = {"a": "x"}
reveal(TABLE["a"])  # = 'x' …
table = {}
reveal(table["a"])  # = …
class Holder:
    name = "own"
    def __init__(self, given):
        self.given = given
        self.fixed = "fixed"
        self.later = None
    def use(self):
        reveal(self.name)  # = 'own'
        reveal(self.given)  # = …
        reveal(self.fixed)  # = 'fixed'
        reveal(self.later)  # = 'set' None
        reveal(self.missing)  # = …
    def set(self):
        self.later = "set"
""",
    "never wrong, classes": """
--- m.py
from dataclasses import dataclass
from typing import ClassVar, Final, Literal
import pydantic, other
X: Final = "final"
Y: Final[str] = "typed"
reveal(X)  # = 'final'
reveal(Y)  # = 'typed'
@dataclass(frozen=True)
class Job:
    name: str = "default"
    kind: ClassVar[str] = "kind"
    mode: Literal["a", "b"] = "a"
    def run(self):
        reveal(self.name)  # = 'default' …
        reveal(self.mode)  # = 'a' 'b'
reveal(Job.name)  # = 'default'
class Model(pydantic.BaseModel):
    name: str = "default"
    def run(self):
        reveal(self.name)  # = 'default' …
class Child(Model): pass
reveal(Child(name="x").name)  # = 'default' …
class Plain:
    name: str = "plain"
    patched = "one"
reveal(Plain().name)  # = 'plain'
plain = Plain()
plain.patched = "two"
reveal(Plain().patched)  # = 'one' 'two'
class A:
    event = "a"
    def emit(self):
        reveal(self.event)  # = 'a' 'b'
class B:
    event = "b"
class C(B, A): pass
def optional(x: Literal["a"] = None):
    reveal(x)  # = 'a' None
def choice(x):
    reveal(None or "a")  # = 'a'
    reveal("" or x or "b")  # = 'b' …
    reveal("a" and "b")  # = 'b'
    event = None
    if x:
        event = "inner"
        reveal(event)  # = 'inner'
    else:
        reveal(event)  # = 'inner' None
    if x:
        event = "one"

        reveal(event)  # = 'inner' 'one' None
    reveal(event)  # = 'inner' 'one' None
def first_resolved(self): pass
""",
    "attributes of self and subclasses": """
--- base.py
class Base:
    event = "base"
    kind: str
    prefix = "p."
    def emit(self):
        local = self.event
        reveal(local)  # = 'base' 'first' 'second'
        reveal(self.event)  # = 'base' 'first' 'second'
        reveal(self.kind)  # = 'k' …
        reveal(f"{self.prefix}{self.event}")  # = 'p.base' 'p.first' 'p.second'
        reveal(Base.event)  # = 'base'
        reveal(type(self).event)  # = 'base' 'first' 'second'
        reveal(type(self).__name__)  # = 'Base' …
    @classmethod
    def make(cls):
        reveal(cls.event)  # = 'base' 'first' 'second'
    @property
    def full(self):
        return self.prefix + "x"
--- one.py
from base import Base as B
import base
class First(B):
    event = "first"
    kind = "k"
    def run(self):
        reveal(self.event)  # = 'first'
        reveal(super().event)  # = 'base'
        reveal(self.full)  # = 'p.x'
class Third(base.Base):
    pass
--- two.py
from reexport import Renamed
class Second(Renamed):
    event = "second"
reveal(Second().event)  # = 'second'
def f(x: Renamed, y: Second):
    reveal(x.event)  # = 'base' 'first' 'second'
    reveal(y.event)  # = 'second'
--- reexport.py
from base import Base as Renamed
""",
    "enums": """
--- ev.py
from enum import Enum, IntEnum, StrEnum, auto
class Plain(Enum):
    A = "a.value"
    B = "b." + "value"
    C = A
    def label(self):
        return f"label.{self.value}"
    @property
    def event(self):
        return "ev." + self.value
    @classmethod
    def first(cls):
        return cls.A
class Text(StrEnum):
    ONE = "one"
    TWO = auto()
    Mixed_Case = auto()
class Old(str, Enum):
    X = "x"
    Y = "y"
class Number(IntEnum):
    LOW = 1
    MID = auto()
    TOP = 10
    NEXT = auto()
class Named(str, Enum):
    def _generate_next_value_(name, start, count, last_values):
        return name.lower()
    GO = auto()
class Odd(Enum):
    P = "p", 1
    def __new__(cls, value, number):
        obj = object.__new__(cls)
        obj._value_ = value
        return obj
class Outer:
    class Nested(Enum):
        N = "nested"
--- m.py
from ev import *
import ev
from typing import Literal
reveal(Plain.A)  # = 'a.value'@ev.Plain.A
reveal(Plain.A.value)  # = 'a.value'
reveal(Plain.B.value)  # = 'b.value'
reveal(Plain.C.value)  # = 'a.value'
reveal(Plain.A.name)  # = 'A'
reveal(Plain.A.label())  # = 'label.a.value'
reveal(Plain.B.event)  # = 'ev.b.value'
reveal(Plain("a.value").name)  # = 'A' 'C'
reveal(Plain["B"].value)  # = 'b.value'
reveal(Text.ONE)  # = 'one'@ev.Text.ONE
reveal(Text.TWO.value)  # = 'two'
reveal(Text.Mixed_Case)  # = 'mixed_case'@ev.Text.Mixed_Case
reveal(f"job.{Text.ONE}")  # = 'job.one'
reveal("job." + Text.ONE)  # = 'job.one'
reveal("job." + Old.X)  # = 'job.x'
reveal(f"job.{Old.X}")  # = …
reveal(f"job.{Old.X.value}")  # = 'job.x'
reveal(f"job.{Plain.A}")  # = …
reveal(Number.MID.value)  # = 2
reveal(Number.NEXT.value)  # = 11
reveal(Named.GO.value)  # = 'go'
reveal(Odd.P.value)  # = …
reveal(Odd.P)  # = None@ev.Odd.P
reveal(Outer.Nested.N.value)  # = 'nested'
reveal(ev.Outer.Nested.N)  # = 'nested'@ev.Outer.Nested.N
def f(e: Old, l: Literal[Old.X], t: Text, o: Old | None):
    reveal(e)  # = 'x'@ev.Old.X 'y'@ev.Old.Y
    reveal(e.value)  # = 'x' 'y'
    reveal(l.value)  # = 'x'
    reveal(f"job.{t}")  # = 'job.mixed_case' 'job.one' 'job.two'
    reveal(o)  # = 'x'@ev.Old.X 'y'@ev.Old.Y None
for e in Old:
    reveal(e.value)  # = 'x' 'y'
TABLE = {Old.X: "for x", Old.Y: "for y"}
reveal(TABLE[Old.X])  # = 'for x'
reveal(TABLE[unknown])  # = 'for x' 'for y'
class Choices(ev.Old.__class__): pass
--- dj.py
from django.db import models
class Status(models.TextChoices):
    NEW = "new", "New one"
    OLD = "old"
reveal(Status.NEW.value)  # = 'new'
reveal(Status.NEW)  # = 'new'@dj.Status.NEW
reveal(Status.OLD.value)  # = 'old'
""",
    "items stored beside a comprehension": """
--- m.py
def f():
    p = {k: True for k in ("c", "a")}
    p["a"] = None
    reveal(p.pop("a", 1))  # = 1 True None …
    q = {k: "x" for k in ("c", "a")}
    reveal(q["a"])  # = 'x'
""",
    "through functions": """
--- m.py
PREFIX = "job"
def name(part):
    return f"{PREFIX}.{part}"
def fixed():
    return "fixed"
def either(flag):
    if flag:
        return "a"
    return "b"
def nested(part):
    return name(part) + "!"
def recursive(n):
    return "x" + recursive(n - 1) if n else ""
class Names:
    def __init__(self, prefix): self.prefix = prefix
    def of(self, part): return "n." + part
    @staticmethod
    def static(part): return "s." + part
    @classmethod
    def cls(cls, part, more="m"): return part + more
def g(x):
    reveal(name("a"))  # = 'job.a'
    reveal(name(part="b"))  # = 'job.b'
    reveal(name(x))  # = …
    reveal(fixed())  # = 'fixed'
    reveal(either(x))  # = 'a' 'b'
    reveal(nested("c"))  # = 'job.c!'
    reveal(recursive(3))  # = '' 'x' 'xx' 'xxx' …
    reveal(Names(x).of("a"))  # = 'n.a'
    reveal(Names.static("b"))  # = 's.b'
    reveal(Names.cls("c"))  # = 'cm'
    reveal((lambda y: "l." + y)("d"))  # = 'l.d'
""",
}


def shown(values: Values) -> str:
    rows = [repr(value.value) + (f"@{value.member}" if value.member else "") for value in values.known]
    rows = sorted(rows, key=lambda row: (row == "None", row))
    if not values.complete:
        rows.append("…")
        assert values.unknown is not None
    else:
        assert values.unknown is None
    return " ".join(rows) or "-"


@pytest.mark.parametrize("case", CASES)
def test_reveals(case: str) -> None:
    files = files_of(CASES[case])
    project = project_of(files)
    expected = {}
    for path, text in files.items():
        for number, line in enumerate(text.splitlines(), 1):
            if match := re.search(r"reveal\(.*#(?: = (.*))", line):
                expected[path, number] = match[1].strip()
    found = {}
    for path in files:
        facts = project.facts(path)
        assert facts is not None
        for use in facts.uses:
            project.resolve(path, use.scope, use.expr)
    for path in files:
        facts = project.facts(path)
        assert facts is not None
        for call in facts.calls:
            if call.expr[1][:2] == ("name", "reveal"):
                found[path, call.expr[-1][0]] = shown(project.values(path, call.scope, call.expr[2][0]))
    assert found == expected
