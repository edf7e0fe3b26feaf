"""What OBS303 says of the order of decorators, held against the frameworks themselves.

A claim is a module: it defines `subject`, the function under test, decorated, and `use()`, which calls it the way its
framework would. The module is run with a decorator that notes the arguments of each call through it, and the same text
is linted.
"""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from obs_lint import engine
from obs_lint.config import from_table

OBS = '''
import functools
import inspect
import time

SEEN = []
TOOK = []


def instrument(function):
    """Notes what the function is called with; sees coroutines and generators to their end."""
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def wrapper(*args, **kwargs):
            SEEN.append((args, kwargs))
            return await function(*args, **kwargs)

    else:

        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            SEEN.append((args, kwargs))
            return function(*args, **kwargs)

    return wrapper


def timed(function):
    """Measures with a plain wrapper, whatever the function is."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        start = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            TOOK.append(time.perf_counter() - start)

    return wrapper


def patient(function):
    """Measures coroutines and async generators to their end."""
    if inspect.isasyncgenfunction(function):

        @functools.wraps(function)
        async def wrapper(*args, **kwargs):
            start = time.perf_counter()
            async for item in function(*args, **kwargs):
                yield item
            TOOK.append(time.perf_counter() - start)

        return wrapper

    @functools.wraps(function)
    async def awaiting(*args, **kwargs):
        start = time.perf_counter()
        result = await function(*args, **kwargs)
        TOOK.append(time.perf_counter() - start)
        return result

    return awaiting


class Registry:
    def __init__(self):
        self.known = {}

    def on(self, name):
        def decorate(function):
            self.known[name] = function
            return function

        return decorate
'''

MODULES = {
    "fastapi": """
import warnings

from fastapi import APIRouter, FastAPI

app = FastAPI()
router = APIRouter()


def use():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from starlette.testclient import TestClient
        app.include_router(router)
        client = TestClient(app)
        assert client.get("/orders/7").json() == 7
""",
    "flask": """
from flask import Blueprint, Flask

app = Flask(__name__)
blueprint = Blueprint("orders", __name__)


def use():
    app.register_blueprint(blueprint)
    assert app.test_client().get("/orders/7").get_json() == 7
    app.test_cli_runner().invoke(args=["import", "7"])
""",
    "celery": """
from uuid import uuid4

from celery import Celery, shared_task

NAME = f"shop.{uuid4()}"
app = Celery("shop", broker="memory://", backend="cache+memory://")
app.conf.task_always_eager = True


def use():
    app.finalize()
    task = app.tasks[NAME]
    assert task.apply(args=(7,)).get() == 7
""",
    "click": """
import click
from click.testing import CliRunner


@click.group()
def main():
    pass


def use():
    runner = CliRunner()
    command = main.commands.get("subject")
    result = runner.invoke(main, ["subject", "7"]) if command else runner.invoke(subject, ["7"])
    if not isinstance(result.exception, (type(None), SystemExit)):
        raise result.exception
    assert result.output.strip() == "7", result.output
""",
    "typer": """
import typer
from typer.testing import CliRunner

app = typer.Typer()


@app.callback()
def main():
    pass


def use():
    result = CliRunner().invoke(app, ["subject", "7"])
    assert result.output.strip() == "7", result.output
""",
    "dispatch": """
from functools import singledispatch


@singledispatch
def show(value):
    raise TypeError(value)


def use():
    assert show(7) == 7
""",
    "class": """
from functools import cached_property


def use():
    assert Order().call() == 7
""",
    "registry": """
from shop.obs import Registry

events = Registry()


def use():
    assert events.known["order"](7) == 7
""",
}
"""What the modules of each framework have in common."""


class Claim(NamedTuple):
    """One order of decorators."""

    name: str
    common: str
    source: str
    runs: str
    """`yes`: the instrument decorator sees the call, with the function's arguments; `no`: the function runs without it;
    `breaks`: nothing is left to call."""


def _route(*decorators: str, kind: str = "def") -> str:
    above = "\n".join(decorators)
    return f"{above}\n{kind} subject(key: int):\n    return key\n"


def _flask(*decorators: str) -> str:
    return (
        "\n".join(decorators) + '\ndef subject(key):\n    return str(key), 200, {"Content-Type": "application/json"}\n'
    )


def _task(*decorators: str, arguments: str = "key") -> str:
    return "\n".join(decorators) + f"\ndef subject({arguments}):\n    return key\n"


def _command(*decorators: str, kind: str = "") -> str:
    return "\n".join(decorators) + f"\ndef subject(key{kind}):\n    print(key)\n"


def _shown(*decorators: str) -> str:
    return "\n".join(decorators) + "\ndef subject(value: int):\n    return value\n"


def _method(*decorators: str, arguments: str = "self", call: str = "self.subject(7)", value: str = "7") -> str:
    body = "\n".join(f"    {decorator}" for decorator in decorators)
    return (
        f"class Order:\n{body}\n    def subject({arguments}):\n        return {value}\n\n"
        f"    def call(self):\n        return {call}\n"
    )


INSTRUMENT = "@instrument"
ROUTE, ROUTER = '@app.get("/orders/{key}")', '@router.get("/orders/{key}")'
RULE, BLUEPRINT = '@app.route("/orders/<int:key>")', '@blueprint.get("/orders/<int:key>")'
TASK, SHARED = "@app.task(name=NAME)", "@shared_task(name=NAME)"
COMMAND, ARGUMENT = '@main.command("subject")', '@click.argument("key")'

CLAIMS = (
    Claim("fastapi below", "fastapi", _route(ROUTE, INSTRUMENT), "yes"),
    Claim("fastapi above", "fastapi", _route(INSTRUMENT, ROUTE), "no"),
    Claim("fastapi below, async", "fastapi", _route(ROUTE, INSTRUMENT, kind="async def"), "yes"),
    Claim("fastapi above, async", "fastapi", _route(INSTRUMENT, ROUTE, kind="async def"), "no"),
    Claim("fastapi router below", "fastapi", _route(ROUTER, INSTRUMENT), "yes"),
    Claim("fastapi router above", "fastapi", _route(INSTRUMENT, ROUTER), "no"),
    Claim("fastapi between routes", "fastapi", _route(ROUTE.replace("orders", "others"), INSTRUMENT, ROUTE), "no"),
    Claim("flask below", "flask", _flask(RULE, INSTRUMENT), "yes"),
    Claim("flask above", "flask", _flask(INSTRUMENT, RULE), "no"),
    Claim("flask blueprint below", "flask", _flask(BLUEPRINT, INSTRUMENT), "yes"),
    Claim("flask blueprint above", "flask", _flask(INSTRUMENT, BLUEPRINT), "no"),
    Claim("celery below", "celery", _task(TASK, INSTRUMENT), "yes"),
    Claim("celery above", "celery", _task(INSTRUMENT, TASK), "no"),
    Claim("celery shared below", "celery", _task(SHARED, INSTRUMENT), "yes"),
    Claim("celery shared above", "celery", _task(INSTRUMENT, SHARED), "no"),
    Claim("click below", "click", _command(COMMAND, ARGUMENT, INSTRUMENT), "yes"),
    Claim("click between", "click", _command(COMMAND, INSTRUMENT, ARGUMENT), "yes"),
    Claim("click above", "click", _command(INSTRUMENT, COMMAND, ARGUMENT), "no"),
    Claim("click alone below", "click", _command("@click.command()", ARGUMENT, INSTRUMENT), "yes"),
    Claim("click alone above", "click", _command(INSTRUMENT, "@click.command()", ARGUMENT), "breaks"),
    Claim("typer below", "typer", _command("@app.command()", INSTRUMENT, kind=": int"), "yes"),
    Claim("typer above", "typer", _command(INSTRUMENT, "@app.command()", kind=": int"), "no"),
    Claim("register below", "dispatch", _shown("@show.register", INSTRUMENT), "yes"),
    Claim("register above", "dispatch", _shown(INSTRUMENT, "@show.register"), "no"),
    Claim("register of a type below", "dispatch", _shown("@show.register(int)", INSTRUMENT), "yes"),
    Claim("register of a type above", "dispatch", _shown(INSTRUMENT, "@show.register(int)"), "no"),
    Claim("own registry below", "registry", _task('@events.on("order")', INSTRUMENT), "yes"),
    Claim("own registry above", "registry", _task(INSTRUMENT, '@events.on("order")'), "no"),
    Claim("staticmethod below", "class", _method("@staticmethod", INSTRUMENT, arguments="key"), "yes"),
    Claim("staticmethod above", "class", _method(INSTRUMENT, "@staticmethod", arguments="key"), "breaks"),
    Claim("classmethod below", "class", _method("@classmethod", INSTRUMENT, arguments="cls, key"), "yes"),
    Claim("classmethod above", "class", _method(INSTRUMENT, "@classmethod", arguments="cls, key"), "breaks"),
    Claim("property below", "class", _method("@property", INSTRUMENT, call="self.subject + 0"), "yes"),
    Claim("property above", "class", _method(INSTRUMENT, "@property", call="self.subject + 0"), "breaks"),
    Claim("cached property below", "class", _method("@cached_property", INSTRUMENT, call="self.subject + 0"), "yes"),
    Claim("cached property above", "class", _method(INSTRUMENT, "@cached_property", call="self.subject + 0"), "breaks"),
)

HEAD = "from shop.obs import instrument, patient, timed\n"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An importable package `shop` with the decorators in it."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "obs.py").write_text(OBS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path
    for name in [name for name in sys.modules if name == "shop" or name.startswith("shop.")]:
        del sys.modules[name]


def load(root: Path, source: str) -> ModuleType:
    (root / "shop" / "orders.py").write_text(source)
    for name in [name for name in sys.modules if name == "shop" or name.startswith("shop.")]:
        del sys.modules[name]
    with warnings.catch_warnings():
        # What third parties deprecate in each other while they are imported is not under test.
        warnings.simplefilter("ignore")
        return import_module("shop.orders")


def found(root: Path, decorators: tuple[str, ...] = ("instrument",)) -> list[str]:
    instrument = {"decorators": [f"shop.obs.{name}" for name in decorators]}
    config = from_table({"surface": ["shop.obs"], "select": ["OBS303"], "instrument": instrument}, str(root))
    report = engine.run(config, cwd=str(root), use_cache=False, jobs=1)
    assert not report.failures
    return [diagnostic.message for diagnostic in report.diagnostics]


def saw_the_call(seen: list[tuple[tuple[Any, ...], dict[str, Any]]], *, of_property: bool) -> bool:
    """True where a wrapper was called as the function is: with its argument, after the object or class if any."""
    given = [[*args, *kwargs.values()] for args, kwargs in seen]
    return bool(given) if of_property else any(values[-1:] in ([7], ["7"]) for values in given)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_claim(claim: Claim, package: Path) -> None:
    source = HEAD + MODULES[claim.common] + "\n\n" + claim.source
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if claim.runs == "breaks":
            with pytest.raises((TypeError, AttributeError)):
                load(package, source).use()
        else:
            load(package, source).use()
    seen = sys.modules["shop.obs"].SEEN
    ran = saw_the_call(seen, of_property="property" in claim.name)
    if claim.runs != "breaks":
        assert ran == (claim.runs == "yes"), seen
    assert bool(found(package)) == (claim.runs != "yes"), source


# -- wrappers that do not wait

AWAITED = """
import asyncio


@{decorator}
async def subject(key):
    await asyncio.sleep(0.05)
    return key


def use():
    assert asyncio.run(subject(7)) == 7
"""
GENERATED = """
import asyncio


@{decorator}
async def subject(key):
    await asyncio.sleep(0.05)
    yield key


async def collect():
    return [item async for item in subject(7)]


def use():
    assert asyncio.run(collect()) == [7]
"""
PLAIN = """
import time


@{decorator}
def subject(key):
    time.sleep(0.05)
    return key


def use():
    assert subject(7) == 7
"""


@pytest.mark.parametrize(
    "source, decorator, measured",
    [
        (AWAITED, "timed", False),
        (AWAITED, "patient", True),
        (GENERATED, "timed", False),
        (GENERATED, "patient", True),
        (PLAIN, "timed", True),
    ],
    ids=["coroutine, plain", "coroutine, async", "async generator, plain", "async generator, async", "function, plain"],
)
def test_a_plain_wrapper_measures_only_the_making(source: str, decorator: str, measured: bool, package: Path) -> None:
    module = load(package, HEAD + source.format(decorator=decorator))
    module.use()
    (took,) = sys.modules["shop.obs"].TOOK
    assert (took >= 0.04) == measured
    assert bool(found(package, ("timed", "patient"))) == (not measured)


def test_a_context_manager_as_decorator_closes_before_the_coroutine_runs(package: Path) -> None:
    source = """
import asyncio
from contextlib import contextmanager

ORDER = []


@contextmanager
def span():
    yield
    ORDER.append("closed")


@span()
async def subject():
    ORDER.append("ran")


def use():
    asyncio.run(subject())
"""
    module = load(package, source)
    module.use()
    assert module.ORDER == ["closed", "ran"]
    (package / "shop" / "obs.py").write_text(source)
    (package / "shop" / "orders.py").write_text("")
    assert len(found(package, ("span",))) == 1


def test_an_exit_handler_is_kept_as_it_is(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import atexit

    kept: list[Any] = []

    def register(function: Any) -> Any:
        kept.append(function)
        return real(function)

    real = atexit.register
    monkeypatch.setattr(atexit, "register", functools.wraps(real)(register))
    source = HEAD + "import atexit\n\n\n@instrument\n@atexit.register\ndef subject():\n    return None\n"
    module = load(package, source)
    atexit.unregister(kept[0])
    assert kept == [module.subject.__wrapped__]
    assert len(found(package)) == 1
