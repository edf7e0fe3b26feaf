"""`obs-lint doctor` finds each obstacle where it is and none where it is not; ruff does what doctor says it does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from obs_lint.cli import main
from obs_lint.config import load
from obs_lint.integrations.doctor.examination import examined

ROOT = Path(__file__).parent.parent
CONFIG = {"obs-lint.toml": "surface = []\n", "a.py": "x = 1\n"}


def write(root: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")


def git(root: Path, *words: str) -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")} | {"GIT_CONFIG_GLOBAL": os.devnull}
    subprocess.run(["git", *words], cwd=root, env=env, check=True, capture_output=True)


def found(root: Path, cwd: str = "") -> list[tuple[str, str, int]]:
    findings = examined(load(str(root / cwd)))
    assert not findings.failures
    return [(o.name, o.path, o.line) for o in findings.obstacles]


def workflow(*steps: str, on: str = "pull_request", job: str = "") -> str:
    lines = [f"on: {on}", "jobs:", "  lint:", *(f"    {line}" for line in job.splitlines()), "    steps:"]
    for step in steps:
        first, *rest = step.splitlines()
        lines += [f"      - {first}", *(f"        {line}" for line in rest)]
    return "\n".join(lines) + "\n"


CHECKOUT = "uses: actions/checkout@v5"
DEEP = CHECKOUT + "\nwith:\n  fetch-depth: 0"
TWO = CHECKOUT + "\nwith:\n  fetch-depth: 2"
ACTION = "uses: obs-lint/obs-lint@v1"
RUN = "run: obs-lint check"
FLOW = ".github/workflows/ci.yml"
HOOKS = ".pre-commit-config.yaml"


def hook(text: str, repo: str = "https://github.com/obs-lint/obs-lint") -> dict[str, str]:
    lines = "".join(f"        {line}\n" for line in text.splitlines())
    return {HOOKS: f"repos:\n  - repo: {repo}\n    rev: v1\n    hooks:\n      -\n{lines}"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        # ruff
        ({"ruff.toml": '[lint]\nextend-select = ["RUF"]\n'}, [("ruff-external", "ruff.toml", 2)]),
        ({".ruff.toml": 'line-length = 9\nselect = ["RUF102"]\n'}, [("ruff-external", ".ruff.toml", 2)]),
        ({"pyproject.toml": '[tool.ruff.lint]\nselect = ["ALL"]\n'}, [("ruff-external", "pyproject.toml", 2)]),
        (
            {"pyproject.toml": '[tool.ruff.lint]\nselect = ["E", "RUF100"]\nexternal = ["V"]\n'},
            [("ruff-external", "pyproject.toml", 3)],
        ),
        ({"ruff.toml": '[lint]\nselect = ["RUF"]\nexternal = ["OBS1"]\n'}, [("ruff-external", "ruff.toml", 3)]),
        ({"svc/ruff.toml": '[lint]\nselect = ["RUF"]\n', "svc/a.py": ""}, [("ruff-external", "svc/ruff.toml", 2)]),
        ({"ruff.toml": '[lint]\nselect = ["RUF"]\nexternal = ["OBS"]\n'}, []),
        ({"ruff.toml": '[lint]\nselect = ["RUF"]\nexternal = ["OB"]\n'}, []),
        ({"ruff.toml": '[lint]\nselect = ["RUF"]\nignore = ["RUF100", "RUF102"]\n'}, []),
        ({"ruff.toml": '[lint]\nselect = ["E", "RUF0"]\n'}, []),
        ({"ruff.toml": "line-length = 100\n", "pyproject.toml": '[tool.ruff.lint]\nselect = ["RUF"]\n'}, []),
        (
            {
                "ruff.toml": 'extend = "base/b.toml"\n[lint]\nselect = ["RUF"]\n',
                "base/b.toml": 'lint.external = ["OBS"]\n',
            },
            [],
        ),
        # flake8
        ({".flake8": "[flake8]\nmax-line-length = 9\nextend-ignore = E203, OBS\n"}, [("flake8-ignore", ".flake8", 3)]),
        ({"setup.cfg": "[metadata]\nname = a\n[flake8]\nignore =\n    O\n"}, [("flake8-ignore", "setup.cfg", 4)]),
        ({"tox.ini": "[flake8]\nextend_ignore = OBS501\nper-file-ignores =\n    a.py: OBS\n"}, []),
        # pre-commit
        (hook("id: yesqa", "https://github.com/asottile/yesqa"), [("yesqa", HOOKS, 6)]),
        (hook("id: yesqa\nadditional_dependencies: [obs-lint==0.1]", "a"), []),
        (hook("id: obs-lint\nargs: [--fix]"), []),
        (hook("id: obs-lint-project"), []),
        (hook("id: obs-lint\nrequire_serial: false"), [("pre-commit-batches", HOOKS, 6)]),
        (hook("id: obs-lint\nstages: [manual]"), [("pre-commit-manual", HOOKS, 6)]),
        (hook("id: obs-lint\nargs: [--exit-zero]"), [("exit-code-dropped", HOOKS, 6)]),
        (hook("id: mine\nentry: obs-lint check", "local"), [("pre-commit-batches", HOOKS, 6)]),
        (hook("id: mine\nentry: obs-lint check\npass_filenames: false", "local"), []),
        (hook("id: mine\nentry: obs-lint check\nrequire_serial: true", "local"), []),
        # workflows
        ({FLOW: workflow(CHECKOUT, RUN)}, []),
        ({FLOW: workflow(CHECKOUT, RUN + " --new-since origin/main")}, [("fetch-depth", FLOW, 6)]),
        ({FLOW: workflow(TWO, RUN + " --new-since origin/main")}, [("fetch-depth", FLOW, 8)]),
        ({FLOW: workflow(TWO, RUN + " --new-since HEAD^1")}, []),
        ({FLOW: workflow(DEEP, RUN + " --new-since origin/main")}, []),
        ({FLOW: workflow(CHECKOUT, "run: git fetch origin main", RUN + " --new-since origin/main")}, []),
        ({FLOW: workflow(CHECKOUT, ACTION)}, [("fetch-depth", FLOW, 6)]),
        ({FLOW: workflow(TWO, ACTION)}, []),
        ({FLOW: workflow(CHECKOUT, ACTION, on="[push]")}, []),
        ({FLOW: workflow(CHECKOUT, ACTION + "\nwith:\n  only-new: false")}, []),
        ({FLOW: workflow(CHECKOUT, ACTION + "\nwith:\n  only-new: true", on="push")}, [("fetch-depth", FLOW, 6)]),
        ({FLOW: workflow(TWO, ACTION + "\nwith:\n  new-since: v1", on="push")}, [("fetch-depth", FLOW, 8)]),
        ({FLOW: workflow(CHECKOUT, RUN + " || true")}, [("exit-code-dropped", FLOW, 6)]),
        ({FLOW: workflow(CHECKOUT, RUN + " --exit-zero")}, [("exit-code-dropped", FLOW, 6)]),
        ({FLOW: workflow("run: |\n  obs-lint check \\\n    src || :")}, [("exit-code-dropped", FLOW, 5)]),
        ({FLOW: workflow("run: |\n  # obs-lint check || true\n  obs-lint check || exit 2")}, []),
        ({FLOW: workflow(RUN + "\ncontinue-on-error: true")}, [("exit-code-dropped", FLOW, 5)]),
        ({FLOW: workflow(RUN, job="continue-on-error: true")}, [("exit-code-dropped", FLOW, 6)]),
        (
            {
                FLOW: workflow(
                    "id: a\n" + RUN + "\ncontinue-on-error: true", "if: steps.a.outcome == 'failure'\nrun: exit 1"
                )
            },
            [],
        ),
        ({FLOW: workflow(RUN + " | tee log")}, [("exit-code-dropped", FLOW, 5)]),
        ({FLOW: workflow(RUN + " | tee log\nshell: bash")}, []),
        ({FLOW: workflow("run: |\n  set -o pipefail\n  obs-lint check | tee log")}, []),
        ({FLOW: workflow(RUN + " | tee log", job="defaults:\n  run:\n    shell: bash")}, []),
        ({FLOW: workflow(CHECKOUT, "run: pytest || true")}, []),
        # other CI
        (
            {".gitlab-ci.yml": "lint:\n  script:\n    - obs-lint check || true\n"},
            [("exit-code-dropped", ".gitlab-ci.yml", 3)],
        ),
        ({"Makefile": "lint:\n\t-obs-lint check\n"}, [("exit-code-dropped", "Makefile", 2)]),
        ({"Makefile": "lint:\n\tobs-lint check\n"}, []),
        # our own files
        ({"pyproject.toml": "[tool.obs-lint]\nsurface = []\n"}, [("two-configurations", "pyproject.toml", 1)]),
        (
            {"svc/pyproject.toml": "[project]\n[tool.obs-lint]\n", "svc/a.py": ""},
            [("inner-configuration", "svc/pyproject.toml", 2)],
        ),
        ({"svc/obs-lint.toml": "", "svc/deep/a.py": ""}, [("inner-configuration", "svc/obs-lint.toml", 1)]),
        ({"obs-lint.toml": 'surface = []\nenvironment = ".venv"\n'}, [("environment-missing", "obs-lint.toml", 2)]),
        (
            {"obs-lint.toml": 'surface = []\nregistry = ["package:acme_of_nobody"]\n'},
            [("environment-missing", "obs-lint.toml", 2)],
        ),
    ],
)
def test_obstacles(files: dict[str, str], expected: list[tuple[str, str, int]], tmp_path: Path) -> None:
    root = tmp_path / "a project"
    (root / ".git").mkdir(parents=True)
    write(root, CONFIG | files)
    assert found(root) == expected


def test_in_a_folder_of_the_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    write(tmp_path, {f"backend/{path}": text for path, text in CONFIG.items()})
    write(
        tmp_path, {FLOW: workflow(RUN + " || true"), "ruff.toml": '[lint]\nselect = ["RUF"]\n'} | hook("id: yesqa", "a")
    )
    assert found(tmp_path, "backend") == [
        ("exit-code-dropped", f"../{FLOW}", 5),
        ("yesqa", f"../{HOOKS}", 6),
        ("ruff-external", "../ruff.toml", 2),
    ]


def test_git(tmp_path: Path) -> None:
    baseline = ".obs-lint-baseline.json"
    write(tmp_path, CONFIG)
    git(tmp_path, "init", "-q")
    (tmp_path / baseline).write_text('{\n"format": "obs-baseline/1"\n}\n', encoding="utf-8")
    [(name, path, _), *rest] = found(tmp_path)
    assert (name, path) == ("baseline-untracked", baseline)
    assert {name for name, *_ in rest} <= {"baseline-broken"}
    (tmp_path / ".gitignore").write_text("*.json\n", encoding="utf-8")
    assert "git ignores the baseline" in examined(load(str(tmp_path))).obstacles[0].what
    git(tmp_path, "add", "-f", baseline)
    (tmp_path / baseline).write_text('{\n<<<<<<< HEAD\n"format": "a"\n}\n', encoding="utf-8")
    assert found(tmp_path) == [("baseline-broken", baseline, 2)]
    (tmp_path / baseline).unlink()
    write(tmp_path, {".obs-lint-cache/run-1": "x"})
    assert found(tmp_path) == [("cache-not-ignored", ".obs-lint-cache", 1)]
    git(tmp_path, "add", "-f", ".obs-lint-cache")
    assert found(tmp_path) == [("cache-tracked", ".obs-lint-cache", 1)]
    git(tmp_path, "rm", "-qr", "--cached", ".obs-lint-cache")
    write(tmp_path, {".obs-lint-cache/.gitignore": "*\n"})
    assert found(tmp_path) == []


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({HOOKS: "repos: [\n"}, f"{HOOKS}: not valid YAML: "),
        ({FLOW: "a: b: c\n"}, f"{FLOW}: not valid YAML: "),
        ({"ruff.toml": "[lint\n"}, "ruff.toml: not valid TOML: "),
        ({"setup.cfg": "[flake8\nx\n"}, "setup.cfg: not valid: "),
    ],
)
def test_what_cannot_be_read(
    files: dict[str, str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(tmp_path, CONFIG | {"Makefile": "a:\n\t-obs-lint check\n"} | files)
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    assert main(["doctor"]) == 2
    out, err = capsys.readouterr()
    assert err.startswith(f"obs-lint: error: {message}")
    assert "Nothing here" not in out


def test_odd_documents_are_no_crash(tmp_path: Path) -> None:
    write(
        tmp_path,
        CONFIG | {HOOKS: "- a\n", FLOW: "jobs: [1]\n", ".github/workflows/b.yml": "", "ruff.toml": "lint = 3\n"},
    )
    write(tmp_path, {".github/workflows/c.yml": "on:\njobs:\n  a:\n    steps: [null, {uses: 3, with: [], run: {}}]\n"})
    assert found(tmp_path) == []


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, CONFIG)
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    assert main(["doctor"]) == 0
    assert capsys.readouterr().out == "Nothing here would defeat obs-lint.\n"
    write(tmp_path, {"ruff.toml": '[lint]\nselect = ["RUF102"]\nexternal = ["V1"]\n'})
    assert main(["doctor"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "ruff.toml:3: ruff-external",
        "  RUF102 is selected and `external` does not name OBS: `ruff check --fix` deletes `# noqa: OBS…` comments",
        '  mend: under [lint]: external = ["V1", "OBS"]; ruff never touches `# obs: ignore[…]`',
        "",
        "1 thing to mend.",
    ]
    assert main(["doctor", "--output-format", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["version"], document["errors"], len(document["obstacles"])) == (1, [], 1)
    assert sorted(document["obstacles"][0]) == ["line", "mend", "name", "path", "what"]
    write(tmp_path, {"obs-lint.toml": "surfaces = []\n"})
    assert main(["doctor"]) == 2


def test_every_name_is_documented() -> None:
    page = (ROOT / "docs" / "ruff.md").read_text(encoding="utf-8")
    names = {
        line.split('"')[1]
        for path in (ROOT / "obs_lint/integrations/doctor").glob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip().startswith('"') and line.strip().endswith('",') and line.count('"') == 2 and "-" in line
        if " " not in line.strip()
    } - {"extend-select", "extend-ignore", "azure-pipelines.yml", "bitbucket-pipelines.yml"}
    assert names
    assert [name for name in sorted(names) if name not in page and not name.startswith(".")] == []


@pytest.mark.parametrize("selected", ["RUF102", "RUF105", "RUF"])
def test_what_ruff_deletes_and_what_it_leaves(selected: str, tmp_path: Path) -> None:
    """Without `external`, `# noqa: OBS102` is lost, and doctor says so; `# obs: ignore` stays as it is."""
    text = "import logging  # noqa: OBS102\nimport structlog  # obs: ignore[OBS102] asked for\n"
    settings = f'[lint]\nselect = ["{selected}"]\npreview = true\n'
    write(tmp_path, {"obs-lint.toml": "surface = []\n", "a.py": text, "ruff.toml": settings})
    fix = [sys.executable, "-m", "ruff", "check", "--fix", "--no-cache", "."]
    assert [name for name, *_ in found(tmp_path)] == ["ruff-external"]
    subprocess.run(fix, cwd=tmp_path, check=False, capture_output=True)
    first, second = (tmp_path / "a.py").read_text(encoding="utf-8").splitlines()
    assert "noqa: OBS102" not in first
    assert second == text.splitlines()[1]
    write(tmp_path, {"a.py": text, "ruff.toml": f'{settings}external = ["OBS"]\n'})
    assert found(tmp_path) == []
    subprocess.run(fix, cwd=tmp_path, check=False, capture_output=True)
    assert (tmp_path / "a.py").read_text(encoding="utf-8") == text
