"""Comments are found as the tokenizer finds them, in newer grammar and broken files too."""

from __future__ import annotations

import io
import sysconfig
import tokenize
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obs_lint.facts.comments import comments, head_end

REPOSITORY = Path(__file__).parent.parent


def found(source: str) -> list[tuple[int, int, str]]:
    return [(c.line, c.column, c.text) for c in comments(source.encode())]


def tokenized(data: bytes) -> list[tuple[int, int, str]]:
    return [
        (token.start[0], token.start[1] + 1, token.string)
        for token in tokenize.tokenize(io.BytesIO(data).readline)
        if token.type == tokenize.COMMENT
    ]


def ordinary_files() -> list[Path]:
    library = Path(sysconfig.get_path("stdlib"))
    folders = ["asyncio", "email", "json", "logging", "unittest", "test/test_email", "idlelib"]
    files = [path for folder in folders for path in (library / folder).glob("*.py")]
    files += list(library.glob("[a-f]*.py"))
    files += list(REPOSITORY.glob("obs_lint/**/*.py"))
    return files


def test_equals_the_tokenizer_on_ordinary_files() -> None:
    compared = 0
    for path in ordinary_files():
        data = path.read_bytes()
        try:
            expected = tokenized(data)
            data.decode("utf-8")
        except (tokenize.TokenError, SyntaxError, UnicodeDecodeError):
            continue
        assert [(c.line, c.column, c.text) for c in comments(data)] == expected, path
        compared += len(expected)
    assert compared > 3000


@pytest.mark.parametrize(
    "source, expected",
    [
        ("x = 1  # a", [(1, 8, "# a")]),
        ("'# no'  # a", [(1, 9, "# a")]),
        ('"# no \\" # no"  # a', [(1, 17, "# a")]),
        ("'''\n# no\n'''  # a", [(3, 6, "# a")]),
        ("'''\n# no \\''' # no ''' # a", [(2, 20, "# a")]),
        ("r'\\' # no'  # a", [(1, 13, "# a")]),
        ("rb'# no'  # a", [(1, 11, "# a")]),
        ("'' # a\n\"\" # b", [(1, 4, "# a"), (2, 4, "# b")]),
        ("'a' '# no' # a", [(1, 12, "# a")]),
        ("'a\\\n# no'  # a", [(2, 8, "# a")]),
        ("'a\\\r\n# no'  # a", [(2, 8, "# a")]),
        ("é = 'ü'  # a", [(1, 10, "# a")]),
        ("\ufeffx = 1 # a", [(1, 7, "# a")]),
        ("a # 1\r\nb # 2\rc # 3\n", [(1, 3, "# 1"), (2, 3, "# 2"), (3, 3, "# 3")]),
        ("if x in'# no':  # a", [(1, 17, "# a")]),
        ("# a", [(1, 1, "# a")]),
        ("", []),
    ],
)
def test_strings(source: str, expected: list[tuple[int, int, str]]) -> None:
    assert found(source) == expected


@pytest.mark.parametrize(
    "source, expected",
    [
        ("f'# no'  # a", ["# a"]),
        ("f'{x}# no'  # a", ["# a"]),
        ("f'{x!r:#x}'  # a", ["# a"]),
        ("f'{x:{width}#}'  # a", ["# a"]),
        ("f'{{# no'  # a", ["# a"]),
        ("f'{x:{{\"'\": 1}[\"'\"]}}# no'  # a", ["# a"]),
        ("f'{{{x}}}# no'  # a", ["# a"]),
        ('f"{d["# no"]}"  # a', ["# a"]),
        ("f'{f'{f'# no'}'}'  # a", ["# a"]),
        ('f"{"# no" + f"{"# no"}"}"  # a', ["# a"]),
        ("f'''{\nx # a\n}'''  # b", ["# a", "# b"]),
        ("f'{x # a\n}'  # b", ["# a", "# b"]),
        ("f'{ {'a': '# no'}['a'] }'  # a", ["# a"]),
        ("f'{(lambda: '# no')()}'  # a", ["# a"]),
        ("f'{x != '# no'}'  # a", ["# a"]),
        ("f'\\N{NUMBER SIGN}# no'  # a", ["# a"]),
        ("rf'\\N{x}# no'  # a", ["# a"]),
        ("fr'\\{x}# no'  # a", ["# a"]),
        ("f'\\{x}# no'  # a", ["# a"]),
        ("Rf'{x}\\' # no'  # a", ["# a"]),
        ("t'{x}# no'  # a", ["# a"]),
        ("rt'{'# no'}'  # a", ["# a"]),
        ('f"""{f"""{\'"""\'}"""} # no """ # a', ["# a"]),
        ("f'''# no ' '' {x:%H:'''}'''}'''  # a", ["# a"]),
        ('f"{x:\'>10}# no"  # a', ["# a"]),
        ("f'{x}' '# no' f'{y}' # a", ["# a"]),
        ("if'{':  # a", ["# a"]),
        ("f'' # a", ["# a"]),
        ("f'''''' # a", ["# a"]),
    ],
)
def test_interpolated_strings_nest(source: str, expected: list[str]) -> None:
    assert [text for _, _, text in found(source)] == expected


@pytest.mark.parametrize(
    "source, expected",
    [
        ("x = 'open\ny  # a", ["# a"]),
        ("x = f'open {y}\nz  # a", ["# a"]),
        ("x = f'open {y:>\nz  # a", ["# a"]),
        ("x = '''open\n# no", []),
        ("x = f'''open {y}\n# no", []),
        ("x = f'{'\ny  # a", ["# a"]),
        ("f'}'  # a", ["# a"]),
        ("'\\", []),
        ("'''\\", []),
        ("f'\\", []),
        ("f'{", []),
    ],
)
def test_broken_strings_end(source: str, expected: list[str]) -> None:
    assert [text for _, _, text in found(source)] == expected


def test_stop() -> None:
    source = b"# a\n# b\n# c\n"
    assert [c.text for c in comments(source, 5)] == ["# a", "# b"]


@pytest.mark.parametrize(
    "head, rest",
    [
        ("#!/bin/python\n# -*- coding: utf-8 -*-\n\n# License\n", "import os\n# later\n"),
        ('"""Doc # no."""\n# First.\n\n', "import os\n"),
        ("# First.\n", '"""Doc."""\n# later\n'),
        ("\ufeff# First.\r\n", "x = 1"),
        ("# only", ""),
        ("", "x = 1\n# later"),
    ],
)
def test_head(head: str, rest: str) -> None:
    assert head_end((head + rest).encode()) == len(head.encode())


@given(st.text("#'\"{}ftrN\\:!\n\r aé()[]", max_size=60))
@settings(max_examples=400, deadline=None)
def test_any_text_ends(source: str) -> None:
    data = source.encode()
    made = list(comments(data))
    for comment in made:
        assert data[comment.offset : comment.offset + 1] == b"#"
        assert "\n" not in comment.text and "\r" not in comment.text
    assert [c.offset for c in made] == sorted({c.offset for c in made})
    assert 0 <= head_end(data) <= len(data)


def test_long_input_is_linear() -> None:
    for unit in (b'f"{x', b"'''", b"f'{", b"'\\", b'"', b"{", b"f'''{f'''", b"#"):
        data = unit * (200_000 // len(unit))
        list(comments(data))
        head_end(data)
