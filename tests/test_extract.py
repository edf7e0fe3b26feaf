"""Facts: scopes, bindings, uses and calls as Python has them."""

from __future__ import annotations

import marshal
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obs_lint.facts.extract import decode_facts, encode, extract, extract_encoded
from obs_lint.facts.model import Binding, FileFacts
from obs_lint.facts.walk import DEPTH
from obs_lint.source import SourceError, decode


def facts_of(text: str) -> FileFacts:
    return extract(decode("a.py", text.encode()))


def show(expr: Any) -> str:
    """Write an expression short, without positions."""
    if expr is None:
        return "-"
    tag, *rest, _ = expr
    if tag == "name":
        return str(rest[0])
    if tag == "attr":
        return f"{show(rest[0])}.{rest[1]}"
    if tag == "const":
        return repr(rest[0])
    return f"{tag}({', '.join(_part(part) for part in rest)})"


def _part(part: Any) -> str:
    if isinstance(part, tuple):
        if len(part) > 1 and isinstance(part[0], str) and isinstance(part[-1], tuple) and len(part[-1]) == 4:
            return show(part)
        return "[" + " ".join(_part(item) for item in part) + "]"
    return str(part)


def bindings(facts: FileFacts) -> list[str]:
    rows = []
    for scope in facts.scopes:
        for name, found in scope.bindings.items():
            for binding in found:
                where = f"{scope.qualname or scope.kind}"
                rows.append((binding.pos, f"{where}: {binding.kind} {name}"))
    return [row for _, row in sorted(rows)]


def only(facts: FileFacts, name: str, scope: int = 0) -> Binding:
    (binding,) = facts.scopes[scope].bindings[name]
    return binding


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = b = 1", ["module: assign a", "module: assign b"]),
        ("a, (b, *c), d.e, f[0] = x", ["module: assign a", "module: assign b", "module: assign c"]),
        ("a: int\nb: int = 1\na += 1\ndel a, (b, c.d)",
         ["module: declare a", "module: assign b", "module: augment a", "module: delete a", "module: delete b"]),
        ("for a, b in c:\n pass\nelse:\n d = 1", ["module: for a", "module: for b", "module: assign d"]),
        ("with a as b, c as (d, e), f as g.h: pass", ["module: with b", "module: with d", "module: with e"]),
        ("try: pass\nexcept A as b: pass\nexcept (C,  D)  as   e: pass", ["module: except b", "module: except e"]),
        ("import a.b, c as d\nfrom e import f, g as h\nfrom . import *",
         ["module: import a", "module: import d", "module: import f", "module: import h", "module: star *"]),
        ("def f(a, /, b, *c, d, **e): global g, h; g = 1; i = 2\n",
         ["module: def f", *(f"f: param {name}" for name in "abcde"), "module: assign g", "f: assign i"]),
        ("def f():\n def g():\n  nonlocal x, y; x = 1\n  import y\n x = y = 0",
         ["module: def f", "f: def g", "f: assign x", "f: import y", "f: assign x", "f: assign y"]),
        ("class A(B):\n x = 1\n def m(self): y = 1\n class C: z = 1",
         ["module: class A", "A: assign x", "A: def m", "A.m: param self", "A.m: assign y",
          "A: class C", "A.C: assign z"]),
        ("def f(): return [(y := x) for x in z if (w := x)]",
         ["module: def f", "f: walrus y", "f: for x", "f: walrus w"]),
        ("def f():\n global y\n [(y := 1) for _ in z]", ["module: def f", "module: walrus y", "f: for _"]),
        ("f = lambda a, *b: (c := a)",
         ["module: assign f", "<lambda>: param a", "<lambda>: param b", "<lambda>: walrus c"]),
        ("match x:\n case A(b=c) | [c, *d] as e: pass\n case {'k': f, **g}: pass\n case _: pass",
         [f"module: match {name}" for name in "ccdefg"]),
        ("async def f():\n async with a as b: pass\n async for c in d: yield c",
         ["module: def f", "f: with b", "f: for c"]),
        ("global a\na = 1", ["module: assign a"]),
        ("class A:\n global b\n b = 1\n [c for c in b]", ["module: class A", "module: assign b", "A: for c"]),
    ],
)  # fmt: skip
def test_what_is_bound_and_where(text: str, expected: list[str]) -> None:
    assert bindings(facts_of(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.b.c(d.e)", "a.b.c@0!; d.e@0"),
        ("a().b.c", "a@0!"),
        ("a[b].c = d.e", "a@0; b@0; d.e@0"),
        ("x.y += z", "z@0; x@0"),
        ("x += 1", "x@0"),
        ("@d(a)\ndef f(x: T = u) -> R: return x", "d@0!; a@0; T@0:; u@0; R@0:; x@1"),
        ("@d\nclass A(B, m=M):\n y: T = y\n def f(self, z=y): z", "d@0; B@0; M@0; T@1:; y@1; y@1; z@2"),
        ("[a for b in c for d in b if d]", "c@0; b@1; d@1; a@1"),
        ("lambda a=b: a.c", "b@0; a.c@1"),
        ("def f():\n yield from a\n await b\n return c if d else e", "a@1; b@1; d@1; c@1; e@1"),
        ("try: a\nexcept* B.c: d", "a@0; B.c@0; d@0"),
        ("match a.b:\n case C.d | E(f=g.h) if i: j", "a.b@0; C.d@0; E@0; g.h@0; i@0; j@0"),
        ("f'{a.b!r:{c}}' f'{d()}'", "a.b@0; c@0; d@0!"),
        ("del a.b, c[d]", "a@0; c@0; d@0"),
        ("x[a:b, ...]; (y.z for y in {**w})", "x@0; a@0; b@0; w@0; y.z@1"),
        ("raise A from b\nassert c, d\nwhile e: f", "A@0; b@0; c@0; d@0; e@0; f@0"),
        ("x: 'a.B | None' = 1", "a.B@0:"),
        ("def f(x: \"list['T']\", y: 'not valid here', z: L['E']): pass", "list@0:; T@0:; L@0:; E@0:"),
        ("x: Literal['a', 'b'] | t.Literal['c']", "Literal@0:; t.Literal@0:"),
        ("x: Annotated['T', 'text', f('y')]", "Annotated@0:; T@0:; f@0:!"),
        ("x: Depends('T')", "Depends@0:!"),
        ("t.cast('A.B', c)\ncast(D, 'e')\ncast('F', g, h)", "t.cast@0!; A.B@0:; c@0; cast@0!; D@0; cast@0!; g@0; h@0"),
    ],
)
def test_what_is_read_and_where(text: str, expected: str) -> None:
    uses = facts_of(text).uses
    shown = [f"{show(u.expr)}@{u.scope}{':' if u.annotation else ''}{'!' if u.called else ''}" for u in uses]
    assert "; ".join(sorted(shown)) == "; ".join(sorted(expected.split("; ")))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f(a, *b)", "call(f, [a star(b)], [])"),
        ("a + b % 'c'", "binop(+, a, binop(%, b, 'c'))"),
        ("a and b or c", "bool(or, [bool(and, [a b]) c])"),
        ("a if b else c", "if(b, a, c)"),
        ("a < b is not c", "compare(a, [< is not], [b c])"),
        ("not -a", "unary(not, unary(-, a))"),
        ("{'a': 1, **b}", "dict([['a' 1] [None b]])"),
        ("[1, (2.5, True), {None}]", "seq(list, [1 seq(tuple, [2.5 True]) seq(set, [None])])"),
        ("a[b]", "sub(a, b)"),
        ("a[1:b]", "sub(a, other([1 b]))"),
        ("f'a{b!r:>{c}}d{e}'", "fstr(['a' fmt(b, r, fstr(['>' fmt(c, , None)])) 'd' fmt(e, , None)])"),
        ("'a' 'b'", "'ab'"),
        ("(yield)", "yield(None)"),
        ("(a := b)", "walrus(a, b)"),
        ("{a: b for a in c}", "comp(dict, 1, [a b])"),
        ("(a for a in b)", "comp(gen, 1, [a])"),
        ("lambda: 1", "lambda(0)"),
        ("b'x'", "other([])"),
        ("1j", "other([])"),
        ("...", "other([])"),
        ("99999999999999999999999", "99999999999999999999999"),
        ("'\\ud800'", "'\\ud800'"),
    ],
)
def test_the_grammar_of_expressions(text: str, expected: str) -> None:
    facts = facts_of(f"x = {text}")
    assert show(only(facts, "x").value) == expected
    assert decode_facts(encode(facts)) == facts


def test_keywords_have_a_place() -> None:
    (call,) = facts_of("f(a=b, **c)").calls
    assert [(name, show(value), pos) for name, value, pos in call.expr[3]] == [
        ("a", "b", (1, 3, 1, 6)),
        (None, "c", (1, 8, 1, 11)),
    ]


def test_columns_count_code_points() -> None:
    facts = facts_of("é = '日本'; ü(ä.ö, '日', b='é')\nfrom é import ñ as ü\n@é\ndef ë(ñ: 'ä.B'): pass\n")
    uses = [(show(use.expr), use.expr[-1]) for use in facts.uses]
    assert uses == [
        *(("ü", (1, 11, 1, 12)), ("ä.ö", (1, 13, 1, 16)), ("é", (3, 2, 3, 3)), ("ä.B", (4, 11, 4, 14))),
    ]
    assert facts.imports[0].module_pos == (2, 6, 2, 7)
    assert facts.imports[0].names[0].pos == (2, 15, 2, 16)
    assert [only(facts, name).pos for name in ("é", "ë")] == [(1, 1, 1, 2), (4, 5, 4, 6)]
    assert facts.functions[0].parameters[0].pos == (4, 7, 4, 8)


def test_columns_of_decorators_count_code_points() -> None:
    (use,) = facts_of("@é.b\ndef f(): pass\n").uses
    assert use.expr[-1] == (1, 2, 1, 5)


def test_bindings_are_in_the_order_of_the_source() -> None:
    facts = facts_of("def f():\n x = 1\n def g():\n  nonlocal x\n  x = 2\n x = 3\n")
    assert [binding.pos[0] for binding in facts.scopes[1].bindings["x"]] == [2, 5, 6]
    assert [binding.scope for binding in facts.scopes[1].bindings["x"]] == [-1, 2, -1]


def test_unpacking_says_which_part() -> None:
    facts = facts_of("a, (b, c), *d, e = f")
    assert show(only(facts, "a").value) == "sub(f, 0)"
    assert show(only(facts, "c").value) == "sub(sub(f, 1), 1)"
    assert show(only(facts, "d").value) == "other([f])"
    assert show(only(facts, "e").value) == "sub(f, -1)"
    facts = facts_of("for a, (b, c) in d: pass\nwith e as (f, g): pass")
    rows = [(name, only(facts, name).item, show(only(facts, name).value)) for name in "abcfg"]
    assert rows == [("a", 0, "d"), ("b", 1, "-"), ("c", 1, "-"), ("f", 0, "e"), ("g", 1, "e")]


def test_where_a_value_is_evaluated() -> None:
    facts = facts_of("def f(p: T):\n global g\n g = p\nclass C: h = [(i, j) for i in k for j in i]\n")
    assert only(facts, "g").scope == 1
    assert only(facts, "p", 1).scope == 0
    assert (only(facts, "p", 1).index, only(facts, "p", 1).item) == (0, 0)
    assert (only(facts, "i", 3).scope, only(facts, "j", 3).scope) == (2, -1)


def test_assignments_to_attributes_and_items() -> None:
    facts = facts_of(
        "class A:\n def f(self):\n  self.x = a\n  self.y: T\n  self.z: T = b\n  self.n += 1\n  del self.d\n"
        "  self.p, q[0] = c\n  for self.i in e: pass\nglobals()['x'] = g\nsys.modules['a'] += h\ndel k['m']\n"
    )
    rows = [(show(a.target), show(a.value), show(a.annotation), a.scope, a.kind) for a in facts.attributes]
    assert rows == [
        ("self.x", "a", "-", 2, "assign"),
        ("self.y", "-", "T", 2, "declare"),
        ("self.z", "b", "T", 2, "assign"),
        ("self.n", "binop(+, self.n, 1)", "-", 2, "augment"),
        ("self.d", "-", "-", 2, "delete"),
        ("self.p", "sub(c, 0)", "-", 2, "other"),
        ("self.i", "-", "-", 2, "other"),
    ]
    rows = [(show(a.target), show(a.value), a.kind) for a in facts.subscripts]
    assert rows == [
        ("sub(q, 0)", "sub(c, 1)", "other"),
        ("sub(call(globals, [], []), 'x')", "g", "assign"),
        ("sub(sys.modules, 'a')", "binop(+, sub(sys.modules, 'a'), h)", "augment"),
        ("sub(k, 'm')", "-", "delete"),
    ]


@pytest.mark.parametrize(
    ("text", "module", "level", "names", "module_pos"),
    [
        ("import a.b as c, d", None, 0, [("a.b", "c", (1, 8, 1, 11)), ("d", None, (1, 18, 1, 19))], (1, 1, 1, 19)),
        ("from a.b import c", "a.b", 0, [("c", None, (1, 17, 1, 18))], (1, 6, 1, 9)),
        ("from . import a", "", 1, [("a", None, (1, 15, 1, 16))], (1, 6, 1, 7)),
        ("from ...a import (\n  b as c,\n)", "a", 3, [("b", "c", (2, 3, 2, 4))], (1, 6, 1, 10)),
        ("from  . a  import b", "a", 1, [("b", None, (1, 19, 1, 20))], (1, 7, 1, 10)),
        ("from \\\n  a \\\n . b import *", "a.b", 0, [("*", None, (3, 13, 3, 14))], (2, 3, 3, 5)),
        ("from .import a", "", 1, [("a", None, (1, 14, 1, 15))], (1, 6, 1, 7)),
        ("import a . b  as  c", None, 0, [("a.b", "c", (1, 8, 1, 13))], (1, 1, 1, 20)),
        ("import a \\\n as b", None, 0, [("a", "b", (1, 8, 1, 9))], (1, 1, 2, 6)),
        ("if x: from a import(b)", "a", 0, [("b", None, (1, 21, 1, 22))], (1, 12, 1, 13)),
    ],
)  # fmt: skip
def test_imports(text: str, module: str | None, level: int, names: list[Any], module_pos: Any) -> None:
    (found,) = facts_of(text).imports
    assert (found.module, found.level, [tuple(name) for name in found.names]) == (module, level, names)
    assert found.module_pos == module_pos


def test_bindings_of_imports_point_back() -> None:
    facts = facts_of("import a.b\nfrom c import d, e as f\nfrom g import *\n")
    rows = [(only(facts, n).index, only(facts, n).item, only(facts, n).pos) for n in ("a", "d", "f", "*")]
    assert rows == [(0, 0, (1, 8, 1, 9)), (1, 0, (2, 15, 2, 16)), (1, 1, (2, 23, 2, 24)), (2, 0, (3, 15, 3, 16))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("if TYPE_CHECKING:\n import a\nelse:\n import b", "a"),
        ("if typing.TYPE_CHECKING:\n if x:\n  import a\nimport b", "a"),
        ("if not TYPE_CHECKING:\n import b\nelse:\n import a", "a"),
        ("if not TYPE_CHECKING:\n import b\nelif x:\n import a", "a"),
        ("if x:\n import b\nelif TYPE_CHECKING:\n import a\nelse:\n import c", "a"),
        ("if x:\n import b\nelse:\n if TYPE_CHECKING:\n  import a\n import c", "a"),
        ("if TYPE_CHECKING and x:\n import a\nelse: import b", "a"),
        ("if TYPE_CHECKING or x:\n import b", ""),
        ("if not TYPE_CHECKING or x:\n import b\nelse: import a", "a"),
        ("from typing import TYPE_CHECKING as T\nif T: import a", "a"),
        ("TYPE_CHECKING = True\nif TYPE_CHECKING: import b", ""),
        ("TYPE_CHECKING = False\nif TYPE_CHECKING: import a", "a"),
        ("if TYPE_CHECKING:\n def f():\n  import a\ndef g(): import b", "a"),
    ],
)
def test_imports_for_type_checkers(text: str, expected: str) -> None:
    facts = facts_of(text)
    only_types = [i.names[0].name for i in facts.imports if i.type_only]
    assert " ".join(only_types) == expected
    bound = {
        b.name for s in facts.scopes for rows in s.bindings.values() for b in rows if b.type_only and b.kind == "import"
    }
    assert bound == set(only_types)


@pytest.mark.parametrize(
    ("text", "exports"),
    [
        ("x = 1", None),
        ("__all__ = ['a', 'b']", ("a", "b")),
        ("__all__ = ('a',)", ("a",)),
        ("__all__: list[str] = ['a']\n__all__ += ['b']", ("a", "b")),
        ("__all__ = ['a'] + ['b']\n__all__.extend(('c',))\n__all__.append('d')\n__all__.remove('a')", ("b", "c", "d")),
        ("if x:\n __all__ = ['a']\nelse:\n __all__ = ['b']", ("a", "b")),
        ("__all__ = []", ()),
        ("__all__ = ['a', b]", None),
        ("__all__ = ['a'] + m.__all__", None),
        ("__all__ = ['a']\n__all__ += m.__all__", None),
        ("__all__ = ['a']\n__all__.sort()", None),
        ("__all__ += ['a']", None),
        ("def f():\n __all__ = ['a']", None),
    ],
)
def test_exports(text: str, exports: tuple[str, ...] | None) -> None:
    assert facts_of(text).exports == exports


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("if __name__ == '__main__': f()", True),
        ("if '__main__' == __name__ and x: f()", True),
        ("if __name__ != '__main__': f()", False),
        ("def f():\n if __name__ == '__main__': f()", False),
        ("if x == '__main__': f()", False),
    ],
)
def test_main_guard(text: str, expected: bool) -> None:
    assert facts_of(text).main_guard is expected


def test_functions() -> None:
    facts = facts_of(
        "class A:\n"
        "    @d\n"
        "    async def f(self, a, /, b: T = 1, *c, d=2, e, **g) -> R:\n"
        "        if a: return b\n"
        "        def inner(): yield 1\n"
        "        return\n"
        "    x = lambda y: y\n"
    )
    f, inner, x = facts.functions
    assert (f.name, f.qualname, f.scope, f.parent, f.is_async, f.is_generator, f.owner) == (
        "f",
        "A.f",
        2,
        1,
        True,
        False,
        0,
    )
    assert [(p.name, p.kind, show(p.annotation), show(p.default)) for p in f.parameters] == [
        ("self", "positional-only", "-", "-"),
        ("a", "positional-only", "-", "-"),
        ("b", "positional", "T", "1"),
        ("c", "vararg", "-", "-"),
        ("d", "keyword-only", "-", "2"),
        ("e", "keyword-only", "-", "-"),
        ("g", "kwarg", "-", "-"),
    ]
    assert (show(f.annotation), [show(d) for d in f.decorators], [show(r.value) for r in f.returns]) == (
        "R",
        ["d"],
        ["b"],
    )
    assert (f.pos, f.name_pos) == ((3, 5, 6, 15), (3, 15, 3, 16))
    assert (inner.qualname, inner.parent, inner.is_generator, inner.owner) == ("A.f.inner", 2, True, -1)
    assert (x.name, x.qualname, [show(r.value) for r in x.returns]) == ("<lambda>", "A.<lambda>", ["y"])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("...", True),
        ("pass", True),
        ("'doc'", True),
        ("'doc'\n    ...", True),
        ("raise NotImplementedError", True),
        ("'doc'\n    raise NotImplementedError('x')", True),
        ("raise ValueError", False),
        ("raise", False),
        ("1", False),
        ("'doc'\n    return 1", False),
    ],
)
def test_stubs(body: str, expected: bool) -> None:
    assert facts_of(f"def f():\n    {body}\n").functions[0].is_stub is expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return 1", [()]),
        ("if name == 'a': return 1\n return 2", [("a",), ()]),
        ("if name in ('a', 'b'): return 1\n elif 'c' == name: return 2\n else: return 3", [("a", "b"), ("c",), ()]),
        ("if name in {'a': 1}:\n  with x: return 1", [("a",)]),
        ("if name == 'a' or name == 'b': return 1", [("a", "b")]),
        ("if x and name == 'a': return 1", [("a",)]),
        ("if x or name == 'a': return 1", [()]),
        ("if name != 'a': raise AttributeError\n return 1", [("a",)]),
        ("if name not in ['a', 'b']:\n  return 0\n return 1", [(), ("a", "b")]),
        ("if not name == 'a': return 0\n else: return 1\n return 2", [(), ("a",), ()]),
        ("if name != 'a': x = 1\n return 1", [()]),
        ("if name in NAMES: return 1", [()]),
        ("if other == 'a': return 1", [()]),
        ("match name:\n  case 'a' | 'b': return 1\n  case 'c': return 2\n  case _: return 3", [("a", "b"), ("c",), ()]),
    ],
)
def test_returns_of_a_module_getattr(body: str, expected: list[Any]) -> None:
    function = facts_of(f"def __getattr__(name):\n {body}\n").functions[0]
    assert [returned.when for returned in function.returns] == expected


def test_methods_compare_their_first_argument() -> None:
    function = facts_of("class A:\n def __getattr__(self, name):\n  if name == 'a': return 1\n").functions[0]
    assert function.returns[0].when == ("a",)


def test_classes() -> None:
    (found,) = facts_of("@d\nclass  A ( b.C, *e, metaclass=M ):\n  x = 1\n").classes
    assert ([show(b) for b in found.bases], found.keywords[0][0], show(found.keywords[0][1])) == (
        ["b.C", "star(e)"],
        "metaclass",
        "M",
    )
    assert (found.pos, found.name_pos, [show(d) for d in found.decorators]) == ((2, 1, 3, 8), (2, 8, 2, 9), ["d"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = 1; b", [(1, 1, 1, 6), (1, 8, 1, 9)]),
        ("if a:  # c\n  b\nelif (\n  c\n):\n  d", [(1, 1, 1, 6), (2, 3, 2, 4), (3, 1, 5, 3), (6, 3, 6, 4)]),
        ("@d(1)  # x: y\n@e\ndef f(\n  a,  # b: c\n):  # d\n\n  # e:\n  pass", [(1, 1, 5, 3), (8, 3, 8, 7)]),
        ("class A:\n\n  'doc'", [(1, 1, 1, 9), (3, 3, 3, 8)]),
        ("class A(\n): pass", [(1, 1, 2, 3), (2, 4, 2, 8)]),
        ("try:\n  a\nexcept (B,\n  C) as d:\n  e\nfinally:\n  f",
         [(1, 1, 1, 5), (2, 3, 2, 4), (3, 1, 4, 11), (5, 3, 5, 4), (7, 3, 7, 4)]),
        ("with (a as b,\n  c):\n  d", [(1, 1, 2, 6), (3, 3, 3, 4)]),
        ("for a in b: c\nelse: d", [(1, 1, 1, 12), (1, 13, 1, 14), (2, 7, 2, 8)]),
        ("match a:\n  case [b,\n    c] if d:\n    e", [(1, 1, 1, 9), (2, 3, 3, 13), (4, 5, 4, 6)]),
        ("x = {\n 'a': 1,\n}\n", [(1, 1, 3, 2)]),
        ("async def f(): pass", [(1, 1, 1, 15), (1, 16, 1, 20)]),
        ("def f(a={1: 2}, *, b: 'x:y' = {3: 4}) -> D[1:2]:\n  pass", [(1, 1, 1, 49), (2, 3, 2, 7)]),
    ],
)  # fmt: skip
def test_statements(text: str, expected: list[Any]) -> None:
    assert list(facts_of(text).statements) == expected


def test_calls_know_scope_and_statement() -> None:
    facts = facts_of("@a()\ndef f(x=b()):\n  with c(d()):\n    return (e(),\n      [g() for y in h()])\n")
    rows = {show(call.expr[1]): (call.scope, call.statement) for call in facts.calls}
    assert rows == {
        "a": (0, (1, 1, 2, 14)),
        "b": (0, (1, 1, 2, 14)),
        "c": (1, (3, 3, 3, 15)),
        "d": (1, (3, 3, 3, 15)),
        "e": (1, (4, 5, 5, 26)),
        "g": (2, (4, 5, 5, 26)),
        "h": (1, (4, 5, 5, 26)),
    }


# -- bytes


def test_encoding_loses_nothing() -> None:
    text = (
        "def f(a: T = 1) -> 'R':\n if a == '\\udcff': return 99999999999999999999999\n"
        "x = 1e400, -0.0\nclass C(D): y = 1\nglobals()['x'] = __all__ = ['a']\n"
    )
    source = decode("a.py", text.encode())
    facts = extract(source)
    again = decode_facts(encode(facts))
    assert again == facts
    assert isinstance(again.functions[0].parameters[0].annotation, tuple)
    assert type(again.scopes[0].bindings["x"][0]) is Binding
    assert decode_facts(extract_encoded(source)) == facts
    assert marshal.loads(encode(facts)) == marshal.loads(extract_encoded(source))


@pytest.mark.parametrize("data", [b"", b"garbage", marshal.dumps((1, 2)), marshal.dumps(None), marshal.dumps("x")])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises((ValueError, EOFError, TypeError)):
        decode_facts(data)


# -- depth

DEEP = {
    "sum": ("x = " + "+".join(["a"] * 5000), 5000),
    "attributes": ("a" + ".b" * 5000, 1),
    "calls in a row": ("a" + ".b(c)" * 2000, 2001),
    "subscripts": ("a" + "[b]" * 3000, 3001),
    "signs": ("-" * 2000 + "a", 1),
    "conditions": ("a if b else " * 2000 + "c", 4001),
    "elif": ("if a: pass\n" + "elif b: pass\n" * 2000, 2001),
    "a quoted sum": ("x: '" + "a+" * 2000 + "b'", 2001),
    "newer syntax and a sum": ("type X = int\nx = " + "+".join(["a"] * 4000), 4001),
    "decorators": ("@a\n" * 2000 + "def f(): pass", 2000),
}


@pytest.mark.parametrize(("text", "uses"), DEEP.values(), ids=DEEP)
def test_long_chains_are_seen_whole(text: str, uses: int) -> None:
    limit = sys.getrecursionlimit()
    facts = facts_of(text)
    assert len(facts.uses) == uses
    assert decode_facts(encode(facts)) == facts
    assert max(_depth(use.expr) for use in facts.uses) <= DEPTH + 1
    assert max((_depth(call.expr) for call in facts.calls), default=0) <= 2 * DEPTH
    assert sys.getrecursionlimit() == limit


def _depth(expr: Any) -> int:
    deepest, stack = 0, [(expr, 1)]
    while stack:
        item, depth = stack.pop()
        if isinstance(item, tuple):
            deepest = max(deepest, depth)
            stack.extend(
                (part, depth + (isinstance(part, tuple) and bool(part) and isinstance(part[0], str))) for part in item
            )
    return deepest


@pytest.mark.parametrize(
    "text",
    [
        *("(" * 10_000 + ")" * 10_000, "[" * 10_000, "lambda:" * 10_000 + "a", "not " * 10_000 + "a", "f(" * 10_000),
        *('f"{' * 10_000, "if a: pass\n" + "elif b: pass\n" * 20_000, "type X = " + "(" * 10_000, "a**" * 10_000 + "a"),
        "".join(" " * depth + "if a:\n" for depth in range(10_000)),
    ],
    ids=range(10),
)
def test_what_is_nested_too_deeply_is_an_error(text: str) -> None:
    with pytest.raises(SourceError) as caught:
        facts_of(text)
    assert caught.value.message


def test_what_is_too_large_is_an_error() -> None:
    with pytest.raises(SourceError, match="8 MB"):
        facts_of("x = 1\n" * 1_400_000)


# -- anything

_names = st.sampled_from(["a", "b", "self", "TYPE_CHECKING", "__all__", "name"])
_atoms = st.one_of(_names, st.sampled_from(["1", "'x'", "None", "f'{a!r}'", "b'y'", "...", "1.5"]))


def _grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, _names).map(lambda p: f"({p[0]}).{p[1]}"),
        st.tuples(inner, inner).map(lambda p: f"({p[0]})({p[1]}, *a, k={p[1]}, **b)"),
        st.tuples(inner, inner).map(lambda p: f"[({p[0]}) for a, *b in ({p[1]}) if (c := a)]"),
        st.tuples(inner, inner).map(lambda p: f"(lambda a, /, b=({p[0]}), *c, d: ({p[1]}))"),
        st.tuples(inner, inner).map(lambda p: f"{{({p[0]}): ({p[1]}), **a}}"),
        st.tuples(inner, inner).map(lambda p: f"(({p[0]}) if ({p[1]}) else not ({p[0]}))"),
        st.tuples(inner, inner).map(lambda p: f"(({p[0]}) < ({p[1]}) is not a and b or -({p[0]}) + 1)"),
        st.tuples(inner, inner).map(lambda p: f"({p[0]})[({p[1]}):, 0]"),
        inner.map(lambda p: f"(d := ({p}))"),
    )


_expressions = st.recursive(_atoms, _grow, max_leaves=6)
_templates = st.sampled_from(
    [
        "{0}",
        "a = b.c = d[{0}] = {0}",
        "a, (b, *c) = {0}",
        "x: '{1}' = {0}",
        "x.y: {0}",
        "x += {0}",
        "if {0}:\n    import a.b as c\nelif {0}:\n    from . import *\nelse:\n    del a",
        "for a, b in {0}:\n    global g\n    g = {0}",
        "with {0} as a, {0} as (b, c.d): pass",
        "try: {0}\nexcept {1} as e: raise {0} from e\nfinally: pass",
        "@{1}\nasync def f(a, /, b: {0} = {0}, *c: {0}, d={0}, **e) -> {0}:\n    nonlocal_ = await {0}\n    return {0}",
        "class C({1}, k={0}):\n    x: int = {0}\n    def m(self, y={0}): self.z = {0}",
        "match {0}:\n    case {{'k': [a, *b], **c}} | C(d, e=f) as g if {0}: pass\n    case a.b | -1 | None: {0}",
        "def f(name):\n    if name == 'x': return {0}\n    yield {0}",
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(_templates, _expressions, _names), min_size=1, max_size=4))
def test_every_program_has_facts(parts: list[tuple[str, str, str]]) -> None:
    text = "\n".join(template.format(expression, name) for template, expression, name in parts)
    facts = facts_of(text)
    assert decode_facts(encode(facts)) == facts
    lines = text.split("\n")
    for use in facts.uses:
        line, _, end_line, end_column = use.expr[-1]
        name = use.expr[1] if use.expr[0] == "name" else use.expr[2]
        assert 1 <= line <= end_line <= len(lines)
        assert lines[end_line - 1][: end_column - 1].endswith(name)
        assert 0 <= use.scope < len(facts.scopes)
    for index, scope in enumerate(facts.scopes):
        assert scope.parent < max(index, 1)
        for name, rows in scope.bindings.items():
            for row in rows:
                line, column, _, end_column = row.pos
                assert row.name == name
                assert lines[line - 1][column - 1 : end_column - 1] == name


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=120))
def test_any_text_is_facts_or_an_error(text: str) -> None:
    try:
        extract(decode("a.py", text.encode("utf-8", "replace")))
    except SourceError as error:
        assert error.line >= 1
        assert error.column >= 1
