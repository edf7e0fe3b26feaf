"""How a file writes a name of another module: through an import that it has, or through one that is added."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import NamedTuple

from obs_lint.diagnostic import Edit, Position, Span
from obs_lint.facts.model import Class, Expr, FileFacts, Function, Import, Pos, Statement
from obs_lint.project import Project

_NOWHERE: Pos = (0, 0, 0, 0)
_MAX_MODULES = 2000
"""So many modules are looked at for a circle of imports."""


class Spelling(NamedTuple):
    """How to write a name, and what must be added to the file for it."""

    text: str
    """`instrument`, `obs.instrument`"""
    edits: tuple[Edit, ...] = ()
    """The import; none where the file has it."""


def spelling(project: Project, path: str, scope: int, dotted: str, line: int) -> Spelling | None:
    """Say how `dotted` is written in `scope` of a file, at a 1-based line, as something that runs on import.

    None where nothing can be said that is sure to work: the name is taken, or no import may be added.
    """
    facts = project.facts(path)
    if facts is None or path.endswith(".ipynb"):
        return None
    imported = project.once(
        ("spellings", path, scope, dotted), lambda: tuple(_imported(project, path, facts, scope, dotted))
    )
    known = [row for row in imported if row.line < line]
    if known:
        return Spelling(next((row.text for row in known if row.is_direct), known[0].text))
    top = min([line, *(_first_line(facts, each) for each in facts.body if each[0] in ("def", "class"))])
    return project.once(("added", path, dotted, top), lambda: _added(project, path, facts, dotted, top))


def _added(project: Project, path: str, facts: FileFacts, dotted: str, line: int) -> Spelling | None:
    module, _, name = dotted.rpartition(".")
    origin = _source_of(project, path, facts, module)
    if not origin:
        return None
    bound = next((n for n in (name, f"{module.rpartition('.')[2]}_{name}") if not is_taken(project, path, n)), "")
    if not bound:
        return None
    statement = f"from {origin} import {name}" + (f" as {bound}" if bound != name else "")
    edit = _insertion(path, facts, statement, origin, line)
    return None if edit is None else Spelling(bound, (edit,))


def is_taken(project: Project, path: str, name: str) -> bool:
    """True where the file binds the name anywhere, or uses it without binding it."""
    facts = project.facts(path)
    if facts is None:
        return True
    return name in project.once(("names in", path), lambda: _names(facts))


def _names(facts: FileFacts) -> frozenset[object]:
    bound = {name for scope in facts.scopes for name in scope.bindings}
    return frozenset(bound | {_root(use.expr) for use in facts.uses})


def closes_circle(project: Project, path: str, module: str) -> bool:
    """True where importing `module` in the file makes a circle: its own imports lead to the file."""
    wanted = project.find_module(module, path)
    reached: frozenset[str] = project.once(("reached from", wanted), lambda: _reached(project, wanted))
    return path in reached


# -- what is there


class _Imported(NamedTuple):
    """What an import at the top of a file lets a name be written as."""

    text: str
    is_direct: bool
    """The import is of the name itself, not of its module."""
    line: int
    """The import's last."""


def _imported(project: Project, path: str, facts: FileFacts, scope: int, dotted: str) -> Iterator[_Imported]:
    module, _, name = dotted.rpartition(".")
    means = {(origin.kind, origin.name) for origin in project.lookup(dotted, path)}
    means |= {(origin.kind, origin.name) for origin in project.lookup(dotted)}
    for statement in facts.imports:
        if statement.scope or statement.pos[1] != 1 or statement.type_only:
            continue
        for alias in statement.names:
            if alias.name.rpartition(".")[2] not in (name, module.rpartition(".")[2]):
                continue  # others are not worth resolving: a name that was renamed elsewhere is imported anew
            plain = statement.module is None and alias.asname is None
            written = alias.name if plain else alias.asname or alias.name
            bound = written.partition(".")[0]
            found = project.bound(path, scope, bound)
            if found is None or found[0] or any(row.kind != "import" for row in found[1]):
                continue
            if len(found[1]) > 1 and not (plain and "." in written):
                continue
            for origin in project.resolve(path, scope, _expression(written)):
                names = project.names(origin)
                if (origin.kind, origin.name) in means or dotted in names or dotted in origin.via:
                    yield _Imported(written, True, statement.pos[2])
                    break
                if origin.kind in ("module", "external") and module in names:
                    yield _Imported(f"{written}.{name}", False, statement.pos[2])
                    break


def _expression(dotted: str) -> Expr:
    first, *rest = dotted.split(".")
    expr: Expr = ("name", first, _NOWHERE)
    for attr in rest:
        expr = ("attr", expr, attr, _NOWHERE)
    return expr


# -- what is added


def _source_of(project: Project, path: str, facts: FileFacts, module: str) -> str:
    """Return what stands after `from` for a module: as the file's other imports have it, relative ones too."""
    targets = project.find_module(module, path) or project.find_module(module, "")
    if not targets:
        return module
    target = targets[0]
    if target == path:
        return ""
    file = project.files[target]
    names = [n for n in dict.fromkeys((module, *file.names)) if target in project.find_module(n, path)]
    absolute = [s for s in _sources(facts) if project.find_module(s, path)]
    roots = {source.partition(".")[0] for source in absolute}
    for name in names:
        if name.partition(".")[0] in roots:
            return name
    levels = max((statement.level for statement in facts.imports if statement.scope == 0), default=0)
    relative = _relative(path, target)
    if not absolute and levels and relative and len(relative) - len(relative.lstrip(".")) <= levels:
        return relative
    return names[0] if names else ""


def _sources(facts: FileFacts) -> Iterator[str]:
    for statement in facts.imports:
        if statement.level == 0:
            if statement.module is not None:
                yield statement.module
            else:
                yield from (alias.name for alias in statement.names)


def _relative(path: str, target: str) -> str:
    """Return a module as a relative import names it: `...core.obs`."""
    here = posixpath.dirname(path)
    place = target.removesuffix(".py").removesuffix(".pyi").removesuffix("/__init__")
    steps = posixpath.relpath(place, here or ".").split("/")
    ups = steps.count("..")
    rest = steps[ups:]
    return "." * (ups + 1) + ".".join(rest) if "." not in rest else ""


def _insertion(path: str, facts: FileFacts, statement: str, source: str, line: int) -> Edit | None:
    """Put an import statement at its place among those above a line; None where there is no safe place."""
    leading = [
        imported
        for imported in facts.imports
        if imported.scope == 0 and imported.pos[1] == 1 and imported.pos[2] < line and not imported.type_only
    ]
    if leading:
        return _beside(path, facts, leading, statement, source)
    first = facts.body[0] if facts.body else None
    if first is not None and first[0] == "other" and first[-1][2] < line:
        after = first[-1][2] + 1
        return _line(path, after, f"\n{statement}\n") if _is_between(facts, after) else None
    at = line if first is None else min(line, _first_line(facts, first))
    blank = "\n" if first is not None and first[0] not in ("def", "class") else "\n\n"
    return _line(path, at, f"{statement}\n{blank}") if _is_between(facts, at) else None


def _beside(path: str, facts: FileFacts, leading: list[Import], statement: str, source: str) -> Edit | None:
    root = "." if source.startswith(".") else source.partition(".")[0]
    akin = [imported for imported in leading if _written(imported).partition(".")[0] == root.strip(".")]
    akin = (
        [imported for imported in akin if (imported.level > 0) == (root == ".")]
        if root != "."
        else [imported for imported in leading if imported.level]
    )
    before = [imported for imported in akin if _written(imported) <= source]
    if before or not akin:
        after = max(imported.pos[2] for imported in (before or leading)) + 1
        return _line(path, after, f"{statement}\n") if _is_between(facts, after) else None
    at = min(imported.pos[0] for imported in akin)
    return _line(path, at, f"{statement}\n") if _is_between(facts, at) else None


def _written(imported: Import) -> str:
    return "." * imported.level + (imported.names[0].name if imported.module is None else imported.module)


def _first_line(facts: FileFacts, statement: Statement) -> int:
    line: int = statement[-1][0]
    row: Function | Class | None = None
    if statement[0] == "def":
        row = facts.functions[statement[1]]
    elif statement[0] == "class":
        row = facts.classes[statement[1]]
    return min([line, *(decorator[-1][0] for decorator in row.decorators)]) if row is not None else line


def _is_between(facts: FileFacts, line: int) -> bool:
    """True where no statement reaches from above the line into it."""
    return all(not (pos[0] < line <= pos[2]) for pos in facts.statements)


def _line(path: str, line: int, text: str) -> Edit:
    place = Position(line, 1)
    return Edit(path, Span(place, place), text)


def _root(expr: Expr) -> object:
    while expr[0] == "attr":
        expr = expr[1]
    return expr[1]


def _reached(project: Project, paths: tuple[str, ...]) -> frozenset[str]:
    """Return the files that importing these imports, as far as import statements at the top of modules say."""
    seen = set(paths)
    pending = list(paths)
    while pending and len(seen) < _MAX_MODULES:
        path = pending.pop()
        for row in project.imports(path):
            if row.indented:
                continue
            modules = [row.module] if row.module else []
            modules += [f"{row.module}.{name}".strip(".") for name, _ in row.names or ()]
            for module in modules:
                found = (
                    project.modules.relative(path, row.level, module)[0]
                    if row.level
                    else project.find_module(module, path)
                )
                for other in found:
                    if other not in seen:
                        seen.add(other)
                        pending.append(other)
    return frozenset(seen)
