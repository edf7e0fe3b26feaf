"""The rules that obs-lint ships: YAML files, and one compiled JSON of them, which is what a run reads.

Parsing YAML takes longer than a run on a small project. The JSON carries a digest of the files that it was made from;
in a checkout it counts only while that matches, so an edited rule is in force at once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from obs_lint.catalogue.error import CatalogueError

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COMPILED = os.path.join(PACKAGE, "rules.json")


def folder() -> tuple[str, bool]:
    """Return where the YAML files are ("" where there are none), and whether they may have been edited: a checkout."""
    inside = os.path.join(PACKAGE, "rules")
    if os.path.isdir(inside):
        return inside, False
    beside = os.path.join(os.path.dirname(PACKAGE), "rules")
    if os.path.isdir(beside) and os.path.isfile(os.path.join(os.path.dirname(PACKAGE), "pyproject.toml")):
        return beside, True
    return "", False


def sources() -> list[tuple[str, str]]:
    """Return (absolute path, `rules/<family>/<slug>.yaml`) of every rule file, sorted."""
    root = folder()[0]
    return [(path, f"rules/{name}") for path, name in _walk(root)] if root else []


def _walk(root: str) -> list[tuple[str, str]]:
    found = []
    for family in os.scandir(root):
        if family.is_dir():
            for entry in os.scandir(family.path):
                if entry.name.endswith(".yaml"):
                    found.append((entry.path, f"{family.name}/{entry.name}"))
    found.sort(key=lambda pair: pair[1])
    return found


def documents() -> list[tuple[str, Mapping[str, Any]]]:
    """Return (name of the file, content without examples) of every shipped rule. Raises CatalogueError."""
    edited = folder()[1]
    try:
        with open(COMPILED, encoding="utf-8") as file:
            compiled = json.load(file)
        if not edited or compiled["digest"] == digest(sources()):
            return [(rule.pop("file"), rule) for rule in compiled["rules"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    found = [(name, document) for name, document in _parsed()]
    if not found:
        raise CatalogueError(COMPILED, None, "the rules are missing; install obs-lint again")
    return found


def _parsed() -> Iterator[tuple[str, Mapping[str, Any]]]:
    from obs_lint.catalogue.rule_files import read_rule_file

    for path, name in sources():
        document = dict(read_rule_file(path, name).document)
        del document["examples"]
        yield name, document


def digest(files: list[tuple[str, str]]) -> str:
    """Return a digest of the files' names and content; line endings make no difference."""
    from obs_lint.digests import blake2b

    made = blake2b(digest_size=16)
    for path, name in files:
        with open(path, "rb") as file:
            content = file.read().replace(b"\r\n", b"\n")
        made.update(b"%s\0%d\0" % (name.encode(), len(content)))
        made.update(content)
    return made.hexdigest()


def compile_rules() -> str:
    """Return what rules.json must hold. Raises CatalogueError."""
    rules = [{"file": name, **document} for name, document in _parsed()]
    rules.sort(key=lambda rule: str(rule["code"]))
    text = json.dumps({"digest": digest(sources()), "rules": rules}, indent=1, ensure_ascii=False, sort_keys=True)
    return text + "\n"
