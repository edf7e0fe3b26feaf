"""The step of the GitHub Action: inputs, the base of a change, what the runner is told, what a hostile value can do."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from obs_lint.integrations.github_action import installation
from obs_lint.integrations.github_action.base import NoBaseError, base_of
from obs_lint.integrations.github_action.commands import guarded, outputs_text
from obs_lint.integrations.github_action.event import Event, event_of
from obs_lint.integrations.github_action.inputs import PREFIX, InputError, Inputs, read
from obs_lint.integrations.github_action.summary import LIMIT, within_limit
from tests.pull_requests import BANNED, CONFIGURATION, SHOP, Repository, pull_request

ROOT = Path(__file__).parent.parent
# -- inputs


def inputs(**given: str) -> Inputs:
    return read({PREFIX + name.upper(): value for name, value in given.items()})


def test_without_inputs_everything_has_its_default() -> None:
    assert read({}) == Inputs()
    assert inputs(only_new="auto", annotations="", summary="", sarif="false", html="", working_directory="") == Inputs()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ()),
        ("src tests", ("src", "tests")),
        ("src\n  tests\r\n", ("src", "tests")),
        ("'a b' \"c d\" e' 'f", ("a b", "c d", "e f")),
        ('"a\nb"', ("a\nb",)),
        (r"src\app C:\x\y", (r"src\app", r"C:\x\y")),
        ("a,b 100% #x -- -r *", ("a,b", "100%", "#x", "--", "-r", "*")),
        (
            "$(touch x) `touch x` ; & | > x ${{ 1 }}",
            ("$(touch", "x)", "`touch", "x`", ";", "&", "|", ">", "x", "${{", "1", "}}"),
        ),
    ],
)
def test_paths_are_words_and_nothing_is_expanded(text: str, words: tuple[str, ...]) -> None:
    assert inputs(paths=text).paths == words


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("paths", "'a", "paths: a quote is not closed"),
        ("args", '"a', "args: a quote is not closed"),
        ("args", "--output-format json", "args: `--output-format` is not for this action: set the inputs"),
        ("args", "--output-form=json", "args: `--output-format` is not"),
        ("args", "--report json=x", "args: `--report` is not"),
        ("args", "-w", "args: `--watch` is not"),
        ("args", "--help", "args: `--help` is not"),
        ("args", "--new-since=main", "set the input `new-since`"),
        ("args", "--conf x", "set the input `config`"),
        ("args", "--select OBS1 -- src", "args: `--` is not needed"),
        ("fail_on", "fatal", "fail-on: 'fatal' is none of error, warning, info"),
        ("only_new", "yes", "only-new: 'yes' is none of true, false, auto"),
        ("annotations", "1", "annotations: '1' is none of true, false"),
        ("summary", "no", "summary: 'no' is none of true, false"),
        ("sarif", "a\nb", "sarif: 'a\\nb' is none of true, false, or one path"),
    ],
)
def test_inputs_that_are_refused(name: str, value: str, said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        inputs(**{name: value})


def test_flags_that_are_let_through() -> None:
    args = "--select OBS1,OBS2 --extend-exclude 'a b/**' --no-cache -j 2 --fix --baseline b.json --exit-zero -v"
    assert inputs(args=args).args[-1] == "-v"


def test_every_flag_of_the_action_is_one_of_check() -> None:
    from argparse import ArgumentParser

    from obs_lint.cli.check import add_arguments
    from obs_lint.integrations.github_action.inputs import _OURS

    parser = ArgumentParser()
    add_arguments(parser)
    assert set(_OURS) <= set(parser._option_string_actions)


def test_switches_and_files() -> None:
    assert inputs(sarif="True", html="out/report.html", only_new="FALSE") == Inputs(
        sarif=True, html="out/report.html", only_new=False
    )


# -- events


def test_who_may_write() -> None:
    assert not Event("pull_request", pull_request()).may_only_read
    assert "fork" in Event("pull_request", pull_request(fork=True)).may_only_read
    assert "Dependabot" in Event("pull_request", pull_request(), "dependabot[bot]").may_only_read
    gone = pull_request()
    gone["pull_request"]["head"]["repo"] = None  # type: ignore[index]
    assert "gone" in Event("pull_request", gone).may_only_read
    assert not Event("push", pull_request(fork=True)).may_only_read
    assert Event("push", pull_request(private=True)).is_private


def test_a_fork_that_proposes_to_itself_may_write() -> None:
    payload = pull_request(fork=True)
    payload["pull_request"]["base"]["repo"] = {"id": 2, "fork": True}  # type: ignore[index]
    assert not Event("pull_request", payload).may_only_read


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', "null", '{"pull_request": [], "repository": 3}'])
def test_payloads_that_are_none(text: str, tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    file.write_text(text)
    event = event_of({"GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(file)})
    assert event.proposes
    assert event.text("pull_request", "head", "sha") == ""
    assert not event.is_private
    assert not event.may_only_read


# -- the base


@dataclass
class Proposal:
    """A repository with a pull request that was merged for CI."""

    repository: Repository
    base: str
    head: str
    fork_point: str


@pytest.fixture(scope="session")
def proposal(tmp_path_factory: pytest.TempPathFactory) -> Proposal:
    """main goes on while the branch adds one finding and mends one; `main` is the merge commit then."""
    repository = Repository(tmp_path_factory.mktemp("origin"))
    repository.git("init", "-q")
    fork_point = repository.commit({**SHOP, "shop/gone.py": BANNED})
    repository.git("checkout", "-q", "-b", "topic")
    head = repository.commit({"shop/new.py": "import json\n\nimport logging\n", "shop/gone.py": "x = 1\n"})
    repository.git("checkout", "-q", "main")
    base = repository.commit({"shop/meanwhile.py": BANNED})
    repository.git("merge", "-q", "--no-ff", "-m", "merge", "topic")
    return Proposal(repository, base, head, fork_point)


def test_the_first_parent_of_a_merge_commit_is_the_base(proposal: Proposal, tmp_path: Path) -> None:
    event = Event("pull_request", pull_request(head=proposal.head, base="0" * 40))
    clone = proposal.repository.clone(tmp_path / "clone", 2)
    assert base_of(event, str(clone.path)).commit == proposal.base
    assert base_of(event, str(clone.path / "shop")).what == "the base of this pull request"


def test_depth_1_has_no_base_and_says_so(proposal: Proposal, tmp_path: Path) -> None:
    clone = proposal.repository.clone(tmp_path / "clone", 1)
    with pytest.raises(NoBaseError, match=r"depth 1 .*the base of this pull request.* `fetch-depth: 2`"):
        base_of(Event("pull_request", pull_request(head=proposal.head)), str(clone.path))
    with pytest.raises(NoBaseError, match="fetch-depth: 2"):
        base_of(Event("workflow_dispatch"), str(clone.path))


def test_the_head_itself_is_compared_with_where_it_left(proposal: Proposal, tmp_path: Path) -> None:
    event = Event("pull_request", pull_request(head=proposal.head, base=proposal.base))
    clone = proposal.repository.clone(tmp_path / "clone", 0)
    clone.git("checkout", "-q", proposal.head)
    assert base_of(event, str(clone.path)).commit == proposal.fork_point
    shallow = proposal.repository.clone(tmp_path / "shallow", 2, "topic")
    with pytest.raises(NoBaseError, match="leave out `ref` and set `fetch-depth: 2`"):
        base_of(event, str(shallow.path))


def test_other_events(proposal: Proposal, tmp_path: Path) -> None:
    clone = proposal.repository.clone(tmp_path / "clone", 0)
    folder = str(clone.path)
    assert base_of(Event("push", {"before": proposal.fork_point}), folder).commit == proposal.fork_point
    assert base_of(Event("push", {"before": "0" * 40}), folder).commit == proposal.base
    assert base_of(Event("push", {"before": "f" * 40}), folder).commit == proposal.base
    group = {"merge_group": {"base_sha": proposal.fork_point}}
    assert base_of(Event("merge_group", group), folder).commit == proposal.fork_point
    clone.git("checkout", "-q", proposal.base)
    with pytest.raises(NoBaseError, match="run this action on pull_request"):
        base_of(Event("pull_request_target", pull_request(head=proposal.head, base=proposal.base)), folder)
    clone.git("checkout", "-q", proposal.fork_point)
    with pytest.raises(NoBaseError, match="first commit"):
        base_of(Event("push", {}), folder)


def test_no_repository(tmp_path: Path) -> None:
    with pytest.raises(NoBaseError, match="no git repository: check it out"):
        base_of(Event("push"), str(tmp_path))


# -- what the runner is told


def outputs_of(text: str) -> dict[str, str]:
    """Read GITHUB_OUTPUT as the runner does."""
    found = {}
    lines = iter(text.split("\n"))
    for line in lines:
        if not line:
            continue
        name, heredoc, delimiter = line.partition("<<")
        if not heredoc:
            name, _, value = line.partition("=")
            found[name] = value
            continue
        value = []
        for inner in lines:
            if inner == delimiter:
                break
            value.append(inner)
        found[name] = "\n".join(value)
    return found


def test_outputs_hold_any_value() -> None:
    values = {"a": "x\nb=c\nd<<e\n", "b": "", "c": "end_0\n%0A"}
    assert outputs_of(outputs_text(values)) == values


def test_no_text_ends_its_guard() -> None:
    first, second = guarded("::error::x"), guarded("::error::x")
    assert first != second
    assert re.fullmatch(r"::stop-commands::(\w{32})\n::error::x\n::\1::\n", first)
    assert guarded(" \n") == ""


def test_a_summary_is_cut_where_github_would_drop_it() -> None:
    row = "| `ä|日` | x |\n"
    text = within_limit(["# head\n", row * 100_000])
    assert LIMIT - 400 < len(text.encode()) <= LIMIT
    assert text.splitlines()[-1].startswith("… the rest is cut")
    assert text.splitlines()[-3] in ("", row.strip())
    assert within_limit(["a\n", "", "b\n"]) == "a\n\nb\n"


@dataclass
class Ended:
    """What one run of the step left behind."""

    code: int
    log: str
    errors: str
    outputs: dict[str, str]
    summary: str

    @property
    def commands(self) -> list[tuple[str, str]]:
        """Level and message of the workflow commands that the runner would see in the log, `##[…]` too."""
        found, stopped = [], ""
        for line in (self.log + "\n" + self.errors).splitlines():
            if stopped:
                stopped = "" if line == f"::{stopped}::" else stopped
            elif line.startswith("::stop-commands::"):
                stopped = line.removeprefix("::stop-commands::")
            elif match := re.match(r"::([\w-]+)[^:]*::(.*)", line):
                found.append((match[1], match[2].replace("%0A", "\n").replace("%25", "%")))
            else:
                assert "##[" not in line, line
        assert not stopped
        return found


@pytest.fixture(scope="session")
def installed() -> str:
    """The interpreter, with which obs-lint can be run from anywhere and nothing else gets in."""
    done = subprocess.run([sys.executable, "-I", "-c", "import obs_lint"], cwd="/", capture_output=True, check=False)
    if done.returncode:
        reason = "obs-lint is not installed in this environment: pip install -e '.[test]'"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return sys.executable


def step(
    python: str, folder: Path, event: str = "push", payload: object = None, actor: str = "", **given: str
) -> Ended:
    """Run the step in a folder with these inputs."""
    runner = folder.parent / "runner"
    runner.mkdir(exist_ok=True)
    files = {name: runner / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_EVENT_PATH")}
    for file in files.values():
        file.write_text("")
    files["GITHUB_EVENT_PATH"].write_text(json.dumps(payload or {}))
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "RUNNER_", "GIT_"))
    }
    environment |= {name: str(path) for name, path in files.items()}
    environment |= {"GITHUB_EVENT_NAME": event, "GITHUB_ACTOR": actor, "RUNNER_TEMP": str(runner)}
    environment |= {"GITHUB_WORKSPACE": str(folder), "CI": "true"}
    environment |= {PREFIX + name.upper(): value for name, value in given.items()}
    command = [python, "-I", "-X", "utf8", "-m", "obs_lint.integrations.github_action"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
    return Ended(
        done.returncode,
        done.stdout.decode("utf-8", "surrogateescape").replace("\r\n", "\n"),
        done.stderr.decode("utf-8", "surrogateescape").replace("\r\n", "\n"),
        outputs_of(files["GITHUB_OUTPUT"].read_text(encoding="utf-8")),
        files["GITHUB_STEP_SUMMARY"].read_text(encoding="utf-8"),
    )


@pytest.fixture
def clone(proposal: Proposal, tmp_path: Path) -> Iterator[Path]:
    yield proposal.repository.clone(tmp_path / "work space", 2).path


def test_a_pull_request_answers_for_what_it_adds(proposal: Proposal, clone: Path, installed: str) -> None:
    payload = pull_request(head=proposal.head, base=proposal.base)
    ended = step(installed, clone, "pull_request", payload, sarif="true", html="out dir/report.html")
    assert ended.code == 1, ended.errors
    assert ended.commands == [
        ("error", "`logging` imported outside the observability surface\nEmit through `shop.obs`.")
    ]
    assert "file=shop/new.py,line=3," in ended.log
    files = {name: ended.outputs.pop(name) for name in ("sarif-file", "summary-file", "html-file")}
    assert ended.outputs == {
        "violations": "3",
        "new-violations": "1",
        "fixed": "1",
        "exit-code": "1",
        "base": proposal.base,
        "sarif-upload": "true",
    }
    assert len(json.loads(Path(files["sarif-file"]).read_text())["runs"][0]["results"]) == 1
    assert Path(files["html-file"]).samefile(clone / "out dir" / "report.html")
    assert Path(files["summary-file"]).read_text(encoding="utf-8") == ended.summary
    assert "## obs-lint: 1 new finding (1 error)" in ended.summary
    assert f"Compared with `{proposal.base[:12]}`, the base of this pull request." in ended.summary
    assert "| **1** | 2 |" in ended.summary


def test_a_push_answers_for_everything(clone: Path, installed: str) -> None:
    ended = step(installed, clone)
    assert (ended.code, ended.outputs["violations"], ended.outputs["new-violations"]) == (1, "3", "3")
    assert (ended.outputs["fixed"], ended.outputs["base"], ended.outputs["sarif-file"]) == ("", "", "")
    assert [level for level, _ in ended.commands] == ["error"] * 3


def test_only_new_can_be_asked_for_and_declined(proposal: Proposal, clone: Path, installed: str) -> None:
    asked = step(installed, clone, only_new="true", annotations="false", summary="false")
    assert (asked.code, asked.outputs["new-violations"], asked.commands, asked.summary) == (1, "1", [], "")
    assert "shop/new.py:3:8: OBS102" in asked.log
    assert "1 new finding" in Path(asked.outputs["summary-file"]).read_text(encoding="utf-8")
    declined = step(installed, clone, "pull_request", pull_request(head=proposal.head), only_new="false")
    assert declined.outputs["new-violations"] == "3"
    given = step(installed, clone, new_since=proposal.base, paths="shop/old.py")
    assert (given.code, given.outputs["violations"], given.outputs["new-violations"]) == (0, "1", "0")


def test_depth_1(proposal: Proposal, tmp_path: Path, installed: str) -> None:
    shallow = proposal.repository.clone(tmp_path / "shallow", 1).path
    ended = step(installed, shallow, "pull_request", pull_request(head=proposal.head))
    assert ended.code == 1
    assert ended.outputs["new-violations"] == "3"
    assert ended.commands[0][0] == "warning"
    assert "fetch-depth: 2" in ended.commands[0][1]
    assert "> [!WARNING]\n> Every finding counts as new, because this clone has depth 1" in ended.summary
    asked = step(installed, shallow, "pull_request", pull_request(head=proposal.head), only_new="true")
    assert (asked.code, asked.outputs["exit-code"]) == (2, "2")
    assert [level for level, _ in asked.commands] == ["error"]
    assert "nothing was checked" in asked.summary
    unknown = step(installed, shallow, new_since=proposal.base)
    assert unknown.code == 2
    assert "this clone is shallow" in unknown.commands[0][1]


@pytest.mark.parametrize(
    ("event", "payload", "why"),
    [
        ("pull_request", pull_request(fork=True), "this pull request comes from a fork"),
        ("push", pull_request(private=True), "private repository"),
    ],
)
def test_what_code_scanning_does_not_take(event: str, payload: object, why: str, clone: Path, installed: str) -> None:
    ended = step(installed, clone, event, payload, sarif="true", only_new="false")
    assert Path(ended.outputs["sarif-file"]).is_file()
    assert ended.outputs["sarif-upload"] == "false"
    assert [why in message for level, message in ended.commands if level == "notice"] == [True]
    assert "> [!NOTE]" in ended.summary


def test_a_folder_below_the_top(proposal: Proposal, tmp_path: Path, installed: str) -> None:
    repository = Repository(tmp_path / "repository")
    repository.path.mkdir()
    repository.git("init", "-q")
    registry = "format: obs-registry/1\nnamespace: shop\nevents:\n  shop.a:\n    summary: One.\n"
    table = f'{CONFIGURATION}registry = ["events.yaml"]\n'
    below = {
        f"back end/{name}": text for name, text in {**SHOP, "pyproject.toml": table, "events.yaml": registry}.items()
    }
    base = repository.commit(below)
    repository.commit({"back end/shop/new.py": BANNED, "back end/events.yaml": registry.replace("shop.a", "shop.b|c")})
    ended = step(installed, repository.path, only_new="true", working_directory="back end", fail_on="warning")
    assert ended.outputs["base"] == base
    assert "file=back end/shop/new.py,line=1," in ended.log
    assert f"### Event registry since `{base[:12]}`: 1 breaking, 1 compatible changes" in ended.summary
    assert "`shop.a`" in ended.summary
    missing = step(installed, repository.path, working_directory="front end")
    assert missing.code == 2
    assert missing.commands[0][1].startswith("working-directory: 'front end' can't be entered")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"config": "none.toml"}, "none.toml"),
        ({"args": "--select NONSENSE"}, "NONSENSE"),
        ({"args": "--no-such-flag"}, "--no-such-flag"),
        ({"paths": "no/such/folder"}, "no/such/folder"),
        ({"args": "--jobs 0"}, "number of processes"),
        ({"sarif": "shop/old.py/x.sarif"}, "sarif"),
        ({"new_since": "no-such-branch"}, "no-such-branch"),
        ({"new_since": "HEAD", "only_new": "false"}, "only-new is false"),
    ],
)
def test_what_can_not_be_done_ends_in_2(given: dict[str, str], said: str, clone: Path, installed: str) -> None:
    ended = step(installed, clone, **given)
    assert (ended.code, ended.outputs["exit-code"]) == (2, "2")
    assert said in ended.commands[0][1]
    assert ended.commands[0][0] == "error"
    assert said in ended.summary
    assert "Traceback" not in ended.log + ended.errors


def test_a_file_that_is_not_python_ends_in_2_with_what_was_found(clone: Path, installed: str) -> None:
    (clone / "shop" / "bad.py").write_text("import logging\ndef f(:\n")
    ended = step(installed, clone, args="--check-syntax --fail-on info".replace("--fail-on info", ""))
    assert (ended.code, ended.outputs["exit-code"], ended.outputs["new-violations"]) == (2, "2", "4")
    assert "not everything could be checked" in ended.summary


def test_a_tool_that_dies_counts_as_an_error(clone: Path, installed: str) -> None:
    (clone / "pyproject.toml").write_text("[tool.obs-lint]\n" + "surface = [" * 5000)
    ended = step(installed, clone)
    assert (ended.code, ended.outputs["exit-code"], ended.outputs["violations"]) == (2, "2", "")


def test_the_repository_brings_no_code_in(clone: Path, installed: str) -> None:
    for name in ("json", "obs_lint", "sitecustomize", "argparse"):
        (clone / f"{name}.py").write_text("open('pwned', 'w').close()\n")
    assert step(installed, clone).code == 1
    assert not (clone / "pwned").exists()


PAYLOADS = [
    "$(touch pwned)",
    "`touch pwned`",
    "'; touch pwned; '",
    '"; touch pwned; "',
    "a\ntouch pwned\n::set-output name=exit-code::0",
    "; touch pwned",
    "--output-file=pwned",
    "-x",
    "${{ github.token }}",
    "x\n::error::fake",
    "##[error]fake",
]
NAMES = [*("paths args config new_since only_new fail_on annotations sarif html summary working_directory".split())]


@pytest.mark.parametrize("name", NAMES)
def test_hostile_inputs(name: str, clone: Path, installed: str) -> None:
    before = {path.relative_to(clone) for path in clone.rglob("*")}
    calm = " ".join(payload for payload in PAYLOADS if not re.search("['\"\n]", payload) and payload[0] != "-")
    values = [calm, *(payload for payload in PAYLOADS if re.search("['\n]", payload)), "--output-file=pwned"]
    if name in ("sarif", "html"):
        values = ["$(touch pwned)`touch pwned`;touch pwned", "a\ntouch pwned"]
    for payload in values:
        ended = step(installed, clone, **{name: payload})
        assert ended.code in (0, 1, 2)
        assert ended.outputs["exit-code"] == str(ended.code)
        assert "fake" not in [message for _, message in ended.commands]
        assert not {level for level, _ in ended.commands} - {"error", "warning", "notice"}
        if name not in ("sarif", "html"):
            assert ended.code == 2, payload
    after = {path.relative_to(clone) for path in clone.rglob("*") if ".obs-lint-cache" not in path.parts}
    assert not [path for path in after - before if "pwned" in path.parts]


def test_hostile_file_names_and_source(clone: Path, installed: str) -> None:
    names = ["a%0A::error::fake.py", "b,c=d.py", "e##[error]f.py", "ü|ö.py"]
    if os.name != "nt":
        names += ["new\nline\n::error::fake.py", "x::stop-commands::y.py"]
    for name in names:
        (clone / name).write_text(BANNED, encoding="utf-8")
    if os.name != "nt":
        Path(os.fsdecode(os.fsencode(clone) + b"/caf\xe9.py")).write_text(BANNED)
        names.append("café")
    ended = step(installed, clone, sarif="true", html="true")
    assert ended.code == 1
    assert ended.outputs["new-violations"] == str(3 + len(names))
    assert {level for level, _ in ended.commands} == {"error"}
    assert all("imported outside" in message for _, message in ended.commands)
    assert "file=a%250A%3A%3Aerror%3A%3Afake.py" in ended.log


def test_5000_findings(tmp_path: Path, installed: str) -> None:
    folder = tmp_path / "big"
    (folder / "shop").mkdir(parents=True)
    (folder / "pyproject.toml").write_text(
        f'{CONFIGURATION}fail-on = "info"\n[tool.obs-lint.rules.OBS107]\nseverity = "info"\n'
    )
    (folder / "shop/obs.py").write_text("import logging\n")
    body = "".join(f"def f{number}():\n    import logging\n    import structlog\n" for number in range(8))
    body += "def g():\n    print('x')\n"
    for number in range(300):
        (folder / "shop" / f"m{number:03}.py").write_text(
            f"{body}import logging as x{number}\nx{number}.basicConfig()\n"
        )
    ended = step(installed, folder, sarif="true", html="true", args="--select ALL")
    assert int(ended.outputs["new-violations"]) >= 5000
    levels = [level for level, _ in ended.commands]
    assert {level: levels.count(level) for level in set(levels)} == {"error": 10, "warning": 9, "notice": 9}
    for wanted in ("error", "warning", "notice"):
        last = [message for level, message in ended.commands if level == wanted][-1]
        assert re.fullmatch(rf"\+\d+ more {wanted}s in \d+ files, see the job summary or the log\.", last)
    assert len(ended.summary.encode()) < 900 * 1024


# -- installation


def test_what_is_installed() -> None:
    assert installation.requirement_of("", ROOT) == str(ROOT)
    assert installation.requirement_of(" 1.2.0rc1 ", ROOT) == "obs-lint==1.2.0rc1"
    assert installation.requirement_of("v1.2", ROOT) == "obs-lint==1.2"


@pytest.mark.parametrize(
    "version", [*PAYLOADS, "1.0 --index-url http://x", "1.0; python_version > '3'", "1 @ file:///x", "latest"]
)
def test_versions_that_are_none(version: str) -> None:
    with pytest.raises(installation.InstallationError, match="is no version of obs-lint"):
        installation.requirement_of(version, ROOT)


def test_windows_and_the_others() -> None:
    assert installation.python_of(Path("e"), windows=True) == Path("e", "Scripts", "python.exe")
    assert installation.python_of(Path("e"), windows=False) == Path("e", "bin", "python")


def test_an_environment_belongs_to_what_it_holds(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    (checkout / "obs_lint").mkdir(parents=True)
    (checkout / "obs_lint" / "a.py").write_text("")
    one = installation.environment_of(str(checkout), checkout, tmp_path)
    assert one == installation.environment_of(str(checkout), checkout, tmp_path)
    (checkout / "obs_lint" / "a.py").write_text("x = 1")
    assert one != installation.environment_of(str(checkout), checkout, tmp_path)
    assert one != installation.environment_of("obs-lint==1.0", checkout, tmp_path)


def test_installation_imports_nothing_that_is_not_there_before_it() -> None:
    file = ROOT / "obs_lint/integrations/github_action/installation.py"
    imported = re.findall(r"^(?:import|from) (\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(imported) <= {*sys.stdlib_module_names}
    spec = importlib.util.spec_from_file_location("alone", file)
    assert spec is not None


def test_a_refused_version_ends_in_2(tmp_path: Path) -> None:
    file = ROOT / "obs_lint/integrations/github_action/installation.py"
    output = tmp_path / "output"
    environment = {**os.environ, "OBS_LINT_INPUT_VERSION": "1; touch x\n::error::y", "GITHUB_OUTPUT": str(output)}
    done = subprocess.run(
        [sys.executable, "-I", str(file)], env=environment, cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 2
    assert outputs_of(output.read_text()) == {"exit-code": "2"}
    assert re.findall(r"^::(?!stop|[0-9a-f]{32}::)[^:]*::.*", done.stderr.decode(), re.MULTILINE)[0].startswith(
        "::error title=obs-lint::"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["output"]
