"""The syntax tree of a source, whichever version of the grammar it is written in."""

from __future__ import annotations

import ast
import sys
import warnings
from bisect import bisect_left
from typing import Any, cast

from obs_lint.source import SourceFile

_LARGEST = 8_000_000
"""Bytes of a source: a tree takes 300 times as many."""


class TypeParameter(ast.AST):
    """A type parameter (PEP 695) in the tree of a Python that has none; its position is that of the name."""

    name: str
    bound: ast.expr | None
    default_value: ast.expr | None
    lineno: int
    col_offset: int
    end_lineno: int
    end_col_offset: int


class TypeAlias(ast.stmt):
    """A `type` statement (PEP 695) in the tree of a Python that has none."""

    name: ast.Name
    type_params: list[TypeParameter]
    value: ast.expr


def parse(source: SourceFile) -> ast.Module:
    """Return the tree of a source; columns are 0-based, in code points. Raises SourceError."""
    if len(source.text) > _LARGEST:
        raise source.error(f"larger than {_LARGEST // 1_000_000} MB, too large to analyse: exclude it", 1, 1)
    try:
        tree = compile_tree(source.text.decode("utf-8"))
    except SyntaxError as error:
        from obs_lint.facts.downlevel import parse_newer

        tree = parse_newer(source, error)
    except (RecursionError, MemoryError):
        raise source.error("nested too deeply for Python to parse", 1, 1) from None
    except ValueError as error:
        raise source.error(str(error), 1, 1) from None
    if not source.ascii:
        count_code_points(tree, source.text)
    return tree


def compile_tree(text: str) -> ast.Module:
    """Parse source text of this Python's grammar. Raises SyntaxError, ValueError, RecursionError, MemoryError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _compile(text)
        except RecursionError:
            return _compile_on_big_stack(text)


def _compile(text: str) -> ast.Module:
    return cast("ast.Module", compile(text, "<source>", "exec", ast.PyCF_ONLY_AST, dont_inherit=True))


def _compile_on_big_stack(text: str) -> ast.Module:
    """Parse what is nested more deeply than the interpreter's limit allows, such as a sum of thousands of operands."""
    import threading

    outcome: list[ast.Module | Exception] = []

    def run() -> None:
        try:
            outcome.append(_compile(text))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            outcome.append(error)

    limit = sys.getrecursionlimit()
    size = threading.stack_size(256 * 1024 * 1024)
    try:
        sys.setrecursionlimit(max(limit, 20_000))
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    except (RuntimeError, MemoryError):
        raise RecursionError from None
    finally:
        threading.stack_size(size)
        sys.setrecursionlimit(limit)
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]


def count_code_points(tree: ast.Module, text: bytes) -> None:
    """Turn the tree's columns from bytes into code points."""
    lines = {number: line for number, line in enumerate(text.split(b"\n"), 1) if not line.isascii()}
    numbers = sorted(lines)
    count = len(numbers)
    stack: list[Any] = [tree.body]
    while stack:
        item = stack.pop()
        if item.__class__ is list:
            stack.extend(item)
            continue
        if not isinstance(item, ast.AST):
            continue
        values = item.__dict__
        first = values.get("lineno")
        if first is not None:
            decorators = values.get("decorator_list")
            last = values["end_lineno"]
            index = bisect_left(numbers, decorators[0].lineno if decorators else first)
            if index == count or numbers[index] > last:
                continue
            if first in lines:
                values["col_offset"] = code_points(lines[first], values["col_offset"])
            if last in lines:
                values["end_col_offset"] = code_points(lines[last], values["end_col_offset"])
        stack.extend(values.values())


def code_points(line: bytes, offset: int) -> int:
    """Return the code points in the first `offset` bytes."""
    return len(line[:offset].decode("utf-8", "replace"))
