"""The fields that a message may have are those that its check fills in; its source says which."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from functools import cache

from obs_lint.catalogue.schema import suggestion

_ALWAYS = frozenset({"surface", "module"})
"""What `RuleRun.report` adds by itself."""
_REPORTING = ("report", "report_at")


@cache
def message_fields(check: str) -> frozenset[str] | None:
    """Return what the check of that name passes to `RuleRun.report`; None where its source does not tell."""
    from importlib.util import find_spec
    from inspect import signature

    from obs_lint.checks import CHECKS
    from obs_lint.checks.run import RuleRun

    spec = find_spec(CHECKS[check])
    try:
        with open(spec.origin if spec and spec.origin else "", encoding="utf-8") as file:
            tree = ast.parse(file.read())
    except (OSError, ValueError, SyntaxError):
        return None
    parameters = [p for method in _REPORTING for p in signature(getattr(RuleRun, method)).parameters.values()]
    own = {parameter.name for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD}
    found: set[str] = set()
    calls = list(_reports(tree))
    for call in calls:
        for keyword in call.keywords:
            if keyword.arg is not None:
                found.add(keyword.arg)
            elif isinstance(keyword.value, ast.Name):
                found.update(_keys(tree, keyword.value.id))
            else:
                return None
    return frozenset(found - own) | _ALWAYS if calls else None


def _reports(tree: ast.Module) -> Iterator[ast.Call]:
    """Yield the calls of `….run.report(…)` and `run.report(…)`, and of `report_at`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _REPORTING:
            yield node


def _keys(tree: ast.Module, name: str) -> Iterator[str]:
    """Yield the keys of the dicts that are assigned to a name anywhere in the module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
            for inner in ast.walk(node.value):
                if isinstance(inner, ast.Dict):
                    yield from (str(key.value) for key in inner.keys if isinstance(key, ast.Constant))


def template_problem(template: str, known: frozenset[str] | None) -> str:
    """Say what is wrong with a message template; empty where it can be filled in.

    `known` are the fields that the check fills in; None: not told.
    """
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        return f"is no template: {error}; a brace itself is written {{{{ or }}}}"
    for _, field, spec, conversion in parts:
        if field is None:
            continue
        if not field.isidentifier() or spec or conversion:
            return f"has the field `{{{field}}}`; fields are plain names, and a brace itself is written {{{{ or }}}}"
        if known is not None and field not in known:
            return f"has the unknown field `{{{field}}}`{suggestion(field, sorted(known))}"
    return ""
