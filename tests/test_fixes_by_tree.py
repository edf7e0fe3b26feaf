"""Fixes are text edits; libcst, which keeps every character, says that they add what is meant and nothing else."""

from __future__ import annotations

from pathlib import Path

import libcst as cst
import pytest

from obs_lint.cli import main

SURFACE = '''"""The surface."""
def instrument(function):
    return function
'''
SOURCES = {
    "comments and blank lines": """\
\"\"\"Routes.\"\"\"

from __future__ import annotations

import os  # stays


class Orders:
    # about placing
    @staticmethod
    async def place(order):  # here
        return os.sep   # two blanks


    async def refund(
        self,
        order,   # a comment
    ):
        return order
""",
    "tabs and odd spacing": "import os\n\n\nasync def place( order ) :\n\treturn os . sep\n",
    "one line, no end": "async def place(order): return order",
    "windows": "import os\r\n\r\n\r\nasync def place(order):\r\n    return os.sep\r\n",
}


class _Without(cst.CSTTransformer):
    """Takes out what the fix may add: the decorator and the import of it."""

    def leave_Decorator(  # noqa: N802 - libcst's name
        self, original_node: cst.Decorator, updated_node: cst.Decorator
    ) -> cst.Decorator | cst.RemovalSentinel:
        name = original_node.decorator
        return cst.RemoveFromParent() if isinstance(name, cst.Name) and name.value == "instrument" else updated_node

    def leave_SimpleStatementLine(  # noqa: N802 - libcst's name
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine | cst.RemovalSentinel:
        [first, *_] = original_node.body
        is_import = isinstance(first, cst.ImportFrom) and "obs" in cst.Module([]).code_for_node(first).split()[1]
        return cst.RemoveFromParent() if is_import else updated_node


def _significant(tree: cst.Module) -> str:
    return "".join(tree.code.split())


@pytest.mark.parametrize("name", SOURCES)
def test_an_added_decorator_is_all_that_is_added(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/__init__.py").touch()
    (tmp_path / "shop/obs.py").write_text(SURFACE)
    (tmp_path / "obs-lint.toml").write_text(
        'surface = ["shop.obs"]\n[instrument]\ndecorators = ["shop.obs.instrument"]\ntargets = ["shop.orders.**"]\n'
    )
    source = tmp_path / "shop/orders.py"
    source.write_bytes(SOURCES[name].encode())
    before = cst.parse_module(source.read_bytes())
    monkeypatch.chdir(tmp_path)
    assert main(["check", "--select", "OBS301", "--fix", "--unsafe-fixes", "--no-cache", "--quiet"]) == 0
    after = cst.parse_module(source.read_bytes())
    assert after.code.encode() == source.read_bytes()
    assert after.code.count("@instrument") == SOURCES[name].count("async def")
    assert _significant(after.visit(_Without())) == _significant(before)
    assert after.default_newline == before.default_newline
    kept = iter(source.read_bytes().splitlines())
    assert all(line in kept for line in SOURCES[name].encode().splitlines()), "every other line stays, in its order"
