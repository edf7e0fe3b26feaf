"""Events that are declared as values: enum members, and string constants of a class or a module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from obs_lint.events.declarations import Codebase, Declarations, Key, assigned, chain, reachable, texts
from obs_lint.facts.model import Binding, Expr, FileFacts
from obs_lint.project import Values

_BUILT = frozenset({"binop", "fstr", "if", "bool"})
_COUNTING = frozenset({"Enum", "IntEnum", "Flag", "IntFlag", "str Enum"})
"""Kinds of enums in which `auto()` is a number, or text that is one."""
_NO_MEMBERS = frozenset({"enum.nonmember"})


class Naming(NamedTuple):
    """Where the name of a declared thing is: `name` of a configured source."""

    kind: str
    """value | member | class | attribute | method | keyword | decorator; "" where nothing is said."""
    argument: str = ""
    """NAME in `attribute:NAME`."""

    @classmethod
    def of(cls, text: str | None) -> Naming:
        """Return what `name` of a source says."""
        kind, _, argument = (text or "").partition(":")
        return cls(kind, argument)


class Constant(NamedTuple):
    """A name that a class or a module gives a value."""

    name: str
    binding: Binding
    scope: int


# -- enums


def members(code: Codebase, key: Key) -> list[Constant]:
    """Return the members of an enum, in the order of their definition."""
    facts = code.facts(key[0])
    if facts is None:
        return []
    scope = facts.classes[key[1]].scope
    found = []
    for name, bindings in facts.scopes[scope].bindings.items():
        values = assigned(bindings)
        if not values or name.startswith("_") or bindings[-1].kind != "assign":
            continue
        value = values[-1].value
        if value is None or value[0] == "lambda":
            continue
        if value[0] == "call" and any(
            origin.name in _NO_MEMBERS for origin in code.project.resolve(key[0], scope, value[1])
        ):
            continue
        found.append(Constant(name, values[-1], scope))
    return sorted(found, key=lambda member: member.binding.pos)


def declare_enum(into: Declarations, code: Codebase, key: Key, naming: Naming) -> None:
    """Add an enum's members."""
    facts = code.facts(key[0])
    found = members(code, key)
    if facts is None or not reachable(facts, facts.classes[key[1]].parent):
        return
    named = {member.name: _named(code, key, member, naming) for member in found}
    kind = naming.kind
    if not kind:
        kind = "value" if any(names for names, _ in named.values()) else "member"
    first: dict[str, str] = {}
    for member in found:
        value = member.binding.value
        assert value is not None
        symbol = f"{code.class_symbol(key)}.{member.name}"
        names, complete = ((member.name,), True) if kind == "member" else named[member.name]
        alias = value[0] == "name" and value[1] in first
        first[member.name] = first[value[1]] if alias else member.name
        if alias and kind == "member":
            names = (first[member.name],)
        if not complete:
            into.complete = False
        summary = into.comment(code, key[0], member.binding.pos, value)
        for name in names:
            into.add(name, code, key[0], member.binding.pos, symbol, alias=alias or kind != "member", summary=summary)


def _named(code: Codebase, key: Key, member: Constant, naming: Naming) -> tuple[tuple[str, ...], bool]:
    """Return the names that a member stands for, and whether these are all."""
    row = code.class_at(key)
    if naming.kind in ("attribute", "method"):
        return _through_member(code, key, member, naming)
    if _is_number(code, key, member):
        return (), True
    values = code.project.values(key[0], 0, chain(row.qualname, member.name))
    symbol = f"{code.class_symbol(key)}.{member.name}"
    mine = [value.value for value in values.known if value.member == symbol]
    names = tuple(value for value in mine if isinstance(value, str) and value)
    if names:
        return names, values.complete
    value = member.binding.value
    if value is not None and value[0] == "seq" and value[2] and (naming.kind or _unpacks(code, key)):
        first = code.project.values(key[0], member.scope, value[2][0])
        return texts(first), first.complete
    if value is not None and value[0] in _BUILT:
        found = code.project.values(key[0], member.scope, value)
        return texts(found), found.complete
    is_untold = any(value is None for value in mine) and not (value is not None and value[0] == "const")
    return (), not (is_untold or (not mine and not values.complete))


def _is_number(code: Codebase, key: Key, member: Constant) -> bool:
    """True for `auto()` where that counts: many members are told apart sooner so than by their values."""
    value = member.binding.value
    return (
        value is not None
        and value[0] == "call"
        and not value[2]
        and code.project.enum_kind(*key) in _COUNTING
        and any(origin.name == "enum.auto" for origin in code.project.resolve(key[0], member.scope, value[1]))
        and _method_of(code, key, "_generate_next_value_") is None
    )


def _unpacks(code: Codebase, key: Key) -> bool:
    """True where the enum takes its members' tuples apart."""
    return any(_method_of(code, key, name) is not None for name in ("__new__", "__init__"))


def _method_of(code: Codebase, key: Key, name: str) -> tuple[str, int] | None:
    """Return (path, index) of a method that a first-party class of the enum defines."""
    for ancestor, facts in code.lineage(key):
        bindings = facts.scopes[facts.classes[ancestor[1]].scope].bindings.get(name, ())
        if bindings and bindings[-1].kind == "def":
            return ancestor[0], bindings[-1].index
    return None


def _through_member(code: Codebase, key: Key, member: Constant, naming: Naming) -> tuple[tuple[str, ...], bool]:
    """Return the names that an attribute, a property or a method of a member gives."""
    path = key[0]
    expr = chain(code.class_at(key).qualname, member.name)
    for origin in code.project.resolve(path, 0, expr):
        if origin.member == member.name:
            returned = code.project.returned(origin, naming.argument)
            if returned is not None:
                return texts(returned), returned.complete
    if naming.kind == "method":
        return (), False
    values = code.project.values(path, 0, ("attr", expr, naming.argument, expr[-1]))
    if values.complete and texts(values):
        return texts(values), True
    for name in ("__init__", "__new__"):
        constructor = _method_of(code, key, name)
        if constructor is not None:
            given = _given_to(code, constructor, naming.argument, member)
            if given is not None:
                found = code.project.values(path, member.scope, given)
                return texts(found), found.complete
    return texts(values), values.complete


def _given_to(code: Codebase, constructor: tuple[str, int], attribute: str, member: Constant) -> Expr | None:
    """Return the part of a member's value that its constructor stores as an attribute."""
    facts = code.facts(constructor[0])
    if facts is None:
        return None
    function = facts.functions[constructor[1]]
    names = [parameter.name for parameter in function.parameters[1:]]
    value = member.binding.value
    assert value is not None
    parts = list(value[2]) if value[0] == "seq" and value[1] == "tuple" else [value]
    for row in facts.attributes:
        if row.scope != function.scope or row.target[0] != "attr" or row.target[2] != attribute or row.value is None:
            continue
        if row.value[0] == "name" and row.value[1] in names:
            at = names.index(row.value[1])
            if at < len(parts):
                part: Expr = parts[at]
                return part
            default = function.parameters[at + 1].default
            return default if default is not None and default[0] == "const" else None
    return None


# -- constants


def constants(code: Codebase, path: str, scope: int) -> list[Constant]:
    """Return the public names that a scope assigns something to, in the order in which they stand there."""
    facts = code.facts(path)
    if facts is None:
        return []
    found = [
        Constant(name, binding, scope)
        for name, bindings in facts.scopes[scope].bindings.items()
        if not name.startswith("_")
        for binding in assigned(bindings)
    ]
    return sorted(found, key=lambda constant: constant.binding.pos)


def strings(code: Codebase, path: str, found: list[Constant]) -> Iterator[tuple[Constant, Values]]:
    """Yield those constants that are strings, or may be, with what they are; without mere parts of others."""
    known: list[tuple[Constant, Values]] = []
    for constant in found:
        binding = constant.binding
        assert binding.value is not None
        scope = binding.scope if binding.scope >= 0 else constant.scope
        values = code.project.values(path, scope, binding.value)
        if texts(values) or (not values.complete and _may_be_text(code, path, scope, binding)):
            known.append((constant, values))
    parts = {name for constant, _ in known for name in _parts(constant.binding.value)}
    yield from (row for row in known if row[0].name not in parts)


def _may_be_text(code: Codebase, path: str, scope: int, binding: Binding) -> bool:
    """True for an expression that is a string, though none that can be told."""
    value = binding.value
    assert value is not None
    if value[0] in _BUILT:
        return value[0] != "binop" or value[1] in ("+", "%")
    annotation = binding.annotation
    if annotation is not None:
        inner = annotation[2] if annotation[0] == "sub" else annotation
        if inner[0] == "name" and inner[1] == "str":
            return True
    return value[0] == "call" and any(
        origin.kind in ("instance", "result") and origin.name.startswith("builtins.str")
        for origin in code.project.resolve(path, scope, value)
    )


def _parts(value: Expr | None) -> Iterator[str]:
    """Yield the names that a concatenation or an f-string puts together."""
    if value is None or value[0] not in ("binop", "fstr", "call"):
        return
    todo = [value]
    while todo:
        part = todo.pop()
        tag = part[0]
        if tag == "name":
            yield part[1]
        elif tag == "binop":
            todo += (part[2], part[3])
        elif tag == "fstr":
            todo += part[1]
        elif tag == "fmt":
            todo.append(part[1])
        elif tag == "call" and part[1][0] == "attr" and part[1][2] in ("format", "join"):
            todo += (part[1][1], *part[2], *(argument for _, argument, _ in part[3]))
        elif tag == "seq":
            todo += part[2]


def declare_constants(into: Declarations, code: Codebase, path: str, scope: int, naming: Naming) -> None:
    """Add the string constants of a class body or a module. Where some are in capitals, those are meant."""
    rows = list(strings(code, path, constants(code, path, scope)))
    if any(constant.name.isupper() for constant, _ in rows):
        rows = [row for row in rows if row[0].name.isupper()]
    for constant, values in rows:
        _declare_constant(into, code, path, constant, values, naming)


def declare_named(into: Declarations, code: Codebase, path: str, scope: int, name: str, naming: Naming) -> None:
    """Add one string constant of a class body or a module."""
    for constant, values in strings(code, path, [row for row in constants(code, path, scope) if row.name == name]):
        _declare_constant(into, code, path, constant, values, naming)


def _declare_constant(
    into: Declarations, code: Codebase, path: str, constant: Constant, values: Values, naming: Naming
) -> None:
    binding = constant.binding
    value = binding.value
    assert value is not None
    if not values.complete:
        into.complete = False
    names = (constant.name,) if naming.kind == "member" else texts(values)
    symbol = code.symbol(path, constant.scope, constant.name)
    alias = value[0] in ("name", "attr")
    summary = into.comment(code, path, binding.pos, value)
    for name in names:
        into.add(name, code, path, binding.pos, symbol, alias=alias, summary=summary)


def declare_objects(into: Declarations, code: Codebase, path: str, scope: int, naming: Naming) -> None:
    """Add what a class body or a module binds to objects that carry their names in an attribute or a method."""
    facts = code.facts(path)
    if facts is None:
        return
    qualname = facts.scopes[scope].qualname
    for constant in constants(code, path, scope):
        binding = constant.binding
        value = binding.value
        assert value is not None
        expr = chain(f"{qualname}.{constant.name}" if qualname else constant.name)
        values = code.project.values(path, 0, ("attr", expr, naming.argument, expr[-1]))
        names = texts(values) or _given(code, path, constant, naming.argument)
        for name in names:
            into.add(
                name,
                code,
                path,
                binding.pos,
                code.symbol(path, scope, constant.name),
                summary=into.comment(code, path, binding.pos, value),
            )


def _given(code: Codebase, path: str, constant: Constant, name: str) -> tuple[str, ...]:
    """Return what the call that makes an object is given for the attribute."""
    value = constant.binding.value
    if value is None or value[0] != "call":
        return ()
    for keyword, argument, _ in value[3]:
        if keyword == name:
            return texts(code.project.values(path, constant.scope, argument))
    for origin in code.project.resolve(path, constant.scope, value[1]):
        if origin.kind == "class" and origin.path:
            position = code.position((origin.path, origin.index), name)
            if 0 <= position < len(value[2]) and all(a[0] != "star" for a in value[2][: position + 1]):
                return texts(code.project.values(path, constant.scope, value[2][position]))
    return ()


def has_constants(code: Codebase, path: str, scope: int, *, capitals: bool) -> bool:
    """True where a class body or a module has string constants, with `capitals` some in capitals."""
    rows = strings(code, path, constants(code, path, scope))
    return any(constant.name.isupper() or not capitals for constant, _ in rows)


def nested_classes(facts: FileFacts, scope: int) -> Iterator[int]:
    """Yield the indexes of the public classes that stand directly in a scope."""
    for index, row in enumerate(facts.classes):
        if row.parent == scope and not row.name.startswith("_"):
            yield index
