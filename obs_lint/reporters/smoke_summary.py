"""A smoke run in a terminal: steps, root causes with what follows from them, the verdicts by family."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from obs_lint.reporters.flow_tree import duration, tree
from obs_lint.reporters.text import code_ranges, one_line, plural, shorten, visible, wrap

if TYPE_CHECKING:
    from obs_lint.reporters.context import Context
    from obs_lint.smoke.coverage import Table
    from obs_lint.smoke.findings import Answer, Finding, Verdict
    from obs_lint.smoke.flows import Index
    from obs_lint.smoke.outcome import Outcome, StepOutcome

FAMILIES: tuple[tuple[str, str, str], ...] = (
    ("evidence", "OBS801", "OBS807"),
    ("envelope", "OBS811", "OBS818"),
    ("http", "OBS821", "OBS824"),
    ("correlation", "OBS831", "OBS837"),
    ("retry", "OBS841", "OBS843"),
    ("lifecycle", "OBS851", "OBS855"),
    ("trace", "OBS861", "OBS865"),
    ("privacy", "OBS871", "OBS874"),
    ("logs", "OBS881", "OBS883"),
    ("decisions", "OBS891", "OBS891"),
)
"""(name, first code, last code), as in the design's table."""
_KINDS = {"log": ("log line",), "text": ("line of text", "lines of text"), "broken": ("unreadable line",)}
_UNMET_SHOWN = 6
_TRAIL_SHOWN = 5


def kinds(records: Mapping[str, int]) -> str:
    """`183 events, 4 log lines`: the records by kind."""
    return ", ".join(
        plural(number, *_KINDS.get(kind, (kind,))) for kind, number in records.items() if number and kind != "records"
    )


def step_line(outcome: StepOutcome, context: Context) -> list[str]:
    """One line of a step, and one for each expectation that did not come true."""
    palette = context.palette
    good, bad, left_out = ("✓", "✗", "·") if context.unicode else ("ok", "FAILED", "-")
    if outcome.skipped:
        return [_fit(f"  {left_out} {outcome.step.name}: left out, {outcome.skipped}", context)]
    mark = f"{palette.good}{good}{palette.reset}" if outcome.ok else f"{palette.error}{bad}{palette.reset}"
    times = f" {context.symbols.times} {len(outcome.exchanges)}" if len(outcome.exchanges) > 1 else ""
    lasted = duration(int(outcome.seconds * 1e9))
    out = [f"  {mark} {visible(outcome.step.name)}{times}  {palette.dim}{lasted}{palette.reset}"]
    alike: dict[tuple[str, str, str], list[str]] = {}
    for unmet in outcome.unmet:
        alike.setdefault((unmet.kind, unmet.event, unmet.header), []).append(unmet.message)
    for messages in list(alike.values())[:_UNMET_SHOWN]:
        more = f" (and {len(messages) - 1} more like it)" if len(messages) > 1 else ""
        out += wrap(one_line(messages[0]) + more, context.width, "      ", "      ")
    if len(alike) > _UNMET_SHOWN:
        out.append(f"      and {len(alike) - _UNMET_SHOWN} more")
    return out


def steps(outcome: Outcome, context: Context) -> list[str]:
    """The steps, and how processes ended that ended unasked."""
    out = []
    for one in outcome.steps:
        out += step_line(one, context)
    palette = context.palette
    for name, lines in outcome.last_lines.items():
        end = next((end for end in outcome.died if end.name == name), None)
        how = outcome.not_ready.get(name) or (end.how if end is not None else "was not ready")
        out.append("")
        out.append(f"{palette.error}process `{visible(name)}` {visible(how)}{palette.reset}; its last lines:")
        out += [_fit(f"  {visible(line)}", context) for line in lines[-10:]] or ["  (it wrote nothing)"]
    return out


def causes(findings: Sequence[Finding], context: Context, index: Index | None = None) -> list[str]:
    """Each root cause with its consequences below it; the flow of the first that has one."""
    out: list[str] = []
    drawn = False
    for finding in findings:
        out += _cause(finding, context, "", "")
        if not drawn and index is not None and finding.ids:
            seeds = [(name, value) for name, value in finding.ids.items() if name in index.shape.joining]
            flow = index.flow(seeds)
            if len(flow.records) > 1:
                drawn = True
                out += ["", *(f"    {line}" for line in tree(flow, _narrower(context))), ""]
    return out


def _narrower(context: Context) -> Context:
    from dataclasses import replace

    return replace(context, width=max(40, context.width - 4))


def _cause(finding: Finding, context: Context, first: str, rest: str) -> list[str]:
    palette = context.palette
    color = palette.warning if finding.inconclusive else palette.error
    bend, tee, pipe = ("└─ ", "├─ ", "│  ") if context.unicode else ("`- ", "|- ", "|  ")
    where = f"{finding.source}:{finding.line}" if finding.line else finding.source
    times = f" ({finding.count} {'times' if finding.count > 1 else ''})" if finding.count > 1 else ""
    word = " inconclusive:" if finding.inconclusive else ""
    text = f"{finding.code}{word} {one_line(finding.message)}{times}" + (f"  [{visible(where)}]" if where else "")
    lines = wrap(text, context.width, first, rest + "   ")
    out = [
        line.replace(finding.code, f"{color}{finding.code}{palette.reset}", 1) if n == 0 else line
        for n, line in enumerate(lines)
    ]
    for seen in finding.trail[:_TRAIL_SHOWN]:
        place = f"{seen.source}:{seen.line}" if seen.line else seen.source
        said = f"{visible(place)}: {one_line(seen.message)}" if seen.message else visible(place)
        out.append(_fit(f"{rest}     {said}", context))
    for number, one in enumerate(finding.consequences):
        last = number == len(finding.consequences) - 1
        out += _cause(one, context, rest + (bend if last else tee), rest + ("   " if last else pipe))
    return out


def verdicts(found: Mapping[str, Verdict], context: Context) -> list[str]:
    """One line a family: what passed, failed, is inconclusive, does not apply."""
    from obs_lint.smoke.findings import Answer

    palette, symbols = context.palette, context.symbols
    words: tuple[tuple[Answer, str, str], ...] = (
        (Answer.FAIL, "failed", palette.error),
        (Answer.INCONCLUSIVE, "inconclusive", palette.warning),
        (Answer.PASS, "passed", palette.good),
        (Answer.NOT_APPLICABLE, "not applicable", palette.dim),
    )
    out = []
    for name, first, last in FAMILIES:
        codes = [code for code in sorted(found) if first <= code <= last]
        if not codes:
            continue
        parts = []
        for answer, word, color in words:
            with_it = [code for code in codes if found[code].answer is answer]
            if with_it:
                said = (
                    code_ranges(with_it, symbols.dash)
                    if answer in (Answer.FAIL, Answer.INCONCLUSIVE)
                    else str(len(with_it))
                )
                parts.append(f"{color}{word}{palette.reset} {said}")
        out.append(f"  {name:<12} {', '.join(parts)}")
    return out


def reasons(found: Mapping[str, Verdict], context: Context) -> list[str]:
    """Why codes are inconclusive, once a reason."""
    from obs_lint.smoke.findings import Answer

    by_reason: dict[str, list[str]] = {}
    for code in sorted(found):
        if found[code].answer is Answer.INCONCLUSIVE and found[code].reason:
            by_reason.setdefault(found[code].reason, []).append(code)
    return [
        _fit(f"  {code_ranges(codes, context.symbols.dash)}: {one_line(reason)}", context)
        for reason, codes in by_reason.items()
    ]


def covered(table: Table, context: Context) -> list[str]:
    """One line on the share of the events that must be seen, and the names of those that were not."""
    if table.share is None:
        return []
    wanted, missing = len(table.wanted), [row.name for row in table.missing]
    line = f"  {wanted - len(missing)} of {wanted} events that every run must see ({table.share:.0f} %)"
    if missing:
        line += f"; not seen: {', '.join(missing)}"
    return [*wrap(line.strip(), context.width, "  ", "    ")]


def closing(answer: Answer, exit_code: int, findings: Iterable[Finding], context: Context, known: int = 0) -> str:
    """The last line: what it all amounts to, beside so many findings that the baseline knows."""
    from obs_lint.smoke.findings import Answer

    palette = context.palette
    total = [one for root in findings for one in _everything(root)]
    failed = [one for one in total if not one.inconclusive]
    open_ones = len(total) - len(failed)
    beside = f" and {plural(open_ones, 'inconclusive one')}" if open_ones else ""
    if answer is Answer.FAIL:
        return (
            f"{palette.error}Failed{palette.reset}: {plural(len(failed), 'finding')}{beside} (exit code {exit_code})."
        )
    if answer is Answer.INCONCLUSIVE:
        return f"{palette.warning}Inconclusive{palette.reset}: what is there does not tell (exit code {exit_code})."
    aside = f" ({plural(known, 'finding')} known to the baseline)" if known else ""
    return f"{palette.good}All clear{palette.reset}: every check that applies has passed{aside}."


def _everything(finding: Finding) -> list[Finding]:
    found = [finding]
    for one in finding.consequences:
        found += _everything(one)
    return found


def _fit(line: str, context: Context) -> str:
    return shorten(line, context.width, context.symbols.ellipsis)
