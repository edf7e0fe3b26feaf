"""From a rule file's content to a Rule, and to the options that it runs with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from obs_lint.catalogue.error import CatalogueError
from obs_lint.config import Config, ConfigError, error_at
from obs_lint.config.model import RuleSettings
from obs_lint.diagnostic import Severity
from obs_lint.rule import Rule


def make_rule(document: Mapping[str, Any], origin: str) -> Rule:
    """Make the Rule of a rule file's content, which fits the schema."""
    return Rule(
        code=document["code"].strip(),
        slug=document["slug"].strip(),
        summary=document["summary"].strip(),
        why=document["why"].strip(),
        source=document.get("source", "").strip(),
        severity=Severity(document.get("severity", "error")),
        default=document.get("default", True),
        check=document["check"],
        message=document["message"].strip(),
        help=document.get("help", "").strip(),
        needs=tuple(document.get("needs", ())),
        leaves_alone=tuple(document.get("leaves-alone", ())),
        options=document.get("with", {}),
        fix=document.get("fix", "none"),
        whole_project=document.get("whole-project", False),
        origin=origin,
    )


def is_reference(value: Any) -> bool:
    """True for `{of: CODE}` and `{of: CODE, option: NAME}`: the option of that name, or of another, of another rule."""
    return isinstance(value, dict) and "of" in value and value.keys() <= {"of", "option"}


class EffectiveOptions:
    """Options of all rules: `{of: CODE}` is looked up, then comes what the configuration says."""

    def __init__(
        self,
        rules: Mapping[str, Rule],
        slugs: Mapping[str, Rule],
        given: Mapping[str, RuleSettings],
        config: Config,
    ) -> None:
        self.rules = rules
        self.slugs = slugs
        self.given = given
        self.config = config
        self.known: dict[str, Mapping[str, Any]] = {}
        self.pending: list[str] = []

    def of(self, rule: Rule) -> Mapping[str, Any]:
        """Return the options of a rule, by name. Raises CatalogueError and ConfigError."""
        if rule.code in self.known:
            return self.known[rule.code]
        if rule.code in self.pending:
            ring = " → ".join((*self.pending[self.pending.index(rule.code) :], rule.code))
            raise CatalogueError(rule.origin, None, f"`with` refers back to itself: {ring}")
        self.pending.append(rule.code)
        made = self._looked_up(rule, rule.options)
        if rule.code in self.given and self.given[rule.code].options:
            made = self._overlaid(rule, made, self.given[rule.code].options)
        self.pending.pop()
        self.known[rule.code] = made
        return made

    def _looked_up(self, rule: Rule, options: Mapping[str, Any]) -> Mapping[str, Any]:
        references = {key: value for key, value in options.items() if is_reference(value)}
        if not references:
            return options
        found = {}
        for key, value in references.items():
            other = self.rules.get(value["of"]) or self.slugs.get(value["of"])
            if other is None:
                raise CatalogueError(rule.origin, None, f"`with.{key}` is that of `{value['of']}`, which is no rule")
            found[key] = self._value(other, value.get("option", key), rule)
        return {**options, **found}

    def _value(self, other: Rule, option: str, asking: Rule) -> Any:
        options = self.of(other)
        if option in options:
            return options[option]
        from obs_lint.catalogue.options import default
        from obs_lint.checks import load

        try:
            return default(load(other.check).options, option)
        except KeyError:
            message = f"`with` takes `{option}` of {other.code}, which has no such option"
            raise CatalogueError(asking.origin, None, message) from None

    def _overlaid(self, rule: Rule, base: Mapping[str, Any], given: Mapping[str, Any]) -> Mapping[str, Any]:
        from obs_lint.catalogue.options import OptionError, build, overlay
        from obs_lint.checks import load

        options = load(rule.check).options
        try:
            made = overlay(options, base, given)
            build(options, made)
        except OptionError as error:
            raise option_error(rule, error.place, error.message, self.config) from None
        return made


def option_error(rule: Rule, place: Iterable[str | int], message: str, config: Config) -> ConfigError:
    """Make the error for an option that the configuration gives."""
    from obs_lint.catalogue.schema import show
    from obs_lint.config.lines import dotted_key

    used = rule.code if rule.code in config.rules else rule.slug
    path = tuple(place)
    keys = tuple(part for part in path if isinstance(part, str))
    return error_at(config, dotted_key(("rules", used, *keys)), f"{show(path)}: {message}")
