"""Flows: which records belong together, where the chain breaks, the tree with its waterfall, and 002's questions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest

from obs_lint.registry.model import ChainLink, CorrelationField, Lifecycle, Registry
from obs_lint.registry.model import Place as RegistryPlace
from obs_lint.reporters.context import Context
from obs_lint.reporters.flow_tree import duration, explained, tree
from obs_lint.smoke.flows import Flow, Index, OpenInstances, Shape
from obs_lint.smoke.records import EVENT, RESPONSE, SPAN, Record
from obs_lint.smoke.why import answers

T0 = 1_763_630_073_000_000_000
CHAIN = ("request_id", "job_id", "job_run_id", "layer_name")
REGISTRY = Registry(
    "contracts/obs-registry.yaml",
    RegistryPlace("contracts/obs-registry.yaml"),
    correlation=(
        CorrelationField("request_id", "uuid", "X-Request-Id"),
        CorrelationField("job_id", "uuid"),
        CorrelationField("job_run_id", "uuid"),
        CorrelationField("layer_name", "string", at="payload.layer_name"),
        CorrelationField("trace_id", "otel-trace-id"),
    ),
    chain=(
        ChainLink("request_id", root=True),
        ChainLink("job_id", "request_id"),
        ChainLink("job_run_id", "job_id", new_per="attempt"),
        ChainLink("layer_name", "job_run_id", many=True),
    ),
    lifecycles=(
        Lifecycle("job_run", "job_run_id", "n.job_run.started", ("n.job_run.completed", "n.job_run.failed")),
        Lifecycle("layer", "layer_name", "n.layer.started", ("n.layer.completed", "n.layer.failed")),
    ),
)
SHAPE = Shape.of([REGISTRY])


def event(name: str, ms: float, service: str = "", payload: dict[str, Any] | None = None, **ids: str) -> Record:
    severity = "error" if name.endswith("failed") else "info"
    return Record(
        EVENT, name, T0 + int(ms * 1e6), ids, payload or {}, {}, f"stdout:{service}", int(ms), service, severity
    )


def span(name: str, start: float, end: float, status: str = "ok", **ids: str) -> Record:
    return Record(SPAN, name, T0 + int(start * 1e6), ids, {}, {}, "otlp", status=status, end=T0 + int(end * 1e6))


R, J, A, B = "018f-request-000001", "018f-job-00000000001", "018f-run-0000000000a", "018f-run-0000000000b"
OTHER = "018f-request-000002"


def job() -> list[Record]:
    """A request whose job fails once in a layer, and is done at the second attempt."""
    response = Record(
        RESPONSE, "POST http://h/jobs", T0, {"request_id": R},
        {"method": "POST", "url": "http://h/jobs", "status": 202},
        None, "driver", 1, end=T0 + 12_000_000,
    )  # fmt: skip
    error = {"error_type": "TimeoutError", "error_message": "no model answered"}
    return [
        response,
        event("n.job.created", 5, "api", {"job_type": "enrich"}, request_id=R, job_id=J),
        event("n.search.executed", 6, "api", request_id=OTHER),
        event("n.job_run.started", 20, "enrich", {"job_type": "enrich", "attempt": 1}, job_id=J, job_run_id=A),
        event("n.layer.started", 22, "enrich", {"layer_name": "sentiment"}, job_run_id=A, layer_name="sentiment"),
        event(
            "n.layer.failed",
            60,
            "enrich",
            {"layer_name": "sentiment"} | error,
            job_run_id=A,
            layer_name="sentiment",
        ),
        event("n.job_run.failed", 61, "enrich", {"attempt": 1} | error, job_id=J, job_run_id=A),
        event("n.job_run.started", 80, "enrich", {"job_type": "enrich", "attempt": 2}, job_id=J, job_run_id=B),
        event("n.layer.started", 81, "enrich", {"layer_name": "sentiment"}, job_run_id=B, layer_name="sentiment"),
        event("n.layer.completed", 120, "enrich", {"layer_name": "sentiment"}, job_run_id=B, layer_name="sentiment"),
        event("n.job_run.completed", 121, "enrich", {"attempt": 2}, job_id=J, job_run_id=B),
    ]


def index(records: Sequence[Record], shape: Shape = SHAPE) -> Index:
    made = Index(shape)
    for record in records:
        made.add(record)
    return made


def flow(records: Sequence[Record], name: str = "request_id", value: str = R, shape: Shape = SHAPE) -> Flow:
    return index(records, shape).flow([(name, value)])


def test_the_shape_of_a_registry_and_without_one() -> None:
    assert SHAPE.chain == CHAIN and SHAPE.many == {"layer_name"}
    assert SHAPE.joining == {"request_id", "job_id", "job_run_id", "trace_id"}
    assert SHAPE.headers == (("request_id", "X-Request-Id"),)
    assert Shape.of([]).chain == CHAIN and "layer_name" not in Shape.of([]).joining


def test_a_flow_is_what_ids_join() -> None:
    found = flow(job())
    assert len(found.records) == len(job()) - 1
    assert found.ids["job_run_id"] == (A, B) and OTHER not in found.ids["request_id"]
    assert found.records == flow(job(), "job_run_id", B).records
    assert flow(job(), "request_id", "unknown").records == ()


def test_the_chain_holds_over_records_that_carry_two_ids_each() -> None:
    assert flow(job()).broken_hop(CHAIN) is None


@pytest.mark.parametrize(
    ("without", "name", "said"),
    [
        ("job_id", "n.job.created", "request_id → job_id `n.job_run.started`:20 job_id without request_id"),
        ("job_id", "n.job_run.*", "job_id → job_run_id `n.job_run.started`:20 job_run_id without job_id"),
        ("job_run_id", "n.layer.*", "job_run_id → layer_name `n.layer.started`:22 layer_name without job_run_id"),
        ("request_id", "*", "no record carries request_id"),
    ],
)
def test_the_first_broken_hop(without: str, name: str, said: str) -> None:
    def cut(record: Record) -> Record:
        fits = name == "*" or record.name == name or (name.endswith("*") and record.name.startswith(name[:-1]))
        return record._replace(ids={k: v for k, v in record.ids.items() if k != without}) if fits else record

    found = index([cut(record) for record in job()])
    chain = found.flow([("request_id", R)] if without != "request_id" else [("job_id", J)])
    broken = chain.broken_hop(CHAIN)
    assert broken is not None
    short = re.sub(
        r": no record of the flow carries both; (`.*?`) from stdout:enrich(:\d+) carries", r" \1\2", broken.message
    )
    assert short.removesuffix(" (outside the flow)") == said


def test_instances_of_lifecycles_are_told_apart_by_their_run() -> None:
    found = flow(job()[:-1])
    runs = found.instances(SHAPE.lifecycles[0])
    assert [(one.value, one.open, len(one.terminals)) for one in runs] == [(A, False, 1), (B, True, 0)]
    layers = found.instances(SHAPE.lifecycles[1])
    assert [(one.value, one.open) for one in layers] == [("sentiment", False), ("sentiment", False)]
    still = OpenInstances(SHAPE)
    for record in job()[:-2]:
        still.take(record)
    assert still.open == {("job_run", "", B), ("layer", B, "sentiment")}


TREE = """\
request …t-000001 POST /jobs                         121 ms ok          █████████████████████████
└─ job …00000001 enrich (api)                        116 ms              ████████████████████████
   ├─ job_run …0000000a enrich attempt 1 (enrich)     41 ms failed          ████████
   │  ✗ TimeoutError: no model answered
   │  └─ layer sentiment                              38 ms failed          ████████
   │     ✗ TimeoutError: no model answered
   └─ job_run …0000000b enrich attempt 2 (enrich)     41 ms ok                          ████████
      └─ layer sentiment                              39 ms ok                          ████████
"""


def test_the_tree_with_its_waterfall() -> None:
    assert "\n".join(tree(flow(job()), Context(width=100))) + "\n" == TREE


@pytest.mark.parametrize("width", [40, 60, 71, 72, 200])
@pytest.mark.parametrize("unicode", [True, False])
def test_it_fits_into_any_terminal(width: int, unicode: bool) -> None:
    lines = tree(flow(job()), Context(width=width, unicode=unicode))
    assert max(map(len, lines)) <= width
    assert any("█" in line or "#" in line for line in lines) == (width >= 72)
    assert unicode or "".join(lines).isascii()
    assert "\x1b" not in "".join(lines)
    assert "\x1b[1;31m" in "".join(tree(flow(job()), Context(width=width, color=True)))


def test_what_lost_its_parent_hangs_at_the_root_and_says_so() -> None:
    records = [
        record._replace(ids={"job_run_id": A}) if record.ids.get("job_run_id") == A else record for record in job()
    ]
    lines = tree(index(records).flow([("request_id", R), ("job_run_id", A)]), Context(width=100))
    at = next(number for number, line in enumerate(lines) if line.startswith("job_run"))
    assert "the chain is broken here: job_id → job_run_id" in lines[at + 1]


def test_spans_that_point_at_each_other_end() -> None:
    records = [
        span("a", 0, 5, trace_id="t1", span_id="s1", parent_span_id="s2"),
        span("b", 1, 4, trace_id="t1", span_id="s2", parent_span_id="s1"),
        span("c", 2, 3, "error", trace_id="t1", span_id="s3", parent_span_id="gone"),
        event("prose", 3, trace_id="t1"),
    ]
    found = flow(records, "trace_id", "t1")
    assert len({id(node) for root in found.tree() for node in root.walk()}) == 4
    assert any("parent span gone" in line for line in tree(found, Context()))


SAGA = [
    event("workflow:started", 0, "loans", {"workflow_id": "loan-approval", "input": {"loan_id": "7731"}}, span_id="w"),
    event(
        "stage:started", 1, "loans", {"stage": "reserve_funds", "input": {"amount": 5}}, span_id="1", parent_span_id="w"
    ),
    event("stage:completed", 40, "loans", {"stage": "reserve_funds"}, span_id="1", parent_span_id="w"),
    event("stage:started", 41, "loans", {"stage": "open_account"}, span_id="2", parent_span_id="w"),
    event("stage:completed", 60, "loans", {"stage": "open_account"}, span_id="2", parent_span_id="w"),
    event(
        "ai:decision",
        61,
        "loans",
        {
            "decision": "disburse",
            "alternatives": ["disburse", "review"],
            "reasoning": "score is 0.9",
            "confidence": 0.8,
        },
        span_id="d",
        parent_span_id="w",
    ),
    event(
        "stage:started", 62, "loans", {"stage": "disburse", "input": {"account": "4"}}, span_id="3", parent_span_id="w"
    ),
    event(
        "stage:failed",
        90,
        "loans",
        {"stage": "disburse", "error.type": "AccountClosed", "exception.message": "account 4 is closed"},
        span_id="3",
        parent_span_id="w",
    ),
    event("saga:compensating", 91, "loans", {"original_span_id": "1"}, span_id="c", parent_span_id="w"),
    event(
        "saga:compensation_failed",
        99,
        "loans",
        {"original_span_id": "1", "error.type": "LedgerLocked"},
        span_id="c",
        parent_span_id="w",
    ),
    event("notify:started", 100, "loans", {"stage": "notify"}, span_id="n", parent_span_id="w"),
    event("workflow:failed", 110, "loans", {"error.type": "AccountClosed"}, span_id="w"),
]


def saga() -> Flow:
    records = [record._replace(ids={"trace_id": "7731", **record.ids}) for record in SAGA]
    return flow(records, "trace_id", "7731", Shape())


def test_the_answers_to_the_questions_of_002() -> None:
    found = answers(saga())
    assert (found.status, found.duration) == ("failed", 110_000_000)
    assert found.failure is not None and found.failure.name == "stage:failed"
    assert found.failed_step is not None and found.failed_step.name == "disburse"
    assert found.inputs == {"account": "4"}
    assert [(step.name, step.status) for step in found.path] == [
        ("reserve_funds", "ok"),
        ("open_account", "ok"),
        ("disburse", "failed"),
        ("notify", "running"),
    ]
    assert [(one.of, one.status, one.error) for one in found.compensations] == [
        ("reserve_funds", "failed", "LedgerLocked"),
        ("open_account", "missing", ""),
    ]
    (choice,) = found.decisions
    assert (choice.chosen, choice.alternatives, choice.reason) == ("disburse", ("disburse", "review"), "score is 0.9")
    assert choice.confidence == 0.8 and choice.failures_after == 3
    assert [step.name for step in found.running] == ["notify"]


def test_a_failure_that_a_later_attempt_cured_is_told_as_such() -> None:
    found = answers(flow(job()))
    assert found.status == "ok" and found.failure is not None and found.failure.name == "n.layer.failed"
    assert [(step.name, step.attempt, step.status) for step in found.path] == [
        ("enrich", 1, "failed"),
        ("enrich", 2, "ok"),
    ]
    lines = explained(found, Context(width=100))
    assert "  a later attempt was better: the flow ended well" in lines
    assert "  enrich ✗ → enrich (2) ✓" in lines


@pytest.mark.parametrize("width", [40, 100])
@pytest.mark.parametrize("unicode", [True, False])
def test_the_answers_in_a_terminal(width: int, unicode: bool) -> None:
    lines = explained(answers(saga()), Context(width=width, unicode=unicode))
    text = "\n".join(lines)
    for said in (
        "AccountClosed",
        "reserve_funds",
        "could not be undone",
        "not undone",
        "because score",
        "notify",
        "Timeline",
    ):
        assert said in text
    assert "\x1b" not in text


def test_hostile_text_is_shown_and_moves_no_cursor() -> None:
    record = event("n.a\x1b[2Jb.failed", 1, "s\r", {"error_type": "X\x1b]0;t\x07", "attempt": True}, request_id=R)
    lines = [*tree(flow([record]), Context()), *explained(answers(flow([record])), Context())]
    assert not any("\x1b" in line or "\r" in line or "\x07" in line for line in lines)


def test_ids_are_found_by_their_beginning() -> None:
    made = index(job())
    assert made.seeds_of(J) == [("job_id", J)]
    assert made.seeds_of("018f-job") == [("job_id", J)]
    assert made.seeds_of("018f") == [] and made.seeds_of("no") == []
    assert J in made.similar_to("018f-job-00000000002")


@pytest.mark.parametrize(
    ("nanoseconds", "said"),
    [(812_000, "0.8 ms"), (41_000_000, "41 ms"), (1_240_000_000, "1.24 s"), (200_000_000_000, "3 min 20 s"),
     (40_000_000_000_000, "11 h 6 min")],
)  # fmt: skip
def test_durations(nanoseconds: int, said: str) -> None:
    assert duration(nanoseconds) == said
