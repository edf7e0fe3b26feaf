"""The context: ids that tie events together, over tasks, threads, messages and headers."""

from __future__ import annotations

import asyncio
import copy
import pickle
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import obs_surface as obs
from obs_surface.context import EMPTY, ObsContext
from obs_surface.context import IDS as NAMES
from surface_contract import IDS, JOB, REQUEST, RUN


def test_nothing_is_set_without_a_context() -> None:
    assert obs.current() is EMPTY
    assert obs.current().correlation() == {}


def test_a_block_sets_it_and_restores_what_was_before() -> None:
    with obs.context(request_id="a", project_id="p") as outer:
        assert obs.current() is outer
        with obs.context(job_id="j") as inner:
            assert inner.correlation() == {"request_id": "a", "job_id": "j"}
            assert inner.fields == {"project_id": "p"}
        assert obs.current() is outer
        with obs.context(ObsContext(job_id="k")):
            assert obs.current().correlation() == {"job_id": "k"}
        with pytest.raises(KeyError), obs.context(job_id="x"):
            raise KeyError
        assert obs.current() is outer
    assert obs.current() is EMPTY


def test_a_block_object_may_be_used_again_and_inside_itself() -> None:
    block = obs.context(request_id="a")
    with block:
        with block:
            assert obs.current().request_id == "a"
        assert obs.current().request_id == "a"
    assert obs.current() is EMPTY


def test_tasks_inherit_and_do_not_share() -> None:
    async def one(name: str) -> str | None:
        async with obs.context(job_id=name):
            await asyncio.sleep(0)
            assert obs.current().request_id == "r"
            return obs.current().job_id

    async def many() -> list[str | None]:
        with obs.context(request_id="r"):
            return await asyncio.gather(*(one(str(number)) for number in range(20)))

    assert asyncio.run(many()) == [str(number) for number in range(20)]


def test_threads_have_it_through_run_in_context() -> None:
    def look(suffix: str) -> str:
        return f"{obs.current().request_id}{suffix}"

    with ThreadPoolExecutor(4) as pool:
        with obs.context(request_id="r"):
            assert pool.submit(look, "").result() == "None"
            wrapped = obs.run_in_context(look)
            assert list(pool.map(wrapped, "abcdefgh")) == [f"r{letter}" for letter in "abcdefgh"]
        assert wrapped("x") == "rx"
    assert wrapped.__name__ == "look"


def test_a_token_of_another_context_changes_nothing() -> None:
    import contextvars

    token = contextvars.copy_context().run(obs.attach, ObsContext(request_id="a"))
    with obs.context(request_id="b"):
        obs.detach(token)
        assert obs.current().request_id == "b"


def test_each_with_gives_a_new_one() -> None:
    first = ObsContext(request_id="a", job_id="j", job_run_id="r", attempt=2, layer_name="l")
    assert first.with_request_id("b").correlation() == {**first.correlation(), "request_id": "b"}
    assert first.with_job("j") is first
    assert first.with_job("k").correlation() == {"request_id": "a", "job_id": "k"}
    run = first.with_job_run("r2", attempt=3)
    assert (run.job_run_id, run.attempt, run.layer_name) == ("r2", 3, None)
    assert first.with_layer("m").layer_name == "m"
    assert first.with_fields(x=1).with_fields(y=2).fields == {"x": 1, "y": 2}
    span = first.with_span("a" * 32, "b" * 16).with_span("a" * 32, "c" * 16)
    assert (span.span_id, span.parent_span_id) == ("c" * 16, "b" * 16)
    assert first.correlation()["request_id"] == "a"


def test_none_takes_an_id_away_and_other_names_are_fields() -> None:
    ctx = ObsContext.new(request_id="a", tenant="t").replace(request_id=None, tenant=None, other=1)
    assert ctx == ObsContext.new(other=1)


def test_ids_are_text() -> None:
    ctx = ObsContext(request_id=uuid.UUID(REQUEST), job_id=7)  # type: ignore[arg-type]
    assert ctx.correlation() == {"request_id": REQUEST, "job_id": "7"}


def test_it_does_not_change() -> None:
    ctx = ObsContext(request_id="a", fields={"x": 1})
    with pytest.raises(AttributeError, match=r"use \.replace\(request_id=…\)"):
        ctx.request_id = "b"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        del ctx._values
    with pytest.raises(TypeError):
        ctx.fields["x"] = 2  # type: ignore[index]


def test_it_is_a_value() -> None:
    ctx = ObsContext(**IDS, fields={"x": 1}, actor=obs.Actor("a", "1", "t"))
    assert ctx == ctx.replace() and hash(ctx) == hash(ctx.replace()) and ctx != EMPTY and ctx != 1
    assert copy.deepcopy(ctx) is ctx and copy.copy(ctx) is ctx
    assert pickle.loads(pickle.dumps(ctx)) == ctx
    assert (
        repr(ctx) == f"ObsContext(request_id='{REQUEST}', job_id='{JOB}', job_run_id='{RUN}', fields=['x'], actor='a')"
    )


def test_a_message_carries_it() -> None:
    ctx = ObsContext(
        **IDS, attempt=2, job_type="ingest", layer_name="a b", fields={"project": "p", "n": 1, "skip": [1]}
    )
    carrier = ctx.to_carrier()
    assert all(type(key) is str and type(value) is str for key, value in carrier.items())
    again = ObsContext.from_carrier({key.encode(): value.encode() for key, value in carrier.items()})
    assert again == ctx.with_fields(skip=None).replace(skip=None)
    assert ObsContext.from_carrier(carrier) == again


@pytest.mark.parametrize(
    "carrier",
    [
        {"request_id": "a\nb"},
        {"request_id": None},
        {"attempt": "-1"},
        {"attempt": "x"},
        {"attempt": "9" * 99},
        {"job_id": ["x"]},
        {None: "x"},
        {"field.x": "{"},
        {"other": "x"},
        {"job_id": "x" * 129},
        {b"\xff": b"\xff"},
    ],
)
def test_what_is_malformed_in_a_message_is_left_out(carrier: dict[Any, Any]) -> None:
    assert ObsContext.from_carrier(carrier) == EMPTY


def test_headers_carry_it() -> None:
    ctx = ObsContext(**IDS, correlation_id="c", trace_id="a" * 32, span_id="b" * 16)
    headers = ctx.to_headers()
    assert headers == {
        "X-Request-Id": REQUEST,
        "X-Correlation-Id": "c",
        "X-Job-Id": JOB,
        "X-Job-Run-Id": RUN,
        "traceparent": f"00-{'a' * 32}-{'b' * 16}-01",
    }
    again = ObsContext.from_headers({key.lower(): value for key, value in headers.items()})
    assert again == ctx.replace(span_id=None, parent_span_id="b" * 16)


def test_headers_hold_nothing_that_is_no_id() -> None:
    ctx = ObsContext(request_id="a\r\nSet-Cookie: x", job_id="é", trace_id="0" * 32, span_id="b" * 16)
    assert ctx.to_headers() == {}
    assert (
        ObsContext.from_headers({"X-Request-Id": "a\r\nb", "traceparent": "ff-" + "a" * 32 + "-" + "b" * 16 + "-01"})
        == EMPTY
    )


def test_every_id_has_a_reader() -> None:
    ctx = ObsContext.new(**{name: str(number) for number, name in enumerate(NAMES)})
    assert [getattr(ctx, name) for name in NAMES] == [str(number) for number in range(len(NAMES))]
    assert [getattr(EMPTY, name) for name in (*NAMES, "attempt", "job_type", "actor")] == [None] * (len(NAMES) + 3)
