"""Statements: what each kind of node binds, imports, defines and assigns."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from typing import Any, cast

from obs_lint.facts.expressions import bind_parameters, convert_keywords, convert_parameters
from obs_lint.facts.model import Block, Expr, Pos, Statement
from obs_lint.facts.syntax import TypeAlias
from obs_lint.facts.walk import OPERATORS, STATEMENTS, Body, Node, Point, Raw, Walk, position

_FROM = re.compile(r"(?:lazy(?:\s|\\\n)+)?from(?:\s|\\\n)*")
_MODULE = re.compile(r"[\w.](?:(?:\s|\\\n)*[\w.])*?(?=(?:\s|\\\n)*\bimport\b)")
_DOTTED = re.compile(r"\w+(?:(?:\s|\\\n)*\.(?:\s|\\\n)*\w+)*")
_TERMINAL = (ast.Return, ast.Raise, ast.Continue, ast.Break)


def _simple_expression(walk: Walk, node: Node) -> Statement:
    walk.simple(node)
    value = node.value
    if value.__class__ is ast.Constant:
        return ("other", walk.statement)
    expr = walk.expr(value)
    if walk.scope == 0 and expr[0] == "call":
        _fold_exports_call(walk, expr)
    return ("expr", expr, walk.statement)


def _assign(walk: Walk, node: Node) -> Statement:
    walk.simple(node)
    value = walk.expr(node.value)
    for target in node.targets:
        walk.bind_target("assign", target, value)
        if target.__class__ is ast.Name:
            _special_name(walk, target.id, value)
    return ("assign", value, walk.statement)


def _annotated(walk: Walk, node: Node) -> Statement:
    walk.simple(node)
    annotation = walk.annotate(node.annotation)
    value = walk.optional(node.value)
    target = node.target
    kind = "declare" if value is None else "assign"
    if isinstance(target, ast.Name):
        walk.bind(kind, target.id, position(target), value, annotation)
        if value is not None:
            _special_name(walk, target.id, value)
    elif isinstance(target, ast.Attribute):
        walk.attributes.append((walk.target(target), value, annotation, walk.scope, kind))
    else:
        walk.subscripts.append((walk.target(target), value, annotation, walk.scope, kind))
    return ("assign", value, walk.statement)


def _augmented(walk: Walk, node: Node) -> Statement:
    walk.simple(node)
    value = walk.expr(node.value)
    target = node.target
    operator = OPERATORS[node.op.__class__]
    if isinstance(target, ast.Name):
        read = ("name", target.id, position(target))
        walk.use((read, walk.scope, False, False))
        walk.bind("augment", target.id, position(target), ("binop", operator, read, value, position(node)))
        if target.id == "__all__" and walk.scope == 0:
            _fold_exports(walk, value if operator == "+" else None, True)
        return ("assign", value, walk.statement)
    assigned = walk.target(target)
    row = (assigned, ("binop", operator, assigned, value, position(node)), None, walk.scope, "augment")
    (walk.attributes if isinstance(target, ast.Attribute) else walk.subscripts).append(row)
    return ("assign", value, walk.statement)


def _delete(walk: Walk, node: Node) -> Statement:
    walk.simple(node)
    targets: list[Node] = list(node.targets)
    while targets:
        target = targets.pop(0)
        if isinstance(target, ast.Name):
            walk.bind("delete", target.id, position(target))
        elif isinstance(target, ast.Attribute):
            walk.attributes.append((walk.target(target), None, None, walk.scope, "delete"))
        elif isinstance(target, ast.Subscript):
            walk.subscripts.append((walk.target(target), None, None, walk.scope, "delete"))
        else:
            targets[:0] = target.elts
    return ("other", walk.statement)


def _special_name(walk: Walk, name: str, value: Expr) -> None:
    if name == "__all__" and walk.scope == 0:
        _fold_exports(walk, value, False)
    elif name == "TYPE_CHECKING" and value[:2] != ("const", False):
        walk.type_checking.discard(name)


def _strings(value: Expr | None) -> list[str] | None:
    """Fold a list or tuple of strings; None where it is not one."""
    if value is None:
        return None
    if value[0] == "seq":
        items = [item[1] for item in value[2] if item[0] == "const" and isinstance(item[1], str)]
        return items if len(items) == len(value[2]) else None
    if value[0] == "binop" and value[1] == "+":
        left, right = _strings(value[2]), _strings(value[3])
        return None if left is None or right is None else left + right
    return None


def _fold_exports(walk: Walk, value: Expr | None, more: bool) -> None:
    names = _strings(value)
    if names is None or (more and walk.exports_known is None):
        walk.exports_known = False
    elif walk.exports_known is not False:
        walk.exports_known = True
        walk.exports += names


def _fold_exports_call(walk: Walk, expr: Expr) -> None:
    """Follow `__all__.extend([…])`, `.append("…")` and `.remove("…")`."""
    func, args = expr[1], expr[2]
    if func[0] != "attr" or func[1][:2] != ("name", "__all__"):
        return
    if func[2] == "extend" and len(args) == 1:
        _fold_exports(walk, args[0], True)
    elif func[2] == "append" and len(args) == 1:
        _fold_exports(walk, ("seq", "list", args), True)
    elif func[2] == "remove" and len(args) == 1 and args[0][0] == "const":
        walk.exports = [name for name in walk.exports if name != args[0][1]]
    else:
        walk.exports_known = False


def _return(walk: Walk, node: Node) -> Statement:
    walk.simple(node)
    if node.value is None:
        return ("return", None, walk.statement)
    value = walk.expr(node.value)
    if walk.function is not None:
        walk.function.returns.append((value, walk.function.when))
    return ("return", value, walk.statement)


def _raise(walk: Walk, node: Node) -> Statement:
    walk.simple(node)
    return ("raise", walk.optional(node.exc), walk.optional(node.cause), walk.statement)


def _assert(walk: Walk, node: Node) -> Statement:
    walk.simple(node)
    return ("assert", walk.expr(node.test), walk.optional(node.msg), walk.statement)


def _nothing(walk: Walk, node: Node) -> Statement:
    walk.simple(node)
    return ("other", walk.statement)


def _jump(walk: Walk, node: Node) -> Statement:
    walk.simple(node)
    return ("break" if node.__class__ is ast.Break else "continue", walk.statement)


def _global(walk: Walk, node: Node) -> Statement:
    walk.simple(node)
    if walk.scope:
        walk.scopes[walk.scope][4].extend(node.names)
        walk.declared = walk.declared | dict.fromkeys(node.names, "global")
    return ("other", walk.statement)


def _nonlocal(walk: Walk, node: Node) -> Statement:
    walk.simple(node)
    walk.scopes[walk.scope][5].extend(node.names)
    walk.declared = walk.declared | dict.fromkeys(node.names, "nonlocal")
    return ("other", walk.statement)


def _imported(walk: Walk, alias: ast.alias, is_from: bool, index: int, item: int) -> Raw:
    name, asname = alias.name, alias.asname
    line, column = alias.lineno, alias.col_offset
    end_line, end_column = cast("int", alias.end_lineno), cast("int", alias.end_col_offset)
    pos: Pos = (line, column + 1, end_line, end_column + 1)
    if asname is None:
        bound = name if is_from else name.partition(".")[0]
        bound_pos = (line, column + 1, line, column + 1 + len(bound))
    else:
        bound = asname
        bound_pos = (end_line, end_column + 1 - len(asname), end_line, end_column + 1)
        if line != end_line or end_column - column != len(name) + len(asname) + 4:
            written = "\n".join([walk.lines[line - 1][column:], *walk.lines[line:end_line]])
            match = _DOTTED.match(written)
            lines = (match[0] if match else name).split("\n")
            last = line + len(lines) - 1
            pos = (line, column + 1, last, len(lines[-1]) + 1 + (column if last == line else 0))
        else:
            pos = (line, column + 1, line, column + 1 + len(name))
    if name == "*":
        walk.bind("star", "*", pos, index=index, item=item)
    else:
        walk.bind("import", bound, bound_pos, index=index, item=item)
        if name == "TYPE_CHECKING":
            walk.type_checking.add(bound)
    return (name, asname, pos)


def _import(walk: Walk, node: Node) -> Statement:
    walk.simple(node)
    index = len(walk.imports)
    names = tuple([_imported(walk, alias, False, index, item) for item, alias in enumerate(node.names)])
    walk.imports.append((None, 0, names, walk.scope, walk.statement, walk.statement, walk.type_only))
    return ("other", walk.statement)


def _import_from(walk: Walk, node: Node) -> Statement:
    walk.simple(node)
    index = len(walk.imports)
    first = node.names[0]
    line = node.lineno
    module = node.module or ""
    size = node.level + len(module)
    start = node.col_offset + 6
    if first.lineno == line and first.col_offset == node.col_offset + size + 13:
        module_pos = (line, start, line, start + size)
    else:
        module_pos = _module_position(walk, node, size)
    names = tuple([_imported(walk, alias, True, index, item) for item, alias in enumerate(node.names)])
    walk.imports.append((module, node.level, names, walk.scope, walk.statement, module_pos, walk.type_only))
    return ("other", walk.statement)


def _module_position(walk: Walk, node: ast.ImportFrom, size: int) -> Pos:
    line, column = node.lineno, node.col_offset
    text = walk.lines[line - 1]
    if text.startswith("from " + "." * node.level + (node.module or ""), column):
        return (line, column + 6, line, column + 6 + size)
    statement = "\n".join([text[column:], *walk.lines[line : node.end_lineno]])
    match = _FROM.match(statement)
    if match is None:
        return position(node)
    end = _MODULE.match(statement, match.end())
    stop = end.end() if end else match.end() + size
    return (*_offset(statement, match.end(), line, column), *_offset(statement, stop, line, column))


def _offset(statement: str, offset: int, line: int, column: int) -> tuple[int, int]:
    before = statement[:offset]
    below = before.count("\n")
    return (line + below, offset - before.rfind("\n") if below else column + offset + 1)


def _decorators(walk: Walk, node: Node) -> tuple[Expr, ...]:
    return tuple([walk.expr(decorator) for decorator in node.decorator_list])


def _definition_start(node: Node) -> tuple[int, int]:
    """Return the 1-based line and 0-based column of a definition, decorators included."""
    if node.decorator_list:
        first = node.decorator_list[0]
        return (first.lineno, max(first.col_offset - 1, 0))
    return (node.lineno, node.col_offset)


def _last(nodes: Iterable[Node | None]) -> Node | None:
    """Return the node that ends last."""
    found = None
    for node in nodes:
        if node is None:
            continue
        if found is None or (node.end_lineno, node.end_col_offset) > (found.end_lineno, found.end_col_offset):
            found = node
    return found


def _function(walk: Walk, node: Node) -> Statement:
    is_async = node.__class__ is ast.AsyncFunctionDef
    args = node.args
    name = node.name
    last = node.returns
    if last is None:
        last = _last([*args.posonlyargs, *args.args, args.vararg, *args.kwonlyargs, args.kwarg])
        last = _last([last, *args.defaults[-1:], *args.kw_defaults]) or _last(node.__dict__.get("type_params", ()))
    walk.header(*_definition_start(node), last or Point(node.lineno, node.col_offset), node.body)
    header = walk.statement
    index = len(walk.functions)
    walk.functions.append(())
    name_pos = walk.place(node.lineno, node.col_offset + (10 if is_async else 4), name, r"def(?:\s|\\\n)+")
    decorators = _decorators(walk, node) if node.decorator_list else ()
    parent = walk.scope
    qualname = f"{walk.qualname}.{name}" if walk.qualname else name
    walk.bind("def", name, name_pos, index=index)
    typed = walk.type_parameters(node, qualname)
    parameters = convert_parameters(walk, args, 0)
    returns = walk.annotate(node.returns)
    scope = walk.open("function", qualname, index)
    row = walk.scopes[parent]
    owner = row[6] if row[0] == "class" else -1
    saved = walk.enter(scope)
    outer = walk.function
    body = Body(parameters[0][0] if parameters else None)
    if owner >= 0 and len(parameters) > 1:
        body.first = parameters[1][0]
    walk.function = body
    bind_parameters(walk, parameters, index)
    block = walk.block(node.body)
    walk.leave(saved)
    if typed is not None:
        walk.leave(typed)
    walk.function = outer
    walk.functions[index] = (
        *(name, qualname, scope, parent, is_async, body.is_generator, parameters, decorators, returns),
        *(tuple(body.returns), position(node), name_pos, _is_stub(node.body), owner, block),
    )
    return ("def", index, header)


def _is_stub(body: Sequence[Node]) -> bool:
    for node in body:
        kind = node.__class__
        if kind is ast.Pass:
            continue
        if kind is ast.Expr and node.value.__class__ is ast.Constant:
            if node.value.value is ... or isinstance(node.value.value, str):
                continue
            return False
        if kind is not ast.Raise or node.exc is None:
            return False
        raised = node.exc.func if node.exc.__class__ is ast.Call else node.exc
        if raised.__class__ is not ast.Name or raised.id != "NotImplementedError":
            return False
    return True


def _class(walk: Walk, node: Node) -> Statement:
    last = _last([*node.bases, *node.keywords]) or _last(node.__dict__.get("type_params", ()))
    last = last or Point(node.lineno, node.col_offset)
    walk.header(*_definition_start(node), last, node.body)
    header = walk.statement
    index = len(walk.classes)
    walk.classes.append(())
    name = node.name
    name_pos = walk.place(node.lineno, node.col_offset + 6, name, r"class(?:\s|\\\n)+")
    decorators = _decorators(walk, node) if node.decorator_list else ()
    parent = walk.scope
    qualname = walk.below(name)
    walk.bind("class", name, name_pos, index=index)
    typed = walk.type_parameters(node, qualname)
    bases = tuple([walk.expr(base) for base in node.bases])
    keywords = convert_keywords(walk, node.keywords, 0)
    scope = walk.open("class", qualname, index)
    saved = walk.enter(scope)
    outer = walk.function
    walk.function = None
    block = walk.block(node.body)
    walk.leave(saved)
    if typed is not None:
        walk.leave(typed)
    walk.function = outer
    walk.classes[index] = (name, qualname, scope, parent, bases, keywords, decorators, position(node), name_pos)
    return ("class", index, block, header)


def _type_alias(walk: Walk, node: Node) -> Statement:
    walk.simple(node)
    saved = walk.type_parameters(node, walk.below(node.name.id))
    inner = walk.scope
    value = walk.annotate(node.value)
    if saved is None:
        walk.bind("assign", node.name.id, position(node.name), value)
    else:
        walk.leave(saved)
        walk.bind("assign", node.name.id, position(node.name), value, scope=inner)
    return ("other", walk.statement)


def _if(walk: Walk, node: Node) -> Statement:
    outer = walk.type_only
    body = walk.function
    when = body.when if body is not None else ()
    rest = outer
    current: Node = node
    branches: list[tuple[Expr, Block, Pos]] = []
    while True:
        walk.header(current.lineno, current.col_offset, current.test, current.body)
        header = walk.statement
        test = walk.expr(current.test)
        if not walk.scope and not walk.main_guard:
            walk.main_guard = _is_main_guard(current.test)
        checked = _checked_for_types(walk, current.test)
        walk.type_only = rest or checked == 1
        strings, negated = _compared(body.first, current.test) if body is not None and body.first else ((), False)
        if body is not None and strings and not negated:
            body.when = strings
        branches.append((test, walk.block(current.body), header))
        rest = rest or checked == -1
        walk.type_only = rest
        if body is not None:
            body.when = strings if strings and negated else when
        orelse = current.orelse
        if len(orelse) == 1 and orelse[0].__class__ is ast.If and _is_elif(walk, orelse[0]):
            current = orelse[0]
            continue
        otherwise = walk.block(orelse)
        break
    walk.type_only = outer
    if body is not None and not (negated and strings and not orelse and isinstance(current.body[-1], _TERMINAL)):
        body.when = when
    return ("if", tuple(branches), otherwise, branches[0][2])


def _is_elif(walk: Walk, node: Node) -> bool:
    return bool(walk.lines[node.lineno - 1].startswith("elif", node.col_offset))


def _is_main_guard(test: Node) -> bool:
    if isinstance(test, ast.BoolOp):
        return any(_is_main_guard(value) for value in test.values)
    if not isinstance(test, ast.Compare) or len(test.ops) != 1 or not isinstance(test.ops[0], ast.Eq):
        return False
    sides = (test.left, test.comparators[0])
    return any(isinstance(side, ast.Name) and side.id == "__name__" for side in sides) and any(
        isinstance(side, ast.Constant) and side.value == "__main__" for side in sides
    )


def _checked_for_types(walk: Walk, test: Node) -> int:
    """Return 1 where only type checkers come in, -1 where only they do not, else 0."""
    if isinstance(test, ast.Name):
        return int(test.id in walk.type_checking)
    if isinstance(test, ast.Attribute):
        return int(test.attr == "TYPE_CHECKING")
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return -_checked_for_types(walk, test.operand)
    if isinstance(test, ast.BoolOp):
        sides = [_checked_for_types(walk, value) for value in test.values]
        if isinstance(test.op, ast.And):
            return int(1 in sides)
        return -int(-1 in sides)
    return 0


def _compared(first: str | None, test: Node) -> tuple[tuple[str, ...], bool]:
    """Return the strings that the name is compared to, and whether the test is that it is none of them."""
    if isinstance(test, ast.BoolOp):
        sides = [_compared(first, value) for value in test.values]
        if isinstance(test.op, ast.Or):
            if all(strings and not negated for strings, negated in sides):
                return (tuple([string for strings, _ in sides for string in strings]), False)
            return ((), False)
        if all(strings and negated for strings, negated in sides):
            return (tuple([string for strings, _ in sides for string in strings]), True)
        return next((side for side in sides if side[0] and not side[1]), ((), False))
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        strings, negated = _compared(first, test.operand)
        return (strings, not negated)
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        return ((), False)
    operator = test.ops[0]
    left, right = test.left, test.comparators[0]
    if isinstance(operator, (ast.Eq, ast.NotEq)):
        if isinstance(left, ast.Constant):
            left, right = right, left
        options: list[Node] = [right]
    elif isinstance(operator, (ast.In, ast.NotIn)) and isinstance(right, (ast.Tuple, ast.List, ast.Set)):
        options = list(right.elts)
    elif isinstance(operator, (ast.In, ast.NotIn)) and isinstance(right, ast.Dict):
        options = list(right.keys)
    else:
        return ((), False)
    if not isinstance(left, ast.Name) or left.id != first:
        return ((), False)
    values = tuple([o.value for o in options if isinstance(o, ast.Constant) and isinstance(o.value, str)])
    if len(values) != len(options):
        return ((), False)
    return (values, isinstance(operator, (ast.NotEq, ast.NotIn)))


def _for(walk: Walk, node: Node) -> Statement:
    walk.header(node.lineno, node.col_offset, node.iter, node.body)
    header = walk.statement
    iterated = walk.expr(node.iter)
    walk.bind_target("for", node.target, iterated)
    body = walk.block(node.body)
    return ("for", iterated, body, walk.block(node.orelse), node.__class__ is ast.AsyncFor, header)


def _while(walk: Walk, node: Node) -> Statement:
    walk.header(node.lineno, node.col_offset, node.test, node.body)
    header = walk.statement
    test = walk.expr(node.test)
    body = walk.block(node.body)
    return ("while", test, body, walk.block(node.orelse), header)


def _with(walk: Walk, node: Node) -> Statement:
    item = node.items[-1]
    walk.header(node.lineno, node.col_offset, item.optional_vars or item.context_expr, node.body)
    header = walk.statement
    entered = []
    for item in node.items:
        entered.append(walk.expr(item.context_expr))
        if item.optional_vars is not None:
            walk.bind_target("with", item.optional_vars, entered[-1])
    return ("with", tuple(entered), walk.block(node.body), node.__class__ is ast.AsyncWith, header)


def _try(walk: Walk, node: Node) -> Statement:
    walk.header(node.lineno, node.col_offset, Point(node.lineno, node.col_offset + 3), node.body)
    header = walk.statement
    body = walk.block(node.body)
    handlers = []
    for handler in node.handlers:
        last = handler.type or Point(handler.lineno, handler.col_offset + 6)
        walk.header(handler.lineno, handler.col_offset, last, handler.body)
        place = walk.statement
        caught = walk.optional(handler.type)
        if handler.name is not None:
            column = handler.type.end_col_offset + 4
            pos = walk.place(handler.type.end_lineno, column, handler.name, r"\bas(?:\s|\\\n)+")
            walk.bind("except", handler.name, pos, caught)
        handlers.append((caught, handler.name, walk.block(handler.body), place))
    orelse = walk.block(node.orelse)
    star = node.__class__ is ast.TryStar
    return ("try", body, tuple(handlers), orelse, walk.block(node.finalbody), star, header)


def _match(walk: Walk, node: Node) -> Statement:
    first = node.cases[0].pattern
    walk.header(node.lineno, node.col_offset, node.subject, cast("Any", [first]))
    header = walk.statement
    subject = walk.expr(node.subject)
    cases = []
    body = walk.function
    when = body.when if body is not None else ()
    on_first = body is not None and isinstance(node.subject, ast.Name) and node.subject.id == body.first
    for case in node.cases:
        pattern: Node = case.pattern
        column = max(walk.lines[pattern.lineno - 1].find("case"), 0)
        walk.header(pattern.lineno, min(column, pattern.col_offset), case.guard or pattern, case.body)
        place = walk.statement
        _pattern(walk, pattern, subject)
        guard = walk.optional(case.guard)
        if body is not None:
            body.when = (_cased(pattern) if on_first else ()) or when
        cases.append((_matches_all(pattern), guard, walk.block(case.body), place))
    if body is not None:
        body.when = when
    return ("match", subject, tuple(cases), header)


def _matches_all(pattern: Node) -> bool:
    """True for `_`, a name, and alternatives that end in one."""
    if isinstance(pattern, ast.MatchOr):
        return any(_matches_all(part) for part in pattern.patterns)
    return isinstance(pattern, ast.MatchAs) and (pattern.pattern is None or _matches_all(pattern.pattern))


def _cased(pattern: Node) -> tuple[str, ...]:
    """Return the strings that a pattern matches; () where it matches other things."""
    if isinstance(pattern, ast.MatchOr):
        parts = [_cased(part) for part in pattern.patterns]
        return tuple([string for part in parts for string in part]) if all(parts) else ()
    if isinstance(pattern, ast.MatchAs) and pattern.pattern is not None:
        return _cased(pattern.pattern)
    value = pattern.value if isinstance(pattern, ast.MatchValue) else None
    return (value.value,) if isinstance(value, ast.Constant) and isinstance(value.value, str) else ()


def _pattern(walk: Walk, pattern: Node, value: Expr | None) -> None:
    if isinstance(pattern, ast.MatchValue):
        walk.expr(pattern.value)
    elif isinstance(pattern, ast.MatchAs):
        if pattern.pattern is not None:
            _pattern(walk, pattern.pattern, value)
        if pattern.name is not None:
            _capture(walk, pattern, pattern.name, value)
    elif isinstance(pattern, ast.MatchStar):
        if pattern.name is not None:
            _capture(walk, pattern, pattern.name, None)
    elif isinstance(pattern, ast.MatchMapping):
        for key in pattern.keys:
            walk.expr(key)
        for part in pattern.patterns:
            _pattern(walk, part, None)
        if pattern.rest is not None:
            last = pattern.patterns[-1] if pattern.patterns else None
            line, column = (last.end_lineno, last.end_col_offset) if last else (pattern.lineno, pattern.col_offset)
            walk.bind("match", pattern.rest, walk.place(line, column, pattern.rest, r"\*\*(?:\s|\\\n)*"))
    elif isinstance(pattern, ast.MatchClass):
        walk.expr(pattern.cls)
        for part in (*pattern.patterns, *pattern.kwd_patterns):
            _pattern(walk, part, None)
    elif isinstance(pattern, ast.MatchOr):
        for part in pattern.patterns:
            _pattern(walk, part, value)
    elif isinstance(pattern, ast.MatchSequence):
        for part in pattern.patterns:
            _pattern(walk, part, None)


def _capture(walk: Walk, pattern: Node, name: str, value: Expr | None) -> None:
    end = pattern.end_col_offset + 1
    walk.bind("match", name, (pattern.end_lineno, end - len(name), pattern.end_lineno, end), value)


_HANDLERS: dict[type[Any], Any] = {
    TypeAlias: _type_alias,
    ast.AnnAssign: _annotated,
    ast.Assert: _assert,
    ast.Assign: _assign,
    ast.AsyncFor: _for,
    ast.AsyncFunctionDef: _function,
    ast.AsyncWith: _with,
    ast.AugAssign: _augmented,
    ast.Break: _jump,
    ast.ClassDef: _class,
    ast.Continue: _jump,
    ast.Delete: _delete,
    ast.Expr: _simple_expression,
    ast.For: _for,
    ast.FunctionDef: _function,
    ast.Global: _global,
    ast.If: _if,
    ast.Import: _import,
    ast.ImportFrom: _import_from,
    ast.Match: _match,
    ast.Nonlocal: _nonlocal,
    ast.Pass: _nothing,
    ast.Raise: _raise,
    ast.Return: _return,
    ast.Try: _try,
    ast.TryStar: _try,
    ast.While: _while,
    ast.With: _with,
}
STATEMENTS.update(_HANDLERS)
if hasattr(ast, "TypeAlias"):
    STATEMENTS[ast.TypeAlias] = _type_alias
