"""Which event a method is, where `event = "method"`: from its name to a registered one.

`order.placed`, `order-placed` and `orderPlaced` are all `order_placed` for this purpose, and `placed` where no other
registered name ends in that segment. What a declared pattern says literally is taken off the method first
(`function = "pkg.Logger.log_*"`). Where a whole class is declared, the words that its methods put before registered
names (`log_order_placed`, `record_order_placed`) mark events, and its other methods are none; without a registry every
public method is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from obs_lint.config.model import Config, EmitterConfig
from obs_lint.events.emitters import Emitters, Match, public_methods
from obs_lint.events.registries import RESERVED, registries
from obs_lint.project import Project

_WORD = re.compile(r"[^0-9a-zA-Z]+|(?<=[a-z0-9])(?=[A-Z])")


def folded(name: str) -> str:
    """Return a name in lower case, its words joined by underscores."""
    return "_".join(part for part in _WORD.split(name) if part).lower()


class MethodNames:
    """Tells the events of methods, in one project under one configuration."""

    def __init__(self, project: Project, config: Config, emitters: Emitters) -> None:
        """The registry is read when the first method is asked for."""
        self._project = project
        self._config = config
        self._emitters = emitters
        self._known: dict[str, str] | None = None
        self._verbs: dict[str, tuple[str, ...]] = {}

    def event_of(self, match: Match) -> str | None:
        """Return the event that a call of a method is, None where the method is no event."""
        emitter, method = match.emitter, match.method
        registered = self._registered()
        last = emitter.function.rpartition(".")[2]
        if "*" in last or "?" in last:
            rest = _without(method, last)
            return registered.get(folded(rest)) or registered.get(folded(method)) or rest
        if last == method:
            return registered.get(folded(method)) or self._ending(method) or method
        if method.startswith("_"):
            return None
        if not registered:
            return method
        found = registered.get(folded(method))
        if found is not None:
            return found
        for verb in self._verbs_of(emitter):
            if method.startswith(verb):
                rest = method[len(verb) :]
                return registered.get(folded(rest)) or rest
        return None

    def _registered(self) -> dict[str, str]:
        if self._known is None:
            names = [
                event.name
                for registry in registries(self._project, self._config).sources
                for event in registry.events
                if event.name not in RESERVED
            ]
            tails: dict[str, set[str]] = {}
            for name in names:
                at = name.find(".")
                while at >= 0:
                    tails.setdefault(folded(name[at + 1 :]), set()).add(name)
                    at = name.find(".", at + 1)
            self._known = {tail: only for tail, (only, *more) in tails.items() if not more}
            self._known |= {folded(name): name for name in names}
        return self._known

    def _ending(self, method: str) -> str:
        """Return the registered event with which a method's name ends."""
        name = folded(method)
        rest = name
        while "_" in rest:
            rest = rest.partition("_")[2]
            if rest in self._registered():
                return self._registered()[rest]
        return ""

    def _verbs_of(self, emitter: EmitterConfig) -> tuple[str, ...]:
        """What the methods of a class put before registered names, longest first."""
        known = self._verbs.get(emitter.function)
        if known is None:
            found = {
                verb
                for origin in self._project.lookup(emitter.function)
                if origin.kind == "class"
                for verb in self._before(public_methods(self._project, origin))
            }
            known = self._verbs[emitter.function] = tuple(sorted(found, key=lambda verb: (-len(verb), verb)))
        return known

    def _before(self, methods: Iterable[str]) -> Iterable[str]:
        for method in methods:
            at = method.find("_")
            while at > 0:
                if folded(method[at + 1 :]) in self._registered():
                    yield method[: at + 1]
                    break
                at = method.find("_", at + 1)


def _without(method: str, pattern: str) -> str:
    """Return a method's name without what its pattern says literally before the first and after the last wildcard."""
    first = min(at for at in (pattern.find("*"), pattern.find("?")) if at >= 0)
    last = max(pattern.rfind("*"), pattern.rfind("?"))
    rest = method[first : len(method) - (len(pattern) - 1 - last)]
    return rest or method
