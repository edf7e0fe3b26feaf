"""The fix of a banned import that the configuration names a replacement for: the import and all that uses it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from obs_lint.checks.added_import import is_taken
from obs_lint.diagnostic import Applicability, Edit, Fix, Position, Span
from obs_lint.facts.model import Expr, FileFacts, Import, LexicalImport, Pos
from obs_lint.facts.model import Use as NameUse
from obs_lint.project import Project


def replacement_fix(
    project: Project, path: str, statement: LexicalImport, replacements: Mapping[str, str]
) -> Fix | None:
    """Replace an import and its uses; None where something of it has no replacement, or a use can't be seen.

    `replacements` are dotted names: `logging.getLogger` → `shop.obs.get_logger`; `logging` → `shop.obs` means all below
    it too.
    """
    if statement.level or path.endswith(".ipynb"):
        return None
    facts = project.facts(path)
    if facts is None:
        return None
    return _Rewriting(project, path, facts, replacements).fix(statement)


class _Rewriting:
    """Replaces imports of one file."""

    def __init__(self, project: Project, path: str, facts: FileFacts, replacements: Mapping[str, str]) -> None:
        self._project = project
        self._path = path
        self._facts = facts
        self._replacements = replacements
        self._lines = project.text(path).decode("utf-8", "replace").split("\n")

    def fix(self, statement: LexicalImport) -> Fix | None:
        """Return the fix of one statement."""
        first, last = statement.lines
        for row in self._facts.imports:
            if not (first <= row.pos[0] and row.pos[2] <= last):
                continue
            if statement.names is not None and row.module == statement.module and row.module_pos == statement.pos:
                return self._of_names(row)
            if statement.names is None and row.module is None and row.names[0].pos == statement.pos:
                return self._of_module(row)
        return None

    def _of_names(self, row: Import) -> Fix | None:
        """`from logging import getLogger, Logger as L`: the module and each name, where they stand."""
        new: list[tuple[str, str]] = []
        for alias in row.names:
            known = "" if alias.name == "*" else self._whole(f"{row.module}.{alias.name}")
            if not known:
                return None
            new.append((known.rpartition(".")[0], known.rpartition(".")[2]))
        modules = {module for module, _ in new}
        if len(modules) != 1 or not self._is_module(new[0][0]) or self._slice(row.module_pos) != row.module:
            return None
        edits = [self._edit(row.module_pos, new[0][0])]
        for alias, (module, name) in zip(row.names, new, strict=True):
            if alias.name == name:
                continue
            if self._slice(alias.pos) != alias.name:
                return None
            uses = None if alias.asname is not None else self._uses(row, alias.name)
            if uses is None or self._is_taken(name, module):
                edits.append(self._edit(alias.pos, name if alias.asname is not None else f"{name} as {alias.name}"))
                continue
            edits.append(self._edit(alias.pos, name))
            edits += [self._edit(_chain(use.expr)[0][-1], name) for use in uses]
        return self._made(edits, f"{new[0][0]}.{new[0][1]}")

    def _of_module(self, row: Import) -> Fix | None:
        """`import logging as log`: another statement in its place, and every use of the name."""
        if len(row.names) != 1:
            return None
        alias = row.names[0]
        bound = alias.asname or alias.name.partition(".")[0]
        base = alias.name if alias.asname else bound
        uses = self._uses(row, bound)
        if uses is None or self._slice(row.pos, lines=True).split()[:1] != ["import"]:
            return None
        wanted: dict[tuple[str, str], None] = {}
        edits: list[Edit] = []
        for use in uses:
            chain = _chain(use.expr)
            parts = [base, *(str(part[2]) for part in chain[1:])]
            depth, new = self._replaced(".".join(parts))
            if not alias.asname and depth < len(alias.name.split(".")):
                return None  # what replaces `logging` need not have what `import logging.config` adds to it
            depth -= base.count(".")
            if not new or depth < 1 or depth > len(chain):
                return None
            module, _, name = new.rpartition(".")
            if self._is_taken(name, module) and name != bound:
                return None
            wanted[(module, name)] = None
            edits.append(self._edit(chain[depth - 1][-1], name))
        if not wanted:
            module, _, name = self._replaced(alias.name)[1].rpartition(".")
            wanted[(module, f"{name} as {bound}" if name != bound else name)] = None
        if len({name for _, name in wanted}) != len(wanted) or not all(self._is_module(m) for m, _ in wanted):
            return None
        by_module: dict[str, list[str]] = {}
        for module, name in sorted(wanted):
            by_module.setdefault(module, []).append(name)
        if len(by_module) > 1 and (row.pos[1] != 1 or self._shares_line(row)):
            return None
        text = "\n".join(f"from {module} import {', '.join(names)}" for module, names in by_module.items())
        module, name = next(iter(wanted))
        return self._made([self._edit(row.pos, text), *edits], f"{module}.{name.partition(' ')[0]}")

    # -- names

    def _replaced(self, dotted: str) -> tuple[int, str]:
        """Return (segments that are replaced, by what) for the longest of the replacements; (0, "") without one."""
        parts = dotted.split(".")
        for depth in range(len(parts), 0, -1):
            new = self._replacements.get(".".join(parts[:depth]))
            if new is not None:
                return (depth, new) if new else (0, "")
        return 0, ""

    def _is_module(self, module: str) -> bool:
        """False for what is no module in a package of the project, such as a variable in one."""
        project = self._project
        root = module.partition(".")[0]
        return bool(root) and bool(project.find_module(module, self._path) or not project.find_module(root, self._path))

    def _whole(self, dotted: str) -> str:
        """Return what a name is replaced by, with what follows the part that is; "" where nothing is."""
        depth, new = self._replaced(dotted)
        return ".".join([new, *dotted.split(".")[depth:]]) if new else ""

    def _uses(self, row: Import, name: str) -> list[NameUse] | None:
        """Return every use of the name that an import binds; None where it is bound, used or read elsewhere too."""
        facts, project, path = self._facts, self._project, self._path
        scope = facts.scopes[row.scope]
        if len(scope.bindings.get(name, ())) != 1 or scope.kind == "class":
            return None
        if any(name in other.globals or name in other.nonlocals for other in facts.scopes):
            return None
        if row.scope == 0 and (name in (facts.exports or ()) or self._is_read_elsewhere(name)):
            return None
        found: list[NameUse] = []
        for use in facts.uses:
            chain = _chain(use.expr)
            if chain[0][1] != name:
                continue
            bound = project.bound(path, use.scope, name)
            if bound is None:
                return None
            if bound[0] != row.scope:
                continue
            if not all(self._is_written(part) for part in chain):
                return None
            found.append(use)
        for attribute in facts.attributes:
            if _chain(attribute.target)[0][1] == name:
                return None
        return found

    def _is_read_elsewhere(self, name: str) -> bool:
        """True where another file imports the name from this one, or may read it from the module."""
        project, path = self._project, self._path
        importers = project.importers(path)
        if not importers:
            return False
        naming = {importer for importer, _ in project.imports_naming(frozenset((name,)))}
        attribute = rb"\." + re.escape(name.encode()) + rb"\b"
        return any(other in naming or project.mentions(other, attribute) for other in importers)

    def _is_taken(self, name: str, module: str) -> bool:
        """True where the name means something else in this file than what the module has of that name."""
        if not is_taken(self._project, self._path, name):
            return False
        for number, scope in enumerate(self._facts.scopes):
            for row in scope.bindings.get(name, ()):
                imported = self._facts.imports[row.index] if row.kind == "import" else None
                if number or imported is None or imported.module != module or imported.level:
                    return True
                if imported.names[row.item].name != name:
                    return True
        return not self._facts.scopes[0].bindings.get(name)

    # -- text

    def _is_written(self, part: Expr) -> bool:
        """True where a name or an attribute stands in the text where the facts say."""
        written = re.sub(r"[\s\\()]+", "", self._slice(part[-1], lines=True))
        return written == ".".join(str(p[1] if p[0] == "name" else p[2]) for p in _chain(part))

    def _slice(self, pos: Pos, *, lines: bool = False) -> str:
        """Return what stands at a place; over several lines only where asked."""
        first, column, last, end = pos
        if last > len(self._lines) or (first != last and not lines):
            return ""
        if first == last:
            return self._lines[first - 1][column - 1 : end - 1]
        between = self._lines[first : last - 1]
        return "\n".join([self._lines[first - 1][column - 1 :], *between, self._lines[last - 1][: end - 1]])

    def _shares_line(self, row: Import) -> bool:
        return any(pos != row.pos and (pos[0] == row.pos[2] or pos[2] == row.pos[0]) for pos in self._facts.statements)

    def _edit(self, pos: Pos, text: str) -> Edit:
        return Edit(self._path, Span(Position(pos[0], pos[1]), Position(pos[2], pos[3])), text)

    def _made(self, edits: list[Edit], name: str) -> Fix:
        return Fix(f"Use `{name}`", Applicability.SAFE, tuple(dict.fromkeys(edits)))


def _chain(expr: Expr) -> list[Expr]:
    """Return `a`, `a.b`, `a.b.c` of the expression `a.b.c`."""
    parts: list[Expr] = list(_inwards(expr))
    parts.reverse()
    return parts


def _inwards(expr: Expr) -> Iterator[Expr]:
    while expr[0] == "attr":
        yield expr
        expr = expr[1]
    yield expr
