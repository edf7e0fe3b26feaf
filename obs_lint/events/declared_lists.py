"""Events that one name stands for together: a list or dict of names, a `Literal`, a union of classes."""

from __future__ import annotations

from collections.abc import Iterator

from obs_lint.events.declarations import Codebase, Declarations, Key, assigned, texts
from obs_lint.events.declared_calls import calls_for, declare_call
from obs_lint.events.declared_values import Naming
from obs_lint.events.emitters import spelled
from obs_lint.facts.model import Expr, Pos
from obs_lint.project import Values

_WRAPPERS = frozenset({"frozenset", "set", "tuple", "list", "sorted", "dict", "MappingProxyType", "cast", "deque"})
_TRANSPARENT = frozenset(
    {"Literal", "Union", "Optional", "Final", "ClassVar", "Required", "NotRequired", "type", "Type"}
)
_ENUMS = frozenset({"Enum", "StrEnum", "IntEnum", "Flag", "IntFlag", "TextChoices"})
_MAX_DEPTH = 12


class Listing:
    """What one name stands for, while it is taken apart."""

    def __init__(self, into: Declarations, code: Codebase, call: str | None, naming: Naming) -> None:
        """`call` is the callee of declarations made by calls."""
        self._into = into
        self._code = code
        self._call = call
        self._naming = naming
        self._seen: set[tuple[str, Pos]] = set()

    def of_name(self, path: str, scope: int, name: str, depth: int = 0) -> Iterator[Key]:
        """Add the strings that a name stands for; yield the classes."""
        facts = self._code.facts(path)
        if facts is None:
            return
        for binding in assigned(facts.scopes[scope].bindings.get(name, ())):
            assert binding.value is not None
            where = binding.scope if binding.scope >= 0 else scope
            if self._enumerates(path, where, binding.value, self._code.symbol(path, scope, name)):
                continue
            yield from self.of(path, where, binding.value, depth, (self._code.symbol(path, scope, name), binding.pos))

    def of(
        self, path: str, scope: int, expr: Expr, depth: int = 0, bound: tuple[str, Pos] | None = None
    ) -> Iterator[Key]:
        """Add the strings that an expression stands for; yield the classes. `bound` is the name that it is given."""
        tag = expr[0]
        if depth > _MAX_DEPTH or (path, expr[-1]) in self._seen:
            return
        if tag == "seq":
            for item in expr[2]:
                yield from self.of(path, scope, item[1] if item[0] == "star" else item, depth + 1)
        elif tag == "dict":
            yield from self._dict(path, scope, expr, depth)
        elif tag == "sub":
            yield from self._generic(path, scope, expr, depth)
        elif tag == "binop" and expr[1] == "|":
            yield from self.of(path, scope, expr[2], depth + 1)
            yield from self.of(path, scope, expr[3], depth + 1)
        elif tag == "binop" and expr[1] == "+" and any(part[0] in ("seq", "name", "attr") for part in expr[2:4]):
            yield from self._single(path, scope, expr, depth, bound, otherwise=expr[2:4])
        elif tag == "comp":
            for element in expr[3][-1:]:
                self._add_values(path, element, self._code.project.values(path, expr[2], element))
        elif tag == "call" and self._call is not None and calls_for(self._code, path, scope, expr, self._call):
            declare_call(self._into, self._code, path, scope, expr, self._naming, bound)
        elif tag == "call" and spelled(expr[1]).rpartition(".")[2] in _WRAPPERS and expr[2]:
            yield from self.of(path, scope, expr[2][-1], depth + 1)
        else:
            yield from self._single(path, scope, expr, depth, bound)

    def _dict(self, path: str, scope: int, expr: Expr, depth: int) -> Iterator[Key]:
        """Take the values where they are names or classes, else the keys."""
        pairs = expr[1]
        values = [value for key, value in pairs if key is not None]
        strings = [bool(texts(self._code.project.values(path, scope, value))) for value in values]
        for key, value in pairs:
            if key is None:
                yield from self.of(path, scope, value, depth + 1)
        if self._call is not None or (strings and all(strings)) or self._are_classes(path, scope, values):
            for key, value in pairs:
                if key is not None:
                    yield from self.of(path, scope, value, depth + 1)
            return
        for key, _ in pairs:
            if key is not None:
                yield from self.of(path, scope, key, depth + 1)

    def _are_classes(self, path: str, scope: int, values: list[Expr]) -> bool:
        """True for a table of classes whose keys are no names themselves."""
        return (
            bool(values)
            and self._naming.kind not in ("", "value", "member")
            and all(
                any(origin.kind == "class" for origin in self._code.project.resolve(path, scope, value))
                for value in values
            )
        )

    def _generic(self, path: str, scope: int, expr: Expr, depth: int) -> Iterator[Key]:
        """Take `Literal[…]`, `Union[…]`, `Annotated[…]` apart."""
        last = spelled(expr[1]).rpartition(".")[2]
        items = expr[2][2] if expr[2][0] == "seq" else (expr[2],)
        if last == "Annotated":
            yield from self.of(path, scope, items[0], depth + 1)
        elif last in _TRANSPARENT:
            for item in items:
                yield from self.of(path, scope, item, depth + 1)
        else:
            yield from self._single(path, scope, expr, depth, None)

    def _single(
        self,
        path: str,
        scope: int,
        expr: Expr,
        depth: int,
        bound: tuple[str, Pos] | None,
        otherwise: tuple[Expr, ...] = (),
    ) -> Iterator[Key]:
        """Take one item: a string, an enum's member, a class, or another name for several."""
        project = self._code.project
        values = project.values(path, scope, expr)
        if texts(values) or any(value.member for value in values.known):
            self._add_values(path, expr, values, bound)
            return
        if expr[0] in ("name", "attr"):
            found = False
            self._seen.add((path, expr[-1]))
            for origin in project.resolve(path, scope, expr):
                if origin.kind == "class":
                    found = True
                    yield origin.path, origin.index
                elif place := binding_of(self._code, path, origin.name, origin.path, origin.via):
                    found = True
                    yield from self.of_name(*place, depth + 1)
            if not found:
                self._into.complete = False
            return
        for part in otherwise:
            yield from self.of(path, scope, part, depth + 1)
        if not otherwise and expr[0] != "const":
            self._into.complete = False

    def _add_values(self, path: str, expr: Expr, values: Values, bound: tuple[str, Pos] | None = None) -> None:
        """Add strings, and members of enums by the value that is a string, or else by what they are called."""
        if not values.complete:
            self._into.complete = False
        symbol, pos = bound if bound is not None else ("", expr[-1])
        for value in values.known:
            member = value.member.rpartition(".")[2]
            by_value = isinstance(value.value, str) and (self._naming.kind != "member" or not member)
            name = str(value.value) if by_value else member
            if name:
                self._into.add(name, self._code, path, pos, value.member or symbol)

    def _enumerates(self, path: str, scope: int, value: Expr, symbol: str) -> bool:
        """Read `Enum("Ev", …)`: an enum made by a call."""
        if value[0] != "call" or spelled(value[1]).rpartition(".")[2] not in _ENUMS or len(value[2]) < 2:
            return False
        if not any(origin.name.startswith("enum.") for origin in self._code.project.resolve(path, scope, value[1])):
            return False
        listed = value[2][1]
        if listed[0] == "const" and isinstance(listed[1], str):
            for name in listed[1].replace(",", " ").split():
                self._into.add(name, self._code, path, listed[-1], f"{symbol}.{name}")
            return True
        pairs: list[tuple[Expr, Expr | None]] = []
        if listed[0] == "dict":
            pairs = [(key, item) for key, item in listed[1] if key is not None]
        elif listed[0] == "seq":
            pairs = [(i[2][0], i[2][1]) if i[0] == "seq" and len(i[2]) == 2 else (i, None) for i in listed[2]]
        else:
            self._into.complete = False
        lowered = spelled(value[1]).endswith("StrEnum")
        for key, item in pairs:
            for member in texts(self._code.project.values(path, scope, key)):
                given = texts(self._code.project.values(path, scope, item)) if item is not None else ()
                names = given or ((member.lower() if lowered else member),)
                for name in (member,) if self._naming.kind == "member" else names:
                    self._into.add(name, self._code, path, key[-1], f"{symbol}.{member}")
        return True


def binding_of(
    code: Codebase, path: str, dotted: str, home: str = "", via: tuple[str, ...] = ()
) -> tuple[str, int, str] | None:
    """Return (path, scope, name) of the variable with a canonical name, or of one passed on the way to it."""
    for name in (dotted, *via):
        for file in dict.fromkeys((home or path, path)):
            facts = code.facts(file)
            prefix = code.module(file) + "."
            if facts is None or not name.startswith(prefix):
                continue
            owner, _, last = name[len(prefix) :].rpartition(".")
            for number, scope in enumerate(facts.scopes):
                if scope.qualname == owner and scope.kind == ("class" if owner else "module"):
                    if assigned(scope.bindings.get(last, ())):
                        return file, number, last
    return None
