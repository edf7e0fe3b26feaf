"""The kinds of check. A check is a function from what is known of a project to Diagnostics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Generic, Literal, TypeVar, cast

from obs_lint.checks.run import Anchor, RuleRun
from obs_lint.config.model import Config

OptionsT = TypeVar("OptionsT")


@dataclass(frozen=True, slots=True)
class Check(Generic[OptionsT]):
    """A kind of check: the options that its rules may set, and the function that looks."""

    name: str
    options: type[OptionsT]
    """A frozen dataclass; field names with `-` for `_` are the keys of a rule's `with`."""
    run: Callable[[RuleRun[OptionsT]], Iterator[Any]]
    anchors: Callable[[OptionsT, Config], tuple[Anchor, ...]] | None = None
    """Files in which the check needs FileFacts: those that match any of these. None: it asks on demand only."""
    parts: Literal["files", "whole", "none"] = "none"
    """How its work may be shared out: `files`: what it finds in a file does not depend on which others it may report
    on, so a part of the files gives a part of the findings; `whole`: it runs once, but apart from other checks, with
    which it has no costly answers in common."""


CHECKS: Mapping[str, str] = {
    "banned-import": "obs_lint.checks.banned_import",
    "telemetry-module": "obs_lint.checks.telemetry_module",
    "laundered-import": "obs_lint.checks.laundered_import",
    "dynamic-import": "obs_lint.checks.dynamic_import",
    "ad-hoc-emitter": "obs_lint.checks.ad_hoc_emitter",
    "undeclared-emitter": "obs_lint.checks.undeclared_emitter",
    "configuration-call": "obs_lint.checks.configuration_call",
    "printed-output": "obs_lint.checks.printed_output",
    "surface-internals": "obs_lint.checks.surface_internals",
    "patched-surface": "obs_lint.checks.patched_surface",
    "suppression-use": "obs_lint.checks.suppression_use",
    "baseline-use": "obs_lint.checks.baseline_use",
    "stale-pattern": "obs_lint.checks.stale_pattern",
    "parsable": "obs_lint.checks.parsable",
    "unregistered-event": "obs_lint.checks.unregistered_event",
    "unresolvable-event": "obs_lint.checks.unresolvable_event",
    "event-name": "obs_lint.checks.event_name",
    "payload-field": "obs_lint.checks.payload_field",
    "event-severity": "obs_lint.checks.event_severity",
    "never-emitted": "obs_lint.checks.never_emitted",
    "sensitive-field": "obs_lint.checks.sensitive_field",
    "deprecated-event": "obs_lint.checks.deprecated_event",
    "event-context": "obs_lint.checks.event_context",
    "foreign-producer": "obs_lint.checks.foreign_producer",
    "registry-problem": "obs_lint.checks.registry_problem",
    "stale-lock": "obs_lint.checks.stale_lock",
    "missing-instrument": "obs_lint.checks.missing_instrument",
    "instrument-field": "obs_lint.checks.instrument_field",
    "misplaced-instrument": "obs_lint.checks.misplaced_instrument",
    "captured-secret": "obs_lint.checks.captured_secret",
    "unbalanced-lifecycle": "obs_lint.checks.unbalanced_lifecycle",
    "silent-transition": "obs_lint.checks.silent_transition",
    "unaccounted-fan-out": "obs_lint.checks.unaccounted_fan_out",
    "uncorrelated-call": "obs_lint.checks.uncorrelated_call",
    "uncorrelated-job": "obs_lint.checks.uncorrelated_job",
    "reminted-id": "obs_lint.checks.reminted_id",
    "correlation-name": "obs_lint.checks.correlation_name",
    "request-context": "obs_lint.checks.request_context",
    "dropped-context": "obs_lint.checks.dropped_context",
    "swallowed-error": "obs_lint.checks.swallowed_error",
    "error-detail": "obs_lint.checks.error_detail",
    "level": "obs_lint.checks.level",
    "panic-path": "obs_lint.checks.panic_path",
    "logged-and-raised": "obs_lint.checks.logged_and_raised",
    "smoke": "obs_lint.checks.smoke",
}
"""Kind of check → module that holds it as `CHECK`; imported when a rule needs it."""


def load(name: str) -> Check[Any]:
    """Return the check of that name. Raises KeyError where there is none."""
    return cast("Check[Any]", import_module(CHECKS[name]).CHECK)
