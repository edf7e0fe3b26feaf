"""Time obs-lint beside ruff on real checkouts: one ban, the same files, interleaved runs, medians.

    python benchmarks/run.py FOLDER… [--runs 5] [--growth] [--flake8] [--import-linter] [--json FILE]

Each checkout is copied to a scratch folder first and left alone. What is measured, each as a whole process:

cold          no cache, OBS102 alone; ruff: TID251 alone, --no-cache --ignore-noqa
all rules     no cache, the rules that are on by default, against ruff's one rule
warm          nothing changed since the run before; ruff with its cache, which --ignore-noqa would switch off
one changed   one file rewritten since the run before
one file      `check FILE` with a warm cache; ruff likewise, with its own
memory        peak of the largest process (maxrss), and of all processes together (proportional set sizes, sampled)
growth        cold, over 10k to 1.6M lines: subsets of the largest checkout
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import geometric_mean

from comparison import (
    BANNED,
    RUFF_ARGUMENTS,
    compile_package,
    console_script,
    environment,
    obs_lint_command,
    write_config,
)
from measure import Run, middle, run

GROWTH = (10_000, 30_000, 100_000, 200_000, 400_000, 800_000, 1_600_000)
"""Lines of the subsets."""

COLD_BAR = 0.8
"""obs-lint ÷ ruff, wall, no cache."""
ALL_RULES_BAR = 2.0
"""obs-lint with all rules ÷ ruff with one, wall, no cache."""
WARM_BAR = 1.5
"""obs-lint ÷ ruff, wall, caches warm; or WARM_FLOOR, whichever is larger."""
WARM_FLOOR = 0.150
"""Seconds."""
FILE_BAR = 0.150
"""Seconds, `check FILE` with a warm cache."""
MEMORY_BAR = 200e6
"""Bytes, all processes together, for a checkout of up to 850k lines."""
OUTLIER = 1.3
"""No single checkout may be worse than the bar by more than this factor."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """A copy of a checkout, and its size."""

    name: str
    folder: Path
    files: int
    lines: int
    changing: Path
    """The file that is rewritten: the one of median size, relative to `folder`."""


@dataclass(frozen=True, slots=True)
class Tools:
    """The beginnings of the command lines, with absolute paths."""

    obs_lint: tuple[str, ...]
    ruff: tuple[str, ...]
    config: Path
    """obs-lint's configuration for the comparison."""


@dataclass(slots=True)
class Figures:
    """The medians of one checkout, by scenario."""

    checkout: Checkout
    medians: dict[str, Run] = field(default_factory=dict)

    def ratio(self, ours: str, theirs: str) -> float:
        """Wall time of one scenario ÷ that of another."""
        return self.medians[ours].wall / self.medians[theirs].wall


def copy_checkout(source: Path, scratch: Path) -> Checkout:
    """Copy a checkout without its history, keeping file times."""
    folder = scratch / source.name
    shutil.copytree(source, folder, symlinks=True, ignore=shutil.ignore_patterns(".git"))
    return survey(source.name, folder)


def survey(name: str, folder: Path) -> Checkout:
    """Count the `.py` files and their lines. Raises SystemExit where there are none."""
    sizes: list[tuple[int, Path]] = []
    lines = 0
    for path in folder.rglob("*.py"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            lines += content.count(b"\n")
            sizes.append((len(content), path.relative_to(folder)))
    if not sizes:
        raise SystemExit(f"{folder}: no .py file below it")
    sizes.sort()
    return Checkout(name, folder, len(sizes), lines, sizes[len(sizes) // 2][1])


def subset(source: Path, lines: int, scratch: Path) -> Checkout:
    """Copy files of a checkout, in an order that only their paths decide, until `lines` is reached."""
    folder = scratch / f"{source.name}-{lines}"
    ordered = sorted(
        (path.relative_to(source) for path in source.rglob("*.py") if path.is_file() and not path.is_symlink()),
        key=lambda path: hashlib.sha256(path.as_posix().encode()).digest(),
    )
    count = 0
    for path in ordered:
        if count >= lines:
            break
        content = (source / path).read_bytes()
        count += content.count(b"\n")
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
        os.utime(folder / path, (1_600_000_000, 1_600_000_000))
    return survey(folder.name, folder)


def commands(tools: Tools, checkout: Checkout, caches: Path) -> dict[str, list[str]]:
    """Return what each scenario runs, in the order of a round."""
    ours = [*tools.obs_lint, "check", "--config", str(tools.config), "--output-format", "concise"]
    ours_cache = ["--cache-dir", str(caches / f"{checkout.name}-obs-lint")]
    one = ["--select", "OBS102"]
    theirs = [*tools.ruff, *RUFF_ARGUMENTS, "--output-format", "concise"]
    theirs_cache = ["--cache-dir", str(caches / f"{checkout.name}-ruff")]
    return {
        "ruff cold": [*theirs, "--no-cache", "--ignore-noqa", "."],
        "obs-lint cold": [*ours, *one, "--no-cache"],
        "obs-lint all rules": [*ours, "--no-cache"],
        "ruff warm": [*theirs, *theirs_cache, "."],
        "obs-lint warm": [*ours, *one, *ours_cache],
        "ruff one file": [*theirs, *theirs_cache, str(checkout.changing)],
        "obs-lint one file": [*ours, *one, *ours_cache, str(checkout.changing)],
        "ruff one changed": [*theirs, *theirs_cache, "."],
        "obs-lint one changed": [*ours, *one, *ours_cache],
    }


def flake8_command(ban: Iterable[str]) -> list[str]:
    """Return flake8 with flake8-tidy-imports and the same ban. Raises SystemExit where it is not installed."""
    flake8 = console_script("flake8")
    plugins = subprocess.run([flake8, "--version"], capture_output=True, text=True, check=True).stdout
    if "tidy" not in plugins:
        raise SystemExit("flake8 has no ban plugin: pip install flake8-tidy-imports")
    banned = "\n".join(f"{name} = banned\n{name}.* = banned" for name in ban)
    return [
        flake8,
        "--isolated",
        "--disable-noqa",
        "--exclude=.git",
        "--select=I251",
        f"--banned-modules={banned}",
        ".",
    ]


def import_linter_command(checkout: Checkout, scratch: Path) -> tuple[list[str], dict[str, str], int] | None:
    """Return import-linter with a forbidden contract, its environment and the number of files that it can see.

    It knows importable root packages, not checkouts; the packages at the root and in `src` are what it is given. None
    where there is no such package.
    """
    roots = [checkout.folder, checkout.folder / "src"]
    packages = {
        p.parent.name: p.parent for root in roots for p in root.glob("*/__init__.py") if p.parent.name != "tests"
    }
    if not packages:
        return None
    config = scratch / f"{checkout.name}.importlinter"
    config.write_text(
        f"[importlinter]\nroot_packages ={_listed(packages)}\ninclude_external_packages = True\n\n"
        f"[importlinter:contract:ban]\nname = ban\ntype = forbidden\nallow_indirect_imports = True\n"
        f"source_modules ={_listed(packages)}\nforbidden_modules ={_listed(BANNED)}\n",
        encoding="utf-8",
    )
    path = os.pathsep.join(str(root) for root in roots)
    visible = len({file for folder in packages.values() for file in folder.rglob("*.py")})
    return [console_script("lint-imports"), "--config", str(config), "--no-cache"], {"PYTHONPATH": path}, visible


def _listed(names: Iterable[str]) -> str:
    return "".join(f"\n    {name}" for name in names)


def measure_checkout(
    tools: Tools, checkout: Checkout, caches: Path, runs: int, extra: Mapping[str, tuple[list[str], dict[str, str]]]
) -> Figures:
    """Run every scenario in turn, `runs` times after a warm-up, and keep the medians."""
    scenarios = commands(tools, checkout, caches)
    environ = environment()
    collected: dict[str, list[Run]] = {name: [] for name in scenarios}
    for turn in range(runs + 1):
        for name, command in scenarios.items():
            if name == "ruff one changed":
                _rewrite(checkout.folder / checkout.changing, turn)
            result = run(command, checkout.folder, environ)
            _accept(name, command, checkout.folder, environ, result)
            if turn:
                collected[name].append(result)
    figures = Figures(checkout, {name: middle(found) for name, found in collected.items()})
    for name in ("ruff cold", "obs-lint cold", "obs-lint all rules", "obs-lint warm"):
        memory = [run(scenarios[name], checkout.folder, environ, sample_memory=True) for _ in range(min(runs, 3))]
        figures.medians[f"{name}, memory"] = middle(memory)
    for name, (command, more) in extra.items():
        result = run(command, checkout.folder, {**environ, **more})
        _accept(name, command, checkout.folder, {**environ, **more}, result)
        figures.medians[name] = result
    return figures


def _rewrite(path: Path, turn: int) -> None:
    content = path.read_bytes()
    kept = content.split(b"\n# changed ")[0]
    path.write_bytes(kept + f"\n# changed {turn}\nimport logging\n".encode())


def _accept(name: str, command: Sequence[str], folder: Path, environ: Mapping[str, str], result: Run) -> None:
    """Stop where a tool did not do its work: a fast failure is not a fast run. Code 2 may be OBS900 on broken files."""
    if result.code in (0, 1):
        return
    again = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, errors="replace", check=False
    )
    if name.startswith("obs-lint") and again.returncode == 2 and "OBS900" in again.stdout + again.stderr:
        return
    raise SystemExit(
        f"{name} in {folder} ended with {again.returncode}:\n{again.stderr[-2000:] or again.stdout[-2000:]}"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table, its columns aligned for reading as plain text."""
    cells = [list(head), *map(list, rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]

    def line(row: Sequence[str]) -> str:
        first = row[0].ljust(widths[0])
        return (
            f"| {first} | "
            + " | ".join(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
            + " |"
        )

    rule = "|" + "-" * (widths[0] + 2) + "|" + "|".join("-" * (width + 1) + ":" for width in widths[1:]) + "|"
    return "\n".join([line(cells[0]), rule, *map(line, cells[1:])])


def ms(seconds: float) -> str:
    """Milliseconds for a table."""
    return f"{seconds * 1000:.0f} ms"


def mb(size: float) -> str:
    """Megabytes (10⁶) for a table."""
    return "-" if math.isnan(size) else f"{size / 1e6:.0f} MB"


def report_summary(figures: Sequence[Figures]) -> str:
    """Return the table that the README shows."""
    columns = (
        ("ruff, no cache", "ruff cold"),
        ("obs-lint, no cache", "obs-lint cold"),
        ("all rules, no cache", "obs-lint all rules"),
        ("ruff, cached", "ruff warm"),
        ("obs-lint, cached", "obs-lint warm"),
        ("one file, cached", "obs-lint one file"),
    )
    rows = [
        (item.checkout.name, f"{item.checkout.lines:,}", *(ms(item.medians[name].wall) for _, name in columns))
        for item in figures
    ]
    return f"## Summary\n\n{table(('checkout', 'lines', *(title for title, _ in columns)), rows)}\n"


def report_ratio(title: str, figures: Sequence[Figures], ours: str, theirs: str, bar: float) -> str:
    """Return the section of a scenario whose bar is a ratio: geometric mean within it, no checkout far above it."""
    rows = [
        (
            item.checkout.name,
            ms(item.medians[theirs].wall),
            ms(item.medians[ours].wall),
            f"{item.ratio(ours, theirs):.2f}",
            ms(item.medians[theirs].cpu),
            ms(item.medians[ours].cpu),
        )
        for item in figures
    ]
    ratios = [item.ratio(ours, theirs) for item in figures]
    mean = geometric_mean(ratios)
    over = [item.checkout.name for item, ratio in zip(figures, ratios, strict=True) if ratio > bar * OUTLIER]
    verdict = f"geometric mean {mean:.2f} (bar {bar}: {'met' if mean <= bar else 'MISSED'})"
    verdict += f"; above {bar * OUTLIER:.2f}: {', '.join(over) or 'none'}"
    head = ("checkout", "ruff", "obs-lint", "ratio", "ruff cpu", "obs-lint cpu")
    return f"## {title}\n\n{table(head, rows)}\n\n{verdict}\n"


def report_warm(title: str, figures: Sequence[Figures], scenario: str) -> str:
    """Return the section of a scenario with caches, where a floor in milliseconds holds too."""
    rows = []
    over = []
    for item in figures:
        theirs, ours = item.medians[f"ruff {scenario}"].wall, item.medians[f"obs-lint {scenario}"].wall
        bar = FILE_BAR if scenario == "one file" else max(WARM_BAR * theirs, WARM_FLOOR)
        rows.append((item.checkout.name, ms(theirs), ms(ours), f"{ours / theirs:.2f}", ms(bar)))
        if ours > bar:
            over.append(item.checkout.name)
    ratios = [item.ratio(f"obs-lint {scenario}", f"ruff {scenario}") for item in figures]
    verdict = f"geometric mean {geometric_mean(ratios):.2f}; over the bar: {', '.join(over) or 'none'}"
    return f"## {title}\n\n{table(('checkout', 'ruff', 'obs-lint', 'ratio', 'bar'), rows)}\n\n{verdict}\n"


def report_memory(figures: Sequence[Figures]) -> str:
    """Return the section on memory."""
    names = ("ruff cold", "obs-lint cold", "obs-lint all rules", "obs-lint warm")
    head = ["checkout", "lines", *(f"{name}: {what}" for name in names for what in ("largest", "all"))]
    rows = []
    over = []
    for item in figures:
        memory = [item.medians[f"{name}, memory"] for name in names]
        cells = [mb(size) for each in memory for size in (each.largest, each.together)]
        rows.append([item.checkout.name, f"{item.checkout.lines:,}", *cells])
        peak = max(max(each.largest, _number(each.together)) for each in memory[1:])
        if item.checkout.lines <= 850_000 and peak > MEMORY_BAR:
            over.append(item.checkout.name)
    note = (
        "largest: peak resident set of the largest process (maxrss; never below that of this script). all: highest sum "
        "of proportional set sizes over all processes of the run, sampled. "
        f"Over {mb(MEMORY_BAR)} at up to 850k lines: {', '.join(over) or 'none'}"
    )
    return f"## Memory\n\n{table(head, rows)}\n\n{note}\n"


def _number(size: float) -> float:
    return 0.0 if math.isnan(size) else size


def measure_growth(tools: Tools, source: Path, total: int, scratch: Path, runs: int) -> tuple[str, list[Figures]]:
    """Time cold runs over growing subsets of one checkout and fit the exponent of growth."""
    environ = environment()
    found: list[Figures] = []
    for size in (size for size in GROWTH if size <= total * 1.02):
        checkout = subset(source, min(size, total), scratch)
        scenarios = {
            name: command for name, command in commands(tools, checkout, scratch).items() if "warm" not in name
        }
        kept = [name for name in scenarios if name in ("ruff cold", "obs-lint cold", "obs-lint all rules")]
        collected: dict[str, list[Run]] = {name: [] for name in kept}
        for turn in range(runs + 1):
            for name in kept:
                result = run(scenarios[name], checkout.folder, environ)
                _accept(name, scenarios[name], checkout.folder, environ, result)
                if turn:
                    collected[name].append(result)
        found.append(Figures(checkout, {name: middle(results) for name, results in collected.items()}))
        shutil.rmtree(checkout.folder)
    rows = [
        (
            f"{item.checkout.lines:,}",
            f"{item.checkout.files:,}",
            *(ms(item.medians[name].wall) for name in ("ruff cold", "obs-lint cold", "obs-lint all rules")),
            f"{item.ratio('obs-lint cold', 'ruff cold'):.2f}",
            mb(item.medians["obs-lint all rules"].largest),
        )
        for item in found
    ]
    head = ("lines", "files", "ruff", "obs-lint", "all rules", "ratio", "all rules, largest process")
    exponents = ", ".join(
        f"{name}: {_exponent(found, name):.2f}" for name in ("ruff cold", "obs-lint cold", "obs-lint all rules")
    )
    note = f"Exponent of growth from 100k lines up (1.00 is linear), least squares over CPU time: {exponents}"
    return f"## Growth ({source.name})\n\n{table(head, rows)}\n\n{note}\n", found


def _exponent(found: Sequence[Figures], name: str) -> float:
    points = [
        (math.log(item.checkout.lines), math.log(_cost(item.medians[name])))
        for item in found
        if item.checkout.lines >= 100_000
    ]
    if len(points) < 2:
        return math.nan
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)


def _cost(result: Run) -> float:
    return result.wall if math.isnan(result.cpu) else result.cpu


def _machine(tools: Tools) -> str:
    def version(tool: Sequence[str]) -> str:
        return subprocess.run([*tool, "--version"], capture_output=True, text=True, check=True).stdout.strip()

    processor = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                processor = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = f"{version(tools.obs_lint)}, {version(tools.ruff)}, Python {platform.python_version()}"
    return f"{versions}; {cores} cores, {processor}, {platform.system()}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 0, whatever the figures say: bars are for the reader."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="checkouts to measure on")
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each scenario (default 5)")
    parser.add_argument("--growth", action="store_true", help="also: cold runs over 10k to 1.6M lines")
    parser.add_argument("--flake8", action="store_true", help="also: flake8 with flake8-tidy-imports, one run (slow)")
    parser.add_argument("--import-linter", action="store_true", help="also: import-linter where it applies, one run")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there too")
    parser.add_argument(
        "--scratch", type=Path, metavar="FOLDER", help="where copies go (default: the temporary folder)"
    )
    parser.add_argument("--obs-lint", default=None, metavar="PATH", help="default: beside this interpreter")
    parser.add_argument("--ruff", default=None, metavar="PATH", help="default: beside this interpreter")
    options = parser.parse_args(arguments)
    if options.runs < 1:
        parser.error("--runs must be at least 1")
    for folder in options.folders:
        if not folder.is_dir():
            parser.error(f"{folder} is not a folder")
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]

    obs_lint = obs_lint_command(options.obs_lint)
    compile_package(obs_lint)
    sections: list[str] = []
    with tempfile.TemporaryDirectory(prefix="obs-lint-bench-", dir=options.scratch) as scratch_name:
        scratch = Path(scratch_name)
        tools = Tools(tuple(obs_lint), (options.ruff or console_script("ruff"),), write_config(scratch))
        print(f"{_machine(tools)}; medians of {options.runs} interleaved runs after a warm-up\n")
        figures: list[Figures] = []
        visible: dict[str, int] = {}
        for source in options.folders:
            checkout = copy_checkout(source.resolve(), scratch / "checkouts")
            print(f"… {checkout.name}: {checkout.files:,} files, {checkout.lines:,} lines", file=sys.stderr)
            extra: dict[str, tuple[list[str], dict[str, str]]] = {}
            if options.flake8:
                extra["flake8"] = (flake8_command(BANNED), {})
            if options.import_linter and (linter := import_linter_command(checkout, scratch)) is not None:
                extra["import-linter"] = linter[:2]
                visible[checkout.name] = linter[2]
            figures.append(measure_checkout(tools, checkout, scratch / "caches", options.runs, extra))
            shutil.rmtree(checkout.folder)
        sections.append(report_summary(figures))
        sections.append(report_ratio("Cold, one ban", figures, "obs-lint cold", "ruff cold", COLD_BAR))
        title = "Cold, all rules against ruff's one"
        sections.append(report_ratio(title, figures, "obs-lint all rules", "ruff cold", ALL_RULES_BAR))
        sections.append(report_warm("Warm", figures, "warm"))
        sections.append(report_warm("Warm, one file changed", figures, "one changed"))
        sections.append(report_warm("One file, warm", figures, "one file"))
        sections.append(report_memory(figures))
        for name in ("flake8", "import-linter"):
            rows = [
                (
                    item.checkout.name,
                    f"{visible.get(item.checkout.name, item.checkout.files):,} of {item.checkout.files:,}",
                    ms(item.medians[name].wall),
                    ms(item.medians[name].cpu),
                    f"{item.medians[name].wall / item.medians['obs-lint cold'].wall:.0f}",
                )
                for item in figures
                if name in item.medians
            ]
            if rows:
                head = ("checkout", "files seen", "wall", "cpu", "× obs-lint cold")
                sections.append(f"## {name}, no cache, one run\n\n{table(head, rows)}\n")
        grown: list[Figures] = []
        if options.growth:
            largest = max(figures, key=lambda item: item.checkout.lines)
            source = options.folders[figures.index(largest)].resolve()
            text, grown = measure_growth(tools, source, largest.checkout.lines, scratch, options.runs)
            sections.append(text)
        print("\n".join(sections))
        if options.json is not None:
            data = [asdict(item) for item in [*figures, *grown]]
            options.json.write_text(json.dumps(data, indent=1, default=str), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
