"""The resolver: which alternatives an expression has, over names, imports, attributes and calls.

One evaluation serves both questions, where a name comes from and which values it can have. Every answer about a name,
an attribute or a function's result is kept. Questions that depend on each other are asked again until the answers stay
the same (the least fixed point), a few times at most. Chains of plain renames and re-exports are followed in a loop, so
that their length does not matter; everything else nests to a bounded depth, beyond which the answer is `unknown`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from obs_lint.facts.model import Attribute, Binding, Expr, FileFacts, Import
from obs_lint.project.annotations import Annotations, canonical
from obs_lint.project.calls import Calls
from obs_lint.project.classes import Classes
from obs_lint.project.constants import Constants
from obs_lint.project.containers import Containers, is_generic
from obs_lint.project.functions import Context, Functions
from obs_lint.project.modules import Modules
from obs_lint.project.scopes import BUILTINS, MODULE_NAMES, FileView
from obs_lint.project.thing import (
    MAX_ALTERNATIVES,
    NOTHING,
    UNKNOWN,
    UNTOLD,
    UNTOLD_KINDS,
    Step,
    Thing,
    Things,
    after,
    as_kind,
    identity,
    is_untold,
    passed,
    step,
    union,
)
from obs_lint.project.values import Value

_MAX_DEPTH = 50
_MAX_CHAIN = 200
_MAX_STEPS = 5_000
_MAX_NAME = 400
_CUT_SHORT = 1
_MAX_PASSES = 4
_POSTFIX = frozenset({"attr", "call", "sub", "await"})
_LABELLED = frozenset({"module", "class"})

Key = tuple[Any, ...]


class _Partial(NamedTuple):
    """An answer that depends on questions that are still open."""

    things: Things
    cuts: int
    """These questions, as bits by their number in the stack; the lowest bit where it was cut short."""
    memo: dict[Key, Things]
    """Where to keep it."""


class Resolver:
    """Evaluates expressions of a project's files."""

    def __init__(self, modules: Modules, facts: Callable[[str], FileFacts | None]) -> None:
        """`facts` returns a file's facts, None where it can't be parsed."""
        self.modules = modules
        self.annotations = Annotations(self)
        self.calls = Calls(self)
        self.classes = Classes(self)
        self.constants = Constants(self)
        self.containers = Containers(self)
        self.functions = Functions(self)
        self.context: Context | None = None
        self.exact = False
        """True while values are asked for: attributes of `self` are then also what subclasses say. Kept apart."""
        self._facts = facts
        self._views: dict[str, FileView | None] = {}
        self._memos: tuple[dict[Key, Things], dict[Key, Things]] = ({}, {})
        self._memo = self._memos[0]
        self._active: dict[Key, int] = {}
        self._partial: dict[Key, _Partial] = {}
        self._guesses: dict[Key, Things] = {}
        self._changed = False
        self._cuts = 0
        self._depth = 0
        self._steps = 0

    # -- asking

    def ask(self, view: FileView, scope: int, expr: Expr, *, exact: bool = False) -> Things:
        """Evaluate for somebody outside: every question starts afresh."""
        self._start(exact)
        things = self.evaluate(view, scope, expr)
        if self._steps <= 0:
            self._give_up()
        return things

    def ask_attribute(self, thing: Thing, name: str) -> Things:
        """Look up an attribute for somebody outside."""
        self._start(False)
        return self.attribute(thing, name)

    def ask_annotation(self, view: FileView, scope: int, annotation: Expr) -> Things:
        """Evaluate an annotation for somebody outside."""
        self._start(False)
        things = self.annotations.instances(view, scope, annotation)
        return union([self.functions.typevars.bound(t) if t.kind == "typevar" else (t,) for t in things])

    def ask_import(self, view: FileView, index: int, item: int) -> Things:
        """Return what one name of an import statement imports, the whole of `a.b` for `import a.b`."""
        self._start(False)
        statement = view.facts.imports[index]
        if statement.module is None:
            return self._module_as(statement.names[item].name, view.path)
        return self.imported(view, statement, item)

    def ask_lookup(self, dotted: str, importer: str) -> Things:
        """Look up a dotted name for somebody outside."""
        self._start(False)
        return self.lookup(dotted, importer)

    def _start(self, exact: bool) -> None:
        self._steps = _MAX_STEPS
        self._depth = 0
        self._cuts = 0
        self.context = None
        self.exact = exact
        self._memo = self._memos[exact]
        if self._active:
            self._active.clear()
        if self._partial:
            self._partial.clear()
        if self._guesses:
            self._guesses.clear()

    def cut_short(self) -> Things:
        """Answer with unknown for want of depth; nothing that depends on it is kept beyond the question."""
        self._cuts |= _CUT_SHORT
        return UNTOLD

    def _give_up(self) -> None:
        """Keep what is known so far as the answer to all that was asked on the way: nobody pays for it twice."""
        for key, row in self._partial.items():
            row.memo[key] = union((row.things, UNTOLD))

    def view(self, path: str) -> FileView | None:
        """Return a file's facts with their indexes, None where it can't be parsed."""
        views = self._views
        if path in views:
            return views[path]
        facts = self._facts(path)
        view = views[path] = None if facts is None else FileView(path, self.modules.name_of(path), facts)
        return view

    # -- keeping answers

    def guarded(
        self, key: Key, compute: Callable[..., Things], *arguments: Any, home: FileView | None = None, scope: int = 0
    ) -> Things:
        """Return the answer kept under `key`, or compute and keep it.

        With `home` and `scope`, the answer depends on what is in that scope, and is kept for a call's context only if
        it lies in the function that is called there.
        """
        context = self.context
        memo = self._memo
        if context is not None:
            found = self._context_of(home, scope) if home is not None and scope else None
            if found is not None:
                memo = found.memo
                key = (*key, found.serial)
        known = memo.get(key)
        if known is not None:
            return known
        at = self._active.get(key)
        if at is not None:
            self._cuts |= 1 << at
            return self._guesses.get(key, NOTHING)
        partial = self._partial.get(key)
        if partial is not None:
            self._cuts |= partial.cuts
            return partial.things
        if self._depth >= _MAX_DEPTH or self._steps <= 0:
            return self.cut_short()
        outer, changed = self._cuts, self._changed
        if memo is self._memo:
            self.context = None
        self._depth += 1
        try:
            things, open_ = self._settle(key, memo, compute, arguments)
        finally:
            self._depth -= 1
            self.context = context
            self._active.pop(key, None)
        self._cuts = outer | open_
        self._changed = changed or (self._changed and open_ > _CUT_SHORT)
        return things

    def _settle(
        self, key: Key, memo: dict[Key, Things], compute: Callable[..., Things], arguments: tuple[Any, ...]
    ) -> tuple[Things, int]:
        """Compute an answer; again, where it depends on itself, until it stays the same.

        Questions in a cycle get the guess at each other's answers that the last pass left. The question that was asked
        first decides when to stop, and then all of them are answered. Returns the answer and the bits of the open
        questions that it depends on.
        """
        active = self._active
        at = active[key] = len(active) + 1
        own = 1 << at
        mark = len(self._partial)
        passes = 0
        first: dict[Key, Things] = {}
        while True:
            self._cuts, self._changed = 0, False
            things = compute(*arguments)
            open_ = self._cuts & (own - 1)
            if not self._cuts & own:
                break
            if self._grew(key, things):
                self._changed = True
            if open_ > _CUT_SHORT:
                self._pass_on(mark, own, open_)
                break
            if not self._changed:
                self._close(mark, None, bool(open_))
                break
            passes += 1
            if passes == _MAX_PASSES:
                things = _unending(things, first[key])
                self._close(mark, first, bool(open_))
                break
            if passes == 1:
                first[key] = things
            while len(self._partial) > mark:
                other, row = self._partial.popitem()
                if passes == 1:
                    first[other] = row.things
        if not open_ or at == 1:
            memo[key] = things
        else:
            self._partial[key] = _Partial(things, open_, memo)
        return things, open_

    def _grew(self, key: Key, things: Things) -> bool:
        """Add to the guess at an answer; True where that is more than it was."""
        guess = self._guesses.get(key, NOTHING)
        seen = {identity(thing) for thing in guess}
        fresh = tuple([thing for thing in things if identity(thing) not in seen])
        if fresh:
            self._guesses[key] = union((guess, fresh))
        return bool(fresh)

    def _pass_on(self, mark: int, own: int, open_: int) -> None:
        """Let what depended on a question depend on the questions that this one depends on."""
        partial = self._partial
        rows = list(partial.items())[mark:] if mark else list(partial.items())
        for key, row in rows:
            if row.cuts & own:
                partial[key] = _Partial(row.things, (row.cuts & ~own) | open_, row.memo)

    def _close(self, mark: int, first: dict[Key, Things] | None, cut: bool) -> None:
        """Keep all answers of a cycle; those that were cut short only until the question from outside is answered.

        With `first`, the answers of the first pass, the later ones went on growing.
        """
        partial = self._partial
        kept = []
        while len(partial) > mark:
            key, row = partial.popitem()
            things = row.things if first is None else _unending(row.things, first.get(key, NOTHING))
            if cut or row.cuts & _CUT_SHORT:
                kept.append((key, _Partial(things, _CUT_SHORT, row.memo)))
            else:
                row.memo[key] = things
        partial.update(reversed(kept))

    def _context_of(self, home: FileView, scope: int) -> Context | None:
        context = self.context
        while context is not None:
            if context.path == home.path and home.is_within(scope, context.scope):
                return context
            context = context.outer
        return None

    def evaluate_alone(self, view: FileView, scope: int, expr: Expr) -> Things:
        """Evaluate as a question of its own, within another: what is open there does not count."""
        saved = (self._active, self._partial, self._guesses, self._cuts, self._changed)
        context, exact, memo = self.context, self.exact, self._memo
        self._active, self._partial, self._guesses, self._cuts, self._changed = {}, {}, {}, 0, False
        self.context, self.exact, self._memo = None, False, self._memos[0]
        try:
            return self.evaluate(view, scope, expr)
        finally:
            self._active, self._partial, self._guesses, self._cuts, self._changed = saved
            self.context, self.exact, self._memo = context, exact, memo

    # -- expressions

    def evaluate(self, view: FileView, scope: int, expr: Expr) -> Things:
        """Return the alternatives of `expr` in `scope` of the file."""
        tag = expr[0]
        if tag == "name":
            return self._name(view, scope, expr)
        if tag == "const":
            return (Thing("const", at=(view.path, scope, expr)),)
        self._steps -= 1
        if self._depth >= _MAX_DEPTH or self._steps <= 0:
            return self.cut_short()
        self._depth += 1
        try:
            if tag in _POSTFIX:
                return self._postfix(view, scope, expr)
            handler = _EXPRESSIONS.get(tag)
            if handler is not None:
                return handler(self, view, scope, expr)
            return (Thing("unknown", at=(view.path, scope, expr)),)
        finally:
            self._depth -= 1

    def _postfix(self, view: FileView, scope: int, expr: Expr) -> Things:
        chain = []
        base = expr
        while base[0] in _POSTFIX:
            chain.append(base)
            base = base[1]
            if len(chain) > _MAX_CHAIN:
                return UNTOLD
        things = self.evaluate(view, scope, base)
        place = len(chain)
        while place:
            place -= 1
            link = chain[place]
            tag = link[0]
            if tag == "attr":
                name = link[2]
                call = chain[place - 1] if place else None
                if call is not None and call[0] == "call":
                    place -= 1
                    things = self._call_method(things, name, view, scope, link, call)
                elif len(things) == 1:
                    things = self.attribute(things[0], name, view, scope, link)
                else:
                    things = union([self.attribute(thing, name, view, scope, link) for thing in things])
            elif tag == "call":
                if len(things) == 1:
                    things = self._called(things[0], view, scope, link)
                else:
                    things = union([self._called(thing, view, scope, link) for thing in things])
            elif tag == "sub":
                things = self._item(things, view, scope, link)
            else:
                things = union([self.containers.awaited(thing) for thing in things])
            if not things:
                return NOTHING
        return things

    def _call_method(self, things: Things, name: str, view: FileView, scope: int, link: Expr, call: Expr) -> Things:
        groups = []
        for thing in things:
            kind = thing.kind
            if kind == "const":
                if thing.at[2][1] is None:
                    continue
                groups.append(self.constants.method(thing, name, view, scope, call))
                continue
            if kind in ("display", "names", "items", "elements") or (
                kind == "instance" and not thing.path and thing.at is not None
            ):
                arguments = [self.evaluate(view, scope, argument) for argument in call[2][:2]]
                found = self.containers.method(thing, name, arguments)
                if found is not None:
                    groups.append(found)
                    continue
            elif kind == "external" and thing.name == "sys.modules" and name == "get" and call[2]:
                groups.append(
                    self.containers.item(
                        Thing("external", "sys.modules", view.path), self.evaluate(view, scope, call[2][0])
                    )
                )
                continue
            for callee in self.attribute(thing, name, view, scope, link):
                groups.append(self._called(callee, view, scope, call))
        return union(groups)

    def _called(self, thing: Thing, view: FileView, scope: int, call: Expr) -> Things:
        if thing.kind in ("unknown", "variable", "parameter"):
            return (Thing("unknown", at=(view.path, scope, call)),)
        found = self.calls.call(thing, view, scope, call)
        if found == UNTOLD:
            return (Thing("unknown", at=(view.path, scope, call)),)
        return found

    def _item(self, things: Things, view: FileView, scope: int, expr: Expr) -> Things:
        groups: list[Things] = []
        keys: Things | None = None
        for thing in things:
            kind = thing.kind
            if kind == "external" and thing.name != "sys.modules":
                name = canonical(thing.name)
                if name == "dependency_injector.wiring.Provide":
                    for provided in self.evaluate(view, scope, expr[2]):
                        groups.append(self.calls.call(provided, view, scope, None))
                elif is_generic(name):
                    at = (view.path, scope, expr)
                    groups.append((Thing("external", thing.name, at=at, trail=thing.trail, via=thing.via),))
                else:
                    groups.append((Thing("unknown", at=(view.path, scope, expr)),))
                continue
            if kind == "class" and not self.classes.enum_kind(thing.path, thing.index):
                groups.append((thing._replace(at=(view.path, scope, expr)),))
                continue
            if kind == "alias":
                groups.append((thing,))
                continue
            if kind in UNTOLD_KINDS or kind in ("result", "member", "module", "function"):
                groups.append((Thing("unknown", at=(view.path, scope, expr)),))
                continue
            if keys is None:
                keys = self.evaluate(view, scope, expr[2])
            if kind == "external":
                thing = Thing("external", "sys.modules", view.path)
            groups.append(self.containers.item(thing, keys))
        return union(groups)

    def _choice(self, view: FileView, scope: int, expr: Expr) -> Things:
        """`a or b` is a only where that is true, `a and b` only where it is false."""
        groups = []
        for part in expr[2][:-1]:
            things = self.evaluate(view, scope, part)
            groups.append(tuple([t for t in things if t.kind != "const" or bool(t.at[2][1]) == (expr[1] == "or")]))
        groups.append(self.evaluate(view, scope, expr[2][-1]))
        return union(groups)

    def _conditional(self, view: FileView, scope: int, expr: Expr) -> Things:
        return union((self.evaluate(view, scope, expr[2]), self.evaluate(view, scope, expr[3])))

    def _binary(self, view: FileView, scope: int, expr: Expr) -> Things:
        return self.constants.binary(view, scope, expr)

    def _fstring(self, view: FileView, scope: int, expr: Expr) -> Things:
        return self.constants.fstring(view, scope, expr)

    def _display(self, view: FileView, scope: int, expr: Expr) -> Things:
        return (Thing("display", at=(view.path, scope, expr)),)

    def _lambda(self, view: FileView, scope: int, expr: Expr) -> Things:
        return (self.function(view, expr[1]),)

    def _walrus(self, view: FileView, scope: int, expr: Expr) -> Things:
        return self.evaluate(view, scope, expr[2])

    def _starred(self, view: FileView, scope: int, expr: Expr) -> Things:
        return self.evaluate(view, scope, expr[1])

    def function(self, view: FileView, index: int) -> Thing:
        """Return a function of the file."""
        return Thing("function", f"{view.module}.{view.functions[index].qualname}", view.path, index)

    def owner(self, view: FileView, scope: int) -> Things:
        """Return an object of the class in whose body or method the scope lies."""
        index = view.enclosing_class(scope)
        if index < 0:
            return UNTOLD
        return (Thing("instance", f"{view.module}.{view.classes[index].qualname}", view.path, index, None, True),)

    # -- names

    def _name(self, view: FileView, scope: int, expr: Expr) -> Things:
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
        return self.guarded(key, self._union, view, owner, name, bindings[first:last], home=view, scope=owner)

    def _global(self, view: FileView, scope: int, expr: Expr, bindings: tuple[Binding, ...]) -> Things:
        """A module's name that a star import or the builtins may have too."""
        name = expr[1]
        first, last, certain = view.reaching(0, bindings, scope, expr[-1])
        if first >= last and name in BUILTINS:
            return (Thing("external", "builtins." + name),)
        things = self._reached(view, 0, expr, bindings, first, last)
        if not view.stars or certain or (not self.exact and view.replaces_stars(bindings)):
            return things
        return union((things, self._from_stars(view, name)))

    def _unbound(self, view: FileView, scope: int, expr: Expr) -> Things:
        name = expr[1]
        if view.stars:
            found = self._from_stars(view, name)
            if found:
                return found
        if name in BUILTINS:
            return (Thing("external", "builtins." + name),)
        if name in ("__name__", "__package__"):
            return (Thing("names", at=Thing("module", view.module, view.path)),)
        if name == "__class__":
            return tuple([as_kind(thing, "class") for thing in self.owner(view, scope)])
        if view.facts.subscripts:
            found = self._stored_global(view, name)
            if found:
                return found
        if name not in MODULE_NAMES and view.stars:
            found = self._from_external_stars(view, name)
            if found:
                return found
        return (Thing("unknown", at=(view.path, scope, expr)),)

    def named(self, view: FileView, owner: int, name: str, bindings: tuple[Binding, ...]) -> Things:
        """Return what a name is, over all of its bindings in the scope `owner`."""
        memo = self._memo
        context = self.context
        key = (view.path, owner, name)
        if context is None or not owner:
            known = memo.get(key)
            if known is not None:
                return known
        elif self._context_of(view, owner) is not None:
            return self.guarded(key, self._union, view, owner, name, bindings, home=view, scope=owner)
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
        cuts = 0
        if things is None:
            outer, self._cuts = self._cuts, 0
            things = self.guarded(key, self._union, view, owner, name, bindings, home=view, scope=owner)
            cuts = self._cuts
            self._cuts = outer | cuts
        for key, view, owner, binding in reversed(chain):
            things = self._labelled(things, view, owner, binding)
            if not cuts:
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
            paths = self._source_of(view, statement)[0]
            if len(paths) != 1 or self.modules.files[paths[0]].size == 0:
                return None
            target = self.view(paths[0])
            if target is None or target is view:
                return None
            name = statement.names[binding.item].name
            found = target.scopes[0].bindings.get(name)
            if not found or target.is_deleted(found):
                return None
            if target.stars and (self.exact or not target.replaces_stars(found)):
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
            if found_in[0] and self.context is not None:
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
            promised = self.annotations.instances(view, scope, annotated.annotation)
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
                thing = Thing("elements", at=union((thing.at, UNTOLD)))
            marked.append(thing)
        return tuple(marked)

    def promised(self, things: Things, promised: Things, *, keep: bool) -> Things:
        """Say with an annotation what else could not be told.

        `keep` adds the annotation beside what is known: for attributes, which others may assign too.
        """
        promised = union([self.functions.typevars.bound(t) if t.kind == "typevar" else (t,) for t in promised])
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
        if self.exact or view.scopes[owner].kind not in _LABELLED or kind in ("def", "class"):
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
        if self.exact or all(thing.name for thing in things):
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

    # -- bindings

    def _bound(self, view: FileView, owner: int, binding: Binding) -> Things:
        kind = binding.kind
        scope = binding.scope if binding.scope >= 0 else owner
        if kind == "import":
            return self.imported(view, view.facts.imports[binding.index], binding.item)
        if kind == "def":
            return (self.function(view, binding.index),)
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
            return self.evaluate(view, scope, value)
        if kind == "for":
            things = self.containers.elements(self.evaluate(view, scope, value))
        elif kind == "with":
            things = union([self.containers.entered(thing) for thing in self.evaluate(view, scope, value)])
        elif kind == "except":
            return self._caught(view, scope, value)
        elif kind == "match":
            return self.evaluate(view, scope, value)
        else:
            return UNTOLD
        if binding.item >= 0:
            place = (Thing("const", at=(view.path, scope, ("const", binding.item, binding.pos))),)
            things = union([self._unpacked(thing, place) for thing in things])
        return things

    def _unpacked(self, thing: Thing, place: Things) -> Things:
        if thing.kind in ("display", "items", "elements") or (thing.kind == "instance" and not thing.path):
            return self.containers.item(thing, place)
        return UNTOLD

    def _caught(self, view: FileView, scope: int, value: Expr) -> Things:
        parts = value[2] if value[0] == "seq" else (value,)
        groups = []
        for part in parts:
            for thing in self.evaluate(view, scope, part):
                groups.append(self.annotations.instance_of(thing))
        return union(groups)

    def _parameter(self, view: FileView, binding: Binding) -> Things:
        row = view.functions[binding.index]
        parameter = row.parameters[binding.item]
        context = self._context_of(view, row.scope) if self.context is not None else None
        if context is not None and context.scope == row.scope:
            given = context.values.get(parameter.name)
            if given is not None:
                return given
            if context.whole and parameter.default is not None:
                return self.evaluate(view, view.scopes[row.scope].parent, parameter.default)
        if binding.item == 0 and row.owner >= 0 and parameter.kind in ("positional", "positional-only"):
            how = self.classes.first_parameter(row, view.path, binding.index)
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
            default = self.evaluate(view, outside, parameter.default)
        if parameter.annotation is not None:
            if parameter.kind in ("vararg", "kwarg"):
                name = "builtins.tuple" if parameter.kind == "vararg" else "builtins.dict"
                pos = parameter.pos
                index = parameter.annotation
                if parameter.kind == "kwarg":
                    index = ("seq", "tuple", (("name", "str", pos), index), pos)
                return (Thing("instance", name, at=(view.path, outside, ("sub", ("name", name, pos), index, pos))),)
            promised = self.annotations.instances(view, outside, parameter.annotation)
            promised = union([self.functions.typevars.bound(t) if t.kind == "typevar" else (t,) for t in promised])
            if not promised and binding.item == 0:
                promised = self.owner(view, row.scope)
            if binding.item == 0 and row.owner >= 0 and is_untold(promised):
                return self.owner(view, row.scope)
            known = tuple([t for t in promised if t.kind != "unknown"])
            provided = tuple([t for t in default if t.kind not in ("unknown", "result")])
            if known:
                return union((known, provided, default if is_untold(promised) else NOTHING))
        return union((default, (unknown,)))

    # -- imports

    def _source_of(self, view: FileView, statement: Import) -> tuple[tuple[str, ...], str]:
        """Return the files that a `from` import reads from, and the folder that a relative one means."""
        if statement.level:
            return self.modules.relative(view.path, statement.level, statement.module or "")
        return self.modules.find(statement.module or "", view.path), ""

    def imported(self, view: FileView, statement: Import, item: int) -> Things:
        """Return what one name of an import statement is bound to."""
        alias = statement.names[item]
        name = alias.name
        if statement.module is None:
            if alias.asname is None:
                return self.module(name.partition(".")[0], view.path, within=name)
            return self._module_as(name, view.path)
        paths, folder = self._source_of(view, statement)
        if paths:
            known = []
            for path in paths:
                found = self._submodule(path, name) if path == view.path else None
                if found is None:
                    found = self.member(path, name)
                if found is not None:
                    known.append(found)
            return union(known) if known else UNTOLD
        if statement.level:
            if not folder:
                return UNTOLD
            files, place = self.modules.at(folder, name)
            if files:
                return self._modules(files)
            return (Thing("namespace", place.replace("/", "."), view.path, 1),) if place else UNTOLD
        dotted = f"{statement.module}.{name}"
        return self.module(dotted, view.path)

    def _module_as(self, name: str, importer: str) -> Things:
        """`import a.b as c` reads `b` from `a`: where the package binds that name to something else, it is that."""
        parent, _, last = name.rpartition(".")
        if parent:
            for path in self.modules.find(parent, importer):
                if self._binds(path, last):
                    found = self.member(path, last)
                    if found is not None:
                        return found
        return self.module(name, importer)

    def _binds(self, path: str, name: str) -> bool:
        for statement in self.modules.imports(path):
            if statement.names is not None and any(bound == name for _, bound in statement.names):
                return statement.module.rpartition(".")[2] == name or any(
                    written != bound for written, bound in statement.names
                )
        return False

    def module(self, name: str, importer: str, *, within: str = "") -> Things:
        """Return the module of that name as `importer` gets it: first-party, or external.

        `within` is a module below it that is imported too, which tells a first-party package without a file.
        """
        found = self.modules.find(name, importer)
        if found:
            return self._modules(found)
        if "." in name:
            parent, _, last = name.rpartition(".")
            paths = self.modules.find(parent, importer)
            if paths:
                groups = [group for group in (self.member(path, last) for path in paths) if group is not None]
                if groups:
                    return union(groups)
                return (Thing("external", name),)
        if self.modules.is_package_prefix(name, importer):
            certain = bool(within and within != name and self.modules.find(within, importer))
            return (Thing("namespace", name, importer, 1 if certain else 0),)
        return (Thing("external", name),)

    def _modules(self, paths: tuple[str, ...]) -> Things:
        return tuple([Thing("module", self.modules.name_of(path), path) for path in paths])

    def relative_module(self, path: str, level: int, module: str) -> Things:
        """Return the module that so many dots and `module` mean in the file at `path`."""
        found, _ = self.modules.relative(path, level, module)
        return self._modules(found) if found else UNTOLD

    def lookup(self, dotted: str, importer: str) -> Things:
        """Return what a dotted name means: the longest module that it begins with, then attributes."""
        segments = dotted.split(".")
        for count in range(len(segments), 0, -1):
            found = self.modules.find(".".join(segments[:count]), importer)
            if found:
                things = self._modules(found)
                for segment in segments[count:]:
                    things = union([self.attribute(thing, segment) for thing in things])
                return things
        return (Thing("external", dotted),)

    # -- attributes

    def attribute(
        self, thing: Thing, name: str, view: FileView | None = None, scope: int = 0, expr: Expr | None = None
    ) -> Things:
        """Return what `thing.name` is. The rest says where that is written."""
        kind = thing.kind
        if kind == "external":
            dotted = f"{thing.name}.{name}"
            return (Thing("external", dotted, trail=thing.trail, via=thing.via),) if len(dotted) < _MAX_NAME else UNTOLD
        if kind == "module":
            found = self.member(thing.path, name)
            if self.exact and view is not None and (rows := view.assigned_to_others(name)):
                found = union([found or NOTHING, *[self._patched(view, row, thing) for row in rows]])
            if found is not None:
                return after(found, thing)
        elif kind in ("instance", "class"):
            if thing.path:
                return self.classes.attribute(thing, name)
            dotted = f"{thing.name}().{name}"
            return (Thing("member", dotted, trail=thing.trail, via=thing.via),)
        elif kind == "result":
            dotted = f"{thing.name}().{name}"
            if len(dotted) < _MAX_NAME:
                return (Thing("member", dotted, trail=thing.trail, via=thing.via),)
        elif kind == "member":
            dotted = f"{thing.name}.{name}"
            if len(dotted) < _MAX_NAME:
                return (Thing("member", dotted, trail=thing.trail, via=thing.via),)
        elif kind == "namespace":
            return after(self._below(thing, name), thing)
        elif kind == "parent":
            return self.classes.inherited(thing, name)
        elif kind == "function":
            return self._of_function(thing, name)
        elif kind == "display" and thing.at[2][0] == "call":
            return self._of_namespace(thing, name)
        elif kind == "typevar":
            return union([self.attribute(t, name, view, scope, expr) for t in self.functions.typevars.bound(thing)])
        elif kind == "const":
            value = thing.at[2][1]
            if value is None:
                return NOTHING
            return (Thing("member", f"builtins.{value.__class__.__name__}().{name}"),)
        elif kind == "display" and thing.at[2][0] in ("seq", "dict", "comp"):
            return (Thing("member", f"builtins.{_type_of(thing.at[2])}().{name}"),)
        if view is None or expr is None:
            return UNTOLD
        return (Thing("unknown", at=(view.path, scope, expr)),)

    def _patched(self, view: FileView, row: Attribute, module: Thing) -> Things:
        """Return what an assignment in the file that asks puts in the place of a module's attribute."""
        targets = self.evaluate(view, row.scope, row.target[1])
        if not any(target.kind == "module" and target.path == module.path for target in targets):
            return NOTHING
        return UNTOLD if row.value is None else self.evaluate(view, row.scope, row.value)

    def _below(self, thing: Thing, name: str) -> Things:
        dotted = f"{thing.name}.{name}"
        found = self.modules.find(dotted, thing.path)
        if found:
            return self._modules(found)
        if self.modules.is_package_prefix(dotted, thing.path):
            return (Thing("namespace", dotted, thing.path, thing.index),)
        return (Thing("external", dotted),)

    def _of_function(self, thing: Thing, name: str) -> Things:
        view = self.view(thing.path)
        if view is None:
            return UNTOLD
        if name in ("__call__", "__func__", "__wrapped__"):
            return (thing,)
        if name in ("__name__", "__qualname__"):
            row = view.functions[thing.index]
            text = row.name if name == "__name__" else row.qualname
            return (Thing("const", at=(view.path, row.parent, ("const", text, row.name_pos))),)
        if name == "__self__" and thing.receiver is not None:
            return (thing.receiver,)
        rows = view.assigned("function", thing.index).get(name, ())
        groups = [self.evaluate(view, row.scope, row.value) for row in rows if row.value is not None]
        return union(groups) if groups else UNTOLD

    def _of_namespace(self, thing: Thing, name: str) -> Things:
        path, scope, call = thing.at
        view = self.view(path)
        if view is not None:
            for keyword, value, _ in call[3]:
                if keyword == name:
                    return self.evaluate(view, scope, value)
        return UNTOLD

    def member(self, path: str, name: str) -> Things | None:
        """Return what `name` of the module at `path` is; None where the module certainly has no such name."""
        file = self.modules.files.get(path)
        if file is not None and file.size == 0:
            return self._submodule(path, name)
        view = self.view(path)
        if view is None:
            return self._submodule(path, name) or UNTOLD
        bindings = view.scopes[0].bindings.get(name)
        if bindings and not view.is_deleted(bindings):
            found = self.named(view, 0, name, bindings)
            if view.stars and (self.exact or not view.replaces_stars(bindings)):
                return union((found, self._from_stars(view, name)))
            if file is not None and file.is_package and all(t.kind == "unknown" for t in found):
                return self._submodule(path, name) or found
            return found
        key = ("member", path, name)
        found = self.guarded(key, self._implicit, view, name)
        return found or None

    def _implicit(self, view: FileView, name: str) -> Things:
        """Return what a module gives for a name that it does not bind; () where there is none."""
        starred: Things = NOTHING
        if view.stars:
            starred = self._from_stars(view, name)
            if not all(thing.kind == "unknown" for thing in starred):
                return starred
        if name == "__name__":
            return (Thing("names", at=Thing("module", view.module, view.path)),)
        if name == "__dict__":
            return (Thing("names", at=Thing("module", view.module, view.path)),)
        if view.facts.subscripts:
            found = self._stored_global(view, name)
            if found:
                return found
        submodule = self._submodule(view.path, name)
        if submodule:
            return submodule
        lazy = view.scopes[0].bindings.get("__getattr__")
        if lazy and not name.startswith("__"):
            groups = []
            for thing in self.named(view, 0, "__getattr__", lazy):
                groups.append(self.functions.looked_up(thing, name) if thing.kind == "function" else UNTOLD)
            found = union(groups)
            if found:
                return found
        if view.stars and not starred:
            return self._from_external_stars(view, name)
        return starred

    def _submodule(self, path: str, name: str) -> Things | None:
        found, folder = self.modules.submodule(path, name)
        if found:
            return self._modules(found)
        if folder:
            return (Thing("namespace", f"{self.modules.name_of(path)}.{name}", path, 1),)
        return None

    def _stored_global(self, view: FileView, name: str) -> Things:
        groups = []
        for row in view.items_of("globals()"):
            key = row.target[2]
            if row.value is None or key[0] not in ("const", "name"):
                continue
            if key[0] == "const" and key[1] != name:
                continue
            if key[0] == "name" and not any(
                t.kind == "const" and t.at[2][1] == name for t in self.evaluate(view, row.scope, key)
            ):
                continue
            stored = self.evaluate(view, row.scope, row.value)
            dotted = f"{view.module}.{name}"
            stored = tuple(
                [passed(t, view.path, row.target[-1], name, self.text(row.value), "assign", dotted) for t in stored]
            )
            groups.append(self.labelled(stored, dotted, view.path))
        return union(groups)

    def public_names(self, path: str) -> tuple[str, ...]:
        """Return the names that a star import of the module brings in, sorted."""
        names: set[str] = set()
        seen: set[str] = set()
        todo = [path]
        first = True
        while todo:
            view = self.view(todo[-1])
            home = todo.pop()
            if view is None or home in seen:
                continue
            seen.add(home)
            exports = view.facts.exports
            if exports is not None:
                names.update(exports)
                if first:
                    break
                continue
            first = False
            names.update(
                name
                for name, bindings in view.scopes[0].bindings.items()
                if not name.startswith("_") and name != "*" and not view.is_deleted(bindings)
            )
            for star in view.stars:
                todo += self._source_of(view, view.facts.imports[star.index])[0]
        return tuple(sorted(names))

    # -- values

    def values_of(self, thing: Thing) -> tuple[Value, ...] | None:
        """Return the values that one alternative can have, None where that can't be told."""
        if thing.kind == "const":
            path, _, expr = thing.at
            return (Value(expr[1], path, expr[-1]),)
        if thing.kind != "instance" or not thing.path:
            return None
        kind = self.classes.enum_kind(thing.path, thing.index)
        if not kind or (kind in ("Flag", "IntFlag") and not thing.member):
            return None
        members = (thing,) if thing.member else self.classes.members(thing.path, thing.index)
        if not members:
            return None
        values = []
        for member in members:
            path, _, expr = member.at
            found = [t for t in self.classes.member_values(member) if t.kind == "const"]
            value = found[0].at[2][1] if len(found) == 1 else None
            values.append(Value(value, path, expr[-1], f"{member.name}.{member.member}"))
        return tuple(values)

    # -- star imports

    def _from_stars(self, view: FileView, name: str) -> Things:
        """Return what the star imports of a module bring in under `name`; () for nothing."""
        return self.guarded(("star", view.path, name), self._search_stars, view, name)

    def _search_stars(self, view: FileView, name: str) -> Things:
        groups: list[Things] = []
        todo: list[tuple[FileView, Binding, Step | None]] = [(view, star, None) for star in view.stars]
        seen = {view.path}
        while todo:
            home, star, steps = todo.pop()
            statement = home.facts.imports[star.index]
            source = "." * statement.level + (statement.module or "")
            steps = step(home.path, star.pos, name, source, "star", steps)
            for path in self._source_of(home, statement)[0]:
                if path in seen:
                    continue
                target = self.view(path)
                if target is None:
                    continue
                if not _exports(target, name):
                    continue
                seen.add(path)
                bindings = target.scopes[0].bindings.get(name)
                found: Things = NOTHING
                if bindings and not target.is_deleted(bindings):
                    found = self.named(target, 0, name, bindings)
                elif target.facts.exports and name in target.facts.exports and not target.stars:
                    found = self.member(path, name) or NOTHING
                elif target.facts.exports and name in target.facts.exports:
                    found = self._submodule(path, name) or NOTHING
                if found:
                    groups.append(_with_steps(found, steps))
                    continue
                todo += [(target, inner, steps) for inner in target.stars]
        return union(groups)

    def _from_external_stars(self, view: FileView, name: str) -> Things:
        """Return what external modules may bring in by star imports, over any number of files."""
        if name.startswith("_"):
            return NOTHING
        result: list[Thing] = []
        todo = list(view.stars)
        homes = [view] * len(todo)
        seen = {view.path}
        while todo:
            star, home = todo.pop(), homes.pop()
            statement = home.facts.imports[star.index]
            paths = self._source_of(home, statement)[0]
            if not paths and not statement.level and statement.module:
                if not self.modules.is_package_prefix(statement.module, home.path):
                    result.append(Thing("external", f"{statement.module}.{name}"))
            for path in paths:
                target = self.view(path)
                if path in seen or target is None or not _exports(target, name):
                    continue
                seen.add(path)
                todo += target.stars
                homes += [target] * len(target.stars)
        return tuple(result)


def _type_of(display: Expr) -> str:
    if display[0] == "dict":
        return "dict"
    return "generator" if display[1] == "gen" else str(display[1])


def _unending(things: Things, first: Things) -> Things:
    """Return an answer that goes on growing, without the values that only later passes brought up."""
    seen = {identity(thing) for thing in first}
    return (*[thing for thing in things if thing.kind != "const" or identity(thing) in seen], UNKNOWN)


def _exports(view: FileView, name: str) -> bool:
    exports = view.facts.exports
    return name in exports if exports is not None else not name.startswith("_")


def _with_steps(things: Things, steps: Step | None) -> Things:
    if steps is None:
        return things
    rows = []
    row: Step | None = steps
    while row is not None:
        rows.append(row)
        row = row.rest
    result = []
    for thing in things:
        trail = thing.trail
        for each in rows:
            trail = step(*each[:5], trail)
        result.append(Thing(*thing[:9], trail, thing.via))
    return tuple(result)


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


_EXPRESSIONS: dict[str, Callable[[Resolver, FileView, int, Expr], Things]] = {
    "if": Resolver._conditional,
    "bool": Resolver._choice,
    "binop": Resolver._binary,
    "fstr": Resolver._fstring,
    "dict": Resolver._display,
    "seq": Resolver._display,
    "comp": Resolver._display,
    "lambda": Resolver._lambda,
    "walrus": Resolver._walrus,
    "star": Resolver._starred,
}
