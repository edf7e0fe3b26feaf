"""The instrument decorator by its origin: bare, called, renamed, partial, made by a factory, or applied by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from obs_lint.config.model import Config
from obs_lint.entry_points.handlers import definitions
from obs_lint.entry_points.spans import Spans
from obs_lint.facts.model import Expr, FileFacts, Function, Import, Pos
from obs_lint.facts.nested import nested
from obs_lint.project import Origin, Project

_CALLABLE = frozenset({"function", "class", "external", "instance"})
_METHOD_DECORATOR = "django.utils.decorators.method_decorator"
_DECORATOR_LISTS = ("decorators", "method_decorators")
"""What Flask's class-based views and resources apply to their methods."""


class Applied(NamedTuple):
    """What instruments a function, and how."""

    how: str
    """`decorator`, `class-decorator`, `call` (applied by hand) or `span` (a `with` round the whole body)."""
    path: str
    scope: int
    expr: Expr | None
    """The decorator or the call, evaluated in `scope` of `path`; None for a span."""


def instruments(project: Project, config: Config) -> Instruments:
    """Return what tells the instrument decorators of a configuration; made once a run."""
    return project.once(("instruments", id(config)), lambda: Instruments(project, config))


class Instruments:
    """Recognises `instrument.decorators` and `instrument.class-decorators` of one configuration."""

    def __init__(self, project: Project, config: Config) -> None:
        """Nothing is looked up before it is asked for."""
        self._project = project
        self._functions = _Names(project, config.instrument.decorators)
        self._classes = _Names(project, config.instrument.class_decorators)
        self._spans = Spans(project, config) if config.instrument.accept_span else None
        self._applying: dict[tuple[str, int, bool], bool] = {}

    def is_decorator(self, path: str, scope: int, expr: Expr) -> bool:
        """True where decorating with `expr`, or calling it with a function, instruments."""
        return self._is(path, scope, expr, False, set())

    def is_class_decorator(self, path: str, scope: int, expr: Expr) -> bool:
        """True where decorating a class with `expr` instruments its methods."""
        return self._is(path, scope, expr, True, set())

    def of_function(self, path: str, index: int) -> Applied | None:
        """Return what instruments a function where it is defined; None where nothing does."""
        facts = self._project.facts(path)
        if facts is None:
            return None
        function = facts.functions[index]
        for decorator in function.decorators:
            if self.is_decorator(path, function.parent, decorator):
                return Applied("decorator", path, function.parent, decorator)
        if function.owner >= 0:
            owner = facts.classes[function.owner]
            for decorator in owner.decorators:
                if self.is_class_decorator(path, owner.parent, decorator):
                    return Applied("class-decorator", path, owner.parent, decorator)
            found = self._of_methods(path, facts, function)
            if found is not None:
                return found
        for scope, value in _reassigned(facts, function):
            call = self.application(path, scope, value)
            if call is not None:
                return Applied("call", path, scope, call)
        if self._spans is not None:
            for decorator in function.decorators:
                if self._spans.opens(path, function.parent, decorator):
                    return Applied("span", path, function.parent, decorator)
            if self._spans.covers(path, function):
                return Applied("span", path, function.scope, None)
        return None

    def _of_methods(self, path: str, facts: FileFacts, function: Function) -> Applied | None:
        """`@method_decorator(instrument, name="dispatch")` on the class, or `decorators = [instrument]` in it."""
        owner = facts.classes[function.owner]
        for decorator in owner.decorators:
            if decorator[0] == "call" and decorator[2]:
                named = [value[1] for name, value, _ in decorator[3] if name == "name" and value[0] == "const"]
                origins = self._project.resolve(path, owner.parent, decorator[1])
                is_meant = any(origin.name == _METHOD_DECORATOR for origin in origins)
                if is_meant and named and named[0] in ("dispatch", function.name):
                    if any(self.is_decorator(path, owner.parent, part) for part in _listed(decorator[2][0])):
                        return Applied("class-decorator", path, owner.parent, decorator)
        for ancestor in self._project.ancestors(path, function.owner):
            rows = None if isinstance(ancestor, str) else self._project.facts(ancestor[0])
            if rows is None:
                continue
            scope = rows.classes[int(ancestor[1])].scope
            for name in _DECORATOR_LISTS:
                for binding in rows.scopes[scope].bindings.get(name, ()):
                    for part in () if binding.value is None else _listed(binding.value):
                        if self.is_decorator(str(ancestor[0]), scope, part):
                            return Applied("class-decorator", str(ancestor[0]), scope, part)
        return None

    def application(self, path: str, scope: int, expr: Expr) -> Expr | None:
        """Return the call in `expr`, or in what a variable of that name was assigned, that instruments its argument."""
        return self._application(path, scope, expr, set())

    def _application(self, path: str, scope: int, expr: Expr, seen: set[tuple[str, Pos]]) -> Expr | None:
        if (path, expr[-1]) in seen:
            return None
        seen.add((path, expr[-1]))
        if expr[0] not in ("call", "name", "attr", "if", "bool", "seq", "star"):
            return None
        for part in nested(expr):
            if part[0] == "call" and part[2] and self.is_decorator(path, scope, part[1]):
                return part
        if expr[0] in ("name", "attr"):
            origins = self._project.resolve(path, scope, expr)
            for place in definitions(self._project, path, scope, expr, origins):
                found = self._application(*place, seen)
                if found is not None:
                    return found
        return None

    # -- by origin

    def _is(self, path: str, scope: int, expr: Expr, of_classes: bool, seen: set[tuple[str, Pos]]) -> bool:
        if (path, expr[-1]) in seen:
            return False
        seen.add((path, expr[-1]))
        if expr[0] == "call":
            if self._is(path, scope, expr[1], of_classes, seen):
                return True
            if any(self._names(path, scope, argument, of_classes) for argument in expr[2]):
                return True  # `method_decorator(instrument)`, `compose(instrument("x"), retry)`
        if expr[0] not in ("name", "attr", "call"):
            return False
        origins = self._project.resolve(path, scope, expr)
        wanted = self._classes if of_classes else self._functions
        if any(wanted.match(origin) or self._applies(origin, of_classes) for origin in origins):
            return True
        if expr[0] == "call":
            return False
        if not origins:
            return wanted.covers(self._spelled(path, scope, expr))
        for place in definitions(self._project, path, scope, expr, origins):
            if self._is(*place, of_classes, seen):
                return True
        return False

    def _spelled(self, path: str, scope: int, expr: Expr) -> tuple[str, ...]:
        """Return what an import says that a name is, where the module that it is imported from does not define it."""
        project = self._project
        if expr[0] == "attr":
            modules = [o for o in project.resolve(path, scope, expr[1]) if o.kind == "module"]
            return tuple(f"{name}.{expr[2]}" for origin in modules for name in project.names(origin))
        bound = project.bound(path, scope, expr[1])
        facts = project.facts(path)
        found: list[str] = []
        for binding in () if bound is None or facts is None else bound[1]:
            if binding.kind == "import" and facts is not None:
                statement = facts.imports[binding.index]
                for source in self._sources(path, statement):
                    names = project.files[source].names
                    found += [f"{module}.{statement.names[binding.item].name}" for module in names]
        return tuple(found)

    def _sources(self, path: str, statement: Import) -> tuple[str, ...]:
        if statement.module is None:
            return ()
        if statement.level:
            return self._project.modules.relative(path, statement.level, statement.module)[0]
        return self._project.find_module(statement.module, path)

    def _names(self, path: str, scope: int, expr: Expr, of_classes: bool) -> bool:
        callee = expr[1] if expr[0] == "call" else expr
        if callee[0] not in ("name", "attr"):
            return False
        wanted = self._classes if of_classes else self._functions
        origins = self._project.resolve(path, scope, callee)
        if not origins:
            return wanted.covers(self._spelled(path, scope, callee))
        return any(wanted.match(origin) for origin in origins)

    def _applies(self, origin: Origin, of_classes: bool) -> bool:
        """True for a decorator of the project, or a factory of one, that applies the instrument decorator."""
        if not origin.path or origin.kind not in ("function", "class", "instance"):
            return False
        facts = self._project.facts(origin.path)
        if facts is None:
            return False
        if origin.kind == "function":
            return self._function_applies(origin.path, facts, origin.index, of_classes)
        bindings = facts.scopes[facts.classes[origin.index].scope].bindings
        return any(
            self._function_applies(origin.path, facts, binding.index, of_classes)
            for name in ("__new__", "__init__", "__call__")
            for binding in bindings.get(name, ())
            if binding.kind == "def"
        )

    def _function_applies(self, path: str, facts: FileFacts, index: int, of_classes: bool) -> bool:
        key = (path, index, of_classes)
        if key not in self._applying:
            self._applying[key] = False
            self._applying[key] = self._search(path, facts, index, of_classes)
        return self._applying[key]

    def _search(self, path: str, facts: FileFacts, index: int, of_classes: bool) -> bool:
        inside = _inside(facts, facts.functions[index].scope)
        handed = {p.name for f in facts.functions if f.scope in inside for p in f.parameters}
        for number, function in enumerate(facts.functions):
            if function.scope not in inside:
                continue
            if any(self._is(path, function.scope, r.value, of_classes, set()) for r in function.returns):
                return True
            if number == index:
                continue
            handed.add(function.name)
            if any(self._is(path, function.parent, d, of_classes, set()) for d in function.decorators):
                return True
            if self._spans is not None and self._spans.enters(path, function) and _calls(facts, function, handed):
                return True
        for call in facts.calls:
            if call.scope in inside and any(a[0] == "name" and a[1] in handed for a in call.expr[2]):
                if self._is(path, call.scope, call.expr[1], of_classes, set()):
                    return True
        return False


class _Names:
    """The callables that dotted names of the configuration mean."""

    def __init__(self, project: Project, dotted: tuple[str, ...]) -> None:
        self._project = project
        self._dotted = frozenset(dotted)
        self._found: frozenset[tuple[str, str]] | None = None

    def match(self, origin: Origin) -> bool:
        """True for one of the callables, what calling it returns, and functions that it defines and returns."""
        if not self._dotted:
            return False
        if not self._dotted.isdisjoint(origin.via):
            return True
        name = origin.name.replace("().", ".")
        if name in self._dotted and origin.kind != "instance":
            return True
        if origin.kind not in ("function", "class", "instance", "external", "result"):
            return False
        canonical = self._canonical()
        if origin.kind in ("result", "external"):
            return ("external", origin.name) in canonical
        if (origin.kind, origin.name) in canonical or not self._dotted.isdisjoint(self._project.names(origin)):
            return bool(origin.path)
        if origin.kind == "instance":
            return bool(origin.path) and ("class", origin.name) in canonical
        return any(kind == "function" and origin.name.startswith(f"{made}.") for kind, made in canonical)

    def covers(self, names: tuple[str, ...]) -> bool:
        """True where one of the names is as the configuration says it."""
        return not self._dotted.isdisjoint(names)

    def _canonical(self) -> frozenset[tuple[str, str]]:
        if self._found is None:
            self._found = frozenset(
                (origin.kind, origin.name)
                for name in self._dotted
                for origin in self._project.lookup(name)
                if origin.kind in _CALLABLE and (origin.path or origin.kind == "external")
            )
        return self._found


def _listed(expr: Expr) -> tuple[Expr, ...]:
    return tuple(expr[2]) if expr[0] == "seq" else (expr,)


def _inside(facts: FileFacts, scope: int) -> frozenset[int]:
    """The scope and all within it."""
    found = {scope}
    for number, row in enumerate(facts.scopes):
        if number > scope and row.parent in found:
            found.add(number)
    return frozenset(found)


def _calls(facts: FileFacts, function: Function, names: set[str]) -> bool:
    """True where the function calls something by one of the names."""
    inside = _inside(facts, function.scope)
    return any(c.scope in inside and c.expr[1][0] == "name" and c.expr[1][1] in names for c in facts.calls)


def _reassigned(facts: FileFacts, function: Function) -> Iterator[tuple[int, Expr]]:
    """Yield (scope, value) of what the function's own name is assigned besides: `execute = instrument(execute)`."""
    for binding in facts.scopes[function.parent].bindings.get(function.name, ()):
        if binding.kind == "assign" and binding.value is not None:
            yield function.parent, binding.value
    owner = facts.classes[function.owner].name if function.owner >= 0 else ""
    for attribute in facts.attributes:
        target = attribute.target
        if owner and attribute.value is not None and target[2] == function.name and target[1][:2] == ("name", owner):
            yield attribute.scope, attribute.value
