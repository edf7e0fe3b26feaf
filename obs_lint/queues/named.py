"""Calls of what the configuration names: a function, a method of a class or of what stands for it, under any name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

from obs_lint.facts.model import Anchor, Expr, FileFacts, Function
from obs_lint.facts.nested import nested
from obs_lint.patterns import names_match
from obs_lint.project import Origin, Project

_CALLABLE = frozenset({"function", "class", "external", "instance"})


class Named:
    """Finds the calls of one dotted name in one project."""

    def __init__(self, project: Project, dotted: str) -> None:
        """`dotted`: `pkg.send`, `pkg.Queue.publish`, with `*` for a segment."""
        self._project = project
        self.dotted = dotted
        self._owner, _, self.last = dotted.rpartition(".")

    def files(self) -> tuple[str, ...]:
        """Return the files that say the name, or one under which it is imported somewhere; stubs and tests apart."""
        anchors = [word(name) for name in sorted(self._spelled)]
        found = sorted(self._project.matching(anchors))
        return tuple([p for p in found if not p.endswith(".pyi") and "tests" not in self._project.files[p].roles])

    @cached_property
    def _spelled(self) -> frozenset[str]:
        """The last name, and what imports rename it to."""
        names = {self.last}
        renamed = list(self._project.renaming_imports())
        more = True
        while more:
            found = {bound for name, bound in renamed if name in names} - names
            names |= found
            more = bool(found)
        return frozenset(names)

    def calls(self, path: str, facts: FileFacts) -> Iterator[tuple[int, Expr, tuple[int, int, int, int]]]:
        """Yield (scope, call, statement) of its calls in a file, in source order; not those by which an override of it
        calls on.
        """
        own = {function.scope for function in facts.functions if self.is_defined_as(path, function)}
        for site in facts.calls:
            if self.is_called(path, site.scope, site.expr[1]) and not _is_within(facts, site.scope, own):
                yield site.scope, site.expr, site.statement

    def is_called(self, path: str, scope: int, func: Expr) -> bool:
        """True where an expression is what the configuration names."""
        if func[0] not in ("name", "attr"):
            return False
        if last(func) not in self._spelled and not (func[0] == "name" and self._is_bound(path, scope, func[1])):
            return False
        return any(self.is_meant(origin) for origin in self._project.resolve(path, scope, func))

    def _is_bound(self, path: str, scope: int, name: str) -> bool:
        """True for a variable that is given the function: `send = queue.publish`."""
        bound = self._project.bound(path, scope, name)
        return bound is not None and any(
            part[0] in ("name", "attr") and last(part) in self._spelled
            for binding in bound[1]
            if binding.kind in ("assign", "walrus") and binding.value is not None
            for part in nested(binding.value)
        )

    def is_meant(self, origin: Origin) -> bool:
        """True for an origin that is it: by its own name, by one that it was reached by, as a method by its classes."""
        if self.dotted in origin.via or (origin.kind, origin.name) in self._meant:
            return True
        if origin.kind in _CALLABLE and names_match(self.dotted, self._project.names(origin), below=False):
            return True
        if origin.kind == "member":
            return names_match(self.dotted, (origin.name.replace("()", ""),), below=False)
        return origin.kind == "function" and bool(origin.path) and self._is_method(origin)

    @cached_property
    def _meant(self) -> frozenset[tuple[str, str]]:
        return frozenset((o.kind, o.name) for o in self._project.lookup(self.dotted) if o.kind in _CALLABLE)

    def _is_method(self, origin: Origin) -> bool:
        facts = self._project.facts(origin.path)
        function = None if facts is None else facts.functions[origin.index]
        if function is None or function.owner < 0 or function.name != self.last:
            return False
        owners = [(origin.path, function.owner)]
        if origin.receiver:
            owners += [(o.path, o.index) for o in self._project.lookup(origin.receiver) if o.kind == "class" and o.path]
        return any(self._is_owner(*owner) for owner in owners)

    def _is_owner(self, path: str, index: int) -> bool:
        """True for the class that the name is read from, or one below it."""
        for ancestor in self._project.ancestors(path, index):
            if names_match(self._owner, self._class_names(ancestor), below=False):
                return True
            if ancestor in self._owners:
                return True
        return False

    @cached_property
    def _owners(self) -> frozenset[tuple[str, int] | str]:
        found = self._project.lookup(self._owner) if self._owner else ()
        return frozenset((o.path, o.index) for o in found if o.kind == "class" and o.path)

    def _class_names(self, ancestor: tuple[str, int] | str) -> Iterable[str]:
        if isinstance(ancestor, str):
            return (ancestor,)
        facts, file = self._project.facts(ancestor[0]), self._project.files.get(ancestor[0])
        if facts is None or file is None:
            return ()
        qualname = facts.classes[ancestor[1]].qualname
        return [f"{module}.{qualname}" for module in dict.fromkeys((*file.names, file.symbol))]

    def is_defined_as(self, path: str, function: Function) -> bool:
        """True for a function that is it, or a method of a class below its own that has its name."""
        if function.name != self.last:
            return False
        file = self._project.files[path]
        names = [f"{module}.{function.qualname}" for module in dict.fromkeys((*file.names, file.symbol))]
        if names_match(self.dotted, names, below=False):
            return True
        return function.owner >= 0 and self._is_owner(path, function.owner)

    def parameter(self, path: str, scope: int, call: Expr, given: int | str) -> tuple[int, str]:
        """Return (position, keyword) of an argument that the configuration says one of; -1 and "" for what can't be
        told.
        """
        names = self._parameters(path, scope, call[1])
        if isinstance(given, int):
            return given, names[given] if given < len(names) else ""
        return (names.index(given) if given in names else -1), given

    def _parameters(self, path: str, scope: int, func: Expr) -> tuple[str, ...]:
        """Parameters that can be given by position, without what a method gets as its receiver."""
        for origin in (*self._project.resolve(path, scope, func), *self._project.lookup(self.dotted)):
            target = origin
            if origin.kind in ("class", "instance") and origin.path:
                special = "__init__" if origin.kind == "class" else "__call__"
                made = [o for o in self._project.resolve_attribute(origin, special) if o.kind == "function"]
                target = made[0] if made else origin
            facts = self._project.facts(target.path) if target.kind == "function" and target.path else None
            if facts is None:
                continue
            function = facts.functions[target.index]
            names = [p.name for p in function.parameters if "positional" in p.kind]
            bare = any(decorator[:2] == ("name", "staticmethod") for decorator in function.decorators)
            return tuple(names[1:] if function.owner >= 0 and not bare else names)
        return ()


def argument(call: Expr, position: int, keyword: str) -> Expr | None:
    """Return what a call gives by keyword or by position; None where it gives nothing, or `*` stands before it."""
    for name, value, _ in call[3]:
        if keyword and name == keyword:
            return tuple(value)
    if 0 <= position < len(call[2]) and not any(each[0] == "star" for each in call[2][: position + 1]):
        return tuple(call[2][position])
    return None


def word(name: str) -> Anchor:
    """Return the anchor of the files that say a name."""
    return Anchor(words=(name.encode("utf-8", "replace"),))


def last(expr: Expr) -> str:
    """Return the last name of a chain."""
    return str(expr[1]) if expr[0] == "name" else str(expr[2]) if expr[0] == "attr" else ""


def _is_within(facts: FileFacts, scope: int, scopes: set[int]) -> bool:
    while scope > 0:
        if scope in scopes:
            return True
        scope = facts.scopes[scope].parent
    return False
