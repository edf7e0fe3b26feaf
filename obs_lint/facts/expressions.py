"""Expressions: each kind of node as a tagged tuple, with the names and calls in it recorded."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from keyword import iskeyword
from typing import Any

from obs_lint.facts.model import Expr, Pos
from obs_lint.facts.syntax import code_points, compile_tree
from obs_lint.facts.walk import DEPTH, EXPRESSIONS, OPERATORS, Body, Node, Raw, Walk, position

_CONVERSIONS = {-1: "", 115: "s", 114: "r", 97: "a"}
_PLAIN = frozenset({str, int, float, bool, type(None)})
_KINDS: dict[type[Any], str] = {
    ast.List: "list",
    ast.Tuple: "tuple",
    ast.Set: "set",
    ast.ListComp: "list",
    ast.SetComp: "set",
    ast.DictComp: "dict",
    ast.GeneratorExp: "gen",
}


def _name(walk: Walk, node: Node, _depth: int) -> Expr:
    expr = ("name", node.id, (node.lineno, node.col_offset + 1, node.end_lineno, node.end_col_offset + 1))
    walk.use((expr, walk.scope, walk.annotation, False))
    return expr


def _attribute(walk: Walk, node: Node, depth: int) -> Expr:
    return _chain(walk, node, depth, False)


def _chain(walk: Walk, node: Node, depth: int, called: bool) -> Expr:
    expr: Expr
    value = node.value
    kind = value.__class__
    if kind is ast.Name:
        expr = (
            "attr",
            ("name", value.id, (value.lineno, value.col_offset + 1, value.end_lineno, value.end_col_offset + 1)),
            node.attr,
            (node.lineno, node.col_offset + 1, node.end_lineno, node.end_col_offset + 1),
        )
        walk.use((expr, walk.scope, walk.annotation, called))
        return expr
    chain = [node]
    while kind is ast.Attribute:
        chain.append(value)
        value = value.value
        kind = value.__class__
    if len(chain) + depth > DEPTH:
        return _long_chain(walk, chain)
    if kind is ast.Name:
        expr = ("name", value.id, (value.lineno, value.col_offset + 1, value.end_lineno, value.end_col_offset + 1))
    else:
        expr = EXPRESSIONS[kind](walk, value, depth + len(chain))
    for part in reversed(chain):
        expr = ("attr", expr, part.attr, (part.lineno, part.col_offset + 1, part.end_lineno, part.end_col_offset + 1))
    if kind is ast.Name:
        walk.use((expr, walk.scope, walk.annotation, called))
    return expr


def _long_chain(walk: Walk, chain: list[Node]) -> Expr:
    """Cut a chain of attributes: its beginning is looked at by itself."""
    if len(chain) <= DEPTH:
        return walk.defer(chain[0])
    walk.defer(chain[-DEPTH + 1])
    return ("other", (), position(chain[0]))


def _constant(walk: Walk, node: Node, depth: int) -> Expr:
    value = node.value
    pos = (node.lineno, node.col_offset + 1, node.end_lineno, node.end_col_offset + 1)
    if value.__class__ in _PLAIN:
        if walk.forward and value.__class__ is str:
            return _forward_reference(walk, value, pos, depth) or ("const", value, pos)
        return ("const", value, pos)
    return ("other", (), pos)


def _forward_reference(walk: Walk, text: str, pos: Pos, depth: int) -> Expr | None:
    """Parse a string that stands in an annotation; None where it is no expression."""
    stripped = text.strip()
    line, column, end_line, end_column = pos
    shift = -1
    if line == end_line:
        shift = walk.lines[line - 1].find(stripped, column - 1, end_column - 1)
    if shift >= 0 and stripped.isidentifier() and not iskeyword(stripped):
        expr = ("name", stripped, (line, shift + 1, line, shift + 1 + len(stripped)))
        walk.use((expr, walk.scope, True, False))
        return expr
    try:
        tree = compile_tree(f"({stripped}\n)") if stripped else None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if tree is None or len(tree.body) != 1 or not isinstance(tree.body[0], ast.Expr):
        return None
    written = f"({stripped}".encode("utf-8", "surrogatepass")
    for node in ast.walk(tree.body[0].value):
        values = node.__dict__
        if "lineno" not in values:
            continue
        if shift >= 0:
            values["lineno"] = values["end_lineno"] = line
            values["col_offset"] = shift - 1 + code_points(written, values["col_offset"])
            values["end_col_offset"] = shift - 1 + code_points(written, values["end_col_offset"])
        else:
            values["lineno"], values["col_offset"] = line, column - 1
            values["end_lineno"], values["end_col_offset"] = end_line, end_column - 1
    return walk.expr(tree.body[0].value, depth)


def _call(walk: Walk, node: Node, depth: int) -> Expr:
    if depth > DEPTH:
        return walk.defer(node)
    depth += 1
    func = node.func
    kind = func.__class__
    forward = walk.forward
    walk.forward = False
    callee: Expr
    if kind is ast.Name:
        callee = ("name", func.id, (func.lineno, func.col_offset + 1, func.end_lineno, func.end_col_offset + 1))
        walk.use((callee, walk.scope, walk.annotation, True))
        if func.id == "cast" and len(node.args) == 2:
            return _cast(walk, node, callee, depth, forward)
    elif kind is ast.Attribute:
        callee = _chain(walk, func, depth, True)
        if func.attr == "cast" and len(node.args) == 2:
            return _cast(walk, node, callee, depth, forward)
    else:
        callee = EXPRESSIONS[kind](walk, func, depth)
    expr = (
        "call",
        callee,
        tuple([EXPRESSIONS[arg.__class__](walk, arg, depth) for arg in node.args]) if node.args else (),
        convert_keywords(walk, node.keywords, depth) if node.keywords else (),
        (node.lineno, node.col_offset + 1, node.end_lineno, node.end_col_offset + 1),
    )
    walk.call((expr, walk.scope, walk.statement))
    walk.forward = forward
    return expr


def _cast(walk: Walk, node: Node, callee: Expr, depth: int, forward: bool) -> Expr:
    """Convert `cast("Type", value)`, whose first argument is an annotation."""
    first = node.args[0]
    annotation = walk.annotation
    if isinstance(first, ast.Constant):
        walk.annotation = walk.forward = True
    kind = walk.expr(first, depth)
    walk.annotation, walk.forward = annotation, False
    args = (kind, walk.expr(node.args[1], depth))
    expr = ("call", callee, args, convert_keywords(walk, node.keywords, depth), position(node))
    walk.call((expr, walk.scope, walk.statement))
    walk.forward = forward
    return expr


def convert_keywords(walk: Walk, keywords: Sequence[Node], depth: int) -> tuple[Raw, ...]:
    """Convert the keyword arguments of a call or a class."""
    return tuple(
        [
            (
                keyword.arg,
                EXPRESSIONS[keyword.value.__class__](walk, keyword.value, depth),
                (keyword.lineno, keyword.col_offset + 1, keyword.end_lineno, keyword.end_col_offset + 1),
            )
            for keyword in keywords
        ]
    )


def _joined(walk: Walk, node: Node, depth: int) -> Expr:
    if depth > DEPTH:
        return walk.defer(node)
    parts = tuple([EXPRESSIONS[part.__class__](walk, part, depth + 1) for part in node.values])
    return ("fstr", parts, position(node))


def _formatted(walk: Walk, node: Node, depth: int) -> Expr:
    spec = node.format_spec
    return (
        "fmt",
        EXPRESSIONS[node.value.__class__](walk, node.value, depth + 1),
        _CONVERSIONS.get(node.conversion, ""),
        None if spec is None else EXPRESSIONS[spec.__class__](walk, spec, depth + 1),
        position(node),
    )


def _binary(walk: Walk, node: Node, depth: int) -> Expr:
    if depth > DEPTH:
        return walk.defer(node)
    depth += 1
    return (
        "binop",
        OPERATORS[node.op.__class__],
        EXPRESSIONS[node.left.__class__](walk, node.left, depth),
        EXPRESSIONS[node.right.__class__](walk, node.right, depth),
        position(node),
    )


def _boolean(walk: Walk, node: Node, depth: int) -> Expr:
    if depth > DEPTH:
        return walk.defer(node)
    depth += 1
    values = tuple([EXPRESSIONS[value.__class__](walk, value, depth) for value in node.values])
    return ("bool", OPERATORS[node.op.__class__], values, position(node))


def _conditional(walk: Walk, node: Node, depth: int) -> Expr:
    if depth > DEPTH:
        return walk.defer(node)
    depth += 1
    body = walk.expr(node.body, depth)
    return ("if", walk.expr(node.test, depth), body, walk.expr(node.orelse, depth), position(node))


def _compare(walk: Walk, node: Node, depth: int) -> Expr:
    if depth > DEPTH:
        return walk.defer(node)
    depth += 1
    return (
        "compare",
        EXPRESSIONS[node.left.__class__](walk, node.left, depth),
        tuple([OPERATORS[op.__class__] for op in node.ops]),
        tuple([EXPRESSIONS[value.__class__](walk, value, depth) for value in node.comparators]),
        position(node),
    )


def _unary(walk: Walk, node: Node, depth: int) -> Expr:
    if depth > DEPTH:
        return walk.defer(node)
    return ("unary", OPERATORS[node.op.__class__], walk.expr(node.operand, depth + 1), position(node))


def _dict(walk: Walk, node: Node, depth: int) -> Expr:
    if depth > DEPTH:
        return walk.defer(node)
    depth += 1
    items = tuple(
        [
            (
                None if key is None else EXPRESSIONS[key.__class__](walk, key, depth),
                EXPRESSIONS[value.__class__](walk, value, depth),
            )
            for key, value in zip(node.keys, node.values, strict=True)
        ]
    )
    return ("dict", items, position(node))


def _sequence(walk: Walk, node: Node, depth: int) -> Expr:
    if depth > DEPTH:
        return walk.defer(node)
    depth += 1
    items = tuple([EXPRESSIONS[item.__class__](walk, item, depth) for item in node.elts])
    return ("seq", _KINDS[node.__class__], items, position(node))


def _subscript(walk: Walk, node: Node, depth: int) -> Expr:
    if depth > DEPTH:
        return walk.defer(node)
    depth += 1
    value = EXPRESSIONS[node.value.__class__](walk, node.value, depth)
    if walk.forward and value[0] in ("name", "attr"):
        named = value[1] if value[0] == "name" else value[2]
        if named == "Literal" or (named == "Annotated" and isinstance(node.slice, ast.Tuple) and node.slice.elts):
            return ("sub", value, _uninterpreted(walk, node.slice, depth, named == "Annotated"), position(node))
    return ("sub", value, EXPRESSIONS[node.slice.__class__](walk, node.slice, depth), position(node))


def _uninterpreted(walk: Walk, index: Node, depth: int, but_first: bool) -> Expr:
    """Convert what is in brackets after Literal and Annotated, where strings are strings."""
    if not but_first:
        walk.forward = False
        expr = walk.expr(index, depth)
        walk.forward = True
        return expr
    items = [walk.expr(index.elts[0], depth + 1)]
    walk.forward = False
    items += [walk.expr(item, depth + 1) for item in index.elts[1:]]
    walk.forward = True
    return ("seq", "tuple", tuple(items), position(index))


def _slice(walk: Walk, node: Node, depth: int) -> Expr:
    parts = (node.lower, node.upper, node.step)
    return ("other", tuple([walk.expr(part, depth + 1) for part in parts if part is not None]), position(node))


def _starred(walk: Walk, node: Node, depth: int) -> Expr:
    return ("star", walk.expr(node.value, depth + 1), position(node))


def _await(walk: Walk, node: Node, depth: int) -> Expr:
    if depth > DEPTH:
        return walk.defer(node)
    return ("await", EXPRESSIONS[node.value.__class__](walk, node.value, depth + 1), position(node))


def _yield(walk: Walk, node: Node, depth: int) -> Expr:
    if depth > DEPTH:
        return walk.defer(node)
    if walk.function is not None:
        walk.function.is_generator = True
    return ("yield", None if node.value is None else walk.expr(node.value, depth + 1), position(node))


def _walrus(walk: Walk, node: Node, depth: int) -> Expr:
    if depth > DEPTH:
        return walk.defer(node)
    value = walk.expr(node.value, depth + 1)
    scope = walk.scope
    owner = scope
    while walk.scopes[owner][0] == "comprehension":
        owner = walk.scopes[owner][1]
    if owner == scope:
        walk.bind("walrus", node.target.id, position(node.target), value)
    else:
        saved = walk.enter(owner)
        names = walk.scopes[owner]
        walk.declared = dict.fromkeys(names[4], "global") | dict.fromkeys(names[5], "nonlocal")
        walk.bind("walrus", node.target.id, position(node.target), value, scope=scope)
        walk.leave(saved)
    return ("walrus", node.target.id, value, position(node))


def _comprehension(walk: Walk, node: Node, depth: int) -> Expr:
    if depth > DEPTH:
        return walk.defer(node)
    depth += 1
    outer = walk.scope
    iterated = walk.expr(node.generators[0].iter, depth)
    scope = walk.open("comprehension", walk.qualname, -1)
    saved = walk.enter(scope)
    for index, generator in enumerate(node.generators):
        if index:
            iterated = walk.expr(generator.iter, depth)
        walk.bind_target("for", generator.target, iterated, scope=-1 if index else outer)
        for test in generator.ifs:
            walk.expr(test, depth)
    kind = _KINDS[node.__class__]
    if kind == "dict":
        parts = (node.key,) if node.value is None else (node.key, node.value)
        elements = tuple([walk.expr(part, depth) for part in parts])
    else:
        elements = (walk.expr(node.elt, depth),)
    walk.leave(saved)
    return ("comp", kind, scope, elements, position(node))


def _lambda(walk: Walk, node: Node, depth: int) -> Expr:
    if depth > DEPTH:
        return walk.defer(node)
    index = len(walk.functions)
    walk.functions.append(())
    parent = walk.scope
    parameters = convert_parameters(walk, node.args, depth + 1)
    qualname = walk.below("<lambda>")
    scope = walk.open("lambda", qualname, index)
    saved = walk.enter(scope)
    outer = walk.function
    body = Body(parameters[0][0] if parameters else None)
    walk.function = body
    bind_parameters(walk, parameters, index)
    value = walk.expr(node.body, depth + 1)
    walk.leave(saved)
    walk.function = outer
    pos = position(node)
    returns = ((value, ()),)
    walk.functions[index] = (
        *("<lambda>", qualname, scope, parent, False, body.is_generator),
        *(parameters, (), None, returns, pos, pos, False, -1, ()),
    )
    return ("lambda", index, pos)


def convert_parameters(walk: Walk, args: ast.arguments, depth: int) -> tuple[Raw, ...]:
    """Convert parameters; defaults and annotations are evaluated in the current scope."""
    positional = args.posonlyargs + args.args
    defaults: list[Node | None] = [None] * (len(positional) - len(args.defaults))
    defaults += args.defaults
    split = len(args.posonlyargs)
    rows: list[tuple[str, ast.arg, Node | None]] = [
        ("positional-only" if index < split else "positional", arg, default)
        for index, (arg, default) in enumerate(zip(positional, defaults, strict=True))
    ]
    if args.vararg is not None:
        rows.append(("vararg", args.vararg, None))
    if args.kwonlyargs:
        rows += [("keyword-only", arg, default) for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True)]
    if args.kwarg is not None:
        rows.append(("kwarg", args.kwarg, None))
    return tuple(
        [
            (
                arg.arg,
                kind,
                None if arg.annotation is None else walk.annotate(arg.annotation),
                None if default is None else walk.expr(default, depth),
                (arg.lineno, arg.col_offset + 1, arg.lineno, arg.col_offset + 1 + len(arg.arg)),
            )
            for kind, arg, default in rows
        ]
    )


def bind_parameters(walk: Walk, parameters: tuple[Raw, ...], index: int) -> None:
    """Bind the parameters of function `index` in its scope, which is the current one."""
    outer = walk.scopes[walk.scope][1]
    bindings = walk.bindings
    for item, (name, _, annotation, _, pos) in enumerate(parameters):
        bindings[name] = [("param", name, pos, None, annotation, index, item, False, outer)]


def _other(walk: Walk, node: Node, depth: int) -> Expr:
    """Convert an expression that only a newer Python has."""
    if depth > DEPTH:
        return walk.defer(node)
    children = [child for child in ast.iter_child_nodes(node) if child.__class__ in EXPRESSIONS]
    return ("other", tuple([walk.expr(child, depth + 1) for child in children]), position(node))


_HANDLERS: dict[type[Any], Any] = {
    ast.Attribute: _attribute,
    ast.Await: _await,
    ast.BinOp: _binary,
    ast.BoolOp: _boolean,
    ast.Call: _call,
    ast.Compare: _compare,
    ast.Constant: _constant,
    ast.Dict: _dict,
    ast.DictComp: _comprehension,
    ast.FormattedValue: _formatted,
    ast.GeneratorExp: _comprehension,
    ast.IfExp: _conditional,
    ast.JoinedStr: _joined,
    ast.Lambda: _lambda,
    ast.List: _sequence,
    ast.ListComp: _comprehension,
    ast.Name: _name,
    ast.NamedExpr: _walrus,
    ast.Set: _sequence,
    ast.SetComp: _comprehension,
    ast.Slice: _slice,
    ast.Starred: _starred,
    ast.Subscript: _subscript,
    ast.Tuple: _sequence,
    ast.UnaryOp: _unary,
    ast.Yield: _yield,
    ast.YieldFrom: _yield,
}
EXPRESSIONS.update(_HANDLERS)
for _name_of_kind, _handler in (("TemplateStr", _joined), ("Interpolation", _formatted)):
    if hasattr(ast, _name_of_kind):
        EXPRESSIONS[getattr(ast, _name_of_kind)] = _handler
for _kind in ast.expr.__subclasses__():
    EXPRESSIONS.setdefault(_kind, _other)
