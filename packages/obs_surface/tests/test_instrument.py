"""What `instrument` emits, and what it must leave as it was."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import functools
import gc
import inspect
import json
import pickle
import subprocess
import sys
import traceback
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import pytest

import obs_surface as obs

ID = "01a1fcfc-3d28-749c-a49c-2f941047042c"


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Job:
    id: str = "j-1"
    token: str = "s3cret"

    @property
    def broken(self) -> str:
        raise RuntimeError("no")


def ends(sink: obs.MemorySink) -> list[str]:
    """The last words of the events so far, which are then forgotten."""
    found = [event["event_name"].rpartition(".")[2] for event in sink.events()]
    sink.clear()
    return found


def started_fields(sink: obs.MemorySink) -> Any:
    return sink.events("obs.operation.started")[-1]["payload"].get("fields")


# -- plain functions


def test_a_call_starts_and_completes_once(unregistered: obs.MemorySink) -> None:
    @obs.instrument
    def work(a: int) -> int:
        return a + 1

    with obs.context(request_id=ID):
        assert work(1) == 2
    started, completed = unregistered.events()
    assert started["event_name"] == "obs.operation.started"
    assert completed["event_name"] == "obs.operation.completed"
    assert started["payload"]["operation"] == f"{__name__}.{work.__qualname__}"
    assert 0 <= completed["payload"]["duration_ms"] < 10_000
    assert started["correlation"]["request_id"] == completed["correlation"]["request_id"] == ID
    assert "fields" not in started["payload"]


@pytest.mark.parametrize("how", ["-m", "spawn", "path"])
def test_the_module_that_python_runs_goes_by_its_name(tmp_path: Path, how: str) -> None:
    package = tmp_path / "shop"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "worker.py").write_text(
        "import multiprocessing, sys\nimport obs_surface as obs\n"
        "@obs.instrument\ndef handle():\n    pass\n"
        "@obs.instrument\nclass Box:\n    def open(self):\n        pass\n"
        "def both():\n    handle()\n    Box().open()\n"
        "if __name__ == '__main__':\n"
        "    if 'spawn' in sys.argv:\n"
        "        child = multiprocessing.get_context('spawn').Process(target=both)\n"
        "        child.start()\n        child.join()\n"
        "    else:\n        both()\n"
    )
    command = ["shop/worker.py"] if how == "path" else ["-m", "shop.worker", how]
    done = subprocess.run([sys.executable, *command], cwd=tmp_path, capture_output=True, check=True, timeout=60)
    named = {json.loads(line)["payload"].get("operation") for line in done.stdout.splitlines()} - {None}
    module = "__main__" if how == "path" else "shop.worker"
    assert named == {f"{module}.handle", f"{module}.Box.open"}


@pytest.mark.parametrize(
    "error", [ValueError("bad " * 100), KeyboardInterrupt(), SystemExit(3), asyncio.CancelledError()]
)
def test_an_error_is_told_and_raised_unchanged(unregistered: obs.MemorySink, error: BaseException) -> None:
    @obs.instrument(name="shop.work")
    def work() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        work()
    assert caught.value is error
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert not hasattr(caught.value, "__notes__")
    assert [frame.name for frame in traceback.extract_tb(error.__traceback__)][-1] == "work"
    failed = unregistered.events()[-1]
    assert failed["event_name"] == "obs.operation.failed"
    assert failed["severity"] == "error"
    assert failed["payload"]["operation"] == "shop.work"
    assert failed["payload"]["error_type"] == type(error).__name__
    assert len(failed["payload"].get("error_message", "")) <= 200
    assert ends(unregistered) == ["started", "failed"]


def test_wrong_arguments_fail_as_without_it(unregistered: obs.MemorySink) -> None:
    @obs.instrument(fields=["a"])
    def work(a: int) -> int:
        return a

    with pytest.raises(TypeError, match=r"missing 1 required positional argument: 'a'"):
        work()  # type: ignore[call-arg]
    assert ends(unregistered) == ["started", "failed"]


def test_without_events_nothing_is_emitted(unregistered: obs.MemorySink) -> None:
    @obs.instrument(emit_events=False)
    def work() -> int:
        return 1

    assert work() == 1
    assert ends(unregistered) == []


# -- arguments

CALLS: list[tuple[str, Callable[..., Any], list[str], tuple[Any, ...], dict[str, Any], dict[str, Any]]] = [
    ("position", lambda a, b: 0, ["a", "b"], (1, "x"), {}, {"a": 1, "b": "x"}),
    ("keyword", lambda a, b: 0, ["b", "a"], (), {"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ("default", lambda a, b=7: 0, ["a", "b"], (1,), {}, {"a": 1, "b": 7}),
    ("keyword only", lambda *, b=7: 0, ["b"], (), {"b": 1}, {"b": 1}),
    ("positional only", lambda a, /, **more: 0, ["a"], (1,), {"a": 2}, {"a": 1}),
    ("only positional only", lambda a, b, /: 0, ["b"], (1, 2), {}, {"b": 2}),
    ("rest", lambda *args, k=1: 0, ["args", "k"], (1, 2), {}, {"args": [1, 2], "k": 1}),
    ("keywords", lambda a, **more: 0, ["more"], (1,), {"x": 2}, {"more": {"x": 2}}),
    ("one of the keywords", lambda **more: 0, ["x", "y"], (), {"x": 2}, {"x": 2}),
    ("attribute", lambda job: 0, ["job.id"], (Job(),), {}, {"job.id": "j-1"}),
    ("key", lambda job: 0, ["job.id"], ({"id": 5},), {}, {"job.id": 5}),
    ("missing attribute", lambda job: 0, ["job.nothing", "job.id.no"], (Job(),), {}, {}),
    ("property that raises", lambda job: 0, ["job.broken"], (Job(),), {}, {}),
    ("attribute of None", lambda job=None: 0, ["job.id"], (), {}, {}),
    ("all", lambda self, a, b=2: 0, ["*"], (None, 1), {}, {"a": 1, "b": 2}),
    ("uuid", lambda a: 0, ["a"], (uuid.UUID(ID),), {}, {"a": ID}),
    ("enum", lambda a: 0, ["a"], (Colour.RED,), {}, {"a": "red"}),
    ("path", lambda a: 0, ["a"], (PurePosixPath("/x"),), {}, {"a": "/x"}),
    ("an object tells its type only", lambda a: 0, ["a"], (Job(),), {}, {"a": "<Job>"}),
]


@pytest.mark.parametrize(
    ("function", "fields", "args", "kwargs", "expected"), [c[1:] for c in CALLS], ids=[c[0] for c in CALLS]
)
def test_fields(
    unregistered: obs.MemorySink,
    function: Callable[..., Any],
    fields: list[str],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    expected: dict[str, Any],
) -> None:
    obs.instrument(fields=fields)(function)(*args, **kwargs)
    assert started_fields(unregistered) == expected
    assert unregistered.events("obs.operation.completed")[0]["payload"]["fields"] == expected


def test_skipped_arguments_are_never_there(unregistered: obs.MemorySink) -> None:
    def work(job: Job, token: str, **more: str) -> None: ...

    obs.instrument(fields=["*"], skip=["token", "hidden"])(work)(Job(), token="s3cret", hidden="s3cret", shown="yes")
    obs.instrument(fields=["token", "job.token"], skip=["token", "job"])(work)(Job(), "s3cret")
    assert b"s3cret" not in b"".join(unregistered.lines)
    assert unregistered.events()[0]["payload"]["fields"]["more"] == {"shown": "yes"}


@pytest.mark.parametrize("given", [{"fields": ["jobid"]}, {"skip": ["tokn"]}, {"fields": ["jb.id"]}])
def test_a_misspelt_argument_is_an_error_at_once(given: dict[str, list[str]]) -> None:
    with pytest.raises(ValueError, match=r"takes no '\w+' \((fields|skip)\); it takes: job_id, token"):

        @obs.instrument(**given)  # type: ignore[call-overload,untyped-decorator]
        def work(job_id: str, token: str) -> None: ...


def test_a_text_is_no_list_of_names() -> None:
    with pytest.raises(TypeError, match="give a list of names"):
        obs.instrument(fields="job_id")


# -- what stays as it was


@obs.instrument
def at_module_level(a: int, b: str = "x") -> str:
    """Docstring."""
    return b * a


def test_a_function_stays_what_it_is() -> None:
    assert str(inspect.signature(at_module_level)) == "(a: 'int', b: 'str' = 'x') -> 'str'"
    assert at_module_level.__doc__ == "Docstring."
    assert at_module_level.__name__ == "at_module_level"
    assert at_module_level.__wrapped__.__name__ == "at_module_level"  # type: ignore[attr-defined]
    assert inspect.get_annotations(at_module_level, eval_str=True) == {"a": int, "b": str, "return": str}
    assert pickle.loads(pickle.dumps(at_module_level)) is at_module_level
    assert at_module_level.__globals__ is globals()


def test_kinds_of_functions_stay() -> None:
    @obs.instrument
    async def coroutine() -> None: ...

    @obs.instrument
    def generator() -> Iterator[int]:
        yield 1

    @obs.instrument
    async def async_generator() -> AsyncIterator[int]:
        yield 1

    assert inspect.iscoroutinefunction(coroutine)
    assert asyncio.iscoroutinefunction(coroutine)
    assert inspect.isgeneratorfunction(generator)
    assert inspect.isasyncgenfunction(async_generator)


class Service:
    def __init__(self) -> None:
        self.seen = 0

    @obs.instrument(fields=["job_id"])
    def method(self, job_id: str) -> str:
        self.seen += 1
        return job_id

    @staticmethod
    @obs.instrument(fields=["a"])
    def static_outside(a: int) -> int:
        return a

    @obs.instrument(fields=["a"])
    @staticmethod
    def static_inside(a: int) -> int:
        return a

    @classmethod
    @obs.instrument(fields=["a"])
    def class_outside(cls, a: int) -> tuple[type, int]:
        return cls, a

    @obs.instrument(fields=["a"])
    @classmethod
    def class_inside(cls, a: int) -> tuple[type, int]:
        return cls, a

    @obs.instrument
    @property
    def total(self) -> int:
        return self.seen

    @obs.instrument
    @functools.cached_property
    def once(self) -> int:
        return 5


def test_methods_in_either_order(unregistered: obs.MemorySink) -> None:
    service = pickle.loads(pickle.dumps(Service()))
    assert service.method("j") == "j"
    assert started_fields(unregistered) == {"job_id": "j"}
    for call in (Service.static_outside, service.static_inside):
        unregistered.clear()
        assert call(3) == 3
        assert started_fields(unregistered) == {"a": 3}
    for bound in (service.class_outside, Service.class_inside):
        unregistered.clear()
        assert bound(a=3) == (Service, 3)
        assert started_fields(unregistered) == {"a": 3}
    unregistered.clear()
    assert (service.total, service.once, service.once) == (1, 5, 5)
    assert ends(unregistered) == ["started", "completed"] * 2


def test_single_dispatch_on_either_side(unregistered: obs.MemorySink) -> None:
    @obs.instrument
    @functools.singledispatch
    def outside(a: object) -> str:
        return "object"

    @outside.register
    def _(a: int) -> str:
        return "int"

    @functools.singledispatch
    @obs.instrument
    def inside(a: object) -> str:
        return "object"

    @inside.register
    @obs.instrument
    def _of_int(a: int) -> str:
        return "int"

    assert [outside(1), outside("x"), inside(1), inside("x")] == ["int", "object"] * 2
    assert ends(unregistered) == ["started", "completed"] * 4


def test_objects_that_are_called(unregistered: obs.MemorySink) -> None:
    class Called:
        async def __call__(self, a: int) -> int:
            return a

    assert asyncio.run(obs.instrument(Called())(2)) == 2
    assert unregistered.events()[0]["payload"]["operation"].endswith("Called")
    assert obs.instrument(functools.partial(int, base=2))("11") == 3
    assert ends(unregistered) == ["started", "completed"] * 2


def test_what_can_not_be_instrumented_says_so() -> None:
    with pytest.raises(TypeError, match="can't be called"):
        obs.instrument(3)
    with pytest.raises(TypeError, match="decorate the implementations"):
        obs.instrument(functools.singledispatchmethod(lambda self, a: a))


def test_fastapi_sees_the_original_signature(unregistered: obs.MemorySink) -> None:
    fastapi = pytest.importorskip("fastapi")
    httpx = pytest.importorskip("httpx")
    app = fastapi.FastAPI()

    def session() -> str:
        return "session"

    globals()["Depends"] = fastapi.Depends
    globals()["SESSION"] = session

    @app.get("/search")
    @obs.instrument(fields=["q"], skip=["db"])
    async def search(q: str, db: Annotated[str, Depends(SESSION)], limit: int = 3) -> dict[str, Any]:  # type: ignore[name-defined] # noqa: F821
        return {"q": q, "db": db, "limit": limit}

    async def main() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client:
            answer = await client.get("/search", params={"q": "x"})
            assert answer.json() == {"q": "x", "db": "session", "limit": 3}
            assert (await client.get("/search")).status_code == 422

    asyncio.run(main())
    assert started_fields(unregistered) == {"q": "x"}
    assert ends(unregistered) == ["started", "completed"]


# -- classes


def test_a_class_has_its_public_methods_instrumented(unregistered: obs.MemorySink) -> None:
    class Base:
        def inherited(self) -> int:
            return 0

    @obs.instrument_class(fields=["job_id"], skip=["token"])
    class UseCase(Base):
        def execute(self, job_id: str, token: str) -> str:
            return self._private()

        def _private(self) -> str:
            return "x"

        @staticmethod
        def static(a: int) -> int:
            return a

        @obs.instrument(name="mine")
        def already(self) -> int:
            return 1

        @property
        def shown(self) -> int:
            return 2

    case = UseCase()
    assert case.execute("j", "s3cret") == "x"
    assert started_fields(unregistered) == {"job_id": "j"}
    case.inherited()
    assert case.shown == 2
    assert ends(unregistered) == ["started", "completed"]
    UseCase.static(1)
    case.already()
    assert [event["payload"]["operation"].rpartition(".")[2] for event in unregistered.events()] == ["static"] * 2 + [
        "mine"
    ] * 2
    assert obs.instrument(UseCase) is UseCase


def test_names_of_a_class_that_match_nothing_are_errors() -> None:
    class UseCase:
        def execute(self, job_id: str) -> None: ...

    with pytest.raises(ValueError, match="defines no method 'run'"):
        obs.instrument_class(methods=["run"])(UseCase)
    with pytest.raises(ValueError, match="takes 'project'"):
        obs.instrument_class(fields=["project"])(UseCase)
    with pytest.raises(TypeError, match="is no class"):
        obs.instrument_class(len)


# -- coroutines


def test_a_cancelled_coroutine_has_failed(unregistered: obs.MemorySink) -> None:
    @obs.instrument
    async def wait() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert unregistered.events()[-1]["payload"]["error_type"] == "CancelledError"
    assert ends(unregistered) == ["started", "failed"]


# -- generators


@obs.instrument
def numbers(n: int) -> Iterator[int]:
    for number in range(n):
        try:
            sent = yield number
        except KeyError:
            yield -1
        else:
            if sent:
                yield sent
    return "result"  # type: ignore[return-value]


@obs.instrument
async def async_numbers(n: int) -> AsyncIterator[int]:
    for number in range(n):
        try:
            sent = yield number
        except KeyError:
            yield -1
        else:
            if sent:
                yield sent


def test_a_generator_starts_with_the_iteration_and_ends_once(unregistered: obs.MemorySink) -> None:
    never = numbers(2)
    del never
    unfinished = numbers(2)
    assert ends(unregistered) == []
    next(unfinished)
    assert ends(unregistered) == ["started"]
    assert list(unfinished) == [1]
    assert list(unfinished) == []
    assert ends(unregistered) == ["completed"]


def test_a_generator_passes_everything_on(unregistered: obs.MemorySink) -> None:
    def around() -> Iterator[int]:
        result = yield from numbers(1)  # type: ignore[func-returns-value,misc]
        assert result == "result"

    assert list(around()) == [0]
    generator: Any = numbers(3)
    assert next(generator) == 0
    assert generator.send(9) == 9
    assert next(generator) == 1
    assert generator.throw(KeyError("x")) == -1
    unregistered.clear()
    generator.close()
    generator.close()
    assert ends(unregistered) == ["completed"]


@pytest.mark.parametrize("how", ["close", "collected", "thrown", "interrupted"])
def test_a_generator_that_is_left_ends_once(unregistered: obs.MemorySink, how: str) -> None:
    generator: Any = numbers(3)
    with obs.context(request_id=ID):
        next(generator)
    if how == "close":
        generator.close()
    elif how == "collected":
        del generator
        gc.collect()
    elif how == "thrown":
        with pytest.raises(ValueError, match="x"):
            generator.throw(ValueError("x"))
    else:
        with pytest.raises(KeyboardInterrupt):
            generator.throw(KeyboardInterrupt)
    last = unregistered.events()[-1]
    assert last["correlation"]["request_id"] == ID, "the context is that of the start"
    assert ends(unregistered) == ["started", "failed" if how in ("thrown", "interrupted") else "completed"]


@pytest.mark.parametrize("how", ["exhausted", "aclose", "collected", "thrown", "cancelled", "sent"])
def test_an_asynchronous_generator_ends_once(unregistered: obs.MemorySink, how: str) -> None:
    async def main() -> None:
        generator: Any = async_numbers(3)
        assert ends(unregistered) == []
        with obs.context(request_id=ID):
            assert await anext(generator) == 0
        if how == "exhausted":
            assert [number async for number in generator] == [1, 2]
        elif how == "aclose":
            await generator.aclose()
        elif how == "collected":
            del generator
            gc.collect()
            for _ in range(5):
                await asyncio.sleep(0)
        elif how == "thrown":
            assert await generator.athrow(KeyError("x")) == -1
            with pytest.raises(ValueError, match="x"):
                await generator.athrow(ValueError("x"))
        elif how == "cancelled":
            with pytest.raises(asyncio.CancelledError):
                await generator.athrow(asyncio.CancelledError())
        else:
            assert await generator.asend(7) == 7
            assert [number async for number in generator] == [1, 2]

    asyncio.run(main())
    assert {event["correlation"].get("request_id") for event in unregistered.events()} == {ID}
    assert ends(unregistered) == ["started", "failed" if how in ("thrown", "cancelled") else "completed"]


def test_a_generator_as_context_manager_keeps_what_it_sets(unregistered: obs.MemorySink) -> None:
    @contextlib.contextmanager
    @obs.instrument
    def request() -> Iterator[None]:
        with obs.context(request_id=ID):
            yield

    with request():
        assert obs.current().request_id == ID
    assert obs.current().request_id is None
    assert ends(unregistered) == ["started", "completed"]
