"""Attributes of first-party classes and their objects: inheritance, descriptors, enums, what methods assign."""

from __future__ import annotations

from typing import TYPE_CHECKING

from obs_lint.facts.model import Expr, Function
from obs_lint.project.scopes import FileView
from obs_lint.project.thing import UNKNOWN, UNTOLD, Thing, Things, after, bound_to, is_untold, passed, union

if TYPE_CHECKING:
    from obs_lint.project.resolve import Resolver

Ancestor = tuple[str, int] | str
"""(path, index into its classes), or the dotted name of an external class."""

_PLAIN_BASES = frozenset(
    {"builtins.object", "typing.Generic", "typing.Protocol", "typing_extensions.Protocol", "abc.ABC", "typing_extensions.Generic"}
)
_PROPERTIES = frozenset(
    {"property", "cached_property", "abstractproperty", "hybrid_property", "classproperty", "reify", "lazy_property", "class_property"}
)
_ENUMS = frozenset({"Enum", "IntEnum", "StrEnum", "Flag", "IntFlag", "ReprEnum", "TextChoices", "IntegerChoices", "Choices"})
_CHOICES = frozenset({"TextChoices", "IntegerChoices", "Choices"})
_MAX_HOLDERS = 100
"""Files that may hold a subclass; where there are more, nobody looks."""
_MAX_ANCESTORS = 200


class Classes:
    """Looks attributes up with a Resolver."""

    def __init__(self, resolver: Resolver) -> None:
        """`resolver` evaluates bases and values."""
        self._resolver = resolver
        self._orders: dict[tuple[str, int], tuple[Ancestor, ...]] = {}
        self._active: set[tuple[str, int]] = set()
        self._decorators: dict[tuple[str, int], frozenset[str]] = {}
        self._enums: dict[tuple[str, int], str] = {}
        self._subclasses: dict[tuple[str, int], tuple[tuple[str, int], ...] | None] = {}

    # -- inheritance

    def ancestors(self, path: str, index: int) -> tuple[Ancestor, ...]:
        """Return the class and its bases in method resolution order; those that can't be told are left out."""
        key = (path, index)
        known = self._orders.get(key)
        if known is not None:
            return known
        if key in self._active or len(self._active) > _MAX_ANCESTORS:
            return (key,)
        self._active.add(key)
        try:
            order = self._linearise(key)
        finally:
            self._active.discard(key)
        if not self._active:
            self._orders[key] = order
        return order

    def _linearise(self, key: tuple[str, int]) -> tuple[Ancestor, ...]:
        view = self._resolver.view(key[0])
        if view is None:
            return (key,)
        row = view.classes[key[1]]
        bases: list[Ancestor] = []
        scope = view.scopes[row.scope].parent
        for base in row.bases:
            for thing in self._resolver.evaluate_alone(view, scope, base):
                if thing.kind == "class":
                    bases.append((thing.path, thing.index))
                elif thing.kind in ("external", "result", "member"):
                    name = thing.name if thing.kind == "external" else thing.name + "()"
                    bases.append(name)
        bases = list(dict.fromkeys(bases))
        orders: list[list[Ancestor]] = [
            list(self.ancestors(*base)) if isinstance(base, tuple) else [base] for base in bases
        ]
        merged = _merge([*[list(order) for order in orders], list(bases)])
        if merged is None:
            merged = list(dict.fromkeys(entry for order in orders for entry in order))
        return (key, *[entry for entry in merged if entry != key])

    def has_unknown_base(self, path: str, index: int) -> bool:
        """True where a base of the class, or of one of its bases, can't be told."""
        for ancestor in self.ancestors(path, index):
            if not isinstance(ancestor, tuple):
                continue
            view = self._resolver.view(ancestor[0])
            if view is None:
                return True
            row = view.classes[ancestor[1]]
            scope = view.scopes[row.scope].parent
            if any(is_untold(self._resolver.evaluate_alone(view, scope, base)) for base in row.bases):
                return True
        return False

    def enum_kind(self, path: str, index: int) -> str:
        """Return what makes the class an enum (`Enum`, `StrEnum`, `TextChoices`, `str Enum`, …), empty if it is none."""
        key = (path, index)
        kind = self._enums.get(key)
        if kind is None:
            kind = ""
            externals = [entry for entry in self.ancestors(path, index) if isinstance(entry, str)]
            for name in externals:
                last = name.rpartition(".")[2]
                if last in _ENUMS:
                    kind = last
                    break
            if kind == "Enum" and "builtins.str" in externals:
                kind = "str Enum"
            if not self._active:
                self._enums[key] = kind
        return kind

    def is_metaclass(self, path: str, index: int) -> bool:
        """True for a subclass of `type`."""
        return any(
            isinstance(entry, str) and (entry == "builtins.type" or entry.endswith("Meta") or entry == "abc.ABCMeta")
            for entry in self.ancestors(path, index)
        )

    # -- attributes

    def attribute(self, thing: Thing, name: str) -> Things:
        """Return what `name` of a class or an object is; `thing` is of kind class or instance and first-party."""
        resolver = self._resolver
        instance = thing.kind == "instance"
        special = self._special(thing, name)
        if special is not None:
            return special
        at = id(thing.at[2]) if thing.at is not None and not thing.member else 0
        key = ("class", thing.path, thing.index, name, instance, thing.member, resolver.exact and thing.open, at)
        found = resolver.guarded(key, self._search, Thing(*thing[:7]), name, 0)
        return self._received(found, thing)

    def inherited(self, thing: Thing, name: str) -> Things:
        """Return what `super().name` is in the class that `thing`, of kind parent, stands for."""
        key = ("super", thing.path, thing.index, name)
        found = self._resolver.guarded(key, self._search, Thing("instance", *thing[1:7]), name, 1)
        return self._received(found, thing)

    def _special(self, thing: Thing, name: str) -> Things | None:
        if name == "__class__" and thing.kind == "instance":
            return (Thing("class", *thing[1:6], "", None, thing.trail, thing.via),)
        if name in ("__name__", "__qualname__") and thing.kind == "class":
            view = self._resolver.view(thing.path)
            if view is None:
                return UNTOLD
            row = view.classes[thing.index]
            text = row.name if name == "__name__" else row.qualname
            value = Thing("const", at=(thing.path, row.parent, ("const", text, row.name_pos)))
            return (value, UNKNOWN) if thing.open else (value,)
        if name == "__dict__":
            return (Thing("names", at=thing),)
        if thing.kind == "instance" and name in ("value", "name", "_value_", "_name_"):
            if self.enum_kind(thing.path, thing.index) and not self._defines(thing, name):
                members = (thing,) if thing.member else self.members(thing.path, thing.index)
                if members is None:
                    return UNTOLD
                if name in ("name", "_name_"):
                    return union((self.member_name(member),) for member in members)
                return union(self.member_values(member) for member in members)
        return None

    def _defines(self, thing: Thing, name: str) -> bool:
        for ancestor in self.ancestors(thing.path, thing.index):
            if isinstance(ancestor, tuple):
                view = self._resolver.view(ancestor[0])
                if view is not None and name in view.scopes[view.classes[ancestor[1]].scope].bindings:
                    return True
        return False

    def _received(self, things: Things, receiver: Thing) -> Things:
        if receiver.trail is None and receiver.via is None and all(thing.kind != "function" for thing in things):
            return things
        things = after(things, receiver)
        return tuple([bound_to(t, receiver) if t.kind == "function" and t.receiver is None else t for t in things])

    def _search(self, thing: Thing, name: str, skip: int) -> Things:
        externals = []
        instance = thing.kind == "instance"
        for ancestor in self.ancestors(thing.path, thing.index)[skip:]:
            if isinstance(ancestor, str):
                if ancestor not in _PLAIN_BASES:
                    externals.append(ancestor)
                continue
            view = self._resolver.view(ancestor[0])
            if view is None:
                continue
            own = self._own(view, ancestor[1], name, thing)
            if own is not None:
                if thing.open and self._resolver.exact and not skip:
                    own = self._with_overrides(own, thing, name)
                return own
        lazy = self._lazy(thing, name, skip)
        if lazy is not None:
            return lazy
        if not externals:
            return UNTOLD
        if instance:
            return tuple([Thing("member", f"{base}().{name}" if not base.endswith(")") else f"{base}.{name}") for base in externals])
        return tuple([Thing("external" if not base.endswith(")") else "member", f"{base}.{name}") for base in externals])

    def _lazy(self, thing: Thing, name: str, skip: int) -> Things | None:
        """Ask `__getattr__` of the class."""
        if thing.kind != "instance" or skip or name.startswith("__"):
            return None
        resolver = self._resolver
        for ancestor in self.ancestors(thing.path, thing.index):
            if isinstance(ancestor, tuple):
                view = resolver.view(ancestor[0])
                if view is None:
                    continue
                bindings = view.scopes[view.classes[ancestor[1]].scope].bindings.get("__getattr__")
                if bindings and bindings[-1].kind == "def":
                    function = resolver.function(view, bindings[-1].index)
                    return resolver.calls.looked_up(bound_to(function, thing), name)
        return None

    def _own(self, view: FileView, index: int, name: str, thing: Thing) -> Things | None:
        """Return what the class itself says of the attribute, None if it says nothing."""
        resolver = self._resolver
        row = view.classes[index]
        bindings = view.scopes[row.scope].bindings.get(name, ())
        instance = thing.kind == "instance"
        assigned = view.assigned("class", index).get(name, ())
        if not bindings and not assigned:
            return None
        groups: list[Things] = []
        annotation: tuple[int, Expr] | None = None
        dotted = f"{view.module}.{row.qualname}.{name}"
        if bindings:
            if all(binding.kind == "delete" for binding in bindings):
                return None
            for binding in bindings:
                if binding.annotation is not None:
                    annotation = (binding.scope if binding.scope >= 0 else row.scope, binding.annotation)
            if any(binding.kind != "declare" for binding in bindings):
                if bindings[-1].kind == "assign" and self._is_member(view, index, name):
                    return (self._member(view, index, name),)
                groups.append(self._described(resolver.named(view, row.scope, name, bindings), thing, instance))
        for attribute in assigned:
            if attribute.annotation is not None:
                annotation = (attribute.scope, attribute.annotation)
            if attribute.kind == "declare":
                continue
            if attribute.value is None:
                groups.append(UNTOLD)
                continue
            values = resolver.evaluate_within(view, attribute.scope, attribute.value)
            written = attribute.target[1][1] + "." + name
            source = resolver.text(attribute.value)
            pos = attribute.target[-1]
            groups.append(tuple([passed(value, view.path, pos, written, source, "assign", dotted) for value in values]))
        things = union(groups)
        if annotation is not None:
            things = resolver.promised(things, resolver.annotations.instances(view, *annotation), keep=True)
        return resolver.labelled(things, dotted, view.path)

    def _described(self, things: Things, thing: Thing, instance: bool) -> Things:
        """Apply the descriptors among what a class body binds."""
        resolver = self._resolver
        groups: list[Things] = []
        for found in things:
            if found.kind == "function":
                view = resolver.view(found.path)
                function = view.functions[found.index] if view is not None else None
                if instance and function is not None and function.decorators and self.is_property(found):
                    groups.append(resolver.calls.returned(bound_to(found, thing), None, 0, None))
                    continue
            elif found.kind == "instance" and found.path and not found.member and instance:
                getter = self._method(found, "__get__")
                if getter is not None:
                    result = resolver.calls.returned(bound_to(getter, found), None, 0, None)
                    groups.append(result if not is_untold(result) else union((result, (found,))))
                    continue
            groups.append((found,))
        return union(groups)

    def _method(self, thing: Thing, name: str) -> Thing | None:
        """Return a method that first-party classes define, or None."""
        for ancestor in self.ancestors(thing.path, thing.index):
            if isinstance(ancestor, tuple):
                view = self._resolver.view(ancestor[0])
                if view is None:
                    continue
                bindings = view.scopes[view.classes[ancestor[1]].scope].bindings.get(name)
                if bindings and bindings[-1].kind == "def":
                    return self._resolver.function(view, bindings[-1].index)
        return None

    def method(self, thing: Thing, name: str) -> Thing | None:
        """Return a special method of a first-party object, bound to it, or None."""
        found = self._method(thing, name)
        return None if found is None else bound_to(found, thing)

    # -- decorators

    def decorators(self, path: str, index: int) -> frozenset[str]:
        """Return the dotted names of a function's decorators (of the callee where one is called); `property` for its likes."""
        key = (path, index)
        known = self._decorators.get(key)
        if known is not None:
            return known
        self._decorators[key] = frozenset()
        view = self._resolver.view(path)
        names: set[str] = set()
        if view is not None:
            function = view.functions[index]
            scope = function.parent
            for decorator in function.decorators:
                expr = decorator[1] if decorator[0] == "call" else decorator
                if expr[0] == "attr" and expr[2] in ("setter", "deleter", "getter") and expr[1][0] == "name":
                    names.add(expr[2])
                    continue
                for thing in self._resolver.evaluate_alone(view, scope, expr):
                    if thing.kind == "external":
                        names.add(thing.name)
                        if thing.name.rpartition(".")[2] in _PROPERTIES:
                            names.add("property")
                    elif thing.kind == "class":
                        names.add(thing.name)
                        for ancestor in self.ancestors(thing.path, thing.index):
                            if isinstance(ancestor, str) and ancestor.rpartition(".")[2] in _PROPERTIES:
                                names.add("property")
                        if thing.name.rpartition(".")[2] in _PROPERTIES or self._method(thing, "__get__"):
                            names.add("property")
                    elif thing.name:
                        names.add(thing.name)
                        if thing.name.rpartition(".")[2] in _PROPERTIES:
                            names.add("property")
        result = self._decorators[key] = frozenset(names)
        return result

    def is_property(self, function: Thing) -> bool:
        """True where reading the function from an object calls it."""
        return "property" in self.decorators(function.path, function.index)

    def first_parameter(self, function: Function, path: str, index: int) -> str:
        """Return what a method gets first: `instance`, `class`, or empty for a static one."""
        if function.name in ("__new__", "__init_subclass__", "__class_getitem__"):
            return "class"
        decorators = self.decorators(path, index) if function.decorators else frozenset()
        if "builtins.staticmethod" in decorators:
            return ""
        if "builtins.classmethod" in decorators or "abc.abstractclassmethod" in decorators:
            return "class"
        if function.parameters and function.parameters[0].name in ("cls", "klass", "mcs", "mcls"):
            return "class"
        return "class" if self.is_metaclass(path, function.owner) else "instance"

    # -- enums

    def _is_member(self, view: FileView, index: int, name: str) -> bool:
        if name.startswith("_") or not self.enum_kind(view.path, index):
            return False
        binding = view.scopes[view.classes[index].scope].bindings[name][-1]
        value = binding.value
        return value is not None and value[0] != "lambda"

    def _member(self, view: FileView, index: int, name: str) -> Thing:
        row = view.classes[index]
        binding = view.scopes[row.scope].bindings[name][-1]
        return Thing(
            "instance", f"{view.module}.{row.qualname}", view.path, index, (view.path, row.scope, binding.value), False, name
        )  # fmt: skip

    def members(self, path: str, index: int) -> Things | None:
        """Return the members of an enum in the order of their definition; None where the class can't be read."""
        view = self._resolver.view(path)
        if view is None:
            return None
        row = view.classes[index]
        members = []
        for name, bindings in view.scopes[row.scope].bindings.items():
            if bindings[-1].kind == "assign" and self._is_member(view, index, name):
                members.append((bindings[-1].pos, self._member(view, index, name)))
        members.sort(key=lambda row: row[0])
        return tuple([member for _, member in members])

    def member_name(self, member: Thing) -> Thing:
        """Return the name of an enum member as a constant."""
        path, scope, value = member.at
        view = self._resolver.view(path)
        pos = value[-1]
        if view is not None:
            pos = view.scopes[scope].bindings[member.member][-1].pos
        return Thing("const", at=(path, scope, ("const", member.member, pos)))

    def member_values(self, member: Thing) -> Things:
        """Return the values of an enum member."""
        path, scope, value = member.at
        resolver = self._resolver
        view = resolver.view(path)
        if view is None or self._method(member, "__new__") is not None:
            return UNTOLD
        kind = self.enum_kind(path, member.index)
        things = resolver.evaluate_within(view, scope, value)
        if value[0] == "call":
            automatic = any(t.kind == "result" and t.name.rpartition(".")[2] == "auto" for t in things)
            if automatic:
                return self._automatic(view, member, kind, value)
        if kind in _CHOICES and value[0] == "seq" and value[2]:
            return resolver.evaluate_within(view, scope, value[2][0])
        if value[0] == "name" and any(t.kind == "instance" and t.name == member.name for t in things):
            return union(self.member_values(t) for t in things if t.kind == "instance" and t.member != member.member)
        return things

    def _automatic(self, view: FileView, member: Thing, kind: str, value: Expr) -> Things:
        """Return the value that `auto()` gives."""
        generate = self._method(member, "_generate_next_value_")
        if generate is not None:
            return self._resolver.calls.looked_up(generate, member.member)
        if kind in ("StrEnum", "TextChoices"):
            text = member.member.lower() if kind == "StrEnum" else member.member
            return (Thing("const", at=(view.path, member.at[1], ("const", text, value[-1]))),)
        if kind not in ("Enum", "IntEnum"):
            return UNTOLD
        number = 0
        for other in self.members(view.path, member.index) or ():
            written = other.at[2]
            if written[0] == "call":
                number += 1
            elif written[0] == "const" and isinstance(written[1], int) and not isinstance(written[1], bool):
                number = max(number, written[1])
            else:
                return UNTOLD
            if other.member == member.member:
                break
        return (Thing("const", at=(view.path, member.at[1], ("const", number, value[-1]))),)

    # -- subclasses

    def _with_overrides(self, own: Things, thing: Thing, name: str) -> Things:
        """Add what subclasses say, where the attribute is a value: `self.EVENT` in a base class is any of them."""
        if not any(found.kind in ("const", "display") or found.member for found in own):
            return own
        subclasses = self.subclasses(thing.path, thing.index)
        if subclasses is None:
            return union((own, UNTOLD))
        groups = [own]
        for path, index in subclasses:
            view = self._resolver.view(path)
            if view is None:
                continue
            row = view.classes[index]
            other = self._own(view, index, name, Thing(thing.kind, f"{view.module}.{row.qualname}", path, index))
            if other is not None:
                groups.append(other)
        return union(groups)

    def subclasses(self, path: str, index: int) -> tuple[tuple[str, int], ...] | None:
        """Return the first-party subclasses, direct and indirect; None where there are too many files to look into."""
        key = (path, index)
        if key in self._subclasses:
            return self._subclasses[key]
        self._subclasses[key] = None
        view = self._resolver.view(path)
        if view is None:
            return None
        found: dict[tuple[str, int], None] = {}
        holders = self._resolver.modules.holders(path, view.classes[index].name, _MAX_HOLDERS)
        todo = [path] if holders is None else [path, *holders]
        complete = holders is not None
        looked: set[str] = set()
        while todo:
            candidate = todo.pop()
            view = self._resolver.view(candidate)
            if view is None or candidate in looked:
                continue
            looked.add(candidate)
            for other in range(len(view.classes)):
                if (candidate, other) in found or key not in self.ancestors(candidate, other)[1:]:
                    continue
                found[candidate, other] = None
                if candidate != path:
                    more = self._resolver.modules.holders(candidate, view.classes[other].name, _MAX_HOLDERS)
                    if more is None or len(looked) > _MAX_HOLDERS:
                        complete = False
                    else:
                        todo += more
        if not complete:
            return None
        result = self._subclasses[key] = tuple(sorted(found))
        return result


def _merge(sequences: list[list[Ancestor]]) -> list[Ancestor] | None:
    """C3: return the common order of all sequences, None where there is none."""
    result: list[Ancestor] = []
    while True:
        sequences = [sequence for sequence in sequences if sequence]
        if not sequences:
            return result
        for sequence in sequences:
            head = sequence[0]
            if not any(head in other[1:] for other in sequences):
                break
        else:
            return None
        result.append(head)
        for sequence in sequences:
            if sequence[0] == head:
                del sequence[0]

