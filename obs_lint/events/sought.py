"""The names by which callables may be called elsewhere, and the files that may use them."""

from __future__ import annotations

import re
from typing import NamedTuple

from obs_lint.facts.model import Anchor
from obs_lint.project import Project

_MAX_ROUNDS = 12
_MAX_FILES = 300
"""Files that say the name of a method, of which more are looked at only where they import its class."""
_MAX_SEGMENTS = 400
"""Names of modules whose importers are looked at, before every file is."""


class _Sought(NamedTuple):
    """A name that other files may use."""

    name: str
    home: str
    """The file that binds it."""
    owner: str = ""
    """The class that it is an attribute of; "" for a name of the module."""


class SoughtNames:
    """What is looked for, and what nobody has looked for yet."""

    def __init__(self, project: Project) -> None:
        """Nothing is looked for."""
        self._project = project
        self._known: set[str] = set()
        self._local: dict[str, set[str]] = {}
        self._asked: set[_Sought] = set()
        self._paths: set[str] = set()
        """Files to look at again for names of their own."""
        self._imported: list[_Sought] = []
        """Names for which other files have to import something."""
        self._attributes: list[_Sought] = []
        """Names that may be used without an import."""
        self.everywhere: set[str] = set()
        """Names for which every file that says them was looked at."""
        self.files: frozenset[str] = frozenset()
        """Every file in which something was looked for."""
        self.alone = ""
        """The one file in which names are looked for; "" where it is the whole project."""

    def is_sought(self, name: str, path: str) -> bool:
        """True where the name is looked for in that file."""
        return name in self._known or name in self._local.get(path, ())

    def count(self, path: str) -> int:
        """Return how many names are looked for in that file."""
        return len(self._known) + len(self._local.get(path, ()))

    @property
    def is_settled(self) -> bool:
        """True where there is nothing that nobody has looked for."""
        return not (self._paths or self._imported or self._attributes)

    def here(self, name: str, path: str) -> None:
        """Look for a name in one file."""
        local = self._local.setdefault(path, set())
        if name not in local:
            local.add(name)
            self._paths.add(path)

    def importing(self, name: str, home: str, owner: str = "") -> None:
        """Look for a name in all that may import it, or the class that has it, over re-exports and subclasses."""
        row = _Sought(name, home, owner)
        if self.alone:
            self.here(name, self.alone)
        elif row not in self._asked:
            self._asked.add(row)
            self._known.add(name)
            self._imported.append(row)

    def anywhere(self, name: str, home: str, owner: str) -> None:
        """Look for an attribute of a class in the whole project."""
        if self.alone:
            self.here(name, self.alone)
        elif name not in self._known:
            self._known.add(name)
            self._attributes.append(_Sought(name, home, owner))

    def next(self) -> frozenset[str]:
        """Return the files to look at for what has come up since this was asked."""
        found = frozenset(self._paths)
        attributes, imported = self._attributes, self._imported
        self._paths, self._attributes, self._imported = set(), [], []
        if attributes:
            saying = self._project.matching(_anchors(attributes))
            if len(saying) > _MAX_FILES:
                saying = self._importing(attributes)
            else:
                self.everywhere.update(row.name for row in attributes)
            found |= saying
        if imported:
            found |= self._importing(imported)
        self.files |= found
        return found

    def settle(self, path: str) -> None:
        """Take it that one file was looked at with all names."""
        self._paths.discard(path)

    def _importing(self, rows: list[_Sought]) -> frozenset[str]:
        """Return the files that may use the names by what they import; maybe too many: all are searched together."""
        modules = {_segment(row.home) for row in rows}
        access = {"*", *(row.owner or row.name for row in rows)}
        todo = (access | modules) - {"*"}
        asked: set[str] = set()
        candidates = {row.home for row in rows}
        for _ in range(_MAX_ROUNDS):
            if not todo:
                return self._project.matching(_anchors(rows), candidates)
            asked |= todo
            fresh: set[str] = set()
            for path, statement in self._project.imports_mentioning(frozenset(todo)):
                candidates.add(path)
                for name, bound in statement.names or ():
                    if name in access or (name in modules and path.endswith("/__init__.py")):
                        fresh |= {bound, _segment(path)}
                        (access if name in access else modules).add(bound)
            todo = fresh - asked - {"*"}
            if len(asked) + len(todo) > _MAX_SEGMENTS:
                break
        return self._project.matching(_anchors(rows))


def word_anchor(name: str) -> Anchor:
    """Return the anchor of the files that say a name, other than at the end of a text (the target of a mock)."""
    word = name.encode("utf-8", "replace")
    return Anchor((word,), rb"(?<!\w)" + re.escape(word) + rb"(?![\w\"'])")


def _anchors(rows: list[_Sought]) -> tuple[Anchor, ...]:
    return tuple(word_anchor(name) for name in sorted({row.name for row in rows}))


def _segment(path: str) -> str:
    """Return the last segment of a module's name: that of the folder for a package."""
    stem = path.rpartition(".")[0].removesuffix("/__init__")
    return stem.rpartition("/")[2]
