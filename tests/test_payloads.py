"""What payloads are told to hold: by form, and by running generated programs and comparing.

In generated programs, `emit(number, payload)` keeps a copy of what it gets. Where a payload is said to be complete, no
other field may occur in it; a field that is certain must be there; and where every value of a field is known, no other
may occur. A constant of another module, or of a class, is not changed through another name: that goes unseen.
"""

from __future__ import annotations

import ast
import random
import sys
from dataclasses import asdict, is_dataclass
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest

from obs_lint.config.model import Config, EmitterConfig
from obs_lint.events.model import Payload
from obs_lint.events.payloads import Payloads
from obs_lint.project import Project
from tests.support import Sources, files_of, project_of

CONFIG = Config(root=Path("."), emitters=(EmitterConfig("probe.emit", event=0, payload=1),))


def reader(project: Project) -> Payloads:
    return Payloads(project, CONFIG)


# -- programs

KEYS = ("a", "b", "c", "d")
VARIABLES = ("p", "q")

BASE = """
FIXED = {"a": "base.a", "f": "base.f"}
CHANGED = {"a": "base.changed"}
LATER = {"a": "base.later"}
def give():
    return {"b": "given"}
def pass_on(x):
    x["passed"] = "passed"
    return x
def drop(x):
    x.clear()
def look(x):
    return len(x)
class Box:
    held = {"h": "held"}
    def __init__(self):
        self.kept = {"k": "kept"}
"""


class Writer:
    """Writes a program at random: functions that build dicts in few variables, and emit them in between."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.lines: list[str] = []
        self.emissions = 0
        self.loops = 0
        self.count = 0
        self.functions: list[str] = []
        self.tame = bool(seed % 2)
        """True where nobody else gets hold of the dicts, so that more can be told of them."""

    def pick(self, *options: Any) -> Any:
        return self.random.choice(options)

    def put(self, indent: int, text: str) -> None:
        self.lines.append("    " * indent + text)

    def value(self) -> str:
        self.count += 1
        return self.pick(f"'v{self.count}'", f"{self.count}", "None", "x", "'s' + KEY", "True")

    def key(self) -> str:
        return self.pick(*[repr(key) for key in KEYS], *[repr(key) for key in KEYS], "KEY", "name", "f'{KEY}.{KEY}'")

    def pairs(self) -> str:
        parts = [f"{self.key()}: {self.value()}" for _ in range(self.random.randint(0, 3))]
        if self.random.random() < 0.35:
            parts.insert(self.random.randint(0, len(parts)), f"**{self.mapping(2)}")
        return "{" + ", ".join(parts) + "}"

    def mapping(self, depth: int = 0) -> str:
        kinds = ["literal", "literal", "name", "name"]
        if depth < 3:
            kinds += ["call", "copy", "union", "if", "or", "given", "constant", "class", "filter", "keys", "pairs"]
            kinds += (
                ["typed", "dumped"] if self.tame else ["walrus", "typed", "dumped", "cast", "passed", "other", "held"]
            )
        sub = lambda: self.mapping(depth + 1)  # noqa: E731 - shorter than a def
        match self.random.choice(kinds):
            case "literal":
                return self.pairs()
            case "name":
                return self.pick(*VARIABLES)
            case "call":
                return (
                    f"dict({self.pick('', sub() + ', ')}{self.pick(*KEYS)}={self.value()}, **{self.pick('{}', sub())})"
                )
            case "copy":
                return self.pick(f"{self.pick(*VARIABLES)}.copy()", f"dict({sub()})", f"copy.copy({sub()})")
            case "union":
                return f"({sub()} | {sub()})"
            case "if":
                return f"({sub()} if flag() else {sub()})"
            case "or":
                return f"({sub()} or {sub()})"
            case "given":
                return self.pick("base.give()", "give()", *[f"{name}()" for name in self.functions])
            case "constant":
                name = self.pick("FIXED", "base.FIXED", "base.CHANGED", "CHANGED", "OWN", "GROWN", "LATER")
                return self.pick(f"{name}.copy()", f"dict({name})", f"{{**{name}}}", f"({name} | {{}})", "OWN", "GROWN")
            case "class":
                return self.pick("dict(Box.held)", "Box().kept", "{**Mine.own}", "Mine().m()", "Other().m()")
            case "filter":
                return f"{{k: v for k, v in {sub()}.items(){self.pick('', ' if v', ' if flag()')}}}"
            case "keys":
                return f"{{k: {self.value()} for k in ({self.key()}, {self.key()})}}"
            case "pairs":
                return self.pick(
                    f"dict([({self.key()}, 1), ({self.key()}, 2)])", f"dict.fromkeys([{self.key()}, 'e'], 3)"
                )
            case "walrus":
                return f"({self.pick(*VARIABLES)} := {sub()})"
            case "typed":
                return self.pick(
                    "asdict(Placed(1))", "asdict(Placed(one=1, two=2))", "asdict(Late(1, three=3))", "asdict(made)"
                )
            case "dumped":
                return self.pick("Named(1)._asdict()", "Typed(a=1, b=2)", "Typed({'a': 1}, b=2)")
            case "cast":
                return f"cast(dict, {sub()})"
            case "passed":
                return f"base.pass_on({sub()})"
            case "other":
                return self.pick("other", "box[0]")
            case _:
                return "held.kept"

    def emit(self, indent: int, text: str | None = None) -> None:
        if text is None:
            text = self.mapping(1) if self.random.random() < 0.4 else self.pick(*VARIABLES)
            if self.random.random() < 0.1:
                text = self.pick("FIXED", "base.FIXED", "base.CHANGED", "CHANGED", "LATER", "Box.held", "Mine().own")
        self.put(indent, f"emit({self.emissions}, {text})")
        self.emissions += 1

    def statement(self, indent: int) -> None:
        kinds = ["assign", "assign", "store", "store", "store", "method", "method", "emit", "emit", "emit", "operator"]
        kinds += ["delete", "conditional"] if self.tame else ["delete", "escape", "escape", "conditional", "attribute"]
        if indent < 4:
            kinds += ["if", "if", "for", "while", "try", "try", "with", "match"]
            kinds += [] if self.tame else ["def", "lambda", "class", "unpack"]
        if self.loops:
            kinds += ["break", "continue"]
        name = self.pick(*VARIABLES)
        match self.random.choice(kinds):
            case "assign":
                self.put(indent, f"{name} = {self.mapping()}")
            case "store":
                self.put(indent, f"{name}[{self.key()}] = {self.value()}")
            case "method":
                self.put(
                    indent,
                    self.pick(
                        f"{name}.update({self.mapping(1)})",
                        f"{name}.update({self.pick(*KEYS)}={self.value()}, **{self.mapping(2)})",
                        f"{name}.setdefault({self.key()}, {self.value()})",
                        f"{name}.pop({self.key()}, None)",
                        f"{name}.clear()" if self.random.random() < 0.2 else f"{name}.get({self.key()})",
                        f"{name}.__setitem__({self.key()}, {self.value()})",
                    ),
                )
            case "operator":
                self.put(indent, f"{name} |= {self.mapping(1)}")
            case "delete":
                self.put(indent, self.pick(f"del {name}[{self.key()}]", f"{name}.popitem()", f"{name}.update()"))
            case "emit":
                self.emit(indent)
            case "conditional":
                self.put(
                    indent,
                    self.pick(
                        f"flag() and {name}.update({self.mapping(1)})",
                        f"{name}.clear() if flag() else None",
                        f"[{name}.update({{k: 1}}) for k in ('a', 'e') if flag()]",
                        f"flag() or {name}.setdefault('g', 1)",
                        f"x = {name}.pop('a', 1)",
                        f"f'{{{name}}}'.lower()",
                    ),
                )
            case "unpack":
                self.put(indent, f"p, q = {self.mapping(1)}, {self.mapping(1)}")
            case "attribute":
                self.put(
                    indent, self.pick(f"held.kept = {name}", "made.two = 7", "held.kept['n'] = 1", f"r = s = {name}")
                )
            case "escape":
                self.put(
                    indent,
                    self.pick(
                        f"box.append({name})",
                        f"box[:] = [{name}]",
                        f"other = {name}",
                        "other['stolen'] = 1",
                        "box[-1].pop('a', None)",
                        f"base.pass_on({name})",
                        f"base.drop({name})",
                        f"base.look({name})",
                        f"len({name})",
                        f"print({name}, file=nowhere)",
                        f"add = {name}.update",
                        "add(added=1)",
                        f"other = {{**{name}}}",
                        f"for k in {name}: x = k",
                        f"other = {name} = {self.mapping(2)}",
                        f"box[0]['nested'] = {name}",
                        f"(lambda y={name}: y.update(lam=1))()",
                    ),
                )
            case "if":
                self.put(indent, "if flag():")
                self.block(indent + 1)
                if self.random.random() < 0.3:
                    self.put(indent, "elif flag():")
                    self.block(indent + 1)
                if self.random.random() < 0.5:
                    self.put(indent, "else:")
                    self.block(indent + 1)
            case "for":
                self.put(
                    indent,
                    self.pick("for x in (1, 2):", f"for {name} in ({{'a': 1}}, {{'l': 2}}):", "for x in [] or [3]:"),
                )
                self.body(indent)
            case "while":
                self.put(indent, self.pick("while flag():", f"while flag() and {name}.setdefault('w', 1):"))
                self.body(indent)
            case "try":
                self.put(indent, "try:")
                self.block(indent + 1)
                if self.random.random() < 0.4:
                    self.put(indent + 1, self.pick("fail()", f"{name}['z']", "raise ValueError"))
                final = self.random.random() < 0.4
                if not final or self.random.random() < 0.6:
                    self.put(indent, self.pick("except Exception:", "except (KeyError, ValueError) as x:"))
                    self.block(indent + 1)
                    if self.random.random() < 0.3:
                        self.put(indent, "else:")
                        self.block(indent + 1)
                if final:
                    self.put(indent, "finally:")
                    self.block(indent + 1)
            case "with":
                self.put(indent, self.pick("with suppress(Exception):", "with nullcontext():"))
                self.block(indent + 1)
            case "match":
                self.put(indent, self.pick("match flag():", f"match {name}:"))
                self.put(indent + 1, self.pick("case True:", f"case {{'a': {name}}}:", "case {'b': _}:"))
                self.block(indent + 2)
                if self.random.random() < 0.5:
                    self.put(indent + 1, self.pick("case _:", "case r:"))
                    self.block(indent + 2)
            case "def":
                inner = self.pick(
                    f"{name}['inner'] = 1",
                    f"nonlocal {name}; {name} = {{}}",
                    f"return {name}",
                    f"x = {name}.get('a')",
                    "pass",
                )
                self.put(indent, f"def inside(): {inner}")
                if self.random.random() < 0.7:
                    self.put(indent, "inside()")
                if self.random.random() < 0.4:
                    self.put(indent, "def shown():")
                    self.emit(indent + 1, name)
                    self.put(indent, "shown()")
            case "lambda":
                self.put(indent, f"say = lambda: emit({self.emissions}, {name})")
                self.emissions += 1
                self.put(indent, self.pick("say()", "pass"))
            case "class":
                self.put(indent, f"class Local: there = {name}")
                self.put(indent, self.pick("Local.there.update(cls=1)", "pass"))
            case "break":
                self.put(indent, "if flag(): break")
            case "continue":
                self.put(indent, "if flag(): continue")

    def body(self, indent: int) -> None:
        self.loops += 1
        self.block(indent + 1)
        self.loops -= 1
        if self.random.random() < 0.2:
            self.put(indent, "else:")
            self.block(indent + 1)

    def block(self, indent: int) -> None:
        for _ in range(self.random.randint(1, 3)):
            self.statement(indent)
        if self.random.random() < 0.08:
            self.put(indent, self.pick("return p", "raise ValueError", "return {'e': 1}"))

    def function(self, name: str) -> None:
        self.put(0, f"def {name}(x=0, name='n', other={{}}):")
        self.put(1, f"p = {self.pick(self.pairs(), self.mapping())}")
        self.put(1, f"q = {self.pick(self.pairs(), 'dict()')}")
        self.put(1, "box, held, made, add = [{}], Box(), Placed(1), {}.update")
        if self.random.random() < 0.5:
            self.put(1, "other = {}")
        loops, self.loops = self.loops, 0
        for _ in range(self.random.randint(3, 9)):
            self.statement(1)
        self.loops = loops
        self.emit(1, self.pick(*VARIABLES))
        self.put(1, f"return {self.pick('p', 'q', self.mapping())}")
        self.functions.append(name)

    def program(self) -> str:
        for line in HEAD.strip().splitlines():
            self.put(0, line)
        for name in ("f", "g", "h"):
            self.function(name)
        for name in self.functions:
            for _ in range(2):
                self.put(0, "try:")
                self.put(1, f"{name}(name={self.pick(*map(repr, KEYS))})")
                self.put(0, "except Exception: pass")
        return "\n".join(self.lines) + "\n"


HEAD = """
import base
import copy
import io
from base import Box, FIXED, CHANGED, LATER, give
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass, field
from typing import NamedTuple, TypedDict, cast
KEY = 'key'
OWN = {'o': 'own', KEY: 'own.key'}
GROWN = {'a': 'grown'}
GROWN['later'] = 'grown.later'
CHANGED['more'] = 'changed.more'
base.LATER.update(even='later')
nowhere = io.StringIO()
@dataclass
class Placed:
    one: int
    two: int = 22
@dataclass
class Late(Placed):
    three: int = 33
    four: list = field(default_factory=list)
class Named(NamedTuple):
    n: int
    m: str = 'm'
class Typed(TypedDict, total=False):
    a: int
    b: int
class Mine:
    own = {'mine': 'own'}
    def m(self):
        return {'m': 'mine'}
class Other(Mine):
    def m(self):
        return {'other': 'other'}
"""


class StopRunningError(Exception):
    pass


def run(text: str, seed: int) -> dict[int, list[dict[Any, Any]]]:
    """Run the program; return the payloads of each emission."""
    seen: dict[int, list[dict[Any, Any]]] = {}
    chance = random.Random(seed)
    steps = [0]

    def flag() -> bool:
        steps[0] += 1
        if steps[0] > 400:
            raise StopRunningError
        return chance.random() < 0.5

    def fail() -> None:
        if flag():
            raise KeyError

    def emit(number: int, payload: Any) -> None:
        steps[0] += 1
        if steps[0] > 400:
            raise StopRunningError
        if is_dataclass(payload) and not isinstance(payload, type):
            payload = asdict(payload)
        if isinstance(payload, dict):
            seen.setdefault(number, []).append(dict(payload))
        elif payload is None:
            seen.setdefault(number, []).append({})

    module, base = ModuleType("program"), ModuleType("base")
    exec(BASE, base.__dict__)
    module.__dict__.update(emit=emit, flag=flag, fail=fail)
    sys.modules.update(base=base, program=module)
    try:
        exec(compile(text, "program.py", "exec"), module.__dict__)
    except (Exception, StopRunningError):  # noqa: BLE001 - the program may end as it likes
        pass
    finally:
        del sys.modules["base"], sys.modules["program"]
    return seen


class WholeSources(Sources):
    """A FactsSource whose files can be searched."""

    def mentions(self, path: str, pattern: bytes) -> bool:
        import re

        return re.search(pattern, str(self.texts[path]).encode(), re.MULTILINE) is not None


def program_of(files: dict[str, str]) -> Project:
    project = project_of(files)
    return Project(project.discovery, WholeSources(files))


def wrong_claims(project: Project, payload: Payload, seen: list[dict[Any, Any]]) -> list[str]:
    names = {field.name for field in payload.fields}
    wrong = []
    for actual in seen:
        if payload.complete and (more := actual.keys() - names):
            wrong.append(f"complete, but has {sorted(map(str, more))} in {actual}")
        if lacking := {field.name for field in payload.fields if field.certain} - actual.keys():
            wrong.append(f"certain, but lacks {sorted(lacking)} in {actual}")
        if not payload.complete:
            continue
        for name, value in actual.items():
            known: set[Any] = set()
            for field in payload.fields:
                if field.name == name:
                    values = None if field.value is None else project.values(field.path, field.scope, field.value)
                    if values is None or not values.complete:
                        break
                    known |= {(type(v.value), v.value) for v in values.known}
            else:
                if known and (type(value), value) not in known:
                    wrong.append(f"{name} is {value!r}, said {known}")
    if payload.certain != all(field.certain for field in payload.fields):
        wrong.append("certain as a whole, but not in its parts")
    return wrong


@pytest.mark.parametrize("start", range(0, 160, 40))
def test_no_claim_is_wrong(start: int) -> None:
    told = certain = total = 0
    for seed in range(start, start + 40):
        text = Writer(seed).program()
        ast.parse(text)
        project = program_of({"program.py": text, "base.py": BASE})
        facts = project.facts("program.py")
        assert facts is not None
        payloads = reader(project)
        runs = [run(text, way) for way in range(4)]
        for call in facts.calls:
            if call.expr[1][:2] != ("name", "emit"):
                continue
            number, expr = call.expr[2][0][1], call.expr[2][1]
            payload = payloads.of("program.py", call.scope, expr)
            seen = [each for one in runs for each in one.get(number, ())]
            wrong = wrong_claims(project, payload, seen)
            line = call.expr[-1][0]
            assert not wrong, f"seed {seed}, line {line}: {text.splitlines()[line - 1].strip()}: {wrong[0]}\n{text}"
            total += bool(seen)
            told += bool(seen) and payload.complete
            certain += bool(seen) and payload.complete and payload.certain
    assert told > total / 4, (told, total)


# -- forms

FORMS = {
    "displays and dict()": """
        from collections import OrderedDict

        KEY = "key"

        def f(order, rest, name):
            emit(0, {})  # said:
            emit(0, None)  # said:
            emit(0, {"a": 1, "b": order, KEY: 2, f"{KEY}.x": 3})  # said: a b key key.x
            emit(0, {"a": 1, **rest})  # said: a ...
            emit(0, {"a": 1, name: 2})  # said: a ...
            emit(0, {"a": 1, 2: 3})  # said: a ...
            emit(0, {"a": 1, **{"b": 2, **{"c": 3}}})  # said: a b c
            emit(0, {("a" if order else "b"): 1})  # said: a? b?
            emit(0, dict(a=1, **{"b": 2}))  # said: a b
            emit(0, dict({"a": 1}, b=2))  # said: a b
            emit(0, dict([("a", 1), (KEY, 2)]))  # said: a key
            emit(0, dict(zip(rest, rest)))  # said: ...
            emit(0, dict.fromkeys(["a", "b"]))  # said: a b
            emit(0, OrderedDict(a=1))  # said: a
            emit(0, {"a": 1} | {"b": 2})  # said: a b
            emit(0, {"a": 1} | rest)  # said: a ...
            emit(0, {"a": 1} if order else {"b": 2})  # said: a? b?
            emit(0, {k: 1 for k in ("a", "b")})  # said: a? b?
            emit(0, {k: 1 for k in rest})  # said: ...
            emit(0, {k: v for k, v in {"a": 1, "b": 2}.items() if v})  # said: a? b?
            emit(0, rest)  # said: ...
            emit(0, order.payload)  # said: ...
            emit(0, "text")  # said: ...
            emit(0, [("a", 1)])  # said: ...
    """,
    "keys from enums": """
        from enum import Enum, StrEnum

        class K(StrEnum):
            A = "a"

        class P(Enum):
            A = "a"

        def f():
            emit(0, {K.A: 1})  # said: a
            emit(0, {P.A: 1})  # said: ...
            emit(0, {P.A.value: 1})  # said: a
    """,
    "json": """
        import json
        from json import dumps

        def f(x):
            emit(0, json.dumps({"a": 1}))  # said: a
            emit(0, dumps({"a": 1}, indent=2).encode())  # said: a
            emit(0, dumps(x))  # said: ...
    """,
    "a variable": """
        import copy

        def f(flag, rest, x):
            p = {"a": 1}
            emit(0, p)  # said: a
            p["b"] = 2
            emit(0, p)  # said: a b
            if flag:
                p["c"] = 3
                emit(0, p)  # said: a b c
            else:
                emit(0, p)  # said: a b
            emit(0, p)  # said: a b c?
            p.setdefault("c", 4)
            emit(0, {**p, "d": 5})  # said: a b c d
            del p["a"]
            emit(0, p)  # said: b c
            p.pop("b", None)
            p |= {"e": 6}
            emit(0, p)  # said: c e
            p.update(f=7, **{"g": 8})
            emit(0, p.copy())  # said: c e f g
            p.update(rest)
            emit(0, p)  # said: c e f g ...
            p.clear()
            emit(0, p)  # said:
            p[x] = 1
            emit(0, p)  # said: ...
            q = copy.deepcopy({"a": 1})
            q.update([("b", 1)])
            emit(0, q)  # said: a ...

        def returned(flag):
            p = {"a": 1}
            if flag:
                p["b"] = 2
                return p
            emit(0, p)  # said: a

        def loop(items):
            p = {"a": 1}
            for item in items:
                emit(0, p)  # said: a b?
                p["b"] = item
                emit(0, p)  # said: a b
                if item:
                    break
            else:
                p["c"] = 1
            emit(0, p)  # said: a b? c?
            for item in items:
                p = {"x": item}
                emit(0, p)  # said: x
                p["y"] = 1
            while items:
                p["z"] = 1

        def tried(items):
            p = {}
            try:
                p["a"] = items["a"]
                p["b"] = items["b"]
            except KeyError:
                emit(0, p)  # said: a? b?
                p["error"] = 1
            else:
                emit(0, p)  # said: a b
            finally:
                p["end"] = 1
            emit(0, p)  # said: a? b? end error?

        def matched(x):
            match x:
                case 1:
                    p = {"one": 1}
                case _:
                    p = {"other": 1}
            emit(0, p)  # said: one? other?

        def walrus(x):
            if (p := {"a": 1}) and x:
                emit(0, p)  # said: a
            emit(0, (q := {"b": 1}))  # said: b
            x and p.update(c=1)
            emit(0, p)  # said: a c?
    """,
    "what others may change": """
        import logging
        import json

        logger = logging.getLogger(__name__)

        def f(box, self, kw):
            p = {"a": 1}
            fill(p)
            emit(0, p)  # said: a? ...
            p = {"a": 1}
            box.append(p)
            emit(0, p)  # said: a? ...
            p = self.payload = {"a": 1}
            emit(0, p)  # said: a? ...
            p = {"a": 1}
            q = p
            q["b"] = 1
            emit(0, p)  # said: a? ...
            emit(0, q)  # said: a? b? ...
            p = {"a": 1}
            box["payload"] = [p]
            emit(0, p)  # said: a? ...
            p = {"a": 1}
            add = p.update
            emit(0, p)  # said: a? ...
            p = box.payload
            p["a"] = 1
            emit(0, p)  # said: a? ...
            p = {"a": 1}
            q = p
            p["b"] = 1
            emit(0, p)  # said: a? b? ...
            r = {"x": 1}
            r |= (r := {"y": 2})
            emit(0, r)  # said: ...

        def harmless(x):
            p = {"a": 1}
            len(p), str(p), f"{p}", json.dumps(p), "a" in p, p["a"], p.get("a"), not p, isinstance(p, dict)
            logger.info("payload %s", p)
            emit(1, p)
            call(**p)
            other = {**p}
            x.update(p)
            for key in p:
                print(key, p[key])
            assert p
            emit(0, p)  # said: a

        def inside():
            p = {"a": 1}
            def say():
                emit(0, p)  # said: a
            q = {"a": 1}
            def change():
                q["b"] = 1
            change()
            emit(0, q)  # said: ...
            say()

        def generator():
            p = {"a": 1}
            yield p
            emit(0, p)  # said: a? ...

        def parameter(p, q=None, **rest):
            emit(0, p)  # said: ...
            p["a"] = 1
            emit(0, p)  # said: a ...
            if q is None:
                q = {"b": 1}
            emit(0, q)  # said: b? ...
            emit(0, rest)  # said: ...
    """,
    "constants": """
        from m import FIXED, CHANGED, LENT, Kept
        import m

        OWN = {"own": 1}
        GROWN = {"own": 1}
        GROWN["more"] = 2
        emit(0, OWN)  # said: own

        class C:
            held = {"h": 1}
            def f(self):
                emit(0, self.held)  # said: h
                emit(0, C.held)  # said: h
                emit(0, OWN)  # said: own
                emit(0, GROWN)  # said: own? ...
                emit(0, FIXED)  # said: f
                emit(0, m.FIXED)  # said: f
                emit(0, CHANGED)  # said: f? ...
                emit(0, LENT)  # said: l? ...
                emit(0, Kept.both)  # said: b
                emit(0, {**FIXED, "x": 1})  # said: f x
                emit(0, TABLE["one"])  # said: o
                p = FIXED
                emit(0, p)  # said: f

        TABLE = {"one": {"o": 1}, "two": {"t": 2}}
        --- m.py
        FIXED = {"f": 1}
        CHANGED = {"f": 1}
        LENT = {"l": 1}
        def change():
            CHANGED["g"] = 1
            lent = LENT
            lent["m"] = 1
        class Kept:
            both = {"b": 1}
    """,
    "functions": """
        from m import made

        def literal(order):
            return {"a": order}

        def filled(order):
            p = {"a": order}
            if order:
                p["b"] = 1
            return p

        def early(order):
            if order:
                return {"a": 1}

        def unknown(order):
            return order

        def recursive(order):
            return {**recursive(order), "a": 1}

        @decorated
        def wrapped():
            return {"a": 1}

        def gives():
            yield {"a": 1}

        class Base:
            def own(self):
                return {"own": self.x}
            def mine(self):
                return {"base": 1}
            @property
            def p(self):
                return {"p": 1}
            @staticmethod
            def s():
                return {"s": 1}
            async def later(self):
                return {"later": 1}
            def f(self, order):
                emit(0, self.own())  # said: own
                emit(0, self.mine())  # said: base? ...
                emit(0, self.s())  # said: s
            async def g(self):
                emit(0, await self.later())  # said: later
                emit(0, self.later())  # said: ...

        class Sub(Base):
            def mine(self):
                return {"sub": 1}

        def f(order):
            emit(0, literal(order))  # said: a
            emit(0, filled(order))  # said: a b?
            emit(0, early(order))  # said: a?
            emit(0, unknown(order))  # said: ...
            emit(0, recursive(order))  # said: a ...
            emit(0, wrapped())  # said: ...
            emit(0, gives())  # said: ...
            emit(0, made())  # said: m
            p = made()
            p["x"] = 1
            emit(0, p)  # said: m x
        --- m.py
        def made():
            return dict(m=1)
    """,
    "dataclasses": """
        import dataclasses
        from dataclasses import KW_ONLY, InitVar, asdict, dataclass, field
        from typing import ClassVar

        @dataclass
        class Base:
            a: int
            b: str = "b"
            c: list = field(default_factory=list)
            kind: ClassVar[str] = "k"
            seed: InitVar[int] = 0

        @dataclass(kw_only=True)
        class Sub(Base):
            d: int = field(init=False, default=4)
            plain = 5

        class Plain(Base):
            e: int = 0

        class Other:
            def __init__(self, a):
                self.a = a

        @dataclass
        class Open(unknown.Base):
            x: int

        def f(x: Base, y, z: Other):
            emit(0, Base(1))  # said: a b c
            emit(0, Base(a=1, b="x"))  # said: a b c
            emit(0, asdict(Base(1)))  # said: a b c
            emit(0, dataclasses.asdict(Sub(1)))  # said: a b c d
            emit(0, Plain(1))  # said: a b c
            emit(0, asdict(x))  # said: a b c ...
            emit(0, x)  # said: a b c ...
            emit(0, asdict(y))  # said: ...
            emit(0, Open(x=1, more=2))  # said: x more? ...
            emit(0, Other(a=1))  # said: a? ...
            emit(0, z)  # said: ...
            p = Base(1)
            p.b = "c"
            fill(p)
            emit(0, asdict(p))  # said: a b c
            p = {**asdict(p), "more": 1}
            emit(0, p)  # said: a b c more
    """,
    "other typed classes": """
        import attr
        from attrs import asdict, define, field
        from msgspec import Struct, to_builtins
        from pydantic import BaseModel, ConfigDict, Field, computed_field
        from typing import NamedTuple, NotRequired, TypedDict

        class T(TypedDict):
            a: int
            b: NotRequired[int]

        class N(NamedTuple):
            a: int
            b: int = 2

        @define
        class D:
            _a: int
            b: int = field(default=2)

        @attr.s(auto_attribs=True)
        class S:
            a: int

        class M(BaseModel):
            model_config = ConfigDict(frozen=True)
            a: int
            b: int = Field(2, description="b")
            _private: int = 3
            left_out: int = Field(default=1, exclude=True)

        class Computed(M):
            @computed_field
            @property
            def c(self) -> int:
                return 3

        class Aliased(BaseModel):
            a: int = Field(alias="A")

        class Loose(BaseModel):
            model_config = {"extra": "allow"}
            a: int

        class Generated(BaseModel):
            model_config = ConfigDict(alias_generator=str.upper)
            a: int

        class Own(BaseModel):
            a: int
            def model_dump(self, **kw):
                return {"own": 1}

        class Q(Struct):
            a: int
            b: int = 2

        def f(x, t: T, m: M):
            emit(0, T(a=1))  # said: a
            emit(0, T(a=1, b=2))  # said: a b
            emit(0, t)  # said: a b? ...
            emit(0, N(1)._asdict())  # said: a b
            emit(0, D(a=1))  # said: _a b
            emit(0, asdict(D(1)))  # said: _a b
            emit(0, attr.asdict(S(1)))  # said: a
            emit(0, M(a=1).model_dump())  # said: a b
            emit(0, M(a=1).dict())  # said: a b
            emit(0, M(a=1).model_dump_json(indent=2))  # said: a b
            emit(0, M(a=1).model_dump(exclude_none=True))  # said: a? b?
            emit(0, M(a=1).model_dump(**x))  # said: a? b? ...
            emit(0, m.model_dump())  # said: a b ...
            emit(0, Computed(a=1).model_dump())  # said: a b c
            emit(0, Aliased(A=1).model_dump())  # said: a ...
            emit(0, Aliased(A=1).model_dump(by_alias=True))  # said: A ...
            emit(0, Loose(a=1, more=2).model_dump())  # said: a more? ...
            emit(0, Generated(A=1).model_dump(by_alias=True))  # said: ...
            emit(0, Own(a=1).model_dump())  # said: own
            emit(0, to_builtins(Q(1)))  # said: a b
    """,
}


def told(payload: Payload) -> str:
    """Return the fields as the comments in FORMS have them: `?` may be missing, `...` for there may be others."""
    names = sorted({field.name + ("" if field.certain else "?") for field in payload.fields})
    return " ".join([*names, *([] if payload.complete else ["..."])])


@pytest.mark.parametrize("name", FORMS)
def test_each_form_is_told(name: str) -> None:
    files = files_of("--- program.py\n" + dedent(FORMS[name]))
    project = program_of(files)
    facts = project.facts("program.py")
    assert facts is not None
    payloads = reader(project)
    lines = files["program.py"].splitlines()
    expected, found = [], []
    for call in facts.calls:
        line = call.expr[-1][0]
        _, mark, said = lines[line - 1].partition("# said:")
        if call.expr[1][:2] == ("name", "emit") and mark:
            words = said.split()
            expected.append((line, " ".join(sorted(w for w in words if w != "...") + [w for w in words if w == "..."])))
            found.append((line, told(payloads.of("program.py", call.scope, call.expr[2][1]))))
    assert found == expected
    assert len(found) == files["program.py"].count("# said:")


KEYWORDS = """
    def f(order, rest):
        emit("e", a=1, level="info")  # said: a
        emit("e", **{"a": 1, "level": 2})  # said: a
        emit("e", a=1, **rest)  # said: a ...
        emit("e")  # said:
        emit("e", a=1, **dict(b=2))  # said: a b
"""


def test_keywords_are_a_payload() -> None:
    text = dedent(KEYWORDS)
    project = program_of({"program.py": text})
    facts = project.facts("program.py")
    assert facts is not None
    payloads = reader(project)
    for call in facts.calls:
        if call.expr[1][:2] == ("name", "emit"):
            said = text.splitlines()[call.expr[-1][0] - 1].partition("# said:")[2]
            assert told(payloads.of_keywords("program.py", call.scope, call.expr, ("level",))) == said.strip()


def test_fields_say_where_they_are_written() -> None:
    text = dedent(
        """
        from m import made
        def f(order):
            payload = {"a": order}
            payload["b"] = order.b
            payload.update(c=order.c)
            emit(0, {**payload, **made()})
        """
    )
    project = program_of({"program.py": text, "m.py": "def made():\n    return {'m': 1}\n"})
    facts = project.facts("program.py")
    assert facts is not None
    call = next(call for call in facts.calls if call.expr[1][:2] == ("name", "emit"))
    payload = reader(project).of("program.py", call.scope, call.expr[2][1])
    places = {field.name: (field.path, field.pos[:2]) for field in payload.fields}
    assert places == {
        "a": ("program.py", (4, 16)),
        "b": ("program.py", (5, 13)),
        "c": ("program.py", (6, 20)),
        "m": ("m.py", (2, 13)),
    }
    assert payload.pos[:2] == (7, 13)
    assert payload.path == "program.py"


def test_a_large_or_endless_payload_ends() -> None:
    text = "p = {}\n" + "".join(f"p['k{n}'] = {n}\n" for n in range(700)) + "emit(0, p)\n"
    text += "def a(): return {**b()}\ndef b(): return {**a()}\nemit(1, a())\n"
    text += "x = {'a': 1}\nfor i in j:\n    x = {**x, **y}\n    y = {**y, **x}\nemit(2, x)\n"
    text += "emit(3, " + "{**" * 150 + "{'a': 1}" + "}" * 150 + ")\n"
    ring = "".join(f"    r{n} = {{**r{n}, **r{(n + 1) % 9}, **r{(n + 4) % 9}}}\n" for n in range(9))
    text += "def ring():\n    for i in j:\n" + ring.replace("    r", "        r") + "    emit(4, r0)\n"
    chain = "".join(
        "    " * n + f"    for i{n} in j:\n" + "    " * n + f"        v{n + 1} = {{**v{n}}}\n" for n in range(12)
    )
    text += "def chain():\n    v0 = {'a': 1}\n" + chain + "    emit(5, v12)\n"
    deep = "".join("    " * n + f"    for i{n} in j:\n" for n in range(19))
    text += "def deep():\n    v = {'a': 1}\n" + deep + "    " * 20 + "v['b'] = 1\n    emit(6, v)\n"
    project = program_of({"program.py": text})
    facts = project.facts("program.py")
    assert facts is not None
    payloads = reader(project)
    calls = [call for call in facts.calls if call.expr[1][:2] == ("name", "emit")]
    complete = [payloads.of("program.py", call.scope, call.expr[2][1]).complete for call in calls]
    assert complete == [False, False, False, False, False, True, True]
