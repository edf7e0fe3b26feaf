"""`obs-lint baseline`: the findings that are known, and how they become fewer."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from obs_lint.baseline.comparison import Comparison
    from obs_lint.baseline.document import Entry
    from obs_lint.report import Report

_ACTIONS = {
    "create": "write today's findings as the baseline",
    "update": "bring it up to date: take out what is gone, and, with --allow-increase, let in what is new",
    "prune": "take out what is gone, let nothing in",
    "status": "count what is left, by rule and by owner (CODEOWNERS)",
}


def add_arguments(parser: ArgumentParser) -> None:
    """Add what `obs-lint baseline` takes."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, about in _ACTIONS.items():
        action = actions.add_parser(name, help=about, description=about[0].upper() + about[1:] + ".")
        action.add_argument(
            "--baseline", metavar="FILE", help="the baseline's file (default: .obs-lint-baseline.json in the root)"
        )
        action.add_argument(
            "--config", metavar="FILE", help="use this configuration; the root is the working directory"
        )
        action.add_argument("--no-cache", action="store_true", help="neither read nor write the cache")
        if name == "create":
            action.add_argument("--force", action="store_true", help="write over a baseline that is there")
        if name == "update":
            action.add_argument(
                "--allow-increase", metavar="REASON", help="let new findings in; the reason stands beside each of them"
            )
        if name == "status":
            action.add_argument("--output-format", choices=("text", "json"), default="text", metavar="FORMAT",
                                help="text, json")  # fmt: skip


def run(args: Namespace) -> int:
    """Run the command and return its exit code. Raises ConfigError and CatalogueError."""
    from obs_lint import engine
    from obs_lint.baseline.comparison import compare
    from obs_lint.baseline.document import BaselineError, read
    from obs_lint.cli import fail
    from obs_lint.config import load

    given = {"baseline": os.path.abspath(args.baseline)} if args.baseline else {}
    config = load(os.getcwd(), config_file=args.config, overrides=given)
    root = str(config.root)
    file = os.path.join(root, config.baseline)
    shown = os.path.relpath(file).replace(os.sep, "/")
    try:
        entries = read(file)
    except BaselineError as error:
        if args.action != "create" or not args.force:
            return fail(f"{shown}:{error.line}: this baseline can't be used: {error}")
        entries = ()
    if args.action == "create" and entries is not None and not args.force:
        return fail(
            f"{shown} is there already: `obs-lint baseline update` brings it up to date, `--force` writes it anew"
        )
    if args.action != "create" and entries is None:
        return fail(f"there is no baseline {shown}: `obs-lint baseline create` writes one")
    report = engine.run(config, use_cache=not args.no_cache, use_baseline=False)
    if report.failures:
        first = report.failures[0]
        return fail(
            f"{first.path}:{first.line}: {first.message}; a baseline of an incomplete run would leave findings out "
            f"(`obs-lint check` lists all {len(report.failures)} errors)"
        )
    compared = compare(report.diagnostics, entries or (), lambda path: os.path.lexists(os.path.join(root, path)))
    try:
        return _ACTION[args.action](args, _Found(shown, file, entries or (), report, compared, root))
    except BaselineError as error:
        return fail(f"{shown}: {error}")


class _Found(NamedTuple):
    """What the actions work on."""

    shown: str
    """The baseline's file, for people."""
    file: str
    entries: Sequence[Entry]
    report: Report
    compared: Comparison
    root: str

    def still_true(self) -> tuple[list[Entry], list[Entry]]:
        """Return the entries that hold, each with the fingerprint and path of today, and those that do not.

        Entries of rules that did not run may be true as they are: they stay.
        """
        from obs_lint.baseline.application import stale_entries

        stale = frozenset(stale_entries(self.compared, self.report.judged, lambda path: True))
        answered = [entry._replace(fingerprint=d.fingerprint, path=d.path, line=0) for d, entry in self.compared.known]
        return [*answered, *(entry for entry in self.compared.gone if entry not in stale)], sorted(stale)


def _create(args: Namespace, found: _Found) -> int:
    from obs_lint.baseline.comparison import entries_of
    from obs_lint.baseline.document import write

    write(found.file, entries_of(found.report.diagnostics))
    count = _findings(len(found.report.diagnostics))
    print(f"Wrote {found.shown}: {count} known from now on. Commit it; new ones are reported.")
    return 0


def _update(args: Namespace, found: _Found) -> int:
    from obs_lint.baseline.comparison import entries_of
    from obs_lint.baseline.document import write

    reason = " ".join((args.allow_increase or "").split())
    if found.compared.new and not reason:
        from obs_lint.cli import fail

        first = found.compared.new[0]
        example = f"{first.path}:{first.span.start.line}: {first.code}"
        return fail(
            f"{_findings(len(found.compared.new))} not in the baseline (the first: {example}): mend them, or let them "
            'in with `--allow-increase "REASON"`'
        )
    left, stale = found.still_true()
    write(found.file, (*left, *entries_of(found.compared.new, reason)))
    new = len(found.compared.new)
    print(f"Wrote {found.shown}: {_change(len(found.entries), len(left) + new)}{_outcome(len(stale), new)}.")
    return 0


def _prune(args: Namespace, found: _Found) -> int:
    from obs_lint.baseline.document import write

    left, stale = found.still_true()
    if not stale and not any(entry.path != diagnostic.path for diagnostic, entry in found.compared.known):
        print(f"{found.shown}: nothing to take out of {_findings(len(found.entries))}.")
        return 0
    write(found.file, left)
    print(f"Wrote {found.shown}: {_change(len(found.entries), len(left))}.")
    return 0


def _status(args: Namespace, found: _Found) -> int:
    from obs_lint.baseline.owners import NOBODY, code_owners

    owners = code_owners(found.root)
    _, stale = found.still_true()
    by_rule = Counter(entry.code for _, entry in found.compared.known)
    new_by_rule = Counter(d.code for d in found.compared.new)
    gone_by_rule = Counter(entry.code for entry in stale)
    by_owner: Counter[str] = Counter()
    new_by_owner: Counter[str] = Counter()
    gone_by_owner: Counter[str] = Counter()
    for tally, paths in (
        (by_owner, [d.path for d, _ in found.compared.known]),
        (new_by_owner, [d.path for d in found.compared.new]),
        (gone_by_owner, [entry.path for entry in stale]),
    ):
        for path in paths:
            tally[" ".join(owners.of(path)) or NOBODY] += 1
    slugs = {d.code: d.slug for d in found.report.diagnostics}
    if args.output_format == "json":
        import json

        def table(known: Mapping[str, int], new: Mapping[str, int], gone: Mapping[str, int]) -> dict[str, object]:
            return {
                name: {"known": known.get(name, 0), "new": new.get(name, 0), "gone": gone.get(name, 0)}
                for name in sorted({*known, *new, *gone})
            }

        document = {
            "version": 1,
            "baseline": found.shown,
            "known": len(found.compared.known),
            "new": len(found.compared.new),
            "gone": len(stale),
            "rules": table(by_rule, new_by_rule, gone_by_rule),
            "owners": table(by_owner, new_by_owner, gone_by_owner),
        }
        print(json.dumps(document, indent=1))
        return 0
    print(f"{found.shown}: {len(found.compared.known)} known, {len(found.compared.new)} new, {len(stale)} gone")
    _print_table("rule", by_rule, new_by_rule, gone_by_rule, slugs)
    if owners.lines:
        _print_table("owner", by_owner, new_by_owner, gone_by_owner, {})
    if stale:
        print("\n`obs-lint baseline prune` takes out what is gone.")
    return 0


_ACTION = {"create": _create, "update": _update, "prune": _prune, "status": _status}


def _print_table(
    what: str, known: Counter[str], new: Counter[str], gone: Counter[str], names: Mapping[str, str]
) -> None:
    rows = sorted({*known, *new, *gone}, key=lambda name: (-known[name], name))
    if not rows:
        return
    labels = [f"{name} {names[name]}" if name in names else name for name in rows]
    width = max(len(what), *(len(label) for label in labels))
    print(f"\n{what:<{width}}  known    new   gone")
    for name, label in zip(rows, labels, strict=True):
        print(f"{label:<{width}}  {known[name]:>5}  {new[name]:>5}  {gone[name]:>5}")


def _findings(count: int) -> str:
    return f"{count} finding{'' if count == 1 else 's'}"


def _change(before: int, after: int) -> str:
    return f"{before} → {after} findings"


def _outcome(gone: int, new: int) -> str:
    return f" ({gone} gone, {new} let in)" if gone or new else ""
