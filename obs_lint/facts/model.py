"""What one file says, in a form that needs no source and no configuration.

Two tiers. `LexicalImports` exists for every file and is found without parsing. `FileFacts` exists for files in which
a rule
must understand something. Both consist of tuples, strings, numbers and None alone, so that they can be stored and sent
between processes as they are.

Expressions are tagged tuples, `(tag, …, pos)`; `pos` is `(line, column, end_line, end_column)`, 1-based, columns in
code
points, and in a notebook lines counted over the joined code cells (`SourceFile.cell_of` tells the cell).

    ("name", id, pos)
    ("attr", value, attr, pos)                  value.attr; the attribute's own name ends where pos ends
    ("call", func, args, keywords, pos)         args: (Expr, …); keywords: ((name or None for **, Expr, pos), …)
    ("const", value, pos)                       str, int, float, bool or None
    ("fstr", parts, pos)                        parts: ("const", …) or ("fmt", Expr, conversion or "", spec Expr or
    None, pos)
    ("binop", op, left, right, pos)             op as written: + % | …
    ("bool", op, values, pos)                   op: and, or
    ("if", test, body, orelse, pos)
    ("compare", left, ops, comparators, pos)
    ("unary", op, operand, pos)
    ("dict", ((key or None for **, value), …), pos)
    ("seq", kind, items, pos)                   kind: list, tuple, set
    ("sub", value, index, pos)
    ("lambda", function, pos)                   function: index into FileFacts.functions
    ("star", value, pos)  ("await", value, pos)  ("yield", value or None, pos)
    ("walrus", name, value, pos)
    ("comp", kind, scope, elements, pos)        kind: list, set, dict, gen; the scope that its targets live in
    ("other", children, pos)                    slices, bytes, complex numbers, `...`

Statements are tagged tuples too; a Block is a tuple of them. `pos` is that of the statement, of a compound one its
header.

    ("expr", value, pos)                        an expression by itself
    ("assign", value or None, pos)              with and without annotation, augmented
    ("return", value or None, pos)
    ("raise", exception or None, cause or None, pos)
    ("assert", test, message or None, pos)
    ("break", pos)  ("continue", pos)
    ("if", branches, orelse, pos)               branch, the first and each elif: (test, body, pos)
    ("while", test, body, orelse, pos)
    ("for", iterable, body, orelse, is_async, pos)
    ("with", (context, …), body, is_async, pos)
    ("try", body, handlers, orelse, final, is_star, pos)
                                                handler: (type or None, name or None, body, pos)
    ("match", subject, cases, pos)              case: (matches all, guard or None, body, pos)
    ("def", function, pos)                      index into FileFacts.functions, whose block is there
    ("class", class, body, pos)                 index into FileFacts.classes
    ("other", pos)                              pass, import, global, nonlocal, del, type, a docstring
"""

from __future__ import annotations

from typing import Any, NamedTuple

Pos = tuple[int, int, int, int]
Expr = tuple[Any, ...]
Statement = tuple[Any, ...]
Block = tuple[Statement, ...]

FACTS_VERSION = 3
"""Part of every cache key: raise it when the meaning of a fact changes."""


class Anchor(NamedTuple):
    """What a file must hold for a check to be able to find something in it.

    It matches where every one of `words` and at least one of `any_of` (if there are any) occurs as bytes, one of the
    modules
    (if any) or something below it is imported, and the pattern (if any) is found. A word costs about 0.4 ms a
    megabyte, a
    module nothing. The pattern is looked for only around `any_of`, or else around the last of `words`: cheap where
    they are
    rare. With neither it is searched in the whole file, at 10 ms a megabyte where it begins with literal text and
    100 ms
    where it does not.
    """

    words: tuple[bytes, ...] = ()
    pattern: bytes | None = None
    """A bytes regular expression (re.MULTILINE), searched from the start of each line that holds the word to the end
    of that
    line and `REACH` bytes more; without words in the whole file."""
    modules: tuple[str, ...] = ()
    """Dotted names of absolute imports: `logging` matches `import logging.config` and `from logging import x`."""
    any_of: tuple[bytes, ...] = ()
    at_line: bool = False
    """The pattern must match from the start of a line that holds the word: many times sooner told than by searching."""


REACH = 200


class Sought(NamedTuple):
    """What makes a function worth parsing: one that is none of that can be left out of an excerpt."""

    words: tuple[bytes, ...]
    """One of these stands in it; in lower case, they stand for any."""
    anchors: tuple[Anchor, ...] = ()
    """The pattern of one of these, if there are any, is found in it."""
    all_where: Anchor | None = None
    """In a file where the pattern of this is found the anchors do not count."""


class LexicalImport(NamedTuple):
    """One import statement (one entry for each module of `import a, b`), found without parsing."""

    module: str
    """Dotted, without leading dots; empty for `from . import x`."""
    level: int
    """Leading dots; 0 for an absolute import."""
    names: tuple[tuple[str, str], ...] | None
    """(name, bound as) of a `from` import, `(("*", "*"),)` for a star; None for a plain import."""
    bound: str
    """The name that a plain import binds (`a` for `import a.b`, `c` for `import a.b as c`); empty for `from`."""
    pos: Pos
    """Of the module's name (with its dots), of the first one for `from . import x`."""
    lines: tuple[int, int]
    """First and last physical line of the statement."""
    indented: bool
    """True inside any block: a function, a class, an if or a try."""

    @property
    def line(self) -> int:
        """Line of the module's name."""
        return self.pos[0]


class ImportedName(NamedTuple):
    """One alias of an import statement."""

    name: str
    """As written: `os.path` in `import os.path`; `*` for a star."""
    asname: str | None
    pos: Pos
    """Of the name as written, without `as …`; for a `from` import the imported name."""


class Import(NamedTuple):
    """One import statement."""

    module: str | None
    """None for `import a, b`; else the module after `from`, without dots, maybe empty."""
    level: int
    names: tuple[ImportedName, ...]
    scope: int
    pos: Pos
    module_pos: Pos
    """Of the module's name after `from` (with its dots); of the statement for a plain import."""
    type_only: bool
    """Inside `if TYPE_CHECKING:` (not its else)."""


class Binding(NamedTuple):
    """One way in which a name gets its value in a scope."""

    kind: str
    """import | star | assign | augment | def | class | param | for | with | except | walrus | declare | delete | match

    assign: `value` is the expression; for an unpacked target it is ("sub", value, ("const", i, pos), pos).
    declare: an annotation without a value. for, with: `value` is what is iterated or entered; `item` is the position
    in an unpacked target (nested deeper: `value` is None). augment: ("binop", op, target, right, pos). except: the type
    caught. match: the subject, for a capture of all of it. param: `index` is the function, `item` the parameter.
    type: a type parameter, `value` its bound."""
    name: str
    pos: Pos
    """Of the bound name."""
    value: Expr | None = None
    annotation: Expr | None = None
    index: int = -1  # type: ignore[assignment]  # hides tuple.index, which no row is asked for
    """Into `imports` (kinds import and star), `functions` (def) or `classes` (class)."""
    item: int = -1
    """Kind import: which of the import's names."""
    type_only: bool = False
    scope: int = -1
    """Where `value` and `annotation` are evaluated, if not in the scope that the name is bound in: a walrus in a
    comprehension, an assignment to a name declared global, the first iterable of a comprehension."""


class Scope(NamedTuple):
    """One namespace. Scope 0 is the module."""

    kind: str
    """module | class | function | lambda | comprehension | type

    type: the type parameters of a def, a class or a `type` statement. Unlike a function, it sees the names of a class
    that it stands in."""
    parent: int
    """-1 for the module."""
    qualname: str
    """`Class.method`, `outer.inner`; empty for the module."""
    bindings: dict[str, tuple[Binding, ...]]
    """In source order."""
    globals: tuple[str, ...]
    nonlocals: tuple[str, ...]
    owner: int
    """Index into functions or classes; -1 for module and comprehensions."""


class Parameter(NamedTuple):
    """One parameter."""

    name: str
    kind: str
    """positional-only | positional | vararg | keyword-only | kwarg"""
    annotation: Expr | None
    default: Expr | None
    pos: Pos


class Return(NamedTuple):
    """A `return` with a value."""

    value: Expr
    when: tuple[str, ...]
    """String constants that the first parameter was compared to (`if name == "x"`, `in ("x", "y")`) around it."""


class Function(NamedTuple):
    """A def, async def or lambda."""

    name: str
    """`<lambda>` for a lambda."""
    qualname: str
    scope: int
    """The scope that it opens."""
    parent: int
    """The scope that it stands in."""
    is_async: bool
    is_generator: bool
    parameters: tuple[Parameter, ...]
    decorators: tuple[Expr, ...]
    annotation: Expr | None
    """Of the return value."""
    returns: tuple[Return, ...]
    pos: Pos
    """Of the whole definition, decorators excluded."""
    name_pos: Pos
    is_stub: bool
    """The body is nothing but a docstring, `...`, `pass` or `raise NotImplementedError`."""
    owner: int
    """Index of the class that it is a method of, -1 otherwise."""
    block: Block = ()
    """What it does; () for a lambda."""


class Class(NamedTuple):
    """A class statement."""

    name: str
    qualname: str
    scope: int
    parent: int
    bases: tuple[Expr, ...]
    keywords: tuple[tuple[str | None, Expr, Pos], ...]
    decorators: tuple[Expr, ...]
    pos: Pos
    name_pos: Pos


class Attribute(NamedTuple):
    """An assignment to an attribute: `self.x = …`, `obs.emit = …`."""

    target: Expr
    """The ("attr", …) that is assigned."""
    value: Expr | None
    annotation: Expr | None
    scope: int
    kind: str
    """assign | augment | delete | declare | other (for, with, unpacking)"""


class Use(NamedTuple):
    """A name, with the attributes read from it, as far as they go: the maximal chain `a.b.c`."""

    expr: Expr
    """("name", …) or ("attr", …) down to a name."""
    scope: int
    annotation: bool
    """True inside an annotation, where it need not exist at run time."""
    called: bool
    """True where the chain is the callee of a call."""


class CallSite(NamedTuple):
    """A call and the scope that it is evaluated in."""

    expr: Expr
    """("call", …)"""
    scope: int
    statement: Pos
    """Of the enclosing simple statement, or the header of the compound one: where suppressions are looked for."""


class FileFacts(NamedTuple):
    """What a file says, from its syntax tree."""

    scopes: tuple[Scope, ...]
    imports: tuple[Import, ...]
    functions: tuple[Function, ...]
    classes: tuple[Class, ...]
    calls: tuple[CallSite, ...]
    uses: tuple[Use, ...]
    attributes: tuple[Attribute, ...]
    exports: tuple[str, ...] | None
    """`__all__` where it is one list or tuple of strings (with `+=`, `.extend`, `.append` of such); None without or
    where dynamic."""
    main_guard: bool
    """`if __name__ == "__main__":`"""
    statements: tuple[Pos, ...] = ()
    """Every statement's extent, (compound ones: header only), in source order; for suppression."""
    subscripts: tuple[Attribute, ...] = ()
    """Assignments to items, `globals()["x"] = …`: `target` is a ("sub", …)."""
    body: Block = ()
    """The module's statements."""
