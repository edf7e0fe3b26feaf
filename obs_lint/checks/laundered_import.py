"""Reports banned modules that reach a file through a first-party module which imports them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from obs_lint.checks import Check
from obs_lint.checks.banned import Banned, BannedModules, annotations_only, banned_by, root_name
from obs_lint.checks.imported import absolute, is_stub, may_say
from obs_lint.checks.run import Anchor, RuleRun
from obs_lint.config.model import Config
from obs_lint.diagnostic import Diagnostic
from obs_lint.discovery import ProjectFile
from obs_lint.facts.model import Expr, FileFacts, Import, ImportedName, LexicalImport, Pos, Use
from obs_lint.project import Origin, Project


@dataclass(frozen=True, slots=True)
class Options(BannedModules):
    """What `laundered-import` may be told."""


_Table = tuple[dict[str, list[tuple[LexicalImport, str]]], list[LexicalImport]]
"""Of one module: name bound → (import, name there) of its `from` imports, and its star imports."""

_AT_MODULE = ("", "__getattr__")
"""Where an import binds a name of the module: at its top, and in the function that makes names when asked (PEP 562)."""

_FEW = 50
"""With no more files to report on than this each is asked by itself; else leaking names are collected first."""


def anchors(options: Options, config: Config) -> tuple[Anchor, ...]:
    """Files that read an attribute by the name of a module which nearly every file imports."""
    if "logging" not in options.modules or config.logging == "central" or config.kind == "library":
        return ()
    attribute = rb"^(?![ \t]*(?:from|import)[ \t])[^#\n]*(?<!\bself)(?<!\bcls)[\w)\]]\.logging\b"
    return (
        Anchor((b".logging",), attribute),
        Anchor((b"getattr(",), rb"getattr\([^,()\n]+,[ \t]*[\"']logging[\"']"),
    )


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic for each import or attribute that binds a leaked name."""
    project = run.project
    banned = banned_by(run.options, run.config, project.discovery.files)
    if not banned.roots:
        return
    leaks = _Leaks(project, run.config, banned)
    mine = {f.path: f for f in run.files if not (run.is_surface(f) or run.is_wiring(f) or is_stub(f))}
    whole = len(mine) > _FEW
    files: dict[str, _File] = {}
    if whole:
        statements: Iterable[tuple[str, LexicalImport]] = project.imports_naming(leaks.names)
    else:
        statements = [(path, s) for path in mine for s in project.imports(path) if s.names is not None]
    for path, statement in statements:
        if path in mine and path not in files and leaks.may_reach(path, statement):
            files[path] = _File(run, leaks, mine[path])
    readers = {file.path for file in run.anchored if file.path in mine}
    readers.update(leaks.readers(mine, files, whole=whole))
    for path in sorted({*files, *readers}):
        search = files.get(path) or _File(run, leaks, mine[path])
        yield from search.diagnostics(attributes=path in readers)


class _Leaks:
    """Which modules of the project may bind a name to something banned, told from their import statements alone."""

    def __init__(self, project: Project, config: Config, banned: Banned) -> None:
        self.project = project
        self.config = config
        self.banned = banned
        self.direct: dict[str, frozenset[str]] = {}
        """Path → names that the module's own banned imports, and assignments of them, may bind."""
        for path, imports in project.banned_imports():
            bound = {
                name for statement, _, within in imports if within in _AT_MODULE for name in self._bound(statement)
            }
            if bound:
                self.direct[path] = frozenset((*bound, *project.leaks(path)))
        self._tables: dict[str, _Table] = {}
        self._known: dict[tuple[str, str], bool] = {}

    def _bound(self, statement: LexicalImport) -> Iterator[str]:
        if statement.names is None:
            if self.banned.module_of(statement.module):
                yield statement.bound
            return
        for name, bound in statement.names:
            if name != "*" and self.banned.module_of(f"{statement.module}.{name}"):
                yield bound

    @cached_property
    def names(self) -> frozenset[str]:
        """Every name under which something banned may be imported from a first-party module."""
        found = {name for names in self.direct.values() for name in names}
        renamed: dict[str, set[str]] = {}
        for name, bound in self.project.renaming_imports():
            renamed.setdefault(name, set()).add(bound)
        todo = list(found)
        while todo:
            for bound in renamed.get(todo.pop(), ()):
                if bound not in found:
                    found.add(bound)
                    todo.append(bound)
        return frozenset(found)

    def may_reach(self, path: str, statement: LexicalImport) -> bool:
        """True where one of the imported names may be something banned."""
        for module in self.modules(path, statement.module, statement.level):
            for name, _ in statement.names or ():
                if name == "*":
                    through = self.through_star(module)
                    if through and may_say(self.project, path, _any_of(through)):
                        return True
                elif self.leaks(module, name):
                    return True
        return False

    def modules(self, path: str, module: str, level: int) -> tuple[str, ...]:
        """Paths of the first-party module that an import of the file names."""
        name = absolute(self.project.files[path], module, level)
        return self.project.find_module(name, path) if name else ()

    def leaks(self, path: str, name: str) -> bool:
        """True where the module may bind `name` to something banned and does not mean to export it."""
        start = (path, name)
        known = self._known
        if start in known:
            return known[start]
        visited = {start}
        todo = [start]
        found = False
        while todo and not found:
            node = todo.pop()
            if known.get(node):
                found = True
            elif node not in known:
                found = node[1] in self.direct.get(node[0], ()) and not self._on_purpose(*node)
                for following in self._sources(*node) if not found else ():
                    if following not in visited:
                        visited.add(following)
                        todo.append(following)
        if found:
            known[start] = True
        else:
            known.update(dict.fromkeys(visited, False))  # all that can be reached was looked at
        return found

    def _sources(self, path: str, name: str) -> Iterator[tuple[str, str]]:
        """The (module, name) that the module takes the name from, if it may be something banned there."""
        bound, stars = self._table(path)
        through = [] if name[:1] == "_" else stars
        found = [(m, was) for s, was in bound.get(name, ()) for m in self.modules(path, s.module, s.level)]
        found += [(m, name) for s in through for m in self.modules(path, s.module, s.level)]
        if found and self._on_purpose(path, name):
            return
        yield from found

    def through_star(self, path: str) -> frozenset[str]:
        """Names that `from module import *` may bind to something banned."""
        found: set[str] = set()
        visited = {path}
        todo = [path]
        while todo:
            current = todo.pop()
            bound, stars = self._table(current)
            for name in (*self.direct.get(current, ()), *bound):
                if name[:1] != "_" and name not in found and self.leaks(current, name):
                    found.add(name)
            for statement in stars:
                for module in self.modules(current, statement.module, statement.level):
                    if module not in visited:
                        visited.add(module)
                        todo.append(module)
        return frozenset(name for name in found if self.leaks(path, name))

    def _table(self, path: str) -> _Table:
        table = self._tables.get(path)
        if table is None:
            bound: dict[str, list[tuple[LexicalImport, str]]] = {}
            stars: list[LexicalImport] = []
            for statement in self.project.imports(path):
                for name, as_name in statement.names or ():
                    if name == "*":
                        stars.append(statement)
                    else:
                        bound.setdefault(as_name, []).append((statement, name))
            table = self._tables[path] = (bound, stars)
        return table

    def _on_purpose(self, path: str, name: str) -> bool:
        """True where the surface exports the name because it means to."""
        file = self.project.files[path]
        if not self.project.is_surface(file, self.config):
            return False
        facts = self.project.facts(path)
        if facts is None:
            return False
        bindings = facts.scopes[0].bindings
        if "__all__" in bindings:
            return facts.exports is None or name in facts.exports
        for binding in bindings.get(name, ()):
            if binding.kind == "import" and facts.imports[binding.index].names[binding.item].asname == name:
                return facts.imports[binding.index].names[binding.item].name.rpartition(".")[2] == name
            if binding.kind == "assign" and binding.value is not None and binding.value[0] == "attr":
                return True  # `get_logger = structlog.get_logger`: a name of the surface's own making
        return False

    def readers(self, mine: Mapping[str, ProjectFile], importing: Iterable[str], *, whole: bool) -> Iterator[str]:
        """Yield the files that bind a leaking module and read one of the names from it.

        Over the whole project `logging` itself is left to the anchors: nearly every module may leak that.
        """
        statements: Iterable[tuple[str, LexicalImport]]
        segments: frozenset[str] | None = None
        if whole:
            candidates = {path for path in (*self.direct, *importing) if self._candidates(path, whole=True)}
            dotted = (name for path in candidates for name in self.project.files[path].names)
            segments = frozenset(name.rpartition(".")[2] for name in dotted)
            statements = self.project.imports_mentioning(segments, origins=False) if segments else ()
        else:
            statements = [(path, statement) for path in mine for statement in self.project.imports(path)]
        leaking: dict[str, frozenset[str]] = {}
        read: dict[str, set[str]] = {}
        for path, statement in statements:
            if path not in mine:
                continue
            if (
                segments is not None
                and statement.names is not None
                and not any(n in segments for n, _ in statement.names)
            ):
                continue
            for module in self._bound_modules(path, statement):
                if module not in leaking:
                    found = self._candidates(module, whole=whole)
                    leaking[module] = frozenset(name for name in found if self.leaks(module, name))
                read.setdefault(path, set()).update(leaking[module])
        for path, names in read.items():
            if any(may_say(self.project, path, rf"\.{re.escape(name)}(?!\w)".encode()) for name in sorted(names)):
                yield path

    def _candidates(self, path: str, *, whole: bool) -> frozenset[str]:
        """Names that the module may bind to something banned, before it is asked whether it does."""
        bound = self._table(path)[0].keys()
        found = self.direct.get(path, frozenset()) | (self.names & bound if whole else bound)
        return found - {"logging"} if whole else frozenset(found)

    def _bound_modules(self, path: str, statement: LexicalImport) -> Iterator[str]:
        """Paths of the first-party modules that a statement makes reachable as modules."""
        if statement.names is None:
            module = statement.module
            while module:
                yield from self.project.find_module(module, path)
                module = module.rpartition(".")[0]
            return
        prefix = f"{statement.module}." if statement.module else ""
        for name, _ in statement.names:
            if name != "*":
                yield from self.modules(path, prefix + name, statement.level)


class _File:
    """The search through one file."""

    def __init__(self, run: RuleRun[Options], leaks: _Leaks, file: ProjectFile) -> None:
        self.run = run
        self.leaks = leaks
        self.file = file
        self.project = run.project
        self.free_types = run.config.type_checking_imports == "allow"

    def diagnostics(self, *, attributes: bool) -> Iterator[Diagnostic]:
        """What the file's imports bind, and with `attributes` what it reads from modules."""
        facts = self.project.facts(self.file.path)
        if facts is None:
            return
        for statement in facts.imports:
            if statement.module is not None and not (statement.type_only and self.free_types):
                yield from self._imported(facts, statement)
        if attributes:
            yield from self._read(facts)

    def _imported(self, facts: FileFacts, statement: Import) -> Iterator[Diagnostic]:
        for path in self.leaks.modules(self.file.path, statement.module or "", statement.level):
            for alias in statement.names:
                if alias.name == "*":
                    yield from self._star(facts, statement, alias, path)
                elif self.leaks.leaks(path, alias.name) and not self._is_module(statement, alias.name):
                    origin = self._origin(path, alias.name)
                    name = alias.asname or alias.name
                    if origin is not None and not (self.free_types and annotations_only(facts, name)):
                        yield self._report(alias.pos, statement.scope, alias.name, path, origin)

    def _is_module(self, statement: Import, name: str) -> bool:
        prefix = f"{statement.module}." if statement.module else ""
        return bool(self.leaks.modules(self.file.path, prefix + name, statement.level))

    def _star(self, facts: FileFacts, statement: Import, alias: ImportedName, path: str) -> Iterator[Diagnostic]:
        """A star counts for the names that the file uses and gets from nowhere else."""
        names = self.leaks.through_star(path)
        own = facts.scopes[0].bindings
        used = {root_name(use.expr): use for use in reversed(facts.uses) if not (use.annotation and self.free_types)}
        for name in sorted(names):
            exported = facts.exports is not None and name in facts.exports
            if name not in own and (name in used or exported):
                origin = self._origin(path, name)
                if origin is not None and (exported or self._is_banned_here(used[name])):
                    yield self._report(alias.pos, statement.scope, name, path, origin)

    def _is_banned_here(self, use: Use) -> bool:
        expr = use.expr
        while expr[0] == "attr":
            expr = expr[1]
        return any(self._is_banned(o) for o in self.project.resolve(self.file.path, use.scope, expr))

    def _is_banned(self, origin: Origin) -> bool:
        return origin.kind == "external" and bool(self.leaks.banned.module_of(origin.name))

    def _origin(self, path: str, name: str) -> Origin | None:
        """The banned origin of a module's name; constants under a name of the project's own are none."""
        if self._redefined(path, name):
            return None
        module = Origin("module", self.project.files[path].symbol, path)
        for origin in self.project.resolve_attribute(module, name):
            last = origin.name.rpartition(".")[2]
            if self._is_banned(origin) and not (last.isupper() and last != name):
                return origin
        return None

    def _redefined(self, path: str, name: str) -> bool:
        """True where a def or class at the module's left margin takes the name after all."""
        facts = self.project.facts(path)
        bindings = facts.scopes[0].bindings.get(name, ()) if facts is not None else ()
        if facts is None or not bindings or bindings[-1].index < 0:
            return False
        last = bindings[-1]
        if last.kind == "def":
            return facts.functions[last.index].pos[1] == 1
        return last.kind == "class" and facts.classes[last.index].pos[1] == 1

    def _read(self, facts: FileFacts) -> Iterator[Diagnostic]:
        """Attributes of first-party modules that are something banned, each once."""
        seen: set[tuple[str, str]] = set()
        for use in facts.uses:
            if use.annotation and self.free_types:
                continue
            chain = [use.expr]
            while chain[-1][0] == "attr":
                chain.append(chain[-1][1])
            for expr in reversed(chain[:-1]):
                found = self._attribute(expr[1], expr[2], use.scope)
                if found is not None:
                    path, origin = found
                    if (path, expr[2]) not in seen:
                        seen.add((path, expr[2]))
                        yield self._report(expr[-1], use.scope, expr[2], path, origin)
                    break
        for call in facts.calls:
            func, given = call.expr[1], call.expr[2]
            if func[:2] == ("name", "getattr") and len(given) > 1:
                for value in self.project.values(self.file.path, call.scope, given[1]).known:
                    found = self._attribute(given[0], str(value.value), call.scope)
                    if found is not None and (found[0], str(value.value)) not in seen:
                        seen.add((found[0], str(value.value)))
                        yield self._report(call.expr[-1], call.scope, str(value.value), found[0], found[1])

    def _attribute(self, owner: Expr, name: str, scope: int) -> tuple[str, Origin] | None:
        """The module, and the banned origin, of `owner.name`."""
        if name not in self.leaks.names:
            return None
        for module in self.project.resolve(self.file.path, scope, owner):
            if module.kind == "module" and module.path and self.leaks.leaks(module.path, name):
                if self.project.find_module(f"{module.name}.{name}", self.file.path):
                    continue
                origin = self._origin(module.path, name)
                if origin is not None:
                    return module.path, origin
        return None

    def _report(self, pos: Pos, scope: int, name: str, path: str, origin: Origin) -> Diagnostic:
        via = self.project.files[path].symbol
        return self.run.report(
            self.file, pos, target=origin.name, scope=scope, trail=origin.trail, name=name, via=via, origin=origin.name
        )


def _any_of(names: Iterable[str]) -> bytes:
    return rb"(?<!\w)(?:" + b"|".join(re.escape(name).encode() for name in sorted(names)) + rb")(?!\w)"


CHECK = Check("laundered-import", Options, run, anchors, parts="whole")
