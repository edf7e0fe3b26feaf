"""`obs-lint rule`, docs/rules/ and the schema of options: all of them from the rules' own files."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from obs_lint.catalogue.page import HEADINGS, readable, toml
from obs_lint.catalogue.shipped import documents
from obs_lint.cli import main

REPOSITORY = Path(__file__).parent.parent
TEAM_RULE = """\
code: ACME001
slug: direct-acme-import
summary: The old client is imported.
why: It is gone in June.
check: banned-import
with: {modules: [acme_logger]}
message: "`{module}` is imported"
help: "Use `{surface}`."
examples:
  - bad: |
      import acme_logger  # error: ACME001
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    (tmp_path / "obs-lint.toml").write_text('rule-paths = ["own"]\n', encoding="utf-8")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "acme.yaml").write_text(TEAM_RULE, encoding="utf-8")
    return tmp_path


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["rule", *arguments]) == 0
    out, err = capsys.readouterr()
    assert not err
    return out


def test_the_table_has_every_rule(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = asked(capsys).splitlines()
    for _, document in documents():
        [line] = [line for line in lines if line.startswith(document["code"])]
        assert line.split()[:4] == [
            document["code"],
            document["slug"],
            document["severity"],
            "on" if document["default"] else "off",
        ]
    assert any(line.startswith("ACME001  direct-acme-import") for line in lines)
    assert all(len(line) <= 100 for line in lines)


def test_a_page_has_the_fixed_headings(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = asked(capsys, "OBS102")
    places = [text.index(f"\n\n{heading}\n") for heading in HEADINGS]
    assert places == sorted(places)
    assert text.startswith("OBS102 direct-telemetry-import\n")
    assert "# obs: ignore[OBS102] reason" in text
    assert "import logging  # OBS102" in text
    assert "{" + "surface}" not in text


@pytest.mark.parametrize("code", [document["code"] for _, document in documents()])
def test_every_rule_can_be_explained(project: Path, capsys: pytest.CaptureFixture[str], code: str) -> None:
    text = asked(capsys, code)
    assert "# error" not in text
    document = json.loads(asked(capsys, code, "--output-format", "json"))
    assert document["version"] == 1
    assert document["code"] == code
    assert document["examples"]
    assert all(option["about"] for option in document["options"])


def test_a_rule_is_found_by_slug_and_in_any_case(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(capsys, "direct-telemetry-import") == asked(capsys, "obs102") == asked(capsys, "OBS102")


def test_a_team_rule_is_explained(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = asked(capsys, "ACME001")
    assert "It is gone in June." in text and "own/acme.yaml" in text
    assert json.loads(asked(capsys, "--output-format", "json"))["rules"][0]["code"] == "ACME001"
    with pytest.raises(AssertionError):
        asked(capsys, "ACME001", "--isolated")


def test_an_unknown_rule_is_an_error_with_a_suggestion(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rule", "direct-telemetry-imports"]) == 2
    assert (
        "there is no rule `direct-telemetry-imports` (did you mean `direct-telemetry-import`?)"
        in capsys.readouterr().err
    )
    assert main(["rule", "XYZ"]) == 2
    assert "`obs-lint rule` lists all" in capsys.readouterr().err


def test_a_broken_configuration_does_not_hide_the_rules(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "obs-lint.toml").write_text('surfce = ["x"]\n', encoding="utf-8")
    assert main(["rule", "OBS102"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("OBS102")
    assert "warning" in err and "surfce" in err


def test_a_broken_team_rule_is_an_error(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "own" / "acme.yaml").write_text(TEAM_RULE + "extra: 1\n", encoding="utf-8")
    assert main(["rule"]) == 2
    assert "own/acme.yaml:12: unknown key `extra`" in capsys.readouterr().err


def test_marks_are_not_shown() -> None:
    source = "import a  # error: OBS102@8, OBS103\nb  # noqa\n# error-above: OBS901\n  # error-below: OBS901\nc"
    assert readable(source) == "import a  # OBS102, OBS103\nb  # noqa\nc"


def test_toml_values() -> None:
    assert toml({"a": ['x"y', True, 3], "b c": {}}) == '{ a = ["x\\"y", true, 3], "b c" = {} }'


# -- what is generated


def generator() -> dict[str, Any]:
    return runpy.run_path(str(REPOSITORY / "docs" / "generate_rules.py"))


def test_docs_are_current() -> None:
    made = dict(generator()["files"]())
    for path, text in made.items():
        assert path.read_text("utf-8") == text, f"{path.name}: run python docs/generate_rules.py"
    assert set((REPOSITORY / "docs" / "rules").glob("*.md")) <= made.keys()


def test_every_rule_has_its_page() -> None:
    index = (REPOSITORY / "docs" / "rules" / "index.md").read_text("utf-8")
    for _, document in documents():
        page = (REPOSITORY / "docs" / "rules" / f"{document['slug']}.md").read_text("utf-8")
        assert f"| {document['code']} | [{document['slug']}]({document['slug']}.md) |" in index
        assert page.startswith(f"# {document['slug']} ({document['code']})\n")
        assert not re.search(r"# error(-above|-below)?:", page)


def test_stale_docs_are_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = generator()
    made["main"].__globals__.update(DOCS=tmp_path / "rules", SCHEMA=tmp_path / "schema.json", REPOSITORY=tmp_path)
    assert made["main"](["--check"]) == 1
    assert "index.md is not current" in capsys.readouterr().err
    assert made["main"]([]) == 0
    assert made["main"](["--check"]) == 0
    (tmp_path / "rules" / "gone.md").write_text("", encoding="utf-8")
    assert made["main"](["--check"]) == 1
    assert made["main"]([]) == 0
    assert not (tmp_path / "rules" / "gone.md").exists()


def test_the_schema_of_options() -> None:
    schema = json.loads((REPOSITORY / "obs_lint" / "schemas" / "rule-options.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    check = jsonschema.Draft202012Validator(schema)
    assert check.is_valid({"OBS102": {"modules": {"extend": ["a"]}, "severity": "warning"}})
    assert check.is_valid({"OBS102": {"modules": ["a"], "replacements": {"a": "b"}}})
    assert not check.is_valid({"OBS102": {"modles": []}})
    assert not check.is_valid({"OBS102": {"modules": "a"}})
    assert set(schema["properties"]) == {document["code"] for _, document in documents()}
