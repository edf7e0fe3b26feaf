"""The markdown format, read back by the parser that GitHub uses: what was put in comes out, and nothing else."""

from __future__ import annotations

import html.parser
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from obs_lint.diagnostic import Applicability, Diagnostic, Edit, Fix, Position, Severity, Span
from obs_lint.report import Failure, Inactive, Inference, Report, Summary
from obs_lint.reporters import render
from obs_lint.reporters.gfm import block, code, link, plain, prose, row
from obs_lint.reporters.markdown import LIMIT
from obs_lint.reporters.text import visible

cmarkgfm = pytest.importorskip("cmarkgfm", reason="pip install obs-lint[test]")

URL = "https://github.com/acme/shop/blob/3f2a/"


@dataclass
class Page(html.parser.HTMLParser):
    """What a browser would show: tables of cells, links, blocks of code, headings."""

    tables: list[list[list[str]]] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    blocks: list[str] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    text: str = ""
    _target: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self._target = "cell"
        elif tag == "a":
            self.links.append(dict(attributes).get("href") or "")
        elif tag == "pre":
            self.blocks.append("")
            self._target = "block"
        elif re.fullmatch("h[1-6]", tag):
            self.headings.append("")
            self._target = "heading"

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "pre") or re.fullmatch("h[1-6]", tag):
            self._target = ""

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._target == "cell":
            self.tables[-1][-1][-1] += data
        elif self._target == "block":
            self.blocks[-1] += data
        elif self._target == "heading":
            self.headings[-1] += data


def read(text: str) -> Page:
    page = Page()
    page.feed(cmarkgfm.github_flavored_markdown_to_html(text, options=cmarkgfm.cmark.Options.CMARK_OPT_UNSAFE))
    page.close()
    for table in page.tables:
        assert len({len(cells) for cells in table}) == 1, table
    return page


def cell(markdown: str) -> str:
    """What a cell shows, in a table of three columns whose other cells must stay what they are."""
    page = read("\n".join(["| a | b | c |", "|---|---|---|", row(["left", markdown, "right"])]))
    ((_, (left, middle, right)),) = page.tables
    assert (left, right) == ("left", "right")
    return middle


NASTY = st.text(st.one_of(st.sampled_from("|\\`*_~[]()<>&#!$%+-.:@0 \n\t"), st.characters()), max_size=30)


def squeezed(text: str) -> str:
    return re.sub(r"[ \t]+", " ", text).strip()


@given(text=NASTY)
@example(text="a\\|b")
@example(text="a`|`b\\")
@example(text="`")
@example(text="\\|")
@settings(database=None, deadline=None)
def test_code_in_a_cell_arrives_whole(text: str) -> None:
    assert squeezed(cell(code(text))) == squeezed(visible(text))


@given(text=NASTY)
@example(text="a|b *c* _d_ <e> &amp; [f](g) ~~h~~ \\| \\\\|")
@settings(database=None, deadline=None)
def test_plain_text_in_a_cell_arrives_whole(text: str) -> None:
    assert squeezed(cell(plain(text))) == squeezed(visible(text))


@given(text=NASTY.filter(lambda text: "`" not in text))
@settings(database=None, deadline=None)
def test_prose_arrives_whole(text: str) -> None:
    expected = squeezed(visible(" ".join(text.split())))
    assert squeezed(cell(prose(text))) == expected
    page = read(f"# {prose(text)} #") if expected else None
    assert page is None or squeezed(page.text) == expected


@given(parts=st.lists(st.text(st.sampled_from("ab|\\*_<&. "), min_size=1, max_size=6), min_size=3, max_size=3))
@settings(database=None, deadline=None)
def test_code_within_prose(parts: list[str]) -> None:
    before, inside, after = parts
    if not inside.strip():
        return
    text = f"{before}`{inside}`{after}"
    if inside.strip() == inside:
        assert squeezed(cell(prose(text))) == squeezed(text.replace("`", ""))
    assert "code" in read(row(["x"]) + "\n|---|\n" + row([prose(text)])).tags


@given(lines=st.lists(st.text(st.sampled_from("`~ a|#-\t<"), max_size=8), max_size=6))
@settings(database=None, deadline=None)
def test_nothing_closes_a_block(lines: list[str]) -> None:
    page = read("\n".join([*block(lines, "diff"), "", "after"]))
    (shown,) = page.blocks
    assert shown == "".join(f"{line}\n" for line in lines)


@given(path=NASTY)
@settings(database=None, deadline=None)
def test_links_hold_any_path(path: str) -> None:
    page = read(row(["h"]) + "\n|---|\n" + row([link("x", URL + path)]))
    assert len(page.links) == 1
    assert page.links[0].startswith(URL.removesuffix("/"))


# -- pages


def found(
    path: str, line: int, rule: str = "OBS102", severity: Severity = Severity.ERROR, message: str = ""
) -> Diagnostic:
    return Diagnostic(
        code=rule,
        slug=f"slug-of-{rule.lower()}",
        severity=severity,
        message=message or f"`logging` imported in line {line}",
        path=path,
        span=Span(Position(line, 8), Position(line, 15)),
        help="Emit through `shop.obs`.",
        fingerprint=f"{rule}:{path}:{line}",
    )


def shown(report: Report, **given: object) -> str:
    text = render("markdown", report, source_url=URL, **given)  # type: ignore[arg-type]
    assert len(text.encode()) <= LIMIT
    return text


def test_rules_new_and_known_are_counted_apart() -> None:
    new = (found("a.py", 1), found("a.py", 2), found("b.py", 1, "OBS108", Severity.WARNING))
    known = (*(found("old.py", line) for line in range(1, 8)), found("old.py", 9, "OBS501", Severity.WARNING))
    report = Report(
        new,
        known=known,
        summary=Summary(files=12, baselined=8, gone=3),
        rules={"OBS102": ("why", "https://example.org/obs102/")},
        summaries={"OBS102": "A | library is `imported | here`."},
    )
    page = read(shown(report))
    assert page.headings == ["obs-lint: 3 new findings (2 errors, 1 warning)", "New findings", "What to do next"]
    assert "12 files · 8 known · 3 gone since the base" in page.text
    table = page.tables[0]
    assert table == [
        ["rule", "severity", "new", "known", "what it is about"],
        ["OBS102 slug-of-obs102", "error", "2", "7", "A | library is imported | here."],
        ["OBS108 slug-of-obs108", "warning", "1", "0", ""],
        ["OBS501 slug-of-obs501", "warning", "0", "1", ""],
        ["all", "", "3", "8", ""],
    ]
    assert page.tables[1][1:] == [
        ["a.py:1:8", "logging imported in line 1"],
        ["a.py:2:8", "logging imported in line 2"],
    ]
    assert f"{URL}a.py#L1" in page.links
    assert "https://example.org/obs102/" in page.links
    assert [cells[0] for cells in page.tables[3][1:]] == ["old.py:1:8", "old.py:2:8", "old.py:3:8", "old.py:9:8"]


@pytest.mark.parametrize(
    ("report", "heading"),
    [
        (Report((), summary=Summary(files=3)), "obs-lint: no findings"),
        (Report((), summary=Summary(files=3, gone=0)), "obs-lint: nothing new"),
        (Report((), known=(found("a.py", 1),), summary=Summary(files=3, baselined=1)), "obs-lint: nothing new"),
        (Report((found("a.py", 1),)), "obs-lint: 1 finding (1 error)"),
        (Report((found("a.py", 1),), summary=Summary(gone=1)), "obs-lint: 1 new finding (1 error)"),
        (Report((), (Failure("OBS900", "a.py", "no"),)), "obs-lint: not everything could be checked"),
    ],
)
def test_the_heading_says_what_it_comes_to(report: Report, heading: str) -> None:
    assert read(shown(report)).headings[0] == heading


def test_never_a_word_of_success_beside_a_failure() -> None:
    failures = (Failure("OBS900", "bad|file.py", "invalid `syntax` | x", 3, 5), Failure("config", "", "unknown key"))
    page = read(shown(Report((), failures, summary=Summary(files=1))))
    assert page.tables[0][1][0] == "bad|file.py:3:5"
    assert page.tables[0][1][1].startswith("OBS900 invalid syntax | x Correct the file")
    assert page.tables[0][2][1].startswith("config unknown key")
    assert "until then this is no result" in page.text
    assert not re.search("no findings|nothing new|clear", page.text, re.IGNORECASE)


PATHS = [
    "a b.py",
    "a,b.py",
    "100%/x.py",
    "new\nline.py",
    "caf\udce9.py",
    "päth/日本.py",
    "a|b`c\\d.py",
    "(x)[y].py",
    "#.py",
]


@pytest.mark.parametrize("path", PATHS)
def test_awkward_paths(path: str) -> None:
    message = "50% of ::set-output:: ##[error] `a|b` and \\| «ü» 日本"
    page = read(shown(Report((found(path, 3, message=message),)), prefix="back end/"))
    assert page.tables[1][1] == [f"{visible(path)}:3:8", message.replace("`", "")]
    assert len(page.links) == 1
    assert re.fullmatch(re.escape(URL) + r"back%20end/[!-~]+#L3", page.links[0])


def test_5000_findings_leave_room_for_each_rule() -> None:
    many = tuple(
        found(f"services/module_{number % 300:03}/file.py", number // 300 + 1, "OBS102", message="x|" * 60)
        for number in range(4900)
    )
    few = tuple(found(f"few/{number}.py", 1, f"OBS{number + 200}") for number in range(100))
    text = shown(Report((*many, *few), known=many, summary=Summary(files=300, baselined=4900)))
    page = read(text)
    assert len(text.encode()) < 900 * 1024
    assert all(f"few/{number}.py:1:8" in page.text for number in range(100))
    cut = re.search(r"… and (\d+) more: obs-lint check --select OBS102 lists all", page.text)
    rows = sum(cells[0].startswith("services/") for table in page.tables[1:-1] for cells in table)
    assert cut
    assert rows + int(cut[1]) == 4900
    assert rows > 1000


def test_thousands_of_rules_and_failures_stay_within_the_limit() -> None:
    rules = tuple(found("a.py", number + 1, f"TEAM{number}", message="m" * 9000) for number in range(1500))
    failures = tuple(Failure("OBS900", f"{number}.py", "n" * 5000) for number in range(1500))
    page = read(shown(Report(rules, failures, known=rules, summary=Summary(baselined=1500))))
    assert "1300 more rules" in page.text
    assert page.tables[1][-1][2:4] == ["1500", "1500"]


# -- fixes

SOURCE = ["import os", "import logging", "", "def größe(): return logging.info('```')", "x = 1", ""]


def edit(line: int, column: int, end: int, text: str, path: str = "shop/a.py") -> Edit:
    return Edit(path, Span(Position(line, column), Position(line, end)), text)


def fixed(line: int, *edits: Edit, safe: bool = True) -> Diagnostic:
    fix = Fix("Use the surface", Applicability.SAFE if safe else Applicability.UNSAFE, edits)
    return replace(found("shop/a.py", line), fix=fix)


def diffs(*diagnostics: Diagnostic, source: Sequence[str] = SOURCE) -> list[str]:
    text = shown(Report(diagnostics), sources=lambda path: source if path.startswith("shop/") else None, prefix="back/")
    return read(text).blocks


def test_safe_fixes_are_shown_as_a_diff() -> None:
    imported = edit(1, 1, 1, "from shop.obs import log\n")
    one = fixed(2, edit(2, 1, 15, "import json"), imported)
    two = fixed(4, edit(4, 21, 28, "log"), imported)
    (diff,) = diffs(one, two)
    assert diff.splitlines() == [
        "--- a/back/shop/a.py",
        "+++ b/back/shop/a.py",
        "@@ -1,5 +1,6 @@",
        "+from shop.obs import log",
        " import os",
        "-import logging",
        "+import json",
        " ",
        "-def größe(): return logging.info('```')",
        "+def größe(): return log.info('```')",
        " x = 1",
    ]


def test_fixes_that_are_not_shown() -> None:
    assert not diffs(fixed(2, edit(2, 1, 15, "x"), safe=False))
    assert not diffs(fixed(2))
    assert not diffs(fixed(2, edit(99, 1, 1, "x")))
    assert not diffs(fixed(2, edit(2, 1, 15, "x", "elsewhere.py")))
    (diff,) = diffs(fixed(2, edit(2, 1, 15, "first")), fixed(2, edit(2, 8, 15, "second")))
    assert "+first" in diff
    assert "second" not in diff
    (diff,) = diffs(fixed(5, edit(6, 1, 1, "y = 2\n")))
    assert diff.endswith(" x = 1\n+y = 2\n")


def test_fixes_have_a_budget() -> None:
    many = [
        replace(fixed(1, edit(1, 1, 1, "y" * 3000, f"shop/{number}.py")), path=f"shop/{number}.py")
        for number in range(100)
    ]
    text = shown(Report(tuple(many)), sources=lambda path: ["x = 1"])
    assert "Fixes that are safe: 100" in text
    assert re.search(r"The diffs of \d\d more files: `obs-lint check --diff`", text)
    assert sum(map(len, read(text).blocks)) < 70_000


# -- what to do next


def test_what_to_do_next() -> None:
    page = read(shown(Report((fixed(2, edit(2, 1, 15, "x")), found("shop/a.py", 9)))))
    assert "obs-lint check --fix mends 1 of 2 findings" in page.text
    assert "obs-lint rule OBS102 says why" in page.text
    assert "# obs: ignore[OBS102] reason" in page.text
    mild = read(shown(Report((found("a.py", 1, severity=Severity.INFO),))))
    assert "None of them fails the run" in mild.text
    inferred = Report((found("a.py", 1),), inference=Inference("shop.obs"), inactive=(Inactive("OBS401", "x", "y"),))
    assert "obs-lint init" in read(shown(inferred)).text
