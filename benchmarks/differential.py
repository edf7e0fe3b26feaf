"""Compare OBS102's (path, line) set with ruff's TID251 on real checkouts, and show every difference.

    python benchmarks/differential.py FOLDER…

Both tools get the same ban and no allowances (comparison.py). Files that ruff can't read or parse are left out of the
comparison and listed with what obs-lint said of them. Exit code 1 where anything differs, 2 where a tool failed.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from comparison import RUFF_ARGUMENTS, console_script, environment, obs_lint_command, write_config

Place = tuple[str, int]
"""A path relative to the checkout with `/`, and a 1-based line."""

_SKIPPED = re.compile(r"^(?:warning|error): Failed to (?:lint|read|parse) (.+?): ", re.MULTILINE)


class ToolError(Exception):
    """A tool did not answer; the message has its name and what it wrote."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one tool says of one checkout."""

    found: frozenset[Place]
    unread: frozenset[str]
    """Paths that it could not read or parse."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Both answers over the files that ruff parses."""

    files: int
    ruff: Answer
    ours: Answer
    only_ruff: tuple[Place, ...] = field(default=())
    only_ours: tuple[Place, ...] = field(default=())
    lost: tuple[str, ...] = field(default=())
    """Files that ruff parses and obs-lint does not."""

    @property
    def equal(self) -> bool:
        """True where neither tool has a place that the other has not, and obs-lint read all that ruff read."""
        return not (self.only_ruff or self.only_ours or self.lost)


def ask_ruff(ruff: str, folder: Path) -> Answer:
    """Run ruff on every `.py` file below `folder`. Raises ToolError."""
    done = _run([ruff, *RUFF_ARGUMENTS, "--no-cache", "--ignore-noqa", "--output-format", "json", "."], folder, (0, 1))
    found: set[Place] = set()
    unread: set[str] = set()
    for item in json.loads(done.stdout):
        path = Path(item["filename"]).relative_to(folder).as_posix()
        if item["code"] == "TID251":
            found.add((path, item["location"]["row"]))
        else:
            unread.add(path)
    unread.update(match.group(1).replace("\\", "/") for match in _SKIPPED.finditer(done.stderr))
    # Ruff reports errors that need no parser (a `return` at module level) under the same name and goes on linting.
    unread -= {path for path, _ in found}
    for line in done.stderr.splitlines():
        if line.startswith("error") and not _SKIPPED.match(line):
            raise ToolError(f"ruff in {folder}: {line}")
    return Answer(frozenset(_python(found, unread)), frozenset(path for path in unread if path.endswith(".py")))


def ask_obs_lint(obs_lint: Sequence[str], config: Path, folder: Path) -> Answer:
    """Run OBS102 alone on `folder`. Raises ToolError."""
    switches = ["--config", str(config), "--select", "OBS102", "--no-cache", "--output-format", "json"]
    done = _run([*obs_lint, "check", *switches], folder, (0, 1, 2))
    try:
        report = json.loads(done.stdout)
    except ValueError:
        raise ToolError(f"obs-lint in {folder} (exit {done.returncode}): {done.stderr.strip()[-2000:]}") from None
    wrong = [error for error in report["errors"] if error["code"] != "OBS900"]
    if wrong:
        raise ToolError(f"obs-lint in {folder}: " + "; ".join(f"{e['path']}: {e['message']}" for e in wrong[:5]))
    found = {(d["path"], d["start"]["line"]) for d in report["diagnostics"] if d["code"] == "OBS102"}
    unread = {error["path"] for error in report["errors"]}
    return Answer(frozenset(_python(found, ())), frozenset(path for path in unread if path.endswith(".py")))


def compare(obs_lint: Sequence[str], ruff: str, config: Path, folder: Path) -> Difference:
    """Ask both tools about one checkout. Raises ToolError."""
    theirs = ask_ruff(ruff, folder)
    ours = ask_obs_lint(obs_lint, config, folder)
    judged = {place for place in ours.found if place[0] not in theirs.unread}
    return Difference(
        files=sum(1 for path in folder.rglob("*.py") if path.is_file()),
        ruff=theirs,
        ours=ours,
        only_ruff=tuple(sorted(theirs.found - judged)),
        only_ours=tuple(sorted(judged - theirs.found)),
        lost=tuple(sorted(ours.unread - theirs.unread)),
    )


def _python(found: Iterable[Place], unread: Iterable[str]) -> set[Place]:
    skipped = set(unread)
    return {place for place in found if place[0].endswith(".py") and place[0] not in skipped}


def _run(command: Sequence[str], folder: Path, codes: tuple[int, ...]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, encoding="utf-8", errors="replace", env=environment(), check=False
    )
    if done.returncode not in codes:
        raise ToolError(f"{command[0]} in {folder} ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
    return done


def _source_line(folder: Path, place: Place) -> str:
    lines = (folder / place[0]).read_bytes().splitlines()
    return lines[place[1] - 1].decode("utf-8", "replace").strip() if place[1] <= len(lines) else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one row a checkout, then every difference; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="checkouts to compare on")
    parser.add_argument("--obs-lint", default=None, metavar="PATH", help="default: beside this interpreter")
    parser.add_argument("--ruff", default=None, metavar="PATH", help="default: beside this interpreter")
    options = parser.parse_args(arguments)
    obs_lint = obs_lint_command(options.obs_lint)
    ruff = options.ruff or console_script("ruff")

    head = ("files", "ruff", "ours", "only ruff", "only ours", "not parsed by ruff")
    print(f"{'checkout':32} " + " ".join(f"{title:>9}" for title in head))
    code = 0
    details: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        config = write_config(Path(scratch))
        for given in options.folders:
            folder = given.resolve()
            try:
                result = compare(obs_lint, ruff, config, folder)
            except ToolError as error:
                print(f"{folder.name:32} {error}")
                code = 2
                continue
            outside = sum(1 for place in result.ours.found if place[0] in result.ruff.unread)
            counts = (
                result.files,
                len(result.ruff.found),
                len(result.ours.found) - outside,
                len(result.only_ruff),
                len(result.only_ours),
                len(result.ruff.unread),
            )
            print(f"{folder.name:32} " + " ".join(f"{count:9}" for count in counts))
            if not result.equal:
                code = max(code, 1)
            for title, places in (("only ruff", result.only_ruff), ("only ours", result.only_ours)):
                details += [f"{folder.name}: {title}: {p}:{n}: {_source_line(folder, (p, n))}" for p, n in places]
            details += [f"{folder.name}: parsed by ruff, not by obs-lint: {path}" for path in result.lost]
            for path in sorted(result.ruff.unread):
                lines = sorted(line for found, line in result.ours.found if found == path)
                said = "OBS900" if path in result.ours.unread else f"OBS102 on lines {lines}" if lines else "no OBS102"
                details.append(f"{folder.name}: not parsed by ruff: {path}: {said}")
    if details:
        print("\n" + "\n".join(details))
    print("\nequal" if code == 0 else "\nNOT equal")
    return code


if __name__ == "__main__":
    sys.exit(main())
