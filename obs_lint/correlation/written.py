"""Where the value of an expression is written: through names, attributes, imports, and what functions return."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from obs_lint.facts.model import Attribute, Binding, CallSite, Expr, FileFacts
from obs_lint.facts.nested import nested
from obs_lint.facts.roots import of_block
from obs_lint.project import Origin, Project

_MAX_STEPS = 12
_MAX_ENDS = 24
_UNTOLD_KEY = ("const", None, (1, 1, 1, 1))


class Place(NamedTuple):
    """An expression and where it is evaluated."""

    path: str
    scope: int
    expr: Expr


class Written(NamedTuple):
    """One end of the way: an expression that is no name any more, or one that leads nowhere (a parameter)."""

    place: Place
    passed: tuple[Place, ...]
    """The names, attributes and calls passed, the first one first; the end is among them where it is a name."""

    @property
    def names(self) -> tuple[str, ...]:
        """Dotted names as written on the way."""
        return tuple(name for place in self.passed if (name := spelled(place.expr)))


def spelled(expr: Expr) -> str:
    """Return a chain of names and attributes as it is written, calls left out; "" where it is none."""
    if expr[0] == "name":
        return str(expr[1])
    if expr[0] == "attr":
        inner = spelled(expr[1])
        return f"{inner}.{expr[2]}" if inner else str(expr[2])
    return spelled(expr[1]) if expr[0] in ("call", "await") else ""


def last_name(expr: Expr) -> str:
    """Return the last name of a chain, of a call that of its callee; "" where there is none."""
    return spelled(expr).rpartition(".")[2]


def argument(call: Expr, position: int, *keywords: str) -> Expr | None:
    """Return the argument of a call that is given at a position (-1: never by position) or by one of the keywords."""
    for name, value, _ in call[3]:
        if name in keywords:
            return tuple(value)
    if 0 <= position < len(call[2]) and not any(each[0] == "star" for each in call[2][: position + 1]):
        return tuple(call[2][position])
    return None


def is_splat(call: Expr) -> bool:
    """True where a call has `*x` or `**x`."""
    return any(each[0] == "star" for each in call[2]) or any(name is None for name, _, _ in call[3])


class Sources:
    """Follows expressions of a project to where their values are written."""

    def __init__(self, project: Project) -> None:
        """Answers are kept."""
        self.project = project
        self._known: dict[tuple[str, int, int], tuple[Expr, tuple[Written, ...]]] = {}

    def ends(self, place: Place) -> tuple[Written, ...]:
        """Return every end that an expression leads to; the expression itself where it leads nowhere."""
        key = (place.path, place.scope, id(place.expr))
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = (place.expr, tuple(self._walk(place)))
        return known[1]

    def _walk(self, start: Place) -> Iterator[Written]:
        todo: list[tuple[Place, tuple[Place, ...]]] = [(start, ())]
        seen: set[tuple[str, int, int]] = set()
        count = 0
        while todo and count < _MAX_ENDS:
            place, passed = todo.pop(0)
            key = (place.path, place.scope, id(place.expr))
            if key in seen:
                continue
            seen.add(key)
            if place.expr[0] == "bound":
                passed = (*passed, Place(place.path, place.scope, place.expr[1]))
                place = Place(place.path, place.scope, place.expr[2])
            if place.expr[0] in ("name", "attr", "call"):
                passed = (*passed, place)
            further = self.step(place) if len(passed) < _MAX_STEPS else ()
            if further:
                todo += [(each, passed) for each in further]
            else:
                count += 1
                yield Written(place, passed)

    def step(self, place: Place) -> tuple[Place, ...]:
        """Return what an expression stands for, one step further; () where it leads nowhere.

        An assignment to an attribute comes as ("bound", target, value, pos).
        """
        path, scope, expr = place
        tag = expr[0]
        if tag == "name":
            return tuple(self._of_name(path, scope, expr[1]))
        if tag == "attr":
            return tuple(self._of_attribute(path, scope, expr))
        if tag == "call":
            return tuple(self._of_call(path, scope, expr))
        if tag == "await":
            return (Place(path, scope, expr[1]),)
        if tag == "walrus":
            return (Place(path, scope, expr[2]),)
        if tag == "if":
            return (Place(path, scope, expr[2]), Place(path, scope, expr[3]))
        if tag == "bool":
            return tuple([Place(path, scope, each) for each in expr[2]])
        return ()

    def _of_name(self, path: str, scope: int, name: str) -> Iterator[Place]:
        found = self.project.bound(path, scope, name)
        for binding in found[1] if found is not None else ():
            yield from self._of_binding(path, found[0] if found is not None else 0, binding)

    def _of_binding(self, path: str, owner: int, binding: Binding) -> Iterator[Place]:
        scope = binding.scope if binding.scope >= 0 else owner
        if binding.kind in ("assign", "walrus", "with", "augment") and binding.value is not None:
            yield Place(path, scope, binding.value)
        elif binding.kind == "for" and binding.value is not None:
            for end in self.ends(Place(path, scope, binding.value)):
                if end.place.expr[0] == "seq":
                    for item in end.place.expr[2]:
                        yield Place(end.place.path, end.place.scope, item)
                else:
                    yield Place(path, scope, ("sub", binding.value, _UNTOLD_KEY, binding.value[-1]))
        elif binding.kind == "import":
            yield from self._of_import(path, binding)
        elif binding.kind == "param":
            yield from self._of_parameter(path, binding)

    def _of_parameter(self, path: str, binding: Binding) -> Iterator[Place]:
        """Yield the default, and that it may be anything else; nothing where the name itself says as much."""
        facts = self.project.facts(path)
        if facts is None:
            return
        function = facts.functions[binding.index]
        default = function.parameters[binding.item].default
        others = len(facts.scopes[function.scope].bindings.get(binding.name, ())) > 1
        if default is not None and not (default[0] == "const" and default[1] is None):
            yield Place(path, function.parent, default)
            others = True
        if others:
            yield Place(path, function.scope, ("sub", ("name", binding.name, binding.pos), _UNTOLD_KEY, binding.pos))

    def _of_import(self, path: str, binding: Binding) -> Iterator[Place]:
        facts = self.project.facts(path)
        if facts is None:
            return
        statement = facts.imports[binding.index]
        name = statement.names[binding.item].name
        if statement.module is None or name == "*":
            return
        if statement.level:
            homes = self.project.modules.relative(path, statement.level, statement.module)[0]
        else:
            homes = self.project.find_module(statement.module, path)
        for home in homes:
            if home != path and self.project.bound(home, 0, name) is not None:
                yield Place(home, 0, ("name", name, binding.pos))

    def _of_attribute(self, path: str, scope: int, expr: Expr) -> Iterator[Place]:
        for origin in self.project.resolve(path, scope, expr[1]):
            if not origin.path:
                continue
            if origin.kind in ("instance", "class"):
                yield from self.of_member(origin, expr[2])
            elif origin.kind == "module":
                yield from self._of_name(origin.path, 0, expr[2])

    def of_member(self, origin: Origin, name: str) -> Iterator[Place]:
        """Yield what an attribute of a first-party class or its objects is set to: in the class, through `self`."""
        for ancestor in self.project.ancestors(origin.path, origin.index):
            facts = None if isinstance(ancestor, str) else self.project.facts(ancestor[0])
            if facts is None or isinstance(ancestor, str):
                continue
            home, index = ancestor
            found = False
            for place in self._set_in_class(home, facts, index, name):
                found = True
                yield place
            if found:
                return

    def _set_in_class(self, path: str, facts: FileFacts, index: int, name: str) -> Iterator[Place]:
        row = facts.classes[index]
        for binding in facts.scopes[row.scope].bindings.get(name, ()):
            if binding.kind == "def":
                function = facts.functions[binding.index]
                if any(last_name(each) in ("property", "cached_property") for each in function.decorators):
                    yield from self._returned(path, facts, binding.index)
            else:
                yield from self._of_binding(path, row.scope, binding)
        for attribute in facts.attributes:
            target = attribute.target
            if target[2] == name and attribute.value is not None and target[1][:2] in _SELF:
                owner = class_of(facts, attribute.scope)
                if owner == index and attribute.kind == "assign":
                    yield Place(path, attribute.scope, ("bound", target, attribute.value, target[-1]))

    def _of_call(self, path: str, scope: int, call: Expr) -> Iterator[Place]:
        if call[1][:2] == ("name", "cast") and len(call[2]) == 2:
            yield Place(path, scope, call[2][1])
            return
        for origin in self.project.resolve(path, scope, call[1]):
            if origin.kind == "function" and origin.path:
                facts = self.project.facts(origin.path)
                if facts is not None:
                    yield from self._returned(origin.path, facts, origin.index)

    def _returned(self, path: str, facts: FileFacts, index: int) -> Iterator[Place]:
        function = facts.functions[index]
        if function.is_generator:
            for root in of_block(function.block):
                for expr in nested(root):
                    if expr[0] == "yield" and expr[1] is not None:
                        yield Place(path, function.scope, expr[1])
            return
        for result in function.returns:
            yield Place(path, function.scope, result.value)

    def objects(self, path: str, scope: int, expr: Expr) -> tuple[Origin, ...]:
        """Return what an object is; where its name tells nothing, what makes it where it is written."""
        found = self.project.resolve(path, scope, expr)
        if any(origin.kind not in ("parameter", "variable") for origin in found):
            return found
        made = [
            origin
            for end in self.ends(Place(path, scope, expr))
            if end.place.expr[0] == "call" and end.place.expr is not expr
            for origin in self.project.resolve(*end.place)
        ]
        return tuple(made) or found

    # -- what else happens to an object

    def touched(self, passed: Iterable[Place]) -> Iterator[tuple[Place, CallSite | Attribute]]:
        """Yield the calls that mention an object by one of its names, and the assignments to its attributes and items.

        A call mentions `client` in `client.headers.update(x)` and in `inject(client.headers)`.
        """
        for place in passed:
            if place.expr[0] not in ("name", "attr"):
                continue
            facts = self.project.facts(place.path)
            if facts is None:
                continue
            text = spelled(place.expr)
            for site in facts.calls:
                parts = [site.expr[1], *site.expr[2], *(value for _, value, _ in site.expr[3])]
                if any(_is_below(part, text) for part in parts) and self._is_same(place, facts, site.scope):
                    yield place, site
            for row in (*facts.attributes, *facts.subscripts):
                if _is_below(row.target[1], text) and self._is_same(place, facts, row.scope):
                    yield place, row

    def _is_same(self, place: Place, facts: FileFacts, scope: int) -> bool:
        """True where the first name of the place means the same in another scope of its file."""
        root = spelled(place.expr).partition(".")[0]
        if root in ("self", "cls"):
            return class_of(facts, place.scope) == class_of(facts, scope)
        here, there = (self.project.bound(place.path, each, root) for each in (place.scope, scope))
        return here is not None and there is not None and here[0] == there[0]


_SELF = (("name", "self"), ("name", "cls"))


def _is_below(expr: Expr, text: str) -> bool:
    if expr[0] not in ("name", "attr"):
        return False
    found = spelled(expr)
    return found == text or found.startswith(text + ".")


def class_of(facts: FileFacts, scope: int) -> int:
    """Return the index of the class that a scope lies in, -1 outside all."""
    while scope > 0:
        row = facts.scopes[scope]
        if row.kind == "class":
            return row.owner
        scope = row.parent
    return -1


def function_of(facts: FileFacts, scope: int) -> int:
    """Return the index of the innermost named function that a scope lies in, -1 outside all."""
    while scope > 0:
        row = facts.scopes[scope]
        if row.kind == "function":
            return row.owner
        scope = row.parent
    return -1
