"""Newer grammar on an older Python: nothing in it is missed, and everything has its place."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obs_lint.facts import downlevel, syntax
from obs_lint.facts.extract import decode_facts, encode, extract
from obs_lint.facts.model import FileFacts
from obs_lint.facts.walk import Walk
from obs_lint.source import SourceError, decode

# Each: source, names read as `chain line:column`, names bound as `kind name line:column`.
CASES: dict[str, tuple[str, str, str]] = {
    "a generic function": (
        "def first[T](items: list[T]) -> T:\n    return items[0]\n",
        "list 1:21; T 1:26; T 1:33; items 2:12",
        "def first 1:5; type T 1:11; param items 1:14",
    ),
    "bounds and defaults of every kind of parameter": (
        "async def f[T: (A, b.C) = D, *Ts = *E[F], **P = [G]](x: T, *a: *Ts) -> None: ...\n",
        "A 1:17; b.C 1:20; D 1:27; E 1:37; F 1:39; G 1:50; T 1:57; Ts 1:65",
        "def f 1:11; type T 1:13; type Ts 1:31; type P 1:45; param x 1:54; param a 1:61",
    ),
    "a generic class with a quoted bound": (
        'class Box[T: "Base"](Base[T], metaclass=M):\n    x: T\n',
        "Base 1:15; Base 1:22; T 1:27; M 1:41; T 2:8",
        "class Box 1:7; type T 1:11; declare x 2:5",
    ),
    "type parameters over several lines, with a comment": (
        "@d\ndef f[\n    T: int,  # c\n\n    U,\n](x): return x.y\n",
        "d 1:2; int 3:8; x.y 6:14",
        "def f 2:5; type T 3:5; type U 5:5; param x 6:3",
    ),
    "type statements": (
        "type X = a.b | str\nif c: type Y[T] = list[T]\ntype\\\n  Z = X\n",
        "a.b 1:10; str 1:16; c 2:4; list 2:19; T 2:24; X 4:7",
        "assign X 1:6; assign Y 2:12; type T 2:14; assign Z 4:3",
    ),
    "type as a name": (
        "type = 1\ntype (x)\ntype[int]\nprint(type)\ntype.x = 2\ntype X = type\n",
        "type 2:1; x 2:7; type 3:1; int 3:6; print 4:1; type 4:7; type 5:1; type 6:10",
        "assign type 1:1; assign X 6:6",
    ),
    "a type statement in a class, with another statement after it": (
        "class A:\n    type C[*Ts] = tuple[*Ts]; x = y\n",
        "tuple 2:19; Ts 2:26; y 2:35",
        "class A 1:7; assign C 2:10; type Ts 2:13; assign x 2:31",
    ),
    "the same quotes in an f-string": (
        'log.info(f"a {d["key"]} b {f"{x!r:>{w}}"}", e)\n',
        "log.info 1:1; d 1:15; x 1:31; w 1:37; e 1:45",
        "",
    ),
    "backslashes in a replacement field": ('x = f"{"\\n".join(a)}" + b\n', "a 1:18; b 1:25", "assign x 1:1"),
    "comments and lines in a replacement field": (
        'x = f"{\n    a  # }"\n    .b\n}" + y\n',
        "a.b 2:5; y 4:6",
        "assign x 1:1",
    ),
    "f-strings in f-strings": ("x = f'{f'{f'{a}'}'}'; b\n", "a 1:14; b 1:23", "assign x 1:1"),
    "a long f-string": (
        'x = f"""\n{\n  a["b"]  # "\n}\n\n  {"""z"""} {c}\n"""; y = d\n',
        "a 3:3; c 6:14; d 7:10",
        "assign x 1:1; assign y 7:6",
    ),
    "a string joined to others": (
        'x = "a" f"{b["c"]}" \\\n   f"d{e}" "f"; g\ny = (f"{h["c"]}"\n     "é" f"{i}")\nj\n',
        "b 1:12; e 2:8; g 2:17; h 3:9; i 4:13; j 5:1",
        "assign x 1:1; assign y 3:1",
    ),
    "columns in code points": ('é = f"é{ü["c"]}é{ä}" + ö\n', "ü 1:9; ä 1:18; ö 1:24", "assign é 1:1"),
    "a walrus, a lambda and a call in a field": (
        'x = f"{(a := b["c"])} {(lambda q: q)(d)} {e(f=g)=}"\n',
        "b 1:14; q 1:35; d 1:38; e 1:43; g 1:47",
        "assign x 1:1; walrus a 1:9; param q 1:32",
    ),
    "a field in a field in a format": ('f"{a:{b:{c:{d["e"]}}}}"\n', "a 1:4; b 1:7; c 1:10; d 1:13", ""),
    "an f-string against a keyword": ('x = f"{a["b"]}"if y else"z"\n', "a 1:8; y 1:19", "assign x 1:1"),
    "except without brackets": (
        "try:\n    a\nexcept A, b.C:\n    d\nexcept* (E):\n    f\n".replace("except* (E)", "except E"),
        "a 2:5; A 3:8; b.C 3:11; d 4:5; E 5:8; f 6:5",
        "",
    ),
    "except* without brackets": ("try:\n    a\nexcept* A, B:\n    c\n", "a 2:5; A 3:9; B 3:12; c 4:5", ""),
    "except without brackets over lines": (
        "try:\n    a\nexcept(\n  A), \\\n B:\n    c\n",
        "a 2:5; A 4:3; B 5:2; c 6:5",
        "",
    ),
    "t-strings": (
        'x = t"hello {name!r:>{w}}"\ny = rt"\\d{z}" T\'{"a"}{b}\'\n',
        "name 1:14; w 1:23; z 2:11; b 2:23",
        "assign x 1:1; assign y 2:1",
    ),
    "unpacking in comprehensions": (
        "a = [*x for x in y]\nb = {*x for x in y}\nc = {**d for d in e}\nf(*x for x in y)\n",
        "y 1:18; x 1:7; y 2:18; x 2:7; e 3:19; d 3:8; f 4:1; y 4:15; x 4:4",
        "assign a 1:1; assign b 2:1; assign c 3:1; for x 1:13; for x 2:13; for d 3:14; for x 4:10",
    ),
    "unpacking that is none": (
        "a = [*x, *[i for i in y]]\nf(*a, b)\nf(**c)\ntype Q = R\n",
        "x 1:7; y 1:23; i 1:12; f 2:1; a 2:4; b 2:7; f 3:1; c 3:5; R 4:10",
        "assign a 1:1; assign Q 4:6; for i 1:18",
    ),
    "lazy imports": (
        "lazy import a.b as c, d\nlazy from x import (y,\n  z as w)\nif q:\n    lazy from . import v\n",
        "q 4:4",
        "import c 1:20; import d 1:23; import y 2:21; import w 3:8; import v 5:24",
    ),
    "lazy as a name": (
        "lazy = 1\nlazy.x\nlazy[0]\nlazy import os\n",
        "lazy.x 2:1; lazy 3:1",
        "assign lazy 1:1; import os 4:13",
    ),
    "a very long number": ("x = " + "1" * 5000 + "; y = z\n", "z 1:5011", "assign x 1:1; assign y 1:5007"),
    "what only looks like it": (
        's = "def f[T](): pass"  # type X = 1\nprint(s[0])\ntype X = s\n',
        "print 2:1; s 2:7; s 3:10",
        "assign s 1:1; assign X 3:6",
    ),
    "all in one": (
        'async def f[T](a: T):\n    try: await a\n    except A, B: return f"{a["b"]}"\n    finally: type X = T\n',
        "T 1:19; a 2:16; A 3:12; B 3:15; a 3:28; T 4:23",
        "def f 1:11; type T 1:13; param a 1:16; assign X 4:19",
    ),
}
BROKEN: dict[str, tuple[str, int, int]] = {
    "Python 2": ('print "a"\n', 1, 1),
    "Python 2, with an f-string": ('def f[T](): pass\nprint f"{a["b"]}"\n', 2, 1),
    "an error before newer syntax": ("x = = 1\ntype X = int\n", 1, 5),
    "an error after newer syntax": ("type X = int\ny = (1\n", 2, 5),
    "an error in a replacement field": ('x = f"{a["b"]} {c d}"\n', 1, 19),
    "an error in a bound": ("def f[T: a b](): pass\n", 1, 10),
    "no type parameters": ("def f[](): pass\n", 1, 6),
    "a keyword as a type parameter": ("def f[if](): pass\n", 1, 7),
    "two targets of a type statement": ("type X, Y = int\n", 1, 6),
    "except with brackets forgotten before as": ("try: a\nexcept A, B as c: d\n", 2, 8),
    "mixed t-strings": ('x = f"{a}" t"{b}"\n', 1, 5),
    "no end": ("def f[T](\n", 1, 9),
    "a template": ("{% if a %}\nimport logging\n{% endif %}\n", 1, 2),
}


def chain(expr: Any) -> str:
    return str(expr[1]) if expr[0] == "name" else f"{chain(expr[1])}.{expr[2]}"


def facts_of(text: str) -> FileFacts:
    return extract(decode("a.py", text.encode()))


@pytest.mark.parametrize(("text", "uses", "bindings"), CASES.values(), ids=CASES)
def test_every_name_is_seen_in_its_place(text: str, uses: str, bindings: str) -> None:
    facts = facts_of(text)
    assert "; ".join(f"{chain(use.expr)} {use.expr[-1][0]}:{use.expr[-1][1]}" for use in facts.uses) == uses
    bound = sorted(
        (binding.pos[0], binding.pos[1], binding.kind, binding.name)
        for scope in facts.scopes
        for rows in scope.bindings.values()
        for binding in rows
    )
    assert [f"{kind} {name} {line}:{column}" for line, column, kind, name in bound] == sorted(
        bindings.split("; ") if bindings else [], key=lambda row: [int(n) for n in row.rsplit(" ", 1)[1].split(":")]
    )


@pytest.mark.parametrize("text", [case[0] for case in CASES.values()], ids=CASES)
def test_what_stands_at_a_place_is_the_name(text: str) -> None:
    facts = facts_of(text)
    lines = text.split("\n")
    for use in facts.uses:
        line, column, end_line, end_column = use.expr[-1]
        if line == end_line:
            assert lines[line - 1][column - 1 : end_column - 1] == chain(use.expr)
    assert decode_facts(encode(facts)) == facts


def test_statements_have_their_extent() -> None:
    text = 'type X[T] = int\nx = f"{a["b"]}"\nlazy import os\ndef f[T](\n): x\ntry: x\nexcept A, B: y\n'
    assert facts_of(text).statements == (
        *((1, 1, 1, 16), (2, 1, 2, 16), (3, 1, 3, 15), (4, 1, 5, 3), (5, 4, 5, 5)),
        *((6, 1, 6, 5), (6, 6, 6, 7), (7, 1, 7, 13), (7, 14, 7, 15)),
    )


def test_type_parameters_have_a_scope_of_their_own() -> None:
    facts = facts_of("class A:\n    def f[T: int](self, x: T = d): y: T\n")
    kinds = [(scope.kind, scope.parent, scope.qualname) for scope in facts.scopes]
    assert kinds == [("module", -1, ""), ("class", 0, "A"), ("type", 1, "A.f"), ("function", 2, "A.f")]
    assert [(chain(use.expr), use.scope, use.annotation) for use in facts.uses] == [
        *(("int", 2, True), ("T", 2, True), ("d", 2, False), ("T", 3, True)),
    ]
    assert facts.functions[0].parent == 1
    assert facts.functions[0].owner == 0
    (parameter,) = facts.scopes[2].bindings["T"]
    assert parameter.value == ("name", "int", (2, 14, 2, 17))


def test_strings_have_their_values() -> None:
    text = 'x = "a" rf"\\d{q["r"]}}}" f"\\x41\\N{BULLET}\\"{{{z["y"]=!s:\\x42>4}" "\\u0043"\n'
    (binding,) = facts_of(text).scopes[0].bindings["x"]
    tag, parts, pos = binding.value or ()
    assert tag == "fstr"
    assert pos == (1, 5, 1, len(text))
    shown = [(part[0], part[1] if part[0] == "const" else part[2]) for part in parts]
    assert shown == [("const", "a\\d"), ("fmt", ""), ("const", '}A•"{z["y"]='), ("fmt", "s"), ("const", "C")]
    assert parts[3][3][1][0][1] == "B>4"
    assert parts[1][4] == (1, 14, 1, 22)


@pytest.mark.parametrize(("text", "line", "column"), BROKEN.values(), ids=BROKEN)
def test_what_is_broken_is_an_error_in_its_place(text: str, line: int, column: int) -> None:
    with pytest.raises(SourceError) as caught:
        facts_of(text)
    assert caught.value.line == line
    assert caught.value.message
    if sys.version_info < (3, 12):  # later parsers point at another token of the same line
        assert caught.value.column == column


def test_ruff_takes_and_refuses_the_same(tmp_path: Path) -> None:
    texts = {**{name: case[0] for name, case in CASES.items()}, **{name: case[0] for name, case in BROKEN.items()}}
    for index, text in enumerate(texts.values()):
        (tmp_path / f"{index}.py").write_text(text, encoding="utf-8")
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--target-version", "py315"]
    ran = subprocess.run(
        [*ruff, "--select", "PLW0127", "--output-format", "json-lines", "."],
        cwd=tmp_path, capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    rows = [json.loads(line) for line in ran.stdout.splitlines()]
    refused = {int(Path(row["filename"]).stem) for row in rows if row["code"] in (None, "invalid-syntax")}
    assert [name for index, name in enumerate(texts) if index in refused] == list(BROKEN)


def _package() -> list[Path]:
    return sorted((Path(__file__).parent.parent / "obs_lint").rglob("*.py"))


@pytest.mark.parametrize("path", _package(), ids=lambda path: path.stem)
def test_older_sources_come_out_the_same(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downlevel, "_is_old", lambda group: False)
    source = decode(path.name, path.read_bytes())
    plain = syntax.parse(source)
    try:
        rewritten = downlevel.parse_newer(source, SyntaxError("unchanged", ("", 1, 1, "")))
    except SourceError as error:
        assert error.message == "unchanged"
        return
    if not source.ascii:
        syntax.count_code_points(rewritten, source.text)
    assert _without_string_parts(_walked(rewritten, source.text)) == _without_string_parts(_walked(plain, source.text))


def _walked(tree: Any, text: bytes) -> Any:
    walk = Walk(text.decode())
    walk.block(tree.body)
    return walk.result()


def _without_string_parts(facts: Any) -> Any:
    """Drop the positions of the parts of f-strings, which Python has exactly since 3.12 only."""
    if isinstance(facts, dict):
        return {key: _without_string_parts(value) for key, value in facts.items()}
    if not isinstance(facts, tuple):
        return facts
    if len(facts) == 3 and facts[0] == "fstr":
        return ("fstr", tuple(_string_part(part) for part in facts[1]))
    return tuple(_without_string_parts(part) for part in facts)


def _string_part(part: Any) -> Any:
    return part[1] if part[0] == "const" else _without_string_parts(part[:-1])


_pieces = st.sampled_from(
    [
        *(
            '"',
            "'",
            'f"',
            "t'",
            "{",
            "}",
            "[",
            "]",
            "(",
            ")",
            ":",
            "=",
            "!",
            "\\",
            "\n",
            "    ",
            "#",
            '"""',
            ",",
            "*",
            "**",
            "é",
        ),
        *(
            "type ",
            "lazy ",
            "import a",
            "except ",
            "def f",
            "class C",
            "async ",
            "await ",
            "lambda ",
            "for x in y",
            "\\N{",
            ":=",
        ),
        *(
            "0x",
            "1e",
            "print ",
            "match x:",
            "case ",
            "with ",
            "yield ",
            "@",
            ";",
            ".",
            "->",
            "\t",
            "\f",
            "global x",
            "return ",
        ),
    ]
)
_sources = st.sampled_from([case[0] for case in CASES.values() if len(case[0]) < 500])


@settings(max_examples=600, deadline=None)
@given(_sources, st.lists(st.tuples(st.integers(0, 200), st.integers(0, 6), _pieces), max_size=4))
def test_changed_sources_are_facts_or_an_error(text: str, changes: list[tuple[int, int, str]]) -> None:
    for start, removed, added in changes:
        text = text[:start] + added + text[start + removed :]
    try:
        facts = facts_of(text)
    except SourceError as error:
        assert 1 <= error.line <= text.count("\n") + 2
        assert error.column >= 1
        return
    assert decode_facts(encode(facts)) == facts
