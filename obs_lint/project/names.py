"""What names are: over the scopes that they are looked up in and the bindings that may reach a use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from obs_lint.facts.model import Binding, Expr
from obs_lint.project.answers import Key
from obs_lint.project.containers import is_callable
from obs_lint.project.scopes import BUILTINS, MODULE_NAMES, FileView
from obs_lint.project.thing import (
    MAX_ALTERNATIVES,
    NOTHING,
    UNTOLD,
    UNTOLD_KINDS,
    Thing,
    Things,
    as_kind,
    is_untold,
    iterable,
    passed,
    union,
)

if TYPE_CHECKING:
    from obs_lint.project.resolve import Resolver

_LABELLED = frozenset({"module", "class"})


class Names:
    """Looks names up with a Resolver."""

    def __init__(self, resolver: Resolver) -> None:
        """`resolver` evaluates what is bound."""
        self._resolver = resolver

    def name(self, view: FileView, scope: int, expr: Expr) -> Things:
        """Return what a name, used in `scope`, is."""
        name = expr[1]
        found = view.find(scope, name)
        if found is None:
            return self._unbound(view, scope, expr)
        owner, bindings = found
        kind = view.scopes[owner].kind
        if kind == "class":
            if view.function_scope(scope) == owner and not view.is_bound_before(owner, bindings, expr[-1]):
                found = view.find_above(owner, name)
                if found is None:
                    return self._unbound(view, scope, expr)
                return self.named(view, found[0], name, found[1])
        elif owner == 0 and (view.stars or name in BUILTINS):
            return self._global(view, scope, expr, bindings)
        if len(bindings) == 1:
            return self.named(view, owner, name, bindings)
        first, last, _ = view.reaching(owner, bindings, scope, expr[-1])
        return self._reached(view, owner, expr, bindings, first, last)

    def _reached(
        self, view: FileView, owner: int, expr: Expr, bindings: tuple[Binding, ...], first: int, last: int
    ) -> Things:
        name = expr[1]
        if last - first == len(bindings) or last - first > MAX_ALTERNATIVES:
            return self.named(view, owner, name, bindings)
        if first >= last:
            return (Thing("unknown", at=(view.path, owner, expr)),)
        key = (view.path, owner, name, first, last)
        return self._resolver.guarded(key, self._union, view, owner, name, bindings[first:last], home=view, scope=owner)

    def _global(self, view: FileView, scope: int, expr: Expr, bindings: tuple[Binding, ...]) -> Things:
        """A module's name that a star import or the builtins may have too."""
        name = expr[1]
        first, last, certain = view.reaching(0, bindings, scope, expr[-1])
        if first >= last and name in BUILTINS:
            return (Thing("external", "builtins." + name),)
        things = self._reached(view, 0, expr, bindings, first, last)
        if not view.stars or certain or (not self._resolver.exact and view.replaces_stars(bindings)):
            return things
        return union((things, self._resolver.members.from_stars(view, name)))

    def _unbound(self, view: FileView, scope: int, expr: Expr) -> Things:
        name = expr[1]
        if view.stars:
            found = self._resolver.members.from_stars(view, name)
            if found:
                return found
        if name in BUILTINS:
            return (Thing("external", "builtins." + name),)
        if name in ("__name__", "__package__"):
            return (Thing("names", at=Thing("module", view.module, view.path)),)
        if name == "__class__":
            return tuple([as_kind(thing, "class") for thing in self._resolver.owner(view, scope)])
        if view.facts.subscripts:
            found = self._resolver.members.stored_global(view, name)
            if found:
                return found
        if name not in MODULE_NAMES and view.stars:
            found = self._resolver.members.from_external_stars(view, name)
            if found:
                return found
        return (Thing("unknown", at=(view.path, scope, expr)),)

    def named(self, view: FileView, owner: int, name: str, bindings: tuple[Binding, ...]) -> Things:
        """Return what a name is, over all of its bindings in the scope `owner`."""
        memo = self._resolver.memo
        context = self._resolver.context
        key = (view.path, owner, name)
        if context is None or not owner:
            known = memo.get(key)
            if known is not None:
                return known
        elif self._resolver.context_of(view, owner) is not None:
            return self._resolver.guarded(key, self._union, view, owner, name, bindings, home=view, scope=owner)
        chain: list[tuple[Key, FileView, int, Binding]] = []
        seen: set[Key] = set()
        things: Things | None = None
        while len(bindings) == 1:
            following = self._following(view, owner, bindings[0])
            if following is None:
                break
            chain.append((key, view, owner, bindings[0]))
            seen.add(key)
            view, owner, name, bindings = following
            key = (view.path, owner, name)
            if key in seen:
                things = NOTHING
                break
            things = memo.get(key)
            if things is not None:
                break
        final = True
        if things is None:
            resolver = self._resolver
            arguments = (view, owner, name, bindings)
            things, final = resolver.tracked(
                lambda: resolver.guarded(key, self._union, *arguments, home=view, scope=owner)
            )
        for key, view, owner, binding in reversed(chain):
            things = self._labelled(things, view, owner, binding)
            if final:
                memo[key] = things
        return things

    def _following(
        self, view: FileView, owner: int, binding: Binding
    ) -> tuple[FileView, int, str, tuple[Binding, ...]] | None:
        """Return the one name that a binding merely passes on, None where there is more to it."""
        if binding.kind == "import":
            statement = view.facts.imports[binding.index]
            if statement.module is None:
                return None
            paths = self._resolver.members.source_of(view, statement)[0]
            if len(paths) != 1 or self._resolver.modules.files[paths[0]].size == 0:
                return None
            target = self._resolver.view(paths[0])
            if target is None or target is view:
                return None
            name = statement.names[binding.item].name
            found = target.scopes[0].bindings.get(name)
            if not found or target.is_deleted(found):
                return None
            if target.stars and (self._resolver.exact or not target.replaces_stars(found)):
                return None
            if all(other.kind == "declare" for other in found):
                return None
            return target, 0, name, found
        if binding.kind == "assign" and binding.annotation is None and binding.scope < 0 and binding.value is not None:
            value = binding.value
            if value[0] != "name" or value[1] == binding.name or view.scopes[owner].kind == "class":
                return None
            found_in = view.find(owner, value[1])
            if found_in is None or len(found_in[1]) != 1 or view.scopes[found_in[0]].kind == "class":
                return None
            if found_in[0] == 0 and (view.stars or value[1] in BUILTINS):
                return None
            if found_in[0] and self._resolver.context is not None:
                return None
            return view, found_in[0], value[1], found_in[1]
        return None

    def _union(self, view: FileView, owner: int, name: str, bindings: tuple[Binding, ...]) -> Things:
        groups: list[Things] = []
        count = 0
        annotated: Binding | None = None
        kept = _implementations(view, bindings) if len(bindings) > 1 else bindings
        for binding in kept:
            kind = binding.kind
            if binding.annotation is not None and kind != "param":
                annotated = binding
            if kind in ("declare", "delete", "star"):
                continue
            things = self._bound(view, owner, binding)
            if kind in ("assign", "walrus") and things:
                things = self._marked(things, view, name)
            groups.append(self._labelled(things, view, owner, binding))
            count += len(things)
            if count > 4 * MAX_ALTERNATIVES:
                groups.append(UNTOLD)
                break
        things = union(groups)
        if annotated is not None and annotated.annotation is not None:
            scope = annotated.scope if annotated.scope >= 0 else owner
            promised = self._resolver.annotations.instances(view, scope, annotated.annotation)
            things = self.promised(things, promised, keep=False)
            if not groups:
                things = self._labelled(things, view, owner, annotated)
        elif not groups:
            return UNTOLD
        return things

    def _marked(self, things: Things, view: FileView, name: str) -> Things:
        """Mark displays that the file changes in place."""
        if all(thing.kind not in ("display", "elements") or thing.name for thing in things) or not view.is_mutated(
            name
        ):
            return things
        marked = []
        for thing in things:
            if thing.kind == "display" and not thing.name:
                thing = thing._replace(open=True, member=name)
            elif thing.kind == "elements":
                thing = iterable(union((thing.at, UNTOLD)))
            marked.append(thing)
        return tuple(marked)

    def promised(self, things: Things, promised: Things, *, keep: bool) -> Things:
        """Say with an annotation what else could not be told.

        `keep` adds the annotation beside what is known: for attributes, which others may assign too.
        """
        promised = union(
            [self._resolver.functions.typevars.bound(t) if t.kind == "typevar" else (t,) for t in promised]
        )
        if not things:
            return promised
        certain = tuple([thing for thing in promised if thing.kind not in UNTOLD_KINDS])
        if not certain or (all(t.kind == "const" for t in certain) and not is_untold(things)):
            return things
        known = tuple([thing for thing in things if thing.kind not in UNTOLD_KINDS])
        if len(known) < len(things) or any(t.kind == "result" for t in known):
            return union((known, promised))
        if all(t.kind == "const" and t.at[2][1] is None for t in known) or (
            keep and not any(t.kind == "const" for t in known)
        ):
            return union((known, promised))
        return things

    def _labelled(self, things: Things, view: FileView, owner: int, binding: Binding) -> Things:
        """Put the binding before the trail of what it binds, and name what has no name yet."""
        kind = binding.kind
        if self._resolver.exact or view.scopes[owner].kind not in _LABELLED or kind in ("def", "class"):
            return things
        qualname = view.scopes[owner].qualname
        dotted = f"{view.module}.{qualname}.{binding.name}" if qualname else f"{view.module}.{binding.name}"
        if kind == "import":
            statement = view.facts.imports[binding.index]
            alias = statement.names[binding.item]
            source, how, pos = alias.name, "import", alias.pos
        else:
            source, how, pos = self.text(binding.value), "assign", binding.pos
        path, name = view.path, binding.name
        things = tuple([passed(t, path, pos, name, source, how, dotted) for t in things])
        return things if how == "import" else self.labelled(things, dotted, path)

    def labelled(self, things: Things, dotted: str, path: str) -> Things:
        """Name what has no name yet: a module's or a class's variable."""
        if self._resolver.exact or all(thing.name for thing in things):
            return things
        result = []
        for thing in things:
            if thing.name:
                result.append(thing)
            elif thing.kind == "unknown":
                result.append(Thing("variable", dotted, path, -1, thing.at, trail=thing.trail, via=thing.via))
            elif thing.kind in ("const", "display", "alias"):
                result.append(Thing(thing.kind, dotted, path, *thing[3:]))
            else:
                result.append(thing)
        return tuple(result)

    def text(self, expr: Expr | None) -> str:
        """Return a dotted name as written, empty for other expressions."""
        parts: list[str] = []
        while expr is not None and expr[0] == "attr" and len(parts) < 20:
            parts.append(expr[2])
            expr = expr[1]
        if expr is None or expr[0] != "name":
            return ""
        return ".".join([expr[1], *reversed(parts)])

    def _bound(self, view: FileView, owner: int, binding: Binding) -> Things:
        kind = binding.kind
        scope = binding.scope if binding.scope >= 0 else owner
        if kind == "import":
            return self._resolver.members.imported(view, view.facts.imports[binding.index], binding.item)
        if kind == "def":
            return (self._resolver.function(view, binding.index),)
        if kind == "class":
            row = view.classes[binding.index]
            return (Thing("class", f"{view.module}.{row.qualname}", view.path, binding.index),)
        if kind == "param":
            return self._parameter(view, binding)
        value = binding.value
        if kind == "type":
            name = f"{view.module}.{view.scopes[owner].qualname}.{binding.name}"
            return (Thing("typevar", name, at=None if value is None else (view.path, owner, value)),)
        if value is None:
            return (Thing("unknown", at=(view.path, owner, ("name", binding.name, binding.pos))),)
        if kind in ("assign", "augment", "walrus"):
            return self._resolver.evaluate(view, scope, value)
        if kind == "for":
            things = self._resolver.containers.elements(self._resolver.evaluate(view, scope, value))
        elif kind == "with":
            things = union(
                [self._resolver.containers.entered(thing) for thing in self._resolver.evaluate(view, scope, value)]
            )
        elif kind == "except":
            return self._caught(view, scope, value)
        elif kind == "match":
            return self._resolver.evaluate(view, scope, value)
        else:
            return UNTOLD
        if binding.item >= 0:
            place = (Thing("const", at=(view.path, scope, ("const", binding.item, binding.pos))),)
            things = union([self._unpacked(thing, place) for thing in things])
        return things

    def _unpacked(self, thing: Thing, place: Things) -> Things:
        if thing.kind in ("display", "items", "elements") or (thing.kind == "instance" and not thing.path):
            return self._resolver.containers.item(thing, place)
        return UNTOLD

    def _caught(self, view: FileView, scope: int, value: Expr) -> Things:
        parts = value[2] if value[0] == "seq" else (value,)
        groups = []
        for part in parts:
            for thing in self._resolver.evaluate(view, scope, part):
                groups.append(self._resolver.annotations.instance_of(thing))
        return union(groups)

    def _parameter(self, view: FileView, binding: Binding) -> Things:
        row = view.functions[binding.index]
        parameter = row.parameters[binding.item]
        context = self._resolver.context_of(view, row.scope) if self._resolver.context is not None else None
        if context is not None and context.scope == row.scope:
            given = context.values.get(parameter.name)
            if given is not None:
                return given
            if context.whole and parameter.default is not None:
                return self._resolver.evaluate(view, view.scopes[row.scope].parent, parameter.default)
        if binding.item == 0 and row.owner >= 0 and parameter.kind in ("positional", "positional-only"):
            how = self._resolver.classes.first_parameter(row, view.path, binding.index)
            if how and (parameter.annotation is None or how == "class"):
                name = f"{view.module}.{view.classes[row.owner].qualname}"
                return (Thing("class" if how == "class" else "instance", name, view.path, row.owner, None, True),)
        unknown = Thing(
            "parameter",
            f"{view.module}.{row.qualname}.{parameter.name}",
            view.path,
            binding.index,
            (view.path, row.scope, ("name", parameter.name, parameter.pos)),
        )
        outside = view.scopes[row.scope].parent
        default: Things = NOTHING
        if parameter.default is not None:
            default = self._resolver.evaluate(view, outside, parameter.default)
        if parameter.annotation is not None:
            if parameter.kind in ("vararg", "kwarg"):
                name = "builtins.tuple" if parameter.kind == "vararg" else "builtins.dict"
                pos = parameter.pos
                index = parameter.annotation
                if parameter.kind == "kwarg":
                    index = ("seq", "tuple", (("name", "str", pos), index), pos)
                return (Thing("instance", name, at=(view.path, outside, ("sub", ("name", name, pos), index, pos))),)
            promised = self._resolver.annotations.instances(view, outside, parameter.annotation)
            promised = union(
                [self._resolver.functions.typevars.bound(t) if t.kind == "typevar" else (t,) for t in promised]
            )
            if not promised and binding.item == 0:
                promised = self._resolver.owner(view, row.scope)
            if binding.item == 0 and row.owner >= 0 and is_untold(promised):
                return self._resolver.owner(view, row.scope)
            known = tuple([t for t in promised if t.kind != "unknown"])
            provided = tuple([t for t in default if t.kind not in ("unknown", "result")])
            if known and all(is_callable(thing) for thing in known):
                known += (unknown,)
            if known:
                return union((known, provided, default if is_untold(promised) else NOTHING))
        return union((default, (unknown,)))


def _implementations(view: FileView, bindings: tuple[Binding, ...]) -> tuple[Binding, ...]:
    """Leave out overloads and the setters of properties."""
    if not any(binding.kind == "def" for binding in bindings):
        return bindings
    kept = []
    for binding in bindings:
        if binding.kind == "def":
            decorators = view.functions[binding.index].decorators
            if any(_is_accessory(decorator, binding.name) for decorator in decorators):
                continue
        kept.append(binding)
    return tuple(kept) or bindings


def _is_accessory(decorator: Expr, name: str) -> bool:
    if decorator[0] == "name":
        return bool(decorator[1] == "overload")
    if decorator[0] != "attr":
        return False
    if decorator[2] == "overload":
        return True
    value = decorator[1]
    return decorator[2] in ("setter", "deleter") and value[0] in ("name", "attr") and name in (value[1], value[-2])
