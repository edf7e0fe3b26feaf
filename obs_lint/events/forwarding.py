"""Which parameters the value of an expression comes from."""

from __future__ import annotations

from typing import NamedTuple

from obs_lint.events.emitters import is_static
from obs_lint.facts.model import Expr
from obs_lint.project import Project

_MAX_STEPS = 400
_DEFAULTING = frozenset({"get", "pop", "setdefault"})
_ENUM_ATTRIBUTES = frozenset({"value", "name", "_value_", "_name_"})
_PASSING = frozenset({"str", "cast", "list", "tuple", "sorted", "reversed", "set", "iter", "next"})
_TEXT_METHODS = frozenset(
    "format join lower upper strip lstrip rstrip removeprefix removesuffix replace title capitalize casefold".split()
)


class Slot(NamedTuple):
    """A parameter, or one item of `*args` or `**kwargs`."""

    function: int
    """Into the functions of the file."""
    parameter: str
    key: int | str | None = None
    """Index into `*args`, key of `**kwargs`; None for the parameter itself."""


class Sources(NamedTuple):
    """What an expression takes from the parameters of the functions around it."""

    slots: tuple[Slot, ...] = ()
    plain: bool = False
    """True where its value is the parameter's own, unchanged."""
    stored: bool = False
    """True where it is an attribute of `self` to which `__init__` assigns the parameter."""

    @property
    def function(self) -> int:
        """The innermost function that has one of the parameters, -1 where there is none."""
        return max([slot.function for slot in self.slots], default=-1)


def sources(project: Project, path: str, scope: int, expr: Expr, key: int | str | None = None) -> Sources:
    """Return the parameters that the value of `expr`, evaluated in `scope` of the file, comes from.

    With `key`, of an item of what is splatted. What a value is chosen by (a test, a key) does not count, nor do `self`
    and `cls`. Local names are looked through.
    """
    plain = _plain(project, path, scope, expr, key)
    if plain is not None:
        return Sources((plain,), True)
    stored = _stored(project, path, scope, expr)
    if stored is not None:
        return Sources((stored,), stored=True)
    found: dict[Slot, None] = {}
    todo = [(scope, expr)]
    seen: set[tuple[int, str]] = set()
    facts = project.facts(path)
    for _ in range(_MAX_STEPS):
        if not todo or facts is None:
            break
        where, current = todo.pop()
        tag = current[0]
        if tag == "name":
            bound = project.bound(path, where, current[1])
            if bound is None or bound[0] == 0 or (bound[0], current[1]) in seen:
                continue
            seen.add((bound[0], current[1]))
            for binding in bound[1]:
                if binding.kind == "param":
                    if not _is_receiver(project, path, binding.index, binding.item):
                        found[Slot(binding.index, binding.name)] = None
                elif binding.value is not None:
                    todo.append((binding.scope if binding.scope >= 0 else bound[0], binding.value))
        elif tag in ("sub", "call") and (item := _item(project, path, where, current)) is not None:
            found[item] = None
        elif tag == "lambda":
            function = facts.functions[current[1]]
            todo += [(function.scope, result.value) for result in function.returns]
        elif tag == "comp":
            todo += [(current[2], element) for element in current[3]]
        else:
            todo += [(where, part) for part in _parts(current)]
    return Sources(tuple(found))


def _plain(project: Project, path: str, scope: int, expr: Expr, key: int | str | None) -> Slot | None:
    """Return the parameter that an expression is, over plain renames; None where it is none."""
    for _ in range(_MAX_STEPS):
        if expr[0] in ("sub", "call") and key is None:
            return _item(project, path, scope, expr)
        if expr[0] != "name":
            return None
        bound = project.bound(path, scope, expr[1])
        if bound is None or bound[0] == 0:
            return None
        owner, bindings = bound
        if all(binding.kind == "param" for binding in bindings):
            binding = bindings[0]
            if _is_receiver(project, path, binding.index, binding.item):
                return None
            kind = _kind(project, path, binding.index, binding.item)
            if key is not None and kind not in ("vararg", "kwarg"):
                return None
            return Slot(binding.index, binding.name, key)
        only = bindings[0]
        if len(bindings) != 1 or only.kind not in ("assign", "walrus") or only.value is None:
            return None
        scope, expr = only.scope if only.scope >= 0 else owner, only.value
    return None


def _stored(project: Project, path: str, scope: int, expr: Expr) -> Slot | None:
    """Return the parameter of `__init__` that an attribute of `self` is, and nothing else."""
    facts = project.facts(path)
    if expr[0] != "attr" or facts is None:
        return None
    owner = _class_of(project, path, scope, expr[1])
    if owner < 0:
        return None
    row = facts.classes[owner]
    if any(binding.value is not None for binding in facts.scopes[row.scope].bindings.get(expr[2], ())):
        return None
    assigned = [
        attribute
        for attribute in facts.attributes
        if attribute.target[2] == expr[2]
        and attribute.kind != "declare"
        and _class_of(project, path, attribute.scope, attribute.target[1]) == owner
    ]
    if len(assigned) != 1 or assigned[0].kind != "assign" or assigned[0].value is None:
        return None
    slot = _plain(project, path, assigned[0].scope, assigned[0].value, None)
    if slot is None or facts.functions[slot.function].name != "__init__":
        return None
    return slot if facts.functions[slot.function].owner == owner else None


def _class_of(project: Project, path: str, scope: int, expr: Expr) -> int:
    """Return the class whose method's `self` a name is, -1 where it is none."""
    bound = project.bound(path, scope, expr[1]) if expr[0] == "name" else None
    if bound is None or len(bound[1]) != 1 or bound[1][0].kind != "param":
        return -1
    binding = bound[1][0]
    facts = project.facts(path)
    if facts is None or not _is_receiver(project, path, binding.index, binding.item):
        return -1
    return facts.functions[binding.index].owner


def _item(project: Project, path: str, scope: int, expr: Expr) -> Slot | None:
    """Return what `args[0]`, `kwargs["name"]` or `kwargs.pop("name")` is; None for other expressions."""
    if expr[0] == "sub":
        holder, index = expr[1], expr[2]
    else:
        func, arguments = expr[1], expr[2]
        if func[0] != "attr" or func[2] not in _DEFAULTING or not arguments:
            return None
        holder, index = func[1], arguments[0]
    if holder[0] != "name" or index[0] != "const" or not isinstance(index[1], (int, str)):
        return None
    bound = project.bound(path, scope, holder[1])
    if bound is None or len(bound[1]) != 1 or bound[1][0].kind != "param":
        return None
    binding = bound[1][0]
    wanted = "vararg" if isinstance(index[1], int) else "kwarg"
    if _kind(project, path, binding.index, binding.item) != wanted:
        return None
    return Slot(binding.index, binding.name, index[1])


def _kind(project: Project, path: str, function: int, item: int) -> str:
    facts = project.facts(path)
    return "" if facts is None else facts.functions[function].parameters[item].kind


def _is_receiver(project: Project, path: str, index: int, item: int) -> bool:
    """True for the `self` or `cls` of a method."""
    facts = project.facts(path)
    if item != 0 or facts is None:
        return False
    function = facts.functions[index]
    return function.owner >= 0 and not is_static(function) and "positional" in function.parameters[0].kind


def _parts(expr: Expr) -> list[Expr]:
    """Return the parts of an expression that its value is made of."""
    tag = expr[0]
    if tag == "attr":
        return [expr[1]] if expr[2] in _ENUM_ATTRIBUTES else []
    if tag in ("star", "await", "sub", "fmt"):
        return [expr[1]]
    if tag == "fstr":
        return list(expr[1])
    if tag == "binop":
        return [expr[2], expr[3]]
    if tag in ("bool", "seq"):
        return list(expr[2])
    if tag == "if":
        return [expr[2], expr[3]]
    if tag == "walrus":
        return [expr[2]]
    if tag == "dict":
        return [value for _, value in expr[1]]
    return _made(expr) if tag == "call" else []


def _made(call: Expr) -> list[Expr]:
    """Return the parts of a call that its value is made of: as far as strings and classes go."""
    func = call[1]
    values = [*call[2], *(value for _, value, _ in call[3])]
    if func[0] == "name":
        return values if func[1] in _PASSING else [func]
    if func[0] != "attr":
        return []
    if func[2] in _DEFAULTING:
        return [func[1], *values[1:]]
    if func[2] in _TEXT_METHODS:
        return [func[1], *values]
    return []
