"""Which events leave through a function: by its own emissions, and by what it calls."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from obs_lint.config.model import Config
from obs_lint.events.emissions import emissions
from obs_lint.events.emitters import last_name
from obs_lint.events.model import Emission
from obs_lint.events.registries import registries
from obs_lint.facts.model import Anchor, CallSite, Expr, FileFacts, Pos
from obs_lint.project import Origin, Project

UNTOLD = "?"
"""Stands for an event that can't be told."""
MODULE = -1
"""Stands for the function of what a module does when it is imported."""
_MAX_HOPS = 3
_ENTERED = ("__init__", "__enter__", "__aenter__", "__exit__", "__aexit__", "__call__")


class Leaving:
    """The events that leave through the functions of a project, under one configuration."""

    def __init__(self, project: Project, config: Config) -> None:
        """Nothing is looked at before it is asked for."""
        self._project = project
        self._emissions = emissions(project, config)
        self._registries = registries(project, config)
        self._in_file: dict[str, dict[Pos, Emission]] = {}
        self._direct: dict[str, dict[int, frozenset[str]]] = {}
        self._calls: dict[str, dict[int, list[CallSite]]] = {}
        self._through: dict[tuple[str, int, int], frozenset[str]] = {}
        self._named: dict[str, frozenset[str]] | None = None

    def paths(self) -> tuple[str, ...]:
        """Return the files of the project in which an event may leave, tests apart."""
        return self._emissions.files([file for file in self._project.files.values() if "tests" not in file.roles])

    def in_file(self, path: str) -> dict[Pos, Emission]:
        """Return the emissions of a file by the place of the call."""
        found = self._in_file.get(path)
        if found is None:
            found = {emission.call[-1]: emission for emission in self._emissions.in_file(path)}
            self._in_file[path] = found
        return found

    def events(self, emission: Emission) -> frozenset[str]:
        """Return the names of the events that an emission may be, UNTOLD among them where there may be others."""
        names: set[str] = set()
        for alternative in emission.alternatives:
            declared = self._registries.of(alternative)
            names.add(alternative.name if declared is None else declared.name)
        if not emission.complete:
            names.add(UNTOLD)
        return frozenset(names)

    def direct(self, path: str, function: int) -> frozenset[str]:
        """Return the events that leave in the body of a function itself, its lambdas and comprehensions included."""
        if path not in self._direct:
            by_function: dict[int, set[str]] = {}
            facts = self._project.facts(path)
            for emission in self.in_file(path).values() if facts is not None else ():
                assert facts is not None
                owner = function_of(facts, emission.scope)
                by_function.setdefault(owner, set()).update(self.events(emission))
            self._direct[path] = {index: frozenset(names) for index, names in by_function.items()}
        return self._direct[path].get(function, frozenset())

    def functions(self, path: str) -> Iterator[int]:
        """Yield the functions of a file in whose bodies an event leaves, MODULE for none."""
        self.direct(path, MODULE)
        yield from self._direct[path]

    def through(self, path: str, function: int, hops: int = _MAX_HOPS) -> frozenset[str]:
        """Return the events that may leave in a function and in what it calls or hands over."""
        key = (path, function, hops)
        known = self._through.get(key)
        if known is not None:
            return known
        self._through[key] = self.direct(path, function)
        found = set(self._through[key])
        facts = self._project.facts(path)
        if facts is not None and hops > 0:
            for call in self.calls(path, facts, function):
                found |= self.of_call(path, call.scope, call.expr, hops)
        self._through[key] = frozenset(found)
        return self._through[key]

    def calls(self, path: str, facts: FileFacts, function: int) -> list[CallSite]:
        """Return the calls in the body of a function."""
        if path not in self._calls:
            by_function: dict[int, list[CallSite]] = {}
            for call in facts.calls:
                by_function.setdefault(function_of(facts, call.scope), []).append(call)
            self._calls[path] = by_function
        return self._calls[path].get(function, [])

    def of_call(self, path: str, scope: int, call: Expr, hops: int = _MAX_HOPS) -> frozenset[str]:
        """Return the events that leave in what a call calls, or in what it hands over to be called."""
        if call[-1] in self.in_file(path):
            return frozenset()
        found: set[str] = set()
        for expr in (call[1], *call[2], *(value for _, value, _ in call[3])):
            if expr[0] in ("name", "attr"):
                found |= self.of_callable(path, scope, expr, hops, called=expr is call[1])
        return frozenset(found)

    def of_callable(self, path: str, scope: int, expr: Expr, hops: int, *, called: bool = True) -> frozenset[str]:
        """Return the events that leave when what an expression names is called."""
        found: set[str] = set()
        told = False
        for origin in self._project.resolve(path, scope, expr):
            for where, index in self._bodies(origin):
                told = True
                found |= self.through(where, index, hops - 1)
            told = told or origin.kind in ("external", "result", "member")
        if not told and (called or expr[0] == "attr"):
            found |= self.by_name(last_name(expr))
        return frozenset(found)

    def _bodies(self, origin: Origin) -> Iterator[tuple[str, int]]:
        """Yield the functions that run where an origin is called; none for what has its body elsewhere."""
        targets: Iterable[Origin] = ()
        if origin.kind == "function":
            targets = (origin,)
        elif origin.kind in ("class", "instance") and origin.path:
            targets = [each for name in _ENTERED for each in self._project.resolve_attribute(origin, name)]
        for target in targets:
            facts = self._project.facts(target.path) if target.kind == "function" else None
            if facts is not None and not facts.functions[target.index].is_stub:
                yield target.path, target.index

    def bodies(self, path: str, scope: int, func: Expr) -> Iterator[tuple[str, int]]:
        """Yield the first-party functions that run where an expression is called."""
        for origin in self._project.resolve(path, scope, func):
            yield from self._bodies(origin)

    def by_name(self, name: str) -> frozenset[str]:
        """Return the events that leave in the bodies of all functions of that name: where nothing tells which it is."""
        if self._named is None:
            named: dict[str, set[str]] = {}
            for path in self.paths():
                facts = self._project.facts(path)
                for index in self.functions(path) if facts is not None else ():
                    if index != MODULE and facts is not None:
                        named.setdefault(facts.functions[index].name, set()).update(self.direct(path, index))
            self._named = {name: frozenset(events) for name, events in named.items()}
        return self._named.get(name, frozenset())

    # -- around a function

    def callers(
        self, path: str, facts: FileFacts, index: int, *, told: bool = True, emitting: bool = False
    ) -> Iterator[tuple[str, int]]:
        """Yield the functions in which a function is named; with `told`, those in which it is known to be meant.

        With `emitting`, only in files in which an event may leave.
        """
        name = facts.functions[index].name
        word = name.encode("utf-8", "replace")
        anchor = Anchor((word,), rb"(?<!\w)(?<!def )" + re.escape(word) + rb"(?!\w)")
        seen: set[tuple[str, int]] = set()
        for where in sorted(self._project.matching((anchor,), frozenset(self.paths()) if emitting else None)):
            other = self._project.facts(where)
            if other is None or "tests" in self._project.files[where].roles:
                continue
            for use in other.uses:
                caller = (where, function_of(other, use.scope))
                if last_name(use.expr) != name or use.annotation or caller in seen:
                    continue
                origins = self._project.resolve(where, use.scope, use.expr)
                meant = any((o.kind, o.path, o.index) == ("function", path, index) for o in origins)
                if meant or (not told and not any(o.kind in ("function", "external") for o in origins)):
                    seen.add(caller)
                    yield caller

    def of_decorators(self, path: str, facts: FileFacts, index: int) -> frozenset[str]:
        """Return the events that may leave in the decorators of a function, and in what is defined in them."""
        found: set[str] = set()
        function = facts.functions[index]
        for decorator in function.decorators:
            callee = decorator[1] if decorator[0] == "call" else decorator
            for where, wrapper in self.bodies(path, function.parent, callee):
                found |= self._within(where, wrapper)
        return frozenset(found)

    def _within(self, path: str, index: int) -> frozenset[str]:
        facts = self._project.facts(path)
        if facts is None:
            return frozenset()
        outer = facts.functions[index].pos
        found: set[str] = set()
        for number, function in enumerate(facts.functions):
            if outer[:2] <= function.pos[:2] and function.pos[2:] <= outer[2:]:
                found |= self.through(path, number)
        return frozenset(found)


def leaving(project: Project, config: Config) -> Leaving:
    """Return which events leave through which functions; found once a run."""
    return project.once(("leaving", id(config)), lambda: Leaving(project, config))


def function_of(facts: FileFacts, scope: int) -> int:
    """Return the function whose body runs what stands in a scope; lambdas count to what they stand in."""
    while scope > 0:
        row = facts.scopes[scope]
        if row.kind == "function":
            return row.owner
        scope = row.parent
    return MODULE
