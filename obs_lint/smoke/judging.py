"""What a scenario adds to the answers of the checks: processes that died, expectations that did not come true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from obs_lint.smoke.checker import Result
from obs_lint.smoke.findings import Answer, Finding, Seen, Verdict
from obs_lint.smoke.processes import ProcessEnd
from obs_lint.smoke.scenario import Scenario

if TYPE_CHECKING:
    from obs_lint.smoke.outcome import StepOutcome, Unmet

STEP = "OBS807"
"""A step of the scenario did not lead to what it expects."""
_ABSENT = frozenset({"OBS804", "OBS806"})
"""Codes that tell of something that was not seen."""
LINES_SHOWN = 5
"""Last lines of a process that a finding shows."""


def judged(
    result: Result,
    scenario: Scenario,
    outcomes: Sequence[StepOutcome],
    *,
    not_ready: Mapping[str, str],
    died: Sequence[ProcessEnd],
    lines: Mapping[str, Sequence[str]],
    headers: Mapping[str, str],
) -> Result:
    """Return the result with what the scenario knows: `headers` are those that carry correlation fields."""
    ignored = frozenset(scenario.checks.ignore)
    findings = list(result.findings)
    verdicts = dict(result.verdicts)
    for end in died:
        if end.name not in not_ready:
            findings = _with_end(findings, end, verdicts)
    steps = _of_steps(outcomes, scenario, headers, findings) if STEP not in ignored else []
    for finding, seeds in steps:
        findings = _hung(findings, finding, seeds)
    verdicts[STEP] = _verdict(outcomes, [finding for finding, _ in steps], ignored=STEP in ignored)
    if not_ready:
        first = _not_ready(not_ready, lines)
        # That nothing came of what was never asked needs no saying; what failed all the same does.
        failed = [
            finding
            for finding in findings
            if finding.code not in _ABSENT and any(not one.inconclusive for one in _all(finding))
        ]
        for code in _ABSENT & verdicts.keys():
            if verdicts[code].answer is Answer.FAIL:
                verdicts[code] = Verdict(code, Answer.INCONCLUSIVE, "nothing was asked of the system")
        findings = [replace(first, consequences=(*first.consequences, *failed))]
        verdicts["OBS801"] = Verdict("OBS801", Answer.INCONCLUSIVE, first.message, 0)
    return replace(result, findings=tuple(findings), verdicts=dict(sorted(verdicts.items())))


def _verdict(outcomes: Sequence[StepOutcome], findings: Sequence[Finding], *, ignored: bool) -> Verdict:
    done = [outcome for outcome in outcomes if not outcome.skipped]
    if ignored:
        return Verdict(STEP, Answer.NOT_APPLICABLE, "ignored by the scenario")
    if not outcomes:
        return Verdict(STEP, Answer.NOT_APPLICABLE, "there are no steps")
    if any(not finding.inconclusive for finding in findings):
        return Verdict(STEP, Answer.FAIL, "", len(done))
    if findings:
        return Verdict(STEP, Answer.INCONCLUSIVE, "what steps wait for may have been lost", len(done))
    if len(done) < len(outcomes):
        return Verdict(STEP, Answer.INCONCLUSIVE, outcomes[-1].skipped, len(done))
    return Verdict(STEP, Answer.PASS, "", len(done))


def _not_ready(not_ready: Mapping[str, str], lines: Mapping[str, Sequence[str]]) -> Finding:
    """One finding for all processes that could not be used: those that only waited for another go below it."""
    made = [
        Finding(
            "OBS801",
            f"process `{name}` {why}; nothing was asked of the system",
            field="ready",
            producer=name,
            source=f"stdout:{name}",
            inconclusive=True,
            trail=_trail(name, lines.get(name, ())),
        )
        for name, why in sorted(not_ready.items(), key=lambda item: ("it waits for" in item[1], item[0]))
    ]
    return replace(made[0], consequences=tuple(made[1:]))


def _with_end(findings: list[Finding], end: ProcessEnd, verdicts: dict[str, Verdict]) -> list[Finding]:
    """Say of a missing sentinel that its process died; add a finding where nothing misses one."""
    source = f"stdout:{end.name}"
    said = f"process `{end.name}` {end.how}" + ("" if end.asked else ", though nobody had asked it to")
    if end.forced:
        said = f"process `{end.name}` did not stop when it was told to, and was killed"
    trail = _trail(end.name, end.last_lines)
    for number, finding in enumerate(findings):
        if finding.code == "OBS802" and (
            source in finding.message or finding.source == source or finding.producer == end.name
        ):
            del findings[number]
            told = replace(finding, message=f"{finding.message}: {said}", trail=(*finding.trail, *trail))
            return _above(told, findings, end.name)
    verdicts["OBS802"] = Verdict("OBS802", Answer.INCONCLUSIVE, said, 0)
    own = Finding(
        "OBS802", said, field="exit", producer=end.name, source=source, inconclusive=True, trail=trail, time=end.time
    )
    return _above(own, findings, end.name)


def _above(finding: Finding, findings: Sequence[Finding], name: str) -> list[Finding]:
    """Put the end of a process above what it left behind, and that before all else."""
    its = (name, f"stdout:{name}", f"stderr:{name}")
    below = tuple(one for one in findings if one.producer in its or one.source in its)
    kept = [one for one in findings if one not in below]
    return [replace(finding, consequences=(*below, *finding.consequences)), *kept]


def _trail(name: str, lines: Sequence[str]) -> tuple[Seen, ...]:
    told = [line for line in lines if line.strip(" ^~")]
    return tuple(Seen(f"process:{name}", 0, line[:400]) for line in told[-LINES_SHOWN:])


def _of_steps(
    outcomes: Sequence[StepOutcome], scenario: Scenario, headers: Mapping[str, str], findings: Sequence[Finding]
) -> list[tuple[Finding, frozenset[str]]]:
    """(finding, ids of the step's flows) of each expectation that did not come true and that no check speaks of."""
    everything = [finding for root in findings for finding in _all(root)]
    codes = {finding.code for finding in everything}
    lossy = any(finding.code in ("OBS801", "OBS802", "OBS803") for finding in everything)
    known_headers = {header.lower() for header in headers.values()}
    made = []
    for outcome in outcomes:
        seen: dict[tuple[str, str, str], int] = {}
        kept: dict[tuple[str, str, str], Unmet] = {}
        for unmet in outcome.unmet:
            if (
                unmet.kind == "header"
                and unmet.header.lower() in known_headers
                and codes & {"OBS821", "OBS822", "OBS823"}
            ):
                continue
            if (unmet.kind == "flow" and "OBS833" in codes) or (unmet.kind == "lifecycle" and "OBS851" in codes):
                continue
            key = (unmet.kind, unmet.event, unmet.header)
            seen[key] = seen.get(key, 0) + 1
            kept.setdefault(key, unmet)
        seeds = frozenset(value for pairs in outcome.seeds for _, value in pairs)
        for key, unmet in kept.items():
            finding = Finding(
                STEP,
                f"step `{outcome.step.name}`: {unmet.message}",
                event=unmet.event,
                field=" ".join(part for part in (outcome.step.name, unmet.kind, unmet.header) if part),
                source=scenario.shown,
                line=outcome.step.place.line,
                count=seen[key],
                # What was not seen may have been lost; what a response was not, it was not.
                inconclusive=lossy and unmet.kind in ("event", "flow", "lifecycle"),
                ids=dict(outcome.seeds[0]) if outcome.seeds else {},
            )
            made.append((finding, seeds))
    return made


def _hung(findings: list[Finding], finding: Finding, seeds: frozenset[str]) -> list[Finding]:
    """Hang a step's finding below the first one of its flow, or below what ended a process, else put it at the end."""
    for number, root in enumerate(findings):
        about = {value for one in _all(root) for value in one.ids.values()}
        if root.code != STEP and ((about & seeds) or (root.code == "OBS802" and "process `" in root.message)):
            findings[number] = replace(root, consequences=(*root.consequences, finding))
            return findings
    return [*findings, finding]


def _all(finding: Finding) -> list[Finding]:
    found = [finding]
    for one in finding.consequences:
        found += _all(one)
    return found
