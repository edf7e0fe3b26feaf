"""Lexical scoping in one file: which bindings a name can mean at a place, and what is assigned to attributes."""

from __future__ import annotations

import builtins
from bisect import bisect_left, bisect_right
from typing import NamedTuple

from obs_lint.facts.model import Attribute, Binding, Class, Expr, FileFacts, Function, Pos

BUILTINS = frozenset(dir(builtins)) - {"__name__", "__doc__", "__package__", "__loader__", "__spec__"}
MODULE_NAMES = frozenset(
    {"__name__", "__package__", "__file__", "__doc__", "__path__", "__spec__", "__loader__", "__builtins__"}
)

CLASS_PARAMETERS = frozenset({"cls", "klass", "mcs", "mcls"})
"""Names of a first parameter that is a class."""
_MAX_LOOPS = 16
_MAX_STRAIGHT = 40
_KILLING = frozenset({"import", "assign", "augment", "def", "class", "with"})
_MUTATORS = frozenset(
    "append extend insert remove pop clear sort reverse update setdefault popitem add discard appendleft extendleft "
    "__setitem__ __delitem__ move_to_end intersection_update difference_update symmetric_difference_update".split()
)

Found = tuple[int, tuple[Binding, ...]]


class Reach(NamedTuple):
    """A part of the bindings of a name."""

    first: int
    last: int
    """The first that is not in it any more."""
    certain: bool


class _Order(NamedTuple):
    """The bindings of a name in the order of statements."""

    places: list[int]
    """Index of each binding's statement."""
    kills: list[int]
    """Those that certainly replace what was before."""
    loops: list[int]
    """Those that a loop makes."""
    column: int
    """Where the statements of the body begin."""
    elsewhere: bool
    """True where another function binds the name too."""


class FileView:
    """A file's facts with the indexes that questions need, each made when it is first used."""

    __slots__ = (
        "_assigned",
        "_bodies",
        "_columns",
        "_ends",
        "_found",
        "_mutated",
        "_orders",
        "_others",
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
        self._columns: dict[int, list[int]] | None = None
        self._others: dict[str, list[Attribute]] | None = None
        self._orders: dict[tuple[int, str], _Order] = {}
        self._ends: dict[int, int] = {}

    # -- names

    def find(self, scope: int, name: str) -> Found | None:
        """Return the scope in which `name`, used in `scope`, is bound, and its bindings; None where there are none."""
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
        """Return the innermost scope that is no comprehension: whose code runs when the expression is evaluated."""
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

    def reaching(self, owner: int, bindings: tuple[Binding, ...], scope: int, pos: Pos) -> Reach:
        """Return which of the bindings a use at `pos` in `scope` can see.

        Only what is certain is left out: what a binding in the outermost block of the same body overwrites before the
        use, and what comes after the statement of that block in which the use stands. Another function sees all.
        """
        every = Reach(0, len(bindings), False)
        if self.function_scope(scope) != owner or not self.facts.statements:
            return every
        key = (owner, bindings[0].name)
        order = self._orders.get(key)
        if order is None:
            order = self._orders[key] = self._order(owner, bindings)
        use = self._statement(pos[0], pos[1])
        if use < 0 or order.elsewhere:
            return every
        places = order.places
        earlier = bisect_left(places, use)
        while earlier < len(places) and places[earlier] == use:
            binding = bindings[earlier]
            if binding.kind not in ("walrus", "with") or binding.pos[:2] >= pos[:2]:
                break
            earlier += 1
        kill = bisect_left(order.kills, earlier) - 1
        first = order.kills[kill] if kill >= 0 else 0
        certain = kill >= 0
        for index in reversed(order.loops[: bisect_left(order.loops, earlier)][-_MAX_LOOPS:]):
            if index <= first and certain:
                break
            if self._is_inside(places[index], use):
                first, certain = index, True
                break
        if (
            earlier
            and first < earlier
            and bindings[earlier - 1].kind in _KILLING
            and self._is_straight(places[earlier - 1], use)
        ):
            return Reach(earlier - 1, earlier, True)
        column = order.column
        in_block = self.facts.statements[use][1] == column and not self._is_header(use) and self._contains(use, pos)
        after = use if in_block else self._next_in_block(use, column)
        return Reach(first, max(bisect_left(places, after), earlier), certain)

    def _order(self, owner: int, bindings: tuple[Binding, ...]) -> _Order:
        column = self._body_column(owner)
        statements = self.facts.statements
        places, kills, loops = [], [], []
        elsewhere = False
        for index, binding in enumerate(bindings):
            if binding.kind == "param":
                places.append(-1)
                continue
            if binding.scope >= 0 and self.function_scope(binding.scope) != owner:
                elsewhere = True
            at = self._statement(binding.pos[0], binding.pos[1])
            places.append(at)
            if binding.kind in _KILLING and statements[at][1] == column:
                kills.append(index)
            elif binding.kind == "for":
                loops.append(index)
        return _Order(places, kills, loops, column, elsewhere)

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

    def _is_straight(self, first: int, use: int) -> bool:
        """True where nothing but statements of one block, line after line, lead from `first` to `use`."""
        statements = self.facts.statements
        if first < 0 or use - first > _MAX_STRAIGHT:
            return False
        for index in range(first, use):
            this, following = statements[index], statements[index + 1]
            if following[1] != this[1] or following[0] != this[2] + 1:
                return False
        return True

    def _next_in_block(self, use: int, body: int) -> int:
        """Return the first statement after `use` that begins where those of the body do."""
        rows = self._columns
        if rows is None:
            rows = self._columns = {}
            for index, statement in enumerate(self.facts.statements):
                rows.setdefault(statement[1], []).append(index)
        indexes = rows.get(body, [])
        place = bisect_right(indexes, use)
        return indexes[place] if place < len(indexes) else len(self.facts.statements)

    def _is_inside(self, header: int, use: int) -> bool:
        """True where the statement `use` stands in the block that `header` opens."""
        end = self._ends.get(header)
        if end is None:
            statements = self.facts.statements
            column = statements[header][1]
            end = header + 1
            while end < len(statements) and statements[end][1] > column:
                end += 1
            self._ends[header] = end
        return use < end

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
        """Return, by attribute, what the file assigns to those of a class, of `self` in its methods, or of a function.

        `kind` is class, instance or function, `index` says which class or function.
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
                    key = ("class" if binding.name in CLASS_PARAMETERS else "instance", owner)
                elif binding.kind == "class":
                    key = ("class", binding.index)
                elif binding.kind == "def":
                    key = ("function", binding.index)
                else:
                    continue
                result.setdefault(key, {}).setdefault(target[2], []).append(attribute)
        return result

    def assigned_to_others(self, name: str) -> list[Attribute]:
        """Return the assignments to an attribute of that name of what is not spelled `self` or `cls`."""
        if self._others is None:
            self._others = {}
            for attribute in self.facts.attributes:
                value = attribute.target[1]
                if attribute.kind == "delete" or (value[0] == "name" and value[1] in ("self", "cls")):
                    continue
                self._others.setdefault(attribute.target[2], []).append(attribute)
        return self._others.get(name, [])

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
