"""The plugin in the real flake8 finds what `obs-lint check` finds, in the same places; no failure is silence."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from obs_lint import engine
from obs_lint.config import load

ROOT = Path(__file__).parent.parent
CASES = Path(__file__).parent / "cases"
Found = list[tuple[str, int, int, str]]

FORMAT = "%(path)s\t%(row)d\t%(col)d\t%(code)s"


class Flake8:
    """flake8 in a process of its own, with the plugin registered once."""

    def __init__(self, folder: Path) -> None:
        paths = [str(ROOT)]
        if not any(point.name == "OBS" for point in metadata.entry_points(group="flake8.extension")):
            # An editable install that is older than the entry point.
            info = folder / "obs_lint_as_plugin-0.dist-info"
            info.mkdir()
            (info / "METADATA").write_text("Metadata-Version: 2.1\nName: obs-lint-as-plugin\nVersion: 0\n")
            [line] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"][
                "flake8.extension"
            ].items()
            (info / "entry_points.txt").write_text(f"[flake8.extension]\n{' = '.join(line)}\n")
            paths.append(str(folder))
        self.env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUTF8": "1"}

    def run(self, root: Path, *arguments: str, given: bytes | None = None) -> tuple[int, str]:
        """Exit code and output; nothing may go to stderr."""
        done = subprocess.run(
            [sys.executable, "-m", "flake8", *arguments],
            cwd=root,
            env=self.env,
            input=given,
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert done.stderr == b"", done.stderr.decode("utf-8", "replace")
        return done.returncode, done.stdout.decode("utf-8").replace("\r\n", "\n")

    def found(self, root: Path, *arguments: str, given: bytes | None = None) -> Found:
        _, out = self.run(root, "--format", FORMAT, *(arguments or ("--select", "OBS", ".")), given=given)
        assert "critical error" not in out, out
        return rows(out)


def rows(out: str) -> Found:
    fields = [line.split("\t") for line in out.splitlines()]
    return sorted((os.path.normpath(path).replace(os.sep, "/"), int(r), int(c), code) for path, r, c, code in fields)


def check(root: Path, *paths: str) -> Found:
    """What `obs-lint check` has, in Python files."""
    report = engine.run(load(str(root)), paths=paths, cwd=str(root), use_cache=False, jobs=1)
    found = [(d.path, *d.span.start, d.code) for d in report.diagnostics]
    found += [(f.path, f.line, f.column, f.code) for f in report.failures]
    return sorted(row for row in found if row[0].endswith(".py"))


@pytest.fixture(scope="module")
def flake8(tmp_path_factory: pytest.TempPathFactory) -> Flake8:
    return Flake8(tmp_path_factory.mktemp("plugin"))


@pytest.fixture
def drift(tmp_path: Path) -> Path:
    return copied("drift", tmp_path)


def copied(name: str, folder: Path) -> Path:
    leave = shutil.ignore_patterns(".obs-lint-cache", "__pycache__")
    return shutil.copytree(ROOT / "examples" / name, folder / "a project", ignore=leave)


@pytest.mark.parametrize("name", ["drift", "narralytica-drift"])
def test_the_examples(name: str, flake8: Flake8, tmp_path: Path) -> None:
    root = copied(name, tmp_path)
    expected = check(root)
    assert len(expected) > 10
    for jobs in ("1", "2"):
        assert flake8.found(root, "-j", jobs, "--select", "OBS", ".") == expected
        shutil.rmtree(root / ".obs-lint-cache")


CASES_RUN = f"""
import contextlib, io, json, os, sys
from flake8.main import cli
out = dict()
for folder in sys.argv[1:]:
    os.chdir(folder)
    text = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    with contextlib.redirect_stdout(text):
        cli.main(["--isolated", "-j1", "--disable-noqa", "--select", "OBS", "--format", {FORMAT!r}, "."])
    out[folder] = text.buffer.getvalue().decode("utf-8")
json.dump(out, sys.stdout)
"""


def test_the_awkward_cases(flake8: Flake8, tmp_path: Path) -> None:
    """Encodings, line ends, newer syntax, deep folders: all of tests/cases, in one process."""
    folders = [
        shutil.copytree(case, tmp_path / case.parent.name / case.name, ignore=shutil.ignore_patterns(".obs-lint-cache"))
        for case in sorted(CASES.glob("*/*"))
        if case.is_dir()
    ]
    for folder in folders:
        if not (folder / "obs-lint.toml").exists() and not (folder / "pyproject.toml").exists():
            (folder / "obs-lint.toml").write_text('surface = ["shop.obs"]\nlogging = "facade"\n', encoding="utf-8")
            if not list(folder.glob("shop/obs*")):
                (folder / "shop").mkdir(exist_ok=True)
                (folder / "shop" / "obs.py").write_text("def emit(event_name, payload=None): ...\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", CASES_RUN, *map(str, folders)], env=flake8.env, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    told = json.loads(done.stdout)
    compared = 0
    for folder in folders:
        report = engine.run(load(str(folder)), cwd=str(folder), jobs=1)
        if report.failures:
            assert "critical error" in told[str(folder)] or "OBS900" in told[str(folder)], folder
            continue
        expected = sorted((d.path, *d.span.start, d.code) for d in report.diagnostics if d.path.endswith(".py"))
        if "flake8 can't parse this file" in told[str(folder)]:
            assert folder.name in ("newer-syntax", "newer-and-odd"), folder
            continue
        assert rows(told[str(folder)]) == expected, folder
        compared += len(expected)
    assert compared > 300


def test_on_by_default_and_off_where_not_selected(flake8: Flake8, drift: Path) -> None:
    expected = check(drift)
    assert [row for row in flake8.found(drift, ".") if row[3].startswith("OBS")] == expected
    (drift / "pyproject.toml").write_text("[tool.obs-lint]\nsurfaces = 1\n", encoding="utf-8")
    shutil.rmtree(drift / ".obs-lint-cache")
    assert flake8.found(drift, "--select", "E9,F", ".") == []
    assert flake8.found(drift, "--extend-ignore", "OBS", "--select", "E9", ".") == []
    assert not (drift / ".obs-lint-cache").exists()


def test_parts_and_ignores(flake8: Flake8, drift: Path) -> None:
    expected = check(drift)
    telemetry = "services/api/src/telemetry/__init__.py"
    here = [row for row in expected if row[0] == telemetry]
    assert flake8.found(drift, "--select", "OBS", telemetry) == here
    assert flake8.found(drift / "services", "--select", "OBS102", "api") == [
        (path.removeprefix("services/"), *rest) for path, *rest in expected if "/api/" in path and rest[2] == "OBS102"
    ]
    ignores = f"{telemetry}:OBS102,OBS107"
    assert flake8.found(drift, "--select", "OBS", "--per-file-ignores", ignores, ".") == [
        row for row in expected if row[0] != telemetry or row[3] not in ("OBS102", "OBS107")
    ]


def test_suppressions(flake8: Flake8, tmp_path: Path) -> None:
    (tmp_path / "obs-lint.toml").write_text("surface = []\n", encoding="utf-8")
    lines = [
        "import logging",
        "import logging  # noqa: OBS102 asked for",
        "import logging  # obs: ignore[OBS102] asked for",
        "import logging  # noqa: OBS1",
        "import logging  # obs: ignore[OBS104]",
        "import logging  # noqa",
        "import structlog, \\\n    loguru  # obs: ignore[OBS102]",
    ]
    (tmp_path / "a.py").write_text("\n".join(lines) + "\n", encoding="utf-8")
    codes = [(row[1], row[3]) for row in flake8.found(tmp_path)]
    assert codes == [(1, "OBS102"), (4, "OBS901"), (5, "OBS102"), (5, "OBS901")]


def test_the_baseline(flake8: Flake8, drift: Path) -> None:
    command = [sys.executable, "-m", "obs_lint", "baseline", "create"]
    subprocess.run(command, cwd=drift, env=flake8.env, capture_output=True, check=True)
    assert flake8.found(drift) == []
    with (drift / "services/workers/index/src/main.py").open("a", encoding="utf-8") as stream:
        stream.write("import structlog\n")
    [(path, _, column, code)] = flake8.found(drift)
    assert (path, column, code) == ("services/workers/index/src/main.py", 8, "OBS102")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("import logging\n", "utf-8"),
        ("import os\r\nimport logging\r\n", "utf-8"),
        ("'ä'; import logging\n", "utf-8-sig"),
        ("# coding: latin-1\n'ä'; import logging\n", "latin-1"),
        ("# coding: utf-8\n'😀'; import logging\n", "utf-8"),
    ],
)
def test_an_editor(text: str, encoding: str, flake8: Flake8, drift: Path) -> None:
    name = "services/api/src/routes/new one.py"
    given = text.encode(encoding)
    found = flake8.found(drift, "--select", "OBS", "--stdin-display-name", name, "-", given=given)
    (drift / name).write_bytes(given)
    assert found == check(drift, name)
    assert len(found) == 1


def test_an_editor_sees_the_rest_of_the_project(flake8: Flake8, drift: Path) -> None:
    given = b"from services.api.telemetry import trace\n"
    name = "services/api/src/routes/search.py"
    found = flake8.found(drift, "--select", "OBS", "--stdin-display-name", name, "-", given=given)
    assert found == [(name, 1, 36, "OBS103")]
    assert flake8.found(drift, "--select", "OBS", "-", given=b"import logging\n") == [("stdin", 1, 8, "OBS102")]


def test_scripts_and_files_elsewhere(flake8: Flake8, drift: Path, tmp_path: Path) -> None:
    for path in (drift / "run", tmp_path / "outside.py"):
        path.write_text("import structlog\n", encoding="utf-8")
    (drift / "build").mkdir()
    (drift / "build" / "a.py").write_text("import structlog\n", encoding="utf-8")
    assert flake8.found(drift, "--select", "OBS", "run", "../outside.py", "build/a.py") == [
        ("../outside.py", 1, 8, "OBS102"),
        ("run", 1, 8, "OBS102"),
    ]


def test_the_option(flake8: Flake8, drift: Path) -> None:
    (drift / "other.toml").write_text('surface = []\nselect = ["OBS103"]\n', encoding="utf-8")
    assert {row[3] for row in flake8.found(drift, "--select", "OBS", "--obs-config", "other.toml", ".")} <= {"OBS103"}
    (drift / ".flake8").write_text("[flake8]\nselect = OBS\nobs_config = ./other.toml\n", encoding="utf-8")
    assert {row[3] for row in flake8.found(drift, ".")} <= {"OBS103"}


def test_rules_of_the_team(flake8: Flake8, tmp_path: Path) -> None:
    rule = (ROOT / "rules/surface/direct-telemetry-import.yaml").read_text(encoding="utf-8")
    head, _, rest = rule.partition("with:\n")
    rest = "message:" + rest.partition("\nmessage:")[2].partition("\nfix:")[0]
    head = head.replace("OBS102", "ACME001").replace("direct-telemetry-import", "no-requests")
    (tmp_path / "lint-rules").mkdir()
    (tmp_path / "lint-rules" / "no-requests.yaml").write_text(
        f"{head}with:\n  modules: [requests]\n{rest}\nexamples:\n  - name: One\n    bad: |\n"
        "      import requests  # error: ACME001\n",
        encoding="utf-8",
    )
    (tmp_path / "obs-lint.toml").write_text('surface = []\nrule-paths = ["lint-rules"]\n', encoding="utf-8")
    (tmp_path / "a.py").write_text("import requests\nimport logging\n\nrequests.get(logging)\n", encoding="utf-8")
    both = [("a.py", 1, 8, "ACME001"), ("a.py", 2, 8, "OBS102")]
    assert flake8.found(tmp_path, ".") == both
    assert flake8.found(tmp_path, "--select", "ACM", ".") == both[:1]
    assert flake8.found(tmp_path, "--select", "OBS", ".") == both[1:]


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("obs-lint.toml", "surfaces = []\n", 'obs-lint: obs-lint.toml:1: unknown key "surfaces"'),
        ("obs-lint.toml", 'surface = ["shop.gone"]\n', "names `shop.gone`, which matches no module"),
        ("obs-lint.toml", 'surface = []\nselect = ["OBS999"]\n', "OBS999"),
        ("obs-lint.toml", 'surface = []\nregistry = ["gone.yaml"]\n', "gone.yaml"),
        (".obs-lint-baseline.json", "<<<<<<< HEAD\n", "marks of a merge conflict"),
        ("services/api/src/app.py", "import logging\nfrom structlog import (\n", "services/api/src/app.py:2:"),
    ],
)
def test_nothing_is_clean_by_mistake(
    file: str, text: str, message: str, jobs: str, flake8: Flake8, drift: Path
) -> None:
    (drift / file).write_text(text, encoding="utf-8")
    code, out = flake8.run(drift, "-j", jobs, "--select", "OBS", ".")
    assert code == 1
    assert "There was a critical error during execution of Flake8:\nobs-lint: " in out
    assert message in out
    assert "Traceback" not in out


def test_what_cannot_be_parsed_is_flake8s_own_error(flake8: Flake8, drift: Path) -> None:
    broken = drift / "services/api/src/app.py"
    broken.write_text("import logging\nfrom structlog import (\n", encoding="utf-8")
    codes = {(row[0], row[3]) for row in flake8.found(drift, ".")}
    assert ("services/api/src/app.py", "E999") in codes
    assert ("services/api/src/telemetry/__init__.py", "OBS102") in codes
    code, out = flake8.run(drift, "services/workers")
    assert (code, "services/api/src/app.py:2:" in out) == (1, True), out
    options = ["--select", "OBS", "--stdin-display-name", "services/api/src/app.py", "-"]
    code, out = flake8.run(drift, *options, given=broken.read_bytes())
    assert (code, "critical error" in out) == (1, True), out


def test_what_cannot_be_decoded_is_shown_in_its_place(flake8: Flake8, drift: Path) -> None:
    (drift / "services/api/src/app.py").write_bytes(b"import logging\n# \xff\n")
    found = [row for row in flake8.found(drift, ".") if row[0].endswith("src/app.py")]
    assert [row[3] for row in found if row[3] == "OBS900"] == ["OBS900"], found
