"""The markdown format: a page for a job summary or a pull request, by rule, the new apart from the known.

GitHub drops a summary above 1 MiB whole, without a word. So the page has a budget of bytes, which rules share fairly:
one rule with thousands of findings leaves room for the others.
Source: docs.github.com "Workflow commands for GitHub Actions", adding a job summary.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from obs_lint.diagnostic import Applicability, Diagnostic, Edit, Severity
from obs_lint.report import Failure, Report
from obs_lint.reporters.context import Context, place
from obs_lint.reporters.gfm import block, code, link, plain, prose, row
from obs_lint.reporters.summary import advice, counts, failure_counts, failure_place, inactive_line
from obs_lint.reporters.text import plural, visible
from obs_lint.reporters.uri import uri_of

LIMIT = 800 * 1024
"""Bytes of a page; the rest up to GitHub's 1 MiB is for what a workflow adds."""
_FINDINGS, _KNOWN, _FIXES, _FAILURES = 560 * 1024, 64 * 1024, 64 * 1024, 64 * 1024
"""Bytes of the parts of a page."""
_RULES = 200
"""Rules that are named one by one."""
_EXAMPLES = 3
"""Known findings shown of a rule."""


class _OfRule(NamedTuple):
    """What one rule found."""

    code: str
    slug: str
    severity: Severity
    new: tuple[Diagnostic, ...]
    known: tuple[Diagnostic, ...]


def render(report: Report, context: Context) -> str:
    """Return the page: what it comes to, what could not be checked, a table by rule, findings, fixes, what to do."""
    rules = _by_rule(report)
    compared = _is_compared(report)
    lines = [f"## obs-lint: {_verdict(report, compared)}", "", _figures(report), ""]
    lines += _failures(report, context)
    lines += _table(rules, report, compared)
    if not context.quiet:
        heading = "New findings" if compared else "Findings"
        lines += _findings(heading, [rule for rule in rules if rule.new], context)
        lines += _fixes(report, context)
        lines += _next(report, rules, compared)
        lines += _known(rules, context)
        if inactive := inactive_line(report, context):
            lines += [f"<sub>{plain(inactive)}</sub>", ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _is_compared(report: Report) -> bool:
    return report.summary.gone is not None or report.summary.baselined > 0


def _verdict(report: Report, compared: bool) -> str:
    word = "new " if compared else ""
    if report.failures:
        found = f", {len(report.diagnostics)} {word}found in the rest" if report.diagnostics else ""
        return f"not everything could be checked{found}"
    if not report.diagnostics:
        return "nothing new" if compared else "no findings"
    number = len(report.diagnostics)
    return f"{number} {word}{'finding' if number == 1 else 'findings'} ({counts(report.diagnostics)})"


def _figures(report: Report) -> str:
    summary = report.summary
    parts = [plural(summary.files, "file")]
    if _is_compared(report):
        parts.append(f"{summary.baselined} known")
    if summary.gone is not None:
        parts.append(f"{summary.gone} gone since the base")
    if summary.suppressed:
        parts.append(f"{summary.suppressed} suppressed")
    if summary.fixed:
        parts.append(f"{summary.fixed} fixed")
    return " · ".join(parts)


def _by_rule(report: Report) -> list[_OfRule]:
    """Group findings, the worst rules first, those with new findings before the others."""
    new: dict[str, list[Diagnostic]] = {}
    known: dict[str, list[Diagnostic]] = {}
    for found, diagnostics in ((new, report.diagnostics), (known, sorted(report.known, key=lambda d: d.sort_key))):
        for diagnostic in diagnostics:
            found.setdefault(diagnostic.code, []).append(diagnostic)
    rules = []
    for name in {**new, **known}:
        group = (*new.get(name, ()), *known.get(name, ()))
        worst = min((diagnostic.severity for diagnostic in group), key=lambda severity: severity.rank)
        rules.append(_OfRule(name, group[0].slug, worst, tuple(new.get(name, ())), tuple(known.get(name, ()))))
    rules.sort(key=lambda rule: (not rule.new, rule.severity.rank, -len(rule.new), -len(rule.known), rule.code))
    return rules


def _failures(report: Report, context: Context) -> list[str]:
    if not report.failures:
        return []
    lines = [
        f"**Incomplete**: {plain(failure_counts(report.failures))} (exit code 2).",
        "",
        "| where | what |",
        "|---|---|",
    ]
    rows = [_failure_row(failure, context) for failure in report.failures]
    kept = _within(rows, _FAILURES)
    lines += kept
    if len(rows) > len(kept):
        lines += ["", f"… and {len(rows) - len(kept)} more; the log has all."]
    return [*lines, ""]


def _failure_row(failure: Failure, context: Context) -> str:
    where = ""
    if failure.path:
        line = failure.line if failure.cell is None else 0
        where = link(code(failure_place(failure)), _url(failure.path, line, context))
    said = f"{code(failure.code)} {prose(failure.message)}"
    help_text = advice(failure)
    return row([where, f"{said} {prose(help_text)}" if help_text else said])


def _table(rules: Sequence[_OfRule], report: Report, compared: bool) -> list[str]:
    if not rules:
        return []
    head, align = (("new", "known"), ("--:", "--:")) if compared else (("findings",), ("--:",))
    lines = [row(["rule", "severity", *head, "what it is about"]), f"|{'|'.join(('---', '---', *align, '---'))}|"]
    for rule in rules[:_RULES]:
        name = link(f"{code(rule.code)} {plain(rule.slug)}", report.rules.get(rule.code, ("", ""))[1])
        numbers = [_number(len(rule.new)), str(len(rule.known))] if compared else [_number(len(rule.new))]
        about = prose(report.summaries.get(rule.code, ""))
        lines.append(row([name, rule.severity.value, *numbers, about]))
    if len(rules) > _RULES:
        rest = rules[_RULES:]
        numbers = [str(sum(len(rule.new) for rule in rest))]
        numbers += [str(sum(len(rule.known) for rule in rest))] if compared else []
        lines.append(row([f"{len(rest)} more rules", "", *numbers, ""]))
    if len(rules) > 1:
        numbers = [_number(len(report.diagnostics))]
        numbers += [str(sum(len(rule.known) for rule in rules))] if compared else []
        lines.append(row(["**all**", "", *numbers, ""]))
    return [*lines, ""]


def _number(count: int) -> str:
    return f"**{count}**" if count else "0"


def _findings(heading: str, rules: Sequence[_OfRule], context: Context) -> list[str]:
    if not rules:
        return []
    lines = [f"### {heading}", ""]
    shown = {rule.code: [_row(diagnostic, context) for diagnostic in rule.new] for rule in rules[:_RULES]}
    shares = _shares({name: sum(_size(line) for line in rows) for name, rows in shown.items()}, _FINDINGS)
    for rule in rules[:_RULES]:
        rows = shown[rule.code]
        kept = _within(rows, shares[rule.code])
        # The first rules open, the others a click away: a page of a thousand lines hides what matters.
        is_open = " open" if len(rows) <= 30 else ""
        lines += [f"<details{is_open}><summary>{_title(rule)}: {len(rows)}</summary>", ""]
        if kept:
            lines += ["| where | what |", "|---|---|", *kept, ""]
        if helps := {diagnostic.help.strip() for diagnostic in rule.new} - {""}:
            lines += [f"> {prose(min(helps))}", ""] if len(helps) == 1 else []
        if len(rows) > len(kept):
            lines += [
                f"… and {len(rows) - len(kept)} more: `obs-lint check --select {plain(rule.code)}` lists all.",
                "",
            ]
        lines += ["</details>", ""]
    if len(rules) > _RULES:
        lines += [f"… and {len(rules) - _RULES} more rules: `obs-lint check` lists all.", ""]
    return lines


def _title(rule: _OfRule) -> str:
    return f"<code>{plain(rule.code)}</code> {plain(rule.slug)}"


def _row(diagnostic: Diagnostic, context: Context) -> str:
    start = diagnostic.span.start
    where = code(place(diagnostic.path, start.line, start.column, diagnostic.cell))
    line = start.line if diagnostic.cell is None else 0
    return row([link(where, _url(diagnostic.path, line, context)), prose(diagnostic.message)])


def _url(path: str, line: int, context: Context) -> str:
    if not context.source_url or path.startswith("<"):
        return ""
    anchor = f"#L{line}" if line else ""
    return f"{context.source_url}{uri_of(context.prefix + path).removeprefix('./')}{anchor}"


def _known(rules: Sequence[_OfRule], context: Context) -> list[str]:
    known = [rule for rule in rules if rule.known][:_RULES]
    if not known:
        return []
    total = sum(len(rule.known) for rule in rules)
    rows = [_row(diagnostic, context) for rule in known for diagnostic in rule.known[:_EXAMPLES]]
    kept = _within(rows, _KNOWN)
    examples = f", the first {_EXAMPLES} of each rule" if total > len(rows) else ""
    return [
        f"<details><summary>Known findings: {total}{examples}</summary>",
        "",
        "| where | what |",
        "|---|---|",
        *kept,
        "",
        "</details>",
        "",
    ]


# -- fixes


def _fixes(report: Report, context: Context) -> list[str]:
    """Show what the safe fixes of new findings would change, as one diff a file."""
    number, edits = _taken(report.diagnostics)
    blocks: list[str] = []
    room, shown = _FIXES, 0
    for path in sorted(edits):
        diff = _difference(path, edits[path], context)
        size = sum(_size(line) for line in diff)
        if diff and size <= room:
            room -= size
            shown += 1
            blocks += [*diff, ""]
    if not shown:
        return []
    files = len(edits)
    more = f" The diffs of {files - shown} more files: `obs-lint check --diff`." if files > shown else ""
    return [
        f"### Fixes that are safe: {number}",
        "",
        f"`obs-lint check --fix` makes these changes.{more}",
        "",
        *blocks,
    ]


def _taken(diagnostics: Iterable[Diagnostic]) -> tuple[int, dict[str, list[Edit]]]:
    """Return how many safe fixes keep clear of each other, and their edits by path, sorted."""
    number = 0
    edits: dict[str, list[Edit]] = {}
    for diagnostic in diagnostics:
        fix = diagnostic.fix
        if fix is None or fix.applicability is not Applicability.SAFE or not fix.edits or diagnostic.cell is not None:
            continue
        new = [edit for edit in fix.edits if edit not in edits.get(edit.path, ())]
        if any(_touches(edit, other) for edit in new for other in edits.get(edit.path, ())):
            continue
        number += 1
        for edit in dict.fromkeys(new):
            edits.setdefault(edit.path, []).append(edit)
    for found in edits.values():
        found.sort(key=lambda edit: edit.span)
    return number, edits


def _touches(edit: Edit, other: Edit) -> bool:
    return edit.span.start <= other.span.end and other.span.start <= edit.span.end


def _difference(path: str, edits: Sequence[Edit], context: Context) -> list[str]:
    """Return a unified diff as a block of code; [] where the file can't be read or has no such place."""
    from difflib import unified_diff

    lines = context.sources(path)
    if lines is None:
        return []
    if lines and not lines[-1]:
        lines = lines[:-1]  # what stands behind the last line end
    before = [f"{line}\n" for line in lines]
    text = "".join(before)
    starts = [0]
    for line in before:
        starts.append(starts[-1] + len(line))
    after, done = [], 0
    for edit in edits:
        offsets = []
        for number, column in edit.span:
            if not 1 <= number <= len(starts):
                return []
            offsets.append(starts[number - 1] + column - 1)
        if not done <= offsets[0] <= offsets[1] <= len(text):
            return []
        after += [text[done : offsets[0]], edit.text]
        done = offsets[1]
    changed = "".join([*after, text[done:]]).split("\n")
    if changed and not changed[-1]:
        changed.pop()
    name = visible(context.prefix + path)
    diff = list(unified_diff(list(lines), changed, f"a/{name}", f"b/{name}", n=2, lineterm=""))
    return block(diff, "diff") if diff else []


# -- what to do next


def _next(report: Report, rules: Sequence[_OfRule], compared: bool) -> list[str]:
    lines = []
    if report.failures:
        lines.append("Correct what could not be checked: until then this is no result.")
    if report.inference is not None:
        taken = (
            f"{code(report.inference.surface)} was taken for the surface"
            if report.inference.surface
            else "no surface was found"
        )
        lines.append(f"There is no configuration, and {taken}: `obs-lint init` writes one.")
    if report.diagnostics:
        safe = sum(d.fix is not None and d.fix.applicability is Applicability.SAFE for d in report.diagnostics)
        if safe:
            lines.append(f"`obs-lint check --fix` mends {safe} of {plural(len(report.diagnostics), 'finding')}.")
        first = next(rule for rule in rules if rule.new)
        lines.append(f"`obs-lint rule {plain(first.code)}` says why the rule exists and shows what to write instead.")
        lines.append(f"What is meant stays with a comment on its line: {code(f'# obs: ignore[{first.code}] reason')}.")
        lines.append(
            "What is to be mended later goes into the baseline: "
            + (
                '`obs-lint baseline update --allow-increase "REASON"`; `obs-lint baseline create` begins one.'
                if compared
                else "`obs-lint baseline create`; from then on only new findings fail."
            )
        )
    elif report.known:
        lines.append(
            "Nothing has to be done here. Known findings fail nothing; `obs-lint check --fix` mends some of them."
        )
    tally = Counter(diagnostic.severity.at_least(report.fail_on) for diagnostic in report.diagnostics)
    if report.diagnostics and not tally[True]:
        lines.append(f"None of them fails the run: `fail-on` is {report.fail_on.value}.")
    return ["### What to do next", "", *(f"- {line}" for line in lines), ""] if lines else []


# -- the budget


def _size(line: str) -> int:
    """Bytes of a line in UTF-8, with its end."""
    return len(line.encode("utf-8", "backslashreplace")) + 1


def _within(lines: Sequence[str], budget: int) -> list[str]:
    """Return the first lines, as many as fit."""
    kept = []
    for line in lines:
        budget -= _size(line)
        if budget < 0:
            break
        kept.append(line)
    return kept


def _shares(needs: Mapping[str, int], budget: int) -> dict[str, int]:
    """Divide a budget fairly: who needs less than an equal share leaves the rest of it to the others."""
    shares: dict[str, int] = {}
    for number, (name, need) in enumerate(sorted(needs.items(), key=lambda entry: entry[1])):
        shares[name] = min(need, budget // (len(needs) - number))
        budget -= shares[name]
    return shares
