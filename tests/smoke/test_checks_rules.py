"""Every example of every smoke rule: exactly the codes that it names, and its rule can fail."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from obs_lint.smoke.findings import Answer
from obs_lint.smoke.ledger import CODES, Ledger
from tests.smoke.smoke_examples import Example, documents, examples_of, found, judged

DOCUMENTS = documents()
EXAMPLES = [example for document in DOCUMENTS for example in examples_of(document)]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.label)
def test_example(example: Example, tmp_path: Path) -> None:
    result = judged(example, tmp_path)
    assert found(result) == example.expected, "\n".join(str(each) for each in result.everything())
    answer = result.verdicts[example.code].answer
    if example.code in example.expected:
        assert answer in (Answer.FAIL, Answer.INCONCLUSIVE)
    else:
        assert answer == Answer.PASS
    for finding in result.everything():
        assert "{" not in finding.message and finding.message != finding.code
    for diagnostic in result.diagnostics():
        assert diagnostic.help.endswith(".") and diagnostic.fingerprint and diagnostic.path


@pytest.mark.parametrize("example", [one for one in EXAMPLES if one.expected], ids=lambda example: example.label)
def test_a_disabled_check_fails_its_examples(example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = Ledger.report

    def without(ledger: Ledger, code: str, *arguments: Any, **fields: Any) -> None:
        if code != example.code:
            report(ledger, code, *arguments, **fields)

    monkeypatch.setattr(Ledger, "report", without)
    assert example.code not in found(judged(example, tmp_path))


def test_each_code_has_a_rule() -> None:
    assert sorted(document["code"] for document in DOCUMENTS) == list(CODES)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document["code"])
def test_each_rule_shows_what_it_finds_and_what_it_leaves(document: Mapping[str, Any]) -> None:
    bad = [document["code"] in example.expected for example in examples_of(document)]
    assert any(bad) and not all(bad)
