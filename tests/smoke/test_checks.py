"""Flows and what the checks say of them: tests/smoke/check_cases.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from obs_lint.diagnostic import Severity
from obs_lint.smoke.checker import Checker, Result
from obs_lint.smoke.fields import Fields
from obs_lint.smoke.findings import Finding
from obs_lint.smoke.options import Ended, Expectation, Options
from obs_lint.smoke.reading import read_lines
from obs_lint.smoke.records import Record
from tests.smoke.flow import BEGUN, SECOND, fields_of, narralytica, plan_of, records_of, registry_of, uuid

CASES = yaml.safe_load((Path(__file__).parent / "check_cases.yaml").read_text("utf-8"))


def at(second: float) -> int:
    return int((BEGUN + second) * SECOND)


def options_of(case: Mapping[str, Any]) -> Options:
    given: dict[str, Any] = dict(case.get("options", {}))
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
    if "started" in given:
        given["started"] = at(given["started"])
    if "trace_roots" in given:
        given["trace_roots"] = frozenset(given["trace_roots"])
    return Options(**({"always": False} | given))


def ended_of(case: Mapping[str, Any]) -> Ended:
    given = dict(case.get("ended", {}))
    if "at" in given:
        given["at"] = at(given["at"])
    return Ended(**given)


def judged(case: Mapping[str, Any], folder: Path) -> Result:
    registry = registry_of(case["registry"], folder) if "registry" in case else narralytica()
    checker = Checker(plan_of(registry), options_of(case))
    for test, ids in case.get("declare", {}).items():
        checker.declare(test, [uuid(str(one)) for one in ids])
    if "expect" in case:
        wanted = case["expect"]
        ids = {name: uuid(str(value)) for name, value in wanted["ids"].items()}
        by = at(wanted["by"]) if "by" in wanted else 0
        checker.expect(Expectation("step", ids, tuple(wanted.get("flow", ())), tuple(wanted.get("lifecycles", ())), by))
    records: list[Record] = records_of(case.get("lines", ()), registry)
    for number, line in enumerate(case.get("raw", ()), 1):
        fields = fields_of(registry, Fields.parse(case.get("fields")))
        records += [one._replace(line=number) for one in read_lines([line.encode()], "capture", fields)]
    checker.take_many(records)
    return checker.finish(ended_of(case))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"].replace(" ", "-"))
def test_case(case: Mapping[str, Any], tmp_path: Path) -> None:
    result = judged(case, tmp_path)
    every = result.everything()
    said = "\n".join(f"{one.code} {one.message} {one.inconclusive}" for one in every)
    assert sorted(one.code for one in every if not one.inconclusive) == sorted(case.get("fail", ())), said
    assert sorted({one.code for one in every if one.inconclusive}) == sorted(case.get("inconclusive", ())), said
    for code in case.get("passed", ()):
        if code not in case.get("verdicts", {}):
            assert result.verdicts[code].answer == "pass", (code, result.verdicts[code])
    for code, answer in case.get("verdicts", {}).items():
        assert result.verdicts[code].answer == answer, (code, result.verdicts[code])
    if "first" in case:
        assert every[0].code == case["first"], said
    if "hop" in case:
        assert [one.field for one in every if one.code == "OBS833"] == [case["hop"]], said
    for consequence, cause in case.get("below", {}).items():
        assert all(above == cause for above in _above(result.findings, consequence)), said
        assert _above(result.findings, consequence), said
    if "exit" in case:
        assert result.exit_code() == case["exit"]
    failed = any(not one.inconclusive for one in every)
    assert (result.exit_code() == 1) is failed
    assert (result.answer == "fail") is failed


def _above(findings: tuple[Finding, ...], code: str, above: str = "") -> list[str]:
    found = []
    for one in findings:
        if one.code == code:
            found.append(above)
        found += _above(one.consequences, code, one.code)
    return found


def test_the_order_of_records_makes_no_other_tree(tmp_path: Path) -> None:
    case = next(one for one in CASES if one["name"].startswith("a misspelled terminal"))
    first, second = judged(case, tmp_path), judged(case, tmp_path)
    assert first.findings == second.findings
    assert [one.fingerprint for one in first.diagnostics()] == [one.fingerprint for one in second.diagnostics()]


def test_one_fault_that_occurs_often_is_one_finding() -> None:
    checker = Checker(plan_of(narralytica()), Options(always=False))
    checker.take_many(records_of(f"{n} api search.executed r={n} results_count=-1" for n in range(50)))
    result = checker.finish()
    [finding] = result.everything()
    assert (finding.code, finding.field, finding.count) == ("OBS812", "/results_count", 50)
    assert finding.trail and finding.line == 1
    [diagnostic] = result.diagnostics({"OBS812": Severity.INFO})
    assert diagnostic.severity == Severity.INFO and diagnostic.message.endswith("(50 times)")
    assert result.exit_code() == 1
    assert result.exit_code(severities={"OBS812": Severity.INFO}) == 0


def test_what_is_ignored_is_not_applicable() -> None:
    checker = Checker(plan_of(narralytica()), Options(always=False, ignore=("OBS812",)))
    checker.take_many(records_of(["1 api search.executed r=1 results_count=-1"]))
    result = checker.finish()
    assert not result.findings and result.verdicts["OBS812"].answer == "not applicable"


def test_a_checker_answers_once() -> None:
    checker = Checker(plan_of(narralytica()))
    checker.finish()
    with pytest.raises(RuntimeError, match="finished"):
        checker.finish()


def test_what_a_system_wrote_does_not_write_on_a_terminal() -> None:
    checker = Checker(plan_of(narralytica()), Options(always=False))
    name = "narralytica.\x1b[31mred\r\n" + "x" * 1000
    checker.take(Record("event", name, at(1), {"request_id": "a\nb"}, source="s", line=1, time_text="2025-11-20\n"))
    result = checker.finish()
    codes = {finding.code for finding in result.everything()}
    assert {"OBS805", "OBS814"} <= codes
    for finding in result.everything():
        assert finding.message.isprintable() and finding.target.isprintable() and len(finding.message) < 500
