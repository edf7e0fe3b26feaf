"""The search for every call that an event leaves through: of emitters, of what forwards to them, of what holds them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from obs_lint.events.emitters import (
    Emitters,
    Match,
    is_distinctive,
    last_name,
    receivers_given,
    signature_of,
    untold,
)
from obs_lint.events.forwarding import Slot, Sources, sources
from obs_lint.events.given import Given, Place, given_by
from obs_lint.events.handed import PARTIAL, following, is_callable_argument, may_call, queued
from obs_lint.events.sought import SoughtNames, word_anchor
from obs_lint.events.spellings import Spellings
from obs_lint.events.wrappers import Frames, Handle, Held, Wrapper, event_slots, with_partials
from obs_lint.facts.model import Anchor, CallSite, Expr, FileFacts, Pos
from obs_lint.facts.nested import nested
from obs_lint.project import Origin, Project

_MAX_ROUNDS = 12
_MAX_WRAPPERS = 500
_MAX_HOPS = 8
_MAX_MADE = 3
"""Wrappers of wrappers, where the event is made of a parameter, no longer the parameter itself."""
_MAX_HELD = 64
"""Emitters that one parameter may get, of which more are not looked at."""
_NOWHERE = (1, 1, 1, 1)

Definition = tuple[str, int]
"""A function: (path, index into that file's functions)."""


class Site(NamedTuple):
    """A call through which an event may leave."""

    path: str
    scope: int
    call: Expr
    """The call; where a callable is handed over, the call that it is handed to."""
    callee: Expr
    """What names the callable."""
    statement: Pos
    handle: Handle
    given: Given
    is_handed: bool = False
    """True where the callable is handed over, with its arguments behind it."""


class Search:
    """What is found of one configuration's emitters in one project.

    What tests wrap, hand over and call is their own affair: it changes nothing in other files.
    """

    def __init__(self, project: Project, emitters: Emitters, anchors: tuple[Anchor, ...]) -> None:
        """Nothing is looked at before it is asked for."""
        self._project = project
        self._emitters = emitters
        self._anchors = anchors
        self._names = SoughtNames(project)
        self.frames = Frames(project, self.holding, self.handles)
        self._wrappers: dict[Definition, list[Wrapper]] = {}
        self._implemented: dict[Definition, list[Definition]] = {}
        """Method without a body → wrappers that override it."""
        self._alike: set[object] = set()
        self._by_method: dict[str, list[Wrapper]] = {}
        self._held: dict[Held, list[Handle]] = {}
        self._held_names: dict[tuple[str, str], Held] = {}
        self._sites: dict[str, dict[tuple[object, ...], Site]] = {}
        self._calls: dict[int, list[Site]] = {}
        self._spellings: dict[str, Spellings] = {}
        self._exported: set[tuple[str, str]] = set()
        self._returned: set[Definition] = set()
        self._callable_classes: set[str] = set()
        self._has_constructors = False
        """True where a wrapper is a constructor."""
        self._definitions: dict[str, set[Definition]] = {}
        """Functions with a body, by name, in the files that were looked at."""
        self._indexed: set[str] = set()
        self._visited: dict[str, int] = {}
        """File → number of names that it was last looked at with."""
        self._is_done = False

    # -- asked from outside

    def run(self) -> None:
        """Search the whole project but its tests, until there is nothing new."""
        if self._is_done:
            return
        self._is_done = True
        names = self._emitters.other_names()
        self._names.files = self._project.matching((*self._anchors, *map(word_anchor, sorted(names))))
        paths = self._names.files
        for _ in range(_MAX_ROUNDS):
            self._look_at([path for path in sorted(paths) if not self._is_test(path)])
            if self._names.is_settled:
                break
            paths = self._names.next()

    def sites(self, path: str) -> list[Site]:
        """Return the sites of a file in source order."""
        self.run()
        if path in self._names.files and self._is_test(path):
            self._look_at_test(path)
        return self._sorted(path)

    def look(self, path: str) -> list[Site]:
        """Return the sites of a file, as far as they can be told from it alone."""
        if self._is_test(path):
            self._look_at_test(path)
        else:
            self._visit(path)
        return self._sorted(path)

    def _sorted(self, path: str) -> list[Site]:
        return sorted(self._sites.get(path, {}).values(), key=lambda site: (site.callee[-1], site.call[-1]))

    def is_emitter(self, path: str, index: int) -> bool:
        """True for a function that is itself declared as an emitter, or overrides one."""
        facts = self._project.facts(path)
        return facts is not None and self._emitters.is_declared(path, facts.functions[index]) is not None

    def paths(self) -> frozenset[str]:
        """Return the files in which there may be sites."""
        self.run()
        return self._names.files

    def wrappers(self) -> Iterator[Wrapper]:
        """Yield every wrapper, those of tests apart."""
        self.run()
        for (path, _), wrappers in self._wrappers.items():
            if not self._is_test(path):
                yield from wrappers

    def wrappers_at(self, path: str, index: int) -> tuple[Wrapper, ...]:
        """Return what makes a function a wrapper."""
        return tuple(self._wrappers.get((path, index), ()))

    def calls_of(self, wrapper: Wrapper) -> list[Site]:
        """Return the known calls of a wrapper."""
        self.run()
        return self._calls.get(id(wrapper), [])

    def holding(self, held: Held) -> Iterable[Handle]:
        """Return the emitters that a parameter is known to get."""
        return self._held.get(held, ())

    def forwarded(self, site: Site) -> Sources:
        """Return the parameters around a site that its event comes from."""
        slots: dict[Slot, None] = {}
        target = site.handle.target
        plain = target.plain if isinstance(target, Wrapper) else True
        for argument in event_slots(site.handle, site.given, self.holding):
            path, scope, expr = argument.place
            if path != site.path:
                continue
            found = sources(self._project, path, scope, expr, argument.key)
            slots |= dict.fromkeys(found.slots)
            plain = plain and found.plain
        return Sources(tuple(slots), plain and bool(slots))

    # -- what an expression names

    def handles(self, place: Place) -> list[Handle]:
        """Return the callables that an expression names, as far as events leave through them."""
        path, scope, expr = place
        if expr[0] == "lambda":
            return [Handle(wrapper) for wrapper in self._wrappers.get((path, expr[1]), ())]
        held = self._held_by_name(path, scope, expr)
        if held is not None:
            return [Handle(held)]
        match = self._emitters.match(path, scope, expr)
        if match is not None:
            return [Handle(match, match.partials, match.skip)]
        origins = self._project.resolve(path, scope, expr)
        found = [handle for origin in origins for handle in self._of_origin(origin, path, scope, expr)]
        return found or (self._by_name(path, expr) if expr[0] == "attr" and untold(origins) else [])

    def _of_origin(self, origin: Origin, path: str, scope: int, expr: Expr) -> list[Handle]:
        if origin.kind == "parameter":
            held = self._held_names.get((origin.path, origin.name))
            return [] if held is None else [Handle(held, origin.partials)]
        target = self._called(origin) if self._wrappers else None
        if target is None:
            return []
        facts = self._project.facts(target.path)
        wrappers = self._wrappers_of((target.path, target.index), path)
        if facts is None or not wrappers:
            return []
        skip = receivers_given(self._project, origin, facts, path, scope, expr)
        return [Handle(wrapper, origin.partials, skip) for wrapper in wrappers]

    def _called(self, origin: Origin) -> Origin | None:
        """Return the first-party function that a call of what an expression is calls."""
        if origin.kind == "function":
            return origin
        if origin.kind not in ("class", "instance") or not origin.path:
            return None
        special = "__init__" if origin.kind == "class" else "__call__"
        return next((o for o in self._project.resolve_attribute(origin, special) if o.kind == "function"), None)

    def _wrappers_of(self, definition: Definition, path: str) -> list[Wrapper]:
        """Return the wrappers that calling a function in a file may reach; those of other tests are not known there."""
        found: list[Wrapper] = []
        for each in (definition, *self._implemented.get(definition, ())):
            if each[0] == path or not self._is_test(each[0]):
                found += self._wrappers.get(each, ())
        return found

    def _held_by_name(self, path: str, scope: int, expr: Expr) -> Held | None:
        """Return the parameter that a bare name is, if it gets an emitter."""
        if expr[0] != "name" or not self._held:
            return None
        found = sources(self._project, path, scope, expr)
        if not found.plain or found.slots[0].key is not None:
            return None
        held = Held(path, found.slots[0].function, found.slots[0].parameter)
        return held if held in self._held else None

    def _by_name(self, path: str, expr: Expr) -> list[Handle]:
        """Return the wrappers among methods of that name, where nothing tells the object but nothing else has the name.

        In the file of the wrapper, `self.name(…)` in a function that is no method is enough: such functions become
        methods of the classes that stand there.
        """
        name = expr[2]
        wrappers = [w for w in self._by_method.get(name, ()) if w.path == path or not self._is_test(w.path)]
        if not wrappers:
            return []
        known = {(wrapper.path, wrapper.function) for wrapper in wrappers}
        if name in self._names.everywhere and is_distinctive(name) and self._definitions.get(name, known) <= known:
            return [Handle(wrapper) for wrapper in wrappers]
        if expr[1][:2] == ("name", "self"):
            return [Handle(wrapper) for wrapper in wrappers if wrapper.path == path]
        return []

    # -- one file

    def _look_at(self, paths: list[str]) -> None:
        self._project.prefetch(paths)
        for path in paths:
            facts = None if path in self._indexed else self._project.facts(path)
            self._indexed.add(path)
            for index, function in enumerate(facts.functions if facts is not None else ()):
                if not function.is_stub:
                    self._definitions.setdefault(function.name, set()).add((path, index))
        for path in paths:
            self._visit(path)

    def _look_at_test(self, path: str) -> None:
        self._names.alone = path
        try:
            for _ in range(_MAX_ROUNDS):
                before = self._names.count(path)
                self._visit(path)
                if self._names.count(path) == before:
                    break
        finally:
            self._names.settle(path)
            self._names.alone = ""

    def _visit(self, path: str) -> None:
        """Look at a file's calls with all names that are known by now."""
        facts = self._project.facts(path)
        count = self._names.count(path)
        if facts is None or self._visited.get(path) == count:
            return
        self._visited[path] = count
        relevant = self._relevant(path, facts)
        self._returning(path, facts, relevant)
        for call in facts.calls:
            func = call.expr[1]
            if relevant(func):
                for handle in self.handles(Place(path, call.scope, func)):
                    given = given_by(path, call.scope, call.expr)
                    self._add(Site(path, call.scope, call.expr, func, call.statement, handle, given), facts)
            elif func[0] == "attr" and relevant(func[1]):
                self._queued(path, facts, call)
            for position, argument in enumerate(call.expr[2]):
                if is_callable_argument(argument) and relevant(argument):
                    self._handed(path, facts, call, argument, position)
            for name, argument, _ in call.expr[3]:
                if name is not None and is_callable_argument(argument) and relevant(argument):
                    self._handed(path, facts, call, argument, name)

    def _relevant(self, path: str, facts: FileFacts) -> Callable[[Expr], bool]:
        """Return the test whether an expression may name one of the callables, by how it is spelled."""
        emitters, names = self._emitters, self._names

        def spelled(name: str) -> bool:
            return names.is_sought(name, path) or emitters.is_spelled(name)

        spellings = self._spellings.get(path)
        if spellings is None:
            spellings = self._spellings[path] = Spellings(facts)
        lambdas = frozenset(index for where, index in self._wrappers if where == path)
        objects = self._is_callable_class if self._callable_classes or emitters.callable_classes else None
        others = spellings.of(spelled, lambdas=lambdas, objects=objects, classes=bool(self._wrappers))
        through_super = self._has_constructors and spellings.inherits(others)
        self._export(path, spellings, others)

        def test(expr: Expr) -> bool:
            tag = expr[0]
            if tag == "name":
                return expr[1] in others or spelled(expr[1])
            if tag == "attr":
                return expr[2] in others or spelled(expr[2]) or (through_super and expr[2] == "__init__")
            if tag == "lambda":
                return (path, expr[1]) in self._wrappers
            if tag in ("call", "sub", "if", "bool", "await"):
                return any(
                    name in others or spelled(name) or self._is_callable_class(name)
                    for part in nested(expr)
                    if part[0] in ("name", "attr", "const")
                    and isinstance(name := part[2] if part[0] == "attr" else part[1], str)
                )
            return False

        return test

    def _is_callable_class(self, name: str) -> bool:
        return name in self._callable_classes or name in self._emitters.callable_classes

    def _export(self, path: str, spellings: Spellings, others: frozenset[str]) -> None:
        """Look in other files for the names that this one gives to callables."""
        for name, scope, value, is_global in spellings.exported(others):
            if (path, name) in self._exported or self._emitters.is_spelled(name):
                continue
            expr = ("name", name, _NOWHERE) if value is None else value
            if expr[0] in ("name", "attr", "call", "lambda", "if", "bool") and self.handles(Place(path, scope, expr)):
                self._exported.add((path, name))
                if is_global:
                    self._names.importing(name, path)
                else:
                    self._names.anywhere(name, path, "")

    def _returning(self, path: str, facts: FileFacts, relevant: Callable[[Expr], bool]) -> None:
        """Look for the functions that return such a callable: what they return may be called anywhere."""
        for index, function in enumerate(facts.functions):
            if (path, index) in self._returned:
                continue
            for result in function.returns:
                value = result.value
                if value[0] == "call" and last_name(value[1]) not in PARTIAL:
                    continue
                if relevant(value) and self.handles(Place(path, function.scope, value)):
                    self._returned.add((path, index))
                    self._look_for(path, facts, index)
                    break

    def _queued(self, path: str, facts: FileFacts, call: CallSite) -> None:
        """Look at a call that may have a queue call a function: `notify.delay("…")`."""
        given = queued(path, call)
        if given is None:
            return
        func = call.expr[1]
        for handle in self.handles(Place(path, call.scope, func[1])):
            self._add(Site(path, call.scope, call.expr, func, call.statement, handle, given), facts)

    def _handed(self, path: str, facts: FileFacts, call: CallSite, argument: Expr, at: int | str) -> None:
        """Look at an argument that may be a callable through which events leave."""
        handles = self.handles(Place(path, call.scope, argument)) if may_call(call) else []
        if not handles:
            return
        parameters = list(self._parameters(path, call, at))
        for held, dotted in parameters:
            for handle in handles:
                self._hold(held, dotted, handle)
        if parameters:
            return
        given = following(path, call, at)
        for handle in handles:
            site = Site(path, call.scope, call.expr, argument, call.statement, handle, given, True)
            if self._is_told(site):
                self._add(site, facts)

    def _is_told(self, site: Site) -> bool:
        """True where a callable that is handed over is told which event to emit, or is itself the event."""
        target = site.handle.target
        if isinstance(target, Match):
            emitter = target.emitter
            if emitter.event == "method" or emitter.emits or emitter.lifecycle:
                return True
        return bool(event_slots(site.handle, with_partials(site.given, site.handle), self.holding))

    def _parameters(self, path: str, call: CallSite, at: int | str) -> Iterator[tuple[Held, str]]:
        """Yield the parameters of first-party functions that get an argument, with their dotted names."""
        func = call.expr[1]
        for origin in self._project.resolve(path, call.scope, func):
            target = self._called(origin) if origin.kind != "instance" else None
            facts = None if target is None else self._project.facts(target.path)
            if target is None or facts is None:
                continue
            function = facts.functions[target.index]
            if isinstance(at, str):
                name = at
            else:
                positional = signature_of(facts, target.index).positional
                place = at - receivers_given(self._project, origin, facts, path, call.scope, func)
                if not 0 <= place < len(positional) or any(part[0] == "star" for part in call.expr[2][:at]):
                    continue
                name = positional[place]
            if any(parameter.name == name for parameter in function.parameters):
                module = self._project.files[target.path]
                first = module.names[0] if module.names else target.path
                yield Held(target.path, target.index, name), f"{first}.{function.qualname}.{name}"

    def _hold(self, held: Held, dotted: str, handle: Handle) -> None:
        if handle.target == held or self._names.alone not in ("", held.path):
            return
        known = self._held.setdefault(held, [])
        self._held_names[held.path, dotted] = held
        if len(known) < _MAX_HELD and all(_identity(handle) != _identity(other) for other in known):
            known.append(handle)
            self._names.here(held.parameter, held.path)

    def _add(self, site: Site, facts: FileFacts) -> None:
        site = site._replace(given=with_partials(site.given, site.handle))
        rows = self._sites.setdefault(site.path, {})
        key = (site.call[-1], site.callee[-1], _identity(site.handle))
        if key in rows:
            return
        rows[key] = site
        target = site.handle.target
        if isinstance(target, Wrapper) and (target.path == site.path or not self._is_test(site.path)):
            self._calls.setdefault(id(target), []).append(site)
        self._forward(site, facts)

    # -- wrappers

    def _forward(self, site: Site, facts: FileFacts) -> None:
        """Remember the function that a site makes a wrapper."""
        found = self.forwarded(site)
        index = found.function
        if index < 0 or self.is_emitter(site.path, index):
            return
        slots = tuple(slot for slot in found.slots if slot.function == index)
        target = site.handle.target
        condition = target.parameter if isinstance(target, Held) and target.function == index else ""
        end, hops = _end(site.handle)
        key = (site.path, index, slots, condition, end, None if found.plain else site.call[-1])
        if key in self._alike or hops >= (_MAX_HOPS if found.plain else _MAX_MADE) or len(self._alike) >= _MAX_WRAPPERS:
            return
        self._alike.add(key)
        function = facts.functions[index]
        wrapper = Wrapper(
            name=f"{self._project.files[site.path].symbol}.{function.qualname}",
            path=site.path,
            function=index,
            signature=signature_of(facts, index),
            slots=slots,
            plain=found.plain,
            condition=condition,
            handle=site.handle,
            given=site.given,
            scope=site.scope,
            call=site.call,
            statement=site.statement,
            callee=site.callee,
        )
        self._wrappers.setdefault((site.path, index), []).append(wrapper)
        if function.owner >= 0:
            self._by_method.setdefault(function.name, []).append(wrapper)
            self._implement(site.path, index, facts)
        self._look_for(site.path, facts, index)

    def _look_for(self, path: str, facts: FileFacts, index: int) -> None:
        """Look where a function can be called: one that is private to a class in its file, one of a module where it is
        imported, a method everywhere.
        """
        function = facts.functions[index]
        name = function.name
        owner = facts.classes[function.owner].name if function.owner >= 0 else ""
        if owner and name in ("__init__", "__call__"):
            if name == "__call__":
                self._callable_classes.add(owner)
            else:
                self._has_constructors = True
                self._names.here(name, path)
            self._names.importing(owner, path)
        elif name == "<lambda>" or _is_mangled(name) or facts.scopes[function.parent].kind == "function":
            self._names.here(name, path)
        elif not owner or name.startswith("_"):
            self._names.importing(name, path, owner)
        else:
            self._names.anywhere(name, path, owner)

    def _implement(self, path: str, index: int, facts: FileFacts) -> None:
        """A method that a base declares without a body is called through the base: it stands for this one."""
        function = facts.functions[index]
        if function.name.startswith("__") or self._names.alone:
            return
        for ancestor in self._project.ancestors(path, function.owner)[1:]:
            home = None if isinstance(ancestor, str) else self._project.facts(ancestor[0])
            if home is None:
                continue
            scope = home.classes[int(ancestor[1])].scope
            for binding in home.scopes[scope].bindings.get(function.name, ()):
                if binding.kind == "def" and home.functions[binding.index].is_stub:
                    rows = self._implemented.setdefault((ancestor[0], binding.index), [])
                    if (path, index) not in rows:
                        rows.append((path, index))

    def _is_test(self, path: str) -> bool:
        file = self._project.files.get(path)
        return file is not None and "tests" in file.roles


def _is_mangled(name: str) -> bool:
    return name.startswith("__") and not name.endswith("__")


def _identity(handle: Handle) -> object:
    target = handle.target
    if isinstance(target, Match):
        return (target.emitter.function, target.method)
    return id(target) if isinstance(target, Wrapper) else target


def _end(handle: Handle) -> tuple[object, int]:
    """Return what a handle ends in and after how many wrappers: one of an emitter is as good as the emitter."""
    target = handle.target
    hops = 0
    while isinstance(target, Wrapper):
        target = target.handle.target
        hops += 1
    return ((target.emitter.function, target.method) if isinstance(target, Match) else target), hops
