"""The configuration: what it means, where it is found, and what is said of every way to get it wrong."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import tomllib
import typing
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from obs_lint.cli import main
from obs_lint.config import (
    Config,
    ConfigError,
    config_for,
    error_at,
    extends,
    from_table,
    load,
    locate,
    resolve_list,
    where,
)
from obs_lint.config import keys as key_table
from obs_lint.config.edit import edited, table_text, value_text
from obs_lint.config.explain import rows
from obs_lint.config.keys import CONFIG, Choice, Entries, Items, Kind, Position, Table, default
from obs_lint.config.lines import dotted_key, split_key, toml_lines
from obs_lint.config.model import (
    DEFAULT_EXCLUDE,
    DEFAULT_ROLES,
    EmitterConfig,
    EntryPoint,
    InstrumentConfig,
    LoggerConfig,
    RegistrySource,
    RuleSettings,
)
from obs_lint.config.schema import schema, schema_text
from obs_lint.diagnostic import Severity

SCHEMA_FILE = Path(__file__).parent.parent / "obs_lint" / "schemas" / "config.schema.json"

EXAMPLE = """
[tool.obs-lint]
kind = "service"
surface = ["packages.observability"]
wiring = ["services.*.wiring.observability", "scripts/otel/*.py"]
logging = "facade"
registry = ["contracts/obs-registry.yaml"]
source-roots = ["services/*/src", "packages"]
orchestration = ["services.*.workflows.**"]
rule-paths = ["lint-rules"]
environment = ".venv"
select = ["ALL"]
ignore = []
fail-on = "error"
type-checking-imports = "allow"
blanket-noqa = "honour"
require-reason = false
require-code = false
exclude = ["gen/**"]
baseline = ".obs-lint-baseline.json"
target-version = "py314"

[tool.obs-lint.paths]
tests = ["**/tests/**", "**/test_*.py", "**/*_test.py", "**/tests.py", "**/conftest.py"]
scripts = ["scripts/**", "bin/**", "tools/**"]
migrations = ["**/migrations/**", "**/alembic/**"]
generated = ["**/*_pb2.py"]
examples = ["examples/**", "docs/**"]

[tool.obs-lint.services]
api = ["services/api/**"]
worker = ["services/workers/**"]

[tool.obs-lint.per-file-ignores]
"services/legacy/**" = ["OBS102"]

[[tool.obs-lint.scopes]]
paths = ["services/billing/**"]
surface = ["billing.obs"]

[[tool.obs-lint.emitters]]
function = "packages.observability.emit"
receiver = "*.event_logger"
event = 0
event-name = "event_name"
payload = "payload"
context = "ctx"
severity = "severity"
emits = []

[[tool.obs-lint.loggers]]
factory = ["structlog.get_logger", "packages.observability.get_logger"]
event = 0
payload = "**"
severity = "method"
events = "matching-naming"

[tool.obs-lint.instrument]
decorators = ["packages.observability.instrument"]
class-decorators = ["packages.observability.instrument_class"]
targets = ["services.*.use_cases.*UseCase.execute", "shop.services.**"]
entry-points = [{decorator = "acme.json_api"}, {base = "RestServlet", methods = ["on_*"]}]
routes = false
accept-span = true

[tool.obs-lint.correlation]
boundary = ["services.api.middleware.**"]
internal-hosts = ["*.svc.local", "INTERNAL_API_URL"]
propagating = ["acme.http.Client"]
preserving = ["acme.threads.defer"]

[tool.obs-lint.rules.OBS102]
modules = { extend = ["acme_logger"] }
replacements = { "logging.getLogger" = "packages.observability.get_logger" }
severity = "warning"
"""
"""The example of the documentation, without `extends`, whose files would have to exist."""


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Path]:
    """Write files into a project; names are paths, a bare text is the pyproject.toml."""

    def write(text: str = "", **files: str) -> Path:
        if text:
            (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        return tmp_path

    return write


def refused(folder: Path, **options: Any) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(str(folder), **options)
    return caught.value


# -- what is wrong, to the letter

TOP = "[tool.obs-lint]\n"


def bad_configurations() -> list[tuple[str, str]]:
    text = (Path(__file__).parent / "config" / "bad.txt").read_text(encoding="utf-8")
    blocks = [block.rpartition("\n=> ") for block in text.split("\n---\n")[1:]]
    return [(toml, message.removesuffix("\n")) for toml, _, message in blocks]


BAD = bad_configurations()


@pytest.mark.parametrize(("text", "message"), BAD, ids=[message[:60] for _, message in BAD])
def test_bad_configuration(
    project: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.setattr(extends, "presets", lambda: ())
    folder = project(text)
    error = refused(folder)
    assert str(error) == "pyproject.toml:" + message.replace("{root}", folder.as_posix())
    assert error.file == "pyproject.toml"
    assert error.line == int(message.partition(":")[0])
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('surfaces = ["a"]', 'obs-lint.toml:1: unknown key "surfaces" (did you mean "surface"?)'),
        (
            "[tool.obs-lint]\nselect = []",
            'obs-lint.toml:1: unknown key "tool" (in this file the keys stand without tool.obs-lint)',
        ),
        ('[paths]\ntests = "a"', 'obs-lint.toml:2: [paths] tests = "a": expected a list (write ["a"])'),
        ("[[emitters]]\nevent = 0", "obs-lint.toml:1: [[emitters]] function is missing (function, method, class"),
        ("\ufeffx = 1", 'obs-lint.toml:1: unknown key "x"'),
        ('x = """', "obs-lint.toml:1: not valid TOML: Unterminated string"),
        ("x = " + "[" * 5000, "obs-lint.toml: not valid TOML: nested too deeply"),
        ("x = " + "1" * 5000, "obs-lint.toml: not valid TOML: a number has too many digits"),
        ("[rules.A1]\nx = " + "[" * 60 + "]" * 60, "obs-lint.toml:2: [rules.A1] x"),
    ],
)
def test_bad_obs_lint_toml(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "obs-lint.toml").write_text(text, encoding="utf-8")
    assert str(refused(tmp_path)).startswith(message)


def test_a_file_that_is_no_utf_8(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(b'[tool.obs-lint]\n\nkind = "\xff"')
    assert str(refused(tmp_path)) == "pyproject.toml:3: is not UTF-8 (save it as UTF-8)"


def test_errors_survive_a_process_boundary() -> None:
    import pickle

    error = ConfigError("is wrong", file="a.toml", key="b", line=3, hint="try c", table="[d]")
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error) == "a.toml:3: [d] is wrong (try c)"
    assert vars(again) == vars(error)


# -- what is right


def test_the_documented_example(project: Callable[..., Path]) -> None:
    root = project(EXAMPLE)
    config = load(str(root))
    assert config.root == root
    assert config.file == root / "pyproject.toml"
    assert config.surface == ("packages.observability",)
    assert config.wiring == ("services.*.wiring.observability", "scripts/otel/*.py")
    assert config.logging == "facade"
    assert config.registry == (RegistrySource("contracts/obs-registry.yaml"),)
    assert config.source_roots == ("services/*/src", "packages")
    assert config.fail_on is Severity.ERROR
    assert config.select == ("ALL",)
    assert config.exclude == ("gen/**",)
    assert config.roles == DEFAULT_ROLES
    assert config.services == {"api": ("services/api/**",), "worker": ("services/workers/**",)}
    assert config.per_file_ignores == {"services/legacy/**": ("OBS102",)}
    assert config.emitters == (
        EmitterConfig(
            "packages.observability.emit", "*.event_logger", 0, "event_name", "payload", "ctx", "severity", (), None
        ),
    )
    assert config.loggers == (LoggerConfig(("structlog.get_logger", "packages.observability.get_logger")),)
    assert config.instrument.targets == ("services.*.use_cases.*UseCase.execute", "shop.services.**")
    assert config.instrument.entry_points == (
        EntryPoint(decorator="acme.json_api"),
        EntryPoint(base="RestServlet", methods=("on_*",)),
    )
    assert config.correlation.internal_hosts == ("*.svc.local", "INTERNAL_API_URL")
    assert config.rules == {
        "OBS102": RuleSettings(
            Severity.WARNING,
            {
                "modules": {"extend": ["acme_logger"]},
                "replacements": {"logging.getLogger": "packages.observability.get_logger"},
            },
        )
    }
    (scope,) = config.scopes
    assert scope.paths == ("services/billing/**",)
    assert scope.config.surface == ("billing.obs",)
    assert scope.config.wiring == config.wiring
    assert scope.config.scopes == ()


def test_nothing_said_is_the_default(tmp_path: Path) -> None:
    assert load(str(tmp_path), isolated=True) == Config(root=tmp_path)
    (tmp_path / "obs-lint.toml").write_text("")
    assert load(str(tmp_path)) == Config(root=tmp_path, file=tmp_path / "obs-lint.toml")


@pytest.mark.parametrize(
    ("text", "field", "expected"),
    [
        ("surface = []", "surface", ()),
        ("select = []", "select", ()),
        ('select = {extend = ["OBS108"]}', "select", None),
        ('select = {extend = ["OBS108"]}', "extend_select", ("OBS108",)),
        ('select = {remove = ["OBS102"]}', "ignore", ("OBS102",)),
        ('select = {remove = ["OBS102"]}\nignore = ["OBS101"]', "ignore", ("OBS101", "OBS102")),
        ("exclude = []", "exclude", ()),
        ('exclude = {extend = ["gen"]}', "exclude", (*DEFAULT_EXCLUDE, "gen")),
        (
            'exclude = {remove = ["build"], extend = ["gen"]}',
            "exclude",
            (*(e for e in DEFAULT_EXCLUDE if e != "build"), "gen"),
        ),
        ('surface = {extend = ["a"]}', "surface", ("a",)),
        ('wiring = {extend = ["a"]}', "wiring", ("a",)),
        ('paths = {tests = ["t/**"]}', "roles", {**DEFAULT_ROLES, "tests": ("t/**",)}),
        ("paths = {tests = [], scripts = []}", "roles", {**DEFAULT_ROLES, "tests": (), "scripts": ()}),
        (
            'paths = {examples = {extend = ["s/**"]}}',
            "roles",
            {**DEFAULT_ROLES, "examples": ("examples/**", "docs/**", "s/**")},
        ),
        (
            'paths = {scripts = {remove = ["bin/**"]}}',
            "roles",
            {**DEFAULT_ROLES, "scripts": ("scripts/**", "tools/**")},
        ),
        ("instrument = {routes = true}", "instrument", InstrumentConfig(routes=True, accept_span=True)),
        (
            'registry = ["C:/events.yaml", {source = "python:a:B", name = "attribute:code", mirror = true}]',
            "registry",
            (RegistrySource("C:/events.yaml"), RegistrySource("python:a:B", "attribute:code", None, True)),
        ),
        (
            'registry = [{source = "yaml:e/*.yaml", name = "{category}.{name}"}]',
            "registry",
            (RegistrySource("yaml:e/*.yaml", "{category}.{name}"),),
        ),
        ('emitters = [{function = "a"}]', "emitters", (EmitterConfig("a", event=0),)),
        (
            'emitters = [{function = "a", event-name = "n"}]',
            "emitters",
            (EmitterConfig("a", event=None, event_name="n"),),
        ),
        (
            'emitters = [{function = "a", emits = ["x.done"]}]',
            "emitters",
            (EmitterConfig("a", event=None, emits=("x.done",)),),
        ),
        (
            'emitters = [{function = "a", payload = 1}, {function = "a", receiver = "*.b"}]',
            "emitters",
            (EmitterConfig("a", payload=1), EmitterConfig("a", "*.b")),
        ),
        (
            'rules = {direct-telemetry-import = {modules = {remove = ["x"]}}}',
            "rules",
            {"direct-telemetry-import": RuleSettings(None, {"modules": {"remove": ["x"]}})},
        ),
        ('services = {"my service" = ["a/**"]}', "services", {"my service": ("a/**",)}),
    ],
)
def test_good_configuration(tmp_path: Path, text: str, field: str, expected: Any) -> None:
    (tmp_path / "obs-lint.toml").write_text(text, encoding="utf-8")
    assert getattr(load(str(tmp_path)), field) == expected


def test_crlf_and_a_byte_order_mark_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(b"\xef\xbb\xbf" + EXAMPLE.replace("\n", "\r\n").encode())
    config = load(str(tmp_path))
    assert config.surface == ("packages.observability",)
    assert locate(config, "logging") == 6


# -- where it is found


def test_the_nearest_file_upwards_and_its_folder_is_the_root(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    (inner / "c").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text(TOP + 'surface = ["outer"]')
    (tmp_path / "a" / "pyproject.toml").write_text("[project]\nname = 'no-table-of-ours'\n")
    assert load(str(inner / "c")).surface == ("outer",)
    assert load(str(inner / "c")).root == tmp_path
    (inner / "obs-lint.toml").write_text('surface = ["inner"]')
    (inner / "pyproject.toml").write_text(TOP + 'surface = ["not-this"]')
    assert load(str(inner / "c")).surface == ("inner",)
    assert load(str(inner / "c")).root == inner
    assert load(str(inner / "c")).provenance == {"surface": "obs-lint.toml"}


@pytest.mark.parametrize("mark", [".git", "pyproject.toml", "setup.py", "setup.cfg"])
def test_without_configuration_the_root_is_that_of_the_project(tmp_path: Path, mark: str) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "a" / mark).touch()
    config = load(str(inner), isolated=True)
    assert (config.root, config.file) == (tmp_path / "a", None)


def test_a_pyproject_that_only_mentions_us_is_no_configuration(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\ndependencies = ['obs-lint', 'obs_lint']\n")
    assert load(str(tmp_path)).file is None


def test_a_broken_pyproject_of_others_is_not_our_business(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[broken")
    assert load(str(tmp_path)).file is None


def test_config_option(tmp_path: Path) -> None:
    (tmp_path / "cwd").mkdir()
    (tmp_path / "pyproject.toml").write_text(TOP + 'surface = ["no"]')
    (tmp_path / "team.toml").write_text('surface = ["yes"]')
    (tmp_path / "other.toml").write_text(TOP + 'surface = ["other"]')
    (tmp_path / "team.yaml").write_text("surface: [yaml]\n")
    cwd = str(tmp_path / "cwd")
    config = load(cwd, config_file="../team.toml")
    assert (config.root, config.surface, config.file) == (tmp_path / "cwd", ("yes",), tmp_path / "team.toml")
    assert config.provenance == {"surface": "../team.toml"}
    assert load(cwd, config_file="../other.toml").surface == ("other",)
    assert load(cwd, config_file="../team.yaml").surface == ("yaml",)


def test_config_option_that_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    assert str(refused(tmp_path, config_file="no.toml")) == "--config: no.toml does not exist (name a TOML file)"
    assert str(refused(tmp_path, config_file=".")) == "--config: . is a folder (name a TOML file)"
    assert "has no [tool.obs-lint]" in str(refused(tmp_path, config_file="pyproject.toml"))
    assert "--isolated" in str(refused(tmp_path, config_file="no.toml", isolated=True))


# -- the command line


def with_options(folder: Path, text: str, **options: object) -> Config:
    (folder / "obs-lint.toml").write_text(text, encoding="utf-8")
    return load(str(folder), overrides=options)


def test_options_go_before_the_file(tmp_path: Path) -> None:
    config = with_options(
        tmp_path,
        'fail-on = "error"\nexclude = ["a"]\nextend-exclude = ["b"]\nper-file-ignores = {"x" = ["OBS1"]}',
        fail_on="info",
        exclude=["c,d", "e"],
        extend_exclude="f",
        per_file_ignores=["t/**:OBS102", "t/**:OBS103,u:OBS104"],
        cache_dir="/c",
        force_exclude=True,
        strict_dynamic=None,
    )
    assert config.fail_on is Severity.INFO
    assert config.exclude == ("c", "d", "e")
    assert config.extend_exclude == ("b", "f")
    assert config.per_file_ignores == {"t/**": ("OBS102", "OBS103"), "u": ("OBS104",)}
    assert config.cache_dir == "/c"
    assert config.force_exclude
    assert not config.strict_dynamic
    assert config.provenance["fail-on"] == "--fail-on"
    assert config.provenance["per-file-ignores"] == "--per-file-ignores"
    assert "per-file-ignores.x" not in config.provenance
    assert where(config, "fail-on") == ("--fail-on", None)


@pytest.mark.parametrize(
    ("text", "options", "select", "extend", "ignore"),
    [
        ('ignore = ["OBS101"]', {"select": "OBS1"}, ("OBS1",), (), ()),
        ('ignore = ["OBS101"]', {"ignore": "OBS102"}, None, (), ("OBS101", "OBS102")),
        ('ignore = ["OBS101"]', {"extend_select": "OBS1"}, None, ("OBS1",), ()),
        ('ignore = ["OBS1"]', {"extend_select": "OBS101"}, None, ("OBS101",), ("OBS1",)),
        ('select = ["OBS101", "OBS2"]', {"ignore": "OBS1"}, ("OBS2",), (), ("OBS1",)),
        ('select = ["OBS1"]', {"ignore": "OBS101"}, ("OBS1",), (), ("OBS101",)),
        ('extend-select = ["OBS108"]', {"ignore": "ALL"}, None, (), ("ALL",)),
        ('extend-select = ["OBS108"]', {"extend_select": ["OBS110"]}, None, ("OBS108", "OBS110"), ()),
        ("", {"select": "OBS1", "ignore": "OBS102"}, ("OBS1",), (), ("OBS102",)),
        ('select = {extend = ["OBS108"]}', {"select": "OBS1"}, ("OBS1",), (), ()),
        ('select = {extend = ["OBS108"]}', {"extend_select": "OBS110"}, None, ("OBS110", "OBS108"), ()),
    ],
)
def test_selection_combines_as_in_ruff(
    tmp_path: Path,
    text: str,
    options: dict[str, object],
    select: tuple[str, ...] | None,
    extend: tuple[str, ...],
    ignore: tuple[str, ...],
) -> None:
    config = with_options(tmp_path, text, **options)
    assert (config.select, config.extend_select, config.ignore) == (select, extend, ignore)


def test_paths_of_options_are_relative_to_the_working_directory(tmp_path: Path) -> None:
    (tmp_path / "obs-lint.toml").touch()
    (tmp_path / "sub").mkdir()
    options = {
        "baseline": "b.json",
        "cache_dir": "../c",
        "exclude": ["gen/x", "**/y", "z", "./w/v", (tmp_path / "abs" / "d").as_posix()],
        "per_file_ignores": ["gen/*.py:OBS1", "a.py:OBS2"],
    }
    config = load(str(tmp_path / "sub"), overrides=options)
    assert config.baseline == "sub/b.json"
    assert config.cache_dir == "c"
    assert config.exclude == ("sub/gen/x", "**/y", "z", "sub/w/v", "abs/d")
    assert config.per_file_ignores == {"sub/gen/*.py": ("OBS1",), "a.py": ("OBS2",)}
    outside = load(str(tmp_path / "sub"), overrides={"cache_dir": "../../c"}).cache_dir
    assert outside == (tmp_path.parent / "c").as_posix()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"select": ["Obs1"]}, '--select: "Obs1" is no rule selector (did you mean "OBS1"?)'),
        ({"ignore": 3}, "--ignore: 3: expected a list"),
        ({"fail_on": "bad"}, '--fail-on: "bad": expected "error", "warning" or "info"'),
        ({"per_file_ignores": ["x"]}, '--per-file-ignores: "x": expected PATTERN:CODE ("tests/**:OBS102")'),
        ({"per_file_ignores": 3}, "--per-file-ignores: 3: expected PATTERN:CODE"),
        ({"exclude": ["a[b"]}, '--exclude: "a[b" has a `[` that is never closed (a bracket itself is `[[]`)'),
        ({"force_exclude": "x"}, '--force-exclude: "x": expected true or false'),
        ({"nope": 1}, '--nope: "nope" is no key of the configuration'),
        ({"scopes": []}, '--scopes: "scopes" is no key of the configuration'),
    ],
)
def test_bad_options(tmp_path: Path, options: dict[str, object], message: str) -> None:
    assert str(refused(tmp_path, overrides=options)) == message


# -- extends


def test_later_ones_override_earlier_and_the_file_overrides_all(project: Callable[..., Path]) -> None:
    root = project(
        TOP + 'extends = ["one.toml", "conf/two.yaml"]\nkind = "library"\nwiring = {extend = ["three"]}\n'
        "[tool.obs-lint.rules.OBS102]\nmodules = {extend = ['c']}\nextra = {remove = ['x']}",
        **{
            "one.toml": 'kind = "service"\nsurface = ["one"]\nlogging = "central"\nwiring = ["one"]\n'
            "[rules.OBS102]\nmodules = ['a']\nextra = {extend = ['x', 'y']}\nseverity = 'info'",
            "conf/two.yaml": 'surface: [two]\nrule-paths: [rules]\nregistry: ["lock:r.json", "python:a:B"]\n'
            "rules: {OBS102: {modules: {extend: [b]}}}\n",
        },
    )
    config = load(str(root))
    assert config.extends == ("one.toml", "conf/two.yaml")
    assert config.kind == "library"
    assert config.surface == ("two",)
    assert config.logging == "central"
    assert config.wiring == ("one", "three")
    assert config.rule_paths == ("conf/rules",)
    assert config.registry == (RegistrySource("lock:conf/r.json"), RegistrySource("python:a:B"))
    assert config.rules["OBS102"] == RuleSettings(
        Severity.INFO, {"modules": ["a", "b", "c"], "extra": {"extend": ["y"]}}
    )
    assert config.provenance["kind"] == "pyproject.toml"
    assert config.provenance["surface"] == "conf/two.yaml"
    assert config.provenance["logging"] == "one.toml"
    assert config.provenance["wiring"] == "one.toml + pyproject.toml"
    assert where(config, "surface", "two") == ((root / "conf" / "two.yaml").as_posix(), 1)
    assert where(config, "wiring", "one") == ((root / "one.toml").as_posix(), 4)
    assert where(config, "wiring", "three") == ((root / "pyproject.toml").as_posix(), 4)


def test_extended_files_extend_further_and_may_meet_again(project: Callable[..., Path]) -> None:
    root = project(
        TOP + 'extends = ["a.toml", "b.toml"]',
        **{
            "a.toml": 'extends = ["base/c.toml"]\nlogging = "facade"',
            "b.toml": 'extends = ["base/c.toml"]',
            "base/c.toml": 'extends = ["d.toml"]\nlogging = "central"',
            "base/d.toml": 'kind = "library"',
        },
    )
    config = load(str(root))
    assert (config.kind, config.logging) == ("library", "central")


def test_cycles_are_named(project: Callable[..., Path]) -> None:
    root = project(
        TOP + 'extends = ["x/a.toml"]', **{"x/a.toml": 'extends = ["b.toml"]', "x/b.toml": '\nextends = ["a.toml"]'}
    )
    assert str(refused(root)) == "x/b.toml:2: extends: leads back to itself: x/a.toml → x/b.toml → x/a.toml"


def test_mistakes_in_extended_files_are_reported_there(project: Callable[..., Path]) -> None:
    root = project(TOP + 'extends = ["a.yaml"]', **{"a.yaml": "kind: service\npaths:\n  tests: [1]\n"})
    assert str(refused(root)) == "a.yaml:3: paths.tests[0] = 1: expected a string"
    project(**{"a.yaml": "a: [1\nb: 2"})
    assert str(refused(root)).startswith("a.yaml:2: not valid YAML: ")
    project(**{"a.yaml": "- 1"})
    assert str(refused(root)) == "a.yaml: expected a mapping at the top"
    project(**{"a.yaml": "1: 2"})
    assert str(refused(root)) == "a.yaml: the key 1 is no string (put it in quotes)"
    project(**{"a.yaml": "kind: null"})
    assert str(refused(root)) == 'a.yaml:1: kind = null: expected "service" or "library"'
    project(**{"a.yaml": "rules: {A1: {x: &x [*x]}}"})
    assert str(refused(root)) == "a.yaml: not usable: its aliases stand for too many values"
    project(**{"a.yaml": "? [a]\n: b"})
    assert str(refused(root)).startswith("a.yaml")


def test_presets(project: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    root = project(TOP + 'extends = ["orchestrator"]', **{"shipped/orchestrator.toml": 'kind = "library"'})
    monkeypatch.setattr(extends, "_presets_folder", lambda: str(root / "shipped"))
    config = load(str(root))
    assert config.kind == "library"
    assert config.provenance["kind"] == "preset orchestrator"
    assert extends.presets() == ("orchestrator",)
    project(TOP + 'extends = ["orchestra"]')
    assert str(refused(root)) == (
        'pyproject.toml:2: [tool.obs-lint] extends: "orchestra" is no shipped preset '
        '(did you mean "orchestrator"? there are orchestrator)'
    )


@pytest.mark.parametrize("site", ["lib/python3.12/site-packages", "Lib/site-packages"])
def test_packages_of_the_environment(project: Callable[..., Path], site: str) -> None:
    bomb = "raise RuntimeError('imported')\n"
    root = project(
        TOP + 'environment = ".venv"\nextends = ["package:acme_rules.obs"]',
        **{
            f".venv/{site}/acme_rules/__init__.py": bomb,
            f".venv/{site}/acme_rules/obs/__init__.py": bomb,
            f".venv/{site}/acme_rules/obs/obs-lint.toml": 'kind = "library"\nrule-paths = ["rules"]',
        },
    )
    config = load(str(root))
    assert config.kind == "library"
    assert config.provenance["kind"] == "package:acme_rules.obs"
    assert config.rule_paths == (f".venv/{site}/acme_rules/obs/rules",)
    assert "acme_rules" not in sys.modules


def test_packages_that_are_installed_by_a_pth_file(project: Callable[..., Path]) -> None:
    root = project(
        TOP + 'environment = ".venv"\nextends = ["package:acme_editable"]',
        **{
            ".venv/lib/python3.11/site-packages/acme.pth": "import nothing\n# comment\n../../../../work/src\n",
            "work/src/acme_editable/obs-lint.toml": 'kind = "library"',
        },
    )
    assert load(str(root)).kind == "library"


def test_packages_beside_obs_lint(project: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    root = project(
        TOP + 'extends = ["package:acme_beside"]',
        **{"site/acme_beside/__init__.py": "raise RuntimeError", "site/acme_beside/obs-lint.toml": 'kind = "library"'},
    )
    monkeypatch.syspath_prepend(str(root / "site"))
    assert load(str(root)).kind == "library"
    (root / "site" / "acme_beside" / "obs-lint.toml").unlink()
    assert "has no obs-lint.toml (looked in " in str(refused(root))


# -- scopes

SCOPES = """
surface = ["shop.obs"]
wiring = ["shop.wiring"]
select = ["OBS1"]
[[scopes]]
paths = ["services/**"]
wiring = { extend = ["services.wiring"] }
per-file-ignores = { "services/x/**" = ["OBS101"] }
[[scopes]]
paths = ["services/billing/**"]
surface = ["billing.obs"]
extends = ["billing.toml"]
"""


def test_scopes_overlay_the_whole(project: Callable[..., Path]) -> None:
    root = project(
        **{
            "obs-lint.toml": SCOPES,
            "billing.toml": 'logging = "facade"\nsurface = ["no"]\nexclude = ["only/whole/runs"]',
        }
    )
    config = load(str(root), overrides={"ignore": "OBS102"})
    services, billing = config.scopes
    assert config.surface == ("shop.obs",)
    assert services.config.wiring == ("shop.wiring", "services.wiring")
    assert services.config.surface == ("shop.obs",)
    assert services.config.per_file_ignores == {"services/x/**": ("OBS101",)}
    assert billing.config.wiring == ("shop.wiring",)
    assert billing.config.surface == ("billing.obs",)
    assert billing.config.logging == "facade"
    assert billing.config.exclude is None
    assert {c.ignore for c in (config, services.config, billing.config)} == {("OBS102",)}
    assert config_for(config, "shop/a.py") is config
    assert config_for(config, "services/api/a.py") is services.config
    assert config_for(config, "services/billing/a.py") is billing.config
    assert services.config.provenance["wiring"] == "obs-lint.toml + obs-lint.toml scopes[0]"
    assert locate(services.config, "wiring", "services.wiring") == 7
    assert locate(services.config, "wiring", "shop.wiring") == 3
    assert locate(billing.config, "surface") == 11
    assert str(error_at(billing.config, "surface", "matches nothing")).endswith(
        "obs-lint.toml:11: [[scopes]] matches nothing"
    )


def test_a_scope_cannot_have_scopes_by_extending(project: Callable[..., Path]) -> None:
    root = project(
        **{
            "obs-lint.toml": '[[scopes]]\npaths = ["a"]\nextends = ["x.toml"]',
            "x.toml": '[[scopes]]\npaths = ["b"]',
        }
    )
    assert str(refused(root)) == "obs-lint.toml:3: [[scopes]] extends x.toml, which has scopes of its own"


# -- places


def test_keys_are_located_where_they_are_written(project: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    root = project(EXAMPLE, **{"sub/x": ""})
    config = load(str(root))
    lines = EXAMPLE.splitlines()
    for key, item, text in [
        ("surface", None, 'surface = ["packages.observability"]'),
        ("paths.scripts", "bin/**", "scripts = "),
        ('per-file-ignores."services/legacy/**"', "OBS102", '"services/legacy/**" = ["OBS102"]'),
        ("emitters[0].receiver", None, "receiver = "),
        ("emitters", None, "[[tool.obs-lint.emitters]]"),
        ("rules.OBS102.modules", "acme_logger", "modules = "),
        ("rules.OBS102", None, "[tool.obs-lint.rules.OBS102]"),
        ("instrument.entry-points[1].methods", None, "entry-points = "),
        ("scopes[0].surface", None, 'surface = ["billing.obs"]'),
    ]:
        line = locate(config, key, item)
        assert line is not None, key
        assert lines[line - 1].startswith(text), key
    assert where(config, "extend-select") == ("", None)
    assert locate(config, "cache-dir") is None
    monkeypatch.chdir(root / "sub")
    assert where(config, "surface") == ("../pyproject.toml", 4)
    error = error_at(config, "select", 'unknown rule "ALL"', item="ALL", hint="none")
    assert str(error) == '../pyproject.toml:12: [tool.obs-lint] unknown rule "ALL" (none)'
    assert error.key == "select"
    option = load(str(root), overrides={"select": "OBS9"})
    assert str(error_at(option, "select", "unknown rule", item="OBS9")) == "--select: unknown rule"


TRICKY = '''
"a b" = 1
'lit\\eral' = "x # no comment"   # comment = 3
list = [ # not = this
  "one", # [neither]
  """two
[table]
x = 1
""", { inner = 1, deep = { er = [ 1,
 2 ] } },
]
s = """"quoted" \\""" still
y = 2"""
d = 1979-05-27 07:32:00
[x."y.z".w]
k = \'\'\'
[no]\'\'\'
[[t]]
a = 1
[[t]]
b = 2
[t.sub]
c = 3
[[t.list]]
d = 4
[[t.list]]
[x]
late.dotted.key = 5
'''


def test_lines_of_tricky_toml() -> None:
    lines = toml_lines(TRICKY)
    expected = {
        ("a b",): 2,
        ("lit\\eral",): 3,
        ("list",): 4,
        ("list", 0): 5,
        ("list", 1): 6,
        ("list", 2): 9,
        ("list", 2, "deep", "er"): 9,
        ("list", 2, "deep", "er", 1): 10,
        ("s",): 12,
        ("d",): 14,
        ("x", "y.z", "w"): 15,
        ("x", "y.z", "w", "k"): 16,
        ("t",): 18,
        ("t", 0, "a"): 19,
        ("t", 1): 20,
        ("t", 1, "b"): 21,
        ("t", 1, "sub"): 22,
        ("t", 1, "sub", "c"): 23,
        ("t", 1, "list", 0, "d"): 25,
        ("t", 1, "list", 1): 26,
        ("x",): 27,
        ("x", "late", "dotted", "key"): 28,
    }
    assert {path: lines.get(path) for path in expected} == expected
    assert not any("table" in path or "no" in path or "y" in path for path in lines)
    assert toml_lines(TRICKY.replace("\n", "\r\n")) == lines


@given(st.lists(st.one_of(st.text(max_size=8), st.integers(0, 9)), min_size=1, max_size=5))
def test_dotted_keys_can_be_read_back(path: list[str | int]) -> None:
    path = ["a", *path]
    assert split_key(dotted_key(tuple(path))) == tuple(path)


# -- lists


def test_resolve_list() -> None:
    assert resolve_list(("a", "b"), None) == ("a", "b")
    assert resolve_list(("a", "b"), ["c"]) == ("c",)
    assert resolve_list(("a", "b"), []) == ()
    assert resolve_list(("a", "b"), {"extend": ["c", "a"]}) == ("a", "b", "c")
    assert resolve_list(("a", "b"), {"remove": ["a"]}) == ("b",)
    assert resolve_list(("a", "b"), {"remove": ["a"], "extend": ["c"]}) == ("b", "c")
    for bad in ("a", 3, {}, {"add": ["a"]}, {"extend": "a"}, {"remove": ["c"]}):
        with pytest.raises(ValueError):
            resolve_list(("a", "b"), bad)


# -- the table of keys, the model and the schema


def tables(table: Table = CONFIG, name: str = "") -> dict[str, Table]:
    found = {name: table}
    for key in table.keys:
        kind: Kind = key.kind
        while isinstance(kind, (Items, Entries)):
            kind = kind.item if isinstance(kind, Items) else kind.value
        if isinstance(kind, Table):
            found |= tables(kind, f"{name}.{key.name}".lstrip("."))
    return found


@pytest.mark.parametrize("name", sorted(tables()))
def test_every_key_is_a_field_and_every_field_a_key(name: str) -> None:
    table = tables()[name]
    if table.cls is None or table.cls.__name__ == "Scope":
        return
    known = {field.name for field in fields(table.cls)} - {"root", "file", "provenance", "sources"}
    assert {key.field for key in table.keys} | ({table.rest} if table.rest else set()) == known
    hints = typing.get_type_hints(table.cls)
    for key in table.keys:
        words = [a for a in typing.get_args(hints[key.field]) if isinstance(a, str)]
        for part in typing.get_args(hints[key.field]):
            words += [word for word in typing.get_args(part) if isinstance(word, str)]
        if words:
            assert isinstance(key.kind, Choice)
            assert list(key.kind.words) == words
        if default(table, key) is None and key.name not in table.required:
            assert key.unset, f"{name} {key.name}: what holds without it?"


def test_every_key_is_documented() -> None:
    for table in tables().values():
        for key in table.keys:
            assert key.doc.endswith("."), key.name
            assert len(key.doc) < 120, key.name
        assert len({key.name for key in table.keys}) == len(table.keys)


def test_the_committed_schema_is_current() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), (
        "run python -c \"from obs_lint.config.schema import schema_text; print(schema_text(), end='')\" "
        "> obs_lint/schemas/config.schema.json"
    )


VALIDATOR = jsonschema.Draft202012Validator(schema())


def test_the_schema_accepts_the_documented_example() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    VALIDATOR.validate(tomllib.loads(EXAMPLE)["tool"]["obs-lint"])


@pytest.mark.parametrize(
    "text",
    [
        text
        for text, message in BAD
        if "unknown key" in message or ("expected" in message and "not valid" not in message)
    ],
)
def test_the_schema_refuses_what_is_misspelt_or_of_a_wrong_type(text: str) -> None:
    if "1979" in text or 'OBS102]\nmodules = {extend = "a"}' in text:
        return
    table = tomllib.loads(text)["tool"].get("obs-lint")
    assert not VALIDATOR.is_valid(table)


# -- fuzz

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)
PATTERNS = ["a", "a.b", "a.**.b", "*.x", "a/**", "**/t/**", "a.py", "x y", "", "[", "{a,b}", "a[z-a]", "**"]
WORDS = ["OBS102", "OBS1", "ALL", "some-slug", "py314", "error", "service", "facade", "class", "value"]
OTHERS = ["python:a:B", "events.yaml", "lock:x", "é", "\n", "\0"]
STRINGS = st.sampled_from([*PATTERNS, *WORDS, *OTHERS])


def values(kind: Kind) -> st.SearchStrategy[Any]:
    if isinstance(kind, Choice):
        good: st.SearchStrategy[Any] = st.sampled_from([str(word) for word in kind.words])
    elif isinstance(kind, Items):
        lists = st.lists(values(kind.item), max_size=3)
        good = st.one_of(lists, lists, st.dictionaries(st.sampled_from(["extend", "remove", "x"]), lists, max_size=2))
    elif isinstance(kind, Entries):
        good = st.dictionaries(STRINGS, values(kind.value), max_size=2)
    elif isinstance(kind, Table):
        good = table_values(kind)
        if kind.short:
            good |= STRINGS
    elif isinstance(kind, Position):
        good = st.integers(-1, 3) | STRINGS
    elif isinstance(kind, key_table.Flag):
        good = st.booleans()
    else:
        good = STRINGS
    return st.one_of(good, good, good, good, good, JUNK)


def table_values(table: Table, *, without: tuple[str, ...] = ()) -> st.SearchStrategy[dict[str, Any]]:
    known: dict[str, st.SearchStrategy[Any]] = {
        key.name: st.deferred(lambda kind=key.kind: values(kind)) for key in table.keys if key.name not in without
    }
    required = {name: known.pop(name) for name in table.required}
    picked = st.sets(st.sampled_from(sorted(known)), max_size=4) if known else st.just(set())
    base = picked.flatmap(lambda names: st.fixed_dictionaries({**required, **{name: known[name] for name in names}}))
    extra = st.dictionaries(st.text(max_size=5), JUNK, max_size=1)
    return st.one_of(base, base, base, st.builds(lambda a, b: {**b, **a}, base, extra))


@given(table_values(CONFIG, without=("extends",)))
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@example({"select": {"remove": ["OBS1"]}, "scopes": [{"paths": ["a"], "select": {"remove": ["OBS1"]}}]})
@example({"exclude": {"extend": ["a"]}, "extend-select": {"remove": ["A1"]}})
@example({"rules": {"OBS102": {"x": {"extend": [[1]]}}}})
def test_any_table_is_a_config_or_a_config_error(table: dict[str, Any]) -> None:
    before = copy.deepcopy(table)
    try:
        config = from_table(table, "/nowhere/at/all")
    except ConfigError as error:
        assert str(error)
        assert "\n" not in str(error)
        return
    finally:
        assert repr(table) == repr(before)
    assert isinstance(config, Config)
    hash(config.surface), hash(config.emitters), hash(config.exclude)
    errors = [error.message for error in VALIDATOR.iter_errors(table)]
    assert not errors, "the schema refuses what load accepts"
    assert rows(config)


@given(st.text(st.sampled_from("[]{}=.,\"'#\n\r\\ abtool-obslint0123select*/é\0"), max_size=60))
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_a_config_or_a_config_error(tmp_path: Path, text: str) -> None:
    for name, content in [("obs-lint.toml", text), ("pyproject.toml", TOP + text)]:
        (tmp_path / name).write_bytes(content.encode())
        try:
            load(str(tmp_path), config_file=name)
        except ConfigError as error:
            assert str(error)


@given(table_values(CONFIG, without=("extends",)))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_table_means_the_same_in_a_file(tmp_path: Path, table: dict[str, Any]) -> None:
    try:
        text = table_text(table)
    except TypeError:
        return
    assert (
        repr(tomllib.loads(text)) == repr(json.loads(json.dumps(tomllib.loads(text)))) or "nan" in text or "inf" in text
    )
    (tmp_path / "obs-lint.toml").write_text(text, encoding="utf-8")

    def outcome(run: Callable[[], Config]) -> object:
        try:
            config = run()
        except ConfigError as error:
            return error.key
        return sorted((row.key, str(row.value), row.source) for row in rows(config))

    direct = outcome(lambda: from_table(table, str(tmp_path)))
    written = outcome(lambda: load(str(tmp_path)))
    if isinstance(direct, list):
        assert written == direct
    else:
        assert isinstance(written, str)


# -- writing it

TABLE: Mapping[str, Any] = {
    "surface": ["shop.obs"],
    "logging": "central",
    "baseline": 'a "quoted" \\ path\ttab é\u0007',
    "exclude": {"extend": ["gen"]},
    "paths": {"tests": ["t/**"]},
    "emitters": [{"function": "a.b", "event": 0}, {"function": "c", "emits": ["x"]}],
    "per-file-ignores": {"a/**": ["OBS102"]},
    "rules": {"OBS102": {"modules": ["m" * 30, "n" * 30, "o" * 30, "p" * 30], "replacements": {"a.b": "c"}}},
}


def test_our_table_is_appended() -> None:
    text = "[project]\nname = 'x'  # keep\n"
    out = edited(text, {"surface": ["a"], "logging": "central"}, file="p", comments={"logging": "detected:\n5 places"})
    assert out == text + '\n[tool.obs-lint]\nsurface = ["a"]\n# detected:\n# 5 places\nlogging = "central"\n'
    assert edited("", {"surface": []}, file="p") == "[tool.obs-lint]\nsurface = []\n"
    assert edited("a = 1", {"surface": []}, file="p") == "a = 1\n\n[tool.obs-lint]\nsurface = []\n"


def test_our_table_is_replaced_where_it_is() -> None:
    text = (
        "[a]\nx = 1\n\n[tool.obs-lint]\nselect = [\n  'x',\n]\n# ours\n[tool.obs-lint.paths]\ntests = []\n\n"
        "# theirs\n[b]\ny = 2\n"
        "[[tool.obs-lint.emitters]]\nfunction = 'a'\n[c]"
    )
    out = edited(text, {"surface": []}, file="p")
    assert out == "[a]\nx = 1\n\n[tool.obs-lint]\nsurface = []\n\n# theirs\n[b]\ny = 2\n[c]"


AWKWARD = [
    "x = '''\n[tool.obs-lint]\n'''\n",
    'z = [\n["a"],\n["tool.obs-lint"]\n]\n[t]\n"tool.obs-lint" = 1\n',
    '[tool."obs-lint"]\nselect = []\n[tool.ruff]\n',
    "[tool.ruff]\n  [tool.obs-lint]  # indented\n  select = []\n  [tool.black]\n",
    '["a]b#c"]\nx = 1\n[tool.obs-lint]\n["d]"]\n',
    "a = 1 # no newline",
    "[tool.obs-lint]\nselect = ['''\n[x]\n''']",
    "\ufeff[a]\nb = 1\n",
]


@pytest.mark.parametrize("text", AWKWARD)
@pytest.mark.parametrize("crlf", [False, True])
def test_everything_else_stays(text: str, crlf: bool) -> None:
    text = text.replace("\n", "\r\n") if crlf else text
    out = edited(text, TABLE, file="p")
    assert edited(out, TABLE, file="p") == out
    before, after = tomllib.loads(text.removeprefix("\ufeff")), tomllib.loads(out.removeprefix("\ufeff"))
    assert after["tool"].pop("obs-lint") == TABLE
    before.get("tool", {}).pop("obs-lint", None)
    assert {**after, "tool": after["tool"]} == {**before, "tool": before.get("tool", {})}
    assert out.startswith("\ufeff") is text.startswith("\ufeff")
    if crlf and "\n" in text:
        assert "\n" not in out.replace("\r\n", "")
    else:
        assert "\r" not in out


@pytest.mark.parametrize(
    "text", ["[tool]\nobs-lint = {select = []}\n", "[tool]\nobs-lint.select = []\n", "tool.obs-lint.select = []\n"]
)
def test_a_table_that_cannot_be_replaced_is_left(text: str) -> None:
    with pytest.raises(ConfigError, match="can't be replaced without touching other tables"):
        edited(text, TABLE, file="p")


def test_an_obs_lint_toml_keeps_its_first_comments() -> None:
    out = edited("# ours\n# too\n\nselect = []\n# gone\n", {"surface": ["a"]}, file="o", pyproject=False)
    assert out == '# ours\n# too\n\nsurface = ["a"]\n'
    assert edited("", {"paths": {"tests": []}}, file="o", pyproject=False) == "[paths]\ntests = []\n"


def test_what_is_written_can_be_loaded(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(edited("", TABLE, file="p"), encoding="utf-8")
    config = load(str(tmp_path))
    assert config.emitters[1] == EmitterConfig("c", event=None, emits=("x",))
    assert max(len(line) for line in (tmp_path / "pyproject.toml").read_text(encoding="utf-8").splitlines()) < 101


@given(st.text())
def test_any_string_can_be_written(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    assert tomllib.loads(f"x = {value_text(text)}")["x"] == text


# -- obs-lint config


def test_config_command_as_text(
    project: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = project(**{"obs-lint.toml": SCOPES.replace('extends = ["billing.toml"]', "")})
    monkeypatch.chdir(root)
    assert main(["config"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [
        f"root  {root.as_posix()}",
        f"file  {root.as_posix()}/obs-lint.toml",
        "",
        'kind = "service"  # default',
    ]
    assert 'surface = ["shop.obs"]  # obs-lint.toml' in lines
    assert "logging: detected  # default" in lines
    start = lines.index("in services/**")
    assert lines[start : start + 4] == [
        "in services/**",
        "",
        'wiring = ["shop.wiring", "services.wiring"]  # obs-lint.toml + obs-lint.toml scopes[0]',
        'per-file-ignores."services/x/**" = ["OBS101"]  # obs-lint.toml scopes[0]',
    ]
    assert main(["config", "paths.tests", "fail-on", "--isolated"]) == 0
    assert capsys.readouterr().out.splitlines()[3:] == [
        "paths.tests = [  # default",
        *(f'    "{glob}",' for glob in DEFAULT_ROLES["tests"]),
        "]",
        'fail-on = "error"  # default',
    ]


def test_config_command_as_json(
    project: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project(EXAMPLE.replace('rule-paths = ["lint-rules"]\n', "")))
    assert main(["config", "--output-format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    values = {entry["key"]: entry for entry in document["values"]}
    assert values["surface"] == {"key": "surface", "value": ["packages.observability"], "from": "pyproject.toml"}
    assert values["rules.OBS102.severity"]["value"] == "warning"
    modules = values["rules.OBS102.modules"]
    assert modules["value"][-1] == "acme_logger"
    assert "opentelemetry" in modules["value"]
    assert modules["from"] == "pyproject.toml"
    assert values["output-format"] == {"key": "output-format", "value": None, "from": "default", "unset": "full"}
    assert document["scopes"] == [
        {
            "paths": ["services/billing/**"],
            "values": [{"key": "surface", "value": ["billing.obs"], "from": "pyproject.toml scopes[0]"}],
        }
    ]
    every = [key.name for key in CONFIG.keys if key.name != "scopes"]
    assert {name.partition(".")[0] for name in values} == set(every)


def test_config_command_errors(
    tmp_path: Path,
    project: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(project(TOP + "surfaces = []"))
    assert main(["config"]) == 2
    assert capsys.readouterr().err == (
        'obs-lint: error: pyproject.toml:2: [tool.obs-lint] unknown key "surfaces" (did you mean "surface"?)\n'
    )
    (tmp_path / "pyproject.toml").write_text(TOP + "select = ['OBS9999']\n[tool.obs-lint.rules.OBS999]\nx = 1")
    assert main(["config"]) == 2
    assert "OBS999" in capsys.readouterr().err
    assert main(["config", "pathz", "--isolated"]) == 2
    assert capsys.readouterr().err == 'obs-lint: error: there is no key "pathz" (did you mean "paths"?)\n'


# -- what a run pays


def test_a_good_configuration_imports_nothing_heavy(project: Callable[..., Path]) -> None:
    root = project(EXAMPLE)
    program = (
        "import sys; from obs_lint.config import load; load(sys.argv[1], overrides={'select': ['OBS102']});"
        "heavy = {'jsonschema', 'yaml', 'difflib', 'json', 'importlib.resources', 'subprocess'};"
        "print(*sorted(heavy & set(sys.modules)))"
    )
    out = subprocess.run(
        [sys.executable, "-c", program, str(root)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent.parent,
    )
    assert out.stdout.strip() == ""


def test_without_configuration_no_toml_is_parsed(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    out = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from obs_lint.config import load; load(sys.argv[1]); print('tomllib' in sys.modules)",
            str(tmp_path),
        ],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent.parent,
    )
    assert out.stdout.strip() == "False"
