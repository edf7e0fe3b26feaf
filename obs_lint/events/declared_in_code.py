"""Sources of events that are code: `python:module:EnumOrClass`, read by resolving names, nothing is imported."""

from __future__ import annotations

from obs_lint.config.model import Config, RegistrySource
from obs_lint.config.suggest import nearest
from obs_lint.events import declared_values as values
from obs_lint.events.codebases import Codebases, unusable
from obs_lint.events.declarations import Codebase, Declarations, Key, chain, spellings
from obs_lint.events.declared_calls import Matches, callers, calls_for, declare_calls
from obs_lint.events.declared_classes import Family, in_module, subclasses
from obs_lint.events.declared_lists import Listing, binding_of
from obs_lint.events.declared_values import Naming
from obs_lint.events.emitters import spelled
from obs_lint.facts.model import Expr
from obs_lint.project import Origin, Project
from obs_lint.registry.model import Place, Registry, RegistryError

_START = (1, 1, 1, 1)
_MAX_PASSED_ON = 4


def read(source: RegistrySource, project: Project, config: Config) -> Registry:
    """Return what a `python:` source declares. Raises RegistryError, with the place "" for the configuration's line."""
    reading = _Reading(source, project, config)
    try:
        return reading.registry()
    except RegistryError as error:
        raise RegistryError(error.problems, reading.inputs) from None


class _Reading:
    """One source, while it is read."""

    def __init__(self, source: RegistrySource, project: Project, config: Config) -> None:
        self._source = source
        self._project = project
        self._naming = Naming.of(source.name)
        self._codebases = Codebases(project, config)
        self._own = self._codebases.own
        self._found = Declarations(source.source)
        self._place: Place | None = None
        self._seen: set[tuple[str, str, int]] = set()
        self._callees: dict[str, int] = {}

    @property
    def inputs(self) -> tuple[str, ...]:
        """What was looked at when nothing was found."""
        return (*self._found.inputs, *self._codebases.inputs)

    def registry(self) -> Registry:
        """Read it. Raises RegistryError."""
        module, _, name = self._source.source.removeprefix("python:").partition(":")
        places = self._codebases.modules(module)
        known = []
        for code, path in places:
            self._found.looked_at(code, path)
            if code.facts(path) is None:
                raise unusable(f"`{code.place(path, _START).path}` can't be parsed")
            if name in ("", "*"):
                self._at(code, path, _START)
                self._module(code, path)
                known.append(path)
            elif self._named(code, path, name):
                known.append(path)
        if not known:
            raise self._undefined(places, name)
        if not len(self._found):
            raise self._empty(module, name)
        return Registry(
            self._source.source,
            self._place or Place(self._own.place(places[0][1], _START).path),
            self._found.found(),
            mirror=self._source.mirror,
            complete=self._found.complete,
            inputs=tuple(self._found.inputs),
            exempt=tuple(self._found.exempt),
        )

    # -- what it leads to

    def _named(self, code: Codebase, path: str, name: str, depth: int = 0) -> bool:
        """Read what a name of the module is; False where that is nothing that could declare events."""
        known = False
        external: list[str] = []
        bound = binding_of(code, path, f"{code.module(path)}.{name}")
        for origin in code.project.resolve(path, 0, chain(name)):
            if origin.kind == "class":
                self._class(code, (origin.path, origin.index))
            elif origin.kind == "function" and not origin.partials:
                self._function(code, origin)
            elif origin.kind == "module":
                self._at(code, origin.path, _START)
                self._module(code, origin.path)
            else:
                bound = bound or binding_of(code, path, origin.name, origin.path, origin.via)
                external += [origin.name] if origin.kind == "external" else []
                continue
            known = True
        if not known and bound is not None:
            self._list(code, *bound)
            return True
        return known or any([self._elsewhere(name, depth) for name in external])  # noqa: C419 - all of them are read

    def _elsewhere(self, dotted: str, depth: int) -> bool:
        """Read what a module passes on from an installed package."""
        module, _, last = dotted.rpartition(".")
        found = self._codebases.installed(module) if module and depth < _MAX_PASSED_ON else None
        return found is not None and self._named(*found, last, depth + 1)

    def _at(self, code: Codebase, path: str, pos: tuple[int, int, int, int]) -> None:
        """Remember where the source is, which is where the first of its parts is."""
        self._found.looked_at(code, path)
        if self._place is None:
            self._place = code.place(path, pos)

    def _module(self, code: Codebase, path: str) -> None:
        """Everything in a module: string constants; without any, the enums and classes that have some; else classes."""
        found, naming = self._found, self._naming
        facts = code.facts(path)
        if facts is None:
            return
        if self._source.call is not None:
            self._calls(code, path, 0)
            return
        if naming.kind in ("", "value", "member"):
            before = len(found)
            values.declare_constants(found, code, path, 0, naming)
            self._starred(code, path)
            if len(found) == before:
                for index in values.nested_classes(facts, 0):
                    self._block(code, (path, index))
            if len(found) > before or naming.kind:
                return
        before = len(found)
        Family(code, in_module(code, path), None, naming).declare(found)
        if naming.kind == "decorator":
            declare_calls(found, code, path, _decorates(code, path, naming.argument), Naming(""))
        elif naming.kind in ("attribute", "method") and len(found) == before:
            values.declare_objects(found, code, path, 0, naming)
            for index in values.nested_classes(facts, 0):
                self._block(code, (path, index))

    def _starred(self, code: Codebase, path: str) -> None:
        """String constants that a module passes on: by star imports, or named in `__all__`."""
        facts = code.facts(path)
        if facts is None or not (facts.exports or "*" in facts.scopes[0].bindings):
            return
        own = facts.scopes[0].bindings
        for name in code.project.public_names(path):
            if any(binding.kind == "assign" for binding in own.get(name, ())) or name.startswith("_"):
                continue
            for origin in code.project.resolve(path, 0, chain(name)):
                bound = binding_of(code, path, origin.name, origin.path) if origin.kind == "variable" else None
                if bound is not None and bound[0] != path:
                    values.declare_named(self._found, code, *bound, self._naming)

    def _class(self, code: Codebase, key: Key) -> None:
        """An enum, a block of constants, a base of classes, or what holds some of these."""
        naming = self._naming
        row = code.class_at(key)
        self._at(code, key[0], row.name_pos)
        if self._source.call is not None:
            self._calls(code, key[0], row.scope)
            return
        if code.project.enum_kind(*key) and naming.kind in ("", "value", "member", "attribute", "method"):
            self._block(code, key)
            return
        if naming.kind in ("value", "member"):
            self._block(code, key)
            return
        if not naming.kind and values.has_constants(code, key[0], row.scope, capitals=True):
            self._block(code, key)
            return
        before = len(self._found)
        self._subclasses(code, key)
        if len(self._found) == before:
            self._block(code, key)
        if len(self._found) == before:
            inner = [each for each in in_module(code, key[0]) if _is_inside(code, each, row.scope)]
            Family(code, inner, None, naming).declare(self._found)
        if len(self._found) == before and naming.kind:
            Family(code, [key], None, naming).declare(self._found)

    def _subclasses(self, code: Codebase, key: Key) -> None:
        """All classes that derive from a base, in its own codebase and, where that is installed, in the project."""
        family = subclasses(self._found, code, [key], frozenset())
        if not code.installed:
            Family(code, family, (code, key), self._naming).declare(self._found)
            return
        spelled = {name: each for each in (key, *family) for name in spellings(code, each)}
        own = subclasses(self._found, self._own, [], frozenset(spelled))
        above = {a for each in own for a in self._project.ancestors(*each) if isinstance(a, str)}
        passed = {spelled[name] for name in above if name in spelled}
        above_those = {a for each in passed for a in code.project.ancestors(*each) if not isinstance(a, str)}
        Family(code, family, (code, key), self._naming).declare(self._found, above_those)
        Family(self._own, own, (code, key), self._naming).declare(self._found)

    def _block(self, code: Codebase, key: Key) -> None:
        """The members or constants of a class, of its bases, and of the classes inside it."""
        marker = (str(id(code)), *key)
        facts = code.facts(key[0])
        if marker in self._seen or facts is None:
            return
        self._seen.add(marker)
        naming = self._naming
        row = facts.classes[key[1]]
        self._note_calls(code, key[0], row.scope)
        if code.project.enum_kind(*key):
            values.declare_enum(self._found, code, key, naming)
        else:
            for ancestor, home in code.lineage(key):
                scope = home.classes[ancestor[1]].scope
                if naming.kind in ("attribute", "method"):
                    values.declare_objects(self._found, code, ancestor[0], scope, naming)
                else:
                    values.declare_constants(self._found, code, ancestor[0], scope, naming)
        for index in values.nested_classes(facts, row.scope):
            self._block(code, (key[0], index))

    def _note_calls(self, code: Codebase, path: str, scope: int) -> None:
        """Count what makes the values there: it may be what declares events."""
        for constant in values.constants(code, path, scope):
            value = constant.binding.value
            if value is not None and value[0] == "call" and value[2] and (callee := spelled(value[1])):
                self._callees[callee] = self._callees.get(callee, 0) + 1

    def _calls(self, code: Codebase, path: str, within: int) -> None:
        wanted = self._source.call or ""

        def matches(scope: int, call: Expr) -> bool:
            return calls_for(code, path, scope, call, wanted)

        declare_calls(self._found, code, path, matches, self._naming, within=within)

    def _function(self, code: Codebase, origin: Origin) -> None:
        """A function that declares what it is called with, or what it decorates, anywhere in its codebase."""
        facts = code.facts(origin.path)
        if facts is None:
            return
        function = facts.functions[origin.index]
        self._at(code, origin.path, function.name_pos)
        for home in (code, self._own) if code.installed else (code,):
            for path in callers(self._found, home, code.module(origin.path), function.name):
                if home.is_test(path) and not code.is_test(origin.path):
                    continue

                def matches(scope: int, call: Expr, home: Codebase = home, path: str = path) -> bool:
                    return any(
                        (other.kind, other.name) in (("function", origin.name), ("external", origin.name))
                        for other in home.project.resolve(path, scope, call[1])
                    )

                declare_calls(self._found, home, path, matches, self._naming)

    def _list(self, code: Codebase, path: str, scope: int, name: str) -> None:
        """A name that is bound to a list, a dict, a union of classes, a `Literal`, or one string."""
        facts = code.facts(path)
        if facts is None:
            return
        for binding in facts.scopes[scope].bindings[name]:
            if binding.value is not None:
                self._at(code, path, binding.pos)
        for key in Listing(self._found, code, self._source.call, self._naming).of_name(path, scope, name):
            self._listed(code, key)

    def _listed(self, code: Codebase, key: Key) -> None:
        """A class that a list or a union names."""
        if code.project.enum_kind(*key):
            self._block(code, key)
        else:
            Family(code, [key], None, self._naming).declare(self._found)

    # -- what is wrong

    def _undefined(self, places: list[tuple[Codebase, str]], name: str) -> RegistryError:
        names: dict[str, None] = {}
        for code, path in places:
            facts = code.facts(path)
            if facts is None:
                continue
            names |= dict.fromkeys(n for n in facts.scopes[0].bindings if n != "*")
            names |= dict.fromkeys(row.qualname for row in facts.classes)
        code, path = places[0]
        if name in names and len(places) == 1:
            return unusable(f"`{name}` in `{code.place(path, _START).path}` is nothing that could declare events")
        near = nearest(name, names)
        where = f"`{code.place(path, _START).path}`" if len(places) == 1 else f"none of {len(places)} modules"
        verb = "defines no" if len(places) == 1 else "defines"
        return unusable(f"{where} {verb} `{name}`", f"did you mean `{near}`?" if near else "")

    def _empty(self, module: str, name: str) -> RegistryError:
        what = f"`{module}.{name}`" if name not in ("", "*") else f"`{module}`"
        kind, argument = self._naming
        if self._source.call is not None:
            return unusable(f"nothing in {what} is declared by a call of `{self._source.call}`")
        if not self._found.complete:
            return unusable(f"the event names that {what} declares are computed, and none of them can be told")
        if not kind and self._callees:
            likely = max(self._callees, key=lambda callee: self._callees[callee])
            return unusable(f"{what} declares no events", f'call = "{likely}" reads what its calls declare')
        help_ = {
            "": "`name` says where names are: value, member, class, attribute:NAME …; `call` names what declares them",
            "value": 'no member or constant is a string; name = "member" takes what they are called',
            "class": "it has no subclasses and no classes inside",
            "attribute": f"nothing there has an attribute `{argument}` that is a constant string",
            "method": f"nothing there has a method `{argument}` that returns a constant string",
            "keyword": f"no class there is given the keyword `{argument}`",
            "decorator": f"nothing there is decorated with `{argument}`",
        }
        return unusable(f"{what} declares no events", help_.get(kind, ""))


def _is_inside(code: Codebase, key: Key, scope: int) -> bool:
    facts = code.facts(key[0])
    parent = code.class_at(key).parent
    while facts is not None and parent > 0:
        if parent == scope:
            return True
        parent = facts.scopes[parent].parent
    return False


def _decorates(code: Codebase, path: str, wanted: str) -> Matches:
    facts = code.facts(path)
    functions = facts.functions if facts is not None else ()
    decorators = {decorator[-1] for function in functions for decorator in function.decorators}

    def matches(scope: int, call: Expr) -> bool:
        return call[-1] in decorators and calls_for(code, path, scope, call, wanted)

    return matches
