"""`obs-lint baseline`: the findings that are known, and how they become fewer."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from obs_lint.baseline.comparison import Comparison
    from obs_lint.baseline.document import Entry
    from obs_lint.config.model import Config
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
        return _ACTION[args.action](args, shown, file, entries or (), report, compared, config)
    except BaselineError as error:
        return fail(f"{shown}: {error}")


def _create(
    args: Namespace,
    shown: str,
    file: str,
    entries: Sequence[Entry],
    report: Report,
    compared: Comparison,
    config: Config,
) -> int:
    from obs_lint.baseline.comparison import entries_of
    from obs_lint.baseline.document import write

    write(file, entries_of(report.diagnostics))
    print(f"Wrote {shown}: {_findings(len(report.diagnostics))} known from now on. Commit it; new ones are reported.")
    return 0


def _update(
    args: Namespace,
    shown: str,
    file: str,
    entries: Sequence[Entry],
    report: Report,
    compared: Comparison,
    config: Config,
) -> int:
    from obs_lint.baseline.comparison import entries_of
    from obs_lint.baseline.document import write

    reason = " ".join((args.allow_increase or "").split())
    if compared.new and not reason:
        from obs_lint.cli import fail

        first = compared.new[0]
        example = f"{first.path}:{first.span.start.line}: {first.code}"
        return fail(
            f"{_findings(len(compared.new))} not in the baseline (the first: {example}): mend them, or let them "
            'in with `--allow-increase "REASON"`'
        )
    left = _answered(compared)
    write(file, (*left, *entries_of(compared.new, reason)))
    print(f"Wrote {shown}: {_change(len(entries), len(left) + len(compared.new))}{_outcome(compared)}.")
    return 0


def _prune(
    args: Namespace,
    shown: str,
    file: str,
    entries: Sequence[Entry],
    report: Report,
    compared: Comparison,
    config: Config,
) -> int:
    from obs_lint.baseline.application import stale_entries
    from obs_lint.baseline.document import write

    stale = set(stale_entries(compared, report.judged, lambda path: True))
    left = [*_answered(compared), *(entry for entry in compared.gone if entry not in stale)]
    if not stale and not any(entry.path != diagnostic.path for diagnostic, entry in compared.known):
        print(f"{shown}: nothing to take out of {_findings(len(entries))}.")
        return 0
    write(file, left)
    print(f"Wrote {shown}: {_change(len(entries), len(left))}.")
    return 0


def _status(
    args: Namespace,
    shown: str,
    file: str,
    entries: Sequence[Entry],
    report: Report,
    compared: Comparison,
    config: Config,
) -> int:
    from obs_lint.baseline.application import stale_entries
    from obs_lint.baseline.owners import NOBODY, code_owners

    owners = code_owners(str(config.root))
    stale = stale_entries(compared, report.judged, lambda path: True)
    by_rule = Counter(entry.code for _, entry in compared.known)
    new_by_rule = Counter(d.code for d in compared.new)
    gone_by_rule = Counter(entry.code for entry in stale)
    by_owner: Counter[str] = Counter()
    new_by_owner: Counter[str] = Counter()
    gone_by_owner: Counter[str] = Counter()
    for tally, paths in (
        (by_owner, [d.path for d, _ in compared.known]),
        (new_by_owner, [d.path for d in compared.new]),
        (gone_by_owner, [entry.path for entry in stale]),
    ):
        for path in paths:
            tally[" ".join(owners.of(path)) or NOBODY] += 1
    slugs = {d.code: d.slug for d in report.diagnostics}
    if args.output_format == "json":
        import json

        def table(known: Mapping[str, int], new: Mapping[str, int], gone: Mapping[str, int]) -> dict[str, object]:
            return {
                name: {"known": known.get(name, 0), "new": new.get(name, 0), "gone": gone.get(name, 0)}
                for name in sorted({*known, *new, *gone})
            }

        document = {
            "version": 1,
            "baseline": shown,
            "known": len(compared.known),
            "new": len(compared.new),
            "gone": len(stale),
            "rules": table(by_rule, new_by_rule, gone_by_rule),
            "owners": table(by_owner, new_by_owner, gone_by_owner),
        }
        print(json.dumps(document, indent=1))
        return 0
    print(f"{shown}: {len(compared.known)} known, {len(compared.new)} new, {len(stale)} gone")
    _print_table("rule", by_rule, new_by_rule, gone_by_rule, slugs)
    if owners.lines:
        _print_table("owner", by_owner, new_by_owner, gone_by_owner, {})
    if stale:
        print("\n`obs-lint baseline prune` takes out what is gone.")
    return 0


_ACTION = {"create": _create, "update": _update, "prune": _prune, "status": _status}


def _answered(compared: Comparison) -> list[Entry]:
    """The entries that still hold, each with the fingerprint and path of today."""
    return [entry._replace(fingerprint=d.fingerprint, path=d.path, line=0) for d, entry in compared.known]


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


def _outcome(compared: Comparison) -> str:
    return f" ({len(compared.gone)} gone, {len(compared.new)} let in)" if compared.gone or compared.new else ""
