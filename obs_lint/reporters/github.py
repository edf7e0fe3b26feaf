"""The github format: workflow commands that GitHub shows as annotations, and the whole list for the log.

GitHub keeps ten annotations a step of each level, first come first kept, and drops the rest without a word. So the most
useful ones go first, repeats of a rule in a file share one, and the last says how many more there are. Only what is new
is annotated: what a baseline or a revision knows is not among a Report's Diagnostics.
Source: docs.github.com "Workflow commands for GitHub Actions"; actions/runner ActionCommand.cs.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from obs_lint.diagnostic import Diagnostic, Severity
from obs_lint.report import Failure, Report
from obs_lint.reporters.concise import finding_lines
from obs_lint.reporters.context import Context, place
from obs_lint.reporters.summary import closing_lines, inactive_line
from obs_lint.reporters.text import plural, visible

CAP = {"error": 10, "warning": 9, "notice": 9}
"""Annotations by level. GitHub keeps ten of each for a step: one warning and one notice are left for what the step
itself has to say."""
MESSAGE_CAP = 4096
"""UTF-16 units of a message that GitHub keeps."""

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


class _Annotation(NamedTuple):
    """What may become one workflow command."""

    rank: tuple[int, int, int]
    """Failures first, then what `--fix` can mend; within, each rule once before any of them twice."""
    title: str
    properties: tuple[tuple[str, str], ...]
    message: str
    path: str
    stands_for: int


def render(report: Report, context: Context) -> str:
    """Return workflow commands, then the concise list and the summary where no workflow command is recognised."""
    out: list[str] = []
    for severity, level in _LEVELS.items():
        found = [diagnostic for diagnostic in report.diagnostics if diagnostic.severity is severity]
        failures = report.failures if severity is Severity.ERROR else ()
        out += _commands(level, failures, found, context)
    if not context.quiet and (report.diagnostics or report.failures):
        plain = Context(unicode=context.unicode)
        out += _uninterpreted([*finding_lines(report, plain), *_closing(report, plain)])
    elif not context.quiet:
        out += _closing(report, Context(unicode=context.unicode))
    return "".join(f"{line}\n" for line in out)


def escape_data(text: str) -> str:
    """Escape a workflow command's message."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    """Escape the value of a workflow command's property."""
    return escape_data(text).replace(":", "%3A").replace(",", "%2C")


def _commands(level: str, failures: tuple[Failure, ...], found: list[Diagnostic], context: Context) -> list[str]:
    annotations = [_of_failure(failure, context) for failure in failures]
    annotations += [_of_diagnostics([diagnostic], context) for diagnostic in found]
    cap = CAP[level]
    if len(annotations) > cap:
        groups: dict[tuple[str, str], list[Diagnostic]] = {}
        for diagnostic in found:
            groups.setdefault((diagnostic.path, diagnostic.code), []).append(diagnostic)
        annotations = [_of_failure(failure, context) for failure in failures]
        seen: Counter[str] = Counter()
        for (_, code), group in sorted(groups.items(), key=lambda entry: not any(d.fix for d in entry[1])):
            annotations.append(_of_diagnostics(group, context, seen[code]))
            seen[code] += 1
    annotations.sort(key=lambda annotation: annotation.rank)
    kept = annotations if len(annotations) <= cap else annotations[: cap - 1]
    out = [_command(level, annotation) for annotation in kept]
    rest = annotations[len(kept) :]
    if rest:
        number = sum(annotation.stands_for for annotation in rest)
        paths = len({annotation.path for annotation in rest if annotation.path})
        message = f"+{plural(number, f'more {level}')} in {plural(paths, 'file')}, see the job summary or the log."
        out.append(_command(level, _Annotation((9, 0, 0), "obs-lint", (), message, "", number)))
    return out


def _of_failure(failure: Failure, context: Context) -> _Annotation:
    properties: tuple[tuple[str, str], ...] = ()
    message = failure.message
    if failure.code == "path":
        message = f"{failure.path}: {message}"  # nothing is there that could be annotated
    elif failure.path:
        properties = (("file", context.prefix + failure.path),)
        if failure.cell is None:
            properties += (("line", str(failure.line)), ("col", str(failure.column)))
        else:
            message = f"cell {failure.cell}:{failure.line}:{failure.column}: {message}"
    title = f"{failure.code} unparsable-file" if failure.code == "OBS900" else f"obs-lint {failure.code}"
    return _Annotation((0, 0, 0), title, properties, message, failure.path, 1)


def _of_diagnostics(group: list[Diagnostic], context: Context, turn: int = 0) -> _Annotation:
    first = group[0]
    start, end = first.span.start, first.span.end
    title = f"{first.code} {first.slug}"
    message = first.message
    properties: tuple[tuple[str, str], ...] = (("file", context.prefix + first.path),)
    if first.cell is not None:
        message = f"{place(first.path, start.line, start.column, first.cell)}: {message}"
    elif start.line == end.line:
        properties += (
            ("line", str(start.line)),
            ("endLine", str(end.line)),
            ("col", str(start.column)),
            ("endColumn", str(max(end.column, start.column))),
        )
    else:
        properties += (("line", str(start.line)), ("endLine", str(end.line)))
    if len(group) > 1:
        title += f" {context.symbols.times}{len(group)} in this file"
        others = [f"{'' if d.cell is None else f'cell {d.cell}, '}line {d.span.start.line}" for d in group[1:]]
        message += f"\nAlso at {', '.join(others[:20])}{' and more' if len(others) > 20 else ''}."
    if first.help:
        message += f"\n{first.help.strip()}"
    fixable = any(diagnostic.fix for diagnostic in group)
    return _Annotation((1, 0 if fixable else 1, turn), title, properties, message, first.path, len(group))


def _command(level: str, annotation: _Annotation) -> str:
    properties = [("title", annotation.title), *annotation.properties]
    written = ",".join(f"{key}={escape_property(visible(value))}" for key, value in properties)
    message = "\n".join(visible(line) for line in annotation.message.strip().splitlines())
    return f"::{level} {written}::{escape_data(_capped(message))}"


def _capped(message: str) -> str:
    """Cut a message where GitHub would cut it, visibly."""
    if len(message) * 2 <= MESSAGE_CAP:
        return message
    units = message.encode("utf-16-le")
    if len(units) <= 2 * MESSAGE_CAP:
        return message
    return units[: 2 * (MESSAGE_CAP - 3)].decode("utf-16-le", "ignore") + "..."


def _closing(report: Report, context: Context) -> list[str]:
    return [line for line in [inactive_line(report, context), *closing_lines(report, context)] if line]


def _uninterpreted(lines: list[str]) -> list[str]:
    """Put lines where the runner looks for no commands: source text may contain what looks like one.

    The token is a hash of the lines themselves, so that none of them can contain it and the output stays the same.
    """
    from hashlib import sha256

    token = sha256("\n".join(lines).encode()).hexdigest()
    return [f"::stop-commands::{token}", *lines, f"::{token}::"]
