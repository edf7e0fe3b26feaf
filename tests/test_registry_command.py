from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from obs_lint.cli import main

INDEX = """\
format: obs-registry/1
namespace: shop
naming: "{namespace}.{area}.{action}"
correlation:
  fields:
    request_id: {type: uuid, header: X-Request-Id}
include: [events/*.yaml]
"""
ORDER = """\
events:
  shop.order.paid:
    version: 1
    summary: An order was paid.
    owner: team-orders
    severity: info
    producers: [api, worker]
    payload:
      type: object
      required: [order_id]
      properties:
        order_id: {type: string}
        total: {$ref: ../schemas/money.json}
    examples: [{order_id: a}]
    counterexamples: [{payload: {}, because: it is required}]
  shop.order.lost:
    severity: warn
    deprecated: {since: "2", replaced-by: shop.order.paid}
    examples: [{}]
"""
MONEY = '{"type": "object", "properties": {"amount": {"type": "number"}}}\n'
CONFIG = 'surface = []\nlogging = "central"\nregistry = ["contracts/obs-registry.yaml"]\n'
FILES = {
    "obs-lint.toml": CONFIG,
    "contracts/obs-registry.yaml": INDEX,
    "contracts/events/order.yaml": ORDER,
    "contracts/schemas/money.json": MONEY,
}
LOCK = "contracts/obs-registry.lock.json"

Run = Callable[..., tuple[int, str, str]]


class Project:
    """A folder with a registry, and the command in it."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self._capsys = capsys
        self._monkeypatch = monkeypatch
        monkeypatch.setenv("COLUMNS", "100")
        for name in ("FORCE_COLOR", "NO_COLOR", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
            monkeypatch.delenv(name, raising=False)
        self.write(FILES)

    def write(self, files: Mapping[str, str]) -> None:
        for path, text in files.items():
            target = self.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8", newline="\n")

    def edit(self, path: str, old: str, new: str) -> None:
        text = (self.root / path).read_text(encoding="utf-8")
        assert old in text
        self.write({path: text.replace(old, new)})

    def read(self, path: str) -> str:
        return (self.root / path).read_text(encoding="utf-8")

    def run(self, *words: str, cwd: str = "") -> tuple[int, str, str]:
        """Exit code, stdout and stderr of `obs-lint registry …`."""
        self._monkeypatch.chdir(self.root / cwd)
        try:
            code = main(["registry", *words])
        except SystemExit as error:
            code = int(error.code or 0)
        out, err = self._capsys.readouterr()
        assert "Traceback" not in err
        assert not [line for line in out.splitlines() if line != line.rstrip()], "trailing spaces"
        return code, out, err

    def git(self, *words: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.invalid", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *words], cwd=self.root, check=True, capture_output=True)

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "x", "--allow-empty")


@pytest.fixture
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Project:
    return Project(tmp_path, capsys, monkeypatch)


@pytest.fixture
def repository(project: Project) -> Project:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    project.git("init", "-q", "-b", "main")
    project.commit()
    return project


# -- build


def test_build_writes_the_lock_and_says_so(project: Project) -> None:
    assert project.run("build") == (0, f"wrote {LOCK}\n", "")
    document = json.loads(project.read(LOCK))
    assert list(document["events"]) == ["shop.order.lost", "shop.order.paid"]
    assert document["events"]["shop.order.paid"]["payload"]["$defs"] == {"money": json.loads(MONEY)}
    assert document["events"]["shop.order.paid"]["payload"]["properties"]["total"] == {"$ref": "#/$defs/money"}
    assert b"\r" not in (project.root / LOCK).read_bytes()
    assert project.run("build") == (0, f"up to date: {LOCK}\n", "")


def test_build_from_a_folder_below_writes_to_the_same_place(project: Project) -> None:
    assert project.run("build", cwd="contracts/events")[0] == 0
    assert (project.root / LOCK).exists()
    assert project.run("build", "--output", "here.json", cwd="contracts")[0] == 0
    assert (project.root / "contracts/here.json").exists()


def test_build_check_writes_nothing(project: Project) -> None:
    assert project.run("build", "--check") == (1, f"`{LOCK}` is missing\n", "")
    assert not (project.root / LOCK).exists()
    project.run("build")
    assert project.run("build", "--check") == (0, "", "")
    project.edit("contracts/events/order.yaml", "severity: info", "severity: error")
    assert project.run("build", "--check") == (1, f"`{LOCK}` is stale: `shop.order.paid` differs\n", "")


@pytest.mark.parametrize("path", ["shop/events", "shop/events.py"])
def test_build_writes_typed_constructors(project: Project, path: str) -> None:
    assert project.run("build", "--python", path)[0] == 0
    module = path if path.endswith(".py") else f"{path}/__init__.py"
    assert "def order_paid(" in project.read(module)
    assert (project.root / path / "py.typed").exists() == (module != path)
    assert project.run("build", "--check", "--python", path) == (0, "", "")
    project.edit(module, "def order_paid(", "def order_settled(")
    assert project.run("build", "--check", "--python", path) == (1, f"`{module}` is stale\n", "")


def test_build_replaces_nothing_that_it_did_not_write(project: Project) -> None:
    project.write({"shop/events.py": "import os\n", "notes.txt": "x\n"})
    code, _, err = project.run("build", "--python", "shop/events.py")
    assert code == 2 and "shop/events.py was not written by `registry build`" in err
    code, _, err = project.run("build", "--python", "notes.txt")
    assert code == 2 and "is a file" in err
    code, _, err = project.run("build", "--output", "contracts/obs-registry.yaml")
    assert code == 2 and "is no lock" in err
    assert project.read("contracts/obs-registry.yaml") == INDEX
    assert not (project.root / LOCK).exists(), "nothing is written where something is wrong"


def test_build_refuses_a_schema_that_can_not_be_used(project: Project) -> None:
    project.edit("contracts/events/order.yaml", "order_id: {type: string}", "order_id: {type: strange}")
    code, out, err = project.run("build")
    assert (code, out) == (1, "") and "contracts/events/order.yaml:12" in err
    assert not (project.root / LOCK).exists()


def test_build_refuses_a_registry_that_can_not_be_read(project: Project) -> None:
    project.write({"contracts/events/order.yaml": "events:\n  shop.order.paid: {summary: a, summary: b}\n"})
    code, out, err = project.run("build")
    assert (code, out) == (2, "") and err.startswith("obs-lint: error: contracts/events/order.yaml:2:")


def test_build_does_not_replace_one_of_its_sources(project: Project) -> None:
    project.run("build", "--output", "vendored.lock.json")
    project.write({"obs-lint.toml": 'surface = []\nregistry = ["lock:vendored.lock.json"]\n'})
    code, _, err = project.run("build", "--output", "vendored.lock.json")
    assert code == 2 and "is itself a source" in err
    assert project.run("build")[1] == "wrote obs-registry.lock.json\n"


def test_a_damaged_lock_can_be_built_again(project: Project) -> None:
    project.run("build")
    whole = project.read(LOCK)
    project.write({LOCK: whole.replace('"events"', "<<<<<<< HEAD\n", 1)})
    assert project.run("check", "--output-format", "concise")[0] == 1
    assert project.run("build")[0] == 0
    assert project.read(LOCK) == whole


def test_the_configured_place_of_the_lock(project: Project) -> None:
    project.write({"obs-lint.toml": CONFIG + '[rules.OBS706]\nlock = "build/all.lock.json"\n'})
    assert project.run("build")[1] == "wrote build/all.lock.json\n"
    assert project.run("check")[0] == 0


# -- check


def test_check_is_clear_after_build(project: Project) -> None:
    code, out, _ = project.run("check", "--output-format", "concise")
    assert code == 1 and out.startswith(f"contracts/obs-registry.yaml:1:1: OBS706 `{LOCK}` is missing\n")
    project.run("build", "--python", "shop/events")
    code, out, err = project.run("check")
    assert (code, err) == (0, "") and out.startswith("All clear: 4 files")


def test_check_finds_what_is_stale_though_a_run_is_remembered(project: Project) -> None:
    project.run("build", "--python", "shop/events")
    for _ in range(2):
        assert project.run("check")[0] == 0
    project.edit("contracts/events/order.yaml", "summary: An", "summary: The")
    code, out, _ = project.run("check", "--output-format", "concise")
    assert code == 1
    assert [line.split(" ")[1:3] for line in out.splitlines()[:2]] == [
        ["OBS706", f"`{LOCK}`"],
        ["OBS706", "`shop/events/__init__.py`"],
    ]
    project.run("build")
    code, out, _ = project.run("check", "--output-format", "concise")
    assert code == 1 and "shop/events/__init__.py:2:1: OBS706" in out and LOCK not in out
    project.run("build", "--python", "shop/events")
    assert project.run("check")[0] == 0
    (project.root / LOCK).unlink()
    assert project.run("check")[0] == 1


def test_check_finds_what_is_wrong_with_the_registry(project: Project) -> None:
    project.edit("contracts/events/order.yaml", "examples: [{order_id: a}]", "examples: [{order_id: 1}]")
    project.write({"obs-lint.toml": CONFIG + "[rules.OBS706]\nrequired = false\n"})
    code, out, _ = project.run("check", "--output-format", "json", "--fail-on", "warning")
    [found] = json.loads(out)["diagnostics"]
    assert (code, found["code"], found["path"], found["start"]["line"]) == (
        1,
        "OBS704",
        "contracts/events/order.yaml",
        14,
    )


def test_check_ends_with_2_where_the_registry_can_not_be_read(project: Project) -> None:
    project.edit("contracts/obs-registry.yaml", "namespace: shop", "namespaces: shop")
    code, out, _ = project.run("check", "--output-format", "concise")
    assert code == 2 and "contracts/obs-registry.yaml:2:1" in out and "Incomplete" in out


def test_without_a_registry_there_is_nothing_to_do(project: Project) -> None:
    project.write({"obs-lint.toml": "surface = []\n"})
    for words in (["build"], ["check"], ["list"], ["diff", "HEAD"], ["export", "weaver"]):
        code, out, err = project.run(*words)
        assert (code, out) == (2, "") and "no registry is configured (name one in obs-lint.toml" in err


# -- list


TABLE = """\
event                         version  severity  producers    owner        where
shop.order.lost (deprecated)  1        warn      any          -            contracts/events/order.yaml:16
shop.order.paid               1        info      api, worker  team-orders  contracts/events/order.yaml:2

2 events in 1 source
"""


def test_list_is_a_table(project: Project) -> None:
    assert project.run("list") == (0, TABLE, "")


def test_list_of_some_events(project: Project) -> None:
    assert "2 events in" in project.run("list", "shop.order.*")[1]
    out = project.run("list", "*.paid", "no.such")[1]
    assert "1 event in 1 source" in out and "lost" not in out
    assert project.run("list", "no.such")[1] == "No events.\n"


def test_list_as_json(project: Project) -> None:
    code, out, _ = project.run("list", "--format", "json", "*.lost")
    [event] = json.loads(out)["events"]
    assert code == 0 and event["deprecated"] == {"since": "2", "replaced-by": "shop.order.paid", "remove-after": ""}
    assert (event["path"], event["line"], event["source"]) == (
        "contracts/events/order.yaml",
        16,
        "contracts/obs-registry.yaml",
    )


def test_colour_on_demand_only(project: Project) -> None:
    assert "\x1b" not in project.run("list")[1]
    assert "\x1b" in project.run("list", "--color", "always")[1]


def test_list_of_events_in_code(project: Project) -> None:
    project.write(
        {
            "obs-lint.toml": 'surface = []\nregistry = ["python:shop.events:Ev"]\n',
            "shop/__init__.py": "",
            "shop/events.py": "from enum import Enum\n\n\nclass Ev(Enum):\n    PAID = 'shop.paid'\n",
        }
    )
    code, out, _ = project.run("list")
    assert code == 0 and "shop/events.py:5" in out
    assert project.run("build")[1] == "wrote obs-registry.lock.json\n"


# -- diff


def changed(project: Project) -> None:
    project.edit("contracts/schemas/money.json", '"number"', '"integer"')
    project.edit("contracts/events/order.yaml", "[order_id]", "[order_id, currency]")
    project.edit("contracts/events/order.yaml", "money.json}\n", "money.json}\n        currency: {type: string}\n")
    text = project.read("contracts/events/order.yaml")
    text = text[: text.index("    examples:")]
    project.write({"contracts/events/order.yaml": text + "  shop.order.fresh: {summary: New.}\n"})


def test_diff_with_the_working_tree(repository: Project) -> None:
    assert repository.run("diff", "HEAD") == (0, "Since HEAD: nothing changed.\n", "")
    changed(repository)
    code, out, err = repository.run("diff", "main")
    assert (code, err) == (1, "")
    assert "`currency` is new and required" in out and "`total.amount` can be `integer` only" in out
    assert "event-renamed" in out and "event-added" in out and "contracts/schemas/money.json:1" in out
    assert out.splitlines()[-2] == "Since main: 2 breaking, 1 announced, 1 compatible changes."
    repository.commit()
    assert repository.run("diff", "HEAD")[0] == 0
    assert repository.run("diff", "HEAD~1")[0] == 1


def test_diff_of_what_was_announced(repository: Project) -> None:
    repository.edit("contracts/schemas/money.json", '"number"', '"integer"')
    repository.edit("contracts/events/order.yaml", "version: 1", "version: 2")
    code, out, _ = repository.run("diff", "HEAD")
    assert code == 0 and "announced   type-narrowed" in out
    assert out.splitlines()[-1] == "Since HEAD: 1 announced, 1 compatible changes."


def test_diff_for_machines(repository: Project) -> None:
    changed(repository)
    code, out, _ = repository.run("diff", "HEAD", "--format", "json")
    document = json.loads(out)
    assert code == 1 and document["summary"] == {"breaking": 2, "announced": 1, "compatible": 1}
    schema = json.loads(
        (Path(__file__).parent.parent / "obs_lint/schemas/registry-diff.schema.json").read_text("utf-8")
    )
    Draft202012Validator(schema).validate(document)
    found = {change["kind"]: change for change in document["changes"]}
    assert found["type-narrowed"]["pointer"] == "/payload/properties/total/properties/amount/type"
    assert (found["event-renamed"]["event"], found["event-renamed"]["direction"]) == ("shop.order.lost", "both")
    code, out, _ = repository.run("diff", "HEAD", "--format", "markdown")
    lines = out.splitlines()
    assert code == 1 and lines[0] == "### Event registry since `HEAD`: 2 breaking, 1 announced, 1 compatible changes"
    assert all(line.count("|") == 6 for line in lines[2:])


def test_diff_where_there_was_no_registry(repository: Project) -> None:
    repository.git("rm", "-r", "-q", "--cached", "contracts")
    repository.git("commit", "-q", "-m", "without")
    code, out, err = repository.run("diff", "HEAD")
    assert (code, err) == (0, "") and out.count("event-added") == 2 and "correlation-field-added" in out


def test_diff_goes_by_the_configuration_of_then(repository: Project) -> None:
    repository.git("mv", "contracts", "registry")
    repository.edit("obs-lint.toml", "contracts/", "registry/")
    repository.edit("registry/events/order.yaml", "severity: info", "severity: error")
    code, out, _ = repository.run("diff", "HEAD")
    assert code == 1 and "severity-changed" in out and "event-added" not in out
    repository.write({"obs-lint.toml": CONFIG.replace("contracts/", "registry/") + "nonsense = 1\n"})
    repository.commit()
    repository.write({"obs-lint.toml": CONFIG.replace("contracts/", "registry/")})
    assert repository.run("diff", "HEAD")[0] == 0, "a configuration that could not be read then is as it is now"


def test_diff_in_a_folder_of_the_repository(repository: Project) -> None:
    for path in FILES:
        (repository.root / "team" / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(repository.root / path, repository.root / "team" / path)
    repository.commit()
    repository.edit("team/contracts/schemas/money.json", '"number"', '"integer"')
    code, out, _ = repository.run("diff", "HEAD", cwd="team/contracts")
    assert code == 1 and "contracts/schemas/money.json:1" in out
    code, out, _ = repository.run("diff", "HEAD~1", cwd="team")
    assert code == 0 and out.count("event-added") == 2, "the folder did not exist then"


def test_diff_in_a_hook(repository: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index")
    assert repository.run("diff", "HEAD", cwd="contracts")[0] == 0


def test_diff_of_events_in_code(repository: Project) -> None:
    code = "from enum import Enum\n\n\nclass Ev(Enum):\n    PAID = 'shop.paid'\n    LOST = 'shop.lost'\n"
    config = 'surface = []\nregistry = ["python:shop.events:Ev"]\n'
    repository.write({"obs-lint.toml": config, "shop/__init__.py": "", "shop/events.py": code})
    assert repository.run("diff", "HEAD")[1].count("event-added") == 2, "there was no such module"
    repository.commit()
    repository.edit("shop/events.py", "    LOST = 'shop.lost'\n", "")
    exit_code, out, err = repository.run("diff", "HEAD")
    assert (exit_code, err) == (1, "") and "event-removed" in out


def test_diff_leaves_no_trace(
    repository: Project, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tempfile

    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    repository.run("diff", "HEAD")
    assert list(folder.iterdir()) == []


def test_diff_of_what_can_not_be_read(repository: Project) -> None:
    repository.edit("contracts/obs-registry.yaml", "namespace: shop", "namespaces: shop")
    code, out, err = repository.run("diff", "HEAD")
    assert (code, out) == (2, "") and err.startswith("obs-lint: error: contracts/obs-registry.yaml:2:")
    repository.commit()
    repository.edit("contracts/obs-registry.yaml", "namespaces: shop", "namespace: shop")
    code, out, err = repository.run("diff", "HEAD")
    assert (code, out) == (2, "") and err.startswith("obs-lint: error: at HEAD: contracts/obs-registry.yaml:2:")


def test_diff_without_a_revision(repository: Project) -> None:
    for word in ("nope", "HEAD~99", "HEAD:contracts", "--", "main..HEAD"):
        code, out, err = repository.run("diff", word)
        assert (code, out) == (2, "") and err, word
    assert "there is no revision `nope`" in repository.run("diff", "nope")[2]


def test_diff_outside_of_a_repository(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project.root.parent))
    code, _, err = project.run("diff", "HEAD")
    assert code == 2 and "is in no git repository" in err
    monkeypatch.setenv("PATH", str(project.root))
    code, _, err = project.run("diff", "HEAD")
    assert code == 2 and "git is not installed" in err


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need a privilege there")
def test_diff_does_not_follow_links_out_of_a_revision(
    repository: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "secret.json"
    outside.write_text('{"type": "object", "properties": {"secret": {}}}')
    money = repository.root / "contracts/schemas/money.json"
    money.unlink()
    money.symlink_to(outside)
    repository.commit()
    money.unlink()
    repository.write({"contracts/schemas/money.json": MONEY})
    code, out, err = repository.run("diff", "HEAD")
    assert "secret" not in out + err.replace("secret.json", "")
    assert code in (1, 2)


# -- Weaver


def test_export_and_import(project: Project) -> None:
    code, out, _ = project.run("export", "weaver", "out")
    assert code == 0 and "manifest.yaml" in out and (project.root / "out/attributes.yaml").exists()
    assert project.run("export", "weaver", "out")[0] == 0
    code, out, _ = project.run("import", "weaver", "out")
    assert code == 0 and "shop.order.paid:" in out
    code, out, _ = project.run("import", "weaver", "out", "--output", "back.yaml")
    assert (code, out) == (0, "wrote back.yaml\n")
    code, _, err = project.run("import", "weaver", "out", "--output", "back.yaml")
    assert code == 2 and "back.yaml exists" in err
    assert project.run("import", "weaver", "out", "--output", "back.yaml", "--force")[0] == 0


def test_export_replaces_nothing_that_it_did_not_write(project: Project) -> None:
    project.write({"out/manifest.yaml": "name: theirs\n"})
    code, _, err = project.run("export", "weaver", "out")
    assert code == 2 and "was not written by" in err and project.read("out/manifest.yaml") == "name: theirs\n"
    assert project.run("export", "weaver", "out", "--force")[0] == 0
    project.write({"out/events/old.yaml": "file_format: definition/2\n"})
    assert "out/events/old.yaml is left from an earlier export" in project.run("export", "weaver", "out")[2]


def test_import_of_nothing(project: Project) -> None:
    code, _, err = project.run("import", "weaver", "no-such")
    assert code == 2 and "there is no folder no-such" in err
    (project.root / "empty").mkdir()
    code, out, err = project.run("import", "weaver", "empty")
    assert (code, out) == (2, "") and err


# -- the command itself


def test_an_action_is_required(project: Project) -> None:
    code, _, err = project.run()
    assert code == 2 and "ACTION" in err
    code, _, err = project.run("bild")
    assert code == 2 and "bild" in err


# -- the page about it

PAGE = (Path(__file__).parent.parent / "docs/registry.md").read_text(encoding="utf-8")


def test_the_example_of_the_page_is_a_registry_without_a_fault(project: Project) -> None:
    example = PAGE.split("```yaml\n", 1)[1].split("```", 1)[0]
    project.write({"contracts/obs-registry.yaml": example})
    assert project.run("build", "--python", "shop/events.py")[0] == 0
    code, out, err = project.run("check", "--output-format", "concise")
    assert (code, err) == (0, "") and "error" not in out, out
    assert "def job_created(" in project.read("shop/events.py")


def test_the_page_names_every_kind_of_change() -> None:
    folder = Path(__file__).parent.parent / "obs_lint/registry"
    source = "".join((folder / name).read_text(encoding="utf-8") for name in ("diff.py", "schema_diff.py"))
    kinds = set(re.findall(r'"([a-z]+(?:-[a-z]+)+)"', source)) - {
        "uri-reference",
        "iri-reference",
        "idn-email",
        "idn-hostname",
    }
    named = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", PAGE))
    implied = {"pattern-removed", "format-added"}
    assert {"field-added", "enum-added"} <= kinds
    assert kinds - named - implied == set()
