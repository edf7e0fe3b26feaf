"""The last lines of a text format: how many, what could not be done, what was not looked for."""

from __future__ import annotations

from collections import Counter

from obs_lint.diagnostic import Applicability, Diagnostic, Severity
from obs_lint.report import Failure, Inactive, Report, SmokeAnswers
from obs_lint.reporters.context import PROSE_WIDTH, Context, place
from obs_lint.reporters.text import code_ranges, one_line, pad, plural, shorten, visible, wrap

_KEYS_SHOWN = 12


def counts(diagnostics: tuple[Diagnostic, ...]) -> str:
    """`12 errors, 3 warnings`, the worst first."""
    tally = Counter(diagnostic.severity for diagnostic in diagnostics)
    return ", ".join(plural(tally[severity], severity.value) for severity in Severity if tally[severity])


def closing_lines(report: Report, context: Context) -> list[str]:
    """What a run amounts to, in one to three lines; never a word of success beside a failure."""
    palette = context.palette
    files = report.summary.files
    set_aside = ", ".join(
        f"{count} {how}"
        for count, how in ((report.summary.suppressed, "suppressed"), (report.summary.baselined, "baselined"))
        if count
    )
    aside = f" ({set_aside})" if set_aside else ""
    lines = []
    if fixed := report.summary.fixed:
        left = len(report.diagnostics)
        lines.append(f"Found {plural(fixed + left, 'finding')} ({fixed} fixed, {left} remaining).")
    if report.diagnostics:
        touched = len({diagnostic.path for diagnostic in report.diagnostics})
        among = f"{touched} of {plural(files, 'file')}" if touched <= files else plural(touched, "file")
        if report.smoke is not None:
            among = of_smoke(report.smoke, files)
        found = "Remaining:" if fixed else "Found"
        lines.append(f"{found} {palette.strong}{counts(report.diagnostics)}{palette.reset} in {among}{aside}.")
        fixable = fixable_line(report.diagnostics)
        if fixable:
            lines.append(fixable)
    elif report.failures:
        lines.append(f"No findings in what could be checked{aside}.")
    elif report.smoke is not None and report.smoke.exit_code:
        lines.append(smoke_line(report.smoke.exit_code, aside))
    elif report.smoke is not None:
        lines.append(f"{palette.good}All clear{palette.reset}: every check that applies has passed{aside}.")
    elif files:
        lines.append(f"{palette.good}All clear{palette.reset}: {plural(files, 'file')}, no findings{aside}.")
    else:
        lines.append("No files were checked: there is none here that obs-lint reads, or all are excluded.")
    if report.failures:
        lines.append(f"{palette.error}Incomplete{palette.reset}: {failure_counts(report.failures)} (exit code 2).")
    return lines


def of_smoke(answers: SmokeAnswers, sources: int) -> str:
    """What a smoke run looked at: `222 records of 6 sources`."""
    return f"{plural(answers.records.get('records', 0), 'record')} of {plural(sources, 'source')}"


def smoke_line(exit_code: int, aside: str = "") -> str:
    """What a smoke run without findings amounts to that is no pass."""
    return f"Inconclusive: nothing was found, and what is there does not tell{aside} (exit code {exit_code})."


def fixable_line(diagnostics: tuple[Diagnostic, ...]) -> str:
    """What `--fix` would do; empty where it can do nothing."""
    tally = Counter(diagnostic.fix.applicability for diagnostic in diagnostics if diagnostic.fix)
    safe, unsafe = tally[Applicability.SAFE], tally[Applicability.UNSAFE]
    if safe and unsafe:
        return f"{safe} fixable with `obs-lint check --fix`, {unsafe} more with `--unsafe-fixes`."
    if safe:
        return f"{safe} fixable with `obs-lint check --fix`."
    if unsafe:
        return f"{unsafe} fixable with `obs-lint check --fix --unsafe-fixes`."
    return ""


def failure_counts(failures: tuple[Failure, ...]) -> str:
    """`2 files could not be checked, 1 internal error`."""
    tally = Counter(failure.code for failure in failures)
    parts = []
    for code, count in sorted(tally.items()):
        if code == "OBS900":
            paths = len({failure.path for failure in failures if failure.code == code})
            parts.append(f"{plural(paths, 'file')} could not be checked")
        elif code == "internal":
            parts.append(plural(count, "internal error"))
        elif code == "config":
            parts.append(plural(count, "configuration error"))
        elif code == "path":
            parts.append(f"{plural(count, 'path')} could not be read")
        else:
            parts.append(f"{plural(count, 'failure')} ({visible(code)})")
    return ", ".join(parts)


def advice(failure: Failure) -> str:
    """What to do about a failure of that kind; empty where its message says all there is."""
    if failure.code == "OBS900":
        from json import dumps

        path = visible(dumps(failure.path, ensure_ascii=False))
        return f"Correct the file, or leave it out of every run with `extend-exclude = [{path}]`."
    if failure.code == "internal":
        return (
            "This is a defect of obs-lint, please report it; the rest was checked. `--ignore CODE` leaves a rule out."
        )
    if failure.code == "config":
        return "`obs-lint config` shows every key that is in force and where its value comes from."
    if failure.code == "path":
        return "Paths are relative to the working directory."
    return ""


def failure_place(failure: Failure) -> str:
    """Where a failure happened; empty where it belongs to no file."""
    return place(failure.path, failure.line, failure.column, failure.cell) if failure.path else ""


def inactive_block(report: Report, context: Context) -> list[str]:
    """One line for each key that would switch a rule on: the key, the rules, what the first of them finds."""
    if not report.inactive:
        return []
    palette, symbols = context.palette, context.symbols
    keys = _by_key(report.inactive)
    width = min(context.width, PROSE_WIDTH)
    rows = [
        (visible(key), code_ranges((rule.code for rule in rules), symbols.dash), rules)
        for key, rules in list(keys.items())
    ][:_KEYS_SHOWN]
    key_width = max(len(key) for key, _, _ in rows)
    code_width = max(len(codes) for _, codes, _ in rows)
    number = len({rule.code for rule in report.inactive})
    are = "rule is" if number == 1 else "rules are"
    out = [f"{palette.strong}{number} {are} inactive{palette.reset} until a key in the configuration is set:"]
    for key, codes, rules in rows:
        more = f" (+{len(rules) - 1} more)" if len(rules) > 1 else ""
        room = width - key_width - code_width - 6 - len(more)
        finds = shorten(one_line(rules[0].finds).rstrip("."), room, symbols.ellipsis) if room >= 20 else ""
        line = f"  {palette.info}{pad(key, key_width)}{palette.reset}  {pad(codes, code_width)}"
        out.append(f"{line}  {finds}{more}" if finds else line.rstrip())
    if len(keys) > len(rows):
        rest = ", ".join(visible(key) for key in list(keys)[_KEYS_SHOWN:])
        out += wrap(f"{len(keys) - len(rows)} more: {rest}", width, "  ", "  ")
    return out


def inactive_line(report: Report, context: Context) -> str:
    """All inactive rules and their keys on one line; empty where there are none."""
    if not report.inactive:
        return ""
    parts = (
        f"{code_ranges((rule.code for rule in rules), context.symbols.dash)} ({visible(key)})"
        for key, rules in _by_key(report.inactive).items()
    )
    return f"Inactive until configured: {', '.join(parts)}."


def _by_key(inactive: tuple[Inactive, ...]) -> dict[str, list[Inactive]]:
    keys: dict[str, list[Inactive]] = {}
    for rule in sorted(inactive, key=lambda rule: (rule.code, rule.needs)):
        keys.setdefault(rule.needs, []).append(rule)
    return keys
