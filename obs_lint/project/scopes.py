"""Lexical scoping in one file: which bindings a name can mean at a place, and which attributes a class's methods assign."""

from __future__ import annotations

import builtins
from bisect import bisect_right

from obs_lint.facts.model import Attribute, Binding, Class, Expr, FileFacts, Function, Pos

BUILTINS = frozenset(dir(builtins)) - {"__name__", "__doc__", "__package__", "__loader__", "__spec__"}
MODULE_NAMES = frozenset({"__name__", "__package__", "__file__", "__doc__", "__path__", "__spec__", "__loader__", "__builtins__"})

_KILLING = frozenset({"import", "assign", "augment", "def", "class", "with"})
_MUTATORS = frozenset(
    "append extend insert remove pop clear sort reverse update setdefault popitem add discard appendleft extendleft "
    "__setitem__ __delitem__ move_to_end intersection_update difference_update symmetric_difference_update".split()
)

Range = tuple[int, int]
Found = tuple[int, tuple[Binding, ...]]


class FileView:
    """A file's facts with the indexes that questions need, each made when it is first used."""

    __slots__ = (
        "_assigned",
        "_bodies",
        "_found",
        "_mutated",
        "_starts",
        "_statement_starts",
        "classes",
        "facts",
        "functions",
        "items",
        "module",
        "path",
        "scopes",
        "stars",
    )

    def __init__(self, path: str, module: str, facts: FileFacts) -> None:
        """`module` is the first name of the module."""
        self.path = path
        self.module = module
        self.facts = facts
        self.scopes = facts.scopes
        self.functions: tuple[Function, ...] = facts.functions
        self.classes: tuple[Class, ...] = facts.classes
        self.stars: tuple[Binding, ...] = facts.scopes[0].bindings.get("*", ())
        self.items: dict[str, tuple[Attribute, ...]] | None = None
        self._found: dict[tuple[int, str], Found | None] = {}
        self._assigned: dict[tuple[str, int], dict[str, list[Attribute]]] | None = None
        self._mutated: frozenset[str] | None = None
        self._starts: list[tuple[int, int]] | None = None
        self._bodies: dict[int, int] = {}

    # -- names

    def find(self, scope: int, name: str) -> Found | None:
        """Return the scope in which `name`, used in `scope`, is bound, and its bindings; None where it is not in this file."""
        key = (scope, name)
        known = self._found
        if key in known:
            return known[key]
        found = known[key] = self._search(scope, name, True)
        return found

    def find_above(self, scope: int, name: str) -> Found | None:
        """Like `find`, but for a name that a class body has not bound yet."""
        return self._search(self.scopes[scope].parent, name, False)

    def _search(self, current: int, name: str, sees_class: bool) -> Found | None:
        scopes = self.scopes
        while current >= 0:
            scope = scopes[current]
            if name in scope.globals:
                current = 0
                scope = scopes[0]
                sees_class = True
            if scope.kind != "class" or sees_class:
                bindings = scope.bindings.get(name)
                if bindings and name not in scope.nonlocals:
                    return current, bindings
            if scope.kind != "type":
                sees_class = False
            current = scope.parent
        return None

    def function_scope(self, scope: int) -> int:
        """Return the innermost scope that is no comprehension: the one whose code runs when the expression is evaluated."""
        scopes = self.scopes
        while scopes[scope].kind in ("comprehension", "type"):
            scope = scopes[scope].parent
        return scope

    def is_within(self, scope: int, outer: int) -> bool:
        """True where `scope` is `outer` or lies in it."""
        scopes = self.scopes
        while scope > outer:
            scope = scopes[scope].parent
        return scope == outer

    def enclosing_class(self, scope: int) -> int:
        """Return the class in whose method the scope lies, -1 where there is none."""
        scopes = self.scopes
        while scope > 0:
            row = scopes[scope]
            if row.kind in ("function", "lambda"):
                function = self.functions[row.owner]
                if function.owner >= 0:
                    return function.owner
            elif row.kind == "class":
                return row.owner
            scope = row.parent
        return -1

    # -- the order of statements

    def reaching(self, owner: int, bindings: tuple[Binding, ...], scope: int, pos: Pos) -> Range:
        """Return which of the bindings a use at `pos` in `scope` can see: from the first to before the last.

        Only what is certain is left out: what a binding in the outermost block of the same body overwrites before the use, and
        what comes after a use that stands in that block. A use in another function sees all.
        """
        every = (0, len(bindings))
        if self.function_scope(scope) != owner or not self.facts.statements:
            return every
        use = self._statement(pos[0], pos[1])
        if use < 0:
            return every
        body = self._body_column(owner)
        first, last = 0, len(bindings)
        statements = self.facts.statements
        in_block = statements[use][1] == body and not self._is_header(use) and self._contains(use, pos)
        for index, binding in enumerate(bindings):
            if binding.scope >= 0 and self.function_scope(binding.scope) != owner:
                return every
            if binding.kind == "param":
                continue
            line, column = binding.pos[0], binding.pos[1]
            at = self._statement(line, column)
            earlier = at < use
            if at == use:
                earlier = binding.kind in ("walrus", "with") and (line, column) < (pos[0], pos[1])
            if earlier:
                if binding.kind in _KILLING:
                    if statements[at][1] == body:
                        first = index
                elif binding.kind == "for" and self._only_deeper(at, use):
                    first = index
            elif in_block:
                last = index
                break
        return first, last

    def is_bound_before(self, owner: int, bindings: tuple[Binding, ...], pos: Pos) -> bool:
        """True where the first of the bindings certainly comes before a use at `pos` in the same body."""
        if not self.facts.statements:
            return True
        first = bindings[0]
        if first.kind == "param":
            return True
        at = self._statement(first.pos[0], first.pos[1])
        use = self._statement(pos[0], pos[1])
        return at < use or (at == use and first.kind in ("walrus", "with", "for"))

    def is_deleted(self, bindings: tuple[Binding, ...]) -> bool:
        """True where the module deletes the name in the end."""
        last = bindings[-1]
        if last.kind != "delete" or not self.facts.statements:
            return False
        return self.facts.statements[self._statement(last.pos[0], last.pos[1])][1] == 1

    def replaces_stars(self, bindings: tuple[Binding, ...]) -> bool:
        """True where one of the bindings certainly comes after every star import of the module."""
        if not self.stars:
            return True
        if not self.facts.statements:
            return False
        after = self.stars[-1].pos
        for binding in bindings:
            if binding.kind in _KILLING and (binding.pos[0], binding.pos[1]) > (after[0], after[1]):
                if self.facts.statements[self._statement(binding.pos[0], binding.pos[1])][1] == 1:
                    return True
        return False

    def _statement(self, line: int, column: int) -> int:
        starts = self._starts
        if starts is None:
            starts = self._starts = [(s[0], s[1]) for s in self.facts.statements]
        return bisect_right(starts, (line, column)) - 1

    def _contains(self, index: int, pos: Pos) -> bool:
        statement = self.facts.statements[index]
        return (pos[0], pos[1]) < (statement[2], statement[3])

    def _is_header(self, index: int) -> bool:
        statements = self.facts.statements
        if index + 1 == len(statements):
            return False
        this, following = statements[index], statements[index + 1]
        return following[1] > this[1]

    def _only_deeper(self, header: int, use: int) -> bool:
        statements = self.facts.statements
        column = statements[header][1]
        return all(statements[index][1] > column for index in range(header + 1, use + 1))

    def _body_column(self, scope: int) -> int:
        if scope == 0:
            return 1
        column = self._bodies.get(scope)
        if column is None:
            row = self.scopes[scope]
            column = 0
            if row.owner >= 0 and row.kind in ("function", "class"):
                definition = self.functions[row.owner] if row.kind == "function" else self.classes[row.owner]
                index = self._statement(definition.name_pos[0], definition.name_pos[1]) + 1
                if index < len(self.facts.statements):
                    column = self.facts.statements[index][1]
            self._bodies[scope] = column
        return column

    # -- attributes and items

    def assigned(self, kind: str, index: int) -> dict[str, list[Attribute]]:
        """Return, by attribute, what the file assigns to attributes of one of its classes (its objects included) or functions.

        `kind` is class or function, `index` says which one.
        """
        if self._assigned is None:
            self._assigned = self._collect()
        return self._assigned.get((kind, index), {})

    def _collect(self) -> dict[tuple[str, int], dict[str, list[Attribute]]]:
        result: dict[tuple[str, int], dict[str, list[Attribute]]] = {}
        for attribute in self.facts.attributes:
            target = attribute.target
            value: Expr = target[1]
            if value[0] != "name" or attribute.kind == "delete":
                continue
            found = self.find(attribute.scope, value[1])
            if found is None:
                continue
            for binding in found[1]:
                if binding.kind == "param" and binding.item == 0:
                    owner = self.functions[binding.index].owner
                    if owner < 0:
                        continue
                    key = ("class", owner)
                elif binding.kind == "class":
                    key = ("class", binding.index)
                elif binding.kind == "def":
                    key = ("function", binding.index)
                else:
                    continue
                result.setdefault(key, {}).setdefault(target[2], []).append(attribute)
        return result

    def items_of(self, name: str) -> tuple[Attribute, ...]:
        """Return the assignments to items of what is called `name` anywhere in the file: `name[…] = …`."""
        if self.items is None:
            collected: dict[str, list[Attribute]] = {}
            for item in self.facts.subscripts:
                value: Expr = item.target[1]
                if value[0] == "name":
                    collected.setdefault(value[1], []).append(item)
                elif value[0] == "attr":
                    collected.setdefault(value[2], []).append(item)
                elif value[0] == "call" and value[1][0] == "name" and value[1][1] in ("globals", "vars", "locals"):
                    collected.setdefault("globals()", []).append(item)
            self.items = {key: tuple(rows) for key, rows in collected.items()}
        return self.items.get(name, ())

    def is_mutated(self, name: str) -> bool:
        """True where the file changes in place what is called `name`: `name.append(…)`, `name[…] = …`, `name += …`."""
        if self._mutated is None:
            names = set()
            for use in self.facts.uses:
                if use.called:
                    expr = use.expr
                    if expr[0] == "attr" and expr[2] in _MUTATORS:
                        names.add(expr[1][1] if expr[1][0] == "name" else expr[1][2])
            self._mutated = frozenset(names)
        return name in self._mutated or bool(self.items_of(name))
