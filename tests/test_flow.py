"""The control-flow graph: exact ways out of small functions, and real executions of random ones that it must allow."""

from __future__ import annotations

import asyncio
import random
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obs_lint.facts.extract import extract
from obs_lint.facts.flow import Graph, Node, arrivals, graph
from obs_lint.facts.model import Expr
from obs_lint.source import decode


def flow_of(body: str, *, is_async: bool = False) -> Graph:
    text = f"{'async ' if is_async else ''}def f():\n{textwrap.indent(textwrap.dedent(body).strip(), '    ')}\n"
    facts = extract(decode("a.py", text.encode()))
    function = next(function for function in facts.functions if function.name == "f")
    return graph(function.block, suppresses=is_suppress)


def is_suppress(context: Expr) -> bool:
    return context[0] == "call" and context[1][:2] == ("name", "suppress")


def called(node: Node) -> list[str]:
    """Names of the functions called in a node, as they are written."""
    names: list[str] = []

    def visit(part: Any) -> None:
        if isinstance(part, tuple):
            for item in part:
                visit(item)
            if part and part[0] == "call" and part[1][0] == "name":
                names.append(part[1][1])

    visit(node.expressions)
    return names


def ends(body: str, *, is_async: bool = False) -> set[tuple[str, str]]:
    """(way out, what is emitted on the way) of a body in which `start` and `end` are emitters that never raise."""

    def transfer(node: Node, state: str) -> Iterator[str]:
        yield (state + "".join({"start": "s", "end": "e"}.get(name, "") for name in called(node)))[:3]

    def throws(node: Node) -> bool:
        return not set(called(node)) <= {"start", "end"} or not called(node)

    found = arrivals(flow_of(body, is_async=is_async), "", transfer, throws=throws)
    return {(arrival.way, arrival.state) for arrival in found}


def pairs(text: str) -> set[tuple[str, str]]:
    """`fall:se raise:` as pairs."""
    return {(way, state) for way, _, state in (word.partition(":") for word in text.split())}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("start()\nend()", "fall:se"),
        ("start()\nwork()\nend()", "fall:se raise:s"),
        ("start()\nif x:\n    return\nend()", "return:s fall:se"),
        ("start()\nif x:\n    end()\nelif y:\n    return 1\nelse:\n    end()", "fall:se return:s"),
        ("start()\ntry:\n    work()\nfinally:\n    end()", "fall:se raise:se"),
        ("start()\ntry:\n    return work()\nfinally:\n    end()", "return:se raise:se"),
        ("start()\ntry:\n    work()\nexcept Exception:\n    end()\n    raise", "fall:s raise:se"),
        ("start()\ntry:\n    work()\nexcept ValueError:\n    end()", "fall:s fall:se raise:s"),
        ("start()\ntry:\n    work()\nexcept:\n    end()\nelse:\n    end()", "fall:se"),
        (
            "try:\n start()\n work()\nexcept ValueError:\n end()\n return\nelse:\n end()\nfinally:\n x",
            "return:se fall:se raise:s",
        ),
        ("start()\ntry:\n    return 1\nfinally:\n    return 2", "return:s"),
        ("start()\ntry:\n    work()\nfinally:\n    return 2", "return:s"),
        ("for x in xs:\n    start()\n    break\nelse:\n    end()", "fall:s fall:e"),
        ("while True:\n    start()\n    if x: break\n    continue", "fall:s fall:ss"),
        ("while True:\n    start()\n    return", "return:s"),
        ("while 0:\n    start()\nelse:\n    end()", "fall:e"),
        ("for x in xs:\n    try:\n        continue\n    finally:\n        end()\n    start()", "fall: fall:e"),
        ("match x:\n    case 1: start()\n    case _: end()", "fall:s fall:e"),
        ("match x:\n    case 1: start()\n    case 2 if ok(): end()", "fall:s fall:e fall: raise:"),
        ("with suppress(Exception):\n    start()\n    work()\n    end()", "fall:se fall:s raise:s raise:"),
        ("with open(x):\n    start()\n    return", "return:s raise:"),
        ("start()\nraise ValueError", "raise:s"),
        ("start()\nraise SystemExit", "cancel:s"),
        ("start()\nassert x\nend()", "raise:s fall:se"),
        ("def inner():\n    start()\nclass C:\n    end()", "fall:e"),
        ("start()\nf = lambda: work()\nend()", "fall:se"),
        ("start()\ntry:\n  try:\n    work()\n  finally:\n    a\nfinally:\n    end()", "fall:se raise:se"),
        ("start()\nyield 1\nend()", "raise:s cancel:s fall:se"),
    ],
)  # fmt: skip
def test_ways_out(body: str, expected: str) -> None:
    found = ends(body)
    if "while True" in body and "continue" in body:
        found = {(way, state[:2]) for way, state in found}
    elif "for x in xs" in body:
        found = {(way, state[:1]) for way, state in found}
    assert found == pairs(expected)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("start()\nawait work()\nend()", "fall:se raise:s cancel:s"),
        (
            "start()\ntry:\n    await work()\nexcept Exception:\n    end()\nelse:\n    end()",
            "fall:se cancel:s",
        ),
        (
            "start()\ntry:\n    await work()\nexcept BaseException:\n    end()\n    raise\nend()",
            "fall:se raise:se",
        ),
        (
            "start()\ntry:\n    await work()\nexcept CancelledError:\n    end()\n    raise",
            "fall:s raise:s raise:se cancel:s",
        ),
        ("start()\nasync with lock:\n    end()", "fall:se cancel:s"),
        (
            "start()\nasync for x in xs:\n    pass\nend()",
            "fall:se raise:s cancel:s",
        ),
    ],
)
def test_ways_out_of_coroutines(body: str, expected: str) -> None:
    assert ends(body, is_async=True) == pairs(expected)


def test_path_to_a_way_out() -> None:
    flow = flow_of("start()\nif x:\n    work()\n    return\nend()")
    [arrival] = [a for a in arrivals(flow, 0, lambda _, state: (state,)) if a.way == "return"]
    assert [(node.kind, node.pos[0]) for node in arrival.steps] == [
        ("expr", 2),
        ("test", 3),
        ("expr", 4),
        ("return", 5),
    ]


def test_too_large_a_function_is_given_up() -> None:
    nested = "work()"
    for _ in range(9):
        inside = "\n".join(["try:", "    return", "finally:", textwrap.indent(nested, "    ")])
        nested = "\n".join(["try:", "    work()", "finally:", textwrap.indent(inside, "    ")])
    assert not flow_of(nested).complete


# -- random programs, executed

CALLS = 12


@st.composite
def blocks(draw: st.DrawFn, depth: int = 3, in_loop: bool = False) -> list[str]:
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(KINDS if depth else KINDS[:6]))
        number = draw(st.integers(0, CALLS - 1))
        inner = lambda loop=in_loop: [f"    {line}" for line in draw(blocks(depth - 1, loop))]  # noqa: E731 - drawn at once
        if kind == "call":
            lines.append(f"t({number})")
        elif kind == "assign":
            lines.append(f"x = t({number})")
        elif kind == "return":
            lines.append(draw(st.sampled_from(["return", f"return t({number})"])))
        elif kind == "raise":
            lines.append(f"raise {draw(st.sampled_from(['ValueError', 'KeyError']))}({number})")
        elif kind == "jump":
            lines.append(draw(st.sampled_from(["break", "continue"])) if in_loop else "pass")
        elif kind == "assert":
            lines.append(f"assert t({number})")
        elif kind == "if":
            lines += [f"if t({number}):", *inner()]
            if draw(st.booleans()):
                lines += [f"elif t({number + 1}):", *inner()]
            if draw(st.booleans()):
                lines += ["else:", *inner()]
        elif kind == "while":
            lines += [f"while t({number}):", *inner(True)]
            if draw(st.booleans()):
                lines += ["else:", *inner()]
        elif kind == "for":
            lines += [f"for i in (t({number}), 2):", *inner(True)]
            if draw(st.booleans()):
                lines += ["else:", *inner()]
        elif kind == "with":
            lines += [draw(st.sampled_from([f"with manager(t({number})):", "with suppress(Exception):"])), *inner()]
        elif kind == "match":
            lines += [f"match t({number}):", "    case True:", *[f"    {line}" for line in inner()]]
            if draw(st.booleans()):
                lines += ["    case _:", *[f"    {line}" for line in inner()]]
        else:
            lines += ["try:", *inner()]
            clauses = draw(st.integers(0, 2))
            for caught in draw(st.permutations(["except ValueError:", "except (KeyError, TypeError) as e:"]))[:clauses]:
                lines += [caught, *inner()]
            if clauses and draw(st.booleans()):
                lines += [draw(st.sampled_from(["except Exception:", "except:"])), *inner()]
            if clauses and draw(st.booleans()):
                lines += ["else:", *inner()]
            if not clauses or draw(st.booleans()):
                lines += ["finally:", *inner()]
    return lines


KINDS = ["call", "assign", "return", "raise", "jump", "assert", "if", "while", "for", "with", "match", "try"]


class manager:  # noqa: N801 - reads as a function
    def __init__(self, _: object) -> None: ...
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...


class _EndedError(Exception):
    """The run is over: it took too many steps."""


def execute(source: str, seed: int) -> tuple[list[int], str] | None:
    """Run a program whose `t(n)` raises or answers at random: the calls that ended normally or not, and the way out."""
    oracle = random.Random(seed)
    trace: list[int] = []

    def t(number: int) -> bool:
        if len(trace) > 60:
            raise GeneratorExit
        trace.append(number)
        if oracle.random() < 0.25:
            raise oracle.choice([ValueError, KeyError, OSError])(number)
        return oracle.random() < 0.6

    scope: dict[str, Any] = {"t": t, "manager": manager, "suppress": suppress, "ENDED": object()}
    exec(source, scope)
    try:
        result = scope["f"]()
    except GeneratorExit:
        return None
    except Exception:  # noqa: BLE001 - whatever the program raises
        return trace, "raise"
    if len(trace) > 60:
        return None
    return trace, "fall" if result is scope["ENDED"] else "return"


def allows(flow: Graph, trace: list[int], way: str) -> bool:
    """True where some path makes exactly these calls and leaves this way."""
    here = {(flow.start, 0)}
    seen = set(here)
    while here:
        after = set()
        for index, done in here:
            node = flow.nodes[index]
            if index == flow.exits[way] and done == len(trace):
                return True
            numbers = _numbers(node)
            made = done
            while numbers and made < len(trace) and trace[made] == numbers[made - done]:
                made += 1
                after |= {(target, made) for target in node.raises}
                if made - done == len(numbers):
                    break
            if made - done == len(numbers):
                after |= {(target, made) for target in node.next}
            if not numbers:
                after |= {(target, done) for target in node.raises}
        here = after - seen
        seen |= after
    return False


def _numbers(node: Node) -> list[int]:
    found: list[int] = []

    def visit(part: Any) -> None:
        if isinstance(part, tuple):
            if part and part[0] == "call" and part[1][:2] == ("name", "t"):
                found.append(part[2][0][1])
                return
            for item in part:
                visit(item)

    visit(node.expressions)
    return found


@settings(deadline=None, max_examples=150)
@given(blocks(), st.integers(0, 10_000))
def test_the_graph_allows_what_happens(lines: list[str], seed: int) -> None:
    body = "\n".join(lines)
    text = "def f():\n" + textwrap.indent(body, "    ") + "\n"
    source = text + "    return ENDED\n"
    try:
        compile(source, "f", "exec")
    except SyntaxError:
        return
    facts = extract(decode("a.py", text.encode()))
    flow = graph(facts.functions[0].block, suppresses=is_suppress)
    if not flow.complete:
        return
    for number in range(8):
        happened = execute(source, seed * 8 + number)
        if happened is not None:
            assert allows(flow, *happened), (text, happened)


def test_cancellation_leaves_as_said() -> None:
    """What the graph calls `cancel` is what asyncio does: `except Exception` does not see it."""
    seen: list[str] = []

    async def job() -> None:
        try:
            await asyncio.sleep(60)
        except Exception:  # noqa: BLE001 - what is shown
            seen.append("handler")
        finally:
            seen.append("finally")

    async def main() -> None:
        task = asyncio.ensure_future(job())
        await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert seen == ["finally"]
