"""Events that are classes: all that derive from a base, or stand in a module, with the names that they carry."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

from obs_lint.events.class_names import ClassNames, definition
from obs_lint.events.declarations import Codebase, Declarations, Key, reachable, texts
from obs_lint.events.declared_values import Naming
from obs_lint.events.emitters import spelled
from obs_lint.facts.model import Class
from obs_lint.registry.model import Deprecation

_OPEN = frozenset({"abstractmethod", "abstractproperty", "abstractclassmethod"})
_ABSTRACT = frozenset({"abc.ABC", "typing.Protocol", "typing_extensions.Protocol"})
_DEPRECATING = frozenset({"warnings.deprecated", "typing_extensions.deprecated", "deprecated.deprecated"})
_SEVERITIES = frozenset(
    {"trace", "debug", "info", "notice", "warn", "warning", "error", "critical", "fatal", "alert", "emergency"}
)
_LEVELS = ("severity", "level", "log_level")


def subclasses(into: Declarations, code: Codebase, bases: Iterable[Key], external: frozenset[str]) -> list[Key]:
    """Return the classes of a codebase that derive from the bases, or from external classes; none of the bases.

    Only files that have a class statement with a name of the family among the bases are looked into.
    """
    start = set(bases)
    known: set[Key] = set(start)
    found: dict[Key, None] = {}
    names = {code.class_at(key).name for key in start} | {name.rpartition(".")[2] for name in external}
    files = {key[0] for key in start}
    while names:
        renamed = names | _renamed(code, names)
        pattern = re.compile(
            rb"^[ \t]*class[ \t]+\w+[^:]*?\b(?:%s)\b" % b"|".join(map(_bytes, sorted(renamed)))
        ).pattern
        importing = {path for path, _ in code.project.imports_mentioning(_segments(code, files, external, renamed))}
        candidates = sorted(path for path in importing | files if code.project.mentions(path, pattern))
        code.project.prefetch(candidates)
        names = set()
        for path in candidates:
            into.looked_at(code, path)
            facts = code.facts(path)
            for index, row in enumerate(facts.classes if facts is not None else ()):
                key = (path, index)
                if key in known or not row.bases:
                    continue
                above = code.project.ancestors(path, index)[1:]
                if any((entry in external) if isinstance(entry, str) else entry in known for entry in above):
                    known.add(key)
                    found[key] = None
                    names.add(row.name)
                    files.add(path)
    return sorted(found)


def _segments(code: Codebase, files: set[str], external: frozenset[str], names: set[str]) -> frozenset[str]:
    """Return the words that an import of the family, or of a module that has some of it, holds."""
    modules = {code.module(path).rpartition(".")[2] for path in files}
    modules |= {name.split(".")[-2] for name in external if "." in name}
    return frozenset(names | modules)


def _renamed(code: Codebase, names: set[str]) -> set[str]:
    """Return other names under which files import these."""
    return {
        bound
        for _, statement in code.project.imports_mentioning(frozenset(names))
        for name, bound in statement.names or ()
        if name in names and bound != name
    }


def _bytes(name: str) -> bytes:
    return re.escape(name.encode("utf-8", "replace"))


def in_module(code: Codebase, path: str) -> list[Key]:
    """Return the public classes of a module that may be events: no enums and no protocols, nested ones too."""
    facts = code.facts(path)
    if facts is None:
        return []
    return [
        (path, index)
        for index, row in enumerate(facts.classes)
        if not row.name.startswith("_")
        and reachable(facts, row.parent)
        and not code.project.enum_kind(path, index)
        and not any(spelled(base).rpartition(".")[2] == "Protocol" for base in row.bases)
    ]


class Family:
    """Classes among which the events are."""

    def __init__(self, code: Codebase, keys: Sequence[Key], base: tuple[Codebase, Key] | None, naming: Naming) -> None:
        """`base` is what they derive from, where that is what the source names."""
        self._code = code
        self._keys = keys
        self._base = base
        self._naming = Naming("class") if naming.kind in ("", "value", "member") else naming
        self._names = ClassNames(code, base, self._naming)

    def declare(self, into: Declarations, bases_of_others: AbstractSet[Key] = frozenset()) -> None:
        """Add the events, those with a name of their own first, and say which classes are none.

        `bases_of_others`: classes that classes of another codebase derive from.
        """
        bases_of_others = self._bases_of_others() | bases_of_others
        in_tests = self._base is not None and self._base[0] is self._code and self._code.is_test(self._base[1][0])
        if self._base is not None and self._keys:
            into.exempt[self._base[0].class_symbol(self._base[1])] = None
        inherited: list[tuple[Key, tuple[str, ...]]] = []
        for key in self._keys:
            into.looked_at(self._code, key[0])
            if self._base is not None and self._code.is_test(key[0]) and not in_tests:
                into.exempt[self._code.class_symbol(key)] = None
                continue
            names, own, complete = self._names.of(key)
            if not complete:
                into.complete = False
            if not names or (self._naming.kind == "class" and (key in bases_of_others or self._is_abstract(key))):
                into.exempt[self._code.class_symbol(key)] = None
            elif own:
                self._add(into, key, names, alias=False)
            else:
                inherited.append((key, names))
        for key, names in inherited:
            self._add(into, key, names, alias=True)

    def _add(self, into: Declarations, key: Key, names: Iterable[str], *, alias: bool) -> None:
        code = self._code
        row = code.class_at(key)
        for name in names:
            into.add(
                name,
                code,
                key[0],
                row.name_pos,
                code.class_symbol(key),
                alias=alias,
                severity=self._severity(key),
                summary=into.class_summary(code, key),
                deprecated=self._deprecation(key, row),
            )

    def _bases_of_others(self) -> set[Key]:
        """Return the classes that others of the family derive from, those in tests apart."""
        found: set[Key] = set()
        for path, index in self._keys:
            if not self._code.is_test(path):
                found.update(a for a in self._code.project.ancestors(path, index)[1:] if not isinstance(a, str))
        return found

    def _is_abstract(self, key: Key) -> bool:
        """True for a class that says so, or that leaves an abstract method open."""
        code = self._code
        row = code.class_at(key)
        if any(o.name in _ABSTRACT for base in row.bases for o in code.project.resolve(key[0], row.parent, base)):
            return True
        seen: set[str] = set()
        for ancestor, facts in code.lineage(key):
            for name, bindings in facts.scopes[facts.classes[ancestor[1]].scope].bindings.items():
                if name in seen:
                    continue
                seen.add(name)
                decorators = facts.functions[bindings[-1].index].decorators if bindings[-1].kind == "def" else ()
                if any(spelled(decorator).rpartition(".")[2] in _OPEN for decorator in decorators):
                    return True
        return False

    # -- what else a class says

    def _severity(self, key: Key) -> str:
        """Return the level that a class has as a constant of its own or of a base."""
        for name in _LEVELS:
            definer, value = definition(self._code, key, name)
            if definer is None or value is None:
                continue
            found = self._code.project.values(definer[0], self._code.class_at(definer).scope, value)
            words = {text.lower() for text in texts(found)}
            if found.complete and len(words) == 1 and words <= _SEVERITIES:
                return words.pop()
        return ""

    def _deprecation(self, key: Key, row: Class) -> Deprecation | None:
        for decorator in row.decorators:
            callee = decorator[1] if decorator[0] == "call" else decorator
            if spelled(callee).rpartition(".")[2] == "deprecated" and any(
                origin.name in _DEPRECATING for origin in self._code.project.resolve(key[0], row.parent, callee)
            ):
                return Deprecation()
        return None
