"""Apply every fix to copies of real checkouts, and prove that nothing but what was meant has changed.

    python benchmarks/fixes.py CHECKOUT…

Each checkout is copied to a temporary folder, where a surface of its own is put beside the code and idle suppressions
are put behind some of its imports; the checkout itself is not touched. Then `check --fix --unsafe-fixes` runs over all
of it with every rule that has a fix. After that: every file that could be parsed still can, a second run changes
nothing, and each line that differs is one that a rule's fix is about. Exit code 1 where one of that does not hold.
"""

from __future__ import annotations

import argparse
import difflib
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from comparison import obs_lint_command

from obs_lint.facts.syntax import parse
from obs_lint.source import SourceError, decode

RULES = "OBS102,OBS110,OBS301,OBS302,OBS303,OBS304,OBS404,OBS502,OBS901"
"""All that have a fix and need no registry; OBS110 is what the idle suppressions name."""
CONFIGURATION = """\
surface = ["acme_surface"]
logging = "facade"

[instrument]
decorators = ["acme_surface.instrument"]
targets = ["**"]

[paths]
tests = []
migrations = []
examples = []
generated = []

[rules.OBS301]
functions = "all"

[rules.OBS102.replacements]
"logging" = "acme_surface.acme_logging"
"structlog" = "acme_surface.acme_structlog"
"""
SURFACE = """\
import functools
import inspect
from acme_surface import acme_logging


def emit(event_name, payload=None):
    acme_logging.getLogger("events").info(event_name, extra=payload)


def instrument(function):
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def later(*args, **kwargs):
            return await function(*args, **kwargs)

        return later

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper
"""
IDLE = b"  # noqa: OBS110"
_IMPORT = re.compile(rb"(?:import|from) [\w., ]+")
_ADDED = re.compile(
    r"\s*@[\w.]*instrument(?:\(.*\))?\s*"
    r"|\s*from (?:\.*|[\w.]*\.)?acme_surface import \w+(?: as \w+)?\s*(?:#.*)?"
)
_REMOVED = re.compile(r"\s*import (?:logging|structlog)(?:\.\w+)*(?: as \w+)?\s*(?:#.*)?")
_SAME = (
    (re.compile(r"  # noqa: OBS110(?=\r?$)"), ""),
    (re.compile(r"\b(?:acme_logging|logging|acme_structlog|structlog)(?:\.\w+)* as \w+\b"), "L"),
    (re.compile(r"\bacme_surface\.(?=acme_)"), ""),
    (re.compile(r"\b(?:acme_logging|acme_structlog|logging|structlog|acme_surface)\b"), "L"),
    (re.compile(r",? ?\bexc_info=\w+"), ""),
    (re.compile(r"\.(?:exception|error|critical)\("), ".error("),
    (
        re.compile(r"\b(?:request_?id|req_?id|correlation_?id|corr_?id|trace_?id|job_?id|user_?id)\b", re.IGNORECASE),
        "ID",
    ),
)


@dataclass(slots=True)
class Result:
    """What became of one checkout."""

    files: int = 0
    changed: int = 0
    fixed: str = ""
    remaining: str = ""
    seconds: float = 0.0
    unparsable: list[str] = field(default_factory=list)
    unintended: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    """Files that are gone, new, or changed though they are no Python."""
    idle: int = 0
    idle_left: int = 0
    added: int = 0
    again: str = ""
    """What a second run would change."""
    failures: str = ""

    @property
    def good(self) -> bool:
        """True where all holds that must."""
        return not (self.unparsable or self.unintended or self.lost or self.again or self.failures or self.idle_left)


def prepare(checkout: Path, folder: Path) -> int:
    """Copy a checkout and make it fixable; return the number of idle suppressions put in."""
    shutil.copytree(
        checkout,
        folder,
        symlinks=True,
        ignore=shutil.ignore_patterns(".git", "node_modules", ".obs-lint-cache", "__pycache__", ".venv"),
    )
    for configuration in folder.rglob("obs-lint.toml"):
        configuration.unlink()
    (folder / "obs-lint.toml").write_text(CONFIGURATION)
    (folder / "acme_surface").mkdir()
    (folder / "acme_surface/__init__.py").write_text(SURFACE)
    (folder / "acme_surface/acme_logging.py").write_text("from logging import *\n")
    (folder / "acme_surface/acme_structlog.py").write_text("from structlog import *\n")
    count = 0
    for path in sources(folder):
        lines = path.read_bytes().split(b"\n")
        for number, line in enumerate(lines[:40]):
            bare = line.removesuffix(b"\r")
            if number % 3 == 0 and _IMPORT.fullmatch(bare) and b"logging" not in bare and b"structlog" not in bare:
                if not parses(path, path.read_bytes()):
                    break
                lines[number] = bare + IDLE + line[len(bare) :]
                count += 1
        path.write_bytes(b"\n".join(lines))
    return count


def sources(folder: Path) -> Iterator[Path]:
    """Yield the Python files below a folder, links left out."""
    for path in sorted(folder.rglob("*.py")):
        if path.is_file() and not path.is_symlink():
            yield path


def parses(path: Path, data: bytes) -> bool:
    """True for a source that obs-lint can parse."""
    try:
        parse(decode(str(path), data))
    except SourceError:
        return False
    return True


def unintended(path: str, before: bytes, after: bytes) -> Iterator[str]:
    """Yield the lines that differ and that no fix is about."""
    old = before.decode("latin-1").split("\n")
    new = after.decode("latin-1").split("\n")
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            continue
        gone = Counter(_plain(line) for line in old[a:b] if not _REMOVED.fullmatch(line) and line.strip())
        come = Counter(_plain(line) for line in new[c:d] if not _ADDED.fullmatch(line) and line.strip())
        for line in (gone - come) | (come - gone):
            yield f"{path}:{a + 1}: {line}"


def _plain(line: str) -> str:
    for pattern, text in _SAME:
        line = pattern.sub(text, line)
    return line


def run(checkout: Path, command: list[str]) -> Result:
    """Fix a copy of one checkout, and look at it."""
    result = Result()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve() / checkout.name
        result.idle = prepare(checkout, folder)
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}
        options = ["--select", RULES, "--unsafe-fixes", "--no-cache"]
        started = time.perf_counter()
        fixing = subprocess.run(
            [*command, "check", "--fix", "--output-format", "concise", *options],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        result.seconds = time.perf_counter() - started
        lines = fixing.stdout.splitlines()
        result.fixed = next((line for line in lines if line.startswith("Found ")), "")
        failed = [line for line in (*lines, *fixing.stderr.splitlines()) if "internal" in line or "not fixed" in line]
        if failed or fixing.returncode not in (0, 1, 2):
            result.failures = "\n".join(failed[:10]) or fixing.stderr[-2000:]
        after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}
        result.files = sum(path.suffix == ".py" for path in before)
        result.lost = [str(path.relative_to(folder)) for path in before.keys() ^ after.keys()]
        for path, data in before.items():
            text = after.get(path, data)
            name = path.relative_to(folder).as_posix()
            if path.suffix == ".py":
                result.idle_left += text.count(IDLE + b"\n") + text.count(IDLE + b"\r\n")
            if text == data:
                continue
            result.changed += 1
            if path.suffix not in (".py", ".pyi"):
                result.lost.append(name)
                continue
            if not parses(path, text):
                result.unparsable.append(name)
            result.added += text.count(b"\n") - data.count(b"\n")
            result.unintended += unintended(name, data, text)
        again = subprocess.run([*command, "check", "--diff", *options], cwd=folder, capture_output=True, check=False)
        result.again = again.stdout.decode("latin-1")[:2000]
    return result


def main() -> int:
    """Run over the checkouts given, and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkouts", nargs="+", type=Path)
    parser.add_argument("--obs-lint", metavar="PATH", help="the command to run (default: beside this interpreter)")
    arguments = parser.parse_args()
    command = obs_lint_command(arguments.obs_lint)
    code = 0
    for checkout in arguments.checkouts:
        result = run(checkout, command)
        print(
            f"{checkout.name}: {result.files} files, {result.changed} changed, {result.added:+} lines, "
            f"{result.seconds:.1f} s. {result.fixed}"
        )
        print(f"  idle suppressions: {result.idle} put in, {result.idle_left} left")
        for what, found in (
            ("can't be parsed any more", result.unparsable),
            ("lines that no fix is about", result.unintended),
            ("files that should not have changed", result.lost),
        ):
            print(f"  {what}: {len(found)}")
            for line in found[:20]:
                print(f"    {line}")
        print(f"  a second run changes: {result.again or 'nothing'}")
        if result.failures:
            print(f"  failures: {result.failures}")
        code = code if result.good else 1
        sys.stdout.flush()
    return code


if __name__ == "__main__":
    sys.exit(main())
