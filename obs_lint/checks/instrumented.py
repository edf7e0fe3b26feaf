"""Functions that carry the instrument decorator, and which of their parameters the decorator records."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from obs_lint.checks.imported import is_stub
from obs_lint.checks.run import Anchor
from obs_lint.config.model import Config
from obs_lint.diagnostic import Edit, Position, Span
from obs_lint.discovery import ProjectFile
from obs_lint.entry_points.classes import holders
from obs_lint.entry_points.handlers import definitions
from obs_lint.entry_points.instruments import instruments
from obs_lint.entry_points.routing import Place
from obs_lint.facts.model import Binding, Expr, FileFacts, Function, Parameter
from obs_lint.facts.nested import nested
from obs_lint.project import Origin, Project

_PARTIAL = "functools.partial"
_MAX_DEPTH = 6
_CHAIN = ("name", "attr")
_BUILT = frozenset({"list", "tuple", "set", "frozenset", "sorted", "dict"})
_WORDS = re.compile(r"[^\W\d][\w.]*")
_HELD = re.compile(r"\{\s*([^\W\d]\w*)")


@dataclass(frozen=True, slots=True)
class RecordingOptions:
    """How a decorator is told what to record."""

    arguments: tuple[str, ...] = ()
    """Keyword arguments of the decorator that list what it records: names, or a mapping whose keys are names. `True`
    records every parameter, `False` none."""
    limiting: tuple[str, ...] = ()
    """Those of `arguments` that, where they list names, leave all other parameters out."""
    skipping: tuple[str, ...] = ()
    """Keyword arguments that list what it does not record; `True` leaves out every parameter."""
    captures_all: bool = False
    """Whether the instrument decorators record every parameter by themselves."""
    capturing: tuple[str, ...] = ()
    """Dotted names of decorators that do, beside that."""


class Instrumented(NamedTuple):
    """One function and the instrument decorator on it."""

    path: str
    function: int
    """Index into the file's functions."""
    decorator: Expr
    """As it stands above the function, or above its class."""
    scope: int
    """Where the decorator is evaluated."""
    below: tuple[Expr, ...]
    """The decorators between it and the function, the lowest first; () for a class decorator."""
    above: tuple[Expr, ...]
    """Those above it, the topmost first."""
    of_class: bool
    is_direct: bool
    """False for another decorator that applies the instrument decorator in its wrapper."""
    calls: tuple[Place, ...]
    """The calls that give the decorator arguments: its own, of partials, in factories; the outermost first."""
    origins: tuple[Origin, ...]
    """What the decorator is, without what it is given."""


def anchors(_: object, config: Config) -> tuple[Anchor, ...]:
    """Files that decorate with the instrument decorator by its own name, rename it, or hand it on."""
    configured = (*config.instrument.decorators, *config.instrument.class_decorators)
    names = sorted({dotted.rpartition(".")[2] for dotted in configured})
    return tuple([Anchor((name.encode(),), _pattern(name)) for name in names])


def _pattern(name: str) -> bytes:
    word = re.escape(name)
    chain = rf"(?:\w+\.)*{word}\b"
    handed = rf"(?:[=(,\[]|\breturn)[ \t]*{chain}[ \t]*(?:[,)\]#]|$)"
    return rf"@[ \t]*{chain}|(?<!\w){word}[ \t]*(?:\(|as\b)|{handed}".encode()


def instrumented(project: Project, config: Config) -> InstrumentedFunctions:
    """Return the instrumented functions of a project; each file is read once a run."""
    return project.once(("instrumented", id(config)), lambda: InstrumentedFunctions(project, config))


class InstrumentedFunctions:
    """The functions of a project that carry an instrument decorator under any name."""

    def __init__(self, project: Project, config: Config) -> None:
        """Nothing is looked at before it is asked for."""
        self._project = project
        self._config = config
        self._found = instruments(project, config)
        self._direct = frozenset((*config.instrument.decorators, *config.instrument.class_decorators))
        self._canonical: frozenset[tuple[str, str]] | None = None
        self._paths: tuple[str, ...] | None = None
        self._by_file: dict[str, tuple[Instrumented, ...]] = {}

    def of(self, files: Iterable[ProjectFile]) -> Iterator[tuple[ProjectFile, Instrumented]]:
        """Yield (file, function) of those of `files` in which something is instrumented, in the order of the source."""
        allowed = {file.path: file for file in files}
        for path in self._files():
            file = allowed.get(path)
            if file is not None and not is_stub(file):
                for one in self.in_file(path):
                    yield file, one

    def in_file(self, path: str) -> tuple[Instrumented, ...]:
        """Return the instrumented functions that one file defines."""
        if path not in self._by_file:
            facts = self._project.facts(path)
            self._by_file[path] = () if facts is None else tuple(self._search(path, facts))
        return self._by_file[path]

    def _files(self) -> tuple[str, ...]:
        """The anchored files, and those into which they hand a decorator under another name."""
        if self._paths is None:
            found = dict.fromkeys(sorted(self._project.matching(anchors(None, self._config))))
            names = {dotted.rpartition(".")[2] for dotted in self._direct}
            for path in tuple(found):
                for name in self._renamed(path, names):
                    pattern = rf"(?<!\w){re.escape(name)}(?!\w)".encode()
                    for other in holders(self._project, path, name):
                        if other not in found and self._project.mentions(other, pattern):
                            found[other] = None
            self._paths = tuple(sorted(found))
        return self._paths

    def _renamed(self, path: str, names: set[str]) -> Iterator[str]:
        """Yield the other names that a module gives an instrument decorator, or that make one."""
        facts = self._project.facts(path)
        if facts is None:
            return
        said = names | {n.asname for row in facts.imports for n in row.names if n.asname and n.name in names}
        within = {
            facts.scopes[use.scope].qualname.partition(".")[0]
            for use in facts.uses
            if use.expr[1 if use.expr[0] == "name" else 2] in said
        }
        for name, rows in facts.scopes[0].bindings.items():
            if name in names or not any(_may_decorate(facts, row, said, within) for row in rows):
                continue
            expr: Expr = ("name", name, rows[0].pos)
            call: Expr = ("call", expr, (), (), rows[0].pos)
            if any(
                is_one(path, 0, part)
                for is_one in (self._found.is_decorator, self._found.is_class_decorator)
                for part in (expr, call)
            ):
                yield name

    def _search(self, path: str, facts: FileFacts) -> Iterator[Instrumented]:
        for index, function in enumerate(facts.functions):
            for place, decorator in enumerate(function.decorators):
                if self._found.is_decorator(path, function.parent, decorator):
                    chain = self._chain(Place(path, function.parent, decorator), 0)
                    yield Instrumented(
                        path,
                        index,
                        decorator,
                        function.parent,
                        function.decorators[:place:-1],
                        function.decorators[:place],
                        False,
                        chain is not None,
                        () if chain is None else chain[0],
                        () if chain is None else chain[1],
                    )
            if function.owner >= 0 and not function.name.startswith("_"):
                owner = facts.classes[function.owner]
                for decorator in owner.decorators:
                    if self._found.is_class_decorator(path, owner.parent, decorator):
                        chain = self._chain(Place(path, owner.parent, decorator), 0)
                        if chain is not None:
                            yield Instrumented(
                                path, index, decorator, owner.parent, (), (), True, True, chain[0], chain[1]
                            )

    # -- from a decorator to what it is given

    def _chain(self, place: Place, depth: int) -> tuple[tuple[Place, ...], tuple[Origin, ...]] | None:
        """Return (calls that give arguments, what the decorator is); None where it only applies the decorator."""
        path, scope, expr = place
        if depth > _MAX_DEPTH:
            return None
        if expr[0] == "call":
            return self._called(place, depth)
        if expr[0] not in ("name", "attr"):
            return None
        origins = self._project.resolve(path, scope, expr)
        meant = tuple([origin for origin in origins if self._is_direct(origin)])
        if meant:
            given = tuple([Place(*call) for origin in meant for call in origin.partials])
            return given, meant
        if not origins and (
            self._found.is_decorator(path, scope, expr) or self._found.is_class_decorator(path, scope, expr)
        ):
            return (), ()
        for assigned in definitions(self._project, path, scope, expr, origins):
            if assigned[2] is not expr:
                found = self._chain(Place(*assigned), depth + 1)
                if found is not None:
                    return found
        return None

    def _called(self, place: Place, depth: int) -> tuple[tuple[Place, ...], tuple[Origin, ...]] | None:
        path, scope, call = place
        callees = self._project.resolve(path, scope, call[1])
        if call[2] and any(origin.name == _PARTIAL for origin in callees):
            inner = self._chain(Place(path, scope, call[2][0]), depth + 1)
            return None if inner is None else ((place, *inner[0]), inner[1])
        inner = self._chain(Place(path, scope, call[1]), depth + 1)
        if inner is not None:
            return (place, *inner[0]), inner[1]
        for origin in callees:
            facts = self._project.facts(origin.path) if origin.kind == "function" and origin.path else None
            if facts is None:
                continue
            function = facts.functions[origin.index]
            made = [
                self._chain(Place(origin.path, function.scope, row.value), depth + 1)
                for row in function.returns
                if row.value[0] == "call"
            ]
            if made and len(made) == len(function.returns) and made[0] is not None:
                return made[0]
        return None

    def _is_direct(self, origin: Origin) -> bool:
        if self._canonical is None:
            self._canonical = frozenset(
                (found.kind, found.name)
                for name in self._direct
                for found in self._project.lookup(name)
                if found.path or found.kind == "external"
            )
        name = origin.name.replace("().", ".")
        return (
            (name in self._direct and origin.kind != "instance")
            or (origin.kind, origin.name) in self._canonical
            or not self._direct.isdisjoint(origin.via)
            or (bool(origin.path) and not self._direct.isdisjoint(self._project.names(origin)))
        )


def _may_decorate(facts: FileFacts, row: Binding, said: set[str], within: set[str]) -> bool:
    """True for a renaming import, for what is assigned or defined with one of the names in it."""
    if row.kind == "import":
        return row.name in said
    if row.kind in ("assign", "walrus") and row.value is not None:
        return any(part[1 if part[0] == "name" else 2] in said for part in nested(row.value) if part[0] in _CHAIN)
    if row.kind == "def":
        returned = facts.functions[row.index].returns
        return row.name in within and any(part.value[0] in ("name", "call") for part in returned)
    return row.kind == "class" and row.name in within


# -- what is recorded


class Recording(NamedTuple):
    """What a decorator is told to record."""

    names: frozenset[str]
    skipped: frozenset[str]
    every: bool
    """It records all parameters that it does not skip."""
    complete: bool
    """False where some argument can't be told."""
    listed: Place | None
    """The literal in the decorator's own call that lists what it records."""
    skips: Place | None
    """The literal in the decorator's own call that lists what it does not."""

    def records(self, name: str) -> bool:
        """True where a parameter of that name is recorded, as far as is known."""
        return name not in self.skipped and (self.every or self.names_it(name))

    def names_it(self, name: str) -> bool:
        """True where it is listed, alone or as the last segment of a dotted attribute: `app.job_id`."""
        return name in self.names or any(known.endswith(f".{name}") for known in self.names)


def recording(project: Project, one: Instrumented, options: RecordingOptions) -> Recording:
    """Return what the decorator of a function records; of several calls the outermost that says something wins."""
    names: set[str] = set()
    skipped: set[str] = set()
    every = options.captures_all or any(_is_named(project, o, options.capturing) for o in one.origins)
    complete = True
    listed: Place | None = None
    skips: Place | None = None
    said: bool | None = None
    for place in one.calls:
        path, scope, call = place
        tell = partial(_told, project, path, scope)
        is_own = call is one.decorator
        if any(argument[0] == "star" for argument in call[2]) or any(name is None for name, _, _ in call[3]):
            complete = False
        for argument in call[2]:
            if argument[0] == "const" or argument[0] == "fstr":
                names |= _in_text(argument)
            elif argument[0] in ("seq", "dict"):
                told = tell(argument)
                names |= told.names
                complete = complete and told.complete
                listed = Place(path, scope, argument) if is_own else listed
        for name, value, _ in call[3]:
            if name is None:
                continue
            if name in options.skipping:
                told = tell(value)
                if told.flag:
                    every, said = False, False
                skipped |= told.names
                complete = complete and told.complete
                skips = Place(path, scope, value) if is_own else skips
            elif name in options.arguments:
                told = tell(value)
                flag = False if told.flag is None and name in options.limiting and told.complete else told.flag
                if flag is not None and said is None:
                    every = said = flag
                names |= told.names
                complete = complete and told.complete
                listed = Place(path, scope, value) if is_own else listed
            else:
                names.add(name)
                names |= _in_text(value)
    return Recording(frozenset(names), frozenset(skipped), every, complete, listed, skips)


class _Told(NamedTuple):
    names: frozenset[str]
    complete: bool
    flag: bool | None = None


_NOTHING = _Told(frozenset(), True)
_UNTOLD = _Told(frozenset(), False)


def _told(project: Project, path: str, scope: int, expr: Expr, depth: int = 0) -> _Told:
    """Return the names that an argument lists."""
    tag = expr[0]
    if depth > _MAX_DEPTH:
        return _UNTOLD
    if tag == "const":
        if isinstance(expr[1], bool):
            return _Told(frozenset(), True, expr[1])
        return _Told(frozenset(_WORDS.findall(expr[1])), True) if isinstance(expr[1], str) else _NOTHING
    if tag == "seq":
        return _together(_told(project, path, scope, part, depth + 1) for part in expr[2])
    if tag == "star":
        return _told(project, path, scope, expr[1], depth + 1)
    if tag == "dict":
        return _together(
            _told(project, path, scope, value if key is None else key, depth + 1) for key, value in expr[1]
        )
    if tag == "binop" and expr[1] in ("+", "|"):
        return _together(_told(project, path, scope, part, depth + 1) for part in expr[2:4])
    if tag == "call" and expr[1][0] == "name" and expr[1][1] in _BUILT:
        named = _Told(frozenset(name for name, _, _ in expr[3] if name and expr[1][1] == "dict"), True)
        return _together([named, *(_told(project, path, scope, part, depth + 1) for part in expr[2])])
    if tag in ("name", "attr"):
        values = project.values(path, scope, expr)
        texts = frozenset(str(value.value) for value in values.known if isinstance(value.value, str))
        if values.complete and texts:
            return _Told(texts, True)
        origins = project.resolve(path, scope, expr)
        places = {(p[0], p[2][-1]): p for p in definitions(project, path, scope, expr, origins) if p[2] is not expr}
        if len(places) == 1:
            return _told(project, *next(iter(places.values())), depth + 1)
    return _UNTOLD


def _together(parts: Iterable[_Told]) -> _Told:
    names: set[str] = set()
    complete = True
    for part in parts:
        names |= part.names
        complete = complete and part.complete
    return _Told(frozenset(names), complete)


def _in_text(expr: Expr) -> set[str]:
    """Return what a text is made of: the word that it is, and what stands in braces in it."""
    if expr[0] != "const" or not isinstance(expr[1], str):
        return set()
    return {expr[1], *_HELD.findall(expr[1])}


def _is_named(project: Project, origin: Origin, dotted: tuple[str, ...]) -> bool:
    if origin.name.replace("().", ".") in dotted or not set(dotted).isdisjoint(origin.via):
        return True
    return bool(origin.path) and not set(dotted).isdisjoint(project.names(origin))


def definition(project: Project, one: Instrumented) -> tuple[str, FileFacts, Function] | None:
    """Return (path, facts, function) of a decorator that the project defines as a function."""
    for origin in one.origins:
        if origin.kind == "function" and origin.path:
            facts = project.facts(origin.path)
            if facts is not None:
                return origin.path, facts, facts.functions[origin.index]
    return None


def is_known_to_take(
    project: Project, one: Instrumented, options: RecordingOptions, without: tuple[str, ...], argument: str = ""
) -> bool:
    """True where the decorator can be told what to record: by `argument`, or by any of those of the options.

    One whose definition is not in sight can, unless it is listed in `without`.
    """
    if any(_is_named(project, origin, without) for origin in one.origins):
        return False
    wanted = {argument} if argument else {*options.arguments, *options.skipping}
    in_sight = [origin for origin in one.origins if origin.path and origin.kind != "variable"]
    return not in_sight or any(
        p.kind == "kwarg" or p.name in wanted for origin in in_sight for p in _parameters(project, origin)
    )


def _parameters(project: Project, origin: Origin) -> tuple[Parameter, ...]:
    """Return the parameters of a function of the project, or of what makes an object of a class."""
    facts = project.facts(origin.path)
    if facts is None:
        return ()
    if origin.kind == "function":
        return facts.functions[origin.index].parameters
    if origin.kind == "class":
        rows = facts.scopes[facts.classes[origin.index].scope].bindings.get("__init__", ())
        return tuple([p for row in rows if row.kind == "def" for p in facts.functions[row.index].parameters])
    return ()


# -- where a fix goes


def with_item(place: Place, names: tuple[str, ...]) -> Edit | None:
    """Return the edit that adds names to a literal list, tuple, set or mapping; None where that can't be written."""
    path, _, literal = place
    text = ", ".join(_item(literal, name) for name in names)
    line, column, last, end = literal[-1]
    if literal[0] == "dict":
        pairs = [(key, value) for key, value in literal[1] if key is not None]
        if not pairs or any(key[:2] != value[:2] or key[0] != "const" for key, value in pairs):
            return None
        parts: list[Expr] = [value for _, value in literal[1]]
    elif literal[0] == "seq":
        parts = list(literal[2])
    else:
        return None
    if not parts:
        comma = "," if literal[0] == "seq" and literal[1] == "tuple" else ""
        return Edit(path, _point(line, column + 1), text + comma)
    if parts[-1][-1][2:] == (last, end - 1):
        return Edit(path, _point(last, end - 1), f", {text}")
    return Edit(path, _point(line, column + 1), f"{text}, ")


def _item(literal: Expr, name: str) -> str:
    return f'"{name}": "{name}"' if literal[0] == "dict" else f'"{name}"'


def with_argument(project: Project, one: Instrumented, text: str) -> Edit | None:
    """Return the edit that gives the decorator another keyword argument; None where its place can't be told."""
    last, end = one.decorator[-1][2:]
    if one.decorator[0] != "call":
        return Edit(one.path, _point(last, end), f"({text})")
    parts = [*(argument[-1] for argument in one.decorator[2]), *(pos for _, _, pos in one.decorator[3])]
    if not parts:
        return Edit(one.path, _point(last, end - 1), text) if project.mentions(one.path, _empty(last, end)) else None
    if parts[-1][2:] == (last, end - 1):
        return Edit(one.path, _point(last, end - 1), f", {text}")
    return None


def _empty(line: int, end: int) -> bytes:
    """A pattern for a line on which `()` ends before a column."""
    characters = rb"(?:[\x00-\x7f\xc0-\xff][\x80-\xbf]*)"
    return rb"\A(?:[^\n]*\n){%d}%b{%d}\(\)" % (line - 1, characters, end - 3)


def _point(line: int, column: int) -> Span:
    return Span(Position(line, column), Position(line, column))
