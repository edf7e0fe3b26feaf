"""Which first-party code passes correlation ids on, and which callables the configuration or a library says do."""

from __future__ import annotations

from obs_lint import runtime
from obs_lint.config.model import Config
from obs_lint.correlation.model import Canonical
from obs_lint.correlation.written import Place, last_name
from obs_lint.facts.model import FileFacts
from obs_lint.facts.nested import nested
from obs_lint.facts.roots import of_block
from obs_lint.patterns import names_match
from obs_lint.project import Origin, Project

_MAX_CALLS = 3
_INJECTIONS = ("opentelemetry.propagate.inject", "opentelemetry.**.inject", "ddtrace.**.HTTPPropagator.inject")


class Code:
    """What functions and classes do with ids."""

    def __init__(self, project: Project, config: Config, canonical: Canonical) -> None:
        """`config.correlation.propagating` names what carries ids without being looked at."""
        self._project = project
        self._patterns = (*config.correlation.propagating, *(runtime.PROPAGATING if runtime.is_used(project) else ()))
        self._canonical = canonical
        self._known: dict[tuple[str, int, int], bool] = {}

    @property
    def knows_any(self) -> bool:
        """True where something is said to carry ids."""
        return bool(self._patterns)

    def is_named(self, origin: Origin) -> bool:
        """True where `correlation.propagating` names an origin, or a base of its class."""
        if not self._patterns:
            return False
        names = [*self._project.names(origin), *origin.via]
        if origin.kind in ("member", "result", "instance") and not origin.path:
            made = origin.name.partition("()")[0]
            names += [made, *_owners(made)]
        if origin.path and origin.index >= 0 and origin.kind in ("class", "instance"):
            names += self._bases(origin.path, origin.index)
        if origin.path and origin.kind == "function":
            facts = self._project.facts(origin.path)
            owner = -1 if facts is None else facts.functions[origin.index].owner
            if owner >= 0:
                names += self._bases(origin.path, owner)
            if origin.receiver:
                names.append(origin.receiver)
        return any(names_match(pattern, names) for pattern in self._patterns)

    def _bases(self, path: str, index: int) -> list[str]:
        names: list[str] = []
        for ancestor in self._project.ancestors(path, index):
            if isinstance(ancestor, str):
                names.append(ancestor)
                continue
            facts, file = self._project.facts(ancestor[0]), self._project.files.get(ancestor[0])
            if facts is not None and file is not None:
                qualname = facts.classes[ancestor[1]].qualname
                names += [f"{module}.{qualname}" for module in (*file.names, file.symbol)]
        return names

    def is_propagating(self, place: Place) -> bool:
        """True where the configuration says that an expression, or what a call calls, carries ids."""
        if not self._patterns:
            return False
        expr = place.expr[1] if place.expr[0] == "call" else place.expr
        return any(self.is_named(origin) for origin in self._project.resolve(place.path, place.scope, expr))

    def is_filling(self, place: Place) -> bool:
        """True where a call hands its arguments to a function that carries ids, which may add them to what it is given;
        not for methods of clients and pools that do.
        """
        if not self._patterns:
            return False
        origins = self._project.resolve(place.path, place.scope, place.expr[1])
        return any(o.kind in ("external", "function") and not o.receiver and self.is_named(o) for o in origins)

    def is_within_propagating(self, path: str, scope: int) -> bool:
        """True for code of a function or a class that the configuration says carries ids."""
        facts, file = self._project.facts(path), self._project.files.get(path)
        if not self._patterns or facts is None or file is None:
            return False
        qualname = facts.scopes[scope].qualname
        names = [f"{module}.{qualname}" if qualname else module for module in (*file.names, file.symbol)]
        while scope > 0:
            row = facts.scopes[scope]
            if row.kind == "class":
                names += self._bases(path, row.owner)
            scope = row.parent
        return any(names_match(pattern, names) for pattern in self._patterns)

    def is_injection(self, place: Place) -> bool:
        """True for a call that writes the trace context into its argument."""
        if last_name(place.expr) != "inject":
            return False
        origins = self._project.resolve(place.path, place.scope, place.expr[1])
        return any(names_match(p, (o.name.replace("()", ""),), below=False) for o in origins for p in _INJECTIONS)

    def carries(self, path: str, function: int, depth: int = _MAX_CALLS) -> bool:
        """True where a function names a correlation field or header, or calls something that passes ids on."""
        key = (path, function, depth)
        if key not in self._known:
            self._known[key] = False
            facts = self._project.facts(path)
            self._known[key] = facts is not None and self._does(path, facts, function, depth)
        return self._known[key]

    def class_carries(self, path: str, index: int) -> bool:
        """True where a method of a class, or of a first-party base, passes ids on."""
        for ancestor in self._project.ancestors(path, index):
            facts = None if isinstance(ancestor, str) else self._project.facts(ancestor[0])
            if facts is None or isinstance(ancestor, str):
                continue
            for number, function in enumerate(facts.functions):
                if function.owner == ancestor[1] and self.carries(ancestor[0], number):
                    return True
        return False

    def _does(self, path: str, facts: FileFacts, index: int, depth: int) -> bool:
        function = facts.functions[index]
        scopes = _scopes_within(facts, function.scope)
        results = [result.value for result in function.returns] if not function.block else []
        for root in (*of_block(function.block), *results):
            for expr in nested(root):
                if expr[0] == "const" and isinstance(expr[1], str) and self._canonical.of_header(expr[1]):
                    return True
                if expr[0] in ("name", "attr") and self._canonical.of_name(last_name(expr)):
                    return True
        for site in facts.calls:
            if site.scope not in scopes:
                continue
            call = Place(path, site.scope, site.expr)
            if any(name is not None and self._canonical.of_name(name) for name, _, _ in site.expr[3]):
                return True
            if self.is_propagating(call) or self.is_injection(call):
                return True
            for origin in self._project.resolve(path, site.scope, site.expr[1]) if depth else ():
                if origin.kind == "function" and origin.path and self.carries(origin.path, origin.index, depth - 1):
                    return True
        for row in (*facts.attributes, *facts.subscripts):
            if row.scope in scopes and row.target[0] == "sub":
                values = self._project.values(path, row.scope, row.target[2])
                if any(isinstance(v.value, str) and self._canonical.of_header(v.value) for v in values.known):
                    return True
        return False


def _owners(dotted: str) -> list[str]:
    return [dotted.rpartition(".")[0]] if dotted[:1].isupper() else []


def _scopes_within(facts: FileFacts, outer: int) -> frozenset[int]:
    found = {outer}
    for number, scope in enumerate(facts.scopes):
        if number > outer and scope.parent in found:
            found.add(number)
    return frozenset(found)
