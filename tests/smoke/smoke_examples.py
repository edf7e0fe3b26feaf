"""The examples of the rules in rules/smoke, as records, options and what must be found in them.

`bad` and `good` are lines as a system writes them, read by the harness's own reader and held against the shipped
registry `narralytica`; `files` brings a registry of its own and `capture.jsonl`. Beside what systems write:

    {"response": {…}}            a response as the driver hands it over
    {"span": {…}}                a span; `start` and `end` in seconds
    # error: OBS833, OBS851      these codes must be found, and no other

`config` holds the options of the checks by their names, with `-`; `ended` is how the run ended. `always` is false
unless it is given: few examples show a whole run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from obs_lint.catalogue.rule_files import read_rule_file
from obs_lint.catalogue.shipped import PACKAGE, sources
from obs_lint.config.model import RegistrySource
from obs_lint.registry.index import read as read_index
from obs_lint.registry.model import Registry
from obs_lint.registry.reader import Reader
from obs_lint.smoke.checker import Checker, Result
from obs_lint.smoke.fields import Fields
from obs_lint.smoke.ledger import CODES
from obs_lint.smoke.options import Ended, Options
from obs_lint.smoke.plan import Plan
from obs_lint.smoke.reading import read_lines
from obs_lint.smoke.records import RESPONSE, SPAN, Link, Record

SOURCE = "capture.jsonl"
SECOND = 1_000_000_000
_MARKER = re.compile(r"#\s*error:\s*(?P<codes>[A-Z0-9, ]+)")


@dataclass(frozen=True)
class Example:
    """One example of one rule."""

    code: str
    name: str
    lines: tuple[str, ...]
    registry: str
    """YAML; empty: the shipped one."""
    config: Mapping[str, Any]
    expected: frozenset[str]

    @property
    def label(self) -> str:
        return f"{self.code}-{self.name.replace(' ', '-')}"


def documents() -> list[Mapping[str, Any]]:
    """The rules that are judged on records: OBS807 is on a scenario's steps."""
    every = (read_rule_file(path, name).document for path, name in sources())
    return [document for document in every if document["code"] in CODES]


def examples_of(document: Mapping[str, Any]) -> Iterator[Example]:
    for raw in document["examples"]:
        files = raw.get("files", {})
        text = files.get(SOURCE) or raw.get("bad") or raw.get("good")
        lines = text.splitlines()
        expected = {
            code
            for line in lines
            if (found := _MARKER.match(line.strip()))
            for code in re.split(r"[,\s]+", found["codes"].strip())
        }
        kept = tuple(line for line in lines if not line.startswith("#"))
        registry = next((content for path, content in files.items() if path.endswith("registry.yaml")), "")
        yield Example(document["code"], raw["name"], kept, registry, raw.get("config", {}), frozenset(expected))


def records_of(lines: tuple[str, ...], fields: Fields) -> Iterator[Record]:
    for number, line in enumerate(lines, 1):
        try:
            made = json.loads(line)
        except ValueError:
            made = {}
        if isinstance(made, dict) and "response" in made:
            yield Record(RESPONSE, payload=made["response"], source="driver", line=number)
        elif isinstance(made, dict) and "span" in made:
            yield span_of(made["span"], number)
        else:
            for record in read_lines([line.encode()], SOURCE, fields):
                yield record._replace(line=number)


def span_of(given: Mapping[str, Any], number: int) -> Record:
    ids = {name: given[name] for name in ("trace_id", "span_id", "parent_span_id") if given.get(name)}
    return Record(
        SPAN, given["name"], given["start"] * SECOND, ids, payload=given.get("attributes", {}), source="otlp",
        line=number, status=given["status"], end=given["end"] * SECOND, span_kind=given["kind"],
        links=tuple(Link(link["trace_id"], link["span_id"]) for link in given.get("links", ())),
        raw=json.dumps(given).encode(),
    )  # fmt: skip


def registry_of(text: str, folder: Path) -> Registry:
    """The registry of an example; the shipped one where it has none."""
    if not text:
        root = Path(PACKAGE) / "presets" / "narralytica"
        return read_index(RegistrySource("obs-registry.yaml"), Reader(str(root)))
    (folder / "obs-registry.yaml").write_text(text, encoding="utf-8")
    return read_index(RegistrySource("obs-registry.yaml"), Reader(str(folder)))


def fields_of(registry: Registry) -> Fields:
    return Fields.of_registry(
        {one.name: {"header": one.header, "aliases": one.aliases, "at": one.at} for one in registry.correlation}
    )


def options_of(config: Mapping[str, Any]) -> Options:
    given = {key.replace("-", "_"): value for key, value in config.items() if key != "ended"}
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
    return Options(**({"always": False} | given))


def judged(example: Example, folder: Path) -> Result:
    registry = registry_of(example.registry, folder)
    checker = Checker(Plan.of([registry]), options_of(example.config))
    checker.take_many(records_of(example.lines, fields_of(registry)))
    return checker.finish(Ended(**example.config.get("ended", {})))


def found(result: Result) -> set[str]:
    return {finding.code for finding in result.everything()}
