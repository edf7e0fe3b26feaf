"""Which rules there are, which are selected, and what a rule file or an option is refused for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from obs_lint.catalogue import Catalogue, CatalogueError, load_catalogue, shipped
from obs_lint.catalogue.binding import make_rule
from obs_lint.catalogue.options import OptionError, build, describe, overlay
from obs_lint.catalogue.rule_files import parse_rule_file, schema
from obs_lint.catalogue.schema import violations
from obs_lint.catalogue.shipped import COMPILED, compile_rules, documents, sources
from obs_lint.catalogue.team import problems
from obs_lint.checks import CHECKS, load
from obs_lint.config import Config, ConfigError
from obs_lint.config import load as load_config
from obs_lint.config.model import DEFAULT_ROLES
from obs_lint.diagnostic import Severity
from obs_lint.rule import Rule

GOOD: Mapping[str, Any] = {
    "code": "ACME001",
    "slug": "direct-acme-import",
    "summary": "The old client is imported.",
    "why": "It is gone in June.",
    "check": "banned-import",
    "with": {"modules": ["acme_logger"]},
    "message": "`{module}` is imported",
    "help": "Use `{surface}`.",
    "examples": [{"bad": "import acme_logger  # error: ACME001\n"}, {"good": "import acme\n"}],
}


def rule(code: str, *, default: bool = True, slug: str = "") -> Rule:
    return Rule(code, slug or f"slug-{code.lower()}", "", "", "", Severity.ERROR, default, "banned-import", "")


SOME = {
    made.code: made
    for made in (
        rule("ACME001"),
        rule("OBS101"),
        rule("OBS102", slug="direct-telemetry-import"),
        rule("OBS108", default=False, slug="printed-telemetry"),
        rule("OBS201"),
        rule("OBS900"),
    )
}


def selected(root: Path, **keys: Any) -> list[str]:
    lines = [f"{key.replace('_', '-')} = {json.dumps(value)}" for key, value in keys.items()]
    config = project(root, "\n".join(lines))
    catalogue = Catalogue(SOME, {made.slug: made for made in SOME.values()}, config, SOME, {})
    return [made.code.removeprefix("OBS") for made in catalogue.selected()]


@pytest.mark.parametrize(
    "keys, expected",
    [
        ({}, ["ACME001", "101", "102", "201", "900"]),
        ({"select": ["OBS102"]}, ["102", "900"]),
        ({"select": ["direct-telemetry-import"]}, ["102", "900"]),
        ({"select": ["OBS1"]}, ["101", "102", "900"]),
        ({"select": ["OBS10"]}, ["101", "102", "900"]),
        ({"select": ["OBS"]}, ["101", "102", "201", "900"]),
        ({"select": ["ACME"]}, ["ACME001", "900"]),
        ({"select": ["ALL"]}, ["ACME001", "101", "102", "108", "201", "900"]),
        ({"select": []}, ["900"]),
        ({"select": ["OBS108"]}, ["108", "900"]),
        ({"extend-select": ["OBS108"]}, ["ACME001", "101", "102", "108", "201", "900"]),
        ({"extend-select": ["printed-telemetry"], "ignore": ["OBS1"]}, ["ACME001", "108", "201", "900"]),
        ({"ignore": ["OBS1"]}, ["ACME001", "201", "900"]),
        ({"ignore": ["ALL"]}, ["900"]),
        ({"ignore": ["OBS9"]}, ["ACME001", "101", "102", "201", "900"]),
        ({"select": ["OBS102"], "ignore": ["OBS1"]}, ["102", "900"]),
        ({"select": ["OBS1"], "ignore": ["OBS102"]}, ["101", "900"]),
        ({"select": ["OBS1"], "ignore": ["OBS1"]}, ["900"]),
        ({"select": ["OBS102"], "ignore": ["direct-telemetry-import"]}, ["900"]),
        ({"select": ["ALL"], "ignore": ["OBS"], "extend-select": ["OBS1"]}, ["ACME001", "101", "102", "900"]),
    ],
)
def test_the_more_specific_selector_wins(tmp_path: Path, keys: dict[str, Any], expected: list[str]) -> None:
    assert selected(tmp_path, **keys) == expected


@pytest.mark.parametrize(
    "keys, said",
    [
        ({"select": ["OBS999"]}, "select: `OBS999` is no rule (did you mean `OBS900`?)"),
        (
            {"ignore": ["direct-telemetry-imports"]},
            "ignore: `direct-telemetry-imports` is no rule (did you mean `direct-telemetry-import`?)",
        ),
        ({"extend-select": ["OBS4"]}, "extend-select: `OBS4` is no rule (`obs-lint rule` lists all)"),
        ({"select": ["OB"]}, "select: `OB` is no rule (`obs-lint rule` lists all)"),
        ({"select": ["XYZ"]}, "select: `XYZ` is no rule (`obs-lint rule` lists all)"),
        ({"ignore": ["OBS900"]}, "ignore: OBS900 can't be ignored (add the files to `exclude`)"),
    ],
)
def test_a_selector_that_means_nothing_is_an_error(tmp_path: Path, keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        selected(tmp_path, **keys)
    assert str(caught.value).endswith(f"pyproject.toml:2: [tool.obs-lint] {said}")


def test_an_option_of_the_command_line_is_named_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_catalogue(load_config(str(tmp_path), overrides={"select": ["foo"]})).selected()
    assert str(caught.value) == "--select: `foo` is no rule (`obs-lint rule` lists all)"


def project(tmp_path: Path, toml: str, **rules: Mapping[str, Any] | str) -> Config:
    (tmp_path / "pyproject.toml").write_text(f"[tool.obs-lint]\n{toml}", encoding="utf-8")
    folder = tmp_path / "lint-rules"
    for name, content in rules.items():
        folder.mkdir(exist_ok=True)
        text = content if isinstance(content, str) else yaml.safe_dump(dict(content), sort_keys=False)
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return load_config(str(tmp_path))


TEAM = 'rule-paths = ["lint-rules"]\n'


def test_errors_name_file_line_and_key(tmp_path: Path) -> None:
    config = project(tmp_path, 'select = [\n  "OBS102",\n  "OBS1020",\n]\n')
    with pytest.raises(ConfigError) as caught:
        load_catalogue(config).selected()
    assert (caught.value.key, caught.value.line) == ("select", 4)
    config = project(tmp_path, '[tool.obs-lint.per-file-ignores]\n"a/**" = ["OBS9999"]\n')
    with pytest.raises(ConfigError, match="OBS9999") as caught:
        load_catalogue(config)
    assert caught.value.line == 3
    config = project(tmp_path, '[tool.obs-lint.rules.OBS12]\nseverity = "info"\n')
    with pytest.raises(ConfigError, match="no rule") as caught:
        load_catalogue(config)
    config = project(tmp_path, "[tool.obs-lint.rules.OBS102]\nmodles = []\n")
    with pytest.raises(ConfigError, match="modles: no such option; did you mean `modules`") as caught:
        load_catalogue(config)
    assert caught.value.line == 3
    config = project(tmp_path, "[tool.obs-lint.rules.OBS102]\nmodules = 3\n")
    with pytest.raises(ConfigError, match="modules: must be a list of texts, not 3"):
        load_catalogue(config)


def test_overrides(tmp_path: Path) -> None:
    config = project(
        tmp_path,
        '[tool.obs-lint.rules.OBS102]\nseverity = "warning"\n'
        'modules = { extend = ["acme_logger"], remove = ["structlog"] }\n'
        'replacements = { "logging.getLogger" = "shop.obs.get_logger" }\n',
    )
    catalogue = load_catalogue(config)
    made = catalogue.rules["OBS102"]
    options = catalogue.options(made)
    assert made.severity is Severity.WARNING
    assert catalogue.unset["OBS102"].severity is Severity.ERROR
    assert (
        "acme_logger" in options.modules and "structlog" not in options.modules and "opentelemetry" in options.modules
    )
    assert options.replacements == {"logging.getLogger": "shop.obs.get_logger"}


def test_overrides_by_slug_and_for_scopes(tmp_path: Path) -> None:
    config = project(
        tmp_path,
        '[tool.obs-lint.rules.direct-telemetry-import]\nseverity = "info"\n'
        '[[tool.obs-lint.scopes]]\npaths = ["a/**"]\nignore = ["OBS102"]\n'
        '[tool.obs-lint.scopes.rules.OBS102]\nseverity = "warning"\n',
    )
    catalogue = load_catalogue(config)
    assert catalogue.rules["OBS102"].severity is Severity.INFO
    scope = catalogue.for_config(config.scopes[0].config)
    assert "OBS102" not in [made.code for made in scope.selected()]
    assert "OBS102" in [made.code for made in catalogue.selected()]


def test_an_option_may_be_that_of_another_rule(tmp_path: Path) -> None:
    own = {**GOOD, "with": {"modules": {"of": "OBS102"}, "allow": {"of": "OBS102", "option": "library-modules"}}}
    toml = '[tool.obs-lint.rules.OBS102]\nmodules = { extend = ["acme_logger"] }\n'
    toml += '[tool.obs-lint.rules.ACME001]\nmodules = { remove = ["structlog"] }\n'
    catalogue = load_catalogue(project(tmp_path, TEAM + toml, own=own))
    ban, options = (catalogue.options(catalogue.rules[code]) for code in ("OBS102", "ACME001"))
    assert options.modules == tuple(name for name in ban.modules if name != "structlog")
    assert "acme_logger" in options.modules
    assert options.allow == ban.library_modules


@pytest.mark.parametrize(
    "reference, said",
    [
        ({"of": "OBS9999"}, "is that of `OBS9999`, which is no rule; did you mean"),
        ({"of": "OBS102", "option": "modles"}, "is `modles` of OBS102, which has no such option"),
        ({"of": "ACME001"}, "refers back to itself"),
        ({"of": "OBS102", "option": "replacements"}, "must be a list of texts, not a mapping"),
        ({"from": "OBS102"}, "must be a list of texts, not a mapping"),
    ],
)
def test_a_reference_that_leads_nowhere_is_refused(tmp_path: Path, reference: dict[str, str], said: str) -> None:
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(project(tmp_path, TEAM, own={**GOOD, "with": {"modules": reference}}))
    assert f"`with.modules` of `banned-import`: {said}" in caught.value.message
    assert caught.value.line == 7


def test_removing_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    config = project(tmp_path, '[tool.obs-lint.rules.OBS102]\nmodules = { remove = ["structlgo"] }\n')
    with pytest.raises(ConfigError, match="did you mean `structlog`"):
        load_catalogue(config)


def test_per_file_ignores(tmp_path: Path) -> None:
    config = project(
        tmp_path, '[tool.obs-lint.per-file-ignores]\n"legacy/**" = ["OBS102"]\n"**/gen_*.py" = ["OBS9", "OBS1"]\n'
    )
    catalogue = load_catalogue(config)
    ban, broken = catalogue.rules["OBS102"], catalogue.rules["OBS900"]
    assert catalogue.per_file_ignored(ban, "legacy/a/b.py")
    assert catalogue.per_file_ignored(ban, "x/gen_a.py")
    assert not catalogue.per_file_ignored(ban, "x/legacy/a.py")
    assert not catalogue.per_file_ignored(broken, "x/gen_a.py")


# -- a team's own rules


def test_team_rules_join_the_catalogue(tmp_path: Path) -> None:
    config = project(tmp_path, TEAM, own=GOOD)
    catalogue = load_catalogue(config)
    made = catalogue.rules["ACME001"]
    assert made.origin == "lint-rules/own.yaml"
    assert catalogue.by_slug["direct-acme-import"] is made
    assert made in catalogue.selected()
    assert catalogue.options(made).modules == ("acme_logger",)
    assert (made.severity, made.default, made.fix) == (Severity.ERROR, True, "none")


def test_one_file_as_rule_path(tmp_path: Path) -> None:
    config = project(tmp_path, 'rule-paths = ["lint-rules/own.yaml"]\n', own=GOOD, other="]")
    assert "ACME001" in load_catalogue(config).rules


@pytest.mark.parametrize(
    "change, line, said",
    [
        ({"code": "acme1"}, 1, "`code` is 'acme1'; expected: two to five capitals and three or four digits"),
        ({"code": "OBS777"}, 1, "codes in OBS are obs-lint's own"),
        ({"code": None}, 1, "`code` must be text (two to five capitals"),
        ({"slug": "Direct_Import"}, 2, "expected: lower-case words joined by hyphens"),
        ({"slug": "direct-telemetry-import"}, 2, "direct-telemetry-import is used twice: also in rules/surface/"),
        ({"severity": "eror"}, 18, "`severity` must be one of error, warning, info, not 'eror'; did you mean `error`?"),
        ({"default": "yes please"}, 18, "`default` must be true or false (on: selected"),
        ({"fix": "maybe"}, 18, "`fix` must be one of none, safe, unsafe, not 'maybe'"),
        ({"messages": "x"}, 18, "unknown key `messages` in the file; did you mean `message`?"),
        ({"check": "baned-import"}, 5, "names `baned-import`, which is no check; did you mean `banned-import`?"),
        ({"with": {"modules": ["a"], "modles": []}}, 9, "`banned-import`: no such option; did you mean `modules`?"),
        ({"with": {"modules": "a"}}, 7, "`with.modules` of `banned-import`: must be a list of texts, not 'a'"),
        ({"with": {"modules": ["a", 3]}}, 9, "`banned-import`: must be text, not 3; put it in quotes"),
        ({"with": ["modules"]}, 6, "`with` must be a mapping (options of the check), not a list"),
        ({"message": "`{modul}` is"}, 9, "`message` has the unknown field `{modul}`; did you mean `module`?"),
        ({"message": "{module.__class__}"}, 9, "fields are plain names"),
        ({"message": "{module!r}"}, 9, "fields are plain names"),
        ({"message": "{"}, 9, "`message` is no template"),
        ({"help": "Use {}."}, 10, "`help` has the field `{}`"),
        ({"leaves-alone": ["test"]}, 19, "`leaves-alone` names `test`, which is no role; did you mean `tests`?"),
        ({"examples": []}, 11, "`examples` is empty"),
        ({"examples": [{"bad": "import x"}]}, 12, "is 'import x'; expected: source with `# error: CODE`"),
        ({"examples": [{"bad": "a  # error: ACME001", "good": "b"}]}, 12, "one of bad, good, files; it has bad and"),
        ({"examples": [{"name": "x"}]}, 12, "exactly one of bad, good, files; it has none"),
        ({"examples": [{"files": {"a.py": 3}}]}, 13, "`examples[0].files.a.py` must be text (the file's content)"),
    ],
)  # fmt: skip
def test_a_broken_rule_file_is_refused(tmp_path: Path, change: dict[str, Any], line: int, said: str) -> None:
    config = project(tmp_path, TEAM, own={**GOOD, **change})
    for _ in range(2):
        with pytest.raises(CatalogueError) as caught:
            load_catalogue(config)
        assert said in caught.value.message
        assert caught.value.path == "lint-rules/own.yaml"
        assert caught.value.line == line, yaml.safe_dump({**GOOD, **change}, sort_keys=False)
        assert str(caught.value).startswith(f"lint-rules/own.yaml:{line}: ")


@pytest.mark.parametrize("key", ["code", "slug", "summary", "why", "check", "message", "examples"])
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    config = project(tmp_path, TEAM, own={name: value for name, value in GOOD.items() if name != key})
    with pytest.raises(CatalogueError, match=f"the file lacks the key `{key}`"):
        load_catalogue(config)


@pytest.mark.parametrize(
    "text, line, said",
    [
        ("", 1, "is empty"),
        ("# nothing\n", 1, "is empty"),
        ("- a\n", 1, "the file must be a mapping"),
        ("code: [\n", 2, "is not YAML, column 1"),
        ("code: a\n  slug: b\n", 2, "is not YAML, column 7"),
        ("code: a\ncode: b\n", 2, "has the key `code` twice"),
        ("a: &x [1]\nb: *x\n", 2, "uses the YAML alias `*x`"),
        ("[a]: b\n", 1, "a list or mapping as a key"),
        ("a: !!python/object:os.system {}\n", 1, "the file"),
        ("a: 2020-99-99\n", 1, "is not YAML"),
        ("a: " + "[" * 40 + "]" * 40, 1, "nested more than"),
        ("a: " + "[" * 100_000, 1, "nested more than"),
        ("a: \x00\n", 1, "control character"),
        ("code: a\n--- \ncode: b\n", None, "is not YAML"),
        ("<<: {a: 1}\n", 1, ""),
        ("a: " + "9" * 5000 + "\n", 1, "is not YAML"),
        ("x" * 1_000_001, None, "more than 1000 kB"),
    ],
)
def test_broken_yaml_is_refused(text: str, line: int | None, said: str) -> None:
    with pytest.raises(CatalogueError) as caught:
        parse_rule_file(text.encode(), "own.yaml")
    assert said in caught.value.message
    if line is not None:
        assert caught.value.line == line


def test_an_alias_bomb_does_not_hang() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    with pytest.raises(CatalogueError, match="alias"):
        parse_rule_file("\n".join(lines).encode(), "bomb.yaml")


def test_not_utf8() -> None:
    with pytest.raises(CatalogueError, match=r"latin.yaml:2: is not UTF-8 text"):
        parse_rule_file(b"code: ACME001\nslug: \xe9\n", "latin.yaml")


def test_a_code_used_twice_names_both_files(tmp_path: Path) -> None:
    config = project(tmp_path, TEAM, a=GOOD, b={**GOOD, "slug": "other"})
    with pytest.raises(
        CatalogueError, match=r"lint-rules/b.yaml:1: `code` ACME001 is used twice: also in lint-rules/a.yaml"
    ):
        load_catalogue(config)
    config = project(tmp_path, TEAM, a=GOOD, b={**GOOD, "code": "ACME002"})
    with pytest.raises(
        CatalogueError, match=r"lint-rules/b.yaml:2: `slug` direct-acme-import is used twice: also in lint"
    ):
        load_catalogue(config)


def test_rule_paths_that_hold_nothing(tmp_path: Path) -> None:
    config = project(tmp_path, TEAM)
    with pytest.raises(ConfigError, match="`lint-rules` does not exist"):
        load_catalogue(config)
    (tmp_path / "lint-rules").mkdir()
    with pytest.raises(ConfigError, match="`lint-rules` holds no rule"):
        load_catalogue(config)


def test_team_rules_are_remembered_by_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = project(tmp_path, TEAM, own=GOOD)
    first = load_catalogue(config)
    assert (tmp_path / ".obs-lint-cache" / "team-rules.json").is_file()
    with monkeypatch.context() as patched:
        patched.setattr("obs_lint.catalogue.team.parse_rule_file", None)
        assert load_catalogue(config).rules == first.rules
    project(tmp_path, TEAM, own={**GOOD, "summary": "Another."})
    assert load_catalogue(config).rules["ACME001"].summary == "Another."


@pytest.mark.parametrize("content", ["", "{", '{"key": 1}', "[]", '{"key": "K", "rules": [{"code": 3}]}'])
def test_a_broken_cache_is_not_believed(tmp_path: Path, content: str) -> None:
    config = project(tmp_path, TEAM, own=GOOD)
    load_catalogue(config)
    cache = tmp_path / ".obs-lint-cache" / "team-rules.json"
    key = json.loads(cache.read_text("utf-8"))["key"]
    cache.write_text(content.replace("K", key), encoding="utf-8")
    assert load_catalogue(config).rules["ACME001"].slug == GOOD["slug"]


def test_a_cache_that_cannot_be_written_only_warns(tmp_path: Path) -> None:
    (tmp_path / ".obs-lint-cache").write_text("a file", encoding="utf-8")
    catalogue = load_catalogue(project(tmp_path, TEAM, own=GOOD))
    assert "ACME001" in catalogue.rules
    assert catalogue.warnings and catalogue.warnings[0].startswith("the cache can't be written")
    assert not load_catalogue(project(tmp_path, TEAM, own=GOOD), cache=False).warnings


# -- the schema


def schema_table() -> list[tuple[Any, bool]]:
    """Documents, and whether they are good."""
    table: list[tuple[Any, bool]] = [(GOOD, True), ({}, False), ([], False), ("x", False), (None, False)]
    good: list[dict[str, Any]] = [
        {"severity": "info"},
        {"default": False},
        {"needs": ["a.b"]},
        {"fix": "safe"},
        {"with": {}},
        {"help": ""},
        {"code": "AB0001"},
        {"source": "004"},
        {"whole-project": True},
        {"message": "one line\n"},
        {"examples": [{"files": {"a.py": ""}, "config": {"surface": []}, "name": "x"}]},
        {"examples": [{"good": "x", "path": "shop/a.pyi"}]},
    ]
    bad: list[dict[str, Any]] = [
        {"code": "A001"},
        {"code": "ABCDEF001"},
        {"code": "AB01"},
        {"code": "AB00001"},
        {"code": 5},
        {"slug": "a--b"},
        {"slug": "-a"},
        {"slug": ""},
        {"summary": ""},
        {"summary": "two\nlines"},
        {"summary": " x"},
        {"why": ""},
        {"severity": "ERROR"},
        {"severity": True},
        {"default": "on"},
        {"default": 1},
        {"needs": "x"},
        {"needs": [1]},
        {"with": None},
        {"with": []},
        {"extra": 1},
        {"examples": None},
        {"examples": []},
        {"examples": ["x"]},
        {"examples": [{}]},
        {"examples": [{"good": "x", "bad": "y # error: A"}]},
        {"examples": [{"good": 1}]},
        {"examples": [{"good": "x", "path": ""}]},
        {"examples": [{"files": {}}]},
        {"examples": [{"files": {"a.py": None}}]},
        {"examples": [{"good": "x", "other": "y"}]},
        {"fix": None},
    ]
    table += [({**GOOD, **change}, True) for change in good]
    table += [({**GOOD, **change}, False) for change in bad]
    table += [({key: value for key, value in GOOD.items() if key != name}, name in ("with", "help")) for name in GOOD]
    return table


@pytest.mark.parametrize("document, good", schema_table())
def test_our_validation_agrees_with_the_json_schema(document: Any, good: bool) -> None:
    assert jsonschema.Draft202012Validator(schema()).is_valid(document) is good
    assert (not list(violations(document, schema()))) is good


def test_the_json_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


# -- the shipped rules


def test_shipped_rules_can_be_bound() -> None:
    rules = {document["code"]: make_rule(document, name) for name, document in documents()}
    for name, document in documents():
        assert not problems(document, rules, DEFAULT_ROLES), name


def test_codes_and_slugs_are_used_once() -> None:
    made = [document for _, document in documents()]
    assert len({document["code"] for document in made}) == len(made) == len(sources())
    assert len({document["slug"] for document in made}) == len(made)


def test_the_compiled_rules_are_current() -> None:
    with open(COMPILED, encoding="utf-8") as file:
        assert file.read() == compile_rules(), "run python -m obs_lint.catalogue"


def test_an_edited_rule_is_in_force_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = tmp_path / "rules.json"
    text = compile_rules()
    monkeypatch.setattr(shipped, "COMPILED", str(compiled))
    for content in (None, "", "{}", "[]", text.replace('"OBS102"', '"OBS199"').replace('"digest": "', '"digest": "0')):
        if content is not None:
            compiled.write_text(content, encoding="utf-8")
        assert {document["code"] for _, document in documents()} >= {"OBS102", "OBS900"}
    compiled.write_text(text.replace('"OBS102"', '"OBS199"'), encoding="utf-8")
    assert "OBS199" in {document["code"] for _, document in documents()}


def test_line_ends_do_not_make_the_compiled_rules_stale(tmp_path: Path) -> None:
    unix, dos = tmp_path / "a", tmp_path / "b"
    unix.write_bytes(b"a\nb\n")
    dos.write_bytes(b"a\r\nb\r\n")
    assert shipped.digest([(str(unix), "x")]) == shipped.digest([(str(dos), "x")])


def test_starting_needs_no_yaml() -> None:
    code = (
        "import sys; from obs_lint.config import from_table; from obs_lint.catalogue import load_catalogue;"
        "c = load_catalogue(from_table({}, '.')); [c.options(r) for r in c.selected()];"
        "print([m for m in ('yaml', 'jsonschema', 'libcst', 'difflib', 'tempfile') if m in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert made.stdout.strip() == "[]", made.stderr


# -- options


@dataclass(frozen=True, slots=True)
class Options:
    """Options of every type there is."""

    names: tuple[str, ...] = ("a", "b")
    """Which names."""
    mode: Literal["strict", "lenient"] = "strict"
    limit: int = 3
    ratio: float = 0.5
    on_off: bool = False
    title: str = "x"
    other: str | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"a": ("b",)})
    kinds: frozenset[str] = frozenset({"q"})


def test_options_are_built() -> None:
    given = {
        "names": ["c"],
        "mode": "lenient",
        "limit": 4,
        "ratio": 1,
        "on-off": True,
        "title": "y",
        "other": None,
        "aliases": {"a": "b"},
        "groups": {"a": ["b", "c"]},
        "kinds": ["r"],
    }
    assert build(Options, given) == Options(
        ("c",), "lenient", 4, 1.0, True, "y", None, {"a": "b"}, {"a": ("b", "c")}, frozenset({"r"})
    )
    assert build(Options, {}) == Options()


@pytest.mark.parametrize(
    "given, place, said",
    [
        ({"nams": []}, ("nams",), "no such option; did you mean `names`?"),
        ({"on_off": True}, ("on_off",), "did you mean `on-off`?"),
        ({"names": "a"}, ("names",), "must be a list of texts, not 'a'"),
        ({"names": ["a", True]}, ("names", 1), "must be text, not true; put it in quotes"),
        ({"mode": "strct"}, ("mode",), "must be `strict` or `lenient`, not 'strct'; did you mean `strict`?"),
        ({"mode": []}, ("mode",), "must be `strict` or `lenient`, not a list"),
        ({"limit": "3"}, ("limit",), "must be a whole number, not '3'"),
        ({"limit": True}, ("limit",), "must be a whole number, not true"),
        ({"limit": 1.5}, ("limit",), "must be a whole number, not 1.5"),
        ({"ratio": "x"}, ("ratio",), "must be a number"),
        ({"on-off": 1}, ("on-off",), "must be true or false, not 1"),
        ({"title": None}, ("title",), "must be text, not nothing"),
        ({"aliases": []}, ("aliases",), "must be a mapping of names to texts, not a list"),
        ({"aliases": {"a": 1}}, ("aliases", "a"), "must be text"),
        ({"groups": {"a": "b"}}, ("groups", "a"), "must be a list of texts"),
        ({"aliases": {1: "a"}}, ("aliases",), "key 1 must be text"),
    ],
)
def test_wrong_options(given: dict[str, Any], place: tuple[str | int, ...], said: str) -> None:
    with pytest.raises(OptionError) as caught:
        build(Options, given)
    assert caught.value.place == place
    assert said in caught.value.message


def test_overlays() -> None:
    base = {"names": ["x", "y"]}
    assert overlay(Options, base, {"names": {"extend": ["z", "x"]}})["names"] == ("x", "y", "z")
    assert overlay(Options, base, {"names": {"remove": ["x"]}})["names"] == ("y",)
    assert overlay(Options, {}, {"names": {"extend": ["z"]}})["names"] == ("a", "b", "z")
    assert overlay(Options, {}, {"kinds": {"extend": ["z"]}})["kinds"] == ("q", "z")
    assert overlay(Options, base, {"names": []})["names"] == []
    assert overlay(Options, {}, {"groups": {"extend": {"c": ["d"]}, "remove": ["a"]}})["groups"] == {"c": ["d"]}
    assert overlay(Options, {}, {"aliases": {"extend": {"a": "b"}}})["aliases"] == {"a": "b"}
    for wrong in ({"names": {"remove": ["q"]}}, {"limit": {"extend": [1]}}, {"aliases": {"extend": "b"}}, {"nope": 1}):
        with pytest.raises(OptionError):
            overlay(Options, base, wrong)


def test_options_are_described() -> None:
    made = {option.name: option for option in describe(Options)}
    assert made["names"].about == "Which names."
    assert (made["names"].type, made["names"].default) == ("a list of texts", ["a", "b"])
    assert made["mode"].schema == {"enum": ["strict", "lenient"]}
    assert made["groups"].schema == {
        "type": "object",
        "additionalProperties": {"type": "array", "items": {"type": "string"}},
    }
    assert made["groups"].default == {"a": ["b"]}


@pytest.mark.parametrize("name", CHECKS)
def test_options_of_every_check_are_documented(name: str) -> None:
    for option in describe(load(name).options):
        assert option.about, f"the option {option.name} of {name} has no docstring under it"


# -- whatever comes

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["extend", "remove", "of", "option", "a", "bad", "files"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.text("abc:-[]{}&*!|>'\"%@`#,? \n\t\x00é\ufeff", max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_rule_or_an_error(text: str) -> None:
    try:
        parse_rule_file(text.encode(), "own.yaml")
    except CatalogueError as error:
        assert error.message


@given(st.sampled_from([*GOOD, "default", "needs", "leaves-alone", "fix", "severity"]), VALUES)
@settings(max_examples=200, deadline=None)
def test_any_value_is_taken_or_refused(key: str, value: Any) -> None:
    text = yaml.safe_dump({**GOOD, key: value}, sort_keys=False)
    try:
        file = parse_rule_file(text.encode(), "own.yaml")
    except CatalogueError as error:
        assert error.message
        return
    for place, message in problems(file.document, {"ACME001": make_rule(file.document, "own.yaml")}, DEFAULT_ROLES):
        assert message
        assert file.error(place, message).line


@given(st.sampled_from([field.replace("_", "-") for field in Options.__dataclass_fields__]), VALUES)
@settings(max_examples=200, deadline=None)
def test_any_option_is_taken_or_refused(key: str, value: Any) -> None:
    try:
        build(Options, overlay(Options, {}, {key: value}))
    except OptionError as error:
        assert error.place[0] == key
        assert error.message
