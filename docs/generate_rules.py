"""Write docs/rules/ and the JSON Schema of all rules' options; --check only says what is not current."""  # noqa: INP001

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from obs_lint.catalogue.binding import make_rule  # noqa: E402  found by the line above
from obs_lint.catalogue.options import Option  # noqa: E402
from obs_lint.catalogue.page import Example, Page, default, facts, page, suppress, toml_lines  # noqa: E402
from obs_lint.catalogue.rule_files import read_rule_file  # noqa: E402
from obs_lint.catalogue.shipped import sources  # noqa: E402

DOCS = REPOSITORY / "docs" / "rules"
SCHEMA = REPOSITORY / "obs_lint" / "schemas" / "rule-options.schema.json"
FAMILIES = {
    "1": "The surface",
    "2": "Events and payloads",
    "3": "Instrumentation",
    "4": "Correlation",
    "5": "Errors and levels",
    "6": "Metrics, sampling, health, alerts",
    "7": "Registry and schemas",
    "8": "Smoke runs",
    "9": "Housekeeping",
}
"""First digit of a code → what its rules are about."""


def pages() -> list[Page]:
    """Return the page of every shipped rule, in order of codes."""
    made = []
    for path, name in sources():
        document = read_rule_file(path, name).document
        made.append(page(make_rule(document, name), document["examples"]))
    return sorted(made, key=lambda page: page.rule.code)


def files() -> Iterator[tuple[Path, str]]:
    """Yield every file that is made, and what it must hold."""
    every = pages()
    yield DOCS / "index.md", index(every)
    for each in every:
        yield DOCS / f"{each.rule.slug}.md", markdown(each)
    yield SCHEMA, json.dumps(options_schema(every), indent=2, ensure_ascii=False) + "\n"


def index(every: list[Page]) -> str:
    """The table of all rules, by family."""
    lines = [
        "# Rules",
        "",
        "`obs-lint rule` prints this table, `obs-lint rule CODE` a rule's page. Rules that are *off* run when they are",
        "selected by code or slug, or with `ALL`.",
    ]
    for digit, title in FAMILIES.items():
        family = [each.rule for each in every if each.rule.code[3] == digit]
        if family:
            lines += ["", f"## OBS{digit}xx {title}", "", "| code | rule | found | severity | default | fix |"]
            lines.append("|---|---|---|---|---|---|")
        for rule in family:
            default = "on" if rule.default else "off"
            fix = "" if rule.fix == "none" else rule.fix
            summary = rule.summary.replace("|", "\\|")
            lines.append(
                f"| {rule.code} | [{rule.slug}]({rule.slug}.md) | {summary} | {rule.severity} | {default} | {fix} |"
            )
    return "\n".join(lines) + "\n"


def markdown(made: Page) -> str:
    """One rule's page."""
    rule = made.rule
    smoke = rule.check == "smoke"
    parts = [f"# {rule.slug} ({rule.code})", "## What it does", rule.summary, facts(rule)]
    parts += ["## Why is this bad", rule.why]
    if made.example is not None:
        parts += ["## Example", *example_parts(made.example, smoke)]
    parts += ["## Use instead", made.advice]
    if made.instead is not None:
        parts += example_parts(made.instead, smoke)
    if made.options:
        parts += ["## Options", f"Under `[tool.obs-lint.rules.{rule.code}]`:", *map(option_text, made.options)]
    sentence, written = suppress(rule)
    parts += ["## Suppress", sentence]
    if written:
        parts.append(fenced(written, "toml" if written.startswith("[") else "yaml" if smoke else "python"))
    more = [example for example in made.examples if example not in (made.example, made.instead)]
    if more:
        parts.append("## More examples")
        for example in more:
            found = "found" if example.finds else "not found"
            parts += [f"### {example.name}: {found}" if example.name else f"### {found.capitalize()}"]
            parts += example_parts(example, smoke)
    parts += ["## Source", f"{rule.source} · `{rule.origin}`"]
    return "\n\n".join(parts) + "\n"


def example_parts(example: Example, smoke: bool = False) -> Iterator[str]:
    """An example's configuration and files."""
    if example.config and smoke:
        yield "With the options"
        yield fenced(toml_lines(example.config), "toml")
    elif example.config:
        yield "With"
        yield fenced("[tool.obs-lint]\n" + toml_lines(example.config), "toml")
    for path, text in example.files.items():
        if path:
            yield f"`{path}`" + ("" if text else " (empty)")
        if text:
            language = "yaml" if smoke and path.endswith(".yaml") else "json" if smoke else "python"
            yield fenced(text, "toml" if path.endswith(".toml") else language)


def option_text(option: Option) -> str:
    """One option as a list item."""
    if isinstance(option.default, list) and len(option.default) > 8:
        value = ", ".join(f"`{item}`" for item in option.default)
    else:
        value = default(option) if isinstance(option.default, dict) and option.default else f"`{default(option)}`"
    about = f"  \n  {option.about}" if option.about else ""
    return f"- **`{option.name}`** ({option.type}; default: {value}){about}"


def fenced(text: str, language: str) -> str:
    """A code block whose fence is longer than any in the text."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text}\n{fence}"


def options_schema(every: list[Page]) -> dict[str, Any]:
    """The JSON Schema of `[tool.obs-lint.rules]`: what each rule may be told."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://obs-lint.readthedocs.io/schemas/rule-options.schema.json",
        "title": "obs-lint rule options",
        "description": "Severity and options of each rule: [tool.obs-lint.rules.CODE].",
        "type": "object",
        "properties": {each.rule.code: {"$ref": f"#/$defs/{each.rule.code}"} for each in every},
        "$defs": {each.rule.code: rule_schema(each) for each in every},
    }


def rule_schema(made: Page) -> dict[str, Any]:
    """The JSON Schema of one rule's table."""
    properties: dict[str, Any] = {
        "severity": {"description": f"default: {made.rule.severity}", "enum": ["error", "warning", "info"]}
    }
    for option in made.options:
        schema = amendable(option.schema)
        properties[option.name] = {"description": option.about, **schema} if option.about else schema
    return {
        "title": f"{made.rule.code} {made.rule.slug}",
        "description": made.rule.summary,
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
    }


def amendable(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A list or mapping may also be given as a change to the default."""
    if schema.get("type") not in ("array", "object"):
        return dict(schema)
    change = {
        "type": "object",
        "additionalProperties": False,
        "minProperties": 1,
        "properties": {"extend": dict(schema), "remove": {"type": "array", "items": {"type": "string"}}},
    }
    return {"anyOf": [dict(schema), change]}


def main(arguments: list[str]) -> int:
    """Return 0 where all is current or was written, 1 where `--check` finds something stale, 2 for wrong usage."""
    if arguments not in ([], ["--check"]):
        print("usage: python docs/generate_rules.py [--check]", file=sys.stderr)
        return 2
    wanted = dict(files())
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text]
    left = [path for path in DOCS.glob("*.md") if path not in wanted]
    if arguments:
        for path in (*stale, *left):
            shown = path.relative_to(REPOSITORY).as_posix()
            print(f"{shown} is not current: run python docs/generate_rules.py", file=sys.stderr)
        return 1 if stale or left else 0
    DOCS.mkdir(exist_ok=True)
    for path in stale:
        path.write_text(wanted[path], encoding="utf-8", newline="\n")
    for path in left:
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
