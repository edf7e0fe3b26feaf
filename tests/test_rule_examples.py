"""Every example of every rule, and every folder of tests/cases, is linted: exact lines and codes.

Markers, in an example of a rule's YAML as in a file of tests/cases:

    import logging  # error: OBS102                     on this line
    import logging  # error: OBS102@8, OBS104           at this column; several codes
    # error-above: OBS902                               on the nearest line above that is no marker
    # error-below: OBS101                               on the nearest line below that is no marker

What is compared are all diagnostics of the rule in question and of the codes that are marked. `# error: OBS900` expects
a failure.

tests/cases/<slug>/<case>/ is a project; its configuration is BASE, or a pyproject.toml or obs-lint.toml in it. Selected
are the rule and the marked codes, unless the configuration selects.
"""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from obs_lint import engine, suppression
from obs_lint.baseline import application
from obs_lint.catalogue.rule_files import read_rule_file, schema
from obs_lint.catalogue.shipped import sources
from obs_lint.checks import CHECKS
from obs_lint.config import from_table, load
from obs_lint.report import Report

CASES = Path(__file__).parent / "cases"

BASE: Mapping[str, Any] = {"surface": ["shop.obs"], "logging": "facade"}
"""The configuration of an example that says nothing else."""
CONFIG_FILES = frozenset({"pyproject.toml", "obs-lint.toml"})
SNIPPET = "shop/orders.py"
"""Where a `bad` or `good` snippet stands."""
SURFACE = '''"""The surface."""


def emit(event_name, payload=None, *, ctx=None, severity="info"):
    """Send an event."""
'''

MARKER = re.compile(r"#\s*error(?P<side>-above|-below)?:\s*(?P<codes>[A-Z]+\d+(?:@\d+)?(?:,\s*[A-Z]+\d+(?:@\d+)?)*)")


class Place(NamedTuple):
    """Where something is expected or found."""

    path: str
    cell: int | None
    line: int
    code: str


@dataclass(frozen=True)
class Example:
    """One project to be linted."""

    code: str
    label: str
    files: Mapping[str, bytes]
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def expected(self) -> Counter[Place]:
        return Counter(place for place, _ in self.marks)

    @property
    def marks(self) -> list[tuple[Place, int | None]]:
        return [mark for path, content in self.files.items() for mark in marks(path, content)]


def marks(path: str, content: bytes) -> Iterator[tuple[Place, int | None]]:
    """Yield what a file's markers expect, and the column where one is given."""
    if not path.endswith(".ipynb"):
        yield from marks_of_lines(path, None, content)
        return
    for number, cell in enumerate(json.loads(content)["cells"], 1):
        yield from marks_of_lines(path, number, "".join(cell["source"]).encode())


def marks_of_lines(path: str, cell: int | None, content: bytes) -> Iterator[tuple[Place, int | None]]:
    lines = [line.decode("latin-1") for line in re.split(rb"\r\n|\r|\n", content)]
    for number, line in enumerate(lines, 1):
        for found in MARKER.finditer(line):
            target = number
            while found["side"] and MARKER.match(lines[target - 1].lstrip()):
                target += -1 if found["side"] == "-above" else 1
            for word in re.split(r",\s*", found["codes"]):
                code, _, column = word.partition("@")
                yield Place(path, cell, target, code), int(column) if column else None


def rule_documents() -> list[Mapping[str, Any]]:
    """Those on code: rules on what a running system emits have lines of it as examples (tests/smoke)."""
    every = (read_rule_file(path, name).document for path, name in sources())
    return [document for document in every if document["check"] != "smoke"]


def examples_of(document: Mapping[str, Any]) -> Iterator[Example]:
    for number, raw in enumerate(document["examples"], 1):
        config = raw.get("config", {})
        if "files" in raw:
            files = dict(raw["files"])
        else:
            files = {raw.get("path", SNIPPET): raw.get("bad", raw.get("good"))}
        contents = with_surface({path: text.encode() for path, text in files.items()}, config)
        yield Example(document["code"], f"{document['code']}-{number}", contents, config)


def with_surface(files: Mapping[str, bytes], config: Mapping[str, Any]) -> Mapping[str, bytes]:
    """Add the surface that `config` names, where it is the usual one and not among the files."""
    if "shop.obs" not in config.get("surface", BASE["surface"]) or any(path.startswith("shop/obs") for path in files):
        return files
    return {"shop/__init__.py": b"", **files, "shop/obs.py": SURFACE.encode()}


def case_folders() -> Iterator[tuple[str, Path]]:
    for folder in sorted(CASES.glob("*/*")):
        if folder.is_dir():
            yield folder.parent.name, folder


def all_examples() -> list[Example]:
    return [example for document in rule_documents() for example in examples_of(document)]


def lint(example: Example, root: Path) -> Report:
    for path, content in example.files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    codes = sorted({example.code, *(place.code for place in example.expected)})
    if CONFIG_FILES & example.files.keys():
        config = load(str(root))
        if config.select is None:
            config = load(str(root), overrides={"select": codes})
    else:
        config = from_table({**BASE, "select": codes, **example.config}, str(root))
    return engine.run(config, cwd=str(root), use_cache=False, jobs=1)


def found_in(report: Report, codes: set[str]) -> tuple[Counter[Place], list[tuple[Place, int]]]:
    columns = [
        (Place(d.path, d.cell, d.span.start.line, d.code), d.span.start.column)
        for d in report.diagnostics
        if d.code in codes
    ]
    for failure in report.failures:
        place = Place(failure.path, failure.cell, failure.line, failure.code)
        assert failure.code in codes, f"{failure.path}:{failure.line}: {failure.code} {failure.message}"
        columns.append((place, failure.column))
    return Counter(place for place, _ in columns), columns


def check(example: Example, root: Path) -> None:
    report = lint(example, root)
    codes = {example.code, *(place.code for place in example.expected)}
    found, columns = found_in(report, codes)
    said = "\n".join(
        f"{d.path}:{d.span.start.line}:{d.span.start.column}: {d.code} {d.message}" for d in report.diagnostics
    )
    missing, surplus = example.expected - found, found - example.expected
    assert not missing, f"not found: {sorted(map(str, missing))}\n{said}"
    assert not surplus, f"found, not expected: {sorted(map(str, surplus))}\n{said}"
    for place, column in example.marks:
        if column is not None:
            assert (place, column) in columns, f"{place} is not at column {column}\n{said}"
    for diagnostic in report.diagnostics:
        assert diagnostic.message and "{" not in diagnostic.message, diagnostic.message
        assert diagnostic.help.count("{") == 0, diagnostic.help


EXAMPLES = all_examples()
DOCUMENTS = rule_documents()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.label)
def test_example(example: Example, tmp_path: Path) -> None:
    check(example, tmp_path)


@pytest.mark.parametrize("slug, folder", list(case_folders()), ids=lambda value: getattr(value, "name", value))
def test_case(slug: str, folder: Path, tmp_path: Path) -> None:
    codes = {document["slug"]: document["code"] for document in DOCUMENTS}
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    if not CONFIG_FILES & files.keys():
        files = dict(with_surface(files, {}))
    shutil.copytree(folder, tmp_path / "case", symlinks=True)
    check(Example(codes[slug], folder.name, files), tmp_path / "case")


@pytest.mark.parametrize(
    "example",
    [example for example in EXAMPLES if any(place.code == example.code for place in example.expected)],
    ids=lambda example: example.label,
)
def test_a_disabled_check_fails_its_examples(example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = next(document["check"] for document in DOCUMENTS if document["code"] == example.code)
    if kind == "suppression-use":
        monkeypatch.setattr(suppression.Judge, "unused", lambda *_: ())
        monkeypatch.setattr(suppression.Judge, "bare", lambda *_: ())
    elif kind == "baseline-use":
        monkeypatch.setattr(application, "stale_entries", lambda *_: ())
    else:
        module = import_module(CHECKS[kind])
        monkeypatch.setattr(module, "CHECK", replace(module.CHECK, run=lambda _: iter(()), anchors=None))
    with pytest.raises(AssertionError, match="not found"):
        check(example, tmp_path)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document["code"])
def test_each_rule_shows_what_it_finds_and_what_it_leaves(document: Mapping[str, Any]) -> None:
    examples = list(examples_of(document))
    marked = [any(place.code == document["code"] for place in example.expected) for example in examples]
    assert any(marked), "no example in which it finds something"
    assert not all(marked), "no example in which it finds nothing"
    for raw, example in zip(document["examples"], examples, strict=True):
        if "bad" in raw:
            assert example.expected, raw["bad"]
        if "good" in raw:
            assert not example.expected, raw["good"]


@pytest.mark.parametrize("path, name", sources(), ids=lambda value: Path(value).stem)
def test_rule_file_is_tidy(path: str, name: str) -> None:
    with open(path, encoding="utf-8") as file:
        document = yaml.safe_load(file)
    order = list(schema()["properties"])
    assert [key for key in document if key in order] == sorted(document, key=order.index)
    optional = {"with", "whole-project"}
    assert set(order) - optional <= document.keys()
    assert Path(name).stem == document["slug"]
    assert not document["slug"].startswith(("no-", "disallow-", "avoid-"))
    assert document["summary"].endswith(".") and document["help"].endswith(".")
    assert not document["message"].endswith(".")
    assert document["source"]
    for example in document["examples"]:
        keys = ["name", "config", "path", "bad", "good", "files"]
        assert list(example) == sorted(example, key=keys.index), example


def test_markers() -> None:
    source = b"a  # error: OBS102\nb  # error: OBS102@8, OBS104\n"
    source += b"c\n# error-above: OBS901\n  # error-above: OBS902\n# error-below: OBS1\nd\n"
    assert [(place.line, place.code, column) for place, column in marks("a.py", source)] == [
        (1, "OBS102", None),
        (2, "OBS102", 8),
        (2, "OBS104", None),
        (3, "OBS901", None),
        (3, "OBS902", None),
        (7, "OBS1", None),
    ]


def test_markers_in_notebooks_and_other_line_ends() -> None:
    cells = [{"cell_type": "markdown", "source": ["x"]}, {"cell_type": "code", "source": ["a\n", "b  # error: OBS102"]}]
    assert [place for place, _ in marks("a.ipynb", json.dumps({"cells": cells}).encode())] == [
        Place("a.ipynb", 2, 2, "OBS102")
    ]
    assert [place.line for place, _ in marks("a.py", b"a\r\nb\rc  # error: OBS102\r\n")] == [3]
