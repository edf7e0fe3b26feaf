"""Runs generated programs and compares: where `values` says that it knows all values, no other may occur."""

from __future__ import annotations

import random
import sys
from enum import Enum
from types import ModuleType
from typing import Any

import pytest

from obs_lint.project import Project
from tests.support import project_of

NAMES = ("a", "b", "c", "d")
ATTRIBUTES = ("x", "y")
CLASSES = ("P", "Q", "R")


class Writer:
    """Writes a program at random: few names, so that everything is bound several times."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.lines: list[str] = []
        self.depth = 0
        self.reveals = 0
        self.functions: list[tuple[str, int]] = []
        self.plain = 0
        """Above 0 where no walrus may stand."""

    def pick(self, *options: Any) -> Any:
        return self.random.choice(options)

    def put(self, indent: int, text: str) -> None:
        self.lines.append("    " * indent + text)

    def expr(self, depth: int = 0) -> str:
        kinds = ["const", "const", "name", "name", "name"]
        if depth < 3:
            kinds += [
                "add",
                "fstr",
                "if",
                "or",
                "and",
                "dict",
                "get",
                "index",
                "call",
                "attr",
                "attr",
                "walrus",
                "format",
            ]
            kinds += ["percent", "enum", "join", "lambda", "method", "comp", "getattr", "globals"]
            kinds += ["joined", "item", "first", "property", "classmethod", "super", "module", "splat", "closure"]
        kind = self.random.choice(kinds)
        sub = lambda: self.expr(depth + 1)  # noqa: E731 - shorter than a def
        match kind:
            case "const":
                return self.pick("'k'", "'l'", "'m'", "''")
            case "name":
                return self.random.choice(NAMES)
            case "add":
                return f"({sub()} + {sub()})"
            case "fstr":
                return f"f'<{{{self.random.choice(NAMES)}}}>'"
            case "if":
                return f"({sub()} if flag() else {sub()})"
            case "or":
                return f"({sub()} or {sub()})"
            case "and":
                return f"({sub()} and {sub()})"
            case "dict":
                return f"{{'k': {sub()}, 'l': {sub()}}}[{self.pick(repr('k'), repr('l'))}]"
            case "get":
                return f"{{'k': {sub()}}}.get({sub()}, {sub()})"
            case "index":
                return f"({sub()}, {sub()})[{self.pick('0', '1', '-1')}]"
            case "call":
                if not self.functions:
                    return self.random.choice(NAMES)
                name, count = self.random.choice(self.functions)
                return f"{name}({', '.join(sub() for _ in range(count))})"
            case "attr":
                return f"{self.pick(*CLASSES, *[c + '()' for c in CLASSES])}.{self.random.choice(ATTRIBUTES)}"
            case "walrus":
                return self.random.choice(NAMES) if self.plain else f"({self.random.choice(NAMES)} := {sub()})"
            case "format":
                return f"'{{}}.{{}}'.format({sub()}, {sub()})"
            case "percent":
                return f"'%s-%s' % ({sub()}, {sub()})"
            case "enum":
                return self.pick("E.ONE.value", "E.TWO.value", "E.ONE.name", "E('one').name", "E.TWO.shout()")
            case "join":
                return f"'.'.join([{sub()}, {sub()}])"
            case "lambda":
                return f"(lambda q: {self.pick('q', self.random.choice(NAMES))})({sub()})"
            case "method":
                return f"{self.pick(*CLASSES)}().m({sub()})"
            case "comp":
                self.plain += 1
                text = f"[v for v in ({sub()}, {sub()})][{self.pick('0', '1')}]"
                self.plain -= 1
                return text
            case "joined":
                return "'.'.join(L)"
            case "item":
                return self.pick("D['k']", f"D.get({sub()}, {sub()})", "next(iter(D.values()))")
            case "first":
                return self.pick("L[0]", "L[-1]", "sorted(L)[0]", "[v for v in L][0]")
            case "property":
                return f"{self.pick(*CLASSES)}().p"
            case "classmethod":
                return f"{self.pick(*CLASSES)}.k({sub()})"
            case "super":
                return f"{self.pick(*CLASSES)}().s({sub()})"
            case "module":
                return self.pick(
                    "base.d", "base.give('m')", f"base.give({sub()})", "base.Held().x", f"base.Held({sub()}).x"
                )
            case "splat":
                return self.pick(f"base.give(*({sub()},))", f"base.give(**{{'z': {sub()}}})", "base.give()")
            case "closure":
                return f"base.outer({sub()})"
            case "getattr":
                return f"getattr({self.pick(*CLASSES)}, '{self.random.choice(ATTRIBUTES)}', {sub()})"
            case _:
                return f"globals()['{self.random.choice(NAMES)}']"

    def reveal(self, indent: int) -> None:
        self.put(indent, f"reveal({self.reveals}, {self.expr(1)})")
        self.reveals += 1

    def statement(self, indent: int, in_function: bool) -> None:
        kinds = ["assign", "assign", "assign", "reveal", "reveal", "augment", "unpack", "del", "change"]
        if indent < 4:
            kinds += ["if", "for", "while", "try", "with", "match"]
        kind = self.random.choice(kinds)
        name = self.random.choice(NAMES)
        match kind:
            case "assign":
                self.put(indent, f"{name} = {self.expr()}")
            case "augment":
                self.put(indent, f"{name} += {self.expr(2)}")
            case "unpack":
                self.put(indent, f"{name}, {self.random.choice(NAMES)} = {self.expr(2)}, {self.expr(2)}")
            case "del":
                if self.random.random() < 0.05:
                    self.put(indent, f"del {name}")
                else:
                    self.put(indent, f"{self.pick(*CLASSES)}.{self.random.choice(ATTRIBUTES)} = {self.expr(2)}")
            case "change":
                value = self.expr(2)
                self.put(
                    indent, self.pick(f"L.append({value})", f"L[0] = {value}", f"D['k'] = {value}", f"base.d = {value}")
                )
            case "reveal":
                self.reveal(indent)
            case "if":
                self.put(indent, "if flag():")
                self.block(indent + 1, in_function)
                if self.random.random() < 0.5:
                    self.put(indent, "else:")
                    self.block(indent + 1, in_function)
            case "for":
                self.put(indent, f"for {name} in ({self.expr(2)}, {self.expr(2)}):")
                self.block(indent + 1, in_function)
                if self.random.random() < 0.2:
                    self.put(indent, "else:")
                    self.block(indent + 1, in_function)
            case "while":
                self.put(indent, "while flag():")
                self.block(indent + 1, in_function)
            case "try":
                self.put(indent, "try:")
                self.block(indent + 1, in_function)
                self.put(indent, "except Exception:")
                self.block(indent + 1, in_function)
                if self.random.random() < 0.3:
                    self.put(indent, "finally:")
                    self.block(indent + 1, in_function)
            case "with":
                self.put(indent, f"with manager({self.expr(2)}) as {name}:")
                self.block(indent + 1, in_function)
            case "match":
                self.put(indent, f"match {self.expr(2)}:")
                self.put(indent + 1, "case 'k':")
                self.block(indent + 2, in_function)
                self.put(indent + 1, f"case {name}:")
                self.block(indent + 2, in_function)

    def block(self, indent: int, in_function: bool) -> None:
        for _ in range(self.random.randint(1, 3)):
            self.statement(indent, in_function)

    def function(self, name: str) -> None:
        count = self.random.randint(0, 2)
        parameters = [f"{p}={self.expr(3)}" if self.random.random() < 0.3 else p for p in ("p", "q")[:count]]
        parameters.sort(key=lambda p: "=" in p)
        self.put(0, f"def {name}({', '.join(parameters)}):")
        declared = self.random.sample(NAMES, self.random.randint(0, 2))
        if declared and self.random.random() < 0.4:
            self.put(1, "global " + ", ".join(declared))
        else:
            declared = []
        for local in NAMES:
            if local not in declared and self.random.random() < 0.95:
                self.put(1, f"{local} = '{local}.{name}'")
        if count and self.random.random() < 0.7:
            self.put(1, f"{self.random.choice(NAMES)} = {self.pick('p', self.expr(1))}")
        self.block(1, True)
        self.put(1, f"return {self.pick('p' if count else repr('r'), self.expr(1))}")
        self.functions.append((name, count))

    def program(self) -> str:
        self.put(0, "from enum import Enum")
        self.put(0, "from contextlib import nullcontext as manager")
        self.put(0, "import base")
        self.put(0, "from base import *")
        self.put(0, "L = ['k']")
        self.put(0, "D = {'k': 'v', 'm': 'w'}")
        self.put(0, "class E(Enum):")
        self.put(1, "ONE = 'one'")
        self.put(1, "TWO = ONE + '.two'")
        self.put(1, "def shout(self): return self.value.upper()")
        for name in NAMES[:3]:
            self.put(0, f"{name} = '{name}'")
        self.put(0, f"{self.random.choice(NAMES)} = {self.expr(2)}")
        for index, name in enumerate(CLASSES):
            base = f"({self.pick(*CLASSES[:index])})" if index and self.random.random() < 0.7 else ""
            self.put(0, f"class {name}{base}:")
            self.plain += 1
            for attribute in ATTRIBUTES:
                if not base or self.random.random() < 0.5:
                    self.put(1, f"{attribute} = {self.expr(3)}")
            self.plain -= 1
            if self.random.random() < 0.5:
                self.put(1, f"def __init__(self): self.{self.random.choice(ATTRIBUTES)} = {self.expr(2)}")
            self.put(1, "@property")
            self.put(1, f"def p(self): return {self.pick('self.x', 'self.y', self.expr(3))}")
            self.put(1, "@classmethod")
            self.put(1, f"def k(cls, z='z'): return {self.pick('z', 'cls.x', 'cls.y', 'cls.__name__', self.expr(3))}")
            self.put(
                1, f"def s(self, z): return {'super().s(z)' if base else 'z'} + {self.pick('self.x', 'z', repr('s'))}"
            )
            self.put(1, "def m(self, z):")
            self.put(2, f"reveal({self.reveals}, self.{self.random.choice(ATTRIBUTES)})")
            self.reveals += 1
            self.put(2, f"return {self.pick('z', 'self.x', 'self.y', 'type(self).x', self.expr(3))}")
        for name in ("f", "g"):
            self.function(name)
        for _ in range(self.random.randint(4, 9)):
            self.statement(0, False)
        return "\n".join(self.lines) + "\n"


class StopRunningError(Exception):
    pass


def run(text: str, seed: int) -> dict[int, list[Any]]:
    """Run the program; return the values seen by each reveal."""
    seen: dict[int, list[Any]] = {}
    chance = random.Random(seed)
    steps = [0]

    def flag() -> bool:
        steps[0] += 1
        if steps[0] > 300:
            raise StopRunningError
        return chance.random() < 0.5

    def reveal(number: int, value: Any) -> Any:
        seen.setdefault(number, []).append(value)
        return value

    module = ModuleType("program")
    base = ModuleType("base")
    exec(BASE, base.__dict__)
    module.__dict__.update(reveal=reveal, flag=flag)
    sys.modules["base"] = base
    try:
        exec(compile(text, "program.py", "exec"), module.__dict__)
    except (Exception, StopRunningError):  # noqa: BLE001 - the program may end as it likes
        pass
    finally:
        del sys.modules["base"]
    return seen


BASE = """
d = 'base'
a = 'star'
def give(z='given'):
    return z
class Held:
    def __init__(self, x='held'):
        self.x = x
def outer(z):
    kept = 'kept'
    def inner():
        nonlocal kept
        kept = z
        return kept
    return inner() + kept
"""


def wrong_answers(text: str, project: Project, seed: int) -> list[str]:
    facts = project.facts("program.py")
    assert facts is not None
    seen = run(text, seed)
    wrong = []
    for call in facts.calls:
        if call.expr[1][:2] != ("name", "reveal"):
            continue
        number = call.expr[2][0][1]
        values = project.values("program.py", call.scope, call.expr[2][1])
        if not values.complete:
            continue
        known = {(type(v.value), v.value) for v in values.known} | {
            v.member.rpartition(".")[2] for v in values.known if v.member
        }
        for value in seen.get(number, ()):
            key = value.name if isinstance(value, Enum) else (type(value), value)
            if isinstance(value, str | int | float | bool | Enum | None) and key in known:
                continue
            line = text.splitlines()[call.expr[-1][0] - 1].strip()
            wrong.append(f"line {call.expr[-1][0]}: {line}: is {value!r}, said {[v.value for v in values.known]}")
    return wrong


@pytest.mark.parametrize("start", range(0, 120, 40))
def test_what_is_said_to_be_complete_is(start: int) -> None:
    told = 0
    for seed in range(start, start + 40):
        text = Writer(seed).program()
        project = project_of({"program.py": text, "base.py": BASE})
        wrong = [answer for way in range(4) for answer in wrong_answers(text, project, way)]
        assert not wrong, f"seed {seed}\n" + "\n".join(dict.fromkeys(wrong)) + "\n" + text
        facts = project.facts("program.py")
        assert facts is not None
        told += sum(project.values("program.py", c.scope, c.expr).complete for c in facts.calls)
    assert told > 0
