"""One walk over a syntax tree: the scopes, what is bound in them, and what has been found so far."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

from obs_lint.facts.model import Block, Expr, Pos, Statement

Raw = tuple[Any, ...]
"""A row of the facts, before it gets its fields' names."""
Node = Any

DEPTH = 100
"""Levels of an expression; what is nested deeper appears as ("other", (), pos) and is looked at by itself."""

EXPRESSIONS: dict[type[Any], Callable[[Walk, Any, int], Expr]] = {}
"""By kind of node: convert an expression at a depth, record what it does. Filled by `expressions`."""
STATEMENTS: dict[type[Any], Callable[[Walk, Any], Statement]] = {}
"""By kind of node: record what a statement does. Filled by `statements`."""

OPERATORS: dict[type[Any], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.BitAnd: "&",
    ast.MatMult: "@",
    ast.And: "and",
    ast.Or: "or",
    ast.Not: "not",
    ast.USub: "-",
    ast.UAdd: "+",
    ast.Invert: "~",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Is: "is",
    ast.In: "in",
    ast.IsNot: "is not",
    ast.NotIn: "not in",
}
_STARS = {"TypeVarTuple": 1, "ParamSpec": 2}
_COLON = re.compile(r"(?:[^:#]|#[^\n]*+)*+:")


class Point(NamedTuple):
    """A place that a header surely reaches."""

    end_lineno: int
    end_col_offset: int


class Body:
    """What is collected for the function around."""

    __slots__ = ("first", "is_generator", "returns", "when")

    def __init__(self, first: str | None) -> None:
        self.is_generator = False
        self.returns: list[Raw] = []
        self.first = first
        self.when: tuple[str, ...] = ()


class Walk:
    """The state of one walk over one tree."""

    __slots__ = (
        "annotation",
        "attributes",
        "bindings",
        "body",
        "call",
        "calls",
        "classes",
        "declared",
        "deferred",
        "exports",
        "exports_known",
        "forward",
        "function",
        "functions",
        "imports",
        "late",
        "lines",
        "main_guard",
        "qualname",
        "scope",
        "scopes",
        "statement",
        "statements",
        "subscripts",
        "type_checking",
        "type_only",
        "use",
        "uses",
    )

    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self.scopes: list[list[Any]] = []
        self.imports: list[Raw] = []
        self.functions: list[Raw] = []
        self.classes: list[Raw] = []
        self.calls: list[Raw] = []
        self.call = self.calls.append
        self.uses: list[Raw] = []
        self.use = self.uses.append
        self.attributes: list[Raw] = []
        self.subscripts: list[Raw] = []
        self.statements: list[Pos] = []
        self.exports: list[str] = []
        self.exports_known: bool | None = None
        self.main_guard = False
        self.annotation = False
        self.forward = False
        self.type_only = False
        self.type_checking = {"TYPE_CHECKING"}
        self.statement: Pos = (1, 1, 1, 1)
        self.function: Body | None = None
        self.body: Block = ()
        self.deferred: list[tuple[Any, ...]] = []
        self.late: list[tuple[int, Raw]] = []
        self.scope = -1
        self.qualname = ""
        self.bindings: dict[str, list[Raw]] = {}
        self.declared: dict[str, str] = {}
        self.scope = self.open("module", "", -1)
        self.bindings = self.scopes[0][3]

    def result(self) -> Raw:
        """Return the facts, plain."""
        for scope, binding in self.late:
            owner = self.nonlocal_owner(scope, binding[1])
            rows = self.scopes[owner][3].setdefault(binding[1], [])
            rows.append(binding)
            rows.sort(key=_by_position)
        scopes = tuple(
            [
                (kind, parent, qualname, {n: tuple(b) for n, b in bound.items()}, tuple(globs), tuple(nonlocs), owner)
                for kind, parent, qualname, bound, globs, nonlocs, owner in self.scopes
            ]
        )
        exports = tuple(dict.fromkeys(self.exports)) if self.exports_known else None
        return (
            scopes,
            tuple(self.imports),
            tuple(self.functions),
            tuple(self.classes),
            tuple(self.calls),
            tuple(self.uses),
            tuple(self.attributes),
            exports,
            self.main_guard,
            tuple(self.statements),
            tuple(self.subscripts),
            self.body,
        )

    # scopes and bindings

    def open(self, kind: str, qualname: str, owner: int) -> int:
        """Add a scope below the current one."""
        self.scopes.append([kind, self.scope, qualname, {}, [], [], owner])
        return len(self.scopes) - 1

    def enter(self, scope: int) -> tuple[Any, ...]:
        """Make a scope the current one; returns what `leave` wants."""
        saved = (self.scope, self.bindings, self.declared, self.qualname)
        self.scope = scope
        self.bindings = self.scopes[scope][3]
        self.declared = {}
        self.qualname = self.scopes[scope][2]
        return saved

    def leave(self, saved: tuple[Any, ...]) -> None:
        """Go back to where `enter` was called."""
        self.scope, self.bindings, self.declared, self.qualname = saved

    def below(self, name: str) -> str:
        """Return the qualname of something that stands in the current scope."""
        return f"{self.qualname}.{name}" if self.qualname else name

    def nonlocal_owner(self, scope: int, name: str) -> int:
        """Return the function that a nonlocal name belongs to."""
        parent = self.scopes[scope][1]
        while parent > 0:
            row = self.scopes[parent]
            if row[0] in ("function", "lambda") and name in row[3] and name not in row[5]:
                return cast("int", parent)
            parent = row[1]
        return scope

    def bind(
        self,
        kind: str,
        name: str,
        pos: Pos,
        value: Expr | None = None,
        annotation: Expr | None = None,
        index: int = -1,
        item: int = -1,
        scope: int = -1,
    ) -> None:
        """Bind a name in the current scope, or in the one that it is declared to belong to."""
        if self.declared and name in self.declared:
            row = (kind, name, pos, value, annotation, index, item, self.type_only, self.scope if scope < 0 else scope)
            if self.declared[name] == "global":
                self.scopes[0][3].setdefault(name, []).append(row)
            else:
                self.late.append((self.scope, row))
            return
        row = (kind, name, pos, value, annotation, index, item, self.type_only, scope)
        rows = self.bindings.get(name)
        if rows is None:
            self.bindings[name] = [row]
        else:
            rows.append(row)

    def bind_target(self, kind: str, target: Node, value: Expr | None, item: int = -1, scope: int = -1) -> None:
        """Bind what an assignment, a loop or a with statement assigns to."""
        node = target.__class__
        if node is ast.Name:
            pos = (target.lineno, target.col_offset + 1, target.end_lineno, target.end_col_offset + 1)
            self.bind(kind, target.id, pos, value, None, -1, item, scope)
        elif node is ast.Attribute or node is ast.Subscript:
            rows = self.attributes if node is ast.Attribute else self.subscripts
            stored = value if kind == "assign" else None
            rows.append((self.target(target), stored, None, self.scope, "assign" if kind == "assign" else "other"))
        elif node is ast.Starred:
            inner = target.value
            self.bind_target(kind, inner, None if value is None else ("other", (value,), position(inner)), item, scope)
        else:
            self.unpack(kind, target.elts, value, item, scope)

    def unpack(self, kind: str, targets: Sequence[Node], value: Expr | None, item: int, scope: int) -> None:
        """Bind the parts of a tuple or a list."""
        starred = False
        count = len(targets)
        for index, target in enumerate(targets):
            if kind != "assign":
                self.bind_target(kind, target, value if item < 0 else None, index if item < 0 else item, scope)
                continue
            if target.__class__ is ast.Starred:
                starred = True
                self.bind_part(target, value, scope)
                continue
            pos = position(target)
            place = index - count if starred else index
            self.bind_part(target, None if value is None else ("sub", value, ("const", place, pos), pos), scope)

    def bind_part(self, target: Node, value: Expr | None, scope: int) -> None:
        """Bind one part of what is unpacked in an assignment."""
        inner = target.value if target.__class__ is ast.Starred else target
        if isinstance(inner, (ast.Attribute, ast.Subscript)):
            rows = self.attributes if isinstance(inner, ast.Attribute) else self.subscripts
            rows.append((self.target(inner), value, None, self.scope, "other"))
        else:
            self.bind_target("assign", target, value, -1, scope)

    def target(self, node: Node) -> Expr:
        """Convert the attribute or item that is assigned; what it belongs to is read."""
        pos = position(node)
        value = self.expr(node.value, 1)
        if node.__class__ is ast.Attribute:
            return ("attr", value, node.attr, pos)
        return ("sub", value, self.expr(node.slice, 1), pos)

    # expressions

    def expr(self, node: Node, depth: int = 0) -> Expr:
        """Convert an expression."""
        return EXPRESSIONS[node.__class__](self, node, depth)

    def optional(self, node: Node | None) -> Expr | None:
        """Convert an expression that may be missing."""
        return None if node is None else EXPRESSIONS[node.__class__](self, node, 0)

    def annotate(self, node: Node | None) -> Expr | None:
        """Convert an annotation; strings in it are parsed."""
        if node is None:
            return None
        saved = (self.annotation, self.forward)
        self.annotation = self.forward = True
        expr = EXPRESSIONS[node.__class__](self, node, 0)
        self.annotation, self.forward = saved
        return expr

    def defer(self, node: Node) -> Expr:
        """Put off what is nested too deeply for one expression."""
        context = (self.scope, self.bindings, self.declared, self.qualname)
        state = (self.statement, self.annotation, self.forward, self.function, self.type_only)
        self.deferred.append((node, context, state))
        return ("other", (), position(node))

    def finish_deferred(self) -> None:
        """Look at what was put off."""
        while self.deferred:
            node, context, state = self.deferred.pop()
            self.leave(context)
            self.statement, self.annotation, self.forward, self.function, self.type_only = state
            EXPRESSIONS[node.__class__](self, node, 0)

    # statements

    def block(self, statements: Sequence[Node]) -> Block:
        """Record what statements do."""
        return tuple([STATEMENTS[node.__class__](self, node) for node in statements])

    def simple(self, node: Node) -> None:
        """Make a simple statement the current one."""
        pos = (node.lineno, node.col_offset + 1, node.end_lineno, node.end_col_offset + 1)
        self.statement = pos
        self.statements.append(pos)

    def header(self, line: int, column: int, last: Node | None, body: Sequence[Node]) -> None:
        """Make the header of a compound statement, up to its colon, the current statement. `column` is 0-based."""
        end_line, end_column = (line, column) if last is None else (last.end_lineno, last.end_col_offset)
        rest = self.lines[end_line - 1][end_column:]
        match = _COLON.match(rest)
        if match is None:
            rest = "\n".join([rest, *self.lines[end_line : body[0].lineno]])
            match = _COLON.match(rest)
        if match is not None:
            before = match[0].rpartition("\n")
            end_column = len(before[2]) + (0 if before[1] else end_column)
            end_line += before[0].count("\n") + len(before[1])
        pos = (line, column + 1, end_line, end_column + 1)
        self.statement = pos
        self.statements.append(pos)

    def place(self, line: int, column: int, text: str, pattern: str) -> Pos:
        """Find a name in a header: `column` is the 0-based guess, `pattern` what stands before it."""
        if not self.lines[line - 1].startswith(text, column):
            rest = "\n".join(self.lines[line - 1 : line + 9])
            if match := re.search(pattern + re.escape(text), rest):
                before = rest[: match.end() - len(text)]
                line += before.count("\n")
                column = len(before) - before.rfind("\n") - 1
        return (line, column + 1, line, column + 1 + len(text))

    def type_parameters(self, node: Node, qualname: str) -> tuple[Any, ...] | None:
        """Open a scope for PEP 695 type parameters, if there are any; returns what `leave` wants."""
        parameters = node.__dict__.get("type_params")
        if not parameters:
            return None
        saved = self.enter(self.open("type", qualname, -1))
        for parameter in parameters:
            bound = self.annotate(getattr(parameter, "bound", None))
            self.annotate(getattr(parameter, "default_value", None))
            start = parameter.col_offset + _STARS.get(parameter.__class__.__name__, 0)
            pos = (parameter.lineno, start + 1, parameter.lineno, start + 1 + len(parameter.name))
            self.bind("type", parameter.name, pos, bound)
        return saved


def _by_position(binding: Raw) -> Any:
    return binding[2]


def position(node: Node) -> Pos:
    """Return a node's extent, 1-based."""
    return (node.lineno, node.col_offset + 1, node.end_lineno, node.end_col_offset + 1)
