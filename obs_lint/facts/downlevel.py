"""Newer grammar than the running Python's, written in older grammar with everything else in its place.

What has no older form is replaced by a placeholder of the same extent, parsed by itself and put back into the tree:
type parameters (PEP 695, 696), `type` statements, f-strings (PEP 701), t-strings (PEP 750), `except A, B:` (PEP 758),
unpacking in comprehensions (PEP 798) and `lazy` imports (PEP 810).
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections.abc import Sequence
from keyword import iskeyword
from typing import Any, TypeVar

from obs_lint.facts.syntax import TypeAlias, TypeParameter, compile_tree
from obs_lint.source import SourceFile
from obs_lint.source.tokens import Piece, Token, TokenError, tokens

_N = TypeVar("_N", bound=ast.AST)
_Place = tuple[int, int]
_Edits = list[tuple[int, int, bytes]]
"""(start, end, what to write there) of parts of the source, in order."""
_STRING = b"''"
"""Written in place of a string that is put back later."""
_COMPOUND = frozenset(b"async case class def elif else except finally for if match try while with".split())
_LONGEST_NUMBER = 4000
_TOO_DEEP = "nested too deeply for Python to parse"


def parse_newer(source: SourceFile, error: SyntaxError) -> ast.Module:
    """Return the tree, columns in bytes, of a source on which this Python stopped with `error`. Raises SourceError."""
    problem = _problem(error)
    try:
        found = list(tokens(source.text))
        rewriter = _Rewriter(source.text)
        rewritten = rewriter.rewrite(found, 0, len(source.text))
        if rewritten == source.text:
            raise source.error(*problem) from None
        tree = compile_tree(rewritten.decode("utf-8"))
        rewriter.put_back(tree)
    except TokenError:
        raise source.error(*problem) from None
    except SyntaxError as newer:
        later = _problem(newer)
        raise source.error(*max(problem, later, key=lambda p: p[1:])) from None
    except _PartError as part:
        message, line, column = part.args
        raise source.error(message, line, source.column(line, column)) from None
    except (RecursionError, MemoryError):
        raise source.error(_TOO_DEEP, 1, 1) from None
    except ValueError as broken:
        raise source.error(str(broken), 1, 1) from None
    return tree


def _problem(error: SyntaxError) -> tuple[str, int, int]:
    return (error.msg or "invalid syntax", error.lineno or 1, error.offset or 1)


class _PartError(Exception):
    """(message, line, 0-based byte column) of a syntax error in a part that was parsed by itself."""


class _Rewriter:
    """One source, and what is to be put back into the tree of its rewritten form."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.starts = [0, *(match.end() for match in re.finditer(rb"\n", text))]
        self.strings: dict[_Place, ast.expr] = {}
        self.parameters: dict[_Place, list[TypeParameter]] = {}
        self.caught: dict[_Place, ast.expr] = {}
        self.aliases: set[_Place] = set()
        self.lazy: set[_Place] = set()
        self.unpacked: dict[_Place, _Place] = {}

    def place(self, offset: int) -> _Place:
        """Return the 1-based line and 0-based column of an offset."""
        line = bisect_right(self.starts, offset)
        return (line, offset - self.starts[line - 1])

    # -- writing older grammar

    def rewrite(self, found: Sequence[Token], start: int, end: int) -> bytes:
        """Return `text[start:end]`, whose tokens are given, in older grammar: what stays keeps line and column."""
        edits: _Edits = []
        index = 0
        count = len(found)
        statement, compound = True, False
        brackets: list[int] = []
        while index < count:
            token = found[index]
            kind = token.kind
            following = index + 1
            if statement:
                compound = token.text in _COMPOUND
            if kind in ("string", "fstring"):
                following = self.string_group(found, index, edits)
            elif kind == "number":
                if len(token.text) > _LONGEST_NUMBER and token.text.isdigit():
                    edits.append((token.start, token.end, b"0x" + b"0" * (len(token.text) - 2)))
            elif kind == "op":
                if token.text in (b"(", b"[", b"{"):
                    brackets.append(index)
                elif token.text in (b")", b"]", b"}"):
                    if brackets:
                        brackets.pop()
                elif token.text in (b"*", b"**") and brackets and brackets[-1] == index - 1:
                    self.unpacking(found, index, edits)
            elif kind == "name":
                if token.text in (b"def", b"class") and _at(found, index + 2, b"["):
                    is_async = index > 0 and found[index - 1].text == b"async"
                    owner = found[index - 1] if is_async else token
                    following = self.type_parameters(found, index + 2, owner.start, edits)
                elif statement:
                    following = self.statement(found, index, edits)
            last = found[following - 1]
            ends = (b"\n", b";", b":") if compound else (b"\n", b";")
            statement = last.depth == 0 and last.kind in ("newline", "op") and last.text in ends
            index = following
        return _apply(self.text, edits, start, end)

    def statement(self, found: Sequence[Token], index: int, edits: _Edits) -> int:
        """Rewrite the beginning of a statement; returns the index of the token to go on with."""
        token = found[index]
        separator = b";\\" if self.text.startswith(b"\\", token.end) else b";"
        if token.text == b"type" and _is_name(found, index + 1):
            generic = _at(found, index + 2, b"[")
            if generic or _at(found, index + 2, b"="):
                self.aliases.add(self.place(token.start))
                edits.append((token.end, token.end + 1, separator))
            if generic:
                return self.type_parameters(found, index + 2, token.start, edits)
        elif token.text == b"lazy" and _is_name(found, index + 1) and found[index + 1].text in (b"import", b"from"):
            self.lazy.add(self.place(token.start))
            edits.append((token.end, token.end + 1, separator))
        elif token.text == b"except":
            return self.caught_types(found, index, edits)
        return index + 1

    def type_parameters(self, found: Sequence[Token], opening: int, owner: int, edits: _Edits) -> int:
        """Take out the type parameters that begin at the bracket `opening`, of the statement at the offset `owner`."""
        closing = _closing(found, opening)
        parameters: list[TypeParameter] = []
        for first, after in _elements(found, opening + 1, closing):
            parameters.append(self.type_parameter(found[first:after]))
        if not parameters:
            raise _PartError("Type parameter list cannot be empty", *self.place(found[opening].start))
        self.parameters[self.place(owner)] = parameters
        edits.append((found[opening].start, found[closing].end, b""))
        return closing + 1

    def type_parameter(self, found: Sequence[Token]) -> TypeParameter:
        name = 1 if found[0].text in (b"*", b"**") else 0
        if not _is_name(found, name) or iskeyword(found[name].text.decode("utf-8")):
            raise _PartError("invalid syntax", *self.place(found[0].start))
        parts: dict[bytes, ast.expr | None] = {b":": None, b"=": None}
        index = name + 1
        while index < len(found):
            sign = found[index]
            if sign.text not in parts or parts[sign.text] is not None or index + 1 == len(found):
                raise _PartError("invalid syntax", *self.place(sign.start))
            after = index + 1
            while after < len(found) and not (found[after].text == b"=" and found[after].depth == sign.depth):
                after += 1
            if after == index + 1:
                raise _PartError("invalid syntax", *self.place(sign.start))
            parts[sign.text] = self.expression(found[index + 1 : after], found[index + 1].start, found[after - 1].end)
            index = after
        if isinstance(parts[b"="], ast.Starred) and found[0].text != b"*":
            raise _PartError("cannot use starred expression here", *self.place(found[0].start))
        parameter = TypeParameter()
        parameter.name = found[name].text.decode("utf-8")
        parameter.bound, parameter.default_value = parts[b":"], parts[b"="]
        return self.located(parameter, found[name].start, found[name].end)

    def caught_types(self, found: Sequence[Token], index: int, edits: _Edits) -> int:
        """Take the types out of `except A, B:`."""
        first = index + 2 if _at(found, index + 1, b"*") else index + 1
        after = first
        commas = 0
        while after < len(found) and not (found[after].depth == 0 and found[after].text in (b":", b"\n", b"as")):
            commas += found[after].depth == 0 and found[after].text == b","
            after += 1
        if not commas or after == len(found) or found[after].text != b":":
            return index + 1
        start, end = found[first].start, found[after - 1].end
        self.caught[self.place(found[index].start)] = self.expression(found[first:after], start, end)
        edits.append((start, end, b"(_)"))
        return after

    def unpacking(self, found: Sequence[Token], star: int, edits: _Edits) -> None:
        """Take the star out that a comprehension begins with, `[*x for x in y]`."""
        depth = found[star].depth
        for index in range(star + 1, len(found)):
            token = found[index]
            if token.depth < depth or (token.depth == depth and token.text in (b",", b":", b"=")):
                return
            if token.depth == depth and token.kind == "name" and token.text in (b"for", b"async"):
                self.unpacked[self.place(found[star - 1].start)] = self.place(found[star].start)
                edits.append((found[star].start, found[star].end, b""))
                return

    def string_group(self, found: Sequence[Token], index: int, edits: _Edits) -> int:
        """Take out strings that are joined to one if this Python can't parse them; return the index after."""
        after = index
        while after < len(found) and found[after].kind in ("string", "fstring"):
            after += 1
        group = found[index:after]
        templates = [token for token in group if b"t" in token.text.lower()]
        if templates and len(templates) < len(group):
            message = "cannot mix t-string literals with string or bytes literals"
            raise _PartError(message, *self.place(group[0].start))
        if any(token.kind == "fstring" for token in group):
            start, end = group[0].start, group[-1].end
            if not any(b"b" in token.text.lower() for token in group) and not _is_old(self.text[start:end]):
                self.strings[self.place(start)] = self.joined(group)
                edits.append((start, end, _STRING))
        return after

    def joined(self, group: Sequence[Token]) -> ast.JoinedStr:
        values: list[ast.expr] = []
        for token in group:
            prefix = token.text.lower()
            if token.kind == "fstring":
                self.pieces(token.pieces, b"r" in prefix, values, False)
            else:
                literal = ast.literal_eval(self.text[token.start : token.end].decode("utf-8"))
                self.literal(literal, token.start, token.end, values)
        return self.located(ast.JoinedStr(values=values), group[0].start, group[-1].end)

    def pieces(self, pieces: Sequence[Piece], raw: bool, values: list[ast.expr], in_spec: bool) -> None:
        """Add the parts of an f-string to `values`."""
        for piece in pieces:
            field = piece.field
            if field is None:
                self.literal(self.decoded(piece, raw, in_spec), piece.start, piece.end, values)
                continue
            conversion = ord(field.conversion) if field.conversion else -1
            if field.debug:
                shown = self.text[field.expression : field.debug].decode("utf-8")
                self.literal(shown, field.expression, field.debug, values)
                conversion = 114 if conversion == -1 and field.spec is None else conversion
            value = self.expression(field.tokens, field.expression, field.end_expression)
            spec: ast.JoinedStr | None = None
            if field.spec is not None:
                parts: list[ast.expr] = []
                self.pieces(field.spec, raw, parts, True)
                spec = self.located(ast.JoinedStr(values=parts), field.spec_start, field.end - 1)
            formatted = ast.FormattedValue(value=value, conversion=conversion, format_spec=spec)
            values.append(self.located(formatted, field.start, field.end))

    def literal(self, text: str, start: int, end: int, values: list[ast.expr]) -> None:
        """Add literal text, to the literal before it where there is one."""
        last = values[-1] if values else None
        if isinstance(last, ast.Constant):
            last.value = str(last.value) + text
            last.end_lineno, last.end_col_offset = self.place(end)
        elif text:
            values.append(self.located(ast.Constant(value=text), start, end))

    def decoded(self, piece: Piece, raw: bool, in_spec: bool) -> str:
        """Return what literal text stands for."""
        written = self.text[piece.start : piece.end]
        if not in_spec:
            # No brace is escaped by the backslash before it: `\{{` is a backslash and one brace.
            escapes = rb"\\[^{}]" if raw else rb"\\N\{[^}]*\}|\\[^{}]"
            written = re.sub(escapes + rb"|\{\{|\}\}", _single_brace, written, flags=re.DOTALL)
        text = written.decode("utf-8")
        if raw or "\\" not in text:
            return text
        if (len(text) - len(text.rstrip("\\"))) % 2:
            text += "\\"
        quoted = re.sub(r'\\.|"', lambda match: '\\"' if match[0] == '"' else match[0], text, flags=re.DOTALL)
        try:
            return str(ast.literal_eval(f'"""{quoted}"""'))
        except SyntaxError as error:
            raise _PartError(error.msg, *self.place(piece.start)) from None

    def expression(self, found: Sequence[Token], start: int, end: int) -> ast.expr:
        """Parse an expression by itself, and give it the positions that it has in the source."""
        rewritten = self.rewrite(found, start, end)
        first, column = self.place(start)
        starred = found[0].text == b"*" and not any(
            token.depth == found[0].depth and token.text == b"," for token in found
        )
        try:
            tree = compile_tree(f"({rewritten.decode('utf-8')}{',' if starred else ''}\n)")
        except SyntaxError as error:
            line, offset = error.lineno or 1, (error.offset or 1) - 1
            place = (first, max(column + offset - 1, 0)) if line == 1 else (first + line - 1, offset)
            raise _PartError(error.msg, *place) from None
        if len(tree.body) != 1 or not isinstance(tree.body[0], ast.Expr):
            raise _PartError("invalid syntax", first, column)
        value = tree.body[0].value
        in_added_brackets = isinstance(value, ast.Tuple) and (value.lineno, value.col_offset) == (1, 0)
        for node in ast.walk(value):
            values = node.__dict__
            if "lineno" in values:
                if values["lineno"] == 1:
                    values["col_offset"] += column - 1
                if values["end_lineno"] == 1:
                    values["end_col_offset"] += column - 1
                values["lineno"] += first - 1
                values["end_lineno"] += first - 1
        if isinstance(value, ast.Tuple) and starred:
            return value.elts[0]
        return self.located(value, found[0].start, found[-1].end) if in_added_brackets else value

    def located(self, node: _N, start: int, end: int) -> _N:
        values = node.__dict__
        values["lineno"], values["col_offset"] = self.place(start)
        values["end_lineno"], values["end_col_offset"] = self.place(end)
        return node

    # -- putting back what was taken out

    def put_back(self, tree: ast.Module) -> None:
        """Put everything that was replaced back into the tree of the rewritten source."""
        stack: list[ast.AST] = [tree]
        while stack:
            node = stack.pop()
            values = node.__dict__
            place = (values.get("lineno", 0), values.get("col_offset", -1))
            if isinstance(node, ast.ExceptHandler):
                node.type = self.caught.get(place, node.type)
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and place in self.parameters:
                values["type_params"] = self.parameters[place]
            for name, value in values.items():
                if isinstance(value, list):
                    if name in ("body", "orelse", "finalbody"):
                        value[:] = self.statements(value)
                    value[:] = [self.expression_for(item) for item in value]
                    stack.extend([item for item in value if isinstance(item, ast.AST)])
                elif isinstance(value, ast.AST):
                    values[name] = self.expression_for(value)
                    stack.append(values[name])

    def expression_for(self, node: Any) -> Any:
        """Return what a placeholder stands for, and any other node itself."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return self.strings.pop((node.lineno, node.col_offset), node)
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp)):
            star = self.unpacked.get((node.lineno, node.col_offset))
            if star is not None:
                return self.unpacking_comprehension(node, star)
        return node

    def unpacking_comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, star: _Place) -> ast.expr:
        element = node.elt
        line, column = star
        end = self.starts[line - 1] + column
        if self.text.startswith(b"**", end):
            mapping = ast.DictComp(key=element, value=element, generators=node.generators)
            mapping.__dict__["value"] = None
            return ast.copy_location(mapping, node)
        starred = ast.Starred(value=element, ctx=ast.Load())
        node.elt = ast.copy_location(starred, element)
        starred.lineno, starred.col_offset = star
        return node

    def statements(self, body: list[Any]) -> list[Any]:
        """Join what was cut into two statements."""
        joined: list[Any] = []
        start: _Place | None = None
        for node in body:
            place = (node.lineno, node.col_offset) if isinstance(node, ast.stmt) else (0, 0)
            if isinstance(node, ast.Expr) and (place in self.aliases or place in self.lazy):
                start = place
                continue
            if start is not None:
                if start in self.aliases:
                    node = self.alias(node, start)
                node.lineno, node.col_offset = start
                start = None
            joined.append(node)
        return joined

    def alias(self, node: Any, start: _Place) -> TypeAlias:
        """Return the `type` statement that was cut at its first blank."""
        if not isinstance(node, ast.Assign) or len(node.targets) != 1 or not isinstance(node.targets[0], ast.Name):
            raise _PartError("invalid syntax", *start)
        value = node.value
        if isinstance(value, ast.Starred) or (isinstance(value, ast.Tuple) and value.elts and _begins_with(value)):
            raise _PartError("invalid syntax", value.lineno, value.col_offset)
        alias = TypeAlias()
        alias.name, alias.value, alias.type_params = node.targets[0], node.value, self.parameters.get(start, [])
        alias.end_lineno, alias.end_col_offset = node.end_lineno, node.end_col_offset
        return alias


def _begins_with(value: ast.Tuple) -> bool:
    """True for a tuple without brackets of its own."""
    return (value.lineno, value.col_offset) == (value.elts[0].lineno, value.elts[0].col_offset)


def _single_brace(match: re.Match[bytes]) -> bytes:
    return match[0][:1] if match[0] in (b"{{", b"}}") else match[0]


def _at(found: Sequence[Token], index: int, text: bytes) -> bool:
    return index < len(found) and found[index].kind == "op" and found[index].text == text


def _is_name(found: Sequence[Token], index: int) -> bool:
    return index < len(found) and found[index].kind == "name"


def _closing(found: Sequence[Token], opening: int) -> int:
    depth = found[opening].depth
    for index in range(opening + 1, len(found)):
        if found[index].depth == depth and found[index].kind == "op":
            return index
    raise TokenError(found[opening].start)


def _elements(found: Sequence[Token], first: int, closing: int) -> list[tuple[int, int]]:
    """Cut what stands in brackets at its commas: (first token, token after the last) of each."""
    elements: list[tuple[int, int]] = []
    depth = found[closing].depth + 1
    for index in range(first, closing + 1):
        if index == closing or (found[index].depth == depth and found[index].text == b","):
            if index > first:
                elements.append((first, index))
            elif index < closing:
                raise TokenError(found[index].start)
            first = index + 1
    return elements


def _is_old(group: bytes) -> bool:
    """True where this Python parses the strings."""
    try:
        compile_tree("(" + group.decode("utf-8") + "\n)")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _apply(text: bytes, edits: _Edits, start: int, end: int) -> bytes:
    parts: list[bytes] = []
    for first, after, filler in edits:
        parts.append(text[start:first])
        parts.append(_filled(text[first:after], filler))
        start = after
    parts.append(text[start:end])
    return b"".join(parts)


def _filled(replaced: bytes, filler: bytes) -> bytes:
    """Return the filler with blanks up to the extent of what it replaces; lines go on with a backslash."""
    opening, closing = (b"'", b"'") if filler == _STRING else (filler, b"")
    lines = replaced.split(b"\n")
    if len(lines) == 1:
        return opening.ljust(len(replaced) - len(closing)) + closing
    last = b" " * (len(lines[-1]) - len(closing)) + closing
    return b"\\\n".join([opening.ljust(len(lines[0])), *[b"" for _ in lines[1:-1]], last])
