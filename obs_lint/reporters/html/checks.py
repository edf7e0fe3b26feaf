"""What each check of a smoke run answers: one row a check, what needs attention first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from obs_lint.report import CheckAnswer, SmokeAnswers
from obs_lint.reporters.html.markup import prose, text
from obs_lint.reporters.smoke_summary import kinds
from obs_lint.reporters.text import plural

_ANSWERS: Mapping[str, tuple[str, str]] = {
    "fail": ("bad", "failed"),
    "inconclusive": ("warn", "inconclusive"),
    "pass": ("good", "passed"),
    "not applicable": ("", "not applicable"),
}
"""Answer → (how it is coloured, the word for it), in the order of the rows."""


def answers(smoke: SmokeAnswers) -> str:
    """Return the section's content."""
    tally = Counter(one.answer for one in smoke.checks.values())
    counts = ", ".join(f"{tally[answer]} {word}" for answer, (_, word) in _ANSWERS.items() if tally[answer])
    records = kinds(smoke.records)
    beside = f" ({records})" if records else ""
    lead = f"{counts}, of {plural(smoke.records.get('records', 0), 'record')}{beside}."
    out = [f"<p class=lead>{lead}</p>"]
    for window, number in smoke.forgotten.items():
        out.append(f"<p class='note warn'>{number} {text(window)} had to be forgotten before they were judged.</p>")
    rank = list(_ANSWERS)
    ordered = sorted(smoke.checks.items(), key=lambda item: (rank.index(item[1].answer), item[0]))
    rows = "".join(_row(code, one) for code, one in ordered)
    heads = "<th scope=col>check<th scope=col>answer<th scope=col class=num>looked at<th scope=col>because"
    out.append(f"<table class=checks><thead><tr>{heads}<tbody>{rows}</table>")
    return "".join(out)


def _row(code: str, one: CheckAnswer) -> str:
    kind, word = _ANSWERS[one.answer]
    looked = str(one.looked_at) if one.looked_at else ""
    shown = f"<span class='chip {kind}'>{word}</span>" if kind else word
    return f"<tr><th scope=row>{text(code)}<td>{shown}<td class=num>{looked}<td>{prose(one.reason)}"
