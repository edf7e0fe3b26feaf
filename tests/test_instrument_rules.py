"""What OBS302, OBS303 and OBS304 say and mend, beyond the examples in their YAML."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from obs_lint import engine
from obs_lint.config import from_table
from obs_lint.diagnostic import Applicability, Diagnostic, Edit

OBS = """
def instrument(function=None, *, name="", fields=(), skip=(), **more):
    def decorate(inner):
        return inner

    return decorate if function is None else decorate(function)
"""
HEAD = "from fastapi import FastAPI\nfrom shop.obs import instrument\n\napp = FastAPI()\n\n\n"


def lint(root: Path, source: str | bytes, *, obs: str = OBS, **config: Any) -> list[Diagnostic]:
    """Lint a module beside a surface; all three rules are on, and `rules` may set their options."""
    (root / "shop").mkdir(exist_ok=True)
    (root / "shop" / "obs.py").write_text(obs)
    (root / "shop" / "orders.py").write_bytes(source.encode() if isinstance(source, str) else source)
    table = {
        "surface": ["shop.obs"],
        "select": ["OBS302", "OBS303", "OBS304"],
        "instrument": {"decorators": ["shop.obs.instrument"]},
        **config,
    }
    report = engine.run(from_table(table, str(root)), cwd=str(root), use_cache=False, jobs=1)
    assert not report.failures, report.failures
    return list(report.diagnostics)


def apply(text: str, edits: tuple[Edit, ...]) -> str:
    lines = text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    for edit in sorted(edits, key=lambda each: each.span, reverse=True):
        start = starts[edit.span.start.line - 1] + edit.span.start.column - 1
        end = starts[edit.span.end.line - 1] + edit.span.end.column - 1
        text = text[:start] + edit.text + text[end:]
    return text


def mended(root: Path, text: str, **config: Any) -> tuple[str, list[Applicability]]:
    """Apply the fix of the first finding until there is none; the second run of the last text finds nothing."""
    applied = []
    for _ in range(8):
        fixes = [found.fix for found in lint(root, text.encode(), **config) if found.fix is not None]
        if not fixes:
            break
        text = apply(text, fixes[0].edits)
        ast.parse(text)
        applied.append(fixes[0].applicability)
    else:
        pytest.fail(f"a fix does not remove its finding:\n{text}")
    return text, applied


SAFE, UNSAFE = Applicability.SAFE, Applicability.UNSAFE


@pytest.mark.parametrize(
    "before, after, applicability",
    [
        ('@instrument(fields=["a"])', '@instrument(fields=["a", "job_id", "request_id"])', SAFE),
        ('@instrument(fields=["a",])', '@instrument(fields=["job_id", "request_id", "a",])', SAFE),
        ('@instrument(fields=[("a")])', '@instrument(fields=["job_id", "request_id", ("a")])', SAFE),
        ("@instrument(fields=[])", '@instrument(fields=["job_id", "request_id"])', SAFE),
        ("@instrument(fields=())", '@instrument(fields=("job_id", "request_id",))', SAFE),
        ('@instrument(fields=("a",))', '@instrument(fields=("job_id", "request_id", "a",))', SAFE),
        ('@instrument(fields={"a", "b"})', '@instrument(fields={"a", "b", "job_id", "request_id"})', SAFE),
        (
            '@instrument(fields={"a": "a"})',
            '@instrument(fields={"a": "a", "job_id": "job_id", "request_id": "request_id"})',
            SAFE,
        ),
        (
            '@instrument(fields=[\n    "a",\n    "é",\n])',
            '@instrument(fields=["job_id", "request_id", \n    "a",\n    "é",\n])',
            SAFE,
        ),
        ("@instrument", '@instrument(fields=["job_id", "request_id"])', UNSAFE),
        ("@instrument()", '@instrument(fields=["job_id", "request_id"])', UNSAFE),
        ('@instrument(name="é")', '@instrument(name="é", fields=["job_id", "request_id"])', UNSAFE),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_a_field_is_added(before: str, after: str, applicability: Applicability, end: str, tmp_path: Path) -> None:
    text = "from shop.obs import instrument\n\n\n{}\ndef place(job_id, request_id):\n    return job_id\n"
    found, applied = mended(tmp_path, text.format(before).replace("\n", end))
    assert found == text.format(after).replace("\n", end)
    assert applied == [applicability]


@pytest.mark.parametrize(
    "decorator",
    [
        '@instrument(fields={"a": lambda a: a})',
        '@instrument(\n    name="x",\n)',
        "@instrument(  )",
        '@instrument(name="x", fields=COMMON)',
    ],
)
def test_where_a_fix_would_be_a_guess_there_is_none(decorator: str, tmp_path: Path) -> None:
    text = (
        f'from shop.obs import instrument\n\nCOMMON = ["a"]\n\n\n{decorator}\ndef place(job_id):\n    return job_id\n'
    )
    (found,) = lint(tmp_path, text)
    assert (found.code, found.fix) == ("OBS302", None)


@pytest.mark.parametrize(
    "before, after, applicability",
    [
        ("@instrument", '@instrument(skip=["password"])', UNSAFE),
        ('@instrument(name="x")', '@instrument(name="x", skip=["password"])', UNSAFE),
        ('@instrument(skip=["a"])', '@instrument(skip=["a", "password"])', SAFE),
    ],
)
def test_a_secret_is_skipped(before: str, after: str, applicability: Applicability, tmp_path: Path) -> None:
    text = "from shop.obs import instrument\n\n\n{}\nasync def login(password):\n    return None\n"
    found, applied = mended(tmp_path, text.format(before), rules={"OBS304": {"captures-all": True}})
    assert found == text.format(after)
    assert applied == [applicability]


def test_a_secret_that_is_listed_is_taken_out_by_hand(tmp_path: Path) -> None:
    text = (
        'from shop.obs import instrument\n\n\n@instrument(fields=["password"])\ndef login(password):\n    return None\n'
    )
    (found,) = lint(tmp_path, text)
    assert (found.code, found.fix) == ("OBS304", None)


@pytest.mark.parametrize(
    "before, after",
    [
        (["@instrument", '@app.get("/orders")'], ['@app.get("/orders")', "@instrument"]),
        (
            ['@instrument(name="x", fields=["a", "b"])', "@app.get('/orders')"],
            ["@app.get('/orders')", '@instrument(name="x", fields=["a", "b"])'],
        ),
        (
            ["@instrument", '@app.get("/a", status_code=201)', '@app.get("/b")', "@cached"],
            ['@app.get("/a", status_code=201)', '@app.get("/b")', "@instrument", "@cached"],
        ),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("indent", ["", "\t", "    "], ids=["module", "tab", "spaces"])
def test_decorators_change_places(before: list[str], after: list[str], end: str, indent: str, tmp_path: Path) -> None:
    def text(decorators: list[str]) -> str:
        opened = "if True:\n" if indent else ""
        rows = [*decorators, "async def listed():", f"{indent or '    '}return []"]
        head = HEAD + "def cached(function):\n    return function\n\n\n"
        return (head + opened + "".join(f"{indent}{row}\n" for row in rows)).replace("\n", end)

    found, applied = mended(tmp_path, text(before))
    assert found == text(after)
    assert applied == [UNSAFE]


@pytest.mark.parametrize(
    "decorators",
    [
        '@instrument  # of the API\n@app.get("/orders")',
        '@instrument\n@app.get(\n    "/orders",\n)',
        '@instrument\n@app.get("/" "orders")',
        '@instrument\n@app.get(f"/orders")',
        '@instrument\n@(app.get("/orders"))',
    ],
    ids=["comment", "several lines", "joined", "f-string", "parentheses"],
)
def test_decorators_that_can_not_be_moved_word_for_word_stay(decorators: str, tmp_path: Path) -> None:
    (found,) = lint(tmp_path, f"{HEAD}{decorators}\nasync def listed():\n    return []\n")
    assert (found.code, found.fix) == ("OBS303", None)


def test_what_is_said(tmp_path: Path) -> None:
    text = HEAD + '@instrument\n@app.get("/orders")\nasync def listed(job_id):\n    return []\n'
    missing, misplaced = lint(tmp_path, text)
    assert missing.message == "`@instrument` does not record `job_id`, which `listed` is given"
    assert missing.help == "Name `job_id` in the decorator's `fields`."
    assert misplaced.message == (
        "`@instrument` of `listed` stands above `@app.get`, which keeps the function as it is: "
        "calls from there do not run it"
    )
    assert misplaced.help == "Put `@instrument` directly below `@app.get`."
    assert misplaced.symbol == "shop.orders.listed"


def test_a_plain_wrapper_is_shown(tmp_path: Path) -> None:
    obs = (
        "def instrument(function):\n    def wrapper(*args):\n        with open('x'):\n"
        "            return function(*args)\n\n    return wrapper\n"
    )
    text = "from shop.obs import instrument\n\n\n@instrument\nasync def place():\n    return None\n"
    (found,) = lint(tmp_path, text, obs=obs)
    assert found.message.endswith("measures only how long it takes to make the coroutine, not what it does")
    assert [(step.path, step.position.line) for step in found.trail] == [("shop/obs.py", 2)]


AWKWARD = """
from shop.obs import instrument

table = [instrument]
first = second
second = first
again = lambda function: instrument(function)


@(lambda function: function)
@table[0]
@first
@(instrument if table else first)
@instrument(*table, **{})
@instrument(fields=[*table, *[]], skip=None)
@instrument(fields=instrument)
def place(job_id, /, *args, password, **kwargs):
    @instrument(fields=f"{job_id}")
    def inner(job_id=(yield)):
        return inner

    return inner


@instrument
class Orders:
    @property
    def total(self):
        return 0

    @total.setter
    @instrument
    def total(self, value):
        pass


@instrument
async def listed(): ...


x = instrument
x = x(x)


@x
@x.y.z()
def z(): ...
"""


def test_awkward_input_is_no_error(tmp_path: Path) -> None:
    for rules in ({}, {"OBS302": {"captures-all": True}, "OBS304": {"captures-all": True}}):
        lint(tmp_path, AWKWARD, rules=rules)
    lint(tmp_path, AWKWARD.replace("\n", "\r\n"))
    lint(tmp_path, b"\xef\xbb\xbf" + AWKWARD.encode())


def test_a_decorator_that_is_itself_decorated_by_what_it_defines(tmp_path: Path) -> None:
    obs = "@instrument\ndef instrument(function):\n    return instrument(function)\n"
    assert not lint(tmp_path, "from shop.obs import instrument\n\n\n@instrument\ndef f(job_id): ...\n", obs=obs)


def test_another_name_in_another_file(tmp_path: Path) -> None:
    """The file that decorates says nothing of `instrument`."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").write_text("")
    (tmp_path / "shop" / "tracing.py").write_text("from shop.obs import instrument as traced\nspan = traced()\n")
    text = "from shop import tracing\nfrom shop.tracing import traced\n\n\n"
    text += "@traced\ndef one(job_id): ...\n\n\n@tracing.span\ndef two(job_id): ...\n"
    assert [found.span.start.line for found in lint(tmp_path, text)] == [5, 9]


def test_tests_and_stubs_are_left_alone(tmp_path: Path) -> None:
    text = "from shop.obs import instrument\n\n\n@instrument\ndef place(job_id): ...\n"
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "test_orders.py").write_text(text)
    (tmp_path / "shop" / "stub.pyi").write_text(text)
    assert [found.path for found in lint(tmp_path, text)] == ["shop/orders.py"]


def test_a_notebook_has_no_fix(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_text(
        '{"cells": [{"cell_type": "code", "source": ["from shop.obs import instrument\\n"]}, '
        '{"cell_type": "code", "source": ["@instrument\\n", "def place(job_id): ...\\n"]}], '
        '"nbformat": 4, "nbformat_minor": 5, "metadata": {}}'
    )
    (found,) = lint(tmp_path, "")
    assert (found.path, found.cell, found.span.start.line, found.fix) == ("a.ipynb", 2, 1, None)
