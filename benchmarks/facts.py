"""Check verified facts about public repositories: what must be reported there, and what must not.

    python benchmarks/facts.py FACTS.jsonl CHECKOUTS [--configurations FOLDER] [--all]

A fact is one JSON object a line: repo, rule (a family, see CODES), expect (report, not, either, must-not-crash), path,
line, note. CHECKOUTS is the folder that holds a checkout of each repo under its name. Each repo is linted once with
configurations/<repo>.toml. Exit code 1 where a fact does not hold, 2 where a run failed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from comparison import environment, obs_lint_command

CODES: dict[str, tuple[str, ...]] = {
    "direct-import": ("OBS102",),
    "parse": ("OBS900",),
    "encoding": ("OBS900",),
    "reexport": ("OBS103",),
    "local-telemetry-module": ("OBS101",),
    "adhoc-emit": ("OBS105", "OBS106"),
    "print": ("OBS108",),
    "unregistered-event": ("OBS201",),
    "registered-ok": ("OBS201",),
    "dynamic-event": ("OBS202",),
    "name-pattern": ("OBS203",),
    "unused-event": ("OBS207",),
    "missing-instrument": ("OBS301",),
    "http-no-correlation": ("OBS401",),
    "corr-name": ("OBS404",),
    "swallowed": ("OBS501",),
}
"""The families of facts that can be judged, and the codes that report them."""

WHOLE_FILE = {"local-telemetry-module"}
"""Families whose finding is about a file: where nothing must be reported, nothing must be reported on any line."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the facts file."""

    repo: str
    rule: str
    expect: str
    path: str
    line: int
    note: str


@dataclass(frozen=True, slots=True)
class Findings:
    """What one run says."""

    places: frozenset[tuple[str, str, int]]
    """Code, path, line."""
    broken: frozenset[str]
    """Paths with OBS900."""
    crashes: tuple[str, ...]
    """Internal errors: path and message."""


def lint(obs_lint: Sequence[str], config: Path, checkout: Path) -> Findings:
    """Run the default rules and OBS108 on a checkout. Raises RuntimeError where obs-lint gives no answer."""
    switches = ["--config", str(config), "--extend-select", "OBS108", "--no-cache", "--output-format", "json"]
    done = subprocess.run(
        [*obs_lint, "check", *switches],
        cwd=checkout,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        env=environment(),
        check=False,
    )
    try:
        report = json.loads(done.stdout)
    except ValueError:
        raise RuntimeError(f"exit {done.returncode}: {done.stderr.strip()[-2000:]}") from None
    return Findings(
        places=frozenset((d["code"], d["path"], d["start"]["line"]) for d in report["diagnostics"]),
        broken=frozenset(error["path"] for error in report["errors"] if error["code"] == "OBS900"),
        crashes=tuple(f"{e['path']}: {e['message']}" for e in report["errors"] if e["code"] != "OBS900"),
    )


def judge(fact: Fact, found: Findings) -> tuple[bool | None, str]:
    """Return whether the fact holds (None: it expects nothing in particular) and what was seen there."""
    if fact.expect == "must-not-crash":
        seen = "OBS900" if fact.path in found.broken else "read"
        return not any(crash.startswith(f"{fact.path}:") for crash in found.crashes), seen
    codes = CODES[fact.rule]
    in_file = sorted((line, code) for code, path, line in found.places if path == fact.path and code in codes)
    anywhere = fact.rule in WHOLE_FILE and fact.expect == "not"
    here = [(line, code) for line, code in in_file if line == fact.line or anywhere]
    seen = ", ".join(f"{code}:{line}" for line, code in here)
    if not here:
        seen = "nothing" + (
            f" (elsewhere: {', '.join(f'{code}:{line}' for line, code in in_file[:6])})" if in_file else ""
        )
    if fact.path in found.broken:
        seen += ", OBS900"
    if fact.expect == "either":
        return None, seen
    return bool(here) == (fact.expect == "report"), seen


def read(path: Path) -> list[Fact]:
    """Read a facts file. Raises SystemExit where a line is none."""
    facts = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip():
            try:
                item = json.loads(line)
                facts.append(Fact(**{name: item[name] for name in Fact.__slots__}))
            except (ValueError, KeyError, TypeError) as error:
                raise SystemExit(f"{path}:{number}: not a fact: {error!r}") from None
    return facts


def _by_repo(facts: Iterable[Fact]) -> dict[str, list[Fact]]:
    grouped: dict[str, list[Fact]] = {}
    for fact in facts:
        if fact.rule in CODES:
            grouped.setdefault(fact.repo, []).append(fact)
    return grouped


def main(arguments: Sequence[str] | None = None) -> int:
    """Print each fact that does not hold (with --all, every fact) and the counts; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("facts", type=Path, metavar="FACTS.jsonl")
    parser.add_argument("checkouts", type=Path, metavar="CHECKOUTS")
    parser.add_argument(
        "--configurations", type=Path, default=Path(__file__).parent / "configurations", metavar="FOLDER"
    )
    parser.add_argument("--obs-lint", default=None, metavar="PATH", help="default: beside this interpreter")
    parser.add_argument("--all", action="store_true", help="print the facts that hold too")
    options = parser.parse_args(arguments)
    obs_lint = obs_lint_command(options.obs_lint)

    held = failed = open_ended = 0
    code = 0
    for repo, facts in _by_repo(read(options.facts)).items():
        config = (options.configurations / f"{repo}.toml").resolve()
        checkout = (options.checkouts / repo).resolve()
        missing = [str(path) for path in (config, checkout) if not path.exists()]
        if missing:
            print(f"{repo}: not judged, missing: {', '.join(missing)}")
            code = 2
            continue
        try:
            found = lint(obs_lint, config, checkout)
        except RuntimeError as error:
            print(f"{repo}: {error}")
            code = 2
            continue
        for crash in found.crashes:
            print(f"{repo}: internal error: {crash}")
            code = 2
        for fact in facts:
            holds, seen = judge(fact, found)
            if holds is None:
                open_ended += 1
                word = "either"
            elif holds:
                held += 1
                word = "holds"
            else:
                failed += 1
                code = max(code, 1)
                word = "DOES NOT HOLD"
            if options.all or holds is False:
                print(f"{word:13} {repo} {fact.rule} {fact.expect} {fact.path}:{fact.line}: {seen}   [{fact.note}]")
    print(f"\n{held} hold, {failed} do not, {open_ended} expect nothing in particular")
    return code


if __name__ == "__main__":
    sys.exit(main())
