"""`obs-lint smoke run | check | listen`: exit codes, formats, what goes to which stream."""

from __future__ import annotations

import gzip
import io
import json
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from obs_lint.cli import main
from obs_lint.smoke.checker import Checker

SYSTEM = Path(__file__).parent / "system"
REGISTRY = str(SYSTEM / "registry.yaml")
IDS = {"request_id": "00000000-0000-4000-8000-000000000001", "job_id": "00000000-0000-4000-8000-000000000002"}
RUN = "00000000-0000-4000-8000-0000000000aa"


def line(name: str, payload: dict[str, Any], at: int, **ids: str) -> str:
    return json.dumps(
        {
            "event_name": name,
            "occurred_at": f"2025-11-20T09:14:{at:02d}Z",
            "correlation": ids,
            "actor": {"service_name": "api"},
            "payload": payload,
        }
    )


GOOD = "\n".join(
    [
        line("shop.page.viewed", {"path": "/"}, 1, request_id=IDS["request_id"]),
        line("shop.job.created", {"job_type": "pack"}, 2, **IDS),
        line("shop.job_run.started", {"attempt": 1, "job_type": "pack"}, 3, job_id=IDS["job_id"], job_run_id=RUN),
        line(
            "shop.ai.decision",
            {"model": "m", "alternatives": ["a", "b"], "choice": "a", "reason": "near"},
            4,
            job_run_id=RUN,
        ),
        line("shop.step.completed", {"step": "reserve"}, 5, job_run_id=RUN),
        line("shop.job_run.completed", {"attempt": 1}, 6, job_id=IDS["job_id"], job_run_id=RUN),
        "",
    ]
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "good.jsonl").write_text(GOOD)
    (tmp_path / "open.jsonl").write_text("\n".join(GOOD.splitlines()[:5]) + "\n")
    (tmp_path / "bad.jsonl").write_text(GOOD.replace('"attempt": 1}', '"attempt": 0}'))
    return tmp_path


def smoke(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["smoke", *words])
    out, err = capsys.readouterr()
    return code, out, err


def check(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    return smoke(capsys, "check", "--registry", REGISTRY, *words)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("good.jsonl",), 0),
        (("good.jsonl", "--complete"), 0),
        (("open.jsonl", "--partial"), 3),
        (("open.jsonl", "--partial", "--complete"), 1),
        (("open.jsonl",), 1),
        (("bad.jsonl",), 1),
        (("bad.jsonl", "--ignore", "OBS812"), 0),
        (("good.jsonl", "--canary", "path=canary-7f3a"), 0),
        (("good.jsonl", "--canary", f"id={RUN}"), 1),
        (("good.jsonl", "--sentinel", "good.jsonl"), 3),
        (("bad.jsonl", "--sentinel", "bad.jsonl"), 1),
        (("nowhere.jsonl",), 2),
        (("bad.jsonl", "nowhere.jsonl"), 2),
        (("good.jsonl", "--canary", "short=abc"), 2),
        (("good.jsonl", "--ignore", "OBS101"), 2),
        (("good.jsonl", "--profile", "none"), 2),
        (("good.jsonl", "--field", "oops"), 2),
        (("good.jsonl", "--fail-under", "101"), 2),
        (("good.jsonl", "--registry", "gone.yaml"), 2),
    ],
)
def test_exit_codes_of_check(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int) -> None:
    found, out, err = check(capsys, *words)
    assert found == code, out + err
    if code == 2:
        assert err.startswith("obs-lint: error: ") and "Traceback" not in err and not out
    last = {0: "All clear", 1: "Failed", 3: "Inconclusive"}.get(code, "")
    assert not last or out.splitlines()[-1].startswith(last)


def test_nothing_to_look_at_is_never_a_pass(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "empty.jsonl").write_text("")
    code, out, _ = smoke(capsys, "check", "empty.jsonl")
    assert code == 3 and "no records" in out


def test_stdin_and_compressed_files(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "good.jsonl.gz").write_bytes(gzip.compress(GOOD.encode()))
    assert check(capsys, "good.jsonl.gz")[0] == 0

    class Stdin:
        buffer = io.BytesIO(GOOD.encode())

    monkeypatch.setattr(sys, "stdin", Stdin)
    code, out, _ = check(capsys, "-")
    assert code == 0 and "6 records" in out


@pytest.mark.parametrize("form", ["full", "concise", "grouped", "json", "json-lines", "github"])
def test_every_format_names_the_finding(capsys: pytest.CaptureFixture[str], form: str) -> None:
    code, out, _ = check(capsys, "bad.jsonl", "--format", form)
    assert code == 1 and "OBS812" in out and "attempt" in out
    if form == "json":
        (one,) = json.loads(out)["diagnostics"]
        assert (one["code"], one["path"], one["start"]["line"]) == ("OBS812", "bad.jsonl", 6)
        assert re.fullmatch(r"[0-9a-f]{32}", one["fingerprint"])


def test_an_output_file(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    code, out, _ = check(capsys, "bad.jsonl", "--format", "json", "--output-file", "report.json")
    assert (code, out) == (1, "")
    assert json.loads((folder / "report.json").read_text())["diagnostics"][0]["code"] == "OBS812"
    assert check(capsys, "bad.jsonl", "--format", "json", "--output-file", "no/report.json")[0] == 2


@pytest.mark.parametrize("asked", [IDS["request_id"], IDS["job_id"], RUN, RUN[-6:], IDS["job_id"]])
def test_why_by_any_id_of_the_flow(capsys: pytest.CaptureFixture[str], asked: str) -> None:
    code, out, _ = check(capsys, "good.jsonl", "--why", asked)
    assert code == 0
    for said in ("request …00000001", "job_run …000000aa pack attempt 1", "shop.ai.decision: a of a, b", "because near",
                 "nothing failed", "Still running", "shop.job_run.completed"):  # fmt: skip
        assert said in out
    assert "\x1b" not in out


def test_why_of_an_id_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = check(capsys, "good.jsonl", "--why", RUN[:-2] + "ab")
    assert code == 2 and "no record carries that id; did you mean" in err and RUN in err
    assert check(capsys, "good.jsonl", "--why", "0000")[0] == 2, "the beginning of several"


def test_why_reads_a_stream_more_than_once(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BytesIO(GOOD.encode())

    monkeypatch.setattr(sys, "stdin", Stdin)
    assert check(capsys, "-", "--why", RUN)[0] == 0


def scenario(folder: Path, text: str) -> None:
    (folder / "smoke.yaml").write_text(text)


def test_run_shows_steps_findings_and_verdicts(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(SYSTEM)
    code, out, err = smoke(capsys, "run", "smoke.yaml")
    assert (code, err) == (0, "")
    for said in ("2 processes, 4 steps", "✓ a page", "✓ many × 10", "evidence     passed 7", "All clear"):
        assert said in out, out
    code, out, err = smoke(capsys, "run", "smoke.yaml", "--env", "FAULT=no-job-id")
    assert code == 1
    assert out.index("OBS831") < out.index("OBS833") and "✗ a job" in out and "Failed:" in out
    code, out, err = smoke(capsys, "run", "smoke.yaml", "--env", "FAULT=dies-worker")
    assert code == 3 and "no database" in out and "left out" in out


def test_run_writes_what_it_captured_and_explains_a_flow(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.chdir(SYSTEM)
    records = folder / "records.jsonl"
    code, out, _ = smoke(capsys, "run", "smoke.yaml", "--format", "json", "--records", str(records))
    assert code == 0 and json.loads(out)["diagnostics"] == []
    assert check(capsys, str(records))[0] == 0
    assert smoke(capsys, "run", "smoke.yaml", "--why", "no-such-id-at-all")[0] == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "none.yaml"), "none.yaml:1:1: can't be read"),
        (("run", "wrong.yaml"), "wrong.yaml:2:1: the scenario has the unknown key `step`; did you mean `steps`?"),
        (("run", "wrong.yaml", "--env", "X"), "wrong.yaml:2:1"),
        (("listen", "--for", "soon"), "--for soon: write a duration"),
        (("listen", "--port", "99999"), "cannot listen"),
    ],
)
def test_usage_errors(capsys: pytest.CaptureFixture[str], folder: Path, words: tuple[str, ...], said: str) -> None:
    (folder / "wrong.yaml").write_text("format: obs-smoke/1\nstep: []\ncapture: [{file: x}]\n")
    code, out, err = smoke(capsys, *words)
    assert (code, out) == (2, "") and said in err


def test_a_registry_of_the_configuration_and_the_join(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "obs-lint.toml").write_text('surface = ["shop_obs"]\nregistry = ["registry.yaml"]\n')
    (folder / "shop_obs.py").write_text("def emit(event_name, payload=None):\n    print(event_name)\n")
    (folder / "app.py").write_text(
        "from shop_obs import emit\n\nemit('shop.page.viewed', {})\nemit('shop.job.created', {})\n"
        "emit('shop.page.liked', {})\n"
    )
    (folder / "registry.yaml").write_bytes(Path(REGISTRY).read_bytes())
    scenario(
        folder,
        "format: obs-smoke/1\ncapture: [{file: '*.out'}]\ncoverage: {ignore: ['*']}\nsteps:\n"
        "  - name: write\n    run: ['{python}', -c, \"import json; [print(json.dumps({'event_name': n, 'payload': {}}))"
        " for n in ('shop.page.viewed', 'shop.page.shared')]\"]\n",
    )
    code, out, err = smoke(capsys, "run", "smoke.yaml", "--join")
    assert code in (1, 3), err
    joined = out[out.index("Declared × emitted × seen") :]
    for state, name in (
        ("proven (1)", "shop.page.viewed"),
        ("not exercised (1)", "shop.job.created"),
        ("unregistered, not exercised (1)", "shop.page.liked"),
        ("foreign (1)", "shop.page.shared"),
    ):
        assert joined.index(state) < joined.index(name)
    assert "dead (" in joined


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_listening_until_it_is_interrupted() -> None:
    command = [sys.executable, "-m", "obs_lint", "smoke", "listen", "--port", "0", "--format", "json"]
    listening = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert listening.stderr is not None and listening.stdout is not None
    endpoint = re.search(r"http://127\.0\.0\.1:\d+", listening.stderr.readline())
    assert endpoint is not None
    ids = {"traceId": "0" * 31 + "1", "spanId": "0" * 15 + "1"}
    span = {**ids, "name": "s", "startTimeUnixNano": "5", "endTimeUnixNano": "1"}
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
    request = urllib.request.Request(f"{endpoint[0]}/v1/traces", body, {"Content-Type": "application/json"})
    assert urllib.request.urlopen(request, timeout=5).status == 200
    listening.send_signal(signal.SIGINT)
    out, _ = listening.communicate(timeout=20)
    assert listening.returncode == 1
    assert [one["code"] for one in json.loads(out)["diagnostics"]] == ["OBS863"]


def test_listening_for_a_while_and_hearing_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    before = threading.active_count()
    code, out, err = smoke(capsys, "listen", "--port", "0", "--for", "100ms")
    assert code == 3 and "no records" in out and "listening on http://127.0.0.1:" in err
    assert threading.active_count() == before


def parts_of(folder: Path, text: str, *names: str) -> None:
    """The lines of a text, dealt to files in turn; each keeps their order."""
    for number, name in enumerate(names):
        (folder / name).write_text("\n".join(text.splitlines()[number :: len(names)]) + "\n")


def test_several_files_are_read_by_their_times(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts_of(folder, GOOD, "z.jsonl", "a.jsonl")
    times: list[int] = []
    take = Checker.take_many
    monkeypatch.setattr(
        Checker, "take_many", lambda self, records: take(self, (times.append(one.time) or one for one in records))
    )
    code, out, _ = check(capsys, "z.jsonl", "a.jsonl", "--format", "json")
    assert code == 0 and json.loads(out)["smoke"]["records"]["event"] == 6
    assert len(times) == 6 and times == sorted(times)
    _, out, _ = check(capsys, "z.jsonl", "a.jsonl", "--why", RUN)
    seen = [out.index(name, out.index("Timeline")) for name in ("job.created", "job_run.started", "job_run.completed")]
    assert seen == sorted(seen)


def test_the_answers_of_the_checks_are_in_the_json_report(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    schema = json.loads((Path(__file__).parents[2] / "obs_lint" / "schemas" / "report.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    (folder / "empty.jsonl").write_text("")
    for file, answer, code, of_812 in (
        ("good.jsonl", "pass", 0, "pass"),
        ("bad.jsonl", "fail", 1, "fail"),
        ("empty.jsonl", "inconclusive", 3, "not applicable"),
    ):
        found, out, _ = check(capsys, file, "--format", "json", "--partial")
        document = json.loads(out)
        jsonschema.validate(document, schema)
        said = document["smoke"]
        assert (found, said["exit_code"], said["answer"]) == (code, code, answer)
        assert said["checks"]["OBS812"]["answer"] == of_812
        assert bool(said["checks"]["OBS812"].get("reason")) == (of_812 == "not applicable")
        assert said["records"]["records"] == (0 if file == "empty.jsonl" else 6)
    assert said["checks"]["OBS803"]["answer"] == "inconclusive"


@pytest.mark.parametrize("form", ["full", "concise", "grouped", "html", "github"])
def test_no_format_takes_nothing_for_a_pass(capsys: pytest.CaptureFixture[str], folder: Path, form: str) -> None:
    (folder / "empty.jsonl").write_text("")
    code, out, _ = check(capsys, "empty.jsonl", "--format", form, "--partial", "--ignore", "OBS803")
    assert code == 3 and "All clear" not in out


def test_a_page_of_a_failing_check(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    code, out, _ = check(capsys, "bad.jsonl", "--format", "html", "--output-file", "page.html")
    page = (folder / "page.html").read_text()
    assert (code, out) == (1, "")
    assert "1 failed" in page and "6 records of 1 source" in page and "Captured output" in page
    assert "shop.step.completed" not in page, "captured lines are not quoted"


def test_a_page_of_a_project_has_its_events_joined(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "obs-lint.toml").write_text('surface = ["shop_obs"]\nregistry = ["registry.yaml"]\n')
    (folder / "shop_obs.py").write_text("def emit(event_name, payload=None):\n    print(event_name)\n")
    (folder / "app.py").write_text("from shop_obs import emit\n\nemit('shop.page.viewed', {})\n")
    (folder / "registry.yaml").write_bytes(Path(REGISTRY).read_bytes())
    code, out, _ = smoke(capsys, "check", "good.jsonl", "--partial", "--format", "html")
    assert code == 0 and "All clear" in out
    assert "emitted in the code, 6 seen in the run" in out and folder.name in out


def test_a_baseline_leaves_out_what_is_known_and_nothing_else(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    assert check(capsys, "bad.jsonl", "--write-baseline", "known.json")[0] == 1
    code, out, _ = check(capsys, "bad.jsonl", "--baseline", "known.json", "--format", "json")
    document = json.loads(out)
    assert (code, document["diagnostics"], document["summary"]["baselined"]) == (0, [], 1)
    assert document["smoke"]["checks"]["OBS812"]["answer"] == "pass"
    assert "baseline" in document["smoke"]["checks"]["OBS812"]["reason"]
    assert "passed (1 finding known to the baseline)." in check(capsys, "bad.jsonl", "--baseline", "known.json")[1]
    # Another line, and another file: the fingerprint is code, event, field and producer.
    worse = (folder / "bad.jsonl").read_text().replace('{"path": "/"}', '{"path": 7}')
    (folder / "worse.jsonl").write_text("\n" + worse)
    code, out, _ = check(capsys, "worse.jsonl", "--baseline", "known.json", "--format", "json")
    (new,) = json.loads(out)["diagnostics"]
    assert code == 1 and "/path" in new["message"]
    assert check(capsys, "good.jsonl", "--baseline", "known.json")[1].count("1 of 1 entries of the baseline") == 1
    # What can't be told stays so, whatever is known.
    (folder / "lost.jsonl").write_text((folder / "bad.jsonl").read_text() + '{"cut": \n')
    _, out, _ = check(capsys, "lost.jsonl", "--sentinel", "lost.jsonl", "--format", "json")
    lost = {one["fingerprint"]: [one["code"], one["path"]] for one in json.loads(out)["diagnostics"]}
    (folder / "lost.json").write_text(json.dumps({**lost, "format": "obs-baseline/1"}))
    words = ("lost.jsonl", "--baseline", "lost.json", "--sentinel", "lost.jsonl", "--format", "json")
    code, out, _ = check(capsys, *words)
    left = json.loads(out)["diagnostics"]
    assert code == 3 and left and all(one["message"].startswith("inconclusive") for one in left)
    assert check(capsys, "bad.jsonl", "--baseline", "none.json")[0] == 2
    (folder / "broken.json").write_text("{")
    assert check(capsys, "bad.jsonl", "--baseline", "broken.json")[0] == 2


def test_services_of_the_configuration_name_the_producers(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "registry.yaml").write_text(
        "format: obs-registry/1\nnamespace: shop\nevents:\n"
        "  shop.page.viewed: {producers: [web]}\n  shop.job.created: {producers: [worker]}\n"
    )
    (folder / "seen.jsonl").write_text(
        "\n".join(
            json.dumps({**json.loads(text), "actor": {"service_name": service}})
            for text, service in zip(GOOD.splitlines()[:2], ("frontend", "frontend"), strict=True)
        )
    )
    words = ("check", "seen.jsonl", "--registry", "registry.yaml", "--partial", "--format", "json")
    code, out, _ = smoke(capsys, *words)
    assert json.loads(out)["smoke"]["checks"]["OBS818"]["answer"] == "inconclusive"
    services = "[services]\nweb = ['apps/frontend/**']\nworker = ['apps/packer/**']\n"
    (folder / "obs-lint.toml").write_text("surface = []\n" + services)
    code, out, _ = smoke(capsys, *words)
    (found,) = [one for one in json.loads(out)["diagnostics"] if one["code"] == "OBS818"]
    assert code == 1 and "shop.job.created" in found["message"]
