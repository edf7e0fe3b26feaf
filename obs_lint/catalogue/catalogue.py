"""The Catalogue: every rule there is, those that a configuration selects, and the options of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from obs_lint.catalogue.binding import EffectiveOptions, make_rule, option_error
from obs_lint.catalogue.error import CatalogueError
from obs_lint.catalogue.selection import per_file, select, unknown_rule
from obs_lint.catalogue.shipped import documents
from obs_lint.config import Config
from obs_lint.config.model import RuleSettings
from obs_lint.patterns import path_matches
from obs_lint.rule import Rule

_UNCHANGED = RuleSettings()


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All rules, set up for one configuration."""

    rules: Mapping[str, Rule]
    """By code, in order of codes; severity and options as `[tool.obs-lint.rules]` says."""
    by_slug: Mapping[str, Rule]
    config: Config
    unset: Mapping[str, Rule]
    """The rules as their files say, before the configuration."""
    ignored: Mapping[str, tuple[str, ...]]
    """Code → path globs of `per-file-ignores`."""
    warnings: tuple[str, ...] = ()
    """For stderr: things that changed nothing in the rules."""

    def selected(self, config: Config | None = None) -> tuple[Rule, ...]:
        """Return the rules that a configuration (default: the catalogue's own) selects, in order of codes.

        Without those on what a running system emits, which `obs-lint smoke` has. Raises ConfigError for a selector that
        means no rule.
        """
        catalogue = self if config is None else self.for_config(config)
        chosen = select(catalogue.config, catalogue.rules, catalogue.by_slug)
        return tuple(rule for code, rule in catalogue.rules.items() if code in chosen and rule.check != "smoke")

    def for_config(self, config: Config) -> Catalogue:
        """Return the same rules set up for another configuration, such as a scope's. Raises ConfigError."""
        return self if config is self.config else _set_up(self.unset, config, self.warnings)

    def options(self, rule: Rule) -> Any:
        """Build the options that the rule's check runs with. Raises ConfigError or CatalogueError for a wrong one."""
        from obs_lint.catalogue.options import OptionError, build
        from obs_lint.checks import load

        try:
            return build(load(rule.check).options, rule.options)
        except OptionError as error:
            settings = self.config.rules.get(rule.code) or self.config.rules.get(rule.slug)
            if settings is not None and error.place[0] in settings.options:
                raise option_error(rule, error.place, error.message, self.config) from None
            shown = ".".join(str(part) for part in ("with", *error.place) if isinstance(part, str))
            raise CatalogueError(rule.origin, None, f"`{shown}` of `{rule.check}`: {error.message}") from None

    def per_file_ignored(self, rule: Rule, path: str) -> bool:
        """True where `per-file-ignores` switches the rule off for a path, which is relative to the root with `/`."""
        patterns = self.ignored.get(rule.code)
        return patterns is not None and any(path_matches(pattern, path) for pattern in patterns)


def load_catalogue(config: Config, *, cache: bool = True) -> Catalogue:
    """Read the shipped rules and those of `rule-paths`, and set them up for `config`.

    `cache`: whether a team's rules, once parsed, may be kept in the cache folder. Raises CatalogueError for a rule that
    can't be used, ConfigError for a selector, option or path of the configuration that means nothing.
    """
    rules = {rule.code: rule for rule in (make_rule(document, name) for name, document in documents())}
    warnings: tuple[str, ...] = ()
    if config.rule_paths:
        from obs_lint.catalogue.team import add_team_rules

        warnings = add_team_rules(rules, config, cache=cache)
    return _set_up(dict(sorted(rules.items())), config, warnings)


def _set_up(rules: Mapping[str, Rule], config: Config, warnings: tuple[str, ...]) -> Catalogue:
    slugs = {rule.slug: rule for rule in rules.values()}
    given: dict[str, RuleSettings] = {}
    for name, settings in config.rules.items():
        rule = rules.get(name) or slugs.get(name)
        if rule is None:
            raise unknown_rule(name, f"rules.{name}", config, (*rules, *slugs))
        given[rule.code] = settings
    options = EffectiveOptions(rules, slugs, given, config)
    made: dict[str, Rule] = {}
    for code, rule in rules.items():
        settings = given.get(code, _UNCHANGED)
        made[code] = replace(rule, severity=settings.severity or rule.severity, options=options.of(rule))
    return Catalogue(
        rules=made,
        by_slug={rule.slug: rule for rule in made.values()},
        config=config,
        unset=rules,
        ignored=per_file(config, made, slugs) if config.per_file_ignores else {},
        warnings=warnings,
    )
