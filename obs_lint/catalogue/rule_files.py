"""Rule files: YAML → a checked mapping that knows the line of each of its keys."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from obs_lint.catalogue.error import CatalogueError
from obs_lint.catalogue.schema import Place, violations

MAX_BYTES = 1_000_000
"""A larger rule file is a mistake."""
MAX_DEPTH = 32


class RuleFile(NamedTuple):
    """One rule file that fits the schema."""

    path: str
    """As shown in messages, with `/`."""
    document: Mapping[str, Any]
    lines: Mapping[Place, int]
    """1-based line of each key and item; empty where the document comes from a cache."""

    def error(self, place: Place, message: str) -> CatalogueError:
        """Make the error for what stands at `place`."""
        return CatalogueError(self.path, line_of(self.lines, place), message)


def line_of(lines: Mapping[Place, int], place: Place) -> int | None:
    """Return the line of `place`, or of what encloses it."""
    while place not in lines:
        if not place:
            return None
        place = place[:-1]
    return lines[place]


@cache
def schema() -> Mapping[str, Any]:
    """Return the JSON Schema of rule files."""
    path = os.path.join(os.path.dirname(os.path.dirname(__file__)), "schemas", "rule.schema.json")
    with open(path, encoding="utf-8") as file:
        loaded: dict[str, Any] = json.load(file)
    return loaded


def read_rule_file(path: str, shown: str) -> RuleFile:
    """Read, parse and check one file. Raises CatalogueError."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise CatalogueError(shown, None, f"can't be read: {error.strerror or error}") from None
    return parse_rule_file(data, shown)


def parse_rule_file(data: bytes, shown: str) -> RuleFile:
    """Parse and check the content of one file. Raises CatalogueError."""
    if len(data) > MAX_BYTES:
        raise CatalogueError(shown, None, f"a rule file of more than {MAX_BYTES // 1000} kB; is this a rule?")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise CatalogueError(shown, line, "is not UTF-8 text; save the file as UTF-8") from None
    document, lines = _parse_yaml(text, shown)
    if document is None:
        raise CatalogueError(shown, 1, "is empty; a rule file holds one rule")
    check_document(document, shown, lines)
    return RuleFile(shown, document, lines)


def check_document(document: Any, shown: str, lines: Mapping[Place, int]) -> None:
    """Raise CatalogueError for the first way in which the document breaks the schema, by line."""
    found = list(violations(document, schema()))
    if found:
        first = min(found, key=lambda violation: line_of(lines, violation.place) or 0)
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise CatalogueError(shown, line_of(lines, first.place), first.message + more)


def _parse_yaml(text: str, shown: str) -> tuple[Any, dict[Place, int]]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    lines: dict[Place, int] = {}
    try:
        depth = 0
        for event in yaml.parse(text, loader):
            line = event.start_mark.line + 1 if event.start_mark else None
            if isinstance(event, yaml.AliasEvent):
                raise CatalogueError(shown, line, f"uses the YAML alias `*{event.anchor}`; write the value out")
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > MAX_DEPTH:
                    raise CatalogueError(shown, line, f"is nested more than {MAX_DEPTH} deep")
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
        root = yaml.compose(text, loader)
        if root is None:
            return None, lines
        constructor = yaml.constructor.SafeConstructor()
        return _value(root, (), lines, constructor, shown), lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        column = f", column {mark.column + 1}" if mark else ""
        problem = error.problem or error.context or "can't be parsed"
        raise CatalogueError(shown, line, f"is not YAML{column}: {problem}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1 if isinstance(error.position, int) else None
        raise CatalogueError(shown, line, "is not YAML: it holds a control character; remove it") from None
    except yaml.YAMLError as error:
        raise CatalogueError(shown, None, f"is not YAML: {error}") from None


def _value(node: Any, place: Place, lines: dict[Place, int], constructor: Any, shown: str) -> Any:
    """Construct the value of a node and note the lines of what is in it."""
    import yaml

    line = node.start_mark.line + 1
    lines.setdefault(place, line)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*place, i), lines, constructor, shown) for i, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        made: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key_line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise CatalogueError(shown, key_line, "has a list or mapping as a key; keys are text")
            key = _scalar(key_node, constructor, shown)
            if key in made:
                raise CatalogueError(shown, key_line, f"has the key `{key}` twice")
            lines[*place, str(key)] = key_line
            made[key] = _value(value_node, (*place, str(key)), lines, constructor, shown)
        return made
    return _scalar(node, constructor, shown)


def _scalar(node: Any, constructor: Any, shown: str) -> Any:
    try:
        return constructor.construct_object(node)
    except ValueError as error:
        raise CatalogueError(shown, node.start_mark.line + 1, f"is not YAML: {error}") from None
