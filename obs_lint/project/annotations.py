"""What an annotation promises: the objects that something so annotated may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from obs_lint.facts.model import Expr
from obs_lint.project.scopes import FileView
from obs_lint.project.thing import NOTHING, UNTOLD, Thing, Things, after, as_kind, opened, union

if TYPE_CHECKING:
    from obs_lint.project.resolve import Resolver

SELF = "typing.Self"
_TRANSPARENT = frozenset(
    {
        "typing.Optional",
        "typing.Union",
        "typing.ClassVar",
        "typing.Final",
        "typing.Required",
        "typing.NotRequired",
        "typing.ReadOnly",
        "dataclasses.InitVar",
        "sqlalchemy.orm.Mapped",
        "sqlalchemy.orm.base.Mapped",
    }
)
"""Generics that stand for what is in their brackets."""
_ANYTHING = frozenset(
    {"typing.Any", "builtins.object", "typing.NoReturn", "typing.Never", "typing.Hashable", "typing.AnyStr"}
)
_QUALIFIERS = frozenset({"typing.Final", "typing.ClassVar"})
_DEPENDENCIES = frozenset({"Depends", "Security", "TaskiqDepends"})


def canonical(name: str) -> str:
    """Return the name by which the same thing of the standard library is known here."""
    if name.startswith("typing_extensions."):
        return "typing" + name[17:]
    return name


def arguments(at: tuple[str, int, Expr]) -> tuple[Expr, ...]:
    """Return what stands in the brackets of a generic."""
    index = at[2][2]
    return index[2] if index[0] == "seq" else (index,)


class Annotations:
    """Evaluates annotations with a Resolver."""

    def __init__(self, resolver: Resolver) -> None:
        """`resolver` evaluates the names in them."""
        self._resolver = resolver

    def instances(self, view: FileView, scope: int, annotation: Expr) -> Things:
        """Return the objects that the annotation, written in `scope`, allows. Literals are constants."""
        tag = annotation[0]
        if tag == "const":
            value = annotation[1]
            if isinstance(value, str):
                return UNTOLD
            return (Thing("const", at=(view.path, scope, annotation)),)
        if tag == "sub":
            return self._generic(view, scope, annotation)
        if tag == "binop":
            if annotation[1] != "|":
                return UNTOLD
            return union([self.instances(view, scope, side) for side in alternatives(annotation)])
        if tag not in ("name", "attr", "call"):
            return UNTOLD
        things = self._resolver.evaluate(view, scope, annotation)
        return union([self.instance_of(thing) for thing in things])

    def instance_of(self, thing: Thing) -> Things:
        """Return the objects of what an annotation resolved to."""
        kind = thing.kind
        if kind == "class":
            return (opened(as_kind(thing, "instance")),)
        if kind in ("external", "alias"):
            if thing.at is not None:
                path, scope, expr = thing.at
                view = self._resolver.view(path)
                if view is None:
                    return UNTOLD
                key = ("alias", path, scope, expr[-1])
                found = self._resolver.guarded(key, self.instances, view, scope, expr, home=view, scope=scope)
                return after(found, thing)
            name = canonical(thing.name)
            if name == SELF:
                return (Thing("typevar", SELF),)
            if kind == "alias" or name in _ANYTHING or name in _QUALIFIERS:
                return UNTOLD
            return (Thing("instance", thing.name, at=None, trail=thing.trail, via=thing.via, open=True),)
        if kind == "typevar":
            return (thing,)
        if kind == "const" and thing.at[2][1] is None:
            return (thing,)
        return UNTOLD

    def classes(self, view: FileView, scope: int, annotation: Expr) -> Things:
        """Return the classes that `type[annotation]` allows."""
        return union([self._class_of(instance) for instance in self.instances(view, scope, annotation)])

    def _class_of(self, instance: Thing) -> Things:
        if instance.kind == "instance" and not instance.member:
            if instance.path:
                return (opened(as_kind(instance, "class")),)
            return (Thing("external", instance.name, trail=instance.trail, via=instance.via),)
        if instance.kind == "typevar":
            return (Thing("typevar", instance.name, index=1, at=instance.at),)
        return UNTOLD

    def _generic(self, view: FileView, scope: int, annotation: Expr) -> Things:
        base: Expr = annotation[1]
        index: Expr = annotation[2]
        parts = index[2] if index[0] == "seq" else (index,)
        groups: list[Things] = []
        for thing in self._resolver.evaluate(view, scope, base):
            if thing.kind == "class":
                at = (view.path, scope, annotation)
                groups.append((opened(as_kind(thing, "instance"))._replace(at=at),))
                continue
            if thing.kind == "alias" and thing.at is not None:
                groups.append(self.instance_of(thing))
                continue
            if thing.kind != "external":
                groups.append(UNTOLD)
                continue
            name = canonical(thing.name)
            if name in _TRANSPARENT:
                groups += [self.instances(view, scope, part) for part in parts]
                if name == "typing.Optional":
                    groups.append((Thing("const", at=(view.path, scope, ("const", None, annotation[-1]))),))
            elif name == "typing.Annotated":
                groups.append(self._annotated(view, scope, parts))
            elif name == "typing.Literal":
                groups += [self._literal(view, scope, part) for part in parts]
            elif name in ("typing.Type", "builtins.type"):
                groups += [self.classes(view, scope, part) for part in parts]
            else:
                groups.append((Thing("instance", thing.name, at=(view.path, scope, annotation), open=True),))
        return union(groups)

    def _annotated(self, view: FileView, scope: int, parts: tuple[Expr, ...]) -> Things:
        """`Annotated[T, Depends(f)]` is what f returns where T says less."""
        if not parts:
            return UNTOLD
        declared = self.instances(view, scope, parts[0])
        provided: list[Things] = []
        for part in parts[1:]:
            if part[0] == "call" and self.is_dependency(view, scope, part[1]):
                if part[2] or part[3]:
                    provided.append(self._resolver.evaluate(view, scope, part))
        known = union(tuple([t for t in group if t.kind != "unknown"]) for group in provided)
        if not known:
            return declared
        return union((tuple([t for t in declared if t.kind != "unknown"]), known))

    def is_dependency(self, view: FileView, scope: int, callee: Expr) -> bool:
        """True for FastAPI's `Depends` and its likes."""
        last = callee[1] if callee[0] == "name" else callee[2] if callee[0] == "attr" else ""
        if not isinstance(last, str):
            return False
        return any(
            thing.kind == "external" and thing.name.rpartition(".")[2] in _DEPENDENCIES
            for thing in self._resolver.evaluate(view, scope, callee)
        )

    def _literal(self, view: FileView, scope: int, part: Expr) -> Things:
        if part[0] == "const":
            return (Thing("const", at=(view.path, scope, part)),)
        if part[0] == "sub":
            return self.instances(view, scope, part)
        things = self._resolver.evaluate(view, scope, part)
        return union(self.instance_of(t) if t.kind in ("external", "alias") else (t,) for t in things) or NOTHING


def alternatives(annotation: Expr) -> list[Expr]:
    """Return the sides of `A | B | C`, in order."""
    sides: list[Expr] = []
    while annotation[0] == "binop" and annotation[1] == "|":
        sides.append(annotation[3])
        annotation = annotation[2]
    sides.append(annotation)
    sides.reverse()
    return sides
