"""`obs-lint check`: lint a project."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from obs_lint.cli.fix import Fixed
    from obs_lint.config.model import Config
    from obs_lint.report import Report
    from obs_lint.reporters.supplement import Supplement

_OF_A_FORGE = frozenset({"github", "gitlab", "html", "junit", "markdown", "rdjson", "sarif"})
"""Formats whose paths are looked up from the top of the repository."""
_FORMATS = (
    "full",
    "concise",
    "grouped",
    "json",
    "json-lines",
    "github",
    "gitlab",
    "html",
    "junit",
    "markdown",
    "rdjson",
    "sarif",
)


def add_arguments(parser: ArgumentParser) -> None:
    """Add what `obs-lint check` takes."""
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="files or folders to report on (default: the whole project)"
    )
    rules = parser.add_argument_group("rules")
    rules.add_argument(
        "--select", action="append", metavar="CODES", help="run these rules: codes, prefixes, slugs, ALL"
    )
    rules.add_argument("--extend-select", action="append", metavar="CODES", help="run these rules too")
    rules.add_argument("--ignore", action="append", metavar="CODES", help="do not run these rules")
    rules.add_argument(
        "--per-file-ignores", action="append", metavar="GLOB:CODE", help="do not report CODE in files that match GLOB"
    )
    rules.add_argument(
        "--strict-dynamic", action="store_true", default=None, help="report dynamic imports of unknown names too"
    )
    rules.add_argument(
        "--check-syntax", action="store_true", help="fail on every file that can't be parsed, needed or not"
    )
    files = parser.add_argument_group("files")
    files.add_argument(
        "--exclude", action="append", metavar="GLOB", help="leave these out, instead of the default excludes"
    )
    files.add_argument("--extend-exclude", action="append", metavar="GLOB", help="leave these out too")
    files.add_argument(
        "--force-exclude",
        action="store_true",
        default=None,
        help="leave excluded files out even where they are given as PATH",
    )
    files.add_argument("--stdin-filename", metavar="FILE", help="read stdin, and lint it as this file")
    fixes = parser.add_argument_group("fixes")
    fixes.add_argument("--fix", action="store_true", help="apply the safe fixes, and report what remains")
    fixes.add_argument(
        "--unsafe-fixes",
        action="store_true",
        help="with --fix or --diff: the fixes too that may change more than intended",
    )
    fixes.add_argument(
        "--diff", action="store_true", help="show what --fix would change, and change nothing; exit 1 if there is any"
    )
    known = parser.add_argument_group("what is known")
    known.add_argument(
        "--baseline", metavar="FILE", help="leave out what is listed there (default: .obs-lint-baseline.json)"
    )
    known.add_argument(
        "--new-since", metavar="REV", help="report only what the tree at this git revision does not have"
    )
    output = parser.add_argument_group("output")
    output.add_argument("--output-format", choices=_FORMATS, metavar="FORMAT", help=", ".join(_FORMATS))
    output.add_argument("--output-file", metavar="FILE", help="write there instead of stdout")
    output.add_argument(
        "--report",
        action="append",
        type=_report,
        default=[],
        metavar="FORMAT=FILE",
        help="write the result to FILE in another format too; may be given several times",
    )
    output.add_argument("--statistics", action="store_true", help="counts by rule instead of findings")
    output.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="default: auto")
    output.add_argument("--quiet", "-q", action="store_true", help="findings and failures only")
    output.add_argument("--verbose", "-v", action="store_true", help="say on stderr what is read and how long it takes")
    output.add_argument(
        "--fail-on", choices=("error", "warning", "info"), help="exit 1 from this severity on (default: error)"
    )
    output.add_argument("--exit-zero", action="store_true", help="exit 0 whatever is found (errors still exit 2)")
    setup = parser.add_argument_group("configuration")
    setup.add_argument(
        "--config", metavar="FILE", help="use this file; the project's root is the working directory then"
    )
    setup.add_argument("--isolated", action="store_true", help="read no configuration file")
    setup.add_argument("--no-cache", action="store_true", help="neither read nor write the cache")
    setup.add_argument("--cache-dir", metavar="DIR", help="default: .obs-lint-cache in the project's root")
    setup.add_argument("--jobs", "-j", type=_jobs, metavar="N", help="processes (default: one a core)")
    setup.add_argument("--watch", "-w", action="store_true", help="run again whenever a file changes")


def _jobs(text: str) -> int:
    import argparse

    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of processes, which is 1 or more")
    return number


def _report(text: str) -> tuple[str, str]:
    import argparse

    chosen, _, file = text.partition("=")
    if chosen not in _FORMATS or not file:
        raise argparse.ArgumentTypeError(f"{text!r} is not FORMAT=FILE, with one of {', '.join(_FORMATS)}")
    return chosen, file


def run(args: Namespace) -> int:
    """Run the command and return its exit code. Raises ConfigError and CatalogueError."""
    if args.watch:
        return _watch(args)
    return _once(args)


def _once(args: Namespace) -> int:
    import os
    import time

    from obs_lint import engine

    started = time.perf_counter()
    cwd = os.getcwd()
    config = _config(args, cwd)
    if args.baseline is not None and not os.path.lexists(args.baseline):
        from obs_lint.cli import fail

        return fail(f"there is no baseline {args.baseline}: `obs-lint baseline create --baseline FILE` writes one")
    paths: Sequence[str] = args.paths
    overlay: dict[str, bytes] | None = None
    if args.stdin_filename is not None:
        relative = os.path.relpath(os.path.join(cwd, args.stdin_filename), str(config.root)).replace(os.sep, "/")
        overlay = {relative: sys.stdin.buffer.read()}
        paths = [args.stdin_filename]

    def lint(contents: Mapping[str, bytes] | None) -> Report:
        return engine.run(
            config,
            paths=paths,
            cwd=cwd,
            overlay=contents,
            use_cache=not args.no_cache,
            jobs=args.jobs,
            check_syntax=args.check_syntax,
        )

    on_stdin = args.stdin_filename is not None
    stream = sys.stdout
    fixed: Fixed | None = None
    if args.fix or args.diff:
        from obs_lint.cli.fix import fix, show_difference, write_bytes

        fixed = fix(lint, config, paths, cwd, overlay, unsafe=args.unsafe_fixes, write=not args.diff)
        report = fixed.report
        if on_stdin and not args.diff:
            write_bytes(*fixed.contents.values())
            overlay, stream = dict(fixed.contents), sys.stderr
        if not args.diff and not on_stdin:
            from obs_lint.baseline.application import prune

            report = prune(report, config)
    else:
        report = lint(overlay)
    if args.new_since is not None:
        from obs_lint.since import RevisionError, new_since

        try:
            report = new_since(
                report, args.new_since, config, paths=paths, cwd=cwd, use_cache=not args.no_cache, jobs=args.jobs
            )
        except RevisionError as error:
            from obs_lint.cli import fail

            return fail(f"--new-since {args.new_since}: {error}")
    if args.verbose:
        _say(f"root {config.root}, configuration {config.file or 'none'}")
        _say(f"{report.summary.files} files in {time.perf_counter() - started:.3f} s")
    for warning in report.warnings:
        _say(f"warning: {warning}")
    if fixed is not None and args.diff:
        code = show_difference(fixed, args.output_file)
    else:
        code = show(report, config, args, overlay or {}, stream)
    if args.report and not _write_reports(report, config, args, overlay or {}):
        return 2
    return 0 if args.exit_zero and code == 1 else code


def _config(args: Namespace, cwd: str) -> Config:
    import os

    from obs_lint.config import load

    overrides: dict[str, Any] = {
        "select": args.select,
        "extend-select": args.extend_select,
        "ignore": args.ignore,
        "per-file-ignores": args.per_file_ignores,
        "exclude": args.exclude,
        "extend-exclude": args.extend_exclude,
        "force-exclude": args.force_exclude,
        "fail-on": args.fail_on,
        "cache-dir": args.cache_dir,
        "strict-dynamic": args.strict_dynamic,
        "output-format": args.output_format,
        "baseline": os.path.abspath(args.baseline) if args.baseline is not None else None,
    }
    given = {key: value for key, value in overrides.items() if value is not None}
    return load(cwd, config_file=args.config, isolated=args.isolated, overrides=given)


def show(
    report: Report, config: Config, args: Namespace, overlay: dict[str, bytes], stream: TextIO | None = None
) -> int:
    """Write a report as the arguments say, to a file or to `stream` (default: stdout); returns the exit code."""
    stream = stream or sys.stdout
    from obs_lint.reporters import DEFAULT_FORMAT, render, render_first_run, render_statistics
    from obs_lint.reporters.terminal import resolve_color, supports_unicode, write

    to_file = args.output_file is not None
    color = False if to_file else resolve_color(args.color, stream)
    unicode = True if to_file else supports_unicode(stream)
    sources, cells = _sources(config, overlay)
    chosen = config.output_format or DEFAULT_FORMAT
    if args.statistics:
        text = render_statistics(report, format=chosen, color=color, unicode=unicode)
    elif (
        report.inference is not None
        and args.output_format is None
        and config.output_format is None
        and not args.paths
        and not args.fix
    ):
        text = render_first_run(report, color=color, unicode=unicode, sources=sources, cells=cells, width=_width())
    else:
        text = render(
            chosen,
            report,
            color=color,
            unicode=unicode,
            sources=sources,
            cells=cells,
            width=_width(),
            quiet=args.quiet,
            prefix=_prefix(str(config.root)) if chosen in _OF_A_FORGE else "",
            source_url=_source_url(),
            supplement=_supplement(chosen, report, config, args),
        )
    if not to_file:
        write(stream, text)
    elif not _written(args.output_file, text):
        return 2
    return int(report.exit_code)


def _write_reports(report: Report, config: Config, args: Namespace, overlay: dict[str, bytes]) -> bool:
    """Write what `--report` asks for; False where a file can't be written."""
    from obs_lint.reporters import render

    sources, cells = _sources(config, overlay)
    done = True
    for chosen, path in args.report:
        prefix = _prefix(str(config.root)) if chosen in _OF_A_FORGE else ""
        text = render(
            chosen,
            report,
            sources=sources,
            cells=cells,
            prefix=prefix,
            source_url=_source_url(),
            supplement=_supplement(chosen, report, config, args),
        )
        done = _written(path, text) and done
    return done


def _supplement(chosen: str, report: Report, config: Config, args: Namespace) -> Supplement | None:
    """What the html page shows beside the report; the other formats cost nothing."""
    if chosen != "html":
        return None
    from obs_lint.inventory.supplement import supplement

    return supplement(report, config, use_cache=not args.no_cache, jobs=args.jobs)


def _written(path: str, text: str) -> bool:
    """Write a file; False, with the reason on stderr, where that can't be done."""
    try:
        with open(path, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            file.write(text)
    except OSError as error:
        from obs_lint.cli import fail

        fail(f"can't write {path}: {error.strerror or error}")
        return False
    return True


def _source_url() -> str:
    """Where GitHub shows the files of the commit that a workflow runs on; "" elsewhere."""
    import os

    parts = [os.environ.get(name, "") for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_SHA")]
    return f"{parts[0]}/{parts[1]}/blob/{parts[2]}/" if all(parts) else ""


def _prefix(root: str) -> str:
    """The path of the project's root within its git repository, `backend/`; "" for the repository's root itself."""
    import os

    folder, below = os.path.abspath(root), ""
    while not os.path.exists(os.path.join(folder, ".git")):
        folder, name = os.path.split(folder)
        if not name:
            return ""
        below = f"{name}/{below}"
    return below


def _width() -> int:
    import shutil

    return shutil.get_terminal_size((100, 24)).columns


def _sources(
    config: Config, overlay: dict[str, bytes]
) -> tuple[Callable[[str], list[str] | None], Callable[[str], Sequence[tuple[int, int]]]]:
    import os
    from functools import lru_cache

    from obs_lint.source import SourceError, SourceFile, decode

    @lru_cache(maxsize=16)
    def read(path: str) -> SourceFile | None:
        try:
            data = overlay.get(path)
            if data is None:
                with open(os.path.join(str(config.root), path), "rb") as stream:
                    data = stream.read()
            return decode(path, data)
        except (OSError, SourceError, ValueError):
            return None

    def lines(path: str) -> list[str] | None:
        source = read(path)
        return None if source is None else source.text.decode("utf-8", "replace").split("\n")

    def cells(path: str) -> Sequence[tuple[int, int]]:
        source = read(path)
        return () if source is None else source.cells

    return lines, cells


def _say(text: str) -> None:
    from obs_lint.reporters.terminal import write

    write(sys.stderr, f"obs-lint: {text}\n")


def _watch(args: Namespace) -> int:
    """Run again and again until interrupted; the last run's exit code."""
    import os
    import time

    from obs_lint.catalogue.error import CatalogueError
    from obs_lint.cli import fail
    from obs_lint.config.errors import ConfigError
    from obs_lint.discovery import discover

    code = 0
    seen: object = None
    while True:
        try:
            config = _config(args, os.getcwd())
            now = [(f.path, f.size, f.mtime_ns) for f in discover(config).files], _stamp(config)
            if now != seen:
                if sys.stdout.isatty():
                    print("\x1b[2J\x1b[H", end="")
                code = _once(args)
                sys.stdout.flush()
                seen = now
        except (ConfigError, CatalogueError) as error:
            if str(error) != seen:
                seen = str(error)
                code = fail(str(error))
        try:
            time.sleep(0.4)
        except KeyboardInterrupt:
            return code


def _stamp(config: Config) -> object:
    import os

    try:
        return os.stat(config.file).st_mtime_ns if config.file else None
    except OSError:
        return None
