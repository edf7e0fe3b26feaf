"""What is remembered is bounded, what is forgotten is counted, and neither changes an answer without saying so."""

from __future__ import annotations

from typing import Any

import pytest

from obs_lint.smoke.checker import Checker, Result
from obs_lint.smoke.options import Ended, Options
from obs_lint.smoke.plan import Plan, duration, is_decision, service_names
from obs_lint.smoke.records import Record
from obs_lint.smoke.validators import Validator
from obs_lint.smoke.windows import Traces, Window
from tests.smoke.flow import narralytica, plan_of, records_of

SMALL = {"always": False, "window": 400, "grace": 200, "in_flight": 400}


def judged(records: list[Record], ended: Ended | None = None, **options: Any) -> tuple[Checker, Result]:
    checker = Checker(plan_of(narralytica()), Options(**(SMALL | options)))
    checker.take_many(records)
    return checker, checker.finish(ended)


def flow(number: int, second: float = 0.0) -> list[str]:
    return [
        f"{second} api job.created r={number} j={number}",
        f"{second} worker job_run.started j={number} run={number}",
        f"{second} worker layer.started j={number} run={number}",
        f"{second} worker layer.completed j={number} run={number}",
        f"{second} worker job_run.completed j={number} run={number}",
    ]


def test_many_flows_are_forgotten_and_pass() -> None:
    records = records_of(line for number in range(800) for line in flow(number, number / 100))
    checker, result = judged(records, Ended(complete=True))
    assert not result.findings
    assert result.verdicts["OBS851"].answer == result.verdicts["OBS833"].answer == "pass"
    assert result.verdicts["OBS832"].answer == "pass"
    assert len(checker._lifecycle.instances) < 800
    assert result.evictions["links of the chain"] > 600


def test_a_job_of_long_ago_is_still_known() -> None:
    lines = [line for number in range(600) for line in flow(number)]
    lines.append("1 worker job_run.started j=1 run=9001")
    lines.append("2 worker job_run.completed j=1 run=9001")
    _, result = judged(records_of(lines))
    assert "OBS833" not in {finding.code for finding in result.everything()}
    _, other = judged(records_of([*lines, "3 api job.created r=7000 j=3"]))
    [found] = [finding for finding in other.everything() if finding.field == "request_id → job_id"]
    # Its first parent was forgotten: all that is left of it may be mistaken.
    assert found.code == "OBS832" and found.inconclusive


def test_too_many_in_flight_are_counted_and_inconclusive() -> None:
    records = records_of(
        line
        for n in range(1200)
        for line in (f"0 api job.created r={n} j={n}", f"0 worker job_run.started j={n} run={n}")
    )
    _, result = judged(records, Ended(complete=True))
    assert result.evictions["unfinished lifecycles"] > 0
    assert any("unfinished lifecycles" in note for note in result.notes)
    # Those that were kept did not end.
    assert result.verdicts["OBS851"].answer == "fail"


def test_a_second_terminal_after_the_flow_was_forgotten() -> None:
    lines = [line for number in range(300) for line in flow(number)]
    _, result = judged(records_of([*lines, "9 worker job_run.failed j=1 run=1"]))
    assert [finding.code for finding in result.everything()] == ["OBS853"]


def test_spans_beyond_what_is_kept() -> None:
    records = records_of(f"{n / 100} api span trace={n + 1} span={n + 1}" for n in range(1_500))
    _, result = judged(records, Ended(complete=True))
    assert not result.findings


def test_window() -> None:
    left: list[int] = []
    window: Window[int, str] = Window(10, left.extend)
    for number in range(100):
        window[number] = "x"
        assert window.get(3) == ("x" if number >= 3 else None)
        assert len(window) <= 10
    assert 3 in window and 99 in window and 50 not in window
    assert window.evicted == len(left) and 3 not in left
    assert window.pop(3) == "x" and 3 not in window


def test_traces_of_what_was_forgotten() -> None:
    traces = Traces(20)
    for number in range(10_000):
        traces.add(("a", number))
    assert all(("a", number) in traces for number in range(10_000))
    assert sum(("b", number) in traces for number in range(10_000)) < 100


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT15M", 900),
        ("PT0.5S", 0.5),
        ("P1DT2H", 93_600),
        ("P2W", 1_209_600),
        ("P1M", 2_592_000),
        ("15m", 0),
        ("", 0),
        ("P", 0),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == int(seconds * 1_000_000_000)


@pytest.mark.parametrize("name", ["ai:decision", "shop.ai.decision_made", "AiDecision", "agent.decision"])
def test_names_of_decisions(name: str) -> None:
    assert is_decision(name)
    assert not is_decision(name.replace("ecision", "evice"))


SCHEMA = {
    "type": "object",
    "required": ["a", "b"],
    "additionalProperties": False,
    "patternProperties": {"^x-": {}},
    "properties": {
        "a": {"type": "integer", "minimum": 3},
        "b": {},
        "c": {"enum": [1, 2]},
        "p": {"pattern": "^x"},
        "o": {"oneOf": [{"type": "string"}, {"type": "null"}]},
        "d": {"dependentRequired": {"x": ["y"]}},
        "u": {"const": 3},
        "m": {"maxLength": 2},
        "l": {"items": {"type": "string"}},
    },
}


def test_both_validators_say_the_same() -> None:
    pytest.importorskip("jsonschema_rs")
    value = {
        "a": "secret", "c": 4, "zz": 1, "x-y": 2, "p": "q", "o": 3, "d": {"x": 1}, "u": 4, "m": "abc", "l": ["s", 1],
        "s/l~": 1,
    }  # fmt: skip
    fast, plain = (Validator(SCHEMA, use).problems(value) for use in ("jsonschema-rs", "jsonschema"))
    assert [problem[:2] for problem in fast] == [problem[:2] for problem in plain]
    assert fast == plain
    assert ("/b", "required", "is missing") in fast and ("/s~1l~0", "additionalProperties", "is not declared") in fast
    assert not any("secret" in problem.said for problem in fast)
    for use in ("jsonschema-rs", "jsonschema"):
        assert Validator(SCHEMA, use).fits({"a": 3, "b": 1}) and not Validator(SCHEMA, use).fits({"a": 3})


def test_services_of_the_configuration(tmp_path: Any) -> None:
    for name in ("ingest", "enrich", "tests", ".git"):
        (tmp_path / "services" / "workers" / name).mkdir(parents=True)
    (tmp_path / "services" / "api").mkdir()
    found = service_names({"worker": ["services/workers/**"], "api": ["services/api/**"]}, str(tmp_path))
    assert found["worker"] == ("enrich", "ingest", "worker", "workers")
    assert found["api"] == ("api",)


def test_without_a_registry() -> None:
    checker = Checker(Plan())
    checker.take_many(records_of(["0 api search.executed r=1", "1 api log r=1", "2 api text"]))
    result = checker.finish()
    assert not result.findings
    assert result.verdicts["OBS805"].answer == "not applicable"


def retried(number: int, *, second: int = 2) -> list[str]:
    return [
        f"0 api job.created r={number} j={number}",
        f"1 worker job_run.started j={number} run={number}1",
        f"2 worker job_run.failed j={number} run={number}1",
        f"3 worker job_run.started j={number} run={number}2 attempt={second}",
        f"4 worker job_run.completed j={number} run={number}2 attempt={second}",
    ]


def test_retries_are_judged_and_forgotten() -> None:
    lines = [line for number in range(1, 900) for line in retried(number, second=3 if number == 5 else 2)]
    # Long after its line was judged, a job is tried once more: it goes on from the last attempt.
    checker, result = judged(records_of([*lines, "9 worker job_run.started j=800 run=1 attempt=3"]))
    assert [
        (one.code, one.count, one.ids["job_id"][-3:]) for one in result.everything() if one.code[:5] == "OBS84"
    ] == [
        ("OBS842", 1, "005"),
        ("OBS843", 1, "800"),
    ]
    assert len(checker._retry._several) < 600 and len(checker._retry._runs) < 1300
