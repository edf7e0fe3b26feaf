"""How results look: golden files for the formats, properties for what must hold whatever the input."""

from __future__ import annotations

import io
import json
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obs_lint import __version__
from obs_lint.diagnostic import Applicability, Diagnostic, Fix, Position, Severity, Span, TrailStep
from obs_lint.report import Failure, Inactive, Inference, Report, Summary
from obs_lint.reporters import FORMATS, UnknownFormatError, render, render_first_run, render_statistics
from obs_lint.reporters.excerpt import excerpt
from obs_lint.reporters.first_run import MAX_COLUMNS, MAX_LINES
from obs_lint.reporters.github import CAP, MESSAGE_CAP, escape_data, escape_property
from obs_lint.reporters.terminal import PLAIN, UNICODE, resolve_color, resolve_width, supports_unicode, write
from obs_lint.reporters.text import code_ranges, display_width, one_line, shorten, visible, wrap

GOLDEN = Path(__file__).parent / "golden"
SCHEMA = Path(__file__).parent.parent / "obs_lint" / "schemas" / "report.schema.json"
TEXT_FORMATS = ("full", "concise", "grouped")

# -- a small shop, with what obs-lint would say of it

SOURCES: Mapping[str, str] = {
    "services/api/src/jobs.py": """\
import asyncio
import logging
from shop.compat import L

log = logging.getLogger(__name__)


def start(order):
    log.info("started %s", order)
""",
    "services/api/src/main.py": """\
import logging.config

from fastapi import FastAPI


def build() -> FastAPI:
    logging.config.dictConfig(
        {
            "version": 1,
            "handlers": {"out": {"class": "logging.StreamHandler"}},
            "root": {"handlers": ["out"]},
        }
    )
    return FastAPI()
""",
    "services/workers/preise/bericht.py": """\
class Bericht:
\tdef drucken(self, größe):
\t\tif größe > 3: import structlog as s\t# 価格表
\t\tself.titel = "価格表：四半期"; import loguru
""",
    "shop/compat.py": "from shop.deep import *\n",
    "shop/deep.py": '"""Old names."""\n\nimport logging as L\n',
    "analysis/prices.ipynb": """\
import pandas as pd
import logging
logging.basicConfig()
prices = pd.read_csv('p.csv')
""",
    "vendor/template.py": "def f(:\n    pass\n",
}
CELLS = {"analysis/prices.ipynb": ((1, 1), (3, 4), (4, 6))}
URL = "https://obs-lint.readthedocs.io/rules/"
RULES = {
    "OBS102": (
        """\
Each direct import is a second way out for telemetry, with its own names, its own fields and its own
switch. A request can then no longer be followed through the API, the workers and the layers.

Types are free to import.
""",
        f"{URL}direct-telemetry-import/",
    ),
    "OBS103": ("A re-export is the same import by another name.", f"{URL}laundered-telemetry-import/"),
    "OBS107": ("Whoever configures logging last wins.", f"{URL}telemetry-configuration/"),
}


def sources(path: str) -> Sequence[str] | None:
    text = SOURCES.get(path)
    return None if text is None else text.splitlines()


def cells(path: str) -> Sequence[tuple[int, int]]:
    return CELLS.get(path, ())


def span(line: int, column: int, end_line: int, end_column: int) -> Span:
    return Span(Position(line, column), Position(end_line, end_column))


def imported(path: str, module: str, where: Span, cell: int | None = None) -> Diagnostic:
    return Diagnostic(
        code="OBS102",
        slug="direct-telemetry-import",
        severity=Severity.ERROR,
        message=f"`{module}` imported outside the observability surface",
        path=path,
        span=where,
        symbol=path.rpartition(".")[0].replace("/", "."),
        target=module,
        help="Emit through `shop.observability`.",
        cell=cell,
        fingerprint=f"{path}:{module}",
    )


DIAGNOSTICS = tuple(
    sorted(
        (
            imported("services/api/src/jobs.py", "logging", span(2, 8, 2, 15)),
            replace(
                imported("services/api/src/jobs.py", "logging", span(3, 25, 3, 26)),
                code="OBS103",
                slug="laundered-telemetry-import",
                message="`logging` reached through `shop.compat`",
                help="",
                trail=(
                    TrailStep("shop/compat.py", Position(1, 23), "star re-export"),
                    TrailStep("shop/deep.py", Position(3, 8), "imported here"),
                ),
                fix=Fix("Import `shop.observability` instead", Applicability.UNSAFE, ()),
            ),
            imported("services/api/src/main.py", "logging", span(1, 8, 1, 22)),
            replace(
                imported("services/api/src/main.py", "logging", span(7, 5, 13, 6)),
                code="OBS107",
                slug="telemetry-configuration",
                severity=Severity.WARNING,
                message="`logging.config.dictConfig` called outside the observability surface",
                help="Let `shop.observability` configure logging, or name this module under `wiring`.",
            ),
            imported("services/workers/preise/bericht.py", "structlog", span(3, 24, 3, 33)),
            replace(
                imported("services/workers/preise/bericht.py", "loguru", span(4, 34, 4, 40)),
                fix=Fix("Import `shop.observability` instead", Applicability.SAFE, ()),
            ),
            imported("analysis/prices.ipynb", "logging", span(2, 8, 2, 15), cell=1),
        ),
        key=lambda diagnostic: diagnostic.sort_key,
    )
)
FAILURES = (
    Failure("OBS900", "vendor/template.py", "invalid syntax: a parameter's name was expected", 1, 7),
    Failure("internal", "services/api/src/main.py", "check `banned-import` failed: KeyError: 'x'"),
)
INACTIVE = (
    Inactive("OBS301", "instrument.decorators", "A public entry point has no instrument decorator."),
    Inactive("OBS302", "instrument.decorators", "The decorator lacks an identifier that the function has."),
    Inactive("OBS303", "instrument.decorators", "The order of decorators defeats the instrument decorator."),
    Inactive("OBS401", "correlation.internal-hosts", "A call to an internal host has no correlation header."),
)
REPORT = Report(DIAGNOSTICS, FAILURES, INACTIVE, summary=Summary(812, 2, 437), rules=RULES)
INFERENCE = Inference(
    "shop.observability",
    ("imported by 41 of 212 modules", "configures logging", "defines `emit`"),
    (("shop.observability", 41), ("shop.audit", 7)),
    "central",
    ("services/api/src/main.py:7", "services/workers/preise/main.py:12", "scripts/seed.py:3"),
)


def many(codes: int, files: int, severity: Severity = Severity.ERROR) -> tuple[Diagnostic, ...]:
    found = [
        replace(
            imported(f"services/{file:03}/handlers/module.py", "logging", span(10 + code, 8, 10 + code, 15)),
            code=f"OBS{101 + code}",
            slug=f"rule-number-{code}",
            severity=severity,
        )
        for file in range(files)
        for code in range(codes)
    ]
    return tuple(sorted(found, key=lambda diagnostic: diagnostic.sort_key))


def shown(name: str, report: Report = REPORT, **options: object) -> str:
    arguments: dict[str, object] = {"sources": sources, "cells": cells, **options}
    return render(name, report, **arguments)  # type: ignore[arg-type]


def first_run(report: Report = REPORT, inference: Inference = INFERENCE, **options: object) -> str:
    return render_first_run(replace(report, inference=inference), **options)  # type: ignore[arg-type]


# -- golden files: `UPDATE_GOLDEN=1 pytest tests/test_reporters.py` writes them; read the difference

WITHOUT_FAILURES = replace(REPORT, failures=())
CLEAN = Report((), summary=Summary(812, 2, 437))
GOLDEN_CASES: Mapping[str, Callable[[], str]] = {
    "full.txt": lambda: shown("full"),
    "full-color.txt": lambda: shown("full", color=True),
    "full-narrow-ascii.txt": lambda: shown("full", width=60, unicode=False),
    "full-quiet.txt": lambda: shown("full", quiet=True),
    "full-clean.txt": lambda: shown("full", CLEAN),
    "full-clean-inactive.txt": lambda: shown("full", replace(CLEAN, inactive=INACTIVE)),
    "full-failures-only.txt": lambda: shown("full", replace(CLEAN, failures=FAILURES)),
    "full-nothing-there.txt": lambda: shown("full", Report(())),
    "concise.txt": lambda: shown("concise"),
    "concise-color.txt": lambda: shown("concise", WITHOUT_FAILURES, color=True),
    "grouped.txt": lambda: shown("grouped"),
    "github.txt": lambda: shown("github"),
    "github-many.txt": lambda: shown("github", replace(WITHOUT_FAILURES, diagnostics=many(3, 12)), quiet=True),
    "json.json": lambda: shown("json").replace(f'"version": "{__version__}"', '"version": "VERSION"'),
    "json-lines.jsonl": lambda: shown("json-lines"),
    "statistics.txt": lambda: render_statistics(REPORT),
    "statistics.json": lambda: render_statistics(REPORT, format="json"),
    "first-run.txt": first_run,
    "first-run-color.txt": lambda: first_run(color=True),
    "first-run-none.txt": lambda: first_run(CLEAN),
    "first-run-no-surface.txt": lambda: first_run(
        replace(WITHOUT_FAILURES, diagnostics=DIAGNOSTICS[:2]), replace(INFERENCE, surface=None, reasons=())
    ),
    "first-run-many.txt": lambda: first_run(
        replace(WITHOUT_FAILURES, diagnostics=many(5, 40)),
        replace(INFERENCE, configured_in=tuple(f"services/{number:03}/main.py:{number}" for number in range(30))),
    ),
    "first-run-too-many.txt": lambda: first_run(replace(REPORT, diagnostics=many(40, 9))),
}


@pytest.mark.parametrize("name", GOLDEN_CASES)
def test_golden(name: str) -> None:
    path = GOLDEN / name
    text = GOLDEN_CASES[name]()
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8", newline="\n")
    assert text == path.read_text(encoding="utf-8")


def test_no_golden_file_is_left_over() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == set(GOLDEN_CASES)


# -- formats


@pytest.mark.parametrize("name", ["sarif2", "Json", "", "fulll"])
def test_unknown_format_names_the_known(name: str) -> None:
    with pytest.raises(UnknownFormatError) as caught:
        render(name, REPORT)
    assert all(known in str(caught.value) for known in FORMATS)


def test_unknown_format_suggests() -> None:
    with pytest.raises(UnknownFormatError, match="did you mean `json-lines`"):
        render("json-line", REPORT)


@pytest.mark.parametrize("name", FORMATS)
def test_ends_in_one_newline_and_is_the_same_twice(name: str) -> None:
    text = shown(name)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert text == shown(name)


@pytest.mark.parametrize("name", FORMATS)
def test_escape_sequences_only_with_color(name: str) -> None:
    assert "\x1b" not in shown(name)
    assert ("\x1b[" in shown(name, color=True)) == (name in TEXT_FORMATS)


@pytest.mark.parametrize("name", TEXT_FORMATS)
def test_color_changes_nothing_but_color(name: str) -> None:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown(name, color=True))
    assert [line.rstrip() for line in plain.splitlines()] == shown(name).splitlines()


@pytest.mark.parametrize("name", [*TEXT_FORMATS, "github"])
@pytest.mark.parametrize("found", [(), DIAGNOSTICS])
@pytest.mark.parametrize("code", ["OBS900", "internal", "config", "path", "other"])
def test_a_failure_is_never_clean(name: str, found: tuple[Diagnostic, ...], code: str) -> None:
    report = Report(found, (Failure(code, "", "it broke"),), summary=Summary(812))
    text = shown(name, report)
    assert "clear" not in text
    assert "Incomplete" in text
    assert "exit code 2" in text
    assert "it broke" in text
    assert "clear" not in first_run(report)
    assert "it broke" in first_run(report)


def test_no_files_is_not_clear() -> None:
    assert "No files were checked" in shown("concise", Report(()))


def test_quiet_leaves_findings_and_failures() -> None:
    lines = shown("concise", quiet=True).splitlines()
    assert len(lines) == len(DIAGNOSTICS) + len(FAILURES)


def test_help_and_reason_are_said_once() -> None:
    text = shown("full")
    assert text.count("Emit through `shop.observability`.") == 1
    assert text.count("Each direct import is a second way out") == 1
    assert text.count("# obs: ignore[") == 1
    assert "Types are free to import" not in text, "only the first paragraph: the rest is in `obs-lint rule`"


def test_one_line_a_key_for_inactive_rules() -> None:
    text = shown("full")
    assert text.count("instrument.decorators") == 1
    assert "OBS301–OBS303" in text


def test_many_inactive_keys_stay_short() -> None:
    inactive = tuple(Inactive(f"OBS{300 + 2 * index}", f"some.key-{index:02}", "Something.") for index in range(40))
    text = shown("full", replace(CLEAN, inactive=inactive))
    assert len(text.splitlines()) < 25
    assert all(f"some.key-{index:02}" in text for index in range(40))


# -- notebooks


def test_notebook_positions() -> None:
    assert "analysis/prices.ipynb:cell 1:2:8: OBS102" in shown("concise")
    assert "--> analysis/prices.ipynb:cell 1:2:8\n" in shown("full")
    entry = json.loads(shown("json"))["diagnostics"][0]
    assert entry["start"] == {"line": 2, "column": 8, "cell": 1}
    assert entry["end"] == {"line": 2, "column": 15, "cell": 1}
    (command,) = (c for c in commands(shown("github")) if c[1].get("file") == "analysis/prices.ipynb")
    assert "line" not in command[1], "a line of a cell is no line of the file"
    assert command[2].startswith("analysis/prices.ipynb:cell 1:2:8: `logging` imported")


def test_notebook_excerpt_stays_in_its_cell() -> None:
    found = replace(DIAGNOSTICS[0], span=span(1, 1, 1, 8), cell=4)
    text = shown("full", Report((found,), summary=Summary(1)))
    assert "1 | logging.basicConfig()\n  | ^^^^^^^\n" in text
    assert "import logging" not in text
    assert "prices =" not in text


def test_trail_in_a_notebook_names_the_cell() -> None:
    found = replace(
        DIAGNOSTICS[0],
        trail=(
            TrailStep("analysis/prices.ipynb", Position(4, 10), "joined code"),
            TrailStep("analysis/prices.ipynb", Position(1, 10), "in its cell", cell=6),
        ),
    )
    report = Report((found,), summary=Summary(1))
    text = shown("full", report)
    assert "1. analysis/prices.ipynb:cell 6:1:10  joined code  prices = pd.read_csv('p.csv')" in text
    assert "2. analysis/prices.ipynb:cell 6:1:10  in its cell  prices = pd.read_csv('p.csv')" in text
    steps = json.loads(shown("json", report))["diagnostics"][0]["trail"]
    assert [(step["cell"], step["line"]) for step in steps] == [(6, 1), (6, 1)]


# -- excerpts


def draw(lines: Sequence[str], where: Span, width: int = 80) -> list[str]:
    return excerpt(lines, where, width=width, mark="", palette=PLAIN, symbols=UNICODE)[1]


@pytest.mark.parametrize(
    ("lines", "where", "expected"),
    [
        (["a", "import b", "c"], span(2, 8, 2, 9), ["  |", "1 | a", "2 | import b", "  |        ^", "3 | c"]),
        (["\tx = y"], span(1, 6, 1, 7), ["  |", "1 |     x = y", "  |         ^"]),
        (["a\tx"], span(1, 2, 1, 4), ["  |", "1 | a   x", "  |  ^^^^"]),
        (["価 = 表"], span(1, 5, 1, 6), ["  |", "1 | 価 = 表", "  |      ^^"]),
        (["e\u0301 = z"], span(1, 6, 1, 7), ["  |", "1 | e\u0301 = z", "  |     ^"]),
        (["\u1112\u1161\u11ab = z"], span(1, 7, 1, 8), ["  |", "1 | \u1112\u1161\u11ab = z", "  |      ^"]),
        (["\x1b[2J = z"], span(1, 8, 1, 9), ["  |", "1 | \\x1b[2J = z", "  |           ^"]),
        (["abc\r\n"], span(1, 9, 1, 12), ["  |", "1 | abc", "  |    ^"]),
        (["abc"], span(1, 1, 2, 1), ["  |", "1 | abc", "  | ^^^"]),
        (["abc"], span(1, 2, 1, 2), ["  |", "1 | abc", "  |  ^"]),
        (["", "x", ""], span(2, 1, 2, 2), ["  |", "2 | x", "  | ^"]),
        (
            ["f(", "  1,", ")", "g"],
            span(1, 1, 3, 2),
            ["  |", "1 | / f(", "2 | |   1,", "3 | | )", "  | |_^", "4 |   g"],
        ),
        (
            ["y = f(", "  1,", ")"],
            span(1, 5, 3, 2),
            ["  |", "1 |   y = f(", "  |  _____^", "2 | |   1,", "3 | | )", "  | |_^"],
        ),
        (
            ["f(", "1,", "2,", "3,", "4,", ")"],
            span(1, 1, 6, 2),
            ["  |", "1 | / f(", "2 | | 1,", "3 | | 2,", "… | |", "6 | | )", "  | |_^"],
        ),
        (["abc"], span(2, 1, 2, 2), []),
        ([], span(1, 1, 1, 2), []),
    ],
)
def test_excerpt(lines: list[str], where: Span, expected: list[str]) -> None:
    assert draw(lines, where) == expected


def test_long_line_is_scrolled() -> None:
    line = "a" * 100_000 + " logging " + "b" * 100_000
    _, _, source, carets, _ = draw(["x", line, "y"], span(2, 100_002, 2, 100_009), width=60)
    assert display_width(source) <= 60
    column = carets.index("^")
    assert source[column : column + 7] == "logging"
    assert source.startswith("2 | …")
    assert source.endswith("…")


PRINTABLE_OR_NOT = st.text(st.characters(exclude_categories=()), max_size=40)
LINE = PRINTABLE_OR_NOT.map(lambda text: text.replace("\n", "").replace("\r", "").replace("\t", ""))


@given(line=LINE, at=st.integers(0, 40), length=st.integers(1, 10))
@settings(database=None, deadline=None)
def test_underline_is_exactly_under_the_span(line: str, at: int, length: int) -> None:
    start, end = min(at, len(line)), min(at + length, len(line))
    rows = draw([line], span(1, start + 1, 1, end + 1), width=4000)
    assert rows[1] == f"1 | {visible(line)}".rstrip()
    before, under = display_width(visible(line[:start])), display_width(visible(line[start:end]))
    assert rows[2] == "  | " + " " * before + "^" * max(1, under)


POSITION = st.builds(Position, st.integers(-3, 9), st.integers(-3, 60))
WEIRD_LINES = st.lists(PRINTABLE_OR_NOT, max_size=6)


@given(lines=WEIRD_LINES, start=POSITION, end=POSITION, width=st.integers(1, 70))
@settings(database=None, deadline=None)
def test_excerpt_survives_any_position(lines: list[str], start: Position, end: Position, width: int) -> None:
    rows = draw(lines, Span(start, end), width)
    assert bool(rows) == (1 <= start.line <= len(lines))
    for row in rows:
        assert row == visible(row), "nothing reaches the terminal that could move its cursor"


# -- whatever the input

DIAGNOSTIC = st.builds(
    Diagnostic,
    code=st.sampled_from(["OBS101", "OBS102", "OBS107"]),
    slug=st.sampled_from(["direct-telemetry-import", "x"]),
    severity=st.sampled_from(Severity),
    message=PRINTABLE_OR_NOT,
    path=PRINTABLE_OR_NOT.filter(bool),
    span=st.builds(Span, POSITION, POSITION),
    symbol=PRINTABLE_OR_NOT,
    help=PRINTABLE_OR_NOT,
    trail=st.lists(st.builds(TrailStep, PRINTABLE_OR_NOT, POSITION, PRINTABLE_OR_NOT), max_size=12).map(tuple),
    fix=st.none() | st.builds(Fix, PRINTABLE_OR_NOT, st.sampled_from(Applicability), st.just(())),
    cell=st.none() | st.integers(1, 3),
    fingerprint=st.just("f"),
)
REPORTS = st.builds(
    Report,
    st.lists(DIAGNOSTIC, max_size=14).map(tuple),
    st.lists(
        st.builds(
            Failure,
            st.sampled_from(["OBS900", "internal", "config", "path"]),
            PRINTABLE_OR_NOT,
            PRINTABLE_OR_NOT,
            st.integers(1, 9),
            st.integers(1, 9),
            st.none() | st.integers(1, 3),
        ),
        max_size=4,
    ).map(tuple),
    st.lists(st.builds(Inactive, st.just("OBS401"), PRINTABLE_OR_NOT, PRINTABLE_OR_NOT), max_size=3).map(tuple),
    summary=st.builds(Summary, st.integers(0, 9), st.integers(0, 3), st.integers(0, 3)),
    rules=st.just({"OBS102": ("Because.", "https://example.invalid/")}),
)
INFERENCES = st.builds(
    Inference,
    st.none() | PRINTABLE_OR_NOT.filter(str.strip),
    st.lists(PRINTABLE_OR_NOT, max_size=9).map(tuple),
    st.lists(st.tuples(PRINTABLE_OR_NOT, st.integers(0, 99)), max_size=5).map(tuple),
    st.sampled_from(["central", "facade"]),
    st.lists(PRINTABLE_OR_NOT, max_size=40).map(tuple),
)


def restored(text: str) -> str:
    """Undo what the json format does to lone surrogates; the schema says how."""
    return re.sub(r"\\u(d[89a-f][0-9a-f]{2})", lambda found: chr(int(found[1], 16)), text)


@given(report=REPORTS, lines=WEIRD_LINES, color=st.booleans(), unicode=st.booleans(), width=st.integers(1, 120))
@settings(database=None, deadline=None, max_examples=150)
def test_any_report_in_any_format(report: Report, lines: list[str], color: bool, unicode: bool, width: int) -> None:
    for name in FORMATS:
        text = render(name, report, sources=lambda _: lines, color=color, unicode=unicode, width=width)
        for line in re.sub(r"\x1b\[[0-9;]*m", "", text).split("\n") if color else text.split("\n"):
            assert line == visible(line)
        text.encode("utf-8")
    concise = render("concise", report, quiet=True).splitlines()
    assert len(concise) == len(report.diagnostics) + len(report.failures)


@given(report=REPORTS)
@settings(database=None, deadline=None)
def test_json_says_what_the_report_says(report: Report) -> None:
    text = render("json", report)
    assert text.isascii()
    document = json.loads(text)
    assert list(document) == ["version", "tool", "diagnostics", "errors", "inactive", "summary"]
    for entry, diagnostic in zip(document["diagnostics"], report.diagnostics, strict=True):
        entry["path"].encode("utf-8")
        for key in ("path", "message", "symbol"):
            assert entry[key] == diagnostic_text(getattr(diagnostic, key))
    assert [entry["message"] for entry in document["errors"]] == [diagnostic_text(f.message) for f in report.failures]
    lines = [json.loads(line) for line in render("json-lines", report).splitlines()]
    assert [line.pop("kind") for line in lines] == ["diagnostic"] * len(report.diagnostics) + ["error"] * len(
        report.failures
    )
    assert lines == document["diagnostics"] + document["errors"]


def diagnostic_text(text: str) -> str:
    """What the json format must make of a text: surrogates escaped, all else as it is."""
    paired = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return "".join(f"\\u{ord(c):04x}" if "\ud800" <= c <= "\udfff" else c for c in paired)


@pytest.mark.parametrize(
    "path", ["caf\udce9.py", "a b\n.py", "\\ud800.py", "\\😀.py", "😀\udcff😀.py", "\udcff\udcfe\\\\udcff"]
)
def test_json_names_any_file(path: str) -> None:
    report = Report((replace(DIAGNOSTICS[1], path=path),))
    found = json.loads(render("json", report))["diagnostics"][0]["path"]
    assert found == diagnostic_text(path)
    if "\\u" not in path:
        assert restored(found) == path


def test_json_fits_its_schema() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    line_validator = jsonschema.Draft202012Validator({"$ref": "#/$defs/line", "$defs": schema["$defs"]})
    for report in (REPORT, CLEAN, Report(())):
        validator.validate(json.loads(shown("json", report)))
        for line in shown("json-lines", report).splitlines():
            line_validator.validate(json.loads(line))
    for broken in ('"severity": "error"', '"line": 2', '"fingerprint": '):
        assert broken in shown("json")
        spoiled = json.loads(shown("json").replace(broken, broken.replace("r", "x").replace("2", '"2"')))
        assert not validator.is_valid(spoiled), broken


def test_json_keys_in_the_promised_order() -> None:
    document = json.loads(shown("json"))
    keys = "code, slug, severity, message, path, start, end, symbol, trail, fix, fingerprint, url"
    assert ", ".join(document["diagnostics"][1]) == keys
    assert list(document["errors"][0]) == ["code", "path", "message", "start"]
    assert document["summary"] == {"files": 812, "diagnostics": 7, "suppressed": 2, "baselined": 437}
    assert document["inactive"][3] == {"code": "OBS401", "needs": "correlation.internal-hosts"}


# -- GitHub

COMMAND = re.compile(r"::(error|warning|notice) ([^:]*)::(.*)")


def unescaped(text: str) -> str:
    for escape, character in (("%2C", ","), ("%3A", ":"), ("%0A", "\n"), ("%0D", "\r"), ("%25", "%")):
        text = text.replace(escape, character)
    return text


def commands(text: str) -> list[tuple[str, dict[str, str], str]]:
    """The workflow commands that the runner would see."""
    found, stopped = [], ""
    for line in text.splitlines():
        if stopped:
            stopped = "" if line == f"::{stopped}::" else stopped
        elif line.startswith("::stop-commands::"):
            stopped = line.removeprefix("::stop-commands::")
        elif line.startswith("::"):
            match = COMMAND.fullmatch(line)
            assert match, line
            properties = dict(part.split("=", 1) for part in match[2].split(","))
            found.append((match[1], {key: unescaped(value) for key, value in properties.items()}, unescaped(match[3])))
    assert not stopped
    return found


@given(text=st.text(st.sampled_from("%\r\n:,0AD2C53a"), max_size=20))
@settings(database=None, deadline=None)
def test_escaping_for_github_round_trips(text: str) -> None:
    assert unescaped(escape_property(text)) == text
    assert unescaped(escape_data(text)) == text
    assert not set("\r\n:,") & set(escape_property(text))


@given(report=REPORTS)
@settings(database=None, deadline=None)
def test_github_commands_are_whole_lines(report: Report) -> None:
    found = commands(render("github", report))
    for level, properties, message in found:
        assert properties["title"]
        assert len(message.encode("utf-16-le")) <= 2 * MESSAGE_CAP
        assert level in {"error", "warning", "notice"}
        if "endLine" in properties:
            assert ("col" in properties) == (properties["line"] == properties["endLine"])
    assert len(found) <= sum(CAP.values())
    expected = len(report.diagnostics) + len(report.failures)
    assert expected == 0 or found


def accounted_for(found: list[tuple[str, dict[str, str], str]]) -> int:
    total = 0
    for _, properties, message in found:
        more = re.match(r"\+(\d+) more", message)
        repeats = re.search(r"×(\d+) in this file", properties["title"])
        total += int(more[1]) if more else int(repeats[1]) if repeats else 1
    return total


@pytest.mark.parametrize("number", [1, 9, 10, 11, 12, 200])
def test_github_caps(number: int) -> None:
    for severity, level in ((Severity.ERROR, "error"), (Severity.WARNING, "warning"), (Severity.INFO, "notice")):
        apart = commands(shown("github", Report(many(1, number, severity))))
        assert {command[0] for command in apart} == {level}
        assert len(apart) == min(number, CAP[level])
        assert accounted_for(apart) == number
        together = commands(shown("github", Report(many(number, 1, severity))))
        assert len(together) == min(number, CAP[level])
        assert accounted_for(together) == number


def test_github_groups_repeats_in_a_file_when_there_are_many() -> None:
    one_file = tuple(imported("shop/a.py", f"m{line:02}", span(line, 8, line, 15)) for line in range(1, 15))
    (only,) = commands(shown("github", Report(one_file)))
    assert only[1]["title"] == "OBS102 direct-telemetry-import ×14 in this file"
    assert "Also at line 2, line 3, line 4," in only[2]


def test_github_puts_the_most_useful_first() -> None:
    fixable = replace(many(1, 30)[29], fix=Fix("x", Applicability.SAFE, ()))
    found = commands(shown("github", Report((*many(1, 29), fixable), (Failure("config", "", "unknown key"),))))
    assert found[0][2] == "unknown key"
    assert found[1][1]["file"] == fixable.path
    assert found[-1][2].startswith("+22 more errors in 22 files")


def test_github_drops_columns_over_several_lines() -> None:
    warning = next(c for c in commands(shown("github")) if c[0] == "warning")
    assert warning[1] == {
        "title": "OBS107 telemetry-configuration",
        "file": "services/api/src/main.py",
        "line": "7",
        "endLine": "13",
    }


def test_github_prefixes_paths_and_cuts_long_messages() -> None:
    found = replace(DIAGNOSTICS[1], message="😀%" * 4000, path="a:b,c%.py")
    (command,) = commands(shown("github", Report((found,)), prefix="backend/"))
    assert command[1]["file"] == "backend/a:b,c%.py"
    assert command[2].endswith("...")


def test_github_log_runs_no_commands() -> None:
    attack = replace(DIAGNOSTICS[1], path="::error::x", message="\n::add-mask::x\r::set-env::y")
    text = shown("github", Report((attack,)))
    assert [command[0] for command in commands(text)] == ["error"]


# -- the first page


@given(report=REPORTS, inference=INFERENCES, color=st.booleans(), width=st.integers(60, 200))
@settings(database=None, deadline=None)
def test_first_run_is_one_page(report: Report, inference: Inference, color: bool, width: int) -> None:
    text = first_run(report, inference, color=color, width=width)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", text).split("\n")
    assert lines.pop() == ""
    assert len(lines) <= MAX_LINES
    assert all(display_width(line) <= MAX_COLUMNS for line in lines)
    assert all(line == visible(line) for line in lines)
    assert "obs-lint init" in text


@pytest.mark.parametrize("codes", range(1, 30))
def test_first_run_counts_every_finding(codes: int) -> None:
    text = first_run(replace(REPORT, diagnostics=many(codes, 4)))
    assert len(text.splitlines()) <= MAX_LINES
    by_rule = sum(int(number) for number in re.findall(r"^ +(\d+)  OBS", text, re.MULTILINE))
    rest = re.search(r"and (\d+) findings of", text)
    assert by_rule + (int(rest[1]) if rest else 0) == codes * 4


def test_first_run_needs_an_inference() -> None:
    with pytest.raises(ValueError, match="without configuration"):
        render_first_run(REPORT)


# -- statistics


def test_statistics_are_sorted_and_say_what_is_fixable() -> None:
    fix = Fix("x", Applicability.SAFE, ())
    found = many(3, 3)
    found = tuple(replace(d, fix=fix) if d.code == "OBS101" or d is found[1] else d for d in (*found, found[2]))
    table = [line.split() for line in render_statistics(Report(found)).splitlines()[:3]]
    assert [row[:2] for row in table] == [["4", "OBS103"], ["3", "OBS101"], ["3", "OBS102"]]
    assert "[ ]" in render_statistics(Report(found)).splitlines()[0]
    assert [row[2] for row in table[1:]] == ["[*]", "[-]"]
    counted = json.loads(render_statistics(Report(found), format="json"))
    assert counted[1] == {"code": "OBS101", "slug": "rule-number-0", "count": 3, "fixable": 3}
    assert json.loads(render_statistics(CLEAN, format="json")) == []


# -- text


@given(text=PRINTABLE_OR_NOT)
@settings(database=None, deadline=None)
def test_visible_text_is_printable_and_stays(text: str) -> None:
    result = visible(text)
    assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", result)
    assert visible(result) == result
    assert "\n" not in one_line(text)


@given(text=LINE, width=st.integers(4, 60))
@settings(database=None, deadline=None)
def test_shortened_text_fits(text: str, width: int) -> None:
    text = visible(text)
    short = shorten(text, width, "…")
    assert display_width(short) <= width
    assert short == text or short.endswith("…")


def test_wrap_keeps_code_whole() -> None:
    lines = wrap("Leave it out with `extend-exclude = [1]` for now.", 24)
    assert lines == ["Leave it out with", "`extend-exclude = [1]`", "for now."]
    assert wrap("a lone ` stays", 7) == ["a lone", "` stays"]
    assert wrap("", 10) == []


def test_code_ranges() -> None:
    codes = ["OBS303", "OBS301", "OBS302", "OBS401", "OBS402", "ACME9", "OBS302"]
    assert code_ranges(codes, "-") == "ACME9, OBS301-OBS303, OBS401, OBS402"


# -- terminals and streams


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("flag", "variables", "terminal", "expected"),
    [
        ("auto", {}, True, True),
        ("auto", {}, False, False),
        ("auto", {"NO_COLOR": "1"}, True, False),
        ("auto", {"NO_COLOR": ""}, True, True),
        ("auto", {"FORCE_COLOR": "1"}, False, True),
        ("auto", {"FORCE_COLOR": "0"}, True, False),
        ("auto", {"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
        ("auto", {"TERM": "dumb"}, True, False),
        ("auto", {"TERM": "dumb", "FORCE_COLOR": "1"}, True, True),
        ("always", {"NO_COLOR": "1", "TERM": "dumb"}, False, True),
        ("never", {"FORCE_COLOR": "1"}, True, False),
    ],
)
def test_resolve_color(
    flag: str, variables: dict[str, str], terminal: bool, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert resolve_color(flag, Terminal() if terminal else io.StringIO()) is expected  # type: ignore[arg-type]


def test_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert resolve_width(io.StringIO()) == 100
    for columns, expected in (("132", 132), ("7", 40), ("9999", 160), ("wide", 100), ("0", 100)):
        monkeypatch.setenv("COLUMNS", columns)
        assert resolve_width(io.StringIO()) == expected


def stream(encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="\n")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8", "utf-16", "cp932"])
def test_write_never_fails_for_a_character(encoding: str) -> None:
    target = stream(encoding)
    assert write(target, "a … é 価 \udcff 😀\n")
    target.buffer.seek(0)
    assert target.buffer.read().decode(encoding).startswith("a ")


def test_unicode_symbols_only_in_unicode_encodings() -> None:
    assert supports_unicode(stream("utf-8"))
    assert not supports_unicode(stream("cp1252"))
    assert not supports_unicode(stream("ascii"))


@pytest.mark.parametrize("length", [1, 100_000])
def test_write_to_a_closed_pipe(length: int) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    target = os.fdopen(writer, "w", encoding="utf-8")
    assert write(target, "x" * length) is False
    target.close()


class Full(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def test_a_full_disk_is_an_error() -> None:
    with pytest.raises(OSError, match="No space"):
        write(Full(), "x")


# -- speed


@pytest.mark.parametrize("name", ["concise", "json"])
def test_five_thousand_diagnostics(name: str) -> None:
    report = Report(many(5, 1000), summary=Summary(1000), rules=RULES)
    taken = []
    for _ in range(3):
        start = time.process_time()
        render(name, report)
        taken.append(time.process_time() - start)
    assert min(taken) <= 0.15
