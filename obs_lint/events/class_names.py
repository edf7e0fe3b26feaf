"""The names that event classes carry: in an attribute, a method, a keyword of the class statement, a decorator."""

from __future__ import annotations

from collections.abc import Iterable

from obs_lint.events.declarations import LAST, Codebase, Key, chain, reachable, texts
from obs_lint.events.declared_calls import calls_for, first_text
from obs_lint.events.declared_values import Naming
from obs_lint.events.emitters import spelled
from obs_lint.facts.model import Class, Expr
from obs_lint.project import Value

_FIELDS = frozenset({"Field", "field", "attrib", "ib", "mapped_column"})


class ClassNames:
    """Asks classes for their names, as one source says where these are."""

    def __init__(self, code: Codebase, base: tuple[Codebase, Key] | None, naming: Naming) -> None:
        """`base`: what the classes derive from, where that is known; its own name is a default that says nothing."""
        self._code = code
        self._base = base
        self._naming = naming
        self._default: tuple[str, ...] | None = None

    def of(self, key: Key) -> tuple[tuple[str, ...], bool, bool]:
        """Return the names of a class, whether they are its own, and whether these are all."""
        kind = self._naming.kind
        row = self._code.class_at(key)
        if kind == "class":
            return (row.name,), True, True
        if kind == "keyword":
            return self._by_keyword(key, row)
        if kind == "decorator":
            return self._by_decorator(key, row)
        names, complete, definer = self._carried(key)
        if self._base is not None and self._above(definer):
            if self._default is None:
                base = self._base[1] if self._base[0] is self._code else None
                self._default = self._carried(base)[0] if base is not None else ()
            if names == self._default:
                return (), False, complete
            return names, True, complete
        own = definer == key
        return names, own, complete or definer is None

    def _above(self, definer: Key | None) -> bool:
        """True where an attribute is defined by the base of the family, or above it."""
        assert self._base is not None
        if self._base[0] is not self._code:
            return definer is None
        return definer is None or definer in self._code.project.ancestors(*self._base[1])

    def _carried(self, key: Key) -> tuple[tuple[str, ...], bool, Key | None]:
        """Return what the attribute or the method gives, whether that is all, and the class that defines it."""
        code, name = self._code, self._naming.argument
        definer, value = definition(code, key, name)
        origin = code.class_origin(key)
        returned = code.project.returned(origin, name)
        if returned is not None:
            return texts(returned), returned.complete, definer
        if self._naming.kind == "method":
            return (), True, definer
        row = code.class_at(key)
        facts = code.facts(key[0])
        if facts is None or not reachable(facts, row.parent):
            return (), definer is None, definer
        values = code.project.values(key[0], 0, chain(row.qualname, name))
        named = _spoken(values.known)
        if named:
            return named, values.complete, definer
        if definer is not None and value is not None:
            default = _default(value)
            if default is not None:
                found = code.project.values(definer[0], code.class_at(definer).scope, default)
                return texts(found), found.complete, definer
            if value[0] == "const":
                return (), True, definer
            return (), False, definer
        given = self._given_to_base(key)
        if given is not None:
            return given
        made = code.project.values(key[0], 0, ("attr", ("call", chain(row.qualname), (), (), LAST), name, LAST))
        return texts(made), True, definer

    def _given_to_base(self, key: Key) -> tuple[tuple[str, ...], bool, Key | None] | None:
        """Return what `super().__init__("x")` passes on to the attribute, None where nothing does."""
        code = self._code
        stored = code.stored(key, self._naming.argument)
        if stored is None:
            return None
        owner, position, keyword = stored
        for ancestor, facts in code.lineage(key):
            if ancestor == owner:
                return None
            bindings = facts.scopes[facts.classes[ancestor[1]].scope].bindings.get("__init__")
            if not bindings or bindings[-1].kind != "def":
                continue
            scope = facts.functions[bindings[-1].index].scope
            for site in facts.calls:
                if site.scope != scope or site.expr[1][0] != "attr" or site.expr[1][2] != "__init__":
                    continue
                arguments = site.expr[2] if site.expr[1][1][0] == "call" else site.expr[2][1:]
                given = {name: value for name, value, _ in site.expr[3]}.get(keyword)
                if given is None and position < len(arguments):
                    given = arguments[position]
                if given is not None:
                    values = code.project.values(ancestor[0], scope, given)
                    return texts(values), values.complete, ancestor
            return None
        return None

    def _by_keyword(self, key: Key, row: Class) -> tuple[tuple[str, ...], bool, bool]:
        for keyword, value, _ in row.keywords:
            if keyword == self._naming.argument:
                found = self._code.project.values(key[0], row.parent, value)
                return texts(found), True, found.complete
        return (), False, not any(keyword is None for keyword, _, _ in row.keywords)

    def _by_decorator(self, key: Key, row: Class) -> tuple[tuple[str, ...], bool, bool]:
        for decorator in row.decorators:
            if decorator[0] == "call" and calls_for(self._code, key[0], row.parent, decorator, self._naming.argument):
                names, complete, _ = first_text(self._code, key[0], row.parent, decorator)
                return names, True, complete
        return (), False, True


def _spoken(known: Iterable[Value]) -> tuple[str, ...]:
    """Return strings, and for enum members without a string value their names."""
    names = [value.value if isinstance(value.value, str) else value.member.rpartition(".")[2] for value in known]
    return tuple(name for name in names if name)


def definition(code: Codebase, key: Key, name: str) -> tuple[Key | None, Expr | None]:
    """Return the class that defines an attribute for a class, and what it assigns, None for a method."""
    for ancestor, facts in code.lineage(key):
        bindings = facts.scopes[facts.classes[ancestor[1]].scope].bindings.get(name)
        if bindings:
            return ancestor, bindings[-1].value
    return None, None


def _default(value: Expr) -> Expr | None:
    """Return the default that a field's declaration gives: `Field(default="x")`, `field(default="x")`, `Field("x")`."""
    if value[0] != "call" or spelled(value[1]).rpartition(".")[2] not in _FIELDS:
        return None
    for keyword, argument, _ in value[3]:
        if keyword == "default":
            given: Expr = argument
            return given
    return value[2][0] if value[2] and value[2][0][0] != "star" else None
