"""What happens to one variable of a function: where it is bound, changed, read, and given to others."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from obs_lint.events.shapes import Shape
from obs_lint.facts.model import Attribute, Binding, Block, CallSite, Expr, Function, Pos, Statement, Use
from obs_lint.project.scopes import FileView

_READS = frozenset(
    "get keys values items copy model_dump dict json model_dump_json model_copy _asdict __contains__ __getitem__ "
    "__len__ __iter__ __str__ __repr__ __eq__ to_dict".split()
)
_PLAIN_READS = frozenset("get keys values items copy __contains__ __getitem__ __len__ __iter__".split())


class Local(NamedTuple):
    """A variable, by the scope that it belongs to."""

    path: str
    owner: int
    name: str


class Now(NamedTuple):
    """What a variable holds at the moment at which an expression is evaluated."""

    local: Local
    shape: Shape


class Evaluator(NamedTuple):
    """What a variable asks of those who read expressions."""

    shape: Callable[[str, int, Expr, Now | None], Shape]
    """(path, scope, expression, what is known of the variable now)"""
    names: Callable[[str, int, Expr], tuple[tuple[str, ...], bool]]
    """(path, scope, key) → its possible values, and whether there are no others"""
    is_fresh: Callable[[str, int, Expr], bool]
    """True where nobody else holds the object that the expression makes"""
    is_constant: Callable[[str, int, Expr], bool]
    """True where the expression names a module's or a class's constant, which nobody changes"""
    keeps: Callable[[str, int, Expr, bool], bool]
    """(path, scope, call, whether it gets the object inside of another one) → True where the callee may keep it"""
    parameter: Callable[[str, Binding], Shape]


class Event(NamedTuple):
    """Something that happens to the variable in a statement."""

    start: tuple[int, int]
    order: tuple[int, int, int]
    """When, within the statement."""
    kind: str
    """use | bind | store | attribute | call | share"""
    row: tuple[object, ...] = ()
    scope: int = 0
    certain: bool = True


class FileRows:
    """The rows of a file's facts, by the scope and the name that they are asked for."""

    def __init__(self, view: FileView) -> None:
        """`view` is the file."""
        facts = view.facts
        self.view = view
        self.uses: dict[str, list[tuple[Expr, Use]]] = {}
        """By the name that they begin with, which is the first of each pair."""
        self._calls: dict[int, list[CallSite]] = {}
        self._stores: dict[int, list[Attribute]] = {}
        self._functions: dict[int, list[Function]] = {}
        self._starts = [(s[0], s[1]) for s in facts.statements]
        for use in facts.uses:
            base = use.expr
            while base[0] == "attr":
                base = base[1]
            self.uses.setdefault(base[1], []).append((base, use))
        for call in facts.calls:
            self._calls.setdefault(call.scope, []).append(call)
        for row in (*facts.attributes, *facts.subscripts):
            self._stores.setdefault(row.scope, []).append(row)
        for function in facts.functions:
            self._functions.setdefault(function.parent, []).append(function)

    def within(self, owner: int) -> range:
        """Return the scopes of a function, its own and those inside: they are numbered one after the other."""
        if owner == 0:
            return range(len(self.view.scopes))
        last = owner + 1
        while last < len(self.view.scopes) and self.view.is_within(last, owner):
            last += 1
        return range(owner, last)

    def statement(self, pos: Pos) -> Pos:
        """Return the statement in which a place lies."""
        index = bisect_right(self._starts, (pos[0], pos[1])) - 1
        return self.view.facts.statements[max(0, index)]

    def calls_in(self, scopes: range) -> Iterator[CallSite]:
        """Yield the calls in these scopes."""
        for scope in scopes:
            yield from self._calls.get(scope, ())

    def stores_in(self, scopes: range) -> Iterator[Attribute]:
        """Yield the assignments to attributes and items in these scopes."""
        for scope in scopes:
            yield from self._stores.get(scope, ())

    def functions_in(self, scopes: range) -> Iterator[Function]:
        """Yield the functions that stand in these scopes."""
        for scope in scopes:
            yield from self._functions.get(scope, ())


def collect(
    rows: FileRows, local: Local, evaluator: Evaluator, bindings: Sequence[Binding], block: Block
) -> list[Event] | None:
    """Return what happens to a variable, in the order of the places; None where that can't be followed.

    `bindings` are those of the variable, `block` is what the function, or the module, does.
    """
    return _Collector(rows, local, evaluator).collect(bindings, block)


def bodies(statement: Statement) -> Iterator[Block]:
    """Yield the blocks in a compound statement, in the order in which they are written."""
    kind = statement[0]
    if kind == "if":
        yield from (body for _, body, _ in statement[1])
        yield statement[2]
    elif kind in ("while", "for"):
        yield from statement[2:4]
    elif kind in ("with", "class"):
        yield statement[2]
    elif kind == "try":
        yield statement[1]
        yield from (handler[2] for handler in statement[2])
        yield from statement[3:5]
    elif kind == "match":
        yield from (case[2] for case in statement[2])


class _Collector:
    """Finds what happens to a variable, and where."""

    def __init__(self, rows: FileRows, local: Local, evaluator: Evaluator) -> None:
        self._rows = rows
        self._view = rows.view
        self._local = local
        self._evaluator = evaluator
        self._events: list[Event] = []
        self._captured = False
        """True where a function inside changes it or gives it away."""
        self._scopes = rows.within(local.owner)

    def collect(self, bindings: Sequence[Binding], block: Block) -> list[Event] | None:
        """Return the events in the order of their places; None where they can't be followed."""
        local = self._local
        for binding in bindings:
            if binding.kind == "star" or (binding.scope >= 0 and not self._is_own(binding.scope, binding)):
                return None
        always = set(_always(block))
        self._bindings(bindings, always)
        for base, use in self._rows.uses.get(local.name, ()):
            expr = use.expr
            if use.scope not in self._scopes or use.annotation or not self._means(use.scope, local.name):
                continue
            if self._is_here(use.scope):
                self._add(base[-1], (base[-1][0], base[-1][1], 0), "use", (base[-1],))
            if expr[0] == "attr" and not use.called and expr[1][0] == "name" and expr[2] not in _PLAIN_READS:
                self._reads_attribute(use.scope, expr)
        self._calls(always)
        self._stores()
        self._kept(bindings, block)
        if self._captured:
            return None
        self._events.sort(key=lambda event: event.start)
        return self._events

    # -- whose is a place

    def _means(self, scope: int, name: str) -> bool:
        found = self._view.find(scope, name)
        return found is not None and found[0] == self._local.owner

    def _is_here(self, scope: int) -> bool:
        return self._view.function_scope(scope) == self._local.owner

    def _is_own(self, scope: int, binding: Binding) -> bool:
        return binding.kind == "param" or self._is_here(scope)

    def _is_name(self, expr: Expr, scope: int) -> bool:
        return expr[0] == "name" and expr[1] == self._local.name and self._means(scope, expr[1])

    def _statement_end(self, pos: Pos) -> tuple[int, int]:
        statement = self._rows.statement(pos)
        return max((statement[2], statement[3]), (pos[2], pos[3]))

    def _add(
        self,
        pos: Pos,
        order: tuple[int, int, int],
        kind: str,
        row: tuple[object, ...],
        scope: int = -1,
        certain: bool = True,
    ) -> None:
        self._events.append(Event((pos[0], pos[1]), order, kind, row, scope, certain))

    # -- what happens

    def _bindings(self, bindings: Sequence[Binding], always: set[Pos]) -> None:
        for binding in bindings:
            if binding.kind in ("param", "declare"):
                continue
            scope = binding.scope if binding.scope >= 0 else self._local.owner
            end = self._statement_end(binding.pos)
            certain = True
            if binding.kind == "walrus" and binding.value is not None:
                value = binding.value[-1]
                end = (value[2], value[3])
                certain = value in always and scope == self._local.owner
            self._add(binding.pos, (*end, 3), "bind", (binding,), scope, certain)

    def _calls(self, always: set[Pos]) -> None:
        for call in self._rows.calls_in(self._scopes):
            func = call.expr[1]
            if func[0] != "attr" or not self._is_name(func[1], call.scope):
                continue
            if func[2] in _READS:
                continue
            if not self._is_here(call.scope):
                self._captured = True
                return
            pos = call.expr[-1]
            certain = pos in always and call.scope == self._local.owner
            self._add(pos, (pos[2], pos[3], 1), "call", (call.expr,), call.scope, certain)

    def _reads_attribute(self, scope: int, expr: Expr) -> None:
        """`payload.update` handed over uncalled; the fields of an object are read like that too."""
        if not self._is_here(scope):
            self._captured = True
            return
        end = self._statement_end(expr[-1])
        self._add(expr[-1], (*end, 2), "share", (expr[2],), scope)

    def _stores(self) -> None:
        for row in self._rows.stores_in(self._scopes):
            if row.kind == "declare" or not self._is_name(row.target[1], row.scope):
                continue
            if not self._is_here(row.scope):
                self._captured = True
                return
            pos = row.target[-1]
            kind = "store" if row.target[0] == "sub" else "attribute"
            self._add(pos, (*self._statement_end(pos), 3), kind, (row,), row.scope)

    # -- who else gets hold of it

    def _kept(self, bindings: Sequence[Binding], block: Block) -> None:
        own = {id(binding.value): binding for binding in bindings if binding.value is not None}
        for call in self._rows.calls_in(self._scopes):
            if call.expr[2] or call.expr[3]:
                self._given(call.expr, call.scope)
        for number in self._scopes:
            self._bound(number, own)
        for row in self._rows.stores_in(self._scopes):
            if row.value is None:
                continue
            if id(row.value) in own:
                self._share(row.value[-1], row.scope)
            self._escaping(row.value[3] if row.kind == "augment" else row.value, row.scope)
        for function in self._rows.functions_in(self._scopes):
            for parameter in function.parameters:
                if parameter.default is not None:
                    self._escaping(parameter.default, function.parent)
            for returned in function.returns:
                self._escaping(returned.value, function.scope)
        for expr in _alone(block):
            self._escaping(expr, self._local.owner, kept=False)

    def _bound(self, number: int, own: dict[int, Binding]) -> None:
        """Look at what the names of one scope are bound to."""
        for rows in self._view.scopes[number].bindings.values():
            for binding in rows:
                value = binding.value
                if value is None or binding.kind in ("param", "import", "def", "class", "type"):
                    continue
                if id(value) in own and own[id(value)] is not binding:
                    self._share(value[-1], number)
                place = binding.scope if binding.scope >= 0 else number
                if binding.kind == "augment":
                    if value[1] != "|" and not self._is_name(value[3], place):
                        self._escaping(value[3], place)
                elif binding.kind != "for" or not self._is_name(value, place):
                    self._escaping(value, place)

    def _given(self, call: Expr, scope: int) -> None:
        arguments = [*call[2], *(value for key, value, _ in call[3] if key is not None)]
        found: list[Pos] = []
        for argument in arguments:
            self._holding(argument, scope, True, found)
        if not found:
            return
        inside = not all(pos in [argument[-1] for argument in arguments] for pos in found)
        if self._evaluator.keeps(self._local.path, scope, call, inside):
            if self._local.owner == 0 and self._local.name.isupper():
                return  # what is written as a constant is not changed by those who get it
            self._share(call[-1], scope)

    def _escaping(self, expr: Expr, scope: int, kept: bool = True) -> None:
        found: list[Pos] = []
        self._holding(expr, scope, kept, found)
        if found:
            self._share(expr[-1], scope)

    def _share(self, pos: Pos, scope: int) -> None:
        if not self._is_here(scope):
            self._captured = True
            return
        self._add(pos, (*self._statement_end(pos), 4), "share", (), scope)

    def _holding(self, expr: Expr, scope: int, kept: bool, found: list[Pos]) -> None:
        """Collect where the value of an expression holds the variable's object; calls are looked at by themselves."""
        tag = expr[0]
        if tag == "name":
            if kept and self._is_name(expr, scope):
                found.append(expr[-1])
        elif tag == "walrus":
            if kept and expr[1] == self._local.name and self._means(scope, expr[1]):
                found.append(expr[-1])
            self._holding(expr[2], scope, True, found)
        elif tag == "dict":
            for key, value in expr[1]:
                if key is not None:
                    self._holding(value, scope, kept, found)
        elif tag in ("seq", "bool"):
            for part in expr[2]:
                self._holding(part, scope, kept, found)
        elif tag == "if":
            self._holding(expr[2], scope, kept, found)
            self._holding(expr[3], scope, kept, found)
        elif tag == "comp":
            for part in expr[3]:
                self._holding(part, expr[2], kept, found)
        elif tag in ("yield", "await"):
            if expr[1] is not None:
                self._holding(expr[1], scope, True, found)
        elif tag == "binop":
            for part in (expr[2], expr[3]):
                if part[0] != "name":
                    self._holding(part, scope, kept, found)
        elif tag == "sub":
            if expr[1][0] != "name":
                self._holding(expr[1], scope, kept, found)
        elif tag == "attr":
            if expr[1][0] not in ("name", "attr"):
                self._holding(expr[1], scope, kept, found)
        elif tag == "other":
            for part in expr[1]:
                self._holding(part, scope, True, found)


def _alone(block: Iterable[Statement]) -> Iterator[Expr]:
    """Yield the expressions that are statements by themselves, are returned or tested: nothing else records them."""
    for statement in block:
        kind = statement[0]
        if kind in ("expr", "return") and statement[1] is not None:
            yield statement[1]
        elif kind == "if":
            yield from (test for test, _, _ in statement[1])
        for body in bodies(statement):
            if kind != "class":
                yield from _alone(body)


def _always(block: Iterable[Statement]) -> Iterator[Pos]:
    """Yield the places of expressions that are evaluated whenever their statement is."""
    for statement in block:
        kind = statement[0]
        roots: Iterable[Expr | None] = ()
        if kind in ("expr", "assign", "return", "raise", "assert", "while", "for", "match"):
            roots = (statement[1],)
        elif kind == "if":
            roots = (test for test, _, _ in statement[1])
        elif kind == "with":
            roots = statement[1]
        for root in roots:
            if root is not None:
                yield from _evaluated(root)
        for body in bodies(statement):
            yield from _always(body)


def _evaluated(expr: Expr) -> Iterator[Pos]:
    stack = [expr]
    while stack:
        current = stack.pop()
        yield current[-1]
        tag = current[0]
        if tag == "call":
            stack += [current[1], *current[2], *(value for _, value, _ in current[3])]
        elif tag in ("attr", "star", "await"):
            stack.append(current[1])
        elif tag in ("walrus", "unary"):
            stack.append(current[2])
        elif tag == "binop":
            stack += [current[2], current[3]]
        elif tag == "sub":
            stack += [current[1], current[2]]
        elif tag == "seq":
            stack += current[2]
        elif tag == "dict":
            stack += [part for pair in current[1] for part in pair if part is not None]
        elif tag == "bool":
            stack.append(current[2][0])
        elif tag in ("if", "compare"):
            stack.append(current[1])
