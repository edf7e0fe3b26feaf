"""Emitters: the callables through which events leave, found by where they come from."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, lru_cache
from typing import NamedTuple

from obs_lint.config.model import Config, EmitterConfig
from obs_lint.facts.model import Anchor, Expr, FileFacts, Function
from obs_lint.patterns import names_match
from obs_lint.project import Origin, Project

_NO_CALLABLE = frozenset(("parameter", "variable", "result", "member", "module"))
_RECEIVING = frozenset(("instance", "class", "result"))


def declared(config: Config) -> tuple[EmitterConfig, ...]:
    """Return the emitters of a configuration; where it names none, each surface's `emit(event_name, payload, ctx)`."""
    return config.emitters or tuple(
        EmitterConfig(
            f"{surface}.emit",
            event=0,
            event_name="event_name",
            payload="payload",
            context="ctx",
            severity="severity",
        )
        for surface in config.surface or ()
    )


def spelled(expr: Expr) -> str:
    """Return a chain of names and attributes as it is written, calls and subscripts left out; "" where it is none."""
    if expr[0] == "name":
        return str(expr[1])
    if expr[0] == "attr":
        inner = spelled(expr[1])
        return f"{inner}.{expr[2]}" if inner else str(expr[2])
    if expr[0] in ("call", "sub", "await"):
        return spelled(expr[1])
    return ""


def _named(expr: Expr) -> str:
    """Return a receiver as it is spelled; `x["tracker"]` and `x.get("tracker")` count as `x.tracker`."""
    if expr[0] == "sub" and expr[2][0] == "const" and isinstance(expr[2][1], str):
        return f"{_named(expr[1])}.{expr[2][1]}"
    if expr[0] == "call" and expr[1][0] == "attr" and expr[1][2] == "get" and len(expr[2]) == 1:
        return _named(("sub", expr[1][1], expr[2][0], expr[-1]))
    if expr[0] == "attr" and expr[1][0] in ("sub", "call", "attr"):
        return f"{_named(expr[1])}.{expr[2]}"
    return spelled(expr)


def last_name(expr: Expr) -> str:
    """Return the last name of a callee as it is written, "" where it is no chain of names."""
    return str(expr[1]) if expr[0] == "name" else str(expr[2]) if expr[0] == "attr" else ""


class Signature(NamedTuple):
    """Parameters of an emitter's definition, without what it gets as a receiver."""

    positional: tuple[str, ...]
    keywords: frozenset[str]
    """Every name that may be given as a keyword."""

    def position(self, name: str) -> int | None:
        """Return where a parameter can be given by position, None where it can't."""
        return self.positional.index(name) if name in self.positional else None


class Match(NamedTuple):
    """A callable that is a declared emitter."""

    emitter: EmitterConfig
    method: str
    """Last name of what is called: the event, with `event = "method"`."""
    signature: Signature | None
    """None where the definition is not in sight."""
    skip: int = 0
    """Leading arguments that are the receiver: `EventBus.dispatch(bus, …)`."""
    partials: tuple[tuple[str, int, Expr], ...] = ()


def signature_of(facts: FileFacts, index: int) -> Signature:
    """Return the parameters of a function, of a method without its receiver."""
    function = facts.functions[index]
    parameters = function.parameters
    if function.owner >= 0 and parameters and not is_static(function):
        parameters = parameters[1:] if "positional" in parameters[0].kind else parameters
    return Signature(
        tuple(p.name for p in parameters if "positional" in p.kind),
        frozenset(p.name for p in parameters if p.kind in ("positional", "keyword-only")),
    )


def is_static(function: Function) -> bool:
    """True for a method that gets no receiver."""
    return any(decorator[:2] == ("name", "staticmethod") for decorator in function.decorators)


class Emitters:
    """The emitters that one configuration declares, in one project."""

    def __init__(self, project: Project, config: Config, helpers: tuple[EmitterConfig, ...] = ()) -> None:
        """`helpers` are emitters beside those that the configuration declares."""
        self._project = project
        self.configs = (*declared(config), *helpers)
        self._helpers = frozenset(helper.function.rpartition(".")[2] for helper in helpers)
        self._last: dict[str, list[EmitterConfig]] = {}
        self._patterned: list[tuple[re.Pattern[str], EmitterConfig]] = []
        self._classes: list[EmitterConfig] = []
        for emitter in self.configs:
            last = emitter.function.rpartition(".")[2]
            if "*" in last or "?" in last:
                self._patterned.append((_wildcard(last), emitter))
            else:
                self._last.setdefault(last, []).append(emitter)
                if emitter.event == "method":
                    self._classes.append(emitter)
        self._canonical: dict[str, dict[str, EmitterConfig]] | None = None
        self._methods: dict[str, EmitterConfig] | None = None
        self._owners: dict[tuple[str, int], tuple[str, ...]] = {}

    @property
    def last_names(self) -> frozenset[str]:
        """Last segments of the declared functions, as far as they are no patterns: how most calls spell them."""
        return frozenset(self._last) | frozenset(self._class_methods())

    def other_names(self) -> frozenset[str]:
        """Names by which events leave that the configuration does not say: methods of whole classes that it declares,
        classes of callable instances, helpers.
        """
        return frozenset(self._class_methods()) | self.callable_classes | self._helpers

    @cached_property
    def callable_classes(self) -> frozenset[str]:
        """Last names of the classes whose objects are emitters."""
        return frozenset(name.rpartition(".")[2] for name in self._names()["instance"])

    def is_spelled(self, name: str) -> bool:
        """True where what is spelled so may be an emitter, by its last name."""
        return (
            name in self._last
            or (bool(self._classes) and name in self._class_methods())
            or any(pattern.fullmatch(name) for pattern, _ in self._patterned)
        )

    def matching(self, origins: Iterable[Origin]) -> EmitterConfig | None:
        """Return the emitter that one of the origins is."""
        canonical = self._names()
        for origin in origins:
            for name in origin.via:
                if name in canonical[""]:
                    return canonical[""][name]
            if origin.kind == "member" and self._classes:
                owner, _, method = origin.name.rpartition("().")
                for emitter in self._classes:
                    if names_match(emitter.function, (owner,), below=False) and not method.startswith("_"):
                        return emitter
            if origin.kind in _NO_CALLABLE:
                continue
            found = canonical["instance" if origin.kind == "instance" else ""].get(origin.name)
            if found is not None:
                return found
            if origin.kind != "instance":
                last = origin.name.rpartition(".")[2]
                candidates = self._candidates(last)
                if origin.kind == "class":
                    candidates = [emitter for emitter in candidates if emitter.event != "method"]
                found = self._among(candidates, self._project.names(origin))
                if found is None and origin.kind == "function":
                    found = self._inherited(origin, last)
                if found is not None:
                    return found
        return None

    def match(self, path: str, scope: int, func: Expr) -> Match | None:
        """Return the emitter that `func`, a callee or a callable that is handed over, is."""
        origins = self._project.resolve(path, scope, func)
        for origin in origins:
            emitter = self.matching((origin,))
            if emitter is not None:
                method = origin.name.rpartition(".")[2]
                signature, skip = self._signature(origin, path, scope, func)
                return Match(emitter, method, signature, skip, origin.partials)
        emitter = self._by_receiver(path, scope, func)
        if emitter is not None:
            return Match(emitter, last_name(func), None)
        return self._by_name(func) if untold(origins) else None

    def of_call(self, path: str, scope: int, func: Expr) -> EmitterConfig | None:
        """Return the emitter that `func`, the callee of a call, is: by its origin, its object's class, its receiver."""
        return self.matching(self._project.resolve(path, scope, func)) or self._by_receiver(path, scope, func)

    def _by_receiver(self, path: str, scope: int, func: Expr) -> EmitterConfig | None:
        if func[0] != "attr":
            return None
        candidates = self._candidates(func[2])
        if not candidates:
            return None
        receiver = _named(func[1])
        for emitter in candidates:
            if emitter.receiver and receiver and _receives(emitter.receiver, receiver):
                return emitter
        owners = [o for o in self._project.resolve(path, scope, func[1]) if o.kind in _RECEIVING]
        for emitter in candidates:
            owner = emitter.function.rpartition(".")[0]
            for origin in owners:
                if names_match(owner, self._project.names(origin), below=False):
                    return emitter
        return None

    def _by_name(self, func: Expr) -> Match | None:
        """Return the emitter whose method is called, where nothing tells the object but nothing else has its name."""
        if func[0] != "attr":
            return None
        for emitter in self._last.get(func[2], ()):
            for origin in self._origins(emitter.function):
                facts = self._project.facts(origin.path) if origin.kind == "function" else None
                if facts is None or facts.functions[origin.index].owner < 0:
                    continue
                if is_only_method(self._project, func[2], self._is_declared_at):
                    return Match(emitter, func[2], signature_of(facts, origin.index))
        return None

    def _is_declared_at(self, path: str, index: int) -> bool:
        facts = self._project.facts(path)
        return facts is not None and self.is_declared(path, facts.functions[index]) is not None

    def is_declared(self, path: str, function: Function) -> EmitterConfig | None:
        """Return the emitter that a function of a file is itself declared as, or overrides."""
        candidates = self._candidates(function.name)
        if not candidates:
            return None
        file = self._project.files[path]
        names = tuple(f"{module}.{function.qualname}" for module in dict.fromkeys((file.symbol, *file.names)))
        canonical = self._names()[""]
        for name in names:
            if name in canonical:
                return canonical[name]
        found = self._among(candidates, names)
        if found is None and function.owner >= 0:
            owners = self._owner_names(path, function.owner)
            found = self._among(candidates, [f"{owner}.{function.name}" for owner in owners])
            found = found or self._of_class(candidates, owners)
        return found

    # -- candidates by name

    def _candidates(self, name: str) -> list[EmitterConfig]:
        found = list(self._last.get(name, ()))
        if self._classes and name in self._class_methods():
            found += [emitter for emitter in self._classes if emitter not in found]
        found += [emitter for pattern, emitter in self._patterned if pattern.fullmatch(name)]
        return found

    def _among(self, candidates: Iterable[EmitterConfig], names: Iterable[str]) -> EmitterConfig | None:
        names = tuple(names)
        for emitter in candidates:
            if names_match(emitter.function, names, below=False):
                return emitter
        return None

    def _inherited(self, origin: Origin, last: str) -> EmitterConfig | None:
        """Return the emitter that a method is by a base of its object's class, or of the class that defines it."""
        candidates = self._candidates(last)
        if not candidates:
            return None
        facts = self._project.facts(origin.path)
        if facts is None or facts.functions[origin.index].owner < 0:
            return None
        owners = list(self._owner_names(origin.path, facts.functions[origin.index].owner))
        if origin.receiver:
            for receiver in self._project.lookup(origin.receiver):
                if receiver.kind == "class":
                    owners += self._owner_names(receiver.path, receiver.index)
        found = self._among(candidates, [f"{owner}.{last}" for owner in owners])
        return found or self._of_class(candidates, owners)

    def _of_class(self, candidates: Iterable[EmitterConfig], owners: Iterable[str]) -> EmitterConfig | None:
        owners = tuple(owners)
        for emitter in candidates:
            if emitter in self._classes and names_match(emitter.function, owners, below=False):
                return emitter
        return None

    def _owner_names(self, path: str, index: int) -> tuple[str, ...]:
        """Every name of a class and of its bases."""
        key = (path, index)
        known = self._owners.get(key)
        if known is not None:
            return known
        names: dict[str, None] = {}
        for ancestor in self._project.ancestors(path, index):
            if isinstance(ancestor, str):
                names[ancestor] = None
                continue
            facts = self._project.facts(ancestor[0])
            file = self._project.files.get(ancestor[0])
            if facts is not None and file is not None:
                qualname = facts.classes[ancestor[1]].qualname
                names |= dict.fromkeys(f"{module}.{qualname}" for module in (*file.names, file.symbol))
        found = self._owners[key] = tuple(names)
        return found

    def _class_methods(self) -> dict[str, EmitterConfig]:
        """Public methods of the classes that are declared whole with `event = "method"`."""
        if self._methods is None:
            self._methods = {}
            for emitter in self._classes:
                for origin in self._project.lookup(emitter.function):
                    if origin.kind == "class":
                        names = public_methods(self._project, origin)
                        self._methods |= dict.fromkeys(names, emitter)
        return self._methods

    # -- definitions

    def _signature(self, origin: Origin, path: str, scope: int, func: Expr) -> tuple[Signature | None, int]:
        """Return the parameters of an emitter's definition and how many leading arguments are its receiver."""
        target = origin
        if origin.kind in ("class", "instance") and origin.path:
            special = "__init__" if origin.kind == "class" else "__call__"
            found = [o for o in self._project.resolve_attribute(origin, special) if o.kind == "function"]
            if not found:
                return None, 0
            target = found[0]
        facts = self._project.facts(target.path) if target.kind == "function" else None
        if facts is None:
            return None, 0
        return signature_of(facts, target.index), receivers_given(self._project, origin, facts, path, scope, func)

    def _names(self) -> dict[str, dict[str, EmitterConfig]]:
        """Canonical name → emitter, under ""; class → emitter where its instances are emitters, under `instance`."""
        if self._canonical is None:
            self._canonical = {"": {}, "instance": {}}
            for emitter in self.configs:
                if emitter in self._classes and self._is_class(emitter.function):
                    continue
                self._canonical[""][emitter.function] = emitter
                for origin in self._origins(emitter.function):
                    if origin.kind not in _NO_CALLABLE:
                        self._canonical["instance" if origin.kind == "instance" else ""][origin.name] = emitter
        return self._canonical

    def _is_class(self, name: str) -> bool:
        return any(origin.kind == "class" for origin in self._project.lookup(name))

    def _origins(self, name: str) -> tuple[Origin, ...]:
        """What a declared name is; where a package has a module and a function of that name, the function is meant."""
        found = self._project.lookup(name)
        if any(origin.kind != "module" for origin in found):
            return found
        package, _, last = name.rpartition(".")
        functions = [
            origin
            for path in self._project.find_module(package, "")
            for origin in self._project.resolve(path, 0, ("name", last, (1, 1, 1, 1)))
        ]
        for origin in found:
            functions += self._project.resolve_attribute(origin, last)
        return tuple(functions)


def untold(origins: Iterable[Origin]) -> bool:
    """True where nothing is known of what an expression is."""
    return all(origin.kind in ("parameter", "variable") for origin in origins)


def definition_anchor(name: str) -> Anchor:
    """Return the anchor of the files that define a function of that name."""
    word = name.encode("utf-8", "replace")
    return Anchor((word,), rb"(?<!\w)def[ \t]+" + re.escape(word) + rb"(?!\w)")


def is_distinctive(name: str) -> bool:
    """True for a name that is unlikely to be given to two things: one of several words."""
    return "_" in name.strip("_")


def is_only_method(project: Project, name: str, is_meant: Callable[[str, int], bool]) -> bool:
    """True where the name is distinctive, and the project, its tests apart, defines no function of that name but those
    that are meant.
    """
    return is_distinctive(name) and all(is_meant(*row) for row in _definitions(project, name))


def _definitions(project: Project, name: str) -> tuple[tuple[str, int], ...]:
    """Return every function of that name that has a body, tests apart."""
    return project.once(("definitions", name), lambda: tuple(_search_definitions(project, name)))


def _search_definitions(project: Project, name: str) -> Iterator[tuple[str, int]]:
    for path in sorted(project.matching((definition_anchor(name),))):
        facts = None if "tests" in project.files[path].roles else project.facts(path)
        for index, function in enumerate(facts.functions if facts is not None else ()):
            if function.name == name and not function.is_stub:
                yield path, index


def public_methods(project: Project, origin: Origin) -> tuple[str, ...]:
    """Return the names of the public methods of a first-party class, inherited ones too."""
    names: dict[str, None] = {}
    for ancestor in project.ancestors(origin.path, origin.index):
        facts = None if isinstance(ancestor, str) else project.facts(ancestor[0])
        if facts is None:
            continue
        bindings = facts.scopes[facts.classes[int(ancestor[1])].scope].bindings
        names |= {name: None for name, rows in bindings.items() if not name.startswith("_") and rows[-1].kind == "def"}
    return tuple(names)


def receivers_given(project: Project, origin: Origin, facts: FileFacts, path: str, scope: int, func: Expr) -> int:
    """Return 1 where a method is called through its class, so that its first argument is the object; else 0."""
    if origin.kind != "function" or func[0] != "attr":
        return 0
    function = facts.functions[origin.index]
    if function.owner < 0 or is_static(function) or not function.parameters:
        return 0
    if any(decorator[:2] == ("name", "classmethod") for decorator in function.decorators):
        return 0
    through = project.resolve(path, scope, func[1])
    return 1 if through and all(o.kind == "class" for o in through) else 0


@lru_cache(maxsize=256)
def _wildcard(segment: str) -> re.Pattern[str]:
    return re.compile(re.escape(segment).replace(r"\*", ".*").replace(r"\?", "."))


def _receives(pattern: str, receiver: str) -> bool:
    """`*.event_logger` covers `self.event_logger`, `self.app.event_logger` and the bare `event_logger`."""
    if names_match(pattern, (receiver,), below=False):
        return True
    rest = pattern[2:]
    return pattern.startswith("*.") and (receiver == rest or receiver.endswith("." + rest))
