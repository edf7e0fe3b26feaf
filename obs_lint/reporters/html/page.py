"""The page: its head, the overview with counts, and the sections in their order."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from obs_lint import __version__
from obs_lint.diagnostic import Severity
from obs_lint.report import Report
from obs_lint.reporters.context import Context
from obs_lint.reporters.html import checks, events, surface
from obs_lint.reporters.html.findings import Files, Listing, by_rule, files_of, listing, located
from obs_lint.reporters.html.markup import ascii_only, cut, data, prose, query, text
from obs_lint.reporters.html.packages import grouped, module_of
from obs_lint.reporters.summary import advice, counts, failure_counts, failure_place, fixable_line, of_smoke, smoke_line
from obs_lint.reporters.supplement import Supplement
from obs_lint.reporters.text import plural, visible

NOBODY = "(no owner)"
_MODULES = 24
"""Packages that the table by module, and its filter, tell apart."""
_ROWS = 8
"""Rows of a table of counts that are shown at once."""
_MANY = 300
"""Entries from which on those out of sight are not laid out."""
_REST = "(elsewhere)"
_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    "%3Ccircle cx='8' cy='8' r='6' fill='none' stroke='%230f766e' stroke-width='3'/%3E%3C/svg%3E"
)


def page(report: Report, context: Context, supplement: Supplement) -> str:
    """Return the whole page, in ASCII."""
    style, script = _asset("page.css"), _asset("page.js")
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    listed = listing(report, context)
    files = files_of(listed, supplement)
    weights = Counter(module_of(d.path) for d in (*report.diagnostics, *report.known))
    packages = {module: cut(name) or _REST for module, name in grouped(weights, _MODULES).items()}
    title = text(supplement.title, 200) or "Report"
    sections = _sections(report, context, supplement, listed, files, packages)
    nav = "".join(f"<a href=#{name}>{heading}</a>" for name, heading, _ in sections)
    body = "".join(
        f"<section id={name} aria-labelledby={name}-h><h2 id={name}-h>{heading}</h2>{content}</section>"
        for name, heading, content in sections
    )
    many = " class=many" if len(listed.entries) + len(supplement.events or ()) > _MANY else ""
    return ascii_only(
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>\n"
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name=viewport content="width=device-width,initial-scale=1">'
        '<meta name=color-scheme content="light dark"><meta name=referrer content=no-referrer>'
        f'<meta name=generator content="obs-lint {__version__}">\n'
        f'<title>{title} · obs-lint</title><link rel=icon href="{_ICON}">\n<style>{style}</style></head>\n'
        f"<body{many}><a class=skip href=#findings>Skip to the findings</a>"
        f"<header class=top><div><p class=brand>obs-lint {__version__}</p><h1>{title}</h1></div>"
        "<button type=button id=theme hidden>Dark</button></header>"
        f"<nav aria-label=Sections>{nav}</nav><main>{_verdict(report, supplement)}{body}</main>"
        f"<footer><p>Written by obs-lint {__version__}. Paths are relative to the project’s root.</p></footer>\n"
        f"<script type=application/json id=data>{data(_facts(files, packages, supplement))}</script>\n"
        f"<script>{script}</script></body></html>\n"
    )


def _asset(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="ascii")


def _digest(content: str) -> str:
    return f"sha256-{b64encode(sha256(content.encode()).digest()).decode()}"


def _sections(
    report: Report,
    context: Context,
    supplement: Supplement,
    listed: Listing,
    files: Files,
    packages: Mapping[str, str],
) -> list[tuple[str, str, str]]:
    """Return (id, heading, content) of each section that has something to say."""
    found = []
    if report.failures:
        found.append(("failures", "Not checked", _failures(report, context)))
    if report.diagnostics or report.known:
        found.append(("overview", "Overview", _overview(report, supplement, packages)))
    shown = surface.picture(report, supplement)
    if shown is not None:
        found.append(("surface", "Surface", _surface(shown)))
    found.append(("findings", "Findings", _findings(report, context, supplement, listed, files, packages)))
    if report.smoke is not None:
        found.append(("checks", "Checks", checks.answers(report.smoke)))
    if supplement.events is not None or supplement.problems:
        found.append(("events", "Events", events.catalogue(supplement, context)))
    if report.inactive:
        found.append(("inactive", "Inactive rules", _inactive(report)))
    return found


def _verdict(report: Report, supplement: Supplement) -> str:
    """What the run amounts to; never a word of success beside a failure."""
    out = []
    files = report.summary.files
    if report.failures:
        out.append(
            f"<p class='verdict bad'><b>Incomplete.</b> {text(failure_counts(report.failures))}: "
            "what is in there is not in this report (exit code 2).</p>"
        )
    if report.diagnostics:
        touched = len({diagnostic.path for diagnostic in report.diagnostics})
        among = f"{touched} of {plural(files, 'file')}" if touched <= files else plural(touched, "file")
        if report.smoke is not None:
            among = of_smoke(report.smoke, files)
        kind = "bad" if report.exit_code else "warn"
        out.append(f"<p class='verdict {kind}'><b>{counts(report.diagnostics)}</b> in {among}.</p>")
    elif report.failures:
        out.append("<p class='verdict warn'>No findings in what could be checked.</p>")
    elif report.smoke is not None and report.smoke.exit_code:
        out.append(f"<p class='verdict warn'>{text(smoke_line(report.smoke.exit_code))}</p>")
    elif report.smoke is not None:
        out.append("<p class='verdict good'><b>All clear.</b> Every check that applies has passed.</p>")
    elif files:
        new = " that is new" if report.summary.baselined else ""
        out.append(f"<p class='verdict good'><b>All clear.</b> Nothing{new} was found in {plural(files, 'file')}.</p>")
    else:
        out.append("<p class='verdict warn'><b>No files were checked.</b> There are none, or all are excluded.</p>")
    aside = []
    if fixable := fixable_line(report.diagnostics):
        aside.append(prose(fixable))
    if report.summary.fixed:
        aside.append(f"{report.summary.fixed} fixed in this run.")
    if report.summary.baselined:
        aside.append(f"{plural(report.summary.baselined, 'finding')} known already.")
    if report.summary.gone:
        aside.append(f"{plural(report.summary.gone, 'finding')} of then gone.")
    if report.summary.suppressed:
        aside.append(f"{plural(report.summary.suppressed, 'finding')} suppressed by comments.")
    if report.inactive:
        number = len({rule.code for rule in report.inactive})
        are = "rule is" if number == 1 else "rules are"
        aside.append(f'{number} {are} <a href="#inactive">inactive</a> until configured.')
    if aside:
        out.append(f"<p class=aside>{' '.join(aside)}</p>")
    if report.inference is not None:
        out.append(_inferred(report))
    out += [f"<p class='note warn'>{prose(warning)}</p>" for warning in report.warnings]
    return f"<div class=verdicts>{''.join(out)}</div>"


def _inferred(report: Report) -> str:
    inference = report.inference
    assert inference is not None
    if inference.surface:
        reasons = f" ({text(', '.join(inference.reasons))})" if inference.reasons else ""
        names = ", ".join(f"<code>{text(name)}</code>" for name in (inference.surface, *inference.related))
        told = f"the surface is inferred: {names}{reasons}"
    else:
        told = "no surface could be inferred"
    free = ""
    if inference.free:
        names = ", ".join(f"<code>{text(name)}</code>" for name, _ in inference.free)
        free = f" In general use, and so left free: {names}."
    return f"<p class='note'>There is no configuration: {told}.{free} <code>obs-lint init</code> writes one.</p>"


def _failures(report: Report, context: Context) -> str:
    out = []
    for failure in report.failures:
        where = failure_place(failure)
        place = f"<p class=at>{located(where, failure.path, failure.line, context)}</p>" if where else ""
        do = f"<p class=do><b>Do</b> {prose(advice(failure))}</p>" if advice(failure) else ""
        message = f"<p class=m><span class=e>{text(failure.code)}</span> {prose(failure.message)}</p>"
        out.append(f"<li class=f>{message}{place}{do}")
    return f"<ol class=fs>{''.join(out)}</ol>"


def _overview(report: Report, supplement: Supplement, packages: Mapping[str, str]) -> str:
    found = report.diagnostics or report.known
    slugs = {diagnostic.code: diagnostic.slug for diagnostic in found}
    tables = []
    rules = Counter(diagnostic.code for diagnostic in found)
    heads = {code: f"<span class=code>{text(code)}</span> {text(slugs[code])}" for code in rules}
    worst = {code: min(d.severity for d in found if d.code == code) for code in rules} if len(rules) < 100 else {}
    tables.append(_tally("By rule", "Rule", rules, "rule", heads, worst))
    if supplement.owners is not None:
        owned: Counter[str] = Counter()
        for path, number in Counter(diagnostic.path for diagnostic in found).items():
            for owner in supplement.owners(path) or (NOBODY,):
                owned[owner] += number
        tables.append(_tally("By owner", "Owner", owned, "owner", {}, {}))
    modules = Counter(packages[module_of(diagnostic.path)] for diagnostic in found)
    tables.append(_tally("By module", "Module", modules, "module", {}, {}))
    what = "" if report.diagnostics else "<p class=lead>Of the known findings:</p>"
    return f"{what}<div class=tables>{''.join(tables)}</div>"


def _tally(
    caption: str,
    head: str,
    tally: Mapping[str, int],
    key: str,
    names: Mapping[str, str],
    worst: Mapping[str, Severity],
) -> str:
    """Return a table of counts with bars; each name leads to its findings."""
    ordered = sorted(tally, key=lambda name: (-tally[name], name))
    top = max(tally.values(), default=1)

    def row(name: str) -> str:
        shown = names.get(name) or text(name, 200)
        if key == "rule":
            label = f'<a href="{query(rule=name)}">{shown}</a>'
        else:
            label = f'<span data-go="{query(**{key: name})}">{shown}</span>'
        wide = max(1, round(100 * tally[name] / top))
        kind = worst[name].value if name in worst else "plain"
        bar = f'<svg class="meter {kind}" aria-hidden=true><rect width="{wide}%" height="100%" rx="2"/></svg>'
        return f"<tr><th scope=row>{label}{bar}<td class=num>{tally[name]}"

    def table(names: Sequence[str], title: str) -> str:
        heads = f"<th scope=col>{head}<th scope=col class=num>findings"
        rows = "".join(map(row, names))
        return f"<table class=tally><caption>{title}</caption><thead><tr>{heads}<tbody>{rows}</table>"

    if len(ordered) <= _ROWS + 1:
        return f"<div>{table(ordered, caption)}</div>"
    rest = ordered[_ROWS:]
    return (
        f"<div>{table(ordered[:_ROWS], caption)}<details class=more><summary>{len(rest)} more"
        f"</summary>{table(rest, caption + ', continued')}</details></div>"
    )


def _surface(shown: surface.Picture) -> str:
    out = [f"<p class=lead>{prose(surface.description(shown))}</p>"]
    if shown.unjudged:
        codes = ", ".join(shown.unjudged)
        out.append(f"<p class='note warn'>{codes} did not run: imports that only they would find are missing here.</p>")
    if shown.ways or shown.through is not None:
        out.append(f"<figure>{surface.drawn(shown, 960)}{surface.drawn(shown, 340)}</figure>")
    if table := surface.table(shown):
        out.append(f"<details class=more><summary>The picture as a table</summary>{table}</details>")
    return "".join(out)


def _findings(
    report: Report,
    context: Context,
    supplement: Supplement,
    listed: Listing,
    files: Files,
    packages: Mapping[str, str],
) -> str:
    if not listed.entries:
        unlisted = report.summary.baselined
        aside = f" {plural(unlisted, 'known finding')} not listed here." if unlisted else ""
        complete = " in what could be checked" if report.failures else ""
        return f"<p class=lead>None{complete}.{aside}</p>"
    out = [_filters(listed, supplement, packages)]
    if listed.left_out:
        out.append(
            f"<p class='note warn'>{plural(listed.left_out, 'finding')} more, the mildest and the known ones, "
            "{} not listed on this page: <code>obs-lint check --output-format json</code> has them all.</p>".format(
                "is" if listed.left_out == 1 else "are"
            )
        )
    if unlisted := max(0, report.summary.baselined - len(report.known)):
        are = "is" if unlisted == 1 else "are"
        out.append(f"<p class=note>{plural(unlisted, 'known finding')} {are} not listed.</p>")
    out.append(f"<div id=groups>{by_rule(listed, files, report, context)}</div>")
    return "".join(out)


def _filters(listed: Listing, supplement: Supplement, packages: Mapping[str, str]) -> str:
    """The form that narrows the findings; it is hidden where no script runs, since it would do nothing."""
    entries = listed.entries
    diagnostics = [entry.diagnostic for entry in entries]
    slugs = {diagnostic.code: diagnostic.slug for diagnostic in diagnostics}
    rules = Counter(diagnostic.code for diagnostic in diagnostics)
    severities = Counter(diagnostic.severity for diagnostic in diagnostics)
    modules = Counter(packages[module_of(diagnostic.path)] for diagnostic in diagnostics)
    boxes = "".join(
        f'<label class=box><input type=checkbox name=severity value="{severity.value}" checked>'
        f"<span class={severity.value[0]}>{severity.value}</span> {severities[severity]}</label>"
        for severity in Severity
        if severities[severity]
    )
    out = [
        "<form class=filters id=filters hidden aria-label='Filter findings'>",
        "<label class=grow>Path, message or symbol<input type=search name=q autocomplete=off spellcheck=false></label>",
        _choice("rule", "Rule", {code: f"{code} {slugs[code]}" for code in sorted(rules)}, rules),
    ]
    if supplement.owners is not None:
        owners: Counter[str] = Counter()
        for diagnostic in diagnostics:
            owners.update(supplement.owners(diagnostic.path) or (NOBODY,))
        out.append(_choice("owner", "Owner", {name: name for name in sorted(owners)}, owners))
    out.append(_choice("module", "Module", {name: name for name in sorted(modules)}, modules))
    new = sum(not entry.known for entry in entries)
    known = len(entries) - new
    if known:
        start = "new" if new else "known"
        options = "".join(
            f'<option value="{value}"{" selected" if value == start else ""}>{value} ({number})</option>'
            for value, number in (("new", new), ("known", known), ("all", new + known))
        )
        out.append(f'<label>State<select name=state data-start="{start}">{options}</select></label>')
    by = {"rule": "rule", **({"owner": "owner"} if supplement.owners else {}), "module": "module", "file": "file"}
    options = "".join(f'<option value="{name}">{name}</option>' for name in by)
    out.append(f"<label>Group by<select name=by>{options}</select></label>")
    if len(severities) > 1:
        out.append(f"<fieldset><legend>Severity</legend>{boxes}</fieldset>")
    out.append(
        "<div class=acts><button type=reset>Clear</button><button type=button id=fold>Close all</button>"
        "<button type=button id=share>Copy link</button></div></form>"
        "<p class=shown id=count role=status aria-live=polite></p>"
    )
    return "".join(out)


def _choice(name: str, label: str, options: Mapping[str, str], tally: Mapping[str, int]) -> str:
    made = "".join(
        f'<option value="{text(value)}">{text(shown, 120)} ({tally[value]})</option>'
        for value, shown in options.items()
    )
    return f"<label>{label}<select name={name}><option value=''>all</option>{made}</select></label>"


def _inactive(report: Report) -> str:
    keys: dict[str, list[tuple[str, str]]] = {}
    for rule in sorted(report.inactive, key=lambda rule: (rule.needs, rule.code)):
        keys.setdefault(rule.needs, []).append((rule.code, rule.finds))
    out = [
        "<p class=lead>These rules looked for nothing, since a key of the configuration is not set.</p><dl class=keys>"
    ]
    for key, rules in keys.items():
        finds = "".join(f"<li><span class=code>{text(code)}</span> {prose(what)}" for code, what in rules)
        out.append(f"<dt><code>{text(key)}</code><dd><ul>{finds}</ul>")
    out.append("</dl>")
    return "".join(out)


def _facts(
    files: Files,
    packages: Mapping[str, str],
    supplement: Supplement,
) -> dict[str, object]:
    """Of each file what the script can't read from its findings: path, package, module, owners."""

    def owners(path: str) -> Iterable[str]:
        if supplement.owners is None:
            return ()
        return [visible(owner) for owner in files[path][1]] or (NOBODY,)

    def row(path: str) -> list[str]:
        module = files[path][0]
        return [visible(cut(path)), visible(packages[module]), visible(cut(module)), *owners(path)]

    return {"files": [row(path) for path in files]}
