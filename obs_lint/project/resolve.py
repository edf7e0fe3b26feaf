"""The resolver: which alternatives an expression has, over names, imports, attributes and calls.

One evaluation serves both questions, where a name comes from and which values it can have. Chains of plain renames and
re-exports are followed in a loop, so that their length does not matter; everything else nests to a bounded depth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from obs_lint.facts.model import Attribute, Expr, FileFacts
from obs_lint.project.annotations import Annotations, canonical
from obs_lint.project.answers import Answers, Context
from obs_lint.project.application import Application
from obs_lint.project.calls import Calls
from obs_lint.project.classes import Classes
from obs_lint.project.constants import Constants
from obs_lint.project.containers import Containers, is_generic
from obs_lint.project.functions import Functions
from obs_lint.project.members import Members
from obs_lint.project.modules import Modules
from obs_lint.project.names import Names
from obs_lint.project.scopes import FileView
from obs_lint.project.thing import NOTHING, UNTOLD, UNTOLD_KINDS, Thing, Things, after, union
from obs_lint.project.values import Value

_MAX_CHAIN = 200
_MAX_NAME = 400
_POSTFIX = frozenset({"attr", "call", "sub", "await"})


class Resolver(Answers):
    """Evaluates expressions of a project's files."""

    def __init__(
        self,
        modules: Modules,
        facts: Callable[[str], FileFacts | None],
        prefetch: Callable[[Iterable[str]], None],
    ) -> None:
        """`facts` returns the facts of a file, None where it is no Python; `prefetch` gets those of several ready."""
        super().__init__()
        self.modules = modules
        self.annotations = Annotations(self)
        self.calls = Calls(self)
        self.classes = Classes(self)
        self.constants = Constants(self)
        self.containers = Containers(self)
        self.functions = Functions(self)
        self.members = Members(self)
        self.names = Names(self)
        self._facts = facts
        self._prefetch = prefetch
        self._views: dict[str, FileView | None] = {}

    # -- asking

    def ask(self, view: FileView, scope: int, expr: Expr, *, exact: bool = False) -> Things:
        """Evaluate for somebody outside: every question starts afresh."""
        self.begin(exact)
        things = self.evaluate(view, scope, expr)
        if self.steps <= 0:
            self.give_up()
        return things

    def ask_within(self, view: FileView, scope: int, expr: Expr, application: Application) -> Things:
        """Evaluate an expression of a function's body for one call of the function."""
        home = self.view(application.path)
        if home is None:
            return UNTOLD
        self.begin(True)
        body = home.functions[application.function].scope
        serial = self.functions.next_serial()
        self.context = Context(home.path, body, dict(application.given), application.whole, None, serial, 1)
        try:
            return self.evaluate(view, scope, expr)
        finally:
            self.context = None

    def ask_call(self, things: Things) -> Things:
        """Evaluate a call whose arguments nobody knows, for somebody outside."""
        self.begin(True)
        groups: list[Things] = []
        for thing in things:
            view = self.view(thing.path) if thing.path else None
            groups.append(UNTOLD if view is None else self.calls.call(thing, view, 0, None))
        return union(groups)

    def ask_attribute(self, thing: Thing, name: str) -> Things:
        """Look up an attribute for somebody outside."""
        self.begin(False)
        return self.attribute(thing, name)

    def ask_annotation(self, view: FileView, scope: int, annotation: Expr) -> Things:
        """Evaluate an annotation for somebody outside."""
        self.begin(False)
        things = self.annotations.instances(view, scope, annotation)
        return union([self.functions.typevars.bound(t) if t.kind == "typevar" else (t,) for t in things])

    def ask_import(self, view: FileView, index: int, item: int) -> Things:
        """Return what one name of an import statement imports, the whole of `a.b` for `import a.b`."""
        self.begin(False)
        statement = view.facts.imports[index]
        if statement.module is None:
            return self.members.module_as(statement.names[item].name, view.path)
        return self.members.imported(view, statement, item)

    def ask_lookup(self, dotted: str, importer: str) -> Things:
        """Look up a dotted name for somebody outside."""
        self.begin(False)
        return self.members.lookup(dotted, importer)

    def view(self, path: str) -> FileView | None:
        """Return a file's facts with their indexes, None where it can't be parsed."""
        views = self._views
        if path in views:
            return views[path]
        facts = self._facts(path)
        view = views[path] = None if facts is None else FileView(path, self.modules.name_of(path), facts)
        return view

    def prefetch(self, paths: Iterable[str]) -> None:
        """Get files ready that will all be looked into."""
        missing = [path for path in paths if path not in self._views]
        if len(missing) > 1:
            self._prefetch(missing)

    # -- expressions

    def evaluate_alone(self, view: FileView, scope: int, expr: Expr) -> Things:
        """Evaluate as a question of its own, within another: what is open there does not count."""
        return self.alone(self.evaluate, view, scope, expr)

    def evaluate(self, view: FileView, scope: int, expr: Expr) -> Things:
        """Return the alternatives of `expr` in `scope` of the file."""
        tag = expr[0]
        if tag == "name":
            return self.names.name(view, scope, expr)
        if tag == "const":
            return (Thing("const", at=(view.path, scope, expr)),)
        self.steps -= 1
        if self.is_spent():
            return self.cut_short()
        self.depth += 1
        try:
            if tag in _POSTFIX:
                return self._postfix(view, scope, expr)
            handler = _EXPRESSIONS.get(tag)
            if handler is not None:
                return handler(self, view, scope, expr)
            return (Thing("unknown", at=(view.path, scope, expr)),)
        finally:
            self.depth -= 1

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
            found = self.members.member(thing.path, name)
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
            return self.members.modules_at(found)
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


def _type_of(display: Expr) -> str:
    if display[0] == "dict":
        return "dict"
    return "generator" if display[1] == "gen" else str(display[1])


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
