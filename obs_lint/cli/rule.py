"""`obs-lint rule`: explain a rule from its YAML file, or list all of them."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from obs_lint.catalogue import Catalogue
    from obs_lint.catalogue.page import Example, Page
    from obs_lint.reporters.terminal import Palette
    from obs_lint.rule import Rule


def add_arguments(parser: ArgumentParser) -> None:
    """Add what `obs-lint rule` takes."""
    parser.add_argument("rule", nargs="?", metavar="CODE|SLUG", help="the rule to explain (default: a table of all)")
    parser.add_argument("--output-format", choices=("text", "json"), default="text", help="default: text")
    parser.add_argument("--config", metavar="FILE", help="use this file for the team's own rules")
    parser.add_argument("--isolated", action="store_true", help="read no configuration file: obs-lint's own rules only")
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="default: auto")


def run(args: Namespace) -> int:
    """Print what was asked for and return the exit code: 2 for a rule that does not exist. Raises CatalogueError."""
    import os

    from obs_lint.catalogue import load_catalogue
    from obs_lint.config import ConfigError, load
    from obs_lint.reporters.terminal import write

    try:
        catalogue = load_catalogue(load(os.getcwd(), config_file=args.config, isolated=args.isolated))
    except ConfigError as error:
        if args.config is not None:
            raise
        write(sys.stderr, f"obs-lint: warning: {error}; only obs-lint's own rules are shown\n")
        catalogue = load_catalogue(load(os.getcwd(), isolated=True))
    for warning in catalogue.warnings:
        write(sys.stderr, f"obs-lint: warning: {warning}\n")
    if args.rule is None:
        text = _json_table(catalogue) if args.output_format == "json" else _table(catalogue, args.color)
        write(sys.stdout, text)
        return 0
    known = catalogue.rules.get(args.rule.upper()) or catalogue.by_slug.get(args.rule.lower())
    if known is None:
        raise _unknown(args.rule, catalogue)
    rule = catalogue.unset[known.code]
    write(
        sys.stdout, _json_page(rule, catalogue) if args.output_format == "json" else _text(rule, catalogue, args.color)
    )
    return 0


def _unknown(name: str, catalogue: Catalogue) -> Exception:
    from obs_lint.config import ConfigError
    from obs_lint.config.suggest import nearest

    guess = nearest(name, (*catalogue.rules, *catalogue.by_slug))
    hint = f"did you mean `{guess}`?" if guess else "`obs-lint rule` lists all"
    return ConfigError(f"there is no rule `{name}`", hint=hint)


def _page(rule: Rule, catalogue: Catalogue) -> Page:
    """Read the rule's file for its examples; in a wheel the shipped files are beside the package's modules."""
    import os

    from obs_lint.catalogue.page import page
    from obs_lint.catalogue.rule_files import read_rule_file
    from obs_lint.catalogue.shipped import sources

    shipped = {name: path for path, name in sources()}
    if rule.code.startswith("OBS"):
        path = shipped.get(rule.origin, "")
    else:
        path = os.path.join(catalogue.config.root, rule.origin)
    return page(rule, read_rule_file(path, rule.origin).document["examples"] if path else ())


def _palette(color: str) -> Palette:
    from obs_lint.reporters.terminal import ANSI, PLAIN, resolve_color

    flag: Any = color
    return ANSI if resolve_color(flag, sys.stdout) else PLAIN


def _table(catalogue: Catalogue, color: str) -> str:
    from obs_lint.reporters.terminal import resolve_width, supports_unicode
    from obs_lint.reporters.text import shorten

    palette = _palette(color)
    width = resolve_width(sys.stdout, default=140)
    ellipsis = "…" if supports_unicode(sys.stdout) else "..."
    rules = catalogue.unset.values()
    slugs = max(len(rule.slug) for rule in rules)
    codes = max(len(rule.code) for rule in rules)
    lines = []
    for rule in rules:
        default = "on " if rule.default else "off"
        head = f"{rule.code:<{codes}}  {rule.slug:<{slugs}}  {rule.severity:<7}  {default}  "
        summary = shorten(rule.summary, max(20, width - len(head)), ellipsis)
        shade = "" if rule.default else palette.dim
        lines.append(
            f"{palette.strong}{rule.code:<{codes}}{palette.reset}  {shade}{rule.slug:<{slugs}}  "
            f"{palette.severity(rule.severity)}{rule.severity:<7}{palette.reset}  "
            f"{shade}{default}  {summary}{palette.reset}"
        )
    return "\n".join(lines) + "\n\n`obs-lint rule CODE` explains a rule.\n"


def _text(rule: Rule, catalogue: Catalogue, color: str) -> str:
    from obs_lint.catalogue.page import HEADINGS
    from obs_lint.reporters.terminal import resolve_width

    palette = _palette(color)
    width = min(resolve_width(sys.stdout), 100)
    made = dict(_sections(_page(rule, catalogue), width))
    title = f"{palette.strong}{rule.code} {rule.slug}{palette.reset}"
    parts = [title]
    for heading in HEADINGS:
        if made.get(heading):
            parts.append(f"{palette.frame}{heading}{palette.reset}\n{made[heading]}")
    return "\n\n".join(parts) + "\n"


def _sections(page: Page, width: int) -> Iterator[tuple[str, str]]:
    from obs_lint.catalogue.page import facts, suppress

    rule = page.rule
    yield "What it does", f"{_wrapped(rule.summary, width)}\n{_wrapped(facts(rule), width)}"
    yield "Why is this bad", _wrapped(rule.why, width)
    yield "Example", _source(page.example)
    instead = _source(page.instead)
    yield "Use instead", "\n\n".join(part for part in (_wrapped(page.advice, width), instead) if part)
    yield "Options", "\n".join(_option(option, width) for option in page.options)
    sentence, written = suppress(rule)
    yield "Suppress", _wrapped(sentence, width) + (f"\n\n{_indented(written)}" if written else "")
    yield "Source", "\n".join(f"  {part}" for part in (rule.source, rule.origin, rule.url) if part)


def _wrapped(text: str, width: int, indent: str = "  ") -> str:
    """Wrap prose; what is indented in it, code, stays as it is."""
    import textwrap

    blocks = []
    for block in text.split("\n\n"):
        if block.startswith((" ", "\t")):
            blocks.append(_indented(block))
        else:
            blocks.append(
                textwrap.fill(" ".join(block.split()), width, initial_indent=indent, subsequent_indent=indent)
            )
    return "\n\n".join(blocks)


def _indented(text: str) -> str:
    import textwrap

    return textwrap.indent(text, "    ")


def _source(example: Example | None) -> str:
    from obs_lint.catalogue.page import toml_lines

    if example is None:
        return ""
    parts = []
    if example.config:
        parts.append(f"  With\n\n{_indented(toml_lines(example.config))}\n")
    for path, text in example.files.items():
        if path:
            parts.append(f"  {path}\n")
        parts.append((_indented(text) if text else "    (empty)") + "\n")
    return "\n".join(parts).rstrip("\n")


def _option(option: Any, width: int) -> str:
    from obs_lint.catalogue.page import default

    lines = [f"  {option.name}: {option.type}", _wrapped(f"default: {default(option)}", width, "      ")]
    if option.about:
        lines.append(_wrapped(option.about, width, "      "))
    return "\n".join(lines)


def _json_table(catalogue: Catalogue) -> str:
    import json

    rules = [_fields(rule) for rule in catalogue.unset.values()]
    return json.dumps({"version": 1, "rules": rules}, indent=2, ensure_ascii=False) + "\n"


def _json_page(rule: Rule, catalogue: Catalogue) -> str:
    import json

    made = _page(rule, catalogue)
    document = {
        "version": 1,
        **_fields(rule),
        "options": [
            {"name": o.name, "type": o.type, "default": o.default, "about": o.about, "schema": o.schema}
            for o in made.options
        ],
        "examples": [{"name": e.name, "config": e.config, "files": e.files, "finds": e.finds} for e in made.examples],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _fields(rule: Rule) -> Mapping[str, Any]:
    return {
        "code": rule.code,
        "slug": rule.slug,
        "summary": rule.summary,
        "why": rule.why,
        "source": rule.source,
        "severity": rule.severity.value,
        "default": rule.default,
        "needs": list(rule.needs),
        "leaves-alone": list(rule.leaves_alone),
        "whole-project": rule.whole_project,
        "check": rule.check,
        "message": rule.message,
        "help": rule.help,
        "fix": rule.fix,
        "file": rule.origin,
        "url": rule.url,
    }
