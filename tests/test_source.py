"""Decoding: what Python reads is what the linter sees, and what it can't read is an error that says where."""

from __future__ import annotations

import ast
import codecs
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obs_lint.source import SourceError, SourceFile, decode
from obs_lint.source.tokens import TokenError, tokens

IMPORT = "x = 'é'\nimport logging\n"


@pytest.mark.parametrize(
    ("data", "text", "newline", "encoding"),
    [
        (b"import a\n", b"import a\n", "\n", "utf-8"),
        (b"", b"", "\n", "utf-8"),
        (b"a\r\nb\r\n", b"a\nb\n", "\r\n", "utf-8"),
        (b"a\rb\r", b"a\nb\n", "\r", "utf-8"),
        (b"a\nb\r\nc\rd", b"a\nb\nc\nd", "\n", "utf-8"),
        (b"a\r\r\nb", b"a\n\nb", "\r", "utf-8"),
        (codecs.BOM_UTF8 + b"a\n", b"a\n", "\n", "utf-8-sig"),
        (codecs.BOM_UTF8 + b"# coding: utf-8\na\n", b"# coding: utf-8\na\n", "\n", "utf-8-sig"),
        ("x = 'é'\n".encode(), "x = 'é'\n".encode(), "\n", "utf-8"),
        ("# coding: euc-jp\nx = '日本'\n".encode("euc-jp"), "# coding: euc-jp\nx = '日本'\n".encode(), "\n", "euc-jp"),
        ("#!/bin/sh\n# vim: fileencoding=latin-1\n'é'".encode("latin-1"), None, "\n", "latin-1"),
        ("\r\n#-*- coding: cp1252 -*-\r\n'€'".encode("cp1252"), None, "\r\n", "cp1252"),
        ("# coding: latin-1-unix\n'é'".encode("latin-1"), None, "\n", "latin-1-unix"),
    ],
)
def test_decodes_as_python_does(data: bytes, text: bytes | None, newline: str, encoding: str) -> None:
    source = decode("a.py", data)
    if text is not None:
        assert source.text == text
    assert source.newline == newline
    assert source.encoding == encoding
    assert source.ascii == source.text.isascii()
    assert ast.dump(ast.parse(source.text.decode())) == ast.dump(ast.parse(data))


def test_plain_sources_are_not_copied() -> None:
    data = b"import logging\n" * 10
    assert decode("a.py", data).text is data


@pytest.mark.parametrize("name", ["utf-7", "unicode_escape", "raw_unicode_escape", "utf_7"])
@pytest.mark.parametrize(
    "written", [b"+AGkAbQBwAG8AcgB0 logging\n", b"\\x69mport logging\n", b"# \\u000aimport logging\n"]
)
def test_an_encoding_does_not_hide_an_import(name: str, written: bytes) -> None:
    data = b"# coding: " + name.encode() + b"\n" + written
    try:
        expected = ast.dump(ast.parse(data))
    except SyntaxError:
        return
    assert ast.dump(ast.parse(decode("a.py", data).text.decode())) == expected


@pytest.mark.parametrize(
    ("data", "message", "line", "column"),
    [
        (b"x = 1\n# coding: latin-1\ny = '\xe9'\n", "not valid UTF-8", 3, 6),
        (b"# coding: nonsense\nx = 1\n", "unknown encoding: nonsense", 1, 11),
        (b"\n# coding: rot13\n", "rot13", 2, 11),
        (b"# coding: ascii\nx = 1\nab = '\xe9'\n", "not valid ascii", 3, 7),
        (b"# coding: utf-8\nx = 1\nab = '\xe9'\n", "not valid UTF-8", 3, 7),
        ("x = 'ééé".encode() + b"\xff'", "byte 0xff", 1, 9),
        (b"a\r\nb\rc = '\xff'", "not valid UTF-8", 3, 6),
        (b"x = 1\ny = \0\n", "NUL", 2, 5),
        (b"\r\n\r\n\0", "NUL", 3, 1),
        (codecs.BOM_UTF16_LE + "import a".encode("utf-16-le"), "UTF-16", 1, 1),
        (codecs.BOM_UTF32_LE + "import a".encode("utf-32-le"), "UTF-32", 1, 1),
        (b"# coding: utf-16\nimport logging\n", "utf-16", 1, 11),
        (codecs.BOM_UTF8 + b"# coding: latin-1\n", "byte order mark", 1, 11),
        (b"# coding: utf-7\nx = '+AAA-'\n", "NUL", 2, 6),
        (b"# coding: undefined\n", "undefined", 1, 11),
    ],
)
def test_says_what_is_wrong_and_where(data: bytes, message: str, line: int, column: int) -> None:
    with pytest.raises(SourceError) as caught:
        decode("pkg/a.py", data)
    assert message in caught.value.message
    assert (caught.value.path, caught.value.line, caught.value.column) == ("pkg/a.py", line, column)
    assert str(caught.value).startswith(f"pkg/a.py:{line}:{column}: ")


def test_columns_count_code_points() -> None:
    source = decode("a.py", "a = 1\né = '日本' + b\n".encode())
    assert source.column(1, 4) == 5
    assert source.column(2, "é = '日本' + ".encode().__len__()) == 12


def _codecs() -> list[str]:
    names = [
        "latin-1",
        "cp1252",
        "euc-jp",
        "shift_jis",
        "gb18030",
        "big5",
        "koi8-r",
        "utf-8",
        "UTF_8",
        "iso-2022-jp",
        "hz",
    ]
    return [name for name in names if codecs.lookup(name)]


@pytest.mark.parametrize("name", _codecs())
def test_every_codec_gives_the_tree_that_python_sees(name: str) -> None:
    text = f"# -*- coding: {name} -*-\n{IMPORT}"
    data = text.encode(name, "replace")
    assert ast.dump(ast.parse(decode("a.py", data).text.decode())) == ast.dump(ast.parse(data))


# -- notebooks


def notebook(*cells: Any, metadata: Any = None, **more: Any) -> bytes:
    rows = [
        cell if isinstance(cell, dict) else {"cell_type": "code", "metadata": {}, "source": cell, "outputs": []}
        for cell in cells
    ]
    return json.dumps({"nbformat": 4, "metadata": metadata or {}, "cells": rows, **more}).encode()


TEXT = {"cell_type": "markdown", "source": ["import nothing"]}


def test_code_cells_are_joined_and_counted_over_all_cells() -> None:
    source = decode("n.ipynb", notebook(TEXT, "import a\nimport b", TEXT, ["x = 1\n", "y = 2"], ""))
    assert source.text == b"import a\nimport b\n\nx = 1\ny = 2\n\n\n"
    assert source.cells == ((1, 2), (4, 4), (7, 5))
    assert [source.cell_of(line) for line in (1, 2, 4, 5, 7)] == [(2, 0), (2, 0), (4, 3), (4, 3), (5, 6)]
    lines = source.text.split(b"\n")
    assert lines[source.cells[1][0] - 1] == b"x = 1"


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("%matplotlib inline\nimport a", "...\nimport a"),
        ("!pip install x\nimport a", "...\nimport a"),
        ("pip install x\ncd ..\nimport a", "...\n...\nimport a"),
        ("?a.b\na.b??\nimport a", "...\n...\nimport a"),
        ("files = !ls *.py\nx = %pwd\nimport a", "files = ...\nx = ...\nimport a"),
        ("if x:\n    !ls\n    import a", "if x:\n    ...\n    import a"),
        ("!echo a \\\n  b\nimport a", "...\n\nimport a"),
        ("%%bash\nimport a\nls", "\n\n"),
        ("\n%%html\n<b>", "\n\n"),
        ("%%time\nimport a\n%%x", "\nimport a\n..."),
        ("%%capture out\nimport a", "\nimport a"),
        ("%time import a", "0;    import a"),
        ("%timeit -n 10 f(x)", "0;            f(x)"),
        ("%timeit is it python", "..."),
        ("x = '''\n%a\n!b\n'''\nimport a", None),
        ("x = (a\n  % b)\ny = a != b\nz = {\n'?': 1}", None),
        ("x = 5\ny = x %3\nx %= 2", None),
        ('s = """what?"""\n# why?\n"a"  # eh?', None),
        ("ls = 1\nls in x\nls - 1\nrm = ls", None),
        ("!it's fine\nimport a", "...\nimport a"),
        ("a = f'{x}'  # !\n!b", "a = f'{x}'  # !\n..."),
        ("x = (\n  a,\n)\n%b\n", "x = (\n  a,\n)\n..."),
    ],
)
def test_commands_are_taken_out_and_all_else_stays_in_place(cell: str, expected: str | None) -> None:
    source = decode("n.ipynb", notebook(cell))
    assert source.text == ((cell if expected is None else expected) + "\n").encode()
    ast.parse(source.text)


@pytest.mark.parametrize(
    ("metadata", "is_python"),
    [
        ({}, True),
        ({"language_info": {"name": "python"}}, True),
        ({"language_info": {"name": "ipython"}}, True),
        ({"kernelspec": {"name": "python3", "language": "python"}}, True),
        ({"kernelspec": {"name": "pysparkkernel"}, "language_info": {"name": "pyspark"}}, True),
        ({"language_info": {"name": "R"}}, False),
        ({"kernelspec": {"name": "julia-1.9", "language": "julia"}}, False),
        ({"kernelspec": {"name": "scala"}}, False),
        ([], True),
    ],
)
def test_only_python_kernels_have_code(metadata: Any, is_python: bool) -> None:
    source = decode("n.ipynb", notebook("import a", metadata=metadata))
    assert source.text == (b"import a\n" if is_python else b"")


def test_older_formats_have_worksheets() -> None:
    cells = [
        {"cell_type": "heading", "source": "x"},
        {"cell_type": "code", "language": "python", "input": ["import a\n", "b"]},
        {"cell_type": "code", "language": "R", "input": "library(a)"},
    ]
    data = json.dumps({"nbformat": 3, "metadata": {}, "worksheets": [{"cells": cells}, {"cells": cells}]}).encode()
    source = decode("n.ipynb", data)
    assert source.cells == ((1, 2), (4, 5))
    assert source.text == b"import a\nb\n\nimport a\nb\n"


@pytest.mark.parametrize(
    ("data", "message", "line", "column", "cell"),
    [
        (b"", "no notebook", 1, 1, None),
        (b'{"cells": [\n  oops]}', "no notebook", 2, 3, None),
        (b"[]", "JSON object", 1, 1, None),
        (b"{}", "list of cells", 1, 1, None),
        (b'{"cells": [3]}', "cell 1", 1, 1, 1),
        (b'{"cells": [{"cell_type": "code", "source": 3}]}', "cell 1", 1, 1, 1),
        (b'{"cells": [],\n "\xff": 1}', "not valid UTF-8", 2, 3, None),
        (b"[" * 100_000, "nested too deeply", 1, 1, None),
        (notebook("a", "b\nc\0"), "NUL", 2, 2, 2),
    ],
)
def test_what_is_no_notebook(data: bytes, message: str, line: int, column: int, cell: int | None) -> None:
    with pytest.raises(SourceError) as caught:
        decode("n.ipynb", data)
    assert message in caught.value.message
    assert (caught.value.line, caught.value.column, caught.value.cell) == (line, column, cell)


def test_an_error_in_a_cell_is_placed_in_the_cell() -> None:
    from obs_lint.facts.extract import extract

    with pytest.raises(SourceError) as caught:
        extract(decode("n.ipynb", notebook("a = 1", TEXT, "b = 2\nc = = 3")))
    assert (caught.value.cell, caught.value.line, caught.value.column) == (3, 2, 5)
    assert str(caught.value).startswith("n.ipynb:cell 3:2:5: ")


# -- tokens


def test_tokens_of_the_newest_grammar() -> None:
    text = b"x = f'{a['b']!r:>{w}}' rb'\\'' # c\n(\n'''y\n''')\n"
    found = [(token.kind, text[token.start : token.end], token.depth) for token in tokens(text)]
    assert found == [
        ("name", b"x", 0),
        ("op", b"=", 0),
        ("fstring", b"f'{a['b']!r:>{w}}'", 0),
        ("string", b"rb'\\''", 0),
        ("newline", b"\n", 0),
        ("op", b"(", 0),
        ("string", b"'''y\n'''", 1),
        ("op", b")", 0),
        ("newline", b"\n", 0),
    ]


@pytest.mark.parametrize(
    "text", [b"'a\n'", b"f'{a'", b"f'}'", b"f'{}'", b"f'{a!x}'", b"'''a", b"f'{a)}'", b"x \\ y", b"bf''"]
)
def test_what_is_no_token(text: bytes) -> None:
    with pytest.raises(TokenError):
        list(tokens(text))


# -- anything at all


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["a.py", "a.ipynb", "a.pyi"]), st.binary(max_size=200))
def test_bytes_are_a_source_or_an_error(path: str, data: bytes) -> None:
    try:
        source = decode(path, data)
    except SourceError as error:
        assert error.line >= 1
        assert error.column >= 1
        assert error.message
        return
    assert isinstance(source, SourceFile)
    assert b"\r" not in source.text
    assert b"\0" not in source.text
    source.text.decode("utf-8")


_lines = st.lists(
    st.sampled_from(["%a", "!b", "c?", "%%d", "x = 1", "'''", "(", ")", "y = !e", "\\", "if x:", "    z", ""]),
    max_size=8,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_lines, max_size=4))
def test_cells_keep_their_lines(cells: list[list[str]]) -> None:
    written = ["\n".join(lines) for lines in cells]
    source = decode("n.ipynb", notebook(*written))
    assert len(source.cells) == len(cells)
    lines = source.text.decode().split("\n")
    for (first, number), cell in zip(source.cells, written, strict=True):
        assert source.cell_of(first) == (number, first - 1)
        for index, line in enumerate(cell.rstrip("\n").split("\n")):
            assert lines[first - 1 + index] in (line, "") or "..." in lines[first - 1 + index]
