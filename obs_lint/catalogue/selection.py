"""Selectors: which rules `select`, `extend-select` and `ignore` mean, with ruff's precedence."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from obs_lint.config import Config, ConfigError, error_at
from obs_lint.config.lines import dotted_key
from obs_lint.config.suggest import nearest
from obs_lint.rule import Rule

ALWAYS = frozenset({"OBS900"})
"""An unparsable file is never passed over: these can't be ignored, only the file excluded."""

_PREFIX = re.compile(r"[A-Z]+[0-9]*")


def covered(selector: str, rules: Mapping[str, Rule], by_slug: Mapping[str, Rule]) -> tuple[int, frozenset[str]]:
    """Return how specific a selector is, and the codes it covers; no codes where it means nothing.

    A prefix needs all letters of a family: `OBS` and `OBS1`, not `OB`. A code or a slug beats every prefix.
    """
    if selector == "ALL":
        return 0, frozenset(rules)
    if selector in rules:
        return 100, frozenset({selector})
    if selector in by_slug:
        return 100, frozenset({by_slug[selector].code})
    if not _PREFIX.fullmatch(selector):
        return 0, frozenset()
    letters = selector.rstrip("0123456789")
    return len(selector), frozenset(
        code for code in rules if code.startswith(selector) and code.rstrip("0123456789") == letters
    )


def select(config: Config, rules: Mapping[str, Rule], by_slug: Mapping[str, Rule]) -> frozenset[str]:
    """Return the selected codes. Raises ConfigError for a selector that means nothing.

    From the least to the most specific selector: what `select` and `extend-select` cover is in, what `ignore` covers is
    out. A rule that is `default: off` is noisy; of selectors that cover many only `ALL` reaches it.
    """
    if config.select is None:
        chosen = {code for code, rule in rules.items() if rule.default}
    else:
        chosen = set()
    steps: list[tuple[int, bool, frozenset[str]]] = []
    for key, selectors in (("select", config.select or ()), ("extend-select", config.extend_select)):
        for selector in selectors:
            specificity, codes = _known(selector, key, config, rules, by_slug)
            if 0 < specificity < 100:
                codes = frozenset(code for code in codes if rules[code].default)
            steps.append((specificity, True, codes))
    for selector in config.ignore:
        specificity, codes = _known(selector, "ignore", config, rules, by_slug)
        if specificity == 100:
            _refuse_always(codes, "ignore", config)
        steps.append((specificity, False, codes))
    for _, wanted, codes in sorted(steps, key=lambda step: (step[0], not step[1])):
        if wanted:
            chosen |= codes
        else:
            chosen -= codes
    return frozenset(chosen | (ALWAYS & rules.keys()))


def per_file(config: Config, rules: Mapping[str, Rule], by_slug: Mapping[str, Rule]) -> dict[str, tuple[str, ...]]:
    """Return code → globs of `per-file-ignores` that switch it off. Raises ConfigError."""
    found: dict[str, tuple[str, ...]] = {}
    for pattern, selectors in config.per_file_ignores.items():
        for selector in selectors:
            key = dotted_key(("per-file-ignores", pattern))
            specificity, codes = _known(selector, key, config, rules, by_slug)
            if specificity == 100:
                _refuse_always(codes, key, config)
            for code in codes - ALWAYS:
                found[code] = (*found.get(code, ()), pattern)
    return found


def _known(
    selector: str, key: str, config: Config, rules: Mapping[str, Rule], by_slug: Mapping[str, Rule]
) -> tuple[int, frozenset[str]]:
    specificity, codes = covered(selector, rules, by_slug)
    if codes:
        return specificity, codes
    raise unknown_rule(selector, key, config, (*rules, *by_slug, "ALL"))


def unknown_rule(selector: str, key: str, config: Config, known: Collection[str]) -> ConfigError:
    """Make the error for a selector that means no rule; `key` as in `Config.provenance`."""
    letters = selector.rstrip("0123456789")
    is_prefix = len(selector) < len(letters) + 3 and any(code.startswith(letters) and letters for code in known)
    guess = None if is_prefix else nearest(selector, known)
    hint = f"did you mean `{guess}`?" if guess else "`obs-lint rule` lists all"
    return error_at(config, key, f"{_spoken(key, config)}`{selector}` is no rule", item=selector, hint=hint)


def _refuse_always(codes: frozenset[str], key: str, config: Config) -> None:
    for code in sorted(codes & ALWAYS):
        message = f"{_spoken(key, config)}{code} can't be ignored"
        raise error_at(config, key, message, item=code, hint="add the files to `exclude`")


def _spoken(key: str, config: Config) -> str:
    """Name a key before what is wrong with it; an option of the command line is named already."""
    if config.provenance.get(key, "").startswith("--"):
        return ""
    return f"{key.partition('.')[2]}: " if '"' in key else f"{key.rpartition('.')[2]}: "
