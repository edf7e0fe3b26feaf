"""The baseline and `--new-since`: what stays known, what is new, what is gone, and what nobody may lose."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from obs_lint.baseline.comparison import compare
from obs_lint.baseline.document import BaselineError, Entry, parse, text_of
from obs_lint.baseline.owners import CodeOwners
from obs_lint.baseline.owners import parse as parse_owners
from obs_lint.cli import main
from obs_lint.diagnostic import Diagnostic, Position, Severity, Span
from obs_lint.fingerprints import fingerprinted, lasting

CONFIG = '[tool.obs-lint]\nsurface = ["shop.obs"]\nselect = ["OBS102", "OBS501", "OBS903"]\nlogging = "facade"\n'
ORDERS = """\
def place(order):
    import logging
    return logging


def cancel(order):
    try:
        order.ship()
    except Exception:
        pass
"""
FILES = {"pyproject.toml": CONFIG, "shop/obs.py": "def emit(name): ...\n", "shop/orders.py": ORDERS}
NAME = ".obs-lint-baseline.json"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)
    write(tmp_path, FILES)
    return tmp_path


def write(folder: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="")


def git(*words: str) -> str:
    names = ["-c", "user.name=a", "-c", "user.email=a@example.invalid", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *names, *words], check=True, capture_output=True, text=True).stdout


def commit() -> None:
    git("add", "-A")
    git("commit", "-q", "--allow-empty", "-m", "x")


def found(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str], dict[str, Any]]:
    """Exit code, `code path`, and the whole document of a check."""
    capsys.readouterr()
    code = main(["check", "--no-cache", "--output-format", "json", *words])
    document = json.loads(capsys.readouterr().out)
    return code, [f"{d['code']} {d['path']}" for d in document["diagnostics"]], document


def edit(path: str, change: Callable[[str], str]) -> Callable[[], None]:
    return lambda: Path(path).write_text(change(Path(path).read_text()))


HANDLER = "    except Exception:\n        pass\n"
CHANGES: dict[str, tuple[Callable[[], object], list[str]]] = {
    "nothing": (lambda: None, []),
    "lines above": (edit("shop/orders.py", lambda text: "import os\n\n\n" + text), []),
    "reformatted": (edit("shop/orders.py", lambda t: t.replace("import logging", "import  logging  ;  x = 1")), []),
    "other indentation": (edit("shop/orders.py", lambda t: t.replace("    ", "  ")), []),
    "moved within the file": (
        edit("shop/orders.py", lambda t: t[t.index("def cancel") :] + "\n\n" + t[: t.index("def cancel")]),
        [],
    ),
    "CRLF": (edit("shop/orders.py", lambda t: t.replace("\n", "\r\n")), []),
    "file renamed": (lambda: os.rename("shop/orders.py", "shop/purchases.py"), []),
    "file moved": (lambda: (os.mkdir("shop/sub"), os.rename("shop/orders.py", "shop/sub/orders.py")), []),
    "folder renamed": (lambda: (os.mkdir("till"), os.rename("shop/orders.py", "till/orders.py")), []),
    "file copied": (
        lambda: write(Path(), {"shop/other.py": ORDERS}),
        ["OBS102 shop/other.py", "OBS501 shop/other.py"],
    ),
    "an identical second one": (
        edit("shop/orders.py", lambda t: t + "    try:\n        order.bill()\n" + HANDLER),
        ["OBS501 shop/orders.py"],
    ),
    "another function": (
        edit("shop/orders.py", lambda t: t + "\ndef stop(order):\n    import logging\n"),
        ["OBS102 shop/orders.py"],
    ),
    "another library": (
        edit("shop/orders.py", lambda t: t.replace("import logging", "import logging, structlog")),
        ["OBS102 shop/orders.py"],
    ),
    "function renamed": (
        edit("shop/orders.py", lambda t: t.replace("def place", "def order")),
        ["OBS903 " + NAME, "OBS102 shop/orders.py"],
    ),
    "mended": (edit("shop/orders.py", lambda t: t.replace("import logging", "logging = 1")), ["OBS903 " + NAME]),
    "file deleted": (lambda: os.unlink("shop/orders.py"), ["OBS903 " + NAME] * 2),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_a_baseline_knows(name: str, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["baseline", "create"]) == 0
    assert found(capsys)[1] == []
    change, expected = CHANGES[name]
    change()
    code, lines, document = found(capsys)
    assert lines == expected
    assert code == (1 if any("OBS903" not in line for line in expected) else 0)
    assert document["summary"]["baselined"] == 2 - sum("OBS903" in line for line in expected)


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_new_since_a_revision(name: str, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    git("init", "-q")
    commit()
    change, expected = CHANGES[name]
    change()
    expected = [line for line in expected if "OBS903" not in line]
    for revision in ("HEAD", "HEAD^"):  # once in the working tree, once committed
        code, lines, _ = found(capsys, "--new-since", revision)
        assert lines == expected
        assert code == bool(expected)
        commit()


def test_a_clean_run_says_how_many_are_known(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["baseline", "create"])
    capsys.readouterr()
    assert main(["check", "--no-cache"]) == 0
    assert "no findings (2 baselined)" in capsys.readouterr().out


def test_only_what_was_looked_at_is_stale(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(project, {"shop/other.py": ORDERS})
    main(["baseline", "create"])
    for path in ("shop/orders.py", "shop/other.py"):
        write(project, {path: "x = 1\n"})
    assert len(found(capsys)[1]) == 4
    assert len(found(capsys, "shop/other.py")[1]) == 2
    assert len(found(capsys, "--select", "OBS102,OBS903")[1]) == 2
    assert found(capsys, "--ignore", "OBS903")[1] == []
    assert found(capsys, "--select", "OBS102")[1] == []


def test_stale_is_an_error_in_ci(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["baseline", "create"])
    write(project, {"shop/orders.py": "x = 1\n"})
    assert found(capsys)[0] == 0
    monkeypatch.setenv("CI", "true")
    code, lines, document = found(capsys)
    assert (code, len(lines)) == (1, 2)
    assert {d["start"]["line"] for d in document["diagnostics"]} == {2, 3}
    monkeypatch.setenv("CI", "false")
    assert found(capsys)[0] == 0


def test_prune_and_update(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["baseline", "create"])
    write(project, {"shop/orders.py": ORDERS.replace("import logging", "import structlog")})
    assert main(["baseline", "prune"]) == 0
    assert [entry.code for entry in parse(Path(NAME).read_text())] == ["OBS501"]
    assert found(capsys)[1] == ["OBS102 shop/orders.py"]

    before = Path(NAME).read_bytes()
    assert main(["baseline", "update"]) == 2
    assert "1 finding not in the baseline" in capsys.readouterr().err
    assert Path(NAME).read_bytes() == before
    assert main(["baseline", "update", "--allow-increase", "moves with\n the billing service"]) == 0
    entries = {entry.code: entry.reason for entry in parse(Path(NAME).read_text())}
    assert entries == {"OBS102": "moves with the billing service", "OBS501": ""}
    assert found(capsys)[:2] == (0, [])


def test_a_rename_keeps_the_reason(project: Path) -> None:
    main(["baseline", "create"])
    write(project, {"shop/more.py": "import logging\n"})
    main(["baseline", "update", "--allow-increase", "legacy"])
    os.rename("shop/more.py", "shop/most.py")
    assert main(["baseline", "update"]) == 0
    assert {e.path: e.reason for e in parse(Path(NAME).read_text())}["shop/most.py"] == "legacy"


def test_fix_prunes(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["baseline", "create"])
    write(project, {"shop/orders.py": "x = 1\n"})
    assert main(["check", "--fix", "--no-cache"]) == 0
    assert parse(Path(NAME).read_text()) == ()
    write(project, {"shop/orders.py": "x = 1\n"})
    assert found(capsys)[1] == []


def test_create_does_not_write_over(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["baseline", "update"]) == main(["baseline", "prune"]) == main(["baseline", "status"]) == 2
    assert main(["check", "--baseline", "nowhere.json"]) == 2
    assert main(["baseline", "create", "--baseline", "mine.json"]) == 0
    assert not Path(NAME).exists()
    assert main(["baseline", "create", "--baseline", "mine.json"]) == 2
    assert main(["baseline", "create", "--baseline", "mine.json", "--force"]) == 0
    assert found(capsys, "--baseline", "mine.json")[1] == []
    assert len(found(capsys)[1]) == 2


def test_an_incomplete_run_makes_no_baseline(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(project, {"shop/broken.py": "import logging\ntry:\n  except\n"})
    assert main(["baseline", "create", "--no-cache"]) == 2
    assert "shop/broken.py" in capsys.readouterr().err
    assert not Path(NAME).exists()


BROKEN = {
    "not JSON": ("{", "not JSON"),
    "a list": ("[]", "no baseline"),
    "another format": ('{"format": "obs-baseline/9"}', "obs-baseline/9"),
    "conflict": ('{\n<<<<<<< ours\n"aaaaaaaa": ["OBS102", "a.py"],\n=======\n>>>>>>> theirs\n', "merge conflict"),
    "an entry": ('{\n"aaaaaaaa": "OBS102 a.py",\n"format": "obs-baseline/1"\n}', '"aaaaaaaa" is not of the form'),
    "a fingerprint": ('{\n"zz": ["OBS102", "a.py"],\n"format": "obs-baseline/1"\n}', '"zz" is not of the form'),
    "deep": ("[" * 100_000, "nested"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_baseline_is_never_clean(name: str, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, expected = BROKEN[name]
    write(project, {NAME: text})
    code, lines, document = found(capsys)
    assert code == 2
    assert len(lines) == 2
    assert [error["path"] for error in document["errors"]] == [NAME]
    assert expected in document["errors"][0]["message"]
    assert main(["baseline", "prune"]) == 2


def test_status_counts_by_rule_and_owner(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(project, {".github/CODEOWNERS": "* @everyone\n/shop/ @shop @till\n", "late.py": "import logging\n"})
    main(["baseline", "create"])
    write(project, {"new.py": "import logging\n", "late.py": "x = 1\n"})
    capsys.readouterr()
    assert main(["baseline", "status", "--output-format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["known"], document["new"], document["gone"]) == (2, 1, 1)
    assert document["rules"] == {
        "OBS102": {"known": 1, "new": 1, "gone": 1},
        "OBS501": {"known": 1, "new": 0, "gone": 0},
    }
    assert document["owners"] == {
        "@everyone": {"known": 0, "new": 1, "gone": 1},
        "@shop @till": {"known": 2, "new": 0, "gone": 0},
    }
    main(["baseline", "status"])
    assert "OBS102 direct-telemetry-import      1      1      1" in capsys.readouterr().out


OWNERS = """
*                 @all   # the rest
*.sql             @dba
/docs/            @docs
apps/             @apps
/build/logs/*     @logs
/lib/**/gen/      @gen
/free/
"""


@pytest.mark.parametrize(
    "path, owner",
    [
        ("x.py", "@all"),
        ("a/b/x.sql", "@dba"),
        ("docs/a/b.py", "@docs"),
        ("a/docs/b.py", "@all"),
        ("a/apps/b.py", "@apps"),
        ("build/logs/x.py", "@logs"),
        ("build/logs/a/x.py", "@all"),
        ("lib/a/b/gen/x.py", "@gen"),
        ("lib/gen/x.py", "@gen"),
        ("free/x.py", ""),
    ],
)
def test_owners(path: str, owner: str) -> None:
    assert " ".join(CodeOwners(parse_owners(OWNERS)).of(path)) == owner


def test_owners_above_the_project() -> None:
    assert CodeOwners(parse_owners("/services/api/ @api\n"), "services/api/").of("x.py") == ("@api",)


def test_branches_that_change_other_entries_merge(project: Path) -> None:
    entries = [Entry(f"{number:020x}", "OBS102", f"shop/a{number}.py") for number in range(0, 4000, 40)]
    git("init", "-q", "-b", "main")
    Path(NAME).write_text(text_of(entries))
    commit()
    git("checkout", "-q", "-b", "theirs")
    Path(NAME).write_text(text_of([*entries[:10], *entries[11:], Entry(f"{2222:020x}", "OBS501", "b.py")]))
    commit()
    git("checkout", "-q", "main")
    Path(NAME).write_text(text_of([*entries[:50], *entries[51:], Entry("f" * 20, "OBS501", "c.py")]))
    commit()
    git("merge", "-q", "theirs")
    merged = parse(Path(NAME).read_text())
    assert len(merged) == 100
    assert {"b.py", "c.py"} <= {entry.path for entry in merged}


def test_text_and_entries_agree() -> None:
    entries = (
        Entry("0" * 20, "OBS102", "a b,%25\n\udcff.py"),
        Entry("f" * 20, "OBS501", "ä.py", "why"),
    )
    assert tuple(entry._replace(line=0) for entry in parse(text_of(reversed(entries)))) == entries
    assert text_of(entries).isascii()
    with pytest.raises(BaselineError):
        parse(text_of(entries)[:-2])


def _diagnostic(path: str, symbol: str = "", target: str = "t") -> Diagnostic:
    span = Span(Position(1, 1), Position(1, 2))
    return Diagnostic("OBS102", "s", Severity.ERROR, "m", path, span, symbol, target)


def test_a_renamed_file_answers_once() -> None:
    [old] = fingerprinted([_diagnostic("a/src/x.py", "a.x.f")])
    both = fingerprinted([_diagnostic("b/x.py", "b.x.f"), _diagnostic("c/y.py", "c.y.f")])
    assert {lasting(d.fingerprint) for d in both} == {lasting(old.fingerprint)}
    entry = Entry(old.fingerprint, old.code, old.path)
    assert [d.path for d in compare(both, [entry], lambda path: False).new] == ["c/y.py"]
    assert len(compare(both, [entry], lambda path: True).new) == 2


@pytest.mark.parametrize("revision", ["nowhere", "--all", "HEAD^"])
def test_a_revision_that_is_not_there(revision: str, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    git("init", "-q")
    commit()
    assert main(["check", f"--new-since={revision}"]) == 2
    assert "revision" in capsys.readouterr().err


def test_new_since_without_git(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--new-since", "HEAD"]) == 2
    assert "in no git repository" in capsys.readouterr().err


def test_new_since_counts_what_is_gone(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    git("init", "-q")
    commit()
    write(project, {"shop/orders.py": "import structlog\n"})
    code, lines, document = found(capsys, "--new-since", "HEAD")
    assert (code, lines) == (1, ["OBS102 shop/orders.py"])
    assert document["summary"] | {"gone": 2} == document["summary"]


def test_new_since_sees_a_registry_that_changed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    registry = "format: obs-registry/1\nnamespace: shop\nevents:\n  shop.order.placed: {version: 1}\n"
    more = "  shop.order.gone: {version: 1}\n"
    config = CONFIG.replace("]\nlogging", ', "OBS201"]\nregistry = ["obs.yaml"]\nlogging')
    code = 'from shop import obs\nobs.emit("shop.order.placed")\nobs.emit("shop.order.gone")\n'
    write(project, {"pyproject.toml": config, "obs.yaml": registry + more, "shop/orders.py": code})
    git("init", "-q")
    commit()
    assert found(capsys, "--new-since", "HEAD")[1] == []
    write(project, {"obs.yaml": registry})
    assert found(capsys, "--new-since", "HEAD")[1] == ["OBS201 shop/orders.py"]


def test_switching_on_a_rule_makes_nothing_new(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(project, {"pyproject.toml": CONFIG.replace('"OBS501", ', "")})
    git("init", "-q")
    commit()
    write(project, {"pyproject.toml": CONFIG})
    assert found(capsys, "--new-since", "HEAD")[1] == []


def test_new_since_with_a_baseline(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    git("init", "-q")
    main(["baseline", "create"])
    commit()
    write(project, {"shop/more.py": "import logging\n"})
    _, lines, document = found(capsys, "--new-since", "HEAD")
    assert lines == ["OBS102 shop/more.py"]
    assert document["summary"]["baselined"] == 2
    assert document["summary"]["gone"] == 0


def test_update_keeps_what_did_not_run(project: Path) -> None:
    main(["baseline", "create"])
    write(project, {"pyproject.toml": CONFIG.replace('"OBS501", ', "")})
    write(project, {"shop/orders.py": ORDERS.replace("import logging", "logging = 1")})
    assert main(["baseline", "update"]) == 0
    assert [entry.code for entry in parse(Path(NAME).read_text())] == ["OBS501"]


def test_new_since_leaves_out_what_is_excluded(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(project, {"pyproject.toml": CONFIG + 'extend-exclude = ["inputs"]\n'})
    write(project, {"inputs/broken.py": "import logging\ntry:\n  except\n", "inputs/gone.py": "import logging\n"})
    git("init", "-q")
    commit()
    write(project, {"inputs/broken.py": "x = 1\n"})
    os.unlink("inputs/gone.py")
    code, lines, document = found(capsys, "--new-since", "HEAD")
    assert (code, lines, document["summary"]["gone"]) == (0, [], 0)
    main(["check", "--no-cache", "--new-since", "HEAD"])
    assert "could not be analysed" not in capsys.readouterr().err


def test_a_revision_that_could_not_be_analysed_is_said_every_time(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(project, {"shop/broken.py": "import logging\ntry:\n  except\n"})
    git("init", "-q")
    commit()
    write(project, {"shop/broken.py": "import logging\n"})
    for _ in range(2):
        main(["check", "--new-since", "HEAD"])
        assert "shop/broken.py could not be analysed" in capsys.readouterr().err
