"""`--fix` and `--diff` of `obs-lint check`: what is fixed, what is written, what is shown of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from obs_lint.config.model import Config
from obs_lint.fixes import Change, apply_fixes, difference, write_changes
from obs_lint.report import Report


@dataclass(frozen=True, slots=True)
class Fixed:
    """What was done."""

    report: Report
    """What remains."""
    changes: tuple[Change, ...]
    contents: Mapping[str, bytes]
    """What stands for the disk when the report is shown: stdin's text, fixed."""


def fix(
    lint: Callable[[Mapping[str, bytes] | None], Report],
    config: Config,
    paths: Sequence[str],
    cwd: str,
    given: Mapping[str, bytes] | None,
    *,
    unsafe: bool,
    write: bool,
) -> Fixed:
    """Apply fixes, and write the files where `write` says so; what was `given` on stdin is never written.

    Raises what `lint` raises.
    """
    root = os.fspath(config.root)

    def allowed() -> frozenset[str]:
        from obs_lint.discovery import discover, select

        if given:
            return frozenset(given)
        discovery = discover(config, paths, cwd)
        files = frozenset(file.path for file in discovery.files)
        selected, _ = select(discovery, config, paths, cwd)
        return files if selected is None else files & selected

    outcome = apply_fixes(lint, root, allowed, unsafe=unsafe, given=given)
    report = outcome.report
    after = {**(given or {}), **{change.path: change.after for change in outcome.changes if given}}
    if write and not given and outcome.changes:
        failures = write_changes(root, outcome.changes)
        if failures:
            unwritten = {failure.path for failure in failures}
            count = sum(number for path, number in outcome.fixed.items() if path not in unwritten)
            left = lint(None)
            report = replace(
                left,
                failures=(*left.failures, *(f for f in report.failures if f not in left.failures), *failures),
                warnings=report.warnings,
                summary=left.summary._replace(fixed=count),
            )
    return Fixed(report, outcome.changes, after)


def show_difference(fixed: Fixed, output_file: str | None) -> int:
    """Print the unified diff, and what kept a fix from being shown on stderr. Returns the exit code."""
    from obs_lint.cli import fail
    from obs_lint.reporters.summary import failure_place
    from obs_lint.reporters.terminal import write
    from obs_lint.reporters.text import plural, visible

    data = b"".join(difference(change.path, change.before, change.after) for change in fixed.changes)
    if output_file is not None:
        try:
            with open(output_file, "wb") as stream:
                stream.write(data)
        except OSError as error:
            return fail(f"can't write {output_file}: {error.strerror or error}")
    else:
        write_bytes(data)
    for failure in fixed.report.failures:
        place = failure_place(failure)
        write(sys.stderr, f"obs-lint: error: {place}{': ' if place else ''}{visible(failure.message)}\n")
    count = fixed.report.summary.fixed
    said = f"Would fix {plural(count, 'finding')} in {plural(len(fixed.changes), 'file')}." if count else "No fixes."
    write(sys.stderr, said + "\n")
    if fixed.report.failures:
        return 2
    return 1 if fixed.changes else 0


def write_bytes(data: bytes) -> None:
    """Write to stdout what must keep its bytes; a reader that is gone is no error."""
    stream = getattr(sys.stdout, "buffer", None)
    if stream is None:
        sys.stdout.write(data.decode("utf-8", "replace"))
        return
    sys.stdout.flush()
    try:
        stream.write(data)
        stream.flush()
    except BrokenPipeError:
        from obs_lint.reporters.terminal import write

        write(sys.stdout, "")
