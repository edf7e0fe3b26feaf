"""The findings: one section a rule with why and help once, one entry a finding.

They stand in the page as HTML, not as data that a script would have to unfold: so the page says everything without a
script, can be searched and printed, and what is out of sight costs a browser little (closed sections are not laid out).
Of a large report the excerpts shrink to what is meant, and what is beyond `MOST` is counted and not listed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from obs_lint.diagnostic import Diagnostic, Severity, TrailStep
from obs_lint.report import Report
from obs_lint.reporters.context import Context, place
from obs_lint.reporters.html.excerpt import excerpt
from obs_lint.reporters.html.markup import cut, link, prose, text
from obs_lint.reporters.html.packages import module_of
from obs_lint.reporters.supplement import Supplement
from obs_lint.reporters.text import plural
from obs_lint.reporters.uri import uri_of

MOST = 10_000
"""Findings that a page lists."""
_DETAILED = 1500
"""Findings up to which each has its context, and the sources of its trail."""
_OPEN = 150
"""Findings up to which all sections are open at first."""
_STEPS = 8
"""Steps of a trail that are shown."""
_LETTERS = {Severity.ERROR: "e", Severity.WARNING: "w", Severity.INFO: "i"}


Files = Mapping[str, tuple[str, tuple[str, ...]]]
"""Path → (module, owners) of each file with a finding that is listed."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One finding that the page lists."""

    diagnostic: Diagnostic
    known: bool
    anchor: str
    """The id of its element; the same in every run, where findings have fingerprints."""
    source: str
    """Its excerpt, as HTML."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What the page lists of a Report."""

    entries: tuple[Listed, ...]
    left_out: int
    """Findings beyond MOST, the mildest and the known ones first."""
    detailed: bool


def listing(report: Report, context: Context) -> Listing:
    """Choose what is listed and read the sources, in the order of the paths."""
    found = [(diagnostic, False) for diagnostic in report.diagnostics]
    found += [(diagnostic, True) for diagnostic in report.known]
    left_out = max(0, len(found) - MOST)
    if left_out:
        ranks = sorted(range(len(found)), key=lambda n: (found[n][1], found[n][0].severity.rank, n))
        found = [found[number] for number in sorted(ranks[:MOST])]
    found.sort(key=lambda pair: pair[0].sort_key)
    detailed = len(found) <= _DETAILED
    longest = 240 if detailed else 120
    used: Counter[str] = Counter()
    entries = []
    for diagnostic, known in found:
        lines = context.lines(diagnostic.path, diagnostic.cell)
        source = excerpt(lines, diagnostic.span, around=detailed, longest=longest) if lines else ""
        name = "f-" + "".join(c for c in diagnostic.fingerprint if c.isascii() and c.isalnum())[:32]
        used[name] += 1
        anchor = name if used[name] == 1 and name != "f-" else f"{name}.{used[name]}"
        entries.append(Listed(diagnostic, known, anchor, source))
    return Listing(tuple(entries), left_out, detailed)


def by_rule(listed: Listing, files: Files, report: Report, context: Context) -> str:
    """Return one section a rule: the worst severity first, then the most findings."""
    groups: dict[str, list[Listed]] = {}
    for entry in listed.entries:
        groups.setdefault(entry.diagnostic.code, []).append(entry)

    def order(code: str) -> tuple[bool, int, int, str]:
        entries = groups[code]
        new = [entry for entry in entries if not entry.known]
        return (not new, min(e.diagnostic.severity.rank for e in new or entries), -len(new or entries), code)

    numbers = {path: number for number, path in enumerate(files)}
    few = len(listed.entries) <= _OPEN
    out = []
    for code in sorted(groups, key=order):
        entries = groups[code]
        slug = text(entries[0].diagnostic.slug)
        usual = _usual_help([entry.diagnostic.help for entry in entries])
        items = "".join(
            _entry(entry, numbers[entry.diagnostic.path], usual, listed.detailed, context) for entry in entries
        )
        new = [entry for entry in entries if not entry.known]
        known = len(entries) - len(new)
        number = f"{len(new)}" if not known else f"{len(new)} new, {known} known" if new else f"{known} known"
        out.append(
            f'<details class=g id="rule={text(code)}"{" open" if few and new else ""}>'
            f"<summary><h3><span class=code>{text(code)}</span> {slug}</h3><span class=n>{number}</span></summary>"
            f"{_about(code, usual, report)}<ol class=fs>{items}</ol></details>"
        )
    return "".join(out)


def _usual_help(helps: Sequence[str]) -> str:
    """The advice that most findings of a rule share; it is said once."""
    tally = Counter(help_.strip() for help_ in helps if help_.strip())
    if not tally:
        return ""
    advice, number = tally.most_common(1)[0]
    return advice if number > 1 or len(helps) == 1 else ""


def _about(code: str, usual: str, report: Report) -> str:
    why, url = report.rules.get(code, ("", ""))
    summary = report.summaries.get(code, "")
    out, reason = [], ""
    if summary:
        out.append(f"<p class=what>{prose(summary)}</p>")
    if why.strip():
        paragraphs = "".join(f"<p>{prose(part)}</p>" for part in why.strip().split("\n\n"))
        reason = f"<details class=more><summary>Why</summary>{paragraphs}</details>"
    if usual:
        out.append(f"<p><b>Do</b> {prose(usual)}</p>")
    address = link(url)
    page = f'<a href="{address}" rel="noopener noreferrer">The page of {text(code)}</a> or ' if address else ""
    out.append(f"<p class=read>{page}<code>obs-lint rule {text(code)}</code></p>")
    out.append(reason)
    return f"<div class=rule>{''.join(out)}</div>"


def _entry(entry: Listed, file: int, usual: str, detailed: bool, context: Context) -> str:
    diagnostic = entry.diagnostic
    start = diagnostic.span.start
    where = place(cut(diagnostic.path), start.line, start.column, diagnostic.cell) if diagnostic.path else ""
    letter = _LETTERS[diagnostic.severity]
    known = "<span class=known>known</span> " if entry.known else ""
    severity = f"<span class={letter}>{diagnostic.severity.value}</span>"
    code = f"<a class=c href=#{entry.anchor}>{text(diagnostic.code)}</a>"
    message = f"<p class=m>{severity} {code} {known}{prose(diagnostic.message)}</p>"
    out = [f"<li class=f id={entry.anchor} data-f={file}>{message}"]
    symbol = f" <span class=sym>{text(diagnostic.symbol, 300)}</span>" if diagnostic.symbol and detailed else ""
    if where:
        out.append(f"<p class=at>{located(where, diagnostic.path, start.line, context)}{symbol}</p>")
    if entry.source:
        out.append(f"<pre>{entry.source}</pre>")
    if diagnostic.trail:
        out.append(_trail(diagnostic.trail, context, detailed))
    own = diagnostic.help.strip()
    if own and own != usual:
        out.append(f"<p class=do><b>Do</b> {prose(own)}</p>")
    if diagnostic.fix:
        option = "--fix" if diagnostic.fix.applicability == "safe" else "--fix --unsafe-fixes"
        title = prose(diagnostic.fix.title)
        out.append(f"<p class=do><b>Fix</b> {title} <span class=sym>obs-lint check {option}</span></p>")
    return "".join(out)


def located(shown: str, path: str, line: int, context: Context) -> str:
    """Return a place as code; a link where a forge shows the file."""
    if not (path and link(context.source_url)):
        return f"<code class=p>{text(shown)}</code>"
    address = link(f"{context.source_url}{uri_of(context.prefix + path).removeprefix('./')}#L{line}")
    return f'<a class=p href="{address}" rel="noopener noreferrer">{text(shown)}</a>'


def _trail(trail: Sequence[TrailStep], context: Context, detailed: bool) -> str:
    kept = list(trail) if len(trail) <= _STEPS else [*trail[: _STEPS - 2], None, *trail[-2:]]
    out = []
    for step in kept:
        if step is None:
            out.append(f"<li>{plural(len(trail) - _STEPS, 'more step')}")
            continue
        cell, position = (step.cell, step.position) if step.cell else context.in_cell(step.path, step.position)
        where = place(cut(step.path), position.line, position.column, cell)
        source = ""
        if detailed:
            lines = context.lines(step.path, step.cell)
            number = step.position.line
            line = lines[number - 1].strip() if lines and 1 <= number <= len(lines) else ""
            source = f"<code class=src>{text(line, 160)}</code>" if line else ""
        out.append(f"<li>{located(where, step.path, position.line, context)} {prose(step.message)} {source}")
    return f"<ol class=trail aria-label=Trail>{''.join(out)}</ol>"


def files_of(listed: Listing, supplement: Supplement) -> Files:
    """Return path → (module, owners) of each file with a finding that is listed."""
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for entry in listed.entries:
        path = entry.diagnostic.path
        if path not in found:
            owners = tuple(supplement.owners(path)) if supplement.owners else ()
            found[path] = (module_of(path), owners)
    return found
