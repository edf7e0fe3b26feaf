"""By which names a file calls something: renames by import, by assignment, by annotation, by inheritance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from obs_lint.facts.model import Expr, FileFacts
from obs_lint.facts.nested import nested

_ASSIGNED = frozenset({"assign", "walrus", "for", "with"})
_EXPORTING = frozenset({"module", "class"})


class _Row(NamedTuple):
    """A name and the words of what it is bound to."""

    name: str
    parts: frozenset[str]
    lambdas: frozenset[int]
    value: tuple[int, Expr] | None
    """Scope and expression, of a name that other files may use."""
    is_global: bool


class Spellings:
    """The renames of one file, to be asked for more than one name."""

    def __init__(self, facts: FileFacts) -> None:
        """`facts` are the file's."""
        self._imported = [
            (alias.name.rpartition(".")[2], alias.asname, statement.scope)
            for statement in facts.imports
            for alias in statement.names
            if alias.asname
        ]
        self._rows = [row for row in _rows(facts) if row.parts or row.lambdas]
        self._annotated = list(_annotated(facts))
        self._classes = [
            (row.name, frozenset(part for base in row.bases for part in _parts(base)[0])) for row in facts.classes
        ]

    def of(
        self,
        matches: Callable[[str], object],
        *,
        lambdas: frozenset[int] = frozenset(),
        objects: Callable[[str], object] | None = None,
        classes: bool = False,
    ) -> frozenset[str]:
        """Return the names that the file gives to what is called by a name that `matches`, or to one of the lambdas.

        May hold too many: whatever is assigned an expression in which such a name occurs. `objects` are names of
        classes whose objects count, however they come here; with `classes`, subclasses of what is so called count.
        """
        found = {bound for name, bound, _ in self._imported if matches(name)}
        if objects is not None:
            found |= {name for name, parts in self._annotated if any(map(objects, parts))}
        more = True
        while more:
            more = False
            for row in self._rows:
                if row.name not in found and (
                    not lambdas.isdisjoint(row.lambdas)
                    or any(
                        part in found or matches(part) or (objects is not None and objects(part)) for part in row.parts
                    )
                ):
                    found.add(row.name)
                    more = True
            if classes:
                for name, parts in self._classes:
                    if name not in found and any(part in found or matches(part) for part in parts):
                        found.add(name)
                        more = True
        return frozenset(found)

    def exported(self, names: frozenset[str]) -> Iterator[tuple[str, int, Expr | None, bool]]:
        """Yield those of the names that other files may use: the scope and the expression that they are bound to (None
        for an import or a class), and whether they are names of the module rather than attributes.
        """
        for _, bound, scope in self._imported:
            if bound in names and scope == 0:
                yield bound, 0, None, True
        for row in self._rows:
            if row.value is not None and row.name in names:
                yield row.name, *row.value, row.is_global
        for name, _ in self._classes:
            if name in names:
                yield name, 0, None, True

    def inherits(self, names: frozenset[str]) -> bool:
        """True where one of the names is a class of the file."""
        return any(name in names for name, _ in self._classes)


def _rows(facts: FileFacts) -> Iterator[_Row]:
    for number, scope in enumerate(facts.scopes):
        for name, bindings in scope.bindings.items():
            for binding in bindings:
                if binding.value is None or binding.kind not in _ASSIGNED:
                    continue
                exported = binding.kind == "assign" and scope.kind in _EXPORTING
                where = binding.scope if binding.scope >= 0 else number
                yield _Row(name, *_parts(binding.value), (where, binding.value) if exported else None, number == 0)
    for function in facts.functions:
        for parameter in function.parameters:
            if parameter.default is not None:
                yield _Row(parameter.name, *_parts(parameter.default), None, False)
    for attribute in facts.attributes:
        if attribute.value is not None and attribute.kind == "assign":
            yield _Row(attribute.target[2], *_parts(attribute.value), (attribute.scope, attribute.value), False)


def _annotated(facts: FileFacts) -> Iterator[tuple[str, frozenset[str]]]:
    for scope in facts.scopes:
        for name, bindings in scope.bindings.items():
            for binding in bindings:
                if binding.annotation is not None:
                    yield name, _parts(binding.annotation)[0]
    for attribute in facts.attributes:
        if attribute.annotation is not None:
            yield attribute.target[2], _parts(attribute.annotation)[0]


def _parts(expr: Expr) -> tuple[frozenset[str], frozenset[int]]:
    """Return the names and attributes in an expression, and the lambdas."""
    names: set[str] = set()
    lambdas: set[int] = set()
    for part in nested(expr):
        if part[0] == "name":
            names.add(part[1])
        elif part[0] == "attr":
            names.add(part[2])
        elif part[0] == "lambda":
            lambdas.add(part[1])
    return frozenset(names), frozenset(lambdas)
