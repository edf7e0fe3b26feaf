"""OBS102 finds what ruff's TID251 finds, place by place, on a generated tree with every awkward form of import."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"

BANNED = ("logging", "opentelemetry", "structlog", "loguru", "prometheus_client", "sentry_sdk")

# Whole statements and fragments; {m} is a banned module, {n} a harmless name that looks like one.
FORMS = (
    "import {m}\n",
    "import {m} as alias\n",
    "import os, {m}, sys\n",
    "import {m}, {m}.sub as x\n",
    "import os; import {m}; x = 1\n",
    "from {m} import name\n",
    "from {m} import (\n    a,\n    b as c,  # a comment\n)\n",
    "from {m} import *\n",
    "from {m}.deep.down import name\n",
    "from \\\n    os import path\n",
    "import \\\n    {m}\n",
    "import os, \\\n    {m}\n",
    "from . import {m}\n",
    "from .{m} import x\n",
    "from package.{m} import x\n",
    "from package import {m}\n",
    "import package.{m}\n",
    "import {n}\n",
    "from {n} import x\n",
    "def f():\n    import {m}\n    return {m}\n",
    "def f(): import {m}\n",
    "async def f():\n\tfrom {m} import y\n",
    "class C: from {m} import y\n",
    "if x: import {m}\nelse: from {m} import y\n",
    "try:\n    import {m}\nexcept ImportError:\n    {m} = None\n",
    "try:\n    pass\nexcept ValueError, TypeError:\n    import {m}\n",
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import {m}\nelse:\n    import {m}\n",
    "with a as b: import {m}\n",
    "for i in x: import {m}\n",
    "while True: import {m}; break\n",
    "match x:\n    case 1: import {m}\n    case _:\n        from {m} import y\n",
    "lambda: 0; import {m}\n",
    "x = {{1: 2}}; import {m}\n",
    "x = a[1:2]; import {m}\n",
    '"""\nimport {m}\n"""\n',
    "x = '''\nfrom {m} import y\n'''\n",
    'x = "import {m}"\n',
    "x = 'a\\\nimport {m}\\\n'\n",
    'x = f"""\nimport {m}\n{{y}}\nimport {m}\n"""\n',
    "x = f\"{{'''\nimport {m}\n'''}}\"\n",
    "x = f'{{a!r:>{{width}}}} import {m}'\n",
    "x = t'import {m} {{y}}'\n",
    "x = rb'''\nimport {m}\n\\'''\n'''\n",
    "# import {m}\n",
    "x = 1  # import {m}\n",
    "import {m}  # noqa\n",
    "import {m}  # noqa: TID251\n",
    "import {m}  # obs: ignore[OBS999] nothing\n",
    "type Alias[T] = list[T]\nimport {m}\n",
    "def f[T: int](x: T) -> T:\n    import {m}\n",
    "class C[T]:\n    import {m}\n",
    "x = (\n    1,\n    'import {m}',\n)\nimport {m}\n",
    "x = [\n  {m}\n]\n",
    "{m} = 1\nimport {m}\n",
    "\x0cimport {m}\n",
    "import {m}\\\n.sub\n",
    "importlib = 1\nimport_{m} = 2\nfrom_ = 3\n",
    "def {m}(): ...\n",
    "print('''it's''' \"\"\"\"'import {m}\"\"\")\nimport {m}\n",
    "x = '\\\\'; import {m}\n",
    "x = r'\\\\'; import {m}; y = ''\n",
    "x = r'\\''; import {m}; y = ''\n",
    "global_ = 0\n\n\n\nimport {m}\n",
)
LOOKALIKES = ("logging_tools", "opentelemetry2", "structlogger", "my_loguru", "prometheus", "sentry", "logging2", "log")


def _tree(folder: Path, seed: int, files: int) -> None:
    chooser = random.Random(seed)
    for index in range(files):
        forms = chooser.choices(FORMS, k=chooser.randint(1, 8))
        if index < len(FORMS):
            forms.insert(chooser.randint(0, len(forms)), FORMS[index])
        text = "".join(form.format(m=chooser.choice(BANNED), n=chooser.choice(LOOKALIKES)) for form in forms)
        path = folder / chooser.choice(("", "a", "a/b", "tests", "venv/lib", ".hidden", "build")) / f"m{index}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        if chooser.random() < 0.15:
            text = text.rstrip("\n")
        newline = chooser.choice(("\n", "\n", "\n", "\r\n", "\r"))
        data = text.replace("\n", newline).encode()
        path.write_bytes(b"\xef\xbb\xbf" + data if chooser.random() < 0.1 else data)


def _differential(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS / "differential.py"), str(folder)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False)


@pytest.mark.parametrize("seed", range(3))
def test_every_form_of_import_is_found_where_ruff_finds_it(tmp_path: Path, seed: int) -> None:
    _tree(tmp_path / "tree", seed, 4 * len(FORMS))
    done = _differential(tmp_path / "tree")
    assert done.returncode == 0, done.stdout + done.stderr
    counts = next(line for line in done.stdout.splitlines() if line.startswith("tree ")).split()
    assert int(counts[1]) == 4 * len(FORMS)
    assert int(counts[2]) > 300


def test_what_ruff_skips_is_listed_with_our_answer(tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "fine.py").write_text("import logging\n", encoding="utf-8")
    (folder / "broken.py").write_text("import logging\ndef (:\n", encoding="utf-8")
    (folder / "japanese.py").write_bytes("# coding: euc-jp\nx = '日本'\nimport logging\n".encode("euc-jp"))
    done = _differential(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not parsed by ruff: japanese.py: OBS102 on lines [3]" in done.stdout
    assert "not parsed by ruff: broken.py: " in done.stdout


def test_a_difference_is_shown_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import differential

    (tmp_path / "a.py").write_text("import logging\n\nimport structlog\n", encoding="utf-8")
    ours = differential.Answer(frozenset({("a.py", 1), ("a.py", 2)}), frozenset())
    monkeypatch.setattr(differential, "ask_obs_lint", lambda *_: ours)
    assert differential.main([str(tmp_path)]) == 1
    shown = capsys.readouterr().out
    assert "only ruff: a.py:3: import structlog" in shown
    assert "only ours: a.py:2: " in shown
    assert "NOT equal" in shown
