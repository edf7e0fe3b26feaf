"""`obs-lint chain`: the correlation chain as the code has it, and the first hop where an id is lost."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    """Add what `obs-lint chain` takes."""
    parser.add_argument(
        "entries", nargs="*", metavar="ENTRY", help="only entry points that hold this text: `POST /tasks`"
    )
    parser.add_argument("--format", choices=("text", "json", "mermaid"), default="text", help="default: text")
    parser.add_argument("--all", action="store_true", help="entry points without hops or events, too")
    parser.add_argument("--config", metavar="FILE", help="use this file; the root is the working directory")
    parser.add_argument("--no-cache", action="store_true", help="remember nothing and use nothing that was remembered")
    parser.add_argument("--jobs", "-j", type=int, metavar="N", help="processes (default: all cores)")
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="default: auto")


def run(args: Namespace) -> int:
    """Print the chain; 2 where a registry can't be used or an ENTRY matches nothing. Raises ConfigError."""
    import os
    from dataclasses import replace

    from obs_lint.cli import fail
    from obs_lint.config import load
    from obs_lint.correlation import anchors as hop_anchors
    from obs_lint.entry_points import anchors as entry_anchors
    from obs_lint.events.emissions import emission_anchors
    from obs_lint.events.registries import registries
    from obs_lint.inventory.chain import chain
    from obs_lint.inventory.parts import Parts
    from obs_lint.opened import opened
    from obs_lint.reporters.terminal import ANSI, PLAIN, resolve_color, write

    config = load(os.getcwd(), config_file=args.config)
    parts = Parts(config).all
    anchors = [a for part in parts for a in (*emission_anchors(part), *entry_anchors(part), *hop_anchors(part))]
    with opened(config, anchors=tuple(anchors), use_cache=not args.no_cache, jobs=args.jobs) as (project, _):
        broken = list(dict.fromkeys(problem for part in parts for problem in registries(project, part).broken))
        found = chain(project, config, every=args.all or bool(args.entries))
    if args.entries:
        chosen = tuple(step for step in found.entries if any(text in step.label for text in args.entries))
        if not chosen:
            return fail(
                f"no entry point holds {' or '.join(map(repr, args.entries))}; `obs-lint chain --all` lists them"
            )
        found = replace(found, entries=chosen, silent=0)
    if args.format == "json":
        import json

        from obs_lint.inventory.chain_text import document

        write(sys.stdout, json.dumps(document(found), indent=2, ensure_ascii=False) + "\n")
    elif args.format == "mermaid":
        from obs_lint.inventory.chain_text import mermaid

        write(sys.stdout, mermaid(found))
    else:
        from obs_lint.inventory.chain_text import tree

        write(sys.stdout, tree(found, ANSI if resolve_color(args.color, sys.stdout) else PLAIN))
    for problem in broken:
        write(sys.stderr, f"obs-lint: error: {problem.place.path}:{problem.place.line}: {problem.message}\n")
    return 2 if broken else 0
