"""The formats that forges and reviewers read, held against their own validators."""

from __future__ import annotations

import json
import re
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import jsonschema
import pytest

from obs_lint.cli import main
from obs_lint.diagnostic import Applicability, Diagnostic, Edit, Fix, Position, Severity, Span, TrailStep
from obs_lint.fingerprints import fingerprinted
from obs_lint.report import Failure, Report, Summary
from obs_lint.reporters import render
from obs_lint.reporters.sarif import MOST
from tests.node_tools import node_tool

PATHS = (
    "services/api/jobs.py",
    "a b/c,d/%41%.py",
    "new\nline/tab\t.py",
    "caf\udce9/\udcff.py",
    "größe/日本.py",
    "a:b/c.py",
    "<&\"'>/]]>.py",
    "::error::/##[x]|y.py",
    "#?/[x]{y}.py",
)
MESSAGES = (
    "`logging` imported outside the surface",
    "100 % of 'x' <b>&\"quoted\"</b>\r\nsecond line ::error::no\n##[error]no | no",
    "ä 日本 \u202e\x1b[31m \x00 \udce9 ]]>",
)
FORMATS = ("sarif", "gitlab", "junit", "rdjson")


def diagnostic(path: str, message: str, line: int = 3, **more: Any) -> Diagnostic:
    span = Span(Position(line, 5), Position(line, 9))
    return Diagnostic("OBS102", "direct-telemetry-import", Severity.ERROR, message, path, span, "m.f", "x", **more)


def awkward() -> Report:
    found = [diagnostic(path, message, line) for path in PATHS for line, message in enumerate(MESSAGES, 1)]
    edit = Edit(PATHS[1], Span(Position(2, 1), Position(2, 3)), "ü\n")
    fix = Fix("Replace `x` <it>", Applicability.SAFE, (edit,))
    trail = (TrailStep(PATHS[4], Position(1, 2), "re-exported | here"), TrailStep("b.ipynb", Position(4, 1), "there"))
    found += [
        diagnostic(PATHS[1], "fixable", 2, fix=fix, trail=trail, help="Do <this>\nor `that`."),
        replace(diagnostic("b.ipynb", "in a notebook", cell=2), severity=Severity.WARNING),
        replace(diagnostic("x.py", "mild"), severity=Severity.INFO, code="OBS999", slug="team-rule"),
    ]
    failures = tuple(Failure("OBS900", path, "invalid\nsyntax <x>", 7, 2) for path in ("", *PATHS))
    rules = {"OBS102": ("Why it matters.\n\nMuch <of> it & more.\n", "https://obs-lint.readthedocs.io/rules/x/")}
    diagnostics = tuple(fingerprinted(sorted(found, key=lambda d: d.sort_key)))
    summaries = {"OBS102": "A telemetry library is imported directly."}
    return Report(diagnostics, failures, rules=rules, summaries=summaries, summary=Summary(9))


LINES = {PATHS[1]: ["éé", "日本 x", "    logging"], PATHS[4]: ["äöü"]}


def rendered(name: str, report: Report, prefix: str = "") -> str:
    text = render(name, report, sources=LINES.get, prefix=prefix)
    text.encode("utf-8")
    return text


MANY = Report(tuple(fingerprinted(diagnostic(f"a/{n % 300}.py", "m", n + 1) for n in range(5_000))))
REPORTS: Mapping[str, Report] = {"awkward": awkward(), "empty": Report(()), "many": MANY}


# -- SARIF


@pytest.mark.parametrize("name", REPORTS)
def test_sarif_passes_the_rules_of_github(name: str, tmp_path: Path) -> None:
    problems = _multitool(rendered("sarif", REPORTS[name]), tmp_path)
    assert problems == []


def test_the_rules_of_github_find_what_is_wrong(tmp_path: Path) -> None:
    document = json.loads(rendered("sarif", REPORTS["awkward"]))
    document["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] = "a b"
    assert any("SARIF1002" in problem for problem in _multitool(json.dumps(document), tmp_path))


def _multitool(text: str, folder: Path) -> list[str]:
    """Errors and warnings of Microsoft's validator, which ends with 0 whatever it finds."""
    tool = node_tool("@microsoft/sarif-multitool-linux/Sarif.Multitool")
    file = folder / "obs-lint.sarif"
    file.write_text(text, encoding="utf-8")
    command = [tool, "validate", "--rule-kind", "sarif;gh;ghas", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Done. 1 files scanned." in done.stdout, done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if re.search(r"\): (error|warning|note) ", line)]


def test_sarif_says_where_and_by_which_rule() -> None:
    report = awkward()
    run = json.loads(rendered("sarif", report, "back end/"))["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert run["columnKind"] == "unicodeCodePoints"
    assert run["automationDetails"] == {"id": "obs-lint/"}
    assert [rule["id"] for rule in rules] == ["OBS102", "OBS999"]
    assert rules[0]["shortDescription"]["text"] == "A telemetry library is imported directly."
    assert rules[0]["helpUri"] == "https://obs-lint.readthedocs.io/rules/x/"
    assert "security-severity" not in rules[0]["properties"]
    for result, found in zip(run["results"], report.diagnostics, strict=True):
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == found.code
        place = result["locations"][0]["physicalLocation"]
        assert unquote_to_bytes(place["artifactLocation"]["uri"]).removeprefix(b"./") == (
            "back end/" + found.path
        ).encode("utf-8", "surrogateescape")
        assert place["region"]["startLine"] == (found.span.start.line if found.cell is None else 1)
        assert result["partialFingerprints"] == {"obsLint/v1": found.fingerprint}
        assert "primaryLocationLineHash" not in result["partialFingerprints"]
    fixed = [result for result in run["results"] if "fixes" in result]
    assert [len(result["relatedLocations"]) for result in fixed] == [2]
    replacement = fixed[0]["fixes"][0]["artifactChanges"][0]["replacements"][0]
    assert replacement["insertedContent"]["text"] == "ü\n"
    invocation = run["invocations"][0]
    assert not invocation["executionSuccessful"]
    assert len(invocation["toolExecutionNotifications"]) == 1 + len(PATHS)


def test_sarif_stops_where_github_does() -> None:
    found = [diagnostic("a.py", "m", n + 1) for n in range(MOST + 10)]
    found[5] = replace(found[5], severity=Severity.INFO)
    run = json.loads(rendered("sarif", Report(tuple(fingerprinted(found)))))["runs"][0]
    assert len(run["results"]) == MOST
    assert all(result["level"] == "error" for result in run["results"])
    [note] = run["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"].startswith("10 results more")
    assert run["invocations"][0]["executionSuccessful"]


# -- GitLab

GITLAB = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "additionalProperties": False,
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "minLength": 1},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "pattern": "^[^/]"},
                    "lines": {
                        "type": "object",
                        "required": ["begin"],
                        "properties": {"begin": {"type": "integer", "minimum": 1}, "end": {"type": "integer"}},
                    },
                },
            },
        },
    },
}


@pytest.mark.parametrize("name", REPORTS)
def test_gitlab_has_one_entry_each(name: str) -> None:
    report = REPORTS[name]
    entries = json.loads(rendered("gitlab", report, "back/"))
    jsonschema.Draft202012Validator(GITLAB).validate(entries)
    assert len(entries) == len(report.diagnostics) + len(report.failures)
    assert len({entry["fingerprint"] for entry in entries}) == len(entries)
    assert all("\n" not in entry["description"] for entry in entries)


# -- JUnit


@pytest.mark.parametrize("name", REPORTS)
def test_junit_counts_what_it_holds(name: str) -> None:
    report = REPORTS[name]
    root = ET.fromstring(rendered("junit", report).encode())
    assert root.tag == "testsuites"
    cases = root.findall("testsuite/testcase")
    assert len(cases) == int(root.attrib["tests"]) == max(len(report.diagnostics) + len(report.failures), 1)
    for kind, number in (("failure", len(report.diagnostics)), ("error", len(report.failures))):
        assert len(root.findall(f"testsuite/testcase/{kind}")) == int(root.attrib[f"{kind}s"]) == number
        for suite in root.findall("testsuite"):
            assert len(suite.findall(f"testcase/{kind}")) == int(suite.attrib[f"{kind}s"])
    allowed = {
        "testsuites": {"name", "tests", "failures", "errors", "time"},
        "testsuite": {"name", "tests", "failures", "errors", "skipped", "time"},
        "testcase": {"name", "classname", "time"},
        "failure": {"message", "type"},
        "error": {"message", "type"},
    }
    for element in root.iter():
        assert set(element.attrib) == allowed[element.tag]
    names = [(case.attrib["classname"], case.attrib["name"]) for case in cases]
    assert all(all(part for part in parts) for parts in names)


# -- rdjson


@pytest.mark.parametrize("name", REPORTS)
def test_rdjson_passes_its_validator(name: str, tmp_path: Path) -> None:
    file = tmp_path / "obs-lint.json"
    file.write_text(rendered("rdjson", REPORTS[name]), encoding="utf-8")
    tool = node_tool("@umbrelladocs/rdformat-validator/bin/rdformat-validator.js")
    command = ["node", tool, "--strict", "--no-extra-fields", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "valid" in done.stdout


def test_rdjson_counts_bytes() -> None:
    entries = json.loads(rendered("rdjson", awkward()))["diagnostics"]
    [fixable] = [entry for entry in entries if "suggestions" in entry]
    assert fixable["location"]["range"]["start"] == {"line": 2, "column": 9}
    assert fixable["suggestions"][0]["range"]["end"] == {"line": 2, "column": 7}
    assert fixable["related_locations"][0]["location"]["range"]["start"] == {"line": 1, "column": 3}
    assert {entry["severity"] for entry in entries} == {"ERROR", "WARNING", "INFO"}


# -- through the command


@pytest.mark.parametrize("name", FORMATS)
def test_paths_are_those_of_the_repository(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = tmp_path / "back end"
    (project / "shop").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    (project / "pyproject.toml").write_text('[tool.obs-lint]\nsurface = []\nlogging = "facade"\n')
    (project / "shop" / "orders.py").write_text("import logging\n")
    monkeypatch.chdir(project)
    assert main(["check", "--no-cache", "--output-format", name]) == 1
    expected = "back%20end/shop/orders.py" if name == "sarif" else "back end/shop/orders.py"
    assert expected in capsys.readouterr().out
