"""Who runs which check on which files: this process alone, or with forks of it, each on what it draws next.

A fork extracts the facts of the files that it draws and keeps them; only what it found comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from obs_lint.checks import Check
from obs_lint.checks.run import RuleRun
from obs_lint.diagnostic import Diagnostic
from obs_lint.discovery import ProjectFile
from obs_lint.facts.forks import MOST_ITEMS, can_fork, shared
from obs_lint.facts.store import FactsStore
from obs_lint.report import Failure

if TYPE_CHECKING:
    from obs_lint.project import Project

Perform = Callable[[int, RuleRun[Any], list[Failure]], list[Diagnostic]]
"""Runs the check of that number; what goes wrong is added to the list."""

_WORTH = 150_000
"""Bytes of source to be understood, from which on a fork pays."""
_PART = 60_000
"""Bytes of source in a part, about: each part sets the checks up again."""
_PARTS_EACH = 10
_MOST = 8
"""Processes, this one included."""
_UNLOOKED = 40
"""A file in which nothing is to be understood weighs as much less than one of its size in which something is."""


def perform_all(
    checks: Sequence[Check[Any]],
    runs: Sequence[RuleRun[Any]],
    perform: Perform,
    project: Project,
    store: FactsStore,
    failures: list[Failure],
) -> list[Diagnostic]:
    """Run every check; what comes out is the same however it is shared out, but for its order."""
    numbers = range(len(runs))
    jobs = store.jobs
    apart = [n for n in numbers if checks[n].parts != "none"]
    weight = sum(file.size for file in {file.path: file for n in apart for file in runs[n].anchored}.values())
    if jobs < 2 or weight < _WORTH or not can_fork():
        if jobs > 1:
            store.prefetch({file.path for run in runs for file in run.anchored})
        return [found for n in numbers for found in perform(n, runs[n], failures)]

    together = [n for n in numbers if checks[n].parts == "none"]
    store.prefetch({file.path for n in together for file in runs[n].anchored})
    items = [[(n, runs[n])] for n in apart if checks[n].parts == "whole"]
    items += _parts([(n, runs[n]) for n in apart if checks[n].parts == "files"], jobs, MOST_ITEMS - len(items))
    found: list[Diagnostic] = []

    from obs_lint.remembered import plain_diagnostic, read_diagnostic

    def first() -> None:
        for n in together:
            found.extend(perform(n, runs[n], failures))
        store.alone = True

    def work(number: int) -> tuple[list[Diagnostic], list[Failure]]:
        store.alone = True
        wrong: list[Failure] = []
        made = [each for n, run in items[number] for each in perform(n, run, wrong)]
        result = [_with_lines(each, store) for each in made], wrong
        store.forget_excerpts()
        return result

    def plain(result: tuple[list[Diagnostic], list[Failure]]) -> Any:
        return list(map(plain_diagnostic, result[0])), list(map(tuple, result[1]))

    store.about_to_share()
    mine, answers = shared(
        len(items), min(jobs, _MOST) - 1, first, work, plain, lambda: (store.learned(), tuple(project.inputs))
    )
    store.alone = False
    for made, wrong in mine.values():
        found += made
        failures += wrong
    for answer in answers:
        learned, inputs = answer.closing
        store.learn(learned)
        project.depends_on(*inputs)
        for rows, problems in answer.done.values():
            found += map(read_diagnostic, rows)
            failures += [Failure(*problem) for problem in problems]
    return found


def _with_lines(found: Diagnostic, store: FactsStore) -> Diagnostic:
    """Say on which lines a comment may suppress it: elsewhere the file's facts would have to be extracted again."""
    if found.lines is not None or found.cell is not None or store.unmarked(found.path):
        return found
    from obs_lint.suppression import statement_lines

    facts = store.at_hand(found.path)
    start = found.span.start
    lines = statement_lines(facts.statements, start.line, start.column) if facts is not None else None
    return found if lines is None else replace(found, lines=lines)


def _parts(rows: Sequence[tuple[int, RuleRun[Any]]], jobs: int, most: int) -> list[list[tuple[int, RuleRun[Any]]]]:
    """Cut the files into parts of about the same weight, neighbours together: they ask for the same modules."""
    looked_into = {file.path for _, run in rows for file in run.anchored}
    files = {file.path: file for _, run in rows for file in run.files}
    weights = {path: f.size if path in looked_into else f.size // _UNLOOKED for path, f in files.items()}
    total = sum(weights.values())
    count = max(1, min(jobs * _PARTS_EACH, total // _PART, most))
    part_of: dict[str, int] = {}
    loads = [0] * count
    before = 0
    for path in sorted(files):
        number = part_of[path] = min(before * count // max(total, 1), count - 1)
        loads[number] += weights[path]
        before += weights[path]
    parts: list[list[tuple[int, RuleRun[Any]]]] = [[] for _ in range(count)]
    for n, run in rows:
        mine: list[list[ProjectFile]] = [[] for _ in range(count)]
        anchored: list[list[ProjectFile]] = [[] for _ in range(count)]
        for target, source in ((mine, run.files), (anchored, run.anchored)):
            for file in source:
                target[part_of[file.path]].append(file)
        for part, own, near in zip(parts, mine, anchored, strict=True):
            if own:
                part.append((n, replace(run, files=own, anchored=near)))
    return [parts[number] for number in sorted(range(count), key=loads.__getitem__, reverse=True)]
