"""Attributes of first-party classes and their objects: inheritance, descriptors, enums, what methods assign."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from obs_lint.facts.model import Attribute, Binding, Expr, Function
from obs_lint.project.scopes import CLASS_PARAMETERS, FileView
from obs_lint.project.thing import (
    UNKNOWN,
    UNTOLD,
    Thing,
    Things,
    after,
    as_kind,
    bound_to,
    is_untold,
    passed,
    plainly,
    union,
)

if TYPE_CHECKING:
    from obs_lint.project.resolve import Resolver

Ancestor = tuple[str, int] | str
"""(path, index into its classes), or the dotted name of an external class."""

_PLAIN_BASES = frozenset(
    {
        "builtins.object",
        "typing.Generic",
        "typing.Protocol",
        "typing_extensions.Protocol",
        "abc.ABC",
        "typing_extensions.Generic",
    }
)
_PROPERTIES = frozenset(
    {
        "property",
        "cached_property",
        "abstractproperty",
        "hybrid_property",
        "classproperty",
        "reify",
        "lazy_property",
        "class_property",
    }
)
_ENUMS = frozenset(
    {"Enum", "IntEnum", "StrEnum", "Flag", "IntFlag", "ReprEnum", "TextChoices", "IntegerChoices", "Choices"}
)
_CHOICES = frozenset({"TextChoices", "IntegerChoices", "Choices"})
_FIELD_DECORATORS = frozenset(
    {"dataclass", "define", "mutable", "frozen", "attrs", "s", "attributes", "pydantic_dataclass"}
)
_FIELD_BASES = frozenset(
    {"BaseModel", "BaseSettings", "RootModel", "SQLModel", "NamedTuple", "TypedDict", "Struct", "MappedAsDataclass"}
)
_MAX_HOLDERS = 100
"""Files that may hold a subclass; where there are more, nobody looks."""
_MAX_ANCESTORS = 2_000


class Classes:
    """Looks attributes up with a Resolver."""

    def __init__(self, resolver: Resolver) -> None:
        """`resolver` evaluates bases and values."""
        self._resolver = resolver
        self._orders: dict[tuple[str, int], tuple[Ancestor, ...]] = {}
        self._fields: dict[tuple[str, int], bool] = {}
        self._bases: dict[tuple[str, int], tuple[Ancestor, ...]] = {}
        self._active: set[tuple[str, int]] = set()
        self._decorators: dict[tuple[str, int], frozenset[str]] = {}
        self._enums: dict[tuple[str, int], str] = {}
        self._subclasses: dict[tuple[str, int], tuple[tuple[str, int], ...] | None] = {}

    # -- inheritance

    def ancestors(self, path: str, index: int) -> tuple[Ancestor, ...]:
        """Return the class and its bases in method resolution order; those that can't be told are left out."""
        start = (path, index)
        orders = self._orders
        known = orders.get(start)
        if known is not None:
            return known
        found: dict[tuple[str, int], tuple[Ancestor, ...]] = {}
        todo = [start]
        open_ = {start}
        while todo:
            key = todo[-1]
            bases = self._bases_of(key)
            missing = [
                b for b in bases if isinstance(b, tuple) and b not in orders and b not in found and b not in open_
            ]
            if missing and len(todo) < _MAX_ANCESTORS:
                todo += missing[:1]
                open_.update(missing[:1])
                continue
            todo.pop()
            above = [list(orders.get(b) or found.get(b) or (b,)) if isinstance(b, tuple) else [b] for b in bases]
            merged = _merge([*[list(order) for order in above], list(bases)])
            if merged is None:
                merged = list(dict.fromkeys(entry for order in above for entry in order))
            found[key] = (key, *[entry for entry in merged if entry != key])
        if not self._active:
            orders.update(found)
        return found[start]

    def _bases_of(self, key: tuple[str, int]) -> tuple[Ancestor, ...]:
        known = self._bases.get(key)
        if known is not None:
            return known
        view = self._resolver.view(key[0])
        if key in self._active or view is None:
            return ()
        self._active.add(key)
        row = view.classes[key[1]]
        scope = view.scopes[row.scope].parent
        bases: dict[Ancestor, None] = {}
        try:
            for base in row.bases:
                for thing in self._resolver.evaluate_alone(view, scope, base):
                    if thing.kind == "class":
                        bases[thing.path, thing.index] = None
                    elif thing.kind in ("external", "result", "member"):
                        bases[thing.name if thing.kind == "external" else thing.name + "()"] = None
        finally:
            self._active.discard(key)
        result = tuple(bases)
        if not self._active:
            self._bases[key] = result
        return result

    def enum_kind(self, path: str, index: int) -> str:
        """Return what makes the class an enum (`Enum`, `StrEnum`, `str Enum`, …), empty if it is none."""
        key = (path, index)
        kind = self._enums.get(key)
        if kind is None:
            kind = ""
            certain = not self._active
            externals = [entry for entry in self.ancestors(path, index) if isinstance(entry, str)]
            for name in externals:
                last = name.rpartition(".")[2]
                if last in _ENUMS:
                    kind = last
                    break
            if kind == "Enum" and "builtins.str" in externals:
                kind = "str Enum"
            if certain:
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
        found = resolver.guarded(key, self._search, plainly(thing, thing.kind), name, 0)
        return self._received(found, thing)

    def inherited(self, thing: Thing, name: str) -> Things:
        """Return what `super().name` is in the class that `thing`, of kind parent, stands for."""
        key = ("super", thing.path, thing.index, name)
        found = self._resolver.guarded(key, self._search, plainly(thing, "instance"), name, 1)
        return self._received(found, thing)

    def _special(self, thing: Thing, name: str) -> Things | None:
        if name == "__class__" and thing.kind == "instance":
            return (as_kind(thing, "class"),)
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
        resolver = self._resolver
        instance = thing.kind == "instance"
        found: Things | None = None
        groups: list[Things] = []
        annotation: Things | None = None
        externals: list[str] = []
        dotted = ""
        home = ""
        for ancestor in self.ancestors(thing.path, thing.index)[skip:]:
            if isinstance(ancestor, str):
                if ancestor not in _PLAIN_BASES:
                    externals.append(ancestor)
                continue
            view = resolver.view(ancestor[0])
            if view is None:
                continue
            row = view.classes[ancestor[1]]
            bindings = view.scopes[row.scope].bindings.get(name, ())
            rows = [] if groups and not resolver.exact else self._assignments(view, ancestor[1], name, instance)
            if (bindings or rows) and not dotted:
                dotted, home = f"{view.module}.{row.qualname}.{name}", view.path
            if bindings and annotation is None:
                annotation = self._promise(view, row.scope, bindings)
            if found is None and any(binding.kind not in ("declare", "delete") for binding in bindings):
                if bindings[-1].kind == "assign" and self._is_member(view, ancestor[1], name):
                    return (self._member(view, ancestor[1], name),)
                found = resolver.names.named(view, row.scope, name, bindings)
                if instance and any(t.kind == "function" and self.is_property(t) for t in found):
                    return self._complete(self._described(found, thing), thing, name, skip)
                if instance:
                    found = self._described(found, thing)
                if resolver.exact and (externals or self._has_unknown_base(ancestor, thing)):
                    found = union((found, UNTOLD))
            for attribute in rows:
                if attribute.annotation is not None and annotation is None:
                    annotation = resolver.annotations.instances(view, attribute.scope, attribute.annotation)
                if attribute.kind != "declare":
                    groups.append(self._assigned(view, attribute, f"{view.module}.{row.qualname}.{name}"))
            if (found is not None and not (resolver.exact and instance)) or (groups and not resolver.exact):
                break
        if found is None and not groups and annotation is None:
            return self._elsewhere(thing, name, skip, externals)
        left_open = found is None and not groups
        things = union([found or (), *groups])
        if instance and annotation is not None and any(t.kind == "const" for t in things) and self._has_fields(thing):
            things = union((things, UNTOLD))
        if annotation is not None:
            things = resolver.names.promised(things, annotation, keep=True)
        return self._complete(resolver.names.labelled(things, dotted, home), thing, name, skip, left_open)

    def _complete(self, things: Things, thing: Thing, name: str, skip: int, left_open: bool = False) -> Things:
        if thing.open and self._resolver.exact and not skip:
            return self._with_overrides(things, thing, name, left_open)
        return things

    def _elsewhere(self, thing: Thing, name: str, skip: int, externals: list[str]) -> Things:
        """Return what an attribute is that no first-party class says anything about."""
        lazy = self._lazy(thing, name, skip)
        if lazy is not None:
            return lazy
        if not externals:
            return UNTOLD
        found = []
        for base in externals:
            if base.endswith(")"):
                found.append(Thing("member", f"{base}.{name}"))
            elif thing.kind == "instance":
                found.append(Thing("member", f"{base}().{name}"))
            else:
                found.append(Thing("external", f"{base}.{name}"))
        return tuple(found)

    def _promise(self, view: FileView, scope: int, bindings: Sequence[Binding]) -> Things | None:
        """Return what the annotation of an attribute in a class body allows."""
        for binding in bindings:
            if binding.annotation is not None:
                where = binding.scope if binding.scope >= 0 else scope
                return self._resolver.annotations.instances(view, where, binding.annotation)
        return None

    def _assignments(self, view: FileView, index: int, name: str, instance: bool) -> list[Attribute]:
        """Return the assignments to the attribute outside the class body, of objects of the class or of the class."""
        rows = [*view.assigned("class", index).get(name, ())]
        if instance:
            rows += view.assigned("instance", index).get(name, ())
        others = view.assigned_to_others(name)
        if others:
            kinds = ("instance", "class") if instance else ("class",)
            rows += [row for row in others if row not in rows and self._is_meant(view, index, row, kinds)]
        return rows

    def _is_meant(self, view: FileView, index: int, row: Attribute, kinds: tuple[str, ...]) -> bool:
        targets = self._resolver.evaluate(view, row.scope, row.target[1])
        return any(t.path == view.path and t.index == index and t.kind in kinds for t in targets)

    def _assigned(self, view: FileView, row: Attribute, dotted: str) -> Things:
        if row.value is None:
            return UNTOLD
        resolver = self._resolver
        written, source, pos = resolver.names.text(row.target), resolver.names.text(row.value), row.target[-1]
        values = resolver.evaluate(view, row.scope, row.value)
        if resolver.exact:
            return values
        return tuple([passed(value, view.path, pos, written, source, "assign", dotted) for value in values])

    def _has_unknown_base(self, key: tuple[str, int], thing: Thing) -> bool:
        """True where a base that can't be told may come before the class in the order of `thing`'s class."""
        for ancestor in self.ancestors(thing.path, thing.index):
            if ancestor == key:
                return False
            view = self._resolver.view(ancestor[0]) if isinstance(ancestor, tuple) else None
            if view is None or not isinstance(ancestor, tuple):
                continue
            row = view.classes[ancestor[1]]
            scope = view.scopes[row.scope].parent
            if any(is_untold(self._resolver.evaluate_alone(view, scope, base)) for base in row.bases):
                return True
        return False

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
                    return resolver.functions.looked_up(bound_to(function, thing), name)
        return None

    def _has_fields(self, thing: Thing) -> bool:
        """True for dataclasses and their likes: what the class body assigns is a default of the constructor."""
        key = (thing.path, thing.index)
        known = self._fields.get(key)
        if known is None:
            known = False
            for ancestor in self.ancestors(*key):
                if isinstance(ancestor, str):
                    known = known or ancestor.rpartition(".")[2] in _FIELD_BASES
                    continue
                view = self._resolver.view(ancestor[0])
                for decorator in view.classes[ancestor[1]].decorators if view is not None else ():
                    name = self._resolver.names.text(decorator[1] if decorator[0] == "call" else decorator)
                    known = known or name.rpartition(".")[2] in _FIELD_DECORATORS
            self._fields[key] = known
        return known

    def _described(self, things: Things, thing: Thing) -> Things:
        """Apply the descriptors among what a class body binds."""
        resolver = self._resolver
        groups: list[Things] = []
        for found in things:
            if found.kind == "function":
                view = resolver.view(found.path)
                function = view.functions[found.index] if view is not None else None
                if function is not None and function.decorators and self.is_property(found):
                    groups.append(resolver.functions.returned(bound_to(found, thing), None, 0, None))
                    continue
            elif found.kind == "instance" and found.path and not found.member:
                getter = self._method(found, "__get__")
                if getter is not None:
                    result = resolver.functions.returned(bound_to(getter, found), None, 0, None)
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
        """Return the dotted names of a function's decorators, called or not; `property` stands for its likes too."""
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
        if function.parameters and function.parameters[0].name in CLASS_PARAMETERS:
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
        at = (view.path, row.scope, binding.value)
        return Thing("instance", f"{view.module}.{row.qualname}", view.path, index, at, False, name)

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
        things = resolver.evaluate(view, scope, value)
        if value[0] == "call":
            automatic = any(t.kind == "result" and t.name.rpartition(".")[2] == "auto" for t in things)
            if automatic:
                return self._automatic(view, member, kind, value)
        if kind in _CHOICES and value[0] == "seq" and value[2]:
            return resolver.evaluate(view, scope, value[2][0])
        if value[0] == "name" and any(t.kind == "instance" and t.name == member.name for t in things):
            return union(self.member_values(t) for t in things if t.kind == "instance" and t.member != member.member)
        return things

    def _automatic(self, view: FileView, member: Thing, kind: str, value: Expr) -> Things:
        """Return the value that `auto()` gives."""
        generate = self._method(member, "_generate_next_value_")
        if generate is not None:
            return self._resolver.functions.looked_up(generate, member.member)
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

    def _with_overrides(self, own: Things, thing: Thing, name: str, left_open: bool) -> Things:
        """Add what subclasses say, where the attribute is a value: `self.EVENT` in a base class is any of them.

        `left_open`: no class above gives it a value; it is what subclasses give it, where all of the last ones do.
        """
        if not any(found.kind in ("const", "display") or found.member for found in own) and not (
            left_open or self._is_declared(thing, name)
        ):
            return own
        subclasses = self.subclasses(thing.path, thing.index)
        if subclasses is None:
            return union((own, UNTOLD))
        groups = [own]
        if left_open and subclasses:
            inner = {ancestor for row in subclasses for ancestor in self.ancestors(*row)[1:]}
            if all(row in inner or self._gives(*row, name) for row in subclasses):
                subclasses = tuple(row for row in subclasses if row not in inner or self._gives(*row, name))
                groups = []
        for path, index in subclasses:
            view = self._resolver.view(path)
            if view is None:
                continue
            other = Thing(thing.kind, f"{view.module}.{view.classes[index].qualname}", path, index)
            key = ("class", path, index, name, thing.kind == "instance", "", False, 0)
            groups.append(self._resolver.guarded(key, self._search, other, name, 0))
        return union(groups)

    def _gives(self, path: str, index: int, name: str) -> bool:
        """True where the class or one of its bases gives an attribute a value."""
        for ancestor in self.ancestors(path, index):
            view = self._resolver.view(ancestor[0]) if isinstance(ancestor, tuple) else None
            if view is None:
                continue
            bindings = view.scopes[view.classes[int(ancestor[1])].scope].bindings.get(name, ())
            if any(binding.kind not in ("declare", "delete") for binding in bindings):
                return True
            if self._assignments(view, int(ancestor[1]), name, True):
                return True
        return False

    def _is_declared(self, thing: Thing, name: str) -> bool:
        """True where the class says of an attribute that it is there, and leaves the value to others."""
        view = self._resolver.view(thing.path)
        if view is None:
            return False
        bindings = view.scopes[view.classes[thing.index].scope].bindings.get(name, ())
        return any(binding.kind == "declare" for binding in bindings)

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
        self._resolver.prefetch(todo)
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
