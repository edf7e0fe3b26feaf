"""Fixes: what each rule's does, that nothing else changes, and that nothing is lost whatever goes wrong."""

from __future__ import annotations

import io
import json
import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obs_lint.cli import main
from obs_lint.diagnostic import Applicability, Diagnostic, Edit, Fix, Position, Severity, Span
from obs_lint.fixes import apply_fixes, difference, write_changes
from obs_lint.fixes.apply import PASSES, Change
from obs_lint.fixes.choose import Proposal, choose
from obs_lint.fixes.text import EditableText, UneditableError
from obs_lint.report import Report, Summary
from tests.support import files_of

DATA = Path(__file__).parent / "data" / "fixes"
CASES = sorted(DATA.glob("*.txt"))


def _write(folder: Path, files: Mapping[str, str | bytes]) -> None:
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode() if isinstance(text, str) else text)


def _read(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and ".obs-lint-cache" not in file.parts
    }


# -- each rule's fix


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_what_a_fix_makes_of_a_file(
    case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    head, _, text = case.read_text(encoding="utf-8").partition("\n")
    args = head.removeprefix("args: ").split()
    before, _, rest = text.partition("=== fixed\n")
    fixed, _, remaining = rest.partition("=== remaining\n")
    _write(tmp_path, files_of(before))
    monkeypatch.chdir(tmp_path)
    originals = _read(tmp_path)
    wanted = {**originals, **{path: text.encode() for path, text in files_of(fixed).items()}}

    assert main(["check", "--diff", *args]) == (1 if fixed else 0)
    assert _read(tmp_path) == originals
    shown = capsysbinary.readouterr().out
    assert [line[4:].decode() for line in shown.splitlines() if line.startswith(b"+++")] == sorted(
        path for path in wanted if wanted[path] != originals[path]
    )

    main(["check", "--fix", "--output-format", "json", *args])
    found = json.loads(capsysbinary.readouterr().out)
    for path, data in _read(tmp_path).items():
        assert data.decode() == wanted[path].decode(), path
    assert found["errors"] == []
    assert [f"{d['path']}:{d['start']['line']} {d['code']}" for d in found["diagnostics"]] == remaining.splitlines()

    assert main(["check", "--diff", *args]) == 0
    main(["check", "--fix", *args])
    assert _read(tmp_path) == wanted


# -- the bytes of a file

SURFACE = {"obs-lint.toml": 'surface = ["shop.obs"]\nlogging = "facade"\n', "shop/__init__.py": "", "shop/obs.py": ""}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"x = 1  # noqa: OBS102\r\ny = '\xc3\xa9'\r\n", b"x = 1\r\ny = '\xc3\xa9'\r\n"),
        (b"x = 1  # noqa: OBS102\ry = 2\r", b"x = 1\ry = 2\r"),
        (b"a = 1\r\nb = 2  # noqa: OBS102\nc = 3\r", b"a = 1\r\nb = 2\nc = 3\r"),
        (b"a = 1\n\x0cb = 2  # noqa: OBS102", b"a = 1\n\x0cb = 2"),
        (b"# obs: ignore[OBS102]", b""),
        (b"x = 1\n# obs: ignore[OBS102] why", b"x = 1\n"),
        (b"\xef\xbb\xbfx = 1  # noqa: OBS102\n", b"\xef\xbb\xbfx = 1\n"),
        (b"# coding: latin-1\nx = '\xe9'  # noqa: OBS102\n", b"# coding: latin-1\nx = '\xe9'\n"),
        (b"# coding: cp1252\r\nx = '\x80'  # noqa: OBS102\r\n", b"# coding: cp1252\r\nx = '\x80'\r\n"),
        (b"# coding: shift_jis\nx = '\x83\x5c'  # noqa: OBS102\n", b"# coding: shift_jis\nx = '\x83\x5c'\n"),
        ("x = '😀𝒳'  # noqa: OBS102\n".encode(), "x = '😀𝒳'\n".encode()),
        ("x = '\x85\u2028'  # noqa: OBS102\ny = 1\n".encode(), "x = '\x85\u2028'\ny = 1\n".encode()),
        (b"if 1:\n\tx = 1\t# noqa: OBS102\t\n\ty = 1   \n", b"if 1:\n\tx = 1\n\ty = 1   \n"),
    ],
)
def test_what_a_fix_does_not_touch_keeps_its_bytes(
    before: bytes, after: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path, {**SURFACE, "shop/a.py": before})
    monkeypatch.chdir(tmp_path)
    assert main(["check", "--select", "OBS102,OBS901", "--fix"]) == 0
    assert (tmp_path / "shop/a.py").read_bytes() == after


def test_added_lines_end_as_the_file_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = (
        'surface = ["shop.obs"]\n[instrument]\ndecorators = ["shop.obs.instrument"]\ntargets = ["shop.orders.place"]\n'
    )
    text = b"import os\r\n\r\ndef place():\r\n    return os"
    obs = "def instrument(function): return function\n"
    _write(tmp_path, {**SURFACE, "obs-lint.toml": config, "shop/obs.py": obs, "shop/orders.py": text})
    monkeypatch.chdir(tmp_path)
    assert main(["check", "--select", "OBS301", "--fix"]) == 0
    assert (tmp_path / "shop/orders.py").read_bytes() == (
        b"import os\r\nfrom shop.obs import instrument\r\n\r\n@instrument\r\ndef place():\r\n    return os"
    )


def _span(start: tuple[int, int], end: tuple[int, int]) -> Span:
    return Span(Position(*start), Position(*end))


def test_a_text_that_the_encoding_lacks_is_refused() -> None:
    text = EditableText.read("a.py", b"# coding: latin-1\nx = 1\n")
    with pytest.raises(UneditableError, match=r"latin-1 has no '\\u20ac'"):
        text.place(Edit("a.py", _span((2, 5), (2, 6)), "'€'"))


@pytest.mark.parametrize("place", [(0, 1), (4, 2), (5, 1), (1, 7), (2, 0)])
def test_a_place_that_the_file_does_not_have_is_refused(place: tuple[int, int]) -> None:
    text = EditableText.read("a.py", b"x = 1\ny = 2\n")
    with pytest.raises(UneditableError):
        text.place(Edit("a.py", _span(place, place), "z"))


def test_a_line_behind_an_unterminated_one_starts_a_line() -> None:
    text = EditableText.read("a.py", b"x = 1\r\ny = 2")
    change = text.place(Edit("a.py", _span((3, 1), (3, 1)), "z = 3\n"))
    assert text.changed([change]) == b"x = 1\r\ny = 2\r\nz = 3\r\n"


def test_an_encoding_that_is_not_written_back_as_it_was_is_left_alone() -> None:
    with pytest.raises(UneditableError, match="byte for byte"):
        EditableText.read("a.py", b"# coding: utf-7\nx = '+AOkA6Q-' # +AGEAYg-\n")


def test_an_edit_that_changes_the_encoding_is_refused() -> None:
    text = EditableText.read("a.py", b"#!/bin/python\n# x\n# coding: latin-1\nx = '\xc3\xa9'\n")
    with pytest.raises(UneditableError, match="no longer be read as utf-8"):
        text.changed([text.place(Edit("a.py", _span((2, 1), (3, 1)), ""))])


LINE_ENDS = st.sampled_from(["\n", "\r\n", "\r"])
LINES = st.text(st.sampled_from(list("ab \t\x0cé𝒳😀\x85\u2028")), max_size=6)
INSERTED = st.text(st.sampled_from(list("xyé𝒳\n")), max_size=4)


@settings(max_examples=400, deadline=None)
@given(
    lines=st.lists(st.tuples(LINES, LINE_ENDS), min_size=1, max_size=6),
    last=LINES,
    bom=st.booleans(),
    wishes=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12), INSERTED), max_size=6),
)
def test_edits_do_what_replacing_in_the_text_does(
    lines: list[tuple[str, str]], last: str, bom: bool, wishes: list[tuple[int, int, str]]
) -> None:
    """Reference: cells of one character or one line end each, replaced from the back."""
    cells = [cell for line, end in lines for cell in (*line, end)] + list(last)
    if "\r" in cells:
        joined = "".join(cells)
        cells = []
        while joined:
            size = 2 if joined.startswith("\r\n") else 1
            cells.append(joined[:size])
            joined = joined[size:]
    data = (b"\xef\xbb\xbf" if bom else b"") + "".join(cells).encode()
    places: list[tuple[int, int]] = []
    line, column = 1, 1
    for cell in [*cells, ""]:
        places.append((line, column))
        line, column = (line + 1, 1) if cell in ("\n", "\r\n", "\r") else (line, column + 1)
    edits: list[tuple[int, int, str]] = []
    done = 0
    for start, length, inserted in sorted(wishes):
        if start > done and start < len(places):
            end = min(start + length, len(places) - 1)
            edits.append((start, end, inserted))
            done = end
    text = EditableText.read("a.py", data)
    changes = [text.place(Edit("a.py", _span(places[start], places[end]), inserted)) for start, end, inserted in edits]

    expected = list(cells)
    for start, end, inserted in reversed(edits):
        ends = [c for c in cells[start:] if c in ("\n", "\r\n", "\r")]
        before = [c for c in cells[:start] if c in ("\n", "\r\n", "\r")]
        line_end = ends[0] if ends else before[-1] if before else "\n"
        expected[start:end] = [inserted.replace("\n", line_end)]
    assert text.changed(changes) == (b"\xef\xbb\xbf" if bom else b"") + "".join(expected).encode()


# -- several fixes at once


def _diagnostic(line: int, *edits: Edit, code: str = "OBS001", safe: bool = True, path: str = "a.py") -> Diagnostic:
    fix = Fix(f"fix {line}", Applicability.SAFE if safe else Applicability.UNSAFE, edits)
    return Diagnostic(code, "slug", Severity.ERROR, "message", path, _span((line, 1), (line, 2)), fix=fix)


def _edit(start: tuple[int, int], end: tuple[int, int], text: str, path: str = "a.py") -> Edit:
    return Edit(path, _span(start, end), text)


def _proposal(line: int, *edits: Edit) -> Proposal:
    diagnostic = _diagnostic(line, *edits)
    assert diagnostic.fix is not None
    return Proposal(diagnostic, diagnostic.fix)


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        (_edit((1, 1), (1, 3), "X"), _edit((1, 4), (1, 5), "Y"), True),
        (_edit((1, 1), (1, 3), "X"), _edit((1, 2), (1, 5), "Y"), False),
        (_edit((1, 1), (1, 3), "X"), _edit((1, 3), (1, 5), "Y"), False),
        (_edit((1, 3), (1, 3), "X"), _edit((1, 3), (1, 3), "Y"), False),
        (_edit((1, 3), (1, 3), "X"), _edit((1, 3), (1, 3), "X"), True),
        (_edit((1, 3), (1, 3), "X"), _edit((1, 1), (1, 5), ""), False),
        (_edit((2, 1), (2, 1), "X\n"), _edit((2, 1), (2, 1), "Y\n"), True),
        (_edit((2, 1), (2, 1), "X\n"), _edit((2, 1), (2, 1), "Y"), False),
        (_edit((1, 1), (2, 1), ""), _edit((2, 1), (3, 1), ""), True),
        (_edit((1, 1), (2, 1), ""), _edit((2, 1), (2, 1), "Y\n"), True),
        (_edit((1, 1), (3, 1), ""), _edit((2, 1), (2, 1), "Y\n"), False),
    ],
)
def test_only_edits_that_keep_clear_of_each_other_are_made_at_once(first: Edit, second: Edit, together: bool) -> None:
    texts = {"a.py": EditableText.read("a.py", b"abcdefg\nhijk\nlmn\n")}
    for one, other in ((first, second), (second, first)):
        choice = choose([_proposal(1, one), _proposal(2, other)], texts)
        assert len(choice.taken) == (2 if together else 1)


def test_an_edit_that_two_fixes_share_is_made_once() -> None:
    texts = {"a.py": EditableText.read("a.py", b"a\nb\n")}
    shared = _edit((1, 1), (1, 1), "import x\n")
    proposals = [_proposal(1, shared, _edit((1, 1), (1, 2), "A")), _proposal(2, shared, _edit((2, 1), (2, 2), "B"))]
    choice = choose(proposals, texts)
    assert len(choice.taken) == 2
    assert texts["a.py"].changed(choice.changes["a.py"]) == b"import x\nA\nB\n"


def test_all_edits_of_a_fix_are_made_or_none() -> None:
    texts = {path: EditableText.read(path, b"abc\n") for path in ("a.py", "b.py")}
    first = _proposal(1, _edit((1, 1), (1, 2), "X"))
    second = _proposal(2, _edit((1, 1), (1, 2), "Y", "b.py"), _edit((1, 1), (1, 3), "Y"))
    choice = choose([first, second], texts)
    assert choice.taken == (first,)
    assert set(choice.changes) == {"a.py"}


class Linter:
    """Finds what `find` says in contents that are not written."""

    def __init__(self, folder: Path, find: object) -> None:
        self.folder = folder
        self.find = find
        self.runs = 0

    def __call__(self, contents: Mapping[str, bytes]) -> Report:
        self.runs += 1
        data = {path.name: contents.get(path.name, path.read_bytes()) for path in sorted(self.folder.glob("*.py"))}
        return Report(tuple(self.find(data)), summary=Summary(files=len(data)))  # type: ignore[operator]


def _fix(folder: Path, find: object, **options: bool) -> object:
    names = frozenset(path.name for path in folder.glob("*.py"))
    return apply_fixes(Linter(folder, find), str(folder), lambda: names, **options)  # type: ignore[arg-type]


def test_overlapping_fixes_are_made_one_after_the_other(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"abcd\n")

    def find(data: Mapping[str, bytes]) -> list[Diagnostic]:
        text = data["a.py"].decode()
        return [
            _diagnostic(1, _edit((1, at + 1), (1, at + 2), letter.upper()))
            for at, letter in enumerate(text.strip())
            if letter.islower()
        ]

    outcome = _fix(tmp_path, find)
    assert outcome.changes == (Change("a.py", b"abcd\n", b"ABCD\n"),)  # type: ignore[attr-defined]
    assert outcome.report.summary.fixed == 4  # type: ignore[attr-defined]
    assert outcome.report.failures == ()  # type: ignore[attr-defined]


def test_fixes_that_never_end_are_said_to(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"a\n")

    def find(data: Mapping[str, bytes]) -> list[Diagnostic]:
        other = "b" if data["a.py"] == b"a\n" else "a"
        return [_diagnostic(1, _edit((1, 1), (1, 2), other))]

    outcome = _fix(tmp_path, find)
    assert f"after {PASSES} passes" in outcome.report.failures[0].message  # type: ignore[attr-defined]
    assert outcome.report.exit_code == 2  # type: ignore[attr-defined]


def test_a_fix_that_leaves_a_file_unparsable_is_dropped_and_the_others_are_made(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"x = 1\ny = 2\nz = 3\n")

    def find(data: Mapping[str, bytes]) -> list[Diagnostic]:
        found = [_diagnostic(2, _edit((2, 5), (2, 6), "(("))]
        if b"x = 1" in data["a.py"]:
            found.insert(0, _diagnostic(1, _edit((1, 5), (1, 6), "9")))
        if b"z = 3" in data["a.py"]:
            found.append(_diagnostic(3, _edit((3, 5), (3, 6), "8")))
        return found

    outcome = _fix(tmp_path, find)
    assert outcome.changes == (Change("a.py", b"x = 1\ny = 2\nz = 3\n", b"x = 9\ny = 2\nz = 8\n"),)  # type: ignore[attr-defined]
    (failure,) = outcome.report.failures  # type: ignore[attr-defined]
    assert failure.code == "internal"
    assert "would spoil the file" in failure.message
    assert [d.span.start.line for d in outcome.report.diagnostics] == [2]  # type: ignore[attr-defined]


def test_a_file_that_can_not_be_parsed_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"x = (\n")
    outcome = _fix(tmp_path, lambda data: [_diagnostic(1, _edit((1, 1), (1, 2), "y"))])
    assert outcome.changes == ()  # type: ignore[attr-defined]
    assert "a.py is not fixed: it can't be parsed" in outcome.report.warnings[0]  # type: ignore[attr-defined]


def test_unsafe_fixes_only_where_asked(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"a\n")

    def find(data: Mapping[str, bytes]) -> list[Diagnostic]:
        return [_diagnostic(1, _edit((1, 1), (1, 2), "b"), safe=False)] if data["a.py"] == b"a\n" else []

    assert _fix(tmp_path, find).changes == ()  # type: ignore[attr-defined]
    assert len(_fix(tmp_path, find, unsafe=True).changes) == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", ["../outside.py", "events.yaml", "gone.py"])
def test_only_files_of_the_project_are_changed(path: str, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    _write(tmp_path, {"outside.py": "a\n", "project/a.py": "a\n", "project/events.yaml": "a\n"})
    outcome = _fix(folder, lambda data: [_diagnostic(1, _edit((1, 1), (1, 2), "b", path))])
    assert outcome.changes == ()  # type: ignore[attr-defined]
    assert (tmp_path / "outside.py").read_bytes() == b"a\n"


# -- writing


def test_a_file_that_was_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"mine\n")
    failures = write_changes(str(tmp_path), [Change("a.py", b"linted\n", b"fixed\n")])
    assert "changed while it was linted" in failures[0].message
    assert _read(tmp_path) == {"a.py": b"mine\n"}


def test_a_change_between_linting_and_writing_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from obs_lint import engine

    _write(tmp_path, {**SURFACE, "shop/a.py": "x = 1  # noqa: OBS102\n", "shop/b.py": "x = 1  # noqa: OBS102\n"})
    monkeypatch.chdir(tmp_path)
    run = engine.run

    def racing(*args: object, **options: object) -> Report:
        report = run(*args, **options)  # type: ignore[arg-type]
        if options["overlay"]:
            (tmp_path / "shop/a.py").write_text("x = 2  # noqa: OBS102\n")
        return report

    monkeypatch.setattr(engine, "run", racing)
    assert main(["check", "--select", "OBS102,OBS901", "--fix", "--output-format", "concise"]) == 2
    assert (tmp_path / "shop/a.py").read_text() == "x = 2  # noqa: OBS102\n"
    assert (tmp_path / "shop/b.py").read_text() == "x = 1\n"
    shown = capsys.readouterr().out
    assert "changed while it was linted" in shown
    assert "(1 fixed, 1 remaining)" in shown


def test_a_read_only_file_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(tmp_path, {**SURFACE, "shop/a.py": "x = 1  # noqa: OBS102\n"})
    (tmp_path / "shop/a.py").chmod(0o444)
    monkeypatch.chdir(tmp_path)
    assert main(["check", "--select", "OBS102,OBS901", "--fix", "--output-format", "concise"]) == 2
    assert "shop/a.py:1:1: not fixed: it is read-only" in capsys.readouterr().out.replace("fix ", "")
    assert (tmp_path / "shop/a.py").read_text() == "x = 1  # noqa: OBS102\n"


@pytest.mark.skipif(os.name == "nt", reason="modes and links are POSIX's")
def test_the_mode_and_the_link_are_kept(tmp_path: Path) -> None:
    (tmp_path / "real.py").write_bytes(b"a\n")
    (tmp_path / "real.py").chmod(0o750)
    (tmp_path / "link.py").symlink_to("real.py")
    assert write_changes(str(tmp_path), [Change("link.py", b"a\n", b"b\n")]) == ()
    assert (tmp_path / "link.py").is_symlink()
    assert (tmp_path / "real.py").read_bytes() == b"b\n"
    assert stat.S_IMODE((tmp_path / "real.py").stat().st_mode) == 0o750
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.py", "real.py"]


@pytest.mark.skipif(os.name == "nt", reason="links are POSIX's")
def test_a_link_out_of_the_project_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "project"
    _write(folder, SURFACE)
    (tmp_path / "outside.py").write_text("x = 1  # noqa: OBS102\n")
    (folder / "shop/a.py").symlink_to(tmp_path / "outside.py")
    monkeypatch.chdir(folder)
    main(["check", "--select", "OBS102,OBS901", "--fix"])
    assert (tmp_path / "outside.py").read_text() == "x = 1  # noqa: OBS102\n"
    assert "shop/a.py is not fixed: it lies outside the project's root" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="links are POSIX's")
def test_a_file_known_by_two_paths_is_fixed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(tmp_path, {**SURFACE, "shop/b.py": "x = 1  # noqa: OBS102\n"})
    (tmp_path / "shop/a.py").symlink_to("b.py")
    monkeypatch.chdir(tmp_path)
    assert main(["check", "--select", "OBS102,OBS901", "--fix"]) == 0
    assert (tmp_path / "shop/b.py").read_text() == "x = 1\n"
    assert (tmp_path / "shop/a.py").is_symlink()


@pytest.mark.parametrize("name", ["write", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.py").write_bytes(b"a\n")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace" if name == "replace" else "fsync", fail)
    failures = write_changes(str(tmp_path), [Change("a.py", b"a\n", b"b\n")])
    assert "No space left" in failures[0].message
    assert _read(tmp_path) == {"a.py": b"a\n"}


# -- the command


def _stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_stdin_is_fixed_to_stdout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    _write(tmp_path, {**SURFACE, "shop/a.py": "import logging\n"})
    monkeypatch.chdir(tmp_path)
    data = b"# coding: latin-1\r\nimport logging\r\nx = '\xe9'  # noqa: OBS102\r\n"
    flags = ["check", "--select", "OBS102,OBS901", "--output-format", "concise", "--stdin-filename", "shop/a.py"]
    _stdin(monkeypatch, data)
    assert main([*flags, "--fix"]) == 1
    shown = capsysbinary.readouterr()
    assert shown.out == b"# coding: latin-1\r\nimport logging\r\nx = '\xe9'\r\n"
    assert b"shop/a.py:2:8: OBS102" in shown.err
    assert (tmp_path / "shop/a.py").read_bytes() == b"import logging\n"
    _stdin(monkeypatch, data)
    assert main([*flags, "--diff"]) == 1
    assert b"-x = '\xe9'  # noqa: OBS102\r\n+x = '\xe9'\r\n" in capsysbinary.readouterr().out
    _stdin(monkeypatch, b"x = 1\n")
    assert main([*flags, "--fix"]) == 0
    assert capsysbinary.readouterr().out == b"x = 1\n"


def test_paths_say_what_is_fixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(tmp_path, {**SURFACE, "shop/a.py": "x = 1  # noqa: OBS102\n", "shop/b.py": "x = 1  # noqa: OBS102\n"})
    monkeypatch.chdir(tmp_path)
    assert main(["check", "--select", "OBS102,OBS901", "--fix", "shop/a.py"]) == 0
    assert (tmp_path / "shop/a.py").read_text() == "x = 1\n"
    assert (tmp_path / "shop/b.py").read_text() == "x = 1  # noqa: OBS102\n"


def test_what_remains_decides_the_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(tmp_path, {**SURFACE, "shop/a.py": "import logging\nx = 1  # noqa: OBS102\n"})
    monkeypatch.chdir(tmp_path)
    assert main(["check", "--select", "OBS102,OBS901", "--fix"]) == 1
    assert "Found 2 findings (1 fixed, 1 remaining)." in capsys.readouterr().out
    assert main(["check", "--select", "OBS102,OBS901", "--fix", "--exit-zero"]) == 0


def test_a_notebook_is_never_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    source = {**cell, "source": ["x = 1  # noqa: OBS102\n"]}
    notebook = json.dumps({"cells": [source], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    _write(tmp_path, {**SURFACE, "shop/a.ipynb": notebook})
    monkeypatch.chdir(tmp_path)
    main(["check", "--select", "OBS102,OBS901", "--fix"])
    assert (tmp_path / "shop/a.ipynb").read_text() == notebook


def test_a_difference_is_one_that_patch_understands() -> None:
    assert difference("shop/a.py", b"a\nb", b"a\nc\n") == (
        b"--- shop/a.py\n+++ shop/a.py\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+c\n"
    )
    assert difference("a.py", b"a\r\n", b"b\r\n") == b"--- a.py\n+++ a.py\n@@ -1 +1 @@\n-a\r\n+b\r\n"
    assert difference("a.py", b"a\n", b"a\n") == b""
