"""Applies fixes until none is left: choose what can be done at once, lint the result in memory, and again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import NamedTuple

from obs_lint.diagnostic import Applicability
from obs_lint.fixes.choose import Choice, Proposal, Refusal, choose
from obs_lint.fixes.files import target_of
from obs_lint.fixes.text import EditableText, UneditableError
from obs_lint.report import Failure, Report

PASSES = 10
"""So often are fixes applied and the result linted again; what still changes then never ends."""

Lint = Callable[[Mapping[str, bytes]], Report]
"""Lints the project with these contents, by path, in place of what is on the disk."""


class Change(NamedTuple):
    """One file before and after."""

    path: str
    before: bytes
    after: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What fixing comes to; nothing is written yet."""

    report: Report
    """What is left. Its `summary.fixed` counts the Diagnostics that were fixed."""
    changes: tuple[Change, ...]
    """Sorted by path."""
    fixed: Mapping[str, int]
    """Path → number of Diagnostics fixed in that file."""


def proposed(report: Report, *, unsafe: bool) -> tuple[Proposal, ...]:
    """Return the Diagnostics with a fix that may be applied; never one in a notebook."""
    return tuple(
        Proposal(diagnostic, diagnostic.fix)
        for diagnostic in report.diagnostics
        if diagnostic.fix is not None
        and diagnostic.fix.edits
        and (unsafe or diagnostic.fix.applicability is Applicability.SAFE)
        and diagnostic.cell is None
    )


def apply_fixes(
    lint: Lint,
    root: str,
    allowed: Callable[[], AbstractSet[str]],
    *,
    unsafe: bool = False,
    given: Mapping[str, bytes] | None = None,
) -> Outcome:
    """Fix what can be fixed, in memory.

    `allowed` gives the paths of the files that may be changed; it is asked only where there is something to fix.
    `given` are contents that are not on the disk, such as stdin's. Raises what `lint` raises.
    """
    contents = dict(given or {})
    work = _Work(root, contents, dict(contents), aliases={}, fixed={}, closed={})
    report = lint(contents)
    failures: tuple[Failure, ...] = ()
    warnings: tuple[str, ...] = ()
    may: AbstractSet[str] | None = None
    applied = 0
    while proposals := proposed(report, unsafe=unsafe):
        may = allowed() if may is None else may
        if work.open(proposals, may):
            report = lint(work.contents)
            continue
        choice, failures, warnings = work.choose(proposals)
        if not choice.taken:
            break
        if applied == PASSES:
            failures += (_unending(choice.taken),)
            break
        work.take(choice)
        applied += 1
        report = lint(work.contents)
    else:
        failures, warnings = (), ()
    changes = tuple(
        Change(path, work.originals[path], data)
        for path, data in sorted(work.contents.items())
        if data != work.originals[path] and path not in work.aliases
    )
    report = replace(
        report,
        failures=tuple(dict.fromkeys((*report.failures, *failures))),
        warnings=tuple(dict.fromkeys((*report.warnings, *work.warnings(), *warnings))),
        summary=report.summary._replace(fixed=sum(work.fixed.values())),
    )
    return Outcome(report, changes, work.fixed)


def _unending(proposals: Iterable[Proposal]) -> Failure:
    first = next(iter(proposals)).diagnostic
    codes = ", ".join(sorted({proposal.diagnostic.code for proposal in proposals}))
    return Failure(
        "internal",
        first.path,
        f"after {PASSES} passes there are still fixes to apply ({codes}); run again, and please report it if that does "
        "not end",
        *first.span.start,
    )


@dataclass(slots=True)
class _Work:
    """The files as they are by now."""

    root: str
    contents: dict[str, bytes]
    """By path; what is linted in place of the disk."""
    originals: dict[str, bytes]
    aliases: dict[str, str]
    """Path → the path of the same file under which it is changed."""
    fixed: dict[str, int]
    closed: dict[str, str]
    """Files that are not changed, and why; without a reason where that goes without saying."""

    def open(self, proposals: Iterable[Proposal], allowed: AbstractSet[str]) -> bool:
        """Read the files that fixes want to change and that were linted from the disk until now.

        True where there are such: they must be linted again, so that what is changed is what was linted.
        """
        closed = self.closed
        targets = {target_of(self.root, path): path for path in self.originals}
        is_new = False
        for path in dict.fromkeys(edit.path for proposal in proposals for edit in proposal.fix.edits):
            if path in self.contents or path in closed:
                continue
            target = target_of(self.root, path)
            if path not in allowed:
                closed[path] = ""
            elif target is None:
                closed[path] = "it lies outside the project's root"
            elif target in targets:
                self.aliases[path] = targets[target]
                self.contents[path] = self.originals[path] = self.contents[targets[target]]
                closed[path] = ""
            else:
                try:
                    with open(os.path.join(self.root, path), "rb") as stream:
                        self.contents[path] = self.originals[path] = stream.read()
                    targets[target] = path
                except OSError as error:
                    closed[path] = f"it can't be read: {error.strerror or error}"
                    continue
            is_new = is_new or path in self.contents
        return is_new

    def warnings(self) -> tuple[str, ...]:
        """Say which files were not changed."""
        return tuple(f"{path} is not fixed: {why}" for path, why in sorted(self.closed.items()) if why)

    def choose(self, proposals: Iterable[Proposal]) -> tuple[Choice, tuple[Failure, ...], tuple[str, ...]]:
        """Decide what this pass does: nothing that would leave a file that can't be parsed.

        Returns failures for the fixes that would, and warnings for those that can't be applied.
        """
        closed = self.closed
        possible = [p for p in proposals if not any(edit.path in closed for edit in p.fix.edits)]
        texts: dict[str, EditableText] = {}
        for path in dict.fromkeys(edit.path for proposal in possible for edit in proposal.fix.edits):
            try:
                texts[path] = EditableText.read(path, self.contents[path])
                if why := _unparsable(path, self.contents[path]):
                    raise UneditableError(f"it can't be parsed: {why}")
            except UneditableError as error:
                closed[path] = str(error)
        possible = [p for p in possible if not any(edit.path in closed for edit in p.fix.edits)]
        failures: dict[Failure, None] = {}
        while True:
            choice = choose(possible, texts)
            spoilt = [_broken(path, choice, texts) for path in choice.changes]
            refusals = [refusal for found in spoilt for refusal in found]
            if not refusals:
                break
            failures |= dict.fromkeys(_failed(refusal) for refusal in refusals)
            possible = [p for p in possible if all(p is not refusal.proposal for refusal in refusals)]
        warnings = tuple(
            f"{refusal.path}: the fix of {refusal.proposal.diagnostic.code} at line "
            f"{refusal.proposal.diagnostic.span.start.line} is not applied: {refusal.why}"
            for refusal in choice.refused
        )
        return choice, tuple(failures), warnings

    def take(self, choice: Choice) -> None:
        """Make the changes of one pass."""
        for path, changes in choice.changes.items():
            self.contents[path] = EditableText.read(path, self.contents[path]).changed(changes)
        for alias, path in self.aliases.items():
            self.contents[alias] = self.contents[path]
        for proposal in choice.taken:
            path = proposal.diagnostic.path
            self.fixed[path] = self.fixed.get(path, 0) + 1


def _broken(path: str, choice: Choice, texts: Mapping[str, EditableText]) -> list[Refusal]:
    """Return the fixes that spoil a file: none where the file can be parsed with all of them."""
    if not (why := _spoilt(texts[path], choice)):
        return []
    refused: list[Refusal] = []
    kept: list[Proposal] = []
    for proposal in choice.taken:
        if all(edit.path != path for edit in proposal.fix.edits):
            continue
        if problem := _spoilt(texts[path], choose([*kept, proposal], texts)):
            refused.append(Refusal(proposal, path, problem))
        else:
            kept.append(proposal)
    return refused or [Refusal(proposal, path, why) for proposal in kept]


def _spoilt(text: EditableText, choice: Choice) -> str:
    """Say why a file with these changes is no good, "" where it is."""
    try:
        return _unparsable(text.path, text.changed(choice.changes.get(text.path, ())))
    except UneditableError as error:
        return str(error)


def _unparsable(path: str, data: bytes) -> str:
    from obs_lint.facts.syntax import parse
    from obs_lint.source import SourceError, decode

    try:
        parse(decode(path, data))
    except SourceError as error:
        return f"{error.message} (line {error.line})"
    return ""


def _failed(refusal: Refusal) -> Failure:
    diagnostic = refusal.proposal.diagnostic
    return Failure(
        "internal",
        refusal.path,
        f"the fix of {diagnostic.code}, “{refusal.proposal.fix.title}”, would spoil the file and is not applied: "
        f"{refusal.why}; please report it",
        *(diagnostic.span.start if diagnostic.path == refusal.path else (1, 1)),
    )
