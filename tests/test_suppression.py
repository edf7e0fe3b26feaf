"""What a comment suppresses, and what is wrong with comments that suppress."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obs_lint.config import Config, from_table
from obs_lint.diagnostic import Diagnostic, Position, Severity, Span
from obs_lint.rule import Rule
from obs_lint.suppression import Judge, Suppressed, apply, find_suppressions, may_suppress, statement_lines

CODES = {
    "OBS101": "local-telemetry-module",
    "OBS102": "direct-telemetry-import",
    "ACME001": "own",
    "OBS900": "unparsable-file",
}


def config(**keys: Any) -> Config:
    return from_table({key.replace("_", "-"): value for key, value in keys.items()}, "/project")


def diagnostic(line: int, code: str = "OBS102", path: str = "a.py") -> Diagnostic:
    return Diagnostic(code, CODES[code], Severity.ERROR, "", path, Span(Position(line, 1), Position(line, 2)))


def suppressed(source: str, *lines: int, code: str = "OBS102", **keys: Any) -> list[int]:
    """Lines of those diagnostics, each a one-line statement, that the source suppresses."""
    result = applied(source, [diagnostic(line, code) for line in lines or (1,)], **keys)
    return [d.span.start.line for d in result.suppressed]


def applied(source: str, diagnostics: Iterable[Diagnostic], **keys: Any) -> Suppressed:
    found = {"a.py": find_suppressions(source.encode())}
    return apply(diagnostics, found, lambda d: (d.span.start.line, d.span.end.line), config(**keys))


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa",
        "#noqa",
        "# NOQA",
        "# NoQA",
        "# nOqA",
        "## noqa",
        "# noqa because",
        "# noqa # pylint: disable",
        "# noqa: OBS102",
        "# noqa:OBS102",
        "# NOQA:OBS102 reason",
        "# noqa : OBS102",
        "# noqa :OBS102",
        "# noqa:\tOBS102",
        "# noqa: E501,OBS102",
        "# noqa: E501, OBS102",
        "# noqa: E501 OBS102",
        "# noqa: E501,,OBS102",
        "# noqa: OBS102: reason",
        "# noqa: OBS102 - reason",
        "# noqa: OBS102. Reason",
        "# noqa: OBS102 (reason)",
        "# noqa: OBS102E501",
        "# foo # noqa: OBS102",
        "# foo#noqa: OBS102",
        "# type: ignore # noqa: OBS102",
        "# noqa: E501  # noqa: OBS102",
        "# noqa: E501  # obs: ignore[OBS102] why",
        "# obs: ignore[OBS102]",
        "# obs: ignore[OBS102] reason",
        "#obs:ignore[OBS102]",
        "# obs: ignore [OBS102]",
        "# obs: ignore[ OBS101 , OBS102 ]",
        "# obs: ignore[OBS101 OBS102]",
        "# type: ignore[attr] # obs: ignore[OBS102]",
    ],
)
def test_suppresses(comment: str) -> None:
    assert suppressed(f"import logging  {comment}\n") == [1]


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa: OBS10",
        "# noqa: OBS1020",
        "# noqa: OBS1",
        "# noqa: OBS",
        "# noqa: obs102",
        "# noqa: OBS102_x",
        "# noqa: OBS102x",
        "# noqa: XOBS102",
        "# noqa: E501",
        "# noqa: reason OBS102",
        "# noqa: E501 and OBS102",
        "# noqa:",
        "# noqa: because",
        "# noqa-OBS102",
        "# noqa,OBS102",
        "# noqa[OBS102]",
        "# noqas",
        "# noqa_x",
        "# no qa",
        "# foo noqa",
        "# flake8: noqa",
        "# ruff: noqa: OBS102",
        "# obs: ignore",
        "# obs: ignore[]",
        "# obs: ignore[OBS102",
        "# obs: ignore[obs102]",
        "# obs: ignore[direct-telemetry-import]",
        "# obs: ignore[OBS10]",
        "# obs: ignored[OBS102]",
        "# obs: ignore-line[OBS102]",
        "# obs ignore[OBS102]",
        "# jobs: ignore[OBS102]",
    ],
)
def test_does_not_suppress(comment: str) -> None:
    assert suppressed(f"import logging  {comment}\n") == []


def test_ruff_agrees_where_both_have_a_say() -> None:
    """The forms that interfaces.md takes from ruff, asked of ruff itself with a code of its own."""
    import subprocess
    import sys

    forms = [
        "# noqa",
        "#noqa",
        "# NoQA",
        "# noqa:X",
        "# noqa : X",
        "# noqa: X1",
        "# noqa: x",
        "# noqa: E501, X",
        "# noqa: because",
    ]
    forms += [
        "# noqa: E501 X",
        "# noqa: X reason",
        "# foo # noqa: X",
        "# noqas",
        "# noqa-X",
        "# noqa because",
        "# foo noqa",
    ]
    lines = [form.replace("X", "F401").replace("x", "f401") for form in forms]
    source = "".join(f"import a{number}  {line}\n" for number, line in enumerate(lines))
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--isolated",
        "--no-cache",
        "--select",
        "F401",
        "--output-format",
        "json",
        "-",
    ]
    try:
        made = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("ruff is not installed")
    if "No module named" in made.stderr:
        pytest.skip("ruff is not installed")
    import json

    left = {entry["location"]["row"] for entry in json.loads(made.stdout)}
    ours = {
        number
        for number, form in enumerate(forms, 1)
        if not suppressed(f"import a  {form.replace('X', 'OBS102').replace('x', 'obs102')}\n")
    }
    assert ours == left


def test_text_in_a_string_is_no_comment() -> None:
    assert suppressed('import logging; x = "# noqa: OBS102"\n') == []
    assert suppressed('"""\nimport logging  # noqa\n"""\n', 2) == []


def test_any_line_of_the_statement() -> None:
    source = "from logging import (\n    a,  # noqa: OBS102\n    b,\n)\n"
    found = {"a.py": find_suppressions(source.encode())}
    result = apply([diagnostic(1)], found, lambda d: (1, 4), config())
    assert not result.kept
    assert apply([diagnostic(3)], found, lambda d: (3, 4), config()).kept


def test_a_statement_of_very_many_lines() -> None:
    found = {"a.py": find_suppressions(b"x  # noqa: OBS102\n")}
    assert apply([diagnostic(1)], found, lambda d: (1, 10**9), config()).suppressed


def test_whole_file_only_in_the_first_comments() -> None:
    head = "#!/bin/python\n# obs: ignore-file[OBS102, ACME001] generated\n\nimport a\nimport b\n"
    assert suppressed(head, 4, 5) == [4, 5]
    assert suppressed(head, 4, code="ACME001") == [4]
    assert suppressed(head, 4, code="OBS101") == []
    assert suppressed("import a\n# obs: ignore-file[OBS102] late\nimport b\n", 1, 2, 3) == []
    assert suppressed("# obs: ignore-file\nimport a\n", 2) == []


def test_blanket_noqa_can_be_ignored() -> None:
    assert suppressed("import a  # noqa\nimport b  # noqa: OBS102\n", 1, 2, blanket_noqa="ignore") == [2]


def test_scopes_decide_for_their_files() -> None:
    scoped = config(scopes=[{"paths": ["b/**"], "blanket-noqa": "ignore"}])
    found = {path: find_suppressions(b"import a  # noqa\n") for path in ("a.py", "b/a.py")}
    result = apply([diagnostic(1, path=path) for path in found], found, lambda d: (1, 1), scoped)
    assert [d.path for d in result.kept] == ["b/a.py"]


def test_unparsable_files_cannot_be_suppressed() -> None:
    assert suppressed("import a  # noqa\n", code="OBS900") == []
    assert suppressed("# obs: ignore-file[OBS900] x\nimport a  # obs: ignore[OBS900] x\n", 2, code="OBS900") == []


def test_spans_and_reason() -> None:
    [first, second] = find_suppressions("é = 1  # noqa: E501, OBS102 - ümlaut  # obs: ignore[OBS101] why".encode())
    assert (first.kind, first.line, first.codes, first.reason) == ("noqa", 1, ("E501", "OBS102"), "ümlaut")
    assert (first.column, first.end_column, first.code_columns) == (8, 37, ((16, 20), (22, 28)))
    assert (second.kind, second.codes, second.reason) == ("ignore", ("OBS101",), "why")
    assert (second.column, second.code_columns) == (39, ((53, 59),))
    assert (first.text, second.text) == ("# noqa: E501, OBS102", "# obs: ignore[OBS101]")


def test_line_ends() -> None:
    found = find_suppressions(b"a\r\nb  # noqa: OBS102\rc  # noqa: OBS101\r\n")
    assert [(comment.line, comment.codes, comment.reason) for comment in found] == [
        (2, ("OBS102",), ""),
        (3, ("OBS101",), ""),
    ]


def test_may_suppress_is_never_wrong() -> None:
    for comment in ("# noqa", "# NOQA", "# NoQA", "# nOQA", "# obs: ignore[OBS102]"):
        assert may_suppress(comment.encode())
    assert not may_suppress(b"import logging  # quality\n")


def test_innermost_statement() -> None:
    statements = ((1, 1, 3, 2), (5, 1, 5, 20), (5, 8, 5, 12), (7, 1, 9, 1))
    assert statement_lines(statements, 2, 5) == (1, 3)
    assert statement_lines(statements, 5, 9) == (5, 5)
    assert statement_lines(statements, 8, 40) == (7, 9)
    assert statement_lines(statements, 4, 1) is None


class Places:
    """A project of one module without notebooks."""

    def cell_of(self, path: str, line: int) -> tuple[int | None, int]:
        return (2, 10) if path.endswith(".ipynb") else (None, 0)

    def symbol(self, path: str, scope: int = -1) -> str:
        return path.removesuffix(".py")


UNUSED = Rule(
    "OBS901", "unused-suppression", "", "", "", Severity.WARNING, True, "suppression-use", "{problem}", "{comment}"
)
BARE = Rule("OBS902", "bare-suppression", "", "", "", Severity.ERROR, True, "suppression-use", "{problem}", "{code}")


def judged(
    rule: Rule, source: str, *lines: int, path: str = "a.py", ran: Iterable[str] = CODES, **keys: Any
) -> list[tuple[int, int, int, str]]:
    """Line, first and last column, message of what is wrong in a source in which OBS102 stands on some lines."""
    settings = config(**keys)
    found: Mapping[str, Any] = {path: find_suppressions(source.encode())}
    made = [diagnostic(line, path=path) for line in lines]
    result = apply(made, found, lambda d: (d.span.start.line, d.span.start.line), settings)
    codes = {**CODES, "OBS901": "unused-suppression", "OBS902": "bare-suppression"}
    judge = Judge(found, result.used, settings, codes, Places())
    out = judge.unused(rule, lambda code, path: code in set(ran)) if rule is UNUSED else judge.bare(rule)
    assert all(d.code == rule.code and d.span.start.line == d.span.end.line for d in out)
    return [(d.span.start.line, d.span.start.column, d.span.end.column, d.message) for d in out]


def test_unused_names_each_idle_code() -> None:
    assert judged(UNUSED, "a  # noqa: OBS101, E501, OBS102\n", 1) == [(1, 12, 18, "OBS101 finds nothing here")]
    assert judged(UNUSED, "a  # obs: ignore[OBS102] why\n") == [(1, 18, 24, "OBS102 finds nothing here")]
    assert judged(UNUSED, "# obs: ignore-file[OBS102] x\na\n") == [(1, 20, 26, "OBS102 finds nothing in this file")]
    assert judged(UNUSED, "# obs: ignore-file[OBS102] x\na\n", 2) == []


def test_unused_judges_only_rules_that_ran() -> None:
    assert judged(UNUSED, "a  # noqa: OBS101, OBS102\n", ran=["OBS101"]) == [(1, 12, 18, "OBS101 finds nothing here")]
    assert judged(UNUSED, "a  # noqa\n") == []
    assert judged(UNUSED, "a  # noqa: E501, F401\n") == []


def test_unused_says_what_an_unknown_code_may_be() -> None:
    assert judged(UNUSED, "a  # noqa: OBS120\n") == [(1, 12, 18, "`OBS120` is no rule; did you mean OBS102?")]
    assert judged(UNUSED, "a  # obs: ignore[direct-telemetry-import] x\n") == [
        (1, 18, 41, "`direct-telemetry-import` is no code; write OBS102")
    ]
    assert judged(UNUSED, "a  # obs: ignore[obs102] x\n") == [(1, 18, 24, "`obs102` is no rule; did you mean OBS102?")]
    assert judged(UNUSED, "a  # noqa: OBS900\n") == [(1, 12, 18, "OBS900 can't be suppressed; exclude the file")]


def test_unused_reports_what_is_written_wrong() -> None:
    assert [line for line, *_ in judged(UNUSED, "a  # obs: ignore\nb  # obs: ignore[]\nc  # obs: ignore[OBS102\n")] == [
        1,
        2,
        3,
    ]
    assert judged(UNUSED, "a\n# obs: ignore-file[OBS102] late\n", 1)[0][0] == 2
    assert judged(UNUSED, "a  # noqa: obs102\n", 1) == [
        (1, 4, 18, "it names no code after the colon; codes are in capitals, as in OBS102")
    ]
    assert judged(UNUSED, "a  # noqa: because\n", 1) == []


def test_a_comment_may_keep_itself() -> None:
    assert judged(UNUSED, "a  # obs: ignore[OBS102, OBS901] for the old release\n") == []
    assert judged(UNUSED, "# obs: ignore-file[OBS901] generated\na  # noqa: OBS102\n") == []
    assert judged(BARE, "a  # noqa: OBS102 # obs: ignore[OBS902] x\n", 1, require_reason=True) == []


def test_bare_requires_what_the_configuration_does() -> None:
    source = "a  # noqa\nb  # noqa: OBS102\nc  # obs: ignore[OBS102]\n"
    source += "d  # obs: ignore[OBS102] why\ne  # noqa\nf  # noqa: E501\n"
    lines = (1, 2, 3, 4)
    assert judged(BARE, source, *lines) == []
    assert judged(BARE, source, *lines, require_code=True) == [(1, 4, 10, "names no code")]
    assert [found[0] for found in judged(BARE, source, *lines, require_reason=True)] == [1, 2, 3]
    assert judged(BARE, source, *lines, require_code=True, require_reason=True)[0][3] == "names no code"
    assert judged(BARE, source, *lines, require_code=True, blanket_noqa="ignore") == []


def test_notebooks_count_in_their_cell() -> None:
    source = "\n" * 11 + "a  # noqa: OBS101\n"
    assert judged(UNUSED, source, path="a.ipynb") == [(2, 12, 18, "OBS101 finds nothing here")]


@given(
    st.lists(
        st.sampled_from(
            [
                "# ",
                "#",
                "noqa",
                "NOQA",
                ":",
                "obs:",
                " ignore",
                "-file",
                "[",
                "]",
                "OBS102",
                "OBS1",
                ",",
                " ",
                "\n",
                "\r",
                "'",
                '"""',
                "é",
                "x",
                "f'{",
            ]
        ),
        max_size=20,
    )
)
@settings(max_examples=400, deadline=None)
def test_any_text_has_suppressions_or_none(parts: list[str]) -> None:
    source = "".join(parts)
    lines = re.split("\r\n|\r|\n", source)
    for comment in find_suppressions(source.encode()):
        line = lines[comment.line - 1]
        assert line[comment.column - 1] == "#"
        assert comment.column < comment.end_column <= len(line) + 1
        assert len(comment.codes) == len(comment.code_columns)
        for code, (start, end) in zip(comment.codes, comment.code_columns, strict=True):
            assert line[start - 1 : end - 1] == code
