"""Declarations of events as they are found in code: collected, folded together, and turned into Events."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from obs_lint.events.descriptions import Descriptions
from obs_lint.facts.model import Binding, Class, Expr, FileFacts, Pos
from obs_lint.project import Origin, Project, Values
from obs_lint.registry.model import Deprecation, Event, Place

LAST: Pos = (1 << 30, 1, 1 << 30, 1)
"""A place after everything that a file says."""

Key = tuple[str, int]
"""A class: its file, and its index in that file's classes."""


@dataclass(frozen=True, slots=True)
class Codebase:
    """A Project that declarations are looked for in: the one that is linted, or an installed package."""

    project: Project
    installed: bool = False

    def place(self, path: str, pos: Pos) -> Place:
        """Return where something is; paths in installed packages are absolute, wherever the environment lies."""
        _, before = self.project.cell_of(path, pos[0])
        file = self.project.files.get(path)
        shown = path if file is None or not self.installed else file.absolute.replace(os.sep, "/")
        return Place(shown, pos[0] - before, pos[1], pos[2] - before, pos[3])

    def module(self, path: str) -> str:
        """Return the name by which the Project knows a module."""
        return self.project.modules.name_of(path)

    def symbol(self, path: str, scope: int, name: str = "") -> str:
        """Return the canonical name of what is bound to `name` in a scope, or of the scope itself."""
        facts = self.facts(path)
        qualname = facts.scopes[scope].qualname if facts is not None and scope > 0 else ""
        return ".".join(part for part in (self.module(path), qualname, name) if part)

    def facts(self, path: str) -> FileFacts | None:
        """Return the facts of a file, None where it can't be parsed."""
        return self.project.facts(path)

    def class_at(self, key: Key) -> Class:
        """Return a class statement that is known to be there."""
        facts = self.project.facts(key[0])
        assert facts is not None
        return facts.classes[key[1]]

    def class_symbol(self, key: Key) -> str:
        """Return the canonical name of a class."""
        return f"{self.module(key[0])}.{self.class_at(key).qualname}"

    def class_origin(self, key: Key) -> Origin:
        """Return the Origin that stands for a class."""
        return Origin("class", self.class_symbol(key), key[0], key[1])

    def is_test(self, path: str) -> bool:
        """True for files in the role of tests."""
        file = self.project.files.get(path)
        return file is not None and "tests" in file.roles

    def stored(self, key: Key, attribute: str) -> tuple[Key, int, str] | None:
        """Return the class whose `__init__` stores a parameter as the attribute, and that one's position and name."""
        for ancestor, facts in self.lineage(key):
            bindings = facts.scopes[facts.classes[ancestor[1]].scope].bindings.get("__init__")
            if not bindings or bindings[-1].kind != "def":
                continue
            function = facts.functions[bindings[-1].index]
            names = [parameter.name for parameter in function.parameters[1:]]
            for row in facts.attributes:
                if row.scope == function.scope and row.target[0] == "attr" and row.target[2] == attribute:
                    if row.value is not None and row.value[0] == "name" and row.value[1] in names:
                        return ancestor, names.index(row.value[1]), row.value[1]
        return None

    def position(self, key: Key, attribute: str) -> int:
        """Return the position of the argument that an object's attribute is made of, -1 where that can't be told."""
        stored = self.stored(key, attribute)
        if stored is not None:
            return stored[1]
        fields: dict[str, None] = {}
        for ancestor, facts in reversed(list(self.lineage(key))):
            bindings = facts.scopes[facts.classes[ancestor[1]].scope].bindings
            if "__init__" in bindings:
                return -1
            annotated = [(rows[0].pos, name) for name, rows in bindings.items() if rows[0].annotation is not None]
            fields |= dict.fromkeys(name for _, name in sorted(annotated))
        return list(fields).index(attribute) if attribute in fields else -1

    def lineage(self, key: Key) -> Iterator[tuple[Key, FileFacts]]:
        """Yield a class and its bases, as far as they are of this codebase, with the facts of their files."""
        for ancestor in self.project.ancestors(*key):
            facts = self.facts(ancestor[0]) if not isinstance(ancestor, str) else None
            if facts is not None and not isinstance(ancestor, str):
                yield ancestor, facts


def chain(qualname: str, *attributes: str) -> Expr:
    """Return the expression `a.b.c`, as it stands at the end of a module."""
    first, *rest = (*qualname.split("."), *attributes)
    expr: Expr = ("name", first, LAST)
    for name in rest:
        expr = ("attr", expr, name, LAST)
    return expr


def texts(values: Values) -> tuple[str, ...]:
    """Return the strings among values."""
    return tuple(value.value for value in values.known if isinstance(value.value, str) and value.value)


def reachable(facts: FileFacts, scope: int) -> bool:
    """True where a scope's names can be read from outside: it is a module's or a class's, not a function's."""
    while scope > 0:
        if facts.scopes[scope].kind not in ("class", "type"):
            return False
        scope = facts.scopes[scope].parent
    return True


def assigned(bindings: tuple[Binding, ...]) -> tuple[Binding, ...]:
    """Return those of a name's bindings that give it a value, none where it is deleted in the end."""
    if bindings and bindings[-1].kind == "delete":
        return ()
    return tuple(binding for binding in bindings if binding.kind == "assign" and binding.value is not None)


@dataclass
class Declarations:
    """What has been found so far."""

    source: str
    """The configured source."""
    complete: bool = True
    """False where something declares a name that can't be told."""
    exempt: dict[str, None] = field(default_factory=dict)
    """Dotted names of classes that are no events."""
    inputs: dict[str, None] = field(default_factory=dict)
    """Absolute paths of the files that were looked into."""

    def __post_init__(self) -> None:
        """Nothing has been found."""
        self._events: list[Event] = []
        self._homes: list[tuple[Codebase, str]] = []
        self._known: dict[tuple[str, str], int] = {}
        self._by_name: dict[str, int] = {}
        self._descriptions = Descriptions()

    def __len__(self) -> int:
        """How many events there are."""
        return len(self._events)

    def looked_at(self, code: Codebase, path: str) -> None:
        """Remember a file that the answer depends on."""
        file = code.project.files.get(path)
        if file is not None:
            self.inputs[file.absolute] = None

    def add(
        self,
        name: str,
        code: Codebase,
        path: str,
        pos: Pos,
        symbol: str = "",
        *,
        alias: bool = False,
        severity: str = "",
        summary: str = "",
        deprecated: Deprecation | None = None,
        payload: Mapping[str, Any] | None = None,
        places: Mapping[str, Place] | None = None,
    ) -> None:
        """Add an event declared at `pos`, the place of its name there.

        With `alias` it is one more name of an event that is there, if there is one.
        """
        if (name, symbol) in self._known and symbol:
            return
        if alias and name in self._by_name:
            index = self._by_name[name]
            event = self._events[index]
            if symbol and symbol != event.symbol and symbol not in event.aliases:
                self._events[index] = replace(event, aliases=(*event.aliases, symbol))
            self._known[name, symbol] = index
            return
        self.looked_at(code, path)
        place = code.place(path, pos)
        if not symbol and name in self._by_name and self._events[self._by_name[name]].place == place:
            return
        self._known[name, symbol] = len(self._events)
        self._by_name.setdefault(name, len(self._events))
        self._homes.append((code, path))
        self._events.append(
            Event(
                name,
                place,
                self.source,
                symbol,
                severity=severity,
                summary=summary,
                deprecated=deprecated,
                payload=payload,
                places=places or {},
            )
        )

    def class_summary(self, code: Codebase, key: Key) -> str:
        """Return the first line of a class's docstring."""
        facts = code.facts(key[0])
        if facts is None:
            return ""
        return self._descriptions.of_class(code.project.files[key[0]].absolute, facts, code.class_at(key))

    def comment(self, code: Codebase, path: str, pos: Pos, value: Expr) -> str:
        """Return what a comment beside or above a constant says, or a string below it."""
        file = code.project.files.get(path)
        facts = code.facts(path)
        if file is None or facts is None:
            return ""
        return self._descriptions.of_constant(file.absolute, facts, pos, value[-1])

    def found(self) -> tuple[Event, ...]:
        """Return the events in the order of their declaration, with every name that installed ones answer to."""
        heads: dict[tuple[int, str, str], tuple[str, ...]] = {}
        for index, (code, path) in enumerate(self._homes):
            event = self._events[index]
            module = f"{code.module(path)}."
            if not code.installed or not event.symbol.startswith(module):
                continue
            head, dot, rest = event.symbol.removeprefix(module).partition(".")
            key = (id(code), path, head)
            if key not in heads:
                heads[key] = re_exports(code, path, head)
            aliases = dict.fromkeys((*event.aliases, *(f"{name}{dot}{rest}" for name in heads[key])))
            aliases.pop(event.symbol, None)
            self._events[index] = replace(event, aliases=tuple(aliases))
        return tuple(sorted(self._events, key=lambda event: event.place[:3]))


def re_exports(code: Codebase, path: str, name: str) -> tuple[str, ...]:
    """Return the other dotted names under which a codebase passes on what a module defines."""
    dotted = f"{code.module(path)}.{name}"
    found: dict[str, None] = {}
    for importer, statement in code.project.imports_mentioning(frozenset({name, "*"})):
        for written, bound in statement.names or ():
            if written not in (name, "*") or importer == path:
                continue
            shown = bound if written == name else name
            origins = code.project.resolve(importer, 0, chain(shown))
            if any(dotted == origin.name or dotted in origin.via for origin in origins):
                found[f"{code.module(importer)}.{shown}"] = None
    return tuple(found)


def spellings(code: Codebase, key: Key) -> tuple[str, ...]:
    """Return every dotted name by which code outside a codebase may call one of its classes, its own first."""
    return code.class_symbol(key), *re_exports(code, key[0], code.class_at(key).name)
