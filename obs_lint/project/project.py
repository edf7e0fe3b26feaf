"""The Project: every file's facts behind one resolver."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from obs_lint.config.model import Config
from obs_lint.diagnostic import Position, TrailStep
from obs_lint.discovery import Discovery, ProjectFile
from obs_lint.facts.cache import Cache
from obs_lint.facts.model import Binding, Expr, FileFacts, LexicalImport
from obs_lint.patterns import is_path_glob, names_match, path_matches
from obs_lint.project.application import Application
from obs_lint.project.lexical import FactsSource, LexicalQueries
from obs_lint.project.modules import Modules
from obs_lint.project.origin import Origin
from obs_lint.project.thing import UNTOLD, UNTOLD_KINDS, Step, Thing, Things, as_kind
from obs_lint.project.values import Value, Values

if TYPE_CHECKING:
    from obs_lint.project.resolve import Resolver

Shared = TypeVar("Shared")

_MAX_VALUES = 64
_MAX_TRAIL = 32
_NOWHERE = (1, 1, 1, 1)
_PUBLIC = frozenset(
    {"external", "module", "function", "class", "variable", "instance", "result", "member", "parameter"}
)


class Project(LexicalQueries):
    """Answers questions about names. Facts are fetched when a question needs them, and every answer is kept."""

    def __init__(self, discovery: Discovery, source: FactsSource, cache: Cache | None = None) -> None:
        """`discovery` says which modules exist, `source` what is in them; what is learned may be kept in `cache`."""
        self.discovery = discovery
        self.source = source
        self.cache = cache or Cache(None)
        self._shared: dict[Hashable, Any] = {}
        self.inputs: dict[str, None] = {}
        """Files and folders beside the sources that answers depend on, absolute."""
        self.modules = Modules(discovery, source.imports)
        self.files: Mapping[str, ProjectFile] = self.modules.files
        self._made: Resolver | None = None
        self._things: dict[Origin, Thing] = {}
        self._resolved: dict[int, tuple[Expr, int, str, tuple[Origin, ...]]] = {}
        self._surfaces: dict[tuple[str, ...], dict[str, bool]] = {}
        self._wirings: dict[tuple[str, ...], dict[str, bool]] = {}

    @property
    def _resolver(self) -> Resolver:
        """Made, and imported, for the first question that needs it."""
        if self._made is None:
            from obs_lint.project.resolve import Resolver

            self._made = Resolver(self.modules, self.source.facts, self.source.prefetch)
        return self._made

    def once(self, key: Hashable, make: Callable[[], Shared]) -> Shared:
        """Return what `make` returns, made once for each key: for answers that several checks share."""
        if key not in self._shared:
            self._shared[key] = make()
        found: Shared = self._shared[key]
        return found

    def answers(self, kind: str) -> list[Any]:
        """Return what `once` has made so far under keys that are tuples beginning with `kind`."""
        return [made for key, made in self._shared.items() if isinstance(key, tuple) and key[0] == kind]

    def depends_on(self, *paths: str) -> None:
        """Say that a result depends on files or folders (absolute) that are no sources of the project."""
        self.inputs |= dict.fromkeys(paths)

    # -- files and modules

    def facts(self, path: str) -> FileFacts | None:
        """Facts of a file, None where it can't be parsed."""
        view = self._resolver.view(path)
        return None if view is None else view.facts

    def imports(self, path: str) -> tuple[LexicalImport, ...]:
        """Lexical imports of a file."""
        return self.source.imports(path)

    def find_module(self, name: str, importer: str) -> tuple[str, ...]:
        """Paths of the first-party module `name` as `importer` gets it: own source root, project's root, others."""
        return self.modules.find(name, importer)

    def importers(self, path: str) -> tuple[str, ...]:
        """Paths of the files that import the module, or something from it; sorted."""
        return self.modules.importers(path)

    def is_surface(self, file: ProjectFile, config: Config) -> bool:
        """True for the surface's own modules."""
        patterns = config.surface
        if not patterns:
            return False
        known = self._surfaces.setdefault(patterns, {})
        found = known.get(file.path)
        if found is None:
            found = known[file.path] = any(names_match(pattern, file.names) for pattern in patterns)
        return found

    def is_wiring(self, file: ProjectFile, config: Config) -> bool:
        """True for the wiring's modules."""
        patterns = config.wiring
        if not patterns:
            return False
        known = self._wirings.setdefault(patterns, {})
        found = known.get(file.path)
        if found is None:
            found = known[file.path] = any(
                path_matches(pattern, file.path) if is_path_glob(pattern) else names_match(pattern, file.names)
                for pattern in patterns
            )
        return found

    def cell_of(self, path: str, line: int) -> tuple[int | None, int]:
        """(cell, lines before it) of a line of a notebook; (None, 0) elsewhere."""
        if not path.endswith(".ipynb"):
            return None, 0
        place: tuple[int | None, int] = (None, 0)
        for first, cell in self.source.cells(path):
            if first > line:
                break
            place = (cell, first - 1)
        return place

    def symbol(self, path: str, scope: int = -1) -> str:
        """Dotted name of the module, or of the scope in it."""
        file = self.files.get(path)
        module = path if file is None else file.symbol
        if scope <= 0:
            return module
        view = self._resolver.view(path)
        qualname = "" if view is None or scope >= len(view.scopes) else view.scopes[scope].qualname
        return f"{module}.{qualname}" if qualname else module

    # -- names

    def resolve(self, path: str, scope: int, expr: Expr) -> tuple[Origin, ...]:
        """Everything that `expr`, evaluated in `scope`, may be; () where nothing is known.

        Known alternatives come in the order in which they are written; see Origin for what stands for unknown ones.
        """
        known = self._resolved.get(id(expr))
        if known is not None and known[0] is expr and known[1] == scope and known[2] == path:
            return known[3]
        view = self._resolver.view(path)
        if view is None:
            return ()
        origins = self._origins(self._resolver.ask(view, scope, expr), path)
        self._resolved[id(expr)] = (expr, scope, path, origins)
        return origins

    def resolve_annotation(self, path: str, scope: int, annotation: Expr) -> tuple[Origin, ...]:
        """The objects that an annotation, written in `scope`, allows."""
        view = self._resolver.view(path)
        if view is None:
            return ()
        return self._origins(self._resolver.ask_annotation(view, scope, annotation), path)

    def resolve_import(self, path: str, index: int, item: int) -> tuple[Origin, ...]:
        """What one name of an import statement of the file imports: `a.b` for `import a.b`, nothing for a star.

        `index` is into the file's `FileFacts.imports`, `item` into that statement's names.
        """
        view = self._resolver.view(path)
        if view is None or view.facts.imports[index].names[item].name == "*":
            return ()
        return self._origins(self._resolver.ask_import(view, index, item), path)

    def lookup(self, dotted: str, importer: str = "") -> tuple[Origin, ...]:
        """What a dotted name of the configuration means: `packages.obs.emit`, `shop.bus.EventBus.dispatch`.

        Without an importer every module that answers to the name counts.
        """
        return self._origins(self._resolver.ask_lookup(dotted, importer), importer)

    def resolve_attribute(self, origin: Origin, attr: str) -> tuple[Origin, ...]:
        """What `origin.attr` may be: through re-exports, inheritance, annotations, `__all__`, PEP 562."""
        return self._origins(self._resolver.ask_attribute(self._thing(origin), attr), "")

    def _thing(self, origin: Origin) -> Thing:
        """Return what an Origin stands for, without the way that led to it."""
        thing = self._things.get(origin)
        if thing is None:
            return Thing(origin.kind, origin.name, origin.path, origin.index, member=origin.member)
        return Thing(*thing[:8], thing.partial)

    def public_names(self, path: str) -> tuple[str, ...]:
        """Names that `from module import *` brings in, sorted: `__all__`, or what has no leading underscore.

        Names that come in by star imports of first-party modules are among them.
        """
        return self._resolver.members.public_names(path)

    def names(self, origin: Origin) -> tuple[str, ...]:
        """Every dotted name that the origin answers to: its own, and that from each name of its first-party module."""
        file = self.files.get(origin.path)
        if file is None or not file.names or not origin.name.startswith(file.names[0]):
            return (origin.name,)
        rest = origin.name[len(file.names[0]) :]
        return tuple(dict.fromkeys([*[name + rest for name in file.names], file.symbol + rest]))

    def values(self, path: str, scope: int, expr: Expr) -> Values:
        """Values that `expr` can have."""
        view = self._resolver.view(path)
        if view is None:
            return Values(unknown=expr)
        return self._valued(self._resolver.ask(view, scope, expr, exact=True), path, expr)

    def _valued(self, things: Things, path: str, expr: Expr) -> Values:
        known: dict[tuple[object, ...], Value] = {}
        unknown: Expr | None = None
        complete = bool(things)
        for thing in things:
            found = self._resolver.values_of(thing)
            if found is None or len(known) + len(found) > _MAX_VALUES:
                complete = False
                if unknown is None:
                    unknown = thing.at[2] if thing.kind in UNTOLD_KINDS and thing.at and thing.at[0] == path else expr
                continue
            for value in found:
                known.setdefault((value.value.__class__, value.value, value.member), value)
        return Values(tuple(known.values()), complete, None if complete else unknown or expr)

    # -- alternatives as the resolver has them

    def evaluate(self, path: str, scope: int, expr: Expr, application: Application | None = None) -> Things:
        """Return the alternatives of an expression, to be put together, sorted out, and read by `read`.

        With an application, the expression lies in the body of that function, and its parameters are what that call
        makes of them.
        """
        view = self._resolver.view(path)
        if view is None:
            return UNTOLD
        if application is None:
            return self._resolver.ask(view, scope, expr, exact=True)
        return self._resolver.ask_within(view, scope, expr, application)

    def resolve_within(self, path: str, scope: int, expr: Expr, application: Application) -> tuple[Origin, ...]:
        """Everything that `expr`, in the body of a function, may be in one call of that function."""
        view = self._resolver.view(path)
        if view is None:
            return ()
        return self._origins(self._resolver.ask_within(view, scope, expr, application), path)

    def call(self, things: Things) -> Things:
        """Return what calling them gives, as far as that can be told without arguments."""
        return self._resolver.ask_call(things)

    def read(self, thing: Thing) -> tuple[Value, ...] | None:
        """Return the values that one alternative can have, None where that can't be told."""
        return self._resolver.values_of(thing)

    def bound(self, path: str, scope: int, name: str) -> tuple[int, tuple[Binding, ...]] | None:
        """Return the scope in which `name`, used in `scope`, is bound, and its bindings; None where there are none."""
        view = self._resolver.view(path)
        return None if view is None else view.find(scope, name)

    # -- classes

    def ancestors(self, path: str, index: int) -> tuple[tuple[str, int] | str, ...]:
        """Return a first-party class and its bases in method resolution order, those that can't be told left out.

        (path, index into that file's classes) of first-party ones, dotted names of others.
        """
        self._resolver.begin(False)
        return self._resolver.classes.ancestors(path, index)

    def enum_kind(self, path: str, index: int) -> str:
        """Return what makes a first-party class an enum (`Enum`, `StrEnum`, `str Enum`, …), "" if it is none."""
        self._resolver.begin(False)
        return self._resolver.classes.enum_kind(path, index)

    def returned(self, origin: Origin, method: str) -> Values | None:
        """Values that a method or property of `origin`, a first-party class or object, returns for an object of it.

        The return statements decide, whatever the annotation says. None where no first-party class defines it, or
        where it returns nothing.
        """
        self._resolver.begin(True)
        receiver = as_kind(self._thing(origin), "instance") if origin.kind == "class" else self._thing(origin)
        function = self._resolver.classes.method(receiver, method)
        view = None if function is None else self._resolver.view(function.path)
        if function is None or view is None or not view.functions[function.index].returns:
            return None
        return self._valued(self._resolver.functions.looked_up(function, ""), function.path, ("name", method, _NOWHERE))

    def is_overridden(self, path: str, function: int) -> bool:
        """True for a method that a first-party subclass of its class defines again, or where that can't be told."""
        view = self._resolver.view(path)
        if view is None:
            return True
        row = view.functions[function]
        if row.owner < 0:
            return False
        self._resolver.begin(False)
        subclasses = self._resolver.classes.subclasses(path, row.owner)
        if subclasses is None:
            return True
        for where, index in subclasses:
            other = self._resolver.view(where)
            if other is None or row.name in other.scopes[other.classes[index].scope].bindings:
                return True
        return False

    # -- from Things to Origins

    def _origins(self, things: Things, path: str) -> tuple[Origin, ...]:
        result: list[Origin] = []
        for thing in things:
            if thing.kind == "const" and len(things) > 1 and thing.at[2][1] is None:
                continue
            origin = self._origin(thing, path)
            if origin is not None and not any(
                origin == other and origin.partials == other.partials for other in result
            ):
                result.append(origin)
        return tuple(result)

    def _origin(self, thing: Thing, path: str) -> Origin | None:
        kind, name = thing.kind, thing.name
        if kind not in _PUBLIC:
            if kind == "namespace":
                kind = "module" if thing.index > 0 else "external"
                thing = Thing(kind, name, trail=thing.trail, via=thing.via)
            elif name and kind in ("const", "display", "alias", "typevar"):
                kind = "variable"
            else:
                return None
        index = thing.index if kind in ("function", "class", "instance") else -1
        origin = Origin(
            kind,
            name,
            thing.path if kind not in ("external", "result", "member") else "",
            index,
            () if thing.trail is None else self._trail(thing.trail, path),
            () if thing.via is None else _names(thing),
            thing.member if kind == "instance" else "",
            thing.receiver.name if thing.receiver is not None and kind == "function" else "",
            () if thing.partial is None else _partials(thing),
        )
        if thing.at is not None:
            self._things[origin] = thing
        return origin

    def _trail(self, step: Step | None, path: str) -> tuple[TrailStep, ...]:
        """Return the steps behind the file that asked, nearest first."""
        if step is not None and step.path == path:
            step = step.elsewhere
        steps: list[TrailStep] = []
        place: tuple[str, int, int] | None = None
        while step is not None:
            if (step.path, *step.pos[:2]) != place:
                if len(steps) == _MAX_TRAIL - 1 and step.last is not None:
                    step = step.last
                place = (step.path, *step.pos[:2])
                cell, first = self.cell_of(step.path, step.pos[0])
                steps.append(TrailStep(step.path, Position(step.pos[0] - first, step.pos[1]), _message(step), cell))
            step = step.rest
        return tuple(steps)


def _message(step: Step) -> str:
    name, source = step.name, step.source
    if step.kind == "star":
        return f"`from {source} import *` passes `{name}` on here"
    if step.kind == "return":
        return f"`{name}` returns it here"
    if step.kind == "lazy":
        return f"`__getattr__` gives `{name}` here"
    if not source:
        return f"`{name}` is set here"
    if step.kind == "import":
        plain = source == name or source.startswith(name + ".")
        return f"`{source}` is re-exported here" if plain else f"`{source}` is renamed to `{name}` here"
    return f"`{source}` is renamed to `{name}` here"


def _partials(thing: Thing) -> tuple[tuple[str, int, Expr], ...]:
    calls: list[tuple[str, int, Expr]] = []
    partial = thing.partial
    while partial is not None and len(calls) < _MAX_TRAIL:
        calls.append(partial.at)
        partial = partial.rest
    return tuple(calls)


def _names(thing: Thing) -> tuple[str, ...]:
    names: list[str] = []
    via = thing.via
    while via is not None and len(names) < _MAX_TRAIL:
        names.append(via.name)
        via = via.rest
    return tuple(dict.fromkeys(names))
