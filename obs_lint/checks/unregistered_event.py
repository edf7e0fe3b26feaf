"""Reports emissions of events that no source of the registry declares."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from obs_lint.checks import Check
from obs_lint.checks.emitted import anchors, emitted, enclosing, lines_of, names_itself, possible, shown, trail
from obs_lint.checks.likeness import Names
from obs_lint.checks.run import RuleRun
from obs_lint.config import where
from obs_lint.diagnostic import Diagnostic
from obs_lint.events.emitters import spelled
from obs_lint.events.model import Alternative, Emission
from obs_lint.events.registries import Registries, registries
from obs_lint.registry.model import Place


@dataclass(frozen=True, slots=True)
class Options:
    """What `unregistered-event` may be told."""

    tests: Literal["similar", "all", "none"] = "similar"
    """Which unregistered events count in tests: `similar`, those that share a namespace with a registered one or look
    like one; `all`; `none`."""
    made_up: tuple[str, ...] = ()
    """Words in an event's name that say that a test has made it up; they count under `similar`."""


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic for each unregistered event of an emission, at the expression that says which event it is."""
    declared = registries(run.project, run.config)
    if not declared.events or not declared.is_complete:
        return
    judge = _Judge(run, declared)
    told = {name: place for name, place in _configured(run) if judge.is_unregistered(Alternative(name))}
    for name, place in told.items():
        fields = judge.fields(Alternative(name), "")
        yield run.report_at(place, target=name, **fields)
    for file, emission in emitted(run):
        unknown = [a for a in possible(emission) if judge.is_unregistered(a)]
        if not unknown or ("tests" in file.roles and judge.expects_failure(emission)):
            continue
        for alternative in unknown:
            if "tests" in file.roles and not judge.counts_in_tests(alternative):
                continue
            if emission.event is None and alternative.name in told:
                continue
            fields = judge.fields(alternative, _among(emission))
            yield run.report(
                file,
                emission.pos,
                target=shown(alternative),
                scope=emission.scope,
                lines=lines_of(emission.statement),
                trail=trail(run, emission, alternative),
                **fields,
            )


class _Judge:
    """Tells which events are unregistered, and remembers what looks most like them."""

    def __init__(self, run: RuleRun[Options], declared: Registries) -> None:
        self._run = run
        self._declared = declared
        self._names: Names | None = None
        self._failing: dict[str, frozenset[tuple[int, int, int, int]]] = {}
        self._first_segments = {_first_segment(name) for name in declared.names}
        self._made_up = frozenset(run.options.made_up)
        sources = [source.source for source in declared.sources if not source.mirror]
        self.home = sources[0] if sources else run.config.registry[0].source

    def is_unregistered(self, alternative: Alternative) -> bool:
        return self._declared.of(alternative) is None and not self._declared.is_reserved(alternative.name)

    def nearest(self, alternative: Alternative) -> str:
        """The registered event that is most likely meant, "" where none is."""
        if self._names is None:
            self._names = Names(self._declared.names)
        return self._names.nearest(alternative.name)

    def fields(self, alternative: Alternative, among: str) -> dict[str, Any]:
        """What the message and the help say of an event."""
        nearest = self.nearest(alternative)
        fields = {
            "event": shown(alternative),
            "among": among,
            "suggestion": f"; did you mean `{nearest}`?" if nearest else "",
            "registered": f"`{nearest}`" if nearest else "a registered event",
            "registry": self.home,
        }
        if names_itself(alternative):
            fields["help"] = _advice_for_code(alternative)
        return fields

    def counts_in_tests(self, alternative: Alternative) -> bool:
        """True where a test seems to mean a registered event, not one that it has made up."""
        mode = self._run.options.tests
        if mode != "similar":
            return mode == "all"
        if names_itself(alternative):
            project = self._run.project
            files = [project.files.get(origin.path) for origin in project.lookup(alternative.symbol)]
            return any(file is not None and "tests" not in file.roles for file in files)
        if self._made_up.intersection(re.split(r"[\W_]+", alternative.name.lower())):
            return False
        return _first_segment(alternative.name) in self._first_segments or bool(self.nearest(alternative))

    def expects_failure(self, emission: Emission) -> bool:
        """True where the emission stands in `with pytest.raises(…)`, `self.assertRaises(…)` or the like."""
        facts = self._run.project.facts(emission.path)
        if facts is None:
            return False
        failing = self._failing.get(emission.path)
        if failing is None:
            calls = [call for call in facts.calls if _RAISING.search(spelled(call.expr[1]))]
            failing = self._failing[emission.path] = frozenset(call.statement for call in calls)
        return bool(failing) and (
            emission.statement in failing or any(header in failing for header in enclosing(facts, emission.statement))
        )


_RAISING = re.compile(r"(?:^|\.)(?:raises|assert_?raises\w*|xfail)$", re.IGNORECASE)


def _configured(run: RuleRun[Options]) -> Iterator[tuple[str, Place]]:
    """Events that the configuration says a helper emits, and where it says so."""
    for index, emitter in enumerate(run.config.emitters):
        for name in emitter.emits:
            file, line = where(run.config, f"emitters[{index}].emits", name)
            if line is not None and not file.startswith("--"):
                path = os.path.relpath(os.path.abspath(file), run.config.root).replace(os.sep, "/")
                yield name, Place(path, line)


def _advice_for_code(alternative: Alternative) -> str:
    """What to do about a class that is no event of any source."""
    module = alternative.symbol.rpartition(".")[0]
    return (
        f"Emit an event that is declared, declare `{alternative.name}` where a source of the registry reads it, or "
        f'add its module to them: `"python:{module}"` under `registry`.'
    )


def _first_segment(name: str) -> str:
    return re.split(r"[./:]", name, maxsplit=1)[0]


def _among(emission: Emission) -> str:
    count = len(emission.alternatives)
    if count == 1 and emission.complete:
        return ""
    return f", one of {count} events that may leave here," if emission.complete else ", an event that may leave here,"


CHECK = Check("unregistered-event", Options, run, anchors)
