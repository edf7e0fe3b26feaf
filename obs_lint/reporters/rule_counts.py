"""`--statistics`: how often each rule found something."""

from __future__ import annotations

from collections import Counter

from obs_lint.report import Report
from obs_lint.reporters.context import Context
from obs_lint.reporters.summary import closing_lines
from obs_lint.reporters.text import visible


def render(report: Report, context: Context, *, as_json: bool = False) -> str:
    """Return a line a rule, the most frequent first: count, code, `[*]` all or `[-]` some fixable safely, slug.

    As JSON: an array of `{"code", "slug", "count", "fixable"}`, `fixable` being how many have a safe fix.
    """
    found = Counter(diagnostic.code for diagnostic in report.diagnostics)
    found.update(failure.code for failure in report.failures)
    slugs = {diagnostic.code: diagnostic.slug for diagnostic in report.diagnostics}
    fixable = Counter(d.code for d in report.diagnostics if d.fix and d.fix.applicability == "safe")
    rows = sorted(found.items(), key=lambda row: (-row[1], row[0]))
    if as_json:
        from obs_lint.reporters.json_document import dumps

        entries = [
            {"code": code, "slug": slugs.get(code, ""), "count": count, "fixable": fixable[code]}
            for code, count in rows
        ]
        return "[" + ",\n ".join(map(dumps, entries)) + "]\n"
    palette = context.palette
    count_width = len(str(rows[0][1])) if rows else 0
    code_width = max((len(code) for code, _ in rows), default=0)
    out = []
    for code, count in rows:
        mark = "[*]" if fixable[code] == count else "[-]" if fixable[code] else "[ ]"
        name = slugs.get(code) or ("unparsable-file" if code == "OBS900" else "")
        line = f"{palette.strong}{count:>{count_width}}{palette.reset}"
        line += f"  {palette.error}{visible(code):{code_width}}{palette.reset}"
        out.append(f"{line}  {palette.info}{mark}{palette.reset} {visible(name)}".rstrip())
    out += closing_lines(report, context)
    return "".join(f"{line}\n" for line in out)
