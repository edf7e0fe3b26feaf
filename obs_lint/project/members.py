"""What is in modules: imports, re-exports, star imports, submodules, `__getattr__`, and which module a name means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from obs_lint.facts.model import Binding, Import
from obs_lint.project.scopes import FileView
from obs_lint.project.thing import NOTHING, UNTOLD, Step, Thing, Things, passed, step, union

if TYPE_CHECKING:
    from obs_lint.project.resolve import Resolver


class Members:
    """Looks into modules with a Resolver."""

    def __init__(self, resolver: Resolver) -> None:
        """`resolver` evaluates what is bound."""
        self._resolver = resolver

    def source_of(self, view: FileView, statement: Import) -> tuple[tuple[str, ...], str]:
        """Return the files that a `from` import reads from, and the folder that a relative one means."""
        if statement.level:
            return self._resolver.modules.relative(view.path, statement.level, statement.module or "")
        return self._resolver.modules.find(statement.module or "", view.path), ""

    def imported(self, view: FileView, statement: Import, item: int) -> Things:
        """Return what one name of an import statement is bound to."""
        alias = statement.names[item]
        name = alias.name
        if statement.module is None:
            if alias.asname is None:
                return self.module(name.partition(".")[0], view.path, within=name)
            return self.module_as(name, view.path)
        paths, folder = self.source_of(view, statement)
        if paths:
            known = []
            for path in paths:
                found = self._submodule(path, name) if path == view.path else None
                if found is None:
                    found = self.member(path, name)
                if found is not None:
                    known.append(found)
            return union(known) if known else UNTOLD
        if statement.level:
            if not folder:
                return UNTOLD
            files, place = self._resolver.modules.at(folder, name)
            if files:
                return self.modules_at(files)
            return (Thing("namespace", place.replace("/", "."), view.path, 1),) if place else UNTOLD
        dotted = f"{statement.module}.{name}"
        return self.module(dotted, view.path)

    def module_as(self, name: str, importer: str) -> Things:
        """`import a.b as c` reads `b` from `a`: where the package binds that name to something else, it is that."""
        parent, _, last = name.rpartition(".")
        if parent:
            for path in self._resolver.modules.find(parent, importer):
                if self._binds(path, last):
                    found = self.member(path, last)
                    if found is not None:
                        return found
        return self.module(name, importer)

    def _binds(self, path: str, name: str) -> bool:
        for statement in self._resolver.modules.imports(path):
            if statement.names is not None and any(bound == name for _, bound in statement.names):
                return statement.module.rpartition(".")[2] == name or any(
                    written != bound for written, bound in statement.names
                )
        return False

    def module(self, name: str, importer: str, *, within: str = "") -> Things:
        """Return the module of that name as `importer` gets it: first-party, or external.

        `within` is a module below it that is imported too, which tells a first-party package without a file.
        """
        found = self._resolver.modules.find(name, importer)
        if found:
            return self.modules_at(found)
        if "." in name:
            parent, _, last = name.rpartition(".")
            paths = self._resolver.modules.find(parent, importer)
            if paths:
                groups = [group for group in (self.member(path, last) for path in paths) if group is not None]
                if groups:
                    return union(groups)
                return (Thing("external", name),)
        if self._resolver.modules.is_package_prefix(name, importer):
            certain = bool(within and within != name and self._resolver.modules.find(within, importer))
            return (Thing("namespace", name, importer, 1 if certain else 0),)
        return (Thing("external", name),)

    def modules_at(self, paths: tuple[str, ...]) -> Things:
        """Return the modules at these paths."""
        return tuple([Thing("module", self._resolver.modules.name_of(path), path) for path in paths])

    def relative_module(self, path: str, level: int, module: str) -> Things:
        """Return the module that so many dots and `module` mean in the file at `path`."""
        found, _ = self._resolver.modules.relative(path, level, module)
        return self.modules_at(found) if found else UNTOLD

    def lookup(self, dotted: str, importer: str) -> Things:
        """Return what a dotted name means: the longest module that it begins with, then attributes."""
        segments = dotted.split(".")
        for count in range(len(segments), 0, -1):
            found = self._resolver.modules.find(".".join(segments[:count]), importer)
            if found:
                things = self.modules_at(found)
                for segment in segments[count:]:
                    things = union([self._resolver.attribute(thing, segment) for thing in things])
                return things
        return (Thing("external", dotted),)

    def member(self, path: str, name: str) -> Things | None:
        """Return what `name` of the module at `path` is; None where the module certainly has no such name."""
        file = self._resolver.modules.files.get(path)
        if file is not None and file.size == 0:
            return self._submodule(path, name)
        view = self._resolver.view(path)
        if view is None:
            return self._submodule(path, name) or UNTOLD
        bindings = view.scopes[0].bindings.get(name)
        if bindings and not view.is_deleted(bindings):
            found = self._resolver.names.named(view, 0, name, bindings)
            if view.stars and (self._resolver.exact or not view.replaces_stars(bindings)):
                return union((found, self.from_stars(view, name)))
            if file is not None and file.is_package and all(t.kind == "unknown" for t in found):
                return self._submodule(path, name) or found
            return found
        key = ("member", path, name)
        found = self._resolver.guarded(key, self._implicit, view, name)
        return found or None

    def _implicit(self, view: FileView, name: str) -> Things:
        """Return what a module gives for a name that it does not bind; () where there is none."""
        starred: Things = NOTHING
        if view.stars:
            starred = self.from_stars(view, name)
            if not all(thing.kind == "unknown" for thing in starred):
                return starred
        if name == "__name__":
            return (Thing("names", at=Thing("module", view.module, view.path)),)
        if name == "__dict__":
            return (Thing("names", at=Thing("module", view.module, view.path)),)
        if view.facts.subscripts:
            found = self.stored_global(view, name)
            if found:
                return found
        submodule = self._submodule(view.path, name)
        if submodule:
            return submodule
        lazy = view.scopes[0].bindings.get("__getattr__")
        if lazy and not name.startswith("__"):
            groups = []
            for thing in self._resolver.names.named(view, 0, "__getattr__", lazy):
                groups.append(self._resolver.functions.looked_up(thing, name) if thing.kind == "function" else UNTOLD)
            found = union(groups)
            if found:
                return found
        if view.stars and not starred:
            return self.from_external_stars(view, name)
        return starred

    def _submodule(self, path: str, name: str) -> Things | None:
        found, folder = self._resolver.modules.submodule(path, name)
        if found:
            return self.modules_at(found)
        if folder:
            return (Thing("namespace", f"{self._resolver.modules.name_of(path)}.{name}", path, 1),)
        return None

    def stored_global(self, view: FileView, name: str) -> Things:
        """Return what `globals()[name] = …` in the file binds; () for nothing."""
        groups = []
        for row in view.items_of("globals()"):
            key = row.target[2]
            if row.value is None or key[0] not in ("const", "name"):
                continue
            if key[0] == "const" and key[1] != name:
                continue
            if key[0] == "name" and not any(
                t.kind == "const" and t.at[2][1] == name for t in self._resolver.evaluate(view, row.scope, key)
            ):
                continue
            stored = self._resolver.evaluate(view, row.scope, row.value)
            dotted = f"{view.module}.{name}"
            stored = tuple(
                [
                    passed(t, view.path, row.target[-1], name, self._resolver.names.text(row.value), "assign", dotted)
                    for t in stored
                ]
            )
            groups.append(self._resolver.names.labelled(stored, dotted, view.path))
        return union(groups)

    def public_names(self, path: str) -> tuple[str, ...]:
        """Return the names that a star import of the module brings in, sorted."""
        names: set[str] = set()
        seen: set[str] = set()
        todo = [path]
        first = True
        while todo:
            view = self._resolver.view(todo[-1])
            home = todo.pop()
            if view is None or home in seen:
                continue
            seen.add(home)
            exports = view.facts.exports
            if exports is not None:
                names.update(exports)
                if first:
                    break
                continue
            first = False
            names.update(
                name
                for name, bindings in view.scopes[0].bindings.items()
                if not name.startswith("_") and name != "*" and not view.is_deleted(bindings)
            )
            for star in view.stars:
                todo += self.source_of(view, view.facts.imports[star.index])[0]
        return tuple(sorted(names))

    def from_stars(self, view: FileView, name: str) -> Things:
        """Return what the star imports of a module bring in under `name`; () for nothing."""
        return self._resolver.guarded(("star", view.path, name), self._search_stars, view, name)

    def _search_stars(self, view: FileView, name: str) -> Things:
        groups: list[Things] = []
        todo: list[tuple[FileView, Binding, Step | None]] = [(view, star, None) for star in view.stars]
        seen = {view.path}
        while todo:
            home, star, steps = todo.pop()
            statement = home.facts.imports[star.index]
            source = "." * statement.level + (statement.module or "")
            steps = step(home.path, star.pos, name, source, "star", steps)
            for path in self.source_of(home, statement)[0]:
                if path in seen:
                    continue
                target = self._resolver.view(path)
                if target is None:
                    continue
                if not _exports(target, name):
                    continue
                seen.add(path)
                bindings = target.scopes[0].bindings.get(name)
                found: Things = NOTHING
                if bindings and not target.is_deleted(bindings):
                    found = self._resolver.names.named(target, 0, name, bindings)
                elif target.facts.exports and name in target.facts.exports and not target.stars:
                    found = self.member(path, name) or NOTHING
                elif target.facts.exports and name in target.facts.exports:
                    found = self._submodule(path, name) or NOTHING
                if found:
                    groups.append(_with_steps(found, steps))
                    continue
                todo += [(target, inner, steps) for inner in target.stars]
        return union(groups)

    def from_external_stars(self, view: FileView, name: str) -> Things:
        """Return what external modules may bring in by star imports, over any number of files."""
        if name.startswith("_"):
            return NOTHING
        result: list[Thing] = []
        todo = list(view.stars)
        homes = [view] * len(todo)
        seen = {view.path}
        while todo:
            star, home = todo.pop(), homes.pop()
            statement = home.facts.imports[star.index]
            paths = self.source_of(home, statement)[0]
            if not paths and not statement.level and statement.module:
                if not self._resolver.modules.is_package_prefix(statement.module, home.path):
                    result.append(Thing("external", f"{statement.module}.{name}"))
            for path in paths:
                target = self._resolver.view(path)
                if path in seen or target is None or not _exports(target, name):
                    continue
                seen.add(path)
                todo += target.stars
                homes += [target] * len(target.stars)
        return tuple(result)


def _exports(view: FileView, name: str) -> bool:
    exports = view.facts.exports
    return name in exports if exports is not None else not name.startswith("_")


def _with_steps(things: Things, steps: Step | None) -> Things:
    if steps is None:
        return things
    rows = []
    row: Step | None = steps
    while row is not None:
        rows.append(row)
        row = row.rest
    result = []
    for thing in things:
        trail = thing.trail
        for each in rows:
            trail = step(*each[:5], trail)
        result.append(Thing(*thing[:9], trail, thing.via))
    return tuple(result)
