"""Statements as facts: what each kind becomes, and that nothing is lost of a program."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from obs_lint.facts.extract import decode_facts, encode, extract
from obs_lint.facts.model import Block, Expr, FileFacts, Statement
from obs_lint.source import decode

PROGRAM = '''
"""Docstring."""
import os

async def work(items):
    total: int = 0
    try:
        async for item in items:
            if item:
                total += 1
            elif not item:
                continue
            else:
                break
        else:
            done()
    except (ValueError, OSError) as error:
        raise RuntimeError("x") from error
    except Exception:
        return
    else:
        assert total, "none"
    finally:
        close()
    while total:
        with open(a) as f, lock:
            pass
    match total:
        case 1 if total:
            def inner(): yield 1
        case _:
            del total
    return total

class Worker:
    name = "x"
    def run(self): return lambda: 1

try:
    pass
except* ValueError:
    work
'''


def facts_of(text: str) -> FileFacts:
    return extract(decode("a.py", text.encode()))


def shape(statement: Statement) -> object:
    """The tags of a statement and of the blocks in it."""
    tag = statement[0]
    if tag == "if":
        return ("if", *(block(branch[1]) for branch in statement[1]), block(statement[2]))
    if tag == "while":
        return (tag, block(statement[2]), block(statement[3]))
    if tag == "for":
        return (tag, block(statement[2]), block(statement[3]), statement[4])
    if tag == "with":
        return (tag, len(statement[1]), block(statement[2]), statement[3])
    if tag == "try":
        handlers = [(handler[1], block(handler[2])) for handler in statement[2]]
        return (tag, block(statement[1]), handlers, block(statement[3]), block(statement[4]), statement[5])
    if tag == "match":
        return (tag, *((case[0], case[1] is not None, block(case[2])) for case in statement[2]))
    if tag == "class":
        return (tag, block(statement[2]))
    return tag


def block(statements: Block) -> list[object]:
    return [shape(statement) for statement in statements]


def test_every_kind_of_statement() -> None:
    facts = facts_of(PROGRAM)
    assert block(facts.body) == [
        "other",
        "other",
        "def",
        ("class", ["assign", "def"]),
        ("try", ["other"], [(None, ["expr"])], [], [], True),
    ]
    work = next(function for function in facts.functions if function.name == "work")
    assert block(work.block) == [
        "assign",
        (
            "try",
            [("for", [("if", ["assign"], ["continue"], ["break"])], ["expr"], True)],
            [("error", ["raise"]), (None, ["return"])],
            ["assert"],
            ["expr"],
            False,
        ),
        ("while", [("with", 2, ["other"], False)], []),
        ("match", (False, True, ["def"]), (True, False, ["other"])),
        "return",
    ]
    assert {f.name: len(f.block) for f in facts.functions} == {"work": 5, "inner": 1, "run": 1, "<lambda>": 0}
    assert decode_facts(encode(facts)) == facts


@pytest.mark.parametrize(
    ("pattern", "matches_all"),
    [
        ("_", True),
        ("x", True),
        ("1 | _", True),
        ("[x]", False),
        ("(_ as y)", True),
        ("str()", False),
        ("1 as y", False),
    ],
)
def test_which_cases_match_all(pattern: str, matches_all: bool) -> None:
    [match] = facts_of(f"match x:\n    case {pattern}: pass\n").body
    assert match[2][0][0] is matches_all


def expressions_in(statements: Block) -> Iterator[Expr]:
    """Yield the expressions directly in statements, nested blocks included."""
    for statement in statements:
        stack: list[object] = list(statement[1:-1])
        while stack:
            part = stack.pop()
            if not isinstance(part, tuple):
                continue
            if part and isinstance(part[0], str) and part[0] in STATEMENT_TAGS and len(part) > 1:
                yield from expressions_in((part,))
            elif part and isinstance(part[0], str):
                yield part
            else:
                stack.extend(part)


STATEMENT_TAGS = frozenset("expr assign return raise assert for while with try match def class".split()) | {"break"}


def test_statements_hold_every_call() -> None:
    """Each call of a program stands in exactly the statement that its CallSite names."""
    facts = facts_of(PROGRAM)
    blocks = [facts.body, *(function.block for function in facts.functions)]
    spoken = {call.expr for call in facts.calls}
    found = {expr for statements in blocks for outer in expressions_in(statements) for expr in _calls(outer)}
    tree = ast.parse(PROGRAM)
    assert len(spoken) == sum(isinstance(node, ast.Call) for node in ast.walk(tree)) == 4
    assert found == spoken


def _calls(expr: Expr) -> Iterator[Expr]:
    if expr[0] == "call":
        yield expr
    for part in expr:
        if isinstance(part, tuple):
            yield from _calls(part) if part and isinstance(part[0], str) else ()
