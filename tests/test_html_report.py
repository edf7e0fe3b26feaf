"""The html page: what it says without a browser, and how it behaves in Chromium."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from obs_lint.cli import main
from obs_lint.diagnostic import Applicability, Diagnostic, Fix, Position, Severity, Span, TrailStep
from obs_lint.fingerprints import fingerprinted
from obs_lint.inventory.model import Inventory
from obs_lint.inventory.supplement import with_events
from obs_lint.report import Failure, Inactive, Inference, Report, Summary
from obs_lint.reporters import render
from obs_lint.reporters.html.excerpt import excerpt
from obs_lint.reporters.html.findings import MOST
from obs_lint.reporters.html.packages import grouped, module_of
from obs_lint.reporters.supplement import Event, Place, Supplement
from tests.browser import chromium, missing

EVIL = "</script ></style><img src=x onerror=\"document.title='owned'\">'\u2028\u202e\x00]]>--><!--\udce9&lt;"
EVIL_SHOWN = "</script ></style><img src=x onerror=\"document.title='owned'\">'\\u2028\\u202e\\x00]]>--><!--\\udce9&lt;"


# -- reports


def diagnostic(path: str = "shop/jobs.py", line: int = 3, **more: Any) -> Diagnostic:
    """One finding; `more` are fields that differ from an ordinary one."""
    span = Span(Position(line, 8), Position(line, 15))
    made = Diagnostic(
        "OBS102", "direct-telemetry-import", Severity.ERROR, "`logging` imported", path, span, "shop.jobs", "logging"
    )
    return replace(made, **more)


def report(*found: Diagnostic, known: Sequence[Diagnostic] = (), **more: Any) -> Report:
    both = fingerprinted([*sorted(found, key=lambda d: d.sort_key), *known])
    new, old = tuple(both[: len(found)]), tuple(both[len(found) :])
    summary = more.pop("summary", Summary(40, baselined=len(old)))
    return Report(new, known=old, summary=summary, **more)


def several() -> Report:
    """Everything that a report can hold."""
    trail = (TrailStep("shop/telemetry.py", Position(2, 1), "`trace` is re-exported here"),)
    fix = Fix("Replace `logging` by the surface", Applicability.UNSAFE, ())
    found = [
        diagnostic(line=3, help="Emit through the surface.", fix=fix),
        diagnostic(line=9, help="Emit through the surface."),
        diagnostic("shop/api/routes.py", 1, code="OBS103", slug="laundered", target="opentelemetry.trace", trail=trail),
        diagnostic("shop/api/views.py", 2, code="OBS501", slug="swallowed-error", severity=Severity.WARNING),
        diagnostic(
            "billing/src/pay.py", 5, code="OBS108", slug="printed", severity=Severity.INFO, symbol="billing.pay"
        ),
        diagnostic("notes/a.ipynb", 2, cell=4),
    ]
    return report(
        *found,
        known=[diagnostic("legacy/old.py", n, target="structlog") for n in range(1, 4)],
        failures=(Failure("OBS900", "shop/broken.py", "invalid syntax", 2, 4),),
        inactive=(Inactive("OBS401", "correlation.internal-hosts", "A call carries no `header`."),),
        rules={"OBS102": ("Why `it` matters.\n\nMore.", "https://obs-lint.test/OBS102/")},
        summaries={"OBS102": "A telemetry library is imported."},
    )


EVENTS = (
    Event(
        "shop.a",
        (Place("reg.yaml", 3),),
        (Place("shop/jobs.py", 4, "shop.jobs.run", "api", False),),
        2,
        "What `it` is.",
    ),
    Event("shop.b", (Place("reg.yaml", 5),), (), 0, severity="info", owner="team-b", deprecated=True),
    Event("shop.c", (), (Place("shop/jobs.py", 9),), 0),
    Event("shop.d", seen=1),
)
SUPPLEMENT = Supplement(
    title="shop",
    owners=lambda path: ("@shop",) if path.startswith("shop") else (),
    surface=("shop.obs",),
    through=12,
    reaches={"structlog": 2},
    events=EVENTS,
    unresolvable=(Place("shop/jobs.py", 12),),
    problems=("reg2.yaml:1: can't be read",),
)
LINES = [f"import logging  # line {number}" for number in range(1, 15)]


def sources(path: str) -> list[str] | None:
    return None if path.startswith("legacy") else LINES


def html(shown: Report, supplement: Supplement | None = None, **more: Any) -> str:
    return render("html", shown, **{"sources": sources, "supplement": supplement, **more})


def hostile() -> tuple[Report, Supplement, dict[str, Any]]:
    """A report with the same attack in every field that a project can choose."""
    fields: dict[str, Any] = dict.fromkeys(("message", "path", "symbol", "target", "help", "slug", "code"), EVIL)
    trail = (TrailStep(EVIL, Position(1, 1), EVIL),)
    fix = Fix(EVIL, Applicability.SAFE, ())
    found = [
        diagnostic(**fields, trail=trail, fix=fix),
        diagnostic(path=EVIL + "/x.py", target=EVIL, line=1),
        diagnostic(path="a b/%41,\n\r\t#?.py", target="x", line=2),
    ]
    rules = {code: (EVIL, url) for code, url in ((EVIL, "javascript:alert(1)"), ("OBS102", f'https://x.test/"{EVIL}'))}
    inference = Inference(EVIL, (EVIL,), related=(EVIL,), free=((EVIL, 1),))
    shown = report(
        *found,
        known=[diagnostic(message=EVIL, path=EVIL + "/known.py")],
        failures=(Failure(EVIL, EVIL, EVIL), Failure("OBS900", EVIL, EVIL)),
        inactive=(Inactive(EVIL, EVIL, EVIL),),
        rules=rules,
        summaries={EVIL: EVIL, "OBS102": EVIL},
        warnings=(EVIL,),
        inference=inference,
    )
    place = Place(EVIL, 1, EVIL, EVIL)
    event = Event(EVIL, (place,), (place,), 1, EVIL, EVIL, EVIL)
    supplement = Supplement(
        EVIL, lambda path: (EVIL, "@b"), (EVIL,), 3, {EVIL: 1}, (event, Event(EVIL + "2", (place,))), (place,), (EVIL,)
    )
    return shown, supplement, {"sources": lambda path: [EVIL] * 9, "source_url": f"https://x.test/{EVIL}/"}


class Page(HTMLParser):
    """A page as elements and the text in them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.contents: dict[str, list[str]] = {}
        self.words: list[str] = []
        self._inside = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag if tag in ("script", "style") else ""

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.contents.setdefault(self._inside, []).append(data)
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        return [has for name, has in self.elements if name == tag and wanted.items() <= has.items()]

    def of_class(self, name: str) -> list[tuple[str, dict[str, str | None]]]:
        return [element for element in self.elements if name in (element[1].get("class") or "").split()]


@cache
def awkward() -> str:
    shown, supplement, more = hostile()
    return html(shown, supplement, **more)


@cache
def ordinary() -> str:
    return html(several(), SUPPLEMENT)


@cache
def large(number: int) -> str:
    found = [
        diagnostic(
            f"services/area{n % 7}/team{n % 11}/module_{n % 300}.py",
            n // 300 + 1,
            code=("OBS102", "OBS107", "OBS501")[n % 3],
            message="`opentelemetry` imported outside the observability surface, which is not allowed",
            severity=(Severity.ERROR, Severity.WARNING)[n % 2],
        )
        for n in range(number)
    ]
    line = "        self.tracer.start_as_current_span('an operation of the service', attributes={'key': value})  " * 3
    return html(
        report(*found), replace(SUPPLEMENT, owners=lambda path: (path[:14],)), sources=lambda path: [line] * 340
    )


# -- the page without a browser


@pytest.mark.parametrize("page", [ordinary, awkward, lambda: html(Report(())), lambda: large(5000)])
def test_the_page_is_self_contained_and_its_parts_are_allowed_by_its_own_policy(page: Any) -> None:
    made = page()
    assert made.isascii()
    parsed = Page(made)
    [policy] = [has["content"] for has in parsed.all("meta") if has.get("http-equiv") == "Content-Security-Policy"]
    assert policy and policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    [style] = parsed.contents["style"]
    data, script = parsed.contents["script"]
    for part in (style, script):
        assert f"'sha256-{b64encode(sha256(part.encode()).digest()).decode()}'" in policy
    assert isinstance(json.loads(data)["files"], list)
    for tag, has in parsed.elements:
        assert tag not in ("iframe", "object", "embed", "base", "img")
        assert not any(name.startswith("on") or name in ("style", "src", "srcset") for name in has)
        address = has.get("href") or "#"
        assert address.startswith(("#", "https://", "data:image/svg+xml,%3C")), address
        assert address.startswith("#") or tag == "link" or has.get("rel") == "noopener noreferrer"


@pytest.mark.parametrize("page", [ordinary, awkward, lambda: html(Report(()))])
def test_ids_are_unique_and_what_refers_to_them_finds_them(page: Any) -> None:
    parsed = Page(page())
    ids = [has["id"] for _, has in parsed.elements if has.get("id")]
    assert [name for name, number in Counter(ids).items() if number > 1] == []
    for _, has in parsed.elements:
        if labelled := has.get("aria-labelledby"):
            assert labelled in ids
        if (address := has.get("href") or "").startswith("#") and "=" not in address:
            assert address[1:] in ids


def test_what_a_project_chooses_is_text_wherever_it_stands() -> None:
    parsed = Page(awkward())
    assert parsed.text.count(EVIL_SHOWN) > 30
    assert EVIL not in awkward()
    assert EVIL_SHOWN in [file[0] for file in json.loads(parsed.contents["script"][0])["files"]]
    assert "javascript:" not in awkward()


def test_everything_that_a_finding_says_is_there_without_a_script() -> None:
    text = Page(ordinary()).text
    for said in (
        "OBS102 logging imported",
        "shop/jobs.py:3:8",
        "notes/a.ipynb:cell 4:2:8",
        "trace is re-exported here",
        "Replace logging by the surface obs-lint check --fix --unsafe-fixes",
        "The page of OBS102",
        "import logging # line 3",
    ):
        assert said in text, said
    assert text.count("Emit through the surface.") == 1
    assert text.count("A telemetry library is imported.") == 1
    parsed = Page(ordinary())
    assert len([tag for tag, _ in parsed.of_class("known") if tag == "span"]) == 3
    assert [has["hidden"] for _, has in parsed.of_class("filters")] == [None, None]


def test_a_page_is_never_clean_by_mistake() -> None:
    failure = Failure("internal", "a.py", "the check crashed")
    known = [diagnostic("legacy/old.py")]
    said = {
        "nothing": Page(html(Report(()))).text,
        "clear": Page(html(report(summary=Summary(4)))).text,
        "failed": Page(html(report(failures=(failure,), summary=Summary(4)))).text,
        "known": Page(html(report(known=known))).text,
        "unlisted": Page(html(report(summary=Summary(4, baselined=7)))).text,
    }
    assert [name for name, text in said.items() if "All clear" in text] == ["clear", "known", "unlisted"]
    assert "No files were checked" in said["nothing"]
    assert "Incomplete." in said["failed"]
    assert "the check crashed" in said["failed"]
    assert "None in what could be checked" in said["failed"]
    assert "Nothing that is new" in said["known"]
    assert "7 known findings not listed here" in said["unlisted"]
    assert "OBS401" in Page(ordinary()).text
    assert "correlation.internal-hosts" in Page(ordinary()).text
    assert "The catalogue is incomplete: reg2.yaml:1: can't be read" in Page(ordinary()).text
    unjudged = report(diagnostic(), judged=("OBS102", "OBS501"))
    assert "OBS103, OBS104 did not run" in Page(html(unjudged)).text


def test_a_large_report_stays_small_and_says_what_it_leaves_out() -> None:
    page = large(5000)
    assert len(page) < 3_000_000
    assert len(Page(page).of_class("f")) == 5000
    assert "not listed on this page" not in page
    beyond = large(MOST + 250)
    assert len(Page(beyond).of_class("f")) == MOST
    text = Page(beyond).text
    assert "250 findings more, the mildest and the known ones, are not listed on this page" in text
    assert f"{(MOST + 250) // 2} errors, {(MOST + 250) // 2} warnings" in text


def test_the_same_report_is_the_same_page() -> None:
    assert html(several(), SUPPLEMENT) == ordinary()


def test_places_are_links_where_a_forge_shows_them() -> None:
    page = html(report(diagnostic("a b/%#?ü\udce9.py")), source_url="https://forge.test/x/blob/1/", prefix="sub dir/")
    [link] = [has["href"] for _, has in Page(page).of_class("p")]
    assert link == "https://forge.test/x/blob/1/sub%20dir/a%20b/%25%23%3F%C3%BC%E9.py#L3"


def test_the_picture_shows_who_imports_what_past_the_surface() -> None:
    parsed = Page(ordinary())
    wide, small = parsed.all("svg", role="img")
    told = (
        "The surface is shop.obs; 12 modules import it. 7 imports of 3 telemetry libraries from 4 packages go past it."
    )
    assert wide["aria-label"] == small["aria-label"] == told
    assert told in parsed.text
    assert len(parsed.of_class("past")) == 2 * 4
    table = parsed.text.partition("Imports past the surface")[2].partition("Findings")[0]
    assert (
        table.split()
        == (
            "Package imports times of them known legacy.old structlog 3 3 shop.jobs logging 2 0"
            " notes.a logging 1 0 shop.api opentelemetry 1 0"
        )
        .replace("shop.api", "shop.api.routes")
        .split()
    )


def test_hundreds_of_packages_are_drawn_as_a_few() -> None:
    found = [diagnostic(f"top{n % 40}/m{n}.py", target=f"library{n % 25}.x") for n in range(400)]
    parsed = Page(html(report(*found), SUPPLEMENT))
    assert len(parsed.of_class("bar")) == 2 * (12 + 10)
    assert "others" in parsed.text


def test_the_catalogue_joins_what_is_declared_emitted_and_seen() -> None:
    parsed = Page(ordinary())
    states = [has["data-state"] for _, has in parsed.elements if "data-state" in has]
    assert states == ["unregistered", "foreign", "never emitted", "in order"]
    assert "4 events: 2 declared, 2 emitted in the code, 2 seen in the run." in parsed.text
    assert "seen × 2" in parsed.text
    assert "1 emission of an event that can't be told" in parsed.text
    alone = Page(html(Report(()), replace(SUPPLEMENT, events=tuple(e._replace(seen=None) for e in EVENTS[:3]))))
    assert "seen" not in alone.text.partition("Events")[2]


def test_what_a_run_has_seen_joins_an_inventory() -> None:
    none = Inventory("x", (), (), (), (), 0, ("a problem",))
    made = with_events(Supplement(), none, {"shop.x": 3, "obs.contract_violation": 1})
    assert made.events == (Event("shop.x", seen=3),)
    assert made.problems == ("a problem",)


@pytest.mark.parametrize(
    ("path", "module"),
    [
        ("services/api/src/jobs.py", "services.api.jobs"),
        ("shop/__init__.py", "shop"),
        ("__init__.py", "__init__"),
        ("notes/a.b.ipynb", "notes.a_b"),
        ("contracts/reg.yaml", "contracts"),
        ("reg.yaml", "(project)"),
        ("", "(project)"),
        (".github/x.py", "_github.x"),
    ],
)
def test_a_path_answers_to_a_module(path: str, module: str) -> None:
    assert module_of(path) == module


def test_packages_are_opened_as_long_as_there_is_room() -> None:
    weights = {"a.b.c": 5, "a.b.d": 4, "a.x": 1, "a": 1, "z.y": 2}
    assert set(grouped(weights, 2).values()) == {"a", "z.y"}
    assert grouped(weights, 9) == {name: name for name in weights}
    assert set(grouped(weights, 4).values()) == {"a", "a.b", "a.x", "z.y"}
    assert set(grouped({f"t{n}.m": n for n in range(9)}, 3).values()) == {"t8", "t7", ""}
    assert grouped({}, 3) == {}


@pytest.mark.parametrize(
    ("lines", "span", "marked"),
    [
        (["import logging"], ((1, 8), (1, 15)), ["logging"]),
        (["a", "b(", "  c,", ")", "d"], ((2, 1), (4, 2)), ["b(", "c,", ")"]),
        (["x"], ((1, 9), (1, 12)), [" "]),
        (["\tx = 1"], ((1, 2), (1, 3)), ["x"]),
        (["y" * 500 + "<b>" + "z" * 500], ((1, 501), (1, 504)), ["&lt;b&gt;"]),
        (["x"], ((4, 1), (4, 2)), []),
        ([], ((1, 1), (1, 1)), []),
        (["ab\x1b", "c"], ((1, 1), (2, 1)), ["ab\\x1b"]),
    ],
)
@pytest.mark.parametrize("around", [True, False])
def test_an_excerpt_marks_what_is_meant(
    lines: list[str], span: tuple[tuple[int, int], tuple[int, int]], marked: list[str], around: bool
) -> None:
    made = excerpt(lines, Span(Position(*span[0]), Position(*span[1])), around=around, longest=100)
    found = re.findall("<mark>(.*?)</mark>", made)
    assert found == (marked if around else marked[:1])
    assert len(re.sub("<.*?>", "", made)) < 600


REGISTRY = """\
format: obs-registry/1
namespace: shop
events:
  shop.order.placed: {severity: info, payload: {type: object}}
"""


def test_check_writes_a_page_of_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "obs-lint.toml").write_text('surface = ["shop.obs"]\nregistry = ["reg.yaml"]\n', encoding="utf-8")
    (tmp_path / "reg.yaml").write_text(REGISTRY, encoding="utf-8")
    (tmp_path / "CODEOWNERS").write_text("/shop/ @shop\n", encoding="utf-8")
    files = {
        "__init__": "",
        "obs": "import logging\n\n\ndef emit(event, payload):\n    logging.info(event, extra=payload)\n",
        "orders": "from shop.obs import emit\n\n\ndef place():\n    emit('shop.order.plcaed', {})\n",
        "stock": "import logging\n",
    }
    for name, content in files.items():
        (tmp_path / "shop" / f"{name}.py").write_text(content, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["check", "--no-cache", "--output-format", "html", "--output-file", "report.html"]) == 1
    text = Page((tmp_path / "report.html").read_text(encoding="utf-8")).text
    told = "The surface is shop.obs; 1 module imports it. 1 import of 1 telemetry library from 1 package goes past it."
    assert told in text
    assert "@shop" in text
    assert "2 events: 1 declared, 1 emitted in the code." in text


# -- the page in a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = chromium()
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright is not installed: pip install 'obs-lint[test]'")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


class Opened:
    """A page in a tab, and everything that it should not do."""

    def __init__(self, browser: Any, folder: Path, page: str, *, hash: str = "", **options: Any) -> None:  # noqa: A002
        self.file = folder / "report.html"
        self.file.write_bytes(page.encode("ascii"))
        self.complaints: list[str] = []
        viewport = {"width": options.pop("width", 1280), "height": 800}
        self.context = browser.new_context(viewport=viewport, **options)
        self.tab = self.context.new_page()
        self.tab.on("console", lambda message: self.complaints.append(message.text))
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.tab.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.tab.on("request", self._requested)
        self.tab.goto(self.file.as_uri() + hash)

    def _requested(self, request: Any) -> None:
        if not request.url.startswith(("data:", self.file.as_uri())):
            self.complaints.append(request.url)

    def shown(self) -> list[str]:
        """Places of the findings that are shown."""
        found: list[str] = self.tab.eval_on_selector_all(
            "#groups .f:not([hidden])", "all => all.map(one => one.querySelector('.at .p').textContent)"
        )
        return found

    def wait(self, count: str) -> None:
        self.tab.locator("#count", has_text=count).wait_for(timeout=5000)


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Any]:
    opened: list[Opened] = []

    def open_(page: str, **options: Any) -> Opened:
        made = Opened(browser, tmp_path, page, **options)
        opened.append(made)
        return made

    yield open_
    for made in opened:
        made.context.close()
        assert made.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("page", [ordinary, awkward], ids=["ordinary", "awkward"])
def test_the_page_is_accessible_and_fits(open_page: Any, page: Any, width: int, scheme: str) -> None:
    try:
        from axe_playwright_python.sync_playwright import Axe
    except ImportError:
        missing("axe-playwright-python is not installed: pip install 'obs-lint[test]'")
    opened = open_page(page(), width=width, color_scheme=scheme, reduced_motion="reduce")
    for each in opened.tab.query_selector_all("details"):
        each.evaluate("each => each.open = true")
    if scheme == "dark":
        opened.tab.select_option("[name=by]", "file")
        opened.tab.wait_for_timeout(200)
    result = Axe().run(opened.tab)
    told = [(v["id"], v["impact"], [n["html"][:200] for n in v["nodes"][:3]]) for v in result.response["violations"]]
    assert told == []
    assert opened.tab.evaluate("document.documentElement.scrollWidth") <= width


def test_an_attack_stays_text(open_page: Any) -> None:
    opened = open_page(awkward())
    opened.tab.wait_for_timeout(100)
    for by in ("owner", "module", "file", "rule"):
        opened.tab.select_option("[name=by]", by)
        opened.tab.wait_for_timeout(200)
    assert "owned" not in opened.tab.title().split("img", 1)[0]
    assert opened.tab.title().endswith("obs-lint")
    assert opened.tab.evaluate("document.images.length") == 0
    rule = opened.tab.evaluate("[...document.forms.filters.elements.rule.options].map(o => o.value)[1]")
    opened.tab.select_option("[name=rule]", rule)
    opened.wait("1 of 4 findings")
    assert opened.tab.evaluate("document.images.length") == 0
    again = open_page(awkward(), hash="#" + opened.tab.url.partition("#")[2])
    again.wait("1 of 4 findings")
    assert again.shown() == opened.shown()
    wild = open_page(awkward(), hash="#rule=%3Cimg%20src=x%20onerror=alert(1)%3E&by=x&severity=%&q=%E0%A4%A")
    assert wild.shown() == []


def test_without_a_script_everything_can_be_read(open_page: Any) -> None:
    opened = open_page(ordinary(), java_script_enabled=False)
    assert not opened.tab.is_visible("#filters")
    assert not opened.tab.is_visible("#theme")
    assert opened.tab.locator(".f:visible").count() == 6 + 3 + 1
    opened.tab.click("summary >> text=laundered")
    assert opened.tab.locator(".f:visible").count() == 5 + 3 + 1
    assert opened.tab.is_visible("text=shop/broken.py:2:4")


def test_known_findings_are_shown_when_asked_for(open_page: Any) -> None:
    opened = open_page(ordinary())
    assert len(opened.shown()) == 6
    assert opened.tab.text_content("#count") == "6 of 9 findings"
    opened.tab.select_option("[name=state]", "all")
    opened.wait("All 9 findings")
    opened.tab.select_option("[name=state]", "known")
    opened.wait("3 of 9 findings")


def test_filters_narrow_and_the_address_says_so(open_page: Any) -> None:
    opened = open_page(ordinary())
    opened.tab.select_option("[name=owner]", "@shop")
    opened.wait("4 of 9")
    opened.tab.uncheck("[name=severity][value=warning]")
    opened.wait("3 of 9")
    opened.tab.fill("[name=q]", "JOBS.py import")
    opened.wait("2 of 9")
    opened.tab.select_option("[name=by]", "file")
    opened.tab.locator("#groups h3", has_text="shop/jobs.py").wait_for()
    address = opened.tab.url.partition("#")[2]
    assert address == "q=JOBS.py%20import&owner=%40shop&by=file&severity=error%2Cinfo"
    again = open_page(ordinary(), hash="#" + address)
    again.wait("2 of 9")
    assert again.shown() == opened.shown() == ["shop/jobs.py:3:8", "shop/jobs.py:9:8"]
    assert again.tab.evaluate("document.activeElement.id") == "findings-h"
    again.tab.click("button[type=reset]")
    again.wait("6 of 9")
    assert "#" not in again.tab.url
    assert again.tab.input_value("[name=by]") == "rule"


def test_a_table_and_a_link_lead_to_findings(open_page: Any) -> None:
    opened = open_page(ordinary())
    opened.tab.click("#overview >> text=swallowed-error")
    opened.wait("1 of 9")
    opened.tab.click("#overview >> text=billing.pay")
    opened.wait("1 of 9")
    assert opened.shown() == ["billing/src/pay.py:5:8"]
    package = open_page(ordinary(), hash="#module=shop.api")
    package.wait("2 of 9")
    assert package.shown() == ["shop/api/routes.py:1:8", "shop/api/views.py:2:8"]
    hidden = opened.tab.get_attribute(".f[hidden]:has(.m > .known)", "id")
    again = open_page(ordinary(), hash=f"#{hidden}")
    assert again.tab.evaluate("document.activeElement.id") == hidden
    assert again.tab.locator(f"#{hidden}").is_visible()


def test_the_keyboard_is_enough(open_page: Any) -> None:
    opened = open_page(ordinary())
    press = opened.tab.keyboard.press
    press("Tab")
    assert opened.tab.evaluate("document.activeElement.className") == "skip"
    press("Enter")
    seen = []
    for _ in range(14):
        press("Tab")
        seen.append(opened.tab.evaluate("(e => e.name || e.id || e.type || e.tagName)(document.activeElement)"))
    assert seen[:12] == [
        "q", "rule", "owner", "module", "state", "by", "severity", "severity", "severity", "reset", "fold", "share",
    ]  # fmt: skip
    for _ in range(14 - 1):
        press("Shift+Tab")
    opened.tab.keyboard.type("routes")
    opened.wait("1 of 9")
    assert opened.tab.get_attribute("#count", "role") == "status"
    press("Tab")
    opened.tab.keyboard.type("OBS5")
    opened.wait("0 of 9")
    opened.tab.focus("#theme")
    press("Enter")
    assert opened.tab.get_attribute("html", "data-theme") == "dark"
    opened.tab.reload()
    assert opened.tab.get_attribute("html", "data-theme") == "dark"
    opened.tab.focus("button[type=reset]")
    press("Enter")
    opened.wait("6 of 9")
    summary = opened.tab.locator("#groups summary").first
    summary.focus()
    before = opened.tab.evaluate("document.activeElement.parentElement.open")
    press("Enter")
    assert opened.tab.evaluate("document.activeElement.parentElement.open") is not before


def test_events_are_filtered(open_page: Any) -> None:
    opened = open_page(ordinary())
    opened.tab.select_option("#event-state", "never emitted")
    opened.tab.locator("#event-count", has_text="1 of 4 events").wait_for()
    opened.tab.select_option("#event-state", "")
    opened.tab.fill("#event-q", "team-b")
    opened.tab.locator("#event-count", has_text="1 of 4 events").wait_for()
    assert opened.tab.locator(".events > li:visible").count() == 1


def test_paper_shows_what_is_folded(open_page: Any) -> None:
    opened = open_page(ordinary())
    opened.tab.click("#fold")
    assert opened.tab.locator("#groups .f:visible").count() == 0
    opened.tab.emulate_media(media="print")
    opened.tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert opened.tab.locator("#groups .f:visible").count() == 6
    assert not opened.tab.is_visible("#filters")
    opened.tab.evaluate("dispatchEvent(new Event('afterprint'))")
    opened.tab.emulate_media(media="screen")
    assert opened.tab.locator("#groups .f:visible").count() == 0


def test_a_large_report_opens_and_is_searched_quickly(open_page: Any) -> None:
    opened = open_page(large(5000))
    complete = opened.tab.evaluate("performance.getEntriesByType('navigation')[0].domComplete")
    assert complete < 8000, "ms; half a second on two idle cores"
    opened.tab.fill("[name=q]", "module_17.py")
    opened.wait("17 of 5000 findings")
    assert opened.tab.locator("#groups .f:visible").count() == 17
